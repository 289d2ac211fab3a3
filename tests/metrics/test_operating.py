"""Operating points and quantiles of scores: hand-worked cases, brute force, scikit-learn, NumPy, bounds of cells."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from shared_data import shared
from sklearn.metrics import f1_score, precision_recall_curve, roc_curve

import fastrank as fr
from fastrank import metrics as m
from fastrank import reference
from fastrank.errors import ParameterError

LABEL, SCORE = [0, 0, 1, 1], [0.1, 0.4, 0.35, 0.8]
# By descending score: 1 1 0 1 0 0 1 0 0 0.
TEN = [1, 1, 0, 1, 0, 0, 1, 0, 0, 0], list(range(10, 0, -1))


def evaluated(metrics: list[Any], label: Any, score: Any, weight: Any = None) -> fr.Result:
    rows = {"y": np.asarray(label), "s": np.asarray(score)} | ({} if weight is None else {"w": np.asarray(weight)})
    return fr.evaluate(rows, metrics, label="y", score="s", **({} if weight is None else {"weight": "w"}))


def point(metric: str, label: Any, score: Any, weight: Any = None) -> dict[str, float]:
    (row,) = evaluated([metric], label, score, weight).curve(metric).to_pylist()
    return row


def test_recall_at_precision() -> None:
    # Precision by threshold 10 ... 1: 1, 1, 2/3, 3/4, 3/5, 1/2, 4/7, 1/2, 4/9, 2/5; recall 1/4, 1/2, 1/2, 3/4, ..., 1.
    assert m.recall_at_precision(precision=0.9).compute(*TEN) == 0.5
    assert m.recall_at_precision(precision=0.75).compute(*TEN) == 0.75
    assert m.recall_at_precision(precision=0.76).compute(*TEN) == 0.5
    assert m.recall_at_precision(precision=0.5).compute(*TEN) == 1.0
    # Of the thresholds 4 and 3, which both have recall 1 and precision of at least 1/2, the higher.
    assert point("recall_at_precision(precision=0.5)", *TEN) == {
        "threshold": 4, "tp": 4, "fp": 3, "tpr": 1, "fpr": 0.5, "precision": 4 / 7, "recall": 1,
    }  # fmt: skip


def test_nine_of_ten_reach_nine_tenths() -> None:
    # The float 0.9 is more than 9/10; both round to the same float.
    label, score = [1] * 9 + [0], [2.0] * 10
    assert m.recall_at_precision(precision=0.9).compute(label, score) == 1.0
    assert m.recall_at_precision(precision=0.9).compute(label, score, [0.1] * 10) == 1.0
    assert m.recall_at_precision(precision=math.nextafter(0.9, 1)).compute(label, score) == 0.0
    assert m.tpr_at_fpr(fpr=0.3).compute([0, 0, 0, *[0] * 7, 1], [*[3.0] * 3, *[1.0] * 7, 2.0], [0.7] * 11) == 1.0
    assert m.precision_at_recall(recall=0.7).compute([*[1] * 10, 0], [*[3.0] * 7, *[1.0] * 4], [0.1] * 11) == 1.0


def test_shares_of_equal_weights_are_those_of_rows() -> None:
    # Weights of 0.1 are rounded when they are added as floats; as integers their quotients are those of counts.
    for rows in range(3, 20):
        for positives in range(1, rows):
            label, weight = [1] * positives + [0] * (rows - positives), [0.1] * rows
            metric = m.recall_at_precision(precision=positives / rows)
            assert metric.compute(label, [1.0] * rows, weight) == 1.0, (positives, rows)


def test_a_precision_that_is_not_reached() -> None:
    # The row that scores highest is negative: precision is at most 1/2.
    assert m.recall_at_precision(precision=0.6).compute([0, 1], [2, 1]) == 0.0
    row = point("recall_at_precision(precision=0.6)", [0, 1], [2, 1])
    assert (row["threshold"], row["tp"], row["recall"]) == (math.inf, 0, 0)
    assert math.isnan(row["precision"])


def test_precision_at_recall() -> None:
    # Recall of at least 3/4 at thresholds 7 and below; the best precision there is 3/4, at 7.
    assert m.precision_at_recall(recall=0.75).compute(*TEN) == 0.75
    assert m.precision_at_recall(recall=0.76).compute(*TEN) == 4 / 7
    assert m.precision_at_recall(recall=0.5).compute(*TEN) == 1.0
    # At 10 and at 9 precision is 1: the higher, as recall 1/4 is enough.
    assert point("precision_at_recall(recall=0.25)", *TEN)["threshold"] == 10
    assert point("precision_at_recall(recall=0.26)", *TEN)["threshold"] == 9


def test_tpr_at_fpr() -> None:
    # Negatives at 8, 6, 5, 3, 2, 1, one sixth each; positives at 10, 9, 7, 4.
    assert m.tpr_at_fpr(fpr=0).compute(*TEN) == 0.5
    assert m.tpr_at_fpr(fpr=0.1).compute(*TEN) == 0.5
    assert m.tpr_at_fpr(fpr=1 / 6).compute(*TEN) == 0.75
    assert m.tpr_at_fpr(fpr=0.5).compute(*TEN) == 1.0
    # With one negative row both 8 (recall 1/2) and 7 (3/4) are allowed; of 7, 6, 5 with fpr 1/2, 7 is the first.
    assert point("tpr_at_fpr(fpr=0.4)", *TEN)["threshold"] == 7
    # The row that scores highest is negative: no threshold but inf.
    assert point("tpr_at_fpr(fpr=0.1)", [0, 1], [2, 1])["threshold"] == math.inf


def test_best_threshold() -> None:
    # F1 by threshold: 2tp / (tp + fp + 4): 2/5, 4/6, 4/7, 6/8, 6/9, 6/10, 8/11, 8/12, ...: 3/4 at 7.
    assert m.best_threshold().compute(*TEN) == 7
    assert point("best_threshold", *TEN)["f1"] == 0.75
    # tpr - fpr: at 9 1/2 - 0, at 7 3/4 - 1/6 = 7/12, at 4 1 - 3/6 = 1/2.
    assert point("best_threshold(criterion=youden)", *TEN) == {
        "threshold": 7, "youden": 7 / 12, "tp": 3, "fp": 1, "tpr": 0.75, "fpr": 1 / 6,
        "precision": 0.75, "recall": 0.75,
    }  # fmt: skip
    # fp + fn: at 9 0 + 2, at 7 1 + 1, so both cost 2 of 10: the higher.
    assert point("best_threshold(criterion=cost)", *TEN)["threshold"] == 9
    assert point("best_threshold(criterion=cost)", *TEN)["cost"] == 0.2
    # fp + 3 fn: at 7 1 + 3, at 4 3 + 0.
    text = "best_threshold(criterion=cost, cost_fn=3)"
    assert (point(text, *TEN)["threshold"], point(text, *TEN)["cost"]) == (4, 0.3)
    # Where a negative row costs much, it is best to take none.
    assert m.best_threshold(criterion="cost", cost_fp=10).compute([0, 1], [2, 1]) == math.inf
    # A classifier that is worse than chance: no threshold is better than taking none, TPR - FPR = 0.
    assert m.best_threshold(criterion="youden").compute([0, 1], [2, 1]) == math.inf


def test_costs_are_of_the_criterion_cost() -> None:
    with pytest.raises(ParameterError, match=r'^best_threshold: cost_fp and cost_fn are about criterion="cost"$'):
        m.best_threshold(cost_fp=2)


def test_undefined_points_are_nan() -> None:
    for text in ("recall_at_precision", "precision_at_recall", "tpr_at_fpr", "best_threshold"):
        result = evaluated([text], [0, 0], [1, 2])
        assert math.isnan(result[text])
        assert result.table["undefined"].to_pylist() == [1]
        assert math.isnan(result.curve(text)["tpr"][0].as_py())
    assert m.recall_at_precision().compute([1, 1], [1, 2]) == 1.0
    assert math.isnan(m.tpr_at_fpr().compute([1, 1], [1, 2]))
    assert math.isnan(m.best_threshold(criterion="youden").compute([1, 1], [1, 2]))
    assert m.best_threshold(criterion="cost").compute([0, 0], [1, 2]) == math.inf


def test_quantiles_of_scores() -> None:
    # Scores .1 (0), .35 (1), .4 (0), .8 (1): half of all rows are at most .35.
    result = evaluated(["score_quantiles(q=[0.5, 0.51, 1])"], LABEL, SCORE)
    assert result["score_quantiles(q=[0.5, 0.51, 1])"] == 0.35
    assert result.curve("score_quantiles(q=[0.5, 0.51, 1])").to_pydict() == {
        "class": ["negative"] * 3 + ["positive"] * 3 + ["all"] * 3,
        "q": [0.5, 0.51, 1] * 3,
        "score": [0.1, 0.4, 0.4, 0.35, 0.8, 0.8, 0.35, 0.4, 0.8],
        "lower": [0.1, 0.4, 0.4, 0.35, 0.8, 0.8, 0.35, 0.4, 0.8],
        "upper": [0.1, 0.4, 0.4, 0.35, 0.8, 0.8, 0.35, 0.4, 0.8],
    }
    # One tenth of ten rows is one row, though the float 0.1 is more than 1/10.
    result = evaluated(["score_quantiles(q=[0, 0.1])"], *TEN)
    assert result.curve("score_quantiles(q=[0, 0.1])")["score"].to_pylist() == [1, 1, 4, 4, 1, 1]
    only_negative = evaluated(["score_quantiles(q=0.5)"], [0, 0], [3, 4]).curve("score_quantiles(q=0.5)")
    assert str(only_negative["score"].to_pylist()) == "[3.0, nan, 3.0]"


# ---------------------------------------------------------------------------------------------------------------------
# scikit-learn and NumPy


def images(digit: int) -> tuple[np.ndarray, np.ndarray]:
    arrays = np.load(shared("pointwise", "lenet-5-cifar-10.npz"))
    return (arrays["ground_truth"] == digit).astype(np.int8), arrays["predictions"][:, digit]


@pytest.mark.parametrize("limit", [0.05, 0.3, 0.5, 0.75, 0.9, 1.0])
def test_points_of_curves_of_scikit_learn(limit) -> None:
    label, score = images(3)
    precision, recall, _ = precision_recall_curve(label, score)
    fpr, tpr, _ = roc_curve(label, score, drop_intermediate=False)
    assert m.recall_at_precision(precision=limit).compute(label, score) == recall[precision >= limit].max()
    assert m.precision_at_recall(recall=limit).compute(label, score) == precision[:-1][recall[:-1] >= limit].max()
    assert m.tpr_at_fpr(fpr=limit).compute(label, score) == tpr[fpr <= limit].max()


def test_best_threshold_against_scikit_learn() -> None:
    label, score = images(5)
    result = evaluated(["best_threshold", "best_threshold(criterion=youden)"], label, score)
    best = result["best_threshold"]
    assert f1_score(label, score >= best) == result.curve("best_threshold")["f1"][0].as_py()
    near = np.unique(score)[::97]
    assert max(f1_score(label, score >= each) for each in near) <= f1_score(label, score >= best)
    fpr, tpr, thresholds = roc_curve(label, score, drop_intermediate=False)
    youden = tpr - fpr
    assert result["best_threshold(criterion=youden)"] == thresholds[np.flatnonzero(youden >= youden.max() - 1e-15)[0]]


@pytest.mark.parametrize("weighted", [False, True])
def test_quantiles_of_numpy(weighted) -> None:
    label, score = images(0)
    weight = np.random.default_rng(0).integers(1, 5, label.size).astype(np.float64) if weighted else None
    q = [0.0, 0.01, 0.1, 0.25, 0.5, 0.75, 0.99, 1.0]
    text = f"score_quantiles(q={q})"
    table = evaluated([text], label, score, weight).curve(m.parse(text)[0].name)
    chosen = {"negative": label == 0, "positive": label == 1, "all": label >= 0}
    for name, rows in chosen.items():
        weights = None if weight is None else weight[rows]
        expected = np.quantile(score[rows], q, method="inverted_cdf", weights=weights)
        mine = [row["score"] for row in table.to_pylist() if row["class"] == name]
        assert mine == expected.tolist(), name


# ---------------------------------------------------------------------------------------------------------------------
# Brute force over thresholds


@st.composite
def made_rows(draw) -> Any:
    """Labels, scores with heavy ties (-0.0, infinities, denormals among them), weights or None."""
    values = [0.0, -0.0, math.inf, -math.inf, 5e-324, 1.0, 1.0000001, 1.1, 2.0, -3.5, 1e300]
    count = draw(st.integers(1, 30))
    score = draw(st.lists(st.sampled_from(values), min_size=count, max_size=count))
    label = draw(st.lists(st.integers(0, 1), min_size=count, max_size=count))
    weights = st.sampled_from([0.0, 0.1, 0.3, 1.0, 2.5, 2.0**-20, 2.0**20])
    weight = draw(st.none() | st.lists(weights, min_size=count, max_size=count).filter(any))
    return np.array(label), np.array(score), None if weight is None else np.array(weight)


SHARES = [0.1, 0.25, 0.3, 1 / 3, 0.5, 2 / 3, 0.9, 1.0]
CRITERIA = ["f1", "youden", "cost", "cost, cost_fp=0.3", "cost, cost_fp=7, cost_fn=0.1"]


@settings(max_examples=150, deadline=None)
@given(rows=made_rows(), share=st.sampled_from(SHARES), criterion=st.sampled_from(CRITERIA))
def test_points_by_brute_force(rows, share, criterion) -> None:
    names = {
        f"recall_at_precision(precision={share})": "recall",
        f"precision_at_recall(recall={share})": "precision",
        f"tpr_at_fpr(fpr={share})": "tpr",
        f"best_threshold(criterion={criterion})": "threshold",
    }
    metrics = [m.parse(text)[0] for text in names]
    result = evaluated(metrics, *rows)
    reach = {r.threshold: r for r in reversed(reference.reached_thresholds(*rows))}
    for metric, column in zip(metrics, names.values(), strict=True):
        expected = getattr(reference, metric.definition.name)(*rows, **{**metric.parameters, "bits": None})
        value = result[metric.name]
        assert repr(value) == repr(expected), metric
        (row,) = result.curve(metric.name).to_pylist()
        if math.isnan(value):
            continue
        assert row[column] == value
        # Of score inf there may be rows, which the threshold inf takes.
        found = reach[row["threshold"]]
        if row["threshold"] < math.inf:
            assert (row["tp"], row["fp"]) == (float(found.tp), float(found.fp))


@settings(max_examples=100, deadline=None)
@given(rows=made_rows(), q=st.sampled_from([0.0, *SHARES]))
def test_quantiles_by_brute_force(rows, q) -> None:
    (metric,) = m.parse(f"score_quantiles(q={q})")
    for row in evaluated([metric], *rows).curve(metric.name).to_pylist():
        expected = reference.quantile(*rows, q=q, of=row["class"])
        assert repr(row["score"]) == repr(expected)


# ---------------------------------------------------------------------------------------------------------------------
# Cells


def rows_of_cells(seed: int, count: int, dtype: Any, weighted: bool, order: str) -> Any:
    """Rows of a few cells at 12 bits: in each the positives lie above, or below, the negatives, or anywhere."""
    rng = np.random.default_rng(seed)
    label, cell = rng.integers(0, 2, count), rng.integers(0, 5, count)
    inside = rng.integers(0, 8, count) / 8
    if order != "any":
        inside = (inside + (label == (1 if order == "above" else 0))) / 2
    score = (2.0**cell * (1 + inside / 8.01)).astype(dtype)
    score = np.where(rng.random(count) < 0.3, -score, score)
    return label, score, rng.choice(np.array([0.1, 1.0, 2.5, 2.0**-60]), count) if weighted else None


@settings(max_examples=150, deadline=None)
@given(
    seed=st.integers(0, 2**32 - 1),
    count=st.integers(1, 40),
    dtype=st.sampled_from([np.float32, np.float64]),
    weighted=st.booleans(),
    order=st.sampled_from(["any", "above", "below"]),
    share=st.sampled_from(SHARES),
    criterion=st.sampled_from(CRITERIA),
)
def test_bounds_hold_however_rows_lie_in_their_cells(seed, count, dtype, weighted, order, share, criterion) -> None:
    rows = rows_of_cells(seed, count, dtype, weighted, order)
    texts = [
        f"recall_at_precision(precision={share}",
        f"precision_at_recall(recall={share}",
        f"tpr_at_fpr(fpr={share}",
        f"best_threshold(criterion={criterion}",
        f"score_quantiles(q=[{share}, 0.0]",
    ]
    exact, binned = ([m.parse(text + end)[0] for text in texts] for end in (")", ", bits=12)"))
    result = evaluated([*exact, *binned], *rows)
    table = result.table.to_pylist()
    for right, row in zip(table, table[len(texts) :], strict=False):
        assert math.isnan(right["value"]) == math.isnan(row["value"])
        if not math.isnan(row["value"]):
            assert row["bound_lower"] <= right["value"] <= row["bound_upper"], row
            assert row["bound_lower"] <= row["value"] <= row["bound_upper"], row
    quantiles = [result.curve(metric.name).to_pylist() for metric in (exact[-1], binned[-1])]
    for right, row in zip(*quantiles, strict=True):
        assert math.isnan(right["score"]) == math.isnan(row["score"])
        assert math.isnan(row["score"]) or row["lower"] <= right["score"] <= row["upper"]


def test_ends_of_bounds_are_attained() -> None:
    # One cell at 12 bits (1 to 1.125): 2 positives, 2 negatives.  All it knows is the threshold 1, with precision 1/2.
    above, below = [1.0, 1.01, 1.02, 1.03], [1.02, 1.03, 1.0, 1.01]
    for score, value in ((above, 1.0), (below, 0.0)):
        label = [0, 0, 1, 1]
        (row,) = evaluated(["recall_at_precision(precision=0.9, bits=12)"], label, score).table.to_pylist()
        assert (row["value"], row["bound_lower"], row["bound_upper"], row["exact"]) == (0, 0, 1, False)
        assert m.recall_at_precision(precision=0.9).compute(label, score) == value
        (row,) = evaluated(["precision_at_recall(recall=0.9, bits=12)"], label, score).table.to_pylist()
        assert (row["value"], row["bound_lower"], row["bound_upper"]) == (0.5, 0.5, 1)
        (row,) = evaluated(["tpr_at_fpr(fpr=0.1, bits=12)"], label, score).table.to_pylist()
        assert (row["value"], row["bound_lower"], row["bound_upper"]) == (0, 0, 1)
        (row,) = evaluated(["best_threshold(bits=12)"], label, score).table.to_pylist()
        assert (row["value"], row["bound_lower"], row["bound_upper"]) == (1, 1, 1.125)
    assert m.precision_at_recall(recall=0.9).compute([0, 0, 1, 1], above) == 1.0
    assert m.precision_at_recall(recall=0.9).compute([0, 0, 1, 1], below) == 0.5


def test_bounds_of_the_best_threshold_leave_out_cells_that_cannot_hold_it() -> None:
    # Cells 1, 2, 4: 10 negatives; 10 positives; 1 of each.  F1 at 4: 2/(2+11), at 2: 22/(12+11); at best in 1: 22/23.
    label, score = [*[0] * 10, *[1] * 10, 0, 1], [*[1.0] * 10, *[2.0] * 10, 4.0, 4.0]
    (row,) = evaluated(["best_threshold(bits=12)"], label, score).table.to_pylist()
    # Cell 1 holds no positive: all thresholds in it are worse than that at 2.
    assert (row["value"], row["bound_lower"], row["bound_upper"]) == (2, 2, 2.25)
    # A positive in cell 1, at best above its negatives, F1 24/(13+12): better than 22/(12+12) at 2.
    (row,) = evaluated(["best_threshold(bits=12)"], [*label, 1], [*score, 1.0]).table.to_pylist()
    assert (row["value"], row["bound_lower"], row["bound_upper"]) == (2, 1, 2.25)
    # Where a positive costs little it is best to take none, unless that at 4 scores more than the negative there.
    (row,) = evaluated(
        ["best_threshold(criterion=cost, cost_fn=0.01, bits=12)"], [*label, 1], [*score, 1.0]
    ).table.to_pylist()
    assert (row["value"], row["bound_lower"], row["bound_upper"]) == (math.inf, 4, math.inf)


def test_a_million_pairs_of_weights_are_told_apart() -> None:
    # Precision 1/2 and a little less, by 2^-60 of 2^20: floats cannot tell.
    label, score, weight = [1, 0, 0], [3.0, 2.0, 1.0], [2.0**20, 2.0**20, 2.0**-60]
    assert point("recall_at_precision(precision=0.5)", label, score, weight)["threshold"] == 3
    label, score, weight = [0, 1, 0, 1], [4.0, 3.0, 2.0, 1.0], [2.0**20, 2.0**20, 2.0**-60, 2.0**-60]
    # At 3 the quotient is 1/2; at 1 it is 1/2 again, and recall is higher.
    assert point("recall_at_precision(precision=0.5)", label, score, weight)["threshold"] == 1
