"""Parameters that name columns, classes, or the label of positive rows."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from numbers import Integral
from typing import Any

import numpy as np

from fastrank.domains import LARGEST_EXACT_INTEGER
from fastrank.metrics.parameters import finite_float, refuse

__all__ = ["ClassNames", "ColumnName", "ColumnNames", "Label"]

# float64, as which numbers are read from text, tells them apart up to here.
LARGEST_LABEL = 2**53


def _distinct(value: Any) -> tuple[Any, ...] | None:
    """The entries of a list of two at least, all different and of one type; None where it is none."""
    entries = tuple(value) if isinstance(value, Iterable) and not isinstance(value, str | bytes | Mapping) else ()
    of_one_type = len({isinstance(entry, str) for entry in entries}) == 1
    return entries if len(entries) > 1 and of_one_type and len(set(entries)) == len(entries) else None


@dataclass(frozen=True)
class ColumnName:
    """The name of a column, or None where `optional`."""

    doc: str = ""
    optional: bool = False

    @property
    def allowed(self) -> str:
        """What is allowed, in words."""
        return "the name of a column" + (", or None" if self.optional else "")

    def check(self, value: Any) -> str | None:
        """The name."""
        if value is None and self.optional:
            return None
        if not isinstance(value, str) or not value:
            raise refuse(self, value)
        return value


@dataclass(frozen=True)
class ColumnNames:
    """The names of columns, or None."""

    doc: str = ""
    allowed = "a list of the names of two columns or more, each once, or None"

    def check(self, value: Any) -> tuple[str, ...] | None:
        """The names."""
        if value is None:
            return None
        names = _distinct(value)
        if names is None or not all(isinstance(name, str) and name for name in names):
            raise refuse(self, value)
        return names


@dataclass(frozen=True)
class ClassNames:
    """The values of a label that are classes, or None."""

    doc: str = ""
    allowed = "a list of two strings or more, or of two integers or more up to 2^53 in size, each once, or None"

    def check(self, value: Any) -> tuple[str, ...] | tuple[int, ...] | None:
        """Strings, or ints."""
        if value is None:
            return None
        names = _distinct(value)
        if names is None or any(isinstance(name, bool) or not isinstance(name, str | Integral) for name in names):
            raise refuse(self, value)
        if isinstance(names[0], str):
            return names
        if any(abs(name) > LARGEST_EXACT_INTEGER for name in names):
            raise refuse(self, value)
        return tuple(int(name) for name in names)


@dataclass(frozen=True)
class Label:
    """The label of positive rows, or None for the labels that need not be told."""

    doc: str = (
        "The label of positive rows, in a column of numbers or of text; rows of any other label are negative.\n"
        "None: labels are 0 and 1, or -1 and 1."
    )
    allowed = "a number up to 2^53 in size, text, True or False (1 or 0), or None"

    def check(self, value: Any) -> float | str | None:
        """The text; or the number, as int where it is whole."""
        if value is None:
            return None
        if isinstance(value, str) and not any("\ud800" <= letter <= "\udfff" for letter in value):
            return str(value)  # half a surrogate pair has no UTF-8
        number = float(value) if isinstance(value, bool | np.bool_) else finite_float(value)
        if number is None or abs(value) > LARGEST_LABEL:
            raise refuse(self, value)
        return int(number) if number.is_integer() else number
