"""Accumulators -> values of metrics by slice -> Result."""

from __future__ import annotations

import math
import warnings
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from fastrank.accumulators.base import ListAccumulator
from fastrank.accumulators.scores import ScoreAccumulator
from fastrank.errors import EmptyInputError, InvalidValueError, TiesWarning
from fastrank.result import LIST_COUNTS, MetricValue, Result

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from fastrank.accumulators.base import Accumulator
    from fastrank.metrics.base import Value
    from fastrank.requests import Identity, Request
    from fastrank.slices import Slices
    from fastrank.sweeps import Sweep

__all__ = ["answer", "check_evaluated"]


def answer(
    requests: Sequence[Request], accumulators: Mapping[Identity, Accumulator], slices: Slices, threads: int = 1
) -> Result:
    """The values of metrics in all slices that have rows."""
    _tell_of_ties(requests, accumulators)
    sweeps = _sweeps(requests)
    values = {}
    whole = {request.states[state] for request in requests for state in request.metric.overall.values()}
    overall = {identity: accumulators[identity].at(0) for identity in whole}
    for s in slices.display_order():
        held = {identity: _held(accumulators[identity], s, sweeps[identity], threads) for identity in sweeps}
        try:
            values[s] = [_metric_value(request, accumulators, held, overall, s) for request in requests]
        except InvalidValueError as error:
            raise InvalidValueError(f"{error}{slices.in_words(s)}") from None
    # A slice of which where= excludes every row is none.
    shown = [
        s for s, entries in values.items() if s == 0 or any(e.rows or e.rows_dropped or e.queries for e in entries)
    ]
    keys = pa.table({name: slices.column(name, shown) for name in slices.column_names})
    groupings = [slices.groupings[g - 1] if g else () for g, _ in (slices.keys[s] for s in shown)]
    names = {request.metric.canonical: request.metric.name for request in requests}
    return Result(keys, groupings, [values[s] for s in shown], names)


def check_evaluated(result: Result, read: int) -> None:
    """EmptyInputError where no row was read, or none of those that were is left."""
    if read == 0:
        raise EmptyInputError("the source has no rows")
    if not result.evaluated_rows:
        raise EmptyInputError(
            f'none of the {read} rows is left: they were dropped as invalid (on_invalid="drop"), excluded by '
            "where=, or have weight 0"
        )


def _sweeps(requests: Iterable[Request]) -> dict[Identity, dict[Sweep, None]]:
    """What all requests together ask of each accumulator."""
    sweeps: dict[Identity, dict[Sweep, None]] = {}
    for request in requests:
        asked = request.metric.sweeps
        for name, identity in request.states.items():
            sweeps.setdefault(identity, {}).update({asked[name]: None} if name in asked else {})
    return sweeps


def _held(accumulator: Accumulator, s: int, sweeps: Iterable[Sweep], threads: int) -> Any:
    """What an accumulator says of slice s: the answers of sweeps, or what it holds."""
    return accumulator.sweep(s, sweeps, threads) if isinstance(accumulator, ScoreAccumulator) else accumulator.at(s)


def _metric_value(
    request: Request,
    accumulators: Mapping[Identity, Accumulator],
    held: Mapping[Identity, Any],
    overall: Mapping[Identity, Any],
    s: int,
) -> MetricValue:
    asked = request.metric.sweeps
    value: Value = request.metric.finalize(
        {
            name: held[identity][asked[name]] if name in asked else held[identity]
            for name, identity in request.states.items()
        }
        | {name: overall[request.states[state]] for name, state in request.metric.overall.items()}
    )
    first = accumulators[next(iter(request.states.values()))]
    counts = first.counts(s) if isinstance(first, ListAccumulator) else {}
    return MetricValue(
        metric=request.metric.name,
        model=request.model,
        value=value.value,
        bound_lower=value.lower,
        bound_upper=value.upper,
        exact=value.lower == value.upper,
        ci_lower=value.ci_lower,
        ci_upper=value.ci_upper,
        rows=int(first.rows[s]),
        rows_dropped=int(first.rows_dropped[s]),
        rows_clipped=value.clipped,
        rows_skipped=value.skipped,
        **{name: counts.get(name) for name in LIST_COUNTS},
        undefined=int(value.undefined or math.isnan(value.value)),
        curve=value.curve,
    )


def _tell_of_ties(requests: Iterable[Request], accumulators: Mapping[Identity, Accumulator]) -> None:
    """Warns, once, where rows of a run that is compared with judgments tie, which peers order by item."""
    for request in requests:
        parameters = request.metric.parameters
        state = accumulators[next(iter(request.states.values()))]
        if request.row_set.judgments is None or not isinstance(state, ListAccumulator):
            continue
        tied = state.counts(0)["queries_tied"]
        if tied and parameters.get("ties") == "average" and parameters.get("preset") is None:
            warnings.warn(
                f"rows of {tied} queries have equal scores, which count with their expected value over all orders; "
                'preset="trec_eval" breaks ties as trec_eval does, by item',
                TiesWarning,
                stacklevel=4,
            )
            return
