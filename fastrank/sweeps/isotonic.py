"""The isotonic fit of labels on scores: the rate of positives that is closest to the labels and never falls (or rises)
with the score."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple, Self

import numpy as np

from fastrank._kernels import cumulate, isotonic
from fastrank.sweeps.base import Sweep

if TYPE_CHECKING:
    from typing import Any

    from numpy.typing import NDArray

    from fastrank.sweeps.base import Block

__all__ = ["Isotonic", "PooledScores"]

Words = tuple["NDArray[Any]", ...]
# Blocks are pooled again when so many times more have come in: each takes part in few pools.
GROWTH = 2


class PooledScores(NamedTuple):
    """Blocks of scores that share a rate: from `first` to `last` score, with the weight of each class, rounded once."""

    first: NDArray[np.float64]
    last: NDArray[np.float64]
    negatives: NDArray[np.float64]
    positives: NDArray[np.float64]

    @property
    def rates(self) -> NDArray[np.float64]:
        """The share of positives of each block."""
        return self.positives / (self.positives + self.negatives)


class _Part(NamedTuple):
    """Blocks of scores that follow each other, with the integers of each class."""

    first: NDArray[np.float64]
    last: NDArray[np.float64]
    negatives: Words
    positives: Words


@dataclass(unsafe_hash=True)
class Isotonic(Sweep):
    """The least-squares fit of the labels by a rate that does not fall with the score, or does not rise.

    Exact: rates are compared as quotients of integers.  Scores of cells are their ends nearer to 0.
    """

    increasing: bool = True

    def reset(self) -> None:
        """Forgets everything."""
        self._parts: list[_Part] = []
        self._pooled = 0  # how many blocks were left when all parts were pooled last

    def add(self, block: Block) -> None:
        """Pools the scores of the block."""
        scores = block.inner_scores
        self._parts.append(self._pool(_Part(scores, scores, block.negatives, block.positives)))
        if sum(part.first.size for part in self._parts) > GROWTH * max(self._pooled, block.size):
            self._parts = [self._joined()]
            self._pooled = self._parts[0].first.size

    def merge(self, other: Self) -> None:
        """Takes the blocks of other scores."""
        self._parts += other._parts

    def _pool(self, part: _Part) -> _Part:
        first, last = part.first, part.last
        if self.increasing:
            starts, negatives, positives = isotonic.pool(part.negatives, part.positives)
        else:
            # Where positives fall with the score, negatives rise.
            starts, positives, negatives = isotonic.pool(part.positives, part.negatives)
        ends = np.append(starts[1:], first.size) - 1 if starts.size else starts
        return _Part(first[starts], last[ends], negatives, positives)

    def _joined(self) -> _Part:
        parts = sorted((part for part in self._parts if part.first.size), key=lambda part: float(part.first[0]))
        if not parts:
            scores, counts = np.empty(0), (np.empty(0, np.int64),)
            return _Part(scores, scores, counts, counts)
        first, last = (np.concatenate([part[k] for part in parts]) for k in (0, 1))
        negatives, positives = (
            tuple(np.concatenate(words) for words in zip(*each, strict=True))
            for each in ([part.negatives for part in parts], [part.positives for part in parts])
        )
        return self._pool(_Part(first, last, negatives, positives))

    @property
    def pooled(self) -> PooledScores:
        """The blocks, from the lowest scores up."""
        part, scale = self._joined(), self.totals.scale
        weights = (
            cumulate.weights_above(words, total, scale)[0]
            for words, total in zip(part[2:], self.totals[:2], strict=True)
        )
        return PooledScores(part.first, part.last, *weights)
