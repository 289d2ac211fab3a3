"""The reference of multiclass metrics, worked by hand."""

from __future__ import annotations

import math
from fractions import Fraction

import numpy as np

from fastrank import reference

LABEL = [0, 1, 2, 1]
SCORE = np.array([[0.7, 0.2, 0.1], [0.3, 0.4, 0.3], [0.2, 0.2, 0.6], [0.5, 0.1, 0.4]])


def test_auc_against_the_rest():
    # Classes 0 and 2 are above all others by their scores; of class 1 0.4 is above 0.2 and 0.2, and 0.1 below.
    assert reference.multiclass_auc_table(LABEL, SCORE) == [((0,), 1.0, 1.0), ((1,), 0.5, 2.0), ((2,), 1.0, 1.0)]
    assert reference.multiclass_auc(LABEL, SCORE) == 2.5 / 3
    assert reference.multiclass_auc(LABEL, SCORE, average="weighted") == 0.75
    # With weight 3 on 0.4 class 1 wins 3 of 4, and weighs 4 of 6.
    assert reference.multiclass_auc(LABEL, SCORE, [1, 3, 1, 1], average="weighted") == 5 / 6


def test_auc_of_pairs_of_classes():
    assert [area for _, area, _ in reference.multiclass_auc_table(LABEL, SCORE, scheme="ovo")] == [0.75, 1.0, 0.75]
    assert reference.multiclass_auc(LABEL, SCORE, scheme="ovo", average="weighted") == 6.5 / 8


def test_auc_of_all_scores_together():
    assert reference.multiclass_auc(LABEL, SCORE, average="micro") == 23 / 32


def test_columns_and_names_of_classes():
    names = ["x", "y", "z"]
    given = {"scores": list(SCORE.T), "classes": names}
    assert reference.multiclass_auc([names[k] for k in LABEL], **given) == 2.5 / 3


def test_bounds_of_the_auc():
    # 12 bits hold the exponent and 3 bits of the mantissa: 0.7 and 0.6 lie in cells of their own, as do 0.4 and 0.5.
    lower, upper = reference.multiclass_auc_bounds(LABEL, SCORE, bits=12)
    assert lower <= 2.5 / 3 <= upper
    # In one cell everything may be won or lost.
    near = 1 + np.arange(12).reshape(4, 3) * 1e-6
    assert reference.multiclass_auc_bounds(LABEL, near, bits=12) == (0.0, 1.0)


def test_undefined_aucs():
    assert math.isnan(reference.multiclass_auc([1, 1], SCORE[:2]))
    assert math.isnan(reference.multiclass_auc([1, 1], SCORE[:2], scheme="ovo"))
    # Positives 0.2 and 0.4; negatives 0.7, 0.1, 0.3, 0.3: 1 and 3 of 4 won.
    assert reference.multiclass_auc([1, 1], SCORE[:2], average="micro") == 4 / 8
    assert math.isnan(reference.multiclass_auc([], np.empty((0, 3))))


def test_top_k_accuracy():
    # First; second; one of two tied for the second place; third.
    score = [[0.7, 0.2, 0.1], [0.5, 0.4, 0.1], [0.6, 0.2, 0.2], [0.1, 0.2, 0.7]]
    assert reference.top_k_accuracy([0, 1, 2, 0], score) == 2.5 / 4
    assert reference.top_k_accuracy([0, 1, 2, 0], score, [1, 1, 2, 0], k=1) == 1 / 4
    assert math.isnan(reference.top_k_accuracy([], np.empty((0, 3))))


def test_confusion():
    score = [*SCORE[:3].tolist(), [0.5, 0.5, 0.0]]
    table = reference.multiclass_confusion_table(LABEL, score, [1, 2, 0.5, 4])
    assert {pair: w for pair, w in table.items() if w} == {(0, 0): 1, (1, 1): 2, (2, 2): Fraction(1, 2), (1, 0): 4}
    assert len(table) == 9
    assert reference.multiclass_confusion(LABEL, score, [1, 2, 0.5, 4]) == 3.5 / 7.5
    assert math.isnan(reference.multiclass_confusion([], np.empty((0, 3))))
