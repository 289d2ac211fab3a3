"""Tables of prefix sums of discounts, each as long as the longest list so far."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

import numpy as np

from fastrank._kernels import ranked
from fastrank.functions import function_values, refuse_value

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

__all__ = ["FLAT", "LOGARITHMIC", "discounts_of", "geometric"]

Table = tuple["NDArray[np.float64]", "NDArray[np.float64]"]
FIRST_LENGTH = 1024
LARGEST_DISCOUNT = 2.0**20


class Discounts:
    """The sums over the first 0, 1, 2, ... ranks, as pairs high + low of doubles."""

    def __init__(self, make: Callable[[int], Table]) -> None:
        self._make = make
        self._table = make(FIRST_LENGTH)

    def up_to(self, sizes: NDArray[np.int64], k: int | None) -> Table:
        """The sums for the first k ranks (None: all) of lists of these sizes."""
        longest = int(sizes.max(initial=0))
        n = longest if k is None else min(longest, k)
        table = self._table
        if len(table[0]) <= n:
            # Another thread may put a shorter table in its place.
            table = self._table = self._make(2 * n)
        return table


class OwnDiscounts(Discounts):
    """Discounts by a user's own function of the rank from 1."""

    def __init__(self, function: str) -> None:
        self._function = function
        self._refused: tuple[int, float] | None = None  # the first rank of which the discount is not allowed
        super().__init__(self._own)

    def _own(self, n: int) -> Table:
        values = function_values(self._function, np.arange(1.0, n + 1))
        allowed = (values >= 0) & (values <= LARGEST_DISCOUNT)
        if not allowed.all():
            first = int(allowed.argmin())
            self._refused = first + 1, float(values[first])
        return ranked.summed(np.where(allowed, values, 0.0))

    def up_to(self, sizes: NDArray[np.int64], k: int | None) -> Table:
        """InvalidValueError where a discount is not allowed that these lists need; the table is longer."""
        table, longest = super().up_to(sizes, k), int(sizes.max(initial=0))
        if self._refused is not None and self._refused[0] <= (longest if k is None else min(longest, k)):
            raise refuse_value(self._function, *self._refused, "discounts from 0 to 2^20")
        return table


FLAT = Discounts(ranked.flat_discounts)
LOGARITHMIC = Discounts(ranked.discounts)


@cache
def geometric(p: float) -> Discounts:
    """Discounts 1, p, p^2, ..."""
    return Discounts(lambda n: ranked.geometric_discounts(n, p))


@cache
def discounts_of(discount: str) -> Discounts:
    """1 / log2(rank + 1), or a user's own."""
    return LOGARITHMIC if discount == "log2" else OwnDiscounts(discount)
