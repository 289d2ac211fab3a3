"""Tie runs of ranked lists against a plain Python twin."""

from __future__ import annotations

import os
import subprocess
import sys
from collections import Counter
from itertools import groupby, pairwise
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from fastrank._kernels import order, ranked

RULES = [order.AVERAGE, order.INPUT, order.ITEM_DESC, order.ITEM_ASC, order.PESSIMISTIC, order.OPTIMISTIC]
FREE_OF_ROW_ORDER = [rule for rule in RULES if rule != order.INPUT]
INFINITY = float("inf")
NOT_JUDGED = -INFINITY

Row = tuple[float, float, int]


def tie_key(rule: int, label: float, item: int) -> tuple[float, ...]:
    return {
        order.AVERAGE: (-label,),
        order.INPUT: (),
        order.ITEM_DESC: (-item, -label),
        order.ITEM_ASC: (item, -label),
        order.PESSIMISTIC: (label,),
        order.OPTIMISTIC: (-label,),
    }[rule]


def plain_runs(rows: list[Row], rule: int, depth: int) -> list[tuple[float, int, int]]:
    """(label, count, opens) of one list of (score, label, item)."""
    ordered = sorted(rows, key=lambda row: (-row[0], *tie_key(rule, row[1], row[2])))
    if rule != order.AVERAGE:
        return [(label, 1, 1) for _, label, _ in ordered[: depth or None]]
    runs: list[tuple[float, int, int]] = []
    begin = 0
    for _, tied in groupby(ordered, key=lambda row: row[0]):
        if depth and begin >= depth:
            break
        counts = [(label, len(list(same))) for label, same in groupby(label for _, label, _ in tied)]
        runs += [(label, count, int(r == 0)) for r, (label, count) in enumerate(counts)]
        begin += sum(count for _, count in counts)
    return runs


def plain_ideal(rows: list[Row]) -> list[tuple[float, int]]:
    counts = Counter(label for _, label, _ in rows if label != 0 and label != NOT_JUDGED)
    return sorted(counts.items(), reverse=True)


def read_only(values: Any, dtype: Any) -> NDArray[Any]:
    array = np.array(values, dtype)
    array.flags.writeable = False
    return array


def columns(lists: list[list[Row]]) -> tuple[NDArray[Any], NDArray[Any], NDArray[Any], NDArray[Any]]:
    rows = [row for rows in lists for row in rows]
    offsets = np.cumsum([0, *map(len, lists)])
    return (
        read_only([row[0] for row in rows], np.float64),
        read_only([row[1] for row in rows], np.float64),
        read_only([row[2] for row in rows], np.int64),
        read_only(offsets, np.int64),
    )


def unpack(result: order.Runs) -> tuple[list[list[tuple[float, int, int]]], list[list[tuple[float, int]]]]:
    at, label, count, opens, ideal_at, ideal_label, ideal_count = result
    runs = [list(zip(*(x[a:b].tolist() for x in (label, count, opens)), strict=True)) for a, b in pairwise(at)]
    ideal = [
        list(zip(ideal_label[a:b].tolist(), ideal_count[a:b].tolist(), strict=True)) for a, b in pairwise(ideal_at)
    ]
    return runs, ideal


def equal(left: order.Runs, right: order.Runs) -> bool:
    return all(a.dtype == b.dtype and a.tobytes() == b.tobytes() for a, b in zip(left, right, strict=True))


SCORES = st.one_of(
    st.sampled_from([-INFINITY, -1.0, -0.0, 0.0, 0.5, INFINITY]),
    st.floats(allow_nan=False, width=32),
)
LABELS = st.one_of(st.integers(0, 31).map(float), st.sampled_from([-0.0, -2.5, 0.25, 1e300, 40.0, NOT_JUDGED]))
REALS = st.sampled_from([np.float32, np.float64])


def list_of_rows(scores: Any, labels: Any) -> Any:
    return st.lists(st.lists(st.tuples(scores, labels, st.integers(-3, 3)), max_size=40), max_size=6)


