from __future__ import annotations

import pathlib

import numpy as np
import pyarrow as pa
import pyarrow.parquet
import pytest
from source_files import COLUMNS, COUNTED, WRITERS, make_table, places, read, rows_of, write_ipc

from fastrank.errors import ParameterError, SourceError
from fastrank.sources import csv, open_source


@pytest.mark.parametrize("name", WRITERS)
@pytest.mark.parametrize("as_path", [str, pathlib.Path])
def test_each_file_format_gives_the_rows_and_their_places(tmp_path, name, as_path):
    table = make_table(0, 11)
    path = str(tmp_path / name)
    WRITERS[name](table, path)
    source = open_source(as_path(path), batch_rows=3)
    assert source.files == (path,)
    assert source.schema.names == ["label", "score", "country"]
    assert source.rows == (11 if name in COUNTED else None)

    batches = list(source.batches(COLUMNS, COLUMNS))
    assert [batch.schema.names for batch, _ in batches] == [COLUMNS] * len(batches)
    assert max(batch.num_rows for batch, _ in batches) <= 3
    assert [origin.row for _, origin in batches] == list(np.cumsum([0] + [b.num_rows for b, _ in batches])[:-1])
    assert {origin.file for _, origin in batches} == {path}
    expected = table.select(COLUMNS).to_pydict()
    found = pa.Table.from_batches([batch for batch, _ in batches])
    assert found["label"].to_pylist() == expected["label"]
    assert found["score"].cast(pa.float32()).to_pylist() == expected["score"]

    assert next(iter(source.batches(["country"])))[0].num_columns == 1
    if "csv" not in name:
        assert rows_of(path, ["country"]) == table.select(["country"]).to_pylist()


def test_batches_and_origins_run_across_row_groups_and_files(tmp_path):
    first, second = str(tmp_path / "1.parquet"), str(tmp_path / "2.arrow")
    pyarrow.parquet.write_table(make_table(0, 10), first, row_group_size=4)
    write_ipc(make_table(10, 6), second)
    source = open_source([first, tmp_path / "2.arrow"], batch_rows=3)
    assert source.rows == (16 if "a.arrow" in COUNTED else None)
    batches = list(source.batches(["score"]))
    assert places(batches) == [
        (first, 0, 3),
        (first, 3, 3),
        (first, 6, 3),
        (first, 9, 1),
        (second, 0, 3),
        (second, 3, 1),
        (second, 4, 2),
    ]
    found = [value for batch, _ in batches for value in batch.column(0).to_pylist()]
    assert found == make_table(0, 16)["score"].to_pylist()
    assert places(source.batches(["score"])) == places(batches)
    assert batches[4][1].describe(2) == f"row 2 of {second}"
    assert batches[5][1].describe(0) == f"row 3 of {second}"


def test_default_sizes_of_batches(tmp_path):
    rows = 2 * 1_048_576 + 1
    table = pa.table({"x": pa.nulls(rows, pa.int8())})
    assert [batch.num_rows for batch, _ in read(table, ["x"])] == [1_048_576, 1_048_576, 1]
    path = str(tmp_path / "x.parquet")
    pyarrow.parquet.write_table(table, path)
    assert [batch.num_rows for batch, _ in read(path, ["x"])] == [1_048_576, 1_048_576, 1]
    write_path = str(tmp_path / "x.arrow")
    with pa.ipc.new_file(write_path, table.schema) as writer:
        writer.write_table(table.slice(0, 200_000))
    assert [batch.num_rows for batch, _ in read(write_path, ["x"])] == [200_000]
    with pytest.raises(ParameterError, match="batch_rows=0: must be an integer, at least 1"):
        open_source(table, batch_rows=0)


# CSV


def test_csv_numbers_do_not_depend_on_the_first_rows(tmp_path):
    path = tmp_path / "a.csv"
    rows = 1_500_000
    path.write_text("label,score\n" + "1,\n" * rows + "0,0.5\n")
    batches = read(path, COLUMNS, numeric=COLUMNS)
    assert sum(batch.num_rows for batch, _ in batches) == rows + 1
    assert {str(kind) for batch, _ in batches for kind in batch.schema.types} == {"double"}
    assert batches[-1][0].to_pylist()[-1] == {"score": 0.5, "label": 0.0}
    assert batches[0][0].column("score").null_count == batches[0][0].num_rows
    with pytest.raises(SourceError, match=r"a\.csv: .*conversion error.*inferred at its start.*convert_options"):
        read(path, COLUMNS)


@pytest.mark.parametrize("first", [0, 1_500_000])
def test_text_among_numbers_of_a_csv_file(tmp_path, first):
    path = tmp_path / "a.csv"
    path.write_text("id,label,score\n" + "7,1,0.5\n" * first + "7,spam,0.5\n")
    named = r"a\.csv: column 'label': .*invalid value 'spam'; the column is read as numbers .*positive="
    with pytest.raises(SourceError, match=named):
        read(path, ("score", "label"), numeric=("score", "label"))


def test_csv_text_labels_and_quoted_newlines(tmp_path):
    path = tmp_path / "a.csv"
    path.write_text('label,query,score\ntrue,"a\nb",1\nfalse,"c,d",2\n')
    assert rows_of(path, ["label", "query", "score"], numeric=["label", "score"]) == [
        {"label": True, "query": "a\nb", "score": 1.0},
        {"label": False, "query": "c,d", "score": 2.0},
    ]
    assert read(path, ["score"])[0][0].schema.field(0).type == pa.int64()


def test_csv_lines_within_quotes_may_cross_blocks(tmp_path, monkeypatch):
    monkeypatch.setattr(csv, "CSV_BLOCK_BYTES", 200)
    path = tmp_path / "a.csv"
    path.write_text("query,label\n" + "".join(f'"line\n\nof {i}",{i}\n' for i in range(100)))
    assert rows_of(path, ["query", "label"]) == [{"query": f"line\n\nof {i}", "label": i} for i in range(100)]
    assert len(read(path, ["label"], batch_rows=1000)) > 5


def test_a_ragged_csv(tmp_path):
    path = tmp_path / "a.csv"
    path.write_text("label,score\n1,2\n1\n")
    with pytest.raises(SourceError, match=r"a\.csv: .*Expected 2 columns, got 1"):
        rows_of(path)


def test_files_with_a_header_and_no_rows(tmp_path):
    (tmp_path / "a.csv").write_text("label,score\n")
    pyarrow.parquet.write_table(make_table(0, 0), str(tmp_path / "b.parquet"))
    write_ipc(make_table(0, 0), str(tmp_path / "c.arrow"))
    assert read(str(tmp_path / "*")) == []
    assert open_source(tmp_path / "b.parquet").rows == 0
