"""The reference of classification metrics, against arithmetic by hand, plain loops over pairs, and scikit-learn."""

from __future__ import annotations

import csv
import math
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from shared_data import shared
from sklearn import metrics as peer

from fastrank import reference

LN2, LN3, LN4 = math.log(2), math.log(3), math.log(4)


def share_of_wins(label, score, weight) -> Fraction:
    """AUC as its definition says it, pair by pair."""
    won = total = Fraction(0)
    for y, s, w in zip(label, score, weight, strict=True):
        for y_, s_, w_ in zip(label, score, weight, strict=True):
            if y == 1 and y_ == 0:
                pair = Fraction(w) * Fraction(w_)
                total += pair
                won += pair if s > s_ else pair / 2 if s == s_ else 0
    return won / total


def made_up(rows: int, decimals: int = 3):
    """Labels, probabilities with ties, and weights."""
    rng = np.random.default_rng(rows)
    p = rng.beta(1, 4, rows).round(decimals)
    return (rng.random(rows) < p).astype(np.int64), p, rng.exponential(1, rows)


# AUC


def test_auc_by_hand():
    # positives .35 and .8, negatives .1 and .4: .35 > .1, .35 < .4, .8 > .1, .8 > .4: 3 of 4
    assert reference.auc([0, 0, 1, 1], [0.1, 0.4, 0.35, 0.8]) == 0.75


def test_auc_ties_count_one_half():
    # positives 2 and 1, negatives 2 and 0: tie, win, loss, win: 2.5 of 4
    assert reference.auc([1, 1, 0, 0], [2, 1, 2, 0]) == 0.625
    assert reference.auc([1, 0, 1, 0], [7, 7, 7, 7]) == 0.5


def test_auc_with_weights():
    # as above with weights 1, 2 | 3, 5: tie 1 * 3 / 2, win 1 * 5, loss, win 2 * 5: 16.5 of (1 + 2) * (3 + 5) = 24
    assert reference.auc([1, 1, 0, 0], [2, 1, 2, 0], [1, 2, 3, 5]) == 0.6875


def test_auc_of_special_scores():
    # -0.0 ties with 0.0 and beats -inf, which loses to -0.0 and ties with itself
    assert reference.auc([1, 0, 1, 0], [0.0, -0.0, -math.inf, -math.inf]) == (0.5 + 1 + 0 + 0.5) / 4
    assert reference.auc([1, 0], [math.inf, 1e308]) == 1


def test_auc_labels_may_be_minus_one():
    assert reference.auc([-1, -1, 1, 1], [0.1, 0.4, 0.35, 0.8]) == 0.75
    assert reference.auc([False, False, True, True], [0.1, 0.4, 0.35, 0.8]) == 0.75


def test_auc_is_exact():
    # wins of weight 2^53 and 1, a loss of weight 2: float64 has no 2^53 + 1 and no 2^53 + 3
    weight = [1, 2.0**53, 1, 2]
    expected = Fraction(2**53 + 1, 2**53 + 3)
    assert reference.auc([1, 0, 0, 0], [5, 1, 2, 9], weight) == float(expected)


@pytest.mark.parametrize("label", [[0, 0], [1, 1], []])
def test_auc_of_one_class_is_undefined(label):
    score = [0.1, 0.2][: len(label)]
    assert math.isnan(reference.auc(label, score))
    assert math.isnan(reference.auc(label, score, bits=12))
    assert all(math.isnan(bound) for bound in reference.auc_bounds(label, score, bits=12))


def test_auc_of_a_class_without_weight_is_undefined():
    assert math.isnan(reference.auc([0, 1, 1], [1, 2, 3], [1, 0, 0]))
    assert reference.auc([0, 1, 1], [2, 1, 3], [1, 0, 4]) == 1


@given(st.lists(st.tuples(st.booleans(), st.integers(-2, 2), st.sampled_from([0.0, 0.1, 0.5, 1.0, 7.0])), max_size=12))
def test_auc_equals_the_share_of_pairs(rows):
    label, score, weight = [int(y) for y, _, _ in rows], [s for _, s, _ in rows], [w for _, _, w in rows]
    present = {y for y, w in zip(label, weight, strict=True) if w > 0}
    expected = float(share_of_wins(label, score, weight)) if len(present) == 2 else math.nan
    np.testing.assert_equal(reference.auc(label, score, weight), expected)


