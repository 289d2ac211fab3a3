from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

DIGITS: int
SPECIALS: int
LOSSES: dict[str, int]

def add_values(
    values: NDArray[Any],
    weights: NDArray[np.float64] | None,
    slices: NDArray[np.int32] | None,
    digits: NDArray[np.int64],
    special: NDArray[np.int64],
    at: int = 0,
) -> None: ...
def add_log_loss(
    scores: NDArray[np.floating[Any]],
    labels: NDArray[np.uint8],
    eps: float,
    weights: NDArray[np.float64] | None,
    slices: NDArray[np.int32] | None,
    digits: NDArray[np.int64],
    special: NDArray[np.int64],
    clipped: NDArray[np.int64],
    at: int = 0,
) -> None: ...
def add_brier(
    scores: NDArray[np.floating[Any]],
    labels: NDArray[np.uint8],
    weights: NDArray[np.float64] | None,
    slices: NDArray[np.int32] | None,
    digits: NDArray[np.int64],
    special: NDArray[np.int64],
    at: int = 0,
) -> None: ...
def add_loss(
    name: str,
    constants: Sequence[float],
    labels: NDArray[Any],
    scores: NDArray[Any],
    weights: NDArray[np.float64] | None,
    slices: NDArray[np.int32] | None,
    digits: NDArray[np.int64],
    special: NDArray[np.int64],
    at: int = 0,
) -> None: ...
def add_products(
    first: NDArray[Any],
    second: NDArray[Any],
    weights: NDArray[np.float64] | None,
    slices: NDArray[np.int32] | None,
    digits: NDArray[np.int64],
    special: NDArray[np.int64],
    at: int = 0,
) -> None: ...
def carry(digits: NDArray[np.int64]) -> None: ...
