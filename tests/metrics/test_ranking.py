"""Hand-worked cases of ranking metrics."""

from __future__ import annotations

import math
from itertools import permutations

import numpy as np
import pyarrow as pa
import pytest

import fastrank as fr
from fastrank import metrics as m
from fastrank.errors import ParameterError, StateMismatchError

# One query; by score: labels 0, 1, 2, 0, 1.
LABEL, SCORE, QUERY = [1, 0, 2, 1, 0], [0.8, 0.9, 0.7, 0.1, 0.2], [7] * 5


def value(metric: m.Metric, label: object = LABEL, score: object = SCORE, query: object = QUERY) -> float:
    return metric.compute(label, score, query=query)


def test_ndcg() -> None:
    log2 = math.log2
    dcg = 1 / log2(3) + 2 / log2(4) + 1 / log2(6)
    ideal = 2 / log2(2) + 1 / log2(3) + 1 / log2(4)
    assert value(m.ndcg()) == pytest.approx(dcg / ideal, rel=1e-15)
    assert value(m.ndcg(k=2)) == pytest.approx((1 / log2(3)) / (2 + 1 / log2(3)), rel=1e-15)
    exponential = (1 / log2(3) + 3 / log2(4) + 1 / log2(6)) / (3 + 1 / log2(3) + 1 / log2(4))
    assert value(m.ndcg(gain="exp2")) == pytest.approx(exponential, rel=1e-15)
    table = (10 / log2(4) + 1 / log2(3) + 1 / log2(6)) / (10 + 1 / log2(3) + 1 / log2(4))
    assert value(m.ndcg(gain={0: 0, 1: 1, 2: 10})) == pytest.approx(table, rel=1e-15)


def test_a_perfect_ranking_is_exactly_one() -> None:
    generator = np.random.default_rng(0)
    for labels in (generator.integers(0, 5, 300), generator.random(300) * 3, np.array([0.1, 0.2, 0.3] * 40)):
        for k in (None, 1, 3, 10, 500):
            score = np.argsort(np.argsort(labels)) + generator.random(len(labels)) * 0.1
            assert value(m.ndcg(k=k), labels, score, np.zeros(len(labels), int)) == 1.0
            # Rows of equal label may tie.
            assert value(m.ndcg(k=k), labels, labels, np.zeros(len(labels), int)) == 1.0


def test_ties_take_the_expected_value() -> None:
    # One relevant row among three that tie: ranks 1, 2, 3 are equally likely.
    label, score, query = [0, 1, 0], [5, 5, 5], [1, 1, 1]
    discounts = [1, 1 / math.log2(3), 0.5]
    assert value(m.ndcg(), label, score, query) == pytest.approx(sum(discounts) / 3, rel=1e-15)
    assert value(m.ndcg(k=1), label, score, query) == pytest.approx(1 / 3, rel=1e-15)
    assert value(m.mrr(), label, score, query) == pytest.approx((1 + 1 / 2 + 1 / 3) / 3, rel=1e-15)
    assert value(m.map(), label, score, query) == pytest.approx((1 + 1 / 2 + 1 / 3) / 3, rel=1e-15)
    assert value(m.precision(k=2), label, score, query) == pytest.approx(1 / 3, rel=1e-15)
    assert value(m.recall(k=2), label, score, query) == pytest.approx(2 / 3, rel=1e-15)
    assert value(m.hit_rate(k=2), label, score, query) == pytest.approx(2 / 3, rel=1e-15)


@pytest.mark.parametrize(
    ("ties", "rank"), [("input", 2), ("item_desc", 3), ("item_asc", 1), ("pessimistic", 3), ("optimistic", 1)]
)
def test_other_rules_of_ties(ties: str, rank: int) -> None:
    rows = {"y": [0, 1, 0], "s": [5, 5, 5], "q": [1, 1, 1], "d": ["c", "a", "b"]}
    result = fr.evaluate(rows, f"mrr(ties={ties})", label="y", score="s", query="q", item="d")
    assert result[f"mrr(ties={ties})"] == 1 / rank
    assert result.table["queries_tied"].to_pylist() == [1]


def test_item_rules_need_an_item_column() -> None:
    with pytest.raises(fr.FastrankError, match="needs the item column"):
        fr.evaluate({"y": [0, 1], "s": [5, 5], "q": [1, 1]}, "mrr(ties=item_desc)", label="y", score="s", query="q")


