"""How well scores tell positive from negative rows."""

from __future__ import annotations

import math
from collections import defaultdict
from fractions import Fraction
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from fastrank.reference.labels import is_positive

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

__all__ = ["auc", "auc_bounds"]


class Pairs(NamedTuple):
    """Weight (a product) of the pairs of a positive and a negative row."""

    won: Fraction  # the positive row scores higher
    tied: Fraction
    all: Fraction


def _pairs(
    label: ArrayLike, score: ArrayLike, weight: ArrayLike | None, positive_label: float | str | None = None
) -> Pairs:
    labels, scores = is_positive(label, positive_label).tolist(), np.asarray(score).tolist()
    weights = [1] * len(labels) if weight is None else np.asarray(weight, np.float64).tolist()
    positive: dict[float, Fraction] = defaultdict(Fraction)
    negative: dict[float, Fraction] = defaultdict(Fraction)
    for y, s, w in zip(labels, scores, weights, strict=True):
        (positive if y else negative)[s] += Fraction(w)
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


def auc(
    label: ArrayLike,
    score: ArrayLike,
    weight: ArrayLike | None = None,
    *,
    bits: int | None = None,
    positive: float | str | None = None,
) -> float:
    """Area under the ROC curve: the share of pairs that the positive row wins, where a tie is half a win.

    With `bits`, rows of one cell are tied; this is the midpoint of `auc_bounds`.  NaN where a class is missing.
    """
    pairs = _pairs(label, score if bits is None else _cells(score, bits), weight, positive)
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
