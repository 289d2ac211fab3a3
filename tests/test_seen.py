"""The ids of finished queries against Python sets."""

from __future__ import annotations

import random
import tracemalloc
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from fastrank import seen
from fastrank.errors import FastrankError
from fastrank.seen import SeenIds

ANY = st.one_of(st.integers(0, 300), st.integers(-(2**63), 2**63 - 1), st.integers(-400, 70_000))
SETS = st.lists(st.sets(ANY, max_size=30), max_size=8)


def as_ids(values: object) -> NDArray[np.uint64]:
    return np.array(values, np.int64).view(np.uint64)


def assert_full(ids: SeenIds) -> None:
    """No two neighbouring blocks fit into one."""
    sizes = [block.size for block in ids._blocks]
    assert all(a + b > seen.BLOCK for a, b in pairwise(sizes))
    assert max(sizes, default=0) <= seen.BLOCK


@pytest.fixture(autouse=True)
def small_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(seen, "BLOCK", 8)


@settings(max_examples=60, deadline=None)
@given(SETS, st.booleans(), st.booleans(), st.randoms(use_true_random=False))
def test_it_is_a_set(parts: list[set[int]], ordered: bool, apart: bool, random_: random.Random) -> None:
    """Ids in ascending pieces or not, pieces in ascending order or not."""
    taken: set[int] = set()
    found = SeenIds()
    if apart:
        parts = [set(part.tolist()) for part in np.array_split(np.array(sorted(set().union(*parts)), np.int64), 6)]
        random_.shuffle(parts)
    for part in parts:
        probe = [*part, *(value + 1 for value in part if value < 2**63 - 1), 3]
        assert found.contains(as_ids(probe)).tolist() == [value in taken for value in probe]
        assert found.contains_any(as_ids(probe)) == bool(taken.intersection(probe))
        new = sorted(part - taken)
        if not ordered:
            random_.shuffle(new)
        found.add(as_ids(new))
        taken |= part
        assert len(found) == len(taken)
        assert found.values().tolist() == sorted(value % 2**64 for value in taken)
        assert_full(found)
    again = SeenIds.unpacked(found.packed())
    assert again.values().tolist() == found.values().tolist()
    assert again.contains(as_ids(sorted(taken))).all()


@settings(max_examples=60, deadline=None)
@given(SETS, SETS, st.booleans(), st.booleans())
def test_merging(mine: list[set[int]], theirs: list[set[int]], scattered: bool, others_scattered: bool) -> None:
    sides, values = [], []
    for parts, mixed in ((mine, scattered), (theirs, others_scattered)):
        side, taken = SeenIds(), set[int]()
        for part in parts:
            new = sorted(part - taken, reverse=mixed)
            side.add(as_ids(new))
            taken |= part
        sides.append(side)
        values.append(taken)
    left, right = sides
    assert left.meets(right) == right.meets(left) == bool(values[0] & values[1])
    if values[0] & values[1]:
        return
    before = right.packed().tobytes()
    left.merge(right)
    assert_full(left)
    assert right.packed().tobytes() == before
    assert left.values().tolist() == sorted(value % 2**64 for value in values[0] | values[1])
    # The words depend on the ids only, not on how they came.
    whole = SeenIds()
    whole.add(as_ids(sorted(values[0] | values[1])))
    assert left.packed().tobytes() == whole.packed().tobytes()


@pytest.mark.parametrize(
    ("step", "bytes_an_id"), [(1, 0.05), (2, 1.1), (200, 1.1), (60_000, 2.1), (2**31, 4.1), (2**40, 8.1)]
)
def test_memory_of_ids_that_ascend(step: int, bytes_an_id: float, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.undo()
    ids = as_ids(np.arange(1_000_000) * step - 5)
    tracemalloc.start()
    found = SeenIds()
    for part in np.array_split(ids, 70):
        found.add(part)
    held, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert held < bytes_an_id * ids.size + 300_000
    assert found.packed().nbytes < bytes_an_id * ids.size
    assert found.contains(ids[::777]).all()
    assert not found.contains(as_ids([-6, 1_000_000 * step])).any()


def test_pieces_of_two_shards_stay_small(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.undo()
    pieces = np.array_split(as_ids(np.arange(1_000_000) * 3), 40)
    left, right = SeenIds(), SeenIds()
    for i, piece in enumerate(pieces):
        (left if i % 2 else right).add(piece)
    assert not left.meets(right)
    left.merge(right)
    assert left.values().tolist() == list(range(0, 3_000_000, 3))
    assert left.packed().nbytes < 1_010_000
    assert left.packed().tobytes() == SeenIds.unpacked(left.packed()).packed().tobytes()
    for other, together in (([1, 4, 299_999], False), ([1, 300_000], True), ([-5, 3_000_000], False)):
        some = SeenIds()
        some.add(as_ids(other))
        assert left.meets(some) is some.meets(left) is together


def test_merging_makes_anew_what_overlaps_only(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two shards in turn: one block of the other holds ids of two of its pieces, and lies around the first's."""
    left, right = SeenIds(), SeenIds()
    left.add(as_ids(range(100)))
    left.add(as_ids(range(200, 300)))
    right.add(as_ids(range(100, 200)))
    right.add(as_ids(range(300, 400)))
    kept = {id(block) for side in (left, right) for block in side._blocks}
    made = []
    of = seen.Block.of
    monkeypatch.setattr(seen.Block, "of", lambda ids: made.append(ids.size) or of(ids))
    assert not left.meets(right)
    assert not made
    left.merge(right)
    assert sum(made) < 8 * seen.BLOCK
    assert sum(id(block) in kept for block in left._blocks) > 40
    assert left.values().tolist() == list(range(400))


def test_a_hash_set_keeps_within_the_limit() -> None:
    mixed = as_ids(np.random.default_rng(1).permutation(5_000))
    SeenIds(1 << 17).add(mixed)
    with pytest.raises(FastrankError, match=r"ids of 5000 .* take 131072 bytes, more than memory_limit=131071: sort"):
        SeenIds((1 << 17) - 1).add(mixed)
    ordered = SeenIds(0)
    ordered.add(np.sort(mixed))
    with pytest.raises(FastrankError, match="raise memory_limit"):
        ordered.add(as_ids([9_000, 8_000]))


def damaged(words: NDArray[np.uint64]) -> dict[str, NDArray[np.uint64]]:
    changed = {"cut": words[:-1], "head": words[:1], "twice": np.concatenate([words, words])}
    for name, place, value in (
        ("no ids", 1, 2 << 32),
        ("too many", 1, 9 | 2 << 32),
        ("width", 1, 5 | 3 << 32),
        ("steps of 0", 2, 0),
        ("beyond int64", 0, 2**63 - 10),
    ):
        changed[name] = words.copy()
        changed[name][place] = value
    return changed


@pytest.mark.parametrize("name", ["cut", "head", "twice", "no ids", "too many", "width", "steps of 0", "beyond int64"])
def test_damaged_words_are_refused(name: str) -> None:
    ids = SeenIds()
    ids.add(as_ids([5, 700, 900, 2_000, 2_001]))
    words = ids.packed()
    assert words.tolist() == [5, 5 | 2 << 32, 695 | 200 << 16 | 1100 << 32 | 1 << 48]
    with pytest.raises(ValueError, match=r"ids|id "):
        SeenIds.unpacked(damaged(words)[name])
