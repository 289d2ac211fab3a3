"""Distinct scores whatever becomes of them on the way: dealt, sorted, merged, moved to files, widened, shared."""

from __future__ import annotations

import copy
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fastrank._kernels import runs
from fastrank.accumulators import ScoreRuns, distinct, exact, generations
from fastrank.accumulators.distinct import DistinctScores
from fastrank.accumulators.generations import widened
from fastrank.spill import Spill


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
            target = held if rng.random() < 0.7 else other
            target.spill(Spill()) if action == "spill" else target.compact()
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
        held.spill(Spill())
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


def test_a_state_may_be_merged_with_itself():
    held, rows = DistinctScores(False), [make(10, 0, np.float32, False), make(30, 1, np.float32, False)]
    held.add(rows[0])
    held.compact()
    held.spill(Spill())
    held.add(rows[1])
    held.merge(held)
    check(held, rows * 2)


def test_copies_of_what_is_in_a_file_go_on_apart():
    held, rows = DistinctScores(False), [make(60, 0, np.float32, False), make(60, 1, np.float32, False)]
    file = Spill()
    held.add(rows[0])
    held.compact()
    held.spill(file)
    twin = copy.deepcopy(held)
    for each, more in ((held, rows[1]), (twin, rows[0])):
        each.add(more)
        each.compact()
        each.spill(file)
    check(held, rows)
    check(twin, [rows[0], rows[0]])


@pytest.mark.parametrize("at", ["_ranges", "_merge"])
def test_a_result_that_is_broken_off_loses_nothing(monkeypatch, at):
    held, rows = DistinctScores(False), []
    for seed in range(2):
        rows.append(make(11, seed * 4, np.float32, False))
        held.add(rows[-1])
        assert held.totals.negatives
    rows.append(make(11, 8, np.float32, False))
    held.add(rows[-1])

    def breaks_off(*_: Any, **__: Any) -> Any:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(DistinctScores, at, breaks_off)
        with pytest.raises(KeyboardInterrupt):
            held.totals  # noqa: B018
    check(held, rows)


def test_few_rows_of_many_batches_stand_in_few_arrays():
    held, rows = DistinctScores(True), [make(1, seed, np.float32, True) for seed in range(39)]
    for each in rows:
        held.add(each)
    assert sorted(len(each[0]) for each in held._rows) == [1, 2, 4, 32]
    check(held, rows)


def many_slices(limit: int) -> tuple[ScoreRuns, dict[int, tuple[Any, ...]]]:
    """A state of 200 slices, most of it in files, and the rows of each."""
    state = ScoreRuns()
    state.memory_limit = limit
    state.grow(200)
    rng = np.random.default_rng(0)
    batches = [(*make(4000, seed, np.float32, False), rng.integers(0, 200, 4000).astype(np.int32)) for seed in range(6)]
    for scores, labels, slices in batches:
        state.update(SomeRows(scores, labels), slices)
    scores, labels, slices = map(np.concatenate, zip(*batches, strict=True))
    return state, {s: (scores[slices == s], labels[slices == s]) for s in range(200)}


class SomeRows(dict[str, Any]):
    """Rows as accumulators read them."""

    counts = None

    def __init__(self, scores: Any, labels: Any) -> None:
        super().__init__(score=scores, label=labels)
        self.count = len(scores)


def test_slices_share_files():
    state, rows_of = many_slices(1 << 14)
    twin = ScoreRuns()
    twin.memory_limit = 1 << 14
    twin.grow(200)
    for _ in range(3):
        twin.merge(state, np.arange(200))
    files = {id(each.spill) for held in twin._slices for each in held._generations if each.spill is not None}
    assert 1 <= len(files) <= 8
    for s in (0, 199):
        check(state._slices[s], [rows_of[s]])
        check(twin._slices[s], [rows_of[s]] * 3)


@pytest.mark.parametrize("a_slice", [1, 30, 1 << 20])
@pytest.mark.parametrize("ascending", [False, True])
def test_rows_of_several_slices_wait_side_by_side(monkeypatch, a_slice, ascending):
    monkeypatch.setattr(exact, "ROWS_A_SLICE", a_slice)
    rng = np.random.default_rng(0)
    state, twin = ScoreRuns(), ScoreRuns()
    rows_of: dict[int, list] = {s: [] for s in range(4)}
    for of in (state, twin):
        of.grow(5)
    for seed in range(6):
        rows = make(100, seed, np.float64 if seed == 3 else np.float32, False)
        slices = rng.integers(0, 1 if seed == 2 else 4, 100).astype(np.int32)
        slices = np.sort(slices) if ascending else slices
        state.update(SomeRows(*rows), slices)
        for s in range(4):
            rows_of[s].append(tuple(column[slices == s] for column in rows))
        for column in rows:
            column[:] = 0  # whose memory is used again
    assert (state._mixed_rows > 0) == (a_slice > 100)
    twin.merge(state, np.arange(5))
    for of in (state, twin):
        assert of.totals(4).negatives == of.totals(4).positives == 0
        for s in range(4):
            check(of._slices[s], rows_of[s])


def test_rows_that_wait_are_few_enough_to_be_counted_in_32_bits(monkeypatch):
    monkeypatch.setattr(exact, "MOST_WAITING_BYTES", 500)
    state = ScoreRuns()
    state.memory_limit = 1 << 62
    state.grow(1)
    for seed in range(20):
        state.update(SomeRows(*make(45, seed, np.float32, False)), None)
        assert state._slices[0].waiting_bytes <= 500
