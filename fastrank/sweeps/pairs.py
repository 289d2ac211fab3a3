"""Pairs of a positive and a negative row: the area under the ROC curve, or under a part of it."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING, NamedTuple, Self

from fastrank.sweeps.base import Block, Sweep
from fastrank.sweeps.integers import count_within

if TYPE_CHECKING:
    from typing import Any

__all__ = ["Area", "Pairs", "PartialPairs"]


class Area(NamedTuple):
    """A share of all pairs: with the scores as they are, and the least and the most that it can be where they are
    cells."""

    value: Fraction
    least: Fraction
    most: Fraction


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

    @property
    def area(self) -> Area:
        """The area under the ROC curve."""
        every = 2 * self.pairs
        return Area(
            Fraction(self.twice_wins, every),
            Fraction(self.twice_wins - self.ties, every),
            Fraction(self.twice_wins + self.ties, every),
        )


@dataclass(unsafe_hash=True)
class PartialPairs(Sweep):
    """Pairs with the share of one class that comes first: of negatives from the highest score on, or, `from_below`, of
    positives from the lowest.  The ROC curve is straight inside a score, so that the last one counts in part."""

    share: Fraction
    from_below: bool = False

    def reset(self) -> None:
        """Forgets everything."""
        self.pairs = self.totals.negatives * self.totals.positives
        self.limit = self.share * (self.totals.positives if self.from_below else self.totals.negatives)
        self.twice = self.twice_least = self.twice_most = Fraction(0)

    def add(self, block: Block) -> None:
        """Counts the pairs of the block's rows within the limit."""
        _, _, negatives, positives = block.pairs
        if self.from_below:
            first, second = block.below[1], block.below[0]
        else:
            first = self.totals.negatives - block.below[0] - negatives
            second = self.totals.positives - block.below[1] - positives
        if first >= self.limit:
            return
        if first + (positives if self.from_below else negatives) > self.limit:
            self._add_to_limit(block, first, second)
        else:
            self._add_all(block, second)

    def _add_all(self, block: Block, second: int) -> None:
        twice_wins, ties, negatives, positives = block.pairs
        twice = twice_wins + 2 * (positives if self.from_below else negatives) * second
        self._count(Fraction(twice), Fraction(ties))

    def _add_to_limit(self, block: Block, first: int, second: int) -> None:
        """Scores up to the limit, and the part of the next that lies before it."""
        step = slice(None, None, 1 if self.from_below else -1)
        one, other = (block.positives, block.negatives) if self.from_below else (block.negatives, block.positives)
        room = self.limit - first
        count, passed = count_within(_along(one, step), int(room))
        if count:
            inside = slice(0, count) if self.from_below else slice(block.size - count, block.size)
            head = Block(
                block.keys[inside], _along(block.negatives, inside), _along(block.positives, inside), (0, 0),
                block.totals,
            )  # fmt: skip
            self._add_all(head, second)
            second += head.pairs[2 if self.from_below else 3]
        place = slice(count, count + 1)
        width, height = (_integer(_along(_along(words, step), place)) for words in (one, other))
        part = room - passed
        self._count(part * (2 * second + height * part / width), part * height, part * (2 * second + height))

    def _count(self, twice: Fraction, ties: Fraction, middle: Fraction | None = None) -> None:
        """Adds to the area, of which `ties` each way are uncertain around the middle."""
        middle = twice if middle is None else middle
        self.twice += twice
        self.twice_least += middle - ties
        self.twice_most += middle + ties

    def merge(self, other: Self) -> None:
        """Adds."""
        self.twice += other.twice
        self.twice_least += other.twice_least
        self.twice_most += other.twice_most

    @property
    def area(self) -> Area:
        """The area under this part of the ROC curve."""
        every = 2 * self.pairs
        return Area(self.twice / every, self.twice_least / every, self.twice_most / every)


def _along(words: tuple[Any, ...], part: slice) -> tuple[Any, ...]:
    return tuple(word[part] for word in words)


def _integer(words: tuple[Any, ...]) -> int:
    """The one integer of these words."""
    return sum(int(word[0]) << (64 * j) for j, word in enumerate(reversed(words)))
