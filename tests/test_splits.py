"""The same bits in every value of a result, however rows are split, ordered, sharded and merged; and what comes of
queries that are split in a way that no merge could heal."""

from __future__ import annotations

import hashlib
import os
import platform
import subprocess
import sys
from itertools import pairwise
from pathlib import Path
from typing import Any

import helpers
import numpy as np
import pyarrow as pa
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from fastrank import Evaluator, Metric
from fastrank.errors import QueryOrderError, StateMismatchError

SETTINGS = settings(max_examples=25, deadline=None)
ALL = helpers.every_metric()
IN_ORDER = helpers.every_metric(in_order=True)
ROLES = {"query": "query", "item": "item", "score": ["p", "p2"]}
OPTIONS: list[dict[str, Any]] = [
    {},
    {"score": "p", "weight": "weight", "query_weight": "query_weight"},
    {"by": ["country"], "query_weight": "query_weight"},
    {"by": [["country"], ["country", "day"]], "weight": "weight", "on_invalid": "drop"},
    {"where": "day = 1 or country <> 'DE'", "by": "country", "on_invalid": "drop", "query_weight": "query_weight"},
]


def evaluator(metrics: list[Metric], options: dict[str, Any]) -> Evaluator:
    return Evaluator(metrics, **{**ROLES, **options})


def some_metrics(rng: np.random.Generator, metrics: list[Metric]) -> list[Metric]:
    """One metric of each name."""
    order = [metrics[i] for i in rng.permutation(len(metrics)).tolist()]
    return list({metric.definition.name: metric for metric in order}.values())


def shards_of(rows: pa.RecordBatch, count: int, rng: np.random.Generator) -> list[pa.RecordBatch]:
    """Whole queries dealt to shards; then the last query of some shards is cut, and what is cut off
    becomes the first of the next shard."""
    query = np.array([-1 if q is None else q for q in rows["query"].to_pylist()])
    owner = dict(zip(np.unique(query).tolist(), rng.integers(0, count, np.unique(query).size).tolist(), strict=True))
    dealt = np.array([owner[q] for q in query.tolist()])
    places = [np.flatnonzero(dealt == shard).tolist() for shard in range(count)]
    for here, there in pairwise([*range(count), 0] if count > 1 else [0]):
        last = [i for i in places[here] if query[i] == query[places[here][-1]]]
        if len(set(query[places[here]])) > 1 and len(last) > 1 and rng.random() < 0.7:
            moved = last[int(rng.integers(1, len(last))) :]
            places[here] = [i for i in places[here] if i not in moved]
            places[there] = moved + places[there]
    return [rows.take(pa.array(shard, pa.int64())) for shard in places]


def evaluated(shards: list[pa.RecordBatch], metrics: list[Metric], options: dict[str, Any], seed: int) -> Any:
    """The bits of the result of the shards, each in batches of its own, merged in some order; some batches come
    after the merge."""
    rng = np.random.default_rng(seed)
    batches = [helpers.cut(shard, helpers.random_places(rng, shard.num_rows, 3)) for shard in shards]
    late = batches[0][1:] if rng.random() < 0.5 else []
    batches[0] = batches[0][: len(batches[0]) - len(late)]
    parts = [helpers.fed(evaluator(metrics, options), part) for part in batches]
    target = parts[0]
    if late:
        for part in helpers.merged_in_any_order(parts[1:], rng) if parts[1:] else ():
            target.merge(part)
        return helpers.result_bits(helpers.fed(target, late).result())
    (whole,) = helpers.merged_in_any_order(parts, rng)
    return helpers.result_bits(whole.result())


@SETTINGS
@given(
    sizes=st.lists(st.integers(1, 9), min_size=2, max_size=12).filter(lambda sizes: sum(sizes) >= 4),
    seed=st.integers(0, 2**32 - 1),
    shards=st.integers(1, 5),
    options=st.sampled_from(OPTIONS),
    dtype=st.sampled_from([np.float32, np.float64]),
)
def test_no_split_and_no_order_changes_a_bit(sizes, seed, shards, options, dtype):
    rng = np.random.default_rng(seed)
    rows = helpers.make_rows(sizes, seed, dtype)
    if "on_invalid" in options:
        rows = helpers.with_invalid(rows, seed)
    metrics = some_metrics(rng, ALL)
    expected = helpers.result_bits(helpers.fed(evaluator(metrics, options), [rows]).result())
    split = shards_of(helpers.reordered(rows, rng), shards, rng)
    assert evaluated(split, metrics, options, seed) == expected


