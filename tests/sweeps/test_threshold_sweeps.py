"""Sweeps of thresholds: the same bits from any blocks, dealt in any order to any number of twins."""

from __future__ import annotations

import math
from fractions import Fraction
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fastrank._kernels import runs
from fastrank.sweeps import (
    BestThreshold,
    Block,
    PrecisionAtRecall,
    Quantiles,
    RecallAtPrecision,
    Sweep,
    Thresholds,
    TopRows,
    Totals,
    TprAtFpr,
)
from fastrank.sweeps.base import COUNT, WEIGHT
from fastrank.sweeps.hull import hull_corners, largest_area
from fastrank.sweeps.reach import Integers, Reach, least_share, most_share, reached

SWEEPS: list[Sweep] = [
    Thresholds(),
    *(Thresholds(points) for points in (2, 3, 5, 9, 40)),
    *(RecallAtPrecision(limit) for limit in (0.1, 0.5, 0.9, 1.0)),
    *(TprAtFpr(limit) for limit in (0.0, 0.1, 0.5, 1.0)),
    *(PrecisionAtRecall(limit) for limit in (0.1, 0.5, 1.0)),
    BestThreshold("f1"),
    BestThreshold("youden"),
    BestThreshold("cost", 2.5, 0.1),
    Quantiles((0.0, 0.1, 0.5, 1.0)),
    *(TopRows(fraction) for fraction in (0.1, 0.5, 1.0)),
]


def state(sweep: Sweep) -> Any:
    """What a sweep answers, so that equality means the same bits."""
    match sweep:
        case Thresholds():
            return [column.tobytes() for column in vars(sweep.chosen).values()]
        case RecallAtPrecision() | TprAtFpr() | PrecisionAtRecall():
            return sweep.reach, Fraction(*sweep.most) if isinstance(sweep, PrecisionAtRecall) else sweep.most
        case BestThreshold():
            return sweep.reach, sweep.value, sweep.bounds if sweep.totals.bits and sweep.is_defined else None
        case Quantiles():
            return sweep.found
        case TopRows():
            return sweep.positives, sweep.least, sweep.most
    raise AssertionError(sweep)


def made_words(rng: np.random.Generator, size: int, weighted: bool) -> tuple[Any, ...]:
    """Distinct scores and the integers of each class, most of them small, some 0 in one class."""
    scores = np.unique(rng.normal(size=size).round(int(rng.integers(1, 4))).astype(np.float32))
    labels = rng.integers(0, 2, 4 * scores.size).astype(np.uint8)
    rows = np.concatenate((scores, rng.choice(scores, 3 * scores.size)))
    if not weighted:
        return tuple(runs.sort_runs(rows, labels))
    weights = rng.choice(np.array([0.1, 1.0, 2.0**-60, 1e6]), rows.size)
    return tuple(runs.weigh_runs(rows, labels, weights))


def blocks_of(words: tuple[Any, ...], places: list[int], bits: int | None) -> tuple[Totals, list[Block]]:
    """The blocks between places; some may be empty."""
    keys, *rest = words
    half = len(rest) // 2
    unit = WEIGHT if half == 2 else COUNT

    def total(columns: list[Any]) -> int:
        high = sum(columns[0].tolist()) << 64 if half == 2 else 0
        return high + sum(columns[-1].tolist())

    totals = Totals(total(rest[:half]), total(rest[half:]), unit, bits)
    cuts = sorted([0, *places, keys.size])
    blocks = []
    for start, stop in pairwise(cuts):
        part = [column[start:stop] for column in rest]
        below = total([c[:start] for c in rest[:half]]), total([c[:start] for c in rest[half:]])
        blocks.append(Block(keys[start:stop], tuple(part[:half]), tuple(part[half:]), below, totals))
    return totals, blocks


@settings(max_examples=60, deadline=None)
@given(
    size=st.integers(1, 120),
    seed=st.integers(0, 2**32 - 1),
    weighted=st.booleans(),
    bits=st.sampled_from([None, 20]),
    twins=st.integers(1, 4),
)
def test_blocks_and_twins_change_no_bit(size, seed, weighted, bits, twins):
    rng = np.random.default_rng(seed)
    words = made_words(rng, size, weighted)
    if bits is not None:
        keys, first = np.unique(words[0] >> np.uint32(12) << np.uint32(12), return_index=True)
        words = (keys, *(column[first] for column in words[1:]))
    totals, (whole,) = blocks_of(words, [], bits)
    _, blocks = blocks_of(words, rng.integers(0, words[0].size + 1, 5).tolist(), bits)
    for sweep in SWEEPS:
        at_once = sweep.begin(totals)
        at_once.add(whole)
        dealt = [sweep.begin(totals) for _ in range(twins)]
        for j in rng.permutation(len(blocks)).tolist():
            dealt[int(rng.integers(twins))].add(blocks[j])
        first_twin, *others = dealt
        for other in others:
            first_twin.merge(other)
        assert state(first_twin) == state(at_once), sweep


