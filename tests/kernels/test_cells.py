from __future__ import annotations

from fractions import Fraction
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from fastrank._kernels import cells as kernels

BITS = 12
CHUNK = 20
AWKWARD = [0.0, -0.0, np.inf, -np.inf, 1e-45, -1e-45, 1e-40, -1e-40, 0.1, -0.1, 1.0, -1.0, 3e38, -3e38]
WIDE_ONLY = [5e-324, -5e-324, 1e-310, -1e-310, 0.1 + 1e-16, 1e300, -1e300, 3.5e38, -3.5e38]
SCORES = {
    32: st.floats(allow_nan=False, width=32) | st.sampled_from([float(np.float32(x)) for x in AWKWARD]),
    64: st.floats(allow_nan=False) | st.sampled_from(AWKWARD + WIDE_ONLY),
}
RELAXED = settings(deadline=None)
DTYPES = pytest.mark.parametrize("dtype", [np.float32, np.float64])


def border(cell: int, step: int) -> float:
    """A float64 at the border of a cell of 12 bits, or the next one on either side."""
    first = cell << 32 - BITS
    pattern = first ^ 1 << 31 if first >> 31 else first ^ 0xFFFFFFFF
    score = float(np.array(pattern, np.uint32).view(np.float32))
    return float(np.nextafter(score, step * np.inf)) if step else score


# From the first cell of a finite number to the last.
BORDERS = st.builds(border, st.integers(0x008, 0xFF7), st.integers(-1, 1))


def floor_to_float32(score: float) -> np.float32:
    with np.errstate(over="ignore", under="ignore"):
        near = np.float32(score)
        return near if float(near) <= score else np.nextafter(near, np.float32(-np.inf))


def cell_of(score: float, bits: int) -> int:
    pattern = int((floor_to_float32(score) + np.float32(0.0)).view(np.uint32))
    key = pattern ^ 0xFFFFFFFF if pattern >> 31 else pattern | 1 << 31
    return key >> (32 - bits)


def expected_counts(scores: Any, labels: Any, bits: int, slices: Any = None, size: int = 1) -> Any:
    counts = np.zeros((size, 1 << bits, 2), np.int64)
    for i, (score, label) in enumerate(zip(scores.tolist(), labels.tolist(), strict=True)):
        counts[0 if slices is None else slices[i], cell_of(score, bits), label] += 1
    return counts.ravel()


def count(scores: Any, labels: Any, bits: int = BITS, slices: Any = None, size: int = 1) -> Any:
    """Of one table, or of slices of which every second has a table and the others' rows are tallied."""
    if slices is None:
        table = np.zeros((1 << bits, 2), np.uint64)
        kernels.count_cells(scores, labels, bits, table)
        return table.ravel().astype(np.int64)
    places, chunks, pages = some_tables(size, bits, 2)
    waiting, _, fresh = kernels.deal_rows(scores, labels, None, slices, bits, places, chunks, pages, CHUNK)
    assert_pages(chunks, pages, fresh)
    assert np.array_equal(np.sort(slices[places[slices] < 0]), np.sort(waiting >> np.uint64(bits + 1)))
    return together(places, chunks, bits, *kernels.tally(np.sort(waiting), None)).ravel().astype(np.int64)


def weigh(scores: Any, labels: Any, weights: Any, bits: int = BITS, slices: Any = None, size: int = 1) -> Any:
    if slices is None:
        words = np.zeros((1 << bits, 4), np.uint64)
        kernels.weigh_cells(scores, labels, weights, bits, words)
    else:
        places, chunks, pages = some_tables(size, bits, 4)
        waiting, left, fresh = kernels.deal_rows(scores, labels, weights, slices, bits, places, chunks, pages, CHUNK)
        assert_pages(chunks, pages, fresh)
        assert waiting.size == np.count_nonzero((places[slices] < 0) & (weights > 0))
        order = np.argsort(waiting)
        words = together(places, chunks, bits, *kernels.tally(waiting[order], left[order]))
    words = words.reshape(-1, 2)
    return words[:, 0].copy(), words[:, 1].copy()


def some_tables(size: int, bits: int, width: int) -> Any:
    """Tables, numbered backwards, of slices 0, 2, 4, ..."""
    places = np.full(size, -1, np.int32)
    places[::2] = np.arange(len(places[::2]))[::-1]
    count = 1 + (size << bits >> CHUNK)
    chunks = [np.zeros((1 << CHUNK, width), np.uint64) for _ in range(count)]
    return places, chunks, [np.zeros(1 << (CHUNK - kernels.PAGE_BITS), np.uint8) for _ in range(count)]


