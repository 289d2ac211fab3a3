"""The values of a measure themselves, for what no sum can tell."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from fastrank.accumulators.ranked import MeasuredLists

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["ListValues"]

# A weight is a multiple of 2^-72, at most 2^20: three limbs of 31 bits hold it, and billions of them add up in 63 bits.
LIMB = 31
UNIT = -72
LIMBS = ("low", "middle", "high")
WAITING = 1 << 16


@dataclass(frozen=True)
class Distribution:
    """Distinct values, ascending, with the sum of the weights of each in units of 2^-72."""

    values: NDArray[np.float64]
    weights: list[int]

    def aggregate(self, aggregation: str) -> float:
        """The median: where half of the weight lies on each side of a gap, the mean of its two ends."""
        assert aggregation == "median"
        total = sum(self.weights)
        if total == 0 or math.isnan(float(self.values[-1])):
            return math.nan
        below = 0
        for i, weight in enumerate(self.weights):
            below += weight
            if 2 * below == total:
                return float(self.values[i] / 2 + self.values[i + 1] / 2)
            if 2 * below > total:
                return float(self.values[i])
        raise AssertionError("the weights do not reach their total")


def _limbs(weights: NDArray[np.float64]) -> list[NDArray[np.int64]]:
    scaled = np.ldexp(weights, -UNIT - 2 * LIMB)
    high = np.floor(scaled)
    rest = np.ldexp(scaled - high, LIMB)
    middle = np.floor(rest)
    return [part.astype(np.int64) for part in (np.ldexp(rest - middle, LIMB), middle, high)]


@dataclass(eq=False)
class ListValues(MeasuredLists):
    """All distinct values of a measure over queries, with the sum of the query weights of each.

    Memory grows with the number of distinct values: 32 bytes each.
    """

    kind = "list_values"

    ragged = {"values": np.float64, **dict.fromkeys(LIMBS, np.int64)}  # noqa: RUF012  (constant)

    def __post_init__(self) -> None:
        super().__post_init__()
        self._slices: list[list[dict[str, NDArray[Any]]]] = []

    def grow(self, slices: int) -> None:
        """Makes room for slices numbered below `slices`."""
        super().grow(slices)
        self._slices.extend([] for _ in range(slices - len(self._slices)))

    def add(
        self, values: NDArray[np.float64], weights: NDArray[np.float64] | None, slices: NDArray[np.int32] | None
    ) -> None:
        """Takes in values."""
        weights = np.ones(values.size) if weights is None else weights
        present = weights > 0
        columns = [(values + 0.0)[present], *_limbs(weights[present])]
        if slices is None or not columns[0].size:
            self._append(0, columns)
            return
        slices = slices[present]
        by_slice = np.argsort(slices, kind="stable")
        numbers, starts = np.unique(slices[by_slice], return_index=True)
        for number, rows in zip(numbers.tolist(), np.split(by_slice, starts[1:]), strict=True):
            self._append(number, [column[rows] for column in columns])

    def _append(self, s: int, columns: list[NDArray[Any]]) -> None:
        if columns[0].size:
            self._slices[s].append(dict(zip(self.ragged, columns, strict=True)))
            sizes = [part["values"].size for part in self._slices[s]]
            if sum(sizes[1:]) > max(WAITING, sizes[0]):
                self._compact(s)

    def _compact(self, s: int) -> None:
        """Adds up what was taken in since the last time."""
        parts = self._slices[s]
        if not parts:
            return
        columns = {name: np.concatenate([part[name] for part in parts]) for name in self.ragged}
        values, places = np.unique(columns["values"], return_inverse=True)
        result: dict[str, NDArray[Any]] = {"values": values}
        carry = np.zeros(values.size, np.int64)
        for name in LIMBS:
            limb = carry.copy()
            np.add.at(limb, places, columns[name])
            carry = limb >> LIMB if name != "high" else np.zeros_like(limb)
            result[name] = limb - (carry << LIMB)
        self._slices[s] = [result]

    def ragged_arrays(self, s: int) -> dict[str, NDArray[Any]]:
        """The distinct values."""
        self._compact(s)
        if not self._slices[s]:
            return {name: np.empty(0, dtype) for name, dtype in self.ragged.items()}
        return self._slices[s][0]

    def merge_ragged(self, s: int, arrays: dict[str, NDArray[Any]]) -> None:
        """Adds values."""
        self._append(s, [arrays[name] for name in self.ragged])

    def at(self, s: int) -> Distribution:
        """The values of slice s."""
        arrays = self.ragged_arrays(s)
        limbs = zip(*(arrays[name].tolist() for name in LIMBS), strict=True)
        weights = [low + (middle << LIMB) + (high << 2 * LIMB) for low, middle, high in limbs]
        return Distribution(arrays["values"], weights)
