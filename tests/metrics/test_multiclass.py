"""Metrics of several classes: worked by hand, against scikit-learn, in every shape of scores, and what is refused."""

from __future__ import annotations

import math
import re
from itertools import pairwise
from typing import Any

import helpers
import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from shared_data import shared

import fastrank as fr
from fastrank import Evaluator, reference
from fastrank import metrics as m
from fastrank.errors import ColumnTypeError, InvalidValueError, ParameterError, StateMismatchError

LABEL = [0, 1, 2, 1]
SCORE = [[0.7, 0.2, 0.1], [0.3, 0.4, 0.3], [0.2, 0.2, 0.6], [0.5, 0.1, 0.4]]
ROLES = {"label": "label", "score": "score"}
AVERAGES = [("macro", "ovr"), ("weighted", "ovr"), ("micro", "ovr"), ("macro", "ovo"), ("weighted", "ovo")]


def evaluated(metrics: Any, label: Any = LABEL, score: Any = SCORE, **options: Any) -> fr.Result:
    return fr.evaluate({"label": label, "score": score}, metrics, **ROLES, **options)


def test_auc_of_each_class_by_hand():
    # By score 0 class 0 (0.7) is above 0.3, 0.2, 0.5: 1.  By score 1 class 1 (0.4, 0.1) against 0.2, 0.2: 2 of 4 won.
    # By score 2 class 2 (0.6) is above 0.1, 0.3, 0.4: 1.  Weights 1, 2, 1.
    result = evaluated([m.multiclass_auc(), m.multiclass_auc(average="weighted")])
    assert result["multiclass_auc"] == 2.5 / 3
    assert result["multiclass_auc(average=weighted)"] == (1 + 2 * 0.5 + 1) / 4
    table = result.curve("multiclass_auc").to_pydict()
    assert table == {"class": [0, 1, 2], "auc": [1.0, 0.5, 1.0], "weight": [1, 2, 1]}


def test_auc_of_pairs_of_classes_by_hand():
    # 0 and 1: by score 0, 0.7 is above 0.3 and 0.5: 1; by score 1, of 0.4 and 0.1 one is above 0.2: 1/2; mean 3/4.
    # 0 and 2: 0.7 above 0.2: 1; 0.6 above 0.1: 1; mean 1.
    # 1 and 2: by score 1, of 0.4 and 0.1 one is above 0.2: 1/2; by score 2, 0.6 is above 0.3 and 0.4: 1; mean 3/4.
    result = evaluated([m.multiclass_auc(scheme="ovo"), m.multiclass_auc(scheme="ovo", average="weighted")])
    assert result["multiclass_auc(scheme=ovo)"] == 2.5 / 3
    table = result.curve("multiclass_auc(scheme=ovo)").to_pydict()
    assert table == {
        "class_a": [0, 0, 1], "class_b": [1, 2, 2], "auc": [0.75, 1.0, 0.75], "weight": [3, 2, 3],
    }  # fmt: skip
    assert result["multiclass_auc(average=weighted, scheme=ovo)"] == (3 * 0.75 + 2 * 1 + 3 * 0.75) / 8


def test_auc_of_all_scores_together_by_hand():
    # Positives 0.7, 0.4, 0.6, 0.1; negatives 0.2, 0.1, 0.3, 0.3, 0.2, 0.2, 0.5, 0.4.
    # 0.7 and 0.6 win all 8; 0.4 wins 6 and ties 1; 0.1 ties 1: (8 + 8 + 6.5 + 0.5) / 32.
    result = evaluated([m.multiclass_auc(average="micro")])
    assert result["multiclass_auc(average=micro)"] == 23 / 32
    with pytest.raises(fr.FastrankError, match="a number only"):
        result.curve("multiclass_auc(average=micro)")


