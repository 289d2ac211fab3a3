"""Newton's method on functions whose minimum is known."""

from __future__ import annotations

from fractions import Fraction

import pytest

from fastrank.calibration.newton import Derivatives, minimise
from fastrank.errors import InvalidValueError

CENTRE = Fraction(0.3)


def test_a_parabola_takes_one_step():
    points = []

    def derivatives(point):
        x, y = (Fraction(each) for each in point)
        points.append(point)
        u, v = x - 2, y + 1
        return Derivatives(1 + u * u + u * v + 2 * v * v, (2 * u + v, u + 4 * v), ((2, 1), (1, 4)))

    assert minimise(derivatives, (10.0, 10.0)) == (2.0, -1.0)
    assert len(points) == 2


def test_that_a_value_that_is_rounded_does_not_hold_it_up():
    calls = 0

    def derivatives(point):
        nonlocal calls
        calls += 1
        d = Fraction(point[0]) - CENTRE
        noise = Fraction(calls, 2**50)  # as if each step made it a little worse
        return Derivatives(1 + d**2 + 40 * d**4 + noise, (2 * d + 160 * d**3,), ((2 + 480 * d**2,),))

    (found,) = minimise(derivatives, (1.3,))
    assert found == pytest.approx(0.3, abs=1e-15)
    assert calls < 15


def test_that_steps_that_lead_too_far_are_halved():
    """The root of 1 + d^2 is nearly straight far from its minimum, so that a whole step from 2 leads past it to -8."""

    def derivatives(point):
        d = point[0]
        root = (1 + d * d) ** 0.5
        return Derivatives(Fraction(root), (Fraction(d / root),), ((Fraction(root**-3),),))

    assert minimise(derivatives, (2.0,))[0] == pytest.approx(0.0, abs=1e-8)


def test_what_has_no_minimum():
    with pytest.raises(InvalidValueError, match="does not bend"):
        minimise(lambda point: Derivatives(Fraction(point[0]), (Fraction(1),), ((Fraction(0),),)), (0.0,))
    flat = ((Fraction(1), Fraction(1)), (Fraction(1), Fraction(1)))
    with pytest.raises(InvalidValueError, match="does not bend"):
        minimise(lambda _: Derivatives(Fraction(1), (Fraction(1), Fraction(1)), flat), (0.0, 0.0))

    def falling(point):
        x = Fraction(point[0])
        return Derivatives(1 / (1 + x), (-1 / (1 + x) ** 2,), ((2 / (1 + x) ** 3,),))

    with pytest.raises(InvalidValueError, match="did not settle"):
        minimise(falling, (1.0,))
