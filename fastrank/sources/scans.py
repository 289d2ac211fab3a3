"""Scans that others plan: datasets of Arrow, and lazy frames of Polars."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

from fastrank.errors import SourceError
from fastrank.sources.base import Source, located, reading, reason
from fastrank.sources.polars import collect_batches, import_polars
from fastrank.sources.tables import TABLE_BATCH_ROWS

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

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

    Rows are numbered as they come, over all files.
    """

    def __init__(self, dataset: Any, batch_rows: int | None, first_row: int = 0, *, threads: bool = True) -> None:
        super().__init__(batch_rows, TABLE_BATCH_ROWS)
        self.schema = dataset.schema
        self._dataset = dataset
        self._first_row = first_row
        self._threads = threads  # whether Arrow may use its own

    def shards(self, count: int) -> Sequence[Source]:
        """Files and row groups of Parquet that follow each other; just this source of other formats, or filtered."""
        try:
            with reading("the dataset"):
                fragments = self._fragments(count)
                rows = [sum(group.num_rows for group in fragment.row_groups) for fragment in fragments]
        except SourceError:
            return [self]  # told when its turn comes, after the rows before it
        if len(fragments) < 2:
            return [self]
        size = -(-len(fragments) // count)
        whole, shards, first = self._dataset, [], self._first_row
        rest = whole.schema, whole.format, whole.filesystem, whole.partition_expression
        for start in range(0, len(fragments), size):
            part = type(whole)(fragments[start : start + size], *rest)
            shards.append(Dataset(part, self._batch_rows, first, threads=False))
            first += sum(rows[start : start + size])
        return shards

    def _fragments(self, count: int) -> list[Any]:
        """What the dataset can be cut into, of Parquet."""
        # What a filter leaves out is not told, and which rows it leaves is not known.
        is_filtered = bool(getattr(self._dataset, "_scan_options", True))
        if is_filtered or count < 2 or not hasattr(self._dataset, "filesystem"):
            return []
        fragments = list(self._dataset.get_fragments())
        if not all(hasattr(fragment, "split_by_row_group") for fragment in fragments):
            return []
        if len(fragments) >= count:
            return fragments
        return [part for fragment in fragments for part in fragment.split_by_row_group()]

    def _read(self, request: Request) -> Batches:
        return located(self._scanned(request), None, request.batch_rows, self._first_row)

    def _scanned(self, request: Request) -> Iterator[pa.RecordBatch]:
        with reading("the dataset"):
            yield from self._dataset.scanner(
                columns=list(request.columns),
                batch_size=request.batch_rows,
                batch_readahead=BATCHES_AHEAD,
                fragment_readahead=FRAGMENTS_AHEAD,
                use_threads=self._threads,
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
