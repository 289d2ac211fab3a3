from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.isotonic import isotonic_regression

from fastrank._kernels.isotonic import interpolate, pool

RELAXED = settings(deadline=None)
INTEGERS = st.integers(0, 3) | st.sampled_from([10**12, 10**17, 10**17 + 1])
SCORES = st.lists(st.tuples(INTEGERS, INTEGERS).filter(any), max_size=40)


def counts(integers: list[int]) -> tuple[np.ndarray, ...]:
    return (np.array(integers, np.int64),)


def words(integers: list[int]) -> tuple[np.ndarray, ...]:
    """High and low words."""
    return tuple(np.array([part(x) for x in integers], np.uint64) for part in (lambda x: x >> 64, lambda x: x % 2**64))


def integers(arrays: tuple[np.ndarray, ...]) -> list[int]:
    if len(arrays) == 1:
        return arrays[0].tolist()
    return [(high << 64) + low for high, low in zip(*(array.tolist() for array in arrays), strict=True)]


def min_max(negatives: list[int], positives: list[int]) -> list[Fraction]:
    """The isotonic fit by its formula: at i the most, over starts up to i, of the least mean over ends from i on."""
    n = len(positives)

    def mean(a: int, b: int) -> Fraction:
        p = sum(positives[a:b])
        return Fraction(p, p + sum(negatives[a:b]))

    return [max(min(mean(a, b) for b in range(i + 1, n + 1)) for a in range(i + 1)) for i in range(n)]


@RELAXED
@given(SCORES, st.sampled_from([counts, words]), st.sampled_from([1, 2**60]))
def test_blocks_are_those_of_the_formula(scores, form, unit):
    unit = 1 if form is counts else unit
    negatives, positives = ([unit * score[k] for score in scores] for k in (0, 1))
    starts, below, above = pool(form(negatives), form(positives))
    rates = [Fraction(p, p + n) for n, p in zip(integers(below), integers(above), strict=True)]
    expected = min_max(negatives, positives)
    sizes = np.diff([*starts.tolist(), len(scores)]).tolist()
    assert [rate for rate, size in zip(rates, sizes, strict=True) for _ in range(size)] == expected
    assert rates == sorted(set(rates)), "each rate is one block"


@RELAXED
@given(SCORES, st.sampled_from([counts, words]), st.integers(0, 40))
def test_blocks_of_parts_pool_to_those_of_the_whole(scores, form, cut):
    negatives, positives = ([score[k] for score in scores] for k in (0, 1))
    whole = pool(form(negatives), form(positives))
    parts = [pool(form(negatives[a]), form(positives[a])) for a in (slice(cut), slice(cut, None))]
    joined = [tuple(np.concatenate(pair) for pair in zip(parts[0][k], parts[1][k], strict=True)) for k in (1, 2)]
    starts, below, above = pool(*joined)
    begins = np.concatenate((parts[0][0], parts[1][0] + min(cut, len(scores))))
    assert begins[starts].tolist() == whole[0].tolist()
    assert (integers(below), integers(above)) == (integers(whole[1]), integers(whole[2]))


@pytest.mark.parametrize("rows", [1, 2, 1000, 200_000])
@pytest.mark.parametrize("falling", [False, True])
def test_values_are_those_of_scikit_learn(rows, falling):
    rng = np.random.default_rng(rows)
    rate = np.linspace(0.05, 0.6, rows)[:: -1 if falling else 1]
    size = rng.integers(1, 9, rows)
    positives = rng.binomial(size, rate)
    starts, below, above = pool((size - positives,), (positives,))
    values = np.repeat(above[0] / (above[0] + below[0]), np.diff([*starts, rows]))
    np.testing.assert_allclose(values, isotonic_regression(positives / size, sample_weight=size), rtol=1e-12, atol=0)


def test_that_arrays_are_left_as_they_are():
    negatives, positives = np.array([0, 5, 1]), np.array([3, 0, 2])
    for array in (negatives, positives):
        array.flags.writeable = False
    starts, below, above = pool((negatives,), (positives,))
    assert (starts.tolist(), below[0].tolist(), above[0].tolist()) == ([0, 2], [5, 1], [3, 2])
    assert (negatives.tolist(), positives.tolist()) == ([0, 5, 1], [3, 0, 2])


def test_no_scores_have_no_blocks():
    starts, below, above = pool((np.empty(0, np.int64),), (np.empty(0, np.int64),))
    assert (starts.size, below[0].size, above[0].size) == (0, 0, 0)


def test_that_lengths_have_to_agree():
    with pytest.raises(ValueError, match="differ in length"):
        pool((np.zeros(2, np.int64),), (np.zeros(3, np.int64),))
    with pytest.raises(ValueError, match="differ in length"):
        pool(counts([1]), words([1]))


# Of numbers below the normal ones np.interp makes infinities.
COORDINATES = st.floats(-10, 10, allow_subnormal=False)
POINTS = st.lists(COORDINATES, min_size=1, max_size=12, unique=True).map(sorted)


@RELAXED
@given(POINTS, st.lists(st.floats(-12, 12, allow_subnormal=False), max_size=20), st.integers(0, 2**32 - 1))
def test_values_between_points(x, scores, seed):
    y = np.sort(np.random.default_rng(seed).random(len(x)))
    x = np.array(x)
    asked = np.array([*scores, *x, np.nan])
    line = interpolate(x, y, asked, True)
    np.testing.assert_allclose(line[:-1], np.interp(asked[:-1], x, y), rtol=0, atol=1e-12)
    assert np.isnan(line[-1])
    assert (line[len(scores) : -1] == y).all()
    steps = interpolate(x, y, asked, False)
    expected = [y[max(np.flatnonzero(x <= s).max(initial=-1), 0)] for s in asked[:-1]]
    assert steps[:-1].tolist() == expected
    assert np.isnan(steps[-1])
    falling = interpolate(x, y[::-1].copy(), asked[:-1], True)
    assert ((falling >= y[0]) & (falling <= y[-1])).all()


def test_values_beside_infinite_points():
    inf, y = np.inf, np.array([0.0, 0.5, 1.0])
    three, two, wide = np.array([-inf, 0.0, inf]), np.array([-inf, inf]), np.array([-1.5e308, 1.5e308])
    assert interpolate(three, y, [-inf, -5.0, 0.0, 5.0, inf], True).tolist() == [0, 0.5, 0.5, 0.5, 1]
    assert interpolate(two, y[:2], [-inf, 3.0, inf], True).tolist() == [0.0, 0.25, 0.5]
    assert interpolate(wide, y[:2], [-1e308, 0.0], True).tolist() == pytest.approx([1 / 12, 1 / 4])
    tiny = 5e-324
    assert interpolate(np.array([0.0, 2 * tiny]), y[:2], [tiny], True).tolist() == [0.25]


def test_shapes_of_values_and_what_is_refused():
    x, y = np.array([0.0, 1.0]), np.array([0.0, 1.0])
    assert interpolate(x, y, np.array([[0.25], [0.5]]), True).tolist() == [[0.25], [0.5]]
    assert interpolate(x, y, np.empty(0), True).shape == (0,)
    with pytest.raises(ValueError, match="differ in length, or are empty"):
        interpolate(x, y[:1], x, True)
    with pytest.raises(ValueError, match="differ in length, or are empty"):
        interpolate(x[:0], y[:0], x, True)
