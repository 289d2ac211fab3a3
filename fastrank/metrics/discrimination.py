"""How well scores tell positive from negative rows."""

from __future__ import annotations

import math

from fastrank.domains import SCORE
from fastrank.metrics.base import Value, metric
from fastrank.metrics.labels import POSITIVE, binary_label
from fastrank.metrics.scores import BITS, rounded, scores_of
from fastrank.sweeps import Pairs

__all__ = ["auc"]


@metric(
    family="discrimination",
    columns=lambda p: {"label": binary_label(p), "score": SCORE},
    states=lambda p: {"pairs": scores_of(p)},
    sweeps=lambda _: {"pairs": Pairs()},
    parameters=BITS,
    reading=POSITIVE,
    aliases=("roc_auc", "auroc", "roc_auc_score", "binary_auroc"),
    range=(0.0, 1.0),
    better="higher",
    undefined="all rows are of one class",
    exactness="the correctly rounded quotient of integers; with bits= the midpoint of bound_lower and bound_upper, "
    "between which the exact value lies for any data",
    source="Hanley and McNeil 1982; as sklearn.metrics.roc_auc_score, but NaN where one class is missing",
)
def auc(pairs: Pairs, *, bits: int | None = None) -> Value:
    """Area under the ROC curve: the probability that a positive row scores higher than a negative one.

    sum over pairs of w_i w_j (1 if s_i > s_j, 1/2 if s_i = s_j) / sum of w_i w_j, over positive i and negative j.

    Examples
    --------
    >>> from fastrank import metrics
    >>> metrics.auc().compute([0, 0, 1, 1], [0.1, 0.4, 0.35, 0.8])
    0.75
    >>> metrics.auc(positive="spam").compute(["ham", "spam", "ham"], [0.1, 0.8, 0.9])
    0.5
    """
    if pairs.pairs == 0:
        return Value(math.nan)
    value = pairs.twice_wins / (2 * pairs.pairs)
    if bits is None:
        return Value(value)
    lower = rounded(pairs.twice_wins - pairs.ties, 2 * pairs.pairs, -math.inf)
    upper = rounded(pairs.twice_wins + pairs.ties, 2 * pairs.pairs, math.inf)
    return Value(value, lower, upper)
