"""Runs joined with judgments: what trec_eval's measures are computed from."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from fastrank._kernels import trec, trec_measures, trec_rank
from fastrank.errors import EmptyInputError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from fastrank.sources.trec import TrecRows

__all__ = ["Lists", "Rules", "join"]

NO_LIMIT = 2**63 - 1


@dataclass(frozen=True)
class Rules:
    """What changes the lists or the count of queries.

    Parameters
    ----------
    level : int
        Relevance from which a document is relevant.
    depth : int
        Rows of a query that count, after sorting.
    judged_only : bool
        Drop rows without relevance of 0 or more.
    complete : bool
        Average over every query with judgments.
    collection : int
        Documents in the collection, for utility.
    """

    level: int = 1
    depth: int = NO_LIMIT
    judged_only: bool = False
    complete: bool = False
    collection: int = 0


@dataclass(frozen=True)
class Lists:
    """Queries that have both rows and judgments, ordered by id, as hits (see _kernels/trec_rank.pyx)."""

    queries: list[bytes]
    rules: Rules
    retrieved: NDArray[np.int64]
    offsets: NDArray[np.int64]
    ranks: NDArray[np.int64]
    relevance: NDArray[np.int64]
    level_offsets: NDArray[np.int64]
    levels: NDArray[np.int64]
    counts: NDArray[np.int64]

    @property
    def hits(self) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
        return self.offsets, self.ranks, self.relevance

    @property
    def judged_levels(self) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
        return self.level_offsets, self.levels, self.counts

    @cached_property
    def relevant(self) -> NDArray[np.int64]:
        """Judged relevant."""
        return _sums(np.where(self.levels >= self.rules.level, self.counts, 0), self.level_offsets)

    @cached_property
    def nonrelevant(self) -> NDArray[np.int64]:
        """Judged, and not relevant."""
        return _sums(self.counts, self.level_offsets) - self.relevant

    @cached_property
    def relevant_retrieved(self) -> NDArray[np.int64]:
        return _sums(self.relevance >= self.rules.level, self.offsets)

    @cached_property
    def judged_retrieved(self) -> NDArray[np.int64]:
        return _sums(self.relevance >= 0, self.offsets)

    @cached_property
    def discount(self) -> NDArray[np.float64]:
        """log2(rank + 2) for every rank of a list, or of an ideal list."""
        judged = int((self.relevant + self.nonrelevant).max(initial=0))
        return trec_measures.discounts(max(judged, int(self.ranks.max(initial=0)) + 1))


class _Queries(NamedTuple):
    """A file's rows with those of a query together: begins and ends by query, and what the kernels read."""

    ids: list[bytes]
    begins: NDArray[np.int64]
    ends: NDArray[np.int64]
    arrays: tuple[NDArray[Any], ...]


def join(qrels: TrecRows, run: TrecRows, rules: Rules, parts: int) -> tuple[list[Lists], int]:
    """Lists of the queries that have rows and judgments, in `parts` parts, and how many queries have judgments."""
    judged, ranked = _grouped(qrels), _grouped(run)
    number = {query: i for i, query in enumerate(judged.ids)}
    found = sorted((query, i) for i, query in enumerate(ranked.ids) if query in number)
    if not found:
        raise EmptyInputError(f"no query of {run.path} has judgments in {qrels.path}")
    here = np.array([i for _, i in found])
    there = np.array([number[query] for query, _ in found])
    bounds = np.stack([ranked.begins[here], ranked.ends[here], judged.begins[there], judged.ends[there]], axis=1)
    rows = np.cumsum(bounds[:, 1] - bounds[:, 0])
    borders = [0, *np.searchsorted(rows, rows[-1] * np.arange(1, parts) // parts, side="right").tolist(), len(rows)]

    def lists(begin: int, end: int) -> Lists:
        queries = bounds[begin:end]
        *hits, fault, row = trec_rank.rank(ranked.arrays, judged.arrays, queries, rules.depth, rules.judged_only)
        if fault:
            file, grouped = (run, ranked) if fault == trec_rank.TWICE_RETRIEVED else (qrels, judged)
            _, at, size, *_ = grouped.arrays
            item = file.text(at[row], size[row]).decode(errors="replace")
            raise file.error(int(at[row]), f"the query has document {item!r} twice")
        levels = trec_rank.levels(queries[:, 2], queries[:, 3], judged.arrays[-1])
        return Lists([query for query, _ in found[begin:end]], rules, *hits, *levels)

    with ThreadPoolExecutor(parts) as threads:
        return list(threads.map(lists, borders[:-1], borders[1:])), len(judged.ids)


def _grouped(rows: TrecRows) -> _Queries:
    numbers, firsts = trec.number_texts(rows.data, rows.query_at, rows.query_size)
    arrays: tuple[NDArray[Any], ...] = (rows.item_at, rows.item_size, rows.item_hash, rows.values)
    begins, ends = rows.query_row, np.append(rows.query_row[1:], len(rows.values))
    if len(firsts) < len(numbers):
        # Rows of some query are scattered: its stretches are put one after the other.
        order = np.argsort(numbers, kind="stable")
        sizes = (ends - begins)[order]
        filled = np.cumsum(sizes)
        row = np.repeat(begins[order] - filled + sizes, sizes) + np.arange(len(rows.values))
        arrays = tuple(array[row] for array in arrays)
        last = np.flatnonzero(np.append(np.diff(numbers[order]), 1))
        ends = filled[last]
        begins = np.append(0, ends[:-1])
    places = zip(rows.query_at[firsts].tolist(), rows.query_size[firsts].tolist(), strict=True)
    return _Queries([rows.text(at, size) for at, size in places], begins, ends, (rows.data, *arrays))


def _sums(values: NDArray[Any], offsets: Sequence[int] | NDArray[np.int64]) -> NDArray[np.int64]:
    """Sum of each stretch of the values."""
    total: NDArray[np.int64] = np.append(0, np.cumsum(values, dtype=np.int64))
    return total[offsets[1:]] - total[offsets[:-1]]
