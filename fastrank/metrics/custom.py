"""Metrics of a user's own functions."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from fastrank.accumulators import ExactSum, FunctionSum
from fastrank.domains import REAL
from fastrank.errors import ParameterError
from fastrank.metrics.base import Definition, Metric, MetricFactory

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import FunctionType

    from fastrank.accumulators.sums import Sum

__all__ = ["mean_of"]


@dataclass(frozen=True, eq=False, repr=False)
class _MeanOf(Metric):
    """A mean of a function, which travels with it: by reference where it can be imported."""

    function: FunctionType | None = None

    def __reduce__(self) -> tuple[Any, ...]:
        where = {} if self.where is None else {"where": self.where}
        return _again, (self.function, {**self.overrides, **where, "name": self.given_name})


def _again(function: FunctionType, arguments: dict[str, Any]) -> Metric:
    return mean_of(function, **arguments)


def mean_of(
    fn: Callable[[float, float], float],
    *,
    name: str | None = None,
    label: str | None = None,
    score: str | None = None,
    weight: str | None = None,
    where: Any = None,
) -> Metric:
    """Mean over rows of a function of your own: sum(weight * fn(label, score)) / sum(weight).

    The function is compiled by Numba and runs inside the pass, on blocks of rows; its terms are added exactly.  So on
    one machine the bits of the result do not depend on how rows are split, ordered or merged, as long as the function
    returns the same for the same arguments.  It divides as NumPy does: 1 / 0 is inf.  There is no spelling as text.

    Columns
    -------
    label : number or bool, shape (n_rows,)
        Any finite number.
    score : number or bool, shape (n_rows,)
        Any finite number.
    weight : number or bool, shape (n_rows,), optional
        Weight of the row; a row of weight 0 is absent.

    Parameters
    ----------
    fn : Python function of label and score, both float64, that returns a number
        What Numba compiles: arithmetic, `math` and NumPy's functions of numbers, branches, loops, and functions
        under `numba.njit`.
    name : str; default the function's own name
        Name of the metric in results; a lambda needs one.
    label, score, weight : str, optional
        Columns of this metric alone, in place of those of the evaluation.
    where : optional
        Condition of this metric alone.

    Returns
    -------
    Metric
        Its value is infinite or NaN where terms are.  It can be pickled where the function can: by plain pickle where
        it can be imported, else by cloudpickle.

    Undefined
    ---------
    NaN where there are no rows.

    State
    -----
    FunctionSum
        Memory: 592 bytes a slice.  States merge where their functions are the same: bytecode of one version of Python,
        constants, defaults, and the values of closures and globals.

    Examples
    --------
    >>> from fastrank import metrics
    >>> def squared_log_ratio(label, score):
    ...     return math.log(score / label) ** 2
    >>> import math
    >>> metric = metrics.mean_of(squared_log_ratio)
    >>> metric.name
    'squared_log_ratio'
    >>> round(metric.compute([1.0, 2.0], [2.0, 2.0]), 6)
    0.240227
    """
    from fastrank._kernels import user_functions

    try:
        function = user_functions.plain_function(fn, ("a label", "a score"))
        if name is None and function.__name__ == "<lambda>":
            raise ParameterError("a lambda has no name of its own: give name=")
        digest = user_functions.digest(function)
        user_functions.compiled(function, 2, digest)
    except ParameterError as error:
        raise ParameterError(f"mean_of{'' if name is None else f'(name={name!r})'}: {error}") from None
    overrides = {"label": label, "score": score, "weight": weight, "where": where}
    named = function.__name__ if name is None else name
    made = MetricFactory(_definition(function, digest))(**overrides, name=named)
    return _MeanOf(made.definition, made.parameters, made.overrides, made.where, made.given_name, function)


def _definition(function: FunctionType, digest: str) -> Definition:
    def finalize(loss: Sum, weight: Sum, *, digest: str) -> float:
        return loss.over(weight)

    return Definition(
        name=f"mean_of({function.__name__})",
        family="custom",
        doc=mean_of.__doc__ or "",
        columns=lambda _: {"label": REAL, "score": REAL},
        optional=("weight",),
        parameters={},
        defaults={"digest": digest},  # which tells metrics of different functions apart
        states=lambda _: {"loss": FunctionSum.of(function, digest), "weight": ExactSum("weight")},
        sweeps=lambda _: {},
        finalize=finalize,
        aliases=(),
        presets={},
        range=(-math.inf, math.inf),
        better="neither",
        undefined="there are no rows",
        exactness="sums are exact and the value is rounded once",
        unit="",
        source="",
        without_query="",
        conflict=lambda _: "",
        peers={},
    )
