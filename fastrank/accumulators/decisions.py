"""The two classes on both sides of thresholds."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import accumulate
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from fastrank._kernels import decisions
from fastrank.accumulators.base import RowAccumulator
from fastrank.accumulators.binned import LARGEST_TABLE, add_words
from fastrank.errors import ParameterError
from fastrank.sweeps.base import COUNT, WEIGHT

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from fastrank.columns import Rows

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

    ragged = {"intervals": np.uint32, "high": np.uint64, "low": np.uint64}  # noqa: RUF012  (constant)
    ragged_widths = {"high": 2, "low": 2}  # noqa: RUF012  (constant)

    def __post_init__(self) -> None:
        super().__post_init__()
        # Integers of two words: rows, or weight in units of 2^-72; those below the first threshold come first.
        self._high: NDArray[np.uint64] = np.zeros((0, len(self.thresholds) + 1, 2), np.uint64)
        self._low = self._high.copy()

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
        if len(self._low) < slices:
            size = min(max(slices, 2 * len(self._low)), most)
            for name in ("_high", "_low"):
                room = np.zeros((size, intervals, 2), np.uint64)
                room[: len(self._low)] = getattr(self, name)
                setattr(self, name, room)

    def update(self, rows: Rows, slices: NDArray[np.int32] | None) -> None:
        """Adds each row to the interval of its score."""
        self.count_rows(rows, slices)
        scores, labels = rows["score"], rows["label"]
        cuts = _cuts(self.thresholds, self.strict, scores.dtype)
        high, low = self._high.reshape(-1), self._low.reshape(-1)
        if self.weighted:
            decisions.weigh_intervals(scores, labels, rows["weight"], cuts, slices, high, low)
        else:
            decisions.count_intervals(scores, labels, cuts, slices, low.view(np.int64))

    def ragged_arrays(self, s: int) -> dict[str, NDArray[Any]]:
        """The intervals that hold rows."""
        used = np.flatnonzero((self._high[s] | self._low[s]).any(axis=1))
        high, low = self._high[s][used], self._low[s][used]
        return {"intervals": used.astype(np.uint32), "high": high.reshape(-1), "low": low.reshape(-1)}

    def merge_ragged(self, s: int, arrays: dict[str, NDArray[Any]]) -> None:
        """Adds rows to intervals."""
        used = arrays["intervals"].astype(np.intp)
        more = (arrays["high"].reshape(-1, 2), arrays["low"].reshape(-1, 2))
        self._high[s][used], self._low[s][used] = add_words(self._high[s][used], self._low[s][used], *more)

    def at(self, s: int) -> Decisions:
        """The outcomes in slice s at each threshold."""
        words = zip(self._high[s].tolist(), self._low[s].tolist(), strict=True)
        negatives, positives = zip(
            *([(high << 64) + low for high, low in zip(*pair, strict=True)] for pair in words), strict=True
        )
        # What lies below each threshold; the last interval lies below none.
        *tn, all_negatives = accumulate(negatives)
        *fn, all_positives = accumulate(positives)
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
