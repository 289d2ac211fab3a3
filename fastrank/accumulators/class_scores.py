"""The scores of each class apart: the states of multiclass AUCs, made of those of the binary one."""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple, Self, cast

import numpy as np

from fastrank.accumulators.base import parts_of
from fastrank.accumulators.binned import ScoreHistogram
from fastrank.accumulators.classes import ClassAccumulator
from fastrank.accumulators.exact import ScoreRuns
from fastrank.errors import ParameterError
from fastrank.sweeps import Pairs
from fastrank.sweeps.base import COUNT, WEIGHT

if TYPE_CHECKING:
    from numpy.typing import DTypeLike, NDArray

    from fastrank.accumulators.scores import ScoreAccumulator
    from fastrank.columns import Rows

__all__ = ["ClassHistograms", "ClassRuns", "PairsOfClasses"]

MOST_PARTS = 1 << 22  # distributions of one accumulator, all slices together


class _Entries:
    """The rows of one score, as an accumulator of scores reads them."""

    counts = None

    def __init__(self, arrays: dict[str, NDArray[Any]]) -> None:
        self._arrays = arrays
        self.count = len(arrays["score"])

    def __getitem__(self, role: str) -> NDArray[Any]:
        return self._arrays[role]

    def get(self, role: str) -> NDArray[Any] | None:
        """The array of a role, or None where there is none."""
        return self._arrays.get(role)


class PairsOfClasses(NamedTuple):
    """Pairs of a row of a class and another row, by the score of that class.

    `weights` are of each class, in units of 2^unit.  `pairs` are by class against the rest, {k: ...}, by ordered pair
    of classes, {(k, other): ...}, or of all classes together, {0: ...}.
    """

    weights: list[int]
    pairs: dict[Any, Pairs]
    unit: int


