"""What is kept by item or by group of items: how often each was shown, and how much attention it got."""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING, Any

import numpy as np

from fastrank._kernels import diversity, exact_sum
from fastrank.accumulators.base import Field, ListAccumulator
from fastrank.accumulators.sums import digits_to_fraction
from fastrank.buffers import to_arrow
from fastrank.ids import id_texts, row_ids
from fastrank.measures.discounts import LOGARITHMIC
from fastrank.measures.shown import shown_rows
from fastrank.ranked import rank

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from fastrank.lists import Lists
    from fastrank.ranked import RankedLists

__all__ = ["Exposures", "GroupExposure", "ItemCounts", "ShownCounts"]

# Keys wait in a slice until there are this many, or as many as it has distinct ones: each then takes part in a number
# of merges that grows with the logarithm of the number of rows only.
WAITING_KEYS = 1 << 20


def _sum_by_key(
    keys: NDArray[np.uint64], values: NDArray[np.int64]
) -> tuple[NDArray[np.uint64], NDArray[np.int64], NDArray[np.intp]]:
    """(distinct keys, the sum of the values of each, the place of its first entry)."""
    order = np.argsort(keys, kind="stable")
    ordered = keys[order]
    starts = np.flatnonzero(np.concatenate((np.ones(min(1, keys.size), np.bool_), ordered[1:] != ordered[:-1])))
    if not keys.size:
        return keys, values, starts
    return ordered[starts], np.add.reduceat(values[order], starts, axis=0), order[starts]


def _parts(numbers: NDArray[Any]) -> Iterator[tuple[int, NDArray[np.intp]]]:
    """(number, the places where it stands) of each distinct number."""
    order = np.argsort(numbers, kind="stable")
    found, starts = np.unique(numbers[order], return_index=True)
    ends = [*starts[1:].tolist(), numbers.size]
    for number, start, end in zip(found.tolist(), starts.tolist(), ends, strict=False):
        yield number, order[start:end]


@dataclass(eq=False)
class _KeyedLists(ListAccumulator):
    """Base of what is kept by key of the rows on the first k ranks."""

    k: int | None
    rules: tuple[tuple[str, Any], ...]

    queries = Field(np.int64)
    queries_tied = Field(np.int64)
    queries_split = Field(np.int64)

    @property
    def depth(self) -> int:
        """How many ranks it needs, 0 for all."""
        return self.k or 0

    @property
    def in_order(self) -> bool:
        """Whether it depends on the order of the source."""
        return self.list_rules.in_order

    def update(self, lists: Lists, slices: NDArray[np.int32] | None, split: NDArray[np.bool_] | None) -> None:
        """Adds what the lists show to their slices."""
        if lists.count == 0:
            return
        ranked = rank(lists, self.list_rules)
        if ranked.rules.ties == "error":
            ranked.check_order(self.kind, self.depth, by_row=True)
        self.add(ranked, np.zeros(lists.count, np.int32) if slices is None else slices)
        self._tally("rows", slices, lists.sizes)
        self._tally("queries", slices, lists.ones)
        self._tally("queries_tied", slices, ranked.count_tied(self.depth))
        if split is not None:
            self._tally("queries_split", slices, split)

    @abstractmethod
    def add(self, lists: RankedLists, slices: NDArray[np.int32]) -> None:
        """Adds what the lists show, each to its slice."""


@dataclass(frozen=True)
class ShownCounts:
    """How often each item was shown that was shown at all."""

    keys: NDArray[np.uint64]
    counts: NDArray[np.int64]

    def coverage(self, catalogue: int | None) -> float:
        """How many items were shown, or their share in the catalogue."""
        shown = self.counts.size
        return float(shown) if catalogue is None else float(Fraction(shown, catalogue))

    def gini(self, catalogue: int | None) -> float:
        """The Gini coefficient of the counts; items of the catalogue that were never shown count 0."""
        n = self.counts.size if catalogue is None else catalogue
        below = n - self.counts.size
        total = weighted = 0
        for count, items in zip(
            *(column.tolist() for column in np.unique(self.counts, return_counts=True)), strict=True
        ):
            # The sum of 2 i - n - 1 over the ranks i = below + 1, ..., below + items.
            weighted += count * items * (2 * below + items - n)
            total += count * items
            below += items
        return float(Fraction(weighted, n * total))


