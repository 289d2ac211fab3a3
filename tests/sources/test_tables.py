from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest
from source_files import COLUMNS, make_table, places, read, rows_of

from fastrank.errors import MissingColumnError, ParameterError, SourceError
from fastrank.sources import open_source


def test_tables_are_sliced_without_copies():
    table = pa.concat_tables([make_table(0, 4), make_table(4, 0), make_table(4, 7)])
    batches = read(table, ["score"], batch_rows=3)
    assert places(batches) == [(None, 0, 3), (None, 3, 1), (None, 4, 3), (None, 7, 3), (None, 10, 1)]
    assert open_source(table).rows == 11
    assert open_source(table).files == ()
    address = table["score"].chunk(0).buffers()[1].address
    assert batches[0][0].column(0).buffers()[1].address == address
    sliced = table.slice(2, 5)
    assert rows_of(sliced) == sliced.select(COLUMNS).to_pylist()


def test_record_batches():
    batch = make_table(0, 5).to_batches()[0].slice(1, 3)
    source = open_source(batch, batch_rows=2)
    assert source.rows == 3
    assert places(source.batches(COLUMNS)) == places(source.batches(COLUMNS)) == [(None, 0, 2), (None, 2, 1)]
    assert rows_of(batch) == batch.select(COLUMNS).to_pylist()


def test_readers_are_read_once():
    table = make_table(0, 10)
    source = open_source(table.to_reader(max_chunksize=4), batch_rows=3)
    assert source.rows is None
    with pytest.raises(MissingColumnError):
        source.batches(["nothing"])
    assert places(source.batches(["label"])) == [(None, i, n) for i, n in ((0, 3), (3, 1), (4, 3), (7, 1), (8, 2))]
    with pytest.raises(SourceError, match="was read already"):
        source.batches(["label"])


def test_errors_of_a_stream_are_told():
    def batches():
        yield make_table(0, 3).to_batches()[0]
        raise pa.ArrowInvalid("the line\nwent dead")

    reader = pa.RecordBatchReader.from_batches(make_table(0, 0).schema, batches())
    stream = open_source(reader).batches(COLUMNS)
    next(stream)
    with pytest.raises(SourceError, match=r"cannot read the stream of record batches: .*the line went dead"):
        next(stream)


def test_polars():
    polars = pytest.importorskip("polars")
    frame = polars.DataFrame({"label": [0, 1, 1], "score": [0.25, 0.5, 0.75], "text": ["a", None, "c"]})
    assert rows_of(frame) == [{"score": s, "label": i} for s, i in ((0.25, 0), (0.5, 1), (0.75, 1))]
    chunked = polars.concat([frame, frame], rechunk=False)
    # Whether chunks are joined on the way is up to the version of Polars; no row is lost, and rows are counted on.
    found = places(read(chunked, ["label"], batch_rows=4))
    assert [start for _, start, _ in found] == [sum(n for *_, n in found[:i]) for i in range(len(found))]
    assert sum(n for *_, n in found) == 6
    assert all(n <= 4 for *_, n in found)
    source = open_source(frame)
    list(source.batches(COLUMNS))
    with pytest.raises(SourceError, match="was read already"):
        source.batches(COLUMNS)
    with pytest.raises(ParameterError, match="cannot read the Series as a table"):
        open_source(frame["score"])


def test_duckdb():
    duckdb = pytest.importorskip("duckdb")
    with duckdb.connect() as connection:
        relation = connection.sql("select i % 2 as label, i / 8 as score, 'q' || i as query from range(300000) t(i)")
        batches = read(relation, ["score", "query"], batch_rows=100_000)
        assert sum(batch.num_rows for batch, _ in batches) == 300_000
        assert batches[0][0].to_pylist()[8] == {"score": 1.0, "query": "q8"}
        last, origin = batches[-1]
        assert last.column("score").to_pylist()[0] == origin.row / 8


def test_pandas():
    pandas = pytest.importorskip("pandas")
    frame = pandas.DataFrame(
        {"label": np.array([0, 1, 1], np.int8), "score": [0.25, np.nan, 0.75], "text": ["a", None, "c"]},
        index=[7, 8, 9],
    )
    assert rows_of(frame, ["text", "label"]) == [
        {"text": "a", "label": 0},
        {"text": None, "label": 1},
        {"text": "c", "label": 1},
    ]
    assert rows_of({"a": frame["label"], "b": frame["text"]}, ["a", "b"])[1] == {"a": 1, "b": None}


class ArrayExporter:
    def __init__(self, batch):
        self.batch = batch

    def __arrow_c_array__(self, requested_schema=None):
        return self.batch.__arrow_c_array__(requested_schema)


def test_objects_with_an_arrow_c_array():
    batch = make_table(0, 5).to_batches()[0]
    source = open_source(ArrayExporter(batch))
    assert source.rows == 5
    assert rows_of(ArrayExporter(batch)) == batch.select(COLUMNS).to_pylist()
    with pytest.raises(ParameterError, match="cannot read the ArrayExporter as a table"):
        open_source(ArrayExporter(batch.column(0)))


@pytest.mark.parametrize("source", [None, 3, [], [1, 2], {1, 2}, np.zeros(3), b"a.parquet"])
def test_other_objects_are_refused(source):
    with pytest.raises(ParameterError, match="a source is a path, a list of paths, a glob, a folder or a URI"):
        open_source(source)
