"""Files by URI."""

from __future__ import annotations

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from pyarrow import fs
from source_files import COLUMNS, WRITERS, make_table, places, rows_of

import fastrank as fr
from fastrank.errors import ParameterError, SourceError
from fastrank.sources import files, open_source, parquet

NAMES = ["a.parquet", "a.csv", "a.csv.gz", "a.arrow", "a.arrows", "a.feather", "a.orc", "parquet_without_suffix"]


@pytest.fixture
def bucket(tmp_path, monkeypatch):
    """A folder that is reached as far://bucket/..."""
    (tmp_path / "bucket").mkdir()
    original = fs.FileSystem.from_uri

    def from_uri(uri):
        if not uri.startswith("far://"):
            return original(uri)
        path, _, options = uri.removeprefix("far://").partition("?")
        assert options in ("", "region=x")
        return fs.SubTreeFileSystem(str(tmp_path), fs.LocalFileSystem()), path

    class FileSystem:
        pass

    FileSystem.from_uri = staticmethod(from_uri)
    monkeypatch.setattr(fs, "FileSystem", FileSystem)
    return tmp_path / "bucket"


@pytest.mark.parametrize("name", NAMES)
def test_every_format(bucket, name, monkeypatch):
    monkeypatch.setattr(files, "LEAST_SHARD_BYTES", 1)
    monkeypatch.setattr(parquet, "AHEAD_BYTES", 200)
    table = make_table(0, 50)
    WRITERS[name](table, str(bucket / name))
    uri = f"far://bucket/{name}"
    source = open_source(uri)
    assert source.files == (uri,)
    assert source.bytes == (bucket / name).stat().st_size
    assert rows_of(uri) == rows_of(bucket / name)
    found = [place for shard in source.shards(4) for place in places(shard.batches(COLUMNS))]
    assert [(file, row) for file, row, _ in found] == [(uri, sum(n for *_, n in found[:i])) for i in range(len(found))]
    assert places(open_source(uri, batch_rows=7).batches(COLUMNS))[-1][0] == uri


def test_folders_globs_and_hive(bucket):
    for path in ["day=1/a.parquet", "day=2/a.parquet", "day=2/b/c.parquet", "day=11/_x.parquet", "_t/day=3/a.parquet"]:
        (bucket / path).parent.mkdir(parents=True, exist_ok=True)
        pq.write_table(make_table(0, 3), str(bucket / path))
    (bucket / "day=2" / "_SUCCESS").write_text("")
    every = ["day=1/a.parquet", "day=2/a.parquet", "day=2/b/c.parquet"]

    def found(uri):
        return [name.removeprefix("far://bucket/") for name in open_source(uri).files]

    for uri in ("far://bucket", "far://bucket/", "far://bucket/day=*", "far://bucket/**/*.parquet"):
        assert found(uri) == every, uri
    assert found("far://bucket?region=x") == every
    assert found("far://bucket/day=*/*.parquet?region=x") == [every[0], every[1]]
    assert found("far://bucket/day=[13]/*.parquet") == [every[0]]
    assert found("far://bucket/day=[!1]/*.parquet") == [every[1]]
    assert found("far://bucket/_t/**/*.parquet") == ["_t/day=3/a.parquet"]
    assert found("far://bucket/day=2/b/c.parquet") == [every[2]]
    assert rows_of("far://bucket", ["day"]) == [{"day": 1}] * 3 + [{"day": 2}] * 6
    result = fr.evaluate("far://bucket", "brier", label="label", score="score", by="day", where="day = 2 and score < 1")
    assert result.table["rows"].to_pylist() == [6, 6]


def test_files_that_are_not_there(bucket):
    with pytest.raises(SourceError, match="far://bucket/none: no such file or folder"):
        open_source("far://bucket/none")
    with pytest.raises(SourceError, match=r"far://bucket/\*\.parquet: no file matches this pattern"):
        open_source("far://bucket/*.parquet")
    with pytest.raises(SourceError, match="far://bucket: no readable file in this folder; readable are Parquet"):
        open_source("far://bucket")
    with pytest.raises(SourceError, match="cannot open nothing://at/all: "):
        open_source("nothing://at/all")
    (bucket / "empty.parquet").write_bytes(b"")
    with pytest.raises(SourceError, match=r"cannot read far://bucket/empty\.parquet: the file is empty \(0 bytes\)"):
        open_source("far://bucket/empty.parquet")
    WRITERS["a.parquet"](make_table(0, 3), str(bucket / "a.parquet"))
    with pytest.raises(ParameterError, match=r"engine='polars' reads local files, not far://bucket/a\.parquet"):
        open_source("far://bucket/a.parquet", engine="polars")


def test_a_local_file_by_uri(tmp_path):
    path = tmp_path / "a b.parquet"
    pq.write_table(make_table(0, 10), str(path))
    assert open_source(path.as_uri()).files == (str(path),)
    assert open_source(f"{tmp_path.as_uri()}").files == (str(path),)
    assert open_source(f"{tmp_path.as_uri()}/*.parquet").files == (str(path),)
    assert rows_of(path.as_uri()) == make_table(0, 10).select(COLUMNS).to_pylist()


def test_expressions_prune_remote_files(bucket):
    pq.write_table(pa.table({"x": range(100)}), str(bucket / "a.parquet"), row_group_size=10)
    from fastrank.where import Where

    where = Where.parse(pa.compute.field("x") >= 95)
    assert open_source("far://bucket/a.parquet").pruned([where]).rows == 10
