"""The values of slice columns, as numbers: of one column, and of pairs of columns."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from fastrank._kernels import slices as kernels
from fastrank.buffers import buffer_view, is_id, null_mask, plain, to_arrow
from fastrank.errors import ColumnTypeError
from fastrank.ids import plain_ids

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["PairNumbers", "SliceColumn"]

# Tables of at most so many numbers take the place of hashing; the caches hold them.
LARGEST_TABLE = 1 << 20


class SliceColumn:
    """The distinct values of a slice column, numbered in the order in which they came; null is one of them."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.values: pa.Array = pa.nulls(0)
        # The last dictionary, and the numbers of its values: batches of a row group share theirs.
        self._dictionary: tuple[pa.Array, NDArray[np.int32]] | None = None
        # Numbers of integers from `_low` on, where they lie close together.
        self._low = 0
        self._table: NDArray[np.int32] | None = np.empty(0, np.int32)

    @property
    def type(self) -> pa.DataType:
        """The type of its values; null until there is one."""
        return self.values.type

    def check_type(self, array: pa.Array) -> None:
        """ColumnTypeError where an array cannot be the next part of the column."""
        start = plain(array.slice(0, 0))
        if not is_id(start.type):
            raise ColumnTypeError(
                f"column {self.name!r} (by) is of type {array.type}; allowed: integer, string, binary, bool, date, "
                "time, timestamp, decimal, or a dictionary of these"
            )
        kind = plain_ids(start).type
        if kind != self.type and not pa.types.is_null(kind) and not pa.types.is_null(self.type):
            raise ColumnTypeError(
                f"column {self.name!r} (by) is of type {kind}, but was of type {self.type} before; a slice column "
                "has one type in all batches and states"
            )

    def table(self, array: pa.Array) -> tuple[NDArray[np.integer], int, NDArray[np.int32]] | None:
        """(integers, the least, numbers): the number of the value of each row is that of its integer, from the least
        on, as far as there is one yet.  None where it takes more to find it."""
        if isinstance(array.type, pa.BaseExtensionType):
            array = array.storage
        if array.null_count or pa.types.is_run_end_encoded(array.type):
            return None
        if pa.types.is_integer(array.type) and self._table is not None:
            return buffer_view(array, np.dtype(str(array.type)).type), self._low, self._table
        if self._dictionary is None or not pa.types.is_dictionary(array.type):
            return None
        dictionary, numbers = self._dictionary
        indices = array.indices
        if not dictionary.equals(array.dictionary):
            return None
        return buffer_view(indices, np.dtype(str(indices.type)).type), 0, numbers

    def codes(self, array: pa.Array) -> NDArray[np.int32]:
        """The number of the value of each row."""
        if isinstance(array.type, pa.BaseExtensionType):
            array = array.storage
        if pa.types.is_run_end_encoded(array.type):
            runs = pa.RunEndEncodedArray.from_arrays(array.run_ends, to_arrow(self.codes(array.values)))
            return buffer_view(pc.run_end_decode(runs.slice(array.offset, len(array))), np.int32)
        if pa.types.is_dictionary(array.type) and len(array.dictionary) <= len(array):
            return self._codes_of_dictionary(array)
        array = plain(array)
        if pa.types.is_integer(array.type) and self._table is not None and not array.null_count:
            codes = self._codes_of_integers(array)
            if codes is not None:
                return codes
        return self._codes_of_dictionary(plain_ids(array).dictionary_encode(null_encoding="encode"))

    def _codes_of_integers(self, array: pa.Array) -> NDArray[np.int32] | None:
        """The same of integers; None where their range is too wide for a table."""
        values = buffer_view(array, np.dtype(str(array.type)).type)
        for _ in range(2):
            assert self._table is not None
            codes, missing = kernels.look_up(values, self._low, self._table)
            if missing < 0:
                return codes
            self.numbers(plain_ids(pc.unique(array.slice(missing))))
            if not self._make_table():
                break
        return None

    def _make_table(self) -> bool:
        """The numbers of the integers there are, by their distance from the least; whether that is small enough."""
        known = self.values.drop_null()
        integers = buffer_view(known, np.dtype(str(known.type)).type)
        low, high = int(integers.min()), int(integers.max())
        if high - low >= LARGEST_TABLE or high > np.iinfo(np.int64).max:
            self._table = None
            return False
        places = (integers - integers.dtype.type(low)).astype(np.intp)
        self._low, self._table = low, np.full(high - low + 1, -1, np.int32)
        self._table[places] = np.flatnonzero(~_nulls(self.values))
        return True

    def _codes_of_dictionary(self, array: pa.DictionaryArray) -> NDArray[np.int32]:
        dictionary, indices = array.dictionary, array.indices
        if self._dictionary is None or not self._dictionary[0].equals(dictionary):
            self._dictionary = dictionary, self.numbers(plain_ids(dictionary))
        numbers, missing = self._dictionary[1], null_mask(indices)
        places = buffer_view(indices, np.dtype(str(indices.type)).type)
        if missing is None:
            return kernels.look_up(places, 0, numbers)[0]
        null = self.numbers(pa.nulls(1))[0]
        if not numbers.size:
            return np.full(len(array), null, np.int32)
        codes = kernels.look_up(np.where(missing, places.dtype.type(0), places), 0, numbers)[0]
        codes[missing] = null
        return codes

    def numbers(self, values: pa.Array) -> NDArray[np.int32]:
        """The numbers of values of a plain type; new ones where they were never seen."""
        if pa.types.is_null(self.type):
            self.values = self.values.cast(values.type)
        values = values.cast(self.type)
        found = self._find(values)
        if found.null_count:
            self.values = pa.concat_arrays([self.values, pc.unique(values.filter(found.is_null()))])
            found = self._find(values)
        numbers: NDArray[np.int32] = buffer_view(found, np.int32)
        return numbers

    def _find(self, values: pa.Array) -> pa.Array:
        return pc.index_in(values, value_set=self.values, skip_nulls=False)

    def take(self, codes: NDArray[np.int32]) -> pa.Array:
        """The values of numbers; null for a number below 0."""
        if not len(self.values):
            return pa.nulls(len(codes), self.type)
        return self.values.take(to_arrow(codes, codes < 0))

    def ranks(self) -> NDArray[np.int64]:
        """The place of each value among them all in ascending order, nulls last."""
        ranks = np.empty(len(self.values), np.int64)
        ranks[buffer_view(pc.sort_indices(self.values), np.uint64).astype(np.intp)] = np.arange(ranks.size)
        return ranks


