"""Files as record batches: Parquet, Arrow IPC and CSV, each read with the reader of its format."""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from contextlib import closing, contextmanager
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from fastrank.errors import SourceError
from fastrank.sources.base import Source, check_columns, located, reading, reason
from fastrank.sources.paths import CSV, IPC, PARQUET, READABLE

if TYPE_CHECKING:
    from collections.abc import Generator, Iterator, Mapping, Sequence

    from fastrank.sources.base import Batches, Request

__all__ = ["Files"]

FILE_BATCH_ROWS = 131_072  # 32k to 128k rows were fastest from Parquet, and stay in the cache
CSV_BLOCK_BYTES = 1 << 22
# Arrow's words for a value of a CSV file that is not of its column's type; columns are counted from 0.
_CONVERSION = re.compile(r"In CSV column #(?P<column>\d+): (?P<rest>.*conversion error.*)")
PARQUET_MAGIC, IPC_MAGIC, FEATHER_1_MAGIC = b"PAR1", b"ARROW1", b"FEA1"


class _File(ABC):
    """One file of one format."""

    def __init__(self, path: str) -> None:
        self.path = path

    @abstractmethod
    def schema(self) -> pa.Schema: ...

    def rows(self) -> int | None:
        return None

    @abstractmethod
    def batches(self, request: Request) -> Generator[pa.RecordBatch]:
        """Batches of the columns asked for; they may have more rows than asked for."""


class _Parquet(_File):
    def _open(self) -> Any:
        from pyarrow.parquet import ParquetFile

        # Local files gain nothing from reading ahead, and it holds more memory.
        return ParquetFile(self.path, pre_buffer=False, page_checksum_verification=True)

    def schema(self) -> pa.Schema:
        with reading(self.path), self._open() as file:
            return file.schema_arrow

    def rows(self) -> int | None:
        with reading(self.path), self._open() as file:
            return int(file.metadata.num_rows)

    def batches(self, request: Request) -> Generator[pa.RecordBatch]:
        with reading(self.path), self._open() as file:
            columns = list(request.columns)
            check_columns(file.schema_arrow, columns, self.path)
            row = 0
            try:
                for batch in file.iter_batches(request.batch_rows, columns=columns):
                    row += batch.num_rows
                    # "a" asks Parquet for the flat column "a.b" as well.
                    yield batch.select(columns)
            except (pa.ArrowException, OSError) as error:
                group = self._bad_row_group(file, columns, row)
                where = f"{self.path}, row group {group}" if group is not None else self.path
                raise SourceError(f"cannot read {where}: {reason(error)}") from error

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

        with reading(self.path), pa.memory_map(self.path) as memory:
            has_footer = memory.read(len(IPC_MAGIC)) == IPC_MAGIC
            opener = ipc.open_file if has_footer else ipc.open_stream
            memory.seek(0)
            reader = opener(memory)
            if columns is not None:
                check_columns(reader.schema, columns, self.path)
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

    def batches(self, request: Request) -> Generator[pa.RecordBatch]:
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
        with reading(self.path), closing(self._open()) as reader:
            return reader.schema

    def batches(self, request: Request) -> Generator[pa.RecordBatch]:
        inferred, columns = self.schema(), list(request.columns)
        check_columns(inferred, columns, self.path)
        numeric = [name for name in columns if name in request.numeric]
        types = {name: pa.float64() for name in numeric if not pa.types.is_boolean(inferred.field(name).type)}
        try:
            with reading(self.path), closing(self._open(columns, types)) as reader:
                for batch in reader:
                    yield batch.select(columns)
        except SourceError as error:
            place = _CONVERSION.search(str(error))
            if place is None:
                raise
            name = inferred.names[int(place["column"])]
            found = f"cannot read {self.path}: column {name!r}: {place['rest']}"
            if name in types:
                raise SourceError(
                    f"{found}; the column is read as numbers (labels that are text need positive= or classes=)"
                ) from error
            raise SourceError(
                f"{found} (types are inferred at its start; to set them, pass pyarrow.csv.open_csv(path, "
                "convert_options=...) as the source)"
            ) from error


def _file(path: str) -> _File:
    """The reader for a file, by suffix, else by its first bytes."""
    with reading(path), Path(path).open("rb") as stream:
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
    raise SourceError(
        f"cannot read {path}: its format is not known from its name or first bytes; readable are {READABLE}"
    )


class Files(Source):
    """Batches of one file after the other; their formats may differ."""

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

    def _read(self, request: Request) -> Batches:
        for file in self._opened:
            with closing(file.batches(request)) as stored:
                yield from located(stored, file.path, request.batch_rows)
