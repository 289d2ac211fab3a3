"""Distributions of one column: the states of scores, of rows that have no label."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from fastrank.accumulators.binned import ScoreHistogram
from fastrank.accumulators.exact import ScoreRuns
from fastrank.accumulators.scores import ScoreAccumulator

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from fastrank.columns import Rows

__all__ = ["ValueHistogram", "ValueRuns"]


class _OfValues(ScoreAccumulator):
    """Values stand as scores, of which all are of negative rows."""

    @property
    def reads(self) -> tuple[str, ...]:
        """Value and weight."""
        return ("value", "weight")

    def scores_and_labels(self, rows: Rows) -> tuple[NDArray[np.floating], NDArray[np.uint8]]:
        """The values, and that no row is positive."""
        return rows["value"], np.zeros(rows.count, np.uint8)


@dataclass(eq=False)
class ValueRuns(_OfValues, ScoreRuns):
    """Each distinct value with its rows, or their weight.

    Memory grows with the number of distinct values, within memory_limit, past which they go to a temporary file: 6
    bytes each for float32 where a value stands for up to 255 rows, 10 for float64 (up to 36 and 40 with weights); and 2
    bytes for each row that waits to be sorted (8 for float64; 8 more for a weight).
    """

    kind = "value_runs"


@dataclass(eq=False)
class ValueHistogram(_OfValues, ScoreHistogram):
    """Rows, or weight, in 2^bits cells of the order-preserving integer key of the value on the float32 grid; wider
    values are rounded down to it.

    Memory: a table of 16 bytes a cell (32 with weights), as that of ScoreHistogram.
    """

    kind = "value_histogram"
