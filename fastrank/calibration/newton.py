"""The minimum of a convex function of one or two variables, from its exact derivatives."""

from __future__ import annotations

from fractions import Fraction
from typing import TYPE_CHECKING, NamedTuple

from fastrank.errors import InvalidValueError

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["Derivatives", "minimise"]

# Half the squared Newton decrement is what is left to gain, here as a part of the value.  Terms of the value are
# rounded, so that gains below NOISE do not show in it; where CLOSE is left, a step leads within its square of the
# minimum.
NOISE, CLOSE = Fraction(1, 2**44), Fraction(1, 2**66)
MOST_STEPS = 200
MOST_HALVINGS = 60


class Derivatives(NamedTuple):
    """The value at a point, its gradient, and the rows of its second derivatives."""

    value: Fraction
    gradient: tuple[Fraction, ...]
    curvature: tuple[tuple[Fraction, ...], ...]


def minimise(derivatives: Callable[[tuple[float, ...]], Derivatives], start: tuple[float, ...]) -> tuple[float, ...]:
    """The point of the minimum, by Newton's method with halved steps.

    Steps come from sums that are exact, and are rounded once, so the answer does not depend on how rows were split.
    """
    point, here = start, derivatives(start)
    left: Fraction | None = None
    for _ in range(MOST_STEPS):
        step = _newton_step(here)
        gain = -sum((g * d for g, d in zip(here.gradient, step, strict=True)), Fraction(0))
        noise = NOISE * here.value
        if gain <= CLOSE * here.value or (left is not None and left <= noise and 2 * gain >= left):
            return _moved(point, step, Fraction(1))
        share, left = Fraction(1), gain
        for _ in range(MOST_HALVINGS):
            moved = _moved(point, step, share)
            there = derivatives(moved)
            if there.value <= here.value + (noise if gain <= noise else 0):
                break
            share /= 2
        point, here = moved, there
    raise InvalidValueError("the fit did not settle: the scores differ too much in size")


def _moved(point: tuple[float, ...], step: tuple[Fraction, ...], share: Fraction) -> tuple[float, ...]:
    return tuple(float(Fraction(x) + share * d) for x, d in zip(point, step, strict=True))


def _newton_step(at: Derivatives) -> tuple[Fraction, ...]:
    """The step to the minimum of the parabola, by Cramer's rule."""
    if len(at.gradient) == 1:
        ((h,),), (g,) = at.curvature, at.gradient
        if h <= 0:
            raise InvalidValueError("the fit has no minimum: the log loss does not bend")
        return (-g / h,)
    ((a, b), (_, c)), (g, k) = at.curvature, at.gradient
    determinant = a * c - b * b
    if determinant <= 0:
        raise InvalidValueError("the fit has no minimum: the log loss does not bend")
    return (b * k - c * g) / determinant, (b * g - a * k) / determinant
