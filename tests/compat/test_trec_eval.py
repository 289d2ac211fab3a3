"""trec_eval's command: its expected files byte for byte, its rules, and every measure against pytrec_eval."""

from __future__ import annotations

import gzip
import json
import math
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner, Result
from shared_data import shared

from fastrank.cli import main
from fastrank.compat.trec_eval import Evaluation, Rules, evaluate
from fastrank.compat.trec_eval.measures import MEASURES, NICKNAMES
from fastrank.errors import EmptyInputError, ParameterError, SourceError, TrecFormatError

PARAMETERS = (
    "-q -miprec_at_recall..10,.20,.25,.75,.50 -m P.5,7,3 -m recall.20,2000 -m Rprec_mult.5.0,0.2,0.35"
    " -mutility.2,-1,0,0 -m 11pt_avg..25,.5,.75 -mndcg.1=3,2=9,4=4.5 -mndcg_cut.10,20,23.4 -msuccess.2,5,20"
)


def invoke(*arguments: str | Path, stdin: bytes | None = None) -> Result:
    return CliRunner().invoke(main, ["trec-eval", *map(str, arguments)], input=stdin)


@pytest.mark.parametrize(
    ("expected", "options", "qrels", "run"),
    [
        ("out.test", "", "qrels.test", "results.test"),
        ("out.test.a", "-m all_trec", "qrels.test", "results.test"),
        ("out.test.aq", "-m all_trec -q", "qrels.test", "results.test"),
        ("out.test.aqc", "-m all_trec -q -c", "qrels.test", "results.trunc"),
        ("out.test.aqcM", "-m all_trec -q -c -M100", "qrels.test", "results.trunc"),
        ("out.test.aql", "-m all_trec -mrelstring.20 -q -l2", "qrels.rel_level", "results.test"),
        ("out.test.meas_params", PARAMETERS, "qrels.test", "results.test"),
    ],
)
def test_prints_what_trec_eval_prints(expected: str, options: str, qrels: str, run: str) -> None:
    folder = shared("ranking", "trec_eval")
    done = invoke(*options.split(), folder / qrels, folder / run)
    assert done.exit_code == 0
    assert done.stdout_bytes == (folder / f"{expected}.v9.0.8").read_bytes()


@pytest.fixture
def files(tmp_path: Path) -> tuple[Path, Path]:
    return tmp_path / "qrels.txt", tmp_path / "run.txt"


Judged = dict[str, dict[str, int]]
Ranked = dict[str, dict[str, float]]


def write(files: tuple[Path, Path], judged: Judged, ranked: Ranked) -> None:
    qrels = [f"{q} 0 {d} {rel}\n" for q, docs in judged.items() for d, rel in docs.items()]
    run = [f"{q} Q0 {d} 1 {score!r} tag\n" for q, docs in ranked.items() for d, score in docs.items()]
    files[0].write_text("".join(qrels))
    files[1].write_text("".join(run))


def per_query(evaluation: Evaluation) -> dict[str, dict[str, float]]:
    """As pytrec_eval gives values."""
    return {
        query.decode(): {column.name: column.values[i] for column in evaluation.columns if column.values is not None}
        for i, query in enumerate(evaluation.queries)
    }


def summary(evaluation: Evaluation) -> dict[str, float]:
    return {column.name: column.summary for column in evaluation.columns}


def of(files: tuple[Path, Path], judged: Judged, ranked: Ranked, *measures: str, **rules: int) -> dict[str, float]:
    """Summaries of a small case."""
    write(files, judged, ranked)
    return summary(evaluate(*files, measures, Rules(**rules)))


def test_golden_values(files: tuple[Path, Path]) -> None:
    folder = shared("ranking", "trec_eval")
    for qrels, golden in (("qrels.test", "qrels_test"), ("qrels.rel_level", "rel_level")):
        levels = json.loads((folder / f"golden_pytrec.{golden}.json").read_text())
        for level, queries in levels.items():
            rules = Rules(level=int(level.removeprefix("relevance_level=")))
            found = per_query(evaluate(folder / qrels, folder / "results.test", ["all_trec"], rules))
            for query, values in queries.items():
                assert len(values) > 60
                values = {name: value for name, value in values.items() if not name.startswith("gm_")}
                assert {name: found[query][name] for name in values} == pytest.approx(values, abs=1e-12)


