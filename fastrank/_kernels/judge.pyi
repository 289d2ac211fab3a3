from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

Labels: TypeAlias = NDArray[np.uint8] | NDArray[np.float64]

def find_labels(
    items: NDArray[np.uint64],
    offsets: NDArray[np.int64],
    starts: NDArray[np.int64],
    stops: NDArray[np.int64],
    judged_items: NDArray[np.uint64],
    judged_labels: Labels,
    told: bool,
) -> NDArray[Any]: ...
def gather_labels(
    starts: NDArray[np.int64], stops: NDArray[np.int64], judged_labels: Labels
) -> tuple[NDArray[Any], NDArray[np.int64]]: ...
def digest(
    queries: NDArray[np.uint64],
    offsets: NDArray[np.int64],
    judged_items: NDArray[np.uint64],
    judged_labels: Labels,
) -> int: ...
