"""Metrics as one writes them in NumPy: of a click log, and of ranked lists that are all of one length."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
from contestants import Contestant

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from contestants import Arrays
    from numpy.typing import NDArray

__all__ = [
    "auc",
    "auc_gini",
    "auc_standard_error",
    "average_precision",
    "best_f1",
    "brier_of_classes",
    "calibration_ratio",
    "class_aucs",
    "decided",
    "focal",
    "gauc",
    "hinge",
    "hinge_of_classes",
    "hits_of_classes",
    "judged",
    "ks",
    "log_loss",
    "log_loss_of_classes",
    "logit_loss",
    "logit_loss_of_classes",
    "nce",
    "pearson",
    "r2",
    "ranked",
    "rig",
    "right_classes",
    "scattered",
    "sliced_auc",
    "squared_error",
    "weighted_log_loss",
]

Dense = tuple["NDArray[Any]", "NDArray[Any]", "NDArray[Any]"]


def log_loss(arrays: Arrays) -> float:
    label, score = arrays["label"], arrays["score"].astype(np.float64)
    return float(np.mean(-(label * np.log(score) + (1 - label) * np.log1p(-score))))


def weighted_log_loss(arrays: Arrays, weights: Mapping[int, float]) -> float:
    """With weights by class."""
    label, score = arrays["label"], arrays["score"].astype(np.float64)
    losses = -(label * np.log(score) + (1 - label) * np.log1p(-score))
    return float(np.average(losses, weights=np.where(label == 1, weights[1], weights[0])))


def nce(arrays: Arrays) -> float:
    rate = arrays["label"].mean()
    return log_loss(arrays) / float(-(rate * np.log(rate) + (1 - rate) * np.log1p(-rate)))


def focal(arrays: Arrays) -> float:
    label, score = arrays["label"], arrays["score"].astype(np.float64)
    miss = np.where(label == 1, 1 - score, score)
    return float(np.mean(miss**2 * -np.log1p(-miss)))


def hinge(arrays: Arrays) -> float:
    margin = np.where(arrays["label"] == 1, 1.0, -1.0) * arrays["score"]
    return float(np.mean(np.maximum(0.0, 1 - margin)))


def logit_loss(arrays: Arrays) -> float:
    """Log loss of the scores as logits."""
    logits = arrays["score"].astype(np.float64)
    return float(np.mean(np.logaddexp(0.0, np.where(arrays["label"] == 1, -logits, logits))))


def rig(arrays: Arrays) -> float:
    return 1 - nce(arrays)


def squared_error(arrays: Arrays) -> float:
    return float(np.mean((arrays["score"].astype(np.float64) - arrays["label"]) ** 2))


def calibration_ratio(arrays: Arrays) -> float:
    return float(arrays["score"].sum(dtype=np.float64) / arrays["label"].sum(dtype=np.int64))


def r2(arrays: Arrays) -> float:
    label = arrays["label"].astype(np.float64)
    return float(1 - ((arrays["score"] - label) ** 2).sum() / ((label - label.mean()) ** 2).sum())


def pearson(arrays: Arrays) -> float:
    return float(np.corrcoef(arrays["label"], arrays["score"])[0, 1])


def auc(arrays: Arrays) -> float:
    """By ranks, ties averaged."""
    label, score = arrays["label"], arrays["score"]
    order = np.argsort(score)
    _, first, count = np.unique(score[order], return_index=True, return_counts=True)
    rank = np.repeat(first + (count + 1) / 2, count)
    positives = int(label.sum(dtype=np.int64))
    wins = rank[label[order] == 1].sum() - positives * (positives + 1) / 2
    return float(wins / (positives * (len(label) - positives)))


def sliced_auc(arrays: Arrays) -> list[float]:
    """The AUC of each slice, in the order of slices."""
    order = np.argsort(arrays["slice"], kind="stable")
    ends = np.cumsum(np.bincount(arrays["slice"]))[:-1]
    columns = (np.split(arrays[name][order], ends) for name in ("label", "score"))
    return [auc({"label": label, "score": score}) for label, score in zip(*columns, strict=True)]


def gauc(arrays: Arrays, width: int = 100) -> float:
    """By ranks inside lists of `width` rows without ties, each of one weight; lists of one class are left out."""
    score, label, _ = _dense(arrays, width)
    ordered = np.take_along_axis(label, np.argsort(score, axis=1), 1)
    positives = ordered.sum(axis=1, dtype=np.int64)
    wins = (ordered * np.arange(1, width + 1)).sum(axis=1) - positives * (positives + 1) / 2
    pairs = positives * (width - positives)
    return float(np.mean(wins[pairs > 0] / pairs[pairs > 0]))


DECIDED: dict[str, Callable[..., float]] = {
    "binary_precision": lambda tp, fp, tn, fn: tp / (tp + fp),
    "binary_recall": lambda tp, fp, tn, fn: tp / (tp + fn),
    "binary_specificity": lambda tp, fp, tn, fn: tn / (tn + fp),
    "fpr": lambda tp, fp, tn, fn: fp / (tn + fp),
    "binary_f1": lambda tp, fp, tn, fn: 2 * tp / (2 * tp + fp + fn),
    "binary_f_beta": lambda tp, fp, tn, fn: 5 * tp / (5 * tp + 4 * fn + fp),  # beta = 2
    "accuracy": lambda tp, fp, tn, fn: (tp + tn) / (tp + fp + tn + fn),
    "confusion": lambda tp, fp, tn, fn: (tp + tn) / (tp + fp + tn + fn),
    "balanced_accuracy": lambda tp, fp, tn, fn: (tp / (tp + fn) + tn / (tn + fp)) / 2,
    "mcc": lambda tp, fp, tn, fn: (
        (tp * tn - fp * fn) / np.sqrt(float(tp + fp) * float(tp + fn) * float(tn + fp) * float(tn + fn))
    ),
}


def decided(name: str, threshold: float) -> Contestant:
    """A metric of decisions at a threshold, by the four sums of a confusion matrix."""

    def run(arrays: Arrays) -> float:
        predicted, positive = arrays["score"] >= threshold, arrays["label"] == 1
        tp, above, positives = (int(np.count_nonzero(each)) for each in (predicted & positive, predicted, positive))
        return float(DECIDED[name](tp, above - tp, len(predicted) - above - positives + tp, positives - tp))

    return Contestant(run)


def best_f1(thresholds: list[float]) -> Contestant:
    """The best F1 over thresholds, by a search of each score among them."""

    def run(arrays: Arrays) -> float:
        cuts = np.array(thresholds, np.float32)
        interval = np.searchsorted(cuts, arrays["score"], side="right")
        counts = np.bincount(2 * interval + arrays["label"], minlength=2 * len(cuts) + 2).reshape(-1, 2)
        fp, tp = (counts.sum(axis=0) - counts.cumsum(axis=0)[:-1]).T
        return float(np.max(2 * tp / (tp + fp + counts[:, 1].sum())))

    return Contestant(run)


def auc_gini(arrays: Arrays) -> float:
    return 2 * auc(arrays) - 1


def _cumulated(arrays: Arrays) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Positives and negatives that score as high as each distinct score or higher, from the highest on."""
    order = np.argsort(-arrays["score"], kind="stable")
    score = arrays["score"][order]
    last = np.append(np.flatnonzero(score[1:] != score[:-1]), len(score) - 1)
    positives = np.cumsum(arrays["label"][order], dtype=np.int64)[last]
    return positives, last + 1 - positives