def assert_pages(chunks: Any, pages: Any, fresh: int) -> None:
    """Every page that holds something is marked, once."""
    assert fresh == sum(int(marks.sum()) for marks in pages)
    for words, marks in zip(chunks, pages, strict=True):
        assert not words.reshape(len(marks), -1)[marks == 0].any()


def together(places: Any, chunks: Any, bits: int, keys: Any, words: Any) -> Any:
    """The words of all slices, those with a table and those without."""
    tables = np.concatenate(chunks).reshape(-1, 1 << bits, chunks[0].shape[1])
    table = np.where((places >= 0)[:, None, None], tables[places], np.uint64(0)).reshape(-1, chunks[0].shape[1])
    assert (keys[1:] > keys[:-1]).all()
    assert not table[keys.astype(np.intp)].any()
    kernels.add_cells(table, keys, words)
    return table


def some_rows(dtype: Any, rows: int = 3000, seed: int = 0) -> Any:
    rng = np.random.default_rng(seed)
    scores = rng.normal(size=rows).round(2).astype(dtype)
    scores[: len(AWKWARD)] = np.array(AWKWARD).astype(dtype)
    weights = np.ldexp(rng.integers(0, 1 << 50, rows).astype(np.float64), rng.integers(-72, -30, rows))
    weights[::7] = 0.0
    return scores, rng.integers(0, 2, rows).astype(np.uint8), weights, rng.integers(0, 3, rows).astype(np.int32)


@st.composite
def rows(draw: Any, width: int) -> Any:
    scores = draw(st.lists(SCORES[width], max_size=40))
    labels = draw(hnp.arrays(np.uint8, len(scores), elements=st.integers(0, 1)))
    return np.array(scores, np.float32 if width == 32 else np.float64), labels


@RELAXED
@given(st.data(), st.sampled_from([32, 64]), st.sampled_from([12, 13, 16]))
def test_counts_equal_a_plain_loop(data: Any, width: int, bits: int) -> None:
    scores, labels = data.draw(rows(width))
    assert np.array_equal(count(scores, labels, bits), expected_counts(scores, labels, bits))


@DTYPES
@pytest.mark.parametrize("bits", [12, 16, 20])
def test_many_rows_equal_a_plain_loop(dtype: Any, bits: int) -> None:
    scores, labels, _, slices = some_rows(dtype)
    assert np.array_equal(count(scores, labels, bits), expected_counts(scores, labels, bits))
    assert np.array_equal(count(scores, labels, bits, slices, 3), expected_counts(scores, labels, bits, slices, 3))


