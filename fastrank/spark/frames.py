"""DataFrames: the columns that are needed, whole queries side by side, and what Spark's settings say."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from fastrank.errors import ColumnTypeError, ParameterError
from fastrank.scattered import DEFAULT_MEMORY_LIMIT
from fastrank.shapes import MADE
from fastrank.sources.base import check_columns
from fastrank.spark.tasks import STATES_SHARE

if TYPE_CHECKING:
    from fastrank.evaluator import Evaluator

__all__ = ["ASSUMPTIONS", "arrange", "arrow_schema", "memory_of_task", "parallelism", "partitions_of", "to_table"]

# What may be taken for granted of the rows of a query: that they are in one partition, or next to each other.
ASSUMPTIONS = (None, "grouped", "sorted")
_UNITS = {"": 1 << 20, "b": 1, "k": 1 << 10, "m": 1 << 20, "g": 1 << 30, "t": 1 << 40}  # of memory in Spark's settings
_OVERHEAD, _LEAST_OVERHEAD = 0.1, 384 << 20  # of an executor's memory: Spark's defaults


def quoted(name: str) -> str:
    """The name of a column, dots and all."""
    return "`" + name.replace("`", "``") + "`"


def arrow_schema(df: Any) -> tuple[pa.Schema, dict[str, str]]:
    """The columns of a DataFrame as Arrow has them, and the types of those that it does not have."""
    from pyspark.sql.pandas.types import to_arrow_type

    fields, unfit = [], {}
    for field in df.schema.fields:
        try:
            kind = to_arrow_type(field.dataType)
        except Exception:  # of several classes, by version
            kind, unfit[field.name] = pa.null(), field.dataType.simpleString()
        fields.append(pa.field(field.name, kind))
    return pa.schema(fields), unfit


def arrange(df: Any, evaluator: Evaluator, assume: str | None) -> Any:
    """The columns that an evaluator reads, with the rows of each query next to each other."""
    if assume not in ASSUMPTIONS:
        raise ParameterError(f'assume={assume!r}; allowed: None, "grouped", "sorted"')
    if not hasattr(df, "mapInArrow"):
        raise ParameterError(f"a Spark DataFrame is evaluated here, not {type(df).__name__}: see fastrank.evaluate")
    if df.isStreaming:
        raise ParameterError("a streaming DataFrame has no end: evaluate each of its batches (foreachBatch)")
    schema, unfit = arrow_schema(df)
    names, _ = evaluator.columns(schema)
    check_columns(schema, names, None)
    for name in names:
        if name in unfit:
            raise ColumnTypeError(
                f"column {name!r} is of Spark's type {unfit[name]}, which Arrow does not have; allowed: numbers, text, "
                "dates, and arrays of these (pyspark.ml.functions.vector_to_array makes one of a vector)"
            )
    if evaluator.plan.in_order:
        raise ParameterError(
            'ties="input" (and idcg="label_order", and duplicates= where rows of an item differ) keeps the order of '
            "the source, and the rows of a DataFrame have none: use another rule"
        )
    frame = df.select(*map(quoted, names))
    queries = {stream.query_column for stream in evaluator.plan.streams.values()}.difference(MADE)
    if not queries or evaluator.plan.has_lists(schema) or assume == "sorted":
        return frame
    if len(queries) > 1:
        raise ParameterError(
            f"metrics here name several columns of queries, {' and '.join(map(repr, sorted(queries)))}: rows can lie "
            "next to each other by one of them only; evaluate them apart"
        )
    keys = [quoted(name) for name in queries]
    return (frame if assume == "grouped" else frame.repartition(*keys)).sortWithinPartitions(*keys)


def to_table(df: Any) -> pa.Table:
    """All rows of a DataFrame."""
    if hasattr(df, "toArrow"):
        return df.toArrow()
    batches = df._collect_as_arrow()
    return pa.Table.from_batches(batches) if batches else arrow_schema(df)[0].empty_table()


def partitions_of(df: Any) -> int:
    """How many partitions there will be; where Spark finds that out on the way, as many as a shuffle makes."""
    try:
        execution = df._jdf.queryExecution()
        if execution.executedPlan().getClass().getSimpleName() != "AdaptiveSparkPlanExec":
            return int(execution.toRdd().getNumPartitions())
    except Exception as error:  # Spark Connect has no JVM here, and says so by an exception of its own
        if type(error).__module__.startswith("py4j"):
            raise
    return int(df.sparkSession.conf.get("spark.sql.shuffle.partitions"))


def parallelism(spark: Any) -> int:
    """How many tasks run at once, as far as is known."""
    try:
        return int(spark.sparkContext.defaultParallelism)
    except Exception:  # Spark Connect has no context
        return int(spark.conf.get("spark.default.parallelism", "8"))


def memory_of_task(spark: Any) -> int:
    """Bytes that the states of a task may take: half of its share of the executor's memory for Python.

    That is `spark.executor.pyspark.memory`, else the overhead, in which Python lives.  Where executors are threads of
    the driver, tasks share the default of `fastrank.Evaluator`.
    """
    get = spark.conf.get
    local = re.fullmatch(r"local(\[.*\])?", get("spark.master", ""))
    if local:
        return max(1, DEFAULT_MEMORY_LIMIT // parallelism(spark))
    slots = max(1, int(get("spark.executor.cores", "1")) // max(1, int(get("spark.task.cpus", "1"))))
    given = get("spark.executor.pyspark.memory", None) or get("spark.executor.memoryOverhead", None)
    if given is None:
        memory = _bytes(get("spark.executor.memory", "1g"))
        factor = float(get("spark.executor.memoryOverheadFactor", str(_OVERHEAD)))
        held = max(int(memory * factor), _LEAST_OVERHEAD)
    else:
        held = _bytes(given)
    return max(1, min(DEFAULT_MEMORY_LIMIT, held // slots // STATES_SHARE))


def _bytes(text: str) -> int:
    """What a setting of memory says: "512m", "1g", or a number of MiB."""
    found = re.fullmatch(r"\s*(\d+)\s*([kmgt]?)b?\s*", text.lower())
    if found is None:
        raise ParameterError(f"Spark's setting of memory {text!r} is not understood: give memory_limit=")
    return int(found[1]) * _UNITS[found[2]]
