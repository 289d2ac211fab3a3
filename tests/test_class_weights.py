"""Weights by class: the same bits as a column of weights with the products, and errors that name what is wrong."""

from __future__ import annotations

import json
import pickle
from fractions import Fraction
from pathlib import Path
from typing import Any

import helpers
import numpy as np
import pyarrow as pa
import pytest
from click.testing import CliRunner
from sklearn.metrics import brier_score_loss, log_loss, roc_auc_score
from sklearn.utils.class_weight import compute_sample_weight

import fastrank as fr
from fastrank import Evaluator, Metric, reference
from fastrank import metrics as m
from fastrank.cli import main
from fastrank.errors import ColumnTypeError, InvalidValueError, ParameterError, StateMismatchError

WEIGHTS = {0: 0.03, 1: 0.05}  # times the largest weight of the rows, 1e6, over RATE: below 2^20
RATE = 0.07
ROLES = {"query": "query", "item": "item", "score": "p"}


def label_of(metric: Metric) -> str:
    return metric.overrides["label"]


def weighed(metric: Metric) -> bool:
    """Whether the metric reads the weight and the class of a row."""
    label = metric.domains.get("label")
    return (
        "weight" in metric.definition.optional and label is not None and (label.by_class or label.classes) is not None
    )


METRICS = [metric for metric in helpers.every_metric() if weighed(metric)]
BINARY = [metric for metric in METRICS if label_of(metric) in ("clicked", "target")]
SEVERAL = [metric for metric in METRICS if label_of(metric) in ("number", "kind")]


def on_clicks(metric: Metric) -> Metric:
    """The metric on labels of two classes, which calibration has not by itself."""
    return type(metric)(metric.definition, metric.parameters, {**metric.overrides, "label": "clicked"})


def with_weights(rows: pa.RecordBatch, weights: np.ndarray) -> pa.RecordBatch:
    columns = [*rows.columns, pa.array(weights.tolist(), pa.float64())]
    return pa.RecordBatch.from_arrays(columns, names=[*rows.schema.names, "of class"])


@pytest.mark.parametrize(
    ("dtype", "weight", "rate"), [(np.float64, None, RATE), (np.float32, "weight", 1.0), (np.float64, "weight", RATE)]
)
@pytest.mark.parametrize("positive", [None, 0, 1])
def test_two_classes_have_the_bits_of_a_weight_column(
    dtype: Any, weight: str | None, rate: float, positive: int | None
) -> None:
    metrics = [on_clicks(metric) for metric in BINARY if metric.parameters.get("positive") == positive]
    assert {"log_loss", "auc", "nce", "gauc", "confusion", "average_precision", "ks"} <= {
        metric.definition.name for metric in metrics
    }
    rows = helpers.make_rows([3, 40, 9, 60, 2], 5, dtype)
    own = None if weight is None else rows[weight].to_pylist()
    weights = reference.class_weights(
        rows["clicked"].to_pylist(), own, class_weight=WEIGHTS, negative_downsampling=rate, positive=positive
    )
    expected = fr.evaluate(with_weights(rows, weights), metrics, weight="of class", by="day", **ROLES)
    options: dict[str, Any] = {"weight": weight, "class_weight": WEIGHTS, "negative_downsampling": rate}
    given = fr.evaluate(rows, metrics, by="day", batch_rows=7, **options, **ROLES)
    assert helpers.result_bits(given) == helpers.result_bits(expected)


@pytest.mark.parametrize("weight", [False, True])
def test_several_classes_have_the_bits_of_a_weight_column(weight: bool) -> None:
    rows = helpers.make_rows([3, 40, 9, 60, 2], 6)
    assert len({metric.definition.name for metric in SEVERAL}) >= 3
    for label, weights in (("kind", {helpers.KINDS[2]: 0.1, helpers.KINDS[0]: 0.9}), ("number", {2: 0.1, 0: 0.9})):
        metrics = [metric for metric in SEVERAL if label_of(metric) == label]
        own = rows["weight"].to_pylist() if weight else None
        explicit = with_weights(rows, reference.class_weights(rows[label].to_pylist(), own, class_weight=weights))
        expected = fr.evaluate(explicit, metrics, weight="of class", **ROLES)
        given = fr.evaluate(rows, metrics, class_weight=weights, weight="weight" if weight else None, **ROLES)
        assert helpers.result_bits(given) == helpers.result_bits(expected)


