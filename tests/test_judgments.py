"""A run and judgments, joined on query and item: as long rows that were joined before, and as peers answer."""

from __future__ import annotations

import json
import pickle
import warnings
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet
import pytest
import pytrec_eval
from click.testing import CliRunner
from peer_rows import Collection, check, make_collection, read_trec, spelled
from shared_data import shared

import fastrank as fr
from fastrank import Evaluator
from fastrank.cli import main
from fastrank.errors import (
    ColumnTypeError,
    EmptyInputError,
    FastrankError,
    InvalidValueError,
    MissingColumnError,
    ParameterError,
    StateMismatchError,
    TiesError,
    TiesWarning,
)
from fastrank.qrels import read_judgments

CLOSED = [
    "map", "map@3", "mrr@2", "ndcg", "ndcg@4", "ndcg(gain=exp2)@5", "dcg@3", "precision@4", "recall@3", "f_beta@5",
    "hit_rate@1", "r_precision", "fallout@5", "judged@3", "num_ret", "num_rel", "num_rel_ret", "rbp", "gm_map",
]  # fmt: skip
UNTIED = [*CLOSED, "bpref", "infap", "err@5", "11pt_avg", "iprec(recall=0.3)"]
COLLECTIONS = {
    "ties": make_collection(11),
    "negative": make_collection(12, grades=(-2, -1, 0, 0, 1, 2)),
    "long": make_collection(13, queries=8, longest=300),
}
ROLES = {"query": "query", "item": "item", "score": "score"}


def ruled(metric: str, **rules: str) -> str:
    name, at, k = metric.partition("@")
    given = ", ".join(f"{rule}={value}" for rule, value in rules.items())
    return f"{name[:-1]}, {given}){at}{k}" if name.endswith(")") else f"{name}({given}){at}{k}"


def table_of(pairs: dict[str, dict[str, Any]], value: str) -> pa.Table:
    rows = [(query, item, number) for query, entry in pairs.items() for item, number in entry.items()]
    columns = zip(*rows, strict=True)
    return pa.table(dict(zip(("query", "item", value), map(list, columns), strict=True)))


def evaluate(run: Any, qrels: Any, metrics: Any, **options: Any) -> fr.Result:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", TiesWarning)
        return fr.evaluate(run, metrics, qrels=qrels, **options)


def facts(result: fr.Result) -> list[dict[str, Any]]:
    """All that does not tell how many rows there were."""
    return [
        {name: value for name, value in row.items() if name != "rows"}
        for row in json.loads(json.dumps(result.table.to_pylist()))
    ]


@pytest.mark.parametrize("name", COLLECTIONS)
@pytest.mark.parametrize(
    ("names", "rules"),
    [
        (CLOSED, {}),
        (CLOSED, {"negative_rel": "nonrelevant", "missing_query": "skip"}),
        (CLOSED, {"unjudged": "drop"}),
        (CLOSED, {"ties": "pessimistic", "no_relevant": "skip"}),
        (UNTIED, {"ties": "item_desc"}),
        (UNTIED, {"ties": "item_asc", "unjudged": "drop"}),
        (UNTIED, {"preset": "trec_eval"}),
    ],
)
def test_as_if_they_had_been_joined_before(name, names, rules):
    collection = COLLECTIONS[name]
    metrics = [ruled(metric, **rules) for metric in names]
    expected = fr.evaluate(collection.rows, metrics, label="label", **ROLES)
    # One by one as well: rows that nobody judged are told from those of label 0 only where a metric needs it.
    alone = [facts(evaluate(collection.run, collection.qrels, metric))[0] for metric in metrics]
    assert facts(evaluate(collection.run, collection.qrels, metrics)) == facts(expected) == alone
    assert expected.table["queries_missing"].to_pylist()[0] == 1
    assert expected.table["queries_extra"].to_pylist()[0] >= 1


@pytest.mark.parametrize("name", COLLECTIONS)
def test_as_pytrec_eval(name):
    collection = COLLECTIONS[name].only(
        query for query, labels in COLLECTIONS[name].qrels.items() if max(labels.values()) >= 0
    )
    names = {"map": "map", "ndcg_cut_5": "ndcg@5", "P_5": "precision@5", "recip_rank": "mrr", "bpref": "bpref",
             "infAP": "infap", "num_rel_ret": "num_rel_ret", "recall_5": "recall@5"}  # fmt: skip
    cuts = {"ndcg_cut.5", "P.5", "recall.5", "map", "recip_rank", "bpref", "infAP", "num_rel_ret"}
    expected = pytrec_eval.RelevanceEvaluator(collection.qrels, cuts).evaluate(collection.run)
    for measure, metric in names.items():
        found = per_query(collection.run, collection.qrels, spelled(metric, "trec_eval"))
        check(found, {query: values[measure] for query, values in expected.items()})


