"""Exact sums of products of two columns."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING

import numpy as np

from fastrank._kernels import exact_sum
from fastrank.accumulators.base import Field, RowAccumulator
from fastrank.accumulators.sums import Sum, digits_to_fraction, special_value

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from fastrank.columns import Rows

__all__ = ["LEAST_VARIANCE", "ExactProduct"]

# What products lose below 2^-1074 is up to 2^-1000 of a variance, where weights are as small as 2^-72: far below the
# rounding of variances from here on.
LEAST_VARIANCE = Fraction(1, 2**940)


@dataclass(eq=False)
class ExactProduct(RowAccumulator):
    """The sum over rows of weight times the product of two columns, exact whatever the order of the rows.

    `first` and `second` are roles of columns, the same one for a sum of squares.  "weight" is the weight itself, which
    then does not multiply once more: ("weight", "weight") is the sum of squared weights, ("weight", "score") the sum of
    weighted scores.  Without a column of weights each row weighs 1.

    No product is rounded: it enters as an exact sum of two terms, of four with weights, so that nothing is lost where
    products cancel.  A product past the largest float64 is infinite; what a product has below 2^-1074 is rounded, row
    by row.  Memory: 592 bytes a slice.
    """

    kind = "exact_product"
    first: str
    second: str

    digits = Field(np.int64, (exact_sum.DIGITS,), merge="digits")
    special = Field(np.int64, (exact_sum.SPECIALS,))

    @property
    def reads(self) -> tuple[str, ...]:
        """The two columns, and weight."""
        return tuple(dict.fromkeys((self.first, self.second, "weight")))

    def update(self, rows: Rows, slices: NDArray[np.int32] | None) -> None:
        """Adds the product of each row."""
        self.count_rows(rows, slices)
        if rows.count == 0:
            return
        weights = rows.get("weight")
        target = (weights, slices, self.digits, self.special)
        columns = [rows[role] for role in (self.first, self.second) if role != "weight"]
        if len(columns) == 2:
            exact_sum.add_products(columns[0], columns[1], *target)
        elif columns:
            exact_sum.add_values(columns[0], *target)
        elif weights is not None:
            exact_sum.add_products(weights, weights, None, *target[1:])

    def at(self, s: int) -> Sum:
        """The sum of slice s."""
        total = digits_to_fraction(self.digits[s])
        if self.first == self.second == "weight" and total == 0:
            # As in a sum of weights: without a column of them every row weighs 1.
            total = Fraction(int(self.rows[s]))
        return Sum(total, special_value(self.special[s]), 0)
