"""The metrics in plain Python and NumPy: the specification, written to be read rather than to be fast.

Each function has the name and the parameters of the metric that it specifies, takes arrays, and returns a
float, NaN where the metric is undefined.  Inputs are not checked.
"""

from fastrank.reference.calibration import calibration_ratio
from fastrank.reference.classification import auc, auc_bounds, brier, log_loss, nce
from fastrank.reference.ranking import (
    hit_rate,
    hit_rate_per_query,
    map,
    map_per_query,
    mrr,
    mrr_per_query,
    ndcg,
    ndcg_per_query,
    precision,
    precision_per_query,
    recall,
    recall_per_query,
)
from fastrank.reference.regression import mse

__all__ = [
    "auc",
    "auc_bounds",
    "brier",
    "calibration_ratio",
    "hit_rate",
    "hit_rate_per_query",
    "log_loss",
    "map",
    "map_per_query",
    "mrr",
    "mrr_per_query",
    "mse",
    "nce",
    "ndcg",
    "ndcg_per_query",
    "precision",
    "precision_per_query",
    "recall",
    "recall_per_query",
]
