"""Metrics of ranked lists: the mean over queries of a measure of each query's list.

Every metric takes long rows: `label`, `score` and `query`, an entry a row; rows of a query may stand anywhere.
`query_weight` and `item` too have an entry a row, and all rows of a query carry the same weight.

k                only the first k ranks count; None: all
ties             what becomes of rows of equal score in a query:
                 "average"      the expected value of the measure over all orders of the tied rows
                 "input"        they stay in the order of the source
                 "item_desc"    by item, from the highest down, strings by their bytes; "item_asc" from the lowest up
                 "pessimistic"  lower labels first; "optimistic" higher labels first
relevance_level  a row is relevant when its label is at least this
no_relevant      what a query without a relevant row counts: "zero" 0, "one" 1, "skip" nothing

A query's list is a list of tie groups, from the highest score down; a group is the list of the labels of its
rows.  Rules other than "average" leave one row in each group.  The expected values are those of McSherry and
Najork, Computing Information Retrieval Performance Measures Efficiently in the Presence of Tied Scores, 2008.
"""

from __future__ import annotations

import math
from itertools import groupby
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from fastrank.reference.regression import weighted_mean

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from numpy.typing import ArrayLike

    Groups = list[list[float]]
    Measure = Callable[[Groups], float]

__all__ = [
    "hit_rate",
    "hit_rate_per_query",
    "map",
    "map_per_query",
    "mrr",
    "mrr_per_query",
    "ndcg",
    "ndcg_per_query",
    "precision",
    "precision_per_query",
    "recall",
    "recall_per_query",
]

NO_RELEVANT = {"zero": 0.0, "one": 1.0, "skip": math.nan}


# From long rows to tie groups.


class Row(NamedTuple):
    """One row of a query."""

    label: float
    score: float
    item: Any


def _item_key(row: Row) -> Any:
    return row.item.encode() if isinstance(row.item, str) else row.item


def _tie_groups(rows: list[Row], ties: str) -> Groups:
    """The list of one query."""
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


def _per_query(
    measure: Measure,
    label: ArrayLike,
    score: ArrayLike,
    query: ArrayLike,
    item: ArrayLike | None,
    ties: str,
    no_relevant: str,
) -> dict[Any, float]:
    """The measure of each query's list; a measure is NaN where there is nothing relevant to find."""
    labels, scores = np.asarray(label).tolist(), np.asarray(score).tolist()
    if item is None and ties in ("item_desc", "item_asc"):
        raise ValueError(f"ties={ties!r} orders tied rows by item: give item=")
    items = [None] * len(labels) if item is None else np.asarray(item).tolist()
    rows: dict[Any, list[Row]] = {}
    for q, *row in zip(np.asarray(query).tolist(), labels, scores, items, strict=True):
        rows.setdefault(q, []).append(Row(*row))
    values = {q: measure(_tie_groups(rows[q], ties)) for q in rows}
    return {q: NO_RELEVANT[no_relevant] if math.isnan(value) else value for q, value in values.items()}


def _mean(values: dict[Any, float], query: ArrayLike, query_weight: ArrayLike | None) -> float:
    """The weighted mean over the queries that count."""
    queries = np.asarray(query).tolist()
    weights = [1.0] * len(queries) if query_weight is None else np.asarray(query_weight).tolist()
    weight_of = dict(zip(queries, weights, strict=True))
    counted = [q for q in values if not math.isnan(values[q])]
    return weighted_mean([values[q] for q in counted], [weight_of[q] for q in counted])


# Expected values over the orders of each group's rows.


class Group(NamedTuple):
    """A tie group: `rows` rows, `relevant` of them relevant, on the ranks after the first `above`.

    Of its ranks the first `inside` are among the first k of the list; `relevant_above` rows above it are relevant.
    """

    above: int
    relevant_above: int
    rows: int
    relevant: int
    inside: int