def random_case(seed: int) -> tuple[Judged, Ranked]:
    """Few documents, so that ties, unjudged, pooled and missing ones meet; some queries only in one of the files."""
    rng = np.random.default_rng(seed)
    judged: Judged = {}
    ranked: Ranked = {}
    for q in rng.permutation(12).tolist():
        documents = [f"d{i}" for i in rng.permutation(60).tolist()]
        if q > 0:
            picked = documents[: rng.integers(1, 40)]
            levels = rng.choice([-1, 0, 1, 2, 3], len(picked), p=[0.1, 0.5, 0.2, 0.1, 0.1])
            levels[0] = max(levels[0], 0)  # a query of -1 alone is undefined in trec_eval
            judged[f"q{q}"] = dict(zip(picked, levels.tolist(), strict=True))
        if q < 11:
            picked = rng.permutation(documents)[: rng.integers(1, 60)].tolist()
            scores = rng.choice([1.0, 2.0, 2.00000001, 0.5], len(picked)) if q % 2 else rng.normal(size=len(picked))
            ranked[f"q{q}"] = dict(zip(picked, scores.tolist(), strict=True))
    return judged, ranked


@pytest.mark.parametrize("seed", range(12))
@pytest.mark.parametrize("level", [1, 2])
@pytest.mark.parametrize("judged_only", [False, True])
def test_every_measure_against_pytrec_eval(files: tuple[Path, Path], seed: int, level: int, judged_only: bool) -> None:
    pytrec_eval = pytest.importorskip("pytrec_eval")
    judged, ranked = random_case(seed)
    if level == 2:
        # Above the highest judgment trec_eval reads past its counts.
        for documents in judged.values():
            documents["high"] = 2
    names = pytrec_eval.supported_measures - {"relstring", "runid", "num_q", "gm_map", "gm_bpref"}
    peer = pytrec_eval.RelevanceEvaluator(
        judged, names, relevance_level=level, judged_docs_only_flag=judged_only
    ).evaluate(ranked)
    write(files, judged, ranked)
    found = per_query(evaluate(*files, sorted(names), Rules(level=level, judged_only=judged_only)))
    assert found.keys() == peer.keys()
    compared = 0
    for query, values in peer.items():
        for name, value in values.items():
            if judged_only and found[query]["num_ret"] == 0:
                continue  # 0 / 0 there
            assert found[query][name] == pytest.approx(value, abs=1e-12), (query, name)
            compared += 1
    assert compared > 80 * 5


def test_edge_cases(files: tuple[Path, Path]) -> None:
    cases = {case["name"]: case for case in json.loads(shared("ranking", "edge_cases.json").read_text())}
    peers = ("trec_eval_v9.0.8 (built here)", "pytrec-eval-terrier_0.5.11")
    compared = 0
    for name, case in cases.items():
        expected = {k: v for peer in peers for k, v in (case["observed"].get(peer) or {}).items()} \
            if all(isinstance(case["observed"].get(peer, {}), dict) for peer in peers) else {}  # fmt: skip
        expected = {k: v for k, v in expected.items() if isinstance(v, float | int)}
        if not expected or name == "nan_scores":
            continue
        ranked = {q: {d: float(score) for d, score in rows} for q, rows in case["run"].items()}
        found = of(files, case["qrels"], ranked, "all_trec", "P.1,5")
        for measure, value in expected.items():
            assert found[measure] == pytest.approx(value, abs=5e-5), (name, measure)
            compared += 1
    assert compared >= 10


def test_equal_scores_go_by_document_descending(files: tuple[Path, Path]) -> None:
    # c, b, a: b is second.
    assert of(files, {"q": {"b": 1}}, {"q": {"b": 1.0, "c": 1.0, "a": 1.0}}, "recip_rank") == {"recip_rank": 0.5}
    # The longer of two that begin alike is the greater.
    assert of(files, {"q": {"b": 1}}, {"q": {"b": 1.0, "ba": 1.0}}, "recip_rank") == {"recip_rank": 0.5}
    # Bytes compare unsigned.
    assert of(files, {"q": {"é": 1}}, {"q": {"z": 1.0, "é": 1.0}}, "recip_rank") == {"recip_rank": 1.0}
    many = {f"d{i:03}": 1.0 for i in np.random.default_rng(1).permutation(500).tolist()}
    assert of(files, {"q": {"d400": 1}}, {"q": many}, "recip_rank") == {"recip_rank": 1 / 100}


def test_scores_compare_in_float32(files: tuple[Path, Path]) -> None:
    # Both are 0.97523028 there, so that c comes first.
    ranked = {"q": {"b": 0.975230282, "c": 0.975230281, "a": 0.1}}
    assert of(files, {"q": {"b": 1}}, ranked, "recip_rank") == {"recip_rank": 0.5}
    assert of(files, {"q": {"b": 1}}, {"q": {"b": 0.0, "c": -0.0}}, "recip_rank") == {"recip_rank": 0.5}


