"""Lists that stand in list columns, a row a query: as long rows, and as ranked lists.

`flatten` turns a batch of lists into one of long rows, each of which knows the row that it comes from; `WholeLists` is
the stream of such lists, in which no query goes on in another batch.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from fastrank.buffers import buffer_view, plain, to_arrow
from fastrank.columns import Columns, Heads, RowSet
from fastrank.errors import InvalidValueError, QueryOrderError, StateMismatchError
from fastrank.grouping import HandOver, Queries, ScatteredRows
from fastrank.ids import SeenIds, find_lists
from fastrank.lists import Lists, find_problem

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from numpy.typing import NDArray

    from fastrank.columns import Rows
    from fastrank.ranked import ListRules

__all__ = ["ROW_NUMBERS", "WholeLists", "flatten", "is_list"]

ROW_NUMBERS = "(row)"  # the column of queries where none is named: each row of lists is a query of its own


def is_list(kind: pa.DataType) -> bool:
    """Whether values of a type are lists."""
    return bool(pa.types.is_list(kind) or pa.types.is_large_list(kind) or pa.types.is_fixed_size_list(kind))


def flatten(batch: pa.RecordBatch, first_row: int, describe_row: Callable[[int], str]) -> Columns:
    """The entries of lists as rows; what stands beside the lists is repeated for each entry.

    InvalidValueError where a list is null, or lists of one row differ in length.
    """
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

    def __init__(self, row_set: RowSet, column_names: Sequence[str], depths: Mapping[ListRules, int]) -> None:
        super().__init__(row_set, column_names, depths)
        self.seen = SeenIds()

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
        if self.seen.contains_any(ids):
            repeated[starts] |= [self.seen.contains_any(ids[q : q + 1]) for q in range(ids.size)]
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
            yield prepared.lists

    def open_lists(self) -> Iterator[Lists]:
        """None: each list is complete."""
        yield from ()

    @property
    def finished(self) -> NDArray[np.uint64]:
        """The ids of all queries."""
        return self.seen.values()

    def hand_over(self) -> HandOver:
        """What another shard needs to know."""
        return HandOver({}, {}, self.seen.values())

    @property
    def position(self) -> tuple[int | None, int | None]:
        """There is no current query."""
        return None, None

    def resume(self, position: tuple[int | None, int | None]) -> None:
        """Goes on where a stream was."""

    def check_merge(self, other: HandOver | ScatteredRows) -> None:
        """StateMismatchError where a query is in both shards."""
        if isinstance(other, ScatteredRows) or other.open or self.seen.contains_any(other.seen):
            raise StateMismatchError(
                f"column {self.query_column!r} (query): a query is in both states, or one of them is of long rows and "
                "the other of lists, so that it could be evaluated twice; split the source between queries"
            )

    def take_over(self, other: HandOver | ScatteredRows) -> None:
        """Goes on where a stream was that has no rows yet, but may have taken in states."""
        self.check_merge(other)
        self.merge(other)

    def merge(self, other: Any) -> None:
        """Takes in the queries of another shard."""
        self.seen.add(other.seen)
