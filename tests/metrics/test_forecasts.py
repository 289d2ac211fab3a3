"""Percentage errors: hand-worked cases, rules for zeros, and peers as they document themselves."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import fastrank as fr
from fastrank import metrics as m
from fastrank.errors import ParameterError

LABEL, SCORE = [4.0, 8.0, 0.0, 0.0, -0.5], [5.0, 8.0, 1.0, 0.0, 1.0]  # errors 1, 0, 1, 0, 1.5; those by |y| 1/4, 0, 3


def row(metric: str, label: list[float] = LABEL, score: list[float] = SCORE, **columns: Any) -> dict[str, Any]:
    roles = {name: name for name in columns}
    result = fr.evaluate({"label": label, "score": score, **columns}, metric, label="label", score="score", **roles)
    return result.table.to_pylist()[0]


@pytest.mark.parametrize(
    ("metric", "value", "skipped"),
    [
        ("mape", 3.25 / 3, 2),
        ("mape(percent=True)", 325 / 3, 2),
        ("mape(zero=count)", 3.25 / 5, None),
        ("mape(zero=inf)", math.nan, None),
        ("mape(zero=max1)", (0.25 + 0 + 1 + 0 + 1.5) / 5, None),
        ("mape(zero=2)", (0.25 + 0 + 0.5 + 0 + 0.75) / 5, None),
        ("wape", 3.5 / 12.5, None),
        ("wape(percent=True)", 28.0, None),
        # 1 / 9, 0, 1, 0 / 0, 1
        ("smape", 200 * (1 / 9 + 2) / 5, None),
        ("smape(form=2)", 2 * (1 / 9 + 2) / 5, None),
        ("smape(form=100)", 100 * (1 / 9 + 2) / 5, None),
        ("smape(form=1)", (1 / 9 + 2) / 5, None),
        ("smape(zero=skip)", 200 * (1 / 9 + 2) / 4, 1),
        ("smape(zero=nan)", math.nan, None),
    ],
)
def test_rules_for_zeros(metric, value, skipped):
    found = row(metric)
    assert found["value"] == pytest.approx(value, rel=1e-15, nan_ok=True)
    assert (found["rows"], found["rows_skipped"], found["undefined"]) == (5, skipped, int(math.isnan(value)))


def test_division_by_zero_is_infinite_where_it_is_asked_for():
    assert row("mape(zero=inf)", [0.0, 1.0], [1.0, 1.0])["value"] == math.inf
    assert row("mape(zero=inf)", [0.0, 1.0], [1.0, 2.0], weight=[0.0, 1.0])["value"] == 1.0


def test_nothing_to_relate_to_is_undefined():
    for metric in ("mape", "wape", "smape(zero=skip)", "smape(zero=nan)"):
        found = row(metric, [0.0, 0.0], [0.0, 0.0])
        assert (math.isnan(found["value"]), found["undefined"]) == (True, 1), metric
    assert row("mape", [0.0, 0.0], [1.0, 0.0])["rows_skipped"] == 2
    assert row("smape", [0.0, 0.0], [0.0, 0.0])["value"] == 0.0
    assert row("smape(zero=nan)", [0.0, 1.0], [0.0, 1.0], weight=[0.0, 1.0])["value"] == 0.0


def test_rows_that_are_skipped_weigh_nothing():
    # (2 * 1/4 + 0.1 * 3) / (2 + 1 + 0.1); rows of weight 0 are absent, and not counted as skipped.
    found = row("mape", weight=[2.0, 1.0, 7.0, 0.0, 0.1])
    assert found["value"] == pytest.approx(0.8 / 3.1, rel=1e-15)
    assert (found["rows"], found["rows_skipped"]) == (4, 1)
    # All that count are skipped.
    assert math.isnan(row("mape", weight=[0.0, 0.0, 7.0, 2.0, 0.0])["value"])


def test_rows_that_are_skipped_are_counted_by_slice():
    result = fr.evaluate(
        {"y": LABEL, "p": SCORE, "w": [1.0, 1.0, 3.0, 0.0, 2.0], "s": ["a", "b", "a", "a", "b"]},
        ["mape", "smape(zero=skip)"],
        label="y", score="p", weight="w", by="s",
    )  # fmt: skip
    table = {(r["metric"], r["s"]): r for r in result.table.to_pylist()}
    assert [table["mape", s]["rows_skipped"] for s in (None, "a", "b")] == [1, 1, 0]
    assert table["mape", "a"]["value"] == 0.25
    assert table["mape", "b"]["value"] == pytest.approx((0 + 2 * 3) / 3, rel=1e-15)
    assert [table["smape(zero=skip)", s]["rows_skipped"] for s in (None, "a", "b")] == [0, 0, 0]
    assert "rows_skipped" in str(result)


def test_parameters():
    assert m.mape(zero="MAX1") == m.mape(zero=1) == m.parse("mape(zero=max1)")[0]
    assert m.mape(zero=2.0**-52).canonical == "mape(zero=2.220446049250313e-16)"
    assert m.smape(form=2) == m.smape(form="2") == m.parse("smape(form=2)")[0]
    for zero in ("ignore", 0, -1.0, math.inf, math.nan, True, None):
        with pytest.raises(ParameterError, match='allowed: "skip", "count", "inf", "max1", or a number above 0'):
            m.mape(zero=zero)
    for form in (3, "x", 2.5, None, True):
        with pytest.raises(ParameterError, match="allowed: 200, 2, 100 or 1"):
            m.smape(form=form)


def test_metrics_of_one_column_share_their_sums():
    states = fr.Evaluator(["mape", "mape(zero=count)", "mape(percent=True)"], label="y", score="p").state()
    assert len([name for name in states.schema.names if name.startswith("{")]) == 3


# Peers, as their documentation or code says: river, CatBoost, XGBoost, torchmetrics, TFMA, polars_ds.
def river_mape(y: np.ndarray, p: np.ndarray) -> float:
    """100 times the mean; a row with y = 0 counts 0."""
    return 100 * float(np.mean([abs((a - b) / a) if a else 0.0 for a, b in zip(y, p, strict=True)]))


def river_smape(y: np.ndarray, p: np.ndarray) -> float:
    """100 times the mean of 2 |y - p| / (|y| + |p|); 0 / 0 counts 0."""
    terms = [2 * abs(a - b) / (abs(a) + abs(b)) if abs(a) + abs(b) else 0.0 for a, b in zip(y, p, strict=True)]
    return 100 * float(np.mean(terms))


def catboost_mape(y: np.ndarray, p: np.ndarray) -> float:
    return float(np.mean(np.abs(y - p) / np.maximum(1, np.abs(y))))


def xgboost_mape(y: np.ndarray, p: np.ndarray) -> float:
    with np.errstate(divide="ignore", invalid="ignore"):
        return float(np.mean(np.abs((y - p) / y)))


def torchmetrics_mape(y: np.ndarray, p: np.ndarray) -> float:
    return float(np.mean(np.abs(p - y) / np.clip(np.abs(y), 1.17e-6, None)))


def torchmetrics_wmape(y: np.ndarray, p: np.ndarray) -> float:
    return float(np.sum(np.abs(p - y)) / np.sum(np.abs(y)))


def tfma_mape(y: np.ndarray, p: np.ndarray) -> float:
    """Rows with y = 0 are in neither sum; times 100."""
    return 100 * float(np.mean(np.abs((p - y)[y != 0] / y[y != 0])))


def polars_ds_smape(y: np.ndarray, p: np.ndarray) -> float:
    with np.errstate(invalid="ignore"):
        return float(np.mean(np.abs(y - p) / (np.abs(y) + np.abs(p))))


@pytest.mark.parametrize(
    ("metric", "told"),
    [
        ("mape(zero=count, percent=True)", river_mape),
        ("smape", river_smape),
        ("mape(zero=max1)", catboost_mape),
        ("mape(zero=inf)", xgboost_mape),
        ("mape(zero=1.17e-6)", torchmetrics_mape),
        ("wape", torchmetrics_wmape),
        ("mape(percent=True)", tfma_mape),
        ("smape(form=1, zero=nan)", polars_ds_smape),
    ],
)
@pytest.mark.parametrize("zeros", ["none", "targets", "both"])
def test_peers_as_they_document_themselves(metric, told: Callable[..., float], zeros):
    rng = np.random.default_rng(3)
    y, p = rng.normal(size=60).round(1) + 0.05, rng.normal(size=60).round(1) + 0.05
    if zeros != "none":
        y[[3, 17, 40]] = 0.0
    if zeros == "both":
        p[17] = 0.0
    assert m.parse(metric)[0].compute(y, p) == pytest.approx(told(y, p), rel=1e-13, nan_ok=True)


def test_the_documented_examples():
    # river.metrics.MAPE and SMAPE, and torchmetrics' MeanAbsolutePercentageError, SymmetricMeanAbsolutePercentageError.
    y, p = [3, -0.5, 2, 7], [2.5, 0.0, 2, 8]
    assert m.mape(zero="count", percent=True).compute(y, p) == pytest.approx(32.738095, abs=1e-6)
    y, p = [0, *[0.07533] * 6, *[0.0672] * 2], [0, 0.102, 0.107, 0.047, 0.1, 0.032, 0.047, 0.108, 0.089]
    assert m.smape().compute(y, p) == pytest.approx(37.869392, abs=1e-6)
    assert m.mape(zero=1.17e-6).compute([1, 10, 1e6], [0.9, 15, 1.2e6]) == pytest.approx(0.2667, abs=1e-4)
    assert m.smape(form=2).compute([1, 10, 1e6], [0.9, 15, 1.2e6]) == pytest.approx(0.2290, abs=1e-4)
    # And its LogCoshError and TweedieDevianceScore.
    assert m.log_cosh().compute([2.5, 5, 4, 8], [3, 5, 2.5, 7]) == pytest.approx(0.3523, abs=1e-4)
    assert m.tweedie_deviance(power=2).compute([1, 2, 3, 4], [4, 3, 2, 1]) == pytest.approx(1.2083, abs=1e-4)
