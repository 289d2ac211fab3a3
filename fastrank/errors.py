"""Every error fastrank raises on purpose.  Each is also the built-in that a caller would catch."""

from __future__ import annotations

import difflib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = [
    "ColumnTypeError",
    "EmptyInputError",
    "FastrankError",
    "InvalidValueError",
    "MissingColumnError",
    "NotFittedError",
    "ParameterError",
    "QueryOrderError",
    "SourceError",
    "StateMismatchError",
    "TiesError",
    "TiesWarning",
    "TrecFormatError",
    "UnknownMetricError",
    "UnknownResultError",
    "WriteError",
    "did_you_mean",
    "near_names",
]


class FastrankError(Exception):
    """Base of all errors of fastrank."""

    def __str__(self) -> str:
        # KeyError would print the message in quotes.
        return str(self.args[0]) if self.args else ""


class MissingColumnError(FastrankError, KeyError):
    """A role or a metric names a column that the source does not have."""


class ColumnTypeError(FastrankError, TypeError):
    """A column has a type that cannot play its role."""


class InvalidValueError(FastrankError, ValueError):
    """A row holds a value outside the domain of its role."""


class QueryOrderError(FastrankError, ValueError):
    """The rows of a query are not adjacent."""


class TiesError(FastrankError, ValueError):
    """Rows of a query tie, and the metric depends on their order."""


class TiesWarning(UserWarning):
    """Rows of a query tie, and peers would order them by item."""


class EmptyInputError(FastrankError, ValueError):
    """There is no row to evaluate."""


class SourceError(FastrankError, OSError):
    """A file cannot be found or read."""


class WriteError(SourceError):
    """A file cannot be written: the disk is full, say."""


class TrecFormatError(FastrankError, ValueError):
    """A line of a TREC file cannot be read, or contradicts another."""


class ParameterError(FastrankError, ValueError):
    """A parameter, or a combination of parameters, is not allowed."""


class UnknownMetricError(FastrankError, ValueError):
    """No metric of that name exists."""


class UnknownResultError(FastrankError, KeyError):
    """A result holds no such metric or slice."""


class NotFittedError(FastrankError, ValueError, AttributeError):
    """A calibrator was asked for what only its fit tells."""


class StateMismatchError(FastrankError, ValueError):
    """Two states, or a state and a request, do not fit together."""


def near_names(name: str, known: Iterable[str], alike: float = 0.6) -> list[str]:
    """Which of the known names may be meant: those that differ in case only, else the three nearest.

    Two names are near whose similarity (`difflib.SequenceMatcher.ratio`, from 0 to 1) is at least `alike`.
    """
    names = list(known)
    same = [other for other in names if other.casefold() == name.casefold()]
    return same or difflib.get_close_matches(name, names, cutoff=alike)


def did_you_mean(name: str, known: Iterable[str], otherwise: str) -> str:
    """The question whether a near name is meant, or what to say where none is near."""
    near = near_names(name, known)
    return f"did you mean {' or '.join(map(repr, near))}?" if near else otherwise
