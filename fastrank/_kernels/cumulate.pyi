from typing import Any

import numpy as np
from numpy.typing import NDArray

def weights_above(
    words: tuple[NDArray[Any], ...], total: int, scale: float
) -> tuple[NDArray[np.float64], NDArray[np.float64]]: ...
