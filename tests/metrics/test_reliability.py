"""Calibration by bins: hand-worked cases, and the definitions of peers told again."""

from __future__ import annotations

import math
from typing import Any

import helpers
import numpy as np
import pyarrow as pa
import pytest
from scipy.stats import binomtest
from shared_data import shared
from sklearn.calibration import calibration_curve
from sklearn.isotonic import IsotonicRegression
from sklearn.metrics import brier_score_loss

import fastrank as fr
from fastrank import metrics as m
from fastrank import reference
from fastrank.errors import InvalidValueError, ParameterError, StateMismatchError

CLOSE = 1e-12


def made_up(count: int = 5000, dtype: Any = np.float64, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    p = rng.beta(0.7, 2, count).astype(dtype)
    return (rng.random(count) < p**1.3).astype(np.int8), p


def curve(metric: Any, y: Any, p: Any, weight: Any = None) -> dict[str, np.ndarray]:
    rows = {"y": y, "p": p, **({} if weight is None else {"w": weight})}
    result = fr.evaluate(rows, metric, label="y", score="p", weight=None if weight is None else "w")
    return {name: np.array(column) for name, column in result.curve(metric.name).to_pydict().items()}


def records(name: str) -> tuple[np.ndarray, np.ndarray]:
    with np.load(shared("pointwise", f"{name}.npz")) as found:
        return found["ground_truth"].ravel(), found["predictions"]


def test_a_curve_by_hand():
    y, p, w = [0, 1, 1, 0, 1], [0.125, 0.25, 0.5, 0.75, 1.0], [1.0, 3.0, 1.0, 2.0, 1.0]
    found = curve(m.calibration_curve(bins=4), y, p, w)
    assert found["lower"].tolist() == [0, 0.25, 0.5, 0.75]
    assert found["upper"].tolist() == [0.25, 0.5, 0.75, 1]
    assert found["count"].tolist() == [1, 1, 1, 2]
    assert found["weight"].tolist() == [1, 3, 1, 3]
    assert found["mean_prediction"].tolist() == [0.125, 0.25, 0.5, 2.5 / 3]
    assert found["mean_label"].tolist() == [0, 1, 1, 1 / 3]
    # (1 * .125 + 3 * .75 + 1 * .5 + 3 * .5) / 8
    assert m.ece(bins=4).compute(y, p, w) == m.calibration_curve(bins=4).compute(y, p, w) == 4.375 / 8
    assert m.mce(bins=4).compute(y, p, w) == 0.75
    assert m.rmsce(bins=4).compute(y, p, w) == pytest.approx(
        math.sqrt((0.125**2 + 3 * 0.75**2 + 0.25 + 0.75) / 8), rel=1e-15
    )
    right = curve(m.calibration_curve(bins=4, closed="right"), y, p, w)
    assert right["count"].tolist() == [2, 1, 1, 1]


@pytest.mark.parametrize("bins", [3, 7, 10, 15])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_numbers_on_edges_go_where_float64_says(bins, dtype):
    p = np.array([i / bins for i in range(bins + 1)], np.float64).astype(dtype)
    left = [max(i for i in range(bins) if i / bins <= x) for x in p.tolist()]
    right = [sum(i / bins < x for i in range(1, bins)) for x in p.tolist()]
    for closed, places in (("left", left), ("right", right)):
        found = curve(m.calibration_curve(bins=bins, closed=closed), np.ones(p.size, np.int8), p)
        assert found["count"].tolist() == np.bincount(places, minlength=bins).tolist()
    # As float32 0.3 is above 0.3, and 0.7 below.
    if bins == 10 and dtype == np.float32:
        assert (left[3], left[7], right[3], right[7]) == (3, 6, 3, 6)


def test_no_rows_and_one_class():
    every = ["ece", "mce", "rmsce", "calibration_curve(bins=2)", "brier_decomposition", "ece(strategy=quantile)"]
    result = fr.Evaluator([*every, "brier_decomposition(method=isotonic)"], label="y", score="p").result()
    assert all(math.isnan(x) for x in result.to_dict()["value"])
    assert result.curve("calibration_curve(bins=2)")["count"].to_pylist() == [0, 0]
    assert m.ece().compute([1, 1], [0.25, 0.75]) == 0.5
    assert m.ece().compute([1, 1], [0.0, 0.75], [0, 1]) == 0.25


def test_empty_bins_are_kept_or_dropped():
    y, p = [0, 1], [0.1, 0.9]
    kept, dropped = (curve(m.calibration_curve(bins=5, empty=rule), y, p) for rule in ("keep", "drop"))
    assert kept["count"].tolist() == [1, 0, 0, 0, 1]
    assert (
        np.isnan(kept["mean_label"]).tolist() == np.isnan(kept["ci_upper"]).tolist() == [False, True, True, True, False]
    )
    assert dropped["mean_label"].tolist() == [0, 1]
    assert dropped["lower"].tolist() == [0, 0.8]


def test_wilson_intervals_are_those_of_scipy():
    y, p = made_up(3000)
    found = curve(m.calibration_curve(bins=8, confidence=0.9), y, p)
    for b in range(8):
        n = int(found["count"][b])
        interval = binomtest(round(found["mean_label"][b] * n), n).proportion_ci(0.9, method="wilson")
        assert found["ci_lower"][b] == pytest.approx(interval.low, rel=CLOSE, abs=1e-15)
        assert found["ci_upper"][b] == pytest.approx(interval.high, rel=CLOSE)


@pytest.mark.parametrize("bins", [1, 5, 10, 15, 100])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_uniform_bins_are_those_of_sklearn(bins, dtype):
    y, p = made_up(dtype=dtype)
    p[:200] = np.random.default_rng(1).integers(0, 11, 200) / 10
    p = np.where(np.isin(p, (np.arange(1, bins) / bins).astype(dtype)), dtype(0), p)  # of which it compares float32
    rates, means = calibration_curve(y, p, n_bins=bins)
    found = curve(m.calibration_curve(bins=bins, closed="right", empty="drop"), y, p)
    np.testing.assert_allclose(found["mean_label"], rates, rtol=CLOSE)
    np.testing.assert_allclose(found["mean_prediction"], means, rtol=CLOSE if dtype == np.float64 else 1e-5)


def test_right_closed_edges_are_those_of_sklearn():
    y, p = np.array([0, 1, 1, 0, 1, 0]), np.array([0.0, 0.2, 0.4, 0.5, 0.8, 1.0])
    rates, means = calibration_curve(y, p, n_bins=5)
    found = curve(m.calibration_curve(bins=5, closed="right", empty="drop"), y, p)
    assert found["mean_label"].tolist() == pytest.approx(rates.tolist())
    assert found["mean_prediction"].tolist() == pytest.approx(means.tolist())


@pytest.mark.parametrize("bins", [2, 5, 10])
def test_bins_of_equal_mass_are_those_of_sklearn(bins):
    # Where bins divide the number of rows and none tie, an interpolated quantile parts the rows as ours does.
    y, p = made_up(4000)
    rates, means = calibration_curve(y, p, n_bins=bins, strategy="quantile")
    found = curve(m.calibration_curve(bins=bins, strategy="quantile"), y, p)
    assert found["count"].tolist() == [4000 // bins] * bins
    np.testing.assert_allclose(found["mean_label"], rates, rtol=CLOSE)
    np.testing.assert_allclose(found["mean_prediction"], means, rtol=CLOSE)
    assert found["lower"][1:].tolist() == found["upper"][:-1].tolist()
    assert (found["lower"][0], found["upper"][-1]) == (p.min(), p.max())


def test_bins_of_equal_mass_never_split_ties():
    y, p = [0, 1, 0, 1, 1, 0], [0.5, 0.5, 0.5, 0.5, 0.75, 0.25]
    found = curve(m.calibration_curve(bins=3, strategy="quantile"), y, p)
    # 2 of 6 rows reach to 0.5, as do 4; what is left is 0.75
    assert found["count"].tolist() == [5, 1]
    assert found["upper"].tolist() == [0.5, 0.75]
    # Weights: a third of 6 is reached by 0.25, two thirds by 0.5.
    weighted = curve(m.calibration_curve(bins=3, strategy="quantile"), [0, 1, 1], [0.25, 0.5, 0.75], [2.5, 2.5, 1.0])
    assert weighted["weight"].tolist() == [2.5, 2.5, 1.0]
    assert "count" not in weighted


@pytest.mark.parametrize("weighted", [False, True])
def test_bins_of_equal_mass_of_many_scores_on_several_threads(weighted):
    y, p = made_up(300_000)
    w = np.random.default_rng(2).choice([0.0, 0.5, 2.0], y.size) if weighted else None
    rows = {"y": y, "p": p, **({"w": w} if weighted else {})}
    roles = {"label": "y", "score": "p", "weight": "w" if weighted else None}
    one, two = (fr.evaluate(rows, "ece(bins=20, strategy=quantile)", **roles, threads=n) for n in (1, 2))
    assert helpers.result_bits(one) == helpers.result_bits(two)
    weights = np.ones(y.size) if w is None else w
    order = np.argsort(p)
    reached = np.cumsum(weights[order])
    edges = [p[order][np.searchsorted(reached, j / 20 * reached[-1])] for j in range(1, 20)]
    place = np.searchsorted(edges, p)
    gaps = np.bincount(place, weights * (p - y), 20)
    assert one.to_dict()["value"][0] == pytest.approx(np.abs(gaps).sum() / weights.sum(), rel=1e-11)


def test_edges_of_ones_own():
    y, p = [0, 1, 0, 1], [0.05, 0.2, 0.6, 1.0]
    found = curve(m.calibration_curve(edges=[0.2, 0.6]), y, p)
    assert found["count"].tolist() == [1, 1, 2]
    assert (found["lower"].tolist(), found["upper"].tolist()) == ([0, 0.2, 0.6], [0.2, 0.6, 1])
    assert m.calibration_curve(edges=[0, 0.2, 0.6, 1]) == m.calibration_curve(edges=(0.2, 0.6))
    assert curve(m.calibration_curve(edges=[0.2, 0.6], closed="right"), y, p)["count"].tolist() == [2, 1, 1]


def with_hidden_bin(y: np.ndarray, p: np.ndarray, bins: int, norm: str) -> float:
    """Documented by torchmetrics: `bins` intervals [i / bins, (i + 1) / bins), and what is exactly 1 apart."""
    place = np.searchsorted(np.linspace(0, 1, bins + 1), p, "right") - 1
    there = np.unique(place)
    share = np.array([(place == b).mean() for b in there])
    gap = np.array([abs(p[place == b].mean() - y[place == b].mean()) for b in there])
    return {"l1": (share * gap).sum(), "max": gap.max(), "l2": math.sqrt((share * gap**2).sum())}[norm]


@pytest.mark.parametrize("norm", ["l1", "max", "l2"])
@pytest.mark.parametrize("bins", [3, 15, 25])
def test_rules_of_torchmetrics(norm, bins):
    y, p = made_up(2000)
    p[::7] = 1.0
    make = {"l1": m.ece, "max": m.mce, "l2": m.rmsce}[norm]
    found = make(bins=bins, phantom_one=True).compute(y, p)
    assert found == pytest.approx(with_hidden_bin(y, p, bins, norm), rel=CLOSE)
    # Gaps of one sign add up to the same, whatever the bins.
    assert norm != "l2" or found != make(bins=bins).compute(y, p)


def test_documented_example_of_torchmetrics():
    # preds, target and the values of BinaryCalibrationError(n_bins=2, norm=...), as its documentation prints them
    p, y = [0.25, 0.25, 0.55, 0.75, 0.75], [0, 0, 1, 1, 1]
    values = [make(bins=2, phantom_one=True).compute(y, p) for make in (m.ece, m.rmsce, m.mce)]
    assert [round(value, 4) for value in values] == [0.29, 0.2918, 0.3167]


def test_rules_of_netcal():
    # numpy.histogram_bin_edges(bins, range=(0, 1)): half-open bins, the last closed.
    y, p = made_up(2000)
    p[::9] = 1.0
    edges = np.linspace(0, 1, 11)
    count, rate, mean = (np.histogram(p, edges, weights=w)[0] for w in (None, y, p))
    right = np.abs(rate - mean).sum() / p.size
    assert m.ece(bins=10).compute(y, p) == pytest.approx(right, rel=CLOSE)
    assert m.mce(bins=10).compute(y, p) == pytest.approx((np.abs(rate - mean) / count).max(), rel=CLOSE)


def test_buckets_of_tfma():
    # 10,000 buckets [lo, hi); what is 1 lies past them.
    y, p = made_up(20_000, np.float32)
    p[:50] = 1
    found = curve(m.calibration_curve(bins=10_000, phantom_one=True, empty="drop"), y, p)
    place = np.floor(p.astype(np.float64) * 10_000).astype(int)
    there, counts = np.unique(place, return_counts=True)
    assert found["count"].tolist() == counts.tolist()
    assert found["lower"].tolist() == (there / 10_000).tolist()
    np.testing.assert_allclose(found["mean_label"], np.bincount(place, y)[there] / counts, rtol=CLOSE)


@pytest.mark.parametrize("name", ["lenet-5-cifar-10", "densenet-bc-100-cifar-100"])
def test_top_label_and_classwise_errors_of_networks(name):
    labels, scores = records(name)
    wide, bins = scores.astype(np.float64), 15
    top = wide.argmax(axis=1)
    place = np.minimum(np.floor(wide * bins).astype(int), bins - 1)

    def error(p: np.ndarray, y: np.ndarray, b: np.ndarray) -> float:
        return float(np.abs(np.bincount(b, p - y, bins)).sum() / p.size)

    each = np.arange(len(labels))
    rows = {"y": labels, "p": scores}
    result = fr.evaluate(rows, ["ece(mode=top_label)", "ece(mode=classwise)"], label="y", score="p")
    right = error(wide.max(axis=1), top == labels, place[each, top])
    assert result["ece(mode=top_label)"] == pytest.approx(right, rel=1e-9)
    classes = range(scores.shape[1])
    right = np.mean([error(wide[:, k], labels == k, place[:, k]) for k in classes])
    assert result["ece(mode=classwise)"] == pytest.approx(right, rel=1e-9)
    table = result.curve("ece(mode=classwise)").to_pydict()
    assert table["class"][::bins] == list(classes)
    assert sum(table["count"]) == scores.size


def test_the_likelier_of_two_classes():
    y, p = [0, 1, 1, 0], [0.25, 0.5, 0.4, 0.9]
    # confidences .75, .5, .6, .9; right, right, wrong, wrong
    found = m.ece(bins=2, mode="binary_top_label").compute(y, p)
    assert found == pytest.approx((0.75 + 0.5 + 0.6 + 0.9 - 2) / 4, rel=1e-15)
    both = np.array([[1 - x, x] for x in p])
    # Of two equal scores the first is the highest, so that 1/2 stands for the other class.
    assert m.ece(bins=2, mode="top_label").compute(y, both) == pytest.approx((2.75 - 1) / 4, rel=1e-15)


def test_parts_of_the_brier_score_by_hand():
    y, p = [0, 1, 1, 1], [0.25, 0.25, 0.75, 0.75]
    found = {part: m.brier_decomposition(bins=2, part=part).compute(y, p) for part in PARTS}
    assert found == {
        "total": 0.1875,
        "reliability": 0.0625,
        "resolution": 0.0625,
        "uncertainty": 0.1875,
        "within_bin": 0,
    }
    # In one bin: variance 1/16 less twice the covariance, 2 * 1/16.
    assert m.brier_decomposition(bins=1, part="within_bin").compute(y, p) == pytest.approx(1 / 16 - 2 / 16, abs=1e-16)


PARTS = ("total", "reliability", "resolution", "uncertainty", "within_bin")
RULES = ({}, {"bins": 3}, {"strategy": "quantile", "bins": 7}, {"edges": [0.1, 0.2]}, {"method": "isotonic"})


@pytest.mark.parametrize("rules", RULES, ids=str)
@pytest.mark.parametrize("weighted", [False, True])
def test_parts_sum_to_the_brier_score(rules, weighted):
    y, p = made_up(dtype=np.float32)
    w = np.random.default_rng(3).choice([0.0, 0.3, 1.0, 4.0], y.size) if weighted else None
    found = {name: float(x[0]) for name, x in curve(m.brier_decomposition(**rules), y, p, w).items()}
    assert found["total"] == m.brier().compute(y, p, w)
    assert found["total"] == pytest.approx(brier_score_loss(y, p.astype(np.float64), sample_weight=w), rel=CLOSE)
    whole = found["reliability"] - found["resolution"] + found["uncertainty"] + found["within_bin"]
    assert whole == pytest.approx(found["total"], rel=1e-14)


@pytest.mark.parametrize("weighted", [False, True])
def test_the_isotonic_parts_are_what_sklearn_recalibrates(weighted):
    y, p = made_up(3000)
    p = p.round(3)
    w = np.random.default_rng(4).uniform(0.5, 3, y.size) if weighted else np.ones(y.size)
    fitted = IsotonicRegression().fit(p, y, sample_weight=w).predict(p)
    own, rate = np.average((fitted - y) ** 2, weights=w), np.average(y, weights=w)
    found = curve(m.brier_decomposition(method="isotonic"), y, p, w if weighted else None)
    assert found["reliability"][0] == pytest.approx(np.average((p - y) ** 2, weights=w) - own, abs=1e-12)
    assert found["resolution"][0] == pytest.approx(rate * (1 - rate) - own, abs=1e-12)
    assert found["within_bin"][0] == 0


def test_tiny_probabilities_keep_their_digits():
    y, p = np.zeros(4, np.int8), np.array([2.0**-1074, 1e-300, 1e-200, 0.0])
    assert m.ece().compute(y, p) == pytest.approx((1e-200 + 1e-300) / 4, rel=1e-15)
    assert m.rmsce().compute(y, p) == pytest.approx(1e-200 / 4, rel=1e-15)
    small = np.array([1e-30, 3e-12, 2.0**-30], np.float32)
    assert m.ece().compute([0, 0, 0], small) == math.fsum(small.astype(np.float64).tolist()) / 3


@pytest.mark.parametrize(
    ("spelling", "message"),
    [
        ("ece(bins=0)", "an integer from 1 to 65536"),
        ("ece(edges=[0.5, 0.2])", "ascend"),
        ("ece(edges=[0, 1])", "between 0 and 1"),
        ("ece(edges=[0.5], bins=3)", "edges= say where bins meet"),
        ("ece(edges=[0.5], phantom_one=True)", "phantom_one=True goes with"),
        ("ece(closed=right, phantom_one=True)", "phantom_one=True goes with"),
        ("ece(strategy=quantile, mode=top_label)", 'is for mode="positive"'),
        ("ece(strategy=quantile, closed=right)", "hold their upper end already"),
        ("ece(mode=classwise, positive=1)", "give classes="),
        ("ece(classes=[a, b])", 'are for mode="top_label"'),
        ("brier_decomposition(method=isotonic, bins=3)", "has no bins"),
        ("brier_decomposition(method=isotonic, part=within_bin)", "has no bins"),
        ("calibration_curve(confidence=1)", "a number above 0 and below 1"),
    ],
)
def test_parameters_that_do_not_fit_are_refused(spelling, message):
    with pytest.raises(ParameterError, match=message):
        m.parse(spelling)


def test_what_is_no_probability_is_refused():
    rows = {"y": [0, 1], "p": [0.5, 1.5]}
    with pytest.raises(InvalidValueError, match=r"column 'p' .*row 1.* 1\.5.*a probability in \[0, 1\]"):
        fr.evaluate(rows, "ece", label="y", score="p")
    lists = {"y": [0, 1], "p": pa.array([[0.5, 0.5], [1.5, 0.0]])}
    with pytest.raises(InvalidValueError, match=r"a probability in \[0, 1\]"):
        fr.evaluate(lists, "ece(mode=top_label)", label="y", score="p")


def test_damaged_bins_are_refused():
    evaluator = fr.Evaluator("ece(bins=2)", label="y", score="p")
    evaluator.update(pa.RecordBatch.from_pydict({"y": [0, 1], "p": [0.25, 0.75]}))
    state = evaluator.state()
    (name,) = (each for each in state.schema.names if each.startswith("{"))
    for field, value in (("bins", 2), ("digits", -1), ("digits", 1 << 32)):
        (row,) = state[name].to_pylist()
        row[field][-1] = value
        column = pa.array([row], state.schema.field(name).type)
        damaged = state.set_column(state.schema.get_field_index(name), name, column)
        with pytest.raises(StateMismatchError, match="damaged"):
            fr.Evaluator("ece(bins=2)", label="y", score="p").merge(damaged)


def test_other_names():
    for text, canonical in (
        ("ece(10)", "ece(bins=10)"),
        ("expected_calibration_error", "ece"),
        ("MCE", "mce"),
        ("reliability_diagram(bins=5)", "calibration_curve(bins=5)"),
        ("brier_reliability", "brier_decomposition(part=reliability)"),
    ):
        assert [metric.canonical for metric in m.parse(text)] == [canonical]


@pytest.mark.parametrize("name", ["ece", "rmsce", "calibration_curve"])
def test_the_most_bins(name: str) -> None:
    y, p = [0, 1, 1, 0, 1], [0.0, 1 / 65536, 0.5, 1 - 2.0**-17, 1.0]
    (metric,) = m.parse(f"{name}(bins=65536, phantom_one=True)")
    expected = getattr(reference, name)(y, p, bins=65536, phantom_one=True)
    assert metric.compute(y, p) == pytest.approx(expected, rel=1e-14)
