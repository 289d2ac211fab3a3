"""Hand-worked cases of regression metrics."""

from __future__ import annotations

import math
from fractions import Fraction

import numpy as np
import pytest

from fastrank import metrics as m


def test_mse() -> None:
    # Errors 0, 3, -2, -1.8: squares 0, 9, 4, 3.24: sum 16.24, over 4.
    assert m.mse().compute([30, 29, 33, 36.8], [30, 32, 31, 35]) == pytest.approx(4.06, rel=1e-15)
    # (1 * 9 + 3 * 1) / 4
    assert m.mse().compute([0, 0], [3, 1], weight=[1, 3]) == 3.0


def test_mse_does_not_lose_small_errors_beside_large_ones() -> None:
    label, score = np.array([0.0, 0.0, 0.0]), np.array([2.0**60, 1.0, 1.0])
    assert m.mse().compute(label, score) == float(Fraction(2**120 + 2, 3))
    label = np.array([0.0] * 4)
    assert m.mse().compute(label, np.array([1e8, 1e-8, 1e-8, 1e-8])) == float(
        (Fraction(1e8 * 1e8) + 3 * Fraction(1e-8 * 1e-8)) / 4
    )


def test_mse_past_the_largest_float_is_infinite() -> None:
    assert m.mse().compute([0.0, 0.0], [1e200, 1.0]) == math.inf
