"""Exact sums of the integers of a block."""

from __future__ import annotations

from itertools import accumulate, pairwise
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

__all__ = ["count_within", "sums_before"]

LOW_HALF = np.uint64(0xFFFFFFFF)
HALF_BITS = np.uint64(32)
# To sum up what lies between two places takes as long as to add hundreds of integers one by one.
FEW_PLACES = 256


def _sum(words: tuple[NDArray[Any], ...]) -> int:
    """The sum of integers: of (counts,), or of (high words, low words)."""
    if len(words) == 1:
        return int(words[0].sum())
    high, low = words
    # The sum of the words themselves may be past 64 bits, that of their halves is not.
    return (int(high.sum()) << 64) + (int((low >> HALF_BITS).sum()) << 32) + int((low & LOW_HALF).sum())


def _part(words: tuple[NDArray[Any], ...], start: int, stop: int) -> tuple[NDArray[Any], ...]:
    return tuple(word[start:stop] for word in words)


def sums_before(words: tuple[NDArray[Any], ...], places: Sequence[int]) -> list[int]:
    """The sum of the integers before each of the places, which ascend."""
    if len(places) < FEW_PLACES:
        return list(accumulate(_sum(_part(words, start, stop)) for start, stop in pairwise((0, *places))))
    columns = [word[: places[-1]].tolist() for word in words]
    integers = columns[0] if len(words) == 1 else [(high << 64) + low for high, low in zip(*columns, strict=True)]
    sums = list(accumulate(integers, initial=0))
    return [sums[place] for place in places]


def count_within(words: tuple[NDArray[Any], ...], most: int) -> tuple[int, int]:
    """How many of the first integers have a sum of at most `most`, and that sum."""
    start, stop, total = 0, len(words[0]), 0
    while start < stop:
        middle = (start + stop + 1) // 2
        more = _sum(_part(words, start, middle))
        if total + more <= most:
            start, total = middle, total + more
        else:
            stop = middle - 1
    return start, total
