"""Slices: numbers for the values, or combinations of values, of slice columns."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from fastrank.buffers import buffer_view, is_id, to_arrow
from fastrank.errors import ColumnTypeError, StateMismatchError
from fastrank.ids import plain_ids

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from numpy.typing import NDArray

    from fastrank.columns import Columns

__all__ = ["Slices"]

Key = tuple["pa.Scalar | None", ...]


class Slices:
    """Numbers of slices.  Slice 0 is all rows; slice s > 0 is one combination of values of one grouping."""

    def __init__(self, groupings: Sequence[Sequence[str]]) -> None:
        self.groupings = tuple(tuple(grouping) for grouping in groupings)
        self.sources = _sources(self.groupings)
        self.types: dict[str, pa.DataType] = {}
        self.keys: list[tuple[int, Key]] = [(0, ())]
        self._numbers: dict[tuple[int, Key], int] = {(0, ()): 0}

    @property
    def column_names(self) -> list[str]:
        """The columns of all groupings, each once."""
        return list(dict.fromkeys(name for grouping in self.groupings for name in grouping))

    @property
    def count(self) -> int:
        """How many slices there are."""
        return len(self.keys)

    def number(self, grouping: int, key: Key) -> int:
        """The number of a slice; a new one where it was never seen.  Grouping 0 is the overall row."""
        full = (grouping, key)
        if full not in self._numbers:
            self._numbers[full] = len(self.keys)
            self.keys.append(full)
            for coarser, (source, places) in self.sources.items():
                if source == grouping:
                    self.number(coarser, tuple(key[place] for place in places))
        return self._numbers[full]

    @staticmethod
    def read(groupings: Sequence[Sequence[str]], numbers: Sequence[int], columns: Mapping[str, pa.Array]) -> Slices:
        """Slices from the grouping and the columns of each; StateMismatchError where they are none."""
        slices = Slices(groupings)
        sources, slices.sources = slices.sources, {}  # those of coarser groupings stand there themselves
        if not all(0 <= g <= len(slices.groupings) for g in numbers):
            raise StateMismatchError("the state is damaged: a number of its column 'grouping' is of no grouping")
        for name, array in columns.items():
            slices.set_type(name, array.type)
        for row, g in enumerate(numbers):
            key = (columns[name][row] for name in (slices.groupings[g - 1] if g else ()))
            if slices.number(g, tuple(value if value.is_valid else None for value in key)) != row:
                raise StateMismatchError(
                    "the state is damaged: a slice stands in it twice, or not the overall row first"
                )
        slices.sources = sources
        return slices

    @property
    def finest(self) -> list[int]:
        """The groupings that no other holds all columns of: the slices of all others are made of theirs."""
        return [g for g in range(len(self.groupings) + 1) if g not in self.sources]

    @property
    def derived(self) -> NDArray[np.intp]:
        """The slices that are made of others."""
        return np.array([s for s, (g, _) in enumerate(self.keys) if g in self.sources], np.intp)

    def derivations(self) -> Iterator[NDArray[np.intp]]:
        """For each grouping that is made of another's slices: of which slice each slice is part, -1 for the others'."""
        for coarser, (source, places) in self.sources.items():
            yield np.array(
                [
                    self.number(coarser, tuple(key[place] for place in places)) if g == source else -1
                    for g, key in self.keys
                ],
                np.intp,
            )

    def set_type(self, name: str, kind: pa.DataType) -> None:
        """Fixes the type of a slice column when first seen."""
        self.check_type(name, kind)
        if not pa.types.is_null(kind):
            self.types[name] = kind

    def check_type(self, name: str, kind: pa.DataType) -> None:
        """ColumnTypeError where a slice column was of another type before; a column of nulls is of any type."""
        if not pa.types.is_null(kind) and self.types.get(name, kind) != kind:
            raise ColumnTypeError(
                f"column {name!r} (by) is of type {kind}, but was of type {self.types[name]} before; a slice column "
                "has one type in all batches and states"
            )

    def check_merge(self, other: Slices) -> None:
        """StateMismatchError where another state is sliced by other columns, or by columns of other types."""
        if other.groupings != self.groupings:
            raise StateMismatchError(
                f"the states are sliced differently: by={[list(g) for g in self.groupings]} here, "
                f"by={[list(g) for g in other.groupings]} there"
            )
        for name, kind in other.types.items():
            if self.types.get(name, kind) != kind:
                raise StateMismatchError(
                    f"slice column {name!r} is of type {self.types[name]} here, of type {kind} there"
                )

    def column(self, name: str, order: Sequence[int]) -> pa.Array:
        """The values of a slice column, for slices in an order; null where it is not of the slice's grouping."""
        kind = self.types.get(name, pa.null())
        parts = []
        for g, key in (self.keys[s] for s in order):
            grouping = self.groupings[g - 1] if g else ()
            value = key[grouping.index(name)] if name in grouping else None
            parts.append(pa.nulls(1, kind) if value is None else pa.repeat(value, 1))
        return pa.concat_arrays(parts)

    def in_words(self, s: int) -> str:
        """Which slice it is, to end a message with; nothing of all rows."""
        g, key = self.keys[s]
        names = self.groupings[g - 1] if g else ()
        texts = [f"{name}={_value_in_words(value)}" for name, value in zip(names, key, strict=True)]
        return f" (slice {', '.join(texts)})" if texts else ""

    def display_order(self) -> list[int]:
        """Slices in an order that does not depend on the order of rows: by grouping, then by key, nulls last."""
        order: list[int] = []
        for g in range(len(self.groupings) + 1):
            members = [s for s, (grouping, _) in enumerate(self.keys) if grouping == g]
            if g == 0 or not members:
                order += members
                continue
            columns = [self.column(name, members) for name in self.groupings[g - 1]]
            keys = pa.RecordBatch.from_arrays(columns, names=[str(j) for j in range(len(columns))])
            ranks = pc.sort_indices(keys, sort_keys=[(name, "ascending") for name in keys.schema.names])
            order += [members[i] for i in ranks.to_pylist()]
        return order

    def codes(self, columns: Columns) -> list[NDArray[np.int32] | None]:
        """The slice of each row, a grouping each; None for grouping 0, where all rows are of slice 0."""
        if "slices" not in columns.derived:
            columns.derived["slices"] = self._codes(columns)
        codes: list[NDArray[np.int32] | None] = columns.derived["slices"]
        return codes

    def _codes(self, columns: Columns) -> list[NDArray[np.int32] | None]:
        kinds = {name: self._fitting_type(columns.array(name), name) for name in self.column_names}
        for name, kind in kinds.items():
            self.set_type(name, kind)
        encoded = {name: _encode(columns, name) for name in self.column_names}
        result: list[NDArray[np.int32] | None] = [None]
        for j, grouping in enumerate(self.groupings, start=1):
            codes, first = _combine([encoded[name] for name in grouping])
            keys = zip(*(_key_values(columns.array(name), first) for name in grouping), strict=True)
            numbers = np.fromiter((self.number(j, key) for key in keys), np.int32, len(first))
            result.append(numbers[codes])
        return result

    def _fitting_type(self, array: pa.Array, name: str) -> pa.DataType:
        if not is_id(array.type):
            raise ColumnTypeError(
                f"column {name!r} (by) is of type {array.type}; allowed: integer, string, binary, bool, date, time, "
                "timestamp, decimal, or a dictionary of these"
            )
        kind = plain_ids(array.slice(0, 0)).type
        self.check_type(name, kind)
        return kind


