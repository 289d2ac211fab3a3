"""The reference of measures without an expected value over ties, against arithmetic by hand and peers."""

from __future__ import annotations

import json
import math
import shutil
from typing import Any

import numpy as np
import pytest
from shared_data import shared

from fastrank import reference

METRICS = {name: getattr(reference, name) for name in ("bpref", "infap", "err", "iprec", "avg_11pt")}
UNJUDGED = None


def of(name: str, labels: list[Any], **parameters: Any) -> float:
    """The value of a list of labels in the order of their ranks."""
    value: float = METRICS[name](labels, -np.arange(len(labels)), [0] * len(labels), **parameters)
    return value


@pytest.mark.parametrize(
    ("name", "labels", "parameters", "expected"),
    [
        # three of N = 4 rows judged not relevant stand above the second relevant row: min(3, 2) / min(4, 2)
        ("bpref", [0, 1, -1, UNJUDGED, 0, 0, 1, 0], {}, (1 - 1 / 2) / 2),
        ("bpref", [0, 2, 1, 0, 2], {"relevance_level": 2}, ((1 - 1 / 2) + (1 - 2 / 2)) / 2),
        ("bpref", [UNJUDGED, 1, 1], {}, 1),
        ("bpref", [UNJUDGED, 1, 1], {"guard": False}, math.nan),
        ("bpref", [1, 0, 1], {"guard": False}, (1 + 0) / 2),
        ("bpref", [-1, 1, 0], {"negative_rel": "nonrelevant"}, 0),
        ("infap", [-1, 1, 0], {}, 3 / 4),  # 1/2 + 1/2 * 1/1 * 1/2
        ("infap", [UNJUDGED, 1], {}, 1 / 2),
        ("infap", [1, 0, 1], {}, (1 + 1 / 3 + 2 / 3 * 1.00001 / 2.00002) / 2),
        ("err", [3, 2], {}, 7 / 16 + 9 / 16 * 3 / 16 / 2),
        ("err", [3, 2], {"k": 1}, 7 / 16),
        ("err", [0, -1, UNJUDGED, 1], {"max_grade": 1}, 1 / 2 / 4),
        ("iprec", [0, 1, 1, 0, 1], {"recall": 0.0}, 2 / 3),
        ("iprec", [0, 1, 1, 0, 1], {"recall": 1.0}, 3 / 5),
        ("iprec", [1, 0, 0, 1], {"recall": 0.3}, 1),  # int(0.6 + 0.9) = 1 of the two
        ("iprec", [1, 0, 0, 1], {"recall": 0.6}, 1 / 2),  # int(1.2 + 0.9) = 2
        ("iprec", [1, 0, 0, 1], {"recall": 0.6, "recall_point": "round"}, 1),
        ("iprec", [1, 0, 0, 1], {"recall": 0.75, "recall_point": "round"}, 1 / 2),  # halves go up
        ("avg_11pt", [1, 0, 0, 1], {}, (6 * 1 + 5 / 2) / 11),
        ("avg_11pt", [1, 0, 0, 1], {"recall_point": "round"}, (8 * 1 + 3 / 2) / 11),
    ],
)
def test_by_hand(name, labels, parameters, expected):
    assert of(name, labels, **parameters) == pytest.approx(expected, rel=1e-14, nan_ok=True)


@pytest.mark.parametrize("name", METRICS)
def test_judged_rows_that_were_not_retrieved_count(name):
    labels, scores = [1, 0, 1, 0], np.array([2.0, 1.0, None, None], object)
    more = METRICS[name](labels, scores, [0] * 4)
    alone = METRICS[name](labels[:2], scores[:2].astype(float), [0] * 2)
    halved = {"bpref": alone / 2, "infap": alone / 2, "err": alone, "iprec": alone, "avg_11pt": 6 / 11}
    assert more == pytest.approx(halved[name], rel=1e-14)


@pytest.mark.parametrize("name", METRICS)
def test_ties_are_refused_where_labels_differ(name):
    with pytest.raises(ValueError, match="rows tie from rank 2 on"):
        METRICS[name]([1, 1, 0], [3, 2, 2], [0] * 3)
    with pytest.raises(ValueError, match="rows tie from rank 1 on"):
        METRICS[name]([0, -1], [3, 3], [0] * 2)
    joined = METRICS[name]([1, 1, 1, 0], [3, 2, 2, 1], [0] * 4)
    assert joined == METRICS[name]([1, 1, 1, 0], [3, 2, 2, 1], [0] * 4, ties="input")
    assert METRICS[name]([1, 1, 0], [3, 2, 2], [0] * 3, ties="pessimistic") == of(name, [1, 0, 1])


@pytest.mark.parametrize("name", METRICS)
def test_lists_without_a_relevant_row(name):
    assert of(name, [0, -1, 0]) == 0
    assert of(name, [0, -1, 0], no_relevant="one") == 1
    assert math.isnan(of(name, [0, -1, 0], no_relevant="skip"))


