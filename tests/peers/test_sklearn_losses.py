"""Losses against scikit-learn, on made-up rows and on real ones."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest
from shared_data import shared
from sklearn import metrics as peer

from fastrank import metrics as m

Rows = tuple[np.ndarray, ...]
# It sums the terms of float32 probabilities in float32.
TOLERANCES = {np.dtype(np.float64): 1e-12, np.dtype(np.float32): 2e-6}


def cifar(name: str, dtype: type) -> Rows:
    """Classes of pictures, and the probabilities that a network gives each, of which some are exactly 1."""
    with np.load(shared("pointwise", name)) as records:
        labels, scores = records["ground_truth"].ravel(), records["predictions"].astype(dtype)
    return labels, scores, np.random.default_rng(0).uniform(0.5, 2, labels.size)


def made_up(classes: int, dtype: type) -> Rows:
    rng = np.random.default_rng(classes)
    odds = np.exp(rng.normal(0, 3, (3000, classes)))
    labels = np.concatenate([np.arange(classes), rng.integers(0, classes, 3000 - classes)])
    scores = odds / odds.sum(axis=1, keepdims=True)
    scores[:50] = np.eye(classes)[rng.integers(0, classes, 50)]
    return labels, scores.astype(dtype), rng.choice([0.25, 1.0, 3.7], 3000)


SOURCES = {
    "LeNet, 10 classes": lambda dtype: cifar("lenet-5-cifar-10.npz", dtype),
    "DenseNet, 100 classes": lambda dtype: cifar("densenet-bc-100-cifar-100.npz", dtype),
    "made up, 3 classes": lambda dtype: made_up(3, dtype),
    "made up, 2 classes": lambda dtype: made_up(2, dtype),
}


@pytest.fixture(params=[(name, dtype) for name in SOURCES for dtype in (np.float32, np.float64)], ids=str)
def rows(request: Any) -> Rows:
    name, dtype = request.param
    return SOURCES[name](dtype)


@pytest.mark.parametrize("weighted", [False, True])
def test_losses_of_probabilities_of_classes(rows: Rows, weighted: bool) -> None:
    labels, scores, weights = rows
    given = weights if weighted else None
    tolerance = TOLERANCES[scores.dtype]
    # float64 probabilities of float32 ones do not sum to 1 closely enough, of which scikit-learn warns.
    exact = np.abs(scores.sum(axis=1, dtype=np.float64) - 1).max() <= np.sqrt(np.finfo(scores.dtype).eps)
    rule = {} if exact else {"normalize": True}
    taken = scores if exact else scores / scores.sum(axis=1, keepdims=True)
    loss = m.multiclass_log_loss(eps="dtype", **rule).compute(labels, scores, given)
    assert loss == pytest.approx(peer.log_loss(labels, taken, sample_weight=given), rel=tolerance)
    if taken.shape[1] > 2:
        for half in ("auto", True, False):
            brier = m.multiclass_brier(scale_by_half=half, **rule).compute(labels, scores, given)
            expected = peer.brier_score_loss(labels, taken, sample_weight=given, scale_by_half=half)
            assert brier == pytest.approx(expected, rel=tolerance)


@pytest.mark.parametrize("weighted", [False, True])
def test_losses_of_margins_of_classes(rows: Rows, weighted: bool) -> None:
    labels, scores, weights = rows
    given = weights if weighted else None
    margins = (4 * scores - 1).astype(np.float64)
    found = m.multiclass_hinge().compute(labels, margins, given)
    if margins.shape[1] > 2:
        assert found == pytest.approx(peer.hinge_loss(labels, margins, sample_weight=given), rel=1e-12)
    binary = (labels == 1).astype(np.int8)
    expected = peer.hinge_loss(binary, margins[:, 1], sample_weight=given)
    assert m.hinge().compute(binary, margins[:, 1], given) == pytest.approx(expected, rel=1e-12)
    # The same labels as scikit-learn also takes them.
    signed = 2 * binary - 1
    assert m.hinge().compute(signed, margins[:, 1], given) == m.hinge().compute(binary, margins[:, 1], given)


@pytest.mark.parametrize("weighted", [False, True])
def test_losses_of_probabilities_of_one_class(rows: Rows, weighted: bool) -> None:
    labels, scores, weights = rows
    given = weights if weighted else None
    binary, p = (labels == 1).astype(np.int8), np.ascontiguousarray(scores[:, 1])
    tolerance = TOLERANCES[p.dtype]
    expected = peer.log_loss(binary, p, sample_weight=given)
    assert m.log_loss(eps="dtype").compute(binary, p, given) == pytest.approx(expected, rel=tolerance)
    expected = peer.brier_score_loss(binary, p, sample_weight=given)
    assert m.brier().compute(binary, p, given) == pytest.approx(expected, rel=tolerance)


def test_logits_of_a_model_of_incomes() -> None:
    """Log odds by age and hours a week, by hand: any will do."""
    table = pq.read_table(shared("pointwise", "adults.parquet"), columns=["age", "hours-per-week", "class", "fnlwgt"])
    age, hours, weight = (table[name].to_numpy().astype(np.float64) for name in ("age", "hours-per-week", "fnlwgt"))
    label = np.array([">50K" in each for each in table["class"].to_pylist()], np.int8)
    logits = 0.04 * (age - 38) + 0.05 * (hours - 40) - 1.5
    p, weight = 1 / (1 + np.exp(-logits)), weight / 1e5
    expected = peer.log_loss(label, p, sample_weight=weight)
    assert m.log_loss(from_logits=True).compute(label, logits, weight) == pytest.approx(expected, rel=1e-12)
    both = np.column_stack([np.zeros_like(logits), logits])
    assert m.multiclass_log_loss(from_logits=True).compute(label, both, weight) == pytest.approx(expected, rel=1e-12)
    q = np.where(label, p, 1 - p)
    focal = np.average(np.where(label, 0.25, 0.75) * (1 - q) ** 1.5 * -np.log(q), weights=weight)
    spelled = m.focal(gamma=1.5, alpha=0.25)
    assert spelled.compute(label, p, weight) == pytest.approx(focal, rel=1e-12)
    of_logits = m.focal(gamma=1.5, alpha=0.25, from_logits=True)
    assert of_logits.compute(label, logits, weight) == pytest.approx(focal, rel=1e-12)