def test_cut_measures() -> None:
    # Ranks of relevant rows: 2, 3, 5; R = 3.
    assert value(m.mrr()) == 1 / 2
    assert value(m.mrr(k=1)) == 0.0
    assert value(m.mrr(relevance_level=2)) == pytest.approx(1 / 3)
    assert value(m.precision(k=2)) == 1 / 2
    assert value(m.precision(k=10)) == 3 / 10
    assert value(m.precision()) == 3 / 5
    assert value(m.recall(k=3)) == pytest.approx(2 / 3)
    assert value(m.hit_rate(k=1)) == 0.0
    assert value(m.hit_rate(k=2)) == 1.0
    assert value(m.map()) == pytest.approx((1 / 2 + 2 / 3 + 3 / 5) / 3, rel=1e-15)
    assert value(m.map(k=2)) == pytest.approx((1 / 2) / 3, rel=1e-15)
    assert value(m.map(k=2, ap_denominator="min_rel_k")) == pytest.approx((1 / 2) / 2, rel=1e-15)


def test_queries_are_averaged_by_query_weight() -> None:
    rows = {"y": [0, 1, 1, 0], "s": [2, 1, 2, 1], "q": ["a", "a", "b", "b"], "w": [1, 1, 3, 3]}
    assert fr.evaluate(rows, "mrr", label="y", score="s", query="q")["mrr"] == (0.5 + 1) / 2
    weighted = fr.evaluate(rows, "mrr", label="y", score="s", query="q", query_weight="w")
    assert weighted["mrr"] == (0.5 + 3) / 4
    assert m.mrr().compute(rows["y"], rows["s"], weight=rows["w"], query=rows["q"]) == (0.5 + 3) / 4


def test_queries_without_a_relevant_row() -> None:
    rows = {"y": [0, 0, 1, 0], "s": [2, 1, 2, 1], "q": [1, 1, 2, 2]}
    expected = {"zero": 0.5, "one": 1.0, "skip": 1.0}
    for rule, mean in expected.items():
        for name in ("ndcg", "mrr", "map", "recall", "hit_rate"):
            spelling = f"{name}(no_relevant={rule})@1"
            result = fr.evaluate(rows, spelling, label="y", score="s", query="q")
            assert result[spelling] == mean
            assert result.table["queries_without_relevant"].to_pylist() == [1]
            assert result.table["queries"].to_pylist() == [2]
    none = {"y": [0, 0], "s": [2, 1], "q": [1, 1]}
    assert math.isnan(
        fr.evaluate(none, "mrr(no_relevant=skip)", label="y", score="s", query="q")["mrr(no_relevant=skip)"]
    )


def test_negative_labels_are_not_relevant_and_gain_nothing() -> None:
    assert value(m.ndcg(), [-1, 2], [2, 1], [1, 1]) == pytest.approx(1 / math.log2(3), rel=1e-15)
    assert value(m.mrr(), [-1, 2], [2, 1], [1, 1]) == 0.5


def test_slices_rank_within_the_slice() -> None:
    rows = {"y": [0, 1, 1, 0], "s": [4, 3, 2, 1], "q": [1, 1, 1, 1], "c": ["a", "b", "a", "b"]}
    result = fr.evaluate(rows, "mrr", label="y", score="s", query="q", by="c")
    assert result["mrr"] == 0.5
    assert result["mrr", {"c": "a"}] == 0.5
    assert result["mrr", {"c": "b"}] == 1.0
    assert result.table["queries_split"].to_pylist() == [1, 1, 1]


@pytest.mark.parametrize("name", ["precision", "recall"])
def test_precision_without_a_query_names_the_metric_of_rows(name: str) -> None:
    with pytest.raises(ValueError, match=f"name the query column.*binary_{name}"):
        fr.evaluate({"y": [0, 1], "s": [1, 2]}, f"{name}@1", label="y", score="s")


# By rank: labels 0, 1, 2, 0, 1 (ranks 2, 3, 5 are relevant), and a row of label 2 and one of 0 that were not retrieved.
SEEN, RANKED = [*LABEL, 2, 0], [*SCORE, None, None]


def close(metric: str, expected: float, label: object = SEEN, score: object = RANKED) -> bool:
    rows = {"y": label, "s": score, "q": [7] * len(label)}
    (found,) = fr.evaluate(rows, metric, label="y", score="s", query="q").table["value"].to_pylist()
    return found == pytest.approx(expected, rel=1e-14)


def log2(*numbers: float) -> list[float]:
    return [math.log2(number) for number in numbers]


def test_dcg() -> None:
    log3, log6 = log2(3, 6)
    assert close("dcg", 1 / log3 + 2 / 2 + 1 / log6)
    assert close("dcg@2", 1 / log3)
    assert close("dcg(gain=exp2)@3", 1 / log3 + 3 / 2)
    assert close("dcg(gain={1: 0.5, 2: 0})", 0.5 / log3 + 0.5 / log6)
    assert close("dcg(relevance_level=2)", 1 / log3 + 2 / 2 + 1 / log6)
    assert close("dcg(relevance_level=2, level_gates_gain=true)", 2 / 2)
    assert close("dcg(no_relevant=one, gain={1: 0, 2: 0})", 1.0)


