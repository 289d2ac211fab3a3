"""Metrics over windows of time, from states of its steps."""

from __future__ import annotations

import datetime as dt
import math
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

from fastrank.accumulators.base import ListAccumulator, RowAccumulator
from fastrank.errors import ParameterError, StateMismatchError
from fastrank.merging import find_states, merge_states
from fastrank.result import Result
from fastrank.scattered import DEFAULT_MEMORY_LIMIT
from fastrank.slices import Slices
from fastrank.wire import State, make_accumulator

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from numpy.typing import NDArray

    from fastrank.evaluator import Evaluator
    from fastrank.metrics.base import Metric

__all__ = ["windows"]

START, END = "window_start", "window_end"
_SECONDS = {"s": 1, "min": 60, "h": 3600, "d": 86400, "w": 604800}
_TICKS = {"s": 1, "ms": 1000, "us": 1000**2, "ns": 1000**3}  # in a second
_NAMED = 3  # missing steps that an error names


def windows(
    states: Any,
    every: str = "1d",
    span: str | None = None,
    kind: str = "sliding",
    *,
    column: str | None = None,
    metrics: Metric | str | Iterable[Metric | str] | None = None,
    qrels: Any = None,
    missing: str = "error",
    missing_steps: str = "error",
    memory_limit: int = DEFAULT_MEMORY_LIMIT,
) -> Result:
    """Metrics over windows of time, from states of days or other steps; no row is read again.

    Each value is, to the last bit, that of an evaluation of the rows of its window.

    Parameters
    ----------
    states : mapping, or what `merge_states` takes
        Either a state for each step: `{datetime.date(2026, 5, 1): state, ...}`, or files of which a folder names the
        step (`day=2026-05-01/`); or states that are sliced by time (`by="day"`, `by=[["day"], ["day", "country"]]`,
        `by=fastrank.window("ts", "1d")`).  Times are dates or timestamps, and say when a step starts;
        steps are equally long.
    every : str
        How far windows are from one another: a number and a unit of s, min, h, d or w.
    span : str, optional
        How long a sliding window is; default: `"7d"`.
    kind : "sliding" or "expanding"
        Windows of one length, or from the first step on.
    column : str, optional
        The slice column, or the key of the folders, that holds the time; default: the only one.
    metrics : Metric, str, or list of them, optional
        What to answer; default: the metrics of the states.
    qrels : table, path, dict or judgments, optional
        The judgments that the states were made with.
    missing : "error" or "drop"
        What to do where a state lacks what a metric reads.
    missing_steps : "error" or "empty"
        What to do where a step between the first and the last has no state: refuse, or count it as one without rows.
    memory_limit : int
        As for `Evaluator`, in bytes.

    Returns
    -------
    Result
        Its slice columns are `window_start`, `window_end` (the first moment past the window; for dates, the day after
        its last), then the other slice columns.  The overall row is of all steps.  Windows are whole: the first starts
        with the first step, and none ends after the last.  In windows of states that are sliced by time, all rows of a
        window count no `queries_split` by other columns.

    Raises
    ------
    StateMismatchError
        The states do not fit together, hold no time, a step is missing, or a query falls into several steps of states
        that are sliced by time.
    ParameterError
        A parameter is not one of these, or there is no whole window.

    Examples
    --------
    >>> import datetime as dt
    >>> import pyarrow as pa
    >>> import fastrank as fr
    >>> days = {}
    >>> for day in (1, 2, 3):
    ...     ev = fr.Evaluator("brier", label="y", score="p")
    ...     ev.update(pa.record_batch({"y": [0, 1], "p": [0.25 * day, 0.5]}))
    ...     days[dt.date(2026, 5, day)] = ev.state()
    >>> result = fr.windows(days, every="1d", span="2d")
    >>> result["brier", {"window_start": dt.date(2026, 5, 1), "window_end": dt.date(2026, 5, 3)}]
    0.203125
    """
    if kind not in ("sliding", "expanding"):
        raise ParameterError(f'kind={kind!r}; allowed: "sliding", "expanding"')
    if missing_steps not in ("error", "empty"):
        raise ParameterError(f'missing_steps={missing_steps!r}; allowed: "error", "empty"')
    if kind == "expanding" and span is not None:
        raise ParameterError(f"span={span!r}: expanding windows have no length; leave it out")
    options = {"metrics": metrics, "qrels": qrels, "missing": missing, "memory_limit": memory_limit}
    by_step = _by_step(states, column)
    steps = _states_of_steps(by_step, options) if by_step is not None else _slices_by_time(states, column, options)
    return _answer(steps, every, (span or "7d") if kind == "sliding" else None, missing_steps)


