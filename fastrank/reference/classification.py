"""Losses of scores against labels 0 and 1."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from fastrank.reference.labels import is_positive
from fastrank.reference.regression import mse, weighted_mean

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, DTypeLike

__all__ = ["brier", "focal", "hinge", "log_loss", "nce", "rig"]

EPS = 2.0**-52


def epsilon(eps: float | str | None, dtype: DTypeLike) -> float:
    """The number that `eps` stands for: that of the scores' own type for "dtype", 0 for None."""
    if eps == "dtype":
        return 2.0**-23 if dtype in (np.float16, np.float32) else 2.0**-52
    return 0.0 if eps is None else float(eps)


def true_class(label: float, p: float, eps: float, clip: str) -> tuple[float, float]:
    """(log q, 1 - q), where q is the probability of the true class, clipped."""
    if clip == "both":
        p = min(max(p, eps), 1 - eps)
    q = p if label else 1 - p
    if clip == "true_class" and q < eps:
        return math.log(eps), 1 - eps
    if q == 0:
        return -math.inf, 1.0
    return (math.log(p), 1 - p) if label else (math.log1p(-p), p)


def softplus(x: float) -> float:
    """log(1 + e^x)."""
    return max(x, 0.0) + math.log1p(math.exp(-abs(x)))


def true_class_of_logit(label: float, z: float) -> tuple[float, float]:
    """(log q, 1 - q) of a logit."""
    false = -z if label else z
    return -softplus(false), math.exp(-softplus(-false))


def _true_classes(
    label: ArrayLike, score: ArrayLike, eps: float | str | None, clip: str, from_logits: bool, positive: Any
) -> list[tuple[bool, float, float]]:
    """(whether it is positive, log q, 1 - q) of each row."""
    labels, scores = is_positive(label, positive).tolist(), np.asarray(score)
    end = epsilon(eps, scores.dtype)
    rows = zip(labels, scores.astype(np.float64).tolist(), strict=True)
    if from_logits:
        return [(y, *true_class_of_logit(y, z)) for y, z in rows]
    return [(y, *true_class(y, p, end, clip)) for y, p in rows]


def log_loss(
    label: ArrayLike,
    score: ArrayLike,
    weight: ArrayLike | None = None,
    *,
    eps: float | str | None = EPS,
    clip: str = "both",
    from_logits: bool = False,
    positive: float | str | None = None,
) -> float:
    """Mean of -log q, where q is the probability of the true class: p of a positive row, 1 - p of another.

    clip="both" keeps p within [eps, 1 - eps], "true_class" keeps q from eps on.
    """
    rows = _true_classes(label, score, eps, clip, from_logits, positive)
    return weighted_mean([-log for _, log, _ in rows], weight)


def focal(
    label: ArrayLike,
    score: ArrayLike,
    weight: ArrayLike | None = None,
    *,
    gamma: float = 2.0,
    alpha: float | None = None,
    eps: float | str | None = EPS,
    clip: str = "both",
    from_logits: bool = False,
    positive: float | str | None = None,
) -> float:
    """Mean of -a (1 - q)^gamma log q; a is alpha of positive rows, 1 - alpha of others, 1 without alpha."""
    rows = _true_classes(label, score, eps, clip, from_logits, positive)
    factors = (1.0, 1.0) if alpha is None else (1 - alpha, alpha)
    return weighted_mean([-log * miss**gamma * factors[y] for y, log, miss in rows], weight)


def _entropy(positives: float, negatives: float, log_rate: float, log_rest: float) -> float:
    # A class that is missing adds nothing, though its logarithm may be infinite.
    return -((positives * log_rate if positives else 0.0) + (negatives * log_rest if negatives else 0.0))


def nce(
    label: ArrayLike,
    score: ArrayLike,
    weight: ArrayLike | None = None,
    *,
    background: str | float | ArrayLike = "self",
    denominator: str = "cross",
    eps: float | str | None = EPS,
    clip: str = "both",
    from_logits: bool = False,
    positive: float | str | None = None,
) -> float:
    """Log loss over the cross entropy of the background: the mean label ("self"), a rate, or a rate for each row; or
    over the entropy of the background itself.

    "overall" is the mean label of all rows, and these are all there are.  NaN where the denominator is 0: one class
    with "self".
    """
    loss = log_loss(label, score, weight, eps=eps, clip=clip, from_logits=from_logits, positive=positive)
    if np.ndim(background) > 0:
        of_rates = eps if clip == "both" and eps is not None and not from_logits else EPS
        entropy = log_loss(label, np.asarray(background), weight, eps=of_rates, positive=positive)
    else:
        y = is_positive(label, positive).astype(np.float64)
        positives, negatives = weighted_mean(y, weight), weighted_mean(1 - y, weight)
        own = background in ("self", "overall")
        rate = positives if own else float(np.asarray(background))
        rest = negatives if own else 1 - rate
        if math.isnan(positives):
            return math.nan
        # Next to 1 a rate is rounded, and the share of the others is the better number.
        log_rate = (math.log(rate) if rate < 0.5 else math.log1p(-rest)) if rate > 0 else 0.0
        log_rest = (math.log(rest) if rest < 0.5 else math.log1p(-rate)) if rest > 0 else 0.0
        shares = (rate, rest) if denominator == "entropy" else (positives, negatives)
        entropy = _entropy(*shares, log_rate, log_rest)
    return loss / entropy if entropy > 0 else math.nan


def rig(
    label: ArrayLike,
    score: ArrayLike,
    weight: ArrayLike | None = None,
    *,
    background: str | float | ArrayLike = "self",
    denominator: str = "cross",
    eps: float | str | None = EPS,
    clip: str = "both",
    from_logits: bool = False,
    positive: float | str | None = None,
) -> float:
    """1 - nce."""
    how = {"eps": eps, "clip": clip, "from_logits": from_logits, "positive": positive}
    return 1 - nce(label, score, weight, background=background, denominator=denominator, **how)  # type: ignore[arg-type]


def brier(
    label: ArrayLike,
    score: ArrayLike,
    weight: ArrayLike | None = None,
    *,
    positive: float | str | None = None,
) -> float:
    """Brier score: the mean squared error (y - p)^2 of probabilities."""
    return mse(is_positive(label, positive), score, weight)


def hinge(
    label: ArrayLike,
    score: ArrayLike,
    weight: ArrayLike | None = None,
    *,
    squared: bool = False,
    positive: float | str | None = None,
) -> float:
    """Mean of max(0, 1 - y s), or of its square, with y = 1 of positive rows and -1 of others."""
    margins = np.where(is_positive(label, positive), 1.0, -1.0) * np.asarray(score, np.float64)
    lacking = np.maximum(0.0, 1 - margins)
    return weighted_mean(lacking**2 if squared else lacking, weight)
