"""Exact scores within memory_limit: past it they go to a file without a name, and no bit changes."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import textwrap
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from click.testing import CliRunner
from helpers import merged, result_bits

import fastrank as fr
from fastrank import spill
from fastrank.accumulators import distinct, exact
from fastrank.cli import main
from fastrank.errors import FastrankError, SourceError

METRICS = ["auc", "average_precision", "ks", "auc(max_fpr=0.1)", "roc_curve(points=9)", "score_quantiles"]
ROLES: dict[str, Any] = {"label": "y", "score": ["p", "q"]}


def make_table(rows: int, seed: int = 0) -> pa.Table:
    rng = np.random.default_rng(seed)
    p = rng.random(rows, np.float32)
    return pa.table(
        {
            "y": (rng.random(rows) < p).astype(np.int8),
            "p": p,
            "q": np.where(rng.random(rows) < 0.5, p, rng.random(rows)),
            "w": rng.choice([0.0, 0.5, 1.0, 3.0], rows),
            "c": rng.choice(["a", "b", "c"], rows),
        }
    )


@pytest.fixture(scope="module")
def table() -> pa.Table:
    return make_table(60_000)


@pytest.fixture(autouse=True)
def small_deals(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(distinct, "DEALT_ROWS", 1 << 12)


@pytest.fixture
def spilled(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The sizes of what is written to files."""
    sizes: list[int] = []
    write = spill.Spill.write

    def counted(self: spill.Spill, data: Any) -> int:
        sizes.append(memoryview(data).nbytes)
        return write(self, data)

    monkeypatch.setattr(spill.Spill, "write", counted)
    return sizes


@pytest.mark.parametrize("options", [{}, {"weight": "w"}, {"by": "c"}, {"weight": "w", "by": "c"}], ids=str)
def test_the_same_bits_whatever_the_limit(table, spilled, options):
    roles = {**ROLES, **options}
    expected = result_bits(fr.evaluate(table, METRICS, **roles))
    assert not spilled
    for limit in (1, 1 << 18, 1 << 19):
        assert result_bits(fr.evaluate(table, METRICS, **roles, memory_limit=limit, batch_rows=5_000)) == expected
        assert spilled, limit
        spilled.clear()
    found = fr.evaluate(table, METRICS, **roles, memory_limit=1 << 18, batch_rows=7_000, threads=3)
    assert result_bits(found) == expected
    assert spilled


def test_states_of_files_merge(table, spilled):
    def of(part: pa.Table, limit: int) -> fr.Evaluator:
        evaluator = fr.Evaluator(METRICS, **ROLES, memory_limit=limit)
        for batch in part.to_batches(max_chunksize=5_000):
            evaluator.update(batch)
        return evaluator

    a, b = table.slice(0, 25_000), table.slice(25_000)
    expected = result_bits(fr.evaluate(table, METRICS, **ROLES))
    first, second = of(a, 1 << 18), of(b, 1 << 18)
    assert spilled
    assert result_bits(merged(of(b, 1 << 30), first).result()) == expected
    assert result_bits(merged(first, second).result()) == expected
    # The one that was merged goes on by itself.
    assert result_bits(second.result()) == result_bits(fr.evaluate(b, METRICS, **ROLES))


def test_a_state_past_the_limit_is_refused(table):
    evaluator = fr.Evaluator("auc", label="y", score="p", memory_limit=1 << 18)
    for batch in table.to_batches(max_chunksize=5_000):
        evaluator.update(batch)
    with pytest.raises(FastrankError, match=r"the state would hold \d+ bytes of distinct scores"):
        evaluator.state()
    assert evaluator.result()["auc"] == fr.evaluate(table, "auc", label="y", score="p")["auc"]


def test_accumulators_share_the_limit():
    evaluator = fr.Evaluator(["auc", "auc(where='y = 1', name='a')", "auc(bits=20)"], **ROLES, memory_limit=600)
    limits = [each.memory_limit for _, each in evaluator.plan.row_accumulators]
    assert limits == [100] * 6


def test_memory_stays_within_the_limit():
    """What is held between two batches; of distinct float64 scores, which take the most."""
    limit = 1 << 20
    evaluator = fr.Evaluator("auc", label="y", score="q", memory_limit=limit)
    ((_, accumulator),) = evaluator.plan.row_accumulators
    assert isinstance(accumulator, exact.ScoreRuns)
    most = 0
    for batch in make_table(300_000, 1).to_batches(max_chunksize=10_000):
        evaluator.update(batch)
        most = max(most, sum(each.waiting_bytes + each.sorted_bytes for each in accumulator._slices))
    assert limit // 8 < most <= limit


