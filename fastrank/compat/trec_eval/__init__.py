"""trec_eval, version 9: the same measures of the same files, printed the same way.

Scores are compared in float32; rows of equal score are ordered by document id, descending; the rank column is not
read; a query without judgments is ignored, and one without rows too, unless it is asked for (`complete`).  Sums over
queries run in the order of the ids.

It differs from trec_eval where trec_eval reads outside its arrays or compares what has no order: a relevance level
above every judgment, judgments that are all negative, gains less than 1 apart, a NaN score.  Where trec_eval divides
zero by zero (an empty list, no positive gain) the value is 0.  Bad lines and bad parameters are errors.
"""

from __future__ import annotations

import math
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from fastrank._kernels import trec_measures as kernels
from fastrank.compat.trec_eval.lists import Rules, join
from fastrank.compat.trec_eval.measures import LEAST_MEAN, requests
from fastrank.errors import ParameterError
from fastrank.sources.trec import open_trec

if TYPE_CHECKING:
    import os
    from collections.abc import Iterable, Iterator

    from numpy.typing import NDArray

    from fastrank.compat.trec_eval.lists import Lists
    from fastrank.compat.trec_eval.measures import Request

__all__ = ["Evaluation", "Rules", "evaluate"]

THREADS = 2
WIDTH = 22  # of the column of names
QUERY = b"\0"  # stands for the query's id in the form of its lines
SUMMED_UP = b"all"
QUERIES_AT_ONCE = 1000


@dataclass(frozen=True)
class Column:
    """One name that trec_eval prints: its value for each query, and for all."""

    name: str
    form: str
    values: NDArray[Any] | None
    summary: Any


@dataclass(frozen=True)
class Evaluation:
    """Columns in printing order; those without values are printed for all queries only, those without summary never."""

    queries: list[bytes]
    columns: list[Column]

    def query_lines(self) -> Iterator[bytes]:
        """The lines that -q adds, in pieces of many queries."""
        printed = [column for column in self.columns if column.values is not None]
        form = b"".join(_line(column, QUERY) for column in printed)
        for begin in range(0, len(self.queries), QUERIES_AT_ONCE):
            part = slice(begin, begin + QUERIES_AT_ONCE)
            lists = [column.values[part].tolist() for column in printed]  # type: ignore[index]
            rows = zip(*lists, strict=True) if lists else [()] * len(self.queries[part])
            escaped = (query.replace(b"%", b"%%") for query in self.queries[part])
            yield b"".join(form.replace(QUERY, query) % row for query, row in zip(escaped, rows, strict=True))

    def summary_lines(self) -> bytes:
        """The lines for all queries."""
        return b"".join(
            _line(column, SUMMED_UP) % (column.summary,) for column in self.columns if column.summary is not None
        )


def evaluate(
    qrels: str | os.PathLike[str],
    run: str | os.PathLike[str],
    measures: Iterable[str] = ("official",),
    rules: Rules | None = None,
) -> Evaluation:
    """Evaluate a run against judgments.

    Parameters
    ----------
    qrels, run : path
        Files of lines `query iteration document relevance`, and `query Q0 document rank score run`; also gzipped;
        "-" for one of them is the standard input.
    measures : iterable of str
        As trec_eval's -m names them: "map", "P.5,10", "ndcg.1=3,2=9", "official", "all_trec", "set".
    rules : Rules, optional
        What trec_eval's other options say.

    Returns
    -------
    Evaluation
        Values for each query and for all.
    """
    wanted, rules = requests(measures), rules or Rules()
    if rules.level < 0 or rules.depth < 1:
        raise ParameterError("the relevance level is at least 0, and the depth at least 1")
    if str(qrels) == str(run) == "-":
        raise ParameterError("the standard input is one file: name the other")
    with ThreadPoolExecutor(THREADS) as threads:
        joined = join(open_trec(qrels, judgments=True), open_trec(run, judgments=False), rules, threads, THREADS)
        values = list(threads.map(lambda lists: _values(lists, wanted), joined.parts))
    queries = [query for lists in joined.parts for query in lists.queries]
    count = joined.judged_queries if rules.complete else len(queries)
    known: dict[str, bytes | int] = {"run": joined.run_name, "queries": count}
    if rules.complete:
        known["judgments"] = joined.relevant  # the one sum that takes the queries without rows too
    columns: list[Column] = []
    for request, *found in zip(wanted, *values, strict=True):
        columns += _columns(request, np.concatenate(found), len(queries), count, known.get(request.measure.summary))
    return Evaluation(queries, columns)


def _values(lists: Lists, wanted: list[Request]) -> list[NDArray[Any]]:
    return [request.measure.values(lists, request.parameters) for request in wanted]


def _columns(
    request: Request, values: NDArray[Any], rows: int, count: int, known: bytes | int | None
) -> Iterator[Column]:
    """Columns of a measure, summed up over `count` queries: those that have no row count 0."""
    measure = request.measure
    if len(values) == 0:
        yield Column(measure.name, measure.form, None, known)
        return
    for name, column in zip(request.names, values.reshape(rows, -1).T, strict=True):
        summary: Any = known
        if summary is None and measure.summary != "none":
            # One after the other, as trec_eval adds: its last printed digit depends on it.
            summary = np.add.accumulate(column)[-1].item()
            if measure.summary == "mean":
                summary /= count
            elif measure.summary == "geometric":
                summary += (count - rows) * kernels.logarithms(np.array([LEAST_MEAN])).item()
                summary = math.exp(summary / count)
        yield Column(name, measure.form, column if measure.per_query else None, summary)


def _line(column: Column, query: bytes) -> bytes:
    return b"%b\t%b\t%b\n" % (column.name.ljust(WIDTH).encode(), query, column.form.encode())
