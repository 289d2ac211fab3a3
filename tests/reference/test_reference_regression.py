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
