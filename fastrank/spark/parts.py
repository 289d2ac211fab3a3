"""A state in parts of a limited size, that add up to it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

from fastrank.accumulators.exact import ScoreRuns
from fastrank.slices import Slices
from fastrank.wire import State, make_accumulator, read_description, to_batches

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from numpy.typing import NDArray

    from fastrank.accumulators.base import Accumulator
    from fastrank.evaluator import Evaluator

__all__ = ["PART_BYTES", "parts_of"]

PART_BYTES = 8 << 20  # of distinct scores in a row of a DataFrame, before they are compressed

Arrays = dict[str, "NDArray[Any]"]


def parts_of(evaluator: Evaluator, most: int = PART_BYTES) -> Iterator[pa.Table]:
    """The state of an evaluator; where it holds more than `most` bytes of distinct scores, without these, which follow
    in parts of about that size."""
    content = evaluator.content()
    large = {
        identity: accumulator
        for identity, accumulator in content.accumulators.items()
        if isinstance(accumulator, ScoreRuns) and _bytes(accumulator) > most
    }
    if not large:
        yield evaluator.state()
        return
    rest = evaluator.twin()
    rest.merge(
        State(
            content.slices,
            {i: _hollow(each, i) if i in large else each for i, each in content.accumulators.items()},
            content.streams,
            content.negatives,
        )
    )
    yield rest.state()
    made = _Parts(evaluator, content, read_description(evaluator.twin().state()))
    for identity, accumulator in large.items():
        for s in range(content.slices.count):
            for arrays in accumulator.ragged_parts(s):
                made.add(identity, s, arrays)
                if made.bytes >= most:
                    yield made.take()
    if made.bytes:
        yield made.take()


def _bytes(accumulator: ScoreRuns) -> int:
    width = 8 * len(accumulator.ragged)
    return sum(width * accumulator.most_runs(s) for s in range(accumulator.slices))


def _hollow(accumulator: Accumulator, identity: str) -> Accumulator:
    """What an accumulator holds but for its scores."""
    hollow = make_accumulator(identity)
    hollow.grow(accumulator.slices)
    for name, field in accumulator.fields.items():
        field.add(hollow.state[name], accumulator.state[name][: accumulator.slices], np.arange(accumulator.slices))
    return hollow


class _Parts:
    """Gathers scores of slices, and makes states of them."""

    def __init__(self, evaluator: Evaluator, content: State, description: Mapping[str, Any]) -> None:
        self.bytes = 0
        self._nothing = evaluator.twin
        self._content = content
        self._description = description
        self._held: dict[tuple[str, int], list[Arrays]] = {}

    def add(self, identity: str, s: int, arrays: Arrays) -> None:
        """Adds runs, which follow those that were added before of the slice."""
        self._held.setdefault((identity, s), []).append(arrays)
        self.bytes += sum(array.nbytes for array in arrays.values())

    def take(self) -> pa.Table:
        """The state of what was added since the last."""
        held, self._held, self.bytes = self._held, {}, 0
        joined = {
            place: {name: np.concatenate([each[name] for each in arrays]) for name in arrays[0]}
            for place, arrays in held.items()
        }
        slices, numbers = _only(self._content.slices, {s for _, s in joined})
        accumulators = {identity: make_accumulator(identity) for identity in self._content.accumulators}
        for each in accumulators.values():
            each.grow(slices.count)
        for (identity, s), arrays in joined.items():
            accumulators[identity].merge_ragged(numbers[s], arrays)
        streams = self._nothing().plan.streams
        batches = to_batches(
            slices,
            accumulators,
            {identity.text: stream for identity, stream in streams.items()},
            self._content.negatives,
            {name: value for name, value in self._description.items() if name != "negatives"},
        )
        return pa.Table.from_batches(list(batches))


def _only(slices: Slices, wanted: set[int]) -> tuple[Slices, dict[int, int]]:
    """Some slices, and those that are made of them; and their numbers there."""
    chosen = {0, *wanted}
    for numbers in slices.derivations():
        chosen.update(int(numbers[s]) for s in wanted if numbers[s] >= 0)
    order = sorted(chosen)
    keys = {name: slices.column(name, order) for name in slices.column_names}
    made = Slices.read(slices.groupings, [slices.keys[s][0] for s in order], keys)
    return made, {s: place for place, s in enumerate(order)}
