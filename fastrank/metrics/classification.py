"""Losses of probabilities against labels of two classes."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from fastrank._kernels import elementary
from fastrank.accumulators import ExactSum
from fastrank.domains import PROBABILITY
from fastrank.metrics.base import Value, metric
from fastrank.metrics.labels import POSITIVE, binary_label
from fastrank.metrics.parameters import Background, Number

if TYPE_CHECKING:
    from fractions import Fraction

    from fastrank.accumulators.sums import Sum

__all__ = ["brier", "log_loss", "nce"]

# Below 2^-53 there is no float64 1 - eps other than 1.
_EPS = Number(
    2.0**-53,
    0.5,
    closed="low",
    doc="Probabilities are clipped to [eps, 1 - eps]; clipped rows are counted in `rows_clipped`.",
)


@metric(
    family="classification",
    columns=lambda p: {"label": binary_label(p), "score": PROBABILITY},
    states=lambda p: {"loss": ExactSum("log_loss", (p.eps,)), "weight": ExactSum("weight")},
    parameters={"eps": _EPS},
    reading=POSITIVE,
    aliases=("logloss", "cross_entropy", "binary_cross_entropy", "bce"),
    range=(0.0, math.inf),
    better="lower",
    undefined="there are no rows",
    unit="nats",
    source="Good 1952; as sklearn.metrics.log_loss of float64 probabilities (of float32 ones, scikit-learn clips at "
    "1.2e-7)",
)
def log_loss(loss: Sum, weight: Sum, *, eps: float = 2.0**-52) -> Value:
    """Logarithmic loss: the mean of -(y log p + (1 - y) log(1 - p)), in nats.

    Examples
    --------
    >>> from fastrank import metrics
    >>> round(metrics.log_loss().compute([0, 1], [0.2, 0.9]), 6)
    0.164252
    """
    return Value(loss.over(weight), clipped=loss.clipped)


def _cross_entropy(rate: Fraction, background: float) -> float:
    """Cross entropy of labels of a mean rate with a constant background probability."""
    first = float(rate) * elementary.log(background) if rate else 0.0
    second = float(1 - rate) * elementary.log1p(-background) if rate != 1 else 0.0
    return -(first + second)


def _entropy(rate: Fraction) -> float:
    """Entropy of labels of a mean rate; the same for 1 - rate, however near to 0 or 1."""
    rare = min(rate, 1 - rate)
    return _cross_entropy(rare, float(rare))


@metric(
    family="classification",
    columns=lambda p: {
        "label": binary_label(p),
        "score": PROBABILITY,
        **({"background": PROBABILITY} if isinstance(p.background, str) and p.background != "self" else {}),
    },
    states=lambda p: {
        "loss": ExactSum("log_loss", (p.eps,)),
        "label": ExactSum("label"),
        "weight": ExactSum("weight"),
        **(
            {"background_loss": ExactSum("background", (p.eps,))}
            if isinstance(p.background, str) and p.background != "self"
            else {}
        ),
    },
    parameters={"background": Background(), "eps": _EPS},
    reading=POSITIVE,
    aliases=("ne", "normalized_entropy", "normalized_cross_entropy"),
    range=(0.0, math.inf),
    better="lower",
    undefined="there are no rows, or the cross entropy of the background is 0 (one class)",
    exactness="sums are exact; 1 is as good as the background",
    source="He et al. 2014, Practical Lessons from Predicting Clicks on Ads at Facebook",
)
def nce(
    loss: Sum,
    label: Sum,
    weight: Sum,
    background_loss: Sum | None = None,
    *,
    background: str | float = "self",
    eps: float = 2.0**-52,
) -> Value:
    """Normalized cross entropy: log loss over the cross entropy of a background rate.

    log_loss / -(q log b + (1 - q) log(1 - b)), with q the mean label and b the background rate.

    Examples
    --------
    >>> from fastrank import metrics
    >>> round(metrics.nce().compute([0, 1, 0, 1], [0.2, 0.9, 0.4, 0.6]), 6)
    0.486966
    """
    model = loss.over(weight)
    if background_loss is not None:
        baseline = background_loss.over(weight)
    elif weight.total == 0:
        baseline = math.nan
    else:
        rate = label.total / weight.total
        baseline = _entropy(rate) if isinstance(background, str) else _cross_entropy(rate, background)
    return Value(model / baseline if baseline > 0 else math.nan, clipped=loss.clipped)


@metric(
    family="classification",
    columns=lambda p: {"label": binary_label(p), "score": PROBABILITY},
    states=lambda _: {"error": ExactSum("brier"), "weight": ExactSum("weight")},
    reading=POSITIVE,
    aliases=("brier_score", "brier_score_loss"),
    range=(0.0, 1.0),
    better="lower",
    undefined="there are no rows",
    source="Brier 1950; as sklearn.metrics.brier_score_loss",
)
def brier(error: Sum, weight: Sum) -> float:
    """Brier score: the mean of (p - y)^2.

    Examples
    --------
    >>> from fastrank import metrics
    >>> metrics.brier().compute([0, 1], [0.25, 0.5])
    0.15625
    """
    return error.over(weight)
