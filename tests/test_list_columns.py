"""Lists that stand in list columns, a row a query, against the same rows one by one."""

from __future__ import annotations

import itertools
import pickle

import helpers
import numpy as np
import pyarrow as pa
import pytest

import fastrank as fr
from fastrank.errors import ColumnTypeError, InvalidValueError, ParameterError, QueryOrderError, StateMismatchError

LONG = helpers.make_rows([5, 1, 7, 3, 4, 2, 6, 8], 4)
LISTED = ["grade", "p", "p2", "item", "clicked"]
ROLES = {"label": "grade", "score": "p", "query": "query"}
METRICS = ["ndcg@3", "map", "mrr@2", "map(ties=item_desc)", "gm_map"]


def as_lists(kind: str = "list") -> pa.Table:
    """A row for each query of LONG."""
    query = LONG["query"].to_pylist()
    sizes = [query.count(q) for q in range(8)]
    starts = np.concatenate(([0], np.cumsum(sizes)))
    columns = {
        "query": LONG["query"].take(pa.array(starts[:-1])),
        "country": LONG["country"].take(pa.array(starts[:-1])),
    }
    columns["query_weight"] = LONG["query_weight"].take(pa.array(starts[:-1]))
    for name in LISTED:
        array = pa.ListArray.from_arrays(pa.array(starts, pa.int32()), LONG[name])
        columns[name] = array.cast(pa.large_list(LONG[name].type)) if kind == "large_list" else array
    return pa.table(columns)


@pytest.mark.parametrize("kind", ["list", "large_list"])
@pytest.mark.parametrize("options", [{}, {"query_weight": "query_weight"}, {"where": "query <> 2"}], ids=str)
def test_lists_equal_long_rows(kind: str, options: dict[str, str]) -> None:
    roles = {**ROLES, "item": "item", **options}
    expected = fr.evaluate(LONG, METRICS, **roles)
    for batch_rows in (1, 3, None):
        helpers.same_result(fr.evaluate(as_lists(kind), METRICS, **roles, batch_rows=batch_rows), expected)
    sliced = as_lists(kind).slice(1)
    helpers.same_result(fr.evaluate(sliced, METRICS, **roles), fr.evaluate(LONG.slice(5), METRICS, **roles))


def test_several_models_and_metrics_of_rows() -> None:
    metrics = ["map", "auc(label=clicked)", "brier(label=clicked)"]
    roles = {**ROLES, "score": ["p", "p2"]}
    helpers.same_result(fr.evaluate(as_lists(), metrics, **roles), fr.evaluate(LONG, metrics, **roles))


def test_slices_are_of_queries() -> None:
    expected = fr.evaluate(LONG, ["map"], **{**ROLES, "query": "query"}, by="country").to_dict()
    whole = fr.evaluate(as_lists(), ["map"], **ROLES, by="country")
    found = dict(zip(whole.table["country"].to_pylist()[1:], whole.table["queries"].to_pylist()[1:], strict=True))
    countries = as_lists()["country"].to_pylist()
    assert found == {country: countries.count(country) for country in set(countries)}
    assert whole["map"] == expected["value"][0]


def test_without_a_query_column_each_row_is_a_query() -> None:
    roles = {"label": "grade", "score": "p"}
    helpers.same_result(fr.evaluate(as_lists(), ["map"], **roles), fr.evaluate(LONG, ["map"], **ROLES))
    a, b = fr.Evaluator(["map"], **roles), fr.Evaluator(["map"], **roles)
    batch = as_lists().to_batches()[0]
    a.update(batch.slice(0, 5))
    b.update(batch.slice(5))
    a.merge(b.state())
    helpers.same_result(a, fr.evaluate(LONG, ["map"], **ROLES))


