"""The command line on real data, against scikit-learn, the golden files of peers, and itself in other splits."""

from __future__ import annotations

import json
import math
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet
import pytest
from click.testing import CliRunner
from shared_data import shared

import fastrank as fr
from fastrank.cli import main

if TYPE_CHECKING:
    from pathlib import Path

CLOSE = 1e-12


def run(*arguments: str) -> dict[str, dict[str, Any]]:
    """The overall rows that `fastrank evaluate --format json` prints, by metric."""
    done = CliRunner().invoke(main, ["evaluate", *arguments, "--format", "json"])
    assert done.exit_code == 0, done.output
    return {row["metric"]: row for row in json.loads(done.stdout)}


def resplit(table: pa.Table, metrics: list[str], seed: int, query: str | None = None, **roles: Any) -> fr.Result:
    """The result from shuffled rows (whole queries), dealt to three evaluators in small batches, then merged."""
    generator = np.random.default_rng(seed)
    ids = np.arange(len(table)) if query is None else np.unique(table[query].to_numpy(), return_inverse=True)[1]
    places = generator.permutation(ids.max() + 1)[ids]
    within = generator.random(len(table))
    order = np.lexsort((within, places))
    shard = generator.integers(0, 3, ids.max() + 1)[ids[order]]
    evaluators = []
    for number in range(3):
        part = table.take(pa.array(order[shard == number]))
        evaluator = fr.Evaluator(metrics, query=query, **roles)
        for batch in part.combine_chunks().to_batches(max_chunksize=int(generator.integers(30, 3000))):
            evaluator.update(batch)
        evaluators.append(evaluator)
    total = evaluators[seed % 3]
    for number in generator.permutation(3).tolist():
        if number != seed % 3:
            total.merge(evaluators[number].state())
    return total.result()


def same_bits(result: fr.Result, expected: fr.Result) -> None:
    """Every value to the last bit."""
    hexed = [[value.hex() for value in table["value"].to_pylist()] for table in (result.table, expected.table)]
    assert hexed[0] == hexed[1]


def test_open_bandit_clicks_with_the_propensity_as_score() -> None:
    from sklearn.metrics import brier_score_loss, log_loss, roc_auc_score

    path = shared("pointwise", "obd_random_men.csv.gz")
    names = ["auc", "log_loss", "brier", "calibration_ratio", "nce", "auc(bits=16)"]
    options = [option for name in names for option in ("-m", name)]
    found = run(str(path), *options, "--label", "click", "--score", "propensity_score")
    table = pa.csv.read_csv(path)
    label, score = table["click"].to_numpy(), table["propensity_score"].to_numpy()
    assert found["auc"]["value"] == roc_auc_score(label, score) == 0.5
    assert found["auc"]["rows"] == 10_000
    assert math.isclose(found["log_loss"]["value"], log_loss(label, score), rel_tol=CLOSE)
    assert math.isclose(found["brier"]["value"], brier_score_loss(label, score), rel_tol=CLOSE)
    assert math.isclose(found["calibration_ratio"]["value"], score.sum() / label.sum(), rel_tol=CLOSE)
    rate = label.mean()
    entropy = -(rate * math.log(rate) + (1 - rate) * math.log1p(-rate))
    assert math.isclose(found["nce"]["value"], log_loss(label, score) / entropy, rel_tol=CLOSE)
    roles = {"label": "click", "score": "propensity_score", "by": "position"}
    whole = fr.evaluate(path, names, **roles)
    for seed in range(3):
        same_bits(resplit(table, names, seed, **roles), whole)


@pytest.mark.parametrize("score", ["score_f1", "score_f6", "score_f30"])
def test_lightgbm_rank_test(score: str) -> None:
    path = shared("ranking", "lightgbm_lambdarank", "rank_test_scores.csv")
    golden = json.loads(shared("ranking", "lightgbm_lambdarank", "golden_peers.json").read_text())[score]
    columns = ["--label", "label", "--score", score, "--query", "query_id"]
    checked = 0
    for key, expected in golden.items():
        peer, _, measure = key.rpartition(".")
        if peer.startswith("sklearn") and measure.startswith("ndcg"):
            name = "ndcg" if "@" not in measure or measure.endswith("@all") else measure
            assert math.isclose(run(str(path), *columns, "-m", name)[name]["value"], np.mean(expected), rel_tol=CLOSE)
            checked += 1
    for measure, expected in golden["lightgbm_mean"].items():
        name, k = measure.split("@")
        rules = "gain=exp2" if name == "ndcg" else "ap_denominator=min_rel_k"
        spelling = f"{name}({rules}, ties=input, no_relevant=one)@{k}"
        if name == "ndcg":
            found = run(str(path), *columns, "-m", spelling)
            assert math.isclose(next(iter(found.values()))["value"], expected, rel_tol=1e-9)
            checked += 1
    for measure, alias in {"P_10": "P_10", "recip_rank": "recip_rank", "map": "map", "recall_10": "recall_10"}.items():
        expected = golden.get(f"pytrec_float32_docid_desc.{measure}")
        if expected is not None:
            name = fr.metrics.parse(alias)[0]
            spelling = f"{name.definition.name}(ties=item_desc)" + (
                f"@{name.parameters['k']}" if name.parameters.get("k") else ""
            )
            found = run(str(path), *columns, "--item", "doc_id", "-m", spelling)
            assert math.isclose(next(iter(found.values()))["value"], np.mean(expected), rel_tol=CLOSE)
            checked += 1
    assert checked >= 8
    table = pa.csv.read_csv(path)
    names = ["ndcg@10", "ndcg(gain=exp2)", "map", "mrr(relevance_level=2)", "precision@5", "recall@10", "hit_rate@1"]
    roles = {"label": "label", "score": score, "query": "query_id", "item": "doc_id"}
    whole = fr.evaluate(path, names, **roles)
    for seed in range(3):
        same_bits(resplit(table, names, seed, **roles), whole)


