"""Measures that ask which ranks hold relevant rows."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from fastrank._kernels import ranked
from fastrank.domains import UNJUDGED
from fastrank.measures.base import Values, divided, measure, relevant_of
from fastrank.measures.propensity import mean_weight, most, top_sums, weights_of
from fastrank.ranked import LEAST_LABEL

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from fastrank.ranked import RankedLists

__all__: list[str] = []


def _is_self_normalized(options: Any) -> bool:
    return bool(options["self_normalized"])


def _hits(lists: RankedLists, k: int | None, level: float) -> NDArray[np.float64]:
    """Expected number of relevant rows among the first k ranks."""
    key = ("hits", k, level)
    if key not in lists.derived:
        # Rows of label 0 are told apart by a level of 0 only.
        runs = lists.merged_runs() if level > 0 else lists.runs()
        lists.derived[key] = ranked.hits(*runs, level, k or 0)
    result: NDArray[np.float64] = lists.derived[key]
    return result


def _inside(lists: RankedLists, k: int | None) -> NDArray[np.int64]:
    """How many rows stand on the first k ranks."""
    return lists.sizes if k is None else np.minimum(lists.sizes, k)


def _ranks(lists: RankedLists, k: int | None, relevant: NDArray[np.int64], denominator: str) -> NDArray[np.int64]:
    """What precision divides by."""
    cut = lists.sizes if k is None else np.full(lists.count, k)
    if denominator == "min_k_len":
        return _inside(lists, k)
    return np.minimum(cut, relevant) if denominator == "min_k_rel" else cut


def _weighted_hits(
    lists: RankedLists, level: float, propensity: str, clip: float
) -> tuple[object, NDArray[np.float64]]:
    """(key, value of each retrieved row): its weight where it is relevant."""
    key = ("weighted hits", level, propensity, clip)
    return key, np.where(lists.labels >= level, weights_of(lists, clip), 0.0)


@measure(closed_form=lambda options: not options["self_normalized"], by_row=True, reads=("propensity",))
def precision(
    lists: RankedLists,
    *,
    k: int | None,
    relevance_level: float,
    precision_denominator: str,
    propensity: str | None,
    clip: float,
    self_normalized: bool,
) -> Values:
    relevant = relevant_of(lists, relevance_level)
    ranks = _ranks(lists, k, relevant, precision_denominator)
    if propensity is None:
        return Values(divided(_hits(lists, k, relevance_level), ranks), relevant > 0)
    values = divided(top_sums(lists, *_weighted_hits(lists, relevance_level, propensity, clip), k), ranks)
    if self_normalized:
        values = divided(values, mean_weight(lists, propensity, clip, k))
    return Values(values, relevant > 0)


@measure(reads=("propensity",))
def recall(
    lists: RankedLists,
    *,
    k: int | None,
    relevance_level: float,
    recall_denominator: str,
    propensity: str | None,
    clip: float,
) -> Values:
    relevant = relevant_of(lists, relevance_level)
    if propensity is not None:
        key, values = _weighted_hits(lists, relevance_level, propensity, clip)
        best = most(lists, relevance_level, clip, k if recall_denominator == "min_rel_k" else None)
        return Values(divided(top_sums(lists, key, values, k), best), relevant > 0)
    count = np.minimum(relevant, k) if k is not None and recall_denominator == "min_rel_k" else relevant
    return Values(divided(_hits(lists, k, relevance_level), count), relevant > 0)


@measure()
def f_beta(
    lists: RankedLists, *, k: int | None, beta: float, relevance_level: float, precision_denominator: str
) -> Values:
    # With precision h / d and recall h / R, F is linear in the hits h, so that it has an expected value.
    relevant = relevant_of(lists, relevance_level)
    ranks = _ranks(lists, k, relevant, precision_denominator)
    square = beta * beta
    return Values(divided((1.0 + square) * _hits(lists, k, relevance_level), square * relevant + ranks), relevant > 0)


@measure()
def hit_rate(lists: RankedLists, *, k: int | None, relevance_level: float) -> Values:
    relevant = relevant_of(lists, relevance_level)
    return Values(ranked.hit(*lists.merged_runs(), relevance_level, k or 0), relevant > 0)


@measure(closed_form=lambda options: not options["self_normalized"], by_row=True, reads=("propensity",))
def mrr(
    lists: RankedLists,
    *,
    k: int | None,
    relevance_level: float,
    propensity: str | None,
    clip: float,
    self_normalized: bool,
) -> Values:
    relevant = relevant_of(lists, relevance_level)
    if propensity is None:
        return Values(ranked.reciprocal_rank(*lists.merged_runs(), relevance_level, k or 0), relevant > 0)
    runs = lists.value_runs(*_weighted_hits(lists, relevance_level, propensity, clip))
    values = ranked.weighted_reciprocal_rank(*runs, k or 0)
    if self_normalized:
        values = divided(values, mean_weight(lists, propensity, clip, k))
    return Values(values, relevant > 0)


@measure(closed_form=lambda options: options["ap_denominator"] != "hits")
def map(lists: RankedLists, *, k: int | None, relevance_level: float, ap_denominator: str) -> Values:
    relevant = relevant_of(lists, relevance_level)
    sums = ranked.precision_sum(*lists.merged_runs(), relevance_level, k or 0)
    cut = lists.sizes if k is None else np.full(lists.count, k)
    if ap_denominator == "hits":
        by: NDArray[Any] = _hits(lists, k, relevance_level)
    elif ap_denominator == "k":
        by = cut
    elif ap_denominator == "min_rel_k_len":
        by = np.minimum(relevant, _inside(lists, k))
    elif ap_denominator == "min_rel_k" and k is not None:
        by = np.minimum(relevant, k)
    else:
        by = relevant
    return Values(divided(sums, by), relevant > 0)


@measure(depth=lambda _: 0)
def r_precision(lists: RankedLists, *, relevance_level: float) -> Values:
    relevant = relevant_of(lists, relevance_level)
    return Values(divided(ranked.hits_at(*lists.merged_runs(), relevance_level, relevant), relevant), relevant > 0)


@measure(told=True)
def fallout(lists: RankedLists, *, k: int | None, relevance_level: float) -> Values:
    others = ranked.count_labels(lists.judged_labels, lists.judged_offsets, UNJUDGED, relevance_level)
    if lists.lists.judged is not None:
        # Judgments know nothing of the retrieved rows that nobody judged, ranked or not.
        rows = lists.lists if lists.rules.unjudged == "drop" else lists
        others = others + ranked.count_labels(rows.labels, rows.offsets, UNJUDGED, LEAST_LABEL)
    return Values(divided(_inside(lists, k) - _hits(lists, k, relevance_level), others), others > 0)


@measure(told=True)
def judged(lists: RankedLists, *, k: int | None) -> Values:
    return Values(divided(_hits(lists, k, 0.0), _inside(lists, k)))


@measure(depth=lambda _: 1)
def num_ret(lists: RankedLists) -> Values:
    return Values(lists.sizes.astype(np.float64))


@measure(depth=lambda _: 1)
def num_rel(lists: RankedLists, *, relevance_level: float) -> Values:
    return Values(relevant_of(lists, relevance_level).astype(np.float64))


@measure(depth=lambda _: 1)
def num_rel_ret(lists: RankedLists, *, relevance_level: float) -> Values:
    found = ranked.count_labels(lists.labels, lists.offsets, relevance_level, np.inf)
    return Values(found.astype(np.float64))
