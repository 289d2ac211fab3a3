from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

AVERAGE: int
INPUT: int
ITEM_DESC: int
ITEM_ASC: int
PESSIMISTIC: int
OPTIMISTIC: int
NO_RANK: int

Runs: TypeAlias = tuple[
    NDArray[np.int64],
    NDArray[np.float64],
    NDArray[np.int64],
    NDArray[np.uint8],
    NDArray[np.int64],
    NDArray[np.float64],
    NDArray[np.int64],
]

# Scores are float32 or float64, labels uint8 (0..31) or float64.
def rank_all(
    scores: NDArray[np.floating[Any]],
    labels: NDArray[Any],
    offsets: NDArray[np.int64],
    rule: int,
    items: NDArray[np.int64] | None,
    depth: int,
) -> Runs: ...
def rank_merged(
    scores: NDArray[np.floating[Any]], labels: NDArray[np.uint8], offsets: NDArray[np.int64], depth: int
) -> tuple[
    NDArray[np.int64],
    NDArray[np.float64],
    NDArray[np.int64],
    NDArray[np.uint8],
    NDArray[np.int64],
    NDArray[np.float64],
    NDArray[np.int64],
    NDArray[np.int64],
]: ...
def ideal_runs(
    labels: NDArray[Any], offsets: NDArray[np.int64]
) -> tuple[NDArray[np.int64], NDArray[np.float64], NDArray[np.int64]]: ...
def rank_rows(
    scores: NDArray[np.floating[Any]],
    labels: NDArray[Any],
    offsets: NDArray[np.int64],
    rule: int,
    items: NDArray[np.int64] | None,
    depth: int,
) -> tuple[NDArray[np.int64], NDArray[np.int64]]: ...
def find_tied(scores: NDArray[np.floating[Any]], offsets: NDArray[np.int64]) -> NDArray[np.uint8]: ...
def find_duplicates(codes: NDArray[np.int64], offsets: NDArray[np.int64]) -> int: ...
