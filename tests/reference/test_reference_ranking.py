"""The reference of ranking metrics, against arithmetic by hand, every order of tied rows, and peers."""

from __future__ import annotations

import csv
import json
import math
from collections.abc import Callable, Iterator
from fractions import Fraction
from itertools import permutations, product
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from shared_data import shared
from sklearn.metrics import ndcg_score

from fastrank import reference

METRICS = {name: getattr(reference, name) for name in ("precision", "recall", "hit_rate", "mrr", "map", "ndcg")}
PER_QUERY = {name: getattr(reference, f"{name}_per_query") for name in METRICS}
Measure = Callable[[list[float]], Fraction]


def log2(x: float) -> float:
    return math.log(x) / math.log(2)


# The expected value over orders, by going through all of them.


def orders(labels: list[float], scores: list[float]) -> Iterator[list[float]]:
    """The labels in every order in which no row stands above one of higher score."""
    levels = sorted(set(scores), reverse=True)
    groups = [[y for y, s in zip(labels, scores, strict=True) if s == level] for level in levels]
    for order in product(*(permutations(group) for group in groups)):
        yield [y for group in order for y in group]


def expected_over_orders(measure: Measure, labels: list[float], scores: list[float]) -> Fraction:
    values = [measure(order) for order in orders(labels, scores)]
    return sum(values, Fraction(0)) / len(values)


def plain_measure(name: str, k: int | None, level: float) -> Measure:
    """A measure of labels in the order of their ranks, where at least one is relevant and one above 0."""

    def hits(order: list[float]) -> list[int]:
        return [1 if y >= level else 0 for y in order]

    def dcg(order: list[float]) -> Fraction:
        return sum((Fraction(max(y, 0)) / Fraction(log2(r + 2)) for r, y in enumerate(order[:k])), Fraction(0))

    def average_precision(order: list[float]) -> Fraction:
        rel = hits(order)
        return sum((Fraction(sum(rel[: r + 1]), r + 1) for r in range(len(rel[:k])) if rel[r]), Fraction(0)) / sum(rel)

    measures: dict[str, Measure] = {
        "precision": lambda order: Fraction(sum(hits(order)[:k]), k or len(order)),
        "recall": lambda order: Fraction(sum(hits(order)[:k]), sum(hits(order))),
        "hit_rate": lambda order: Fraction(1 in hits(order)[:k]),
        "mrr": lambda order: Fraction(1, hits(order).index(1) + 1) if 1 in hits(order)[:k] else Fraction(0),
        "map": average_precision,
        "ndcg": lambda order: dcg(order) / dcg(sorted(order, reverse=True)),
    }
    return measures[name]


@pytest.mark.parametrize("name", METRICS)
@given(
    rows=st.lists(st.tuples(st.integers(-1, 3), st.integers(0, 2)), min_size=1, max_size=6),
    k=st.none() | st.integers(1, 8),
    level=st.integers(1, 2),
)
def test_average_is_the_mean_over_all_orders(name, rows, k, level):
    labels, scores = [y for y, _ in rows], [s for _, s in rows]
    value = METRICS[name](labels, scores, [7] * len(rows), k=k, relevance_level=level)
    if max(labels) < (1 if name == "ndcg" else level):
        assert value == 0
    else:
        expected = expected_over_orders(plain_measure(name, k, level), labels, scores)
        assert value == pytest.approx(float(expected), rel=1e-13, abs=1e-300)


@pytest.mark.parametrize("name", METRICS)
def test_average_where_seven_rows_tie(name):
    labels, scores = [0, 3, 1, 0, 2, 0, 1, 1, 0], [5, 5, 5, 5, 5, 5, 5, 9, 1]
    for k in (3, None):
        expected = expected_over_orders(plain_measure(name, k, 2), labels, scores)
        value = METRICS[name](labels, scores, ["a"] * 9, k=k, relevance_level=2)
        assert value == pytest.approx(float(expected), rel=1e-13, abs=0)


