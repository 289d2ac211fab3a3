"""Where rows come from: files, tables and arrays, each as a stream of record batches.

Nothing here imports pandas for a file, a table or numeric and text arrays: `pyarrow.array`, `pyarrow.scalar` and
`pyarrow.dataset` would, so arrays are built from their buffers and files are read with the readers of their formats.
"""

from __future__ import annotations

import difflib
import glob
import os
from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Collection, Generator, Iterable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from functools import cached_property
from itertools import accumulate
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from fastrank.errors import FastrankError, MissingColumnError, ParameterError, SourceError

__all__ = ["Origin", "Source", "open_source"]

FILE_BATCH_ROWS = 131_072  # 32k to 128k rows were fastest from Parquet, and stay in the cache
TABLE_BATCH_ROWS = 1_048_576  # a slice of memory costs nothing: large, so that few calls are made
CSV_BLOCK_BYTES = 1 << 22

PARQUET, IPC, CSV = (".parquet", ".pq"), (".arrow", ".feather", ".ipc", ".arrows"), (".csv", ".csv.gz")
FILES = f"Parquet ({', '.join(PARQUET)}), Arrow IPC and Feather ({', '.join(IPC)}), CSV ({', '.join(CSV)})"
OBJECTS = (
    "a path, a list of paths, a glob or a folder; a pyarrow Table, RecordBatch or RecordBatchReader; an object with "
    "__arrow_c_stream__ or __arrow_c_array__ (Polars, DuckDB, pandas; collect a lazy frame first); a dict of arrays"
)
PARQUET_MAGIC, IPC_MAGIC, FEATHER_1_MAGIC = b"PAR1", b"ARROW1", b"FEA1"

Batches = Iterator[tuple[pa.RecordBatch, "Origin"]]


@dataclass(frozen=True, slots=True)
class Origin:
    """Where the first row of a batch came from.

    Attributes
    ----------
    file : str or None
        The path as it was given, or as a glob or folder expanded to it; None for rows in memory.
    row : int
        Number of the batch's first row within that file or table, from 0.
    """

    file: str | None
    row: int

    def describe(self, i: int) -> str:
        """Name row `i` of the batch, for example ``row 12 of clicks.parquet``; rows are counted from 0."""
        return f"row {self.row + i}" + (f" of {self.file}" if self.file is not None else "")


@dataclass(frozen=True, slots=True)
class _Request:
    columns: tuple[str, ...]
    numeric: frozenset[str]
    batch_rows: int


class Source(ABC):
    """A stream of record batches.

    Attributes
    ----------
    schema : pyarrow.Schema
        The columns; of the first file where there are several.
    rows : int or None
        Number of rows, where it is known without reading them.
    files : tuple of str
        The files, in the order in which they are read.
    ordered : bool
        Whether the order of the rows means something.
    """

    schema: pa.Schema
    rows: int | None = None
    files: tuple[str, ...] = ()
    ordered: bool = True

    def __init__(self, batch_rows: int) -> None:
        self._batch_rows = batch_rows

    def batches(self, columns: Sequence[str], numeric: Collection[str] = ()) -> Batches:
        """Iterate over batches that hold exactly `columns`, in that order; none is empty.

        Parameters
        ----------
        columns : sequence of str
            Names of the columns to read.
        numeric : collection of str
            Those of them that must be numbers: CSV columns named here are float64 (or bool), whatever their first
            rows look like.

        Yields
        ------
        pyarrow.RecordBatch, Origin
            A batch, and where its first row came from.
        """
        # Checked here and not in the generator, so that the caller hears of it before anything is read.
        _check_columns(self.schema, columns, self.files[0] if self.files else None)
        return self._read(_Request(tuple(columns), frozenset(numeric), self._batch_rows))

    @abstractmethod
    def _read(self, request: _Request) -> Batches: ...


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
    if batch_rows is not None and batch_rows < 1:
        raise ParameterError(f"batch_rows={batch_rows}: must be at least 1")
    memory_rows = batch_rows or TABLE_BATCH_ROWS
    if isinstance(source, (str, os.PathLike)):
        return _Files(_expand(os.fsdecode(source)), batch_rows or FILE_BATCH_ROWS)
    if isinstance(source, (list, tuple)) and source and all(isinstance(p, (str, os.PathLike)) for p in source):
        paths = [path for each in source for path in _expand(os.fsdecode(each))]
        return _Files(paths, batch_rows or FILE_BATCH_ROWS)
    if isinstance(source, pa.Table):
        return _Table(source, memory_rows)
    if isinstance(source, pa.RecordBatch):
        return _Table(pa.Table.from_batches([source]), memory_rows)
    if isinstance(source, pa.RecordBatchReader):
        return _Stream(source, memory_rows)
    if isinstance(source, Mapping):
        return _Table(_table_of_arrays(source), memory_rows)
    kind = type(source).__name__
    try:
        if hasattr(source, "__arrow_c_stream__"):
            return _Stream(pa.RecordBatchReader.from_stream(source), memory_rows)
        if hasattr(source, "__arrow_c_array__"):
            return _Table(pa.Table.from_batches([pa.record_batch(source)]), memory_rows)
    except (pa.ArrowException, TypeError, ValueError) as error:
        raise ParameterError(f"cannot read the {kind} as a table: {_reason(error)}") from error
    raise ParameterError(f"cannot read rows from {kind}; a source is {OBJECTS}")


