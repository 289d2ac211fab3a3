"""Hand-worked cases of the rules of ranked lists: which rows are ranked, what a query counts, and what all come to."""

from __future__ import annotations

import math

import pytest

import fastrank as fr
from fastrank import metrics as m
from fastrank.errors import InvalidValueError, MissingColumnError, ParameterError

NAN, INF = math.nan, math.inf


def result(metrics: object, label: list, score: list, query: list | None = None, **roles: list) -> fr.Result:
    rows = {"y": label, "s": score, "q": query or [7] * len(label), **roles}
    return fr.evaluate(rows, metrics, label="y", score="s", query="q", **{role: role for role in roles if role != "pr"})


def value(metric: str, label: list, score: list, query: list | None = None, **roles: list) -> float:
    (entry,) = result(metric, label, score, query, **roles).table["value"].to_pylist()
    return entry


# ---------------------------------------------------------------------------------------------------------------------
# Queries


THREE = {"label": [0, 1, 0, 0, 1, 1], "score": [2, 1, 2, 1, 2, 1], "query": [1, 1, 2, 2, 3, 3]}


@pytest.mark.parametrize(
    ("rule", "expected"),
    [("zero", (1 / 2 + 0 + 1) / 3), ("one", (1 / 2 + 1 + 1) / 3), ("skip", (1 / 2 + 1) / 2), ("nan", NAN)],
)
@pytest.mark.parametrize("name", ["mrr", "map", "iprec", "11pt_avg"])
def test_no_relevant(name: str, rule: str, expected: float) -> None:
    # The second query has no relevant row; all precision of the first is 1/2.
    table = result(f"{name}(no_relevant={rule})", *THREE.values()).table.to_pylist()[0]
    assert table["value"] == pytest.approx(expected, rel=1e-14, nan_ok=True)
    assert (table["queries"], table["queries_without_relevant"], table["undefined"]) == (3, 1, math.isnan(expected))


def test_no_relevant_error() -> None:
    with pytest.raises(InvalidValueError) as caught:
        result("mrr(no_relevant=error)", *THREE.values())
    assert str(caught.value) == (
        "mrr: query 2 (column 'q'): no row of it is relevant; no_relevant=\"error\" allows none"
    )
    assert value("mrr(no_relevant=error)", [0, 1], [2, 1]) == 0.5


def test_missing_query() -> None:
    # Of the second query nothing was retrieved; of the third a row.
    label, score, query = [1, 0, 1, 0, 1, 1], [2, 1, None, None, 2, None], [1, 1, 2, 2, 3, 3]
    for rule, expected in (("zero", (1 + 0 + 0.5) / 3), ("skip", (1 + 0.5) / 2)):
        row = result(f"recall(missing_query={rule})", label, score, query).table.to_pylist()[0]
        assert row["value"] == pytest.approx(expected, rel=1e-15)
        assert (row["queries"], row["queries_missing"], row["rows"]) == (3, 1, 6)
    with pytest.raises(InvalidValueError, match=r"^recall: query 2 \(column 'q'\): none of its rows is retrieved; "):
        value("recall(missing_query=error)", label, score, query)
    # One that is missing and has no relevant row counts once, by either rule.
    label[2] = 0
    assert value("recall(no_relevant=one)", label, score, query) == pytest.approx((1 + 1 + 0.5) / 3)
    assert value("recall(no_relevant=one, missing_query=skip)", label, score, query) == pytest.approx((1 + 0.5) / 2)


def test_extra_query() -> None:
    label, score, query = [1, 0, None, None], [2, 1, 2, 1], [1, 1, 2, 2]
    row = result("mrr", label, score, query).table.to_pylist()[0]
    assert (row["value"], row["queries"], row["queries_extra"], row["queries_without_relevant"]) == (1.0, 1, 1, 0)
    with pytest.raises(InvalidValueError, match=r"^mrr: query 2 \(column 'q'\): no row of it is judged; extra_query="):
        value("mrr(extra_query=error)", label, score, query)
    # One pooled row makes it a query of its own, without a relevant row.
    assert value("mrr", [1, 0, None, -1], score, query) == 0.5


# ---------------------------------------------------------------------------------------------------------------------
# Rows


