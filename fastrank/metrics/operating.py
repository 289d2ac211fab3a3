"""Operating points: the threshold that reaches most within a limit, the best one, and the scores at shares of rows.

A threshold takes as positive the rows that score as much or more; inf takes none, but where tp and fp say otherwise,
as some rows score inf.
"""

from __future__ import annotations

import math
from fractions import Fraction
from typing import TYPE_CHECKING, Any

import numpy as np

from fastrank.metrics.base import Value, metric
from fastrank.metrics.parameters import Choice, Number, Numbers
from fastrank.metrics.scores import BITS, LABELLED, rounded, scores_of, value_in_cell
from fastrank.sweeps import BestThreshold, PrecisionAtRecall, Quantiles, RecallAtPrecision, TprAtFpr

if TYPE_CHECKING:
    from collections.abc import Mapping

    from fastrank.sweeps import Totals
    from fastrank.sweeps.reach import Reach

__all__ = ["best_threshold", "precision_at_recall", "recall_at_precision", "score_quantiles", "tpr_at_fpr"]

EXACTNESS = (
    "the correctly rounded quotient of integers, and so is every rate that is compared with a limit; with bits= "
    "thresholds are ends of cells, and bound_upper is what no threshold inside a cell exceeds"
)


def _point(reach: Reach, totals: Totals, **first: float) -> Mapping[str, Any]:
    """A table of one row: a threshold and what it reaches."""
    tp, fp = reach.positives, reach.negatives
    row = {
        "threshold": reach.threshold,
        **first,
        "tp": tp * totals.scale,
        "fp": fp * totals.scale,
        "tpr": _quotient(tp, totals.positives),
        "fpr": _quotient(fp, totals.negatives),
        "precision": _quotient(tp, tp + fp),
        "recall": _quotient(tp, totals.positives),
    }
    return {name: np.array([value]) for name, value in row.items()}


def _quotient(part: int, whole: int) -> float:
    return part / whole if whole else math.nan


def _bounded(value: tuple[int, int], most: tuple[int, int], bits: int | None, curve: Mapping[str, Any]) -> Value:
    """A quotient of integers that a threshold attains, and the most that another could."""
    if bits is None:
        return Value(value[0] / value[1], curve=curve)
    # What the threshold attains is true of the rows, however they lie in their cells.
    most = max(value, most, key=lambda each: Fraction(*each))
    return Value(value[0] / value[1], rounded(*value, -math.inf), rounded(*most, math.inf), curve=curve)


@metric(
    family="operating",
    **LABELLED,
    states=lambda p: {"lowest": scores_of(p)},
    sweeps=lambda p: {"lowest": RecallAtPrecision(p.precision)},
    parameters={"precision": Number(0.0, 1.0, "high", doc="The least precision that is allowed."), **BITS},
    aliases=("recall_at_fixed_precision", "binary_recall_at_fixed_precision"),
    number="precision",
    range=(0.0, 1.0),
    better="higher",
    undefined="there is no positive row",
    exactness=EXACTNESS,
    source="as torchmetrics.classification.BinaryRecallAtFixedPrecision, but over all scores",
)
def recall_at_precision(lowest: RecallAtPrecision, *, precision: float = 0.9, bits: int | None = None) -> Value:
    """Highest recall of a threshold with at least this precision; 0, at threshold inf, where there is none.

    `Result.curve` has that threshold (of several the highest) and what it reaches: threshold, tp, fp, tpr, fpr,
    precision, recall.

    Examples
    --------
    >>> from fastrank import metrics
    >>> metrics.recall_at_precision(precision=0.6).compute([0, 0, 1, 1], [0.1, 0.4, 0.35, 0.8])
    1.0
    """
    return _of_lowest(lowest, bits)


@metric(
    family="operating",
    **LABELLED,
    states=lambda p: {"lowest": scores_of(p)},
    sweeps=lambda p: {"lowest": TprAtFpr(p.fpr)},
    parameters={"fpr": Number(0.0, 1.0, "low high", doc="The highest false positive rate that is allowed."), **BITS},
    aliases=("recall_at_fpr", "tpr_at_fixed_fpr"),
    number="fpr",
    range=(0.0, 1.0),
    better="higher",
    undefined="all rows are of one class",
    exactness=EXACTNESS,
    source="the ROC curve of sklearn.metrics.roc_curve, as steps: nothing is interpolated",
)
def tpr_at_fpr(lowest: TprAtFpr, *, fpr: float = 0.01, bits: int | None = None) -> Value:
    """Highest true positive rate of a threshold with at most this false positive rate.

    `Result.curve` has that threshold (of several the highest) and what it reaches: threshold, tp, fp, tpr, fpr,
    precision, recall.

    Examples
    --------
    >>> from fastrank import metrics
    >>> metrics.tpr_at_fpr(fpr=0.1).compute([0, 0, 1, 1], [0.1, 0.4, 0.35, 0.8])
    0.5
    """
    if not lowest.totals.negatives:
        return Value(math.nan, curve=_point(lowest.reach, lowest.totals))
    return _of_lowest(lowest, bits)


def _of_lowest(lowest: RecallAtPrecision | TprAtFpr, bits: int | None) -> Value:
    """The share of positives that a threshold reaches."""
    positives, curve = lowest.totals.positives, _point(lowest.reach, lowest.totals)
    if not positives:
        return Value(math.nan, curve=curve)
    return _bounded((lowest.reach.positives, positives), (lowest.most, positives), bits, curve)


