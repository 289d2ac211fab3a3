"""The command line: output forms, exit codes, errors in one line, progress."""

from __future__ import annotations

import csv
import json
import os
import pty
import subprocess
import sys
from pathlib import Path

import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet
import pytest
from click.testing import CliRunner, Result

import fastrank as fr
from fastrank.cli import main
from fastrank.metrics import list_metrics


@pytest.fixture
def clicks(tmp_path: Path) -> Path:
    path = tmp_path / "clicks.parquet"
    table = pa.table(
        {
            "y": [0, 1, 1, 0],
            "p": [0.1, 0.8, 0.4, 0.5],
            "old": [0.5, 0.4, 0.6, 0.1],
            "q": [1, 1, 2, 2],
            "c": list("abab"),
        }
    )
    pa.parquet.write_table(table, path)
    return path


def invoke(*arguments: str | Path) -> Result:
    return CliRunner().invoke(main, [str(argument) for argument in arguments])


ROLES = ("--label", "y", "--score", "p", "--query", "q")


def test_table(clicks: Path) -> None:
    done = invoke("evaluate", clicks, *ROLES, "-m", "auc", "-m", "mrr@1,2", "--by", "c")
    assert done.exit_code == 0
    lines = done.stdout.splitlines()
    assert lines[0].split()[:3] == ["c", "metric", "value"]
    assert [line.split()[:2] for line in lines[1:4]] == [["auc", "0.75"], ["mrr@1", "0.5"], ["mrr@2", "0.75"]]
    assert len(lines) == 1 + 3 * 3
    assert done.stderr == ""


def test_intervals(tmp_path: Path) -> None:
    rows = {"clicked": [0, 1, 0, 0], "seconds": [1.0, 2.0, 4.0, 5.0], "cost": [1, 1, 1, 1], "paid": [2, 0, 0, 3]}
    path = tmp_path / "visits.csv"
    pa.csv.write_csv(pa.table(rows), path)
    asked = ["ctr(ci=0.95)", "cvr", "mean(seconds, ci=0.9)", "roi(revenue=paid, cost=cost)", "median(value=seconds)"]
    done = invoke("evaluate", path, "--label", "clicked", *(word for metric in asked for word in ("-m", metric)))
    heading, *lines = [line.split("  ") for line in done.stdout.splitlines()]
    assert [word.strip() for word in heading if word] == ["metric", "value", "exact", "ci_lower", "ci_upper", "rows"]
    names = ["ctr(ci=0.95)", "conversion_rate", "mean(value=seconds, ci=0.9)", "roi(revenue=paid)",
             "quantiles(q=0.5, value=seconds)"]  # fmt: skip
    assert [line[0] for line in lines] == names
    done = invoke(
        "evaluate", path, "--label", "clicked", "-m", "ctr(ci=0.95)", "-m", "mean(seconds)", "--format", "json"
    )
    first, second = json.loads(done.stdout)
    assert (first["value"], round(first["ci_lower"], 4), round(first["ci_upper"], 4)) == (0.25, 0.0456, 0.6994)
    assert (second["value"], second["ci_lower"], second["ci_upper"]) == (3.0, None, None)
    for metric, message in (
        ("ctr", "ctr needs a label column: name it (label=, --label)"),
        ("mean", "no column 'value'"),
    ):
        failed = invoke("evaluate", path, "-m", metric)
        assert failed.exit_code == 1
        assert message in failed.stderr


def test_json(clicks: Path) -> None:
    rows = json.loads(invoke("evaluate", clicks, *ROLES, "-m", "auc", "--by", "c", "--format", "json").stdout)
    assert [(row["c"], row["metric"], row["value"]) for row in rows] == [
        (None, "auc", 0.75), ("a", "auc", 1.0), ("b", "auc", 1.0),
    ]  # fmt: skip


def test_json_has_null_for_nan(clicks: Path) -> None:
    done = invoke("evaluate", clicks, *ROLES, "-m", "auc", "--where", "y = 1", "--format", "json")
    assert json.loads(done.stdout)[0]["value"] is None


def test_csv_and_parquet_files(clicks: Path, tmp_path: Path) -> None:
    for name in ("out.csv", "out.parquet", "out.json", "out.txt"):
        assert invoke("evaluate", clicks, *ROLES, "-m", "auc", "-o", tmp_path / name).exit_code == 0
    with (tmp_path / "out.csv").open() as file:
        assert [row["value"] for row in csv.DictReader(file)] == ["0.75"]
    assert pa.parquet.read_table(tmp_path / "out.parquet")["value"].to_pylist() == [0.75]
    assert json.loads((tmp_path / "out.json").read_text())[0]["value"] == 0.75
    assert "0.75" in (tmp_path / "out.txt").read_text()
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "clicks.parquet",
        *sorted(("out.csv", "out.parquet", "out.json", "out.txt")),
    ]


