"""Domain checks against one line of NumPy each."""

from __future__ import annotations

import math
from fractions import Fraction
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from fastrank._kernels import checks

NUMBERS = [np.int8, np.uint8, np.int16, np.uint16, np.int32, np.uint32, np.int64, np.uint64, np.float32, np.float64]


@given(hnp.arrays(st.sampled_from([np.float32, np.float64]), st.integers(0, 70), elements=st.floats(width=32)))
def test_any_outside(values: Any) -> None:
    assert checks.any_outside(values, 0.0, 1.0) == (not ((values >= 0) & (values <= 1)).all())
    assert checks.any_outside(values, -np.inf, np.inf) == np.isnan(values).any()


@pytest.mark.parametrize("place", [0, 15, 16, 63, 64, 99])
@pytest.mark.parametrize("bad", [np.nan, -0.001, 1.001, np.inf])
def test_any_outside_finds_one_bad_value_anywhere(place: int, bad: float) -> None:
    for dtype in (np.float32, np.float64):
        values = np.full(100, 0.5, dtype)
        values[place] = bad
        assert checks.any_outside(values, 0.0, 1.0)
    assert not checks.any_outside(np.full(100, 0.5), 0.0, 1.0)


@pytest.mark.parametrize("dtype", NUMBERS)
@given(values=st.lists(st.integers(0, 31), max_size=70))
def test_small_integers_become_bytes(dtype: type, values: list[int]) -> None:
    small, fits = checks.to_small(np.array(values, dtype), 31)
    assert fits
    assert small.tolist() == values
    assert checks.to_small(np.array(values, dtype), 1)[1] == (max(values, default=0) <= 1)


@pytest.mark.parametrize("dtype", NUMBERS)
def test_what_is_no_small_integer_is_seen(dtype: type) -> None:
    info: Any = np.iinfo(dtype) if np.issubdtype(dtype, np.integer) else np.finfo(dtype)
    bad = [32, info.max, info.min] if info.min < 0 else [32, info.max]
    if np.issubdtype(dtype, np.floating):
        bad += [0.5, np.nan, np.inf, 1e300 if dtype is np.float64 else 1e30, -0.5]
    for value in bad:
        for place in (0, 17, 63):
            values = np.ones(64, dtype)
            values[place] = value
            assert not checks.to_small(values, 31)[1], value


@given(hnp.arrays(np.uint8, st.integers(0, 130)), st.integers(0, 255))
def test_any_above(values: Any, top: int) -> None:
    values.flags.writeable = False
    assert checks.any_above(values, top) == bool((values > top).any())


@given(hnp.arrays(st.sampled_from([np.float32, np.float64]), st.integers(0, 70), elements=st.floats(0, 2, width=32)))
def test_small_values_are_rounded_to_units(values: Any) -> None:
    values = values * values.dtype.type(1e-6)
    found = checks.rounded(values, 2.0**-20)
    units = [Fraction(float(x)) * 2**72 if x < 2.0**-20 else Fraction(float(x)) for x in values]
    assert found.tolist() == [
        float(round(unit) / Fraction(2**72)) if x < 2.0**-20 else x for x, unit in zip(values, units, strict=True)
    ]
    assert found.dtype == np.float64


@given(st.lists(st.sampled_from([0.0, 1.0, 2.0**-72, 5.0]), max_size=70))
def test_positive_values_are_counted(values: list[float]) -> None:
    assert checks.count_positive(np.array(values, np.float64)) == sum(x > 0 for x in values)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_the_extent_of_values(dtype: Any) -> None:
    for values in ([0.5], [0.25, -3.0, 7.0], [-2.0, -1.0], [math.inf, 1.0], [-0.0, 0.0], [5e-324, -math.inf]):
        for tile in (1, 40):
            column = np.tile(np.array(values, dtype), tile)
            assert checks.extent(column) == (column.min(), column.max())
    for nan in (math.nan, -math.nan):
        for place in (0, 17, 99):
            column = np.linspace(-1, 1, 100).astype(dtype)
            column[place] = nan
            assert any(map(math.isnan, checks.extent(column)))


@pytest.mark.parametrize("weighted", [False, True])
def test_rows_are_counted_by_slice(weighted: bool) -> None:
    rng = np.random.default_rng(0)
    sizes = [1, 15, 16, 17, 31, 32, 33, 1000, 2]
    for slices in (
        np.repeat(np.arange(9), sizes),
        rng.integers(0, 9, 2000),
        np.zeros(0, int),
        np.repeat([8, 0, 8], 50),
    ):
        weights = rng.integers(0, 2, slices.size).astype(np.float64)
        counts = np.full(10, 5)
        checks.count_rows(slices.astype(np.int32), weights if weighted else None, counts)
        present = slices[weights > 0] if weighted else slices
        assert np.array_equal(counts, 5 + np.bincount(present, minlength=10))


def test_slices_that_do_not_exist_are_not_counted() -> None:
    for foreign in (-1, 4, 2**31 - 1):
        with pytest.raises(ValueError, match=rf"slice {foreign} lies outside the 4"):
            checks.count_rows(np.array([0, 0, foreign], np.int32), None, np.zeros(4, np.int64))
    with pytest.raises(ValueError, match="length"):
        checks.count_rows(np.zeros(3, np.int32), np.zeros(2), np.zeros(4, np.int64))
