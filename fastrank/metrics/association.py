"""How much of the variation of targets predictions account for.

Variances and covariances come from exact sums of products, so that they lose nothing where the mean is large and the
spread is small.
"""

from __future__ import annotations

import math
from fractions import Fraction
from typing import TYPE_CHECKING

from fastrank.accumulators import ExactProduct, ExactSum
from fastrank.domains import REAL
from fastrank.metrics.base import Value, metric
from fastrank.metrics.intervals import LEAST_RESIDUAL
from fastrank.metrics.parameters import Flag

if TYPE_CHECKING:
    from fastrank.accumulators.sums import Sum

__all__ = ["pearson", "r2"]

_ROOT_BITS = 64  # more than a float64 has, with one for the rest


def _comoment(product: Sum, first: Sum, second: Sum, weight: Sum) -> Fraction:
    """The covariance of two columns times the square of the weight; 0 where one is constant."""
    return product.total * weight.total - first.total * second.total


def _is_lost(spread: Fraction, weight: Sum) -> bool:
    """Whether a spread may be nothing but what squares lost below the least float64; it may even be negative."""
    return bool(spread) and spread < LEAST_RESIDUAL * weight.total


def _is_finite(*sums: Sum) -> bool:
    return all(each.special is None for each in sums)


def _root(square: Fraction) -> float:
    """The square root, rounded once."""
    n, d = square.numerator, square.denominator
    shift = max(0, 2 * _ROOT_BITS + d.bit_length() - n.bit_length())
    shift += shift % 2
    whole, rest = divmod(n << shift, d)
    root = math.isqrt(whole)
    # A last bit of 1 stands for all that follow, so that no tie is seen where there is none.
    follows = rest > 0 or root * root != whole
    return float(Fraction(2 * root + follows, 2 << (shift // 2)))


@metric(
    family="association",
    columns={"label": REAL, "score": REAL},
    states=lambda _: {
        "error": ExactSum("squared_error"),
        "square": ExactProduct("label", "label"),
        "label": ExactSum("label"),
        "weight": ExactSum("weight"),
    },
    parameters={
        "force_finite": Flag(
            doc="Of a constant target, 1 where all predictions are right and 0 where one is not (scikit-learn's "
            "default, which is NaN for one row all the same)."
        )
    },
    aliases=("r2_score", "r_squared", "coefficient_of_determination"),
    range=(-math.inf, 1.0),
    better="higher",
    undefined="the targets are constant, or there are none",
    source="as sklearn.metrics.r2_score",
)
def r2(error: Sum, square: Sum, label: Sum, weight: Sum, *, force_finite: bool = False) -> Value:
    """Coefficient of determination: 1 less the squared error over the spread of the targets.

    1 - sum of w (y - p)^2 / sum of w (y - m)^2, with m the weighted mean of y.  It is 0 where predictions are as good
    as the mean target, and has no lower end.  NaN where the range of float64 does not hold squares: of values above
    1e154, or that differ by less than 1e-140.

    Examples
    --------
    >>> from fastrank import metrics
    >>> metrics.r2().compute([1, 2, 3, 6], [1, 2, 4, 5])
    0.8571428571428571
    """
    if not _is_finite(error, square):
        return Value(math.nan)
    spread = _comoment(square, label, label, weight)
    if _is_lost(spread, weight):
        return Value(math.nan)
    if spread:
        try:
            return Value(float(1 - error.total * weight.total / spread))
        except OverflowError:
            return Value(-math.inf)
    if force_finite and weight.total:
        return Value(0.0 if error.total else 1.0, undefined=True)
    return Value(math.nan)


@metric(
    family="association",
    columns={"label": REAL, "score": REAL},
    states=lambda _: {
        "product": ExactProduct("label", "score"),
        "label_square": ExactProduct("label", "label"),
        "score_square": ExactProduct("score", "score"),
        "label": ExactSum("label"),
        "score": ExactSum("score"),
        "weight": ExactSum("weight"),
    },
    aliases=("pearson_correlation", "pearsonr", "pearson_corrcoef"),
    range=(-1.0, 1.0),
    better="higher",
    undefined="the targets or the predictions are constant, or there are none",
    exactness="the correctly rounded root of a quotient of exact sums",
    source="Pearson 1895; as scipy.stats.pearsonr",
)
def pearson(product: Sum, label_square: Sum, score_square: Sum, label: Sum, score: Sum, weight: Sum) -> float:
    """Pearson's correlation of predictions and targets.

    cov(y, p) / sqrt(var(y) var(p)), each weighted.  NaN where the range of float64 does not hold squares: of values
    above 1e154, or that differ by less than 1e-140.

    Examples
    --------
    >>> from fastrank import metrics
    >>> metrics.pearson().compute([1, 2, 3], [1, 3, 2])
    0.5
    """
    if not _is_finite(product, label_square, score_square):
        return math.nan
    spreads = _comoment(label_square, label, label, weight), _comoment(score_square, score, score, weight)
    if any(not spread or _is_lost(spread, weight) for spread in spreads):
        return math.nan
    shared = _comoment(product, label, score, weight)
    return math.copysign(_root(shared * shared / (spreads[0] * spreads[1])), shared)
