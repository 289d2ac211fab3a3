"""Calibrators as files: what is read is what was saved, to the bit; what is none is refused."""

from __future__ import annotations

import copy
import json
import pickle

import numpy as np
import pyarrow as pa
import pytest

from fastrank import calibration
from fastrank.calibration import (
    DownsamplingCorrection,
    IsotonicCalibrator,
    PlattCalibrator,
    TemperatureCalibrator,
    load,
)
from fastrank.errors import NotFittedError, ParameterError, SourceError

ROWS = {"y": [0, 1, 0, 1, 1, 0], "p": [0.1, 0.2, 1 / 3, 0.4, 0.8, 0.9]}


def fitted() -> list[calibration.Calibrator]:
    endless = {"y": [0, 0, 1, 1], "p": [-np.inf, 0.5, 0.5, np.inf]}
    return [
        IsotonicCalibrator().fit(ROWS, label="y", score="p"),
        IsotonicCalibrator(interpolation="step").fit(endless, label="y", score="p"),
        IsotonicCalibrator(increasing=False).fit(ROWS, label="y", score="p"),
        PlattCalibrator(on="logit").fit(ROWS, label="y", score="p"),
        TemperatureCalibrator().fit(ROWS, label="y", score="p"),
        DownsamplingCorrection(1 / 3),
    ]


@pytest.mark.parametrize("suffix", ["json", "arrow"])
@pytest.mark.parametrize("case", range(6))
def test_that_a_saved_calibrator_is_the_same(case, suffix, tmp_path):
    calibrator = fitted()[case]
    path = tmp_path / f"calibrator.{suffix}"
    calibrator.save(path)
    again = load(path)
    assert type(again) is type(calibrator)
    assert again == calibrator
    assert repr(again) == repr(calibrator)
    scores = np.linspace(0, 1, 1001)
    assert again.transform(scores).tobytes() == calibrator.transform(scores).tobytes()
    assert getattr(again, "rows", None) == getattr(calibrator, "rows", None)


@pytest.mark.parametrize("case", range(6))
def test_that_copies_are_the_same(case):
    calibrator = fitted()[case]
    assert pickle.loads(pickle.dumps(calibrator)) == calibrator
    assert copy.deepcopy(calibrator) == calibrator
    assert calibrator != DownsamplingCorrection(0.25)


def test_that_json_is_for_people(tmp_path):
    path = tmp_path / "platt.json"
    calibrator = PlattCalibrator().fit(ROWS, label="y", score="p")
    calibrator.save(path)
    assert json.loads(path.read_text()) == {
        "fastrank": {
            "format": 1,
            "calibrator": "platt",
            "parameters": {"on": "score"},
            "rows": 6,
            "rows_dropped": 0,
        },
        "fitted": {"slope": calibrator.slope, "intercept": calibrator.intercept},
    }


def test_that_reprs_show_the_fit():
    isotonic, *_, correction = fitted()
    assert repr(isotonic) == (
        "IsotonicCalibrator(increasing=True, interpolation='linear', x=[0.1, 0.2, ..., 0.9], "
        "y=[0.0, 0.5, ..., 0.6666666666666666])"
    )
    assert repr(PlattCalibrator()) == "PlattCalibrator(on='score')"
    assert repr(correction) == "DownsamplingCorrection(rate=0.3333333333333333)"


def changed(path, change) -> None:
    whole = json.loads(path.read_text())
    change(whole)
    path.write_text(json.dumps(whole))


DAMAGE = {
    "another format": (lambda c: c["fastrank"].update(format=2), "it is of format 2, and this version reads 1"),
    "an unknown calibrator": (lambda c: c["fastrank"].update(calibrator="spline"), "there is no calibrator 'spline'"),
    "a parameter that is not allowed": (
        lambda c: c["fastrank"]["parameters"].update(interpolation="cubic"),
        "interpolation='cubic'",
    ),
    "an unknown parameter": (lambda c: c["fastrank"]["parameters"].update(degree=3), "degree"),
    "no fit": (lambda c: c.pop("fitted"), "it lacks 'fitted'"),
    "half a fit": (lambda c: c["fitted"].pop("y"), r"it holds \['x'\] and not \['x', 'y'\]"),
    "scores that do not ascend": (lambda c: c["fitted"]["x"].reverse(), "x is no list of scores that ascend"),
    "values that fall": (lambda c: c["fitted"]["y"].reverse(), "y is no list of probabilities that keep the order"),
    "a value above 1": (lambda c: c["fitted"]["y"].__setitem__(-1, 1.5), "y is no list of probabilities"),
    "another length": (lambda c: c["fitted"]["y"].pop(), "or y has another length"),
    "a number of rows that is none": (lambda c: c["fastrank"].update(rows=-1), "rows is no number of rows"),
    "a text": (lambda c: c["fitted"]["x"].__setitem__(0, "low"), "it lacks 'low'"),
    "nothing of ours": (lambda c: c.pop("fastrank"), "it lacks 'fastrank'"),
}


@pytest.mark.parametrize("damage", DAMAGE)
def test_that_a_damaged_file_is_refused(damage, tmp_path):
    change, words = DAMAGE[damage]
    path = tmp_path / "isotonic.json"
    fitted()[0].save(path)
    changed(path, change)
    with pytest.raises(SourceError, match=f"is no calibrator of fastrank, or is damaged: .*{words}"):
        load(path)


@pytest.mark.parametrize(
    ("calibrator", "name", "value", "words"),
    [
        (3, "slope", float("nan"), "slope or intercept is no finite number"),
        (3, "slope", [1.0, 2.0], "size 1"),
        (4, "temperature", 0.0, "temperature is no finite number above 0"),
        (4, "temperature", "hot", "could not convert"),
    ],
)
def test_that_a_fit_that_cannot_be_is_refused(calibrator, name, value, words, tmp_path):
    path = tmp_path / "c.json"
    fitted()[calibrator].save(path)
    changed(path, lambda c: c["fitted"].update({name: value}))
    with pytest.raises(SourceError, match=words):
        load(path)


def test_that_other_files_are_refused(tmp_path):
    with pytest.raises(SourceError, match=r"missing.json cannot be read: No such file"):
        load(tmp_path / "missing.json")
    for name in ("text.json", "text.arrow"):
        path = tmp_path / name
        path.write_text("no calibrator")
        with pytest.raises(SourceError, match="is no calibrator of fastrank, or is damaged"):
            load(path)
    with pytest.raises(ParameterError, match=r"ends with .json or .arrow"):
        load(tmp_path / "c.pickle")
    table = pa.table({"x": [0.1], "y": [0.5]})
    with pa.ipc.new_file(tmp_path / "table.arrow", table.schema) as writer:
        writer.write_table(table)
    with pytest.raises(SourceError, match="is no calibrator"):
        load(tmp_path / "table.arrow")
    path = tmp_path / "cut.arrow"
    fitted()[0].save(path)
    path.write_bytes(path.read_bytes()[:-40])
    with pytest.raises(SourceError, match="is no calibrator"):
        load(path)


def test_that_only_a_fit_is_saved(tmp_path):
    path = tmp_path / "c.json"
    with pytest.raises(NotFittedError):
        PlattCalibrator().save(path)
    with pytest.raises(ParameterError, match=r"ends with .json or .arrow"):
        fitted()[0].save(tmp_path / "c.pickle")
    assert not list(tmp_path.iterdir())
    assert not hasattr(PlattCalibrator(), "slope")
    with pytest.raises(AttributeError, match="has no attribute 'slopes'"):
        _ = fitted()[3].slopes
