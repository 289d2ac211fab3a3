"""Measures of ranked lists against their mean over all orders of the tied rows, in exact fractions."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from fractions import Fraction
from itertools import groupby, permutations, product
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from sklearn.metrics import dcg_score, ndcg_score

from fastrank._kernels import order, ranked

PERSISTENCE = Fraction(0.8)

Row = tuple[float, float]
Measure = Callable[[list[float], float, int], Fraction]


def orders(rows: list[Row]) -> Iterator[list[float]]:
    """The labels of a list in each order that its scores allow."""
    ordered = sorted(rows, key=lambda row: -row[0])
    groups = [[label for _, label in tied] for _, tied in groupby(ordered, key=lambda row: row[0])]
    for one in product(*map(permutations, groups)):
        yield [label for group in one for label in group]


def plain_hit_rate(labels: list[float], level: float, k: int) -> Fraction:
    return Fraction(any(label >= level for label in labels[: k or None]))


def plain_reciprocal_rank(labels: list[float], level: float, k: int) -> Fraction:
    ranks = [r for r, label in enumerate(labels[: k or None], 1) if label >= level]
    return Fraction(1, ranks[0]) if ranks else Fraction(0)


def plain_hits(labels: list[float], level: float, k: int) -> Fraction:
    return Fraction(sum(label >= level for label in labels[: k or None]))


def plain_hits_at_two(labels: list[float], level: float, k: int) -> Fraction:
    return plain_hits(labels, level, 2)


def plain_weighted_reciprocal_rank(labels: list[float], level: float, k: int) -> Fraction:
    return next((Fraction(label) / r for r, label in enumerate(labels[: k or None], 1) if label > 0), Fraction(0))


def plain_precision_sum(labels: list[float], level: float, k: int) -> Fraction:
    ranks = [r for r, label in enumerate(labels[: k or None], 1) if label >= level]
    return sum((Fraction(hits, r) for hits, r in enumerate(ranks, 1)), Fraction(0))


def plain_sum(labels: list[float], level: float, k: int) -> Fraction:
    return Fraction(sum(max(label, 0) for label in labels[: k or None]))


def plain_geometric(labels: list[float], level: float, k: int) -> Fraction:
    ranked_labels = enumerate(labels[: k or None])
    return sum(
        (Fraction(max(label, 0)) * (1 - PERSISTENCE) * PERSISTENCE**r for r, label in ranked_labels), Fraction(0)
    )


def plain_dcg(labels: list[float], level: float, k: int) -> Fraction:
    terms = [max(label, 0) / math.log2(r + 1) for r, label in enumerate(labels[: k or None], 1)]
    return Fraction(math.fsum(terms))


def frozen(values: Any, dtype: Any) -> NDArray[Any]:
    array = np.array(values, dtype)
    array.flags.writeable = False
    return array


def rank(lists: list[list[Row]], k: int = 0) -> order.Runs:
    scores = np.array([row[0] for rows in lists for row in rows], np.float64)
    labels = np.array([row[1] for rows in lists for row in rows], np.float64)
    offsets = np.cumsum([0, *map(len, lists)])
    result = order.rank_all(scores, labels, offsets, order.AVERAGE, None, k)
    for array in result:
        array.flags.writeable = False
    return result


def measures(lists: list[list[Row]], level: float, k: int, depth: int) -> dict[str, tuple[NDArray[Any], Measure]]:
    at, label, count, opens, *_ = rank(lists, depth)
    runs = (at, label, count, opens)
    table = ranked.discounts(max(map(len, lists), default=0))
    gain = ranked.gains(label, ranked.LINEAR)
    longest = len(table[0]) - 1
    return {
        "hits": (ranked.hits(*runs, level, k), plain_hits),
        "hits_at": (ranked.hits_at(*runs, level, np.full(len(lists), 2)), plain_hits_at_two),
        "hit": (ranked.hit(*runs, level, k), plain_hit_rate),
        "weighted_reciprocal_rank": (ranked.weighted_reciprocal_rank(*runs, k), plain_weighted_reciprocal_rank),
        "precision_sum": (ranked.precision_sum(*runs, level, k), plain_precision_sum),
        "sum": (ranked.dcg(at, gain, count, opens, *ranked.flat_discounts(longest), k), plain_sum),
        "geometric": (
            ranked.dcg(at, gain, count, opens, *ranked.geometric_discounts(longest, float(PERSISTENCE)), k),
            plain_geometric,
        ),
        "reciprocal_rank": (ranked.reciprocal_rank(*runs, level, k), plain_reciprocal_rank),
        "dcg": (ranked.dcg(at, gain, count, opens, *table, k), plain_dcg),
    }


LISTS = st.lists(
    st.lists(st.tuples(st.integers(0, 2).map(float), st.sampled_from([0.0, 0.0, 1.0, 2.0, -1.0, 0.5])), max_size=6),
    min_size=1,
    max_size=3,
)


@settings(max_examples=300, deadline=None)
@given(LISTS, st.sampled_from([0.5, 1.0, 2.0]), st.integers(0, 8), st.booleans())
def test_measures_equal_the_mean_over_all_orders(lists: list[list[Row]], level: float, k: int, cut: bool) -> None:
    for name, (values, plain) in measures(lists, level, k, max(k, 2) if cut and k else 0).items():
        assert values.dtype == np.float64
        for value, rows in zip(values, lists, strict=True):
            exact = [plain(labels, level, k) for labels in orders(rows)] if rows else [Fraction(0)]
            expected = float(sum(exact, Fraction(0)) / len(exact))
            assert value == pytest.approx(expected, rel=1e-14, abs=1e-300), (name, rows)


def test_all_seven_rows_tied() -> None:
    rows = [(0.0, label) for label in (0.0, 1.0, 1.0, 0.0, 2.0, 0.0, 0.0)]
    for k in (0, 1, 3, 7):
        for name, (values, plain) in measures([rows], 1.0, k, max(k, 2) if k else 0).items():
            exact = [plain(labels, 1.0, k) for labels in orders(rows)]
            assert values[0] == pytest.approx(float(sum(exact, Fraction(0)) / len(exact)), rel=1e-14), name


@settings(max_examples=100, deadline=None)
@given(LISTS, st.integers(0, 8), st.booleans())
def test_count_tied_and_count_relevant(lists: list[list[Row]], k: int, cut: bool) -> None:
    at, _, count, opens, ideal_at, ideal_label, ideal_count = rank(lists, k if cut else 0)
    tied = ranked.count_tied(at, count, opens, k)
    relevant = ranked.count_relevant(ideal_at, ideal_label, ideal_count, 1.0)
    assert (tied.dtype, relevant.dtype) == (np.uint8, np.int64)
    for q, rows in enumerate(lists):
        scores = sorted((score for score, _ in rows), reverse=True)
        begins = [r for r, score in enumerate(scores) if scores.count(score) > 1 and scores.index(score) == r]
        assert tied[q] == any(k == 0 or r < k for r in begins)
        assert relevant[q] == sum(label >= 1 for _, label in rows)


def test_each_list_has_its_own_cut() -> None:
    lists = [[(3.0, 1.0), (2.0, 0.0), (1.0, 1.0)]] * 4 + [[(1.0, 1.0), (1.0, 0.0), (1.0, 0.0)]] * 3 + [[]]
    runs = rank(lists)[:4]
    found = ranked.hits_at(*runs, 1.0, frozen([0, 1, 3, 9, 0, 2, 9, 5], np.int64))
    assert found.tolist() == [0, 1, 2, 2, 0, 2 / 3, 1, 0]
    with pytest.raises(ValueError, match="one cut"):
        ranked.hits_at(*runs, 1.0, frozen([1], np.int64))


def test_weighted_reciprocal_rank_of_equal_values_is_a_multiple() -> None:
    lists = [[(1.0, 0.25), (1.0, 0.0), (0.0, 0.25)], [(2.0, 0.0), (1.0, 0.25)], [(2.0, 0.0), (1.0, -1.0)]]
    runs = rank(lists)[:4]
    found = ranked.weighted_reciprocal_rank(*runs, 0)
    assert found.tolist() == [0.25 * 0.75, 0.25 * 0.5, 0.0]
    assert (found == 0.25 * ranked.reciprocal_rank(*runs, 0.25, 0)).all()


def test_divide_and_replace() -> None:
    rng = np.random.default_rng(8)
    values, by = frozen(rng.standard_normal(37), np.float64), frozen(rng.integers(-1, 4, 37), np.float64)
    expected = [x / y if y > 0 else 0.0 for x, y in zip(values.tolist(), by.tolist(), strict=True)]
    assert ranked.divide(values, by).tolist() == expected
    keep = frozen(by > 0, np.uint8)
    assert ranked.replace(values, keep, 2.5).tolist() == np.where(by > 0, values, 2.5).tolist()
    assert np.isnan(ranked.replace(values, keep, math.nan)).sum() == (by <= 0).sum()
    assert ranked.divide(values[:0], by[:0]).size == ranked.replace(values[:0], keep[:0], 1.0).size == 0
    for function, other in ((ranked.divide, by), (lambda x, y: ranked.replace(x, y, 0.0), keep)):
        with pytest.raises(ValueError, match="same length"):
            function(values[:3], other)


@settings(max_examples=100, deadline=None)
@given(st.lists(st.lists(st.sampled_from([0, 1, 2, 5]), max_size=5), max_size=4), st.sampled_from([0.0, 0.5, 1.0, 2.0]))
def test_count_labels(lists: list[list[int]], low: float) -> None:
    flat, offsets = [label for labels in lists for label in labels], np.cumsum([0, *map(len, lists)])
    for high in (low, 2.0, 5.0, math.inf):
        expected = [sum(low <= label < high for label in labels) for labels in lists]
        for dtype in (np.uint8, np.float64):
            found = ranked.count_labels(frozen(flat, dtype), offsets, low, high)
            assert (found.dtype, found.tolist()) == (np.int64, expected)


def test_count_labels_of_rows_without_judgment() -> None:
    labels = frozen([-math.inf, -1.0, -0.0, 0.5, 1.0, 1e9], np.float64)
    at = frozen([1, 6], np.int64)
    assert ranked.count_labels(labels, at, 0.0, math.inf).tolist() == [4]
    assert ranked.count_labels(labels, at, 0.0, 1.0).tolist() == [2]
    assert ranked.count_labels(labels, frozen([0, 6], np.int64), -math.inf, 0.0).tolist() == [2]
    for offsets in ([], [0, 7], [2, 1], [-1, 3]):
        with pytest.raises(ValueError, match="offsets"):
            ranked.count_labels(labels, frozen(offsets, np.int64), 0.0, 1.0)


def test_large_groups_stay_accurate() -> None:
    rows, relevant = 20_000, 3
    at, count, opens = np.array([0, 2]), np.array([relevant, rows - relevant]), np.array([1, 0], np.uint8)
    label = np.array([1.0, 0.0])
    for k in (1, 10, rows - 5):
        missed = Fraction(math.comb(rows - relevant, k), math.comb(rows, k))
        assert ranked.hit(at, label, count, opens, 1.0, k)[0] == pytest.approx(float(1 - missed), rel=1e-13)
    first = sum(Fraction(math.comb(rows - j, relevant - 1), j * math.comb(rows, relevant)) for j in range(1, 200))
    assert ranked.reciprocal_rank(at, label, count, opens, 1.0, 199)[0] == pytest.approx(float(first), rel=1e-13)


GAINS = st.one_of(
    st.integers(0, 4).map(float), st.floats(0, 10, allow_subnormal=False), st.sampled_from([0.1, 0.2, 0.3, 1 / 3, -1.0])
)


@settings(max_examples=300, deadline=None)
@given(st.lists(st.lists(GAINS, max_size=60), min_size=1, max_size=4), st.integers(0, 70), st.integers(0, 2))
def test_perfect_ranking_has_the_ideal_dcg(lists: list[list[float]], k: int, kind: int) -> None:
    """Also where rows of one label are tied, and where labels share a gain or fall below 0."""
    scored = [[(float(sorted(labels).index(label)) if kind else label, label) for label in labels] for labels in lists]
    at, label, count, opens, ideal_at, ideal_label, ideal_count = rank(scored, k)
    table = ranked.discounts(k or 60)
    gain, ideal_gain = ranked.gains(label, ranked.LINEAR), ranked.gains(ideal_label, ranked.LINEAR)
    if kind == 2:
        gain, ideal_gain = np.floor(gain / 2), np.floor(ideal_gain / 2)
    found = ranked.dcg(at, gain, count, opens, *table, k)
    ideal = ranked.ideal_dcg(ideal_at, ideal_gain, ideal_count, *table, k)
    assert found.tobytes() == ideal.tobytes()


def test_perfect_ranking_without_ties_has_the_ideal_dcg() -> None:
    labels = np.sort(np.random.default_rng(2).integers(0, 5, 1000))[::-1].astype(np.float64)
    for rule in (order.AVERAGE, order.INPUT):
        for k in (0, 1, 10, 333):
            runs = order.rank_all(-np.arange(1000.0), labels, np.array([0, 1000]), rule, None, k)
            table = ranked.discounts(1000)
            for kind in (ranked.LINEAR, ranked.EXP2):
                found = ranked.dcg(runs[0], ranked.gains(runs[1], kind), runs[2], runs[3], *table, k)
                ideal = ranked.ideal_dcg(runs[4], ranked.gains(runs[5], kind), runs[6], *table, k)
                assert found[0] == ideal[0] > 0


def test_ideal_of_many_gains_in_any_order() -> None:
    rng = np.random.default_rng(5)
    gains, counts, at = rng.random(3000), rng.integers(1, 4, 3000), np.array([0, 900, 900, 913, 3000])
    gains[rng.random(3000) < 0.2] = 0.5
    table = ranked.discounts(int(counts.sum()))
    for k in (0, 7):
        found = ranked.ideal_dcg(at, frozen(gains, np.float64), frozen(counts, np.int64), *table, k)
        for q in range(4):
            part = slice(at[q], at[q + 1])
            order_ = np.argsort(-gains[part], kind="stable")
            plain = np.repeat(gains[part][order_], counts[part][order_])[: k or None]
            expected = math.fsum(gain / math.log2(r + 2) for r, gain in enumerate(plain))
            assert found[q] == pytest.approx(expected, rel=1e-13)
            one = np.array([0, at[q + 1] - at[q]])
            ordered = ranked.ideal_dcg(one, gains[part][order_], counts[part][order_], *table, k)
            assert found[q] == ordered[0]


def test_ideal_orders_by_gain() -> None:
    table = ranked.discounts(5)
    at, count = np.array([0, 3]), np.array([2, 1, 2])
    found = ranked.ideal_dcg(at, np.array([1.0, 3.0, -2.0]), count, *table, 0)
    assert found[0] == ranked.ideal_dcg(at, np.array([3.0, 1.0, 0.0]), np.array([1, 2, 2]), *table, 0)[0]
    assert found[0] == pytest.approx(3 + 1 / math.log2(3) + 1 / 2, rel=1e-15)


@pytest.mark.parametrize("k", [None, 1, 5, 10, 40])
@pytest.mark.parametrize("levels", [3, 1000])
def test_dcg_equals_scikit_learn(k: int | None, levels: int) -> None:
    rng = np.random.default_rng(4)
    scores, labels = rng.integers(0, levels, (50, 30)) / 4, rng.integers(0, 5, (50, 30)).astype(float)
    runs = order.rank_all(scores.ravel(), labels.ravel(), np.arange(0, 1501, 30), order.AVERAGE, None, k or 0)
    table = ranked.discounts(30)
    found = ranked.dcg(runs[0], runs[1], runs[2], runs[3], *table, k or 0)
    ideal = ranked.ideal_dcg(*runs[4:], *table, k or 0)
    for q in range(50):
        assert found[q] == pytest.approx(dcg_score(labels[q : q + 1], scores[q : q + 1], k=k), rel=1e-12)
    assert (found / ideal).mean() == pytest.approx(ndcg_score(labels, scores, k=k), rel=1e-12)


def test_discounts_are_accurate_sums() -> None:
    high, low = ranked.discounts(5000)
    terms = [1 / math.log2(r + 2) for r in range(5000)]
    single = (high[1:] - high[:-1]) + (low[1:] - low[:-1])
    np.testing.assert_allclose(single, terms, rtol=5e-16)
    for exponent in range(1, 13):
        assert single[2**exponent - 2] == 1 / exponent
    assert (high[0], low[0], high[1], low[1]) == (0.0, 0.0, 1.0, 0.0)
    exact = sum(map(Fraction, single.tolist()))
    assert float(abs(Fraction(high[-1]) + Fraction(low[-1]) - exact) / exact) < 1e-16
    a, b = 4000, 4003
    assert (high[b] - high[a]) + (low[b] - low[a]) == pytest.approx(math.fsum(terms[a:b]), rel=4e-16)


@pytest.mark.parametrize("p", [0.5, 0.8, 0.95, 1 / 3])
def test_geometric_discounts_are_accurate_at_any_rank(p: float) -> None:
    high, low = ranked.geometric_discounts(2000, p)
    for a, b in [(0, 1), (0, 10), (7, 8), (500, 501), (300, 700), (0, 2000)]:
        exact = Fraction(p) ** a - Fraction(p) ** b
        if exact > 1e-270:
            assert abs(Fraction((high[b] - high[a]) + (low[b] - low[a])) / exact - 1) < 3e-16, (a, b)
    assert (np.diff(high) >= 0).all()
    assert high[-1] <= 0.0
    for wrong in (0.0, 1.0, -0.5, math.nan):
        with pytest.raises(ValueError, match="between 0 and 1"):
            ranked.geometric_discounts(3, wrong)


def test_discounts_take_any_length() -> None:
    for table in (ranked.discounts, ranked.flat_discounts):
        assert [x.tolist() for x in table(0)] == [[0.0], [0.0]]
    assert [x.tolist() for x in ranked.geometric_discounts(0, 0.5)] == [[-1.0], [0.0]]
    assert [x.tolist() for x in ranked.flat_discounts(3)] == [[0.0, 1.0, 2.0, 3.0], [0.0] * 4]
    for make in (ranked.discounts, ranked.flat_discounts, lambda n: ranked.geometric_discounts(n, 0.5)):
        with pytest.raises(ValueError, match="n must be"):
            make(-1)
    for short, long in zip(ranked.discounts(7), ranked.discounts(300), strict=True):
        assert short.tobytes() == long[:8].tobytes()


def test_gains() -> None:
    labels = frozen([-1.0, -0.0, 0.0, 0.5, 3.0, 52.0], np.float64)
    assert ranked.gains(labels, ranked.LINEAR).tolist() == [0, 0, 0, 0.5, 3, 52]
    assert ranked.gains(labels[4:], ranked.EXP2).tolist() == [7, 2**52 - 1]
    assert ranked.gains(labels[:3], ranked.EXP2).tolist() == [0, 0, 0]
    assert not np.signbit(ranked.gains(labels, ranked.LINEAR)).any()


@pytest.mark.parametrize("lists", [[], [[]], [[], [(1.0, 1.0)], []]])
def test_empty_lists(lists: list[list[Row]]) -> None:
    for name, (values, _) in measures(lists, 1.0, 0, 0).items():
        one = 1 - float(PERSISTENCE) if name == "geometric" else 1.0
        assert values.tolist() == [len(rows) * one for rows in lists], name
    at, _, count, opens, ideal_at, ideal_label, ideal_count = rank(lists)
    assert not ranked.count_tied(at, count, opens, 0).any()
    ideal = ranked.ideal_dcg(ideal_at, ideal_label, ideal_count, *ranked.discounts(1), 0)
    assert ideal.tolist() == [float(len(rows)) for rows in lists]


def test_bad_arguments_are_refused() -> None:
    at, label, count, opens, *ideal = rank([[(1.0, 1.0), (0.0, 2.0)]])
    table = ranked.discounts(1)
    with pytest.raises(ValueError, match="discounts must hold 3"):
        ranked.dcg(at, label, count, opens, *table, 0)
    with pytest.raises(ValueError, match="discounts must hold 3"):
        ranked.ideal_dcg(*ideal, *table, 5)
    assert ranked.dcg(at, label, count, opens, *table, 1)[0] == 1.0
    with pytest.raises(ValueError, match="k must be"):
        ranked.hit(at, label, count, opens, 1.0, -1)
    with pytest.raises(ValueError, match="level"):
        ranked.count_relevant(*ideal, 0.0)
    with pytest.raises(ValueError, match="fit together"):
        ranked.hit(at, label[:1], count, opens, 1.0, 1)
