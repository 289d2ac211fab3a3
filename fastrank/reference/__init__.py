"""The metrics in plain Python and NumPy: the specification, written to be read rather than to be fast.

Each function has the name and the parameters of the metric that it specifies, takes arrays, and returns a
float, NaN where the metric is undefined.  Inputs are not checked.

Each module says in its `__all__` what it specifies.
"""

from fastrank.reference import (
    association,
    calibration,
    class_losses,
    classification,
    deviances,
    discrimination,
    drift,
    forecasts,
    gains,
    grouped,
    multiclass,
    online,
    operating,
    ranking,
    recommendation,
    regression,
    reliability,
    thresholds,
    untied,
    weights,
)
from fastrank.reference.association import *
from fastrank.reference.calibration import *
from fastrank.reference.class_losses import *
from fastrank.reference.classification import *
from fastrank.reference.deviances import *
from fastrank.reference.discrimination import *
from fastrank.reference.drift import *
from fastrank.reference.forecasts import *
from fastrank.reference.gains import *
from fastrank.reference.grouped import *
from fastrank.reference.multiclass import *
from fastrank.reference.online import *
from fastrank.reference.operating import *
from fastrank.reference.ranking import *
from fastrank.reference.recommendation import *
from fastrank.reference.regression import *
from fastrank.reference.reliability import *
from fastrank.reference.thresholds import *
from fastrank.reference.untied import *
from fastrank.reference.weights import *

__all__ = [
    *association.__all__,
    *calibration.__all__,
    *class_losses.__all__,
    *classification.__all__,
    *deviances.__all__,
    *discrimination.__all__,
    *forecasts.__all__,
    *drift.__all__,
    *gains.__all__,
    *grouped.__all__,
    *multiclass.__all__,
    *online.__all__,
    *operating.__all__,
    *ranking.__all__,
    *recommendation.__all__,
    *regression.__all__,
    *reliability.__all__,
    *thresholds.__all__,
    *untied.__all__,
    *weights.__all__,
]