def test_an_empty_list_is_a_query() -> None:
    lists = pa.table({"q": [1, 2, 3], "y": [[0, 1], [], [1]], "s": [[0.5, 0.25], [], [1.0]], "c": ["a", "b", "a"]})
    # Reciprocal ranks 1/2, 0 (nothing was retrieved) and 1.
    result = fr.evaluate(lists, ["mrr", "mrr(no_relevant=skip)"], label="y", score="s", query="q", by="c")
    assert result["mrr"] == 0.5
    assert result["mrr(no_relevant=skip)"] == 0.75
    assert result["mrr", {"c": "b"}] == 0.0
    assert result.table["queries"].to_pylist() == [3, 3, 2, 2, 1, 1]
    values = fr.evaluate(lists, ["mrr"], label="y", score="s", query="q", per_query=True).reader().read_all()
    assert values.to_pylist() == [{"q": 1, "mrr": 0.5}, {"q": 2, "mrr": 0.0}, {"q": 3, "mrr": 1.0}]


def test_ranks() -> None:
    ranks = pa.table({"y": [[0, 1, 1], [1, 0]], "r": [[2, 1, 3], [2, 1]]})
    assert fr.evaluate(ranks, "mrr", label="y", rank="r")["mrr"] == 0.75


@pytest.mark.parametrize(
    ("columns", "message"),
    [
        ({"y": [[0, 1]], "s": [[0.5]]}, "column 's': row 0 holds a list of length 1, and of length 2 in column 'y'"),
        ({"y": [[0], None], "s": [[0.5], [0.5]]}, "column 'y': row 1 holds null; allowed: a list"),
        ({"y": [[0], [1, 2]], "s": [[0.5], [0.5, float("nan")]]}, r"column 's' \(score\): row 1, entry 1, holds nan"),
    ],
)
def test_bad_lists(columns: dict[str, list[object]], message: str) -> None:
    with pytest.raises(InvalidValueError, match=message):
        fr.evaluate(pa.table(columns), "mrr", label="y", score="s")


def test_duplicate_items_and_queries() -> None:
    lists = pa.table({"q": [1, 1], "y": [[0, 1], [1, 0]], "s": [[1.0, 2.0], [2.0, 1.0]], "d": [[5, 6], [7, 7]]})
    with pytest.raises(InvalidValueError, match=r"column 'd' \(item\): row 1, entry 1, holds 7 in query 1"):
        fr.evaluate(lists, "mrr", label="y", score="s", query="q", item="d")
    with pytest.raises(QueryOrderError, match="row 1 holds 1, which an earlier row holds too"):
        fr.evaluate(lists, "mrr", label="y", score="s", query="q", queries="adjacent")
    with pytest.raises(QueryOrderError, match="row 1 holds 1, which an earlier row holds too"):
        fr.evaluate(lists, "mrr", label="y", score="s", query="q")
    a, b = (fr.Evaluator("mrr", label="y", score="s", query="q") for _ in "ab")
    for evaluator, i in zip((a, b), itertools.count()):
        evaluator.update(lists.to_batches()[0].slice(i, 1))
    with pytest.raises(StateMismatchError, match="a query is in both states"):
        a.merge(b)


def test_shapes_do_not_mix() -> None:
    evaluator = fr.Evaluator("mrr", label="grade", score="p", query="query")
    evaluator.update(as_lists().to_batches()[0])
    with pytest.raises(ParameterError, match="one batch holds lists and another long rows"):
        evaluator.update(LONG)
    with pytest.raises(ParameterError, match="mrr needs a query column"):
        fr.Evaluator("mrr", label="grade", score="p").update(LONG)


@pytest.mark.parametrize("queries", ["adjacent", "scattered"])
def test_pickled_evaluators_go_on(queries: str) -> None:
    batch = as_lists().to_batches()[0]
    evaluator = fr.Evaluator(METRICS, **ROLES, item="item", queries=queries)
    evaluator.update(batch.slice(0, 5))
    evaluator = pickle.loads(pickle.dumps(evaluator))
    evaluator.update(batch.slice(5))
    helpers.same_result(evaluator, fr.evaluate(LONG, METRICS, **ROLES, item="item"))
    with pytest.raises(ParameterError, match="one batch holds lists and another long rows"):
        pickle.loads(pickle.dumps(evaluator)).update(LONG)


