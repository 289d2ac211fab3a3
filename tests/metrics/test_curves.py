"""Curves over all thresholds: hand-worked cases, scikit-learn, and bounds of cells."""

from __future__ import annotations

import math
from fractions import Fraction
from itertools import pairwise
from typing import Any

import helpers
import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from shared_data import shared
from sklearn.metrics import auc as area
from sklearn.metrics import average_precision_score, precision_recall_curve, roc_curve

import fastrank as fr
from fastrank import metrics as m
from fastrank import reference

LABEL, SCORE = [0, 0, 1, 1], [0.1, 0.4, 0.35, 0.8]
ROLES = {"label": "y", "score": "s"}


def evaluated(metrics: list[Any], label: Any, score: Any, weight: Any = None) -> fr.Result:
    rows = {"y": np.asarray(label), "s": np.asarray(score)} | ({} if weight is None else {"w": np.asarray(weight)})
    return fr.evaluate(rows, metrics, **ROLES, **({} if weight is None else {"weight": "w"}))


def curve(metric: str, label: Any, score: Any, weight: Any = None) -> dict[str, list[Any]]:
    return evaluated([metric], label, score, weight).curve(metric).to_pydict()


def test_roc_curve() -> None:
    # From the top: .8 positive, .4 negative, .35 positive, .1 negative.
    assert curve("roc_curve", LABEL, SCORE) == {
        "threshold": [math.inf, 0.8, 0.4, 0.35, 0.1],
        "tp": [0, 1, 1, 2, 2],
        "fp": [0, 0, 1, 1, 2],
        "fpr": [0, 0, 0.5, 0.5, 1],
        "tpr": [0, 0.5, 0.5, 1, 1],
    }
    # Weights: positives 3 (.35) and 5 (.8), negatives 1 (.1) and 2 (.4).
    weighted = curve("roc_curve", LABEL, SCORE, [1.0, 2.0, 3.0, 5.0])
    assert weighted["tpr"] == [0, 5 / 8, 5 / 8, 1, 1]
    assert weighted["fpr"] == [0, 0, 2 / 3, 2 / 3, 1]


def test_pr_curve() -> None:
    assert curve("pr_curve", LABEL, SCORE) == {
        "threshold": [math.inf, 0.8, 0.4, 0.35, 0.1],
        "tp": [0, 1, 1, 2, 2],
        "fp": [0, 0, 1, 1, 2],
        "precision": [1, 1, 1 / 2, 2 / 3, 2 / 4],
        "recall": [0, 0.5, 0.5, 1, 1],
    }
    # Positives at .8 with precision 1 and at .35 with 2/3: (1 + 2/3) / 2.
    assert m.pr_curve().compute(LABEL, SCORE) == pytest.approx(5 / 6, rel=1e-15)


def test_curves_of_one_class_have_no_rates() -> None:
    only_negative = curve("roc_curve", [0, 0], [0.1, 0.2])
    assert np.isnan(only_negative["tpr"]).all()
    assert only_negative["fpr"] == [0, 0.5, 1]
    assert np.isnan(curve("pr_curve", [0, 0], [0.1, 0.2])["recall"]).all()
    assert np.isnan(curve("lift", [0, 0], [0.1, 0.2])["lift"]).all()


def test_thinned_curves_keep_corners_of_the_hull() -> None:
    # ROC points (fp, tp): (0,0) (0,1) (1,1) (1,2) (2,2); the hull's corners: (0,0) (0,1) (1,2) (2,2).
    assert curve("roc_curve(points=4)", LABEL, SCORE)["threshold"] == [math.inf, 0.8, 0.35, 0.1]
    # Both inner corners cost the triangle with corners (0,0) (0,1) (1,2), or (0,1) (1,2) (2,2): the first goes.
    assert curve("pr_curve(points=3)", LABEL, SCORE)["threshold"] == [math.inf, 0.35, 0.1]
    assert curve("roc_curve(points=2)", LABEL, SCORE)["threshold"] == [math.inf, 0.1]
    assert curve("roc_curve(points=5)", LABEL, SCORE) == curve("roc_curve", LABEL, SCORE)
    assert m.roc_curve(points=2).compute(LABEL, SCORE) == 0.75


