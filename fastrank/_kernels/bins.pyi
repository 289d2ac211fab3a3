from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

MOST_BINS: int
MOST_ROWS: int

class Bins:
    def __init__(self, edges: Sequence[float], widths: int, strict: bool) -> None: ...

def add_rows(
    scores: NDArray[np.floating[Any]],
    labels: NDArray[np.uint8],
    row_weights: NDArray[np.float64] | None,
    slices: NDArray[np.int32] | None,
    bins: Bins,
    counts: NDArray[np.uint64],
    weights: NDArray[np.uint64] | None,
    digits: NDArray[np.int64],
) -> None: ...
