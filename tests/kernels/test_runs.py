from __future__ import annotations

from fractions import Fraction
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from runs_rows import click_log, columns, row_lists
from sklearn.metrics import roc_auc_score

from fastrank._kernels import runs as kernel

# Rows below and above the size from which parts are dealt by many bits, and far above it.
SMALL, LARGE, MANY = 300, 1 << 14, 1 << 18
RELAXED = settings(deadline=None)
DTYPES = pytest.mark.parametrize("dtype", [np.float32, np.float64])
SIZES = pytest.mark.parametrize("rows", [SMALL, LARGE])


def unit(weights: Any) -> Any:
    """Weights as integers, in units of 2^-72."""
    return [int(Fraction(w) * 2**72) for w in weights.tolist()]


def brute_runs(scores: Any, labels: Any, amounts: Any) -> Any:
    """score -> [amount of negatives, of positives], ascending; rows of amount 0 are absent."""
    table: dict[float, list[int]] = {}
    for score, label, amount in zip((scores + 0.0).tolist(), labels.tolist(), amounts, strict=True):
        if amount:
            table.setdefault(score, [0, 0])[label] += amount
    return dict(sorted(table.items()))


def brute_wins(table: Any) -> Any:
    twice = ties = below = positives = 0
    for negative, positive in table.values():
        twice += positive * (2 * below + negative)
        ties += positive * negative
        below += negative
        positives += positive
    return twice, ties, below, positives


def join(high: Any, low: Any) -> Any:
    return [(h << 64) + word for h, word in zip(high.tolist(), low.tolist(), strict=True)]


def table_of(runs: Any) -> Any:
    """The runs as brute_runs gives them."""
    keys, *words = runs
    amounts = [column.tolist() for column in words] if len(words) == 2 else [join(*words[:2]), join(*words[2:])]
    scores = kernel.keys_to_scores(keys).tolist()
    return {score: list(pair) for score, pair in zip(scores, zip(*amounts, strict=True), strict=True)}


def same(a: Any, b: Any) -> Any:
    return len(a) == len(b) and all(x.dtype == y.dtype and np.array_equal(x, y) for x, y in zip(a, b, strict=True))


@RELAXED
@given(row_lists())
def test_runs_equal_brute_force(rows: Any) -> None:
    scores, labels, weights = rows
    ones = brute_runs(scores, labels, [1] * scores.size)
    counted = kernel.sort_runs(scores, labels)
    assert counted[0].dtype == (np.uint32 if scores.dtype == np.float32 else np.uint64)
    assert list(table_of(counted).items()) == list(ones.items())
    weighed = kernel.weigh_runs(scores, labels, weights)
    table = brute_runs(scores, labels, unit(weights))
    assert list(table_of(weighed).items()) == list(table.items())
    assert kernel.twice_wins(*counted[1:]) == brute_wins(ones)
    assert kernel.twice_wins_weighted(*weighed[1:]) == brute_wins(table)


@DTYPES
@SIZES
@pytest.mark.parametrize("kind", columns(2, np.float64))
def test_any_kind_of_column(dtype: Any, rows: int, kind: str) -> None:
    scores = columns(rows, dtype)[kind]
    _, labels, weights = click_log(rows, dtype)
    counted, weighed = kernel.sort_runs(scores, labels), kernel.weigh_runs(scores, labels, weights)
    assert table_of(counted) == brute_runs(scores, labels, [1] * rows)
    assert table_of(weighed) == brute_runs(scores, labels, unit(weights))
    for keys in (counted[0], weighed[0]):
        assert (keys[1:] > keys[:-1]).all()


@DTYPES
@pytest.mark.parametrize("rows", [MANY])
@pytest.mark.parametrize("kind", columns(2, np.float64))
def test_many_rows(dtype: Any, rows: int, kind: str) -> None:
    scores, labels = columns(rows, dtype)[kind], click_log(rows, dtype)[1]
    keys, negatives, positives = kernel.sort_runs(scores, labels)
    expected, run = np.unique(scores + dtype(0), return_inverse=True)
    assert np.array_equal(kernel.keys_to_scores(keys), expected)
    assert np.array_equal(negatives, np.bincount(run[labels == 0], minlength=expected.size))
    assert np.array_equal(positives, np.bincount(run[labels == 1], minlength=expected.size))
    order = np.random.default_rng(1).permutation(rows)
    assert same((keys, negatives, positives), kernel.sort_runs(scores[order], labels[order]))
    pieces = [kernel.sort_runs(scores[p], labels[p]) for p in (slice(100_000, None), slice(100_000))]
    assert same((keys, negatives, positives), kernel.merge_runs(*pieces[0], *pieces[1]))


