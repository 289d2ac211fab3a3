from __future__ import annotations

import os
import pathlib
import socket
import time

import numpy as np
import pyarrow as pa
import pyarrow.parquet
import pytest
from source_files import COLUMNS, WRITERS, make_table, rows_of

from fastrank.errors import MissingColumnError, SourceError
from fastrank.sources import open_source


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

    def is_closed():
        # Arrow's own threads, which read ahead, let go of the file or of its mapping a moment after the call.
        until = time.monotonic() + 10
        while is_open() and time.monotonic() < until:
            time.sleep(0.01)
        return not is_open()

    source = open_source(path, batch_rows=2)
    assert source.rows in (50, None)
    stream = source.batches(COLUMNS)
    next(stream)
    if name != "a.csv":  # a small one is read whole and closed
        assert is_open()
    stream.close()
    del stream
    assert is_closed()
    assert len(list(source.batches(COLUMNS))) > 1
    with pytest.raises(MissingColumnError):
        source.batches(["nothing"])
    assert is_closed()
