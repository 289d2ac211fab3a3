"""Files as record batches, one after the other or side by side."""

from __future__ import annotations

from contextlib import closing
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import groupby
from typing import TYPE_CHECKING

import pyarrow as pa

from fastrank.errors import MissingColumnError, SourceError
from fastrank.sources.base import Request, Source, check_columns, located
from fastrank.sources.formats import File, open_file
from fastrank.sources.hive import Keys, constant, partition_keys, with_keys
from fastrank.sources.pruning import keys_may_pass

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence

    from fastrank.sources.base import Batches
    from fastrank.sources.paths import Place
    from fastrank.where import Where

__all__ = ["Files", "open_files"]

LEAST_SHARD_BYTES = 1 << 15  # fewer are not worth a thread


@dataclass(frozen=True)
class Piece:
    """A file, or some parts of one, with the columns that its folders give, and the conditions on its rows."""

    file: File
    keys: Keys
    where: tuple[Where, ...] = ()
    parts: tuple[int, ...] | None = None

    @cached_property
    def kept(self) -> Sequence[int] | None:
        """The parts to read; None for all of the file."""
        if self.parts is not None or not self.where:
            return self.parts
        kept = self.file.kept(self.where, self.keys)
        return None if kept is None else tuple(kept)

    @property
    def rows(self) -> int | None:
        kept = self.kept
        if kept is None:
            return self.file.rows()
        sizes = self.file.parts()
        assert sizes is not None
        return sum(sizes[i] for i in kept)

    def units(self) -> list[Piece]:
        """The parts, each a piece; just this piece where it is whole, and cannot be cut or read."""
        try:
            sizes = self.file.parts()
            kept = self.kept
        except SourceError:
            return [self]  # told when its turn comes, after the rows before it
        if sizes is None or not sizes:
            return [self]
        return [replace(self, parts=(i,)) for i in (range(len(sizes)) if kept is None else kept)]

    def batches(self, request: Request) -> Batches:
        kept = self.kept
        if kept is not None and not kept:
            return
        own = tuple(name for name in request.columns if name not in self.keys)
        with closing(self.file.batches(replace(request, columns=own), kept)) as stored:
            for found, row in stored:
                batch = found if own == request.columns else self._with_keys(found, request.columns)
                yield from located([batch], self.file.name, request.batch_rows, row)
        if self.parts is None:
            self.file.release()

    def _with_keys(self, batch: pa.RecordBatch, columns: Sequence[str]) -> pa.RecordBatch:
        arrays = [
            constant(self.keys[name], batch.num_rows) if name in self.keys else batch.column(name) for name in columns
        ]
        return pa.RecordBatch.from_arrays(arrays, names=list(columns)) if arrays else batch


def open_files(places: Sequence[Place], batch_rows: int | None, engine: str) -> Files:
    """The source of some files; reads the schema of the first that can be read."""
    keys, lacking = partition_keys([place.name for place in places])
    pieces = [Piece(open_file(place, engine), each) for place, each in zip(places, keys, strict=True)]
    return Files(pieces, _schema(pieces), batch_rows, lacking)


def _schema(pieces: Sequence[Piece]) -> pa.Schema:
    problem: SourceError | None = None
    for piece in pieces:
        try:
            return with_keys(piece.file.schema(), piece.keys)
        except SourceError as error:
            # Told when the file's turn comes, if there is another.
            problem = problem or error
    assert problem is not None
    raise problem


