from __future__ import annotations

import numpy as np
import pyarrow as pa
import pyarrow.feather
import pyarrow.parquet
import pytest
from source_files import COLUMNS, WRITERS, make_table, read, rows_of, write_ipc

from fastrank.errors import MissingColumnError, ParameterError, SourceError
from fastrank.sources import Origin, open_source


def test_origin_names_rows_from_0():
    assert Origin("clicks.parquet", 10).describe(2) == "row 12 of clicks.parquet"
    assert Origin(None, 12).describe(0) == "row 12"


def test_only_needed_parquet_columns_are_read(tmp_path):
    path = tmp_path / "a.parquet"
    table = make_table(0, 1000)
    pyarrow.parquet.write_table(table, str(path), use_dictionary=False, compression="none")
    column = pyarrow.parquet.ParquetFile(path).metadata.row_group(0).column(2)
    start = column.data_page_offset
    data = bytearray(path.read_bytes())
    data[start : start + column.total_compressed_size] = b"\xff" * column.total_compressed_size
    path.write_bytes(data)
    assert rows_of(path) == table.select(COLUMNS).to_pylist()
    with pytest.raises(SourceError, match="row group 0"):
        rows_of(path, ["country"])


def test_only_needed_ipc_columns_are_decoded(tmp_path):
    table = make_table(0, 1000)
    path = tmp_path / "a.feather"
    pyarrow.feather.write_feather(table, str(path), compression="zstd")
    before, magic, after = path.read_bytes().rpartition(b"\x28\xb5\x2f\xfd")  # the last buffer, of the last column
    path.write_bytes(before + b"\0" * len(magic) + after)
    assert rows_of(path) == table.select(COLUMNS).to_pylist()
    with pytest.raises(SourceError, match=r"a\.feather: "):
        rows_of(path, ["country"])


def test_ipc_offsets_out_of_bounds(tmp_path):
    path = tmp_path / "a.arrow"
    write_ipc(pa.table({"text": ["aaaa"] * 3}), str(path))
    offsets = np.array([0, 4, 8, 12], np.int32)
    assert path.read_bytes().count(offsets.tobytes()) == 1
    path.write_bytes(path.read_bytes().replace(offsets.tobytes(), np.array([0, 4, 8, 1 << 30], np.int32).tobytes()))
    with pytest.raises(SourceError, match=r"a\.arrow: "):
        read(path, ["text"])


def test_nested_parquet_columns_do_not_shadow_flat_ones(tmp_path):
    path = str(tmp_path / "a.parquet")
    table = pa.table({"a": [1, 2], "a.b": [3, 4], "l": pa.array([[1], [2, 3]])})
    pyarrow.parquet.write_table(table, path)
    assert rows_of(path, ["l", "a"]) == table.select(["l", "a"]).to_pylist()
    assert rows_of(path, ["a.b"]) == table.select(["a.b"]).to_pylist()


@pytest.mark.parametrize("name", ["a.parquet", "a.csv", "a.arrow", "a.arrows"])
def test_a_missing_column_names_the_file_and_near_names(tmp_path, name):
    first, second = tmp_path / f"1{name}", tmp_path / f"2{name}"
    WRITERS[name](make_table(0, 3), str(first))
    WRITERS[name](make_table(0, 3).rename_columns(["label", "Score", "country"]), str(second))
    with pytest.raises(MissingColumnError, match=rf"^no column 'lable' in .*1{name}; did you mean 'label'\?$"):
        open_source(first).batches(["lable"])
    with pytest.raises(MissingColumnError, match=r"it has label, score, country$"):
        open_source(first).batches(["zzzzzz"])
    stream = open_source([first, second]).batches(["score"])
    assert next(stream)[0].num_rows == 3
    with pytest.raises(MissingColumnError, match=rf"no column 'score' in .*2{name}; did you mean 'Score'\?"):
        next(stream)


def test_a_missing_column_of_a_table():
    with pytest.raises(MissingColumnError, match=r"^no column 'SCORE' in the source; did you mean 'score'\?$"):
        open_source(make_table(0, 1)).batches(["SCORE"])


def test_duplicate_names_are_an_error_only_if_asked_for(tmp_path):
    table = pa.table([[1, 2], [3, 4], [5, 6]], names=["a", "b", "a"])
    path = tmp_path / "a.csv"
    path.write_text("a,b,a\n1,3,5\n2,4,6\n")
    for source in (table, path):
        assert rows_of(source, ["b"]) == [{"b": 3}, {"b": 4}]
        with pytest.raises(ParameterError, match="column 'a' occurs 2 times in"):
            open_source(source).batches(["a"])


def test_types_may_differ_between_files(tmp_path):
    for name, kind in (("1", pa.float32()), ("2", pa.float64())):
        pyarrow.parquet.write_table(pa.table({"x": pa.array([1.5], kind)}), str(tmp_path / f"{name}.parquet"))
    assert [batch.schema.field("x").type for batch, _ in read(tmp_path, ["x"])] == [pa.float32(), pa.float64()]