@dataclass(eq=False)
class ItemCounts(_KeyedLists):
    """How often each item is among the first k ranks of a list.

    Items that are no integers are told apart by fingerprints of 64 bits.  Memory grows with the number of distinct
    items that were shown: 16 bytes each, and 8 for each of up to a million rows, or as many as there are such items,
    that wait to be counted.
    """

    kind = "item_counts"

    ragged = {"keys": np.uint64, "counts": np.int64}  # noqa: RUF012  (constant)

    def __post_init__(self) -> None:
        super().__post_init__()
        self._counts: list[tuple[NDArray[np.uint64], NDArray[np.int64]]] = []
        self._waiting: list[list[NDArray[np.uint64]]] = []

    @property
    def reads(self) -> tuple[str, ...]:
        """What orders a list, and its items."""
        return ("label", "score", "rank", "query", "item")

    def grow(self, slices: int) -> None:
        """Makes room for slices numbered below `slices`."""
        super().grow(slices)
        for _ in range(slices - len(self._counts)):
            self._counts.append((np.empty(0, np.uint64), np.empty(0, np.int64)))
            self._waiting.append([])

    def add(self, lists: RankedLists, slices: NDArray[np.int32]) -> None:
        """Counts the items that the lists show."""
        offsets, rows = shown_rows(lists, "which items are shown", self.k)
        if "item keys" not in lists.derived:
            lists.derived["item keys"] = row_ids(lists.column("item"))
        self.add_keys(lists.derived["item keys"][rows], np.repeat(slices, np.diff(offsets)))

    def add_keys(self, keys: NDArray[np.uint64], slices: NDArray[np.int32]) -> None:
        """Counts keys, each in its slice."""
        for s, part in _parts(slices):
            self._waiting[s].append(keys[part])
            if sum(map(len, self._waiting[s])) >= max(WAITING_KEYS, self._counts[s][0].size):
                self._compact(s)

    def _compact(self, s: int) -> tuple[NDArray[np.uint64], NDArray[np.int64]]:
        """Counts what waits."""
        if self._waiting[s]:
            keys = np.concatenate(self._waiting[s])
            self._waiting[s] = []
            self._merge(s, keys, np.ones(keys.size, np.int64))
        return self._counts[s]

    def _merge(self, s: int, keys: NDArray[np.uint64], counts: NDArray[np.int64]) -> None:
        mine = self._counts[s]
        self._counts[s] = _sum_by_key(np.concatenate((mine[0], keys)), np.concatenate((mine[1], counts)))[:2]

    def ragged_arrays(self, s: int) -> dict[str, NDArray[Any]]:
        """The items and their counts."""
        return dict(zip(self.ragged, self._compact(s), strict=True))

    def merge_ragged(self, s: int, arrays: dict[str, NDArray[Any]]) -> None:
        """Adds counts."""
        if (arrays["counts"] < 1).any():
            raise ValueError("a count is not positive")
        self._merge(s, arrays["keys"], arrays["counts"])

    def at(self, s: int) -> ShownCounts:
        """The counts of slice s."""
        return ShownCounts(*self._compact(s))


@dataclass(frozen=True)
class Exposures:
    """The exposure of each group, as exact numbers."""

    names: list[str]
    exposures: list[Fraction]

    @property
    def gap(self) -> float:
        """The largest difference between two groups' shares of the exposure; NaN where there is none."""
        total = sum(self.exposures)
        return float((max(self.exposures) - min(self.exposures)) / total) if total else float("nan")

    def table(self) -> dict[str, Any]:
        """Columns `group`, `exposure` and `share`, by the name of the group."""
        order = sorted(range(len(self.names)), key=self.names.__getitem__)
        total = sum(self.exposures)
        return {
            "group": [self.names[i] for i in order],
            "exposure": np.array([float(self.exposures[i]) for i in order]),
            "share": np.array([float(self.exposures[i] / total) if total else np.nan for i in order]),
        }


