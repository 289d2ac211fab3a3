from __future__ import annotations

from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from runs_rows import click_log, columns, row_lists

from fastrank._kernels import deals, runs

RELAXED = settings(deadline=None)
DTYPES = pytest.mark.parametrize("dtype", [np.float32, np.float64])


def sorted_runs(scores: Any, labels: Any, weights: Any) -> Any:
    return runs.sort_runs(scores, labels) if weights is None else runs.weigh_runs(scores, labels, weights)


def dealt(pieces: Any) -> Any:
    """Deals of those pieces that have rows."""
    return [deals.deal_rows(*piece) for piece in pieces if piece[0].size]


def part_range(waiting: Any) -> tuple[int, int]:
    return min(deal[0] for deal in waiting), max(deal[0] + deal[1].size // 2 for deal in waiting)


def same(a: Any, b: Any) -> bool:
    return len(a) == len(b) and all(x.dtype == y.dtype and np.array_equal(x, y) for x, y in zip(a, b, strict=True))


def check(scores: Any, labels: Any, weights: Any, cuts: Any) -> None:
    """The runs of deals of pieces of the rows, all parts at once and range by range."""
    expected = sorted_runs(scores, labels, weights)
    bounds = [0, *cuts, scores.size]
    arrays = (scores, labels) if weights is None else (scores, labels, weights)
    waiting = dealt(tuple(array[a:b] for array in arrays) for a, b in pairwise(bounds))
    begin, end = part_range(waiting)
    prepared = deals.Deals(waiting)
    assert same(prepared.runs(begin, end), expected)
    middle = (begin + end) // 2
    halves = [prepared.runs(begin, middle), prepared.runs(middle, end)]
    assert same([np.concatenate(pair) for pair in zip(*halves, strict=True)], expected)
    rows = deals.part_rows(waiting, begin, end)
    assert rows.sum() == (scores.size if weights is None else np.count_nonzero(weights))
    assert deals.part_rows(waiting, middle, end).tolist() == rows[middle - begin :].tolist()
    for part, (_, *words) in ((middle, halves[0]), (deals.PARTS, expected), (begin, prepared.runs(begin, begin))):
        sums = [sum(word.tolist()) for word in words]
        total = tuple(sums) if weights is None else ((sums[0] << 64) + sums[1], (sums[2] << 64) + sums[3])
        assert prepared.totals_below(part) == total


@DTYPES
@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("kind", columns(2, np.float64))
def test_runs_of_deals_are_those_of_all_rows(dtype: Any, weighted: bool, kind: str) -> None:
    rows = 40_000
    scores = columns(rows, dtype)[kind]
    _, labels, weights = click_log(rows, dtype)
    check(scores, labels, weights if weighted else None, [1, 700, 20_000])


@RELAXED
@given(row_lists(min_size=1), st.booleans(), st.data())
def test_any_rows(rows: Any, weighted: bool, data: Any) -> None:
    scores, labels, weights = rows
    cuts = sorted(data.draw(st.lists(st.integers(0, scores.size), max_size=3)))
    if weighted and not (weights > 0).any():
        weights = weights + 1.0
    if weighted:
        # A deal of rows without weight holds nothing, and has no part.
        cuts = [cut for cut in cuts if (weights[:cut] > 0).any() and (weights[cut:] > 0).any()][:1]
    check(scores, labels, weights if weighted else None, cuts)


def test_read_only_and_wrong_input() -> None:
    scores, labels, weights = click_log(100, np.float32)
    for array in (scores, labels, weights):
        array.flags.writeable = False
    deal = deals.deal_rows(scores, labels, weights)
    with pytest.raises(ValueError, match="length"):
        deals.deal_rows(scores, labels[1:])
    with pytest.raises(ValueError, match="length"):
        deals.deal_rows(scores, labels, weights[1:])
    with pytest.raises(ValueError, match="1 to"):
        deals.deal_rows(scores[:0], labels[:0])
    first, start, items, dealt_weights = deal
    with pytest.raises(TypeError, match="one type"):
        deals.Deals([deal, deals.deal_rows(scores, labels)])
    with pytest.raises(TypeError, match="one type"):
        deals.Deals([deal, deals.deal_rows(scores.astype(np.float64), labels, weights)])
    with pytest.raises(ValueError, match="starts"):
        deals.Deals([(first, start + np.uint32(1), items, dealt_weights)])
    with pytest.raises(ValueError, match="weights"):
        deals.Deals([(first, start, items, weights[:1])])
    with pytest.raises(ValueError, match="contiguous"):
        deals.Deals([(first, start, np.repeat(items, 2)[::2], dealt_weights)])
