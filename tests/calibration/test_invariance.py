"""The same fit, to the last bit, whatever the batches, the order of rows, the threads, files, memory and merges."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet
import pytest

import fastrank as fr
from fastrank import calibration, spill
from fastrank.accumulators import distinct
from fastrank.calibration import IsotonicCalibrator, PlattCalibrator, TemperatureCalibrator
from fastrank.errors import EmptyInputError, InvalidValueError, MissingColumnError, ParameterError, StateMismatchError
from fastrank.sources import tables

ROWS = 6000


@pytest.fixture(scope="module")
def table() -> pa.Table:
    rng = np.random.default_rng(7)
    z = rng.normal(size=ROWS)
    p = (1 / (1 + np.exp(-1.7 * z))).astype(np.float32)
    y = rng.random(ROWS) < 1 / (1 + np.exp(-z))
    scores = rng.dirichlet([0.6, 0.8, 0.7], ROWS)
    k = np.where(rng.random(ROWS) < 0.6, scores.argmax(1), rng.integers(0, 3, ROWS))
    return pa.table(
        {
            "y": pa.array(y.astype(int).tolist(), pa.int8()),
            "p": pa.array(p.tolist(), pa.float32()),
            "wide": p.astype(float) + 2.0**-40 * rng.random(ROWS),
            "w": rng.choice([0.0, 2.0**-60, 0.1, 1.0, 1e6], ROWS),
            "word": np.where(y, "yes", "no"),
            "country": rng.choice(["DE", "FR"], ROWS),
            "k": pa.array(k.tolist(), pa.int32()),
            "scores": pa.FixedSizeListArray.from_arrays(pa.array(scores.ravel().tolist()), 3),
        }
    )


CASES: dict[str, tuple[Any, dict[str, Any]]] = {
    "isotonic": (IsotonicCalibrator, {"score": "p"}),
    "isotonic of float64, weighted": (IsotonicCalibrator, {"score": "wide", "weight": "w"}),
    "isotonic in cells": (IsotonicCalibrator, {"score": "p", "bits": 16}),
    "platt": (PlattCalibrator, {"score": "p"}),
    "platt of float64, weighted": (PlattCalibrator, {"score": "wide", "weight": "w"}),
    "platt of logits": (lambda: PlattCalibrator(on="logit"), {"score": "p", "weight": "w"}),
    "temperature": (TemperatureCalibrator, {"score": "p"}),
    "temperature in cells": (TemperatureCalibrator, {"score": "p", "bits": 20, "weight": "w"}),
    "temperature of classes": (TemperatureCalibrator, {"score": "scores", "label": "k"}),
    "temperature of classes, weighted": (TemperatureCalibrator, {"score": "scores", "label": "k", "weight": "w"}),
}


def bits_of(calibrator: Any) -> list[bytes]:
    found = [np.asarray(value).tobytes() for value in calibrator.content().values()]
    return [*found, bytes([calibrator.rows % 251]), calibrator.transform(np.linspace(0, 1, 50)).tobytes()]


@pytest.fixture(scope="module")
def expected(table: pa.Table) -> dict[str, list[bytes]]:
    return {case: bits_of(make().fit(table, **{"label": "y", **roles})) for case, (make, roles) in CASES.items()}


@pytest.mark.parametrize("case", CASES)
def test_order_and_batches(case, table, expected):
    make, roles = CASES[case]
    roles = {"label": "y", **roles}
    order = np.random.default_rng(1).permutation(ROWS).tolist()
    shuffled = table.take(order)
    assert bits_of(make().fit(shuffled, **roles)) == expected[case]
    small = pa.Table.from_batches(table.to_batches(max_chunksize=37))
    assert bits_of(make().fit(small, **roles)) == expected[case]


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("threads", [1, 3])
def test_threads(case, threads, table, expected, monkeypatch):
    monkeypatch.setattr(tables, "LEAST_SHARD_ROWS", 500)
    monkeypatch.setattr(distinct, "DEALT_ROWS", 1 << 10)
    make, roles = CASES[case]
    assert bits_of(make().fit(table, threads=threads, **{"label": "y", **roles})) == expected[case]


@pytest.mark.parametrize("case", CASES)
def test_files(case, table, expected, tmp_path):
    for i, part in enumerate((table.slice(0, 100), table.slice(100, 3000), table.slice(3100))):
        pa.parquet.write_table(part, tmp_path / f"part-{i}.parquet", row_group_size=700)
    make, roles = CASES[case]
    assert bits_of(make().fit(tmp_path, **{"label": "y", **roles})) == expected[case]


@pytest.mark.parametrize("case", [case for case in CASES if "cells" not in case and "classes" not in case])
def test_files_for_scores_past_the_memory_limit(case, table, expected, monkeypatch):
    spilled = []
    original = spill.Spill.__init__
    monkeypatch.setattr(spill.Spill, "__init__", lambda self: (spilled.append(1), original(self))[1])
    monkeypatch.setattr(distinct, "DEALT_ROWS", 1 << 10)
    make, roles = CASES[case]
    small = pa.Table.from_batches(table.to_batches(max_chunksize=500))
    assert bits_of(make().fit(small, memory_limit=4000, **{"label": "y", **roles})) == expected[case]
    assert spilled, "nothing was written to a file"


@pytest.mark.parametrize("case", [case for case in CASES if "classes" not in case])
def test_states(case, table, expected, tmp_path):
    make, roles = CASES[case]
    bits = roles.get("bits")
    metric = "auc" if bits is None else f"auc(bits={bits})"
    columns = {"label": "y", "score": roles["score"], "weight": roles.get("weight"), "by": "country"}
    shards = []
    for i, part in enumerate((table.slice(0, 1000), table.slice(1000))):
        evaluator = fr.Evaluator(metric, **columns)
        for batch in part.to_batches():
            evaluator.update(batch)
        evaluator.save_state(tmp_path / f"{i}.arrow")
        shards.append(evaluator)
    shards[1].merge(tmp_path / "0.arrow")
    assert bits_of(make().fit_state(shards[1])) == expected[case]
    assert bits_of(make().fit_state(shards[1].state(), score=roles["score"])) == expected[case]
    shards[1].save_state(tmp_path / "both.arrow")
    assert bits_of(make().fit_state(tmp_path / "both.arrow", label="y")) == expected[case]


def test_states_that_do_not_tell(table):
    evaluator = fr.Evaluator(["auc", "log_loss"], label="y", score=["p", "wide"])
    evaluator.update(table.slice(0, 500).to_batches()[0])
    with pytest.raises(StateMismatchError, match="the scores by class of one metric such as auc; the state holds"):
        PlattCalibrator().fit_state(evaluator)
    assert PlattCalibrator().fit_state(evaluator, score="wide").rows == 500
    with pytest.raises(StateMismatchError, match="such as auc, score='q'; the state holds none"):
        PlattCalibrator().fit_state(evaluator, score="q")
    with pytest.raises(StateMismatchError):
        PlattCalibrator().fit_state(table)


@pytest.mark.parametrize(
    ("calibrator", "scores", "allowed"),
    [
        (PlattCalibrator(on="logit"), [-1.0, 2.0], r"reach from -1.0 to 2.0; allowed: a probability in \[0, 1\]"),
        (TemperatureCalibrator(), [0.5, 1.5], r"reach from 0.5 to 1.5; allowed: a probability in \[0, 1\]"),
        (PlattCalibrator(), [-np.inf, 2.0], r"reach from -inf to 2.0; allowed: a finite number"),
        (TemperatureCalibrator(from_logits=True), [-1.0, np.inf], r"reach from -1.0 to inf; allowed: a finite number"),
    ],
)
@pytest.mark.parametrize("bits", [None, 14])
def test_states_of_scores_that_are_not_allowed(calibrator, scores, allowed, bits):
    evaluator = fr.Evaluator(fr.metrics.auc(bits=bits), label="y", score="s")
    evaluator.update(pa.record_batch({"y": pa.array([0, 1, 1, 0]), "s": pa.array(scores * 2)}))
    with pytest.raises(InvalidValueError, match=f"{type(calibrator).__name__}: the scores of the state {allowed}"):
        calibrator.fit_state(evaluator)
    assert IsotonicCalibrator().fit_state(evaluator).rows == 4


@pytest.mark.parametrize("case", CASES)
def test_where_and_dropped_rows(case, table):
    make, roles = CASES[case]
    roles = {"label": "y", **roles}
    german = table.filter(pa.compute.field("country") == "DE")
    plain = make().fit(german, **roles)
    assert bits_of(make().fit(table, where="country = 'DE'", **roles)) == bits_of(plain)
    bad = german.slice(0, 5).set_column(german.schema.get_field_index(roles["label"]), roles["label"], pa.nulls(5))
    mixed = pa.concat_tables([bad.cast(german.schema), german])
    with pytest.raises(InvalidValueError, match=rf"column '{roles['label']}' \(label\): row 0 holds null"):
        make().fit(mixed, **roles)
    dropped = make().fit(mixed, on_invalid="drop", **roles)
    assert bits_of(dropped) == bits_of(plain)
    assert (dropped.rows_dropped, plain.rows_dropped) == (5, 0)


def test_labels_of_other_kinds(table, expected):
    fitted = IsotonicCalibrator().fit(table, label="word", score="p", positive="yes")
    assert bits_of(fitted) == expected["isotonic"]
    signs = table.append_column("sign", pa.array([2 * y - 1 for y in table["y"].to_pylist()]))
    assert bits_of(IsotonicCalibrator().fit(signs, label="sign", score="p")) == expected["isotonic"]


def test_streams_are_read_once(table, expected):
    calls = []
    fitted = PlattCalibrator().fit(table.to_reader(max_chunksize=1000), label="y", score="p", progress=calls.append)
    assert bits_of(fitted) == expected["platt"]
    assert sum(calls) == ROWS


def test_that_a_fit_forgets_the_one_before(table, expected):
    calibrator = IsotonicCalibrator().fit(table.slice(0, 100), label="y", score="p")
    assert bits_of(calibrator.fit(table, label="y", score="p")) == expected["isotonic"]


def test_what_is_refused(table):
    with pytest.raises(MissingColumnError, match="no column 'q'"):
        PlattCalibrator().fit(table, label="y", score="q")
    with pytest.raises(EmptyInputError, match="the source has no rows"):
        PlattCalibrator().fit(table.slice(0, 0), label="y", score="p")
    with pytest.raises(ParameterError, match="on_invalid='skip'"):
        PlattCalibrator().fit(table, label="y", score="p", on_invalid="skip")
    with pytest.raises(ParameterError, match="threads=0"):
        PlattCalibrator().fit(table, label="y", score="p", threads=0)


def print_fits(table: pa.Table) -> None:
    """The bits of fits of every kind, and of what they make of many scores."""
    for case in ("isotonic", "platt of logits", "temperature", "temperature of classes"):
        make, roles = CASES[case]
        fitted = make().fit(table, **{"label": "y", **roles})
        sys.stdout.write(repr([*bits_of(fitted), fitted.transform(np.linspace(0, 1, 5001)).tobytes()]))


def test_every_instruction_set_gives_the_same_fit(table, tmp_path):
    path = tmp_path / "rows.parquet"
    pa.parquet.write_table(table, path)
    code = (
        f"import runpy, pyarrow.parquet; names = runpy.run_path({__file__!r}); "
        f"names['print_fits'](pyarrow.parquet.read_table({str(path)!r}))"
    )
    found = {}
    for level in ("baseline", "avx2", "avx512"):
        environment = {**os.environ, "FASTRANK_CPU": level, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
        done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True)
        found[level] = done.stdout
    assert len(found["baseline"]) > 1000
    assert len(set(found.values())) == 1


def test_that_the_package_says_what_it_has():
    assert sorted(calibration.__all__) == list(calibration.__all__)
