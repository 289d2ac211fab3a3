"""Runs that were sorted and merged: distinct scores, ascending, with the weight of each class; in memory or in a file.

Runs are tuples of arrays as `fastrank._kernels.runs` gives them: keys, then the counts of negatives and positives, or
the four words of their weights.
"""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from fastrank._kernels import runs

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from numpy.typing import NDArray

    from fastrank.spill import Spill

__all__ = ["CHUNK_RUNS", "Cursor", "Generation", "Runs", "merged", "totals_of", "widened"]

Runs = tuple["NDArray[Any]", ...]

# Runs that are stored, loaded and merged at a time: they stay in the second-level cache.
CHUNK_RUNS = 1 << 16
_NARROW = (np.uint8, np.uint16, np.uint32)


def merged(a: Runs, b: Runs) -> Runs:
    """All runs of both."""
    if not a[0].size or not b[0].size:
        return b if b[0].size else a
    return (runs.merge_runs if len(a) == 3 else runs.merge_weighted_runs)(*a, *b)


def widened(arrays: Runs) -> Runs:
    """The runs with the keys of the same scores as float64."""
    keys = arrays[0]
    return (keys if keys.dtype == np.uint64 else runs.widen_keys(keys), *arrays[1:])


def totals_of(arrays: Runs) -> tuple[int, int]:
    """The sums of the integers of both classes."""
    _, *words = arrays
    if len(words) == 2:
        return int(words[0].sum()), int(words[1].sum())
    # In halves of a word, whose sums stay below 2^64 for 2^32 runs.
    sums = [(int((word >> np.uint64(32)).sum()) << 32) + int((word & np.uint64(0xFFFFFFFF)).sum()) for word in words]
    return (sums[0] << 64) + sums[1], (sums[2] << 64) + sums[3]


def _added(sums: Iterable[tuple[int, int]]) -> tuple[int, int]:
    """Sums of pairs."""
    negatives = positives = 0
    for pair in sums:
        negatives += pair[0]
        positives += pair[1]
    return negatives, positives


@dataclass(frozen=True)
class _Chunk:
    """Some runs, their columns in the narrowest types that hold them; `place` says where they begin in the file."""

    first_key: int
    size: int
    totals: tuple[int, int]
    columns: Runs
    place: int | None = None

    @staticmethod
    def of(arrays: Runs) -> _Chunk:
        keys, *words = arrays
        columns = (keys, *(_narrowed(column) for column in words))
        return _Chunk(int(keys[0]), keys.size, totals_of(arrays), columns)

    @property
    def nbytes(self) -> int:
        return 0 if self.place is not None else sum(column.nbytes for column in self.columns)

    def written(self, spill: Spill) -> _Chunk:
        """The same in a file, of which only the types are kept in memory."""
        # At once, for others may write to the file too.
        place = spill.write(b"".join(np.ascontiguousarray(column).data for column in self.columns))
        empty = tuple(column[:0].copy() for column in self.columns)
        return _Chunk(self.first_key, self.size, self.totals, empty, place)

    def load(self, spill: Spill | None) -> Runs:
        """The runs."""
        columns = self.columns
        if self.place is not None:
            assert spill is not None
            sizes = [self.size * column.itemsize for column in columns]
            data = memoryview(spill.read(self.place, sum(sizes)))
            ends = np.cumsum([0, *sizes]).tolist()
            columns = tuple(
                np.frombuffer(data[begin:end], column.dtype)
                for begin, end, column in zip(ends, ends[1:], self.columns, strict=False)
            )
        keys, *words = columns
        kind = np.int64 if len(words) == 2 else np.uint64
        return (keys, *(column.astype(kind, copy=False) for column in words))


def _narrowed(column: NDArray[Any]) -> NDArray[Any]:
    most = int(column.max())
    for kind in _NARROW:
        if most <= np.iinfo(kind).max:
            return column.astype(kind)
    return column


