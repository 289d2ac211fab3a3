"""The reference of recommender metrics, against arithmetic by hand, every order of tied rows, and peers."""

from __future__ import annotations

import math
from itertools import pairwise, permutations
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fastrank import reference

# Two queries; by score: items a, b, c and b, d.
SCORE, QUERY = [0.9, 0.5, 0.1, 0.8, 0.7], [1, 1, 1, 2, 2]
ITEM = ["a", "b", "c", "b", "d"]


def value(name: str, *, label: Any = None, score: Any = SCORE, query: Any = QUERY, **columns: Any) -> float:
    result = getattr(reference, name)(label, score, query, **columns)
    assert isinstance(result, float)
    return result


def test_coverage() -> None:
    assert value("coverage", item=ITEM) == 4.0
    assert value("coverage", item=ITEM, k=1) == 2.0
    assert value("coverage", item=ITEM, k=2, catalogue=12) == 3 / 12
    assert math.isnan(value("coverage", item=[], score=[], query=[]))


def test_item_gini() -> None:
    # Counts 1, 1, 1, 2: (-3 - 1 + 1 + 6) / (4 * 5).
    assert value("item_gini", item=ITEM) == 3 / 20
    # Counts 0, 1, 1, 1, 2: (-2 + 0 + 2 + 8) / (5 * 5).
    assert value("item_gini", item=ITEM, catalogue=5) == 8 / 25
    assert value("item_gini", item=ITEM, k=1) == 0.0
    assert math.isnan(value("item_gini", item=[], score=[], query=[]))


@given(st.lists(st.integers(1, 9), min_size=1, max_size=8), st.integers(0, 5))
def test_gini_is_half_the_relative_mean_difference(counts: list[int], unseen: int) -> None:
    items = [item for item, count in enumerate(counts) for _ in range(count)]
    everything = [*counts, *[0] * unseen]
    n = len(everything)
    differences = sum(abs(a - b) for a in everything for b in everything)
    found = value("item_gini", item=items, score=np.ones(len(items)), query=range(len(items)), catalogue=n)
    assert found == pytest.approx(differences / (2 * n * sum(everything)), abs=1e-15)


def test_means_of_shown_rows() -> None:
    values = [8.0, 2.0, 5.0, 1.0, 3.0]
    for name, column in (("popularity", "popularity"), ("freshness", "age")):
        assert value(name, **{column: values}) == (5 + 2) / 2
        assert value(name, **{column: values}, k=1) == (8 + 1) / 2
        # The second list is shorter than 3.
        assert value(name, **{column: values}, k=3) == (5 + 2) / 2
        assert value(name, **{column: values}, k=1, query_weight=[1, 1, 1, 3, 3]) == (8 + 3) / 4


def test_novelty() -> None:
    assert value("novelty", popularity=[0.5, 0.25, 1, 0.125, 0.125]) == ((1 + 2 + 0) / 3 + 3) / 2
    # The example of RecTools' MeanInvUserFreq: of 3 users, 3 know item 1, 1 knows item 2; item 3 counts as 1.
    share = {1: 1.0, 2: 1 / 3, 3: 1 / 3}
    rows = {"score": [1, 2, 1, 2, 1], "query": [1, 2, 2, 3, 3], "popularity": [share[i] for i in (3, 2, 3, 1, 2)]}
    assert value("novelty", **rows, k=1) == pytest.approx((1.5849625 + 1.5849625 + 0) / 3, rel=1e-8)
    assert value("novelty", **rows, k=3) == pytest.approx((1.5849625 + 1.5849625 + 0.79248125) / 3, rel=1e-8)


def test_intra_list_diversity() -> None:
    assert value("intra_list_diversity", category=["x", "x", "y", "x", "y"]) == (2 / 3 + 1) / 2
    assert value("intra_list_diversity", category=["x", "x", "y", "x", "y"], k=2) == (0 + 1) / 2
    assert value("intra_list_diversity", category=["x", "x", "y", "x", "y"], k=1) == 0.0
    # The example of RecTools' IntraListDiversity, Hamming distances of one feature: user 1 has items 1 and 2, which
    # agree, and 3; user 2 has one pair, which agrees.
    assert value("intra_list_diversity", category=[0, 0, 1, 0, 0]) == (2 / 3 + 0) / 2


def test_exposure() -> None:
    second, third = 1 / math.log2(3), 0.5
    total = (1 + second + third) + (1 + second)
    shares = reference.exposure_shares(SCORE, QUERY, group=["x", "y", "x", "y", "z"])
    expected = {"x": (1 + third) / total, "y": (second + 1) / total, "z": second / total}
    assert shares == pytest.approx(expected, rel=1e-15)
    gap = (second + 1 - second) / total
    assert value("exposure", group=["x", "y", "x", "y", "z"]) == pytest.approx(gap, rel=1e-15)
    # At the first rank z is not shown, x and y equally.
    assert value("exposure", group=["x", "y", "x", "y", "z"], k=1) == 0.5
    assert value("exposure", group=["x", "y", "x", "y", "z"], k=1, query_weight=[3, 3, 3, 1, 1]) == 0.75
    assert value("exposure", group=["x"] * 5) == 0.0
    assert math.isnan(value("exposure", group=[], score=[], query=[]))