@pytest.mark.parametrize(
    ("roles", "role"),
    [({"by": "clicked"}, "by"), ({"where": "p > 0.5"}, "where"), ({"query_weight": "p2"}, "query_weight")],
)
def test_what_is_of_a_query_is_no_list(roles: dict[str, str], role: str) -> None:
    with pytest.raises(ColumnTypeError, match=rf"column '\w+' \({role}\) is of type list.*; allowed: one value"):
        fr.evaluate(as_lists(), "map", **ROLES, **roles)


def test_items_have_one_type() -> None:
    evaluator = fr.Evaluator("coverage", score="s", query="q", item="d")
    evaluator.update(pa.record_batch({"q": [1], "s": [[1.0]], "d": [[1]]}))
    with pytest.raises(ColumnTypeError, match="is of type string, but was of type int64 before"):
        evaluator.update(pa.record_batch({"q": [2], "s": [[1.0]], "d": [["1"]]}))


def named(ids: list[list[int]], kind: str) -> list[list[object]]:
    return [[f"item {i}" for i in row] for row in ids] if kind == "text" else [list(row) for row in ids]


@pytest.mark.parametrize("kind", ["integers", "text"])
@pytest.mark.parametrize("batch_rows", [1, 7, None])
def test_ranked_and_relevant_ids_equal_rows_with_ranks(kind: str, batch_rows: int | None) -> None:
    rng = np.random.default_rng(6)
    shown = [rng.permutation(20)[: rng.integers(0, 9)].tolist() for _ in range(40)]
    wanted = [rng.permutation(20)[: rng.integers(0, 6)].tolist() for _ in range(40)]
    # What the second wants first is not shown; the third is shown nothing, and the fourth wants nothing.
    shown[:4], wanted[:4] = [[1, 2], [3, 4], [], [5, 6]], [[2], [9, 4], [1], []]
    rows = [
        (user, int(item in relevant), ranked.index(item) + 1 if item in ranked else None)
        for user, (ranked, relevant) in enumerate(zip(shown, wanted, strict=True))
        for item in dict.fromkeys([*ranked, *relevant])
    ]
    user, label, rank = (list(column) for column in zip(*rows, strict=True))
    long = pa.table({"u": user, "y": label, "r": pa.array(rank, pa.int64())})
    lists = pa.table({"u": range(40), "rec": named(shown, kind), "rel": named(wanted, kind)})
    metrics = ["map", "mrr@2", "recall@3", "ndcg@3", "r_precision", "num_rel", "num_rel_ret", "num_ret"]
    found = fr.evaluate(lists, metrics, query="u", ranking="rec", relevant="rel", batch_rows=batch_rows)
    expected = fr.evaluate(long, metrics, query="u", label="y", rank="r")
    # A user with neither list has no row in the long form, and counts 0 here.
    nobody = 40 - len(set(user))
    for metric in metrics:
        scale = 1.0 if metric.startswith("num") else (40 - nobody) / 40
        assert found[metric] == pytest.approx(expected[metric] * scale, rel=1e-14)
    values = fr.evaluate(lists, ["mrr"], query="u", ranking="rec", relevant="rel", per_query=True).reader().read_all()
    assert values["mrr"].to_pylist()[:4] == [0.5, 0.5, 0.0, 0.0]


@pytest.mark.parametrize(
    ("columns", "message"),
    [
        ({"rec": [[1, 1]], "rel": [[2]]}, r"column 'rec' \(item\): row 0, entry 1, holds 1 in query 0"),
        ({"rec": [[1], [3]], "rel": [[1], [2, 2]]}, "column 'rel': row 1 holds 2 twice; allowed: each id once"),
        ({"rec": [[1], [3]], "rel": [["1"], ["2"]]}, "'rec' holds ids of type int64, column 'rel' of type string"),
        ({"rec": [[1], [3, None]], "rel": [[1], [2]]}, "column 'rec': row 1 holds a null in its list; allowed: ids"),
        ({"rec": [[1], [3]], "rel": [1, 2]}, "column 'rel' is of type int64; allowed: lists of ids"),
    ],
)
def test_bad_lists_of_ids(columns: dict[str, list[object]], message: str) -> None:
    with pytest.raises((InvalidValueError, ColumnTypeError), match=message):
        fr.evaluate(pa.table(columns), "mrr", ranking="rec", relevant="rel")
