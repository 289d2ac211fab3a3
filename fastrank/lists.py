"""Ranked lists: rows of one query, adjacent; cut by slices; checked to be well-formed."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from fastrank._kernels import checks, order
from fastrank.buffers import in_words, to_arrow
from fastrank.domains import UNJUDGED
from fastrank.errors import InvalidValueError, ParameterError
from fastrank.ids import row_ids

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    import pyarrow as pa
    from numpy.typing import NDArray

    from fastrank.columns import Rows
    from fastrank.judgments import Judgments

__all__ = ["ListProblem", "Lists", "Split", "find_problem"]


class Lists:
    """Ranked lists of one row set: rows offsets[q]..offsets[q + 1] are list q.

    `depths` says for the rules of each order how many ranks the metrics need (0: all); `heads` has a row for each list,
    where these stand in list columns; `missing` says which queries of the judgments these are, for lists that have no
    rows; `derived` holds what several metrics share.
    """

    def __init__(
        self,
        rows: Rows,
        offsets: NDArray[np.int64],
        depths: Mapping[Any, int],
        heads: Rows | None = None,
        missing: NDArray[np.intp] | None = None,
    ) -> None:
        self.rows = rows
        self.offsets = offsets
        self.depths = depths
        self.heads = heads
        self.missing = missing
        self._judgments = rows.row_set.judgments
        self.derived: dict[object, Any] = {}

    @property
    def count(self) -> int:
        """How many lists there are."""
        return self.offsets.size - 1

    @cached_property
    def sizes(self) -> NDArray[np.int64]:
        """How many rows each list has."""
        return np.diff(self.offsets)

    @cached_property
    def ones(self) -> NDArray[np.bool_]:
        """What each list counts."""
        ones = np.ones(self.count, np.bool_)
        ones.flags.writeable = False
        return ones

    @cached_property
    def not_retrieved(self) -> NDArray[np.bool_] | None:
        """Which rows have no score; None where all have one."""
        return np.isnan(self.scores) if checks.any_outside(self.scores, -np.inf, np.inf) else None

    @property
    def scores(self) -> NDArray[np.floating]:
        """Scores, or ranks as scores; NaN where a row was not retrieved."""
        result: NDArray[np.floating] = self.rows["rank" if self.rows.has("rank") else "score"]
        return result

    @property
    def labels(self) -> NDArray[Any]:
        """The label of each row; zeros where no metric reads any."""
        return self._labels(told=True)

    @property
    def small_labels(self) -> NDArray[Any]:
        """The label of each row, as a byte where all that was judged fits: 0 then, too, where nobody judged the row."""
        return self._labels(told=False)

    def _labels(self, *, told: bool) -> NDArray[Any]:
        if self._judgments is not None:
            items, offsets = self.rows.ids("item"), self.offsets
            joined: NDArray[Any] = self._once(
                ("labels", told), lambda judgments: judgments.row_labels(self._bounds, items, offsets, told=told)
            )
            return joined
        result: NDArray[Any] = self.rows["label"] if self.rows.has("label") else np.zeros(self.rows.count, np.uint8)
        return result

    @property
    def judged(self) -> tuple[NDArray[Any], NDArray[np.int64]] | None:
        """(labels, offsets) of all judged rows of each list, retrieved or not, where they are not just the rows."""
        if self._judgments is None:
            return None
        result: tuple[NDArray[Any], NDArray[np.int64]] = self._once(
            "judged", lambda judgments: judgments.list_labels(self._bounds)
        )
        return result

    @cached_property
    def row_counts(self) -> dict[str, NDArray[np.int64]]:
        """How many rows of each list nobody judged, and how many were judged and not retrieved; what is there only."""
        labels, offsets = self.labels, self.offsets
        absent = self.not_retrieved
        if self._judgments is None and absent is None and labels.dtype == np.uint8:
            return {}
        judged = labels > UNJUDGED
        seen = judged if absent is None else judged & ~absent
        here = items = _count(seen, offsets)
        if self._judgments is not None and any(rules.duplicates != "error" for rules in self.depths):
            items = _count(seen & self._first_of_items(), offsets)
        retrieved = np.diff(offsets) if absent is None else _count(~absent, offsets)
        known = _count(judged, offsets) if self.judged is None else np.diff(self.judged[1])
        return {"rows_unjudged": retrieved - here, "rows_not_retrieved": known - items}

    def _first_of_items(self) -> NDArray[np.bool_]:
        """Marks the first row of each item of a list."""
        query = np.repeat(np.arange(self.count), np.diff(self.offsets))
        first = np.zeros(self.rows.count, np.bool_)
        pairs = np.rec.fromarrays([query, self.rows.ids("item")])
        first[np.unique(pairs, return_index=True)[1]] = True
        return first

    @property
    def _bounds(self) -> Any:
        return self._once("bounds", lambda judgments: judgments.find(self.query_ids))

    def _once(self, key: object, make: Callable[[Judgments], Any]) -> Any:
        if key not in self.derived:
            assert self._judgments is not None
            self.derived[key] = make(self._judgments)
        return self.derived[key]

    @property
    def query_ids(self) -> NDArray[np.uint64]:
        """The 64-bit id of the query of each list."""
        return row_ids(self.queries)

    @property
    def query_weights(self) -> NDArray[np.float64] | None:
        """The weight of the query of each list, which all its rows carry; None where there are no weights."""
        if not self.rows.has("query_weight"):
            return None
        if self.missing is None:
            return np.ascontiguousarray(self.of_lists("query_weight"))
        assert self._judgments is not None
        if self._judgments.weights is None:
            column, _ = self.rows.row_set.domain("query_weight")
            raise ParameterError(
                f"{self.name(0)} is judged and has no row, so it counts 0 and has no weight: give the judgments the "
                f'column {column!r} (query_weight), or missing_query="skip"'
            )
        return self._judgments.weights[self.missing]

    def name(self, q: int) -> str:
        """The words by which an error names list q."""
        if self.missing is not None:
            return f"query {in_words(self.queries[q])} of the judgments"
        column, _ = self.rows.row_set.domain("query")
        return f"query {in_words(self.queries[q])} (column {column!r})"

    @property
    def queries(self) -> pa.Array:
        """The query of each list."""
        if self.missing is not None and self._judgments is not None:
            return self._judgments.query_ids.take(to_arrow(self.missing))
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
        if self._judgments is not None:
            i = int(np.setdiff1d(changes, starts, assume_unique=True)[0])
            raise ParameterError(
                f"{self.rows.describe(i)}, of {self.name(int(query[i]))}, falls into another slice than the row before "
                "it; judgments are of whole queries, so slice columns (by=) must be the same for all rows of a query"
            )
        order = np.lexsort((codes, query))
        codes, query = codes[order], query[order]
        cuts = np.flatnonzero((codes[1:] != codes[:-1]) | (query[1:] != query[:-1])) + 1
        offsets = np.concatenate(([0], cuts, [codes.size])).astype(np.int64)
        owner = query[offsets[:-1]]
        several = np.bincount(owner, minlength=self.count) > 1
        lists = Lists(self.rows.reorder(order), offsets, self.depths)
        return Split(lists, codes[offsets[:-1]], several[owner], several)


def _count(marked: NDArray[Any], offsets: NDArray[np.int64]) -> NDArray[np.int64]:
    """How many rows of each list are marked."""
    return np.diff(np.concatenate(([0], np.cumsum(marked, dtype=np.int64)))[offsets])


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
        i = order.find_duplicates(rows.ids("item").view(np.int64), offsets)
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
