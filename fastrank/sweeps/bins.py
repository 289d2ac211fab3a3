"""Bins of scores that hold about as many rows each."""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Any, NamedTuple, Self

import numpy as np

from fastrank._kernels import exact_sum
from fastrank.sweeps.base import Sweep
from fastrank.sweeps.integers import sums_before
from fastrank.sweeps.reach import Integers, place_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from fastrank.sweeps.base import Block

__all__ = ["EqualMassBin", "EqualMassBins"]

HALF, HALF_BITS = np.uint64(0xFFFFFFFF), np.uint64(32)


class EqualMassBin(NamedTuple):
    """The integers of negatives and positives, in units of the totals, the digits of the exact sum of weight times
    score, and the lowest and the highest score."""

    negatives: int
    positives: int
    digits: NDArray[np.int64]
    lowest: float
    highest: float

    def joined(self, other: EqualMassBin) -> EqualMassBin:
        """Both, which are parts of one bin."""
        return EqualMassBin(
            self.negatives + other.negatives,
            self.positives + other.positives,
            self.digits + other.digits,
            min(self.lowest, other.lowest),
            max(self.highest, other.highest),
        )


@dataclass(unsafe_hash=True)
class EqualMassBins(Sweep):
    """The scores in `bins` bins, the j-th of which ends at the least score to which, or to lower ones, j / bins of all
    rows (or of the weight) belong.  Equal scores share a bin, so that there may be fewer, of unequal size.

    Sums of scores are exact, but for terms below 2^-1074.
    """

    bins: int

    def reset(self) -> None:
        """Forgets everything."""
        total = self.totals.negatives + self.totals.positives
        self._targets = [-(-j * total // self.bins) for j in range(1, self.bins)]
        self._found: dict[int, EqualMassBin] = {}

    def add(self, block: Block) -> None:
        """Adds the scores of the block to their bins."""
        if not block.size:
            return
        below, rows = sum(block.below), Integers(block).rows
        first = bisect_right(self._targets, below)
        ends = []
        for target in self._targets[first:]:
            i = place_of(target, rows, below)
            if i is None:
                break
            ends.append(i + 1)
        # How many targets lie below a bin tells it from others, in whatever block it goes on.
        places = sorted({0, *ends} - {block.size})
        numbers = [first + bisect_right(ends, place) for place in places]
        self._take(zip(numbers, _bins(block, [*places, block.size]), strict=True))

    def merge(self, other: Self) -> None:
        """Adds the bins of other scores."""
        self._take(other._found.items())

    def _take(self, bins: Any) -> None:
        for number, each in bins:
            mine = self._found.get(number)
            self._found[number] = each if mine is None else mine.joined(each)

    @property
    def found(self) -> list[EqualMassBin]:
        """The bins that hold rows, ascending."""
        found = [self._found[number] for number in sorted(self._found)]
        for each in found:
            exact_sum.carry(each.digits[None, :])
        return found


def _bins(block: Block, places: list[int]) -> Iterator[EqualMassBin]:
    """The parts of a block between places."""
    count = len(places) - 1
    digits, special = np.zeros((count, exact_sum.DIGITS), np.int64), np.zeros((count, exact_sum.SPECIALS), np.int64)
    number = np.repeat(np.arange(count, dtype=np.int32), np.diff(places))
    for words in (block.negatives, block.positives):
        for weights in _floats(words, block.totals.scale):
            exact_sum.add_values(block.scores, weights, number, digits, special)
    sums = (sums_before(words, places) for words in (block.negatives, block.positives))
    negatives, positives = ([b - a for a, b in pairwise(each)] for each in sums)
    ends = block.scores[[place for start, stop in pairwise(places) for place in (start, stop - 1)]].tolist()
    for k in range(count):
        yield EqualMassBin(negatives[k], positives[k], digits[k], ends[2 * k], ends[2 * k + 1])


def _floats(words: tuple[NDArray[Any], ...], scale: float) -> list[NDArray[np.float64]]:
    """Numbers whose sum is that of integers, times scale, exactly."""
    if len(words) == 1:
        return [words[0].astype(np.float64)]
    high, low = words
    halves = (low & HALF, low >> HALF_BITS, high & HALF, high >> HALF_BITS)
    return [half.astype(np.float64) * (scale * 2.0 ** (32 * j)) for j, half in enumerate(halves)]
