"""`evaluate`, `states` and `merge`: what `fastrank.evaluate` and its states are, for a DataFrame."""

from __future__ import annotations

import pickle
from typing import TYPE_CHECKING, Any

from fastrank.errors import ParameterError, StateMismatchError
from fastrank.evaluator import Evaluator
from fastrank.scattered import DEFAULT_MEMORY_LIMIT
from fastrank.sources import open_source
from fastrank.sources.base import check_columns
from fastrank.spark.driver import Options, gather, result_of
from fastrank.spark.frames import arrange, memory_of_task, parallelism, to_table
from fastrank.spark.rows import COLUMNS
from fastrank.spark.tasks import reading, reading_files

if TYPE_CHECKING:
    from collections.abc import Iterable

    from fastrank.metrics.base import Metric
    from fastrank.result import Result

__all__ = ["evaluate", "evaluate_files", "merge", "states"]

TASK_BYTES = 128 << 20  # of files, as Spark reads in a task


def evaluate(
    df: Any,
    metrics: Metric | str | Iterable[Metric | str],
    *,
    assume: str | None = None,
    memory_limit: int | None = None,
    **arguments: Any,
) -> Result:
    """Evaluates metrics over a Spark DataFrame: the result of `fastrank.evaluate` of its rows, to the last bit.

    Parameters
    ----------
    df : pyspark.sql.DataFrame
        The rows; only needed columns are read.
    metrics : Metric, str, or list of them
        `fastrank.metrics.auc()`, `"ndcg@10"`, ...
    assume : "grouped" or "sorted", optional
        What the DataFrame already is, where metrics are of queries, so that less is moved.  Default: nothing; rows are
        shuffled by query, and sorted.  Grouped: the rows of a query are in one partition; they are sorted there.
        Sorted: they are next to each other, in one partition or at the borders of several; nothing is moved.  Where
        that is not so, QueryOrderError or StateMismatchError is raised.
    memory_limit : int, optional
        Bytes that the states of a task may take in memory, past which they go to temporary files; default: half of a
        task's share of `spark.executor.pyspark.memory`, or of the memory overhead.
    **arguments
        `label=`, `score=`, `query=`, `by=`, `where=`, `on_invalid=` and the others of `fastrank.Evaluator`, except for
        `queries`.  `qrels=` may be a DataFrame too.

    Returns
    -------
    Result

    Raises
    ------
    FastrankError
        As by `fastrank.evaluate`; the message names the partition of Spark and the row in it.

    Examples
    --------
    >>> result = frs.evaluate(df, ["auc", "ndcg@10"], label="clicked", score="p", query="user")  # doctest: +SKIP
    >>> result["auc"]  # doctest: +SKIP
    0.75
    """
    evaluator = evaluator_of(df, metrics, arguments, memory_limit)
    return result_of(_states(df, evaluator, assume), evaluator)


