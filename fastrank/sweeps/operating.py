"""Thresholds at which to act: the one that reaches the most positives within a limit, and the best by a criterion.

Shares compare as float64, each the correctly rounded quotient of integers: 9 of 10 reaches 0.9.  Where floats cannot
tell, integers decide.
"""

from __future__ import annotations

import math
from abc import abstractmethod
from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING, Any, Self

import numpy as np

from fastrank.sweeps.base import Sweep
from fastrank.sweeps.reach import (
    NOWHERE,
    Integers,
    Reach,
    Reached,
    are_exact,
    first_at_least,
    least_share,
    most_share,
    reached,
)

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from fastrank.sweeps.base import Block

__all__ = ["BestThreshold", "PrecisionAtRecall", "RecallAtPrecision", "TprAtFpr"]

# More than the error, relative to 1, of a criterion of weights that are rounded.
SLACK = 2.0**-48
# More than the error of sums of numbers too small to be rounded in proportion.
LEAST_SLACK = 2.0**-1060


class _Lowest(Sweep):
    """The lowest threshold that keeps a rule and has a positive: `reach`.  Of scores that are cells, `most` is the
    weight of positives that a threshold inside one may reach at most."""

    def reset(self) -> None:
        """Forgets everything."""
        self.reach, self.most = NOWHERE, 0

    def add(self, block: Block) -> None:
        """Looks for lower thresholds."""
        if not block.size:
            return
        if block.totals.bits is None and self.reach.rows and block.scores[0] >= self.reach.threshold:
            return  # it can hold no lower one
        integers, at, own = Integers(block), reached(block), block.points.positives > 0
        i = self._lowest(at, own, lambda i: integers.reach(i).negatives, integers)
        if i is not None:
            self._take(integers.reach(i), integers.reach(i).positives)
        if block.totals.bits is not None:
            # At best a threshold inside a cell reaches all its positives and none of its negatives.
            best = Reached(block.points.negatives_above, at.positives)
            i = self._lowest(best, own, lambda i: integers.above(i)[0], integers)
            self._take(NOWHERE, 0 if i is None else integers.reach(i).positives)

    def _lowest(self, at: Reached, own: NDArray[np.bool_], negatives: Any, integers: Integers) -> int | None:
        maybe, surely = self._keep(at)
        for i in np.flatnonzero(maybe & own).tolist():
            if surely[i] or self._keeps(negatives(i), integers.reach(i).positives):
                return int(i)
        return None

    def _take(self, reach: Reach, most: int) -> None:
        if reach.rows > self.reach.rows:
            self.reach = reach
        self.most = max(self.most, most)

    def merge(self, other: Self) -> None:
        """Takes the lower threshold."""
        self._take(other.reach, other.most)

    @abstractmethod
    def _keep(self, at: Reached) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
        """Where the rule may be kept, and where it surely is."""

    @abstractmethod
    def _keeps(self, negatives: int, positives: int) -> bool:
        """Whether the rule is kept."""


@dataclass(unsafe_hash=True)
class RecallAtPrecision(_Lowest):
    """The lowest threshold with at least this precision."""

    precision: float

    def _keep(self, at: Reached) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
        every = at.positives + at.negatives
        precision = np.divide(at.positives, every, out=np.zeros(every.size), where=every > 0)
        slack = 0.0 if are_exact(self.totals) else SLACK
        return precision >= self.precision * (1 - slack), precision >= self.precision * (1 + slack)

    def _keeps(self, negatives: int, positives: int) -> bool:
        return positives / (positives + negatives) >= self.precision


@dataclass(unsafe_hash=True)
class TprAtFpr(_Lowest):
    """The lowest threshold with at most this false positive rate."""

    fpr: float

    def reset(self) -> None:
        """Forgets everything."""
        super().reset()
        self._limit = most_share(self.fpr, self.totals.negatives) if self.totals.negatives else 0

    def _keep(self, at: Reached) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
        # Rounding keeps the order, so that only equals are in doubt.
        limit = float(self._limit) * self.totals.scale
        return at.negatives <= limit, at.negatives < limit

    def _keeps(self, negatives: int, positives: int) -> bool:
        return negatives <= self._limit


