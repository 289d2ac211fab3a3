"""A user's own function of one number, as the value of a parameter."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Self

import numpy as np

from fastrank.errors import InvalidValueError, ParameterError

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["Function", "function_values", "is_function", "refuse_value"]

_START = "function:"


class Function(str):
    """The text "function:" and a digest, which is what states know a function by; beside it, the function."""

    __slots__ = ("argument", "function")

    function: Any
    argument: str

    @classmethod
    def of(cls, function: Any, argument: str) -> Self:
        """The function, compiled; ParameterError where it cannot be, or takes more than `argument`."""
        from fastrank._kernels import user_functions

        plain = user_functions.plain_function(function, (argument,))
        digest = user_functions.digest(plain)
        user_functions.compiled(plain, 1, digest)
        made = cls(_START + digest)
        made.function = plain
        made.argument = argument
        return made

    @property
    def name(self) -> str:
        """The function's own name."""
        return str(self.function.__name__)

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self).of, (self.function, self.argument)

    def __call__(self, x: NDArray[np.float64]) -> NDArray[np.float64]:
        """The values of all x."""
        from fastrank._kernels import user_functions

        lanes = user_functions.LANES
        filled, values = np.empty((2, -(-x.size // lanes) * lanes))
        filled[: x.size], filled[x.size :] = x, x[-1:]
        user_functions.compiled(self.function, 1, self.removeprefix(_START))(filled, values)
        return values[: x.size]


def is_function(value: Any) -> bool:
    """Whether the value of a parameter is a function, at hand or not."""
    return isinstance(value, str) and value.startswith(_START)


def function_values(function: str, x: NDArray[np.float64]) -> NDArray[np.float64]:
    """The values of all x; ParameterError where the state of the function came without it."""
    if not isinstance(function, Function):
        raise ParameterError("lists cannot be added to a state of a user's own function that is not at hand")
    return function(x)


def refuse_value(function: str, x: float, value: float, allowed: str) -> InvalidValueError:
    """The error of a function whose value at x is not allowed."""
    name = function.name if isinstance(function, Function) else function
    return InvalidValueError(f"{name}({x:g}) is {value!r}; allowed: {allowed}")
