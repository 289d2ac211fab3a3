"""Slices: codes of every type of column, limits, others added up, and all rows made of their slices."""

from __future__ import annotations

import pickle
from decimal import Decimal
from itertools import permutations
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pytest
from helpers import merged, same_result, same_state

import fastrank as fr
from fastrank import Evaluator, slice_columns
from fastrank._kernels import slices as kernels
from fastrank.errors import ColumnTypeError, ParameterError, StateMismatchError
from fastrank.scratch import Scratch

ROWS = 600
METRICS = ["auc", "auc(bits=12)", "log_loss", "ece", "accuracy", "mrr"]
ROLES: dict[str, Any] = {"label": "y", "score": "p", "query": "q"}


def rows(seed: int = 0, **columns: Any) -> pa.Table:
    rng = np.random.default_rng(seed)
    made = {
        "y": rng.integers(0, 2, ROWS),
        "p": rng.random(ROWS).round(2).astype(np.float32),
        "q": np.repeat(np.arange(ROWS // 6), 6) + 1000 * seed,
        "a": rng.integers(0, 9, ROWS) ** 2,
        "b": rng.integers(0, 3, ROWS),
    }
    return pa.table({name: pa.array(values.tolist()) for name, values in made.items()} | columns)


def of(*tables: pa.Table, batch: int = 70, **options: Any) -> Evaluator:
    evaluator = Evaluator(METRICS, **{**ROLES, **options})
    for table in tables:
        for part in table.to_batches(max_chunksize=batch):
            evaluator.update(part)
    return evaluator


TEXTS = ["x", "y", None, "zz"]
MOMENTS = pa.array([0, 86400, None, 31 * 86400], pa.timestamp("s"))
TYPES = {
    "int8": pa.array([-128, 0, 127, 3], pa.int8()),
    "uint8": pa.array([255, 0, 7, 3], pa.uint8()),
    "int16 with nulls": pa.array([-5, None, 0, 30000], pa.int16()),
    "far apart": pa.array([-(1 << 62), 0, 5, 1 << 62]),
    "uint64": pa.array([2**64 - 1, 2**64 - 2, 2**64 - 3, 2**63], pa.uint64()),
    "low and high uint64": pa.array([2**64 - 1, 2, 1, None], pa.uint64()),
    "bool": pa.array([True, False, None, True]),
    "string": pa.array(TEXTS),
    "large_string": pa.array(TEXTS, pa.large_string()),
    "string_view": pa.array(TEXTS, pa.string_view()),
    "binary": pa.array([b"", b"\xff", None, b"a"]),
    "date": MOMENTS.cast(pa.date32()),
    "timestamp": MOMENTS.cast(pa.timestamp("ns", "Europe/Berlin")),
    "decimal": pa.array([Decimal("1.50"), Decimal("-1.50"), None, Decimal("0.00")]),
    "dictionary": pa.array(TEXTS).dictionary_encode(),
    "dictionary with a null": pa.DictionaryArray.from_arrays(pa.array([0, 1, 2, 3], pa.int8()), pa.array(TEXTS)),
    "repeating dictionary": pa.DictionaryArray.from_arrays(pa.array([0, 1, None, 2]), pa.array(["x", "y", "x"])),
    "dictionary of integers": pa.DictionaryArray.from_arrays(
        pa.array([3, 1, 0, 2], pa.uint16()), pa.array([7, 5, 6, 9])
    ),
    "nothing but null": pa.nulls(4),
    "null dictionary": pa.DictionaryArray.from_arrays(pa.nulls(4, pa.int32()), pa.array([], pa.string())),
    "runs": pc.run_end_encode(pa.array(["x", "x", None, "y"])),
}


@pytest.mark.parametrize("kind", TYPES)
def test_slices_of_a_type_are_the_rows_of_each_value(kind: str) -> None:
    pick = pa.array(np.random.default_rng(1).integers(0, 4, ROWS).tolist())
    array = TYPES[kind]
    decoded = pc.run_end_decode(array) if pa.types.is_run_end_encoded(array.type) else array
    if pa.types.is_string_view(array.type):
        decoded = array.cast(pa.string())
    values = decoded.take(pick)
    column = pc.run_end_encode(values) if pa.types.is_run_end_encoded(array.type) else values.cast(array.type)
    if pa.types.is_dictionary(values.type):
        values = values.dictionary.take(values.indices)
    table = rows(k=column)
    result = of(table, by="k", batch=101).result()
    seen = values.unique().to_pylist()
    for value in seen:
        mask = (
            pc.is_null(values)
            if value is None
            else pc.fill_null(pc.equal(values, pa.scalar(value, values.type)), False)
        )
        alone = of(table.drop_columns("k").filter(mask)).result()
        for metric in METRICS[:-1]:  # queries fall into several slices
            assert result[metric, {"k": value}] == alone[metric]
    assert len(result.table) == len(METRICS) * (1 + len(seen))
    everything = of(table).result()
    assert all(result[metric] == everything[metric] for metric in METRICS)


def test_dictionaries_may_change_from_batch_to_batch() -> None:
    table = rows()
    texts = [f"{value}" for value in table["a"].to_pylist()]
    whole = of(table.set_column(3, "a", pa.array(texts)), by=["a", "b"])
    mixed = Evaluator(METRICS, **ROLES, by=["a", "b"])
    for i, start in enumerate(range(0, ROWS, 50)):
        part = pa.array(texts[start : start + 50])
        column = [part, part.dictionary_encode(), pc.run_end_encode(part)][i % 3]
        mixed.update(table.slice(start, 50).set_column(3, "a", column).combine_chunks().to_batches()[0])
    same_state(mixed, whole)


@pytest.mark.parametrize(
    "by",
    [
        [["a"], ["a", "b"]],
        [["b", "a"], ["b"], ["a"]],
        [["a", "b"], ["c"], ["b"]],
        [["a", "b", "c"], ["b", "c"], ["c"]],
        [["a"], ["b"]],
    ],
    ids=str,
)
def test_coarser_groupings_are_made_of_finer_ones(by: list[list[str]]) -> None:
    wide = pa.array((np.random.default_rng(3).integers(0, 3, ROWS) * 10**12).tolist())
    tables = [rows(seed, c=wide) for seed in range(2)]
    whole = of(*tables, by=by)
    result = whole.result()
    for grouping in by:
        # What each gives on its own; of all rows, too.
        alone = of(*tables, by=grouping).result()
        for row in alone.table.to_pylist():
            where = {name: row[name] for name in grouping} if row["grouping"] else {}
            assert result[row["metric"], where] == row["value"]
    same_result(merged(of(tables[1], by=by), of(tables[0], by=by, batch=100)), whole)
    same_result(merged(of(by=by), of(*tables, by=by).state()), whole)
    again = pickle.loads(pickle.dumps(whole))
    more = rows(5, c=wide)
    for evaluator in (again, whole):
        evaluator.result()
        for part in more.to_batches():
            evaluator.update(part)
    same_state(again, of(*tables, more, by=by))
    same_state(whole, of(*tables, more, by=by))


def test_many_combinations_are_found_by_sorting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(slice_columns, "LARGEST_TABLE", 64)
    big = pa.array(np.random.default_rng(4).integers(0, 1 << 30, 100)[np.arange(ROWS) % 100].tolist())
    table = rows(c=big, d=big)
    pairs = of(table, by=["c", "d", "a"])
    texts = pa.array([f"{c} {a}" for c, a in zip(big.to_pylist(), table["a"].to_pylist(), strict=True)])
    joined = of(rows(t=texts), by="t")
    assert sorted(map(repr, pairs.result().table["value"].to_pylist())) == sorted(
        map(repr, joined.result().table["value"].to_pylist())
    )


def test_dropped_rows_are_counted_in_their_slices() -> None:
    table = rows()
    y = pa.array([None if i % 7 == 0 else value for i, value in enumerate(table["y"].to_pylist())])
    b = [5 if i == 7 else value for i, value in enumerate(table["b"].to_pylist())]  # a slice of nothing else
    bad = table.set_column(0, "y", y).set_column(4, "b", pa.array(b))
    result = of(bad, by=[["a", "b"], ["b"]], on_invalid="drop").result().table
    for grouping in ("", "a, b", "b"):
        part = result.filter((pc.field("grouping") == grouping) & (pc.field("metric") == "log_loss"))
        assert pc.sum(part["rows_dropped"]).as_py() == -(-ROWS // 7)
        assert pc.sum(part["rows"]).as_py() == ROWS - -(-ROWS // 7)


# ---- the limit ----


def test_too_many_slices_are_an_error_with_a_way_out() -> None:
    table = rows()
    assert of(table, by="a", max_slices=9).result()["auc"] > 0
    with pytest.raises(ParameterError) as caught:
        of(table, by=["a", "b"], max_slices=20)
    message = str(caught.value)
    for part in (
        "by=['a', 'b']",
        "max_slices=20",
        "a=",
        "--max-slices",
        "where=",
        "other_slices=True",
        "--other-slices",
    ):
        assert part in message
    # Rows that no metric sees make no slice.
    assert len(of(table, by="a", where="a < 9", max_slices=3).result().table) == len(METRICS) * 4
    # A batch that does not fit leaves the evaluator as it was.
    evaluator = of(table.filter(pc.field("a") < 9), by="a", max_slices=3)
    before = evaluator.state()
    with pytest.raises(ParameterError, match="max_slices=3"):
        evaluator.update(table.to_batches()[0])
    assert evaluator.state().equals(before)


def test_merging_keeps_to_the_limit() -> None:
    low, high = (of(rows().filter(where), by="a", max_slices=6) for where in (pc.field("a") < 16, pc.field("a") > 8))
    before = low.state()
    with pytest.raises(ParameterError, match="max_slices=6"):
        low.merge(high)
    assert low.state().equals(before)


@pytest.mark.parametrize(
    "wrong", [{"max_slices": 0}, {"max_slices": 2.5}, {"max_slices": True}, {"other_slices": 1}], ids=str
)
def test_a_limit_that_is_none(wrong: dict[str, Any]) -> None:
    with pytest.raises(ParameterError, match=next(iter(wrong))):
        of(by="a", **wrong)


def folded(table: pa.Table, most: int) -> tuple[pa.Table, list[int]]:
    """The table with 99 in place of the values of `a` past so many with the most rows, and those values."""
    values = table["a"].to_pylist()
    order = sorted(set(values), key=lambda value: (-values.count(value), value))
    past = order[most:]
    a = pa.array([99 if value in past else value for value in values])
    return table.set_column(3, "a", a), past


@pytest.mark.parametrize("most", [1, 4, 8, 9])
def test_others_are_one_slice(most: int) -> None:
    table = rows()
    renamed, past = folded(table, most)
    expected = of(renamed, by="a").result().table.to_pylist()
    found = of(table, by="a", max_slices=most, other_slices=True).result()
    shown = found.table.to_pylist()
    assert ("slices" in found.table.column_names) == bool(past)
    for row in shown:
        row["a"] = 99 if row.pop("slices", None) == len(past) and past else row["a"]
    exact = ["a", "metric", "value", "rows", "undefined"]
    per_row = [[repr(row[name]) for name in exact] for row in shown if row["metric"] != "mrr"]
    assert per_row == [[repr(row[name]) for name in exact] for row in expected if row["metric"] != "mrr"]
    if past:
        text = found.to_text() if hasattr(found, "to_text") else repr(found)
        assert "other" in text


def test_queries_count_once_in_each_slice_that_is_added_up() -> None:
    table = rows()
    each = of(table, by="a").result().table.filter(pc.field("metric") == "mrr").to_pylist()[1:]
    row = of(table, by="a", max_slices=2, other_slices=True).result().table.filter(pc.field("metric") == "mrr")
    other = row.filter(pc.is_valid(pc.field("slices"))).to_pylist()[0]
    folded_ones = sorted(each, key=lambda r: (-r["rows"], r["a"]))[2:]
    assert other["queries"] == sum(r["queries"] for r in folded_ones)
    total = sum(r["value"] * r["queries"] for r in folded_ones)
    assert other["value"] == pytest.approx(total / other["queries"], rel=1e-12)


def test_others_do_not_depend_on_how_rows_were_split() -> None:
    shards = [rows(seed) for seed in range(3)]
    options: dict[str, Any] = {"by": [["a"], ["b", "a"]], "max_slices": 5, "other_slices": True}
    whole = of(*shards, **options)
    for order in permutations(shards):
        first, *others = (of(shard, batch=33, **options) for shard in order)
        same_result(merged(first, *others), whole)
    again = merged(of(**options), whole.state())
    same_result(again, whole)
    same_result(pickle.loads(pickle.dumps(whole)), whole)


def test_others_are_no_null_slice() -> None:
    a = pa.array([None if value == 64 else value for value in rows()["a"].to_pylist()])
    result = of(rows().set_column(3, "a", a), by="a", max_slices=8, other_slices=True).result()
    keys = [(row["a"], row["slices"]) for row in result.table.to_pylist() if row["grouping"] and row["metric"] == "auc"]
    assert len(keys) == 9
    assert keys[-1] == (None, 1)
    assert ((None, None) in keys) == isinstance(result["auc", {"a": None}], float) == True  # noqa: E712


# ---- kernels ----


def test_rows_are_sorted_by_slice() -> None:
    rng = np.random.default_rng(0)
    for count, most in ((0, 1), (1, 5), (1000, 7), (1000, 1 << 30), (257, 300)):
        slices = rng.integers(0, most, count).astype(np.int32)
        found = kernels.sort_by_slice(slices)
        expected = np.argsort(slices, kind="stable")
        if found is None:
            assert np.array_equal(expected, np.arange(count))
        else:
            assert np.array_equal(np.argsort(found[0]), expected)
            assert np.array_equal(found[1], slices[expected])
            for values in (
                rng.random(count),
                rng.random(count, np.float32),
                rng.integers(0, 9, count, np.uint8),
                slices,
            ):
                assert np.array_equal(kernels.move(values, found[0]), values[expected])
    assert kernels.sort_by_slice(np.array([1, 1, 4], np.int32)) is None
    with pytest.raises(ValueError, match="below 0"):
        kernels.sort_by_slice(np.array([1, -1], np.int32))
    with pytest.raises(ValueError, match="differ in length"):
        kernels.move(np.zeros(3), np.array([1, 0], np.int32))


@pytest.mark.parametrize("kind", [np.int8, np.uint8, np.int16, np.uint16, np.int32, np.uint32, np.int64, np.uint64])
def test_look_up_takes_what_is_in_the_table(kind: Any) -> None:
    table = np.array([4, -1, 6], np.int32)
    values = np.array([100, 102, 102], kind)
    assert kernels.look_up(values, 100, table)[0].tolist() == [4, 6, 6]
    assert kernels.look_up(values, 100, table)[1] == -1
    limits = np.iinfo(kind)
    for missing in (101, 99, 103, limits.min, limits.max):
        values = np.array([100, missing, 102, missing], kind)
        values.flags.writeable = False
        assert kernels.look_up(values, 100, table)[1] == 1
    assert kernels.look_up(np.empty(0, kind), 0, table)[1] == -1


def test_stretches_are_counted_from_the_least() -> None:
    rng = np.random.default_rng(0)
    for kind, low, high in ((np.int32, -1000, 1000), (np.int64, -(1 << 60), 1 << 60), (np.int64, 0, 50)):
        times = rng.integers(low, high, 500).astype(kind)
        for width in (1, 7, 10**9, 1 << 40):
            found = kernels.count_stretches(times, width)
            places = times.astype(object) // width
            if found is None:
                assert max(places) - min(places) >= 1 << 31
                continue
            assert found[1:] == (min(places), max(places))
            assert (found[0] + found[1] == places).all()


def test_sums_of_several_slices_become_one() -> None:
    mine, theirs = np.zeros((2, 3), np.int64), np.arange(12).reshape(4, 3)
    kernels.add_sums(mine, theirs, np.array([1, -1, 1, 0]))
    assert mine.tolist() == [[9, 10, 11], [6, 8, 10]]
    words = np.full((2, 1, 4), (1 << 64) - 1, np.uint64)
    total = np.zeros((1, 1, 4), np.uint64)
    kernels.add_tables(total, words & np.uint64((1 << 63) - 1), np.array([0, 0]))
    assert [(int(total[0, 0, j]) << 64) + int(total[0, 0, j + 1]) for j in (0, 2)] == [
        2 * (((1 << 63) - 1 << 64) + (1 << 63) - 1)
    ] * 2
    with pytest.raises(ValueError, match="not among"):
        kernels.add_sums(mine, theirs, np.array([0, 1, 2, 0]))
    with pytest.raises(ValueError, match="length"):
        kernels.add_sums(mine, theirs, np.array([0]))


# ---- what is refused ----


def test_a_damaged_state_that_lacks_a_coarser_slice() -> None:
    by = [["a"], ["a", "b"]]
    state = of(rows(), by=by).state()
    gone = pc.and_(pc.equal(state["grouping"], 1), pc.equal(state["a"], 4))
    with pytest.raises(StateMismatchError, match="damaged"):
        of(by=by).merge(state.filter(pc.invert(gone)))


def test_slices_of_lists_are_refused() -> None:
    lists = pa.array([[1]] * ROWS)
    with pytest.raises(ColumnTypeError, match=r"'k' \(by\)"):
        Evaluator(["log_loss"], label="y", score="p", by="k").update(rows(k=lists).to_batches()[0])


def test_a_window_and_a_column_of_one_name_are_refused() -> None:
    with pytest.raises(ParameterError, match="two columns are called 'a'"):
        of(by=[["a"], [fr.window("t", "1d", name="a"), "b"]])
    with pytest.raises(ParameterError, match="'slices' is the name of a column of the result"):
        of(by="slices")


def test_rows_are_sorted_by_value() -> None:
    rng = np.random.default_rng(0)
    for kind, low in ((np.int8, -20), (np.uint16, 300), (np.int64, -(1 << 60))):
        values = (rng.integers(0, 30, 500) + low).astype(kind)
        counts, changes = kernels.tally(values, low, 30)  # type: ignore[misc]
        assert np.array_equal(counts, np.bincount((values.astype(np.int64) - low), minlength=30))
        assert changes == np.count_nonzero(values[1:] != values[:-1])
        table = rng.permutation(30).astype(np.int32)
        places, slices = kernels.sort_by_value(values, low, table, counts)
        order = np.argsort(values, kind="stable")
        assert np.array_equal(np.argsort(places), order)
        assert np.array_equal(slices, table[(values.astype(np.int64) - low)[order]])
        assert kernels.tally(values, low, 5) is None
        with pytest.raises(ValueError, match="do not fit"):
            kernels.sort_by_value(values, low, table, counts[:-1])


def test_scratch_lends_no_memory_twice() -> None:
    scratch = Scratch()
    first = scratch.empty(1 << 16, np.float32)
    view = first[:10].view(np.uint32)
    first[:] = 1
    del first
    scratch.empty(1 << 16, np.float32)[:] = 2
    assert view.view(np.float32).tolist() == [1] * 10
    place = view.__array_interface__["data"][0]
    del view
    both = [scratch.empty(1 << 16, np.int32) for _ in range(2)]
    assert place in [each.__array_interface__["data"][0] for each in both]
    assert not np.shares_memory(*both)
