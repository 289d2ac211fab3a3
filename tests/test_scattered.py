"""Scattered queries: the same bits as of sorted rows, in memory and from a file; late errors name the right row; states
carry the rows; nothing is left behind; and `evaluate` finds out by itself."""

from __future__ import annotations

import os
import pickle
import re
import signal
import subprocess
import sys
import textwrap
import weakref
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import helpers
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fastrank import Evaluator, evaluate, partitions, spill
from fastrank.errors import (
    ColumnTypeError,
    EmptyInputError,
    FastrankError,
    InvalidValueError,
    ParameterError,
    QueryOrderError,
    SourceError,
    StateMismatchError,
)
from fastrank.evaluation import run
from fastrank.replay import Replay
from fastrank.sources import open_source

SETTINGS = settings(max_examples=15, deadline=None)
ROLES: dict[str, Any] = {"label": "clicked", "score": ["p", "p2"], "query": "query", "item": "item"}
OPTIONS: list[dict[str, Any]] = [
    {"query_weight": "query_weight"},
    {"by": ["country"], "query_weight": "query_weight"},
    {"by": [["country"], ["country", "day"]], "on_invalid": "drop"},
    {"where": "day = 1 or country <> 'DE'", "by": "country", "on_invalid": "drop", "query_weight": "query_weight"},
]
LIMITS = st.sampled_from([0, 3000, 1 << 30])


def evaluator(options: dict[str, Any], **more: Any) -> Evaluator:
    return Evaluator(["ndcg(label=grade)@10", "map@5", "mrr(ties=item_desc)", "auc"], **{**ROLES, **options, **more})


def scattered(options: dict[str, Any], **more: Any) -> Evaluator:
    return evaluator(options, queries="scattered", **more)


def values(ev: Evaluator) -> list[Any]:
    """All cells of a result, floats as their bits."""
    return [[helpers.bits(value) for value in row.values()] for row in ev.result().table.to_pylist()]


def sorted_values(rows: pa.RecordBatch, options: dict[str, Any]) -> list[Any]:
    """What adjacent queries give for these rows."""
    query = rows["query"].to_pylist()
    order = sorted(range(len(query)), key=lambda i: (query[i] is not None, query[i] or 0))
    ev = evaluator(options)
    ev.update(rows.take(pa.array(order, pa.int64())))
    return values(ev)


def fed(ev: Evaluator, batches: Sequence[pa.RecordBatch]) -> Evaluator:
    for batch in batches:
        ev.update(batch)
    return ev


def shuffled(rows: pa.RecordBatch, seed: int) -> pa.RecordBatch:
    return rows.take(pa.array(np.random.default_rng(seed).permutation(rows.num_rows).tolist(), pa.int64()))


@st.composite
def shuffled_rows(draw: st.DrawFn, options: dict[str, Any]) -> tuple[list[pa.RecordBatch], pa.RecordBatch]:
    """Batches of rows in any order, and all of them."""
    sizes = draw(st.lists(st.integers(1, 12), min_size=2, max_size=40))
    seed = draw(st.integers(0, 1000))
    rows = helpers.make_rows([4, *sizes], seed)
    if options.get("on_invalid") == "drop":
        rows = helpers.with_invalid(rows, seed)
    rows = shuffled(rows, seed)
    return helpers.cut(rows, draw(st.lists(st.integers(0, rows.num_rows), max_size=5))), rows


@pytest.mark.parametrize("options", OPTIONS)
@SETTINGS
@given(st.data())
def test_the_same_bits_as_sorted_rows(options, data):
    batches, rows = data.draw(shuffled_rows(options))
    ev = fed(scattered(options, memory_limit=data.draw(LIMITS)), batches)
    assert values(ev) == sorted_values(rows, options)


