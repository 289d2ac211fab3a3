from typing import Any

import numpy as np
from numpy.typing import NDArray

TERMS: tuple[str, ...]

def class_terms(name: str, scores: NDArray[np.floating[Any]], labels: NDArray[np.int32]) -> NDArray[np.float64]: ...