def test_unjudged() -> None:
    # By rank: unjudged, not even pooled, relevant, judged not relevant.
    label, score = [-1, None, 1, 0], [4, 3, 2, 1]
    assert value("mrr", label, score) == 1 / 3
    assert value("mrr(unjudged=drop)", label, score) == 1.0
    assert value("precision(unjudged=drop)", label, score) == 1 / 2
    assert value("num_ret(unjudged=drop)", label, score) == 2.0
    assert value("mrr(unjudged=error)", [-1, 1], [2, 1]) == 0.5
    with pytest.raises(InvalidValueError, match=r"^column 'y' \(label\): row 1 holds null; allowed: a finite number,"):
        value("mrr(unjudged=error)", label, score)


def test_negative_rel() -> None:
    # bpref counts rows that are judged: a negative label is none, unless it means not relevant.
    label, score = [-1, 1, 0, 1], [4, 3, 2, 1]
    assert value("bpref", label, score) == (1 + (1 - 1 / 1)) / 2
    assert value("bpref(negative_rel=nonrelevant)", label, score) == ((1 - 1 / 2) + (1 - 2 / 2)) / 2
    assert value("judged@1", label, score) == 0.0
    assert value("judged(negative_rel=nonrelevant)@1", label, score) == 1.0
    with pytest.raises(InvalidValueError, match=r"row 0 holds -1; allowed: a finite number, not negative, or null"):
        value("bpref(negative_rel=error)", label, score)


def test_duplicates() -> None:
    # Item 5 stands twice: relevant with a low score, then not relevant with the highest.
    label, score, item = [1, 0, 1, 0], [2.0, 3.0, 1.0, 4.0], [5, 6, 7, 5]
    assert value("mrr(duplicates=first)", label, score, item=item) == 1 / 2
    assert value("mrr(duplicates=max_score)", label, score, item=item) == 1 / 3
    assert value("mrr(duplicates=count)", label, score, item=item) == 1 / 3
    assert value("precision(duplicates=max_score)", label, score, item=item) == 1 / 3
    assert value("precision(duplicates=count)", label, score, item=item) == 2 / 4
    assert value("num_rel(duplicates=max_score)", label, score, item=item) == 1.0
    # Of equal scores the one of the higher label; one that was not retrieved is the last.
    assert value("num_rel(duplicates=max_score)", [0, 1], [1, 1], item=[5, 5]) == 1.0
    assert value("num_rel_ret(duplicates=max_score)", [1, 0], [None, -9], item=[5, 5]) == 0.0
    # In another query it may stand again.
    assert value("mrr", [1, 1], [1, 1], [1, 2], item=[5, 5]) == 1.0
    with pytest.raises(InvalidValueError, match=r"row 3 holds 5 in query 7: an item stands twice.*duplicates="):
        value("mrr", label, score, item=item)
    for rule in ("first", "max_score"):
        with pytest.raises(ParameterError, match=r"needs the item column"):
            value(f"mrr(duplicates={rule})", label, score)


def test_score_dtype() -> None:
    # The scores differ by less than a float32 can tell.
    label, score, item = [0, 1], [1.0 + 1e-9, 1.0], ["a", "b"]
    assert value("mrr", label, score) == 0.5
    assert value("mrr(score_dtype=float32)", label, score) == 0.75
    assert value("mrr(score_dtype=float32, ties=item_desc)", label, score, item=item) == 1.0
    # Past the range of float32 all are infinite, and tie.
    assert value("mrr(score_dtype=float32)", [0, 1], [1e300, 1e200]) == 0.75


def test_nan_score() -> None:
    label, score = [1, 0, 1], [NAN, -INF, 3.0]
    with pytest.raises(
        InvalidValueError, match=r'row 0 holds nan; allowed: .*; nan_score="last" or "drop" accepts NaN'
    ):
        value("map", label, score)
    # Last it ties with -inf on ranks 2 and 3: AP = (1 + (1 + 2/2 + 2/3 - 1) / 2) / 2.
    assert value("map(nan_score=last)", label, score) == pytest.approx((1 + (2 / 2 + 2 / 3) / 2) / 2, rel=1e-15)
    # Dropped it is a relevant row that was not retrieved.
    assert value("map(nan_score=drop)", label, score) == 1 / 2
    assert value("num_ret(nan_score=drop)", label, score) == 2.0