def _count(groups: Groups, k: int | None, level: float) -> Iterator[Group]:
    above = relevant_above = 0
    for labels in groups:
        rows, relevant = len(labels), sum(label >= level for label in labels)
        inside = rows if k is None else min(rows, max(0, k - above))
        yield Group(above, relevant_above, rows, relevant, inside)
        above += rows
        relevant_above += relevant


def _relevant(groups: Groups, level: float) -> int:
    return sum(group.relevant for group in _count(groups, None, level))


def _expected_hits(groups: Groups, k: int | None, level: float) -> float:
    """Relevant rows among the first k: each row of a group is on one of its first m of n ranks with m / n."""
    return math.fsum(group.relevant * group.inside / group.rows for group in _count(groups, k, level))


def _precision(groups: Groups, k: int | None, level: float) -> float:
    """Hits over k, also where the list is shorter; over the length of the list where there is no k."""
    if _relevant(groups, level) == 0:
        return math.nan
    return _expected_hits(groups, k, level) / (sum(len(group) for group in groups) if k is None else k)


def _recall(groups: Groups, k: int | None, level: float) -> float:
    """Hits over the number of relevant rows."""
    relevant = _relevant(groups, level)
    return math.nan if relevant == 0 else _expected_hits(groups, k, level) / relevant


def _hit_rate(groups: Groups, k: int | None, level: float) -> float:
    """The probability that the first k rows hold a relevant one.

    The first group with relevant rows decides: of the C(n, m) choices of the m rows inside k, C(n - r, m) hold none.
    If the group lies inside k altogether there are none such, and else nothing after it does.
    """
    for group in _count(groups, k, level):
        if group.relevant > 0:
            choices = math.comb(group.rows, group.inside)
            return (choices - math.comb(group.rows - group.relevant, group.inside)) / choices
    return math.nan


def _reciprocal_rank(groups: Groups, k: int | None, level: float) -> float:
    """The expected value of 1 / rank of the first relevant row, 0 beyond rank k.

    It is in the first group with relevant rows.  Of the C(n, r) choices of ranks for those, the first is the
    j-th of the group in C(n - j, r - 1).
    """
    for group in _count(groups, k, level):
        n, r = group.rows, group.relevant
        if r > 0:
            choices = math.comb(n, r)
            ranks = range(1, group.inside + 1)
            return math.fsum(math.comb(n - j, r - 1) / choices / (group.above + j) for j in ranks)
    return math.nan


def _average_precision(groups: Groups, k: int | None, level: float, denominator: str) -> float:
    """The precision at the rank of each relevant row up to k, summed, over the denominator.

    The j-th rank of a group holds a relevant row with probability r / n.  If so, the other r - 1 are anywhere on
    the other n - 1 ranks, j - 1 of which are above.
    """
    relevant = _relevant(groups, level)
    if relevant == 0:
        return math.nan
    terms = []
    for group in _count(groups, k, level):
        for j in range(1, group.inside + 1):
            tied_above = (j - 1) * (group.relevant - 1) / (group.rows - 1) if j > 1 else 0.0
            hits = group.relevant_above + 1 + tied_above
            terms.append(group.relevant / group.rows * hits / (group.above + j))
    length = sum(len(group) for group in groups)
    cut = math.inf if k is None else k
    divisor = {"rel": relevant, "min_rel_k": min(relevant, cut), "min_rel_k_len": min(relevant, cut, length)}
    return math.fsum(terms) / divisor[denominator]


def _gain(label: float, gain: str | Mapping[float, float]) -> float:
    if isinstance(gain, str):
        return {"linear": max(label, 0.0), "exp2": 2.0 ** max(label, 0.0) - 1.0}[gain]
    return {0.0: 0.0, **dict(gain)}[label]


def _dcg(gains: Groups, k: int | None) -> float:
    """The sum over the first k ranks, from 1, of gain / log2(rank + 1): each rank expects the mean gain of its group."""
    expected = [math.fsum(group) / len(group) for group in gains for _ in group]
    return math.fsum(value / math.log2(rank + 1) for rank, value in enumerate(expected[:k], start=1))


