"""Hand-worked cases of losses of probabilities."""

from __future__ import annotations

import math

import numpy as np
import pyarrow as pa
import pytest

import fastrank as fr
from fastrank import metrics as m


def test_log_loss() -> None:
    # -(log .8 + log .9) / 2
    assert m.log_loss().compute([0, 1], [0.2, 0.9]) == pytest.approx(-(math.log(0.8) + math.log(0.9)) / 2, rel=1e-15)
    # (1 * -log .8 + 3 * -log .9) / 4
    expected = -(math.log(0.8) + 3 * math.log(0.9)) / 4
    assert m.log_loss().compute([0, 1], [0.2, 0.9], weight=[1, 3]) == pytest.approx(expected, rel=1e-15)


def test_log_loss_clips_and_counts() -> None:
    # A certain miss costs -log 2^-52 = 52 log 2; a certain hit -log1p(-2^-52) = 2^-52 + 2^-105 + ...
    assert m.log_loss().compute([0], [1.0]) == 52 * math.log(2)
    assert m.log_loss().compute([1], [1.0]) == math.nextafter(2.0**-52, 1)
    assert m.log_loss(eps=0.25).compute([1, 0], [0.1, 0.9]) == pytest.approx(math.log(4))
    for dtype in (np.float32, np.float64):
        rows = {"y": [0, 1, 0, 1, 0], "p": np.array([0, 1, 0.5, 2.0**-60, 1], dtype), "w": [1, 1, 1, 1, 0]}
        assert fr.evaluate(rows, "log_loss", label="y", score="p").table["rows_clipped"].to_pylist() == [4]
        weighted = fr.evaluate(rows, "log_loss", label="y", score="p", weight="w")
        assert weighted.table["rows_clipped"].to_pylist() == [3]
    # 1 - 2^-30 is no float32, but 1 - 2^-24 is, and lies inside.
    inside = {"y": [1], "p": np.array([1 - 2.0**-24], np.float32)}
    assert fr.evaluate(inside, "log_loss", label="y", score="p").table["rows_clipped"].to_pylist() == [0]


def test_log_loss_keeps_what_float32_knows() -> None:
    # log(1 - p) of a tiny float32 p is -p: taking 1 - p in float32 would give 0.
    tiny = np.array([1e-10], np.float32)
    assert m.log_loss().compute([0], tiny) == pytest.approx(float(tiny[0]), rel=1e-9)


def test_nce_backgrounds() -> None:
    label, score = [0, 1, 0, 0], [0.2, 0.9, 0.4, 0.1]
    loss = -(math.log(0.8) + math.log(0.9) + math.log(0.6) + math.log(0.9)) / 4
    own = -(0.25 * math.log(0.25) + 0.75 * math.log(0.75))
    assert m.nce().compute(label, score) == pytest.approx(loss / own, rel=1e-14)
    given = -(0.25 * math.log(0.1) + 0.75 * math.log(0.9))
    assert m.nce(background=0.1).compute(label, score) == pytest.approx(loss / given, rel=1e-14)
    rows = {"y": label, "p": score, "b": [0.1, 0.5, 0.5, 0.5]}
    rowwise = -(math.log(0.9) + 3 * math.log(0.5)) / 4
    assert fr.evaluate(rows, "nce(background=b)", label="y", score="p")["nce(background=b)"] == pytest.approx(
        loss / rowwise, rel=1e-14
    )
    # Predicting the background itself is exactly as good as it.
    assert m.nce().compute([0, 1, 0, 0], [0.25] * 4) == 1.0


def test_nce_of_one_class_is_nan() -> None:
    assert math.isnan(m.nce().compute([1, 1], [0.5, 0.6]))
    assert math.isnan(m.nce().compute([0, 0], [0.5, 0.6]))
    assert m.nce(background=0.5).compute([0, 0], [0.5, 0.5]) == 1.0


def test_brier() -> None:
    # (0.25^2 + 0.5^2) / 2
    assert m.brier().compute([0, 1], [0.25, 0.5]) == 0.15625
    # (1 * 0.0625 + 3 * 0.25) / 4
    assert m.brier().compute([0, 1], [0.25, 0.5], weight=[1, 3]) == 0.203125


def test_without_rows_everything_is_nan() -> None:
    empty = pa.record_batch({"y": pa.array([], pa.int8()), "p": pa.array([], pa.float32())})
    names = ["auc", "auc(bits=12)", "log_loss", "nce", "brier", "mse", "calibration_ratio"]
    evaluator = fr.Evaluator(names, label="y", score="p")
    evaluator.update(empty)
    result = evaluator.result()
    assert all(math.isnan(value) for value in result.table["value"].to_pylist())
    assert result.table["undefined"].to_pylist() == [1] * len(names)


