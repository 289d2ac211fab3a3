"""preset="trec_eval", against pytrec_eval, which is version 9 of trec_eval as a library."""

from __future__ import annotations

import json
import math

import pyarrow as pa
import pytest
import pytrec_eval
from peer_rows import Collection, check, make_collection, per_query, read_trec, spelled
from shared_data import shared

import fastrank as fr

# trec_eval's name -> the metric.
MEASURES = {
    "map": "map",
    "map_cut_5": "map@5",
    "map_cut_100": "map@100",
    "P_1": "precision@1",
    "P_5": "precision@5",
    "P_100": "precision@100",
    "recall_5": "recall@5",
    "recall_100": "recall@100",
    "recip_rank": "mrr",
    "ndcg": "ndcg",
    "ndcg_cut_5": "ndcg@5",
    "ndcg_cut_100": "ndcg@100",
    "Rprec": "r_precision",
    "bpref": "bpref",
    "infAP": "infap",
    "success_1": "hit_rate@1",
    "success_5": "hit_rate@5",
    "11pt_avg": "11pt_avg",
    "set_P": "precision",
    "set_recall": "recall",
    "set_F": "f_beta",
    "num_ret": "num_ret",
    "num_rel": "num_rel",
    "num_rel_ret": "num_rel_ret",
    **{f"iprec_at_recall_{tenth / 10:.2f}": f"iprec(recall={tenth / 10})" for tenth in range(11)},
}
COLLECTIONS = {
    "binary": make_collection(1, grades=(0, 0, 1)),
    "graded": make_collection(2),
    "without ties": make_collection(3, ties=False),
    "negative": make_collection(4, grades=(-2, -1, 0, 0, 1, 2)),
    "long": make_collection(5, queries=12, longest=200),
}


def pytrec(collection: Collection, level: int) -> dict[str, dict[str, float]]:
    names = {name.rpartition("_")[0] if name[-1].isdigit() else name for name in MEASURES}
    cuts = {f"{name}.1,5,100" for name in names & {"map_cut", "P", "recall", "ndcg_cut", "success"}}
    points = {"iprec_at_recall." + ",".join(f"{tenth / 10:.2f}" for tenth in range(11))}
    plain = names - {"map_cut", "P", "recall", "ndcg_cut", "success", "iprec_at_recall"}
    return pytrec_eval.RelevanceEvaluator(collection.qrels, plain | cuts | points, relevance_level=level).evaluate(
        collection.run
    )


@pytest.mark.parametrize("level", [1, 2])
@pytest.mark.parametrize("name", COLLECTIONS)
def test_every_measure_is_that_of_trec_eval(name, level):
    collection = COLLECTIONS[name]
    # Where no label of a query reaches level - 1, trec_eval's bpref reads past the end of an array.
    collection = collection.only(
        query
        for query in {**collection.run, **collection.qrels}
        if max(collection.qrels.get(query, {"": level}).values()) >= level - 1
    )
    expected = pytrec(collection, level)
    assert len(expected) >= 6
    for measure, metric in MEASURES.items():
        # pytrec_eval counts those from 1 on at any level.
        if (measure, level) != ("num_rel", 2):
            found = per_query(collection.rows, spelled(metric, "trec_eval", level))
            check(found, {query: values[measure] for query, values in expected.items()})


def test_only_judged_rows():
    collection = make_collection(6, grades=(-1, 0, 1, 2))
    judged = {query for query, labels in collection.qrels.items() if max(labels.values()) >= 0}
    collection = collection.only(judged)
    evaluator = pytrec_eval.RelevanceEvaluator(collection.qrels, {"map", "ndcg", "P.5"}, judged_docs_only_flag=True)
    expected = evaluator.evaluate(collection.run)
    for measure, metric in {"map": "map", "ndcg": "ndcg", "P_5": "precision@5"}.items():
        found = per_query(collection.rows, spelled(metric, "trec_eval", unjudged="drop"))
        check(found, {query: values[measure] for query, values in expected.items()})


def test_aggregates_are_those_of_trec_eval():
    collection = COLLECTIONS["binary"]
    values = pytrec(collection, 1).values()
    roles = {"label": "label", "score": "score", "query": "query", "item": "item"}
    for measure, metric in {"map": "map", "num_ret": "num_ret", "num_rel_ret": "num_rel_ret"}.items():
        found = fr.evaluate(collection.rows, f"{metric}(preset=trec_eval)", **roles).to_dict()["value"]
        assert found == pytest.approx(
            [pytrec_eval.compute_aggregated_measure(measure, [each[measure] for each in values])], rel=1e-12
        )
    found = fr.evaluate(collection.rows, "gm_map(preset=trec_eval)", **roles).to_dict()["value"]
    geometric = pytrec_eval.compute_aggregated_measure("gm_map", [math.log(max(each["map"], 1e-5)) for each in values])
    assert found == pytest.approx([geometric], rel=1e-12)


