"""Thresholds and what they reach: curves, operating points, quantiles of scores."""

from __future__ import annotations

import math
from collections import defaultdict
from fractions import Fraction
from itertools import pairwise
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from fastrank.reference.discrimination import _cells, auc
from fastrank.reference.labels import two_classes

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import ArrayLike

__all__ = [
    "best_threshold",
    "cumulative_gain",
    "lift",
    "pr_curve",
    "precision_at_recall",
    "quantile",
    "reached_thresholds",
    "recall_at_precision",
    "roc_curve",
    "score_quantiles",
    "tpr_at_fpr",
]


class Reach(NamedTuple):
    """A threshold, and the weight of each class that scores as much or more."""

    threshold: float
    tp: Fraction
    fp: Fraction


def cell_floors(score: ArrayLike, bits: int) -> list[float]:
    """The lower end of each score's cell: the float32 with the first key of the cell."""
    keys = (_cells(score, bits) << np.uint32(32 - bits)).astype(np.uint32)
    # The lowest cells begin below the key of -inf, where no number is.
    keys = np.maximum(keys, np.uint32(0x007FFFFF))
    sign = np.uint32(1 << 31)
    floors = np.where(keys & sign, keys ^ sign, ~keys).astype(np.uint32).view(np.float32)
    return [float(floor) for floor in floors]


def reached_thresholds(
    label: ArrayLike, score: ArrayLike, weight: ArrayLike | None = None, bits: int | None = None
) -> list[Reach]:
    """What each threshold reaches: inf, which no row does, then each distinct score (or cell), descending."""
    scores = np.asarray(score, np.float64).tolist() if bits is None else cell_floors(score, bits)
    labels = np.asarray(label).tolist()
    weights = [1] * len(labels) if weight is None else np.asarray(weight, np.float64).tolist()
    classes: dict[float, list[Fraction]] = defaultdict(lambda: [Fraction(0), Fraction(0)])
    for y, s, w in zip(labels, scores, weights, strict=True):
        if w > 0:
            classes[s][int(y == 1)] += Fraction(w)
    result = [Reach(math.inf, Fraction(0), Fraction(0))]
    for s in sorted(classes, reverse=True):
        negative, positive = classes[s]
        result.append(Reach(s + 0.0, result[-1].tp + positive, result[-1].fp + negative))
    return result


@two_classes
def roc_curve(
    label: ArrayLike,
    score: ArrayLike,
    weight: ArrayLike | None = None,
    *,
    points: int | None = None,  # noqa: ARG001  (of what is shown)
    bits: int | None = None,
) -> float:
    """The area under the ROC curve, whatever points of it are shown."""
    return auc(label, score, weight, bits=bits)


@two_classes
def pr_curve(
    label: ArrayLike,
    score: ArrayLike,
    weight: ArrayLike | None = None,
    *,
    points: int | None = None,  # noqa: ARG001  (of what is shown)
    bits: int | None = None,
) -> float:
    """Average precision: the sum over thresholds of the step in recall times precision."""
    reach = reached_thresholds(label, score, weight, bits)
    if reach[-1].tp == 0:
        return math.nan
    total = sum((r.tp - above.tp) * r.tp / (r.tp + r.fp) for above, r in pairwise(reach))
    return float(total / reach[-1].tp)


@two_classes
def recall_at_precision(
    label: ArrayLike,
    score: ArrayLike,
    weight: ArrayLike | None = None,
    *,
    precision: float = 0.9,
    bits: int | None = None,
) -> float:
    """The highest recall of thresholds with at least this precision, as float64; 0 where there is none."""
    reach = reached_thresholds(label, score, weight, bits)
    if reach[-1].tp == 0:
        return math.nan
    return max([0.0, *(float(r.tp / reach[-1].tp) for r in reach[1:] if float(r.tp / (r.tp + r.fp)) >= precision)])


@two_classes
def precision_at_recall(
    label: ArrayLike,
    score: ArrayLike,
    weight: ArrayLike | None = None,
    *,
    recall: float = 0.9,
    bits: int | None = None,
) -> float:
    """The highest precision of thresholds with at least this recall, as float64."""
    reach = reached_thresholds(label, score, weight, bits)
    if reach[-1].tp == 0:
        return math.nan
    return max(float(r.tp / (r.tp + r.fp)) for r in reach[1:] if float(r.tp / reach[-1].tp) >= recall)


