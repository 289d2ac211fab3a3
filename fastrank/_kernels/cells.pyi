from typing import Any

import numpy as np
from numpy.typing import NDArray

LEAST_BITS: int
MOST_BITS: int
COUNT_WORDS: int
WEIGHT_WORDS: int
PAGE_BITS: int

def count_cells(
    scores: NDArray[np.floating[Any]],
    labels: NDArray[np.uint8],
    bits: int,
    table: NDArray[np.uint64],
    pages: NDArray[np.uint8] | None = None,
) -> int: ...
def weigh_cells(
    scores: NDArray[np.floating[Any]],
    labels: NDArray[np.uint8],
    weights: NDArray[np.float64],
    bits: int,
    table: NDArray[np.uint64],
    pages: NDArray[np.uint8] | None = None,
) -> int: ...
def deal_rows(
    scores: NDArray[np.floating[Any]],
    labels: NDArray[np.uint8],
    weights: NDArray[np.float64] | None,
    slices: NDArray[np.int32],
    bits: int,
    places: NDArray[np.int32],
    chunks: list[NDArray[np.uint64]],
    pages: list[NDArray[np.uint8]],
    chunk_bits: int,
) -> tuple[NDArray[np.uint64], NDArray[np.float64] | None, int]: ...
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
def add_table(
    table: NDArray[np.uint64],
    more: NDArray[np.uint64],
    pages: NDArray[np.uint8] | None = None,
    more_pages: NDArray[np.uint8] | None = None,
) -> int: ...
def add_cells(
    table: NDArray[np.uint64],
    cells: NDArray[np.uint64],
    words: NDArray[np.uint64],
    pages: NDArray[np.uint8] | None = None,
) -> int: ...
def used_cells(table: NDArray[np.uint64], pages: NDArray[np.uint8] | None = None) -> NDArray[np.uint32]: ...
