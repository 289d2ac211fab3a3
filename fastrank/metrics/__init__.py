"""All metrics.  Each is declared once, in the module of its family; `parse` reads spellings."""

from __future__ import annotations

from fastrank.metrics.base import Metric, definition_of, list_metrics, parse
from fastrank.metrics.calibration import calibration_ratio
from fastrank.metrics.classification import auc, brier, log_loss, nce
from fastrank.metrics.ranking import hit_rate, map, mrr, ndcg, precision, recall
from fastrank.metrics.regression import mse

__all__ = [
    "Metric",
    "auc",
    "brier",
    "calibration_ratio",
    "definition_of",
    "hit_rate",
    "list_metrics",
    "log_loss",
    "map",
    "mrr",
    "mse",
    "nce",
    "ndcg",
    "parse",
    "precision",
    "recall",
]