class _ClassScores(ClassAccumulator):
    """An accumulator of scores whose slices are parts of the slices of this one.

    In each part rows of a class are the positives.  `against` says what there is a part for: "rest", each class, with
    its own rows and all others by the score of that class; "each", each score and true class; "pooled", all scores of
    all rows together.
    """

    against: str
    weighted: bool

    def __post_init__(self) -> None:
        super().__post_init__()
        self._inner: ScoreAccumulator = self.make()

    @abstractmethod
    def make(self) -> ScoreAccumulator:
        """An empty accumulator of scores."""

    @property
    def ragged(self) -> dict[str, DTypeLike]:  # type: ignore[override]
        """The parts and their sizes; what the accumulator of scores has."""
        return {"parts": np.int64, "sizes": np.int64, **self._inner.ragged}

    @property
    def ragged_widths(self) -> dict[str, int | None]:  # type: ignore[override]
        """Scores have as many entries as the sizes say."""
        return dict.fromkeys(self._inner.ragged)

    @property
    def memory_limit(self) -> int:
        """Bytes that all parts may take together."""
        return self._inner.memory_limit

    @memory_limit.setter
    def memory_limit(self, limit: int) -> None:
        self._inner.memory_limit = limit

    def _parts(self) -> int:
        """How many parts a slice has."""
        classes = self.class_count
        return {"rest": classes, "each": classes**2, "pooled": min(classes, 1)}[self.against]

    def grow(self, slices: int) -> None:
        """Makes room for slices numbered below `slices`."""
        super().grow(slices)
        self._make_room()

    def _make_room(self) -> None:
        """Parts of each slice, once it is known how many classes there are."""
        parts = self.slices * self._parts()
        if parts > MOST_PARTS:
            raise ParameterError(
                f"multiclass_auc: {self.slices} slices of {self._parts()} distributions of scores each are more than "
                f"{MOST_PARTS}; take fewer slices (by=)" + (', or scheme="ovr"' if self.against == "each" else "")
            )
        try:
            self._inner.grow(parts)
        except ParameterError as error:
            raise ParameterError(f"multiclass_auc: of {self._parts()} distributions a slice: {error}") from None

    def update(self, rows: Rows, slices: NDArray[np.int32] | None) -> None:
        """Takes the scores, the class and the weight of each row."""
        self.count_rows(rows, slices)
        if not rows.count:
            return
        scores, labels = self.count_classes(rows, slices), rows["label"]
        self._make_room()
        weights = {"weight": rows["weight"]} if self.weighted else {}
        for k in range(scores.shape[1]):
            arrays = {"score": np.ascontiguousarray(scores[:, k]), "label": (labels == k).view(np.uint8), **weights}
            self._inner.update(cast("Rows", _Entries(arrays)), self._numbers(k, labels, slices))

    def _numbers(self, k: int, labels: NDArray[np.int32], slices: NDArray[np.int32] | None) -> NDArray[np.int32] | None:
        """The part of each row by the score of class k; None where all are in part 0."""
        if self.against == "pooled":
            return slices
        if self.against == "rest":
            part = np.full(len(labels), k, np.int32)
        else:
            part = (k * self.class_count + labels).astype(np.int32)
        return part if slices is None else (slices * np.int32(self._parts()) + part).astype(np.int32)

    def ragged_arrays(self, s: int) -> dict[str, NDArray[Any]]:
        """The parts that hold scores, and the scores of one after the other."""
        self._make_room()
        parts = self._parts()
        found = [(p, self._inner.ragged_arrays(s * parts + p)) for p in range(parts)]
        keys = next(iter(self._inner.ragged))
        held = [(p, arrays) for p, arrays in found if arrays[keys].size]
        result: dict[str, NDArray[Any]] = {
            "parts": np.array([p for p, _ in held], np.int64),
            "sizes": np.array([arrays[keys].size for _, arrays in held], np.int64),
        }
        for name, dtype in self._inner.ragged.items():
            result[name] = np.concatenate([np.empty(0, dtype), *(arrays[name] for _, arrays in held)])
        return result

    def merge_ragged_slices(self, other: Self, numbers: NDArray[np.intp]) -> None:
        """Merges the scores of each part of all slices of another."""
        self._make_room()
        other._make_room()
        self._inner.merge_ragged_slices(other._inner, parts_of(numbers, other._parts()))

    def clear_ragged(self, s: int) -> None:
        """Makes the parts of a slice hold nothing."""
        self._make_room()
        for p in range(self._parts()):
            self._inner.clear_ragged(s * self._parts() + p)

    def merge_ragged(self, s: int, arrays: dict[str, NDArray[Any]]) -> None:
        """Merges the scores of each part."""
        parts, sizes = arrays["parts"], arrays["sizes"]
        names = list(self._inner.ragged)
        if not parts.size:
            return
        if parts[0] < 0 or parts[-1] >= self._parts():
            raise ValueError("a part is of a class that is none")
        if (sizes < 1).any() or any(len(arrays[name]) != int(sizes.sum()) for name in names):
            raise ValueError("the scores do not fit the sizes of their parts")
        self._make_room()
        ends = np.cumsum(sizes).tolist()
        for p, start, end in zip(parts.tolist(), [0, *ends], ends, strict=False):
            part = {name: arrays[name][start:end] for name in names}
            if (part[names[0]][1:] <= part[names[0]][:-1]).any():
                raise ValueError("the scores of a part do not ascend")
            self._inner.merge_ragged(s * self._parts() + p, part)

    def at(self, s: int) -> PairsOfClasses:
        """The pairs of slice s."""
        count, first = self.class_count, s * self._parts()
        if self.against == "each":
            pairs = {(k, other): found for k in range(count) for other, found in self._against_each(first, k)}
            weights = [pairs[k, k].totals.positives for k in range(count)]
            pairs = {key: found for key, found in pairs.items() if key[0] != key[1]}
            return PairsOfClasses(weights, pairs, WEIGHT if self.weighted else COUNT)
        swept = {p: _pairs(self._inner, first + p) for p in range(self._parts())}
        weights = [found.totals.positives for found in swept.values()] if self.against == "rest" else []
        return PairsOfClasses(weights, dict(swept), WEIGHT if self.weighted else COUNT)

    def _against_each(self, first: int, k: int) -> list[tuple[int, Pairs]]:
        """Pairs of the rows of class k, positive, with those of each other class, by the score of class k."""
        count = self.class_count
        own = self._inner.ragged_arrays(first + k * count + k)
        found = []
        for other in range(count):
            both = self.make()
            both.grow(1)
            both.merge_ragged(0, own)
            if other != k:
                both.merge_ragged(0, self._inner.ragged_arrays(first + k * count + other))
            found.append((other, _pairs(both, 0)))
        return found


def _pairs(scores: ScoreAccumulator, s: int) -> Pairs:
    answer = next(iter(scores.sweep(s, [Pairs()]).values()))
    return cast("Pairs", answer)


@dataclass(eq=False)
class ClassRuns(_ClassScores):
    """Each distinct score of each class with the rows, or the weight, of the class and of others.

    Memory grows with the number of distinct scores, for each class as that of `auc`; with scheme="ovo" there is a
    distribution for each score and true class, of which each row is in as many as there are classes.
    """

    kind = "class_runs"
    against: str
    weighted: bool = False

    def make(self) -> ScoreAccumulator:
        """An empty accumulator of scores."""
        return ScoreRuns(weighted=self.weighted)


@dataclass(eq=False)
class ClassHistograms(_ClassScores):
    """Rows, or weight, of each class and of others in 2^bits cells of each class's score, as of `auc(bits=)`.

    Memory: as of `auc(bits=)`, for each class and slice; with scheme="ovo" for each pair of classes.
    """

    kind = "class_histograms"
    against: str
    bits: int
    weighted: bool = False

    def make(self) -> ScoreAccumulator:
        """An empty accumulator of scores."""
        return ScoreHistogram(bits=self.bits, weighted=self.weighted)