def test_a_class_without_rows_has_no_auc_and_is_left_out():
    # Class 2 has no rows; by scores 0 and 1 class 0 (0.7, 0.6) and class 1 (0.9) win all.
    label, score = [0, 0, 1], [[0.7, 0.2, 0.1], [0.6, 0.4, 0.0], [0.0, 0.9, 0.1]]
    result = evaluated(["multiclass_auc", "multiclass_auc(scheme=ovo)"], label, score)
    assert result["multiclass_auc"] == result["multiclass_auc(scheme=ovo)"] == 1.0
    areas = result.curve("multiclass_auc")["auc"].to_pylist()
    assert areas[:2] == [1.0, 1.0]
    assert math.isnan(areas[2])
    assert np.isnan(result.curve("multiclass_auc(scheme=ovo)")["auc"]).tolist() == [False, True, True]


def test_one_class_alone_has_no_auc():
    names = ["multiclass_auc", "multiclass_auc(scheme=ovo)", "multiclass_auc(average=micro)"]
    result = evaluated(names, [1, 1], SCORE[:2])
    assert [math.isnan(result[name]) for name in names] == [True, True, False]
    assert result.table["undefined"].to_pylist() == [1, 1, 0]


def test_top_k_accuracy_by_hand():
    # The class is first; second; tied second with one more, below one: (2 - 1) / 2; third.
    score = [[0.7, 0.2, 0.1], [0.5, 0.4, 0.1], [0.6, 0.2, 0.2], [0.1, 0.2, 0.7]]
    assert m.top_k_accuracy().compute([0, 1, 2, 0], score) == (1 + 1 + 0.5 + 0) / 4
    assert m.top_k_accuracy(k=1).compute([0, 1, 2, 0], score) == 0.25
    assert m.top_k_accuracy(k=2).compute([0, 1, 2, 0], score, weight=[1, 2, 4, 1]) == (1 + 2 + 4 * 0.5) / 8
    assert m.top_k_accuracy(k=3).compute([0, 1, 2, 0], score) == 1.0
    # Three tied for two places.
    assert m.top_k_accuracy(k=2).compute([1], [[0.5, 0.5, 0.5]]) == 2 / 3


def test_confusion_by_hand():
    # Predicted 0, 1, 2, 0; of 0.5 and 0.5 the first counts.
    score = [*SCORE[:3], [0.5, 0.5, 0.0]]
    result = evaluated(["multiclass_confusion"], LABEL, score)
    assert result["multiclass_confusion"] == 3 / 4
    table = result.curve("multiclass_confusion")
    assert table["true"].to_pylist() == [0, 0, 0, 1, 1, 1, 2, 2, 2]
    assert table["predicted"].to_pylist() == [0, 1, 2] * 3
    assert table["weight"].to_pylist() == [1, 0, 0, 1, 1, 0, 0, 0, 1]
    weighted = fr.evaluate(
        {"label": LABEL, "score": score, "w": [0.5, 2, 0, 0.25]}, "multiclass_confusion", **ROLES, weight="w"
    )
    assert weighted["multiclass_confusion"] == 2.5 / 2.75
    assert weighted.curve("multiclass_confusion")["weight"].to_pylist() == [0.5, 0, 0, 0.25, 2, 0, 0, 0, 0]


RECORDS = ["lenet-5-cifar-10.npz", "densenet-bc-100-cifar-100.npz"]


def softmax(name: str, rows: int) -> tuple[np.ndarray, np.ndarray]:
    """Classes and probabilities, as float64 that add up to 1."""
    with np.load(shared("pointwise", name)) as records:
        truth, scores = records["ground_truth"].ravel()[:rows], records["predictions"][:rows].astype(np.float64)
    return truth, scores / scores.sum(axis=1, keepdims=True)


