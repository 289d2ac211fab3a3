"""Metrics of scores and probabilities against labels 0 and 1."""

from __future__ import annotations

import math
from collections import defaultdict
from fractions import Fraction
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from fastrank.reference.regression import mse, weighted_mean

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

__all__ = ["auc", "auc_bounds", "brier", "log_loss", "nce"]

EPS = 2.0**-52


class Pairs(NamedTuple):
    """Weight (a product) of the pairs of a positive and a negative row."""

    won: Fraction  # the positive row scores higher
    tied: Fraction
    all: Fraction


def _pairs(label: ArrayLike, score: ArrayLike, weight: ArrayLike | None) -> Pairs:
    labels, scores = np.asarray(label).tolist(), np.asarray(score).tolist()
    weights = [1] * len(labels) if weight is None else np.asarray(weight, np.float64).tolist()
    positive: dict[float, Fraction] = defaultdict(Fraction)
    negative: dict[float, Fraction] = defaultdict(Fraction)
    for y, s, w in zip(labels, scores, weights, strict=True):
        (positive if y == 1 else negative)[s] += Fraction(w)
    won = tied = negative_below = Fraction(0)
    for s in sorted(positive.keys() | negative.keys()):
        won += positive[s] * negative_below
        tied += positive[s] * negative[s]
        negative_below += negative[s]
    return Pairs(won, tied, sum(positive.values(), Fraction(0)) * negative_below)


def _cells(score: ArrayLike, bits: int) -> NDArray[np.uint32]:
    """The top `bits` bits of the integer that orders as the float32 score does; wider scores are rounded down."""
    wide = np.asarray(score, np.float64)
    with np.errstate(over="ignore"):  # the ends of float32 are next to infinity
        near = wide.astype(np.float32)
        below = np.nextafter(near, np.float32(-math.inf))
    pattern = (np.where(near > wide, below, near) + np.float32(0)).view(np.uint32)  # -0.0 + 0.0 = 0.0
    # Bit patterns of positive floats ascend with the float, those of negative floats (sign bit set) descend.
    sign = np.uint32(1 << 31)
    key = np.where(pattern & sign, ~pattern, pattern | sign)
    return key >> np.uint32(32 - bits)


def auc(label: ArrayLike, score: ArrayLike, weight: ArrayLike | None = None, *, bits: int | None = None) -> float:
    """Area under the ROC curve: the share of pairs that the positive row wins, where a tie is half a win.

    With `bits`, rows of one cell are tied; this is the midpoint of `auc_bounds`.  NaN where a class is missing.
    """
    pairs = _pairs(label, score if bits is None else _cells(score, bits), weight)
    return math.nan if pairs.all == 0 else float((pairs.won + pairs.tied / 2) / pairs.all)


def auc_bounds(
    label: ArrayLike, score: ArrayLike, weight: ArrayLike | None = None, *, bits: int
) -> tuple[float, float]:
    """The AUC if the positive row loses, and if it wins, each pair of one cell; rounded outward."""
    pairs = _pairs(label, _cells(score, bits), weight)
    if pairs.all == 0:
        return math.nan, math.nan
    least, most = pairs.won / pairs.all, (pairs.won + pairs.tied) / pairs.all
    lower, upper = float(least), float(most)
    return (
        math.nextafter(lower, -math.inf) if lower > least else lower,
        math.nextafter(upper, math.inf) if upper < most else upper,
    )


def log_loss(label: ArrayLike, score: ArrayLike, weight: ArrayLike | None = None, *, eps: float = EPS) -> float:
    """Mean of -(y log p + (1 - y) log(1 - p)), with p clipped to [eps, 1 - eps]."""
    labels = np.asarray(label, np.float64).tolist()
    clipped = np.clip(np.asarray(score, np.float64), eps, 1 - eps).tolist()
    terms = [-(y * math.log(p) + (1 - y) * math.log1p(-p)) for y, p in zip(labels, clipped, strict=True)]
    return weighted_mean(terms, weight)


def nce(
    label: ArrayLike,
    score: ArrayLike,
    weight: ArrayLike | None = None,
    *,
    background: str | float | ArrayLike = "self",
    eps: float = EPS,
) -> float:
    """Log loss over the cross entropy of the background: the mean label ("self"), a rate, or a rate for each row.

    NaN where the latter is 0: one class with "self".
    """
    if np.ndim(background) > 0:
        entropy = log_loss(label, np.asarray(background), weight, eps=eps)
    else:
        y = np.asarray(label, np.float64)
        positives, negatives = weighted_mean(y, weight), weighted_mean(1 - y, weight)
        rate = positives if background == "self" else float(np.asarray(background))
        # A class that is missing adds nothing, though its logarithm may be infinite.
        entropy = math.nan if math.isnan(positives) else 0.0
        if background == "self" and 0 < negatives < 0.5:
            # Next to 1 the rate is rounded, and the share of negatives is the better number.
            log_rate, log_rest = math.log1p(-negatives), math.log(negatives)
        else:
            log_rate = math.log(rate) if rate > 0 else 0.0
            log_rest = math.log1p(-rate) if rate < 1 else 0.0
        entropy -= positives * log_rate + negatives * log_rest
    return log_loss(label, score, weight, eps=eps) / entropy if entropy > 0 else math.nan


def brier(label: ArrayLike, score: ArrayLike, weight: ArrayLike | None = None) -> float:
    """Brier score: the mean squared error (y - p)^2 of probabilities."""
    return mse(label, score, weight)
