"""One table of cases: a metric, its data, and who computes it.

Every contestant takes the arrays of the data by name and returns a float; "numpy" is what one writes in NumPy, or the
readable twin of `fastrank.reference`.  `tolerance` is how far an answer may lie from that, relatively; each is checked
before it is timed.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
from data import LIST_ROWS, clicks, lists

import fastrank as fr
from fastrank import reference

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from numpy.typing import NDArray

__all__ = ["CASES", "Case", "Contestant"]

Arrays = dict[str, "NDArray[Any]"]
TOLERANCE = 1e-12


@dataclass(frozen=True)
class Contestant:
    """How somebody computes a metric: `prepare` makes its input once, untimed; `run` is timed."""

    run: Callable[[Any], float]
    prepare: Callable[[Arrays], Any] = field(default=lambda arrays: arrays)
    tolerance: float = TOLERANCE
    largest: int | None = None  # rows beyond which it takes too long to be worth the wait


@dataclass(frozen=True)
class Case:
    """A metric over data; the answers are compared with those of the contestant "numpy"."""

    name: str
    data: Callable[[int], Arrays]
    contestants: Mapping[str, Contestant]


def _fastrank(metric: str) -> Contestant:
    """`fastrank.evaluate` over an Arrow table in memory, on one thread."""

    def run(table: pa.Table) -> float:
        query = "query" if "query" in table.column_names else None
        return float(fr.evaluate(table, metric, label="label", score="score", query=query)[metric])

    return Contestant(run, pa.table, tolerance=TOLERANCE)


def _sklearn(name: str, tolerance: float = TOLERANCE, largest: int | None = None) -> Contestant:
    def run(arrays: Arrays) -> float:
        from sklearn import metrics

        return float(getattr(metrics, name)(arrays["label"], arrays["score"]))

    return Contestant(run, tolerance=tolerance, largest=largest)


def _dense(arrays: Arrays) -> tuple[NDArray[Any], NDArray[Any]]:
    return arrays["label"].reshape(-1, LIST_ROWS), arrays["score"].reshape(-1, LIST_ROWS)


def _numpy_log_loss(arrays: Arrays) -> float:
    label, score = arrays["label"], arrays["score"].astype(np.float64)
    return float(np.mean(-(label * np.log(score) + (1 - label) * np.log1p(-score))))


def _numpy_nce(arrays: Arrays) -> float:
    rate = arrays["label"].mean()
    return _numpy_log_loss(arrays) / float(-(rate * np.log(rate) + (1 - rate) * np.log1p(-rate)))


def _numpy_squared_error(arrays: Arrays) -> float:
    return float(np.mean((arrays["score"].astype(np.float64) - arrays["label"]) ** 2))


def _numpy_calibration_ratio(arrays: Arrays) -> float:
    return float(arrays["score"].sum(dtype=np.float64) / arrays["label"].sum(dtype=np.int64))


def _numpy_auc(arrays: Arrays) -> float:
    """By ranks, ties averaged."""
    label, score = arrays["label"], arrays["score"]
    order = np.argsort(score)
    _, first, count = np.unique(score[order], return_index=True, return_counts=True)
    rank = np.repeat(first + (count + 1) / 2, count)
    positives = int(label.sum(dtype=np.int64))
    wins = rank[label[order] == 1].sum() - positives * (positives + 1) / 2
    return float(wins / (positives * (len(label) - positives)))


def _numpy_ndcg(dense: tuple[NDArray[Any], NDArray[Any]], k: int = 10) -> float:
    """nDCG of a dense matrix, as one writes it in NumPy: ties broken by chance."""
    label, score = dense
    discount = 1 / np.log2(np.arange(2, k + 2))
    order = np.argsort(-score, axis=1)[:, :k]
    dcg = np.take_along_axis(label, order, 1) @ discount
    ideal = -np.sort(-label, axis=1)[:, :k] @ discount
    return float(np.mean(np.divide(dcg, ideal, out=np.zeros_like(dcg), where=ideal > 0)))


def _sklearn_ndcg(dense: tuple[NDArray[Any], NDArray[Any]]) -> float:
    from sklearn.metrics import ndcg_score

    return float(ndcg_score(*dense, k=10, ignore_ties=True))


def _reference(name: str, largest: int | None = None, **parameters: Any) -> Contestant:
    """The readable twin of the metric."""

    def run(arrays: Arrays) -> float:
        return float(getattr(reference, name)(*arrays.values(), **parameters))

    return Contestant(run, largest=largest)


# Row by row the twins of ranking metrics are Python loops: a small input tells enough.
SLOW_ROWS = 200_000

CASES = [
    Case(
        "log_loss",
        clicks,
        {
            "numpy": Contestant(_numpy_log_loss),
            "fastrank": _fastrank("log_loss"),
            # scikit-learn computes float32 probabilities in float32.
            "scikit-learn": _sklearn("log_loss", tolerance=1e-5),
        },
    ),
    Case("nce", clicks, {"numpy": Contestant(_numpy_nce), "fastrank": _fastrank("nce")}),
    Case(
        "brier",
        clicks,
        {
            "numpy": Contestant(_numpy_squared_error),
            "fastrank": _fastrank("brier"),
            "scikit-learn": _sklearn("brier_score_loss", tolerance=1e-5),
        },
    ),
    Case(
        "mse",
        clicks,
        {
            "numpy": Contestant(_numpy_squared_error),
            "fastrank": _fastrank("mse"),
            "scikit-learn": _sklearn("mean_squared_error", tolerance=1e-5),
        },
    ),
    Case(
        "calibration_ratio",
        clicks,
        {"numpy": Contestant(_numpy_calibration_ratio), "fastrank": _fastrank("calibration_ratio")},
    ),
    Case(
        "auc",
        clicks,
        {"numpy": Contestant(_numpy_auc), "fastrank": _fastrank("auc"), "scikit-learn": _sklearn("roc_auc_score")},
    ),
    Case(
        "auc(bits=20)",
        clicks,
        {
            "numpy": Contestant(_numpy_auc, tolerance=1e-6),
            "fastrank": _fastrank("auc(bits=20)"),
            "scikit-learn": _sklearn("roc_auc_score", tolerance=1e-6),
        },
    ),
    Case(
        "ndcg@10",
        lists,
        {
            # Both break the few ties of the data by chance.
            "numpy": Contestant(_numpy_ndcg, _dense, tolerance=1e-4),
            "fastrank": _fastrank("ndcg@10"),
            "scikit-learn": Contestant(_sklearn_ndcg, _dense, tolerance=1e-4),
        },
    ),
    *(
        Case(
            metric,
            lists,
            {"numpy": _reference(metric.partition("@")[0], SLOW_ROWS, k=10), "fastrank": _fastrank(metric)},
        )
        for metric in ("mrr@10", "map@10", "precision@10", "recall@10", "hit_rate@10")
    ),
]
