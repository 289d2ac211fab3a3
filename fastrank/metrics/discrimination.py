"""How well scores tell positive from negative rows."""

from __future__ import annotations

import math
from fractions import Fraction
from typing import TYPE_CHECKING, Any

from fastrank.accumulators.sums import digits_to_fraction
from fastrank.metrics.base import Value, metric
from fastrank.metrics.parameters import Choice, Flag, Number
from fastrank.metrics.scores import (
    BITS,
    LABELLED,
    NO_POSITIVES,
    SINGLE_CLASS,
    bounded,
    of_one_class,
    scores_of,
    square_root,
)
from fastrank.sweeps import ClassDistance, Midranks, Pairs, PartialPairs, PrecisionArea
from fastrank.sweeps.interpolation import ROUNDING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from fastrank.sweeps import Area

__all__ = ["auc", "auc_gini", "auc_standard_error", "average_precision", "ks", "pr_auc"]

_BINNED = "between bound_lower and bound_upper lies the exact value for any data"


def _pairs(p: Any) -> Pairs | PartialPairs:
    """The pairs that an AUC, whole or in part, is about."""
    if p.max_fpr is not None:
        return PartialPairs(Fraction(p.max_fpr))
    if p.min_tpr is not None:
        return PartialPairs(1 - Fraction(p.min_tpr), from_below=True)
    return Pairs()


def _auc_conflict(p: Any) -> str:
    if p.max_fpr is not None and p.min_tpr is not None:
        return "max_fpr= and min_tpr= name different parts of the curve: give one of them"
    if not p.standardize and p.max_fpr is None and p.min_tpr is None:
        return "standardize=False is about a part of the curve: give max_fpr= or min_tpr="
    return ""


@metric(
    family="discrimination",
    **LABELLED,
    states=lambda p: {"pairs": scores_of(p)},
    sweeps=lambda p: {"pairs": _pairs(p)},
    parameters={
        **BITS,
        "max_fpr": Number(
            0, 1, "high", "Only the part of the curve up to this false positive rate.", optional=True,
            none_means="the whole curve",
        ),
        "min_tpr": Number(
            0, 1, "low", "Only the area above this true positive rate.", optional=True, none_means="the whole curve"
        ),
        "standardize": Flag(
            "Whether a part of the curve is scaled so that chance is 1/2 and the best 1 (McClish 1989), or its area "
            "is given as it is."
        ),
        **SINGLE_CLASS,
    },
    conflict=_auc_conflict,
    aliases=("roc_auc", "auroc", "auc_roc", "roc_auc_score", "binary_auroc"),
    range=(0.0, 1.0),
    better="higher",
    undefined="all rows are of one class",
    exactness="the correctly rounded quotient of integers; with bits= the midpoint of bound_lower and bound_upper, "
    "between which the exact value lies for any data (of a part of the curve: the value if scores of a cell tie)",
    source="Hanley and McNeil 1982; as sklearn.metrics.roc_auc_score, but NaN where one class is missing",
)  # fmt: skip
def auc(
    pairs: Pairs | PartialPairs,
    *,
    bits: int | None = None,
    max_fpr: float | None = None,
    min_tpr: float | None = None,
    standardize: bool = True,
    single_class: str = "nan",
) -> Value:
    """Area under the ROC curve: the probability that a positive row scores higher than a negative one.

    sum over pairs of w_i w_j (1 if s_i > s_j, 1/2 if s_i = s_j) / sum of w_i w_j, over positive i and negative j.

    A part of the curve, A, is the area under it up to f = max_fpr, or the area above the true positive rate 1 - f =
    min_tpr and under the curve; between scores the curve is straight.  It is at most f, and f^2 / 2 by chance:
    standardised it is (1 + (A - f^2 / 2) / (f - f^2 / 2)) / 2.

    Examples
    --------
    >>> from fastrank import metrics
    >>> metrics.auc().compute([0, 0, 1, 1], [0.1, 0.4, 0.35, 0.8])
    0.75
    >>> metrics.auc(positive="spam").compute(["ham", "spam", "ham"], [0.1, 0.8, 0.9])
    0.5
    >>> metrics.auc(max_fpr=0.5).compute([0, 0, 1, 1], [0.1, 0.4, 0.35, 0.8])
    0.6666666666666666
    """
    if pairs.pairs == 0:
        return of_one_class("auc", pairs.totals, single_class)
    area: Area = pairs.area
    if isinstance(pairs, PartialPairs) and standardize:
        share = pairs.share
        chance = share**2 / 2
        area = type(area)(*((1 + (part - chance) / (share - chance)) / 2 for part in area))
    value = float(area.value)
    return Value(value) if bits is None else bounded(value, area.least, area.most)


