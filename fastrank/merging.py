"""States of many parts -> one evaluator, without their rows."""

from __future__ import annotations

import glob
import os
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fastrank.errors import SourceError, StateMismatchError
from fastrank.evaluator import Evaluator
from fastrank.scattered import DEFAULT_MEMORY_LIMIT

if TYPE_CHECKING:
    from collections.abc import Sequence

    from fastrank.metrics.base import Metric

__all__ = ["SUFFIX", "find_states", "merge_states"]

SUFFIX = ".arrow"


def merge_states(
    states: Any,
    metrics: Metric | str | Iterable[Metric | str] | None = None,
    *,
    qrels: Any = None,
    missing: str = "error",
    memory_limit: int = DEFAULT_MEMORY_LIMIT,
) -> Evaluator:
    """Merges saved states into one evaluator; no row is read again.

    The result is that of evaluating all their rows at once, to the last bit, in whatever order the states come.  One
    state is in memory at a time, beside what they add up to.

    Parameters
    ----------
    states : path, glob, folder, pyarrow.Table, Evaluator, or iterable of these
        Files that `Evaluator.save_state` wrote, of a folder all that end with `.arrow`; tables of `Evaluator.state`.
    metrics : Metric, str, or list of them, optional
        What to answer: any metrics that the states can; default: those of the first state.
    qrels : table, path, dict or judgments, optional
        The judgments that the states were made with, where they were: they hold a digest of them only.
    missing : "error" or "drop"
        What to do where a state lacks what a metric reads: refuse, or go on without the metric.
    memory_limit : int
        As for `Evaluator`, in bytes.

    Returns
    -------
    Evaluator
        `result()` gives the values; more may be merged, and the state may be saved.

    Raises
    ------
    StateMismatchError
        A state is damaged or foreign, they do not fit together, or a query has rows in several that would be evaluated
        twice; the message names the file.  Also where there is no state.
    SourceError
        A file cannot be found or read.

    Examples
    --------
    >>> import pyarrow as pa
    >>> import fastrank as fr
    >>> days = []
    >>> for rows in ({"y": [0, 1], "p": [0.2, 0.7]}, {"y": [0, 1], "p": [0.9, 0.8]}):
    ...     day = fr.Evaluator(["auc", "log_loss"], label="y", score="p")
    ...     day.update(pa.RecordBatch.from_pydict(rows))
    ...     days.append(day.state())
    >>> fr.merge_states(days).result()["auc"]
    0.5
    """
    merged: Evaluator | None = None
    for state in find_states(states):
        if merged is None:
            merged = Evaluator.like(state, metrics, qrels=qrels, memory_limit=memory_limit)
        merged.merge(state, missing=missing)
    if merged is None:
        raise StateMismatchError("there is no state to merge")
    return merged


def find_states(states: Any) -> Sequence[Any]:
    """Each state, from what a user gave; files of folders and patterns in the order of their names."""
    if isinstance(states, str | os.PathLike):
        return _files(os.fspath(states))
    if isinstance(states, Iterable) and not hasattr(states, "schema"):  # a table is one too
        return [state for each in states for state in find_states(each)]
    return [states]


def _files(path: str) -> list[str]:
    if Path(path).is_dir():
        # What starts with a dot is about to be written.
        found = sorted(str(file) for file in Path(path).rglob(f"*{SUFFIX}") if not file.name.startswith("."))
        if not found:
            raise SourceError(f"{path}: no state in this folder; states are files that end with {SUFFIX}")
        return found
    if Path(path).exists():
        return [path]
    if not glob.has_magic(path):
        raise SourceError(f"{path}: no such file or folder")
    # Path.glob takes no absolute pattern.
    found = sorted(file for file in glob.glob(path, recursive=True) if Path(file).is_file())  # noqa: PTH207
    if not found:
        raise SourceError(f"{path}: no file matches this pattern")
    return found