def per_query(run: Any, qrels: Any, metric: str, **options: Any) -> dict[Any, float]:
    table = fr.evaluate(run, metric, qrels=qrels, per_query=True, **options).reader().read_all()
    pairs = zip(*(column.to_pylist() for column in table.columns), strict=True)
    return {query: value for query, value in pairs if value is not None}


@pytest.mark.parametrize(
    ("golden", "qrels"), [("qrels_test", "qrels.test"), ("rel_level", "qrels.rel_level")], ids=["binary", "graded"]
)
def test_the_test_data_of_trec_eval(golden, qrels):
    paths = shared("ranking", "trec_eval", "results.test"), shared("ranking", "trec_eval", qrels)
    dicts = read_trec(paths[0], 4, float), read_trec(paths[1], 3, int)
    answers = json.loads(shared("ranking", "trec_eval", f"golden_pytrec.{golden}.json").read_text())
    names = {"map": "map", "ndcg": "ndcg", "P_10": "precision@10", "bpref": "bpref", "infAP": "infap", "Rprec":
             "r_precision", "recip_rank": "mrr", "recall_100": "recall@100", "ndcg_cut_20": "ndcg@20"}  # fmt: skip
    for key, expected in answers.items():
        for measure, metric in names.items():
            spelling = spelled(metric, "trec_eval", int(key.partition("=")[2]))
            for run, judgments in (dicts, paths, tuple(map(str, paths))):
                check(
                    per_query(run, judgments, spelling), {query: values[measure] for query, values in expected.items()}
                )


def test_the_test_data_of_ir_measures():
    run, qrels = (shared("ranking", "ir_measures", f"cwl.{kind}") for kind in ("run", "qrels"))
    expected = {
        "map": (0.7087, 0.7438, 0.3068),
        "precision@5": (0.6, 0.6, 0.0),
        "rbp(p=0.9)": (0.3501, 0.3996, 0.1988),
        "mrr": (1.0, 1.0, 0.1667),
    }
    for metric, values in expected.items():
        found = per_query(run, qrels, metric)
        assert [found[query] for query in ("T1", "T2", "T3")] == pytest.approx(values, abs=5e-5)


@pytest.mark.parametrize("suffix", ["trec", "trec.gz", "parquet"])
def test_the_test_data_of_ranx(suffix):
    run, qrels = (shared("ranking", "ranx", f"{kind}.{suffix}") for kind in ("run", "qrels"))
    roles = {"query": "q_id", "item": "doc_id"} if suffix == "parquet" else {}
    found = evaluate(run, qrels, ["ndcg", "map(relevance_level=2)", "num_rel"], **roles)
    dicts = (json.loads(shared("ranking", "ranx", f"{kind}.json").read_text()) for kind in ("run", "qrels"))
    assert facts(found) == facts(evaluate(*dicts, ["ndcg", "map(relevance_level=2)", "num_rel"]))
    assert found["num_rel"] == 5
    assert found["ndcg"] == 1.0


def case(name: str) -> Collection:
    cases = {each["name"]: each for each in json.loads(shared("ranking", "edge_cases.json").read_text())}
    return Collection(cases[name]["qrels"], {q: dict(run) for q, run in cases[name]["run"].items()})


