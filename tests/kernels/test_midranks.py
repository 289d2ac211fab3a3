from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fastrank._kernels.midranks import midrank_moments

RELAXED = settings(deadline=None)
# Two rows of 2^46 + 2^46 among 2^61 bring the sums of squares past 128 bits.
SIZES = st.integers(0, 3) | st.sampled_from([2**46, 2**57])
CLASSES = st.lists(st.tuples(SIZES, SIZES), max_size=8)


def words(integers: list[int]) -> tuple[np.ndarray, np.ndarray]:
    """High and low words."""
    return tuple(np.array([part(x) for x in integers], np.uint64) for part in (lambda x: x >> 64, lambda x: x % 2**64))


def moments(own: list[int], other: list[int]) -> tuple[int, int, int]:
    """The sums, score by score."""
    ranks = [2 * sum(other[:i]) + other[i] for i in range(len(own))]
    return tuple(
        sum(n * x for n, x in zip(own, values, strict=True))
        for values in (ranks, [r * r for r in ranks], [o * o for o in other])
    )


@RELAXED
@given(classes=CLASSES)
def test_counts(classes):
    own, other = [a for a, _ in classes], [b for _, b in classes]
    found = midrank_moments((np.array(own, np.int64),), (np.array(other, np.int64),))
    assert found == moments(own, other)


@RELAXED
@given(classes=CLASSES, shift=st.sampled_from([0, 1, 18, 63, 66]))
def test_weights(classes, shift):
    own, other = (
        ([(x << shift) - (x > 2) for x in column] for column in zip(*classes, strict=True)) if classes else ([], [])
    )
    assert midrank_moments(words(own), words(other)) == moments(own, other)


def test_the_largest_weights():
    # Sums of weights fill 128 bits.
    own, other = [2**126, 2**127 - 1], [2**127 - 1, 2**127]
    assert midrank_moments(words(own), words(other)) == moments(own, other)


def test_wrong_arrays():
    counts = np.array([1, 2], np.int64)
    with pytest.raises(ValueError, match="differ in length"):
        midrank_moments((counts,), (counts[:1],))
