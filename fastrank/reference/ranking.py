"""Metrics of ranked lists that ask which ranks hold relevant rows.

Each is the mean over queries of a measure of the query's list; each has a twin that gives the value of each query (see
`fastrank.reference.queries` for the rows that they take, and `Rules` for what they share).

k                only the first k ranks count; None: all
relevance_level  a row is relevant when its label is at least this; R is the number of relevant rows, retrieved or not
propensity       the probability that a row was shown: it weighs 1 / max(propensity, clip); without propensities all
                 rows weigh 1
self_normalized  the value is divided by the mean weight of the rows among the first k

The expected values are those of McSherry and Najork, Computing Information Retrieval Performance Measures Efficiently
in the Presence of Tied Scores, 2008.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from fastrank.reference.expected import cut, expected_hits, expected_sum, groups, inside, mean_weight, ratio, weight
from fastrank.reference.lists import check_untied
from fastrank.reference.queries import list_metric

if TYPE_CHECKING:
    from fastrank.reference.lists import RankedList

__all__ = [
    "f_beta",
    "f_beta_per_query",
    "fallout",
    "fallout_per_query",
    "hit_rate",
    "hit_rate_per_query",
    "judged",
    "judged_per_query",
    "map",
    "map_per_query",
    "mrr",
    "mrr_per_query",
    "num_rel",
    "num_rel_per_query",
    "num_rel_ret",
    "num_rel_ret_per_query",
    "num_ret",
    "num_ret_per_query",
    "precision",
    "precision_per_query",
    "r_precision",
    "r_precision_per_query",
    "recall",
    "recall_per_query",
]


def _ranks(ranking: RankedList, k: int | None, level: float, denominator: str) -> int:
    """What precision divides by: k, or the length without it; min(k, length); min(k, R)."""
    return {
        "k": cut(ranking, k),
        "min_k_len": inside(ranking, k),
        "min_k_rel": min(cut(ranking, k), len(ranking.relevant(level))),
    }[denominator]


def _precision(
    ranking: RankedList,
    *,
    k: int | None = None,
    relevance_level: float = 1,
    precision_denominator: str = "k",
    clip: float = 0.0,
    self_normalized: bool = False,
) -> float | None:
    """Precision: relevant rows among the first k, over k, also where the list is shorter; without k over its length."""
    if not ranking.relevant(relevance_level):
        return None
    hits = expected_sum(ranking, k, lambda row: (row.label >= relevance_level) * weight(row, clip))
    value = ratio(hits, _ranks(ranking, k, relevance_level, precision_denominator))
    return ratio(value, mean_weight(ranking, k, clip)) if self_normalized else value


def _recall(
    ranking: RankedList,
    *,
    k: int | None = None,
    relevance_level: float = 1,
    recall_denominator: str = "rel",
    clip: float = 0.0,
) -> float | None:
    """Recall: relevant rows among the first k, over all relevant rows, or over as many as k ranks can hold."""
    weights = sorted((weight(row, clip) for row in ranking.relevant(relevance_level)), reverse=True)
    if not weights:
        return None
    hits = expected_sum(ranking, k, lambda row: (row.label >= relevance_level) * weight(row, clip))
    return hits / math.fsum({"rel": weights, "min_rel_k": weights[:k]}[recall_denominator])


def _f_beta(
    ranking: RankedList,
    *,
    k: int | None = None,
    beta: float = 1.0,
    relevance_level: float = 1,
    precision_denominator: str = "k",
) -> float | None:
    """F measure (1 + beta^2) P R / (beta^2 P + R), where P is h / d and R is h / r for h hits: linear in h."""
    relevant = len(ranking.relevant(relevance_level))
    if relevant == 0:
        return None
    ranks = _ranks(ranking, k, relevance_level, precision_denominator)
    return (1 + beta**2) * expected_hits(ranking, k, relevance_level) / (beta**2 * relevant + ranks)


def _hit_rate(ranking: RankedList, *, k: int | None = None, relevance_level: float = 1) -> float | None:
    """Hit rate: 1 where a relevant row is among the first k, else 0.

    The first group with relevant rows decides: inside k as a whole it is a hit, and cut by k nothing follows it.  Of
    the C(n, m) choices of the m rows inside k, C(n - r, m) hold none of its r relevant rows.
    """
    if not ranking.relevant(relevance_level):
        return None
    for group in groups(ranking, k):
        r = sum(row.label >= relevance_level for row in group.rows)
        if r > 0:
            choices = math.comb(group.n, group.inside)
            return (choices - math.comb(group.n - r, group.inside)) / choices
    return 0.0


def _mrr(
    ranking: RankedList,
    *,
    k: int | None = None,
    relevance_level: float = 1,
    clip: float = 0.0,
    self_normalized: bool = False,
) -> float | None:
    """Reciprocal rank: the weight of the first relevant row over its rank, 0 where that rank is beyond k.

    It is in the first group with relevant rows, and each of these as likely as the others.  Of the C(n, r) choices of
    ranks for them, C(n - j, r - 1) have the first one on the group's j-th rank.
    """
    if not ranking.relevant(relevance_level):
        return None
    value = 0.0
    for group in groups(ranking, k):
        weights = [weight(row, clip) for row in group.rows if row.label >= relevance_level]
        if weights:
            n, r = group.n, len(weights)
            ways = {j: math.comb(n - j, r - 1) / math.comb(n, r) for j in range(1, group.inside + 1)}
            value = math.fsum(weights) / r * math.fsum(way / (group.above + j) for j, way in ways.items())
            break
    return ratio(value, mean_weight(ranking, k, clip)) if self_normalized else value


def _map(
    ranking: RankedList, *, k: int | None = None, relevance_level: float = 1, ap_denominator: str = "rel"
) -> float | None:
    """Average precision: the precision at the rank of each relevant row up to k, summed, over the denominator.

    That is R ("rel"), min(R, k) ("min_rel_k"), min(R, k, length) ("min_rel_k_len"), k or the length without it ("k"),
    or the number of relevant rows among the first k ("hits", without an expected value).

    The j-th rank of a group of n rows holds one of its r relevant rows with probability r / n.  If it does, the other
    r - 1 are anywhere on the other n - 1 ranks, of which j - 1 are above.
    """
    if ap_denominator == "hits":
        check_untied(ranking.groups, k)
    relevant = len(ranking.relevant(relevance_level))
    if relevant == 0:
        return None
    precisions, relevant_above = [], 0
    for group in groups(ranking, k):
        n, r = group.n, sum(row.label >= relevance_level for row in group.rows)
        for j in range(1, group.inside + 1):
            hits = relevant_above + 1 + ((j - 1) * (r - 1) / (n - 1) if n > 1 else 0)
            precisions.append(r / n * hits / (group.above + j))
        relevant_above += r
    denominators = {
        "rel": relevant,
        "min_rel_k": relevant if k is None else min(relevant, k),
        "min_rel_k_len": min(relevant, inside(ranking, k)),
        "k": cut(ranking, k),
        "hits": expected_hits(ranking, k, relevance_level),
    }
    return ratio(math.fsum(precisions), denominators[ap_denominator])


def _r_precision(ranking: RankedList, *, relevance_level: float = 1) -> float | None:
    """R-precision: relevant rows among the first R, over R."""
    relevant = len(ranking.relevant(relevance_level))
    return None if relevant == 0 else expected_hits(ranking, relevant, relevance_level) / relevant


def _judged(ranking: RankedList, *, k: int | None = None) -> float:
    """Judged: rows of a label of 0 or more among the first k, over min(k, length)."""
    return ratio(expected_hits(ranking, k, 0), inside(ranking, k))


def _fallout(ranking: RankedList, *, k: int | None = None, relevance_level: float = 1) -> float | None:
    """Fall-out: rows that are not relevant among the first k, over all such rows.

    A query without such a row is what `no_relevant` is about.
    """
    others = len(ranking.rows) - len(ranking.relevant(relevance_level))
    if others == 0:
        return None
    return expected_sum(ranking, k, lambda row: not row.label >= relevance_level) / others


def _num_ret(ranking: RankedList) -> float:
    """Number of retrieved rows."""
    return float(ranking.length)


def _num_rel(ranking: RankedList, *, relevance_level: float = 1) -> float:
    """Number of relevant rows, retrieved or not."""
    return float(len(ranking.relevant(relevance_level)))


def _num_rel_ret(ranking: RankedList, *, relevance_level: float = 1) -> float:
    """Number of relevant rows that were retrieved."""
    return expected_hits(ranking, None, relevance_level)


precision, precision_per_query = list_metric(_precision, columns=("propensity",))
recall, recall_per_query = list_metric(_recall, columns=("propensity",))
f_beta, f_beta_per_query = list_metric(_f_beta)
hit_rate, hit_rate_per_query = list_metric(_hit_rate)
mrr, mrr_per_query = list_metric(_mrr, columns=("propensity",))
map, map_per_query = list_metric(_map)
r_precision, r_precision_per_query = list_metric(_r_precision)
judged, judged_per_query = list_metric(_judged)
fallout, fallout_per_query = list_metric(_fallout)
num_ret, num_ret_per_query = list_metric(_num_ret, aggregation="sum")
num_rel, num_rel_per_query = list_metric(_num_rel, aggregation="sum")
num_rel_ret, num_rel_ret_per_query = list_metric(_num_rel_ret, aggregation="sum")
