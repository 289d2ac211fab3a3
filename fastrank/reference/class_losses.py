"""Losses of scores of several classes against the number, or the name, of the true class."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from fastrank.reference.classification import EPS, epsilon, true_class
from fastrank.reference.multiclass import rows_of_classes
from fastrank.reference.regression import weighted_mean

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import ArrayLike

__all__ = ["multiclass_brier", "multiclass_hinge", "multiclass_log_loss"]


def _shares(values: list[float], normalize: bool) -> list[float]:
    """The probabilities of a row, divided by their sum where that is asked for."""
    total = sum(values)
    return [p / total for p in values] if normalize else values


def multiclass_log_loss(
    label: ArrayLike,
    score: ArrayLike | None = None,
    weight: ArrayLike | None = None,
    *,
    eps: float | str | None = EPS,
    clip: str = "both",
    normalize: bool = False,
    from_logits: bool = False,
    scores: Sequence[ArrayLike] | None = None,
    classes: Sequence[Any] | None = None,
) -> float:
    """Mean of -log q, where q is the probability of the true class, clipped; of logits z, of log(sum of e^z) - z of
    the true class."""
    rows = rows_of_classes(label, score, weight, scores, classes)
    end, terms = epsilon(eps, rows.score.dtype), []
    for own, values in zip(rows.label.tolist(), rows.score.astype(np.float64).tolist(), strict=True):
        if from_logits:
            top = values.index(max(values))
            rest = sum(math.exp(z - values[top]) for k, z in enumerate(values) if k != top)
            terms.append((values[top] - values[own]) + math.log1p(rest))
        else:
            terms.append(-true_class(1, _shares(values, normalize)[own], end, clip)[0])
    return weighted_mean(terms, rows.weight)


def multiclass_brier(
    label: ArrayLike,
    score: ArrayLike | None = None,
    weight: ArrayLike | None = None,
    *,
    scale_by_half: bool | str = "auto",
    normalize: bool = False,
    scores: Sequence[ArrayLike] | None = None,
    classes: Sequence[Any] | None = None,
) -> float:
    """Mean of the sum over classes of (p - y)^2, with y = 1 of the true class and 0 of others; halved where that is
    asked for, or "auto" and there are fewer than three classes."""
    rows = rows_of_classes(label, score, weight, scores, classes)
    terms = []
    for own, values in zip(rows.label.tolist(), rows.score.astype(np.float64).tolist(), strict=True):
        terms.append(sum((p - (k == own)) ** 2 for k, p in enumerate(_shares(values, normalize))))
    half = rows.score.shape[1] < 3 if scale_by_half == "auto" else scale_by_half
    return weighted_mean(terms, rows.weight) / (2 if half else 1)


def multiclass_hinge(
    label: ArrayLike,
    score: ArrayLike | None = None,
    weight: ArrayLike | None = None,
    *,
    kind: str = "crammer_singer",
    squared: bool = False,
    scores: Sequence[ArrayLike] | None = None,
    classes: Sequence[Any] | None = None,
) -> float:
    """Mean of max(0, 1 - margin), or of its square: the margin of the true class over the highest other; or the mean
    over classes of these, with the score of the true class, and minus that of each other, as margins."""
    rows = rows_of_classes(label, score, weight, scores, classes)
    terms = []
    for own, values in zip(rows.label.tolist(), rows.score.astype(np.float64).tolist(), strict=True):
        if kind == "crammer_singer":
            margins = [values[own] - max(z for k, z in enumerate(values) if k != own)]
        else:
            margins = [z if k == own else -z for k, z in enumerate(values)]
        lacking = [max(0.0, 1 - margin) ** (2 if squared else 1) for margin in margins]
        terms.append(sum(lacking) / len(lacking))
    return weighted_mean(terms, rows.weight)
