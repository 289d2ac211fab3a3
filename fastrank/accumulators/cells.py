"""Words of cells by slice: as tables of all cells, or of those that hold rows, whichever is better."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from fastrank._kernels import cells as kernels
from fastrank.errors import ParameterError

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["SlicedCells"]

DEFAULT_MEMORY_LIMIT = 2 << 30
# Tables stand in chunks of at least this many cells, so that there are few chunks; what of them was never written to
# takes no memory.
CHUNK_BITS = 20
# Rows and cells wait, in all slices together, until they take this much, or half as much as the sorted cells: each then
# takes part in a number of merges that grows with the logarithm of the number of rows only.
WAITING_BYTES = 16 << 20
# To sort a row costs several times what it costs to count it in a table: a slice gets one when a row for each so many
# cells was sorted, as long as tables take at most half of the limit.
CELLS_A_ROW = 16


class SlicedCells:
    """The words of cells (see `_kernels/cells.pyx`) of slices.

    A slice is a table of all cells, or its cells that hold rows stand among `keys`, slice << bits | cell, which ascend.
    Which of these only decides about speed and room.
    """

    def __init__(self, bits: int, weighted: bool) -> None:
        self.bits = bits
        self.weighted = weighted
        self.width = kernels.WEIGHT_WORDS if weighted else kernels.COUNT_WORDS
        self.memory_limit = DEFAULT_MEMORY_LIMIT
        self.slices = 0
        self.keys, self.words = self._nothing()
        self._waiting_rows: list[tuple[NDArray[Any], ...]] = []
        self._waiting_cells: list[tuple[NDArray[np.uint64], NDArray[np.uint64]]] = []
        self._waiting_bytes = 0
        self._sorted_rows = np.zeros(0, np.int64)  # by slice
        self.tables = 0
        self._places = np.zeros(0, np.int32)  # number of the table, by slice; below 0: none
        self._chunks: list[NDArray[np.uint64]] = []
        self._sparing = False  # whether tables were given up to stay within the limit
        self._read: tuple[int, NDArray[np.uint32], NDArray[np.uint64]] | None = None

    def _nothing(self) -> tuple[NDArray[np.uint64], NDArray[np.uint64]]:
        return np.empty(0, np.uint64), np.empty((0, self.width), np.uint64)

    @property
    def table_bytes(self) -> int:
        """Room that the table of a slice takes."""
        return (8 * self.width) << self.bits

    @property
    def cell_bytes(self) -> int:
        """Room that a sorted cell takes, in the array that holds it and in the one into which that is merged."""
        return 2 * (8 + 8 * self.width)

    def grow(self, slices: int) -> None:
        """Makes room for slices numbered below `slices`."""
        self.slices = max(self.slices, slices)
        if len(self._places) < slices:
            more = max(slices, 2 * len(self._places)) - len(self._places)
            self._places = np.concatenate((self._places, np.full(more, -1, np.int32)))
            self._sorted_rows = np.concatenate((self._sorted_rows, np.zeros(more, np.int64)))

    @property
    def _chunk_bits(self) -> int:
        return max(self.bits, CHUNK_BITS)

    def _table_at(self, place: int) -> NDArray[np.uint64]:
        chunk, first = divmod(place << self.bits, 1 << self._chunk_bits)
        return self._chunks[chunk][first : first + (1 << self.bits)]

    def _table(self, s: int) -> NDArray[np.uint64] | None:
        """The table of slice s, None where it has none."""
        place = int(self._places[s])
        return None if place < 0 else self._table_at(place)

    def _slices_with_tables(self) -> list[tuple[int, NDArray[np.uint64]]]:
        slices = np.flatnonzero(self._places[: self.slices] >= 0)
        return [
            (s, self._table_at(place)) for s, place in zip(slices.tolist(), self._places[slices].tolist(), strict=True)
        ]

    def _make_table(self, s: int) -> NDArray[np.uint64]:
        if self.tables << self.bits >= len(self._chunks) << self._chunk_bits:
            self._chunks.append(np.zeros((1 << self._chunk_bits, self.width), np.uint64))
        self._places[s] = self.tables
        self.tables += 1
        return self._table_at(self.tables - 1)

    def _table_for_all(self, s: int) -> NDArray[np.uint64] | None:
        """The table of a slice that gets all rows, made where it is within the limit."""
        table = self._table(s)
        if table is None and not self._sparing and (self.tables + 1) * self.table_bytes <= self.memory_limit:
            table = self._make_table(s)
            self._move_to_tables([])
        return table

    def add_rows(
        self,
        scores: NDArray[Any],
        labels: NDArray[np.uint8],
        weights: NDArray[np.float64] | None,
        slices: NDArray[np.int32] | None,
    ) -> None:
        """Adds rows to their slices, or to slice 0."""
        self._read = None
        table = self._table_for_all(0) if slices is None else None
        if table is not None:
            if weights is None:
                kernels.count_cells(scores, labels, self.bits, table)
            else:
                kernels.weigh_cells(scores, labels, weights, self.bits, table)
            return
        if slices is None:
            slices = np.zeros(len(labels), np.int32)
        tables = self.bits, self._places[: self.slices], self._chunks, self._chunk_bits
        if weights is None:
            self._wait_rows(kernels.deal_counts(scores, labels, slices, *tables))
        else:
            self._wait_rows(*kernels.deal_weights(scores, labels, weights, slices, *tables))

    def _wait_rows(self, *rows: NDArray[Any]) -> None:
        if rows[0].size:
            self._waiting_rows.append(rows)
            # Twice, for they are brought together and sorted.
            self._wait(2 * sum(column.nbytes for column in rows))

    def _wait(self, size: int) -> None:
        self._waiting_bytes += size
        most = min(max(WAITING_BYTES, self.keys.size * self.cell_bytes // 2), self.memory_limit // 4)
        if self._waiting_bytes > most:
            self.settle()

    def add_cells(self, s: int, cells: NDArray[np.uint64], words: NDArray[np.uint64]) -> None:
        """Adds cells, which ascend, to slice s."""
        self._read = None
        table = self._table(s)
        if table is not None:
            kernels.add_cells(table, cells, words)
        else:
            self._wait_cells(np.uint64(s << self.bits) | cells, words)

    def _wait_cells(self, keys: NDArray[np.uint64], words: NDArray[np.uint64]) -> None:
        if keys.size:
            self._waiting_cells.append((keys, words))
            self._wait(keys.size * self.cell_bytes)

    def merge(self, other: SlicedCells, numbers: NDArray[np.intp]) -> None:
        """Adds those of another, whose slice s is part of this one's slice numbers[s], if that is not below 0."""
        self._read = None
        other.settle()
        # Where the other is this one, what it holds may move from tables to sorted cells, or back, on the way.
        tables, keys, words = other._slices_with_tables(), other.keys, other.words
        for s, theirs in tables:
            number = int(numbers[s])
            if number < 0:
                continue
            mine = self._table(number)
            if mine is None and (number == 0 or self._tables_left() > 0):
                mine = self._table_for_all(number)
            if mine is not None:
                kernels.add_table(mine, theirs)
            else:
                cells = kernels.used_cells(theirs)
                self._wait_cells(np.uint64(number << self.bits) | cells, theirs[cells])
        slices = numbers[(keys >> np.uint64(self.bits)).astype(np.intp)]
        if (slices < 0).any():
            kept = slices >= 0
            slices, keys, words = slices[kept], keys[kept], words[kept]
        if keys.size:
            keys = slices.astype(np.uint64) << np.uint64(self.bits) | keys & np.uint64((1 << self.bits) - 1)
            order = np.argsort(keys, kind="stable")
            self._wait_cells(*kernels.fold_cells(keys[order], words[order], 0))

    def clear(self, s: int) -> None:
        """Makes a slice hold nothing."""
        self.settle()
        self._read = None
        table = self._table(s)
        if table is not None:
            table.fill(0)
        first, stop = self._borders(s)
        self.keys = np.delete(self.keys, slice(first, stop))
        self.words = np.delete(self.words, slice(first, stop), axis=0)

    def settle(self) -> None:
        """Brings what waits among the sorted cells or into tables; ParameterError where it is past the limit."""
        if self._waiting_bytes:
            self._bring_together()
            self._arrange()
        if self._room() > self._most_room():
            self._spare()
        if self._room() > self._most_room():
            raise ParameterError(
                f"bits={self.bits}: the cells of {self.slices} slices take {self._room() >> 10:,} KiB, and "
                f"memory_limit= leaves them {self._most_room() >> 10:,} KiB; take fewer bits, or fewer slices (by=), "
                "or allow more memory"
            )

    def _bring_together(self) -> None:
        if self._waiting_rows:
            keys, *weights = (np.concatenate(column) for column in zip(*self._waiting_rows, strict=True))
            self._waiting_rows = []
            if weights:
                order = np.argsort(keys)
                keys, weights = keys[order], [weights[0][order]]
            else:
                keys.sort()
            slices = np.bincount((keys >> np.uint64(self.bits + 1)).astype(np.intp), minlength=len(self._sorted_rows))
            self._sorted_rows += slices
            self._waiting_cells.append(kernels.tally(keys, weights[0] if weights else None))
        if len(self._waiting_cells) > 1:
            keys, words = (np.concatenate(column) for column in zip(*self._waiting_cells, strict=True))
            order = np.argsort(keys, kind="stable")
            more = kernels.fold_cells(keys[order], words[order], 0)
        else:
            more = self._waiting_cells[0]
        self._waiting_cells, self._waiting_bytes = [], 0
        self.keys, self.words = kernels.merge_cells(self.keys, self.words, *more)

    def _used(self) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
        """(where the sorted cells of each slice begin, how many there are)."""
        borders = np.searchsorted(self.keys, np.arange(self.slices + 1, dtype=np.uint64) << np.uint64(self.bits))
        return borders, np.diff(borders)

    def _tables_left(self) -> int:
        """How many tables more may be made for the sake of speed."""
        return 0 if self._sparing else max(0, self.memory_limit // 2 // self.table_bytes - self.tables)

    def _arrange(self) -> None:
        """Makes tables of slices, and gives up tables, as it is better."""
        _, used = self._used()
        without = self._places[: self.slices] < 0
        full = without & (used * self.cell_bytes >= self.table_bytes)
        many = without & ~full & (self._sorted_rows[: self.slices] >= (1 << self.bits) // CELLS_A_ROW)
        chosen = np.flatnonzero(many)
        chosen = chosen[np.argsort(-self._sorted_rows[chosen], kind="stable")][: self._tables_left()]
        self._move_to_tables([*np.flatnonzero(full).tolist(), *chosen.tolist()])

    def _room(self) -> int:
        return self.tables * self.table_bytes + self.keys.size * self.cell_bytes

    def _most_room(self) -> int:
        """The limit, but for what waits where slices have no tables."""
        return self.memory_limit - (self.memory_limit // 4 if self.keys.size else 0)

    def _move_to_tables(self, new: list[int]) -> None:
        """Makes tables, and moves the sorted cells of all slices that have one there."""
        for s in new:
            self._make_table(s)
        borders, _ = self._used()
        mask = np.uint64((1 << self.bits) - 1)
        moved = np.zeros(self.keys.size, np.bool_)
        for s, table in self._slices_with_tables():
            part = slice(borders[s], borders[s + 1])
            kernels.add_cells(table, self.keys[part] & mask, self.words[part])
            moved[part] = True
        if moved.any():
            self.keys, self.words = self.keys[~moved], self.words[~moved]

    def _spare(self) -> None:
        """Gives up the tables that take more room than their cells would, for good."""
        self._sparing = True
        parts, kept = [(self.keys, self.words)], []
        for s, table in self._slices_with_tables():
            cells, words = self._cells_of(s)
            if cells.size * self.cell_bytes < self.table_bytes:
                parts.append((np.uint64(s << self.bits) | cells, words))
            else:
                kept.append((s, table))
        self.tables, self._chunks = 0, []
        self._places.fill(-1)
        for s, table in kept:
            self._make_table(s)[:] = table
        self.keys, self.words = (np.concatenate(column) for column in zip(*parts, strict=True))
        order = np.argsort(self.keys, kind="stable")
        self.keys, self.words = self.keys[order], self.words[order]

    def of(self, s: int) -> tuple[NDArray[np.uint32], NDArray[np.uint64]]:
        """(the cells of slice s that hold rows, ascending, the words of each)."""
        self.settle()
        if self._read is None or self._read[0] != s:
            self._read = (s, *self._cells_of(s))
        return self._read[1:]

    def _borders(self, s: int) -> tuple[int, int]:
        """Where the sorted cells of a slice begin and end."""
        ends = np.array([s, s + 1], np.uint64) << np.uint64(self.bits)
        first, stop = np.searchsorted(self.keys, ends).tolist()
        return first, stop

    def _cells_of(self, s: int) -> tuple[NDArray[np.uint32], NDArray[np.uint64]]:
        table = self._table(s)
        if table is not None:
            used = kernels.used_cells(table)
            return used, table[used]
        first, stop = self._borders(s)
        return (self.keys[first:stop] & np.uint64((1 << self.bits) - 1)).astype(np.uint32), self.words[first:stop]

    def folded(self, bits: int) -> SlicedCells:
        """The same rows in fewer cells."""
        result = SlicedCells(bits, self.weighted)
        result.memory_limit = self.memory_limit
        result.grow(self.slices)
        self.settle()
        shift = self.bits - bits
        for s, _ in self._slices_with_tables():
            cells, words = self._cells_of(s)
            result.add_cells(s, *kernels.fold_cells(cells.astype(np.uint64), words, shift))
        result._wait_cells(*kernels.fold_cells(self.keys, self.words, shift))
        result.settle()
        return result
