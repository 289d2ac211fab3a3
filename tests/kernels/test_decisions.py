from __future__ import annotations

from fractions import Fraction
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fastrank._kernels.decisions import count_intervals, weigh_intervals

AWKWARD = [0.0, -0.0, np.inf, -np.inf, 1e-45, -1e-45, 1e-40, 0.1, -0.1, 1.0, 3e38, -3e38]
DTYPES = pytest.mark.parametrize("dtype", [np.float32, np.float64])
# Few are compared one by one, more are searched; the steps of the search differ from number to number.
NUMBERS = pytest.mark.parametrize("number", [1, 2, 3, 15, 16, 17, 18, 19, 31, 32, 33, 100, 1000])
# Up to, at, and past the ends of blocks.
SIZES = [0, 1, 511, 512, 513, 4095, 4096, 4097, 9000]


def some_rows(dtype: Any, rows: int = 3000, seed: int = 0) -> Any:
    rng = np.random.default_rng(seed)
    scores = rng.normal(size=rows).round(2).astype(dtype)
    scores[: len(AWKWARD)] = np.array(AWKWARD).astype(dtype)[:rows]
    weights = np.ldexp(rng.integers(0, 1 << 50, rows).astype(np.float64), rng.integers(-72, -30, rows))
    weights[::7] = 0.0
    return scores, rng.integers(0, 2, rows).astype(np.uint8), weights, rng.integers(0, 3, rows).astype(np.int32)


def some_thresholds(number: int, dtype: Any) -> Any:
    """Ascending, some of them scores; several may be equal, as float32 ones that were apart as float64."""
    return np.sort(np.random.default_rng(number).normal(size=number).round(2)).astype(dtype)


def expected_counts(scores: Any, labels: Any, thresholds: Any, slices: Any = None, size: int = 1) -> Any:
    counts = np.zeros((size, len(thresholds) + 1, 2), np.int64)
    for i, (score, label) in enumerate(zip(scores.tolist(), labels.tolist(), strict=True)):
        counts[0 if slices is None else slices[i], sum(score >= t for t in thresholds.tolist()), label] += 1
    return counts.ravel()


def count(scores: Any, labels: Any, thresholds: Any, slices: Any = None, size: int = 1) -> Any:
    counts = np.zeros(size * 2 * (len(thresholds) + 1), np.uint64)
    count_intervals(scores, labels, thresholds, slices, counts)
    return counts


def weigh(scores: Any, labels: Any, weights: Any, thresholds: Any, slices: Any = None, size: int = 1) -> Any:
    words = np.zeros((size * 2 * (len(thresholds) + 1), 2), np.uint64)
    weigh_intervals(scores, labels, weights, thresholds, slices, words.reshape(-1))
    return words.T


@DTYPES
@NUMBERS
def test_counts_equal_a_plain_loop(dtype: Any, number: int) -> None:
    scores, labels, _, slices = some_rows(dtype, 600)
    cuts = some_thresholds(number, dtype)
    assert np.array_equal(count(scores, labels, cuts), expected_counts(scores, labels, cuts))
    assert np.array_equal(count(scores, labels, cuts, slices, 3), expected_counts(scores, labels, cuts, slices, 3))


@settings(deadline=None)
@given(
    scores=st.lists(st.floats(allow_nan=False) | st.sampled_from([*AWKWARD, 5e-324, 1e300]), max_size=40),
    thresholds=st.lists(
        st.floats(allow_nan=False, allow_infinity=False) | st.sampled_from([0.0, -0.0, 0.1, 5e-324]),
        min_size=1,
        max_size=40,
    ),
    seed=st.integers(0, 2**32 - 1),
)
def test_any_scores_and_thresholds(scores: Any, thresholds: Any, seed: int) -> None:
    values, cuts = np.array(scores, np.float64), np.sort(np.array(thresholds, np.float64))
    labels = np.random.default_rng(seed).integers(0, 2, len(scores)).astype(np.uint8)
    assert np.array_equal(count(values, labels, cuts), expected_counts(values, labels, cuts))


