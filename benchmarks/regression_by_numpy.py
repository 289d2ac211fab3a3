"""Metrics of real targets as one writes them in NumPy."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from contestants import Contestant

if TYPE_CHECKING:
    from collections.abc import Callable

    from contestants import Arrays
    from numpy.typing import NDArray

__all__ = ["TARGETED", "targeted"]

Values = Any  # arrays of float64


def _huber(y: Values, p: Values) -> Values:
    size = np.abs(p - y)
    return np.where(size <= 1, 0.5 * size * size, size - 0.5)


def _pinball(y: Values, p: Values) -> Values:
    error = y - p
    return np.maximum(0.9 * error, -0.1 * error)


def _log_cosh(y: Values, p: Values) -> Values:
    size = np.abs(p - y)
    return size + np.log1p(np.exp(-2 * size)) - np.log(2)


def _log_error(y: Values, p: Values) -> Values:
    return (np.log1p(p) - np.log1p(y)) ** 2


def _tweedie(y: Values, p: Values) -> Values:
    return 2 * (np.sqrt(y) / -0.25 + 2 * y / np.sqrt(p) + 2 * np.sqrt(p))  # of power 1.5


# What is averaged over rows, by the metric with the parameters it is of.
TARGETED: dict[str, Callable[[Values, Values], Values]] = {
    "mse": lambda y, p: (p - y) ** 2,
    "rmse": lambda y, p: (p - y) ** 2,
    "mae": lambda y, p: np.abs(p - y),
    "mean_error": lambda y, p: p - y,
    "max_error": lambda y, p: np.abs(p - y),
    "huber": _huber,
    "quantile_loss(alpha=0.9)": _pinball,
    "log_cosh": _log_cosh,
    "msle": _log_error,
    "rmsle": _log_error,
    "mape": lambda y, p: np.abs(p - y)[y != 0] / np.abs(y[y != 0]),
    "smape": lambda y, p: 200 * np.abs(p - y) / (np.abs(y) + np.abs(p)),
    "wape": lambda y, p: np.abs(p - y),
    "poisson_deviance": lambda y, p: 2 * (y * np.log(y / p) - y + p),
    "gamma_deviance": lambda y, p: 2 * (np.log(p / y) + y / p - 1),
    "tweedie_deviance(power=1.5)": _tweedie,
}


def _value(metric: str, y: NDArray[Any], terms: NDArray[Any]) -> float:
    if metric == "max_error":
        return float(np.max(terms))
    mean = float(np.mean(terms))
    return {"rmse": mean**0.5, "rmsle": mean**0.5, "wape": mean / float(np.mean(np.abs(y)))}.get(metric, mean)


def targeted(metric: str) -> Contestant:
    """A metric, by the mean of its terms."""

    def run(arrays: Arrays) -> float:
        y, p = arrays["label"].astype(np.float64), arrays["score"].astype(np.float64)
        return _value(metric, y, TARGETED[metric](y, p))

    # Terms of deviances cancel, and sums of errors.
    return Contestant(run, tolerance=1e-9 if metric == "mean_error" else 1e-11)
