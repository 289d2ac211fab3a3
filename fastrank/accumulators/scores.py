"""What accumulators of scores by class have in common: they are swept."""

from __future__ import annotations

from abc import abstractmethod
from typing import TYPE_CHECKING, Any

from fastrank.accumulators.base import RowAccumulator

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from fastrank.sweeps import Block, Sweep, Totals

__all__ = ["ScoreAccumulator"]


class ScoreAccumulator(RowAccumulator):
    """Scores with the weight of each class."""

    @property
    def reads(self) -> tuple[str, ...]:
        """Score, class and weight."""
        return ("label", "score", "weight")

    @abstractmethod
    def totals(self, s: int) -> Totals:
        """The weight of each class in slice s."""

    @abstractmethod
    def blocks(self, s: int) -> Iterator[Block]:
        """The scores of slice s, ascending; may be asked again."""

    def at(self, s: int) -> Totals:
        """The weight of each class in slice s."""
        return self.totals(s)

    def sweep(self, s: int, sweeps: Iterable[Sweep]) -> dict[Sweep, Sweep]:
        """The answers of sweeps over slice s, from one pass."""
        totals = self.totals(s)
        answers: dict[Any, Sweep] = {sweep: sweep.begin(totals) for sweep in sweeps}
        for block in self.blocks(s) if answers else ():
            for answer in answers.values():
                answer.add(block)
        return answers