@pytest.mark.parametrize("limit", [0, 20_000, 1 << 30])
def test_parts_and_chunks_of_any_size(monkeypatch, limit):
    # One query of 300 rows, which no bits cut, and parts that are cut again; small blocks, so that there are many.
    monkeypatch.setattr(partitions, "BLOCK_ROWS", 256)
    monkeypatch.setattr(partitions, "CHUNK_ROWS", 8)
    monkeypatch.setattr(partitions, "LARGEST_CHUNK_ROWS", 16)
    levels: set[int] = set()
    find_chunks = partitions.Partitions.chunks

    def chunks(self: partitions.Partitions) -> Iterator[pa.RecordBatch]:
        levels.add(self._level)
        return find_chunks(self)

    monkeypatch.setattr(partitions.Partitions, "chunks", chunks)
    rows = shuffled(helpers.make_rows([300, *[3] * 800], 5), 5)
    ev = fed(scattered({"by": "day"}, memory_limit=limit), helpers.cut(rows, range(400, rows.num_rows, 400)))
    assert values(ev) == sorted_values(rows, {"by": "day"})
    assert {0, 1, 2} <= levels
    assert max(levels) < 7


def test_rows_of_an_id_are_in_one_chunk_and_in_order(monkeypatch):
    monkeypatch.setattr(partitions, "BLOCK_ROWS", 100)
    monkeypatch.setattr(partitions, "CHUNK_ROWS", 200)
    ids = np.random.default_rng(3).integers(0, 50, 5000).astype(np.uint64)
    rows = pa.record_batch({"id": pa.array(ids), "row": pa.array(np.arange(ids.size))})
    kept = partitions.Partitions(lambda batch: batch["id"].to_numpy(), 40_000)
    for batch in helpers.cut(rows, range(0, 5000, 37)):
        kept.add(batch)
    chunks = list(kept.chunks())
    assert 5000 / 200 <= len(chunks) <= 35
    assert sum(chunk.num_rows for chunk in chunks) == kept.rows == 5000
    seen = [query for chunk in chunks for query in set(chunk["id"].to_pylist())]
    assert len(seen) == len(set(seen)) == 50
    for chunk in chunks:
        for query in set(chunk["id"].to_pylist()):
            found = chunk["row"].to_numpy()[chunk["id"].to_numpy() == query]
            assert found.tolist() == np.flatnonzero(ids == query).tolist()


IDS = {
    "negative": lambda q: pa.array((q - 30).tolist(), pa.int32()),
    "unsigned": lambda q: pa.array([2**63 + int(i) for i in q], pa.uint64()),
    "string": lambda q: pa.array([f"query {i}" for i in q]),
    "string_view": lambda q: pa.array([f"a rather long name of query {i}" for i in q], pa.string_view()),
    "binary": lambda q: pa.array([bytes([i]) * 2 for i in q], pa.binary(2)),
    "dictionary": lambda q: pa.array([f"q{i}" for i in q]).dictionary_encode(),
    "date": lambda q: pa.array(q.astype(np.int32)).cast(pa.date32()),
    "decimal": lambda q: pa.array(q).cast(pa.decimal128(22, 2)),
}


@pytest.mark.parametrize("limit", [0, 1 << 30])
@pytest.mark.parametrize("kind", IDS)
def test_ids_of_any_type(monkeypatch, kind, limit):
    monkeypatch.setattr(partitions, "BLOCK_ROWS", 50)
    monkeypatch.setattr(partitions, "CHUNK_ROWS", 20)
    rows = helpers.make_rows([5] * 60, 2)
    expected = sorted_values(rows, OPTIONS[0])
    rows = shuffled(rows, 7)
    rows = rows.set_column(0, "query", IDS[kind](rows["query"].to_numpy()))
    batches = helpers.cut(rows, [40, 41, 200])
    assert values(fed(scattered(OPTIONS[0], memory_limit=limit), batches)) == expected


