"""Deviances: hand-worked cases, near the targets and at the ends of what is allowed."""

from __future__ import annotations

import math
import re
from decimal import Context, Decimal, localcontext

import mpmath
import numpy as np
import pytest

import fastrank as fr
from fastrank import metrics as m
from fastrank.errors import InvalidValueError, ParameterError

POWERS = [-3.0, -1.5, -1e-6, 1 + 1e-9, 1.1, 1.5, 1.9, 2 - 1e-9, 2 + 1e-9, 2.5, 3.0, 6.0]


def deviance(y: float, p: float, power: float) -> float:
    """Scikit-learn's formulas with 400 digits."""
    with mpmath.workdps(400):
        y, p, k = (mpmath.mpf(x) for x in (y, p, power))
        if power == 1:
            value = (y * mpmath.log(y / p) if y else 0) - y + p
        elif power == 2:
            value = mpmath.log(p / y) + y / p - 1
        else:
            first = y ** (2 - k) / ((1 - k) * (2 - k)) if y > 0 else mpmath.mpf(0)
            value = first - y * p ** (1 - k) / (1 - k) + p ** (2 - k) / (2 - k)
        return float(2 * value)


def metric_of(power: float) -> fr.Metric:
    return {1: m.poisson_deviance, 2: m.gamma_deviance}.get(power, lambda: m.tweedie_deviance(power=power))()


def test_by_hand():
    # 2 (0.5), 2 (2 log 2 - 2 + 1)
    assert m.poisson_deviance().compute([0, 2], [0.5, 1]) == pytest.approx((1 + 4 * math.log(2) - 2) / 2, rel=1e-15)
    # 2 (log 2 + 1/2 - 1)
    assert m.gamma_deviance().compute([3], [6]) == pytest.approx(2 * math.log(2) - 1, rel=1e-15)
    # 2 (2 / (-1/4) + 4 / (1/2) + 1 / (1/2)) = 4: y = 4, p = 1; with y = 0: 2 / (1/2)
    tweedie = m.tweedie_deviance(power=1.5)
    assert tweedie.compute([4], [1]) == pytest.approx(2 * (2 / (-0.25) + 4 / 0.5 + 1 / 0.5), rel=1e-15)
    assert tweedie.compute([0], [1]) == 4.0
    # Of power 3: (y - p)^2 / (y p^2), of the inverse Gaussian.
    assert m.tweedie_deviance(power=3).compute([2], [5]) == pytest.approx(9 / 50, rel=1e-15)


@pytest.mark.parametrize("power", [0, 1, 2])
def test_powers_that_have_names(power):
    label, score = [1.0, 2.5, 7.0], [1.5, 2.0, 9.0]
    named = {0: m.mse(), 1: m.poisson_deviance(), 2: m.gamma_deviance()}[power]
    tweedie = m.tweedie_deviance(power=power)
    assert tweedie.compute(label, score) == named.compute(label, score)
    assert [s.identity for s in tweedie.states(()).values()] == [s.identity for s in named.states(()).values()]


@pytest.mark.parametrize("power", [1, 2, *POWERS])
def test_predictions_near_their_targets_and_far_from_them(power):
    metric, rng = metric_of(power), np.random.default_rng(4)
    steps = [s * 10.0**e for e in range(-15, 0) for s in (-1, 1)] + [-0.9, 3.0, 1e4]
    for step in [*steps, *rng.uniform(-0.3, 0.3, 40).tolist()]:
        for y in (1.0, 3e-20, 7e18):
            p = y * (1 + step)
            assert metric.compute([y], [p]) == pytest.approx(deviance(y, p, power), rel=4e-13, abs=0), (y, p)
    assert metric.compute([0.3], [0.3]) == 0.0


@pytest.mark.parametrize("power", [1, 2, *POWERS])
def test_the_largest_and_the_least_numbers(power):
    metric = metric_of(power)
    bits = 500 if power in (1, 2) else 100
    ends = [2.0**-bits, 1.0, 2.0**bits]
    labels = [*([0.0] if power < 2 else []), *([-1.0, -(2.0**bits), 5e-324] if power < 0 else []), *ends]
    for y in labels:
        for p in ends:
            assert metric.compute([y], [p]) == pytest.approx(deviance(y, p, power), rel=1e-12, abs=0), (y, p)


def test_a_count_far_below_its_prediction_is_as_good_as_zero():
    assert m.poisson_deviance().compute([5e-324], [2.0**500]) == 2.0**501


@pytest.mark.parametrize(
    ("metric", "role", "bad", "allowed"),
    [
        ("poisson_deviance", "label", -1.0, "a number from 0 to"),
        ("poisson_deviance", "score", 0.0, "a number above 0, from"),
        ("poisson_deviance", "score", math.nan, "a number above 0, from"),
        ("gamma_deviance", "label", 0.0, "a number above 0, from"),
        ("gamma_deviance", "score", -2.0, "a number above 0, from"),
        ("tweedie_deviance(power=1.5)", "label", -0.5, "0, or a number from"),
        ("tweedie_deviance(power=1.5)", "label", 1e-40, "0, or a number from"),
        ("tweedie_deviance(power=1.5)", "score", 0.0, "a number above 0, from"),
        ("tweedie_deviance(power=3)", "label", 0.0, "a number above 0, from"),
        ("tweedie_deviance(power=-1)", "score", 0.0, "a number above 0, from"),
        ("tweedie_deviance(power=-1)", "label", 1e31, r"a number from -2\^100 to"),
        ("tweedie_deviance", "label", math.inf, "a finite number"),
    ],
)
def test_numbers_that_have_no_deviance(metric, role, bad, allowed):
    rows = {"label": [1.0, 1.0, 1.0], "score": [1.0, 1.0, 1.0]}
    rows[role] = [1.0, bad, bad]
    message = rf"^column '{role}' \({role}\): row 1 holds {re.escape(repr(bad))}; allowed: {allowed}"
    with pytest.raises(InvalidValueError, match=message):
        fr.evaluate(rows, metric, label="label", score="score")
    kept = fr.evaluate(rows, metric, label="label", score="score", on_invalid="drop").table.to_pylist()[0]
    assert (kept["rows"], kept["rows_dropped"], kept["value"]) == (1, 2, 0.0)


def test_zeros_among_targets_are_counts():
    rows = {"label": np.array([0, 3, 0, 1], np.float32), "score": np.array([0.5, 2, 1, 1], np.float32)}
    for metric in ("poisson_deviance", "tweedie_deviance(power=1.5)"):
        assert fr.evaluate(rows, metric, label="label", score="score")[metric] > 0
    assert m.tweedie_deviance(power=-1).compute([-3, 0], [1, 1]) == pytest.approx(2 * ((1.5 + 1 / 3) + 1 / 3) / 2)


def test_powers():
    for power in (0.5, 1e-9, 0.999):
        with pytest.raises(ParameterError, match="no distribution has a power between 0 and 1"):
            m.tweedie_deviance(power=power)
    for power in (-3.5, 7, math.inf, "x"):
        with pytest.raises(ParameterError, match="allowed: a number from -3 to 6"):
            m.tweedie_deviance(power=power)
    assert m.tweedie_deviance().canonical == m.tweedie_deviance(power=0).canonical == "tweedie_deviance"


def test_the_oracle():
    # Against decimals, so that no one library is trusted: 2 (log 2 + 1 / 2 - 1).
    with localcontext(Context(prec=40)):
        assert deviance(1, 2, 2) == float(2 * (Decimal(2).ln() + Decimal("0.5") - 1))
