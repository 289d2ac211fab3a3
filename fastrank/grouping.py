"""Rows into ranked lists, across batches and shards.

`QueryStream` cuts the rows of one row set into lists, one a query; the rows of a query that a batch border cuts wait
until it is complete.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any, NamedTuple, NoReturn

import numpy as np
import pyarrow as pa

from fastrank._kernels.ids import IdSet
from fastrank.columns import Columns, Rows, RowSet
from fastrank.errors import QueryOrderError, StateMismatchError
from fastrank.ids import find_lists

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from numpy.typing import NDArray

__all__ = ["HandOver", "Lists", "QueryStream", "SeenIds", "Split", "join_batches"]


class Lists:
    """Ranked lists of one row set: rows offsets[q]..offsets[q + 1] are list q.

    `depths` says for each rule of ties how many ranks the metrics need (0: all); `derived` holds what several
    metrics share.
    """

    def __init__(self, rows: Rows, offsets: NDArray[np.int64], depths: Mapping[str, int]) -> None:
        self.rows = rows
        self.offsets = offsets
        self.depths = depths
        self.derived: dict[object, Any] = {}

    @property
    def count(self) -> int:
        """How many lists there are."""
        return self.offsets.size - 1

    def split(self, codes: NDArray[np.int32]) -> Split:
        """These lists cut by the slice of each row."""
        starts = self.offsets[:-1]
        changes = np.flatnonzero(codes[1:] != codes[:-1]) + 1
        if not np.setdiff1d(changes, starts, assume_unique=True).size:
            none = np.zeros(self.count, np.bool_)
            return Split(self, codes[starts], none, none)
        query = np.repeat(np.arange(self.count), np.diff(self.offsets))
        order = np.lexsort((codes, query))
        codes, query = codes[order], query[order]
        cuts = np.flatnonzero((codes[1:] != codes[:-1]) | (query[1:] != query[:-1])) + 1
        offsets = np.concatenate(([0], cuts, [codes.size])).astype(np.int64)
        owner = query[offsets[:-1]]
        several = np.bincount(owner, minlength=self.count) > 1
        lists = Lists(self.rows.reorder(order), offsets, self.depths)
        return Split(lists, codes[offsets[:-1]], several[owner], several)


class Split(NamedTuple):
    """Lists cut by slices: the slice of each, and which belong to a query that falls into several slices;
    `queries` says the latter of each list before the cut."""

    lists: Lists
    slices: NDArray[np.int32]
    several: NDArray[np.bool_]
    queries: NDArray[np.bool_]


class SeenIds:
    """The ids of finished queries.  Ids that only grow are kept as they came and cost one comparison;
    the first that does not turns them into a hash set.  8 bytes a query (16 to 32 as a set)."""

    def __init__(self) -> None:
        self._ascending: list[NDArray[np.uint64]] = []
        self._last: int | None = None
        self._set: IdSet | None = None

    def add(self, ids: NDArray[np.uint64]) -> int:
        """Adds ids; returns the index of the first that was there already, or -1."""
        if ids.size == 0:
            return -1
        if self._set is None:
            signed = ids.view(np.int64)
            if (self._last is None or int(signed[0]) > self._last) and bool((signed[1:] > signed[:-1]).all()):
                self._ascending.append(ids)
                self._last = int(signed[-1])
                return -1
            self._set = IdSet()
            for chunk in self._ascending:
                self._set.add(chunk)
            self._ascending = []
        return self._set.add(ids)

    def contains_any(self, ids: NDArray[np.uint64]) -> bool:
        """Whether one of the ids was added before."""
        if self._set is not None:
            return self._set.contains_any(ids)
        if self._last is None:
            return False
        candidates = ids[ids.view(np.int64) <= self._last]
        return (
            any(
                bool(
                    (
                        chunk[
                            np.minimum(np.searchsorted(chunk.view(np.int64), candidates.view(np.int64)), chunk.size - 1)
                        ]
                        == candidates
                    ).any()
                )
                for chunk in self._ascending
            )
            if candidates.size
            else False
        )

    def values(self) -> NDArray[np.uint64]:
        """All ids, in ascending order of the unsigned integer."""
        if self._set is not None:
            return self._set.values()
        return np.sort(np.concatenate([np.empty(0, np.uint64), *self._ascending]))


def join_batches(batches: Sequence[pa.RecordBatch]) -> pa.RecordBatch:
    """One record batch of several; columns whose types differ get a type that holds both."""
    tables = [pa.Table.from_batches([batch]) for batch in batches]
    table = pa.concat_tables(tables, promote_options="permissive").combine_chunks()
    return table.to_batches(max_chunksize=max(1, len(table)))[0]


class HandOver(NamedTuple):
    """Queries that may go on in another shard: their rows, how many shards those are of, and the ids of finished
    queries."""

    open: Mapping[int, list[pa.RecordBatch]]
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
        self.open: dict[int, list[pa.RecordBatch]] = {}
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
        first = 0
        if self._current is not None and int(ids[0]) == self._current:
            self._hold(self._current, rows.slice(0, int(bounds[1])))
            first = 1
        if first < ids.size:
            self._refuse_returning(rows, starts, ids, first)
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
        self.open.setdefault(query, []).append(rows.to_batch(self.column_names))

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

    def _join(self, pieces: Sequence[Sequence[pa.RecordBatch]]) -> Lists:
        """One list for each query; its pieces are record batches."""
        offsets = np.cumsum([0, *(sum(batch.num_rows for batch in batches) for batches in pieces)]).astype(np.int64)
        batch = join_batches([batch for batches in pieces for batch in batches])
        rows, _ = self.row_set_of_open.find(Columns(batch, lambda i: f"row {i} of the open queries"))
        return Lists(rows, offsets, self.depths)

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
        return self._join([self.open[query] for query in sorted(self.open)])

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
        for query, batches in other.open.items():
            self.open.setdefault(query, []).extend(batches)
            self._foreign.add(query)
