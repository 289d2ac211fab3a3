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

from fastrank.reference.lists import NO_RELEVANT, mean_over_queries, measure_lists

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from numpy.typing import ArrayLike

    from fastrank.reference.lists import Groups

__all__ = [
    "alpha_ndcg",
    "coverage",
    "exposure",
    "exposure_shares",
    "freshness",
    "intra_list_diversity",
    "item_gini",
    "novelty",
    "popularity",
]


def _per_list(
    measure: Callable[[Groups], Any], score: ArrayLike, query: ArrayLike, item: ArrayLike | None, ties: str
) -> dict[Any, Any]:
    """The measure of each query, of tie groups that hold numbers of rows in place of labels."""
    numbers = np.arange(len(np.asarray(score)))
    values: dict[Any, Any] = {}

    def keep(groups: Groups) -> float:
        values[len(values)] = measure(groups)
        return 0.0

    queries = measure_lists(keep, numbers, score, query, item=item, ties=ties)
    return dict(zip(queries, values.values(), strict=True))


def _shown(groups: Groups, k: int | None, *, ordered: bool = False) -> list[int]:
    """The shown rows; `ordered`: from the first rank down."""
    above = 0
    rows: list[int] = []
    for group in groups:
        if k is not None and above >= k:
            break
        above += len(group)
        if len(group) > 1 and (ordered or (k is not None and above > k)):
            raise ValueError("the value depends on the order of tied rows")
        rows += [int(row) for row in group]
    return rows


def _mean_shown(groups: Groups, values: list[float], k: int | None) -> float:
    """The mean value of the shown rows; each row of a tie group of n rows, m of them above the cut, counts m / n."""
    length = sum(len(group) for group in groups)
    left = shown = length if k is None else min(k, length)
    total = []
    for group in groups:
        inside = min(left, len(group))
        left -= inside
        total.append(inside * (math.fsum(values[int(row)] for row in group) / len(group)))
    return math.fsum(total) / shown


def _mean(
    values: ArrayLike,
    score: ArrayLike,
    query: ArrayLike,
    query_weight: ArrayLike | None,
    item: ArrayLike | None,
    k: int | None,
    ties: str,
) -> float:
    column = np.asarray(values, np.float64).tolist()
    lists = _per_list(lambda groups: _mean_shown(groups, column, k), score, query, item, ties)
    return mean_over_queries(lists, query, query_weight)


def popularity(
    label: ArrayLike | None,  # noqa: ARG001
    score: ArrayLike,
    query: ArrayLike,
    *,
    popularity: ArrayLike,
    query_weight: ArrayLike | None = None,
    item: ArrayLike | None = None,
    k: int | None = None,
    ties: str = "average",
) -> float:
    """The mean over queries of the mean popularity of the shown rows (ARP: Yin et al. 2012)."""
    return _mean(popularity, score, query, query_weight, item, k, ties)


def novelty(
    label: ArrayLike | None,  # noqa: ARG001
    score: ArrayLike,
    query: ArrayLike,
    *,
    popularity: ArrayLike,
    query_weight: ArrayLike | None = None,
    item: ArrayLike | None = None,
    k: int | None = None,
    ties: str = "average",
) -> float:
    """The mean over queries of the mean of -log2 of the share of users who know the item (Vargas and Castells 2011)."""
    surprisal = [-math.log2(share) for share in np.asarray(popularity, np.float64).tolist()]
    return _mean(surprisal, score, query, query_weight, item, k, ties)


def freshness(
    label: ArrayLike | None,  # noqa: ARG001
    score: ArrayLike,
    query: ArrayLike,
    *,
    age: ArrayLike,
    query_weight: ArrayLike | None = None,
    item: ArrayLike | None = None,
    k: int | None = None,
    ties: str = "average",
) -> float:
    """The mean over queries of the mean age of the shown rows, in the unit of the column."""
    return _mean(age, score, query, query_weight, item, k, ties)


def exposure_shares(
    score: ArrayLike,
    query: ArrayLike,
    *,
    group: ArrayLike,
    query_weight: ArrayLike | None = None,
    item: ArrayLike | None = None,
    k: int | None = None,
    ties: str = "average",
) -> dict[Any, float]:
    """The share of each group of items in the exposure of all queries (Singh and Joachims 2018).

    Rank r has exposure 1 / log2(r + 1), and the queries are weighted.  A group of which no row is shown has share 0.
    """
    groups_of = np.asarray(group).tolist()
    weights = np.ones(len(groups_of)) if query_weight is None else np.asarray(query_weight, np.float64)
    terms: dict[Any, list[float]] = {name: [] for name in groups_of}

    def expose(tie_groups: Groups) -> None:
        rank = 1
        for rows in tie_groups:
            inside = range(rank, rank + len(rows)) if k is None else range(rank, min(rank + len(rows), k + 1))
            of_each = math.fsum(1 / math.log2(r + 1) for r in inside) / len(rows)
            for row in rows:
                terms[groups_of[int(row)]].append(float(weights[int(row)]) * of_each)
            rank += len(rows)

    _per_list(expose, score, query, item, ties)
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
) -> float:
    """The largest difference between two groups' shares of exposure; 0 where there is one group."""
    shares = exposure_shares(score, query, group=group, query_weight=query_weight, item=item, k=k, ties=ties)
    return max(shares.values()) - min(shares.values()) if shares else math.nan


