"""Metrics of ranked lists: the mean over queries of a measure of each query's list.

Rows of a query are ordered by score, highest first; a row is relevant when its label is at least
`relevance_level`.  Under `ties="average"` the measure of a list is its expected value over all orders of
rows of equal score (McSherry and Najork 2008), so that the order of the source cannot matter.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from fastrank.accumulators import RankedListSums
from fastrank.accumulators.ranked import TIES
from fastrank.domains import GRADE, ID, SCORE, Domain, listed_grades, whole_grades
from fastrank.metrics.base import Value, metric
from fastrank.metrics.parameters import Choice, Cutoff, Gain, Number

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from fastrank.accumulators.ranked import ListSums

__all__ = ["hit_rate", "map", "mrr", "ndcg", "precision", "recall"]

_COMMON: dict[str, Any] = {
    "k": Cutoff(),
    "ties": Choice(
        tuple(TIES),
        doc="Order of rows of equal score: the expected value over all orders; the order of the source; by item "
        "descending (as trec_eval) or ascending; lower label first; higher label first.",
    ),
    "no_relevant": Choice(("zero", "one", "skip"), doc="What a query without a relevant row counts."),
}
_LEVEL = {"relevance_level": Number(0.0, math.inf, doc="Labels from here on are relevant.")}
_DECLARATION: dict[str, Any] = {
    "family": "ranking",
    "optional": ("query_weight", "item"),
    "range": (0.0, 1.0),
    "better": "higher",
    "exactness": "each query has a value of its own; their sum is exact and the mean is rounded once",
    "undefined": 'there are no queries, or none with a relevant row under no_relevant="skip"',
}
_COLUMNS = {"label": GRADE, "score": SCORE, "query": ID}


def _lists(measure: str) -> Callable[[Any], Mapping[str, RankedListSums]]:
    """The state of a measure that depends on which rows are relevant."""
    return lambda p: {
        "lists": RankedListSums(
            measure,
            p.k,
            p.ties,
            p.no_relevant,
            relevance_level=p.relevance_level,
            ap_denominator=getattr(p, "ap_denominator", None),
        )
    }


def _mean(lists: ListSums) -> Value:
    return Value(lists.values.over(lists.weight))


def _without_query(name: str) -> str:
    return (
        f"{name} ranks the rows of each query: name the query column (query=, --query). Of single rows at a "
        f"threshold, the metric is binary_{name}, which this version does not have"
    )


def _gain_columns(p: Any) -> Mapping[str, Domain]:
    label = whole_grades(52) if p.gain == "exp2" else GRADE if p.gain == "linear" else listed_grades(p.gain)
    return {**_COLUMNS, "label": label}


@metric(
    **_DECLARATION,
    columns=_gain_columns,
    states=lambda p: {"lists": RankedListSums("ndcg", p.k, p.ties, p.no_relevant, gain=p.gain)},
    parameters={**_COMMON, "gain": Gain()},
    aliases=("ndcg_cut", "normalized_dcg", "retrieval_normalized_dcg"),
    presets={"ndcg_burges": {"gain": "exp2"}},
    source="Järvelin and Kekäläinen 2002; ties: McSherry and Najork 2008, as sklearn.metrics.ndcg_score; "
    'LightGBM has gain="exp2", ties="input", no_relevant="one"',
)
def ndcg(
    lists: ListSums,
    *,
    k: int | None = None,
    gain: str | tuple[tuple[float, float], ...] = "linear",
    ties: str = "average",
    no_relevant: str = "zero",
) -> Value:
    """Normalized discounted cumulative gain: DCG over the DCG of the ideal order, mean over queries.

    DCG@k = sum over the first k ranks r = 1, 2, ... of gain(label) / log2(r + 1).

    Examples
    --------
    >>> from fastrank import metrics
    >>> round(metrics.ndcg(k=2).compute([0, 2, 1], [0.9, 0.8, 0.1], query=[7, 7, 7]), 6)
    0.479625
    """
    return _mean(lists)


@metric(
    **_DECLARATION,
    columns=_COLUMNS,
    states=_lists("mrr"),
    parameters={**_COMMON, **_LEVEL},
    aliases=("rr", "recip_rank", "reciprocal_rank", "mean_reciprocal_rank"),
    source="Voorhees 1999 (TREC-8); as trec_eval's recip_rank (its ties are item_desc)",
)
def mrr(
    lists: ListSums,
    *,
    k: int | None = None,
    relevance_level: float = 1.0,
    ties: str = "average",
    no_relevant: str = "zero",
) -> Value:
    """Mean reciprocal rank: 1 over the rank of the first relevant row, mean over queries.

    A query whose first relevant row ranks below k counts 0.

    Examples
    --------
    >>> from fastrank import metrics
    >>> metrics.mrr().compute([0, 1, 0], [0.9, 0.8, 0.1], query=[7, 7, 7])
    0.5
    """
    return _mean(lists)


@metric(
    **_DECLARATION,
    columns=_COLUMNS,
    states=_lists("map"),
    parameters={
        **_COMMON,
        **_LEVEL,
        "ap_denominator": Choice(("rel", "min_rel_k"), doc="Divide by R, or by min(R, k)."),
    },
    aliases=("ap", "map_cut", "mean_average_precision"),
    source="Harman 1992 (TREC-1); as trec_eval's map and map_cut; Spark and RePlay divide by min(R, k)",
)
def map(
    lists: ListSums,
    *,
    k: int | None = None,
    relevance_level: float = 1.0,
    ap_denominator: str = "rel",
    ties: str = "average",
    no_relevant: str = "zero",
) -> Value:
    """Mean average precision: the mean of precision at the rank of each relevant row, mean over queries.

    AP@k = sum over relevant rows of rank i up to k of precision@i, over R, the number of relevant rows.

    Examples
    --------
    >>> from fastrank import metrics
    >>> metrics.map().compute([1, 0, 1, 0], [0.9, 0.8, 0.7, 0.1], query=[7, 7, 7, 7])
    0.8333333333333333
    """
    return _mean(lists)


@metric(
    **_DECLARATION,
    columns=_COLUMNS,
    states=_lists("precision"),
    parameters={**_COMMON, **_LEVEL},
    aliases=("p", "retrieval_precision"),
    without_query=_without_query("precision"),
    source="Cleverdon 1967; as trec_eval's P",
)
def precision(
    lists: ListSums,
    *,
    k: int | None = None,
    relevance_level: float = 1.0,
    ties: str = "average",
    no_relevant: str = "zero",
) -> Value:
    """Precision at k: relevant rows among the first k ranks over k, mean over queries.

    Past the end of a shorter list there is nothing relevant: the denominator stays k.

    Examples
    --------
    >>> from fastrank import metrics
    >>> metrics.precision(k=2).compute([1, 0, 1], [0.9, 0.8, 0.1], query=[7, 7, 7])
    0.5
    """
    return _mean(lists)


@metric(
    **_DECLARATION,
    columns=_COLUMNS,
    states=_lists("recall"),
    parameters={**_COMMON, **_LEVEL},
    aliases=("r", "retrieval_recall"),
    without_query=_without_query("recall"),
    source="Cleverdon 1967; as trec_eval's recall",
)
def recall(
    lists: ListSums,
    *,
    k: int | None = None,
    relevance_level: float = 1.0,
    ties: str = "average",
    no_relevant: str = "zero",
) -> Value:
    """Recall at k: relevant rows among the first k ranks over all relevant rows of the query, mean over queries.

    Examples
    --------
    >>> from fastrank import metrics
    >>> metrics.recall(k=2).compute([1, 0, 1], [0.9, 0.8, 0.1], query=[7, 7, 7])
    0.5
    """
    return _mean(lists)


@metric(
    **_DECLARATION,
    columns=_COLUMNS,
    states=_lists("hit_rate"),
    parameters={**_COMMON, **_LEVEL},
    aliases=("success", "hitrate", "hr", "retrieval_hit_rate"),
    source="as trec_eval's success",
)
def hit_rate(
    lists: ListSums,
    *,
    k: int | None = None,
    relevance_level: float = 1.0,
    ties: str = "average",
    no_relevant: str = "zero",
) -> Value:
    """Hit rate at k: 1 where a relevant row is among the first k ranks, else 0, mean over queries.

    Examples
    --------
    >>> from fastrank import metrics
    >>> metrics.hit_rate(k=1).compute([0, 1, 1], [0.9, 0.8, 0.1], query=[7, 7, 7])
    0.0
    """
    return _mean(lists)