@pytest.mark.parametrize("limit", [0, 1 << 30])
def test_columns_of_several_types(limit):
    rows = helpers.make_rows([5] * 60, 2, np.float32)
    mixed = helpers.cut(shuffled(rows, 7), [100])
    mixed[0] = mixed[0].set_column(5, "p", mixed[0]["p"].cast(pa.float64()))
    mixed[1] = mixed[1].set_column(2, "clicked", mixed[1]["clicked"].cast(pa.bool_()))
    assert values(fed(scattered({}, memory_limit=limit), mixed)) == sorted_values(rows, {})


def test_ids_of_two_types_are_refused_before_anything_is_changed():
    rows = helpers.make_rows([5] * 10, 2)
    ev = fed(scattered({}), [rows])
    expected = values(ev)
    with pytest.raises(ColumnTypeError, match=r"column 'item' \(item\) is of type string, but was of type int64"):
        ev.update(rows.set_column(1, "item", rows["item"].cast(pa.string())))
    assert values(ev) == expected


@pytest.mark.parametrize("limit", [0, 20_000, 1 << 30])
def test_results_between_updates(limit):
    rows = shuffled(helpers.make_rows([7] * 90, 4), 4)
    ev = scattered({"by": "country"}, memory_limit=limit)
    for end in (200, 400, rows.num_rows):
        ev.update(rows.slice(max(0, end - 200) if end < rows.num_rows else 400, rows.num_rows if end > 400 else 200))
        expected = sorted_values(rows.slice(0, end), {"by": "country"})
        assert values(ev) == values(ev) == expected


def test_no_rows():
    assert values(scattered({})) == values(evaluator({}))
    rows = helpers.make_rows([4], 0)
    assert values(fed(scattered({}), [rows.slice(0, 0), rows])) == sorted_values(rows, {})


def test_words_for_queries():
    with pytest.raises(ParameterError, match=re.escape('queries=\'sorted\'; allowed: "adjacent", "scattered"')):
        evaluator({}, queries="sorted")


# ---------------------------------------------------------------------------------------------------------------------
# Late errors


def bad_rows(seed: int, column: str) -> tuple[pa.RecordBatch, list[int]]:
    """Rows in which some repeat an item of their query, or carry another query weight; the bad rows."""
    rng = np.random.default_rng(seed)
    rows = shuffled(helpers.make_rows([6] * 300, seed), seed)
    query, entries = rows["query"].to_pylist(), rows[column].to_pylist()
    for i in rng.integers(200, rows.num_rows, 40).tolist():
        # As it is in another row of the query: an item twice.  One more than in any row: another weight.
        other = next(j for j in range(rows.num_rows) if query[j] == query[i] and j != i)
        entries[i] = entries[other] if column == "item" else 99.0
    rows = rows.set_column(rows.schema.get_field_index(column), column, pa.array(entries, rows[column].type))
    seen: dict[Any, set[Any]] = {}
    last: dict[Any, Any] = {}
    bad = []
    for i, (q, entry) in enumerate(zip(query, entries, strict=True)):
        if (entry in seen.setdefault(q, set())) if column == "item" else last.get(q, entry) != entry:
            bad.append(i)
        seen.setdefault(q, set()).add(entry)
        last[q] = entry
    return rows, bad


@pytest.mark.parametrize("limit", [0, 100_000, 1 << 30])
@pytest.mark.parametrize("column", ["item", "query_weight"])
@pytest.mark.parametrize("seed", range(3))
def test_the_lowest_bad_row_is_named(monkeypatch, seed, column, limit):
    monkeypatch.setattr(partitions, "CHUNK_ROWS", 200)
    monkeypatch.setattr(partitions, "BLOCK_ROWS", 500)
    rows, bad = bad_rows(seed, column)
    assert len(bad) > 5
    row, value, query = bad[0], rows[column][bad[0]].as_py(), rows["query"][bad[0]].as_py()
    why = {
        "item": "an item stands twice in a query; allowed: each item once in a query; "
        'duplicates="first", "max_score" or "count" accepts more',
        "query_weight": "the row before has another; allowed: one weight for all its rows",
    }[column]
    message = f"column '{column}' ({column}): row {row} holds {value!r} in query {query}: {why}"
    ev = fed(scattered(OPTIONS[0], memory_limit=limit), helpers.cut(rows, [1, 300, 777]))
    for _ in range(2):
        with pytest.raises(InvalidValueError) as caught:
            ev.result()
        assert str(caught.value) == message


