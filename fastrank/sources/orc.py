"""ORC files."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pyarrow as pa

from fastrank.errors import SourceError
from fastrank.sources.base import check_columns, reason
from fastrank.sources.formats import File

if TYPE_CHECKING:
    from collections.abc import Generator, Sequence

    from fastrank.sources.base import Request

__all__ = ["OrcFile"]


class OrcFile(File):
    """An ORC file, read stripe by stripe; it does not tell how many rows a stripe has, and so cannot be cut."""

    def _open(self) -> Any:
        from pyarrow.orc import ORCFile

        return ORCFile(self.place.open())

    def schema(self) -> pa.Schema:
        with self.reading():
            return self._open().schema

    def rows(self) -> int | None:
        with self.reading():
            return int(self._open().nrows)

    def batches(self, request: Request, parts: Sequence[int] | None = None) -> Generator[tuple[pa.RecordBatch, int]]:
        assert parts is None
        columns = list(request.columns)
        with self.reading():
            file = self._open()
            check_columns(file.schema, columns, self.name)
            row = 0
            # No column at all would read them all.
            read = columns or file.schema.names[:1]
            for stripe in range(file.nstripes):
                try:
                    batch = file.read_stripe(stripe, read)
                except (pa.ArrowException, OSError) as error:
                    raise SourceError(f"cannot read {self.name}, stripe {stripe}: {reason(error)}") from error
                yield batch.select(columns), row
                row += batch.num_rows
