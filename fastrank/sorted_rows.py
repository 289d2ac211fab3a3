"""Rows with those of a slice side by side, as the kernels of row accumulators like them."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from fastrank._kernels import checks
from fastrank._kernels import slices as kernels
from fastrank.columns import Rows
from fastrank.slice_codes import Codes

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from fastrank.columns import RowSet
    from fastrank.scratch import Scratch
    from fastrank.slice_codes import Order

__all__ = ["sort_by_slice"]


class _Moved:
    """Where rows belong, the slice of each in that order, and what was made for all row sets of these rows."""

    def __init__(self, order: Order, scratch: Scratch) -> None:
        self.places, self.slices, counts = order
        self._empty = scratch.empty
        # By where a column lies in memory, for the same bytes may be seen as of several types; it is kept, too.
        self._moved: dict[tuple[Any, ...], tuple[NDArray[Any], NDArray[Any]]] = {}
        self._counts: dict[int | None, NDArray[np.int64]] = {} if counts is None else {None: counts}

    def move(self, values: NDArray[Any], rows: Rows) -> NDArray[Any]:
        """The rows' part of an array of the whole batch, in order."""
        dtype = values.dtype
        key = values.__array_interface__["data"][0], values.strides, dtype.itemsize, dtype.hasobject
        if key not in self._moved:
            self._moved[key] = values, kernels.move(rows.select(values), self.places, self._empty)
        return self._moved[key][1].view(dtype)

    def counts(self, weights: NDArray[np.float64] | None) -> NDArray[np.int64]:
        """How many rows each slice has, but for those of weight zero."""
        key = None if weights is None else weights.__array_interface__["data"][0]
        if key not in self._counts:
            self._counts[key] = np.zeros(int(self.slices.max()) + 1, np.int64)
            checks.count_rows(self.slices, weights, self._counts[key])
        return self._counts[key]


class _SortedRows(Rows):
    """Rows of which row i is now row places[i].

    A column is moved from end to end to where its rows belong, which are as many places as there are slices: that takes
    a third of the time of gathering them one by one.
    """

    def __init__(self, rows: Rows, moved: _Moved) -> None:
        super().__init__(rows.row_set, rows.columns, None, None)
        self._rows = rows
        self._order = moved
        self.count = moved.places.size

    @cached_property
    def index(self) -> NDArray[np.intp]:  # made only where it is asked for
        """Where these rows stand in the batch."""
        return self._rows.positions[np.argsort(self._order.places)]

    @property
    def counts(self) -> NDArray[np.int64]:
        """How many rows each slice has, but for those of weight zero."""
        return self._order.counts(self.get("weight"))

    def select(self, values: Any) -> Any:
        """The part of an array of the whole batch that belongs to these rows."""
        if not isinstance(values, np.ndarray) or values.ndim > 1:
            return super().select(values)
        return self._order.move(values, self._rows)


def sort_by_slice(
    rows_of: Mapping[RowSet, Rows], codes: Codes | None, scratch: Scratch
) -> dict[RowSet, tuple[Rows, NDArray[np.int32] | None]]:
    """The rows of each row set with those of a slice side by side, and the slice of each.

    Parameters
    ----------
    rows_of : mapping of RowSet to Rows
        Rows of one batch.
    codes : Codes, optional
        The slice of each row; None: the rows stay as they are.
    scratch : Scratch
        Makes the arrays.

    Returns
    -------
    dict of RowSet to (Rows, int32[rows] or None)
    """
    if codes is None:
        return {row_set: (rows, None) for row_set, rows in rows_of.items()}
    result: dict[RowSet, tuple[Rows, NDArray[np.int32] | None]] = {}
    whole: list[_Moved | None] = []
    for row_set, rows in rows_of.items():
        # Row sets that see the whole batch share what is moved.
        if rows.index is None and whole:
            moved = whole[0]
        else:
            part = codes if rows.index is None else Codes(rows.select(codes.array))
            order = part.order(scratch.empty)
            moved = None if order is None else _Moved(order, scratch)
            if rows.index is None:
                whole.append(moved)
        if moved is None:
            result[row_set] = rows, rows.select(codes.array)
        else:
            result[row_set] = _SortedRows(rows, moved), moved.slices
    return result