@settings(max_examples=200, deadline=None)
@given(list_of_rows(SCORES, LABELS), st.sampled_from(RULES), st.integers(0, 45), REALS)
def test_rank_all_equals_plain_python(lists: list[list[Row]], rule: int, depth: int, dtype: Any) -> None:
    scores, labels, items, offsets = columns(lists)
    runs, ideal = unpack(order.rank_all(read_only(scores, dtype), labels, offsets, rule, items, depth))
    assert runs == [plain_runs(rows, rule, depth) for rows in lists]
    assert ideal == [plain_ideal(rows) for rows in lists]


@settings(max_examples=200, deadline=None)
@given(list_of_rows(SCORES, st.integers(0, 31)), st.sampled_from(RULES), st.integers(0, 45), REALS)
def test_every_type_gives_the_same_runs(lists: list[list[Row]], rule: int, depth: int, dtype: Any) -> None:
    scores, labels, items, offsets = columns(lists)
    small = order.rank_all(read_only(scores, dtype), read_only(labels, np.uint8), offsets, rule, items, depth)
    assert equal(small, order.rank_all(scores, labels, offsets, rule, items, depth))
    assert unpack(small)[0] == [plain_runs(rows, rule, depth) for rows in lists]


def plain_merged(rows: list[Row], depth: int) -> tuple[list[tuple[float, int, int]], int]:
    """The merged runs of one list, and the first rank that ties, above depth."""
    merged: list[tuple[float, int, int]] = []
    zeros = begin = 0
    tied = order.NO_RANK
    for _, same in groupby(sorted(rows, key=lambda row: (-row[0], -row[1])), key=lambda row: row[0]):
        counts = [(label, len(list(group))) for label, group in groupby(label for _, label, _ in same)]
        size = sum(count for _, count in counts)
        if depth and begin >= depth:
            break
        tied = min(tied, begin) if size > 1 else tied
        begin += size
        if counts[0][0] == 0:
            zeros += size
            continue
        merged += [(0.0, zeros, 1)] if zeros else []
        merged += [(label, count, int(r == 0)) for r, (label, count) in enumerate(counts)]
        zeros = 0
    return merged, tied


@settings(max_examples=200, deadline=None)
@given(list_of_rows(SCORES, st.sampled_from([0, 0, 0, 0, 1, 1, 2, 31])), st.integers(0, 45), REALS)
def test_rank_merged_equals_plain_python(lists: list[list[Row]], depth: int, dtype: Any) -> None:
    scores, labels, _, offsets = columns(lists)
    *result, tied = order.rank_merged(read_only(scores, dtype), read_only(labels, np.uint8), offsets, depth)
    runs, ideal = unpack(tuple(result))
    expected = [plain_merged(rows, depth) for rows in lists]
    assert runs == [of_list for of_list, _ in expected]
    assert ideal == [plain_ideal(rows) for rows in lists]
    for found, (_, rank) in zip(tied.tolist(), expected, strict=True):
        # Below the cut it is not said.
        assert found == rank or (rank == order.NO_RANK and 0 < depth <= found)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_one_tie_is_found_at_every_size_and_place(dtype: Any) -> None:
    """Each list has no tie or one, its last rows score as the first ones of the next, and the last list ends the
    column."""
    rng = np.random.default_rng(29)
    for sizes in (range(1, 40), range(40, 80), range(124, 134), *([n] for n in range(1, 20))):
        lists: list[list[Row]] = []
        for n in sizes:
            for tie in (False, True):
                scores = rng.permutation(n).astype(float)
                if lists:
                    scores[: len(lists[-1])] = [row[0] for row in lists[-1][-n:]][:n]
                    _, first = np.unique(scores, return_index=True)
                    scores[np.setdiff1d(np.arange(n), first)] += 1_000.0 + np.arange(n - first.size)
                if tie and n > 1:
                    i, j = rng.choice(n, 2, replace=False)
                    scores[i] = scores[j]
                labels = np.where(rng.random(n) < 0.1, rng.integers(1, 5, n), 0)
                lists.append([(float(x), float(y), 0) for x, y in zip(scores, labels, strict=True)])
        scores_, labels_, _, offsets = columns(lists)
        for depth in (0, 10):
            *result, tied = order.rank_merged(scores_.astype(dtype), labels_.astype(np.uint8), offsets, depth)
            expected = [plain_merged(rows, depth) for rows in lists]
            assert unpack(tuple(result))[0] == [of_list for of_list, _ in expected]
            for found, (_, rank) in zip(tied.tolist(), expected, strict=True):
                assert found == rank or (rank == order.NO_RANK and 0 < depth <= found)


