"""Measures of lists without ties against their definitions, row by row, in exact fractions, and worked examples."""

from __future__ import annotations

import math
from fractions import Fraction
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from fastrank._kernels import untied

Runs = tuple[NDArray[np.int64], NDArray[np.float64], NDArray[np.int64], NDArray[np.uint8]]

POOLED, NO = -1.0, -math.inf  # not judged, in the pool and outside


def frozen(values: Any, dtype: Any) -> NDArray[Any]:
    array = np.array(values, dtype)
    array.flags.writeable = False
    return array


def runs_of(lists: list[list[float]], join: bool = False) -> Runs:
    """A run for each row; joined, one for each stretch of equal labels."""
    labels: list[float] = []
    counts: list[int] = []
    offsets = [0]
    for rows in lists:
        for i, label in enumerate(rows):
            if join and i and label == rows[i - 1]:
                counts[-1] += 1
            else:
                labels.append(label)
                counts.append(1)
        offsets.append(len(labels))
    opens = np.ones(len(labels))
    return frozen(offsets, np.int64), frozen(labels, np.float64), frozen(counts, np.int64), frozen(opens, np.uint8)


def numbers(values: list[int]) -> NDArray[np.int64]:
    return frozen(values, np.int64)


def relevant_of(lists: list[list[float]], level: float, more: int) -> list[int]:
    return [sum(label >= level for label in rows) + more for rows in lists]


def nonrelevant_of(lists: list[list[float]], level: float, more: int) -> list[int]:
    return [sum(0 <= label < level for label in rows) + more for rows in lists]


def plain_bpref(rows: list[float], level: float, relevant: int, nonrelevant: int) -> Fraction:
    total = Fraction(0)
    for i, label in enumerate(rows):
        if label >= level:
            above = sum(0 <= other < level for other in rows[:i])
            total += 1 - Fraction(min(above, relevant), min(nonrelevant, relevant)) if above else 1
    return total / (relevant or 1)


def plain_inferred_ap(rows: list[float], level: float, relevant: int) -> Fraction:
    epsilon, total = Fraction(1, 100_000), Fraction(0)
    for i, label in enumerate(rows):
        if label >= level:
            hits = sum(other >= level for other in rows[:i])
            judged = sum(other >= 0 for other in rows[:i])
            pooled = sum(other > -math.inf for other in rows[:i])
            share = (hits + epsilon) / (judged + 2 * epsilon)
            total += Fraction(1, i + 1) + (Fraction(i, i + 1) * Fraction(pooled, i) * share if i else 0)
    return total / (relevant or 1)


def plain_err(rows: list[float], max_grade: int, k: int) -> Fraction:
    total, reaches = Fraction(0), Fraction(1)
    for rank, label in enumerate(rows[: k or None], 1):
        stops = Fraction(2 ** int(max(label, 0)) - 1, 2**max_grade)
        total += reaches * stops / rank
        reaches *= 1 - stops
    return total


def plain_interpolated(rows: list[float], level: float, need: int) -> Fraction:
    hits = [sum(label >= level for label in rows[:rank]) for rank in range(1, len(rows) + 1)]
    return max((Fraction(h, rank) for rank, h in enumerate(hits, 1) if h >= need), default=Fraction(0))


LISTS = st.lists(
    st.lists(st.sampled_from([NO, POOLED, -2.0, 0.0, 0.0, 0.5, 1.0, 2.0, 3.0]), max_size=12), min_size=1, max_size=3
)
WHOLE = st.lists(st.lists(st.sampled_from([NO, POOLED, 0.0, 1.0, 2.0, 4.0]), max_size=12), min_size=1, max_size=3)


@settings(max_examples=300, deadline=None)
@given(LISTS, st.sampled_from([0.5, 1.0, 2.0]), st.integers(0, 3), st.integers(0, 3))
def test_bpref_and_inferred_ap(lists: list[list[float]], level: float, more: int, less: int) -> None:
    """Also where judged rows were not retrieved."""
    relevant, nonrelevant = relevant_of(lists, level, more), nonrelevant_of(lists, level, less)
    found = untied.bpref(*runs_of(lists), level, numbers(relevant), numbers(nonrelevant), True)
    inferred = untied.inferred_ap(*runs_of(lists), level, numbers(relevant))
    for q, rows in enumerate(lists):
        expected = plain_bpref(rows, level, relevant[q], nonrelevant[q])
        assert found[q] == pytest.approx(float(expected), rel=1e-14, abs=1e-15)
        assert inferred[q] == pytest.approx(float(plain_inferred_ap(rows, level, relevant[q])), rel=1e-14, abs=1e-300)


@settings(max_examples=200, deadline=None)
@given(WHOLE, st.sampled_from([4, 5, 7]), st.integers(0, 14))
def test_err(lists: list[list[float]], max_grade: int, k: int) -> None:
    found = untied.err(*runs_of(lists), max_grade, k)
    for value, rows in zip(found, lists, strict=True):
        assert value == pytest.approx(float(plain_err(rows, max_grade, k)), rel=1e-14, abs=1e-300)


@settings(max_examples=300, deadline=None)
@given(LISTS, st.sampled_from([0.5, 1.0, 2.0]), st.integers(0, 3))
def test_interpolated_precision(lists: list[list[float]], level: float, more: int) -> None:
    points = [r / 10 for r in range(11)]
    relevant = relevant_of(lists, level, more)
    for rule in (untied.PLUS_0_9, untied.ROUND):
        found = untied.interpolated_precision(
            *runs_of(lists), level, numbers(relevant), frozen(points, np.float64), rule
        )
        assert found.shape == (len(lists), 11)
        for q, rows in enumerate(lists):
            for p, point in enumerate(points):
                exact = point * relevant[q]
                need = int(exact + 0.9) if rule == untied.PLUS_0_9 else math.floor(Fraction(exact) + Fraction(1, 2))
                assert found[q, p] == float(plain_interpolated(rows, level, need)), (rule, rows, point)