def test_lift_and_gain() -> None:
    # Half of the rows: .8 positive, .4 negative: 1 of 2 positives; half of the rows would have 1 at random.
    assert m.cumulative_gain(fraction=0.5).compute(LABEL, SCORE) == 0.5
    assert m.lift(fraction=0.5).compute(LABEL, SCORE) == 1.0
    # 3 of 4 rows tie at .5, of which 1 is positive; the top half is .9 and one of the tied: 1 + 1/3 of 2 positives.
    assert m.cumulative_gain(fraction=0.5).compute([1, 1, 0, 0], [0.9, 0.5, 0.5, 0.5]) == 2 / 3
    assert m.lift(fraction=0.5).compute([1, 1, 0, 0], [0.9, 0.5, 0.5, 0.5]) == 4 / 3
    # 0.1 of 10 rows is one row, though the float 0.1 is more than 1/10.
    assert m.cumulative_gain(fraction=0.1).compute([1, 1, 1, *[0] * 7], range(10, 0, -1)) == 1 / 3
    assert m.lift(fraction=1).compute(LABEL, SCORE) == 1.0
    # Weights: rows weigh 11, half of them 5.5: the 5 at .8 and 0.5 of the negative 2 at .4.
    assert m.cumulative_gain(fraction=0.5).compute(LABEL, SCORE, [1, 2, 3, 5]) == 5 / 8
    # Less than the least float: the row at the top.
    assert m.lift(fraction=5e-324).compute(LABEL, SCORE, [2.0**-60] * 4) == 2.0


def test_the_curve_of_lift_and_gain() -> None:
    for name in ("lift", "cumulative_gain"):
        found = curve(name, LABEL, SCORE)
        assert found["fraction"] == [0, 0.25, 0.5, 0.75, 1]
        assert found["gain"] == [0, 0.5, 0.5, 1, 1]
        assert math.isnan(found["lift"][0])
        assert found["lift"][1:] == [2, 1, 4 / 3, 1]


@pytest.mark.parametrize("fraction", [0.1, 0.25, 0.5])
@pytest.mark.parametrize("metric", ["lift", "cumulative_gain"])
def test_bounds_of_the_top_rows(metric, fraction) -> None:
    # All rows in one cell (1 to 1.125 at 12 bits), one positive of eight, above or below the others.
    for place, attained in ((7, "bound_upper"), (0, "bound_lower")):
        label = np.zeros(8, int)
        label[place] = 1
        score = 1 + np.arange(8) / 100
        text = f"{metric}(fraction={fraction}, bits=12)"
        row = evaluated([text], label, score).table.to_pylist()[0]
        exact = evaluated([f"{metric}(fraction={fraction})"], label, score).table["value"][0].as_py()
        assert row["bound_lower"] <= exact <= row["bound_upper"]
        assert row[attained] == pytest.approx(exact, abs=1e-15)


# ---------------------------------------------------------------------------------------------------------------------
# scikit-learn


def compare_with_sklearn(label: np.ndarray, score: np.ndarray, weight: np.ndarray | None) -> None:
    result = evaluated(["roc_curve", "pr_curve"], label, score, weight)
    fpr, tpr, thresholds = roc_curve(label, score, sample_weight=weight, drop_intermediate=False)
    table = result.curve("roc_curve")
    np.testing.assert_array_equal(table["threshold"].to_numpy(), thresholds)
    np.testing.assert_allclose(table["fpr"].to_numpy(), fpr, rtol=1e-12, atol=1e-15)
    np.testing.assert_allclose(table["tpr"].to_numpy(), tpr, rtol=1e-12, atol=1e-15)
    assert result["roc_curve"] == pytest.approx(area(fpr, tpr), rel=1e-12)
    precision, recall, thresholds = precision_recall_curve(label, score, sample_weight=weight)
    table = result.curve("pr_curve")
    np.testing.assert_array_equal(table["threshold"].to_numpy()[1:], thresholds[::-1])
    np.testing.assert_allclose(table["precision"].to_numpy(), precision[::-1], rtol=1e-12, atol=1e-15)
    np.testing.assert_allclose(table["recall"].to_numpy(), recall[::-1], rtol=1e-12, atol=1e-15)
    assert result["pr_curve"] == pytest.approx(average_precision_score(label, score, sample_weight=weight), rel=1e-12)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("weighted", [False, True])
def test_curves_of_scikit_learn(dtype, weighted) -> None:
    rng = np.random.default_rng(3)
    score = rng.normal(size=2_000).round(2).astype(dtype)
    label = (rng.random(2_000) < 1 / (1 + np.exp(-score))).astype(np.int8)
    compare_with_sklearn(label, score, rng.choice(np.array([0.1, 1.0, 2.5]), 2_000) if weighted else None)


