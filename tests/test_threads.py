"""Threads change nothing: neither a bit of the result nor which error is told."""

from __future__ import annotations

from typing import Any

import helpers
import numpy as np
import pyarrow as pa
import pytest

import fastrank as fr
from fastrank import feeding
from fastrank.errors import InvalidValueError, ParameterError
from fastrank.sources import tables

METRICS = ["ndcg@3", "map", "mrr(aggregation=median)", "auc(label=clicked)", "log_loss(label=clicked)", "mse"]
ROLES = {"label": "grade", "score": "p", "query": "query"}


@pytest.fixture(autouse=True)
def small_shards(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tables, "LEAST_SHARD_ROWS", 1)


@pytest.fixture(scope="module")
def rows() -> pa.Table:
    return pa.Table.from_batches([helpers.make_rows(np.random.default_rng(0).integers(1, 9, 40).tolist(), 5)])


@pytest.mark.parametrize("threads", [2, 3, 7])
def test_the_same_bits(rows: pa.Table, threads: int) -> None:
    one = fr.evaluate(rows, METRICS, **ROLES, by="country", threads=1)
    helpers.same_result(fr.evaluate(rows, METRICS, **ROLES, by="country", threads=threads), one)
    cut = pa.concat_tables([rows.slice(0, 11), rows.slice(11)])
    helpers.same_result(fr.evaluate(cut, METRICS, **ROLES, by="country", threads=threads, batch_rows=5), one)


def test_the_source_is_cut(rows: pa.Table) -> None:
    source = fr.evaluation.open_source(rows)
    shards = source.shards(3)
    assert [shard.rows for shard in shards] == [-(-rows.num_rows // 3)] * 2 + [
        rows.num_rows - 2 * -(-rows.num_rows // 3)
    ]
    numbers = [origin.row for shard in shards for _, origin in shard.batches(["query"])]
    assert numbers == [0, shards[0].rows, 2 * shards[0].rows]


def test_queries_that_come_back_are_brought_together(rows: pa.Table) -> None:
    order = np.random.default_rng(1).permutation(rows.num_rows)
    scattered = rows.take(pa.array(order))
    one = fr.evaluate(rows, METRICS, **ROLES, threads=1)
    helpers.same_result(fr.evaluate(scattered, METRICS, **ROLES, threads=3), one)
    # A query whose rows stand in the middle of two shards, and in no other place twice.
    first = rows.filter(pa.compute.field("query") == 3)
    rest = rows.filter(pa.compute.field("query") != 3)
    split = pa.concat_tables([rest.slice(0, 9), first.slice(0, 1), rest.slice(9, 120), first.slice(1), rest.slice(129)])
    helpers.same_result(fr.evaluate(split, METRICS, **ROLES, threads=2), one)


def test_the_order_of_the_source_is_kept(rows: pa.Table) -> None:
    one = fr.evaluate(rows, "map(ties=input)", **ROLES, threads=1)
    helpers.same_result(fr.evaluate(rows, "map(ties=input)", **ROLES, threads=4), one)


def test_the_first_bad_row_is_told(rows: pa.Table) -> None:
    for bad in ([7, 100], [100, 150], [150]):
        values = rows["p"].to_pylist()
        for i in bad:
            values[i] = float("nan")
        broken = rows.set_column(rows.schema.get_field_index("p"), "p", pa.array(values))
        with pytest.raises(InvalidValueError, match=f"row {bad[0]} holds nan"):
            fr.evaluate(broken, METRICS, **ROLES, threads=3)


@pytest.mark.parametrize("threads", [0, -1, 1.5, True, "2"])
def test_bad_numbers_of_threads(rows: pa.Table, threads: object) -> None:
    with pytest.raises(ParameterError, match=r"threads=.*allowed: an integer from 1"):
        fr.evaluate(rows, METRICS, **ROLES, threads=threads)


def test_all_shards_together_keep_the_memory_limit(rows: pa.Table, monkeypatch: pytest.MonkeyPatch) -> None:
    limits: set[int] = set()
    feed = feeding._feed

    def recorded(batches: Any, evaluator: fr.Evaluator, *rest: Any) -> None:
        limits.update(each.memory_limit or 0 for _, each in evaluator.plan.row_accumulators)
        feed(batches, evaluator, *rest)

    monkeypatch.setattr(feeding, "_feed", recorded)
    fr.evaluate(rows, ["auc", "ks(bits=12)"], label="clicked", score="p", memory_limit=9_000_000, threads=3)
    assert limits == {1_500_000}
