"""Hand-worked cases of recommender metrics."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

import fastrank as fr
from fastrank import metrics as m
from fastrank import reference
from fastrank.errors import InvalidValueError

# Two queries; by score: items a, b, c and b, d.
ROWS: dict[str, Any] = {
    "q": [1, 1, 1, 2, 2],
    "s": [0.5, 0.9, 0.1, 0.8, 0.7],
    "item": ["b", "a", "c", "b", "d"],
    "number": [2.0, 8.0, 5.0, 1.0, 3.0],
    "share": [0.25, 0.5, 1.0, 0.125, 0.125],
    "kind": ["x", "x", "y", "x", "y"],
    "team": ["y", "x", "x", "y", "z"],
    "w": [1, 1, 1, 3, 3],
}


def value(metric: m.Metric | str, rows: Any = ROWS, **roles: str) -> float:
    result = fr.evaluate(rows, metric, **{"score": "s", "query": "q", "item": "item", **roles})
    found = result[result.table["metric"][0].as_py()]
    assert isinstance(found, float)
    return found


def test_coverage() -> None:
    assert value("coverage") == 4.0
    assert value(m.coverage(k=1)) == 2.0
    assert value("coverage(catalogue=12)@2") == 0.25
    assert value("catalog_coverage@1") == 2.0
    with pytest.raises(fr.FastrankError, match="catalogue=3, but 4 distinct items are shown"):
        value("coverage(catalogue=3)")


def test_item_gini() -> None:
    assert value("item_gini") == 3 / 20
    assert value("item_gini(catalogue=5)") == 8 / 25
    assert value("item_gini@1") == 0.0
    with pytest.raises(fr.FastrankError, match="catalogue=1, but 2"):
        value("item_gini(catalogue=1)@1")


def test_items_are_required() -> None:
    for metric in ("coverage", "item_gini"):
        with pytest.raises(fr.FastrankError, match="needs an item column"):
            fr.evaluate(ROWS, metric, score="s", query="q")


def test_means_of_shown_rows() -> None:
    for name, role in (("popularity", "popularity"), ("freshness", "age")):
        assert value(f"{name}({role}=number)") == 3.5
        assert value(f"{name}({role}=number)@1") == 4.5
        assert value(f"{name}({role}=number)@3") == 3.5
        assert value(f"{name}({role}=number)@1", query_weight="w") == 11 / 4
        assert value(f"{name}({role}=number, aggregation=max)@1") == 8.0
    assert value(m.novelty(popularity="share")) == 2.0
    assert value(m.novelty(popularity="share", k=1)) == 2.0


def test_the_column_is_named_as_its_role_unless_told() -> None:
    assert value("popularity", {**ROWS, "popularity": ROWS["number"]}) == 3.5
    with pytest.raises(fr.FastrankError, match="'popularity'"):
        value("popularity")


def test_novelty_takes_shares() -> None:
    for share in (0.0, 1.5, -0.1):
        rows = {**ROWS, "share": [0.25, 0.5, share, 0.125, 0.125]}
        with pytest.raises(fr.FastrankError, match=r"'share' \(popularity\): row 2 .*a share above 0"):
            value("novelty(popularity=share)", rows)


def test_intra_list_diversity() -> None:
    assert value("intra_list_diversity(category=kind)") == (2 / 3 + 1) / 2
    assert value("ild(category=kind)@2") == 0.5
    assert value("intra_list_diversity(category=kind)@1") == 0.0


def test_exposure() -> None:
    second = 1 / math.log2(3)
    assert value("exposure(group=team)") == pytest.approx(1 / (2.5 + 2 * second), rel=1e-15)
    assert value("exposure(group=team)@1") == 0.5
    assert value("exposure(group=team)@1", query_weight="w") == 0.75
    assert value("exposure(group=team)", {**ROWS, "team": ["x"] * 5}) == 0.0


def test_alpha_ndcg() -> None:
    rows = {"q": [1, 1, 1], "s": [3, 2, 1], "y": [1, 1, 1], "item": [1, 2, 3], "topics": [["a"], ["a"], ["b"]]}
    expected = (1 + 0.5 / math.log2(3) + 0.5) / (1 + 1 / math.log2(3) + 0.25)
    assert value("alpha_ndcg(category=topics)", pa.table(rows), label="y") == pytest.approx(expected, rel=1e-15)
    assert value("alpha_ndcg(category=topics)@1", pa.table(rows), label="y") == 1.0
    single = {**rows, "topics": ["a", "a", "b"]}
    assert value("alpha_ndcg(category=topics)", single, label="y") == pytest.approx(expected, rel=1e-15)


@pytest.mark.parametrize(
    "kind",
    [
        pa.list_(pa.int32()), pa.large_list(pa.int64()), pa.list_(pa.string()), pa.list_(pa.binary()),
        pa.list_(pa.dictionary(pa.int8(), pa.string())), pa.large_list(pa.large_string()),
    ],
)  # fmt: skip
def test_subtopics_of_any_type(kind: pa.DataType) -> None:
    entries = [[2, 1, 2], None, [], [3], [3, 1]]
    if not pa.types.is_integer(kind.value_type):
        entries = [None if each is None else [str(x) for x in each] for each in entries]
    # A row in front that is sliced off.
    topics = pa.array([entries[0], *entries], kind).slice(1)
    rows = pa.table({"q": [1] * 5, "s": [5, 4, 3, 2, 1], "y": [1] * 5, "item": range(5), "topics": topics})
    expected = 2 + 1 / math.log2(5) + (0.5 + 0.5) / math.log2(6)
    # {1, 2} and {1, 3} gain the same; {1, 2} comes first, then {1, 3} gains 1.5 and {3} 0.5.
    ideal = 2 + 1.5 / math.log2(3) + 0.5 / 2
    found = value("alpha_ndcg(category=topics)", rows, label="y")
    assert found == pytest.approx(expected / ideal, rel=1e-15)


def test_subtopics_that_are_refused() -> None:
    rows = {"q": [1, 1], "s": [2, 1], "y": [1, 1], "item": [1, 2]}
    topics = pa.array([["a"], ["b", None]])
    with pytest.raises(fr.FastrankError, match=r"'topics' \(category\): row 1 "):
        value("alpha_ndcg(category=topics)", pa.table({**rows, "topics": topics}), label="y")
    with pytest.raises(fr.FastrankError, match="list of one of these"):
        value("alpha_ndcg(category=topics)", pa.table({**rows, "topics": [[0.5], [1.5]]}), label="y")
    for ties in ("optimistic", "pessimistic"):
        with pytest.raises(fr.FastrankError, match="in no order"):
            m.alpha_ndcg(ties=ties)
        with pytest.raises(fr.FastrankError, match="allowed"):
            m.coverage(ties=ties)


def test_rows_that_are_not_retrieved_are_not_shown() -> None:
    rows = pa.table({
        "q": [1, 1, 1, 2], "s": [2.0, None, 1.0, None], "item": ["a", "b", "c", "d"], "y": [1, 1, 1, 1],
        "number": [4.0, 100.0, 6.0, 100.0], "kind": ["x", "y", "x", "y"],
    })  # fmt: skip
    assert value("coverage", rows) == 2.0
    # The second query shows nothing and has no mean.
    assert value("popularity(popularity=number)", rows) == 5.0
    # Both subtopics count for the ideal, x of the three rows that are judged first.
    ideal = 1 + 1 / math.log2(3) + 0.5 / 2
    found = value("alpha_ndcg(category=kind, missing_query=skip)", rows, label="y")
    assert found == pytest.approx((1 + 0.5 / math.log2(3)) / ideal, rel=1e-15)


@pytest.mark.parametrize("metric", ["coverage", "item_gini", "freshness(age=number)", "exposure(group=kind)"])
def test_lists_of_which_nothing_is_shown(metric: str) -> None:
    rows = pa.table({
        "q": [1, 1], "s": pa.array([None, None], pa.float64()), "item": ["a", "b"], "number": [4.0, 1.0],
        "kind": ["x", "y"],
    })  # fmt: skip
    assert math.isnan(value(metric, rows))


TIED = {
    "q": [1, 1, 1], "s": [2, 1, 1], "y": [1, 1, 1], "item": ["u", "v", "w"], "kind": ["a", "a", "b"], "n": [4, 2, 1],
}  # fmt: skip


def test_ties_take_the_expected_value() -> None:
    assert value("popularity(popularity=n)@2", TIED) == (4 + 1.5) / 2
    gap = (1 + 0.5 / math.log2(3) - 0.5 / math.log2(3)) / (1 + 1 / math.log2(3))
    assert value("exposure(group=kind)@2", TIED) == pytest.approx(gap, rel=1e-15)


@pytest.mark.parametrize("metric", ["coverage", "item_gini", "intra_list_diversity(category=kind)"])
def test_ties_across_the_cut_need_a_rule(metric: str) -> None:
    assert value(metric, TIED) >= 0
    assert value(f"{metric}@1", TIED) >= 0
    with pytest.raises(fr.FastrankError, match=r"query 1 .*both sides of rank 2"):
        value(f"{metric}@2", TIED)


def test_rules_of_ties_choose_what_is_shown() -> None:
    for ties, diversity in (("item_desc", 1.0), ("item_asc", 0.0), ("input", 0.0)):
        assert value(f"intra_list_diversity(category=kind, ties={ties})@2", TIED) == diversity
        assert value(f"coverage(ties={ties})@2", TIED) == 2.0
    with pytest.raises(fr.FastrankError, match="equal score"):
        value("coverage(ties=error)", TIED)
    with pytest.raises(fr.FastrankError, match="equal score"):
        value("alpha_ndcg(category=kind)", TIED, label="y")


def test_queries_are_counted() -> None:
    for metric in ("coverage@2", "exposure(group=kind)@2", "popularity(popularity=n)@2"):
        rows = TIED if metric != "coverage@2" else {**TIED, "s": [2, 2, 1]}
        table = fr.evaluate(rows, metric, score="s", query="q", item="item").table
        assert [table[name][0].as_py() for name in ("rows", "queries", "queries_tied")] == [3, 1, 1]


def test_nothing_to_evaluate_is_undefined() -> None:
    empty = pa.table({name: pa.array([], pa.float64() if name in ("s", "number") else pa.string()) for name in ROWS})
    for metric in ("coverage", "item_gini", "freshness(age=number)", "exposure(group=team)", "ild(category=kind)"):
        evaluator = fr.Evaluator(metric, score="s", query="q", item="item")
        for batch in empty.to_batches(max_chunksize=1) or [pa.RecordBatch.from_pylist([], empty.schema)]:
            evaluator.update(batch)
        assert math.isnan(evaluator.result().table["value"][0].as_py())


def test_the_table_of_exposures() -> None:
    evaluator = fr.Evaluator("exposure(group=team)", score="s", query="q")
    evaluator.update(pa.RecordBatch.from_pydict(ROWS))
    (view,) = [accumulator.at(0) for accumulator in evaluator._intake.closed().values()]
    table = view.table()
    second = 1 / math.log2(3)
    assert table["group"] == ["x", "y", "z"]
    assert table["exposure"].tolist() == pytest.approx([1.5, second + 1, second], rel=1e-15)
    assert table["share"].sum() == pytest.approx(1, rel=1e-15)


COLUMNS = {
    "coverage": "item", "item_gini": "item", "popularity": "popularity", "novelty": "popularity", "freshness": "age",
    "intra_list_diversity": "category", "alpha_ndcg": "category", "exposure": "group",
}  # fmt: skip


def random_rows(seed: int, tied: bool) -> dict[str, np.ndarray]:
    """Queries of up to 20 rows, in order; an item stands in several queries."""
    rng = np.random.default_rng(seed)
    query = np.repeat(np.arange(30), rng.integers(1, 21, 30))
    n = query.size
    return {
        "query": query,
        "item": np.concatenate([rng.permutation(50)[: np.count_nonzero(query == q)] for q in range(30)]),
        "label": rng.integers(0, 3, n),
        "score": rng.integers(0, 6, n).astype(float) if tied else rng.permutation(n) / n,
        "popularity": rng.choice([1.0, 0.5, 0.3, 1e-9], n),
        "age": rng.normal(size=n) * 1e3,
        "category": rng.choice(["a", "b", "c", "d"], n),
        "group": rng.choice(["x", "y", "z"], n),
        "query_weight": rng.choice([0.0, 0.5, 3.7], 30)[query],
    }


@pytest.mark.parametrize("tied", [False, True])
@pytest.mark.parametrize("ties", ["average", "item_desc", "item_asc", "input", "error"])
@pytest.mark.parametrize("name", COLUMNS)
def test_a_metric_equals_its_reference(name: str, ties: str, tied: bool) -> None:
    rows = random_rows(len(name), tied)
    roles = ["score", "query", "item", *(["query_weight"] if COLUMNS[name] != "item" else [])]
    for k in (None, 1, 3, 10, 99):
        metric = getattr(m, name)(k=k, ties=ties)
        columns = {role: rows[role] for role in {*roles, COLUMNS[name]}}
        label = rows["label"] if name == "alpha_ndcg" else None
        try:
            expected = getattr(reference, name)(label, **columns, k=k, ties=ties)
        except ValueError:
            with pytest.raises(fr.FastrankError, match="equal score"):
                fr.evaluate(rows, metric, label="label", **{role: role for role in roles})
            continue
        found = fr.evaluate(rows, metric, label="label", **{role: role for role in roles})[metric.name]
        assert found == pytest.approx(expected, rel=1e-12, abs=1e-13)


@pytest.mark.parametrize(("values", "std"), [([1e100, 3e100], 1e100), ([1e-200, 3e-200], 0.0), ([2.0, 4.0], 1.0)])
def test_the_standard_deviation_of_large_and_tiny_values(values: list[float], std: float) -> None:
    rows = {"q": [1, 2], "s": [1.0, 1.0], "popularity": values}
    metric = "popularity(aggregation=std)"
    assert fr.evaluate(rows, metric, score="s", query="q")[metric] == pytest.approx(std, rel=1e-15, abs=1e-130)


def test_values_too_large_to_be_squared_are_refused() -> None:
    rows = {"q": [1, 2], "s": [1.0, 1.0], "popularity": [1.0, 3e200]}
    with pytest.raises(InvalidValueError, match="popularity: a query has the value 3e\\+200"):
        fr.evaluate(rows, "popularity(aggregation=std)", score="s", query="q")
