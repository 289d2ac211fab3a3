"""Terms of the scores of all classes, against plain Python, bit for bit where no elementary function is in them."""

from __future__ import annotations

import hashlib
import math
import os
import subprocess
import sys
from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fastrank._kernels import class_terms


def total(values: list[float]) -> float:
    """Every fourth in a sum of its own, each sum rounded, as sum() of Python 3.12 does not."""
    lanes = [0.0] * 4
    for k, value in enumerate(values):
        lanes[k % 4] += value
    return (lanes[0] + lanes[1]) + (lanes[2] + lanes[3])


def lacking(scores: list[float], own: int) -> list[float]:
    return [max(0.0, 1 - z if k == own else 1 + z) for k, z in enumerate(scores)]


def squared_errors(scores: list[float], own: int) -> float:
    # Products: the C library's power of 2 may be a bit off.
    return total([(p - (k == own)) * (p - (k == own)) for k, p in enumerate(scores)])


def shares(scores: list[float]) -> list[float]:
    whole = total(scores)
    return [p / whole for p in scores]


def cross_entropy(scores: list[float], own: int) -> float:
    top = scores.index(max(scores))
    rest = total([0.0 if k == top else math.exp(z - scores[top]) for k, z in enumerate(scores)])
    return scores[top] - scores[own] + math.log1p(rest)


TERMS: dict[str, Callable[[list[float], int], float]] = {
    "total": lambda scores, _: total(scores),
    "own": lambda scores, own: scores[own],
    "own_share": lambda scores, own: shares(scores)[own],
    "margin": lambda scores, own: scores[own] - max([z for k, z in enumerate(scores) if k != own], default=-math.inf),
    "cross_entropy": cross_entropy,
    "squared_errors": squared_errors,
    "squared_errors_of_shares": lambda scores, own: squared_errors(shares(scores), own),
    "mean_hinge": lambda scores, own: total(lacking(scores, own)) / len(scores),
    "mean_squared_hinge": lambda scores, own: total([x * x for x in lacking(scores, own)]) / len(scores),
}


def rows(seed: int, count: int, classes: int, dtype: type) -> tuple[np.ndarray, np.ndarray]:
    """Positive scores with ties, and labels; neither may be written to."""
    rng = np.random.default_rng(seed)
    scores = (rng.integers(1, 40, (count, classes)) / 8 * rng.choice([1.0, 1 / 3, 1e-9], (count, 1))).astype(dtype)
    labels = rng.integers(0, classes, count).astype(np.int32)
    scores.flags.writeable = labels.flags.writeable = False
    return scores, labels


def test_every_term_is_here():
    assert set(TERMS) == set(class_terms.TERMS)


@pytest.mark.parametrize("name", TERMS)
@settings(max_examples=25, deadline=None)
@given(
    seed=st.integers(0, 2**32 - 1),
    count=st.integers(0, 9),
    classes=st.sampled_from([1, 2, 3, 4, 5, 8, 13, 2048, 2050]),
    dtype=st.sampled_from([np.float32, np.float64]),
)
def test_terms(name, seed, count, classes, dtype):
    scores, labels = rows(seed, count, classes, dtype)
    found = class_terms.class_terms(name, scores, labels)
    expected = [
        TERMS[name](row, own) for row, own in zip(scores.astype(np.float64).tolist(), labels.tolist(), strict=True)
    ]
    if name == "cross_entropy":
        np.testing.assert_allclose(found, expected, rtol=1e-12, atol=1e-300)
    else:
        assert found.tolist() == expected


def test_a_row_has_one_term_wherever_it_stands():
    for name in TERMS:
        scores, labels = rows(1, 3000, 5, np.float64)
        whole = class_terms.class_terms(name, scores, labels)
        for start, stop in ((1, 2), (7, 1900), (409, 3000)):
            part = class_terms.class_terms(name, scores[start:stop], labels[start:stop])
            assert part.tobytes() == whole[start:stop].tobytes()


def test_misfit_input():
    scores, labels = rows(1, 3, 2, np.float64)
    with pytest.raises(ValueError, match="2 labels of 3 rows"):
        class_terms.class_terms("own", scores, labels[:2])
    for label in (-1, 2):
        with pytest.raises(ValueError, match=r"outside 0\.\.1"):
            class_terms.class_terms("own", scores, np.full(3, label, np.int32))
    with pytest.raises(ValueError, match="not in tuple"):
        class_terms.class_terms("other", scores, labels)


def digest() -> str:
    """The bits of all terms."""
    whole = hashlib.sha256()
    for name in TERMS:
        for classes in (1, 2, 3, 7, 8, 10, 17, 100):
            for dtype in (np.float32, np.float64):
                whole.update(class_terms.class_terms(name, *rows(classes, 333, classes, dtype)).tobytes())
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
