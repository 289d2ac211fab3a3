"""From long rows to the list of each query, and from a value for each query to their mean.

A list is a list of tie groups, from the highest score down; a group is the list of the labels of its rows.
"""

from __future__ import annotations

import math
from itertools import groupby
from typing import TYPE_CHECKING, Any, NamedTuple, TypedDict

import numpy as np

from fastrank.reference.regression import weighted_mean

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import ArrayLike

    Groups = list[list[float]]

__all__ = ["Rules", "mean_over_queries", "measure_lists", "tie_groups"]

NO_RELEVANT = {"zero": 0.0, "one": 1.0, "skip": math.nan}


class Rules(TypedDict, total=False):
    """Parameters of every measure of lists."""

    item: ArrayLike | None
    ties: str
    no_relevant: str


class Row(NamedTuple):
    """One row of a query."""

    label: float
    score: float
    item: Any


def _item_key(row: Row) -> Any:
    return row.item.encode() if isinstance(row.item, str) else row.item


def tie_groups(rows: list[Row], ties: str) -> Groups:
    """The list of one query; rules other than "average" leave one row in each group."""
    # Sorting is stable, with reverse=True too: of rows of equal score the one placed earlier here ranks higher.
    if ties in ("item_desc", "item_asc"):
        rows = sorted(rows, key=_item_key, reverse=ties == "item_desc")
    elif ties in ("pessimistic", "optimistic"):
        rows = sorted(rows, key=lambda row: row.label, reverse=ties == "optimistic")
    elif ties not in ("average", "input"):
        raise ValueError(f"unknown rule for ties: {ties!r}")
    rows = sorted(rows, key=lambda row: row.score, reverse=True)
    if ties == "average":
        return [[row.label for row in group] for _, group in groupby(rows, key=lambda row: row.score)]
    return [[row.label] for row in rows]


def measure_lists(
    measure: Callable[[Groups], float],
    label: ArrayLike,
    score: ArrayLike,
    query: ArrayLike,
    *,
    item: ArrayLike | None = None,
    ties: str = "average",
    no_relevant: str = "zero",
) -> dict[Any, float]:
    """The measure of the list of each query, by query in order of appearance; NaN for a query that is skipped.

    `measure` itself is NaN where a list holds nothing relevant: `no_relevant` says what that counts.
    """
    if item is None and ties in ("item_desc", "item_asc"):
        raise ValueError(f"ties={ties!r} orders tied rows by item: give item=")
    labels, scores, queries = (np.asarray(column).tolist() for column in (label, score, query))
    items = [None] * len(labels) if item is None else np.asarray(item).tolist()
    rows: dict[Any, list[Row]] = {}
    for q, *row in zip(queries, labels, scores, items, strict=True):
        rows.setdefault(q, []).append(Row(*row))
    values = {q: measure(tie_groups(rows[q], ties)) for q in rows}
    return {q: NO_RELEVANT[no_relevant] if math.isnan(value) else value for q, value in values.items()}


def mean_over_queries(values: dict[Any, float], query: ArrayLike, query_weight: ArrayLike | None) -> float:
    """The mean over the queries that count, weighted by the weight that the rows of a query share."""
    queries = np.asarray(query).tolist()
    weights = [1.0] * len(queries) if query_weight is None else np.asarray(query_weight).tolist()
    weight_of = dict(zip(queries, weights, strict=True))
    counted = [q for q in values if not math.isnan(values[q])]
    return weighted_mean([values[q] for q in counted], [weight_of[q] for q in counted])
