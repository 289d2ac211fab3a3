"""How much of the variation of targets predictions account for."""

from __future__ import annotations

import math
from fractions import Fraction
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import ArrayLike

__all__ = ["pearson", "r2"]

Exact = list[Fraction]


def _rows(label: ArrayLike, score: ArrayLike, weight: ArrayLike | None) -> tuple[Exact, Exact, Exact]:
    """Targets, predictions and weights of the rows that count."""
    weights = np.ones(np.size(label)) if weight is None else np.asarray(weight, np.float64)
    columns = (np.asarray(column, np.float64)[weights > 0] for column in (label, score, weights))
    y, p, w = ([Fraction(x) for x in column.tolist()] for column in columns)
    return y, p, w


def _mean(values: Exact, w: Exact) -> Fraction:
    return sum((x * y for x, y in zip(w, values, strict=True)), Fraction(0)) / sum(w)


def _covariance(a: Exact, b: Exact, w: Exact) -> Fraction:
    mean_a, mean_b = _mean(a, w), _mean(b, w)
    return _mean([(x - mean_a) * (y - mean_b) for x, y in zip(a, b, strict=True)], w)


def r2(label: ArrayLike, score: ArrayLike, weight: ArrayLike | None = None, *, force_finite: bool = False) -> float:
    """1 less the mean of (y - p)^2 over the variance of y; NaN of constant targets, or 1 or 0 with `force_finite`."""
    y, p, w = _rows(label, score, weight)
    if not y:
        return math.nan
    # Squares, and their products with weights, are float64 numbers.
    squares = [(float(a) - float(b)) ** 2 for a, b in zip(y, p, strict=True)]
    error = sum(Fraction(float(v) * x) for v, x in zip(w, squares, strict=True)) / sum(w)
    variance = _covariance(y, y, w)
    if variance == 0:
        return float(error == 0) if force_finite else math.nan
    return float(1 - error / variance)


def pearson(label: ArrayLike, score: ArrayLike, weight: ArrayLike | None = None) -> float:
    """The covariance of y and p over the root of the product of their variances; NaN where one is constant."""
    y, p, w = _rows(label, score, weight)
    if len(set(y)) < 2 or len(set(p)) < 2:
        return math.nan
    covariance = _covariance(y, p, w)
    share = math.sqrt(covariance**2 / (_covariance(y, y, w) * _covariance(p, p, w)))
    return math.copysign(share, covariance)
