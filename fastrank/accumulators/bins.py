"""Sums of scores and labels by bin of the score."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any, NamedTuple, Self

import numpy as np

from fastrank._kernels import bins as kernels
from fastrank._kernels import cells, exact_sum
from fastrank._kernels import slices as slice_kernels
from fastrank.accumulators.base import RowAccumulator, parts_of
from fastrank.accumulators.classes import ClassAccumulator
from fastrank.errors import ParameterError

if TYPE_CHECKING:
    from numpy.typing import DTypeLike, NDArray

    from fastrank.columns import Rows
    from fastrank.sweeps import EqualMassBins

# Bytes of the tables of one accumulator.
LARGEST_TABLE = 4 << 30
# Sums are integers in units of 2^UNIT.
UNIT = -1074
WEIGHT_UNIT = -72

__all__ = ["BinSums", "Bins", "ClassBins", "ScoreBins", "equal_mass_sums"]


class BinSums(NamedTuple):
    """What the rows of each bin come to: their number, and as exact integers in units of 2^-1074 their weight, that of
    positives among them, and the sum of weight times score; with the ends of the bins.  Numbers are None where only
    weights are known."""

    counts: list[int] | None
    weights: list[int]
    positives: list[int]
    scores: list[int]
    lower: list[float]
    upper: list[float]


def equal_mass_sums(sweep: EqualMassBins) -> BinSums:
    """The sums of bins of equal mass, each of which reaches from above the one before up to its own highest score."""
    found, shift = sweep.found, sweep.totals.unit - UNIT
    highest = [each.highest for each in found]
    return BinSums(
        None if sweep.totals.unit else [each.negatives + each.positives for each in found],
        [(each.negatives + each.positives) << shift for each in found],
        [each.positives << shift for each in found],
        integers(np.array([each.digits for each in found], np.int64).reshape(-1, exact_sum.DIGITS)),
        [each.lowest for each in found[:1]] + highest[:-1],
        highest,
    )


@dataclass(frozen=True)
class Bins:
    """Bins of scores from 0 to 1: so many of equal width, i / n to (i + 1) / n, or between inner edges that ascend.

    Each holds its lower end ("left") or its upper one ("right"); the first and the last hold both.  `one_apart` gives
    scores of exactly 1 a bin of their own.
    """

    edges: int | tuple[float, ...]
    closed: str = "left"
    one_apart: bool = False

    @property
    def ends(self) -> list[float]:
        """The ends of all bins."""
        n = self.edges
        inner = [i / n for i in range(1, n)] if isinstance(n, int) else list(n)
        return [0.0, *inner, 1.0, *([1.0] if self.one_apart else [])]

    @property
    def count(self) -> int:
        """How many bins there are."""
        return (self.edges if isinstance(self.edges, int) else len(self.edges) + 1) + self.one_apart


@lru_cache(maxsize=16)
def _as_kernel(bins: Bins) -> kernels.Bins:
    """The bins as the kernel takes them."""
    return kernels.Bins(bins.ends[1:-1], bins.edges if isinstance(bins.edges, int) else 0, bins.closed == "right")


class _Table:
    """The sums of many slices."""

    def __init__(self, bins: Bins, weighted: bool) -> None:
        self._bins = bins
        self.counts = np.zeros((0, bins.count, 2), np.uint64)
        self.weights = np.zeros((0, bins.count, 4), np.uint64) if weighted else None
        self.digits = np.zeros((0, bins.count, exact_sum.DIGITS), np.int64)
        self._rows = 0

    def grow(self, slices: int) -> None:
        """Makes room for slices numbered below `slices`, twice as much as there was."""
        held = len(self.counts)
        if slices <= held:
            return
        bins = self._bins.count
        most = LARGEST_TABLE // (bins * 8 * (exact_sum.DIGITS + 6))
        if slices > most:
            raise ParameterError(
                f"{bins} bins of {slices} slices take more than {LARGEST_TABLE >> 30} GiB, which hold {most} slices; "
                "take fewer bins, or fewer slices (by=, or classes)"
            )
        size = min(max(slices, 2 * held), most)
        self.counts, self.digits = _grown(self.counts, size), _grown(self.digits, size)
        if self.weights is not None:
            self.weights = _grown(self.weights, size)

    def add(
        self,
        scores: NDArray[np.floating[Any]],
        labels: NDArray[np.uint8],
        weights: NDArray[np.float64] | None,
        slices: NDArray[np.int32] | None,
    ) -> None:
        """Adds each row to the bin of its score."""
        for start in range(0, len(scores), kernels.MOST_ROWS):
            part = slice(start, start + kernels.MOST_ROWS)
            here = scores[part]
            if self._rows + len(here) > kernels.MOST_ROWS:
                self._carry()
            self._rows += len(here)
            kernels.add_rows(
                here,
                labels[part],
                None if self.weights is None or weights is None else weights[part],
                None if slices is None else slices[part],
                _as_kernel(self._bins),
                self.counts,
                self.weights,
                self.digits,
            )

    def _carry(self) -> None:
        """Makes digits canonical."""
        if self._rows:
            exact_sum.carry(self.digits.reshape(-1, exact_sum.DIGITS))
            self._rows = 0

    def merge(self, other: _Table, numbers: NDArray[np.intp], size: int) -> None:
        """Adds the first `size` slices of another; its slice s is part of this one's slice numbers[s], if that is not
        below 0."""
        self._carry()
        other._carry()
        slice_kernels.add_tables(self.counts, other.counts[:size], numbers)
        if self.weights is not None and other.weights is not None:
            slice_kernels.add_tables(self.weights, other.weights[:size], numbers)
        width = self._bins.count * exact_sum.DIGITS
        slice_kernels.add_sums(self.digits.reshape(-1, width), other.digits[:size].reshape(-1, width), numbers)
        exact_sum.carry(self.digits.reshape(-1, exact_sum.DIGITS))

    def clear(self, first: int, size: int) -> None:
        """Makes `size` slices from the first on hold nothing."""
        self._carry()
        for table in (self.counts, self.weights, self.digits):
            if table is not None:
                table[first : first + size] = 0

    @property
    def ragged(self) -> dict[str, DTypeLike]:
        """The bins that hold rows, their counts, weights and digits."""
        weights = {} if self.weights is None else {"weights": np.uint64}
        return {"bins": np.int64, "counts": np.uint64, **weights, "digits": np.int64}

    @property
    def widths(self) -> dict[str, int | None]:
        """How many words of each a bin has."""
        weights = {} if self.weights is None else {"weights": 4}
        return {"counts": 2, **weights, "digits": exact_sum.DIGITS}

    def arrays(self, first: int, size: int) -> dict[str, NDArray[Any]]:
        """What `size` slices from the first on hold, their bins numbered through."""
        self._carry()
        tables = {"counts": self.counts, "weights": self.weights, "digits": self.digits}
        flat = {
            name: table[first : first + size].reshape(-1, table.shape[2])
            for name, table in tables.items()
            if table is not None
        }
        used = np.flatnonzero(flat["counts"].any(axis=1))
        return {"bins": used, **{name: table[used].reshape(-1) for name, table in flat.items()}}

    def add_arrays(self, first: int, size: int, arrays: dict[str, NDArray[Any]]) -> None:
        """Adds what `arrays` gave."""
        bins = arrays["bins"]
        if not bins.size:
            return
        if bins[0] < 0 or bins[-1] >= size * self._bins.count:
            raise ValueError("a bin lies outside the bins there are")
        if (arrays["digits"] < 0).any() or (arrays["digits"] >> 32).any():
            raise ValueError("the digits of a bin are no sum of scores")
        self._carry()
        part = slice(first, first + size)
        self.counts[part].reshape(-1, 2)[bins] += arrays["counts"].reshape(-1, 2)
        if self.weights is not None:
            words = arrays["weights"].reshape(-1, 4)
            cells.add_cells(self.weights[part].reshape(-1, 4), bins.astype(np.uint64), words)
        digits = self.digits[part].reshape(-1, exact_sum.DIGITS)
        total = digits[bins] + arrays["digits"].reshape(-1, exact_sum.DIGITS)
        exact_sum.carry(total)
        digits[bins] = total

    def sums(self, s: int) -> BinSums:
        """The sums of a slice."""
        self._carry()
        ends, counts = self._bins.ends, self.counts[s].tolist()
        if self.weights is None:
            weights, unit = counts, 0
        else:
            words = self.weights[s].tolist()
            weights = [[(a << 64) + b, (c << 64) + d] for a, b, c, d in words]
            unit = WEIGHT_UNIT
        return BinSums(
            [sum(each) for each in counts],
            [sum(each) << (unit - UNIT) for each in weights],
            [positives << (unit - UNIT) for _, positives in weights],
            integers(self.digits[s]),
            ends[:-1],
            ends[1:],
        )


def _grown(table: NDArray[Any], size: int) -> NDArray[Any]:
    room = np.zeros((size, *table.shape[1:]), table.dtype)
    room[: len(table)] = table
    return room


def integers(digits: NDArray[np.int64]) -> list[int]:
    """Sums of no negative terms, of carried digits, as integers in units of 2^-1074."""
    words = np.ascontiguousarray(digits).astype("<u4")
    return [int.from_bytes(row.tobytes(), "little") for row in words]


class _Binned(RowAccumulator):
    """What accumulators share whose state is a table of bins."""

    edges: int | tuple[float, ...]
    closed: str
    one_apart: bool
    weighted: bool

    def __post_init__(self) -> None:
        super().__post_init__()
        self._table = _Table(Bins(self.edges, self.closed, self.one_apart), self.weighted)

    @property
    def ragged(self) -> dict[str, DTypeLike]:  # type: ignore[override]
        """The bins that hold rows, and their sums; of classes, those of each after the other."""
        return self._table.ragged

    @property
    def ragged_widths(self) -> dict[str, int | None]:  # type: ignore[override]
        """How many words a bin has."""
        return self._table.widths


@dataclass(eq=False)
class ScoreBins(_Binned):
    """Of the rows of each bin of scores in [0, 1]: their number and weight by class, and the exact sum of weight times
    score.  With `decided` the score is that of the likelier class, max(p, 1 - p), and rows of which that is the class
    are the positives; 1/2 stands for positive.  What a product of weight and score has below 2^-1074 is lost.

    Memory: 560 bytes (592 with weights) a bin and slice; at most 4 GiB.
    """

    kind = "score_bins"
    edges: int | tuple[float, ...]
    closed: str = "left"
    one_apart: bool = False
    decided: bool = False
    weighted: bool = False

    @property
    def reads(self) -> tuple[str, ...]:
        """Score, class and weight."""
        return ("label", "score", "weight")

    def grow(self, slices: int) -> None:
        """Makes room for slices numbered below `slices`."""
        super().grow(slices)
        self._table.grow(slices)

    def update(self, rows: Rows, slices: NDArray[np.int32] | None) -> None:
        """Adds each row to the bin of its score."""
        self.count_rows(rows, slices)
        scores, labels = rows["score"], rows["label"]
        if self.decided:
            p = scores.astype(np.float64)
            positive = p >= 0.5
            scores, labels = np.where(positive, p, 1.0 - p), (positive == (labels == 1)).view(np.uint8)
        self._table.add(scores, labels, rows.get("weight"), slices)

    def merge_ragged_slices(self, other: Self, numbers: NDArray[np.intp]) -> None:
        """Adds the bins of all slices of another."""
        self._table.merge(other._table, numbers, other.slices)

    def clear_ragged(self, s: int) -> None:
        """Makes the bins of a slice hold nothing."""
        self._table.clear(s, 1)

    def ragged_arrays(self, s: int) -> dict[str, NDArray[Any]]:
        """The bins that hold rows."""
        return self._table.arrays(s, 1)

    def merge_ragged(self, s: int, arrays: dict[str, NDArray[Any]]) -> None:
        """Adds bins."""
        self._table.add_arrays(s, 1, arrays)

    def at(self, s: int) -> list[BinSums]:
        """The sums of slice s, alone in a list."""
        return [self._table.sums(s)]


@dataclass(eq=False)
class ClassBins(_Binned, ClassAccumulator):
    """The same of scores of several classes.  `of` says of which: "top", the highest score of each row (the first of
    those), whose class is the true one in positive rows; "each", every score, by class, whose own rows are positive.

    Memory: 560 bytes (592 with weights) a bin and slice, and class ("each"); at most 4 GiB.
    """

    kind = "class_bins"
    edges: int | tuple[float, ...]
    closed: str = "left"
    one_apart: bool = False
    of: str = "top"
    weighted: bool = False

    @property
    def _parts(self) -> int:
        """How many tables a slice has."""
        return 1 if self.of == "top" else self.class_count

    def grow(self, slices: int) -> None:
        """Makes room for slices numbered below `slices`."""
        super().grow(slices)
        self._table.grow(slices * self._parts)

    def update(self, rows: Rows, slices: NDArray[np.int32] | None) -> None:
        """Adds the scores of each row to their bins."""
        self.count_rows(rows, slices)
        if not rows.count:
            return
        scores, labels, weights = self.count_classes(rows, slices), rows["label"], rows.get("weight")
        self.grow(self.slices)
        if self.of == "top":
            top = scores.argmax(axis=1)
            highest = np.take_along_axis(scores, top[:, None], axis=1)[:, 0]
            self._table.add(highest, (top == labels).view(np.uint8), weights, slices)
            return
        for k in range(scores.shape[1]):
            numbers = np.full(len(labels), k) if slices is None else slices * np.int32(self._parts) + k
            own = (labels == k).view(np.uint8)
            self._table.add(np.ascontiguousarray(scores[:, k]), own, weights, numbers.astype(np.int32))

    def merge_ragged_slices(self, other: Self, numbers: NDArray[np.intp]) -> None:
        """Adds the bins of all slices of another."""
        self.grow(self.slices)
        other.grow(other.slices)
        # That which has seen no row does not know how many classes there are.
        places = parts_of(numbers, other._parts)
        self._table.merge(other._table, places, len(places))

    def clear_ragged(self, s: int) -> None:
        """Makes the bins of a slice hold nothing."""
        self.grow(self.slices)
        self._table.clear(s * self._parts, self._parts)

    def ragged_arrays(self, s: int) -> dict[str, NDArray[Any]]:
        """The bins that hold rows."""
        self.grow(self.slices)
        return self._table.arrays(s * self._parts, self._parts)

    def merge_ragged(self, s: int, arrays: dict[str, NDArray[Any]]) -> None:
        """Adds bins."""
        self.grow(self.slices)
        self._table.add_arrays(s * self._parts, self._parts, arrays)

    def at(self, s: int) -> list[BinSums]:
        """The sums of slice s, by class."""
        self.grow(self.slices)
        return [self._table.sums(s * self._parts + k) for k in range(self._parts)]
