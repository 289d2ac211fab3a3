"""Isotonic calibration against scikit-learn and the definition."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.isotonic import IsotonicRegression

import fastrank as fr
from fastrank.calibration import IsotonicCalibrator
from fastrank.errors import InvalidValueError, NotFittedError, ParameterError
from fastrank.reference.calibrators import isotonic_fit

LABELLED = {"label": "y", "score": "s"}
FEW = st.lists(
    st.tuples(st.integers(0, 1), st.sampled_from([-2.0, -0.0, 0.0, 0.1, 0.25, 7.0])), min_size=2, max_size=30
)


def clicks(rows: int, seed: int = 0) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(seed)
    s = rng.normal(size=rows)
    return {
        "y": (rng.random(rows) < 1 / (1 + np.exp(0.8 - 1.5 * s))).astype(np.int8),
        "s": s,
        "w": rng.choice([0.0, 0.1, 1.0, 2.5], rows),
    }


@pytest.mark.parametrize("weight", [None, "w"])
@pytest.mark.parametrize("increasing", [True, False])
@pytest.mark.parametrize("rows", [50, 30_000])
def test_that_it_equals_scikit_learn(rows, increasing, weight):
    data = clicks(rows)
    score = data["s"] if increasing else -data["s"]
    ours = IsotonicCalibrator(increasing=increasing).fit({**data, "s": score}, weight=weight, **LABELLED)
    theirs = IsotonicRegression(increasing=increasing, out_of_bounds="clip")
    theirs.fit(score, data["y"], sample_weight=None if weight is None else data["w"])
    asked = np.concatenate((score, np.linspace(-6, 6, 2000)))
    np.testing.assert_allclose(ours.transform(asked), theirs.predict(asked), rtol=0, atol=1e-12)


def test_that_it_equals_scikit_learn_from_cells_that_hold_one_score():
    data = clicks(20_000)
    # 11 binary digits are enough for these.
    data["s"] = np.round(data["s"] * 16) / 16
    ours = IsotonicCalibrator().fit(data, bits=20, **LABELLED)
    theirs = IsotonicRegression(out_of_bounds="clip").fit(data["s"], data["y"])
    asked = np.linspace(-6, 6, 2000)
    np.testing.assert_allclose(ours.transform(asked), theirs.predict(asked), rtol=0, atol=1e-12)
    assert ours == IsotonicCalibrator().fit(data, **LABELLED)


@pytest.mark.parametrize("bits", [12, 16, 26])
def test_that_cells_are_the_fit_of_scores_cut_off(bits):
    data = clicks(5000)
    data["s"] = data["s"].astype(np.float32)
    data["s"][:3] = -np.inf, np.inf, 0.0
    cells = IsotonicCalibrator().fit(data, bits=bits, **LABELLED)
    keep = np.uint32(0xFFFFFFFF << (32 - bits) & 0xFFFFFFFF)
    cut = (data["s"].view(np.uint32) & keep).view(np.float32)
    assert cells == IsotonicCalibrator().fit({**data, "s": cut}, **LABELLED)
    assert (1 - cut[3:] / data["s"][3:] < 2.0 ** -(bits - 9)).all()


@settings(deadline=None, max_examples=60)
@given(FEW, st.booleans())
def test_that_it_is_the_fit_by_definition(rows, increasing):
    y, s = (np.array(column) for column in zip(*rows, strict=True))
    if len(set(y.tolist())) < 2:
        return
    x, values = isotonic_fit(y, s, increasing=increasing)
    ours = IsotonicCalibrator(increasing=increasing).fit({"y": y, "s": s}, **LABELLED)
    np.testing.assert_allclose(ours.transform(x), values, rtol=0, atol=1e-15)


def test_that_cells_on_both_sides_of_zero_stay_apart():
    calibrator = IsotonicCalibrator().fit({"y": [0, 1], "s": [-1e-44, 1e-44]}, bits=12, **LABELLED)
    assert calibrator.transform([-1.0, 1.0]).tolist() == [0.0, 1.0]
    assert calibrator.x[0] < 0.0 <= calibrator.x[1]


def test_a_case_worked_by_hand():
    # Rates by score: 0/1, 1/2, 1/2 (equal, one block), 1/3, 1/1; 1/2, 1/2 and 1/3 pool to 3/7.
    s = [0.1] + [0.2] * 2 + [0.3] * 2 + [0.5] * 3 + [0.9]
    y = [0, 0, 1, 1, 0, 0, 0, 1, 1]
    calibrator = IsotonicCalibrator().fit({"y": y, "s": s}, **LABELLED)
    assert calibrator.x.tolist() == [0.1, 0.2, 0.5, 0.9]
    assert calibrator.y.tolist() == [0.0, 3 / 7, 3 / 7, 1.0]
    assert (calibrator.rows, calibrator.rows_dropped) == (9, 0)
    at = [-1.0, 0.1, 0.15, 0.2, 0.4, 0.7, 0.9, 5.0]
    expected = [0, 0, 3 / 14, 3 / 7, 3 / 7, 3 / 7 + 2 / 7, 1, 1]
    assert calibrator.transform(at) == pytest.approx(expected, abs=1e-15)
    step = IsotonicCalibrator(interpolation="step").fit({"y": y, "s": s}, **LABELLED)
    assert step.transform(at).tolist() == [0, 0, 0, 3 / 7, 3 / 7, 3 / 7, 1, 1]


def test_that_infinite_and_huge_scores_are_ordinary():
    s = [-np.inf, -1e308, 0.0, 1e308, np.inf]
    calibrator = IsotonicCalibrator().fit({"y": [0, 0, 1, 0, 1], "s": s}, **LABELLED)
    assert calibrator.transform(s).tolist() == [0, 0, 0.5, 0.5, 1]
    # Half-way between 0 at -1e308 and 1/2 at 0; infinitely far from infinity.
    assert calibrator.transform([-5e307, 1.2e308]).tolist() == [0.25, 0.5]
    two = IsotonicCalibrator().fit({"y": [0, 1], "s": [-1.7e308, 1.7e308]}, **LABELLED)
    assert two.transform([0.0]).tolist() == [0.5]
    ends = IsotonicCalibrator().fit({"y": [0, 1], "s": [-np.inf, np.inf]}, **LABELLED)
    assert ends.transform([-np.inf, 3.0, np.inf]).tolist() == [0.0, 0.5, 1.0]


def test_that_values_never_pass_their_neighbours():
    rng = np.random.default_rng(3)
    data = clicks(2000)
    calibrator = IsotonicCalibrator().fit(data, weight="w", **LABELLED)
    values = calibrator.transform(np.sort(rng.uniform(-4, 4, 100_000)))
    assert (np.diff(values) >= 0).all()
    assert ((values >= 0) & (values <= 1)).all()


def test_that_rows_of_weight_zero_are_absent():
    rows = {"y": [0, 1, 0, 1], "s": [0.1, 0.5, 0.6, 0.7], "w": [1.0, 1.0, 0.0, 1.0]}
    calibrator = IsotonicCalibrator().fit(rows, weight="w", **LABELLED)
    assert calibrator.x.tolist() == [0.1, 0.5, 0.7]
    assert calibrator.rows == 3


def test_that_it_lowers_the_error_of_miscalibrated_scores():
    data = clicks(20_000)
    data["p"] = 1 / (1 + np.exp(-3 * data["s"]))  # far too sure
    calibrator = IsotonicCalibrator().fit(data, label="y", score="p")
    after = fr.evaluate({**data, "q": calibrator.transform(data["p"])}, ["brier", "log_loss"], label="y", score="q")
    before = fr.evaluate(data, ["brier", "log_loss"], label="y", score="p")
    assert after["brier"] < before["brier"] - 0.01
    assert after["log_loss"] < before["log_loss"] - 0.1


def test_what_is_refused():
    with pytest.raises(ParameterError, match='interpolation=\'cubic\'; allowed: "linear", "step"'):
        IsotonicCalibrator(interpolation="cubic")
    with pytest.raises(ParameterError, match="increasing='auto'"):
        IsotonicCalibrator(increasing="auto")
    with pytest.raises(NotFittedError, match=r"has no x before it is fitted: call fit\(\)"):
        IsotonicCalibrator().transform([0.1])
    with pytest.raises(InvalidValueError, match="rows of both classes: there are positive ones, but no negative"):
        IsotonicCalibrator().fit({"y": [1, 1], "s": [0.1, 0.2]}, **LABELLED)
    with pytest.raises(InvalidValueError, match=r"column 's' \(score\): row 1 holds nan"):
        IsotonicCalibrator().fit({"y": [1, 0], "s": [0.1, np.nan]}, **LABELLED)
    with pytest.raises(ParameterError, match="IsotonicCalibrator: bits=9; allowed: an integer from 12 to 26"):
        IsotonicCalibrator().fit({"y": [1, 0], "s": [0.1, 0.2]}, bits=9, **LABELLED)
