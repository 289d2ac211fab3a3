"""What one stream of queries tells another: rows of queries that may go on, and the ids of finished ones."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    import pyarrow as pa
    from numpy.typing import NDArray

    from fastrank.seen import SeenIds

__all__ = ["HandOver", "Piece", "ScatteredRows"]

OF_MERGED_STATE = "a row of a merged state"


class Piece(NamedTuple):
    """Rows of one query from one batch, and where they stood."""

    batch: pa.RecordBatch
    describe_row: Callable[[int], str]
    positions: NDArray[np.intp]

    @staticmethod
    def of_state(batch: pa.RecordBatch) -> Piece:
        """Rows of which the source is no longer known."""
        return Piece(batch, lambda _: OF_MERGED_STATE, np.arange(batch.num_rows))


class HandOver(NamedTuple):
    """Queries that may go on in another shard: their rows, how many shards those are of, and the ids of finished
    queries."""

    open: Mapping[int, list[Piece]]
    shards: Mapping[int, int]
    seen: SeenIds


class ScatteredRows(NamedTuple):
    """The rows of queries that may have rows anywhere, with the number of their shard in the last column."""

    batches: Iterable[pa.RecordBatch]
    schema: pa.Schema | None  # None where there are no rows
    shards: int
