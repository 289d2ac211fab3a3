"""Bins of scores against comparing each score with each edge, with sums of fractions."""

from __future__ import annotations

import os
import subprocess
import sys
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fastrank._kernels import bins, exact_sum

UNIT = Fraction(1, 2**1074)
TINY = [0.0, -0.0, 2.0**-1074, 2.0**-149, 2.0**-126, 2.0**-53, 2.0**-27, 2.0**-26 * (1 + 2.0**-23), 1e-30]


def tables(slices: int, edges: int, weighted: bool) -> list[np.ndarray | None]:
    shape = slices, edges + 1
    words = np.zeros((*shape, 4), np.uint64) if weighted else None
    return [np.zeros((*shape, 2), np.uint64), words, np.zeros((*shape, exact_sum.DIGITS), np.int64)]


def summed(scores, labels, weights, slices, edges, widths, strict, count=1, parts=1):
    """The tables of a kernel that got the rows in so many parts."""
    found = tables(count, len(edges), weights is not None)
    kernel = bins.Bins(edges, widths, strict)
    for part in np.array_split(np.arange(len(scores)), parts):
        columns = (None if each is None else each[part] for each in (scores, labels, weights, slices))
        bins.add_rows(*columns, kernel, *found)
    exact_sum.carry(found[2].reshape(-1, exact_sum.DIGITS))
    return found


def expected(scores, labels, weights, slices, edges, strict):
    """(rows, weight, sum of weight times score) of each slice, bin and label."""
    found: dict[tuple[int, int, int], list] = {}
    for i, score in enumerate(scores.tolist()):
        w = Fraction(1 if weights is None else weights[i])
        if w > 0:
            place = sum(edge < score if strict else edge <= score for edge in edges)
            key = 0 if slices is None else int(slices[i]), place, int(labels[i])
            mine = found.setdefault(key, [0, Fraction(0), Fraction(0)])
            mine[0], mine[1], mine[2] = mine[0] + 1, mine[1] + w, mine[2] + w * Fraction(score)
    return found


def check(found, right, rows):
    counts, words, digits = found
    assert counts.sum() == sum(count for count, _, _ in right.values()) <= rows
    for s, b in {(s, b) for s, b, _ in right}:
        by_label = [right.get((s, b, y), [0, Fraction(0), Fraction(0)]) for y in (0, 1)]
        assert counts[s, b].tolist() == [each[0] for each in by_label]
        if words is not None:
            a, low, c, lower = words[s, b].tolist()
            assert [(a << 64) + low, (c << 64) + lower] == [each[1] * 2**72 for each in by_label]
        # What products with weights have below 2^-1074 is lost.
        lost = 0 if words is None else rows * UNIT
        assert abs(total_of(digits[s, b]) - by_label[0][2] - by_label[1][2]) <= lost


def total_of(digits: np.ndarray) -> Fraction:
    return sum(int(d) << (32 * j) for j, d in enumerate(digits.tolist())) * UNIT


def near_edges(widths: int, dtype: type) -> np.ndarray:
    """i / widths, its neighbours, and numbers of every size."""
    at = np.array([i / widths for i in range(widths + 1)], np.float64).astype(dtype)
    every = np.concatenate([at, np.nextafter(at, dtype(0)), np.nextafter(at, dtype(2))])
    return np.concatenate([every[every <= 1], np.array(TINY, np.float64).astype(dtype), [0.3, 0.7, 0.9999999]]).astype(
        dtype
    )


@pytest.mark.parametrize("strict", [False, True])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("widths", [1, 2, 3, 7, 10, 15, 49, 1000, 65536])
def test_scores_on_edges_and_next_to_them(widths, dtype, strict):
    scores = near_edges(widths, dtype)
    if widths > 1000:
        scores = scores[np.random.default_rng(0).permutation(scores.size)[:3000]]
    edges = [i / widths for i in range(1, widths)]
    found = summed(scores, np.ones(scores.size, np.uint8), None, None, edges, widths, strict)
    place = np.searchsorted(edges, scores.astype(np.float64), "left" if strict else "right")
    assert np.array_equal(found[0][0, :, 1], np.bincount(place, minlength=widths))
    for b in np.unique(place)[:40].tolist():
        assert total_of(found[2][0, b]) == sum(map(Fraction, scores[place == b].tolist()))


