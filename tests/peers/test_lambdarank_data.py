"""LightGBM's LambdaRank example with coarse scores: what scikit-learn, pytrec_eval and LightGBM answered."""

from __future__ import annotations

import csv
import json

import pyarrow as pa
import pytest
from peer_rows import per_query, spelled
from shared_data import shared

import fastrank as fr

NAMES = {
    "P": "precision",
    "Rprec": "r_precision",
    "recip_rank": "mrr",
    "success": "hit_rate",
    "map_cut": "map",
    "ndcg_cut": "ndcg",
}


def load(score: str) -> pa.Table:
    with shared("ranking", "lightgbm_lambdarank", "rank_test_scores.csv").open(newline="") as file:
        lines = list(csv.DictReader(file))
    columns = {"query": ("query_id", int), "item": ("doc_id", str), "label": ("label", int), "score": (score, float)}
    return pa.table({name: [kind(line[column]) for line in lines] for name, (column, kind) in columns.items()})


@pytest.mark.parametrize("score", ["score_f1", "score_f6", "score_f30"])
def test_peers_agree(score):
    rows = load(score)
    answers = json.loads(shared("ranking", "lightgbm_lambdarank", "golden_peers.json").read_text())[score]
    means = answers.pop("lightgbm_mean")
    for metric, mean in means.items():
        roles = {"label": "label", "score": "score", "query": "query"}
        (found,) = fr.evaluate(rows, spelled(metric, "lightgbm"), **roles).to_dict()["value"]
        assert found == pytest.approx(mean, rel=1e-12)
    for key, values in answers.items():
        source, _, measure = key.partition(".")
        name, _, k = measure.partition("@")
        if source.startswith("pytrec") and name.rpartition("_")[2].isdigit():
            name, _, k = name.rpartition("_")
        peer = {"pytrec_float32_docid_desc": "trec_eval", "sklearn_tie_averaged": "sklearn"}[source]
        found = per_query(rows, spelled(NAMES.get(name, name) + (f"@{k}" if k else ""), peer))
        assert [found[query] for query in sorted(found)] == pytest.approx(values, rel=1e-12, abs=1e-12), key
    assert len(answers) == 40