def test_auc_equals_scikit_learn():
    y, p, w = made_up(2000)
    assert reference.auc(y, p) == pytest.approx(peer.roc_auc_score(y, p), rel=1e-12, abs=0)
    assert reference.auc(y, p, w) == pytest.approx(peer.roc_auc_score(y, p, sample_weight=w), rel=1e-12, abs=0)


# Binned AUC


def test_binned_auc_by_hand():
    # 9 bits are the sign and the exponent: cells [.25, .5) and [.5, 1).
    # positives .9 and .3, negatives .6 and .4: .9 ties with .6 and beats .4, .3 loses to .6 and ties with .4
    label, score = [1, 0, 0, 1], [0.9, 0.6, 0.4, 0.3]
    assert reference.auc_bounds(label, score, bits=9) == (1 / 4, 3 / 4)
    assert reference.auc(label, score, bits=9) == (1 + 2 / 2) / 4
    assert reference.auc(label, score) == 2 / 4
    # 10 bits halve the cells: .9 is in [.75, 1) and .6 in [.5, .75); .4 in [.375, .5) and .3 in [.25, .375)
    assert reference.auc_bounds(label, score, bits=10) == (2 / 4, 2 / 4)


def test_binned_auc_with_weights():
    # ties .9 * .6 with 2 * 1 and .3 * .4 with 3 * 5, win 2 * 5, of (2 + 3) * (1 + 5) = 30
    label, score, weight = [1, 0, 0, 1], [0.9, 0.6, 0.4, 0.3], [2, 1, 5, 3]
    assert reference.auc_bounds(label, score, weight, bits=9) == pytest.approx((10 / 30, 27 / 30), rel=1e-15, abs=0)
    assert reference.auc(label, score, weight, bits=9) == (10 + 17 / 2) / 30


def test_binned_auc_bounds_are_rounded_outward():
    # 1 win, 1 tie and 1 loss of 3: neither 1/3 nor 2/3 is a float
    lower, upper = reference.auc_bounds([1, 0, 0, 0], [0.6, 0.3, 0.7, 0.9], bits=10)
    assert Fraction(lower) < Fraction(1, 3) < Fraction(math.nextafter(lower, 1))
    assert Fraction(upper) > Fraction(2, 3) > Fraction(math.nextafter(upper, 0))


@pytest.mark.parametrize(
    ("positive", "negative", "expected"),
    [
        (1.0, 1 + 1.5 * 2.0**-24, 0.5),  # nearest is the float32 after 1, below is 1
        (-1 - 2.0**-50, -1.0, 0.0),  # nearest is -1, below is the float32 before it
        (-1e-60, 0.0, 0.0),  # nearest is 0, below is the first negative float32
        (1e-60, 0.0, 0.5),
        (-0.0, 0.0, 0.5),
        (0.0, -0.0, 0.5),
        (1e300, math.inf, 0.0),  # the largest float32
        (-math.inf, -1e300, 0.5),  # nothing else is below -1e300
        (-(2.0 - 2.0**-23) * 2.0**127, -math.inf, 1.0),  # the lowest float32
        (-1.0, -2.0, 1.0),
        (1e-45, -1e-45, 1.0),
    ],
)
def test_float64_scores_are_rounded_down_to_float32(positive, negative, expected):
    assert reference.auc([1, 0], [positive, negative], bits=32) == expected


@given(
    st.lists(st.tuples(st.integers(0, 1), st.floats(allow_nan=False, width=32)), min_size=2, max_size=30),
    st.integers(1, 32),
)
def test_binned_bounds_hold_the_exact_auc(rows, bits):
    label, score = [y for y, _ in rows], np.array([s for _, s in rows], np.float32)
    exact = reference.auc(label, score)
    lower, upper = reference.auc_bounds(label, score, bits=bits)
    if math.isnan(exact):
        assert math.isnan(lower)
        assert math.isnan(upper)
    else:
        assert lower <= exact <= upper
        assert reference.auc(label, score, bits=bits) == pytest.approx((lower + upper) / 2, rel=1e-15, abs=0)
        assert reference.auc(label, score, bits=32) == exact


