"""Hand-worked cases of the AUC inside each query, and against scikit-learn group by group."""

from __future__ import annotations

import math
from typing import Any

import helpers
import numpy as np
import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet
import pytest
from shared_data import shared

import fastrank as fr
from fastrank import metrics as m
from fastrank import reference
from fastrank.errors import FastrankError, InvalidValueError, MissingColumnError, ParameterError
from fastrank.metrics import parse

ROLES = {"label": "y", "score": "s", "query": "q"}
# Query a: pairs (.9,.2), (.9,.3) won: AUC 1; 3 rows, 1 positive, 2 pairs.
# Query b: pairs (.4,.5) lost, (.4,.4) tied, (.7,.5) and (.7,.4) won: AUC 2.5 / 4; 4 rows, 2 positives, 4 pairs.
# Query c: rows of one class.  Query d: all rows of one score: AUC 1/2; 5 rows, 4 positives, 4 pairs.
ROWS = pa.table(
    {
        "q": ["a"] * 3 + ["b"] * 4 + ["c"] * 2 + ["d"] * 5,
        "y": [0, 1, 0, 1, 0, 1, 0, 0, 0, 1, 1, 0, 1, 1],
        "s": [0.2, 0.9, 0.3, 0.4, 0.5, 0.7, 0.4, 0.1, 0.2, 6.0, 6.0, 6.0, 6.0, 6.0],
    }
)
CASES = {
    "gauc": (3 * 1 + 4 * 2.5 / 4 + 5 / 2) / 12,
    "gauc(group_weight=positives)": (1 * 1 + 2 * 2.5 / 4 + 4 / 2) / 7,
    "gauc(group_weight=pairs)": (2 + 2.5 + 2) / 10,
    "gauc(group_weight=equal)": (1 + 2.5 / 4 + 1 / 2) / 3,
    "gauc(tied_groups=skip)": (3 * 1 + 4 * 2.5 / 4) / 7,
    "gauc(group_weight=equal, tied_groups=skip)": (1 + 2.5 / 4) / 2,
}


def row_of(rows: Any, metric: Any = "gauc", **options: Any) -> dict[str, Any]:
    """The overall row of the result."""
    row: dict[str, Any] = fr.evaluate(rows, metric, **{**ROLES, **options}).table.to_pylist()[0]
    return row


@pytest.mark.parametrize("metric", CASES)
def test_group_weights_and_tied_groups(metric):
    row = row_of(ROWS, metric)
    assert row["value"] == CASES[metric]
    counts = ["rows", "queries", "queries_one_class", "queries_all_tied", "queries_tied", "queries_missing"]
    assert [row[name] for name in counts] == [14, 4, 1, 1, 2, 0]
    assert (row["queries_without_relevant"], row["exact"], row["undefined"]) == (None, True, 0)


def test_the_counts_are_shown_where_they_say_something():
    result = fr.evaluate(ROWS, "gauc", **ROLES)
    assert "queries_one_class" in str(result)
    assert "queries_all_tied" in str(result)
    quiet = str(fr.evaluate(ROWS.slice(0, 7), "gauc", **ROLES))
    assert "queries_one_class" not in quiet
    assert "queries_all_tied" not in quiet


def test_scores_that_are_equal_and_scores_that_are_infinite():
    # -0.0 ties with 0.0; infinities are ordinary: (inf, -0.0) and (inf, -inf) won, (0.0, -0.0) tied, (0.0, -inf) won.
    score = [math.inf, -0.0, 0.0, -math.inf]
    assert m.gauc().compute([1, 0, 1, 0], score, query=[1] * 4) == 3.5 / 4
    # Neighbouring float64 are told apart, and are one float32.
    score = np.array([0.5, math.nextafter(0.5, 1)])
    assert m.gauc().compute([0, 1], score, query=[1, 1]) == 1.0
    assert m.gauc().compute([0, 1], score.astype(np.float32), query=[1, 1]) == 0.5


