"""Which row groups of a Parquet file may hold a row that meets a condition, by the statistics of their columns."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

from fastrank.sources.expressions import groups_by_arrow
from fastrank.sources.pruning import Span, key_span, may_pass

if TYPE_CHECKING:
    from collections.abc import Sequence

    from fastrank.sources.hive import Keys
    from fastrank.sources.paths import Place
    from fastrank.where import Where

__all__ = ["groups_that_may_pass"]


def groups_that_may_pass(metadata: Any, place: Place, where: Sequence[Where], keys: Keys) -> list[int] | None:
    """The numbers of these row groups; None where all may.

    Conditions in SQL are judged by `pruning`, and expressions by Arrow.
    """
    groups: list[int] = list(range(metadata.num_row_groups))
    texts = [each for each in where if each.expression is None]
    if texts:
        columns = _Columns(metadata)
        groups = [i for i in groups if all(may_pass(each, columns.spans(i, keys)) for each in texts)]
    for each in where:
        if each.expression is not None and groups:
            found = groups_by_arrow(metadata, place, each, keys)
            groups = [i for i in groups if i in found]
    return groups if len(groups) < metadata.num_row_groups else None


class _Columns:
    """The columns of a file whose statistics can be read."""

    def __init__(self, metadata: Any) -> None:
        self._metadata = metadata
        schema = metadata.schema.to_arrow_schema()
        paths = [metadata.schema.column(i).path for i in range(metadata.num_columns)]
        self._types = {
            field.name: (_value_type(field.type), paths.index(field.name))
            for field in schema
            if paths.count(field.name) == 1 and schema.names.count(field.name) == 1
        }

    def spans(self, group: int, keys: Keys) -> Any:
        return lambda name: key_span(keys, name) if name in keys else self._span(group, name)

    def _span(self, group: int, name: str) -> Span:
        arrow_type, i = self._types.get(name, (None, 0))
        rows = self._metadata.row_group(group)
        statistics = rows.column(i).statistics if arrow_type is not None else None
        if statistics is None or pa.types.is_nested(arrow_type):
            return Span()
        nulls = statistics.null_count if statistics.has_null_count else None
        has_null, has_value = nulls != 0, nulls is None or nulls < rows.num_rows
        bounds = None
        if statistics.has_min_max:
            stored = self._metadata.schema.column(i)
            bounds = _bounds(arrow_type, stored, [statistics.min_raw, statistics.max_raw])
        return Span(bounds, has_null, has_value)


def _value_type(arrow_type: pa.DataType) -> pa.DataType:
    return arrow_type.value_type if pa.types.is_dictionary(arrow_type) else arrow_type


def _bounds(arrow_type: pa.DataType, stored: Any, raw: list[Any]) -> pa.Array | None:
    """Bounds as they are stored, as an array of the column's type; None for types of which this is not known."""
    types = pa.types
    if types.is_string(arrow_type) or types.is_large_string(arrow_type) or types.is_string_view(arrow_type):
        data = [value if isinstance(value, bytes) else str(value).encode() for value in raw]
        offsets = np.cumsum([0, *map(len, data)], dtype=np.int64)
        buffers = [pa.py_buffer(offsets), pa.py_buffer(b"".join(data))]
        return pa.Array.from_buffers(pa.large_string(), 2, [None, *buffers])
    if types.is_floating(arrow_type) and arrow_type.bit_width >= 32 and all(isinstance(each, float) for each in raw):
        values = np.array(raw, f"f{arrow_type.bit_width // 8}")
        return _array(arrow_type, values) if values[0] <= values[1] else None
    is_same = types.is_integer(arrow_type) or types.is_date32(arrow_type)
    if types.is_timestamp(arrow_type):
        units = {"milliseconds": "ms", "microseconds": "us", "nanoseconds": "ns"}
        unit = json.loads(stored.logical_type.to_json()).get("timeUnit")
        is_same = units.get(unit) == arrow_type.unit
    if not is_same or not all(isinstance(each, int) for each in raw):
        return None
    width = arrow_type.bit_width
    values = np.array([each % 2**width for each in raw], f"u{width // 8}")
    array = _array(arrow_type, values)
    signed = values.view(f"i{width // 8}")
    ordered = values if types.is_unsigned_integer(arrow_type) else signed
    return array if ordered[0] <= ordered[1] else None


def _array(arrow_type: pa.DataType, values: np.ndarray[Any, Any]) -> pa.Array:
    return pa.Array.from_buffers(arrow_type, 2, [None, pa.py_buffer(values)])
