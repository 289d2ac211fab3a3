"""What an accumulator is: declared fields, four verbs (grow, update, merge, copy), and an identity.

A subclass is a dataclass whose fields are its parameters; together with `kind` they are its identity.
Its state is declared as class attributes: a `Field` is an array of fixed shape a slice, and gives zeros,
merging and Arrow form for free.  State that grows with the data is `ragged`: named one-dimensional arrays
a slice, for which the subclass says how to make and how to merge them.  The first holds keys that ascend; the others
have as many entries, or `ragged_widths` for each key (None: any number, which `merge_ragged` checks).
"""

from __future__ import annotations

import copy
from abc import ABC, abstractmethod
from dataclasses import fields as parameter_fields
from functools import cache
from typing import TYPE_CHECKING, Any, ClassVar, Self, overload

import numpy as np

from fastrank._kernels import checks, exact_sum
from fastrank._kernels import slices as kernels
from fastrank.rules import ListRules

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import DTypeLike, NDArray

    from fastrank.columns import Rows
    from fastrank.lists import Lists

__all__ = ["ACCUMULATORS", "Accumulator", "Field", "ListAccumulator", "RowAccumulator", "parts_of"]

ACCUMULATORS: dict[str, type[Accumulator]] = {}


class Field:
    """State of fixed shape: an array [slices, *shape].  `merge` is "sum", "min", "max", "same" for a number that all
    parts agree on (0 where there is none yet), or "digits" for exact sums, whose words are added and then carried."""

    def __init__(self, dtype: DTypeLike, shape: tuple[int, ...] = (), merge: str = "sum") -> None:
        self.dtype = np.dtype(dtype)
        self.shape = shape
        self.merge = merge
        self.name = ""

    def __set_name__(self, owner: type, name: str) -> None:
        self.name = name

    def empty(self, slices: int) -> NDArray[Any]:
        """The state of slices that hold nothing."""
        array = np.zeros((slices, *self.shape), self.dtype)
        if self.merge in ("min", "max"):
            array.fill(np.inf if self.merge == "min" else -np.inf)
        return array

    def add(self, mine: NDArray[Any], theirs: NDArray[Any], numbers: NDArray[np.intp]) -> None:
        """Adds slice s of a state to slice numbers[s] of another, if that is not below 0."""
        if self.merge in ("sum", "digits"):
            width = int(np.prod(self.shape, dtype=int))
            kernels.add_sums(mine.reshape(-1, width), theirs.reshape(-1, width), numbers)
            if self.merge == "digits":
                exact_sum.carry(mine)
            return
        merge, kept = np.minimum if self.merge == "min" else np.maximum, numbers >= 0
        with np.errstate(invalid="ignore"):  # a NaN makes both NaN
            merge.at(mine, numbers[kept], theirs[kept])

    @overload
    def __get__(self, instance: None, owner: type) -> Field: ...
    @overload
    def __get__(self, instance: Accumulator, owner: type) -> NDArray[Any]: ...
    def __get__(self, instance: Accumulator | None, owner: type) -> Field | NDArray[Any]:
        return self if instance is None else instance.state[self.name]


def parts_of(numbers: NDArray[np.intp], parts: int) -> NDArray[np.intp]:
    """The numbers of the parts of slices that have so many each, from the numbers of the slices; -1 stays."""
    result: NDArray[np.intp] = np.where(numbers[:, None] < 0, -1, numbers[:, None] * parts + np.arange(parts)).ravel()
    return result


