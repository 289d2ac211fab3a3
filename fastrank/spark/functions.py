"""Building blocks for jobs of one's own."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pyarrow as pa

from fastrank.errors import ParameterError
from fastrank.evaluation import evaluate as evaluate_rows
from fastrank.evaluator import Evaluator
from fastrank.requests import read_metrics
from fastrank.spark.tasks import reading

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from fastrank.metrics.base import Metric
    from fastrank.spark.tasks import Function

__all__ = ["metric_udf", "state_function", "value_function"]


def state_function(metrics: Metric | str | Iterable[Metric | str], **arguments: Any) -> Function:
    """A function for `DataFrame.mapInArrow` that makes states of the rows of each partition.

    Parameters
    ----------
    metrics : Metric, str, or list of them
        `fastrank.metrics.auc()`, `"ndcg@10"`, ...
    **arguments
        As for `fastrank.Evaluator`; the rows of a query have to be next to each other.

    Returns
    -------
    callable
        Takes an iterator of record batches and gives one of rows of states, whose schema is `fastrank.spark.STATES`:
        `df.mapInArrow(function, STATES)`.

    Examples
    --------
    >>> import pyarrow as pa
    >>> import fastrank.spark as frs
    >>> function = frs.state_function("brier", label="y", score="p")
    >>> (row,) = function([pa.record_batch({"y": [0, 1], "p": [0.5, 0.5]})])
    >>> row["rows"].to_pylist()
    [2]
    """
    return reading(Evaluator(metrics, **arguments))


def value_function(
    metrics: Metric | str | Iterable[Metric | str], keys: Sequence[str] = (), **arguments: Any
) -> Callable[[pa.Table], pa.Table]:
    """A function for `GroupedData.applyInArrow` that evaluates the rows of each group.

    Parameters
    ----------
    metrics : Metric, str, or list of them
        `fastrank.metrics.auc()`, `"ndcg@10"`, ...
    keys : sequence of str
        The columns that groups are made by, to stand in the answer too.
    **arguments
        As for `fastrank.evaluate`; the rows of a query may stand anywhere in their group.

    Returns
    -------
    callable
        Takes a table and gives one of a row for each metric: the keys, then `metric` (string), `model` (string, the
        score column where there are several), `value` (double, NaN where undefined) and `rows` (bigint).

    Examples
    --------
    >>> import pyarrow as pa
    >>> import fastrank.spark as frs
    >>> function = frs.value_function("brier", keys=["day"], label="y", score="p")
    >>> function(pa.table({"y": [0, 1], "p": [0.5, 0.5], "day": ["Mon", "Mon"]})).to_pylist()
    [{'day': 'Mon', 'metric': 'brier', 'model': None, 'value': 0.25, 'rows': 2}]

    Spark 4 takes it, with the schema of the answer:

    >>> df.groupBy("day").applyInArrow(  # doctest: +SKIP
    ...     function, "day string, metric string, model string, value double, rows bigint"
    ... )
    """
    chosen, names = read_metrics(metrics), list(keys)
    Evaluator(chosen, **arguments)  # tells what is wrong, before Spark runs

    def values(table: pa.Table) -> pa.Table:
        found = evaluate_rows(table, chosen, threads=1, **arguments).table
        first = [table.column(name).slice(0, 1).combine_chunks() for name in names]
        repeated = [pa.concat_arrays([array] * found.num_rows) for array in first]
        rest = [
            found.column(name) if name in found.column_names else pa.nulls(found.num_rows, pa.string())
            for name in ("metric", "model", "value", "rows")
        ]
        return pa.table([*repeated, *rest], names=[*names, "metric", "model", "value", "rows"])

    return values


def metric_udf(metric: Metric | str, roles: Sequence[str] = ("label", "score")) -> Any:
    """A metric as a function of columns, for `GroupedData.agg`: an aggregate of the rows of each group.

    A group is one query for ranking metrics that are given no column of queries.

    Parameters
    ----------
    metric : Metric or str
        `fastrank.metrics.ndcg(k=10)`, `"ndcg@10"`, ...
    roles : sequence of str
        The roles of the columns that it will be called with, in their order: label, score, weight, query, item, ... as
        of `Metric.compute`.

    Returns
    -------
    callable
        Takes columns, gives one of double (NaN where undefined).  An `arrow_udf` where Spark has these (4.1), else a
        `pandas_udf`.

    Raises
    ------
    ParameterError
        There is more than one metric, or a metric has no use for a role.

    Examples
    --------
    >>> ndcg = frs.metric_udf("ndcg@10")  # doctest: +SKIP
    >>> df.groupBy("query").agg(ndcg("label", "score").alias("ndcg")).show()  # doctest: +SKIP
    """
    chosen = read_metrics(metric)
    if len(chosen) != 1:
        raise ParameterError(f"metric_udf takes one metric, not {len(chosen)}: {metric!r}")
    (one,), names = chosen, list(roles)
    by_query = "query" in one.domains and "query" not in names

    def value(*columns: Any) -> float:
        arrays = dict(zip(names, columns, strict=True))
        if by_query:
            arrays["query"] = pa.nulls(len(columns[0]), pa.int8()).fill_null(0)
        return one.compute(**arrays)

    return _grouped(value)


def _grouped(value: Callable[..., float]) -> Any:
    """An aggregate of columns in Spark."""
    from pyspark.sql import functions

    if hasattr(functions, "arrow_udf"):
        from pyspark.sql.functions import ArrowUDFType, arrow_udf

        return arrow_udf(value, "double", ArrowUDFType.GROUPED_AGG)
    from pyspark.sql.functions import PandasUDFType, pandas_udf

    def of_series(*columns: Any) -> float:
        return value(*(pa.Array.from_pandas(column) for column in columns))

    return pandas_udf(of_series, "double", PandasUDFType.GROUPED_AGG)