def _nulls(array: pa.Array) -> NDArray[np.bool_]:
    mask = null_mask(array)
    return np.zeros(len(array), bool) if mask is None else mask


class PairNumbers:
    """Pairs of numbers from 0 on, numbered in the order in which they came."""

    def __init__(self) -> None:
        self._bits = 0  # of the second number
        self._pairs: list[tuple[int, int]] = []
        self._numbers: dict[tuple[int, int], int] = {}
        self._table = np.empty(0, np.int32)

    def __getitem__(self, number: int) -> tuple[int, int]:
        return self._pairs[number]

    @property
    def count(self) -> int:
        """How many pairs there are."""
        return len(self._pairs)

    def codes(self, first: NDArray[np.int32], second: NDArray[np.int32], sizes: tuple[int, int]) -> NDArray[np.int32]:
        """The number of the pair of each row; `sizes` are above all numbers."""
        bits = max(1, (sizes[1] - 1).bit_length())
        rows = 1 << max(1, (sizes[0] - 1).bit_length())
        if rows << bits > LARGEST_TABLE:
            distinct, places = np.unique(first.astype(np.int64) << bits | second, return_inverse=True)
            codes: NDArray[np.int32] = self._add(distinct, bits)[places]
            return codes
        if rows << bits != self._table.size or bits != self._bits:
            self._bits, self._table = bits, np.full(rows << bits, -1, np.int32)
            for number, (a, b) in enumerate(self._pairs):
                self._table[a << bits | b] = number
        pairs = first << np.int32(bits) | second
        codes, missing = kernels.look_up(pairs, 0, self._table)
        if missing >= 0:
            distinct = np.unique(pairs[missing:])
            self._table[distinct] = self._add(distinct, bits)
            codes, _ = kernels.look_up(pairs, 0, self._table)
        return codes

    def _add(self, pairs: NDArray[np.integer], bits: int) -> NDArray[np.int32]:
        """The numbers of distinct pairs, of which new ones get the next."""
        numbers = []
        for pair in zip((pairs >> bits).tolist(), (pairs & ((1 << bits) - 1)).tolist(), strict=True):
            if pair not in self._numbers:
                self._numbers[pair] = len(self._pairs)
                self._pairs.append(pair)
            numbers.append(self._numbers[pair])
        return np.array(numbers, np.int32)
