"""Histograms of scores by class."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from fastrank._kernels import cells
from fastrank.accumulators.scores import ScoreAccumulator
from fastrank.errors import ParameterError
from fastrank.sweeps.base import COUNT, KEY_BITS, WEIGHT, Block, Totals

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from numpy.typing import NDArray

    from fastrank.columns import Rows

# Bytes of the cells of one accumulator, all slices together.
LARGEST_TABLE = 4 << 30

__all__ = ["ScoreHistogram"]


def add_words(
    high: NDArray[np.uint64], low: NDArray[np.uint64], more_high: NDArray[np.uint64], more_low: NDArray[np.uint64]
) -> tuple[NDArray[np.uint64], NDArray[np.uint64]]:
    """Sums of 128-bit integers of two words each."""
    total = low + more_low
    return high + more_high + (total < low), total


@dataclass(eq=False)
class ScoreHistogram(ScoreAccumulator):
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

    def totals(self, s: int) -> Totals:
        """The weight of each class in slice s."""
        words = self.ragged_arrays(s)
        negatives, positives = (
            (_sum(words[f"{name}_high"]) << 64) + _sum(words[f"{name}_low"]) for name in ("negative", "positive")
        )
        return Totals(negatives, positives, WEIGHT if self.weighted else COUNT, self.bits)

    def blocks(self, s: int, count: int = 1) -> Sequence[Iterator[Block]]:
        """The cells of slice s that hold rows."""
        return [self._blocks(s)]

    def _blocks(self, s: int) -> Iterator[Block]:
        arrays = self.ragged_arrays(s)
        keys = arrays["cells"] << np.uint32(KEY_BITS - self.bits)
        negatives, positives = (
            (arrays[f"{name}_high"], arrays[f"{name}_low"])
            if self.weighted
            else (arrays[f"{name}_low"].view(np.int64),)
            for name in ("negative", "positive")
        )
        if keys.size:
            yield Block(keys, negatives, positives, (0, 0), self.totals(s))


def _sum(words: NDArray[np.uint64]) -> int:
    """The sum of words, which may be past 64 bits."""
    return (int((words >> np.uint64(32)).sum()) << 32) + int((words & np.uint64(0xFFFFFFFF)).sum())
