"""What metrics of the distribution of scores by class share: their state and its resolution, what they are where a
class is missing, and how exact numbers become float64."""

from __future__ import annotations

import math
from fractions import Fraction
from typing import TYPE_CHECKING, Any

from fastrank.accumulators import ScoreHistogram, ScoreRuns
from fastrank.domains import SCORE
from fastrank.errors import InvalidValueError
from fastrank.metrics.base import Value
from fastrank.metrics.labels import POSITIVE, binary_label
from fastrank.metrics.parameters import Choice, WholeNumber

if TYPE_CHECKING:
    from collections.abc import Mapping

    from fastrank.accumulators.scores import ScoreAccumulator
    from fastrank.metrics.parameters import Kind
    from fastrank.sweeps import Totals

__all__ = [
    "BITS",
    "LABELLED",
    "NO_POSITIVES",
    "SINGLE_CLASS",
    "bounded",
    "of_one_class",
    "rounded",
    "scores_of",
    "square_root",
    "value_in_cell",
]

# Columns of every metric of scores by class.
LABELLED: Mapping[str, Any] = {
    "columns": lambda p: {"label": binary_label(p), "score": SCORE},
    "reading": POSITIVE,
}
BITS: Mapping[str, Kind] = {
    "bits": WholeNumber(
        12,
        26,
        optional=True,
        none_means="exact",
        doc="One pass over 2^bits cells of the order-preserving integer key of the score on the float32 grid.",
    )
}
SINGLE_CLASS: Mapping[str, Kind] = {
    "single_class": Choice(
        ("nan", "error", "zero", "half", "one", "h2o"),
        doc="What the AUC is where all rows are of one class: NaN, an error, 0 (torchmetrics, TFMA), 1/2 (torcheval), "
        "1 (LightGBM), or as H2O 1 without negatives and 0 without positives.  In any case it counts as undefined.",
    )
}
NO_POSITIVES: Mapping[str, Kind] = {
    "single_class": Choice(
        ("nan", "error", "zero"),
        doc="What the value is where no row is positive: NaN, an error, or 0 (scikit-learn, H2O).  In any case it "
        "counts as undefined.",
    )
}


def scores_of(p: Any) -> ScoreAccumulator:
    """The state: exact, or in cells of `bits`."""
    return ScoreRuns(weighted=p.weighted) if p.bits is None else ScoreHistogram(bits=p.bits, weighted=p.weighted)


def of_one_class(name: str, totals: Totals, rule: str) -> Value:
    """The value where a class has no rows, under a rule of `single_class`; NaN where neither has any."""
    if not totals.positives and not totals.negatives:
        return Value(math.nan)
    if rule == "error":
        missing, there = ("positive", "negative") if not totals.positives else ("negative", "positive")
        raise InvalidValueError(
            f'{name} is undefined: there are {there} rows but no {missing} ones; single_class="nan" gives NaN'
        )
    h2o = 0.0 if not totals.positives else 1.0
    return Value({"nan": math.nan, "zero": 0.0, "half": 0.5, "one": 1.0, "h2o": h2o}[rule], undefined=True)


def rounded(numerator: int, denominator: int, towards: float) -> float:
    """A quotient as float64, rounded outward so that a bound stays one."""
    value = numerator / denominator
    exact = Fraction(numerator, denominator)
    wrong_side = Fraction(value) > exact if towards < 0 else Fraction(value) < exact
    return math.nextafter(value, towards) if wrong_side else value


def bounded(value: float, least: Fraction, most: Fraction) -> Value:
    """A value with bounds, rounded outward; where these are one number, the value is exact."""
    if least == most:
        return Value(value, value, value)
    lower, upper = rounded(*least.as_integer_ratio(), -math.inf), rounded(*most.as_integer_ratio(), math.inf)
    return Value(value, min(lower, value), max(upper, value))


def value_in_cell(lower: float, upper: float, bits: int | None, curve: Mapping[str, Any]) -> Value:
    """A value that is one of the scores (NaN: of none); with bits= the lower end of the cell in which it lies."""
    if bits is None or math.isnan(lower):
        return Value(lower, curve=curve)
    return Value(lower, lower, upper, curve=curve)


def square_root(square: Fraction) -> tuple[float, Fraction, Fraction]:
    """The square root of an exact number, within 1 ulp, and numbers with 64 bits or more below and above it."""
    shift = max(0, 128 - square.numerator.bit_length() + square.denominator.bit_length())
    shift += shift % 2
    root = math.isqrt(int(square * 2**shift))
    below, above = Fraction(root, 2 ** (shift // 2)), Fraction(root + 1, 2 ** (shift // 2))
    return float(below), below, above if square else below