def test_rows_of_files_are_named(tmp_path):
    rows = shuffled(helpers.make_rows([6] * 30, 1), 1)
    query = rows["query"].to_pylist()
    i = next(i for i in range(120, 180) if query[i] in query[:60] and query[i] in query[i + 1 :])
    entries = rows["item"].to_pylist()
    entries[i] = entries[query.index(query[i])]
    rows = rows.set_column(1, "item", pa.array(entries, pa.int64()))
    # Of the second file the rows that are left out come before the bad one, too.
    names = [str(tmp_path / name) for name in ("a.parquet", "b.parquet")]
    for name, part in zip(names, helpers.cut(rows, [90]), strict=True):
        pq.write_table(pa.Table.from_batches([part]), name)
    for limit in (0, 1 << 30):
        with pytest.raises(InvalidValueError) as caught:
            evaluate(names, "mrr", **ROLES, where="day >= 0", batch_rows=50, memory_limit=limit)
        assert f"row {i - 90} of {names[1]} holds {entries[i]} in query {query[i]}" in str(caught.value)


def test_rows_that_where_leaves_out_are_counted():
    rows = shuffled(helpers.make_rows([6] * 30, 1), 1)
    day, query = rows["day"].to_pylist(), rows["query"].to_pylist()
    i = max(i for i in range(180) if day[i] == 1)
    first = next(j for j in range(180) if query[j] == query[i] and day[j] == 1)
    assert first < i
    entries = rows["item"].to_pylist()
    entries[i] = entries[first]
    rows = rows.set_column(1, "item", pa.array(entries, pa.int64()))
    ev = fed(scattered({"where": "day = 1"}), helpers.cut(rows, [50, 51]))
    with pytest.raises(InvalidValueError, match=f"row {i} holds {entries[i]} in query {query[i]}"):
        ev.result()


# ---------------------------------------------------------------------------------------------------------------------
# States


@pytest.mark.parametrize("options", OPTIONS)
@SETTINGS
@given(st.data())
def test_shards_merge_in_any_order(options, data):
    shards, rows = data.draw(shuffled_rows(options))
    evaluators = [fed(scattered(options, memory_limit=data.draw(LIMITS)), [shard]) for shard in shards]
    in_order = data.draw(st.permutations(evaluators))
    total = scattered(options, memory_limit=data.draw(LIMITS))
    for other in in_order:
        fits = other.memory_limit == 1 << 30
        total.merge(other.state() if fits and data.draw(st.booleans()) else other)
    assert values(total) == sorted_values(rows, options)


def test_a_state_does_not_depend_on_batches():
    rows = shuffled(helpers.make_rows([6] * 30, 1), 1)
    states = [
        fed(scattered({"by": "day"}), helpers.cut(rows, cuts)).state() for cuts in ([], [1, 100], range(9, 160, 9))
    ]
    assert states[1].equals(states[0])
    assert states[2].equals(states[0])


def test_a_pickled_evaluator_goes_on():
    rows = shuffled(helpers.make_rows([6] * 30, 1), 1)
    metrics = ["mrr(ties=input)", "ndcg(label=grade, ties=input)@3"]
    whole = Evaluator(metrics, **ROLES, queries="scattered")
    ev = Evaluator(metrics, **ROLES, queries="scattered")
    for batch in helpers.cut(rows, [50, 100, 150]):
        whole.update(batch)
        ev = pickle.loads(pickle.dumps(ev))
        ev.update(batch)
    assert values(pickle.loads(pickle.dumps(ev))) == values(whole)


