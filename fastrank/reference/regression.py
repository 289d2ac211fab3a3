"""Metrics of real predictions against real targets."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

__all__ = [
    "huber",
    "log_cosh",
    "mae",
    "max_error",
    "mean_error",
    "mse",
    "msle",
    "quantile_loss",
    "rmse",
    "rmsle",
]


def weighted_mean(values: ArrayLike, weight: ArrayLike | None = None) -> float:
    """sum of w x / sum of w.  A value of weight 0 is absent, whatever it is; NaN where nothing is left."""
    values = np.asarray(values, np.float64)
    weight = np.ones(len(values)) if weight is None else np.asarray(weight, np.float64)
    values, weight = values[weight > 0], weight[weight > 0]
    if len(values) == 0:
        return math.nan
    return math.fsum(weight * values) / math.fsum(weight)


def errors(label: ArrayLike, score: ArrayLike) -> NDArray[np.float64]:
    """p - y, in float64."""
    return np.asarray(score, np.float64) - np.asarray(label, np.float64)


def mse(label: ArrayLike, score: ArrayLike, weight: ArrayLike | None = None) -> float:
    """Mean squared error: the mean of (p - y)^2."""
    return weighted_mean(errors(label, score) ** 2, weight)


def rmse(label: ArrayLike, score: ArrayLike, weight: ArrayLike | None = None) -> float:
    """Root of the mean squared error."""
    return math.sqrt(mse(label, score, weight))


def mae(label: ArrayLike, score: ArrayLike, weight: ArrayLike | None = None) -> float:
    """Mean absolute error: the mean of |p - y|."""
    return weighted_mean(np.abs(errors(label, score)), weight)


def mean_error(label: ArrayLike, score: ArrayLike, weight: ArrayLike | None = None) -> float:
    """The mean of p less the mean of y."""
    y, p = np.asarray(label, np.float64), np.asarray(score, np.float64)
    weight = np.ones(len(y)) if weight is None else np.asarray(weight, np.float64)
    y, p, weight = y[weight > 0], p[weight > 0], weight[weight > 0]
    return math.fsum([*(weight * p), *(-weight * y)]) / math.fsum(weight) if len(y) else math.nan


def max_error(label: ArrayLike, score: ArrayLike, weight: ArrayLike | None = None) -> float:
    """The largest |p - y|; NaN where there is no row."""
    sizes = np.abs(errors(label, score))
    if weight is not None:
        sizes = sizes[np.asarray(weight) > 0]
    return float(np.max(sizes)) if len(sizes) else math.nan


def huber(
    label: ArrayLike,
    score: ArrayLike,
    weight: ArrayLike | None = None,
    *,
    delta: float = 1.0,
    form: str = "huber",
) -> float:
    """The mean of e^2 / 2 where |e| <= delta, else of delta (|e| - delta / 2); "smooth_l1" divides it by delta."""
    size = np.abs(errors(label, score))
    values = np.where(size <= delta, size * size / 2, delta * (size - delta / 2))
    return weighted_mean(values, weight) / (delta if form == "smooth_l1" else 1.0)


def quantile_loss(
    label: ArrayLike,
    score: ArrayLike,
    weight: ArrayLike | None = None,
    *,
    alpha: float | None = None,
    over_prediction_weight: float | None = None,
) -> float:
    """The mean of alpha (y - p) where y > p, else of (1 - alpha) (p - y); over_prediction_weight is 1 - alpha."""
    if over_prediction_weight is not None:
        over, under = over_prediction_weight, 1 - over_prediction_weight
    else:
        under = 0.5 if alpha is None else alpha
        over = 1 - under
    error = errors(label, score)
    return weighted_mean(np.abs(error) * np.where(error < 0, under, over), weight)


def log_cosh(label: ArrayLike, score: ArrayLike, weight: ArrayLike | None = None) -> float:
    """The mean of log(cosh(p - y))."""

    def value(size: float) -> float:
        if size < 1:
            return math.log1p(2 * math.sinh(size / 2) ** 2)  # cosh(x) = 1 + 2 sinh(x / 2)^2
        return size + math.log1p(math.exp(-2 * size)) - math.log(2)

    return weighted_mean([value(size) for size in np.abs(errors(label, score)).tolist()], weight)


def msle(label: ArrayLike, score: ArrayLike, weight: ArrayLike | None = None) -> float:
    """The mean of (log(1 + p) - log(1 + y))^2."""
    y, p = np.asarray(label, np.float64), np.asarray(score, np.float64)
    return weighted_mean((np.log1p(p) - np.log1p(y)) ** 2, weight)


def rmsle(label: ArrayLike, score: ArrayLike, weight: ArrayLike | None = None) -> float:
    """Root of the mean squared logarithmic error."""
    return math.sqrt(msle(label, score, weight))
