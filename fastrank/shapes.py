"""Lists that stand in list columns, a row a query: as long rows, and as ranked lists.

`flatten` turns a batch of lists into one of long rows, each of which knows the row that it comes from; `WholeLists` is
the stream of such lists, in which no query goes on in another batch.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from fastrank._kernels import judge, order
from fastrank.buffers import buffer_view, in_words, plain, to_arrow
from fastrank.columns import Columns, Heads, RowSet
from fastrank.errors import ColumnTypeError, InvalidValueError, QueryOrderError, StateMismatchError
from fastrank.grouping import HandOver, Queries, ScatteredRows
from fastrank.ids import find_lists, plain_ids, row_ids
from fastrank.lists import Lists, find_problem

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from numpy.typing import NDArray

    from fastrank.columns import Rows

__all__ = ["LABELS", "MADE", "RANKS", "ROW_NUMBERS", "WholeLists", "flatten", "is_list"]

# Columns that are made: of queries where none is named, each row of lists being a query of its own; of the places in
# lists of ranked ids; of labels from lists of relevant ids.
ROW_NUMBERS, RANKS, LABELS = "(row)", "(rank)", "(label)"
MADE = (ROW_NUMBERS, RANKS, LABELS)


def is_list(kind: pa.DataType) -> bool:
    """Whether values of a type are lists."""
    return bool(pa.types.is_list(kind) or pa.types.is_large_list(kind) or pa.types.is_fixed_size_list(kind))


def flatten(
    batch: pa.RecordBatch,
    first_row: int,
    describe_row: Callable[[int], str],
    ranking: str | None = None,
    relevant: str | None = None,
) -> Columns:
    """The entries of lists as rows; what stands beside the lists is repeated for each entry.

    `ranking` names lists of ids from the first rank down, `relevant` lists of the ids that are relevant: those of them
    that are not ranked become rows without a rank.  InvalidValueError where a list is null, or lists of one row differ
    in length.
    """
    if ranking is not None and relevant is not None:
        batch = _with_labels(batch, describe_row, ranking, relevant)
    elif ranking is not None:
        batch = _with_ranks(batch, ranking)
    lists = {name: plain(batch.column(name)) for name in batch.schema.names if is_list(batch.schema.field(name).type)}
    lengths = _lengths(lists, describe_row)
    parents = np.repeat(np.arange(batch.num_rows), lengths)
    heads = {name: batch.column(name) for name in batch.schema.names if name not in lists}
    heads[ROW_NUMBERS] = to_arrow(np.arange(first_row, first_row + batch.num_rows))
    entries = {name: array.flatten() for name, array in lists.items()}
    repeated = {name: array.take(to_arrow(parents)) for name, array in heads.items()}
    starts = np.cumsum(lengths) - lengths

    def describe_entry(i: int) -> str:
        return f"{describe_row(int(parents[i]))}, entry {i - int(starts[parents[i]])},"

    above = Columns(pa.RecordBatch.from_arrays(list(heads.values()), names=list(heads)), describe_row)
    rows = {**entries, **repeated}
    long = pa.RecordBatch.from_arrays(list(rows.values()), names=list(rows))
    return Columns(long, describe_entry, Heads(above, parents))


def _with_ranks(batch: pa.RecordBatch, ranking: str) -> pa.RecordBatch:
    array = _check_ids(batch, ranking)
    lengths = buffer_view(pc.cast(pc.list_value_length(array).fill_null(0), pa.int64()), np.int64)
    offsets = np.concatenate(([0], np.cumsum(lengths))).astype(np.int64)
    ranks = np.arange(offsets[-1]) - np.repeat(offsets[:-1], lengths) + 1
    return _append(batch, RANKS, pa.LargeListArray.from_arrays(to_arrow(offsets), to_arrow(ranks)))


def _check_ids(batch: pa.RecordBatch, name: str) -> pa.Array:
    array = plain(batch.column(name))
    if not is_list(array.type):
        raise ColumnTypeError(f"column {name!r} is of type {array.type}; allowed: lists of ids")
    return array


def _append(batch: pa.RecordBatch, name: str, array: pa.Array) -> pa.RecordBatch:
    return pa.RecordBatch.from_arrays([*batch.columns, array], names=[*batch.schema.names, name])


def _with_labels(
    batch: pa.RecordBatch, describe_row: Callable[[int], str], ranking: str, relevant: str
) -> pa.RecordBatch:
    """Ranked ids followed by the relevant ones that are not ranked, their ranks and their labels, as lists."""
    arrays = {name: _check_ids(batch, name) for name in (ranking, relevant)}
    sizes = [_lengths({name: array}, describe_row) for name, array in arrays.items()]
    ranked, wanted = (plain_ids(array.flatten()) for array in arrays.values())
    if ranked.type != wanted.type:
        raise ColumnTypeError(
            f"column {ranking!r} holds ids of type {ranked.type}, column {relevant!r} of type {wanted.type}; cast one"
        )
    for name, ids, size in zip((ranking, relevant), (ranked, wanted), sizes, strict=True):
        if ids.null_count:
            i = int(pc.index(ids.is_null(), value=True).as_py())
            row = int(np.searchsorted(np.cumsum(size), i, side="right"))
            raise InvalidValueError(f"column {name!r}: {describe_row(row)} holds a null in its list; allowed: ids")
    codes = [row_ids(ids) for ids in (ranked, wanted)]
    bounds = [np.concatenate(([0], np.cumsum(size))).astype(np.int64) for size in sizes]
    twice = order.find_duplicates(codes[1].view(np.int64), bounds[1])
    if twice >= 0:
        row = int(np.searchsorted(bounds[1], twice, side="right")) - 1
        raise InvalidValueError(
            f"column {relevant!r}: {describe_row(row)} holds {in_words(wanted[twice])} twice; allowed: each id once"
        )
    labels = [
        judge.find_labels(codes[i], bounds[i], bounds[1 - i][:-1], bounds[1 - i][1:], codes[1 - i], ones, False)
        for i, ones in ((0, np.ones(codes[1].size, np.uint8)), (1, np.ones(codes[0].size, np.uint8)))
    ]
    missed = np.flatnonzero(labels[1] == 0)
    list_of_missed = np.searchsorted(bounds[1], missed, side="right") - 1
    owner = np.concatenate((np.repeat(np.arange(batch.num_rows), sizes[0]), list_of_missed))
    places = np.argsort(owner, kind="stable")
    offsets = np.concatenate(([0], np.cumsum(np.bincount(owner, minlength=batch.num_rows)))).astype(np.int64)
    ids = pa.concat_arrays([ranked, wanted.take(to_arrow(missed))]).take(to_arrow(places))
    ranks = np.concatenate((np.arange(codes[0].size) - np.repeat(bounds[0][:-1], sizes[0]) + 1, np.zeros(missed.size)))
    grades = np.concatenate((labels[0], np.ones(missed.size, np.uint8)))
    rest = [name for name in batch.schema.names if name not in (ranking, relevant)]
    columns = {
        ranking: ids,
        RANKS: to_arrow(ranks[places], places >= codes[0].size),
        LABELS: to_arrow(grades[places]),
    }
    made = [pa.LargeListArray.from_arrays(to_arrow(offsets), values) for values in columns.values()]
    return pa.RecordBatch.from_arrays([*(batch.column(name) for name in rest), *made], names=[*rest, *columns])


def _lengths(lists: Mapping[str, pa.Array], describe_row: Callable[[int], str]) -> NDArray[np.int64]:
    """The length of each row's lists."""
    first, lengths = "", np.empty(0, np.int64)
    for name, array in lists.items():
        if array.null_count:
            i = int(pc.index(array.is_null(), value=True).as_py())
            raise InvalidValueError(
                f"column {name!r}: {describe_row(i)} holds null; allowed: a list, also an empty one"
            )
        mine = buffer_view(pc.cast(pc.list_value_length(array), pa.int64()), np.int64)
        if not first:
            first, lengths = name, mine
        elif (mine != lengths).any():
            i = int((mine != lengths).argmax())
            raise InvalidValueError(
                f"column {name!r}: {describe_row(i)} holds a list of length {mine[i]}, and of length {lengths[i]} in "
                f"column {first!r}; allowed: lists of one length in a row"
            )
    return lengths