def test_scikit_learn_agrees() -> None:
    rng = np.random.default_rng(3)
    y = rng.integers(0, 2, 500)
    p = rng.uniform(0.01, 0.99, 500)
    w = compute_sample_weight({0: 0.25, 1: 3.0}, y)
    found = fr.evaluate(
        {"y": y, "p": p}, ["log_loss", "brier", "auc"], label="y", score="p", class_weight={0: 0.25, 1: 3}
    )
    assert found["log_loss"] == pytest.approx(log_loss(y, p, sample_weight=w), rel=1e-13)
    assert found["brier"] == pytest.approx(brier_score_loss(y, p, sample_weight=w), rel=1e-13)
    assert found["auc"] == pytest.approx(roc_auc_score(y, p, sample_weight=w), rel=1e-13)


def test_downsampling_by_hand() -> None:
    # 2 positive rows, and 2 negative ones that stand for 20: the click rate is 1 / 11, the mean prediction 6.3 / 22.
    rows = {"y": [1, 1, 0, 0], "p": [0.8, 0.5, 0.25, 0.25]}
    found = fr.evaluate(rows, ["calibration_ratio", "nce"], label="y", score="p", negative_downsampling=0.1)
    assert found["calibration_ratio"] == 6.3 / 2
    b = 1 / 11
    loss = -(np.log(0.8) + np.log(0.5) + 20 * np.log(0.75)) / 22
    assert found["nce"] == pytest.approx(loss / -(b * np.log(b) + (1 - b) * np.log(1 - b)), rel=1e-14)


@pytest.mark.parametrize("negative", [0, -1, False])
def test_both_codings_of_negative_rows(negative: int) -> None:
    coded = {"y": [1, -1, 1, -1, -1], "p": [0.5, 0.1, 0.3, 0.9, 0.4]}
    plain = {**coded, "y": [1, 0, 1, 0, 0]}
    values = {
        fr.evaluate(rows, "log_loss", label="y", score="p", class_weight={negative: 5.0})["log_loss"]
        for rows in (coded, plain)
    }
    explicit = fr.evaluate({**plain, "w": [1, 5, 1, 5, 5]}, "log_loss", label="y", score="p", weight="w")["log_loss"]
    assert values == {explicit}


@pytest.mark.parametrize(
    ("positive", "weights", "rate", "expected"),
    [
        ("yes", {"yes": 5.0}, None, [5, 1, 1, 5, 1]),
        ("yes", {"no": 3.0, "yes": 5.0}, None, [5, 3, 1, 5, 3]),
        ("yes", {"maybe": 0.0, "no": 3.0}, 0.5, [1, 6, 0, 1, 6]),
        ("no", {}, 0.5, [2, 1, 2, 2, 1]),
        ("maybe", {"other": 9.0}, None, [1, 1, 1, 1, 1]),
    ],
)
@pytest.mark.parametrize("kind", [pa.string(), pa.dictionary(pa.int8(), pa.string()), pa.large_binary()])
def test_labels_as_they_stand(
    positive: str, weights: Any, rate: float | None, expected: list[float], kind: Any
) -> None:
    labels = pa.array(["yes", "no", "maybe", "yes", "no"]).cast(kind)
    rows = pa.table({"y": labels, "p": [0.2, 0.6, 0.3, 0.7, 0.9], "w": [float(w) for w in expected]})
    metric = m.average_precision(positive=positive)
    explicit = fr.evaluate(rows, metric, label="y", score="p", weight="w")
    given = fr.evaluate(rows, metric, label="y", score="p", class_weight=weights, negative_downsampling=rate)
    assert given[metric.name] == explicit[metric.name]
    assert given.table["rows"] == explicit.table["rows"]


