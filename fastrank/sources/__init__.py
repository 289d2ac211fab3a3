"""Where rows come from: files, tables and arrays, each as a stream of record batches.

Nothing here imports pandas for a file, a table or numeric and text arrays: `pyarrow.array`, `pyarrow.scalar` and
`pyarrow.dataset` would, so arrays are built from their buffers and files are read with the readers of their formats.

========  ============================================================
base      what a source is: its columns, its batches, the place of each
paths     which files a path, a folder or a glob stands for
files     Parquet, Arrow IPC and CSV
tables    tables and streams of Arrow
arrays    a dict of arrays as a table
trec      TREC runs and judgments as tables
========  ============================================================
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from numbers import Integral
from typing import Any

import pyarrow as pa

from fastrank.errors import ParameterError
from fastrank.sources.arrays import table_of_arrays
from fastrank.sources.base import Origin, Source, reason
from fastrank.sources.files import FILE_BATCH_ROWS, Files
from fastrank.sources.paths import expand
from fastrank.sources.tables import TABLE_BATCH_ROWS, Stream, Table

__all__ = ["Origin", "Source", "open_source"]

OBJECTS = (
    "a path, a list of paths, a glob or a folder; a pyarrow Table, RecordBatch or RecordBatchReader; an object with "
    "__arrow_c_stream__ or __arrow_c_array__ (Polars, DuckDB, pandas; collect a lazy frame first); a dict of arrays"
)


def open_source(source: Any, *, batch_rows: int | None = None) -> Source:
    """Open files, a table or arrays as a stream of record batches.

    Parameters
    ----------
    source : object
        A path, a list of paths, a glob or a folder, of Parquet, Arrow IPC (file, stream, Feather V2) or CSV (also
        .csv.gz) files; a pyarrow Table, RecordBatch or RecordBatchReader; an object with ``__arrow_c_stream__`` or
        ``__arrow_c_array__``; a dict of one-dimensional arrays or sequences.
    batch_rows : int, optional
        Most rows in a batch: 131072 from files, 1048576 from memory.

    Returns
    -------
    Source
        Reads nothing yet but the schema.  Readers and stream exporters can be read once only.
    """
    if batch_rows is not None and not (isinstance(batch_rows, Integral) and batch_rows >= 1):
        raise ParameterError(f"batch_rows={batch_rows!r}: must be an integer, at least 1")
    paths = _paths(source)
    if paths is not None:
        return Files([file for path in paths for file in expand(path)], batch_rows or FILE_BATCH_ROWS)
    memory_rows = batch_rows or TABLE_BATCH_ROWS
    if isinstance(source, pa.Table):
        return Table(source, memory_rows)
    if isinstance(source, pa.RecordBatch):
        return Table(pa.Table.from_batches([source]), memory_rows)
    if isinstance(source, pa.RecordBatchReader):
        return Stream(source, memory_rows)
    if isinstance(source, Mapping):
        return Table(table_of_arrays(source), memory_rows)
    kind = type(source).__name__
    try:
        if hasattr(source, "__arrow_c_stream__"):
            return Stream(pa.RecordBatchReader.from_stream(source), memory_rows)
        if hasattr(source, "__arrow_c_array__"):
            return Table(pa.Table.from_batches([pa.record_batch(source)]), memory_rows)
    except (pa.ArrowException, TypeError, ValueError) as error:
        raise ParameterError(f"cannot read the {kind} as a table: {reason(error)}") from error
    raise ParameterError(f"cannot read rows from {kind}; a source is {OBJECTS}")


def _paths(source: Any) -> list[str] | None:
    """The paths that are given, or None where the source is no path and no list of paths."""
    if isinstance(source, (str, os.PathLike)):
        return [os.fsdecode(source)]
    if not isinstance(source, (list, tuple)) or not all(isinstance(path, (str, os.PathLike)) for path in source):
        return None
    if not source:
        raise ParameterError(f"the {type(source).__name__} of paths is empty; a source is {OBJECTS}")
    return [os.fsdecode(path) for path in source]
