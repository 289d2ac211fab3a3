from typing import Any

import numpy as np
from numpy.typing import NDArray

LEAST_BITS: int
MOST_BITS: int
COUNT_WORDS: int
WEIGHT_WORDS: int

def count_cells(
    scores: NDArray[np.floating[Any]], labels: NDArray[np.uint8], bits: int, table: NDArray[np.uint64]
) -> None: ...
def weigh_cells(
    scores: NDArray[np.floating[Any]],
    labels: NDArray[np.uint8],
    weights: NDArray[np.float64],
    bits: int,
    table: NDArray[np.uint64],
) -> None: ...
def deal_counts(
    scores: NDArray[np.floating[Any]],
    labels: NDArray[np.uint8],
    slices: NDArray[np.int32],
    bits: int,
    places: NDArray[np.int32],
    chunks: list[NDArray[np.uint64]],
    chunk_bits: int,
) -> NDArray[np.uint64]: ...
def deal_weights(
    scores: NDArray[np.floating[Any]],
    labels: NDArray[np.uint8],
    weights: NDArray[np.float64],
    slices: NDArray[np.int32],
    bits: int,
    places: NDArray[np.int32],
    chunks: list[NDArray[np.uint64]],
    chunk_bits: int,
) -> tuple[NDArray[np.uint64], NDArray[np.float64]]: ...
def tally(
    keys: NDArray[np.uint64], weights: NDArray[np.float64] | None
) -> tuple[NDArray[np.uint64], NDArray[np.uint64]]: ...
def fold_cells(
    keys: NDArray[np.uint64], words: NDArray[np.uint64], shift: int
) -> tuple[NDArray[np.uint64], NDArray[np.uint64]]: ...
def merge_cells(
    a_keys: NDArray[np.uint64],
    a_words: NDArray[np.uint64],
    b_keys: NDArray[np.uint64],
    b_words: NDArray[np.uint64],
) -> tuple[NDArray[np.uint64], NDArray[np.uint64]]: ...
def add_table(table: NDArray[np.uint64], more: NDArray[np.uint64]) -> None: ...
def add_cells(table: NDArray[np.uint64], cells: NDArray[np.uint64], words: NDArray[np.uint64]) -> None: ...
def used_cells(table: NDArray[np.uint64]) -> NDArray[np.uint32]: ...
