"""The ids of finished queries, so that none is evaluated twice."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from fastrank._kernels import ids as kernels
from fastrank.errors import FastrankError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from numpy.typing import NDArray

__all__ = ["SeenIds"]

BLOCK = 16_384  # ids
# Ids that fall among so many times as many others cost less in a hash set.
SCATTERED = 8
_WIDTHS = {0: np.uint8, 1: np.uint8, 2: np.uint16, 4: np.uint32, 8: np.uint64}
_LEAST_SLOTS = 1024


class Block(NamedTuple):
    """Up to BLOCK ids as int64 that ascend: the first, and the steps to the next in as few bytes as they take; no
    steps where these are consecutive integers."""

    first: int
    last: int
    size: int
    steps: NDArray[np.unsignedinteger] | None

    @staticmethod
    def of(ids: NDArray[np.int64]) -> Block:
        """A block of ids that ascend, at least one."""
        # Of the whole range of int64 a step is below 2^64.
        steps = np.diff(ids.view(np.uint64))
        most = int(steps.max(initial=1))
        packed = None if most == 1 else steps.astype(np.min_scalar_type(most))
        return Block(int(ids[0]), int(ids[-1]), ids.size, packed)

    @property
    def ids(self) -> NDArray[np.int64]:
        """The ids."""
        if self.steps is None:
            return np.arange(self.size) + self.first
        ids = np.empty(self.size, np.uint64)
        ids[0] = self.first % 2**64
        np.cumsum(self.steps, dtype=np.uint64, out=ids[1:])
        ids[1:] += ids[0]
        return ids.view(np.int64)


def _blocks(ids: NDArray[np.int64]) -> list[Block]:
    """Ids that ascend, in blocks."""
    return [Block.of(ids[i : i + BLOCK]) for i in range(0, ids.size, BLOCK)]


class _Side:
    """Goes through the blocks of one of two sets."""

    def __init__(self, blocks: Iterable[Block]) -> None:
        self._blocks = iter(blocks)
        self.part: Block | NDArray[np.int64] | None = next(self._blocks, None)  # a block, or the ids left of one

    @property
    def first(self) -> int:
        """The first id of the part."""
        return self.part.first if isinstance(self.part, Block) else int(self.ids[0])

    @property
    def last(self) -> int:
        """The last id of the part."""
        return self.part.last if isinstance(self.part, Block) else int(self.ids[-1])

    @property
    def ids(self) -> NDArray[np.int64]:
        """The ids of the part."""
        assert self.part is not None
        return self.part.ids if isinstance(self.part, Block) else self.part

    def rest(self) -> Iterator[Block | NDArray[np.int64]]:
        """All parts from this one on."""
        while self.part is not None:
            yield self.whole()

    def whole(self) -> Block | NDArray[np.int64]:
        """The part; goes on to the next."""
        part = self.part
        assert part is not None
        self.part = next(self._blocks, None)
        return part

    def up_to(self, last: int) -> NDArray[np.int64]:
        """The ids of the part up to one; goes on to those after it."""
        ids = self.ids
        end = int(np.searchsorted(ids, last, side="right"))
        self.part = ids[end:] if end < ids.size else next(self._blocks, None)
        return ids[:end]


def _together(mine: Iterable[Block], theirs: Iterable[Block]) -> Iterator[Block | NDArray[np.int64]]:
    """The ids of two sets in ascending parts: blocks that none of the other set overlaps as they are, else ids of both
    sets; one that both have stands twice in a part."""
    left, right = _Side(mine), _Side(theirs)
    while left.part is not None and right.part is not None:
        if left.last < right.first:
            yield left.whole()
        elif right.last < left.first:
            yield right.whole()
        else:
            last = min(left.last, right.last)
            # A stable sort finds the two runs, and merges them.
            yield np.sort(np.concatenate([left.up_to(last), right.up_to(last)]), kind="stable")
    yield from left.rest()
    yield from right.rest()


def _in_blocks(parts: Iterable[Block | NDArray[np.int64]]) -> list[Block]:
    """Parts that ascend, as blocks of which no two neighbours would fit into one."""
    blocks: list[Block] = []

    def put(block: Block) -> None:
        if blocks and blocks[-1].size + block.size <= BLOCK:
            block = Block.of(np.concatenate([blocks.pop().ids, block.ids]))
        blocks.append(block)

    rest: NDArray[np.int64] = np.empty(0, np.int64)
    for part in parts:
        if isinstance(part, Block):
            for block in (*_blocks(rest), part):
                put(block)
            rest = rest[:0]
        else:
            ids = np.concatenate([rest, part])
            whole = ids.size - ids.size % BLOCK
            for block in _blocks(ids[:whole]):
                put(block)
            rest = ids[whole:]
    for block in _blocks(rest):
        put(block)
    return blocks


class SeenIds:
    """A set of 64-bit ids that only grows.

    Ids that come in ascending order, or in ascending pieces, are kept as blocks of steps: next to nothing for
    consecutive integers, a byte an id where they are dense.  The first that come otherwise turn them into a hash set
    of 16 to 32 bytes an id, within `memory_limit` bytes.
    """

    def __init__(self, memory_limit: int | None = None) -> None:
        self.memory_limit = memory_limit
        self._blocks: list[Block] = []  # ascending, none overlaps another
        self._tail: list[NDArray[np.int64]] = []  # ids after all blocks, that wait to fill one
        self._waiting = 0
        self._last: int | None = None
        self._set: kernels.IdSet | None = None

    def add(self, ids: NDArray[np.uint64]) -> None:
        """Adds ids that are not there yet; FastrankError where they do not fit into memory_limit."""
        signed = ids.view(np.int64)
        if not ids.size:
            return
        if self._set is None and bool((signed[1:] > signed[:-1]).all()):
            if self._last is None or int(signed[0]) > self._last:
                self._append(signed)
                return
            self._flush()
            low, high = self._overlapping(int(signed[0]), int(signed[-1]))
            if sum(block.size for block in self._blocks[low:high]) <= SCATTERED * ids.size:
                self._take(_blocks(signed))
                return
        self._scatter(ids.size)
        assert self._set is not None
        self._set.add(ids)

    def merge(self, other: SeenIds) -> None:
        """Adds the ids of another, which is not changed and has none of these."""
        other._flush()
        if self._set is None and other._set is None:
            self._flush()
            self._take(other._blocks)
            return
        self._scatter(len(other))
        assert self._set is not None
        for ids in other._chunks():
            self._set.add(ids.view(np.uint64))

    def __len__(self) -> int:
        if self._set is not None:
            return len(self._set)
        return self._waiting + sum(block.size for block in self._blocks)

    def contains(self, ids: NDArray[np.uint64]) -> NDArray[np.bool_]:
        """Which of the ids were added before."""
        if self._set is not None:
            found = self._set.contains_any(ids)
            return np.array([found and self._set.contains_any(ids[i : i + 1]) for i in range(ids.size)], np.bool_)
        signed, marks = ids.view(np.int64), np.zeros(ids.size, np.bool_)
        if self._last is None or not (signed <= self._last).any():
            return marks
        self._flush()
        low, high = self._overlapping(int(signed.min()), int(signed.max()))
        place = low + np.searchsorted(np.array([block.last for block in self._blocks[low:high]], np.int64), signed)
        for b in np.unique(place[place < high]).tolist():
            mine, ids = np.flatnonzero(place == b), self._blocks[b].ids
            marks[mine] = ids[np.searchsorted(ids, signed[mine])] == signed[mine]
        return marks

    def contains_any(self, ids: NDArray[np.uint64]) -> bool:
        """Whether one of the ids was added before."""
        return self._set.contains_any(ids) if self._set is not None else bool(self.contains(ids).any())

    def meets(self, other: SeenIds) -> bool:
        """Whether an id is in both."""
        self._flush()
        other._flush()
        if self._set is not None:
            return any(self._set.contains_any(ids.view(np.uint64)) for ids in other._chunks())
        if other._set is not None:
            return other.meets(self)
        if not self._blocks or not other._blocks:
            return False
        low, high = self._overlapping(other._blocks[0].first, other._blocks[-1].last)
        parts = _together(self._blocks[low:high], other._blocks)
        return any(not isinstance(part, Block) and bool((part[1:] == part[:-1]).any()) for part in parts)

    def values(self) -> NDArray[np.uint64]:
        """All ids, in ascending order of the unsigned integer."""
        if self._set is not None:
            return self._set.values()
        # A stable sort is one pass over what ascends already, as all but negative integers do.
        return np.sort(np.concatenate([np.empty(0, np.int64), *self._chunks()]).view(np.uint64), kind="stable")

    def packed(self) -> NDArray[np.uint64]:
        """The ids in words of 64 bits, which depend on them only: for each BLOCK of the ascending ids the first, as
        two's complement; their number, and from bit 32 on the bytes of a step (0 where each is 1, else 1, 2, 4 or 8);
        and the steps, little-endian, filled up with zeros to whole words."""
        ids = np.sort(self.values().view(np.int64), kind="stable") if self._set is not None else None
        words: list[NDArray[np.uint64]] = []
        for block in self._even_blocks() if ids is None else _blocks(ids):
            width = 0 if block.steps is None else block.steps.itemsize
            words.append(np.array([block.first % 2**64, block.size | width << 32], np.uint64))
            if block.steps is not None:
                data = np.zeros(-(-block.steps.nbytes // 8), np.uint64)
                data.view(np.uint8)[: block.steps.nbytes] = block.steps.view(np.uint8)
                words.append(data)
        return np.concatenate([np.empty(0, np.uint64), *words])

    @staticmethod
    def unpacked(words: NDArray[np.uint64]) -> SeenIds:
        """What `packed` gave; ValueError where nothing gives that."""
        result, at = SeenIds(), 0
        while at < words.size:
            if at + 2 > words.size:
                raise ValueError("a block of ids is cut off")
            first, head = int(words[at : at + 1].view(np.int64)[0]), int(words[at + 1])
            count, width = head & (2**32 - 1), head >> 32
            if not 0 < count <= BLOCK or width not in _WIDTHS:
                raise ValueError("a block of ids has no such size")
            data = words[at + 2 : at + 2 + -(-(count - 1) * width // 8)].view(np.uint8)[: (count - 1) * width]
            if data.size < (count - 1) * width:
                raise ValueError("a block of ids is cut off")
            steps = data.view(_WIDTHS[width]) if width else None
            span = count - 1
            if steps is not None:
                # Steps of 8 bytes may add up to more than 2^64.
                span = sum(steps.tolist()) if width == 8 else int(steps.sum(dtype=np.uint64))
            if (result._last is not None and first <= result._last) or first + span >= 2**63:
                raise ValueError("ids do not ascend")
            if steps is not None and not steps.all():
                raise ValueError("an id stands twice")
            result._last = first + span
            result._blocks.append(Block(first, result._last, count, steps))
            at += 2 + -(-(count - 1) * width // 8)
        return result

    def _append(self, ids: NDArray[np.int64]) -> None:
        """Adds ids that ascend, after all others."""
        self._tail.append(ids.copy())  # a view would keep all of its array
        self._waiting += ids.size
        self._last = int(ids[-1])
        if self._waiting >= BLOCK:
            self._flush()

    def _flush(self) -> None:
        """Makes blocks of the tail."""
        if self._waiting:
            blocks = _blocks(np.concatenate(self._tail))
            self._tail, self._waiting = [], 0
            self._take(blocks)

    def _overlapping(self, first: int, last: int) -> tuple[int, int]:
        """The blocks that hold ids from first to last, or could: low..high, empty where that is between two."""
        low = bisect_left(self._blocks, first, key=lambda block: block.last)
        return low, max(low, bisect_right(self._blocks, last, key=lambda block: block.first))

    def _take(self, blocks: list[Block]) -> None:
        """Adds blocks that ascend; those here that they do not overlap stay as they are."""
        if not blocks:
            return
        low, high = self._overlapping(blocks[0].first, blocks[-1].last)
        low = max(0, low - 1)  # a small block joins its neighbours
        high += 1
        self._blocks[low:high] = _in_blocks(_together(self._blocks[low:high], blocks))
        self._last = self._blocks[-1].last

    def _scatter(self, more: int) -> None:
        """Becomes a hash set with room for `more` ids."""
        count = len(self) + more
        slots = max(_LEAST_SLOTS, 1 << (2 * count - 1).bit_length())
        if self.memory_limit is not None and slots > _LEAST_SLOTS and 8 * slots > self.memory_limit:
            raise FastrankError(
                f"the ids of {count} finished queries, which do not ascend, take {8 * slots} bytes, more than "
                f"memory_limit={self.memory_limit}: sort the source by query (ids that ascend take next to none), or "
                "raise memory_limit"
            )
        if self._set is None:
            made = kernels.IdSet()
            for ids in self._chunks():
                made.add(ids.view(np.uint64))
            self._set, self._blocks, self._tail, self._waiting, self._last = made, [], [], 0, None

    def _chunks(self) -> Iterator[NDArray[np.int64]]:
        """All ids, a part at a time."""
        if self._set is not None:
            yield self._set.values().view(np.int64)
            return
        for block in self._blocks:
            yield block.ids
        yield from self._tail

    def _even_blocks(self) -> Iterator[Block]:
        """The ids in blocks of BLOCK, but for the last one."""
        rest: NDArray[np.int64] = np.empty(0, np.int64)
        for ids in self._chunks():
            rest = np.concatenate([rest, ids])
            whole = rest.size - rest.size % BLOCK
            yield from _blocks(rest[:whole])
            rest = rest[whole:]
        yield from _blocks(rest)