@pytest.mark.parametrize("name", METRICS)
@pytest.mark.parametrize("ties", ["input", "item_desc", "item_asc", "pessimistic", "optimistic"])
def test_rules_for_ties_are_one_of_the_orders(name, ties):
    labels, scores, items = [0, 1, 0, 2, 0], [3, 3, 3, 3, 1], [4, 1, 5, 2, 9]
    order = {
        "input": [0, 1, 0, 2, 0],
        "item_desc": [0, 0, 2, 1, 0],  # items 5, 4, 2, 1 and then 9, whose score is lower
        "item_asc": [1, 2, 0, 0, 0],
        "pessimistic": [0, 0, 1, 2, 0],
        "optimistic": [2, 1, 0, 0, 0],
    }[ties]
    value = METRICS[name](labels, scores, [1] * 5, item=items, k=3, ties=ties)
    assert value == pytest.approx(float(plain_measure(name, 3, 1)(order)), rel=1e-14, abs=0)


# By hand.  The list A: labels by rank 0 1 0 2 1; the list B: 1 0, then three tied rows 0 1 0.

A = ([2, 0, 1, 1, 0], [0.2, 0.3, 0.1, 0.4, 0.5])
B = ([0, 1, 0, 1, 0], [0.2, 0.9, 0.5, 0.2, 0.2])


def of(name: str, rows: tuple[list[float], list[float]], **parameters: Any) -> float:
    labels, scores = rows
    value: float = METRICS[name](labels, scores, [0] * len(labels), **parameters)
    return value


@pytest.mark.parametrize(
    ("name", "rows", "parameters", "expected"),
    [
        ("precision", A, {}, 3 / 5),
        ("precision", A, {"k": 2}, 1 / 2),
        ("precision", A, {"k": 10}, 3 / 10),  # divided by k, past the end of the list
        ("precision", A, {"k": 4, "relevance_level": 2}, 1 / 4),
        ("precision", B, {"k": 3}, (1 + 1 / 3) / 3),  # one of the tied rows is inside: relevant with 1/3
        ("recall", A, {}, 1),
        ("recall", A, {"k": 2}, 1 / 3),
        ("recall", A, {"k": 3, "relevance_level": 2}, 0),
        ("recall", B, {"k": 4}, (1 + 2 / 3) / 2),
        ("hit_rate", A, {"k": 1}, 0),
        ("hit_rate", A, {"k": 2}, 1),
        ("hit_rate", A, {"k": 3, "relevance_level": 2}, 0),
        ("hit_rate", ([1, 0, 1, 0, 0], [1] * 5), {"k": 2}, 1 - 3 / 10),  # C(3, 2) of C(5, 2) choices hold none
        ("mrr", A, {}, 1 / 2),
        ("mrr", A, {"k": 1}, 0),
        ("mrr", A, {"relevance_level": 2}, 1 / 4),
        ("mrr", ([1, 0, 0], [1] * 3), {}, (1 + 1 / 2 + 1 / 3) / 3),
        ("mrr", ([1, 0, 0], [1] * 3), {"k": 2}, (1 + 1 / 2) / 3),
        ("mrr", ([1, 1, 0], [1] * 3), {}, (1 + 1 + 1 / 2) / 3),  # orders 110, 101, 011
        ("map", A, {}, (1 / 2 + 2 / 4 + 3 / 5) / 3),
        ("map", A, {"k": 4}, (1 / 2 + 2 / 4) / 3),
        ("map", A, {"relevance_level": 2}, 1 / 4),
        ("map", B, {}, (1 + (2 / 3 + 2 / 4 + 2 / 5) / 3) / 2),
        ("map", ([1, 1, 0], [1] * 3), {}, ((1 + 1) / 2 + (1 + 2 / 3) / 2 + (1 / 2 + 2 / 3) / 2) / 3),
        ("map", A, {"k": 2, "ap_denominator": "rel"}, (1 / 2) / 3),
        ("map", A, {"k": 2, "ap_denominator": "min_rel_k"}, (1 / 2) / 2),
        ("map", A, {"ap_denominator": "min_rel_k"}, (1 / 2 + 2 / 4 + 3 / 5) / 3),
        ("map", A, {"k": 9, "ap_denominator": "min_rel_k_len"}, (1 / 2 + 2 / 4 + 3 / 5) / 3),
        ("map", A, {"k": 2, "ap_denominator": "min_rel_k_len"}, (1 / 2) / 2),
    ],
)
def test_by_hand(name, rows, parameters, expected):
    assert of(name, rows, **parameters) == pytest.approx(expected, rel=1e-15, abs=0)