@metric(
    family="operating",
    **LABELLED,
    states=lambda p: {"best": scores_of(p)},
    sweeps=lambda p: {"best": PrecisionAtRecall(p.recall)},
    parameters={"recall": Number(0.0, 1.0, "high", doc="The least recall that is allowed."), **BITS},
    aliases=("precision_at_fixed_recall", "binary_precision_at_fixed_recall"),
    number="recall",
    range=(0.0, 1.0),
    better="higher",
    undefined="there is no positive row",
    exactness=EXACTNESS,
    source="as torchmetrics.classification.BinaryPrecisionAtFixedRecall, but over all scores",
)
def precision_at_recall(best: PrecisionAtRecall, *, recall: float = 0.9, bits: int | None = None) -> Value:
    """Highest precision of a threshold with at least this recall.

    `Result.curve` has that threshold (of several the highest) and what it reaches: threshold, tp, fp, tpr, fpr,
    precision, recall.

    Examples
    --------
    >>> from fastrank import metrics
    >>> metrics.precision_at_recall(recall=0.5).compute([0, 0, 1, 1], [0.1, 0.4, 0.35, 0.8])
    1.0
    """
    curve = _point(best.reach, best.totals)
    if not best.totals.positives:
        return Value(math.nan, curve=curve)
    reach = best.reach
    return _bounded((reach.positives, reach.positives + reach.negatives), best.most, bits, curve)


@metric(
    family="operating",
    **LABELLED,
    states=lambda p: {"best": scores_of(p)},
    sweeps=lambda p: {"best": BestThreshold(p.criterion, p.cost_fp, p.cost_fn)},
    parameters={
        "criterion": Choice(
            ("f1", "youden", "cost"),
            doc="f1: 2 tp / (2 tp + fp + fn), the highest; youden: tpr - fpr, the highest; cost: (cost_fp fp + cost_fn "
            "fn) / (all rows), the lowest.",
        ),
        "cost_fp": Number(0.0, math.inf, doc="What a negative row that is taken as positive costs."),
        "cost_fn": Number(0.0, math.inf, doc="What a positive row that is not taken costs."),
        **BITS,
    },
    conflict=lambda p: (
        'cost_fp and cost_fn are about criterion="cost"'
        if p.criterion != "cost" and (p.cost_fp, p.cost_fn) != (1.0, 1.0)
        else ""
    ),
    aliases=("optimal_threshold",),
    range=(-math.inf, math.inf),
    better="neither",
    unit="the score's unit",
    undefined='there are no rows, or none is positive (criterion="f1"), or all are of one class (criterion="youden")',
    exactness="the criterion is a correctly rounded quotient of integers; with bits= the end of a cell, and the best "
    "threshold lies between bound_lower and bound_upper for any data",
    source="Youden 1950; expected cost, Elkan 2001",
)
def best_threshold(
    best: BestThreshold, *, criterion: str = "f1", cost_fp: float = 1.0, cost_fn: float = 1.0, bits: int | None = None
) -> Value:
    """Best threshold by F1, by Youden's J or by cost.

    Of equally good ones it is the highest; inf where it is best to take none.  `Result.curve` has the threshold, the
    criterion there, by its name, and what it reaches: threshold, f1 (or youden, or cost), tp, fp, tpr, fpr, precision,
    recall.

    Examples
    --------
    >>> from fastrank import metrics
    >>> metrics.best_threshold().compute([0, 0, 1, 1], [0.1, 0.4, 0.35, 0.8])
    0.35
    """
    if not best.is_defined:
        return Value(math.nan, curve=_point(best.reach, best.totals, **{criterion: math.nan}))
    at_best = {criterion: -best.value if criterion == "cost" else best.value}
    curve = _point(best.reach, best.totals, **at_best)
    if bits is None:
        return Value(best.reach.threshold, curve=curve)
    return Value(best.reach.threshold, *best.bounds, curve=curve)


MEDIAN = 0.5


@metric(
    family="operating",
    **LABELLED,
    states=lambda p: {"quantiles": scores_of(p)},
    sweeps=lambda p: {"quantiles": Quantiles(tuple(sorted({*p.q, MEDIAN})))},
    parameters={
        "q": Numbers(0.0, 1.0, "low high", doc="Shares of the rows that score no more; 0 is the least."),
        **BITS,
    },
    number="q",
    range=(-math.inf, math.inf),
    better="neither",
    unit="the score's unit",
    undefined="there are no rows",
    exactness="one of the scores; with bits= the lower end of its cell, of which bound_lower and bound_upper are the "
    "ends",
    source='as numpy.quantile(method="inverted_cdf")',
)
def score_quantiles(
    quantiles: Quantiles,
    *,
    q: tuple[float, ...] = (0.01, 0.05, 0.25, 0.5, 0.75, 0.95, 0.99),
    bits: int | None = None,
) -> Value:
    """Quantiles of the scores of each class and of all rows; the value is the median of all.

    The quantile q is the smallest score such that the rows which score no more are at least a share q of all.
    `Result.curve` has a row for each class (negative, positive, all) and q: class, q, score, and the ends lower and
    upper of its cell (with bits=; else the score), NaN where the class has no rows.

    Examples
    --------
    >>> import fastrank as fr
    >>> rows = {"y": [0, 0, 1, 1], "s": [0.1, 0.4, 0.35, 0.8]}
    >>> result = fr.evaluate(rows, "score_quantiles(q=0.5)", label="y", score="s")
    >>> result["score_quantiles(q=0.5)"], result.curve("score_quantiles(q=0.5)")["score"].to_pylist()
    (0.35, [0.1, 0.35, 0.35])
    """
    entries = [(name, each) for name in ("negative", "positive", "all") for each in q]
    found = np.array([quantiles.of(*entry) for entry in entries])
    curve = {
        "class": [name for name, _ in entries],
        "q": np.array([each for _, each in entries]),
        "score": found[:, 0],
        "lower": found[:, 0],
        "upper": found[:, 1],
    }
    return value_in_cell(*quantiles.of("all", MEDIAN), bits, curve)
