"""What metrics of the distribution of scores by class share: their state and its resolution."""

from __future__ import annotations

import math
from fractions import Fraction
from typing import TYPE_CHECKING, Any

from fastrank.accumulators import ScoreHistogram, ScoreRuns
from fastrank.metrics.parameters import WholeNumber

if TYPE_CHECKING:
    from collections.abc import Mapping

    from fastrank.accumulators.scores import ScoreAccumulator
    from fastrank.metrics.parameters import Kind

__all__ = ["BITS", "rounded", "scores_of"]

BITS: Mapping[str, Kind] = {
    "bits": WholeNumber(
        12,
        26,
        optional=True,
        none_means="exact",
        doc="One pass over 2^bits cells of the order-preserving integer key of the score on the float32 grid.",
    )
}


def scores_of(p: Any) -> ScoreAccumulator:
    """The state: exact, or in cells of `bits`."""
    return ScoreRuns(weighted=p.weighted) if p.bits is None else ScoreHistogram(bits=p.bits, weighted=p.weighted)


def rounded(numerator: int, denominator: int, towards: float) -> float:
    """A quotient as float64, rounded outward so that a bound stays one."""
    value = numerator / denominator
    exact = Fraction(numerator, denominator)
    wrong_side = Fraction(value) > exact if towards < 0 else Fraction(value) < exact
    return math.nextafter(value, towards) if wrong_side else value
