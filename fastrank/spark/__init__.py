"""Evaluation inside of Spark: partial states a task, merged states out, and nothing is collected but states.

`import fastrank.spark` imports no pyspark; 3.5 and 4 will do (`pip install "fastrank-metrics[spark]"`).
"""

from __future__ import annotations

from fastrank.spark.evaluation import evaluate, evaluate_files, merge, states
from fastrank.spark.functions import metric_udf, state_function, value_function
from fastrank.spark.rows import COLUMNS as STATES
from fastrank.spark.rows import state_tables

__all__ = [
    "STATES",
    "evaluate",
    "evaluate_files",
    "merge",
    "metric_udf",
    "state_function",
    "state_tables",
    "states",
    "value_function",
]