def test_missing_queries(files: tuple[Path, Path]) -> None:
    judged, ranked = {"a": {"x": 1}, "b": {"y": 1, "z": 2}}, {"a": {"x": 1.0}, "c": {"x": 1.0}}
    names = ("map", "gm_map", "num_q", "num_rel", "num_ret")
    assert of(files, judged, ranked, *names) == {"map": 1, "gm_map": 1, "num_q": 1, "num_rel": 1, "num_ret": 1}
    complete = of(files, judged, ranked, *names, complete=True)
    # The geometric mean takes 1e-5 for the query without rows.
    assert complete == {
        "map": 0.5, "gm_map": pytest.approx(math.sqrt(1e-5)), "num_q": 2, "num_rel": 3, "num_ret": 1,
    }  # fmt: skip


def test_depth_cuts_before_duplicates_are_looked_for(files: tuple[Path, Path]) -> None:
    files[0].write_text("q 0 c 1\n")
    files[1].write_text("q Q0 c 1 3 r\nq Q0 b 2 2 r\nq Q0 c 3 1 r\n")
    assert summary(evaluate(*files, ["num_ret"], Rules(depth=2))) == {"num_ret": 2}
    with pytest.raises(TrecFormatError, match=r"run.txt, line 3: the query has the document 'c' twice: 'q Q0 c 3 1 r'"):
        evaluate(*files, ["num_ret"])
    files[1].write_text("q Q0 x 1 3 r\nq Q0 x 2 2 r\n")
    with pytest.raises(TrecFormatError, match="line 2: the query has the document 'x' twice"):
        evaluate(*files, ["num_ret"])
    files[0].write_text("q 0 c 1\nq 0 b 1\nq 1 c 0\n")
    with pytest.raises(TrecFormatError, match=r"qrels.txt, line 3: the query has the document 'c' twice: 'q 1 c 0'"):
        evaluate(*files, ["num_ret"])


def test_judged_only_on_a_list_without_judged_documents(files: tuple[Path, Path]) -> None:
    found = of(files, {"q": {"a": 1, "b": -1}}, {"q": {"x": 2.0, "b": 1.0}}, "all_trec", judged_only=True)
    assert found.pop("runid") == b"tag"
    assert (found.pop("num_q"), found.pop("num_rel"), found.pop("relstring")) == (1, 1, None)
    # The geometric means print their floor.
    assert found.pop("gm_map") == found.pop("gm_bpref") == pytest.approx(1e-5)
    assert set(found.values()) == {0}


def test_negative_relevance_is_pooled_and_not_judged(files: tuple[Path, Path]) -> None:
    judged, ranked = {"q": {"a": 0, "b": -1, "c": 1}}, {"q": {"b": 3.0, "c": 2.0, "a": 1.0}}
    found = of(files, judged, ranked, "map", "bpref", "infAP", "num_nonrel_judged_ret")
    # infAP: 1/2 + 1/2 * (1 pooled above / 1) * (eps / 2 eps).
    assert found == {"map": 0.5, "bpref": 1, "infAP": pytest.approx(0.75), "num_nonrel_judged_ret": 1}


def test_a_level_above_all_judgments(files: tuple[Path, Path]) -> None:
    found = of(files, {"q": {"a": 1, "b": 0}}, {"q": {"a": 2.0, "b": 1.0}}, "all_trec", level=9)
    assert found["num_rel"] == found["map"] == found["bpref"] == found["Rndcg"] == 0
    assert found["ndcg"] == 1  # gains do not know the level


def gained(judged: list[int], ranked: list[int | None], gains: dict[int, float]) -> dict[str, float]:
    """The four measures of gains as trec_eval's help defines them, over the relevance down a list (None: unjudged)."""

    def gain(relevance: int | None) -> float:
        return 0.0 if relevance is None else gains.get(relevance, float(relevance))

    ideal = sorted((gain(r) for r in judged if gain(r) > 0), reverse=True)
    length = max(len(ideal), len(ranked))
    got = np.array([gain(r) for r in ranked] + [0.0] * (length - len(ranked)))
    best = np.array(ideal + [0.0] * (length - len(ideal)))
    discount = np.log2(np.arange(length) + 2)
    dcg, idcg = np.cumsum(got / discount), np.cumsum(best / discount)
    at_relevant = [dcg[i] / idcg[i] for i in range(len(ranked)) if got[i] > 0]
    at_relevant += [dcg[-1] / idcg[-1]] * (len(ideal) - len(at_relevant))
    changes = [i - 1 for i in range(1, len(ideal)) if ideal[i] != ideal[i - 1]] + [len(ideal) - 1]
    changes += [length - 1] if len(ranked) > len(ideal) + 1 else []
    cost = np.cumsum(np.maximum(best, 1.0))
    return {
        "ndcg": dcg[-1] / idcg[-1],
        "ndcg_rel": sum(at_relevant) / len(ideal),
        "Rndcg": float(np.mean([dcg[i] / idcg[i] for i in changes])),
        "G": float(np.sum(got / np.log2(2 + cost - np.cumsum(got)))) / sum(ideal),
    }