@settings(max_examples=200, deadline=None)
@given(list_of_rows(SCORES, LABELS), st.sampled_from([np.uint8, np.float64]))
def test_ideal_runs(lists: list[list[Row]], dtype: Any) -> None:
    if dtype == np.uint8:
        lists = [[(score, float(abs(int(max(label, 0))) % 32), item) for score, label, item in rows] for rows in lists]
    _, labels, _, offsets = columns(lists)
    at, label, count = order.ideal_runs(read_only(labels, dtype), offsets)
    found = [list(zip(label[a:b].tolist(), count[a:b].tolist(), strict=True)) for a, b in pairwise(at)]
    assert found == [plain_ideal(rows) for rows in lists]


@pytest.mark.parametrize("n", [7, 8, 9, 255 * 8, 300 * 8 + 5, 100_000])
def test_ideal_runs_of_long_lists(n: int) -> None:
    labels = np.random.default_rng(6).choice([0, 1, 4, 31], n).astype(np.uint8)
    at, label, count = order.ideal_runs(labels, np.array([0, n]))
    values, counts = np.unique(labels[labels > 0], return_counts=True)
    assert at.tolist() == [0, values.size]
    assert (label.tolist(), count.tolist()) == (values[::-1].tolist(), counts[::-1].tolist())


@settings(max_examples=200, deadline=None)
@given(list_of_rows(SCORES, st.integers(0, 31).map(float)), st.sampled_from(RULES), st.integers(0, 45), REALS)
def test_rank_rows_equals_plain_python(lists: list[list[Row]], rule: int, depth: int, dtype: Any) -> None:
    scores, labels, items, offsets = columns(lists)
    expected: list[list[int]] = []
    for rows, begin in zip(lists, offsets[:-1].tolist(), strict=True):
        # Python's sort is stable too.
        ordered = sorted(range(len(rows)), key=lambda i: (-rows[i][0], *tie_key(rule, rows[i][1], rows[i][2])))
        expected.append([begin + i for i in ordered[: depth or None]])
    for label_type in (np.uint8, np.float64):
        at, found = order.rank_rows(
            read_only(scores, dtype), read_only(labels, label_type), offsets, rule, items, depth
        )
        assert [found[a:b].tolist() for a, b in pairwise(at)] == expected


@pytest.mark.parametrize("rule", [rule for rule in RULES if rule != order.AVERAGE])
def test_rank_rows_are_the_rows_of_the_runs(rule: int) -> None:
    rng = np.random.default_rng(21)
    offsets = np.cumsum([0, *LENGTHS])
    scores, labels = rng.integers(0, 300, offsets[-1]) / 7, rng.integers(-1, 4, offsets[-1]).astype(float)
    items = rng.integers(-5, 5, offsets[-1])
    for depth in (0, 1, 10, 2000):
        at, rows = order.rank_rows(scores, labels, offsets, rule, items, depth)
        runs = order.rank_all(scores, labels, offsets, rule, items, depth)
        assert at.tolist() == runs[0].tolist()
        assert labels[rows].tolist() == runs[1].tolist()
        assert all(np.unique(rows[a:b]).size == b - a for a, b in pairwise(at))


@settings(max_examples=200, deadline=None)
@given(list_of_rows(SCORES, LABELS), REALS)
def test_find_tied_equals_plain_python(lists: list[list[Row]], dtype: Any) -> None:
    scores, _, _, offsets = columns(lists)
    expected = []
    for rows in lists:
        counts = Counter(row[0] for row in rows)
        expected += [int(counts[row[0]] > 1) for row in rows]
    found = order.find_tied(read_only(scores, dtype), offsets)
    assert found.dtype == np.uint8
    assert found.tolist() == expected


