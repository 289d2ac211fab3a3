"""How far apart the two classes lie: the largest distance between their distributions of scores."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING, Self

import numpy as np

from fastrank.sweeps.base import COUNT, Sweep
from fastrank.sweeps.integers import sums_before

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from fastrank.sweeps.base import Block

__all__ = ["ClassDistance"]

# Far above the rounding of a difference of two rates (some 2^-50): the largest one is among those that come so near.
MARGIN = 2.0**-46
LARGEST_PRODUCT = 2**62


@dataclass(unsafe_hash=True)
class ClassDistance(Sweep):
    """The largest |TPR - FPR| over thresholds, exact, and the highest threshold that has it: `distance` is its product
    with the totals of both classes, `at` (distance, threshold, positives, negatives) of the threshold.

    `most` is the largest distance inside cells: all positives of a cell may lie above its negatives, or below.
    """

    def reset(self) -> None:
        """Forgets everything."""
        self.at = (-1, -np.inf, 0, 0)
        self.most = 0

    def add(self, block: Block) -> None:
        """Looks at the scores whose distance is nearly the largest of the block: at these exactly."""
        if not self.pairs or self._within_reach(block):
            return
        points = block.points
        scale = self.totals.scale
        fpr_above, tpr_above = (
            above / (total * scale)
            for above, total in (
                (points.negatives_above, self.totals.negatives),
                (points.positives_above, self.totals.positives),
            )
        )
        fpr = fpr_above + points.negatives / (self.totals.negatives * scale)
        tpr = tpr_above + points.positives / (self.totals.positives * scale)
        places = self._largest_of(block, _nearly_largest(np.abs(tpr - fpr)))
        for i, (positives, negatives) in zip(places, self._from(block, places), strict=True):
            distance = abs(self._product(positives, negatives))
            self.at = max(self.at, (distance, float(block.scores[i]), positives, negatives))
        if self.totals.bits is not None:
            places = _nearly_largest(np.maximum(tpr - fpr_above, fpr - tpr_above)).tolist()
            above = self._from(block, [i + 1 for i in places])
            for (positives, negatives), (fewer, less) in zip(self._from(block, places), above, strict=True):
                self.most = max(self.most, self._product(positives, less), -self._product(fewer, negatives))

    def _within_reach(self, block: Block) -> bool:
        """Whether no order of the block's rows has a larger distance than was seen before: so it is of most blocks."""
        _, _, negatives, positives = block.pairs
        fp, tp = (total - below for total, below in zip(self.totals[:2], block.below, strict=True))
        most = max(self._product(tp, fp - negatives), -self._product(tp - positives, fp))
        return most < self.at[0] and (self.totals.bits is None or most <= self.most)

    def _largest_of(self, block: Block, places: NDArray[np.intp]) -> list[int]:
        """The last place of the largest distance, where products fit 64 bits: between equal samples all are the
        largest."""
        if self.totals.unit != COUNT or self.pairs >= LARGEST_PRODUCT:
            return list(places.tolist())
        negatives, positives = (
            np.concatenate(([0], np.cumsum(words[0])))[places] + below
            for words, below in zip((block.negatives, block.positives), block.below, strict=True)
        )
        distances = np.abs(positives * self.totals.negatives - negatives * self.totals.positives)
        return [int(places[distances == distances.max()][-1])]

    def _from(self, block: Block, places: list[int]) -> list[tuple[int, int]]:
        """(positives, negatives) from each of these places of the block on."""
        negatives, positives = (
            [total - below - before for before in sums_before(words, places)]
            for words, below, total in zip(
                (block.negatives, block.positives), block.below, self.totals[:2], strict=True
            )
        )
        return list(zip(positives, negatives, strict=True))

    def _product(self, positives: int, negatives: int) -> int:
        """TPR - FPR, times the totals of both classes."""
        return positives * self.totals.negatives - negatives * self.totals.positives

    def merge(self, other: Self) -> None:
        """The larger of both."""
        self.at = max(self.at, other.at)
        self.most = max(self.most, other.most)

    @property
    def pairs(self) -> int:
        """The product of the totals."""
        return self.totals.negatives * self.totals.positives

    @property
    def threshold(self) -> tuple[float, float, float]:
        """(threshold, TPR, FPR) of the largest distance."""
        _, score, positives, negatives = self.at
        return (
            score,
            float(Fraction(positives, self.totals.positives)),
            float(Fraction(negatives, self.totals.negatives)),
        )


def _nearly_largest(values: NDArray[np.float64]) -> NDArray[np.intp]:
    return np.flatnonzero(values >= values.max() - MARGIN)
