"""Rows into ranked lists, across batches and shards.

`QueryStream` cuts the rows of one row set into lists, one a query; the rows of a query that a batch border cuts wait
until it is complete.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, NamedTuple, NoReturn

import numpy as np
import pyarrow as pa

from fastrank.columns import Columns, Rows, RowSet
from fastrank.errors import QueryOrderError, StateMismatchError
from fastrank.ids import SeenIds, find_lists
from fastrank.lists import Lists, find_problem

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from numpy.typing import NDArray

__all__ = ["HandOver", "Piece", "QueryStream", "join_batches"]


class Piece(NamedTuple):
    """Rows of one query from one batch, and where they stood."""

    batch: pa.RecordBatch
    describe_row: Callable[[int], str]
    positions: NDArray[np.intp]

    @staticmethod
    def of_state(batch: pa.RecordBatch) -> Piece:
        """Rows of which the source is no longer known."""
        return Piece(batch, lambda _: "a row of a merged state", np.arange(batch.num_rows))


def join_batches(batches: Sequence[pa.RecordBatch]) -> pa.RecordBatch:
    """One record batch of several; columns whose types differ get a type that holds both."""
    # Arrow finds a common type of all numbers, but not of numbers and booleans.
    mixed = {name for name in batches[0].schema.names if len({batch.schema.field(name).type for batch in batches}) > 1}
    tables = [pa.Table.from_batches([_without_booleans(batch, mixed)]) for batch in batches]
    table = pa.concat_tables(tables, promote_options="permissive").combine_chunks()
    return table.to_batches(max_chunksize=max(1, len(table)))[0]


def _without_booleans(batch: pa.RecordBatch, names: set[str]) -> pa.RecordBatch:
    arrays = [
        array.cast(pa.int8()) if name in names and pa.types.is_boolean(array.type) else array
        for name, array in zip(batch.schema.names, batch.columns, strict=True)
    ]
    return pa.RecordBatch.from_arrays(arrays, names=batch.schema.names)


class HandOver(NamedTuple):
    """Queries that may go on in another shard: their rows, how many shards those are of, and the ids of finished
    queries."""

    open: Mapping[int, list[Piece]]
    shards: Mapping[int, int]
    seen: NDArray[np.uint64]


class QueryStream:
    """The lists of one row set, across batches, shards and merges.

    The first and the last query of a shard may go on in another shard: their rows stay in `open`, by id.
    """

    def __init__(self, row_set: RowSet, column_names: Sequence[str], depths: Mapping[str, int]) -> None:
        self.row_set = row_set
        self.column_names = list(column_names)
        self.depths = depths
        self.query_column = row_set.domain("query")[0]
        self.open: dict[int, list[Piece]] = {}
        self.shards: Counter[int] = Counter()  # how many shards an open query has rows of
        self.seen = SeenIds()
        self._head: int | None = None
        self._current: int | None = None
        self._foreign: set[int] = set()

    def update(self, rows: Rows) -> Iterator[Lists]:
        """Takes the rows of the next batch; yields the lists that are complete."""
        if rows.count == 0:
            return
        starts, ids = find_lists(rows["query"])
        bounds = np.append(starts, rows.count)
        first = int(self._current is not None and int(ids[0]) == self._current)
        if first < ids.size:
            self._refuse_returning(rows, starts, ids, first)
        self._refuse_bad_lists(rows, bounds, ids)
        if first:
            self._hold(int(ids[0]), rows.slice(0, int(bounds[1])))
        if first < ids.size:
            yield from self._close_current(rows)
            last = ids.size - 1
            if self._head is None:
                self._head = int(ids[first])
                self._hold(self._head, rows.slice(int(bounds[first]), int(bounds[first + 1])))
                first += 1
            yield from self._complete(rows, bounds, ids, first, last)
            if last >= first:
                self._hold(int(ids[last]), rows.slice(int(bounds[last]), int(bounds[last + 1])))
            self._current = int(ids[last])

    def _complete(
        self, rows: Rows, bounds: NDArray[np.int64], ids: NDArray[np.uint64], first: int, last: int
    ) -> Iterator[Lists]:
        """Lists first..last, all rows of which are in this batch, but for those open in another shard."""
        if last <= first:
            return
        inner = ids[first:last]
        foreign = np.flatnonzero(np.isin(inner, np.array(sorted(self._foreign), np.uint64))) if self._foreign else ()
        start = first
        for q in [*(first + int(j) for j in foreign), last]:
            if q > start:
                self._mark_seen(ids[start:q], rows, bounds[start:q])
                a, b = int(bounds[start]), int(bounds[q])
                yield Lists(rows.slice(a, b), bounds[start : q + 1] - a, self.depths)
            if q < last:
                self._hold(int(ids[q]), rows.slice(int(bounds[q]), int(bounds[q + 1])))
            start = q + 1

    def _close_current(self, rows: Rows) -> Iterator[Lists]:
        current = self._current
        if current is None or current == self._head or current in self._foreign:
            return
        self._mark_seen(np.array([current], np.uint64), rows, np.zeros(1, np.int64))
        del self.shards[current]
        yield self._join([self.open.pop(current)])

    def _hold(self, query: int, rows: Rows) -> None:
        if query != self._current:
            self.shards[query] += 1
        self.open.setdefault(query, []).append(self._piece(rows))

    def _piece(self, rows: Rows) -> Piece:
        return Piece(rows.to_batch(self.column_names), rows.columns.describe_row, rows.positions)

    def _refuse_bad_lists(self, rows: Rows, bounds: NDArray[np.int64], ids: NDArray[np.uint64]) -> None:
        """Errors for rows that do not fit their query, the lowest first, also where its rows before are held."""
        if not (rows.has("item") or rows.has("query_weight")):
            return
        problem = find_problem(rows, bounds)
        for q in np.flatnonzero(np.isin(ids, np.array(sorted(self.open), np.uint64))).tolist():
            held = self.open[int(ids[q])]
            joined = self._join([[*held, self._piece(rows.slice(int(bounds[q]), int(bounds[q + 1])))]])
            found = find_problem(joined.rows, joined.offsets)
            before = sum(piece.batch.num_rows for piece in held)
            if found is not None:
                found = found._replace(row=found.row - before + int(bounds[q]))
                problem = found if problem is None else min(problem, found)
        if problem is not None:
            raise problem.error(rows)

    def _refuse_returning(self, rows: Rows, starts: NDArray[np.int64], ids: NDArray[np.uint64], first: int) -> None:
        """Errors for queries that came before and that `SeenIds.add` will not meet: those that are open, and
        the first and the last of this batch, which stay open."""
        new = ids[first:]
        open_ = [query for query in (self._head, self._current) if query is not None]
        back = np.isin(new, np.array(open_, np.uint64)) if open_ else np.zeros(new.size, np.bool_)
        back[1:] |= new[1:] == new[0] if self._head is None else False
        back[-1] |= bool((new[:-1] == new[-1]).any()) or self.seen.contains_any(new[-1:])
        back[0] |= self._head is None and self.seen.contains_any(new[:1])
        if back.any():
            self._raise_lowest(rows, starts[first:], new, back)

    def _raise_lowest(
        self, rows: Rows, starts: NDArray[np.int64], ids: NDArray[np.uint64], back: NDArray[np.bool_]
    ) -> NoReturn:
        """Names the lowest row that comes back: it may be one that `SeenIds.add` would have met."""
        first_places = np.unique(ids, return_index=True)[1]
        repeated = np.ones(ids.size, np.bool_)
        repeated[first_places] = False
        finished = np.array([self.seen.contains_any(ids[q : q + 1]) for q in range(ids.size)])
        raise self._returned(rows, int(starts[int((back | repeated | finished).argmax())]))

    def _mark_seen(self, ids: NDArray[np.uint64], rows: Rows, starts: NDArray[np.int64]) -> None:
        found = self.seen.add(ids)
        if found >= 0:
            raise self._returned(rows, int(starts[found]))

    def _returned(self, rows: Rows, i: int) -> QueryOrderError:
        position = int(rows.positions[i])
        value = rows.columns.array(self.query_column)[position].as_py()
        return QueryOrderError(
            f"column {self.query_column!r} (query): {rows.columns.describe_row(position)} holds {value!r}, whose rows "
            "came before those of other queries; the rows of a query must be adjacent: sort the source by "
            f"{self.query_column!r}"
        )

    def _join(self, queries: Sequence[Sequence[Piece]]) -> Lists:
        """One list for each query, from its pieces."""
        pieces = [piece for parts in queries for piece in parts]
        starts = np.cumsum([0, *(piece.batch.num_rows for piece in pieces)]).astype(np.int64)

        def describe_row(i: int) -> str:
            piece = int(np.searchsorted(starts, i, side="right")) - 1
            return pieces[piece].describe_row(int(pieces[piece].positions[i - starts[piece]]))

        batch = join_batches([piece.batch for piece in pieces])
        rows, _ = self.row_set_of_open.find(Columns(batch, describe_row))
        ends = np.cumsum([0, *(len(parts) for parts in queries)])
        return Lists(rows, starts[ends], self.depths)

    @property
    def row_set_of_open(self) -> RowSet:
        """The row set for rows that were filtered already."""
        return RowSet(self.row_set.roles, (), self.row_set.drop_invalid)

    def open_lists(self) -> Lists | None:
        """The queries that may go on, as if they were complete."""
        if not self.open:
            return None
        if "input" in self.depths and max(self.shards.values()) > 1:
            raise StateMismatchError(
                'ties="input" keeps the order of the source, but a query lies in several shards, which have no order: '
                "keep whole queries in one shard, or use another rule for ties"
            )
        lists = self._join([self.open[query] for query in sorted(self.open)])
        problem = find_problem(lists.rows, lists.offsets)
        if problem is not None:
            raise problem.error(lists.rows)
        return lists

    def hand_over(self) -> HandOver:
        """What another shard needs to know."""
        return HandOver(self.open, self.shards, self.seen.values())

    @property
    def position(self) -> tuple[int | None, int | None]:
        """The first and the current query: what it takes to go on with the same stream elsewhere."""
        return self._head, self._current

    def resume(self, position: tuple[int | None, int | None]) -> None:
        """Goes on where a stream with the same open queries was."""
        self._head, self._current = position
        self._foreign -= {query for query in position if query is not None}

    def check_merge(self, other: HandOver) -> None:
        """StateMismatchError where a query that one side has finished has rows on the other side."""
        mine, theirs = (np.array(sorted(queries), np.uint64) for queries in (self.open, other.open))
        finished_on_both = np.intersect1d(other.seen, self.seen.values(), assume_unique=True)
        if finished_on_both.size or self.seen.contains_any(theirs) or bool(np.isin(mine, other.seen).any()):
            raise StateMismatchError(
                f"column {self.query_column!r} (query): a query has rows in both states, and not at their borders, so "
                "it would be evaluated twice; split the source between queries"
            )

    def merge(self, other: HandOver) -> None:
        """Takes in the open and the finished queries of another shard."""
        self.seen.add(other.seen)
        self.shards.update(other.shards)
        for query, pieces in other.open.items():
            self.open.setdefault(query, []).extend(pieces)
            self._foreign.add(query)
