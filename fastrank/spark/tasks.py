"""What runs in the workers: record batches of a partition in, rows of states out."""

from __future__ import annotations

import os
import pickle
import sys
from contextlib import contextmanager
from itertools import chain
from typing import TYPE_CHECKING, Any

from fastrank.errors import FastrankError, StateMismatchError
from fastrank.evaluator import Evaluator
from fastrank.feeding import feed_source
from fastrank.recipe import version
from fastrank.sources import Origin, Source
from fastrank.spark.rows import as_batch, read_state, rows_of
from fastrank.stats import Meter

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    import pyarrow as pa

    from fastrank.sources.base import Batches, Request

    Function = Callable[[Iterable[pa.RecordBatch]], Iterator[pa.RecordBatch]]

__all__ = [
    "STATES_SHARE",
    "Partition",
    "merging",
    "partition_number",
    "reading",
    "reading_files",
    "task",
    "update_states",
]

# Of the memory that Spark allows a worker, the part that states may take: batches and what is made of them need more.
STATES_SHARE = 2
# What an Evaluator can do about queries that come back, and what Spark can.
_SCATTERED = 'queries="scattered" takes them from anywhere'
_SHUFFLED = "leave out assume= (of files: evaluate the DataFrame that Spark reads), so that Spark brings them together"


def partition_number() -> int:
    """The number of the task; 0 where this is none."""
    if "pyspark" not in sys.modules:
        return 0
    from pyspark import TaskContext

    context = TaskContext.get()
    return 0 if context is None else int(context.partitionId())


@contextmanager
def task(made_by: str, where: str = "") -> Iterator[None]:
    """Has errors name the partition, on one line, and refuses another version of fastrank than the driver's."""
    try:
        if version() != made_by:
            raise StateMismatchError(
                f"the driver has fastrank {made_by or '(not installed)'}, the executors have "
                f"{version() or '(not installed)'}: ship the same to both"
            )
        yield
    except FastrankError as error:
        text = str(error).replace("\n", " ").replace(_SCATTERED, _SHUFFLED)
        # The traceback is that of the worker, of which the driver shows the last line.
        raise type(error)(text if where in text else f"{where}: {text}") from None


class Partition(Source):
    """The batches that Spark gives a task."""

    reads_once = True

    def __init__(self, first: pa.RecordBatch, batches: Iterable[pa.RecordBatch], number: int) -> None:
        super().__init__(None)
        self.schema = first.schema
        self._batches = chain([first], batches)
        self._number = number

    def _read(self, request: Request) -> Batches:
        row = 0
        for batch in self._batches:
            if batch.num_rows:
                yield batch.select(list(request.columns)), Origin(f"partition {self._number}", row)
            row += batch.num_rows


def reading(evaluator: Evaluator) -> Function:
    """The function for `mapInArrow` that makes states of rows."""
    made_by = version()

    def states(batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        number = partition_number()
        with task(made_by, f"partition {number}"):
            yield from update_states(evaluator, batches, number)

    return states


def update_states(evaluator: Evaluator, batches: Iterable[pa.RecordBatch], number: int) -> Iterator[pa.RecordBatch]:
    """The states of a partition; none where it has no rows."""
    batches = iter(batches)
    first = next(batches, None)
    if first is not None:
        yield from feed(evaluator, Partition(first, batches, number), number)


def feed(evaluator: Evaluator, source: Source, number: int) -> Iterator[pa.RecordBatch]:
    """The states of a source."""
    meter = Meter()
    held = feed_source(source, _of_task(evaluator), meter, restart=False)
    if meter.rows:
        yield from map(as_batch, rows_of(held, number, meter.rows))


def reading_files(evaluator: Evaluator, shards: Sequence[bytes]) -> Function:
    """The function for `mapInArrow` that makes states of shards of files, whose numbers Spark gives."""
    made_by = version()

    def states(batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        with task(made_by):
            for batch in batches:
                for number in batch.column(0).to_pylist():
                    yield from feed(evaluator, pickle.loads(shards[number]), number)

    return states


def _of_task(evaluator: Evaluator) -> Evaluator:
    """A twin within the memory that Spark allows a worker."""
    allowed = int(os.environ.get("PYSPARK_EXECUTOR_MEMORY_MB", "-1"))
    limit = evaluator.memory_limit
    return evaluator.twin(memory_limit=limit if allowed <= 0 else min(limit, (allowed << 20) // STATES_SHARE))


def merging(evaluator: Evaluator | None, options: Any) -> Function:
    """The function for `mapInArrow` that merges states: into twins of an evaluator, else as the states are."""
    made_by = version()

    def states(batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        number = partition_number()
        with task(made_by, "merging states"):
            merged, rows = None if evaluator is None else _of_task(evaluator), 0
            empty = True
            for batch in batches:
                for row in batch.select(["rows", "state"]).to_pylist():
                    table = read_state(row["state"])
                    merged = Evaluator.like(table, **options.like) if merged is None else merged
                    merged.merge(table, missing=options.missing)
                    rows, empty = rows + row["rows"], False
            if merged is not None and not empty:
                yield from map(as_batch, rows_of(merged, number, rows))

    return states
