"""Online metrics, of what users did: rates, ratios of sums, means and quantiles of columns.

They read no score.  Their intervals take rows as independent: where a user has several, sum them to one row a user
first, and take ratios of the sums.
"""

from __future__ import annotations

import math
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from fastrank.accumulators import ExactProduct, ExactSum, ValueHistogram, ValueRuns
from fastrank.domains import REAL, SCORE
from fastrank.metrics.base import Value, metric
from fastrank.metrics.intervals import CI, Squares, effective_rows, ratio_with_interval, share_with_interval
from fastrank.metrics.labels import POSITIVE, binary_label
from fastrank.metrics.names import ColumnName
from fastrank.metrics.parameters import Numbers
from fastrank.metrics.scores import BITS, value_in_cell
from fastrank.sweeps import Quantiles

if TYPE_CHECKING:
    from collections.abc import Mapping

    from fastrank.accumulators import Accumulator
    from fastrank.accumulators.sums import Sum
    from fastrank.metrics.parameters import Kind

__all__ = ["bounce_rate", "conversion_rate", "ctr", "engagement_rate", "mean", "quantiles", "rate", "ratio", "roi"]

WILSON = "interval: Wilson 1927, with Kish's effective number of rows (1965)"
DELTA = "interval: delta method for independent rows, Deng, Knoblich and Lu 2018"
COMMON: Mapping[str, tuple[Kind, Any]] = {"ci": (CI, None)}


def _squared_weight(p: Any) -> Mapping[str, Accumulator]:
    """What the effective number of rows is made of, where it is not the number of rows."""
    return {"squared_weight": ExactProduct("weight", "weight")} if p.weighted and p.ci is not None else {}


# ---- rates ----


def _finish_rate(label: Sum, weight: Sum, squared_weight: Sum | None = None, *, ci: float | None) -> Value:
    return share_with_interval(label, weight, effective_rows(weight, squared_weight), ci)


_rate = partial(
    metric,
    family="online",
    columns=lambda p: {"label": binary_label(p)},
    states=lambda p: {"label": ExactSum("label"), "weight": ExactSum("weight"), **_squared_weight(p)},
    reading=POSITIVE,
    common=COMMON,
    shared=False,
    finalize=_finish_rate,
    range=(0.0, 1.0),
    undefined="there are no rows",
    source=WILSON,
)


@_rate(aliases=("proportion",), better="neither")
def rate() -> None:
    """Rate: the share of rows whose label is 1.

    sum of w y / sum of w.  The interval (ci=) is that of Wilson: it lies inside [0, 1], and one row has one.  With
    weights it is that of as many rows as the weights are worth, (sum of w)^2 / sum of w^2.

    Examples
    --------
    >>> import fastrank as fr
    >>> result = fr.evaluate({"liked": [0, 1, 0, 0]}, "rate(ci=0.95)", label="liked")
    >>> row = result.table.to_pylist()[0]
    >>> row["value"], round(row["ci_lower"], 4), round(row["ci_upper"], 4)
    (0.25, 0.0456, 0.6994)
    """


@_rate(aliases=("click_through_rate", "clickthrough_rate"), better="higher")
def ctr() -> None:
    """Click-through rate: the share of impressions that were clicked.

    A row is an impression; its label is 1 where it was clicked.  Computed as `rate`.

    Examples
    --------
    >>> from fastrank import metrics
    >>> metrics.ctr().compute([0, 1, 0, 0])
    0.25
    """


@_rate(aliases=("cvr",), better="higher")
def conversion_rate() -> None:
    """Conversion rate: the share of clicks that led to the wanted action, such as a purchase.

    A row is a click; its label is 1 where it converted.  Where rows are impressions, it is the rate of conversions per
    impression, and `where="clicked = 1"` makes it that per click.  Computed as `rate`.

    Examples
    --------
    >>> import fastrank as fr
    >>> rows = {"clicked": [0, 1, 1, 0], "bought": [0, 1, 0, 0]}
    >>> fr.evaluate(rows, "conversion_rate", label="bought", where="clicked = 1")["conversion_rate"]
    0.5
    """