@pytest.mark.parametrize("seed", range(20))
@pytest.mark.parametrize("text", ["1=1", "1=3,2=9,4=4.5", "0=0.25,3=7", "2=-1,9=5", "1=0"])
def test_gains(files: tuple[Path, Path], seed: int, text: str) -> None:
    rng = np.random.default_rng(seed)
    judged = {f"d{i}": int(rel) for i, rel in enumerate([3, *rng.integers(0, 5, rng.integers(1, 20)).tolist()])}
    order = rng.permutation([*judged, *"uvwxyz"])[: rng.integers(1, 25)].tolist()
    gains = {int(level): float(gain) for level, gain in (pair.split("=") for pair in text.split(","))}
    names = ("ndcg", "ndcg_rel", "Rndcg", "G")
    found = of(
        files, {"q": judged}, {"q": {d: -float(i) for i, d in enumerate(order)}}, *(f"{n}.{text}" for n in names)
    )
    expected = gained(list(judged.values()), [judged.get(d) for d in order], gains)
    assert found == {f"{name}_{text}": pytest.approx(expected[name], abs=1e-12) for name in names}


def test_set_f_weighs_recall(files: tuple[Path, Path]) -> None:
    # P = 1/2, R = 1: 1.5 * 0.5 / (0.5 * 0.5 + 1) = 0.6.
    found = of(files, {"q": {"a": 1}}, {"q": {"a": 2.0, "b": 1.0}}, "set_F.0.5", "yaap")
    # One relevant of one, at rank 1: log((1 + 1) / (1 + 1 - 1)).
    assert found == {"set_F_0.5": pytest.approx(0.6), "yaap": pytest.approx(math.log(2))}


def test_utility_counts_the_collection(files: tuple[Path, Path]) -> None:
    # Of 10 documents: one relevant retrieved, one other retrieved, one relevant missed, seven neither.
    judged, ranked = {"q": {"a": 1, "c": 1}}, {"q": {"a": 2.0, "b": 1.0}}
    found = of(files, judged, ranked, "utility.1000,100,10,1", collection=10)
    assert found == {"utility_1000,100,10,1": 1117}


def test_relstring(files: tuple[Path, Path]) -> None:
    judged = {"q": {"a": 10, "b": -2, "c": 9, "d": 0}}
    write(files, judged, {"q": {"a": 9.0, "x": 8.0, "b": 7.0, "c": 6.0, "d": 5.0}})
    done = invoke("-q", "-m", "relstring.7", *files)
    assert done.stdout == "relstring_7           \tq\t'>-.90'\n"
    assert invoke("-q", "-m", "relstring.0", *files).stdout.endswith("\t''\n")


def test_scattered_rows_and_any_order_of_queries(files: tuple[Path, Path]) -> None:
    judged, ranked = random_case(3)
    write(files, judged, ranked)
    together = invoke("-q", "-m", "all_trec", *files).stdout
    rng = np.random.default_rng(0)
    for path in files:
        lines = path.read_text().splitlines(keepends=True)
        path.write_text("".join(rng.permutation(lines).tolist()))
    assert invoke("-q", "-m", "all_trec", *files).stdout == together


@pytest.mark.parametrize("block_bytes", [1, 64, 1000])
def test_blocks_and_threads_change_nothing(
    files: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch, block_bytes: int
) -> None:
    write(files, *random_case(5))
    whole = invoke("-q", "-m", "all_trec", *files).stdout
    monkeypatch.setattr("fastrank.sources.trec.BLOCK_BYTES", block_bytes)
    monkeypatch.setattr("fastrank.compat.trec_eval.lists.BLOCK_BYTES", block_bytes)
    for threads in (1, 2, 5):
        monkeypatch.setattr("fastrank.compat.trec_eval.THREADS", threads)
        assert invoke("-q", "-m", "all_trec", *files).stdout == whole


