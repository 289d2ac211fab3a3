"""How files are stored, as their footers tell: no row is read."""

from __future__ import annotations

from array import array as packed
from contextlib import suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from fastrank.buffers import in_words, literal, plain
from fastrank.errors import SourceError
from fastrank.sources.csv import CsvFile
from fastrank.sources.files import open_files
from fastrank.sources.formats import open_file
from fastrank.sources.ipc import IpcFile
from fastrank.sources.orc import OrcFile
from fastrank.sources.parquet import ParquetFile

if TYPE_CHECKING:
    from collections.abc import Sequence

    from fastrank.sources import Source
    from fastrank.sources.paths import Place

__all__ = ["Footers", "Stored", "plain_type", "read_footers", "without_name"]

FORMATS = {"Parquet": ParquetFile, "Arrow IPC": IpcFile, "ORC": OrcFile, "CSV": CsvFile}
ENGINE = "pyarrow"


@dataclass
class Stored:
    """How a column is stored, in all files.  What no footer tells is None.

    Attributes
    ----------
    name : str
        Its name.
    type : pyarrow.DataType
        Its type in the first file.
    partition : bool
        Whether it is of hive partitions: a value a folder.
    compression, encodings : dict of str to None
        Names of Parquet, in the order in which they are met.
    compressed, uncompressed : int or None
        Bytes.
    nulls : int or None
        How many nulls there are.
    least, largest : object
        Of all row groups that tell; moments and durations as the integers that they are stored as.
    chunks, chunks_told : int
        In how many row groups it is, and how many of these tell their least and largest value, or are all null.
    dictionary, dictionaries : int
        Bytes of the largest dictionary, and of all, compressed.
    dictionary_values : int
        How many values, of all row groups that have a dictionary.
    files : int
        In how many files it is.
    other_types : dict of str to str
        Types that it has in later files, each with the first such file.
    """

    name: str
    type: pa.DataType
    partition: bool = False
    compression: dict[str, None] = field(default_factory=dict)
    encodings: dict[str, None] = field(default_factory=dict)
    compressed: int | None = None
    uncompressed: int | None = None
    nulls: int | None = None
    least: Any = None
    largest: Any = None
    chunks: int = 0
    chunks_told: int = 0
    dictionary: int = 0
    dictionaries: int = 0
    dictionary_values: int = 0
    files: int = 0
    other_types: dict[str, str] = field(default_factory=dict)

    @property
    def kind(self) -> str:
        """Its type in words."""
        if pa.types.is_dictionary(self.type):
            return f"{self.type.value_type}, " + ("of folders" if self.partition else "dictionary")
        return str(self.type)

    @property
    def bounds(self) -> tuple[Any, Any] | None:
        """The least and the largest value as numbers or text; None where a row group does not tell."""
        if self.chunks == 0 or self.chunks_told < self.chunks or self.least is None:
            return None
        return self._in_words(self.least), self._in_words(self.largest)

    def _in_words(self, value: Any) -> Any:
        kind = plain_type(self.type)
        is_moment = pa.types.is_temporal(kind) and not pa.types.is_duration(kind)
        return _moment_in_words(value, kind) if is_moment else value

    def see(self, kind: pa.DataType, path: str) -> None:
        """Takes its type in a file."""
        self.files += 1
        if kind != self.type:
            self.other_types.setdefault(str(kind), path)

    def add(self, chunk: Any, *, whole: bool) -> None:
        """Takes a chunk of Parquet; `whole`: all of the column, not a part of a list or a struct."""
        self.compression[str(chunk.compression)] = None
        self.encodings |= dict.fromkeys(chunk.encodings)
        self.compressed = (self.compressed or 0) + int(chunk.total_compressed_size)
        self.uncompressed = (self.uncompressed or 0) + int(chunk.total_uncompressed_size)
        if chunk.has_dictionary_page and chunk.dictionary_page_offset is not None:
            size = int(chunk.data_page_offset - chunk.dictionary_page_offset)
            self.dictionary = max(self.dictionary, size)
            self.dictionaries += size
            self.dictionary_values += int(chunk.num_values)
        if not whole:
            return
        self.chunks += 1
        found = chunk.statistics if chunk.is_stats_set else None
        nulls = int(found.null_count) if found is not None and found.has_null_count else None
        if nulls is None:
            self.nulls = None
        elif self.chunks == 1 or self.nulls is not None:
            self.nulls = (self.nulls or 0) + nulls
        bounds = _bounds(found, plain_type(self.type)) if found is not None and found.has_min_max else None
        if bounds is not None:
            with suppress(TypeError):  # of another type than in the files before
                self.least = bounds[0] if self.least is None else min(self.least, bounds[0])
                self.largest = bounds[1] if self.largest is None else max(self.largest, bounds[1])
        self.chunks_told += bounds is not None or nulls == chunk.num_values


