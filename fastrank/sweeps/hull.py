"""The corners of the upper convex hull of points of a curve, and which of them keep its area."""

from __future__ import annotations

import heapq
from fractions import Fraction
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["hull_corners", "largest_area"]

# Relative to the two products, more than the error of their difference: each is of differences that are rounded.
SLACK = 2.0**-50
# Products of whole numbers, and their differences, are exact below it.
LARGEST_WHOLE = 2.0**53
# A pass over arrays that leaves more than this share is the last; the rest is walked point by point.
WORTHWHILE = 0.9


def hull_corners(x: NDArray[np.float64], y: NDArray[np.float64]) -> NDArray[np.intp]:
    """The places of the corners of the upper convex hull, with its ends, of points that ascend in x and in y; of equal
    points the first.  Exact: points on a side are no corners.

    So the corners of several sets together are those of the corners of each.
    """
    if not x.size:
        return np.empty(0, np.intp)
    left = np.flatnonzero(np.concatenate(([True], (np.diff(x) != 0) | (np.diff(y) != 0))))
    whole = bool((x == np.rint(x)).all() and (y == np.rint(y)).all())
    while left.size > 2:
        keep = _may_be_corners(x[left], y[left], whole)
        share = np.count_nonzero(keep) / left.size
        left = left[keep]
        if share > WORTHWHILE:
            break
    return left[_walked(x[left].tolist(), y[left].tolist())]


def _may_be_corners(x: NDArray[np.float64], y: NDArray[np.float64], whole: bool) -> NDArray[np.bool_]:
    """All but points that surely lie on or below the line between their neighbours: none of these is a corner.  Of
    whole numbers small products are exact."""
    right, up = np.diff(x), np.diff(y)
    flatter, steeper = up[:-1] * right[1:], up[1:] * right[:-1]
    below, most = steeper - flatter, flatter + steeper
    # Both products are 0 where both steps are level, or both upright.
    out = (below > SLACK * most) | (most == 0)
    if whole:
        out |= (below >= 0) & (most < LARGEST_WHOLE)
    return np.concatenate(([True], ~out, [True]))


def _walked(x: list[float], y: list[float]) -> list[int]:
    """Andrew's monotone chain."""
    corners: list[int] = []
    for c in range(len(x)):
        while len(corners) > 1 and not _turns_down(x, y, corners[-2], corners[-1], c):
            corners.pop()
        corners.append(c)
    return corners


def _turns_down(x: list[float], y: list[float], a: int, b: int, c: int) -> bool:
    """Whether point b lies above the line from a to c."""
    flatter, steeper = (y[b] - y[a]) * (x[c] - x[b]), (y[c] - y[b]) * (x[b] - x[a])
    if abs(flatter - steeper) > SLACK * (flatter + steeper):
        return flatter > steeper
    xa, xb, xc, ya, yb, yc = (Fraction(z[i]) for z in (x, y) for i in (a, b, c))
    return (yb - ya) * (xc - xb) > (yc - yb) * (xb - xa)


def largest_area(x: NDArray[np.float64], y: NDArray[np.float64], count: int) -> NDArray[np.intp]:
    """The places of at most `count` of the corners of a convex curve, both ends among them.

    The others are dropped one by one, each time the one that costs least area, of equal ones the first.
    """
    xs, ys, last = x.tolist(), y.tolist(), len(x) - 1
    before, after = list(range(-1, last)), list(range(1, last + 2))

    def loss(i: int) -> float:
        a, c = before[i], after[i]
        return float(abs((xs[i] - xs[a]) * (ys[c] - ys[a]) - (ys[i] - ys[a]) * (xs[c] - xs[a])))

    losses: list[Any] = [loss(i) if 0 < i < last else None for i in range(last + 1)]
    heap = [(losses[i], i) for i in range(1, last)]
    heapq.heapify(heap)
    kept = [True] * (last + 1)
    left = last + 1
    while heap and left > count:
        cost, i = heapq.heappop(heap)
        if not kept[i] or cost != losses[i]:
            continue
        kept[i] = False
        left -= 1
        a, c = before[i], after[i]
        after[a], before[c] = c, a
        for j in (a, c):
            if 0 < j < last:
                losses[j] = loss(j)
                heapq.heappush(heap, (losses[j], j))
    return np.flatnonzero(kept)
