"""How well scores of several classes tell the true class."""

from __future__ import annotations

import math
from fractions import Fraction
from itertools import combinations
from typing import TYPE_CHECKING, Any, cast

import numpy as np

from fastrank.accumulators import ClassHistograms, ClassPairs, ClassRuns, TopClassSum
from fastrank.classes import class_labels, columns_of_classes
from fastrank.metrics.base import Value, metric
from fastrank.metrics.discrimination import auc
from fastrank.metrics.names import ClassNames, ColumnNames
from fastrank.metrics.parameters import LARGEST_CUTOFF, Choice, WholeNumber
from fastrank.metrics.scores import BITS, rounded

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from fastrank.accumulators.base import Accumulator
    from fastrank.accumulators.class_scores import PairsOfClasses
    from fastrank.accumulators.classes import PairWeights
    from fastrank.domains import Domain
    from fastrank.metrics.parameters import Kind
    from fastrank.sweeps import Pairs

__all__ = ["multiclass_auc", "multiclass_confusion", "top_k_accuracy"]

CLASSES: Mapping[str, Kind] = {
    "scores": ColumnNames(doc="A column of scores for each class, in place of one column of lists."),
    "classes": ClassNames(
        doc="The label of each class, in the order of the scores; without it labels are the numbers of classes, from 0."
    ),
}


def class_count(p: Any) -> int | None:
    """How many classes are named, None where none is."""
    return len(p.scores or p.classes or ()) or None


def _columns(p: Any) -> Mapping[str, Domain]:
    """Labels, and the scores of all classes."""
    return {"label": class_labels(p.classes, class_count(p)), **columns_of_classes(p.scores, class_count(p))}


def names_conflict(p: Any) -> str:
    """What is wrong with the names of columns and classes taken together."""
    if p.scores and p.classes and len(p.scores) != len(p.classes):
        return f"scores= names {len(p.scores)} columns and classes= {len(p.classes)} classes; name as many of both"
    return ""


def _conflict(p: Any) -> str:
    """What is wrong with the parameters taken together."""
    if problem := names_conflict(p):
        return problem
    if getattr(p, "average", None) == "micro" and p.scheme == "ovo":
        return 'average="micro" pools each class against the rest; give scheme="ovr"'
    return ""


def _scores_of_classes(p: Any) -> Accumulator:
    """The state of the AUC: exact, or in cells of `bits`."""
    against = "pooled" if p.average == "micro" else {"ovr": "rest", "ovo": "each"}[p.scheme]
    if p.bits is None:
        return ClassRuns(against, weighted=p.weighted)
    return ClassHistograms(against, bits=p.bits, weighted=p.weighted)


def _area(pairs: Pairs, bits: int | None) -> Value:
    """The AUC, with `bits` also its bounds."""
    return cast("Value", auc.definition.finalize(pairs, bits=bits))


def _mean(weights: Sequence[int], areas: Sequence[Value]) -> Value:
    """The weighted mean, rounded once, and of bounds where all have them, rounded outward; NaN where one is, or of
    nothing."""
    total = sum(weights)
    if not total or any(math.isnan(area.value) for area in areas):
        return Value(math.nan)

    def mean(values: Sequence[float]) -> Fraction:
        return sum((w * Fraction(x) for w, x in zip(weights, values, strict=True)), Fraction(0)) / total

    value = float(mean([area.value for area in areas]))
    lower, upper = ([x for x in ends if x is not None] for ends in zip(*(area[1:3] for area in areas), strict=True))
    if not lower or not upper:
        return Value(value)
    least, most = mean(lower), mean(upper)
    return Value(
        value,
        rounded(least.numerator, least.denominator, -math.inf),
        rounded(most.numerator, most.denominator, math.inf),
    )


def _weight_column(weights: Sequence[int], unit: int) -> Any:
    """Weights as float64, counts of rows as integers."""
    return np.array([w * 2.0**unit for w in weights], np.float64) if unit else np.array(weights, np.int64)


def _names(classes: tuple[Any, ...] | None, numbers: Sequence[int]) -> list[Any]:
    return list(numbers) if classes is None else [classes[k] for k in numbers]