def trec_columns(qrels_name: str) -> dict[str, Any]:
    """Retrieved and judged documents of the topics of the run."""
    run: dict[tuple[str, str], float] = {}
    judged: dict[tuple[str, str], int] = {}
    for line in shared("ranking", "trec_eval", "results.test").read_text().splitlines():
        topic, _, item, _, score, _ = line.split()
        run[topic, item] = float(score)
    topics = {topic for topic, _ in run}
    for line in shared("ranking", "trec_eval", qrels_name).read_text().splitlines():
        topic, _, item, label = line.split()
        if topic in topics:
            judged[topic, item] = int(label)
    keys = [*run, *(key for key in judged if key not in run)]
    return {
        "label": np.array([judged.get(key) for key in keys], object),
        "score": np.array([run.get(key) for key in keys], object),
        "query": [topic for topic, _ in keys],
        "item": [item for _, item in keys],
    }


POINTS = {f"iprec_at_recall_{r / 10:.2f}": ("iprec", {"recall": r / 10}) for r in range(11)}
ALL_OF_TREC: dict[str, tuple[str, dict[str, Any]]] = {
    **POINTS,
    **{f"P_{k}": ("precision", {"k": k}) for k in (5, 10, 100, 1000)},
    **{f"recall_{k}": ("recall", {"k": k}) for k in (5, 10, 100, 1000)},
    **{f"map_cut_{k}": ("map", {"k": k}) for k in (5, 10, 100, 1000)},
    **{f"ndcg_cut_{k}": ("ndcg", {"k": k}) for k in (5, 10, 100, 1000)},
    **{f"success_{k}": ("hit_rate", {"k": k}) for k in (1, 5, 10)},
    "11pt_avg": ("avg_11pt", {}),
    "bpref": ("bpref", {}),
    "infAP": ("infap", {}),
    "Rprec": ("r_precision", {}),
    "map": ("map", {}),
    "ndcg": ("ndcg", {}),
    "recip_rank": ("mrr", {}),
    "num_ret": ("num_ret", {}),
    "num_rel": ("num_rel", {}),
    "num_rel_ret": ("num_rel_ret", {}),
    "set_P": ("precision", {}),
    "set_recall": ("recall", {}),
    "set_F": ("f_beta", {}),
}
WITHOUT_LEVEL = {"num_ret", "err"}


@pytest.mark.parametrize(
    ("qrels", "golden", "level"),
    [("qrels.test", "golden_pytrec.qrels_test.json", 1)]
    + [("qrels.rel_level", "golden_pytrec.rel_level.json", level) for level in (1, 2, 3)],
)
def test_topics_equal_pytrec_eval(qrels, golden, level):
    """As trec_eval 9: scores in float32, ties by document."""
    expected = json.loads(shared("ranking", "trec_eval", golden).read_text())[f"relevance_level={level}"]
    columns = trec_columns(qrels)
    for key, (name, options) in ALL_OF_TREC.items():
        at = {} if name in WITHOUT_LEVEL else {"relevance_level": level}
        per_query = getattr(reference, f"{name}_per_query")
        values = per_query(**columns, **options, **at, ties="item_desc", score_dtype="float32")
        assert values == pytest.approx({topic: expected[topic][key] for topic in values}, rel=1e-12, abs=0), key


def test_topics_equal_trec_eval_10():
    """Recall points are rounded; rank-biased precision has p = 0.9; the geometric mean is of all topics."""
    columns = trec_columns("qrels.test")
    options = {"rbp": {"p": 0.9}, "iprec": {"recall": 0.6, "recall_point": "round"}}
    options["avg_11pt"] = {"recall_point": "round"}
    keys = {"rbp": "rbp", "iprec": "iprec_at_recall_0.60", "avg_11pt": "11pt_avg"}
    printed = {}
    for line in shared("ranking", "trec_eval", "out.test.aq").read_text().splitlines():
        key, topic, value = line.split()
        printed[key, topic] = value
    for name, key in keys.items():
        values = getattr(reference, f"{name}_per_query")(**columns, **options[name], ties="item_desc")
        assert {topic: f"{value:.4f}" for topic, value in values.items()} == {
            topic: printed[key, topic] for topic in values
        }
    gm_map = reference.map(**columns, ties="item_desc", aggregation="geometric")
    assert f"{gm_map:.4f}" == printed["gm_map", "all"]