def _ndcg(groups: Groups, k: int | None, gain: str | Mapping[float, float]) -> float:
    """DCG over the DCG of all rows by descending gain."""
    gains = [[_gain(label, gain) for label in group] for group in groups]
    ideal = sorted((value for group in gains for value in group), reverse=True)
    ideal_dcg = _dcg([[value] for value in ideal], k)
    return math.nan if ideal_dcg == 0 else _dcg(gains, k) / ideal_dcg


# The metrics, and the same for each query: a dict by query, NaN for a query that is skipped.


def precision_per_query(
    label: ArrayLike,
    score: ArrayLike,
    query: ArrayLike,
    *,
    item: ArrayLike | None = None,
    k: int | None = None,
    ties: str = "average",
    relevance_level: float = 1,
    no_relevant: str = "zero",
) -> dict[Any, float]:
    """Precision: relevant rows among the first k, over k (over the length of the list without k)."""
    return _per_query(
        lambda groups: _precision(groups, k, relevance_level), label, score, query, item, ties, no_relevant
    )


def precision(
    label: ArrayLike,
    score: ArrayLike,
    query: ArrayLike,
    *,
    query_weight: ArrayLike | None = None,
    item: ArrayLike | None = None,
    k: int | None = None,
    ties: str = "average",
    relevance_level: float = 1,
    no_relevant: str = "zero",
) -> float:
    """The mean of `precision_per_query`, weighted by `query_weight`."""
    values = precision_per_query(
        label, score, query, item=item, k=k, ties=ties, relevance_level=relevance_level, no_relevant=no_relevant
    )
    return _mean(values, query, query_weight)


def recall_per_query(
    label: ArrayLike,
    score: ArrayLike,
    query: ArrayLike,
    *,
    item: ArrayLike | None = None,
    k: int | None = None,
    ties: str = "average",
    relevance_level: float = 1,
    no_relevant: str = "zero",
) -> dict[Any, float]:
    """Recall: relevant rows among the first k, over all relevant rows."""
    return _per_query(lambda groups: _recall(groups, k, relevance_level), label, score, query, item, ties, no_relevant)


def recall(
    label: ArrayLike,
    score: ArrayLike,
    query: ArrayLike,
    *,
    query_weight: ArrayLike | None = None,
    item: ArrayLike | None = None,
    k: int | None = None,
    ties: str = "average",
    relevance_level: float = 1,
    no_relevant: str = "zero",
) -> float:
    """The mean of `recall_per_query`, weighted by `query_weight`."""
    values = recall_per_query(
        label, score, query, item=item, k=k, ties=ties, relevance_level=relevance_level, no_relevant=no_relevant
    )
    return _mean(values, query, query_weight)


def hit_rate_per_query(
    label: ArrayLike,
    score: ArrayLike,
    query: ArrayLike,
    *,
    item: ArrayLike | None = None,
    k: int | None = None,
    ties: str = "average",
    relevance_level: float = 1,
    no_relevant: str = "zero",
) -> dict[Any, float]:
    """Hit rate: 1 where a relevant row is among the first k, else 0."""
    return _per_query(
        lambda groups: _hit_rate(groups, k, relevance_level), label, score, query, item, ties, no_relevant
    )


def hit_rate(
    label: ArrayLike,
    score: ArrayLike,
    query: ArrayLike,
    *,
    query_weight: ArrayLike | None = None,
    item: ArrayLike | None = None,
    k: int | None = None,
    ties: str = "average",
    relevance_level: float = 1,
    no_relevant: str = "zero",
) -> float:
    """The mean of `hit_rate_per_query`, weighted by `query_weight`."""
    values = hit_rate_per_query(
        label, score, query, item=item, k=k, ties=ties, relevance_level=relevance_level, no_relevant=no_relevant
    )
    return _mean(values, query, query_weight)


