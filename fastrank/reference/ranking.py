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

Each metric has a twin that gives the value of each query.  The expected values are those of McSherry and Najork,
Computing Information Retrieval Performance Measures Efficiently in the Presence of Tied Scores, 2008.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, NamedTuple, Unpack

from fastrank.reference.lists import Rules, mean_over_queries, measure_lists

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from numpy.typing import ArrayLike

    from fastrank.reference.lists import Groups

    Gain = str | Mapping[float, float]

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


class Group(NamedTuple):
    """A tie group of n rows, r of them relevant; `above` rows rank higher, `relevant_above` of those relevant.

    `inside` of its n ranks are among the first k of the list.
    """

    n: int
    r: int
    above: int
    relevant_above: int
    inside: int


def _groups(groups: Groups, k: int | None, level: float) -> Iterator[Group]:
    above = relevant_above = 0
    for labels in groups:
        n, r = len(labels), sum(label >= level for label in labels)
        yield Group(n, r, above, relevant_above, n if k is None else min(n, max(0, k - above)))
        above += n
        relevant_above += r


def _length(groups: Groups) -> int:
    return sum(len(labels) for labels in groups)


def _relevant(groups: Groups, level: float) -> int:
    return sum(label >= level for labels in groups for label in labels)


def _expected_hits(groups: Groups, k: int | None, level: float) -> float:
    """Relevant rows among the first k: each row of a group is on one of m of its n ranks with probability m / n."""
    return math.fsum(group.r * group.inside / group.n for group in _groups(groups, k, level))


def _precision(groups: Groups, k: int | None, level: float) -> float:
    if _relevant(groups, level) == 0:
        return math.nan
    return _expected_hits(groups, k, level) / (_length(groups) if k is None else k)


def _recall(groups: Groups, k: int | None, level: float) -> float:
    relevant = _relevant(groups, level)
    return math.nan if relevant == 0 else _expected_hits(groups, k, level) / relevant


def _hit_rate(groups: Groups, k: int | None, level: float) -> float:
    """The first group with relevant rows decides: inside k as a whole it is a hit, and cut by k nothing follows it.

    Of the C(n, m) choices of the m rows inside k, C(n - r, m) hold no relevant one.
    """
    for group in _groups(groups, k, level):
        if group.r > 0:
            choices = math.comb(group.n, group.inside)
            return (choices - math.comb(group.n - group.r, group.inside)) / choices
    return math.nan


def _reciprocal_rank(groups: Groups, k: int | None, level: float) -> float:
    """The first relevant row is in the first group with relevant rows.

    Of the C(n, r) choices of ranks for these rows, C(n - j, r - 1) have the first one on the group's j-th rank.
    """
    for group in _groups(groups, k, level):
        if group.r > 0:
            choices = math.comb(group.n, group.r)
            return math.fsum(
                math.comb(group.n - j, group.r - 1) / choices / (group.above + j) for j in range(1, group.inside + 1)
            )
    return math.nan


def _average_precision(groups: Groups, k: int | None, level: float, denominator: str) -> float:
    """The j-th rank of a group holds a relevant row with probability r / n.

    If it does, the other r - 1 are anywhere on the other n - 1 ranks, of which j - 1 are above.
    """
    relevant = _relevant(groups, level)
    if relevant == 0:
        return math.nan
    precisions = []
    for n, r, above, relevant_above, inside in _groups(groups, k, level):
        for j in range(1, inside + 1):
            hits = relevant_above + 1 + ((j - 1) * (r - 1) / (n - 1) if n > 1 else 0)
            precisions.append(r / n * hits / (above + j))
    cut = math.inf if k is None else k
    denominators = {
        "rel": relevant,
        "min_rel_k": min(relevant, cut),
        "min_rel_k_len": min(relevant, cut, _length(groups)),
    }
    return math.fsum(precisions) / denominators[denominator]


def _gain(label: float, gain: Gain) -> float:
    if not isinstance(gain, str):
        return {0.0: 0.0, **dict(gain)}[label]
    if gain not in ("linear", "exp2"):
        raise ValueError(f"unknown gain: {gain!r}")
    positive = max(label, 0.0)
    return positive if gain == "linear" else float(2.0**positive - 1.0)


def _dcg(gains: Groups, k: int | None) -> float:
    """The sum over ranks of gain / log2(rank + 1), where each rank expects the mean gain of its group."""
    expected = [math.fsum(group) / len(group) for group in gains for _ in group]
    return math.fsum(value / math.log2(rank + 1) for rank, value in enumerate(expected[:k], start=1))


def _ndcg(groups: Groups, k: int | None, gain: Gain) -> float:
    gains = [[_gain(label, gain) for label in labels] for labels in groups]
    ideal = sorted((value for group in gains for value in group), reverse=True)
    ideal_dcg = _dcg([[value] for value in ideal], k)
    return math.nan if ideal_dcg == 0 else _dcg(gains, k) / ideal_dcg


