"""What a row of the table of benchmarks is made of."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from numpy.typing import NDArray

__all__ = ["Answer", "Arrays", "Case", "Contestant"]

Arrays = dict[str, "NDArray[Any]"]
Answer = float | list[float]
TOLERANCE = 1e-12


@dataclass(frozen=True)
class Contestant:
    """How somebody computes a metric, or several: `prepare` makes its input once, untimed; `run` is timed.

    `tolerance` is how far an answer may lie from the reference, relatively.
    """

    run: Callable[[Any], Answer]
    prepare: Callable[[Arrays], Any] = field(default=lambda arrays: arrays)
    tolerance: float = TOLERANCE
    largest: int | None = None  # rows beyond which it takes too long to be worth the wait
    needs: str | None = None  # a module that is not there everywhere


@dataclass(frozen=True)
class Case:
    """Metrics over data; the answers are compared with those of the contestant "numpy" on the same rows."""

    name: str
    data: Callable[[int], Arrays]
    contestants: Mapping[str, Contestant]

    @property
    def reference(self) -> Contestant:
        return self.contestants["numpy"]

    def rows(self, name: str, rows: int) -> int:
        """How many rows a contestant gets: as many as the reference can check, and it can stand."""
        largest = (self.contestants[name].largest, self.reference.largest)
        return min([rows, *(limit for limit in largest if limit is not None)])
