"""Pairs of a positive and a negative row."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Self

from fastrank.sweeps.base import Sweep

if TYPE_CHECKING:
    from fastrank.sweeps.base import Block

__all__ = ["Pairs"]


@dataclass(unsafe_hash=True)
class Pairs(Sweep):
    """`twice_wins` counts 2 where the positive scores higher and 1 where both have one score (or cell), `ties` the
    latter, `pairs` all; with weights, products of integer weights."""

    def reset(self) -> None:
        """Forgets everything."""
        self.twice_wins = self.ties = 0
        self.pairs = self.totals.negatives * self.totals.positives

    def add(self, block: Block) -> None:
        """Counts the pairs whose positive is in the block."""
        twice_wins, ties, _, positives = block.pairs
        self.twice_wins += twice_wins + 2 * positives * block.below[0]
        self.ties += ties

    def merge(self, other: Self) -> None:
        """Adds."""
        self.twice_wins += other.twice_wins
        self.ties += other.ties
