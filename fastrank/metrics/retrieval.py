"""Metrics of retrieval: for incomplete or graded judgments, models of the user's patience, and counts."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from fastrank.metrics.lists import CUTOFF, LEVEL, list_columns, list_metric
from fastrank.metrics.parameters import Choice, Flag, Number, WholeNumber

if TYPE_CHECKING:
    from collections.abc import Mapping

    from fastrank.domains import Domain
    from fastrank.metrics.parameters import Kind

__all__ = ["avg_11pt", "bpref", "err", "infap", "iprec", "judged", "num_rel", "num_rel_ret", "num_ret", "rbp"]

_RECALL_POINT: dict[str, Kind] = {
    "recall_point": Choice(
        ("plus_0_9", "round"),
        doc="How many relevant rows reach recall r.\nplus_0_9: int(r R + 0.9) (trec_eval 9)\nround: r R, rounded "
        "(trec_eval 10)",
    )
}
_MAX_GRADE: dict[str, Kind] = {"max_grade": WholeNumber(1, 52, doc="The highest label there may be.")}
_COUNT: dict[str, Any] = {
    "range": (0.0, math.inf),
    "aggregation": "sum",
    "exactness": "sums of counts are exact",
    "undefined": "there are no queries and the aggregation is not sum",
    "unit": "rows",
}


def _graded(p: Any) -> Mapping[str, Domain]:
    return list_columns(p, top=p.max_grade)


def _scaled(p: Any) -> Mapping[str, Domain]:
    return list_columns(p, top=p.max_grade) if p.rbp_gain == "scaled" else list_columns(p)


@list_metric(
    parameters={**LEVEL, "guard": Flag(doc="False: NaN where no row is judged not relevant (as ranx).")},
    aliases=("retrieval_bpref",),
    source="Buckley and Voorhees 2004; as trec_eval's bpref",
)
def bpref(*, relevance_level: float = 1.0, guard: bool = True) -> None:
    """Binary preference: how few rows judged not relevant rank above the relevant ones, mean over queries.

    (1 / R) sum over retrieved relevant rows of 1 - min(n, R) / min(N, R): n rows judged not relevant rank above it, of
    N in all.

    Examples
    --------
    >>> from fastrank import metrics
    >>> metrics.bpref().compute([1, 0, 1, 0], [0.9, 0.8, 0.7, 0.1], query=[7, 7, 7, 7])
    0.75
    """


@list_metric(
    parameters=LEVEL,
    aliases=("inferred_ap",),
    source="Yilmaz and Aslam 2006; as trec_eval's infAP",
)
def infap(*, relevance_level: float = 1.0) -> None:
    """Inferred average precision, from judgments of a sample: negative labels were pooled but not judged.

    Examples
    --------
    >>> from fastrank import metrics
    >>> round(metrics.infap().compute([1, 0, 1], [0.9, 0.8, 0.7], query=[7, 7, 7]), 4)
    0.8333
    """


@list_metric(
    columns=_graded,
    parameters={**CUTOFF, **_MAX_GRADE},
    aliases=("expected_reciprocal_rank",),
    source="Chapelle et al. 2009; as gdeval.pl, whose highest grade is 4",
)
def err(*, k: int | None = None, max_grade: int = 4) -> None:
    """Expected reciprocal rank: of the row that satisfies a user who reads from the top, mean over queries.

    sum over ranks i of r_i / i times the product over j < i of 1 - r_j, with r = (2^label - 1) / 2^max_grade.

    Examples
    --------
    >>> from fastrank import metrics
    >>> metrics.err(max_grade=1).compute([1, 0, 1], [0.9, 0.8, 0.4], query=[7, 7, 7])
    0.5833333333333334
    """


@list_metric(
    columns=_scaled,
    parameters={
        **CUTOFF,
        "p": Number(0.0, 1.0, doc="How likely a user goes on to the next rank."),
        "rbp_gain": Choice(
            ("binary", "scaled", "raw"),
            doc="What a row gains.\nbinary: 1 where relevant\nscaled: label / max_grade\nraw: the label where relevant "
            "(as ranx)",
        ),
        **_MAX_GRADE,
        **LEVEL,
    },
    number="p",
    aliases=("rank_biased_precision",),
    source="Moffat and Zobel 2008; ranx adds the labels themselves (raw)",
)
def rbp(
    *,
    k: int | None = None,
    p: float = 0.8,
    rbp_gain: str = "binary",
    max_grade: int = 4,
    relevance_level: float = 1.0,
) -> None:
    """Rank-biased precision: (1 - p) times the sum over ranks r of gain p^(r - 1), mean over queries.

    Examples
    --------
    >>> from fastrank import metrics
    >>> metrics.rbp(p=0.5).compute([1, 0, 1], [0.9, 0.8, 0.1], query=[7, 7, 7])
    0.625
    """


@list_metric(
    parameters={
        "recall": Number(0.0, 1.0, closed="low high", doc="The recall to reach."),
        **_RECALL_POINT,
        **LEVEL,
    },
    number="recall",
    aliases=("iprec_at_recall",),
    source="Salton and McGill 1983; as trec_eval's iprec_at_recall",
)
def iprec(*, recall: float = 0.0, recall_point: str = "plus_0_9", relevance_level: float = 1.0) -> None:
    """Interpolated precision: the highest precision at any rank from which on the recall is reached, mean over queries.

    Examples
    --------
    >>> from fastrank import metrics
    >>> metrics.iprec(recall=1.0).compute([1, 0, 1], [0.9, 0.8, 0.1], query=[7, 7, 7])
    0.6666666666666666
    """


@list_metric(
    name="11pt_avg",
    measure="11pt_avg",
    parameters={**_RECALL_POINT, **LEVEL},
    aliases=("avg_11pt",),
    source="Salton and McGill 1983; as trec_eval's 11pt_avg",
)
def avg_11pt(*, recall_point: str = "plus_0_9", relevance_level: float = 1.0) -> None:
    """Eleven-point average precision: the mean of interpolated precision at recall 0, 0.1, ..., 1, mean over queries.

    Examples
    --------
    >>> from fastrank import metrics
    >>> metrics.avg_11pt().compute([1, 0, 0], [0.9, 0.8, 0.1], query=[7, 7, 7])
    1.0
    """


@list_metric(
    parameters=CUTOFF,
    source="as ir_measures' Judged, which divides by min(k, length); 0 for a query that was not retrieved",
)
def judged(*, k: int | None = None) -> None:
    """Judged at k: judged rows among the first k ranks over min(k, length), mean over queries.

    Examples
    --------
    >>> from fastrank import metrics
    >>> metrics.judged(k=2).compute([1, -1, 1], [0.9, 0.8, 0.1], query=[7, 7, 7])
    0.5
    """


@list_metric(**_COUNT, aliases=("NumRet",), source="as trec_eval's num_ret")
def num_ret() -> None:
    """Number of retrieved rows, summed over queries.

    Examples
    --------
    >>> from fastrank import metrics
    >>> metrics.num_ret().compute([1, 0, 1], [0.9, 0.8, 0.1], query=[7, 7, 8])
    3.0
    """


@list_metric(**_COUNT, parameters=LEVEL, aliases=("NumRel",), source="as trec_eval's num_rel")
def num_rel(*, relevance_level: float = 1.0) -> None:
    """Number of relevant rows, retrieved or not, summed over queries.

    Examples
    --------
    >>> from fastrank import metrics
    >>> metrics.num_rel().compute([1, 0, 1], [0.9, 0.8, 0.1], query=[7, 7, 8])
    2.0
    """


@list_metric(**_COUNT, parameters=LEVEL, source="as trec_eval's num_rel_ret")
def num_rel_ret(*, relevance_level: float = 1.0) -> None:
    """Number of relevant rows that were retrieved, summed over queries.

    Examples
    --------
    >>> from fastrank import metrics
    >>> metrics.num_rel_ret().compute([1, 0, 1], [0.9, 0.8, 0.1], query=[7, 7, 8])
    2.0
    """
