"""Pairs of a positive and a negative row of each list, against all pairs counted one by one in exact fractions."""

from __future__ import annotations

import math
from collections import defaultdict
from fractions import Fraction
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from helpers import bits
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from fastrank._kernels import list_wins
from fastrank._kernels.list_wins import ALL_TIED, NOT_TIED, SOME_TIED, count_wins

SCORES = [-math.inf, -1.5, -1e-40, -0.0, 0.0, 1e-40, 0.1, 0.25, 1.0, 3e38, math.inf]
WEIGHTS = [0.0, 2.0**-72, 2.0**-20, 0.1 * 2.0**-20, 1 / 3, 1.0, 2.5, 1e5 / 3, 2.0**20]


def expected(scores: Any, labels: Any, weights: Any) -> tuple[Any, ...]:
    """What `count_wins` gives of one list."""
    rows = [
        (Fraction(w), y, s)
        for s, y, w in zip(
            scores.tolist(), labels.tolist(), [1] * len(labels) if weights is None else weights.tolist(), strict=True
        )
        if w > 0
    ]
    positive, negative = ([(w, s) for w, y, s in rows if y == label] for label in (1, 0))
    won = pairs = tied = Fraction(0)
    for v, p in positive:
        for w, n in negative:
            pairs += v * w
            won += v * w if p > n else v * w / 2 if p == n else 0
            tied += v * w if p == n else 0
    sums = [float(sum((w for w, _ in some), Fraction(0))) for some in (positive, negative)]
    ties = NOT_TIED if not tied else ALL_TIED if tied == pairs else SOME_TIED
    total = float(sum((w for w, _, _ in rows), Fraction(0)))
    return float(won / pairs) if pairs else math.nan, *sums, total, len(rows), ties


def of_weights(values: list[float]) -> NDArray[np.float64]:
    """Weights as their domain rounds them."""
    return np.array([float(Fraction(round(Fraction(value) * 2**72), 2**72)) for value in values])


@settings(max_examples=200, deadline=None)
@given(
    sizes=st.lists(st.integers(0, 40), min_size=1, max_size=6),
    seed=st.integers(0, 2**32 - 1),
    dtype=st.sampled_from([np.float32, np.float64]),
    weighted=st.booleans(),
    rate=st.sampled_from([0.05, 0.5, 0.9]),
)
def test_each_list_equals_its_pairs(sizes, seed, dtype, weighted, rate):
    rng = np.random.default_rng(seed)
    count = sum(sizes)
    scores = rng.choice(np.array(SCORES, dtype), count)
    labels = (rng.random(count) < rate).astype(np.uint8)
    weights = of_weights(rng.choice(WEIGHTS, count).tolist()) if weighted else None
    offsets = np.concatenate(([0], np.cumsum(sizes))).astype(np.int64)
    for array in (scores, labels, weights, offsets):
        if array is not None:
            array.flags.writeable = False
    found = count_wins(scores, labels, weights, offsets)
    for q, (a, b) in enumerate(pairwise(offsets)):
        right = expected(scores[a:b], labels[a:b], None if weights is None else weights[a:b])
        assert [bits(array[q].item()) for array in found] == [bits(value) for value in right]


def twice_won(scores: NDArray[Any], labels: NDArray[np.uint8]) -> int:
    """Twice the pairs that the positive wins, by distinct score."""
    counts: dict[float, list[int]] = defaultdict(lambda: [0, 0])
    for s, y in zip(scores.tolist(), labels.tolist(), strict=True):
        counts[s][y] += 1
    twice = below = 0
    for s in sorted(counts):
        negatives, positives = counts[s]
        twice += positives * (2 * below + negatives)
        below += negatives
    return twice


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("distinct", [1, 2, 50, 10**9])
@pytest.mark.parametrize("size", [300, 384, 385, 768, 769, 5000])
@pytest.mark.parametrize("rate", [0.01, 0.5, 0.98])
def test_long_lists_of_few_and_of_many_pairs(size, rate, distinct, dtype):
    # From 768 rows of two classes of one size on, rows are sorted; rarer classes are compared.
    rng = np.random.default_rng(size)
    scores = (rng.integers(-distinct, distinct, 2 * size) / distinct).astype(dtype)
    labels = (rng.random(2 * size) < rate).astype(np.uint8)
    labels[:2], labels[size : size + 2] = (0, 1), (1, 0)
    offsets = np.array([0, size, 2 * size])
    found = count_wins(scores, labels, None, offsets)
    weighted = count_wins(scores, labels, np.ones(2 * size), offsets)
    for q in range(2):
        s, y = scores[q * size : (q + 1) * size], labels[q * size : (q + 1) * size]
        positives = int(y.sum())
        pairs = positives * (size - positives)
        assert found[0][q] == float(Fraction(twice_won(s, y), 2 * pairs))
        assert [array[q] for array in found[1:5]] == [positives, size - positives, size, size]
    for array, other in zip(found, weighted, strict=True):
        assert array.tolist() == other.tolist()


def test_a_share_of_weights_is_rounded_to_the_nearest_float64():
    # One positive of weight 1 above a negative of weight w and below one of weight 1: w / (w + 1).
    rng = np.random.default_rng(0)
    scores, labels, offsets = np.array([2.0, 1.0, 3.0]), np.array([1, 0, 0], np.uint8), np.array([0, 3])
    for w in of_weights((2.0 ** rng.uniform(-60, 19, 300)).tolist()).tolist():
        share = count_wins(scores, labels, np.array([1, w, 1]), offsets)[0]
        assert share[0] == float(Fraction(w) / (Fraction(w) + 1))


def test_halves_are_rounded_to_even():
    # w / 2^54 with odd w of 54 bits lies half-way between two float64.
    for w in (2**53 + 1, 2**53 + 3, 2**54 - 1):
        low, high = float(w % 2**20), float(w >> 20 << 20)
        rest = float(2**54 - w)
        weights = np.array([1.0, low, high, rest]) * 2.0**-40
        scores, labels = np.array([2.0, 1.0, 1.0, 3.0]), np.array([1, 0, 0, 0], np.uint8)
        assert count_wins(scores, labels, weights, np.array([0, 4]))[0][0] == float(Fraction(w, 2**54))


def test_no_lists_and_lists_without_rows():
    nothing = (np.empty(0), np.empty(0, np.uint8), None)
    assert [array.size for array in count_wins(*nothing, np.zeros(1, np.int64))] == [0] * 6
    found = count_wins(*nothing, np.zeros(3, np.int64))
    assert np.isnan(found[0]).all()
    assert [array.tolist() for array in found[1:]] == [[0, 0]] * 5


@pytest.mark.parametrize(
    ("labels", "weights", "offsets"),
    [
        (2, None, [0, 3]), (3, 2, [0, 3]), (3, None, [0, 4]), (3, None, [-1, 3]), (3, None, [0, 2, 1, 3]),
        (3, None, []),
    ],
)  # fmt: skip
def test_arrays_that_do_not_fit_are_refused(labels, weights, offsets):
    of_rows = None if weights is None else np.ones(weights)
    with pytest.raises(ValueError, match="must"):
        count_wins(np.ones(3), np.zeros(labels, np.uint8), of_rows, np.array(offsets, np.int64))


def test_the_words_for_ties_differ():
    assert len({list_wins.NOT_TIED, list_wins.SOME_TIED, list_wins.ALL_TIED}) == 3
