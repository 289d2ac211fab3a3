"""Confidence intervals of shares, means and ratios of sums, over rows that are independent of each other.

Weights say how much a row counts, not how many rows it stands for: n weighted rows are worth Kish's effective number
of rows, (sum w)^2 / sum w^2, whatever the scale of the weights.  Moments are exact, so that no variance cancels.
"""

from __future__ import annotations

import math
from dataclasses import replace
from fractions import Fraction
from statistics import NormalDist
from typing import TYPE_CHECKING, NamedTuple

from fastrank.metrics.base import Value
from fastrank.metrics.parameters import Number
from fastrank.metrics.scores import square_root

if TYPE_CHECKING:
    from fastrank.accumulators.sums import Sum

__all__ = ["CI", "Squares", "effective_rows", "ratio_with_interval", "share_with_interval"]

CI = Number(
    0.0,
    1.0,
    optional=True,
    none_means="no interval",
    doc="Confidence level, such as 0.95, of the interval in the columns `ci_lower` and `ci_upper`; rows are taken as "
    "independent.",
)
# Past this the C library's logarithm, of which the quantile is made, may differ from one machine to another.
QUANTILE_DIGITS = 12
# What products have below 2^-1074 is rounded, row by row; of 2^60 rows that is nothing against this.
LEAST_RESIDUAL = Fraction(1, 2**950)


class Squares(NamedTuple):
    """The sums of w n n, w n d and w d d over rows, of which a ratio of sums of n and d has its variance."""

    above_squared: Sum
    product: Sum
    below_squared: Sum


def effective_rows(weight: Sum, squared_weight: Sum | None) -> Fraction:
    """Kish's effective number of rows; where there are no weights, the number of rows."""
    if squared_weight is None or squared_weight.total == 0:
        return weight.total
    return weight.total**2 / squared_weight.total


def _normal_quantile(ci: float) -> float:
    """How many standard errors the interval of a normal estimate reaches to each side."""
    return -round(NormalDist().inv_cdf((1 - ci) / 2), QUANTILE_DIGITS)


def share_with_interval(part: Sum, whole: Sum, rows: Fraction, ci: float | None) -> Value:
    """A share of rows with the interval of Wilson, which stays inside [0, 1] and is defined for one row."""
    value = part.over(whole)
    if ci is None:
        return Value(value)
    if math.isnan(value):
        return Value(value, ci_lower=math.nan, ci_upper=math.nan)
    # The ends solve (1 + c) x^2 - (2 p + c) x + p^2 = 0; written so that nothing cancels, however rare the ones are.
    rest = float(1 - part.total / whole.total)
    c = _normal_quantile(ci) ** 2 / float(rows)
    both = 2 * value + c + math.sqrt(c * c + 4 * c * value * rest)
    lower = 2 * value * value / both if value else 0.0
    return Value(value, ci_lower=lower, ci_upper=both / (2 + 2 * c) if rest else 1.0)


def ratio_with_interval(
    numerator: Sum,
    denominator: Sum,
    weight: Sum,
    rows: Fraction,
    squares: Squares | None,
    ci: float | None,
    less: int = 0,
) -> Value:
    """A ratio of sums, less a constant, with the interval of the delta method: normal, of the variance of n - r d.

    A mean is the ratio to a column of ones.
    """
    value = replace(numerator, total=numerator.total - less * denominator.total).over(denominator)
    if ci is None:
        return Value(value)
    assert squares is not None
    reach = _normal_quantile(ci) * _standard_error(numerator, denominator, weight, rows, squares)
    return Value(value, ci_lower=value - reach, ci_upper=value + reach)


def _standard_error(numerator: Sum, denominator: Sum, weight: Sum, rows: Fraction, squares: Squares) -> float:
    """The standard error of a ratio; NaN of fewer than two rows, and where the range of float64 does not hold it."""
    if denominator.total == 0 or rows <= 1 or any(each.special is not None for each in squares):
        return math.nan
    ratio = numerator.total / denominator.total
    residual = squares.above_squared.total - 2 * ratio * squares.product.total + ratio**2 * squares.below_squared.total
    if residual and residual < LEAST_RESIDUAL * (1 + abs(ratio)) ** 2:
        return math.nan
    # (residual / W) / (rows - 1), over the square of the mean denominator.
    variance = residual * weight.total / denominator.total**2 / (rows - 1)
    try:
        return square_root(variance)[0]
    except OverflowError:
        return math.nan
