"""A source into an evaluator: in one thread, or in several that each read and evaluate shards of it."""

from __future__ import annotations

import os
from time import perf_counter
from typing import TYPE_CHECKING, Any

from fastrank.errors import (
    ColumnTypeError,
    FastrankError,
    InvalidValueError,
    QueryOrderError,
    StateMismatchError,
    TiesError,
)
from fastrank.replay import Replay
from fastrank.workers import run_side_by_side

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from fastrank.evaluator import Evaluator
    from fastrank.sources import Source
    from fastrank.sources.base import Batches
    from fastrank.stats import Meter
    from fastrank.workers import Queue

__all__ = ["feed_source", "processors"]

SHARDS_A_THREAD = 8  # so that a thread that is done early finds more to do
SHARD_ROWS = 1 << 19  # of rows in memory, where a batch costs as much as 100,000 rows; there are fewer shards for it
# Errors that depend on rows before, which another thread may hold: a query that comes back, labels that mix, ties.
_OF_SEVERAL_ROWS = (QueryOrderError, StateMismatchError, TiesError, InvalidValueError)


def processors() -> int:
    """How many processors this process may use."""
    return len(os.sched_getaffinity(0))


def feed_source(
    source: Source,
    evaluator: Evaluator,
    meter: Meter,
    *,
    threads: int = 1,
    restart: bool = True,
    check: Callable[[], None] | None = None,
) -> Evaluator:
    """Feeds an evaluator all rows of a source.

    Parameters
    ----------
    source : Source
        An opened source.
    evaluator : Evaluator
        Holds nothing yet.
    meter : Meter
        Counts the rows.
    threads : int
        Most threads to use.
    restart : bool
        Whether to start anew with scattered queries where a query comes back.
    check : callable, optional
        Called before each batch is added; what it raises ends the pass.

    Returns
    -------
    Evaluator
        That holds the rows: another than was given, where the pass started anew.
    """
    shards = source.shards(_shard_count(source, threads)) if threads > 1 else [source]
    if len(shards) < 2:
        return _feed_again(source, evaluator, meter, restart, check)
    try:
        return _feed_shards(shards, evaluator, meter, min(threads, len(shards)), check)
    except _OneThreadTells as error:
        meter.reset()
        if error.of_queries and restart and evaluator.plan.streams:
            scattered = evaluator.twin(queries="scattered")
            return feed_source(source, scattered, meter, threads=threads, restart=False, check=check)
        return feed_source(source, evaluator.twin(), meter, restart=False, check=check)


def _shard_count(source: Source, threads: int) -> int:
    count = threads * SHARDS_A_THREAD
    return count if source.files or source.rows is None else min(count, max(threads, source.rows // SHARD_ROWS))


class _OneThreadTells(Exception):
    """There is an error, which only a pass from end to end can put into words: those of a shard do not know what
    stands in others."""

    def __init__(self, error: FastrankError) -> None:
        super().__init__(error)
        self.of_queries = isinstance(error, QueryOrderError | StateMismatchError)


def _feed(batches: Batches, evaluator: Evaluator, meter: Meter, check: Callable[[], None] | None) -> None:
    """Gives the evaluator all batches."""
    begin = perf_counter()
    for batch, origin in batches:
        read = perf_counter()
        if check is not None:
            check()
        try:
            evaluator.update(batch, describe_row=origin.describe)
        except ColumnTypeError as error:
            if origin.file is None:
                raise
            raise ColumnTypeError(f"{origin.file}: {error}") from error
        end = perf_counter()
        meter.add(batch.num_rows, read - begin, end - read)
        begin = end


def _feed_again(
    source: Source, evaluator: Evaluator, meter: Meter, restart: bool, check: Callable[[], None] | None
) -> Evaluator:
    """Feeds the evaluator or, where a query comes back, another that takes rows from anywhere; returns that."""
    limit = evaluator.memory_limit if restart and evaluator.plan.streams else 0
    replay = Replay(source, *evaluator.columns(source.schema), limit)
    try:
        _feed(replay.batches(), evaluator, meter, check)
    except QueryOrderError:
        if not restart or not replay.possible:
            raise
    else:
        return evaluator
    meter.reset()
    evaluator = evaluator.twin(queries="scattered")
    _feed(replay.again(), evaluator, meter, check)
    return evaluator


class _ShardJob:
    """Adds shards to an evaluator."""

    def __init__(self, evaluator: Evaluator, meter: Meter, check: Callable[[], None] | None) -> None:
        self.evaluator = evaluator
        self._meter = meter
        self._check = check
        self._last: int | None = None

    def __call__(self, number: int, shard: Source, queue: Queue[Any]) -> None:
        """Adds a shard."""
        if self._last is not None and number != self._last + 1:
            self.evaluator.seam()
        self._last = number

        def check() -> None:
            queue.check(number)
            if self._check is not None:
                self._check()

        _feed(shard.batches(*self.evaluator.columns(shard.schema)), self.evaluator, self._meter, check)


def _feed_shards(
    shards: Sequence[Source], evaluator: Evaluator, meter: Meter, threads: int, check: Callable[[], None] | None
) -> Evaluator:
    """Feeds shards to the evaluator and to twins of it, at once, and merges."""
    meter.threads = max(meter.threads, threads)
    evaluator.threads = threads
    share = max(1, evaluator.memory_limit // threads)
    twins = [evaluator.twin(memory_limit=share) for _ in range(threads - 1)]
    evaluator.plan.limit_memory(share)
    failure = run_side_by_side(shards, [_ShardJob(each, meter, check) for each in (evaluator, *twins)])
    if failure is not None:
        number, error = failure
        if isinstance(error, _OF_SEVERAL_ROWS) and not _stands_alone(shards[number], error, [evaluator, *twins]):
            raise _OneThreadTells(error)
        raise error
    evaluator.plan.limit_memory(evaluator.memory_limit)
    with meter.timing("merging"):
        try:
            while twins:
                # What a twin holds is let go before the next is merged.
                evaluator.merge(twins.pop(0))
        except StateMismatchError as error:
            raise _OneThreadTells(error) from error
    return evaluator


def _stands_alone(shard: Source, error: FastrankError, evaluators: Sequence[Evaluator]) -> bool:
    """Whether the error of a shard is what one thread would tell: it does not depend on queries of others, and comes
    again where the labels are known that all have seen."""
    if not isinstance(error, InvalidValueError) or evaluators[0].plan.compares_rows:
        return False
    again = evaluators[0].twin()
    try:
        again.expect(evaluators)
        for batch, origin in shard.batches(*again.columns(shard.schema)):
            again.update(batch, describe_row=origin.describe)
    except FastrankError as found:
        return type(found) is type(error) and str(found) == str(error)
    return False
