"""Isotonic calibration."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Self

import numpy as np

from fastrank._kernels import isotonic
from fastrank.calibration.base import FittedCalibrator, check_choice
from fastrank.domains import SCORE
from fastrank.errors import InvalidValueError, ParameterError
from fastrank.sweeps import Isotonic

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from fastrank.calibration.cells import Cells
    from fastrank.domains import Domain

__all__ = ["IsotonicCalibrator"]


@dataclass(eq=False, repr=False)
class IsotonicCalibrator(FittedCalibrator):
    """Isotonic calibration: the rate of positives that never falls with the score and is closest to the labels.

    It minimises sum of w (y - f(s))^2 over all f that do not fall, by pooling adjacent violators in time linear in the
    number of distinct scores.  Rates are compared as quotients of integers, so the blocks are exact.

    Parameters
    ----------
    increasing : bool
        False: f does not rise, for scores of which the lowest are the best.
    interpolation : "linear" or "step"
        What f is between two scores that were fitted: on the line between their values, or the value of the lower one.
        Below the lowest and above the highest score it is the value there.

    Attributes
    ----------
    x, y : numpy.ndarray
        The ends of blocks of scores that share a value, ascending, and these values.
    rows, rows_dropped : int
        How many rows counted, and how many were invalid.

    Notes
    -----
    Scores may be any numbers but NaN.  The fit keeps each distinct score, or cells of them with `bits=`.  Source:
    Zadrozny and Elkan 2002; as sklearn.isotonic.IsotonicRegression with out_of_bounds="clip", which takes float32
    scores nearer than 1e-6 for one.

    Examples
    --------
    >>> from fastrank.calibration import IsotonicCalibrator
    >>> rows = {"clicked": [0, 1, 0, 1, 1], "p": [0.1, 0.2, 0.4, 0.6, 0.8]}
    >>> calibrator = IsotonicCalibrator().fit(rows, label="clicked", score="p")
    >>> calibrator.transform([0.0, 0.3, 0.5, 0.9]).tolist()
    [0.0, 0.5, 0.75, 1.0]
    """

    kind: ClassVar[str] = "isotonic"
    fitted: ClassVar[tuple[str, ...]] = ("x", "y")

    increasing: bool = True
    interpolation: str = "linear"

    def __post_init__(self) -> None:
        check_choice(self, "interpolation", ("linear", "step"))
        if not isinstance(self.increasing, bool):
            raise ParameterError(f"IsotonicCalibrator: increasing={self.increasing!r}; allowed: True, False")

    @property
    def scores(self) -> Domain:
        """Any numbers."""
        return SCORE

    def _fit(self, cells: Cells) -> None:
        """Fits on scores with the weight of each class."""
        blocks = cells.ask(Isotonic(self.increasing)).pooled
        # Weights are rounded before they are divided: two rates that differ may come out an ulp in the wrong order.
        keep_order = np.maximum if self.increasing else np.minimum
        rates = keep_order.accumulate(blocks.rates)
        single = blocks.first == blocks.last
        ends = np.column_stack((np.ones_like(single), ~single)).ravel()
        self.x = np.column_stack((blocks.first, blocks.last)).ravel()[ends]
        self.y = np.repeat(rates, 2)[ends]

    def calibrate(self, scores: NDArray[np.float64]) -> NDArray[np.float64]:
        """The probabilities of scores."""
        return isotonic.interpolate(self.x, self.y, scores, self.interpolation == "linear")

    def restore(self, content: Mapping[str, Any]) -> Self:
        """Takes what a fit found."""
        x, y = (np.array(content[name], np.float64) for name in self.fitted)
        steps = np.diff(y) if self.increasing else -np.diff(y)
        if x.ndim != 1 or x.shape != y.shape or not x.size or not (x[1:] > x[:-1]).all() or np.isnan(x).any():
            raise InvalidValueError("x is no list of scores that ascend, or y has another length")
        if not ((y >= 0) & (y <= 1)).all() or not (steps >= 0).all():
            raise InvalidValueError("y is no list of probabilities that keep the order of the scores")
        return super().restore({"x": x, "y": y})
