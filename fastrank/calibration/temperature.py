"""Temperature scaling, of two classes or of several."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Self

import numpy as np

from fastrank._kernels.elementary import exp, sigmoid
from fastrank.buffers import is_list
from fastrank.calibration.base import FittedCalibrator
from fastrank.calibration.cells import as_source
from fastrank.calibration.logistic import Extent, LogisticSums, Predictor
from fastrank.calibration.logits import logit, logits_of_classes
from fastrank.calibration.multiclass import ClassRows, ClassSums
from fastrank.calibration.newton import minimise
from fastrank.domains import PROBABILITY, REAL
from fastrank.errors import InvalidValueError, ParameterError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from numpy.typing import NDArray

    from fastrank.calibration.cells import Cells
    from fastrank.calibration.newton import Derivatives
    from fastrank.domains import Domain
    from fastrank.sources import Source

__all__ = ["TemperatureCalibrator"]


@dataclass(eq=False, repr=False)
class TemperatureCalibrator(FittedCalibrator):
    """Temperature scaling: logits are divided by the temperature that minimises the log loss.

    Of two classes p = 1 / (1 + exp(-z / temperature)); of several p_k = exp(z_k / temperature) / (sum over j of
    exp(z_j / temperature)).  The class of the highest score does not change.

    Parameters
    ----------
    from_logits : bool
        Whether scores are logits z.  Else they are probabilities, and z = log(p / (1 - p)), p clipped to
        [2^-52, 1 - 2^-52]; of several classes z_k = log(p_k), p_k clipped to 2^-52 from below.

    Attributes
    ----------
    temperature : float
        Above 1 the model was too sure, below 1 not sure enough.
    rows, rows_dropped : int
        How many rows counted, and how many were invalid.

    Notes
    -----
    Two classes are fitted from one pass over the rows.  Scores of several classes are passed over again for each of
    some ten steps of Newton's method: their source must be one that can be read again.  Source: Guo et al. 2017.

    Examples
    --------
    >>> from fastrank.calibration import TemperatureCalibrator
    >>> rows = {"clicked": [0, 1, 0, 1, 1, 0], "p": [0.1, 0.1, 0.1, 0.9, 0.9, 0.9]}
    >>> calibrator = TemperatureCalibrator().fit(rows, label="clicked", score="p")
    >>> round(calibrator.temperature, 6), calibrator.transform([0.1, 0.9]).round(6).tolist()
    (3.169925, [0.333333, 0.666667])
    """

    kind: ClassVar[str] = "temperature"
    fitted: ClassVar[tuple[str, ...]] = ("temperature",)
    takes_lists: ClassVar[bool] = True

    from_logits: bool = False

    def __post_init__(self) -> None:
        if not isinstance(self.from_logits, bool):
            raise ParameterError(f"TemperatureCalibrator: from_logits={self.from_logits!r}; allowed: True, False")

    @property
    def scores(self) -> Domain:
        """Logits are finite numbers."""
        return REAL if self.from_logits else PROBABILITY

    def fit(
        self,
        source: Any,
        *,
        label: str,
        score: str | Sequence[str],
        weight: str | None = None,
        where: Any = None,
        positive: Any = None,
        classes: Sequence[Any] | None = None,
        on_invalid: str = "raise",
        bits: int | None = None,
        threads: int | None = None,
        **options: Any,
    ) -> Self:
        """Fits the temperature; as `FittedCalibrator.fit`, and of several classes.

        Parameters
        ----------
        source : path, list of paths, glob, folder, Arrow object, or dict of arrays
            As for `fastrank.evaluate`; of several classes no stream, as it is read several times.
        label : str
            The column of labels; of several classes the number of the class, from 0, or one of `classes`.
        score : str or list of str
            The column of scores; of several classes a column of lists, or a column for each class.
        weight : str, optional
            The column of row weights.
        where : str or pyarrow.compute.Expression, optional
            Only rows that meet the condition count.
        positive : number or str, optional
            The label of positive rows, of two classes.
        classes : list of numbers or str, optional
            The label of each class, in the order of the scores.
        on_invalid : "raise" or "drop"
            What to do with rows that hold a null, a NaN, or a value that is not allowed.
        bits : int, optional
            Keep scores of two classes in 2^bits cells.
        threads : int, optional
            Most threads to use for rows in memory, and for the fit.
        **options
            memory_limit and progress, of two classes.

        Returns
        -------
        self
        """
        opened = as_source(source)
        roles = {"weight": weight, "where": where, "on_invalid": on_invalid}
        if not self.is_of_classes(opened, score):
            if classes is not None:
                raise ParameterError("classes= is about scores of several classes; positive= names one of two labels")
            two: dict[str, Any] = {"label": label, "score": score, "positive": positive, "bits": bits}
            return super().fit(opened, **two, **roles, threads=threads, **options)
        given = {"positive": positive, "bits": bits, **options}
        for name, value in given.items():
            if value is not None:
                raise ParameterError(f"{name}={value!r} is about scores of two classes; these are of several")
        return self._fit_classes(ClassRows(opened, self.scores, label, score, classes, roles, threads))

    def is_of_classes(self, source: Source, score: str | Sequence[str]) -> bool:
        """Whether scores of a source are of several classes: lists, or in several columns."""
        if not isinstance(score, str):
            return True
        place = source.schema.get_field_index(score)
        if place < 0:
            return False  # told when it is read
        kind = source.schema.field(place).type
        return is_list(getattr(kind, "storage_type", kind))

    def uncalibrated(self, scores: NDArray[np.float64]) -> NDArray[np.float64]:
        """The probabilities that scores are before."""
        return sigmoid(scores) if self.from_logits else scores

    def _fit_classes(self, rows: ClassRows) -> Self:
        def sums(beta: float) -> ClassSums:
            return rows.add_up(lambda scores: scores if self.from_logits else logits_of_classes(scores), beta)

        start = sums(0.0)
        self.temperature = _temperature(lambda beta: sums(beta).derivatives if beta else start.derivatives,
                                        settles=start.any_wrong)  # fmt: skip
        self.rows, self.rows_dropped = start.rows, start.rows_dropped
        return self

    def _fit(self, cells: Cells) -> None:
        """Fits on scores with the weight of each class."""
        extent: Extent = cells.ask(Extent(Predictor(not self.from_logits)))
        # Of logits of any size the squares are finite then.
        width = max(-extent.lowest, extent.highest) or 1.0
        predictor = Predictor(not self.from_logits, width=width)

        def derivatives(beta: float) -> Derivatives:
            asked: LogisticSums = cells.ask(LogisticSums(predictor, beta))
            return asked.by_slope

        self.temperature = width * _temperature(derivatives, settles=extent.any_wrong)

    def transform(self, scores: Any) -> Any:
        """The calibrated probabilities of scores.

        Parameters
        ----------
        scores : array-like of shape (n_rows,) or (n_rows, n_classes), or pyarrow.Array or ChunkedArray
            Logits or probabilities, of two classes (of the positive one) or of several (an array of two dimensions, or
            lists).  A NaN stays NaN, or makes the row NaN; a null stays null; inside of Arrow lists both are errors.

        Returns
        -------
        numpy.ndarray of float64, or pyarrow.Array for Arrow arrays
            The same shape; of Arrow lists, lists of float64.
        """
        if np.ndim(scores) > 2:
            raise ParameterError(f"scores have {np.ndim(scores)} dimensions; allowed: one, or two: rows and classes")
        return super().transform(scores)

    def calibrate(self, scores: NDArray[np.float64]) -> NDArray[np.float64]:
        """The probabilities of scores, [rows] or [rows, classes]."""
        if scores.ndim == 1:
            return sigmoid((scores if self.from_logits else logit(scores)) / self.temperature)
        logits = scores if self.from_logits else logits_of_classes(scores)
        powers = exp((logits - logits.max(axis=1, keepdims=True, initial=-math.inf)) / self.temperature)
        total = np.zeros(len(powers))
        for k in range(powers.shape[1]):  # in this order, whatever the machine
            total += powers[:, k]
        probabilities: NDArray[np.float64] = powers / total[:, None]
        return probabilities

    def restore(self, content: Mapping[str, Any]) -> Self:
        """Takes what a fit found."""
        temperature = np.asarray(content["temperature"], np.float64).item()
        if not 0.0 < temperature < math.inf:
            raise InvalidValueError("temperature is no finite number above 0")
        return super().restore({"temperature": temperature})


def _temperature(derivatives: Callable[[float], Derivatives], *, settles: bool) -> float:
    """The temperature whose inverse minimises the log loss; `settles`: not every row is right, whatever it is."""
    start = derivatives(0.0)
    if start.gradient[0] >= 0:
        raise InvalidValueError(
            "the scores tell the classes no better than chance, so that no temperature above 0 is best"
        )
    if not settles:
        raise InvalidValueError(
            "the score of every row is highest for its own class, so that the log loss falls for ever as the "
            "temperature nears 0: fit on more rows, or on rows that the model was not trained on"
        )
    (beta,) = minimise(lambda point: derivatives(point[0]) if point[0] else start, (0.0,))
    return 1.0 / beta