@pytest.mark.parametrize(
    ("name", "values"),
    [
        ("tie_three_docs", {"map(preset=trec_eval)": 0.5, "ndcg(preset=sklearn)": 0.7103099178571524}),
        ("tie_three_docs", {"ndcg@1": 1 / 3, "mrr(preset=ranx)": 1.0}),
        ("float32_collapse", {"mrr(preset=trec_eval)": 0.5, "mrr": 1.0}),
        ("negative_relevance", {"map": 0.5, "bpref": 1.0, "infap": 0.75, "bpref(preset=ranx)": 0.0}),
        ("no_relevant", {"map": 0.0, "ndcg": 0.0, "mrr": 0.0, "map(preset=lightgbm)": 1.0}),
        ("query_missing_from_run", {"map(preset=trec_eval)": 1.0, "map(preset=ir_measures)": 0.5, "map": 0.5}),
        ("empty_result_list", {"map": 0.5, "precision(preset=ir_measures)@5": 0.1}),
        ("bpref_without_judged_nonrelevant", {"bpref": 2 / 3, "map@2": 1 / 6, "precision@10": 0.2}),
        ("relevance_level", {"ndcg": 0.8597186998521972, "map(relevance_level=2)": 0.5}),
        ("rbp_graded", {"rbp(preset=ranx, p=0.8)": 0.56, "rbp(p=0.8)": 0.36}),
        ("ap_cut_denominators", {"map@3": 0.2, "map(preset=spark)@3": 1 / 3, "map(ap_denominator=k)@3": 1 / 3}),
        ("provider_tie_disagreement", {"mrr(preset=ir_measures)": 1.0, "mrr(preset=ir_measures)@10": 1 / 3}),
    ],
)
def test_what_peers_were_seen_to_answer(name, values):
    collection = case(name)
    found = evaluate(collection.run, collection.qrels, list(values))
    assert {metric: found[metric] for metric in values} == pytest.approx(values, abs=1e-12)


def test_an_item_that_was_retrieved_twice():
    run = pa.table({"query": ["q1", "q1"], "item": ["c", "c"], "score": [3, 2]})
    with pytest.raises(InvalidValueError, match=r"row 1 holds 'c' in query 'q1': an item stands twice"):
        evaluate(run, {"q1": {"c": 1}}, "map")
    assert evaluate(run, {"q1": {"c": 1}}, "num_ret(duplicates=max_score)")["num_ret(duplicates=max_score)"] == 1


# ---- forms of ids, of judgments and of runs

FORMS = {
    "string": lambda ids: pa.array(ids),
    "large_string": lambda ids: pa.array(ids, pa.large_string()),
    "string_view": lambda ids: pa.array(ids, pa.string_view()),
    "dictionary": lambda ids: pa.array(ids).dictionary_encode(),
    "int32": lambda ids: pa.array([int(each[1:]) for each in ids], pa.int32()),
    "int64": lambda ids: pa.array([int(each[1:]) for each in ids], pa.int64()),
    "uint8": lambda ids: pa.array([int(each[1:]) for each in ids], pa.uint8()),
    "uint64": lambda ids: pa.array([int(each[1:]) for each in ids], pa.uint64()),
    "binary": lambda ids: pa.array([each.encode() for each in ids], pa.binary()),
    "fixed": lambda ids: pa.array([each.encode() for each in ids], pa.binary(4)),
    "date": lambda ids: pa.array([int(each[1:]) for each in ids], pa.int32()).cast(pa.date32()),
    "decimal": lambda ids: pa.array([int(each[1:]) for each in ids]).cast(pa.decimal128(20)),
}
TEXTS = ["string", "large_string", "string_view", "dictionary"]


def some_run(seed: int = 0, queries: int = 9) -> tuple[dict[str, list[Any]], dict[str, list[Any]]]:
    """A run and judgments with ids of four letters; q009 and on are judged and not in the run."""
    rng = np.random.default_rng(seed)
    run: dict[str, list[Any]] = {"query": [], "item": [], "score": []}
    qrels: dict[str, list[Any]] = {"query": [], "item": [], "label": []}
    for q in range(queries + 2):
        items = rng.permutation(200)[:30]
        judged = np.sort(rng.choice(200, 25, replace=False))
        if q < queries:
            run["query"] += [f"q{q:03}"] * 30
            run["item"] += [f"d{item:03}" for item in items]
            run["score"] += rng.permutation(30).tolist()
        qrels["query"] += [f"q{q:03}"] * 25
        qrels["item"] += [f"d{item:03}" for item in judged]
        qrels["label"] += rng.integers(0, 3, 25).tolist()
    return run, qrels


def formed(columns: dict[str, list[Any]], form: str) -> pa.Table:
    ids = {name: FORMS[form](columns[name]) for name in ("query", "item")}
    return pa.table({**ids, **{name: values for name, values in columns.items() if name not in ids}})


METRICS = ["ndcg@10", "map", "judged@5", "num_rel", "recall@20"]


@pytest.mark.parametrize("form", FORMS)
def test_ids_of_any_type(form):
    run, qrels = some_run()
    expected = facts(evaluate(formed(run, "string"), formed(qrels, "string"), METRICS))
    assert facts(evaluate(formed(run, form), formed(qrels, form), METRICS)) == expected
    assert expected[0]["value"] not in (0, 1)