def test_more_bits_come_closer():
    y, p, w = made_up(500, decimals=6)
    width = [np.ptp(reference.auc_bounds(y, p.astype(np.float32), w, bits=bits)) for bits in (9, 12, 16, 20, 32)]
    assert sorted(width, reverse=True) == width
    assert width[0] > 0.1
    assert width[-2] < 1e-3


# Log loss, normalized cross entropy, Brier score


def test_log_loss_by_hand():
    # y = 1 at 1/4: log 4; y = 0 at 1/4: log(4/3) = log 4 - log 3; y = 1 at 1/2: log 2
    expected = (LN4 + (LN4 - LN3) + LN2) / 3
    assert reference.log_loss([1, 0, 1], [0.25, 0.25, 0.5]) == pytest.approx(expected, rel=1e-15, abs=0)
    weighted = (3 * LN4 + 1 * (LN4 - LN3) + 4 * LN2) / 8
    assert reference.log_loss([1, 0, 1], [0.25, 0.25, 0.5], [3, 1, 4]) == pytest.approx(weighted, rel=1e-15, abs=0)


def test_log_loss_clips():
    # 0 becomes 2^-52 = eps, so y = 1 costs 52 log 2; so does y = 0 at 1, since 1 - (1 - 2^-52) = 2^-52 exactly
    assert reference.log_loss([1], [0]) == pytest.approx(52 * LN2, rel=1e-15, abs=0)
    assert reference.log_loss([0], [1]) == pytest.approx(52 * LN2, rel=1e-15, abs=0)
    assert reference.log_loss([1], [1]) == pytest.approx(2.0**-52, rel=1e-15, abs=0)
    assert reference.log_loss([1, 0], [0.125, 0.875], eps=0.25) == pytest.approx(LN4, rel=1e-15, abs=0)


def test_log_loss_of_small_probabilities_is_accurate():
    # -log(1 - p) = p + p^2 / 2 + ...; 1 - 10^-10 in float64 has an error of 2^-53, 10^-6 of the loss
    assert reference.log_loss([0], [1e-10]) == pytest.approx(1e-10 + 0.5e-20, rel=1e-15, abs=0)


def test_nce_by_hand():
    # mean label 1/4: entropy (1/4) log 4 + (3/4) log(4/3) = log 4 - (3/4) log 3
    # loss: y = 1 at 1/2: log 2; y = 0 at 1/4, twice: log 4 - log 3; y = 0 at 1/2: log 2
    loss = (LN2 + 2 * (LN4 - LN3) + LN2) / 4
    label, score = [1, 0, 0, 0], [0.5, 0.25, 0.25, 0.5]
    assert reference.nce(label, score) == pytest.approx(loss / (LN4 - 0.75 * LN3), rel=1e-14, abs=0)
    assert reference.nce(label, [0.25] * 4) == pytest.approx(1, rel=1e-14, abs=0)
    # a background of 1/2: log 2 whatever the labels are
    assert reference.nce(label, score, background=0.5) == pytest.approx(loss / LN2, rel=1e-14, abs=0)
    # a background of 1/8: (1/4) log 8 + (3/4) log(8/7)
    entropy = (3 * LN2 + 3 * (3 * LN2 - math.log(7))) / 4
    assert reference.nce(label, score, background=0.125) == pytest.approx(loss / entropy, rel=1e-14, abs=0)
    # a background for each row: log 2, log 2, log(4/3), log 4
    entropy = (LN2 + LN2 + (LN4 - LN3) + LN4) / 4
    assert reference.nce(label, score, background=[0.5, 0.5, 0.25, 0.75]) == pytest.approx(
        loss / entropy, rel=1e-14, abs=0
    )


def test_nce_with_weights():
    # weights 3 and 1: mean label 3/4, as three positive rows and one negative one
    score = [0.5, 0.25]
    assert reference.nce([1, 0], score, [3, 1]) == pytest.approx(
        reference.nce([1, 1, 1, 0], [0.5, 0.5, 0.5, 0.25]), rel=1e-14
    )
    by_hand = (3 * LN2 + LN4 - LN3) / (3 * (LN4 - LN3) + LN4)
    assert reference.nce([1, 0], score, [3, 1]) == pytest.approx(by_hand, rel=1e-14, abs=0)


