"""Judgments joined to rows, against dicts."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fastrank._kernels.judge import digest, find_labels, gather_labels

# Few small ids, so that items meet; ids of which one slot of the table gets many; any.
item_ids = st.one_of(st.integers(0, 12), st.integers(0, 5).map(lambda x: x << 60), st.integers(0, 2**64 - 1))
judged = st.lists(st.dictionaries(item_ids, st.integers(0, 31), max_size=40), max_size=6)


def csr(queries: list[dict[int, int]], dtype: type) -> tuple[np.ndarray, ...]:
    ends = np.cumsum([0, *map(len, queries)]).astype(np.int64)
    items = np.array([item for query in queries for item in query], np.uint64)
    labels = np.array([label for query in queries for label in query.values()], dtype)
    for array in (ends, items, labels):
        array.flags.writeable = False
    return ends[:-1], ends[1:], items, labels


@given(judged, st.data(), st.booleans(), st.sampled_from([np.uint8, np.float64]))
def test_rows_get_the_label_of_their_item(queries, data, told, dtype):
    starts, stops, items, labels = csr(queries, dtype)
    rows = [data.draw(st.lists(st.one_of(item_ids, st.sampled_from([*query, 0])))) for query in queries]
    offsets = np.cumsum([0, *map(len, rows)]).astype(np.int64)
    run = np.array([item for row in rows for item in row], np.uint64)
    found = find_labels(run, offsets, starts, stops, items, labels, told)
    nobody = -np.inf if told else 0
    assert found.tolist() == [query.get(item, nobody) for query, row in zip(queries, rows, strict=True) for item in row]
    assert found.dtype == (np.float64 if told else dtype)


def test_queries_may_come_in_any_order_and_have_no_judgments():
    starts, stops, items, labels = csr([{1: 1}, {}, {1: 3, 2: 2}], np.uint8)
    order = [2, 1, 0, 2]
    run = np.array([1, 2, 1, 1, 2], np.uint64)
    found = find_labels(run, np.array([0, 2, 3, 4, 5]), starts[order], stops[order], items, labels, True)
    assert found.tolist() == [3.0, 2.0, -np.inf, 1.0, 2.0]
    gathered, offsets = gather_labels(starts[order], stops[order], labels)
    assert gathered.tolist() == [3, 2, 1, 3, 2]
    assert offsets.tolist() == [0, 2, 2, 3, 5]


def test_many_judgments_of_one_query():
    rng = np.random.default_rng(0)
    items = rng.permutation(200_000).astype(np.uint64)
    labels = (items % 31).astype(np.uint8)
    run = rng.integers(0, 400_000, 50_000).astype(np.uint64)
    bounds = np.array([0]), np.array([items.size])
    found = find_labels(run, np.array([0, run.size]), *bounds, items, labels, True)
    assert np.array_equal(found, np.where(run < 200_000, run % 31, -np.inf))


def test_what_lies_outside_is_refused():
    items, labels = np.arange(3, dtype=np.uint64), np.zeros(3, np.uint8)
    run, offsets = np.zeros(2, np.uint64), np.array([0, 2])
    for start, stop in ((0, 4), (-1, 2), (2, 1)):
        with pytest.raises(ValueError, match="outside"):
            find_labels(run, offsets, np.array([start]), np.array([stop]), items, labels, True)
        with pytest.raises(ValueError, match="outside"):
            gather_labels(np.array([start]), np.array([stop]), labels)
    one = np.array([0]), np.array([3])
    with pytest.raises(ValueError, match="fit"):
        find_labels(run, np.array([0, 3]), *one, items, labels, True)
    with pytest.raises(ValueError, match="descend"):
        find_labels(run, np.array([0, 3, 2]), np.zeros(2, np.int64), np.zeros(2, np.int64), items, labels, True)
    with pytest.raises(ValueError, match="differ"):
        find_labels(run, offsets, *one, items, labels[:2], True)
    with pytest.raises(ValueError, match="fit"):
        digest(items, np.array([0, 3]), items, labels)


@given(judged.filter(any), st.randoms(), st.data())
def test_the_digest_is_of_the_set_of_judgments(queries, random, data):
    def of(queries: list[dict[int, int]], dtype: type = np.uint8) -> int:
        starts, stops, items, labels = csr(queries, dtype)
        return digest(np.arange(len(queries), dtype=np.uint64), np.append(starts, stops[-1:]), items, labels)

    shuffled = [dict(random.sample(list(query.items()), len(query))) for query in queries]
    assert of(shuffled) == of(queries) == of(queries, np.float64)
    q = data.draw(st.sampled_from([q for q, query in enumerate(queries) if query]))
    item = data.draw(st.sampled_from(list(queries[q])))
    other = [dict(query) for query in queries]
    other[q][item] += 1
    assert of(other) != of(queries)
    moved = [dict(query) for query in queries]
    moved.append({item: moved[q].pop(item)})
    assert of(moved) != of(queries)
