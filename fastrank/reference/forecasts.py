"""Errors of forecasts in relation to the targets."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from fastrank.reference.regression import errors, weighted_mean

if TYPE_CHECKING:
    from numpy.typing import ArrayLike

__all__ = ["mape", "smape", "wape"]


def mape(
    label: ArrayLike,
    score: ArrayLike,
    weight: ArrayLike | None = None,
    *,
    zero: str | float = "skip",
    percent: bool = False,
) -> float:
    """The mean of |p - y| / |y|.  Rows with y = 0 are left out ("skip"), count 0 ("count"), or divide by 0 ("inf"); a
    number is the least that is divided by."""
    y, size = np.abs(np.asarray(label, np.float64)), np.abs(errors(label, score))
    weight = np.ones(len(y)) if weight is None else np.asarray(weight, np.float64)
    if zero == "skip":
        y, size, weight = y[y > 0], size[y > 0], weight[y > 0]
    with np.errstate(divide="ignore", invalid="ignore"):
        values = size / (np.maximum(y, zero) if isinstance(zero, float) else y)
    if zero == "count":
        values = np.where(y == 0, 0.0, values)
    if zero == "inf" and (y[weight > 0] == 0).any():
        return float(np.sum(values[weight > 0]))
    return weighted_mean(values, weight) * (100 if percent else 1)


def smape(
    label: ArrayLike,
    score: ArrayLike,
    weight: ArrayLike | None = None,
    *,
    form: int = 200,
    zero: str = "count",
) -> float:
    """The mean of |p - y| / (|y| + |p|), times `form`.  Rows with y = p = 0 count 0 ("count"), are left out ("skip"),
    or make the value NaN ("nan")."""
    y, p, size = np.abs(np.asarray(label, float)), np.abs(np.asarray(score, float)), np.abs(errors(label, score))
    weight = np.ones(len(y)) if weight is None else np.asarray(weight, np.float64)
    both = y + p == 0
    if zero == "nan" and (both & (weight > 0)).any():
        return math.nan
    values = size / np.where(both, 1.0, y + p)
    if zero == "skip":
        values, weight = values[~both], weight[~both]
    return weighted_mean(values, weight) * form


def wape(label: ArrayLike, score: ArrayLike, weight: ArrayLike | None = None, *, percent: bool = False) -> float:
    """sum of w |p - y| / sum of w |y|."""
    sizes, targets = weighted_mean(np.abs(errors(label, score)), weight), weighted_mean(np.abs(label), weight)
    return sizes / targets * (100 if percent else 1) if targets > 0 else math.nan