def evaluate_files(
    spark: Any,
    source: Any,
    metrics: Metric | str | Iterable[Metric | str],
    *,
    tasks: int | None = None,
    memory_limit: int | None = None,
    **arguments: Any,
) -> Result:
    """Evaluates metrics over files that the tasks of Spark read themselves: the result of `fastrank.evaluate`, to the
    last bit.

    Spark only schedules ranges of row groups: rows come from Arrow's readers, and not by way of the JVM, which takes a
    fraction of the time of `evaluate(spark.read.parquet(...), ...)`.

    Parameters
    ----------
    spark : pyspark.sql.SparkSession
        Whose executors read the files.
    source : path, list of paths, glob, folder or URI
        Files as `fastrank.evaluate` reads them, at places that driver and executors name alike: a file system that
        they share, or `s3://`, `gs://`, `hdfs://`.
    metrics : Metric, str, or list of them
        `fastrank.metrics.auc()`, `"ndcg@10"`, ...
    tasks : int, optional
        About how many tasks; default: one for each 128 MB, and no fewer than run at once.
    memory_limit : int, optional
        As for `evaluate`.
    **arguments
        As for `evaluate`.  Rows of a query have to be next to each other; they may go on in the next file.

    Returns
    -------
    Result

    Raises
    ------
    FastrankError
        As by `fastrank.evaluate`; the message names the file and the row in it.  QueryOrderError or StateMismatchError
        where the rows of a query are not next to each other: `evaluate` shuffles them.

    Examples
    --------
    >>> frs.evaluate_files(spark, "s3://logs/day=2026-05-01/", "auc", label="clicked", score="p")  # doctest: +SKIP
    """
    evaluator = evaluator_of(spark, metrics, arguments, memory_limit)
    found = open_source(source)
    if not found.files:
        raise ParameterError(f"evaluate_files reads files, not {type(source).__name__}: give their paths")
    found = evaluator.plan.narrow(found)
    check_columns(found.schema, evaluator.columns(found.schema)[0], found.files[0] if found.files else None)
    count = tasks if tasks is not None else max(parallelism(spark), -(-(found.bytes or 0) // TASK_BYTES))
    if isinstance(count, bool) or not isinstance(count, int) or count < 1:
        raise ParameterError(f"tasks={tasks!r}; allowed: a number of tasks, an integer from 1 on")
    shards = [pickle.dumps(shard) for shard in found.shards(count)]
    numbers = spark.range(0, len(shards), 1, len(shards))
    return result_of(numbers.mapInArrow(reading_files(evaluator, shards), COLUMNS), evaluator)


def states(
    df: Any,
    metrics: Metric | str | Iterable[Metric | str],
    *,
    assume: str | None = None,
    memory_limit: int | None = None,
    **arguments: Any,
) -> Any:
    """The states of a Spark DataFrame, to be written to a table and merged later, also with those of other rows.

    Parameters
    ----------
    df : pyspark.sql.DataFrame
        The rows.
    metrics : Metric, str, or list of them
        `fastrank.metrics.auc()`, `"ndcg@10"`, ...
    assume, memory_limit
        As for `evaluate`.
    **arguments
        As for `evaluate`.

    Returns
    -------
    pyspark.sql.DataFrame
        Evaluated when it is written.  A row for each partition that has rows, and more where it holds many distinct
        scores; each is a state by itself.  Columns: `partition` (int), `rows` (bigint: how many were read), `state`
        (binary), `specification` (string: metrics, columns and slices, as JSON), `version` (string: of fastrank).

    Raises
    ------
    FastrankError
        What can be told without reading; other errors come from Spark when it runs, and end with the message.

    Examples
    --------
    >>> frs.states(df, "auc", label="clicked", score="p").write.parquet("states/day=2026-05-01")  # doctest: +SKIP
    """
    return _states(df, evaluator_of(df, metrics, arguments, memory_limit), assume)


def merge(
    states: Any,
    metrics: Metric | str | Iterable[Metric | str] | None = None,
    *,
    qrels: Any = None,
    missing: str = "error",
    memory_limit: int = DEFAULT_MEMORY_LIMIT,
) -> Evaluator:
    """Merges a DataFrame of states into one evaluator; no row is read again.

    Where there are many, tasks of Spark merge some each, and the driver merges what they give.

    Parameters
    ----------
    states : pyspark.sql.DataFrame
        What `states` gave, from however many tables; other columns do not matter.
    metrics, qrels, missing, memory_limit
        As for `fastrank.merge_states`.

    Returns
    -------
    Evaluator
        `result()` gives the values; more may be merged, and the state may be saved.

    Raises
    ------
    StateMismatchError
        A state is damaged, they do not fit together, a query has rows in several that would be evaluated twice, or
        there is none.

    Examples
    --------
    >>> merged = frs.merge(spark.read.parquet("states").where("day >= '2026-05-01'"))  # doctest: +SKIP
    >>> merged.result()["auc"]  # doctest: +SKIP
    0.75
    """
    qrels = to_table(qrels) if hasattr(qrels, "mapInArrow") else qrels
    merged, _ = gather(states, None, Options(metrics, qrels, missing, memory_limit))
    if merged is None:
        raise StateMismatchError("there is no state to merge")
    return merged


def evaluator_of(of: Any, metrics: Any, arguments: dict[str, Any], memory_limit: int | None) -> Evaluator:
    """What evaluates the rows of a task, of a DataFrame or a session."""
    if "queries" in arguments:
        raise ParameterError('queries= is no argument here: see assume= ("grouped", "sorted")')
    if hasattr(arguments.get("qrels"), "mapInArrow"):
        arguments = {**arguments, "qrels": to_table(arguments["qrels"])}
    spark = getattr(of, "sparkSession", of)
    if memory_limit is None:
        memory_limit = memory_of_task(spark) if hasattr(spark, "conf") else DEFAULT_MEMORY_LIMIT
    return Evaluator(metrics, **arguments, memory_limit=memory_limit)


def _states(df: Any, evaluator: Evaluator, assume: str | None) -> Any:
    return arrange(df, evaluator, assume).mapInArrow(reading(evaluator), COLUMNS)