def test_weights_of_rows_and_of_queries():
    # Query 1: pairs (.9,.2) of weight 2*3 won, (.9,.95) of 2*1 lost: AUC 6/8, rows weigh 6, positives 2, pairs 8.
    # Query 2: (.4,.5) of 1*4 lost, (.6,.5) of 5*4 won; a row of weight 0 is absent: AUC 20/24, rows 10, positives 6.
    # Query 3 is of one class without its row of weight 0; all rows of query 4 weigh 0.
    rows = {
        "q": [1, 1, 1, 2, 2, 2, 2, 3, 3, 4, 4],
        "y": [1, 0, 0, 1, 0, 1, 0, 1, 0, 1, 0],
        "s": [0.9, 0.2, 0.95, 0.4, 0.5, 0.6, 0.1, 0.5, 0.4, 0.6, 0.5],
        "w": [2, 3, 1, 1, 4, 5, 0, 1, 0, 0, 0],
        "qw": [3, 3, 3, 1, 1, 1, 1, 9, 9, 9, 9],
    }
    expected = {
        "rows": (6 * 6 / 8 + 10 * 20 / 24) / 16,
        "positives": (2 * 6 / 8 + 6 * 20 / 24) / 8,
        "pairs": 26 / 32,
        "equal": (6 / 8 + 20 / 24) / 2,
    }
    for group_weight, value in expected.items():
        row = row_of(rows, m.gauc(group_weight=group_weight), weight="w")
        assert row["value"] == pytest.approx(value, rel=1e-15)
        assert [row[name] for name in ("rows", "queries", "queries_one_class")] == [7, 3, 1]
    both = row_of(rows, weight="w", query_weight="qw")
    assert both["value"] == pytest.approx((3 * 6 * 6 / 8 + 10 * 20 / 24) / 28, rel=1e-15)
    arrays = [rows[name] for name in ("y", "s", "w", "q")]
    assert m.gauc().compute(*arrays) == pytest.approx(expected["rows"], rel=1e-15)


def test_where_no_query_counts():
    one_class = ROWS.slice(7, 2)
    row = row_of(one_class)
    assert math.isnan(row["value"])
    assert (row["undefined"], row["queries"], row["queries_one_class"]) == (1, 1, 1)
    assert row_of(one_class, "gauc(none_left=half)")["value"] == 0.5
    tied = ROWS.slice(9)
    assert row_of(tied)["value"] == 0.5
    assert math.isnan(row_of(tied, "gauc(tied_groups=skip)")["value"])
    torchrec = "uauc(tied_groups=skip, none_left=half)"
    assert row_of(tied, torchrec)["value"] == 0.5
    assert row_of(ROWS, torchrec)["value"] == CASES["gauc(group_weight=equal, tied_groups=skip)"]


def test_other_names():
    assert parse("uauc") == [m.gauc(group_weight="equal")]
    assert parse("wuauc") == parse("group_auc") == parse("grouped_auc") == [m.gauc()]


def test_pairs_weigh_as_one_auc_of_all_pairs_inside_queries():
    rng = np.random.default_rng(3)
    query, label, score = rng.integers(0, 5, 60), rng.integers(0, 2, 60), rng.integers(0, 6, 60)
    won = total = 0.0
    for i in range(60):
        for j in range(60):
            if query[i] == query[j] and label[i] > label[j]:
                total += 1
                won += 1.0 if score[i] > score[j] else 0.5 if score[i] == score[j] else 0.0
    found = fr.evaluate({"q": query, "y": label, "s": score}, "gauc(group_weight=pairs)", **ROLES)
    assert found["gauc(group_weight=pairs)"] == pytest.approx(won / total, rel=1e-15)


def by_sklearn(label: Any, score: Any, group: Any, weight: Any = None) -> dict[str, tuple[float, float]]:
    """The AUC of each group of both classes by scikit-learn, with the weight of its rows."""
    from sklearn.metrics import roc_auc_score

    found = {}
    for name in np.unique(group):
        here = group == name
        w = None if weight is None else weight[here]
        if np.unique(label[here]).size == 2:
            auc = roc_auc_score(label[here], score[here], sample_weight=w)
            found[name] = float(auc), float(here.sum() if w is None else w.sum())
    return found


