"""Errors of forecasts in relation to the targets."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from fastrank.accumulators import ExactSum, ZeroRows
from fastrank.errors import ParameterError
from fastrank.metrics.base import Value, metric
from fastrank.metrics.parameters import Choice, Flag, Number
from fastrank.metrics.regression import REALS

if TYPE_CHECKING:
    from fastrank.accumulators.errors import Zeros
    from fastrank.accumulators.sums import Sum

__all__ = ["mape", "smape", "wape"]

_PERCENT = Flag(doc="True: times 100.")


@dataclass(frozen=True)
class ZeroTarget:
    """What becomes of a row whose target is 0."""

    doc = (
        "skip: rows whose target is 0 are left out, and counted in `rows_skipped`; count: they count as without error; "
        "inf: their error is divided by 0, which makes the value infinite, or NaN where the prediction is 0 too.\n"
        "A number: errors are divided by it where |y| is less.  max1 is 1 (LightGBM, CatBoost); 2.220446049250313e-16 "
        "is scikit-learn's, 1.17e-06 that of torchmetrics."
    )
    allowed = '"skip", "count", "inf", "max1", or a number above 0'

    def check(self, value: Any) -> str | float:
        """The word in lower case, or the number as float."""
        word = value.lower() if isinstance(value, str) else value
        if word in ("skip", "count", "inf"):
            return str(word)
        try:
            return 1.0 if word == "max1" else float(Number(0.0, math.inf).check(word) or 0.0)
        except ParameterError:
            raise ParameterError(f"{value!r}; allowed: {self.allowed}") from None


@dataclass(frozen=True)
class LargestValue:
    """The value of a forecast that is as wrong as can be."""

    doc = "The largest value there is: 200 and 100 are percentages, of the mean of |y| and |p| and of their sum."
    allowed = "200, 2, 100 or 1"

    def check(self, value: Any) -> int:
        """The number."""
        text = str(value)
        if text not in ("200", "2", "100", "1"):
            raise ParameterError(f"{value!r}; allowed: {self.allowed}")
        return int(text)


def _relative_error(p: Any) -> ExactSum:
    if isinstance(p.zero, str) and p.zero != "inf":
        return ExactSum("relative_error")
    return ExactSum("floored_relative_error", (0.0 if p.zero == "inf" else p.zero,))


@metric(
    family="forecasts",
    columns=REALS,
    states=lambda p: {
        "error": _relative_error(p),
        "weight": ExactSum("weight"),
        **({"zeros": ZeroRows(("label",))} if p.zero == "skip" else {}),
    },
    parameters={"zero": ZeroTarget(), "percent": _PERCENT},
    aliases=("mean_absolute_percentage_error",),
    range=(0.0, math.inf),
    better="lower",
    undefined='there are no rows; with zero="skip", where no target is other than 0; with zero="inf", where a target '
    "and its prediction are 0",
    unit="a fraction, or per cent with percent=True",
    source="as sklearn.metrics.mean_absolute_percentage_error, but for targets of 0",
)
def mape(
    error: Sum, weight: Sum, zeros: Zeros | None = None, *, zero: str | float = "skip", percent: bool = False
) -> Value:
    """Mean absolute percentage error: the mean of |p - y| / |y|.

    Examples
    --------
    >>> from fastrank import metrics
    >>> metrics.mape().compute([4, 8, 0], [5, 8, 1])
    0.125
    """
    if zeros is not None:
        weight = weight.less(zeros.weight)
    value = error.times(100 if percent else 1).over(weight)
    return Value(value, skipped=None if zeros is None else zeros.rows)


@metric(
    family="forecasts",
    columns=REALS,
    states=lambda p: {
        "error": ExactSum("symmetric_relative_error"),
        "weight": ExactSum("weight"),
        **({} if p.zero == "count" else {"zeros": ZeroRows(("label", "score"))}),
    },
    parameters={
        "form": LargestValue(),
        "zero": Choice(
            ("count", "skip", "nan"),
            doc="Rows whose target and prediction are 0 count as without error (count), are left out and counted in "
            "`rows_skipped` (skip), or make the value NaN (nan).",
        ),
    },
    aliases=("symmetric_mean_absolute_percentage_error",),
    range=(0.0, 200.0),
    better="lower",
    undefined='there are no rows; with zero="skip", where target and prediction of every row are 0; with zero="nan", '
    "where those of any row are",
    source="Makridakis 1993; 0 to 200 as CatBoost and river have it, 0 to 2 (form=2) torchmetrics, 0 to 1 (form=1) "
    "polars_ds",
)
def smape(error: Sum, weight: Sum, zeros: Zeros | None = None, *, form: int = 200, zero: str = "count") -> Value:
    """Symmetric mean absolute percentage error: 100 times the mean of |p - y| / ((|y| + |p|) / 2).

    Examples
    --------
    >>> from fastrank import metrics
    >>> metrics.smape().compute([3, 4, 0], [5, 4, 0]) * 3
    50.0
    """
    if zeros is not None and zero == "skip":
        weight = weight.less(zeros.weight)
    value = error.times(form).over(weight)
    if zeros is not None and zero == "nan" and zeros.rows:
        value = math.nan
    return Value(value, skipped=None if zeros is None or zero == "nan" else zeros.rows)


@metric(
    family="forecasts",
    columns=REALS,
    states=lambda _: {"error": ExactSum("absolute_error"), "target": ExactSum("absolute_label")},
    parameters={"percent": _PERCENT},
    aliases=("wmape", "weighted_mape", "weighted_mean_absolute_percentage_error"),
    range=(0.0, math.inf),
    better="lower",
    undefined="no target is other than 0",
    unit="a fraction, or per cent with percent=True",
    source="Kolassa and Schuetz 2007 (MAD/Mean ratio); as torchmetrics' WeightedMeanAbsolutePercentageError",
)
def wape(error: Sum, target: Sum, *, percent: bool = False) -> float:
    """Weighted absolute percentage error: the sum of |p - y| over the sum of |y|.

    Large targets weigh more than in mape, and targets of 0 need no rule.

    Examples
    --------
    >>> from fastrank import metrics
    >>> metrics.wape().compute([4, 8, 0], [5, 8, 2])
    0.25
    """
    return error.times(100 if percent else 1).over(target)