# ---------------------------------------------------------------------------------------------------------------------
# Paths


def _expand(path: str) -> list[str]:
    """The files that a path, a folder or a glob stands for, in the order of their names."""
    if Path(path).is_dir():
        found = sorted(_below(path))
        if not found:
            raise SourceError(f"{path}: no readable file in this folder; readable are {FILES}")
        return found
    if Path(path).exists():
        return [path]
    if not any(char in path for char in "*?["):
        raise SourceError(f"{path}: no such file or folder")
    # Markers such as _SUCCESS match * too, and hold no rows; only what the pattern leaves open can be one.
    parts = Path(path).parts
    fixed = next(i for i, part in enumerate(parts) if any(char in part for char in "*?["))
    wants_hidden = any(map(_is_hidden, parts[fixed:]))
    # Path.glob takes no absolute pattern.
    names = glob.glob(path, recursive=True)  # noqa: PTH207
    names = [name for name in names if wants_hidden or not any(map(_is_hidden, Path(name).parts[fixed:]))]
    files = {file for name in names for file in (_below(name) if Path(name).is_dir() else [name])}
    if not files:
        raise SourceError(f"{path}: no file matches this pattern")
    return sorted(files)


def _below(folder: str) -> Iterator[str]:
    for parent, folders, names in os.walk(folder):
        folders[:] = [name for name in folders if not _is_hidden(name)]
        for name in names:
            if name.lower().endswith(PARQUET + IPC + CSV) and not _is_hidden(name):
                yield str(Path(parent, name))


def _is_hidden(name: str) -> bool:
    return name.startswith((".", "_"))


# ---------------------------------------------------------------------------------------------------------------------
# Files


class _File(ABC):
    """One file of one format."""

    def __init__(self, path: str) -> None:
        self.path = path

    @abstractmethod
    def schema(self) -> pa.Schema: ...

    def rows(self) -> int | None:
        return None

    @abstractmethod
    def batches(self, request: _Request) -> Generator[pa.RecordBatch]:
        """Batches of the columns asked for; they may have more rows than asked for."""


@contextmanager
def _reading(path: str) -> Iterator[None]:
    """Turn the errors of readers into SourceError with the file's name."""
    try:
        yield
    except FastrankError:
        raise
    except (pa.ArrowException, OSError, UnicodeDecodeError) as error:
        raise SourceError(f"cannot read {path}: {_reason(error)}") from error


def _reason(error: BaseException) -> str:
    return " ".join(str(error).split())


