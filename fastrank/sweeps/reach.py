"""What a threshold at each score of a block reaches: the weight of each class at that score and above it, as float64
for all scores, as integers for some."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from fastrank.sweeps.base import COUNT

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from fastrank.sweeps.base import Block, Totals

__all__ = [
    "NOWHERE",
    "Integers",
    "Reach",
    "Reached",
    "are_exact",
    "first_at_least",
    "least_share",
    "most_share",
    "place_of",
    "reached",
]

Words = tuple["NDArray[Any]", ...]

# Integers up to this are float64; so are sums of two that are below half of it.
LARGEST_WHOLE = 2**53
_HALF, _HALF_BITS = np.uint64(0xFFFFFFFF), np.uint64(32)


class Reached(NamedTuple):
    """The weight of each class at a score and above it, as float64, each rounded once."""

    negatives: NDArray[np.float64]
    positives: NDArray[np.float64]


@dataclass(frozen=True)
class Reach:
    """A threshold, and the integer weight of the rows that score as much or more."""

    threshold: float
    negatives: int
    positives: int

    @property
    def rows(self) -> int:
        """Of both classes: the lower the threshold, the more."""
        return self.negatives + self.positives


# The threshold that no row reaches, though one may score inf.
NOWHERE = Reach(float("inf"), 0, 0)


def reached(block: Block) -> Reached:
    """What a threshold at each score reaches."""
    points = block.points
    lowest = reached_by_all(block)
    return Reached(
        np.concatenate(([lowest[0]], points.negatives_above[:-1])),
        np.concatenate(([lowest[1]], points.positives_above[:-1])),
    )


def reached_by_all(block: Block) -> tuple[float, float]:
    """What a threshold at the lowest score reaches."""
    totals = block.totals
    # A power of two times an integer that was rounded: rounded once.
    return (
        float(totals.negatives - block.below[0]) * totals.scale,
        float(totals.positives - block.below[1]) * totals.scale,
    )


def are_exact(totals: Totals) -> bool:
    """Whether all weights are float64 as they are, and the sum of any three of them too."""
    return totals.unit == COUNT and 2 * (totals.negatives + totals.positives) < LARGEST_WHOLE


class Integers:
    """The integers of a block, summed up from its lowest score."""

    def __init__(self, block: Block) -> None:
        self._block = block

    @cached_property
    def negatives(self) -> Words:
        """Of negatives, each score's own included."""
        return _cumulated(self._block.negatives)

    @cached_property
    def positives(self) -> Words:
        """Of positives, each score's own included."""
        return _cumulated(self._block.positives)

    @cached_property
    def rows(self) -> Words:
        """Of both classes."""
        return _added(self.negatives, self.positives)

    def reach(self, i: int) -> Reach:
        """What a threshold at score i reaches."""
        block = self._block
        own = block.totals.negatives - block.below[0], block.totals.positives - block.below[1]
        lower = (_integer(self.negatives, i - 1), _integer(self.positives, i - 1)) if i else (0, 0)
        return Reach(float(block.scores[i]), own[0] - lower[0], own[1] - lower[1])

    def above(self, i: int) -> tuple[int, int]:
        """Negatives and positives that score more than score i."""
        block = self._block
        return (
            block.totals.negatives - block.below[0] - _integer(self.negatives, i),
            block.totals.positives - block.below[1] - _integer(self.positives, i),
        )


def first_at_least(words: Words, target: int) -> int:
    """The place of the first integer, of such as ascend, that is at least `target`; their number where none is."""
    if len(words) == 1:
        return int(np.searchsorted(words[0], np.int64(target)))
    high, low = words
    start, stop = (int(np.searchsorted(high, np.uint64(target >> 64), side)) for side in ("left", "right"))
    return start + int(np.searchsorted(low[start:stop], np.uint64(target & (2**64 - 1))))


def place_of(target: int, words: Words, below: int) -> int | None:
    """The place of the first of integers that were summed up which, with what lies below them, is at least `target`;
    None where that is not in the block."""
    last = _integer(words, len(words[0]) - 1)
    return first_at_least(words, target - below) if below < target <= below + last else None


def least_share(share: float, total: int) -> int:
    """The least integer whose quotient by `total` is, rounded to float64, at least `share`."""
    low, high = 0, total
    while low < high:
        middle = (low + high) // 2
        low, high = (low, middle) if middle / total >= share else (middle + 1, high)
    return low


def most_share(share: float, total: int) -> int:
    """The greatest integer whose quotient by `total` is, rounded to float64, at most `share`."""
    low, high = 0, total
    while low < high:
        middle = (low + high + 1) // 2
        low, high = (middle, high) if middle / total <= share else (low, middle - 1)
    return low


def _cumulated(words: Words) -> Words:
    if len(words) == 1:
        return (np.cumsum(words[0]),)
    # In halves of words, so that sums of them do not overflow; the sum of all is below 2^128.
    high, low = words
    first = np.cumsum(low & _HALF)
    second = np.cumsum(low >> _HALF_BITS) + (first >> _HALF_BITS)
    return np.cumsum(high) + (second >> _HALF_BITS), (second << _HALF_BITS) | (first & _HALF)


def _added(words: Words, more: Words) -> Words:
    if len(words) == 1:
        return (words[0] + more[0],)
    low = words[1] + more[1]
    return words[0] + more[0] + (low < more[1]), low


def _integer(words: Words, i: int) -> int:
    if len(words) == 1:
        return int(words[0][i])
    return (int(words[0][i]) << 64) + int(words[1][i])