def test_several_models_and_groupings(clicks: Path) -> None:
    done = invoke(
        "evaluate",
        clicks,
        "--label",
        "y",
        "--score",
        "p",
        "--score",
        "old",
        "-m",
        "auc",
        "--by",
        "c",
        "--by",
        "c,q",
        "--format",
        "json",
    )
    rows = json.loads(done.stdout)
    assert {(row["model"], row["value"]) for row in rows[:2]} == {("p", 0.75), ("old", 0.75)}
    assert len(rows) == 2 * (1 + 2 + 4)


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (("-m", "acu"), 1, ["acu", "auc"]),
        (("-m", "ndcg(k=0)"), 1, ["k=0", "an integer from 1"]),
        (("-m", "auc", "--label", "z"), 1, ["'z'"]),
        (("-m", "auc", "--where", "y ="), 1, ["y ="]),
        (("-m", "auc", "--format", "parquet"), 2, ["--output"]),
        (("-m", "auc", "-o", "nowhere/out.csv"), 2, ["nowhere"]),
        (("-m", "auc", "--format", "xml"), 2, ["xml"]),
        ((), 2, ["--metric"]),
    ],
)  # fmt: skip
def test_errors_take_one_line(clicks: Path, arguments: tuple[str, ...], code: int, words: list[str]) -> None:
    done = invoke("evaluate", clicks, *ROLES, *arguments)
    assert done.exit_code == code
    assert done.stdout == ""
    assert "Traceback" not in done.stderr
    assert len(done.stderr.splitlines()) == 1 or code == 2
    for word in words:
        assert word in done.stderr


def test_an_invalid_row_names_the_option_that_helps(tmp_path: Path) -> None:
    path = tmp_path / "bad.csv"
    path.write_text("y,p\n0,0.2\n2,0.4\n1,0.9\n")
    done = invoke("evaluate", path, "--label", "y", "--score", "p", "-m", "auc")
    assert done.exit_code == 1
    assert f"column 'y' (label): row 1 of {path} holds 2.0; allowed: 0 or 1" in done.stderr
    assert "--on-invalid drop" in done.stderr
    done = invoke(
        "evaluate", path, "--label", "y", "--score", "p", "-m", "auc", "--on-invalid", "drop", "--format", "json"
    )
    assert [(row["value"], row["rows"], row["rows_dropped"]) for row in json.loads(done.stdout)] == [(1.0, 2, 1)]


def test_a_failed_run_leaves_the_old_output(clicks: Path, tmp_path: Path) -> None:
    target = tmp_path / "out.csv"
    target.write_text("before")
    assert invoke("evaluate", clicks, *ROLES, "-m", "auc", "--label", "none", "-o", target).exit_code == 1
    assert target.read_text() == "before"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["clicks.parquet", "out.csv"]


def test_devices_and_pipes_are_refused_and_links_stay(clicks: Path, tmp_path: Path) -> None:
    pipe, link, real = tmp_path / "pipe.csv", tmp_path / "link.csv", tmp_path / "real.csv"
    os.mkfifo(pipe)
    real.write_text("before")
    real.chmod(0o640)
    link.symlink_to(real)
    refused = invoke("evaluate", clicks, *ROLES, "-m", "auc", "-o", pipe)
    assert refused.exit_code == 1
    assert "it is no regular file" in refused.stderr
    assert pipe.is_fifo()
    assert invoke("evaluate", clicks, *ROLES, "-m", "auc", "-o", link).exit_code == 0
    assert link.is_symlink()
    assert "0.75" in real.read_text()
    assert real.stat().st_mode & 0o777 == 0o640


def test_long_tables_are_cut_in_repr_only(tmp_path: Path) -> None:
    path = tmp_path / "long.parquet"
    pa.parquet.write_table(pa.table({"y": [0, 1] * 100, "p": [0.5] * 200, "c": range(200)}), path)
    result = fr.evaluate(path, "log_loss", label="y", score="p", by="c")
    assert "... and 141 more rows: result.table has all" in str(result)
    assert len(str(result).splitlines()) == 1 + 60 + 1
    printed = invoke("evaluate", path, "--label", "y", "--score", "p", "-m", "log_loss", "--by", "c").stdout
    assert len(printed.splitlines()) == 1 + 201


