import numpy as np
from numpy.typing import NDArray

TWICE_RETRIEVED: int
TWICE_JUDGED: int

def rank(
    run: tuple[NDArray[np.generic], ...],
    judged: tuple[NDArray[np.generic], ...],
    queries: NDArray[np.int64],
    most: int,
    judged_only: bool,
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64], NDArray[np.int64], int, int]: ...
def levels(
    begins: NDArray[np.int64], ends: NDArray[np.int64], relevance: NDArray[np.int64]
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]: ...