class _Parquet(_File):
    def _open(self) -> Any:
        from pyarrow.parquet import ParquetFile

        # Local files gain nothing from reading ahead, and it holds more memory.
        return ParquetFile(self.path, pre_buffer=False, page_checksum_verification=True)

    def schema(self) -> pa.Schema:
        with _reading(self.path), self._open() as file:
            return file.schema_arrow

    def rows(self) -> int | None:
        with _reading(self.path), self._open() as file:
            return int(file.metadata.num_rows)

    def batches(self, request: _Request) -> Generator[pa.RecordBatch]:
        with _reading(self.path), self._open() as file:
            columns = list(request.columns)
            _check_columns(file.schema_arrow, columns, self.path)
            row = 0
            try:
                for batch in file.iter_batches(request.batch_rows, columns=columns):
                    row += batch.num_rows
                    # "a" asks Parquet for the flat column "a.b" as well.
                    yield batch.select(columns)
            except (pa.ArrowException, OSError) as error:
                group = self._bad_row_group(file, columns, row)
                where = f"{self.path}, row group {group}" if group is not None else self.path
                raise SourceError(f"cannot read {where}: {_reason(error)}") from error

    def _bad_row_group(self, file: Any, columns: list[str], row: int) -> int | None:
        """The first row group from the one that holds `row` on that cannot be read: batches span row groups."""
        end = 0
        for group in range(file.num_row_groups):
            end += file.metadata.row_group(group).num_rows
            if end <= row:
                continue
            try:
                for _ in file.iter_batches(FILE_BATCH_ROWS, row_groups=[group], columns=columns):
                    pass
            except (pa.ArrowException, OSError):
                return group
        return None


class _Ipc(_File):
    @contextmanager
    def _open(self, columns: Sequence[str] | None = None) -> Iterator[tuple[Any, bool]]:
        """The reader, of `columns` or of all, and whether the file has the footer of the IPC file format."""
        from pyarrow import ipc

        with _reading(self.path), pa.memory_map(self.path) as memory:
            has_footer = memory.read(len(IPC_MAGIC)) == IPC_MAGIC
            opener = ipc.open_file if has_footer else ipc.open_stream
            memory.seek(0)
            reader = opener(memory)
            if columns is not None:
                _check_columns(reader.schema, columns, self.path)
                # An empty list of fields would read them all.
                fields = sorted({reader.schema.get_field_index(name) for name in columns} or {0})
                memory.seek(0)
                reader = opener(memory, options=ipc.IpcReadOptions(included_fields=fields))
            yield reader, has_footer

    def schema(self) -> pa.Schema:
        with self._open() as (reader, _):
            return reader.schema

    def rows(self) -> int | None:
        with self._open() as (reader, has_footer):
            return int(reader.count_rows()) if has_footer and hasattr(reader, "count_rows") else None

    def batches(self, request: _Request) -> Generator[pa.RecordBatch]:
        with self._open(request.columns) as (reader, has_footer):
            stored = map(reader.get_batch, range(reader.num_record_batches)) if has_footer else reader
            for batch in stored:
                # Bounds only, in constant time: a damaged file must not send a kernel out of its buffers.
                batch.validate()
                yield batch.select(list(request.columns))


class _Csv(_File):
    def _open(self, columns: Sequence[str] | None = None, types: Mapping[str, pa.DataType] | None = None) -> Any:
        from pyarrow import csv

        return csv.open_csv(
            self.path,
            read_options=csv.ReadOptions(block_size=CSV_BLOCK_BYTES),
            parse_options=csv.ParseOptions(newlines_in_values=True),
            convert_options=csv.ConvertOptions(include_columns=columns, column_types=types),
        )

    def schema(self) -> pa.Schema:
        with _reading(self.path), closing(self._open()) as reader:
            return reader.schema

    def batches(self, request: _Request) -> Generator[pa.RecordBatch]:
        inferred, columns = self.schema(), list(request.columns)
        _check_columns(inferred, columns, self.path)
        numeric = [name for name in columns if name in request.numeric]
        types = {name: pa.float64() for name in numeric if not pa.types.is_boolean(inferred.field(name).type)}
        with _reading(self.path), closing(self._open(columns, types)) as reader:
            try:
                for batch in reader:
                    yield batch.select(columns)
            except pa.ArrowInvalid as error:
                if "conversion error" not in str(error):
                    raise
                raise SourceError(
                    f"cannot read {self.path}: {_reason(error)} (types are inferred at its start; "
                    "to set them, pass pyarrow.csv.open_csv(path, convert_options=...) as the source)"
                ) from error


