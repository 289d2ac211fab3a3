"""Metrics of calibration."""

from __future__ import annotations

import math
from fractions import Fraction
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import ArrayLike

__all__ = ["calibration_ratio"]


def calibration_ratio(label: ArrayLike, score: ArrayLike, weight: ArrayLike | None = None) -> float:
    """sum of w p / sum of w y; NaN where the labels sum to 0.

    Labels and predictions may have either sign, so that sums of rounded products could cancel: the sums are exact.
    """
    y, p = np.asarray(label, np.float64).tolist(), np.asarray(score, np.float64).tolist()
    w = [1.0] * len(y) if weight is None else np.asarray(weight, np.float64).tolist()
    labels = sum(Fraction(w[i]) * Fraction(y[i]) for i in range(len(y)) if w[i] > 0)
    scores = sum(Fraction(w[i]) * Fraction(p[i]) for i in range(len(y)) if w[i] > 0)
    return math.nan if labels == 0 else float(scores / labels)
