"""How well scores of several classes tell the true class.

`score` is [rows, classes], or `scores` holds an array for each class.  `label` is the number of a class or, with
`classes`, one of these, in the order of the scores.
"""

from __future__ import annotations

import math
from fractions import Fraction
from itertools import combinations
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from fastrank.reference.discrimination import auc, auc_bounds

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import ArrayLike, NDArray

    Area = Callable[[NDArray[Any], NDArray[Any], NDArray[Any]], float]
    Round = Callable[[Fraction], float]

__all__ = [
    "multiclass_auc",
    "multiclass_auc_bounds",
    "multiclass_auc_table",
    "multiclass_confusion",
    "multiclass_confusion_table",
    "top_k_accuracy",
]


class RowsOfClasses(NamedTuple):
    label: NDArray[np.int64]
    score: NDArray[Any]
    weight: NDArray[np.float64]


def rows_of_classes(
    label: ArrayLike, score: Any, weight: ArrayLike | None, scores: Any, classes: Sequence[Any] | None
) -> RowsOfClasses:
    matrix = np.asarray(score) if scores is None else np.column_stack([np.asarray(column) for column in scores])
    matrix = matrix if matrix.ndim == 2 else matrix.reshape(0, 0)  # of no rows
    values = np.asarray(label).tolist()
    numbers = values if classes is None else [list(classes).index(value) for value in values]
    weights = np.ones(len(values)) if weight is None else np.asarray(weight, np.float64)
    return RowsOfClasses(np.array(numbers, np.int64), matrix, weights)


def _total(weights: NDArray[np.float64]) -> Fraction:
    return sum(map(Fraction, weights.tolist()), Fraction(0))


def _mean(weights: Sequence[Fraction | int], values: Sequence[float], rounded: Round) -> float:
    total = sum(weights)
    if not total:
        return math.nan
    return rounded(sum((w * Fraction(x) for w, x in zip(weights, values, strict=True)), Fraction(0)) / total)


def _areas(
    rows: RowsOfClasses, scheme: str, area: Area, rounded: Round
) -> list[tuple[tuple[int, ...], Fraction, float]]:
    """(class, its weight, AUC) of each class, or (classes, their weight, mean AUC) of each pair of classes."""
    label, score, weight = rows
    each = range(score.shape[1])
    if scheme == "ovr":
        return [((k,), _total(weight[label == k]), area(label == k, score[:, k], weight)) for k in each]
    found: list[tuple[tuple[int, ...], Fraction, float]] = []
    for a, b in combinations(each, 2):
        both = (label == a) | (label == b)
        areas = [area(label[both] == k, score[both, k], weight[both]) for k in (a, b)]
        mean = math.nan if math.isnan(areas[0]) else _mean([1, 1], areas, rounded)
        found.append(((a, b), _total(weight[both]), mean))
    return found


def _multiclass_auc(rows: RowsOfClasses, average: str, scheme: str, area: Area, rounded: Round) -> float:
    label, score, weight = rows
    classes = score.shape[1]
    if not len(label):
        return math.nan
    if average == "micro":
        own = label[:, None] == np.arange(classes)
        return area(own.ravel(), score.ravel(), np.repeat(weight, classes))
    defined = [(w, x) for _, w, x in _areas(rows, scheme, area, rounded) if not math.isnan(x)]
    return _mean([w if average == "weighted" else 1 for w, _ in defined], [x for _, x in defined], rounded)


def multiclass_auc(
    label: ArrayLike,
    score: ArrayLike | None = None,
    weight: ArrayLike | None = None,
    *,
    average: str = "macro",
    scheme: str = "ovr",
    bits: int | None = None,
    scores: Sequence[ArrayLike] | None = None,
    classes: Sequence[Any] | None = None,
) -> float:
    """The mean over classes of the AUC of each against the rest ("ovr"), or over pairs of classes of the mean of both
    AUCs ("ovo"), of those that are defined; or the AUC of all scores of all rows, the true class against the others.

    Each AUC is rounded to a float64, and their mean again.
    """
    rows = rows_of_classes(label, score, weight, scores, classes)
    return _multiclass_auc(rows, average, scheme, lambda y, s, w: auc(y, s, w, bits=bits), float)


