"""Seeded data for benchmarks: a click log with a low rate and skewed scores."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["LIST_ROWS", "clicks", "lists"]

LIST_ROWS = 100


@cache
def clicks(rows: int) -> dict[str, NDArray[Any]]:
    """label int8 (about 7 % ones) and score float32 (calibrated probabilities)."""
    generator = np.random.default_rng(1)
    score = 1 / (1 + np.exp(-generator.normal(-3.0, 1.0, rows)))
    label = generator.random(rows) < score
    return {"label": label.astype(np.int8), "score": score.astype(np.float32)}


@cache
def lists(rows: int) -> dict[str, NDArray[Any]]:
    """Queries of 100 rows each: label int8 (0 to 3, mostly 0), score float32, query int64."""
    generator = np.random.default_rng(2)
    queries = rows // LIST_ROWS
    score = generator.random((queries, LIST_ROWS)).astype(np.float32)
    relevant = generator.random((queries, LIST_ROWS)) < 0.15 * score
    label = relevant * generator.integers(1, 4, (queries, LIST_ROWS))
    return {
        "label": label.astype(np.int8).ravel(),
        "score": score.ravel(),
        "query": np.repeat(np.arange(queries), LIST_ROWS),
    }
