"""The coefficient of determination and Pearson's correlation, against scikit-learn, SciPy and fractions."""

from __future__ import annotations

import math
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats
from sklearn.metrics import r2_score

from fastrank import Evaluator, evaluate, reference
from fastrank import metrics as m
from fastrank.metrics.association import _root


def test_r2_by_hand() -> None:
    # Mean 3: squares of the spread 4, 1, 0, 9; squared errors 0, 0, 1, 1.
    assert m.r2().compute([1, 2, 3, 6], [1, 2, 4, 5]) == float(1 - Fraction(2, 14))
    # Weights 1, 1, 2: mean 2, spread 4 + 0 + 2 * 1... of targets 0, 2, 3; squared errors 1, 0, 1.
    assert m.r2().compute([0, 2, 3], [1, 2, 4], weight=[1, 1, 2]) == float(1 - Fraction(3) / 6)
    assert m.r2().compute([1, 2, 3], [2, 2, 2]) == 0.0
    assert m.r2().compute([1, 2, 3], [3, 2, 1]) == -3.0


def test_pearson_by_hand() -> None:
    assert m.pearson().compute([1, 2, 3], [5, 7, 9]) == 1.0
    assert m.pearson().compute([1, 2, 3], [9, 7, 5]) == -1.0
    # Centred (-1, 0, 1) and (-1, 1, 0): 1 / sqrt(2 * 2).
    assert m.pearson().compute([1, 2, 3], [1, 3, 2]) == 0.5
    assert m.pearson().compute([1, 2, 3], [1, 3, 1]) == 0.0
    # The third row is absent.
    assert m.pearson().compute([1, 2, 9, 3], [1, 3, 5, 2], weight=[2, 2, 0, 2]) == 0.5


ROWS = st.integers(2, 200)


@settings(max_examples=60, deadline=None)
@given(count=ROWS, seed=st.integers(0, 2**32 - 1), weighted=st.booleans(), dtype=st.sampled_from([np.float32, float]))
def test_scikit_learn_and_scipy_agree(count: int, seed: int, weighted: bool, dtype: type) -> None:
    generator = np.random.default_rng(seed)
    label = generator.normal(size=count).astype(dtype)
    score = (label + generator.normal(size=count)).astype(dtype)
    weight = generator.integers(1, 4, count) if weighted else None
    wide_label, wide_score = label.astype(float), score.astype(float)
    value = m.r2().compute(label, score, weight)
    assert value == pytest.approx(r2_score(wide_label, wide_score, sample_weight=weight), rel=1e-11, abs=1e-12)
    # SciPy takes no weights: rows that weigh 2 stand twice.
    times = np.ones(count, int) if weight is None else weight
    right = stats.pearsonr(wide_label.repeat(times), wide_score.repeat(times)).statistic
    assert m.pearson().compute(label, score, weight) == pytest.approx(right, rel=1e-11, abs=1e-12)


def test_constant_targets() -> None:
    # The mean of 0.1 seven times is another float64, which leaves scikit-learn a spread; and none of 0.5.
    assert r2_score([0.1] * 7, range(7)) < -1e30
    assert m.r2(force_finite=True).compute([0.1] * 7, range(7)) == 0.0
    constant = [0.5] * 7
    assert math.isnan(m.r2().compute(constant, range(7)))
    assert math.isnan(m.pearson().compute(constant, range(7)))
    assert math.isnan(m.pearson().compute(range(7), constant))
    assert m.r2(force_finite=True).compute(constant, range(7)) == r2_score(constant, range(7)) == 0.0
    assert m.r2(force_finite=True).compute(constant, constant) == r2_score(constant, constant) == 1.0
    result = evaluate({"y": constant, "p": constant}, ["r2", "r2(force_finite=true)", "pearson"], label="y", score="p")
    assert result.table["undefined"].to_pylist() == [1, 1, 1]


def test_a_large_mean_and_a_small_spread_lose_nothing() -> None:
    generator = np.random.default_rng(4)
    label = 1e9 + generator.normal(size=500) * 1e-3
    score = label + generator.normal(size=500) * 1e-3
    weight = generator.random(500)
    assert m.r2().compute(label, score, weight) == reference.r2(label, score, np.round(weight * 2**72) / 2**72)
    exact = reference.pearson(label, score)
    assert m.pearson().compute(label, score) == pytest.approx(exact, rel=1e-15)
    naive = np.mean(label * score) - label.mean() * score.mean()
    assert not math.isclose(naive, np.cov(label, score, bias=True)[0, 1], rel_tol=0.5)  # this one would be noise


@pytest.mark.parametrize("size", [5e-324, 1e-170, 1e-162, 1e-155])
def test_spreads_that_squares_cannot_hold_are_undefined(size: float) -> None:
    # Their squares are rounded to multiples of 2^-1074, whose differences may be anything: -1.16, or below 0.
    few, other = [size, 3 * size, 2 * size], [1.0, 3.0, 2.0]
    for y, p in ((few, few[::-1]), (few, other), (other, few)):
        for weight in (None, [2.0**-72, 1.0, 2.0**20]):
            assert math.isnan(m.pearson().compute(y, p, weight))
    assert math.isnan(m.r2().compute(few, few[::-1]))
    assert m.r2(force_finite=True).compute(few, few) == 1
    assert m.pearson().compute([x * 2.0**-460 for x in other], other) == 1


def test_small_values_lose_nothing() -> None:
    small = [1e-139, 2e-139, 5e-139]
    assert m.pearson().compute(small, [1, 2, 5]) == 1.0
    assert m.r2().compute(small, [1e-139, 2e-139, 4e-139]) == pytest.approx(1 - 1 / (26 / 3), rel=1e-12)


def test_squares_past_the_largest_float_are_undefined() -> None:
    assert math.isnan(m.r2().compute([1e200, 0.0], [0.0, 0.0]))
    assert math.isnan(m.pearson().compute([1e200, 0.0], [1.0, 0.0]))
    assert m.r2().compute([1e-140, 0.0], [1e150, 0.0]) == -math.inf


@given(st.fractions(min_value=Fraction(1, 10**40), max_value=1))
def test_a_root_is_rounded_once(square: Fraction) -> None:
    root = Fraction(_root(square))
    half = Fraction(math.ulp(float(root))) / 2
    assert (root - half) ** 2 <= square <= (root + half) ** 2
    assert _root(root * root) == root


def test_the_parts_of_the_state_are_shared() -> None:
    evaluator = Evaluator(["mse", "r2", "pearson", "calibration_ratio"], label="y", score="p")
    kinds = sorted(identity.kind for identity in evaluator.plan.accumulators)
    assert kinds == ["exact_product"] * 3 + ["exact_sum"] * 4
