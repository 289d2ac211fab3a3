"""What calibrators find, in plain NumPy: the fits by their definitions, and the losses that the others minimise."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

__all__ = ["isotonic_fit", "platt_loss", "temperature_loss"]

EPS = 2.0**-52


def isotonic_fit(
    label: ArrayLike, score: ArrayLike, weight: ArrayLike | None = None, *, increasing: bool = True
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """(the distinct scores, the value of each): neighbours are averaged until none is in the wrong order."""
    y, s = np.asarray(label, float), np.asarray(score, float)
    w = np.ones_like(y) if weight is None else np.asarray(weight, float)
    x = np.unique(s[w > 0])
    blocks: list[list[float]] = []  # sum of w y, sum of w, number of scores
    for each in x:
        at = s == each
        blocks.append([float(np.sum(w[at] * y[at])), float(np.sum(w[at])), 1])
        while len(blocks) > 1:
            (a, b, _), (c, d, _) = blocks[-2:]
            if (a / b < c / d) if increasing else (a / b > c / d):
                break
            last = blocks.pop()
            blocks[-1] = [blocks[-1][k] + last[k] for k in range(3)]
    return x, np.repeat([a / b for a, b, _ in blocks], [int(size) for *_, size in blocks])


def platt_loss(
    slope: float, intercept: float, label: ArrayLike, score: ArrayLike, weight: ArrayLike | None = None
) -> float:
    """The log loss of 1 / (1 + exp(-(slope s + intercept))) against Platt's targets, summed over rows."""
    y, s = np.asarray(label, float), np.asarray(score, float)
    w = np.ones_like(y) if weight is None else np.asarray(weight, float)
    positives, negatives = np.sum(w * y), np.sum(w * (1 - y))
    target = np.where(y == 1, (positives + 1) / (positives + 2), 1 / (negatives + 2))
    margin = slope * s + intercept
    return float(np.sum(w * (np.logaddexp(0, margin) - target * margin)))


def temperature_loss(
    temperature: float,
    label: ArrayLike,
    score: ArrayLike,
    weight: ArrayLike | None = None,
    *,
    from_logits: bool = False,
) -> float:
    """The log loss of logits over the temperature, summed over rows: of two classes, or of several (a score each)."""
    y, s = np.asarray(label), np.asarray(score, float)
    w = np.ones(len(y)) if weight is None else np.asarray(weight, float)
    if s.ndim == 1:
        p = np.clip(s, EPS, 1 - EPS)
        margin = (s if from_logits else np.log(p) - np.log1p(-p)) / temperature
        return float(np.sum(w * (np.logaddexp(0, margin) - y * margin)))
    margins = (s if from_logits else np.log(np.maximum(s, EPS))) / temperature
    own = margins[np.arange(len(y)), y.astype(int)]
    highest = margins.max(axis=1)
    return float(np.sum(w * (highest + np.log(np.sum(np.exp(margins - highest[:, None]), axis=1)) - own)))
