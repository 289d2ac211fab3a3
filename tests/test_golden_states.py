"""States that earlier versions saved: they load for ever, with the answers they had."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

import fastrank as fr
from fastrank.accumulators import ACCUMULATORS
from fastrank.wire import FORMAT

ROOT = Path(__file__).parent.parent
FILES = sorted((ROOT / "tests" / "golden" / "states").glob("format-*/*.arrow"))
# Of a user's own function a state holds the digest of its bytecode, which is that of one version of Python.
WITHOUT_GOLDEN = {"function_sum"}


def arguments_of(about: dict[str, Any]) -> dict[str, Any]:
    given = about["arguments"]
    return {name: dict(value) if name == "class_weight" else value for name, value in given.items()}


def check(result: fr.Result, about: dict[str, Any]) -> None:
    rows = result.table.to_pylist()
    assert len(rows) == len(about["answers"])
    for row, expected in zip(rows, about["answers"], strict=True):
        for name, value in expected.items():
            mine = row[name]
            assert (str(mine) if isinstance(value, str) else mine) == value, name


@pytest.mark.parametrize("path", FILES, ids=lambda path: f"{path.parent.name}-{path.stem}")
def test_states_of_earlier_versions_load_and_are_saved_again(path, tmp_path):
    about = json.loads(path.with_suffix(".json").read_text())
    evaluator = fr.Evaluator(about["metrics"], **arguments_of(about))
    evaluator.merge(path)
    check(evaluator.result(), about)
    evaluator.save_state(tmp_path / "again.arrow")
    again = fr.Evaluator(about["metrics"], **arguments_of(about))
    again.merge(tmp_path / "again.arrow")
    check(again.result(), about)


def test_there_are_states_of_each_format_and_of_each_kind():
    kinds: dict[int, set[str]] = {}
    for path in FILES:
        table = fr.wire.read_table(path)
        names = [name for name in table.column_names if name.startswith("{")]
        kinds.setdefault(int(path.parent.name[len("format-") :]), set()).update(json.loads(n)["kind"] for n in names)
    assert sorted(kinds) == list(range(1, FORMAT + 1))
    for held in kinds.values():
        assert held - {"query_stream"} == set(ACCUMULATORS) - WITHOUT_GOLDEN


def test_making_them_again_writes_nothing():
    run = subprocess.run(
        [sys.executable, ROOT / "tools" / "make_golden_states.py"], capture_output=True, text=True, check=True
    )
    assert run.stdout == ""
