"""From long rows to the ranked list of each query, under the rules by which evaluation tools differ."""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import groupby
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from numpy.typing import ArrayLike

__all__ = ["UNJUDGED", "RankedList", "Row", "Rules", "check_untied", "rank", "rows_by_query"]

UNJUDGED = -math.inf


@dataclass(frozen=True)
class Rules:
    """What becomes of rows, and of queries about which a measure says nothing.

    ties              rows of equal score in a query:
                      "average"      the expected value of the measure over all orders of the tied rows
                      "input"        they stay in the order of the source
                      "item_desc"    by item from the highest down, strings by their bytes; "item_asc" up
                      "pessimistic"  lower labels first, of these lower weights; "optimistic" higher ones first
                      "error"        an error
    unjudged          rows that nobody judged are "nonrelevant"; "drop": not ranked; or an "error"
    negative_rel      a label below 0 is of a row that was in the pool, but "unjudged"; or "nonrelevant"; or an "error"
    duplicates        rows of one item in a query: an "error"; the "first" counts; the one of "max_score" (then of the
                      highest label); all "count"
    score_dtype       scores compare as they are ("float64"), or rounded to "float32"
    nan_score         an "error"; "last": as a score of -inf; "drop": not retrieved
    drop_nonpositive  a row whose score is 0 or less ranks as one of label 0; its label counts for R
    no_relevant       what a query without a relevant row counts: "zero" 0, "one" 1, "nan" NaN, "skip" nothing; "error"
    missing_query     a judged query of which no row was retrieved: "zero": what an empty list counts, "skip", "error"
    extra_query       a query of which no row was judged: "ignore" or "error"
    """

    ties: str = "average"
    unjudged: str = "nonrelevant"
    negative_rel: str = "unjudged"
    duplicates: str = "error"
    score_dtype: str = "float64"
    nan_score: str = "error"
    drop_nonpositive: bool = False
    no_relevant: str = "zero"
    missing_query: str = "zero"
    extra_query: str = "ignore"


class Row(NamedTuple):
    """One row of a query."""

    label: float  # below 0: in the pool, but not judged; UNJUDGED: not even in the pool
    score: Any  # None: not retrieved
    item: Any
    columns: dict[str, Any]


class RankedList(NamedTuple):
    """All rows of a query in the order of the source; and those that were retrieved, in tie groups.

    Groups stand from the highest score down; rules for ties other than "average" leave one row in each.
    """

    rows: list[Row]
    groups: list[list[Row]]

    @property
    def length(self) -> int:
        """How many rows were retrieved."""
        return sum(map(len, self.groups))

    def relevant(self, level: float) -> list[Row]:
        """The rows whose label is at least `level`, retrieved or not."""
        return [row for row in self.rows if row.label >= level]


def _is_missing(value: Any) -> bool:
    return value is None or value != value


def rows_by_query(
    label: ArrayLike | None,
    score: ArrayLike,
    query: ArrayLike,
    item: ArrayLike | None,
    columns: Mapping[str, ArrayLike | None],
) -> dict[Any, list[Row]]:
    """The rows of each query, by query in order of appearance.

    A label of None or NaN says that nobody judged the row, a score of None that it was not retrieved.  Without labels
    all are 0.
    """
    scores, queries = (np.asarray(column).tolist() for column in (score, query))
    labels = [0] * len(scores) if label is None else np.asarray(label).tolist()
    items = [None] * len(labels) if item is None else np.asarray(item).tolist()
    # A list may hold lists of any length.
    more = {
        name: column if isinstance(column, list) else np.asarray(column).tolist()
        for name, column in columns.items()
        if column is not None
    }
    result: dict[Any, list[Row]] = {}
    for i, (q, y, s, x) in enumerate(zip(queries, labels, scores, items, strict=True)):
        row = Row(UNJUDGED if _is_missing(y) else y, s, x, {name: column[i] for name, column in more.items()})
        result.setdefault(q, []).append(row)
    return result


