"""Errors of workers are those of fastrank; what fails once changes nothing."""

from __future__ import annotations

import os

import helpers
import pyarrow as pa
import pytest

import fastrank as fr
import fastrank.spark as frs
from fastrank.errors import ColumnTypeError, InvalidValueError, MissingColumnError, ParameterError
from fastrank.spark.failures import in_words

ROLES = {"label": "clicked", "score": "p"}


def test_an_error_names_the_partition_and_the_row(spark, files):
    with pytest.raises(InvalidValueError) as caught:
        frs.evaluate(spark.read.parquet(files).coalesce(1), "log_loss", label="clicked", score="weight")
    text = str(caught.value)
    assert text.startswith("column 'weight' (score): row ")
    assert " of partition 0 holds " in text
    assert "\n" not in text
    assert caught.value.__cause__ is None
    with pytest.raises(InvalidValueError, match=r"row \d+ of .*part-\d.parquet holds"):
        frs.evaluate_files(spark, files, "log_loss", label="clicked", score="weight")


def test_advice_is_of_this_function(spark, files):
    with pytest.raises(fr.FastrankError, match="leave out assume=") as caught:
        frs.evaluate(spark.read.parquet(files).orderBy("p").coalesce(1), "mrr", assume="sorted", query="query", **ROLES)
    assert "scattered" not in str(caught.value)


def test_what_does_not_fit_is_told_before_spark_runs(spark, files):
    import pyspark

    df = spark.read.parquet(files)
    with pytest.raises(MissingColumnError, match="did you mean 'clicked'"):
        frs.evaluate(df, "auc", label="clickd", score="p")
    with pytest.raises(ParameterError, match='ties="input"'):
        frs.evaluate(df, "ndcg(ties=input)@5", query="query", **ROLES)
    with pytest.raises(ParameterError, match="assume='no'"):
        frs.evaluate(df, "auc", assume="no", **ROLES)
    with pytest.raises(ParameterError, match="several columns of queries"):
        frs.evaluate(df, [fr.metrics.mrr(query="item"), fr.metrics.mrr()], query="query", **ROLES)
    with pytest.raises(ParameterError, match="not Table"):
        frs.evaluate(pa.table({"p": [1]}), "auc", **ROLES)
    with pytest.raises(ParameterError, match="queries= is no argument here"):
        frs.evaluate(df, "auc", queries="scattered", **ROLES)
    if pyspark.__version__ < "4":
        return  # Spark 3.5 cannot tell the schema of an interval itself
    with pytest.raises(ColumnTypeError, match="which Arrow does not have"):
        frs.evaluate(df.selectExpr("clicked", "make_interval(1) as p"), "auc", **ROLES)


def test_messages_of_spark_are_put_into_words():
    assert "cannot import fastrank" in str(in_words("ModuleNotFoundError: No module named 'fastrank'"))
    assert in_words("ModuleNotFoundError: No module named 'theirs'") is None
    assert "cannot import pyarrow" in str(in_words("  ModuleNotFoundError: No module named 'pyarrow'\n at"))
    told = in_words("Total size of serialized results of 12 tasks (1.1 GiB) is bigger than spark.driver.maxResultSize")
    assert "auc(bits=...)" in str(told)
    assert in_words("java.lang.OutOfMemoryError") is None


def test_a_worker_that_is_killed_once_changes_nothing(files, rows, spark, tmp_path):
    from pyspark.sql import functions as f

    mark = tmp_path / "killed"

    @f.pandas_udf("double")
    def dies_once(values):
        if not mark.exists():
            mark.write_text("")
            os._exit(1)
        return values

    df = spark.read.parquet(files).repartition(2).withColumn("p", dies_once("p"))
    metrics = ["auc", "log_loss", "ndcg@5"]
    roles = {**ROLES, "query": "query"}
    expected = helpers.result_bits(fr.evaluate(pa.Table.from_batches([rows]), metrics, threads=1, **roles))
    assert helpers.result_bits(frs.evaluate(df, metrics, **roles)) == expected
    assert mark.exists()


def test_on_a_cluster_everything_is_the_same(spark, rows, files):
    """Executors of their own: the functions and the evaluator are sent to them."""
    metrics = ["auc", "log_loss", "ndcg@5", fr.metrics.mean_of(helpers.log_share, name="own")]
    roles = {**ROLES, "query": "query", "by": "country", "on_invalid": "drop"}
    expected = helpers.result_bits(fr.evaluate(pa.Table.from_batches([rows]), metrics, threads=1, **roles))
    df = spark.read.parquet(files).repartition(5)
    assert helpers.result_bits(frs.evaluate(df, metrics, **roles)) == expected
    assert helpers.result_bits(frs.evaluate_files(spark, files, metrics, tasks=4, **roles)) == expected
    with pytest.raises(InvalidValueError, match=r"row \d+ of partition \d"):
        frs.evaluate(df, "log_loss", label="clicked", score="weight")
