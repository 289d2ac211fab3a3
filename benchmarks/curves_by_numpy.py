"""Metrics of the curves over all thresholds as one writes them in NumPy."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from contestants import Arrays
    from numpy.typing import NDArray

__all__ = [
    "best_threshold",
    "brier_reliability",
    "cumulative_gain",
    "ece",
    "ece_of_equal_mass",
    "lift",
    "mce",
    "median",
    "pr_curve",
    "precision_at_recall",
    "recall_at_precision",
    "rmsce",
    "tpr_at_fpr",
]


def _reached(arrays: Arrays) -> tuple[NDArray[np.float64], NDArray[np.int64], NDArray[np.int64]]:
    """Distinct scores, descending, with the positives and negatives that score as much or more."""
    order = np.argsort(-arrays["score"], kind="stable")
    score, label = arrays["score"][order], arrays["label"][order]
    last = np.append(np.flatnonzero(np.diff(score)), score.size - 1)
    tp = np.cumsum(label, dtype=np.int64)[last]
    return score[last].astype(np.float64), tp, last + 1 - tp


def pr_curve(arrays: Arrays) -> float:
    _, tp, fp = _reached(arrays)
    return float(np.sum(np.diff(tp, prepend=0) * (tp / (tp + fp))) / tp[-1])


def recall_at_precision(arrays: Arrays, precision: float = 0.9) -> float:
    _, tp, fp = _reached(arrays)
    return float((tp / tp[-1])[tp / (tp + fp) >= precision].max(initial=0.0))


def precision_at_recall(arrays: Arrays, recall: float = 0.9) -> float:
    _, tp, fp = _reached(arrays)
    return float((tp / (tp + fp))[tp / tp[-1] >= recall].max())


def tpr_at_fpr(arrays: Arrays, fpr: float = 0.01) -> float:
    _, tp, fp = _reached(arrays)
    return float((tp / tp[-1])[fp / fp[-1] <= fpr].max(initial=0.0))


def best_threshold(arrays: Arrays) -> float:
    score, tp, fp = _reached(arrays)
    return float(score[np.argmax(2 * tp / (tp + fp + tp[-1]))])


def median(arrays: Arrays) -> float:
    return float(np.quantile(arrays["score"], 0.5, method="inverted_cdf"))


def cumulative_gain(arrays: Arrays, fraction: float = 0.1) -> float:
    _, tp, fp = _reached(arrays)
    rows = np.append(0, tp + fp)
    return float(np.interp(fraction * rows[-1], rows, np.append(0, tp)) / tp[-1])


def lift(arrays: Arrays, fraction: float = 0.1) -> float:
    return cumulative_gain(arrays, fraction) / fraction


def _bins(arrays: Arrays, count: int) -> NDArray[np.float64]:
    """[rows, sum of scores, sum of labels] of bins of equal width that hold rows."""
    score = arrays["score"].astype(np.float64)
    place = np.minimum((score * count).astype(np.intp), count - 1)
    sums = np.array([np.bincount(place, weights, count) for weights in (None, score, arrays["label"])])
    return sums[:, sums[0] > 0]


def ece(arrays: Arrays, count: int = 15) -> float:
    rows, score, label = _bins(arrays, count)
    return float(np.abs(score - label).sum() / rows.sum())


def mce(arrays: Arrays) -> float:
    rows, score, label = _bins(arrays, 15)
    return float((np.abs(score - label) / rows).max())


def rmsce(arrays: Arrays) -> float:
    rows, score, label = _bins(arrays, 15)
    return float(np.sqrt(((score - label) ** 2 / rows).sum() / rows.sum()))


def ece_of_equal_mass(arrays: Arrays) -> float:
    score, count = arrays["score"].astype(np.float64), 15
    edges = np.quantile(score, np.arange(1, count) / count, method="inverted_cdf")
    place = np.searchsorted(edges, score)
    return float(np.abs(np.bincount(place, score - arrays["label"], count)).sum() / score.size)


def brier_reliability(arrays: Arrays) -> float:
    rows, score, label = _bins(arrays, 10)
    return float(((score - label) ** 2 / rows).sum() / rows.sum())
