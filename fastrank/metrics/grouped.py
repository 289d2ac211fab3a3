"""Metrics of the rows of each query apart, as if each were a data set of its own."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from fastrank.accumulators import ListWins
from fastrank.domains import ID, list_scores
from fastrank.labels import list_classes
from fastrank.metrics.base import metric
from fastrank.metrics.labels import POSITIVE
from fastrank.metrics.lists import COMMON, rules_given
from fastrank.metrics.parameters import Choice

if TYPE_CHECKING:
    from collections.abc import Mapping

    from fastrank.accumulators.ranked import ValueSums
    from fastrank.domains import Domain
    from fastrank.metrics.parameters import Kind

__all__ = ["gauc"]

_RULES: dict[str, tuple[Kind, Any]] = {
    "unjudged": (
        Choice(
            ("nonrelevant", "drop", "error"),
            doc="Rows that nobody judged: null labels, and items without a judgment.\nnonrelevant: they are negative\n"
            "drop: they are taken out\nerror: there may be none",
        ),
        "nonrelevant",
    ),
    "duplicates": (
        Choice(
            ("error", "count"),
            doc="Where an item stands several times in a query.\nerror: it may not\ncount: all its rows count",
        ),
        "error",
    ),
    "nan_score": COMMON["nan_score"],
}


def _columns(p: Any) -> Mapping[str, Domain]:
    return {
        "label": list_classes(p.positive, unjudged=p.unjudged != "error"),
        "score": list_scores(p.nan_score),
        "query": ID,
    }


@metric(
    family="grouped",
    columns=_columns,
    states=lambda p: {"wins": ListWins(p.group_weight, p.tied_groups, rules_given(p), p.weighted)},
    parameters={
        "group_weight": Choice(
            ("rows", "positives", "pairs", "equal"),
            doc="What the AUC of a query weighs, times its query weight.\nrows: its rows, or the sum of their weights\n"
            "positives: its positive rows, likewise\npairs: positive times negative rows, so that the mean is the "
            "probability that a positive row scores higher than a negative one of its query\nequal: 1",
        ),
        "tied_groups": Choice(
            ("keep", "skip"), doc="Whether a query whose rows all have one score counts 0.5, or does not count."
        ),
        "none_left": Choice(("nan", "half"), doc="The value where no query counts: NaN, or 0.5."),
    },
    reading=POSITIVE,
    common=_RULES,
    optional=("weight", "query_weight", "item"),
    aliases=("group_auc", "grouped_auc", "wuauc"),
    presets={"uauc": {"group_weight": "equal"}},
    range=(0.0, 1.0),
    better="higher",
    undefined='no query with rows of both classes counts, and none_left="nan"',
    exactness="the AUC of a query is a correctly rounded quotient of integers; the sum over queries is exact and the "
    "mean is rounded once",
    without_query="gauc is the mean of the AUC of each query: name the query column (query=, --query); of all rows "
    "together, the metric is auc",
    source='Zhou et al. 2018 (DIN), whose formula has group_weight="rows"; RecBole has "positives"; torchrec has '
    '"equal" (uauc) and "rows" (wuauc), with tied_groups="skip" and none_left="half"',
)
def gauc(
    wins: ValueSums, *, group_weight: str = "rows", tied_groups: str = "keep", none_left: str = "nan", **_: Any
) -> float:
    """Grouped AUC: the AUC of the rows of each query, mean over queries weighted by their size.

    sum over queries of W_q AUC_q / sum of W_q, where AUC_q is the probability that a positive row of the query scores
    higher than a negative one, a tie being one half.  A query of one class has no AUC: it does not count, and is
    counted in queries_one_class.  Rows without a score, that were judged and not retrieved, are left out.

    Examples
    --------
    >>> from fastrank import metrics
    >>> label, score, query = [0, 1, 0, 1, 0, 0], [0.2, 0.9, 0.3, 0.4, 0.4, 0.6], [7, 7, 8, 8, 8, 8]
    >>> metrics.gauc().compute(label, score, query=query)  # AUC 1 of 2 rows, 1/2 of 4
    0.6666666666666666
    """
    return 0.5 if none_left == "half" and not wins.weight.total else wins.aggregate("mean")