def mean_of(groups: dict[str, tuple[float, float]]) -> float:
    """The weighted mean."""
    return math.fsum(auc * w for auc, w in groups.values()) / math.fsum(w for _, w in groups.values())


def adults() -> dict[str, Any]:
    """Who earns more than 50,000, by a score of age and hours of work, grouped by occupation."""
    table = pa.parquet.read_table(shared("pointwise", "adults.parquet"))
    age, hours = table["age"].to_numpy(), table["hours-per-week"].to_numpy()
    return {
        "y": np.array([value == ">50K" for value in table["class"].to_pylist()]),
        "s": 1 / (1 + np.exp(-(0.04 * age + 0.03 * hours - 4.0))),
        "q": np.array([value or "unknown" for value in table["occupation"].to_pylist()]),
        "w": table["fnlwgt"].to_numpy() / 1024,
    }


@pytest.mark.parametrize("weighted", [False, True])
def test_adults_by_occupation_as_scikit_learn_group_by_group(weighted):
    rows = adults()
    weight = {"weight": "w"} if weighted else {}
    groups = by_sklearn(rows["y"], rows["s"], rows["q"], rows["w"] if weighted else None)
    assert len(groups) == 15
    row = row_of(rows, **weight)
    assert row["value"] == pytest.approx(mean_of(groups), rel=1e-12)
    assert (row["rows"], row["queries"], row["queries_one_class"]) == (48_842, 15, 0)
    table = pa.table(fr.evaluate(rows, "gauc", **ROLES, **weight, per_query=True, queries="scattered"))
    each = dict(zip(table["q"].to_pylist(), table["gauc"].to_pylist(), strict=True))
    assert each == pytest.approx({name: auc for name, (auc, _) in groups.items()}, rel=1e-12)


def test_open_bandit_by_item_as_scikit_learn_group_by_group():
    table = pa.csv.read_csv(shared("pointwise", "obd_random_men.csv.gz"))
    columns = [table[name].to_numpy() for name in ("click", "user-item_affinity_3", "item_id")]
    groups = by_sklearn(*columns)
    row = row_of(dict(zip(("y", "s", "q"), columns, strict=True)))
    assert row["value"] == pytest.approx(mean_of(groups), rel=1e-12)
    assert row["queries"] - row["queries_one_class"] == len(groups) > 10
    assert row["queries_one_class"] > 0


def made(seed: int = 1) -> pa.Table:
    """Rows of queries of many sizes, two of them long."""
    sizes = [1, 3, 40, 900, 2, 7, 1500, 12, 5, 60]
    return pa.Table.from_batches([helpers.make_rows(sizes, seed, np.float32)])


METRICS = [m.gauc(), m.gauc(group_weight="pairs", tied_groups="skip"), m.gauc(score="p2", name="other")]
OF_MADE = {"label": "clicked", "score": "p", "query": "query", "weight": "weight", "query_weight": "query_weight"}


@pytest.mark.parametrize("by", [None, "country", [["country"], ["day"]]])
def test_scattered_rows_threads_and_batches_change_no_bit(by):
    rows = made()
    expected = fr.evaluate(rows, METRICS, **OF_MADE, by=by)
    shuffled = rows.take(pa.array(np.random.default_rng(0).permutation(rows.num_rows)))
    for source, options in (
        (rows, {"threads": 2}),
        (rows, {"batch_rows": 7}),
        (shuffled, {"queries": "scattered"}),
        (shuffled, {"queries": "scattered", "threads": 2, "batch_rows": 100}),
        (shuffled, {"queries": "scattered", "memory_limit": 10_000}),
    ):
        helpers.same_result(fr.evaluate(source, METRICS, **OF_MADE, by=by, **options), expected)


