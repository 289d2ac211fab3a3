"""Elementary functions of arrays that calibrators are made of, and where probabilities are clipped."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["EPS", "exp", "log", "logit", "sigmoid", "softplus"]

# As for log loss: a probability of 0 or 1 would have no finite logit.
EPS = 2.0**-52


def exp(x: NDArray[np.float64]) -> NDArray[np.float64]:
    """e^x."""
    result: NDArray[np.float64] = np.exp(x)
    return result


def log(x: NDArray[np.float64]) -> NDArray[np.float64]:
    """Natural logarithm."""
    result: NDArray[np.float64] = np.log(x)
    return result


def softplus(x: NDArray[np.float64]) -> NDArray[np.float64]:
    """log(1 + e^x)."""
    result: NDArray[np.float64] = np.maximum(x, 0.0) + np.log1p(np.exp(-np.abs(x)))
    return result


def sigmoid(x: NDArray[np.float64]) -> NDArray[np.float64]:
    """1 / (1 + e^-x)."""
    small = exp(-np.abs(x))
    result: NDArray[np.float64] = np.where(x < 0, small, 1.0) / (1.0 + small)
    return result


def logit(p: NDArray[np.float64]) -> NDArray[np.float64]:
    """log(p / (1 - p)), p clipped to [EPS, 1 - EPS]."""
    clipped = np.clip(p, EPS, 1.0 - EPS)
    return log(clipped) - np.log1p(-clipped)
