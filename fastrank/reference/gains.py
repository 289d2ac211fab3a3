"""Metrics of ranked lists that add a gain for each rank: its expected value is the mean gain of the rank's tie group.

They take the rows, rules and options of those in `fastrank.reference.ranking`.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, NamedTuple

from fastrank.reference.expected import mean_weight, ratio, weight
from fastrank.reference.queries import list_metric

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from fastrank.reference.lists import RankedList, Row

    Gain = str | Mapping[float, float] | Callable[[float], float]
    Discount = str | Callable[[float], float]

__all__ = ["dcg", "dcg_per_query", "ndcg", "ndcg_per_query", "rbp", "rbp_per_query"]


def _gain(label: float, gain: Gain) -> float:
    if callable(gain):
        return float(gain(float(label))) if label > 0 else 0.0
    if not isinstance(gain, str):
        return dict(gain).get(label, 0.0)
    if gain not in ("linear", "exp2"):
        raise ValueError(f"unknown gain: {gain!r}")
    positive = max(label, 0.0)
    return float(positive if gain == "linear" else 2.0**positive - 1.0)


class Gains(NamedTuple):
    """What a row adds, before the discount: its gain times its weight."""

    gain: Gain
    level: float
    clip: float

    def __call__(self, row: Row) -> float:
        """The gain of a row."""
        return _gain(row.label, self.gain) * weight(row, self.clip) if row.label >= self.level else 0.0


def _discounted(gains: list[float], k: int | None, discount: Discount) -> float:
    """The sum over ranks of gain / log2(rank + 1), or of gain times a discount of the rank from 1."""
    ranks = list(enumerate(gains[:k], start=1))
    if callable(discount):
        return math.fsum(gain * discount(float(rank)) for rank, gain in ranks)
    if discount != "log2":
        raise ValueError(f"unknown discount: {discount!r}")
    return math.fsum(gain / math.log2(rank + 1) for rank, gain in ranks)


def _expected_dcg(ranking: RankedList, k: int | None, gains: Gains, discount: Discount) -> float:
    """Each rank expects the mean gain of its group."""
    return _discounted(
        [math.fsum(gains(row) for row in group) / len(group) for group in ranking.groups for _ in group], k, discount
    )


def _best_dcg(rows: list[Row], k: int | None, gains: Gains, discount: Discount) -> float:
    return _discounted(sorted((gains(row) for row in rows), reverse=True), k, discount)


def _dcg(
    ranking: RankedList,
    *,
    k: int | None = None,
    gain: Gain = "linear",
    discount: Discount = "log2",
    relevance_level: float = 1,
    level_gates_gain: bool = False,
    clip: float = 0.0,
    self_normalized: bool = False,
) -> float | None:
    """Discounted cumulative gain: the sum over ranks up to k of gain / log2(rank + 1).

    Gains: "linear" max(label, 0); "exp2" 2^label - 1 for labels above 0, else 0; or {label: gain}, 0 for others.  With
    level_gates_gain labels below the level gain nothing.  "No relevant row" means that no row gains anything.
    """
    gains = Gains(gain, relevance_level if level_gates_gain else -math.inf, clip)
    if not any(gains(row) for row in ranking.rows):
        return None
    value = _expected_dcg(ranking, k, gains, discount)
    return ratio(value, mean_weight(ranking, k, clip)) if self_normalized else value


def _ndcg(
    ranking: RankedList,
    *,
    k: int | None = None,
    gain: Gain = "linear",
    discount: Discount = "log2",
    idcg: str = "judged",
    relevance_level: float = 1,
    level_gates_gain: bool = False,
    clip: float = 0.0,
) -> float | None:
    """DCG over the DCG of an ideal list: of all rows by descending gain ("judged"), of the retrieved rows ("listed"),
    of k rows of gain 1 ("full_k"), or of the rows with a gain in the order of the source ("label_order").

    "No relevant row" means that the ideal DCG is 0; with "full_k" that no label reaches the level.
    """
    gains = Gains(gain, relevance_level if level_gates_gain else -math.inf, clip)
    if idcg == "full_k":
        if k is None:
            raise ValueError('idcg="full_k" is the DCG of k relevant rows: give k')
        ideal = _discounted([1.0] * k, k, discount) if ranking.relevant(relevance_level) else 0.0
    elif idcg == "label_order":
        ideal = _discounted([gains(row) for row in ranking.rows if gains(row) > 0], k, discount)
    else:
        retrieved = [row for group in ranking.groups for row in group]
        ideal = _best_dcg({"judged": ranking.rows, "listed": retrieved}[idcg], k, gains, discount)
    return None if ideal == 0 else _expected_dcg(ranking, k, gains, discount) / ideal


def _rbp(
    ranking: RankedList,
    *,
    k: int | None = None,
    p: float = 0.8,
    rbp_gain: str = "binary",
    max_grade: int = 4,
    relevance_level: float = 1,
) -> float | None:
    """Rank-biased precision (Moffat and Zobel, 2008): (1 - p) times the sum over ranks of gain p^(rank - 1).

    A row gains 1 where it is relevant ("binary"), max(label, 0) / max_grade ("scaled"), or its label where it is
    relevant ("raw").
    """
    if not ranking.relevant(relevance_level):
        return None
    gain: Callable[[Row], float] = {
        "binary": lambda row: float(row.label >= relevance_level),
        "scaled": lambda row: max(row.label, 0) / max_grade,
        "raw": lambda row: row.label * (row.label >= relevance_level) if row.label > 0 else 0.0,
    }[rbp_gain]
    expected = [math.fsum(gain(row) for row in group) / len(group) for group in ranking.groups for _ in group]
    return (1 - p) * math.fsum(value * p**rank for rank, value in enumerate(expected[:k]))


dcg, dcg_per_query = list_metric(_dcg, columns=("propensity",))
ndcg, ndcg_per_query = list_metric(_ndcg, columns=("propensity",))
rbp, rbp_per_query = list_metric(_rbp)
