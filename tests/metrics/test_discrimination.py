"""Hand-worked cases of metrics of how well scores tell the classes apart."""

from __future__ import annotations

import math
from fractions import Fraction

import numpy as np

import fastrank as fr
from fastrank import metrics as m

LABEL, SCORE = [0, 0, 1, 1], [0.1, 0.4, 0.35, 0.8]


def test_auc_counts_pairs() -> None:
    # Pairs (positive, negative): .35>.1 yes, .35>.4 no, .8>.1 yes, .8>.4 yes: 3 of 4.
    assert m.auc().compute(LABEL, SCORE) == 0.75
    # Of four pairs all are ties: one half each.
    assert m.auc().compute(LABEL, [7, 7, 7, 7]) == 0.5
    # -0.0 equals 0.0; infinities are ordinary: (inf, -0.0) win, (inf, -inf) win, (0.0, -0.0) tie, (0.0, -inf) win.
    assert m.auc().compute([1, 0, 1, 0], [math.inf, -0.0, 0.0, -math.inf]) == 3.5 / 4


def test_auc_with_weights() -> None:
    # Pairs (weight product, win): (.35,.1) 3*1 yes, (.35,.4) 3*2 no, (.8,.1) 5*1 yes, (.8,.4) 5*2 yes: 18 of 24.
    assert m.auc().compute(LABEL, SCORE, weight=[1, 2, 3, 5]) == 18 / 24
    # A row of weight 0 is absent: one class is left.
    assert math.isnan(m.auc().compute(LABEL, SCORE, weight=[1, 1, 0, 0]))


def test_auc_of_one_class_is_nan() -> None:
    assert math.isnan(m.auc().compute([1, 1], [0.2, 0.3]))
    assert math.isnan(m.auc(bits=12).compute([0, 0], [0.2, 0.3]))


def test_auc_tells_neighbouring_float64_scores_apart() -> None:
    assert m.auc().compute([0, 1], [0.5, math.nextafter(0.5, 1)]) == 1.0
    assert m.auc().compute([0, 1], np.array([0.5, math.nextafter(0.5, 1)], np.float32)) == 0.5


def test_binned_auc_has_bounds_that_hold() -> None:
    # 12 bits: sign, exponent, 3 bits of the fraction: 1.0 and 1.1 share a cell, 2.0 does not.
    rows = {"y": [1, 0, 1], "s": np.array([1.0, 1.1, 2.0])}
    table = fr.evaluate(rows, "auc(bits=12)", label="y", score="s").table
    assert table["value"].to_pylist() == [0.75]
    assert table["bound_lower"].to_pylist() == [0.5]
    assert table["bound_upper"].to_pylist() == [1.0]
    assert table["exact"].to_pylist() == [False]
    rows["s"] = np.array([1.0, 4.0, 2.0])
    table = fr.evaluate(rows, "auc(bits=12)", label="y", score="s").table
    assert table["exact"].to_pylist() == [True]
    assert table["value"].to_pylist() == [0.0]


def test_bounds_are_rounded_outward() -> None:
    rows = {"y": [1, 0, 0, 0], "s": np.array([1.0, 1.05, 0.5, 4.0])}
    row = fr.evaluate(rows, "auc(bits=12)", label="y", score="s").table.to_pylist()[0]
    assert Fraction(row["bound_lower"]) <= Fraction(1, 3) < Fraction(row["bound_upper"])
    assert Fraction(row["bound_upper"]) >= Fraction(2, 3)
    assert row["bound_upper"] - 2 / 3 < 1e-15
    assert row["value"] == 0.5
