"""Hand-worked cases of metrics of how well scores tell the classes apart."""

from __future__ import annotations

import math
from fractions import Fraction

import numpy as np
import pyarrow as pa
import pytest

import fastrank as fr
from fastrank import metrics as m
from fastrank.errors import InvalidValueError, ParameterError

LABEL, SCORE = [0, 0, 1, 1], [0.1, 0.4, 0.35, 0.8]


def test_auc_counts_pairs() -> None:
    # Pairs (positive, negative): .35>.1 yes, .35>.4 no, .8>.1 yes, .8>.4 yes: 3 of 4.
    assert m.auc().compute(LABEL, SCORE) == 0.75
    # Of four pairs all are ties: one half each.
    assert m.auc().compute(LABEL, [7, 7, 7, 7]) == 0.5
    # -0.0 equals 0.0; infinities are ordinary: (inf, -0.0) win, (inf, -inf) win, (0.0, -0.0) tie, (0.0, -inf) win.
    assert m.auc().compute([1, 0, 1, 0], [math.inf, -0.0, 0.0, -math.inf]) == 3.5 / 4


def test_auc_with_weights() -> None:
    # Pairs (weight product, win): (.35,.1) 3*1 yes, (.35,.4) 3*2 no, (.8,.1) 5*1 yes, (.8,.4) 5*2 yes: 18 of 24.
    assert m.auc().compute(LABEL, SCORE, weight=[1, 2, 3, 5]) == 18 / 24
    # A row of weight 0 is absent: one class is left.
    assert math.isnan(m.auc().compute(LABEL, SCORE, weight=[1, 1, 0, 0]))


def test_auc_of_one_class_is_nan() -> None:
    assert math.isnan(m.auc().compute([1, 1], [0.2, 0.3]))
    assert math.isnan(m.auc(bits=12).compute([0, 0], [0.2, 0.3]))


def test_auc_tells_neighbouring_float64_scores_apart() -> None:
    assert m.auc().compute([0, 1], [0.5, math.nextafter(0.5, 1)]) == 1.0
    assert m.auc().compute([0, 1], np.array([0.5, math.nextafter(0.5, 1)], np.float32)) == 0.5


def test_binned_auc_has_bounds_that_hold() -> None:
    # 12 bits: sign, exponent, 3 bits of the fraction: 1.0 and 1.1 share a cell, 2.0 does not.
    rows = {"y": [1, 0, 1], "s": np.array([1.0, 1.1, 2.0])}
    table = fr.evaluate(rows, "auc(bits=12)", label="y", score="s").table
    assert table["value"].to_pylist() == [0.75]
    assert table["bound_lower"].to_pylist() == [0.5]
    assert table["bound_upper"].to_pylist() == [1.0]
    assert table["exact"].to_pylist() == [False]
    rows["s"] = np.array([1.0, 4.0, 2.0])
    table = fr.evaluate(rows, "auc(bits=12)", label="y", score="s").table
    assert table["exact"].to_pylist() == [True]
    assert table["value"].to_pylist() == [0.0]


def test_bounds_are_rounded_outward() -> None:
    rows = {"y": [1, 0, 0, 0], "s": np.array([1.0, 1.05, 0.5, 4.0])}
    row = fr.evaluate(rows, "auc(bits=12)", label="y", score="s").table.to_pylist()[0]
    assert Fraction(row["bound_lower"]) <= Fraction(1, 3) < Fraction(row["bound_upper"])
    assert Fraction(row["bound_upper"]) >= Fraction(2, 3)
    assert row["bound_upper"] - 2 / 3 < 1e-15
    assert row["value"] == 0.5


# From the highest score: positive, negative, two positives and a negative tied, negative.
TIED_LABEL, TIED_SCORE = [1, 0, 1, 1, 0, 0], [0.9, 0.8, 0.5, 0.5, 0.5, 0.1]


def test_partial_auc_up_to_a_false_positive_rate() -> None:
    # The curve: (0, 1/3), (1/3, 1/3), (2/3, 1), (1, 1).  Up to 1/2: 1/3 * 1/3, then 1/6 at heights 1/3 to 2/3.
    area = 1 / 9 + 1 / 6 * (1 / 3 + 2 / 3) / 2
    raw = m.auc(max_fpr=0.5, standardize=False).compute(TIED_LABEL, TIED_SCORE)
    assert raw == pytest.approx(area, abs=1e-15)
    # Chance has 1/8, the best 1/2.
    standardised = m.auc(max_fpr=0.5).compute(TIED_LABEL, TIED_SCORE)
    assert standardised == pytest.approx((1 + (area - 1 / 8) / (1 / 2 - 1 / 8)) / 2, abs=1e-15)
    assert m.auc(max_fpr=1).compute(TIED_LABEL, TIED_SCORE) == m.auc().compute(TIED_LABEL, TIED_SCORE)


