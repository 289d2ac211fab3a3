"""Ranked lists: rows of one query, adjacent; cut by slices; checked to be well-formed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from fastrank._kernels import order
from fastrank.buffers import in_words, to_arrow
from fastrank.errors import InvalidValueError
from fastrank.ids import equality_codes

if TYPE_CHECKING:
    from collections.abc import Mapping

    import pyarrow as pa
    from numpy.typing import NDArray

    from fastrank.columns import Rows

__all__ = ["Judged", "ListProblem", "Lists", "Split", "find_problem"]


class Lists:
    """Ranked lists of one row set: rows offsets[q]..offsets[q + 1] are list q.

    `depths` says for the rules of each order how many ranks the metrics need (0: all); `judged` holds labels that come
    from judgments and not from the rows; `heads` has a row for each list, where these stand in list columns; `derived`
    holds what several metrics share.
    """

    def __init__(
        self,
        rows: Rows,
        offsets: NDArray[np.int64],
        depths: Mapping[Any, int],
        judged: Judged | None = None,
        heads: Rows | None = None,
    ) -> None:
        self.rows = rows
        self.offsets = offsets
        self.depths = depths
        self._judged = judged
        self.heads = heads
        self.derived: dict[object, Any] = {}

    @property
    def count(self) -> int:
        """How many lists there are."""
        return self.offsets.size - 1

    @property
    def scores(self) -> NDArray[np.floating]:
        """Scores, or ranks as scores; NaN where a row was not retrieved."""
        result: NDArray[np.floating] = self.rows["rank" if self.rows.has("rank") else "score"]
        return result

    @property
    def labels(self) -> NDArray[Any]:
        """The label of each row; zeros where no metric reads any."""
        if self._judged is not None:
            return self._judged.row_labels
        result: NDArray[Any] = self.rows["label"] if self.rows.has("label") else np.zeros(self.rows.count, np.uint8)
        return result

    @property
    def judged(self) -> tuple[NDArray[Any], NDArray[np.int64]] | None:
        """(labels, offsets) of all judged rows of each list, retrieved or not, where they are not just the rows."""
        return None if self._judged is None else (self._judged.labels, self._judged.offsets)

    def name(self, q: int) -> str:
        """The words by which an error names list q."""
        column, _ = self.rows.row_set.domain("query")
        return f"query {in_words(self.queries[q])} (column {column!r})"

    @property
    def queries(self) -> pa.Array:
        """The query of each list."""
        return self.of_lists("query")

    def of_lists(self, role: str) -> Any:
        """The column in a role that is the same on all rows of a list: its value in each."""
        if self.heads is not None:
            return self.heads[role]
        values, starts = self.rows[role], self.offsets[:-1]
        return values[starts] if isinstance(values, np.ndarray) else values.take(to_arrow(starts))

    def split(self, codes: NDArray[np.int32]) -> Split:
        """These lists cut by the slice of each row, or of each of the heads."""
        if self.heads is not None:
            none = np.zeros(self.count, np.bool_)
            return Split(self, codes, none, none)
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


class Judged(NamedTuple):
    """What judgments say of lists: the label of each row, and the labels of all judged rows of each list."""

    row_labels: NDArray[Any]
    labels: NDArray[Any]
    offsets: NDArray[np.int64]


class Split(NamedTuple):
    """Lists cut by slices: the slice of each, and which belong to a query that falls into several slices;
    `queries` says the latter of each list before the cut."""

    lists: Lists
    slices: NDArray[np.int32]
    several: NDArray[np.bool_]
    queries: NDArray[np.bool_]


class ListProblem(NamedTuple):
    """A row that does not fit the rows of its query before it."""

    row: int
    role: str
    what: str
    allowed: str

    def error(self, rows: Rows) -> InvalidValueError:
        """The error that tells of it."""
        position = int(rows.positions[self.row])
        column, query = (rows.row_set.domain(role)[0] for role in (self.role, "query"))
        value, query_value = (in_words(rows.columns.array(name)[position]) for name in (column, query))
        return InvalidValueError(
            f"column {column!r} ({self.role}): {rows.columns.describe_row(position)} holds {value} in query "
            f"{query_value}: {self.what}; allowed: {self.allowed}"
        )


def find_problem(rows: Rows, offsets: NDArray[np.int64], *, unique_items: bool) -> ListProblem | None:
    """The lowest row that repeats an item or a rank of its query, or has another query weight than the row before."""
    problems = []
    if rows.has("rank"):
        ranks = rows["rank"]
        # Ranks as scores are negative; rows without a rank get numbers that do not repeat.
        codes = np.where(np.isnan(ranks), np.arange(rows.count), ranks).astype(np.int64)
        i = order.find_duplicates(codes, offsets)
        if i >= 0:
            problems.append(ListProblem(i, "rank", "a rank stands twice in a query", "each rank once in a query"))
    if unique_items and rows.has("item"):
        i = order.find_duplicates(equality_codes(rows["item"]), offsets)
        if i >= 0:
            allowed = 'each item once in a query; duplicates="first", "max_score" or "count" accepts more'
            problems.append(ListProblem(i, "item", "an item stands twice in a query", allowed))
    if rows.has("query_weight"):
        weights = rows["query_weight"]
        changes = np.setdiff1d(np.flatnonzero(weights[1:] != weights[:-1]) + 1, offsets, assume_unique=True)
        if changes.size:
            what = "the row before has another"
            problems.append(ListProblem(int(changes[0]), "query_weight", what, "one weight for all its rows"))
    return min(problems, default=None)
