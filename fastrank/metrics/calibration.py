"""Metrics of calibration."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import TYPE_CHECKING

from fastrank.accumulators import ExactSum
from fastrank.domains import REAL
from fastrank.labels import BINARY
from fastrank.metrics.base import metric

if TYPE_CHECKING:
    from fastrank.accumulators.sums import Sum

__all__ = ["calibration_ratio"]


@metric(
    family="calibration",
    columns={"label": replace(REAL, classes=BINARY), "score": REAL},
    states=lambda _: {"score": ExactSum("score"), "label": ExactSum("label")},
    aliases=("calibration", "pred_over_label"),
    range=(-math.inf, math.inf),
    better="one",
    undefined="the labels sum to 0",
    source="He et al. 2014: expected over observed",
)
def calibration_ratio(score: Sum, label: Sum) -> float:
    """Calibration ratio: the sum of predictions over the sum of labels.

    sum of w p / sum of w y; above 1 the model predicts too much.

    Examples
    --------
    >>> from fastrank import metrics
    >>> metrics.calibration_ratio().compute([0, 1, 1], [0.5, 0.75, 0.25])
    0.75
    """
    return score.over(label)
