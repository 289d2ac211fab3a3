"""Writes the golden values of peers that are too large to be installed for tests.

    PYTHONPATH=tests python tests/peers/golden/record.py ranx

in an environment that has the peer and pyarrow.  The values are of the collections in tests/peer_rows.py.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable

from peer_rows import BINARY, GOLDEN, GRADED, RANX, UNTIED, Collection

Values = dict[str, dict[str, float]]


def record_ranx() -> tuple[str, Values]:
    from importlib.metadata import version

    from ranx import Qrels, Run, evaluate

    plain = ["precision", "recall", "f1", "hit_rate", "mrr", "map", "ndcg", "ndcg_burges", "dcg", "dcg_burges"]
    cut = [f"{name}@{k}" for name in plain for k in (5, 20)]
    names = [*plain, *cut, "r-precision", "bpref", "rbp.80", "rbp.95"]
    levels = [
        "map-l2",
        "ndcg-l2",
        "ndcg@5-l2",
        "precision@5-l2",
        "recall@5-l2",
        "mrr-l2",
        "rbp.80-l2",
        "r-precision-l2",
    ]
    values: Values = {}
    for label, collection in RANX.items():
        for name in names + levels if label == "graded" else [*plain, "bpref"]:
            given = collection.with_relevant() if name == "bpref" else collection
            qrels, run = Qrels(given.qrels), Run(given.run)
            evaluate(qrels, run, name, make_comparable=True)
            values[f"{label} {name}"] = {query: float(value) for query, value in run.scores[name].items()}
    return version("ranx"), values


def each_query(collection: Collection, metric: Callable[[list[float], list[int]], float]) -> dict[str, float]:
    return {
        query: metric(list(scores.values()), [collection.qrels[query][item] for item in scores])
        for query, scores in collection.run.items()
    }


def record_xgboost() -> tuple[str, Values]:
    import numpy as np
    import xgboost

    def answer(name: str, **options: object) -> Callable[[list[float], list[int]], float]:
        def metric(scores: list[float], labels: list[int]) -> float:
            data = xgboost.DMatrix(np.zeros((len(scores), 1)), label=labels, base_margin=scores)
            data.set_group([len(scores)])
            # Without a tree, predictions are the base margin.
            settings = {"objective": "rank:ndcg", "eval_metric": name, "verbosity": 0, **options}
            return float(xgboost.train(settings, data, num_boost_round=0).eval(data).rpartition(":")[2])

        return metric

    values: Values = {}
    for k in ("", "@1", "@3", "@5", "@20"):
        values[f"ndcg{k}"] = each_query(GRADED, answer(f"ndcg{k}"))
        values[f"linear ndcg{k}"] = each_query(GRADED, answer(f"ndcg{k}", ndcg_exp_gain=False))
        values[f"map{k}"] = each_query(BINARY, answer(f"map{k}"))
        values[f"pre{k}"] = each_query(BINARY, answer(f"pre{k}"))
    for name in ("ndcg@5-", "map@5-"):
        values[name] = each_query(BINARY, answer(name))
    return xgboost.__version__, values


def record_torchmetrics() -> tuple[str, Values]:
    import torch
    import torchmetrics
    from torchmetrics import retrieval

    def answer(kind: type, **options: object) -> Callable[[list[float], list[int]], float]:
        def metric(scores: list[float], labels: list[int]) -> float:
            indexes = torch.zeros(len(scores), dtype=torch.long)
            return float(kind(**options)(torch.tensor(scores), torch.tensor(labels), indexes=indexes))

        return metric

    cut = {
        "map": retrieval.RetrievalMAP,
        "mrr": retrieval.RetrievalMRR,
        "precision": retrieval.RetrievalPrecision,
        "recall": retrieval.RetrievalRecall,
        "hit_rate": retrieval.RetrievalHitRate,
        "fallout": retrieval.RetrievalFallOut,
    }
    values: Values = {}
    for k in (None, 1, 5, 20):
        at = "" if k is None else f"@{k}"
        values[f"ndcg{at}"] = each_query(GRADED, answer(retrieval.RetrievalNormalizedDCG, top_k=k))
        for name, kind in cut.items():
            values[name + at] = each_query(UNTIED, answer(kind, top_k=k))
        values[f"adaptive precision{at}"] = each_query(UNTIED, answer(cut["precision"], top_k=k, adaptive_k=True))
    values["r_precision"] = each_query(UNTIED, answer(retrieval.RetrievalRPrecision))
    return torchmetrics.__version__, values


if __name__ == "__main__":
    for peer in sys.argv[1:]:
        version, values = globals()[f"record_{peer}"]()
        lines = ",\n".join(f"  {json.dumps(name)}: {json.dumps(each)}" for name, each in values.items())
        text = f'{{\n "version": {json.dumps(version)},\n "values": {{\n{lines}\n }}\n}}\n'
        (GOLDEN / f"{peer}.json").write_text(text)
