"""Tables and streams of Arrow as record batches; nothing is copied."""

from __future__ import annotations

from contextlib import closing
from typing import TYPE_CHECKING

from fastrank.errors import SourceError
from fastrank.sources.base import Source, located, reading

if TYPE_CHECKING:
    from collections.abc import Iterator

    import pyarrow as pa

    from fastrank.sources.base import Batches, Request

__all__ = ["Stream", "Table"]

TABLE_BATCH_ROWS = 1_048_576  # a slice of memory costs nothing: large, so that few calls are made


class Table(Source):
    """Batches of a table, which can be read any number of times."""

    def __init__(self, table: pa.Table, batch_rows: int) -> None:
        super().__init__(batch_rows)
        self.schema = table.schema
        self.rows = table.num_rows
        self._table = table

    def _read(self, request: Request) -> Batches:
        return located(self._table.select(list(request.columns)).to_batches(), None, request.batch_rows)


class Stream(Source):
    """Batches of a reader, which gives them once."""

    reads_once = True

    def __init__(self, reader: pa.RecordBatchReader, batch_rows: int) -> None:
        super().__init__(batch_rows)
        self.schema = reader.schema
        self._reader = reader
        self._is_spent = False

    def _read(self, request: Request) -> Batches:
        if self._is_spent:
            raise SourceError("this stream of record batches was read already; pass a table or files to read twice")
        self._is_spent = True
        return located(self._selected(list(request.columns)), None, request.batch_rows)

    def _selected(self, columns: list[str]) -> Iterator[pa.RecordBatch]:
        with reading("the stream of record batches"), closing(self._reader) as reader:
            for batch in reader:
                yield batch.select(columns)
