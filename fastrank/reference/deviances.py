"""Deviances, in decimals of 60 digits, as the formulas cancel where predictions are near the targets."""

from __future__ import annotations

from decimal import Context, Decimal, localcontext
from typing import TYPE_CHECKING

import numpy as np

from fastrank.reference.regression import mse, weighted_mean

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import ArrayLike

__all__ = ["gamma_deviance", "poisson_deviance", "tweedie_deviance"]

ZERO = Decimal(0)


def _mean(
    of_row: Callable[[Decimal, Decimal], Decimal], label: ArrayLike, score: ArrayLike, weight: ArrayLike | None
) -> float:
    targets, predictions = (np.asarray(column, np.float64).tolist() for column in (label, score))
    with localcontext(Context(prec=60)):
        rows = [(Decimal(y), Decimal(p)) for y, p in zip(targets, predictions, strict=True)]
        return weighted_mean([float(2 * of_row(y, p)) if y != p else 0.0 for y, p in rows], weight)


def poisson_deviance(label: ArrayLike, score: ArrayLike, weight: ArrayLike | None = None) -> float:
    """The mean of 2 (y log(y / p) - y + p)."""
    return _mean(lambda y, p: (y * (y / p).ln() if y else ZERO) - y + p, label, score, weight)


def gamma_deviance(label: ArrayLike, score: ArrayLike, weight: ArrayLike | None = None) -> float:
    """The mean of 2 (log(p / y) + y / p - 1)."""
    return _mean(lambda y, p: (p / y).ln() + y / p - 1, label, score, weight)


def tweedie_deviance(
    label: ArrayLike, score: ArrayLike, weight: ArrayLike | None = None, *, power: float = 0.0
) -> float:
    """The mean of 2 (max(y, 0)^(2-k) / ((1-k) (2-k)) - y p^(1-k) / (1-k) + p^(2-k) / (2-k)) for the power k; for 0 the
    squared error, and for 1 and 2 the deviances of Poisson and gamma."""
    if power in (0, 1, 2):
        return {0: mse, 1: poisson_deviance, 2: gamma_deviance}[int(power)](label, score, weight)

    def of_row(y: Decimal, p: Decimal) -> Decimal:
        b, a = 1 - Decimal(power), 2 - Decimal(power)
        return (y**a if y > 0 else ZERO) / (a * b) - y * p**b / b + p**a / a

    return _mean(of_row, label, score, weight)
