"""Exact sums of blocks of terms of every size and range, on which it depends by which way they are added."""

from __future__ import annotations

import hashlib
import math
import os
import subprocess
import sys
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fastrank._kernels import exact_sum
from fastrank.accumulators.sums import digits_to_fraction

BLOCK = 2048
UNIT = Fraction(1, 2**1074)


def zeros(slices: int = 1) -> tuple[Any, Any]:
    return np.zeros((slices, exact_sum.DIGITS), np.int64), np.zeros((slices, exact_sum.SPECIALS), np.int64)


def digits_of(values: Any, weights: Any = None) -> Any:
    digits, special = zeros()
    exact_sum.add_values(values, weights, None, digits, special)
    assert not special.any()
    return digits[0]


def exactly(values: Any) -> Fraction:
    """The sum as an integer number of 2^-1074."""
    mantissas, exponents = np.frexp(np.asarray(values, np.float64))
    pairs = zip((mantissas * 2.0**53).astype(np.int64).tolist(), exponents.tolist(), strict=True)
    return sum((m << (e + 1074 - 53)) if e >= 53 - 1074 else m >> (53 - 1074 - e) for m, e in pairs) * UNIT


def terms(count: int, top: int, spread: int, signs: str, seed: int) -> Any:
    """Random terms of exponents from top - spread to top."""
    generator = np.random.default_rng(seed)
    exponents = np.clip(top - generator.integers(0, spread + 1, count), -1074, 1023)
    values = np.ldexp(1 + generator.random(count), exponents.astype(np.int32))
    sign = {"plus": 1.0, "minus": -1.0, "both": generator.choice([-1.0, 1.0], count)}[signs]
    values = values * sign
    if signs == "both" and count > 2:
        values[-1] = -values[0]  # and something that cancels
    return values


COUNTS = st.sampled_from([1, 2, 7, BLOCK - 1, BLOCK, BLOCK + 1, 2 * BLOCK + 1])
# Two slices hold 103 bits, three 155: terms of 53 bits whose exponents differ by 50 and by 102 are at the ends.
SPREADS = st.sampled_from([0, 1, 20, 42, 43, 49, 50, 51, 94, 95, 101, 102, 103, 150, 300, 2100])


@settings(max_examples=150, deadline=None)
@given(COUNTS, st.integers(-1080, 1022), SPREADS, st.sampled_from(["plus", "minus", "both"]), st.integers(0, 999))
def test_blocks_of_any_range(count: int, top: int, spread: int, signs: str, seed: int) -> None:
    values = terms(count, top, spread, signs, seed)
    found = digits_to_fraction(digits_of(values))
    assert found == exactly(values)
    if top < 1000:  # fsum fails where a part of the sum is past the largest float64
        assert float(found) == math.fsum(values)


@settings(max_examples=40, deadline=None)
@given(st.lists(st.tuples(COUNTS, st.integers(-1080, 1022), SPREADS), min_size=2, max_size=5), st.integers(0, 999))
def test_blocks_of_different_ranges_follow_each_other(parts: list[tuple[int, int, int]], seed: int) -> None:
    values = np.concatenate([terms(*part, "both", seed + i) for i, part in enumerate(parts)])
    whole = digits_of(values)
    assert digits_to_fraction(whole) == exactly(values)
    pieces, special = zeros()
    cuts = np.random.default_rng(seed).integers(0, values.size, 4)
    for piece in np.split(values[::-1].copy(), np.sort(cuts)):
        exact_sum.add_values(piece, None, None, pieces, special)
    assert (pieces[0] == whole).all()