@DTYPES
@SIZES
@pytest.mark.parametrize("kind", ["clicks", "awkward", "skewed"])
def test_row_order_does_not_matter(dtype: Any, rows: int, kind: str) -> None:
    scores = columns(rows, dtype)[kind]
    _, labels, weights = click_log(rows, dtype)
    order = np.random.default_rng(1).permutation(rows)
    assert same(kernel.sort_runs(scores, labels), kernel.sort_runs(scores[order], labels[order]))
    assert same(
        kernel.weigh_runs(scores, labels, weights), kernel.weigh_runs(scores[order], labels[order], weights[order])
    )


@DTYPES
@SIZES
@pytest.mark.parametrize("kind", ["clicks", "awkward", "rounded"])
def test_merged_pieces_equal_one_shot(dtype: Any, rows: int, kind: str) -> None:
    rng = np.random.default_rng(2)
    scores = columns(rows, dtype)[kind]
    _, labels, weights = click_log(rows, dtype)
    cuts = np.sort(rng.integers(0, rows, 5)).tolist()
    pieces = [slice(a, b) for a, b in zip([0, *cuts], [*cuts, rows], strict=True)] + [slice(0, 0)]
    counts = [kernel.sort_runs(scores[piece], labels[piece]) for piece in pieces]
    sums = [kernel.weigh_runs(scores[piece], labels[piece], weights[piece]) for piece in pieces]
    for _ in range(3):
        first, *others = rng.permutation(len(pieces))
        counted, weighed = counts[first], sums[first]
        for p in others:
            counted = kernel.merge_runs(*counted, *counts[p])
            weighed = kernel.merge_weighted_runs(*sums[p], *weighed)
        assert same(counted, kernel.sort_runs(scores, labels))
        assert same(weighed, kernel.weigh_runs(scores, labels, weights))


@RELAXED
@given(row_lists(min_size=1), st.data())
def test_merging_is_associative_and_equals_one_shot(rows: Any, data: Any) -> None:
    scores, labels, weights = rows
    i, j = sorted(data.draw(st.tuples(*[st.integers(0, scores.size)] * 2)))
    a, b, c = (kernel.weigh_runs(scores[p], labels[p], weights[p]) for p in (slice(0, i), slice(i, j), slice(j, None)))
    merge = kernel.merge_weighted_runs
    whole = kernel.weigh_runs(scores, labels, weights)
    assert same(merge(*merge(*a, *b), *c), whole)
    assert same(merge(*a, *merge(*b, *c)), whole)
    assert same(merge(*merge(*c, *a), *b), whole)


@RELAXED
@given(row_lists(), st.integers(1, 60))
def test_rows_sorted_in_pieces(rows: Any, most: int) -> None:
    scores, labels, weights = rows
    assert same(kernel.sort_runs(scores, labels, most), kernel.sort_runs(scores, labels))
    assert same(kernel.weigh_runs(scores, labels, weights, most), kernel.weigh_runs(scores, labels, weights))


@DTYPES
@SIZES
def test_integer_weights_are_repeated_rows(dtype: Any, rows: int) -> None:
    scores, labels, _ = click_log(rows, dtype)
    times = np.random.default_rng(3).integers(0, 4, rows)
    keys, *words = kernel.weigh_runs(scores, labels, times.astype(np.float64))
    repeated = kernel.sort_runs(np.repeat(scores, times), np.repeat(labels, times))
    assert np.array_equal(keys, repeated[0])
    assert [amount >> 72 for amount in join(*words[2:])] == repeated[2].tolist()
    twice, ties, negatives, positives = kernel.twice_wins_weighted(*words)
    assert (twice >> 144, ties >> 144, negatives >> 72, positives >> 72) == kernel.twice_wins(*repeated[1:])


