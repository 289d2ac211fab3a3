"""Metrics of decisions at thresholds: worked by hand, against scikit-learn, and on real data."""

from __future__ import annotations

import math
from fractions import Fraction
from functools import partial
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from shared_data import shared
from sklearn import metrics as sk

import fastrank as fr
from fastrank import metrics as m
from fastrank.accumulators import DecisionCounts
from fastrank.accumulators.decisions import Decisions, Outcomes
from fastrank.errors import ParameterError, StateMismatchError

# At 0.5, positive are .9 (1), .8 (1), .5 (1), .5 (0), .7 (0): tp 3, fp 2; negative .3 (0), .2 (0), .1 (1): tn 2, fn 1.
LABEL, SCORE = [1, 1, 1, 0, 0, 0, 0, 1], [0.9, 0.8, 0.5, 0.5, 0.3, 0.2, 0.7, 0.1]
ROWS = {"y": LABEL, "s": SCORE}
ROLES = {"label": "y", "score": "s"}
WORKED = {
    "binary_precision": 3 / 5,
    "binary_recall": 3 / 4,
    "binary_specificity": 2 / 4,
    "fpr": 2 / 4,
    "binary_f1": 6 / 9,  # 2 * 3 / (2 * 3 + 2 + 1)
    "binary_f_beta(beta=2)": 15 / 21,  # 5 * 3 / (5 * 3 + 4 * 1 + 2)
    "binary_f_beta(beta=0.5)": 3.75 / 6,  # 1.25 * 3 / (1.25 * 3 + 0.25 * 1 + 2)
    "accuracy": 5 / 8,
    "balanced_accuracy": 5 / 8,  # (3/4 + 2/4) / 2
    "mcc": 4 / math.sqrt(240),  # (3 * 2 - 2 * 1) / sqrt(5 * 4 * 4 * 3)
    "confusion": 5 / 8,
}
# Rows in which nothing is right or positive, and the value that scikit-learn puts in place of 0 / 0.
UNDEFINED = {
    "binary_precision": ([0, 1], [0.1, 0.2]),
    "binary_recall": ([0, 0], [0.1, 0.9]),
    "binary_specificity": ([1, 1], [0.1, 0.9]),
    "fpr": ([1, 1], [0.1, 0.9]),
    "binary_f1": ([0, 0], [0.1, 0.2]),
    "binary_f_beta": ([0, 0], [0.1, 0.2]),
    "balanced_accuracy": ([1, 1], [0.1, 0.9]),
    "mcc": ([1, 0], [0.1, 0.2]),
}


def specificity_score(label: Any, predicted: Any, **options: Any) -> float:
    return float(sk.recall_score(label, predicted, pos_label=0, **options))


def fpr_score(label: Any, predicted: Any, sample_weight: Any = None) -> float:
    (tn, fp), _ = sk.confusion_matrix(label, predicted, labels=[0, 1], sample_weight=sample_weight)
    return float(fp / (fp + tn))


PEERS: dict[str, Any] = {
    "binary_precision": sk.precision_score,
    "binary_recall": sk.recall_score,
    "binary_specificity": specificity_score,
    "fpr": fpr_score,
    "binary_f1": sk.f1_score,
    "binary_f_beta(beta=2)": partial(sk.fbeta_score, beta=2),
    "accuracy": sk.accuracy_score,
    "balanced_accuracy": sk.balanced_accuracy_score,
    "mcc": sk.matthews_corrcoef,
}


@pytest.mark.parametrize("metric", WORKED)
def test_worked_by_hand(metric: str) -> None:
    assert fr.evaluate(ROWS, metric, **ROLES)[metric] == pytest.approx(WORKED[metric], rel=1e-15)


def test_a_score_that_equals_the_threshold_is_positive_unless_strict() -> None:
    # Above 0.5 only: .9 (1), .8 (1), .7 (0): tp 2, fp 1, tn 3, fn 2.
    result = fr.evaluate(ROWS, ["confusion", "confusion(strict=True)"], **ROLES)
    assert result.curve("confusion").to_pylist() == [{"threshold": 0.5, "tp": 3, "fp": 2, "tn": 2, "fn": 1}]
    strict = result.curve("confusion(strict=True)").to_pylist()
    assert strict == [{"threshold": 0.5, "tp": 2, "fp": 1, "tn": 3, "fn": 2}]
    # -0.0 equals 0.0; infinities are ordinary numbers.
    scores = [-math.inf, -0.0, 0.0, math.inf]
    assert m.binary_recall(threshold=0).compute([1, 1, 1, 1], scores) == 0.75
    assert m.binary_recall(threshold=-0.0, strict=True).compute([1, 1, 1, 1], scores) == 0.25


