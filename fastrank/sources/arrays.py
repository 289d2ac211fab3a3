"""A dict of arrays -> an Arrow table.

`pyarrow.array` of a NumPy array imports pandas, so arrays of numbers and text are built from their buffers.
"""

from __future__ import annotations

from collections import Counter
from itertools import accumulate
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

from fastrank.errors import ParameterError
from fastrank.sources.base import reason

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["table_of_arrays"]


def table_of_arrays(arrays: Mapping[Any, Any]) -> pa.Table:
    if not arrays:
        raise ParameterError("the dict is empty; give at least one column, or one query")
    for name in arrays:
        if not isinstance(name, str):
            raise ParameterError(f"{name!r} is no name of a column; the keys of a dict of arrays are strings")
    columns = {name: _column(name, values) for name, values in arrays.items()}
    usual = Counter(map(len, columns.values())).most_common(1)[0][0]
    odd = [f"{name!r} has {len(column)}" for name, column in columns.items() if len(column) != usual]
    if odd:
        other = next(name for name, column in columns.items() if len(column) == usual)
        raise ParameterError(f"arrays differ in length: {', '.join(odd)}, but {other!r} has {usual} values")
    return pa.table(list(columns.values()), names=list(columns))


def _column(name: str, values: Any) -> Any:
    """One column as Arrow; numeric arrays are not copied."""
    try:
        if isinstance(values, (pa.Array, pa.ChunkedArray)):
            return values
        if hasattr(values, "__arrow_c_stream__"):
            return pa.chunked_array(values)
        if isinstance(values, list | tuple) and any(isinstance(value, list | tuple | np.ndarray) for value in values):
            return pa.array(values)  # lists, which may differ in length
        array = values if isinstance(values, np.ndarray) else np.asarray(values)
        if array.dtype.kind in "US" and array is not values and not hasattr(values, "dtype"):
            # NumPy has turned the numbers of a mixed list into text.
            array = np.array(values, dtype=object)
        if array.ndim == 2:
            return pa.FixedSizeListArray.from_arrays(_from_numpy(array.reshape(-1)), array.shape[1])
        if array.ndim != 1:
            raise ParameterError(
                f"column {name!r} has {array.ndim} dimensions; arrays have one, or two where each row is a list"
            )
        return _from_numpy(array)
    except ParameterError:
        raise
    except (pa.ArrowException, TypeError, ValueError, OverflowError) as error:
        raise ParameterError(f"column {name!r} cannot be read as an array: {reason(error)}") from error


def _from_numpy(array: np.ndarray[Any, Any]) -> pa.Array:
    valid: Any = None
    if isinstance(array, np.ma.MaskedArray):
        valid, array = ~np.ma.getmaskarray(array), np.ma.getdata(array)
    kind = array.dtype.kind
    if kind in "OUST":
        objects = array.astype(object)
        if valid is not None:
            objects[~valid] = None
        return _from_objects(objects.tolist())
    if kind in "mM":
        valid = ~np.isnat(array) if valid is None else valid & ~np.isnat(array)
        unit = np.datetime_data(array.dtype)[0]
        if kind == "M" and unit in ("Y", "M", "W", "D"):
            days = array.astype("M8[D]").view(np.int64)
            return (
                pa.Array.from_buffers(pa.int64(), len(days), [_bits(valid), pa.py_buffer(days)])
                .cast("int32")
                .cast("date32")
            )
        array = array.astype(f"{kind}8[s]") if unit in ("W", "D", "h", "m") else array
    array = np.ascontiguousarray(array, dtype=array.dtype.newbyteorder("="))
    data = np.packbits(array, bitorder="little") if kind == "b" else array
    return pa.Array.from_buffers(pa.from_numpy_dtype(array.dtype), len(array), [_bits(valid), pa.py_buffer(data)])


def _bits(valid: Any) -> pa.Buffer | None:
    return None if valid is None or valid.all() else pa.py_buffer(np.packbits(valid, bitorder="little"))


def _from_objects(values: list[Any]) -> pa.Array:
    missing = [value is None or value != value for value in values]
    if not all(isinstance(value, str) or gone for value, gone in zip(values, missing, strict=True)) or all(missing):
        # Decimals, dates, bytes, numbers with None: rare, and worth the import of pandas that pa.array makes.
        return pa.array(values)
    texts = [b"" if gone else value.encode() for value, gone in zip(values, missing, strict=True)]
    ends = np.array(list(accumulate(map(len, texts), initial=0)), dtype=np.int64)
    is_large = ends[-1] > np.iinfo(np.int32).max
    bits = _bits(~np.array(missing, dtype=bool))
    offsets = pa.py_buffer(ends if is_large else ends.astype(np.int32))
    arrow_type = pa.large_string() if is_large else pa.string()
    return pa.Array.from_buffers(arrow_type, len(values), [bits, offsets, pa.py_buffer(b"".join(texts))])
