"""Curves over all thresholds, with the number that sums each up."""

from __future__ import annotations

import math
from fractions import Fraction
from typing import TYPE_CHECKING, Any

import numpy as np

from fastrank.metrics.base import Value, metric
from fastrank.metrics.discrimination import auc, average_precision
from fastrank.metrics.parameters import Number, WholeNumber
from fastrank.metrics.scores import BITS, LABELLED, rounded, scores_of
from fastrank.sweeps import Pairs, PrecisionArea, Thresholds, TopRows

if TYPE_CHECKING:
    from collections.abc import Mapping

    from fastrank.metrics.parameters import Kind

__all__ = ["cumulative_gain", "lift", "pr_curve", "roc_curve"]

POINTS: Mapping[str, Kind] = {
    "points": WholeNumber(
        2,
        2**53,
        optional=True,
        none_means="all, which takes memory for each distinct score",
        doc="At most this many points of the curve: the corners of the convex hull of the ROC curve (too many of them "
        "are dropped one by one, each time the one that costs least area), and others spread evenly along it.",
    )
}
FRACTION: Mapping[str, Kind] = {
    "fraction": Number(0.0, 1.0, "high", doc="Share of the rows, those that score highest.")
}
CUT = (
    "the correctly rounded quotient of integers; with bits= rows of a cell count as tied, and the value lies between "
    "bound_lower and bound_upper for any data"
)


def _curve_columns(thresholds: Thresholds) -> tuple[Mapping[str, Any], float, float]:
    """The points as columns, and the weight of all negatives and positives (NaN where there are none)."""
    chosen, totals = thresholds.chosen, thresholds.totals
    columns = {"threshold": chosen.thresholds, "tp": chosen.positives, "fp": chosen.negatives}
    return columns, totals.negatives * totals.scale or math.nan, totals.positives * totals.scale or math.nan


@metric(
    family="curves",
    **LABELLED,
    states=lambda p: {"pairs": scores_of(p), "thresholds": scores_of(p)},
    sweeps=lambda p: {"pairs": Pairs(), "thresholds": Thresholds(p.points)},
    parameters={**POINTS, **BITS},
    aliases=("roc", "binary_roc"),
    range=(0.0, 1.0),
    better="higher",
    undefined="all rows are of one class",
    exactness="that of auc: the correctly rounded quotient of integers; with bits= its midpoint and bounds, and the "
    "points of the curve are true ones, at ends of cells",
    source="as sklearn.metrics.roc_curve with drop_intermediate=False, but NaN rates where a class is missing",
)
def roc_curve(pairs: Pairs, thresholds: Thresholds, *, points: int | None = None, bits: int | None = None) -> Value:
    """ROC curve, true against false positive rate over all thresholds; the value is the area under it, as auc.

    `Result.curve` has a row for each distinct score, by descending threshold, rows that score as much or more being
    taken as positive: threshold, tp, fp (rows, or weight), fpr, tpr; the first, of threshold inf, takes none.

    Examples
    --------
    >>> import fastrank as fr
    >>> rows = {"y": [0, 0, 1, 1], "s": [0.1, 0.4, 0.35, 0.8]}
    >>> result = fr.evaluate(rows, "roc_curve", label="y", score="s")
    >>> result["roc_curve"], result.curve("roc_curve")["tpr"].to_pylist()
    (0.75, [0.0, 0.5, 0.5, 1.0, 1.0])
    """
    columns, negatives, positives = _curve_columns(thresholds)
    curve = {**columns, "fpr": columns["fp"] / negatives, "tpr": columns["tp"] / positives}
    area = auc.definition.finalize(pairs, bits=bits)
    assert isinstance(area, Value)
    return area._replace(curve=curve)


@metric(
    family="curves",
    **LABELLED,
    states=lambda p: {"area": scores_of(p), "thresholds": scores_of(p)},
    sweeps=lambda p: {"area": PrecisionArea(), "thresholds": Thresholds(p.points)},
    parameters={**POINTS, **BITS},
    aliases=("precision_recall_curve", "binary_precision_recall_curve"),
    range=(0.0, 1.0),
    better="higher",
    undefined="there is no positive row",
    exactness="terms are float64 and their sum is exact; with bits= rows of a cell count as tied, and the value lies "
    "between bound_lower and bound_upper for any data",
    source="as sklearn.metrics.precision_recall_curve and average_precision_score, but by descending threshold, and "
    "NaN where there is no positive row",
)
def pr_curve(
    area: PrecisionArea, thresholds: Thresholds, *, points: int | None = None, bits: int | None = None
) -> Value:
    """Precision against recall over all thresholds; the value is the average precision of all scores.

    sum over distinct scores of (weight of its positives) * (precision of a threshold there) / (weight of positives).
    `Result.curve` has a row for each distinct score, by descending threshold, rows that score as much or more being
    taken as positive: threshold, tp, fp (rows, or weight), precision, recall; the first, of threshold inf, takes none,
    and its precision is 1.

    Examples
    --------
    >>> import fastrank as fr
    >>> rows = {"y": [0, 0, 1, 1], "s": [0.1, 0.4, 0.35, 0.8]}
    >>> result = fr.evaluate(rows, "pr_curve", label="y", score="s")
    >>> result.curve("pr_curve")["precision"].to_pylist()
    [1.0, 1.0, 0.5, 0.6666666666666666, 0.5]
    >>> round(result["pr_curve"], 6)
    0.833333
    """
    columns, _, positives = _curve_columns(thresholds)
    taken = columns["tp"] + columns["fp"]
    precision = np.divide(columns["tp"], taken, out=np.ones(taken.size), where=taken > 0)
    curve = {**columns, "precision": precision, "recall": columns["tp"] / positives}
    value = average_precision.definition.finalize(area, bits=bits)
    assert isinstance(value, Value)
    return value._replace(curve=curve)


