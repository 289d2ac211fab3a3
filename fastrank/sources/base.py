"""What every source does: name its columns, and give record batches with the place that each came from."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Collection, Generator, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pyarrow as pa

from fastrank.errors import FastrankError, MissingColumnError, ParameterError, SourceError, did_you_mean
from fastrank.sources.joining import join_small
from fastrank.sources.origin import Origin

if TYPE_CHECKING:
    from fastrank.where import Where

__all__ = ["Batches", "Request", "Source", "check_columns", "located", "reading", "reason"]

Batches = Generator[tuple[pa.RecordBatch, Origin]]


@dataclass(frozen=True, slots=True)
class Request:
    """The columns to read, those of them that must be numbers, the most rows in a batch (None: by their bytes), and the
    columns whose text may come as dictionary arrays."""

    columns: tuple[str, ...]
    numeric: frozenset[str]
    batch_rows: int | None
    coded: frozenset[str] = frozenset()


class Source(ABC):
    """A stream of record batches.

    Attributes
    ----------
    schema : pyarrow.Schema
        The columns; of the first file where there are several.
    rows : int or None
        Number of rows, where it is known without reading them: from the footers of files.
    bytes : int or None
        Size of the files, or of the columns in memory; None where it is not known.
    files : tuple of str
        The files, in the order in which they are read.
    reads_once : bool
        Whether `batches` gives rows the first time only.
    """

    schema: pa.Schema
    rows: int | None = None
    bytes: int | None = None
    files: tuple[str, ...] = ()
    reads_once: bool = False

    def __init__(self, batch_rows: int | None, most_rows: int | None = None) -> None:
        self._batch_rows = batch_rows
        self._most_rows = most_rows
        self._coded: frozenset[str] = frozenset()

    def batches(self, columns: Sequence[str], numeric: Collection[str] = ()) -> Batches:
        """Iterate over batches that hold exactly `columns`, in that order; none is empty.

        Where no number of rows was asked for, small batches are joined, also those of several files.

        Parameters
        ----------
        columns : sequence of str
            Names of the columns to read.
        numeric : collection of str
            Those of them that must be numbers: CSV columns named here are float64 (or bool), whatever their first
            rows look like.

        Yields
        ------
        pyarrow.RecordBatch, Origin
            A batch, and where its first row came from.
        """
        # Checked here and not in the generator, so that the caller hears of it before anything is read.
        self._check(columns)
        rows = self._batch_rows or self._most_rows
        found = self._read(Request(tuple(columns), frozenset(numeric), rows, self._coded))
        return join_small(found) if self._batch_rows is None else found

    def _check(self, columns: Sequence[str]) -> None:
        check_columns(self.schema, columns, self.files[0] if self.files else None)

    def shards(self, count: int) -> Sequence[Source]:
        """The source as up to `count` sources of rows that follow each other, to be read side by side.

        Parameters
        ----------
        count : int
            How many there may be.

        Returns
        -------
        sequence of Source
            In the order of the rows; just this source where it cannot be cut.
        """
        return [self]

    def coded(self, columns: Collection[str]) -> Source:
        """The source whose batches may hold text of some columns as dictionary arrays, as Parquet stores what repeats.

        They are read and sliced in a fraction of the time.

        Parameters
        ----------
        columns : collection of str
            Names of columns.
        """
        return self

    def by_file(self) -> Sequence[Source]:
        """The source as one source a file, in the order of the files; just this source where it is of none."""
        return [self]

    def pruned(self, where: Sequence[Where]) -> Source:
        """The source without what is known, before it is read, to hold no row that meets all conditions.

        Whole files are left out by the keys of their folders, and row groups by their statistics.  Rows that do not
        meet the conditions may remain, and numbers of rows in a file (`Origin`) stay what they are.

        Parameters
        ----------
        where : sequence of Where
            Conditions on rows.

        Raises
        ------
        MissingColumnError, ParameterError
            A condition does not fit the columns.
        """
        return self

    @abstractmethod
    def _read(self, request: Request) -> Batches: ...


def located(batches: Iterable[pa.RecordBatch], file: str | None, batch_rows: int | None, row: int = 0) -> Batches:
    """Cut batches to at most `batch_rows`, skip empty ones, and say where each begins; the first does at `row`."""
    for batch in batches:
        for start in range(0, batch.num_rows, batch_rows or max(batch.num_rows, 1)):
            part = batch.slice(start, batch_rows)
            yield part, Origin(file, row)
            row += part.num_rows


def check_columns(schema: pa.Schema, columns: Sequence[str], file: str | None) -> None:
    """Raise unless each of the columns occurs once."""
    where = file if file is not None else "the source"
    found = Counter(schema.names)
    for name in columns:
        if found[name] > 1:
            raise ParameterError(f"column {name!r} occurs {found[name]} times in {where}; rename all but one")
        if not found[name]:
            hint = did_you_mean(name, found, otherwise=f"it has {', '.join(found) or 'none'}")
            raise MissingColumnError(f"no column {name!r} in {where}; {hint}")


@contextmanager
def reading(path: str) -> Iterator[None]:
    """Turn the errors of readers into SourceError with the file's name."""
    try:
        yield
    except FastrankError:
        raise
    except (pa.ArrowException, OSError, UnicodeDecodeError) as error:
        raise SourceError(f"cannot read {path}: {reason(error)}") from error


def reason(error: BaseException) -> str:
    """What an error says, on one line."""
    return " ".join(str(error).split())
