"""The rules by which the reference prepares lists and aggregates queries, by hand."""

from __future__ import annotations

import inspect
import math
import statistics
from typing import Any

import numpy as np
import pytest
from sklearn.metrics import dcg_score

from fastrank import reference
from fastrank.reference.lists import Rules
from fastrank.reference.queries import aggregate

NAN = math.nan


def one(name: str, labels: list[Any], scores: list[Any], **parameters: Any) -> float:
    """The value of one query."""
    query = [0] * len(labels)
    value: float = getattr(reference, name)(np.array(labels, object), np.array(scores, object), query, **parameters)
    return value


def test_rows_that_nobody_judged():
    labels, scores = [None, 1, NAN, 0], [4, 3, 2, 1]
    assert one("mrr", labels, scores) == 1 / 2
    assert one("mrr", labels, scores, unjudged="drop") == 1
    assert one("precision", labels, scores, unjudged="drop") == 1 / 2
    assert one("judged", labels, scores, k=3) == 1 / 3
    assert one("judged", labels, scores, k=9) == 2 / 4
    assert one("mrr", [-1, 1], [2, 1], unjudged="drop") == 1
    assert one("mrr", [-1, 1], [2, 1], unjudged="drop", negative_rel="nonrelevant") == 1 / 2
    with pytest.raises(ValueError, match="not judged"):
        one("mrr", labels, scores, unjudged="error")
    assert one("mrr", [-1, 1], [2, 1], unjudged="error") == 1 / 2


def test_negative_labels():
    assert one("judged", [-1, 1], [2, 1]) == 1 / 2
    assert one("judged", [-1, 1], [2, 1], negative_rel="nonrelevant") == 1
    with pytest.raises(ValueError, match="negative"):
        one("judged", [-1, 1], [2, 1], negative_rel="error")
    assert one("judged", [None, 1], [2, 1], negative_rel="error") == 1 / 2


def test_duplicates():
    labels, scores, items = [0, 1, 1, 0], [1, 3, 2, 2], ["a", "a", "b", "c"]
    with pytest.raises(ValueError, match="stands twice"):
        one("mrr", labels, scores, item=items)
    assert one("num_ret", labels, scores, item=items, duplicates="count") == 4
    assert one("num_ret", labels, scores, item=items, duplicates="first") == 3
    assert one("num_rel", labels, scores, item=items, duplicates="first") == 1
    assert one("num_rel", labels, scores, item=items, duplicates="max_score") == 2
    # of equal scores the highest label, and a row that was retrieved before one that was not
    assert one("num_rel", [0, 1], [2, 2], item=["a", "a"], duplicates="max_score") == 1
    assert one("num_rel", [1, 0], [None, -5], item=["a", "a"], duplicates="max_score") == 0
    assert one("mrr", labels, scores) == 1  # without items nothing repeats


def test_scores():
    near = [0.975230281, 0.975230282]
    assert one("mrr", [1, 0], near) == 1 / 2
    assert one("mrr", [1, 0], near, score_dtype="float32") == 3 / 4
    assert one("mrr", [1, 0], [1e300, 1e299], score_dtype="float32") == 3 / 4
    with pytest.raises(ValueError, match="NaN"):
        one("mrr", [1, 0], [NAN, 1])
    assert one("mrr", [1, 0, 0], [NAN, 1, -math.inf], nan_score="last") == (1 / 2 + 1 / 3) / 2
    assert one("mrr", [1, 0], [NAN, 1], nan_score="drop") == 0
    assert one("num_rel", [1, 0], [NAN, 1], nan_score="drop") == 1
    assert one("num_ret", [1, 0], [NAN, 1], nan_score="drop") == 1


def test_drop_nonpositive():
    labels, scores = [1, 1, 1], [2, 0, -1]
    assert one("precision", labels, scores, drop_nonpositive=True) == 1 / 3
    assert one("recall", labels, scores, drop_nonpositive=True) == 1 / 3
    assert one("num_rel", labels, scores, drop_nonpositive=True) == 3
    assert one("num_rel_ret", labels, scores, drop_nonpositive=True) == 1
    assert one("num_rel_ret", [1, 1], [0.5, None], drop_nonpositive=True) == 1
    # nobody judged the row, so that it makes no query of its own
    assert math.isnan(one("judged", [None], [0], drop_nonpositive=True))


def test_ties_can_be_refused():
    with pytest.raises(ValueError, match="rows tie from rank 2 on"):
        one("mrr", [0, 1, 1], [3, 2, 2], ties="error")
    assert one("mrr", [1, 0, 0], [3, 2, 2], ties="error", k=1) == 1
    with pytest.raises(ValueError, match="rows tie from rank 1 on"):
        one("map", [1, 0, 1], [3, 3, 2], ap_denominator="hits")
    with pytest.raises(ValueError, match="rows tie from rank 3 on"):
        one("map", [1, 1, 0, 1], [3, 3, 2, 2], ap_denominator="hits", k=3)
    assert one("map", [1, 1, 0, 1], [3, 3, 2, 2], ap_denominator="hits", k=2) == 1
    assert one("map", [1, 0, 1], [3, 2, 1], ap_denominator="hits", k=2) == 1


