"""Rows into ranked lists, across batches and shards.

`QueryStream` cuts the rows of one row set into lists, one a query; the rows of a query that a batch border cuts wait
until it is complete.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections import Counter
from dataclasses import replace
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from fastrank.buffers import in_words
from fastrank.columns import Columns, Rows, RowSet, join_batches
from fastrank.errors import ColumnTypeError, QueryOrderError, StateMismatchError
from fastrank.ids import find_lists, plain_type
from fastrank.lists import Lists, find_problem
from fastrank.pieces import HandOver, Piece, ScatteredRows
from fastrank.seen import SeenIds

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    import pyarrow as pa
    from numpy.typing import NDArray

    from fastrank.rules import ListRules

__all__ = ["DEFAULT_MEMORY_LIMIT", "HandOver", "Piece", "Prepared", "Queries", "QueryStream", "ScatteredRows"]

# A query that a border of batches cuts is joined and evaluated with others of its like, once they have so many rows.
WAITING_ROWS = 16_384
DEFAULT_MEMORY_LIMIT = 2 << 30
DIFFERENT_QUERIES = (
    "one side takes the rows of a query to be adjacent, the other takes them from anywhere: make both with the same "
    'queries="adjacent" or queries="scattered"'
)


class Prepared(NamedTuple):
    """The lists of a batch, checked: rows bounds[q]..bounds[q + 1] are of query ids[q]; the first `first` lists go on
    with the query before."""

    rows: Rows
    bounds: NDArray[np.int64]
    ids: NDArray[np.uint64]
    first: int


class Queries(ABC):
    """Cuts the rows of one row set into lists, one a query, across batches, shards and merges."""

    def __init__(
        self,
        row_set: RowSet,
        column_names: Sequence[str],
        depths: Mapping[ListRules, int],
        memory_limit: int = DEFAULT_MEMORY_LIMIT,
    ) -> None:
        self.memory_limit = memory_limit
        self.seen = SeenIds(memory_limit)  # ids of finished queries; none where queries are scattered
        self.waits_for = WAITING_ROWS  # 0: complete lists do not wait
        self.in_order = False  # whether a metric depends on the order of the source
        self.unique_items = False  # whether an item that stands twice in a query is an error
        self.row_set = row_set
        self.column_names = list(column_names)
        self.depths = depths
        self.query_column = row_set.domain("query")[0]
        self._types: dict[str, pa.DataType] = {}  # of query and item, when known

    def limit_memory(self, memory_limit: int) -> None:
        """Changes how many bytes to keep of what grows with the rows."""
        self.memory_limit = self.seen.memory_limit = memory_limit

    @abstractmethod
    def prepare(self, rows: Rows) -> Any:
        """Checks the rows of a batch, before anything is changed; what `update` takes."""

    @abstractmethod
    def update(self, prepared: Any) -> Iterator[Lists]:
        """Takes the rows of a batch; yields the lists that are complete."""

    def drain(self) -> Iterator[Lists]:
        """The lists that are complete and wait to be evaluated."""
        yield from ()

    @abstractmethod
    def open_lists(self) -> Iterator[Lists]:
        """The lists that may go on, as if they were complete; may be asked again."""

    @property
    def finished(self) -> NDArray[np.uint64]:
        """The ids of queries that are no longer open."""
        return self.seen.values()

    def last_lists(self) -> Iterator[Lists]:
        """The open lists, and the queries of the judgments that have no row, as lists without rows."""
        judgments = self.row_set.judgments
        if judgments is None:
            yield from self.open_lists()
            return
        seen = [self.finished]
        for lists in self.open_lists():
            seen.append(lists.query_ids)
            yield lists
        missing = judgments.find_missing(np.concatenate(seen))
        if missing.size:
            rows = self.row_set_of_open.find_nothing()
            yield Lists(rows, np.zeros(missing.size + 1, np.int64), self.depths, missing=missing)

    @abstractmethod
    def hand_over(self) -> HandOver | ScatteredRows:
        """What another shard needs to know."""

    @property
    @abstractmethod
    def position(self) -> Any:
        """What it takes, beside what is handed over, to go on with the same stream elsewhere."""

    @abstractmethod
    def resume(self, position: Any) -> None:
        """Goes on where a stream was whose rows this one took over."""

    @abstractmethod
    def check_merge(self, other: HandOver | ScatteredRows) -> None:
        """StateMismatchError where the queries of another shard do not fit to these."""

    @abstractmethod
    def merge(self, other: Any) -> None:
        """Takes in the queries of another shard, which were checked."""

    @property
    def row_set_of_open(self) -> RowSet:
        """The row set for rows that were filtered already."""
        return replace(self.row_set, where=())

    def _types_of(self, rows: Rows) -> dict[str, pa.DataType]:
        return {role: plain_type(rows[role].type) for role in ("query", "item") if rows.has(role)}

    def _check_types(self, rows: Rows) -> None:
        """Ids of several types could be equal without being told so."""
        if self.row_set.judgments is not None:
            names = {role: column for role, column, _ in self.row_set.roles}
            self.row_set.judgments.check_types(self._types_of(rows), names)
        for role, kind in self._types_of(rows).items():
            if self._types.get(role, kind) != kind:
                raise ColumnTypeError(
                    f"column {self.row_set.domain(role)[0]!r} ({role}) is of type {kind}, but was of type "
                    f"{self._types[role]} before; ids have one type in all batches and states"
                )

    def _types_in(self, schema: pa.Schema | None) -> dict[str, pa.DataType]:
        if schema is None:
            return {}
        columns = [(role, column) for role, column, _ in self.row_set.roles if role in ("query", "item")]
        return {role: plain_type(schema.field(name).type) for role, name in columns}

    def _check_types_of_state(self, types: Mapping[str, pa.DataType]) -> None:
        for role, kind in types.items():
            if self._types.get(role, kind) != kind:
                raise StateMismatchError(
                    f"column {self.row_set.domain(role)[0]!r} ({role}) is of type {self._types[role]} here, of type "
                    f"{kind} there"
                )

    def _order_is_lost(self) -> StateMismatchError:
        return StateMismatchError(
            'ties="input" keeps the order of the source (as idcg="label_order" does, and duplicates= where rows of an '
            "item differ), but a query lies in several shards, which have no order: keep whole queries in one shard, "
            "or use another rule"
        )


class QueryStream(Queries):
    """Queries whose rows are adjacent.

    The first and the last query of a shard may go on in another shard: their rows stay in `open`, by id.
    `memory_limit` is how many bytes the ids of finished queries may take, where they do not ascend.
    """

    def __init__(
        self,
        row_set: RowSet,
        column_names: Sequence[str],
        depths: Mapping[ListRules, int],
        memory_limit: int = DEFAULT_MEMORY_LIMIT,
    ) -> None:
        super().__init__(row_set, column_names, depths, memory_limit)
        self.open: dict[int, list[Piece]] = {}
        self.shards: Counter[int] = Counter()  # how many shards an open query has rows of
        self._waiting: list[list[Piece]] = []
        self._waiting_rows = 0
        self._head: int | None = None
        self._current: int | None = None
        self._foreign: set[int] = set()

    def prepare(self, rows: Rows) -> Prepared:
        """Finds the lists of a batch and checks them, before anything is changed: QueryOrderError where a query
        comes back, InvalidValueError where a row does not fit its query, ColumnTypeError for ids of another type."""
        if rows.count == 0:
            return Prepared(rows, np.zeros(1, np.int64), np.empty(0, np.uint64), 0)
        self._check_types(rows)
        starts, ids = find_lists(rows["query"])
        bounds = np.append(starts, rows.count)
        first = int(self._current is not None and int(ids[0]) == self._current)
        self._refuse_returning(rows, starts[first:], ids[first:])
        self._refuse_bad_lists(rows, bounds, ids)
        return Prepared(rows, bounds, ids, first)

    def update(self, prepared: Prepared) -> Iterator[Lists]:
        """Takes the rows of a batch; yields the lists that are complete."""
        rows, bounds, ids, first = prepared
        if ids.size == 0:
            return
        self._types.update(self._types_of(rows))
        if first:
            self._hold(int(ids[0]), rows.slice(0, int(bounds[1])))
        if first < ids.size:
            self._close_current()
            if self.waits_for == 0 or self._waiting_rows >= self.waits_for:
                yield from self.drain()
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
                self.seen.add(ids[start:q])
                a, b = int(bounds[start]), int(bounds[q])
                yield Lists(rows.slice(a, b), bounds[start : q + 1] - a, self.depths)
            if q < last:
                self._hold(int(ids[q]), rows.slice(int(bounds[q]), int(bounds[q + 1])))
            start = q + 1

    def _close_current(self) -> None:
        current = self._current
        if current is None or current == self._head or current in self._foreign:
            return
        self.seen.add(np.array([current], np.uint64))
        del self.shards[current]
        self._waiting.append(self.open.pop(current))
        self._waiting_rows += sum(piece.batch.num_rows for piece in self._waiting[-1])

    def drain(self) -> Iterator[Lists]:
        """The complete lists that were cut by borders of batches, and wait to be evaluated together."""
        if self._waiting:
            waiting, self._waiting, self._waiting_rows = self._waiting, [], 0
            yield self._join(waiting)

    def _hold(self, query: int, rows: Rows) -> None:
        if query != self._current:
            self.shards[query] += 1
        self.open.setdefault(query, []).append(self._piece(rows))

    def _piece(self, rows: Rows) -> Piece:
        return Piece(rows.to_batch(self.column_names), rows.columns.describe_row, rows.positions)

    def _refuse_bad_lists(self, rows: Rows, bounds: NDArray[np.int64], ids: NDArray[np.uint64]) -> None:
        """Errors for rows that do not fit their query, the lowest first, also where its rows before are held."""
        if not (rows.has("item") or rows.has("rank") or rows.has("query_weight")):
            return
        problem = find_problem(rows, bounds, unique_items=self.unique_items)
        for q in np.flatnonzero(np.isin(ids, np.array(sorted(self.open), np.uint64))).tolist():
            held = self.open[int(ids[q])]
            joined = self._join([[*held, self._piece(rows.slice(int(bounds[q]), int(bounds[q + 1])))]])
            found = find_problem(joined.rows, joined.offsets, unique_items=self.unique_items)
            before = sum(piece.batch.num_rows for piece in held)
            if found is not None:
                found = found._replace(row=found.row - before + int(bounds[q]))
                problem = found if problem is None else min(problem, found)
        if problem is not None:
            raise problem.error(rows)

    def _refuse_returning(self, rows: Rows, starts: NDArray[np.int64], ids: NDArray[np.uint64]) -> None:
        """QueryOrderError for the lowest row whose query came before others that came before it."""
        back = np.zeros(ids.size, np.bool_)
        for own in {self._head, self._current} - {None}:
            back |= ids == own
        signed = ids.view(np.int64)
        if not (signed[1:] > signed[:-1]).all():
            # Ids that only grow cannot repeat: they need no sort.
            repeated = np.ones(ids.size, np.bool_)
            repeated[np.unique(ids, return_index=True)[1]] = False
            back |= repeated
        back |= self.seen.contains(ids)
        if back.any():
            raise self._returned(rows, int(starts[int(back.argmax())]))

    def _returned(self, rows: Rows, i: int) -> QueryOrderError:
        position = int(rows.positions[i])
        value = in_words(rows.columns.array(self.query_column)[position])
        return QueryOrderError(
            f"column {self.query_column!r} (query): {rows.columns.describe_row(position)} holds {value}, whose rows "
            "came before those of other queries; the rows of a query must be adjacent: sort the source by "
            f'{self.query_column!r}, or queries="scattered" takes them from anywhere'
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

    def open_lists(self) -> Iterator[Lists]:
        """The queries that may go on, as if they were complete."""
        if not self.open:
            return
        if self.in_order and max(self.shards.values()) > 1:
            raise self._order_is_lost()
        lists = self._join([self.open[query] for query in sorted(self.open)])
        problem = find_problem(lists.rows, lists.offsets, unique_items=self.unique_items)
        if problem is not None:
            raise problem.error(lists.rows)
        yield lists

    def hand_over(self) -> HandOver:
        """What another shard needs to know."""
        return HandOver(self.open, self.shards, self.seen)

    @property
    def position(self) -> tuple[int | None, int | None]:
        """The first and the current query: what it takes to go on with the same stream elsewhere."""
        return self._head, self._current

    def resume(self, position: tuple[int | None, int | None]) -> None:
        """Goes on where a stream with the same open queries was; at no query: with another shard."""
        self._head, self._current = position
        self._foreign = set(self.open).difference(position)

    def check_merge(self, other: HandOver | ScatteredRows) -> None:
        """StateMismatchError where a query that one side has finished has rows on the other side."""
        if not isinstance(other, HandOver):
            raise StateMismatchError(DIFFERENT_QUERIES)
        self._check_types_of_state(self._types_of_open(other))
        mine, theirs = (np.array(sorted(queries), np.uint64) for queries in (self.open, other.open))
        both_finished = self.seen.meets(other.seen)
        if both_finished or self.seen.contains_any(theirs) or other.seen.contains_any(mine):
            raise StateMismatchError(
                f"column {self.query_column!r} (query): a query has rows in both states, and not at their borders, so "
                "it would be evaluated twice; split the source between queries"
            )

    def merge(self, other: HandOver) -> None:
        """Takes in the open and the finished queries of another shard."""
        self._types.update(self._types_of_open(other))
        self.seen.merge(other.seen)
        self.shards.update(other.shards)
        for query, pieces in other.open.items():
            self.open.setdefault(query, []).extend(pieces)
            self._foreign.add(query)

    def _types_of_open(self, other: HandOver) -> dict[str, pa.DataType]:
        """The types of query and item; a shard that has rows has an open query."""
        schemas = (piece.batch.schema for pieces in other.open.values() for piece in pieces)
        return self._types_in(next(schemas, None))
