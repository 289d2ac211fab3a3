"""Hand-worked cases of metrics of retrieval."""

from __future__ import annotations

import math

import pytest

import fastrank as fr
from fastrank import metrics as m
from fastrank.errors import InvalidValueError, TiesError

NAN = math.nan
# One query; from the first rank down: relevant, judged not relevant, pooled and not judged, of grade 3, not relevant,
# relevant.  One more relevant row was not retrieved, and one that is not relevant: R = 4, N = 3.
LABEL = [1, 0, -1, 3, 0, 1, 2, 0]
SCORE = [6.0, 5.0, 4.0, 3.0, 2.0, 1.0, None, None]


def value(metric: str, label: object = LABEL, score: object = SCORE, query: object = None, **roles: object) -> float:
    rows = {"y": label, "s": score, "q": query or [7] * len(label), **roles}
    named = {role: role for role in roles if role in ("item", "query_weight")}
    return fr.evaluate(rows, metric, label="y", score="s", query="q", **named)[m.parse(metric)[0].canonical]


def close(metric: str, expected: float, **roles: object) -> bool:
    return value(metric, **roles) == pytest.approx(expected, rel=1e-14)


def test_bpref() -> None:
    # Above the relevant rows on ranks 1, 4 and 6 stand 0, 1 and 2 rows judged not relevant; min(N, R) = 3; the relevant
    # row that was not retrieved adds nothing.
    assert close("bpref", (1 + (1 - 1 / 3) + (1 - 2 / 3)) / 4)
    # Relevant from 2 on: R = 2, and 5 others are judged; n is at most R: ranks 4 (2 above: 1 - 2 / 2).
    assert close("bpref(relevance_level=2)", (1 - 2 / 2) / 2)
    # Where nothing was judged not relevant each retrieved relevant row counts in full; ranx has NaN.
    assert value("bpref", [1, -1, 1], [3, 2, 1]) == 1.0
    assert math.isnan(value("bpref(guard=false)", [1, -1, 1], [3, 2, 1]))


def test_infap() -> None:
    # Rank 1: 1.  Rank 4: 1/4 + 3/4 * (2/3 of the rows above are pooled) * (1 relevant of 2 judged): 3 rows above, all
    # pooled (labels 1, 0, -1), of which 1 is relevant and 1 not.  Rank 6: 5 rows above, all pooled: 2 relevant, 2 not.
    eps = 0.00001
    at_4 = 1 / 4 + 3 / 4 * (3 / 3) * (1 + eps) / (2 + 2 * eps)
    at_6 = 1 / 6 + 5 / 6 * (5 / 5) * (2 + eps) / (4 + 2 * eps)
    assert close("infap", (1 + at_4 + at_6) / 4)
    # A row that is not even pooled (null): 2 of 3 rows above rank 4 are pooled.
    label = [1, 0, None, 3, 0, 1, 2, 0]
    at_4 = 1 / 4 + 3 / 4 * (2 / 3) * (1 + eps) / (2 + 2 * eps)
    at_6 = 1 / 6 + 5 / 6 * (4 / 5) * (2 + eps) / (4 + 2 * eps)
    assert close("infap", (1 + at_4 + at_6) / 4, label=label)


def test_err() -> None:
    # r = (2^label - 1) / 2^4: 1/16 on ranks 1 and 6, 7/16 on rank 4.
    first, third = 1 / 16, 7 / 16
    expected = first + (1 - first) * third / 4 + (1 - first) * (1 - third) * first / 6
    assert close("err", expected)
    assert close("err@4", first + (1 - first) * third / 4)
    assert close("err(max_grade=3)", 1 / 8 + 7 / 8 * (7 / 8) / 4 + 7 / 8 * (1 / 8) * (1 / 8) / 6)
    # A grade past the highest is refused, also one that fits in a byte.
    for grade in (5, 40, 2.5):
        with pytest.raises(InvalidValueError, match="allowed: an integer up to 4, or null"):
            value("err", [grade, 0], [2, 1])


def test_rbp() -> None:
    # Relevant on ranks 1, 4 and 6.
    assert close("rbp", 0.2 * (1 + 0.8**3 + 0.8**5))
    assert close("rbp(p=0.5)@4", 0.5 * (1 + 0.5**3))
    assert close("rbp(rbp_gain=scaled)", 0.2 * (1 / 4 + 3 / 4 * 0.8**3 + 1 / 4 * 0.8**5))
    assert close("rbp(rbp_gain=scaled, max_grade=3)", 0.2 * (1 / 3 + 0.8**3 + 1 / 3 * 0.8**5))
    assert close("rbp(rbp_gain=raw)", 0.2 * (1 + 3 * 0.8**3 + 0.8**5))
    assert close("rbp(rbp_gain=raw, relevance_level=2)", 0.2 * 3 * 0.8**3)
    # Two rows tie on ranks 1 and 2, one of them relevant.
    assert close("rbp", 0.2 * (1 + 0.8) / 2, label=[1, 0], score=[5, 5])


