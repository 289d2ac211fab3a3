"""preset="replay", against the metrics of RePlay, told again here from their definitions, and its own examples.

It takes recommendations with scores, and ground truth: labels are 1.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import pyarrow as pa
import pytest
from peer_rows import Collection, check, make_collection, per_query, spelled

Truth = set[str]


def precision(items: Sequence[str], truth: Truth, k: int) -> float:
    return len(truth.intersection(items[:k])) / k


def recall(items: Sequence[str], truth: Truth, k: int) -> float:
    return len(truth.intersection(items[:k])) / len(truth)


def hit_rate(items: Sequence[str], truth: Truth, k: int) -> float:
    return float(not truth.isdisjoint(items[:k]))


def mrr(items: Sequence[str], truth: Truth, k: int) -> float:
    return max((1 / rank for rank, item in enumerate(items[:k], start=1) if item in truth), default=0.0)


def average_precision(items: Sequence[str], truth: Truth, k: int) -> float:
    ranks = [rank for rank, item in enumerate(items[:k], start=1) if item in truth]
    return sum(n / rank for n, rank in enumerate(ranks, start=1)) / min(k, len(truth))


def ndcg(items: Sequence[str], truth: Truth, k: int) -> float:
    discounts = [1 / math.log2(i + 2) for i in range(k)]
    found = sum(discount for item, discount in zip(items, discounts, strict=False) if item in truth)
    return found / sum(discounts[: len(truth)])


MEASURES = {
    "precision": precision,
    "recall": recall,
    "hit_rate": hit_rate,
    "mrr": mrr,
    "map": average_precision,
    "ndcg": ndcg,
}


@pytest.mark.parametrize("ties", [True, False], ids=["ties", "no ties"])
@pytest.mark.parametrize("k", [1, 3, 5, 20])
@pytest.mark.parametrize("name", MEASURES)
def test_measures(name, k, ties):
    collection = make_collection(71, grades=(0, 0, 1), ties=ties)
    expected = {}
    for query, labels in collection.qrels.items():
        scores = collection.run.get(query, {})
        truth = {item for item, label in labels.items() if label}
        # By score, then by item, both from the highest down.
        items = sorted(scores, key=lambda item: (scores[item], item), reverse=True)
        expected[query] = MEASURES[name](items, truth, k) if truth and items else 0.0
    check(per_query(collection.rows, spelled(f"{name}@{k}", "replay")), expected)


# Query -> items with ratings, and the ground truth, of the examples of its documentation.
RECOMMENDED = {
    "1": {3: 0.6, 7: 0.5, 10: 0.4, 11: 0.3, 2: 0.2},
    "2": {5: 0.6, 8: 0.5, 11: 0.4, 1: 0.3, 3: 0.2},
    "3": {4: 1.0, 9: 0.5, 2: 0.1},
}
TRUTH = {"1": [5, 6, 7, 8, 9, 10], "2": [6, 7, 4, 10, 11], "3": [1, 2, 3, 4, 5]}


def test_the_examples_of_its_documentation():
    rows = Collection(
        {query: {str(item): 1 for item in items} for query, items in TRUTH.items()},
        {query: {str(item): rating for item, rating in items.items()} for query, items in RECOMMENDED.items()},
    ).rows
    expected = {
        "map@2": [0.25, 0.0, 0.5],
        "ndcg@2": [0.38685280723454163, 0.0, 0.6131471927654584],
    }
    for metric, values in expected.items():
        found = per_query(rows, spelled(metric, "replay"))
        assert [found[query] for query in sorted(found)] == pytest.approx(values, rel=1e-12), metric


def test_items_that_are_numbers_are_compared_as_numbers():
    rows = pa.table({"query": [1, 1], "item": [9, 10], "label": [0, 1], "score": [0.5, 0.5]})
    assert per_query(rows, "mrr(preset=replay)@2") == {1: 1.0}
    assert per_query(rows.set_column(1, "item", rows["item"].cast(pa.string())), "mrr(preset=replay)@2") == {1: 0.5}
