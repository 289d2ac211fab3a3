"""Hand-worked cases of regression metrics."""

from __future__ import annotations

import math
from fractions import Fraction

import mpmath
import numpy as np
import pytest

import fastrank as fr
from fastrank import metrics as m
from fastrank.errors import InvalidValueError, ParameterError

TARGETS = [30, 29, 33, 36.8]
PREDICTIONS = [30, 32, 31, 35]  # errors p - y: 0, 3, -2, -1.8

# By hand from those errors.
WORKED = {
    "mse": (0 + 9 + 4 + 3.24) / 4,
    "rmse": 2.0149441680,
    "mae": (3 + 2 + 1.8) / 4,
    "mean_error": (3 - 2 - 1.8) / 4,
    "max_error": 3,
    "huber": (0 + 2.5 + 1.5 + 1.3) / 4,
    "huber(delta=2)": (0 + 4 + 2 + 1.62) / 4,
    "smooth_l1(delta=2)": (0 + 4 + 2 + 1.62) / 8,
    "huber(delta=100)": 16.24 / 8,
    "quantile_loss": 6.8 / 8,
    "quantile_loss(alpha=0.9)": (0.1 * 3 + 0.9 * 3.8) / 4,
    "quantile_loss(alpha=0.1)": (0.9 * 3 + 0.1 * 3.8) / 4,
    "quantile_loss(alpha=1)": 3.8 / 4,
    "quantile_loss(over_prediction_weight=0.9)": 0.77,
    "quantile_loss(over_prediction_weight=0.1)": 0.93,
    "log_cosh": (math.log(math.cosh(3)) + math.log(math.cosh(2)) + math.log(math.cosh(1.8))) / 4,
    "msle": (math.log(33 / 30) ** 2 + math.log(32 / 34) ** 2 + math.log(36 / 37.8) ** 2) / 4,
    "mape": 0.053241844987,
    "smape": 5.2749982876,
    "wape": 6.8 / 128.8,
}


@pytest.mark.parametrize("spelled", WORKED)
def test_the_example(spelled):
    (metric,) = m.parse(spelled)
    assert metric.compute(TARGETS, PREDICTIONS) == pytest.approx(WORKED[spelled], rel=3e-11, abs=0)
    # A row of weight 0 is absent, and one of weight 2 counts as two.
    label, score = [*TARGETS, 29], [*PREDICTIONS, 32]
    twice = metric.compute(label, score)
    assert metric.compute([*TARGETS, 1], [*PREDICTIONS, 9e9], [1, 2, 1, 1, 0]) == pytest.approx(twice, rel=1e-15)


def test_weights_of_mse():
    # (1 * 9 + 3 * 1) / 4
    assert m.mse().compute([0, 0], [3, 1], weight=[1, 3]) == 3.0


def test_mse_does_not_lose_small_errors_beside_large_ones() -> None:
    label, score = np.array([0.0, 0.0, 0.0]), np.array([2.0**60, 1.0, 1.0])
    assert m.mse().compute(label, score) == float(Fraction(2**120 + 2, 3))
    label = np.array([0.0] * 4)
    assert m.mse().compute(label, np.array([1e8, 1e-8, 1e-8, 1e-8])) == float(
        (Fraction(1e8 * 1e8) + 3 * Fraction(1e-8 * 1e-8)) / 4
    )


def test_squares_past_the_largest_float_are_infinite() -> None:
    assert m.mse().compute([0.0, 0.0], [1e200, 1.0]) == math.inf
    assert m.rmse().compute([0.0, 0.0], [1e200, 1.0]) == math.inf
    # A delta this large is one of squares.
    assert m.huber(delta=2.0**500).compute([0.0], [2.0**600]) == 2.0**500 * (2.0**600 - 2.0**499)


@pytest.mark.parametrize("metric", [m.mae(), m.max_error(), m.mean_error(), m.log_cosh(), m.huber(), m.quantile_loss()])
def test_other_losses_do_not_overflow(metric):
    scale = 0.5 if metric.definition.name == "quantile_loss" else 1.0
    assert metric.compute([-(2.0**999)], [2.0**999]) == scale * 2.0**1000


def test_mean_error_is_the_difference_of_exact_sums():
    # Each difference rounds to the prediction, but for their sum the targets count.
    assert m.mean_error().compute([1.0, -3.0], [2.0**60, -(2.0**60)]) == 1.0
    assert m.mean_error().compute([1.0, -3.0], [2.0**60, -(2.0**60)], [0.1, 0.1]) == 1.0
    # The sign: predictions that are too high are above 0.
    assert m.mean_error().compute([1.0], [3.0]) == 2.0


@pytest.mark.parametrize("size", [1e-200, 1e-9, 1e-3, 0.3, 1.0, 5.0, 19.999999, 20.0, 25.0, 700.0, 1e300])
def test_log_cosh_of_errors_of_all_sizes(size):
    with mpmath.workdps(700):
        right = float(mpmath.log(mpmath.cosh(mpmath.mpf(size)))) if size < 1e9 else size - math.log(2)
    for error in (size, -size):
        assert m.log_cosh().compute([0.0], [error]) == pytest.approx(right, rel=2e-15, abs=0)


