"""Parquet files by the streaming reader of Polars."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pyarrow as pa

from fastrank.errors import ParameterError, SourceError
from fastrank.sources.base import reason
from fastrank.sources.parquet import ParquetFile

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from fastrank.sources.base import Request
    from fastrank.sources.paths import Place

__all__ = ["PolarsParquetFile", "collect_batches", "import_polars"]


class PolarsParquetFile(ParquetFile):
    """A Parquet file on the local disk, of which Polars decodes the rows, on threads of its own, and Arrow the footer.

    Polars does not verify checksums of pages.
    """

    has_dictionaries = False

    def __init__(self, place: Place) -> None:
        super().__init__(place)
        if place.filesystem is not None:
            raise ParameterError(f"engine='polars' reads local files, not {place.name}; leave out engine=")
        self._polars = import_polars("engine='polars'")

    def _read(
        self, file: Any, request: Request, rows: int, row: int, groups: Sequence[int]
    ) -> Iterator[tuple[pa.RecordBatch, int]]:
        columns = list(request.columns)
        if not columns:
            yield from super()._read(file, request, rows, row, groups)
            return
        count = sum(file.metadata.row_group(group).num_rows for group in groups)
        # A list of one name is no pattern, as a name alone with * or ? would be.
        frame = self._polars.scan_parquet([self.name], glob=False).select([self._polars.col(columns)])
        try:
            for batch in collect_batches(frame.slice(row, count), rows):
                yield batch, row
                row += batch.num_rows
        except (self._polars.exceptions.PolarsError, self._polars.exceptions.PanicException) as error:
            group = self._bad_row_group(file, columns, groups, row)
            where = f"{self.name}, row group {group}" if group is not None else self.name
            raise SourceError(f"cannot read {where}: {reason(error)}") from error


def collect_batches(frame: Any, rows: int) -> Iterator[pa.RecordBatch]:
    """The rows of a lazy frame in their order, in batches of about so many rows, without holding them all."""
    for part in frame.collect_batches(chunk_size=rows, maintain_order=True):
        yield from pa.RecordBatchReader.from_stream(part)


def import_polars(user: str) -> Any:
    try:
        import polars
    except ImportError as error:
        raise ParameterError(f"{user} needs Polars: pip install polars") from error
    if not hasattr(polars.LazyFrame, "collect_batches"):
        raise ParameterError(f"{user} needs a newer Polars than {polars.__version__}: pip install -U polars")
    return polars