def test_the_order_of_the_source_is_lost_between_shards():
    rows = shuffled(helpers.make_rows([6] * 30, 1), 1)
    ev, other = (
        fed(Evaluator("mrr(ties=input)", **ROLES, queries="scattered"), [part]) for part in helpers.cut(rows, [90])
    )
    ev.merge(other)
    with pytest.raises(StateMismatchError, match="a query lies in several shards, which have no order"):
        ev.result()
    whole = helpers.make_rows([6] * 30, 1)
    parts = [shuffled(part, 3) for part in helpers.cut(whole, [60, 120])]
    ev, *others = (fed(Evaluator("mrr(ties=input)", **ROLES, queries="scattered"), [part]) for part in parts)
    for other in others:
        ev.merge(other.state())
    assert values(ev) == values(fed(Evaluator("mrr(ties=input)", **ROLES, queries="scattered"), parts))


def test_the_order_of_the_source_is_lost_between_other_shards():
    rows = shuffled(helpers.make_rows([6] * 30, 1), 1)
    shards = [
        fed(Evaluator("mrr(ties=input)", **ROLES, queries="scattered"), [part]) for part in helpers.cut(rows, [90])
    ]
    ev = Evaluator("mrr(ties=input)", **ROLES, queries="scattered")
    for shard in shards:
        ev.merge(shard)
    with pytest.raises(StateMismatchError, match="a query lies in several shards, which have no order"):
        ev.result()


def test_an_evaluator_merged_into_itself_has_each_row_twice():
    rows = shuffled(helpers.make_rows([6] * 30, 1), 1)
    roles = {"label": "clicked", "score": "p", "query": "query"}
    ev = fed(Evaluator("precision@3", **roles, queries="scattered"), [rows])
    ev.merge(ev)
    assert values(ev) == values(fed(Evaluator("precision@3", **roles, queries="scattered"), [rows, rows]))


def test_a_row_twice_in_two_shards_is_found():
    rows = helpers.make_rows([6] * 30, 1)
    ev = fed(scattered({}), [rows])
    ev.merge(fed(scattered({}), [rows.slice(7, 1)]))
    with pytest.raises(InvalidValueError, match="an item stands twice in a query"):
        ev.result()


def test_states_of_the_other_kind_are_refused():
    rows = helpers.make_rows([6] * 30, 1)
    adjacent, anywhere = fed(evaluator({}), [rows]), fed(scattered({}), [rows])
    for ev, other in ((adjacent, anywhere), (anywhere, adjacent)):
        before = values(ev)
        for form in (other, other.state()):
            with pytest.raises(StateMismatchError, match=r'make both with the same queries="adjacent" or'):
                ev.merge(form)
        assert values(ev) == before


def test_a_state_holds_rows_up_to_the_limit():
    rows = helpers.make_rows([6] * 30, 1)
    ev = fed(scattered({}, memory_limit=100), [rows])
    with pytest.raises(
        FastrankError, match=r"the state would hold \d+ bytes of rows .* than memory_limit=100: sort or"
    ):
        ev.state()
    assert values(ev) == sorted_values(rows, {})


def test_ids_of_another_type_in_a_state():
    rows = helpers.make_rows([6] * 30, 1)
    ev = fed(scattered({}), [rows])
    other = fed(scattered({}), [rows.set_column(1, "item", rows["item"].cast(pa.string()))])
    with pytest.raises(StateMismatchError, match=r"column 'item' \(item\) is of type int64 here, of type string there"):
        ev.merge(other.state())
    empty = scattered({})
    ev.merge(empty.state())
    empty.merge(ev.state())
    assert values(ev) == values(empty) == sorted_values(rows, {})