def _settle_labels(rows: list[Row], rules: Rules) -> list[Row]:
    if rules.unjudged == "error" and any(row.label == UNJUDGED for row in rows):
        raise ValueError('a row is not judged (unjudged="error")')
    if rules.negative_rel == "error" and any(UNJUDGED < row.label < 0 for row in rows):
        raise ValueError('a label is negative (negative_rel="error")')
    if rules.negative_rel == "nonrelevant":
        return [row._replace(label=0) if UNJUDGED < row.label < 0 else row for row in rows]
    return rows


def _settle_nan(row: Row, nan_score: str) -> Row:
    if row.score is None or not _is_missing(row.score):
        return row
    if nan_score == "error":
        raise ValueError('a score is NaN (nan_score="error")')
    return row._replace(score=-math.inf if nan_score == "last" else None)


def _as_float32(row: Row) -> Row:
    with np.errstate(over="ignore"):
        return row if row.score is None else row._replace(score=np.float32(row.score).item())


def _one_of_each_item(rows: list[Row], duplicates: str) -> list[Row]:
    """The rows in their order, without repeated items."""

    def preference(i: int) -> Any:
        score = rows[i].score
        return i if duplicates == "first" else (score is None, 0 if score is None else -score, -rows[i].label, i)

    places: dict[Any, list[int]] = {}
    for i, row in enumerate(rows):
        places.setdefault(row.item, []).append(i)
    if duplicates == "error" and len(places) < len(rows):
        raise ValueError('an item stands twice in a query (duplicates="error")')
    return [rows[i] for i in sorted(min(several, key=preference) for several in places.values())]


def _item_key(row: Row) -> Any:
    return row.item.encode() if isinstance(row.item, str) else row.item


def _label_and_weight(row: Row) -> tuple[float, float]:
    # The higher the propensity, the lower the weight.
    return row.label, -row.columns.get("propensity", 1.0)


def _ordered(rows: list[Row], ties: str) -> list[list[Row]]:
    # Sorting is stable, with reverse=True too: of rows of equal score the one placed earlier here ranks higher.
    if ties in ("item_desc", "item_asc"):
        if any(row.item is None for row in rows):
            raise ValueError(f"ties={ties!r} orders tied rows by item: give item=")
        rows = sorted(rows, key=lambda row: row.label, reverse=True)
        rows = sorted(rows, key=_item_key, reverse=ties == "item_desc")
    elif ties in ("pessimistic", "optimistic"):
        rows = sorted(rows, key=_label_and_weight, reverse=ties == "optimistic")
    elif ties not in ("average", "error", "input"):
        raise ValueError(f"unknown rule for ties: {ties!r}")
    rows = sorted(rows, key=lambda row: row.score, reverse=True)
    if ties in ("average", "error"):
        return [list(group) for _, group in groupby(rows, key=lambda row: row.score)]
    return [[row] for row in rows]


def rank(rows: list[Row], rules: Rules) -> RankedList:
    """The list of a query."""
    rows = [_settle_nan(row, rules.nan_score) for row in _settle_labels(rows, rules)]
    if rules.duplicates != "count" and all(row.item is not None for row in rows):
        rows = _one_of_each_item(rows, rules.duplicates)
    if rules.score_dtype == "float32":
        rows = [_as_float32(row) for row in rows]
    ranked = [row for row in rows if row.score is not None]
    if rules.drop_nonpositive:
        ranked = [row._replace(label=0) if row.score <= 0 else row for row in ranked]
    if rules.unjudged == "drop":
        ranked = [row for row in ranked if row.label >= 0]
    return RankedList(rows, _ordered(ranked, rules.ties))


def check_untied(groups: Iterable[list[Row]], k: int | None, *, by_row: bool = False) -> None:
    """Refuses ties above rank k of rows of different labels, or `by_row` of any rows."""
    above = 0
    for group in groups:
        tied = len(group) > 1 if by_row else len({row.label for row in group}) > 1
        if tied and (k is None or above < k):
            raise ValueError(f"rows tie from rank {above + 1} on: the expected value over their orders has no formula")
        above += len(group)
