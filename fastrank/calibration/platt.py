"""Platt scaling."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Self

import numpy as np

from fastrank._kernels import elementary
from fastrank._kernels.elementary import sigmoid
from fastrank.calibration.base import FittedCalibrator, check_choice
from fastrank.calibration.logistic import Extent, LogisticSums, Predictor
from fastrank.calibration.logits import logit
from fastrank.calibration.newton import minimise
from fastrank.domains import PROBABILITY, REAL
from fastrank.errors import InvalidValueError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from fastrank.calibration.cells import Cells
    from fastrank.calibration.newton import Derivatives
    from fastrank.domains import Domain

__all__ = ["PlattCalibrator"]


@dataclass(eq=False, repr=False)
class PlattCalibrator(FittedCalibrator):
    """Platt scaling: p = 1 / (1 + exp(-(slope * s + intercept))), which minimises the log loss.

    Positive rows have the target (N+ + 1) / (N+ + 2) and negative ones 1 / (N- + 2), of the weights N+ and N- of the
    classes, so that there is a minimum even where a score tells the classes apart.

    Parameters
    ----------
    on : "score" or "logit"
        What s is: the score, or log(p / (1 - p)) of a score p that is a probability, clipped to [2^-52, 1 - 2^-52].

    Attributes
    ----------
    slope, intercept : float
        The parameters; Platt's A and B are their negatives.  Where all scores are one, the slope is 0.
    rows, rows_dropped : int
        How many rows counted, and how many were invalid.

    Notes
    -----
    Scores may be any finite numbers, or with on="logit" probabilities.  Newton's method, to the rounding of float64,
    goes through the distinct scores that the pass over the rows left.  Source: Platt 1999; Lin, Lin and Weng 2007; as
    sklearn.calibration.CalibratedClassifierCV(method="sigmoid").

    Examples
    --------
    >>> from fastrank.calibration import PlattCalibrator
    >>> rows = {"clicked": [0, 0, 1, 0, 1, 1], "margin": [-2.0, -1.0, -0.5, 0.5, 1.0, 2.0]}
    >>> calibrator = PlattCalibrator().fit(rows, label="clicked", score="margin")
    >>> calibrator.transform([-1.0, 0.0, 1.0]).round(3).tolist()
    [0.347, 0.5, 0.653]
    """

    kind: ClassVar[str] = "platt"
    fitted: ClassVar[tuple[str, ...]] = ("slope", "intercept")

    on: str = "score"

    def __post_init__(self) -> None:
        check_choice(self, "on", ("score", "logit"))

    @property
    def scores(self) -> Domain:
        """Finite numbers, or probabilities."""
        return PROBABILITY if self.on == "logit" else REAL

    def _fit(self, cells: Cells) -> None:
        """Fits on scores with the weight of each class."""
        negatives, positives = cells.weights
        targets = 1.0 / (negatives + 2.0), (positives + 1.0) / (positives + 2.0)
        extent = cells.ask(Extent(Predictor(self.on == "logit")))
        # The fit is the same wherever 0 is and whatever the unit; with these sums are of like size.
        centre, width = (extent.lowest / 2 + extent.highest / 2), (extent.highest / 2 - extent.lowest / 2)
        predictor = Predictor(self.on == "logit", centre, width or 1.0)
        ones = targets[0] * negatives + targets[1] * positives
        zeros = (1.0 - targets[0]) * negatives + (1.0 - targets[1]) * positives
        start = elementary.log(ones / zeros)
        if width == 0.0:
            self.slope, self.intercept = 0.0, start
            return

        def derivatives(point: tuple[float, ...]) -> Derivatives:
            slope, intercept = point
            asked: LogisticSums = cells.ask(LogisticSums(predictor, slope, intercept, targets))
            return asked.by_both

        slope, intercept = minimise(derivatives, (0.0, start))
        self.slope, self.intercept = slope / width, intercept - slope * (centre / width)

    def calibrate(self, scores: NDArray[np.float64]) -> NDArray[np.float64]:
        """The probabilities of scores."""
        predictor = logit(scores) if self.on == "logit" else scores
        # A slope of 0 is flat up to infinity.
        margin = self.slope * predictor if self.slope else np.where(np.isnan(predictor), np.nan, 0.0)
        return sigmoid(margin + self.intercept)

    def restore(self, content: Mapping[str, Any]) -> Self:
        """Takes what a fit found."""
        numbers = {name: np.asarray(content[name], np.float64).item() for name in self.fitted}
        if not all(map(math.isfinite, numbers.values())):
            raise InvalidValueError("slope or intercept is no finite number")
        return super().restore(numbers)