@pytest.mark.parametrize("weighted", [False, True])
def test_integers_are_those_of_python(weighted):
    words = made_words(np.random.default_rng(1), 80, weighted)
    totals, blocks = blocks_of(words, [20, 50], None)
    every = blocks_of(words, [], None)[1][0]
    for block in blocks:
        integers, at = Integers(block), reached(block)
        for i in range(block.size):
            reach = integers.reach(i)
            higher = np.flatnonzero(every.keys >= block.keys[i]).tolist()
            negatives, positives = (
                sum((int(column[-1][j]) + ((int(column[0][j]) << 64) if weighted else 0)) for j in higher)
                for column in (every.negatives, every.positives)
            )
            assert reach == Reach(block.scores[i], negatives, positives)
            assert (at.negatives[i], at.positives[i]) == (negatives * totals.scale, positives * totals.scale)
            assert i + 1 == block.size or integers.above(i) == (
                integers.reach(i + 1).negatives,
                integers.reach(i + 1).positives,
            )


@settings(max_examples=200, deadline=None)
@given(total=st.integers(1, 2**120) | st.integers(1, 50), share=st.floats(0, 1) | st.sampled_from([0.1, 0.9, 1 / 3]))
def test_integers_of_a_share(total, share):
    least, most = least_share(share, total), most_share(share, total)
    assert least / total >= share
    assert least == 0 or (least - 1) / total < share
    assert most / total <= share
    assert most == total or (most + 1) / total > share


# ---------------------------------------------------------------------------------------------------------------------
# The hull


def corners_by_definition(points: list[tuple[Fraction, Fraction]]) -> list[int]:
    """Points that lie above every line between two others, one at each side; of equal points the first."""
    found = []
    for i, (x, y) in enumerate(points):
        if points.index((x, y)) < i:
            continue
        left = [p for p in points[:i] if p != (x, y)]
        right = [p for p in points[i + 1 :] if p != (x, y)]
        if all((y - a[1]) * (b[0] - x) > (b[1] - y) * (x - a[0]) for a in left for b in right):
            found.append(i)
    return found


@settings(max_examples=150, deadline=None)
@given(
    steps=st.lists(st.tuples(st.integers(0, 3), st.integers(0, 3)), min_size=1, max_size=25), scale=st.integers(0, 3)
)
def test_corners_of_the_hull_by_definition(steps, scale):
    # Whole numbers; tenths, which round; and numbers of very different size.
    unit = (1.0, 0.1, 2.0**-60, 1e15)[scale]
    x, y = (np.cumsum([step[axis] * unit for step in steps]) for axis in (0, 1))
    points = [(Fraction(a), Fraction(b)) for a, b in zip(x.tolist(), y.tolist(), strict=True)]
    assert hull_corners(x, y).tolist() == corners_by_definition(points)


def test_corners_of_many_points_are_those_of_their_parts():
    rng = np.random.default_rng(0)
    x, y = np.cumsum(rng.random(20_000) < 0.5), np.cumsum(rng.random(20_000) < np.linspace(0.9, 0.1, 20_000))
    x, y = x.astype(np.float64), y.astype(np.float64)
    parts = np.concatenate([start + hull_corners(x[start : start + 700], y[start : start + 700])
                            for start in range(0, x.size, 700)])  # fmt: skip
    corners = hull_corners(x, y)
    assert 4 < corners.size < 500
    assert parts[hull_corners(x[parts], y[parts])].tolist() == corners.tolist()


def test_corners_that_cost_least_area_are_dropped_first():
    # Twice the triangles with their neighbours: at (1, 3) |1*5 - 3*2| = 1, at (2, 5) |1*4 - 2*3| = 2, at (4, 7) 8.
    # Without (1, 3), that at (2, 5) is |2*7 - 5*4| = 6, still less than 8.
    x, y = np.array([0.0, 1, 2, 4, 9]), np.array([0.0, 3, 5, 7, 8])
    assert largest_area(x, y, 4).tolist() == [0, 2, 3, 4]
    assert largest_area(x, y, 3).tolist() == [0, 3, 4]
    assert largest_area(x, y, 2).tolist() == [0, 4]
    assert largest_area(x, y, 9).tolist() == [0, 1, 2, 3, 4]


def test_thinning_keeps_corners_and_spreads_the_rest():
    rng = np.random.default_rng(5)
    scores = rng.normal(size=5_000).astype(np.float32)
    labels = (rng.random(5_000) < 1 / (1 + np.exp(-2 * scores))).astype(np.uint8)
    totals, (block,) = blocks_of(tuple(runs.sort_runs(scores, labels)), [], None)
    every, thin = Thresholds().begin(totals), Thresholds(200).begin(totals)
    every.add(block)
    thin.add(block)
    whole, some = every.chosen, thin.chosen
    assert some.thresholds.size == 200
    corners = whole.thresholds[hull_corners(whole.negatives, whole.positives)]
    assert set(corners) <= set(some.thresholds)
    assert sum(part.thresholds.size for part in thin._parts) <= 201 + corners.size
    share = some.negatives / totals.negatives + some.positives / totals.positives
    assert np.diff(share).max() < 3 * 2.0 / 200
    few = Thresholds(6).begin(totals)
    few.add(block)
    assert few.chosen.thresholds.size == 6
    assert set(few.chosen.thresholds) <= set(corners)
    assert few.chosen.thresholds[0] == math.inf