@DTYPES
@SIZES
@pytest.mark.parametrize("kind", ["clicks", "rounded", "normal", "skewed"])
def test_auc_equals_scikit_learn(dtype: Any, rows: int, kind: str) -> None:
    scores = columns(rows, dtype)[kind]
    _, labels, weights = click_log(rows, dtype)
    twice, _, negatives, positives = kernel.twice_wins(*kernel.sort_runs(scores, labels)[1:])
    assert twice / (2 * negatives * positives) == pytest.approx(roc_auc_score(labels, scores), rel=1e-12)
    twice, _, negatives, positives = kernel.twice_wins_weighted(*kernel.weigh_runs(scores, labels, weights)[1:])
    expected = roc_auc_score(labels, scores, sample_weight=weights)
    assert twice / (2 * negatives * positives) == pytest.approx(expected, rel=1e-12)


@DTYPES
@SIZES
@pytest.mark.parametrize("label", [0, 1])
def test_rows_of_one_class(dtype: Any, rows: int, label: int) -> None:
    scores = click_log(rows, dtype)[0]
    labels = np.full(rows, label, np.uint8)
    counted = kernel.sort_runs(scores, labels)
    assert table_of(counted) == brute_runs(scores, labels, [1] * rows)
    assert kernel.twice_wins(*counted[1:]) == (0, 0, rows * (1 - label), rows * label)


@DTYPES
def test_no_rows_and_one_row(dtype: Any) -> None:
    nothing, one = (np.zeros(n, dtype) for n in (0, 1))
    for runs in (
        kernel.sort_runs(nothing, np.zeros(0, np.uint8)),
        kernel.weigh_runs(nothing, np.zeros(0, np.uint8), np.zeros(0)),
        kernel.weigh_runs(one, np.ones(1, np.uint8), np.zeros(1)),
    ):
        assert all(column.size == 0 for column in runs)
        assert runs[0].dtype == (np.uint32 if dtype is np.float32 else np.uint64)
    assert table_of(kernel.sort_runs(one, np.ones(1, np.uint8))) == {0.0: [0, 1]}
    assert table_of(kernel.weigh_runs(one, np.zeros(1, np.uint8), np.full(1, 0.5))) == {0.0: [2**71, 0]}


def test_wins_of_nothing() -> None:
    empty, words = np.zeros(0, np.int64), np.zeros(0, np.uint64)
    assert kernel.twice_wins(empty, empty) == (0, 0, 0, 0)
    assert kernel.twice_wins_weighted(words, words, words, words) == (0, 0, 0, 0)


@RELAXED
@given(st.lists(st.tuples(*[st.integers(0, 2**56) | st.sampled_from([0, 1, 2**57])] * 2), max_size=64))
def test_wins_of_huge_counts(pairs: list[tuple[int, int]]) -> None:
    counts = np.array(pairs, np.int64).reshape(-1, 2)
    expected = brute_wins(dict(enumerate(pairs)))
    assert kernel.twice_wins(counts[:, 0].copy(), counts[:, 1].copy()) == expected


def test_wins_of_the_largest_totals() -> None:
    negatives, positives = np.array([2**63 - 1, 2**63 - 1, 1, 0]), np.array([0, 1, 2**63 - 1, 2**63 - 1])
    expected = brute_wins(dict(enumerate(zip(negatives.tolist(), positives.tolist(), strict=True))))
    assert expected[0] > 2**127
    assert kernel.twice_wins(negatives, positives) == expected
    with pytest.raises(OverflowError):
        kernel.twice_wins(np.full(3, 2**63 - 1), positives[:3])


@RELAXED
@given(st.lists(st.tuples(*[st.integers(0, 2**121) | st.sampled_from([0, 2**64 - 1, 2**64, 2**121])] * 2), max_size=64))
def test_wins_of_huge_weights(pairs: list[tuple[int, int]]) -> None:
    words = np.array([[w >> 64, w & (2**64 - 1)] for pair in pairs for w in pair], np.uint64).reshape(-1, 4)
    assert kernel.twice_wins_weighted(*words.T.copy()) == brute_wins(dict(enumerate(pairs)))


