"""Rows kept by parts of the range of hashes of their ids, in memory and past a limit in a file, so that all rows of an
id are found together without sorting."""

from __future__ import annotations

from itertools import chain
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import pyarrow as pa

from fastrank._kernels import group
from fastrank.buffers import buffer_view, to_arrow
from fastrank.columns import join_batches
from fastrank.spill import Spill

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from numpy.typing import NDArray

__all__ = ["Partitions", "take_rows"]

# Rows that are partitioned at once: the columns that are gathered from stay in a core's cache.
BLOCK_ROWS = 1 << 16
# Parts are given back together up to this many rows, and one by one up to the largest chunk; what is larger is
# partitioned by further bits.
CHUNK_ROWS = 1 << 17
LARGEST_CHUNK_ROWS = 1 << 20
_WORDS: dict[int, type[np.generic]] = {8: np.uint8, 16: np.uint16, 32: np.uint32, 64: np.uint64}


def take_rows(batch: pa.RecordBatch, order: NDArray[np.int64]) -> pa.RecordBatch:
    """The rows in an order."""
    indices = to_arrow(order)
    return pa.RecordBatch.from_arrays([_take(array, order, indices) for array in batch.columns], schema=batch.schema)


def _take(array: pa.Array, order: NDArray[np.int64], indices: pa.Array) -> pa.Array:
    dtype = _WORDS.get(array.type.bit_width) if pa.types.is_primitive(array.type) and not array.null_count else None
    if dtype is None:
        return array.take(indices)
    # NumPy takes half the time of Arrow, and Arrow's memory half the time of NumPy's.
    buffer = pa.allocate_buffer(len(order) * np.dtype(dtype).itemsize)
    buffer_view(array, dtype).take(order, out=np.frombuffer(buffer, dtype), mode="clip")
    return pa.Array.from_buffers(array.type, len(order), [None, buffer])


class _Block(NamedTuple):
    """Rows in memory: those of part p are bounds[p]..bounds[p + 1]."""

    batch: pa.RecordBatch
    bounds: NDArray[np.int64]

    def slice(self, start: int, stop: int) -> pa.RecordBatch:
        first = int(self.bounds[start])
        return self.batch.slice(first, int(self.bounds[stop]) - first)


class _Message(NamedTuple):
    """Rows of one part in the file."""

    offset: int
    size: int
    schema: pa.Schema


class Partitions:
    """Rows by parts of the range of hashes of their ids: `chunks` gives them back, those of an id in one chunk.

    Rows come as record batches, of which `find_ids` gives the ids.  Past `memory_limit` bytes they go to a file.  A
    part that is too large for a chunk is partitioned by the next bits of the hash (`level`), by way of a file of its
    own if it is larger than `memory_limit`; the rows of one id are always taken together.
    """

    def __init__(
        self, find_ids: Callable[[pa.RecordBatch], NDArray[np.uint64]], memory_limit: int, level: int = 0
    ) -> None:
        self.rows = 0
        self.nbytes = 0
        self.schema: pa.Schema | None = None  # of the first batch
        self._find_ids = find_ids
        self.memory_limit = memory_limit
        self._level = level
        self._counts = np.zeros(group.PARTS, np.int64)
        self._pending: list[pa.RecordBatch] = []
        self._pending_rows = 0
        self._blocks: list[_Block] = []
        self._in_memory = 0
        self._messages: list[list[_Message]] = [[] for _ in range(group.PARTS)]
        self._spill: Spill | None = None

    def add(self, batch: pa.RecordBatch) -> None:
        """Adds rows, in the order in which they come."""
        # Small batches are joined first.
        if self._pending_rows + batch.num_rows > BLOCK_ROWS:
            self._partition()
        self._pending.append(batch)
        self._pending_rows += batch.num_rows
        self.schema = self.schema or batch.schema
        self.rows += batch.num_rows
        self.nbytes += batch.nbytes
        if self._pending_rows >= BLOCK_ROWS:
            self._partition()

    def _partition(self) -> None:
        if not self._pending:
            return
        joined = join_batches(self._pending)
        self._pending, self._pending_rows = [], 0
        for start in range(0, joined.num_rows, BLOCK_ROWS):
            rows = joined.slice(start, BLOCK_ROWS)
            order, bounds = group.partition_rows(self._find_ids(rows), self._level)
            block = _Block(take_rows(rows, order), bounds)
            self._counts += np.diff(bounds)
            self._blocks.append(block)
            self._in_memory += block.batch.nbytes
            if self._in_memory > self.memory_limit:
                self._write()

    def _write(self) -> None:
        """Moves the rows in memory to the file, where those of a part lie together."""
        if self._spill is None:
            self._spill = Spill()
        for part in range(group.PARTS):
            rows = join_batches([block.slice(part, part + 1) for block in self._blocks])
            if rows.num_rows:
                data = rows.serialize()
                self._messages[part].append(_Message(self._spill.write(data), data.size, rows.schema))
        self._blocks, self._in_memory = [], 0

    def chunks(self) -> Iterator[pa.RecordBatch]:
        """All rows; those of an id are in one chunk, in the order in which they came.  May be asked again."""
        self._partition()
        start = 0
        while start < group.PARTS:
            stop, rows = start + 1, int(self._counts[start])
            while stop < group.PARTS and rows + self._counts[stop] <= CHUNK_ROWS:
                rows += int(self._counts[stop])
                stop += 1
            if rows > LARGEST_CHUNK_ROWS and self._can_be_cut(rows):
                yield from self._cut(start)
            elif rows:
                yield join_batches([*self._pieces(start, stop)])
            start = stop

    def _can_be_cut(self, rows: int) -> bool:
        # Where further bits did not cut the rows, they are of one id.
        return self._level + 1 < group.LEVELS and (self._level == 0 or rows < self.rows)

    def _cut(self, part: int) -> Iterator[pa.RecordBatch]:
        deeper = Partitions(self._find_ids, self.memory_limit, self._level + 1)
        for rows in self._pieces(part, part + 1):
            deeper.add(rows)
        yield from deeper.chunks()

    def _pieces(self, start: int, stop: int) -> Iterator[pa.RecordBatch]:
        for part in range(start, stop):
            yield from self._read(self._messages[part])
        yield from (block.slice(start, stop) for block in self._blocks)

    def _read(self, messages: Iterable[_Message]) -> Iterator[pa.RecordBatch]:
        for message in messages:
            assert self._spill is not None
            data = self._spill.read(message.offset, message.size)
            yield pa.ipc.read_record_batch(pa.py_buffer(data), message.schema)

    def batches(self) -> Iterator[pa.RecordBatch]:
        """All rows that there are when this is called; those of an id in the order in which they came."""
        self._partition()
        messages = [message for part in self._messages for message in part]
        return chain(self._read(messages), [block.batch for block in self._blocks])