class PreparedLists(NamedTuple):
    """The lists of a batch, checked; `ids` of their queries, where these are named."""

    lists: Lists | None
    ids: NDArray[np.uint64]


class WholeLists(Queries):
    """The lists of one row set, each from one row of list columns; what `grouping.QueryStream` is for long rows."""

    def prepare(self, rows: Rows) -> PreparedLists:
        """Finds the lists of a batch and checks them, before anything is changed."""
        assert rows.columns.heads is not None
        above, parents = rows.columns.heads
        roles = tuple(role for role in self.row_set.roles if role[0] in ("query", "query_weight"))
        heads, problem = RowSet(roles, self.row_set.where, self.row_set.drop_invalid).find(above)
        if problem is not None:
            raise problem.error(above)
        if heads.count == 0:
            return PreparedLists(None, np.empty(0, np.uint64))
        self._check_types(rows)
        sizes = np.bincount(parents[rows.positions], minlength=above.batch.num_rows)[heads.positions]
        offsets = np.concatenate(([0], np.cumsum(sizes))).astype(np.int64)
        lists = Lists(rows, offsets, self.depths, heads=heads)
        found = find_problem(rows, offsets, unique_items=self.unique_items)
        if found is not None:
            raise found.error(rows)
        return PreparedLists(lists, self._new_ids(heads))

    def _new_ids(self, heads: Rows) -> NDArray[np.uint64]:
        """The ids of named queries; QueryOrderError where one was there before."""
        if self.query_column == ROW_NUMBERS:
            return np.empty(0, np.uint64)
        starts, ids = find_lists(heads["query"])
        repeated = np.ones(heads.count, np.bool_)
        repeated[starts[np.unique(ids, return_index=True)[1]]] = False
        repeated[starts] |= self.seen.contains(ids)
        if repeated.any():
            i = int(repeated.argmax())
            raise QueryOrderError(
                f"column {self.query_column!r} (query): {heads.describe(i)} holds {heads['query'][i]!s}, which an "
                "earlier row holds too; allowed: each query in one row of lists"
            )
        return ids

    def update(self, prepared: PreparedLists) -> Iterator[Lists]:
        """Yields the lists of a batch."""
        self.seen.add(prepared.ids)
        if prepared.lists is not None:
            self._types.update(self._types_of(prepared.lists.rows))
            yield prepared.lists

    def open_lists(self) -> Iterator[Lists]:
        """None: each list is complete."""
        yield from ()

    def hand_over(self) -> HandOver:
        """What another shard needs to know."""
        return HandOver({}, {}, self.seen)

    @property
    def position(self) -> tuple[int | None, int | None]:
        """There is no current query."""
        return None, None

    def resume(self, position: tuple[int | None, int | None]) -> None:
        """Nothing: each list is complete."""

    def check_merge(self, other: HandOver | ScatteredRows) -> None:
        """StateMismatchError where a query is in both shards."""
        if isinstance(other, ScatteredRows) or other.open or self.seen.meets(other.seen):
            raise StateMismatchError(
                f"column {self.query_column!r} (query): a query is in both states, or one of them is of long rows and "
                "the other of lists, so that it could be evaluated twice; split the source between queries"
            )

    def take_over(self, other: HandOver | ScatteredRows) -> None:
        """Goes on where a stream was that has no rows yet, but may have taken in states."""
        if isinstance(other, ScatteredRows) and other.schema is None:
            return
        self.check_merge(other)
        self.merge(other)

    def merge(self, other: Any) -> None:
        """Takes in the queries of another shard."""
        self.seen.merge(other.seen)