# Queries: "a" 1/2; "b" nothing relevant; "c" judged, not retrieved; "d" retrieved, not judged.
COLUMNS = {
    "label": np.array([1, 0, 0, 1, None], object),
    "score": np.array([1, 2, 1, None, 1], object),
    "query": ["a", "a", "b", "c", "d"],
}


@pytest.mark.parametrize(
    ("rules", "values"),
    [
        ({}, [1 / 2, 0, 0]),
        ({"no_relevant": "one"}, [1 / 2, 1, 0]),
        ({"no_relevant": "skip"}, [1 / 2, 0]),
        ({"no_relevant": "nan"}, [1 / 2, NAN, 0]),
        ({"missing_query": "skip"}, [1 / 2, 0]),
        ({"missing_query": "skip", "no_relevant": "skip"}, [1 / 2]),
    ],
)
def test_queries_that_count(rules, values):
    expected = sum(values) / len(values)
    assert reference.mrr(**COLUMNS, **rules) == pytest.approx(expected, rel=1e-15, nan_ok=True)
    assert reference.mrr(**COLUMNS, **rules, aggregation="sum") == pytest.approx(sum(values), rel=1e-15, nan_ok=True)


def test_queries_that_are_refused():
    for rule, name in [("no_relevant", "relevant"), ("missing_query", "retrieved"), ("extra_query", "judged")]:
        with pytest.raises(ValueError, match=f"no row of a query is {name}"):
            reference.mrr(**COLUMNS, **{rule: "error"})
    each = reference.mrr_per_query(**COLUMNS)
    assert list(each) == ["a", "b", "c", "d"]
    np.testing.assert_equal(list(each.values()), [1 / 2, 0, 0, NAN])
    # counts ask for nothing to be relevant, and are summed
    assert reference.num_rel(**COLUMNS) == 2
    assert reference.num_ret(**COLUMNS, no_relevant="error") == 3
    assert reference.num_rel_ret(**COLUMNS) == 1
    assert reference.num_ret(**COLUMNS, aggregation="max") == 2


def test_ideals():
    # by rank: labels 0 3 1; a row of label 2 that was not retrieved stands second in the source
    rows = ([1, 2, 0, 3], [1, None, 3, 2])
    log2 = math.log2
    dcg = 3 / log2(3) + 1 / 2
    assert one("dcg", *rows) == pytest.approx(dcg, rel=1e-14)
    assert one("ndcg", *rows) == pytest.approx(dcg / (3 + 2 / log2(3) + 1 / 2), rel=1e-14)
    assert one("ndcg", *rows, idcg="listed") == pytest.approx(dcg / (3 + 1 / log2(3)), rel=1e-14)
    assert one("ndcg", *rows, idcg="label_order") == pytest.approx(dcg / (1 + 2 / log2(3) + 3 / 2), rel=1e-14)
    assert one("ndcg", *rows, idcg="full_k", k=2) == pytest.approx(3 / log2(3) / (1 + 1 / log2(3)), rel=1e-14)
    assert one("ndcg", [1, 0], [2, 1], idcg="full_k", k=3) == pytest.approx(1 / (1 + 1 / log2(3) + 1 / 2), rel=1e-14)
    with pytest.raises(ValueError, match="give k"):
        one("ndcg", *rows, idcg="full_k")
    assert math.isnan(one("ndcg", [1, 0], [None, 1], idcg="listed", no_relevant="skip"))
    assert one("ndcg", [1, 0], [None, 1], no_relevant="skip") == 0
    gated = one("dcg", *rows, level_gates_gain=True, relevance_level=2)
    assert gated == pytest.approx(3 / log2(3), rel=1e-14)


def test_denominators():
    rows = ([1, 1, 0, 1], [4, 3, 2, None])  # three relevant, three retrieved
    assert one("precision", *rows, k=10) == 2 / 10
    assert one("precision", *rows, k=10, precision_denominator="min_k_len") == 2 / 3
    assert one("precision", [1, 0, 0], [3, 2, 1], k=2, precision_denominator="min_k_rel") == 1
    assert one("recall", *rows, k=1) == 1 / 3
    assert one("recall", *rows, k=1, recall_denominator="min_rel_k") == 1
    assert one("r_precision", *rows) == 2 / 3
    assert one("fallout", *rows, k=2) == 0
    assert one("fallout", *rows) == 1
    assert math.isnan(one("fallout", [1], [1], no_relevant="skip"))
    assert one("f_beta", *rows, k=2, beta=2) == pytest.approx(5 * 1 * (2 / 3) / (4 * 1 + 2 / 3), rel=1e-15)