@DTYPES
@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("number", [1, 40])
def test_sizes_and_read_only_input(dtype: Any, size: int, number: int) -> None:
    scores, labels, weights, slices = some_rows(dtype, size)
    cuts = some_thresholds(number, dtype)
    for array in (scores, labels, weights, slices, cuts):
        array.flags.writeable = False
    counts = count(scores, labels, cuts)
    interval = np.searchsorted(cuts, scores + dtype(0), side="right")
    assert np.array_equal(counts, np.bincount(2 * interval + labels, minlength=2 * number + 2))
    assert np.array_equal(count(scores, labels, cuts, slices, 3).reshape(3, -1).sum(axis=0), counts)
    high, _ = weigh(scores, labels, np.ones(size), cuts, slices, 3)
    assert np.array_equal((high >> np.uint64(8)).reshape(3, -1).sum(axis=0), counts)


@DTYPES
@NUMBERS
def test_weights_equal_exact_fractions(dtype: Any, number: int) -> None:
    scores, labels, weights, slices = some_rows(dtype, 700)
    cuts = some_thresholds(number, dtype)
    high, low = weigh(scores, labels, weights, cuts, slices, 3)
    expected: dict[int, Fraction] = {}
    for i, weight in enumerate(weights.tolist()):
        at = (int(slices[i]) * (number + 1) + int((scores[i] >= cuts).sum())) * 2 + int(labels[i])
        expected[at] = expected.get(at, Fraction(0)) + Fraction(weight) * 2**72
    for at in range(high.size):
        assert (int(high[at]) << 64) + int(low[at]) == expected.get(at, 0)


@DTYPES
@pytest.mark.parametrize("number", [3, 30])
def test_batches_add_up(dtype: Any, number: int) -> None:
    scores, labels, weights, _ = some_rows(dtype)
    cuts = some_thresholds(number, dtype)
    counts = count(scores[:1000], labels[:1000], cuts)
    words = weigh(scores[:1000], labels[:1000], weights[:1000], cuts).T
    count_intervals(scores[1000:], labels[1000:], cuts, None, counts)
    weigh_intervals(scores[1000:], labels[1000:], weights[1000:], cuts, None, words.reshape(-1))
    assert np.array_equal(counts, count(scores, labels, cuts))
    assert np.array_equal(words.T, weigh(scores, labels, weights, cuts))


def test_what_would_reach_past_an_array_is_refused() -> None:
    scores, labels, weights, slices = some_rows(np.float32, 40)
    cuts, words, counts = np.array([0.5], np.float32), np.zeros(24, np.uint64), np.zeros(12, np.uint64)
    with pytest.raises(ValueError, match="no thresholds"):
        count_intervals(scores, labels, cuts[:0], None, counts)
    with pytest.raises(ValueError, match="a table of 11 cells is no whole number of slices of 4 cells"):
        count_intervals(scores, labels, cuts, None, counts[:11])
    with pytest.raises(ValueError, match="a table of 0 cells"):
        weigh_intervals(scores, labels, weights, cuts, None, words[:0])
    with pytest.raises(ValueError, match="differ in length"):
        count_intervals(scores, labels[1:], cuts, None, counts)
    with pytest.raises(ValueError, match="differ in length"):
        count_intervals(scores, labels, cuts, slices[1:], counts)
    with pytest.raises(ValueError, match=r"outside 0\.\.1"):
        count_intervals(scores, labels, cuts, slices, counts[:8])
    with pytest.raises(ValueError, match=r"outside 0\.\.2"):
        weigh_intervals(scores, labels, weights, cuts, slices - 1, words)
    with pytest.raises(ValueError, match="weights and scores"):
        weigh_intervals(scores, labels, weights[1:], cuts, slices, words)
    with pytest.raises(ValueError, match="in pairs"):
        weigh_intervals(scores, labels, weights, cuts, None, words[:9])
    assert not words.any()
    assert not counts.any()
