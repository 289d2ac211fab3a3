from __future__ import annotations

import datetime
import decimal
import gzip
import os
import pathlib
import socket
import subprocess
import sys
import time

import numpy as np
import pyarrow as pa
import pyarrow.csv
import pyarrow.feather
import pyarrow.parquet
import pytest

from fastrank import sources
from fastrank.errors import MissingColumnError, ParameterError, SourceError
from fastrank.sources import Origin, open_source

COLUMNS = ["score", "label"]


def make_table(start: int, rows: int) -> pa.Table:
    ids = range(start, start + rows)
    return pa.table(
        {
            "label": pa.array([i % 2 for i in ids], pa.int8()),
            "score": pa.array([i / 7 for i in ids], pa.float32()),
            "country": pa.array([None if i % 5 == 0 else f"c{i % 3}" for i in ids], pa.string()),
        }
    )


def read(source, columns=COLUMNS, numeric=(), **options):
    """All batches of a source, after checks of what every batch must satisfy."""
    batches = list(open_source(source, **options).batches(columns, numeric))
    for batch, _ in batches:
        assert isinstance(batch, pa.RecordBatch)
        assert batch.schema.names == list(columns)
        assert batch.num_rows > 0
    return batches


def rows_of(source, columns=COLUMNS, numeric=(), **options):
    return [row for batch, _ in read(source, columns, numeric, **options) for row in batch.to_pylist()]


def places(batches):
    return [(origin.file, origin.row, batch.num_rows) for batch, origin in batches]


def write_stream(table, path):
    with pa.ipc.new_stream(path, table.schema) as writer:
        writer.write_table(table, max_chunksize=4)


def write_ipc(table, path):
    with pa.ipc.new_file(path, table.schema) as writer:
        writer.write_table(table, max_chunksize=4)


def write_csv(table, path):
    with pathlib.Path(path).open("wb") as plain, gzip.open(plain, "wb") if path.endswith(".gz") else plain as stream:
        pyarrow.csv.write_csv(table, stream)


WRITERS = {
    "a.parquet": lambda table, path: pyarrow.parquet.write_table(table, path, row_group_size=4),
    "A.PARQUET": lambda table, path: pyarrow.parquet.write_table(table, path, row_group_size=4),
    "a.csv": write_csv,
    "a.csv.gz": write_csv,
    "a.arrow": write_ipc,
    "a.ipc": write_ipc,
    "a.arrows": write_stream,
    "stream.arrow": write_stream,
    "a.feather": lambda table, path: pyarrow.feather.write_feather(table, path, compression="zstd"),
    "parquet_without_suffix": pyarrow.parquet.write_table,
    "ipc.unknown": write_ipc,
}


@pytest.mark.parametrize("name", WRITERS)
@pytest.mark.parametrize("as_path", [str, pathlib.Path])
def test_each_file_format_gives_the_rows_and_their_places(tmp_path, name, as_path):
    table = make_table(0, 11)
    path = str(tmp_path / name)
    WRITERS[name](table, path)
    source = open_source(as_path(path), batch_rows=3)
    assert source.files == (path,)
    assert source.ordered
    assert source.schema.names == ["label", "score", "country"]
    assert source.rows == (11 if not name.endswith((".csv", ".gz", ".arrows")) and name != "stream.arrow" else None)

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
    assert source.rows == 16
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


def test_origin_names_rows_from_0():
    assert Origin("clicks.parquet", 10).describe(2) == "row 12 of clicks.parquet"
    assert Origin(None, 12).describe(0) == "row 12"


