"""Metrics of real targets, against scikit-learn: made-up rows, and two sets of real data."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache, partial
from typing import Any

import numpy as np
import pytest
from shared_data import shared
from sklearn import metrics as peer
from sklearn.linear_model import LinearRegression, PoissonRegressor, QuantileRegressor

import fastrank as fr
from fastrank import metrics as m

Arrays = tuple[np.ndarray, np.ndarray]


def pinball(alpha: float) -> Callable[..., float]:
    return partial(peer.mean_pinball_loss, alpha=alpha)


def tweedie(power: float) -> Callable[..., float]:
    return partial(peer.mean_tweedie_deviance, power=power)


# Metric -> scikit-learn's, by what rows it takes: any numbers, those from 0 on (predictions above 0), or those above 0.
PEERS: dict[str, dict[str, Callable[..., float]]] = {
    "real": {
        "mse": peer.mean_squared_error,
        "rmse": peer.root_mean_squared_error,
        "mae": peer.mean_absolute_error,
        "quantile_loss": peer.mean_pinball_loss,
        "quantile_loss(alpha=0.9)": pinball(0.9),
        "quantile_loss(alpha=0.05)": pinball(0.05),
        "quantile_loss(over_prediction_weight=0.9)": pinball(1 - 0.9),
        "quantile_loss(alpha=0)": pinball(0),
        "quantile_loss(alpha=1)": pinball(1),
        "mape(zero=2.220446049250313e-16)": peer.mean_absolute_percentage_error,
        "tweedie_deviance": tweedie(0),
    },
    "count": {
        "msle": peer.mean_squared_log_error,
        "rmsle": peer.root_mean_squared_log_error,
        "poisson_deviance": peer.mean_poisson_deviance,
        "tweedie_deviance(power=1)": tweedie(1),
        "tweedie_deviance(power=1.1)": tweedie(1.1),
        "tweedie_deviance(power=1.5)": tweedie(1.5),
        "tweedie_deviance(power=1.9)": tweedie(1.9),
        "tweedie_deviance(power=-1)": tweedie(-1),
    },
    "positive": {
        "gamma_deviance": peer.mean_gamma_deviance,
        "tweedie_deviance(power=2)": tweedie(2),
        "tweedie_deviance(power=2.5)": tweedie(2.5),
        "tweedie_deviance(power=3)": tweedie(3),
        "tweedie_deviance(power=-0.5)": tweedie(-0.5),
    },
}
CASES = [(kind, name) for kind, names in PEERS.items() for name in names]


def made_up(kind: str, seed: int) -> Arrays:
    rng = np.random.default_rng(seed)
    if kind == "real":
        label = rng.normal(0, 30, 400).round(1)
        label[rng.random(400) < 0.1] = 0.0
        return label, label + rng.normal(0, 5, 400) * (rng.random(400) < 0.9)
    mean = rng.gamma(2.0, 3.0, 400) + 0.01
    return (rng.poisson(mean).astype(np.float64) if kind == "count" else rng.gamma(2.0, mean / 2) + 1e-3), mean


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize(("kind", "name"), CASES)
def test_made_up_rows(kind, name, dtype):
    # In float32, scikit-learn is given the same numbers as float64.
    label, score = (column.astype(dtype) for column in made_up(kind, 5))
    weight = np.random.default_rng(6).choice([0.0, 0.5, 1.0, 3.25], 400)
    metric, wide = m.parse(name)[0], (label.astype(np.float64), score.astype(np.float64))
    assert metric.compute(label, score) == pytest.approx(PEERS[kind][name](*wide), rel=1e-11)
    expected = PEERS[kind][name](*wide, sample_weight=weight)
    assert metric.compute(label, score, weight) == pytest.approx(expected, rel=1e-11)


def test_the_largest_error():
    label, score = made_up("real", 7)
    assert m.max_error().compute(label, score) == peer.max_error(label, score)


@pytest.mark.parametrize(
    ("name", "label", "score"),
    [
        ("msle", [0, -1], [1, 1]),
        ("msle", [0, 1], [1, -1.5]),
        ("poisson_deviance", [-1], [1]),
        ("poisson_deviance", [1], [0]),
        ("gamma_deviance", [0], [1]),
        ("gamma_deviance", [1], [-1]),
        ("tweedie_deviance(power=1.5)", [-1], [1]),
        ("tweedie_deviance(power=1.5)", [0], [0]),
        ("tweedie_deviance(power=3)", [0], [1]),
        ("tweedie_deviance(power=-1)", [1], [0]),
    ],
)
def test_what_has_no_value_is_refused_on_both_sides(name, label, score):
    (theirs,) = (names[name] for names in PEERS.values() if name in names)
    with pytest.raises(ValueError):
        theirs(label, score)
    with pytest.raises(fr.FastrankError, match="allowed: "):
        m.parse(name)[0].compute(label, score)


def check(rows: dict[str, np.ndarray], score: str, kinds: tuple[str, ...], **roles: Any) -> None:
    names = [name for kind in kinds for name in PEERS[kind]]
    weights = {"sample_weight": rows[roles["weight"]]} if roles else {}
    result = fr.evaluate(rows, [*names, "max_error"], label="y", score=score, batch_rows=97, **roles)
    for kind in kinds:
        for name, theirs in PEERS[kind].items():
            expected = theirs(rows["y"], rows[score], **weights)
            assert result[name] == pytest.approx(expected, rel=1e-11), name
    assert result["max_error"] == peer.max_error(rows["y"], rows[score])


@cache
def engel() -> dict[str, np.ndarray]:
    """Expenditure on food by income, of Belgian households, with fits of the mean and of quantiles."""
    income, food = np.loadtxt(shared("pointwise", "engel.csv"), delimiter=",", skiprows=1, unpack=True)
    rows = {"y": food, "mean": LinearRegression().fit(income[:, None], food).predict(income[:, None])}
    for alpha in (0.1, 0.5, 0.9):
        model = QuantileRegressor(quantile=alpha, alpha=0.0).fit(income[:, None], food)
        rows[f"q{alpha}"] = model.predict(income[:, None])
    return rows


def test_engel():
    check(engel(), "mean", ("real", "count", "positive"))


def test_the_fit_of_a_quantile_has_the_lowest_loss_of_it():
    rows = engel()
    names = [f"quantile_loss(alpha={alpha})" for alpha in (0.1, 0.5, 0.9)]
    models = [f"q{alpha}" for alpha in (0.1, 0.5, 0.9)]
    result = fr.evaluate(rows, names, label="y", score=models)
    for name, own in zip(names, models, strict=True):
        assert min(result[name], key=result[name].get) == own
        alpha = float(own[1:])
        for model, value in result[name].items():
            assert value == pytest.approx(peer.mean_pinball_loss(rows["y"], rows[model], alpha=alpha), rel=1e-12)


def test_randhie():
    # Visits to doctors, of which many people have none.
    table = np.genfromtxt(shared("pointwise", "randhie.csv"), delimiter=",", names=True)
    features = np.column_stack([table[name] for name in table.dtype.names if name != "mdvis"])
    visits = table["mdvis"]
    assert (visits == 0).mean() > 0.3
    rows = {
        "y": visits,
        "p": PoissonRegressor(alpha=1e-3, max_iter=500).fit(features, visits).predict(features),
        "w": 1 + features[:, 0],
    }
    check(rows, "p", ("real", "count"))
    check(rows, "p", ("real", "count"), weight="w")
    row = fr.evaluate(rows, "mape", label="y", score="p").table.to_pylist()[0]
    some = visits > 0
    assert row["value"] == pytest.approx(peer.mean_absolute_percentage_error(visits[some], rows["p"][some]), rel=1e-12)
    assert (row["rows"], row["rows_skipped"]) == (len(visits), int((~some).sum()))
