"""Scans that others plan: datasets of Arrow, and lazy frames of Polars."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

from fastrank.errors import SourceError
from fastrank.sources.base import Source, located, reading, reason
from fastrank.sources.polars import collect_batches, import_polars
from fastrank.sources.tables import TABLE_BATCH_ROWS

if TYPE_CHECKING:
    from collections.abc import Iterator

    import pyarrow as pa

    from fastrank.sources.base import Batches, Request

__all__ = ["open_scan"]

FRAGMENTS_AHEAD, BATCHES_AHEAD = 1, 4  # the scanner's defaults hold hundreds of MB


def open_scan(source: Any, batch_rows: int | None) -> Source | None:
    """A dataset or a lazy frame as a source; None of other objects."""
    # Only where the module has been imported can an object be one of its classes.
    dataset = sys.modules.get("pyarrow.dataset")
    if dataset is not None and isinstance(source, dataset.Dataset):
        return Dataset(source, batch_rows)
    polars = sys.modules.get("polars")
    if polars is not None and isinstance(source, polars.LazyFrame):
        return LazyFrame(source, batch_rows)
    return None


class Dataset(Source):
    """Batches of a `pyarrow.dataset.Dataset`, as its scanner gives them: filtered, cast and with its partitions.

    Rows are numbered as they come; the files are told where there are some, but not which row is of which.
    """

    def __init__(self, dataset: Any, batch_rows: int | None) -> None:
        super().__init__(batch_rows, TABLE_BATCH_ROWS)
        self.schema = dataset.schema
        self._dataset = dataset

    def _read(self, request: Request) -> Batches:
        return located(self._scanned(request), None, request.batch_rows)

    def _scanned(self, request: Request) -> Iterator[pa.RecordBatch]:
        with reading("the dataset"):
            yield from self._dataset.scanner(
                columns=list(request.columns),
                batch_size=request.batch_rows,
                batch_readahead=BATCHES_AHEAD,
                fragment_readahead=FRAGMENTS_AHEAD,
            ).to_batches()


class LazyFrame(Source):
    """Batches of a Polars LazyFrame, which is collected as a stream each time it is read."""

    def __init__(self, frame: Any, batch_rows: int | None) -> None:
        super().__init__(batch_rows, TABLE_BATCH_ROWS)
        self._polars = import_polars("a LazyFrame")
        self._frame = frame
        try:
            self.schema = self._polars.DataFrame(schema=frame.collect_schema()).to_arrow().schema
        except self._polars.exceptions.PolarsError as error:
            raise SourceError(f"cannot read the LazyFrame: {reason(error)}") from error

    def _read(self, request: Request) -> Batches:
        return located(self._collected(request), None, request.batch_rows)

    def _collected(self, request: Request) -> Iterator[pa.RecordBatch]:
        exceptions = self._polars.exceptions
        frame = self._frame.select([self._polars.col(list(request.columns))])
        try:
            with reading("the LazyFrame"):
                yield from collect_batches(frame, request.batch_rows or TABLE_BATCH_ROWS)
        except (exceptions.PolarsError, exceptions.PanicException) as error:
            raise SourceError(f"cannot read the LazyFrame: {reason(error)}") from error
