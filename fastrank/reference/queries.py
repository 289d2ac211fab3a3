"""From a measure of one ranked list to a metric: the value of each query, and what all of them come to."""

from __future__ import annotations

import inspect
import math
from dataclasses import fields, replace
from fractions import Fraction
from typing import TYPE_CHECKING, Any

import numpy as np

from fastrank.reference.lists import UNJUDGED, Rules, check_untied, rank, rows_by_query
from fastrank.reference.regression import weighted_mean

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import ArrayLike

    from fastrank.reference.lists import Row

    Metric = Callable[..., float]
    PerQuery = Callable[..., dict[Any, float]]

__all__ = ["aggregate", "list_metric"]

NO_RELEVANT = {"zero": 0.0, "one": 1.0, "nan": math.nan, "skip": None}
LEAST_OF_GEOMETRIC = 1e-5
RULES = tuple(field.name for field in fields(Rules))


def _value(measure: Callable[..., float | None], rows: list[Row], rules: Rules, options: Any) -> float | None:
    """What a query counts; None: nothing."""
    ranking = rank(rows, rules)
    if all(row.label == UNJUDGED for row in ranking.rows):
        if rules.extra_query == "error":
            raise ValueError('no row of a query is judged (extra_query="error")')
        return None
    missing = all(row.score is None for row in ranking.rows)
    if missing and rules.missing_query == "error":
        raise ValueError('no row of a query is retrieved (missing_query="error")')
    if missing and rules.missing_query == "skip":
        return None
    if rules.ties == "error":
        check_untied(ranking.groups, options.get("k"), by_row=True)
    value = measure(ranking, **options)
    if value is not None:
        return value
    if rules.no_relevant == "error":
        raise ValueError('no row of a query is relevant (no_relevant="error")')
    return NO_RELEVANT[rules.no_relevant]


def aggregate(values: ArrayLike, weights: ArrayLike, aggregation: str) -> float:
    """One number for the values of queries; one of weight 0 is absent.

    "mean" and "std" (of all, not of a sample) are weighted; "sum" is of weight times value; "geometric" is the
    exponential of the mean logarithm, values below 1e-5 counting as that; "median" is the value at which half of the
    weight is reached, or the mean of it and the next where it is reached exactly.
    """
    values, weights = np.asarray(values, np.float64), np.asarray(weights, np.float64)
    values, weights = values[weights > 0], weights[weights > 0]
    if aggregation == "sum":
        return math.fsum(values * weights)
    if len(values) == 0 or np.isnan(values).any():
        return math.nan
    if aggregation == "mean":
        return weighted_mean(values, weights)
    if aggregation in ("min", "max"):
        return float(values.min() if aggregation == "min" else values.max())
    if aggregation == "geometric":
        return math.exp(weighted_mean(np.log(np.maximum(values, LEAST_OF_GEOMETRIC)), weights))
    pairs = sorted(zip(map(Fraction, values.tolist()), map(Fraction, weights.tolist()), strict=True))
    total = sum(w for _, w in pairs)
    if aggregation == "std":
        mean = sum(w * x for x, w in pairs) / total
        return math.sqrt(sum(w * (x - mean) ** 2 for x, w in pairs) / total)
    if aggregation == "median":
        reached = Fraction(0)
        for i, (x, w) in enumerate(pairs):
            reached += w
            if 2 * reached >= total:
                return float(x) if 2 * reached > total else float((x + pairs[i + 1][0]) / 2)
    raise ValueError(f"unknown aggregation: {aggregation!r}")


def list_metric(
    measure: Callable[..., float | None],
    *,
    columns: tuple[str, ...] = (),
    aggregation: str = "mean",
    defaults: Rules = Rules(),  # noqa: B008  (frozen)
) -> tuple[Metric, PerQuery]:
    """A metric, and its twin that gives the value of each query (NaN for a query that counts nothing).

    `measure` takes a ranked list and options, and returns None where nothing in the list is to be found.  Both take
    long rows: `label`, `score` and `query`, an entry a row; rows of a query may stand anywhere.  `query_weight`, `item`
    and the `columns` that the measure reads have an entry a row too; all rows of a query carry the same weight.
    Besides there are the options of the measure, and the fields of `Rules` with these `defaults`.
    """

    def values(label: Any, score: Any, query: Any, item: Any, options: dict[str, Any]) -> dict[Any, float | None]:
        rules = replace(defaults, **{name: options.pop(name) for name in RULES if name in options})
        more = {name: options.pop(name, None) for name in columns}
        by_query = rows_by_query(label, score, query, item, more)
        return {q: _value(measure, rows, rules, options) for q, rows in by_query.items()}

    def per_query(label: Any, score: Any, query: Any, *, item: Any = None, **options: Any) -> dict[Any, float]:
        each = values(label, score, query, item, options)
        return {q: math.nan if value is None else value for q, value in each.items()}

    def metric(
        label: Any,
        score: Any,
        query: Any,
        *,
        query_weight: Any = None,
        item: Any = None,
        aggregation: str = aggregation,
        **options: Any,
    ) -> float:
        queries = np.asarray(query).tolist()
        weights = [1.0] * len(queries) if query_weight is None else np.asarray(query_weight).tolist()
        weight_of = dict(zip(queries, weights, strict=True))
        counted = {q: x for q, x in values(label, score, query, item, options).items() if x is not None}
        return aggregate(list(counted.values()), [weight_of[q] for q in counted], aggregation)

    name = measure.__name__.lstrip("_")
    for function, suffix in ((metric, ""), (per_query, "_per_query")):
        function.__name__ = function.__qualname__ = name + suffix
        function.__doc__ = measure.__doc__
        vars(function)["__signature__"] = _signature(function, measure, columns, defaults)
    return metric, per_query


def _signature(function: Any, measure: Any, columns: tuple[str, ...], defaults: Rules) -> inspect.Signature:
    """The parameters in the order of use, with the defaults of the measure and of the rules."""
    own = [p for p in inspect.signature(function).parameters.values() if p.kind is not p.VAR_KEYWORD]
    options = list(inspect.signature(measure).parameters.values())[1:]
    rules = inspect.signature(Rules).parameters.values()
    read = [inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=None) for name in columns]
    return inspect.Signature(
        [*own, *read, *options, *(p.replace(kind=p.KEYWORD_ONLY, default=getattr(defaults, p.name)) for p in rules)]
    )