@pytest.mark.parametrize(
    ("rows", "parameters", "dcg", "ideal"),
    [
        (A, {}, 1 / log2(3) + 2 / log2(5) + 1 / log2(6), 2 + 1 / log2(3) + 1 / log2(4)),
        (A, {"k": 2}, 1 / log2(3), 2 + 1 / log2(3)),
        (A, {"k": 2, "relevance_level": 2}, 1 / log2(3), 2 + 1 / log2(3)),  # the level does not change gains
        (A, {"gain": "exp2"}, 1 / log2(3) + 3 / log2(5) + 1 / log2(6), 3 + 1 / log2(3) + 1 / log2(4)),
        (A, {"gain": {1: 5, 2: 0.5}}, 5 / log2(3) + 0.5 / log2(5) + 5 / log2(6), 5 + 5 / log2(3) + 0.5 / log2(4)),
        (B, {}, 1 + (1 / log2(4) + 1 / log2(5) + 1 / log2(6)) / 3, 1 + 1 / log2(3)),
        (B, {"k": 4}, 1 + (1 / log2(4) + 1 / log2(5)) / 3, 1 + 1 / log2(3)),
        (([-2, 3], [2, 1]), {}, 3 / log2(3), 3),  # a negative label gains nothing
        (([-2, 3], [2, 1]), {"gain": "exp2"}, 7 / log2(3), 7),
        (([0.5, 1.5], [2, 1]), {}, 0.5 + 1.5 / log2(3), 1.5 + 0.5 / log2(3)),
    ],
)
def test_ndcg_by_hand(rows, parameters, dcg, ideal):
    assert of("ndcg", rows, **parameters) == pytest.approx(dcg / ideal, rel=1e-14, abs=0)


@pytest.mark.parametrize("ties", ["average", "input", "pessimistic", "optimistic"])
def test_ndcg_of_a_perfect_list_is_one(ties):
    assert of("ndcg", ([3, 2, 2, 2, 0, 0], [9, 5, 5, 5, 1, 1]), ties=ties) == 1
    assert of("ndcg", ([3, 2, 2, 2, 0, 0], [9, 5, 5, 5, 1, 1]), ties=ties, k=3, gain="exp2") == 1


def test_scores_compare_as_they_are():
    # equal as float32, not as float64; -0.0 and 0.0 are equal; infinities are the ends
    near = [0.975230281, 0.975230282]
    assert of("mrr", ([0, 1], near)) == 1
    assert reference.mrr([0, 1], np.array(near, np.float32), [0, 0]) == 0.75
    assert of("mrr", ([0, 1], [0.0, -0.0])) == 0.75
    assert of("mrr", ([0, 1, 0], [-math.inf, 5, math.inf])) == 0.5
    assert of("mrr", ([0, 1], [2**53, 2**53 + 1])) == 1


def test_items_order_by_bytes():
    # U+FF5E comes before U+1F600 by bytes (EF before F0), after it in UTF-16; numbers compare as numbers
    strings = np.array(["b", "\uff5e", "\U0001f600", "a"])
    for items in (strings, strings.astype(object), np.array([text.encode() for text in strings])):
        # descending: U+1F600, U+FF5E, b, a
        assert of("mrr", ([1, 0, 0, 0], [1] * 4), item=items, ties="item_desc") == 1 / 3
        assert of("mrr", ([0, 0, 1, 0], [1] * 4), item=items, ties="item_asc") == 1 / 4
    assert of("mrr", ([1, 0], [1, 1]), item=[9, 10], ties="item_desc") == 1 / 2
    assert of("mrr", ([1, 0], [1, 1]), item=["9", "10"], ties="item_desc") == 1


def test_item_rules_need_items_and_words_are_checked():
    with pytest.raises(ValueError, match="give item="):
        of("mrr", A, ties="item_desc")
    with pytest.raises(ValueError, match="unknown rule"):
        of("mrr", A, ties="random")
    with pytest.raises(ValueError, match="unknown gain"):
        of("ndcg", A, gain="square")


# Queries.  Reciprocal ranks: "x" 1/2, "y" 1, "z" nothing relevant; their rows are scattered.

