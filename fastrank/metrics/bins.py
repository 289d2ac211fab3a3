"""What metrics of bins of predictions share: which bins there are, what their sums come to, and the table of them."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from fractions import Fraction
from itertools import pairwise
from statistics import NormalDist
from typing import TYPE_CHECKING, Any

import numpy as np

from fastrank.accumulators.bins import UNIT, equal_mass_sums
from fastrank.errors import ParameterError
from fastrank.metrics.parameters import Choice, Number, WholeNumber
from fastrank.sweeps import EqualMassBins

if TYPE_CHECKING:
    from collections.abc import Sequence

    from fastrank.accumulators.bins import BinSums
    from fastrank.metrics.parameters import Kind
    from fastrank.sweeps import Sweep

    Found = list[BinSums] | EqualMassBins

__all__ = [
    "BINS", "EXACTNESS", "PLACES", "RULES", "Edges", "Found", "bin_rules", "bin_sweeps", "bin_table",
    "conflict_of_bins", "gaps_of", "mean_square", "sums_of",
]  # fmt: skip

MOST_BINS = 2**16
# What is left of squares past so many binary places is less than any float64.
PLACES = 2400


@dataclass(frozen=True)
class Edges:
    """Numbers from 0 to 1 that ascend, or None."""

    doc: str = ""
    allowed = "a list of numbers from 0 to 1 that ascend, one of them at least between 0 and 1, or None"

    def check(self, value: Any) -> tuple[float, ...] | None:
        """Those between 0 and 1, as floats."""
        if value is None:
            return None
        try:
            given = value if isinstance(value, Iterable) and not isinstance(value, str | bytes | Mapping) else (value,)
            numbers = tuple(Number(0.0, 1.0, "low high").check(number) for number in given)
        except ParameterError:
            raise ParameterError(f"{value!r}; allowed: {self.allowed}") from None
        inner = tuple(number for number in numbers if number is not None and 0 < number < 1)
        if not inner or any(b <= a for a, b in pairwise(numbers)):  # type: ignore[operator]
            raise ParameterError(f"{value!r}; allowed: {self.allowed}")
        return inner


BINS = WholeNumber(1, MOST_BINS, doc="How many bins there are.")
RULES: Mapping[str, tuple[Kind, Any]] = {
    "strategy": (
        Choice(
            ("uniform", "quantile"),
            doc="uniform: bins of equal width, from i / bins to (i + 1) / bins; quantile: of about equally many rows "
            "(or weight): bin j ends at the least prediction up to which j / bins of all rows lie, so that equal ones "
            "share a bin and there may be fewer bins.  It keeps each distinct prediction, in memory as `auc` does.",
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
EXACTNESS = "counts and sums of predictions are exact, whatever their order, and the value is rounded once"


def bin_rules(p: Any) -> dict[str, Any]:
    """What bins have in common, whatever falls into them."""
    return {"edges": p.bins if p.edges is None else p.edges, "closed": p.closed, "weighted": p.weighted}


def bin_sweeps(p: Any) -> Mapping[str, Sweep]:
    return {"found": EqualMassBins(p.bins)} if p.strategy == "quantile" else {}


def conflict_of_bins(p: Any, default: int) -> str:
    """What is wrong with the parameters of bins taken together."""
    if p.edges is not None and (p.strategy == "quantile" or p.bins != default):
        return 'edges= say where bins meet; give neither bins= nor strategy="quantile" with them'
    if p.strategy == "quantile" and p.closed == "right":
        return 'bins of strategy="quantile" hold their upper end already; leave out closed='
    return ""


def sums_of(found: Found) -> list[BinSums]:
    """The sums of the bins, of each class where there are several."""
    return [equal_mass_sums(found)] if isinstance(found, EqualMassBins) else found


def gaps_of(sums: BinSums) -> list[tuple[int, int]]:
    """(weight, weight times |mean prediction - mean label|) of bins that hold rows."""
    each = zip(sums.weights, sums.scores, sums.positives, strict=True)
    return [(weight, abs(score - positive)) for weight, score, positive in each if weight]


def mean_square(gaps: Sequence[tuple[int, int]], total: int) -> Fraction:
    """sum of gap^2 / weight over total, cut off after PLACES binary places: exact terms have as many denominators as
    there are bins."""
    return Fraction(sum((gap * gap << PLACES) // (weight * total) for weight, gap in gaps), 1 << PLACES)


def _quotients(numerators: Sequence[int], denominators: Sequence[int]) -> Any:
    return np.array([a / b if b else math.nan for a, b in zip(numerators, denominators, strict=True)], np.float64)


def bin_table(
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