# Lengths on both sides of every number of lanes, of the most rows that are counted or ordered by counting, and of the
# radix sort.
LENGTHS = [
    1,
    11,
    15,
    16,
    17,
    23,
    24,
    40,
    41,
    47,
    48,
    64,
    65,
    96,
    97,
    100,
    160,
    161,
    191,
    192,
    300,
    1000,
    2047,
    2048,
    5000,
]
DEPTHS = [1, 2, 10, 12, 13, 26, 27, 52, 53, 100, 104, 105, 160, 200, 1000, 10_000]


def make_scores(kind: str, n: int, rng: np.random.Generator) -> NDArray[np.float32]:
    scores = {
        "distinct": lambda: rng.standard_normal(n),
        "some ties": lambda: rng.integers(-n, n, n) / 8,
        "heavy ties": lambda: rng.integers(-1, 2, n) * 0.5,
        "constant": lambda: np.full(n, 0.25),
        "ascending": lambda: np.arange(n) / 4,
        "descending": lambda: -np.arange(n) / 4,
        # Beats the lanes: all high scores fall into one of them.
        "periodic": lambda: rng.random(n) + (np.arange(n) % 128 == 3),
        "infinite": lambda: rng.choice([-INFINITY, 0.0, -0.0, INFINITY], n),
        "one above": lambda: np.arange(n) == n // 2,
        # As many above the constant as the depth 10 asks for, two of them in one lane.
        "ten above": lambda: np.isin(np.arange(n), [*range(9), 128]),
        "mostly -inf": lambda: np.where(rng.random(n) < 0.05, rng.random(n), -INFINITY),
    }[kind]()
    return scores.astype(np.float32)


KINDS = [
    "distinct", "some ties", "heavy ties", "constant", "ascending", "descending", "periodic", "infinite", "one above",
    "ten above", "mostly -inf",
]  # fmt: skip


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_labels_in_bytes_at_every_size(kind: str, dtype: Any) -> None:
    rng = np.random.default_rng(17)
    scores = np.concatenate([make_scores(kind, n, rng) for n in LENGTHS]).astype(dtype)
    labels = np.where(rng.random(scores.size) < 0.3, rng.integers(0, 32, scores.size), 0).astype(np.uint8)
    offsets = np.cumsum([0, *LENGTHS])
    for depth in DEPTHS:
        top = order.rank_all(scores, labels, offsets, order.AVERAGE, None, depth)
        whole = order.rank_all(scores.astype(float), labels.astype(float), offsets, order.AVERAGE, None, depth)
        assert equal(top, whole), depth


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_measures_read_the_same_off_merged_runs(kind: str, dtype: Any) -> None:
    rng = np.random.default_rng(23)
    scores = np.concatenate([make_scores(kind, n, rng) for n in LENGTHS]).astype(dtype)
    offsets = np.cumsum([0, *LENGTHS])
    table = ranked.discounts(max(LENGTHS))
    for rate, top in ((0.05, 2), (0.5, 5), (1.0, 32)):
        labels = np.where(rng.random(scores.size) < rate, rng.integers(0, top, scores.size), 0).astype(np.uint8)
        for k in (0, 1, 10, 40, 100):
            at, label, count, opens, *ideal = order.rank_all(scores, labels, offsets, order.AVERAGE, None, k)
            merged = order.rank_merged(scores, labels, offsets, k)
            assert equal(tuple(ideal), merged[4:7])
            for measure in (ranked.hits, ranked.hit, ranked.reciprocal_rank, ranked.precision_sum):
                plain = measure(at, label, count, opens, 1.0, k)
                assert measure(*merged[:4], 1.0, k).tobytes() == plain.tobytes(), (measure, k)
            plain = ranked.dcg(at, label, count, opens, *table, k)
            assert ranked.dcg(*merged[:4], *table, k).tobytes() == plain.tobytes(), k
            tied = merged[7] < (k or order.NO_RANK)
            assert tied.tolist() == ranked.count_tied(at, count, opens, k).astype(bool).tolist()


