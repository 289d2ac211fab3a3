"""A user's own functions of numbers, compiled by Numba when first used.

A function takes float64 and returns a number.  Its identity is a digest of what it computes, the same in every process.
"""

from __future__ import annotations

import builtins
import dis
import hashlib
import inspect
from functools import lru_cache
from types import BuiltinFunctionType, CodeType, FunctionType, ModuleType
from typing import TYPE_CHECKING, Any

import numba
import numpy as np

from fastrank.errors import ParameterError

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["compiled", "digest", "plain_function"]

# Rows are filled up to a multiple of this: a loop over vectors then leaves no rest, whose elementary functions could
# be other ones than those of the vectors, so that the bits of a term do not depend on where its row stands.
LANES = 64
# Arrow's arrays are read-only; a signature that says so takes writable ones too, so nothing compiles twice.
_INPUT = numba.types.Array(numba.float64, 1, "C", readonly=True)
_OUTPUT = numba.types.Array(numba.float64, 1, "C")
_MOST_COMPILED = 256


def plain_function(function: Any, arguments: tuple[str, ...]) -> FunctionType:
    """The Python function, out of Numba's wrapping where it has one; ParameterError where it is none that takes so many
    arguments."""
    plain = getattr(function, "py_func", function)
    if not isinstance(plain, FunctionType):
        raise ParameterError(f"{function!r} is no Python function of {_listed(arguments)}")
    try:
        inspect.signature(plain).bind(*arguments)
    except TypeError as error:
        raise ParameterError(f"{plain.__name__} has to take {_listed(arguments)}: {error}") from None
    return plain


def _listed(arguments: tuple[str, ...]) -> str:
    return " and ".join(arguments)


@lru_cache(_MOST_COMPILED)
def compiled(function: FunctionType, arguments: int, identity: str) -> Callable[..., None]:
    """fill(x, ..., values): writes the function of each row into values; lengths are multiples of LANES.  `identity` is
    its digest: globals and closures are compiled in, and may change later."""
    if digest(function) != identity:
        raise ParameterError(f"{function.__name__} uses a value that has changed since the metric was made")
    left = function.__code__.co_argcount - arguments
    defaults = (function.__defaults__ or ())[-left:] if left > 0 else ()
    given = (*(numba.float64,) * arguments, *map(numba.types.Omitted, defaults))
    point = numba.njit(error_model="numpy")(function)
    try:
        point.compile(given)
    except (numba.core.errors.NumbaError, NotImplementedError, TypeError) as error:
        raise ParameterError(f"{function.__name__} does not compile: {_reason(error)}") from None
    returned = point.overloads[given].signature.return_type  # type: ignore[attr-defined]
    if not isinstance(returned, numba.types.Integer | numba.types.Float | numba.types.Boolean):
        raise ParameterError(f"{function.__name__} has to return a number; it returns {returned}")
    inputs = [_INPUT] * arguments

    if arguments == 1:

        @numba.njit([numba.void(*inputs, _OUTPUT)], error_model="numpy", nogil=True)
        def fill_one(x: Any, values: Any) -> None:
            for i in range(values.size):
                values[i] = point(x[i])

        return fill_one

    @numba.njit([numba.void(*inputs, _OUTPUT)], error_model="numpy", nogil=True)
    def fill_two(x: Any, y: Any, values: Any) -> None:
        for i in range(values.size):
            values[i] = point(x[i], y[i])

    return fill_two


def _reason(error: Exception) -> str:
    """The line of Numba's message that says what is wrong."""
    lines = [line.strip() for line in str(error).splitlines()]
    called = [line.removeprefix(">>>").strip() for line in lines if line.startswith(">>>")]
    if called:
        return f"there is no {called[0]}"
    return next((line for line in lines if line and not line.startswith(("Failed in", "-"))), type(error).__name__)


def digest(function: FunctionType) -> str:
    """Of code, constants, names, defaults and the values that it closes over, globals among them."""
    return hashlib.sha256(repr(_described(function, ())).encode()).hexdigest()[:32]


def _described(value: Any, inside: tuple[Any, ...]) -> Any:
    """What a value is, as texts and tuples that are the same in every process."""
    value = getattr(value, "py_func", value)
    if any(value is outer for outer in inside):
        return "itself", len(inside)
    inside = (*inside, value)
    if isinstance(value, FunctionType):
        closed = [cell.cell_contents for cell in value.__closure__ or ()]
        used = {name: _global(value, name) for name in _names(value.__code__)}
        parts = [value.__code__, value.__defaults__, value.__kwdefaults__, tuple(closed), used]
        return ("function", *(_described(part, inside) for part in parts))
    if isinstance(value, CodeType):
        shape = value.co_argcount, value.co_kwonlyargcount, value.co_flags, value.co_names, value.co_exceptiontable
        return "code", shape, value.co_code.hex(), _described(value.co_consts, inside)
    if isinstance(value, ModuleType):
        return "module", value.__name__
    if isinstance(value, np.ndarray) and value.dtype != object:
        return "array", value.dtype.str, value.shape, value.tobytes().hex()
    if isinstance(value, dict):
        return "dict", *sorted((str(name), _described(entry, inside)) for name, entry in value.items())
    if isinstance(value, tuple | list):
        return type(value).__name__, *(_described(entry, inside) for entry in value)
    if isinstance(value, frozenset):
        return "frozenset", *sorted(repr(_described(entry, inside)) for entry in value)
    if isinstance(value, type | BuiltinFunctionType | np.ufunc):
        return "named", str(getattr(value, "__module__", "")), getattr(value, "__qualname__", value.__name__)
    if value is None or value is ... or isinstance(value, bool | int | float | complex | str | bytes | np.generic):
        return type(value).__name__, repr(value)
    name = getattr(inside[0], "__name__", "the function")
    raise ParameterError(f"{name} uses a {type(value).__name__}, of which its identity in states cannot be told")


def _names(code: CodeType) -> list[str]:
    """All globals that the code and those inside it look up; names of attributes are not among them."""
    inner = [constant for constant in code.co_consts if isinstance(constant, CodeType)]
    own = {step.argval for step in dis.get_instructions(code) if step.opname == "LOAD_GLOBAL"}
    return sorted(own.union(*map(_names, inner)))


def _global(function: FunctionType, name: str) -> Any:
    """What the name stands for; None where it is nothing's."""
    return function.__globals__.get(name, getattr(builtins, name, None))
