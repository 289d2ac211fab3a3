"""Platt scaling against scikit-learn, SciPy and cases that can be solved by hand."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy.optimize import minimize
from sklearn.linear_model import LogisticRegression

from fastrank.calibration import PlattCalibrator
from fastrank.errors import InvalidValueError, ParameterError
from fastrank.reference.calibrators import platt_loss

LABELLED = {"label": "y", "score": "s"}


def made(rows: int, seed: int = 0, slope: float = 1.5, intercept: float = -0.8) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(seed)
    s = rng.normal(size=rows)
    p = 1 / (1 + np.exp(-s))
    y = (rng.random(rows) < 1 / (1 + np.exp(-(slope * s + intercept)))).astype(np.int8)
    return {"y": y, "s": s, "p": p, "w": rng.choice([0.0, 0.1, 1.0, 2.5], rows)}


def gradient(calibrator: PlattCalibrator, y: np.ndarray, s: np.ndarray, w: np.ndarray) -> np.ndarray:
    """Of the loss, by slope and intercept, by the formula."""
    positives, negatives = w[y == 1].sum(), w[y == 0].sum()
    targets = np.where(y == 1, (positives + 1) / (positives + 2), 1 / (negatives + 2))
    residual = w * (1 / (1 + np.exp(-(calibrator.slope * s + calibrator.intercept))) - targets)
    return np.array([math.fsum(residual * s), math.fsum(residual)])


@pytest.mark.parametrize("weight", [None, "w"])
@pytest.mark.parametrize("rows", [20, 30_000])
def test_that_it_reaches_the_optimum(rows, weight):
    data = made(rows)
    w = np.ones(rows) if weight is None else data["w"]
    ours = PlattCalibrator().fit(data, weight=weight, **LABELLED)
    assert np.abs(gradient(ours, data["y"], data["s"], w)).max() < 1e-12 * rows
    best = minimize(
        lambda point: platt_loss(*point, data["y"], data["s"], w) / rows, (0.0, 0.0), method="BFGS", tol=1e-12
    )
    loss = platt_loss(ours.slope, ours.intercept, data["y"], data["s"], w) / rows
    assert loss <= best.fun + 1e-15
    np.testing.assert_allclose((ours.slope, ours.intercept), best.x, rtol=1e-5)


@pytest.mark.parametrize("weight", [None, "w"])
def test_that_it_is_the_logistic_regression_of_the_targets(weight):
    """scikit-learn fits soft targets as rows of both labels; newton-cholesky goes to 1e-12."""
    data = made(3000)
    y, s, w = data["y"], data["s"], np.ones(3000) if weight is None else data["w"]
    positives, negatives = w[y == 1].sum(), w[y == 0].sum()
    targets = np.where(y == 1, (positives + 1) / (positives + 2), 1 / (negatives + 2))
    model = LogisticRegression(C=np.inf, solver="newton-cholesky", tol=1e-12)
    model.fit(np.tile(s, 2)[:, None], np.repeat([1, 0], 3000), np.concatenate((w * targets, w * (1 - targets))))
    ours = PlattCalibrator().fit(data, weight=weight, **LABELLED)
    np.testing.assert_allclose((ours.slope, ours.intercept), (model.coef_[0, 0], model.intercept_[0]), rtol=1e-8)


def test_a_case_worked_by_hand():
    # Two scores: the fit goes through the mean target of each.  Targets 4/5 and 1/5 of 3 rows of each class.
    rows = {"y": [0, 0, 1, 0, 1, 1], "s": [0.0, 0.0, 0.0, 1.0, 1.0, 1.0]}
    calibrator = PlattCalibrator().fit(rows, **LABELLED)
    low, high = (2 * 1 / 5 + 4 / 5) / 3, (1 / 5 + 2 * 4 / 5) / 3
    assert calibrator.intercept == pytest.approx(math.log(low / (1 - low)), abs=1e-14)
    assert calibrator.slope == pytest.approx(math.log(high / (1 - high)) - math.log(low / (1 - low)), abs=1e-14)
    assert calibrator.transform([0.0, 1.0]) == pytest.approx([low, high], abs=1e-15)


def test_that_scores_that_tell_the_classes_apart_have_a_fit():
    # One row of each class: targets 2/3 and 1/3.
    calibrator = PlattCalibrator().fit({"y": [0, 1], "s": [-1.0, 1.0]}, **LABELLED)
    assert (calibrator.slope, calibrator.intercept) == pytest.approx((math.log(2), 0.0), abs=1e-14)


def test_that_it_does_not_depend_on_unit_and_zero():
    data = made(5000)
    plain = PlattCalibrator().fit(data, **LABELLED)
    moved = PlattCalibrator().fit({**data, "s": 1e6 * data["s"] + 3e6}, **LABELLED)
    assert moved.slope * 1e6 == pytest.approx(plain.slope, rel=1e-9)
    assert moved.slope * 3e6 + moved.intercept == pytest.approx(plain.intercept, rel=1e-9)
    tiny = PlattCalibrator().fit({**data, "s": 2.0**-200 * data["s"]}, **LABELLED)
    assert tiny.slope * 2.0**-200 == pytest.approx(plain.slope, rel=1e-14)


def test_that_logits_are_those_of_probabilities():
    data = made(5000)
    by_score = PlattCalibrator().fit(data, **LABELLED)
    by_logit = PlattCalibrator(on="logit").fit(data, label="y", score="p")
    assert (by_logit.slope, by_logit.intercept) == pytest.approx((by_score.slope, by_score.intercept), rel=1e-12)
    np.testing.assert_allclose(by_logit.transform(data["p"]), by_score.transform(data["s"]), rtol=1e-12)


def test_that_zero_and_one_are_clipped():
    rows = {"y": [0, 0, 1, 1, 0, 1], "p": [0.0, 0.3, 0.6, 1.0, 1.0, 0.0]}
    calibrator = PlattCalibrator(on="logit").fit(rows, label="y", score="p")
    edge = math.log(2.0**-52) - math.log1p(-(2.0**-52))
    expected = 1 / (1 + np.exp(-(calibrator.slope * np.array([edge, -edge]) + calibrator.intercept)))
    np.testing.assert_allclose(calibrator.transform([0.0, 1.0]), expected, rtol=1e-12)


def test_that_one_score_has_a_flat_fit():
    calibrator = PlattCalibrator().fit({"y": [0, 1, 1], "s": [2.0, 2.0, 2.0]}, **LABELLED)
    target = (1 / 3 + 2 * 3 / 4) / 3
    assert calibrator.slope == 0.0
    assert calibrator.transform([2.0, -np.inf, np.nan]) == pytest.approx([target, target, np.nan], nan_ok=True)


def test_that_infinite_scores_are_certain():
    calibrator = PlattCalibrator().fit(made(100), **LABELLED)
    assert calibrator.transform([-np.inf, np.inf]).tolist() == [0.0, 1.0]


def test_what_is_refused():
    with pytest.raises(ParameterError, match='on=\'odds\'; allowed: "score", "logit"'):
        PlattCalibrator(on="odds")
    with pytest.raises(InvalidValueError, match="there are negative ones, but no positive"):
        PlattCalibrator().fit({"y": [0, 0], "s": [0.1, 0.2]}, **LABELLED)
    with pytest.raises(InvalidValueError, match=r"column 's' \(score\): row 1 holds inf; allowed: a finite number"):
        PlattCalibrator().fit({"y": [1, 0], "s": [0.1, np.inf]}, **LABELLED)
    with pytest.raises(InvalidValueError, match=r"row 1 holds 1.5; allowed: a probability in \[0, 1\]"):
        PlattCalibrator(on="logit").fit({"y": [1, 0], "s": [0.1, 1.5]}, **LABELLED)
    calibrator = PlattCalibrator(on="logit").fit({"y": [1, 0], "s": [0.1, 0.5]}, **LABELLED)
    with pytest.raises(InvalidValueError, match=r"scores\[2\] is -0.25; allowed: a probability in \[0, 1\], or NaN"):
        calibrator.transform([0.5, np.nan, -0.25])


def test_that_several_columns_of_scores_are_refused():
    with pytest.raises(ParameterError, match=r"score=\['s', 'p'\]; allowed: the name of a column"):
        PlattCalibrator().fit(made(20), label="y", score=["s", "p"])