def test_wins_of_weights_past_128_bits_are_refused() -> None:
    full, zero = np.full(2, 2**64 - 1, np.uint64), np.zeros(2, np.uint64)
    for words in ((full, full, zero, zero), (zero, zero, full, full)):
        with pytest.raises(OverflowError):
            kernel.twice_wins_weighted(*words)
    most = 2**128 - 1
    assert kernel.twice_wins_weighted(full[:1], full[:1], full[:1], full[:1]) == (most**2, most**2, most, most)


def test_merged_words_carry() -> None:
    def runs(keys: Any, weights: Any) -> Any:
        words = np.array([[w >> 64, w & 2**64 - 1] for w in weights], np.uint64).T
        return (np.array(keys, np.uint32), *words.copy(), *words.copy())

    a, b = [2**64 - 1, 5], [(2 << 64) + 1, 2**127]
    merged = kernel.merge_weighted_runs(*runs([1, 3], a), *runs([1, 2], b))
    assert merged[0].tolist() == [1, 2, 3]
    assert join(*merged[1:3]) == [a[0] + b[0], b[1], a[1]]
    assert join(*merged[3:]) == [a[0] + b[0], b[1], a[1]]


@RELAXED
@given(row_lists())
def test_keys_order_as_scores_and_give_them_back(rows: Any) -> None:
    scores, labels, _ = rows
    keys = kernel.sort_runs(scores, labels)[0]
    back = kernel.keys_to_scores(keys)
    assert back.dtype == scores.dtype
    assert np.array_equal(back, np.unique(scores + scores.dtype.type(0)))
    assert not np.signbit(back[back == 0]).any()


@RELAXED
@given(row_lists())
def test_widened_keys_are_those_of_the_same_scores(rows: Any) -> None:
    scores, labels, _ = rows
    with np.errstate(over="ignore", under="ignore"):
        narrow = kernel.sort_runs(scores.astype(np.float32), labels)
        wide = kernel.sort_runs(scores.astype(np.float32).astype(np.float64), labels)
    assert same((kernel.widen_keys(narrow[0]), *narrow[1:]), wide)


@DTYPES
@SIZES
def test_read_only_input(dtype: Any, rows: int) -> None:
    scores, labels, weights = click_log(rows, dtype)
    before = kernel.sort_runs(scores, labels), kernel.weigh_runs(scores, labels, weights)
    wins = kernel.twice_wins(*before[0][1:]), kernel.twice_wins_weighted(*before[1][1:])
    for column in (scores, labels, weights, *before[0], *before[1]):
        column.flags.writeable = False
    assert same(kernel.sort_runs(scores, labels), before[0])
    assert same(kernel.weigh_runs(scores, labels, weights), before[1])
    assert (kernel.twice_wins(*before[0][1:]), kernel.twice_wins_weighted(*before[1][1:])) == wins
    assert kernel.merge_runs(*before[0], *before[0])[1].sum() == 2 * before[0][1].sum()
    assert kernel.keys_to_scores(before[0][0]).size == before[0][0].size


def test_what_would_reach_past_an_array_is_refused() -> None:
    scores, labels, weights = click_log(SMALL, np.float32)
    counted, weighed = kernel.sort_runs(scores, labels), kernel.weigh_runs(scores, labels, weights)
    with pytest.raises(ValueError, match="length"):
        kernel.sort_runs(scores, labels[1:])
    with pytest.raises(ValueError, match="length"):
        kernel.weigh_runs(scores, labels, weights[1:])
    with pytest.raises(ValueError, match="most"):
        kernel.sort_runs(scores, labels, 0)
    with pytest.raises(ValueError, match="length"):
        kernel.merge_runs(counted[0], counted[1][1:], counted[2], *counted)
    with pytest.raises(TypeError, match="widen_keys"):
        kernel.merge_runs(kernel.widen_keys(counted[0]), *counted[1:], *counted)
    with pytest.raises(TypeError, match="int64"):
        kernel.merge_runs(counted[0], counted[1].astype(np.int32), counted[2], *counted)
    with pytest.raises(TypeError, match="uint64"):
        kernel.merge_weighted_runs(*weighed, weighed[0], *(word.astype(np.int64) for word in weighed[1:]))
    with pytest.raises(ValueError, match="length"):
        kernel.twice_wins(counted[1], counted[2][1:])
    with pytest.raises(ValueError, match="length"):
        kernel.twice_wins_weighted(*weighed[1:4], weighed[4][1:])
