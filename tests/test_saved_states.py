"""States kept: what other metrics may be asked of them later, and the files they are written to."""

from __future__ import annotations

import os
from pathlib import Path

import pyarrow as pa
import pytest

import fastrank as fr
from fastrank.errors import SourceError, StateMismatchError

METRICS = ["auc", "auc(bits=12)", "log_loss", "ndcg@2"]
OPTIONS = {"label": "y", "score": "p", "query": "q", "by": "c"}


def rows(first_query: int = 0, countries: str = "abab", labels: tuple = (0, 1, 0, 1)) -> pa.RecordBatch:
    queries = [first_query, first_query, first_query + 1, first_query + 2]
    return pa.record_batch({"y": list(labels), "p": [0.125, 0.75, 0.5, 0.375], "q": queries, "c": list(countries)})


def evaluator(*batches: pa.RecordBatch, metrics=METRICS, **options) -> fr.Evaluator:
    made = fr.Evaluator(metrics, **{**OPTIONS, **options})
    for batch in batches:
        made.update(batch)
    return made


# ---------------------------------------------------------------------------------------------------------------------
# Asked later


@pytest.mark.parametrize(
    ("held", "asked"),
    [
        (["log_loss", "calibration_ratio"], ["nce", "nce(background=0.25)"]),
        (["nce"], ["log_loss", "nce(background=0.5)"]),
        (["nce", "brier"], ["brier", "log_loss"]),
        (["nce", "calibration_ratio"], ["calibration_ratio", "log_loss"]),
        (["auc", "ndcg@2"], ["roc_auc", fr.metrics.auc(name="mine"), "nDCG@2"]),
    ],
)
def test_metrics_that_the_accumulators_can_answer(held, asked):
    batches = rows(), rows(10, "bcbd", (1, 1, 0, 0))
    held_state = evaluator(*batches, metrics=held)
    assert str(held_state.result(asked)) == str(evaluator(*batches, metrics=asked).result())
    merged = evaluator(batches[0], metrics=held)
    merged.merge(evaluator(batches[1], metrics=held).state())
    assert str(merged.result(asked)) == str(held_state.result(asked))
    assert str(merged.result()) == str(evaluator(*batches, metrics=held).result())


@pytest.mark.parametrize(
    "asked", ["nce", "brier", "auc", "log_loss(eps=0.1)", "log_loss(where='y = 1')", "log_loss(score=y)", "ndcg@2"]
)
def test_metrics_that_they_cannot(asked):
    mine = evaluator(rows(), metrics=["log_loss", "ndcg@3"])
    with pytest.raises(
        StateMismatchError, match=r"^.* reads \w+(\(.*\))?( of .*)?, which the state does not hold$"
    ) as caught:
        mine.result([asked])
    assert str(caught.value).startswith(fr.metrics.parse(asked)[0].canonical)
    assert len(mine.result()) == 2 * 3
    with pytest.raises(
        StateMismatchError,
        match=r"^mrr reads list_sums\(.*\) of label 'y' and score 'p'.*, which the state does not hold$",
    ):
        evaluator(rows(), metrics="auc", query=None).result("mrr")


# ---------------------------------------------------------------------------------------------------------------------
# Files


def test_a_saved_state_is_an_arrow_file(tmp_path):
    mine = evaluator(rows())
    path = tmp_path / "state.arrow"
    path.write_bytes(b"old")
    mine.save_state(path)
    assert pa.ipc.open_file(path).read_all().equals(mine.state(), check_metadata=True)
    mine.save_state(str(path))
    assert [file.name for file in tmp_path.iterdir()] == ["state.arrow"]
    mask = os.umask(0)
    os.umask(mask)
    assert path.stat().st_mode & 0o777 == 0o666 & ~mask
    with pytest.raises(SourceError, match=r"state.arrow cannot be written: No such file or directory$"):
        mine.save_state(tmp_path / "nowhere" / "state.arrow")


@pytest.mark.parametrize("broken", ["write", "replace"])
@pytest.mark.parametrize("old", [None, b"old"])
def test_a_state_that_cannot_be_written_leaves_nothing_behind(tmp_path, monkeypatch, broken, old):
    path = tmp_path / "state.arrow"
    if old is not None:
        path.write_bytes(old)

    def fail(*arguments, **options):
        raise OSError(28, "No space left on device")

    if broken == "write":
        monkeypatch.setattr(pa.ipc.RecordBatchFileWriter, "write_batch", fail, raising=True)
    else:
        monkeypatch.setattr(Path, "replace", fail)
    with pytest.raises(OSError, match="No space left on device"):
        evaluator(rows()).save_state(path)
    assert [(file.name, file.read_bytes()) for file in tmp_path.iterdir()] == (
        [] if old is None else [("state.arrow", old)]
    )
