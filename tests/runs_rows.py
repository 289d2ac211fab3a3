"""Rows for the tests of kernels that sort scores."""

from __future__ import annotations

from typing import Any

import numpy as np
from hypothesis import strategies as st

AWKWARD = [0.0, -0.0, np.inf, -np.inf, 1e-45, -1e-45, 1e-40, -1e-40, 1e-38, 0.1, -0.1, 0.5, 0.25, 1.0, -1.0, 3e38]
WIDE_ONLY = [5e-324, -5e-324, 1e-310, 1e300, -1e300, 0.1 + 1e-16]


@st.composite
def row_lists(draw: Any, min_size: int = 0) -> Any:
    """(scores, labels, weights) of a float type, with many ties."""
    dtype = draw(st.sampled_from([np.float32, np.float64]))
    width = 32 if dtype is np.float32 else 64
    common = [float(np.float32(x)) for x in AWKWARD] + (WIDE_ONLY if width == 64 else [])
    score = st.sampled_from(common) | st.floats(allow_nan=False, width=width)
    weight = st.builds(lambda m, e: m * 2.0**e, st.integers(0, 3), st.integers(-20, 18))
    weight |= st.sampled_from([2.0**-72, 2.0**20])
    listed = draw(st.lists(st.tuples(score, st.integers(0, 1), weight), min_size=min_size, max_size=60))
    scores, labels, weights = zip(*listed, strict=True) if listed else ((), (), ())
    return np.array(scores, dtype), np.array(labels, np.uint8), np.array(weights, np.float64)


def click_log(rows: int, dtype: Any, seed: int = 0) -> Any:
    rng = np.random.default_rng(seed)
    scores = 1 / (1 + np.exp(2.8 - 0.8 * rng.normal(size=rows)))
    labels = (rng.random(rows) < scores).astype(np.uint8)
    weights = np.ldexp(rng.integers(0, 1 << 40, rows).astype(np.float64), rng.integers(-60, -20, rows))
    weights[::5] = 0.0
    return scores.astype(dtype), labels, weights


def columns(rows: int, dtype: Any) -> Any:
    """Kinds of score columns that take different ways through the sort."""
    rng = np.random.default_rng(5)
    clicks = click_log(rows, dtype)[0]
    awkward = np.array(AWKWARD, np.float64).astype(dtype)
    narrow = np.nextafter(dtype(0.5), dtype(1)) * np.ones(rows, dtype)
    narrow[::2] = 0.5
    skewed = clicks.copy()
    skewed[rng.random(rows) < 0.9] = dtype(0.03)
    patterns = np.frombuffer(rng.bytes(rows * np.dtype(dtype).itemsize), dtype).copy()
    return {
        "clicks": clicks,
        "normal": rng.normal(size=rows).astype(dtype),
        "rounded": clicks.round(2),
        "awkward": awkward[rng.integers(0, awkward.size, rows)],
        "constant": np.full(rows, 0.25, dtype),
        "two neighbours": narrow,
        "one part": (1 + rng.random(rows) * 2.0**-12).astype(dtype),
        "skewed": skewed,
        "ascending": np.sort(clicks),
        "descending": np.sort(clicks)[::-1].copy(),
        "any bits": np.where(np.isnan(patterns), dtype(1), patterns),
    }