@dataclass
class _Steps:
    """When steps start, in ticks of a type of time that ascend, and the evaluator of each."""

    kind: pa.DataType
    starts: list[int]
    load: Callable[[int], Evaluator]  # by the number of the step

    def ticks(self, name: str, text: str) -> int:
        """A length of time in ticks; ParameterError where it is none, or no whole number of them."""
        found = re.fullmatch(r"([1-9][0-9]{0,5})\s*([a-z]+)", text) if isinstance(text, str) else None
        if found is None or found[2] not in _SECONDS:
            raise ParameterError(
                f'{name}={text!r}; allowed: a number and a unit, such as "12h", "1d"; units: {", ".join(_SECONDS)}'
            )
        seconds = int(found[1]) * _SECONDS[found[2]]
        if not pa.types.is_date(self.kind):
            return seconds * _TICKS[self.kind.unit]
        if seconds % _SECONDS["d"]:
            raise ParameterError(f"{name}={text!r}: the times of the states are dates; allowed: whole days")
        return seconds // _SECONDS["d"]

    def time(self, ticks: int) -> pa.Scalar:
        """The time of a tick."""
        whole = pa.int32() if pa.types.is_date(self.kind) else pa.int64()
        return pa.array([ticks], whole).cast(self.kind)[0]

    def named(self, ticks: Iterable[int]) -> str:
        """Times, to name them in a message."""
        return ", ".join(str(self.time(each).cast(pa.string())) for each in ticks)


def _ticks(times: pa.Array, what: str) -> list[int]:
    """Times as numbers; StateMismatchError where they are of another type."""
    if not (pa.types.is_date32(times.type) or pa.types.is_timestamp(times.type)):
        raise StateMismatchError(f"{what} is of type {times.type}; allowed: dates or timestamps")
    if times.null_count:
        raise StateMismatchError(
            f"{what} is null for some rows, which fall into no window: leave them out (where=) when states are made"
        )
    whole = pa.int32() if pa.types.is_date(times.type) else pa.int64()
    return [int(value) for value in times.cast(whole).to_pylist()]


# ---------------------------------------------------------------------------------------------------------------------
# States of steps


def _by_step(states: Any, column: str | None) -> list[tuple[Any, Any]] | None:
    """(time, state) of each state, where each is of one step; None where they are sliced by time."""
    if isinstance(states, Mapping):
        return list(states.items())
    found = find_states(states)
    keys = [_keys_of_path(each) for each in found]
    shared = [name for name in (keys[0] if keys else {}) if all(name in each for each in keys)]
    named = [name for name in shared if column in (None, name)]
    if len(named) > 1:
        raise ParameterError(f"folders name the time by {' and by '.join(named)}: say by which (column=)")
    return [(each[named[0]], state) for each, state in zip(keys, found, strict=True)] if named else None


def _keys_of_path(state: Any) -> dict[str, str]:
    """The keys of hive folders whose values are times."""
    if not isinstance(state, str | os.PathLike):
        return {}
    pairs = (part.partition("=") for part in Path(state).parts)
    return {name: value for name, equals, value in pairs if equals and _moment(value) is not None}


def _moment(value: Any) -> Any:
    """The time that text stands for, None where it stands for none; other values as they are."""
    if not isinstance(value, str):
        return value
    try:
        return dt.date.fromisoformat(value) if len(value) <= len("2026-05-01") else dt.datetime.fromisoformat(value)
    except ValueError:
        return None


