"""Metrics of ranked lists: the mean over queries of a measure of each query's list.

Rows of a query are ordered by score, highest first, or by rank; a row is relevant when its label is at least
`relevance_level`.  Under `ties="average"` the measure of a list is its expected value over all orders of
rows of equal score (McSherry and Najork 2008), so that the order of the source cannot matter.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from fastrank.metrics.lists import CUTOFF, LEVEL, PROPENSITIES, list_columns, list_metric
from fastrank.metrics.parameters import Choice, Discount, Flag, Gain, Number

if TYPE_CHECKING:
    from collections.abc import Mapping

    from fastrank.domains import Domain
    from fastrank.metrics.parameters import Kind

__all__ = ["dcg", "f_beta", "fallout", "hit_rate", "map", "mrr", "ndcg", "precision", "r_precision", "recall"]

GainTable = tuple[tuple[float, float], ...]

_SELF_NORMALIZED: dict[str, Kind] = {
    "self_normalized": Flag(doc="Divide by the mean weight of the rows on the first k ranks.")
}
_RANKS: dict[str, Kind] = {
    "precision_denominator": Choice(
        ("k", "min_k_len", "min_k_rel"),
        doc="What hits are divided by.\nk: k, or the length without it\nmin_k_len: min(k, length)\nmin_k_rel: "
        "min(k, R)",
    )
}
_GAINS: dict[str, Kind] = {
    "gain": Gain(),
    "discount": Discount(),
    **LEVEL,
    "level_gates_gain": Flag(doc="Labels below relevance_level have no gain (as ranx); else it changes no gain."),
}


def _without_query(name: str) -> str:
    return (
        f"{name} ranks the rows of each query: name the query column (query=, --query). Of single rows at a "
        f"threshold, the metric is binary_{name}(threshold=0.5)"
    )


def _gain_columns(p: Any) -> Mapping[str, Domain]:
    if p.gain == "exp2":
        return list_columns(p, top=52)
    return list_columns(p) if isinstance(p.gain, str) else list_columns(p, listed=p.gain)


def _self_normalized_needs_propensity(p: Any) -> str:
    if p.self_normalized and p.propensity is None:
        return "self_normalized=True divides by weights: name their column (propensity=)"
    return ""


def _ideal_needs(p: Any) -> str:
    if p.idcg == "full_k" and p.k is None:
        return 'idcg="full_k" is the DCG of k relevant rows: give k'
    if p.propensity is not None and p.idcg != "judged":
        return f'propensity= weighs the ideal order too: idcg={p.idcg!r} is not allowed with it, only "judged"'
    return ""


@list_metric(
    columns=_gain_columns,
    parameters={
        **CUTOFF,
        **_GAINS,
        "idcg": Choice(
            ("judged", "listed", "full_k", "label_order"),
            doc="The ideal list that DCG is divided by.\njudged: all judged rows, best first\nlisted: the retrieved "
            "rows, best first\nfull_k: k rows of gain 1 (as RecTools)\nlabel_order: the rows with a gain, in the order "
            "of the source (as Spark)",
        ),
        **PROPENSITIES,
    },
    conflict=_ideal_needs,
    aliases=("ndcg_cut", "normalized_dcg", "retrieval_normalized_dcg", "ndcg_score"),
    presets={"ndcg_burges": {"gain": "exp2"}},
    source="Järvelin and Kekäläinen 2002; ties: McSherry and Najork 2008, as sklearn.metrics.ndcg_score; "
    'LightGBM has gain="exp2", ties="input", no_relevant="one"',
)
def ndcg(
    *,
    k: int | None = None,
    gain: str | GainTable = "linear",
    discount: str = "log2",
    idcg: str = "judged",
    relevance_level: float = 1.0,
    level_gates_gain: bool = False,
    propensity: str | None = None,
    clip: float = 0.0,
) -> None:
    """Normalized discounted cumulative gain: DCG over the DCG of the ideal order, mean over queries.

    DCG@k = sum over the first k ranks r = 1, 2, ... of gain(label) * discount(r), which is 1 / log2(r + 1) unless
    `discount` is a function of your own.

    Examples
    --------
    >>> from fastrank import metrics
    >>> round(metrics.ndcg(k=2).compute([0, 2, 1], [0.9, 0.8, 0.1], query=[7, 7, 7]), 6)
    0.479625
    """


@list_metric(
    columns=_gain_columns,
    parameters={**CUTOFF, **_GAINS, **PROPENSITIES, **_SELF_NORMALIZED},
    conflict=_self_normalized_needs_propensity,
    range=(0.0, math.inf),
    aliases=("dcg_score",),
    presets={"dcg_burges": {"gain": "exp2"}},
    source="Järvelin and Kekäläinen 2002; ties: McSherry and Najork 2008, as sklearn.metrics.dcg_score",
)
def dcg(
    *,
    k: int | None = None,
    gain: str | GainTable = "linear",
    discount: str = "log2",
    relevance_level: float = 1.0,
    level_gates_gain: bool = False,
    propensity: str | None = None,
    clip: float = 0.0,
    self_normalized: bool = False,
) -> None:
    """Discounted cumulative gain: the discounted gains of the first k ranks, mean over queries.

    DCG@k = sum over the first k ranks r = 1, 2, ... of gain(label) * discount(r), which is 1 / log2(r + 1) unless
    `discount` is a function of your own.

    Examples
    --------
    >>> from fastrank import metrics
    >>> metrics.dcg(k=3).compute([3, 0, 2], [0.9, 0.8, 0.1], query=[7, 7, 7])
    4.0
    """


@list_metric(
    parameters={**CUTOFF, **LEVEL, **PROPENSITIES, **_SELF_NORMALIZED},
    conflict=_self_normalized_needs_propensity,
    aliases=("rr", "recip_rank", "reciprocal_rank", "mean_reciprocal_rank", "retrieval_mrr"),
    source="Voorhees 1999 (TREC-8); as trec_eval's recip_rank (its ties are item_desc)",
)
def mrr(
    *,
    k: int | None = None,
    relevance_level: float = 1.0,
    propensity: str | None = None,
    clip: float = 0.0,
    self_normalized: bool = False,
) -> None:
    """Mean reciprocal rank: 1 over the rank of the first relevant row, mean over queries.

    A query whose first relevant row ranks below k counts 0.

    Examples
    --------
    >>> from fastrank import metrics
    >>> metrics.mrr().compute([0, 1, 0], [0.9, 0.8, 0.1], query=[7, 7, 7])
    0.5
    """


@list_metric(
    parameters={
        **CUTOFF,
        **LEVEL,
        "ap_denominator": Choice(
            ("rel", "min_rel_k", "min_rel_k_len", "k", "hits"),
            doc="What the sum of precisions is divided by.\nrel: R\nmin_rel_k: min(R, k)\nmin_rel_k_len: "
            "min(R, k, length)\nk: k, or the length without it\nhits: the number of relevant rows among the first k",
        ),
    },
    aliases=("ap", "map_cut", "mean_average_precision", "meanAveragePrecision", "retrieval_map"),
    presets={"gm_map": {"aggregation": "geometric"}},
    source="Harman 1992 (TREC-1); as trec_eval's map and map_cut; Spark and RePlay divide by min(R, k)",
)
def map(*, k: int | None = None, relevance_level: float = 1.0, ap_denominator: str = "rel") -> None:
    """Mean average precision: the mean of precision at the rank of each relevant row, mean over queries.

    AP@k = sum over relevant rows of rank i up to k of precision@i, over R, the number of relevant rows.

    Examples
    --------
    >>> from fastrank import metrics
    >>> metrics.map().compute([1, 0, 1, 0], [0.9, 0.8, 0.7, 0.1], query=[7, 7, 7, 7])
    0.8333333333333333
    """


@list_metric(
    parameters={**CUTOFF, **LEVEL, **_RANKS, **PROPENSITIES, **_SELF_NORMALIZED},
    conflict=_self_normalized_needs_propensity,
    aliases=("p", "set_P", "SetP", "retrieval_precision"),
    without_query=_without_query("precision"),
    source="Cleverdon 1967; as trec_eval's P",
)
def precision(
    *,
    k: int | None = None,
    relevance_level: float = 1.0,
    precision_denominator: str = "k",
    propensity: str | None = None,
    clip: float = 0.0,
    self_normalized: bool = False,
) -> None:
    """Precision at k: relevant rows among the first k ranks over k, mean over queries.

    Past the end of a shorter list there is nothing relevant: the denominator stays k.

    Examples
    --------
    >>> from fastrank import metrics
    >>> metrics.precision(k=2).compute([1, 0, 1], [0.9, 0.8, 0.1], query=[7, 7, 7])
    0.5
    """


@list_metric(
    parameters={
        **CUTOFF,
        **LEVEL,
        "recall_denominator": Choice(("rel", "min_rel_k"), doc="Divide by R, or by min(R, k)."),
        **PROPENSITIES,
    },
    aliases=("r", "set_recall", "SetR", "retrieval_recall"),
    without_query=_without_query("recall"),
    source="Cleverdon 1967; as trec_eval's recall",
)
def recall(
    *,
    k: int | None = None,
    relevance_level: float = 1.0,
    recall_denominator: str = "rel",
    propensity: str | None = None,
    clip: float = 0.0,
) -> None:
    """Recall at k: relevant rows among the first k ranks over all relevant rows of the query, mean over queries.

    With `propensity` both count the weights of relevant rows.

    Examples
    --------
    >>> from fastrank import metrics
    >>> metrics.recall(k=2).compute([1, 0, 1], [0.9, 0.8, 0.1], query=[7, 7, 7])
    0.5
    """


@list_metric(
    parameters={
        **CUTOFF,
        "beta": Number(0.0, 1000.0, doc="Recall weighs beta times as much as precision."),
        **LEVEL,
        **_RANKS,
    },
    aliases=("f1", "f1beta", "f_measure"),
    # What they call beta is its square: only with 1 is it the same.
    presets={"set_F": {"beta": 1.0}, "SetF": {"beta": 1.0}},
    without_query=_without_query("f1"),
    source="van Rijsbergen 1979; as ranx's f1 and RecTools' F1Beta",
)
def f_beta(
    *, k: int | None = None, beta: float = 1.0, relevance_level: float = 1.0, precision_denominator: str = "k"
) -> None:
    """F measure at k: the weighted harmonic mean of precision and recall of each query, mean over queries.

    F = (1 + beta^2) P R / (beta^2 P + R) = (1 + beta^2) hits / (beta^2 R + k).

    Examples
    --------
    >>> from fastrank import metrics
    >>> metrics.f_beta(k=2).compute([1, 0, 1], [0.9, 0.8, 0.1], query=[7, 7, 7])
    0.5
    """


@list_metric(
    parameters={**CUTOFF, **LEVEL},
    aliases=("success", "hitrate", "hr", "retrieval_hit_rate"),
    source="as trec_eval's success",
)
def hit_rate(*, k: int | None = None, relevance_level: float = 1.0) -> None:
    """Hit rate at k: 1 where a relevant row is among the first k ranks, else 0, mean over queries.

    Examples
    --------
    >>> from fastrank import metrics
    >>> metrics.hit_rate(k=1).compute([0, 1, 1], [0.9, 0.8, 0.1], query=[7, 7, 7])
    0.0
    """


@list_metric(
    parameters=LEVEL,
    aliases=("Rprec", "r-precision", "rprecision", "retrieval_r_precision"),
    source="as trec_eval's Rprec, which divides by R also where fewer rows were retrieved",
)
def r_precision(*, relevance_level: float = 1.0) -> None:
    """R-precision: relevant rows among the first R ranks over R, the number of relevant rows, mean over queries.

    Examples
    --------
    >>> from fastrank import metrics
    >>> metrics.r_precision().compute([1, 0, 1], [0.9, 0.8, 0.1], query=[7, 7, 7])
    0.5
    """


@list_metric(
    parameters={**CUTOFF, **LEVEL},
    better="lower",
    aliases=("fall_out", "retrieval_fall_out"),
    undefined='there are no queries, or none with a row that is not relevant under no_relevant="skip"',
    source="as torchmetrics' retrieval_fall_out; here no_relevant is about a query without a row that is not relevant",
)
def fallout(*, k: int | None = None, relevance_level: float = 1.0) -> None:
    """Fall-out at k: rows that are not relevant among the first k ranks over all such rows, mean over queries.

    Examples
    --------
    >>> from fastrank import metrics
    >>> metrics.fallout(k=2).compute([1, 0, 0], [0.9, 0.8, 0.1], query=[7, 7, 7])
    0.5
    """
