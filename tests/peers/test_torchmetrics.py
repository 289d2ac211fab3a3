"""preset="torchmetrics", against what torchmetrics answered (see `golden/record.py`), which computes in float32."""

from __future__ import annotations

import math

import pyarrow as pa
import pytest
from peer_rows import GRADED, UNTIED, check, golden, make_collection, per_query, spelled

import fastrank as fr

ANSWERS = golden("torchmetrics")


@pytest.mark.parametrize("name", ANSWERS)
def test_measures(name):
    collection = GRADED if name.startswith("ndcg") else UNTIED
    adaptive = {"precision_denominator": "min_k_len"} if name.startswith("adaptive ") else {}
    metric = spelled(name.removeprefix("adaptive "), "torchmetrics", **adaptive)
    check(per_query(collection.rows, metric), ANSWERS[name], tolerance=1e-6)


def test_rows_of_a_score_of_0_or_less_are_not_found_by_four_measures():
    scores = {query: {item: score - 9 for item, score in scores.items()} for query, scores in UNTIED.run.items()}
    rows = type(UNTIED)(UNTIED.qrels, scores).rows
    for metric in ("map", "mrr", "precision", "recall"):
        assert set(per_query(rows, spelled(metric, "torchmetrics")).values()) == {0.0}
    for metric in ("hit_rate@5", "r_precision", "fallout@5", "ndcg"):
        found = per_query(UNTIED.rows, spelled(metric, "torchmetrics"))
        assert per_query(rows, spelled(metric, "torchmetrics")) == pytest.approx(found)


def test_negative_labels_are_refused_as_by_its_binary_measures():
    rows = make_collection(26, grades=(-1, 0, 1), complete=True).rows
    with pytest.raises(fr.FastrankError, match="not negative"):
        per_query(rows, "map(preset=torchmetrics)")


def pair(labels: list[int], scores: list[float]) -> pa.Table:
    return pa.table({"query": [1, 1], "item": [1, 2], "label": labels, "score": scores})


def test_scores_are_float32():
    found = per_query(pair([1, 0], [0.975230281, 0.975230282]), "ndcg(preset=torchmetrics)")
    assert found[1] == pytest.approx((1 + 1 / math.log2(3)) / 2)


def test_tied_rows_stay_in_the_order_of_the_source():
    assert per_query(pair([1, 0], [0.5, 0.5]), "map(preset=torchmetrics)") == {1: 1.0}
    assert per_query(pair([0, 1], [0.5, 0.5]), "map(preset=torchmetrics)") == {1: 0.5}
