"""Whether the rows of queries are adjacent, their ids ascend, and how long they are, in bounded memory.

Ids that ascend from row to row tell all of that with a few counters.  For others, the ids and the rows of queries are
kept; of more than `MOST_IDS` queries those whose hash ends with ever more zeros, a sample that stands for all.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from fastrank.ids import find_lists

if TYPE_CHECKING:
    import pyarrow as pa
    from numpy.typing import NDArray

__all__ = ["QueryCheck", "QueryOrder"]

MOST_IDS = 1 << 21  # 24 bytes each: 50 MB, and as much while they are sorted


@dataclass(frozen=True)
class QueryOrder:
    """Where the rows of queries stand.

    Attributes
    ----------
    queries : int
        How many there are.
    least_rows, largest_rows : int
        Of a query.
    mean_rows : float
        Of a query.
    ascending : bool
        Whether ids only grow from query to query, as integers.
    returning : int
        How many queries have rows after those of another query began; 0 where all are adjacent.
    exact : bool
        False where numbers are those of a sample of queries, scaled up.
    """

    queries: int
    least_rows: int
    mean_rows: float
    largest_rows: int
    ascending: bool
    returning: int
    exact: bool

    @property
    def adjacent(self) -> bool:
        """Whether the rows of each query stand together."""
        return self.returning == 0

    def to_dict(self) -> dict[str, Any]:
        """As a dict, with `adjacent`."""
        return asdict(self) | {"adjacent": self.adjacent}


class QueryCheck:
    """Takes the ids of rows in their order, batch by batch."""

    def __init__(self, most: int = MOST_IDS) -> None:
        self._most = most
        self._rows = 0
        self._open: tuple[np.uint64, int] | None = None  # the last query, which may go on, and its rows so far
        self._pending: list[tuple[NDArray[np.uint64], NDArray[np.int64]]] = []
        self._waiting = 0
        self._zeros = 0  # how many zeros the hash of an id has at its end that is kept
        self._ids = np.empty(0, np.uint64)
        self._kept = np.zeros((2, 0), np.int64)  # by id: runs of adjacent rows, rows
        self._ascending = True
        self._last: int | None = None
        self._runs = 0
        self._least, self._largest = np.iinfo(np.int64).max, 0

    def add(self, ids: pa.Array) -> None:
        """Takes ids without nulls."""
        if not len(ids):
            return
        starts, names = find_lists(ids)
        rows = np.diff(np.append(starts, len(ids)))
        self._rows += len(ids)
        if self._open is not None:
            if self._open[0] == names[0]:
                rows[0] += self._open[1]
            else:
                names, rows = np.append(self._open[0], names), np.append(self._open[1], rows)
        self._open = names[-1], int(rows[-1])
        self._take(names[:-1], rows[:-1])

    def result(self) -> QueryOrder | None:
        """What was found; None where there was no row."""
        if self._open is None:
            return None
        name, rows = self._open
        self._take(np.array([name], np.uint64), np.array([rows], np.int64))
        self._open = None
        self._compact()
        if self._ascending:
            queries, returning, exact = self._runs, 0, True
            least, largest = self._least, self._largest
        else:
            scale, exact = 1 << self._zeros, not self._zeros
            queries, returning = self._ids.size * scale, int((self._kept[0] > 1).sum()) * scale
            lengths = self._kept[1]
            least, largest = (int(lengths.min()), int(lengths.max())) if lengths.size else (0, 0)
        mean = self._rows / queries if queries else 0.0
        return QueryOrder(queries, least, mean, largest, self._ascending, returning, exact)

    def _take(self, names: NDArray[np.uint64], rows: NDArray[np.int64]) -> None:
        if not names.size:
            return
        signed = names.view(np.int64)
        grows = self._last is None or int(signed[0]) > self._last
        self._ascending = self._ascending and grows and bool((signed[1:] > signed[:-1]).all())
        self._last = int(signed[-1])
        self._runs += names.size
        self._least, self._largest = min(self._least, int(rows.min())), max(self._largest, int(rows.max()))
        kept = self._in_sample(names)
        names, rows = names[kept], rows[kept]
        self._pending.append((names, rows))
        self._waiting += names.size
        if self._waiting >= self._most:
            self._compact()

    def _in_sample(self, names: NDArray[np.uint64]) -> NDArray[np.bool_]:
        in_sample: NDArray[np.bool_] = _hash(names) & np.uint64((1 << self._zeros) - 1) == 0
        return in_sample

    def _compact(self) -> None:
        """Joins what waits with what is kept; where that is too much, half of the ids stay."""
        names = np.concatenate([self._ids, *(names for names, _ in self._pending)])
        runs = np.concatenate([self._kept[0], *(np.ones(n.size, np.int64) for n, _ in self._pending)])
        rows = np.concatenate([self._kept[1], *(rows for _, rows in self._pending)])
        self._pending, self._waiting = [], 0
        order = np.argsort(names, kind="stable")
        names = names[order]
        starts = np.flatnonzero(np.append(True, names[1:] != names[:-1])[: names.size])
        self._ids = names[starts]
        self._kept = (
            np.add.reduceat(np.stack((runs[order], rows[order])), starts, axis=1) if starts.size else self._kept
        )
        while self._ids.size > self._most:
            self._zeros += 1
            kept = self._in_sample(self._ids)
            self._ids, self._kept = self._ids[kept], self._kept[:, kept]


def _hash(ids: NDArray[np.uint64]) -> NDArray[np.uint64]:
    """The finalizer of SplitMix64 (Steele, Lea and Flood 2014)."""
    ids = (ids ^ (ids >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    ids = (ids ^ (ids >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return ids ^ (ids >> np.uint64(31))