def test_standard_input_and_gzip(files: tuple[Path, Path], tmp_path: Path) -> None:
    write(files, *random_case(1))
    plain = invoke(*files).stdout
    zipped = tmp_path / "run.gz"
    zipped.write_bytes(gzip.compress(files[1].read_bytes()))
    assert invoke(files[0], zipped).stdout == plain
    assert invoke(files[0], "-", stdin=files[1].read_bytes()).stdout == plain
    assert invoke("-", files[1], stdin=files[0].read_bytes()).stdout == plain
    assert "standard input is one file" in invoke("-", "-", stdin=b"").stderr


def test_queries_alone_or_summary_alone(files: tuple[Path, Path]) -> None:
    write(files, {"q%d": {"a": 1}}, {"q%d": {"a": 1.0}})
    assert invoke("-m", "map", "-q", *files).stdout == f"{'map':22}\tq%d\t1.0000\n{'map':22}\tall\t1.0000\n"
    assert invoke("-m", "map", "-q", "-n", *files).stdout == f"{'map':22}\tq%d\t1.0000\n"
    assert invoke("-m", "gm_map", "-q", "-n", *files).stdout == ""
    assert invoke("-m", "map", "-n", *files).stdout == ""


def test_measures_print_once_and_in_trec_evals_order(files: tuple[Path, Path]) -> None:
    write(files, {"q": {"a": 1}}, {"q": {"a": 1.0}})
    lines = invoke("-m", "P.1", "-m", "map", "-m", "set", "-m", "map", "-m", "P", *files).stdout.splitlines()
    names = [line.split()[0] for line in lines]
    assert names[:6] == ["runid", "num_q", "num_ret", "num_rel", "num_rel_ret", "map"]
    assert names.count("map") == 1
    assert [name for name in names if name.startswith("P_")] == ["P_1"]
    assert set(NICKNAMES["all_trec"]) | {"yaap"} == set(MEASURES)


@pytest.mark.parametrize(
    ("measure", "message"),
    [
        ("mpa", "no such measure; did you mean 'map'"),
        ("prefs_simp", "no such measure"),
        ("P.", "parameters should follow"),
        ("P.0", "0 is below 1"),
        ("P.5,5", "5 is there twice"),
        ("P.x", "'x' is not a number"),
        ("P.nan", "'nan' is not a number"),
        ("P.5,", "'' is not a number"),
        ("iprec_at_recall.-0.1", "-0.1 is below 0"),
        ("map.5", "map takes no parameters"),
        ("official.5", "official takes no parameters"),
        ("utility.1,2", r"4 number\(s\) are wanted"),
        ("ndcg.1", "level=gain"),
        ("ndcg.-1=2", "integers from 0"),
        ("ndcg.1=2,1=3", "1 is there twice"),
    ],
)
def test_bad_measures(files: tuple[Path, Path], measure: str, message: str) -> None:
    write(files, {"q": {"a": 1}}, {"q": {"a": 1.0}})
    with pytest.raises(ParameterError, match=message):
        evaluate(*files, [measure])


def test_parameters_twice_are_not_dropped(files: tuple[Path, Path]) -> None:
    with pytest.raises(ParameterError, match="P has parameters already"):
        evaluate(*files, ["P.5", "P.10"])


def test_bad_input(files: tuple[Path, Path]) -> None:
    write(files, {"q": {"a": 1}}, {"p": {"a": 1.0}})
    with pytest.raises(EmptyInputError, match=r"no query of .*run.txt has judgments in .*qrels.txt"):
        evaluate(*files)
    files[1].write_text("# nothing\n\n")
    with pytest.raises(EmptyInputError, match=r"run.txt: the file holds no line of a run"):
        evaluate(*files)
    files[0].write_text(" \n")
    with pytest.raises(EmptyInputError, match=r"qrels.txt: the file holds no line of judgments"):
        evaluate(*files)
    with pytest.raises(SourceError, match="cannot read nowhere"):
        evaluate("nowhere", files[1])
    with pytest.raises(ParameterError, match="the relevance level is at least 0"):
        evaluate(*files, rules=Rules(level=-1))


def test_errors_are_one_line(files: tuple[Path, Path]) -> None:
    files[0].write_text("q 0 a 1\n")
    files[1].write_text("q Q0 a 1 1.0 run\nq Q0 b 2 high run\n")
    done = invoke(*files)
    assert done.exit_code == 1
    assert done.stdout == ""
    assert done.stderr == f"fastrank: {files[1]}, line 2: the score is not a number: 'q Q0 b 2 high run'\n"
    assert invoke("-l", "-1", *files).exit_code == 2
    assert invoke("-R", "prefs", *files).exit_code == 2
