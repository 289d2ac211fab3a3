"""fastrank in Spark beside Spark's own metrics, on the same rows, in one run.

    python benchmarks/spark.py            3 million rows; --rows, --repeat, --master

Each figure is the shortest of some runs, in seconds, after one that warms up.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from time import perf_counter
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

import fastrank.spark as frs

ROWS_A_QUERY = 20
SIX = ["log_loss", "brier", "calibration_ratio", "ece", "auc(bits=16)", "accuracy"]
ROLES = {"label": "label", "score": "score"}


def write(folder: Path, rows: int, files: int = 4) -> None:
    """A click log: a query of 20 rows each, scores of float32."""
    rng = np.random.default_rng(0)
    for i in range(files):
        count = rows // files
        score = rng.beta(2, 12, count).astype(np.float32)
        table = {
            "query": np.arange(count, dtype=np.int64) // ROWS_A_QUERY + i * count,
            "label": (rng.random(count) < score).astype(np.int8),
            "score": score,
        }
        pq.write_table(pa.table(table), folder / f"{i}.parquet", row_group_size=1 << 18)


def pass_through(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
    """What any function of `mapInArrow` costs."""
    rows = sum(batch.num_rows for batch in batches)
    yield pa.RecordBatch.from_pydict({"rows": pa.array([rows], pa.int64())})


def mllib_auc(df: Any) -> float:
    """The area under the curve by BinaryClassificationMetrics of MLlib, which never leaves the JVM."""
    from pyspark.ml.evaluation import BinaryClassificationEvaluator

    found = BinaryClassificationEvaluator(rawPredictionCol="score", labelCol="label", metricName="areaUnderROC")
    return found.evaluate(df.selectExpr("cast(score as double) score", "cast(label as double) label"))


def mllib_ndcg(df: Any) -> float:
    """NDCG by RankingMetrics of MLlib, of the ids of ranked and of relevant rows of each query."""
    from pyspark.ml.evaluation import RankingEvaluator
    from pyspark.sql import Window
    from pyspark.sql import functions as f

    order = Window.partitionBy("query").orderBy(f.desc("score"))
    ranked = df.withColumn("rank", f.row_number().over(order).cast("double"))
    lists = ranked.groupBy("query").agg(
        f.array_sort(f.collect_list("rank")).alias("prediction"),
        f.collect_list(f.when(f.col("label") == 1, f.col("rank"))).alias("label"),
    )
    return RankingEvaluator(metricName="ndcgAtK", k=10).evaluate(lists)


def sql_log_loss(df: Any) -> float:
    """Log loss, Brier score, calibration and accuracy as expressions of SQL."""
    df.createOrReplaceTempView("rows")
    return df.sparkSession.sql(
        "select avg(-(label * ln(p) + (1 - label) * log1p(-p))), avg((p - label) * (p - label)), sum(p) / sum(label), "
        "avg(case when (p >= 0.5) = (label = 1) then 1 else 0 end) "
        "from (select label, cast(score as double) p from rows)"
    ).collect()[0][0]


def sql_auc(df: Any) -> float:
    """The area under the curve by ranks, in SQL."""
    df.createOrReplaceTempView("rows")
    return df.sparkSession.sql(
        "with counts as (select score, sum(label) p, sum(1 - label) n from rows group by score), "
        "below as (select p, n, sum(n) over (order by score rows unbounded preceding) - n as less from counts) "
        "select sum(p * (less + n / 2.0D)) / (sum(p) * sum(n)) from below"
    ).collect()[0][0]


def sql_ndcg(df: Any) -> float:
    """NDCG with windows, in SQL."""
    df.createOrReplaceTempView("rows")
    return df.sparkSession.sql(
        "with ranked as (select query, label, row_number() over (partition by query order by score desc) r, "
        "row_number() over (partition by query order by label desc) best from rows), "
        "dcg as (select query, sum(if(r <= 10, label / log2(r + 1), 0)) d, "
        "sum(if(best <= 10, label / log2(best + 1), 0)) i from ranked group by query) "
        "select avg(if(i > 0, d / i, 0)) from dcg"
    ).collect()[0][0]


def measure(cases: dict[str, Callable[[], Any]], repeat: int) -> dict[str, float]:
    """The shortest time of each, in turns, after a round that warms up."""
    best = dict.fromkeys(cases, float("inf"))
    for turn in range(repeat + 1):
        for name, run in cases.items():
            begin = perf_counter()
            run()
            seconds = perf_counter() - begin
            print(f"{'run' if turn else 'warm-up'}: {name}, {seconds:.2f} s", file=sys.stderr, flush=True)
            if turn:
                best[name] = min(best[name], seconds)
    return best


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rows", type=int, default=3_000_000)
    parser.add_argument("--repeat", type=int, default=2)
    parser.add_argument("--master", default="local[2]")
    options = parser.parse_args()
    os.environ["PYSPARK_PYTHON"] = sys.executable
    from pyspark.sql import SparkSession

    settings = {"spark.ui.enabled": "false", "spark.sql.shuffle.partitions": "4", "spark.driver.memory": "2g"}
    builder = SparkSession.builder.master(options.master).config("spark.ui.showConsoleProgress", "false")
    for name, value in settings.items():
        builder = builder.config(name, value)
    spark = builder.config("spark.sql.execution.arrow.maxRecordsPerBatch", "65536").getOrCreate()
    spark.sparkContext.setLogLevel("OFF")
    with tempfile.TemporaryDirectory() as folder:
        write(Path(folder), options.rows)
        df = spark.read.parquet(folder)
        two = df.select("label", "score")
        seconds = measure(
            {
                "empty mapInArrow": lambda: two.mapInArrow(pass_through, "rows bigint").collect(),
                "six metrics of rows": lambda: frs.evaluate(df, SIX, **ROLES),
                "six metrics of rows, evaluate_files": lambda: frs.evaluate_files(spark, folder, SIX, **ROLES),
                "four of them, Spark SQL": lambda: sql_log_loss(df),
                "auc": lambda: frs.evaluate(df, "auc", **ROLES),
                "auc, evaluate_files": lambda: frs.evaluate_files(spark, folder, "auc", **ROLES),
                "auc, MLlib": lambda: mllib_auc(df),
                "auc, Spark SQL": lambda: sql_auc(df),
                "ndcg@10": lambda: frs.evaluate(df, "ndcg@10", query="query", **ROLES),
                "ndcg@10, evaluate_files": lambda: frs.evaluate_files(spark, folder, "ndcg@10", query="query", **ROLES),
                "ndcg@10, MLlib": lambda: mllib_ndcg(df),
                "ndcg@10, Spark SQL": lambda: sql_ndcg(df),
            },
            options.repeat,
        )
        print(f"Spark {spark.version}, {options.rows:,} rows, {options.master}")
        for name, value in seconds.items():
            print(f"{name:38} {value:7.2f} s  {options.rows / value / 1e6:6.1f} M rows/s")
        print("auc:", frs.evaluate(df, "auc", **ROLES)["auc"], "Spark SQL:", sql_auc(df))
    spark.stop()


if __name__ == "__main__":
    main()
