"""What the tests of sources share: a table, a writer of each format, and the rows that come back."""

from __future__ import annotations

import gzip
import pathlib

import pyarrow as pa
import pyarrow.csv
import pyarrow.feather
import pyarrow.orc
import pyarrow.parquet

from fastrank.sources import open_source

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
    "a.orc": lambda table, path: pyarrow.orc.write_table(table, path, stripe_size=1),
    "orc_without_suffix": pyarrow.orc.write_table,
    "parquet_without_suffix": pyarrow.parquet.write_table,
    "ipc.unknown": write_ipc,
}

# Formats that say how many rows they hold; IPC files do from pyarrow 26 on.
COUNTED = ["a.orc", "orc_without_suffix", "a.parquet", "A.PARQUET", "parquet_without_suffix"]
if hasattr(pa.ipc.RecordBatchFileReader, "count_rows"):
    COUNTED += ["a.arrow", "a.ipc", "a.feather", "ipc.unknown"]