@pytest.mark.parametrize("kinds", [(a, b) for a in TEXTS for b in TEXTS] + [("int32", "int64"), ("uint8", "int64")])
def test_layouts_of_equal_ids_may_differ(kinds):
    run, qrels = some_run()
    found = evaluate(formed(run, kinds[0]), formed(qrels, kinds[1]), METRICS)
    assert facts(found) == facts(evaluate(formed(run, "string"), formed(qrels, "string"), METRICS))


@pytest.mark.parametrize(("mine", "theirs"), [("string", "int64"), ("int64", "uint64"), ("binary", "string")])
def test_types_of_ids_that_are_never_equal(mine, theirs):
    run, qrels = some_run()
    told = r"column 'query' \(query\) of the run is of type \w+, column 'query' of the judgments of type \w+"
    with pytest.raises(ColumnTypeError, match=told):
        evaluate(formed(run, mine), formed(qrels, theirs), "map")


def test_columns_of_the_run_or_usual_names():
    run, qrels = some_run()
    expected = facts(evaluate(formed(run, "string"), formed(qrels, "string"), METRICS))
    table = formed(run, "string").rename_columns(["session", "shown", "p"])
    roles = {"query": "session", "item": "shown", "score": "p"}
    for names in (("session", "shown", "clicked"), ("query_id", "docid", "rel"), ("q_id", "doc_id", "score")):
        label = {"label": "clicked"} if "clicked" in names else {}
        judgments = formed(qrels, "string").rename_columns(list(names))
        assert facts(evaluate(table, judgments, METRICS, **roles, **label)) == expected
    # The name in the run comes before usual ones.
    both = formed(qrels, "string").append_column("rel", pa.array([0] * len(qrels["label"])))
    assert facts(evaluate(formed(run, "string"), both, METRICS, label="label")) == expected
    with pytest.raises(MissingColumnError, match=r"no column of the item: they have query, thing, label; name it"):
        read_judgments(formed(qrels, "string").rename_columns(["query", "thing", "label"]))
    with pytest.raises(MissingColumnError, match=r"call it 'shown' as in the run, or one of item, item_id"):
        read_judgments(formed(qrels, "string").rename_columns(["query", "thing", "label"]), item="shown")


def test_ranks_in_place_of_scores():
    qrels = {"a": {"x": 1, "y": 0}}
    run = pa.table({"query": ["a", "a"], "item": ["x", "y"], "rank": [2, 1]})
    assert evaluate(run, qrels, "mrr", rank="rank")["mrr"] == 0.5


def test_lists_of_items_as_a_run():
    run = pa.table({"query": ["a", "b"], "item": [["x", "y"], ["z"]], "score": [[0.1, 0.9], [1.0]]})
    found = evaluate(run, {"a": {"x": 1}, "b": {"z": 1}, "c": {"z": 1}}, ["mrr", "num_rel"])
    assert found["mrr"] == pytest.approx((0.5 + 1 + 0) / 3)
    assert found.table["queries_missing"].to_pylist() == [1, 1]
    with pytest.raises(ColumnTypeError, match="of the judgments of type int64"):
        evaluate(run, {1: {"x": 1}}, "mrr")


# ---- splits, shards and merges

WHOLE = ["ndcg@5", "map", "judged@3", "bpref(ties=item_desc)", "num_rel"]


def answers(evaluator: Evaluator) -> list[dict[str, Any]]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", TiesWarning)
        return evaluator.result().table.to_pylist()


@pytest.mark.parametrize("form", ["string", "int64"])
def test_the_same_bits_however_it_is_split(form, tmp_path):
    columns, judged = some_run(3, 20)
    run, qrels = formed(columns, form), formed(judged, form)
    expected = evaluate(run, qrels, WHOLE).table.to_pylist()
    rng = np.random.default_rng(4)
    for batch_rows in (1, 7, 64, 100_000):
        assert evaluate(run, qrels, WHOLE, batch_rows=batch_rows).table.to_pylist() == expected
        read = read_judgments(qrels.take(rng.permutation(len(qrels))), batch_rows=batch_rows)
        assert evaluate(run, read, WHOLE).table.to_pylist() == expected
    shuffled = run.take(rng.permutation(len(run)))
    assert evaluate(shuffled, qrels, WHOLE, queries="scattered").table.to_pylist() == expected
    assert evaluate(shuffled, qrels, WHOLE).table.to_pylist() == expected
    assert evaluate(run, qrels, WHOLE, threads=2, batch_rows=50).table.to_pylist() == expected
    pa.parquet.write_table(run, tmp_path / "run.parquet", row_group_size=33)
    pa.parquet.write_table(qrels, tmp_path / "qrels.parquet", row_group_size=17)
    assert evaluate(tmp_path / "run.parquet", tmp_path / "qrels.parquet", WHOLE).table.to_pylist() == expected


