"""Decisions by thresholds: a row is predicted positive where its score is at least the threshold, or with `strict`
above it.  Of several thresholds a metric is the best value."""

from __future__ import annotations

import math
from fractions import Fraction
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from fastrank.reference.labels import two_classes

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import ArrayLike

__all__ = [
    "accuracy",
    "balanced_accuracy",
    "binary_f1",
    "binary_f_beta",
    "binary_precision",
    "binary_recall",
    "binary_specificity",
    "confusion",
    "confusion_at",
    "fpr",
    "mcc",
]

HALF = (0.5,)


class Outcomes(NamedTuple):
    """Weight of the rows by prediction (positive, negative), and whether it is true."""

    tp: Fraction
    fp: Fraction
    tn: Fraction
    fn: Fraction


def confusion_at(
    threshold: float, label: ArrayLike, score: ArrayLike, weight: ArrayLike | None = None, *, strict: bool = False
) -> Outcomes:
    """The confusion matrix of decisions at one threshold."""
    labels, scores = np.asarray(label).tolist(), np.asarray(score).tolist()
    weights = [1] * len(labels) if weight is None else np.asarray(weight, np.float64).tolist()
    tp = fp = tn = fn = Fraction(0)
    for y, s, w in zip(labels, scores, weights, strict=True):
        predicted = s > threshold if strict else s >= threshold
        tp += Fraction(w) * (predicted and y == 1)
        fp += Fraction(w) * (predicted and y == 0)
        tn += Fraction(w) * (not predicted and y == 0)
        fn += Fraction(w) * (not predicted and y == 1)
    return Outcomes(tp, fp, tn, fn)


def _over(part: Fraction, whole: Fraction) -> float:
    return float(part / whole) if whole else math.nan


def _best(
    measure: Callable[[Outcomes], float],
    label: ArrayLike,
    score: ArrayLike,
    weight: ArrayLike | None,
    threshold: float | tuple[float, ...],
    strict: bool,
    zero_division: str | float,
    better: Callable[[list[float]], float] = max,
) -> float:
    """The best value over the thresholds, of those that are defined."""
    thresholds = np.atleast_1d(np.asarray(threshold, np.float64)).tolist()
    values = [measure(confusion_at(each, label, score, weight, strict=strict)) for each in thresholds]
    values = [float(zero_division) if math.isnan(value) else value for value in values]
    defined = [value for value in values if not math.isnan(value)]
    return better(defined) if defined else math.nan


@two_classes
def binary_precision(
    label: ArrayLike,
    score: ArrayLike,
    weight: ArrayLike | None = None,
    *,
    threshold: float | tuple[float, ...] = HALF,
    strict: bool = False,
    zero_division: str | float = "nan",
) -> float:
    """The share of positive rows among those that are predicted positive."""
    return _best(lambda n: _over(n.tp, n.tp + n.fp), label, score, weight, threshold, strict, zero_division)


@two_classes
def binary_recall(
    label: ArrayLike,
    score: ArrayLike,
    weight: ArrayLike | None = None,
    *,
    threshold: float | tuple[float, ...] = HALF,
    strict: bool = False,
    zero_division: str | float = "nan",
) -> float:
    """The share of positive rows that are predicted positive."""
    return _best(lambda n: _over(n.tp, n.tp + n.fn), label, score, weight, threshold, strict, zero_division)


@two_classes
def binary_specificity(
    label: ArrayLike,
    score: ArrayLike,
    weight: ArrayLike | None = None,
    *,
    threshold: float | tuple[float, ...] = HALF,
    strict: bool = False,
    zero_division: str | float = "nan",
) -> float:
    """The share of negative rows that are predicted negative."""
    return _best(lambda n: _over(n.tn, n.tn + n.fp), label, score, weight, threshold, strict, zero_division)


@two_classes
def fpr(
    label: ArrayLike,
    score: ArrayLike,
    weight: ArrayLike | None = None,
    *,
    threshold: float | tuple[float, ...] = HALF,
    strict: bool = False,
    zero_division: str | float = "nan",
) -> float:
    """The share of negative rows that are predicted positive; the lowest is the best."""
    return _best(lambda n: _over(n.fp, n.tn + n.fp), label, score, weight, threshold, strict, zero_division, min)


@two_classes
def binary_f_beta(
    label: ArrayLike,
    score: ArrayLike,
    weight: ArrayLike | None = None,
    *,
    beta: float = 1.0,
    threshold: float | tuple[float, ...] = HALF,
    strict: bool = False,
    zero_division: str | float = "nan",
) -> float:
    """The harmonic mean of precision and recall, the latter weighing beta^2 times as much."""
    square = Fraction(beta) ** 2

    def measure(n: Outcomes) -> float:
        return _over((1 + square) * n.tp, (1 + square) * n.tp + square * n.fn + n.fp)

    return _best(measure, label, score, weight, threshold, strict, zero_division)


@two_classes
def binary_f1(
    label: ArrayLike,
    score: ArrayLike,
    weight: ArrayLike | None = None,
    *,
    threshold: float | tuple[float, ...] = HALF,
    strict: bool = False,
    zero_division: str | float = "nan",
) -> float:
    """The harmonic mean of precision and recall."""
    return binary_f_beta(label, score, weight, threshold=threshold, strict=strict, zero_division=zero_division)


@two_classes
def accuracy(
    label: ArrayLike,
    score: ArrayLike,
    weight: ArrayLike | None = None,
    *,
    threshold: float | tuple[float, ...] = HALF,
    strict: bool = False,
    zero_division: str | float = "nan",
) -> float:
    """The share of rows that are predicted right."""
    return _best(
        lambda n: _over(n.tp + n.tn, sum(n, Fraction(0))), label, score, weight, threshold, strict, zero_division
    )


@two_classes
def confusion(
    label: ArrayLike,
    score: ArrayLike,
    weight: ArrayLike | None = None,
    *,
    threshold: float | tuple[float, ...] = HALF,
    strict: bool = False,
    zero_division: str | float = "nan",
) -> float:
    """The accuracy; the matrix itself is `confusion_at`."""
    return accuracy(label, score, weight, threshold=threshold, strict=strict, zero_division=zero_division)


@two_classes
def balanced_accuracy(
    label: ArrayLike,
    score: ArrayLike,
    weight: ArrayLike | None = None,
    *,
    threshold: float | tuple[float, ...] = HALF,
    strict: bool = False,
    zero_division: str | float = "nan",
) -> float:
    """The mean of recall and specificity."""

    def measure(n: Outcomes) -> float:
        positives, negatives = n.tp + n.fn, n.tn + n.fp
        return float((n.tp / positives + n.tn / negatives) / 2) if positives and negatives else math.nan

    return _best(measure, label, score, weight, threshold, strict, zero_division)


@two_classes
def mcc(
    label: ArrayLike,
    score: ArrayLike,
    weight: ArrayLike | None = None,
    *,
    threshold: float | tuple[float, ...] = HALF,
    strict: bool = False,
    zero_division: str | float = "nan",
) -> float:
    """The correlation of labels and predictions."""

    def measure(n: Outcomes) -> float:
        margins = (n.tp + n.fp) * (n.tp + n.fn) * (n.tn + n.fp) * (n.tn + n.fn)
        product = n.tp * n.tn - n.fp * n.fn
        return math.copysign(math.sqrt(product**2 / margins), product) if margins else math.nan

    return _best(measure, label, score, weight, threshold, strict, zero_division)
