"""How far two samples of a column lie apart.

Numbers stand in float arrays, in which NaN is a null; categories in lists, in which None is one.
"""

from __future__ import annotations

import math
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import ArrayLike, NDArray

__all__ = [
    "category_shares",
    "divergences",
    "drift_edges",
    "ks_distance",
    "number_shares",
    "wasserstein",
]

Shares = tuple[list[float], list[float]]


def _weights(values: Sequence[Any] | NDArray[Any], weights: ArrayLike | None) -> NDArray[np.float64]:
    return np.ones(len(values)) if weights is None else np.asarray(weights, np.float64)


def drift_edges(reference: ArrayLike, bins: int = 10, weights: ArrayLike | None = None) -> list[float]:
    """The values at which bins end: of each j the least that j / bins of the reference, or more, do not exceed."""
    values = np.asarray(reference, np.float64)
    w = _weights(values, weights)
    values, w = values[~np.isnan(values) & (w > 0)], w[~np.isnan(values) & (w > 0)]
    return sorted(
        {
            float(min(x for x in values if math.fsum(w[values <= x]) * bins >= j * math.fsum(w)))
            for j in range(1, bins)
            if values.size
        }
    )


def number_shares(
    reference: ArrayLike,
    current: ArrayLike,
    bins: int = 10,
    weights: ArrayLike | None = None,
    current_weights: ArrayLike | None = None,
) -> Shares:
    """The shares of both in the bins of the reference, (edge before, edge], and last that of nulls."""
    edges = [-np.inf, *drift_edges(reference, bins, weights), np.inf]
    found = []
    for sample, given in ((reference, weights), (current, current_weights)):
        values = np.asarray(sample, np.float64)
        w = _weights(values, given)
        # The first bin is closed below: it has the rows of negative infinity.
        cells = [(values <= high) & ((values > low) | (low == -np.inf)) for low, high in pairwise(edges)]
        found.append([math.fsum(w[cell]) / math.fsum(w) for cell in [*cells, np.isnan(values)]])
    return found[0], found[1]


def category_shares(
    reference: Sequence[Any],
    current: Sequence[Any],
    weights: ArrayLike | None = None,
    current_weights: ArrayLike | None = None,
) -> Shares:
    """The shares of both in each value of either, None among them."""
    found = []
    for sample, given in ((reference, weights), (current, current_weights)):
        w = _weights(sample, given)
        found.append(
            [
                math.fsum(weight for x, weight in zip(sample, w, strict=True) if x == value) / math.fsum(w)
                for value in dict.fromkeys([*reference, *current])
            ]
        )
    return found[0], found[1]


def divergences(reference: Sequence[float], current: Sequence[float], floor: float = 1e-4) -> dict[str, float]:
    """psi, kl_divergence (of the reference from the current), js_divergence and js_distance of shares."""
    r, c = np.maximum(reference, floor), np.maximum(current, floor)
    used = (r > 0) | (c > 0)  # with a floor of 0
    r, c = r[used], c[used]
    with np.errstate(divide="ignore", invalid="ignore"):
        psi = np.sum((r - c) * np.log(r / c))
        kl = np.sum(np.where(r > 0, r * np.log(r / c), 0.0))
    js = 0.0
    for p, q in zip(reference, current, strict=True):
        middle = (p + q) / 2
        js += sum(x * math.log(x / middle) for x in (p, q) if x > 0) / 2
    js = max(js, 0.0)
    return {"psi": float(psi), "kl_divergence": float(kl), "js_divergence": js, "js_distance": math.sqrt(js)}


def _steps(
    reference: ArrayLike, current: ArrayLike, weights: ArrayLike | None, current_weights: ArrayLike | None
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """The distinct values of both, and up to each the difference of the shares."""
    sides = []
    for sample, given in ((reference, weights), (current, current_weights)):
        values = np.asarray(sample, np.float64)
        w = _weights(values, given)
        known = ~np.isnan(values) & (w > 0)
        sides.append((values[known], w[known]))
    points = np.unique(np.concatenate([values for values, _ in sides]))
    shares = [[math.fsum(w[values <= x]) / math.fsum(w) if w.size else np.nan for x in points] for values, w in sides]
    return points, np.array(shares[0]) - np.array(shares[1])


def ks_distance(
    reference: ArrayLike,
    current: ArrayLike,
    weights: ArrayLike | None = None,
    current_weights: ArrayLike | None = None,
) -> float:
    """The largest difference of the shares that do not exceed a value."""
    _, difference = _steps(reference, current, weights, current_weights)
    return float(np.max(np.abs(difference))) if difference.size else math.nan


def wasserstein(
    reference: ArrayLike,
    current: ArrayLike,
    weights: ArrayLike | None = None,
    current_weights: ArrayLike | None = None,
) -> float:
    """The area between the two distribution functions."""
    points, difference = _steps(reference, current, weights, current_weights)
    if not points.size or np.isnan(difference).any():
        return math.nan
    terms = [abs(d) * (b - a) for d, a, b in zip(difference, points, points[1:], strict=False) if d]
    return math.fsum(terms)
