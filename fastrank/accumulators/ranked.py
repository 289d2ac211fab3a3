"""What is kept of one measure of many ranked lists: sums, moments, extremes, or all values."""

from __future__ import annotations

import math
from abc import abstractmethod
from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from fastrank._kernels import elementary, exact_sum
from fastrank._kernels import ranked as ranked_lists
from fastrank.accumulators.base import Field, ListAccumulator
from fastrank.accumulators.sums import Sum, digits_to_fraction, special_value
from fastrank.errors import InvalidValueError
from fastrank.measures import MEASURES, measured
from fastrank.ranked import rank

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from fastrank.lists import Lists

__all__ = [
    "Counted",
    "ListExtremes",
    "ListMoments",
    "ListSums",
    "MeasuredLists",
    "ValueSums",
    "ValuedLists",
    "add_weights",
    "sum_of",
]

# Values below count as this in a geometric mean (trec_eval's MIN_GEO_MEAN).
LEAST_OF_GEOMETRIC = 1e-5
Options = tuple[tuple[str, Any], ...]


class Counted(NamedTuple):
    """The value of each list, whether it does not count, and its weight (None: 1), 0 where it does not."""

    values: NDArray[np.float64]
    absent: NDArray[np.bool_]
    weights: NDArray[np.float64] | None
    tallies: dict[str, NDArray[Any]]


class ValuedLists(ListAccumulator):
    """Base of what aggregates lists that have a value each."""

    def update(self, lists: Lists, slices: NDArray[np.int32] | None, split: NDArray[np.bool_] | None) -> None:
        """Evaluates each list and adds its value to its slice."""
        if lists.count == 0:
            return
        values, _, weights, tallies = self.count(lists)
        for name, counts in tallies.items():
            self._tally(name, slices, counts)
        if split is not None:
            self._tally("queries_split", slices, split)
        self.add(values, weights, slices)

    @abstractmethod
    def count(self, lists: Lists) -> Counted:
        """The value and the weight of each list, computed once for all slicings and aggregations."""

    @abstractmethod
    def add(
        self, values: NDArray[np.float64], weights: NDArray[np.float64] | None, slices: NDArray[np.int32] | None
    ) -> None:
        """Adds values to their slices; one of weight 0 is absent."""


@dataclass(eq=False)
class MeasuredLists(ValuedLists):
    """Base of what aggregates the values of a measure: the lists that count, and how many of each sort there are."""

    measure: str
    options: Options
    rules: Options
    no_relevant: str
    missing_query: str
    extra_query: str

    rows_unjudged = Field(np.int64)
    rows_not_retrieved = Field(np.int64)
    rows_duplicate = Field(np.int64)
    queries = Field(np.int64)
    queries_without_relevant = Field(np.int64)
    queries_missing = Field(np.int64)
    queries_extra = Field(np.int64)
    queries_tied = Field(np.int64)
    queries_split = Field(np.int64)

    @property
    def depth(self) -> int:
        """How many ranks the measure needs, 0 for all."""
        return MEASURES[self.measure].depth(dict(self.options))

    @property
    def in_order(self) -> bool:
        """Whether the rules, or the ideal, keep the order of the source."""
        rules, options = self.list_rules, dict(self.options)
        reads_more = any(options[role] is not None for role in MEASURES[self.measure].reads)
        return rules.in_order or options.get("idcg") == "label_order" or (rules.twins_in_order and reads_more)

    @property
    def reads(self) -> tuple[str, ...]:
        """Everything about a list."""
        return ("label", "score", "rank", "query", "query_weight", "item", *MEASURES[self.measure].reads)

    def count(self, lists: Lists) -> Counted:
        """The value and the weight of each list, computed once for all slicings and aggregations."""
        key = (
            "counted",
            self.measure,
            self.options,
            self.rules,
            self.no_relevant,
            self.missing_query,
            self.extra_query,
        )
        if key not in lists.derived:
            lists.derived[key] = self._count_lists(lists)
        result: Counted = lists.derived[key]
        return result

    def _count_lists(self, lists: Lists) -> Counted:
        ranked = rank(lists, self.list_rules)
        values, found = measured(lists, self.list_rules, self.measure, self.options)
        # Missing lists that do not count may have no weight.
        ignored = lists.missing is not None and self.missing_query == "skip"
        weights = None if ignored else lists.query_weights
        absent = np.zeros(lists.count, np.bool_)
        tallies: dict[str, NDArray[Any]] = {
            "rows": lists.sizes,
            "queries_tied": ranked.count_tied(self.depth),
        }
        tallies.update(lists.row_counts)
        if ranked.repeated is not None:
            tallies["rows_duplicate"] = ranked.repeated
        extra = ranked.unjudged_lists
        if found is not None and not found.all():
            found = found if extra is None else found | extra
            tallies["queries_without_relevant"] = ~found
            values, absent = self._settle(lists, values, found, absent)
        if extra is not None:
            self._refuse(lists, extra, "extra_query", "no row of it is judged")
            tallies["queries_extra"] = extra
            absent = absent | extra
        missing = ranked.missing
        if missing.any():
            self._refuse(lists, missing, "missing_query", "none of its rows is retrieved")
            tallies["queries_missing"] = missing
            if self.missing_query == "skip":
                absent = absent | missing
        tallies["queries"] = lists.ones if extra is None else ~extra
        if absent.any():
            weights = np.where(absent, 0.0, 1.0 if weights is None else weights)
        return Counted(values, absent, weights, tallies)

    def _settle(
        self, lists: Lists, values: NDArray[np.float64], found: NDArray[np.bool_], absent: NDArray[np.bool_]
    ) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
        """What lists without a relevant row count."""
        if self.no_relevant == "skip":
            return values, absent | ~found
        if self.no_relevant == "error":
            self._refuse(lists, ~found, "no_relevant", "no row of it is relevant")
        instead = {"one": 1.0, "nan": math.nan}.get(self.no_relevant, 0.0)
        return ranked_lists.replace(values, found.view(np.uint8), instead), absent

    def _refuse(self, lists: Lists, bad: NDArray[np.bool_], rule: str, what: str) -> None:
        if getattr(self, rule) == "error" and bad.any():
            raise InvalidValueError(
                f'{self.measure}: {lists.name(int(bad.argmax()))}: {what}; {rule}="error" allows none'
            )


