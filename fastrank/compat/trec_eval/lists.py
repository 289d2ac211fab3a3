"""Runs joined with judgments: what trec_eval's measures are computed from."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from fastrank._kernels import trec, trec_measures, trec_rank
from fastrank.errors import EmptyInputError
from fastrank.sources.trec import BLOCK_BYTES, query_border, read_queries, read_rows

if TYPE_CHECKING:
    from concurrent.futures import Executor

    from numpy.typing import NDArray

    from fastrank.sources.trec import TrecFile, TrecRows

    Ints = NDArray[np.int64]

__all__ = ["Joined", "Lists", "Rules", "join"]

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
    retrieved: Ints
    offsets: Ints
    ranks: Ints
    relevance: Ints
    level_offsets: Ints
    levels: Ints
    counts: Ints

    @property
    def hits(self) -> tuple[Ints, Ints, Ints]:
        return self.offsets, self.ranks, self.relevance

    @property
    def judged_levels(self) -> tuple[Ints, Ints, Ints]:
        return self.level_offsets, self.levels, self.counts

    @cached_property
    def relevant(self) -> Ints:
        """Judged relevant."""
        return _sums(np.where(self.levels >= self.rules.level, self.counts, 0), self.level_offsets)

    @cached_property
    def nonrelevant(self) -> Ints:
        """Judged, and not relevant."""
        return _sums(self.counts, self.level_offsets) - self.relevant

    @cached_property
    def relevant_retrieved(self) -> Ints:
        return _sums(self.relevance >= self.rules.level, self.offsets)

    @cached_property
    def judged_retrieved(self) -> Ints:
        return _sums(self.relevance >= 0, self.offsets)

    @cached_property
    def discount(self) -> NDArray[np.float64]:
        """log2(rank + 2) for every rank of a list, or of an ideal list."""
        judged = int((self.relevant + self.nonrelevant).max(initial=0))
        return trec_measures.discounts(max(judged, int(self.ranks.max(initial=0)) + 1))


class Joined(NamedTuple):
    """What a run and its judgments come to: lists, in parts, and figures of whole files."""

    parts: list[Lists]
    judged_queries: int
    relevant: int
    run_name: bytes


class _Judgments(NamedTuple):
    """Judgments with those of a query together: rows begins to ends of the arrays that the kernels read."""

    file: TrecFile
    ids: list[bytes]
    begins: Ints
    ends: Ints
    arrays: tuple[NDArray[Any], ...]


class _Ranked(NamedTuple):
    """Queries of a run: the number of each among the judgments, its rows and its hits."""

    number: Ints
    retrieved: Ints
    sizes: Ints
    ranks: Ints
    relevance: Ints


def join(qrels: TrecFile, run: TrecFile, rules: Rules, threads: Executor, parts: int) -> Joined:
    """Lists of the queries that have rows and judgments."""
    judged = _Judgments(qrels, *_grouped(read_rows(qrels)))
    number = {query: i for i, query in enumerate(judged.ids)}

    def ranked(begin: int, end: int) -> tuple[list[_Ranked], bytes | None]:
        found, name = [], None
        for rows in read_queries(run, begin, end):
            found.append(_ranked(run, _grouped(rows), judged, number, rules))
            name = rows.run_name
        return found, name

    pieces = parts if len(run.data) > parts * BLOCK_BYTES else 1
    borders = [0, *(query_border(run, len(run.data) * i // pieces) for i in range(1, pieces)), len(run.data)]
    read = list(threads.map(ranked, borders[:-1], borders[1:]))
    names = [name for _, name in read if name is not None]
    if not names:
        raise EmptyInputError(f"{run.path}: the file holds no line of a run, only comments or blanks")
    whole = _concatenated([each for found, _ in read for each in found])
    if len(np.unique(whole.number)) < len(whole.number):
        # Rows of some query are scattered over the file.
        whole = _ranked(run, _grouped(read_rows(run)), judged, number, rules)
    if len(whole.number) == 0:
        raise EmptyInputError(f"no query of {run.path} has judgments in {qrels.path}")
    whole = _ordered(whole, judged.ids)
    rows = np.cumsum(whole.retrieved)
    cuts = np.searchsorted(rows, rows[-1] * np.arange(1, parts) // parts, side="right").tolist()
    lists = [_lists(whole, judged, rules, *cut) for cut in zip([0, *cuts], [*cuts, len(rows)], strict=True)]
    relevant = int(np.count_nonzero(judged.arrays[-1] >= rules.level))
    return Joined([each for each in lists if each.queries], len(judged.ids), relevant, names[-1])


def _grouped(rows: TrecRows) -> tuple[list[bytes], Ints, Ints, tuple[NDArray[Any], ...]]:
    """The queries, where the rows of each begin and end, and the arrays of the rows."""
    data = rows.file.data
    numbers, firsts = trec.number_texts(data, rows.query_at, rows.query_size)
    arrays: tuple[NDArray[Any], ...] = (rows.item_at, rows.item_size, rows.item_hash, rows.values)
    begins, ends = rows.query_row, np.append(rows.query_row[1:], len(rows.values))
    if len(firsts) < len(numbers):
        order = np.argsort(numbers, kind="stable")
        row = _rows_of(begins[order], (ends - begins)[order])
        arrays = tuple(array[row] for array in arrays)
        filled = np.cumsum((ends - begins)[order])
        ends = filled[np.flatnonzero(np.append(np.diff(numbers[order]), 1))]
        begins = np.append(0, ends[:-1])
    places = zip(rows.query_at[firsts].tolist(), rows.query_size[firsts].tolist(), strict=True)
    return [rows.file.text(at, size) for at, size in places], begins, ends, (data, *arrays)


def _ranked(run: TrecFile, grouped: Any, judged: _Judgments, number: dict[bytes, int], rules: Rules) -> _Ranked:
    """The hits of those queries that have judgments."""
    ids, begins, ends, arrays = grouped
    numbers = np.array([number.get(query, -1) for query in ids], np.int64)
    here = np.flatnonzero(numbers >= 0)
    numbers = numbers[here]
    bounds = np.stack([begins[here], ends[here], judged.begins[numbers], judged.ends[numbers]], axis=1)
    retrieved, offsets, *hits, fault, row = trec_rank.rank(
        arrays, judged.arrays, bounds, rules.depth, rules.judged_only
    )
    if fault:
        file, (_, at, size, *_) = (run, arrays) if fault == trec_rank.TWICE_RETRIEVED else (judged.file, judged.arrays)
        item = file.text(int(at[row]), int(size[row])).decode(errors="replace")
        raise file.error(int(at[row]), f"the query has the document {item!r} twice")
    return _Ranked(numbers, retrieved, np.diff(offsets), *hits)


def _concatenated(ranked: list[_Ranked]) -> _Ranked:
    return _Ranked(*(np.concatenate(columns) for columns in zip(*ranked, strict=True)))


def _ordered(ranked: _Ranked, ids: list[bytes]) -> _Ranked:
    """By the queries' ids."""
    order = np.array(sorted(range(len(ranked.number)), key=lambda i: ids[ranked.number[i]]))
    if np.array_equal(order, np.arange(len(order))):
        return ranked
    begins = np.cumsum(ranked.sizes) - ranked.sizes
    row = _rows_of(begins[order], ranked.sizes[order])
    number, retrieved, sizes, ranks, relevance = ranked
    return _Ranked(number[order], retrieved[order], sizes[order], ranks[row], relevance[row])


def _lists(whole: _Ranked, judged: _Judgments, rules: Rules, begin: int, end: int) -> Lists:
    number = whole.number[begin:end]
    offsets = np.append(0, np.cumsum(whole.sizes))[begin : end + 1]
    hits = slice(int(offsets[0]), int(offsets[-1]))
    return Lists(
        [judged.ids[i] for i in number.tolist()],
        rules,
        whole.retrieved[begin:end],
        offsets - offsets[0],
        whole.ranks[hits],
        whole.relevance[hits],
        *trec_rank.levels(judged.begins[number], judged.ends[number], judged.arrays[-1]),
    )


def _rows_of(begins: Ints, sizes: Ints) -> Ints:
    """The rows of stretches, one stretch after the other."""
    filled = np.cumsum(sizes)
    rows: Ints = np.repeat(begins - filled + sizes, sizes) + np.arange(filled[-1] if len(filled) else 0)
    return rows


def _sums(values: NDArray[Any], offsets: Ints) -> Ints:
    """Sum of each stretch of the values."""
    total: Ints = np.append(0, np.cumsum(values, dtype=np.int64))
    return total[offsets[1:]] - total[offsets[:-1]]