def test_partial_auc_above_a_true_positive_rate() -> None:
    # Above TPR 2/3 the curve goes from (1/2, 2/3) to (2/3, 1): 1/3 high, with 1/2 to 1/3 to its right.
    third = m.auc(min_tpr=2 / 3, standardize=False).compute(TIED_LABEL, TIED_SCORE)
    assert third == pytest.approx(1 / 3 * (1 / 2 + 1 / 3) / 2, abs=1e-15)
    assert m.auc(min_tpr=0, standardize=False).compute(TIED_LABEL, TIED_SCORE) == m.auc().compute(
        TIED_LABEL, TIED_SCORE
    )


def test_parts_of_the_curve_that_exclude_each_other() -> None:
    with pytest.raises(ParameterError, match="give one of them"):
        m.auc(max_fpr=0.1, min_tpr=0.1)
    with pytest.raises(ParameterError, match="give max_fpr= or min_tpr="):
        m.auc(standardize=False)
    with pytest.raises(ParameterError, match="above 0 and up to 1, or None: the whole curve"):
        m.auc(max_fpr=0)


def test_gini_of_auc() -> None:
    # Of 9 pairs the first positive wins 3, the tied ones win one each and tie one each: 5 won, 2 lost, 2 tied.
    assert m.auc_gini().compute(TIED_LABEL, TIED_SCORE) == 3 / 9
    assert m.auc().compute(TIED_LABEL, TIED_SCORE) == (5 + 1) / 9


def test_ks_with_its_threshold() -> None:
    # TPR and FPR at .9, .8, .5, .1: 1/3 0, 1/3 1/3, 1 2/3, 1 1: the distance is 1/3 at .9 and at .5.
    rows = {"y": TIED_LABEL, "s": TIED_SCORE}
    result = fr.evaluate(rows, "ks", label="y", score="s")
    assert result["ks"] == 1 / 3
    assert result.curve("ks").to_pylist() == [{"threshold": 0.9, "tpr": 1 / 3, "fpr": 0.0}]
    # Two-sided: scores that are lower for positives have a distance too.
    worse = fr.evaluate({"y": [0, 1, 1], "s": [0.9, 0.5, 0.1]}, "ks", label="y", score="s")
    assert worse["ks"] == 1.0
    assert worse.curve("ks").to_pylist() == [{"threshold": 0.9, "tpr": 0.0, "fpr": 1.0}]
    # With weights 1, 2, 1, 1, 3, 1: TPR 1/3 and FPR 0, then 1/3 and 2/6, then 1 and 5/6.
    assert m.ks().compute(TIED_LABEL, TIED_SCORE, [1, 2, 1, 1, 3, 1]) == 1 / 3


def test_average_precision_and_areas_by_hand() -> None:
    # Precision at .9 is 1, at .8 1/2, at .5 3/5; a third and two thirds of the positives are at .9 and .5.
    assert m.average_precision().compute(TIED_LABEL, TIED_SCORE) == pytest.approx((1 + 2 * 3 / 5) / 3, abs=1e-15)
    step = m.pr_auc(method="step").compute(TIED_LABEL, TIED_SCORE)
    assert step == m.average_precision().compute(TIED_LABEL, TIED_SCORE)
    # From (0, 1) to (1/3, 1), down to 1/2, then up to 3/5.
    trapezoid = m.pr_auc(method="trapezoid").compute(TIED_LABEL, TIED_SCORE)
    assert trapezoid == pytest.approx((1 + 2 * (1 / 2 + 3 / 5) / 2) / 3, abs=1e-15)
    # TP from 1 to 3 with rows from 2 to 5: the integral of x / (2 + (x - 1) * 3/2) = x / (1.5 x + 0.5), which is
    # 2 / 1.5 - 0.5 / 1.5^2 * log(5 / 2).
    integral = (1 + 2 / 1.5 - 0.5 / 1.5**2 * math.log(5 / 2)) / 3
    for method in ("davis_goadrich", "integral"):
        assert m.pr_auc(method=method).compute(TIED_LABEL, TIED_SCORE) == pytest.approx(integral, abs=1e-15)


def test_average_precision_with_weights() -> None:
    # Weights 1, 2, 1, 1, 3, 1: precision 1 at .9; at .5 3 of 8.
    value = m.average_precision().compute(TIED_LABEL, TIED_SCORE, [1, 2, 1, 1, 3, 1])
    assert value == pytest.approx((1 + 2 * 3 / 8) / 3, abs=1e-15)


