"""Building blocks in jobs of one's own."""

from __future__ import annotations

import pytest

import fastrank as fr
import fastrank.spark as frs
from fastrank.errors import ParameterError


def test_a_metric_is_an_aggregate_of_columns(spark, rows, files):
    df = spark.read.parquet(files)
    found = {
        row["query"]: row["ndcg"]
        for row in df.groupBy("query").agg(frs.metric_udf("ndcg@10")("clicked", "p").alias("ndcg")).collect()
    }
    values = fr.evaluate(rows, "ndcg@10", label="clicked", score="p", query="query", per_query=True)
    expected = {row["query"]: row["ndcg@10"] for batch in values for row in batch.to_pylist()}
    assert found == expected
    with pytest.raises(ParameterError, match="takes one metric"):
        frs.metric_udf("ndcg@1,5")


def test_a_function_makes_states_in_map_in_arrow(spark, rows, files):
    function = frs.state_function(["auc", "brier"], label="clicked", score="p")
    states = spark.read.parquet(files).mapInArrow(function, frs.STATES)
    expected = fr.evaluate(rows, ["auc", "brier"], label="clicked", score="p").to_dict()
    assert frs.merge(states).result().to_dict() == expected


def test_a_function_evaluates_groups(spark, rows, files):
    import pyspark

    if pyspark.__version__ < "4":
        pytest.skip("groupBy.applyInArrow came with Spark 4")
    function = frs.value_function(["auc", "mrr"], keys=["day"], label="clicked", score="p", query="query")
    schema = "day short, metric string, model string, value double, rows bigint"
    df = spark.read.parquet(files).select("day", "clicked", "p", "query")
    found = {
        (row["day"], row["metric"]): row["value"] for row in df.groupBy("day").applyInArrow(function, schema).collect()
    }
    result = fr.evaluate(rows, ["auc", "mrr"], label="clicked", score="p", query="query", by="day")
    assert found == {(day, name): result[name, {"day": day}] for day in (0, 1) for name in ("auc", "mrr")}
