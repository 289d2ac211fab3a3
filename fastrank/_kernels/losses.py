"""Losses of regression: a point function each, one loop for all, compiled by Numba when first used.

A point function takes a label and a score, both float64, and returns the term of the row.
"""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any

import numba

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["LOSSES", "compiled"]

# Arrow's arrays are read-only; a signature that says so takes writable ones too, so nothing compiles twice.
_INPUT = numba.types.Array(numba.float64, 1, "C", readonly=True)
_OUTPUT = numba.types.Array(numba.float64, 1, "C")


def squared_error(label: float, score: float) -> float:
    """(score - label)^2"""
    difference = score - label
    return difference * difference


LOSSES: dict[str, Callable[[float, float], float]] = {"squared_error": squared_error}


@cache
def compiled(name: str) -> Callable[[Any, Any, Any], None]:
    """fill(labels, scores, terms): writes the loss of each row into terms."""
    point = numba.njit(error_model="numpy", inline="always")(LOSSES[name])

    @numba.njit([numba.void(_INPUT, _INPUT, _OUTPUT)], error_model="numpy", nogil=True)
    def fill(labels: Any, scores: Any, terms: Any) -> None:
        for i in range(terms.size):
            terms[i] = point(labels[i], scores[i])

    return fill
