"""Metrics of scores by class against scikit-learn and SciPy, on made-up rows and on real ones."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from scipy.stats import ks_2samp
from shared_data import shared
from sklearn import metrics as peer

from fastrank import metrics as m

TOLERANCE = 1e-12


def made_up(ties: int) -> tuple[np.ndarray, ...]:
    rng = np.random.default_rng(ties)
    scores = rng.integers(0, ties, 2000) / ties
    labels = (rng.random(2000) < scores / 3).astype(np.int8)
    return labels, scores, rng.choice([0.25, 1.0, 3.7], 2000)


def lenet() -> tuple[np.ndarray, ...]:
    """Whether a picture is a ship, with the probability that a network gives."""
    with np.load(shared("pointwise", "lenet-5-cifar-10.npz")) as records:
        labels, scores = (records["ground_truth"].ravel() == 8).astype(np.int8), records["predictions"][:, 8]
    return labels, scores, np.random.default_rng(0).uniform(0.5, 2, labels.size)


ROWS = {"few ties": lambda: made_up(10**6), "many ties": lambda: made_up(12), "lenet": lenet}


@pytest.fixture(params=ROWS, scope="module")
def rows(request: Any) -> tuple[np.ndarray, ...]:
    return ROWS[request.param]()


@pytest.mark.parametrize("weighted", [False, True])
def test_average_precision_and_trapezoid(rows, weighted):
    labels, scores, weights = rows
    weight = weights if weighted else None
    right = peer.average_precision_score(labels, scores, sample_weight=weight)
    assert m.average_precision().compute(labels, scores, weight) == pytest.approx(right, rel=TOLERANCE)
    precision, recall, _ = peer.precision_recall_curve(labels, scores, sample_weight=weight)
    found = m.pr_auc(method="trapezoid").compute(labels, scores, weight)
    assert found == pytest.approx(peer.auc(recall, precision), rel=TOLERANCE)


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("max_fpr", [1e-3, 0.1, 0.5, 0.999])
def test_partial_auc(rows, weighted, max_fpr):
    labels, scores, weights = rows
    weight = weights if weighted else None
    right = peer.roc_auc_score(labels, scores, sample_weight=weight, max_fpr=max_fpr)
    assert m.auc(max_fpr=max_fpr).compute(labels, scores, weight) == pytest.approx(right, rel=TOLERANCE)
    # Classes and order turned round, the other end of the curve is the first.
    turned = m.auc(min_tpr=1 - max_fpr).compute(1 - labels, -scores, weight)
    assert turned == pytest.approx(right, rel=1e-9 if max_fpr < 0.01 else TOLERANCE)


def test_ks(rows):
    labels, scores, _ = rows
    right = ks_2samp(scores[labels == 1], scores[labels == 0], method="asymp").statistic
    assert m.ks().compute(labels, scores) == pytest.approx(right, rel=TOLERANCE)


@pytest.mark.parametrize("weighted", [False, True])
def test_areas_by_numerical_integration(rows, weighted):
    labels, scores, weights = rows
    weight = weights if weighted else np.ones(labels.size)
    found = m.pr_auc(method="integral").compute(labels, scores, weight)
    distinct, place = np.unique(-scores, return_inverse=True)
    positives, negatives = (np.bincount(place, weight * (labels == label), distinct.size) for label in (1, 0))
    nodes, shares = np.polynomial.legendre.leggauss(40)
    x = (nodes[:, None] + 1) / 2
    tp, fp = (np.cumsum(w) - w + x * w for w in (positives, negatives))
    right = (shares / 2) @ (positives * tp / np.maximum(tp + fp, 1e-300)) @ np.ones(distinct.size) / positives.sum()
    assert found == pytest.approx(right, rel=1e-9)


def test_standard_error_of_two_samples_row_by_row(rows):
    labels, scores, _ = (column[:1500] for column in rows)
    positive, negative = scores[labels == 1], scores[labels == 0]
    wins = (positive[:, None] > negative) + 0.5 * (positive[:, None] == negative)
    variance = wins.mean(1).var(ddof=1) / positive.size + wins.mean(0).var(ddof=1) / negative.size
    assert m.auc_standard_error().compute(labels, scores) == pytest.approx(np.sqrt(variance), rel=1e-11)
