from typing import Any

import numpy as np
from numpy.typing import NDArray

def add_steps(
    negatives: tuple[NDArray[Any], ...],
    positives: tuple[NDArray[Any], ...],
    left: tuple[int, int],
    scale: float,
    digits: NDArray[np.int64],
) -> None: ...
