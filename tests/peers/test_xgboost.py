"""preset="xgboost", against what XGBoost answered (see `golden/record.py`)."""

from __future__ import annotations

import pyarrow as pa
import pytest
from peer_rows import BINARY, GRADED, check, golden, make_collection, per_query, spelled

import fastrank as fr

ANSWERS = golden("xgboost")


@pytest.mark.parametrize("name", ANSWERS)
def test_measures(name):
    rules = {"gain": "linear"} if name.startswith("linear ") else {}
    # A minus at the end of its names makes lists without a relevant row count 0.
    rules |= {"no_relevant": "zero"} if name.endswith("-") else {}
    metric = name.removeprefix("linear ").removesuffix("-").replace("pre", "precision")
    collection = GRADED if "ndcg" in name and not name.endswith("-") else BINARY
    check(per_query(collection.rows, spelled(metric, "xgboost", **rules)), ANSWERS[name])


def test_negative_labels_are_refused():
    with pytest.raises(fr.FastrankError, match="not negative"):
        per_query(make_collection(26, grades=(-1, 0, 1), complete=True).rows, "ndcg(preset=xgboost)")


def test_scores_are_float32():
    rows = pa.table({"query": [1, 1], "item": [1, 2], "label": [1, 0], "score": [0.975230281, 0.975230282]})
    assert per_query(rows, "ndcg(preset=xgboost)") == {1: 1.0}
