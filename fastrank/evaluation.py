"""The whole way: source -> batches -> Evaluator -> Result."""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor
from numbers import Integral
from typing import TYPE_CHECKING, Any, Literal, overload

from fastrank.errors import EmptyInputError, ParameterError
from fastrank.evaluator import Evaluator
from fastrank.per_query import QueryValues
from fastrank.sources import open_source

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from fastrank.metrics.base import Metric
    from fastrank.result import Result
    from fastrank.sources import Source

__all__ = ["compute", "evaluate", "run"]


@overload
def evaluate(
    source: Any, metrics: Metric | str | Iterable[Metric | str], *, per_query: Literal[False] = ..., **options: Any
) -> Result: ...
@overload
def evaluate(
    source: Any, metrics: Metric | str | Iterable[Metric | str], *, per_query: Literal[True], **options: Any
) -> QueryValues: ...
def evaluate(  # type: ignore[misc] # the two above say only what decides the type of the result
    source: Any,
    metrics: Metric | str | Iterable[Metric | str],
    *,
    label: str | None = None,
    score: str | Sequence[str] | None = None,
    rank: str | None = None,
    weight: str | None = None,
    query: str | None = None,
    query_weight: str | None = None,
    item: str | None = None,
    by: str | Sequence[str] | Sequence[Sequence[str]] | None = None,
    where: Any = None,
    on_invalid: str = "raise",
    batch_rows: int | None = None,
    threads: int | None = None,
    per_query: bool = False,
) -> Result | QueryValues:
    """Evaluates metrics over a source in one pass.

    Parameters
    ----------
    source : path, list of paths, glob, folder, Arrow object, or dict of arrays
        Parquet, Arrow IPC and CSV files (also gzipped); pyarrow tables, batches and readers; any object with
        `__arrow_c_stream__` (Polars, DuckDB, pandas); a dict of NumPy arrays.  Only needed columns are read.
    metrics : Metric, str, or list of them
        `fastrank.metrics.auc()`, `"ndcg@10"`, ...
    label, score, rank, weight, query, query_weight, item : str, optional
        The column in each role.  `score` may be a list of columns: several models in one pass; `rank`, positions
        from 1, may stand in its place for ranking metrics.
    by : str, list of str, or list of lists of str, optional
        Slice columns: `["a", "b"]` makes the combinations, `[["a"], ["b"]]` two groupings.
    where : str or pyarrow.compute.Expression, optional
        Only rows that meet the condition count.
    on_invalid : "raise" or "drop"
        What to do with rows that hold a null, a NaN, or a value that is not allowed in its role.
    batch_rows : int, optional
        Rows a batch; the result does not depend on it.
    threads : int, optional
        Most threads to use for rows in memory; default: as many as there are processors.  The result does not depend
        on it.
    per_query : bool
        Give the value of each query instead, of ranking metrics: a stream of record batches (`QueryValues`), which has
        the Result when it has been read.

    Returns
    -------
    Result or QueryValues
        `result["auc"]`, `result["auc", {"country": "DE"}]`, `result.table`.

    Raises
    ------
    FastrankError
        Of these: SourceError (unreadable), MissingColumnError, ColumnTypeError, InvalidValueError (with column, row,
        value, what is allowed), QueryOrderError, EmptyInputError, UnknownMetricError, ParameterError.

    Examples
    --------
    >>> import fastrank as fr
    >>> rows = {"clicked": [0, 1, 1, 0], "p": [0.1, 0.8, 0.4, 0.5], "user": [1, 1, 2, 2]}
    >>> result = fr.evaluate(rows, ["auc", "mrr"], label="clicked", score="p", query="user")
    >>> result["auc"], result["mrr"]
    (0.75, 0.75)
    """
    evaluator = Evaluator(
        metrics,
        label=label,
        score=score,
        rank=rank,
        weight=weight,
        query=query,
        query_weight=query_weight,
        item=item,
        by=by,
        where=where,
        on_invalid=on_invalid,
    )
    opened = open_source(source, batch_rows=batch_rows)
    return QueryValues(opened, evaluator) if per_query else run(opened, evaluator, threads=threads)


def run(
    source: Source,
    evaluator: Evaluator,
    progress: Callable[[int], None] | None = None,
    threads: int | None = None,
) -> Result:
    """Feeds a source to an evaluator.

    Parameters
    ----------
    source : Source
        An opened source.
    evaluator : Evaluator
        Gets all batches.
    progress : callable, optional
        Called with the number of rows of each batch.
    threads : int, optional
        Most threads to use; default: as many as there are processors.

    Returns
    -------
    Result

    Raises
    ------
    EmptyInputError
        There was no row, or none was left.
    ParameterError
        `threads` is no positive integer.
    """
    total = _feed_shards(source.shards(_thread_count(threads, evaluator)), evaluator, progress)
    if total == 0:
        raise EmptyInputError("the source has no rows")
    result = evaluator.result()
    if not result.evaluated_rows:
        raise EmptyInputError(
            f'none of the {total} rows is left: they were dropped as invalid (on_invalid="drop"), excluded by '
            "where=, or have weight 0"
        )
    return result


def _thread_count(threads: int | None, evaluator: Evaluator) -> int:
    if threads is not None and (isinstance(threads, bool) or not isinstance(threads, Integral) or threads < 1):
        raise ParameterError(f"threads={threads!r}; allowed: an integer from 1, or None: one for each processor")
    if evaluator.in_order:
        return 1
    return len(os.sched_getaffinity(0)) if threads is None else int(threads)


def _feed(source: Source, evaluator: Evaluator, progress: Callable[[int], None] | None) -> int:
    """Gives the evaluator all batches; returns the number of rows."""
    total = 0
    for batch, origin in source.batches(*evaluator.columns(source.schema)):
        evaluator.update(batch, describe_row=origin.describe)
        total += batch.num_rows
        if progress is not None:
            progress(batch.num_rows)
    return total


def _feed_shards(shards: Sequence[Source], evaluator: Evaluator, progress: Callable[[int], None] | None) -> int:
    """Feeds the first shard to the evaluator and the others to twins of it, at once, and merges."""
    twins = [evaluator.twin() for _ in shards[1:]]
    if not twins:
        return _feed(shards[0], evaluator, progress)
    with ThreadPoolExecutor(len(shards)) as pool:
        evaluators = [evaluator, *twins]
        jobs = [pool.submit(_feed, *job, progress) for job in zip(shards, evaluators, strict=True)]
        # In the order of the shards, so that the error that is told is that of the first bad row.
        total = sum(job.result() for job in jobs)
    for twin in twins:
        evaluator.merge(twin)
    return total


def compute(metric: Metric, label: Any, score: Any, weight: Any = None, query: Any = None) -> float:
    """The value of one metric for arrays; see `Metric.compute`."""
    weight_role = "weight" if "weight" in metric.definition.optional else "query_weight"
    given = {"label": label, "score": score, weight_role: weight, "query": query}
    arrays = {role: array for role, array in given.items() if array is not None}
    evaluator = Evaluator([metric], **{role: role for role in arrays})
    source = open_source(arrays)
    for batch, origin in source.batches(*evaluator.columns(source.schema)):
        evaluator.update(batch, describe_row=origin.describe)
    value = evaluator.result()[metric.name]
    assert isinstance(value, float)
    return value
