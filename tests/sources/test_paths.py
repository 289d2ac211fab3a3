from __future__ import annotations

import pathlib

import pyarrow.parquet
import pytest
from source_files import make_table, rows_of

from fastrank.errors import SourceError
from fastrank.sources import open_source


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