@RELAXED
@given(BORDERS | SCORES[64], BORDERS | SCORES[64])
def test_rounding_float64_down_keeps_the_order(a: float, b: float) -> None:
    cells = [int(count(np.array([x]), np.zeros(1, np.uint8)).argmax()) // 2 for x in (min(a, b), max(a, b))]
    assert cells[0] <= cells[1]


@RELAXED
@given(BORDERS)
def test_a_float64_goes_into_the_cell_of_the_float32_below(score: float) -> None:
    floor = np.array([floor_to_float32(score)])
    assert float(floor[0]) <= score
    assert np.array_equal(count(np.array([score]), np.ones(1, np.uint8)), count(floor, np.ones(1, np.uint8)))


@RELAXED
@given(SCORES[32])
def test_both_widths_put_a_float32_into_one_cell(score: float) -> None:
    labels = np.ones(1, np.uint8)
    narrow, wide = (count(np.array([score], dtype), labels, 16) for dtype in (np.float32, np.float64))
    assert np.array_equal(narrow, wide)


@pytest.mark.parametrize("score", [1e39, 3.5e38])
def test_scores_beyond_float32_stay_below_infinity_and_reach_minus_infinity(score: float) -> None:
    counts = count(np.array([-np.inf, -score, score, np.inf]), np.zeros(4, np.uint8), 26)
    cells = [cell_of(x, 26) for x in (-np.inf, -score, score, np.inf)]
    assert cells[0] == cells[1] < cells[2] < cells[3]
    assert [int(counts[2 * cell]) for cell in cells] == [2, 2, 1, 1]


@DTYPES
def test_negative_zero_is_zero(dtype: Any) -> None:
    labels = np.ones(1, np.uint8)
    assert np.array_equal(count(np.array([-0.0], dtype), labels), count(np.array([0.0], dtype), labels))


@DTYPES
def test_counts_are_added_to_what_is_there(dtype: Any) -> None:
    scores, labels, weights, _ = some_rows(dtype)
    counts, words = np.zeros((1 << BITS, 2), np.uint64), np.zeros((1 << BITS, 4), np.uint64)
    for part in (slice(1000), slice(1000, None)):
        kernels.count_cells(scores[part], labels[part], BITS, counts)
        kernels.weigh_cells(scores[part], labels[part], weights[part], BITS, words)
    assert np.array_equal(counts.ravel(), count(scores, labels))
    assert np.array_equal(words.reshape(-1, 2).T, weigh(scores, labels, weights))


@DTYPES
def test_row_order_does_not_matter(dtype: Any) -> None:
    scores, labels, weights, slices = some_rows(dtype)
    order = np.random.default_rng(1).permutation(scores.size)
    shuffled = scores[order], labels[order]
    assert np.array_equal(count(*shuffled, BITS, slices[order], 3), count(scores, labels, BITS, slices, 3))
    assert np.array_equal(weigh(*shuffled, weights[order]), weigh(scores, labels, weights))


@DTYPES
def test_slices_equal_each_slice_alone(dtype: Any) -> None:
    scores, labels, weights, slices = some_rows(dtype)
    counts = count(scores, labels, BITS, slices, 3).reshape(3, -1)
    words = np.array(weigh(scores, labels, weights, BITS, slices, 3)).reshape(2, 3, -1)
    for s in range(3):
        mine = slices == s
        assert np.array_equal(counts[s], count(scores[mine], labels[mine]))
        assert np.array_equal(words[:, s], weigh(scores[mine], labels[mine], weights[mine]))


@DTYPES
def test_weights_equal_exact_fractions(dtype: Any) -> None:
    scores, labels, weights, slices = some_rows(dtype)
    high, low = weigh(scores, labels, weights, BITS, slices, 3)
    expected: dict[int, Fraction] = {}
    for i, weight in enumerate(weights.tolist()):
        at = ((int(slices[i]) << BITS) + cell_of(float(scores[i]), BITS)) * 2 + int(labels[i])
        expected[at] = expected.get(at, Fraction(0)) + Fraction(weight) * 2**72
    for at in range(high.size):
        assert (int(high[at]) << 64) + int(low[at]) == expected.get(at, 0)


def test_weights_from_the_smallest_to_the_largest() -> None:
    weights = np.array([2.0**-72, 2.0**-20, 1.0, 2.0**20, 0.0, 1 - 2.0**-53, 2.0**20 - 2.0**-32, 3 * 2.0**-72])
    high, low = weigh(np.zeros(8, np.float32), np.ones(8, np.uint8), weights)
    assert [int(x) for x in np.flatnonzero(high | low)] == [2 * cell_of(0.0, BITS) + 1]
    total = (int(high.max()) << 64) + int(low.max())
    assert Fraction(total, 2**72) == sum(Fraction(w) for w in weights.tolist())


def test_low_words_carry() -> None:
    weights = np.full(100_000, 1 - 2.0**-53)
    high, low = weigh(np.zeros(100_000), np.zeros(100_000, np.uint8), weights)
    assert (int(high.max()) << 64) + int(low.max()) == 100_000 * (2**72 - 2**19)


def test_weights_of_one_are_counts() -> None:
    scores, labels, _, _ = some_rows(np.float32)
    high, low = weigh(scores, labels, np.ones(scores.size))
    assert not low.any()
    assert np.array_equal(high >> np.uint64(8), count(scores, labels).astype(np.uint64))


@DTYPES
@pytest.mark.parametrize("size", [0, 1, 511, 512, 513, 1025])
def test_row_counts_around_a_block(dtype: Any, size: int) -> None:
    scores, labels, _, slices = (column[:size] for column in some_rows(dtype))
    assert np.array_equal(count(scores, labels, BITS, slices, 3), expected_counts(scores, labels, BITS, slices, 3))
    assert count(scores, labels).sum() == size


@DTYPES
@pytest.mark.parametrize("label", [0, 1])
def test_rows_of_one_class(dtype: Any, label: int) -> None:
    scores = some_rows(dtype)[0]
    counts = count(scores, np.full(scores.size, label, np.uint8)).reshape(-1, 2)
    assert counts[:, label].sum() == scores.size
    assert counts[:, 1 - label].sum() == 0


@DTYPES
def test_read_only_input(dtype: Any) -> None:
    columns = some_rows(dtype)
    before = count(*columns[:2], BITS, columns[3], 3), weigh(*columns[:3])
    for column in columns:
        column.flags.writeable = False
    assert np.array_equal(count(*columns[:2], BITS, columns[3], 3), before[0])
    assert np.array_equal(weigh(*columns[:3]), before[1])


def test_what_would_reach_past_an_array_is_refused() -> None:
    scores, labels, weights, slices = some_rows(np.float32, 100)
    slices[0] = 2
    counts, words = np.zeros((1 << BITS, 2), np.uint64), np.zeros((1 << BITS, 4), np.uint64)
    for bits in (11, 27):
        with pytest.raises(ValueError, match="bits"):
            kernels.count_cells(scores, labels, bits, np.zeros((1 << bits, 2), np.uint64))
    with pytest.raises(ValueError, match="table"):
        kernels.count_cells(scores, labels, BITS + 1, counts)
    with pytest.raises(ValueError, match="table"):
        kernels.count_cells(scores, labels, BITS, words)
    with pytest.raises(ValueError, match="table"):
        kernels.weigh_cells(scores, labels, weights, BITS, counts)
    with pytest.raises(ValueError, match="length"):
        kernels.count_cells(scores, labels[1:], BITS, counts)
    with pytest.raises(ValueError, match="length"):
        kernels.weigh_cells(scores, labels, weights[1:], BITS, words)
    places, chunks, pages = some_tables(3, BITS, 2)
    weighed = [np.zeros((1 << CHUNK, 4), np.uint64)]
    with pytest.raises(ValueError, match="length"):
        kernels.deal_rows(scores, labels, None, slices[1:], BITS, places, chunks, pages, CHUNK)
    with pytest.raises(ValueError, match="length"):
        kernels.deal_rows(scores, labels, weights[1:], slices, BITS, places, weighed, pages, CHUNK)
    with pytest.raises(ValueError, match=r"outside 0\.\.1"):
        kernels.deal_rows(scores, labels, None, slices, BITS, places[:2], chunks, pages, CHUNK)
    with pytest.raises(ValueError, match=r"outside 0\.\.2"):
        kernels.deal_rows(scores, labels, weights, slices - np.int32(1), BITS, places, weighed, pages, CHUNK)
    with pytest.raises(ValueError, match="slice 2 has table 256 of 256"):
        kernels.deal_rows(scores, labels, None, slices, BITS, np.array([0, 1, 256], np.int32), chunks, pages, CHUNK)
    for chunk_bits in (BITS - 1, 27):
        with pytest.raises(ValueError, match="chunk_bits"):
            kernels.deal_rows(scores, labels, None, slices, BITS, places - np.int32(9), chunks, pages, chunk_bits)
    with pytest.raises(ValueError, match="table"):
        kernels.deal_rows(scores, labels, None, slices, BITS, places, weighed, pages, CHUNK)
    with pytest.raises(ValueError, match="a table of 4096 cells with 15 pages"):
        kernels.count_cells(scores, labels, BITS, counts, np.zeros(15, np.uint8))
    with pytest.raises(ValueError, match="lies outside a table"):
        kernels.add_cells(counts, np.array([1 << BITS], np.uint64), np.ones((1, 2), np.uint64))
    with pytest.raises(ValueError, match="table"):
        kernels.add_table(counts, words)
    one, pair = np.zeros(1, np.uint64), np.zeros((2, 2), np.uint64)
    for call in (kernels.fold_cells, kernels.merge_cells):
        with pytest.raises(ValueError, match="length"):
            call(one, pair, *([0] if call is kernels.fold_cells else [one, pair]))
    with pytest.raises(ValueError, match="do not merge"):
        kernels.merge_cells(one, pair[:1], one, np.zeros((1, 4), np.uint64))
    with pytest.raises(ValueError, match="shift"):
        kernels.fold_cells(one, pair[:1], 64)
    with pytest.raises(ValueError, match="length"):
        kernels.tally(one, np.zeros(2))
    assert not counts.any()
    assert not words.any()


BIG = st.integers(0, 2**64 - 1) | st.sampled_from([0, 1, 2**64 - 1])


@st.composite
def cells(draw: Any, width: int) -> dict[int, list[int]]:
    """Words by key, as integers; the high words are small, so that no sum goes past 128 bits."""
    word = st.integers(0, 2**59)
    entry = st.tuples(word, word) if width == 2 else st.tuples(word, BIG, word, BIG)
    return {key: list(draw(entry)) for key in draw(st.lists(st.integers(0, 40), unique=True, max_size=15))}


def as_arrays(entries: dict[int, list[int]], width: int) -> Any:
    keys = sorted(entries)
    words = np.array([entries[key] for key in keys], np.uint64).reshape(len(keys), width)
    return np.array(keys, np.uint64), words


def added(mine: list[int], more: list[int]) -> list[int]:
    if len(mine) == 2:
        return [a + b for a, b in zip(mine, more, strict=True)]
    sums = [(mine[j] << 64) + mine[j + 1] + (more[j] << 64) + more[j + 1] for j in (0, 2)]
    return [part for total in sums for part in (total >> 64, total & (2**64 - 1))]


def expected_sum(parts: Any) -> dict[int, list[int]]:
    total: dict[int, list[int]] = {}
    for key, words in parts:
        total[key] = added(total[key], words) if key in total else words
    return total


def same(found: Any, expected: dict[int, list[int]], width: int) -> None:
    for array, other in zip(found, as_arrays(expected, width), strict=True):
        assert np.array_equal(array, other)


@RELAXED
@given(st.data(), st.sampled_from([2, 4]))
def test_cells_are_merged_and_folded_as_integers(data: Any, width: int) -> None:
    a, b = data.draw(cells(width)), data.draw(cells(width))
    same(kernels.merge_cells(*as_arrays(a, width), *as_arrays(b, width)), expected_sum([*a.items(), *b.items()]), width)
    for shift in (0, 1, 3, 63):
        folded = expected_sum((key >> shift, words) for key, words in sorted(a.items()))
        same(kernels.fold_cells(*as_arrays(a, width), shift), folded, width)


@RELAXED
@given(st.data(), st.sampled_from([2, 4]))
def test_tables_add_up(data: Any, width: int) -> None:
    a, b = data.draw(cells(width)), data.draw(cells(width))
    mine, other, third = (np.zeros((64, width), np.uint64) for _ in range(3))
    for table, entries in ((mine, a), (other, b), (third, a), (third, b)):
        kernels.add_cells(table, *as_arrays(entries, width))
    kernels.add_table(mine, other)
    assert np.array_equal(mine, third)
    total = {key: words for key, words in expected_sum([*a.items(), *b.items()]).items() if any(words)}
    used = kernels.used_cells(mine)
    assert used.dtype == np.uint32
    same((used.astype(np.uint64), mine[used]), total, width)


@pytest.mark.parametrize("width", [2, 4])
def test_pages_that_are_not_marked_are_passed_over(width: int) -> None:
    cells, words = np.array([0, 255, 256, 4095], np.uint64), np.ones((4, width), np.uint64)
    mine, other = (np.zeros((4096, width), np.uint64) for _ in range(2))
    marks, others = np.zeros(16, np.uint8), np.zeros(16, np.uint8)
    assert kernels.add_cells(other, cells, words, others) == 3
    assert others.tolist() == [1, 1, *[0] * 13, 1]
    assert kernels.add_table(mine, other, marks, others) == 3
    assert kernels.add_table(mine, other, marks, others) == 0
    assert np.array_equal(mine, 2 * other)
    assert np.array_equal(marks, others)
    others[1] = 0
    assert kernels.used_cells(other, others).tolist() == [0, 255, 4095]
    assert kernels.used_cells(other).tolist() == cells.tolist()


def test_folding_is_binning_anew() -> None:
    scores, labels, weights, _ = some_rows(np.float64)
    for fine, coarse in ((20, 12), (13, 12), (16, 16)):
        words = np.array(weigh(scores, labels, weights, fine)).T.reshape(-1, 4)
        used = kernels.used_cells(words)
        table = np.zeros((1 << coarse, 4), np.uint64)
        kernels.add_cells(table, *kernels.fold_cells(used.astype(np.uint64), words[used], fine - coarse))
        assert np.array_equal(table.reshape(-1, 2).T, weigh(scores, labels, weights, coarse))
