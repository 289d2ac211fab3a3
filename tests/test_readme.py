"""The examples of README.md, in its order, in one folder: they run, and print what stands there."""

from __future__ import annotations

import ast
import gzip
import re
import subprocess
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from click.testing import CliRunner

import fastrank as fr
from fastrank.cli import main
from fastrank.demo import write_click_log

ROOT = Path(__file__).parents[1]
BLOCK = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
VALUE = re.compile(r"(?:^|(?<= ))# (?=[\d(\[{'])", re.MULTILINE)  # begins a comment that is a value, not words
COMMAND = re.compile(r"^\$ (.*(?:\n> .*|(?<=\\)\n .*)*)\n?", re.MULTILINE)
# Differs from run to run, or with the release of what writes Parquet.
MEASURED = re.compile(
    r"^(bytes|seconds|rows/s|threads|peak memory|reading|metrics|merging|result) {2,}\d.*$|\b[\d.]+ MB\b",
    re.MULTILINE,
)
# What makes a folder and a virtual environment of its own, and what reads the files that come with trec_eval.
APART = re.compile(r"make \w+|fastrank trec-eval .* qrels\.test results\.test")


class Block:
    """A block of a document: its language, its text, and where it begins."""

    def __init__(self, document: str, found: re.Match[str]) -> None:
        self.language, self.text = found.groups()
        self.line = document.count("\n", 0, found.start()) + 2


def blocks_of(name: str) -> list[Block]:
    document = (ROOT / name).read_text()
    return [Block(document, found) for found in BLOCK.finditer(document)]


def expected_after(source: list[str], node: ast.stmt) -> str:
    """The value that a comment after a statement gives: "" where there is none."""
    rest = source[node.end_lineno - 1].encode()[node.end_col_offset :].decode()  # type: ignore[operator]
    lines = [rest.strip(), *source[node.end_lineno :]]
    first = 0 if lines[0] else 1
    if first >= len(lines) or not VALUE.match(lines[first]):
        return ""
    found = [lines[first]]
    for line in lines[first + 1 :]:
        if not line.startswith("#  "):
            break
        found.append(line)
    return " ".join(line.lstrip("# ") for line in found)


def run_python(block: Block, names: dict[str, Any]) -> int:
    """Runs a block of Python and compares the values in its comments; returns how many there were."""
    tree, source, compared = ast.parse(block.text), block.text.splitlines(), 0
    ast.increment_lineno(tree, block.line - 1)
    source = [""] * (block.line - 1) + source
    for node in tree.body:
        names.pop("_", None)
        if not isinstance(node, ast.Expr):
            exec(compile(ast.Module([node], []), "README.md", "exec"), names)
            continue
        names["_"] = eval(compile(ast.Expression(node.value), "README.md", "eval"), names)
        if expected := expected_after(source, node):
            # The value may be followed by words.
            assert f"{expected},".startswith(f"{names['_']!r},"), f"README.md:{node.lineno}"
            compared += 1
    assert compared == len(VALUE.findall(block.text)), f"README.md:{block.line}: a value is not that of an expression"
    return compared


def arguments_of(command: str) -> list[list[str]]:
    """The arguments of each call of fastrank in a command of the shell, which runs all of it but these calls."""
    told = 'fastrank() { printf "%s\\0" "$@" "" >&3; }\n'
    with open("calls", "w+") as calls:  # noqa: PTH123
        script = f"exec 3>calls\n{told}{command}"
        subprocess.run(["bash", "-ec", script], check=True, stdout=subprocess.DEVNULL)
        return [call.split("\0") for call in calls.read().split("\0\0")[:-1]]


def same_lines(found: str, expected: str) -> bool:
    """Whether a text is as expected; a line of three dots stands for any lines."""
    pattern = "".join(r"(?:.*\n)*?" if line == "...\n" else re.escape(line) for line in expected.splitlines(True))
    return re.fullmatch(pattern, found) is not None


def run_console(block: Block) -> None:
    """Runs the commands of a block and compares what they print."""
    before, *parts = COMMAND.split(block.text)
    assert not before, f"README.md:{block.line}: text before the first command"
    for command, expected in zip(parts[::2], parts[1::2], strict=True):
        if APART.match(command):
            continue
        shell = re.sub(r"^> ", "", command, flags=re.MULTILINE)
        done = [CliRunner().invoke(main, arguments) for arguments in arguments_of(shell)]
        assert done, command
        assert [result.exit_code for result in done] == [0] * len(done), (command, done[0].output)
        if expected:
            printed = "".join(result.stdout + result.stderr for result in done)
            found, wanted = MEASURED.sub(r"\1", printed), MEASURED.sub(r"\1", expected)
            assert same_lines(found, wanted), f"README.md:{block.line}: {command}\n{printed}"


def data_of_examples(folder: Path) -> dict[str, Any]:
    """Writes what the examples read; returns the names that they take as given."""
    write_click_log(folder / "demo/clicks", 1_000_000)
    (days,) = (block for block in blocks_of("docs/large_data.md") if block.language == "python")
    run_python(days, {})
    clicks = pq.read_table("demo/clicks")
    Path("predictions").symlink_to("demo/clicks")
    scattered = clicks.take(pa.array(np.random.default_rng(0).permutation(clicks.num_rows)))
    Path("export").mkdir()
    for i in range(4):
        pq.write_table(scattered.slice(i * 250_000, 250_000), f"export/part-{i:02}.parquet", row_group_size=5_000)
    with gzip.open("day.csv.gz", "wt") as day:
        day.write("y,p,country\n0,0.25,DE\n1,0.5,DE\n")
    Path("qrels.txt").write_text("q1 0 d1 1\n")
    Path("run.txt").write_text("q1 Q0 d1 1 0.5 run\n")
    roles = {"label": "clicked", "score": "p_click", "query": "session_id"}
    first, *_ = clicks.to_batches(max_chunksize=1_000)
    other = fr.Evaluator(["auc", "ndcg@10"], **roles)
    of_a_day = fr.Evaluator(["log_loss", "auc(bits=16)"], label="clicked", score="p_click", by="country")
    Path("daily/day=2026-05-01").mkdir(parents=True)
    of_a_day.update(first)
    of_a_day.save_state("daily/day=2026-05-01/state.arrow")
    rows = clicks.slice(0, 1_000).rename_columns({"session_id": "user", "clicked": "label", "p_click": "score"})
    return {"reader": [first], "other": other, "table": rows}


def test_the_examples_of_the_readme(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    names = data_of_examples(tmp_path)
    blocks = blocks_of("README.md")
    for block, after in zip(blocks, [*blocks[1:], None], strict=True):
        if block.language == "python":
            has_value = run_python(block, names)
            if after is not None and not after.language and after.line == block.line + block.text.count("\n") + 3:
                # A block has one value in the end: where a comment told it, what follows is the result.
                shown = names["result"] if has_value else names["_"]
                with pd.option_context("display.width", 200):
                    assert f"{shown}\n" == after.text, f"README.md:{after.line}"
        elif block.language == "console":
            run_console(block)
