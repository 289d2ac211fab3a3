"""Rows brought together by id, against NumPy."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fastrank._kernels import group

IDS = st.lists(st.sampled_from([0, 1, 2, 255, 256, 2**32, 2**63, 2**64 - 1]) | st.integers(0, 2**64 - 1), max_size=300)


def mixed(ids: np.ndarray) -> np.ndarray:
    """SplitMix64's finalizer."""
    x = ids.astype(np.uint64)
    x = (x ^ (x >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    x = (x ^ (x >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return x ^ (x >> np.uint64(31))


def grouped(ids: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The twin of group_rows: a stable sort by the place where each id first came."""
    _, first, inverse = np.unique(ids, return_index=True, return_inverse=True)
    keys = first[inverse]
    order = np.argsort(keys, kind="stable")
    counts = np.bincount(np.unique(keys, return_inverse=True)[1])
    return order, np.concatenate(([0], np.cumsum(counts)))


def check_groups(ids: np.ndarray) -> None:
    order, offsets = group.group_rows(ids)
    expected_order, expected_offsets = grouped(ids)
    np.testing.assert_array_equal(order, expected_order)
    np.testing.assert_array_equal(offsets, expected_offsets)
    assert order.dtype == offsets.dtype == np.int64


def check_parts(ids: np.ndarray, level: int) -> None:
    order, bounds = group.partition_rows(ids, level)
    parts = (mixed(ids) >> np.uint64(56 - 8 * level)) & np.uint64(255)
    np.testing.assert_array_equal(order, np.argsort(parts, kind="stable"))
    np.testing.assert_array_equal(np.diff(bounds), np.bincount(parts.astype(np.intp), minlength=group.PARTS))
    assert bounds[0] == 0
    assert order.dtype == bounds.dtype == np.int64


@given(IDS)
def test_groups(ids):
    check_groups(np.array(ids, np.uint64))


@given(IDS, st.integers(0, group.LEVELS - 1))
def test_parts(ids, level):
    check_parts(np.array(ids, np.uint64), level)


@pytest.mark.parametrize("distinct", [1, 100, 128, 129, 10_000, 2**63])
def test_tables_that_grow(distinct):
    rng = np.random.default_rng(distinct % 1000)
    ids = rng.integers(0, distinct, 30_000, dtype=np.uint64)
    check_groups(ids)
    check_parts(ids, 0)


@pytest.mark.parametrize("count", [0, 1])
def test_few_rows(count):
    check_groups(np.full(count, 7, np.uint64))
    check_parts(np.full(count, 7, np.uint64), 3)


def test_read_only_rows():
    ids = np.array([3, 1, 3], np.uint64)
    ids.flags.writeable = False
    check_groups(ids)
    check_parts(ids, 0)


@pytest.mark.parametrize("level", [-1, 8])
def test_levels_that_do_not_exist(level):
    with pytest.raises(ValueError, match="level must be from 0 to 7"):
        group.partition_rows(np.zeros(1, np.uint64), level)
