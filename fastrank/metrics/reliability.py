"""How far predicted probabilities are from the rates of labels, by bin of the prediction."""

from __future__ import annotations

import math
from fractions import Fraction
from statistics import NormalDist
from typing import TYPE_CHECKING, Any

import numpy as np

from fastrank.accumulators import ClassBins, ExactSum, ScoreBins, ScoreRuns
from fastrank.accumulators.bins import UNIT, equal_mass_sums
from fastrank.classes import class_labels, columns_of_classes
from fastrank.domains import PROBABILITY
from fastrank.metrics.base import Value, metric
from fastrank.metrics.labels import POSITIVE, binary_label
from fastrank.metrics.multiclass import CLASSES
from fastrank.metrics.parameters import Choice, Edges, Flag, Number, WholeNumber
from fastrank.metrics.scores import square_root
from fastrank.sweeps import EqualMassBins, Isotonic

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from fastrank.accumulators.base import Accumulator
    from fastrank.accumulators.bins import BinSums
    from fastrank.accumulators.sums import Sum
    from fastrank.domains import Domain
    from fastrank.metrics.parameters import Kind
    from fastrank.sweeps import Sweep

    Found = list[BinSums] | EqualMassBins
    # Of each class the (weight, weight times |mean prediction - mean label|) of bins that hold rows, as integers.
    Parts = list[list[tuple[int, int]]]

__all__ = ["brier_decomposition", "calibration_curve", "ece", "mce", "rmsce"]

MOST_BINS = 2**16
OF_CLASSES = ("top_label", "classwise")
# What is left of squares past so many binary places is less than any float64.
PLACES = 2400

BINS = WholeNumber(1, MOST_BINS, doc="How many bins there are.")
RULES: Mapping[str, tuple[Kind, Any]] = {
    "strategy": (
        Choice(
            ("uniform", "quantile"),
            doc="uniform: bins of equal width, from i / bins to (i + 1) / bins; quantile: of about equally many rows "
            "(or weight): bin j ends at the least prediction up to which j / bins of all rows lie, so that equal ones "
            "share a bin and there may be fewer bins.",
        ),
        "uniform",
    ),
    "edges": (Edges(doc="Where bins meet, in place of `bins`; they reach from 0 to 1 in any case."), None),
    "closed": (
        Choice(
            ("left", "right"),
            doc="Which end a bin holds: i / bins <= p (torchmetrics, netcal, TFMA), or p <= (i + 1) / bins "
            "(scikit-learn); the first bin holds 0 and the last holds 1 in either case.  Edges and predictions compare "
            'as float64.  Bins of strategy="quantile" hold their upper end.',
        ),
        "left",
    ),
}
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
EXACTNESS = "counts and sums of predictions are exact, whatever their order, and the value is rounded once"


def _columns(p: Any) -> Mapping[str, Domain]:
    """Labels and probabilities, of two classes or of several."""
    if p.mode not in OF_CLASSES:
        return {"label": binary_label(p), "score": PROBABILITY}
    count = len(p.scores or p.classes or ()) or None
    return {"label": class_labels(p.classes, count), **columns_of_classes(p.scores, count, PROBABILITY)}


def _rules(p: Any) -> dict[str, Any]:
    """What bins have in common, whatever falls into them."""
    return {"edges": p.bins if p.edges is None else p.edges, "closed": p.closed, "weighted": p.weighted}


def _bins_of(p: Any) -> Accumulator:
    """The state: sums by bin, or distinct scores where bins depend on all of these."""
    if p.strategy == "quantile":
        return ScoreRuns(weighted=p.weighted)
    if p.mode in OF_CLASSES:
        return ClassBins(**_rules(p), one_apart=p.phantom_one, of="top" if p.mode == "top_label" else "each")
    return ScoreBins(**_rules(p), one_apart=p.phantom_one, decided=p.mode == "binary_top_label")


def _sweeps(p: Any) -> Mapping[str, Sweep]:
    return {"found": EqualMassBins(p.bins)} if p.strategy == "quantile" else {}


def _conflict_of_bins(p: Any, default: int) -> str:
    """What is wrong with the parameters of bins taken together."""
    if p.edges is not None and (p.strategy == "quantile" or p.bins != default):
        return 'edges= say where bins meet; give neither bins= nor strategy="quantile" with them'
    if p.strategy == "quantile" and p.closed == "right":
        return 'bins of strategy="quantile" hold their upper end already; leave out closed='
    return ""


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
        return _conflict_of_bins(p, default)

    return conflict


