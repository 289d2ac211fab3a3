"""Saved states of many parts, as one: in Python and on the command line."""

from __future__ import annotations

import itertools
import json

import pyarrow as pa
import pytest
from click.testing import CliRunner

import fastrank as fr
from fastrank.cli import main
from fastrank.errors import ParameterError, SourceError, StateMismatchError

METRICS = ["auc", "auc(bits=12)", "log_loss", "ndcg@2"]
OPTIONS = {"label": "y", "score": "p", "query": "q", "by": "c"}


def rows(part: int) -> pa.RecordBatch:
    """A query of each part goes on in the next."""
    queries = [part, part, part + 0.5, part + 1]
    scores = [0.125 + part / 16, 0.75, 0.5 - part % 4 / 8, 0.375]
    return pa.record_batch(
        {"y": [0, 1, part % 2, 1], "p": scores, "q": [int(2 * q) for q in queries], "c": list("abab")}
    )


def evaluator(*parts: int, metrics=METRICS, **options) -> fr.Evaluator:
    made = fr.Evaluator(metrics, **{**OPTIONS, **options})
    for part in parts:
        made.update(rows(part))
    return made


def answers(result: fr.Result) -> str:
    return str(result.table.to_pylist())


@pytest.fixture
def folder(tmp_path):
    for part in range(3):
        (tmp_path / f"part={part}").mkdir()
        evaluator(part).save_state(tmp_path / f"part={part}" / "state.arrow")
    return tmp_path


@pytest.mark.parametrize("order", list(itertools.permutations(range(3))))
def test_states_in_any_order_and_of_any_sort_are_one(folder, order):
    expected = answers(evaluator(0, 1, 2).result())
    kinds = [lambda j: folder / f"part={j}" / "state.arrow", lambda j: evaluator(j).state(), evaluator]
    merged = fr.merge_states([kinds[n](j) for n, j in enumerate(order)])
    assert answers(merged.result()) == expected
    merged.update(rows(3))
    assert answers(merged.result()) == answers(evaluator(0, 1, 2, 3).result())
    assert answers(fr.merge_states([evaluator(0, 1, 2)]).result()) == expected


def test_folders_globs_and_single_states(folder):
    expected = answers(evaluator(0, 1, 2).result())
    (folder / "part=0" / ".state.arrow.x1").write_text("half written")
    (folder / "part=0" / "notes.txt").write_text("no state")
    for states in (
        folder,
        str(folder),
        str(folder / "*" / "*.arrow"),
        [folder / "part=1", str(folder / "part=[02]" / "*")],
    ):
        if not isinstance(states, list):
            assert answers(fr.merge_states(states).result()) == expected
    (folder / "part=0" / "notes.txt").unlink()
    assert answers(fr.merge_states([folder / "part=1", str(folder / "part=[02]" / "*")]).result()) == expected
    assert answers(fr.merge_states(evaluator(1).state()).result()) == answers(evaluator(1).result())
    with pytest.raises(SourceError, match=r"nothing.arrow: no such file or folder$"):
        fr.merge_states(folder / "nothing.arrow")
    with pytest.raises(SourceError, match=r"\*\.txt: no file matches this pattern$"):
        fr.merge_states(str(folder / "*.txt"))
    (folder / "empty").mkdir()
    with pytest.raises(SourceError, match=r"empty: no state in this folder; states are files that end with .arrow$"):
        fr.merge_states(folder / "empty")
    with pytest.raises(StateMismatchError, match=r"^there is no state to merge$"):
        fr.merge_states([])


def test_other_metrics_may_be_asked(folder):
    asked = ["log_loss", "roc_auc", "auc(bits=12)"]
    kept = fr.merge_states(folder, asked)
    assert answers(kept.result()) == answers(evaluator(0, 1, 2, metrics=asked).result())
    assert "ndcg" not in str(kept.state().column_names)
    kept.merge(evaluator(3).state())
    with pytest.raises(
        StateMismatchError, match=r"state.arrow: the other state lacks what mrr reads: list_sums\(.*\) of"
    ):
        fr.merge_states(folder, ["auc", "mrr"])
    left = fr.merge_states(folder, ["auc", "mrr"], missing="drop")
    assert {row["metric"] for row in left.result().table.to_pylist()} == {"auc"}


def test_states_that_do_not_fit_are_named(folder):
    evaluator(5, metrics=["auc"]).save_state(folder / "z.arrow")
    with pytest.raises(
        StateMismatchError,
        match=r"z.arrow: the other state lacks what .* reads?: \w+\(.*\).*; missing=",
    ):
        fr.merge_states(folder)
    assert {r["metric"] for r in fr.merge_states(folder, missing="drop").result().table.to_pylist()} == {"auc"}
    evaluator(5, by=None).save_state(folder / "z.arrow")
    with pytest.raises(
        StateMismatchError, match=r"z.arrow: the states are sliced differently: by=\[\['c'\]\] here, by=\[\]"
    ):
        fr.merge_states(folder)
    evaluator(0).save_state(folder / "z.arrow")
    with pytest.raises(StateMismatchError, match=r"z.arrow: column 'q' \(query\): a query has rows in both states"):
        fr.merge_states(folder)
    with pytest.raises(ParameterError, match=r"^missing='keep'"):
        fr.merge_states(folder, missing="keep")


def test_the_command(folder):
    run = CliRunner().invoke(
        main, ["merge", str(folder), "--format", "json", "--save-state", str(folder / "all.arrow")]
    )
    assert run.exit_code == 0, run.output
    expected = evaluator(0, 1, 2).result().table.to_pylist()
    values = [row["value"] if row["value"] == row["value"] else None for row in expected]
    assert [row["value"] for row in json.loads(run.output)] == values
    assert answers(fr.merge_states(folder / "all.arrow").result()) == answers(evaluator(0, 1, 2).result())
    run = CliRunner().invoke(main, ["merge", str(folder / "all.arrow"), "-m", "auc", "-o", str(folder / "out.csv")])
    assert run.exit_code == 0
    assert (folder / "out.csv").read_text().count("auc") == 3
    run = CliRunner().invoke(main, ["merge", str(folder / "out.csv")])
    assert run.exit_code == 1
    assert "out.csv is no state of fastrank" in run.output
    run = CliRunner().invoke(main, ["merge", str(folder), "--save-state", str(folder / "no" / "all.arrow")])
    assert run.exit_code == 2
    assert "the folder of --save-state" in run.output


def test_the_command_of_windows(tmp_path):
    for day in range(3):
        (tmp_path / f"day=2026-05-0{day + 1}").mkdir()
        evaluator(day).save_state(tmp_path / f"day=2026-05-0{day + 1}" / "state.arrow")
    run = CliRunner().invoke(main, ["windows", str(tmp_path), "--span", "2d", "-m", "log_loss", "--format", "json"])
    assert run.exit_code == 0, run.output
    found = [
        (r["window_start"], r["window_end"], r["c"], r["value"]) for r in json.loads(run.output) if r["window_end"]
    ]
    assert len(found) == 6
    assert found[3] == ("2026-05-02", "2026-05-04", None, evaluator(1, 2).result()["log_loss"])
    run = CliRunner().invoke(main, ["windows", str(tmp_path), "--expanding", "-m", "log_loss"])
    assert run.exit_code == 0
    assert run.output.count("2026-05-01") == 9
    run = CliRunner().invoke(main, ["windows", str(tmp_path), "--expanding", "--span", "2d"])
    assert run.exit_code == 1
    assert "expanding windows have no length" in run.output
