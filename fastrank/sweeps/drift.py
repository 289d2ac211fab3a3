"""How far the current rows (the positives) lie from those of a reference (the negatives)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Self

import numpy as np

from fastrank._kernels import exact_sum
from fastrank.sweeps.base import Sweep
from fastrank.sweeps.reach import Integers, place_of, reached_by_all

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from fastrank.sweeps.base import Block

__all__ = ["BaselineBins", "Transport"]


@dataclass(unsafe_hash=True)
class BaselineBins(Sweep):
    """Bins of which the j-th ends at the least value that j / bins of the reference, or more, do not exceed; equal
    values share a bin, so that there may be fewer.

    `found` has for each such value (of a cell: its upper end) the integers of reference and current rows that do not
    exceed it.
    """

    bins: int

    def reset(self) -> None:
        """Forgets everything."""
        total = self.totals.negatives
        self._targets = [-(-j * total // self.bins) for j in range(1, self.bins)] if total else []
        self.found: dict[float, tuple[int, int]] = {}

    def add(self, block: Block) -> None:
        """Looks for the ends of bins in the block."""
        if not block.size:
            return
        integers = Integers(block)
        for target in self._targets:
            i = place_of(target, integers.negatives, block.below[0])
            if i is not None:
                above = integers.above(i)
                within = self.totals.negatives - above[0], self.totals.positives - above[1]
                self.found[float(block.upper_scores[i])] = within

    def merge(self, other: Self) -> None:
        """Takes the ends that are in other blocks."""
        self.found.update(other.found)


@dataclass(unsafe_hash=True)
class Transport(Sweep):
    """The area between the distribution functions of both classes, `distance`; of cells that of their lower ends, which
    is off by no more than `uncertainty`.

    The difference of the functions is a float64 at each value (each of its two shares is rounded); the sum of its
    products with the values is exact.
    """

    def reset(self) -> None:
        """Forgets everything."""
        self._digits = np.zeros((2, exact_sum.DIGITS), np.int64)
        self._special = np.zeros((2, exact_sum.SPECIALS), np.int64)
        self._is_infinite = False

    def add(self, block: Block) -> None:
        """Adds the products of the block.

        The area is the sum of (next value - value) * difference; by value it is value * (difference before it - at it).
        """
        if not (block.size and self.totals.negatives and self.totals.positives):
            return
        points = block.points
        at = self._difference(points.negatives_above, points.positives_above)
        before = np.concatenate((self._difference(*map(np.array, zip(reached_by_all(block), strict=True))), at[:-1]))
        scores = block.scores
        ends = np.isinf(scores)
        self._is_infinite |= bool(((before > 0) & ends).any() or ((at > 0) & ends).any())
        known = ~ends
        for values, weights in ((scores[known], before[known]), (-scores[known], at[known])):
            exact_sum.add_values(values, weights, None, self._digits, self._special)
        if self.totals.bits is not None:
            # Cells of an infinity have no width.
            widths = np.subtract(block.upper_scores, scores, out=np.zeros_like(scores), where=known)
            for rows, total in ((points.negatives, self.totals.negatives), (points.positives, self.totals.positives)):
                shares = rows / (total * self.totals.scale)
                exact_sum.add_values(widths, shares, None, self._digits, self._special, 1)

    def _difference(self, negatives: NDArray[np.float64], positives: NDArray[np.float64]) -> NDArray[np.float64]:
        scale = self.totals.scale
        shares = negatives / (self.totals.negatives * scale), positives / (self.totals.positives * scale)
        difference: NDArray[np.float64] = np.abs(shares[0] - shares[1])
        return difference

    def merge(self, other: Self) -> None:
        """Adds."""
        self._digits = self._digits + other._digits
        exact_sum.carry(self._digits)
        self._special = self._special + other._special
        self._is_infinite |= other._is_infinite

    @property
    def distance(self) -> float:
        """The area, never below 0; infinite where the classes differ in how many rows are infinite."""
        return float("inf") if self._is_infinite else max(0.0, self._sum(0))

    @property
    def uncertainty(self) -> float:
        """How far the area may be off: by the mean width of the cells of each class."""
        return self._sum(1)

    def _sum(self, row: int) -> float:
        if self._special[row].any():
            return float("inf")
        units = sum(int(digit) << (32 * j) for j, digit in enumerate(self._digits[row].tolist()))
        try:
            return units / (1 << 1074)
        except OverflowError:  # between the ends of float64
            return float("inf")
