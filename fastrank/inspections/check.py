"""One pass over columns: nulls, NaN and infinities, the least and the largest value, and what lies outside the domains
of roles."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from fastrank.buffers import in_words, is_id, is_list, plain
from fastrank.domains import ID, PROBABILITY, REAL, SCORE, WEIGHT, Unfit, grades
from fastrank.errors import ColumnTypeError, MissingColumnError, SourceError
from fastrank.ids import row_ids
from fastrank.inspections.footers import plain_type, without_name
from fastrank.inspections.queries import QueryCheck
from fastrank.inspections.roles import FEW_VALUES
from fastrank.labels import BINARY

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from fastrank.domains import Domain
    from fastrank.inspections.queries import QueryOrder
    from fastrank.sources import Source

__all__ = ["DOMAINS", "Check", "Outside", "Values", "check_rows"]

LARGEST_EXP2_GRADE = 52  # of gain="exp2"
# What metrics may ask of a column in a role, the strictest first.
DOMAINS: dict[str, tuple[Domain, ...]] = {
    "label": (BINARY, grades(top=LARGEST_EXP2_GRADE), REAL),
    "score": (PROBABILITY, SCORE),
    "query": (ID,),
    "item": (ID,),
    "weight": (WEIGHT,),
}


@dataclass
class Values:
    """What a column holds.

    Attributes
    ----------
    column : str
        Its name.
    rows, nulls, nan, infinite : int
        How many there are; of NaN and infinities, of columns of numbers.  Of a column of lists, entries.
    least, largest : object
        Of all that is neither null nor NaN; None where there is nothing.
    distinct : int or None
        Distinct values of a column of slices, nulls not counted; `FEW_VALUES` + 1 where there are more.
    """

    column: str
    rows: int = 0
    nulls: int = 0
    nan: int = 0
    infinite: int = 0
    least: Any = None
    largest: Any = None
    distinct: int | None = None

    def add(self, array: pa.Array) -> None:
        """Takes values in a plain layout."""
        self.rows += len(array)
        self.nulls += array.null_count
        if pa.types.is_float16(array.type):
            array = array.cast(pa.float32())
        if pa.types.is_floating(array.type):
            self.nan += _count(pc.is_nan(array))
            self.infinite += _count(pc.is_inf(array))
        try:
            found = pc.min_max(array)
        except (pa.ArrowNotImplementedError, pa.ArrowInvalid):
            return  # of a type without an order
        low, high = _value(found["min"]), _value(found["max"])
        if low is None or low != low:
            return  # nothing but nulls and NaN
        with suppress(TypeError):  # of another type than in the files before
            self.least = low if self.least is None else min(self.least, low)
            self.largest = high if self.largest is None else max(self.largest, high)


@dataclass
class Outside:
    """Rows of a column that a domain does not allow.

    Attributes
    ----------
    column, role, domain, allowed : str
        The column, its role, the domain and what that allows.
    rows : int
        How many there are.
    first : str
        The first of them, in words; empty where there is none, the reason where the type does not fit.
    """

    column: str
    role: str
    domain: str
    allowed: str
    rows: int = 0
    first: str = ""


@dataclass
class Check:
    """What one pass over the rows found.

    Attributes
    ----------
    values : list of Values
        By column.
    outside : list of Outside
        By column and domain of its role.
    queries : dict of str to QueryOrder
        By column of ids of queries.
    """

    values: list[Values]
    outside: list[Outside]
    queries: dict[str, QueryOrder]


class _Checker:
    def __init__(self, columns: Mapping[str, Sequence[str]]) -> None:
        names = list(dict.fromkeys(name for names in columns.values() for name in names))
        self.names = names
        self.values = {name: Values(name) for name in names}
        self.outside = [
            (Outside(name, role, domain.name, domain.allowed), domain)
            for role, domains in DOMAINS.items()
            for name in columns.get(role, ())
            for domain in domains
        ]
        self.queries = {name: QueryCheck() for name in columns.get("query", ())}
        self.distinct = {name: np.empty(0, np.uint64) for name in columns.get("by", ())}

    def add(self, batch: pa.RecordBatch, describe_row: Callable[[int], str]) -> None:
        arrays = {name: plain(batch.column(name)) for name in self.names}
        entries = {name: plain(pc.list_flatten(each)) if is_list(each.type) else each for name, each in arrays.items()}
        for name, values in self.values.items():
            values.add(entries[name])
        for found, domain in self.outside:
            array = entries[found.column]
            try:
                invalid = domain.view(array).invalid
            except Unfit as error:
                found.rows += len(array)
                found.first = found.first or f"it is of type {array.type}; allowed: {error}"
                continue
            if invalid is None or not invalid.any():
                continue
            found.rows += int(np.count_nonzero(invalid))
            if not found.first:
                i = int(invalid.argmax())
                whole = arrays[found.column]
                row = pc.list_parent_indices(whole)[i].as_py() if is_list(whole.type) else i
                found.first = f"{describe_row(row)} holds {in_words(array[i])}"
        for name, queries in self.queries.items():
            if is_id(arrays[name].type):
                queries.add(arrays[name].drop_null())
        for name, known in self.distinct.items():
            if known.size <= FEW_VALUES and is_id(arrays[name].type):
                more = np.union1d(known, row_ids(arrays[name].drop_null().unique()))
                self.distinct[name] = more[: FEW_VALUES + 1]

    def result(self) -> Check:
        for name, known in self.distinct.items():
            self.values[name].distinct = known.size
        orders = {name: queries.result() for name, queries in self.queries.items()}
        return Check(
            list(self.values.values()),
            [found for found, _ in self.outside],
            {name: order for name, order in orders.items() if order is not None},
        )


def check_rows(
    source: Source,
    columns: Mapping[str, Sequence[str]],
    unreadable: dict[str, str],
    advance: Callable[[int], None] | None = None,
) -> Check:
    """Reads columns once.

    Parameters
    ----------
    source : Source
        The rows.
    columns : mapping of str to sequence of str
        The columns in each role.
    unreadable : dict of str to str
        Takes the files of which rows cannot be read, and why; their rows up to there count.
    advance : callable, optional
        Gets the number of rows of each batch.

    Returns
    -------
    Check

    Raises
    ------
    ColumnTypeError
        A column of queries or slices holds no ids.
    """
    checker = _Checker(columns)
    numeric = [name for role in ("label", "score", "weight") for name in columns.get(role, ())]
    # Of the whole first: a name that the source does not know is no fault of a file.
    source.batches(checker.names, numeric)
    for role in ("query", "by"):
        for name in columns.get(role, ()):
            kind = source.schema.field(name).type
            if not is_id(plain_type(kind)):
                raise ColumnTypeError(f"column {name!r} ({role}) is of type {kind}; allowed: {ID.types}")
    for each in source.by_file():
        try:
            # File by file, so that one that is damaged does not keep the others from being read.
            for batch, origin in each.batches(checker.names, numeric):
                checker.add(batch, origin.describe)
                if advance is not None:
                    advance(batch.num_rows)
        except (SourceError, MissingColumnError) as error:
            if not each.files:
                raise
            unreadable[each.files[0]] = without_name(error, each.files[0])
    return checker.result()


def _count(mask: pa.Array) -> int:
    return int(pc.sum(mask).as_py() or 0)


def _value(scalar: pa.Scalar) -> Any:
    """A value as Python compares it; moments as text, since not all have a Python form without pandas."""
    if not scalar.is_valid or not pa.types.is_temporal(scalar.type):
        return scalar.as_py()
    try:
        return str(scalar.cast(pa.string()))
    except pa.ArrowException:
        return in_words(scalar)