@pytest.mark.parametrize(
    ("field", "what"), [("shards", "names shards that it does not have"), ("rows", "columns are not")]
)
def test_damaged_states_are_refused(field, what):
    ev = fed(Evaluator("mrr", **{**ROLES, "score": "p"}, queries="scattered"), [helpers.make_rows([6] * 30, 1)])
    state = ev.state()
    name = next(name for name in state.column_names if "query_stream" in name)
    column = state[name].chunk(0)
    parts = {"shards": column.field("shards"), "rows": column.field("rows")}
    broken = parts[field].to_pylist()
    broken[0] = [0] if field == "shards" else broken[0][:-200]
    parts[field] = pa.array(broken, parts[field].type)
    damaged = pa.StructArray.from_arrays(list(parts.values()), list(parts))
    with pytest.raises(StateMismatchError, match=f"the state is damaged: its .*{what}"):
        ev.merge(state.set_column(state.column_names.index(name), name, damaged))


# ---------------------------------------------------------------------------------------------------------------------
# Files

FILLING = """
    import os, sys
    import numpy as np, pyarrow as pa
    import fastrank as fr
    rng = np.random.default_rng(0)
    n = 200_000
    batch = pa.record_batch({"q": rng.integers(0, 9000, n), "y": rng.integers(0, 2, n), "p": rng.random(n)})
    ev = fr.Evaluator("ndcg@10", label="y", score="p", query="q", queries="scattered", memory_limit=1_000_000)
"""


def run_filling(directory: Path, then: str, **options: Any) -> subprocess.Popen[str]:
    code = textwrap.dedent(FILLING) + textwrap.dedent(then)
    environment = {**os.environ, "TMPDIR": str(directory)}
    return subprocess.Popen(
        [sys.executable, "-W", "error", "-c", code], env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        text=True, cwd=Path(__file__).parent.parent, **options,
    )  # fmt: skip


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_nothing_is_left_by_a_killed_process(tmp_path):
    then = """
        for _ in range(3): ev.update(batch)
        open_files = []
        for fd in os.listdir("/proc/self/fd"):
            try: open_files.append(os.readlink(f"/proc/self/fd/{fd}"))
            except OSError: pass  # that of the listing itself
        print([name for name in open_files if os.environ["TMPDIR"] in name], flush=True)
        sys.stdin.read()
    """
    with run_filling(tmp_path, then, stdin=subprocess.PIPE) as process:
        assert process.stdout is not None
        open_files = process.stdout.readline()
        assert str(tmp_path) in open_files
        assert "(deleted)" in open_files
        process.send_signal(signal.SIGKILL)
        process.wait()
    assert process.returncode == -signal.SIGKILL
    assert list(tmp_path.iterdir()) == []


def test_a_full_disk_is_told_and_nothing_is_left(tmp_path):
    then = """
        import resource
        resource.setrlimit(resource.RLIMIT_FSIZE, (9_000_000, 9_000_000))
        try:
            for _ in range(10): ev.update(batch)
        except fr.FastrankError as error:
            print(type(error).__name__, error)
        try:
            ev.result()
        except fr.FastrankError as error:
            print(error)
    """
    with run_filling(tmp_path, then) as process:
        out, err = process.communicate()
    assert (process.returncode, err) == (0, "")
    first, second = out.splitlines()
    assert first.startswith(f"WriteError rows past memory_limit cannot be written to a temporary file in {tmp_path}: ")
    assert first.endswith("name a directory with room by TMPDIR, or raise memory_limit")
    assert second.startswith("an update failed half-way")
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_cannot_be_written_to(monkeypatch):
    def refuse(**_: Any) -> None:
        raise FileNotFoundError(2, "No usable temporary directory found")

    monkeypatch.setattr(spill.tempfile, "TemporaryFile", refuse)
    with pytest.raises(
        SourceError, match=r"cannot be written to a temporary file in .*: .*No usable temporary directory"
    ):
        fed(scattered({}, memory_limit=0), [helpers.make_rows([6] * 30, 1)]).result()


