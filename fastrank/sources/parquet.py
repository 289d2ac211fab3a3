"""Parquet files, by row groups."""

from __future__ import annotations

from itertools import groupby
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from fastrank.errors import SourceError
from fastrank.sources.base import check_columns, reason
from fastrank.sources.formats import FILE_BATCH_ROWS, TEXT_BYTES, File, batch_rows

if TYPE_CHECKING:
    from collections.abc import Generator, Iterator, Sequence

    from fastrank.sources.base import Request
    from fastrank.sources.hive import Keys
    from fastrank.where import Where

__all__ = ["ParquetFile"]

AHEAD_BYTES = 1 << 25  # of columns as they are stored, that are fetched together from a remote file
# Footers are kept until their file's turn to be read comes; of thousands of files, larger ones are read again.
LARGE_FOOTER = 1 << 15
# A decoded value of text may be stored as a number in a dictionary.
DICTIONARY_FACTOR = 4


class ParquetFile(File):
    """A Parquet file, whose parts are its row groups.

    Checksums of pages are verified where the file has them (`write_page_checksum=True` of pyarrow).  Without them,
    damage is noticed where a page cannot be decompressed or decoded; nothing can tell that a byte of an uncompressed
    number was changed.
    """

    has_dictionaries = True

    def __init__(self, place: Any) -> None:
        super().__init__(place)
        self._metadata: Any = None

    def _open(self, *, fetch: bool = False, coded: Sequence[str] = ()) -> Any:
        from pyarrow.parquet import ParquetFile as Reader

        # Local files gain nothing from reading ahead, and it holds more memory.
        reader = Reader(
            self.place.open(),
            metadata=self._metadata,
            read_dictionary=coded,
            pre_buffer=fetch,
            page_checksum_verification=True,
        )
        self._metadata = reader.metadata
        return reader

    @property
    def metadata(self) -> Any:
        """The footer, which is read once until `release`."""
        if self._metadata is None:
            with self.reading(), self._open():
                pass
        return self._metadata

    def release(self) -> None:
        self._metadata = None

    def schema(self) -> pa.Schema:
        return self.metadata.schema.to_arrow_schema()

    def rows(self) -> int | None:
        metadata = self.metadata
        if metadata.serialized_size > LARGE_FOOTER:
            self.release()
        return int(metadata.num_rows)

    def parts(self) -> Sequence[int] | None:
        metadata = self.metadata
        return [metadata.row_group(i).num_rows for i in range(metadata.num_row_groups)]

    def kept(self, where: Sequence[Where], keys: Keys) -> Sequence[int] | None:
        from fastrank.sources.statistics import groups_that_may_pass

        return groups_that_may_pass(self.metadata, self.place, where, keys)

    def batches(self, request: Request, parts: Sequence[int] | None = None) -> Generator[tuple[pa.RecordBatch, int]]:
        is_remote = self.place.filesystem is not None
        coded = [name for name in request.columns if name in request.coded]
        with self.reading(), self._open(fetch=is_remote, coded=coded) as file:
            metadata, columns = file.metadata, list(request.columns)
            check_columns(file.schema_arrow, columns, self.name)
            leaves = _leaves(metadata, columns)
            rows = batch_rows(request, file.schema_arrow, _wide(metadata, file.schema_arrow, leaves))
            sizes = [metadata.row_group(i).num_rows for i in range(metadata.num_row_groups)]
            for groups in _runs(range(len(sizes)) if parts is None else parts):
                for ahead in _fetched_together(metadata, leaves, groups) if is_remote else [groups]:
                    yield from self._read(file, request, rows, sum(sizes[: ahead[0]]), ahead)

    def _read(
        self, file: Any, request: Request, rows: int, row: int, groups: Sequence[int]
    ) -> Iterator[tuple[pa.RecordBatch, int]]:
        columns = list(request.columns)
        try:
            for batch in file.iter_batches(rows, row_groups=groups, columns=columns, use_threads=False):
                # "a" asks Parquet for the flat column "a.b" as well.
                yield batch.select(columns), row
                row += batch.num_rows
        except (pa.ArrowException, OSError) as error:
            group = self._bad_row_group(file, columns, groups, row)
            where = f"{self.name}, row group {group}" if group is not None else self.name
            raise SourceError(f"cannot read {where}: {reason(error)}") from error

    def _bad_row_group(self, file: Any, columns: list[str], groups: Sequence[int], row: int) -> int | None:
        """The first row group from the one that holds `row` on that cannot be read: batches span row groups."""
        end = 0
        for group in range(file.num_row_groups):
            end += file.metadata.row_group(group).num_rows
            if end <= row or group not in groups:
                continue
            try:
                for _ in file.iter_batches(FILE_BATCH_ROWS, row_groups=[group], columns=columns, use_threads=False):
                    pass
            except (pa.ArrowException, OSError):
                return group
        return None


def _leaves(metadata: Any, columns: Sequence[str]) -> list[int]:
    """The numbers of the stored columns that make up some columns."""
    wanted = set(columns)
    paths = [metadata.schema.column(i).path for i in range(metadata.num_columns)]
    return [i for i, path in enumerate(paths) if path in wanted or path.partition(".")[0] in wanted]


def _wide(metadata: Any, schema: pa.Schema, leaves: Sequence[int]) -> list[int]:
    """Bytes a row of the columns without a fixed width, more than TEXT_BYTES, by the first row group."""
    if metadata.num_row_groups == 0:
        return []
    group = metadata.row_group(0)
    flexible = {field.name for field in schema if not _has_width(field.type)}
    found = []
    for i in leaves:
        chunk = group.column(i)
        if chunk.path_in_schema.partition(".")[0] in flexible:
            stored = DICTIONARY_FACTOR * chunk.total_uncompressed_size // max(group.num_rows, 1)
            found.append(max(stored - TEXT_BYTES, 0))
    return found


def _has_width(arrow_type: pa.DataType) -> bool:
    try:
        return bool(arrow_type.bit_width)
    except ValueError:
        return False


def _runs(groups: Sequence[int]) -> Iterator[Sequence[int]]:
    """Row groups that follow each other, together: small ones make up one batch."""
    for _, run in groupby(enumerate(groups), lambda each: each[1] - each[0]):
        yield [group for _, group in run]


def _fetched_together(metadata: Any, leaves: Sequence[int], groups: Sequence[int]) -> Iterator[Sequence[int]]:
    """Row groups whose columns have AHEAD_BYTES: they are fetched at once while the first is decoded, and held."""
    together: list[int] = []
    total = 0
    for group in groups:
        size = sum(metadata.row_group(group).column(i).total_compressed_size for i in leaves)
        if together and total + size > AHEAD_BYTES:
            yield together
            together, total = [], 0
        together.append(group)
        total += size
    yield together
