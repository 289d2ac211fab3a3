"""Histograms of scores by class."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from fastrank._kernels import cells, runs
from fastrank.accumulators.base import RowAccumulator
from fastrank.errors import ParameterError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from fastrank.columns import Rows

# Bytes of the cells of one accumulator, all slices together.
LARGEST_TABLE = 4 << 30

__all__ = ["PairCounts", "ScoreHistogram", "add_words"]


def add_words(
    high: NDArray[np.uint64], low: NDArray[np.uint64], more_high: NDArray[np.uint64], more_low: NDArray[np.uint64]
) -> tuple[NDArray[np.uint64], NDArray[np.uint64]]:
    """Sums of 128-bit integers of two words each."""
    total = low + more_low
    return high + more_high + (total < low), total


@dataclass(frozen=True)
class PairCounts:
    """Pairs of a positive and a negative row: `twice_wins` counts 2 where the positive scores higher and 1
    where both are in one cell, `ties` the latter; with weights, products of integer weights."""

    twice_wins: int
    ties: int
    negatives: int
    positives: int


@dataclass(eq=False)
class ScoreHistogram(RowAccumulator):
    """Rows, or weight, of each class in 2^bits cells of the order-preserving integer key of the score on the
    float32 grid; wider scores are rounded down to it.

    Memory: 16 bytes a cell and slice (32 with weights), dense; at 20 bits 16 MiB a slice; at most 4 GiB.
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
        # Counts need one word a cell; weights are integers of two words, in units of 2^-72.
        self._low: NDArray[Any] = np.zeros((0, 2 << self.bits), np.uint64 if self.weighted else np.int64)
        self._high: NDArray[Any] = np.zeros((0, 2 << self.bits) if self.weighted else (0, 0), np.uint64)

    @property
    def reads(self) -> tuple[str, ...]:
        """Score, class and weight."""
        return ("label", "score", "weight")

    def grow(self, slices: int) -> None:
        """Makes room for slices numbered below `slices`."""
        most = LARGEST_TABLE // ((2 << self.bits) * (16 if self.weighted else 8))
        if slices > most:
            raise ParameterError(
                f"auc(bits={self.bits}): cells of {slices} slices take more than {LARGEST_TABLE >> 30} GiB, which hold "
                f"{most}; take fewer bits, or fewer slices (by=)"
            )
        super().grow(slices)
        if len(self._low) < slices:
            size = min(max(slices, 2 * len(self._low)), most)
            for name in ("_low", "_high"):
                old = getattr(self, name)
                room = np.zeros((size, old.shape[1]), old.dtype)
                room[: len(old)] = old
                setattr(self, name, room)

    def update(self, rows: Rows, slices: NDArray[np.int32] | None) -> None:
        """Counts each row in the cell of its score."""
        self.count_rows(rows, slices)
        if self.weighted:
            cells.weigh_cells(
                rows["score"],
                rows["label"],
                rows["weight"],
                self.bits,
                slices,
                self._high.reshape(-1),
                self._low.reshape(-1),
            )
        else:
            cells.count_cells(rows["score"], rows["label"], self.bits, slices, self._low.reshape(-1))

    def ragged_arrays(self, s: int) -> dict[str, NDArray[Any]]:
        """The cells that hold rows, ascending."""
        low = self._low[s].reshape(-1, 2).view(np.uint64)
        high = self._high[s].reshape(-1, 2) if self.weighted else np.zeros_like(low)
        used = np.flatnonzero((low | high).any(axis=1))
        return {
            "cells": used.astype(np.uint32),
            "negative_high": high[used, 0],
            "negative_low": low[used, 0],
            "positive_high": high[used, 1],
            "positive_low": low[used, 1],
        }

    def merge_ragged(self, s: int, arrays: dict[str, NDArray[Any]]) -> None:
        """Adds the counts of cells."""
        used = arrays["cells"].astype(np.intp)
        low = self._low[s].reshape(-1, 2).view(np.uint64)
        high = self._high[s].reshape(-1, 2) if self.weighted else np.zeros_like(low)
        for column, label in enumerate(("negative", "positive")):
            high[used, column], low[used, column] = add_words(
                high[used, column], low[used, column], arrays[f"{label}_high"], arrays[f"{label}_low"]
            )

    def at(self, s: int) -> PairCounts:
        """Pairs of slice s, those of one cell as ties."""
        if self.weighted:
            high, low = self._high[s].reshape(-1, 2), self._low[s].reshape(-1, 2)
            used = np.flatnonzero((low | high).any(axis=1))
            return PairCounts(
                *runs.twice_wins_weighted(
                    *(np.ascontiguousarray(words[used, column]) for column in (0, 1) for words in (high, low))
                )
            )
        return PairCounts(*runs.twice_wins_interleaved(self._low[s]))
