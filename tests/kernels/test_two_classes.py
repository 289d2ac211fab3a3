"""Terms of losses of labels 0 and 1, against mpmath, and the same bits wherever a row stands."""

from __future__ import annotations

import hashlib
import math
import os
import subprocess
import sys
from collections.abc import Callable
from typing import Any

import mpmath
import numpy as np
import pytest

from fastrank._kernels import exact_sum
from fastrank.accumulators.sums import digits_to_fraction, special_value

PROBABILITIES = [0.0, 5e-324, 1e-310, 2.0**-1022, 1e-20, 2.0**-52, 0.1, 0.5, 0.9, 1 - 2.0**-30, 1 - 2.0**-53, 1.0]
LOGITS = [-math.inf, -1e3, -745.2, -40.0, -0.5, 0.0, 1e-10, 2.0, 36.0, 700.0, 1e3, math.inf]
mpf = mpmath.mpf


def term(name: str, constants: tuple[float, ...], label: int, score: float) -> float:
    digits, special = np.zeros((1, exact_sum.DIGITS), np.int64), np.zeros((1, exact_sum.SPECIALS), np.int64)
    exact_sum.add_loss(name, constants, np.array([label], np.uint8), np.array([score]), None, None, digits, special)
    infinite = special_value(special[0])
    return float(digits_to_fraction(digits[0])) if infinite is None else infinite


def log(q: Any) -> Any:
    return mpmath.log(q) if q > 0 else -mpmath.inf


def true_class(label: int, p: float, low: float = 0.0, floor: float = 0.0) -> Any:
    p = mpf(min(max(p, low), 1 - low))
    return max(p if label else 1 - p, mpf(floor))


def focal(label: int, p: float, c: tuple[float, ...]) -> Any:
    q = true_class(label, p, *c[:2])
    return -log(q) * (1 - q) ** c[2] * (c[3] if label else c[4])


def share_of_logit(label: int, z: float) -> tuple[Any, Any]:
    """(log q, 1 - q)"""
    false = mpf(-z if label else z)
    if mpmath.isinf(false):
        return (-mpmath.inf, mpf(1)) if false > 0 else (mpf(0), mpf(0))
    return -mpmath.log1p(mpmath.exp(false)), 1 / (1 + mpmath.exp(-false))


def focal_of_logit(label: int, z: float, c: tuple[float, ...]) -> Any:
    log_share, miss = share_of_logit(label, z)
    return -log_share * miss ** c[0] * (c[1] if label else c[2])


def hinge(label: int, s: float, c: tuple[float, ...]) -> Any:
    return max(0, 1 - (mpf(s) if label else -mpf(s)))


# (constants, scores, the exact term, units in the last place that it may be off)
Exact = Callable[[int, float, tuple[float, ...]], Any]
LOSSES: list[tuple[str, tuple[float, ...], list[float], Exact, float]] = [
    ("true_class_log_loss", (0.0,), PROBABILITIES, lambda y, p, c: -log(true_class(y, p)), 1),
    ("true_class_log_loss", (1e-15,), PROBABILITIES, lambda y, p, c: -log(true_class(y, p, 0.0, c[0])), 1),
    ("logit_loss", (), LOGITS, lambda y, z, c: -share_of_logit(y, z)[0], 3),
    *(("focal", (low, floor, gamma, 0.25, 0.75), PROBABILITIES, focal, 8)
      for low, floor in ((0.0, 0.0), (2.0**-52, 0.0), (0.0, 1e-15), (0.0, 0.25)) for gamma in (0, 1, 2, 2.5, 7)),
    # An error of the exponent, up to gamma * 1e3, is one of as many units.
    *(("focal_of_logits", (gamma, 0.25, 0.75), LOGITS, focal_of_logit, 3000) for gamma in (0, 1, 2, 2.5)),
    ("hinge", (), LOGITS[1:-1], hinge, 1),
    ("squared_hinge", (), LOGITS[1:-1], lambda *row: hinge(*row) ** 2, 2),
]  # fmt: skip


@pytest.mark.parametrize(("name", "constants", "scores", "exact", "units"), LOSSES)
def test_terms(name, constants, scores, exact, units):
    with mpmath.workprec(1400):
        for label in (0, 1):
            for score in scores:
                found, right = term(name, constants, label, score), exact(label, score, constants)
                close = (
                    abs(found - right) <= units * math.ulp(float(right)) if mpmath.isfinite(right) else found == right
                )
                assert close, (label, score, found, float(right))


def test_every_loss_of_two_classes_is_here():
    assert {name for name, *_ in LOSSES} <= set(exact_sum.LOSSES)


def digest() -> str:
    """The bits of all sums, of rows in blocks of several lengths and in slices."""
    rng, whole = np.random.default_rng(1), hashlib.sha256()
    for name, constants, scores, _, _ in LOSSES:
        for count in (1, 7, 8, 9, 2047, 2049, 5000):
            spread = rng.random(count) if scores is PROBABILITIES else rng.normal(0, 30, count)
            score = np.where(rng.random(count) < 0.2, rng.choice(scores, count), spread)
            label, slices = rng.integers(0, 2, count).astype(np.uint8), rng.integers(0, 5, count).astype(np.int32)
            for where in (None, slices):
                digits, special = np.zeros((5, exact_sum.DIGITS), np.int64), np.zeros((5, exact_sum.SPECIALS), np.int64)
                exact_sum.add_loss(name, constants, label, score, None, where, digits, special)
                whole.update(digits.sum(axis=0).tobytes() + special.sum(axis=0).tobytes())
    return whole.hexdigest()


def test_every_instruction_set_gives_the_same_bits():
    code = f"import runpy; print(runpy.run_path({__file__!r})['digest']())"
    found = {
        subprocess.run(
            [sys.executable, "-c", code], env={**os.environ, "FASTRANK_CPU": level}, capture_output=True, check=True
        ).stdout
        for level in ("baseline", "avx2", "avx512")
    }
    assert found == {f"{digest()}\n".encode()}


@pytest.mark.parametrize(("name", "constants", "scores"), [loss[:3] for loss in LOSSES])
def test_a_row_has_one_term_wherever_it_stands(name, constants, scores):
    rng = np.random.default_rng(2)
    for label in (0, 1):
        for count in (2, 5, 16, 33):
            column = rng.choice(scores, count)
            apart = [term(name, constants, label, score) for score in column]
            digits, special = np.zeros((1, exact_sum.DIGITS), np.int64), np.zeros((1, exact_sum.SPECIALS), np.int64)
            labels = np.full(count, label, np.float32)
            exact_sum.add_loss(name, constants, labels, column, None, None, digits, special)
            assert special[0].tolist() == [apart.count(math.inf), 0, 0]
            finite = [x for x in apart if x < math.inf]
            assert float(digits_to_fraction(digits[0])) == math.fsum(finite)