@pytest.mark.parametrize("digit", [0, 3])
def test_curves_of_images(digit) -> None:
    images = np.load(shared("pointwise", "lenet-5-cifar-10.npz"))
    label, score = images["ground_truth"] == digit, images["predictions"][:, digit]
    assert score.dtype == np.float32
    compare_with_sklearn(label.astype(np.int8), score, None)


def test_curves_of_tumours() -> None:
    rows = np.loadtxt(shared("pointwise", "breast_cancer.csv"), delimiter=",", skiprows=1)
    compare_with_sklearn(rows[:, 30].astype(np.int8), rows[:, 1], rows[:, 0])


# ---------------------------------------------------------------------------------------------------------------------
# Cells


@settings(max_examples=80, deadline=None)
@given(
    seed=st.integers(0, 2**32 - 1),
    count=st.integers(2, 40),
    dtype=st.sampled_from([np.float32, np.float64]),
    weighted=st.booleans(),
    order=st.sampled_from(["any", "positives above", "positives below"]),
    tied=st.booleans(),
)
def test_bounds_hold_however_rows_lie_in_their_cells(seed, count, dtype, weighted, order, tied) -> None:
    label, score, weight = cells_of_rows(seed, count, dtype, weighted, order, tied)
    exact = ["pr_curve", "lift(fraction=0.3)", "cumulative_gain(fraction=0.07)", "roc_curve"]
    binned = [f"{text[:-1]}, bits=12)" if "(" in text else f"{text}(bits=12)" for text in exact]
    table = evaluated([*exact, *binned], label, score, weight).table.to_pylist()
    for right, row in zip(table, table[len(exact) :], strict=False):
        assert math.isnan(right["value"]) == math.isnan(row["value"])
        if not math.isnan(row["value"]):
            assert row["bound_lower"] <= right["value"] <= row["bound_upper"], row
            assert row["bound_lower"] <= row["value"] <= row["bound_upper"], row


def cells_of_rows(seed: int, count: int, dtype: Any, weighted: bool, order: str, tied: bool) -> Any:
    """Rows of few cells at 12 bits, of both signs; in each the positives lie above, or below, or anywhere; tied or
    spread."""
    rng = np.random.default_rng(seed)
    cell = rng.integers(-3, 4, count)
    label = rng.integers(0, 2, count)
    # Within an eighth of their power of two, or at its lower end.
    inside = np.full(count, 0.5) if tied else rng.random(count)
    if order != "any":
        above = label == 1 if order == "positives above" else label == 0
        inside = (inside + above) / 2
    base = np.where(cell < 0, -(2.0**-cell) - 2.0**-cell / 8, np.where(cell > 0, 2.0**cell, 0.0))
    width = np.where(cell == 0, 2.0**-140, 2.0 ** np.abs(cell) / 8)
    score = (base + inside * 0.99 * width).astype(dtype)
    weight = rng.choice(np.array([0.1, 1.0, 2.5, 2.0**-60]), count) if weighted else None
    return label, score, weight


def test_points_of_cells_are_points_of_the_exact_curve() -> None:
    rng = np.random.default_rng(0)
    score, label = rng.normal(size=500).astype(np.float32), rng.integers(0, 2, 500)
    result = evaluated(["roc_curve", "roc_curve(bits=12)"], label, score)
    cells = result.curve("roc_curve(bits=12)").to_pylist()
    assert 10 < len(cells) < len(result.curve("roc_curve"))
    for row in cells:
        assert row["tp"] == np.count_nonzero((score >= row["threshold"]) & (label == 1))
        assert row["fp"] == np.count_nonzero((score >= row["threshold"]) & (label == 0))


