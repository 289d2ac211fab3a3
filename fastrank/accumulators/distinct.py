"""The distinct scores of one slice: rows that wait, dealt rows, and generations of runs, read as one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from fastrank._kernels import deals, runs
from fastrank.accumulators.generations import CHUNK_RUNS, Cursor, Generation, merged
from fastrank.sweeps.base import COUNT, WEIGHT, Block, Totals

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from numpy.typing import NDArray

    from fastrank._kernels.deals import Deal
    from fastrank.accumulators.generations import Runs
    from fastrank.spill import Spill

__all__ = ["DistinctScores"]

Arrays = tuple["NDArray[Any]", ...]

# Rows of small batches are copied until there are so many; a batch of so many is dealt as it stands.
DEALT_ROWS = 1 << 20
# Fewer are sorted at once: to deal them would cost more.
FEW_ROWS = 1 << 16
# Arrays of so many rows, or more, take little more memory than their rows.
JOINED_ROWS = 1 << 12
# Generations of like size that are merged into one: each run then takes part in few merges, and a pass reads few.
FAN = 8
# What sorting a part takes for a row of it, at the most: two copies of key and weight, and a run.
SORTING_BYTES = 80


class DistinctScores:
    """Each distinct score of a slice with the rows, or the weight, of its negatives and positives.

    Keys are those of float32 until a float64 score comes (`wide`).  Deals, and chunks of generations, are shared with
    others that merged them: they are never changed.
    """

    def __init__(self, weighted: bool) -> None:
        self.weighted = weighted
        self.wide = False
        self._rows: list[Arrays] = []
        self._row_count = 0
        self._deals: list[Deal] = []
        self._generations: list[Generation] = []
        self._totals: Totals | None = None  # until something comes in

    # ---- what comes in ----

    def add(self, rows: Arrays) -> None:
        """Takes rows: scores, labels and, where weighted, weights.  Their memory may be used again afterwards."""
        self._totals = None
        scores, labels, *weights = rows
        if scores.dtype == np.float64 and not self.wide:
            self._widen()
        if self.wide:
            scores = scores.astype(np.float64, copy=False)
        if scores.size >= DEALT_ROWS:
            self._deals += _dealt((scores, labels, *weights))
            return
        self._rows.append(tuple(column.copy() for column in (scores, labels, *weights)))
        self._row_count += scores.size
        self._join_few()
        if self._row_count >= DEALT_ROWS:
            self._settle()

    def _join_few(self) -> None:
        """Joins the last arrays where they are short, each time to one about twice as long: many of a row or two would
        take far more memory than what stands in them."""
        while len(self._rows) > 1:
            before, last = self._rows[-2:]
            if last[0].size < before[0].size or last[0].size + before[0].size > JOINED_ROWS:
                return
            self._rows[-2:] = [tuple(map(np.concatenate, zip(before, last, strict=True)))]

    def _widen(self) -> None:
        """From here on scores are float64."""
        self.compact()
        self.wide = True

    def merge(self, other: DistinctScores) -> None:
        """Takes in what another holds, which is not changed."""
        self._totals = None
        if other.wide and not self.wide:
            self._widen()
        if other.wide == self.wide:
            self._deals += other._deals
        else:
            self._keep(Generation.of(other._runs_of_deals()))
        for rows in list(other._rows):  # which may be its own
            self._rows.append((rows[0].astype(np.float64) if self.wide else rows[0], *rows[1:]))
            self._row_count += rows[0].size
        if self._row_count >= DEALT_ROWS:
            self._settle()
        for generation in list(other._generations):
            self._keep(Generation(generation.chunks, generation.spill))

    def take(self, arrays: Runs) -> None:
        """Takes in runs."""
        if not arrays[0].size:
            return
        self._totals = None
        if arrays[0].dtype == np.uint64 and not self.wide:
            self._widen()
        self._keep(Generation.of([arrays]))

    # ---- what is held ----

    @property
    def totals(self) -> Totals:
        """The weight of each class."""
        if self._totals is None:
            self._settle()
            sums = [deals.Deals(self._deals).totals_below(deals.PARTS), *(each.totals for each in self._generations)]
            negatives, positives = (sum(column) for column in zip(*sums, strict=True))
            self._totals = Totals(negatives, positives, WEIGHT if self.weighted else COUNT)
        return self._totals

    @property
    def waiting_bytes(self) -> int:
        """Bytes of rows that were not sorted."""
        rows = sum(column.nbytes for arrays in self._rows for column in arrays)
        return rows + sum(array.nbytes for deal in self._deals for array in deal[1:] if array is not None)

    @property
    def sorting_bytes(self) -> int:
        """Bytes that sorting the largest part takes, of keys that are sorted."""
        if not self._deals or not self.wide:
            return 0
        return SORTING_BYTES * int(deals.part_rows(self._deals, *self._part_range()).max())

    @property
    def sorted_bytes(self) -> int:
        """Bytes of runs in memory."""
        return sum(generation.nbytes for generation in self._generations)

    @property
    def size(self) -> int:
        """How many rows and runs there are."""
        return self._row_count + sum(len(deal[2]) for deal in self._deals) + sum(g.size for g in self._generations)

    @property
    def spilled(self) -> bool:
        """Whether runs are in a file."""
        return not all(generation.in_memory for generation in self._generations)

    def compact(self) -> None:
        """Sorts what waits, and merges it with the generations in memory that are not much larger."""
        self._settle()
        if not self._deals:
            return
        most = FAN * sum(len(deal[2]) for deal in self._deals)
        waiting, self._deals = self._deals, []
        small = [each for each in self._generations if each.in_memory and each.size <= most]
        self._generations = [each for each in self._generations if each not in small]
        self._keep(Generation.of(self._merge(waiting, small, lets_go=True)))

    def spill(self, file: Spill) -> None:
        """Moves all runs to a file."""
        held = self._generations
        self._generations = [each for each in held if not each.in_memory]
        for each in held:
            if each.in_memory:
                self._keep(each.spilled(file))

    def _keep(self, generation: Generation) -> None:
        """Adds a generation; where there are many of its size, they are merged, in the file of the last: so little of
        files is out of use."""
        if not generation.size:
            return
        self._generations.append(generation)
        alike = [each for each in self._generations if each.tier(FAN) == generation.tier(FAN)]
        if len(alike) >= FAN:
            # Forgotten only afterwards: a result that is broken off leaves the state whole.
            whole = Generation.of(self._merge([], alike, lets_go=False), generation.spill)
            self._generations = [each for each in self._generations if each not in alike]
            self._keep(whole)

    def _settle(self) -> None:
        """Sorts a few rows that wait, and deals others."""
        if not self._row_count:
            return
        scores, labels, *weights = rows = tuple(np.concatenate(columns) for columns in zip(*self._rows, strict=True))
        few: list[Runs] = []
        if scores.size >= FEW_ROWS:
            self._deals += _dealt(rows)
        else:
            few = [runs.weigh_runs(scores, labels, weights[0]) if weights else runs.sort_runs(scores, labels)]
        self._rows, self._row_count = [], 0
        self._keep(Generation.of(few))

    # ---- what goes out ----

    def blocks(self, count: int = 1) -> list[Iterator[Block]]:
        """All scores, ascending, as blocks; in up to `count` parts that follow each other."""
        self._settle()
        splits = [0, *self._splits(count)]
        return [self._blocks(begin, end) for begin, end in zip(splits, [*splits[1:], None], strict=True)]

    def _blocks(self, begin: int, end: int | None) -> Iterator[Block]:
        cursors = [Cursor(each, wide=self.wide, begin=begin) for each in self._generations]
        dealt = _Dealt(self._deals, begin, self.wide)
        below = [sum(sums) for sums in zip(dealt.below, *(cursor.below for cursor in cursors), strict=True)]
        totals, half = self.totals, 2 if self.weighted else 1
        for arrays in self._ranges(dealt, cursors, begin, end):
            keys, *words = arrays
            block = Block(keys, tuple(words[:half]), tuple(words[half:]), (below[0], below[1]), totals)
            yield block
            negatives, positives = block.own
            below = [below[0] + negatives, below[1] + positives]

    def _merge(self, waiting: Sequence[Deal], generations: Sequence[Generation], *, lets_go: bool) -> Iterator[Runs]:
        cursors = [Cursor(each, wide=self.wide, lets_go=lets_go) for each in generations]
        return self._ranges(_Dealt(waiting, 0, self.wide), cursors, 0, None)

    def _ranges(self, dealt: _Dealt, cursors: Sequence[Cursor], begin: int, end: int | None) -> Iterator[Runs]:
        """The merged runs of ranges of keys, each of a size that fits the cache."""
        for cut in [*_cuts(dealt, cursors, begin, end), end]:
            found = [
                arrays for arrays in (dealt.take(cut), *(each.take(cut) for each in cursors)) if arrays is not None
            ]
            while len(found) > 1:
                # The shortest two first.
                found.sort(key=lambda arrays: -arrays[0].size)
                found.append(merged(found.pop(), found.pop()))
            if found and found[0][0].size:
                yield found[0]

    def _runs_of_deals(self) -> Iterator[Runs]:
        return self._merge(self._deals, [], lets_go=False)

    def _part_range(self) -> tuple[int, int]:
        return _part_range(self._deals)

    def _splits(self, count: int) -> list[int]:
        """Keys at which parts of like size begin."""
        if count < 2:
            return []
        cursors = [Cursor(each, wide=self.wide) for each in self._generations]
        keys, sizes = _events(_Dealt(self._deals, 0, self.wide), cursors)
        shares = np.cumsum(sizes) * count // max(1, int(sizes.sum()))
        splits = keys[1:][np.diff(shares) > 0]
        # At the border of a part, so that none is sorted twice.
        low = _low_bits(self.wide)
        return [key for key in sorted({int(key) >> low << low for key in splits}) if key > 0]


def _dealt(rows: Arrays) -> list[Deal]:
    parts = range(0, rows[0].size, deals.MOST_ROWS)
    return [deals.deal_rows(*(column[start : start + deals.MOST_ROWS] for column in rows)) for start in parts]


def _low_bits(wide: bool) -> int:
    return (64 if wide else 32) - deals.PART_BITS[wide]


def _part_range(waiting: Sequence[Deal]) -> tuple[int, int]:
    return min(first for first, *_ in waiting), max(first + start.size // 2 for first, start, *_ in waiting)


class _Dealt:
    """Reads dealt rows as a `Cursor` reads a generation, from the part of a key on."""

    def __init__(self, waiting: Sequence[Deal], begin: int, wide: bool) -> None:
        self.low = _low_bits(wide)
        self._deals = deals.Deals(waiting)
        self._part, self._end = _part_range(waiting) if waiting else (0, 0)
        self.below = (0, 0)
        if begin >> self.low > self._part:
            self._part = min(begin >> self.low, self._end)
            self.below = self._deals.totals_below(self._part)
        self.part_rows = deals.part_rows(waiting, self._part, self._end)
        self.first_part = self._part
        self._rest: Runs | None = None

    def take(self, end: int | None) -> Runs | None:
        """The runs with keys below `end` that were not taken before."""
        # The part in which `end` lies is sorted whole, and what is past it waits.
        stop = self._end if end is None else min(self._end, -(-end >> self.low))
        taken, self._rest = self._rest, None
        if stop > self._part:
            more = self._deals.runs(self._part, stop)
            self._part = stop
            taken = more if taken is None else tuple(map(np.concatenate, zip(taken, more, strict=True)))
        if taken is not None and end is not None and taken[0].size and int(taken[0][-1]) >= end:
            cut = int(np.searchsorted(taken[0], taken[0].dtype.type(end)))
            self._rest = tuple(column[cut:] for column in taken)
            taken = tuple(column[:cut] for column in taken)
        return taken if taken is not None and taken[0].size else None


def _events(dealt: _Dealt, cursors: Sequence[Cursor]) -> tuple[NDArray[np.uint64], NDArray[np.int64]]:
    """Keys, ascending, with how many rows and runs stand together from there on."""
    used = np.flatnonzero(dealt.part_rows)
    keys = [(used + dealt.first_part).astype(np.uint64) << np.uint64(dealt.low)]
    sizes = [dealt.part_rows[used]]
    for cursor in cursors:
        keys.append(np.array(cursor.first_keys, np.uint64))
        sizes.append(np.array(cursor.sizes, np.int64))
    all_keys, all_sizes = np.concatenate(keys), np.concatenate(sizes)
    order = np.argsort(all_keys, kind="stable")
    return all_keys[order], all_sizes[order]


def _cuts(dealt: _Dealt, cursors: Sequence[Cursor], begin: int, end: int | None) -> list[int]:
    """Keys at which to cut, so that some CHUNK_RUNS rows and runs lie between two."""
    keys, sizes = _events(dealt, cursors)
    cuts = np.unique(keys[1:][np.diff(np.cumsum(sizes) // CHUNK_RUNS) > 0])
    cuts = cuts[cuts > begin] if end is None else cuts[(cuts > begin) & (cuts < end)]
    return [int(key) for key in cuts.tolist()]
