"""How well scores tell positive from negative rows."""

from __future__ import annotations

import math
from collections import defaultdict
from fractions import Fraction
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from fastrank.reference.labels import two_classes

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

__all__ = ["auc", "auc_bounds", "auc_gini", "auc_standard_error", "average_precision", "ks", "pr_auc"]


class Pairs(NamedTuple):
    """Weight (a product) of the pairs of a positive and a negative row."""

    won: Fraction  # the positive row scores higher
    tied: Fraction
    all: Fraction


class Step(NamedTuple):
    """Weight of the rows of one score, by class."""

    positives: Fraction
    negatives: Fraction


def _steps(label: ArrayLike, score: ArrayLike, weight: ArrayLike | None, bits: int | None = None) -> list[Step]:
    """Each distinct score that has any weight, the highest first; each cell where there are `bits`."""
    labels, scores = np.asarray(label).tolist(), np.asarray(score if bits is None else _cells(score, bits)).tolist()
    weights = [1] * len(labels) if weight is None else np.asarray(weight, np.float64).tolist()
    found: dict[float, Step] = defaultdict(lambda: Step(Fraction(0), Fraction(0)))
    for y, s, w in zip(labels, scores, weights, strict=True):
        positives, negatives = found[s]
        found[s] = Step(positives + Fraction(w) * (y == 1), negatives + Fraction(w) * (y != 1))
    return [found[s] for s in sorted(found, reverse=True) if any(found[s])]


def _totals(steps: list[Step]) -> Step:
    return Step(sum((s.positives for s in steps), Fraction(0)), sum((s.negatives for s in steps), Fraction(0)))


def _pairs(label: ArrayLike, score: ArrayLike, weight: ArrayLike | None) -> Pairs:
    steps = _steps(label, score, weight)
    won = tied = positives_above = Fraction(0)
    for step in steps:
        won += positives_above * step.negatives
        tied += step.positives * step.negatives
        positives_above += step.positives
    return Pairs(won, tied, positives_above * _totals(steps).negatives)


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


def _replaced(totals: Step, single_class: str) -> float:
    """What `single_class` gives where one class is missing."""
    if single_class == "error":
        raise ValueError("a class is missing")
    if not any(totals):
        return math.nan
    h2o = 1.0 if totals.positives else 0.0
    return {"nan": math.nan, "zero": 0.0, "half": 0.5, "one": 1.0, "h2o": h2o}[single_class]


@two_classes
def auc(
    label: ArrayLike,
    score: ArrayLike,
    weight: ArrayLike | None = None,
    *,
    bits: int | None = None,
    max_fpr: float | None = None,
    min_tpr: float | None = None,
    standardize: bool = True,
    single_class: str = "nan",
) -> float:
    """Area under the ROC curve: the share of pairs that the positive row wins, where a tie is half a win.

    With `bits`, rows of one cell are tied; this is the midpoint of `auc_bounds`.  Where a class is missing,
    `single_class` says what it is.  With `max_fpr`, the area up to there; with `min_tpr`, that below the curve and
    above there; standardised to 1/2 for the diagonal and 1 for the best.
    """
    steps = _steps(label, score, weight, bits)
    totals = _totals(steps)
    if not all(totals):
        return _replaced(totals, single_class)
    if max_fpr is min_tpr is None:
        pairs = _pairs(label, score if bits is None else _cells(score, bits), weight)
        return float((pairs.won + pairs.tied / 2) / pairs.all)
    if max_fpr is not None:
        share = Fraction(max_fpr)
        corners = [Step(s.positives / totals.positives, s.negatives / totals.negatives) for s in steps]
    else:
        # Seen from the other corner: the share of positives from below, and above it that of negatives.
        share = 1 - Fraction(min_tpr or 0)
        corners = [Step(s.negatives / totals.negatives, s.positives / totals.positives) for s in reversed(steps)]
    area = x = y = Fraction(0)
    for rise, width in corners:
        inside = min(width, share - x)
        slope = rise / width if width else Fraction(0)
        area += inside * (y + slope * inside / 2)
        x, y = x + inside, y + rise
    chance = share * share / 2
    return float((1 + (area - chance) / (share - chance)) / 2 if standardize else area)


@two_classes
def auc_gini(
    label: ArrayLike,
    score: ArrayLike,
    weight: ArrayLike | None = None,
    *,
    bits: int | None = None,
    single_class: str = "nan",
) -> float:
    """The share of pairs that the positive row wins, less the share that it loses: 2 AUC - 1."""
    pairs = _pairs(label, score if bits is None else _cells(score, bits), weight)
    if pairs.all == 0:
        return 2 * _replaced(_totals(_steps(label, score, weight)), single_class) - 1
    return float((pairs.won - (pairs.all - pairs.won - pairs.tied)) / pairs.all)