def test_weights() -> None:
    # tp 1 + 2 + 3, fp 4 + 7, tn 5 + 6, fn 8.
    rows = {**ROWS, "w": [1, 2, 3, 4, 5, 6, 7, 8]}
    result = fr.evaluate(rows, ["binary_precision", "confusion"], **ROLES, weight="w")
    assert result["binary_precision"] == 6 / 17
    assert result["confusion"] == 17 / 36
    (row,) = result.curve("confusion").to_pylist()
    assert row == {"threshold": 0.5, "tp": 6.0, "fp": 11.0, "tn": 11.0, "fn": 8.0}
    # A row of weight 0 is absent.
    assert math.isnan(m.binary_recall().compute([1, 0], [0.9, 0.9], weight=[0, 1]))


def test_several_thresholds_give_the_best_value_and_all_of_them() -> None:
    # At 0.8, .9 (1), .8 (1): tp 2, fp 0, tn 4, fn 2: F1 4/6.  At 0.2 all but .1 (1): tp 3, fp 4, tn 0, fn 1: 6/11.
    metrics = ["binary_f1(threshold=[0.8, 0.2, 0.5])", "fpr(threshold=[0.2, 0.5, 0.8])", "mcc(threshold=[0.05, 0.8])"]
    result = fr.evaluate(ROWS, metrics, **ROLES)
    assert result.curve(metrics[0]).to_pydict() == {
        "threshold": [0.2, 0.5, 0.8],
        "value": [6 / 11, 6 / 9, 4 / 6],
        "tp": [3, 3, 2],
        "fp": [4, 2, 0],
        "tn": [0, 2, 4],
        "fn": [1, 1, 2],
    }
    assert result[metrics[0]] == 6 / 9
    # The best rate of errors is the lowest.
    assert result.curve(metrics[1])["value"].to_pylist() == [1.0, 0.5, 0.0]
    assert result[metrics[1]] == 0.0
    # Where it is undefined at a threshold, it is the best of the others.
    values = result.curve(metrics[2])["value"].to_pylist()
    assert math.isnan(values[0])
    assert values[1] == result[metrics[2]] == pytest.approx(8 / math.sqrt(2 * 4 * 4 * 6), rel=1e-15)


def test_scores_compare_with_the_threshold_by_their_exact_values() -> None:
    below = np.float32(0.7)  # 0.699999988
    assert float(below) < 0.7
    assert m.binary_recall(threshold=0.7).compute([1], np.array([below])) == 0.0
    assert m.binary_recall(threshold=0.7).compute([1], np.array([0.7])) == 1.0
    assert m.binary_recall(threshold=float(below)).compute([1], np.array([below])) == 1.0
    assert m.binary_recall(threshold=float(below), strict=True).compute([1], np.array([below])) == 0.0


AWKWARD = [0.0, -0.0, 5e-324, -5e-324, 1e-45, 0.1, 0.7, float(np.float32(0.7)), 3.4028234663852886e38, 1e39, 1e308]
SPOTS = st.sampled_from([*AWKWARD, *(-x for x in AWKWARD)]) | st.floats(allow_nan=False, allow_infinity=False)


@settings(deadline=None, max_examples=200)
@given(
    score=st.floats(allow_nan=False, width=32) | st.sampled_from([float(np.float32(x)) for x in AWKWARD[:9]]),
    threshold=SPOTS,
    step=st.sampled_from([-math.inf, None, math.inf]),
    near=st.booleans(),
    strict=st.booleans(),
)
def test_float32_scores_are_decided_as_their_float64_values(
    score: float, threshold: float, step: float | None, near: bool, strict: bool
) -> None:
    if near:
        threshold = score if step is None else math.nextafter(score, step)
    if not math.isfinite(threshold):
        return
    metric = m.binary_recall(threshold=threshold, strict=strict)
    expected = float(score > threshold if strict else score >= threshold)
    assert metric.compute([1], np.array([score], np.float32)) == expected
    assert metric.compute([1], np.array([score], np.float64)) == expected


