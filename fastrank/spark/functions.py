"""Building blocks for jobs of one's own."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from fastrank.evaluator import Evaluator
from fastrank.spark.tasks import reading

if TYPE_CHECKING:
    from collections.abc import Iterable

    from fastrank.metrics.base import Metric
    from fastrank.spark.tasks import Function

__all__ = ["state_function"]


def state_function(metrics: Metric | str | Iterable[Metric | str], **arguments: Any) -> Function:
    """A function for `DataFrame.mapInArrow` that makes states of the rows of each partition.

    Parameters
    ----------
    metrics : Metric, str, or list of them
        `fastrank.metrics.auc()`, `"ndcg@10"`, ...
    **arguments
        As for `fastrank.Evaluator`; the rows of a query have to be next to each other.

    Returns
    -------
    callable
        Takes an iterator of record batches and gives one of rows of states, whose schema is `fastrank.spark.STATES`:
        `df.mapInArrow(function, STATES)`.

    Examples
    --------
    >>> import pyarrow as pa
    >>> import fastrank.spark as frs
    >>> function = frs.state_function("brier", label="y", score="p")
    >>> (row,) = function([pa.record_batch({"y": [0, 1], "p": [0.5, 0.5]})])
    >>> row["rows"].to_pylist()
    [2]
    """
    return reading(Evaluator(metrics, **arguments))