@dataclass
class Footers:
    """How a source is stored.

    Attributes
    ----------
    files : int
        How many files can be read.
    formats : dict of str to int
        How many files there are of each format.
    bytes : int or None
        Of all files, or of a table in memory.
    rows : int or None
        Rows, where all files tell.
    group_rows : array of int
        Rows of each row group (Parquet), record batch (Arrow IPC) or stripe (ORC).
    columns : dict of str to Stored
        The columns of all files.
    unreadable : dict of str to str
        Files that cannot be read, and why.
    """

    files: int = 0
    formats: dict[str, int] = field(default_factory=dict)
    bytes: int | None = None
    rows: int | None = 0
    group_rows: packed[int] = field(default_factory=lambda: packed("q"))
    columns: dict[str, Stored] = field(default_factory=dict)
    unreadable: dict[str, str] = field(default_factory=dict)

    def add_schema(self, schema: pa.Schema, path: str = "") -> None:
        """Takes the columns of a file."""
        for each in schema:
            self.columns.setdefault(each.name, Stored(each.name, each.type)).see(each.type, path)

    def add_partitions(self, schema: pa.Schema) -> None:
        """Takes the columns that the source has beside, or in place of, those of its files."""
        for each in schema:
            if each.name not in self.columns or self.columns[each.name].type != each.type:
                self.columns[each.name] = Stored(each.name, each.type, partition=True, files=self.files)


def plain_type(kind: pa.DataType) -> pa.DataType:
    """The type of the values of a column, without dictionary, extension type or view layout."""
    return plain(pa.nulls(0, kind)).type


def read_footers(places: Sequence[Place]) -> tuple[Footers, Source | None]:
    """Reads the footers of files; one that cannot be read is listed, and does not count.

    Parameters
    ----------
    places : sequence of Place
        The files.

    Returns
    -------
    Footers, Source or None
        How the files are stored, and the source of those that can be read; None where there is none.
    """
    found, readable = Footers(bytes=0), []
    for place in places:
        try:
            _read_file(found, place)
        except SourceError as error:
            found.unreadable[place.name] = without_name(error, place.name)
        else:
            readable.append(place)
    if not readable:
        return found, None
    source = open_files(readable, None, ENGINE)
    found.add_partitions(source.schema)
    return found, source


def without_name(error: Exception, path: str) -> str:
    """Why a file cannot be read, where its name stands beside it."""
    return str(error).removeprefix(f"cannot read {path}").lstrip(":, ")


def _read_file(found: Footers, place: Place) -> None:
    file = open_file(place, ENGINE)
    try:
        schema, parts = file.schema(), file.parts()
        rows = file.rows() if parts is None else sum(parts)
        found.add_schema(schema, place.name)
        if isinstance(file, ParquetFile):
            _add_chunks(found, file.metadata, frozenset(schema.names))
        kind = next(name for name, each in FORMATS.items() if isinstance(file, each))
    finally:
        file.release()
    found.group_rows.extend(parts or ())
    found.files += 1
    found.formats[kind] = found.formats.get(kind, 0) + 1
    found.bytes = None if found.bytes is None or place.size is None else found.bytes + place.size
    found.rows = None if rows is None or found.rows is None else found.rows + rows


def _add_chunks(found: Footers, metadata: Any, names: frozenset[str]) -> None:
    for g in range(metadata.num_row_groups):
        group = metadata.row_group(g)
        for i in range(group.num_columns):
            chunk = group.column(i)
            path = chunk.path_in_schema
            # "a.list.element" is a part of "a"; but a flat column may be called "a.b".
            found.columns[path if path in names else path.split(".")[0]].add(chunk, whole=path in names)


def _bounds(statistics: Any, kind: pa.DataType) -> tuple[Any, Any] | None:
    """The least and the largest value that statistics tell, as Python compares them."""
    t = pa.types
    if t.is_float16(kind) or t.is_null(kind):
        return None
    try:
        if t.is_temporal(kind):
            # Moments of nanoseconds have a Python form only with pandas.
            low, high = statistics.min_raw, statistics.max_raw
            return (low, high) if isinstance(low, int) else None
        return statistics.min, statistics.max
    except (pa.ArrowException, ValueError, NotImplementedError):
        return None


def _moment_in_words(value: int, kind: pa.DataType) -> str:
    """A moment as text, of the integer that it is stored as."""
    stored = literal(value).cast(pa.int32() if kind.bit_width == 32 else pa.int64())
    moment = stored.cast(kind)
    try:
        return str(moment.cast(pa.string()))
    except pa.ArrowException:
        return in_words(moment)