# ---------------------------------------------------------------------------------------------------------------------
# The same bits


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize(
    "text",
    ["roc_curve", "pr_curve(points=7)", "lift(points=9)", "roc_curve(bits=12)", "cumulative_gain(points=3, bits=14)",
     "best_threshold", "score_quantiles", "recall_at_precision(precision=0.6)", "precision_at_recall(bits=12)"],
)  # fmt: skip
def test_curves_are_the_same_in_shards(text, weighted) -> None:
    rng = np.random.default_rng(2)
    rows = helpers.make_rows([60, 40, 50], 8, np.float32)
    roles = {"label": "clicked", "score": "p2", "by": "country", **({"weight": "weight"} if weighted else {})}

    def curves(evaluator: fr.Evaluator) -> list[Any]:
        result = evaluator.result()
        tables = [result.curve(text), *(result.curve(text, {"country": each}) for each in ("DE", "FR", None))]
        return [[helpers.bits(value) for value in column.to_pylist()] for table in tables for column in table.columns]

    expected = curves(helpers.fed(fr.Evaluator([text], **roles), [rows]))
    for _ in range(3):
        mixed = rows.take(pa.array(rng.permutation(rows.num_rows).tolist(), pa.int64()))
        shards = [helpers.fed(fr.Evaluator([text], **roles), [part]) for part in helpers.cut(mixed, [37, 80])]
        (whole,) = helpers.merged_in_any_order(shards, rng)
        assert curves(whole) == expected


def test_scores_that_are_special() -> None:
    # -0.0 is 0.0; infinities are ordinary; a row of weight 0 is absent.
    found = curve("roc_curve", [1, 0, 1, 0, 1], [math.inf, -0.0, 0.0, -math.inf, 3.0], [1.0, 1, 1, 1, 0])
    assert found["threshold"] == [math.inf, math.inf, 0.0, -math.inf]
    assert math.copysign(1, found["threshold"][2]) == 1
    assert (found["tp"], found["fp"]) == ([0, 1, 2, 2], [0, 0, 1, 2])
    binned = curve("roc_curve(bits=12)", [1, 0, 1, 0], [math.inf, -0.0, 0.0, -math.inf])
    assert (binned["threshold"], binned["tp"]) == ([math.inf, math.inf, 0.0, -math.inf], [0, 1, 2, 2])


@settings(max_examples=60, deadline=None)
@given(seed=st.integers(0, 2**32 - 1), count=st.integers(1, 60), points=st.integers(2, 12), weighted=st.booleans())
def test_a_thinned_curve_has_the_area_of_the_hull(seed, count, points, weighted) -> None:
    rng = np.random.default_rng(seed)
    label, score = rng.integers(0, 2, count), rng.integers(0, 30, count) / 8
    weight = rng.choice(np.array([0.25, 1.0, 3.0]), count) if weighted else None
    whole, thin = (curve(text, label, score, weight) for text in ("roc_curve", f"roc_curve(points={points})"))
    assert len(thin["tp"]) <= points
    places = [(t, f) for t, f in zip(whole["tp"], whole["fp"], strict=True)]
    assert [places.index(each) for each in zip(thin["tp"], thin["fp"], strict=True)] == sorted(
        places.index(each) for each in set(zip(thin["tp"], thin["fp"], strict=True))
    )
    assert (thin["tp"][-1], thin["fp"][-1]) == places[-1]
    if len(hull(places)) <= points:
        assert area_of(hull(list(zip(thin["tp"], thin["fp"], strict=True)))) == area_of(hull(places))
    if len(places) <= points:
        assert repr(thin) == repr(whole)


def hull(places: list[tuple[float, float]]) -> list[tuple[Fraction, Fraction]]:
    """Corners of the upper hull as (fp, tp), by a chain of exact numbers."""
    chain: list[tuple[Fraction, Fraction]] = []
    for y, x in sorted({(Fraction(t), Fraction(f)) for t, f in places}, key=lambda p: (p[1], p[0])):
        while len(chain) > 1 and (chain[-1][1] - chain[-2][1]) * (x - chain[-1][0]) <= (y - chain[-1][1]) * (
            chain[-1][0] - chain[-2][0]
        ):
            chain.pop()
        chain.append((x, y))
    return chain


def area_of(chain: list[tuple[Fraction, Fraction]]) -> Fraction:
    """Twice the area under a chain."""
    return sum(((b[0] - a[0]) * (a[1] + b[1]) for a, b in pairwise(chain)), Fraction(0))


def test_the_reference_reaches_what_the_curve_shows() -> None:
    rng = np.random.default_rng(9)
    label, score = rng.integers(0, 2, 60), rng.integers(0, 12, 60) / 4
    weight = rng.choice(np.array([0.1, 1.0, 2.5]), 60)
    found = curve("roc_curve", label, score, weight)
    for i, reach in enumerate(reference.reached_thresholds(label, score, weight)):
        assert (found["threshold"][i], found["tp"][i], found["fp"][i]) == (
            reach.threshold,
            float(reach.tp),
            float(reach.fp),
        )