@pytest.mark.parametrize("target", [-1 + 2.0**-53, -0.5, 0.0, 1e-300, 3.0, 1e15, 2.0**960])
@pytest.mark.parametrize("ratio", [1.0, 1 + 2.0**-50, 1.001, 2.0, 0.3])
def test_msle_next_to_the_target_and_far_from_it(target, ratio):
    score = min(target * ratio, 2.0**960)
    with mpmath.workdps(400):
        right = (mpmath.log1p(mpmath.mpf(score)) - mpmath.log1p(mpmath.mpf(target))) ** 2
    if score > -1:
        assert m.msle().compute([target], [score]) == pytest.approx(float(right), rel=1e-14, abs=0)
        assert m.msle().compute([score], [target]) == pytest.approx(float(right), rel=1e-14, abs=0)


def test_msle_of_the_least_and_the_greatest_number():
    low, high = -1 + 2.0**-53, 2.0**960
    assert m.rmsle().compute([low], [high]) == pytest.approx((960 + 53) * math.log(2), rel=1e-15)


def test_quantile_loss_names_what_was_given():
    assert m.quantile_loss().canonical == "quantile_loss"
    assert m.quantile_loss(alpha=0.5).canonical == "quantile_loss(alpha=0.5)"
    assert m.quantile_loss(over_prediction_weight=0.9).canonical == "quantile_loss(over_prediction_weight=0.9)"
    assert m.quantile_loss().compute([0, 2], [1, 0]) == m.mae().compute([0, 2], [1, 0]) / 2
    with pytest.raises(ParameterError, match=r"over_prediction_weight is 1 - alpha: give one$"):
        m.quantile_loss(alpha=0.9, over_prediction_weight=0.1)
    with pytest.raises(ParameterError, match=r"alpha=1\.5; allowed: a number from 0 to 1, or None"):
        m.quantile_loss(alpha=1.5)


@pytest.mark.parametrize("alpha", [0.1, 0.5, 0.75])
def test_the_quantile_has_the_lowest_loss(alpha):
    label = np.random.default_rng(0).normal(size=400)
    metric = m.quantile_loss(alpha=alpha)
    best = np.quantile(label, alpha, method="inverted_cdf")
    losses = [metric.compute(label, np.full(400, best + step)) for step in (-0.2, -0.05, 0.0, 0.05, 0.2)]
    assert min(losses) == losses[2] < min(losses[:2] + losses[3:])


def test_smooth_l1_is_huber_over_delta():
    for delta in (2.0**-500, 0.1, 3.0):
        huber = m.huber(delta=delta).compute(TARGETS, PREDICTIONS)
        smooth = m.huber(delta=delta, form="smooth_l1").compute(TARGETS, PREDICTIONS)
        assert smooth == pytest.approx(huber / delta, rel=1e-15)
    assert m.huber(delta=2.0**-500, form="smooth_l1").compute(TARGETS, PREDICTIONS) == pytest.approx(1.7, rel=1e-15)
    assert [metric.canonical for metric in m.parse("smooth_l1")] == ["huber(form=smooth_l1)"]
    # Both read one sum.
    assert m.huber().states(()).keys() == {"loss", "weight"}
    assert [m.huber(form=form).states(())["loss"].identity for form in ("huber", "smooth_l1")] == [
        ("exact_sum", 2, (("term", "huber"), ("constants", (1.0,))))
    ] * 2


def test_max_error_of_slices_and_of_weights():
    rows = {"y": [0.0, 0, 0, 0, 0], "p": [1.0, -5, 2, 9, 3], "w": [1.0, 1, 2, 0, 0], "s": ["a", "a", "b", "b", "c"]}
    result = fr.evaluate(rows, "max_error", label="y", score="p", weight="w", by="s")
    assert result["max_error"] == 5.0
    assert [result["max_error", {"s": s}] for s in "ab"] == [5.0, 2.0]
    assert m.max_error().compute([1.0], [1.0]) == 0.0
    # In float64, whatever the columns are.
    assert m.max_error().compute(np.array([0.1], np.float32), np.array([0.3])) == abs(0.3 - float(np.float32(0.1)))


@pytest.mark.parametrize("name", ["msle", "rmsle"])
def test_logarithms_need_numbers_above_minus_one(name):
    for role, rows in (("label", {"y": [1.0, -1.0], "p": [0.0, 0]}), ("score", {"y": [0, 0.0], "p": [1.0, -1.5]})):
        bad = rows["y" if role == "label" else "p"][1]
        with pytest.raises(InvalidValueError, match=rf"\({role}\): row 1 holds {bad}; allowed: a number above -1, up"):
            fr.evaluate(rows, name, label="y", score="p")
    dropped = fr.evaluate({"y": [1.0, -1.0], "p": [0.0, 0]}, name, label="y", score="p", on_invalid="drop")
    assert dropped.table["rows_dropped"].to_pylist() == [1]
