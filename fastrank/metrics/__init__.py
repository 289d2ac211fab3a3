"""All metrics.  Each is declared once, in the module of its family, which names it in `__all__`; `parse` reads
spellings."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fastrank.metrics import (
    association,
    calibration,
    class_losses,
    classification,
    curves,
    custom,
    decomposition,
    deviances,
    discrimination,
    entropy,
    forecasts,
    grouped,
    multiclass,
    online,
    operating,
    ranking,
    recommendation,
    regression,
    reliability,
    retrieval,
    thresholds,
)
from fastrank.metrics.association import *
from fastrank.metrics.base import ALIASES, Metric, definition_of, list_metrics
from fastrank.metrics.calibration import *
from fastrank.metrics.class_losses import *
from fastrank.metrics.classification import *
from fastrank.metrics.curves import *
from fastrank.metrics.custom import *
from fastrank.metrics.decomposition import *
from fastrank.metrics.deviances import *
from fastrank.metrics.discrimination import *
from fastrank.metrics.entropy import *
from fastrank.metrics.forecasts import *
from fastrank.metrics.grouped import *
from fastrank.metrics.multiclass import *
from fastrank.metrics.online import *
from fastrank.metrics.operating import *
from fastrank.metrics.ranking import *
from fastrank.metrics.reading import parse
from fastrank.metrics.recommendation import *
from fastrank.metrics.regression import *
from fastrank.metrics.reliability import *
from fastrank.metrics.retrieval import *
from fastrank.metrics.thresholds import *

__all__ = [
    "Metric",
    "definition_of",
    "list_metrics",
    "parse",
    *association.__all__,
    *calibration.__all__,
    *class_losses.__all__,
    *classification.__all__,
    *curves.__all__,
    *deviances.__all__,
    *decomposition.__all__,
    *custom.__all__,
    *discrimination.__all__,
    *forecasts.__all__,
    *entropy.__all__,
    *grouped.__all__,
    *multiclass.__all__,
    *online.__all__,
    *operating.__all__,
    *ranking.__all__,
    *recommendation.__all__,
    *regression.__all__,
    *reliability.__all__,
    *retrieval.__all__,
    *thresholds.__all__,
]


if not TYPE_CHECKING:  # which would take any name for one that is there

    def __getattr__(name: str) -> object:
        # Other names are for text; in Python a metric has one.
        metric, rules = ALIASES.get(name.lower(), ("", {}))
        call = f"{metric}({', '.join(f'{parameter}={value!r}' for parameter, value in rules.items())})"
        hint = f"; it is another name of {metric}: metrics.{call}" if metric else ""
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}{hint}", name=name)
