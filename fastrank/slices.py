"""Slices: numbers for the values, or combinations of values, of slice columns."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

from fastrank._kernels import slices as kernels
from fastrank.buffers import in_words
from fastrank.errors import ParameterError, StateMismatchError
from fastrank.slice_codes import Codes, TableCodes
from fastrank.slice_columns import PairNumbers, SliceColumn
from fastrank.time_windows import name_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

    from numpy.typing import NDArray

    from fastrank.columns import Columns, Rows
    from fastrank.scratch import Scratch
    from fastrank.time_windows import Window

    Empty = Callable[..., NDArray[Any]]

__all__ = ["DEFAULT_MAX_SLICES", "OTHER", "Slices"]

# The number of a value in each slice column of a grouping.
Key = tuple[int, ...]

DEFAULT_MAX_SLICES = 10_000
# In place of a value: the slice stands for all those of its grouping that are not told apart.
OTHER = -1
# Of the slices past the limit, so many are named.
EXAMPLES = 3


class Slices:
    """Numbers of slices.  Slice 0 is all rows; slice s > 0 is one combination of values of one grouping.

    The slices of a grouping whose columns are some of another's are made of that one's, as all rows are; of such that
    are made of no other (`finest`) there are at most `limit`, as of all.
    """

    def __init__(
        self,
        groupings: Sequence[Sequence[str]],
        limit: int | None = None,
        windows: Mapping[str, Window] | None = None,
    ) -> None:
        self.groupings = tuple(tuple(grouping) for grouping in groupings)
        self.limit = limit
        self.windows = dict(windows or {})
        self.sources = _sources(self.groupings)
        self.columns = {name: SliceColumn(name) for grouping in self.groupings for name in grouping}
        self.keys: list[tuple[int, Key]] = [(0, ())]
        self.others: dict[int, int] = {}  # how many slices those stand for whose key is OTHER
        self._numbers: dict[tuple[int, Key], int] = {(0, ()): 0}
        self._sizes = [1] + [0] * len(self.groupings)
        # By grouping: numbers of the pairs of its first columns with the next; slices by number of the last of these.
        self._pairs = [[PairNumbers() for _ in grouping[1:]] for grouping in self.groupings]
        self._tables = [np.empty(0, np.int32) for _ in self.groupings]
        # By grouping of one column: the table that gives numbers of its values, and one that gives slices instead.
        self._direct: list[tuple[NDArray[np.int32], NDArray[np.int32]] | None] = [None for _ in self.groupings]

    @staticmethod
    def of(groupings: Sequence[Sequence[str | Window]], limit: int | None) -> Slices:
        """Those of groupings of columns and windows."""
        windows = {each.text: each for grouping in groupings for each in grouping if not isinstance(each, str)}
        return Slices([list(map(name_of, grouping)) for grouping in groupings], limit, windows)

    @property
    def column_names(self) -> list[str]:
        """The columns of all groupings, each once."""
        return list(self.columns)

    @property
    def source_columns(self) -> list[str]:
        """The columns that are read for these, each once."""
        return list(dict.fromkeys(self._source(name) for name in self.columns))

    def _source(self, name: str) -> str:
        return self.windows[name].column if name in self.windows else name

    @property
    def count(self) -> int:
        """How many slices there are."""
        return len(self.keys)

    @property
    def types(self) -> dict[str, pa.DataType]:
        """The type of each slice column of which there are values."""
        return {name: column.type for name, column in self.columns.items() if not pa.types.is_null(column.type)}

    # ---- numbers ----

    def _number(self, grouping: int, key: Key) -> int:
        """The number of a slice; the next where it was never seen."""
        full = (grouping, key)
        if full not in self._numbers:
            self._numbers[full] = len(self.keys)
            self.keys.append(full)
            self._sizes[grouping] += 1
        return self._numbers[full]

    def _register(self, keys: Iterable[tuple[int, Key]]) -> list[int]:
        """The numbers of slices, after those that are made of them have theirs."""
        numbers = []
        for g, key in keys:
            numbers.append(self._number(g, key))
            for coarser, (source, places) in self.sources.items():
                if source == g:
                    self._number(coarser, tuple(key[place] for place in places))
        return numbers

    def _check_limit(self, keys: Iterable[tuple[int, Key]]) -> None:
        """ParameterError where there would be too many slices with these."""
        if self.limit is None:
            return
        new: dict[int, list[Key]] = {}
        for full in dict.fromkeys(keys):
            if full not in self._numbers:
                new.setdefault(full[0], []).append(full[1])
        for g, more in new.items():
            count = self._sizes[g] + len(more)
            if count > self.limit:
                names = self.groupings[g - 1]
                examples = "; ".join(self._words(names, key) for key in more[:EXAMPLES])
                raise ParameterError(
                    f"by={list(names)!r} makes more than max_slices={self.limit} slices, such as {examples}: raise "
                    "max_slices (--max-slices), leave rows out (where=, --where), or let other_slices=True "
                    "(--other-slices) add up those with the fewest rows"
                )

    @property
    def finest(self) -> list[int]:
        """The groupings that no other holds all columns of."""
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
                    self._numbers[coarser, tuple(key[place] for place in places)] if g == source else -1
                    for g, key in self.keys
                ],
                np.intp,
            )

    # ---- rows ----

    def codes(self, columns: Columns, seen: Iterable[Rows], scratch: Scratch | None = None) -> list[Codes | None]:
        """The slice of each row, a grouping each; None for grouping 0, where all rows are of slice 0.

        Rows that are not among those `seen` make no slice: theirs is -1 where no other row was of it.
        """
        empty = np.empty if scratch is None else scratch.empty
        for name in self.columns:  # errors come before anything is numbered
            self._array(name, columns)
        result: list[Codes | None] = [None]
        rows: list[Rows] | None = None
        for j in range(len(self.groupings)):
            codes = self._known(j, columns, empty)
            if codes is None:
                combinations = self._combinations(j, columns)
                array, missing = self._of_combinations(j, combinations, empty)
                if missing >= 0:
                    rows = list(seen) if rows is None else rows
                    self._add_seen(j, combinations, rows)
                    array, _ = self._of_combinations(j, combinations, empty)
                codes = Codes(array)
            result.append(codes)
        return result

    def _array(self, name: str, columns: Columns) -> pa.Array:
        """The values of a slice column; an error where they are none."""
        key = "slice column", name
        if key not in columns.derived:
            window = self.windows.get(name)
            array = columns.batch.column(self._source(name))
            array = array if window is None else window.starts(columns.array(window.column))
            self.columns[name].check_type(array)
            columns.derived[key] = array
        return columns.derived[key]

    def _known(self, j: int, columns: Columns, empty: Empty) -> Codes | None:
        """The slices of the rows, where a table has them all."""
        key = "slices", j
        if key not in columns.derived:
            name = self.groupings[j][0]
            array = self._array(name, columns)
            found = None if self._pairs[j] else self.columns[name].table(array)
            if found is None:
                return None
            values, low, numbers = found
            direct = self._direct[j]
            if direct is None or direct[0] is not numbers:
                self._grow_table(j)
                slices = np.append(self._tables[j], np.int32(-1))[numbers]  # -1 stays
                direct = self._direct[j] = numbers, slices
            codes = TableCodes.find(values, low, direct[1], empty)
            if codes is None:
                return None
            columns.derived[key] = codes
        result: Codes = columns.derived[key]
        return result

    def _combinations(self, j: int, columns: Columns) -> NDArray[np.int32]:
        """The number of each row's combination of values."""
        key = "combinations", j
        if key not in columns.derived:
            first, *others = self.groupings[j]
            combined, size = self._codes(first, columns), len(self.columns[first].values)
            for name, of_pairs in zip(others, self._pairs[j], strict=True):
                combined = of_pairs.codes(combined, self._codes(name, columns), (size, len(self.columns[name].values)))
                size = of_pairs.count
            columns.derived[key] = combined
        result: NDArray[np.int32] = columns.derived[key]
        return result

    def _codes(self, name: str, columns: Columns) -> NDArray[np.int32]:
        """The number of the value of each row in a slice column."""
        key = "slice codes", name
        if key not in columns.derived:
            columns.derived[key] = self.columns[name].codes(self._array(name, columns))
        result: NDArray[np.int32] = columns.derived[key]
        return result

    def _of_combinations(self, j: int, combinations: NDArray[np.int32], empty: Empty) -> tuple[NDArray[np.int32], int]:
        """The slices of combinations, and the first row that has none yet, -1 where all have."""
        self._grow_table(j)
        return kernels.look_up(combinations, 0, self._tables[j], empty)

    def _grow_table(self, j: int) -> None:
        """Makes room for the slices of all combinations there are."""
        size = self._pairs[j][-1].count if self._pairs[j] else len(self.columns[self.groupings[j][0]].values)
        table = self._tables[j]
        if table.size < size:
            self._tables[j] = np.concatenate((table, np.full(max(size, 2 * table.size) - table.size, -1, np.int32)))

    def _add_seen(self, j: int, combinations: NDArray[np.int32], rows: Iterable[Rows]) -> None:
        """Gives numbers to the slices of rows that are seen, or were dropped."""
        parts = [combinations[:0]]
        for each in rows:
            parts.append(each.select(combinations))
            if each.dropped is not None:
                parts.append(combinations[each.dropped])
        distinct = np.unique(np.concatenate(parts))
        new = distinct[self._tables[j][distinct] < 0].tolist()
        keys = [(j + 1, self._key(j, combination)) for combination in new]
        self._check_limit(keys)
        self._tables[j][new] = self._register(keys)
        self._direct[j] = None

    def _key(self, j: int, combination: int) -> Key:
        """The values of a combination."""
        key: tuple[int, ...] = ()
        for pairs in reversed(self._pairs[j]):
            combination, last = pairs[combination]
            key = (last, *key)
        return combination, *key

    # ---- other states ----

    def check_merge(self, other: Slices) -> None:
        """StateMismatchError where another state is sliced by other columns, or by columns of other types; a
        ParameterError where there would be too many slices."""
        if other.groupings != self.groupings:
            raise StateMismatchError(
                f"the states are sliced differently: by={[list(g) for g in self.groupings]} here, "
                f"by={[list(g) for g in other.groupings]} there"
            )
        mine = self.types
        for name, kind in other.types.items():
            if mine.get(name, kind) != kind:
                raise StateMismatchError(f"slice column {name!r} is of type {mine[name]} here, of type {kind} there")
        self._check_limit(self._translated(other))

    def merge(self, other: Slices) -> NDArray[np.intp]:
        """The number here of each slice of another."""
        return np.array(self._register(self._translated(other)), np.intp)

    def _translated(self, other: Slices) -> list[tuple[int, Key]]:
        """The keys of another's slices as they are here."""
        codes = {name: self.columns[name].numbers(other.columns[name].values).tolist() for name in self.columns}
        of_grouping = [(), *([codes[name] for name in grouping] for grouping in self.groupings)]
        return [(g, tuple(map(list.__getitem__, of_grouping[g], key))) for g, key in other.keys]

    @staticmethod
    def read(groupings: Sequence[Sequence[str]], numbers: Sequence[int], columns: Mapping[str, pa.Array]) -> Slices:
        """Slices in the order in which they stand in a state: the number of the grouping of each, and its values;
        StateMismatchError where one stands in it twice, or the overall row is not the first."""
        slices = Slices(groupings)
        codes = {name: column.numbers(columns[name]).tolist() for name, column in slices.columns.items()}
        for row, g in enumerate(numbers):
            key = tuple(codes[name][row] for name in (slices.groupings[g - 1] if g else ()))
            if slices._number(g, key) != row:
                raise StateMismatchError(
                    "the state is damaged: a slice stands in it twice, or not the overall row first"
                )
        slices._register(list(slices.keys))
        if slices.count != len(numbers):
            raise StateMismatchError("the state is damaged: it lacks a slice that others are part of")
        return slices

    # ---- what is shown ----

    def column(self, name: str, order: Sequence[int]) -> pa.Array:
        """The values of a slice column, for slices in an order; null where it is not of the slice's grouping."""
        places = [grouping.index(name) if name in grouping else None for grouping in ((), *self.groupings)]
        codes = []
        for s in order:
            g, key = self.keys[s]
            place = places[g]
            codes.append(-1 if place is None else key[place])
        return self.columns[name].take(np.array(codes, np.int32))

    def folded(self, rows: NDArray[np.int64], held: NDArray[np.bool_], most: int) -> tuple[Slices, NDArray[np.intp]]:
        """(at most so many slices of each grouping, those with most `rows`, and one for its others; the number there of
        each slice here, -1 where it is not `held` and so none is).  These themselves where there are no more."""
        order = self.display_order()
        members: list[list[int]] = [[] for _ in range(len(self.groupings) + 1)]
        for s in order:
            if held[s]:
                members[self.keys[s][0]].append(s)
        if all(len(found) <= most for found in members):
            return self, np.arange(self.count)
        result = Slices(self.groupings)
        result.columns = self.columns
        numbers = np.full(self.count, -1, np.intp)
        numbers[0] = 0
        for g, found in enumerate(members[1:], start=1):
            kept = [found[i] for i in np.argsort(-rows[found], kind="stable").tolist()]
            for s in kept[:most]:
                numbers[s] = result._number(*self.keys[s])
            if kept[most:]:
                other = result._number(g, (OTHER,) * len(self.groupings[g - 1]))
                numbers[kept[most:]] = other
                result.others[other] = len(kept) - most
        return result, numbers

    def in_words(self, s: int) -> str:
        """Which slice it is, to end a message with; nothing of all rows."""
        g, key = self.keys[s]
        return f" (slice {self._words(self.groupings[g - 1], key)})" if g else ""

    def _words(self, names: Sequence[str], key: Key) -> str:
        values = [self.columns[name].values for name in names]
        return ", ".join(
            f"{name}={'other' if code == OTHER else in_words(of[code])}"
            for name, of, code in zip(names, values, key, strict=True)
        )

    def display_order(self) -> list[int]:
        """Slices in an order that does not depend on the order of rows: by grouping, then by key, nulls last."""
        members: list[list[int]] = [[] for _ in range(len(self.groupings) + 1)]
        for s, (g, _) in enumerate(self.keys):
            members[g].append(s)
        # A value's rank; that of what stands for others, number -1, is the last.
        ranks = {name: np.append(column.ranks(), len(column.values)) for name, column in self.columns.items()}
        order = members[0]
        for grouping, found in zip(self.groupings, members[1:], strict=True):
            codes = np.array([self.keys[s][1] for s in found], np.intp).reshape(-1, len(grouping))
            by = [ranks[name][codes[:, i]] for i, name in enumerate(grouping)]
            order = order + [found[i] for i in np.lexsort(by[::-1]).tolist()]
        return order


def _sources(groupings: Sequence[Sequence[str]]) -> dict[int, tuple[int, tuple[int, ...]]]:
    """By grouping whose slices are made of those of a finer one: that one, and where its columns stand there.  All
    rows, grouping 0 of no columns, are made of the slices of any other."""
    columns: list[tuple[str, ...]] = [(), *map(tuple, groupings)]
    finer = [[f for f, other in enumerate(columns) if set(names) < set(other)] for names in columns]
    sources = {}
    for g, names in enumerate(columns):
        source = next((f for f in finer[g] if not finer[f]), None)
        if source is not None:
            sources[g] = source, tuple(columns[source].index(name) for name in names)
    return sources
