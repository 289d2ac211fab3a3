"""Distinct scores whatever becomes of them on the way: dealt, sorted, merged, moved to files, widened, shared."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fastrank._kernels import runs
from fastrank.accumulators import distinct, generations
from fastrank.accumulators.distinct import DistinctScores
from fastrank.accumulators.generations import widened


@pytest.fixture(autouse=True)
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    """Sizes that a few hundred rows pass."""
    monkeypatch.setattr(distinct, "DEALT_ROWS", 40)
    monkeypatch.setattr(distinct, "FEW_ROWS", 12)
    monkeypatch.setattr(distinct, "FAN", 3)
    for module in (distinct, generations):
        monkeypatch.setattr(module, "CHUNK_RUNS", 8)


def make(count: int, seed: int, dtype: Any, weighted: bool) -> tuple[Any, ...]:
    rng = np.random.default_rng(seed)
    kinds = [rng.normal(size=count), rng.integers(-3, 4, count) / 4, np.full(count, 0.5), rng.random(count) * 1e-3]
    scores = np.where(rng.random(count) < 0.2, -0.0, kinds[seed % 4]).astype(dtype)
    weights = rng.choice([0.0, 1.0, 0.1, 2.0**20, 2.0**-72], count)
    return (scores, rng.integers(0, 2, count).astype(np.uint8), *((weights,) if weighted else ()))


def runs_of(rows: list[tuple[Any, ...]], wide: bool) -> Any:
    columns = [np.concatenate(parts) for parts in zip(*rows, strict=True)]
    scores = columns[0].astype(np.float64 if wide else np.float32)
    return (runs.sort_runs if len(columns) == 2 else runs.weigh_runs)(scores, *columns[1:])


def check(held: DistinctScores, rows: list[tuple[Any, ...]]) -> None:
    """All blocks, in one part and in several, are the runs of all rows."""
    expected = runs_of(rows, held.wide)
    for count in (1, 2, 5):
        blocks = [block for part in held.blocks(count) for block in part]
        found = [(block.keys, *block.negatives, *block.positives) for block in blocks]
        for columns, right in zip(zip(*found, strict=True) if found else [()] * len(expected), expected, strict=True):
            assert np.array_equal(np.concatenate([right[:0], *columns]), right)
        below = (0, 0)
        for block in blocks:
            assert block.below == below
            below = (below[0] + block.own[0], below[1] + block.own[1])
        assert (held.totals.negatives, held.totals.positives) == below


ACTIONS = st.lists(
    st.tuples(st.sampled_from(["add", "add", "add", "compact", "spill", "merge", "take", "ask"]), st.integers(0, 150)),
    max_size=14,
)


@settings(deadline=None, max_examples=150)
@given(actions=ACTIONS, seed=st.integers(0, 2**16), weighted=st.booleans(), wide=st.sampled_from([0.0, 0.3, 1.0]))
def test_whatever_is_done_the_runs_are_those_of_all_rows(actions, seed, weighted, wide):
    rng = np.random.default_rng(seed)
    held, other = DistinctScores(weighted), DistinctScores(weighted)
    rows = [make(0, 0, np.float32, weighted)]
    others = list(rows)
    for step, (action, count) in enumerate(actions):
        dtype = np.float64 if rng.random() < wide else np.float32
        if action == "add":
            target, seen = (held, rows) if rng.random() < 0.7 else (other, others)
            seen.append(make(count, seed + step, dtype, weighted))
            target.add(tuple(column.copy() for column in seen[-1]))
        elif action == "take":
            rows.append(make(count, seed + step, dtype, weighted))
            held.take(widened(runs_of(rows[-1:], dtype == np.float64)))
        elif action == "merge":
            held.merge(other)
            rows.extend(others)
            check(other, others)
        elif action == "ask":
            check(held, rows)
        else:
            getattr(held if rng.random() < 0.7 else other, action)()
    check(held, rows)
    check(other, others)


def test_generations_stay_few():
    held, rows = DistinctScores(False), []
    for seed in range(200):
        rows.append(make(30, seed, np.float32, False))
        more = DistinctScores(False)
        more.add(rows[-1])
        more.compact()
        held.merge(more)
        held.compact()
    assert len(held._generations) < 16
    check(held, rows)


def test_files_of_generations_are_merged_in_files():
    held, rows = DistinctScores(False), []
    for seed in range(0, 80, 4):
        rows.append(make(150, seed, np.float32, False))
        held.add(rows[-1])
        held.compact()
        held.spill()
        assert held.sorted_bytes == 0
        assert held.spilled
    assert len(held._generations) < 12
    check(held, rows)


def test_counts_take_as_little_as_they_can():
    held = DistinctScores(False)
    held.add((np.repeat(np.float32([0.25, 0.5]), [300, 1]), np.zeros(301, np.uint8)))
    held.compact()
    # A key of 4 bytes, a count up to 300 in 2, and no positives in 1.
    assert held.sorted_bytes == 2 * (4 + 2 + 1)


def test_memory_of_batches_may_be_used_again():
    held = DistinctScores(False)
    rows = make(10, 0, np.float32, False)
    given_rows = tuple(column.copy() for column in rows)
    held.add(given_rows)
    for column in given_rows:
        column[:] = 1
    check(held, [rows])
