"""Calibrated probabilities as a column of a stream of record batches."""

from __future__ import annotations

from itertools import chain
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa

from fastrank.buffers import in_words, is_list, null_mask, to_arrow
from fastrank.classes import class_scores
from fastrank.columns import Columns
from fastrank.errors import InvalidValueError, ParameterError, SourceError
from fastrank.sources import open_source

if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any

    from numpy.typing import NDArray

    from fastrank.calibration.base import Calibrator
    from fastrank.sources import Source

__all__ = ["calibrated"]


def calibrated(
    calibrator: Calibrator, source: Any, score: str, name: str | None, on_invalid: str, batch_rows: int | None
) -> pa.RecordBatchReader:
    """The batches of a source with a column of calibrated scores behind the others; see `Calibrator.apply`."""
    if on_invalid not in ("raise", "null"):
        raise ParameterError(f'on_invalid={on_invalid!r}; allowed: "raise", "null"')
    opened = open_source(source, batch_rows=batch_rows)
    name = f"{score}_calibrated" if name is None else name
    if name in opened.schema.names:
        raise ParameterError(f"name={name!r}: the source has a column of that name; give the new one another (name=)")
    batches = _batches(calibrator, opened, score, name, keep=on_invalid == "null")
    first = next(batches, None)
    if first is None:
        # Of a source without rows: as its schema says, so that the output has the columns all the same.
        column = pa.field(name, pa.float64())
        return pa.RecordBatchReader.from_batches(opened.schema.append(column), [])
    return pa.RecordBatchReader.from_batches(first.schema, _alike(chain([first], batches), first.schema))


def _alike(batches: Iterator[pa.RecordBatch], schema: pa.Schema) -> Iterator[pa.RecordBatch]:
    """The batches, of one schema: files may differ in the type of a column."""
    for batch in batches:
        if batch.schema.equals(schema):
            yield batch
            continue
        try:
            yield pa.RecordBatch.from_arrays(
                [array.cast(kind) for array, kind in zip(batch.columns, schema.types, strict=True)], schema=schema
            )
        except pa.ArrowException as error:
            raise SourceError(f"columns of a later file are of other types than those of the first: {error}") from error


def _batches(calibrator: Calibrator, source: Source, score: str, name: str, *, keep: bool) -> Iterator[pa.RecordBatch]:
    for batch, origin in source.batches(list(dict.fromkeys([*source.schema.names, score])), {score}):
        columns = Columns(batch, origin.describe)
        lists = is_list(columns.array(score).type)
        domain = class_scores(entry=calibrator.scores) if lists and calibrator.takes_lists else calibrator.scores
        values, invalid = columns.view(score, "score", domain)
        if invalid is not None and not keep:
            row = int(invalid.argmax())
            raise InvalidValueError(
                f"column {score!r} (score): {origin.describe(row)} holds {in_words(columns.array(score)[row])}; "
                f'allowed: {domain.allowed}; on_invalid="null" (--on-invalid null) gives such rows a null'
            )
        scores = values.astype(np.float64)
        if invalid is not None:
            scores[invalid] = np.nan
        yield batch.append_column(name, _as_column(calibrator.calibrate(scores), invalid))


def _as_column(values: NDArray[np.float64], null: NDArray[np.bool_] | None) -> pa.Array:
    """One number a row, or a list of one length."""
    if values.ndim == 1:
        return to_arrow(values, null)
    mask = None if null is None or not null.any() else _booleans(null)
    return pa.FixedSizeListArray.from_arrays(to_arrow(values.ravel()), values.shape[1], mask=mask)


def _booleans(values: NDArray[np.bool_]) -> pa.Array:
    bits = pa.py_buffer(np.packbits(values, bitorder="little"))
    return pa.Array.from_buffers(pa.bool_(), values.size, [None, bits])


def transform_lists(calibrator: Calibrator, array: pa.Array) -> pa.Array:
    """The probabilities of lists of scores, null where a list is."""
    column = Columns(pa.RecordBatch.from_arrays([array], names=["scores"]), lambda i: f"entry {i}")
    domain = class_scores(entry=calibrator.scores)
    values, invalid = column.view("scores", "score", domain)
    nulls = null_mask(array)
    bad = invalid if nulls is None or invalid is None else invalid & ~nulls
    if bad is not None and bad.any():
        row = int(bad.argmax())
        raise InvalidValueError(f"scores[{row}] is {in_words(array[row])}; allowed: {domain.allowed}")
    return _as_column(calibrator.calibrate(values.astype(np.float64)), nulls)
