"""Measures for incomplete judgments, and precision at points of recall.  None has an expected value over the orders of
tied rows in closed form."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from fastrank._kernels import ranked, untied
from fastrank.measures.base import Values, measure, relevant_of

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from fastrank.ranked import RankedLists

__all__: list[str] = []

ELEVEN_POINTS = np.arange(11) / 10


@measure(depth=lambda _: 0, closed_form=False)
def bpref(lists: RankedLists, *, relevance_level: float, guard: bool) -> Values:
    relevant = relevant_of(lists, relevance_level)
    others = ranked.count_labels(lists.judged_labels, lists.judged_offsets, 0.0, relevance_level)
    return Values(untied.bpref(*lists.runs(), relevance_level, relevant, others, guard), relevant > 0)


@measure(depth=lambda _: 0, closed_form=False)
def infap(lists: RankedLists, *, relevance_level: float) -> Values:
    relevant = relevant_of(lists, relevance_level)
    return Values(untied.inferred_ap(*lists.runs(), relevance_level, relevant), relevant > 0)


def _interpolated(
    lists: RankedLists, level: float, points: NDArray[np.float64], recall_point: str
) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    relevant = relevant_of(lists, level)
    rule = untied.PLUS_0_9 if recall_point == "plus_0_9" else untied.ROUND
    return untied.interpolated_precision(*lists.runs(), level, relevant, points, rule), relevant > 0


@measure(depth=lambda _: 0, closed_form=False)
def iprec(lists: RankedLists, *, recall: float, recall_point: str, relevance_level: float) -> Values:
    values, found = _interpolated(lists, relevance_level, np.array([recall]), recall_point)
    return Values(np.ascontiguousarray(values[:, 0]), found)


@measure(name="11pt_avg", depth=lambda _: 0, closed_form=False)
def avg_11pt(lists: RankedLists, *, recall_point: str, relevance_level: float) -> Values:
    values, found = _interpolated(lists, relevance_level, ELEVEN_POINTS, recall_point)
    sums = np.zeros(lists.count)
    for j in range(ELEVEN_POINTS.size):
        sums += values[:, j]
    return Values(sums / ELEVEN_POINTS.size, found)