LABEL = [0, 1, 0, 0, 1, 0]
SCORE = [4, 8, 1, 2, 3, 5]
QUERY = ["x", "y", "z", "y", "x", "z"]
WEIGHT = [3, 1, 4, 1, 3, 4]


def test_each_query_has_a_value():
    assert reference.mrr_per_query(LABEL, SCORE, QUERY) == {"x": 1 / 2, "y": 1, "z": 0}
    assert reference.mrr_per_query(LABEL, SCORE, QUERY, no_relevant="one") == {"x": 1 / 2, "y": 1, "z": 1}
    skipped = reference.mrr_per_query(LABEL, SCORE, QUERY, no_relevant="skip")
    np.testing.assert_equal(skipped, {"x": 1 / 2, "y": 1.0, "z": math.nan})


@pytest.mark.parametrize(
    ("no_relevant", "plain", "weighted"),
    [
        ("zero", (1 / 2 + 1 + 0) / 3, (3 / 2 + 1 + 0) / 8),
        ("one", (1 / 2 + 1 + 1) / 3, (3 / 2 + 1 + 4) / 8),
        ("skip", (1 / 2 + 1) / 2, (3 / 2 + 1) / 4),
    ],
)
def test_the_mean_over_queries(no_relevant, plain, weighted):
    assert reference.mrr(LABEL, SCORE, QUERY, no_relevant=no_relevant) == pytest.approx(plain, rel=1e-15, abs=0)
    value = reference.mrr(LABEL, SCORE, QUERY, query_weight=WEIGHT, no_relevant=no_relevant)
    assert value == pytest.approx(weighted, rel=1e-15, abs=0)


@pytest.mark.parametrize("name", METRICS)
def test_queries_without_a_relevant_row(name):
    # ndcg asks for a gain, the others for a label of at least the level
    labels = [0, -1] if name == "ndcg" else [1, 0]
    rows = (labels, [1, 2], [0, 0])
    assert METRICS[name](*rows, relevance_level=2) == 0
    assert METRICS[name](*rows, relevance_level=2, no_relevant="one") == 1
    assert math.isnan(METRICS[name](*rows, relevance_level=2, no_relevant="skip"))


@pytest.mark.parametrize("name", METRICS)
def test_no_rows_and_no_weight_are_undefined(name):
    assert math.isnan(METRICS[name]([], [], []))
    assert math.isnan(METRICS[name](LABEL, SCORE, QUERY, query_weight=[0] * 6))


@pytest.mark.parametrize("name", METRICS)
def test_a_metric_is_the_mean_of_its_twin(name):
    parameters = {"k": 1, "item": list("abcdef"), "ties": "item_asc", "no_relevant": "one", "relevance_level": 1}
    each = PER_QUERY[name](LABEL, SCORE, QUERY, **parameters)
    assert list(each) == ["x", "y", "z"]
    value = METRICS[name](LABEL, SCORE, QUERY, query_weight=WEIGHT, **parameters)
    assert value == pytest.approx((3 * each["x"] + 1 * each["y"] + 4 * each["z"]) / 8, rel=1e-15, abs=0)


@pytest.mark.parametrize(
    "query", [[7, 7, -9], np.array(["2026-01-01", "2026-01-01", "2026-01-02"], "M8[D]"), [b"", b"", b"a"]]
)
def test_queries_of_any_type(query):
    assert reference.mrr([0, 1, 1], [2, 1, 1], query) == (1 / 2 + 1) / 2
    assert reference.mrr(np.array([False, True, True]), np.array([2, 1, 1], np.float32), query) == (1 / 2 + 1) / 2


# Peers.


@pytest.mark.parametrize("k", [None, 1, 3, 10, 50])
@pytest.mark.parametrize("levels", [3, 1000])
def test_ndcg_equals_scikit_learn(k, levels):
    rng = np.random.default_rng(levels)
    label = rng.integers(0, 5, (40, 25)) * (rng.random((40, 25)) < 0.3)
    label[7] = 0
    score = rng.integers(0, levels, (40, 25)) / levels
    weight = rng.exponential(1, 40)
    query = np.repeat(np.arange(40), 25)
    value = reference.ndcg(label.ravel(), score.ravel(), query, query_weight=np.repeat(weight, 25), k=k)
    assert value == pytest.approx(ndcg_score(label, score, k=k, sample_weight=weight), rel=1e-12, abs=0)
    assert reference.ndcg(label.ravel(), score.ravel(), query, k=k) == pytest.approx(
        ndcg_score(label, score, k=k), rel=1e-12
    )