def _states_of_steps(by_step: Sequence[tuple[Any, Any]], options: Mapping[str, Any]) -> _Steps:
    if not by_step:
        raise StateMismatchError("there is no state")
    try:
        times = pa.array([_moment(time) for time, _ in by_step])
    except pa.ArrowException as error:
        raise ParameterError(f"the keys of states are no times of one type: {error}") from error
    of_step: dict[int, list[Any]] = {}
    for ticks, (_, state) in zip(_ticks(times, "the key of states"), by_step, strict=True):
        of_step.setdefault(ticks, []).append(state)
    starts = sorted(of_step)
    return _Steps(times.type, starts, lambda j: merge_states(of_step[starts[j]], **options))


# ---------------------------------------------------------------------------------------------------------------------
# States that are sliced by time


def _slices_by_time(states: Any, column: str | None, options: Mapping[str, Any]) -> _Steps:
    merged = merge_states(states, **options)
    content = merged.content(closed=True)
    slices = content.slices
    of_time = [n for n in slices.column_names if n in slices.types and _is_time(slices.types[n])]
    names = [name for name in (slices.column_names if column else of_time) if column in (None, name)]
    if len(names) != 1:
        held = ", ".join(slices.column_names) or "none"
        raise StateMismatchError(
            f"the states are to be sliced by one column of dates or timestamps (column=); their slice columns: {held}; "
            "or give a state for each step: {time: state}"
        )
    cuts = [_Cut.make(slices, g, names[0]) for g, each in enumerate(slices.groupings, 1) if names[0] in each]
    base = next((cut for cut in cuts if not cut.others), cuts[0])
    _refuse_split_queries(merged, content, base, names[0])
    starts = sorted({ticks for cut in cuts for ticks in cut.times})
    return _Steps(slices.types[names[0]], starts, lambda j: _step(merged, content, cuts, base, starts[j]))


def _is_time(kind: pa.DataType) -> bool:
    return bool(pa.types.is_date32(kind) or pa.types.is_timestamp(kind))


@dataclass
class _Cut:
    """A grouping with a column of time: its slices, the time of each, and its other columns."""

    slices: NDArray[np.intp]
    times: NDArray[np.int64]
    others: list[str]

    @staticmethod
    def make(slices: Slices, g: int, column: str) -> _Cut:
        members = [s for s, (grouping, _) in enumerate(slices.keys) if grouping == g]
        times = _ticks(slices.column(column, members), f"slice column {column!r}") if members else []
        others = [name for name in slices.groupings[g - 1] if name != column]
        return _Cut(np.array(members, np.intp), np.array(times, np.int64), others)


def _refuse_split_queries(merged: Evaluator, content: State, base: _Cut, column: str) -> None:
    """StateMismatchError where the lists of a window are not those of its steps."""
    for identity, accumulator in content.accumulators.items():
        if not isinstance(accumulator, ListAccumulator):
            continue
        counts = accumulator.state["queries"]
        if int(counts[base.slices].sum()) != int(counts[0]):
            readers = {r.metric.name for r in merged.plan.requests if identity in (i.text for i in r.states.values())}
            also = f', or slice by {column!r} alone too (by=[["{column}"], ...])' if base.others else ""
            raise StateMismatchError(
                f"{', '.join(sorted(readers))}: a query falls into several slices by {column!r}, of which no window "
                f"can be put together (or was judged and has no rows): keep a state for each step{also}"
            )


