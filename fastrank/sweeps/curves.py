"""Points of a curve: what a threshold at each score reaches."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Self

import numpy as np

from fastrank.sweeps.base import Sweep
from fastrank.sweeps.hull import hull_corners, largest_area
from fastrank.sweeps.reach import reached

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from fastrank.sweeps.base import Block

__all__ = ["CurvePoints", "Thresholds"]

# The length of a curve from (0, 0) to (1, 1), measured along the axes.
LENGTH = 2.0


@dataclass(frozen=True)
class CurvePoints:
    """Thresholds with the weight that each reaches; `even` marks points that are spread along the curve."""

    thresholds: NDArray[np.float64]
    negatives: NDArray[np.float64]
    positives: NDArray[np.float64]
    even: NDArray[np.bool_]

    def at(self, places: Any) -> CurvePoints:
        """Some of the points."""
        return CurvePoints(self.thresholds[places], self.negatives[places], self.positives[places], self.even[places])

    @classmethod
    def joined(cls, parts: Sequence[CurvePoints]) -> CurvePoints:
        """All points of parts."""
        return cls(
            np.concatenate([part.thresholds for part in parts]),
            np.concatenate([part.negatives for part in parts]),
            np.concatenate([part.positives for part in parts]),
            np.concatenate([part.even for part in parts]),
        )


@dataclass(unsafe_hash=True)
class Thresholds(Sweep):
    """All thresholds, or at most `points` of them: the corners of the convex hull of the ROC curve (where these are
    too many, those that keep its area), and others spread evenly along the curve.

    Memory: 25 bytes a score where all are kept; else the corners, and `points` for each block.
    """

    points: int | None = None

    def reset(self) -> None:
        """Forgets everything."""
        self._parts: list[CurvePoints] = []
        self._scores = 0

    def add(self, block: Block) -> None:
        """Keeps the points of a block, or those that may be chosen: corners of all points are corners of a block's, and
        whether a point is one of those spread evenly depends on itself and its neighbour only."""
        if not block.size:
            return
        at, above = reached(block), block.points
        even = np.zeros(block.size, np.bool_)
        if self.points is not None:
            even = self._steps(above.negatives_above, above.positives_above) < self._steps(*at)
        part = CurvePoints(block.scores, *at, even).at(slice(None, None, -1))
        if self.points is not None and block.size > self.points:
            keep = part.even.copy()
            keep[hull_corners(part.negatives, part.positives)] = True
            part = part.at(keep)
        self._parts.append(part)
        self._scores += block.size

    def merge(self, other: Self) -> None:
        """Takes the points of other blocks."""
        self._parts += other._parts
        self._scores += other._scores

    def _steps(self, negatives: NDArray[np.float64], positives: NDArray[np.float64]) -> NDArray[np.float64]:
        """On which of `points` equal parts of the curve a point lies."""
        assert self.points is not None
        scale = self.totals.scale
        share = negatives / (self.totals.negatives * scale or 1.0) + positives / (self.totals.positives * scale or 1.0)
        steps: NDArray[np.float64] = np.floor(share * (self.points / LENGTH))
        return steps

    @property
    def chosen(self) -> CurvePoints:
        """The points by descending threshold, from that which no row reaches."""
        start = CurvePoints(np.array([np.inf]), np.zeros(1), np.zeros(1), np.zeros(1, np.bool_))
        every = CurvePoints.joined([start, *sorted(self._parts, key=lambda part: -part.thresholds[0])])
        if self.points is None or self._scores < self.points:
            return every
        corners = hull_corners(every.negatives, every.positives)
        if corners.size > self.points:
            corners = corners[largest_area(every.negatives[corners], every.positives[corners], self.points)]
        room = self.points - corners.size
        others = np.setdiff1d(np.flatnonzero(every.even), corners)
        if others.size > room:
            others = others[(2 * np.arange(room) + 1) * others.size // (2 * max(room, 1))]
        return every.at(np.union1d(corners, others))
