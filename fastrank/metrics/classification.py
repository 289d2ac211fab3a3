"""Losses of scores against labels of two classes."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from fastrank.accumulators import ExactSum
from fastrank.domains import PROBABILITY, REAL
from fastrank.metrics import clipping
from fastrank.metrics.base import Value, metric
from fastrank.metrics.labels import POSITIVE, binary_label
from fastrank.metrics.parameters import Flag, Number

if TYPE_CHECKING:
    from fastrank.accumulators.base import Accumulator
    from fastrank.accumulators.sums import Sum

__all__ = ["brier", "focal", "hinge", "log_loss"]


@metric(
    family="classification",
    columns=clipping.columns,
    states=lambda p: {"loss": clipping.log_loss_state(p), "weight": ExactSum("weight")},
    reading=clipping.READING,
    conflict=clipping.clip_conflict,
    aliases=("logloss", "cross_entropy", "binary_cross_entropy", "bce", "binary_crossentropy", "binary_logloss"),
    presets={
        "bce_with_logits": {"from_logits": True},
        "binary_cross_entropy_with_logits": {"from_logits": True},
    },
    range=(0.0, math.inf),
    better="lower",
    undefined="there are no rows",
    unit="nats",
    source="Good 1952; as sklearn.metrics.log_loss of float64 probabilities, and with eps=dtype of float32 ones",
)
def log_loss(loss: Sum, weight: Sum) -> Value:
    """Logarithmic loss: the mean of -(y log p + (1 - y) log(1 - p)), in nats.

    Examples
    --------
    >>> from fastrank import metrics
    >>> round(metrics.log_loss().compute([0, 1], [0.2, 0.9]), 6)
    0.164252
    """
    return Value(loss.over(weight), clipped=loss.clipped)


def _focal_state(p: Any) -> Accumulator:
    """The sum of focal losses."""
    factors = (1.0, 1.0) if p.alpha is None else (p.alpha, 1 - p.alpha)
    if p.from_logits:
        return ExactSum("focal_of_logits", (p.gamma, *factors))
    return ExactSum("focal", (*clipping.ends(p), p.gamma, *factors))


@metric(
    family="classification",
    columns=clipping.columns,
    states=lambda p: {"loss": _focal_state(p), "weight": ExactSum("weight")},
    parameters={
        "gamma": Number(
            0.0, math.inf, closed="low", doc="How much less rows count that are easy; 0 is log loss, bit for bit."
        ),
        "alpha": Number(
            0.0,
            1.0,
            optional=True,
            none_means="all rows count alike",
            doc="The factor of positive rows; that of negative ones is 1 - alpha.",
        ),
    },
    reading=clipping.READING,
    conflict=clipping.clip_conflict,
    aliases=("focal_loss", "binary_focal_loss", "binary_focal_crossentropy"),
    presets={"sigmoid_focal_loss": {"from_logits": True, "alpha": 0.25}},
    range=(0.0, math.inf),
    better="lower",
    undefined="there are no rows",
    unit="nats",
    source="Lin et al. 2017, Focal Loss for Dense Object Detection; with from_logits=True as "
    "torchvision.ops.sigmoid_focal_loss",
)
def focal(loss: Sum, weight: Sum, *, gamma: float = 2.0, alpha: float | None = None) -> Value:
    """Focal loss: the mean of -a (1 - q)^gamma log q, where q is the probability of the true class.

    q is p of positive rows and 1 - p of others; a is alpha of positive rows and 1 - alpha of others, and 1 without
    alpha.

    Examples
    --------
    >>> from fastrank import metrics
    >>> round(metrics.focal().compute([0, 1], [0.2, 0.9]), 6)
    0.00499
    """
    return Value(loss.over(weight), clipped=loss.clipped)


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


@metric(
    family="classification",
    columns=lambda p: {"label": binary_label(p), "score": REAL},
    states=lambda p: {"loss": ExactSum("squared_hinge" if p.squared else "hinge"), "weight": ExactSum("weight")},
    parameters={"squared": Flag(doc="The mean of the squares.")},
    reading=POSITIVE,
    aliases=("hinge_loss", "binary_hinge_loss"),
    presets={"squared_hinge": {"squared": True}},
    range=(0.0, math.inf),
    better="lower",
    undefined="there are no rows",
    source="as sklearn.metrics.hinge_loss and torchmetrics.classification.BinaryHingeLoss (which puts scores outside "
    "[0, 1] through a sigmoid first)",
)
def hinge(loss: Sum, weight: Sum, *, squared: bool = False) -> float:
    """Hinge loss: the mean of max(0, 1 - y s), or of its square, with y = 1 of positive rows and -1 of others.

    Examples
    --------
    >>> from fastrank import metrics
    >>> metrics.hinge().compute([0, 1], [-2.0, 0.5])
    0.25
    """
    return loss.over(weight)