def test_shards_merge_in_any_order(tmp_path):
    columns, judged = some_run(5, 12)
    run, qrels = formed(columns, "string"), formed(judged, "string")
    expected = evaluate(run, qrels, WHOLE).table.to_pylist()
    assert expected[0]["queries_missing"] == 2
    cuts = [0, 70, 200, 260, len(run)]
    for order in ((0, 1, 2, 3), (3, 1, 0, 2), (2, 3, 1, 0)):
        shards = []
        for a, b in pairwise(cuts):
            # Each shard reads the judgments itself, in another order.
            shard = Evaluator(WHOLE, qrels=qrels.take(np.random.default_rng(a).permutation(len(qrels))))
            for batch in run.slice(a, b - a).to_batches(max_chunksize=40):
                shard.update(batch)
            shards.append(shard)
        total = Evaluator(WHOLE, qrels=qrels)
        total.merge(shards[order[0]])
        total.merge(shards[order[1]].state())
        shards[order[2]].save_state(tmp_path / "state.arrow")
        total.merge(tmp_path / "state.arrow")
        total.merge(pickle.loads(pickle.dumps(shards[order[3]])))
        assert answers(total) == expected
        assert answers(total) == expected  # asked again


def test_updating_may_go_on_after_a_result():
    columns, judged = some_run(6, 4)
    run, qrels = formed(columns, "string"), formed(judged, "string")
    evaluator = Evaluator(WHOLE, qrels=qrels)
    missing = []
    for batch in run.to_batches(max_chunksize=30):
        evaluator.update(batch)
        missing.append(answers(evaluator)[0]["queries_missing"])
    assert missing == [5, 4, 3, 2]
    assert answers(evaluator) == evaluate(run, qrels, WHOLE).table.to_pylist()


def test_states_of_other_judgments_do_not_merge():
    run = pa.record_batch({"query": ["a"], "item": ["x"], "score": [1.0]})
    qrels = {"a": {"x": 1, "y": 2}}
    states = []
    for other in (qrels, {"a": {"y": 2.0, "x": True}}, {"a": {"x": 1, "y": 1}}, {"a": {"x": 1}}, {"b": qrels["a"]}):
        evaluator = Evaluator(["map"], qrels=other)
        evaluator.update(run.slice(0, 0))
        states.append(evaluator.state())
    mine = Evaluator(["map"], qrels=qrels)
    mine.update(run)
    mine.merge(states[1])
    for state in states[2:]:
        with pytest.raises(StateMismatchError, match="lacks"):
            mine.merge(state)
    plain = Evaluator(["map"], label="label", **ROLES)
    with pytest.raises(StateMismatchError, match="lacks"):
        mine.merge(plain.state())


# ---- rules for queries

RUN = {"a": {"x": 0.9, "y": 0.8}, "extra": {"x": 1.0}}
QRELS = {"a": {"y": 1}, "missing": {"x": 2, "z": 1}}


def test_missing_and_extra_queries():
    found = evaluate(RUN, QRELS, ["map", "map(missing_query=skip)", "num_rel", "num_ret"])
    assert [found[name] for name in ("map", "map(missing_query=skip)", "num_rel", "num_ret")] == [0.25, 0.5, 3, 2]
    assert found.table["queries"].to_pylist()[0] == 2
    assert found.table["queries_extra"].to_pylist()[0] == 1
    assert found.table["queries_without_relevant"].to_pylist()[0] == 0
    with pytest.raises(InvalidValueError, match=r"query 'missing' of the judgments: .*missing_query=\"error\""):
        evaluate(RUN, QRELS, "map(missing_query=error)")
    with pytest.raises(InvalidValueError, match=r"query 'extra' \(column 'query'\): .*extra_query=\"error\""):
        evaluate(RUN, QRELS, "map(extra_query=error)")
    # A query that nobody judged is none that lacks relevant rows.
    assert evaluate(RUN, QRELS, "map(no_relevant=error)")["map(no_relevant=error)"] == 0.25
    with pytest.raises(InvalidValueError, match=r"row 0, of query 'a' .*is not judged"):
        evaluate(RUN, QRELS, "map(unjudged=error)")


