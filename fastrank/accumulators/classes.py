"""What is kept of rows that have a score for each of several classes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple, Self

import numpy as np

from fastrank._kernels import class_terms, classes, exact_sum
from fastrank.accumulators.base import Field, RowAccumulator
from fastrank.accumulators.sums import ExactSum, Sum, digits_to_fraction
from fastrank.errors import InvalidValueError, ParameterError, StateMismatchError
from fastrank.sweeps.base import COUNT, WEIGHT

if TYPE_CHECKING:
    from fractions import Fraction

    from numpy.typing import NDArray

    from fastrank.columns import Rows

__all__ = ["ClassAccumulator", "ClassPairs", "ClassSum", "PairWeights", "SumOfClasses", "TopClassSum"]

# Bytes of the table of one accumulator, all slices together.
LARGEST_TABLE = 4 << 30


class ClassAccumulator(RowAccumulator):
    """Fed with a score for each class; there are as many classes in all rows."""

    classes = Field(np.int64, merge="same")

    @property
    def reads(self) -> tuple[str, ...]:
        """Class, scores and weight."""
        return ("label", "score", "weight")

    @property
    def class_count(self) -> int:
        """How many classes there are; 0 before the first row."""
        return int(self.classes[: self.slices].max(initial=0))

    def check_rows(self, rows: Rows) -> None:
        """InvalidValueError where there are more or fewer scores than in the rows before."""
        known = self.class_count
        if rows.count and known and rows.matrix("score").shape[1] != known:
            column = rows.row_set.domain("score")[0]
            raise InvalidValueError(
                f"column {column!r} (score): {rows.describe(0)} holds a list of {rows.matrix('score').shape[1]} "
                f"numbers; allowed: a list of {known} numbers, as the rows before"
            )

    def check_merge(self, other: Self) -> None:
        """StateMismatchError where the other has more or fewer classes."""
        mine, theirs = self.class_count, other.class_count
        if mine and theirs and mine != theirs:
            raise StateMismatchError(f"the scores are of {mine} classes here, of {theirs} classes there")

    def count_classes(self, rows: Rows, slices: NDArray[np.int32] | None) -> NDArray[Any]:
        """The scores, after their number is known in the slices of the rows."""
        scores = rows.matrix("score")
        self.state["classes"][0 if slices is None else slices] = scores.shape[1]
        return scores


@dataclass(eq=False)
class TopClassSum(ClassAccumulator):
    """The sum over rows of weight times the probability that the true class is among the k highest scores, over the
    orders of tied classes, and the sum of the weights; exact whatever the order of the rows.

    Memory: 1.1 KB a slice.
    """

    kind = "top_class_sum"
    k: int

    digits = Field(np.int64, (exact_sum.DIGITS,), merge="digits")
    weight_digits = Field(np.int64, (exact_sum.DIGITS,), merge="digits")

    def update(self, rows: Rows, slices: NDArray[np.int32] | None) -> None:
        """Adds the term of each row."""
        self.count_rows(rows, slices)
        if not rows.count:
            return
        shares, weights = (
            classes.top_shares(self.count_classes(rows, slices), rows["label"], self.k),
            rows.get("weight"),
        )
        finite = np.zeros((len(self.digits), exact_sum.SPECIALS), np.int64)  # no share is infinite or NaN
        exact_sum.add_values(shares, weights, slices, self.digits, finite)
        if weights is not None:
            exact_sum.add_values(weights, None, slices, self.weight_digits, finite)

    def at(self, s: int) -> Fraction | None:
        """The mean of slice s, None where it has no rows."""
        # Without weights every row weighs 1; with them, counted rows weigh more than 0.
        total = digits_to_fraction(self.weight_digits[s]) or int(self.rows[s])
        return digits_to_fraction(self.digits[s]) / total if total else None


class SumOfClasses(NamedTuple):
    """The sum of one slice, and how many classes there are, 0 where it has no rows."""

    sum: Sum
    classes: int


@dataclass(eq=False)
class ClassSum(ClassAccumulator, ExactSum):
    """The exact sum over rows of weight times a term of the scores of all classes.

    `of` says what becomes of these: a number of `class_terms.TERMS`.  `term` is "score", the number as it is, or a loss
    of `ExactSum`, for which the number is the score of a positive row.  Memory: 600 bytes a slice.
    """

    kind = "class_sum"
    version = 1
    of: str = ""

    def update(self, rows: Rows, slices: NDArray[np.int32] | None) -> None:
        """Adds the term of each row."""
        self.count_rows(rows, slices)
        if not rows.count:
            return
        scores, weights = self.count_classes(rows, slices), rows.get("weight")
        numbers = class_terms.class_terms(self.of, scores, rows["label"])
        if self.term == "score":
            exact_sum.add_values(numbers, weights, slices, self.digits, self.special)
        else:
            self._add_losses(numbers, np.ones(rows.count, np.uint8), weights, slices, scores.dtype)

    def at(self, s: int) -> SumOfClasses:  # type: ignore[override]
        """The sum of slice s."""
        return SumOfClasses(ExactSum.at(self, s), int(self.classes[s]))


class PairWeights(NamedTuple):
    """The weight of rows of each true class by predicted class, as Python integers in units of 2^unit."""

    weights: NDArray[np.object_]
    unit: int


@dataclass(eq=False)
class ClassPairs(ClassAccumulator):
    """How many rows, or what weight, each pair of a true and a predicted class has: the class of the highest score,
    the first of these where several have it.

    Memory: 8 bytes (16 with weights) for each pair and slice; at most 4 GiB.
    """

    kind = "class_pairs"
    weighted: bool = False

    ragged = {"pairs": np.uint64, "high": np.uint64, "low": np.uint64}  # noqa: RUF012  (constant)

    def __post_init__(self) -> None:
        super().__post_init__()
        # Counts need one word; weights are integers of two words, in units of 2^-72.
        self._low: NDArray[Any] = np.zeros((0, 0), np.uint64 if self.weighted else np.int64)
        self._high: NDArray[Any] = np.zeros((0, 0), np.uint64)

    def grow(self, slices: int) -> None:
        """Makes room for slices numbered below `slices`."""
        super().grow(slices)
        self._make_room()

    def _make_room(self) -> None:
        """A table for each slice, once it is known how many classes there are."""
        pairs = self.class_count**2
        if not pairs or len(self._low) >= self.slices:
            return
        most = LARGEST_TABLE // (pairs * (16 if self.weighted else 8))
        if self.slices > most:
            raise ParameterError(
                f"multiclass_confusion: tables of {self.class_count} x {self.class_count} classes of {self.slices} "
                f"slices take more than {LARGEST_TABLE >> 30} GiB, which hold {most}; take fewer slices (by=)"
            )
        size = min(max(self.slices, 2 * len(self._low)), most)
        for name, width in (("_low", pairs), ("_high", pairs if self.weighted else 0)):
            old = getattr(self, name)
            room = np.zeros((size, width), old.dtype)
            if len(old):
                room[: len(old)] = old
            setattr(self, name, room)

    def update(self, rows: Rows, slices: NDArray[np.int32] | None) -> None:
        """Counts each row."""
        self.count_rows(rows, slices)
        if not rows.count:
            return
        scores = self.count_classes(rows, slices)
        self._make_room()
        rest = rows["label"], scores.argmax(axis=1).astype(np.int32), scores.shape[1], slices
        if self.weighted:
            classes.weigh_pairs(*rest, rows["weight"], self._high.reshape(-1), self._low.reshape(-1))
        else:
            classes.count_pairs(*rest, self._low.reshape(-1))

    def _words(self, s: int) -> tuple[NDArray[np.uint64], NDArray[np.uint64]]:
        if not self.class_count:
            return np.empty(0, np.uint64), np.empty(0, np.uint64)
        self._make_room()
        low: NDArray[np.uint64] = self._low[s].view(np.uint64)
        return (self._high[s] if self.weighted else np.zeros_like(low)), low

    def ragged_arrays(self, s: int) -> dict[str, NDArray[Any]]:
        """The pairs that have rows."""
        high, low = self._words(s)
        used = np.flatnonzero(high | low)
        return {"pairs": used.astype(np.uint64), "high": high[used], "low": low[used]}

    def clear_ragged(self, s: int) -> None:
        """Makes the pairs of a slice hold nothing."""
        for words in self._words(s):
            words[:] = 0

    def merge_ragged(self, s: int, arrays: dict[str, NDArray[Any]]) -> None:
        """Adds counts."""
        pairs = arrays["pairs"]
        if not pairs.size:
            return
        if int(pairs[-1]) >= self.class_count**2:
            raise ValueError("a pair is of a class that is none")
        used = pairs.astype(np.intp)
        high, low = self._words(s)
        total = low[used] + arrays["low"]
        high[used] += arrays["high"] + (total < arrays["low"])
        low[used] = total

    def at(self, s: int) -> PairWeights:
        """The weights of slice s."""
        high, low = self._words(s)
        weights = (high.astype(object) << 64) + low.astype(object)
        shape = (self.class_count, self.class_count)
        return PairWeights(weights.reshape(shape), WEIGHT if self.weighted else COUNT)