@two_classes
def tpr_at_fpr(
    label: ArrayLike,
    score: ArrayLike,
    weight: ArrayLike | None = None,
    *,
    fpr: float = 0.01,
    bits: int | None = None,
) -> float:
    """The highest true positive rate of thresholds with at most this false positive rate, as float64."""
    reach = reached_thresholds(label, score, weight, bits)
    if reach[-1].tp == 0 or reach[-1].fp == 0:
        return math.nan
    return max(float(r.tp / reach[-1].tp) for r in reach if float(r.fp / reach[-1].fp) <= fpr)


@two_classes
def best_threshold(
    label: ArrayLike,
    score: ArrayLike,
    weight: ArrayLike | None = None,
    *,
    criterion: str = "f1",
    cost_fp: float = 1.0,
    cost_fn: float = 1.0,
    bits: int | None = None,
) -> float:
    """The threshold with the best criterion, as float64; of equal ones the highest."""
    reach = reached_thresholds(label, score, weight, bits)
    all_tp, all_fp = reach[-1].tp, reach[-1].fp
    if criterion == "f1":
        if all_tp == 0:
            return math.nan
        values = [float(2 * r.tp / (r.tp + r.fp + all_tp)) for r in reach]
    elif criterion == "youden":
        if all_tp == 0 or all_fp == 0:
            return math.nan
        values = [float(r.tp / all_tp - r.fp / all_fp) for r in reach]
    else:
        if all_tp + all_fp == 0:
            return math.nan
        each = [Fraction(cost_fp) * r.fp + Fraction(cost_fn) * (all_tp - r.tp) for r in reach]
        values = [-float(cost / (all_tp + all_fp)) for cost in each]
    return reach[values.index(max(values))].threshold


@two_classes
def lift(
    label: ArrayLike,
    score: ArrayLike,
    weight: ArrayLike | None = None,
    *,
    fraction: float = 0.1,
    points: int | None = 100,  # noqa: ARG001  (of what is shown)
    bits: int | None = None,
) -> float:
    """The share of positives among the rows that score highest, over their share of all rows."""
    reach = reached_thresholds(label, score, weight, bits)
    if reach[-1].tp == 0:
        return math.nan
    rows, captured = _top(reach, fraction)
    return float(captured / rows / (reach[-1].tp / (reach[-1].tp + reach[-1].fp)))


@two_classes
def cumulative_gain(
    label: ArrayLike,
    score: ArrayLike,
    weight: ArrayLike | None = None,
    *,
    fraction: float = 0.1,
    points: int | None = 100,  # noqa: ARG001  (of what is shown)
    bits: int | None = None,
) -> float:
    """The share of all positives that are among the rows which score highest."""
    reach = reached_thresholds(label, score, weight, bits)
    if reach[-1].tp == 0:
        return math.nan
    return float(_top(reach, fraction)[1] / reach[-1].tp)


def _top(reach: Sequence[Reach], fraction: float) -> tuple[Fraction, Fraction]:
    """The weight of the rows that score highest, and of the positives among them; tied rows share what room there
    is."""
    every = reach[-1].tp + reach[-1].fp
    rows = min(Fraction(float(every) * fraction), every)
    captured = Fraction(0)
    for above, r in pairwise(reach):
        tied, room = r.tp + r.fp - above.tp - above.fp, rows - above.tp - above.fp
        if room > 0:
            captured += (r.tp - above.tp) * min(room / tied, Fraction(1))
    return rows, captured


@two_classes
def score_quantiles(
    label: ArrayLike,
    score: ArrayLike,
    weight: ArrayLike | None = None,
    *,
    q: tuple[float, ...] = (0.01, 0.05, 0.25, 0.5, 0.75, 0.95, 0.99),  # noqa: ARG001  (of what is shown)
    bits: int | None = None,
) -> float:
    """The median of all scores: the smallest of which at least half of the weight is no more."""
    return quantile(label, score, weight, q=0.5, bits=bits)


def quantile(
    label: ArrayLike,
    score: ArrayLike,
    weight: ArrayLike | None = None,
    *,
    q: float,
    of: str = "all",
    bits: int | None = None,
) -> float:
    """The smallest score of "negative", "positive" or "all" rows such that the share of those which score no more is,
    as float64, at least q."""
    chosen = {"negative": (0, 1), "positive": (1, 0), "all": (1, 1)}[of]
    reach = reached_thresholds(label, score, weight, bits)
    weights = [chosen[0] * r.tp + chosen[1] * r.fp for r in reach]
    for r, above in zip(reversed(reach), reversed(weights[:-1]), strict=False):
        share = 1 - above / weights[-1] if weights[-1] else math.nan
        if share > 0 and float(share) >= q:
            return r.threshold
    return math.nan