def test_average_precision_of_heavy_ties_and_tiny_weights() -> None:
    # Terms of 2^40 rows in one score, and of weights of 2^-72, are of another size than most.
    assert m.average_precision().compute([1, 0] * 100_000, [0.5] * 200_000) == 0.5
    tiny = [2.0**-72, 2.0**-71, 2.0**-72]
    assert m.average_precision().compute([1, 0, 1], [3, 2, 1], tiny) == 0.75


def test_standard_error_of_auc_by_hand() -> None:
    # V10: .9 beats 3 of 3, each .5 beats 1 and ties 1: 1, 1/2, 1/2, of variance 1/12.
    # V01: .8 loses to 1 of 3, .5 to 1 and ties 2, .1 to 3: 1/3, 2/3, 1, of variance 1/9.
    value = m.auc_standard_error().compute(TIED_LABEL, TIED_SCORE)
    assert value == pytest.approx(math.sqrt(1 / 12 / 3 + 1 / 9 / 3), abs=1e-16)
    # A weight counts rows.
    weights = [2, 1, 1, 3, 1, 2]
    repeated = [np.repeat(column, weights) for column in (TIED_LABEL, TIED_SCORE)]
    assert m.auc_standard_error().compute(TIED_LABEL, TIED_SCORE, weights) == m.auc_standard_error().compute(*repeated)
    assert math.isnan(m.auc_standard_error().compute([1, 0, 0], [1, 2, 3]))
    # All pairs are won: nothing varies.
    assert m.auc_standard_error().compute([0, 0, 1, 1], [1, 2, 3, 4]) == 0.0


def test_standard_error_of_auc_does_not_cancel() -> None:
    # One of n positives ties with one of n negatives: V10 is 1 but for one row, 1 - 1/(2n), of variance 1/(4n^3).
    n = 100_000
    label, score = np.repeat([0, 1], n), np.arange(2 * n)
    score[n] = n - 1
    value = m.auc_standard_error().compute(label, score)
    assert value == pytest.approx(math.sqrt(2 / (4 * n**3) / n), rel=1e-15)


PEERS = {"zero": 0.0, "half": 0.5, "one": 1.0}


@pytest.mark.parametrize("bits", [None, 12])
@pytest.mark.parametrize("label", [0, 1])
def test_one_class_by_the_rules_of_peers(label, bits) -> None:
    rows = {"y": [label, label], "s": [0.1, 0.7]}
    for rule, value in {**PEERS, "h2o": float(label)}.items():
        for metric, right in ((m.auc, value), (m.auc_gini, 2 * value - 1)):
            row = fr.evaluate(rows, metric(single_class=rule, bits=bits), label="y", score="s").table.to_pylist()[0]
            assert (row["value"], row["undefined"], row["bound_lower"]) == (right, 1, None)
        assert m.auc(single_class=rule, max_fpr=0.5).compute(**rows_of(rows)) == value
    assert math.isnan(m.auc(single_class="nan").compute(**rows_of(rows)))


def rows_of(rows) -> dict:
    return {"label": rows["y"], "score": rows["s"]}


def test_no_positives_by_the_rules_of_peers() -> None:
    for metric in (m.average_precision, m.pr_auc):
        row = fr.evaluate({"y": [0], "s": [1]}, metric(single_class="zero"), label="y", score="s").table.to_pylist()[0]
        assert (row["value"], row["undefined"]) == (0.0, 1)
        assert math.isnan(metric().compute([0, 0], [1, 2]))
        # Without negatives nothing is undefined.
        assert metric(single_class="error").compute([1, 1], [1, 2]) == 1.0


def test_one_class_that_is_refused_names_the_metric_the_class_and_the_slice() -> None:
    rows = {"y": [0, 1, 1, 1], "s": [0.1, 0.2, 0.3, 0.4], "country": ["DE", "DE", "FR", "FR"]}
    for metric in ("auc", "auc_gini"):
        spelled = f"{metric}(single_class=error)"
        with pytest.raises(InvalidValueError, match=rf"^{metric} is undefined: .* no negative ones.*country='FR'"):
            fr.evaluate(rows, spelled, label="y", score="s", by="country")
        assert (
            fr.evaluate(rows, spelled, label="y", score="s")[spelled]
            == fr.evaluate(rows, metric, label="y", score="s")[metric]
        )
    with pytest.raises(InvalidValueError, match=r"average_precision is undefined: .* no positive ones; single_class"):
        m.average_precision(single_class="error").compute([0, 0], [1, 2])


def test_nobody_is_asked_of_no_rows() -> None:
    evaluator = fr.Evaluator(["auc(single_class=one)", "auc(single_class=error)"], label="y", score="s")
    evaluator.update(pa.RecordBatch.from_pydict({"y": pa.array([], pa.int8()), "s": pa.array([], pa.float64())}))
    assert all(math.isnan(value) for value in evaluator.result().to_dict()["value"])