def test_drop_nonpositive() -> None:
    label, score = [1, 0, 1, 1], [0.5, 0.25, 0.0, -1.0]
    assert value("num_rel_ret(drop_nonpositive=true)", label, score) == 1.0
    # They rank as not relevant and count for R.
    assert value("map(drop_nonpositive=true)", label, score) == 1 / 3
    assert value("recall(drop_nonpositive=true)", label, score) == 1 / 3


def test_huge_and_tiny_labels() -> None:
    assert value("ndcg(gain=exp2)", [0, 52], [2, 1]) == pytest.approx(1 / math.log2(3), rel=1e-15)
    assert value("ndcg", [2.0**900, 0.0], [1, 2]) == pytest.approx(1 / math.log2(3), rel=1e-15)
    assert value("ndcg(relevance_level=1e-300)", [1e-300, 0.0], [1, 2]) == pytest.approx(1 / math.log2(3), rel=1e-9)
    for label in (53, 2.5, 2**40):
        with pytest.raises(InvalidValueError, match="allowed: an integer up to 52, or null"):
            value("ndcg(gain=exp2)", [0, label], [2, 1])


@pytest.mark.parametrize("k", [0, -1, 1.5, "all"])
def test_cutoffs_that_are_none(k: object) -> None:
    for make in (m.ndcg, m.precision, m.rbp, m.judged):
        with pytest.raises(ParameterError, match=rf"^{make.__name__}: k={k!r}; allowed: an integer from 1"):
            make(k=k)


@pytest.mark.parametrize("name", ["precision", "recall", "f_beta", "hit_rate", "mrr", "map", "ndcg", "r_precision"])
def test_a_list_of_one_row(name: str) -> None:
    assert value(name, [1], [0.5]) == 1.0
    assert value(name, [0], [0.5]) == 0.0
    assert value(name, [1], [None]) == 0.0


# ---------------------------------------------------------------------------------------------------------------------
# Ranks in place of scores


def by_rank(metric: str, label: list, rank: list, **more: object) -> float:
    rows = {"y": label, "r": rank, "q": [7] * len(label)}
    return fr.evaluate(rows, metric, label="y", rank="r", query="q", **more)[metric]


def test_ranks() -> None:
    assert by_rank("mrr", [0, 1, 0], [3, 2, 1]) == 1 / 2
    # Gaps do not matter, and a row without a rank was not retrieved.
    assert by_rank("map", [1, 0, 1], [10, 4, None]) == 1 / 4
    assert by_rank("map", [1.0, 0.0], [2.0, 1.0]) == 1 / 2


@pytest.mark.parametrize(
    ("rank", "message"),
    [
        ([1, 0], "row 1 holds 0; allowed: an integer from 1 to 2^53, or null where the row was judged but not"),
        ([-1, 1], "row 0 holds -1; allowed: an integer from 1"),
        ([1.0, 1.5], "row 1 holds 1.5; allowed: an integer from 1"),
        ([1.0, NAN], "row 1 holds nan; allowed: an integer from 1"),
        ([1.0, INF], "row 1 holds inf; allowed: an integer from 1"),
        ([3, 3], "row 1 holds 3 in query 7: a rank stands twice in a query; allowed: each rank once in a query"),
    ],
)
def test_bad_ranks(rank: list, message: str) -> None:
    with pytest.raises(InvalidValueError) as caught:
        by_rank("mrr", [0, 1], rank)
    assert str(caught.value).startswith(f"column 'r' (rank): {message}")


def test_rank_or_score() -> None:
    rows = {"y": [0, 1], "s": [2, 1], "r": [2, 1], "q": [7, 7]}
    with pytest.raises(ParameterError, match="rank"):
        fr.evaluate(rows, "mrr", label="y", score="s", rank="r", query="q")
    # One metric may be asked by rank beside another by score.
    asked = fr.evaluate(rows, [m.mrr(rank="r", name="a"), m.mrr(score="s", name="b")], label="y", query="q")
    assert (asked["a"], asked["b"]) == (1.0, 0.5)
    with pytest.raises(fr.FastrankError, match="score"):
        fr.evaluate(rows, "auc", label="y", rank="r", query="q")


# ---------------------------------------------------------------------------------------------------------------------
# Propensities


# From the first rank down: labels 1, 0, 2 with weights 2, 4, 10; the second 2 was not retrieved and weighs 5.
SHOWN = {
    "label": [1, 0, 2, 2], "score": [4, 3, 2, None], "query": [7] * 4, "pr": [0.5, 0.25, 0.1, 0.2],
}  # fmt: skip


