"""Distinct scores with the weight of each class: the state of the exact AUC."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from fastrank._kernels import runs
from fastrank.accumulators.scores import ScoreAccumulator
from fastrank.sweeps.base import COUNT, WEIGHT, Block, Totals

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from fastrank.columns import Rows

__all__ = ["ScoreRuns"]

# Rows wait, in all slices together, until there are this many, or half as many as there are distinct scores: each row
# then takes part in a number of merges that grows with the logarithm of the number of rows only.
WAITING_ROWS = 1 << 23
# The first batch of a slice that is this large makes room for all that may wait; memory not written to costs nothing.
LARGE_BATCH = 1 << 16

Arrays = tuple["NDArray[Any]", ...]


class _Slice:
    """Sorted runs of one slice, and copies of rows that wait to be sorted."""

    def __init__(self, weighted: bool) -> None:
        self.weighted = weighted
        self.runs: Arrays | None = None
        self._waiting: list[NDArray[Any]] = []
        self.waiting_rows = 0

    def add(self, rows: Arrays) -> None:
        """Copies rows: their arrays may be of memory that its owner uses again."""
        stop = self.waiting_rows + len(rows[0])
        # Scores may be float32 in one batch and float64 in the next.
        kinds = [np.result_type(column, *self._waiting[j : j + 1]) for j, column in enumerate(rows)]
        if not self._waiting or stop > len(self._waiting[0]) or kinds[0] != self._waiting[0].dtype:
            size = max(stop, 2 * self.waiting_rows, WAITING_ROWS if len(rows[0]) >= LARGE_BATCH else 0)
            room = [np.empty(size, kind) for kind in kinds]
            for new, old in zip(room, self._waiting, strict=False):
                new[: self.waiting_rows] = old[: self.waiting_rows]
            self._waiting = room
        for column, values in zip(self._waiting, rows, strict=True):
            column[self.waiting_rows : stop] = values
        self.waiting_rows = stop

    @property
    def distinct(self) -> int:
        """How many distinct scores are in the runs."""
        return 0 if self.runs is None else len(self.runs[0])

    def compact(self) -> Arrays | None:
        """Sorts what waits and merges it into the runs."""
        if self.waiting_rows:
            scores, labels, *weights = (column[: self.waiting_rows] for column in self._waiting)
            more = runs.weigh_runs(scores, labels, weights[0]) if weights else runs.sort_runs(scores, labels)
            self._waiting, self.waiting_rows = [], 0
            self.merge(more)
        return self.runs

    def merge(self, more: Arrays) -> None:
        """Adds runs."""
        if self.runs is None:
            self.runs = more
            return
        mine = self.runs
        if mine[0].dtype != more[0].dtype:
            mine, more = _widened(mine), _widened(more)
        self.runs = (runs.merge_weighted_runs if self.weighted else runs.merge_runs)(*mine, *more)


def _widened(arrays: Arrays) -> Arrays:
    keys = arrays[0]
    return (keys if keys.dtype == np.uint64 else runs.widen_keys(keys), *arrays[1:])


@dataclass(eq=False)
class ScoreRuns(ScoreAccumulator):
    """Each distinct score with the rows, or the weight, of its negatives and positives.

    Memory grows with the number of distinct scores: 20 bytes each for float32, 24 for float64 (36 and 40 with
    weights), and 5 bytes (9; 13 and 17) for each of up to eight million rows that wait to be sorted.
    """

    kind = "score_runs"
    weighted: bool = False

    ragged = {  # noqa: RUF012  (constant)
        "keys": np.uint64,
        "negative_high": np.uint64,
        "negative_low": np.uint64,
        "positive_high": np.uint64,
        "positive_low": np.uint64,
    }

    def __post_init__(self) -> None:
        super().__post_init__()
        self._slices: list[_Slice] = []

    def grow(self, slices: int) -> None:
        """Makes room for slices numbered below `slices`."""
        super().grow(slices)
        self._slices.extend(_Slice(self.weighted) for _ in range(slices - len(self._slices)))

    def update(self, rows: Rows, slices: NDArray[np.int32] | None) -> None:
        """Takes the score, class and weight of each row."""
        self.count_rows(rows, slices)
        if rows.count == 0:
            return
        columns: Arrays = (rows["score"], rows["label"], *((rows["weight"],) if self.weighted else ()))
        if slices is None:
            self._slices[0].add(columns)
        else:
            order = np.argsort(slices, kind="stable")
            numbers, starts = np.unique(slices[order], return_index=True)
            for number, part in zip(numbers.tolist(), np.split(order, starts[1:]), strict=True):
                self._slices[number].add(tuple(column[part] for column in columns))
        waiting = sum(each.waiting_rows for each in self._slices)
        if waiting >= max(WAITING_ROWS, sum(each.distinct for each in self._slices) // 2):
            for each in self._slices:
                each.compact()

    def ragged_arrays(self, s: int) -> dict[str, NDArray[Any]]:
        """The runs, keys as those of float64."""
        compact = self._slices[s].compact()
        if compact is None:
            return {name: np.empty(0, dtype) for name, dtype in self.ragged.items()}
        keys, *words = _widened(compact)
        if not self.weighted:
            negatives, positives = (count.view(np.uint64) for count in words)
            words = [np.zeros_like(negatives), negatives, np.zeros_like(positives), positives]
        return dict(zip(self.ragged, (keys, *words), strict=True))

    def merge_ragged(self, s: int, arrays: dict[str, NDArray[Any]]) -> None:
        """Merges runs."""
        if not arrays["keys"].size:
            return
        names = list(self.ragged) if self.weighted else ["keys", "negative_low", "positive_low"]
        keys, *words = (np.ascontiguousarray(arrays[name]) for name in names)
        self._slices[s].merge((keys, *(words if self.weighted else (word.view(np.int64) for word in words))))

    def totals(self, s: int) -> Totals:
        """The weight of each class in slice s."""
        arrays = self.ragged_arrays(s)
        negatives, positives = (
            sum(arrays[f"{name}_low"].tolist()) + (sum(arrays[f"{name}_high"].tolist()) << 64)
            for name in ("negative", "positive")
        )
        return Totals(negatives, positives, WEIGHT if self.weighted else COUNT)

    def blocks(self, s: int) -> Iterator[Block]:
        """The distinct scores of slice s."""
        compact = self._slices[s].compact()
        if compact is not None:
            keys, *words = compact
            half = len(words) // 2
            yield Block(keys, tuple(words[:half]), tuple(words[half:]), (0, 0), self.totals(s))