def test_numbers_as_they_stand() -> None:
    rows = {"y": [3, 0, 7, 3], "p": [0.5, 0.1, 0.3, 0.9], "w": [1.0, 2.0, 4.0, 1.0]}
    metric = m.brier(positive=3)
    explicit = fr.evaluate(rows, metric, label="y", score="p", weight="w")
    given = fr.evaluate(rows, metric, label="y", score="p", class_weight={0: 2, 7.0: 4, 3: 1})
    assert given[metric.name] == explicit[metric.name]


def test_a_class_of_weight_zero_is_absent() -> None:
    rows = {"y": [1, 0, 1, 0], "p": [0.5, 0.1, 0.3, 0.9]}
    found = fr.evaluate(rows, ["auc", "log_loss"], label="y", score="p", class_weight={0: 0})
    assert np.isnan(found["auc"])
    assert (
        found["log_loss"] == fr.evaluate({"y": [1, 1], "p": [0.5, 0.3]}, "log_loss", label="y", score="p")["log_loss"]
    )
    assert found.to_dict()["rows"] == [2, 2]


def test_products_are_rounded_once_to_the_unit_of_weights() -> None:
    # 3 2^-73 is 1.5 units: 2 units; were the weight rounded before (to 2^-72), the product would be 3 units.
    rows = pa.table({"y": [1.0, 0.0], "p": [1.0, 0.5], "w": [2.0**-74, 1.0]})
    metric = m.brier()
    ev = Evaluator(metric, label="y", score="p", weight="w", class_weight={1: 6.0, 0: 2.0**-70})
    ev.update(rows.to_batches()[0])
    two, four = Fraction(2, 2**72), Fraction(4, 2**72)
    assert ev.result()["brier"] == float(four / 4 / (two + four))


def test_states_of_other_class_weights_do_not_merge() -> None:
    rows = helpers.make_rows([5, 20], 2)

    def state(**options: Any) -> Evaluator:
        return helpers.fed(Evaluator(["auc", "log_loss"], label="clicked", score="p", **options), [rows])

    for one, other in [({}, {1: 2.0}), ({1: 3.0}, {1: 2.0})]:
        with pytest.raises(StateMismatchError):
            state(class_weight=one).merge(state(class_weight=other).state())
    with pytest.raises(StateMismatchError):
        state(negative_downsampling=0.5).merge(state(class_weight={0: 2}).state())
    # Written down in another order, or where all is 1, they are the same.
    state(class_weight={0: 1, 1: 2}).merge(state(class_weight={True: 2.0, 0: np.float32(1)}).state())
    state().merge(state(class_weight={}, negative_downsampling=1))


@pytest.mark.parametrize("weight", [None, "weight"])
def test_splits_merges_and_pickles(weight: str | None) -> None:
    rows = helpers.make_rows([30, 4, 50, 7], 9)
    metrics = [
        "auc",
        "log_loss",
        "nce",
        "confusion",
        "gauc",
        m.multiclass_auc(label="number", score="scores", weight="base"),
    ]
    options: dict[str, Any] = {
        "label": "clicked", "score": "p", "query": "query", "weight": weight, "class_weight": WEIGHTS, "by": "country",
    }  # fmt: skip
    whole = helpers.fed(Evaluator(metrics, **options), [rows])
    parts = [helpers.fed(Evaluator(metrics, **options), [part]) for part in helpers.cut(rows, [30, 34, 84])]
    for merged in helpers.merged_in_any_order(parts, np.random.default_rng(0)):
        helpers.same_result(merged, whole)
    helpers.same_state(pickle.loads(pickle.dumps(whole)), whole)
    helpers.same_result(fr.evaluate(rows, metrics, batch_rows=11, threads=2, **options), whole)
    scattered = rows.take(pa.array(np.random.default_rng(1).permutation(rows.num_rows).tolist()))
    helpers.same_result(fr.evaluate(scattered, metrics, batch_rows=13, queries="scattered", **options), whole)


