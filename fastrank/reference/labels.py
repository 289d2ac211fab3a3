"""Labels of two classes as users have them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

__all__ = ["is_positive"]


def is_positive(label: ArrayLike, positive: float | str | None = None) -> NDArray[np.bool_]:
    """Which rows are positive: those of the label `positive`, or of 1, where the others have 0, or -1."""
    wanted = 1 if positive is None else positive
    return np.array([each == wanted for each in np.asarray(label).tolist()], np.bool_)