@pytest.mark.parametrize("options", OPTIONS, ids=str)
def test_every_metric_is_the_same_in_shards(options):
    rng = np.random.default_rng(3)
    rows = helpers.make_rows([5, 1, 30, 7, 12, 2, 18, 9, 3, 21], 4)
    if "on_invalid" in options:
        rows = helpers.with_invalid(rows, 4)
    expected = helpers.result_bits(helpers.fed(evaluator(ALL, options), [rows]).result())
    assert len(set(expected["metric"])) == len(ALL)
    shards = helpers.checked_shards(shards_of(helpers.reordered(rows, rng), 3, rng))
    assert evaluated(shards, ALL, options, 3) == expected


@SETTINGS
@given(
    sizes=st.lists(st.integers(1, 9), min_size=2, max_size=12).filter(lambda sizes: sum(sizes) >= 4),
    seed=st.integers(0, 2**32 - 1),
    shards=st.integers(1, 4),
    options=st.sampled_from(OPTIONS),
)
def test_ties_in_the_order_of_the_source_survive_splits_between_queries(sizes, seed, shards, options):
    rng = np.random.default_rng(seed)
    rows, metrics = helpers.make_rows(sizes, seed), some_metrics(rng, IN_ORDER)
    expected = helpers.result_bits(helpers.fed(evaluator(metrics, options), [rows]).result())
    owner = np.repeat(rng.integers(0, shards, len(sizes)), sizes)
    split = [rows.take(pa.array(np.flatnonzero(owner == shard).tolist(), pa.int64())) for shard in range(shards)]
    assert evaluated(split, metrics, options, seed) == expected


def test_a_split_that_loses_a_row_is_found():
    rows = helpers.make_rows([5, 9, 4], 1)
    whole, parts = (evaluated(shards, ALL[:9], {}, 1) for shards in ([rows], [rows.slice(0, 7), rows.slice(8)]))
    assert whole != parts


def digest() -> str:
    """The bits of metrics of every name, and of their states, on rows enough for every lane of a vector, and a rest."""
    sizes = np.random.default_rng(1).integers(1, 140, 29).tolist()
    whole = hashlib.sha256()
    for dtype, options in ((np.float32, {"score": "p"}), (np.float64, OPTIONS[1])):
        batches = [helpers.make_rows(sizes, 2, dtype), helpers.make_rows([70], 3, dtype, first_query=99)]
        of_all = helpers.fed(evaluator([*ALL, *IN_ORDER][::3], options), batches)
        whole.update(repr(helpers.result_bits(of_all.result())).encode())
        for column in of_all.state().columns:
            whole.update(repr(column.to_pylist()).encode())
    return whole.hexdigest()


@pytest.mark.skipif(platform.machine() not in ("x86_64", "AMD64"), reason="instruction sets of x86-64")
def test_every_instruction_set_gives_the_same_bits():
    def run(level: str) -> str:
        path = os.pathsep.join([str(Path(__file__).parent), *filter(None, sys.path)])
        code = f"import runpy; print(runpy.run_path({__file__!r})['digest']())"
        environment = {**os.environ, "FASTRANK_CPU": level, "PYTHONPATH": path}
        done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True)
        return done.stdout

    digests = {level: run(level) for level in ("baseline", "avx2", "avx512")}
    assert len(digests["baseline"]) == 65
    assert len(set(digests.values())) == 1, digests


TEXTS = [pa.string(), pa.large_string(), pa.dictionary(pa.int8(), pa.string())]
ID_TYPES = [pa.int64(), pa.uint64(), pa.int16(), pa.binary(), *TEXTS]


def lists(ids: list[int], kind: pa.DataType) -> pa.RecordBatch:
    """Rows of queries with these ids."""
    if pa.types.is_integer(kind):
        values: list[Any] = ids
    else:
        values = [f"query {i}".encode() if kind == pa.binary() else f"query {i}" for i in ids]
    labels = pa.array([i % 2 for i in range(len(ids))], pa.int64())
    scores = pa.array([i / 7 for i in range(len(ids))], pa.float64())
    return pa.RecordBatch.from_pydict({"query": pa.array(values, kind), "grade": labels, "p": scores})


