"""Hive partitions: folders called key=value give the rows of their files a column."""

from __future__ import annotations

import re
from datetime import date
from typing import TYPE_CHECKING
from urllib.parse import unquote

import numpy as np
import pyarrow as pa

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

__all__ = ["Keys", "constant", "partition_keys", "read_keys", "with_keys"]

NULL = "__HIVE_DEFAULT_PARTITION__"
# Written otherwise ("007", "+1"), text would not come back from a number.
INTEGER = re.compile(r"0|-?[1-9]\d{0,17}")
DATE = re.compile(r"\d{4}-\d\d-\d\d")
EPOCH = date(1970, 1, 1).toordinal()

Keys = dict[str, pa.DictionaryArray]  # a dictionary of the one value, or of none, and one row


def read_keys(path: str) -> dict[str, str | None]:
    """The keys and values in the folders of a path, percent-decoded; None for the null of Hive."""
    keys: dict[str, str | None] = {}
    for part in path.replace("\\", "/").split("/")[:-1]:
        name, equals, value = part.partition("=")
        if name and equals:
            keys[unquote(name)] = None if value == NULL else unquote(value)
    return keys


def partition_keys(paths: Sequence[str]) -> tuple[list[Keys], dict[str, str]]:
    """The columns that the folders of each file give.

    A key is an integer (int64) or a date (date32) where all of its values are written as one, else a string.

    Parameters
    ----------
    paths : sequence of str
        The files of a source.

    Returns
    -------
    (list of dict of str to pyarrow.DictionaryArray, dict of str to str)
        By file, the value of each key that all files have, as an array of one row; and, of the other keys, a file
        that lacks it.
    """
    found = [read_keys(path) for path in paths]
    names = dict.fromkeys(name for keys in found for name in keys)
    lacking = {
        name: next(path for path, keys in zip(paths, found, strict=True) if name not in keys)
        for name in names
        if any(name not in keys for keys in found)
    }
    result: list[Keys] = [{} for _ in paths]
    for name in names:
        if name in lacking:
            continue
        texts = [keys[name] for keys in found]
        made: dict[str | None, pa.DictionaryArray] = {}
        arrow_type = _common_type([text for text in texts if text is not None])
        for keys, text in zip(result, texts, strict=True):
            if text not in made:
                made[text] = _one_row(text, arrow_type)
            keys[name] = made[text]
    return result, lacking


def _common_type(texts: Sequence[str]) -> pa.DataType:
    if texts and all(map(INTEGER.fullmatch, texts)):
        return pa.int64()
    return pa.date32() if texts and all(map(_day, texts)) else pa.string()


def _day(text: str) -> int | None:
    """The number of a date since 1970, never 0: from the year 1 on."""
    try:
        return date.fromisoformat(text).toordinal() if DATE.fullmatch(text) else None
    except ValueError:
        return None


def _one_row(text: str | None, arrow_type: pa.DataType) -> pa.DictionaryArray:
    # From buffers, since pa.array imports pandas.
    if text is None:
        return pa.DictionaryArray.from_arrays(pa.nulls(1, pa.int32()), pa.nulls(0, arrow_type))
    if pa.types.is_string(arrow_type):
        data = text.encode()
        buffers = [np.array([0, len(data)], np.int32), data]
    elif pa.types.is_int64(arrow_type):
        buffers = [np.array([int(text)], np.int64)]
    else:
        day = _day(text)
        assert day is not None
        buffers = [np.array([day - EPOCH], np.int32)]
    values = pa.Array.from_buffers(arrow_type, 1, [None, *map(pa.py_buffer, buffers)])
    return pa.DictionaryArray.from_arrays(_zeros(1), values)


def constant(key: pa.DictionaryArray, rows: int) -> pa.DictionaryArray:
    """A key as the column of a batch."""
    indices = pa.nulls(rows, pa.int32()) if key.null_count else _zeros(rows)
    return pa.DictionaryArray.from_arrays(indices, key.dictionary, safe=False)


def _zeros(rows: int) -> pa.Array:
    return pa.Array.from_buffers(pa.int32(), rows, [None, pa.py_buffer(np.zeros(rows, np.int32))])


def with_keys(schema: pa.Schema, keys: Mapping[str, pa.DictionaryArray]) -> pa.Schema:
    """A file's schema with the columns of its folders: such a column hides one of that name in the file."""
    own = [field for field in schema if field.name not in keys]
    return pa.schema([*own, *(pa.field(name, key.type) for name, key in keys.items())])
