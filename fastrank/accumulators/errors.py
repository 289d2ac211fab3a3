"""What sums of errors do not tell: the largest, and which rows have no target to relate it to."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from fastrank._kernels import exact_sum
from fastrank.accumulators.base import Field, RowAccumulator
from fastrank.accumulators.sums import Sum, weight_of

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from fastrank.columns import Rows

__all__ = ["LargestError", "ZeroRows", "Zeros"]


@dataclass(eq=False)
class LargestError(RowAccumulator):
    """The largest |score - label|.

    Memory: 24 bytes a slice.
    """

    kind = "largest_error"

    largest = Field(np.float64, merge="max")

    @property
    def reads(self) -> tuple[str, ...]:
        """Label, score and weight."""
        return ("label", "score", "weight")

    def update(self, rows: Rows, slices: NDArray[np.int32] | None) -> None:
        """Compares the error of each row that weighs more than 0."""
        self.count_rows(rows, slices)
        sizes = np.abs(np.subtract(rows["score"], rows["label"], dtype=np.float64))
        weights = rows.get("weight")
        if weights is not None:
            sizes[weights == 0] = -np.inf
        if slices is not None and rows.count:
            starts = np.flatnonzero(np.concatenate(([True], slices[1:] != slices[:-1])))
            np.maximum.at(self.largest, slices[starts], np.maximum.reduceat(sizes, starts))
        elif rows.count:
            self.largest[0] = max(self.largest[0], sizes.max())

    def at(self, s: int) -> float:
        """The largest error of slice s; NaN where there is no row."""
        return float(self.largest[s]) if self.rows[s] else float("nan")


class Zeros(NamedTuple):
    """Rows of zeros: how many, and their weight."""

    rows: int
    weight: Sum


@dataclass(eq=False)
class ZeroRows(RowAccumulator):
    """The rows in which the columns of these roles are all 0, and their exact weight.

    Memory: 592 bytes a slice.
    """

    kind = "zero_rows"
    roles: tuple[str, ...]

    zeros = Field(np.int64)
    digits = Field(np.int64, (exact_sum.DIGITS,), merge="digits")
    special = Field(np.int64, (exact_sum.SPECIALS,))

    @property
    def reads(self) -> tuple[str, ...]:
        """The columns, and weight."""
        return (*self.roles, "weight")

    def update(self, rows: Rows, slices: NDArray[np.int32] | None) -> None:
        """Counts and weighs the rows."""
        self.count_rows(rows, slices)
        weights = rows.get("weight")
        found = np.logical_and.reduce([rows[role] == 0 for role in self.roles])
        if weights is not None:
            found &= weights > 0
        count = int(np.count_nonzero(found))
        if count == 0:
            return
        slices = None if slices is None else slices[found]
        self._count("zeros", slices, count)
        if weights is not None:
            exact_sum.add_values(weights[found], None, slices, self.digits, self.special)

    def at(self, s: int) -> Zeros:
        """The rows of slice s."""
        count = int(self.zeros[s])
        return Zeros(count, weight_of(count, self.digits[s]))
