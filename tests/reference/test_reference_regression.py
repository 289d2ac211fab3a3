"""The reference of regression and calibration metrics, against arithmetic by hand and scikit-learn."""

from __future__ import annotations

import math

import numpy as np
import pytest
from sklearn import metrics as peer

from fastrank import reference

TARGETS = [30, 29, 33, 36.8]
PREDICTIONS = [30, 32, 31, 35]


def test_mse_by_hand():
    # errors 0, -3, 2, 1.8: squares 0 + 9 + 4 + 3.24 = 16.24, over 4
    assert reference.mse(TARGETS, PREDICTIONS) == pytest.approx(4.06, rel=1e-15, abs=0)


def test_mse_with_weights():
    # (1 * 0 + 2 * 9 + 0.5 * 4 + 0.5 * 3.24) / (1 + 2 + 0.5 + 0.5) = 21.62 / 4
    assert reference.mse(TARGETS, PREDICTIONS, [1, 2, 0.5, 0.5]) == pytest.approx(5.405, rel=1e-15, abs=0)


def test_calibration_ratio_by_hand():
    # 30 + 32 + 31 + 35 = 128; 30 + 29 + 33 + 36.8 = 128.8
    assert reference.calibration_ratio(TARGETS, PREDICTIONS) == pytest.approx(128 / 128.8, rel=1e-15, abs=0)


def test_calibration_ratio_with_weights():
    # (3 * 0.5 + 1 * 0.75 + 2 * 0.25) / (3 * 0 + 1 * 1 + 2 * 1) = 2.75 / 3
    assert reference.calibration_ratio([0, 1, 1], [0.5, 0.75, 0.25], [3, 1, 2]) == pytest.approx(
        2.75 / 3, rel=1e-15, abs=0
    )


def test_calibration_ratio_of_sums_that_cancel():
    # The floats are 0.1 = 3602879701896397 / 2^55 and 0.3 = 10808639105689190 / 2^55: 3 * 0.1 - 0.3 = 1 / 2^55,
    # where float64 has 2 / 2^55.  The predictions sum to 0.1 / 2^55.
    assert reference.calibration_ratio([3, -1], [2.0**-55, 0], [0.1, 0.3]) == pytest.approx(0.1, rel=1e-15, abs=0)


def test_sums_are_accurate():
    # 10^16 + 1 + 1 in a running float64 sum stays 10^16
    assert reference.mse([1e8, 1, 1], [0, 0, 0]) == (10**16 + 2) / 3
    assert reference.calibration_ratio([1, 0, 0], [1e16, 1, 1]) == 10**16 + 2


@pytest.mark.parametrize("metric", [reference.mse, reference.calibration_ratio])
def test_zero_weight_is_absence(metric):
    # mse (0.5 * 1 + 2 * 1) / 2.5, calibration (0.5 * 2 + 2 * 2) / (0.5 * 3 + 2 * 1)
    expected = {"mse": 1, "calibration_ratio": 5 / 3.5}[metric.__name__]
    assert metric([3, 1, 9], [2, 2, math.inf], [0.5, 2, 0]) == expected


@pytest.mark.parametrize("metric", [reference.mse, reference.calibration_ratio])
def test_no_rows_and_no_weight_are_undefined(metric):
    assert math.isnan(metric([], []))
    assert math.isnan(metric([1, 2], [1, 2], [0, 0]))


def test_calibration_ratio_without_positive_labels_is_undefined():
    assert math.isnan(reference.calibration_ratio([0, 0], [0.5, 0.5]))
    assert math.isnan(reference.calibration_ratio([1, -1], [0.5, 0.5]))


@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.int64])
def test_mse_equals_scikit_learn(dtype):
    rng = np.random.default_rng(1)
    y, p, w = rng.normal(20, 9, 500).astype(dtype), rng.normal(20, 9, 500).astype(dtype), rng.exponential(1, 500)
    y, p = y.astype(np.float64), p.astype(np.float64)
    assert reference.mse(y.astype(dtype), p.astype(dtype)) == pytest.approx(
        peer.mean_squared_error(y, p), rel=1e-12, abs=0
    )
    expected = peer.mean_squared_error(y, p, sample_weight=w)
    assert reference.mse(y, p, w) == pytest.approx(expected, rel=1e-12, abs=0)


