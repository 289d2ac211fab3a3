import numpy as np
from numpy.typing import NDArray

def pair_diversity(offsets: NDArray[np.int64], codes: NDArray[np.int64]) -> NDArray[np.float64]: ...
def alpha_dcg(
    offsets: NDArray[np.int64],
    rows: NDArray[np.int64],
    starts: NDArray[np.int64],
    topics: NDArray[np.int64],
    alpha: float,
    high: NDArray[np.float64],
    low: NDArray[np.float64],
) -> NDArray[np.float64]: ...
def ideal_alpha_dcg(
    offsets: NDArray[np.int64],
    starts: NDArray[np.int64],
    topics: NDArray[np.int64],
    alpha: float,
    high: NDArray[np.float64],
    low: NDArray[np.float64],
    k: int,
) -> NDArray[np.float64]: ...
def exposures(
    run_offsets: NDArray[np.int64],
    run_count: NDArray[np.int64],
    run_opens: NDArray[np.uint8],
    high: NDArray[np.float64],
    low: NDArray[np.float64],
    k: int,
) -> NDArray[np.float64]: ...
def find_crossing(
    run_offsets: NDArray[np.int64], run_count: NDArray[np.int64], run_opens: NDArray[np.uint8], k: int
) -> int: ...
def surprisal(shares: NDArray[np.float64]) -> NDArray[np.float64]: ...
