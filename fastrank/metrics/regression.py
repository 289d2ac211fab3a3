"""Metrics of predictions against real targets."""

from __future__ import annotations

import math
from fractions import Fraction
from typing import TYPE_CHECKING, Any

from fastrank.accumulators import ExactSum, LargestError
from fastrank.domains import REAL, interval
from fastrank.metrics.base import metric
from fastrank.metrics.parameters import Choice, Number

if TYPE_CHECKING:
    from fastrank.accumulators.sums import Sum

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

REALS = {"label": REAL, "score": REAL}
# Ratios of 1 + y and 1 + p stay within float64.
_ABOVE_MINUS_ONE = interval(
    "above -1", f"a number above -1, up to 2^960 ({2.0**960:.1e})", math.nextafter(-1.0, 0.0), 2.0**960
)
_LOGARITHMIC = {"label": _ABOVE_MINUS_ONE, "score": _ABOVE_MINUS_ONE}
_LARGE = "sums are exact and the value is rounded once; infinite where the square of an error is past 1.8e308"


@metric(
    family="regression",
    columns=REALS,
    states=lambda _: {"error": ExactSum("squared_error"), "weight": ExactSum("weight")},
    aliases=("mean_squared_error", "l2"),
    range=(0.0, math.inf),
    better="lower",
    undefined="there are no rows",
    unit="the square of the target's unit",
    exactness=_LARGE,
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


@metric(
    family="regression",
    columns=REALS,
    states=lambda _: {"error": ExactSum("squared_error"), "weight": ExactSum("weight")},
    aliases=("root_mean_squared_error",),
    range=(0.0, math.inf),
    better="lower",
    undefined="there are no rows",
    unit="the target's unit",
    exactness=f"the root of mse; {_LARGE}",
    source="as sklearn.metrics.root_mean_squared_error",
)
def rmse(error: Sum, weight: Sum) -> float:
    """Root mean squared error: the root of the mean of (p - y)^2.

    Examples
    --------
    >>> from fastrank import metrics
    >>> metrics.rmse().compute([30, 30], [30, 32]) ** 2
    2.0000000000000004
    """
    return math.sqrt(error.over(weight))


@metric(
    family="regression",
    columns=REALS,
    states=lambda _: {"error": ExactSum("absolute_error"), "weight": ExactSum("weight")},
    aliases=("mean_absolute_error", "l1"),
    range=(0.0, math.inf),
    better="lower",
    undefined="there are no rows",
    unit="the target's unit",
    source="as sklearn.metrics.mean_absolute_error",
)
def mae(error: Sum, weight: Sum) -> float:
    """Mean absolute error: the mean of |p - y|.

    Examples
    --------
    >>> from fastrank import metrics
    >>> metrics.mae().compute([30, 29], [31, 32])
    2.0
    """
    return error.over(weight)


@metric(
    family="regression",
    columns=REALS,
    states=lambda _: {"score": ExactSum("score"), "label": ExactSum("label"), "weight": ExactSum("weight")},
    aliases=("bias", "mean_bias_error"),
    range=(-math.inf, math.inf),
    better="zero",
    undefined="there are no rows",
    unit="the target's unit",
    exactness="predictions and targets are summed apart, exactly, and the value is rounded once",
    source="prediction less target, as in forecasting: above 0 the model predicts too much",
)
def mean_error(score: Sum, label: Sum, weight: Sum) -> float:
    """Mean error, or bias: the mean of p - y.

    Above 0 the predictions are too high on the whole, below 0 too low.

    Examples
    --------
    >>> from fastrank import metrics
    >>> metrics.mean_error().compute([30, 29], [31, 32])
    2.0
    """
    return score.less(label).over(weight)


@metric(
    family="regression",
    columns=REALS,
    states=lambda _: {"largest": LargestError()},
    aliases=("maximum_error", "max_absolute_error"),
    range=(0.0, math.inf),
    better="lower",
    undefined="there are no rows",
    unit="the target's unit",
    exactness="the difference is rounded once",
    source="as sklearn.metrics.max_error; weights only tell which rows are there",
)
def max_error(largest: float) -> float:
    """Largest error: the greatest |p - y| of all rows.

    Examples
    --------
    >>> from fastrank import metrics
    >>> metrics.max_error().compute([30, 29], [31, 32])
    3.0
    """
    return largest


@metric(
    family="regression",
    columns=REALS,
    states=lambda p: {"loss": ExactSum("huber", (p.delta,)), "weight": ExactSum("weight")},
    parameters={
        "delta": Number(
            2.0**-500,
            2.0**500,
            closed="low high",
            doc="The size of an error, in the target's unit, from which on the loss grows in proportion to it.",
        ),
        "form": Choice(
            ("huber", "smooth_l1"),
            doc="huber: slope delta for large errors; smooth_l1: divided by delta, so that the slope is 1.",
        ),
    },
    aliases=("huber_loss",),
    presets={"smooth_l1": {"form": "smooth_l1"}, "smooth_l1_loss": {"form": "smooth_l1"}},
    range=(0.0, math.inf),
    better="lower",
    undefined="there are no rows",
    source="Huber 1964; delta is LightGBM's alpha, and the beta of PyTorch's SmoothL1Loss (smooth_l1)",
)
def huber(loss: Sum, weight: Sum, *, delta: float = 1.0, form: str = "huber") -> float:
    """Huber loss: squared for small errors, absolute for large ones.

    The mean of e^2 / 2 where |e| <= delta, else of delta (|e| - delta / 2), for e = p - y.

    Examples
    --------
    >>> from fastrank import metrics
    >>> metrics.huber().compute([30, 29], [30.5, 32])
    1.3125
    """
    return (loss.times(1 / Fraction(delta)) if form == "smooth_l1" else loss).over(weight)


def _pinball_weights(p: Any) -> tuple[float, float]:
    """What errors weigh that are under the target, and over it."""
    if p.over_prediction_weight is not None:
        return 1.0 - p.over_prediction_weight, p.over_prediction_weight
    alpha = 0.5 if p.alpha is None else p.alpha
    return alpha, 1.0 - alpha


@metric(
    family="regression",
    columns=REALS,
    states=lambda p: {"loss": ExactSum("pinball", _pinball_weights(p)), "weight": ExactSum("weight")},
    parameters={
        "alpha": Number(
            0.0,
            1.0,
            closed="low high",
            optional=True,
            none_means="1 - over_prediction_weight, or 0.5 where that is not given either",
            doc="The quantile that the predictions are of, which is the weight of predictions that are too low.",
        ),
        "over_prediction_weight": Number(
            0.0,
            1.0,
            closed="low high",
            optional=True,
            none_means="1 - alpha",
            doc="The same by the weight of predictions that are too high: 1 - alpha.  Give one of both.",
        ),
    },
    conflict=lambda p: (
        "alpha is the weight of predictions that are too low, and over_prediction_weight is 1 - alpha: give one"
        if p.alpha is not None and p.over_prediction_weight is not None
        else ""
    ),
    aliases=("pinball", "pinball_loss", "mean_pinball_loss"),
    range=(0.0, math.inf),
    better="lower",
    undefined="there are no rows",
    unit="the target's unit",
    source="Koenker and Bassett 1978; as sklearn.metrics.mean_pinball_loss",
)
def quantile_loss(
    loss: Sum, weight: Sum, *, alpha: float | None = None, over_prediction_weight: float | None = None
) -> float:
    """Quantile loss, or pinball loss: absolute errors, weighed by their side.

    The mean of alpha (y - p) where y > p, else of (1 - alpha) (p - y); the alpha-quantile of the target makes it least.

    Examples
    --------
    >>> from fastrank import metrics
    >>> metrics.quantile_loss(alpha=0.75).compute([30, 29], [31, 25])
    1.625
    """
    return loss.over(weight)


@metric(
    family="regression",
    columns=REALS,
    states=lambda _: {"loss": ExactSum("log_cosh"), "weight": ExactSum("weight")},
    aliases=("logcosh", "log_cosh_error"),
    range=(0.0, math.inf),
    better="lower",
    undefined="there are no rows",
    exactness="small errors keep their digits, large ones do not overflow; sums are exact",
    source="as torchmetrics' LogCoshError",
)
def log_cosh(loss: Sum, weight: Sum) -> float:
    """Log-cosh loss: the mean of log(cosh(p - y)).

    About e^2 / 2 for small errors e, and |e| - log 2 for large ones.

    Examples
    --------
    >>> from fastrank import metrics
    >>> round(metrics.log_cosh().compute([30, 29], [30, 32]), 6)
    1.154664
    """
    return loss.over(weight)


@metric(
    family="regression",
    columns=_LOGARITHMIC,
    states=lambda _: {"error": ExactSum("squared_log_error"), "weight": ExactSum("weight")},
    aliases=("mean_squared_log_error", "mean_squared_logarithmic_error"),
    range=(0.0, math.inf),
    better="lower",
    undefined="there are no rows",
    exactness="predictions next to their targets keep their digits; sums are exact",
    source="as sklearn.metrics.mean_squared_log_error",
)
def msle(error: Sum, weight: Sum) -> float:
    """Mean squared logarithmic error: the mean of (log(1 + p) - log(1 + y))^2.

    Examples
    --------
    >>> from fastrank import metrics
    >>> round(metrics.msle().compute([1, 3], [1, 7]), 6)
    0.240227
    """
    return error.over(weight)


@metric(
    family="regression",
    columns=_LOGARITHMIC,
    states=lambda _: {"error": ExactSum("squared_log_error"), "weight": ExactSum("weight")},
    aliases=("root_mean_squared_log_error", "root_mean_squared_logarithmic_error"),
    range=(0.0, math.inf),
    better="lower",
    undefined="there are no rows",
    exactness="the root of msle",
    source="as sklearn.metrics.root_mean_squared_log_error",
)
def rmsle(error: Sum, weight: Sum) -> float:
    """Root mean squared logarithmic error: the root of the mean of (log(1 + p) - log(1 + y))^2.

    Examples
    --------
    >>> from fastrank import metrics
    >>> round(metrics.rmsle().compute([1, 3], [1, 7]), 6)
    0.490129
    """
    return math.sqrt(error.over(weight))