class Accumulator(ABC):
    """State of all slices, by number of slice.

    Merging is exact, commutative and associative: the state does not depend on how rows were split.
    """

    kind: ClassVar[str]
    version: ClassVar[int] = 1
    fields: ClassVar[dict[str, Field]] = {}
    ragged: ClassVar[dict[str, DTypeLike]] = {}
    ragged_widths: ClassVar[dict[str, int | None]] = {}

    rows = Field(np.int64)
    rows_dropped = Field(np.int64)

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        cls.fields = {
            name: value for owner in reversed(cls.__mro__) for name, value in vars(owner).items()
            if isinstance(value, Field)
        }  # fmt: skip
        if "kind" in vars(cls):
            ACCUMULATORS[cls.kind] = cls

    def __post_init__(self) -> None:
        self.slices = 0
        self.state: dict[str, NDArray[Any]] = {name: field.empty(0) for name, field in self.fields.items()}

    @property
    def parameters(self) -> dict[str, Any]:
        """The parameters by name."""
        return {field.name: getattr(self, field.name) for field in parameter_fields(self)}  # type: ignore[arg-type]

    @property
    @abstractmethod
    def reads(self) -> tuple[str, ...]:
        """The roles whose columns it reads, where they have one."""

    @property
    def requires(self) -> tuple[str, ...]:
        """Optional roles without which it cannot do."""
        return ()

    @property
    def identity(self) -> tuple[str, int, tuple[tuple[str, Any], ...]]:
        """Kind, version and parameters: equal for states that may be merged."""
        return self.kind, self.version, tuple(self.parameters.items())

    def grow(self, slices: int) -> None:
        """Makes room for slices numbered below `slices`; new ones are zero.

        Room doubles, so that slices which come one by one are not copied each time; zeros that were never
        written take no memory.
        """
        if slices <= self.slices:
            return
        for name, array in self.state.items():
            if len(array) < slices:
                room = self.fields[name].empty(max(slices, 2 * len(array)))
                room[: len(array)] = array
                self.state[name] = room
        self.slices = slices

    def count_dropped(self, slices: NDArray[np.int32] | None, count: int) -> None:
        """Counts rows that were dropped as invalid, by slice or in slice 0."""
        self._count("rows_dropped", slices, count)

    def _count(self, name: str, slices: NDArray[np.int32] | None, count: int) -> None:
        if slices is None:
            self.state[name][0] += count
        else:
            checks.count_rows(slices, None, self.state[name][: self.slices])

    def check_merge(self, other: Self) -> None:  # noqa: B027  (most take any)
        """StateMismatchError where another state does not fit, before anything is changed."""

    def merge(self, other: Self, numbers: NDArray[np.intp]) -> None:
        """Adds another state; its slice s is part of this one's slice numbers[s], several may be of one, and below 0 it
        is left out.  The other is not changed; it may be this one, where none that is added to is itself added."""
        for name, field in self.fields.items():
            field.add(self.state[name], other.state[name][: other.slices], numbers)
        if self.ragged:
            self.merge_ragged_slices(other, numbers)

    def merge_ragged_slices(self, other: Self, numbers: NDArray[np.intp]) -> None:
        """Adds the ragged state of all slices of another."""
        for s in np.flatnonzero(numbers >= 0).tolist():
            self.merge_ragged(int(numbers[s]), other.ragged_arrays(s))

    def ragged_arrays(self, s: int) -> dict[str, NDArray[Any]]:
        """The ragged state of a slice, in a form that depends on its value only."""
        raise NotImplementedError

    def merge_ragged(self, s: int, arrays: dict[str, NDArray[Any]]) -> None:
        """Adds ragged state to a slice."""
        raise NotImplementedError

    def copy(self) -> Self:
        """An independent copy."""
        return copy.deepcopy(self)

    def coarsened(self, parameters: Mapping[str, Any]) -> Self | None:
        """What an accumulator of other parameters would hold of the same rows, as a new one; None where this one does
        not tell."""
        return None

    @abstractmethod
    def at(self, s: int) -> Any:
        """What finalizers read of slice s."""


class RowAccumulator(Accumulator):
    """Fed with rows; `memory_limit`, no part of the identity, is how many bytes all slices may take, where that grows
    with the data."""

    memory_limit: int | None = None

    def check_rows(self, rows: Rows) -> None:
        """InvalidValueError where rows do not fit those before, before anything is changed."""

    @abstractmethod
    def update(self, rows: Rows, slices: NDArray[np.int32] | None) -> None:
        """Adds rows to their slices, or to slice 0."""

    def clear(self, slices: NDArray[np.intp]) -> None:
        """Makes slices hold nothing."""
        for name, field in self.fields.items():
            self.state[name][slices] = field.empty(1)
        if self.ragged:
            for s in slices.tolist():
                self.clear_ragged(s)

    def clear_ragged(self, s: int) -> None:
        """Makes a slice hold no ragged state."""
        raise NotImplementedError

    def count_rows(self, rows: Rows, slices: NDArray[np.int32] | None) -> None:
        """Counts the rows; one of weight zero is absent."""
        weights = rows.get("weight")
        if slices is not None and rows.counts is not None:
            self.rows[: rows.counts.size] += rows.counts
        elif slices is not None:
            checks.count_rows(slices, weights, self.rows[: self.slices])
        else:
            self.rows[0] += rows.count if weights is None else checks.count_positive(weights)


@cache
def _rules_of(rules: tuple[tuple[str, Any], ...]) -> ListRules:
    return ListRules(**dict(rules))


class ListAccumulator(Accumulator):
    """Fed with ranked lists."""

    rules: tuple[tuple[str, Any], ...]  # those that are not default

    @property
    def list_rules(self) -> ListRules:
        """What becomes of the rows of a list before anything is measured."""
        return _rules_of(self.rules)

    @property
    def requires(self) -> tuple[str, ...]:
        """Items, where they order tied rows or repeat."""
        rules = self.list_rules
        return ("item",) if rules.by_item or rules.duplicates in ("first", "max_score") else ()

    @property
    @abstractmethod
    def depth(self) -> int:
        """How many ranks it needs, 0 for all."""

    @property
    @abstractmethod
    def in_order(self) -> bool:
        """Whether it depends on the order of the source."""

    def counts(self, s: int) -> dict[str, int]:
        """How many queries and rows of each sort slice s has, by column of the result."""
        names = [name for name in self.fields if name.startswith(("queries", "rows_")) and name != "rows_dropped"]
        return {name: int(self.state[name][s]) for name in names}

    def _tally(self, name: str, slices: NDArray[np.int32] | None, counts: NDArray[Any]) -> None:
        """Adds a count of each list to a field."""
        if slices is None:
            flags = counts.dtype.itemsize == 1
            self.state[name][0] += np.count_nonzero(counts.view(np.bool_)) if flags else int(counts.sum())
        else:
            # Counts of a batch are far below 2^53, so their sums as float64 are exact.
            self.state[name][: self.slices] += np.bincount(slices, counts, self.slices).astype(np.int64)

    @abstractmethod
    def update(self, lists: Lists, slices: NDArray[np.int32] | None, split: NDArray[np.bool_] | None) -> None:
        """Adds lists to their slices, or to slice 0; `split` marks those whose query falls into several."""
