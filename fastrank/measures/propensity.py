"""Weights of rows that were shown with different probabilities: 1 / max(propensity, clip)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from fastrank._kernels import order, ranked
from fastrank.errors import ParameterError
from fastrank.measures.base import divided
from fastrank.measures.discounts import FLAT

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from fastrank.ranked import RankedLists

__all__ = ["mean_weight", "refuse_judgments", "top_sums", "total", "weights_of"]


def _inverse(propensity: NDArray[np.floating], clip: float) -> NDArray[np.float64]:
    return 1.0 / np.maximum(propensity.astype(np.float64), clip)


def weights_of(lists: RankedLists, clip: float) -> NDArray[np.float64]:
    """The weight of each retrieved row."""
    return _inverse(lists.column("propensity"), clip)


def top_sums(lists: RankedLists, key: object, values: NDArray[np.float64], k: int | None) -> NDArray[np.float64]:
    """The expected sum of values over the first k ranks."""
    runs, _ = lists.value_runs(key, values)
    return ranked.dcg(*runs, *FLAT.up_to(lists.sizes, k), k or 0)


def total(lists: RankedLists, level: float, clip: float) -> NDArray[np.float64]:
    """The sum of the weights of all relevant rows, retrieved or not."""
    refuse_judgments(lists)
    rows, offsets = lists.lists.rows, lists.lists.offsets
    values = np.where(lists.lists.labels >= level, _inverse(rows["propensity"], clip), 0.0)
    return ranked.ideal_dcg(*order.ideal_runs(values, offsets), *FLAT.up_to(np.diff(offsets), None), 0)


def refuse_judgments(lists: RankedLists) -> None:
    """ParameterError where relevant rows that were not retrieved have no propensity."""
    if lists.lists.judged is not None:
        raise ParameterError(
            "propensity=: what was judged (qrels=) and not retrieved has no propensity, which recall and ndcg need; "
            "join the judgments to the run before, so that such rows have a propensity and a null score"
        )


def mean_weight(lists: RankedLists, propensity: str, clip: float, k: int | None) -> NDArray[Any]:
    """The mean weight of the rows on the first k ranks."""
    sums = top_sums(lists, ("weights", propensity, clip), weights_of(lists, clip), k)
    return divided(sums, lists.sizes if k is None else np.minimum(lists.sizes, k))
