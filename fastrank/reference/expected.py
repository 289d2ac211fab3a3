"""Expected values over the orders of tied rows, and weights of rows."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, NamedTuple

from fastrank.reference.lists import check_untied

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from fastrank.reference.lists import RankedList, Row

__all__ = ["Group", "cut", "expected_hits", "expected_sum", "groups", "inside", "mean_weight", "ratio", "weight"]


class Group(NamedTuple):
    """A tie group of n rows, below `above` others; `inside` of its n ranks are among the first k of the list."""

    rows: list[Row]
    n: int
    above: int
    inside: int


def groups(ranking: RankedList, k: int | None) -> Iterator[Group]:
    """The tie groups from the first rank down."""
    above = 0
    for rows in ranking.groups:
        n = len(rows)
        yield Group(rows, n, above, n if k is None else min(n, max(0, k - above)))
        above += n


def ratio(x: float, by: float) -> float:
    """x / by, 0 where by is 0."""
    return x / by if by else 0.0


def inside(ranking: RankedList, k: int | None) -> int:
    """How many of the first k ranks hold a row."""
    return ranking.length if k is None else min(k, ranking.length)


def cut(ranking: RankedList, k: int | None) -> int:
    """How many ranks count, held by a row or not."""
    return ranking.length if k is None else k


def expected_sum(ranking: RankedList, k: int | None, value: Callable[[Row], float]) -> float:
    """Of values among the first k ranks: each row of a group is on one of m of its n ranks with probability m / n."""
    return math.fsum(value(row) * group.inside / group.n for group in groups(ranking, k) for row in group.rows)


def expected_hits(ranking: RankedList, k: int | None, level: float) -> float:
    """Expected number of relevant rows among the first k ranks."""
    return expected_sum(ranking, k, lambda row: row.label >= level)


def weight(row: Row, clip: float) -> float:
    """The inverse of the probability that the row was shown, 1 where none are given."""
    return 1 / max(row.columns["propensity"], clip) if "propensity" in row.columns else 1.0


def mean_weight(ranking: RankedList, k: int | None, clip: float) -> float:
    """The mean weight of the rows among the first k; it depends on which of tied rows these are."""
    check_untied(ranking.groups, k, by_row=True)
    return ratio(expected_sum(ranking, k, lambda row: weight(row, clip)), inside(ranking, k))
