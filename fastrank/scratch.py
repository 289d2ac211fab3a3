"""Room that each batch uses again."""

from __future__ import annotations

import weakref
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import DTypeLike, NDArray

__all__ = ["Scratch"]

# Smaller arrays come from what the allocator keeps anyway.
LEAST_BYTES = 1 << 16
# Those who keep an array for long keep its block with it: so many are enough for a batch, others are not used again.
MOST_BLOCKS = 8


class _Block(NamedTuple):
    memory: bytearray
    lent: weakref.ref[NDArray[Any]]


class Scratch:
    """Arrays in memory that is used again once nothing refers to them, or to views of them.

    Memory that is given back after each batch is mapped and cleared for the next: that takes as long as what is done
    with it.  Whoever keeps an array may do so.
    """

    def __init__(self) -> None:
        self._blocks: list[_Block] = []

    def empty(self, size: int, dtype: DTypeLike) -> NDArray[Any]:
        """As numpy.empty, of one dimension."""
        dtype = np.dtype(dtype)
        wanted = size * dtype.itemsize
        if wanted < LEAST_BYTES or dtype.hasobject:
            return np.empty(size, dtype)
        free = sorted((b for b in self._blocks if b.lent() is None), key=lambda block: len(block.memory))
        found = next((block for block in free if len(block.memory) >= wanted), None)
        if found is None and free:
            self._blocks.remove(free[-1])  # a larger one takes its place
        elif found is not None:
            self._blocks.remove(found)
        memory = bytearray(wanted) if found is None else found.memory
        # The base of this array is no array, so that views of it, and of these, all refer to it.
        array: NDArray[Any] = np.frombuffer(memory, dtype, size)
        if len(self._blocks) < MOST_BLOCKS:
            self._blocks.append(_Block(memory, weakref.ref(array)))
        return array

    def __reduce__(self) -> tuple[type[Scratch], tuple[()]]:
        """Copies begin with nothing."""
        return Scratch, ()
