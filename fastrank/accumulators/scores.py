"""What accumulators of scores by class have in common: they are swept."""

from __future__ import annotations

from abc import abstractmethod
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

from fastrank.accumulators.base import RowAccumulator

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    import numpy as np
    from numpy.typing import NDArray

    from fastrank.columns import Rows
    from fastrank.sweeps import Block, Sweep, Totals

__all__ = ["DEFAULT_MEMORY_LIMIT", "ScoreAccumulator"]

DEFAULT_MEMORY_LIMIT = 2 << 30


class ScoreAccumulator(RowAccumulator):
    """Scores with the weight of each class, within `memory_limit` bytes."""

    memory_limit: int = DEFAULT_MEMORY_LIMIT

    @property
    def reads(self) -> tuple[str, ...]:
        """Score, class and weight."""
        return ("label", "score", "weight")

    def scores_and_labels(self, rows: Rows) -> tuple[NDArray[np.floating], NDArray[np.uint8]]:
        """The columns that are counted."""
        return rows["score"], rows["label"]

    @abstractmethod
    def totals(self, s: int) -> Totals:
        """The weight of each class in slice s."""

    @abstractmethod
    def blocks(self, s: int, count: int = 1) -> Sequence[Iterator[Block]]:
        """The scores of slice s, ascending, in up to `count` parts that follow each other; may be asked again."""

    def at(self, s: int) -> Totals:
        """The weight of each class in slice s."""
        return self.totals(s)

    def sweep(self, s: int, sweeps: Iterable[Sweep], threads: int = 1) -> dict[Sweep, Sweep]:
        """The answers of sweeps over slice s, from one pass on up to as many threads."""
        totals, asked = self.totals(s), list(sweeps)
        if not asked:
            return {}
        parts = self.blocks(s, threads)

        def answer(blocks: Iterator[Block]) -> list[Sweep]:
            answers = [sweep.begin(totals) for sweep in asked]
            for block in blocks:
                for each in answers:
                    each.add(block)
            return answers

        if len(parts) == 1:
            return dict(zip(asked, answer(parts[0]), strict=True))
        with ThreadPoolExecutor(len(parts)) as pool:
            first, *others = pool.map(answer, parts)
        for other in others:
            for mine, theirs in zip(first, other, strict=True):
                mine.merge(theirs)
        return dict(zip(asked, first, strict=True))
