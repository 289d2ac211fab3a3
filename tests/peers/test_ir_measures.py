"""preset="ir_measures", against ir_measures."""

from __future__ import annotations

import ir_measures
import pytest
from ir_measures import AP, ERR, RR, Bpref, Judged, NumRel, NumRet, P, R, Rprec, SetF, SetP, SetR, Success, infAP, nDCG
from peer_rows import Collection, check, make_collection, per_query, read_trec, spelled
from shared_data import shared

MEASURES = {
    "map": AP,
    "map@5": AP @ 5,
    "precision@1": P @ 1,
    "precision@10": P @ 10,
    "recall@5": R @ 5,
    "mrr": RR,
    "mrr@3": RR @ 3,
    "mrr@10": RR @ 10,
    "ndcg": nDCG,
    "ndcg@5": nDCG @ 5,
    "r_precision": Rprec,
    "bpref": Bpref,
    "infap": infAP,
    "hit_rate@1": Success @ 1,
    "hit_rate@5": Success @ 5,
    "iprec(recall=0.1)": ir_measures.IPrec @ 0.1,
    "iprec(recall=0.6)": ir_measures.IPrec @ 0.6,
    "judged": Judged,
    "judged@3": Judged @ 3,
    "judged@10": Judged @ 10,
    "f_beta": SetF,
    "precision": SetP,
    "recall": SetR,
    "num_ret": NumRet,
    "num_rel_ret": NumRet(rel=1),
}
GRADED = {
    "map": AP(rel=2),
    "precision@5": P(rel=2) @ 5,
    "recall@5": R(rel=2) @ 5,
    "mrr": RR(rel=2),
    "mrr@3": RR(rel=2) @ 3,
    "hit_rate@5": Success(rel=2) @ 5,
    "r_precision": Rprec(rel=2),
}


def answers(measure: ir_measures.Measure, collection: Collection) -> dict[str, float]:
    qrels = {query: dict(labels) for query, labels in collection.qrels.items()}
    run = {query: dict(scores) for query, scores in collection.run.items()}
    values = {each.query_id: each.value for each in ir_measures.iter_calc([measure], qrels, run)}
    # A query that was not retrieved is 0 there in any measure, in the number of relevant rows too.
    return {query: values.get(query, 0.0) for query in qrels}


@pytest.mark.parametrize("ties", [True, False], ids=["ties", "no ties"])
@pytest.mark.parametrize("metric", MEASURES)
def test_measures(metric, ties):
    for grades in [(0, 0, 1), (0, 0, 1, 1, 2), (-1, 0, 0, 1, 2)]:
        collection = make_collection(11, grades=grades, ties=ties)
        # Where all labels of a query are negative trec_eval's bpref reads past the end of an array.
        collection = collection.only(q for q in collection.qrels if max(collection.qrels[q].values()) >= 0)
        check(per_query(collection.rows, spelled(metric, "ir_measures")), answers(MEASURES[metric], collection))


@pytest.mark.parametrize("metric", GRADED)
def test_relevance_levels(metric):
    collection = make_collection(12)
    check(per_query(collection.rows, spelled(metric, "ir_measures", 2)), answers(GRADED[metric], collection))


@pytest.mark.parametrize("k", [1, 5, 20])
def test_measures_of_gdeval(k):
    collection = make_collection(13)
    numeric = {query: labels for query, labels in collection.qrels.items() if query in collection.run}
    collection = collection.only(numeric)
    # gdeval.pl prints five digits.
    gain = "ndcg(gain=exp2)"
    for metric, measure in {f"err@{k}": ERR @ k, f"{gain}@{k}": nDCG(dcg="exp-log2") @ k}.items():
        check(
            per_query(collection.rows, spelled(metric, "ir_measures")), answers(measure, collection), tolerance=5.1e-6
        )


def test_scores_that_differ_in_float64_only():
    collection = Collection({"1": {"a": 1}}, {"1": {"a": 0.975230282, "b": 0.975230281}})
    for metric, measure in {"mrr": RR, "mrr@5": RR @ 5, "judged@1": Judged @ 1, "map": AP}.items():
        check(per_query(collection.rows, spelled(metric, "ir_measures")), answers(measure, collection))
    assert answers(RR, collection) != answers(RR @ 5, collection)
    check(per_query(collection.rows, spelled("err@5", "ir_measures")), answers(ERR @ 5, collection), tolerance=5.1e-6)
    # Where they tie as float32, ascending items put a first.
    collection = Collection({"1": {"b": 1}}, {"1": {"a": 0.975230281, "b": 0.975230282}})
    for metric, measure in {"mrr@5": RR @ 5, "judged@1": Judged @ 1}.items():
        check(per_query(collection.rows, spelled(metric, "ir_measures")), answers(measure, collection))


def test_rr_goes_to_two_providers_that_order_ties_differently():
    collection = Collection({"q1": {"c": 1, "b": 0}}, {"q1": {"b": 1.0, "c": 1.0, "a": 1.0}})
    for metric, value in {"mrr": 1.0, "mrr@10": 1 / 3, "ndcg@10": 1.0}.items():
        assert per_query(collection.rows, spelled(metric, "ir_measures")) == {"q1": value}


def test_number_of_relevant_rows_of_queries_that_were_retrieved():
    collection = make_collection(14)
    collection = collection.only(collection.run)
    check(per_query(collection.rows, "num_rel(preset=ir_measures)"), answers(NumRel, collection))


@pytest.mark.parametrize(
    ("metric", "values"),
    [
        ("map", [0.7087, 0.7438, 0.3068]),
        ("precision@5", [0.6, 0.6, 0.0]),
        ("rbp(p=0.9)", [0.3501, 0.3996, 0.1988]),
        ("mrr", [1.0, 1.0, 0.1667]),
    ],
)
def test_the_test_data_of_cwl_eval(metric, values):
    qrels = read_trec(shared("ranking", "ir_measures", "cwl.qrels"), 3, int)
    run = read_trec(shared("ranking", "ir_measures", "cwl.run"), 4, float)
    found = per_query(Collection(qrels, run).rows, spelled(metric, "ir_measures"))
    assert [found[query] for query in sorted(found)] == pytest.approx(values, abs=5e-5)