@metric(
    family="discrimination",
    **LABELLED,
    states=lambda p: {"pairs": scores_of(p)},
    sweeps=lambda _: {"pairs": Pairs()},
    parameters={**BITS, **SINGLE_CLASS},
    aliases=("gini", "gini_coefficient", "somers_d", "accuracy_ratio"),
    range=(-1.0, 1.0),
    better="higher",
    undefined="all rows are of one class",
    exactness=f"the correctly rounded quotient of integers; with bits= {_BINNED}",
    source="Somers 1962, with the label as the independent variable; the Gini coefficient of credit scoring",
)
def auc_gini(pairs: Pairs, *, bits: int | None = None, single_class: str = "nan") -> Value:
    """Gini coefficient of the ROC curve: 2 AUC - 1.

    The share of pairs of a positive and a negative row that the positive wins, less the share that it loses.  Where
    all rows are of one class, `single_class` says what the AUC is, and this is 2 AUC - 1.

    Examples
    --------
    >>> from fastrank import metrics
    >>> metrics.auc_gini().compute([0, 0, 1, 1], [0.1, 0.4, 0.35, 0.8])
    0.5
    """
    if pairs.pairs == 0:
        replaced = of_one_class("auc_gini", pairs.totals, single_class)
        return replaced._replace(value=2 * replaced.value - 1)
    value, least, most = (2 * part - 1 for part in pairs.area)
    return Value(float(value)) if bits is None else bounded(float(value), least, most)


@metric(
    family="discrimination",
    **LABELLED,
    states=lambda p: {"ranks": scores_of(p)},
    sweeps=lambda _: {"ranks": Midranks()},
    parameters=BITS,
    aliases=("auc_se", "delong"),
    range=(0.0, math.inf),
    better="lower",
    undefined="a class has fewer than two rows, or weighs 1 or less",
    exactness=f"the square root of an exact number, within 1 ulp; with bits= {_BINNED}",
    source="DeLong, DeLong and Clarke-Pearson 1988, computed from midranks as by Sun and Xu 2014",
)
def auc_standard_error(ranks: Midranks, *, bits: int | None = None) -> Value:
    """Standard error of the AUC, after DeLong: how far chance in the choice of rows moves it.

    sqrt(var(V10) / P + var(V01) / N): V10 is, of each of the P positive rows, the share of negatives that it beats
    (ties: one half), V01 of each of the N negative rows the share of positives that beat it; both variances are of
    samples (n - 1).  A weight counts rows: one of weight 3 is three rows, and P and N are sums of weights.

    Examples
    --------
    >>> from fastrank import metrics
    >>> metrics.auc_standard_error().compute([0, 0, 1, 1], [0.1, 0.4, 0.35, 0.8])
    0.3535533905932738
    """
    if not ranks.defined:
        return Value(math.nan)
    value, below, above = square_root(ranks.variance)
    if bits is None:
        return Value(value)
    _, _, uncertain = square_root(ranks.uncertainty)
    if not uncertain:
        return Value(value, value, value)
    return bounded(value, max(Fraction(0), below - uncertain), above + uncertain)


@metric(
    family="discrimination",
    **LABELLED,
    states=lambda p: {"distance": scores_of(p)},
    sweeps=lambda _: {"distance": ClassDistance()},
    parameters=BITS,
    aliases=("ks_statistic", "kolmogorov_smirnov"),
    range=(0.0, 1.0),
    better="higher",
    undefined="all rows are of one class",
    exactness=f"the correctly rounded largest quotient of integers; with bits= {_BINNED}",
    source="Smirnov 1939, two-sided, of the scores of both classes; as scipy.stats.ks_2samp",
)
def ks(distance: ClassDistance, *, bits: int | None = None) -> Value:
    """Kolmogorov-Smirnov distance of the classes: the largest |TPR - FPR| over all thresholds.

    The curve of the result has one row: the highest threshold at which the distance is the largest, with the true and
    the false positive rate of rows that score as high or higher.

    Examples
    --------
    >>> from fastrank import metrics
    >>> metrics.ks().compute([0, 0, 1, 1], [0.1, 0.4, 0.35, 0.8])
    0.5
    """
    if distance.pairs == 0:
        return Value(math.nan, curve={"threshold": [math.nan], "tpr": [math.nan], "fpr": [math.nan]})
    largest = Fraction(distance.at[0], distance.pairs)
    value = Value(float(largest))
    if bits is not None:
        value = bounded(value.value, largest, Fraction(max(distance.at[0], distance.most), distance.pairs))
    threshold, tpr, fpr = distance.threshold
    return value._replace(curve={"threshold": [threshold], "tpr": [tpr], "fpr": [fpr]})


