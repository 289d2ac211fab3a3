from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fastrank._kernels import exact_sum
from fastrank._kernels.precision import add_steps
from fastrank.accumulators.sums import digits_to_fraction

RELAXED = settings(deadline=None)
COUNTS = st.lists(st.tuples(st.integers(0, 3) | st.just(10**12), st.integers(0, 3) | st.just(10**12)), max_size=40)


def words(integers: list[int]) -> tuple[np.ndarray, np.ndarray]:
    """High and low words."""
    return tuple(np.array([part(x) for x in integers], np.uint64) for part in (lambda x: x >> 64, lambda x: x % 2**64))


def steps(negatives: list[int], positives: list[int], above: tuple[int, int], scale: float = 1.0) -> Fraction:
    """The sum, term by term."""
    total = Fraction(0)
    fp, tp = above
    for n, p in zip(reversed(negatives), reversed(positives), strict=True):
        fp, tp = fp + n, tp + p
        if p:
            total += Fraction(float(p) * scale * (float(tp) / float(tp + fp)))
    return total


def summed(negatives, positives, left, scale=1.0) -> Fraction:
    digits = np.zeros(exact_sum.DIGITS, np.int64)
    add_steps(negatives, positives, left, scale, digits)
    return digits_to_fraction(digits)


@RELAXED
@given(counts=COUNTS, above=st.tuples(st.integers(0, 5), st.integers(0, 5)))
def test_counts_add_up_term_by_term(counts, above):
    negatives, positives = [n for n, _ in counts], [p for _, p in counts]
    left = sum(negatives) + above[0], sum(positives) + above[1]
    found = summed((np.array(negatives, np.int64),), (np.array(positives, np.int64),), left)
    assert found == steps(negatives, positives, above)


@RELAXED
@given(counts=COUNTS, shift=st.integers(0, 60))
def test_weights_add_up_term_by_term(counts, shift):
    negatives, positives = [n << shift for n, _ in counts], [(p << shift) + (p > 0) for _, p in counts]
    left = sum(negatives), sum(positives)
    found = summed(words(negatives), words(positives), left, 2.0**-72)
    assert found == steps(negatives, positives, (0, 0), 2.0**-72)


def test_many_scores_in_one_block_or_in_several():
    rng = np.random.default_rng(0)
    negatives, positives = rng.integers(0, 3, 10_000), rng.integers(0, 2, 10_000)
    whole = summed((negatives,), (positives,), (int(negatives.sum()), int(positives.sum())))
    digits = np.zeros(exact_sum.DIGITS, np.int64)
    for part in (slice(0, 1), slice(1, 6000), slice(6000, None)):
        left = int(negatives[part.start :].sum()), int(positives[part.start :].sum())
        add_steps((negatives[part],), (positives[part],), left, 1.0, digits)
    assert digits_to_fraction(digits) == whole == steps(negatives.tolist(), positives.tolist(), (0, 0))


def test_read_only_and_wrong_arrays():
    counts = np.array([1, 2], np.int64)
    counts.flags.writeable = False
    # From above: 2 * 2/4, 1 * 3/6.
    assert summed((counts,), (counts,), (3, 3)) == Fraction(3, 2)
    with pytest.raises(ValueError, match="differ in length"):
        summed((counts[:1],), (counts,), (3, 3))
    with pytest.raises(ValueError, match="digits"):
        add_steps((counts,), (counts,), (3, 3), 1.0, np.zeros(3, np.int64))
    with pytest.raises(OverflowError, match="does not fit"):
        summed((counts,), (counts,), (2**62, 2**62))
