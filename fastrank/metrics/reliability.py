"""How far predicted probabilities are from the rates of labels, by bin of the prediction."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from fastrank.accumulators import ClassBins, ScoreBins, ScoreRuns
from fastrank.classes import class_labels, columns_of_classes
from fastrank.domains import PROBABILITY
from fastrank.metrics.base import Value, metric
from fastrank.metrics.bins import (
    BINS,
    EXACTNESS,
    RULES,
    bin_rules,
    bin_sweeps,
    bin_table,
    conflict_of_bins,
    gaps_of,
    mean_square,
    sums_of,
)
from fastrank.metrics.labels import POSITIVE, binary_label
from fastrank.metrics.multiclass import CLASSES
from fastrank.metrics.parameters import Choice, Flag, Number
from fastrank.metrics.scores import square_root

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from fastrank.accumulators.base import Accumulator
    from fastrank.domains import Domain
    from fastrank.metrics.bins import Found
    from fastrank.metrics.parameters import Kind

    # Of each class the (weight, weight times |mean prediction - mean label|) of bins that hold rows, as integers.
    Parts = list[list[tuple[int, int]]]

__all__ = ["calibration_curve", "ece", "mce", "rmsce"]

OF_CLASSES = ("top_label", "classwise")
MODES: Mapping[str, tuple[Kind, Any]] = {
    "phantom_one": (
        Flag(doc="Predictions of exactly 1 have a bin of their own, past the others, as in torchmetrics."),
        False,
    ),
    "mode": (
        Choice(
            ("positive", "binary_top_label", *OF_CLASSES),
            doc="positive: the probability of a positive row, against its label; binary_top_label: that of the "
            "likelier class, max(p, 1 - p), against whether this is the row's (1/2 stands for positive); top_label: of "
            "scores of several classes the highest (the first of those), against whether its class is the row's; "
            "classwise: the score of each class, against whether this is the row's, and the mean over classes (mce: "
            "the largest).",
        ),
        "positive",
    ),
}


def _columns(p: Any) -> Mapping[str, Domain]:
    """Labels and probabilities, of two classes or of several."""
    if p.mode not in OF_CLASSES:
        return {"label": binary_label(p), "score": PROBABILITY}
    count = len(p.scores or p.classes or ()) or None
    return {"label": class_labels(p.classes, count), **columns_of_classes(p.scores, count, PROBABILITY)}


def _bins_of(p: Any) -> Accumulator:
    """The state: sums by bin, or distinct scores where bins depend on all of these."""
    if p.strategy == "quantile":
        return ScoreRuns(weighted=p.weighted)
    if p.mode in OF_CLASSES:
        return ClassBins(**bin_rules(p), one_apart=p.phantom_one, of="top" if p.mode == "top_label" else "each")
    return ScoreBins(**bin_rules(p), one_apart=p.phantom_one, decided=p.mode == "binary_top_label")


def _conflict(default: int) -> Callable[[Any], str]:
    """What is wrong with the parameters taken together, where there are so many bins by default."""

    def conflict(p: Any) -> str:
        if p.phantom_one and (p.edges is not None or p.strategy == "quantile" or p.closed == "right"):
            return 'phantom_one=True goes with bins of equal width and closed="left"'
        if p.strategy == "quantile" and p.mode != "positive":
            return f'strategy="quantile" is for mode="positive", not "{p.mode}"'
        if p.mode in OF_CLASSES and p.positive is not None:
            return f'positive= is for labels of two classes, not for mode="{p.mode}"; give classes='
        if p.mode not in OF_CLASSES and (p.scores or p.classes):
            return 'scores= and classes= are for mode="top_label" and "classwise"'
        if p.scores and p.classes and len(p.scores) != len(p.classes):
            return f"scores= names {len(p.scores)} columns and classes= {len(p.classes)} classes; name as many of both"
        return conflict_of_bins(p, default)

    return conflict


def _mean_gap(parts: Parts) -> float:
    return sum(gap for part in parts for _, gap in part) / sum(weight for part in parts for weight, _ in part)


def _of_bins(
    *, aliases: tuple[str, ...], source: str, bins: int = 15, more: Mapping[str, tuple[Kind, Any]] | None = None
) -> Callable[[Callable[[Parts], float]], Any]:
    """Declares a metric of bins; the function below it makes a number of the gaps of the bins that hold rows, by
    class."""

    of_classes = {name: (kind, None) for name, kind in CLASSES.items()}

    def declare(measure: Callable[[Parts], float]) -> Any:
        def finalize(
            found: Found,
            *,
            classes: tuple[Any, ...] | None,
            empty: str = "keep",
            confidence: float | None = None,
            **_: Any,
        ) -> Value:
            sums = sums_of(found)
            parts = [gaps_of(each) for each in sums]
            value = measure(parts) if any(parts) else math.nan
            return Value(value, curve=bin_table(sums, classes, empty, confidence))

        return metric(
            family="calibration",
            columns=_columns,
            states=lambda p: {"found": _bins_of(p)},
            sweeps=bin_sweeps,
            common={"bins": (BINS, bins), **RULES, **MODES, **(more or {}), **of_classes, **POSITIVE},
            shared=False,
            conflict=_conflict(bins),
            number="bins",
            finalize=finalize,
            aliases=aliases,
            range=(0.0, 1.0),
            better="lower",
            undefined="there are no rows",
            exactness=EXACTNESS,
            source=source,
        )(measure)

    return declare


@_of_bins(
    bins=10,
    more={
        "empty": (
            Choice(("keep", "drop"), doc="Whether the table has bins without rows, whose means are NaN."),
            "keep",
        ),
        "confidence": (Number(0.0, 1.0, doc="Of the interval of the mean label (ci_lower, ci_upper)."), 0.95),
    },
    aliases=("reliability_curve", "reliability_diagram"),
    source='the means are those of sklearn.calibration.calibration_curve with closed="right" and empty="drop"; Wilson '
    "1927",
)
def calibration_curve(parts: Parts) -> float:
    """Calibration curve: mean prediction and mean label by bin; the value that sums it up is the ece of these bins.

    `Result.curve` has a row for each bin: lower and upper (its ends), count (of rows; not with strategy="quantile" and
    weights), weight, mean_prediction, mean_label, and ci_lower and ci_upper, Wilson's interval of the mean label, for
    which weights count as numbers of rows.  With mode="classwise" it has the bins of each class, named by class.

    Examples
    --------
    >>> import fastrank as fr
    >>> rows = {"y": [0, 1, 0, 1], "p": [0.125, 0.25, 0.625, 0.875]}
    >>> result = fr.evaluate(rows, "calibration_curve(bins=2)", label="y", score="p")
    >>> curve = result.curve("calibration_curve(bins=2)")
    >>> curve["mean_prediction"].to_pylist(), curve["mean_label"].to_pylist()
    ([0.1875, 0.75], [0.5, 0.5])
    """
    return _mean_gap(parts)


@_of_bins(
    aliases=("expected_calibration_error", "calibration_error"),
    source="Naeini et al. 2015; netcal's rules are the default, torchmetrics' are phantom_one=True; classwise as Kull "
    "et al. 2019",
)
def ece(parts: Parts) -> float:
    """Expected calibration error: the mean over bins of |mean prediction - mean label|, by weight.

    sum over bins of (weight of the bin / weight of all) * |mean prediction - mean label|.  `Result.curve` has a row for
    each bin: lower, upper, count, weight, mean_prediction, mean_label.

    Examples
    --------
    >>> from fastrank import metrics
    >>> metrics.ece(bins=2).compute([0, 1, 0, 1], [0.25, 0.25, 0.5, 1.0])
    0.25
    """
    return _mean_gap(parts)


@_of_bins(
    aliases=("maximum_calibration_error", "max_calibration_error"),
    source='Naeini et al. 2015; as torchmetrics with norm="max" and phantom_one=True',
)
def mce(parts: Parts) -> float:
    """Maximum calibration error: the largest |mean prediction - mean label| of a bin that holds rows.

    `Result.curve` has a row for each bin: lower, upper, count, weight, mean_prediction, mean_label.

    Examples
    --------
    >>> from fastrank import metrics
    >>> metrics.mce(bins=2).compute([0, 1, 0, 1], [0.25, 0.25, 0.25, 1.0])
    0.08333333333333333
    """
    return max(gap / weight for part in parts for weight, gap in part)


@_of_bins(
    aliases=("root_mean_square_calibration_error", "rms_calibration_error"),
    source='Hendrycks et al. 2019; as torchmetrics with norm="l2" and phantom_one=True',
)
def rmsce(parts: Parts) -> float:
    """Root mean square calibration error: of mean prediction - mean label over bins, by weight.

    sqrt(sum over bins of (weight of the bin / weight of all) * (mean prediction - mean label)^2).  `Result.curve` has a
    row for each bin: lower, upper, count, weight, mean_prediction, mean_label.

    Examples
    --------
    >>> from fastrank import metrics
    >>> metrics.rmsce(bins=2).compute([0, 1, 0, 1], [0.25, 0.25, 0.5, 1.0])
    0.25
    """
    every = [each for part in parts for each in part]
    return square_root(mean_square(every, sum(weight for weight, _ in every)))[0]
