"""Id sets against Python sets; fingerprints of byte strings."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from fastrank._kernels.ids import IdSet, find_runs, fingerprints

ids = st.lists(st.one_of(st.integers(0, 50), st.integers(0, 2**64 - 1)))


@given(st.lists(ids))
def test_an_id_set_is_a_set(batches: list[list[int]]) -> None:
    seen: set[int] = set()
    found = IdSet()
    for batch in batches:
        array = np.array(batch, np.uint64)
        assert found.contains_any(array) == bool(seen.intersection(batch))
        expected = -1
        for i, number in enumerate(batch):
            if number in seen:
                expected = i
                break
            seen.add(number)
        assert found.add(array) == expected
        assert len(found) == len(seen)
        assert found.values().tolist() == sorted(seen)


def test_an_id_set_grows() -> None:
    found = IdSet()
    numbers = np.random.default_rng(0).permutation(100_000).astype(np.uint64)
    for part in np.array_split(numbers, 7):
        assert found.add(part) == -1
    assert found.values().tolist() == list(range(100_000))


@given(st.lists(st.tuples(st.integers(-(2**63), 2**63 - 1), st.integers(1, 90)), max_size=12))
def test_runs_of_ids(runs: list[tuple[int, int]]) -> None:
    ids = np.array([number for number, count in runs for _ in range(count)], np.int64)
    ids.flags.writeable = False
    starts, values = find_runs(ids)
    expected = [i for i in range(ids.size) if i == 0 or ids[i] != ids[i - 1]]
    assert (starts.dtype, values.dtype) == (np.int64, np.int64)
    assert starts.tolist() == expected
    assert values.tolist() == ids[expected].tolist()


@given(st.lists(st.binary(max_size=30), max_size=30))
def test_fingerprints_tell_texts_apart(texts: list[bytes]) -> None:
    offsets = np.cumsum([0, *map(len, texts)]).astype(np.int64)
    data = np.frombuffer(b"".join(texts) or b"\0", np.uint8)
    found = fingerprints(offsets, data).tolist()
    assert len(set(found)) == len(set(texts))
    again = {text: fingerprints(np.array([0, len(text)]), np.frombuffer(text or b"\0", np.uint8))[0] for text in texts}
    assert found == [again[text] for text in texts]


def test_fingerprints_do_not_change() -> None:
    # They travel in states, so a state of yesterday needs them to be what they were.  The first is the first output
    # of SplitMix64 with seed 0, as its authors' code prints it.
    text = b"session-000042"
    found = fingerprints(np.array([0, 0, 14]), np.frombuffer(text, np.uint8)).tolist()
    assert found == [0xE220A8397B1DCDAF, 7349533516283315657]
