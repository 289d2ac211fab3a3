from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

Words: TypeAlias = tuple[NDArray[Any], ...]

def pool(negatives: Words, positives: Words) -> tuple[NDArray[np.int64], Words, Words]: ...
