"""CSV files, gzipped or not."""

from __future__ import annotations

import re
from contextlib import closing
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from fastrank.errors import SourceError
from fastrank.sources.base import check_columns
from fastrank.sources.formats import File

if TYPE_CHECKING:
    from collections.abc import Generator, Mapping, Sequence

    from fastrank.sources.base import Request

__all__ = ["CsvFile"]

CSV_BLOCK_BYTES = 1 << 22
# Arrow's words for a value of a CSV file that is not of its column's type; columns are counted from 0.
_CONVERSION = re.compile(r"In CSV column #(?P<column>\d+): (?P<rest>.*conversion error.*)")


class CsvFile(File):
    """A CSV file, which is read from its start to its end."""

    def _open(self, columns: Sequence[str] | None = None, types: Mapping[str, pa.DataType] | None = None) -> Any:
        from pyarrow import csv

        place = self.place
        stream = place.name
        if place.filesystem is not None:
            stream = place.filesystem.open_input_stream(place.path, compression="detect")
        return csv.open_csv(
            stream,
            read_options=csv.ReadOptions(block_size=CSV_BLOCK_BYTES),
            parse_options=csv.ParseOptions(newlines_in_values=True),
            convert_options=csv.ConvertOptions(include_columns=columns, column_types=types),
        )

    def schema(self) -> pa.Schema:
        with self.reading(), closing(self._open()) as reader:
            return reader.schema

    def batches(self, request: Request, parts: Sequence[int] | None = None) -> Generator[tuple[pa.RecordBatch, int]]:
        assert parts is None
        inferred, columns = self.schema(), list(request.columns)
        check_columns(inferred, columns, self.name)
        numeric = [name for name in columns if name in request.numeric]
        types = {name: pa.float64() for name in numeric if not pa.types.is_boolean(inferred.field(name).type)}
        row = 0
        try:
            with self.reading(), closing(self._open(columns, types)) as reader:
                for batch in reader:
                    yield batch.select(columns), row
                    row += batch.num_rows
        except SourceError as error:
            place = _CONVERSION.search(str(error))
            if place is None:
                raise
            name = inferred.names[int(place["column"])]
            found = f"cannot read {self.name}: column {name!r}: {place['rest']}"
            if name in types:
                raise SourceError(
                    f"{found}; the column is read as numbers (labels that are text need positive= or classes=)"
                ) from error
            raise SourceError(
                f"{found} (types are inferred at its start; to set them, pass pyarrow.csv.open_csv(path, "
                "convert_options=...) as the source)"
            ) from error