def test_values_of_missing_queries():
    assert per_query(RUN, QRELS, "map") == {"a": 0.5, "missing": 0.0}
    assert per_query({1: {7: 0.5}}, {1: {7: 1}, 4: {7: 1}}, "map") == {1: 1.0, 4: 0.0}
    assert per_query(RUN, QRELS, "map(missing_query=skip)") == {"a": 0.5}


def test_rows_that_where_excludes_were_not_retrieved():
    run = pa.table({"query": [1, 1, 2], "item": [1, 2, 1], "score": [0.9, 0.1, 0.5], "page": [1, 2, 2]})
    found = evaluate(run, {1: {2: 1}, 2: {1: 1}}, ["map", "num_ret"], where="page = 1")
    assert (found["map"], found["num_ret"]) == (0.0, 1.0)
    assert found.table["queries_missing"].to_pylist() == [1, 1]


def test_weights_of_queries():
    run = pa.table({"query": ["a", "b"], "item": ["x", "x"], "score": [1.0, 1.0], "w": [1.0, 3.0]})
    qrels = {"query": ["a", "b", "c"], "item": ["x", "y", "x"], "label": [1, 1, 1]}
    assert evaluate(run, {name: qrels[name][:2] for name in qrels}, "map", query_weight="w")["map"] == 0.25
    with pytest.raises(ParameterError, match=r"query 'c' of the judgments .*give the judgments the column 'w'"):
        evaluate(run, qrels, "map", query_weight="w")
    name = "map(missing_query=skip)"
    assert evaluate(run, qrels, name, query_weight="w")[name] == 0.25
    assert evaluate(run, {**qrels, "w": [9.0, 9.0, 4.0]}, "map", query_weight="w")["map"] == 0.125
    twice = {"query": [1, 1], "item": [1, 2], "label": [1, 1], "w": [1.0, 2.0]}
    with pytest.raises(InvalidValueError, match=r"column 'w' \(query_weight\) of the judgments: row 1 holds another"):
        read_judgments(twice, query_weight="w")


def test_slices_are_of_whole_queries():
    run = pa.table({"query": [1, 1, 2, 3], "item": [1, 2, 1, 1], "score": [0.9, 0.1, 0.5, 1.0], "day": [1, 1, 2, 2]})
    qrels = {1: {2: 1}, 2: {1: 1}, 3: {5: 1}, 4: {1: 1}}
    found = evaluate(run, qrels, "map", by="day")
    assert found["map"] == pytest.approx(1.5 / 4)
    assert (found["map", {"day": 1}], found["map", {"day": 2}]) == (0.5, 0.5)
    assert found.table["queries_missing"].to_pylist() == [1, 0, 0]
    torn = run.set_column(3, "day", pa.array([1, 2, 2, 2]))
    with pytest.raises(ParameterError, match=r"row 1, of query 1 \(column 'query'\), falls into another slice"):
        evaluate(torn, qrels, "map", by="day")


# ---- what judgments may hold


@pytest.mark.parametrize("batch_rows", [1, 2, 100])
@pytest.mark.parametrize(
    ("role", "values", "told"),
    [
        ("label", [1, None, 0, 1], r"column 'label' \(label\) of the judgments: row 1 holds null; allowed: a finite"),
        ("label", [1.0, 0.5, float("nan"), 1], r"\(label\) of the judgments: row 2 holds nan"),
        ("query", ["b", "b", "a", None], r"column 'query' \(query\) of the judgments: row 3 holds null"),
        ("item", ["x", None, "x", None], r"column 'item' \(item\) of the judgments: row 1 holds null"),
        ("item", ["x", "y", "x", "x"], r"\(item\) of the judgments: row 3 holds an item that was judged before in its"),
    ],
)
def test_bad_judgments(batch_rows, role, values, told):
    good = {"query": ["b", "b", "a", "a"], "item": ["x", "y", "x", "y"], "label": [1, 2, 0, 1]}
    assert read_judgments(good, batch_rows=batch_rows).labels.tolist() != []
    with pytest.raises(InvalidValueError, match=told):
        read_judgments({**good, role: values}, batch_rows=batch_rows)


