"""Hand-worked cases of calibration metrics."""

from __future__ import annotations

import math
from fractions import Fraction

import pytest

from fastrank import metrics as m


def test_calibration_ratio() -> None:
    # 128 / 128.8, where 36.8 is the float64 next to it
    exact = Fraction(128) / (92 + Fraction(36.8))
    assert m.calibration_ratio().compute([30, 29, 33, 36.8], [30, 32, 31, 35]) == float(exact)
    assert float(exact) == pytest.approx(128 / 128.8, rel=1e-15)
    # (1 * .5 + 3 * .25) / (1 * 0 + 3 * 1)
    assert m.calibration_ratio().compute([0, 1], [0.5, 0.25], weight=[1, 3]) == 1.25 / 3


def test_labels_that_sum_to_zero_leave_it_undefined() -> None:
    assert math.isnan(m.calibration_ratio().compute([0, 0], [0.5, 0.25]))
    assert math.isnan(m.calibration_ratio().compute([-1, 1], [0.5, 0.25]))


def test_cancelling_terms_are_summed_exactly() -> None:
    assert m.calibration_ratio().compute([1, 1, 1], [1e16, 1.0, -1e16]) == 1 / 3
