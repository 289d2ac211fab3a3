from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

Words: TypeAlias = tuple[NDArray[Any], ...]

def pool(negatives: Words, positives: Words) -> tuple[NDArray[np.int64], Words, Words]: ...
def interpolate(
    x: NDArray[np.float64], y: NDArray[np.float64], scores: NDArray[np.float64], linear: bool
) -> NDArray[np.float64]: ...
