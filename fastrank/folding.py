"""Slices past a limit, added up."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from fastrank.accumulators.base import ListAccumulator, RowAccumulator

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from fastrank.accumulators.base import Accumulator
    from fastrank.slices import Slices

__all__ = ["fold_slices"]


def fold_slices(
    slices: Slices, accumulators: dict[Any, Accumulator], most: int
) -> tuple[Slices, dict[Any, Accumulator]]:
    """The same with at most so many slices of each grouping, and one that stands for all its others: those with fewer
    rows, of the metric that has most; of as many, those whose keys come later."""
    rows = np.zeros(slices.count, np.int64)
    held = np.zeros(slices.count, np.bool_)
    for each in accumulators.values():
        here = slice(slices.count)
        rows = np.maximum(rows, each.rows[here])
        held |= (each.rows[here] > 0) | (each.rows_dropped[here] > 0)
        if isinstance(each, ListAccumulator):
            held |= each.state["queries"][here] > 0
    shown, numbers = slices.folded(rows, held, most)
    if shown is slices:
        return slices, accumulators
    return shown, {i: _fold(each, numbers, shown.count) for i, each in accumulators.items()}


def _fold(accumulator: Accumulator, numbers: NDArray[np.intp], count: int) -> Accumulator:
    result = type(accumulator)(**accumulator.parameters)
    if isinstance(accumulator, RowAccumulator) and accumulator.memory_limit is not None:
        assert isinstance(result, RowAccumulator)
        result.memory_limit = accumulator.memory_limit
    result.grow(count)
    result.merge(accumulator, numbers)
    return result