def ranker(metric: str = "ndcg@5") -> Evaluator:
    return Evaluator(metric, label="grade", score="p", query="query")


def first_return(ids: list[int]) -> int | None:
    """The first row whose query came before that of the row above it."""
    return next((i for i in range(1, len(ids)) if ids[i] != ids[i - 1] and ids[i] in ids[: i - 1]), None)


@settings(max_examples=150, deadline=None)
@given(
    ids=st.lists(st.integers(0, 6), max_size=14),
    ascending=st.booleans(),
    places=st.lists(st.integers(0, 14), max_size=4),
    kind=st.sampled_from(ID_TYPES),
)
@example([1, 2, 3, 2, 4, 1], False, [], pa.int64())
@example([1, 1, 2, 1], False, [1, 3], pa.string())
def test_a_query_that_comes_back_is_refused(ids, ascending, places, kind):
    if ascending:
        ids = sorted(ids[:-1]) + ids[-1:]
    rows = lists(ids, kind)
    batches = helpers.cut(rows, [min(place, len(ids)) for place in places])
    i = first_return(ids)
    if i is None:
        assert helpers.fed(ranker(), batches).result().to_dict()["queries"] == [len(set(ids))]
        return
    with pytest.raises(QueryOrderError) as caught:
        helpers.fed(ranker(), batches)
    value = rows["query"][i].as_py()
    assert f"column 'query' (query): row {i} holds {value!r}," in str(caught.value)


@pytest.mark.parametrize("kind", ID_TYPES, ids=str)
@pytest.mark.parametrize(
    "shards",
    [
        [[1, 7, 2], [3, 7, 4]],  # interior in both
        [[1, 2, 7], [3, 7, 4]],  # at a border, then interior
        [[7, 1, 2], [3, 4, 7, 5]],
        [[1, 2], [9, 7, 3], [4, 7, 5]],
        [[1, 7, 2], [30, 5, 7, 7, 4]],
    ],
    ids=str,
)
@pytest.mark.parametrize("as_table", [False, True])
def test_a_query_inside_two_shards_is_refused(shards, kind, as_table):
    for order in (shards, shards[::-1]):
        first, *others = [helpers.fed(ranker(), [lists(ids, kind)]) for ids in order]
        states = [other.state() if as_table else other for other in others]
        with pytest.raises(StateMismatchError, match=r"column 'query' \(query\): a query has rows in both states"):
            helpers.merged(first, *states)


@pytest.mark.parametrize("kind", ID_TYPES, ids=str)
def test_a_query_at_the_borders_of_shards_is_one_query(kind):
    shards = [[1, 2, 7], [7], [7, 3, 4], [5, 6, 7]]
    parts = [helpers.fed(ranker(), [lists(ids, kind)]) for ids in shards]
    result = helpers.merged(*parts).result().to_dict()
    assert (result["queries"], result["rows"]) == ([7], [10])


def test_the_order_of_the_source_is_lost_where_shards_share_a_query():
    parts = [helpers.fed(ranker("ndcg(ties=input)"), [lists(ids, pa.int64())]) for ids in ([1, 7, 7], [7, 3])]
    with pytest.raises(StateMismatchError, match='ties="input" keeps the order of the source'):
        helpers.merged(*parts).result()


@pytest.mark.parametrize("as_table", [False, True])
def test_slices_of_another_type_are_refused(as_table):
    numbers, texts = (
        helpers.fed(Evaluator("ndcg@5", label="grade", score="p", query="query", by="query"), [lists([1, 2, 3], kind)])
        for kind in (pa.int64(), pa.string())
    )
    with pytest.raises(StateMismatchError, match="'query'"):
        numbers.merge(texts.state() if as_table else texts)


@pytest.mark.parametrize("kind", ID_TYPES, ids=str)
def test_a_query_that_another_shard_has_finished_is_refused(kind):
    for late in ([7], [5, 7], [5, 7, 6]):
        whole = helpers.fed(ranker(), [lists([1, 2], kind)])
        whole.merge(helpers.fed(ranker(), [lists([3, 7, 4], kind)]))
        with pytest.raises(QueryOrderError, match="7"):
            helpers.fed(whole, [lists(late, kind), lists([8], kind)])