def test_terms_at_the_ends_of_a_slice() -> None:
    # Powers of two and their neighbours: each is at the end of what one reach, or one slice, can hold.
    for power in (-1074, -1022, -971, -920, -919, -918, -867, -52, -1, 0, 1, 8, 51, 52, 970, 1013, 1014, 1022, 1023):
        edge = math.ldexp(1.0, power)
        for value in (edge, -edge, math.nextafter(edge, 0), math.nextafter(edge, math.inf)):
            values = np.full(2 * BLOCK, value)
            assert digits_to_fraction(digits_of(values)) == 2 * BLOCK * Fraction(value), value
            values = np.append(values, -values[: BLOCK + 7])
            assert digits_to_fraction(digits_of(values)) == (BLOCK - 7) * Fraction(value), value


def test_ties_of_the_rounding_to_a_slice() -> None:
    # Halves of a slice's last bit are rounded to even, and what is left has the other sign.
    for reach in (1, 8):
        unit = math.ldexp(1.0, reach - 51)
        values = np.array([k * unit / 2 for k in range(-9, 10)] + [0.75 * 2**reach])
        assert digits_to_fraction(digits_of(values)) == sum(map(Fraction, values))


@pytest.mark.parametrize("place", [0, 1, BLOCK - 1, BLOCK, 2 * BLOCK])
@pytest.mark.parametrize("value", [math.inf, -math.inf, math.nan])
def test_one_special_term_anywhere(place: int, value: float) -> None:
    values = terms(2 * BLOCK + 1, 3, 20, "both", 5)
    rest = exactly(np.delete(values, place))
    values[place] = value
    digits, special = zeros()
    exact_sum.add_values(values, None, None, digits, special)
    assert special[0].tolist() == [value == math.inf, value == -math.inf, math.isnan(value)]
    assert digits_to_fraction(digits[0]) == rest


@settings(max_examples=40, deadline=None)
@given(COUNTS, st.integers(-300, 300), SPREADS.filter(lambda spread: spread <= 300), st.integers(0, 999))
def test_weighted_terms_lose_nothing(count: int, top: int, spread: int, seed: int) -> None:
    values = terms(count, top, spread, "both", seed)
    generator = np.random.default_rng(seed)
    weights = np.round(generator.random(count) * 2**30) / 2**20 * (generator.random(count) < 0.9)
    exact = sum((Fraction(w) * Fraction(x) for w, x in zip(weights.tolist(), values.tolist(), strict=True)), Fraction())
    assert digits_to_fraction(digits_of(values, weights)) == exact


@settings(max_examples=30, deadline=None)
@given(COUNTS, st.integers(-300, 300), SPREADS, st.booleans(), st.integers(0, 999))
def test_slices_are_as_sums_apart(count: int, top: int, spread: int, weighted: bool, seed: int) -> None:
    values, generator = terms(count, top, spread, "both", seed), np.random.default_rng(seed)
    slices = generator.integers(0, 5, count).astype(np.int32)
    weights = np.round(generator.random(count) * 2**20) if weighted else None
    digits, special = zeros(5)
    exact_sum.add_values(values, weights, slices, digits, special)
    for s in range(5):
        here = slices == s
        assert (digits[s] == digits_of(values[here], None if weights is None else weights[here])).all()


@pytest.mark.parametrize("dtype", [np.uint8, np.float32, np.float64])
@pytest.mark.parametrize("label", [np.uint8, np.float32, np.float64])
def test_losses_of_columns_of_all_types(dtype: type, label: type) -> None:
    generator = np.random.default_rng(6)
    y, p = generator.integers(0, 200, 5000).astype(label), generator.integers(0, 200, 5000).astype(dtype)
    digits, special = zeros()
    exact_sum.add_loss("squared_error", (), y, p, None, None, digits, special)
    assert digits_to_fraction(digits[0]) == int(((y.astype(int) - p.astype(int)) ** 2).sum())


SCRIPT = """
import sys
sys.path.insert(0, {folder!r})
from test_exact_sum_blocks import digest
print(digest())
"""


