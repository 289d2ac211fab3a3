"""Record batch + roles -> rows: typed, checked, read-only columns of the rows that metrics see.

A *row set* is the part of a batch that some metrics see: the rows that pass `where` and are valid in every role.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import pyarrow as pa

from fastrank._kernels import checks
from fastrank.buffers import booleans, in_words, plain, to_arrow
from fastrank.domains import LARGEST_EXACT_INTEGER, LARGEST_NUMBER, Column, Misfit, Unfit, either, floats, is_exact
from fastrank.errors import ColumnTypeError, InvalidValueError, ParameterError
from fastrank.ids import row_ids

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray

    from fastrank.domains import Domain
    from fastrank.judgments import Judgments
    from fastrank.where import Where

__all__ = ["Columns", "Heads", "Problem", "RowSet", "Rows", "as_record_batch", "find_rows", "join_batches"]


def as_record_batch(batch: Any) -> pa.RecordBatch:
    """One record batch of what has the Arrow C interface; ParameterError where it has not."""
    if isinstance(batch, pa.RecordBatch):
        return batch
    if not hasattr(batch, "__arrow_c_array__"):
        raise ParameterError(
            f"update takes one record batch, not {type(batch).__name__}; of a table, loop over to_batches()"
        )
    try:
        return pa.record_batch(batch)
    except (pa.ArrowException, TypeError, ValueError) as error:
        raise ParameterError(f"update takes a record batch: {error}") from error


def join_batches(batches: Sequence[pa.RecordBatch]) -> pa.RecordBatch:
    """One record batch of several; columns whose types differ get a type that holds both."""
    if len(batches) == 1:
        return batches[0]
    if all(batch.schema.equals(batches[0].schema) for batch in batches):
        return pa.concat_batches(batches)
    # Arrow finds a common type of integers and floats, but not of booleans or decimals with them.
    mixed = {name for name in batches[0].schema.names if len({batch.schema.field(name).type for batch in batches}) > 1}
    tables = [pa.Table.from_batches([_common(batch, mixed)]) for batch in batches]
    table = pa.concat_tables(tables, promote_options="permissive").combine_chunks()
    return table.to_batches(max_chunksize=max(1, len(table)))[0]


def _as_number(array: pa.Array) -> pa.Array:
    if pa.types.is_boolean(array.type):
        return array.cast(pa.int8())
    return array.cast(pa.string()).cast(pa.float64()) if pa.types.is_decimal(array.type) else array


def _common(batch: pa.RecordBatch, names: set[str]) -> pa.RecordBatch:
    arrays = [
        _as_number(array) if name in names else array
        for name, array in zip(batch.schema.names, batch.columns, strict=True)
    ]
    return pa.RecordBatch.from_arrays(arrays, names=batch.schema.names)


@dataclass(frozen=True)
class Problem:
    """The first row of a batch that is invalid in a role."""

    row: int
    column: str
    role: str
    domain: Domain

    def error(self, columns: Columns) -> InvalidValueError:
        """The error that tells of it."""
        scalar = columns.array(self.column)[self.row]
        value = in_words(scalar)
        allowed = self.domain.allowed
        if is_exact(scalar.type) and scalar.is_valid and abs(scalar.as_py()) > LARGEST_EXACT_INTEGER:
            allowed += ", and integers from -2^53 to 2^53, which float64 holds exactly"
        elif pa.types.is_float64(scalar.type) and scalar.is_valid and LARGEST_NUMBER < abs(scalar.as_py()) < np.inf:
            allowed += ", and numbers up to 2^1000 in size"
        where = columns.describe_row(self.row)
        options = [self.domain.hint] if self.domain.hint and scalar.is_valid else []
        options.append('on_invalid="drop" (--on-invalid drop) drops such rows and counts them')
        return InvalidValueError(
            f"column {self.column!r} ({self.role}): {where} holds {value}; allowed: {allowed}; " + "; ".join(options)
        )


class Heads(NamedTuple):
    """What rows that were entries of lists come from: the columns beside the lists, and the row there of each."""

    columns: Columns
    parents: NDArray[np.intp]


class Columns:
    """The columns of one record batch, each viewed and checked once, when first asked for.

    `derived` holds what others make of the batch once; `heads` is there where the rows were entries of lists.
    """

    def __init__(self, batch: pa.RecordBatch, describe_row: Callable[[int], str], heads: Heads | None = None) -> None:
        self.batch = batch
        self.describe_row = describe_row
        self.heads = heads
        self._views: dict[tuple[str, str], Column] = {}
        self._arrays: dict[str, pa.Array] = {}
        self._extents: dict[str, tuple[NDArray[np.floating[Any]], float, float] | None] = {}
        self.derived: dict[object, Any] = {}

    def array(self, name: str) -> pa.Array:
        """The Arrow array of a column, in a plain layout."""
        if name not in self._arrays:
            self._arrays[name] = plain(self.batch.column(name))
        return self._arrays[name]

    def passes(self, where: Where) -> NDArray[np.bool_]:
        """Which rows meet a condition."""
        if where not in self.derived:
            self.derived[where] = booleans(where.mask(self.batch))
        result: NDArray[np.bool_] = self.derived[where]
        return result

    def ids(self, name: str) -> NDArray[np.uint64]:
        """The 64-bit id of each value of a column of ids."""
        key = ("ids", name)
        if key not in self.derived:
            self.derived[key] = row_ids(self.array(name))
        result: NDArray[np.uint64] = self.derived[key]
        return result

    def view(self, name: str, role: str, domain: Domain) -> Column:
        """The column in the form of the domain."""
        key = (name, domain.name)
        if key not in self._views:
            try:
                self._views[key] = self._between(name, domain) or domain.view(self.array(name))
            except Unfit as error:
                kind = self.batch.schema.field(name).type
                raise ColumnTypeError(f"column {name!r} ({role}) is of type {kind}; allowed: {error}") from None
            except Misfit as error:
                where = self.describe_row(error.row)
                raise InvalidValueError(
                    f"column {name!r} ({role}): {where} holds {error.found}; allowed: {error.allowed}"
                ) from None
        return self._views[key]

    def _between(self, name: str, domain: Domain) -> Column | None:
        """The floats of a column that lie between the ends of a domain: the same array for all domains, which is looked
        through once.  None where they do not, or the column is of others."""
        if domain.ends is None:
            return None
        if name not in self._extents:
            array = self.array(name)
            known = (pa.types.is_float32(array.type) or pa.types.is_float64(array.type)) and not array.null_count
            values = floats(array).values if known and len(array) else None
            self._extents[name] = None if values is None else (values, *checks.extent(values))
        found = self._extents[name]
        if found is not None and domain.ends[0] <= found[1] and found[2] <= domain.ends[1]:
            return Column(found[0], None)
        return None


@dataclass(frozen=True)
class RowSet:
    """Which rows of a batch a group of accumulators sees.

    `roles` holds (role, column, domain).  Rows pass all of `where`; those that do and are invalid in a role
    raise, or are dropped.  `judgments` hold the labels where the rows have none.
    """

    roles: tuple[tuple[str, str, Domain], ...]
    where: tuple[Where, ...]
    drop_invalid: bool
    judgments: Judgments | None = None

    @cached_property
    def _hash(self) -> int:
        return hash((self.roles, self.where, self.drop_invalid, self.judgments))

    def __hash__(self) -> int:
        """Asked for many times a batch, while it takes a hash of every text of every domain."""
        return self._hash

    def __getstate__(self) -> dict[str, Any]:
        # Hashes of texts differ from process to process.
        return {name: value for name, value in vars(self).items() if name != "_hash"}

    def domain(self, role: str) -> tuple[str, Domain]:
        """Column and domain of a role."""
        return self.by_role[role]

    @cached_property
    def by_role(self) -> dict[str, tuple[str, Domain]]:
        """Column and domain of each role."""
        return {role: (column, domain) for role, column, domain in reversed(self.roles)}

    def view(self, columns: Columns, role: str) -> tuple[Domain, Column]:
        """The column in a role, and the domain that says what it may hold, by the column beside it where it has one."""
        name, domain = self.domain(role)
        if domain.beside is None:
            return domain, columns.view(name, role, domain)
        other_role, other = domain.beside.role, domain.beside.domain
        other_name, own = self.domain(other_role)
        key = (name, domain.name, other_name, (other or own).name)
        if key not in columns.derived:
            mine, theirs = columns.view(name, role, domain), columns.view(other_name, other_role, other or own)
            columns.derived[key] = domain.beside.fit(domain, mine, theirs)
        result: tuple[Domain, Column] = columns.derived[key]
        return result

    def find(self, columns: Columns) -> tuple[Rows, Problem | None]:
        """The rows of a batch, and the first invalid one where invalid rows are not dropped."""
        mask: NDArray[np.bool_] | None = None
        for where in self.where:
            passes = columns.passes(where)
            mask = passes if mask is None else mask & passes
        problems = []
        dropped: NDArray[np.bool_] | None = None
        for role, name, _ in self.roles:
            domain, column = self.view(columns, role)
            invalid = column.invalid
            if domain.whole is not None:
                invalid = either(invalid, domain.whole(self._entries(columns, role)))
            if invalid is None:
                continue
            if mask is not None:
                invalid = invalid & mask
            if not invalid.any():
                continue
            problems.append(Problem(int(invalid.argmax()), name, role, domain))
            dropped = invalid if dropped is None else dropped | invalid
        problem = None
        if problems and not self.drop_invalid:
            problem, dropped = min(problems, key=lambda problem: problem.row), None
        if dropped is not None:
            mask = ~dropped if mask is None else mask & ~dropped
        index = None if mask is None or mask.all() else np.flatnonzero(mask)
        return Rows(self, columns, index, None if dropped is None else np.flatnonzero(dropped)), problem

    def _entries(self, columns: Columns, role: str) -> NDArray[Any]:
        """The entries of all columns that play a role: role, or role[0], role[1], ..."""
        played, _, _ = role.partition("[")
        parts = [columns.view(name, each, d).values for each, name, d in self.roles if each.partition("[")[0] == played]
        return np.column_stack(parts) if len(parts) > 1 else parts[0]

    def find_nothing(self) -> Rows:
        """No rows."""
        names = list(dict.fromkeys(column for _, column, _ in self.roles))
        nothing = pa.RecordBatch.from_arrays([to_arrow(np.empty(0, np.int64))] * len(names), names=names)
        return self.find(Columns(nothing, str))[0]


def find_rows(row_sets: Sequence[RowSet], columns: Columns) -> tuple[dict[RowSet, Rows], list[Problem]]:
    """The rows of each row set, and the first invalid row of each that has one."""
    found = {row_set: row_set.find(columns) for row_set in row_sets}
    problems = [problem for _, problem in found.values() if problem is not None]
    return {row_set: rows for row_set, (rows, _) in found.items()}, problems


class Rows:
    """Rows of a row set in one batch: typed arrays by role, all of length `count`."""

    def __init__(
        self,
        row_set: RowSet,
        columns: Columns,
        index: NDArray[np.intp] | None,
        dropped: NDArray[np.intp] | None,
        bounds: tuple[int, int] | None = None,
    ) -> None:
        self.row_set = row_set
        self.columns = columns
        self._index = index
        self.dropped = dropped
        self.bounds = bounds
        self._arrays: dict[str, Any] = {}
        total = columns.batch.num_rows if index is None else index.size
        self.count = total if bounds is None else bounds[1] - bounds[0]

    @property
    def index(self) -> NDArray[np.intp] | None:
        """Where these rows stand in the batch, before they are cut to `bounds`; None where they are all of it."""
        return self._index

    @property
    def counts(self) -> NDArray[np.int64] | None:
        """How many rows each slice has, but for those of weight zero, where that was counted for all."""
        return None

    def has(self, role: str) -> bool:
        """Whether the row set has a column in this role."""
        return role in self.row_set.by_role

    def __getitem__(self, role: str) -> Any:
        """The array of a role: NumPy, or Arrow for ids."""
        if role not in self._arrays:
            self._arrays[role] = self.select(self.row_set.view(self.columns, role)[1].values)
        return self._arrays[role]

    def ids(self, role: str) -> NDArray[np.uint64]:
        """The 64-bit ids of a role whose column holds ids."""
        result: NDArray[np.uint64] = self.select(self.columns.ids(self.row_set.domain(role)[0]))
        return result

    def describe(self, i: int) -> str:
        """The words by which an error names row i."""
        return self.columns.describe_row(self.position(i))

    def get(self, role: str) -> Any:
        """The array of a role, or None where no column plays it."""
        return self[role] if self.has(role) else None

    def matrix(self, role: str) -> NDArray[Any]:
        """The array [rows, entries] of a role whose column holds lists, or which several columns play: role[0], ..."""
        if not self.has(role) and role not in self._arrays:
            parts = [self[name] for name, _, _ in self.row_set.roles if name.startswith(f"{role}[")]
            self._arrays[role] = np.column_stack(parts)
        result: NDArray[Any] = self[role]
        return result

    def select(self, values: Any) -> Any:
        """The part of an array of the whole batch that belongs to these rows."""
        if self.index is not None:
            values = values.take(self.index, 0) if isinstance(values, np.ndarray) else values.take(to_arrow(self.index))
        if self.bounds is not None:
            start, stop = self.bounds
            values = values[start:stop] if isinstance(values, np.ndarray) else values.slice(start, stop - start)
        return values

    def slice(self, start: int, stop: int) -> Rows:
        """Rows start..stop of these, without copying."""
        offset = 0 if self.bounds is None else self.bounds[0]
        return Rows(self.row_set, self.columns, self.index, None, (offset + start, offset + stop))

    def position(self, i: int) -> int:
        """Where row i of these stands in the batch."""
        place = i if self.bounds is None else self.bounds[0] + i
        return place if self.index is None else int(self.index[place])

    @property
    def positions(self) -> NDArray[np.intp]:
        """Where these rows stand in the batch."""
        start, stop = self.bounds or (0, self.count)
        return np.arange(start, stop) if self.index is None else self.index[start:stop]

    def reorder(self, order: NDArray[np.intp]) -> Rows:
        """These rows in another order."""
        index = order if self.index is None and self.bounds is None else self.positions[order]
        return Rows(self.row_set, self.columns, index, None)

    def to_batch(self, names: list[str]) -> pa.RecordBatch:
        """A copy of these rows that keeps nothing else of the batch alive."""
        arrays = [self.columns.array(name) for name in names]
        return pa.RecordBatch.from_arrays(arrays, names=names).take(to_arrow(self.positions))
