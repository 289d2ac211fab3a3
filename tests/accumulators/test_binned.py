"""Histograms of scores: the same state whether slices are tables or sorted cells, by fewer bits, and within a limit."""

from __future__ import annotations

import pickle
from itertools import permutations
from typing import Any

import helpers
import numpy as np
import pyarrow as pa
import pytest
from helpers import merged, same_result, same_state
from hypothesis import given, settings
from hypothesis import strategies as st

from fastrank import Evaluator, evaluate
from fastrank import metrics as m
from fastrank.accumulators import ScoreHistogram, binned, cells
from fastrank.errors import ParameterError, StateMismatchError
from fastrank.sources import tables

RELAXED = settings(deadline=None, max_examples=30)
ROLES = {"label": "y", "score": "p", "by": "c"}
WEIGHTED = pytest.mark.parametrize("weighted", [False, True])


def rows(count: int, seed: int = 0, slices: int = 5) -> pa.RecordBatch:
    """Scores with many ties, near zero and negative too; weights of which some are zero."""
    rng = np.random.default_rng(seed)
    columns = {
        "y": rng.integers(0, 2, count).astype(np.int8),
        "p": (rng.normal(size=count) * rng.choice([1e-20, 1e-3, 1.0, 100.0], count)).round(3),
        "c": (rng.integers(0, slices, count) * rng.integers(0, 2, count)).astype(np.int16),
        "w": rng.choice([0.0, 2.0**-70, 0.1, 1.0, 1e6], count),
    }
    return pa.RecordBatch.from_pydict({name: pa.array(values.tolist()) for name, values in columns.items()})


def evaluator(*batches: pa.RecordBatch, bits: Any = 14, weighted: bool = False, name: str | None = None) -> Evaluator:
    weights = {"weight": "w"} if weighted else {}
    return helpers.fed(Evaluator([m.auc(bits=bits, name=name)], **ROLES, **weights), batches)


def histogram(of: Evaluator) -> ScoreHistogram:
    (found,) = of.plan.accumulators.values()
    assert isinstance(found, ScoreHistogram)
    return found


def limited(limit: int, *batches: pa.RecordBatch, **options: Any) -> Evaluator:
    made = evaluator(**options)
    histogram(made).memory_limit = limit
    return helpers.fed(made, batches)


def less_than_a_table(weighted: bool) -> int:
    """A limit below what a table of 14 bits may take."""
    return ((32 if weighted else 16) << 14) - 1


def tables_of(of: Evaluator) -> int:
    of.state()
    return histogram(of)._cells.tables


