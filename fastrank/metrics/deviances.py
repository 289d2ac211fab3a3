"""Deviances: how far predicted means are from targets of the exponential family of distributions."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from fastrank.accumulators import ExactSum
from fastrank.domains import interval
from fastrank.metrics.base import metric
from fastrank.metrics.parameters import Number
from fastrank.metrics.regression import REALS

if TYPE_CHECKING:
    from collections.abc import Mapping

    from fastrank.accumulators.sums import Sum
    from fastrank.domains import Domain

__all__ = ["gamma_deviance", "poisson_deviance", "tweedie_deviance"]

# Ratios of numbers whose exponents are this small, or their powers from -4 to 5, stay within float64.
_RATIO_BITS, _POWER_BITS = 500, 100


def _span(bits: int) -> str:
    return f"from 2^-{bits} ({2.0**-bits:.1e}) to 2^{bits} ({2.0**bits:.1e})"


def _positive(bits: int) -> Domain:
    return interval(f"positive to 2^{bits}", f"a number above 0, {_span(bits)}", 2.0**-bits, 2.0**bits)


_COUNT = interval("not negative", f"a number from 0 to 2^500 ({2.0**500:.1e})", 0.0, 2.0**_RATIO_BITS)
_POISSON = {"label": _COUNT, "score": _positive(_RATIO_BITS)}
_GAMMA = {"label": _positive(_RATIO_BITS), "score": _positive(_RATIO_BITS)}


def _tweedie(power: float) -> Mapping[str, Domain]:
    """What targets and predictions may be, as in scikit-learn, but for the size."""
    if power in (0.0, 1.0, 2.0):
        return {0.0: REALS, 1.0: _POISSON, 2.0: _GAMMA}[power]
    bits, most = _POWER_BITS, 2.0**_POWER_BITS
    if power < 0:
        label = interval(f"real to 2^{bits}", f"a number from -2^{bits} to 2^{bits} ({most:.1e})", -most, most)
    elif power < 2:
        label = interval(f"not negative to 2^{bits}", f"0, or a number {_span(bits)}", 1 / most, most, or_zero=True)
    else:
        label = _positive(bits)
    return {"label": label, "score": _positive(bits)}


def _tweedie_loss(power: float) -> ExactSum:
    terms = {0.0: "squared_error", 1.0: "poisson", 2.0: "gamma"}
    return ExactSum(terms[power]) if power in terms else ExactSum("tweedie", (power,))


def _between_zero_and_one(p: Any) -> str:
    return f"power={p.power:g}: no distribution has a power between 0 and 1" if 0 < p.power < 1 else ""


@metric(
    family="deviances",
    columns=_POISSON,
    states=lambda _: {"loss": ExactSum("poisson"), "weight": ExactSum("weight")},
    aliases=("mean_poisson_deviance",),
    range=(0.0, math.inf),
    better="lower",
    undefined="there are no rows",
    exactness="the deviance of a row is right to 1e-14, of predictions next to their targets too; sums are exact",
    source="as sklearn.metrics.mean_poisson_deviance; LightGBM and XGBoost leave out what only the targets make",
)
def poisson_deviance(loss: Sum, weight: Sum) -> float:
    """Poisson deviance, of counts: the mean of 2 (y log(y / p) - y + p).

    Examples
    --------
    >>> from fastrank import metrics
    >>> metrics.poisson_deviance().compute([0, 2], [0.5, 2.0])
    0.5
    """
    return loss.over(weight)


@metric(
    family="deviances",
    columns=_GAMMA,
    states=lambda _: {"loss": ExactSum("gamma"), "weight": ExactSum("weight")},
    aliases=("mean_gamma_deviance",),
    range=(0.0, math.inf),
    better="lower",
    undefined="there are no rows",
    exactness="the deviance of a row is right to 1e-14, of predictions next to their targets too; sums are exact",
    source="as sklearn.metrics.mean_gamma_deviance",
)
def gamma_deviance(loss: Sum, weight: Sum) -> float:
    """Gamma deviance, of positive amounts: the mean of 2 (log(p / y) + y / p - 1).

    It does not change with the unit of targets and predictions.

    Examples
    --------
    >>> from fastrank import metrics
    >>> round(metrics.gamma_deviance().compute([1, 2], [2.0, 2.0]), 6)
    0.193147
    """
    return loss.over(weight)


@metric(
    family="deviances",
    columns=lambda p: _tweedie(p.power),
    states=lambda p: {"loss": _tweedie_loss(p.power), "weight": ExactSum("weight")},
    parameters={
        "power": Number(
            -3.0,
            6.0,
            closed="low high",
            doc="The variance grows as this power of the mean; not between 0 and 1.\n"
            "0: squared error, of any numbers; 1: Poisson, y >= 0; between 1 and 2: Poisson sums of gamma amounts, "
            "y >= 0; 2: gamma, y > 0; above 2: y > 0; below 0: any y.  But for 0, predictions are above 0.",
        )
    },
    conflict=_between_zero_and_one,
    aliases=("mean_tweedie_deviance",),
    range=(0.0, math.inf),
    better="lower",
    undefined="there are no rows",
    exactness="the deviance of a row is right to 1e-12, of predictions next to their targets too; sums are exact",
    source="as sklearn.metrics.mean_tweedie_deviance",
)
def tweedie_deviance(loss: Sum, weight: Sum, *, power: float = 0.0) -> float:
    """Tweedie deviance, of the distribution whose variance is a power k of its mean.

    The mean of 2 (max(y, 0)^(2-k) / ((1-k) (2-k)) - y p^(1-k) / (1-k) + p^(2-k) / (2-k)).

    Examples
    --------
    >>> from fastrank import metrics
    >>> metrics.tweedie_deviance(power=1.5).compute([0, 4], [1.0, 4.0])
    2.0
    """
    return loss.over(weight)
