"""One file of any format: what it can tell, and its batches."""

from __future__ import annotations

from abc import ABC, abstractmethod
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

import pyarrow as pa

from fastrank.errors import ParameterError, SourceError
from fastrank.sources.base import reading
from fastrank.sources.paths import CSV, FORMATS, IPC, ORC, PARQUET, READABLE, Place

if TYPE_CHECKING:
    from collections.abc import Generator, Iterator, Sequence

    from fastrank.sources.base import Request
    from fastrank.sources.hive import Keys
    from fastrank.where import Where

__all__ = ["BATCH_BYTES", "FILE_BATCH_ROWS", "File", "batch_rows", "open_file"]

FILE_BATCH_ROWS = 1_048_576  # a call of the evaluator costs 0.5 ms, and slices are sorted a batch at a time
LEAST_BATCH_ROWS = 1024
BATCH_BYTES = 1 << 22  # of the columns of a batch: what is made of them on the way takes a hundred times as much
PARQUET_MAGIC, IPC_MAGIC, ORC_MAGIC, FEATHER_1_MAGIC = b"PAR1", b"ARROW1", b"ORC", b"FEA1"
TEXT_BYTES = 32  # a value of text or of a list, where nothing tells


class File(ABC):
    """One file.  Its parts (row groups, record batches) follow each other, and each can be read alone."""

    has_dictionaries = False  # whether text that repeats can be read as it is stored, once

    def __init__(self, place: Place) -> None:
        self.place = place
        self.name = place.name

    @abstractmethod
    def schema(self) -> pa.Schema: ...

    @contextmanager
    def reading(self) -> Iterator[None]:
        """Turns the errors of readers into SourceError with the file's name."""
        try:
            with reading(self.name):
                yield
        except SourceError:
            # Looked at only now, since it takes a request where the file is remote.
            start = b"?"
            with suppress(OSError, pa.ArrowException):
                start = self.place.head(len(IPC_MAGIC))
            _check_start(self.place, start)
            raise

    def parts(self) -> Sequence[int] | None:
        """The number of rows in each part; None where the file does not tell, or cannot be read in parts."""
        return None

    def rows(self) -> int | None:
        """The number of rows, where the file tells."""
        parts = self.parts()
        return None if parts is None else sum(parts)

    def kept(self, where: Sequence[Where], keys: Keys) -> Sequence[int] | None:
        """The parts that may hold a row that meets the conditions; None where all may."""
        return None

    def release(self) -> None:  # noqa: B027 # most hold nothing
        """Forgets what was read ahead of the rows: the file has been read."""

    @abstractmethod
    def batches(self, request: Request, parts: Sequence[int] | None = None) -> Generator[tuple[pa.RecordBatch, int]]:
        """Batches of the columns asked for, of all parts or of some, and the number in the file of the first row of
        each; they may have more rows than asked for."""


def batch_rows(request: Request, schema: pa.Schema, widths: Sequence[int] = ()) -> int:
    """Rows in a batch: as many as were asked for, else as many as have BATCH_BYTES, up to FILE_BATCH_ROWS.

    `widths` are bytes a row that columns without a fixed width have as far as is known.
    """
    if request.batch_rows is not None:
        return request.batch_rows
    width = 0
    for name in request.columns:
        try:
            width += max(schema.field(name).type.bit_width, 8) // 8
        except ValueError:
            width += TEXT_BYTES
    return min(max(BATCH_BYTES // max(width + sum(widths), 1), LEAST_BATCH_ROWS), FILE_BATCH_ROWS)


def open_file(place: Place, engine: str) -> File:
    """The reader of a file, by its suffix; where that says nothing, by its first bytes."""
    kind = next((kind for kind in FORMATS if place.name.lower().endswith(kind)), None) or _kind(place)
    if engine == "polars" and kind != PARQUET:
        raise ParameterError(f"engine='polars' reads Parquet files, not {place.name}; leave out engine=")
    # Each format is imported with its reader: most sources are of one.
    if kind == CSV:
        from fastrank.sources.csv import CsvFile

        return CsvFile(place)
    if kind == ORC:
        from fastrank.sources.orc import OrcFile

        return OrcFile(place)
    if kind == IPC:
        from fastrank.sources.ipc import IpcFile

        return IpcFile(place)
    from fastrank.sources.parquet import ParquetFile
    from fastrank.sources.polars import PolarsParquetFile

    return PolarsParquetFile(place) if engine == "polars" else ParquetFile(place)


def _kind(place: Place) -> tuple[str, ...]:
    with reading(place.name):
        start = place.head(len(IPC_MAGIC))
    _check_start(place, start)
    for magic, kind in ((PARQUET_MAGIC, PARQUET), (IPC_MAGIC, IPC), (ORC_MAGIC, ORC)):
        if start.startswith(magic):
            return kind
    raise SourceError(
        f"cannot read {place.name}: its format is not known from its name or first bytes; readable are {READABLE}"
    )


def _check_start(place: Place, start: bytes) -> None:
    if not start:
        raise SourceError(f"cannot read {place.name}: the file is empty (0 bytes)")
    if start.startswith(FEATHER_1_MAGIC):
        raise SourceError(
            f"cannot read {place.name}: Feather V1 is an old format; write it again as Feather V2 (Arrow IPC)"
        )