@settings(deadline=None, max_examples=60)
@given(
    seed=st.integers(0, 2**32 - 1),
    count=st.integers(4, 60),
    thresholds=st.lists(st.sampled_from([0.0, 0.1, 0.2, 0.5, 0.55, 0.9, 1.0]), min_size=1, max_size=5, unique=True),
    weighted=st.booleans(),
    strict=st.booleans(),
)
def test_scikit_learn(seed: int, count: int, thresholds: list[float], weighted: bool, strict: bool) -> None:
    rng = np.random.default_rng(seed)
    score = rng.integers(0, 11, count) / 10
    label = (rng.random(count) < score).astype(int)
    label[:2] = [0, 1]
    weight = rng.uniform(0.5, 3, count) if weighted else None
    check_against_scikit_learn(label, score, weight, sorted(thresholds), strict=strict)


def check_against_scikit_learn(
    label: Any, score: Any, weight: Any, thresholds: list[float], *, strict: bool = False
) -> None:
    rows = {"y": label, "s": score, **({} if weight is None else {"w": weight})}
    roles = ROLES if weight is None else {**ROLES, "weight": "w"}
    options = {"threshold": thresholds, "strict": strict}
    made = {name: with_options(name, options) for name in PEERS}
    result = fr.evaluate(rows, [*made.values(), m.confusion(**options)], **roles)
    for i, threshold in enumerate(thresholds):
        predicted = np.asarray(score) > threshold if strict else np.asarray(score) >= threshold
        row = result.curve(m.confusion(**options).name).to_pylist()[i]
        (tn, fp), (fn, tp) = sk.confusion_matrix(label, predicted, labels=[0, 1], sample_weight=weight)
        assert [row[name] for name in ("threshold", "tp", "fp", "tn", "fn")] == pytest.approx(
            [threshold, tp, fp, tn, fn], rel=1e-12
        )
        for name, metric in made.items():
            value = result.curve(metric.name)["value"].to_pylist()[i]
            if math.isnan(value):
                assert name in ("binary_precision", "mcc")
                assert not predicted.any() or (name == "mcc" and predicted.all())
            else:
                expected = PEERS[name](label, predicted.astype(int), sample_weight=weight)
                assert value == pytest.approx(expected, rel=1e-12, abs=1e-12 if name == "mcc" else 0), name


def with_options(spelling: str, options: dict[str, Any]) -> fr.Metric:
    """The metric with more parameters."""
    (metric,) = m.parse(spelling)
    return getattr(m, metric.definition.name)(**{**metric.parameters, **options})


def test_adults() -> None:
    table = pyarrow.parquet.read_table(
        shared("pointwise", "adults.parquet"), columns=["class", "age", "education-num", "hours-per-week", "fnlwgt"]
    )
    label = np.array([word.strip() == ">50K" for word in table["class"].to_pylist()]).astype(int)
    age, education, hours, weight = (np.array(table[name].to_pylist(), np.float64) for name in table.column_names[1:])
    # Ties at many scores; weights up to 1,490,400 are past the largest that is allowed.
    score = ((age / 90 + education / 16 + hours / 99) / 3).round(2)
    assert 0.2 < label.mean() < 0.3
    check_against_scikit_learn(label, score, None, [0.3, 0.5, 0.51, 0.7])
    check_against_scikit_learn(label, score, weight / 1000, [0.45, 0.5])
    check_against_scikit_learn(label, score.astype(np.float32), None, [0.5, 0.6])


def test_breast_cancer() -> None:
    table = pyarrow.csv.read_csv(
        shared("pointwise", "breast_cancer.csv"),
        read_options=pyarrow.csv.ReadOptions(skip_rows=1, autogenerate_column_names=True),
    )
    # Benign tumours (1) are the smaller ones; column f2 is the mean perimeter.
    label, perimeter = (np.array(table[name].to_pylist()) for name in ("f30", "f2"))
    score = 1 / (1 + np.exp((perimeter - 100) / 10))
    thresholds = (np.arange(1, 100) / 100).tolist()
    check_against_scikit_learn(label, score, None, thresholds)
    rows = {"y": label, "s": score}
    result = fr.evaluate(rows, m.mcc(threshold=thresholds, name="best"), **ROLES)
    assert result["best"] == max(value for value in result.curve("best")["value"].to_pylist() if not math.isnan(value))
    assert result["best"] > 0.7


