"""preset="sklearn", against scikit-learn."""

from __future__ import annotations

import pyarrow.compute as pc
import pytest
from peer_rows import GRADED, check, make_collection, per_query, spelled
from sklearn.metrics import dcg_score, ndcg_score

import fastrank as fr

PEERS = {"ndcg": ndcg_score, "dcg": dcg_score}


@pytest.mark.parametrize("k", [None, 1, 3, 5, 20])
@pytest.mark.parametrize("name", PEERS)
def test_measures(name, k):
    for collection in (GRADED, make_collection(31, complete=True, longest=60)):
        # ndcg_score refuses lists of one row.
        collection = collection.only(query for query, scores in collection.run.items() if len(scores) > 1)
        expected = {
            query: PEERS[name]([[collection.qrels[query][item] for item in scores]], [list(scores.values())], k=k)
            for query, scores in collection.run.items()
        }
        found = per_query(collection.rows, spelled(name if k is None else f"{name}@{k}", "sklearn"))
        check(found, expected)


def test_negative_labels_are_refused_as_by_ndcg_score():
    with pytest.raises(ValueError, match="negative"):
        ndcg_score([[-1, 1]], [[1, 2]])
    with pytest.raises(fr.FastrankError, match="not negative"):
        per_query(make_collection(26, grades=(-1, 0, 1), complete=True).rows, "ndcg(preset=sklearn)")


@pytest.mark.parametrize("peer", ["sklearn", "torchmetrics", "lightgbm", "xgboost"])
def test_peers_that_know_only_the_rows_they_are_given(peer):
    rows = make_collection(32).only(GRADED.run).rows
    retrieved = rows.filter(pc.is_valid(rows["score"]))
    given = retrieved.set_column(2, "label", pc.fill_null(retrieved["label"], 0.0))
    for metric in ("ndcg", "ndcg@5"):
        check(per_query(rows, spelled(metric, peer)), per_query(given, spelled(metric, peer)))
        assert per_query(rows, metric) != per_query(given, metric)