@pytest.mark.parametrize("threads", [1, 2])
def test_ids_of_finished_queries_past_the_limit_are_told(tmp_path, threads):
    """Adjacent queries whose ids do not ascend: nothing of them is kept but the ids, which have to fit."""
    ids = np.random.default_rng(2).permutation(40_000)
    path = tmp_path / "rows.parquet"
    pq.write_table(pa.table({"y": [0, 1] * 40_000, "p": [0.5, 0.25] * 40_000, "q": np.repeat(ids, 2)}), path)
    arguments: dict[str, Any] = {"label": "y", "score": "p", "query": "q", "batch_rows": 5_000, "threads": threads}
    told = (
        r"the ids of \d+ finished queries, which do not ascend, take \d+ bytes, more than memory_limit=65536: "
        r"sort the source by query \(ids that ascend take next to none\), or raise memory_limit"
    )
    with pytest.raises(FastrankError, match=told):
        fr.evaluate(path, "mrr", **arguments, memory_limit=1 << 16)
    assert fr.evaluate(path, "mrr", **arguments)["mrr"] == 0.5
    command = ["evaluate", str(path), "--label", "y", "--score", "p", "--query", "q", "-m", "mrr"]
    done = CliRunner().invoke(main, [*command, "--memory-limit", "65536", "--threads", str(threads)])
    assert (done.exit_code, done.stdout) == (1, "")
    assert re.fullmatch(f"fastrank: {told}\n", done.stderr)
    # Of ids that ascend any number fits.
    pq.write_table(pq.read_table(path).sort_by("q"), path)
    assert fr.evaluate(path, "mrr", **arguments, memory_limit=1 << 16)["mrr"] == 0.5


def run_spilling(folder: Any, then: str) -> subprocess.Popen[str]:
    """A process that has exact scores in a temporary file in a folder; `then` is what it does next."""
    program = """
        import os, sys, time
        import numpy as np, pyarrow as pa
        import fastrank as fr
        rng = np.random.default_rng(0)
        ev = fr.Evaluator("auc", label="y", score="p", memory_limit=1 << 20)
        batch = pa.record_batch({"y": rng.integers(0, 2, 200_000), "p": rng.random(200_000)})
    """
    lines = textwrap.dedent(program) + textwrap.dedent(then)
    environment = {**os.environ, "TMPDIR": str(folder)}
    return subprocess.Popen(
        [sys.executable, "-c", lines], env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )


def test_a_killed_process_leaves_no_file(tmp_path):
    then = """
        for _ in range(3): ev.update(batch)
        files = [os.readlink(f"/proc/self/fd/{fd}") for fd in os.listdir("/proc/self/fd") if int(fd) > 2 and
                 os.path.exists(f"/proc/self/fd/{fd}")]
        print([name for name in files if os.environ["TMPDIR"] in name], flush=True)
        time.sleep(60)
    """
    with run_spilling(tmp_path, then) as process:
        assert process.stdout is not None
        open_files = process.stdout.readline()
        assert str(tmp_path) in open_files
        assert "(deleted)" in open_files
        process.send_signal(signal.SIGKILL)
        process.wait()
    assert process.returncode == -signal.SIGKILL
    assert list(tmp_path.iterdir()) == []


def test_a_full_disk_is_told(tmp_path):
    then = """
        import resource
        resource.setrlimit(resource.RLIMIT_FSIZE, (1_000_000, 1_000_000))
        try:
            for _ in range(10): ev.update(batch)
        except fr.FastrankError as error:
            print(type(error).__name__, error)
    """
    with run_spilling(tmp_path, then) as process:
        out, err = process.communicate()
    assert (process.returncode, err) == (0, "")
    assert out.startswith(f"WriteError rows past memory_limit cannot be written to a temporary file in {tmp_path}: ")
    assert list(tmp_path.iterdir()) == []


def test_a_file_that_was_cut_off_is_told():
    held = spill.Spill()
    held.write(b"12345678")
    held._file.truncate(4)
    with pytest.raises(SourceError, match="was cut off"):
        held.read(0, 8)
