"""Ids of queries, items and slices: any type in one of few forms, runs of equal ids, integers of the same order."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from fastrank._kernels import ids as kernels
from fastrank.buffers import buffer_view, is_list, null_mask, plain

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = [
    "equality_codes",
    "find_lists",
    "id_spans",
    "id_texts",
    "ordered_codes",
    "plain_ids",
    "plain_type",
    "row_ids",
]


@cache
def plain_type(kind: pa.DataType) -> pa.DataType:
    """The type that plain ids have of a type."""
    return plain_ids(pa.nulls(0, kind)).type


def plain_ids(array: pa.Array) -> pa.Array:
    """Ids in one of few types, so that equal ids of different layouts are equal: int64, uint64, string,
    binary, or the type itself."""
    array = plain(array)
    kind = array.type
    if pa.types.is_integer(kind) and kind != pa.uint64():
        return pc.cast(array, pa.int64())
    if pa.types.is_large_string(kind):
        return pc.cast(array, pa.string())
    if pa.types.is_large_binary(kind) or pa.types.is_fixed_size_binary(kind):
        return pc.cast(array, pa.binary())
    if pa.types.is_decimal32(kind) or pa.types.is_decimal64(kind):
        return pc.cast(array, pa.decimal128(kind.precision, kind.scale))
    return array


def _integers(array: pa.Array) -> NDArray[np.int64] | None:
    """Plain ids that are integers underneath, as int64; None for other types."""
    kind = array.type
    if pa.types.is_boolean(kind):
        array = pc.cast(array, pa.int8())
        return buffer_view(array, np.int8).astype(np.int64)
    if pa.types.is_integer(kind) or pa.types.is_temporal(kind):
        if kind.bit_width == 32:
            return buffer_view(array, np.int32).astype(np.int64)
        if kind.bit_width == 64:
            return buffer_view(array, np.int64)
    return None


def _as_binary(array: pa.Array) -> pa.Array:
    """Text, binary and decimal ids as binary with 64-bit offsets."""
    if pa.types.is_decimal(array.type):
        array = pc.cast(array, pa.string())
    return pc.cast(pc.cast(array, pa.binary()), pa.large_binary())


def find_lists(array: pa.Array) -> tuple[NDArray[np.int64], NDArray[np.uint64]]:
    """Where the runs of equal ids start, and a 64-bit id of each: the integer itself, or a fingerprint."""
    array = plain_ids(array)
    integers = _integers(array)
    if integers is not None:
        starts, values = kernels.find_runs(integers)
        return starts, values.view(np.uint64)
    encoded = pc.run_end_encode(_as_binary(array), run_end_type=pa.int64())
    ends = buffer_view(encoded.run_ends, np.int64)
    starts = np.concatenate((np.zeros(min(1, len(array)), np.int64), ends[:-1]))
    return starts, _fingerprints(encoded.values)


def row_ids(array: pa.Array) -> NDArray[np.uint64]:
    """The 64-bit id of each row, as in `find_lists`: the same in every batch."""
    array = plain_ids(array)
    integers = _integers(array)
    return _fingerprints(_as_binary(array)) if integers is None else integers.view(np.uint64)


def _fingerprints(binary: pa.Array) -> NDArray[np.uint64]:
    if not len(binary):
        return np.empty(0, np.uint64)
    offsets = np.frombuffer(binary.buffers()[1], np.int64)[binary.offset : binary.offset + len(binary) + 1]
    data = binary.buffers()[2]
    text = np.frombuffer(data, np.uint8) if data is not None and data.size else np.zeros(1, np.uint8)
    return kernels.fingerprints(offsets, text)


def id_texts(array: pa.Array) -> list[bytes]:
    """Each id in words, as UTF-8; bytes are themselves."""
    array = plain_ids(array)
    if not pa.types.is_binary(array.type):
        array = pc.cast(array, pa.string())
    return [bytes(value.as_buffer()) for value in array]


def equality_codes(array: pa.Array) -> NDArray[np.int64]:
    """Integers that are equal where the ids are; comparable within the array only."""
    array = plain_ids(array)
    if array.type == pa.int64():
        return buffer_view(array, np.int64)
    return buffer_view(array.dictionary_encode().indices, np.int32).astype(np.int64)


def ordered_codes(array: pa.Array) -> NDArray[np.int64]:
    """Integers that are equal and ordered as the ids are; comparable within the array only."""
    array = plain_ids(array)
    if array.type == pa.int64():
        return buffer_view(array, np.int64)
    ranks = pc.rank(array, sort_keys="ascending", tiebreaker="dense")
    return buffer_view(ranks, np.uint64).astype(np.int64)


def id_spans(array: pa.Array, keep: NDArray[np.bool_]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """(starts, codes): the ids or lists of ids of each row to keep, codes[starts[i]:starts[i + 1]], ascending and
    distinct; numbers from 0 in the order of the ids, comparable within the array only."""
    if is_list(array.type):
        lengths = pc.fill_null(pc.cast(pc.list_value_length(array), pa.int64()), 0)
        sizes, entries = buffer_view(lengths, np.int64), plain(pc.list_flatten(array))
    else:
        nulls = null_mask(array)
        sizes = np.ones(len(array), np.int64) if nulls is None else (~nulls).astype(np.int64)
        entries = array.drop_null()
    rows = np.repeat(np.arange(len(array)), sizes)
    kept = np.flatnonzero(keep[rows])
    rows = rows[kept]
    _, codes = np.unique(ordered_codes(entries)[kept], return_inverse=True)
    by_row = np.lexsort((codes, rows))
    rows, codes = rows[by_row], codes[by_row]
    first = np.ones(rows.size, np.bool_)
    first[1:] = (rows[1:] != rows[:-1]) | (codes[1:] != codes[:-1])
    starts = np.concatenate(([0], np.cumsum(np.bincount(rows[first], minlength=len(array))))).astype(np.int64)
    return starts, codes[first].astype(np.int64)
