"""Measures of what the first ranks show: how popular, how new, how varied."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from fastrank._kernels import diversity, order
from fastrank.errors import TiesError
from fastrank.ids import equality_codes, id_spans
from fastrank.measures.base import Values, divided, measure
from fastrank.measures.discounts import LOGARITHMIC
from fastrank.measures.propensity import top_sums
from fastrank.rules import TIES

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from fastrank.ranked import RankedLists

__all__ = ["shown_rows"]


def _mean(lists: RankedLists, key: object, values: NDArray[Any], k: int | None) -> Values:
    """The expected mean of values over the shown rows."""
    sums = top_sums(lists, key, values.astype(np.float64, copy=False), k)
    return Values(divided(sums, lists.sizes if k is None else np.minimum(lists.sizes, k)))


@measure(reads=("popularity",))
def popularity(lists: RankedLists, *, k: int | None, popularity: str) -> Values:
    return _mean(lists, ("popularity", popularity), lists.column("popularity"), k)


@measure(reads=("popularity",))
def novelty(lists: RankedLists, *, k: int | None, popularity: str) -> Values:
    shares = lists.column("popularity").astype(np.float64)
    return _mean(lists, ("novelty", popularity), diversity.surprisal(shares), k)


@measure(reads=("age",))
def freshness(lists: RankedLists, *, k: int | None, age: str) -> Values:
    return _mean(lists, ("age", age), lists.column("age"), k)


def shown_rows(lists: RankedLists, what: str, k: int | None) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """(offsets, retrieved rows) of the first k ranks, in any order; TiesError where rows of one score stand on both
    sides of rank k, so that it is open which are shown."""
    if k is not None and TIES[lists.rules.ties] == order.AVERAGE:
        runs = lists.runs()
        q = diversity.find_crossing(runs.offsets, runs.counts, runs.opens, k)
        if q >= 0:
            raise TiesError(
                f"{what}: {lists.lists.name(q)} has rows of equal score on both sides of rank {k}, so that it is open "
                'which are shown: tell them apart by ties="item_desc" or "item_asc" (with item=), or "input"'
            )
    return lists.top_rows(k or 0)


@measure(reads=("category",))
def intra_list_diversity(lists: RankedLists, *, k: int | None, category: str) -> Values:
    offsets, rows = shown_rows(lists, "intra_list_diversity", k)
    key = ("categories", category)
    if key not in lists.derived:
        lists.derived[key] = equality_codes(lists.column("category"))
    return Values(diversity.pair_diversity(offsets, lists.derived[key][rows]))


@measure(closed_form=False, by_row=True, reads=("category",))
def alpha_ndcg(lists: RankedLists, *, k: int | None, alpha: float, relevance_level: float, category: str) -> Values:
    key = ("subtopics", relevance_level, category)
    if key not in lists.derived:
        # Rules may take rows out, or take a row that ranks for not relevant which counts in the ideal all the same.
        lists.derived[key] = (
            id_spans(lists.column("category"), lists.labels >= relevance_level),
            id_spans(lists.judged_column("category"), lists.judged_labels >= relevance_level),
        )
    (starts, topics), (judged_starts, judged_topics) = lists.derived[key]
    high, low = LOGARITHMIC.up_to(np.maximum(lists.sizes, np.diff(lists.judged_offsets)), k)
    ideal = diversity.ideal_alpha_dcg(lists.judged_offsets, judged_starts, judged_topics, alpha, high, low, k or 0)
    values = diversity.alpha_dcg(*lists.top_rows(k or 0), starts, topics, alpha, high, low)
    return Values(divided(values, ideal), ideal > 0)
