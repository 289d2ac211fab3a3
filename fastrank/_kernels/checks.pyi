from typing import Any

import numpy as np
from numpy.typing import NDArray

def any_outside(values: NDArray[np.floating[Any]], low: float, high: float) -> bool: ...
def to_small(values: NDArray[Any], top: int) -> tuple[NDArray[np.uint8], bool]: ...