@settings(max_examples=40, deadline=None)
@given(
    count=st.integers(0, 1200),
    seed=st.integers(0, 2**32 - 1),
    dtype=st.sampled_from([np.float32, np.float64]),
    widths=st.sampled_from([0, 1, 3, 10, 15, 200]),
    strict=st.booleans(),
    weighted=st.booleans(),
    slices=st.sampled_from([None, 1, 3, 80]),
    size=st.sampled_from([1.0, 1e-3, 1e-12, 1e-38]),
)
def test_rows_equal_their_sums_however_they_come(count, seed, dtype, widths, strict, weighted, slices, size):
    rng = np.random.default_rng(seed)
    scores = (rng.random(count) * np.where(rng.random(count) < 0.5, size, 1)).astype(dtype)
    some = near_edges(widths or 4, dtype)
    scores = np.where(rng.random(count) < 0.3, rng.choice(some, count), scores).astype(dtype)
    labels = rng.integers(0, 2, count).astype(np.uint8)
    weights = rng.choice(np.array([0.0, 0.1, 1.0, 2.0**-72, 2.0**20]), count).round(10) if weighted else None
    weights = None if weights is None else np.round(weights * 2.0**40) * 2.0**-40
    numbers = None if slices is None else rng.integers(0, slices, count).astype(np.int32)
    edges = [i / widths for i in range(1, widths)] if widths else [2.0**-149, 0.1, 0.25, 0.5, 0.7]
    there = slices or 1
    columns = [scores, labels, weights, numbers]
    for each in columns:
        if each is not None:
            each.setflags(write=False)
    found = summed(*columns, edges, widths, strict, there, parts=1 + seed % 3)
    check(found, expected(*columns, edges, strict), count)
    orders = [rng.permutation(count)]
    if numbers is not None:  # rows of a slice are taken together where they are adjacent
        orders += [np.argsort(numbers, kind="stable"), np.argsort(numbers // 2, kind="stable")]
    for order in orders:
        again = summed(*(None if c is None else c[order] for c in columns), edges, widths, strict, there)
        assert all(a is b is None or np.array_equal(a, b) for a, b in zip(found, again, strict=True))


def test_many_rows_of_one_score_do_not_overflow():
    scores = np.ones(3 * 8192 + 5)
    scores[0] = 1 - 2.0**-53
    counts, _, digits = summed(scores, np.ones(scores.size, np.uint8), None, None, [0.5], 2, False)
    assert counts.tolist() == [[[0, 0], [0, scores.size]]]
    assert total_of(digits[0, 1]) == scores.size - Fraction(1, 2**53)


def test_long_runs_of_many_slices():
    rng = np.random.default_rng(0)
    slices = np.repeat(np.arange(40, dtype=np.int32), rng.choice([1, 63, 64, 65, 511, 512, 513, 9000], 40))
    scores, labels = rng.random(slices.size), rng.integers(0, 2, slices.size).astype(np.uint8)
    edges = [i / 15 for i in range(1, 15)]
    found = summed(scores, labels, None, slices, edges, 15, False, 40, parts=3)
    for s in range(40):
        alone = summed(scores[slices == s], labels[slices == s], None, None, edges, 15, False)
        assert np.array_equal(found[0][s], alone[0][0])
        assert np.array_equal(found[2][s], alone[2][0])


def test_what_does_not_fit_is_refused():
    one, label = np.array([0.5]), np.array([1], np.uint8)
    kernel = bins.Bins([0.5], 2, False)
    with pytest.raises(ValueError, match="a table of"):
        bins.add_rows(one, label, None, None, kernel, *tables(1, 2, False))
    with pytest.raises(ValueError, match="differ in length"):
        bins.add_rows(one, label[:0], None, None, kernel, *tables(1, 1, False))
    with pytest.raises(ValueError, match="no table for them"):
        bins.add_rows(one, label, one, None, kernel, *tables(1, 1, False))
    with pytest.raises(ValueError, match="a slice lies outside"):
        bins.add_rows(one, label, None, np.array([1], np.int32), kernel, *tables(1, 1, False))
    with pytest.raises(ValueError, match="inner edges"):
        bins.Bins(np.linspace(0, 1, 70000), 0, False)


def test_every_instruction_set_gives_the_same_bits():
    script = """
import hashlib, sys
sys.path.insert(0, "tests/kernels")
import numpy as np
from test_bins import summed
digest, rng = hashlib.sha256(), np.random.default_rng(0)
for dtype in (np.float32, np.float64):
    for widths in (15, 0):
        edges = [i / 15 for i in range(1, 15)]
        scores = (rng.random(20000) ** 3).astype(dtype)
        labels = (rng.random(20000) < 0.3).astype(np.uint8)
        for table in summed(scores, labels, None, None, edges, widths, False):
            digest.update(b"" if table is None else table.tobytes())
print(digest.hexdigest())
"""
    found = set()
    for level in ("baseline", "avx2", "avx512"):
        environment = {**os.environ, "FASTRANK_CPU": level}
        done = subprocess.run(
            [sys.executable, "-c", script], env=environment, capture_output=True, text=True, check=True
        )
        found.add(done.stdout)
    assert len(found) == 1
