"""The two classes on both sides of thresholds."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import accumulate
from typing import TYPE_CHECKING, Any, NamedTuple, Self

import numpy as np

from fastrank._kernels import cells, decisions
from fastrank._kernels import slices as slice_kernels
from fastrank.accumulators.base import RowAccumulator
from fastrank.errors import ParameterError
from fastrank.sweeps.base import COUNT, WEIGHT

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from fastrank.columns import Rows

# Bytes of the counts of one accumulator, all slices together.
LARGEST_TABLE = 4 << 30

__all__ = ["DecisionCounts", "Decisions", "Outcomes"]


class Outcomes(NamedTuple):
    """What the decisions at one threshold come to, as integers: the confusion matrix."""

    tp: int
    fp: int
    tn: int
    fn: int

    @property
    def positives(self) -> int:
        """Those whose label is 1."""
        return self.tp + self.fn

    @property
    def negatives(self) -> int:
        """Those whose label is 0."""
        return self.tn + self.fp


class Decisions(NamedTuple):
    """The outcomes at each threshold, by ascending threshold, in units of 2^unit."""

    outcomes: list[Outcomes]
    unit: int


@dataclass(eq=False)
class DecisionCounts(RowAccumulator):
    """Rows, or weight, of each class in the intervals between ascending thresholds; a score that equals a threshold is
    above it, or with `strict` below.

    Memory: 32 bytes a threshold and slice, and 32 more a slice; at most 4 GiB.
    """

    kind = "decision_counts"
    thresholds: tuple[float, ...]
    strict: bool = False
    weighted: bool = False

    ragged = {"intervals": np.uint32, "words": np.uint64}  # noqa: RUF012  (constant)

    def __post_init__(self) -> None:
        super().__post_init__()
        # By slice and interval, from below the first threshold on: negatives and positives, as counts or as weights of
        # two words in units of 2^-72.
        self._words: NDArray[np.uint64] = np.zeros((0, len(self.thresholds) + 1, 4 if self.weighted else 2), np.uint64)

    @property
    def ragged_widths(self) -> dict[str, int | None]:  # type: ignore[override]
        """How many words an interval has."""
        return {"words": self._words.shape[2]}

    @property
    def reads(self) -> tuple[str, ...]:
        """Score, class and weight."""
        return ("label", "score", "weight")

    def grow(self, slices: int) -> None:
        """Makes room for slices numbered below `slices`."""
        intervals = len(self.thresholds) + 1
        most = LARGEST_TABLE // (32 * intervals)
        if slices > most:
            raise ParameterError(
                f"counts at {len(self.thresholds)} thresholds of {slices} slices take more than "
                f"{LARGEST_TABLE >> 30} GiB, which hold {most} slices; take fewer thresholds, or fewer slices (by=)"
            )
        super().grow(slices)
        if len(self._words) < slices:
            room = np.zeros((min(max(slices, 2 * len(self._words)), most), *self._words.shape[1:]), np.uint64)
            room[: len(self._words)] = self._words
            self._words = room

    def update(self, rows: Rows, slices: NDArray[np.int32] | None) -> None:
        """Adds each row to the interval of its score."""
        self.count_rows(rows, slices)
        scores, labels = rows["score"], rows["label"]
        cuts, words = _cuts(self.thresholds, self.strict, scores.dtype), self._words.reshape(-1)
        if self.weighted:
            decisions.weigh_intervals(scores, labels, rows["weight"], cuts, slices, words)
        else:
            decisions.count_intervals(scores, labels, cuts, slices, words)

    def merge_ragged_slices(self, other: Self, numbers: NDArray[np.intp]) -> None:
        """Adds the intervals of all slices of another."""
        slice_kernels.add_tables(self._words, other._words[: other.slices], numbers)

    def clear_ragged(self, s: int) -> None:
        """Makes the intervals of a slice hold nothing."""
        self._words[s] = 0

    def ragged_arrays(self, s: int) -> dict[str, NDArray[Any]]:
        """The intervals that hold rows."""
        used = np.flatnonzero(self._words[s].any(axis=1))
        return {"intervals": used.astype(np.uint32), "words": self._words[s][used].reshape(-1)}

    def merge_ragged(self, s: int, arrays: dict[str, NDArray[Any]]) -> None:
        """Adds rows to intervals."""
        more = np.zeros_like(self._words[s])
        more[arrays["intervals"].astype(np.intp)] = arrays["words"].reshape(-1, more.shape[1])
        cells.add_table(self._words[s], more)

    def at(self, s: int) -> Decisions:
        """The outcomes in slice s at each threshold."""
        columns = self._words[s].T.tolist()
        if self.weighted:
            columns = [[(high << 64) + low for high, low in zip(*columns[j : j + 2], strict=True)] for j in (0, 2)]
        # What lies below each threshold; the last interval lies below none.
        *tn, all_negatives = accumulate(columns[0])
        *fn, all_positives = accumulate(columns[1])
        outcomes = [
            Outcomes(all_positives - missed, all_negatives - spared, spared, missed)
            for spared, missed in zip(tn, fn, strict=True)
        ]
        return Decisions(outcomes, WEIGHT if self.weighted else COUNT)


def _cuts(thresholds: tuple[float, ...], strict: bool, dtype: np.dtype[Any]) -> NDArray[np.floating[Any]]:
    """The least numbers of a type that are on the positive side of thresholds, so that scores of that type compare with
    them as their values do with the thresholds."""
    wide = np.array(thresholds, np.float64)
    with np.errstate(over="ignore", under="ignore"):  # past the last float32 lies infinity
        near = wide.astype(dtype)
        above = np.nextafter(near, dtype.type(np.inf))
    short = near <= wide if strict else near < wide
    cuts: NDArray[np.floating[Any]] = np.where(short, above, near)
    return cuts
