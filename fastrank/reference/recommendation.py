"""Metrics of recommendations: which items the first ranks of all queries show, how varied, how popular, how old.

Every metric takes long rows as those of `ranking` do; `label` is None where a metric reads none.  A row is *shown*
where its rank is at most k (k=None: all rows).  Columns named for what they hold have an entry a row.

`popularity`, `novelty`, `freshness` and `exposure` are linear in the ranks of the rows: under ties="average" they are
the mean over all orders of the tied rows.  `coverage`, `item_gini` and `intra_list_diversity` depend on the set of
shown rows only: a tie matters where it crosses the cut.  `alpha_ndcg` depends on the order of all shown rows.
Under ties="average" a tie that matters raises ValueError.
"""

from __future__ import annotations

import math
from collections import Counter
from fractions import Fraction
from itertools import combinations
from typing import TYPE_CHECKING, Any

import numpy as np

from fastrank.reference.lists import Rules, check_untied, rank, rows_by_query
from fastrank.reference.queries import list_metric

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from numpy.typing import ArrayLike

    from fastrank.reference.lists import RankedList, Row

__all__ = [
    "alpha_ndcg",
    "alpha_ndcg_per_query",
    "coverage",
    "exposure",
    "exposure_shares",
    "freshness",
    "freshness_per_query",
    "intra_list_diversity",
    "intra_list_diversity_per_query",
    "item_gini",
    "novelty",
    "novelty_per_query",
    "popularity",
    "popularity_per_query",
]

# A query that shows nothing has no mean.
SKIP_EMPTY = Rules(missing_query="skip")


def _shown(ranking: RankedList, k: int | None) -> list[Row]:
    """The shown rows, tied ones in any order."""
    rows: list[Row] = []
    for group in ranking.groups:
        if k is not None and len(rows) < k < len(rows) + len(group):
            raise ValueError(f"rows tie on both sides of rank {k}")
        if k is None or len(rows) < k:
            rows += group
    return rows


def _mean_shown(ranking: RankedList, value: Callable[[Row], float], k: int | None) -> float:
    """The mean of a value over the shown rows; each row of a tie group of n, m of them above the cut, counts m / n."""
    left = shown = ranking.length if k is None else min(k, ranking.length)
    total = []
    for group in ranking.groups:
        inside = min(left, len(group))
        left -= inside
        total.append(inside * (math.fsum(map(value, group)) / len(group)))
    return math.fsum(total) / shown if shown else 0.0


def _popularity(ranking: RankedList, *, k: int | None = None) -> float:
    """The mean popularity of the shown rows (ARP: Yin et al. 2012)."""
    return _mean_shown(ranking, lambda row: row.columns["popularity"], k)


def _novelty(ranking: RankedList, *, k: int | None = None) -> float:
    """The mean of -log2 of the popularity of the shown rows, a share (Vargas and Castells 2011)."""
    return _mean_shown(ranking, lambda row: -math.log2(row.columns["popularity"]), k)


def _freshness(ranking: RankedList, *, k: int | None = None) -> float:
    """The mean age of the shown rows, in the unit of the column."""
    return _mean_shown(ranking, lambda row: row.columns["age"], k)


def _intra_list_diversity(ranking: RankedList, *, k: int | None = None) -> float:
    """The share of pairs of shown rows whose categories differ (Ziegler 2005).

    A list that shows one row has no pair and counts 0, as in RecTools.
    """
    pairs = list(combinations([row.columns["category"] for row in _shown(ranking, k)], 2))
    return sum(a != b for a, b in pairs) / len(pairs) if pairs else 0.0


def _subtopics(row: Row, level: float) -> frozenset[Any]:
    """The category of a relevant row, or its categories; None is none."""
    entry = row.columns["category"]
    if row.label < level or entry is None:
        return frozenset()
    return frozenset(entry if isinstance(entry, list | tuple) else [entry])


def _gain(subtopics: frozenset[Any], seen: Counter[Any], alpha: float) -> float:
    """The sum of the powers, largest first: equal powers have equal sums, whatever their subtopics."""
    return sum(math.prod([1 - alpha] * times) for times in sorted(seen[topic] for topic in subtopics))


def _alpha_dcg(documents: Iterable[frozenset[Any]], alpha: float) -> float:
    """Each document gains (1 - alpha)^(how many above have it) for each of its subtopics, discounted by its rank."""
    seen: Counter[Any] = Counter()
    gains = []
    for position, subtopics in enumerate(documents, 1):
        gains.append(_gain(subtopics, seen, alpha) / math.log2(position + 1))
        seen.update(subtopics)
    return math.fsum(gains)


def _greedy(documents: list[frozenset[Any]], alpha: float, k: int | None) -> list[frozenset[Any]]:
    """The first k documents, each with the largest gain after those before it.

    Of several, the one whose sorted subtopics come first in lexicographic order; so the order of rows is irrelevant.
    """
    left = sorted(documents, key=sorted)
    seen: Counter[Any] = Counter()
    chosen: list[frozenset[Any]] = []
    while left and (k is None or len(chosen) < k):
        gains = [_gain(each, seen, alpha) for each in left]
        chosen.append(left.pop(gains.index(max(gains))))
        seen.update(chosen[-1])
    return chosen