def test_default_sizes_of_batches(tmp_path):
    rows = 2 * 1_048_576 + 1
    table = pa.table({"x": pa.nulls(rows, pa.int8())})
    assert [batch.num_rows for batch, _ in read(table, ["x"])] == [1_048_576, 1_048_576, 1]
    path = str(tmp_path / "x.parquet")
    pyarrow.parquet.write_table(table.slice(0, 300_000), path)
    assert [batch.num_rows for batch, _ in read(path, ["x"])] == [131_072, 131_072, 37_856]
    write_path = str(tmp_path / "x.arrow")
    with pa.ipc.new_file(write_path, table.schema) as writer:
        writer.write_table(table.slice(0, 200_000))
    assert [batch.num_rows for batch, _ in read(write_path, ["x"])] == [131_072, 68_928]
    with pytest.raises(ParameterError, match="batch_rows=0: must be at least 1"):
        open_source(table, batch_rows=0)


# Paths


@pytest.fixture
def folder(tmp_path):
    """Three files to read, and what must be skipped."""
    (tmp_path / "b" / "c").mkdir(parents=True)
    (tmp_path / "_temporary").mkdir()
    (tmp_path / ".cache").mkdir()
    for i, name in enumerate(
        ["b/2.parquet", "a1.parquet", "b/c/3.parquet", "_temporary/x.parquet", ".cache/y.parquet"]
    ):
        pyarrow.parquet.write_table(make_table(10 * i, 2), str(tmp_path / name))
    for name in ["_SUCCESS", ".a1.parquet.crc", "notes.txt", "_half.parquet", ".hidden.parquet"]:
        (tmp_path / name).write_text("no rows here")
    return tmp_path


def test_a_folder_is_read_below_in_order_without_hidden_names(folder):
    found = open_source(folder).files
    assert found == tuple(str(folder / name) for name in ["a1.parquet", "b/2.parquet", "b/c/3.parquet"])
    assert len(rows_of(folder)) == 6


def test_a_folder_without_readable_files(tmp_path):
    (tmp_path / "notes.txt").write_text("x")
    with pytest.raises(SourceError, match=r"no readable file in this folder; readable are Parquet \(\.parquet"):
        open_source(tmp_path)


def test_globs_are_sorted_and_skip_markers(folder):
    for name in ["a10.parquet", "a0.parquet"]:
        pyarrow.parquet.write_table(make_table(0, 1), str(folder / name))
    names = [pathlib.Path(file).name for file in open_source(f"{folder}/*.parquet").files]
    assert names == ["a0.parquet", "a1.parquet", "a10.parquet"]
    assert [pathlib.Path(file).name for file in open_source(f"{folder}/a?.parquet").files] == [
        "a0.parquet",
        "a1.parquet",
    ]
    assert open_source(f"{folder}/a[1].parquet").files == (f"{folder}/a1.parquet",)
    assert [pathlib.Path(file).name for file in open_source(folder / "b*").files] == ["2.parquet", "3.parquet"]
    (folder / "notes.txt").unlink()
    recursive = open_source(f"{folder}/**").files
    assert len(recursive) == len(set(recursive)) == 5
    assert open_source(f"{folder}/_temp*/*").files == (f"{folder}/_temporary/x.parquet",)
    assert open_source(f"{folder}/_temporary/*").files == (f"{folder}/_temporary/x.parquet",)
    with pytest.raises(SourceError, match="no file matches this pattern"):
        open_source(f"{folder}/z*.parquet")


def test_a_file_whose_name_looks_like_a_glob(tmp_path):
    path = str(tmp_path / "a[1].parquet")
    pyarrow.parquet.write_table(make_table(0, 1), path)
    assert open_source(path).files == (path,)


def test_lists_may_hold_globs_and_keep_their_order(folder):
    files = open_source([folder / "b" / "2.parquet", f"{folder}/a*.parquet"]).files
    assert files == (f"{folder}/b/2.parquet", f"{folder}/a1.parquet")


# Bad files


def test_a_missing_file(tmp_path):
    with pytest.raises(SourceError, match=r"nothing\.parquet: no such file or folder$"):
        open_source(tmp_path / "nothing.parquet")


def test_an_empty_file(tmp_path):
    path = tmp_path / "empty.parquet"
    path.write_bytes(b"")
    with pytest.raises(SourceError, match=r"cannot read .*empty\.parquet: the file is empty \(0 bytes\)"):
        open_source(path)


