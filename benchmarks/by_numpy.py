"""Metrics as one writes them in NumPy: of a click log, and of ranked lists that are all of one length."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
from contestants import Contestant

if TYPE_CHECKING:
    from collections.abc import Callable

    from contestants import Arrays
    from numpy.typing import NDArray

__all__ = [
    "auc",
    "calibration_ratio",
    "class_aucs",
    "hits_of_classes",
    "judged",
    "log_loss",
    "nce",
    "ranked",
    "right_classes",
    "scattered",
    "squared_error",
]

Dense = tuple["NDArray[Any]", "NDArray[Any]", "NDArray[Any]"]


def log_loss(arrays: Arrays) -> float:
    label, score = arrays["label"], arrays["score"].astype(np.float64)
    return float(np.mean(-(label * np.log(score) + (1 - label) * np.log1p(-score))))


def nce(arrays: Arrays) -> float:
    rate = arrays["label"].mean()
    return log_loss(arrays) / float(-(rate * np.log(rate) + (1 - rate) * np.log1p(-rate)))


def squared_error(arrays: Arrays) -> float:
    return float(np.mean((arrays["score"].astype(np.float64) - arrays["label"]) ** 2))


def calibration_ratio(arrays: Arrays) -> float:
    return float(arrays["score"].sum(dtype=np.float64) / arrays["label"].sum(dtype=np.int64))


def auc(arrays: Arrays) -> float:
    """By ranks, ties averaged."""
    label, score = arrays["label"], arrays["score"]
    order = np.argsort(score)
    _, first, count = np.unique(score[order], return_index=True, return_counts=True)
    rank = np.repeat(first + (count + 1) / 2, count)
    positives = int(label.sum(dtype=np.int64))
    wins = rank[label[order] == 1].sum() - positives * (positives + 1) / 2
    return float(wins / (positives * (len(label) - positives)))


def class_aucs(arrays: Arrays) -> float:
    """The mean of the AUC of each class against the rest."""
    label, score = arrays["label"], arrays["score"]
    areas = [auc({"label": label == k, "score": score[:, k]}) for k in range(score.shape[1])]
    return float(np.mean(areas))


def hits_of_classes(k: int) -> Contestant:
    """The share of rows with fewer than k classes above the true one."""

    def run(arrays: Arrays) -> float:
        own = np.take_along_axis(arrays["score"], arrays["label"][:, None], 1)
        return float(np.mean((arrays["score"] > own).sum(axis=1) < k))

    return Contestant(run, tolerance=1e-5)  # ties are few, and count in full


def right_classes(arrays: Arrays) -> float:
    """Accuracy, from the confusion matrix."""
    label, score = arrays["label"], arrays["score"]
    width = score.shape[1]
    table = np.bincount(label * width + score.argmax(axis=1), minlength=width * width)
    return float(table[:: width + 1].sum() / len(label))


def _share(value: NDArray[Any], whole: NDArray[Any]) -> float:
    """The mean of value / whole, 0 where whole is 0."""
    return float(np.mean(np.divide(value, whole, out=np.zeros(len(value)), where=whole > 0)))


def _ndcg(label: NDArray[Any], judged: NDArray[Any], depth: int) -> float:
    discount = 1 / np.log2(np.arange(2, max(label.shape[1], judged.shape[1]) + 2))
    top, best = label[:, :depth], -np.sort(-judged, axis=1)[:, :depth]
    return _share(top @ discount[: top.shape[1]], best @ discount[: best.shape[1]])


def _average_precision(label: NDArray[Any], judged: NDArray[Any], depth: int) -> float:
    hits = label[:, :depth] > 0
    precision = np.cumsum(hits, axis=1) / np.arange(1, hits.shape[1] + 1)
    return _share((precision * hits).sum(axis=1), (judged > 0).sum(axis=1))


def _reciprocal_rank(label: NDArray[Any], judged: NDArray[Any], depth: int) -> float:
    hits = label[:, :depth] > 0
    return float(np.mean(hits.any(axis=1) / (hits.argmax(axis=1) + 1)))


def _recall(label: NDArray[Any], judged: NDArray[Any], depth: int) -> float:
    return _share((label[:, :depth] > 0).sum(axis=1), (judged > 0).sum(axis=1))


def _precision(label: NDArray[Any], judged: NDArray[Any], depth: int) -> float:
    return float(np.mean((label[:, :depth] > 0).sum(axis=1) / depth))


def _hit_rate(label: NDArray[Any], judged: NDArray[Any], depth: int) -> float:
    return float(np.mean((label[:, :depth] > 0).any(axis=1)))


MEASURES: dict[str, Callable[..., float]] = {
    "ndcg": _ndcg,
    "map": _average_precision,
    "mrr": _reciprocal_rank,
    "recall": _recall,
    "precision": _precision,
    "hit_rate": _hit_rate,
}


def _evaluate(metrics: tuple[str, ...], score: NDArray[Any], label: NDArray[Any], judged: NDArray[Any]) -> list[float]:
    """Metrics of lists, a row each; `judged` holds the labels of all rows that were judged, retrieved or not."""
    split = [metric.partition("@") for metric in metrics]
    depths = [int(k) if k else score.shape[1] for _, _, k in split]
    order = np.argsort(-score, axis=1)[:, : max(depths)]
    ordered = np.take_along_axis(label, order, 1)
    return [MEASURES[name](ordered, judged, k) for (name, _, _), k in zip(split, depths, strict=True)]


def _dense(arrays: Arrays, width: int) -> tuple[NDArray[Any], NDArray[Any], NDArray[Any]]:
    label = arrays["label"].reshape(-1, width)
    return arrays["score"].reshape(-1, width), label, label


def ranked(*metrics: str, width: int = 100) -> Contestant:
    """Metrics of lists of `width` rows that stand one after another."""
    return Contestant(lambda arrays: _evaluate(metrics, *_dense(arrays, width)))


def scattered(*metrics: str, width: int = 100) -> Contestant:
    """Metrics of lists whose rows stand anywhere."""

    def run(arrays: Arrays) -> list[float]:
        order = np.argsort(arrays["query"], kind="stable")
        return _evaluate(metrics, *_dense({name: array[order] for name, array in arrays.items()}, width))

    return Contestant(run)


def _joined(query: NDArray[Any], item: NDArray[Any]) -> NDArray[Any]:
    """One key of two."""
    if query.dtype.kind == "U":
        return np.char.add(np.char.add(query, " "), item)
    return query << 40 | item


def _judge(metrics: tuple[str, ...], run_rows: int, judged: int, arrays: Arrays) -> list[float]:
    known = _joined(arrays["judged_query"], arrays["judged_item"])
    order = np.argsort(known)
    known = known[order]
    key = _joined(arrays["query"], arrays["item"])
    place = np.minimum(np.searchsorted(known, key), len(known) - 1)
    label = np.where(known[place] == key, arrays["judged_label"][order[place]], 0).reshape(-1, run_rows)
    return _evaluate(metrics, arrays["score"].reshape(-1, run_rows), label, arrays["judged_label"].reshape(-1, judged))


def judged(*metrics: str, run_rows: int, judgments: int, largest: int | None = None) -> Contestant:
    """Metrics of a run of `run_rows` rows a query with labels from as many `judgments` of each."""
    return Contestant(partial(_judge, metrics, run_rows, judgments), largest=largest)
