import numpy as np
from numpy.typing import NDArray

LINEAR: int
EXP2: int

def count_relevant(
    ideal_offsets: NDArray[np.int64], ideal_label: NDArray[np.float64], ideal_count: NDArray[np.int64], level: float
) -> NDArray[np.int64]: ...
def count_tied(
    run_offsets: NDArray[np.int64], run_count: NDArray[np.int64], run_opens: NDArray[np.uint8], k: int
) -> NDArray[np.uint8]: ...
def count_labels(
    labels: NDArray[np.uint8] | NDArray[np.float64], offsets: NDArray[np.int64], low: float, high: float
) -> NDArray[np.int64]: ...
def divide(values: NDArray[np.float64], by: NDArray[np.float64]) -> NDArray[np.float64]: ...
def replace(values: NDArray[np.float64], keep: NDArray[np.uint8], instead: float) -> NDArray[np.float64]: ...
def hits(
    run_offsets: NDArray[np.int64],
    run_label: NDArray[np.float64],
    run_count: NDArray[np.int64],
    run_opens: NDArray[np.uint8],
    level: float,
    k: int,
) -> NDArray[np.float64]: ...
def hits_at(
    run_offsets: NDArray[np.int64],
    run_label: NDArray[np.float64],
    run_count: NDArray[np.int64],
    run_opens: NDArray[np.uint8],
    level: float,
    cuts: NDArray[np.int64],
) -> NDArray[np.float64]: ...
def hit(
    run_offsets: NDArray[np.int64],
    run_label: NDArray[np.float64],
    run_count: NDArray[np.int64],
    run_opens: NDArray[np.uint8],
    level: float,
    k: int,
) -> NDArray[np.float64]: ...
def weighted_reciprocal_rank(
    run_offsets: NDArray[np.int64],
    run_value: NDArray[np.float64],
    run_count: NDArray[np.int64],
    run_opens: NDArray[np.uint8],
    k: int,
) -> NDArray[np.float64]: ...
def precision_sum(
    run_offsets: NDArray[np.int64],
    run_label: NDArray[np.float64],
    run_count: NDArray[np.int64],
    run_opens: NDArray[np.uint8],
    level: float,
    k: int,
) -> NDArray[np.float64]: ...
def reciprocal_rank(
    run_offsets: NDArray[np.int64],
    run_label: NDArray[np.float64],
    run_count: NDArray[np.int64],
    run_opens: NDArray[np.uint8],
    level: float,
    k: int,
) -> NDArray[np.float64]: ...
def discounts(n: int) -> tuple[NDArray[np.float64], NDArray[np.float64]]: ...
def summed(discount: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]: ...
def flat_discounts(n: int) -> tuple[NDArray[np.float64], NDArray[np.float64]]: ...
def geometric_discounts(n: int, p: float) -> tuple[NDArray[np.float64], NDArray[np.float64]]: ...
def dcg(
    run_offsets: NDArray[np.int64],
    run_gain: NDArray[np.float64],
    run_count: NDArray[np.int64],
    run_opens: NDArray[np.uint8],
    high: NDArray[np.float64],
    low: NDArray[np.float64],
    k: int,
) -> NDArray[np.float64]: ...
def ideal_dcg(
    ideal_offsets: NDArray[np.int64],
    ideal_gain: NDArray[np.float64],
    ideal_count: NDArray[np.int64],
    high: NDArray[np.float64],
    low: NDArray[np.float64],
    k: int,
) -> NDArray[np.float64]: ...
def gains(labels: NDArray[np.float64], kind: int) -> NDArray[np.float64]: ...
