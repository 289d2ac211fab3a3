"""How good the decisions are that a threshold makes of scores.

Each metric is a function of the outcomes at one threshold; at several, its value is the best.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from fastrank.accumulators import DecisionCounts
from fastrank.accumulators.decisions import Decisions, Outcomes
from fastrank.domains import SCORE
from fastrank.metrics.base import MetricFactory, Value, metric
from fastrank.metrics.labels import POSITIVE, binary_label
from fastrank.metrics.parameters import Fallback, Flag, Kind, Number, Numbers

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

__all__ = [
    "accuracy",
    "balanced_accuracy",
    "binary_f1",
    "binary_f_beta",
    "binary_precision",
    "binary_recall",
    "binary_specificity",
    "confusion",
    "fpr",
    "mcc",
]

_THRESHOLDS: Mapping[str, tuple[Kind, Any]] = {
    "threshold": (
        Numbers(
            -math.inf,
            math.inf,
            doc="A row is predicted positive where its score is at least the threshold.  Of several thresholds the "
            "value is the best, and the curve has all.",
        ),
        (0.5,),
    ),
    "strict": (Flag(doc="Predict positive above the threshold only (as torchmetrics and TFMA)."), False),
    "zero_division": (
        Fallback((0.0, 1.0), doc="What stands in place of an undefined value (scikit-learn: 0, with a warning)."),
        "nan",
    ),
}
_QUOTIENT = "the correctly rounded quotient of integers"


def _at_thresholds(
    *,
    undefined: str,
    source: str,
    aliases: tuple[str, ...] = (),
    better: str = "higher",
    lowest: float = 0.0,
    exactness: str = _QUOTIENT,
    parameters: Mapping[str, Kind] | None = None,
    shows_values: bool = True,
) -> Callable[[Callable[..., float]], MetricFactory]:
    """Declares a metric of decisions: the function below it is the value of the outcomes at one threshold."""
    best = max if better == "higher" else min

    def declare(measure: Callable[..., float]) -> MetricFactory:
        def finalize(
            decisions: Decisions,
            *,
            threshold: tuple[float, ...],
            strict: bool,
            zero_division: str | float,
            **own: Any,
        ) -> Value:
            values = [measure(outcomes, **own) for outcomes in decisions.outcomes]
            undefined = all(map(math.isnan, values))
            if zero_division != "nan":
                values = [float(zero_division) if math.isnan(value) else value for value in values]
            defined = [value for value in values if not math.isnan(value)]
            shown = {"value": values} if shows_values else {}
            curve = {"threshold": list(threshold), **shown, **_counts(decisions)}
            return Value(best(defined, default=math.nan), curve=curve, undefined=undefined)

        return metric(
            family="thresholds",
            columns=lambda p: {"label": binary_label(p), "score": SCORE},
            reading=POSITIVE,
            states=lambda p: {"decisions": DecisionCounts(p.threshold, p.strict, p.weighted)},
            parameters=parameters,
            common=_THRESHOLDS,
            shared=False,
            finalize=finalize,
            number="threshold",
            aliases=aliases,
            range=(lowest, 1.0),
            better=better,
            undefined=undefined,
            exactness=exactness,
            source=source,
        )(measure)

    return declare


def _counts(decisions: Decisions) -> dict[str, list[int] | list[float]]:
    """The counts of each outcome by threshold; weights as float64, rounded once."""
    columns = zip(*decisions.outcomes, strict=True)
    shown = [list(each) if decisions.unit == 0 else [x / (1 << -decisions.unit) for x in each] for each in columns]
    return dict(zip(Outcomes._fields, shown, strict=True))


def _over(part: int, whole: int) -> float:
    """A quotient, correctly rounded; NaN over 0."""
    return part / whole if whole else math.nan


@_at_thresholds(
    aliases=("precision_score", "ppv", "positive_predictive_value"),
    undefined="no row is predicted positive",
    source="as sklearn.metrics.precision_score of score >= threshold, but NaN where no row is predicted positive",
)
def binary_precision(n: Outcomes) -> float:
    """Precision at a threshold: the share of positive rows among those that are predicted positive.

    tp / (tp + fp).

    Examples
    --------
    >>> from fastrank import metrics
    >>> metrics.binary_precision().compute([0, 1, 1, 0], [0.6, 0.9, 0.4, 0.1])
    0.5
    """
    return _over(n.tp, n.tp + n.fp)


@_at_thresholds(
    aliases=("recall_score", "sensitivity", "tpr", "true_positive_rate"),
    undefined="no row is positive",
    source="as sklearn.metrics.recall_score of score >= threshold, but NaN where no row is positive",
)
def binary_recall(n: Outcomes) -> float:
    """Recall at a threshold: the share of positive rows that are predicted positive.

    tp / (tp + fn).

    Examples
    --------
    >>> from fastrank import metrics
    >>> metrics.binary_recall(threshold=0.3).compute([0, 1, 1, 0], [0.6, 0.9, 0.4, 0.1])
    1.0
    """
    return _over(n.tp, n.positives)


@_at_thresholds(
    aliases=("specificity", "tnr", "true_negative_rate"),
    undefined="no row is negative",
    source="Yerushalmy 1947; as sklearn.metrics.recall_score with pos_label=0",
)
def binary_specificity(n: Outcomes) -> float:
    """Specificity at a threshold: the share of negative rows that are predicted negative.

    tn / (tn + fp).

    Examples
    --------
    >>> from fastrank import metrics
    >>> metrics.binary_specificity().compute([0, 1, 1, 0], [0.6, 0.9, 0.4, 0.1])
    0.5
    """
    return _over(n.tn, n.negatives)


@_at_thresholds(
    aliases=("false_positive_rate",),
    better="lower",
    undefined="no row is negative",
    source="as a point of sklearn.metrics.roc_curve",
)
def fpr(n: Outcomes) -> float:
    """False positive rate at a threshold: the share of negative rows that are predicted positive.

    fp / (tn + fp).

    Examples
    --------
    >>> from fastrank import metrics
    >>> metrics.fpr(threshold=0.7).compute([0, 1, 1, 0], [0.6, 0.9, 0.4, 0.1])
    0.0
    """
    return _over(n.fp, n.negatives)


@_at_thresholds(
    aliases=("f1_score", "binary_f1_score", "dice"),
    undefined="no row is positive or predicted positive",
    source="van Rijsbergen 1979; as sklearn.metrics.f1_score of score >= threshold, but NaN where no row is positive "
    "or predicted positive",
)
def binary_f1(n: Outcomes) -> float:
    """F1 at a threshold: the harmonic mean of precision and recall.

    2 tp / (2 tp + fp + fn).

    Examples
    --------
    >>> from fastrank import metrics
    >>> metrics.binary_f1(threshold=0.3).compute([0, 1, 1, 0], [0.6, 0.9, 0.4, 0.1])
    0.8
    """
    return _over(2 * n.tp, 2 * n.tp + n.fp + n.fn)


@_at_thresholds(
    parameters={"beta": Number(0.0, 1000.0, doc="Recall weighs beta times as much as precision.")},
    aliases=("fbeta_score", "binary_fbeta_score"),
    undefined="no row is positive or predicted positive",
    source="van Rijsbergen 1979; as sklearn.metrics.fbeta_score of score >= threshold, but NaN where no row is "
    "positive or predicted positive",
)
def binary_f_beta(n: Outcomes, *, beta: float = 1.0) -> float:
    """F measure at a threshold: the weighted harmonic mean of precision and recall.

    (1 + beta^2) tp / ((1 + beta^2) tp + beta^2 fn + fp).

    Examples
    --------
    >>> from fastrank import metrics
    >>> metrics.binary_f_beta(beta=2).compute([0, 1, 1, 0], [0.6, 0.9, 0.4, 0.1])
    0.5
    """
    over, under = beta.as_integer_ratio()
    hits = (under**2 + over**2) * n.tp
    return _over(hits, hits + over**2 * n.fn + under**2 * n.fp)


@_at_thresholds(
    aliases=("accuracy_score", "binary_accuracy"),
    undefined="there are no rows",
    source="as sklearn.metrics.accuracy_score of score >= threshold",
)
def accuracy(n: Outcomes) -> float:
    """Accuracy at a threshold: the share of rows that are predicted right.

    (tp + tn) / (tp + fp + tn + fn).

    Examples
    --------
    >>> from fastrank import metrics
    >>> metrics.accuracy().compute([0, 1, 1, 0], [0.2, 0.9, 0.4, 0.1])
    0.75
    """
    return _over(n.tp + n.tn, sum(n))


@_at_thresholds(
    aliases=("balanced_accuracy_score",),
    undefined="all rows are of one class",
    source="Brodersen et al. 2010; as sklearn.metrics.balanced_accuracy_score of score >= threshold, but NaN where one "
    "class is missing",
)
def balanced_accuracy(n: Outcomes) -> float:
    """Balanced accuracy at a threshold: the mean of recall and specificity.

    (tp / (tp + fn) + tn / (tn + fp)) / 2.

    Examples
    --------
    >>> from fastrank import metrics
    >>> metrics.balanced_accuracy().compute([0, 0, 0, 1], [0.6, 0.3, 0.4, 0.9])
    0.8333333333333334
    """
    return _over(n.tp * n.negatives + n.tn * n.positives, 2 * n.positives * n.negatives)


@_at_thresholds(
    aliases=("matthews_corrcoef", "binary_matthews_corrcoef", "phi"),
    lowest=-1.0,
    undefined="all rows are of one class, or predicted so",
    exactness="the correctly rounded root of a quotient of integers",
    source="Matthews 1975; as sklearn.metrics.matthews_corrcoef of score >= threshold, which is 0 where this is NaN",
)
def mcc(n: Outcomes) -> float:
    """Matthews correlation coefficient at a threshold: the correlation of labels and predictions.

    (tp tn - fp fn) / sqrt((tp + fp) (tp + fn) (tn + fp) (tn + fn)).

    Examples
    --------
    >>> from fastrank import metrics
    >>> round(metrics.mcc().compute([0, 1, 1, 0], [0.2, 0.9, 0.4, 0.1]), 6)
    0.57735
    """
    margins = n.positives * n.negatives * (n.tp + n.fp) * (n.tn + n.fn)
    if not margins:
        return math.nan
    numerator = n.tp * n.tn - n.fp * n.fn
    # The root of numerator^2 / margins to 64 bits or more.  Where bits are left below them the last is made 1, so that
    # rounding to the 53 bits of a float64 does not mistake it for a tie.
    squared = numerator * numerator
    shift = max(0, margins.bit_length() - squared.bit_length()) // 2 + 65
    scaled, rest = divmod(squared << 2 * shift, margins)
    root = math.isqrt(scaled)
    root |= bool(rest or root * root != scaled)
    return math.copysign(root / (1 << shift), numerator)


@_at_thresholds(
    aliases=("confusion_matrix", "binary_confusion_matrix", "stat_scores", "binary_stat_scores"),
    shows_values=False,
    undefined="there are no rows",
    exactness="counts are integers; weights are summed exactly and rounded once",
    source="as sklearn.metrics.confusion_matrix of score >= threshold",
)
def confusion(n: Outcomes) -> float:
    """Confusion matrix at a threshold: rows, or weight, by label and prediction; the value is the accuracy.

    The curve has a row for each threshold: threshold, tp, fp, tn, fn.

    Examples
    --------
    >>> import fastrank as fr
    >>> rows = {"y": [0, 1, 1, 0], "p": [0.2, 0.9, 0.4, 0.1]}
    >>> result = fr.evaluate(rows, "confusion(threshold=[0.15, 0.5])", label="y", score="p")
    >>> result.curve("confusion(threshold=[0.15, 0.5])").to_pydict()
    {'threshold': [0.15, 0.5], 'tp': [2, 1], 'fp': [1, 0], 'tn': [1, 2], 'fn': [0, 1]}
    """
    return _over(n.tp + n.tn, sum(n))
