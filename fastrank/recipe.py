"""What an evaluator was made of, as JSON and back, so that a state says which metrics and columns it is of."""

from __future__ import annotations

import base64
from dataclasses import replace
from functools import cache
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from fastrank.errors import FastrankError, StateMismatchError
from fastrank.metrics.reading import parse
from fastrank.time_windows import parse_by
from fastrank.where import Where

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from fastrank.metrics.base import Metric
    from fastrank.time_windows import Window

__all__ = ["describe", "rebuild", "version"]

# What an evaluator is told anew wherever it goes on, or what a state says elsewhere.
_ELSEWHERE = ("memory_limit", "by", "qrels", "where", "class_weight")


def describe(metrics: Iterable[Metric], arguments: Mapping[str, Any], judgments: str | None) -> dict[str, Any]:
    """Metrics and arguments of an evaluator as JSON has them; `judgments` is their digest, which is all of them that a
    state holds."""
    weights = arguments["class_weight"]
    given = {name: _plain(value) for name, value in arguments.items() if name not in _ELSEWHERE and value is not None}
    return {
        "fastrank": version(),
        "metrics": [_describe(metric) for metric in metrics],
        "arguments": {
            **given,
            # Pairs, for labels may be numbers.
            **({} if weights is None else {"class_weight": [list(map(_plain, pair)) for pair in weights.items()]}),
            **({} if arguments["where"] is None else {"where": _condition(arguments["where"])}),
            **({} if judgments is None else {"judgments": judgments}),
        },
    }


def _plain(value: Any) -> Any:
    """A number of NumPy as Python's own."""
    return value.item() if isinstance(value, np.generic) else value


@cache
def version() -> str:
    """The version of fastrank; empty where it was not installed, but stands in the path."""
    from importlib.metadata import PackageNotFoundError
    from importlib.metadata import version as version_of

    try:
        return version_of("fastrank-metrics")
    except PackageNotFoundError:
        return ""


def _describe(metric: Metric) -> dict[str, Any]:
    plain = replace(metric, where=None, given_name=None)
    about: dict[str, Any] = {"metric": plain.canonical}
    if metric.where is not None:
        about["where"] = _condition(metric.where)
    if metric.given_name is not None:
        about["name"] = metric.given_name
    if _read(plain.canonical) != plain:
        about["of_function"] = True
    return about


def _read(spelling: str) -> Metric | None:
    """The metric of a spelling; None where text does not tell it, as of functions."""
    try:
        return parse(spelling)[0]
    except FastrankError:
        return None


def _condition(where: Where) -> dict[str, str]:
    if where.expression is None:
        return {"text": where.text}
    serialized = bytes(where.expression.__reduce__()[1][0])
    return {"text": where.text, "expression": base64.b64encode(serialized).decode()}


def _where(about: Mapping[str, str] | None) -> Where | None:
    if about is None:
        return None
    if "expression" not in about:
        return Where.parse(about["text"])
    serialized = pa.py_buffer(base64.b64decode(about["expression"]))
    return Where.parse(pc.Expression._deserialize(serialized))


def _column(name: str) -> str | Window:
    return parse_by(name)[0] if name.startswith("window(") else name


def rebuild(
    about: Mapping[str, Any], metrics: Any = None, qrels: Any = None
) -> tuple[Iterable[Metric | str] | Metric | str, dict[str, Any]]:
    """Metrics (those that are given, else those of the state) and arguments of an evaluator that the state fits;
    StateMismatchError where it takes what no state holds."""
    # Names of windows of time say which these are, so that rows may follow.
    by = [[_column(name) for name in grouping] for grouping in about["groupings"]]
    arguments: dict[str, Any] = {"by": by or None, "qrels": qrels, **about.get("arguments", {})}
    if metrics is None and "metrics" not in about:
        raise StateMismatchError(
            "the state is of format 1, which does not say which metrics and columns it is of: merge it into an "
            "Evaluator that was made with them"
        )
    try:
        if arguments.pop("judgments", None) is not None and qrels is None:
            raise StateMismatchError("the state was made with judgments, which it does not hold: give them (qrels=)")
        if "class_weight" in arguments:
            arguments["class_weight"] = dict(arguments["class_weight"])
        arguments["where"] = _where(arguments.get("where"))
        return ([_rebuild(each) for each in about["metrics"]] if metrics is None else metrics), arguments
    except StateMismatchError:
        raise
    except (LookupError, ValueError, TypeError, AttributeError, pa.ArrowException) as error:
        raise StateMismatchError("the state is damaged: its metadata do not say what it is of") from error


def _rebuild(about: Mapping[str, Any]) -> Metric:
    metric = None if about.get("of_function") else _read(about["metric"])
    if metric is None:
        raise StateMismatchError(
            f"the state holds {about['metric']}, and no state holds functions: give the metrics (metrics=)"
        )
    return replace(metric, where=_where(about.get("where")), given_name=about.get("name"))
