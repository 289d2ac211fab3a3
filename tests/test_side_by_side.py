"""Files read and evaluated side by side: the same bits, the error of the first bad row, and nothing left running."""

from __future__ import annotations

import contextlib
import os
import threading
import time
from pathlib import Path
from typing import Any

import helpers
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import fastrank as fr
from fastrank import feeding
from fastrank.errors import InvalidValueError, QueryOrderError, SourceError
from fastrank.evaluator import Evaluator
from fastrank.sources import files, open_source

METRICS = [
    "auc(label=clicked)",
    "log_loss(label=clicked)",
    "auc(bits=12, label=clicked)",
    "ndcg@3",
    "map",
    "mrr",
    "mse",
]
ROLES: dict[str, Any] = {"label": "grade", "score": "p", "query": "query"}


@pytest.fixture(autouse=True)
def small_shards(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(files, "LEAST_SHARD_BYTES", 1)


@pytest.fixture(scope="module")
def rows() -> pa.Table:
    sizes = np.random.default_rng(0).integers(1, 9, 120).tolist()
    return pa.Table.from_batches([helpers.make_rows([*sizes, 70, 3, 60], 5)])


def write(rows: pa.Table, folder: Path, count: int, group: int) -> list[str]:
    """The rows in `count` files with row groups of so many rows."""
    size = -(-rows.num_rows // count)
    paths = [folder / f"{i:04}.parquet" for i in range(count)]
    for i, path in enumerate(paths):
        pq.write_table(rows.slice(i * size, size), path, row_group_size=group)
    return [str(path) for path in paths]


def with_value(rows: pa.Table, name: str, values: dict[int, Any]) -> pa.Table:
    """The rows, with other values in some places."""
    column = rows[name].to_pylist()
    for i, value in values.items():
        column[i] = value
    return rows.set_column(rows.schema.get_field_index(name), name, pa.array(column, rows[name].type))


@pytest.mark.parametrize(("count", "group"), [(1, 7), (1, 1000), (5, 11), (60, 1000)])
def test_the_same_bits(rows: pa.Table, tmp_path: Path, count: int, group: int) -> None:
    one = fr.evaluate(rows, METRICS, **ROLES, by="country", threads=1)
    paths = write(rows, tmp_path, count, group)
    order = np.random.default_rng(count).permutation(count).tolist()
    for threads in (1, 2, 3):
        # Queries go on across the borders of row groups and of files.
        helpers.same_result(fr.evaluate(paths, METRICS, **ROLES, by="country", threads=threads), one)
    shuffled = [paths[i] for i in order]
    helpers.same_result(fr.evaluate(shuffled, METRICS, **ROLES, by="country", threads=2), one)
    helpers.same_result(fr.evaluate(shuffled, METRICS, **ROLES, by="country", on_bad_file="skip", threads=2), one)


def test_a_worker_goes_from_shard_to_shard(rows: pa.Table) -> None:
    """A stream of queries takes rows of other shards after a seam, and finds the queries at its borders again."""
    one = fr.evaluate(rows, METRICS, **ROLES, by="country", threads=1)
    rng = np.random.default_rng(3)
    for _ in range(8):
        places = sorted(rng.integers(0, rows.num_rows, 7).tolist())
        shards = helpers.cut(rows.combine_chunks().to_batches()[0], places)
        workers = [Evaluator(METRICS, **ROLES, by="country") for _ in range(3)]
        last = [-1] * 3
        for number, shard in enumerate(shards):
            worker = int(rng.integers(3))
            if last[worker] not in (-1, number - 1):
                workers[worker].seam()
            last[worker] = number
            workers[worker].update(shard)
        helpers.same_result(helpers.merged(*(workers[i] for i in rng.permutation(3))), one)


def test_a_finished_query_that_comes_back_after_a_seam_is_refused(rows: pa.Table) -> None:
    evaluator = Evaluator(["ndcg@3"], **ROLES)
    evaluator.update(rows.slice(0, 100).to_batches()[0])
    evaluator.seam()
    middle = int(np.flatnonzero(np.array(rows["query"]) == rows["query"][50].as_py())[0])
    with pytest.raises(QueryOrderError, match="came before"):
        evaluator.update(rows.slice(middle, 1).to_batches()[0])


def test_scattered_queries_side_by_side(rows: pa.Table, tmp_path: Path) -> None:
    one = fr.evaluate(rows, METRICS, **ROLES, threads=1)
    order = np.random.default_rng(1).permutation(rows.num_rows)
    paths = write(rows.take(pa.array(order)), tmp_path, 4, 50)
    for options in (
        {},
        {"queries": "scattered"},
        {"on_bad_file": "skip"},
        {"queries": "scattered", "memory_limit": 400_000},
    ):
        helpers.same_result(fr.evaluate(paths, METRICS, **ROLES, threads=2, **options), one)
    with pytest.raises(QueryOrderError, match="came before"):
        fr.evaluate(paths, METRICS, **ROLES, threads=2, queries="adjacent")


def test_the_first_bad_row_is_told_by_file(rows: pa.Table, tmp_path: Path) -> None:
    nan = float("nan")
    size = -(-rows.num_rows // 4)
    for bad in ([7, size + 3, 3 * size], [size + 3, 3 * size], [3 * size]):
        paths = write(with_value(rows, "p", dict.fromkeys(bad, nan)), tmp_path, 4, 10)
        for threads in (1, 3):
            file, row = divmod(bad[0], size)
            told = rf"row {row} of .*{file:04}\.parquet holds nan.*on_invalid=\"drop\""
            with pytest.raises(InvalidValueError, match=told):
                fr.evaluate(paths, METRICS, **ROLES, threads=threads)


def told_by_one_and_by_two(monkeypatch: pytest.MonkeyPatch, folder: Path, metric: str, **roles: str) -> str:
    """The error that one thread tells, and two that have a file each."""
    update, both = Evaluator.update, threading.Barrier(2)

    def together(self: Evaluator, *given: Any, **named: Any) -> None:
        with contextlib.suppress(threading.BrokenBarrierError):
            both.wait(2)
        update(self, *given, **named)

    told = []
    for threads in (1, 2):
        if threads == 2:
            monkeypatch.setattr(Evaluator, "update", together)
        with pytest.raises(InvalidValueError) as found:
            fr.evaluate(str(folder), metric, **roles, threads=threads)
        told.append(str(found.value))
    assert told[0] == told[1]
    return told[0]


def test_labels_that_mix_between_shards_are_told_as_by_one_thread(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The second file's 7 is invalid for who does not know that there were zeros before its -1."""
    for name, labels in (("a", [0, 1]), ("b", [1, -1, 7])):
        pq.write_table(pa.table({"y": labels, "p": [0.1, 0.2, 0.3][: len(labels)]}), tmp_path / f"{name}.parquet")
    assert "row 1 of" in told_by_one_and_by_two(monkeypatch, tmp_path, "auc", label="y", score="p")


def test_an_item_that_stands_twice_is_told_as_by_one_thread(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The second file has item 5 twice; its first row is the first that is wrong, for the first file has item 1 too."""
    for name, items in (("a", [1, 2, 3]), ("b", [1, 5, 5])):
        rows = {"q": [7] * 3, "item": items, "y": [0, 1, 0], "p": [0.1, 0.2, 0.3]}
        pq.write_table(pa.table(rows), tmp_path / f"{name}.parquet")
    roles = {"label": "y", "score": "p", "query": "q", "item": "item"}
    assert "row 0 of" in told_by_one_and_by_two(monkeypatch, tmp_path, "ndcg", **roles)


def test_a_plain_bad_value_is_not_read_twice(rows: pa.Table, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A bad row after an hour must not cost another hour."""
    paths = write(with_value(rows, "p", {rows.num_rows - 1: float("nan")}), tmp_path, 2, 10)
    again: list[Any] = []
    monkeypatch.setattr(feeding, "_feed_again", lambda *given: again.append(given))
    with pytest.raises(InvalidValueError, match="holds nan"):
        fr.evaluate(paths, ["auc", "log_loss"], label="clicked", score="p", threads=2)
    assert not again


def test_an_interrupt_stops_all_threads(rows: pa.Table, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    paths = write(rows, tmp_path, 40, 10)
    update, begun = Evaluator.update, [0]

    def interrupted(self: Evaluator, *given: Any, **named: Any) -> None:
        begun[0] += 1
        if begun[0] == 4:
            raise KeyboardInterrupt
        time.sleep(0.01)
        update(self, *given, **named)

    monkeypatch.setattr(Evaluator, "update", interrupted)
    with pytest.raises(KeyboardInterrupt):
        fr.evaluate(paths, METRICS, **ROLES, threads=3)
    assert begun[0] <= 4 + 2 * 3  # each thread may be past its check, and no further
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("fastrank")]


def test_errors_of_files_come_in_the_order_of_the_rows(rows: pa.Table, tmp_path: Path) -> None:
    paths = write(rows, tmp_path, 6, 10)
    for i in (2, 4):
        data = bytearray(Path(paths[i]).read_bytes())
        Path(paths[i]).write_bytes(data[: len(data) // 2])
    with pytest.raises(SourceError, match=r"0002\.parquet"):
        fr.evaluate(paths, METRICS, **ROLES, threads=3)


def test_a_child_evaluates_too(rows: pa.Table, tmp_path: Path) -> None:
    """Threads are of the call, so that none is missed after a fork."""
    paths = write(rows, tmp_path, 6, 10)
    before = fr.evaluate(paths, METRICS, **ROLES, threads=2)
    read, written = os.pipe()
    child = os.fork()
    if not child:
        try:
            same = helpers.result_bits(fr.evaluate(paths, METRICS, **ROLES, threads=2)) == helpers.result_bits(before)
            os.write(written, b"same" if same else b"other")
        finally:
            os._exit(0)
    os.close(written)
    with os.fdopen(read, "rb") as pipe:
        assert pipe.read() == b"same"
    os.waitpid(child, 0)


def test_what_it_took(rows: pa.Table, tmp_path: Path) -> None:
    paths = write(rows, tmp_path, 6, 10)
    stats = fr.evaluate(paths, METRICS, **ROLES, threads=2).stats
    assert stats is not None
    assert (stats.rows, stats.threads) == (rows.num_rows, 2)
    assert stats.bytes == sum(Path(path).stat().st_size for path in paths)
    assert 0 < stats.reading_seconds + stats.metrics_seconds <= 2 * stats.seconds
    assert stats.result_seconds < stats.seconds
    assert stats.peak_memory > 10_000_000
    assert stats.to_dict()["rows_per_second"] == pytest.approx(stats.rows / stats.seconds)
    assert f"{rows.num_rows:,}" in stats.to_text()
    assert fr.evaluate(rows, "mse", label="grade", score="p").stats.threads == 1


def test_progress_tells_of_all_rows(rows: pa.Table, tmp_path: Path) -> None:
    told: list[int] = []
    source = open_source(write(rows, tmp_path, 6, 10))
    fr.evaluation.run(source, Evaluator(METRICS, **ROLES), told.append, threads=2)
    assert sum(told) == rows.num_rows