def test_values_of_queries_and_lists() -> None:
    rows = helpers.make_rows([8, 9, 10], 4)
    explicit = with_weights(rows, reference.class_weights(rows["clicked"].to_pylist(), class_weight=WEIGHTS))
    roles: dict[str, Any] = {"label": "clicked", "score": "p", "query": "query"}
    expected = pa.table(fr.evaluate(explicit, "gauc", weight="of class", per_query=True, **roles))
    assert pa.table(fr.evaluate(rows, "gauc", class_weight=WEIGHTS, per_query=True, **roles)).equals(expected)
    lists = pa.table({"clicked": [[1, 0, 1], [0, 1]], "p": [[0.1, 0.2, 0.3], [0.5, 0.6]], "query": [1, 2]})
    assert (
        fr.evaluate(lists, "gauc(group_weight=rows)", class_weight={0: 3.0}, **roles)["gauc"] == (0.5 * 5 + 1.0 * 4) / 9
    )


def test_metrics_without_classes_stay_as_they_are() -> None:
    rows = helpers.make_rows([8, 9, 10], 4)
    roles: dict[str, Any] = {"label": "clicked", "score": "p", "query": "query"}
    found = fr.evaluate(rows, ["auc", "ndcg@3", "mse"], class_weight=WEIGHTS, **roles)
    plain = fr.evaluate(rows, ["auc", "ndcg@3", "mse"], **roles)
    assert [found[name] == plain[name] for name in ("ndcg@3", "mse")] == [True, True]
    with pytest.raises(ParameterError, match="no metric here weighs rows by class"):
        fr.evaluate(rows, ["ndcg@3", "mse"], class_weight=WEIGHTS, **roles)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"class_weight": "balanced"}, '"balanced" weights depend on the counts of all rows'),
        ({"class_weight": [1, 2]}, "allowed: a dict of label and weight"),
        ({"class_weight": {0: -1}}, "the weight of 0 is -1; allowed"),
        ({"class_weight": {0: float("nan")}}, "the weight of 0 is nan; allowed"),
        ({"class_weight": {1: "2"}}, "the weight of 1 is '2'; allowed"),
        ({"class_weight": {1: True}}, "the weight of 1 is True; allowed"),
        ({"class_weight": {None: 1}}, "the label is None; allowed"),
        ({"class_weight": {(1,): 1}}, r"the label is \(1,\); allowed"),
        ({"class_weight": {2: 1.0}}, "auc: class_weight has the label 2; allowed: 0 or -1"),
        ({"class_weight": {0: 1.0, -1: 2}}, "labels 0 and -1, which both name negative rows"),
        ({"class_weight": {0: 2.0**20}, "negative_downsampling": 0.5}, "multiply a weight by 2097152.0"),
        ({"negative_downsampling": 0}, "negative_downsampling=0; allowed: a number from"),
        ({"negative_downsampling": 1.5}, "negative_downsampling=1.5; allowed"),
    ],
)
def test_refused(options: dict[str, Any], words: str) -> None:
    with pytest.raises(ParameterError, match=words):
        Evaluator("auc", label="y", score="p", **options)


def test_refused_with_parameters_of_the_metric() -> None:
    with pytest.raises(ParameterError, match="class_weight has the label 1; allowed: text, as is positive='yes'"):
        Evaluator(m.auc(positive="yes"), label="y", score="p", class_weight={1: 2})
    with pytest.raises(ParameterError, match="class_weight has the label 'cow'; allowed: a class: cat, dog"):
        Evaluator(m.multiclass_auc(classes=["cat", "dog"]), label="y", score="p", class_weight={"cow": 2})
    for label in (-1, 0.5, "a", 2**20):
        with pytest.raises(ParameterError, match="allowed: the number of a class, an integer from 0"):
            Evaluator(m.multiclass_auc(), label="y", score="p", class_weight={label: 2})
    with pytest.raises(ParameterError, match="several classes have no negative rows"):
        Evaluator(m.multiclass_auc(), label="y", score="p", negative_downsampling=0.5)
    with pytest.raises(ParameterError, match="reads labels from the judgments"):
        Evaluator("gauc", score="score", qrels={"1": {"a": 1}}, class_weight={1: 2})


