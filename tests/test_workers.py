"""Threads that take items from a queue: the first failure in the order of the items is told, whichever comes first."""

from __future__ import annotations

import time
from threading import Barrier, Event
from typing import TYPE_CHECKING, Any

import pytest

from fastrank.errors import SourceError
from fastrank.workers import Failure, Moot, run_side_by_side

if TYPE_CHECKING:
    from fastrank.workers import Queue

WAIT = 30  # seconds, after which a test fails instead of hanging


def test_each_item_is_done_once() -> None:
    done: list[list[int]] = [[], [], []]

    def job(own: list[int]) -> Any:
        return lambda number, item, _: own.append(10 * number + item)

    assert run_side_by_side(list(range(9)), [job(own) for own in done]) is None
    assert sorted(item for own in done for item in own) == [11 * i for i in range(9)]
    assert all(own == sorted(own) for own in done)


@pytest.mark.parametrize("first", [0, 1])
def test_the_first_item_that_failed_is_told(first: int) -> None:
    both, failed, taken = Barrier(2), Event(), []

    def job(number: int, item: str, _: Queue[str]) -> None:
        taken.append(item)
        both.wait(WAIT)
        if number == first:
            failed.set()
        else:
            assert failed.wait(WAIT)
            time.sleep(0.05)  # the other's failure is noted
        raise SourceError(item)

    failure = run_side_by_side(["a", "b", "c", "d"], [job, job])
    assert isinstance(failure, Failure)
    assert (failure.number, str(failure.error)) == (0, "a")
    assert set(taken) <= {"a", "b"}


def test_an_item_after_a_failure_is_left() -> None:
    failed, left = Event(), []

    def job(number: int, _: int, queue: Queue[int]) -> None:
        if number == 0:
            failed.set()
            raise SourceError("no")
        assert failed.wait(WAIT)
        for _ in range(10_000):
            try:
                queue.check(number)
            except Moot:
                left.append(number)
                raise

    assert run_side_by_side(range(2), [job, job]) is not None
    assert left in ([], [1])  # nothing where the second was never taken


def test_an_item_before_a_failure_is_finished() -> None:
    failed, finished = Event(), []

    def job(number: int, _: int, queue: Queue[int]) -> None:
        if number == 1:
            failed.set()
            raise SourceError("no")
        assert failed.wait(WAIT)
        queue.check(number)
        finished.append(number)

    failure = run_side_by_side(range(2), [job, job])
    assert failure is not None
    assert failure.number == 1
    assert finished == [0]


def test_an_error_nobody_foresaw_stops_all() -> None:
    begun, stopped = Event(), []

    def job(number: int, _: int, queue: Queue[int]) -> None:
        if number == 1:
            assert begun.wait(WAIT)
            raise ZeroDivisionError
        begun.set()
        while True:
            try:
                queue.check(number)
            except Moot:
                stopped.append(number)
                raise

    with pytest.raises(ZeroDivisionError):
        run_side_by_side(range(2), [job, job])
    assert stopped == [0]