@dataclass(frozen=True)
class ValueSums:
    """The sum of weighted values, and that of the weights."""

    values: Sum
    weight: Sum

    def aggregate(self, aggregation: str) -> float:
        """The mean, the sum, or the geometric mean where the values are logarithms."""
        if aggregation == "sum":
            one = Sum(Fraction(1), None, 0)
            return self.values.over(one)
        mean = self.values.over(self.weight)
        return math.exp(mean) if aggregation == "geometric" else mean


@dataclass(eq=False)
class ListSums(MeasuredLists):
    """The exact sum over queries of query weight times one measure of the ranked list, or its logarithm.

    Memory: about 1.2 KiB a slice.
    """

    kind = "list_sums"
    logarithm: bool = False

    digits = Field(np.int64, (exact_sum.DIGITS,), merge="digits")
    special = Field(np.int64, (exact_sum.SPECIALS,))
    weight_digits = Field(np.int64, (exact_sum.DIGITS,), merge="digits")

    def add(
        self, values: NDArray[np.float64], weights: NDArray[np.float64] | None, slices: NDArray[np.int32] | None
    ) -> None:
        """Adds values to their sums."""
        if self.logarithm:
            values = elementary.log(np.maximum(values, LEAST_OF_GEOMETRIC))
        exact_sum.add_values(values, weights, slices, self.digits, self.special)
        add_weights(weights, values.size, slices, self.weight_digits)

    def at(self, s: int) -> ValueSums:
        """The sums of slice s."""
        return ValueSums(sum_of(self.digits[s], self.special[s]), sum_of(self.weight_digits[s]))


def sum_of(digits: NDArray[np.int64], special: NDArray[np.int64] | None = None) -> Sum:
    """The sum of one slice."""
    return Sum(digits_to_fraction(digits), None if special is None else special_value(special), 0)


def add_weights(
    weights: NDArray[np.float64] | None, count: int, slices: NDArray[np.int32] | None, digits: NDArray[np.int64]
) -> None:
    """Adds the weights of values, each 1 where there are none, to their sums."""
    ones: NDArray[Any] | None = weights
    if ones is None:
        # The number of values is a term as exact as ones.
        ones = np.array([count], np.float64) if slices is None else np.ones(count, np.uint8)
    exact_sum.add_values(ones, None, slices, digits, np.zeros((len(digits), exact_sum.SPECIALS), np.int64))


