"""The correction of probabilities that were learnt from downsampled negatives."""

from __future__ import annotations

import math
from dataclasses import dataclass
from numbers import Real
from typing import TYPE_CHECKING, Any, ClassVar

from fastrank.calibration.base import Calibrator
from fastrank.domains import PROBABILITY
from fastrank.errors import ParameterError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from fastrank.domains import Domain

__all__ = ["DownsamplingCorrection"]


@dataclass(eq=False, repr=False)
class DownsamplingCorrection(Calibrator):
    """Undoes the downsampling of negatives: q = p / (p + (1 - p) / rate).

    A model that was trained on all positives and on a share `rate` of the negatives predicts p; q is what it would
    predict of all rows.  There is nothing to fit.

    Parameters
    ----------
    rate : float
        The share of the negatives that was kept, above 0, up to 1.

    Notes
    -----
    Scores are probabilities.  Source: He et al. 2014, section 6.3.

    Examples
    --------
    >>> from fastrank.calibration import DownsamplingCorrection
    >>> DownsamplingCorrection(rate=0.1).transform([0.0, 0.5, 1.0]).round(4).tolist()
    [0.0, 0.0909, 1.0]
    """

    kind: ClassVar[str] = "downsampling"

    rate: float

    def __post_init__(self) -> None:
        rate: Any = self.rate
        real = isinstance(rate, Real) and not isinstance(rate, bool)
        if not real or not math.isfinite(rate) or not 2.0**-1022 <= rate <= 1.0:
            raise ParameterError(f"DownsamplingCorrection: rate={rate!r}; allowed: a number above 0, up to 1")
        self.rate = float(rate)

    @property
    def scores(self) -> Domain:
        """Probabilities."""
        return PROBABILITY

    def calibrate(self, scores: NDArray[np.float64]) -> NDArray[np.float64]:
        """The probabilities among all rows."""
        # Times the rate, above and below, so that nothing overflows.
        return self.rate * scores / (self.rate * scores + (1.0 - scores))

    def inverse_transform(self, probabilities: Any) -> Any:
        """What a model that was trained on the downsampled rows predicts where these are right.

        Parameters
        ----------
        probabilities : array-like of shape (n_rows,), or pyarrow.Array or ChunkedArray
            Of all rows.

        Returns
        -------
        numpy.ndarray of float64, or pyarrow.Array of float64 for Arrow arrays
            p = q / (q + rate (1 - q)).
        """
        return _Downsampled(self.rate).transform(probabilities)


@dataclass(eq=False, repr=False)
class _Downsampled(DownsamplingCorrection):
    """The other way."""

    def calibrate(self, scores: NDArray[np.float64]) -> NDArray[np.float64]:
        """The probabilities among the rows that were kept."""
        return scores / (scores + self.rate * (1.0 - scores))
