"""Sums of the logistic loss over scores by class, with its derivatives: what Platt and temperature scaling minimise."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Self

import numpy as np

from fastrank._kernels import exact_sum
from fastrank._kernels.elementary import sigmoid, softplus
from fastrank.accumulators.sums import digits_to_fraction
from fastrank.calibration.logits import logit
from fastrank.calibration.newton import Derivatives
from fastrank.errors import InvalidValueError
from fastrank.sweeps import Sweep

if TYPE_CHECKING:
    from fractions import Fraction

    from numpy.typing import NDArray

    from fastrank.sweeps import Block

__all__ = ["Extent", "LogisticSums", "Predictor", "add_terms"]


def add_terms(
    digits: NDArray[np.int64], at: int, terms: NDArray[np.float64], weights: NDArray[np.float64] | None = None
) -> None:
    """Adds terms, each times its weight, to an exact sum."""
    special = np.zeros((len(digits), exact_sum.SPECIALS), np.int64)
    exact_sum.add_values(np.ascontiguousarray(terms), weights, None, digits, special, at)
    if special.any():
        raise InvalidValueError("the scores are too large to be fitted: the squares of logits have to be finite")


@dataclass(frozen=True)
class Predictor:
    """What a score is in the fit: (score, or its logit, - centre) / width."""

    of_logit: bool
    centre: float = 0.0
    width: float = 1.0

    def __call__(self, scores: NDArray[np.float64]) -> NDArray[np.float64]:
        """The predictors of scores."""
        values = logit(scores) if self.of_logit else scores
        return (values - self.centre) / self.width


@dataclass(unsafe_hash=True)
class Extent(Sweep):
    """The lowest and the highest predictor, and whether any row stands on the wrong side of 0: a negative one above, a
    positive one below."""

    predictor: Predictor

    def reset(self) -> None:
        """Forgets everything."""
        self.lowest, self.highest = np.inf, -np.inf
        self.any_wrong = False

    def add(self, block: Block) -> None:
        """Looks at the scores of the block."""
        if not block.size:
            return
        x = self.predictor(block.inner_scores)
        self.lowest, self.highest = min(self.lowest, float(x[0])), max(self.highest, float(x[-1]))
        self.any_wrong |= bool(block.points.negatives[x > 0].any() or block.points.positives[x < 0].any())

    def merge(self, other: Self) -> None:
        """Takes what another has seen."""
        self.lowest, self.highest = min(self.lowest, other.lowest), max(self.highest, other.highest)
        self.any_wrong |= other.any_wrong


VALUE, SLOPE, INTERCEPT, SLOPE_2, MIXED, INTERCEPT_2 = range(6)


@dataclass(unsafe_hash=True)
class LogisticSums(Sweep):
    """The log loss of sigmoid(slope * x + intercept), and its derivatives, where positive rows have the target
    `targets[1]` and negative ones `targets[0]`.  Sums of the terms of scores are exact."""

    predictor: Predictor
    slope: float
    intercept: float = 0.0
    targets: tuple[float, float] = (0.0, 1.0)

    def reset(self) -> None:
        """Forgets everything."""
        self._digits = np.zeros((6, exact_sum.DIGITS), np.int64)

    def add(self, block: Block) -> None:
        """Adds the terms of the scores."""
        negatives, positives = block.points.negatives, block.points.positives
        total = negatives + positives
        ones = self.targets[0] * negatives + self.targets[1] * positives
        zeros = (1.0 - self.targets[0]) * negatives + (1.0 - self.targets[1]) * positives
        x = self.predictor(block.inner_scores)
        margin = self.slope * x + self.intercept
        chance, rest = sigmoid(margin), sigmoid(-margin)
        residual = zeros * chance - ones * rest
        bend = total * (chance * rest)
        add_terms(self._digits, VALUE, ones * softplus(-margin) + zeros * softplus(margin))
        add_terms(self._digits, SLOPE, residual * x)
        add_terms(self._digits, INTERCEPT, residual)
        add_terms(self._digits, SLOPE_2, bend * x * x)
        add_terms(self._digits, MIXED, bend * x)
        add_terms(self._digits, INTERCEPT_2, bend)

    def merge(self, other: Self) -> None:
        """Adds."""
        self._digits += other._digits
        exact_sum.carry(self._digits)

    def _sums(self) -> list[Fraction]:
        return [digits_to_fraction(digits) for digits in self._digits]

    @property
    def by_both(self) -> Derivatives:
        """Derivatives by slope and intercept."""
        value, slope, intercept, slope_2, mixed, intercept_2 = self._sums()
        return Derivatives(value, (slope, intercept), ((slope_2, mixed), (mixed, intercept_2)))

    @property
    def by_slope(self) -> Derivatives:
        """Derivatives by the slope."""
        value, slope, _, slope_2, _, _ = self._sums()
        return Derivatives(value, (slope,), ((slope_2,),))
