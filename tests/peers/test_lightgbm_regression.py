"""Metrics of real targets, against LightGBM."""

from __future__ import annotations

import lightgbm
import numpy as np
import pytest

from fastrank import metrics as m

# Its name, with its settings -> ours.
PEERS = {
    ("l1",): "mae",
    ("l2",): "mse",
    ("rmse",): "rmse",
    ("huber", 0.7): "huber(delta=0.7)",
    ("huber", 40.0): "huber(delta=40)",
    ("quantile", 0.9): "quantile_loss(alpha=0.9)",
    ("quantile", 0.2): "quantile_loss(over_prediction_weight=0.8)",
    ("mape",): "mape(zero=max1)",
    ("gamma_deviance",): "gamma_deviance",
}


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("peer", PEERS)
def test_means(peer, weighted):
    rng = np.random.default_rng(8)
    # LightGBM keeps labels and weights as float32.
    label = rng.gamma(1.0, 2.0, 300).astype(np.float32) + np.float32(0.01)
    score = label * rng.uniform(0.3, 2.0, 300)
    weight = rng.choice([0.5, 1.0, 4.0], 300) if weighted else None
    data = lightgbm.Dataset(np.arange(300)[:, None], label, weight=weight, init_score=score)
    alpha = {"alpha": peer[1]} if len(peer) > 1 else {}
    booster = lightgbm.Booster({"objective": "regression", "metric": peer[0], "verbosity": -1, **alpha}, data)
    ((_, _, expected, _),) = booster.eval_train()
    if peer[0] == "gamma_deviance":
        # There it is a sum over rows, where others are means.
        expected /= 300 if weight is None else weight.sum()
    value = m.parse(PEERS[peer])[0].compute(label, score, weight)
    assert value == pytest.approx(expected, rel=1e-6 if peer[0] in ("mape", "gamma_deviance") else 1e-12)
