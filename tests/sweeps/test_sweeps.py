"""A sweep over scores in one block finds the same as over several, dealt to twins in any order."""

from __future__ import annotations

from fractions import Fraction
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fastrank._kernels import runs
from fastrank.sweeps import (
    BaselineBins,
    Block,
    ClassDistance,
    Midranks,
    Pairs,
    PartialPairs,
    PrecisionArea,
    Sweep,
    Totals,
    Transport,
)
from fastrank.sweeps.base import COUNT, WEIGHT
from fastrank.sweeps.integers import FEW_PLACES, sums_before

SWEEPS = [
    Pairs(), PartialPairs(Fraction(0.3)), PartialPairs(Fraction(0.6), from_below=True), Midranks(), ClassDistance(),
    PrecisionArea("step"), PrecisionArea("trapezoid"), PrecisionArea("integral"), BaselineBins(3), Transport(),
]  # fmt: skip
INTEGERS = st.integers(0, 4) | st.just(1 << 40)


def words(integers: list[int], unit: int) -> tuple[np.ndarray, ...]:
    if unit == COUNT:
        return (np.array(integers, np.int64),)
    large = [(x << 60) + 3 * (x > 0) for x in integers]
    return np.array([x >> 64 for x in large], np.uint64), np.array([x % 2**64 for x in large], np.uint64)


def total(part: tuple[np.ndarray, ...]) -> int:
    return sum(int(x) << (64 * j) for j, word in enumerate(reversed(part)) for x in word)


def found(sweep: Sweep) -> dict[str, Any]:
    """What it has gathered."""
    return {name: value.tolist() if isinstance(value, np.ndarray) else value for name, value in vars(sweep).items()}


@pytest.mark.parametrize("sweep", SWEEPS, ids=repr)
@pytest.mark.parametrize("unit", [COUNT, WEIGHT])
@settings(max_examples=40, deadline=None)
@given(
    classes=st.lists(st.tuples(INTEGERS, INTEGERS).filter(any), min_size=1, max_size=20),
    bits=st.sampled_from([None, 14]),
    seed=st.integers(0, 2**32 - 1),
)
def test_blocks_may_be_dealt_in_any_way(sweep, unit, classes, bits, seed):
    rng = np.random.default_rng(seed)
    negatives, positives = (words([pair[j] for pair in classes], unit) for j in (0, 1))
    totals = Totals(total(negatives), total(positives), unit, bits)
    keys = (np.arange(len(classes), dtype=np.uint32) + 9000) << np.uint32(18)
    places = [0, *sorted(rng.integers(0, len(classes) + 1, 3).tolist()), len(classes)]
    blocks = []
    for start, stop in [(0, len(classes)), *((a, b) for a, b in pairwise(places) if a < b)]:
        below, inside = slice(0, start), slice(start, stop)
        blocks.append(
            Block(
                keys[inside],
                *(tuple(word[inside] for word in column) for column in (negatives, positives)),
                below=(total(tuple(w[below] for w in negatives)), total(tuple(w[below] for w in positives))),
                totals=totals,
            )
        )
    whole, *parts = blocks
    right = sweep.begin(totals)
    right.add(whole)
    twins = [sweep.begin(totals) for _ in range(3)]
    for i in rng.permutation(len(parts)):
        twins[rng.integers(3)].add(parts[i])
    first, second, third = (twins[i] for i in rng.permutation(3))
    second.merge(third)
    first.merge(second)
    assert found(first) == found(right)
    assert sweep == type(sweep)(**{n: getattr(sweep, n) for n in type(sweep).__dataclass_fields__})


@pytest.mark.parametrize("unit", [COUNT, WEIGHT])
def test_sums_before_many_places_are_those_before_few(unit):
    rng = np.random.default_rng(2)
    integers = words(rng.integers(0, 2**50, 2000).tolist(), unit)
    places = np.flatnonzero(rng.random(2001) < 0.5).tolist()
    assert len(places) > FEW_PLACES
    few = [sums_before(integers, [place])[0] for place in places]
    assert sums_before(integers, places) == few
    assert few[-1] > 2**59


@pytest.mark.parametrize("score", [-np.inf, np.inf])
def test_a_distance_stays_infinite_when_parts_are_merged(score):
    keys = np.array([runs.sort_runs(np.array([x], np.float32), np.zeros(1, np.uint8))[0][0] for x in (score, 1.0)])
    totals = Totals(1, 1, COUNT, None)
    one, nothing = np.array([1]), np.array([0])
    # The only negative row is infinite, the only positive one is 1.
    sides = {score: ((one,), (nothing,)), 1.0: ((nothing,), (one,))}
    parts, below = [], (0, 0)
    for x in sorted(sides):
        part = Transport().begin(totals)
        part.add(Block(keys[[score, 1.0].index(x)][None], *sides[x], below, totals))
        parts.append(part)
        below = tuple(int(side[0][0]) for side in sides[x])
    for first, second in (parts, parts[::-1]):
        both = Transport().begin(totals)
        both.merge(first)
        both.merge(second)
        assert both.distance == np.inf
