"""Judgments: the labels of items by query, kept apart from the rows of a run and joined to its lists."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Any

import numpy as np

from fastrank._kernels import judge
from fastrank.buffers import in_words, to_arrow
from fastrank.errors import ColumnTypeError, InvalidValueError

if TYPE_CHECKING:
    from collections.abc import Mapping

    import pyarrow as pa
    from numpy.typing import NDArray

    from fastrank.domains import Domain

__all__ = ["Judgments"]

Bounds = tuple["NDArray[np.int64]", "NDArray[np.int64]"]


class Judgments:
    """The judgments of query q are rows offsets[q]..offsets[q + 1] of `items` and `labels`.

    Queries ascend by their 64-bit id (the integer itself, or a fingerprint); items are such ids.  Labels are bytes
    where all are integers from 0 to 31, else float64.  `weights` holds the weight of each query, where there are any.

    Memory: 9 bytes a judgment (16 with labels that are no bytes), and 16 bytes and the id itself a query.  Reading them
    takes three times as much for a moment.
    """

    def __init__(
        self,
        columns: Mapping[str, str],
        query_ids: pa.Array,
        queries: NDArray[np.uint64],
        offsets: NDArray[np.int64],
        items: NDArray[np.uint64],
        labels: NDArray[Any],
        item_type: pa.DataType,
        weights: NDArray[np.float64] | None,
    ) -> None:
        self.columns = columns
        self.query_ids = query_ids
        self.queries = queries
        self.offsets = offsets
        self.items = items
        self.labels = labels
        self.types = {"query": query_ids.type, "item": item_type}
        self.weights = weights
        self.digest = self._digest()
        self._fitting: set[str] = set()

    def _digest(self) -> str:
        """What is equal for equal judgments, in whatever order they came."""
        content = judge.digest(self.queries, self.offsets, self.items, self.labels).to_bytes(16, "little")
        weights = b"" if self.weights is None else self.weights.tobytes()
        return hashlib.blake2b(content + repr(self.types).encode() + weights, digest_size=16).hexdigest()

    def check_labels(self, domain: Domain) -> None:
        """InvalidValueError where a label is not what a metric can take."""
        if domain.name in self._fitting:
            return
        labels, invalid = domain.view(to_arrow(self.labels))
        # Lists get the labels as they stand here, so that one that is read as another number cannot be joined.
        other = labels != self.labels
        for bad, allowed in ((invalid, domain.allowed), (other, "labels that need not be read as other numbers")):
            if bad is not None and bad.any():
                j = int(bad.argmax())
                q = int(np.searchsorted(self.offsets, j, side="right")) - 1
                raise InvalidValueError(
                    f"column {self.columns['label']!r} (label) of the judgments: query {in_words(self.query_ids[q])} "
                    f"has the label {self.labels[j].item()!r}; allowed: {allowed}"
                )
        self._fitting.add(domain.name)

    def check_types(self, types: Mapping[str, pa.DataType], columns: Mapping[str, str]) -> None:
        """ColumnTypeError where ids of the run are of another type and could not be equal."""
        for role, kind in types.items():
            if kind != self.types[role]:
                raise ColumnTypeError(
                    f"column {columns[role]!r} ({role}) of the run is of type {kind}, column {self.columns[role]!r} of "
                    f"the judgments of type {self.types[role]}; cast one of them"
                )

    def find(self, queries: NDArray[np.uint64]) -> Bounds:
        """Where the judgments of queries begin and end; nowhere for those that have none."""
        places = np.minimum(np.searchsorted(self.queries, queries), self.queries.size - 1)
        starts = self.offsets[places]
        return starts, np.where(self.queries[places] == queries, self.offsets[places + 1], starts)

    def find_missing(self, seen: NDArray[np.uint64]) -> NDArray[np.intp]:
        """Which queries are not among those seen."""
        return np.flatnonzero(~np.isin(self.queries, seen))

    def row_labels(
        self, bounds: Bounds, items: NDArray[np.uint64], offsets: NDArray[np.int64], *, told: bool
    ) -> NDArray[Any]:
        """The label of each row of lists; where nobody judged it -inf if it is to be told from 0, else 0."""
        return judge.find_labels(items, offsets, *bounds, self.items, self.labels, told)

    def list_labels(self, bounds: Bounds) -> tuple[NDArray[Any], NDArray[np.int64]]:
        """(labels, offsets) of all judgments of each list."""
        return judge.gather_labels(*bounds, self.labels)
