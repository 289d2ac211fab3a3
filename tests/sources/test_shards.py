"""Files cut into shards that are read side by side."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from source_files import COLUMNS, WRITERS, make_table, places, write_ipc, write_stream

import fastrank as fr
from fastrank.errors import MissingColumnError, SourceError
from fastrank.sources import files, joining, open_source, parquet


@pytest.fixture(autouse=True)
def _small_shards(monkeypatch):
    monkeypatch.setattr(files, "LEAST_SHARD_BYTES", 1)


def told(batches):
    """All rows, each with the words that name it."""
    return [(origin.describe(i), row) for batch, origin in batches for i, row in enumerate(batch.to_pylist())]


def rows_by_shard(source, count):
    """What each shard holds, after checks that they are the rows of the source in their order, with their places."""
    shards = source.shards(count)
    found = []
    for shard in shards:
        batches = list(shard.batches(COLUMNS))
        assert shard.rows in (None, sum(batch.num_rows for batch, _ in batches))
        found += told(batches)
    whole = told(source.batches(COLUMNS))
    assert found == whole
    return [sum(batch.num_rows for batch, _ in shard.batches(COLUMNS)) for shard in shards]


@pytest.mark.parametrize("name", ["a.parquet", "a.arrow", "a.feather"])
@pytest.mark.parametrize("count", [1, 2, 3, 8, 100])
def test_a_file_is_cut_into_equal_shards(tmp_path, name, count):
    table = make_table(0, 80)
    path = str(tmp_path / name)
    if name == "a.feather":
        pa.feather.write_feather(table, path, compression="lz4", chunksize=4)
    else:
        WRITERS[name](table, path)
    sizes = rows_by_shard(open_source(path), count)
    assert sum(sizes) == 80
    assert len(sizes) == min(count, 20)
    assert max(sizes) - min(sizes) <= 4


@pytest.mark.parametrize("write", [write_stream, WRITERS["a.csv"], WRITERS["a.orc"]])
def test_what_cannot_be_cut_is_one_shard(tmp_path, write):
    suffix = {write_stream: "arrows", WRITERS["a.csv"]: "csv"}.get(write, "orc")
    for i in range(6):
        write(make_table(10 * i, 10), str(tmp_path / f"{i}.{suffix}"))
    source = open_source(tmp_path)
    assert rows_by_shard(source, 3) == [20, 20, 20]
    assert rows_by_shard(source, 100) == [10] * 6
    assert rows_by_shard(open_source(tmp_path / f"1.{suffix}"), 4) == [10]


def test_files_of_all_sizes(tmp_path):
    start = 0
    for i, rows in enumerate([4, 400, 4, 4, 0, 37, 3]):
        pq.write_table(make_table(start, rows), str(tmp_path / f"{i}.parquet"), row_group_size=10)
        start += rows
    source = open_source(tmp_path)
    assert source.rows == start
    for count in (2, 3, 5, 16, 1000):
        sizes = rows_by_shard(source, count)
        assert sum(sizes) == start
        assert len(sizes) <= count
    assert len(rows_by_shard(source, 16)) > 8
    assert [sum(b.num_rows for b, _ in each.batches(COLUMNS)) for each in source.by_file()] == [4, 400, 4, 4, 0, 37, 3]
    assert [each.files for each in source.by_file()] == [(file,) for file in source.files]
    assert [each.rows for each in source.by_file()] == [4, 400, 4, 4, 0, 37, 3]
    assert sum(each.bytes for each in source.by_file()) == source.bytes
    assert len(source.by_file()[1].shards(5)) == 5


def test_a_small_source_is_one_shard(tmp_path, monkeypatch):
    monkeypatch.setattr(files, "LEAST_SHARD_BYTES", 1 << 20)
    WRITERS["a.parquet"](make_table(0, 100), str(tmp_path / "a.parquet"))
    source = open_source(tmp_path)
    assert list(source.shards(8)) == [source]


def test_bytes_and_rows_of_other_sources():
    table = make_table(0, 10)
    assert open_source(table).bytes == table.nbytes
    assert list(open_source(table).by_file()) != []
    reader = open_source(table.to_reader())
    assert (reader.bytes, reader.rows, reader.files) == (None, None, ())
    assert list(reader.by_file()) == [reader]


def test_footers_are_read_once_and_not_held(tmp_path, monkeypatch):
    for i in range(5):
        WRITERS["a.parquet"](make_table(i, 10), str(tmp_path / f"{i}.parquet"))
    opened = []
    original = pq.ParquetFile.__init__

    def counted(self, source, metadata=None, **options):
        opened.append(metadata is None)
        original(self, source, metadata=metadata, **options)

    monkeypatch.setattr(pq.ParquetFile, "__init__", counted)
    source = open_source(tmp_path)
    assert source.rows == 50
    assert sum(batch.num_rows for each in source.by_file() for batch, _ in each.batches(COLUMNS)) == 50
    assert opened.count(True) == 5
    assert [piece.file._metadata for piece in source._pieces] == [None] * 5
    assert sum(shard.rows for shard in source.shards(16)) == 50
    assert opened.count(True) == 10
    monkeypatch.setattr(parquet, "LARGE_FOOTER", 10)
    source = open_source(tmp_path)
    assert source.rows == 50
    assert [piece.file._metadata for piece in source._pieces] == [None] * 5


def test_small_files_are_not_opened_to_be_cut(tmp_path):
    for i in range(20):
        WRITERS["a.parquet"](make_table(i, 10), str(tmp_path / f"{i:02}.parquet"))
    source = open_source(tmp_path)
    for i in range(1, 20):
        (tmp_path / f"{i:02}.parquet").write_bytes(b"x" * 1000)
    assert len(source.shards(5)) == 5


def test_batches_of_wide_rows_are_smaller(tmp_path, monkeypatch):
    monkeypatch.setattr("fastrank.sources.formats.BATCH_BYTES", 1 << 20)
    monkeypatch.setattr("fastrank.sources.joining.JOINED_BYTES", 1 << 20)
    monkeypatch.setattr("fastrank.sources.formats.FILE_BATCH_ROWS", 1 << 18)
    rows = 100_000
    path = str(tmp_path / "a.parquet")
    words = pa.array([f"{i:0500}" for i in range(10)]).take(pa.array(np.arange(rows) % 10))
    lists = pa.FixedSizeListArray.from_arrays(pa.array(np.arange(8.0 * rows)), 8)
    pq.write_table(pa.table({"x": np.arange(rows, dtype=np.int8), "words": words, "lists": lists}), path)

    def largest(columns):
        sizes = [(batch.num_rows, batch.nbytes) for batch, _ in open_source(path).batches(columns)]
        assert sum(size for size, _ in sizes) == rows
        return max(sizes)

    assert largest(["x"]) == (rows, rows)
    assert largest(["lists"])[1] < 1 << 21
    assert largest(["x", "lists", "words"])[0] < 1 << 15
    assert [batch.num_rows for batch, _ in open_source(path, batch_rows=30_000).batches(["lists"])] == [30_000] * 3 + [
        10_000
    ]


# Damage


def damaged(path, group, column=0, name="score"):
    """Turns over all bits in the middle of a column of a row group."""
    chunk = pq.ParquetFile(path).metadata.row_group(group).column(column)
    data = bytearray(path.read_bytes())
    start = chunk.data_page_offset + chunk.total_compressed_size // 2
    data[start] ^= 0xFF
    path.write_bytes(data)


@pytest.mark.parametrize("compression", ["zstd", "none"])
def test_a_flipped_byte_is_found_by_the_checksum(tmp_path, compression):
    path = tmp_path / "a.parquet"
    table = pa.table({"score": np.random.default_rng(1).random(8000), "label": np.arange(8000) % 2})
    options = {"row_group_size": 1000, "compression": compression, "use_dictionary": False}
    pq.write_table(table, str(path), write_page_checksum=True, **options)
    damaged(path, 5)
    source = open_source(path)
    with pytest.raises(SourceError, match=r"a\.parquet, row group 5: .*(CRC|checksum)"):
        list(source.batches(COLUMNS))
    shards = source.shards(8)
    assert len(shards) == 8
    for i, shard in enumerate(shards):
        if i == 5:
            with pytest.raises(SourceError, match=r"a\.parquet, row group 5: .*(CRC|checksum)"):
                list(shard.batches(COLUMNS))
        else:
            assert places(shard.batches(COLUMNS)) == [(str(path), 1000 * i, 1000)]


def test_damaged_files_are_told_in_their_turn(tmp_path):
    for i in range(6):
        WRITERS["a.parquet"](make_table(10 * i, 10), str(tmp_path / f"{i}.parquet"))
    whole = (tmp_path / "2.parquet").read_bytes()
    (tmp_path / "0.parquet").write_bytes(b"")
    (tmp_path / "2.parquet").write_bytes(whole[:-20])
    pq.write_table(make_table(0, 10).rename_columns(["label", "p", "country"]), str(tmp_path / "3.parquet"))
    source = open_source(tmp_path)
    assert source.rows is None
    problems = {}
    for each in source.by_file():
        try:
            list(each.batches(COLUMNS))
        except (SourceError, MissingColumnError) as error:
            problems[each.files[0][-9:-8]] = str(error)
    assert list(problems) == ["0", "2", "3"]
    assert problems["0"].endswith("0.parquet: the file is empty (0 bytes)")
    assert "2.parquet: " in problems["2"]
    assert problems["3"].startswith("no column 'score' in ")
    for count in (1, 2, 6):
        with pytest.raises(SourceError, match=r"0\.parquet: the file is empty"):
            list(source.shards(count)[0].batches(COLUMNS))


def test_a_file_that_shrinks_after_it_was_opened(tmp_path):
    path = tmp_path / "a.parquet"
    pq.write_table(pa.table({"score": np.random.default_rng(1).random(8000)}), str(path), row_group_size=1000)
    shards = open_source(path).shards(4)
    path.write_bytes(path.read_bytes()[:20_000])
    with pytest.raises(SourceError, match=r"a\.parquet, row group 6: "):
        list(shards[3].batches(["score"]))


def test_row_groups_that_are_fetched_together(tmp_path, monkeypatch):
    monkeypatch.setattr(parquet, "AHEAD_BYTES", 1000)
    path = tmp_path / "a.parquet"
    pq.write_table(make_table(0, 1000), str(path), row_group_size=30)
    metadata = pq.ParquetFile(path).metadata
    sizes = [metadata.row_group(i).column(0).total_compressed_size for i in range(metadata.num_row_groups)]
    found = list(parquet._fetched_together(metadata, [0], range(len(sizes))))
    assert [i for groups in found for i in groups] == list(range(len(sizes)))
    assert 1 < len(found) < len(sizes)
    assert all(sum(sizes[i] for i in groups) <= 1000 for groups in found)


def test_ipc_batches_of_unequal_sizes(tmp_path):
    path = str(tmp_path / "a.arrow")
    batches = [make_table(start, rows) for start, rows in ((0, 3), (3, 50), (53, 1), (54, 0), (54, 20))]
    with pa.ipc.new_file(path, batches[0].schema) as writer:
        for table in batches:
            for batch in table.to_batches() or [pa.RecordBatch.from_pylist([], schema=table.schema)]:
                writer.write_batch(batch)
    assert sum(rows_by_shard(open_source(path), 5)) == 74
    write_ipc(make_table(0, 0), path)
    assert rows_by_shard(open_source(path), 5) == [0]


def test_small_batches_of_files_are_joined(tmp_path, monkeypatch):
    monkeypatch.setattr(joining, "JOINED_ROWS", 50)
    monkeypatch.setattr(joining, "SMALL_ROWS", 30)
    sizes = [4, 29, 30, 31, 1, 20, 29, 29, 2, 3, 3]
    tables = []
    for i, rows in enumerate(sizes):
        (tmp_path / f"k={i + 10}").mkdir()
        tables.append(make_table(10 * i, rows))
        # The last two files differ in their schemas from those before.
        table = tables[-1] if i < 9 else tables[-1].set_column(0, "label", tables[-1]["label"].cast("int64"))
        pq.write_table(table, str(tmp_path / f"k={i + 10}" / "a.parquet"))
    source = open_source(tmp_path)
    batches = list(source.batches(["k", *COLUMNS]))
    assert [batch.num_rows for batch, _ in batches] == [33, 30, 31, 50, 31, 6]
    expected = [
        (f"row {j} of {source.files[i]}", {"k": i + 10, "score": row["score"], "label": row["label"]})
        for i, table in enumerate(tables)
        for j, row in enumerate(table.to_pylist())
    ]
    assert told(batches) == expected
    assert told(open_source(tmp_path, batch_rows=1000).batches(["k", *COLUMNS])) == expected
    (tmp_path / "k=11" / "a.parquet").write_bytes(b"no")
    stream = source.batches(COLUMNS)
    assert next(stream)[0].num_rows == 4
    with pytest.raises(SourceError, match=r"k=11/a\.parquet"):
        next(stream)


# Text that repeats


@pytest.mark.parametrize("options", [{}, {"queries": "scattered"}, {"where": "country <> 'c1'"}, {"memory_limit": 1}])
def test_text_that_is_only_sliced_by_is_read_as_it_is_stored(tmp_path, monkeypatch, options):
    rng = np.random.default_rng(7)
    table = make_table(0, 3000).append_column("q", pa.array(np.arange(3000) // 3))
    if options.get("queries"):
        table = table.take(pa.array(rng.permutation(3000)))
    for i in range(3):
        pq.write_table(table.slice(1000 * i, 1000), str(tmp_path / f"{i}.parquet"), row_group_size=300)
    types = []
    original = parquet.ParquetFile._read

    def seen(self, *arguments):
        for batch, row in original(self, *arguments):
            types.append(batch.schema.field("country").type)
            yield batch, row

    monkeypatch.setattr(parquet.ParquetFile, "_read", seen)
    roles = {"label": "label", "score": "score", "query": "q", "by": "country", **options}
    found, expected = (
        fr.evaluate(source, ["brier", "ndcg@2"], **roles, on_invalid="drop").table for source in (str(tmp_path), table)
    )
    assert found.schema == expected.schema
    assert found.to_pylist() == expected.to_pylist()
    assert set(types) == {pa.string() if "where" in options else pa.dictionary(pa.int32(), pa.string())}
    batches = open_source(tmp_path).coded(["country"]).by_file()[1].shards(2)[0].batches(["country"])
    assert pa.types.is_dictionary(next(batches)[0].schema.field(0).type)


def test_lists_are_sliced_by_text_as_it_is_stored(tmp_path):
    table = pa.table(
        {"y": [[1, 0], [0, 1, 1]] * 5, "p": [[0.5, 0.2], [0.1, 0.3, 0.2]] * 5, "c": ["a", "b", None, "a", "a"] * 2}
    )
    pq.write_table(table, str(tmp_path / "a.parquet"), row_group_size=3)
    roles = {"label": "y", "score": "p", "by": "c"}
    found, expected = (fr.evaluate(source, ["mrr", "ndcg@2"], **roles).table for source in (str(tmp_path), table))
    assert found.to_pylist() == expected.to_pylist()


def test_text_of_files_of_several_formats_is_not_coded(tmp_path):
    WRITERS["a.parquet"](make_table(0, 10), str(tmp_path / "a.parquet"))
    WRITERS["a.arrow"](make_table(0, 10), str(tmp_path / "b.arrow"))
    source = open_source([tmp_path / "a.parquet", tmp_path / "b.arrow"])
    assert source.coded(["country"]) is source
