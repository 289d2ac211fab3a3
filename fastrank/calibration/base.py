"""What all calibrators do: transform scores, in arrays or in a stream of record batches, and travel as files."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import fields
from typing import TYPE_CHECKING, Any, ClassVar, Self

import numpy as np
import pyarrow as pa

from fastrank.buffers import in_words, is_list, null_mask, plain, to_arrow
from fastrank.calibration.cells import cells_of_state, read_cells
from fastrank.domains import PROBABILITY, Unfit, floats
from fastrank.errors import ColumnTypeError, InvalidValueError, NotFittedError, ParameterError
from fastrank.scattered import DEFAULT_MEMORY_LIMIT

if TYPE_CHECKING:
    import os
    from collections.abc import Callable, Mapping

    from numpy.typing import NDArray

    from fastrank.calibration.cells import Cells
    from fastrank.domains import Domain

__all__ = ["CALIBRATORS", "Calibrator", "FittedCalibrator"]

CALIBRATORS: dict[str, type[Calibrator]] = {}
MOST_SHOWN = 4  # numbers of an array in a repr


class Calibrator(ABC):
    """Turns scores into probabilities.

    A subclass is a dataclass whose fields are its parameters; `fitted` names what a fit finds: numbers, or arrays of
    one length.
    """

    kind: ClassVar[str]
    fitted: ClassVar[tuple[str, ...]] = ()
    takes_lists: ClassVar[bool] = False  # of the scores of several classes

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        if "kind" in vars(cls):
            CALIBRATORS[cls.kind] = cls

    @property
    @abstractmethod
    def scores(self) -> Domain:
        """What scores may be."""

    @abstractmethod
    def calibrate(self, scores: NDArray[np.float64]) -> NDArray[np.float64]:
        """The probabilities of scores of the domain, or of NaN."""

    def uncalibrated(self, scores: NDArray[np.float64]) -> NDArray[np.float64]:
        """The probabilities that scores are before."""
        return scores

    @property
    def parameters(self) -> dict[str, Any]:
        """The parameters by name."""
        return {field.name: getattr(self, field.name) for field in fields(self)}  # type: ignore[arg-type]

    # Not a property: of one, Python would take the error for a missing attribute.
    def content(self) -> dict[str, Any]:
        """What the fit found, by name; NotFittedError before it."""
        return {name: getattr(self, name) for name in self.fitted}

    def restore(self, content: Mapping[str, Any]) -> Self:
        """Takes what a fit found; InvalidValueError where it cannot be that."""
        for name in self.fitted:
            setattr(self, name, content[name])
        return self

    def __getattr__(self, name: str) -> Any:
        # Called for what is not there: what a fit finds, before it.
        if name in type(self).fitted:
            raise NotFittedError(f"{type(self).__name__} has no {name} before it is fitted: call fit() or fit_state()")
        raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}")

    def __repr__(self) -> str:
        shown = [f"{name}={value!r}" for name, value in self.parameters.items()]
        if all(name in vars(self) for name in self.fitted):
            shown += [f"{name}={_shown(value)}" for name, value in self.content().items()]
        return f"{type(self).__name__}({', '.join(shown)})"

    def __eq__(self, other: object) -> bool:
        if type(other) is not type(self):
            return NotImplemented
        found = ([np.asarray(vars(one).get(name)).tolist() for name in self.fitted] for one in (self, other))
        return self.parameters == other.parameters and next(found) == next(found)

    __hash__ = None  # type: ignore[assignment] # it changes when it is fitted

    def transform(self, scores: Any) -> Any:
        """The calibrated probabilities of scores.

        Parameters
        ----------
        scores : array-like of shape (n_rows,), or pyarrow.Array or ChunkedArray
            As documented for the class.  A NaN stays NaN, a null stays null.

        Returns
        -------
        numpy.ndarray of float64, or pyarrow.Array of float64 for Arrow arrays
            The same length and order.

        Raises
        ------
        NotFittedError, ColumnTypeError
            It is not fitted, or scores are no numbers.
        InvalidValueError
            A score lies outside [0, 1] where scores are probabilities, or is an integer or decimal beyond 2^53.
        """
        self.content()
        if isinstance(scores, pa.Array | pa.ChunkedArray):
            return self._transform_arrow(scores)
        try:
            values = np.asarray(scores)
        except ValueError as error:
            raise ColumnTypeError(f"scores are no array of numbers: {error}") from None
        if values.dtype.kind not in "fiub":
            raise ColumnTypeError(f"scores are of type {values.dtype}; allowed: {self.scores.types}")
        if values.dtype.kind in "iu":
            return self._checked(_exact(to_arrow(values.ravel())).reshape(values.shape))
        return self._checked(values.astype(np.float64))

    def _transform_arrow(self, scores: pa.Array | pa.ChunkedArray) -> pa.Array:
        if isinstance(scores, pa.ChunkedArray):
            scores = scores.combine_chunks()
            scores = pa.concat_arrays(scores.chunks) if isinstance(scores, pa.ChunkedArray) else scores
        array = plain(scores)
        if self.takes_lists and is_list(array.type):
            from fastrank.calibration.stream import transform_lists

            return transform_lists(self, array)
        try:
            values = _exact(array)
        except Unfit:
            raise ColumnTypeError(f"scores are of type {scores.type}; allowed: {self.scores.types}") from None
        return to_arrow(self._checked(values), null_mask(array))

    def _checked(self, values: NDArray[np.float64]) -> NDArray[np.float64]:
        """The probabilities, where scores are in their domain."""
        if self.scores is PROBABILITY:
            outside = (values < 0) | (values > 1)
            if outside.any():
                place = np.unravel_index(int(outside.argmax()), values.shape)
                row = ", ".join(str(int(i)) for i in place)
                raise InvalidValueError(
                    f"scores[{row}] is {float(values[place])!r}; allowed: {self.scores.allowed}, or NaN"
                )
        return self.calibrate(values)

    def apply(
        self,
        source: Any,
        *,
        score: str,
        name: str | None = None,
        on_invalid: str = "raise",
        batch_rows: int | None = None,
    ) -> pa.RecordBatchReader:
        """The rows of a source with a column of calibrated probabilities behind the others, batch by batch.

        Parameters
        ----------
        source : path, list of paths, glob, folder, Arrow object, or dict of arrays
            As for `fastrank.evaluate`.
        score : str
            The column of scores.
        name : str, optional
            Of the new column; default: that of the scores and "_calibrated".
        on_invalid : "raise" or "null"
            What to do with rows whose score is null, NaN or not allowed: an error, or a null.
        batch_rows : int, optional
            Most rows in a batch.

        Returns
        -------
        pyarrow.RecordBatchReader
            Reads the source as it is read; write it to a file, or give it to `fastrank.evaluate`.
        """
        from fastrank.calibration.stream import calibrated

        self.content()
        return calibrated(self, source, score, name, on_invalid, batch_rows)

    def save(self, path: str | os.PathLike[str]) -> None:
        """Writes the calibrator to a file, which appears whole or not at all.

        Parameters
        ----------
        path : str or path-like
            .json, of which each number reads back to the same bits, or .arrow; `fastrank.calibration.load` reads both.
        """
        from fastrank.calibration.files import save

        save(self, path)


class FittedCalibrator(Calibrator):
    """A calibrator that is fitted on labelled rows; `rows` and `rows_dropped` say on how many."""

    rows: int | None = None
    rows_dropped: int | None = None

    @abstractmethod
    def _fit(self, cells: Cells) -> None:
        """Fits on scores with the weight of each class."""

    def fit(
        self,
        source: Any,
        *,
        label: str,
        score: str,
        weight: str | None = None,
        where: Any = None,
        positive: Any = None,
        on_invalid: str = "raise",
        bits: int | None = None,
        memory_limit: int = DEFAULT_MEMORY_LIMIT,
        threads: int | None = None,
        progress: Callable[[int], None] | None = None,
    ) -> Self:
        """Fits the calibrator in one pass over a source; what an earlier fit found is forgotten.

        The result does not depend on batches, the order of rows or threads, not by a bit.

        Parameters
        ----------
        source : path, list of paths, glob, folder, Arrow object, or dict of arrays
            As for `fastrank.evaluate`.
        label : str
            The column of labels: 0 and 1, or -1 and 1, or any with `positive`.
        score : str
            The column of scores.
        weight : str, optional
            The column of row weights.
        where : str or pyarrow.compute.Expression, optional
            Only rows that meet the condition count.
        positive : number or str, optional
            The label of positive rows.
        on_invalid : "raise" or "drop"
            What to do with rows that hold a null, a NaN, or a value that is not allowed: an error, or drop and count
            them (`rows_dropped`).
        bits : int, optional
            Keep the scores in 2^bits cells (12 to 26), as `auc(bits=)` does, and not each distinct score: memory is
            then of one size.  The fit is that of scores cut off to 2^(bits-9) steps from one power of two to the next:
            each is nearer to 0 by less than a part 2^-(bits-9) of its size (from float32's least normal number on), and
            as it is where it stands on a step.
        memory_limit : int
            Bytes of distinct scores to keep in memory; more go to a temporary file.
        threads : int, optional
            Most threads to use for rows in memory, and for the fit.
        progress : callable, optional
            Called with the number of rows of each batch.

        Returns
        -------
        self
        """
        roles = {"label": label, "score": score, "weight": weight, "where": where, "on_invalid": on_invalid}
        options: dict[str, Any] = {"bits": bits, "memory_limit": memory_limit, "threads": threads, "progress": progress}
        name = type(self).__name__
        return self.fit_cells(read_cells(name, source, self.scores, positive=positive, **roles, **options))

    def fit_state(
        self,
        state: Any,
        *,
        label: str | None = None,
        score: str | None = None,
        memory_limit: int = DEFAULT_MEMORY_LIMIT,
    ) -> Self:
        """Fits the calibrator on the scores that a state holds, such as that of `auc`; no row is read again.

        Parameters
        ----------
        state : Evaluator, pyarrow.Table or path
            An evaluator, what its `state()` gave, or a file that `save_state` wrote; all its rows count, whatever
            their slice.
        label, score : str, optional
            The columns, where the state holds the scores of several.
        memory_limit : int
            Bytes of distinct scores to keep in memory.

        Returns
        -------
        self

        Raises
        ------
        StateMismatchError
            The state holds no scores by class, or those of several metrics.
        InvalidValueError
            A score is not allowed, or a class has no rows.
        """
        cells = cells_of_state(state, label=label, score=score, memory_limit=memory_limit)
        # The metric that left the state may allow other scores.
        cells.check_scores(type(self).__name__, self.scores)
        return self.fit_cells(cells)

    def fit_cells(self, cells: Cells) -> Self:
        """Fits on what `read_cells` read."""
        cells.check_classes(type(self).__name__)
        self._fit(cells)
        self.rows, self.rows_dropped = cells.rows, cells.rows_dropped
        return self


def _exact(array: pa.Array) -> NDArray[np.float64]:
    """Numbers as float64, 0 in place of nulls; InvalidValueError where one would be rounded."""
    values, invalid = floats(array)
    nulls = null_mask(array)
    rounded = invalid if nulls is None or invalid is None else invalid & ~nulls
    if rounded is not None and rounded.any():
        row = int(rounded.argmax())
        raise InvalidValueError(f"scores[{row}] is {in_words(array[row])}; allowed: from -2^53 to 2^53")
    wide: NDArray[np.float64] = values.astype(np.float64)
    return wide


def _shown(value: Any) -> str:
    if not isinstance(value, np.ndarray):
        return repr(value)
    if value.size > MOST_SHOWN:
        ends = ", ".join(repr(each) for each in (*value[:2].tolist(), ..., value[-1].item()))
        return f"[{ends.replace('Ellipsis', '...')}]"
    return repr(value.tolist())


def check_choice(owner: object, name: str, allowed: tuple[str, ...]) -> None:
    """ParameterError where a parameter is none of these."""
    value = getattr(owner, name)
    if value not in allowed:
        words = ", ".join(f'"{each}"' for each in allowed)
        raise ParameterError(f"{type(owner).__name__}: {name}={value!r}; allowed: {words}")
