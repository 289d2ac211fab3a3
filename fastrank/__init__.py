"""fastrank: exact metrics of rankings, classifiers and regressions, streamed over Arrow record batches."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fastrank import metrics
from fastrank.drifts import Drift, drift
from fastrank.errors import FastrankError
from fastrank.evaluation import evaluate
from fastrank.evaluator import Evaluator
from fastrank.inspections import Inspection, inspect
from fastrank.merging import merge_states
from fastrank.metrics import Metric, list_metrics
from fastrank.per_query import QueryValues
from fastrank.result import Result
from fastrank.rolling import windows
from fastrank.time_windows import Window, window

if TYPE_CHECKING:
    from typing import Any

__all__ = [
    "Drift",
    "Evaluator",
    "FastrankError",
    "Inspection",
    "Metric",
    "QueryValues",
    "Result",
    "Window",
    "drift",
    "evaluate",
    "inspect",
    "list_metrics",
    "merge_states",
    "metrics",
    "window",
    "windows",
]


def __getattr__(name: str) -> Any:
    # Looked up when asked for: importlib.metadata takes a tenth of the time of the whole import, calibration as much.
    if name == "__version__":
        from importlib.metadata import version

        return version("fastrank-metrics")
    if name == "calibration":
        from importlib import import_module

        return import_module("fastrank.calibration")
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
