"""The spread of midranks: the standard error of the AUC."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING, Self

from fastrank._kernels.midranks import midrank_moments
from fastrank.sweeps.base import Sweep

if TYPE_CHECKING:
    from fastrank.sweeps.base import Block

__all__ = ["Midranks"]


@dataclass(unsafe_hash=True)
class Midranks(Sweep):
    """Of each class, the sums over its rows of the midrank among the other class (twice those that score lower, and
    those that tie), of its square, and of the square of how many tie; with weights, a row counts as often as it weighs.
    """

    def reset(self) -> None:
        """Forgets everything."""
        self.positives = self.negatives = (0, 0, 0)

    def add(self, block: Block) -> None:
        """Adds the rows of the block."""
        _, _, negatives, positives = block.pairs
        moments = midrank_moments(block.positives, block.negatives)
        self.positives = _sum(self.positives, _moved(moments, positives, 2 * block.below[0]))
        moments = midrank_moments(block.negatives, block.positives)
        self.negatives = _sum(self.negatives, _moved(moments, negatives, 2 * block.below[1]))

    def merge(self, other: Self) -> None:
        """Adds."""
        self.positives = _sum(self.positives, other.positives)
        self.negatives = _sum(self.negatives, other.negatives)

    @property
    def defined(self) -> bool:
        """Whether each class has more than one row, or weighs more than 1."""
        return min(self.totals.positives, self.totals.negatives) > self._one

    @property
    def _one(self) -> int:
        return 1 << -self.totals.unit

    @property
    def variance(self) -> Fraction:
        """The variance of the AUC by DeLong, DeLong and Clarke-Pearson."""
        positives, negatives = self.totals.positives, self.totals.negatives
        return self._of(
            self.positives[1] - Fraction(self.positives[0] ** 2, positives), positives, negatives
        ) + self._of(self.negatives[1] - Fraction(self.negatives[0] ** 2, negatives), negatives, positives)

    @property
    def uncertainty(self) -> Fraction:
        """The square of how far the order inside cells may move the standard error.

        The error is the length of the vector of all placements (share of the other class that a row beats, over the
        square root of n (n - 1)), less their means.  Taking off means makes no vector longer; so it moves by at most
        the length of what is added, which is at most half of the tied rows each.
        """
        positives, negatives = self.totals.positives, self.totals.negatives
        return self._of(Fraction(self.positives[2]), positives, negatives) + self._of(
            Fraction(self.negatives[2]), negatives, positives
        )

    def _of(self, squares: Fraction, own: int, other: int) -> Fraction:
        """A sum of squares of midranks, as a part of the variance."""
        return squares * self._one / (4 * other**2 * (own - self._one) * own)


def _moved(moments: tuple[int, int, int], count: int, by: int) -> tuple[int, int, int]:
    """The moments of midranks that are larger by a number."""
    ranks, squares, ties = moments
    return ranks + by * count, squares + 2 * by * ranks + by**2 * count, ties


def _sum(one: tuple[int, int, int], other: tuple[int, int, int]) -> tuple[int, int, int]:
    return one[0] + other[0], one[1] + other[1], one[2] + other[2]
