"""Which score stands at a share of the rows, from the lowest or from the highest."""

from __future__ import annotations

import math
from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING, Self

from fastrank.sweeps.base import Sweep
from fastrank.sweeps.reach import Integers, least_share, place_of

if TYPE_CHECKING:
    from fastrank.sweeps.base import Block

__all__ = ["Quantiles", "TopRows"]


@dataclass(unsafe_hash=True)
class Quantiles(Sweep):
    """For each q the smallest score such that the share of rows which score no more is, as float64, at least q (and
    not nothing): of "negative" rows, of "positive" ones, of "all".

    `found` has, by class and q, the score and the upper end of its cell.
    """

    q: tuple[float, ...]

    def reset(self) -> None:
        """Forgets everything."""
        negatives, positives = self.totals.negatives, self.totals.positives
        self.found: dict[tuple[str, float], tuple[float, float]] = {}
        self._targets = {
            (name, q): max(least_share(q, total), 1)
            for name, total in (("negative", negatives), ("positive", positives), ("all", negatives + positives))
            if total
            for q in self.q
        }

    def add(self, block: Block) -> None:
        """Looks for those in the block."""
        if not block.size:
            return
        integers = Integers(block)
        words = {"negative": integers.negatives, "positive": integers.positives, "all": integers.rows}
        below = {"negative": block.below[0], "positive": block.below[1], "all": sum(block.below)}
        for (name, q), target in self._targets.items():
            i = place_of(target, words[name], below[name])
            if i is not None:
                self.found[name, q] = float(block.scores[i]), float(block.upper_scores[i])

    def merge(self, other: Self) -> None:
        """Takes those found in other blocks."""
        self.found.update(other.found)

    def of(self, name: str, q: float) -> tuple[float, float]:
        """The quantile of a class and the upper end of its cell; NaN where the class has no rows."""
        return self.found.get((name, q), (math.nan, math.nan))


@dataclass(unsafe_hash=True)
class TopRows(Sweep):
    """The rows that score highest, a fraction of all: fraction times their number (or weight), rounded to float64.

    The last of them may be some of several with one score: `positives` counts these by their expected value, `least`
    and `most` as if all negatives, or all positives, came first; all in units of the totals, as is `rows`.
    """

    fraction: float

    def reset(self) -> None:
        """Forgets everything."""
        self.positives = self.least = self.most = Fraction(0)
        total = self.totals.negatives + self.totals.positives
        rows = Fraction(total * self.totals.scale * self.fraction) / Fraction(self.totals.scale)
        # A product too small for a float64 is taken as it is.
        self.rows = min(rows or Fraction(self.fraction) * total, Fraction(total))
        self._target = total - math.ceil(self.rows) + 1

    def add(self, block: Block) -> None:
        """Looks for the lowest score of the rows in the block."""
        if not block.size:
            return
        integers = Integers(block)
        i = place_of(self._target, integers.rows, sum(block.below))
        if i is None:
            return
        (negatives_above, positives_above), reach = integers.above(i), integers.reach(i)
        negatives, positives = reach.negatives - negatives_above, reach.positives - positives_above
        rest = self.rows - negatives_above - positives_above
        self.positives = positives_above + positives * rest / (positives + negatives)
        self.least = positives_above + max(rest - negatives, Fraction(0))
        self.most = positives_above + min(rest, Fraction(positives))

    def merge(self, other: Self) -> None:
        """Takes what another has found; of two at most one has."""
        self.positives += other.positives
        self.least += other.least
        self.most += other.most