@pytest.mark.parametrize("kind", KINDS)
def test_rank_all_of_long_lists(kind: str) -> None:
    rng = np.random.default_rng(18)
    rows = [
        (float(score), float(label), int(item))
        for score, label, item in zip(
            make_scores(kind, 3000, rng), rng.integers(-3, 9, 3000) / 2, rng.integers(-1000, 1000, 3000), strict=True
        )
    ]
    scores, labels, items, offsets = columns([rows])
    for rule in RULES:
        for depth in (0, 10, 300):
            runs, ideal = unpack(order.rank_all(scores, labels, offsets, rule, items, depth))
            assert runs == [plain_runs(rows, rule, depth)], (rule, depth)
            assert ideal == [plain_ideal(rows)]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_find_tied_at_every_size(kind: str, dtype: Any) -> None:
    rng = np.random.default_rng(20)
    scores = np.concatenate([make_scores(kind, n, rng) for n in LENGTHS]).astype(dtype)
    offsets = np.cumsum([0, *LENGTHS])
    found = order.find_tied(scores, offsets)
    for a, b in pairwise(offsets):
        _, same, counts = np.unique(scores[a:b] + dtype(0), return_inverse=True, return_counts=True)
        assert found[a:b].tolist() == (counts[same] > 1).astype(int).tolist()