def test_shards_that_cut_queries_change_no_bit():
    rows = made(2)
    expected = fr.evaluate(rows, METRICS, **OF_MADE, by="country")
    (batch,) = rows.to_batches()
    shards = helpers.checked_shards(helpers.cut(batch, [20, 500, 510, 1200]))
    parts = [helpers.fed(fr.Evaluator(METRICS, **OF_MADE, by="country"), [shard]) for shard in shards]
    last, *others = reversed(parts)
    helpers.same_result(helpers.merged(last, *[part.state() for part in others]), expected)


def test_each_query_has_the_value_that_it_has_alone():
    rows = made(4)
    metrics = ["gauc", "gauc(tied_groups=skip)"]
    roles = {name: OF_MADE[name] for name in ("label", "score", "query")}
    values = fr.evaluate(rows, metrics, **roles, per_query=True)
    table = values.reader().read_all()
    each = reference.gauc_per_query(*(rows[name].to_numpy() for name in ("clicked", "p", "query")))
    found = dict(zip(table["query"].to_pylist(), table["gauc"].to_pylist(), strict=True))
    assert found == {q: None if math.isnan(value) else value for q, value in each.items()}
    # One row is of one class.
    assert found[0] is None
    helpers.same_result(values.result(), fr.evaluate(rows, metrics, **roles))
    # Together with a measure of ranked lists, of which the short top is still found alone.
    both = pa.table(fr.evaluate(rows, ["gauc", "ndcg@3"], **roles, per_query=True))
    assert both["gauc"].equals(table["gauc"])


def test_two_models_and_slices():
    result = fr.evaluate(made(), "gauc", **{**OF_MADE, "score": ["p", "p2"]}, by="day")
    for day in (0, 1):
        one = made().filter(pa.compute.field("day") == day)
        for model in ("p", "p2"):
            alone = fr.evaluate(one, "gauc", **{**OF_MADE, "score": model}, queries="scattered")
            assert result["gauc", {"day": day}][model] == alone["gauc"]
    assert result["gauc"]["p"] != result["gauc"]["p2"]


def test_ranks_in_place_of_scores_and_list_columns():
    # Query 1: ranks 1 (label 0), 2 (label 1), 3 (label 0): one pair of two won.  Query 2: the positive is first.
    rows = {"q": [1, 1, 1, 2, 2], "y": [0, 1, 0, 1, 0], "r": [1, 2, 3, 5, 8]}
    found = fr.evaluate(rows, "gauc", label="y", rank="r", query="q")
    assert found["gauc"] == (3 * 0.5 + 2 * 1) / 5
    lists = {"q": [1, 2], "y": [[0, 1, 0], [1, 0]], "s": [[0.9, 0.5, 0.1], [0.5, 0.2]], "w": [[1, 1, 3], [1, 1]]}
    lists = {name: pa.array(values) for name, values in lists.items()}
    assert fr.evaluate(pa.table(lists), "gauc", **ROLES)["gauc"] == found["gauc"]
    # With weights, query 1 has one pair of weight 1 lost, one of weight 3 won.
    assert fr.evaluate(pa.table(lists), "gauc", **ROLES, weight="w")["gauc"] == (5 * 0.75 + 2 * 1) / 7
    ranked = pa.table({"ranking": [[10, 11, 12], [20, 21]], "relevant": [[11, 99], [20]]})
    # Item 99 was not ranked: it has no place among the others, and does not count.
    assert fr.evaluate(ranked, "gauc", ranking="ranking", relevant="relevant")["gauc"] == found["gauc"]


RUN = pa.table(
    {
        "query": ["a", "a", "a", "b", "b", "c", "c"],
        "item": [1, 2, 3, 1, 2, 8, 9],
        "score": [0.9, 0.5, 0.7, 0.3, 0.4, 0.1, 0.2],
    }
)
# Query a: item 1 relevant, 2 not, 3 unjudged, 4 not retrieved.  Query b: item 1 relevant, 2 unjudged.  Of query c
# nobody judged a row; query d has no row.
QRELS = {"a": {1: 1, 2: 0, 4: 1}, "b": {1: 1}, "d": {1: 1}}


