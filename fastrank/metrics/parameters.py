"""What a parameter of a metric may be.  Each kind checks a value and gives its canonical form."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from numbers import Integral, Real
from typing import Any, Protocol

import numpy as np

from fastrank.domains import LARGEST_EXACT_INTEGER
from fastrank.errors import ParameterError

LARGEST_CUTOFF = 2**53
MOST_NAMED = 2**31  # a limit past any use says nothing in a message
# Sums of discounted gains of this size stay within float64 for lists of any length.
LARGEST_GAIN = 2.0**1000

# float64, as which numbers are read from text, tells them apart up to here.
LARGEST_LABEL = 2**53

__all__ = [
    "Background",
    "Choice",
    "ClassNames",
    "ColumnName",
    "ColumnNames",
    "Cutoff",
    "Epsilon",
    "Fallback",
    "Flag",
    "Gain",
    "Kind",
    "Label",
    "Number",
    "Numbers",
    "WholeNumber",
]


class Kind(Protocol):
    """A kind of parameter; `doc` says what the parameter does."""

    @property
    def doc(self) -> str:
        """What the parameter does."""

    @property
    def allowed(self) -> str:
        """What is allowed, in words."""

    def check(self, value: Any) -> Any:
        """The canonical form of a value; ParameterError where it is not allowed."""


def _refuse(kind: Kind, value: Any) -> ParameterError:
    return ParameterError(f"{value!r}; allowed: {kind.allowed}")


def _finite_float(value: Any) -> float | None:
    """A real number as float, None where it is none."""
    if isinstance(value, bool) or not isinstance(value, Real):
        return None
    try:
        number = float(value)
    except OverflowError:
        return None
    return number if math.isfinite(number) else None


@dataclass(frozen=True)
class WholeNumber:
    """An integer from `low` to `high`, or None where `optional`."""

    low: int
    high: int | None = None
    optional: bool = False
    none_means: str = "None"
    doc: str = ""

    @property
    def allowed(self) -> str:
        """What is allowed, in words."""
        span = f"an integer from {self.low}" + (
            "" if self.high is None or self.high > MOST_NAMED else f" to {self.high}"
        )
        return f"{span}, or None: {self.none_means}" if self.optional else span

    def check(self, value: Any) -> int | None:
        """An int."""
        if value is None and self.optional:
            return None
        if isinstance(value, bool) or not isinstance(value, Integral):
            raise _refuse(self, value)
        number = int(value)
        if number < self.low or (self.high is not None and number > self.high):
            raise _refuse(self, value)
        return number


def Cutoff() -> WholeNumber:  # noqa: N802  (stands where the kinds stand)
    """A cut-off k, or None for the whole list."""
    return WholeNumber(
        1, LARGEST_CUTOFF, optional=True, none_means="the whole list", doc="Only the first k ranks count."
    )


@dataclass(frozen=True)
class Number:
    """A finite float inside an open interval, ends included where said, or None where `optional`."""

    low: float
    high: float
    closed: str = ""
    doc: str = ""
    optional: bool = False
    none_means: str = "None"

    @property
    def allowed(self) -> str:
        """What is allowed, in words."""
        low = "from" if "low" in self.closed else "above"
        high = {"high": "up to", "low high": "to"}.get(self.closed, "below")
        both = " and" if self.closed != "low high" else ""
        span = f"a number {low} {self.low:g}" + ("" if self.high == float("inf") else f"{both} {high} {self.high:g}")
        return f"{span}, or None: {self.none_means}" if self.optional else span

    def check(self, value: Any) -> float | None:
        """A float."""
        if value is None and self.optional:
            return None
        number = _finite_float(value)
        if number is None:
            raise _refuse(self, value)
        above = number >= self.low if "low" in self.closed else number > self.low
        below = number <= self.high if "high" in self.closed else number < self.high
        if not (above and below):
            raise _refuse(self, value)
        return number


@dataclass(frozen=True)
class Numbers:
    """One finite float or several, each inside an open interval, ends included where said."""

    low: float
    high: float
    closed: str = ""
    doc: str = ""

    @property
    def allowed(self) -> str:
        """What is allowed, in words."""
        each = Number(self.low, self.high, self.closed).allowed if self.low > -math.inf else "a finite number"
        return f"{each}, or a list of such"

    def check(self, value: Any) -> tuple[float, ...]:
        """Floats that ascend, each once; -0.0 is 0.0."""
        if isinstance(value, str | bytes | Mapping):
            raise _refuse(self, value)
        each = Number(self.low, self.high, self.closed)
        try:
            numbers = {each.check(number) or 0.0 for number in (value if isinstance(value, Iterable) else (value,))}
        except ParameterError:
            raise _refuse(self, value) from None
        if not numbers:
            raise _refuse(self, value)
        return tuple(sorted(numbers))


@dataclass(frozen=True)
class Choice:
    """One of several words, or None where `optional`."""

    words: tuple[str, ...]
    doc: str = ""
    optional: bool = False

    @property
    def allowed(self) -> str:
        """What is allowed, in words."""
        return ", ".join(f'"{word}"' for word in self.words) + (", or None" if self.optional else "")

    def check(self, value: Any) -> str | None:
        """The word in lower case."""
        if value is None and self.optional:
            return None
        if not isinstance(value, str) or value.lower() not in self.words:
            raise _refuse(self, value)
        return value.lower()


@dataclass(frozen=True)
class Fallback:
    """ "nan", or one of a few numbers."""

    numbers: tuple[float, ...]
    doc: str = ""

    @property
    def allowed(self) -> str:
        """What is allowed, in words."""
        return f'"nan", or {" or ".join(f"{number:g}" for number in self.numbers)}'

    def check(self, value: Any) -> str | float:
        """The word, or the number as float."""
        if isinstance(value, str) and value.lower() == "nan":
            return "nan"
        if isinstance(value, Real) and math.isnan(value):
            return "nan"  # a word equals itself
        number = _finite_float(value)
        if number is None or number not in self.numbers:
            raise _refuse(self, value)
        return number


@dataclass(frozen=True)
class Epsilon:
    """How far from 0 and 1 probabilities are kept: a number, "dtype", or None."""

    doc: str = ""
    allowed = 'a number from 2^-1022 and below 0.5, "dtype", or None: nothing is clipped'

    def check(self, value: Any) -> float | str | None:
        """The number as float, or the word."""
        if value is None or (isinstance(value, str) and value.lower() in ("dtype", "none")):
            return None if value is None or value.lower() == "none" else "dtype"
        number = _finite_float(value)
        if number is None or not 2.0**-1022 <= number < 0.5:
            raise _refuse(self, value)
        return number


@dataclass(frozen=True)
class Flag:
    """True or False; or a word, where there is one."""

    doc: str = ""
    word: str = ""

    @property
    def allowed(self) -> str:
        """What is allowed, in words."""
        return f'True, False or "{self.word}"' if self.word else "True or False"

    def check(self, value: Any) -> bool | str:
        """A bool, or the word."""
        word = value.lower() if isinstance(value, str) else value
        if self.word and word == self.word:
            return self.word
        if word not in (True, False, "true", "false") or isinstance(word, float):
            raise _refuse(self, value)
        return word in (True, "true")


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
            raise _refuse(self, value)
        return value


def _distinct(value: Any) -> tuple[Any, ...] | None:
    """The entries of a list of two at least, all different and of one type; None where it is none."""
    entries = tuple(value) if isinstance(value, Iterable) and not isinstance(value, str | bytes | Mapping) else ()
    of_one_type = len({isinstance(entry, str) for entry in entries}) == 1
    return entries if len(entries) > 1 and of_one_type and len(set(entries)) == len(entries) else None


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
            raise _refuse(self, value)
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
            raise _refuse(self, value)
        if isinstance(names[0], str):
            return names
        if any(abs(name) > LARGEST_EXACT_INTEGER for name in names):
            raise _refuse(self, value)
        return tuple(int(name) for name in names)


@dataclass(frozen=True)
class Gain:
    """ "linear", "exp2", or a mapping from labels to gains."""

    doc: str = "linear: the label, 0 where it is negative; exp2: 2^label - 1; a mapping: the gain of each label."
    allowed = '"linear", "exp2", or {label: gain, ...} with gains from 0 to 2^1000, and 0 for label 0'

    def check(self, value: Any) -> str | tuple[tuple[float, float], ...]:
        """The word, or (label, gain) pairs by ascending label."""
        if isinstance(value, str) and value.lower() in ("linear", "exp2"):
            return value.lower()
        pairs = value.items() if isinstance(value, dict) else value
        try:
            table = {float(label): float(gain) for label, gain in pairs}
        except (TypeError, ValueError, OverflowError):
            raise _refuse(self, value) from None
        finite = all(abs(label) <= LARGEST_GAIN and 0 <= gain <= LARGEST_GAIN for label, gain in table.items())
        if isinstance(value, str) or not table or not finite or table.get(0.0, 0.0) != 0:
            raise _refuse(self, value)
        return tuple(sorted({0.0: 0.0, **table}.items()))


@dataclass(frozen=True)
class Background:
    """ "self", "overall", a rate, or the name of a column of rates."""

    doc: str = (
        'self: the mean label of the rows, those of the slice; overall (or, in quotes, "global"): of the rows of all '
        "slices together; a rate; or a column with a rate for each row."
    )
    allowed = '"self", "overall", a rate above 0 and below 1, or the name of a column of rates'

    def check(self, value: Any) -> str | float:
        """The word, the name, or the rate as float."""
        if isinstance(value, str) and value:
            return "overall" if value == "global" else value
        number = _finite_float(value)
        # The kernel's logarithm takes normal numbers, and 1 - background must not be 1 - 0.
        if number is None or not 2.0**-1022 <= number <= 1 - 2.0**-53:
            raise _refuse(self, value)
        return number


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
        number = float(value) if isinstance(value, bool | np.bool_) else _finite_float(value)
        if number is None or abs(value) > LARGEST_LABEL:
            raise _refuse(self, value)
        return int(number) if number.is_integer() else number
