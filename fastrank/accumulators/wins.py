"""What is kept of the pairs of a positive and a negative row in each of many lists."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from fastrank._kernels import exact_sum, list_wins
from fastrank.accumulators.base import Field
from fastrank.accumulators.ranked import Counted, ValuedLists, ValueSums, add_weights, sum_of
from fastrank.ranked import rank

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from fastrank.lists import Lists
    from fastrank.ranked import RankedLists

__all__ = ["ListWins"]


class Wins(NamedTuple):
    """Of each list: the share of pairs that the positive row wins (NaN where there are none), the weight of its
    positive, negative and all rows, how many rows weigh more than 0, and whether pairs are tied."""

    share: NDArray[np.float64]
    positives: NDArray[np.float64]
    negatives: NDArray[np.float64]
    all: NDArray[np.float64]
    rows: NDArray[np.int64]
    ties: NDArray[np.uint8]

    def weights(self, by: str) -> NDArray[np.float64]:
        """The weight of each list as a group, but of those without pairs."""
        if by == "equal":
            return np.ones(self.share.size)
        return {"rows": self.all, "positives": self.positives, "pairs": self.positives * self.negatives}[by]


@dataclass(eq=False)
class ListWins(ValuedLists):
    """The exact sum over queries of a weight times the share of pairs of a positive and a negative row that the
    positive wins, and that of the weights.

    `group_weight` is "rows", "positives", "pairs" or "equal", times the query weight; `weighted`: rows have weights.
    Memory: about 1.2 KiB a slice.
    """

    kind = "list_wins"
    group_weight: str
    tied_groups: str
    rules: tuple[tuple[str, Any], ...]
    weighted: bool

    rows_unjudged = Field(np.int64)
    rows_not_retrieved = Field(np.int64)
    queries = Field(np.int64)
    queries_one_class = Field(np.int64)
    queries_all_tied = Field(np.int64)
    queries_missing = Field(np.int64)
    queries_extra = Field(np.int64)
    queries_tied = Field(np.int64)
    queries_split = Field(np.int64)
    digits = Field(np.int64, (exact_sum.DIGITS,), merge="digits")
    special = Field(np.int64, (exact_sum.SPECIALS,))
    weight_digits = Field(np.int64, (exact_sum.DIGITS,), merge="digits")

    @property
    def depth(self) -> int:
        """Pairs need no order: the least that can be asked for."""
        return 1

    @property
    def in_order(self) -> bool:
        """Rows of one list may come in any order."""
        return False

    @property
    def reads(self) -> tuple[str, ...]:
        """Everything about a list."""
        return ("label", "score", "rank", "weight", "query", "query_weight", "item")

    def count(self, lists: Lists) -> Counted:
        """The share and the weight of each list, computed once for all slicings."""
        key = ("wins", self.group_weight, self.tied_groups, self.rules, self.weighted)
        if key not in lists.derived:
            lists.derived[key] = self._count_lists(lists)
        result: Counted = lists.derived[key]
        return result

    def _count_lists(self, lists: Lists) -> Counted:
        ranked = rank(lists, self.list_rules)
        wins = self._wins(ranked)
        missing, extra = ranked.missing, ranked.unjudged_lists
        known = np.ones(lists.count, np.bool_) if extra is None else ~extra
        # A list of rows that all weigh 0 is none.
        present = (wins.rows > 0) & ~missing & known
        one_class = present & np.isnan(wins.share)
        all_tied = present & (wins.ties == list_wins.ALL_TIED)
        absent = ~present | one_class
        if self.tied_groups == "skip":
            absent |= all_tied
        tallies: dict[str, NDArray[Any]] = {
            **lists.row_counts,
            "rows": self._row_counts(lists),
            "queries": present | (missing & known),
            "queries_one_class": one_class,
            "queries_all_tied": all_tied,
            "queries_tied": present & (wins.ties != list_wins.NOT_TIED),
            "queries_missing": missing & known,
        }
        if extra is not None:
            tallies["queries_extra"] = extra
        weights = np.where(absent, 0.0, wins.weights(self.group_weight))
        # Queries that only the judgments know may have no weight.
        of_queries = lists.query_weights if lists.missing is None else None
        if of_queries is not None:
            weights *= of_queries
        return Counted(wins.share, absent, weights, tallies)

    def _wins(self, lists: RankedLists) -> Wins:
        key = ("wins", self.weighted)
        if key not in lists.derived:
            labels = lists.labels if lists.labels.dtype == np.uint8 else (lists.labels >= 1).view(np.uint8)
            weights = np.ascontiguousarray(lists.column("weight")) if self.weighted else None
            lists.derived[key] = Wins(*list_wins.count_wins(lists.scores, labels, weights, lists.offsets))
        result: Wins = lists.derived[key]
        return result

    def _row_counts(self, lists: Lists) -> NDArray[np.int64]:
        if not self.weighted:
            return np.diff(lists.offsets)
        present = np.concatenate(([0], np.cumsum(lists.rows["weight"] > 0)))
        return np.diff(present[lists.offsets])

    def add(
        self, values: NDArray[np.float64], weights: NDArray[np.float64] | None, slices: NDArray[np.int32] | None
    ) -> None:
        """Adds shares and weights to their sums."""
        exact_sum.add_values(values, weights, slices, self.digits, self.special)
        add_weights(weights, values.size, slices, self.weight_digits)

    def at(self, s: int) -> ValueSums:
        """The sums of slice s."""
        return ValueSums(sum_of(self.digits[s], self.special[s]), sum_of(self.weight_digits[s]))
