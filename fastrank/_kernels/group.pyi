import numpy as np
from numpy.typing import NDArray

PARTS: int
LEVELS: int

def partition_rows(ids: NDArray[np.uint64], level: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]: ...
def group_rows(ids: NDArray[np.uint64]) -> tuple[NDArray[np.int64], NDArray[np.int64]]: ...