def _gaps(sums: BinSums) -> list[tuple[int, int]]:
    """(weight, weight times |mean prediction - mean label|) of bins that hold rows."""
    each = zip(sums.weights, sums.scores, sums.positives, strict=True)
    return [(weight, abs(score - positive)) for weight, score, positive in each if weight]


def _mean_gap(parts: Parts) -> float:
    return sum(gap for part in parts for _, gap in part) / sum(weight for part in parts for weight, _ in part)


def _mean_square(gaps: Sequence[tuple[int, int]], total: int) -> Fraction:
    """sum of gap^2 / weight over total, cut off after PLACES binary places: exact terms have as many denominators as
    there are bins."""
    return Fraction(sum((gap * gap << PLACES) // (weight * total) for weight, gap in gaps), 1 << PLACES)


def _quotients(numerators: Sequence[int], denominators: Sequence[int]) -> Any:
    return np.array([a / b if b else math.nan for a, b in zip(numerators, denominators, strict=True)], np.float64)


def _table(
    sums: list[BinSums], classes: tuple[Any, ...] | None, empty: str, confidence: float | None
) -> Mapping[str, Any]:
    """The bins as columns; those of several classes one class after the other."""
    parts = [_part(each, confidence) for each in sums]
    table = {name: np.concatenate([part[name] for part in parts]) for name in (parts[0] if parts else ())}
    if len(parts) > 1:
        names = np.array(range(len(parts)) if classes is None else classes)
        table = {"class": np.repeat(names, [len(part["weight"]) for part in parts]), **table}
    kept = table["weight"] > 0 if table and empty == "drop" else slice(None)
    return {name: column[kept] for name, column in table.items()}


def _part(sums: BinSums, confidence: float | None) -> dict[str, Any]:
    """The bins of one class as columns."""
    columns = {
        "lower": np.array(sums.lower, np.float64),
        "upper": np.array(sums.upper, np.float64),
        **({} if sums.counts is None else {"count": np.array(sums.counts, np.int64)}),
        "weight": _quotients(sums.weights, [1 << -UNIT] * len(sums.weights)),
        "mean_prediction": _quotients(sums.scores, sums.weights),
        "mean_label": _quotients(sums.positives, sums.weights),
    }
    if confidence is None:
        return columns
    ends = _wilson(columns["mean_label"], columns["weight"], confidence)
    return {**columns, "ci_lower": ends[0], "ci_upper": ends[1]}


def _wilson(rate: Any, weight: Any, confidence: float) -> tuple[Any, Any]:
    """Wilson's interval of rates of so many rows each."""
    z = NormalDist().inv_cdf((1 + confidence) / 2)
    middle, total = weight * rate + z * z / 2, weight + z * z
    half = z * np.sqrt(weight * rate * (1 - rate) + z * z / 4)
    return np.maximum(middle - half, 0.0) / total, np.minimum((middle + half) / total, 1.0)


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
            sums = [equal_mass_sums(found)] if isinstance(found, EqualMassBins) else found
            parts = [_gaps(each) for each in sums]
            value = measure(parts) if any(parts) else math.nan
            return Value(value, curve=_table(sums, classes, empty, confidence))

        return metric(
            family="calibration",
            columns=_columns,
            states=lambda p: {"found": _bins_of(p)},
            sweeps=_sweeps,
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
    return square_root(_mean_square(every, sum(weight for weight, _ in every)))[0]


def _binned_parts(found: Found, error: Sum) -> dict[str, float]:
    """The parts of the Brier score by bins."""
    (sums,) = [equal_mass_sums(found)] if isinstance(found, EqualMassBins) else found
    weight, positives = sum(sums.weights), sum(sums.positives)
    if not weight:
        return dict.fromkeys(PARTS, math.nan)
    each = [(w, y * weight - positives * w) for w, y in zip(sums.weights, sums.positives, strict=True) if w]
    parts = {
        "total": error.total / weight * 2**-UNIT,
        "reliability": _mean_square(_gaps(sums), weight),
        "resolution": _mean_square(each, weight**3),
        "uncertainty": Fraction(positives * (weight - positives), weight**2),
    }
    rest = parts["total"] - (parts["reliability"] - parts["resolution"] + parts["uncertainty"])
    return {name: float(x) for name, x in {**parts, "within_bin": rest}.items()}


def _isotonic_parts(found: Isotonic, error: Sum) -> dict[str, float]:
    """The parts of the Brier score by isotonic fit."""
    negatives, positives = found.totals[:2]
    weight, unit = negatives + positives, Fraction(2) ** found.totals.unit
    if not weight:
        return dict.fromkeys(PARTS, math.nan)
    pooled = found.pooled
    # Of a block with n negatives and p positives the Brier score of the fit sums to n p / (n + p).
    blocks = zip(
        (pooled.negatives / found.totals.scale).tolist(), (pooled.positives / found.totals.scale).tolist(), strict=True
    )
    fitted = Fraction(sum((int(n) * int(p) << PLACES) // (int(n) + int(p)) for n, p in blocks), weight << PLACES)
    total, uncertainty = error.total / (weight * unit), Fraction(positives * negatives, weight**2)
    parts = {
        "total": total,
        "reliability": total - fitted,
        "resolution": uncertainty - fitted,
        "uncertainty": uncertainty,
        "within_bin": Fraction(0),
    }
    return {name: float(x) for name, x in parts.items()}


PARTS = ("total", "reliability", "resolution", "uncertainty", "within_bin")


def _states_of_parts(p: Any) -> Mapping[str, Accumulator]:
    exact = p.method == "isotonic" or p.strategy == "quantile"
    return {"found": ScoreRuns(weighted=p.weighted) if exact else ScoreBins(**_rules(p)), "error": ExactSum("brier")}


def _conflict_of_parts(p: Any) -> str:
    """What is wrong with the parameters taken together."""
    binned = p.edges is not None or p.strategy == "quantile" or p.closed == "right" or p.bins != DECOMPOSITION_BINS
    if p.method == "isotonic" and (binned or p.part == "within_bin"):
        return 'method="isotonic" has no bins: leave out bins=, strategy=, edges=, closed= and part="within_bin"'
    return _conflict_of_bins(p, DECOMPOSITION_BINS)


DECOMPOSITION_BINS = 10


@metric(
    family="calibration",
    columns=lambda p: {"label": binary_label(p), "score": PROBABILITY},
    states=_states_of_parts,
    sweeps=lambda p: {"found": Isotonic()} if p.method == "isotonic" else _sweeps(p),
    parameters={
        "part": Choice(PARTS, doc="Which part is the value; total is the Brier score itself."),
        "method": Choice(
            ("bins", "isotonic"),
            doc="By bins of the prediction, or by the isotonic fit of the labels on it (CORP), which needs no bins.",
        ),
        "bins": BINS,
        **{name: kind for name, (kind, _) in RULES.items()},
    },
    reading=POSITIVE,
    conflict=_conflict_of_parts,
    presets={f"brier_{part}": {"part": part} for part in PARTS[1:4]},
    number="bins",
    range=(-1.0, 1.0),
    better="lower",
    undefined="there are no rows",
    exactness="each part is rounded once, of exact sums; the terms of the Brier score are float64",
    source="Murphy 1973; within-bin terms, Stephenson et al. 2008; CORP, Dimitriadis et al. 2021",
)
def brier_decomposition(
    found: Any,
    error: Sum,
    *,
    part: str = "total",
    method: str = "bins",
    bins: int = DECOMPOSITION_BINS,
    strategy: str = "uniform",
    edges: tuple[float, ...] | None = None,
    closed: str = "left",
) -> Value:
    """Brier score, taken apart: reliability - resolution + uncertainty + within_bin.

    reliability: mean of (mean prediction - mean label)^2 of the row's bin, 0 is best; resolution: mean of (mean label
    of the bin - mean label of all)^2, more is better; uncertainty: r (1 - r) of the mean label r of all; within_bin:
    what predictions that differ inside a bin add, the variance of predictions less twice their covariance with labels.
    With method="isotonic" predictions are compared with the isotonic fit: reliability is the Brier score less that of
    the fit (miscalibration), resolution is uncertainty less the latter (discrimination), and within_bin is 0.

    `Result.curve` has all parts in a row.

    Examples
    --------
    >>> import fastrank as fr
    >>> rows = {"y": [0, 1, 1, 1], "p": [0.25, 0.25, 0.75, 0.75]}
    >>> result = fr.evaluate(rows, ["brier_decomposition", "brier_reliability"], label="y", score="p")
    >>> result["brier_decomposition"], result["brier_reliability"]
    (0.1875, 0.0625)
    >>> result.curve("brier_decomposition").drop_columns("total").to_pylist()
    [{'reliability': 0.0625, 'resolution': 0.0625, 'uncertainty': 0.1875, 'within_bin': 0.0}]
    """
    parts = _isotonic_parts(found, error) if method == "isotonic" else _binned_parts(found, error)
    return Value(parts[part], curve={name: np.array([x]) for name, x in parts.items()})
