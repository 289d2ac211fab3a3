"""Counts by item and exposure by group: their sums, when they are compacted, and states that are damaged."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable
from fractions import Fraction
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from helpers import identical_state

from fastrank import Evaluator
from fastrank.accumulators import GroupExposure, ItemCounts, keyed
from fastrank.accumulators.keyed import Exposures, ShownCounts
from fastrank.errors import StateMismatchError


@pytest.mark.parametrize("waiting", [1, 7, 1 << 20])
def test_counts_do_not_depend_on_when_they_are_made(waiting: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(keyed, "WAITING_KEYS", waiting)
    rng = np.random.default_rng(waiting)
    accumulator = ItemCounts(None, ())
    accumulator.grow(3)
    expected: list[Counter[int]] = [Counter(), Counter(), Counter()]
    for size in (0, 5, 1, 40, 3):
        keys = rng.integers(2**64 - 12, 2**64, size, np.uint64)
        slices = rng.integers(0, 2, size).astype(np.int32)
        accumulator.add_keys(keys, slices)
        for key, s in zip(keys.tolist(), slices.tolist(), strict=True):
            expected[s][key] += 1
    for s, counts in enumerate(expected):
        view = accumulator.at(s)
        assert dict(zip(view.keys.tolist(), view.counts.tolist(), strict=True)) == counts
        assert (view.keys[1:] > view.keys[:-1]).all()


def test_gini_of_large_counts_is_exact() -> None:
    counts = [1, 2**62, 2**62, 7, 2**61]
    view = ShownCounts(np.arange(5, dtype=np.uint64), np.array(counts))
    ascending = sorted([*counts, 0, 0])
    exact = Fraction(sum((2 * i - 8) * x for i, x in enumerate(ascending, 1)), 7 * sum(counts))
    assert view.gini(7) == float(exact)


def test_exposures_of_groups_that_are_not_shown() -> None:
    accumulator = GroupExposure(None, ())
    accumulator.grow(2)
    keys = np.array([3, 5, 9], np.uint64)
    present = np.array([1, 1, 0], np.int32), np.array([0, 2, 1])
    terms = np.array([1, 1, 0], np.int32), np.array([2, 2, 1]), np.array([0.1, 0.2, 0.5])
    for weights in (None, np.array([1.0, 3.0, 1.0])):
        accumulator.add_exposures(keys, [b"three", b"five", b"nine"], present, terms, weights)
    first, second = accumulator.at(0), accumulator.at(1)
    assert (first.names, first.exposures) == (["five"], [Fraction(1)])
    assert second.names == ["three", "nine"]
    assert second.exposures == [0, 2 * Fraction(0.1) + 4 * Fraction(0.2)]
    assert second.gap == 1.0


def test_exposures_without_any_have_no_gap() -> None:
    nothing = Exposures(["a"], [Fraction(0)])
    assert np.isnan(nothing.gap)
    assert np.isnan(nothing.table()["share"]).all()


ROWS = pa.RecordBatch.from_pydict(
    {"q": [1, 1, 2, 2, 3], "s": [2.0, 1.0, 2.0, 1.0, 1.0], "item": [1, 2, 1, 3, 9], "g": ["a", "b", "é", "a", "b"]}
)


def evaluator_of(metric: str) -> Evaluator:
    evaluator = Evaluator(metric, score="s", query="q", item="item")
    evaluator.update(ROWS)
    return evaluator


def changed(state: pa.Table, change: Callable[[dict[str, Any]], Any]) -> pa.Table:
    """The state with another content in the struct column of its accumulator."""
    name = next(n for n in state.schema.names if n.startswith("{") and json.loads(n)["kind"] != "query_stream")
    place = state.schema.get_field_index(name)
    (entry,) = state[name].to_pylist()
    change(entry)
    array = pa.array([entry], state.schema.field(name).type)
    return state.set_column(place, state.schema.field(name), array)


DAMAGE: dict[str, tuple[str, Callable[[dict[str, Any]], Any]]] = {
    "keys that do not ascend": ("coverage", lambda entry: entry["keys"].reverse()),
    "counts are missing": ("coverage", lambda entry: entry["counts"].pop()),
    "a count of 0": ("coverage", lambda entry: entry["counts"].__setitem__(0, 0)),
    "digits are missing": ("exposure(group=g)", lambda entry: entry["digits"].pop()),
    "a digit too large": ("exposure(group=g)", lambda entry: entry["digits"].__setitem__(0, 1 << 32)),
    "a digit below 0": ("exposure(group=g)", lambda entry: entry["digits"].__setitem__(-1, -1)),
    "a name is missing": ("exposure(group=g)", lambda entry: entry["names"].pop()),
    "a name of size below 0": ("exposure(group=g)", lambda entry: entry.update(name_sizes=[-1, 3])),
}


@pytest.mark.parametrize("metric", ["coverage", "exposure(group=g)"])
def test_an_undamaged_state_is_read(metric: str) -> None:
    evaluator = evaluator_of(metric)
    arrived = Evaluator(metric, score="s", query="q", item="item")
    arrived.merge(changed(evaluator.state(), lambda _: None))
    identical_state(arrived.state(), evaluator.state())


@pytest.mark.parametrize("damage", DAMAGE)
def test_damaged_states_are_refused(damage: str) -> None:
    metric, change = DAMAGE[damage]
    # Two lists are closed, so that the accumulator itself holds keys.
    state = changed(evaluator_of(metric).state(), change)
    with pytest.raises(StateMismatchError, match="differ in length" if "are missing" in damage else "damaged"):
        Evaluator(metric, score="s", query="q", item="item").merge(state)


def test_text_and_number_of_one_group_are_the_same_in_all_layouts() -> None:
    def gap(groups: pa.Array) -> Any:
        evaluator = Evaluator("exposure(group=g)", score="s", query="q", item="item")
        evaluator.update(ROWS)
        evaluator.update(ROWS.set_column(3, "g", groups).set_column(0, "q", pa.array([5, 5, 6, 6, 7])))
        return evaluator.result()["exposure(group=g)"]

    texts = ROWS["g"]
    values = {gap(texts.cast(kind)) for kind in (pa.string(), pa.large_string())} | {gap(texts.dictionary_encode())}
    assert len(values) == 1