@_rate(better="lower")
def bounce_rate() -> None:
    """Bounce rate: the share of sessions that ended where they began.

    A row is a session; its label is 1 where it had a single event.  Computed as `rate`.

    Examples
    --------
    >>> from fastrank import metrics
    >>> metrics.bounce_rate().compute([1, 0, 1, 1])
    0.75
    """


@_rate(better="higher")
def engagement_rate() -> None:
    """Engagement rate: the share of eligible sessions (users, posts) with an engagement.

    A row is a session that could have had one; its label is 1 where it had: a comment, a share, enough time.  Computed
    as `rate`.

    Examples
    --------
    >>> from fastrank import metrics
    >>> metrics.engagement_rate(positive="shared").compute(["none", "shared", "none", "none"])
    0.25
    """


# ---- ratios of sums ----


def _ratio_states(p: Any, first: str, second: str) -> Mapping[str, Accumulator]:
    """The sums of two columns, of which the second may be the weights; with their products for an interval."""
    sums = {"above": ExactSum(first), "below": ExactSum(second), "weight": ExactSum("weight")}
    if p.ci is None:
        return sums
    pairs = ((first, first), (first, second), (second, second))
    products = [ExactSum(a) if b == "weight" else ExactProduct(a, b) for a, b in pairs]
    return {**sums, **dict(zip(Squares._fields, products, strict=True)), **_squared_weight(p)}


def _finish_ratio(
    above: Sum,
    below: Sum,
    weight: Sum,
    squared_weight: Sum | None = None,
    *,
    ci: float | None,
    less: int = 0,
    **given: Any,
) -> Value:
    squares = None if ci is None else Squares(*(given[name] for name in Squares._fields))
    return ratio_with_interval(above, below, weight, effective_rows(weight, squared_weight), squares, ci, less)


_ratio = partial(
    metric, family="online", common=COMMON, shared=False, range=(-math.inf, math.inf), finalize=_finish_ratio
)


@_ratio(
    columns={"numerator": REAL, "denominator": REAL},
    states=lambda p: _ratio_states(p, "numerator", "denominator"),
    parameters={
        "numerator": ColumnName(doc="Column whose sum is divided: `ratio(clicks, views)` is clicks per view."),
        "denominator": ColumnName(doc="Column by whose sum it is divided."),
    },
    aliases=("ratio_of_sums",),
    better="neither",
    undefined="the denominators sum to 0",
    source=DELTA,
)
def ratio(*, numerator: str = "numerator", denominator: str = "denominator") -> None:
    """Ratio of two sums, such as clicks per page view, or cost per click, of rows that are users.

    sum of w n / sum of w d.  The interval (ci=) is normal, and its variance is that of n - r d, by the delta method:
    sum of w (n - r d)^2 / sum of w, over (m - 1) and the square of the mean d, with r the ratio and m the number of
    rows, which with weights is (sum of w)^2 / sum of w^2.  It is NaN of a single row, and of values whose squares the
    range of float64 does not hold (above 1e154, or differing by less than 1e-140).

    Examples
    --------
    >>> from fastrank import metrics
    >>> metrics.ratio().compute(numerator=[2, 0, 1], denominator=[4, 1, 1])
    0.5
    >>> import fastrank as fr
    >>> rows = {"clicks": [2, 0, 1], "views": [4, 1, 1]}
    >>> result = fr.evaluate(rows, "ratio(clicks, views, ci=0.9)")
    >>> round(result.table["ci_lower"][0].as_py(), 4), round(result.table["ci_upper"][0].as_py(), 4)
    (0.2626, 0.7374)
    """


