"""Metrics of real predictions against real targets."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import ArrayLike

__all__ = ["mse"]


def weighted_mean(values: ArrayLike, weight: ArrayLike | None = None) -> float:
    """sum of w x / sum of w.  A value of weight 0 is absent, whatever it is; NaN where nothing is left."""
    values = np.asarray(values, np.float64)
    weight = np.ones(len(values)) if weight is None else np.asarray(weight, np.float64)
    values, weight = values[weight > 0], weight[weight > 0]
    if len(values) == 0:
        return math.nan
    return math.fsum(weight * values) / math.fsum(weight)


def mse(label: ArrayLike, score: ArrayLike, weight: ArrayLike | None = None) -> float:
    """Mean squared error: the mean of (y - p)^2."""
    y, p = np.asarray(label, np.float64), np.asarray(score, np.float64)
    return weighted_mean((y - p) ** 2, weight)