SCORES = ("score_f1", "score_f6", "score_f30")
CUTS = (1, 3, 5, 10, 100)


@pytest.fixture(scope="module")
def lambdarank() -> dict[str, Any]:
    """768 rows of 50 queries, labels 0 to 4, three columns of scores with many ties; and what peers said of them."""
    with shared("ranking", "lightgbm_lambdarank", "rank_test_scores.csv").open() as file:
        rows = list(csv.DictReader(file))
    golden = json.loads(shared("ranking", "lightgbm_lambdarank", "golden_peers.json").read_text())
    columns: dict[str, Any] = {name: np.array([float(row[name]) for row in rows]) for name in SCORES}
    return {
        "golden": golden,
        "label": np.array([int(row["label"]) for row in rows]),
        "query": np.array([int(row["query_id"]) for row in rows]),
        "item": np.array([row["doc_id"] for row in rows]),
        **columns,
    }


@pytest.mark.parametrize("k", CUTS)
@pytest.mark.parametrize("column", SCORES)
def test_ndcg_of_each_query_equals_scikit_learn_on_lambdarank(lambdarank, column, k):
    expected = lambdarank["golden"][column][f"sklearn_tie_averaged.ndcg@{k}"]
    values = reference.ndcg_per_query(lambdarank["label"], lambdarank[column], lambdarank["query"], k=k)
    assert list(values) == list(range(50))
    assert list(values.values()) == pytest.approx(expected, rel=1e-12, abs=0)


@pytest.mark.parametrize("column", SCORES)
def test_each_query_equals_pytrec_eval_on_lambdarank(lambdarank, column):
    # pytrec_eval keeps scores in float32 and breaks ties by document, descending
    golden = lambdarank["golden"][column]
    rows = (lambdarank["label"], lambdarank[column].astype(np.float32), lambdarank["query"])
    names = {"precision": "P", "recall": "recall", "hit_rate": "success", "map": "map_cut", "ndcg": "ndcg_cut"}
    cases = [(name, k, f"{trec}_{k}") for name, trec in names.items() for k in CUTS]
    for name, k, trec in [*cases, ("map", None, "map"), ("ndcg", None, "ndcg"), ("mrr", None, "recip_rank")]:
        expected = golden[f"pytrec_float32_docid_desc.{trec}"]
        values = PER_QUERY[name](*rows, item=lambdarank["item"], ties="item_desc", k=k)
        assert list(values.values()) == pytest.approx(expected, rel=1e-12, abs=0), trec


@pytest.mark.parametrize("k", CUTS)
@pytest.mark.parametrize("column", SCORES)
def test_means_equal_lightgbm_on_lambdarank(lambdarank, column, k):
    golden = lambdarank["golden"][column]["lightgbm_mean"]
    rows = (lambdarank["label"], lambdarank[column], lambdarank["query"])
    ndcg = reference.ndcg(*rows, k=k, ties="input", gain="exp2", no_relevant="one")
    assert ndcg == pytest.approx(golden[f"ndcg@{k}"], rel=1e-12, abs=0)
    ap = reference.map(*rows, k=k, ties="input", ap_denominator="min_rel_k_len", no_relevant="one")
    assert ap == pytest.approx(golden[f"map@{k}"], rel=1e-12, abs=0)


def trec_rows(qrels_name: str) -> dict[str, tuple[int, dict[str, Any]]]:
    """By topic: how many documents were retrieved, and the rows of run and judgments.

    An unjudged document has label 0; a judged one that was not retrieved scores -inf, so that it ranks below all.
    """
    topics: dict[str, tuple[dict[str, float], dict[str, int]]] = {}
    for line in shared("ranking", "trec_eval", "results.test").read_text().splitlines():
        topic, _, item, _, score, _ = line.split()
        topics.setdefault(topic, ({}, {}))[0][item] = float(score)
    for line in shared("ranking", "trec_eval", qrels_name).read_text().splitlines():
        topic, _, item, label = line.split()
        if topic in topics:
            topics[topic][1][item] = int(label)
    rows = {}
    for topic, (run, qrels) in topics.items():
        items = [*run, *(item for item in qrels if item not in run)]
        columns: dict[str, Any] = {
            "label": [qrels.get(item, 0) for item in items],
            "score": np.array([run.get(item, -math.inf) for item in items], np.float32),
            "query": [topic] * len(items),
            "item": items,
        }
        rows[topic] = (len(run), columns)
    return rows


