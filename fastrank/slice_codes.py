"""The slice of each row of a batch, and the order in which those of a slice stand together."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from fastrank._kernels import slices as kernels

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    Empty = Callable[..., NDArray[Any]]

__all__ = ["Codes", "Order", "TableCodes"]

# Counts of larger tables are in no near cache.
MOST_COUNTED = 1 << 14
# Kernels take runs of so many rows as fast as any.
LONG_RUN = 64


class Order(NamedTuple):
    """Where each row comes to stand, the slice of each row there, and how many each slice has, where that is known."""

    places: NDArray[np.int32]
    slices: NDArray[np.int32]
    counts: NDArray[np.int64] | None


class Codes:
    """The slice of each row, -1 where it has none."""

    def __init__(self, array: NDArray[np.int32]) -> None:
        self._array = array

    @property
    def array(self) -> NDArray[np.int32]:
        """One number a row."""
        return self._array

    def order(self, empty: Empty) -> Order | None:
        """The order in which rows of a slice stand together; None where they do."""
        found = kernels.sort_by_slice(self.array, empty)
        return None if found is None else Order(*found, None)


class TableCodes(Codes):
    """Those of integers that are places in a table of slices, counted from `low` on.

    The rows of each integer are known: they are put in order without an array of codes, which is made where it is asked
    for.
    """

    def __init__(
        self,
        values: NDArray[np.integer],
        low: int,
        table: NDArray[np.int32],
        tally: tuple[NDArray[np.int32], int],
        empty: Empty,
    ) -> None:
        self._values, self._low, self._table, self._empty = values, low, table, empty
        self._counts, self._changes = tally

    @staticmethod
    def find(values: NDArray[np.integer], low: int, table: NDArray[np.int32], empty: Empty) -> Codes | None:
        """The codes; None where an integer has no slice."""
        if table.size > MOST_COUNTED:
            codes, missing = kernels.look_up(values, low, table, empty)
            return None if missing >= 0 else Codes(codes)
        tally = kernels.tally(values, low, table.size)
        if tally is None or ((tally[0] > 0) & (table < 0)).any():
            return None
        return TableCodes(values, low, table, tally, empty)

    @cached_property
    def array(self) -> NDArray[np.int32]:
        """One number a row."""
        return kernels.look_up(self._values, self._low, self._table, self._empty)[0]

    def order(self, empty: Empty) -> Order | None:
        """The order in which rows of a slice stand together; None where they do, or most do."""
        used = np.flatnonzero(self._counts)
        if self._changes < max(used.size, self._values.size // LONG_RUN):
            return None
        places, slices = kernels.sort_by_value(self._values, self._low, self._table, self._counts, empty)
        counts = np.zeros(int(self._table[used].max()) + 1, np.int64)
        np.add.at(counts, self._table[used], self._counts[used])
        return Order(places, slices, counts)