@pytest.mark.filterwarnings("ignore")
@pytest.mark.skipif(shutil.which("perl") is None, reason="gdeval.pl wants perl")
@pytest.mark.parametrize("k", [3, 20])
def test_err_equals_gdeval(k):
    ir_measures = pytest.importorskip("ir_measures")
    rng = np.random.default_rng(8)
    grades, scores = rng.integers(0, 5, (6, 30)), rng.permuted(np.tile(np.arange(30.0), (6, 1)), axis=1)
    qrels = [ir_measures.Qrel(str(q), f"d{i}", int(grades[q, i])) for q in range(6) for i in range(30)]
    run = [ir_measures.ScoredDoc(str(q), f"d{i}", scores[q, i]) for q in range(6) for i in range(30)]
    peer = {m.query_id: m.value for m in ir_measures.iter_calc([ir_measures.ERR @ k], qrels, run)}
    query = np.repeat(np.arange(6), 30).astype(str)
    values = reference.err_per_query(grades.ravel(), scores.ravel(), query, k=k)
    assert values == pytest.approx(peer, abs=6e-6)  # five digits are printed


def test_cwl_rank_biased_precision():
    """The values that ir_measures expects of the CWL toolkit, to four places."""
    run = [line.split() for line in shared("ranking", "ir_measures", "cwl.run").read_text().splitlines()]
    lines = [line.split() for line in shared("ranking", "ir_measures", "cwl.qrels").read_text().splitlines()]
    qrels = {(topic, item): int(label) for topic, _, item, label in lines}
    columns = {
        "label": np.array([qrels.get((row[0], row[2])) for row in run], object),
        "score": [float(row[4]) for row in run],
        "query": [row[0] for row in run],
    }
    values = reference.rbp_per_query(**columns, p=0.9, item=[row[2] for row in run], ties="item_desc")
    assert [round(value, 4) for value in values.values()] == [0.3501, 0.3996, 0.1988]


def test_edge_cases_of_peers():
    cases = {case["name"]: case for case in json.loads(shared("ranking", "edge_cases.json").read_text())}

    def rows(name: str) -> dict[str, Any]:
        run, qrels = (cases[name][part] for part in ("run", "qrels"))
        (topic,) = run
        retrieved = dict(run[topic])
        items = [*retrieved, *(item for item in qrels[topic] if item not in retrieved)]
        return {
            "label": np.array([qrels[topic].get(item) for item in items], object),
            "score": np.array([retrieved.get(item) for item in items], object),
            "query": [topic] * len(items),
            "item": items,
        }

    def seen(name: str, peer: str) -> Any:
        return next(value for key, value in cases[name]["observed"].items() if key.startswith(peer))

    trec, ranx = "trec_eval_v10.0", "ranx"
    negative = rows("negative_relevance")
    assert reference.bpref(**negative) == seen("negative_relevance", trec)["bpref"]
    assert reference.infap(**negative) == seen("negative_relevance", trec)["infAP"]
    assert reference.precision(**negative, k=5) == seen("negative_relevance", trec)["P_5"]
    assert reference.bpref(**negative, negative_rel="nonrelevant") == seen("negative_relevance", ranx)["bpref"]

    guarded, expected = rows("bpref_without_judged_nonrelevant"), seen("bpref_without_judged_nonrelevant", trec)
    peer = "bpref_without_judged_nonrelevant"
    assert reference.bpref(**guarded) == pytest.approx(expected["bpref"], abs=5e-5)
    assert math.isnan(reference.bpref(**guarded, guard=False))
    assert seen(peer, ranx)["bpref"] == "nan"
    for name, key in [("ndcg", "ndcg_cut_2"), ("map", "map_cut_2"), ("recall", "recall_2")]:
        assert getattr(reference, name)(**guarded, k=2) == pytest.approx(expected[key], abs=5e-5)
    assert reference.precision(**guarded, k=10) == expected["P_10"]

    level, expected = rows("relevance_level"), seen("relevance_level", trec)
    for at in (1, 2, 3):
        assert reference.map(**level, relevance_level=at) == expected[f"l={at}"]["map"]
        assert reference.ndcg(**level, relevance_level=at) == pytest.approx(expected[f"l={at}"]["ndcg"], abs=5e-5)
    for at in (1, 2):
        assert reference.bpref(**level, relevance_level=at) == expected[f"l={at}"]["bpref"]
    gated = reference.ndcg(**level, relevance_level=2, level_gates_gain=True)
    assert gated == pytest.approx(seen("relevance_level", ranx)["ndcg-l2"], abs=5e-5)

    graded = rows("rbp_graded")
    assert reference.rbp(**graded, rbp_gain="raw") == pytest.approx(seen("rbp_graded", ranx)["rbp.80"], rel=1e-12)
    assert reference.rbp(**graded) == pytest.approx(0.36, rel=1e-12)

    cut = rows("ap_cut_denominators")
    values = {"rel": 0.2, "min_rel_k": 1 / 3, "min_rel_k_len": 1 / 3, "k": 1 / 3, "hits": 1.0}
    for denominator, value in values.items():
        assert reference.map(**cut, k=3, ap_denominator=denominator) == pytest.approx(value, rel=1e-15)

    with pytest.raises(ValueError, match="stands twice"):
        reference.map([1, 1], [3, 2], ["q1", "q1"], item=["c", "c"])
