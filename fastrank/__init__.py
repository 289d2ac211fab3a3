"""fastrank: exact metrics of rankings, classifiers and regressions, streamed over Arrow record batches."""

from __future__ import annotations

from importlib.metadata import version

from fastrank import metrics
from fastrank.errors import FastrankError
from fastrank.evaluation import evaluate
from fastrank.evaluator import Evaluator
from fastrank.metrics import Metric, list_metrics
from fastrank.result import Result

__all__ = ["Evaluator", "FastrankError", "Metric", "Result", "evaluate", "list_metrics", "metrics"]

__version__ = version("fastrank-metrics")
