"""Windows of time as slices: the day, the hour or another stretch into which a row falls."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Union

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from fastrank._kernels import slices as kernels
from fastrank.buffers import buffer_view, null_mask, to_arrow
from fastrank.errors import ColumnTypeError, ParameterError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from numpy.typing import NDArray


__all__ = ["Window", "name_of", "parse_by", "window"]

# The units of a window as Arrow calls them, and their seconds where they are shorter than a day.
_UNITS = {
    "s": ("second", 1),
    "min": ("minute", 60),
    "h": ("hour", 3600),
    "d": ("day", None),
    "w": ("week", None),
    "mo": ("month", None),
    "q": ("quarter", None),
    "y": ("year", None),
}
_TICKS = {"s": 1, "ms": 1000, "us": 1000**2, "ns": 1000**3}  # in a second
_DAY = 86400
# Of every zone, whole quarters of an hour are between its clock and UTC from here on (1 February 1972), in seconds.
_QUARTER, _QUARTERS_SINCE = 900, 65750400
# So many windows side by side are told apart without hashing, whatever the number of rows.
_FEW = 1024


@dataclass(frozen=True)
class Window:
    """A slice column made of a column of time; see `fastrank.window`."""

    column: str
    every: str
    unit: str | None = None
    name: str | None = None

    def __post_init__(self) -> None:
        if not isinstance(self.column, str) or not (self.name is None or isinstance(self.name, str)):
            raise ParameterError(f"window({self.column!r}, name={self.name!r}): a column and its name are strings")
        if self.unit is not None and self.unit not in _TICKS:
            raise ParameterError(f"window({self.column!r}, unit={self.unit!r}); allowed: {', '.join(_TICKS)}")
        found = re.fullmatch(r"([1-9][0-9]{0,5})\s*([a-z]+)", self.every) if isinstance(self.every, str) else None
        if found is None or found[2] not in _UNITS:
            raise ParameterError(
                f'window({self.column!r}, every={self.every!r}); allowed: a number and a unit, such as "15min", "1h", '
                f'"1d"; units: {", ".join(_UNITS)}'
            )
        object.__setattr__(self, "every", found[1] + found[2])

    @property
    def text(self) -> str:
        """The name of the slice column."""
        unit = "" if self.unit is None else f", unit={self.unit}"
        return self.name or f"window({self.column}, {self.every}{unit})"

    @property
    def _multiple(self) -> int:
        return int(re.sub("[a-z]", "", self.every))

    @property
    def _arrow_unit(self) -> str:
        return _UNITS[re.sub("[0-9]", "", self.every)][0]

    @property
    def _seconds(self) -> int | None:
        """How long it is; None where it is of whole days."""
        seconds = _UNITS[re.sub("[0-9]", "", self.every)][1]
        return None if seconds is None else seconds * self._multiple

    def starts(self, array: pa.Array) -> pa.DictionaryArray:
        """The start of the window into which each value falls: a date for windows of whole days, else a timestamp.

        Parameters
        ----------
        array : pyarrow.Array
            Dates, timestamps, or integers where there is a unit.

        Raises
        ------
        ColumnTypeError
            The values are of another type, or too coarse.
        """
        array = self._as_times(array)
        nulls = null_mask(array)
        values = buffer_view(array, np.int32 if array.type.bit_width == 32 else np.int64)
        if nulls is not None:
            values = np.where(nulls, values[~nulls][0] if not nulls.all() else values.dtype.type(0), values)
        try:
            indices, dictionary = self._distinct(values, array.type)
            return pa.DictionaryArray.from_arrays(to_arrow(indices, nulls), self._floor(dictionary))
        except pa.ArrowException as error:
            raise ColumnTypeError(f"column {self.column!r} ({self.text}) of type {array.type}: {error}") from error

    def _as_times(self, array: pa.Array) -> pa.Array:
        kind, t = array.type, pa.types
        if t.is_integer(kind) and self.unit is not None:
            return array.cast(pa.int64()).view(pa.timestamp(self.unit))
        allowed = "date or timestamp" if self._seconds is None else "timestamp"
        if t.is_date(kind) and self._seconds is None and self.unit is None:
            return array.cast(pa.date32())
        if t.is_null(kind):
            return array.cast(pa.date32() if self._seconds is None else pa.timestamp(self.unit or "us"))
        if not t.is_timestamp(kind) or self.unit is not None:
            raise ColumnTypeError(
                f"column {self.column!r} ({self.text}) is of type {kind}; allowed: {allowed}, without unit=, or "
                'integer with unit="s", "ms", "us" or "ns"'
            )
        return array

    def _distinct(self, values: NDArray[np.integer], kind: pa.DataType) -> tuple[NDArray[Any], pa.Array]:
        """(indices, times): a time in the window of each value, where few are told apart."""
        width = self._bucket(values, kind) if values.size else None
        found = None if width is None else kernels.count_stretches(values, width)
        if width is not None and found is not None:
            places, low, high = found
            if high - low < max(values.size, _FEW) and low * width >= np.iinfo(values.dtype).min:
                times = (np.arange(low, high + 1) * width).astype(values.dtype)
                return places, to_arrow(times).view(kind)
        encoded = to_arrow(values).dictionary_encode()
        return buffer_view(encoded.indices, np.int32), encoded.dictionary.view(kind)

    def _bucket(self, values: NDArray[np.integer], kind: pa.DataType) -> int | None:
        """A stretch of time, from 1970 on, of which each lies in one window; None where none is known."""
        if pa.types.is_date(kind):
            return 1
        ticks = _TICKS[kind.unit]
        if kind.tz is None:
            return ticks * (self._seconds or _DAY)
        if int(values.min()) < _QUARTERS_SINCE * ticks:
            return None
        return ticks * math.gcd(_QUARTER, self._seconds or _DAY)

    def _floor(self, times: pa.Array) -> pa.Array:
        """The starts of the windows of times."""
        zone = getattr(times.type, "tz", None)
        local = times if zone is None else pc.local_timestamp(times)
        floors = pc.floor_temporal(local, multiple=self._multiple, unit=self._arrow_unit, week_starts_monday=True)
        if self._seconds is None:
            return floors.cast(pa.date32())
        if zone is None:
            return floors
        if self._seconds <= _QUARTER * 4:
            # An hour that the clock shows twice is two hours.
            return pc.subtract(times, pc.subtract(local, floors))
        return pc.assume_timezone(floors, zone, ambiguous="earliest", nonexistent="earliest")


def window(column: str, every: str, *, unit: str | None = None, name: str | None = None) -> Window:
    """Slices by time, for `by=`.

    Parameters
    ----------
    column : str
        A column of dates or timestamps, or of integers that count from 1970 on (`unit`).  With a time zone, windows are
        those of its clock.  Null is a slice of its own.
    every : str
        How long windows are: `"15min"`, `"1h"`, `"1d"`, `"7d"`, `"1w"` (from Monday on), `"1mo"`, `"1q"`, `"1y"`; units
        are s, min, h, d, w, mo, q and y.  Several units are counted from 1970 on.
    unit : "s", "ms", "us" or "ns", optional
        What integers count.
    name : str, optional
        The name of the slice column in results and states; default: the text of the window, `window(ts, 1d)`.  Windows
        of the same name merge.

    Returns
    -------
    Window
        Its slice column holds dates where windows are of whole days, else timestamps: the start of each window.

    Raises
    ------
    ParameterError
        A parameter is not one of these.

    Examples
    --------
    >>> import datetime as dt
    >>> import pyarrow as pa
    >>> import fastrank as fr
    >>> rows = pa.table({"y": [0, 1, 1], "p": [0.2, 0.7, 0.9], "ts": [dt.datetime(2026, 5, day) for day in (1, 1, 2)]})
    >>> result = fr.evaluate(rows, "brier", label="y", score="p", by=fr.window("ts", "1d"))
    >>> result["brier", {"window(ts, 1d)": dt.date(2026, 5, 2)}]
    0.009999999999999995
    """
    return Window(column, every, unit, name)


# What by= takes.
By = Union[str, Window, "Sequence[str | Window | Sequence[str | Window]]", None]


def name_of(column: str | Window) -> str:
    """The name of a slice column."""
    return column if isinstance(column, str) else column.text


def parse_by(text: str) -> list[str | Window]:
    """The slice columns of a text, separated by commas: `window(ts, 1d), country`."""
    return [_parse(part.strip()) for part in _split(text)]


def _split(text: str) -> Iterator[str]:
    """The parts of a text between commas outside of parentheses."""
    depth, start = 0, 0
    for i, letter in enumerate(text):
        depth += (letter == "(") - (letter == ")")
        if letter == "," and depth <= 0:
            yield text[start:i]
            start = i + 1
    yield text[start:]


def _parse(text: str) -> str | Window:
    found = re.fullmatch(r"window\((.*)\)", text)
    if found is None:
        return text
    arguments = [part.strip() for part in _split(found[1])]
    options = [part.partition("=")[::2] for part in arguments[2:]]
    if len(arguments) < 2 or any(name.strip() not in ("unit", "name") for name, _ in options):
        raise ParameterError(f"{text!r}; allowed: window(COLUMN, EVERY), and unit=UNIT and name=NAME after these")
    return Window(arguments[0], arguments[1], **{name.strip(): value.strip() for name, value in options})