def test_judgments_without_rows_and_of_several_types(tmp_path):
    with pytest.raises(EmptyInputError, match="no rows"):
        read_judgments(pa.table({"query": [1], "item": [1], "label": [1]}).slice(0, 0))
    with pytest.raises(EmptyInputError, match="no item"):
        read_judgments({"a": {}})
    with pytest.raises(FastrankError, match=r"nowhere[.]qrels: No such file"):
        evaluate(RUN, "nowhere.qrels", "map")
    with pytest.raises(ColumnTypeError, match="label"):
        read_judgments({"query": [1], "item": [1], "label": ["relevant"]})
    for name, items in (("a", ["x"]), ("b", [1])):
        pa.parquet.write_table(pa.table({"query": [name], "item": items, "label": [1]}), tmp_path / f"{name}.parquet")
    with pytest.raises(ColumnTypeError, match=r"'item' \(item\) of the judgments is of type int64 from row 0 of .*b"):
        read_judgments(str(tmp_path))
    with pytest.raises(InvalidValueError, match=r"\(label\) of the judgments: row 0 holds null"):
        read_judgments({"query": [1, None], "item": [1, 1], "label": [None, 1]})


def test_the_digest_is_of_all_there_is():
    rows = {"query": [1, 2], "item": [1, 2], "label": [1, 0]}
    several = [
        rows,
        {**rows, "item": pa.array([1, 2], pa.date32())},
        {**rows, "w": [1.0, 2.0]},
        {**rows, "w": [1.0, 3.0]},
    ]
    assert len({read_judgments(each, query_weight="w").digest for each in several}) == 4
    again = {name: list(reversed(values)) for name, values in rows.items()}
    assert read_judgments(again).digest == read_judgments(rows).digest


def test_labels_that_a_metric_does_not_take():
    told = r"column 'label' \(label\) of the judgments: query 'a' has the label 1.5; allowed: an integer"
    with pytest.raises(InvalidValueError, match=told):
        evaluate(RUN, {"a": {"y": 1.5}}, "ndcg(gain=exp2)")
    with pytest.raises(InvalidValueError, match=r"has the label -1[.]0; allowed: a finite number, not negative"):
        evaluate(RUN, {"b": {"y": 1}, "a": {"y": -1}}, ["map", "map(negative_rel=error)"])


def test_metrics_of_rows_have_no_judgments():
    with pytest.raises(ParameterError, match=r"auc reads the label of each row.*auc\(label=...\)"):
        evaluate(RUN, QRELS, ["map", "auc"])
    run = pa.table({"query": [1, 1], "item": [1, 2], "score": [0.9, 0.1], "y": [1, 0]})
    found = evaluate(run, {1: {2: 1}}, ["map", "auc(label=y)", "mrr(label=y)"])
    assert found.to_dict()["value"] == [0.5, 1.0, 1.0]


@pytest.mark.parametrize("metric", ["recall(propensity=p)", "ndcg(propensity=p)"])
def test_items_that_were_not_retrieved_have_no_propensity(metric):
    run = pa.table({"query": [1, 1], "item": [1, 2], "score": [0.9, 0.1], "p": [0.5, 0.5]})
    with pytest.raises(ParameterError, match="has no propensity"):
        evaluate(run, {1: {2: 1}}, metric)
    assert evaluate(run, {1: {2: 1}}, "mrr(propensity=p)")["mrr(propensity=p)"] == 1.0


# ---- ties


def test_ties_are_told_once():
    tied = {"a": {"x": 1.0, "y": 1.0}}
    with pytest.warns(TiesWarning, match=r'rows of 1 queries.*preset="trec_eval"') as caught:
        assert fr.evaluate(tied, ["mrr", "map"], qrels={"a": {"x": 1}})["mrr"] == 0.75
    assert len(caught) == 1
    # No warning where a rule was named, nothing ties, or the labels were in the rows.
    fr.evaluate(tied, ["mrr(preset=trec_eval)", "map(ties=item_asc)"], qrels={"a": {"x": 1}})
    fr.evaluate({"a": {"x": 1.0, "y": 0.5}}, "mrr", qrels={"a": {"x": 1}})
    fr.evaluate(tied, "ndcg(preset=sklearn)", qrels={"a": {"x": 1}})
    rows = {"query": [1, 1], "score": [1, 1], "label": [0, 1]}
    fr.evaluate(rows, "mrr", query="query", score="score", label="label")