@pytest.mark.parametrize(
    ("golden", "qrels"), [("qrels_test", "qrels.test"), ("rel_level", "qrels.rel_level")], ids=["binary", "graded"]
)
def test_the_test_data_of_trec_eval(golden, qrels):
    judgments = read_trec(shared("ranking", "trec_eval", qrels), 3, int)
    run = read_trec(shared("ranking", "trec_eval", "results.test"), 4, float)
    answers = json.loads(shared("ranking", "trec_eval", f"golden_pytrec.{golden}.json").read_text())
    rows = Collection(judgments, run).rows
    checked = 0
    for key, expected in answers.items():
        level = int(key.partition("=")[2])
        for measure in next(iter(expected.values())):
            if (measure in ("gm_map", "num_rel") and level > 1) or measure == "gm_map":
                continue
            name, _, k = measure.rpartition("_")
            cut = {"P": "precision", "success": "hit_rate", "map_cut": "map", "ndcg_cut": "ndcg", "recall": "recall"}
            metric = f"{cut[name]}@{k}" if name in cut else MEASURES[measure]
            found = per_query(rows, spelled(metric, "trec_eval", level))
            check(found, {query: values[measure] for query, values in expected.items()})
            checked += 1
    assert checked >= 60


def case(name: str) -> Collection:
    cases = {each["name"]: each for each in json.loads(shared("ranking", "edge_cases.json").read_text())}
    return Collection(cases[name]["qrels"], {q: dict(run) for q, run in cases[name]["run"].items()})


@pytest.mark.parametrize(
    ("name", "values"),
    [
        ("tie_three_docs", {"map": 0.5, "mrr": 0.5, "precision@1": 0, "ndcg": 0.6309297535714575}),
        ("float32_collapse", {"map": 0.5, "mrr": 0.5, "ndcg": 0.6309297535714575}),
        ("negative_relevance", {"map": 0.5, "bpref": 1.0, "infap": 0.75, "ndcg": 0.6309, "precision@5": 0.2}),
        ("no_relevant", dict.fromkeys(["map", "r_precision", "bpref", "mrr", "precision@5", "infap", "ndcg@5"], 0.0)),
        (
            "bpref_without_judged_nonrelevant",
            {"bpref": 0.6667, "ndcg@2": 0.3869, "map@2": 0.1667, "recall@2": 0.3333, "precision@10": 0.2},
        ),
        ("relevance_level", {"map": 1.0, "bpref": 1.0, "ndcg": 0.8597}),
    ],
)
def test_what_trec_eval_was_seen_to_answer(name, values):
    rows = case(name).rows
    for metric, value in values.items():
        (found,) = per_query(rows, spelled(metric, "trec_eval")).values()
        assert found == pytest.approx(value, abs=5e-5)


def test_rank_biased_precision_is_that_of_version_10():
    expected = {}
    for line in shared("ranking", "trec_eval", "out.test.aq").read_text().splitlines():
        measure, query, value = line.split()
        if measure == "rbp" and query != "all":
            expected[query] = float(value)
    judgments = read_trec(shared("ranking", "trec_eval", "qrels.test"), 3, int)
    run = read_trec(shared("ranking", "trec_eval", "results.test"), 4, float)
    found = per_query(Collection(judgments, run).rows, "rbp(preset=trec_eval)")
    assert found == pytest.approx(expected, abs=5e-5)


def test_float64_as_version_10_keeps_the_scores_apart():
    (found,) = per_query(case("float32_collapse").rows, "mrr(preset=trec_eval, score_dtype=float64)").values()
    assert found == 1.0


def test_queries_missing_from_the_run():
    rows = case("query_missing_from_run").rows
    assert per_query(rows, "map(preset=trec_eval)") == {"q1": 1.0}
    assert per_query(rows, "map(preset=trec_eval, missing_query=zero)") == {"q1": 1.0, "q2": 0.0}


def test_a_duplicate_is_an_error():
    rows = pa.table({"query": ["1", "1"], "item": ["c", "c"], "label": [1, 1], "score": [3.0, 2.0]})
    with pytest.raises(fr.FastrankError, match="an item stands twice in a query"):
        per_query(rows, "map(preset=trec_eval)")


def test_nan_is_an_error_not_the_undefined_order_that_a_sort_of_nan_gives():
    rows = pa.table({"query": ["1", "1"], "item": ["c", "d"], "label": [1, 0], "score": [3.0, float("nan")]})
    with pytest.raises(fr.FastrankError, match="row 1 holds nan"):
        per_query(rows, "map(preset=trec_eval)")