def _precision_value(name: str, area: PrecisionArea, bits: int | None, single_class: str) -> Value:
    totals = area.totals
    if not totals.positives:
        return of_one_class(name, totals, single_class)
    positives = totals.positives * Fraction(totals.scale)
    # The terms are rounded, so that a sum of them may pass 1 by an ulp or two.
    total, least, most = (min(Fraction(1), digits_to_fraction(digits) / positives) for digits in area.digits)
    value = float(total)
    if bits is None:
        return Value(value)
    if area.certain:
        return Value(value, value, value)
    rounding = Fraction(ROUNDING)
    return bounded(value, least * (1 - rounding), min(Fraction(1), most * (1 + rounding)))


_PRECISION: Mapping[str, Any] = {
    "family": "discrimination",
    **LABELLED,
    "states": lambda p: {"area": scores_of(p)},
    "range": (0.0, 1.0),
    "better": "higher",
    "undefined": "there is no positive row",
}


@metric(
    **_PRECISION,
    sweeps=lambda _: {"area": PrecisionArea()},
    parameters={**BITS, **NO_POSITIVES},
    aliases=("ap_score", "average_precision_score", "binary_average_precision"),
    exactness="each term is the float64 product of the positives at a score and the float64 quotient TP / (TP + FP) of "
    f"integers, terms add exactly and the quotient by P is rounded once; with bits= {_BINNED}",
    source="as sklearn.metrics.average_precision_score, but NaN where there is no positive row",
)
def average_precision(area: PrecisionArea, *, bits: int | None = None, single_class: str = "nan") -> Value:
    """Average precision: precision at each distinct score, averaged over the positive rows there.

    sum over distinct scores of (positives at the score / P) * TP / (TP + FP), where TP and FP count the positive and
    negative rows that score as high or higher.  No interpolation: it is `pr_auc(method="step")`.  `map` is the mean of
    the like over ranked lists.

    Examples
    --------
    >>> from fastrank import metrics
    >>> metrics.average_precision().compute([0, 0, 1, 1], [0.1, 0.4, 0.35, 0.8])
    0.8333333333333333
    """
    return _precision_value("average_precision", area, bits, single_class)


@metric(
    **_PRECISION,
    sweeps=lambda p: {"area": PrecisionArea({"davis_goadrich": "integral"}.get(p.method, p.method))},
    parameters={
        "method": Choice(
            ("step", "trapezoid", "davis_goadrich", "integral"),
            doc="step: precision of each score over its recall (average_precision, torcheval); trapezoid: straight "
            "lines from (0, 1) through the points (sklearn.metrics.auc of precision_recall_curve, Spark); "
            "davis_goadrich (interpolation of Keras and TFMA) and integral (XGBoost, H2O): true and false positives "
            "grow along a straight line between two scores, and precision is integrated over recall; these two are one "
            "number under the names of two papers.",
        ),
        **BITS,
        **NO_POSITIVES,
    },
    aliases=("auprc", "aucpr", "auc_pr", "binary_auprc", "prauc"),
    exactness=f"float64 terms of integers add exactly and the quotient by P is rounded once; with bits= {_BINNED}",
    source="Davis and Goadrich 2006; Keilwagen, Grosse and Grau 2014",
)
def pr_auc(area: PrecisionArea, *, method: str = "step", bits: int | None = None, single_class: str = "nan") -> Value:
    """Area under the precision-recall curve, with the curve between two scores as `method` says.

    A score has p positives and n negatives, and T and F lie above it, of P and N.  step: sum of p/P * precision at the
    score, (T + p) / (T + p + F + n); trapezoid: sum of p/P * the mean of that and T / (T + F), 1 above all; integral:
    sum of 1/P * the integral over x from T to T + p of x / (x + F + (x - T) n / p).

    Examples
    --------
    >>> from fastrank import metrics
    >>> metrics.pr_auc(method="trapezoid").compute([0, 0, 1, 1], [0.1, 0.4, 0.35, 0.8])
    0.7916666666666666
    """
    return _precision_value("pr_auc", area, bits, single_class)