# By hand: errors p - y are 0, 3, -2, -1.8.
WORKED = [
    ("rmse", {}, 2.0149441680),
    ("mae", {}, 6.8 / 4),
    ("mean_error", {}, -0.8 / 4),
    ("max_error", {}, 3),
    ("huber", {}, 5.3 / 4),
    ("huber", {"delta": 2.0, "form": "smooth_l1"}, 7.62 / 8),
    ("quantile_loss", {}, 6.8 / 8),
    ("quantile_loss", {"alpha": 0.9}, 0.93),
    ("quantile_loss", {"over_prediction_weight": 0.9}, 0.77),
    ("mape", {}, 0.053241844987),
    ("mape", {"zero": 31.0, "percent": True}, 100 * (3 / 31 + 2 / 33 + 1.8 / 36.8) / 4),
    ("smape", {}, 5.2749982876),
    ("smape", {"form": 1}, 0.052749982876 / 2),
    ("wape", {}, 6.8 / 128.8),
]


@pytest.mark.parametrize(("name", "parameters", "value"), WORKED)
def test_the_example_by_hand(name, parameters, value):
    metric = getattr(reference, name)
    assert metric(TARGETS, PREDICTIONS, **parameters) == pytest.approx(value, rel=3e-11, abs=0)
    # A row of weight 0 is absent.
    absent = metric([*TARGETS, 5], [*PREDICTIONS, 7e3], [1, 1, 1, 1, 0], **parameters)
    assert absent == pytest.approx(value, rel=3e-11, abs=0)
    assert math.isnan(metric([], [], **parameters))


@pytest.mark.parametrize(
    ("name", "parameters", "theirs", "options"),
    [
        ("rmse", {}, "root_mean_squared_error", {}),
        ("mae", {}, "mean_absolute_error", {}),
        ("quantile_loss", {"alpha": 0.8}, "mean_pinball_loss", {"alpha": 0.8}),
        ("msle", {}, "mean_squared_log_error", {}),
        ("rmsle", {}, "root_mean_squared_log_error", {}),
        ("mape", {"zero": 2.0**-52}, "mean_absolute_percentage_error", {}),
        ("poisson_deviance", {}, "mean_poisson_deviance", {}),
        ("gamma_deviance", {}, "mean_gamma_deviance", {}),
        *(("tweedie_deviance", {"power": k}, "mean_tweedie_deviance", {"power": k}) for k in (-1.0, 0, 1, 1.5, 2, 3.0)),
    ],
)
def test_equals_scikit_learn(name, parameters, theirs, options):
    rng = np.random.default_rng(2)
    y, p, w = rng.gamma(2, 3, 500), rng.gamma(2, 3, 500), rng.exponential(1, 500)
    expected = getattr(peer, theirs)(y, p, sample_weight=w, **options)
    assert getattr(reference, name)(y, p, w, **parameters) == pytest.approx(expected, rel=1e-12, abs=0)


def test_rules_for_zeros_by_hand():
    y, p = [0, 0, 2], [0, 1, 3]
    assert [reference.mape(y, p, zero=zero) for zero in ("skip", "count", 1.0)] == [0.5, 0.5 / 3, 0.5]
    assert math.isnan(reference.mape(y, p, zero="inf"))
    assert reference.mape(y[1:], p[1:], zero="inf") == math.inf
    assert [reference.smape(y, p, form=1, zero=zero) for zero in ("count", "skip")] == pytest.approx([0.4, 0.6])
    assert math.isnan(reference.smape(y, p, zero="nan"))


def test_a_tweedie_deviance_counts_targets_below_zero_as_zero_in_its_first_part():
    # 2 (1 * 1 / 2 + 1 / 3) of power -1, y = -1, p = 1
    assert reference.tweedie_deviance([-1], [1], power=-1.0) == pytest.approx(2 * (0.5 + 1 / 3), rel=1e-15)