@given(
    st.lists(st.tuples(st.integers(0, 2), st.integers(0, 3)), min_size=1, max_size=5),
    st.sampled_from([None, 1, 2, 3, 9]),
)
def test_linear_metrics_take_the_mean_over_orders(rows: list[tuple[int, int]], k: int | None) -> None:
    score, numbers = [row[0] for row in rows], [row[1] for row in rows]
    orders = [
        order for order in permutations(range(len(rows)))
        if all(score[a] >= score[b] for a, b in pairwise(order))
    ]  # fmt: skip
    query, cut = [7] * len(rows), min(k or len(rows), len(rows))
    means = [sum(numbers[i] for i in order[:cut]) / cut for order in orders]
    found = value("popularity", score=score, query=query, popularity=numbers, k=k)
    assert found == pytest.approx(sum(means) / len(orders), rel=1e-12, abs=1e-15)
    sums = dict.fromkeys(numbers, 0.0)
    for order in orders:
        for rank, i in enumerate(order[:cut], 1):
            sums[numbers[i]] += 1 / math.log2(rank + 1)
    shares = reference.exposure_shares(score, query, group=numbers, k=k)
    assert shares == pytest.approx({name: part / sum(sums.values()) for name, part in sums.items()}, rel=1e-12)


def test_ties_that_matter_are_refused() -> None:
    rows = {"score": [2, 1, 1], "query": [7, 7, 7]}
    # Ranks 2 and 3 tie.
    for name, column in (("coverage", "item"), ("item_gini", "item"), ("intra_list_diversity", "category")):
        assert value(name, **rows, **{column: ["a", "b", "c"]}, k=1) >= 0
        assert value(name, **rows, **{column: ["a", "b", "c"]}) >= 0
        with pytest.raises(ValueError, match="on both sides of rank 2"):
            value(name, **rows, **{column: ["a", "b", "c"]}, k=2)
    alpha = {"label": [1, 1, 1], "category": ["a", "b", "c"]}
    assert value("alpha_ndcg", **rows, **alpha, k=1) == 1.0
    with pytest.raises(ValueError, match="rows tie from rank 2"):
        value("alpha_ndcg", **rows, **alpha)
    columns = {"item": ["u", "v", "w"], "category": ["a", "a", "b"]}
    assert value("intra_list_diversity", **rows, **columns, k=2, ties="item_desc") == 1.0
    assert value("intra_list_diversity", **rows, **columns, k=2, ties="item_asc") == 0.0
    assert value("intra_list_diversity", **rows, **columns, k=2, ties="input") == 0.0


def test_alpha_ndcg_by_hand() -> None:
    rows = {"score": [3, 2, 1], "query": [7] * 3, "category": [["a"], ["a"], ["b"]]}
    dcg, ideal = 1 + 0.5 / math.log2(3) + 1 / 2, 1 + 1 / math.log2(3) + 0.5 / 2
    assert value("alpha_ndcg", label=[1, 1, 1], **rows) == pytest.approx(dcg / ideal, rel=1e-15)
    assert value("alpha_ndcg", label=[1, 1, 1], **rows, k=1) == 1.0
    # What is not relevant has no subtopic.
    assert value("alpha_ndcg", label=[1, 0, 1], **rows) == pytest.approx((1 + 0.5) / (1 + 1 / math.log2(3)), rel=1e-15)
    assert value("alpha_ndcg", label=[0, 0, 0], **rows) == 0.0
    assert value("alpha_ndcg", label=[0, 0, 0], **rows, no_relevant="one") == 1.0
    assert math.isnan(value("alpha_ndcg", label=[0, 0, 0], **rows, no_relevant="skip"))
    assert value("alpha_ndcg", label=[1, 2, 0], **rows, relevance_level=2) == pytest.approx(1 / math.log2(3))


# What pyndeval 0.0.8 prints, with document ids that descend where the sorted subtopics ascend.
NDEVAL = {
    (0.5, 5): 0.6743374451613559,
    (0.5, 10): 0.8233144628116148,
    (0.3, 5): 0.6538173897806787,
    (0.3, 10): 0.8325713515396579,
    (0.9, 5): 0.6885234726617907,
    (0.9, 10): 0.787782623254118,
}


@pytest.mark.parametrize(("alpha", "k"), NDEVAL)
def test_alpha_ndcg_is_that_of_ndeval(alpha: float, k: int) -> None:
    category = [[1, 2], [1], [1, 3], [4], [2], [1, 2, 3], [4], [2, 3]]
    label = [1, 1, 1, 0, 1, 1, 1, 1]
    rows = {"label": label, "score": [9, 8, 7, 6, 5, 4, 3, 2], "query": [1] * 8, "category": category}
    assert value("alpha_ndcg", **rows, alpha=alpha, k=k) == pytest.approx(NDEVAL[alpha, k], rel=1e-12)


@given(st.permutations(range(6)))
def test_the_order_of_rows_is_irrelevant(order: list[int]) -> None:
    rows = {
        "label": [1, 1, 0, 1, 1, 1], "score": [6, 5, 4, 3, 2, 1], "query": [1] * 6,
        "category": [["b", "a"], ["c"], ["a"], ["c", "a"], ["b"], ["d", "c", "b"]],
    }  # fmt: skip
    shuffled = {name: [column[i] for i in order] for name, column in rows.items()}
    assert value("alpha_ndcg", **shuffled, k=4) == value("alpha_ndcg", **rows, k=4)
