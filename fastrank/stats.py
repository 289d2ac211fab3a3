"""What a pass took: rows, bytes, time and memory; and what it left out."""

from __future__ import annotations

import resource
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from threading import Lock
from time import perf_counter
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from contextlib import AbstractContextManager

__all__ = ["Meter", "SkippedFile", "Stats"]

KIB = 1024  # what Linux counts resident memory in


@dataclass(frozen=True)
class Stats:
    """What an evaluation took.

    Attributes
    ----------
    rows : int
        Rows that were read; those of states that were there (`states_dir`) are not.
    bytes : int or None
        Size of the files, or of the columns in memory; None where it is not known.
    seconds : float
        From the first batch to the result.
    threads : int
        Most threads that were used.
    reading_seconds, metrics_seconds : float
        Time to read and decode batches, and to add them to the metrics, summed over threads.
    merging_seconds, result_seconds : float
        Time to merge what the threads hold, and to evaluate the metrics in the end.
    peak_memory : int
        Most resident memory of the process since it began, in bytes.
    files_restored : int
        Files that were not read, for their states were there.
    """

    rows: int
    bytes: int | None
    seconds: float
    threads: int
    reading_seconds: float
    metrics_seconds: float
    merging_seconds: float
    result_seconds: float
    peak_memory: int
    files_restored: int = 0

    @property
    def rows_per_second(self) -> float:
        """Rows a second, from the first batch to the result."""
        return self.rows / self.seconds if self.seconds else 0.0

    def to_dict(self) -> dict[str, Any]:
        """All of it by name, for JSON.

        Returns
        -------
        dict
        """
        return {**asdict(self), "rows_per_second": self.rows_per_second}

    def to_text(self) -> str:
        """All of it, a line each.

        Returns
        -------
        str
        """
        busy = self.reading_seconds + self.metrics_seconds or 1.0
        size = "unknown" if self.bytes is None else f"{self.bytes:,} ({self.bytes / 1e6:,.1f} MB)"
        lines = {
            "rows": f"{self.rows:,}",
            "bytes": size,
            "seconds": f"{self.seconds:.3f}",
            "rows/s": f"{self.rows_per_second:,.0f}",
            "threads": f"{self.threads}",
            "peak memory": f"{self.peak_memory / 1e6:,.1f} MB",
            "reading": f"{self.reading_seconds:.3f} s ({self.reading_seconds / busy:.0%} of the time of all threads)",
            "metrics": f"{self.metrics_seconds:.3f} s ({self.metrics_seconds / busy:.0%})",
            "merging": f"{self.merging_seconds:.3f} s",
            "result": f"{self.result_seconds:.3f} s",
        }
        if self.files_restored:
            lines["not read"] = f"{self.files_restored:,} files, whose states were there"
        width = max(map(len, lines))
        return "\n".join(f"{name:{width}}  {text}" for name, text in lines.items())


@dataclass(frozen=True, order=True)
class SkippedFile:
    """A file that counts for nothing.

    Attributes
    ----------
    path : str
        The file.
    reason : str
        What was wrong with it.
    """

    path: str
    reason: str


class Meter:
    """Counts the rows and the times of a pass, from several threads, and tells of its progress.

    Parameters
    ----------
    progress : callable, optional
        Called with the number of rows of each batch; a negative number where the pass starts anew.
    """

    def __init__(self, progress: Callable[[int], None] | None = None) -> None:
        self.rows = 0
        self.threads = 1
        self.files_restored = 0
        self._progress = progress
        self._lock = Lock()
        self._begin = perf_counter()
        self._seconds = dict.fromkeys(("reading", "metrics", "merging", "result"), 0.0)

    def add(self, rows: int, reading: float = 0.0, metrics: float = 0.0) -> None:
        """Counts a batch, and the seconds that it took to read it and to add it to the metrics."""
        with self._lock:
            self.rows += rows
            self._seconds["reading"] += reading
            self._seconds["metrics"] += metrics
            if self._progress is not None:
                self._progress(rows)

    def restore(self, rows: Callable[[], int]) -> None:
        """Counts a file that is not read, and tells of its rows as done."""
        with self._lock:
            self.files_restored += 1
            if self._progress is not None:
                self._progress(rows())

    def reset(self) -> None:
        """The pass starts anew."""
        self.add(-self.rows)

    def timing(self, what: str) -> AbstractContextManager[None]:
        """Counts the seconds of a block as "merging" or "result"."""
        return self._timing(what)

    @contextmanager
    def _timing(self, what: str) -> Iterator[None]:
        begin = perf_counter()
        try:
            yield
        finally:
            with self._lock:
                self._seconds[what] += perf_counter() - begin

    def stats(self, nbytes: int | None) -> Stats:
        """What the pass took so far."""
        return Stats(
            rows=self.rows,
            bytes=nbytes,
            seconds=perf_counter() - self._begin,
            threads=self.threads,
            files_restored=self.files_restored,
            peak_memory=resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * KIB,
            **{f"{what}_seconds": seconds for what, seconds in self._seconds.items()},
        )