def test_propensities():
    labels, scores, shown = [1, 0, 2, 1], [4, 3, 2, None], [0.5, 1.0, 0.1, 0.25]
    rows = (labels, scores)
    assert one("precision", *rows, k=3, propensity=shown) == pytest.approx((2 + 10) / 3, rel=1e-15)
    assert one("precision", *rows, k=3, propensity=shown, clip=0.2) == pytest.approx((2 + 5) / 3, rel=1e-15)
    assert one("recall", *rows, k=1, propensity=shown) == pytest.approx(2 / 16, rel=1e-15)
    assert one("mrr", *rows, propensity=shown) == 2
    assert one("dcg", *rows, propensity=shown) == pytest.approx(2 + 20 / 2, rel=1e-15)
    ideal = 20 + 4 / math.log2(3) + 2 / 2
    assert one("ndcg", *rows, propensity=shown) == pytest.approx((2 + 20 / 2) / ideal, rel=1e-15)
    mean = (2 + 1 + 10) / 3
    assert one("mrr", *rows, propensity=shown, self_normalized=True) == pytest.approx(2 / mean, rel=1e-15)
    assert one("mrr", *rows, k=1, propensity=shown, self_normalized=True) == 1


def test_aggregations():
    values, weights = [0.5, 0.25, 1.0, 0.0], [1.0, 3.0, 2.0, 0.0]
    whole = [0.5, 0.25, 0.25, 0.25, 1.0, 1.0]
    assert aggregate(values, weights, "mean") == pytest.approx(statistics.fmean(whole), rel=1e-15)
    assert aggregate(values, weights, "std") == pytest.approx(statistics.pstdev(whole), rel=1e-15)
    assert aggregate(values, weights, "sum") == 0.5 + 0.75 + 2
    assert (aggregate(values, weights, "min"), aggregate(values, weights, "max")) == (0.25, 1)
    assert aggregate(values, weights, "geometric") == pytest.approx(statistics.geometric_mean(whole), rel=1e-15)
    assert aggregate(values, weights, "median") == statistics.median(whole) == 0.375
    assert aggregate([1, 2, 3], [1, 1, 1], "median") == 2
    assert aggregate([3, 1, 2], [2.5, 1, 1], "median") == 3
    assert aggregate([0.0, 1.0], [1, 1], "geometric") == pytest.approx(math.sqrt(1e-5), rel=1e-15)
    for aggregation in ("mean", "std", "min", "max", "geometric", "median"):
        assert math.isnan(aggregate([], [], aggregation))
        assert math.isnan(aggregate([1, NAN], [1, 1], aggregation))
        assert not math.isnan(aggregate([1, NAN], [1, 0], aggregation))
    assert aggregate([], [], "sum") == 0
    assert math.isnan(aggregate([1, NAN], [1, 1], "sum"))
    with pytest.raises(ValueError, match="unknown aggregation"):
        aggregate([1], [1], "mode")


def test_weighted_queries():
    columns = {"label": [0, 1, 1, 0], "score": [2, 1, 2, 1], "query": [1, 1, 2, 2], "query_weight": [3, 3, 1, 1]}
    assert reference.mrr(**columns) == (3 / 2 + 1) / 4
    assert reference.mrr(**columns, aggregation="median") == 1 / 2
    assert reference.mrr(**columns, aggregation="sum") == 3 / 2 + 1


def test_dcg_equals_scikit_learn():
    rng = np.random.default_rng(3)
    label, score = rng.integers(0, 5, (20, 15)), rng.integers(0, 6, (20, 15))
    query = np.repeat(np.arange(20), 15)
    for k in (None, 1, 4, 20):
        value = reference.dcg(label.ravel(), score.ravel(), query, k=k)
        assert value == pytest.approx(dcg_score(label, score, k=k), rel=1e-12)


def test_signatures_tell_of_all_parameters():
    parameters = inspect.signature(reference.ndcg).parameters
    assert list(parameters)[:6] == ["label", "score", "query", "query_weight", "item", "aggregation"]
    assert set(Rules.__dataclass_fields__) < set(parameters)
    assert {"k", "gain", "idcg", "propensity", "clip", "level_gates_gain"} < set(parameters)
    assert (parameters["idcg"].default, parameters["ties"].default) == ("judged", "average")
    assert "query_weight" not in inspect.signature(reference.ndcg_per_query).parameters
    assert inspect.signature(reference.num_rel).parameters["aggregation"].default == "sum"
    assert (reference.ndcg.__name__, reference.ndcg_per_query.__name__) == ("ndcg", "ndcg_per_query")
    assert "DCG" in reference.ndcg.__doc__
    with pytest.raises(TypeError, match="gain"):
        reference.mrr([1], [1], [1], gain="exp2")