def test_open_bandit_data() -> None:
    table = pyarrow.csv.read_csv(shared("pointwise", "obd_random_men.csv.gz"))
    label = np.array(table["click"].to_pylist())
    score = sum(np.array(table[f"user-item_affinity_{i}"].to_pylist()) for i in range(34)) / 34
    assert label.mean() < 0.01
    check_against_scikit_learn(label, score, None, [0.0, 0.01, 0.05])


@pytest.mark.parametrize("name", UNDEFINED)
def test_undefined_is_nan_unless_a_number_stands_for_it(name: str) -> None:
    label, score = UNDEFINED[name]
    make = getattr(m, name)
    row = fr.evaluate({"y": label, "s": score}, make(), **ROLES).table.to_pylist()[0]
    assert math.isnan(row["value"])
    assert row["undefined"] == 1
    for number in (0, 1):
        value = make(zero_division=number).compute(label, score)
        assert value == number
        if name in ("binary_precision", "binary_recall", "binary_f1"):
            predicted = (np.array(score) >= 0.5).astype(int)
            assert value == PEERS[name](label, predicted, zero_division=number)
    # scikit-learn's own answer for a correlation without a margin.
    if name == "mcc":
        assert sk.matthews_corrcoef(label, [0, 0]) == make(zero_division=0).compute(label, score)


def test_no_rows() -> None:
    evaluator = fr.Evaluator(["accuracy", "confusion", "binary_f1(zero_division=0)"], **ROLES)
    evaluator.update(pa.record_batch({"y": pa.array([], pa.int8()), "s": pa.array([], pa.float32())}))
    values = evaluator.result().table["value"].to_pylist()
    assert math.isnan(values[0])
    assert math.isnan(values[1])
    assert values[2] == 0.0


def outcome_rows(tp: float, fp: float, tn: float, fn: float) -> tuple[list[int], list[float], list[float]]:
    """One row of each outcome, with its weight."""
    return [1, 0, 0, 1], [0.9, 0.9, 0.1, 0.1], [tp, fp, tn, fn]


@settings(deadline=None, max_examples=200)
@given(
    st.lists(
        st.integers(1, 2**20) | st.sampled_from([1e-20, 0.1, 1 / 3, 2.0**-72, 2.0**20, 1 + 2.0**-52]),
        min_size=4,
        max_size=4,
    )
)
def test_correlations_are_correctly_rounded(weights: list[float]) -> None:
    value = m.mcc().compute(*outcome_rows(*weights))
    # Weights are multiples of 2^-72.
    tp, fp, tn, fn = (Fraction(round(Fraction(w) * 2**72), 2**72) for w in weights)
    product, margins = tp * tn - fp * fn, (tp + fp) * (tp + fn) * (tn + fp) * (tn + fn)
    assert (value > 0) == (product > 0)
    assert (value < 0) == (product < 0)
    low, high = (
        (Fraction(abs(value)) + Fraction(math.nextafter(abs(value), end))) / 2 for end in (-math.inf, math.inf)
    )
    # The root lies no nearer to a neighbour of the value than to the value.
    assert product == 0 or low**2 <= product**2 / margins <= high**2


def test_a_correlation_next_to_a_tie_of_rounding() -> None:
    # With fp = fn = y and tn without bound it is tp / (tp + y), here (2^53 + 1) / 2^54 and 2^-115 more: past the middle
    # between 0.5 and the next float64, which 64 bits of the root alone do not tell from the middle itself.
    tp, tn = ((2**53 + 1) << 60) + 1, 2**400
    y = 2**114 + 1 - tp
    decisions = Decisions([Outcomes(tp, y, tn, y)], 0)
    value = m.definition_of("mcc").finalize(decisions, threshold=(0.5,), strict=False, zero_division="nan")
    assert value.value == 0.5 + 2.0**-53


def test_perfect_and_perfectly_wrong() -> None:
    assert m.mcc().compute(*outcome_rows(3, 0, 7, 0)) == 1.0
    assert m.mcc().compute(*outcome_rows(0, 3, 0, 7)) == -1.0
    assert m.mcc().compute(*outcome_rows(1, 2, 4, 2)) == 0.0
    assert m.binary_f_beta(beta=1000 - 2.0**-40).compute(*outcome_rows(0.1, 0, 0, 0)) == 1.0