def _sources(groupings: Sequence[Sequence[str]]) -> dict[int, tuple[int, tuple[int, ...]]]:
    """By grouping whose slices are made of those of a finer one: that one, and where the columns stand there.  All rows,
    grouping 0 of no columns, are made of the slices of any other."""
    columns: list[tuple[str, ...]] = [(), *map(tuple, groupings)]
    finer = [[f for f, other in enumerate(columns) if set(names) < set(other)] for names in columns]
    sources = {}
    for g, names in enumerate(columns):
        source = next((f for f in finer[g] if not finer[f]), None)
        if source is not None:
            sources[g] = source, tuple(columns[source].index(name) for name in names)
    return sources


def _value_in_words(value: pa.Scalar | None) -> str:
    if value is None:
        return "null"
    try:
        return repr(value.as_py())
    except (ValueError, OverflowError, pa.ArrowException):
        # Nanoseconds without pandas, years past 9999, unknown time zones.
        return str(value.cast(pa.string()))


def _encode(columns: Columns, name: str) -> tuple[NDArray[np.int64], int]:
    """Codes of a column from 0 on, and how many there are."""
    encoded = plain_ids(columns.array(name)).dictionary_encode(null_encoding="encode")
    return buffer_view(encoded.indices, np.int32).astype(np.int64), len(encoded.dictionary)


def _combine(columns: Sequence[tuple[NDArray[np.int64], int]]) -> tuple[NDArray[np.int64], NDArray[np.intp]]:
    """Codes of the combinations of several columns, from 0 on, and a row that has each."""
    codes, count = columns[0]
    for more, size in columns[1:]:
        # Made dense again at each step, so that products of many columns do not overflow.
        distinct, codes = np.unique(codes * size + more, return_inverse=True)
        count = distinct.size
    first = np.zeros(count, np.intp)
    first[codes[::-1]] = np.arange(codes.size)[::-1]
    return codes, first


def _key_values(array: pa.Array, rows: NDArray[np.intp]) -> list[pa.Scalar | None]:
    """The values of some rows; None for null, which is the same in every type."""
    values = plain_ids(array.take(to_arrow(rows)))
    return [value if value.is_valid else None for value in values]