def test_bad_rows_are_named() -> None:
    rows = {"y": [1, 0, 1], "p": [0.5, 0.1, 0.3], "w": [1.0, 2.0, 2.0]}
    with pytest.raises(
        InvalidValueError, match=r"column 'w' \(weight\): row 2 holds 2.0; .* after class_weight=\{1: 1048576.0\}"
    ):
        fr.evaluate(rows, "auc", label="y", score="p", weight="w", class_weight={1: 2**20})
    dropped = fr.evaluate(rows, "auc", label="y", score="p", weight="w", class_weight={1: 2**20}, on_invalid="drop")
    assert dropped.to_dict()["rows_dropped"] == [1]
    with pytest.raises(InvalidValueError, match=r"column 'y' \(label\): row 1 holds 0.5; allowed: 0 or 1"):
        fr.evaluate({**rows, "y": [1, 0.5, 0]}, "calibration_ratio", label="y", score="p", class_weight={1: 2})
    with pytest.raises(InvalidValueError, match=r"column 'w' \(weight\): row 0 holds -1.0"):
        fr.evaluate({**rows, "w": [-1.0, 1, 1]}, "auc", label="y", score="p", weight="w", class_weight={1: 2})
    with pytest.raises(InvalidValueError, match=r"column 'w' \(weight\): row 1 holds -1.0"):
        fr.evaluate({**rows, "w": [1.0, -1.0, 1]}, "auc", label="y", score="p", weight="w", class_weight={0: 0})
    for bad in (np.nan, np.inf, None):
        with pytest.raises(InvalidValueError, match=r"column 'w' \(weight\): row 1 holds"):
            fr.evaluate({**rows, "w": [1.0, bad, 1]}, "auc", label="y", score="p", weight="w", class_weight={0: 0})
    days = pa.table({"y": pa.array([0, 1], pa.date32()), "p": [0.1, 0.2]})
    with pytest.raises(ColumnTypeError, match="a type of which the class_weight of 'Monday' names a value"):
        fr.evaluate(days, m.auc(positive="1970-01-01"), label="y", score="p", class_weight={"Monday": 2})


def test_command_line(tmp_path: Path) -> None:
    path = tmp_path / "rows.csv"
    path.write_text("y,t,p\n1,yes,0.8\n0,no,0.3\n0,1,0.1\n")

    def value(*arguments: str) -> float:
        done = CliRunner().invoke(main, ["evaluate", str(path), "--score", "p", "--format", "json", *arguments])
        assert done.exit_code == 0, done.output
        return float(json.loads(done.stdout)[0]["value"])

    of_numbers = ("--label", "y", "-m", "calibration_ratio")
    assert value(*of_numbers, "--class-weight", "0=2", "--class-weight", "1=0.5") == pytest.approx(1.2 / 0.5)
    assert value(*of_numbers, "--negative-downsampling", "0.5") == pytest.approx(1.6)
    of_texts = ("--label", "t", "-m", "brier(positive='yes')")
    expected = (0.2**2 + 3 * 0.3**2 + 2 * 0.1**2) / 6
    assert value(*of_texts, "--class-weight", "no=3", "--class-weight", "'1'=2") == pytest.approx(expected)
    for wrong in ("1", "=2", "1=a"):
        done = CliRunner().invoke(main, ["evaluate", str(path), "--score", "p", *of_numbers, "--class-weight", wrong])
        assert done.exit_code == 2
        assert "a label and a weight, as in" in done.output