def average_precision(arrays: Arrays) -> float:
    positives, negatives = _cumulated(arrays)
    return float(np.sum(np.diff(positives, prepend=0) * (positives / (positives + negatives))) / positives[-1])


def ks(arrays: Arrays) -> float:
    positives, negatives = _cumulated(arrays)
    return float(np.max(np.abs(positives / positives[-1] - negatives / negatives[-1])))


def auc_standard_error(arrays: Arrays) -> float:
    """The placements of each class among the other, as often as they occur."""
    positives, negatives = _cumulated(arrays)
    variance = 0.0
    for own, other in ((positives, negatives), (negatives, positives)):
        count, share = np.diff(own, prepend=0), (other - np.diff(other, prepend=0) / 2) / other[-1]
        mean = np.sum(count * share) / own[-1]
        variance += float(np.sum(count * (share - mean) ** 2) / (own[-1] - 1) / own[-1])
    return float(np.sqrt(variance))


def class_aucs(arrays: Arrays) -> float:
    """The mean of the AUC of each class against the rest."""
    label, score = arrays["label"], arrays["score"]
    areas = [auc({"label": label == k, "score": score[:, k]}) for k in range(score.shape[1])]
    return float(np.mean(areas))


def _own(arrays: Arrays) -> NDArray[Any]:
    return np.take_along_axis(arrays["score"], arrays["label"][:, None], 1)[:, 0].astype(np.float64)


def log_loss_of_classes(arrays: Arrays) -> float:
    return float(np.mean(-np.log(_own(arrays))))


def logit_loss_of_classes(arrays: Arrays) -> float:
    """Log loss of the scores as logits."""
    top = arrays["score"].max(axis=1).astype(np.float64)
    rest = np.exp(arrays["score"] - top[:, None]).sum(axis=1)
    return float(np.mean(top + np.log(rest) - _own(arrays)))


def brier_of_classes(arrays: Arrays) -> float:
    score = arrays["score"].astype(np.float64)
    return float(np.mean((score**2).sum(axis=1) - 2 * _own(arrays) + 1))


def hinge_of_classes(arrays: Arrays) -> float:
    others = arrays["score"].astype(np.float64)
    np.put_along_axis(others, arrays["label"][:, None], -np.inf, 1)
    return float(np.mean(np.maximum(0.0, 1 - (_own(arrays) - others.max(axis=1)))))


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
