"""Sums of precision in closed form, against sums of fractions and numerical integration."""

from __future__ import annotations

from fractions import Fraction

import mpmath
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fastrank.sweeps.interpolation import ROUNDING, interpolated, precisions, rising

RELAXED = settings(deadline=None)
WEIGHTS = st.floats(2.0**-40, 2.0**40)


def array(*values: float) -> list[np.ndarray]:
    return [np.array([value], np.float64) for value in values]


@RELAXED
@given(tp=st.integers(0, 300), fp=st.integers(0, 300), positives=st.integers(1, 3000))
def test_the_sum_over_positives_in_turn(tp, fp, positives):
    exact = sum(Fraction(tp + i, tp + fp + i) for i in range(1, positives + 1))
    assert rising(*array(tp, fp, positives))[0] == pytest.approx(float(exact), rel=ROUNDING)


def test_the_sum_over_positives_of_large_counts():
    for tp, fp, positives in (
        (0, 10**9, 1),
        (5, 10**12, 10**6),
        (10**8, 3, 10**10),
        (0, 127, 10**15),
        (0, 128, 10**15),
    ):
        with mpmath.workdps(50):
            seen = mpmath.mpf(tp + fp)
            exact = positives - fp * (mpmath.harmonic(seen + positives) - mpmath.harmonic(seen))
        assert rising(*array(tp, fp, positives))[0] == pytest.approx(float(exact), rel=ROUNDING)


@settings(max_examples=60, deadline=None)
@given(tp=WEIGHTS | st.just(0.0), fp=WEIGHTS | st.just(0.0), positives=WEIGHTS, negatives=WEIGHTS | st.just(0.0))
def test_the_integral_on_a_straight_line(tp, fp, positives, negatives):
    seen, rows = tp + fp, positives + negatives
    found = interpolated(*array(tp, seen, positives, rows))[0]
    if seen == 0:
        assert found == pytest.approx(positives * (positives / rows), rel=ROUNDING)
        return
    with mpmath.workdps(60):
        y = mpmath.mpf(rows) / seen
        share = mpmath.log1p(y) / y
        exact = positives * (tp / mpmath.mpf(seen) * share + positives / mpmath.mpf(rows) * (1 - share))
    assert found == pytest.approx(float(exact), rel=ROUNDING)


@pytest.mark.parametrize("line", [(3, 7, 5, 9), (0, 4, 5, 5), (100, 101, 2, 400), (1, 1000, 1, 1), (2, 4, 1000, 5000)])
def test_the_integral_by_quadrature(line):
    tp, seen, positives, rows = line
    exact = mpmath.quad(lambda x: positives * (tp + x * positives) / (seen + x * rows), mpmath.linspace(0, 1, 9))
    assert interpolated(*array(*line))[0] == pytest.approx(float(exact), rel=1e-13)


def test_precision_is_one_where_there_are_positives_only():
    assert interpolated(*array(3, 3, 0.1, 0.1))[0] == 0.1
    assert precisions(*array(0, 0))[0] == 1.0
    assert precisions(*array(0, 2))[0] == 0.0