class Generation:
    """Runs in chunks; a chunk is never changed."""

    def __init__(self, chunks: Sequence[_Chunk] = (), spill: Spill | None = None) -> None:
        self.chunks = list(chunks)
        self.spill = spill

    @staticmethod
    def of(parts: Iterable[Runs], spill: Spill | None = None) -> Generation:
        """A generation of runs that ascend from part to part; in a file where one is given."""
        generation = Generation((), spill)
        for arrays in parts:
            for start in range(0, arrays[0].size, CHUNK_RUNS):
                chunk = _Chunk.of(tuple(column[start : start + CHUNK_RUNS] for column in arrays))
                generation.chunks.append(chunk if spill is None else chunk.written(spill))
        return generation

    def spilled(self, spill: Spill) -> Generation:
        """The same in a file."""
        return Generation([chunk.written(spill) for chunk in self.chunks], spill)

    @property
    def size(self) -> int:
        """How many runs there are."""
        return sum(chunk.size for chunk in self.chunks)

    @property
    def totals(self) -> tuple[int, int]:
        """The sums of the integers of both classes."""
        return _added(chunk.totals for chunk in self.chunks)

    @property
    def nbytes(self) -> int:
        """Bytes in memory."""
        return sum(chunk.nbytes for chunk in self.chunks)

    def tier(self, fan: int) -> tuple[bool, int]:
        """Equal for generations that lie in one place and differ in size by a factor of less than `fan`, or little
        more."""
        return self.in_memory, self.size.bit_length() // (fan.bit_length() - 1)

    @property
    def in_memory(self) -> bool:
        """Whether no chunk is in a file."""
        return self.spill is None


class Cursor:
    """Reads a generation from a key on; of a `wide` one all keys are those of float64.

    `first_keys` and `sizes` are those of its chunks.  With `lets_go` the generation loses them as they are read.
    """

    def __init__(self, generation: Generation, *, wide: bool, begin: int = 0, lets_go: bool = False) -> None:
        self._wide = wide
        self._spill = generation.spill
        self._chunks: list[_Chunk | None] = list(generation.chunks)
        self.first_keys = [self._key(chunk) for chunk in generation.chunks]
        self.sizes = [chunk.size for chunk in generation.chunks]
        if lets_go:
            generation.chunks.clear()
        self._next = max(0, bisect_right(self.first_keys, begin) - 1)
        self.below = _added(chunk.totals for chunk in self._chunks[: self._next] if chunk is not None)
        self._rest: Runs | None = None
        skipped = self.take(begin)
        if skipped is not None:
            self.below = _added((self.below, totals_of(skipped)))

    def _key(self, chunk: _Chunk) -> int:
        keys = chunk.columns[0]
        if self._wide and keys.dtype == np.uint32:
            return int(runs.widen_keys(np.array([chunk.first_key], np.uint32))[0])
        return chunk.first_key

    def take(self, end: int | None) -> Runs | None:
        """The runs with keys below `end` that were not taken before (None: all); None where there are none."""
        taken = []
        while self._rest is not None or (self._next < len(self._chunks) and self._begins_below(end)):
            arrays = self._rest if self._rest is not None else self._load()
            self._rest = None
            if end is not None and int(arrays[0][-1]) >= end:
                stop = int(np.searchsorted(arrays[0], arrays[0].dtype.type(end)))
                self._rest = tuple(column[stop:] for column in arrays)
                arrays = tuple(column[:stop] for column in arrays)
                if stop:
                    taken.append(arrays)
                break
            taken.append(arrays)
        if len(taken) < 2:
            return taken[0] if taken else None
        return tuple(np.concatenate(columns) for columns in zip(*taken, strict=True))

    def _begins_below(self, end: int | None) -> bool:
        return end is None or self.first_keys[self._next] < end

    def _load(self) -> Runs:
        chunk = self._chunks[self._next]
        assert chunk is not None
        self._chunks[self._next] = None
        self._next += 1
        arrays = chunk.load(self._spill)
        return widened(arrays) if self._wide else arrays
