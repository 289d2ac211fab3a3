"""Exact sums against fractions and math.fsum, and the terms of losses against mpmath."""

from __future__ import annotations

import math
import os
import subprocess
import sys
from fractions import Fraction
from typing import TYPE_CHECKING, Any

import mpmath
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fastrank._kernels import exact_sum
from fastrank.accumulators.sums import digits_to_fraction, special_value

if TYPE_CHECKING:
    from numpy.typing import NDArray

EPS = 2.0**-52
finite = st.floats(allow_nan=False, allow_infinity=False)


def zeros(slices: int = 1) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    return np.zeros((slices, exact_sum.DIGITS), np.int64), np.zeros((slices, exact_sum.SPECIALS), np.int64)


def total(values: Any, weights: Any = None) -> Fraction:
    digits, special = zeros()
    exact_sum.add_values(np.asarray(values), weights, None, digits, special)
    assert special_value(special[0]) is None
    return digits_to_fraction(digits[0])


@given(st.lists(finite))
def test_a_sum_is_the_exact_rational(values: list[float]) -> None:
    assert total(np.array(values, np.float64)) == sum(map(Fraction, values))


@given(st.lists(st.floats(allow_nan=False, allow_infinity=False, width=32)))
def test_float32_values_are_not_rounded(values: list[float]) -> None:
    assert total(np.array(values, np.float32)) == sum(map(Fraction, values))


# Terms of ordinary size take a way of their own; its ends, and blocks with one term outside.
ordinary = st.floats(2.0**-52, 64, exclude_max=True) | st.sampled_from([0.0, -0.0, 2.0**-52, math.nextafter(64, 0)])
outside = st.sampled_from([64.0, math.nextafter(2.0**-52, 0), -1.0, 5e-324])


@given(st.lists(ordinary, max_size=300), st.lists(outside, max_size=1))
def test_terms_of_ordinary_size(values: list[float], more: list[float]) -> None:
    assert total(np.array(values + more, np.float64)) == sum(map(Fraction, values + more))


def test_blocks_of_the_largest_ordinary_terms() -> None:
    for value in (math.nextafter(64, 0), 2.0**-52, 1 / 3):
        assert total(np.full(10_000, value)) == 10_000 * Fraction(value)


def test_a_sum_of_many_terms_is_what_fsum_says() -> None:
    generator = np.random.default_rng(0)
    values = generator.normal(size=300_000) * np.exp2(generator.integers(-300, 300, 300_000).astype(float))
    assert float(total(values)) == math.fsum(values)
    assert float(total(values)) != np.sum(values)


def test_bytes() -> None:
    values = np.arange(256, dtype=np.uint8).repeat(1000)
    assert total(values) == 255 * 128 * 1000


@given(st.lists(st.tuples(finite, st.integers(0, 3)), min_size=1), st.randoms())
def test_slices_and_any_order_give_the_same_digits(rows: list[tuple[float, int]], random: Any) -> None:
    whole, special = zeros(4)
    values, slices = np.array([v for v, _ in rows]), np.array([s for _, s in rows], np.int32)
    exact_sum.add_values(values, None, slices, whole, special)
    for s in range(4):
        assert digits_to_fraction(whole[s]) == total(values[slices == s])
    shuffled, _ = zeros(4)
    order = np.array(random.sample(range(len(rows)), len(rows)))
    for part in np.array_split(order, 3):
        exact_sum.add_values(values[part], None, slices[part], shuffled, special)
    assert (shuffled == whole).all()


def test_digits_are_canonical_however_they_were_added() -> None:
    values = np.array([1e300, -1e300, 5.0, -7.0, 2.0**-1074])
    at_once, special = zeros(2)
    exact_sum.add_values(values, None, None, at_once, special, 1)
    one_by_one, _ = zeros(2)
    for value in values[::-1]:
        exact_sum.add_values(np.array([value]), None, np.ones(1, np.int32), one_by_one, special)
    assert (at_once == one_by_one).all()
    assert digits_to_fraction(at_once[1]) == -2 + Fraction(1, 2**1074)
    merged = at_once + one_by_one
    exact_sum.carry(merged)
    assert digits_to_fraction(merged[1]) == 2 * digits_to_fraction(at_once[1])
    assert (merged[:, :-1] >= 0).all()


def test_weights_multiply_and_zero_weight_is_absence() -> None:
    values = np.array([1.5, np.inf, np.nan, 2.0])
    weights = np.array([2.0, 0.0, 0.0, 0.5])
    assert total(values, weights) == 4
    digits, special = zeros(2)
    exact_sum.add_values(values, weights, np.array([0, 0, 1, 1], np.int32), digits, special)
    assert [digits_to_fraction(row) for row in digits] == [3, 1]


@pytest.mark.parametrize("slices", [None, np.zeros(3, np.int32)])
@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ([1.0, np.inf, 2.0], math.inf),
        ([1.0, -np.inf, 2.0], -math.inf),
        ([np.inf, -np.inf, 0.0], math.nan),
        ([np.nan, 1.0, 2.0], math.nan),
    ],
)
def test_specials_are_counted_apart(values: list[float], expected: float, slices: Any) -> None:
    digits, special = zeros()
    exact_sum.add_values(np.array(values), None, slices, digits, special)
    found = special_value(special[0])
    assert found is not None
    assert math.isnan(found) if math.isnan(expected) else found == expected
    assert digits_to_fraction(digits[0]) == sum(v for v in values if math.isfinite(v))


