import numpy as np
from numpy.typing import NDArray

PLUS_0_9: int
ROUND: int

def bpref(
    run_offsets: NDArray[np.int64],
    run_label: NDArray[np.float64],
    run_count: NDArray[np.int64],
    run_opens: NDArray[np.uint8],
    level: float,
    relevant: NDArray[np.int64],
    nonrelevant: NDArray[np.int64],
    guard: bool,
) -> NDArray[np.float64]: ...
def inferred_ap(
    run_offsets: NDArray[np.int64],
    run_label: NDArray[np.float64],
    run_count: NDArray[np.int64],
    run_opens: NDArray[np.uint8],
    level: float,
    relevant: NDArray[np.int64],
) -> NDArray[np.float64]: ...
def err(
    run_offsets: NDArray[np.int64],
    run_label: NDArray[np.float64],
    run_count: NDArray[np.int64],
    run_opens: NDArray[np.uint8],
    max_grade: int,
    k: int,
) -> NDArray[np.float64]: ...
def interpolated_precision(
    run_offsets: NDArray[np.int64],
    run_label: NDArray[np.float64],
    run_count: NDArray[np.int64],
    run_opens: NDArray[np.uint8],
    level: float,
    relevant: NDArray[np.int64],
    points: NDArray[np.float64],
    rule: int,
) -> NDArray[np.float64]: ...