class Files(Source):
    """Batches of one file after the other; their formats may differ.

    Folders called ``key=value`` give their files a column, which hides one of that name in the file, as in DuckDB.
    """

    def __init__(
        self, pieces: Sequence[Piece], schema: pa.Schema, batch_rows: int | None, lacking: Mapping[str, str]
    ) -> None:
        super().__init__(batch_rows)
        self.schema = schema
        self.files = tuple(dict.fromkeys(piece.file.name for piece in pieces))
        self._pieces = pieces
        self._lacking = lacking

    @cached_property
    def rows(self) -> int | None:  # type: ignore[override]  # every footer is read: only when asked for
        total = 0
        for piece in self._pieces:
            try:
                rows = piece.rows
            except SourceError:
                # Told when the file's turn comes, after the rows before it.
                return None
            if rows is None:
                return None
            total += rows
        return total

    @cached_property
    def bytes(self) -> int | None:  # type: ignore[override]
        sizes = {piece.file.name: piece.file.place.size for piece in self._pieces}.values()
        known = [size for size in sizes if size is not None]
        return sum(known) if len(known) == len(sizes) else None

    def shards(self, count: int) -> Sequence[Source]:
        """Ranges of row groups, record batches and whole files, about equal in bytes; nothing but footers is read."""
        units = list(self._units(count))
        total = sum(size for _, size in units)
        count = max(1, min(count, total // LEAST_SHARD_BYTES))
        numbered = []
        start = 0
        for piece, size in units:
            numbered.append(((2 * start + size) * count // (2 * total) if total else 0, piece))
            start += size
        shards = [_joined(piece for _, piece in group) for _, group in groupby(numbered, lambda each: each[0])]
        return [self._of(shard) for shard in shards] if len(shards) > 1 else [self]

    def _units(self, count: int) -> Iterator[tuple[Piece, int]]:
        """What a shard may begin with, and its bytes."""
        sizes = [piece.file.place.size or 1 for piece in self._pieces]
        for piece, size in zip(self._pieces, sizes, strict=True):
            # The footers of files that are small beside a shard are not needed.
            units = piece.units() if 2 * size * count > sum(sizes) else [piece]
            for unit in units:
                yield unit, max(size // len(units), 1)

    def by_file(self) -> Sequence[Source]:
        return [self._of([piece]) for piece in self._pieces]

    def pruned(self, where: Sequence[Where]) -> Source:
        for condition in where:
            # A condition that does not fit the columns is told, whether or not a row is left to tell of it.
            names = condition.columns(self.schema)
            fields = [self.schema.field(name) for name in names]
            if any(pa.types.is_null(field.type) for field in fields):
                continue  # of a CSV file, the type of whose column is not known yet
            nothing = [pa.nulls(0, field.type) for field in fields]
            condition.mask(pa.RecordBatch.from_arrays(nothing, names=names))
        if not where:
            return self
        pieces = [
            replace(piece, where=(*piece.where, *where)) for piece in self._pieces if keys_may_pass(where, piece.keys)
        ]
        return self._of(pieces)

    def coded(self, columns: Collection[str]) -> Source:
        # Text and dictionaries side by side, from files of several formats, are not worth the trouble.
        if not all(piece.file.has_dictionaries for piece in self._pieces):
            return self
        result = self._of(self._pieces)
        result._coded = self._coded | frozenset(columns)
        return result

    def _of(self, pieces: Sequence[Piece]) -> Files:
        result = Files(pieces, self.schema, self._batch_rows, self._lacking)
        result._coded = self._coded
        return result

    def _check(self, columns: Sequence[str]) -> None:
        for name in columns:
            if name in self._lacking and name not in self.schema.names:
                raise MissingColumnError(f"no column {name!r}: {self._lacking[name]} lies in no folder {name}=...")
        check_columns(self.schema, columns, self.files[0] if self.files else None)

    def _read(self, request: Request) -> Batches:
        for piece in self._pieces:
            yield from piece.batches(request)


def _joined(pieces: Iterable[Piece]) -> list[Piece]:
    """Parts of one file as one piece."""
    joined: list[Piece] = []
    for piece in pieces:
        if joined and joined[-1].file is piece.file and piece.parts is not None:
            piece = replace(piece, parts=(*(joined.pop().parts or ()), *piece.parts))
        joined.append(piece)
    return joined
