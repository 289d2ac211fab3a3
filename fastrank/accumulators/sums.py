"""Exact sums of one term a row."""

from __future__ import annotations

from dataclasses import dataclass, replace
from fractions import Fraction
from typing import TYPE_CHECKING, Any

import numpy as np

from fastrank._kernels import checks, exact_sum
from fastrank.accumulators.base import Field, RowAccumulator

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from fastrank.columns import Rows

__all__ = ["ExactSum", "Sum", "digits_to_fraction", "special_value", "weight_of"]

_LABELLED = ("log_loss", "background", "brier", *exact_sum.LOSSES)
# Where the clip and the floor of probabilities stand among the constants of a term whose kernel does not count the
# rows that they move; None: it has none.
_CLIPS: dict[str, tuple[int | None, int | None]] = {
    "true_class_log_loss": (None, 0),
    "focal": (0, 1),
}
UNIT_BITS = 1074  # digits count 2^-1074


def digits_to_fraction(digits: NDArray[np.int64]) -> Fraction:
    """The value of the digits of an exact sum."""
    # Of each word the lower half, as one integer; what is above, of carried digits but the sign of the last, is rare.
    total = int.from_bytes(digits.astype("<u4").tobytes(), "little")
    above = digits >> 32
    for j in np.flatnonzero(above).tolist():
        total += int(above[j]) << (32 * (j + 1))
    # In lowest terms before it is a fraction, which would look for more common factors than 2.
    zeros = min((total & -total).bit_length() - 1, UNIT_BITS) if total else UNIT_BITS
    return Fraction(total >> zeros, 1 << (UNIT_BITS - zeros))


def special_value(special: NDArray[np.int64]) -> float | None:
    """What infinite and NaN terms make of a sum; None where there were none."""
    positive, negative, nan = special.tolist()
    if nan or (positive and negative):
        return float("nan")
    return float("inf") if positive else float("-inf") if negative else None


@dataclass(frozen=True)
class Sum:
    """The sum of one slice."""

    total: Fraction
    special: float | None
    clipped: int

    def over(self, other: Sum) -> float:
        """The quotient of two sums, rounded once; NaN over zero."""
        if other.special is not None or other.total == 0:
            return float("nan")
        if self.special is not None:
            return self.special
        try:
            return float(self.total / other.total)
        except OverflowError:
            return float("inf") if (self.total > 0) == (other.total > 0) else float("-inf")

    def less(self, other: Sum) -> Sum:
        """The difference of two sums."""
        special = None
        if self.special is not None or other.special is not None:
            special = (self.special or 0.0) - (other.special or 0.0)
        return replace(self, total=self.total - other.total, special=special)

    def times(self, factor: int | Fraction) -> Sum:
        """The sum times a number above 0."""
        return replace(self, total=self.total * factor)


def weight_of(rows: int, digits: NDArray[np.int64]) -> Sum:
    """The weight of rows that count, from the digits of its sum: without a column of weights these are 0, as they are
    with one only where no row counts; each row weighs 1 then."""
    return Sum(digits_to_fraction(digits) or Fraction(rows), None, 0)


@dataclass(eq=False)
class ExactSum(RowAccumulator):
    """The sum over rows of weight times a term, exact whatever the order of the rows.

    `term` is the role of a column ("score", "label", ...), "weight" (the sum of the weights themselves), "brier",
    "log_loss" or "background" (log loss of the background column) with the constant eps, or a loss of
    `exact_sum.LOSSES` with its constants.  The constant "dtype" is the machine epsilon of the scores' own type: of
    float32 where the column holds that, else of float64.  Memory: 592 bytes a slice.
    """

    kind = "exact_sum"
    version = 2
    term: str
    constants: tuple[float | str, ...] = ()

    digits = Field(np.int64, (exact_sum.DIGITS,), merge="digits")
    special = Field(np.int64, (exact_sum.SPECIALS,))
    clipped = Field(np.int64)

    @property
    def reads(self) -> tuple[str, ...]:
        """Weight, and what the term is made of."""
        if self.term == "background":
            return "label", "background", "weight"
        if self.term in _LABELLED:
            return "label", "score", "weight"
        return tuple(dict.fromkeys((self.term, "weight")))

    def update(self, rows: Rows, slices: NDArray[np.int32] | None) -> None:
        """Adds the term of each row."""
        self.count_rows(rows, slices)
        if rows.count == 0:
            return
        weights = rows.get("weight")
        if self.term == "weight":
            if weights is not None:
                exact_sum.add_values(weights, None, slices, self.digits, self.special)
        elif self.term in _LABELLED:
            scores = rows["background" if self.term == "background" else "score"]
            self._add_losses(scores, rows["label"], weights, slices, scores.dtype)
        else:
            exact_sum.add_values(rows[self.term], weights, slices, self.digits, self.special)

    def _add_losses(
        self,
        scores: NDArray[np.floating],
        labels: NDArray[Any],
        weights: NDArray[np.float64] | None,
        slices: NDArray[np.int32] | None,
        dtype: np.dtype[Any],
    ) -> None:
        """Adds the loss of each row; `dtype` is the type of the column that the scores come from."""
        constants = [float(np.finfo(dtype).eps) if c == "dtype" else float(c) for c in self.constants]
        target = (weights, slices, self.digits, self.special)
        if self.term in _CLIPS:
            low, floor = (0.0 if place is None else constants[place] for place in _CLIPS[self.term])
            self._count_clipped(low, floor, scores, labels, weights, slices)
        if self.term in ("log_loss", "background"):
            exact_sum.add_log_loss(scores, labels, constants[0], *target, self.clipped)
        elif self.term == "brier":
            exact_sum.add_brier(scores, labels, *target)
        else:
            exact_sum.add_loss(self.term, constants, labels, scores, *target)

    def _count_clipped(
        self,
        low: float,
        floor: float,
        scores: NDArray[np.floating],
        labels: NDArray[np.uint8],
        weights: NDArray[np.float64] | None,
        slices: NDArray[np.int32] | None,
    ) -> None:
        """Counts the rows whose probability lies outside [low, 1 - low], or is below the floor for the true class."""
        # The ends of [end, 1 - end] in the column's own type, rounded inward.
        one, end = scores.dtype.type(1), max(low, floor)
        least, most = scores.dtype.type(end), scores.dtype.type(1.0 - end)
        least = np.nextafter(least, one) if float(least) < end else least
        most = np.nextafter(most, -one) if float(most) > 1.0 - end else most
        if end == 0 or not checks.any_outside(scores, float(least), float(most)):
            return
        below, above = scores < least, scores > most
        if low < end:
            # At one end only, and exactly: 1 - end may be rounded.
            below, above = below & (labels > 0), (1.0 - scores.astype(np.float64) < floor) & (labels == 0)
        clipped = below | above
        if weights is not None:
            clipped &= weights > 0
        self._count("clipped", None if slices is None else slices[clipped], int(np.count_nonzero(clipped)))

    def at(self, s: int) -> Sum:
        """The sum of slice s."""
        if self.term == "weight":
            return weight_of(int(self.rows[s]), self.digits[s])
        return Sum(digits_to_fraction(self.digits[s]), special_value(self.special[s]), int(self.clipped[s]))
