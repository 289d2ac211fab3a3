"""What a parameter of a metric may be.  Each kind checks a value and gives its canonical form."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from numbers import Integral, Real
from typing import Any, Protocol

from fastrank.errors import ParameterError
from fastrank.functions import Function

LARGEST_CUTOFF = 2**53
MOST_NAMED = 2**31  # a limit past any use says nothing in a message
# Sums of discounted gains of this size stay within float64 for lists of any length.
LARGEST_GAIN = 2.0**1000

__all__ = [
    "Background",
    "Choice",
    "Cutoff",
    "Discount",
    "Epsilon",
    "Fallback",
    "Flag",
    "Gain",
    "Kind",
    "Number",
    "Numbers",
    "WholeNumber",
    "finite_float",
    "refuse",
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


def refuse(kind: Kind, value: Any) -> ParameterError:
    """The error for a value that a kind does not allow."""
    return ParameterError(f"{value!r}; allowed: {kind.allowed}")


def finite_float(value: Any) -> float | None:
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
            raise refuse(self, value)
        number = int(value)
        if number < self.low or (self.high is not None and number > self.high):
            raise refuse(self, value)
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
        number = finite_float(value)
        if number is None:
            raise refuse(self, value)
        above = number >= self.low if "low" in self.closed else number > self.low
        below = number <= self.high if "high" in self.closed else number < self.high
        if not (above and below):
            raise refuse(self, value)
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
            raise refuse(self, value)
        each = Number(self.low, self.high, self.closed)
        try:
            numbers = {each.check(number) or 0.0 for number in (value if isinstance(value, Iterable) else (value,))}
        except ParameterError:
            raise refuse(self, value) from None
        if not numbers:
            raise refuse(self, value)
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
            raise refuse(self, value)
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
        number = finite_float(value)
        if number is None or number not in self.numbers:
            raise refuse(self, value)
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
        number = finite_float(value)
        if number is None or not 2.0**-1022 <= number < 0.5:
            raise refuse(self, value)
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
            raise refuse(self, value)
        return word in (True, "true")


@dataclass(frozen=True)
class Gain:
    """ "linear", "exp2", or a mapping from labels to gains."""

    doc: str = (
        "linear: the label, 0 where it is negative; exp2: 2^label - 1; a mapping: the gain of each label; a Python "
        "function, compiled by Numba: the gain of a label above 0."
    )
    allowed = (
        '"linear", "exp2", {label: gain, ...} with gains from 0 to 2^1000, and 0 for label 0, or a function of a label'
    )

    def check(self, value: Any) -> str | tuple[tuple[float, float], ...]:
        """The word, (label, gain) pairs by ascending label, or the function."""
        if isinstance(value, Function):
            return value
        if callable(value):
            return Function.of(value, "a label")
        if isinstance(value, str) and value.lower() in ("linear", "exp2"):
            return value.lower()
        pairs = value.items() if isinstance(value, dict) else value
        try:
            table = {float(label): float(gain) for label, gain in pairs}
        except (TypeError, ValueError, OverflowError):
            raise refuse(self, value) from None
        finite = all(abs(label) <= LARGEST_GAIN and 0 <= gain <= LARGEST_GAIN for label, gain in table.items())
        if isinstance(value, str) or not table or not finite or table.get(0.0, 0.0) != 0:
            raise refuse(self, value)
        return tuple(sorted({0.0: 0.0, **table}.items()))


@dataclass(frozen=True)
class Discount:
    """ "log2", or a function of the rank."""

    doc: str = (
        "What a gain is multiplied by.\nlog2: 1 / log2(rank + 1)\na Python function, compiled by Numba: its value at "
        "the rank, from 0 to 2^20"
    )
    allowed = '"log2", or a function of a rank from 1'

    def check(self, value: Any) -> str:
        """The word, or the function."""
        if isinstance(value, Function):
            return value
        if callable(value):
            return Function.of(value, "a rank")
        if not isinstance(value, str) or value.lower() != "log2":
            raise refuse(self, value)
        return value.lower()


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
        number = finite_float(value)
        # The kernel's logarithm takes normal numbers, and 1 - background must not be 1 - 0.
        if number is None or not 2.0**-1022 <= number <= 1 - 2.0**-53:
            raise refuse(self, value)
        return number
