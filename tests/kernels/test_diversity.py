"""What lists show, against brute force in exact fractions or plain Python."""

from __future__ import annotations

import math
from collections import Counter
from fractions import Fraction
from itertools import combinations, groupby, pairwise
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from fastrank._kernels import diversity, order, ranked


def frozen(values: Any, dtype: Any) -> NDArray[Any]:
    array = np.array(values, dtype)
    array.flags.writeable = False
    return array


def joined(lists: list[list[Any]]) -> tuple[NDArray[np.int64], list[Any]]:
    """(offsets, the entries of all lists)."""
    return frozen(np.cumsum([0, *map(len, lists)]), np.int64), [entry for entries in lists for entry in entries]


@settings(max_examples=200, deadline=None)
@given(st.lists(st.lists(st.integers(-2, 3), max_size=8), max_size=4))
def test_pairs_that_differ(lists: list[list[int]]) -> None:
    offsets, codes = joined(lists)
    values = diversity.pair_diversity(offsets, frozen(codes, np.int64)).tolist()
    for value, entries in zip(values, lists, strict=True):
        pairs = list(combinations(entries, 2))
        assert value == (sum(a != b for a, b in pairs) / len(pairs) if pairs else 0.0)


def test_pairs_of_a_long_list() -> None:
    codes = np.random.default_rng(1).integers(0, 1000, 5000)
    same = sum(n * (n - 1) // 2 for n in Counter(codes.tolist()).values())
    pairs = 5000 * 4999 // 2
    assert diversity.pair_diversity(np.array([0, 5000]), codes).tolist() == [(pairs - same) / pairs]


Document = frozenset[int]


def plain_gain(document: Document, seen: Counter[int], alpha: Fraction) -> Fraction:
    return sum(((1 - alpha) ** seen[topic] for topic in document), Fraction(0))


def plain_alpha_dcg(documents: list[Document], alpha: Fraction) -> float:
    seen: Counter[int] = Counter()
    terms = []
    for rank, document in enumerate(documents, 1):
        terms.append(float(plain_gain(document, seen, alpha)) / math.log2(rank + 1))
        seen.update(document)
    return math.fsum(terms)


def plain_greedy(documents: list[Document], alpha: Fraction, k: int) -> list[Document]:
    left = sorted(documents, key=sorted)
    seen: Counter[int] = Counter()
    chosen: list[Document] = []
    while left and len(chosen) < (k or len(documents)):
        best = max(left, key=lambda document: plain_gain(document, seen, alpha))
        left.remove(best)
        chosen.append(best)
        seen.update(best)
    return chosen


def as_spans(documents: list[Document]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    starts, topics = joined([sorted(document) for document in documents])
    return starts, frozen(topics, np.int64)


DOCUMENTS = st.lists(st.lists(st.frozensets(st.integers(0, 4), max_size=4), max_size=7), max_size=3)
ALPHAS = st.sampled_from([Fraction(0), Fraction(1, 4), Fraction(1, 2), Fraction(7, 8), Fraction(1)])


@settings(max_examples=400, deadline=None)
@given(DOCUMENTS, ALPHAS, st.integers(0, 8), st.randoms(use_true_random=False))
def test_alpha_dcg(lists: list[list[Document]], alpha: Fraction, k: int, random: Any) -> None:
    offsets, documents = joined(lists)
    spans = as_spans(documents)
    table = ranked.discounts(8)
    top = [random.sample(range(a, b), min(k or b - a, b - a)) for a, b in pairwise(offsets.tolist())]
    top_offsets, rows = joined(top)
    values = diversity.alpha_dcg(top_offsets, frozen(rows, np.int64), *spans, float(alpha), *table)
    ideals = diversity.ideal_alpha_dcg(offsets, *spans, float(alpha), *table, k)
    for value, ideal, shown, entries in zip(values.tolist(), ideals.tolist(), top, lists, strict=True):
        assert value == pytest.approx(plain_alpha_dcg([documents[row] for row in shown], alpha), rel=1e-14)
        assert ideal == pytest.approx(plain_alpha_dcg(plain_greedy(entries, alpha, k), alpha), rel=1e-14)


@settings(max_examples=200, deadline=None)
@given(DOCUMENTS, st.floats(0, 1), st.integers(0, 8), st.randoms(use_true_random=False))
def test_the_ideal_has_the_same_bits_in_any_order(
    lists: list[list[Document]], alpha: float, k: int, random: Any
) -> None:
    table = ranked.discounts(8)
    shuffled = [random.sample(entries, len(entries)) for entries in lists]
    # Numbers of subtopics matter by their order only.
    spread = [[frozenset(3 * topic + 1 for topic in document) for document in entries] for entries in shuffled]
    ideals = [
        diversity.ideal_alpha_dcg(offsets, *as_spans(documents), alpha, *table, k).tolist()
        for offsets, documents in map(joined, (lists, shuffled, spread))
    ]
    assert ideals[0] == ideals[1] == ideals[2]


def test_a_greedy_ranking_is_exactly_ideal() -> None:
    generator = np.random.default_rng(3)
    table = ranked.discounts(100)
    for alpha in (0.5, 0.3, 0.123):
        documents = [frozenset(generator.choice(40, int(generator.integers(1, 39)), replace=False).tolist())
                     for _ in range(60)]  # fmt: skip
        best = plain_greedy(documents, Fraction(alpha), 0)
        rows = frozen(np.arange(60), np.int64)
        offsets = frozen([0, 60], np.int64)
        value = diversity.alpha_dcg(offsets, rows, *as_spans(best), alpha, *table)
        assert value.tolist() == diversity.ideal_alpha_dcg(offsets, *as_spans(documents), alpha, *table, 0).tolist()


def test_which_subtopics_were_seen_how_often_is_irrelevant() -> None:
    # Of the subtopics of the last document, one was seen never, one once and one twice: two orders of one sum.
    table = ranked.discounts(4)
    offsets, rows = frozen([0, 4], np.int64), frozen(range(4), np.int64)
    alphas = [j / 100 for j in range(1, 100)]
    powers = [[(1 - alpha) ** n for n in (0, 1, 2)] for alpha in alphas]
    assert any((c + b) + a != (a + b) + c for a, b, c in powers)
    upward, downward = (
        [diversity.alpha_dcg(offsets, rows, *spans, alpha, *table)[0] for alpha in alphas]
        for spans in (
            as_spans([frozenset({1}), frozenset({2}), frozenset({2}), frozenset({0, 1, 2})]),
            as_spans([frozenset({1}), frozenset({0}), frozenset({0}), frozenset({0, 1, 2})]),
        )
    )
    assert upward == downward


def test_lists_do_not_see_what_lists_before_showed() -> None:
    table = ranked.discounts(2)
    starts, topics = as_spans([frozenset({0}), frozenset({0})])
    rows, each = frozen([0, 1], np.int64), frozen([0, 1, 2], np.int64)
    assert diversity.alpha_dcg(each, rows, starts, topics, 0.5, *table).tolist() == [1.0, 1.0]
    assert diversity.ideal_alpha_dcg(each, starts, topics, 0.5, *table, 0).tolist() == [1.0, 1.0]


@settings(max_examples=300, deadline=None)
@given(
    st.lists(st.lists(st.tuples(st.integers(0, 3).map(float), st.integers(0, 2).map(float)), max_size=8), max_size=3),
    st.integers(0, 9),
)
def test_exposures_are_the_mean_over_the_ranks_of_a_tie(lists: list[list[tuple[float, float]]], k: int) -> None:
    offsets, rows = joined(lists)
    scores, values = (frozen([row[j] for row in rows], np.float64) for j in (0, 1))
    runs = order.rank_all(scores, values, offsets, order.AVERAGE, None, 0)[:4]
    exposed = diversity.exposures(runs[0], runs[2], runs[3], *ranked.discounts(8), k)
    for q, entries in enumerate(lists):
        expected: Counter[tuple[float, float]] = Counter()
        begin = 0
        for score, tied in groupby(sorted(entries, key=lambda row: -row[0]), key=lambda row: row[0]):
            group = [value for _, value in tied]
            ranks = range(begin, min(begin + len(group), k) if k else begin + len(group))
            each = math.fsum(1 / math.log2(r + 2) for r in ranks) / len(group)
            for value in group:
                expected[score, value] += each
            begin += len(group)
        span = slice(int(runs[0][q]), int(runs[0][q + 1]))
        want = [expected[key] for key in sorted(expected, key=lambda key: (-key[0], -key[1]))]
        assert exposed[span].tolist() == pytest.approx(want, rel=1e-13)


@settings(max_examples=300, deadline=None)
@given(
    st.lists(st.lists(st.tuples(st.integers(0, 3).map(float), st.integers(0, 1).map(float)), max_size=6), max_size=3),
    st.integers(1, 7),
    st.booleans(),
)
def test_ties_across_a_rank(lists: list[list[tuple[float, float]]], k: int, cut: bool) -> None:
    offsets, rows = joined(lists)
    scores, values = (frozen([row[j] for row in rows], np.float64) for j in (0, 1))
    runs = order.rank_all(scores, values, offsets, order.AVERAGE, None, k if cut else 0)[:4]
    tops = [sorted((row[0] for row in entries), reverse=True) for entries in lists]
    crossing = [q for q, top in enumerate(tops) if len(top) > k and top[k - 1] == top[k]]
    assert diversity.find_crossing(runs[0], runs[2], runs[3], k) == (crossing[0] if crossing else -1)


def test_surprisal() -> None:
    shares = 2.0 ** -np.arange(0, 1075.0)
    assert diversity.surprisal(frozen(shares, np.float64)).tolist() == list(range(1075))
    assert math.copysign(1, diversity.surprisal(np.ones(1))[0]) == 1
    others = np.concatenate((np.random.default_rng(2).random(1000), 1 - 2.0 ** -np.arange(2.0, 53)))
    assert diversity.surprisal(others).tolist() == pytest.approx([-math.log2(x) for x in others], rel=4e-16)


def test_empty_input() -> None:
    none, at = frozen([], np.int64), frozen([0], np.int64)
    table = ranked.discounts(0)
    assert diversity.pair_diversity(at, none).size == 0
    assert diversity.alpha_dcg(at, none, at, none, 0.5, *table).size == 0
    assert diversity.ideal_alpha_dcg(at, at, none, 0.5, *table, 0).size == 0
    assert diversity.exposures(at, none, frozen([], np.uint8), *table, 0).size == 0
    assert diversity.surprisal(frozen([], np.float64)).size == 0
    no_rows = frozen([0, 0], np.int64)
    assert diversity.pair_diversity(no_rows, none).tolist() == [0.0]
    assert diversity.alpha_dcg(no_rows, none, at, none, 0.5, *table).tolist() == [0.0]
    assert diversity.ideal_alpha_dcg(no_rows, at, none, 0.5, *table, 0).tolist() == [0.0]


def test_arrays_that_do_not_fit_are_refused() -> None:
    one, two, table = frozen([0, 1], np.int64), frozen([0, 2], np.int64), ranked.discounts(1)
    row, ones = frozen([0], np.int64), frozen([1], np.uint8)
    bad: list[tuple[Any, tuple[Any, ...]]] = [
        (diversity.pair_diversity, (two, row)),
        (diversity.pair_diversity, (frozen([0, 1, 0], np.int64), row)),
        (diversity.pair_diversity, (frozen([], np.int64), row)),
        (diversity.pair_diversity, (frozen([-1, 1], np.int64), row)),
        (diversity.alpha_dcg, (one, frozen([1], np.int64), one, row, 0.5, *table)),
        (diversity.alpha_dcg, (one, frozen([-1], np.int64), one, row, 0.5, *table)),
        (diversity.alpha_dcg, (one, row, two, row, 0.5, *table)),
        (diversity.alpha_dcg, (one, row, one, frozen([-1], np.int64), 0.5, *table)),
        (diversity.alpha_dcg, (one, row, one, row, 1.5, *table)),
        (diversity.alpha_dcg, (one, row, one, row, math.nan, *table)),
        (diversity.alpha_dcg, (one, row, one, row, 0.5, *ranked.discounts(0))),
        (diversity.ideal_alpha_dcg, (two, one, row, 0.5, *table, 0)),
        (diversity.ideal_alpha_dcg, (one, one, row, 0.5, *table, -1)),
        (diversity.ideal_alpha_dcg, (one, one, row, 0.5, *ranked.discounts(0), 0)),
        (diversity.exposures, (one, row, frozen([1, 1], np.uint8), *table, 0)),
        (diversity.exposures, (two, row, ones, *table, 0)),
        (diversity.exposures, (one, frozen([2], np.int64), ones, *table, 0)),
        (diversity.exposures, (one, frozen([1], np.int64), ones, *table, -1)),
        (diversity.find_crossing, (one, row, frozen([1, 1], np.uint8), 1)),
        (diversity.find_crossing, (two, row, ones, 1)),
        (diversity.surprisal, (frozen([0.5, 0.0], np.float64),)),
        (diversity.surprisal, (frozen([1.5], np.float64),)),
        (diversity.surprisal, (frozen([math.nan], np.float64),)),
    ]
    for function, arguments in bad:
        with pytest.raises(ValueError, match=r"fit|descend|document|number|alpha|table|least|above"):
            function(*arguments)
