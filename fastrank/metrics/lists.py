"""What all metrics of ranked lists share: their columns, the rules by which peers differ, and their states."""

from __future__ import annotations

import inspect
from functools import partial
from typing import TYPE_CHECKING, Any

from fastrank.accumulators import ListExtremes, ListMoments, ListSums, ListValues
from fastrank.domains import ID, PROPENSITY, grades, list_scores
from fastrank.metrics.base import Value, metric
from fastrank.metrics.names import ColumnName
from fastrank.metrics.parameters import Choice, Cutoff, Flag, Number
from fastrank.metrics.presets import PEERS, rules_of_peer
from fastrank.rules import TIES, ListRules

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from fastrank.accumulators.base import ListAccumulator
    from fastrank.domains import Domain
    from fastrank.metrics.base import MetricFactory
    from fastrank.metrics.parameters import Kind

__all__ = ["CUTOFF", "LEVEL", "PROPENSITIES", "aggregate", "list_columns", "list_metric", "rules_given"]

CUTOFF: dict[str, Kind] = {"k": Cutoff()}
LEVEL: dict[str, Kind] = {"relevance_level": Number(0.0, float("inf"), doc="Labels from here on are relevant.")}
PROPENSITIES: dict[str, Kind] = {
    "propensity": ColumnName(
        optional=True, doc="Column of the probability that the row was shown: a row weighs 1 / max(propensity, clip)."
    ),
    "clip": Number(0.0, 1.0, closed="low high", doc="Least propensity that a row is weighted by."),
}

COMMON: dict[str, tuple[Kind, Any]] = {
    "ties": (
        Choice(
            tuple(TIES),
            doc="Order of rows of equal score.\naverage: the expected value over all orders\ninput: the order of the "
            "source\nitem_desc, item_asc: by item, descending (as trec_eval) or ascending\npessimistic, optimistic: "
            "the lower or the higher label first\nerror: there may be none",
        ),
        "average",
    ),
    "no_relevant": (
        Choice(
            ("zero", "one", "skip", "nan", "error"),
            doc="What a query without a relevant row counts (skip: it does not).",
        ),
        "zero",
    ),
    "missing_query": (
        Choice(
            ("zero", "skip", "error"),
            doc="What a judged query counts of which no row was retrieved (skip: it does not).",
        ),
        "zero",
    ),
    "extra_query": (
        Choice(("ignore", "error"), doc="What becomes of a query of which no row was judged."),
        "ignore",
    ),
    "unjudged": (
        Choice(
            ("nonrelevant", "drop", "error"),
            doc="Rows that nobody judged: null labels, and negative ones.\nnonrelevant: they rank as not relevant\n"
            "drop: they are taken out before ranking\nerror: a null label is an error",
        ),
        "nonrelevant",
    ),
    "negative_rel": (
        Choice(
            ("unjudged", "nonrelevant", "error"),
            doc="What a negative label means.\nunjudged: pooled, and not judged (as trec_eval)\n"
            "nonrelevant: not relevant\nerror: there may be none",
        ),
        "unjudged",
    ),
    "duplicates": (
        Choice(
            ("error", "first", "max_score", "count"),
            doc="Where an item stands several times in a query.\nerror: it may not\nfirst: its first row counts\n"
            "max_score: its row of the highest score counts, of these "
            "that of the highest label, of these the first\ncount: all its rows count",
        ),
        "error",
    ),
    "score_dtype": (
        Choice(("float64", "float32"), doc="Scores compare as they are, or rounded to float32 (as trec_eval 9)."),
        "float64",
    ),
    "nan_score": (
        Choice(
            ("error", "last", "drop"),
            doc="What a NaN score means.\nerror: there may be none\nlast: it ranks with negative infinity\n"
            "drop: the row was not retrieved",
        ),
        "error",
    ),
    "drop_nonpositive": (
        Flag(doc="Rows with a score of 0 or less rank as not relevant (as torchmetrics); they count for R."),
        False,
    ),
    "aggregation": (
        Choice(
            ("mean", "sum", "std", "min", "max", "geometric", "median"),
            doc="Of the values of queries.\nstd: divides by the number of queries\n"
            "geometric: exp(mean(log(max(value, 1e-5))))\nmedian: its state grows with the number of distinct values",
        ),
        "mean",
    ),
    "preset": (
        Choice(
            tuple(PEERS),
            optional=True,
            doc="A peer whose rules stand in for the defaults of parameters not given (see Presets).",
        ),
        None,
    ),
}
AGGREGATES: dict[str, Callable[..., ListAccumulator]] = {
    "mean": ListSums,
    "sum": ListSums,
    "geometric": partial(ListSums, logarithm=True),
    "std": ListMoments,
    "min": ListExtremes,
    "max": ListExtremes,
    "median": ListValues,
}


def list_columns(p: Any, *, top: int | None = None, listed: Any = None) -> dict[str, Domain]:
    """The columns of a metric of lists; `top` and `listed` limit the labels."""
    label = grades(unjudged=p.unjudged != "error", negative=p.negative_rel != "error", top=top, listed=listed)
    columns = {"label": label, "score": list_scores(p.nan_score), "query": ID}
    if getattr(p, "propensity", None) is not None:
        columns["propensity"] = PROPENSITY
    return columns


def rules_given(p: Any) -> tuple[tuple[str, Any], ...]:
    """The rules of rows that are not default; a metric may have some of them only."""
    given = {name: getattr(p, name, default) for name, default in vars(ListRules()).items()}
    return tuple((name, value) for name, value in given.items() if value != getattr(ListRules(), name))


def _states(measure: str, names: tuple[str, ...], p: Any) -> Mapping[str, ListAccumulator]:
    options = tuple((name, getattr(p, name)) for name in names)
    make = AGGREGATES[p.aggregation]
    return {"lists": make(measure, options, rules_given(p), p.no_relevant, p.missing_query, p.extra_query)}


def aggregate(lists: Any, *, aggregation: str, **_: Any) -> Value:
    """The finalizer of every metric that aggregates the values of lists."""
    return Value(lists.aggregate(aggregation))


def list_metric(
    *,
    measure: str = "",
    columns: Callable[[Any], Mapping[str, Domain]] = list_columns,
    aggregation: str = "mean",
    **declaration: Any,
) -> Callable[[Callable[..., Any]], MetricFactory]:
    """Declares a metric that aggregates the values of a measure over queries.

    The function below it is the documentation; its keyword-only arguments are the options of the measure of its name
    (or of `measure`).
    """

    def declare(function: Callable[..., Any]) -> MetricFactory:
        name = measure or function.__name__
        names = tuple(inspect.signature(function).parameters)
        common = {**COMMON, "aggregation": (COMMON["aggregation"][0], aggregation)}
        peers = {peer: partial(rules_of_peer, peer, name) for peer in PEERS}
        defaults: dict[str, Any] = {
            "family": "ranking",
            "optional": ("query_weight", "item"),
            "range": (0.0, 1.0),
            "better": "higher",
            "exactness": "each query has a value of its own; their sum is exact and the mean is rounded once",
            "undefined": 'there are no queries, or none with a relevant row under no_relevant="skip"',
        }
        return metric(
            **{**defaults, **declaration},
            columns=columns,
            states=partial(_states, name, names),
            finalize=aggregate,
            common=common,
            peers=peers,
        )(function)

    return declare
