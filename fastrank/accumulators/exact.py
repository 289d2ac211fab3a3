"""Distinct scores with the weight of each class: the state of exact metrics of scores."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from fastrank._kernels import slices as kernels
from fastrank.accumulators.distinct import DistinctScores
from fastrank.accumulators.generations import widened
from fastrank.accumulators.scores import ScoreAccumulator
from fastrank.errors import FastrankError
from fastrank.spill import Spill

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from typing import Self

    from numpy.typing import DTypeLike, NDArray

    from fastrank.accumulators.distinct import Arrays
    from fastrank.sweeps import Block, Totals

__all__ = ["ScoreRuns"]

# Rows wait, in all slices together, until they take this part of the memory limit, or as much as the runs in memory:
# each run then takes part in a number of merges that grows with the logarithm of the number of rows only.
LEAST_WAITING, MOST_WAITING = 8, 4
# Whatever the limit: 2^30 rows, so that those of two states and of a batch are counted in 32 bits.
MOST_WAITING_BYTES = 2 << 30
# Runs in memory past this part of the limit go to a file.
MOST_SORTED = 2
# Rows of several slices wait side by side until there are so many a slice: to hand over a few at a time would cost more
# than to sort them.
ROWS_A_SLICE = 1 << 13
# A state of so many bytes is given whatever the limit.
SMALL_STATE = 1 << 20


@dataclass(eq=False)
class ScoreRuns(ScoreAccumulator):
    """Each distinct score with the rows, or the weight, of its negatives and positives.

    Memory grows with the number of distinct scores, within memory_limit, past which they go to a temporary file: 6
    bytes each for float32 where a score stands for up to 255 rows of a class, 10 for float64 (up to 36 and 40 with
    weights); and 2 bytes for each row that waits to be sorted (8 for float64; 8 more for a weight).  A slice takes some
    2 KiB besides, and rows of several slices 9 bytes or more until they are handed over to these.
    """

    kind = "score_runs"
    weighted: bool = False

    def __post_init__(self) -> None:
        super().__post_init__()
        self._slices: list[DistinctScores] = []
        self._mixed: list[Arrays] = []  # rows of several slices: the columns, and the slice of each
        self._mixed_rows = 0

    @property
    def ragged(self) -> dict[str, DTypeLike]:  # type: ignore[override]
        """Keys as those of float64; counts, or the words of weights."""
        words = ("negative_high", "negative_low", "positive_high", "positive_low")
        names = words if self.weighted else ("negatives", "positives")
        return {"keys": np.uint64, **dict.fromkeys(names, np.uint64 if self.weighted else np.int64)}

    def grow(self, slices: int) -> None:
        """Makes room for slices numbered below `slices`."""
        super().grow(slices)
        self._slices.extend(DistinctScores(self.weighted) for _ in range(slices - len(self._slices)))

    def update(self, rows: Any, slices: NDArray[np.int32] | None) -> None:
        """Takes the score, class and weight of each row."""
        self.count_rows(rows, slices)
        if rows.count == 0:
            return
        columns: Arrays = (*self.scores_and_labels(rows), *((rows["weight"],) if self.weighted else ()))
        first = 0 if slices is None else int(slices[0])
        if slices is None or (slices == first).all():
            self._slices[first].add(columns)
            self._make_room()
            return
        if self._mixed and self._mixed[0][0].dtype != columns[0].dtype:
            self._part()
        self._mixed.append(tuple(column.copy() for column in (*columns, slices)))
        self._mixed_rows += rows.count
        if self._mixed_rows >= ROWS_A_SLICE * self.slices or self._mixed_bytes > self.memory_limit // LEAST_WAITING:
            self._part()
            self._make_room()

    @property
    def _mixed_bytes(self) -> int:
        return sum(column.nbytes for columns in self._mixed for column in columns)

    def _part(self) -> None:
        """Hands the rows of several slices over to these."""
        if not self._mixed:
            return
        *columns, slices = (np.concatenate(parts) for parts in zip(*self._mixed, strict=True))
        self._mixed, self._mixed_rows = [], 0
        places, slices = kernels.sort_by_slice(slices) or (None, slices)
        if places is not None:
            columns = [kernels.move(column, places) for column in columns]
        starts = [0, *(np.flatnonzero(slices[1:] != slices[:-1]) + 1).tolist()]
        for start, stop in zip(starts, [*starts[1:], slices.size], strict=True):
            self._slices[slices[start]].add(tuple(column[start:stop] for column in columns))

    def _of(self, s: int) -> DistinctScores:
        """What slice s holds."""
        self._part()
        return self._slices[s]

    def _make_room(self) -> None:
        """Sorts what waits where that is enough, and moves runs to files where they are too many."""
        held = self._slices
        waiting, runs = sum(each.waiting_bytes for each in held), sum(each.sorted_bytes for each in held)
        least = self.memory_limit // LEAST_WAITING
        most = min(self.memory_limit // MOST_WAITING, MOST_WAITING_BYTES)
        if waiting <= min(max(least, runs), most) and max(each.sorting_bytes for each in held) <= most:
            return
        for each in held:
            each.compact()
        if sum(each.sorted_bytes for each in held) > self.memory_limit // MOST_SORTED:
            # One file for all: of slices there may be more than files can be open.
            file = Spill()
            for each in held:
                each.spill(file)

    def merge_ragged_slices(self, other: Self, numbers: NDArray[np.intp]) -> None:
        """Takes in what all slices of another hold."""
        self._part()
        other._part()
        added, often = 0, self.memory_limit // LEAST_WAITING
        for s in np.flatnonzero(numbers >= 0).tolist():
            theirs = other._slices[s]
            self._slices[numbers[s]].merge(theirs)
            added += theirs.waiting_bytes + theirs.sorted_bytes
            if added > often:
                added = 0
                self._make_room()
        if self._slices:
            self._make_room()

    def clear_ragged(self, s: int) -> None:
        """Makes a slice hold no scores."""
        self._part()
        self._slices[s] = DistinctScores(self.weighted)

    def ragged_arrays(self, s: int) -> dict[str, NDArray[Any]]:
        """The runs of a slice."""
        width = 8 * len(self.ragged)
        held = self._of(s)
        if held.spilled and held.size * width > max(self.memory_limit, SMALL_STATE):
            raise FastrankError(
                f"the state would hold {held.size * width} bytes of distinct scores, more than "
                f"memory_limit={self.memory_limit}: raise it, or take auc(bits=...), whose state has a fixed size"
            )
        parts = list(self.ragged_parts(s))
        if not parts:
            return {name: np.empty(0, dtype) for name, dtype in self.ragged.items()}
        return {name: np.concatenate([part[name] for part in parts]) for name in self.ragged}

    def ragged_parts(self, s: int) -> Iterator[dict[str, NDArray[Any]]]:
        """The runs of a slice, some at a time."""
        (blocks,) = self._of(s).blocks()
        for block in blocks:
            yield dict(zip(self.ragged, widened((block.keys, *block.negatives, *block.positives)), strict=True))

    def most_runs(self, s: int) -> int:
        """How many distinct scores a slice can hold at the most: rows that wait may share one."""
        return self._of(s).size

    def merge_ragged(self, s: int, arrays: dict[str, NDArray[Any]]) -> None:
        """Merges runs."""
        if not self.weighted and any((arrays[name] < 0).any() for name in ("negatives", "positives")):
            raise ValueError("a count is negative")
        self._of(s).take(tuple(np.ascontiguousarray(arrays[name]) for name in self.ragged))

    def totals(self, s: int) -> Totals:
        """The weight of each class in slice s."""
        return self._of(s).totals

    def blocks(self, s: int, count: int = 1) -> Sequence[Iterator[Block]]:
        """The distinct scores of slice s, in up to `count` parts."""
        return self._of(s).blocks(count)
