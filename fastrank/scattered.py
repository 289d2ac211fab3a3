"""Queries whose rows stand anywhere: all rows are kept, and brought together by query when a result is asked for."""

from __future__ import annotations

from bisect import bisect_right
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa

from fastrank._kernels import group
from fastrank.buffers import buffer_view, to_arrow
from fastrank.columns import Columns, Rows, RowSet, join_batches
from fastrank.errors import FastrankError, StateMismatchError
from fastrank.grouping import (
    DEFAULT_MEMORY_LIMIT,
    DIFFERENT_QUERIES,
    Prepared,
    Queries,
)
from fastrank.ids import row_ids
from fastrank.lists import Lists, find_problem
from fastrank.partitions import Partitions, take_rows
from fastrank.pieces import OF_MERGED_STATE, HandOver, ScatteredRows

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from numpy.typing import NDArray

    from fastrank.rules import ListRules

__all__ = ["DEFAULT_MEMORY_LIMIT", "ScatteredQueries"]

_NO_LISTS = (np.zeros(1, np.int64), np.empty(0, np.uint64))


class ScatteredQueries(Queries):
    """Queries that may have rows in every batch and in every shard.

    All rows are kept, in memory up to `memory_limit` bytes and past it in a temporary file.  The last column of what
    is kept is the number of the row since the first batch or, of a row from another shard, minus the number of the
    shard.
    """

    def __init__(
        self,
        row_set: RowSet,
        column_names: Sequence[str],
        depths: Mapping[ListRules, int],
        memory_limit: int = DEFAULT_MEMORY_LIMIT,
    ) -> None:
        super().__init__(row_set, column_names, depths, memory_limit)
        self._kept = Partitions(self._find_ids, memory_limit)
        self._next_row = 0
        self._first_rows: list[int] = []
        self._describers: list[Callable[[int], str]] = []
        self._own_shard = 0
        self._other_shards = 0

    def limit_memory(self, memory_limit: int) -> None:
        """Changes how many bytes of rows to keep in memory."""
        super().limit_memory(memory_limit)
        self._kept.memory_limit = memory_limit

    def _find_ids(self, batch: pa.RecordBatch) -> NDArray[np.uint64]:
        return row_ids(batch.column(self.query_column))

    def prepare(self, rows: Rows) -> Prepared:
        """Checks the types of ids."""
        if rows.count:
            self._check_types(rows)
        return Prepared(rows, *_NO_LISTS, 0)

    def update(self, prepared: Prepared) -> Iterator[Lists]:
        """Keeps the rows of a batch; no list is complete before a result is asked for."""
        rows = prepared.rows
        if rows.count:
            self._types.update(self._types_of(rows))
            self._first_rows.append(self._next_row)
            self._describers.append(rows.columns.describe_row)
            numbers = rows.positions.astype(np.int64, copy=False) + self._next_row
            arrays = [rows.select(rows.columns.array(name)) for name in self.column_names]
            self._kept.add(self._with_numbers(arrays, numbers))
        self._next_row += rows.columns.batch.num_rows
        yield from ()

    def _with_numbers(self, arrays: Sequence[pa.Array], numbers: NDArray[np.int64]) -> pa.RecordBatch:
        # A name that no column of the source has.
        name = "row" + "_" * max(map(len, self.column_names))
        return pa.RecordBatch.from_arrays([*arrays, to_arrow(numbers)], names=[*self.column_names, name])

    def open_lists(self) -> Iterator[Lists]:
        """All lists, some at a time; an error is that of the lowest row that does not fit its query."""
        lowest: _Bad | None = None
        for chunk in self._kept.chunks():
            order, offsets = group.group_rows(self._find_ids(chunk))
            numbers = _last_column(chunk)
            if self.in_order and self._other_shards:
                self._refuse_several(self._shards_of(numbers[order]), offsets)
            batch = take_rows(chunk.select(self.column_names), order)
            rows, _ = self.row_set_of_open.find(Columns(batch, self._describer(numbers, order)))
            if lowest is None and find_problem(rows, offsets, unique_items=self.unique_items) is None:
                yield Lists(rows, offsets, self.depths)
            else:
                lowest = self._find_lowest(rows, offsets, numbers[order], lowest)
        if lowest is not None:
            raise lowest[1]

    def _find_lowest(
        self, rows: Rows, offsets: NDArray[np.int64], numbers: NDArray[np.int64], lowest: _Bad | None
    ) -> _Bad | None:
        """The error of the row of the lowest number, in these lists or before; rows of other shards come last."""
        numbers = numbers.view(np.uint64)
        while True:
            if lowest is not None:
                below = numbers < lowest[0]
                offsets = np.concatenate(([0], np.cumsum(below)))[offsets]
                rows, numbers = rows.reorder(np.flatnonzero(below)), numbers[below]
            problem = find_problem(rows, offsets, unique_items=self.unique_items)
            if problem is None:
                return lowest
            lowest = int(numbers[problem.row]), problem.error(rows)

    def _describer(self, numbers: NDArray[np.int64], order: NDArray[np.int64]) -> Callable[[int], str]:
        def describe_row(i: int) -> str:
            number = int(numbers[order[i]])
            if number < 0:
                return OF_MERGED_STATE
            j = bisect_right(self._first_rows, number) - 1
            return self._describers[j](number - self._first_rows[j])

        return describe_row

    def _refuse_several(self, shards: NDArray[np.int64], offsets: NDArray[np.int64]) -> None:
        """StateMismatchError where a list has rows of several shards."""
        changes = np.flatnonzero(shards[1:] != shards[:-1]) + 1
        if np.setdiff1d(changes, offsets, assume_unique=True).size:
            raise self._order_is_lost()

    def _shards_of(self, numbers: NDArray[np.int64]) -> NDArray[np.int64]:
        return np.where(numbers < 0, -numbers, self._own_shard)

    @property
    def shards(self) -> int:
        """How many shards the rows are of."""
        return self._other_shards + 1

    def hand_over(self) -> ScatteredRows:
        """All rows, with their shards."""
        return ScatteredRows(map(self._with_shards, self._kept.batches()), self._kept.schema, self.shards)

    def joined_rows(self) -> pa.RecordBatch | None:
        """What is handed over in the form of a state: the rows of other shards, then the own as they came; None where
        there are none."""
        if self._kept.nbytes > self.memory_limit:
            raise FastrankError(
                f"the state would hold {self._kept.nbytes} bytes of rows of scattered queries, more than "
                f"memory_limit={self.memory_limit}: sort or partition the source by {self.query_column!r}, so that "
                'queries="adjacent" will do, or raise memory_limit'
            )
        batches = list(self._kept.batches())
        if not batches:
            return None
        rows = join_batches(batches)
        return self._with_shards(take_rows(rows, np.argsort(_last_column(rows), kind="stable")))

    def _with_shards(self, batch: pa.RecordBatch) -> pa.RecordBatch:
        return self._with_numbers(batch.columns[:-1], self._shards_of(_last_column(batch)))

    @property
    def position(self) -> int:
        """Which of the shards the next rows are of."""
        return self._own_shard

    def resume(self, position: int) -> None:
        """Goes on with a shard of a state that was merged into this, while there was nothing else."""
        self._own_shard = position + 1

    def check_merge(self, other: HandOver | ScatteredRows) -> None:
        """StateMismatchError where the other side holds ids of another type, or some queries only."""
        if not isinstance(other, ScatteredRows):
            raise StateMismatchError(DIFFERENT_QUERIES)
        self._check_types_of_state(self._types_in(other.schema))

    def merge(self, other: ScatteredRows) -> None:
        """Takes in the rows of another shard."""
        self._types.update(self._types_in(other.schema))
        for batch in other.batches:
            numbers = -1 - self._other_shards - _last_column(batch)
            self._kept.add(self._with_numbers([batch.column(name) for name in self.column_names], numbers))
        self._other_shards += other.shards


_Bad = tuple[int, Exception]


def _last_column(batch: pa.RecordBatch) -> NDArray[np.int64]:
    return buffer_view(batch.column(batch.num_columns - 1), np.int64)