def test_a_metric_does_not_depend_on_the_others():
    # A row that nobody judged and a row of label 0 tie.
    run, qrels = {"a": {"x": 1.0, "y": 1.0, "z": 2.0}}, {"a": {"x": 0, "z": 1}}
    for metrics in (["ndcg@3"], ["ndcg@3", "judged@3"], ["ndcg@3", "map"]):
        assert evaluate(run, qrels, metrics)["ndcg@3"] == 1.0
    for metrics in (["err@3"], ["err@3", "judged@3"], ["map", "err@3"]):
        with pytest.raises(TiesError, match="err: query 'a'"):
            evaluate(run, qrels, metrics)


def test_an_item_that_nobody_judged_counts_once():
    run = {"query": [1, 1, 1], "item": [7, 7, 8], "score": [3.0, 2.0, 1.0]}
    rows = {**run, "label": [None, None, 0]}
    for metric in ("fallout(duplicates=first)@1", "fallout(duplicates=max_score, unjudged=nonrelevant)@2"):
        found = evaluate(run, {1: {8: 0}}, metric)
        assert facts(found) == facts(fr.evaluate(rows, metric, label="label", **ROLES))


# ---- the command line


def test_the_command_line(tmp_path: Path) -> None:
    pa.parquet.write_table(table_of({"a": {"x": 1.0, "y": 1.0}}, "score"), tmp_path / "run.parquet")
    pa.parquet.write_table(table_of({"a": {"x": 1}, "b": {"x": 1}}, "rel"), tmp_path / "qrels.parquet")
    paths = [str(tmp_path / "run.parquet"), "--qrels", str(tmp_path / "qrels.parquet")]
    done = CliRunner().invoke(main, ["evaluate", *paths, "-m", "mrr", "--format", "json"])
    assert done.exit_code == 0
    assert json.loads(done.stdout)[0]["value"] == 0.375
    assert done.stderr.splitlines() == [
        "fastrank: rows of 1 queries have equal scores, which count with their expected value over all orders; "
        'preset="trec_eval" breaks ties as trec_eval does, by item'
    ]
    done = CliRunner().invoke(main, ["evaluate", *paths[:2], str(tmp_path / "none.trec"), "-m", "mrr"])
    assert done.exit_code == 1
    assert done.stderr.startswith("fastrank: ")
    assert len(done.stderr.splitlines()) == 1


def test_lists_of_ranked_ids() -> None:
    # Rank 2 of two, rank 1, and a query that is missing.
    run = pa.table({"query": [1, 2], "docs": [[1, 2], [3]]})
    for judgments in (
        {1: {2: 1}, 2: {3: 1}, 5: {9: 1}},
        pa.table({"query": [1, 2, 5], "docs": [2, 3, 9], "label": [1, 1, 1]}),
    ):
        result = fr.evaluate(run, "mrr", ranking="docs", qrels=judgments)
        assert result["mrr"] == 0.5
        assert result.table["queries_missing"].to_pylist() == [1]


def test_rows_of_each_sort_are_counted() -> None:
    # Of query 1 d3 is not judged and d9 not retrieved; of query 2 d1 is repeated, and nobody judged d7 and d8.
    run = {"q": [1, 1, 1, 2, 2, 2, 2], "d": ["d1", "d2", "d3", "d1", "d1", "d7", "d8"], "s": [7, 6, 5, 4, 3, 2, 1]}
    qrels = {"q": [1, 1, 1, 2, 3], "d": ["d1", "d2", "d9", "d1", "d5"], "rel": [0, 1, 1, 1, 1]}
    roles = {"query": "q", "item": "d", "score": "s"}
    metrics = ["map(duplicates=first)", "ndcg(duplicates=first)@2"]
    table = fr.evaluate(pa.table(run), metrics, **roles, qrels=pa.table(qrels)).table
    assert table["rows_unjudged"].to_pylist() == [3, 3]
    assert table["rows_not_retrieved"].to_pylist() == [2, 2]  # d9 and the d5 of a missing query
    assert table["rows_duplicate"].to_pylist() == [1, 1]
    long = {"q": [1, 1, 1, 2], "y": [1, None, 0, 1], "s": [0.5, 0.25, None, 0.5]}
    counted = fr.evaluate(pa.table(long), "map", query="q", label="y", score="s").table
    assert counted["rows_unjudged"].to_pylist() == [1]
    assert counted["rows_not_retrieved"].to_pylist() == [1]