def test_an_unknown_format_lists_what_is_readable(tmp_path):
    path = tmp_path / "rows.xlsx"
    path.write_bytes(b"PK\x03\x04 and so on")
    with pytest.raises(SourceError, match=r"rows\.xlsx.*readable are Parquet.*Arrow IPC.*CSV"):
        open_source(path)


def test_feather_v1_is_refused(tmp_path):
    path = tmp_path / "old.feather"
    path.write_bytes(b"FEA1" + b"\0" * 40)
    with pytest.raises(SourceError, match=r"old\.feather: Feather V1"):
        open_source(path)


@pytest.mark.parametrize("name", ["a.parquet", "a.arrow", "a.feather", "a.arrows"])
def test_text_under_a_false_suffix(tmp_path, name):
    path = tmp_path / name
    path.write_text("label,score\n1,0.5\n" * 20)
    with pytest.raises(SourceError, match=f"cannot read .*{name}: ") as caught:
        rows_of(path)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("name", ["a.parquet", "a.arrow", "a.feather", "a.arrows", "a.csv.gz"])
def test_a_truncated_file(tmp_path, name):
    path = tmp_path / name
    WRITERS[name](make_table(0, 5000), str(path))
    path.write_bytes(path.read_bytes()[: path.stat().st_size * 2 // 3])
    with pytest.raises(SourceError, match=f"cannot read .*{name}: .") as caught:
        rows_of(path)
    assert "\n" not in str(caught.value)
    assert isinstance(caught.value, OSError)


def test_a_corrupt_row_group_is_named_and_the_rows_before_it_come_first(tmp_path):
    path = tmp_path / "a.parquet"
    rng = np.random.default_rng(1)
    table = pa.table({"score": rng.random(4000)})
    pyarrow.parquet.write_table(table, str(path), row_group_size=1000, compression="zstd", use_dictionary=False)
    column = pyarrow.parquet.ParquetFile(path).metadata.row_group(2).column(0)
    data = bytearray(path.read_bytes())
    middle = column.data_page_offset + column.total_compressed_size // 2
    for i in range(column.data_page_offset, middle):
        data[i] ^= 0xFF
    path.write_bytes(data)
    stream = open_source(path, batch_rows=500).batches(["score"])
    assert sum(next(stream)[0].num_rows for _ in range(4)) == 2000
    with pytest.raises(SourceError, match=r"a\.parquet, row group 2: "):
        next(stream)
    # A batch that begins in a good row group.
    with pytest.raises(SourceError, match=r"a\.parquet, row group 2: "):
        rows_of(path, ["score"], batch_rows=1500)


def test_damage_in_a_later_file_does_not_hide_the_first(tmp_path):
    WRITERS["a.parquet"](make_table(0, 5), str(tmp_path / "1.parquet"))
    (tmp_path / "2.parquet").write_text("not a parquet file, but long enough")
    source = open_source(tmp_path)
    assert source.rows is None
    stream = source.batches(COLUMNS)
    assert next(stream)[0].num_rows == 5
    with pytest.raises(SourceError, match=r"2\.parquet"):
        next(stream)


@pytest.mark.skipif(os.name != "posix" or os.geteuid() == 0, reason="root reads everything")
def test_a_file_without_permission(tmp_path):
    path = tmp_path / "a.parquet"
    WRITERS["a.parquet"](make_table(0, 5), str(path))
    path.chmod(0)
    with pytest.raises(SourceError, match=r"cannot read .*a\.parquet: .*[Pp]ermission"):
        rows_of(path)


@pytest.mark.skipif(not hasattr(socket, "AF_UNIX"), reason="needs a file that nobody can open")
def test_a_file_that_cannot_be_opened(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)  # names of sockets are short
    with socket.socket(socket.AF_UNIX) as server:
        server.bind("a.parquet")
        with pytest.raises(SourceError, match=r"cannot read a\.parquet: "):
            open_source("a.parquet")


@pytest.mark.skipif(not pathlib.Path("/proc/self/fd").exists(), reason="needs /proc")
@pytest.mark.parametrize("name", ["a.parquet", "a.csv", "a.arrow", "a.arrows"])
def test_files_are_closed_on_every_way_out(tmp_path, name):
    path = tmp_path / name
    WRITERS[name](make_table(0, 50), str(path))

    def is_open():
        links = list(pathlib.Path("/proc/self/fd").iterdir())
        maps = pathlib.Path("/proc/self/maps").read_text()
        return str(path) in maps or any(link.exists() and link.readlink() == path for link in links)

    source = open_source(path, batch_rows=2)
    assert source.rows in (50, None)
    stream = source.batches(COLUMNS)
    next(stream)
    if name != "a.csv":  # a small one is read whole and closed
        assert is_open()
    stream.close()
    del stream
    # Arrow's own thread reads CSV ahead, and lets go of the file a moment later.
    until = time.monotonic() + 10
    while name == "a.csv" and is_open() and time.monotonic() < until:
        time.sleep(0.01)
    assert not is_open()
    assert len(list(source.batches(COLUMNS))) > 1
    with pytest.raises(MissingColumnError):
        source.batches(["nothing"])
    while name == "a.csv" and is_open() and time.monotonic() < until:
        time.sleep(0.01)
    assert not is_open()


# Columns


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


def test_csv_text_labels_and_quoted_newlines(tmp_path):
    path = tmp_path / "a.csv"
    path.write_text('label,query,score\ntrue,"a\nb",1\nfalse,"c,d",2\n')
    assert rows_of(path, ["label", "query", "score"], numeric=["label", "score"]) == [
        {"label": True, "query": "a\nb", "score": 1.0},
        {"label": False, "query": "c,d", "score": 2.0},
    ]
    assert read(path, ["score"])[0][0].schema.field(0).type == pa.int64()


def test_csv_lines_within_quotes_may_cross_blocks(tmp_path, monkeypatch):
    monkeypatch.setattr(sources, "CSV_BLOCK_BYTES", 200)
    path = tmp_path / "a.csv"
    path.write_text("query,label\n" + "".join(f'"line\n\nof {i}",{i}\n' for i in range(100)))
    assert rows_of(path, ["query", "label"]) == [{"query": f"line\n\nof {i}", "label": i} for i in range(100)]
    assert len(read(path, ["label"])) > 5


def test_a_ragged_csv(tmp_path):
    path = tmp_path / "a.csv"
    path.write_text("label,score\n1,2\n1\n")
    with pytest.raises(SourceError, match=r"a\.csv: .*Expected 2 columns, got 1"):
        rows_of(path)


def test_files_with_a_header_and_no_rows(tmp_path):
    (tmp_path / "a.csv").write_text("label,score\n")
    pyarrow.parquet.write_table(make_table(0, 0), str(tmp_path / "b.parquet"))
    write_ipc(make_table(0, 0), str(tmp_path / "c.arrow"))
    assert read(tmp_path) == []
    assert open_source(tmp_path / "b.parquet").rows == 0


# Arrow objects


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
    assert places(read(chunked, ["label"], batch_rows=4)) == [(None, 0, 4), (None, 4, 2)]
    source = open_source(frame)
    list(source.batches(COLUMNS))
    with pytest.raises(SourceError, match="was read already"):
        source.batches(COLUMNS)
    with pytest.raises(ParameterError, match=r"cannot read rows from LazyFrame.*collect a lazy frame first"):
        open_source(frame.lazy())
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
    with pytest.raises(ParameterError, match="a source is a path, a list of paths, a glob or a folder"):
        open_source(source)


# Arrays


def column_of(values):
    batches = read({"x": values}, ["x"])
    assert len(batches) == 1
    batch = batches[0][0]
    batch.validate(full=True)
    return batch.column(0)


@pytest.mark.parametrize("kind", ["i1", "i2", "i4", "i8", "u1", "u2", "u4", "u8", "f2", "f4", "f8"])
def test_numeric_arrays_are_not_copied(kind):
    values = np.array([3, 1, 2, 120], dtype=kind)
    values.setflags(write=False)
    column = column_of(values)
    assert column.type == pa.from_numpy_dtype(values.dtype)
    assert column.to_pylist() == values.tolist()
    assert column.buffers()[1].address == values.ctypes.data


@pytest.mark.parametrize("kind", [">i4", ">f8", ">u2", ">f4", ">i8", ">f2", ">M8[us]"])
def test_arrays_of_foreign_byte_order(kind):
    values = np.array([3, 1, 2], dtype=kind)
    assert column_of(values).to_pylist() == values.tolist()


def test_sliced_and_strided_arrays():
    values = np.arange(20, dtype=np.int32)
    assert column_of(values[3:9]).to_pylist() == list(range(3, 9))
    assert column_of(values[3:9]).buffers()[1].address == values.ctypes.data + 12
    assert column_of(values[::-3]).to_pylist() == list(range(19, 0, -3))
    matrix = np.asfortranarray(np.arange(12.0).reshape(3, 4))
    assert column_of(matrix[1]).to_pylist() == [4.0, 5.0, 6.0, 7.0]


@pytest.mark.parametrize("rows", [1, 7, 8, 9, 100])
def test_bool_arrays(rows):
    values = np.arange(rows) % 3 == 0
    column = column_of(values)
    assert column.type == pa.bool_()
    assert column.to_pylist() == values.tolist()
    assert (
        column_of(np.arange(2 * rows) % 3 == 0).to_pylist()[::2]
        == column_of((np.arange(2 * rows) % 3 == 0)[::2]).to_pylist()
    )


def test_text_arrays():
    values = np.array(["a", "", "größe", "東京", "tail"])
    assert column_of(values).type == pa.string()
    assert column_of(values).to_pylist() == values.tolist()
    assert column_of(values[::2]).to_pylist() == ["a", "größe", "tail"]
    assert column_of(["a", None, "c", float("nan")]).to_pylist() == ["a", None, "c", None]
    assert column_of(np.array(["a", None], dtype=object)).to_pylist() == ["a", None]
    assert column_of(np.array([b"a", b"bc"])).to_pylist() == [b"a", b"bc"]
    if hasattr(np.dtypes, "StringDType"):
        assert column_of(np.array(["a", "bc"], dtype=np.dtypes.StringDType())).to_pylist() == ["a", "bc"]


def test_object_arrays():
    assert column_of([1, None, 3]).to_pylist() == [1, None, 3]
    days = [datetime.date(2024, 1, 1), None]
    assert column_of(np.array(days, dtype=object)).to_pylist() == days
    assert column_of([decimal.Decimal("1.5")]).to_pylist() == [decimal.Decimal("1.5")]
    assert column_of([None, None]).type == pa.null()
    with pytest.raises(ParameterError, match="column 'x' cannot be read as an array"):
        column_of(["a", 1])
    with pytest.raises(ParameterError, match="column 'x' cannot be read as an array"):
        column_of(["a\ud800"])


@pytest.mark.parametrize("unit", ["Y", "M", "W", "D", "h", "m", "s", "ms", "us", "ns"])
def test_datetime_arrays(unit):
    values = np.array(["2024-03-01", "NaT", "1969-12-31"], dtype=f"M8[{unit}]")
    column = column_of(values)
    assert column.type == (pa.date32() if unit in "YMWD" else pa.timestamp("s" if unit in "hm" else unit))
    assert column.null_count == 1
    assert [None if np.isnat(v) else v.astype("M8[D]").item() for v in values] == column.cast("date32").to_pylist()


@pytest.mark.parametrize("unit", ["D", "h", "s", "ms"])
def test_timedelta_arrays(unit):
    values = np.array([3, "NaT", -1], dtype=f"m8[{unit}]")
    assert column_of(values).to_pylist() == [None if np.isnat(v) else v.item() for v in values]


def test_masked_arrays_have_nulls():
    mask = [False, True, False]
    assert column_of(np.ma.array([1, 2, 3], mask=mask)).to_pylist() == [1, None, 3]
    assert column_of(np.ma.array(["a", "b", "c"], mask=mask)).to_pylist() == ["a", None, "c"]
    assert column_of(np.ma.array([True, True, False], mask=mask)).to_pylist() == [True, None, False]
    days = np.ma.array(np.array(["NaT", "2024-01-01", "2024-01-02"], "M8[D]"), mask=mask)
    assert column_of(days).to_pylist() == [None, None, datetime.date(2024, 1, 2)]


def test_sequences_and_arrow_arrays_in_a_dict():
    assert column_of((1, 2, 3)).to_pylist() == [1, 2, 3]
    assert column_of(range(3)).to_pylist() == [0, 1, 2]
    assert column_of([True, False]).type == pa.bool_()
    assert column_of(pa.array([1, None])).to_pylist() == [1, None]
    assert [b.num_rows for b, _ in read({"x": pa.chunked_array([[1, 2], [3]])}, ["x"])] == [2, 1]
    table = {"a": np.arange(3), "b": pa.chunked_array([[1.0], [2.0, 3.0]])}
    assert rows_of(table, ["b", "a"]) == [{"b": float(i + 1), "a": i} for i in range(3)]
    assert read({"x": np.zeros(0)}, ["x"]) == []


@pytest.mark.parametrize(
    ("arrays", "message"),
    [
        ({}, "the dict of arrays is empty"),
        ({1: [1]}, "1 is no name of a column"),
        ({"label": [1, 0], "score": [1, 2, 3], "query": [1, 1]}, "'score' has 3, but 'label' has 2 values"),
        ({"label": [1, 0], "p": np.zeros((2, 2))}, "column 'p' has 2 dimensions; arrays must have one"),
        ({"label": 3}, "column 'label' has 0 dimensions"),
        ({"label": [[1], [2, 3]]}, "column 'label' cannot be read as an array"),
        ({"label": np.zeros(2, complex)}, "column 'label' cannot be read as an array"),
        ({"label": np.zeros(2, np.longdouble)}, "column 'label' cannot be read as an array"),
    ],
)
def test_bad_dicts(arrays, message):
    with pytest.raises(ParameterError, match=message):
        open_source(arrays)


# Imports


def test_the_core_path_imports_neither_pandas_nor_dataset_nor_numba(tmp_path):
    path = tmp_path / "a.parquet"
    WRITERS["a.parquet"](make_table(0, 10), str(path))
    WRITERS["a.csv"](make_table(0, 10), str(tmp_path / "b.csv"))
    WRITERS["a.arrow"](make_table(0, 10), str(tmp_path / "c.arrow"))
    code = f"""
import sys, warnings
from fastrank.sources import open_source
assert not {{"pyarrow.parquet", "pyarrow.csv", "pyarrow.ipc"}} & (set(sys.modules) - set(before))
import numpy as np
for _ in open_source({str(tmp_path)!r}).batches(["score", "country"], ["score"]): pass
arrays = dict(a=np.arange(3), b=np.array(["a", "b", "c"]), c=np.ones(3, bool), d=np.zeros(3, "M8[D]"),
              e=np.array(["x", None, "z"], object), f=np.arange(3).astype(">f4"), g=[1.5, 2, 3])
rows = [r for b, _ in open_source(arrays).batches(list(arrays)) for r in b.to_pylist()]
assert len(rows) == 3
print([name for name in ("pandas", "pyarrow.dataset", "numba", "polars", "duckdb") if name in sys.modules])
"""
    code = "import sys, pyarrow\nbefore = list(sys.modules)\n" + code
    root = pathlib.Path(__file__).parent.parent
    environment = {**os.environ, "PYTHONPATH": str(root)}
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=environment, check=False)
    assert run.returncode == 0, run.stderr
    assert run.stdout.strip() == "[]"
