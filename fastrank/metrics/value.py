"""What a metric says of one slice."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["Value"]


class Value(NamedTuple):
    """A value, its certified bounds, what was counted, and the curve that it sums up; `undefined`: a number for NaN."""

    value: float
    lower: float | None = None
    upper: float | None = None
    clipped: int | None = None
    curve: Mapping[str, Any] | None = None
    undefined: bool = False
