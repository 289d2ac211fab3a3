"""Where rows come from: files, tables and arrays, each as a stream of record batches.

Nothing here imports pandas for a file, a table or numeric and text arrays: `pyarrow.array`, `pyarrow.scalar` and
`pyarrow.dataset` would, so arrays are built from their buffers and files are read with the readers of their formats.

==============================  ============================================================
base, origin                    what a source is: its columns, its batches, the place of each
joining                         small batches joined
paths, remote                   which files a path, a folder, a glob or a URI stands for
files                           files one after the other, or side by side
formats                         what every file can tell
parquet, ipc, orc, csv, polars  files of one format, or by one engine
hive                            columns that folders give
pruning, statistics             which files and row groups a condition leaves out
tables                          tables and streams of Arrow
scans                           datasets of Arrow and lazy frames of Polars
arrays                          a dict of arrays as a table
trec                            TREC runs and judgments as tables
==============================  ============================================================
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from numbers import Integral
from typing import Any

import pyarrow as pa

from fastrank.errors import ParameterError
from fastrank.sources.arrays import table_of_arrays
from fastrank.sources.base import Source, reason
from fastrank.sources.files import open_files
from fastrank.sources.origin import Origin
from fastrank.sources.paths import Place, expand
from fastrank.sources.scans import open_scan
from fastrank.sources.tables import Stream, Table

__all__ = ["ENGINES", "Origin", "Source", "find_files", "open_source"]

OBJECTS = (
    "a path, a list of paths, a glob, a folder or a URI; a pyarrow Table, RecordBatch, RecordBatchReader or Dataset; "
    "an object with __arrow_c_stream__ or __arrow_c_array__ (Polars, DuckDB, pandas); a Polars LazyFrame; a dict of "
    "arrays"
)
ENGINES = ("pyarrow", "polars")


def open_source(source: Any, *, batch_rows: int | None = None, engine: str | None = None) -> Source:
    """Open files, a table or arrays as a stream of record batches.

    Parameters
    ----------
    source : object
        A path, a list of paths, a glob, a folder or a URI (``s3://``, ``gs://``, ``hdfs://``, ``file://``: what
        ``pyarrow.fs.FileSystem.from_uri`` opens), of Parquet, Arrow IPC (file, stream, Feather V2), ORC or CSV (also
        .csv.gz) files; a pyarrow Table, RecordBatch, RecordBatchReader or Dataset; an object with
        ``__arrow_c_stream__`` or ``__arrow_c_array__``; a Polars LazyFrame; a dict of one-dimensional arrays or
        sequences.
    batch_rows : int, optional
        Most rows in a batch.  Default: from files, as many as have 16 MB, up to 1048576; from memory, 1048576; small
        batches of files are joined.
    engine : "pyarrow" or "polars", optional
        What reads Parquet files.  Polars reads local files only, and has to be installed.

    Returns
    -------
    Source
        Reads nothing yet but the schema.  Readers and stream exporters can be read once only.

    Notes
    -----
    Folders called ``key=value`` (Hive partitions) give their files a column, which hides one of that name in the file,
    as in DuckDB.  It is int64 or date32 where all values are written as integers (without leading zeros) or as
    YYYY-MM-DD, else string; ``__HIVE_DEFAULT_PARTITION__`` is null, and %-codes are decoded.  A key that not all files
    have is no column.
    """
    if batch_rows is not None and not (isinstance(batch_rows, Integral) and batch_rows >= 1):
        raise ParameterError(f"batch_rows={batch_rows!r}: must be an integer, at least 1")
    if engine is not None and engine not in ENGINES:
        raise ParameterError(f'engine={engine!r}; allowed: "pyarrow", "polars"')
    places = find_files(source)
    if places is not None:
        return open_files(places, batch_rows, engine or ENGINES[0])
    if engine == "polars":
        raise ParameterError(f"engine='polars' reads Parquet files, not {type(source).__name__}; leave out engine=")
    if isinstance(source, pa.Table):
        return Table(source, batch_rows)
    if isinstance(source, pa.RecordBatch):
        return Table(pa.Table.from_batches([source]), batch_rows)
    if isinstance(source, pa.RecordBatchReader):
        return Stream(source, batch_rows)
    if isinstance(source, Mapping):
        return Table(table_of_arrays(source), batch_rows)
    kind = type(source).__name__
    scan = open_scan(source, batch_rows)
    if scan is not None:
        return scan
    try:
        if hasattr(source, "__arrow_c_stream__"):
            return Stream(pa.RecordBatchReader.from_stream(source), batch_rows)
        if hasattr(source, "__arrow_c_array__"):
            return Table(pa.Table.from_batches([pa.record_batch(source)]), batch_rows)
    except (pa.ArrowException, TypeError, ValueError) as error:
        raise ParameterError(f"cannot read the {kind} as a table: {reason(error)}") from error
    raise ParameterError(f"cannot read rows from {kind}; a source is {OBJECTS}")


def find_files(source: Any) -> list[Place] | None:
    """The files of a source, as found by their names; None where it is of none."""
    paths = _paths(source)
    return None if paths is None else [place for path in paths for place in expand(path)]


def _paths(source: Any) -> list[str] | None:
    """The paths that are given, or None where the source is no path and no list of paths."""
    if isinstance(source, (str, os.PathLike)):
        return [os.fsdecode(source)]
    if not isinstance(source, (list, tuple)) or not all(isinstance(path, (str, os.PathLike)) for path in source):
        return None
    if not source:
        raise ParameterError(f"the {type(source).__name__} of paths is empty; a source is {OBJECTS}")
    return [os.fsdecode(path) for path in source]
