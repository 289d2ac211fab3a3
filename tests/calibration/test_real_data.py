"""Calibrators on real predictions: the optimum of an independent optimiser, and a lower calibration error."""

from __future__ import annotations

import gzip

import numpy as np
import pyarrow as pa
import pyarrow.csv
import pytest
from scipy.optimize import minimize, minimize_scalar
from shared_data import shared
from sklearn.isotonic import IsotonicRegression
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import cross_val_predict

import fastrank as fr
from fastrank.calibration import IsotonicCalibrator, PlattCalibrator, TemperatureCalibrator
from fastrank.reference.calibrators import platt_loss, temperature_loss


def predictions(name: str) -> tuple[np.ndarray, np.ndarray]:
    with np.load(shared("pointwise", name)) as data:
        return data["ground_truth"], data["predictions"]


def clicks() -> dict[str, np.ndarray]:
    """Out-of-fold predictions of clicks; far too sure, as of a model that was fitted for too long."""
    path = shared("pointwise", "criteo_sample.csv")
    table = pa.csv.read_csv(path)
    counts = np.column_stack([np.nan_to_num(np.array(table[f"I{i}"].to_pylist(), float)) for i in range(1, 14)])
    features = np.log1p(np.maximum(counts, 0))
    label = np.array(table["label"].to_pylist())
    model = LogisticRegression(C=100.0, max_iter=5000)
    margin = cross_val_predict(model, features, label, cv=5, method="decision_function")
    return {"y": label, "s": margin, "p": 1 / (1 + np.exp(-margin))}


def bandit() -> dict[str, np.ndarray]:
    """46 clicks in 10,000 rows, and the affinity of user and item."""
    with gzip.open(shared("pointwise", "obd_random_men.csv.gz")) as file:
        table = pa.csv.read_csv(file)
    names = [f"user-item_affinity_{k}" for k in range(34)]
    affinity = np.column_stack([np.array(table[name].to_pylist(), float) for name in names])
    item, position = np.array(table["item_id"].to_pylist()), np.array(table["position"].to_pylist(), float)
    label = np.array(table["click"].to_pylist())
    features = np.column_stack((affinity[np.arange(len(item)), item], affinity.sum(1), position, item))
    # Negatives were downsampled when it was trained, so that it predicts far too much.
    keep = (label == 1) | (np.arange(len(label)) % 10 == 0)
    model = LogisticRegression(max_iter=5000).fit(features[keep], label[keep])
    margin = model.decision_function(features)
    return {"y": label, "s": margin, "p": 1 / (1 + np.exp(-margin))}


def ece(label: np.ndarray, p: np.ndarray, bins: int = 15) -> float:
    """Expected calibration error of equal bins, by its definition."""
    at = np.minimum((p * bins).astype(int), bins - 1)
    return sum(abs(p[at == b].sum() - label[at == b].sum()) for b in range(bins)) / len(p)


@pytest.mark.parametrize("make", [clicks, bandit])
def test_isotonic_of_clicks(make):
    data = make()
    ours = IsotonicCalibrator().fit(data, label="y", score="p").transform(data["p"])
    theirs = IsotonicRegression(out_of_bounds="clip").fit_transform(data["p"], data["y"])
    np.testing.assert_allclose(ours, theirs, rtol=0, atol=1e-12)
    assert ece(data["y"], ours) < ece(data["y"], data["p"])


@pytest.mark.parametrize("make", [clicks, bandit])
def test_platt_of_clicks(make):
    data = make()
    calibrator = PlattCalibrator().fit(data, label="y", score="s")
    n = len(data["y"])
    best = minimize(lambda point: platt_loss(*point, data["y"], data["s"]) / n, (1.0, 0.0), method="Nelder-Mead",
                    options={"xatol": 1e-10, "fatol": 1e-16, "maxiter": 10_000})  # fmt: skip
    assert platt_loss(calibrator.slope, calibrator.intercept, data["y"], data["s"]) / n <= best.fun + 1e-15
    np.testing.assert_allclose((calibrator.slope, calibrator.intercept), best.x, rtol=2e-7, atol=1e-8)
    after = calibrator.transform(data["s"])
    assert ece(data["y"], after) < ece(data["y"], data["p"])


@pytest.mark.parametrize("make", [clicks, bandit])
def test_temperature_of_clicks(make):
    data = make()
    calibrator = TemperatureCalibrator(from_logits=True)
    calibrator.fit(data, label="y", score="s")

    def loss(beta: float) -> float:
        return temperature_loss(1 / beta, data["y"], data["s"], from_logits=True)

    best = minimize_scalar(loss, bounds=(1e-3, 10), method="bounded", options={"xatol": 1e-12})
    assert loss(1 / calibrator.temperature) <= best.fun * (1 + 1e-14)
    assert 1 / calibrator.temperature == pytest.approx(best.x, rel=1e-6)


@pytest.mark.parametrize("name", ["lenet-5-cifar-10.npz", "densenet-bc-100-cifar-100.npz"])
def test_temperature_of_classes(name):
    label, scores = predictions(name)
    columns = {"label": label, **{f"p{k}": scores[:, k] for k in range(scores.shape[1])}}
    calibrator = TemperatureCalibrator()
    calibrator.fit(columns, label="label", score=list(columns)[1:])

    def loss(beta: float) -> float:
        return temperature_loss(1 / beta, label, scores) / len(label)

    best = minimize_scalar(loss, bounds=(0.05, 5), method="bounded", options={"xatol": 1e-12})
    assert loss(1 / calibrator.temperature) <= best.fun + 1e-15
    assert 1 / calibrator.temperature == pytest.approx(best.x, rel=1e-6)
    # The derivative is 0 there, to 1e-10 of a row's.
    z = np.log(np.maximum(scores.astype(float), 2.0**-52))
    after = calibrator.transform(scores)
    slope = np.sum(after * z, axis=1) - z[np.arange(len(label)), label]
    assert abs(slope.mean()) < 1e-10

    def top_label_error(p: np.ndarray) -> float:
        return ece((p.argmax(1) == label).astype(int), p.max(1).astype(float))

    assert top_label_error(after) < top_label_error(scores)
    assert (after.argmax(1) == scores.argmax(1)).mean() > 0.999  # clipping may tie what was below 2^-52


def test_one_class_of_cifar_against_the_rest():
    label, scores = predictions("lenet-5-cifar-10.npz")
    data = {"y": (label == 3).astype(np.int8), "p": scores[:, 3]}
    before = fr.evaluate(data, ["log_loss", "brier"], label="y", score="p")
    for calibrator in (IsotonicCalibrator(), PlattCalibrator(on="logit"), TemperatureCalibrator()):
        half = {name: column[::2] for name, column in data.items()}
        other = {name: column[1::2] for name, column in data.items()}
        calibrator.fit(half, label="y", score="p")
        held_out = {"y": other["y"], "q": calibrator.transform(other["p"])}
        if not isinstance(calibrator, TemperatureCalibrator):
            assert ece(held_out["y"], held_out["q"]) < ece(other["y"], other["p"].astype(float))
        assert fr.evaluate(held_out, "brier", label="y", score="q")["brier"] < before["brier"] * 1.05
