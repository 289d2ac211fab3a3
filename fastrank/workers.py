"""Threads that take work from one queue, and fail as one thread would."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from threading import Lock
from typing import TYPE_CHECKING, Any, Generic, NamedTuple, Protocol, TypeVar

from fastrank.errors import FastrankError

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["Failure", "Job", "Moot", "Queue", "run_side_by_side"]

_T = TypeVar("_T")
_T_contra = TypeVar("_T_contra", contravariant=True)


class Failure(NamedTuple):
    """What an item failed with; `number` is the item's."""

    number: int
    error: FastrankError


class Moot(Exception):
    """Raised in a job whose item no longer matters, to leave it."""


class Job(Protocol[_T_contra]):
    """What a thread does with an item; it keeps what it found."""

    def __call__(self, number: int, item: _T_contra, queue: Queue[Any], /) -> None:
        """Works on item `number`; asks `queue.check(number)` now and then, which raises Moot."""


class Queue(Generic[_T]):
    """Items in order.  After a failure only those before it matter: what one thread would have met first is told."""

    def __init__(self, items: Sequence[_T]) -> None:
        self.failure: Failure | None = None
        self._items = iter(enumerate(items))
        self._end = len(items)  # items from here on do not matter
        self._lock = Lock()

    def take(self) -> tuple[int, _T] | None:
        """The next item; None where there is no other that matters."""
        with self._lock:
            found = next(self._items, None)
        return found if found is not None and found[0] < self._end else None

    def check(self, number: int) -> None:
        """Moot where an item does not matter any more."""
        if number >= self._end:
            raise Moot

    def fail(self, number: int, error: FastrankError) -> None:
        """Notes what an item failed with."""
        with self._lock:
            if number < self._end:
                self._end = number
                self.failure = Failure(number, error)

    def stop(self) -> None:
        """No item matters."""
        self._end = 0


def run_side_by_side(items: Sequence[_T], jobs: Sequence[Job[_T]]) -> Failure | None:
    """Has each job, in a thread of its own, take items from the first to the last until there are no more.

    Parameters
    ----------
    items : sequence
        What there is to do.
    jobs : sequence of callable
        One a thread.

    Returns
    -------
    Failure or None
        Of the first of the items, in their order, that failed with a FastrankError; all before it were done.
    """
    queue = Queue(items)
    # A pool of this call: none is there when the process forks later.
    with ThreadPoolExecutor(len(jobs), thread_name_prefix="fastrank") as pool:
        try:
            for future in [pool.submit(_work, job, queue) for job in jobs]:
                future.result()
        except BaseException:
            # An interrupt, or an error nobody foresaw: the threads leave what they do at their next batch.
            queue.stop()
            raise
    return queue.failure


def _work(job: Job[_T], queue: Queue[_T]) -> None:
    while (taken := queue.take()) is not None:
        number, item = taken
        try:
            job(number, item, queue)
        except Moot:
            return
        except FastrankError as error:
            queue.fail(number, error)
            return
        except BaseException:
            queue.stop()
            raise
