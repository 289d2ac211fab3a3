"""Metrics of the curves over all thresholds as one writes them in NumPy."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from contestants import Arrays
    from numpy.typing import NDArray

__all__ = [
    "best_threshold",
    "cumulative_gain",
    "lift",
    "median",
    "pr_curve",
    "precision_at_recall",
    "recall_at_precision",
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
