"""preset="ranx", against what ranx answered (see `golden/record.py`).

No list has more than 15 rows: from there on the order that ranx gives to tied rows is open.
"""

from __future__ import annotations

import json

import pytest
from peer_rows import RANX, Collection, check, golden, per_query, spelled
from shared_data import shared

ANSWERS = golden("ranx")
NAMES = {
    "f1": "f_beta",
    "r-precision": "r_precision",
    "ndcg_burges": "ndcg(gain=exp2)",
    "dcg_burges": "dcg(gain=exp2)",
    "rbp.80": "rbp(p=0.8)",
    "rbp.95": "rbp(p=0.95)",
}


@pytest.mark.parametrize("name", ANSWERS)
def test_measures(name):
    label, _, measure = name.partition(" ")
    measure, two, _ = measure.partition("-l2")
    measure, at, k = measure.partition("@")
    metric = spelled(f"{NAMES.get(measure, measure)}{at}{k}", "ranx", 2 if two else 1)
    collection = RANX[label]
    if measure == "bpref":
        # A query without a relevant row divides by 0 there, and leaves 0 for all that its thread has yet to do.
        collection = collection.with_relevant()
    check(per_query(collection.rows, metric), ANSWERS[name])


def test_what_ranx_was_seen_to_answer():
    cases = {each["name"]: each for each in json.loads(shared("ranking", "edge_cases.json").read_text())}
    for name, metric, level, value in [
        ("tie_three_docs", "mrr", 1, 1.0),
        ("tie_three_docs", "ndcg", 1, 1.0),
        ("negative_relevance", "map", 1, 0.5),
        ("negative_relevance", "bpref", 1, 0.0),
        ("no_relevant", "bpref", 1, 0.0),
        ("bpref_without_judged_nonrelevant", "bpref", 1, float("nan")),
        ("relevance_level", "ndcg", 1, 0.8597),
        ("relevance_level", "ndcg", 2, 0.6309),
        ("relevance_level", "map", 2, 0.5),
        ("rbp_graded", "rbp(p=0.8)", 1, 0.56),
        ("query_missing_from_run", "map", 1, 0.5),
    ]:
        qrels, run = cases[name]["qrels"], cases[name]["run"]
        rows = Collection(qrels, {query: dict(scores) for query, scores in run.items()}).rows
        found = per_query(rows, spelled(metric, "ranx", level)).values()
        assert sum(found) / len(found) == pytest.approx(value, abs=5e-5, nan_ok=True), name