def digest() -> str:
    """Sums of all kinds of blocks, as one number."""
    result = hashlib.sha256()
    for count in (1, 7, 8, 15, 16, 17, BLOCK - 1, BLOCK, BLOCK + 1, 10_001):
        for top, spread in ((0, 3), (20, 60), (-1070, 3), (900, 140), (0, 1000)):
            values = terms(count, top, spread, "both", count)
            weights = np.abs(terms(count, 3, 10, "plus", count + 1))
            for column in (values, values.astype(np.float32) if top < 100 else values):
                digits, special = zeros()
                exact_sum.add_values(column, None, None, digits, special)
                exact_sum.add_values(column, weights, None, digits, special)
                exact_sum.add_products(column, values, weights, None, digits, special)
                exact_sum.add_loss("squared_error", (), values, column, weights, None, digits, special)
                result.update(digits.tobytes() + special.tobytes())
    return result.hexdigest()


def test_every_instruction_set_gives_the_same_bits() -> None:
    script = SCRIPT.format(folder=str(Path(__file__).parent))
    found = set()
    for level in ("baseline", "avx2", "avx512"):
        environment = {**os.environ, "FASTRANK_CPU": level}
        done = subprocess.run(
            [sys.executable, "-c", script], env=environment, capture_output=True, text=True, check=True
        )
        found.add(done.stdout)
    assert len(found) == 1


RUNS = [1, 2, 11, 12, 13, 15, 16, 17, 100, BLOCK - 1, BLOCK, BLOCK + 1, 5000]


def by_slice(add: Any, columns: list[Any], slices: Any, count: int) -> Any:
    """The digits and special terms of all slices."""
    found = zeros(count)
    add(columns, slices, *found)
    return found


@settings(max_examples=40, deadline=None)
@given(SPREADS, st.sampled_from(["plus", "minus", "both"]), st.integers(-300, 300), st.booleans(), st.integers(0, 999))
def test_runs_of_slices_are_the_sums_of_each_slice(
    spread: int, signs: str, top: int, weighted: bool, seed: int
) -> None:
    rng = np.random.default_rng(seed)
    sizes = rng.choice(RUNS, 8)
    slices = np.repeat(rng.permutation(8).astype(np.int32), sizes)
    values = terms(slices.size, top, spread, signs, seed)
    values[rng.random(values.size) < 0.02] = rng.choice([0.0, -0.0, 1.0, -math.inf, math.inf, math.nan])
    labels = rng.integers(0, 2, slices.size).astype(np.uint8)
    scores = rng.random(slices.size).astype(np.float32)
    weights = rng.choice([0.0, 0.25, 3.0], slices.size) if weighted else None

    def losses(columns: list[Any], codes: Any, digits: Any, special: Any) -> None:
        _, y, p, w = columns
        clipped = np.zeros(len(digits), np.int64)
        exact_sum.add_log_loss(p, y, 2.0**-10, w, codes, digits, special, clipped)
        digits[:, 0] += clipped  # compared with them

    adders = [
        lambda c, codes, *to: exact_sum.add_values(c[0], c[3], codes, *to),
        lambda c, codes, *to: exact_sum.add_values(c[1], c[3], codes, *to),
        losses,
        lambda c, codes, *to: exact_sum.add_brier(c[2], c[1], c[3], codes, *to),
        lambda c, codes, *to: exact_sum.add_loss("pinball", [0.1, 0.9], c[1], c[2], c[3], codes, *to),
        lambda c, codes, *to: exact_sum.add_products(c[2].astype(np.float64), c[1], c[3], codes, *to),
    ]
    columns = [values, labels, scores, weights]
    mixed = rng.permutation(slices.size)
    shuffled = [None if c is None else c[mixed] for c in columns]
    for add in adders:
        found = by_slice(add, columns, slices, 9)
        for one, two in zip(found, by_slice(add, shuffled, slices[mixed], 9), strict=True):
            assert np.array_equal(one, two)
        assert not found[0][8].any()
        for s in range(8):
            alone = by_slice(add, [None if c is None else c[slices == s] for c in columns], None, 1)
            assert np.array_equal(found[0][s], alone[0][0])
            assert np.array_equal(found[1][s], alone[1][0])