def test_the_sum_may_pass_the_largest_float() -> None:
    largest = np.full(1000, np.finfo(np.float64).max)
    assert total(largest) == 1000 * Fraction(np.finfo(np.float64).max)


def test_empty_and_misfit_input() -> None:
    assert total(np.empty(0)) == 0
    digits, special = zeros()
    with pytest.raises(ValueError, match="length"):
        exact_sum.add_values(np.ones(3), np.ones(2), None, digits, special)
    with pytest.raises(ValueError, match="fit"):
        exact_sum.add_values(np.ones(3), None, None, digits[:, :-1].copy(), special)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_log_loss_terms_against_mpmath(dtype: type) -> None:
    generator = np.random.default_rng(1)
    scores = np.concatenate([generator.random(200), np.exp(-generator.random(200) * 40), [0.0, 1.0, 0.5]]).astype(dtype)
    for label in (0, 1):
        for score in scores:
            (digits, special), clipped = zeros(), np.zeros(1, np.int64)
            exact_sum.add_log_loss(
                np.array([score]), np.array([label], np.uint8), EPS, None, None, digits, special, clipped
            )
            found = float(digits_to_fraction(digits[0]))
            with mpmath.workprec(120):
                p = mpmath.mpf(min(max(float(score), EPS), 1 - EPS))
                exact = -mpmath.log(p if label else 1 - p)
            assert abs(found - exact) <= math.ulp(float(exact)), (score, label)


@pytest.mark.parametrize("eps", [2.0**-52, 1e-7, 0.25])
def test_log_losses_have_the_same_bits_in_any_company(eps: float) -> None:
    generator = np.random.default_rng(4)
    ends = [
        0.0,
        2.0**-40,
        2.0**-30,
        np.nextafter(np.float32(2.0**-30), np.float32(0)),
        1e-7,
        0.25,
        0.75,
        1 - 2.0**-24,
        1,
    ]
    few = np.array(ends, np.float32)
    many = np.concatenate([few, np.exp(-generator.random(5000) * 20).astype(np.float32)])
    for label in (0, 1):
        terms = []
        for score in many:  # one by one; as float64 each takes the way of a block that holds scores near 0
            found = []
            for alone in (np.array([score]), np.array([score], np.float64)):
                (digits, special), clipped = zeros(), np.zeros(1, np.int64)
                exact_sum.add_log_loss(alone, np.array([label], np.uint8), eps, None, None, digits, special, clipped)
                found.append(digits_to_fraction(digits[0]))
                assert clipped[0] == (not eps <= float(score) <= 1 - eps)
            assert found[0] == found[1], (score, label)
            terms.append(found[0])
        (digits, special), clipped = zeros(), np.zeros(1, np.int64)
        labels = np.full(len(many), label, np.uint8)
        exact_sum.add_log_loss(many, labels, eps, None, None, digits, special, clipped)
        assert digits_to_fraction(digits[0]) == sum(terms)
        assert clipped[0] == sum(not eps <= score <= 1 - eps for score in many.tolist())


def test_clipped_rows_are_counted_by_slice_but_for_those_of_weight_zero() -> None:
    scores = np.array([0, 1, 0.5, 0, 1e-9], np.float32)
    weights, slices = np.array([1.0, 0.0, 1.0, 2.0, 1.0]), np.array([0, 0, 1, 1, 1], np.int32)
    labels, digits, special = np.zeros(5, np.uint8), *zeros(2)
    clipped = np.zeros(2, np.int64)
    exact_sum.add_log_loss(scores, labels, EPS, weights, slices, digits, special, clipped)
    assert clipped.tolist() == [1, 1]


def test_read_only_input_and_brier_terms() -> None:
    scores, labels = np.array([0.25, 0.5], np.float32), np.array([0, 1], np.uint8)
    for array in (scores, labels):
        array.flags.writeable = False
    digits, special = zeros()
    exact_sum.add_brier(scores, labels, None, None, digits, special)
    assert digits_to_fraction(digits[0]) == Fraction(5, 16)


def test_every_instruction_set_gives_the_same_bits() -> None:
    script = """
import hashlib, numpy as np
from fastrank._kernels import exact_sum
generator = np.random.default_rng(3)
digest = hashlib.sha256()
for n in (1, 7, 8, 15, 16, 17, 2047, 2048, 2049, 10_001):
    for dtype in (np.float32, np.float64):
        score = generator.random(n).astype(dtype) ** 8
        label = (generator.random(n) < 0.3).astype(np.uint8)
        digits, special = np.zeros((1, exact_sum.DIGITS), np.int64), np.zeros((1, 3), np.int64)
        exact_sum.add_log_loss(score, label, 2.0**-52, None, None, digits, special, np.zeros(1, np.int64))
        exact_sum.add_brier(score, label, None, None, digits, special)
        digest.update(digits.tobytes())
print(digest.hexdigest())
"""
    found = set()
    for level in ("baseline", "avx2", "avx512"):
        environment = {**os.environ, "FASTRANK_CPU": level}
        done = subprocess.run(
            [sys.executable, "-c", script], env=environment, capture_output=True, text=True, check=True
        )
        found.add(done.stdout)
    assert len(found) == 1
