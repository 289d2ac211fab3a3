"""Tables and streams of Arrow as record batches; nothing is copied."""

from __future__ import annotations

from contextlib import closing
from typing import TYPE_CHECKING

from fastrank.errors import SourceError
from fastrank.sources.base import Source, located, reading

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    import pyarrow as pa

    from fastrank.sources.base import Batches, Request

__all__ = ["Stream", "Table"]

TABLE_BATCH_ROWS = 1_048_576  # a slice of memory costs nothing: large, so that few calls are made
LEAST_SHARD_ROWS = 131_072  # fewer are not worth a thread


class Table(Source):
    """Batches of a table, which can be read any number of times."""

    def __init__(self, table: pa.Table, batch_rows: int | None, first_row: int = 0) -> None:
        super().__init__(batch_rows or TABLE_BATCH_ROWS)
        self.schema = table.schema
        self.rows = table.num_rows
        self.bytes = table.nbytes
        self._table = table
        self._first_row = first_row

    def shards(self, count: int) -> Sequence[Source]:
        """Equal ranges of the rows, none of them shorter than is worth a thread."""
        size = max(-(-self._table.num_rows // count), LEAST_SHARD_ROWS)
        starts = range(0, self._table.num_rows, size)
        return [Table(self._table.slice(i, size), self._batch_rows, self._first_row + i) for i in starts] or [self]

    def _read(self, request: Request) -> Batches:
        batches = self._table.select(list(request.columns)).to_batches()
        return located(batches, None, request.batch_rows, self._first_row)


class Stream(Source):
    """Batches of a reader, which gives them once."""

    reads_once = True

    def __init__(self, reader: pa.RecordBatchReader, batch_rows: int | None) -> None:
        super().__init__(batch_rows, TABLE_BATCH_ROWS)
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