def parts_of(batch: pa.RecordBatch, count: int) -> list[pa.RecordBatch]:
    return helpers.cut(batch, [batch.num_rows * (j + 1) // count for j in range(count - 1)])


@WEIGHTED
def test_tables_and_sorted_cells_are_one_state(weighted: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    batch = rows(3000)
    # All slices and the overall one have tables; only that one and a slice of half of the rows; none.
    monkeypatch.setattr(cells, "CELLS_A_ROW", 1 << 20)
    dense = evaluator(*parts_of(batch, 4), weighted=weighted)
    assert tables_of(dense) == 6
    monkeypatch.setattr(cells, "CELLS_A_ROW", 16)
    mixed = evaluator(*parts_of(batch, 3), weighted=weighted)
    assert tables_of(mixed) == 2
    sparse = limited(less_than_a_table(weighted), *parts_of(batch, 5), weighted=weighted)
    assert tables_of(sparse) == 0
    for other in (mixed, sparse):
        same_state(dense, other)
    # The values are those of each slice alone, counted in one table.
    for row in dense.result().table.to_pylist():
        alone = batch if row["c"] is None else batch.filter(pa.compute.field("c") == row["c"])
        weights = {"weight": "w"} if weighted else {}
        one = evaluate(alone, "auc(bits=14)", label="y", score="p", **weights).table.to_pylist()[0]
        assert [row[n] for n in ("value", "bound_lower", "bound_upper", "rows")] == [
            one[n] for n in ("value", "bound_lower", "bound_upper", "rows")
        ]


@WEIGHTED
def test_tables_and_sorted_cells_merge(weighted: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    # Slices come in another order in each shard.
    shards = [rows(700, seed, slices=4) for seed in range(3)]
    whole = evaluator(*shards, weighted=weighted)
    for order in permutations(range(3)):
        made = []
        for kind, j in enumerate(order):
            monkeypatch.setattr(cells, "CELLS_A_ROW", (64, 1 << 20, 1 << 20)[kind])
            limit = less_than_a_table(weighted) if kind == 1 else 1 << 30
            made.append(limited(limit, shards[j], weighted=weighted))
        assert [tables_of(each) > 0 for each in made] == [True, False, True]
        states = [each.state() for each in made]
        same_state(merged(*made), whole)
        same_state(merged(evaluator(weighted=weighted), *states), whole)


def test_a_slice_becomes_a_table_where_that_is_smaller(monkeypatch: pytest.MonkeyPatch) -> None:
    # 12 bits: 4096 cells of 16 bytes; a sorted cell takes 48, so that the 1366th makes a table, as all rows then do.
    def of(count: int) -> Evaluator:
        scores = (np.arange(0x3F800000 >> 20, (0x3F800000 >> 20) + count // 2, dtype=np.uint32) << 20).view(np.float32)
        both = np.concatenate((scores, -scores))
        batch = {"y": np.arange(both.size) % 2, "p": both, "c": np.zeros(both.size, np.int8)}
        return evaluator(pa.RecordBatch.from_pydict({n: pa.array(x.tolist()) for n, x in batch.items()}), bits=12)

    monkeypatch.setattr(cells, "CELLS_A_ROW", 1)
    assert (tables_of(of(1364)), tables_of(of(1366))) == (0, 2)


def test_rows_wait_and_are_sorted_in_pieces(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cells, "CELLS_A_ROW", 1)
    batch = rows(2000, slices=40)
    whole = evaluator(batch, bits=20, weighted=True)
    monkeypatch.setattr(cells, "WAITING_BYTES", 1)
    same_state(evaluator(*parts_of(batch, 50), bits=20, weighted=True), whole)


def test_tables_take_the_pages_that_are_used() -> None:
    # Probabilities of four octaves: 8 cells of each of 40 slices, which lie in three pages of the 256 of a table.
    count, slices = 80_000, 40
    batch = pa.RecordBatch.from_pydict({
        "y": np.arange(count) % 2, "p": np.arange(count) % 8 / 8 + 1 / 16, "c": np.arange(count) // (count // slices)
    })  # fmt: skip
    of = limited(16 << 20, batch, batch, bits=16)  # half of it holds 8 tables whose pages are all used
    held = histogram(of)._cells
    assert tables_of(of) > 8
    assert held._used_pages <= 3 * tables_of(of)
    assert held._used_pages == sum(int(pages.sum()) for pages in held._pages)
    same_state(of, limited(16 << 20, *parts_of(batch, 7), *parts_of(batch, 3), bits=16))


@WEIGHTED
def test_past_the_limit_is_an_error(weighted: bool) -> None:
    batches = [rows(4000, seed, slices=3000) for seed in range(4)]
    with pytest.raises(
        ParameterError,
        match=r"^bits=20: the cells of \d+ slices take [\d,]+ KiB, and memory_limit= leaves them 75 KiB; take fewer "
        r"bits, or fewer slices \(by=\), or allow more memory$",
    ):
        limited(100 << 10, *batches, bits=20, weighted=weighted).result()
    # As many as these slices need; the table of the overall row is given up for them.
    enough = limited(4 << 20, *batches, bits=20, weighted=weighted)
    assert tables_of(enough) == 0
    same_state(enough, evaluator(*batches, bits=20, weighted=weighted))


def test_tables_are_given_up_for_slices_that_come_later() -> None:
    def powers(exponents: Any, slices: Any) -> pa.RecordBatch:
        return pa.RecordBatch.from_pydict({"y": exponents % 2, "p": np.ldexp(1.0, exponents), "c": slices})

    # Scores that lie in 100 pages of the tables of a slice and of all rows; with 18000 cells of other slices these fit
    # as cells only.
    first = powers(np.tile(np.arange(-100, 100), 10), np.zeros(2000, np.int64))
    more = powers(np.arange(18000) % 3, np.arange(18000) // 3)
    table = histogram(evaluator(bits=16))._cells.table_bytes
    late = limited(2 * table, first, bits=16)
    assert tables_of(late) == 2
    assert tables_of(helpers.fed(late, [more])) == 0
    same_state(late, evaluator(first, more, bits=16))


def test_a_table_takes_over_sorted_cells() -> None:
    first, more = rows(100, 1), rows(80, 2)

    def of(*batches: pa.RecordBatch) -> Evaluator:
        return helpers.fed(Evaluator("auc(bits=14)", label="y", score="p"), batches)

    arrived = merged(of(), of(first).state())
    assert tables_of(arrived) == 0
    arrived.update(more)
    assert tables_of(arrived) == 1
    same_state(arrived, of(first, more))


@WEIGHTED
@pytest.mark.parametrize(("fine", "coarse"), [(26, 12), (20, 19), (13, 12)])
def test_folding_is_binning_anew(weighted: bool, fine: int, coarse: int) -> None:
    batch = rows(1500)
    found = histogram(evaluator(batch, bits=fine, weighted=weighted)).coarsened({"bits": coarse, "weighted": weighted})
    assert found is not None
    expected = histogram(evaluator(batch, bits=coarse, weighted=weighted))
    assert found.identity == expected.identity
    for s in range(expected.slices):
        for name, array in expected.ragged_arrays(s).items():
            assert np.array_equal(array, found.ragged_arrays(s)[name])
        assert (found.rows[s], found.rows_dropped[s]) == (expected.rows[s], expected.rows_dropped[s])
    assert found.coarsened({"bits": fine, "weighted": weighted}) is None
    assert found.coarsened({"bits": 12, "weighted": not weighted}) is None


@RELAXED
@given(
    bits=st.lists(st.sampled_from([12, 13, 16, 20]), min_size=2, max_size=4),
    seed=st.integers(0, 999),
    weighted=st.booleans(),
)
def test_states_of_any_bits_merge_in_any_order(bits: list[int], seed: int, weighted: bool) -> None:
    batch = rows(60, seed)
    shards = parts_of(batch, len(bits))
    whole = evaluator(batch, bits=min(bits), weighted=weighted)
    parts = [evaluator(shard, bits=b, weighted=weighted) for shard, b in zip(shards, bits, strict=True)]
    (found,) = helpers.merged_in_any_order(parts, np.random.default_rng(seed))
    same_state(found, whole)


def test_metrics_become_those_of_the_coarser_state() -> None:
    a, b = rows(100, 1), rows(80, 2)
    coarse = evaluator(a, b, bits=12).result()["auc(bits=12)"]
    mine = merged(evaluator(a, bits=20), evaluator(b, bits=12))
    assert mine.result()["auc(bits=12)"] == coarse
    with pytest.raises(KeyError):
        mine.result()["auc(bits=20)"]
    assert merged(evaluator(a, bits=20, name="mine"), evaluator(b, bits=12)).result()["mine"] == coarse
    # It goes on with these, and travels.
    more = rows(30, 3)
    arrived = helpers.fed(pickle.loads(pickle.dumps(mine)), [more])
    same_state(arrived, evaluator(a, b, more, bits=12))
    # Theirs is finer: what was asked here stays.
    assert merged(evaluator(b, bits=12, name="mine"), evaluator(a, bits=20)).result()["mine"] == coarse


def several(batch: pa.RecordBatch, *bits: int) -> Evaluator:
    return helpers.fed(Evaluator([m.auc(bits=b) for b in bits], **ROLES), [batch])


def several_of_both(a: pa.RecordBatch, b: pa.RecordBatch, *bits: int) -> Evaluator:
    return helpers.fed(several(a, *bits), [b])


def test_equal_states_meet_first_and_each_state_once() -> None:
    a, b = rows(100, 1), rows(80, 2)
    same_result(merged(several(a, 20, 14), several(b, 14, 12)), several_of_both(a, b, 12, 14))
    same_result(merged(several(b, 14, 12), several(a, 20, 14)), several_of_both(a, b, 14, 12))
    # Two of one side have only one of the other: one of them lacks.
    for one, other in ((several(a, 20, 18), several(b, 12)), (several(b, 12), several(a, 20, 18))):
        with pytest.raises(StateMismatchError, match=r'lacks .*missing="drop" \(--missing drop\) keeps'):
            one.merge(other)
        one.merge(other, missing="drop")
        same_result(one, several_of_both(a, b, 12))


def test_states_over_other_columns_or_weights_do_not_meet() -> None:
    a = rows(50)
    others = [
        evaluator(a, bits=12, weighted=True),
        helpers.fed(Evaluator("auc(bits=12)", label="y", score="w", by="c"), [a]),
        helpers.fed(Evaluator("auc(bits=12)", **ROLES, where="p > 0"), [a]),
        helpers.fed(Evaluator("auc", **ROLES), [a]),
    ]
    for other in others:
        for one, two in ((evaluator(a, bits=20), other), (other, evaluator(a, bits=20))):
            with pytest.raises(StateMismatchError, match="lacks"):
                one.merge(two)


def test_models_of_different_bits_meet_one_by_one() -> None:
    a, b = rows(100, 1), rows(80, 2)
    both = {"label": "y", "score": ["p", "w"]}
    mine = helpers.fed(Evaluator("auc(bits=20)", **both), [a])
    mine.merge(helpers.fed(Evaluator([m.auc(bits=12, score="p"), m.auc(bits=20, score="w", name="w")], **both), [b]))
    whole = helpers.fed(Evaluator(["auc(bits=12)", "auc(bits=20)"], **both), [a, b]).result()
    for of in (mine, pickle.loads(pickle.dumps(mine))):
        found = {(row["metric"], row["model"]): row["value"] for row in of.result().table.to_pylist()}
        assert found == {
            ("auc(bits=12)", "p"): whole["auc(bits=12)"]["p"],
            ("auc(bits=20)", "w"): whole["auc(bits=20)"]["w"],
        }


@WEIGHTED
def test_fewer_bits_may_be_asked_for_later(weighted: bool) -> None:
    batch = rows(300)
    fine = evaluator(batch, bits=20, weighted=weighted)
    same_result(fine.result("auc(bits=13)"), evaluator(batch, bits=13, weighted=weighted))
    before = fine.state()
    fine.result(["auc(bits=12)", "auc(bits=20)"])
    helpers.identical_state(fine.state(), before)
    with pytest.raises(StateMismatchError, match=r"auc\(bits=21\) reads .* which the state does not hold"):
        fine.result("auc(bits=21)")


@pytest.mark.parametrize("threads", [2, 3])
def test_threads_and_blocks_change_nothing(threads: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tables, "LEAST_SHARD_ROWS", 1)
    table = pa.Table.from_batches([rows(2000)])
    one = evaluate(table, "auc(bits=16)", **ROLES, weight="w", threads=1)
    same_result(evaluate(table, "auc(bits=16)", **ROLES, weight="w", threads=threads), one)
    monkeypatch.setattr(binned, "BLOCK_CELLS", 7)
    same_result(evaluate(table, "auc(bits=16)", **ROLES, weight="w", threads=threads), one)


@pytest.mark.parametrize(
    ("name", "value"), [("cells", 1 << 14), ("negative_high", 1), ("positive_low", 1 << 63), ("positive_high", 1)]
)
def test_damaged_cells_are_refused(name: str, value: int) -> None:
    state = evaluator(rows(50)).state()
    (identity,) = [n for n in state.schema.names if n.startswith("{")]
    column = state[identity].combine_chunks()
    lists = column.field(name)
    values = lists.flatten().to_numpy(zero_copy_only=False).copy()
    values[int(lists.offsets[1].as_py()) - 1] = value
    broken = pa.LargeListArray.from_arrays(lists.offsets, pa.array(values))
    kinds = [column.type.field(j).name for j in range(column.type.num_fields)]
    fields = [broken if kind == name else column.field(kind) for kind in kinds]
    place = state.schema.get_field_index(identity)
    with pytest.raises(StateMismatchError, match="damaged"):
        evaluator().merge(state.set_column(place, identity, pa.StructArray.from_arrays(fields, kinds)))


def test_a_state_is_read_within_the_limit_of_the_evaluator(monkeypatch: pytest.MonkeyPatch) -> None:
    whole = evaluator(*(rows(4000, seed, slices=3000) for seed in range(4)), bits=20)
    monkeypatch.setattr(cells, "DEFAULT_MEMORY_LIMIT", 100 << 10)
    monkeypatch.setattr(cells, "WAITING_BYTES", 1)
    read = evaluator(bits=20)
    read.merge(whole.state())
    same_state(read, whole)
    same_state(pickle.loads(pickle.dumps(whole)), whole)
