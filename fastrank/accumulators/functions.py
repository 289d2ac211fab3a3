"""Exact sums of a user's own function of label and score."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from fastrank._kernels import exact_sum
from fastrank.accumulators.base import Field, RowAccumulator
from fastrank.accumulators.sums import Sum, digits_to_fraction, special_value
from fastrank.errors import ParameterError

if TYPE_CHECKING:
    from types import FunctionType

    from numpy.typing import NDArray

    from fastrank.columns import Rows

__all__ = ["FunctionSum"]

BLOCK = 1 << 15  # rows at a time: their labels, scores and terms stay in the second-level cache


@dataclass(eq=False)
class FunctionSum(RowAccumulator):
    """The exact sum over rows of weight times a user's own function of label and score.

    The function is known by its digest, so that a state is read and merged where the function is not at hand.  Memory:
    592 bytes a slice.
    """

    kind = "function_sum"
    digest: str

    digits = Field(np.int64, (exact_sum.DIGITS,), merge="digits")
    special = Field(np.int64, (exact_sum.SPECIALS,))

    @classmethod
    def of(cls, function: FunctionType, digest: str) -> FunctionSum:
        """The accumulator of a function."""
        made = cls(digest)
        made.function = function
        return made

    def __post_init__(self) -> None:
        super().__post_init__()
        self.function: FunctionType | None = None

    @property
    def reads(self) -> tuple[str, ...]:
        """What the function takes, and the weight."""
        return "label", "score", "weight"

    def update(self, rows: Rows, slices: NDArray[np.int32] | None) -> None:
        """Adds the term of each row."""
        from fastrank._kernels import user_functions

        if self.function is None:
            raise ParameterError("rows cannot be added to a state of mean_of whose function is not at hand")
        fill = user_functions.compiled(self.function, 2, self.digest)
        self.count_rows(rows, slices)
        weights, lanes = rows.get("weight"), user_functions.LANES
        for start in range(0, rows.count, BLOCK):
            block = slice(start, min(start + BLOCK, rows.count))
            count = block.stop - start
            label, score, term = np.empty((3, -(-count // lanes) * lanes))
            for target, role in ((label, "label"), (score, "score")):
                target[:count] = rows[role][block]
                target[count:] = target[count - 1]
            fill(label, score, term)
            target_slices = None if slices is None else slices[block]
            target_weights = None if weights is None else weights[block]
            exact_sum.add_values(term[:count], target_weights, target_slices, self.digits, self.special)

    def at(self, s: int) -> Sum:
        """The sum of slice s."""
        return Sum(digits_to_fraction(self.digits[s]), special_value(self.special[s]), 0)