@metric(
    family="multiclass",
    columns=_columns,
    states=lambda p: {"found": _scores_of_classes(p)},
    parameters={
        "average": Choice(
            ("macro", "weighted", "micro"),
            doc="The mean of classes (or of pairs), the same with the weight of their rows, or one AUC of all scores "
            "of all rows, in which those of the true classes are positive.",
        ),
        "scheme": Choice(
            ("ovr", "ovo"),
            doc="Each class against the rest; or each pair of classes, by the mean of the AUCs by either's score "
            "(Hand and Till).",
        ),
        **BITS,
        **CLASSES,
    },
    aliases=("multiclass_roc_auc", "multiclass_auroc"),
    conflict=_conflict,
    range=(0.0, 1.0),
    better="higher",
    undefined='fewer than two classes have rows; with average="micro", where there are no rows',
    exactness="each AUC is the correctly rounded quotient of integers, and the mean of these is rounded once; with "
    "bits= the midpoint of the AUCs' bounds, and bound_lower and bound_upper hold for any data",
    source="Hand and Till 2001; as sklearn.metrics.roc_auc_score, which refuses data without a row of each class",
)
def multiclass_auc(
    found: PairsOfClasses,
    *,
    average: str = "macro",
    scheme: str = "ovr",
    bits: int | None = None,
    scores: tuple[str, ...] | None = None,
    classes: tuple[Any, ...] | None = None,
) -> Value:
    """Area under the ROC curve for several classes: the mean of the AUCs of each class.

    A class without rows, or without others, has no AUC: it is left out of the mean.  The curve of the result is a
    table of the classes, or pairs of classes: the AUC of each, NaN where there is none, its bounds with `bits`, and
    its weight (rows, where there are no weights).

    Examples
    --------
    >>> from fastrank import metrics
    >>> probabilities = [[0.7, 0.2, 0.1], [0.3, 0.4, 0.3], [0.2, 0.2, 0.6], [0.5, 0.1, 0.4]]
    >>> metrics.multiclass_auc().compute([0, 1, 2, 1], probabilities)
    0.8333333333333334
    """
    if average == "micro":
        return next((_area(pairs, bits) for pairs in found.pairs.values()), Value(math.nan))
    if scheme == "ovr":
        keys: list[tuple[int, ...]] = [(k,) for k in found.pairs]
        areas = [_area(pairs, bits) for pairs in found.pairs.values()]
    else:
        pairs_of = list(combinations(range(len(found.weights)), 2))
        keys = list(pairs_of)
        areas = [_mean([1, 1], [_area(found.pairs[a, b], bits), _area(found.pairs[b, a], bits)]) for a, b in pairs_of]
    weights = [sum(found.weights[k] for k in key) for key in keys]
    defined = [i for i, area in enumerate(areas) if not math.isnan(area.value)]
    mean = _mean([weights[i] if average == "weighted" else 1 for i in defined], [areas[i] for i in defined])
    columns = ("class",) if scheme == "ovr" else ("class_a", "class_b")
    ends = ("auc", "bound_lower", "bound_upper")[: 1 if bits is None else 3]
    table = {
        **{name: _names(classes, [key[j] for key in keys]) for j, name in enumerate(columns)},
        **{name: np.array([area[j] for area in areas], np.float64) for j, name in enumerate(ends)},
        "weight": _weight_column(weights, found.unit),
    }
    return mean._replace(curve=table)


@metric(
    family="multiclass",
    columns=_columns,
    states=lambda p: {"mean": TopClassSum(p.k)},
    parameters={"k": WholeNumber(1, LARGEST_CUTOFF, doc="How many of the highest scores count."), **CLASSES},
    aliases=("top_k_accuracy_score", "top_k_categorical_accuracy", "sparse_top_k_categorical_accuracy"),
    conflict=_conflict,
    range=(0.0, 1.0),
    better="higher",
    undefined="there are no rows",
    source="as sklearn.metrics.top_k_accuracy_score where no two classes of a row have one score",
)
def top_k_accuracy(
    mean: Fraction | None,
    *,
    k: int = 2,
    scores: tuple[str, ...] | None = None,
    classes: tuple[Any, ...] | None = None,
) -> float:
    """Top-k accuracy: the share of rows whose class is among the k classes of the highest scores.

    Of a row with g classes scored higher than its own and t scored the same (its own among them) it is the expected
    value over all orders of these: (k - g) / t, no less than 0 and no more than 1.

    Examples
    --------
    >>> from fastrank import metrics
    >>> probabilities = [[0.7, 0.2, 0.1], [0.5, 0.4, 0.1], [0.6, 0.2, 0.2], [0.1, 0.2, 0.7]]
    >>> metrics.top_k_accuracy(k=2).compute([0, 1, 2, 0], probabilities)
    0.625
    """
    return math.nan if mean is None else float(mean)


@metric(
    family="multiclass",
    columns=_columns,
    states=lambda p: {"pairs": ClassPairs(weighted=p.weighted)},
    parameters=CLASSES,
    aliases=("multiclass_confusion_matrix",),
    conflict=_conflict,
    range=(0.0, 1.0),
    better="higher",
    undefined="there are no rows",
    exactness="the correctly rounded quotient of integers",
    source="as sklearn.metrics.confusion_matrix of the classes with the highest scores, and accuracy_score",
)
def multiclass_confusion(
    pairs: PairWeights, *, scores: tuple[str, ...] | None = None, classes: tuple[Any, ...] | None = None
) -> Value:
    """Confusion matrix of several classes, summed up by the accuracy: the share of rows predicted right.

    The class of the highest score is predicted; the first of them where several have it, as by numpy.argmax.  The
    curve of the result is a table of all pairs of a true and a predicted class with their weight (rows, where there
    are no weights).

    Examples
    --------
    >>> from fastrank import metrics
    >>> probabilities = [[0.7, 0.2, 0.1], [0.5, 0.4, 0.1], [0.6, 0.2, 0.2], [0.1, 0.2, 0.7]]
    >>> metrics.multiclass_confusion().compute([0, 1, 0, 2], probabilities)
    0.75
    """
    count = len(pairs.weights)
    weights = pairs.weights.ravel().tolist()
    total = sum(weights)
    table = {
        "true": _names(classes, np.repeat(np.arange(count), count).tolist()),
        "predicted": _names(classes, np.tile(np.arange(count), count).tolist()),
        "weight": _weight_column(weights, pairs.unit),
    }
    return Value(sum(weights[:: count + 1]) / total if total else math.nan, curve=table)
