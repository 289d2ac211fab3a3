"""Bad files that are skipped, and states of files that make a restart cheap: no half-written file is believed."""

from __future__ import annotations

import json
import os
import resource
import signal
import subprocess
import sys
import textwrap
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING, Any

import helpers
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from click.testing import CliRunner, Result

import fastrank as fr
from fastrank import feeding
from fastrank.cli import main
from fastrank.errors import (
    ColumnTypeError,
    EmptyInputError,
    InvalidValueError,
    MissingColumnError,
    ParameterError,
    SourceError,
    StateMismatchError,
    WriteError,
)
from fastrank.sources import open_source
from fastrank.states_dir import StatesDir

if TYPE_CHECKING:
    from collections.abc import Iterator

    from fastrank.sources import Source

METRICS = ["auc(label=clicked)", "log_loss(label=clicked)", "ndcg@3", "map", "mrr"]
ROLES: dict[str, Any] = {"label": "grade", "score": "p", "query": "query"}
FILES = 6


@pytest.fixture(scope="module")
def rows() -> pa.Table:
    return pa.Table.from_batches([helpers.make_rows(np.random.default_rng(0).integers(1, 9, 60).tolist(), 5)])


@pytest.fixture
def folder(rows: pa.Table, tmp_path: Path) -> Path:
    """The rows in files, whose borders cut through queries."""
    folder = tmp_path / "rows"
    folder.mkdir()
    size = -(-rows.num_rows // FILES)
    for i in range(FILES):
        pq.write_table(rows.slice(i * size, size), folder / f"{i}.parquet", row_group_size=17)
    return folder


@pytest.fixture
def one(rows: pa.Table) -> fr.Result:
    return fr.evaluate(rows, METRICS, **ROLES, by="country", threads=1)


@pytest.fixture
def read(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The sizes of all batches that are read."""
    sizes: list[int] = []
    update = fr.Evaluator.update

    def counted(self: fr.Evaluator, batch: pa.RecordBatch, **named: Any) -> None:
        sizes.append(batch.num_rows)
        update(self, batch, **named)

    monkeypatch.setattr(fr.Evaluator, "update", counted)
    return sizes


def evaluate(folder: Path, **options: Any) -> fr.Result:
    return fr.evaluate(str(folder), METRICS, **ROLES, by="country", **options)


def without(folder: Path, number: int) -> fr.Result:
    """The result of all other files."""
    paths = [str(path) for path in sorted(folder.iterdir()) if path.name != f"{number}.parquet"]
    return fr.evaluate(paths, METRICS, **ROLES, by="country", threads=1)


# Bad files


def truncate(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-200])


def damage_last_row_group(path: Path) -> None:
    meta = pq.ParquetFile(path).metadata
    column = meta.row_group(meta.num_row_groups - 1).column(0)
    data = bytearray(path.read_bytes())
    start = column.dictionary_page_offset or column.data_page_offset
    data[start : start + column.total_compressed_size] = b"\xff" * column.total_compressed_size
    path.write_bytes(data)


def lack_a_column(path: Path) -> None:
    pq.write_table(pq.read_table(path).drop_columns(["p"]), path)


def have_another_type(path: Path) -> None:
    table = pq.read_table(path)
    pq.write_table(table.set_column(table.schema.get_field_index("p"), "p", pa.array(["?"] * len(table))), path)


def be_empty(path: Path) -> None:
    path.write_bytes(b"")


DAMAGES = [truncate, damage_last_row_group, lack_a_column, have_another_type, be_empty]


@pytest.mark.parametrize("damage", DAMAGES)
@pytest.mark.parametrize("number", [0, 3])
def test_a_bad_file_counts_for_nothing(folder: Path, damage: Any, number: int) -> None:
    expected = without(folder, number)
    damage(folder / f"{number}.parquet")
    # Small batches: some are read before the damage is met.
    for options in ({"threads": 1, "batch_rows": 9}, {"threads": 2}, {"threads": 4}, {"queries": "scattered"}):
        result = evaluate(folder, on_bad_file="skip", **options)
        helpers.same_result(result, expected)
        assert [Path(skipped.path).name for skipped in result.skipped_files] == [f"{number}.parquet"]
        reason = result.skipped_files[0].reason
        assert reason
        assert not reason.startswith("cannot read")  # the path stands beside it
        assert result.stats is not None
        assert result.stats.rows == expected.evaluated_rows
    with pytest.raises((SourceError, MissingColumnError, ColumnTypeError), match=rf"{number}\.parquet"):
        evaluate(folder)


def test_no_file_is_left(folder: Path) -> None:
    for path in folder.iterdir():
        damage_last_row_group(path)
    with pytest.raises(SourceError, match=r"no file is left of 6; the first: \S*0\.parquet: row group"):
        evaluate(folder, on_bad_file="skip")


def test_a_bad_row_is_no_bad_file(folder: Path) -> None:
    table = pq.read_table(folder / "4.parquet")
    values = table["p"].to_pylist()
    values[5] = float("nan")
    broken = table.set_column(table.schema.get_field_index("p"), "p", pa.array(values))
    pq.write_table(broken, folder / "4.parquet")
    for threads in (1, 2):
        with pytest.raises(InvalidValueError, match=r"row 5 of .*4\.parquet holds nan.*on_invalid=\"drop\""):
            evaluate(folder, on_bad_file="skip", threads=threads)


def test_files_of_two_codings_do_not_fit(tmp_path: Path) -> None:
    for name, labels in (("a", [0, 1]), ("b", [-1, 1])):
        pq.write_table(pa.table({"y": labels, "p": [0.1, 0.2]}), tmp_path / f"{name}.parquet")
    with pytest.raises(StateMismatchError, match=r"b\.parquet does not fit the files before it: .*0 in rows"):
        fr.evaluate(str(tmp_path), "auc", label="y", score="p", on_bad_file="skip", threads=1)


@pytest.mark.parametrize("option", [{"on_bad_file": "skip"}, {"states_dir": "states"}])
def test_what_needs_files(rows: pa.Table, folder: Path, option: dict[str, str]) -> None:
    with pytest.raises(ParameterError, match="give their paths"):
        fr.evaluate(rows, "mse", label="grade", score="p", **option)
    with pytest.raises(ParameterError, match="leave out on_bad_file= and states_dir="):
        fr.evaluate(str(folder), "mrr", **ROLES, per_query=True, **option)
    assert not Path("states").exists()


def test_on_bad_file_is_one_of_two(folder: Path) -> None:
    with pytest.raises(ParameterError, match=r"on_bad_file='ignore'; allowed: \"error\", \"skip\""):
        evaluate(folder, on_bad_file="ignore")


def test_a_condition_may_exclude_all_files(folder: Path) -> None:
    with pytest.raises(EmptyInputError, match="where="):
        evaluate(folder, on_bad_file="skip", where="query < -5")


# States of files


def test_a_restart_reads_nothing_again(folder: Path, tmp_path: Path, one: fr.Result, read: list[int]) -> None:
    states = tmp_path / "new" / "states"
    for threads in (1, 2, 5):
        read.clear()
        result = evaluate(folder, states_dir=states, threads=threads)
        helpers.same_result(result, one)
        assert sum(read) == (pq.read_table(folder).num_rows if threads == 1 else 0)
        assert result.stats is not None
        assert result.stats.files_restored == (0 if threads == 1 else FILES)
    names = sorted(path.name for path in states.iterdir())
    assert [name.partition("-")[0] for name in names] == [f"{i}.parquet" for i in range(FILES)]
    merged = fr.Evaluator(METRICS, **ROLES, by="country")
    for path in states.iterdir():
        merged.merge(path)
    helpers.same_result(merged.result(), one)


def test_what_changed_is_read_again(folder: Path, tmp_path: Path, one: fr.Result, read: list[int]) -> None:
    states = tmp_path / "states"
    evaluate(folder, states_dir=states)
    one_file = pq.read_table(folder / "2.parquet").num_rows
    changes = (
        lambda: os.utime(folder / "2.parquet", ns=(1, 1)),
        lambda: next(states.glob("2.*")).write_bytes(next(states.glob("2.*")).read_bytes()[:-100]),
        lambda: next(states.glob("2.*")).write_bytes(b""),
        lambda: next(states.glob("2.*")).unlink(),
    )
    for change in changes:
        change()
        read.clear()
        helpers.same_result(evaluate(folder, states_dir=states), one)
        assert sum(read) == one_file
        assert len(list(states.iterdir())) == FILES  # the state of the file as it was is gone
    for options in ({"where": "query > 3"}, {"on_invalid": "drop"}, {"on_invalid": "drop", "memory_limit": 1 << 22}):
        expected = evaluate(folder, **options)
        read.clear()
        helpers.same_result(evaluate(folder, states_dir=states, **options), expected)
        assert bool(read) == ("memory_limit" not in options)
    read.clear()
    pq.write_table(pq.read_table(folder / "5.parquet").slice(2), folder / "5.parquet")
    expected = evaluate(folder)
    helpers.same_result(evaluate(folder, states_dir=states), expected)


def test_the_name_of_a_state_says_what_is_evaluated(folder: Path, tmp_path: Path) -> None:
    source = open_source(str(folder))
    first, second, *_ = source.by_file()

    def name(file: Source, **changes: Any) -> str:
        evaluator = fr.Evaluator(METRICS, **{**ROLES, "by": "country", **changes})
        return StatesDir(tmp_path, evaluator, source).path_of(file).name

    assert name(first) == name(first, memory_limit=1 << 20)
    others: list[dict[str, Any]] = [
        {}, {"score": "p2"}, {"by": None}, {"by": "item"}, {"where": "query > 3"}, {"on_invalid": "drop"},
        {"queries": "scattered"}, {"class_weight": {1: 2.0}}, {"class_weight": {1: 3.0}},
    ]  # fmt: skip
    assert len({name(first, **changes) for changes in others} | {name(second)}) == len(others) + 1


def test_a_file_that_changes_while_it_is_read(folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    feed, times = feeding._feed, count(1)

    def changed(batches: Any, *rest: Any) -> None:
        feed(batches, *rest)
        os.utime(folder / "1.parquet", ns=(next(times), next(times)))

    monkeypatch.setattr(feeding, "_feed", changed)
    with pytest.raises(SourceError, match=r"1\.parquet changed while it was read"):
        evaluate(folder, states_dir=tmp_path / "states", threads=1)
    assert [path.name[0] for path in (tmp_path / "states").iterdir()] == ["0"]


def test_queries_that_come_back_have_to_be_named(rows: pa.Table, tmp_path: Path) -> None:
    order = np.random.default_rng(1).permutation(rows.num_rows)
    scattered = rows.take(pa.array(order))
    for i in range(4):
        pq.write_table(scattered.slice(i * 80, 80), tmp_path / f"{i}.parquet")
    paths = [str(path) for path in sorted(tmp_path.glob("*.parquet"))]
    expected = fr.evaluate(paths, METRICS, **ROLES)
    states = tmp_path / "states"
    with pytest.raises(ValueError, match='queries="scattered"'):
        fr.evaluate(paths, METRICS, **ROLES, states_dir=states)
    for _ in range(2):
        given = fr.evaluate(paths, METRICS, **ROLES, states_dir=states, queries="scattered")
        helpers.same_result(given, expected)


def test_judgments_have_no_states(folder: Path, tmp_path: Path) -> None:
    qrels = {"1": {"1": 1}}
    with pytest.raises(ParameterError, match="states_dir= does not go with qrels="):
        fr.evaluate(str(folder), "mrr", query="query", item="item", score="p", qrels=qrels, states_dir=tmp_path / "s")


def test_two_runs_do_not_share_a_folder(folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    feed, states = feeding._feed, tmp_path / "states"

    def again(*given: Any) -> None:
        monkeypatch.setattr(feeding, "_feed", feed)
        with pytest.raises(SourceError, match="another run writes to the folder of states"):
            evaluate(folder, states_dir=states)
        feed(*given)

    monkeypatch.setattr(feeding, "_feed", again)
    evaluate(folder, states_dir=states, threads=1)


# Runs that end before they are done

KILLED = """
import os, pathlib, signal, sys, time
import fastrank as fr
from fastrank import feeding

moment, count, *arguments = sys.argv[1:]
left = int(count)
signal.signal(signal.SIGINT, signal.default_int_handler)  # a job in the background ignores it

def before(owner, name):
    function = getattr(owner, name)
    def changed(*given, **named):
        global left
        left -= 1
        if not left:
            os.kill(os.getpid(), getattr(signal, "SIGINT" if moment == "interrupt" else "SIGKILL"))
            time.sleep(0.5)  # the main thread has the signal
        return function(*given, **named)
    setattr(owner, name, changed)

# While a batch is added; when a state is written, but not yet under its name; when it has just got its name.
owner, name = {
    "batch": (fr.Evaluator, "update"), "interrupt": (fr.Evaluator, "update"),
    "written": (pathlib.Path, "replace"), "named": (pathlib.Path, "iterdir"),
}[moment]
before(owner, name)
from fastrank.cli import main
main(arguments)
"""


def run(moment: str, at: int, *arguments: Any) -> subprocess.CompletedProcess[str]:
    """The command in a process of its own, which gets a signal at the at-th such moment."""
    command = [sys.executable, "-c", textwrap.dedent(KILLED), moment, str(at), *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=120)


def options_of(folder: Path, *more: Any) -> list[Any]:
    metrics = [word for name in METRICS for word in ("-m", name)]
    return [
        "evaluate",
        folder,
        "--label",
        "grade",
        "--score",
        "p",
        "--query",
        "query",
        "--by",
        "country",
        *metrics,
        *more,
    ]


@pytest.mark.parametrize(("moment", "at"), [("batch", 4), ("written", 3), ("named", 4)])
def test_killed_and_started_again(folder: Path, tmp_path: Path, one: fr.Result, moment: str, at: int) -> None:
    states, output = tmp_path / "states", tmp_path / "out.json"
    options = options_of(folder, "--states-dir", states, "-o", output, "--threads", "1")
    assert run(moment, at, *options).returncode == -signal.SIGKILL
    assert not output.exists()
    whole = [path for path in states.iterdir() if path.suffix == ".arrow"]
    left_over = [path for path in states.iterdir() if path.suffix != ".arrow"]
    assert 1 <= len(whole) < FILES
    assert len(left_over) == (moment == "written")
    result = evaluate(folder, states_dir=states)
    helpers.same_result(result, one)
    assert result.stats is not None
    assert result.stats.files_restored == len(whole)
    assert len(list(states.iterdir())) == FILES  # what was half-written is gone


def test_interrupted_with_states(folder: Path, tmp_path: Path) -> None:
    states = tmp_path / "states"
    done = run("interrupt", 4, *options_of(folder, "--states-dir", states, "-o", tmp_path / "o", "--threads", "1"))
    assert done.returncode == 130
    kept = len(list(states.iterdir()))
    assert f"interrupted; {kept} of {FILES} files are done and will not be read again" in done.stderr
    assert sorted(path.name for path in tmp_path.iterdir()) == ["rows", "states"]


def test_interrupted(folder: Path, tmp_path: Path) -> None:
    done = run("interrupt", 3, *options_of(folder, "-o", tmp_path / "out.csv", "--save-state", tmp_path / "s.arrow"))
    assert done.returncode == 130
    assert done.stderr == "fastrank: interrupted; nothing was written\n"
    assert [path.name for path in tmp_path.iterdir()] == ["rows"]


# A disk that is full


@pytest.fixture
def small_files() -> Iterator[None]:
    """Files cannot have more than some bytes, as on a full disk."""
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (4096, limits[1]))
    yield
    resource.setrlimit(resource.RLIMIT_FSIZE, limits)


def test_a_disk_that_is_full(folder: Path, tmp_path: Path, small_files: None) -> None:
    paths = sorted(folder.iterdir())
    with pytest.raises(WriteError, match=r"states/0\.parquet-.*\.arrow cannot be written: File too large"):
        evaluate(folder, states_dir=tmp_path / "states", on_bad_file="skip", threads=1)
    assert list((tmp_path / "states").iterdir()) == []
    done = invoke(*options_of(folder, "--save-state", tmp_path / "state.arrow"))
    assert done.exit_code == 1
    assert "state.arrow cannot be written: File too large" in done.stderr
    assert done.stdout == ""
    with pytest.raises(WriteError, match=r"rows past memory_limit cannot be written.*TMPDIR, or raise memory_limit"):
        evaluate(folder, queries="scattered", memory_limit=20_000, on_bad_file="skip")
    assert sorted(folder.iterdir()) == paths
    assert sorted(path.name for path in tmp_path.iterdir()) == ["rows", "states"]


# The command


def invoke(*arguments: Any) -> Result:
    return CliRunner().invoke(main, [str(argument) for argument in arguments])


def test_the_command_tells_of_skipped_files(folder: Path, tmp_path: Path) -> None:
    truncate(folder / "1.parquet")
    be_empty(folder / "4.parquet")
    output = tmp_path / "out.json"
    done = invoke(*options_of(folder, "-o", output))
    assert done.exit_code == 1
    assert not output.exists()
    done = invoke(*options_of(folder, "-o", output, "--on-bad-file", "skip", "--stats", "json"))
    assert done.exit_code == 3
    first, *rest = done.stderr.splitlines()
    assert json.loads(first)["rows"] > 0
    assert [line.partition(".parquet: ")[0] + ".parquet" for line in rest] == [
        f"fastrank: skipped {folder}/1.parquet",
        f"fastrank: skipped {folder}/4.parquet",
    ]
    assert json.loads(output.read_text())


def test_the_command_saves_a_state_and_tells_what_it_took(folder: Path, tmp_path: Path, one: fr.Result) -> None:
    done = invoke(*options_of(folder, "--save-state", tmp_path / "state.arrow", "--stats", "--threads", 2))
    assert done.exit_code == 0
    assert [line.split()[0] for line in done.stderr.splitlines()][:5] == [
        "rows",
        "bytes",
        "seconds",
        "rows/s",
        "threads",
    ]
    evaluator = fr.Evaluator(METRICS, **ROLES, by="country")
    evaluator.merge(tmp_path / "state.arrow")
    helpers.same_result(evaluator.result(), one)
    done = invoke(*options_of(folder, "--save-state", tmp_path / "nowhere" / "state.arrow"))
    assert done.exit_code == 2
    assert "does not exist" in done.stderr


@pytest.mark.parametrize("option", [("--threads", "2"), ("--on-bad-file", "skip"), ("--states-dir", "s")])
def test_values_of_queries_come_in_order(folder: Path, tmp_path: Path, option: tuple[str, str]) -> None:
    done = invoke("evaluate", folder, "--label", "grade", "--score", "p", "--query", "query", "-m", "mrr",
                  "--per-query", tmp_path / "q.csv", *option)  # fmt: skip
    assert done.exit_code == 2
    assert f"{option[0]} does not go with --per-query" in done.stderr
