"""Logits of probabilities, of two classes or of several."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from fastrank._kernels.elementary import log, log1p

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["logit", "logits_of_classes"]

# As for log loss: a probability of 0 or 1 would have no finite logit.
EPS = 2.0**-52


def logit(p: NDArray[np.float64]) -> NDArray[np.float64]:
    """log(p / (1 - p)), p clipped to [EPS, 1 - EPS]."""
    clipped = np.clip(p, EPS, 1.0 - EPS)
    return log(clipped) - log1p(-clipped)


def logits_of_classes(p: NDArray[np.float64]) -> NDArray[np.float64]:
    """log(p), p clipped to EPS from below."""
    return log(np.maximum(p, EPS))
