"""Weights of rows that were shown with different probabilities: 1 / max(propensity, clip)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from fastrank._kernels import order, ranked
from fastrank.measures.base import divided
from fastrank.measures.discounts import FLAT

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from fastrank.ranked import RankedLists

__all__ = ["judged_weights", "mean_weight", "most", "top_sums", "weights_of"]


def _inverse(propensity: NDArray[np.floating], clip: float) -> NDArray[np.float64]:
    return 1.0 / np.maximum(propensity.astype(np.float64), clip)


def weights_of(lists: RankedLists, clip: float) -> NDArray[np.float64]:
    """The weight of each retrieved row."""
    return _inverse(lists.column("propensity"), clip)


def judged_weights(lists: RankedLists, clip: float) -> NDArray[np.float64]:
    """The weight of each judged row."""
    return _inverse(lists.judged_column("propensity"), clip)


def top_sums(lists: RankedLists, key: object, values: NDArray[np.float64], k: int | None) -> NDArray[np.float64]:
    """The expected sum of values over the first k ranks."""
    runs = lists.value_runs(key, values)
    return ranked.dcg(*runs, *FLAT.up_to(lists.sizes, k), k or 0)


def most(lists: RankedLists, level: float, clip: float, k: int | None) -> NDArray[np.float64]:
    """The sum of the k greatest weights of relevant rows, retrieved or not (None: of all)."""
    values = np.where(lists.judged_labels >= level, judged_weights(lists, clip), 0.0)
    offsets = lists.judged_offsets
    return ranked.ideal_dcg(*order.ideal_runs(values, offsets), *FLAT.up_to(np.diff(offsets), k), k or 0)


def mean_weight(lists: RankedLists, propensity: str, clip: float, k: int | None) -> NDArray[Any]:
    """The mean weight of the rows on the first k ranks."""
    sums = top_sums(lists, ("weights", propensity, clip), weights_of(lists, clip), k)
    return divided(sums, lists.sizes if k is None else np.minimum(lists.sizes, k))