def test_ideals_of_ndcg() -> None:
    log3, log5, log6 = log2(3, 5, 6)
    dcg = 1 / log3 + 2 / 2 + 1 / log6
    # All judged rows: 2, 2, 1, 1; the retrieved ones: 2, 1, 1; k rows of gain 1; as they stand in the source.
    assert close("ndcg", dcg / (2 + 2 / log3 + 1 / 2 + 1 / log5))
    assert close("ndcg(idcg=listed)", dcg / (2 + 1 / log3 + 1 / 2))
    assert close("ndcg(idcg=full_k)@3", (1 / log3 + 2 / 2) / (1 + 1 / log3 + 1 / 2))
    # The source has 1, 0, 2, 1, 0 and then 2: rows without a gain take no rank.
    assert close("ndcg(idcg=label_order)", dcg / (1 + 2 / log3 + 1 / 2 + 2 / log5))
    assert close("ndcg(relevance_level=2, level_gates_gain=true)", (2 / 2) / (2 + 2 / log3))
    with pytest.raises(ValueError, match='idcg="full_k" is the DCG of k relevant rows: give k'):
        m.ndcg(idcg="full_k")
    with pytest.raises(ValueError, match="idcg='listed' is not allowed with it"):
        m.ndcg(idcg="listed", propensity="p")


def test_denominators() -> None:
    # 3 of 4 relevant rows on 5 ranks.
    assert close("precision@4", 2 / 4)
    assert close("precision@10", 3 / 10)
    assert close("precision(precision_denominator=min_k_len)@10", 3 / 5)
    assert close("precision(precision_denominator=min_k_rel)@10", 3 / 4)
    assert close("precision(precision_denominator=min_k_rel)@3", 2 / 3)
    assert close("recall@3", 2 / 4)
    assert close("recall(recall_denominator=min_rel_k)@3", 2 / 3)
    assert close("recall(recall_denominator=min_rel_k)", 3 / 4)
    hits = 1 / 2 + 2 / 3 + 3 / 5
    assert close("map", hits / 4)
    assert close("map(ap_denominator=hits)", hits / 3)
    assert close("map(ap_denominator=hits)@2", (1 / 2) / 1)
    assert close("map(ap_denominator=hits)@1", 0.0)
    assert close("map(ap_denominator=k)@10", hits / 10)
    assert close("map(ap_denominator=k)", hits / 5)
    assert close("map(ap_denominator=min_rel_k)@2", (1 / 2) / 2)
    assert close("map(ap_denominator=min_rel_k_len)@10", hits / 4)
    assert close("map(ap_denominator=min_rel_k_len)@10", (1 / 1) / 1, label=[1, 1, 1], score=[5, None, None])


def test_f_beta() -> None:
    # P = 2/4 and R = 2/4 at 4; at 3, P = 2/3 and R = 2/4.
    assert close("f_beta@4", 1 / 2)
    assert close("f_beta@3", 2 * (2 / 3) * (2 / 4) / (2 / 3 + 2 / 4))
    assert close("f_beta(beta=2)@3", 5 * (2 / 3) * (2 / 4) / (4 * 2 / 3 + 2 / 4))
    assert close("f_beta(beta=0.5)@3", 1.25 * (2 / 3) * (2 / 4) / (0.25 * 2 / 3 + 2 / 4))
    assert close("f_beta(precision_denominator=min_k_len)@10", 2 * (3 / 5) * (3 / 4) / (3 / 5 + 3 / 4))
    assert close("f_beta(relevance_level=2)@3", 2 * (1 / 3) * (1 / 2) / (1 / 3 + 1 / 2))
    assert close("f1@1", 0.0)


def test_r_precision_and_fallout() -> None:
    # R = 4: two of the first four.  From 2 on R = 2: none of the first two.
    assert close("r_precision", 2 / 4)
    assert close("r_precision(relevance_level=2)", 0.0)
    # Fewer rows than R were retrieved.
    assert close("r_precision", 1 / 3, label=[1, 1, 1], score=[5, None, None])
    # Two rows tie for the second of two ranks.
    assert close("r_precision", (1 + 1 / 2) / 2, label=[1, 1, 0], score=[5, 1, 1])
    # Not relevant: 3, of which ranks 1 and 4 were retrieved.
    assert close("fallout@1", 1 / 3)
    assert close("fallout@3", 1 / 3)
    assert close("fallout", 2 / 3)
    assert close("fallout(relevance_level=2)@3", 2 / 5)
    # A row that nobody judged is not relevant.
    assert close("fallout@1", 1 / 2, label=[None, 1, 0], score=[3, 2, 1])
    # no_relevant is about queries without a row that is not relevant.
    assert close("fallout(no_relevant=one)", 1.0, label=[1, 1], score=[2, 1])
    assert close("fallout", 0.0, label=[1, 1], score=[2, 1])


