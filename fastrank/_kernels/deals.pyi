from collections.abc import Sequence
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

Deal: TypeAlias = tuple[int, NDArray[np.uint32], NDArray[Any], NDArray[np.float64] | None]

PART_BITS: dict[bool, int]
PARTS: int
MOST_ROWS: int

def deal_rows(
    scores: NDArray[np.floating[Any]], labels: NDArray[np.uint8], weights: NDArray[np.float64] | None = ...
) -> Deal: ...
def part_rows(deals: Sequence[Deal], begin: int, end: int) -> NDArray[np.int64]: ...

class Deals:
    def __init__(self, deals: Sequence[Deal]) -> None: ...
    def runs(self, begin: int, end: int) -> tuple[NDArray[Any], ...]: ...
    def totals_below(self, part: int) -> tuple[int, int]: ...
