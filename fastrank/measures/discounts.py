"""Tables of prefix sums of discounts, each as long as the longest list so far."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

from fastrank._kernels import ranked

if TYPE_CHECKING:
    from collections.abc import Callable

    import numpy as np
    from numpy.typing import NDArray

__all__ = ["FLAT", "LOGARITHMIC", "geometric"]

Table = tuple["NDArray[np.float64]", "NDArray[np.float64]"]
FIRST_LENGTH = 1024


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


FLAT = Discounts(ranked.flat_discounts)
LOGARITHMIC = Discounts(ranked.discounts)


@cache
def geometric(p: float) -> Discounts:
    """Discounts 1, p, p^2, ..."""
    return Discounts(lambda n: ranked.geometric_discounts(n, p))
