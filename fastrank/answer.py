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
    answers = [_Answer(request, accumulators) for request in requests]
    values = {}
    whole = {request.states[state] for request in requests for state in request.metric.overall.values()}
    overall = {identity: accumulators[identity].at(0) for identity in whole}
    for s in slices.display_order():
        held = {identity: _held(accumulators[identity], s, sweeps[identity], threads) for identity in sweeps}
        try:
            values[s] = [each.value(held, overall, s) for each in answers]
        except InvalidValueError as error:
            raise InvalidValueError(f"{error}{slices.in_words(s)}") from None
    # A slice of which where= excludes every row is none.
    shown = [
        s for s, entries in values.items() if s == 0 or any(e.rows or e.rows_dropped or e.queries for e in entries)
    ]
    keys = pa.table({name: slices.column(name, shown) for name in slices.column_names})
    groupings = [slices.groupings[g - 1] if g else () for g, _ in (slices.keys[s] for s in shown)]
    names = {request.metric.canonical: request.metric.name for request in requests}
    others = {i: slices.others[s] for i, s in enumerate(shown) if s in slices.others}
    return Result(keys, groupings, [values[s] for s in shown], names, others)


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


class _Answer:
    """The values of a request in many slices; what is the same in all of them is looked up once."""

    def __init__(self, request: Request, accumulators: Mapping[Identity, Accumulator]) -> None:
        metric = request.metric
        asked = metric.sweeps
        self._finalize = metric.finalize
        self._name, self._model = metric.name, request.model
        self._states = [(name, identity, asked.get(name)) for name, identity in request.states.items()]
        self._overall = {name: request.states[state] for name, state in metric.overall.items()}
        self._first = accumulators[next(iter(request.states.values()))]
        self._no_counts = dict.fromkeys(LIST_COUNTS)

    def value(self, held: Mapping[Identity, Any], overall: Mapping[Identity, Any], s: int) -> MetricValue:
        """The value in slice s."""
        states = {name: held[i] if asked is None else held[i][asked] for name, i, asked in self._states}
        states.update((name, overall[i]) for name, i in self._overall.items())
        value: Value = self._finalize(states)
        first, counts = self._first, self._no_counts
        if isinstance(first, ListAccumulator):
            counts = {**counts, **first.counts(s)}
        return MetricValue(
            metric=self._name,
            model=self._model,
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
            undefined=int(value.undefined or math.isnan(value.value)),
            curve=value.curve,
            **counts,
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