def test_interpolated_precision() -> None:
    # Precision at the relevant rows: 1/1, 2/4, 3/6; R = 4, so that recalls 1/4, 1/2 and 3/4 are reached, 1 is not.
    # int(r R + 0.9) rows reach recall r: 0 -> 0, 0.1 -> 1, 0.25 -> 1, 0.3 -> 2, 0.8 -> 4.
    for recall, expected in ((0.0, 1.0), (0.1, 1.0), (0.25, 1.0), (0.3, 1 / 2), (0.75, 1 / 2), (0.8, 0.0), (1.0, 0.0)):
        assert value(f"iprec(recall={recall})") == expected, recall
    # Rounded: 0.3 R = 1.2 -> 1, 0.8 R = 3.2 -> 3.
    assert value("iprec(recall=0.3, recall_point=round)") == 1.0
    assert value("iprec(recall=0.8, recall_point=round)") == 1 / 2
    # Recalls 0, 0.1, 0.2 need one row, 0.3 to 0.5 two, 0.6 and 0.7 three, 0.8 and on four.
    assert close("11pt_avg", (3 * 1 + 5 / 2 + 0) / 11)
    # Rounded: 0, 0.1 -> 0; 0.2, 0.3 -> 1; 0.4 -> 2 (1.6); 0.5, 0.6 -> 2; 0.7, 0.8 -> 3; 0.9, 1 -> 4.
    assert close("11pt_avg(recall_point=round)", (4 * 1 + 5 / 2 + 0) / 11)


def test_judged_and_counts() -> None:
    # Of the first 3 rows one is not judged; of all 6 retrieved, one.
    assert close("judged@3", 2 / 3)
    assert close("judged@10", 5 / 6)
    assert close("judged", 5 / 6)
    assert [value(name) for name in ("num_ret", "num_rel", "num_rel_ret")] == [6.0, 4.0, 3.0]
    assert value("num_rel(relevance_level=2)") == 2.0
    # Sums over queries.
    query = [1, 1, 1, 1, 2, 2, 2, 2]
    assert [value(name, query=query) for name in ("num_ret", "num_rel", "num_rel_ret")] == [6.0, 4.0, 3.0]
    assert value("num_ret(aggregation=mean)", query=query) == 3.0
    # A query that was not retrieved has no judged share.
    assert value("judged", [1, 1, 1], [1, None, None], [1, 2, 2]) == 1 / 2


@pytest.mark.parametrize(
    "metric", ["bpref", "infap", "err@3", "iprec(recall=0.5)", "11pt_avg", "map(ap_denominator=hits)"]
)
def test_measures_without_an_expected_value_refuse_ties(metric: str) -> None:
    # Rows of one label may tie; others not, unless items tell them apart.
    assert value(metric, [1, 1, 0], [5, 5, 1]) > 0
    with pytest.raises(TiesError) as caught:
        value(metric, [1, 0, 1, 0], [9, 5, 5, 1])
    name = m.parse(metric)[0].definition.name
    assert str(caught.value) == (
        f"{name}: query 7 (column 'q') has rows of equal score from rank 2 on; their expected value over all orders "
        'has no closed form: tell them apart by ties="item_desc" or "item_asc" (with item=), "input", "pessimistic" or '
        '"optimistic"'
    )
    for ties in ("item_desc", "item_asc", "input", "pessimistic", "optimistic"):
        (ruled,) = m.parse(metric)
        spelled = type(ruled)(ruled.definition, {**ruled.parameters, "ties": ties})
        assert value(spelled.canonical, [1, 0, 1, 0], [9, 5, 5, 1], item=[4, 3, 2, 1]) > 0


def test_ties_below_the_cut_do_not_matter() -> None:
    assert value("err@1", [1, 0, 1], [9, 5, 5]) == 1 / 16
    with pytest.raises(TiesError, match="from rank 2 on"):
        value("err@2", [1, 0, 1], [9, 5, 5])


def test_ties_error() -> None:
    assert value("ndcg(ties=error)", [1, 0], [2, 1]) == 1.0
    for label in ([1, 0], [1, 1]):
        with pytest.raises(TiesError, match=r'from rank 1 on; ties="error" allows none$'):
            value("ndcg(ties=error)", label, [5, 5])
    assert value("ndcg(ties=error)@1", [1, 0, 0], [9, 5, 5]) == 1.0


def test_geometric_mean() -> None:
    # AP 1, 1/2 and 0, which counts as 1e-5.
    label, score, query = [1, 0, 0, 1, 0], [2, 1, 2, 1, 1], [1, 1, 2, 2, 3]
    expected = (1 * 0.5 * 1e-5) ** (1 / 3)
    assert close("map(aggregation=geometric)", expected, label=label, score=score, query=query)
    assert m.parse("gm_map")[0] == m.map(aggregation="geometric")
    weights = [1, 1, 2, 2, 0.5]
    expected = (1 * 0.5**2 * 1e-5**0.5) ** (1 / 3.5)
    assert close("gm_map", expected, label=label, score=score, query=query, query_weight=weights)
    # Without the queries that have nothing to be found.
    skipping = "map(aggregation=geometric, no_relevant=skip)"
    assert close(skipping, 0.5**0.5, label=label, score=score, query=query)