@dataclass(frozen=True)
class ValueMoments:
    """The sums of weighted values and of their squares, and that of the weights."""

    values: Sum
    squares: Sum
    weight: Sum

    def aggregate(self, aggregation: str) -> float:
        """The standard deviation, of all queries (not of a sample)."""
        assert aggregation == "std"
        if self.weight.total == 0 or self.values.special is not None:
            return math.nan
        mean = self.values.total / self.weight.total
        # Squares of values below 2^-450 are rounded, so that the difference may fall below 0.
        return _square_root(max(Fraction(0), self.squares.total / self.weight.total - mean * mean))


def _square_root(value: Fraction) -> float:
    """The square root of an exact number, within 1 ulp."""
    shift = max(0, 128 - value.numerator.bit_length() + value.denominator.bit_length())
    shift += shift % 2
    return float(Fraction(math.isqrt(int(value * 2**shift)), 2 ** (shift // 2)))


@dataclass(eq=False)
class ListMoments(MeasuredLists):
    """The exact sums over queries of query weight times one measure of the ranked list, and times its square.

    Memory: about 1.8 KiB a slice.
    """

    kind = "list_moments"

    digits = Field(np.int64, (exact_sum.DIGITS,), merge="digits")
    special = Field(np.int64, (exact_sum.SPECIALS,))
    square_digits = Field(np.int64, (exact_sum.DIGITS,), merge="digits")
    weight_digits = Field(np.int64, (exact_sum.DIGITS,), merge="digits")

    def add(
        self, values: NDArray[np.float64], weights: NDArray[np.float64] | None, slices: NDArray[np.int32] | None
    ) -> None:
        """Adds values and their squares, each square as two exact terms.

        Values are multiples of 2^-481, so that these terms are exact, and at most 2^500.
        """
        large = np.isfinite(values) & (np.abs(values) > LARGEST_SQUARED)
        if large.any():
            raise InvalidValueError(
                f"{self.measure}: a query has the value {float(values[large][0])!r}, too large for its square; allowed "
                'with aggregation="std": values up to 2^500 in size'
            )
        tiny = np.abs(values) < LEAST_SQUARED
        values = np.where(tiny, (values + LEAST_SQUARED) - LEAST_SQUARED, values)
        exact_sum.add_values(values, weights, slices, self.digits, self.special)
        for part in _exact_squares(values):
            exact_sum.add_values(part, weights, slices, self.square_digits, self.special)
        add_weights(weights, values.size, slices, self.weight_digits)

    def at(self, s: int) -> ValueMoments:
        """The sums of slice s."""
        return ValueMoments(
            sum_of(self.digits[s], self.special[s]), sum_of(self.square_digits[s]), sum_of(self.weight_digits[s])
        )


SPLITTER = 2.0**27 + 1.0  # Dekker 1971
LEAST_SQUARED, LARGEST_SQUARED = 2.0**-428, 2.0**500


def _exact_squares(values: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Two float64 whose sum is the square of a value, for multiples of 2^-481 up to 2^500."""
    square = values * values
    scaled = SPLITTER * values
    high = scaled - (scaled - values)
    low = values - high
    return square, ((high * high - square) + 2.0 * high * low) + low * low


@dataclass(frozen=True)
class Extremes:
    """The least and the greatest value; infinite where there is none."""

    least: float
    greatest: float

    def aggregate(self, aggregation: str) -> float:
        """The one that is asked for."""
        value = self.least if aggregation == "min" else self.greatest
        return value if self.least <= self.greatest else math.nan


@dataclass(eq=False)
class ListExtremes(MeasuredLists):
    """The least and the greatest value of a measure over queries.

    Memory: 16 bytes a slice.
    """

    kind = "list_extremes"

    least = Field(np.float64, merge="min")
    greatest = Field(np.float64, merge="max")

    def add(
        self, values: NDArray[np.float64], weights: NDArray[np.float64] | None, slices: NDArray[np.int32] | None
    ) -> None:
        """Takes in values."""
        if weights is not None:
            values, slices = values[weights > 0], None if slices is None else slices[weights > 0]
        where = np.zeros(values.size, np.int32) if slices is None else slices
        values = values + 0.0  # so that -0.0 is 0.0
        with np.errstate(invalid="ignore"):  # a NaN makes both NaN
            np.minimum.at(self.least, where, values)
            np.maximum.at(self.greatest, where, values)

    def at(self, s: int) -> Extremes:
        """The extremes of slice s."""
        return Extremes(float(self.least[s]), float(self.greatest[s]))
