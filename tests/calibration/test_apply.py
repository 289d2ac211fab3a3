"""Streams with a column of calibrated scores."""

from __future__ import annotations

import gzip

import numpy as np
import pyarrow as pa
import pyarrow.parquet
import pytest

import fastrank as fr
from fastrank.calibration import DownsamplingCorrection, IsotonicCalibrator, PlattCalibrator, TemperatureCalibrator
from fastrank.errors import (
    ColumnTypeError,
    InvalidValueError,
    MissingColumnError,
    NotFittedError,
    ParameterError,
    SourceError,
)

CORRECTION = DownsamplingCorrection(0.1)


def rows(count: int, seed: int = 0) -> pa.Table:
    rng = np.random.default_rng(seed)
    p = rng.random(count, np.float32)
    return pa.table({"id": [f"row {i}" for i in range(count)], "p": p, "y": (rng.random(count) < p).astype(np.int8)})


def test_that_all_columns_stay_and_one_is_added():
    table = rows(1000)
    reader = CORRECTION.apply(table, score="p", batch_rows=300)
    assert isinstance(reader, pa.RecordBatchReader)
    batches = list(reader)
    assert [batch.num_rows for batch in batches] == [300, 300, 300, 100]
    result = pa.Table.from_batches(batches)
    assert result.column_names == ["id", "p", "y", "p_calibrated"]
    assert result.select(["id", "p", "y"]).equals(table)
    assert result["p_calibrated"].to_pylist() == CORRECTION.transform(table["p"]).to_pylist()


def test_that_the_stream_is_a_source():
    table = rows(2000)
    calibrator = IsotonicCalibrator().fit(table, label="y", score="p")
    after = fr.evaluate(calibrator.apply(table, score="p", name="q"), "brier", label="y", score="q")["brier"]
    assert after < fr.evaluate(table, "brier", label="y", score="p")["brier"]


def test_files_of_every_format(tmp_path):
    table = rows(50)
    pa.parquet.write_table(table, tmp_path / "a.parquet")
    with pa.ipc.new_file(tmp_path / "a.arrow", table.schema) as writer:
        writer.write_table(table)
    lines = ["id,p,y", *(f"{r['id']},{r['p']!r},{r['y']}" for r in table.to_pylist())]
    (tmp_path / "a.csv").write_text("\n".join(lines) + "\n")
    with gzip.open(tmp_path / "b.csv.gz", "wt") as file:
        file.write("\n".join(lines) + "\n")
    expected = CORRECTION.transform(table["p"]).to_pylist()
    for name in ("a.parquet", "a.arrow", "a.csv", "b.csv.gz"):
        result = CORRECTION.apply(tmp_path / name, score="p").read_all()
        assert result["p_calibrated"].to_pylist() == expected
        assert result["id"].to_pylist() == table["id"].to_pylist()


def test_files_whose_types_differ(tmp_path):
    folder = tmp_path / "parts"
    folder.mkdir()
    pa.parquet.write_table(
        pa.table({"p": pa.array([0.5], pa.float64()), "n": pa.array([1], pa.int64())}), folder / "a.parquet"
    )
    pa.parquet.write_table(
        pa.table({"p": pa.array([1, 0], pa.int8()), "n": pa.array([2, 3], pa.int8())}), folder / "b.parquet"
    )
    result = CORRECTION.apply(folder, score="p").read_all()
    assert result.schema.types == [pa.float64(), pa.int64(), pa.float64()]
    assert result["p_calibrated"].to_pylist() == CORRECTION.transform([0.5, 1.0, 0.0]).tolist()
    pa.parquet.write_table(pa.table({"p": [0.5], "n": ["three"]}), folder / "c.parquet")
    with pytest.raises(SourceError, match="of other types than those of the first"):
        CORRECTION.apply(folder, score="p").read_all()


def test_scores_that_are_not_allowed(tmp_path):
    table = pa.table({"p": [0.5, None, float("nan"), 1.5, 0.25]})
    pa.parquet.write_table(table, tmp_path / "a.parquet")
    with pytest.raises(InvalidValueError) as error:
        CORRECTION.apply(tmp_path, score="p").read_all()
    assert str(error.value) == (
        f"column 'p' (score): row 1 of {tmp_path}/a.parquet holds null; allowed: a probability in [0, 1]; "
        'on_invalid="null" (--on-invalid null) gives such rows a null'
    )
    result = CORRECTION.apply(table, score="p", on_invalid="null").read_all()
    low, high = CORRECTION.transform([0.5, 0.25]).tolist()
    assert result["p_calibrated"].to_pylist() == [low, None, None, None, high]


def test_lists_of_scores():
    calibrator = TemperatureCalibrator().restore({"temperature": 2.0})
    scores = [[0.25, 0.75], [0.5, 0.5], None]
    table = pa.table({"scores": pa.array(scores, pa.list_(pa.float32()))})
    with pytest.raises(InvalidValueError, match=r"row 2 holds null; allowed: a list of numbers"):
        calibrator.apply(table, score="scores").read_all()
    result = calibrator.apply(table, score="scores", name="q", on_invalid="null").read_all()
    values = calibrator.transform([[0.25, 0.75], [0.5, 0.5]]).tolist()
    assert result["q"].to_pylist() == [*values, None]
    with pytest.raises(ColumnTypeError, match="column 'scores'"):
        CORRECTION.apply(table, score="scores").read_all()


def test_arrays_that_are_no_numbers_or_would_be_rounded():
    calibrator = IsotonicCalibrator().fit({"y": [0, 1, 1], "s": [1.0, 2.0, 3.0]}, label="y", score="s")
    with pytest.raises(ColumnTypeError, match="scores are no array of numbers"):
        calibrator.transform([[1.0], [1.0, 2.0]])
    for scores in (np.array([0, 2**53 + 1]), pa.array([None, 2**53 + 1]), pa.chunked_array([[0], [-(2**60)]])):
        with pytest.raises(InvalidValueError, match=r"scores\[1\] is (9007199254740993|-1152921504606846976); allowed"):
            calibrator.transform(scores)
    assert calibrator.transform(np.array([[1, 2], [3, 2**53]])).tolist() == [[0.0, 1.0], [1.0, 1.0]]
    assert calibrator.transform(pa.array([None, 3])).to_pylist() == [None, 1.0]


def test_no_rows():
    result = CORRECTION.apply(rows(0), score="p").read_all()
    assert result.column_names == ["id", "p", "y", "p_calibrated"]
    assert result.num_rows == 0


def test_what_is_refused():
    with pytest.raises(NotFittedError):
        PlattCalibrator().apply(rows(3), score="p")
    with pytest.raises(MissingColumnError, match="no column 'q'"):
        CORRECTION.apply(rows(3), score="q")
    with pytest.raises(ParameterError, match="name='y': the source has a column of that name"):
        CORRECTION.apply(rows(3), score="p", name="y")
    with pytest.raises(ParameterError, match='on_invalid=\'drop\'; allowed: "raise", "null"'):
        CORRECTION.apply(rows(3), score="p", on_invalid="drop")
