"""Where the rows of a batch came from, for the words of errors."""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass

__all__ = ["JoinedOrigin", "Origin"]


@dataclass(frozen=True, slots=True)
class Origin:
    """Where the first row of a batch came from.

    Attributes
    ----------
    file : str or None
        The path as it was given, or as a glob or folder expanded to it; None for rows in memory.
    row : int
        Number of the batch's first row within that file or table, from 0.
    """

    file: str | None
    row: int

    def describe(self, i: int) -> str:
        """Name row `i` of the batch, for example ``row 12 of clicks.parquet``; rows are counted from 0."""
        return f"row {self.row + i}" + (f" of {self.file}" if self.file is not None else "")


@dataclass(frozen=True, slots=True)
class JoinedOrigin(Origin):
    """Where the rows of a batch came from that was joined of several: `file` and `row` are of the first.

    Attributes
    ----------
    starts : tuple of int
        The first row in the joined batch of each of them.
    origins : tuple of Origin
        Where each of them came from.
    """

    starts: tuple[int, ...]
    origins: tuple[Origin, ...]

    def describe(self, i: int) -> str:
        part = bisect_right(self.starts, i) - 1
        return self.origins[part].describe(i - self.starts[part])
