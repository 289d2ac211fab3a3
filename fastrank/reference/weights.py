"""Weights by class."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from fastrank.reference.labels import is_positive

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import ArrayLike, NDArray

__all__ = ["class_weights"]


def class_weights(
    label: ArrayLike,
    weight: ArrayLike | None = None,
    *,
    class_weight: Mapping[Any, float] | None = None,
    negative_downsampling: float = 1.0,
    positive: float | str | None = None,
) -> NDArray[np.float64]:
    """The weight of each row: its own, times that of its label, over the rate at which its class was kept.

    A label that `class_weight` does not name has weight 1; without `positive`, 0 and -1 are one label.
    """
    factors = []
    of_label = dict(class_weight or {})
    if positive is None and -1 in of_label:
        of_label[0] = of_label[-1]
    for each, kept in zip(np.asarray(label).tolist(), is_positive(label, positive), strict=True):
        named = 0 if positive is None and each == -1 else each
        factors.append(of_label.get(named, 1.0) / (1.0 if kept else negative_downsampling))
    return np.array(factors, np.float64) * (1.0 if weight is None else np.asarray(weight, np.float64))