@pytest.mark.parametrize(
    ("metric", "expected"),
    [
        ("precision(propensity=pr)@2", 2 / 2),
        ("precision(propensity=pr)", (2 + 10) / 3),
        ("precision(propensity=pr, clip=0.25)", (2 + 4) / 3),
        ("precision(propensity=pr, self_normalized=true, ties=input)", (2 + 10) / (2 + 4 + 10)),
        ("recall(propensity=pr)@2", 2 / (2 + 10 + 5)),
        ("recall(propensity=pr, relevance_level=2)", 10 / (10 + 5)),
        ("recall(propensity=pr, clip=1)", 2 / 3),
        ("mrr(propensity=pr)", 2 / 1),
        ("mrr(propensity=pr, relevance_level=2)", 10 / 3),
        ("mrr(propensity=pr, relevance_level=2, self_normalized=true)", 10 / 3 / ((2 + 4 + 10) / 3)),
        ("dcg(propensity=pr)", 2 * 1 + 10 * 2 / 2),
        ("dcg(propensity=pr, self_normalized=true)", (2 + 10) / ((2 + 4 + 10) / 3)),
        ("dcg(propensity=pr, gain=exp2)", 2 * 1 + 10 * 3 / 2),
        # The ideal: 10 * 2, 5 * 2, 2 * 1.
        ("ndcg(propensity=pr)", (2 + 10) / (20 + 10 / math.log2(3) + 2 / 2)),
    ],
)
def test_propensities(metric: str, expected: float) -> None:
    assert value(metric, **SHOWN) == pytest.approx(expected, rel=1e-14)


def test_propensities_of_tied_rows() -> None:
    # Either row is first; both are relevant, and weigh 2 and 4.
    both = {"label": [1, 1], "score": [5, 5], "query": [7, 7], "pr": [0.5, 0.25]}
    assert value("mrr(propensity=pr)", **both) == (2 + 4) / 2
    assert value("precision(propensity=pr)@1", **both) == (2 + 4) / 2
    assert value("mrr(propensity=pr, ties=pessimistic)", **both) == 2
    assert value("mrr(propensity=pr, ties=optimistic)", **both) == 4
    with pytest.raises(fr.FastrankError, match="rows of equal score from rank 1 on"):
        value("mrr(propensity=pr, self_normalized=true)", **both)


def test_bad_propensities() -> None:
    for bad, shown in ((0.0, "0.0"), (1.5, "1.5"), (NAN, "nan"), (None, "null")):
        with pytest.raises(
            InvalidValueError, match=rf"column 'pr' \(propensity\): row 1 holds {shown}; allowed: a prob"
        ):
            value("dcg(propensity=pr)", [1, 0], [2, 1], pr=[0.5, bad])
    with pytest.raises(MissingColumnError, match="no column 'pr'"):
        value("dcg(propensity=pr)", [1, 0], [2, 1])
    with pytest.raises(ParameterError, match=r"^dcg: self_normalized=True divides by weights: name their column"):
        m.dcg(self_normalized=True)


# ---------------------------------------------------------------------------------------------------------------------
# Aggregations


# Reciprocal ranks 1, 1/2, 1/4, and 0.
FOUR = {
    "label": [1, 0, 0, 1, 0, 0, 0, 1, 0], "score": [1, 9, 9, 8, 4, 3, 2, 1, 5], "query": [1, 1, 2, 2, 3, 3, 3, 3, 4],
}  # fmt: skip
FOUR["score"][0], FOUR["score"][1] = 9, 1