# ---------------------------------------------------------------------------------------------------------------------
# Clips and logits

EXTREMES = [0.0, 5e-324, 2.0**-1023, 1e-300, 2.0**-60, 0.25, 1 - 2.0**-53, 1.0]


def each(metric: fr.Metric, label: int, scores: list[float] | np.ndarray) -> list[float]:
    """The loss of single rows."""
    dtype = getattr(scores, "dtype", np.dtype(np.float64))
    return [metric.compute([label], np.array([score], dtype)) for score in scores]


def test_without_eps_a_certain_miss_costs_infinitely_much() -> None:
    loss = m.log_loss(eps=None)
    assert each(loss, 1, EXTREMES) == pytest.approx([math.inf, *(-math.log(p) for p in EXTREMES[1:])], rel=1e-15)
    assert each(loss, 0, EXTREMES) == pytest.approx([*(-math.log1p(-p) for p in EXTREMES[:-1]), math.inf], rel=1e-15)
    assert loss.compute([1, 0], [1.0, 0.0]) == 0.0
    assert loss.compute([1, 0, 1], [0.5, 0.5, 0.0], weight=[1, 1, 0]) == math.log(2)
    rows = {"y": [1, 1, 0], "p": [0.0, 1.0, 1.0]}
    assert fr.evaluate(rows, [loss], label="y", score="p").table["rows_clipped"].to_pylist() == [0]


def test_only_the_true_class_is_clipped() -> None:
    # LightGBM's rule: -log(p) where p > 1e-15, else -log(1e-15), of p = p or 1 - p.
    loss = m.log_loss(eps=1e-15, clip="true_class")
    most = -math.log(1e-15)
    assert each(loss, 1, [0.0, 1e-16, 1e-14, 1.0]) == [most, most, -math.log(1e-14), 0.0]
    # 1 - p is 2^-53, about 1e-16, and then 2^-49, about 2e-15.
    assert each(loss, 0, [1.0, 1 - 2.0**-53, 1 - 2.0**-49, 0.0]) == [most, most, 49 * math.log(2), 0.0]
    rows = {"y": [1, 1, 0, 0, 0], "p": [0.0, 1.0, 0.0, 1 - 2.0**-53, 0.5], "w": [1, 1, 1, 1, 0]}
    for dtype in (np.float64, np.float32):
        rows["p"] = np.array(rows["p"], dtype)
        table = fr.evaluate(rows, [loss, "log_loss(eps=1e-15)"], label="y", score="p", weight="w").table
        # Both ends: all but 1 - 2^-53, which as float32 is 1; only that and p = 0 are certain misses.
        assert table["rows_clipped"].to_pylist() == [2, 4]
    assert m.log_loss(eps=1e-300, clip="true_class").compute([1], [0.0]) == pytest.approx(300 * math.log(10))


def test_eps_of_the_columns_type() -> None:
    loss = m.log_loss(eps="dtype")
    assert each(loss, 0, np.array([1.0], np.float32)) == [23 * math.log(2)]
    assert each(loss, 0, np.array([1.0], np.float64)) == [52 * math.log(2)]
    assert loss.compute([0], [1]) == 52 * math.log(2)
    # Rows of both types, in one state: each by the type that it is read in.
    evaluator = fr.Evaluator([loss], label="y", score="p")
    evaluator.update(pa.record_batch({"y": [0], "p": pa.array([1.0], pa.float32())}))
    other = fr.Evaluator([loss], label="y", score="p")
    other.update(pa.record_batch({"y": [0], "p": [1.0]}))
    evaluator.merge(other.state())
    result = evaluator.result()
    assert result[str(loss)] == pytest.approx((23 + 52) / 2 * math.log(2), rel=1e-15)
    assert result.table["rows_clipped"].to_pylist() == [2]


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_logits(dtype: type) -> None:
    loss = m.log_loss(from_logits=True)
    logits = np.array([-math.inf, -1e3, -2.0, 0.0, 2.0, 1e3, math.inf], dtype)
    expected = [math.inf, 1e3, math.log1p(math.exp(2)), math.log(2), math.log1p(math.exp(-2)), 0.0, 0.0]
    assert each(loss, 1, logits) == pytest.approx(expected, rel=1e-15)
    assert each(loss, 0, -logits) == pytest.approx(expected, rel=1e-15)
    # What clipping would lose: e^-100, and 100 of a miss.
    assert loss.compute([1], [100.0]) == pytest.approx(math.exp(-100), rel=1e-15)
    assert m.log_loss().compute([0], [1.0]) < 100 == loss.compute([0], [100.0])
    assert fr.evaluate({"y": [0, 1], "z": [40.0, 1.0]}, ["bce_with_logits"], label="y", score="z").table[
        "rows_clipped"
    ].to_pylist() == [0]
    with pytest.raises(fr.FastrankError, match=r"nan; allowed: a number"):
        loss.compute([1], [math.nan])


