"""Losses of several classes: worked by hand, and what is refused."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

import fastrank as fr
from fastrank import metrics as m
from fastrank.errors import InvalidValueError, ParameterError, StateMismatchError

LABEL = [0, 2]
SCORE = [[0.7, 0.2, 0.1], [0.3, 0.3, 0.4]]


def evaluated(metrics: Any, label: Any = LABEL, score: Any = SCORE, **options: Any) -> fr.Result:
    return fr.evaluate({"label": label, "score": score}, metrics, label="label", score="score", **options)


def test_log_loss_by_hand():
    assert m.multiclass_log_loss().compute(LABEL, SCORE) == pytest.approx(-(math.log(0.7) + math.log(0.4)) / 2)
    weighted = -(math.log(0.7) + 3 * math.log(0.4)) / 4
    assert m.multiclass_log_loss().compute(LABEL, SCORE, weight=[1, 3]) == pytest.approx(weighted, rel=1e-15)
    rows = {"label": ["a", "c"], "a": [0.7, 0.3], "b": [0.2, 0.3], "c": [0.1, 0.4]}
    metric = m.multiclass_log_loss(scores=["a", "b", "c"], classes=["a", "b", "c"])
    assert fr.evaluate(rows, metric, label="label")[metric.name] == m.multiclass_log_loss().compute(LABEL, SCORE)


def test_log_loss_of_two_classes_is_the_binary_one():
    rng = np.random.default_rng(1)
    p, label = rng.random(1000) ** 4, rng.integers(0, 2, 1000)
    for rules in ({}, {"eps": 0.01}, {"eps": 1e-9, "clip": "true_class"}):
        found = m.multiclass_log_loss(**rules).compute(label, np.column_stack([1 - p, p]))
        assert found == pytest.approx(m.log_loss(**rules).compute(label, p), rel=1e-14)


def test_log_loss_clips_and_counts():
    score = [[1.0, 0.0, 0.0], [1.0, 0.0, 0.0]]
    result = evaluated(["multiclass_log_loss", "multiclass_log_loss(eps=None)"], [0, 1], score)
    assert result["multiclass_log_loss"] == pytest.approx(26 * math.log(2), rel=1e-15)
    assert result["multiclass_log_loss(eps=None)"] == math.inf
    assert result.table["rows_clipped"].to_pylist() == [2, 0]
    one_sided = evaluated("multiclass_log_loss(eps=0.25, clip=true_class)", [0, 1], score)
    assert one_sided["multiclass_log_loss(eps=0.25, clip=true_class)"] == math.log(2)
    assert one_sided.table["rows_clipped"].to_pylist() == [1]
    assert m.multiclass_log_loss(eps="dtype").compute([1], np.array(score[:1], np.float32)) == 23 * math.log(2)
    rows = {"label": [1], "a": np.array([1], np.float32), "b": np.array([0], np.float32)}
    named = m.multiclass_log_loss(scores=["a", "b"], eps="dtype")
    assert fr.evaluate(rows, named, label="label")[named.name] == 23 * math.log(2)


def test_rows_that_do_not_sum_to_one():
    # scikit-learn once divided by the sum unasked, and [0.2, 0.3] scored 0.51 instead of 1.20.
    with pytest.raises(
        InvalidValueError, match=r"row 1 holds \[0.3, 0.2\]; allowed: .* summing to 1, .*normalize=True"
    ):
        evaluated("multiclass_log_loss", [1, 0], [[0.4, 0.6], [0.3, 0.2]])
    assert m.multiclass_log_loss(normalize=True).compute([0], [[0.3, 0.2]]) == pytest.approx(-math.log(0.6), rel=1e-15)
    dropped = evaluated("multiclass_log_loss", [1, 0], [[0.5, 0.5], [0.3, 0.2]], on_invalid="drop")
    assert dropped["multiclass_log_loss"] == math.log(2)
    assert dropped.table["rows_dropped"].to_pylist() == [1]
    # A row that where= leaves out may hold anything.
    rows = {"label": [1, 0], "score": [[0.5, 0.5], [0.3, 0.2]], "c": [1, 0]}
    assert (
        fr.evaluate(rows, "multiclass_brier", label="label", score="score", where="c = 1")["multiclass_brier"] == 0.25
    )
    for metric in ("multiclass_log_loss(scores=[a, b])", "multiclass_brier(scores=[a, b])"):
        apart = {"label": [1, 0], "a": [0.4, 0.5], "b": [0.6, 0.3]}
        with pytest.raises(InvalidValueError, match=r"column 'b' \(score\[1\]\): row 1 holds 0.3; .* summing to 1"):
            fr.evaluate(apart, metric, label="label")
        assert fr.evaluate(apart, metric, label="label", on_invalid="drop").table["rows_dropped"].to_pylist() == [1]


@pytest.mark.parametrize(("dtype", "near", "far"), [(np.float32, 3.4e-4, 3.6e-4), (np.float64, 1.4e-8, 1.6e-8)])
def test_how_near_to_one_the_sum_has_to_be(dtype, near, far):
    for sign in (-1, 1):
        m.multiclass_brier().compute([0], np.array([[0.5, 0.5 + sign * near]], dtype))
        with pytest.raises(InvalidValueError, match="summing to 1"):
            m.multiclass_brier().compute([0], np.array([[0.5, 0.5 + sign * far]], dtype))


@pytest.mark.parametrize("bad", [[0.0, 0.0], [-0.5, 1.0], [math.nan, 1.0], [math.inf, 1.0]])
def test_numbers_that_have_no_share(bad):
    for dtype in (np.float32, np.float64):
        score = np.array([[0.3, 0.2], bad], dtype)
        with pytest.raises(InvalidValueError, match=r"row 1 holds .*; allowed: .*a finite number from 0, not all 0"):
            evaluated("multiclass_log_loss(normalize=True)", [1, 0], score)


def test_logits_by_hand():
    # log(e^1 + e^2 + e^3) - 3 and - 1; of extreme logits what is left of them.
    total = math.log(math.exp(1) + math.exp(2) + math.exp(3))
    loss = m.multiclass_log_loss(from_logits=True)
    assert loss.compute([2, 0], [[1.0, 2.0, 3.0]] * 2) == pytest.approx((2 * total - 4) / 2, rel=1e-15)
    assert loss.compute([1], [[1e3, -1e3]]) == 2e3
    assert loss.compute([0], [[1e3, 0.0]]) == 0.0
    assert loss.compute([0], [[100.0, 0.0]]) == pytest.approx(math.exp(-100), rel=1e-14)
    assert loss.compute([1], [[5.0, 5.0]]) == math.log(2)
    with pytest.raises(InvalidValueError, match=r"holds \[0.0, inf\]; allowed: .*a finite number"):
        loss.compute([0], [[0.0, math.inf]])


def test_brier_by_hand():
    # 0.3^2 + 0.2^2 + 0.1^2 = 0.14, and 0.3^2 + 0.3^2 + 0.6^2 = 0.54.
    assert m.multiclass_brier().compute(LABEL, SCORE) == pytest.approx(0.34, rel=1e-15)
    assert m.multiclass_brier(scale_by_half=True).compute(LABEL, SCORE) == pytest.approx(0.17, rel=1e-15)
    assert m.multiclass_brier().compute(LABEL, SCORE, weight=[3, 1]) == pytest.approx((3 * 0.14 + 0.54) / 4, rel=1e-15)
    two = [[0.75, 0.25], [0.5, 0.5]]
    assert m.multiclass_brier().compute([0, 1], two) == m.brier().compute([0, 1], [0.25, 0.5]) == 0.15625
    assert m.multiclass_brier(scale_by_half=False).compute([0, 1], two) == 0.3125
    assert m.multiclass_brier(normalize=True).compute([0, 1], [[3.0, 1.0], [2.0, 2.0]]) == 0.15625
    assert m.parse("multiclass_brier(scale_by_half=auto)") == [m.multiclass_brier()]
    with pytest.raises(ParameterError, match='allowed: True, False or "auto"'):
        m.multiclass_brier(scale_by_half="half")


def test_hinge_as_in_the_examples_of_torchmetrics():
    # Those of torchmetrics' HingeLoss: crammer-singer 2.9000; one-vs-all [2.2333, 1.5000, 1.2333].
    score, label = [[-1.0, 0.9, 0.2], [0.5, -1.1, 0.8], [2.2, -0.5, 0.3]], [0, 1, 2]
    assert m.multiclass_hinge().compute(label, score) == pytest.approx(2.9, rel=1e-14)
    each = [6.7 / 3, 4.5 / 3, 3.7 / 3]
    assert m.multiclass_hinge(kind="one_vs_all").compute(label, score) == pytest.approx(sum(each) / 3, rel=1e-14)
    assert m.multiclass_hinge(squared=True).compute(label, score) == pytest.approx(2.9**2, rel=1e-14)
    # (1 + 1)^2, 0.25, 1.2^2 twice: row 0 [2, 1.9, 1.2], row 1 [1.5, 2.1, 1.8], row 2 [3.2, 0.5, 0.7].
    squares = [2**2 + 1.9**2 + 1.2**2, 1.5**2 + 2.1**2 + 1.8**2, 3.2**2 + 0.5**2 + 0.7**2]
    found = m.multiclass_hinge(kind="one_vs_all", squared=True).compute(label, score)
    assert found == pytest.approx(sum(squares) / 9, rel=1e-14)
    # A margin of 1 is enough.
    assert m.multiclass_hinge().compute([0], [[2.0, 1.0, -5.0]]) == 0.0


@pytest.mark.parametrize("name", ["multiclass_log_loss", "multiclass_brier", "multiclass_hinge"])
def test_the_number_of_classes_is_one(name):
    batches = [
        pa.record_batch({"label": [0], "score": [[1.0, 0.0]]}),
        pa.record_batch({"label": [0], "score": [[1.0, 0.0, 0.0]]}),
    ]
    evaluators = [fr.Evaluator(name, label="label", score="score") for _ in batches]
    for evaluator, batch in zip(evaluators, batches, strict=True):
        evaluator.update(batch)
    with pytest.raises(InvalidValueError, match="a list of 3 numbers; allowed: a list of 2 numbers"):
        evaluators[0].update(batches[1])
    with pytest.raises(StateMismatchError, match="of 2 classes here, of 3 classes there"):
        evaluators[0].merge(evaluators[1])
    with pytest.raises(InvalidValueError, match="holds 2; allowed: the number of a class, an integer from 0 to 1"):
        evaluators[0].update(pa.record_batch({"label": [2], "score": [[1.0, 0.0]]}))


def test_parameters_that_exclude_each_other():
    for spelling, words in [
        ("multiclass_log_loss(from_logits=True, normalize=True)", "leave out normalize="),
        ("multiclass_log_loss(from_logits=True, eps=0.1)", "leave out eps="),
        ("multiclass_brier(scores=[a, b], classes=[x, y, z])", "name as many of both"),
    ]:
        with pytest.raises(ParameterError, match=words):
            m.parse(spelling)


def test_many_classes_and_rows_of_every_block_size():
    # Blocks hold 2048 scores: rows of one class each to rows of more than a block.
    rng = np.random.default_rng(3)
    for classes in (1, 2, 3, 100, 2047, 2048, 2049, 5000):
        rows = 4100 if classes < 4 else 7
        odds, label = rng.random((rows, classes)) + 1e-3, rng.integers(0, classes, rows)
        p = odds / odds.sum(axis=1, keepdims=True)
        own = p[np.arange(rows), label]
        assert m.multiclass_log_loss().compute(label, p) == pytest.approx(-np.log(own).mean(), rel=1e-12, abs=1e-15)
        assert m.multiclass_log_loss(from_logits=True).compute(label, np.log(p)) == pytest.approx(
            -np.log(own).mean(), rel=1e-11, abs=1e-15
        )
        errors = (p**2).sum(axis=1) - 2 * own + 1
        assert m.multiclass_brier(scale_by_half=False).compute(label, p) == pytest.approx(
            errors.mean(), rel=1e-12, abs=1e-15
        )
