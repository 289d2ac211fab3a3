"""Metrics of recommendations: how many items the first ranks of all queries show, how evenly, how popular, how new
and how varied they are.

A row is shown where its rank is at most k.  Labels are read by `alpha_ndcg` only.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from fastrank.accumulators import GroupExposure, ItemCounts
from fastrank.domains import ID, IDS, REAL, SHARE, list_scores
from fastrank.errors import ParameterError
from fastrank.metrics.base import Value, metric
from fastrank.metrics.lists import AGGREGATES, COMMON, CUTOFF, LEVEL, aggregate, list_columns, list_metric, rules_given
from fastrank.metrics.names import ColumnName
from fastrank.metrics.parameters import Choice, Number, WholeNumber

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from fastrank.accumulators.base import ListAccumulator
    from fastrank.accumulators.keyed import Exposures, ShownCounts
    from fastrank.domains import Domain
    from fastrank.metrics.base import MetricFactory
    from fastrank.metrics.parameters import Kind

__all__ = [
    "alpha_ndcg",
    "coverage",
    "exposure",
    "freshness",
    "intra_list_diversity",
    "item_gini",
    "novelty",
    "popularity",
]

_TIES = Choice(
    ("average", "input", "item_desc", "item_asc", "error"),
    doc="Order of rows of equal score: the expected value over all orders, where it has a closed form or no tie "
    "matters (else an error); the order of the source; by item descending or ascending; an error.",
)
_RULES: dict[str, tuple[Kind, Any]] = {
    "ties": (_TIES, "average"),
    **{name: COMMON[name] for name in ("duplicates", "nan_score")},
}
_CATALOGUE: dict[str, Kind] = {
    "catalogue": WholeNumber(
        1, optional=True, none_means="those that are shown", doc="How many items there are to be shown."
    )
}
_OF_ITEMS: dict[str, Any] = {
    "family": "recommendation",
    "optional": (),
    "common": _RULES,
    "exactness": "counts are integers and the value is rounded once",
    "undefined": "no row is shown",
}


def _columns(**more: Domain) -> Callable[[Any], Mapping[str, Domain]]:
    return lambda p: {"score": list_scores(p.nan_score), "query": ID, **more}


def _values_of(measure: str, column: str) -> Callable[[Any], Mapping[str, ListAccumulator]]:
    """The state of a measure of shown rows."""

    def states(p: Any) -> Mapping[str, ListAccumulator]:
        options = (("k", p.k), (column, getattr(p, column)))
        return {"lists": AGGREGATES[p.aggregation](measure, options, rules_given(p), "zero", p.missing_query, "ignore")}

    return states


def _shown_metric(
    measure: str, column: str, domain: Domain, doc: str, **declaration: Any
) -> Callable[[Callable[..., Any]], MetricFactory]:
    """Declares a metric that aggregates a measure of one column of the shown rows; the function below it is the
    documentation."""
    return metric(
        **declaration,
        family="recommendation",
        columns=_columns(**{column: domain}),
        states=_values_of(measure, column),
        finalize=aggregate,
        parameters={**CUTOFF, column: ColumnName(doc=doc)},
        common={
            **_RULES,
            "missing_query": (Choice(("skip", "zero", "error"), doc="What a query counts that shows no row."), "skip"),
            "aggregation": COMMON["aggregation"],
        },
        optional=("query_weight", "item"),
        exactness="each query has a value of its own; their sum is exact and the mean is rounded once",
        undefined="no row is shown",
    )


def _check_catalogue(shown: int, catalogue: int | None) -> None:
    if catalogue is not None and shown > catalogue:
        raise ParameterError(f"catalogue={catalogue}, but {shown} distinct items are shown")


@metric(
    **_OF_ITEMS,
    columns=_columns(item=ID),
    states=lambda p: {"items": ItemCounts(p.k, rules_given(p))},
    parameters={**CUTOFF, **_CATALOGUE},
    aliases=("catalog_coverage", "catalogue_coverage", "item_coverage"),
    range=(0.0, math.inf),
    better="higher",
    unit="items, or a share of the catalogue",
    source="Herlocker et al. 2004; Ge et al. 2010; as RecTools' CatalogCoverage",
)
def coverage(items: ShownCounts, *, k: int | None = None, catalogue: int | None = None, **_: Any) -> float:
    """Catalogue coverage: the number of distinct items shown to any query, over the size of the catalogue if given.

    Queries are not weighted.

    Examples
    --------
    >>> import fastrank as fr
    >>> rows = {"user": [1, 1, 2, 2], "item": [10, 11, 10, 12], "score": [0.9, 0.1, 0.2, 0.8]}
    >>> fr.evaluate(rows, "coverage@1", score="score", query="user", item="item")["coverage@1"]
    2.0
    """
    _check_catalogue(items.counts.size, catalogue)
    return items.coverage(catalogue) if items.counts.size else math.nan


@metric(
    **_OF_ITEMS,
    columns=_columns(item=ID),
    states=lambda p: {"items": ItemCounts(p.k, rules_given(p))},
    parameters={**CUTOFF, **_CATALOGUE},
    aliases=("gini_index", "list_gini"),
    range=(0.0, 1.0),
    better="lower",
    source="Fleder and Hosanagar 2009; as lenskit's ListGini",
)
def item_gini(items: ShownCounts, *, k: int | None = None, catalogue: int | None = None, **_: Any) -> float:
    """Gini coefficient of how often each item is shown: 0 where all are shown equally often.

    sum of (2 i - n - 1) x_i over n sum of x_i, for counts x_1 <= ... <= x_n of the n items of the catalogue; those
    never shown count 0.  Without `catalogue`, n is the number of items shown.  Queries are not weighted.

    Examples
    --------
    >>> import fastrank as fr
    >>> rows = {"user": [1, 1, 2, 2], "item": [10, 11, 10, 12], "score": [0.9, 0.1, 0.2, 0.8]}
    >>> fr.evaluate(rows, "item_gini(catalogue=4)", score="score", query="user", item="item")["item_gini(catalogue=4)"]
    0.375
    """
    _check_catalogue(items.counts.size, catalogue)
    return items.gini(catalogue) if items.counts.size else math.nan


@_shown_metric(
    "popularity",
    "popularity",
    REAL,
    "Column of the popularity of the item, in any unit.",
    aliases=("arp", "average_recommendation_popularity"),
    range=(-math.inf, math.inf),
    better="lower",
    source="Yin et al. 2012; Abdollahpouri et al. 2019 (ARP)",
)
def popularity(*, k: int | None = None, popularity: str = "popularity") -> None:
    """Average recommendation popularity: the mean popularity of the shown rows, mean over queries.

    A list shorter than k is divided by its length.

    Examples
    --------
    >>> import fastrank as fr
    >>> rows = {"user": [1, 1, 2], "score": [0.9, 0.1, 0.2], "popularity": [30, 10, 4]}
    >>> fr.evaluate(rows, "popularity", score="score", query="user")["popularity"]
    12.0
    """


@_shown_metric(
    "novelty",
    "popularity",
    SHARE,
    "Column of the share of users (or of interactions) that the item has had.",
    aliases=("surprisal", "mean_inv_user_freq", "miuf"),
    range=(0.0, math.inf),
    better="higher",
    unit="bits",
    source="Vargas and Castells 2011; as RecTools' MeanInvUserFreq (RePlay's Surprisal divides by log2 of the number "
    "of users, and by k where a list is shorter)",
)
def novelty(*, k: int | None = None, popularity: str = "popularity") -> None:
    """Novelty: the mean of -log2(popularity) of the shown rows, mean over queries.

    A list shorter than k is divided by its length.

    Examples
    --------
    >>> import fastrank as fr
    >>> rows = {"user": [1, 1, 2], "score": [0.9, 0.1, 0.2], "popularity": [0.5, 0.25, 0.125]}
    >>> fr.evaluate(rows, "novelty", score="score", query="user")["novelty"]
    2.25
    """


@_shown_metric(
    "freshness",
    "age",
    REAL,
    "Column of the age of the item, in any unit.",
    aliases=("mean_age",),
    range=(-math.inf, math.inf),
    better="lower",
    unit="the unit of the ages",
    source="a mean as ARP is (Yin et al. 2012), of ages; peers that let the age decay have no common form",
)
def freshness(*, k: int | None = None, age: str = "age") -> None:
    """Freshness: the mean age of the shown rows, mean over queries.

    A list shorter than k is divided by its length.

    Examples
    --------
    >>> import fastrank as fr
    >>> rows = {"user": [1, 1, 2], "score": [0.9, 0.1, 0.2], "age": [2.0, 30.0, 1.0]}
    >>> fr.evaluate(rows, "freshness@1", score="score", query="user")["freshness@1"]
    1.5
    """


@_shown_metric(
    "intra_list_diversity",
    "category",
    ID,
    "Column of the category of the item.",
    aliases=("ild", "diversity"),
    range=(0.0, 1.0),
    better="higher",
    source="Ziegler et al. 2005; as RecTools' IntraListDiversity with distance 1 between categories that differ",
)
def intra_list_diversity(*, k: int | None = None, category: str = "category") -> None:
    """Intra-list diversity: the share of pairs of shown rows whose categories differ, mean over queries.

    A query that shows one row has no pair and counts 0.

    Examples
    --------
    >>> import fastrank as fr
    >>> rows = {"user": [1, 1, 1], "score": [0.9, 0.5, 0.1], "category": ["news", "news", "sport"]}
    >>> round(fr.evaluate(rows, "intra_list_diversity", score="score", query="user")["intra_list_diversity"], 6)
    0.666667
    """


def _rows_need_an_order(p: Any) -> str:
    if p.ties in ("pessimistic", "optimistic"):
        return f'ties="{p.ties}" leaves rows of one label in no order; allowed: {_TIES.allowed}'
    return ""


@list_metric(
    columns=lambda p: {**list_columns(p), "category": IDS},
    family="recommendation",
    parameters={
        **CUTOFF,
        **LEVEL,
        "alpha": Number(0.0, 1.0, closed="low high", doc="How little a subtopic is worth that was seen before."),
        "category": ColumnName(doc="Column of the subtopics of the row: an id, or a list of ids."),
    },
    conflict=_rows_need_an_order,
    aliases=("alpha-ndcg",),
    range=(0.0, math.inf),
    source="Clarke et al. 2008; as ndeval's alpha-nDCG, but for the ties of its greedy ideal, which it breaks by "
    "document id",
)
def alpha_ndcg(
    *, k: int | None = None, alpha: float = 0.5, relevance_level: float = 1.0, category: str = "category"
) -> None:
    """Alpha-nDCG: DCG in which a subtopic gains less each time it is seen, over that of a greedy ideal order.

    A relevant row gains (1 - alpha)^n for each of its subtopics that n rows above have, times 1 / log2(rank + 1).  The
    ideal takes next the row that gains most; of several, the one whose sorted subtopics come first.  It is greedy, so
    that a ranking may do better than it, and pass 1.

    Examples
    --------
    >>> import fastrank as fr
    >>> rows = {"q": [1, 1, 1], "y": [1, 1, 1], "score": [0.9, 0.5, 0.1], "category": ["a", "a", "b"]}
    >>> round(fr.evaluate(rows, "alpha_ndcg", label="y", score="score", query="q")["alpha_ndcg"], 6)
    0.965195
    """


@metric(
    family="recommendation",
    columns=_columns(group=ID),
    states=lambda p: {"groups": GroupExposure(p.k, rules_given(p))},
    parameters={**CUTOFF, "group": ColumnName(doc="Column of the group of the item.")},
    common=_RULES,
    optional=("query_weight", "item"),
    aliases=("exposure_gap",),
    range=(0.0, 1.0),
    better="lower",
    undefined="no row is shown",
    source="Singh and Joachims 2018; position bias 1 / log2(rank + 1)",
)
def exposure(groups: Exposures, *, k: int | None = None, group: str = "group", **_: Any) -> Value:
    """Exposure gap: the largest difference between two groups' shares of the exposure of all queries.

    A row of rank r up to k has exposure 1 / log2(r + 1), times the weight of its query.  Groups of which no row is
    shown have share 0; one group alone has no gap: 0.  `Result.curve` has the share of each group.

    Examples
    --------
    >>> import fastrank as fr
    >>> rows = {"q": [1, 1, 1], "score": [0.9, 0.5, 0.1], "group": ["a", "b", "a"]}
    >>> round(fr.evaluate(rows, "exposure", score="score", query="q")["exposure"], 6)
    0.407836
    """
    return Value(groups.gap, curve=groups.table())
