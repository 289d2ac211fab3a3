"""Which row groups of a Parquet file may hold a row that meets an expression of Arrow."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pyarrow as pa

if TYPE_CHECKING:
    from fastrank.sources.hive import Keys
    from fastrank.sources.paths import Place
    from fastrank.where import Where

__all__ = ["groups_by_arrow"]


def groups_by_arrow(metadata: Any, place: Place, where: Where, keys: Keys) -> set[int]:
    """The numbers of the row groups that may hold a row that meets an expression, which only Arrow can look into."""
    # Imports pandas: only those who pass an expression pay for that, as they do for its evaluation.
    from pyarrow import dataset, fs

    every = set(range(metadata.num_row_groups))
    schema = metadata.schema.to_arrow_schema()
    named = [field for field in schema if field.name in where.text and field.name not in keys]
    if any(pa.types.is_floating(field.type) for field in named):
        return every  # Arrow takes the bounds to hold for NaN too
    own = [field for field in schema if field.name not in keys]
    plain = [pa.field(name, key.type.value_type) for name, key in keys.items()]
    known = dataset.scalar(True)
    for name, key in keys.items():
        field = dataset.field(name)
        known = known & (field.is_null() if key.null_count else field == key.dictionary[0])
    file = place.filesystem or fs.LocalFileSystem()
    path = place.path if place.filesystem is not None else place.name
    fragment = dataset.ParquetFileFormat().make_fragment(path, file, known)
    try:
        subset = fragment.subset(where.expression, schema=pa.schema([*own, *plain]))
    except pa.ArrowException:
        return every  # told where rows are read
    return {group.id for group in subset.row_groups}
