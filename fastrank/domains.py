"""What a column may hold in its role, and the form in which kernels get it.

A domain's view turns an Arrow array of any type that fits into a typed read-only NumPy array (ids stay Arrow), and
marks the rows that lie outside.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from fastrank._kernels import checks
from fastrank.buffers import booleans, buffer_view, is_id, is_list, null_mask, plain

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from numpy.typing import NDArray

__all__ = [
    "AMOUNT",
    "ID",
    "IDS",
    "PROBABILITY",
    "PROPENSITY",
    "RANK",
    "REAL",
    "SCORE",
    "SHARE",
    "UNJUDGED",
    "WEIGHT",
    "Beside",
    "Column",
    "Domain",
    "Misfit",
    "Unfit",
    "grades",
    "in_units",
    "interval",
    "list_scores",
]

# Scores and targets are compared and summed as float64, which holds integers exactly up to here.
LARGEST_EXACT_INTEGER = 2**53
LARGEST_SMALL_GRADE = 31
LARGEST_BYTE = 127  # of which signed and unsigned bytes are the same
# The label of a row that nobody judged: below every grade.
UNJUDGED = -np.inf
# Weights and sums of numbers up to here stay within float64.
SMALL_BITS = 16  # of an integer type of which float32 holds all values
LARGEST_NUMBER = 2.0**1000
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
    """What a column may hold in a role; `reading` tells apart domains that give one value two meanings.

    `whole` marks the rows [rows, entries], in lists or in all columns that play the role, whose entries do not fit
    together.  Floats that are all known and lie between the `ends` fit as they stand.  Where `beside` is given, what a
    row may hold, or stands for, depends on another column of the row.
    """

    name: str
    types: str
    allowed: str
    view: Callable[[pa.Array], Column] = field(compare=False, repr=False)
    hint: str = ""
    reading: str = ""
    whole: Callable[[NDArray[Any]], NDArray[np.bool_]] | None = field(default=None, compare=False, repr=False)
    ends: tuple[float, float] | None = field(default=None, compare=False, repr=False)
    codings: bool = False  # whether negative rows have the label 0, or -1: see `fastrank.negatives`
    beside: Beside | None = field(default=None, compare=False, repr=False)
    classes: Domain | None = field(default=None, compare=False, repr=False)  # in its place where classes have weights
    # Of labels of classes: (how a column of them is read as numbers of classes, the factor of each number), from the
    # weight of some labels and the rate at which negative rows were kept.  See `fastrank.class_weights`.
    by_class: Callable[[Mapping[Any, float], float], tuple[Domain, list[float]]] | None = field(
        default=None, compare=False, repr=False
    )

    @property
    def numeric(self) -> bool:
        """Whether values are numbers, as which files of text are read then."""
        return self.types == NUMBER

    @property
    def of_lists(self) -> bool:
        """Whether each row holds a list."""
        return self.types.startswith("list")


@dataclass(frozen=True)
class Beside:
    """The role of another column that is read with a column, in its own domain or in another, and what both give: the
    domain by which an error tells what is allowed, and the column."""

    role: str
    fit: Callable[[Domain, Column, Column], tuple[Domain, Column]]
    domain: Domain | None = None


class Unfit(Exception):
    """A type cannot play a role; the text says which can."""


class Misfit(Exception):
    """A row holds what does not fit the rows around it, so that none of them can be dropped."""

    def __init__(self, row: int, found: str, allowed: str) -> None:
        super().__init__(row, found, allowed)
        self.row, self.found, self.allowed = row, found, allowed


def numbers(array: pa.Array, allowed: str) -> Column:
    """Any numeric array as NumPy, zero in place of nulls, in its own type where NumPy has it."""
    kind = array.type
    if pa.types.is_null(kind):
        return Column(np.zeros(len(array), np.float64), np.ones(len(array), np.bool_))
    if pa.types.is_boolean(kind):
        values: NDArray[Any] = booleans(array).view(np.uint8)
    elif pa.types.is_decimal(kind):
        # By way of text each becomes the nearest float64; a direct cast may be an ulp off, even of 1.
        values = buffer_view(pc.cast(pc.cast(array, pa.string()), pa.float64()), np.float64)
    elif kind in _NUMPY_TYPES:
        values = buffer_view(array, _NUMPY_TYPES[kind])
    else:
        raise Unfit(allowed)
    nulls = null_mask(array)
    if nulls is not None:
        values = np.where(nulls, values.dtype.type(0), values)
    return Column(values, nulls)


def either(a: NDArray[np.bool_] | None, b: NDArray[np.bool_] | None) -> NDArray[np.bool_] | None:
    return b if a is None else a if b is None else a | b


def floats(array: pa.Array, types: str = "") -> Column:
    """Numbers as float32 or float64, none of them rounded."""
    values, invalid = numbers(array, types or NUMBER)
    if values.dtype == np.float16:
        values = values.astype(np.float32)
    wide = values if values.dtype.kind == "f" else values.astype(np.float64)
    most = LARGEST_EXACT_INTEGER - 1.0
    if is_exact(array.type) and values.dtype.itemsize == 8 and checks.any_outside(wide, -most, most):
        # An integer of 2^53 is allowed; a decimal was rounded already: what is 2^53 now may have been more.
        limit = LARGEST_EXACT_INTEGER - (values.dtype.kind == "f")
        too_large = values > limit
        if values.dtype.kind != "u":
            too_large |= values < -limit
        invalid = either(invalid, too_large if too_large.any() else None)
    return Column(wide, invalid)


def is_exact(kind: pa.DataType) -> bool:
    """Whether values of a type are exact numbers, of which float64 holds only those up to 2^53."""
    return bool(pa.types.is_integer(kind) or pa.types.is_decimal(kind))


def _interval(low: float, high: float, or_zero: bool = False) -> Callable[[pa.Array], Column]:
    """View as floats of which none is NaN or outside [low, high], but for 0 where that is allowed."""

    def view(array: pa.Array) -> Column:
        if is_list(array.type):
            raise Unfit(f"{NUMBER}, one a row: array[:, 1] of two dimensions; only multiclass metrics take lists")
        values, invalid = floats(array)
        if checks.any_outside(values, low, high):
            outside = ~((values >= low) & (values <= high))
            outside &= ~(or_zero & (values == 0))
            invalid = either(invalid, outside if outside.any() else None)
        return Column(values, invalid)

    return view


def interval(name: str, allowed: str, low: float, high: float, *, or_zero: bool = False) -> Domain:
    """Numbers from `low` to `high`, and 0 where that is allowed."""
    return Domain(name, NUMBER, allowed, _interval(low, high, or_zero), ends=(low, high))


def _finite(array: pa.Array) -> Column:
    if (pa.types.is_integer(array.type) or pa.types.is_boolean(array.type)) and array.type.bit_width <= SMALL_BITS:
        values, invalid = numbers(array, NUMBER)
        if values.dtype.itemsize == 1 and not checks.any_above(values.view(np.uint8), LARGEST_BYTE):
            return Column(values.view(np.uint8), invalid)  # kernels read bytes as they stand
        return Column(values.astype(np.float32), invalid)
    values, invalid = floats(array)
    limit = min(float(np.finfo(values.dtype).max), LARGEST_NUMBER)
    if checks.any_outside(values, -limit, limit):
        invalid = either(invalid, ~(np.abs(values) <= limit))
    return Column(values, invalid)


def _amount(array: pa.Array) -> Column:
    values, invalid = _finite(array)
    below = values < 0
    return Column(values, either(invalid, below if below.any() else None))


def small_integers(array: pa.Array, top: int, types: str) -> tuple[NDArray[np.uint8], bool, Column]:
    column = numbers(array, types)
    values = column.values.astype(np.float32) if column.values.dtype == np.float16 else column.values
    if values.dtype.itemsize == 1 and not checks.any_above(values.view(np.uint8), top):
        # Seen as unsigned, negative bytes are above any grade: these are small integers as they stand.
        return values.view(np.uint8), True, Column(values, column.invalid)
    small, fits = checks.to_small(values, top)
    return small, fits, Column(values, column.invalid)


def _grade(array: pa.Array) -> Column:
    """Graded relevance: bytes where all labels are integers in 0..31, else float64."""
    small, fits, (_, invalid) = small_integers(array, LARGEST_SMALL_GRADE, NUMBER)
    if fits:
        return Column(small, invalid)
    values, invalid = _finite(array)
    return Column(values.astype(np.float64), invalid)


def _weight(array: pa.Array) -> Column:
    """Weights as float64 multiples of 2^-72."""
    values, invalid = _interval(0.0, LARGEST_WEIGHT)(array)
    return Column(in_units(values), invalid)


def in_units(weights: NDArray[np.floating]) -> NDArray[np.float64]:
    """Weights as float64, rounded to multiples of 2^-72."""
    return checks.rounded(weights, WEIGHT_ROUNDER)


def _id(array: pa.Array) -> Column:
    """Ids stay Arrow arrays."""
    if not is_id(array.type):
        raise Unfit(_KEY)
    return Column(array, null_mask(array))


def _ids(array: pa.Array) -> Column:
    """Ids, or lists of ids, stay Arrow arrays; a null row has none, a null in a list is invalid."""
    if not is_list(array.type):
        if not is_id(array.type):
            raise Unfit(_KEYS)
        return Column(array, None)
    entries = plain(pc.list_flatten(array))
    if not is_id(entries.type):
        raise Unfit(_KEYS)
    nulls = null_mask(entries)
    if nulls is None:
        return Column(array, None)
    invalid = np.zeros(len(array), np.bool_)
    invalid[buffer_view(pc.cast(pc.list_parent_indices(array), pa.int64()), np.int64)[nulls]] = True
    return Column(array, invalid)


def grades(
    *,
    unjudged: bool = False,
    negative: bool = True,
    top: int | None = None,
    listed: tuple[tuple[float, float], ...] | None = None,
) -> Domain:
    """Graded relevance: any finite number, or integers up to `top`, or the labels of a table of gains.

    `unjudged`: a null is the label of a row that nobody judged; `negative`: so are negative labels, else refused.
    """
    labels = [label for label, _ in listed or ()]

    def view(array: pa.Array) -> Column:
        values, invalid = _grade(array)
        refused = []
        if top is not None and values.dtype == np.uint8:
            refused.append(values > top)
        elif top is not None:
            refused.append((values > top) | (values != np.floor(values)))
        if values.dtype == np.float64 and not negative:
            refused.append(values < 0)
        if listed is not None:
            refused.append(~np.isin(values, labels))
        for bad in refused:
            invalid = either(invalid, bad if bad.any() else None)
        nulls = null_mask(array) if unjudged else None
        if nulls is not None:
            values = np.where(nulls, UNJUDGED, values)
            invalid = None if invalid is None else invalid & ~nulls
        return Column(values, invalid)

    texts = ", ".join(str(int(label)) if label.is_integer() else repr(label) for label in labels)
    name, allowed = "grade", "a finite number"
    if top is not None:
        name, allowed = f"integer grade up to {top}", f"an integer up to {top}"
    elif listed is not None:
        name, allowed = f"grade of {texts}", f"a label that has a gain: {texts}"
    if not negative:
        name, allowed = f"{name}, not negative", f"{allowed}, not negative"
    name += ", or null" if unjudged else ""
    allowed += ", or null where nobody judged the row; not NaN" if unjudged else ", neither null nor NaN"
    return Domain(name, NUMBER, allowed, view)


def list_scores(nan: str) -> Domain:
    """Scores of ranked lists: NaN in place of nulls, whose rows were judged but not retrieved.  A NaN is invalid
    ("error"), ranks with negative infinity ("last"), or stands for a null ("drop")."""

    def view(array: pa.Array) -> Column:
        values, invalid = floats(array)
        nulls = null_mask(array)
        unknown = np.isnan(values) if checks.any_outside(values, -np.inf, np.inf) else None
        if nulls is not None:
            invalid = None if invalid is None else invalid & ~nulls
            values = np.where(nulls, values.dtype.type(np.nan), values)
        if unknown is not None and nan == "error":
            invalid = either(invalid, unknown)
        elif unknown is not None and nan == "last":
            values = np.where(unknown, values.dtype.type(-np.inf), values)
        return Column(values, invalid)

    allowed = "a number, or null where the row was judged but not retrieved" + ("; not NaN" if nan == "error" else "")
    hint = 'nan_score="last" or "drop" accepts NaN' if nan == "error" else ""
    reading = "" if nan == "error" else f"NaN: {nan}"
    return Domain(f"score, NaN: {nan}", NUMBER, allowed, view, hint, reading)


def _rank(array: pa.Array) -> Column:
    """Ranks as scores: the lower the rank, the higher the score; NaN in place of nulls."""
    values, invalid = floats(array)
    nulls = null_mask(array)
    values = -values.astype(np.float64)
    bad = ~(values <= -1) | (values != np.floor(values)) | (values < -LARGEST_EXACT_INTEGER)
    if nulls is not None:
        bad &= ~nulls
        values = np.where(nulls, np.nan, values)
        invalid = None if invalid is None else invalid & ~nulls
    return Column(values, either(invalid, bad if bad.any() else None))


NUMBER = "integer, float, bool or decimal"
_KEY = "integer, string, binary, bool, date, time, timestamp, decimal or dictionary"
_KEYS = f"{_KEY}, or a list of one of these"

REAL = Domain("real", NUMBER, "a finite number, neither null nor NaN", _finite, ends=(-LARGEST_NUMBER, LARGEST_NUMBER))
SCORE = interval("score", "a number, neither null nor NaN", -np.inf, np.inf)
RANK = Domain("rank", NUMBER, "an integer from 1 to 2^53, or null where the row was judged but not retrieved", _rank)
PROBABILITY = interval("probability", "a probability in [0, 1]", 0.0, 1.0)
AMOUNT = Domain("amount", NUMBER, "a finite number from 0", _amount)
PROPENSITY = interval("propensity", "a probability above 0, up to 1", 2.0**-1022, 1.0)
WEIGHT = Domain(
    "weight",
    NUMBER,
    "a weight from 0 to 2^20 (1048576)",
    _weight,
    "if the weights are large, divide all weights by a constant: weighted means do not change",
)
SHARE = interval("share", "a share above 0, up to 1", 2.0**-1074, 1.0)
ID = Domain("id", _KEY, "an id that is not null", _id)
IDS = Domain("ids", _KEYS, "an id, a list of ids without nulls, or null where there is none", _ids)
