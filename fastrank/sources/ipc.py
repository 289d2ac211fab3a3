"""Arrow IPC: files (Feather V2 too) and streams."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from fastrank.sources.base import check_columns
from fastrank.sources.formats import IPC_MAGIC, File

if TYPE_CHECKING:
    from collections.abc import Generator, Iterator, Sequence

    from fastrank.sources.base import Request

__all__ = ["IpcFile"]


class IpcFile(File):
    """A file whose parts are its record batches; or a stream, which has no footer and is read from its start."""

    def __init__(self, place: Any) -> None:
        super().__init__(place)
        self._parts: list[int] | None = None

    @contextmanager
    def _open(self, columns: Sequence[str] | None = None) -> Iterator[tuple[Any, bool]]:
        """The reader, of `columns` or of all, and whether the file has the footer of the IPC file format."""
        from pyarrow import ipc

        is_local = self.place.filesystem is None
        with self.reading(), pa.memory_map(self.name) if is_local else self.place.open() as memory:
            has_footer = memory.read(len(IPC_MAGIC)) == IPC_MAGIC
            opener = ipc.open_file if has_footer else ipc.open_stream
            memory.seek(0)
            reader = opener(memory)
            if columns is not None:
                check_columns(reader.schema, columns, self.name)
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

    def parts(self) -> Sequence[int] | None:
        # The footer does not say how many rows a batch has: one column of each is opened, which takes no time where
        # the file is not compressed.
        if self._parts is None:
            narrow: list[str] = []
            with self._open() as (reader, has_footer):
                if not has_footer or len(reader.schema) == 0:
                    return None
                narrow = [min(reader.schema, key=_width).name]
            if reader.schema.names.count(narrow[0]) > 1:
                return None
            with self._open(narrow) as (reader, _):
                self._parts = [reader.get_batch(i).num_rows for i in range(reader.num_record_batches)]
        return self._parts

    def batches(self, request: Request, parts: Sequence[int] | None = None) -> Generator[tuple[pa.RecordBatch, int]]:
        row = 0
        if parts is not None and parts[0] > 0:
            before = self.parts()
            assert before is not None
            row = sum(before[: parts[0]])
        with self._open(request.columns) as (reader, has_footer):
            stored = reader
            if has_footer:
                stored = map(reader.get_batch, range(reader.num_record_batches) if parts is None else parts)
            for batch in stored:
                # Bounds only, in constant time: a damaged file must not send a kernel out of its buffers.
                batch.validate()
                yield batch.select(list(request.columns)), row
                row += batch.num_rows


def _width(field: pa.Field) -> int:
    try:
        return int(field.type.bit_width)
    except ValueError:
        return 1 << 16  # text: after all numbers