def _outward(bound: Fraction, towards: float) -> float:
    return rounded(bound.numerator, bound.denominator, towards)


def _of_top_rows(top: TopRows, thresholds: Thresholds, bits: int | None, share: Fraction) -> Value:
    """The share of positives among the top rows, over another share."""
    columns, _, positives = _curve_columns(thresholds)
    rows = (top.totals.negatives + top.totals.positives) * top.totals.scale or math.nan
    fraction, gain = (columns["tp"] + columns["fp"]) / rows, columns["tp"] / positives
    lift = np.divide(gain, fraction, out=np.full(gain.size, math.nan), where=fraction > 0)
    curve = {**columns, "fraction": fraction, "gain": gain, "lift": lift}
    if not top.totals.positives:
        return Value(math.nan, curve=curve)
    value, least, most = (each / top.totals.positives / share for each in (top.positives, top.least, top.most))
    if bits is None:
        return Value(float(value), curve=curve)
    return Value(float(value), _outward(least, -math.inf), _outward(most, math.inf), curve=curve)


@metric(
    family="curves",
    **LABELLED,
    states=lambda p: {"top": scores_of(p), "thresholds": scores_of(p)},
    sweeps=lambda p: {"top": TopRows(p.fraction), "thresholds": Thresholds(p.points)},
    parameters={**FRACTION, **POINTS, **BITS},
    aliases=("lift_score", "lift_curve"),
    number="fraction",
    range=(0.0, math.inf),
    better="higher",
    undefined="there is no positive row",
    exactness=CUT,
    source="marketing's lift chart",
)
def lift(
    top: TopRows,
    thresholds: Thresholds,
    *,
    fraction: float = 0.1,
    points: int | None = 100,
    bits: int | None = None,
) -> Value:
    """Lift: how many times as many positives the rows that score highest have as have as many rows at random.

    (share of positives among the top fraction of rows) / (share of positives among all rows).  Of rows that score the
    same at the cut as many count as there is room for, by their expected value over all orders.  `Result.curve` has a
    row for each distinct score, by descending threshold: threshold, tp, fp, fraction of the rows, gain, lift.

    Examples
    --------
    >>> from fastrank import metrics
    >>> metrics.lift(fraction=0.25).compute([0, 0, 1, 1], [0.1, 0.4, 0.35, 0.8])
    2.0
    """
    rows = top.totals.negatives + top.totals.positives
    return _of_top_rows(top, thresholds, bits, top.rows / rows if rows else Fraction(1))


@metric(
    family="curves",
    **LABELLED,
    states=lambda p: {"top": scores_of(p), "thresholds": scores_of(p)},
    sweeps=lambda p: {"top": TopRows(p.fraction), "thresholds": Thresholds(p.points)},
    parameters={**FRACTION, **POINTS, **BITS},
    aliases=("gain_curve", "cumulative_gain_curve"),
    number="fraction",
    range=(0.0, 1.0),
    better="higher",
    undefined="there is no positive row",
    exactness=CUT,
    source="marketing's chart of cumulative gains",
)
def cumulative_gain(
    top: TopRows,
    thresholds: Thresholds,
    *,
    fraction: float = 0.1,
    points: int | None = 100,
    bits: int | None = None,
) -> Value:
    """Cumulative gain: the share of all positives that are among the rows which score highest.

    Of rows that score the same at the cut as many count as there is room for, by their expected value over all orders.
    `Result.curve` has a row for each distinct score, by descending threshold: threshold, tp, fp, fraction of the rows,
    gain, lift.

    Examples
    --------
    >>> from fastrank import metrics
    >>> metrics.cumulative_gain(fraction=0.5).compute([0, 0, 1, 1], [0.1, 0.4, 0.35, 0.8])
    0.5
    """
    return _of_top_rows(top, thresholds, bits, Fraction(1))
