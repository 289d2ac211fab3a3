"""preset="spark", against RankingMetrics of Spark's MLlib, told again here from its definitions.

It takes for each query the ranking, the ground truth in an order of its own, and its relevance where it is graded.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import pyarrow as pa
import pytest
from peer_rows import Collection, check, make_collection, per_query, spelled

import fastrank as fr

Truth = dict[str, int]


def precision_at(ranking: Sequence[str], truth: Truth, k: int) -> float:
    return sum(item in truth for item in ranking[:k]) / k


def recall_at(ranking: Sequence[str], truth: Truth, k: int) -> float:
    return sum(item in truth for item in ranking[:k]) / len(truth) if truth else 0.0


def average_precision_at(ranking: Sequence[str], truth: Truth, k: int) -> float:
    hits = [rank for rank, item in enumerate(ranking[:k], start=1) if item in truth]
    return sum(n / rank for n, rank in enumerate(hits, start=1)) / min(len(truth), k) if truth else 0.0


def average_precision(ranking: Sequence[str], truth: Truth) -> float:
    return average_precision_at(ranking, truth, max(len(ranking), len(truth)))


def ndcg_at(ranking: Sequence[str], truth: Truth, k: int) -> float:
    def dcg(items: Sequence[str]) -> float:
        return sum((2.0 ** truth.get(item, 0) - 1) / math.log(i + 2) for i, item in enumerate(items[:k]))

    # The ideal is the ground truth as it is given: not sorted.
    return dcg(ranking) / dcg(list(truth)) if truth else 0.0


MEASURES = {"precision": precision_at, "recall": recall_at, "map": average_precision_at, "ndcg": ndcg_at}


def answers(collection: Collection, measure, *k: int) -> dict[str, float]:
    result = {}
    for query, labels in collection.qrels.items():
        # In rows the retrieved items stand first, in the order of the run, then the others.
        scores = collection.run.get(query, {})
        truth = {item: labels[item] for item in {**scores, **labels} if labels.get(item, 0) > 0}
        result[query] = measure(sorted(scores, key=lambda item: -scores[item]), truth, *k)
    return result


@pytest.mark.parametrize("grades", [(0, 0, 1), (0, 0, 1, 2, 3)], ids=["binary", "graded"])
@pytest.mark.parametrize("k", [1, 3, 5, 20])
@pytest.mark.parametrize("name", MEASURES)
def test_measures(name, k, grades):
    collection = make_collection(51, grades=grades)
    found = per_query(collection.rows, spelled(f"{name}@{k}", "spark"))
    check(found, answers(collection, MEASURES[name], k))


def test_average_precision_of_the_whole_list():
    collection = make_collection(52)
    check(per_query(collection.rows, "map(preset=spark)"), answers(collection, average_precision))


def test_the_lists_of_its_own_tests():
    rankings = [[1, 6, 2, 7, 8, 3, 9, 10, 4, 5], [4, 1, 5, 6, 2, 7, 3, 8, 9, 10], [1, 2, 3, 4, 5]]
    truths = [[1, 2, 3, 4, 5], [1, 2, 3], []]
    collection = Collection(
        {str(q): {str(item): 1 for item in truth} or {"0": 0} for q, truth in enumerate(truths)},
        {str(q): {str(item): -float(rank) for rank, item in enumerate(items)} for q, items in enumerate(rankings)},
    )
    roles = {"label": "label", "score": "score", "query": "query", "item": "item"}
    expected = {
        "precision@1": 1 / 3, "precision@5": 4 / 15, "precision@15": 8 / 45, "map": 0.355026, "map@1": 1 / 3,
        "map@2": 0.25, "ndcg@3": 1 / 3, "ndcg@5": 0.328788, "ndcg@10": 0.487913, "ndcg@15": 0.487913,
        "recall@1": 1 / 15, "recall@5": 16 / 45, "recall@15": 2 / 3,
    }  # fmt: skip
    for metric, value in expected.items():
        (found,) = fr.evaluate(collection.rows, spelled(metric, "spark"), **roles).to_dict()["value"]
        assert found == pytest.approx(value, abs=5e-7), metric


def test_an_ideal_in_the_wrong_order_gives_more_than_1():
    collection = Collection({"1": {"a": 1, "b": 3}}, {"1": {"a": 1.0, "b": 2.0}})
    (found,) = per_query(collection.rows, "ndcg(preset=spark)@2").values()
    assert found == pytest.approx(ndcg_at(["b", "a"], {"a": 1, "b": 3}, 2))
    assert found > 1


def test_an_item_that_is_recommended_twice_counts_twice():
    run = pa.table({"query": ["1", "1", "1"], "item": ["a", "a", "b"], "score": [3.0, 2.0, 1.0]})
    qrels = pa.table({"query": ["1", "1"], "item": ["a", "b"], "label": [1, 1]})
    roles = {"label": "label", "score": "score", "query": "query", "item": "item"}
    for name, measure in MEASURES.items():
        (found,) = fr.evaluate(run, spelled(f"{name}@3", "spark"), qrels=qrels, **roles).to_dict()["value"]
        assert found == pytest.approx(measure(["a", "a", "b"], {"a": 1, "b": 1}, 3), rel=1e-12)
        assert found > 1 or name == "precision"
