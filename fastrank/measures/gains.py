"""Measures that add a gain for each rank."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from fastrank._kernels import order, ranked, untied
from fastrank.functions import function_values, is_function, refuse_value
from fastrank.measures.base import Values, divided, measure, relevant_of
from fastrank.measures.discounts import discounts_of, geometric
from fastrank.measures.propensity import judged_weights, mean_weight, weights_of
from fastrank.ranked import Ideal

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from fastrank.ranked import RankedLists, Runs

__all__: list[str] = []

Gain = str | tuple[tuple[float, float], ...]
# Sums of discounted gains of this size stay within float64.
LARGEST_GAIN = 2.0**1000


def _gains(labels: NDArray[Any], gain: Gain, gate: float | None) -> NDArray[np.float64]:
    """The gain of each label; none below `gate`."""
    if gain == "linear":
        # Labels that are not negative are their own gains.
        values = labels if labels.min(initial=0.0) >= 0 else np.maximum(labels, 0.0)
    elif gain == "exp2":
        values = ranked.gains(labels, ranked.EXP2)
    elif isinstance(gain, str):
        assert is_function(gain)
        values = _own_gains(labels, gain)
    else:
        known = np.array([label for label, _ in gain])
        places = np.minimum(np.searchsorted(known, labels), known.size - 1)
        values = np.where(known[places] == labels, np.array([value for _, value in gain])[places], 0.0)
    return values if gate is None else np.where(labels >= gate, values, 0.0)


def _own_gains(labels: NDArray[Any], gain: str) -> NDArray[np.float64]:
    """The gains by a user's own function, which is asked for labels above 0 only."""
    asked = np.flatnonzero(labels > 0)
    values = np.zeros(len(labels))
    values[asked] = function_values(gain, labels[asked].astype(np.float64))
    refused = np.flatnonzero(~((values >= 0) & (values <= LARGEST_GAIN)))
    if refused.size:
        raise refuse_value(gain, float(labels[refused[0]]), float(values[refused[0]]), "gains from 0 to 2^1000")
    return values


def _dcg(
    lists: RankedLists, runs: Runs, gains: NDArray[np.float64], k: int | None, discount: str
) -> NDArray[np.float64]:
    table = discounts_of(discount).up_to(lists.sizes, k)
    return ranked.dcg(runs.offsets, gains, runs.counts, runs.opens, *table, k or 0)


def _ideal_dcg(
    sizes: NDArray[np.int64], ideal: Ideal, gains: NDArray[np.float64], k: int | None, discount: str
) -> NDArray[Any]:
    return ranked.ideal_dcg(ideal.offsets, gains, ideal.counts, *discounts_of(discount).up_to(sizes, k), k or 0)


def _dcg_as_given(
    lists: RankedLists, gain: Gain, gate: float | None, k: int | None, discount: str
) -> NDArray[np.float64]:
    """The DCG of the judged rows that gain something, in the order of the source."""
    gains = _gains(lists.judged_labels.astype(np.float64), gain, gate)
    kept = gains > 0
    offsets = np.concatenate(([0], np.cumsum(kept)))[lists.judged_offsets].astype(np.int64)
    ones = np.ones(int(offsets[-1]), np.int64)
    table = discounts_of(discount).up_to(np.diff(offsets), k)
    return ranked.dcg(offsets, gains[kept], ones, ones.astype(np.uint8), *table, k or 0)


def _row_gains(
    lists: RankedLists, gain: Gain, gate: float | None, propensity: str, clip: float
) -> tuple[object, NDArray[np.float64]]:
    """(key, value of each retrieved row): its gain times its weight."""
    labels = lists.labels.astype(np.float64, copy=False)
    return ("gains", gain, gate, propensity, clip), _gains(labels, gain, gate) * weights_of(lists, clip)


@measure(closed_form=lambda options: not options["self_normalized"], by_row=True, reads=("propensity",))
def dcg(
    lists: RankedLists,
    *,
    k: int | None,
    gain: Gain,
    discount: str,
    relevance_level: float,
    level_gates_gain: bool,
    propensity: str | None,
    clip: float,
    self_normalized: bool,
) -> Values:
    gate = relevance_level if level_gates_gain else None
    best = lists.ideal()
    # Whether any row gains something, whatever the discounts.
    found = _ideal_dcg(np.diff(lists.judged_offsets), best, _gains(best.labels, gain, gate), 1, "log2") > 0
    if propensity is None:
        runs = lists.merged_runs()
        return Values(_dcg(lists, runs, _gains(runs.labels, gain, gate), k, discount), found)
    runs = lists.value_runs(*_row_gains(lists, gain, gate, propensity, clip))
    values = _dcg(lists, runs, runs.labels, k, discount)
    if self_normalized:
        values = divided(values, mean_weight(lists, propensity, clip, k))
    return Values(values, found)


@measure(reads=("propensity",))
def ndcg(
    lists: RankedLists,
    *,
    k: int | None,
    gain: Gain,
    discount: str,
    idcg: str,
    relevance_level: float,
    level_gates_gain: bool,
    propensity: str | None,
    clip: float,
) -> Values:
    gate = relevance_level if level_gates_gain else None
    if propensity is not None:
        labels = lists.judged_labels.astype(np.float64, copy=False)
        best = Ideal(*order.ideal_runs(_gains(labels, gain, gate) * judged_weights(lists, clip), lists.judged_offsets))
        ideal = _ideal_dcg(np.diff(lists.judged_offsets), best, best.labels, k, discount)
        runs = lists.value_runs(*_row_gains(lists, gain, gate, propensity, clip))
        return Values(divided(_dcg(lists, runs, runs.labels, k, discount), ideal), ideal > 0)
    runs = lists.merged_runs()
    values = _dcg(lists, runs, _gains(runs.labels, gain, gate), k, discount)
    found = None
    if idcg == "judged":
        best = lists.ideal()
        ideal = _ideal_dcg(np.diff(lists.judged_offsets), best, _gains(best.labels, gain, gate), k, discount)
    elif idcg == "listed":
        best = lists.listed()
        ideal = _ideal_dcg(lists.sizes, best, _gains(best.labels, gain, gate), k, discount)
    elif idcg == "label_order":
        ideal = _dcg_as_given(lists, gain, gate, k, discount)
    else:
        assert k is not None
        high, low = discounts_of(discount).up_to(np.array([k]), k)
        ideal = np.full(lists.count, high[k] + low[k])
        found = relevant_of(lists, relevance_level) > 0
    return Values(divided(values, ideal), ideal > 0 if found is None else found)


@measure()
def rbp(
    lists: RankedLists, *, k: int | None, p: float, rbp_gain: str, max_grade: int, relevance_level: float
) -> Values:
    runs = lists.merged_runs()
    if rbp_gain == "binary":
        gains = (runs.labels >= relevance_level).astype(np.float64)
    else:
        gains = np.where(runs.labels >= (relevance_level if rbp_gain == "raw" else 0.0), runs.labels, 0.0)
        gains = gains / max_grade if rbp_gain == "scaled" else gains
    table = geometric(p).up_to(lists.sizes, k)
    sums = ranked.dcg(runs.offsets, gains, runs.counts, runs.opens, *table, k or 0)
    return Values(sums, relevant_of(lists, relevance_level) > 0)


@measure(closed_form=False)
def err(lists: RankedLists, *, k: int | None, max_grade: int) -> Values:
    return Values(untied.err(*lists.runs(), max_grade, k or 0), relevant_of(lists, 1.0) > 0)