def test_judgments():
    row = fr.evaluate(RUN, "gauc", qrels=QRELS).table.to_pylist()[0]
    # Unjudged rows are negative: AUC 1 of 3 rows, 0 of 2.
    assert row["value"] == 3 / 5
    counts = {"queries": 3, "queries_one_class": 0, "queries_missing": 1, "queries_extra": 1}
    counts |= {"rows_unjudged": 4, "rows_not_retrieved": 2, "rows": 7}
    assert {name: row[name] for name in counts} == counts
    # Taken out, they leave query b one class; a has a pair.
    row = fr.evaluate(RUN, "gauc(unjudged=drop)", qrels=QRELS).table.to_pylist()[0]
    assert (row["value"], row["queries"], row["queries_one_class"], row["queries_extra"]) == (1.0, 3, 1, 1)
    with pytest.raises(InvalidValueError, match="is not judged"):
        fr.evaluate(RUN, "gauc(unjudged=error)", qrels=QRELS)
    with pytest.raises(InvalidValueError, match=r"has the label 2; allowed: 0 or 1"):
        fr.evaluate(RUN, "gauc", qrels={"a": {1: 2}})


def test_null_labels_and_null_scores_in_rows():
    rows = {
        "q": pa.array([1, 1, 1, 1, 2, 2, 3, 3]),
        "y": pa.array([1, 0, None, 1, None, None, 1, 0]),
        "s": pa.array([0.5, 0.1, 0.9, None, 0.1, 0.2, None, None]),
    }
    # Query 1: pairs (.5,.1) won, (.5,.9) lost, of 3 rows with a score.  Query 2: nobody judged it.  Query 3: not found.
    row = row_of(pa.table(rows))
    assert (row["value"], row["queries"], row["queries_extra"], row["queries_missing"]) == (0.5, 2, 1, 1)
    assert row_of(pa.table(rows), "gauc(unjudged=drop)")["value"] == 1.0
    with pytest.raises(InvalidValueError, match="row 2 holds null"):
        row_of(pa.table(rows), "gauc(unjudged=error)")


def test_items_that_repeat():
    rows = {"q": [1, 1, 1], "y": [1, 0, 0], "s": [0.5, 0.1, 0.7], "i": [4, 4, 5]}
    with pytest.raises(InvalidValueError, match="an item stands twice in a query"):
        row_of(rows, item="i")
    assert row_of(rows, "gauc(duplicates=count)", item="i")["value"] == 0.5


def test_scores_that_are_nan():
    rows = {"q": [1, 1, 1], "y": [1, 0, 1], "s": [0.5, 0.1, math.nan]}
    with pytest.raises(InvalidValueError, match="row 2 holds nan"):
        row_of(rows)
    assert row_of(rows, "gauc(nan_score=last)")["value"] == 0.5
    assert row_of(rows, "gauc(nan_score=drop)")["value"] == 1.0


def test_what_is_refused():
    with pytest.raises(ParameterError, match=r"name the query column \(query=, --query\).*the metric is auc"):
        fr.evaluate(ROWS, "gauc", label="y", score="s")
    bad = ROWS.set_column(1, "y", pa.array([0, 1, 0, 2] + [0] * 10))
    told = r"column 'y' \(label\): row 3 holds 2; allowed: 0 or 1, or -1 and 1, or null"
    with pytest.raises(InvalidValueError, match=told):
        row_of(bad)
    assert row_of(bad, on_invalid="drop")["rows_dropped"] == 1
    with pytest.raises(ParameterError, match="group_weight='size'"):
        m.gauc(group_weight="size")
    with pytest.raises(MissingColumnError):
        row_of(ROWS, weight="none")
    with pytest.raises(FastrankError, match="per_query"):
        fr.evaluate(ROWS, ["gauc", "auc"], **ROLES, per_query=True)