@pytest.mark.parametrize(
    ("aggregation", "expected", "weighted"),
    [
        # Weights 1, 2, 1 and 0.5.
        ("mean", (1 + 0.5 + 0.25 + 0) / 4, (1 + 1 + 0.25 + 0) / 4.5),
        ("sum", 1.75, 2.25),
        (
            "std",
            math.sqrt((1 + 0.25 + 0.0625) / 4 - (1.75 / 4) ** 2),
            math.sqrt((1 + 2 * 0.25 + 0.0625) / 4.5 - (2.25 / 4.5) ** 2),
        ),
        ("min", 0.0, 0.0),
        ("max", 1.0, 1.0),
        ("geometric", (1 * 0.5 * 0.25 * 1e-5) ** (1 / 4), (1 * 0.5**2 * 0.25 * 1e-5**0.5) ** (1 / 4.5)),
        # Half of the weight, 2.25 of 4.5, is passed inside the value 1/2: 0.5, 1.5, 3.5, 4.5.
        ("median", (0.25 + 0.5) / 2, 0.5),
    ],
)
def test_aggregations(aggregation: str, expected: float, weighted: float) -> None:
    metric = f"mrr(aggregation={aggregation})"
    assert value(metric, **FOUR) == pytest.approx(expected, rel=1e-14)
    weights = [{1: 1.0, 2: 2.0, 3: 1.0, 4: 0.5}[q] for q in FOUR["query"]]
    assert value(metric, **FOUR, query_weight=weights) == pytest.approx(weighted, rel=1e-14)
    # A query of weight 0 is absent.
    weights = [float(q < 3) for q in FOUR["query"]]
    first = {name: column[:4] for name, column in FOUR.items()}
    assert value(metric, **FOUR, query_weight=weights) == pytest.approx(value(metric, **first), rel=1e-15)


def test_a_median_between_weights() -> None:
    # Half of the weight is reached exactly at 1/4: 1.5 of 3.
    weights = [{1: 1.0, 2: 0.5, 3: 1.0, 4: 0.5}[q] for q in FOUR["query"]]
    assert value("mrr(aggregation=median)", **FOUR, query_weight=weights) == (0.25 + 0.5) / 2
    assert value("mrr(aggregation=median)", [0, 1], [2, 1]) == 0.5


@pytest.mark.parametrize("aggregation", ["mean", "sum", "std", "min", "max", "geometric", "median"])
def test_nan_is_contagious_and_nothing_is_nan(aggregation: str) -> None:
    assert math.isnan(value(f"mrr(no_relevant=nan, aggregation={aggregation})", **FOUR))
    nothing = result(f"mrr(no_relevant=skip, aggregation={aggregation})", [0, 0], [2, 1]).table.to_pylist()[0]
    assert math.isnan(nothing["value"]) == (aggregation != "sum")
    assert nothing["undefined"] == (aggregation != "sum")


def test_values_that_are_equal_have_no_spread() -> None:
    label, score, query = [0, 0, 1] * 50, [3, 2, 1] * 50, [i // 3 for i in range(150)]
    assert value("mrr(aggregation=std)", label, score, query) == 0.0


@pytest.mark.parametrize("aggregation", ["mean", "sum", "std", "min", "max", "geometric", "median"])
def test_values_of_any_size(aggregation: str) -> None:
    # dcg is the label on rank 1: 2^500 and 2^-500.
    label, query = [2.0**500, 2.0**-500], [1, 2]
    big, small = label
    expected = {
        "mean": big / 2, "sum": big, "std": big / 2, "min": small, "max": big, "geometric": math.sqrt(big * 1e-5),
        "median": big / 2,
    }  # fmt: skip
    metric = f"dcg(aggregation={aggregation}, relevance_level=1e-200)"
    assert value(metric, label, [1, 1], query) == pytest.approx(expected[aggregation], rel=1e-12)


def test_spreads_of_values_at_the_ends_of_the_range() -> None:
    metric = "dcg(aggregation=std, relevance_level=1e-300)"
    assert value(metric, [2.0**-400, 0.0], [1, 1], [1, 2]) == 2.0**-401
    assert value(metric, [2.0**-460 * 1.5, 2.0**-461], [1, 1], [1, 2]) == 2.0**-461
    # Smaller values are multiples of 2^-481.
    assert value(metric, [2.0**-600, 0.0], [1, 1], [1, 2]) == 0.0
    with pytest.raises(InvalidValueError, match=r"^dcg: a query has the value 6.5.*e\+150, too large for its square"):
        value(metric, [2.0**501, 0.0], [1, 1], [1, 2])


@pytest.mark.parametrize("aggregation", ["mean", "std", "min", "median"])
def test_slices_in_which_no_query_counts(aggregation: str) -> None:
    rows = {"y": [0, 0, 0], "s": [2, 1, 1], "q": [1, 1, 2], "c": ["a", "a", "b"]}
    metric = f"mrr(no_relevant=skip, aggregation={aggregation})"
    table = fr.evaluate(rows, metric, label="y", score="s", query="q", by="c").table
    assert all(math.isnan(entry) for entry in table["value"].to_pylist())
    assert table["queries_without_relevant"].to_pylist() == [2, 1, 1]