@pytest.mark.parametrize("n", [5, 13, 20, 40, 63, 64, 200, 3000, 70_000])
@pytest.mark.parametrize("kind", ["outlier", "few", "one bit apart", "wide", "outliers among few"])
def test_scores_that_defeat_the_first_digits(kind: str, n: int) -> None:
    """The sorts look at the first bits of the range of the scores: here they are all the same, or nearly."""
    rng = np.random.default_rng(n)
    rows = 3 * n
    lists, offsets = np.repeat(np.arange(3), n), np.arange(0, rows + 1, n)
    scores = {
        "outlier": lambda: np.where(np.arange(rows) % n == n // 3, 1e300, 1 + rng.integers(0, 4 * n, rows) * 2.0**-52),
        "few": lambda: rng.choice(rng.standard_normal(5), rows),
        "one bit apart": lambda: 1 + rng.integers(0, 2, rows) * 2.0**-52,
        "wide": lambda: rng.choice([-1, 1], rows) * 10.0 ** rng.integers(-300, 300, rows),
        "outliers among few": lambda: rng.choice([-1e300, 1e300, 1.0, 1 + 2.0**-52, 1 + 2.0**-51], rows),
    }[kind]()
    items = rng.permutation(rows)
    _, found = order.rank_rows(scores, np.zeros(rows), offsets, order.ITEM_DESC, items, 0)
    assert found.tolist() == np.lexsort((-items, -scores, lists)).tolist()
    labels = rng.integers(0, 3, rows)
    for real in (scores, np.clip(scores, -1e38, 1e38).astype(np.float32)):
        by_score = np.lexsort((-labels, -real.astype(float), lists))
        _, run_label, run_count, run_opens, *_ = order.rank_all(
            real, labels.astype(np.uint8), offsets, order.AVERAGE, None, 0
        )
        assert np.repeat(run_label, run_count).tolist() == labels[by_score].tolist()
        assert run_opens.sum() == np.unique(np.stack([lists, real]), axis=1).shape[1]
        assert run_label.size == np.unique(np.stack([lists, real, labels]), axis=1).shape[1]


@settings(max_examples=100, deadline=None)
@given(
    list_of_rows(SCORES, LABELS),
    st.sampled_from(FREE_OF_ROW_ORDER),
    st.integers(0, 45),
    st.randoms(use_true_random=False),
)
def test_row_order_changes_nothing(lists: list[list[Row]], rule: int, depth: int, random: Any) -> None:
    mixed = [random.sample(rows, len(rows)) for rows in lists]
    results = []
    for some in (lists, mixed):
        scores, labels, items, offsets = columns(some)
        results.append(order.rank_all(scores, labels, offsets, rule, items, depth))
    assert equal(*results)


@pytest.mark.parametrize("kind", KINDS)
def test_row_order_changes_nothing_of_labels_in_bytes(kind: str) -> None:
    rng = np.random.default_rng(19)
    scores = make_scores(kind, 1200, rng)
    labels = rng.integers(0, 4, 1200).astype(np.uint8)
    offsets = np.array([0, 30, 130, 130, 1200])
    mixed = np.concatenate([rng.permutation(np.arange(a, b)) for a, b in pairwise(offsets)])
    for depth in DEPTHS:
        left = order.rank_all(scores, labels, offsets, order.AVERAGE, None, depth)
        assert equal(left, order.rank_all(scores[mixed], labels[mixed], offsets, order.AVERAGE, None, depth))


def test_input_rule_keeps_the_order_of_tied_rows() -> None:
    scores, labels = np.array([1.0, 2.0, 1.0, -0.0, 0.0]), np.array([3.0, 0.0, 5.0, 1.0, 2.0])
    runs, _ = unpack(order.rank_all(scores, labels, np.array([0, 5]), order.INPUT, None, 0))
    assert runs == [[(0.0, 1, 1), (3.0, 1, 1), (5.0, 1, 1), (1.0, 1, 1), (2.0, 1, 1)]]


def test_group_at_the_boundary_is_whole() -> None:
    scores = np.array([0.5, 0.9, 0.5, 0.5, 0.1], np.float32)
    labels = np.array([1, 0, 2, 1, 2], np.uint8)
    runs, ideal = unpack(order.rank_all(scores, labels, np.array([0, 5]), order.AVERAGE, None, 2))
    assert runs == [[(0.0, 1, 1), (2.0, 1, 1), (1.0, 2, 0)]]
    assert ideal == [[(2.0, 2), (1.0, 2)]]


def test_minus_zero_label_is_zero() -> None:
    result = order.rank_all(np.zeros(2), np.array([-0.0, 0.0]), np.array([0, 2]), order.AVERAGE, None, 0)
    assert unpack(result) == ([[(0.0, 2, 1)]], [[]])
    assert not np.signbit(result[1]).any()


@pytest.mark.parametrize("offsets", [[0], [0, 0], [0, 0, 0, 0]])
def test_no_rows(offsets: list[int]) -> None:
    at = np.array(offsets)
    results = [order.rank_all(np.zeros(0), np.zeros(0), at, rule, np.zeros(0, np.int64), 0) for rule in RULES]
    results.append(order.rank_all(np.zeros(0, np.float32), np.zeros(0, np.uint8), at, order.AVERAGE, None, 5))
    for result in results:
        assert [x.size for x in result] == [at.size, 0, 0, 0, at.size, 0, 0]
        assert not result[0].any()
    merged = order.rank_merged(np.zeros(0, np.float32), np.zeros(0, np.uint8), at, 0)
    assert [x.size for x in merged] == [at.size, 0, 0, 0, at.size, 0, 0, at.size - 1]
    for dtype in (np.uint8, np.float64):
        none = np.zeros(0, dtype)
        assert [x.size for x in order.ideal_runs(none, at)] == [at.size, 0, 0]
        for rule in RULES:
            row_at, rows = order.rank_rows(np.zeros(0), none, at, rule, np.zeros(0, np.int64), 3)
            assert row_at.tolist() == [0] * at.size
            assert rows.size == 0
    assert order.find_tied(np.zeros(0), at).size == 0
    assert order.find_duplicates(np.zeros(0, np.int64), at) == -1


def test_offsets_may_begin_inside() -> None:
    scores, labels = np.arange(6.0), np.array([0, 1, 2, 3, 4, 5])
    at = np.array([2, 4])
    top = order.rank_all(scores, labels.astype(np.uint8), at, order.AVERAGE, None, 9)
    assert unpack(top)[0] == [[(3.0, 1, 1), (2.0, 1, 1)]]
    assert equal(top, order.rank_all(scores, labels.astype(float), at, order.AVERAGE, None, 9))
    assert order.rank_rows(scores, labels.astype(float), at, order.INPUT, None, 0)[1].tolist() == [3, 2]
    assert order.ideal_runs(labels.astype(float), at)[1].tolist() == [3, 2]
    assert order.ideal_runs(labels.astype(np.uint8), at)[1].tolist() == [3, 2]
    assert order.find_tied(np.ones(6), at).tolist() == [0, 0, 1, 1, 0, 0]


def test_bad_arguments_are_refused() -> None:
    x, y, at = np.zeros(3), np.zeros(3, np.uint8), np.array([0, 3])
    for offsets in ([0, 4], [-1, 3], [0, 2, 1]):
        with pytest.raises(ValueError, match="offsets"):
            order.rank_all(x, y, np.array(offsets), order.AVERAGE, None, 1)
        with pytest.raises(ValueError, match="offsets"):
            order.rank_all(x, x, np.array(offsets), order.AVERAGE, None, 1)
        with pytest.raises(ValueError, match="offsets"):
            order.rank_rows(x, x, np.array(offsets), order.AVERAGE, None, 1)
        with pytest.raises(ValueError, match="offsets"):
            order.ideal_runs(y, np.array(offsets))
        with pytest.raises(ValueError, match="offsets"):
            order.find_tied(x, np.array(offsets))
        with pytest.raises(ValueError, match="offsets"):
            order.rank_merged(x, y, np.array(offsets), 1)
    with pytest.raises(ValueError, match="depth"):
        order.rank_merged(x, y, at, -1)
    with pytest.raises(ValueError, match="length"):
        order.rank_merged(x, y[:2], at, 1)
    with pytest.raises(ValueError, match="depth"):
        order.rank_all(x, y, at, order.AVERAGE, None, -1)
    with pytest.raises(ValueError, match="length"):
        order.rank_all(x, y[:2], at, order.AVERAGE, None, 1)
    with pytest.raises(ValueError, match="items"):
        order.rank_all(x, x, at, order.ITEM_ASC, None, 1)
    with pytest.raises(ValueError, match="rule"):
        order.rank_all(x, x, at, 6, None, 1)
    with pytest.raises(ValueError, match="depth"):
        order.rank_rows(x, x, at, order.INPUT, None, -1)
    with pytest.raises(ValueError, match="length"):
        order.rank_rows(x, x[:2], at, order.INPUT, None, 1)


CHECKSUM = """
import hashlib, numpy as np
from fastrank._kernels import order
rng = np.random.default_rng(5)
total = hashlib.sha256()
for n in (5, 10, 20, 50, 100, 1000):
    at = np.arange(0, 20 * n + 1, n)
    for scores in (rng.random(20 * n), rng.integers(0, 9, 20 * n) / 4):
        for dtype in (np.float32, np.float64):
            labels = rng.integers(0, 5, 20 * n).astype(np.uint8)
            some = scores.astype(dtype)
            found = [*order.ideal_runs(labels, at), order.find_tied(some, at)]
            for depth in (1, 10, 40, 100, 2000):
                found += order.rank_merged(some, labels, at, depth)
                found += order.rank_all(some, labels, at, order.AVERAGE, None, depth)
            for depth in (0, 10):
                found += order.rank_all(some, labels, at, order.AVERAGE, None, depth)
                found += order.rank_rows(some, labels, at, order.OPTIMISTIC, None, depth)
            for x in found:
                total.update(x.tobytes())
print(total.hexdigest())
"""


def test_every_instruction_set_gives_the_same_bits() -> None:
    found = {
        subprocess.run(
            [sys.executable, "-c", CHECKSUM], env={**os.environ, "FASTRANK_CPU": cpu}, capture_output=True, check=True
        ).stdout
        for cpu in ("baseline", "avx2", "avx512")
    }
    assert len(found) == 1


CODES = st.lists(st.lists(st.one_of(st.integers(-4, 40), st.integers(-(2**63), 2**63 - 1)), max_size=30), max_size=6)


@settings(max_examples=200, deadline=None)
@given(CODES)
def test_find_duplicates(lists: list[list[int]]) -> None:
    expected, row = -1, 0
    for codes in lists:
        for i, code in enumerate(codes):
            if expected < 0 and code in codes[:i]:
                expected = row + i
        row += len(codes)
    codes_of_rows = read_only([code for codes in lists for code in codes], np.int64)
    offsets = read_only(np.cumsum([0, *map(len, lists)]), np.int64)
    assert order.find_duplicates(codes_of_rows, offsets) == expected


def test_find_duplicates_in_a_long_list() -> None:
    codes = np.random.default_rng(3).permutation(100_000)
    at = np.array([0, 40_000, 100_000])
    assert order.find_duplicates(codes, at) == -1
    codes[99_000] = codes[50_000]
    assert order.find_duplicates(codes, at) == 99_000
    codes[99_000] = codes[10]
    assert order.find_duplicates(codes, at) == -1