class _Best(Sweep):
    """The threshold with the highest value of a criterion, of equal ones the highest: `reach` and `value`."""

    def reset(self) -> None:
        """Forgets everything."""
        self.reach, self.value = NOWHERE, -math.inf

    def merge(self, other: Self) -> None:
        """Takes the better threshold."""
        self._take(other.reach, other.value)

    def _take(self, reach: Reach, value: float) -> None:
        if (value, -reach.rows) > (self.value, -self.reach.rows):
            self.reach, self.value = reach, value

    @abstractmethod
    def _near(self, at: Reached) -> NDArray[np.float64]:
        """The criterion, within `_slack`; the same where that is 0."""

    @abstractmethod
    def _exactly(self, negatives: int, positives: int) -> float:
        """The criterion, rounded once."""

    @property
    @abstractmethod
    def _slack(self) -> float:
        """More than the error of `_near`."""

    def _highest(self, near: NDArray[np.float64], reach: Any, known: float) -> tuple[int, float] | None:
        """The place of the highest value, of equal ones the last, and the value; None where none is above `known`, or
        equal to it."""
        slack = self._slack
        top = float(near.max(initial=-math.inf))
        if top == -math.inf or top + slack < known:
            return None
        found: tuple[int, float] | None = None
        for i in np.flatnonzero(near >= top - 2 * slack)[::-1].tolist():
            value = self._exactly(*reach(i))
            if found is None or value > found[1]:
                found = i, value
            if slack == 0 or value == 1.0:  # no criterion is higher
                break
        return found


@dataclass(unsafe_hash=True)
class PrecisionAtRecall(_Best):
    """The threshold of the highest precision with at least this recall.  Of scores that are cells, `most` is the
    highest precision of a threshold inside one, as (positives, rows)."""

    recall: float

    def reset(self) -> None:
        """Forgets everything."""
        super().reset()
        self.most = (0, 1)
        positives = self.totals.positives
        self._least = max(least_share(self.recall, positives), 1) if positives else 1

    def add(self, block: Block) -> None:
        """Looks for better thresholds."""
        if not block.size:
            return
        at, own, integers = reached(block), block.points.positives > 0, Integers(block)
        allowed = own & self._enough(block, at, integers)
        if not allowed.any():
            return

        def reach(i: int) -> tuple[int, int]:
            return integers.reach(i).negatives, integers.reach(i).positives

        found = self._highest(np.where(allowed, self._near(at), -math.inf), reach, self.value)
        if found is not None:
            self._take(integers.reach(found[0]), found[1])
        if block.totals.bits is not None:

            def best(i: int) -> tuple[int, int]:
                return integers.above(i)[0], integers.reach(i).positives

            near = self._near(Reached(block.points.negatives_above, at.positives))
            found = self._highest(np.where(allowed, near, -math.inf), best, -math.inf)
            assert found is not None
            negatives, positives = best(found[0])
            self._take_most((positives, positives + negatives))

    def _enough(self, block: Block, at: Reached, integers: Integers) -> NDArray[np.bool_]:
        """Which scores reach enough positives."""
        limit = float(self._least) * self.totals.scale
        enough = at.positives >= limit
        if (at.positives == limit).any() and not are_exact(self.totals):
            # Those of which at most this much lies below.
            below = self.totals.positives - self._least - block.below[1]
            enough[:] = False
            enough[: first_at_least(integers.positives, below + 1) + 1 if below >= 0 else 0] = True
        return enough

    def merge(self, other: Self) -> None:
        """Takes the better threshold."""
        super().merge(other)
        self._take_most(other.most)

    def _take_most(self, most: tuple[int, int]) -> None:
        if most[0] * self.most[1] > self.most[0] * most[1]:
            self.most = most

    @property
    def _slack(self) -> float:
        return 0.0 if are_exact(self.totals) else SLACK

    def _near(self, at: Reached) -> NDArray[np.float64]:
        every = at.positives + at.negatives
        return np.divide(at.positives, every, out=np.zeros(every.size), where=every > 0)

    def _exactly(self, negatives: int, positives: int) -> float:
        return positives / (positives + negatives)


