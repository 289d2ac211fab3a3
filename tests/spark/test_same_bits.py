"""The result of a DataFrame is that of its rows, to the last bit, however Spark deals them."""

from __future__ import annotations

import helpers
import pyarrow as pa
import pytest

import fastrank as fr
import fastrank.spark as frs
from fastrank.errors import EmptyInputError, ParameterError, QueryOrderError, StateMismatchError

# A variant of each metric.
ALL = list({metric.definition.name: metric for metric in helpers.every_metric()}.values())
OF_ROWS = [metric for metric in ALL if "query" not in metric.domains]
ROLES = {"query": "query", "item": "item", "score": ["p", "p2"]}
OPTIONS = [
    {"by": [["country"], ["country", "day"]], "weight": "weight", "query_weight": "query_weight"},
    {"by": "country", "where": "day = 1 or country <> 'DE'", "on_invalid": "drop"},
]


def local(rows, metrics, **options):
    return helpers.result_bits(fr.evaluate(pa.Table.from_batches([rows]), metrics, threads=1, **options))


def test_no_metric_of_the_registry_is_left_out():
    assert len(set(ALL)) > 90
    assert {metric.definition.name for metric in ALL} == set(fr.list_metrics())


@pytest.mark.parametrize("options", OPTIONS, ids=["weights", "invalid rows"])
def test_every_metric_has_the_same_bits(spark, rows, options, tmp_path):
    import pyarrow.parquet as pq

    if "on_invalid" in options:
        rows = helpers.with_invalid(rows, 4)
    pq.write_table(pa.Table.from_batches([rows]), tmp_path / "rows.parquet", row_group_size=100)
    df = spark.read.parquet(str(tmp_path / "rows.parquet")).repartition(3, "item")
    expected = local(rows, ALL, **ROLES, **options)
    assert len(set(expected["metric"])) == len(ALL)
    assert helpers.result_bits(frs.evaluate(df, ALL, **ROLES, **options)) == expected


def test_metrics_of_rows_move_no_row(spark, rows, files):
    df = spark.read.parquet(files)
    states = frs.states(df, OF_ROWS, **ROLES)
    assert "Exchange" not in states._jdf.queryExecution().executedPlan().toString()
    assert helpers.result_bits(frs.evaluate(df, OF_ROWS, **ROLES)) == local(rows, OF_ROWS, **ROLES)


def test_partitions_without_rows_add_nothing(spark, rows, files):
    df = spark.read.parquet(files).repartition(2).union(spark.read.parquet(files).where("p > 9"))
    assert frs.states(df, "log_loss", label="clicked", score="p").count() < df.rdd.getNumPartitions()
    assert frs.evaluate(df, "auc", label="clicked", score="p").to_dict()["rows"] == [rows.num_rows]
    with pytest.raises(EmptyInputError, match="the source has no rows"):
        frs.evaluate(df.where("p > 9"), "auc", label="clicked", score="p")


def test_what_is_promised_of_queries_saves_a_shuffle(spark, rows, files):
    metrics = ["ndcg@5", "mrr", "gauc"]
    roles = {"label": "clicked", "score": "p", "query": "query"}
    expected = local(rows, metrics, **roles)
    df = spark.read.parquet(files).repartition(4, "item")
    for arranged, assume in (
        (df.orderBy("query"), "sorted"),
        (df.repartition(3, "query").sortWithinPartitions("p"), "grouped"),
        (df, None),
    ):
        assert helpers.result_bits(frs.evaluate(arranged, metrics, assume=assume, **roles)) == expected


@pytest.mark.parametrize("assume", ["grouped", "sorted"])
def test_a_broken_promise_is_no_wrong_number(spark, files, assume):
    df = spark.read.parquet(files).repartition(4)
    with pytest.raises((QueryOrderError, StateMismatchError), match="query"):
        frs.evaluate(df, "ndcg@5", assume=assume, label="clicked", score="p", query="query")


def test_files_are_read_by_the_tasks(spark, rows, files):
    expected = local(rows, ALL, **ROLES, weight="weight")
    found = frs.evaluate_files(spark, files, ALL, tasks=5, **ROLES, weight="weight")
    assert helpers.result_bits(found) == expected
    assert found.stats.rows == rows.num_rows
    with pytest.raises(ParameterError, match="evaluate_files reads files, not Table"):
        frs.evaluate_files(spark, pa.table({"p": [1]}), "auc", label="p", score="p")
    with pytest.raises(ParameterError, match="tasks=0"):
        frs.evaluate_files(spark, files, "auc", tasks=0, label="clicked", score="p")


def test_states_are_stored_and_merged_later(spark, rows, files, tmp_path):
    metrics, options = ["auc", "log_loss", "ndcg@5"], {"label": "clicked", "score": "p", "query": "query", "by": "day"}
    df = spark.read.parquet(files)
    for i, part in enumerate(("query < 6", "query >= 6")):
        frs.states(df.where(part), metrics, **options).write.parquet(str(tmp_path / f"part={i}"))
    expected = local(rows, metrics, **options)
    stored = spark.read.parquet(str(tmp_path))
    assert helpers.result_bits(frs.merge(stored).result()) == expected
    assert helpers.result_bits(frs.merge(stored.repartition(100)).result()) == expected  # by way of tasks
    for tables in (frs.state_tables(stored), frs.state_tables(str(tmp_path))):
        assert helpers.result_bits(fr.merge_states(tables).result()) == expected
    assert stored.select("specification").distinct().count() == 1
    with pytest.raises(StateMismatchError, match="there is no state"):
        frs.merge(stored.where("rows < 0"))
    with pytest.raises(StateMismatchError, match="column 'state' holds no state"):
        frs.merge(stored.selectExpr("partition", "rows", "cast('x' as binary) as state"))


def test_judgments_may_be_a_dataframe(spark, rows, files):
    import numpy as np

    table = pa.Table.from_batches([rows])
    judged = table.select(["query", "item", "grade"]).filter(pa.array(np.arange(len(table)) % 3 > 0))
    run, roles = (
        table.select(["query", "item", "p"]),
        {"label": "grade", "score": "p", "query": "query", "item": "item"},
    )
    metrics = ["ndcg@5", "map", "recall@10"]
    expected = helpers.result_bits(fr.evaluate(run, metrics, qrels=judged, **roles))
    df = spark.read.parquet(files).select("query", "item", "p").repartition(4)
    as_frame = spark.createDataFrame(judged.to_pandas())
    assert helpers.result_bits(frs.evaluate(df, metrics, qrels=as_frame, **roles)) == expected


def test_lists_stand_in_columns(spark, rows, files):
    from pyspark.sql import functions as f

    listed = (
        spark.read.parquet(files)
        .groupBy("query")
        .agg(f.collect_list("clicked").alias("clicked"), f.collect_list("p").alias("p"))
    )
    metrics, roles = ["ndcg@5", "mrr"], {"label": "clicked", "score": "p", "query": "query"}
    assert helpers.result_bits(frs.evaluate(listed, metrics, **roles)) == local(rows, metrics, **roles)
