"""Areas under the precision-recall curve.

Going down the scores, `tp` counts the positives so far and `seen` all rows; precision is tp / seen.  What a cell of
scores adds to an area depends on what lies above it and on the order inside it only, so that the least and the most
that cells may add are sums as well.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple, Self

import numpy as np

from fastrank._kernels import exact_sum
from fastrank._kernels.precision import add_steps
from fastrank.sweeps.base import COUNT, Sweep
from fastrank.sweeps.interpolation import interpolated, precisions, rising

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from fastrank.sweeps.base import Block

__all__ = ["METHODS", "PrecisionArea"]

VALUE, LEAST, MOST = range(3)


class Steps(NamedTuple):
    """Scores that have positives: the weight of these and of the negatives, and of both classes above."""

    positives: NDArray[np.float64]
    negatives: NDArray[np.float64]
    tp: NDArray[np.float64]
    fp: NDArray[np.float64]
    counted: bool  # rows, of which each is one

    @property
    def apart(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Precision over the recall of each score if its negatives are above, and if they are below its positives,
        along a straight line."""
        lower = interpolated(self.tp, self.tp + (self.fp + self.negatives), self.positives, self.positives)
        return lower, interpolated(self.tp, self.tp + self.fp, self.positives, self.positives)


@dataclass(frozen=True)
class Method:
    """What a score adds to the area: a term, and the least and the most that it can be of a cell."""

    terms: Callable[[Steps], NDArray[np.float64]]
    bounds: Callable[[Steps], tuple[NDArray[np.float64], NDArray[np.float64]]]


def _steps(steps: Steps) -> NDArray[np.float64]:
    tp = steps.tp + steps.positives
    return steps.positives * (tp / (tp + (steps.fp + steps.negatives)))


def _step_bounds(steps: Steps) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Negatives first, then each positive by itself; and all positives at once, then the negatives."""
    fp = steps.fp + steps.negatives
    least = rising(steps.tp, fp, steps.positives) if steps.counted else steps.apart[0]
    return least, _steps(steps._replace(negatives=np.zeros_like(fp)))


def _trapezoids(steps: Steps) -> NDArray[np.float64]:
    before = precisions(steps.tp, steps.fp)
    after = precisions(steps.tp + steps.positives, steps.fp + steps.negatives)
    return steps.positives * (0.5 * (before + after))


def _trapezoid_bounds(steps: Steps) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Negatives first, then all positives at once; and each positive by itself, then the negatives."""
    least = _trapezoids(steps._replace(fp=steps.fp + steps.negatives, negatives=np.zeros_like(steps.fp)))
    if not steps.counted:
        return least, steps.apart[1]
    ends = precisions(steps.tp, steps.fp) - precisions(steps.tp + steps.positives, steps.fp)
    return least, rising(steps.tp, steps.fp, steps.positives) + 0.5 * ends


def _integrals(steps: Steps) -> NDArray[np.float64]:
    return interpolated(steps.tp, steps.tp + steps.fp, steps.positives, steps.positives + steps.negatives)


METHODS = {
    "step": Method(_steps, _step_bounds),
    "trapezoid": Method(_trapezoids, _trapezoid_bounds),
    "integral": Method(_integrals, lambda steps: steps.apart),
}


@dataclass(unsafe_hash=True)
class PrecisionArea(Sweep):
    """`digits` holds three exact sums: the area times the positives, and the least and the most that it may be where
    scores are cells.  `certain`: no scores of the same cells have another area, not by a rounding."""

    method: str = "step"

    def reset(self) -> None:
        """Forgets everything."""
        self.digits = np.zeros((3, exact_sum.DIGITS), np.int64)
        self.certain = True

    def add(self, block: Block) -> None:
        """Adds what the scores of the block contribute."""
        left = self.totals.negatives - block.below[0], self.totals.positives - block.below[1]
        binned = self.totals.bits is not None
        if self.method == "step":
            add_steps(block.negatives, block.positives, left, self.totals.scale, self.digits[VALUE])
            if not binned:
                return
        positive = np.flatnonzero(block.points.positives)
        steps = Steps(
            block.points.positives[positive],
            block.points.negatives[positive],
            tp=block.points.positives_above[positive],
            fp=block.points.negatives_above[positive],
            counted=self.totals.unit == COUNT,
        )
        method = METHODS[self.method]
        if self.method != "step":
            self._add(VALUE, method.terms(steps))
        if binned:
            least, most = method.bounds(steps)
            self._add(LEAST, least)
            self._add(MOST, most)
            # Above all negatives precision is 1 whatever ties, and one positive ties with none.
            uncertain = (steps.negatives > 0) | ((steps.fp > 0) & (steps.positives != 1))
            self.certain &= steps.counted and not uncertain.any()

    def _add(self, row: int, terms: NDArray[np.float64]) -> None:
        exact_sum.add_values(terms, None, None, self.digits, np.zeros((3, exact_sum.SPECIALS), np.int64), row)

    def merge(self, other: Self) -> None:
        """Adds."""
        self.digits += other.digits
        exact_sum.carry(self.digits)
        self.certain &= other.certain