@_ratio(
    columns={"revenue": REAL, "cost": REAL},
    states=lambda p: _ratio_states(p, "revenue", "cost"),
    parameters={
        "revenue": ColumnName(doc="Column of what came in."),
        "cost": ColumnName(doc="Column of what was spent, in the same unit."),
    },
    finalize=partial(_finish_ratio, less=1),
    aliases=("return_on_investment",),
    better="higher",
    undefined="the costs sum to 0",
    source=DELTA,
)
def roi(*, revenue: str = "revenue", cost: str = "cost") -> None:
    """Return on investment: what came in, less what was spent, over what was spent.

    (sum of w revenue - sum of w cost) / sum of w cost: 0.25 is a gain of 25 %.  The interval (ci=) is that of `ratio`,
    less 1.

    Examples
    --------
    >>> from fastrank import metrics
    >>> metrics.roi().compute(revenue=[10.0, 0.0, 5.0], cost=[4.0, 4.0, 4.0])
    0.25
    """


@_ratio(
    columns={"value": REAL},
    states=lambda p: _ratio_states(p, "value", "weight"),
    parameters={"value": ColumnName(doc="Column whose mean is taken: `mean(seconds)` is that of seconds.")},
    number="value",
    aliases=("average",),
    better="neither",
    undefined="there are no rows",
    unit="the column's unit",
    source="interval: normal, with Kish's effective number of rows (1965)",
)
def mean(*, value: str = "value") -> None:
    """Mean of a column.

    sum of w x / sum of w.  The interval (ci=) is normal, the mean plus and minus z s / sqrt(n), with s^2 = sum of
    (x - mean)^2 / (n - 1); with weights s^2 / n is sum of w (x - mean)^2 / sum of w, over (m - 1), with m = (sum of
    w)^2 / sum of w^2 rows.  It is NaN where that of `ratio` is: of a single row, too.

    Examples
    --------
    >>> from fastrank import metrics
    >>> metrics.mean().compute(value=[1.5, 2.0, 4.0])
    2.5
    >>> import fastrank as fr
    >>> row = fr.evaluate({"seconds": [10, 20, 60]}, "mean(seconds, ci=0.95)").table.to_pylist()[0]
    >>> row["value"], round(row["ci_lower"], 4), round(row["ci_upper"], 4)
    (30.0, 0.0611, 59.9389)
    """


# ---- quantiles ----


@metric(
    family="online",
    columns={"value": SCORE},
    states=lambda p: {"quantiles": ValueRuns(p.weighted) if p.bits is None else ValueHistogram(p.bits, p.weighted)},
    sweeps=lambda p: {"quantiles": Quantiles(p.q)},
    parameters={
        "q": Numbers(0.0, 1.0, "low high", doc="Shares of the rows that are no larger; 0 is the least."),
        "value": ColumnName(doc="Column of which they are: `median(seconds)`, `quantiles(0.99, seconds)`."),
        **BITS,
    },
    number="q",
    presets={"median": {"q": (0.5,)}},
    aliases=("time_on_page", "dwell_time"),
    range=(-math.inf, math.inf),
    better="neither",
    unit="the column's unit",
    undefined="there are no rows",
    exactness="one of the values; with bits= the lower end of its cell, of which bound_lower and bound_upper are the "
    "ends",
    source='as numpy.quantile(method="inverted_cdf")',
)
def quantiles(
    quantiles: Quantiles, *, q: tuple[float, ...] = (0.5, 0.9, 0.99), value: str = "value", bits: int | None = None
) -> Value:
    """Quantiles of a column, such as the time that users spend on a page; the value is that of the lowest q.

    The quantile q is the smallest value such that the rows which have no more are at least a share q of all.
    `Result.curve` has a row for each q: q, value, and the ends lower and upper of its cell (with bits=; else the
    value), NaN where there are no rows.

    Examples
    --------
    >>> import fastrank as fr
    >>> result = fr.evaluate({"seconds": [3.0, 8.0, 40.0, 5.0]}, "quantiles(value=seconds)")
    >>> result["quantiles(value=seconds)"], result.curve("quantiles(value=seconds)")["value"].to_pylist()
    (5.0, [5.0, 40.0, 40.0])
    """
    found = np.array([quantiles.of("all", each) for each in q])
    curve = {"q": np.array(q), "value": found[:, 0], "lower": found[:, 0], "upper": found[:, 1]}
    return value_in_cell(*quantiles.of("all", q[0]), bits, curve)