def mrr_per_query(
    label: ArrayLike,
    score: ArrayLike,
    query: ArrayLike,
    *,
    item: ArrayLike | None = None,
    k: int | None = None,
    ties: str = "average",
    relevance_level: float = 1,
    no_relevant: str = "zero",
) -> dict[Any, float]:
    """Reciprocal rank: 1 over the rank of the first relevant row, 0 where that is beyond k."""
    return _per_query(
        lambda groups: _reciprocal_rank(groups, k, relevance_level), label, score, query, item, ties, no_relevant
    )


def mrr(
    label: ArrayLike,
    score: ArrayLike,
    query: ArrayLike,
    *,
    query_weight: ArrayLike | None = None,
    item: ArrayLike | None = None,
    k: int | None = None,
    ties: str = "average",
    relevance_level: float = 1,
    no_relevant: str = "zero",
) -> float:
    """The mean of `mrr_per_query`, weighted by `query_weight`."""
    values = mrr_per_query(
        label, score, query, item=item, k=k, ties=ties, relevance_level=relevance_level, no_relevant=no_relevant
    )
    return _mean(values, query, query_weight)


def map_per_query(
    label: ArrayLike,
    score: ArrayLike,
    query: ArrayLike,
    *,
    item: ArrayLike | None = None,
    k: int | None = None,
    ties: str = "average",
    relevance_level: float = 1,
    no_relevant: str = "zero",
    ap_denominator: str = "rel",
) -> dict[Any, float]:
    """Average precision: the precision at the rank of each relevant row up to k, summed, over R relevant rows
    ("rel"), min(R, k) ("min_rel_k") or min(R, k, length of the list) ("min_rel_k_len").
    """
    return _per_query(
        lambda groups: _average_precision(groups, k, relevance_level, ap_denominator),
        label,
        score,
        query,
        item,
        ties,
        no_relevant,
    )


def map(
    label: ArrayLike,
    score: ArrayLike,
    query: ArrayLike,
    *,
    query_weight: ArrayLike | None = None,
    item: ArrayLike | None = None,
    k: int | None = None,
    ties: str = "average",
    relevance_level: float = 1,
    no_relevant: str = "zero",
    ap_denominator: str = "rel",
) -> float:
    """The mean of `map_per_query`, weighted by `query_weight`."""
    values = map_per_query(
        label,
        score,
        query,
        item=item,
        k=k,
        ties=ties,
        relevance_level=relevance_level,
        no_relevant=no_relevant,
        ap_denominator=ap_denominator,
    )
    return _mean(values, query, query_weight)


def ndcg_per_query(
    label: ArrayLike,
    score: ArrayLike,
    query: ArrayLike,
    *,
    item: ArrayLike | None = None,
    k: int | None = None,
    ties: str = "average",
    relevance_level: float = 1,  # noqa: ARG001  (as documented)
    no_relevant: str = "zero",
    gain: str | Mapping[float, float] = "linear",
) -> dict[Any, float]:
    """DCG over the DCG of the ideal order, gains being "linear": max(label, 0), "exp2": 2^label - 1 for labels above 0,
    or a mapping from labels to gains.  `relevance_level` does not change gains; nothing is relevant where all are 0.
    """
    return _per_query(lambda groups: _ndcg(groups, k, gain), label, score, query, item, ties, no_relevant)


def ndcg(
    label: ArrayLike,
    score: ArrayLike,
    query: ArrayLike,
    *,
    query_weight: ArrayLike | None = None,
    item: ArrayLike | None = None,
    k: int | None = None,
    ties: str = "average",
    relevance_level: float = 1,
    no_relevant: str = "zero",
    gain: str | Mapping[float, float] = "linear",
) -> float:
    """The mean of `ndcg_per_query`, weighted by `query_weight`."""
    values = ndcg_per_query(
        label,
        score,
        query,
        item=item,
        k=k,
        ties=ties,
        relevance_level=relevance_level,
        no_relevant=no_relevant,
        gain=gain,
    )
    return _mean(values, query, query_weight)