@pytest.mark.parametrize(
    ("qrels", "golden", "level"),
    [("qrels.test", "golden_pytrec.qrels_test.json", 1)]
    + [("qrels.rel_level", "golden_pytrec.rel_level.json", level) for level in (1, 2, 3)],
)
def test_topics_equal_pytrec_eval_on_trec(qrels, golden, level):
    values = json.loads(shared("ranking", "trec_eval", golden).read_text())[f"relevance_level={level}"]
    checked = 0
    for topic, (retrieved, rows) in trec_rows(qrels).items():
        expected = values[topic]
        common = {**rows, "ties": "item_desc", "relevance_level": level}
        # Without a cut trec_eval looks at all retrieved documents: here those before the rows added at the end.
        cases = [("map", retrieved, "map"), ("mrr", retrieved, "recip_rank"), ("recall", retrieved, "set_recall")]
        names = {"precision": "P", "recall": "recall", "hit_rate": "success", "map": "map_cut", "ndcg": "ndcg_cut"}
        for name, trec in names.items():
            cuts = [int(key.rpartition("_")[2]) for key in expected if key.startswith(f"{trec}_")]
            cases += [(name, k, f"{trec}_{k}") for k in cuts if k <= retrieved]
        for name, k, key in cases:
            value = PER_QUERY[name](**common, k=k)[topic]
            assert value == pytest.approx(expected[key], rel=1e-12, abs=0), (topic, key)
            checked += 1
    assert checked > 60


def test_edge_cases_of_peers():
    cases = {case["name"]: case for case in json.loads(shared("ranking", "edge_cases.json").read_text())}

    def rows(name: str) -> dict[str, Any]:
        run, qrels = (cases[name][part] for part in ("run", "qrels"))
        (topic,) = run
        items = [item for item, _ in run[topic]]
        return {
            "label": [qrels[topic].get(item, 0) for item in items],
            "score": [score for _, score in run[topic]],
            "query": [topic] * len(items),
            "item": items,
        }

    tied, seen = rows("tie_three_docs"), cases["tie_three_docs"]["observed"]
    trec, sklearn = seen["pytrec-eval-terrier_0.5.11"], seen["scikit-learn_1.9.1"]
    assert reference.mrr(**tied, ties="item_desc") == trec["recip_rank"]
    assert reference.map(**tied, ties="item_desc") == trec["map"]
    assert reference.ndcg(**tied, ties="item_desc") == pytest.approx(trec["ndcg"], rel=1e-12, abs=0)
    assert reference.mrr(**tied, ties="input") == seen["ranx_0.3.21"]["mrr"]
    assert reference.ndcg(**tied) == pytest.approx(sklearn["ndcg"], rel=1e-12, abs=0)
    assert reference.ndcg(**tied, k=1) == pytest.approx(sklearn["ndcg@1"], rel=1e-12, abs=0)

    seen = cases["provider_tie_disagreement"]["observed"]["ir_measures_0.4.3"]
    tied = rows("provider_tie_disagreement")
    assert reference.mrr(**tied, ties="item_desc") == seen["RR"]
    assert reference.mrr(**tied, ties="item_asc", k=10) == pytest.approx(seen["RR@10"], rel=1e-12, abs=0)

    negative, seen = rows("negative_relevance"), cases["negative_relevance"]["observed"]["ranx_0.3.21"]
    assert reference.map(**negative) == seen["map"]
    assert reference.ndcg(**negative) == pytest.approx(seen["ndcg"], abs=5e-5)

    wide, seen = rows("float32_collapse"), cases["float32_collapse"]["observed"]
    assert reference.mrr(**wide, ties="item_desc") == seen["trec_eval_v10.0 (built here)"]["recip_rank"]
    narrow = {**wide, "score": np.array(wide["score"], np.float32)}
    assert reference.mrr(**narrow, ties="item_desc") == seen["trec_eval_v9.0.8 (built here)"]["recip_rank"]
