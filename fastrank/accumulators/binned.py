"""Histograms of scores by class."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Self

import numpy as np

from fastrank._kernels import cells
from fastrank.accumulators.cells import SlicedCells
from fastrank.accumulators.scores import ScoreAccumulator
from fastrank.sweeps.base import COUNT, KEY_BITS, WEIGHT, Block, Totals

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from numpy.typing import NDArray

    from fastrank.columns import Rows

__all__ = ["ScoreHistogram"]

# Cells that are swept at a time.
BLOCK_CELLS = 1 << 15


@dataclass(eq=False)
class ScoreHistogram(ScoreAccumulator):
    """Rows, or weight, of each class in 2^bits cells of the order-preserving integer key of the score on the
    float32 grid; wider scores are rounded down to it.

    Memory: a table of 16 bytes a cell (32 with weights), at 20 bits 16 MiB, for all rows, and for slices of many rows
    while tables take at most half of the limit; 48 bytes (80) for each cell that holds rows of other slices, at most as
    much as a table.  Past the limit tables are given up for those; where that is still too much, it is an error.
    """

    kind = "score_histogram"
    bits: int
    weighted: bool = False

    ragged = {  # noqa: RUF012  (constant)
        "cells": np.uint32,
        "negative_high": np.uint64,
        "negative_low": np.uint64,
        "positive_high": np.uint64,
        "positive_low": np.uint64,
    }

    def __post_init__(self) -> None:
        super().__post_init__()
        if not cells.LEAST_BITS <= self.bits <= cells.MOST_BITS:
            raise ValueError(f"bits={self.bits}")
        self._cells = SlicedCells(self.bits, self.weighted)

    @property
    def memory_limit(self) -> int:
        """Bytes that the cells of all slices may take together."""
        return self._cells.memory_limit

    @memory_limit.setter
    def memory_limit(self, limit: int) -> None:
        self._cells.memory_limit = limit

    def grow(self, slices: int) -> None:
        """Makes room for slices numbered below `slices`."""
        super().grow(slices)
        self._cells.grow(slices)

    def update(self, rows: Rows, slices: NDArray[np.int32] | None) -> None:
        """Counts each row in the cell of its score."""
        self.count_rows(rows, slices)
        self._cells.add_rows(*self.scores_and_labels(rows), rows["weight"] if self.weighted else None, slices)

    def coarsened(self, parameters: Mapping[str, Any]) -> Self | None:
        """The same rows in fewer cells."""
        if parameters["weighted"] != self.weighted or parameters["bits"] > self.bits:
            return None
        twin = type(self)(**parameters)
        twin.grow(self.slices)
        for name, array in self.state.items():
            twin.state[name][: self.slices] = array[: self.slices]
        twin._cells = self._cells.folded(twin.bits)
        return twin

    def merge_ragged_slices(self, other: Self, numbers: NDArray[np.intp]) -> None:
        """Adds the cells of all slices of another."""
        self._cells.merge(other._cells, numbers)

    def clear_ragged(self, s: int) -> None:
        """Makes the cells of a slice hold nothing."""
        self._cells.clear(s)

    def ragged_arrays(self, s: int) -> dict[str, NDArray[Any]]:
        """The cells that hold rows, ascending."""
        used, words = self._cells.of(s)
        if not self.weighted:
            nothing = np.zeros(len(words), np.uint64)
            words = np.column_stack((nothing, words[:, 0], nothing, words[:, 1]))
        return dict(zip(self.ragged, (used, *np.ascontiguousarray(words.T)), strict=True))

    def merge_ragged(self, s: int, arrays: dict[str, NDArray[Any]]) -> None:
        """Adds the counts of cells."""
        used, *columns = (arrays[name] for name in self.ragged)
        if used.size and int(used[-1]) >> self.bits:
            raise ValueError("a cell lies past the last")
        if not self.weighted and any((columns[j].any() or (columns[j + 1] >> np.uint64(63)).any()) for j in (0, 2)):
            raise ValueError("a count is past 63 bits")
        words = np.column_stack(columns if self.weighted else (columns[1], columns[3]))
        present = words.any(axis=1)
        self._cells.add_cells(s, used[present].astype(np.uint64), words[present])

    def totals(self, s: int) -> Totals:
        """The weight of each class in slice s."""
        negatives, positives = self._sums(self._cells.of(s)[1])
        return Totals(negatives, positives, WEIGHT if self.weighted else COUNT, self.bits)

    def blocks(self, s: int, count: int = 1) -> Sequence[Iterator[Block]]:
        """The cells of slice s that hold rows, in one part."""
        return [self._blocks(s)]

    def _blocks(self, s: int) -> Iterator[Block]:
        used, words = self._cells.of(s)
        totals, below = self.totals(s), (0, 0)
        for first in range(0, used.size, BLOCK_CELLS):
            keys = used[first : first + BLOCK_CELLS] << np.uint32(KEY_BITS - self.bits)
            part = words[first : first + BLOCK_CELLS]
            negatives, positives = self._columns(part)
            yield Block(keys, negatives, positives, below, totals)
            if first + BLOCK_CELLS < used.size:
                more = self._sums(part)
                below = below[0] + more[0], below[1] + more[1]

    def _columns(self, words: NDArray[np.uint64]) -> list[tuple[NDArray[Any], ...]]:
        """The words of the negatives, and those of the positives."""
        columns = np.ascontiguousarray(words.T if self.weighted else words.T.view(np.int64))
        return [tuple(columns[: len(columns) // 2]), tuple(columns[len(columns) // 2 :])]

    def _sums(self, words: NDArray[np.uint64]) -> tuple[int, int]:
        """The weight of the negatives, and that of the positives; sums of words may be past 64 bits."""
        high, low = (part.sum(axis=0).tolist() for part in (words >> np.uint64(32), words & np.uint64(0xFFFFFFFF)))
        sums = [(a << 32) + b for a, b in zip(high, low, strict=True)]
        return (sums[0], sums[1]) if len(sums) == 2 else ((sums[0] << 64) + sums[1], (sums[2] << 64) + sums[3])