def _alpha_ndcg(
    ranking: RankedList, *, k: int | None = None, relevance_level: float = 1, alpha: float = 0.5
) -> float | None:
    """Alpha-DCG over that of the greedy ideal order of all rows, retrieved or not (Clarke et al. 2008; ndeval).

    Nothing is to be found where no relevant row has a subtopic.
    """
    check_untied(ranking.groups, k, by_row=True)
    ideal = _alpha_dcg(_greedy([_subtopics(row, relevance_level) for row in ranking.rows], alpha, k), alpha)
    if ideal == 0:
        return None
    first = [row for group in ranking.groups for row in group][:k]
    return _alpha_dcg([_subtopics(row, relevance_level) for row in first], alpha) / ideal


popularity, popularity_per_query = list_metric(_popularity, columns=("popularity",), defaults=SKIP_EMPTY)
novelty, novelty_per_query = list_metric(_novelty, columns=("popularity",), defaults=SKIP_EMPTY)
freshness, freshness_per_query = list_metric(_freshness, columns=("age",), defaults=SKIP_EMPTY)
intra_list_diversity, intra_list_diversity_per_query = list_metric(
    _intra_list_diversity, columns=("category",), defaults=SKIP_EMPTY
)
alpha_ndcg, alpha_ndcg_per_query = list_metric(_alpha_ndcg, columns=("category",))


def _item_counts(score: ArrayLike, query: ArrayLike, item: ArrayLike, k: int | None, rules: Rules) -> Counter[Any]:
    """How often each item is shown."""
    lists = [rank(rows, rules) for rows in rows_by_query(None, score, query, item, {}).values()]
    for ranking in lists if rules.ties == "error" else ():
        check_untied(ranking.groups, k, by_row=True)
    return Counter(row.item for ranking in lists for row in _shown(ranking, k))


def coverage(
    label: ArrayLike | None,  # noqa: ARG001
    score: ArrayLike,
    query: ArrayLike,
    *,
    item: ArrayLike,
    k: int | None = None,
    catalogue: int | None = None,
    ties: str = "average",
    duplicates: str = "error",
    nan_score: str = "error",
) -> float:
    """The number of distinct items shown, over the size of the catalogue if given (Herlocker 2004; Ge 2010)."""
    rules = Rules(ties=ties, duplicates=duplicates, nan_score=nan_score)
    distinct = len(_item_counts(score, query, item, k, rules))
    if not distinct:
        return math.nan
    return float(distinct) if catalogue is None else distinct / catalogue


def item_gini(
    label: ArrayLike | None,  # noqa: ARG001
    score: ArrayLike,
    query: ArrayLike,
    *,
    item: ArrayLike,
    k: int | None = None,
    catalogue: int | None = None,
    ties: str = "average",
    duplicates: str = "error",
    nan_score: str = "error",
) -> float:
    """The Gini coefficient of how often each item is shown (Fleder and Hosanagar 2009).

    sum of (2 i - n - 1) x_i / (n sum of x_i) over counts x_1 <= ... <= x_n; items of the catalogue that are never
    shown count 0.  0: all are shown equally often.
    """
    rules = Rules(ties=ties, duplicates=duplicates, nan_score=nan_score)
    counts = sorted(_item_counts(score, query, item, k, rules).values())
    if not counts:
        return math.nan
    n = len(counts) if catalogue is None else catalogue
    counts = [0] * (n - len(counts)) + counts
    return float(Fraction(sum((2 * i - n - 1) * x for i, x in enumerate(counts, 1)), n * sum(counts)))


def exposure_shares(
    score: ArrayLike,
    query: ArrayLike,
    *,
    group: ArrayLike,
    query_weight: ArrayLike | None = None,
    item: ArrayLike | None = None,
    k: int | None = None,
    ties: str = "average",
    duplicates: str = "error",
    nan_score: str = "error",
) -> dict[Any, float]:
    """The share of each group of items in the exposure of all queries (Singh and Joachims 2018).

    Rank r has exposure 1 / log2(r + 1), and the queries are weighted.  A group of which no row is shown has share 0.
    """
    weights = np.ones(len(np.asarray(query))) if query_weight is None else np.asarray(query_weight, np.float64)
    rules = Rules(ties=ties, duplicates=duplicates, nan_score=nan_score)
    terms: dict[Any, list[float]] = {}
    for rows in rows_by_query(None, score, query, item, {"group": group, "weight": weights}).values():
        position = 1
        ranking = rank(rows, rules)
        if ties == "error":
            check_untied(ranking.groups, k, by_row=True)
        for tied in ranking.groups:
            end = position + len(tied)
            inside = range(position, end if k is None else min(end, k + 1))
            of_each = math.fsum(1 / math.log2(r + 1) for r in inside) / len(tied)
            for row in tied:
                terms.setdefault(row.columns["group"], []).append(row.columns["weight"] * of_each)
            position = end
    sums = {name: math.fsum(values) for name, values in terms.items()}
    total = math.fsum(sums.values())
    return {name: value / total if total else math.nan for name, value in sums.items()}


def exposure(
    label: ArrayLike | None,  # noqa: ARG001
    score: ArrayLike,
    query: ArrayLike,
    *,
    group: ArrayLike,
    query_weight: ArrayLike | None = None,
    item: ArrayLike | None = None,
    k: int | None = None,
    ties: str = "average",
    duplicates: str = "error",
    nan_score: str = "error",
) -> float:
    """The largest difference between two groups' shares of exposure; 0 where there is one group."""
    rules = {"ties": ties, "duplicates": duplicates, "nan_score": nan_score}
    shares = exposure_shares(score, query, group=group, query_weight=query_weight, item=item, k=k, **rules)
    return max(shares.values()) - min(shares.values()) if shares else math.nan