def test_cifar_softmax_one_against_the_rest(tmp_path: Path) -> None:
    from sklearn.metrics import brier_score_loss, log_loss, roc_auc_score

    with np.load(shared("pointwise", "lenet-5-cifar-10.npz")) as records:
        truth, softmax = records["ground_truth"].ravel(), records["predictions"]
    table = pa.table(
        {f"p{c}": softmax[:, c] for c in range(10)} | {f"is{c}": (truth == c).astype(np.int8) for c in range(10)}
    )
    path = tmp_path / "cifar.parquet"
    pa.parquet.write_table(table, path, row_group_size=3_000)
    metrics = [
        option
        for c in range(10)
        for name in ("auc", "log_loss", "brier")
        for option in ("-m", f"{name}(label=is{c}, score=p{c})")
    ]
    found = run(str(path), *metrics)
    for c in range(10):
        label, score = (truth == c), softmax[:, c].astype(np.float64)
        peers = {"auc": roc_auc_score, "log_loss": log_loss, "brier": brier_score_loss}
        for name, peer in peers.items():
            value = found[f"{name}(label=is{c}, score=p{c})"]["value"]
            assert math.isclose(value, peer(label, score), rel_tol=CLOSE), (name, c)
    names = ["auc", "auc(bits=20)", "log_loss", "nce", "brier", "mse"]
    whole = fr.evaluate(path, names, label="is3", score="p3")
    for seed in range(3):
        same_bits(resplit(table, names, seed, label="is3", score="p3"), whole)


def adult(tmp_path: Path) -> Path:
    """Adult with a score made of two columns; weights brought below 2^20 by a power of two."""
    table = pa.parquet.read_table(shared("pointwise", "adults.parquet"))
    age, hours = table["age"].to_numpy(), table["hours-per-week"].to_numpy()
    score = 1 / (1 + np.exp(-(0.04 * age + 0.03 * hours - 4.0)))
    label = np.array([value == ">50K" for value in table["class"].to_pylist()])
    path = tmp_path / "adult.parquet"
    columns = {
        "label": label,
        "score": score,
        "weight": table["fnlwgt"].to_numpy() / 1024,
        "workclass": table["workclass"],
        "sex": table["sex"],
        "country": table["native-country"],
    }
    pa.parquet.write_table(pa.table(columns), path, row_group_size=7_000)
    return path


def test_adult_with_nulls_and_weights(tmp_path: Path) -> None:
    from sklearn.metrics import brier_score_loss, log_loss, roc_auc_score

    path = adult(tmp_path)
    names = ["auc", "log_loss", "brier"]
    columns = ["--label", "label", "--score", "score", "--weight", "weight"]
    metrics = [option for name in names for option in ("-m", name)]
    found = run(str(path), *columns, *metrics)
    table = pa.parquet.read_table(path)
    label, score, weight = (table[name].to_numpy() for name in ("label", "score", "weight"))
    peers = {"auc": roc_auc_score, "log_loss": log_loss, "brier": brier_score_loss}
    for name, peer in peers.items():
        assert math.isclose(found[name]["value"], peer(label, score, sample_weight=weight), rel_tol=CLOSE)
    # Rows with a null workclass are a slice of their own.
    result = fr.evaluate(path, names, label="label", score="score", weight="weight", by=[["workclass"], ["sex"]])
    for key in ({"workclass": None}, {"workclass": "Private"}, {"sex": "Female"}):
        ((column, value),) = key.items()
        mask = np.array([entry == value for entry in table[column].to_pylist()])
        assert mask.sum() > 1_000
        for name, peer in peers.items():
            expected = peer(label[mask], score[mask], sample_weight=weight[mask])
            assert math.isclose(result[name, key], expected, rel_tol=CLOSE)
    roles = {"label": "label", "score": "score", "weight": "weight", "by": [["workclass"], ["sex"]]}
    for seed in range(3):
        same_bits(
            resplit(table, [*names, "auc(bits=18)"], seed, **roles),
            fr.evaluate(path, [*names, "auc(bits=18)"], **roles),
        )


def test_adult_weights_beyond_the_limit_are_refused_with_advice() -> None:
    path = shared("pointwise", "adults.parquet")
    done = CliRunner().invoke(
        main, ["evaluate", str(path), "--label", "age", "--score", "age", "--weight", "fnlwgt", "-m", "mse"]
    )
    assert done.exit_code == 1
    weights = pa.parquet.read_table(path)["fnlwgt"].to_pylist()
    first = next(i for i, weight in enumerate(weights) if weight > 2**20)
    assert f"column 'fnlwgt' (weight): row {first} of {path} holds {weights[first]}; allowed: " in done.stderr
    assert "divide all weights" in done.stderr
