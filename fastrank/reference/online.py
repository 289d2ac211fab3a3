"""Rates, ratios of sums, means and quantiles of columns, and the confidence intervals of the first three.

An interval has the name of its metric with `_interval`; the value itself does not depend on ci.
"""

from __future__ import annotations

import math
from fractions import Fraction
from statistics import NormalDist
from typing import TYPE_CHECKING

import numpy as np

from fastrank.reference.labels import is_positive
from fastrank.reference.operating import quantile
from fastrank.reference.regression import weighted_mean

if TYPE_CHECKING:
    from numpy.typing import ArrayLike

__all__ = [
    "bounce_rate",
    "conversion_rate",
    "ctr",
    "engagement_rate",
    "mean",
    "mean_interval",
    "quantiles",
    "rate",
    "rate_interval",
    "ratio",
    "ratio_interval",
    "roi",
    "roi_interval",
]

Interval = tuple[float, float]


def rate(
    label: ArrayLike,
    weight: ArrayLike | None = None,
    *,
    ci: float | None = None,  # noqa: ARG001  (of `rate_interval`)
    positive: float | str | None = None,
) -> float:
    """The share of rows, or of weight, that is positive."""
    return weighted_mean(is_positive(label, positive), weight)


# By the names of the field.
ctr = conversion_rate = bounce_rate = engagement_rate = rate


def rate_interval(
    label: ArrayLike, weight: ArrayLike | None = None, *, ci: float, positive: float | str | None = None
) -> Interval:
    """The interval of Wilson, of as many rows as the weights are worth; NaN where there are none."""
    share, rows, z = rate(label, weight, positive=positive), effective_rows(label, weight), quantile_of_normal(ci)
    if rows == 0:
        return math.nan, math.nan
    centre = (share + z * z / (2 * rows)) / (1 + z * z / rows)
    reach = z / (1 + z * z / rows) * math.sqrt(share * (1 - share) / rows + z * z / (4 * rows * rows))
    return centre - reach, centre + reach


def ratio(
    numerator: ArrayLike,
    denominator: ArrayLike,
    weight: ArrayLike | None = None,
    *,
    ci: float | None = None,  # noqa: ARG001  (of `ratio_interval`)
) -> float:
    """sum of w n / sum of w d; NaN where the latter is 0."""
    above, below = weighted_sum(numerator, weight), weighted_sum(denominator, weight)
    return float(above / below) if below else math.nan


def ratio_interval(
    numerator: ArrayLike, denominator: ArrayLike, weight: ArrayLike | None = None, *, ci: float
) -> Interval:
    """Normal, with the variance of the residuals n - r d of rows, by the delta method; NaN of fewer than two rows."""
    value, rows = ratio(numerator, denominator, weight), effective_rows(numerator, weight)
    if math.isnan(value) or rows <= 1:
        return math.nan, math.nan
    n, d = np.asarray(numerator, np.float64), np.asarray(denominator, np.float64)
    variance = weighted_mean((n - value * d) ** 2, weight) / (rows - 1)
    reach = quantile_of_normal(ci) * math.sqrt(variance) / abs(weighted_mean(d, weight))
    return value - reach, value + reach


def roi(
    revenue: ArrayLike,
    cost: ArrayLike,
    weight: ArrayLike | None = None,
    *,
    ci: float | None = None,  # noqa: ARG001  (of `roi_interval`)
) -> float:
    """(sum of w revenue - sum of w cost) / sum of w cost; NaN where the costs sum to 0."""
    spent = weighted_sum(cost, weight)
    return float((weighted_sum(revenue, weight) - spent) / spent) if spent else math.nan


def roi_interval(revenue: ArrayLike, cost: ArrayLike, weight: ArrayLike | None = None, *, ci: float) -> Interval:
    """The interval of revenue over cost, less 1."""
    lower, upper = ratio_interval(revenue, cost, weight, ci=ci)
    return lower - 1, upper - 1


def mean(
    value: ArrayLike,
    weight: ArrayLike | None = None,
    *,
    ci: float | None = None,  # noqa: ARG001  (of `mean_interval`)
) -> float:
    """The weighted mean of a column."""
    return weighted_mean(value, weight)


def mean_interval(value: ArrayLike, weight: ArrayLike | None = None, *, ci: float) -> Interval:
    """Normal, with the standard error s / sqrt(n): that of the ratio to a column of ones."""
    return ratio_interval(value, np.ones(len(np.asarray(value))), weight, ci=ci)


def quantiles(
    value: ArrayLike,
    weight: ArrayLike | None = None,
    *,
    q: tuple[float, ...] = (0.5, 0.9, 0.99),
    bits: int | None = None,
) -> float:
    """The lowest quantile: the smallest value such that the rows which have no more are at least a share q of all."""
    return quantile(np.zeros(len(np.asarray(value)), np.int64), value, weight, q=min(q), bits=bits)


def weighted_sum(values: ArrayLike, weight: ArrayLike | None) -> Fraction:
    """The sum of w x, exact: whether it is 0 is then no matter of rounding."""
    values = np.asarray(values, np.float64)
    weights = np.ones(len(values)) if weight is None else np.asarray(weight, np.float64)
    terms = zip(weights.tolist(), values.tolist(), strict=True)
    return sum((Fraction(w) * Fraction(x) for w, x in terms), Fraction(0))


def effective_rows(column: ArrayLike, weight: ArrayLike | None) -> float:
    """Kish: (sum of w)^2 / sum of w^2, the number of rows where all weigh the same; 0 where none counts."""
    weights = np.ones(len(np.asarray(column))) if weight is None else np.asarray(weight, np.float64)
    return math.fsum(weights) ** 2 / math.fsum(weights**2) if weights.any() else 0.0


def quantile_of_normal(ci: float) -> float:
    """How many standard errors a normal interval reaches to each side."""
    return NormalDist().inv_cdf((1 + ci) / 2)