def test_nothing_is_left_after_an_error(tmp_path, monkeypatch):
    monkeypatch.setattr(spill.tempfile, "tempdir", str(tmp_path))
    monkeypatch.setattr(partitions, "BLOCK_ROWS", 50)
    rows = helpers.make_rows([6] * 30, 1)
    ev = fed(scattered({}, memory_limit=0), [rows, rows])
    with pytest.raises(InvalidValueError):
        ev.result()
    assert list(tmp_path.iterdir()) == []


# ---------------------------------------------------------------------------------------------------------------------
# evaluate() finds out by itself


class Counted:
    """A stream of record batches that can be read once, and counts them."""

    def __init__(self, batches: Sequence[pa.RecordBatch]) -> None:
        self.given = 0
        self.reader = pa.RecordBatchReader.from_batches(batches[0].schema, self._count(batches))

    def _count(self, batches: Sequence[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        for batch in batches:
            self.given += 1
            yield batch


def evaluated(source: Any, **more: Any) -> list[Any]:
    table = evaluate(source, ["ndcg(label=grade)@10", "map@5", "mrr(ties=item_desc)", "auc"], **ROLES, **more).table
    return [[helpers.bits(value) for value in row.values()] for row in table.to_pylist()]


@pytest.mark.parametrize("by", [None, "country"])
def test_a_table_is_read_again(by):
    rows = shuffled(helpers.make_rows([6] * 300, 1), 1)
    expected = sorted_values(rows, {"by": by})
    assert evaluated(rows, by=by) == expected
    assert evaluated(rows, by=by, batch_rows=100, memory_limit=1000) == expected
    assert evaluated(rows, by=by, queries="scattered") == expected


def test_a_stream_is_kept_up_to_the_limit():
    rows = shuffled(helpers.make_rows([6] * 300, 1), 1)
    rows = helpers.concatenated([helpers.make_rows([6] * 100, 2, first_query=1000), rows])
    batches = helpers.cut(rows, range(200, rows.num_rows, 200))
    source = Counted(batches)
    assert evaluated(source.reader) == sorted_values(rows, {})
    assert source.given == len(batches)
    with pytest.raises(QueryOrderError, match='or queries="scattered" takes them from anywhere'):
        evaluated(Counted(batches).reader, memory_limit=rows.select(["query", "p"]).slice(0, 600).nbytes)
    assert evaluated(Counted(batches).reader, memory_limit=1, queries="scattered") == sorted_values(rows, {})


def test_batches_past_the_limit_are_let_go():
    rows = helpers.make_rows([6] * 300, 1)
    reader = pa.RecordBatchReader.from_batches(rows.schema, (rows.take(pa.array([i, i + 1])) for i in range(20)))
    replay = Replay(open_source(reader), ["query"], (), 100)
    given = [weakref.ref(batch) for batch, _ in replay.batches()]
    assert not replay.possible
    assert [batch for batch in given if batch() is not None] == []


def test_adjacent_queries_can_be_insisted_on():
    rows = shuffled(helpers.make_rows([6] * 30, 1), 1)
    with pytest.raises(QueryOrderError):
        evaluated(rows, queries="adjacent")


def test_sorted_rows_are_read_once(monkeypatch):
    monkeypatch.setattr(Evaluator, "twin", None)
    rows = helpers.make_rows([6] * 300, 1)
    assert evaluated(rows) == sorted_values(rows, {})
    assert evaluated(Counted([rows]).reader, memory_limit=0) == sorted_values(rows, {})


def test_progress_goes_back_where_a_pass_starts_anew():
    rows = helpers.concatenated(
        [helpers.make_rows([6] * 100, 2, first_query=1000), shuffled(helpers.make_rows([6] * 300, 1), 1)]
    )
    steps: list[int] = []
    run(open_source(rows, batch_rows=500), evaluator({}), steps.append)
    assert sum(steps) == rows.num_rows
    back = steps.index(min(steps))
    assert steps[back] == -sum(steps[:back]) == -500


def test_an_empty_source_stays_an_error():
    with pytest.raises(EmptyInputError):
        evaluated(helpers.make_rows([6] * 30, 1).slice(0, 0), queries="scattered")
