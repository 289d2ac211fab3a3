"""The AUC of the rows of each query."""

from __future__ import annotations

import math
from fractions import Fraction
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from fastrank.reference.labels import two_classes
from fastrank.reference.lists import UNJUDGED, Rules, rank, rows_by_query

if TYPE_CHECKING:
    from numpy.typing import ArrayLike

    from fastrank.reference.lists import Row

__all__ = ["gauc", "gauc_per_query"]


class Group(NamedTuple):
    """The AUC of a query, and what it may weigh."""

    auc: Fraction
    weights: dict[str, Fraction]


def _weight(row: Row) -> Fraction:
    return Fraction(row.columns.get("weight", 1))


def _group(rows: list[Row], rules: Rules, tied_groups: str) -> Group | None:
    """None: the query does not count."""
    ranking = rank(rows, rules)
    if all(row.label == UNJUDGED for row in rows):
        return None
    present = [row for tied in ranking.groups for row in tied if _weight(row) > 0]
    positive, negative = [r for r in present if r.label == 1], [r for r in present if r.label != 1]
    if not positive or not negative or (tied_groups == "skip" and len({row.score for row in present}) == 1):
        return None
    won = pairs = Fraction(0)
    for p in positive:
        for n in negative:
            pair = _weight(p) * _weight(n)
            pairs += pair
            won += pair if p.score > n.score else pair / 2 if p.score == n.score else 0
    rows_weigh, positives_weigh = (sum(map(_weight, some), Fraction(0)) for some in (present, positive))
    weights = {"rows": rows_weigh, "positives": positives_weigh, "pairs": pairs, "equal": Fraction(1)}
    return Group(won / pairs, weights)


def _groups(
    label: Any, score: Any, query: Any, weight: Any, item: Any, tied_groups: str, rules: Rules
) -> dict[Any, Group | None]:
    by_query = rows_by_query(label, score, query, item, {"weight": weight})
    return {q: _group(rows, rules, tied_groups) for q, rows in by_query.items()}


@two_classes
def gauc_per_query(
    label: ArrayLike,
    score: ArrayLike,
    query: ArrayLike,
    *,
    weight: ArrayLike | None = None,
    item: ArrayLike | None = None,
    tied_groups: str = "keep",
    unjudged: str = "nonrelevant",
    duplicates: str = "error",
    nan_score: str = "error",
) -> dict[Any, float]:
    """The AUC of each query, NaN where it does not count."""
    rules = Rules(unjudged=unjudged, duplicates=duplicates, nan_score=nan_score)
    groups = _groups(label, score, query, weight, item, tied_groups, rules)
    return {q: math.nan if group is None else float(group.auc) for q, group in groups.items()}


@two_classes
def gauc(
    label: ArrayLike,
    score: ArrayLike,
    query: ArrayLike,
    *,
    weight: ArrayLike | None = None,
    query_weight: ArrayLike | None = None,
    item: ArrayLike | None = None,
    group_weight: str = "rows",
    tied_groups: str = "keep",
    none_left: str = "nan",
    unjudged: str = "nonrelevant",
    duplicates: str = "error",
    nan_score: str = "error",
) -> float:
    """The mean of the AUC of queries, each the share of its pairs of a positive and a negative row that the positive
    wins, a tie being half a win.

    A query weighs its `query_weight` times its "rows", "positives", "pairs" (all of these by weight), or 1 ("equal").
    Rows that nobody judged are negative, or "drop"; queries of one class, of which no row was judged, and under
    tied_groups="skip" of one score do not count.
    """
    queries = np.asarray(query).tolist()
    own = [1] * len(queries) if query_weight is None else np.asarray(query_weight).tolist()
    weight_of = dict(zip(queries, own, strict=True))
    rules = Rules(unjudged=unjudged, duplicates=duplicates, nan_score=nan_score)
    total = weights = Fraction(0)
    for q, group in _groups(label, score, query, weight, item, tied_groups, rules).items():
        if group is not None:
            w = group.weights[group_weight] * Fraction(weight_of[q])
            total += w * group.auc
            weights += w
    if weights == 0:
        return {"nan": math.nan, "half": 0.5}[none_left]
    return float(total / weights)