def multiclass_auc_bounds(
    label: ArrayLike,
    score: ArrayLike | None = None,
    weight: ArrayLike | None = None,
    *,
    average: str = "macro",
    scheme: str = "ovr",
    bits: int,
    scores: Sequence[ArrayLike] | None = None,
    classes: Sequence[Any] | None = None,
) -> tuple[float, float]:
    """The means of the bounds of each AUC, rounded outward."""
    rows = rows_of_classes(label, score, weight, scores, classes)
    lower = _multiclass_auc(rows, average, scheme, lambda y, s, w: auc_bounds(y, s, w, bits=bits)[0], _down)
    upper = _multiclass_auc(rows, average, scheme, lambda y, s, w: auc_bounds(y, s, w, bits=bits)[1], _up)
    return lower, upper


def _down(exact: Fraction) -> float:
    near = float(exact)
    return math.nextafter(near, -math.inf) if near > exact else near


def _up(exact: Fraction) -> float:
    near = float(exact)
    return math.nextafter(near, math.inf) if near < exact else near


def multiclass_auc_table(
    label: ArrayLike, score: ArrayLike, weight: ArrayLike | None = None, *, scheme: str = "ovr"
) -> list[tuple[tuple[int, ...], float, float]]:
    """(class or pair of classes, AUC, weight) of each."""
    found = _areas(rows_of_classes(label, score, weight, None, None), scheme, auc, float)
    return [(names, area, float(total)) for names, total, area in found]


def top_k_accuracy(
    label: ArrayLike,
    score: ArrayLike | None = None,
    weight: ArrayLike | None = None,
    *,
    k: int = 2,
    scores: Sequence[ArrayLike] | None = None,
    classes: Sequence[Any] | None = None,
) -> float:
    """The share of rows whose class is among the k of the highest scores; with ties, the probability of that over all
    orders of the tied classes."""
    rows = rows_of_classes(label, score, weight, scores, classes)
    shares = []
    for own, values in zip(rows.label.tolist(), rows.score.tolist(), strict=True):
        above = sum(x > values[own] for x in values)
        tied = sum(x == values[own] for x in values)
        shares.append(float(min(max(Fraction(k - above, tied), Fraction(0)), Fraction(1))))
    return _mean([Fraction(w) for w in rows.weight.tolist()], shares, float)


def multiclass_confusion_table(
    label: ArrayLike,
    score: ArrayLike | None = None,
    weight: ArrayLike | None = None,
    *,
    scores: Sequence[ArrayLike] | None = None,
    classes: Sequence[Any] | None = None,
) -> dict[tuple[int, int], Fraction]:
    """The weight of each pair of a true and a predicted class: the first of those with the highest score."""
    rows = rows_of_classes(label, score, weight, scores, classes)
    count = rows.score.shape[1] if len(rows.label) else 0
    table = {(true, predicted): Fraction(0) for true in range(count) for predicted in range(count)}
    for true, values, w in zip(rows.label.tolist(), rows.score.tolist(), rows.weight.tolist(), strict=True):
        table[true, values.index(max(values))] += Fraction(w)
    return table


def multiclass_confusion(
    label: ArrayLike,
    score: ArrayLike | None = None,
    weight: ArrayLike | None = None,
    *,
    scores: Sequence[ArrayLike] | None = None,
    classes: Sequence[Any] | None = None,
) -> float:
    """Accuracy: the share of the table's diagonal."""
    table = multiclass_confusion_table(label, score, weight, scores=scores, classes=classes)
    total = sum(table.values())
    return float(sum(w for (true, predicted), w in table.items() if true == predicted) / total) if total else math.nan