def _step(merged: Evaluator, content: State, cuts: Sequence[_Cut], base: _Cut, start: int) -> Evaluator:
    """The evaluator of a step, sliced by the other columns."""
    made = merged.twin(by=[cut.others for cut in cuts if cut.others] or None)
    columns, grouping, parts = made.content().slices.column_names, [0], []
    members: list[int] = [0]  # all rows: null in every column
    for g, cut in enumerate((cut for cut in cuts if cut.others), 1):
        chosen = cut.slices[cut.times == start]
        numbers = np.full(content.slices.count, -1, np.intp)
        numbers[chosen] = np.arange(len(chosen)) + len(grouping)
        grouping += [g] * len(chosen)
        members += chosen.tolist()
        parts.append(numbers)
    keys = {name: content.slices.column(name, members) for name in columns}
    slices = Slices.read(made.content().slices.groupings, grouping, keys)
    whole = np.full(content.slices.count, -1, np.intp)
    whole[base.slices[base.times == start]] = 0
    accumulators = {}
    for identity, theirs in content.accumulators.items():
        mine = make_accumulator(identity)
        if isinstance(mine, RowAccumulator) and mine.memory_limit is not None:
            mine.memory_limit = merged.memory_limit
        mine.grow(slices.count)
        for numbers in [whole, *parts]:
            mine.merge(theirs, numbers)
        accumulators[identity] = mine
    made.merge(State(slices, accumulators, made.content().streams, content.negatives))
    return made


# ---------------------------------------------------------------------------------------------------------------------
# Steps -> windows


def _answer(steps: _Steps, every: str, span: str | None, missing_steps: str) -> Result:
    """The result of all windows: sliding ones of a span, or expanding ones."""
    stride, length = steps.ticks("every", every), None if span is None else steps.ticks("span", span)
    first, last = steps.starts[0], steps.starts[-1]
    # As fine as the windows, at least: of days 1, 3 and 5 and windows of days, 2 and 4 are missing.
    step = math.gcd(stride, length or 0, *(start - first for start in steps.starts))
    count = (last - first) // step + 1
    if missing_steps == "error" and count > len(steps.starts):
        held = set(steps.starts)
        gaps = [first + j * step for j in range(min(count, len(held) + _NAMED)) if first + j * step not in held][
            :_NAMED
        ]
        more = "" if count - len(held) <= len(gaps) else ", ..."
        raise StateMismatchError(
            f"{count - len(held)} of {count} steps have no state: {steps.named(gaps)}{more}; "
            'missing_steps="empty" (--missing-steps empty) counts them as steps without rows'
        )
    bounds = []
    begin, end = first, first + (length or stride)
    while end <= last + step:
        bounds.append((begin, end))
        begin, end = begin + (stride if length else 0), end + stride
    if not bounds:
        raise ParameterError(
            f"there is no whole window: the states are of {steps.named([first])} up to {steps.named([last])}, less "
            + (f"than every={every!r}" if span is None else f"than span={span!r}")
        )
    places = [tuple(np.searchsorted(steps.starts, bound).tolist()) for bound in bounds]
    sums = _sums(steps.load, [*places])
    parts = [
        ({START: steps.time(begin), END: steps.time(end)}, total.result())
        for (begin, end), total in zip(bounds, sums, strict=True)
    ]
    (whole,) = _sums(steps.load, [(0, len(steps.starts))])
    return Result.stacked(whole.result(), parts)


def _sums(load: Callable[[int], Evaluator], places: Sequence[tuple[int, int]]) -> Iterator[Evaluator]:
    """The evaluators of steps first..last - 1 of each window, whose bounds never go back.

    A queue of two stacks: of the older steps, what each adds up to with those between it and the newer ones; of the
    newer ones, their sum.  So a window takes a few merges, however many steps it has.
    """
    older: dict[int, Evaluator] = {}
    newer: Evaluator | None = None
    held: dict[int, Evaluator] = {}
    middle = loaded = 0
    for first, last in places:
        for j in range(max(loaded, first), last):
            held[j] = load(j)
            newer = held[j].twin() if newer is None else newer
            newer.merge(held[j])
        loaded = max(loaded, last)
        if first >= middle:
            older, newer, middle = {}, None, last
            for j in reversed(range(first, last)):
                older[j] = _plus(held[j], older.get(j + 1))
        for j in [j for j in held if j < first]:
            del held[j]
            older.pop(j, None)
        if first == last:
            yield load(0).twin()
        else:
            yield _plus(older[first], newer)


def _plus(one: Evaluator, other: Evaluator | None) -> Evaluator:
    """The evaluator of the rows of both, which are not changed."""
    total = one.twin()
    total.merge(one)
    if other is not None:
        total.merge(other)
    return total