@pytest.mark.parametrize(
    ("spelling", "words"),
    [
        ("log_loss(eps=1e-17)", "1 - eps is 1 in float64; give 2\\^-53 or more, or clip=true_class"),
        ("log_loss(from_logits=True, eps=0.1)", "clips nothing: leave out eps= and clip="),
        ("focal(from_logits=True, clip=true_class)", "clips nothing: leave out eps= and clip="),
        ("nce(eps=None, clip=true_class)", "eps=None clips nothing: leave out clip="),
        ("log_loss(eps=0.5)", 'allowed: a number from 2\\^-1022 and below 0.5, "dtype", or None'),
        ("log_loss(eps=auto)", 'allowed: a number from 2\\^-1022 and below 0.5, "dtype", or None'),
        ("rig(background=base, denominator=entropy)", "that of one rate"),
        ("focal(alpha=1)", "allowed: a number above 0 and below 1, or None"),
    ],
)
def test_parameters_that_are_refused(spelling: str, words: str) -> None:
    with pytest.raises(fr.FastrankError, match=words):
        m.parse(spelling)


def test_names_of_peers() -> None:
    assert m.parse("bce_with_logits") == [m.log_loss(from_logits=True)]
    assert m.parse("sigmoid_focal_loss(gamma=1)") == [m.focal(gamma=1, alpha=0.25, from_logits=True)]
    assert m.parse("squared_hinge") == [m.hinge(squared=True)]
    assert m.parse("log_loss(eps=None)") == [m.log_loss(eps=None)] == m.parse("log_loss(eps=none)")


# ---------------------------------------------------------------------------------------------------------------------
# Focal and hinge loss


def test_focal_by_hand() -> None:
    # q = 0.8 and 0.9; (1 - q)^2 = 0.04 and 0.01.
    hit, other = -math.log(0.8), -math.log(0.9)
    assert m.focal().compute([0, 1], [0.2, 0.9]) == pytest.approx((0.04 * hit + 0.01 * other) / 2, rel=1e-14)
    weighted = (0.75 * 0.04 * hit + 3 * 0.25 * 0.01 * other) / 4
    assert m.focal(alpha=0.25).compute([0, 1], [0.2, 0.9], [1, 3]) == pytest.approx(weighted, rel=1e-14)
    assert m.focal(gamma=0.5).compute([1], [0.75]) == pytest.approx(-0.5 * math.log(0.75), rel=1e-15)
    assert m.focal(gamma=1).compute([1], [0.75]) == pytest.approx(-0.25 * math.log(0.75), rel=1e-15)
    # A certain miss costs what log loss makes of it, a certain hit nothing.
    assert m.focal(eps=0.25, clip="true_class").compute([1], [0.1]) == 0.75**2 * math.log(4)
    assert each(m.focal(eps=None), 1, [0.0, 1.0]) == [math.inf, 0.0]
    logits = m.focal(from_logits=True)
    assert each(logits, 1, [-math.inf, -1e3, 0.0, 1e3, math.inf]) == [math.inf, 1e3, 0.25 * math.log(2), 0.0, 0.0]
    assert m.focal(gamma=0, from_logits=True).compute([1], [-math.inf]) == math.inf


@pytest.mark.parametrize("rules", [{}, {"eps": 0.25}, {"eps": None}, {"eps": 0.25, "clip": "true_class"}])
def test_focal_without_focus_is_log_loss_bit_for_bit(rules: dict[str, object]) -> None:
    rng = np.random.default_rng(5)
    label, p = rng.integers(0, 2, 5000), rng.random(5000) ** 8
    assert m.focal(gamma=0, **rules).compute(label, p) == m.log_loss(**rules).compute(label, p)
    logits = rng.normal(0, 100, 5000)
    assert m.focal(gamma=0, from_logits=True).compute(label, logits) == m.log_loss(from_logits=True).compute(
        label, logits
    )


