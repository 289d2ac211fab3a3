"""What a metric says of one slice."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["Value"]


class Value(NamedTuple):
    """A value with what goes with it; None where it does not apply.

    `lower` and `upper` are certified bounds, `ci_lower` and `ci_upper` a confidence interval that was asked for;
    `clipped` and `skipped` are how many rows were clipped, or left out by a rule, `curve` what the value sums up;
    `undefined`: a number stands for NaN.
    """

    value: float
    lower: float | None = None
    upper: float | None = None
    clipped: int | None = None
    skipped: int | None = None
    curve: Mapping[str, Any] | None = None
    undefined: bool = False
    ci_lower: float | None = None
    ci_upper: float | None = None
