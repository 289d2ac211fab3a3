"""Record batch + roles -> typed, checked, read-only views: one of the doors to pyarrow.

A *domain* says what a column may hold in its role and in which form kernels get it.  A *row set* is
the part of a batch that some metrics see: the rows that pass `where` and are valid in every role.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from fastrank._kernels import checks
from fastrank.errors import ColumnTypeError, InvalidValueError

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from fastrank.where import Where

__all__ = [
    "BINARY",
    "GRADE",
    "ID",
    "PROBABILITY",
    "REAL",
    "SCORE",
    "WEIGHT",
    "Columns",
    "Domain",
    "Problem",
    "RowSet",
    "Rows",
    "listed_grades",
    "whole_grades",
]

# Scores and targets are compared and summed as float64, which holds integers exactly up to here.
LARGEST_EXACT_INTEGER = 2**53
LARGEST_SMALL_GRADE = 31
LARGEST_WEIGHT = 2.0**20
# Adding and subtracting 2^-20 rounds a smaller float64 to a multiple of 2^-72, the unit of weights.
WEIGHT_ROUNDER = 2.0**-20

_NUMPY_TYPES: dict[pa.DataType, type[np.generic]] = {
    pa.int8(): np.int8, pa.int16(): np.int16, pa.int32(): np.int32, pa.int64(): np.int64,
    pa.uint8(): np.uint8, pa.uint16(): np.uint16, pa.uint32(): np.uint32, pa.uint64(): np.uint64,
    pa.float16(): np.float16, pa.float32(): np.float32, pa.float64(): np.float64,
}  # fmt: skip


class Column(NamedTuple):
    """A column in the form of its domain; `invalid` marks rows outside it (None: there are none)."""

    values: Any
    invalid: NDArray[np.bool_] | None


@dataclass(frozen=True)
class Domain:
    """What a column may hold in a role."""

    name: str
    types: str
    allowed: str
    view: Callable[[pa.Array], Column] = field(compare=False, repr=False)
    hint: str = ""


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
        value = "null" if not scalar.is_valid else repr(scalar.as_py())
        where = columns.describe_row(self.row)
        options = [self.domain.hint] if self.domain.hint and scalar.is_valid else []
        options.append('on_invalid="drop" (--on-invalid drop) drops such rows and counts them')
        return InvalidValueError(
            f"column {self.column!r} ({self.role}): {where} holds {value}; allowed: {self.domain.allowed}; "
            + "; ".join(options)
        )


class Columns:
    """The columns of one record batch, each viewed and checked once, when first asked for.

    `derived` holds what others make of the batch once.
    """

    def __init__(self, batch: pa.RecordBatch, describe_row: Callable[[int], str]) -> None:
        self.batch = batch
        self.describe_row = describe_row
        self._views: dict[tuple[str, str], Column] = {}
        self.derived: dict[object, Any] = {}

    def array(self, name: str) -> pa.Array:
        """The Arrow array of a column; dictionaries decoded."""
        array = self.batch.column(name)
        return array.dictionary_decode() if pa.types.is_dictionary(array.type) else array

    def view(self, name: str, role: str, domain: Domain) -> Column:
        """The column in the form of the domain."""
        key = (name, domain.name)
        if key not in self._views:
            try:
                self._views[key] = domain.view(self.array(name))
            except _Unfit as error:
                kind = self.batch.schema.field(name).type
                raise ColumnTypeError(f"column {name!r} ({role}) is of type {kind}; allowed: {error}") from None
        return self._views[key]


@dataclass(frozen=True)
class RowSet:
    """Which rows of a batch a group of accumulators sees.

    `roles` holds (role, column, domain).  Rows pass all of `where`; those that do and are invalid in a role
    raise, or are dropped.
    """

    roles: tuple[tuple[str, str, Domain], ...]
    where: tuple[Where, ...]
    drop_invalid: bool

    def domain(self, role: str) -> tuple[str, Domain]:
        """Column and domain of a role."""
        return next((column, domain) for name, column, domain in self.roles if name == role)

    def find(self, columns: Columns) -> tuple[Rows, Problem | None]:
        """The rows of a batch, and the first invalid one where invalid rows are not dropped."""
        mask: NDArray[np.bool_] | None = None
        for where in self.where:
            passes = _booleans(where.mask(columns.batch))
            mask = passes if mask is None else mask & passes
        problems = []
        dropped: NDArray[np.bool_] | None = None
        for role, name, domain in self.roles:
            invalid = columns.view(name, role, domain).invalid
            if invalid is None:
                continue
            if mask is not None:
                invalid = invalid & mask
            if not invalid.any():
                continue
            problems.append(Problem(int(invalid.argmax()), name, role, domain))
            dropped = invalid if dropped is None else dropped | invalid
        if problems and not self.drop_invalid:
            return Rows(self, columns, None, None), min(problems, key=lambda problem: problem.row)
        if dropped is not None:
            mask = ~dropped if mask is None else mask & ~dropped
        index = None if mask is None else np.flatnonzero(mask)
        return Rows(self, columns, index, None if dropped is None else np.flatnonzero(dropped)), None


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
        self.index = index
        self.dropped = dropped
        self.bounds = bounds
        total = columns.batch.num_rows if index is None else index.size
        self.count = total if bounds is None else bounds[1] - bounds[0]

    def has(self, role: str) -> bool:
        """Whether the row set has a column in this role."""
        return any(name == role for name, _, _ in self.row_set.roles)

    def __getitem__(self, role: str) -> Any:
        """The array of a role: NumPy, or Arrow for ids."""
        name, domain = self.row_set.domain(role)
        return self.select(self.columns.view(name, role, domain).values)

    def get(self, role: str) -> Any:
        """The array of a role, or None where no column plays it."""
        return self[role] if self.has(role) else None

    def select(self, values: Any) -> Any:
        """The part of an array of the whole batch that belongs to these rows."""
        if self.index is not None:
            values = values.take(self.index if isinstance(values, np.ndarray) else to_arrow(self.index))
        if self.bounds is not None:
            start, stop = self.bounds
            values = values[start:stop] if isinstance(values, np.ndarray) else values.slice(start, stop - start)
        return values

    def slice(self, start: int, stop: int) -> Rows:
        """Rows start..stop of these, without copying."""
        offset = 0 if self.bounds is None else self.bounds[0]
        return Rows(self.row_set, self.columns, self.index, None, (offset + start, offset + stop))

    @property
    def positions(self) -> NDArray[np.intp]:
        """Where these rows stand in the batch."""
        start, stop = self.bounds or (0, self.count)
        return np.arange(start, stop) if self.index is None else self.index[start:stop]

    def reorder(self, order: NDArray[np.intp]) -> Rows:
        """These rows in another order."""
        return Rows(self.row_set, self.columns, self.positions[order], None)

    def to_batch(self, names: list[str]) -> pa.RecordBatch:
        """A copy of these rows that keeps nothing else of the batch alive."""
        return self.columns.batch.select(names).take(to_arrow(self.positions))


class _Unfit(Exception):
    """A type cannot play a role; the text says which can."""


def to_arrow(values: NDArray[Any]) -> pa.Array:
    """A one-dimensional array as Arrow, zero-copy; pa.array(ndarray) would import pandas."""
    values = np.ascontiguousarray(values)
    return pa.Array.from_buffers(pa.from_numpy_dtype(values.dtype), values.size, [None, pa.py_buffer(values)])


def buffer_view(array: pa.Array, dtype: type[np.generic]) -> NDArray[Any]:
    """The values of a fixed-width array, zero-copy and read-only; what lies under nulls is arbitrary."""
    buffer = array.buffers()[1]
    if buffer is None or len(array) == 0:
        return np.empty(0, dtype)
    view: NDArray[Any] = np.frombuffer(buffer, dtype)[array.offset : array.offset + len(array)]
    view.flags.writeable = False
    return view


def _booleans(array: pa.Array) -> NDArray[np.bool_]:
    buffer = array.buffers()[1]
    if buffer is None or len(array) == 0:
        return np.zeros(len(array), np.bool_)
    bits = np.unpackbits(np.frombuffer(buffer, np.uint8), count=array.offset + len(array), bitorder="little")
    return bits[array.offset :].view(np.bool_)


def null_mask(array: pa.Array) -> NDArray[np.bool_] | None:
    """True where the array is null; None where it is nowhere."""
    return _booleans(array.is_null()) if array.null_count else None


def _numbers(array: pa.Array, allowed: str) -> Column:
    """Any numeric array as NumPy, zero in place of nulls, in its own type where NumPy has it."""
    kind = array.type
    if pa.types.is_null(kind):
        return Column(np.zeros(len(array), np.float64), np.ones(len(array), np.bool_))
    if pa.types.is_boolean(kind):
        values: NDArray[Any] = _booleans(array).view(np.uint8)
    elif pa.types.is_decimal(kind):
        values = buffer_view(pc.cast(array, pa.float64()), np.float64)
    elif kind in _NUMPY_TYPES:
        values = buffer_view(array, _NUMPY_TYPES[kind])
    else:
        raise _Unfit(allowed)
    nulls = null_mask(array)
    if nulls is not None:
        values = np.where(nulls, values.dtype.type(0), values)
    return Column(values, nulls)


def _either(a: NDArray[np.bool_] | None, b: NDArray[np.bool_] | None) -> NDArray[np.bool_] | None:
    return b if a is None else a if b is None else a | b


def _floats(array: pa.Array) -> Column:
    """Numbers as float32 or float64, none of them rounded."""
    values, invalid = _numbers(array, _NUMBER)
    if values.dtype == np.float16:
        values = values.astype(np.float32)
    elif values.dtype.kind in "iu":
        if values.dtype.itemsize == 8 and values.size:
            unsigned = values.dtype.kind == "u"
            too_large = values > LARGEST_EXACT_INTEGER
            if not unsigned:
                too_large |= values < -LARGEST_EXACT_INTEGER
            invalid = _either(invalid, too_large if too_large.any() else None)
        values = values.astype(np.float64)
    return Column(values, invalid)


def _interval(low: float, high: float) -> Callable[[pa.Array], Column]:
    """View as floats of which none is NaN or outside [low, high]."""

    def view(array: pa.Array) -> Column:
        values, invalid = _floats(array)
        if checks.any_outside(values, low, high):
            invalid = _either(invalid, ~((values >= low) & (values <= high)))
        return Column(values, invalid)

    return view


def _finite(array: pa.Array) -> Column:
    values, invalid = _floats(array)
    limit = float(np.finfo(values.dtype).max)
    if checks.any_outside(values, -limit, limit):
        invalid = _either(invalid, ~np.isfinite(values))
    return Column(values, invalid)


def _small_integers(array: pa.Array, top: int) -> tuple[NDArray[np.uint8], bool, Column]:
    numbers = _numbers(array, _NUMBER)
    values = numbers.values.astype(np.float32) if numbers.values.dtype == np.float16 else numbers.values
    if values.dtype.itemsize == 1 and not checks.any_above(values.view(np.uint8), top):
        # Seen as unsigned, negative bytes are above any grade: these are small integers as they stand.
        return values.view(np.uint8), True, Column(values, numbers.invalid)
    small, fits = checks.to_small(values, top)
    return small, fits, Column(values, numbers.invalid)


def _binary(array: pa.Array) -> Column:
    """Labels 0 and 1 as bytes."""
    small, fits, (values, invalid) = _small_integers(array, 1)
    return Column(small, invalid if fits else _either(invalid, ~((values == 0) | (values == 1))))


def _grade(array: pa.Array) -> Column:
    """Graded relevance: bytes where all labels are integers in 0..31, else float64."""
    small, fits, (_, invalid) = _small_integers(array, LARGEST_SMALL_GRADE)
    if fits:
        return Column(small, invalid)
    values, invalid = _finite(array)
    return Column(values.astype(np.float64), invalid)


def _weight(array: pa.Array) -> Column:
    """Weights as float64 multiples of 2^-72."""
    values, invalid = _interval(0.0, LARGEST_WEIGHT)(array)
    values = values.astype(np.float64)
    rounded = np.where(values < WEIGHT_ROUNDER, (values + WEIGHT_ROUNDER) - WEIGHT_ROUNDER, values)
    return Column(rounded, invalid)


def _id(array: pa.Array) -> Column:
    """Ids stay Arrow arrays."""
    kind = array.type
    if pa.types.is_floating(kind) or pa.types.is_nested(kind):
        raise _Unfit(_KEY)
    return Column(array, null_mask(array))


def whole_grades(top: int) -> Domain:
    """Graded relevance of integers up to `top`."""

    def view(array: pa.Array) -> Column:
        values, invalid = _grade(array)
        if values.dtype == np.float64:
            bad = (values > top) | (values != np.floor(values))
            invalid = _either(invalid, bad if bad.any() else None)
        return Column(values, invalid)

    return Domain(f"integer grade up to {top}", _NUMBER, f"an integer up to {top}", view)


def listed_grades(table: tuple[tuple[float, float], ...]) -> Domain:
    """Graded relevance of labels that have a gain."""
    labels = [label for label, _ in table]

    def view(array: pa.Array) -> Column:
        values, invalid = _grade(array)
        bad = ~np.isin(values, labels)
        return Column(values, _either(invalid, bad if bad.any() else None))

    texts = ", ".join(f"{label:g}" for label in labels)
    return Domain(f"grade of {texts}", _NUMBER, f"a label that has a gain: {texts}", view)


_NUMBER = "integer, float, bool or decimal"
_KEY = "integer, string, binary, bool, date, time, timestamp, decimal or dictionary"

BINARY = Domain("binary", _NUMBER, "0 or 1", _binary)
GRADE = Domain("grade", _NUMBER, "a finite number, neither null nor NaN", _grade)
REAL = Domain("real", _NUMBER, "a finite number, neither null nor NaN", _finite)
SCORE = Domain("score", _NUMBER, "a number, neither null nor NaN", _interval(-np.inf, np.inf))
PROBABILITY = Domain("probability", _NUMBER, "a probability in [0, 1]", _interval(0.0, 1.0))
WEIGHT = Domain(
    "weight",
    _NUMBER,
    "a weight from 0 to 2^20 (1048576)",
    _weight,
    "if the weights are large, divide all weights by a constant: weighted means do not change",
)
ID = Domain("id", _KEY, "an id that is not null", _id)