def _file(path: str) -> _File:
    """The reader for a file, by suffix, else by its first bytes."""
    with _reading(path), Path(path).open("rb") as stream:
        start = stream.read(len(IPC_MAGIC))
    if not start:
        raise SourceError(f"cannot read {path}: the file is empty (0 bytes)")
    if start.startswith(FEATHER_1_MAGIC):
        raise SourceError(f"cannot read {path}: Feather V1 is an old format; write it again as Feather V2 (Arrow IPC)")
    name = path.lower()
    if name.endswith(CSV):
        return _Csv(path)
    if name.endswith(PARQUET) or (start.startswith(PARQUET_MAGIC) and not name.endswith(IPC)):
        return _Parquet(path)
    if name.endswith(IPC) or start == IPC_MAGIC:
        return _Ipc(path)
    raise SourceError(f"cannot read {path}: its format is not known from its name or first bytes; readable are {FILES}")


class _Files(Source):
    def __init__(self, paths: Sequence[str], batch_rows: int) -> None:
        super().__init__(batch_rows)
        self.files = tuple(paths)
        self._opened = [_file(path) for path in paths]
        self.schema = self._opened[0].schema()

    @cached_property
    def rows(self) -> int | None:  # type: ignore[override]  # every footer is read: only when asked for
        total = 0
        for file in self._opened:
            try:
                rows = file.rows()
            except SourceError:
                # Told when the file's turn comes, after the rows before it.
                return None
            if rows is None:
                return None
            total += rows
        return total

    def _read(self, request: _Request) -> Batches:
        for file in self._opened:
            with closing(file.batches(request)) as stored:
                yield from _located(stored, file.path, request.batch_rows)


# ---------------------------------------------------------------------------------------------------------------------
# Memory


class _Table(Source):
    def __init__(self, table: pa.Table, batch_rows: int) -> None:
        super().__init__(batch_rows)
        self.schema = table.schema
        self.rows = table.num_rows
        self._table = table

    def _read(self, request: _Request) -> Batches:
        return _located(self._table.select(list(request.columns)).to_batches(), None, request.batch_rows)


class _Stream(Source):
    def __init__(self, reader: pa.RecordBatchReader, batch_rows: int) -> None:
        super().__init__(batch_rows)
        self.schema = reader.schema
        self._reader = reader
        self._is_spent = False

    def _read(self, request: _Request) -> Batches:
        if self._is_spent:
            raise SourceError("this stream of record batches was read already; pass a table or files to read twice")
        self._is_spent = True
        return _located(self._selected(list(request.columns)), None, request.batch_rows)

    def _selected(self, columns: list[str]) -> Iterator[pa.RecordBatch]:
        with _reading("the stream of record batches"), closing(self._reader) as reader:
            for batch in reader:
                yield batch.select(columns)


def _located(batches: Iterable[pa.RecordBatch], file: str | None, batch_rows: int) -> Batches:
    """Cut batches to at most `batch_rows`, skip empty ones, and say where each begins."""
    row = 0
    for batch in batches:
        for start in range(0, batch.num_rows, batch_rows):
            part = batch.slice(start, batch_rows)
            yield part, Origin(file, row)
            row += part.num_rows


def _check_columns(schema: pa.Schema, columns: Sequence[str], file: str | None) -> None:
    where = file if file is not None else "the source"
    found = Counter(schema.names)
    for name in columns:
        if found[name] > 1:
            raise ParameterError(f"column {name!r} occurs {found[name]} times in {where}; rename all but one")
        if not found[name]:
            same = [other for other in found if other.casefold() == name.casefold()]
            near = same or difflib.get_close_matches(name, list(found))
            hint = f"did you mean {' or '.join(map(repr, near))}?" if near else f"it has {', '.join(found) or 'none'}"
            raise MissingColumnError(f"no column {name!r} in {where}; {hint}")


# ---------------------------------------------------------------------------------------------------------------------
# Arrays