def test_a_folder_of_several_formats_is_refused(clicks: Path) -> None:
    (clicks.parent / "same.csv").write_text("y,p\n0,0.1\n")
    done = invoke("evaluate", clicks.parent, "--label", "y", "--score", "p", "-m", "auc")
    assert done.exit_code == 1
    assert "several formats (.parquet and .csv)" in done.stderr


def test_metrics_explains_any_spelling() -> None:
    assert invoke("metrics", "P_5").stdout.startswith("precision(")


def test_metrics_tells_what_other_names_stand_for() -> None:
    assert (
        invoke("metrics", "focal")
        .stdout.rstrip()
        .endswith(
            "Also called: focal_loss, binary_focal_loss, binary_focal_crossentropy, "
            "sigmoid_focal_loss (from_logits=True, alpha=0.25)"
        )
    )


def test_the_package_runs_as_a_program() -> None:
    done = subprocess.run([sys.executable, "-m", "fastrank", "metrics", "P_5"], capture_output=True, text=True)
    assert (done.returncode, done.stdout[:10], done.stderr) == (0, "precision(", "")


def test_metrics_lists_all_and_explains_one() -> None:
    listing = invoke("metrics").stdout
    assert [line.split()[0] for line in listing.splitlines()[1:]] == list_metrics()
    (told,) = (line for line in listing.splitlines() if line.startswith("binary_f_beta "))
    assert "beta, positive, threshold, strict, zero_division  " in told
    text = invoke("metrics", "nDCG").stdout
    for word in ("ndcg(", "Järvelin", "no_relevant", "ndcg_burges", "Examples"):
        assert word in text
    unknown = invoke("metrics", "ndgc")
    assert (unknown.exit_code, "near: " in unknown.stderr) == (1, True)


def test_the_list_of_metrics_fits_a_terminal() -> None:
    command = [sys.executable, "-c", "from fastrank.cli import main; main()", "metrics"]
    master, slave = pty.openpty()
    # As many columns, in place of the terminal's own, which has none here.
    environment = {**os.environ, "TERM": "dumb", "COLUMNS": "110"}
    with subprocess.Popen(command, stdout=slave, env=environment):
        os.close(slave)
        text = b""
        try:
            while part := os.read(master, 65_536):
                text += part
        except OSError:  # how Linux says that the other side has closed
            pass
    os.close(master)
    lines = [line.rstrip() for line in text.decode().splitlines()]
    assert max(map(len, lines)) <= 110
    names = [line.split()[0] for line in lines[1:] if line[:1].strip()]
    assert names[-len(list_metrics()) :] == list_metrics()


def test_demo_writes_and_evaluates(tmp_path: Path) -> None:
    done = invoke("demo", "--rows", "20000", "--folder", tmp_path / "demo")
    assert done.exit_code == 0
    assert "$ fastrank evaluate" in done.stdout
    assert "ndcg@10" in done.stdout
    assert pa.parquet.read_table(tmp_path / "demo" / "clicks").num_rows == 20_000
    again = invoke("demo", "--rows", "20000", "--folder", tmp_path / "demo")
    assert again.stdout == done.stdout


def test_a_smaller_demo_leaves_nothing_of_a_larger_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("fastrank.demo.ROWS_PER_FILE", 2_000)
    clicks = tmp_path / "demo" / "clicks"
    for rows, files in ((6_000, 3), (2_000, 1)):
        assert invoke("demo", "--rows", str(rows), "--folder", tmp_path / "demo").exit_code == 0
        assert len(list(clicks.iterdir())) == files
        assert pa.parquet.read_table(clicks).num_rows == rows


def test_the_program_is_installed_and_shows_progress_on_a_terminal_only(clicks: Path) -> None:
    program = Path(sys.executable).with_name("fastrank")
    command = [str(program), "evaluate", str(clicks), *ROLES, "-m", "auc"]
    piped = subprocess.run(command, capture_output=True, text=True, check=True)
    assert piped.stderr == ""
    assert "0.75" in piped.stdout
    master, slave = pty.openpty()
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=slave, env={**os.environ, "TERM": "xterm"}) as shown:
        os.close(slave)
        output, _ = shown.communicate()
    terminal = os.read(master, 65_536).decode()
    os.close(master)
    assert b"0.75" in output
    assert "4/4" in terminal
    assert "rows/s" in terminal


def test_ctrl_c_gives_130_and_leaves_nothing(clicks: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupt(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(sys.modules["fastrank.cli.evaluate"], "feed", interrupt)
    done = invoke("evaluate", clicks, *ROLES, "-m", "auc", "-o", tmp_path / "out.csv")
    assert done.exit_code == 130
    assert "interrupted" in done.stderr
    assert sorted(path.name for path in tmp_path.iterdir()) == ["clicks.parquet"]