def _item_counts(score: ArrayLike, query: ArrayLike, item: ArrayLike, k: int | None, ties: str) -> Counter[Any]:
    """How often each item is shown."""
    items = np.asarray(item).tolist()
    lists = _per_list(lambda groups: _shown(groups, k), score, query, item, ties)
    return Counter(items[row] for rows in lists.values() for row in rows)


def coverage(
    label: ArrayLike | None,  # noqa: ARG001
    score: ArrayLike,
    query: ArrayLike,
    *,
    item: ArrayLike,
    k: int | None = None,
    ties: str = "average",
    catalogue: int | None = None,
) -> float:
    """The number of distinct items shown, over the size of the catalogue if given (Herlocker 2004; Ge 2010)."""
    distinct = len(_item_counts(score, query, item, k, ties))
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
    ties: str = "average",
    catalogue: int | None = None,
) -> float:
    """The Gini coefficient of how often each item is shown (Fleder and Hosanagar 2009).

    sum of (2 i - n - 1) x_i / (n sum of x_i) over counts x_1 <= ... <= x_n; items of the catalogue that are never
    shown count 0.  0: all are shown equally often.
    """
    counts = sorted(_item_counts(score, query, item, k, ties).values())
    if not counts:
        return math.nan
    n = len(counts) if catalogue is None else catalogue
    counts = [0] * (n - len(counts)) + counts
    return float(Fraction(sum((2 * i - n - 1) * x for i, x in enumerate(counts, 1)), n * sum(counts)))


def intra_list_diversity(
    label: ArrayLike | None,  # noqa: ARG001
    score: ArrayLike,
    query: ArrayLike,
    *,
    category: ArrayLike,
    query_weight: ArrayLike | None = None,
    item: ArrayLike | None = None,
    k: int | None = None,
    ties: str = "average",
) -> float:
    """The mean over queries of the share of pairs of shown rows whose categories differ (Ziegler 2005).

    A list that shows one row has no pair and counts 0, as in RecTools.
    """
    categories = np.asarray(category).tolist()

    def diversity(groups: Groups) -> float:
        pairs = list(combinations([categories[row] for row in _shown(groups, k)], 2))
        return sum(a != b for a, b in pairs) / len(pairs) if pairs else 0.0

    return mean_over_queries(_per_list(diversity, score, query, item, ties), query, query_weight)


def _gain(subtopics: frozenset[Any], seen: Counter[Any], alpha: float) -> float:
    """The sum of the powers, largest first: equal powers have equal sums, whatever their subtopics."""
    return sum(math.prod([1 - alpha] * times) for times in sorted(seen[topic] for topic in subtopics))


def _alpha_dcg(documents: Iterable[frozenset[Any]], alpha: float) -> float:
    """Each document gains (1 - alpha)^(how many above have it) for each of its subtopics, discounted by its rank."""
    seen: Counter[Any] = Counter()
    gains = []
    for rank, subtopics in enumerate(documents, 1):
        gains.append(_gain(subtopics, seen, alpha) / math.log2(rank + 1))
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


def alpha_ndcg(
    label: ArrayLike,
    score: ArrayLike,
    query: ArrayLike,
    *,
    category: ArrayLike | list[Any],
    query_weight: ArrayLike | None = None,
    item: ArrayLike | None = None,
    k: int | None = None,
    ties: str = "average",
    relevance_level: float = 1,
    no_relevant: str = "zero",
    alpha: float = 0.5,
) -> float:
    """The mean over queries of alpha-DCG over that of the greedy ideal order (Clarke et al. 2008; ndeval).

    The subtopics of a relevant row are its category, or its list of categories; other rows have none.  A query in
    which no row has a subtopic counts as `no_relevant` says.
    """
    labels = np.asarray(label).tolist()
    entries = category.tolist() if isinstance(category, np.ndarray) else list(category)
    documents = [
        frozenset(entry if isinstance(entry, list | tuple | np.ndarray) else [entry])
        if y >= relevance_level
        else frozenset[Any]()
        for y, entry in zip(labels, entries, strict=True)
    ]

    def measure(groups: Groups) -> float:
        ideal = _alpha_dcg(_greedy([documents[int(row)] for group in groups for row in group], alpha, k), alpha)
        if ideal == 0:
            return NO_RELEVANT[no_relevant]
        return _alpha_dcg([documents[row] for row in _shown(groups, k, ordered=True)], alpha) / ideal

    return mean_over_queries(_per_list(measure, score, query, item, ties), query, query_weight)