def _table_of_arrays(arrays: Mapping[Any, Any]) -> pa.Table:
    if not arrays:
        raise ParameterError("the dict of arrays is empty; give at least one column")
    for name in arrays:
        if not isinstance(name, str):
            raise ParameterError(f"{name!r} is no name of a column; the keys of a dict of arrays are strings")
    columns = {name: _column(name, values) for name, values in arrays.items()}
    usual = Counter(map(len, columns.values())).most_common(1)[0][0]
    odd = [f"{name!r} has {len(column)}" for name, column in columns.items() if len(column) != usual]
    if odd:
        other = next(name for name, column in columns.items() if len(column) == usual)
        raise ParameterError(f"arrays differ in length: {', '.join(odd)}, but {other!r} has {usual} values")
    return pa.table(list(columns.values()), names=list(columns))


def _column(name: str, values: Any) -> Any:
    """One column as Arrow; numeric arrays are not copied."""
    try:
        if isinstance(values, (pa.Array, pa.ChunkedArray)):
            return values
        if hasattr(values, "__arrow_c_stream__"):
            return pa.chunked_array(values)
        array = values if isinstance(values, np.ndarray) else np.asarray(values)
        if array.dtype.kind in "US" and array is not values and not hasattr(values, "dtype"):
            # NumPy has turned the numbers of a mixed list into text.
            array = np.array(values, dtype=object)
        if array.ndim != 1:
            raise ParameterError(f"column {name!r} has {array.ndim} dimensions; arrays must have one")
        return _from_numpy(array)
    except ParameterError:
        raise
    except (pa.ArrowException, TypeError, ValueError, OverflowError) as error:
        raise ParameterError(f"column {name!r} cannot be read as an array: {_reason(error)}") from error


def _from_numpy(array: np.ndarray[Any, Any]) -> pa.Array:
    valid: Any = None
    if isinstance(array, np.ma.MaskedArray):
        valid, array = ~np.ma.getmaskarray(array), np.ma.getdata(array)
    kind = array.dtype.kind
    if kind in "OUST":
        objects = array.astype(object)
        if valid is not None:
            objects[~valid] = None
        return _from_objects(objects.tolist())
    if kind in "mM":
        valid = ~np.isnat(array) if valid is None else valid & ~np.isnat(array)
        unit = np.datetime_data(array.dtype)[0]
        if kind == "M" and unit in ("Y", "M", "W", "D"):
            days = array.astype("M8[D]").view(np.int64)
            return (
                pa.Array.from_buffers(pa.int64(), len(days), [_bits(valid), pa.py_buffer(days)])
                .cast("int32")
                .cast("date32")
            )
        array = array.astype(f"{kind}8[s]") if unit in ("W", "D", "h", "m") else array
    array = np.ascontiguousarray(array, dtype=array.dtype.newbyteorder("="))
    data = np.packbits(array, bitorder="little") if kind == "b" else array
    return pa.Array.from_buffers(pa.from_numpy_dtype(array.dtype), len(array), [_bits(valid), pa.py_buffer(data)])


def _bits(valid: Any) -> pa.Buffer | None:
    return None if valid is None or valid.all() else pa.py_buffer(np.packbits(valid, bitorder="little"))


def _from_objects(values: list[Any]) -> pa.Array:
    missing = [value is None or value != value for value in values]
    if not all(isinstance(value, str) or gone for value, gone in zip(values, missing, strict=True)) or all(missing):
        # Decimals, dates, bytes, numbers with None: rare, and worth the import of pandas that pa.array makes.
        return pa.array(values)
    texts = [b"" if gone else value.encode() for value, gone in zip(values, missing, strict=True)]
    ends = np.array(list(accumulate(map(len, texts), initial=0)), dtype=np.int64)
    is_large = ends[-1] > np.iinfo(np.int32).max
    bits = _bits(~np.array(missing, dtype=bool))
    offsets = pa.py_buffer(ends if is_large else ends.astype(np.int32))
    arrow_type = pa.large_string() if is_large else pa.string()
    return pa.Array.from_buffers(arrow_type, len(values), [bits, offsets, pa.py_buffer(b"".join(texts))])
