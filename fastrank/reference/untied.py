"""Metrics of ranked lists that have no formula for their expected value over the orders of tied rows.

They take the rows and rules of those in `fastrank.reference.ranking`, and refuse lists in which rows of different
labels tie: another rule for ties than "average" tells them apart.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from fastrank.reference.lists import UNJUDGED, check_untied
from fastrank.reference.queries import list_metric

if TYPE_CHECKING:
    from fastrank.reference.lists import RankedList

__all__ = [
    "avg_11pt",
    "avg_11pt_per_query",
    "bpref",
    "bpref_per_query",
    "err",
    "err_per_query",
    "infap",
    "infap_per_query",
    "iprec",
    "iprec_per_query",
]

EPSILON = 0.00001


def _labels(ranking: RankedList, k: int | None = None) -> list[float]:
    """Those of the retrieved rows in the order of their ranks."""
    check_untied(ranking.groups, k)
    return [row.label for group in ranking.groups for row in group][:k]


def _bpref(ranking: RankedList, *, relevance_level: float = 1, guard: bool = True) -> float | None:
    """Binary preference (Buckley and Voorhees, 2004), from judged rows only: labels of 0 or more.

    The mean over the R relevant rows of 1 - min(n, R) / min(N, R), where n of the N rows judged not relevant rank
    higher; 0 for a relevant row that was not retrieved.  With n = 0 it is 1, or without the guard NaN where N = 0.
    """
    labels, relevant = _labels(ranking), len(ranking.relevant(relevance_level))
    if relevant == 0:
        return None
    nonrelevant = sum(0 <= row.label < relevance_level for row in ranking.rows)
    most, above, preferences = min(nonrelevant, relevant), 0, []
    for label in labels:
        if label >= relevance_level:
            if most == 0:
                preferences.append(1.0 if guard else math.nan)
            else:
                preferences.append(1 - min(above, relevant) / most)
        elif label >= 0:
            above += 1
    return math.fsum(preferences) / relevant


def _infap(ranking: RankedList, *, relevance_level: float = 1) -> float | None:
    """Inferred average precision (Yilmaz and Aslam, 2006), from judgments of a random part of a pool.

    The precision at a relevant row of rank r is 1/r + (r - 1)/r times the share of pooled rows among the r - 1 above,
    times the share of relevant rows among the judged of them.  Labels below 0 are of pooled rows that were not judged.
    """
    labels, relevant = _labels(ranking), len(ranking.relevant(relevance_level))
    if relevant == 0:
        return None
    precisions = []
    for above, label in enumerate(labels):
        if label >= relevance_level:
            pooled = sum(other > UNJUDGED for other in labels[:above])
            judged = sum(other >= 0 for other in labels[:above])
            hits = sum(other >= relevance_level for other in labels[:above])
            share = (hits + EPSILON) / (judged + 2 * EPSILON)
            precisions.append((1 + pooled * share) / (above + 1))
    return math.fsum(precisions) / relevant


def _err(ranking: RankedList, *, k: int | None = None, max_grade: int = 4) -> float | None:
    """Expected reciprocal rank (Chapelle et al., 2009) of the row at which a user stops.

    A user stops at a row of grade g with probability (2^g - 1) / 2^max_grade.  Labels below 0 count as 0; "no relevant
    row" means that none is 1 or more.
    """
    labels = _labels(ranking, k)
    if not ranking.relevant(1):
        return None
    reaches, terms = 1.0, []
    for rank, label in enumerate(labels, start=1):
        stops = (2 ** max(label, 0) - 1) / 2**max_grade
        terms.append(reaches * stops / rank)
        reaches *= 1 - stops
    return math.fsum(terms)


def _needed(recall: float, relevant: int, recall_point: str) -> int:
    """With how many of the relevant rows a recall is reached."""
    exact = recall * relevant
    return {"plus_0_9": int(exact + 0.9), "round": math.floor(exact) + (exact - math.floor(exact) >= 0.5)}[recall_point]


def _iprec(
    ranking: RankedList, *, recall: float = 0.0, recall_point: str = "plus_0_9", relevance_level: float = 1
) -> float | None:
    """Interpolated precision: the highest at any rank from which on the recall is reached; 0 where it never is.

    It is reached with r R relevant rows, rounded halves up ("round"), or int(r R + 0.9) of them ("plus_0_9").
    """
    labels, relevant = _labels(ranking), len(ranking.relevant(relevance_level))
    if relevant == 0:
        return None
    hits, highest = 0, 0.0
    for rank, label in enumerate(labels, start=1):
        hits += label >= relevance_level
        if hits >= _needed(recall, relevant, recall_point):
            highest = max(highest, hits / rank)
    return highest


def _avg_11pt(ranking: RankedList, *, recall_point: str = "plus_0_9", relevance_level: float = 1) -> float | None:
    """The mean of interpolated precision at recall 0, 0.1, ..., 1."""
    points = [
        _iprec(ranking, recall=r / 10, recall_point=recall_point, relevance_level=relevance_level) for r in range(11)
    ]
    values = [value for value in points if value is not None]
    return math.fsum(values) / 11 if values else None


bpref, bpref_per_query = list_metric(_bpref)
infap, infap_per_query = list_metric(_infap)
err, err_per_query = list_metric(_err)
iprec, iprec_per_query = list_metric(_iprec)
avg_11pt, avg_11pt_per_query = list_metric(_avg_11pt)
