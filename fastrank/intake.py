"""What an Evaluator holds: batches and states go in, and every accumulator has its share."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from fastrank.accumulators.base import RowAccumulator
from fastrank.errors import FastrankError, StateMismatchError
from fastrank.grouping import QueryStream
from fastrank.negatives import binary_columns, check_rows, merge_negatives
from fastrank.scratch import Scratch
from fastrank.sorted_rows import sort_by_slice
from fastrank.wire import State, to_batches

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

    import pyarrow as pa

    from fastrank.accumulators.base import Accumulator, ListAccumulator
    from fastrank.columns import Rows
    from fastrank.lists import Lists
    from fastrank.plan import Plan
    from fastrank.requests import Identity
    from fastrank.slices import Slices

__all__ = ["Intake"]


class Intake:
    """The accumulators of a plan, the slices that were seen, and what was added to them.

    Attributes
    ----------
    plan : Plan
        The accumulators and the query streams.
    slices : Slices
        The slices that were seen.
    watch : callable or None
        Told of the complete lists of each stream, after they were added.
    """

    def __init__(self, plan: Plan, slices: Slices) -> None:
        self.plan = plan
        self.slices = slices
        self.watch: Callable[[Identity, Lists], None] | None = None
        self._negatives: dict[str, int] = {}  # by label column, 0 or -1
        self._derived = True  # whether slices that are made of others hold all that those do
        self._broken: str | None = None
        self._scratch = Scratch()

    def add(self, batch: pa.RecordBatch, first_row: int, describe_row: Callable[[int], str]) -> None:
        """Adds the rows of a batch, whose first is row `first_row`; nothing of it where it does not fit."""
        self.check()
        columns = self.plan.view(batch, first_row, describe_row)
        rows_of, negatives = check_rows(self.plan.distinct_row_sets, columns, self._negatives)
        codes = self.slices.codes(columns, rows_of.values(), self._scratch)
        for row_set, of_rows in self.plan.row_accumulators:
            of_rows.check_rows(rows_of[row_set])
        prepared = {i: stream.prepare(rows_of[stream.row_set]) for i, stream in self.plan.streams.items()}
        self._broken, self._negatives, self._derived = "an update failed half-way", negatives, False
        for accumulator in self.plan.accumulators.values():
            accumulator.grow(self.slices.count)
        self._count_dropped(rows_of, codes)
        for g in self.slices.finest:
            sorted_of = sort_by_slice(rows_of, codes[g], self._scratch)
            for row_set, accumulator in self.plan.row_accumulators:
                accumulator.update(*sorted_of[row_set])
        for identity, stream in self.plan.streams.items():
            self._add_lists(identity, stream.update(prepared[identity]))
        self._broken = None

    def seam(self) -> None:
        """What is added from here on is another shard: its first query may be any that is open, or a new one."""
        for stream in self.plan.streams.values():
            # Scattered queries may have rows anywhere, and those of list columns are whole.
            if isinstance(stream, QueryStream):
                stream.resume((None, None))

    def expect(self, other: Intake) -> None:
        """Takes the labels of negative rows to be those that another has seen; StateMismatchError where they mix."""
        labels = {*self._negatives, *other._negatives}
        self._negatives = merge_negatives(self._negatives, other._negatives, labels)

    def settle(self) -> None:
        """Evaluates what waits, before others see the state."""
        self._drain()
        if not self._derived:
            self._derive()

    def _drain(self) -> None:
        self.check()
        for identity, stream in self.plan.streams.items():
            self._add_lists(identity, stream.drain())

    def _derive(self) -> None:
        """Makes the slices of coarser groupings, and all rows, of those of the finest, which alone are fed."""
        self._broken = "slices were made of others half-way"
        derived, derivations = self.slices.derived, list(self.slices.derivations())
        for _, accumulator in self.plan.row_accumulators:
            accumulator.grow(self.slices.count)
            accumulator.clear(derived)
            for numbers in derivations:
                accumulator.merge(accumulator, numbers)
        self._derived, self._broken = True, None

    def _add_lists(self, identity: Identity, complete: Iterable[Lists]) -> None:
        for lists in complete:
            self._update_lists(lists, self.plan.list_accumulators(identity))
            if self.watch is not None:
                self.watch(identity, lists)

    def check(self) -> None:
        """FastrankError where an update or a merge failed half-way."""
        if self._broken is not None:
            raise FastrankError(f"{self._broken}, so that this Evaluator holds part of a batch; make a new one")

    def _count_dropped(self, rows_of: Mapping[Any, Rows], codes: Sequence[Any]) -> None:
        for identity, accumulator in self.plan.accumulators.items():
            dropped = rows_of[self.plan.row_sets[identity]].dropped
            if dropped is not None:
                is_derived = isinstance(accumulator, RowAccumulator)
                for code in [codes[g] for g in self.slices.finest] if is_derived else codes:
                    accumulator.count_dropped(None if code is None else code.array[dropped], dropped.size)

    def _update_lists(self, lists: Lists, accumulators: Sequence[tuple[Any, ListAccumulator]]) -> None:
        rows = lists.heads or lists.rows
        # Which slices queries without rows would be of, nobody knows.
        codes = [] if lists.missing is not None else self.slices.codes(rows.columns, [rows])
        for _, accumulator in accumulators:
            accumulator.grow(self.slices.count)
        splits = [lists.split(rows.select(code.array)) for code in codes if code is not None]
        several = np.logical_or.reduce([split.queries for split in splits]) if splits else None
        for _, accumulator in accumulators:
            accumulator.update(lists, None, several)
            for split in splits:
                accumulator.update(split.lists, split.slices, split.several)

    def merge(self, state: State, missing: str, *, surplus: bool = False) -> None:
        """Adds the state of other rows, which with `surplus` may hold more; see `Evaluator.merge`."""
        self._drain()
        self.slices.check_merge(state.slices)
        pairing = self.plan.pair(state.accumulators, missing, surplus=surplus)
        kept = {self.plan.stream_of[i] for i in self.plan.stream_of if i not in pairing.lacking}
        handed_over = {identity: state.streams.get(identity.text) for identity in kept}
        for identity, queries in handed_over.items():
            if queries is None:
                raise StateMismatchError(f"the state is damaged: it lacks the column {identity.text}")
            self.plan.streams[identity].check_merge(queries)
        labels = binary_columns(self.plan.row_sets_without(set(pairing.lacking)))
        negatives = merge_negatives(self._negatives, state.negatives, labels)
        mine = {**self.plan.accumulators, **dict(pairing.coarsened.values())}
        for identity, theirs in pairing.theirs.items():
            mine[identity].check_merge(theirs)
        self.plan.remove(set(pairing.lacking))
        self.plan.coarsen(pairing.coarsened)
        self._broken, self._negatives, self._derived = "a merge failed half-way", negatives, False
        numbers = self.slices.merge(state.slices)
        for identity, queries in handed_over.items():
            if queries is not None:
                self.plan.streams[identity].merge(queries)
        finest = np.where(np.isin(numbers, self.slices.derived), -1, numbers)
        for identity, accumulator in self.plan.accumulators.items():
            accumulator.grow(self.slices.count)
            accumulator.merge(pairing.theirs[identity], finest if isinstance(accumulator, RowAccumulator) else numbers)
        self._broken = None

    def batches(self, description: Mapping[str, Any]) -> Iterator[pa.RecordBatch]:
        """The state as record batches, at least one."""
        self.settle()
        accumulators = {}
        for identity, accumulator in self.plan.accumulators.items():
            accumulator.grow(self.slices.count)
            accumulators[identity.text] = accumulator
        streams = {identity.text: stream for identity, stream in self.plan.streams.items()}
        return to_batches(self.slices, accumulators, streams, self._negatives, description)

    def content(self) -> State:
        """The state, as another takes it in; not a copy, and without what that derives of it."""
        self._drain()
        return State(
            self.slices,
            {identity.text: accumulator for identity, accumulator in self.plan.accumulators.items()},
            {identity.text: stream.hand_over() for identity, stream in self.plan.streams.items()},
            self._negatives,
        )

    def closed_content(self) -> State:
        """The state with the open queries evaluated as they are; not a copy, and without queries that go on."""
        self.settle()
        accumulators = {identity.text: accumulator for identity, accumulator in self.closed().items()}
        return State(self.slices, accumulators, {}, self._negatives)

    def closed(self) -> dict[Identity, Accumulator]:
        """The accumulators with the open queries evaluated as they are; the state itself keeps them open."""
        accumulators = dict(self.plan.accumulators)
        copies: dict[Identity, list[tuple[Identity, ListAccumulator]]] = {}
        for identity, lists in self.open_lists():
            if identity not in copies:
                copies[identity] = [(i, each.copy()) for i, each in self.plan.list_accumulators(identity)]
                accumulators.update(copies[identity])
            self._update_lists(lists, copies[identity])
        for accumulator in accumulators.values():
            accumulator.grow(self.slices.count)
        return accumulators

    def open_lists(self) -> Iterator[tuple[Identity, Lists]]:
        """The lists of each stream that may go on, as if they were complete, and those of judged queries without
        rows."""
        for identity, stream in self.plan.streams.items():
            for lists in stream.last_lists():
                yield identity, lists
