"""Datasets of Arrow, lazy frames of Polars, and Polars as the reader of Parquet."""

from __future__ import annotations

import sys

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest
from pyarrow import dataset
from source_files import make_table, places, read, rows_of

import fastrank as fr
from fastrank.errors import MissingColumnError, ParameterError, SourceError
from fastrank.sources import files, open_source

polars = pytest.importorskip("polars")
if not hasattr(polars.LazyFrame, "collect_batches"):
    pytest.skip("needs collect_batches of Polars", allow_module_level=True)


def test_datasets(tmp_path):
    for k in (1, 2):
        (tmp_path / f"k={k}").mkdir()
        pq.write_table(make_table(10 * k, 10), str(tmp_path / f"k={k}" / "a.parquet"))
    data = dataset.dataset(str(tmp_path), partitioning="hive")
    source = open_source(data, batch_rows=4)
    assert source.schema.names == ["label", "score", "country", "k"]
    batches = list(source.batches(["k", "score"]))
    assert max(batch.num_rows for batch, _ in batches) <= 4
    assert [origin.row for _, origin in batches] == [0, 4, 8, 10, 14, 18]
    whole = pa.concat_tables([make_table(10, 10), make_table(20, 10)])
    assert [row["score"] for row in rows_of(data)] == whole["score"].to_pylist()
    assert [row["k"] for row in rows_of(data, ["k"])] == [1] * 10 + [2] * 10
    assert len(rows_of(data.filter(pc.field("k") == 2))) == 10
    with pytest.raises(MissingColumnError, match="no column 'nothing' in the source"):
        source.batches(["nothing"])
    result = fr.evaluate(data, "auc", label="label", score="score", by="k", where="k = 2")
    assert result["auc"] == fr.evaluate(make_table(20, 10), "auc", label="label", score="score")["auc"]
    (tmp_path / "k=2" / "a.parquet").write_bytes(b"no")
    with pytest.raises(SourceError, match="cannot read the dataset: "):
        list(open_source(data).batches(["score"]))


def test_lazy_frames(tmp_path):
    path = str(tmp_path / "a.parquet")
    table = make_table(0, 1000)
    pq.write_table(table, path, row_group_size=100)
    frame = polars.scan_parquet(path).with_columns(double=polars.col("score") * 2)
    source = open_source(frame, batch_rows=300)
    assert source.schema.names == ["label", "score", "country", "double"]
    assert source.rows is None
    for _ in range(2):
        batches = list(source.batches(["double", "label"]))
        assert all(batch.num_rows <= 300 for batch, _ in batches)
        assert [origin.row for _, origin in batches] == np.cumsum([0, *(b.num_rows for b, _ in batches[:-1])]).tolist()
        doubled = [2 * score for score in table["score"].to_pylist()]
        assert [score for batch, _ in batches for score in batch["double"].to_pylist()] == doubled
    roles = {"label": "label", "score": "score", "by": "country"}
    expected = fr.evaluate(table, ["auc", "brier"], on_invalid="drop", **roles).table
    assert fr.evaluate(frame, ["auc", "brier"], on_invalid="drop", **roles).table.to_pylist() == expected.to_pylist()
    with pytest.raises(SourceError, match=r"cannot read the LazyFrame: .*nothing"):
        open_source(frame.select("nothing"))
    failing = frame.with_columns(polars.col("country").cast(polars.Int32, strict=True).alias("score"))
    with pytest.raises(SourceError, match=r"cannot read the LazyFrame: .*conversion"):
        list(open_source(failing).batches(["score"]))


def test_the_two_engines_read_the_same(tmp_path, monkeypatch):
    monkeypatch.setattr(files, "LEAST_SHARD_BYTES", 1)
    rng = np.random.default_rng(5)
    rows = 5000
    table = pa.table(
        {
            "y": pa.array(rng.integers(0, 2, rows), pa.int8()),
            "p": rng.random(rows).astype(np.float32),
            "w": pa.array(rng.random(rows), mask=rng.random(rows) < 0.01),
            "q": np.arange(rows) // 7,
            "a*": pa.array(rng.choice(["x", "y", None], rows)).dictionary_encode(),
            "day": pa.array(np.arange(rows) // 1000 + 19000, pa.int32()).cast(pa.date32()),
        }
    )
    for k in (1, 2):
        (tmp_path / f"k={k}").mkdir()
        part = table.slice(2500 * (k - 1), 2500)
        pq.write_table(part, str(tmp_path / f"k={k}" / "a[1].parquet"), row_group_size=300)
    columns = ["a*", "k", "p", "w", "q", "day"]
    one, other = (open_source(tmp_path, batch_rows=250, engine=engine) for engine in (None, "polars"))
    assert one.schema == other.schema

    def all_rows(source):
        found = []
        for batch, origin in source.batches(columns):
            assert batch.num_rows <= 250
            found += [(origin.file, origin.row + i, row) for i, row in enumerate(batch.to_pylist())]
        return found

    expected = all_rows(one)
    assert all_rows(other) == expected
    shards = other.shards(7)
    assert len(shards) == 7
    assert [row for shard in shards for row in all_rows(shard)] == expected
    roles = {"label": "y", "score": "p", "weight": "w", "query": "q", "by": [["k"], ["a*"]]}
    metrics = ["auc", "log_loss", "ndcg@3", "ece"]
    for options in ({"where": "k = 2 and q < 500"}, {}):
        results = [
            fr.evaluate(str(tmp_path), metrics, on_invalid="drop", engine=engine, **roles, **options).table.to_pylist()
            for engine in ("pyarrow", "polars")
        ]
        assert str(results[0]) == str(results[1])
    assert sum(batch.num_rows for batch, _ in read(tmp_path, ["k"], engine="polars")) == rows


def test_errors_of_the_polars_engine(tmp_path, monkeypatch):
    path = tmp_path / "a.parquet"
    table = pa.table({"score": np.random.default_rng(1).random(4000)})
    pq.write_table(table, str(path), row_group_size=1000, compression="zstd", use_dictionary=False)
    chunk = pq.ParquetFile(path).metadata.row_group(2).column(0)
    data = bytearray(path.read_bytes())
    for i in range(chunk.data_page_offset, chunk.data_page_offset + chunk.total_compressed_size):
        data[i] ^= 0xFF
    path.write_bytes(data)
    source = open_source(path, engine="polars", batch_rows=500)
    with pytest.raises(SourceError, match=r"a\.parquet, row group 2: "):
        list(source.batches(["score"]))
    with pytest.raises(MissingColumnError, match=r"no column 'scores' in .*a\.parquet; did you mean 'score'"):
        source.batches(["scores"])
    with pytest.raises(ParameterError, match='engine=\'duckdb\'; allowed: "pyarrow", "polars"'):
        open_source(path, engine="duckdb")
    with pytest.raises(ParameterError, match="engine='polars' reads Parquet files, not Table; leave out engine="):
        open_source(table, engine="polars")
    (tmp_path / "a.csv").write_text("score\n1\n")
    with pytest.raises(ParameterError, match=r"engine='polars' reads Parquet files, not .*a\.csv; leave out engine="):
        open_source(tmp_path / "a.csv", engine="polars")
    assert places(open_source(table, engine="pyarrow").batches(["score"])) == [(None, 0, 4000)]
    monkeypatch.setitem(sys.modules, "polars", None)
    with pytest.raises(ParameterError, match=r"engine='polars' needs Polars: pip install polars"):
        open_source(path, engine="polars")
