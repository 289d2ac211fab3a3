"""Sums of precision between two points of a ranking, in closed forms of float64 without cancellation.

Each result is within 2^-46 of the true one, relatively; that is far more than the roundings come to.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from fastrank._kernels import elementary

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

__all__ = ["ROUNDING", "interpolated", "precisions", "rising"]

ROUNDING = 2.0**-46
SERIES_TERMS = 11  # (1/25)^11 / 23 is below 2^-54
# From here on three terms of the series of harmonic numbers leave out less than 127/30720 / 128^8 = 2^-63.
FIRST_HARMONIC = 128


def precisions(tp: Floats, fp: Floats) -> Floats:
    """tp / (tp + fp), 1 before any row."""
    seen = tp + fp
    return np.divide(tp, seen, out=np.ones_like(seen), where=seen > 0)


def _log1p_share(y: Floats) -> tuple[Floats, Floats]:
    """log(1 + y) / y, and 1 less that, for y above 0.

    With z = y / (2 + y), log(1 + y) = 2 z (1 + w), w = z^2/3 + z^4/5 + ...
    """
    z = y / (2.0 + y)
    square, w = z * z, np.zeros_like(y)
    for j in range(SERIES_TERMS, 0, -1):
        w = square * (1.0 / (2 * j + 1) + w)
    share, rest = 2.0 * (1.0 + w) / (2.0 + y), (y - 2.0 * w) / (2.0 + y)
    large = np.flatnonzero(y > 0.5)
    if large.size:
        y = y[large]
        share[large] = elementary.log1p(y) / y
        rest[large] = 1.0 - share[large]
    return share, rest


def interpolated(tp: Floats, seen: Floats, positives: Floats, rows: Floats) -> Floats:
    """The integral of precision over true positives from `tp` to `tp + positives`, on a straight line on which the
    rows seen go from `seen` to `seen + rows`.

    The integral over x from 0 to 1 of positives * (tp + x positives) / (seen + x rows); with y = rows / seen,
    tp / (seen (1 + x y)) integrates to tp / seen * log(1 + y) / y, and the rest to positives / rows * (1 less that).
    """
    slope = positives / rows
    result = positives * slope
    # Before any row, and where there are positives only, precision is one number.
    begun = np.flatnonzero((seen > 0) & ((tp < seen) | (positives < rows)))
    tp, seen = tp[begun], seen[begun]
    share, rest = _log1p_share(rows[begun] / seen)
    result[begun] = positives[begun] * (tp / seen * share + slope[begun] * rest)
    return result


def _harmonic_rest(n: Floats) -> Floats:
    """What the harmonic number of n is above log(n + 1/2) and Euler's constant."""
    v = 1.0 / (n + 0.5) ** 2
    return v * (1 / 24 - v * (7 / 960 - v * (31 / 8064)))


def rising(tp: Floats, fp: Floats, positives: Floats) -> Floats:
    """The sum of precision at each of `positives` rows that follow each other, after `tp` and `fp`.

    (tp + i) / (tp + fp + i) summed over i from 1 to positives: the integral from 1/2 to positives + 1/2, and fp times
    the difference of what harmonic numbers are above their logarithm; the first terms one by one.
    """
    total = np.zeros_like(tp)
    tp, positives = tp.copy(), positives.copy()
    few = np.flatnonzero(tp + fp < FIRST_HARMONIC)
    while few.size:
        tp[few] += 1.0
        positives[few] -= 1.0
        total[few] += tp[few] / (tp[few] + fp[few])
        few = few[(positives[few] > 0) & (tp[few] + fp[few] < FIRST_HARMONIC)]
    more = np.flatnonzero(positives > 0)
    tp, fp, positives = tp[more], fp[more], positives[more]
    seen = tp + fp
    line = interpolated(tp + 0.5, seen + 0.5, positives, positives)
    total[more] += line + fp * (_harmonic_rest(seen) - _harmonic_rest(seen + positives))
    return total
