"""Losses of scores of several classes."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from fastrank.accumulators import ClassSum, ExactSum
from fastrank.classes import class_labels, class_probabilities, columns_of_classes
from fastrank.domains import REAL
from fastrank.metrics import clipping
from fastrank.metrics.base import Value, metric
from fastrank.metrics.multiclass import CLASSES, class_count, names_conflict
from fastrank.metrics.parameters import Choice, Flag

if TYPE_CHECKING:
    from collections.abc import Mapping

    from fastrank.accumulators.base import Accumulator
    from fastrank.accumulators.classes import SumOfClasses
    from fastrank.accumulators.sums import Sum
    from fastrank.domains import Domain
    from fastrank.metrics.parameters import Kind

__all__ = ["multiclass_brier", "multiclass_hinge", "multiclass_log_loss"]

_NORMALIZE: Mapping[str, tuple[Kind, Any]] = {
    "normalize": (
        Flag(
            doc="Divide the numbers of a row by their sum.  Without it a row whose probabilities do not sum to 1 is "
            "invalid: within 3.5e-4 where they are float32, 1.5e-8 where float64."
        ),
        False,
    )
}
# Names of classes and columns say how columns are read, and no finalizer here asks for them.
_CLASSES: Mapping[str, tuple[Kind, Any]] = {name: (kind, None) for name, kind in CLASSES.items()}


def _columns(p: Any, entry: Domain) -> Mapping[str, Domain]:
    count = class_count(p)
    return {"label": class_labels(p.classes, count), **columns_of_classes(p.scores, count, entry)}


def _probabilities(p: Any) -> Mapping[str, Domain]:
    return _columns(p, class_probabilities(normalize=p.normalize))


def _log_loss_conflict(p: Any) -> str:
    if p.from_logits and p.normalize:
        return "from_logits=True makes probabilities that sum to 1: leave out normalize="
    return names_conflict(p) or clipping.clip_conflict(p)


def _log_loss_state(p: Any) -> Accumulator:
    if p.from_logits:
        return ClassSum("score", of="cross_entropy")
    return ClassSum(*clipping.log_loss_term(p), of="own_share" if p.normalize else "own")


@metric(
    family="multiclass",
    columns=lambda p: _columns(p, REAL) if p.from_logits else _probabilities(p),
    states=lambda p: {"loss": _log_loss_state(p), "weight": ExactSum("weight")},
    reading={
        **clipping.CLIPS,
        **_NORMALIZE,
        "from_logits": (
            Flag(
                doc="Scores are logits, any finite numbers: the loss is log(sum of e^z) less the z of the true class, "
                "and nothing is clipped."
            ),
            False,
        ),
        **_CLASSES,
    },
    conflict=_log_loss_conflict,
    aliases=(
        "multiclass_cross_entropy",
        "categorical_crossentropy",
        "categorical_cross_entropy",
        "sparse_categorical_crossentropy",
        "multi_logloss",
        "mlogloss",
    ),
    range=(0.0, math.inf),
    better="lower",
    undefined="there are no rows",
    unit="nats",
    source="as sklearn.metrics.log_loss of float64 probabilities, and with eps=dtype of float32 ones; of logits as "
    "torch.nn.CrossEntropyLoss",
)
def multiclass_log_loss(loss: SumOfClasses, weight: Sum) -> Value:
    """Logarithmic loss of several classes: the mean of -log p of the true class, in nats.

    Examples
    --------
    >>> from fastrank import metrics
    >>> round(metrics.multiclass_log_loss().compute([0, 2], [[0.7, 0.2, 0.1], [0.3, 0.3, 0.4]]), 6)
    0.636483
    """
    return Value(loss.sum.over(weight), clipped=loss.sum.clipped)


@metric(
    family="multiclass",
    columns=_probabilities,
    states=lambda p: {
        "errors": ClassSum("score", of="squared_errors_of_shares" if p.normalize else "squared_errors"),
        "weight": ExactSum("weight"),
    },
    parameters={
        "scale_by_half": Flag(
            word="auto",
            doc="Half the sum, which lies between 0 and 1; auto: of fewer than three classes, for which it is `brier`.",
        )
    },
    reading={**_NORMALIZE, **_CLASSES},
    conflict=lambda p: names_conflict(p),
    aliases=("multiclass_brier_score",),
    range=(0.0, 2.0),
    better="lower",
    undefined="there are no rows",
    source="Brier 1950; as sklearn.metrics.brier_score_loss",
)
def multiclass_brier(errors: SumOfClasses, weight: Sum, *, scale_by_half: bool | str = "auto") -> float:
    """Brier score of several classes: the mean of the sum over classes of (p - y)^2.

    y is 1 of the true class, and 0 of the others.

    Examples
    --------
    >>> from fastrank import metrics
    >>> metrics.multiclass_brier().compute([0, 2], [[0.5, 0.25, 0.25], [0.0, 0.0, 1.0]])
    0.1875
    """
    half = errors.classes < 3 if scale_by_half == "auto" else scale_by_half
    return errors.sum.over(weight) / (2 if half else 1)


def _hinge_state(p: Any) -> Accumulator:
    if p.kind == "crammer_singer":
        return ClassSum("squared_hinge" if p.squared else "hinge", of="margin")
    return ClassSum("score", of="mean_squared_hinge" if p.squared else "mean_hinge")


@metric(
    family="multiclass",
    columns=lambda p: _columns(p, REAL),
    states=lambda p: {"loss": _hinge_state(p), "weight": ExactSum("weight")},
    parameters={
        "kind": Choice(
            ("crammer_singer", "one_vs_all"),
            doc="crammer_singer: of the score of the true class over the highest other.  one_vs_all: the mean over "
            "classes of the hinge loss of each class's score, of which rows of the class are positive.",
        ),
        "squared": Flag(doc="The mean of the squares."),
    },
    reading=_CLASSES,
    conflict=lambda p: names_conflict(p),
    aliases=("multiclass_hinge_loss", "categorical_hinge"),
    range=(0.0, math.inf),
    better="lower",
    undefined="there are no rows",
    source="Crammer and Singer 2001, as sklearn.metrics.hinge_loss; both kinds as "
    "torchmetrics.classification.MulticlassHingeLoss (whose one-vs-all gives each class, of which this is the mean)",
)
def multiclass_hinge(loss: SumOfClasses, weight: Sum, *, kind: str = "crammer_singer", squared: bool = False) -> float:
    """Hinge loss of several classes: the mean of max(0, 1 - margin), or of its square.

    Examples
    --------
    >>> from fastrank import metrics
    >>> metrics.multiclass_hinge().compute([0, 2], [[1.5, 1.0, 0.0], [0.0, 0.0, 2.0]])
    0.25
    """
    return loss.sum.over(weight)
