"""Sums over ranked lists of one value a list."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from fastrank._kernels import exact_sum, order, ranked
from fastrank.accumulators.base import Field, ListAccumulator
from fastrank.accumulators.sums import Sum, digits_to_fraction, special_value
from fastrank.ids import ordered_codes

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from fastrank.lists import Lists

__all__ = ["TIES", "ListSums", "RankedListSums"]

# Up to this cut-off the top of a list is found by insertion, past it by sorting.
DEEPEST_INSERTION = 64

TIES = {
    "average": order.AVERAGE,
    "input": order.INPUT,
    "item_desc": order.ITEM_DESC,
    "item_asc": order.ITEM_ASC,
    "pessimistic": order.PESSIMISTIC,
    "optimistic": order.OPTIMISTIC,
}


class Runs(NamedTuple):
    """Ordered lists as runs of equal score and label, and the labels of each list from the highest down."""

    offsets: NDArray[np.int64]
    labels: NDArray[np.float64]
    counts: NDArray[np.int64]
    opens: NDArray[np.uint8]
    ideal_offsets: NDArray[np.int64]
    ideal_labels: NDArray[np.float64]
    ideal_counts: NDArray[np.int64]


def ordered(lists: Lists, ties: str, depth: int) -> Runs:
    """The runs that cover the first `depth` ranks (0: all), made once for all metrics."""
    key = ("runs", ties, depth)
    if key not in lists.derived:
        rows, rule = lists.rows, TIES[ties]
        scores, labels = rows["score"], rows["label"]
        if rule == order.AVERAGE and labels.dtype == np.uint8 and 0 < depth <= DEEPEST_INSERTION:
            runs = order.rank_top(scores, labels, lists.offsets, depth)
        else:
            scores, labels = scores.astype(np.float64, copy=False), labels.astype(np.float64, copy=False)
            runs = order.rank_all(scores, labels, lists.offsets, rule, _item_codes(lists), depth)
        lists.derived[key] = Runs(*runs)
    runs_: Runs = lists.derived[key]
    return runs_


def _item_codes(lists: Lists) -> NDArray[np.int64] | None:
    """Items as integers of the same order."""
    if "items" not in lists.derived:
        lists.derived["items"] = ordered_codes(lists.rows["item"]) if lists.rows.has("item") else None
    items: NDArray[np.int64] | None = lists.derived["items"]
    return items


def _query_weights(lists: Lists) -> NDArray[np.float64] | None:
    """One weight a list; all rows of a query carry the same."""
    weights = lists.rows.get("query_weight")
    return None if weights is None else np.ascontiguousarray(weights[lists.offsets[:-1]])


class _Discounts:
    """Prefix sums of 1 / log2(rank + 1), as long as the longest list so far."""

    def __init__(self) -> None:
        self._table = ranked.discounts(1024)

    def up_to(self, n: int) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        if len(self._table[0]) <= n:
            self._table = ranked.discounts(2 * n)
        return self._table


_DISCOUNTS = _Discounts()


@dataclass(frozen=True)
class ListSums:
    """What a slice holds: the weighted sum of values, the sum of weights, and counts of queries."""

    values: Sum
    weight: Sum
    queries: int
    queries_without_relevant: int
    queries_tied: int
    queries_split: int


@dataclass(eq=False)
class RankedListSums(ListAccumulator):
    """The exact sum over queries of query weight times one measure of the ranked list.

    Memory: about 1.2 KiB a slice.
    """

    kind = "ranked_list_sums"
    measure: str
    k: int | None
    ties: str
    no_relevant: str
    relevance_level: float | None = None
    gain: str | tuple[tuple[float, float], ...] | None = None
    ap_denominator: str | None = None

    queries = Field(np.int64)
    queries_without_relevant = Field(np.int64)
    queries_tied = Field(np.int64)
    queries_split = Field(np.int64)
    digits = Field(np.int64, (exact_sum.DIGITS,), merge="digits")
    special = Field(np.int64, (exact_sum.SPECIALS,))
    weight_digits = Field(np.int64, (exact_sum.DIGITS,), merge="digits")

    @property
    def reads(self) -> tuple[str, ...]:
        """Everything about a list."""
        return ("label", "score", "query", "query_weight", "item")

    @property
    def requires(self) -> tuple[str, ...]:
        """Items, where they order tied rows."""
        return ("item",) if self.ties.startswith("item") else ()

    def update(self, lists: Lists, slices: NDArray[np.int32] | None, split: NDArray[np.bool_] | None) -> None:
        """Evaluates each list and adds its value to its slice."""
        if lists.count == 0:
            return
        values, relevant, tied = self._evaluate(lists)
        weights = _query_weights(lists)
        sizes = np.diff(lists.offsets)
        self._tally("rows", slices, sizes)
        self._tally("queries", slices, np.ones(lists.count, np.int64))
        self._tally("queries_without_relevant", slices, ~relevant)
        self._tally("queries_tied", slices, tied)
        if split is not None:
            self._tally("queries_split", slices, split)
        if self.no_relevant == "skip":
            weights = np.where(relevant, 1.0 if weights is None else weights, 0.0)
        else:
            values = np.where(relevant, values, 1.0 if self.no_relevant == "one" else 0.0)
        exact_sum.add_values(values, weights, slices, self.digits, self.special)
        ones = np.ones(lists.count) if weights is None else weights
        exact_sum.add_values(ones, None, slices, self.weight_digits, np.zeros_like(self.special))

    def _tally(self, name: str, slices: NDArray[np.int32] | None, counts: NDArray[Any]) -> None:
        if slices is None:
            self.state[name][0] += int(counts.sum())
        else:
            # Counts of a batch are far below 2^53, so their sums as float64 are exact.
            self.state[name][: self.slices] += np.bincount(slices, counts, self.slices).astype(np.int64)

    def _evaluate(self, lists: Lists) -> tuple[NDArray[np.float64], NDArray[np.bool_], NDArray[np.uint8]]:
        """(value, whether it has a relevant row, whether ties matter) of each list, once for all slicings."""
        key = (self.identity, "values")
        if key not in lists.derived:
            k = self.k or 0
            runs = ordered(lists, self.ties, lists.depths[self.ties])
            # Under the other rules each row has a rank of its own; whether rows tie is seen before they are told apart.
            groups = runs if self.ties == "average" else ordered(lists, "average", lists.depths[self.ties])
            tied = ranked.count_tied(groups.offsets, groups.counts, groups.opens, k)
            if self.measure == "ndcg":
                values, relevant = self._ndcg(lists, runs, k)
            else:
                values, relevant = self._hits(lists, runs, k)
            lists.derived[key] = values, relevant, tied
        result: tuple[NDArray[np.float64], NDArray[np.bool_], NDArray[np.uint8]] = lists.derived[key]
        return result

    def _ndcg(self, lists: Lists, runs: Runs, k: int) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
        longest = int(np.diff(lists.offsets).max(initial=0))
        table = _DISCOUNTS.up_to(min(k, longest) if k else longest)
        ideal = ranked.ideal_dcg(
            runs.ideal_offsets, self._gains(runs.ideal_labels, lists), runs.ideal_counts, *table, k
        )
        dcg = ranked.dcg(runs.offsets, self._gains(runs.labels, lists), runs.counts, runs.opens, *table, k)
        relevant = ideal > 0
        return np.divide(dcg, ideal, out=np.zeros_like(dcg), where=relevant), relevant

    def _gains(self, labels: NDArray[np.float64], lists: Lists) -> NDArray[np.float64]:
        if self.gain == "linear":
            # Labels that are not negative are their own gains.
            return labels if labels.min(initial=0.0) >= 0 else ranked.gains(labels, ranked.LINEAR)
        if self.gain == "exp2":
            return ranked.gains(labels, ranked.EXP2)
        assert isinstance(self.gain, tuple)
        known = np.array([label for label, _ in self.gain])
        gains = np.array([gain for _, gain in self.gain])
        places = np.minimum(np.searchsorted(known, labels), known.size - 1)
        return np.where(known[places] == labels, gains[places], 0.0)

    def _hits(self, lists: Lists, runs: Runs, k: int) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
        level = float(self.relevance_level or 0)
        relevant = ranked.count_relevant(runs.ideal_offsets, runs.ideal_labels, runs.ideal_counts, level)
        top = (runs.offsets, runs.labels, runs.counts, runs.opens)
        if self.measure == "precision":
            values = ranked.precision(*top, np.diff(lists.offsets), level, k)
        elif self.measure == "recall":
            values = ranked.recall(*top, relevant, level, k)
        elif self.measure == "map":
            values = ranked.average_precision(*top, relevant, level, k, int(self.ap_denominator == "min_rel_k"))
        elif self.measure == "hit_rate":
            values = ranked.hit_rate(*top, level, k)
        else:
            values = ranked.reciprocal_rank(*top, level, k)
        return values, relevant > 0

    def at(self, s: int) -> ListSums:
        """The sums and counts of slice s."""
        return ListSums(
            Sum(digits_to_fraction(self.digits[s]), special_value(self.special[s]), 0),
            Sum(digits_to_fraction(self.weight_digits[s]), None, 0),
            int(self.queries[s]),
            int(self.queries_without_relevant[s]),
            int(self.queries_tied[s]),
            int(self.queries_split[s]),
        )
