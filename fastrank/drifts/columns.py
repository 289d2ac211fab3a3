"""What is counted of a column on both sides.

A numeric column is one state of scores by class, the rows of the reference being the negatives and the current ones the
positives: what compares the scores of two classes compares two samples.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from dataclasses import dataclass
from fractions import Fraction
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

from fastrank._kernels import exact_sum
from fastrank.accumulators import ScoreHistogram, ScoreRuns
from fastrank.accumulators.products import LEAST_VARIANCE
from fastrank.accumulators.sums import digits_to_fraction
from fastrank.buffers import buffer_view, is_id, null_mask
from fastrank.columns import RowSet
from fastrank.domains import NUMBER, Column, Domain, Unfit, floats
from fastrank.errors import ParameterError
from fastrank.metrics.scores import square_root
from fastrank.sweeps import BaselineBins, ClassDistance, Transport

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from fastrank.accumulators.scores import ScoreAccumulator
    from fastrank.columns import Rows

__all__ = ["BOUNDS", "DISTANCES", "CategoryColumn", "Cells", "Counted", "NumberColumn"]

DISTANCES = ("ks_distance", "wasserstein")
BOUNDS = tuple(f"{name}_{end}" for name in DISTANCES for end in ("lower", "upper"))


def _numbers(array: pa.Array) -> Column:
    """Floats, NaN in place of nulls; what float64 cannot hold is invalid."""
    # A column that holds nothing but nulls may have no other type.
    values, invalid = floats(array.cast(pa.float64()) if pa.types.is_null(array.type) else array)
    nulls = null_mask(array)
    if nulls is not None:
        values = np.where(nulls, values.dtype.type(np.nan), values)
        invalid = None if invalid is None else invalid & ~nulls
    return Column(values, invalid)


def _categories(array: pa.Array) -> Column:
    if pa.types.is_null(array.type):
        array = array.cast(pa.string())
    if not is_id(array.type):
        raise Unfit(CATEGORY.types)
    return Column(array, None)


VALUE = Domain("value, or null", NUMBER, "a number, or null or NaN, which is a null", _numbers)
CATEGORY = Domain(
    "category",
    "integer, float or decimal as numbers; integer, decimal, string, binary, bool, date, time, timestamp or dictionary "
    "as categories",
    "a category, or null",
    _categories,
)


class _Rows(dict[str, Any]):
    """Columns by role, as accumulators of rows read them."""

    counts = None

    @property
    def count(self) -> int:
        return int(self["score"].size)


@dataclass(frozen=True)
class Cells:
    """What each side has in each cell, of which the last is that of nulls, as exact numbers (rows, or their weight)."""

    names: list[Any]
    amounts: tuple[list[Fraction], list[Fraction]]

    @property
    def shares(self) -> tuple[list[float], list[float]]:
        """Each rounded once; NaN where a side has no rows."""
        first, second = ([float(x / total) if total else math.nan for x in side] for side, total in self._totals)
        return first, second

    @property
    def null_shares(self) -> tuple[float, float]:
        """The shares of nulls."""
        return self.shares[0][-1], self.shares[1][-1]

    @property
    def _totals(self) -> list[tuple[list[Fraction], Fraction]]:
        return [(side, sum(side, Fraction(0))) for side in self.amounts]


class _Spread:
    """The standard deviation of numbers, from exact sums of them and of their squares."""

    def __init__(self) -> None:
        self._digits = np.zeros((2, exact_sum.DIGITS), np.int64)
        self._special = np.zeros((2, exact_sum.SPECIALS), np.int64)

    def add(self, values: NDArray[np.floating], weights: NDArray[np.float64] | None) -> None:
        """Takes numbers."""
        exact_sum.add_values(values, weights, None, self._digits, self._special, 0)
        exact_sum.add_products(values, values, weights, None, self._digits, self._special, 1)

    def deviation(self, total: Fraction) -> float:
        """Of numbers of this total weight; NaN where one, or its square, is infinite, or where they hardly differ."""
        if not total or self._special.any():
            return math.nan
        mean, square = (digits_to_fraction(row) / total for row in self._digits)
        variance = square - mean * mean
        return square_root(variance)[0] if variance >= LEAST_VARIANCE else math.nan


class Counted(ABC):
    """What is counted of a column of either kind."""

    kind: str
    domain: Domain

    def __init__(self, name: str, roles: tuple[tuple[str, str, Domain], ...], where: Any, *, drop: bool) -> None:
        self.name = name
        self.row_set = RowSet((("value", name, self.domain), *roles), where, drop)
        self.rows = [0, 0]
        self.dropped = [0, 0]

    def add(self, rows: Rows, side: int) -> None:
        """Takes rows of a side."""
        weights = rows.get("weight")
        self.rows[side] += rows.count if weights is None else int(np.count_nonzero(weights))
        self.dropped[side] += 0 if rows.dropped is None else rows.dropped.size
        self._take(rows["value"], weights, side)

    @abstractmethod
    def _take(self, values: Any, weights: NDArray[np.float64] | None, side: int) -> None:
        """Adds values of a side."""

    @abstractmethod
    def cells(self) -> Cells:
        """What each side has in each cell."""

    def distances(self) -> dict[str, float | None]:
        """The distances that need an order of values; None where there is none."""
        return dict.fromkeys((*DISTANCES, *BOUNDS))


class NumberColumn(Counted):
    """The distribution of a numeric column on both sides."""

    kind = "numeric"
    domain = VALUE

    def __init__(self, *arguments: Any, bins: int, bits: int | None, normalize: bool = False, **options: Any) -> None:
        super().__init__(*arguments, **options)
        weighted = self.row_set.roles[-1][0] == "weight"
        self.bits = bits
        self.state: ScoreAccumulator = (
            ScoreRuns(weighted=weighted) if bits is None else ScoreHistogram(bits=bits, weighted=weighted)
        )
        self.state.grow(1)
        self.nulls = [Fraction(0), Fraction(0)]
        self._spread = _Spread() if normalize else None
        self._bins, self._far, self._transport = BaselineBins(bins), ClassDistance(), Transport()

    def _take(self, values: Any, weights: NDArray[np.float64] | None, side: int) -> None:
        null = np.isnan(values)
        if null.any():
            self.nulls[side] += _amount(null, weights)
            values, weights = values[~null], None if weights is None else weights[~null]
        rows = _Rows(score=values, label=np.full(values.size, side, np.uint8))
        if weights is not None:
            rows["weight"] = weights
        self.state.update(rows, None)  # type: ignore[arg-type]
        if self._spread is not None and side == 0:
            self._spread.add(values, weights)

    def finish(self) -> None:
        """Answers all that is asked of the distribution."""
        found = self.state.sweep(0, (self._bins, self._far, self._transport))
        self._bins, self._far, self._transport = (found[each] for each in (self._bins, self._far, self._transport))  # type: ignore[assignment]

    def cells(self) -> Cells:
        """The bins of the reference, by the values at which they end."""
        totals = self.state.totals(0)
        unit = Fraction(2) ** totals.unit
        ends = sorted(self._bins.found)
        amounts = []
        for side, total in enumerate(totals[:2]):
            within = [0, *(self._bins.found[end][side] for end in ends), total]
            amounts.append([(b - a) * unit for a, b in pairwise(within)] + [self.nulls[side]])
        return Cells([*ends, math.inf, None], (amounts[0], amounts[1]))

    def distances(self) -> dict[str, float | None]:
        """KS and Wasserstein, of values that are no nulls."""
        far, transport = self._far, self._transport
        if far.pairs == 0:
            return dict.fromkeys((*DISTANCES, *BOUNDS), math.nan)
        largest, most = (Fraction(distance, far.pairs) for distance in (far.at[0], max(far.at[0], far.most)))
        unit, off = self._unit, 0.0 if self.bits is None else transport.uncertainty
        found: dict[str, float | None] = {"ks_distance": float(largest), "wasserstein": transport.distance / unit}
        ends = {
            "ks_distance": (float(largest), float(most)),
            "wasserstein": (max(0.0, transport.distance - off) / unit, (transport.distance + off) / unit),
        }
        for name, (lower, upper) in ends.items():
            found[f"{name}_lower"], found[f"{name}_upper"] = lower, upper
        return found

    @property
    def _unit(self) -> float:
        """What the area between the distributions is measured in: 1, or the standard deviation of the reference."""
        if self._spread is None:
            return 1.0
        totals = self.state.totals(0)
        return self._spread.deviation(totals.negatives * Fraction(2) ** totals.unit) or math.nan


class CategoryColumn(Counted):
    """How often each value stands in a column on either side."""

    kind = "categorical"
    domain = CATEGORY

    def __init__(self, *arguments: Any, most: int, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self.most = most
        self.amounts: tuple[dict[Any, Fraction], dict[Any, Fraction]] = {}, {}

    def _take(self, values: Any, weights: NDArray[np.float64] | None, side: int) -> None:
        encoded = values.dictionary_encode("encode")
        codes = buffer_view(encoded.indices, np.int32)
        names = _python_values(encoded.dictionary)
        held = self.amounts[side]
        for name, amount in zip(names, _amounts(codes, len(names), weights), strict=True):
            if amount:
                held[name] = held.get(name, Fraction(0)) + amount
        if len(held) > self.most:
            raise ParameterError(
                f"column {self.name!r} has more than {self.most} categories; allowed: up to max_categories="
                f"{self.most}; a column of numbers is binned where categorical= does not name it"
            )

    def cells(self) -> Cells:
        """The values, in an order of their own."""
        names = {name for side in self.amounts for name in side if name is not None}
        order = [*sorted(names, key=lambda name: (str(type(name)), name)), None]
        first, second = ([side.get(name, Fraction(0)) for name in order] for side in self.amounts)
        return Cells(order, (first, second))

    @property
    def new(self) -> int:
        """How many values stand in the current rows only."""
        return len(self.amounts[1].keys() - self.amounts[0].keys() - {None})


def _amount(marked: NDArray[np.bool_], weights: NDArray[np.float64] | None) -> Fraction:
    """How many rows are marked, or their weight."""
    return _amounts((~marked).astype(np.int32), 1 if marked.all() else 2, weights)[0]


def _amounts(codes: NDArray[np.int32], count: int, weights: NDArray[np.float64] | None) -> list[Fraction]:
    """How many rows have each code, or their weight."""
    if weights is None:
        return [Fraction(n) for n in np.bincount(codes, minlength=count).tolist()]
    digits, special = np.zeros((count, exact_sum.DIGITS), np.int64), np.zeros((count, exact_sum.SPECIALS), np.int64)
    exact_sum.add_values(weights, None, codes, digits, special)
    return [digits_to_fraction(row) for row in digits]


def _python_values(array: pa.Array) -> list[Any]:
    """Values as Python has them; moments as text, which all of them have."""
    kind = array.type
    if pa.types.is_temporal(kind):
        array = array.cast(pa.string())
    return list(array.to_pylist())