@settings(max_examples=100, deadline=None)
@given(WHOLE)
def test_joined_rows_are_as_many_rows(lists: list[list[float]]) -> None:
    relevant, nonrelevant = numbers(relevant_of(lists, 1.0, 0)), numbers(nonrelevant_of(lists, 1.0, 0))
    points = frozen([0.0, 0.3, 1.0], np.float64)

    def values(join: bool) -> list[bytes]:
        runs = runs_of(lists, join)
        return [
            untied.bpref(*runs, 1.0, relevant, nonrelevant, True).tobytes(),
            untied.inferred_ap(*runs, 1.0, relevant).tobytes(),
            untied.err(*runs, 4, 0).tobytes(),
            untied.err(*runs, 4, 3).tobytes(),
            untied.interpolated_precision(*runs, 1.0, relevant, points, untied.ROUND).tobytes(),
        ]

    assert values(True) == values(False)


def test_by_hand() -> None:
    # A relevant row below one and below three of four non-relevant rows, of two relevant: min(3, 2) / min(4, 2) = 1.
    runs = runs_of([[0.0, 1.0, POOLED, NO, 0.0, 0.0, 1.0, 0.0]])
    assert untied.bpref(*runs, 1.0, numbers([2]), numbers([4]), True)[0] == (1 - 1 / 2) / 2
    # A pooled row above a relevant one: infAP is 1/2 + 1/2 * 1 * 1/2, for no row above was judged.
    runs = runs_of([[POOLED, 1.0, 0.0]])
    assert untied.inferred_ap(*runs, 1.0, numbers([1]))[0] == 0.75
    assert untied.bpref(*runs, 1.0, numbers([1]), numbers([1]), True)[0] == 1.0
    # Grades 3 and 2 of 4: 7/16 + (1 - 7/16) * 3/16 / 2
    assert untied.err(*runs_of([[3.0, 2.0]]), 4, 0)[0] == 7 / 16 + 9 / 16 * 3 / 16 / 2
    runs = runs_of([[0.0, 1.0, 1.0, 0.0, 1.0]])
    found = untied.interpolated_precision(*runs, 1.0, numbers([4]), frozen([0, 0.25, 0.5, 0.6, 1], np.float64), 0)
    assert found.tolist() == [[2 / 3, 2 / 3, 2 / 3, 3 / 5, 0.0]]


def test_bpref_without_nonrelevant_rows() -> None:
    runs = runs_of([[NO, 1.0, 1.0], [NO], [1.0]])
    relevant, nonrelevant = numbers([3, 3, 0]), numbers([0, 0, 0])
    assert untied.bpref(*runs, 1.0, relevant, nonrelevant, True).tolist() == [2 / 3, 0.0, 0.0]
    without = untied.bpref(*runs, 1.0, relevant, nonrelevant, False)
    np.testing.assert_array_equal(without, [math.nan, 0.0, 0.0])
    runs = runs_of([[1.0, 0.0, 1.0]])
    assert untied.bpref(*runs, 1.0, numbers([2]), numbers([3]), False)[0] == (1 + 1 / 2) / 2


@pytest.mark.parametrize("lists", [[], [[]], [[], [1.0], []]])
def test_empty_lists(lists: list[list[float]]) -> None:
    runs, relevant = runs_of(lists), numbers([len(rows) for rows in lists])
    ones = [float(len(rows)) for rows in lists]
    assert untied.bpref(*runs, 1.0, relevant, relevant, True).tolist() == ones
    assert untied.inferred_ap(*runs, 1.0, relevant).tolist() == ones
    assert untied.err(*runs, 1, 0).tolist() == [one / 2 for one in ones]
    found = untied.interpolated_precision(*runs, 1.0, relevant, frozen([0, 1], np.float64), untied.ROUND)
    assert found.tolist() == [[one, one] for one in ones]
    assert untied.interpolated_precision(*runs, 1.0, relevant, frozen([], np.float64), 0).shape == (len(lists), 0)


def test_bad_arguments_are_refused() -> None:
    at, label, count, opens = runs = runs_of([[1.0, 0.0]])
    one, point = numbers([1]), frozen([0.5], np.float64)
    tied = frozen([1, 0], np.uint8)
    with pytest.raises(ValueError, match="tie group"):
        untied.err(at, label, count, tied, 4, 0)
    with pytest.raises(ValueError, match="fit together"):
        untied.err(at, label[:1], count, opens, 4, 0)
    for wrong in (0, 53):
        with pytest.raises(ValueError, match="max_grade"):
            untied.err(*runs, wrong, 0)
    with pytest.raises(ValueError, match="k must be"):
        untied.err(*runs, 4, -1)
    with pytest.raises(ValueError, match="one number"):
        untied.bpref(*runs, 1.0, one, numbers([]), True)
    with pytest.raises(ValueError, match="one number"):
        untied.inferred_ap(*runs, 1.0, numbers([1, 1]))
    with pytest.raises(ValueError, match="rule"):
        untied.interpolated_precision(*runs, 1.0, one, point, 2)
    for outside in (-0.1, 1.5, math.nan):
        with pytest.raises(ValueError, match="points"):
            untied.interpolated_precision(*runs, 1.0, one, frozen([outside], np.float64), 0)