def test_nce_where_nearly_all_rows_are_positive():
    # 1 negative of 10^9 by weight: entropy = -((1 - q) log(1 - q) + q log q) with q = 10^-9, where 1 - q is rounded
    q = 1e-9
    entropy = q - q * q / 2 - q * math.log(q)
    label, score, weight = [1, 0], [0.5, 0.5], [1e9 - 1, 1]
    assert reference.nce(label, score, weight) == pytest.approx(LN2 / entropy, rel=1e-12, abs=0)


def test_nce_without_entropy_is_undefined():
    assert math.isnan(reference.nce([1, 1], [0.5, 0.5]))
    assert math.isnan(reference.nce([0, 0], [0.5, 0.5]))
    assert math.isnan(reference.nce([0, 1], [0.5, 0.5], [1, 0]))
    # y = 1 at 1/2 over a background of 1/4: log 2 / log 4
    assert reference.nce([1, 1], [0.5, 0.5], background=0.25) == pytest.approx(0.5, rel=1e-15, abs=0)


def test_brier_by_hand():
    # (1/4)^2 + (1/2)^2 = 5/16, over 2; with weights 1 and 3: (1/16 + 3/4) / 4 = 13/64
    assert reference.brier([0, 1], [0.25, 0.5]) == 5 / 32
    assert reference.brier([0, 1], [0.25, 0.5], [1, 3]) == 13 / 64


@pytest.mark.parametrize("metric", [reference.log_loss, reference.nce, reference.brier])
def test_no_rows_and_no_weight_are_undefined(metric):
    assert math.isnan(metric([], []))
    assert math.isnan(metric([0, 1], [0.5, 0.5], [0, 0]))


@pytest.mark.parametrize("background", ["self", 0.25, [0.5, 0.25, 0.125]])
def test_nce_without_weight_is_undefined(background):
    assert math.isnan(reference.nce([0, 1, 1], [0.5, 0.5, 0.5], [0, 0, 0], background=background))


@pytest.mark.parametrize("metric", [reference.log_loss, reference.nce, reference.brier, reference.auc])
def test_zero_weight_is_absence(metric):
    y, p, w = made_up(50)
    w[::3] = 0
    assert metric(y, p, w) == metric(y[w > 0], p[w > 0], w[w > 0])
    assert metric(y, p, w) != metric(y, p)


@pytest.mark.parametrize("decimals", [1, 3])  # with 1, many probabilities are exactly 0
def test_losses_equal_scikit_learn(decimals):
    y, p, w = made_up(2000, decimals)
    assert reference.log_loss(y, p) == pytest.approx(peer.log_loss(y, p), rel=1e-12, abs=0)
    assert reference.log_loss(y, p, w) == pytest.approx(peer.log_loss(y, p, sample_weight=w), rel=1e-12, abs=0)
    assert reference.brier(y, p) == pytest.approx(peer.brier_score_loss(y, p), rel=1e-12, abs=0)
    assert reference.brier(y, p, w) == pytest.approx(peer.brier_score_loss(y, p, sample_weight=w), rel=1e-12, abs=0)
    rate = np.full(len(y), y.mean())
    expected = peer.log_loss(y, p) / peer.log_loss(y, rate)
    assert reference.nce(y, p) == pytest.approx(expected, rel=1e-12, abs=0)
    assert reference.nce(y, p, background=rate) == pytest.approx(expected, rel=1e-12, abs=0)


def test_metrics_of_real_clicks_equal_scikit_learn():
    with shared("pointwise", "criteo_sample.csv").open() as file:
        rows = list(csv.DictReader(file))
    y = np.array([int(row["label"]) for row in rows])
    # No model stands in the file: a count of the ads seen serves as one, tied and unbounded, then squeezed.
    score = np.array([float(row["I2"] or -2) for row in rows])
    p = (1 / (1 + np.exp(-score / 50))).astype(np.float32)
    assert len(np.unique(score)) < len(score)
    assert reference.auc(y, score) == pytest.approx(peer.roc_auc_score(y, score), rel=1e-12, abs=0)
    assert reference.log_loss(y, p) == pytest.approx(peer.log_loss(y, p.astype(np.float64)), rel=1e-12, abs=0)
    assert reference.brier(y, p) == pytest.approx(peer.brier_score_loss(y, p.astype(np.float64)), rel=1e-12, abs=0)
