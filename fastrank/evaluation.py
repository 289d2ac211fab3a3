"""The whole way: source -> batches -> Evaluator -> Result."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from fastrank.errors import EmptyInputError, QueryOrderError
from fastrank.evaluator import Evaluator
from fastrank.replay import Replay
from fastrank.scattered import DEFAULT_MEMORY_LIMIT
from fastrank.sources import open_source

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from fastrank.metrics.base import Metric
    from fastrank.result import Result
    from fastrank.sources import Source

__all__ = ["compute", "evaluate", "run"]


def evaluate(
    source: Any,
    metrics: Metric | str | Iterable[Metric | str],
    *,
    label: str | None = None,
    score: str | Sequence[str] | None = None,
    weight: str | None = None,
    query: str | None = None,
    query_weight: str | None = None,
    item: str | None = None,
    by: str | Sequence[str] | Sequence[Sequence[str]] | None = None,
    where: Any = None,
    on_invalid: str = "raise",
    batch_rows: int | None = None,
    queries: str | None = None,
    memory_limit: int = DEFAULT_MEMORY_LIMIT,
) -> Result:
    """Evaluates metrics over a source in one pass.

    Parameters
    ----------
    source : path, list of paths, glob, folder, Arrow object, or dict of arrays
        Parquet, Arrow IPC and CSV files (also gzipped); pyarrow tables, batches and readers; any object with
        `__arrow_c_stream__` (Polars, DuckDB, pandas); a dict of NumPy arrays.  Only needed columns are read.
    metrics : Metric, str, or list of them
        `fastrank.metrics.auc()`, `"ndcg@10"`, ...
    label, score, weight, query, query_weight, item : str, optional
        The column in each role.  `score` may be a list of columns: several models in one pass.
    by : str, list of str, or list of lists of str, optional
        Slice columns: `["a", "b"]` makes the combinations, `[["a"], ["b"]]` two groupings.
    where : str or pyarrow.compute.Expression, optional
        Only rows that meet the condition count.
    on_invalid : "raise" or "drop"
        What to do with rows that hold a null, a NaN, or a value that is not allowed in its role.
    batch_rows : int, optional
        Rows a batch; the result does not depend on it.
    queries : "adjacent" or "scattered", optional
        Where the rows of a query stand.  Default: they are taken to be adjacent; where a query comes back, the pass
        starts anew and takes them from anywhere.
    memory_limit : int
        Bytes of rows to keep in memory for that, and of batches that cannot be read again; rows past it go to a
        temporary file.

    Returns
    -------
    Result
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
        weight=weight,
        query=query,
        query_weight=query_weight,
        item=item,
        by=by,
        where=where,
        on_invalid=on_invalid,
        queries=queries or "adjacent",
        memory_limit=memory_limit,
    )
    return run(open_source(source, batch_rows=batch_rows), evaluator, restart=queries is None)


def run(
    source: Source,
    evaluator: Evaluator,
    progress: Callable[[int], None] | None = None,
    *,
    restart: bool = True,
) -> Result:
    """Feeds a source to an evaluator.

    Parameters
    ----------
    source : Source
        An opened source.
    evaluator : Evaluator
        Gets all batches.
    progress : callable, optional
        Called with the number of rows of each batch; a negative number where the pass starts anew.
    restart : bool
        Whether to start anew with scattered queries where a query comes back.

    Returns
    -------
    Result

    Raises
    ------
    EmptyInputError
        There was no row, or none was left.
    """
    columns, numeric = evaluator.columns(source.schema)
    replay = Replay(source, columns, numeric, evaluator.memory_limit if restart and evaluator.has_queries else 0)
    advance = progress or (lambda _: None)
    total = 0
    for batches in (replay.batches(), replay.again()):
        try:
            for batch, origin in batches:
                evaluator.update(batch, describe_row=origin.describe)
                total += batch.num_rows
                advance(batch.num_rows)
            break
        except QueryOrderError:
            if not restart or not replay.possible:
                raise
        advance(-total)
        total = 0
        evaluator = evaluator.with_scattered_queries()
    if total == 0:
        raise EmptyInputError("the source has no rows")
    result = evaluator.result()
    if not result.evaluated_rows:
        raise EmptyInputError(
            f'none of the {total} rows is left: they were dropped as invalid (on_invalid="drop"), excluded by '
            "where=, or have weight 0"
        )
    return result


def compute(metric: Metric, label: Any, score: Any, weight: Any = None, query: Any = None) -> float:
    """The value of one metric for arrays; see `Metric.compute`."""
    weight_role = "weight" if "weight" in metric.definition.optional else "query_weight"
    given = {"label": label, "score": score, weight_role: weight, "query": query}
    arrays = {role: array for role, array in given.items() if array is not None}
    roles: dict[str, Any] = {role: role for role in arrays}
    evaluator = Evaluator([metric], **roles)
    source = open_source(arrays)
    for batch, origin in source.batches(*evaluator.columns(source.schema)):
        evaluator.update(batch, describe_row=origin.describe)
    value = evaluator.result()[metric.name]
    assert isinstance(value, float)
    return value
