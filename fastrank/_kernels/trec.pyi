from typing import Any

import numpy as np
from numpy.typing import NDArray

FEW_FIELDS: int
MORE_FIELDS: int
NOT_A_NUMBER: int
NOT_A_SCORE: int
NOT_AN_INTEGER: int
LONG_FIELD: int

def count_lines(data: NDArray[np.uint8], begin: int, end: int) -> int: ...
def parse(
    data: NDArray[np.uint8],
    begin: int,
    end: int,
    item_at: NDArray[np.int64],
    item_size: NDArray[np.int32],
    item_hash: NDArray[np.uint32],
    values: NDArray[Any],
    query_row: NDArray[np.int64],
    query_at: NDArray[np.int64],
    query_size: NDArray[np.int32],
) -> tuple[int, int, int, int, int, int]: ...
def number_texts(
    data: NDArray[np.uint8], at: NDArray[np.int64], sizes: NDArray[np.int32]
) -> tuple[NDArray[np.int64], NDArray[np.int64]]: ...
def gather_texts(
    data: NDArray[np.uint8], at: NDArray[np.int64], sizes: NDArray[np.int32]
) -> tuple[NDArray[np.int32], NDArray[np.uint8]]: ...
def line_end(data: NDArray[np.uint8], begin: int) -> int: ...