@dataclass(eq=False)
class GroupExposure(_KeyedLists):
    """The exact sum of the exposure of each group of items: query weight times 1 / log2(rank + 1) of its rows.

    Memory grows with the number of distinct groups: some 600 bytes each, and the group's name.
    """

    kind = "group_exposure"

    ragged = {  # noqa: RUF012  (constant)
        "keys": np.uint64,
        "digits": np.int64,
        "name_sizes": np.int64,
        "names": np.uint8,
    }
    ragged_widths = {"digits": exact_sum.DIGITS, "names": None}  # noqa: RUF012  (constant)

    def __post_init__(self) -> None:
        super().__post_init__()
        self._groups: list[tuple[NDArray[np.uint64], NDArray[np.int64], list[bytes]]] = []

    @property
    def in_order(self) -> bool:
        """Whether it depends on the order of the source."""
        return super().in_order or self.list_rules.twins_in_order

    @property
    def reads(self) -> tuple[str, ...]:
        """What orders a list, its weight, and the groups."""
        return ("label", "score", "rank", "query", "query_weight", "item", "group")

    def grow(self, slices: int) -> None:
        """Makes room for slices numbered below `slices`."""
        super().grow(slices)
        nothing = np.empty(0, np.uint64), np.empty((0, exact_sum.DIGITS), np.int64)
        self._groups.extend((*nothing, []) for _ in range(slices - len(self._groups)))

    def add(self, lists: RankedLists, slices: NDArray[np.int32]) -> None:
        """Adds the expected exposure of each group in each list."""
        groups = lists.column("group")
        keys, first, codes = np.unique(row_ids(groups), return_index=True, return_inverse=True)
        runs = lists.value_runs(("group", self._column(lists)), codes.astype(np.float64))
        table = LOGARITHMIC.up_to(lists.sizes, self.k)
        exposures = diversity.exposures(runs.offsets, runs.counts, runs.opens, *table, self.k or 0)
        weights = lists.lists.query_weights
        run_sizes = np.diff(runs.offsets)
        self.add_exposures(
            keys,
            id_texts(groups.take(to_arrow(first))),
            (np.repeat(slices, lists.sizes), codes),
            (np.repeat(slices, run_sizes), runs.labels.astype(np.int64), exposures),
            None if weights is None else np.repeat(weights, run_sizes),
        )

    def _column(self, lists: RankedLists) -> str:
        column, _ = lists.lists.rows.row_set.domain("group")
        return column

    def add_exposures(
        self,
        keys: NDArray[np.uint64],
        names: list[bytes],
        present: tuple[NDArray[np.int32], NDArray[np.int64]],
        terms: tuple[NDArray[np.int32], NDArray[np.int64], NDArray[np.float64]],
        weights: NDArray[np.float64] | None,
    ) -> None:
        """Adds terms of (slice, number of the group, exposure), with weights.

        Groups are numbered by their ascending keys; (slice, number) of all that are `present` have a sum, if only 0.
        """
        slots = np.unique(present[0].astype(np.int64) * keys.size + present[1])
        places = np.searchsorted(slots, terms[0].astype(np.int64) * keys.size + terms[1]).astype(np.int32)
        digits = np.zeros((slots.size, exact_sum.DIGITS), np.int64)
        special = np.zeros((slots.size, exact_sum.SPECIALS), np.int64)
        exact_sum.add_values(terms[2], weights, places, digits, special)
        for s, part in _parts(slots // max(1, keys.size)):
            groups = slots[part] - s * keys.size
            self._merge(s, keys[groups], digits[part], [names[g] for g in groups.tolist()])

    def _merge(self, s: int, keys: NDArray[np.uint64], digits: NDArray[np.int64], names: list[bytes]) -> None:
        mine = self._groups[s]
        all_keys, sums, places = _sum_by_key(np.concatenate((mine[0], keys)), np.concatenate((mine[1], digits)))
        exact_sum.carry(sums)
        all_names = [*mine[2], *names]
        self._groups[s] = all_keys, sums, [all_names[i] for i in places.tolist()]

    def ragged_arrays(self, s: int) -> dict[str, NDArray[Any]]:
        """The groups, the digits of their sums one after the other, and their names."""
        keys, digits, names = self._groups[s]
        sizes = np.array([len(name) for name in names], np.int64)
        text = np.frombuffer(b"".join(names), np.uint8)
        return dict(zip(self.ragged, (keys, digits.reshape(-1), sizes, text), strict=True))

    def merge_ragged(self, s: int, arrays: dict[str, NDArray[Any]]) -> None:
        """Adds sums."""
        digits = arrays["digits"].reshape(-1, exact_sum.DIGITS)
        ends = np.cumsum(arrays["name_sizes"])
        if (arrays["name_sizes"] < 0).any() or int(arrays["name_sizes"].sum()) != arrays["names"].size:
            raise ValueError("the names do not fit their sizes")
        if (digits < 0).any() or (digits[:, :-1] >= 1 << 32).any():
            raise ValueError("the digits are no exact sum of exposures")
        text = arrays["names"].tobytes()
        starts = ends - arrays["name_sizes"]
        names = [text[a:b] for a, b in zip(starts.tolist(), ends.tolist(), strict=True)]
        self._merge(s, arrays["keys"], digits, names)

    def at(self, s: int) -> Exposures:
        """The exposures of slice s."""
        _, digits, names = self._groups[s]
        texts = [name.decode(errors="backslashreplace") for name in names]
        return Exposures(texts, [digits_to_fraction(row) for row in digits])
