"""preset="rectools", against the metrics of RecTools, told again here from their definitions.

It takes recommendations with ranks, and interactions: labels are 1, and users are those with an interaction.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import pyarrow as pa
import pytest
from peer_rows import Collection, check, make_collection, per_query, spelled

import fastrank as fr

Liked = set[str]


def hits(items: Sequence[str], liked: Liked, k: int) -> int:
    return len(liked.intersection(items[:k]))


def precision(items: Sequence[str], liked: Liked, k: int) -> float:
    return hits(items, liked, k) / k


def r_precision(items: Sequence[str], liked: Liked, k: int) -> float:
    return hits(items, liked, k) / min(k, len(liked))


def recall(items: Sequence[str], liked: Liked, k: int) -> float:
    return hits(items, liked, k) / len(liked)


def f1(items: Sequence[str], liked: Liked, k: int, square: float = 1.0) -> float:
    p, r = precision(items, liked, k), recall(items, liked, k)
    return (1 + square) * p * r / (square * p + r) if p or r else 0.0


def f2(items: Sequence[str], liked: Liked, k: int) -> float:
    return f1(items, liked, k, 4.0)


def hit_rate(items: Sequence[str], liked: Liked, k: int) -> float:
    return float(hits(items, liked, k) > 0)


def mrr(items: Sequence[str], liked: Liked, k: int) -> float:
    return max((1 / rank for rank, item in enumerate(items[:k], start=1) if item in liked), default=0.0)


def average_precision(items: Sequence[str], liked: Liked, k: int) -> float:
    return sum(precision(items, liked, n) for n in range(1, k + 1) if items[n - 1 : n] and items[n - 1] in liked) / len(
        liked
    )


def average_precision_by_k(items: Sequence[str], liked: Liked, k: int) -> float:
    return average_precision(items, liked, k) * len(liked) / k


def dcg(flags: Sequence[bool]) -> float:
    return sum(flag / math.log2(rank + 2) for rank, flag in enumerate(flags))


def ndcg(items: Sequence[str], liked: Liked, k: int) -> float:
    return dcg([item in liked for item in items[:k]]) / dcg([True] * k)


def achievable_ndcg(items: Sequence[str], liked: Liked, k: int) -> float:
    return dcg([item in liked for item in items[:k]]) / dcg([True] * min(k, len(liked)))


MEASURES = {
    "precision": precision,
    "precision(precision_denominator=min_k_rel)": r_precision,
    "recall": recall,
    "f_beta": f1,
    "f_beta(beta=2)": f2,
    "hit_rate": hit_rate,
    "mrr": mrr,
    "map": average_precision,
    "map(ap_denominator=k)": average_precision_by_k,
    "ndcg": ndcg,
    "ndcg(idcg=judged)": achievable_ndcg,
}


@pytest.mark.parametrize("k", [1, 3, 5, 20])
@pytest.mark.parametrize("name", MEASURES)
def test_measures(name, k):
    collection = make_collection(61, grades=(0, 0, 1), ties=False)
    expected = {}
    for query, labels in collection.qrels.items():
        scores = collection.run.get(query, {})
        liked = {item for item, label in labels.items() if label}
        if liked:
            expected[query] = MEASURES[name](sorted(scores, key=lambda item: -scores[item]), liked, k)
    check(per_query(collection.rows, spelled(f"{name}@{k}", "rectools")), expected)


def test_the_example_of_its_documentation_with_ranks():
    recommended = {"1": "78", "2": "12", "3": "1234", "4": "123"}
    liked = {"1": "12", "2": "1", "3": "134", "4": "123"}
    rows = Collection(
        {user: dict.fromkeys(items, 1) for user, items in liked.items()},
        {user: {item: rank for rank, item in enumerate(items, start=1)} for user, items in recommended.items()},
    ).rows
    rows = rows.set_column(3, "rank", rows["score"].cast(pa.int64()))
    expected = {
        "map@1": [0, 1, 0.33333333, 0.33333333],
        "map@3": [0, 1, 0.55555556, 1],
        "map(ap_denominator=k)@1": [0, 1, 1, 1],
        "map(ap_denominator=k)@3": [0, 0.33333333, 0.55555556, 1],
        "ndcg@1": [0, 1, 1, 1],
        "ndcg@3": [0, 0.46927873, 0.70391809, 1],
    }
    for metric, values in expected.items():
        found = per_query(rows, spelled(metric, "rectools"), score=None, rank="rank")
        assert [found[user] for user in sorted(found)] == pytest.approx(values, abs=5e-9), metric


def test_ndcg_needs_a_cutoff():
    with pytest.raises(fr.FastrankError, match="give k"):
        per_query(make_collection(62).rows, "ndcg(preset=rectools)")
