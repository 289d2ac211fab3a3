from typing import Any

import numpy as np
from numpy.typing import NDArray

MOST_CELLS: int

def count_intervals(
    scores: NDArray[np.floating[Any]],
    labels: NDArray[np.uint8],
    thresholds: NDArray[np.floating[Any]],
    slices: NDArray[np.int32] | None,
    counts: NDArray[np.uint64],
) -> None: ...
def weigh_intervals(
    scores: NDArray[np.floating[Any]],
    labels: NDArray[np.uint8],
    weights: NDArray[np.float64],
    thresholds: NDArray[np.floating[Any]],
    slices: NDArray[np.int32] | None,
    words: NDArray[np.uint64],
) -> None: ...
