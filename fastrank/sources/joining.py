"""Small batches joined: each costs the evaluator as much as a hundred thousand rows."""

from __future__ import annotations

from contextlib import closing
from typing import TYPE_CHECKING

import pyarrow as pa

from fastrank.errors import FastrankError
from fastrank.sources.origin import JoinedOrigin

if TYPE_CHECKING:
    from fastrank.sources.base import Batches
    from fastrank.sources.origin import Origin

__all__ = ["join_small"]

SMALL_ROWS = 1 << 16  # a batch of fewer is copied, which takes less time than a call for it alone
JOINED_ROWS, JOINED_BYTES = 1 << 18, 1 << 24


class _Pending:
    """Small batches of one schema that wait for others."""

    def __init__(self) -> None:
        self._batches: list[pa.RecordBatch] = []
        self._origins: list[Origin] = []
        self._rows = 0
        self._bytes = 0

    @property
    def is_full(self) -> bool:
        return self._rows >= JOINED_ROWS or self._bytes >= JOINED_BYTES

    def takes(self, batch: pa.RecordBatch) -> bool:
        is_small = batch.num_rows < SMALL_ROWS and batch.nbytes < JOINED_BYTES
        return is_small and (not self._batches or batch.schema.equals(self._batches[0].schema))

    def add(self, batch: pa.RecordBatch, origin: Origin) -> None:
        self._batches.append(batch)
        self._origins.append(origin)
        self._rows += batch.num_rows
        self._bytes += batch.nbytes

    def flush(self) -> Batches:
        batches, origins = self._batches, self._origins
        self.__init__()  # type: ignore[misc]
        if len(batches) == 1:
            yield batches[0], origins[0]
        elif batches:
            starts = [0]
            for batch in batches[:-1]:
                starts.append(starts[-1] + batch.num_rows)
            first = origins[0]
            yield pa.concat_batches(batches), JoinedOrigin(first.file, first.row, tuple(starts), tuple(origins))


def join_small(batches: Batches) -> Batches:
    """The same rows in the same order, with small batches that follow each other joined, whatever file they are of."""
    pending = _Pending()
    try:
        with closing(batches):
            for batch, origin in batches:
                if pending.is_full or not pending.takes(batch):
                    yield from pending.flush()
                if pending.takes(batch):
                    pending.add(batch, origin)
                else:
                    yield batch, origin
    except FastrankError:
        # The rows before the damage come first.
        yield from pending.flush()
        raise
    yield from pending.flush()
