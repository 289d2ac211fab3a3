"""Metrics of a user's own functions."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fastrank.reference.regression import weighted_mean

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import ArrayLike

__all__ = ["mean_of"]


def mean_of(
    fn: Callable[[float, float], float],
    label: Sequence[float],
    score: Sequence[float],
    weight: ArrayLike | None = None,
) -> float:
    """Mean of fn(label, score)."""
    return weighted_mean([fn(float(y), float(p)) for y, p in zip(label, score, strict=True)], weight)