@pytest.mark.parametrize("name", ["dcg", "f_beta", "fallout", "r_precision", "rbp", "judged"])
def test_expected_values_of_more_metrics(name: str) -> None:
    # The mean over all orders of the three tied rows, which stand on ranks 2 to 4, where the cut is at 3.
    label = [0, 1, 0, 2, 1]
    cut = "" if name == "r_precision" else "@3"
    found = fr.evaluate({"y": label, "s": [9, 5, 5, 5, 1], "q": [7] * 5}, name + cut, label="y", score="s", query="q")
    orders = [value(m.parse(name + cut)[0], label, [9, *places, 0]) for places in permutations([1, 2, 3])]
    assert found.table["value"].to_pylist() == [pytest.approx(sum(orders) / 6, rel=1e-14)]


def test_metrics_that_read_nan_differently_do_not_share_a_state() -> None:
    rows = {"q": [1, 1, 1, 2, 2], "y": [0, 1, 2, 1, 0], "s": [math.nan, 0.8, 0.7, math.nan, 0.1]}
    last, drop = "mrr(nan_score=last)", "mrr(nan_score=drop)"
    roles = {"label": "y", "score": "s", "query": "q"}
    result = fr.evaluate(rows, [last, drop, "coverage(item=y, nan_score=drop)"], **roles)
    assert (result[last], result[drop]) == ((1 + 1 / 2) / 2, 1 / 2)
    with pytest.raises(StateMismatchError):
        fr.Evaluator(last, **roles).merge(fr.Evaluator(drop, **roles))


def test_rules_of_scores_are_not_for_ranks() -> None:
    # Neighbours that float32 does not tell apart.
    rows = {"q": [1, 1], "y": [0, 1], "r": [2**24, 2**24 + 1]}
    roles = {"label": "y", "rank": "r", "query": "q"}
    assert fr.evaluate(rows, m.mrr(score_dtype="float32"), **roles).table["value"].to_pylist() == [0.5]
    with pytest.raises(ParameterError, match="drop_nonpositive=True is about scores"):
        fr.evaluate(rows, m.mrr(preset="torchmetrics"), **roles)
    free = m.mrr(preset="torchmetrics", drop_nonpositive=False)
    assert fr.evaluate(rows, free, **roles).table["value"].to_pylist() == [0.5]


def test_a_repeated_item_whose_first_row_was_not_retrieved_is_missing() -> None:
    rows = pa.table({"q": [1, 1, 2], "i": [5, 5, 6], "y": [1, 1, 1], "s": [None, 0.5, 0.5]})
    metric = m.mrr(duplicates="first", missing_query="skip")
    table = fr.evaluate(rows, metric, label="y", score="s", query="q", item="i").table
    assert (table["value"].to_pylist(), table["queries_missing"].to_pylist()) == ([1.0], [1])


@pytest.mark.parametrize(
    ("metric", "in_order"),
    [
        (m.mrr(duplicates="max_score"), False),
        (m.mrr(duplicates="max_score", propensity="w"), True),
        (m.exposure(duplicates="max_score", group="g"), True),
        (m.coverage(duplicates="max_score"), False),
        (m.intra_list_diversity(duplicates="count", ties="item_desc", category="g"), True),
    ],
    ids=str,
)
def test_rows_that_no_rule_tells_apart_keep_the_order_of_the_source(metric: m.Metric, in_order: bool) -> None:
    roles = {"label": "y", "score": "s", "query": "q", "item": "i"}
    a, b = (fr.Evaluator(metric, **roles) for _ in "ab")
    for evaluator, w in ((a, [0.5, 0.5]), (b, [0.5, 0.25])):
        rows = {"q": [1, 1], "i": [5, 5], "y": [1, 1], "s": [0.5, 0.5], "w": w, "g": list(map(str, w))}
        evaluator.update(pa.record_batch(rows))
    assert a.plan.in_order == in_order
    a.merge(b)
    if in_order:
        with pytest.raises(StateMismatchError, match="keeps the order of the source"):
            a.result()
    else:
        assert a.result().table["value"].to_pylist() == [1.0]
