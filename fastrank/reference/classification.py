"""Losses of probabilities against labels 0 and 1."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from fastrank.reference.labels import is_positive
from fastrank.reference.regression import mse, weighted_mean

if TYPE_CHECKING:
    from numpy.typing import ArrayLike

__all__ = ["brier", "log_loss", "nce"]

EPS = 2.0**-52


def log_loss(
    label: ArrayLike,
    score: ArrayLike,
    weight: ArrayLike | None = None,
    *,
    eps: float = EPS,
    positive: float | str | None = None,
) -> float:
    """Mean of -(y log p + (1 - y) log(1 - p)), with p clipped to [eps, 1 - eps]."""
    labels = is_positive(label, positive).tolist()
    clipped = np.clip(np.asarray(score, np.float64), eps, 1 - eps).tolist()
    terms = [-(y * math.log(p) + (1 - y) * math.log1p(-p)) for y, p in zip(labels, clipped, strict=True)]
    return weighted_mean(terms, weight)


def nce(
    label: ArrayLike,
    score: ArrayLike,
    weight: ArrayLike | None = None,
    *,
    background: str | float | ArrayLike = "self",
    eps: float = EPS,
    positive: float | str | None = None,
) -> float:
    """Log loss over the cross entropy of the background: the mean label ("self"), a rate, or a rate for each row.

    NaN where the latter is 0: one class with "self".
    """
    if np.ndim(background) > 0:
        entropy = log_loss(label, np.asarray(background), weight, eps=eps, positive=positive)
    else:
        y = is_positive(label, positive).astype(np.float64)
        positives, negatives = weighted_mean(y, weight), weighted_mean(1 - y, weight)
        rate = positives if background == "self" else float(np.asarray(background))
        # A class that is missing adds nothing, though its logarithm may be infinite.
        entropy = math.nan if math.isnan(positives) else 0.0
        if background == "self" and 0 < negatives < 0.5:
            # Next to 1 the rate is rounded, and the share of negatives is the better number.
            log_rate, log_rest = math.log1p(-negatives), math.log(negatives)
        else:
            log_rate = math.log(rate) if rate > 0 else 0.0
            log_rest = math.log1p(-rate) if rate < 1 else 0.0
        entropy -= positives * log_rate + negatives * log_rest
    return log_loss(label, score, weight, eps=eps, positive=positive) / entropy if entropy > 0 else math.nan


def brier(
    label: ArrayLike,
    score: ArrayLike,
    weight: ArrayLike | None = None,
    *,
    positive: float | str | None = None,
) -> float:
    """Brier score: the mean squared error (y - p)^2 of probabilities."""
    return mse(is_positive(label, positive), score, weight)
