from typing import Any

import numpy as np
from numpy.typing import NDArray

def top_shares(scores: NDArray[np.floating[Any]], labels: NDArray[np.int32], k: int) -> NDArray[np.float64]: ...
def count_pairs(
    labels: NDArray[np.int32],
    predicted: NDArray[np.int32],
    classes: int,
    slices: NDArray[np.int32] | None,
    counts: NDArray[np.int64],
) -> None: ...
def weigh_pairs(
    labels: NDArray[np.int32],
    predicted: NDArray[np.int32],
    classes: int,
    slices: NDArray[np.int32] | None,
    weights: NDArray[np.float64],
    high: NDArray[np.uint64],
    low: NDArray[np.uint64],
) -> None: ...