@dataclass(unsafe_hash=True)
class BestThreshold(_Best):
    """The best threshold by "f1", by "youden" (TPR - FPR), or by "cost", of which `value` is the negative.

    `bounds` is where the best threshold surely lies.  Memory: 24 bytes for each cell in which it may lie.
    """

    criterion: str
    cost_fp: float = 1.0
    cost_fn: float = 1.0

    def reset(self) -> None:
        """Starts with the threshold that no row reaches."""
        super().reset()
        self._cells: list[NDArray[np.float64]] = []
        self._costs = Fraction(self.cost_fp), Fraction(self.cost_fn)
        if self.is_defined:
            self._take(NOWHERE, self._exactly(0, 0))

    @property
    def is_defined(self) -> bool:
        """Whether the criterion is."""
        negatives, positives = self.totals.negatives, self.totals.positives
        if self.criterion == "cost":
            return bool(negatives + positives)
        return bool(positives and (negatives or self.criterion == "f1"))

    def add(self, block: Block) -> None:
        """Looks for better thresholds."""
        if not block.size or not self.is_defined:
            return
        integers, at = Integers(block), reached(block)

        def reach(i: int) -> tuple[int, int]:
            return integers.reach(i).negatives, integers.reach(i).positives

        found = self._highest(self._near(at), reach, self.value)
        if found is not None:
            self._take(integers.reach(found[0]), found[1])
        if block.totals.bits is not None:
            best = self._near(Reached(block.points.negatives_above, at.positives))
            # In a cell without positives every threshold is worse than that which takes none of its rows.
            may = (block.points.positives > 0) & (best + self._slack >= self.value)
            self._cells.append(np.stack((best, block.scores, block.upper_scores))[:, may])

    def merge(self, other: Self) -> None:
        """Takes the better threshold."""
        super().merge(other)
        self._cells += other._cells

    @property
    def bounds(self) -> tuple[float, float]:
        """The lowest and the highest threshold of cells that may hold a threshold as good as the best."""
        best, lower, upper = np.concatenate([np.empty((3, 0)), *self._cells], axis=1)
        may = best + self._slack >= self.value
        none = [math.inf] if self._exactly(0, 0) >= self.value else []
        return min([*lower[may].tolist(), *none]), max([*upper[may].tolist(), *none])

    @property
    def _slack(self) -> float:
        if self.criterion == "f1" and are_exact(self.totals):
            return 0.0
        return SLACK * (max(self.cost_fp, self.cost_fn) if self.criterion == "cost" else 1.0) + LEAST_SLACK

    def _near(self, at: Reached) -> NDArray[np.float64]:
        scale = self.totals.scale
        negatives, positives = self.totals.negatives * scale, self.totals.positives * scale
        near: NDArray[np.float64]
        if self.criterion == "f1":
            near = 2 * at.positives / (at.positives + at.negatives + positives)
        elif self.criterion == "youden":
            near = at.positives / positives - at.negatives / negatives
        else:
            rows = positives + negatives
            near = -(self.cost_fp * (at.negatives / rows) + self.cost_fn * ((positives - at.positives) / rows))
        return near

    def _exactly(self, negatives: int, positives: int) -> float:
        all_negatives, all_positives = self.totals.negatives, self.totals.positives
        if self.criterion == "f1":
            return 2 * positives / (positives + negatives + all_positives)
        if self.criterion == "youden":
            return (positives * all_negatives - negatives * all_positives) / (all_negatives * all_positives)
        cost_fp, cost_fn = self._costs
        cost = cost_fp * negatives + cost_fn * (all_positives - positives)
        return -float(cost / (all_negatives + all_positives))