@pytest.mark.parametrize("name", RECORDS)
def test_auc_equals_scikit_learn(name):
    from sklearn.metrics import roc_auc_score

    truth, scores = softmax(name, 10_000)
    weights = np.random.default_rng(0).choice([0.5, 1.0, 3.0], truth.size)
    for average, scheme in AVERAGES:
        if scheme == "ovr" or scores.shape[1] == 10:
            metric = m.multiclass_auc(average=average, scheme=scheme)
            expected = roc_auc_score(truth, scores, multi_class=scheme, average=average)
            assert math.isclose(metric.compute(truth, scores), expected, rel_tol=1e-12), (average, scheme)
        if scheme == "ovr":
            expected = roc_auc_score(truth, scores, multi_class=scheme, average=average, sample_weight=weights)
            assert math.isclose(metric.compute(truth, scores, weights), expected, rel_tol=1e-12), average


@pytest.mark.parametrize("name", RECORDS)
def test_top_k_accuracy_and_confusion_equal_scikit_learn(name):
    from sklearn.metrics import accuracy_score, confusion_matrix, top_k_accuracy_score

    truth, scores = softmax(name, 10_000)
    weights = np.random.default_rng(0).choice([0.5, 1.0, 3.0], truth.size)
    untied = np.array([np.count_nonzero(row == row[own]) == 1 for row, own in zip(scores, truth, strict=True)])
    truth, scores, weights = truth[untied], scores[untied], weights[untied]
    labels = np.arange(scores.shape[1])
    for k in (1, 2, 5):
        expected = top_k_accuracy_score(truth, scores, k=k, labels=labels)
        assert math.isclose(m.top_k_accuracy(k=k).compute(truth, scores), expected, rel_tol=1e-12)
        expected = top_k_accuracy_score(truth, scores, k=k, labels=labels, sample_weight=weights)
        assert math.isclose(m.top_k_accuracy(k=k).compute(truth, scores, weights), expected, rel_tol=1e-12)
    predicted = scores.argmax(axis=1)
    for weight, options in ((None, {}), (weights, {"weight": "weight"})):
        columns = {"label": truth, "score": scores, "weight": weights}
        result = fr.evaluate(columns, "multiclass_confusion", **ROLES, **options)
        expected = confusion_matrix(truth, predicted, labels=labels, sample_weight=weight)
        found = np.array(result.curve("multiclass_confusion")["weight"].to_pylist()).reshape(expected.shape)
        assert np.array_equal(found, expected)
        right = accuracy_score(truth, predicted, sample_weight=weight)
        assert math.isclose(result["multiclass_confusion"], right, rel_tol=1e-12)


