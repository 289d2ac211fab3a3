"""Metrics of predictions against real targets."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from fastrank.accumulators import ExactSum
from fastrank.domains import REAL
from fastrank.metrics.base import metric

if TYPE_CHECKING:
    from fastrank.accumulators.sums import Sum

__all__ = ["mse"]


@metric(
    family="regression",
    columns={"label": REAL, "score": REAL},
    states=lambda _: {"error": ExactSum("squared_error"), "weight": ExactSum("weight")},
    aliases=("mean_squared_error", "l2"),
    range=(0.0, math.inf),
    better="lower",
    undefined="there are no rows",
    unit="the square of the target's unit",
    source="as sklearn.metrics.mean_squared_error",
)
def mse(error: Sum, weight: Sum) -> float:
    """Mean squared error: the mean of (p - y)^2.

    Examples
    --------
    >>> from fastrank import metrics
    >>> metrics.mse().compute([30, 29], [31, 32])
    5.0
    """
    return error.over(weight)
