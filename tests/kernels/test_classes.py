"""The rank of the true class, and pairs of classes, by kernels and in plain Python."""

from __future__ import annotations

from collections import Counter
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fastrank._kernels import classes

SPECIAL = [0.0, -0.0, np.inf, -np.inf, 5e-324, 1.0, 1.0 + 2.0**-52, 0.5]


def rows(seed: int, count: int, width: int, dtype: type) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    scores = rng.choice(np.array(SPECIAL), (count, width)).astype(dtype)
    labels = rng.integers(0, width, count).astype(np.int32)
    for array in (scores, labels):
        array.flags.writeable = False
    return scores, labels


@given(
    st.integers(0, 2**32 - 1), st.integers(0, 20), st.integers(1, 70), st.sampled_from([np.float32, np.float64]),
    st.sampled_from([1, 2, 3, 40, 2**53]),
)  # fmt: skip
def test_shares_of_the_first_k_classes(seed, count, width, dtype, k):
    scores, labels = rows(seed, count, width, dtype)
    expected = []
    for values, own in zip(scores.tolist(), labels.tolist(), strict=True):
        above, tied = (sum(test(x, values[own]) for x in values) for test in (float.__gt__, float.__eq__))
        expected.append(float(min(max(Fraction(k - above, tied), Fraction(0)), Fraction(1))))
    assert classes.top_shares(scores, labels, k).tolist() == expected


@given(st.integers(0, 2**32 - 1), st.integers(0, 30), st.integers(1, 5), st.booleans())
def test_pairs_of_classes(seed, count, width, sliced):
    rng = np.random.default_rng(seed)
    labels, predicted = rng.integers(0, width, (2, count)).astype(np.int32)
    slices = rng.integers(0, 3, count).astype(np.int32) if sliced else None
    weights = rng.choice([0.0, 2.0**-72, 0.1, 2.0**20, 3.0], count)
    weights = (weights + 2.0**-20) - 2.0**-20  # multiples of 2^-72
    counts = np.zeros(3 * width * width, np.int64)
    high, low = np.zeros((2, counts.size), np.uint64)
    for _ in range(2):
        classes.count_pairs(labels, predicted, width, slices, counts)
        classes.weigh_pairs(labels, predicted, width, slices, weights, high, low)
    places = zip(([0] * count if slices is None else slices.tolist()), labels.tolist(), predicted.tolist(), strict=True)
    cells = [(s * width + true) * width + guess for s, true, guess in places]
    assert counts.tolist() == [2 * Counter(cells)[cell] for cell in range(counts.size)]
    for cell in range(counts.size):
        expected = sum(Fraction(w) for w, at in zip(weights.tolist(), cells, strict=True) if at == cell)
        assert Fraction((int(high[cell]) << 64) + int(low[cell]), 2**72) == 2 * expected


def test_what_reaches_past_the_end_is_refused():
    scores, labels = rows(0, 4, 3, np.float64)
    for bad in (np.array([0, 1, 2, 3], np.int32), np.array([0, 0, 0, -1], np.int32), labels[:3]):
        with pytest.raises(ValueError):
            classes.top_shares(scores, bad, 1)
        for pair in ((bad, labels), (labels, bad)):
            with pytest.raises(ValueError):
                classes.count_pairs(*pair, 3, None, np.zeros(9, np.int64))
    zeros = np.zeros(4, np.int32)
    for width, slices, size in ((3, None, 8), (3, None, 0), (0, None, 0), (3, zeros + 1, 9), (3, zeros[:3], 9)):
        with pytest.raises(ValueError):
            classes.count_pairs(zeros, zeros, width, slices, np.zeros(size, np.int64))
    for weights, low in ((np.ones(3), 9), (np.ones(4), 18)):
        with pytest.raises(ValueError):
            classes.weigh_pairs(zeros, zeros, 3, None, weights, np.zeros(9, np.uint64), np.zeros(low, np.uint64))
