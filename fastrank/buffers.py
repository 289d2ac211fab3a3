"""NumPy views of Arrow arrays and back, zero-copy and without pandas, which pyarrow's own conversions import."""

from __future__ import annotations

from array import array as packed
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = [
    "booleans",
    "buffer_view",
    "in_words",
    "is_id",
    "is_list",
    "literal",
    "moment",
    "null_mask",
    "plain",
    "to_arrow",
]


MOST_ENTRIES = 20  # of a list in a message


def to_arrow(values: NDArray[Any], null: NDArray[np.bool_] | None = None) -> pa.Array:
    """A one-dimensional array as Arrow, zero-copy, null where marked; pa.array(ndarray) would import pandas."""
    values = np.ascontiguousarray(values)
    marked = null is not None and null.any()
    valid = pa.py_buffer(np.packbits(~null, bitorder="little")) if null is not None and marked else None
    return pa.Array.from_buffers(pa.from_numpy_dtype(values.dtype), values.size, [valid, pa.py_buffer(values)])


def buffer_view(array: pa.Array, dtype: type[np.generic]) -> NDArray[Any]:
    """The values of a fixed-width array, zero-copy and read-only; what lies under nulls is arbitrary."""
    buffer = array.buffers()[1]
    if buffer is None or len(array) == 0:
        return np.empty(0, dtype)
    view: NDArray[Any] = np.frombuffer(buffer, dtype)[array.offset : array.offset + len(array)]
    view.flags.writeable = False
    return view


def booleans(array: pa.Array) -> NDArray[np.bool_]:
    buffer = array.buffers()[1]
    if buffer is None or len(array) == 0:
        return np.zeros(len(array), np.bool_)
    bits = np.unpackbits(np.frombuffer(buffer, np.uint8), count=array.offset + len(array), bitorder="little")
    return bits[array.offset :].view(np.bool_)


def null_mask(array: pa.Array) -> NDArray[np.bool_] | None:
    """True where the array is null; None where it is nowhere."""
    return booleans(array.is_null()) if array.null_count else None


def plain(array: pa.Array) -> pa.Array:
    """The array without dictionary, runs, extension type or view layout, which few of Arrow's functions take."""
    if isinstance(array.type, pa.BaseExtensionType):
        array = array.storage
    if pa.types.is_run_end_encoded(array.type):
        array = pc.run_end_decode(array)
    if pa.types.is_dictionary(array.type):
        array = plain(array.dictionary).take(array.indices)
    if pa.types.is_string_view(array.type):
        return array.cast(pa.string())
    if pa.types.is_binary_view(array.type):
        return array.cast(pa.binary())
    return array


def is_id(kind: pa.DataType) -> bool:
    """Whether values of a plain type can be ids of queries, items or slices."""
    t = pa.types
    is_moment = t.is_date(kind) or t.is_time(kind) or t.is_timestamp(kind) or t.is_duration(kind)
    is_text = t.is_string(kind) or t.is_large_string(kind) or t.is_binary(kind) or t.is_large_binary(kind)
    is_fixed = t.is_fixed_size_binary(kind) or t.is_decimal(kind) or t.is_boolean(kind) or t.is_null(kind)
    return bool(t.is_integer(kind) or is_moment or is_text or is_fixed)


def is_list(kind: pa.DataType) -> bool:
    """Whether values of a type are lists."""
    t = pa.types
    return bool(t.is_list(kind) or t.is_large_list(kind) or t.is_fixed_size_list(kind))


def in_words(scalar: pa.Scalar) -> str:
    """A value for a message; some values have no Python form (years past 9999, nanoseconds without pandas)."""
    if not scalar.is_valid:
        return "null"
    if is_list(scalar.type) and len(scalar.values) > MOST_ENTRIES:
        shown = ", ".join(map(in_words, scalar.values[:MOST_ENTRIES]))
        return f"[{shown}, ...] ({len(scalar.values)} entries)"
    t = pa.types
    if not any(
        is_kind(scalar.type) for is_kind in (t.is_date, t.is_time, t.is_timestamp)
    ):  # 2026-05-01 says it shorter
        with suppress(ValueError, OverflowError, pa.ArrowException):
            return repr(scalar.as_py())
    try:
        return str(scalar.cast(pa.string()))
    except pa.ArrowException:
        return repr(scalar)


def literal(value: bool | float | str) -> pa.Scalar:
    """A scalar, without pyarrow.scalar, which imports pandas."""
    if isinstance(value, bool):
        buffers, arrow_type = [pa.py_buffer(bytes([value]))], pa.bool_()
    elif isinstance(value, int):
        is_large = value >= 2**63
        buffers, arrow_type = [pa.py_buffer(packed("Q" if is_large else "q", [value]))], pa.int64()
        arrow_type = pa.uint64() if is_large else arrow_type
    elif isinstance(value, float):
        buffers, arrow_type = [pa.py_buffer(packed("d", [value]))], pa.float64()
    else:
        data = value.encode()
        buffers, arrow_type = [pa.py_buffer(packed("q", [0, len(data)])), pa.py_buffer(data)], pa.large_string()
    return pa.Array.from_buffers(arrow_type, 1, [None, *buffers])[0]


def moment(text: pa.Scalar, arrow_type: pa.DataType) -> Any:
    """The date, time or timestamp that a text names; without an offset, on the clock of the type's zone."""
    zone = getattr(arrow_type, "tz", None)
    if zone is None:
        return text.cast(arrow_type)
    try:
        return text.cast(arrow_type)
    except pa.ArrowInvalid:
        return pc.assume_timezone(text.cast(pa.timestamp(arrow_type.unit)), zone)
