"""What a sweep is: a question to the scores of one slice, answered in one pass over blocks of them.

Scores are distinct and ascend from block to block; each has the weight of its negatives and of its positives.  Where
the state is binned, a score is that of a cell of scores, of which only the sums are known.
"""

from __future__ import annotations

import copy
from abc import ABC, abstractmethod
from functools import cached_property
from typing import TYPE_CHECKING, Any, NamedTuple, Self

import numpy as np

from fastrank._kernels import cumulate, runs

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["COUNT", "WEIGHT", "Block", "Points", "Sweep", "Totals"]

# What an integer of a block stands for: a row, or a weight of 2^-72.
COUNT, WEIGHT = 0, -72
KEY_BITS = 32
# Keys of float32 infinities, past which cells at the ends reach, where no number is; and of 0.
LOWEST_KEY, HIGHEST_KEY = 0x007FFFFF, 0xFF800000
ZERO_KEY = 0x80000000


class Totals(NamedTuple):
    """The weight of each class, as integers in units of 2^unit; `bits` where scores are cells of that many bits."""

    negatives: int
    positives: int
    unit: int = COUNT
    bits: int | None = None

    @property
    def scale(self) -> float:
        """What an integer is worth."""
        return 2.0**self.unit


class Points(NamedTuple):
    """Weights as float64, each rounded once: of the score itself, and of all higher scores."""

    negatives: NDArray[np.float64]
    positives: NDArray[np.float64]
    negatives_above: NDArray[np.float64]
    positives_above: NDArray[np.float64]


class Block:
    """Scores that follow each other, as order-preserving keys that ascend (of a cell: its first), with the integers of
    each: `negatives` and `positives` are (counts,), or (high words, low words) of weights.

    `below` is what lies below the block, `totals` what there is in all.
    """

    def __init__(
        self,
        keys: NDArray[Any],
        negatives: tuple[NDArray[Any], ...],
        positives: tuple[NDArray[Any], ...],
        below: tuple[int, int],
        totals: Totals,
    ) -> None:
        self.keys = keys
        self.negatives = negatives
        self.positives = positives
        self.below = below
        self.totals = totals

    @property
    def size(self) -> int:
        """How many scores there are."""
        return int(self.keys.size)

    @cached_property
    def scores(self) -> NDArray[np.float64]:
        """The scores; of cells the lower ends."""
        if self.totals.bits is None:
            return runs.keys_to_scores(self.keys).astype(np.float64)
        return _scores_of_cells(self.keys)

    @cached_property
    def inner_scores(self) -> NDArray[np.float64]:
        """The scores; of cells the ends nearer to 0, which are scores that are cut off to a few digits."""
        if self.totals.bits is None:
            return self.scores
        first = self.keys.astype(np.int64)
        last = np.minimum(first + ((1 << (KEY_BITS - self.totals.bits)) - 1), ZERO_KEY - 2)  # -0 is 0, of another cell
        return _scores_of_cells(np.where(first < ZERO_KEY, last, first))

    @cached_property
    def upper_scores(self) -> NDArray[np.float64]:
        """The scores; of cells the upper ends, which are the lower ends of the next cells."""
        if self.totals.bits is None:
            return self.scores
        width = 1 << (KEY_BITS - self.totals.bits)
        return _scores_of_cells(self.keys.astype(np.int64) + width)

    @cached_property
    def points(self) -> Points:
        """The weights as float64."""
        left = self.totals.negatives - self.below[0], self.totals.positives - self.below[1]
        (negatives, negatives_above), (positives, positives_above) = (
            cumulate.weights_above(words, total, self.totals.scale)
            for words, total in zip((self.negatives, self.positives), left, strict=True)
        )
        return Points(negatives, positives, negatives_above, positives_above)

    @cached_property
    def pairs(self) -> tuple[int, int, int, int]:
        """(twice the wins, ties, negatives, positives) inside the block; see `runs.twice_wins`."""
        if self.totals.unit == COUNT:
            return runs.twice_wins(*self.negatives, *self.positives)
        return runs.twice_wins_weighted(*self.negatives, *self.positives)

    @property
    def own(self) -> tuple[int, int]:
        """The integers of the negatives and of the positives in the block."""
        _, _, negatives, positives = self.pairs
        return negatives, positives


def _scores_of_cells(keys: NDArray[Any]) -> NDArray[np.float64]:
    return runs.keys_to_scores(np.clip(keys.astype(np.int64), LOWEST_KEY, HIGHEST_KEY).astype(np.uint32)).astype(
        np.float64
    )


class Sweep(ABC):
    """A question; subclasses are dataclasses whose fields are its parameters, so that equal ones are asked once.

    What `add` gathers does not depend on the order of blocks, or on how they are dealt to twins that are merged.
    """

    totals: Totals

    def begin(self, totals: Totals) -> Self:
        """A twin that has seen nothing yet."""
        twin = copy.copy(self)
        twin.totals = totals
        twin.reset()
        return twin

    @abstractmethod
    def reset(self) -> None:
        """Forgets everything."""

    @abstractmethod
    def add(self, block: Block) -> None:
        """Takes in a block."""

    @abstractmethod
    def merge(self, other: Self) -> None:
        """Takes in what a twin has seen: other blocks of the same scores."""