def test_hinge_by_hand() -> None:
    # Margins 2, 0.5, -1: lacking 0, 0.5, 2.
    for label in ([0, 1, 0], [-1, 1, -1]):
        assert m.hinge().compute(label, [-2.0, 0.5, 1.0]) == 2.5 / 3
        assert m.hinge(squared=True).compute(label, [-2.0, 0.5, 1.0]) == 4.25 / 3
    assert m.hinge().compute([1, 0], [0.5, 1.0], weight=[3, 1]) == (3 * 0.5 + 2) / 4
    with pytest.raises(fr.FastrankError, match=r"inf; allowed: a finite number"):
        m.hinge().compute([0, 1], [0.5, math.inf])


# ---------------------------------------------------------------------------------------------------------------------
# Normalised entropy


def test_the_background_of_all_slices() -> None:
    # Rates 1/2 and 1/4 in the slices of 2 and 4 rows, 1/3 in all.
    rows = {"y": [0, 1, 0, 1, 0, 0], "p": [0.2, 0.9, 0.4, 0.1, 0.3, 0.2], "c": ["a", "a", "b", "b", "b", "b"]}
    names = ["nce(background=overall)", "nce", "log_loss", "rig(background=overall)"]
    result = fr.evaluate(rows, names, label="y", score="p", by="c")
    assert result["nce(background=overall)"] == result["nce"]
    for c, q in (("a", 1 / 2), ("b", 1 / 4)):
        entropy = -(q * math.log(1 / 3) + (1 - q) * math.log(2 / 3))
        value = result["nce(background=overall)", {"c": c}]
        assert value == pytest.approx(result["log_loss", {"c": c}] / entropy, rel=1e-14)
        assert result["rig(background=overall)", {"c": c}] == 1 - value
        assert value != result["nce", {"c": c}]
    assert m.nce(background="global") == m.nce(background="overall")
    # A slice of one class has no entropy of its own, but the loss of the overall rate.
    one_class = fr.evaluate({**rows, "y": [0, 0, 0, 1, 0, 1]}, names[:2], label="y", score="p", by="c")
    assert math.isnan(one_class["nce", {"c": "a"}])
    assert one_class["nce(background=overall)", {"c": "a"}] == pytest.approx(
        -(math.log(0.8) + math.log(0.1)) / 2 / -math.log(2 / 3), rel=1e-14
    )


def test_entropy_of_the_background_itself() -> None:
    label, score = [0, 1, 0, 0], [0.2, 0.9, 0.4, 0.1]
    loss = m.log_loss().compute(label, score)
    entropy = -(0.1 * math.log(0.1) + 0.9 * math.log(0.9))
    assert m.nce(background=0.1, denominator="entropy").compute(label, score) == pytest.approx(
        loss / entropy, rel=1e-14
    )
    assert m.nce(denominator="entropy").compute(label, score) == m.nce().compute(label, score)
    assert m.rig().compute(label, score) == 1 - m.nce().compute(label, score)


def test_nce_as_torcheval_and_torchrec_define_it() -> None:
    # torcheval: the mean of BCE over -(r log r + (1 - r) log(1 - r)) of the mean target r, weighted, of probabilities
    # (its documented example: 0.2, 0.3 against 1, 0 is 1.4183) or of logits; torchrec the same with log2.
    label, score, weight = np.array([1.0, 0.0]), np.array([0.2, 0.3]), np.array([1.0, 3.0])
    assert m.nce().compute(label, score) == pytest.approx(1.4183, abs=5e-5)
    rate = np.average(label, weights=weight)
    bits = -np.average(label * np.log2(score) + (1 - label) * np.log2(1 - score), weights=weight)
    entropy = -(rate * np.log2(rate) + (1 - rate) * np.log2(1 - rate))
    assert m.nce().compute(label, score, weight) == pytest.approx(bits / entropy, rel=1e-14)
    logits = np.log(score / (1 - score))
    assert m.nce(from_logits=True).compute(label, logits, weight) == pytest.approx(bits / entropy, rel=1e-14)


def test_a_column_of_rates_is_clipped_at_both_ends() -> None:
    rows = {"y": [1, 0], "p": [0.5, 0.5], "b": [0.0, 0.5]}
    logits = {**rows, "p": [0.0, 0.0]}
    for given, name in (
        (rows, "nce(background=b)"),
        (rows, "nce(background=b, eps=None)"),
        (logits, "nce(background=b, from_logits=True)"),
    ):
        assert fr.evaluate(given, name, label="y", score="p")[name] == pytest.approx(2 / 53, rel=1e-14)