def shapes(label: np.ndarray, score: np.ndarray) -> dict[str, Any]:
    """The same rows in every form that scores of classes come in."""
    lists = score.tolist()
    fixed = pa.FixedSizeListArray.from_arrays(helpers.floats(score.ravel()), score.shape[1])
    kind = pa.from_numpy_dtype(score.dtype)
    padded = pa.concat_arrays([fixed[:1], fixed, fixed[:2]]).slice(1, len(fixed))
    halves = [fixed.slice(0, len(fixed) // 2), fixed.slice(len(fixed) // 2)]
    return {
        "matrix": score,
        "columns first": np.asfortranarray(score),
        "lists": lists,
        "fixed": fixed,
        "list": pa.array(lists, pa.list_(kind)),
        "large list": pa.array(lists, pa.large_list(kind)),
        "sliced": padded,
        "sliced list": pa.array([None, *lists], pa.list_(kind)).slice(1),
        "chunked": pa.chunked_array(halves),
        "tensor": pa.ExtensionArray.from_storage(pa.fixed_shape_tensor(kind, [score.shape[1]]), fixed),
    }


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_scores_in_every_shape(dtype):
    rng = np.random.default_rng(1)
    label, score = rng.integers(0, 4, 50), rng.integers(0, 9, (50, 4)).astype(dtype)
    metrics = ["multiclass_auc", "multiclass_auc(bits=12)", "top_k_accuracy@2", "multiclass_confusion"]
    expected = helpers.result_bits(evaluated(metrics, label, score))
    for name, scores in shapes(label, score).items():
        table = {"label": label, "score": scores}
        for batch_rows in (None, 7):
            found = fr.evaluate(table, metrics, **ROLES, batch_rows=batch_rows)
            assert helpers.result_bits(found) == expected, name
    columns = {f"p{k}": score[:, k] for k in range(4)}
    spelled = [m.multiclass_auc(scores=list(columns)), m.multiclass_auc(scores=list(columns), bits=12),
               m.top_k_accuracy(scores=list(columns)), m.multiclass_confusion(scores=list(columns))]  # fmt: skip
    result = fr.evaluate({"label": label, **columns}, spelled, label="label")
    assert helpers.result_bits(result)["value"] == expected["value"]


def test_several_score_columns_in_a_spelling(tmp_path):
    path = tmp_path / "rows.csv"
    path.write_text("kind,p cat,p_dog\ncat,0.8,0.2\ndog,0.4,0.6\ncat,0.3,0.7\n")
    spelling = "top_k_accuracy(scores=['p cat', p_dog], classes=[cat, dog])@1"
    assert fr.metrics.parse(spelling)[0].canonical == spelling
    result = fr.evaluate(
        path, [spelling, "multiclass_confusion(classes=[cat, dog], scores=['p cat', p_dog])"], label="kind"
    )
    assert result[spelling] == 2 / 3
    assert list(result.to_dict()["value"]) == [2 / 3, 2 / 3]


def test_classes_by_name():
    names = ["b", "a", "ç"]
    metrics = [m.multiclass_auc(classes=names), m.multiclass_confusion(classes=names)]
    text = [names[k] for k in LABEL]
    by_number = evaluated([m.multiclass_auc(), m.multiclass_confusion()])
    for label in (text, pa.array(text, pa.large_string()), pa.array(text).dictionary_encode()):
        result = evaluated(metrics, label)
        assert result.to_dict()["value"] == by_number.to_dict()["value"]
        assert result.curve(metrics[0].name)["class"].to_pylist() == names
        assert result.curve(metrics[1].name)["predicted"].to_pylist() == names * 3
    numbers = [30, -1, 5]
    result = evaluated(m.multiclass_auc(classes=numbers), [float(numbers[k]) for k in LABEL])
    assert result.to_dict()["value"] == [2.5 / 3]


def test_several_models_of_lists():
    other = [row[::-1] for row in SCORE]
    table = {"label": LABEL, "a": SCORE, "b": other}
    result = fr.evaluate(table, ["multiclass_auc", "top_k_accuracy@1"], label="label", score=["a", "b"])
    for name, metric in (("multiclass_auc", m.multiclass_auc()), ("top_k_accuracy@1", m.top_k_accuracy(k=1))):
        assert result[name] == {"a": metric.compute(LABEL, SCORE), "b": metric.compute(LABEL, other)}


def test_where_and_slices_and_invalid_rows_that_are_dropped():
    nan = math.nan
    score = [*SCORE, [0.1, nan, 0.3], None, [0.9, 0.0, 0.1], [0.0, 0.0, 0.1]]
    table = pa.table({
        "label": pa.array([*LABEL, 0, 1, 3, None]), "score": pa.array(score), "day": [1, 1, 1, 1, 1, 1, 1, 2],
    })  # fmt: skip
    metrics = ["multiclass_auc", "multiclass_auc(scheme=ovo)", "top_k_accuracy@1", "multiclass_confusion"]
    result = fr.evaluate(table, metrics, **ROLES, by="day", on_invalid="drop")
    assert result.to_dict()["rows_dropped"] == [4] * 4 + [3] * 4 + [1] * 4
    expected = evaluated(metrics).to_dict()["value"]
    assert result.to_dict()["value"][:8] == expected * 2
    assert all(math.isnan(value) for value in result.to_dict()["value"][8:])
    table = table.slice(0, 4).append_column("keep", pa.array([True, True, False, True]))
    kept = fr.evaluate(table, metrics, **ROLES, where="keep").to_dict()["value"]
    rows = [0, 1, 3]
    assert kept == evaluated(metrics, [LABEL[i] for i in rows], [SCORE[i] for i in rows]).to_dict()["value"]


def message(error: type[Exception], metric: Any, label: Any, score: Any, **options: Any) -> str:
    with pytest.raises(error) as caught:
        fr.evaluate({"label": label, "score": score}, metric, **{**ROLES, **options})
    return str(caught.value)


def test_what_is_refused_of_rows():
    auc = m.multiclass_auc()
    text = message(InvalidValueError, auc, [0, 3], SCORE[:2])
    assert text.startswith(
        "column 'label' (label): row 1 holds 3; allowed: the number of a class, an integer from 0 to 2;"
    )
    assert "row 1 holds 0.5; allowed: the number of a class" in message(InvalidValueError, auc, [0, 0.5], SCORE[:2])
    assert "row 0 holds -1; allowed" in message(InvalidValueError, auc, [-1, 0], SCORE[:2])
    text = message(InvalidValueError, m.multiclass_auc(classes=["x", "y", "z"]), ["x", "w"], SCORE[:2])
    assert text.startswith("column 'label' (label): row 1 holds 'w'; allowed: a class: x, y, z;")
    text = message(InvalidValueError, m.top_k_accuracy(classes=[7, 8, 9]), [7, 6], SCORE[:2])
    assert "row 1 holds 6; allowed: a class: 7, 8, 9;" in text
    text = message(InvalidValueError, auc, [0, 1], [[0.1, 0.9], [0.1, math.nan]])
    assert "row 1 holds [0.1, nan]; allowed: a list of numbers, one for each class, none of them null or NaN" in text
    text = message(InvalidValueError, auc, [0, 1], pa.array([[0.1, 0.9], None]))
    assert "row 1 holds null; allowed: a list of numbers" in text
    for options in ({}, {"on_invalid": "drop"}, {"batch_rows": 1}):
        text = message(InvalidValueError, auc, [0, 1], [[0.1, 0.9], [0.1, 0.2, 0.7]], **options)
        assert (
            "column 'score' (score): row 1 holds a list of 3 numbers; allowed: a list of 2 numbers, as the rows before"
            in text
        )
    text = message(InvalidValueError, m.multiclass_auc(classes=[1, 2, 3]), [1, 2], [[0.1, 0.9], [0.1, 0.2, 0.7]])
    assert "row 0 holds a list of 2 numbers; allowed: a list of 3 numbers" in text
    assert "holds a list of 0 numbers; allowed: a list of numbers" in message(InvalidValueError, auc, [0], [[]])
    wide = [[0.1] * 99 + [math.nan]]
    assert "0.1, ...] (100 entries); allowed" in message(InvalidValueError, auc, [0], wide)
    with pytest.raises(InvalidValueError, match=r"column 'b' \(score\[1\]\): row 1 holds nan"):
        fr.evaluate({"y": [0, 1], "a": [0.1, 0.2], "b": [0.1, math.nan]}, "multiclass_auc(scores=[a, b])", label="y")
    with pytest.raises(
        InvalidValueError, match=r"row 1 holds 2; allowed: the number of a class, an integer from 0 to 1"
    ):
        fr.evaluate({"y": [0, 2], "a": [0.1, 0.2], "b": [0.1, 0.5]}, "multiclass_auc(scores=[a, b])", label="y")


def test_what_is_refused_of_columns():
    auc = m.multiclass_auc()
    assert "is of type double; allowed: list, or list of fixed size, of numbers" in message(
        ColumnTypeError, auc, [0, 1], [0.1, 0.9]
    )
    assert "of numbers, of type integer, float" in message(ColumnTypeError, auc, [0, 1], [["a", "b"], ["c", "d"]])
    assert "or name the classes (classes=[...])" in message(ColumnTypeError, auc, ["a", "b"], SCORE[:2])
    assert "string, the name of a class" in message(
        ColumnTypeError, m.multiclass_auc(classes=["a", "b"]), [0, 1], SCORE[:2]
    )
    assert "bool or decimal, the number of a class; classes= may list texts" in message(
        ColumnTypeError, m.multiclass_auc(classes=[0, 1]), ["a", "b"], SCORE[:2]
    )
    fixed = np.array(SCORE[:2])
    assert "lists of 2 numbers" in message(ColumnTypeError, m.multiclass_auc(classes=[0, 1]), [0, 1], fixed)
    for metric in ("auc", "accuracy", "log_loss"):
        assert re.search(
            r"\(score\) is of type .*; allowed: .*, one a row: array\[:, 1\] .* multiclass metrics take lists",
            message(ColumnTypeError, metric, [0, 1], fixed),
        )
    table = {"label": [[1, 0, 0]], "score": [[0.1, 0.2, 0.3]]}
    with pytest.raises(ParameterError, match="evaluate them apart"):
        fr.evaluate(table, ["ndcg", "multiclass_auc"], **ROLES)


@pytest.mark.parametrize(
    "arguments",
    [
        {"scores": ["a"]}, {"scores": ["a", "a"]}, {"scores": "ab"}, {"scores": ["a", 1]}, {"scores": []},
        {"classes": ["a"]}, {"classes": ["a", 1]}, {"classes": [1, 1]}, {"classes": [1, True]}, {"classes": [0.5, 1]},
        {"classes": [1, 2**60]}, {"classes": {"a": 1, "b": 2}}, {"scores": ["a", "b"], "classes": [1, 2, 3]},
        {"scores": ["a", "b"], "score": "c"}, {"average": "micro", "scheme": "ovo"}, {"average": "none"},
    ],
    ids=str,
)  # fmt: skip
def test_what_is_refused_of_parameters(arguments):
    with pytest.raises(ParameterError, match=r"^multiclass_auc"):
        m.multiclass_auc(**arguments)


def test_columns_of_scores_stand_in_place_of_the_column_of_lists():
    with pytest.raises(ParameterError, match=r"^multiclass_auc\(scores=\[a, b\]\) has no use for .* role 'score'$"):
        m.multiclass_auc(scores=["a", "b"], score="c")


@pytest.mark.parametrize("metric", ["multiclass_auc", "multiclass_auc(scheme=ovo)", "multiclass_auc(average=micro)"])
def test_what_stands_in_files_is_merged_there(metric):
    rng = np.random.default_rng(3)
    score = rng.random((6000, 3)).astype(np.float32)
    label, day = rng.integers(0, 3, 6000), rng.integers(0, 2, 6000)
    table = pa.table({
        "label": label, "score": pa.FixedSizeListArray.from_arrays(helpers.floats(score.ravel()), 3), "day": day,
    })  # fmt: skip
    whole = fr.evaluate(table, metric, **ROLES, by="day")
    shards = [Evaluator([metric], **ROLES, by="day", memory_limit=1 << 14) for _ in range(2)]
    for shard, part in zip(shards, (table.slice(0, 3500), table.slice(3500)), strict=True):
        for batch in part.to_batches(max_chunksize=500):
            shard.update(batch)
    merged = Evaluator([metric], **ROLES, by="day", memory_limit=1 << 14)
    for shard in shards:
        merged.merge(shard)
    (state,) = merged.plan.accumulators.values()
    held = [each for each in state._inner._slices if each.size]
    assert all(each.spilled and not each.wide for each in held)
    if "ovo" not in metric:  # which makes states of pairs of classes, in memory
        assert merged.result().table.equals(whole.table)


def test_states_of_another_number_of_classes_do_not_merge():
    metrics = ["multiclass_auc", "multiclass_confusion", "top_k_accuracy@1"]
    for metric in metrics:
        three, two, none = (Evaluator([metric], **ROLES) for _ in range(3))
        three.update(pa.record_batch({"label": LABEL, "score": SCORE}))
        two.update(pa.record_batch({"label": [0, 1], "score": [[0.1, 0.9], [0.2, 0.8]]}))
        before = helpers.frozen(three.state())
        for other in (two, two.state()):
            with pytest.raises(StateMismatchError, match="of 3 classes here, of 2 classes there"):
                three.merge(other)
        three.merge(none)
        helpers.identical_state(three.state(), before)
        with pytest.raises(InvalidValueError, match="row 4 holds a list of 2 numbers; allowed: a list of 3"):
            three.update(pa.record_batch({"label": [0], "score": [[0.1, 0.9]]}))
        three.update(pa.record_batch({"label": [0], "score": [[0.1, 0.9, 0.0]]}))
        assert three.result().table["rows"].to_pylist() == [5]


def test_states_of_other_classes_do_not_merge():
    here, there = (Evaluator([m.multiclass_confusion(classes=names)], **ROLES) for names in (["a", "b"], ["b", "a"]))
    for evaluator in (here, there):
        evaluator.update(pa.record_batch({"label": ["a", "b"], "score": [[0.1, 0.9], [0.2, 0.8]]}))
    with pytest.raises(StateMismatchError, match="the other state lacks"):
        here.merge(there)


def test_tables_past_the_limits_are_refused(monkeypatch):
    from fastrank.accumulators import class_scores, classes

    monkeypatch.setattr(class_scores, "MOST_PARTS", 8)
    with pytest.raises(ParameterError, match=r'1 slices of 9 distributions .* more than 8; .*, or scheme="ovr"$'):
        evaluated("multiclass_auc(scheme=ovo)")
    assert evaluated("multiclass_auc")["multiclass_auc"] == 2.5 / 3
    monkeypatch.setattr(classes, "LARGEST_TABLE", 71)
    with pytest.raises(ParameterError, match="tables of 3 x 3 classes of 1 slices take more than"):
        evaluated("multiclass_confusion")


def test_rows_of_weight_zero_alone_make_no_class():
    table = {"label": LABEL, "score": SCORE, "w": [0.0] * 4}
    metrics = ["multiclass_auc", "multiclass_auc(bits=12, scheme=ovo)", "multiclass_confusion", "top_k_accuracy@1"]
    first, second = (Evaluator(metrics, **ROLES, weight="w") for _ in range(2))
    first.update(pa.record_batch(table))
    second.merge(first.state())
    assert np.isnan(second.result().table["value"]).tolist() == [True] * 4
    helpers.identical_state(second.state(), first.state())


def damaged(state: pa.Table, **changes: Any) -> pa.Table:
    """The state with other values in fields of its only accumulator."""
    name = state.schema.names[-1]
    (row,) = state[name].to_pylist()
    column = pa.array([{**row, **changes}], state.schema.field(name).type)
    return state.set_column(state.schema.get_field_index(name), state.schema.field(name), column)


@pytest.mark.parametrize(
    ("metric", "changes"),
    [
        ("multiclass_auc", {"classes": -3}), ("multiclass_auc", {"classes": 2}), ("multiclass_auc", {"classes": 2**40}),
        ("multiclass_auc", {"sizes": [4, 4, 0]}), ("multiclass_auc", {"sizes": [4, 4, 5]}),
        ("multiclass_auc", {"parts": [-1, 1, 2]}), ("multiclass_auc", {"sizes": [5, 2, 4]}),
        ("multiclass_confusion", {"pairs": [0, 3, 4, 9]}), ("multiclass_confusion", {"classes": 1}),
    ],
    ids=str,
)  # fmt: skip
def test_damaged_states_are_refused(metric, changes):
    evaluator = Evaluator([metric], **ROLES)
    evaluator.update(pa.record_batch({"label": LABEL, "score": SCORE}))
    state = evaluator.state()
    same = Evaluator([metric], **ROLES)
    same.merge(damaged(state))
    assert same.result()[metric] == evaluator.result()[metric]
    with pytest.raises(StateMismatchError):
        Evaluator([metric], **ROLES).merge(damaged(state, **changes))


@settings(max_examples=40, deadline=None)
@given(
    count=st.integers(4, 40),
    seed=st.integers(0, 2**32 - 1),
    bits=st.sampled_from([12, 16, 20]),
    weighted=st.booleans(),
    how=st.sampled_from(AVERAGES),
)
def test_bounds_by_cells_hold_and_equal_the_reference(count, seed, bits, weighted, how):
    rng = np.random.default_rng(seed)
    label = rng.integers(0, 3, count)
    score = 1 + rng.integers(-9, 10, (count, 3)) * 2.0 ** -rng.integers(4, 22)
    weight = rng.choice([0.0, 0.1, 2.5, 2.0**-60], count) if weighted else None
    options = dict(zip(("average", "scheme"), how, strict=True))
    columns = {"label": label, "score": score, **({"weight": weight} if weighted else {})}
    roles = {name: name for name in columns}
    metrics = [m.multiclass_auc(**options, bits=bits), m.multiclass_auc(**options)]
    evaluator = Evaluator(metrics, **roles)
    evaluator.update(pa.record_batch({**columns, "score": score.tolist()}))
    binned, exact = evaluator.result().table.to_pylist()
    assert helpers.bits(exact["value"]) == helpers.bits(reference.multiclass_auc(label, score, weight, **options))
    lower, upper = reference.multiclass_auc_bounds(label, score, weight, bits=bits, **options)
    if math.isnan(exact["value"]):
        assert binned["bound_lower"] is None
        assert math.isnan(lower)
        return
    assert [helpers.bits(binned[end]) for end in ("bound_lower", "bound_upper")] == [
        helpers.bits(lower), helpers.bits(upper),
    ]  # fmt: skip
    assert lower <= exact["value"] <= upper
    assert lower <= binned["value"] <= upper


def test_the_same_bits_in_any_split_order_and_number_of_threads():
    rng = np.random.default_rng(7)
    label, score = rng.integers(0, 5, 3_000), rng.normal(size=(3_000, 5)).round(2).astype(np.float32)
    table = pa.table({
        "label": label.tolist(),
        "score": pa.FixedSizeListArray.from_arrays(helpers.floats(score.ravel()), 5),
        "w": helpers.floats(rng.choice([0.1, 0.25, 1e6, 2.0**-70], 3_000)),
    })  # fmt: skip
    metrics = [m.multiclass_auc(average=a, scheme=s) for a, s in AVERAGES]
    metrics += [m.multiclass_auc(bits=14), m.top_k_accuracy(k=3), m.multiclass_confusion()]
    roles = {**ROLES, "weight": "w"}
    whole = fr.evaluate(table, metrics, **roles, threads=1)
    assert helpers.result_bits(fr.evaluate(table, metrics, **roles, threads=2)) == helpers.result_bits(whole)
    shuffled = table.take(pa.array(rng.permutation(3_000).tolist()))
    places = [0, 10, 1_500, 1_501, 3_000]
    parts = [Evaluator(metrics, **roles) for _ in places[1:]]
    for evaluator, (start, stop) in zip(parts, pairwise(places), strict=True):
        helpers.fed(evaluator, shuffled.slice(start, stop - start).to_batches(max_chunksize=400))
    (merged,) = helpers.merged_in_any_order(parts, rng)
    helpers.same_result(merged, whole)
    for metric in (metrics[0], metrics[3], metrics[-1]):
        assert merged.result().curve(metric.name).equals(whole.curve(metric.name))
