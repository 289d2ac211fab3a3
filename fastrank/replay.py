"""Batches of a source for a second pass, where the first found that it needs one."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    import pyarrow as pa

    from fastrank.sources import Origin, Source
    from fastrank.sources.base import Batches

__all__ = ["Replay"]


class Replay:
    """The batches of a source, which can be had again from the start.

    A source that can be read again is read again.  Of one that cannot, references to the batches are kept up to
    `memory_limit` bytes; past it they are forgotten.
    """

    def __init__(self, source: Source, columns: Sequence[str], numeric: Collection[str], memory_limit: int) -> None:
        self._source = source
        self._columns = columns
        self._numeric = numeric
        self._stream = source.batches(columns, numeric)
        self._kept: deque[tuple[pa.RecordBatch, Origin]] = deque()
        self._room = memory_limit if source.reads_once else 0
        self.possible = True

    def batches(self) -> Batches:
        """The batches for the first time."""
        for batch, origin in self._stream:
            if self._source.reads_once:
                self._keep(batch, origin)
            yield batch, origin

    def _keep(self, batch: pa.RecordBatch, origin: Origin) -> None:
        self._room -= batch.nbytes
        if self._room < 0:
            self.possible = False
            self._kept.clear()
        else:
            self._kept.append((batch, origin))

    def again(self) -> Batches:
        """All batches once more, where that is `possible`: kept ones are let go as they are given, and the stream goes
        on after them."""
        if not self._source.reads_once:
            self._stream = self._source.batches(self._columns, self._numeric)
        while self._kept:
            yield self._kept.popleft()
        yield from self._stream