@two_classes
def auc_standard_error(
    label: ArrayLike, score: ArrayLike, weight: ArrayLike | None = None, *, bits: int | None = None
) -> float:
    """The square root of var(V10) / P + var(V01) / N, row by row.

    V10 is of each positive row the share of negatives that it beats, V01 of each negative row the share of positives
    that beat it; variances are those of samples, and a weight counts rows.
    """
    steps = _steps(label, score, weight, bits)
    totals = _totals(steps)
    if not (totals.positives > 1 and totals.negatives > 1):
        return math.nan
    variance = Fraction(0)
    for own, other in ((0, 1), (1, 0)):
        # Which share of the other class lies on the wrong side of a row is 1 less which lies on the right one.
        shares = [
            (step[own], (sum((s[other] for s in steps[:i]), Fraction(0)) + step[other] / 2) / totals[other])
            for i, step in enumerate(steps)
        ]
        mean = sum(w * x for w, x in shares) / totals[own]
        variance += sum(w * (x - mean) ** 2 for w, x in shares) / (totals[own] - 1) / totals[own]
    return math.sqrt(variance)


@two_classes
def ks(label: ArrayLike, score: ArrayLike, weight: ArrayLike | None = None, *, bits: int | None = None) -> float:
    """The largest difference, over thresholds, between the shares of positive and of negative rows above."""
    steps = _steps(label, score, weight, bits)
    totals = _totals(steps)
    if not all(totals):
        return math.nan
    tpr = fpr = largest = Fraction(0)
    for step in steps:
        tpr, fpr = tpr + step.positives / totals.positives, fpr + step.negatives / totals.negatives
        largest = max(largest, abs(tpr - fpr))
    return float(largest)


@two_classes
def average_precision(
    label: ArrayLike,
    score: ArrayLike,
    weight: ArrayLike | None = None,
    *,
    bits: int | None = None,
    single_class: str = "nan",
) -> float:
    """The mean over positive rows of precision at their score."""
    return pr_auc(label, score, weight, bits=bits, single_class=single_class)


def _interpolated(tp: Fraction, fp: Fraction, p: Fraction, n: Fraction) -> float:
    """The integral of precision over x = TP from tp to tp + p, where FP = fp + (x - tp) n / p.

    With a = 1 + n / p, s = tp + fp and z = (p + n) / s it is (s (z - log(1 + z)) + a tp log(1 + z)) / a^2; of small z,
    z - log(1 + z) is summed as z^2 / 2 - z^3 / 3 + ..., which cancels nothing.
    """
    a, seen = 1 + n / p, tp + fp
    if not seen:
        return float(p / a)
    z = float((p + n) / seen)
    rest = math.fsum((-z) ** k / k for k in range(2, 60)) if z < 0.4 else z - math.log1p(z)
    return float(seen / a**2) * rest + float(tp / a) * math.log1p(z)


@two_classes
def pr_auc(
    label: ArrayLike,
    score: ArrayLike,
    weight: ArrayLike | None = None,
    *,
    method: str = "step",
    bits: int | None = None,
    single_class: str = "nan",
) -> float:
    """Area under the precision-recall curve.

    Precision over the recall of a score is that at the score ("step"), the mean of that and the one above, which is 1
    above all ("trapezoid"), or TP / (TP + FP) where both grow along a straight line ("davis_goadrich", "integral").
    """
    steps = _steps(label, score, weight, bits)
    totals = _totals(steps)
    if not totals.positives:
        return _replaced(totals, single_class)
    tp = fp = Fraction(0)
    precision = Fraction(1)
    areas = []
    for p, n in steps:
        before, precision = precision, (tp + p) / (tp + p + fp + n)
        if method == "step":
            areas.append(float(p * precision))
        elif method == "trapezoid":
            areas.append(float(p * (before + precision) / 2))
        elif p:
            areas.append(_interpolated(tp, fp, p, n))
        tp, fp = tp + p, fp + n
    return math.fsum(areas) / float(totals.positives)


@two_classes
def auc_bounds(
    label: ArrayLike, score: ArrayLike, weight: ArrayLike | None = None, *, bits: int
) -> tuple[float, float]:
    """The AUC if the positive row loses, and if it wins, each pair of one cell; rounded outward where they differ."""
    pairs = _pairs(label, _cells(score, bits), weight)
    if pairs.all == 0:
        return math.nan, math.nan
    least, most = pairs.won / pairs.all, (pairs.won + pairs.tied) / pairs.all
    lower, upper = float(least), float(most)
    if least == most:
        return lower, upper
    return (
        math.nextafter(lower, -math.inf) if lower > least else lower,
        math.nextafter(upper, math.inf) if upper < most else upper,
    )