def test_weights_of_all_sizes_lose_nothing() -> None:
    # 2^20 in one row, and 2^-72 in another: sums as float64 would lose it.
    label, score, weight = [1, 1, 0], [0.9, 0.1, 0.9], [2.0**20, 2.0**-72, 0.0]
    assert m.fpr().compute([0, 0], [0.1, 0.9], [2.0**20, 2.0**-72]) == 1 / (2**92 + 1)
    curve = fr.evaluate({"y": label, "s": score, "w": weight}, "confusion", **ROLES, weight="w").curve("confusion")
    assert curve.to_pylist() == [{"threshold": 0.5, "tp": 2.0**20, "fp": 0.0, "tn": 0.0, "fn": 2.0**-72}]


def test_metrics_of_one_threshold_share_their_counts() -> None:
    names = [name for name in WORKED if name != "binary_f_beta(beta=2)"]
    evaluator = fr.Evaluator([*names, "accuracy(zero_division=1, name=other)"], **ROLES)
    assert len(evaluator.plan.accumulators) == 1
    more = fr.Evaluator([*names, "accuracy@0.4", "mcc(threshold=0.4)", "mcc(strict=True)", "mcc@0.9"], **ROLES)
    assert len(more.plan.accumulators) == 4
    # What was not asked for at first may be asked of them later.
    evaluator.update(pa.record_batch(ROWS))
    assert evaluator.result("binary_f_beta(beta=2)")["binary_f_beta(beta=2)"] == 15 / 21
    with pytest.raises(StateMismatchError, match="decision_counts"):
        evaluator.result("mcc(threshold=0.4)")


def test_slices() -> None:
    rows = {**ROWS, "c": ["a", "a", "a", "b", "b", "b", "b", "b"]}
    result = fr.evaluate(rows, ["binary_recall", "fpr(threshold=[0.3, 0.6])"], **ROLES, by="c")
    assert result["binary_recall", {"c": "a"}] == 1.0
    # Of b: .5 (0), .3 (0), .2 (0), .7 (0), .1 (1).
    assert result["binary_recall", {"c": "b"}] == 0.0
    assert result.curve("fpr(threshold=[0.3, 0.6])", {"c": "b"}).to_pydict() == {
        "threshold": [0.3, 0.6], "value": [0.75, 0.25], "tp": [0, 0], "fp": [3, 1], "tn": [1, 3], "fn": [1, 1],
    }  # fmt: skip
    assert math.isnan(result["fpr(threshold=[0.3, 0.6])", {"c": "a"}])


def test_counts_of_too_many_slices_are_refused() -> None:
    state = DecisionCounts(tuple(np.linspace(0, 1, 1023).tolist()))
    with pytest.raises(ParameterError, match="at 1023 thresholds of 131073 slices take more than 4 GiB"):
        state.grow((4 << 30) // (1024 * 32) + 1)
    assert state.slices == 0


@pytest.mark.parametrize(
    ("spelling", "canonical"),
    [
        ("accuracy", "accuracy"),
        ("Accuracy(threshold=0.5)", "accuracy"),
        ("accuracy_score(0.7)", "accuracy(threshold=0.7)"),
        ("binary_f1@0.3", "binary_f1(threshold=0.3)"),
        ("confusion_matrix(threshold=[0.5, 0.25])", "confusion(threshold=[0.25, 0.5])"),
        ("matthews_corrcoef(strict=true, zero_division=0)", "mcc(strict=True, zero_division=0)"),
        ("binary_recall(zero_division=nan)", "binary_recall"),
    ],
)
def test_spellings(spelling: str, canonical: str) -> None:
    (metric,) = m.parse(spelling)
    assert metric.canonical == canonical
    assert m.parse(canonical) == [metric]


def test_several_cut_offs_are_several_metrics() -> None:
    assert [metric.canonical for metric in m.parse("mcc@0.2,0.3")] == ["mcc(threshold=0.2)", "mcc(threshold=0.3)"]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"threshold": math.nan}, "threshold=nan"),
        ({"threshold": []}, r"threshold=\[\]"),
        ({"threshold": "high"}, "threshold='high'"),
        ({"zero_division": 0.5}, '^mcc: zero_division=0.5; allowed: "nan", or 0 or 1$'),
        ({"zero_division": "warn"}, "zero_division='warn'"),
        ({"zero_division": True}, "zero_division=True"),
    ],
)
def test_parameters_that_are_not_allowed(options: dict[str, Any], message: str) -> None:
    with pytest.raises(ParameterError, match=message):
        m.mcc(**options)


def test_zero_division_may_be_nan_itself() -> None:
    assert m.mcc(zero_division=math.nan) == m.mcc()
