from typing import Any

import numpy as np
from numpy.typing import NDArray

LEAST_BITS: int
MOST_BITS: int
MOST_CELLS: int

def count_cells(
    scores: NDArray[np.floating[Any]],
    labels: NDArray[np.uint8],
    bits: int,
    slices: NDArray[np.int32] | None,
    counts: NDArray[np.int64],
) -> None: ...
def weigh_cells(
    scores: NDArray[np.floating[Any]],
    labels: NDArray[np.uint8],
    weights: NDArray[np.float64],
    bits: int,
    slices: NDArray[np.int32] | None,
    high: NDArray[np.uint64],
    low: NDArray[np.uint64],
) -> None: ...
