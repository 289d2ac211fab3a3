"""The Brier score, taken apart."""

from __future__ import annotations

import math
from fractions import Fraction
from typing import TYPE_CHECKING, Any

import numpy as np

from fastrank.accumulators import ExactSum, ScoreBins, ScoreRuns
from fastrank.accumulators.bins import UNIT
from fastrank.domains import PROBABILITY
from fastrank.metrics.base import Value, metric
from fastrank.metrics.bins import (
    BINS,
    PLACES,
    RULES,
    bin_rules,
    bin_sweeps,
    conflict_of_bins,
    gaps_of,
    mean_square,
    sums_of,
)
from fastrank.metrics.labels import POSITIVE, binary_label
from fastrank.metrics.parameters import Choice
from fastrank.sweeps import Isotonic

if TYPE_CHECKING:
    from collections.abc import Mapping

    from fastrank.accumulators.base import Accumulator
    from fastrank.accumulators.sums import Sum
    from fastrank.metrics.bins import Found

__all__ = ["brier_decomposition"]

PARTS = ("total", "reliability", "resolution", "uncertainty", "within_bin")
DECOMPOSITION_BINS = 10


def _binned_parts(found: Found, error: Sum) -> dict[str, float]:
    """The parts of the Brier score by bins."""
    (sums,) = sums_of(found)
    weight, positives = sum(sums.weights), sum(sums.positives)
    if not weight:
        return dict.fromkeys(PARTS, math.nan)
    each = [(w, y * weight - positives * w) for w, y in zip(sums.weights, sums.positives, strict=True) if w]
    parts = {
        "total": error.total / weight * 2**-UNIT,
        "reliability": mean_square(gaps_of(sums), weight),
        "resolution": mean_square(each, weight**3),
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


def _states_of_parts(p: Any) -> Mapping[str, Accumulator]:
    exact = p.method == "isotonic" or p.strategy == "quantile"
    return {"found": ScoreRuns(weighted=p.weighted) if exact else ScoreBins(**bin_rules(p)), "error": ExactSum("brier")}


def _conflict_of_parts(p: Any) -> str:
    """What is wrong with the parameters taken together."""
    binned = p.edges is not None or p.strategy == "quantile" or p.closed == "right" or p.bins != DECOMPOSITION_BINS
    if p.method == "isotonic" and (binned or p.part == "within_bin"):
        return 'method="isotonic" has no bins: leave out bins=, strategy=, edges=, closed= and part="within_bin"'
    return conflict_of_bins(p, DECOMPOSITION_BINS)


@metric(
    family="calibration",
    columns=lambda p: {"label": binary_label(p), "score": PROBABILITY},
    states=_states_of_parts,
    sweeps=lambda p: {"found": Isotonic()} if p.method == "isotonic" else bin_sweeps(p),
    parameters={
        "part": Choice(PARTS, doc="Which part is the value; total is the Brier score itself."),
        "method": Choice(
            ("bins", "isotonic"),
            doc="By bins of the prediction, or by the isotonic fit of the labels on it (CORP), which needs no bins and "
            "keeps each distinct prediction, in memory as `auc` does.",
        ),
        "bins": BINS,
        **{name: kind for name, (kind, _) in RULES.items()},
    },
    reading=POSITIVE,
    conflict=_conflict_of_parts,
    presets={f"brier_{part}": {"part": part} for part in PARTS[1:]},
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
