from typing import Any

import numpy as np
from numpy.typing import NDArray

NOT_TIED: int
SOME_TIED: int
ALL_TIED: int

def count_wins(
    scores: NDArray[np.floating[Any]],
    labels: NDArray[np.uint8],
    weights: NDArray[np.float64] | None,
    offsets: NDArray[np.int64],
) -> tuple[
    NDArray[np.float64],
    NDArray[np.float64],
    NDArray[np.float64],
    NDArray[np.float64],
    NDArray[np.int64],
    NDArray[np.uint8],
]: ...
