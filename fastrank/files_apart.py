"""Files with a state of their own each: one that cannot be read counts for nothing, one that is done is not read
again."""

from __future__ import annotations

from contextlib import nullcontext
from functools import partial
from threading import Lock
from typing import TYPE_CHECKING, Any

from fastrank.errors import (
    ColumnTypeError,
    FastrankError,
    MissingColumnError,
    QueryOrderError,
    SourceError,
    StateMismatchError,
    WriteError,
)
from fastrank.feeding import feed_source
from fastrank.stats import Meter, SkippedFile
from fastrank.workers import run_side_by_side

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from contextlib import AbstractContextManager
    from pathlib import Path

    from fastrank.evaluator import Evaluator
    from fastrank.sources import Source
    from fastrank.states_dir import StatesDir
    from fastrank.workers import Queue

__all__ = ["feed_files"]

FILES_A_THREAD = 2  # with fewer, threads share the rows of one file after the other
# What is wrong with a file, not with its rows.
_BAD_FILE = (SourceError, MissingColumnError, ColumnTypeError)


def feed_files(
    source: Source,
    evaluator: Evaluator,
    meter: Meter,
    *,
    threads: int,
    restart: bool,
    skip: bool,
    states: StatesDir | None,
) -> tuple[Evaluator, tuple[SkippedFile, ...]]:
    """Feeds an evaluator file by file; see `feed_source`.

    Parameters
    ----------
    source : Source
        Of files.
    evaluator : Evaluator
        Holds nothing yet.
    meter : Meter
        Counts the rows.
    threads : int
        Most threads to use.
    restart : bool
        Whether to start anew with scattered queries where a query comes back.
    skip : bool
        Whether files that cannot be read are left out.
    states : StatesDir, optional
        Where the states of files are kept.

    Returns
    -------
    (Evaluator, tuple of SkippedFile)
        What holds the rows, and the files that were left out.

    Raises
    ------
    SourceError
        No file is left.
    KeyboardInterrupt
        With the number of files that are done, where their states are kept.
    """
    files = source.by_file()
    done = _Done(files, skip, states)
    side, within = (threads, 1) if len(files) >= FILES_A_THREAD * threads else (1, threads)
    meter.threads = evaluator.threads = threads
    share = max(1, evaluator.memory_limit // (2 * side))  # each thread holds the files so far, and one more
    jobs = [_FileJob(partial(evaluator.twin, memory_limit=share), meter, within, done) for _ in range(side)]
    with states.locked() if states is not None else nullcontext():
        try:
            failure = run_side_by_side(files, jobs)
            if failure is not None:
                raise failure.error
            with meter.timing("merging"):
                whole = _merged(jobs, evaluator, done)
        except KeyboardInterrupt:
            raise KeyboardInterrupt(*done.in_words()) from None
        except (QueryOrderError, StateMismatchError):
            if not evaluator.plan.streams or not restart or states is not None:
                raise
            meter.reset()
            scattered = evaluator.twin(queries="scattered")
            return feed_files(source, scattered, meter, threads=threads, restart=False, skip=skip, states=None)
    whole.threads = threads
    return whole, tuple(skipped for _, skipped in sorted(done.skipped))


def _merged(jobs: Sequence[_FileJob], evaluator: Evaluator, done: _Done) -> Evaluator:
    """What all jobs hold, with the limit of the evaluator."""
    held = [job.held for job in jobs if job.held is not None]
    if done.skipped and not held:
        _, first = min(done.skipped)
        raise SourceError(f"no file is left of {done.files}; the first: {first.path}: {first.reason}")
    whole = held.pop(0) if held else evaluator  # where= may exclude all files
    whole.memory_limit = evaluator.memory_limit
    whole.plan.limit_memory(evaluator.memory_limit)
    for job in jobs:
        if job.held is not None and job.held is not whole:
            whole.merge(job.held)
        job.held = None  # let go before the next is merged
    return whole


class _Done:
    """What became of the files."""

    def __init__(self, files: Sequence[Source], skip: bool, states: StatesDir | None) -> None:
        self.files = len(files)
        self.states = states
        self.skip = skip
        self.skipped: list[tuple[int, SkippedFile]] = []
        self._count = 0
        self._lock = Lock()

    def add(self) -> None:
        """Counts a file whose state is kept."""
        with self._lock:
            self._count += 1

    def in_words(self) -> tuple[str, ...]:
        """What an interrupted run has for the next; nothing where states are not kept."""
        if self.states is None:
            return ()
        return (f"{self._count} of {self.files} files are done and will not be read again: {self.states.folder}",)


class _FileJob:
    """Evaluates files, each on its own, and merges them."""

    def __init__(self, twin: Callable[[], Evaluator], meter: Meter, threads: int, done: _Done) -> None:
        self.held: Evaluator | None = None
        self._twin = twin
        self._meter = meter
        self._threads = threads
        self._done = done

    def __call__(self, number: int, file: Source, queue: Queue[Any]) -> None:
        """Adds a file."""
        name = file.files[0]
        try:
            of_file = self._evaluate(file, partial(queue.check, number))
        except _BAD_FILE as error:
            if not self._done.skip or isinstance(error, WriteError):
                raise
            self._done.skipped.append((number, SkippedFile(name, _reason(error, name))))
            return
        if self.held is None:
            self.held = of_file
            return
        try:
            self.held.merge(of_file)
        except StateMismatchError as error:
            raise StateMismatchError(f"{name} does not fit the files before it: {error}") from error

    def _evaluate(self, file: Source, check: Callable[[], None]) -> Evaluator:
        """What holds the rows of a file, from its state if that is there."""
        states = self._done.states
        path: Path | None = None
        if states is not None:
            path = states.path_of(file)
            restored = self._twin()
            if states.load(path, restored):
                self._done.add()
                self._meter.restore(lambda: file.rows or 0)
                return restored
        meter = _Part(self._meter)
        try:
            of_file = feed_source(file, self._twin(), meter, threads=self._threads, restart=False, check=check)
        except FastrankError:
            meter.reset()  # its rows do not count
            raise
        if states is not None and path is not None:
            states.save(path, file, of_file)
            self._done.add()
        return of_file


class _Part(Meter):
    """Counts the rows of one file, also for all of them."""

    def __init__(self, whole: Meter) -> None:
        super().__init__()
        self._whole = whole

    def add(self, rows: int, reading: float = 0.0, metrics: float = 0.0) -> None:
        """Counts a batch."""
        super().add(rows)
        self._whole.add(rows, reading, metrics)

    def timing(self, what: str) -> AbstractContextManager[None]:
        """Counts the seconds of a block."""
        return self._whole.timing(what)


def _reason(error: FastrankError, name: str) -> str:
    """What is wrong with a file, without its name, which stands beside it."""
    return str(error).removeprefix(f"cannot read {name}").lstrip(":, ")
