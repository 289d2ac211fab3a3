"""Hand-worked cases of losses of probabilities."""

from __future__ import annotations

import math

import numpy as np
import pyarrow as pa
import pytest

import fastrank as fr
from fastrank import metrics as m


def test_log_loss() -> None:
    # -(log .8 + log .9) / 2
    assert m.log_loss().compute([0, 1], [0.2, 0.9]) == pytest.approx(-(math.log(0.8) + math.log(0.9)) / 2, rel=1e-15)
    # (1 * -log .8 + 3 * -log .9) / 4
    expected = -(math.log(0.8) + 3 * math.log(0.9)) / 4
    assert m.log_loss().compute([0, 1], [0.2, 0.9], weight=[1, 3]) == pytest.approx(expected, rel=1e-15)


def test_log_loss_clips_and_counts() -> None:
    # A certain miss costs -log 2^-52 = 52 log 2; a certain hit -log1p(-2^-52) = 2^-52 + 2^-105 + ...
    assert m.log_loss().compute([0], [1.0]) == 52 * math.log(2)
    assert m.log_loss().compute([1], [1.0]) == math.nextafter(2.0**-52, 1)
    assert m.log_loss(eps=0.25).compute([1, 0], [0.1, 0.9]) == pytest.approx(math.log(4))
    for dtype in (np.float32, np.float64):
        rows = {"y": [0, 1, 0, 1, 0], "p": np.array([0, 1, 0.5, 2.0**-60, 1], dtype), "w": [1, 1, 1, 1, 0]}
        assert fr.evaluate(rows, "log_loss", label="y", score="p").table["rows_clipped"].to_pylist() == [4]
        weighted = fr.evaluate(rows, "log_loss", label="y", score="p", weight="w")
        assert weighted.table["rows_clipped"].to_pylist() == [3]
    # 1 - 2^-30 is no float32, but 1 - 2^-24 is, and lies inside.
    inside = {"y": [1], "p": np.array([1 - 2.0**-24], np.float32)}
    assert fr.evaluate(inside, "log_loss", label="y", score="p").table["rows_clipped"].to_pylist() == [0]


def test_log_loss_keeps_what_float32_knows() -> None:
    # log(1 - p) of a tiny float32 p is -p: taking 1 - p in float32 would give 0.
    tiny = np.array([1e-10], np.float32)
    assert m.log_loss().compute([0], tiny) == pytest.approx(float(tiny[0]), rel=1e-9)


def test_nce_backgrounds() -> None:
    label, score = [0, 1, 0, 0], [0.2, 0.9, 0.4, 0.1]
    loss = -(math.log(0.8) + math.log(0.9) + math.log(0.6) + math.log(0.9)) / 4
    own = -(0.25 * math.log(0.25) + 0.75 * math.log(0.75))
    assert m.nce().compute(label, score) == pytest.approx(loss / own, rel=1e-14)
    given = -(0.25 * math.log(0.1) + 0.75 * math.log(0.9))
    assert m.nce(background=0.1).compute(label, score) == pytest.approx(loss / given, rel=1e-14)
    rows = {"y": label, "p": score, "b": [0.1, 0.5, 0.5, 0.5]}
    rowwise = -(math.log(0.9) + 3 * math.log(0.5)) / 4
    assert fr.evaluate(rows, "nce(background=b)", label="y", score="p")["nce(background=b)"] == pytest.approx(
        loss / rowwise, rel=1e-14
    )
    # Predicting the background itself is exactly as good as it.
    assert m.nce().compute([0, 1, 0, 0], [0.25] * 4) == 1.0


def test_nce_of_one_class_is_nan() -> None:
    assert math.isnan(m.nce().compute([1, 1], [0.5, 0.6]))
    assert math.isnan(m.nce().compute([0, 0], [0.5, 0.6]))
    assert m.nce(background=0.5).compute([0, 0], [0.5, 0.5]) == 1.0


def test_brier() -> None:
    # (0.25^2 + 0.5^2) / 2
    assert m.brier().compute([0, 1], [0.25, 0.5]) == 0.15625
    # (1 * 0.0625 + 3 * 0.25) / 4
    assert m.brier().compute([0, 1], [0.25, 0.5], weight=[1, 3]) == 0.203125


def test_without_rows_everything_is_nan() -> None:
    empty = pa.record_batch({"y": pa.array([], pa.int8()), "p": pa.array([], pa.float32())})
    names = ["auc", "auc(bits=12)", "log_loss", "nce", "brier", "mse", "calibration_ratio"]
    evaluator = fr.Evaluator(names, label="y", score="p")
    evaluator.update(empty)
    result = evaluator.result()
    assert all(math.isnan(value) for value in result.table["value"].to_pylist())
    assert result.table["undefined"].to_pylist() == [1] * len(names)