def precision_per_query(
    label: ArrayLike,
    score: ArrayLike,
    query: ArrayLike,
    *,
    k: int | None = None,
    relevance_level: float = 1,
    **rules: Unpack[Rules],
) -> dict[Any, float]:
    """Precision: relevant rows among the first k, over k, also where the list is shorter; without k over its length."""
    return measure_lists(lambda groups: _precision(groups, k, relevance_level), label, score, query, **rules)


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
    """The mean of `precision_per_query` over queries."""
    rules = Rules(item=item, ties=ties, no_relevant=no_relevant)
    values = precision_per_query(label, score, query, k=k, relevance_level=relevance_level, **rules)
    return mean_over_queries(values, query, query_weight)


def recall_per_query(
    label: ArrayLike,
    score: ArrayLike,
    query: ArrayLike,
    *,
    k: int | None = None,
    relevance_level: float = 1,
    **rules: Unpack[Rules],
) -> dict[Any, float]:
    """Recall: relevant rows among the first k, over all relevant rows."""
    return measure_lists(lambda groups: _recall(groups, k, relevance_level), label, score, query, **rules)


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
    """The mean of `recall_per_query` over queries."""
    rules = Rules(item=item, ties=ties, no_relevant=no_relevant)
    values = recall_per_query(label, score, query, k=k, relevance_level=relevance_level, **rules)
    return mean_over_queries(values, query, query_weight)


def hit_rate_per_query(
    label: ArrayLike,
    score: ArrayLike,
    query: ArrayLike,
    *,
    k: int | None = None,
    relevance_level: float = 1,
    **rules: Unpack[Rules],
) -> dict[Any, float]:
    """Hit rate: 1 where a relevant row is among the first k, else 0."""
    return measure_lists(lambda groups: _hit_rate(groups, k, relevance_level), label, score, query, **rules)


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
    """The mean of `hit_rate_per_query` over queries."""
    rules = Rules(item=item, ties=ties, no_relevant=no_relevant)
    values = hit_rate_per_query(label, score, query, k=k, relevance_level=relevance_level, **rules)
    return mean_over_queries(values, query, query_weight)


def mrr_per_query(
    label: ArrayLike,
    score: ArrayLike,
    query: ArrayLike,
    *,
    k: int | None = None,
    relevance_level: float = 1,
    **rules: Unpack[Rules],
) -> dict[Any, float]:
    """Reciprocal rank: 1 over the rank of the first relevant row, 0 where that rank is beyond k."""
    return measure_lists(lambda groups: _reciprocal_rank(groups, k, relevance_level), label, score, query, **rules)


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
    """The mean of `mrr_per_query` over queries."""
    rules = Rules(item=item, ties=ties, no_relevant=no_relevant)
    values = mrr_per_query(label, score, query, k=k, relevance_level=relevance_level, **rules)
    return mean_over_queries(values, query, query_weight)


def map_per_query(
    label: ArrayLike,
    score: ArrayLike,
    query: ArrayLike,
    *,
    k: int | None = None,
    relevance_level: float = 1,
    ap_denominator: str = "rel",
    **rules: Unpack[Rules],
) -> dict[Any, float]:
    """Average precision: the precision at the rank of each relevant row up to k, summed, over the denominator.

    That is R, the number of relevant rows ("rel"), min(R, k) ("min_rel_k") or min(R, k, length) ("min_rel_k_len").
    """
    return measure_lists(
        lambda groups: _average_precision(groups, k, relevance_level, ap_denominator), label, score, query, **rules
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
    """The mean of `map_per_query` over queries."""
    rules = Rules(item=item, ties=ties, no_relevant=no_relevant)
    values = map_per_query(
        label, score, query, k=k, relevance_level=relevance_level, ap_denominator=ap_denominator, **rules
    )
    return mean_over_queries(values, query, query_weight)


def ndcg_per_query(
    label: ArrayLike,
    score: ArrayLike,
    query: ArrayLike,
    *,
    k: int | None = None,
    relevance_level: float = 1,  # noqa: ARG001
    gain: Gain = "linear",
    **rules: Unpack[Rules],
) -> dict[Any, float]:
    """DCG, the sum over ranks up to k of gain / log2(rank + 1), over the DCG of the rows by descending gain.

    Gains: "linear" max(label, 0); "exp2" 2^label - 1 for labels above 0, else 0; or {label: gain}.  The relevance
    level does not change them; "no relevant row" means that the ideal DCG is 0.
    """
    return measure_lists(lambda groups: _ndcg(groups, k, gain), label, score, query, **rules)


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
    gain: Gain = "linear",
) -> float:
    """The mean of `ndcg_per_query` over queries."""
    rules = Rules(item=item, ties=ties, no_relevant=no_relevant)
    values = ndcg_per_query(label, score, query, k=k, relevance_level=relevance_level, gain=gain, **rules)
    return mean_over_queries(values, query, query_weight)
