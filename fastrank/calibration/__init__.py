"""Calibrators: scores in, probabilities out.

They are fitted in one pass over any source that `fastrank.evaluate` takes, or on the state of an evaluation; they
transform arrays and streams, and are saved as JSON or Arrow.

==================================  ==========================================================
`IsotonicCalibrator`                the rate of positives that never falls with the score
`PlattCalibrator`                   1 / (1 + exp(-(slope * score + intercept)))
`TemperatureCalibrator`             logits divided by a temperature; of two classes or several
`DownsamplingCorrection`            undoes the downsampling of negatives; nothing to fit
==================================  ==========================================================
"""

from __future__ import annotations

from fastrank.calibration.base import Calibrator, FittedCalibrator
from fastrank.calibration.downsampling import DownsamplingCorrection
from fastrank.calibration.files import load
from fastrank.calibration.isotonic import IsotonicCalibrator
from fastrank.calibration.platt import PlattCalibrator
from fastrank.calibration.temperature import TemperatureCalibrator

__all__ = [
    "Calibrator",
    "DownsamplingCorrection",
    "FittedCalibrator",
    "IsotonicCalibrator",
    "PlattCalibrator",
    "TemperatureCalibrator",
    "load",
]
