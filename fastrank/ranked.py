"""Ranked lists under the rules by which peers differ: which rows are ranked, which are judged, and in what order.

`rank` applies `ListRules` to the rows of `Lists`, once for all metrics of the same rules.  What is measured on a list
depends on its tie runs (see `fastrank._kernels.order`).
"""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from fastrank._kernels import order, ranked
from fastrank.buffers import to_arrow
from fastrank.domains import UNJUDGED
from fastrank.errors import InvalidValueError, ParameterError, TiesError
from fastrank.ids import ordered_codes
from fastrank.rules import TIES

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from fastrank.lists import Lists
    from fastrank.rules import ListRules

__all__ = ["LEAST_LABEL", "Ideal", "RankedLists", "Runs", "rank"]

# Up to this cut-off the kernels order the top of a list alone, and for labels in bytes.
DEEPEST_INSERTION = 64
# The lowest label that is no `UNJUDGED`.
LEAST_LABEL = -float(np.finfo(np.float64).max)


class Runs(NamedTuple):
    """Ordered lists as runs of equal score and label."""

    offsets: NDArray[np.int64]
    labels: NDArray[np.float64]
    counts: NDArray[np.int64]
    opens: NDArray[np.uint8]


class Ideal(NamedTuple):
    """The labels of each list but 0, from the highest down, with the number of rows of each."""

    offsets: NDArray[np.int64]
    labels: NDArray[np.float64]
    counts: NDArray[np.int64]


class RankedLists:
    """Lists under rules: the retrieved rows offsets[q]..offsets[q + 1] are ranked, the judged rows count.

    Labels are bytes where all are small integers, else float64: `UNJUDGED` where nobody judged the row, below 0 where
    it was pooled and not judged.  `rows` says which rows of the lists are retrieved (None: all).
    """

    def __init__(
        self,
        lists: Lists,
        rules: ListRules,
        scores: NDArray[np.floating],
        labels: NDArray[Any],
        offsets: NDArray[np.int64],
        rows: NDArray[np.intp] | None,
        judged: tuple[NDArray[Any], NDArray[np.int64]] | None,
        judged_rows: NDArray[np.intp] | None = None,
    ) -> None:
        self.lists = lists
        self.rules = rules
        self.scores = scores
        self.labels = labels
        self.offsets = offsets
        self.rows = rows
        self.judged_labels, self.judged_offsets = judged or (labels, offsets)
        self._judged_rows = judged_rows
        self.repeated: NDArray[np.int64] | None = None  # rows of each list left out as repeating an item
        self._all_judged_are_ranked = judged is None
        self.derived: dict[object, Any] = {}

    @property
    def count(self) -> int:
        """How many lists there are."""
        return self.offsets.size - 1

    @cached_property
    def sizes(self) -> NDArray[np.int64]:
        """How many rows of each list are retrieved."""
        return np.diff(self.offsets)

    @property
    def depth(self) -> int:
        """How many ranks the metrics need, 0 for all."""
        return self.lists.depths[self.rules]

    def column(self, role: str) -> Any:
        """The column in a role, of the retrieved rows."""
        return self._take(role, self.rows)

    def judged_column(self, role: str) -> Any:
        """The column in a role, of the judged rows; ParameterError where these are not rows of the lists."""
        if self.lists.judged is not None:
            raise ParameterError(
                f"{role}=: what was judged (qrels=) and not retrieved has no {role}, which recall and ideal "
                f"orders need; join the judgments to the run before, so that such rows have a {role} and a null score"
            )
        return self._take(role, self.rows if self._all_judged_are_ranked else self._judged_rows)

    def _take(self, role: str, rows: NDArray[np.intp] | None) -> Any:
        values = self.lists.rows[role]
        if rows is None:
            return values
        return values[rows] if isinstance(values, np.ndarray) else values.take(to_arrow(rows))

    def any_judged(self) -> NDArray[np.bool_]:
        """Whether each list has a judged row."""
        judged: NDArray[np.bool_] = (
            ranked.count_labels(self.judged_labels, self.judged_offsets, LEAST_LABEL, np.inf) > 0
        )
        return judged

    @cached_property
    def missing(self) -> NDArray[np.bool_]:
        """Which judged lists have no retrieved row, not even one that was taken out because nobody judged it."""
        empty: NDArray[np.bool_] = self.sizes == 0
        if not empty.any():
            return empty
        retrieved = ~np.isnan(self.lists.scores)
        if self._judged_rows is not None:
            # A row that repeats an item does not count, be it the only one with a score.
            retrieved &= np.isin(np.arange(retrieved.size), self._judged_rows)
        counts = np.diff(np.concatenate(([0], np.cumsum(retrieved)))[self.lists.offsets])
        result: NDArray[np.bool_] = empty & (counts == 0) & self.any_judged()
        return result

    @cached_property
    def unjudged_lists(self) -> NDArray[np.bool_] | None:
        """Which lists have rows, none of them judged; None where each list has a judged row."""
        labels = self.judged_labels
        if self.lists.judged is None and (labels.dtype == np.uint8 or not (labels == UNJUDGED).any()):
            return None
        extra = ~self.any_judged() & (np.diff(self.lists.offsets) > 0)
        return extra if extra.any() else None

    def runs(self) -> Runs:
        """The runs that cover the ranks that the metrics need."""
        if "runs" not in self.derived:
            *runs, ideal_offsets, ideal_labels, ideal_counts = self._order(self.labels)
            self.derived["runs"] = Runs(*runs)
            if self._all_judged_are_ranked:
                self.derived["ideal"] = Ideal(ideal_offsets, ideal_labels, ideal_counts)
        result: Runs = self.derived["runs"]
        return result

    def merged_runs(self) -> Runs:
        """The runs, as few as possible, off which to read what is added up for labels other than 0: neighbouring tie
        groups of label 0 may be one, and those at the end may lack."""
        if self.labels.dtype != np.uint8 or "runs" in self.derived or self._tie_order()[0] != order.AVERAGE:
            return self.runs()
        if "merged" not in self.derived:
            found = order.rank_merged(self.scores, self.labels, self.offsets, self._cut(self.depth))
            self.derived["merged"], self.derived["first tied"] = Runs(*found[:4]), found[7]
            if self._all_judged_are_ranked:
                self.derived["ideal"] = Ideal(*found[4:7])
        result: Runs = self.derived["merged"]
        return result

    def value_runs(self, key: object, values: NDArray[np.float64]) -> Runs:
        """Runs in which a value of each row stands for its label."""
        if key not in self.derived:
            rule, items = self._tie_order()
            if rule in (order.PESSIMISTIC, order.OPTIMISTIC):
                # These rules are about labels, and then about values, so that the order of the source cannot matter.
                by_label = np.lexsort((values, self.labels))
                items = np.empty(values.size, np.int64)
                items[by_label] = np.arange(values.size)
                rule = order.ITEM_ASC if rule == order.PESSIMISTIC else order.ITEM_DESC
            self.derived[key] = Runs(*order.rank_all(self.scores, values, self.offsets, rule, items, self.depth)[:4])
        result: Runs = self.derived[key]
        return result

    def _order(self, labels: NDArray[Any]) -> tuple[Any, ...]:
        rule, items = self._tie_order()
        return order.rank_all(self.scores, labels, self.offsets, rule, items, self._cut(self.depth))

    def _cut(self, k: int) -> int:
        """The cut-off, 0 where it cuts no list."""
        return k if k < self._longest else 0

    @cached_property
    def _longest(self) -> int:
        return int(self.sizes.max(initial=0))

    def _tie_order(self) -> tuple[int, NDArray[np.int64] | None]:
        """The rule of ties, with the items that it needs as integers of the same order."""
        rule = TIES[self.rules.ties]
        if rule == order.AVERAGE or not self._tied_rows().size:
            # Where nothing ties all rules are one, and this one is fast.
            return order.AVERAGE, None
        if not self.rules.by_item:
            return rule, None
        if "items" not in self.derived:
            tied = self._tied_rows()
            # Only tied rows are compared by item; those of other rows may be anything.
            codes = np.zeros(self.scores.size, np.int64)
            codes[tied] = ordered_codes(self.column("item").take(to_arrow(tied)))
            self.derived["items"] = codes
        items: NDArray[np.int64] = self.derived["items"]
        return rule, items

    def ideal(self) -> Ideal:
        """The labels of all judged rows, retrieved or not."""
        if self._all_judged_are_ranked:
            self.merged_runs()
        if "ideal" not in self.derived:
            self.derived["ideal"] = Ideal(*order.ideal_runs(self.judged_labels, self.judged_offsets))
        result: Ideal = self.derived["ideal"]
        return result

    def listed(self) -> Ideal:
        """The labels of the retrieved rows."""
        if self._all_judged_are_ranked:
            return self.ideal()
        if "listed" not in self.derived:
            self.derived["listed"] = Ideal(*order.ideal_runs(self.labels, self.offsets))
        result: Ideal = self.derived["listed"]
        return result

    def _groups(self) -> Runs:
        """The runs as they are before a rule tells tied rows apart."""
        if TIES[self.rules.ties] == order.AVERAGE:
            return self.runs()
        if "groups" not in self.derived:
            runs = order.rank_all(self.scores, self.labels, self.offsets, order.AVERAGE, None, self.depth)
            self.derived["groups"] = Runs(*runs[:4])
        result: Runs = self.derived["groups"]
        return result

    def count_tied(self, k: int) -> NDArray[np.uint8]:
        """1 for each list in which several rows of one score begin among the first k ranks (0: all)."""
        key = ("tied lists", self._cut(k))
        if key not in self.derived:
            self.derived[key] = self._count_tied(self._cut(k))
        result: NDArray[np.uint8] = self.derived[key]
        return result

    def _count_tied(self, k: int) -> NDArray[np.uint8]:
        if TIES[self.rules.ties] != order.AVERAGE and not self._tied_rows().size:
            return np.zeros(self.count, np.uint8)
        if "first tied" in self.derived:
            result: NDArray[np.uint8] = (self.derived["first tied"] < (k or order.NO_RANK)).view(np.uint8)
            return result
        groups = self._groups()
        if groups.labels.size == self.scores.size and groups.opens.all():
            # As many groups as rows.
            return np.zeros(self.count, np.uint8)
        return ranked.count_tied(groups.offsets, groups.counts, groups.opens, k)

    def _tied_rows(self) -> NDArray[np.intp]:
        if "tied" not in self.derived:
            self.derived["tied"] = np.flatnonzero(order.find_tied(self.scores, self.offsets))
        result: NDArray[np.intp] = self.derived["tied"]
        return result

    def top_rows(self, k: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """(offsets, rows) of the first k ranks in order (0: of all), as indices of the retrieved rows; no ties matter
        there: see `check_order`."""
        key = ("top", k)
        if key not in self.derived:
            rule, items = self._tie_order()
            self.derived[key] = order.rank_rows(self.scores, self.labels, self.offsets, rule, items, k)
        result: tuple[NDArray[np.int64], NDArray[np.int64]] = self.derived[key]
        return result

    def check_order(self, what: str, k: int, *, by_row: bool) -> None:
        """TiesError where rows tie among the first k ranks and the measure has no expected value over their orders;
        rows of one label may tie, unless it matters `by_row` which one stands where."""
        if TIES[self.rules.ties] != order.AVERAGE:
            return
        runs = self.runs()
        several = (runs.counts > 1) | (runs.opens == 0) if by_row else runs.opens == 0
        if not several.any():
            return
        above = np.cumsum(runs.counts) - runs.counts
        list_of = np.searchsorted(runs.offsets, np.arange(several.size), side="right") - 1
        # The rank at which the group of a run begins.
        opener = np.maximum.accumulate(np.where(runs.opens == 1, np.arange(several.size), 0))
        begin = above[opener] - above[runs.offsets[list_of]]
        found = np.flatnonzero(several & (begin < k) if k else several)
        if found.size:
            rule = (
                'ties="error" allows none'
                if self.rules.ties == "error"
                else "their expected value over all orders has no closed form: tell them apart by "
                'ties="item_desc" or "item_asc" (with item=), "input", "pessimistic" or "optimistic"'
            )
            t = int(found[0])
            where = f"{self.lists.name(int(list_of[t]))} has rows of equal score from rank {int(begin[t]) + 1} on"
            raise TiesError(f"{what}: {where}; {rule}")


def rank(lists: Lists, rules: ListRules, *, told: bool = False) -> RankedLists:
    """The lists under rules, made once for all metrics; `told`: rows that nobody judged are told from those of label 0.

    Otherwise they need not be, which makes labels bytes where a short top of the lists is found faster with them.
    """
    shallow = rules.ties in ("average", "error") and 0 < lists.depths[rules] <= DEEPEST_INSERTION
    told = told or not shallow or rules.unjudged != "nonrelevant"
    key = (rules, told)
    if key not in lists.derived:
        lists.derived[key] = _rank(lists, rules, lists.labels if told else lists.small_labels)
    result: RankedLists = lists.derived[key]
    return result


def _rank(lists: Lists, rules: ListRules, labels: NDArray[Any]) -> RankedLists:
    scores = lists.scores
    offsets = lists.offsets
    judged = lists.judged
    if rules.unjudged == "error":
        _refuse(lists, labels == UNJUDGED, "is not judged", 'a label for each row (unjudged="error")')
    if rules.negative_rel == "error" and labels.dtype == np.float64:
        _refuse(lists, (labels < 0) & (labels > UNJUDGED), "has a negative label", 'none (negative_rel="error")')
    if rules.negative_rel == "nonrelevant":
        labels = _not_negative(labels)
        judged = None if judged is None else (_not_negative(judged[0]), judged[1])
    rows: NDArray[np.intp] | None = None
    repeated: NDArray[np.int64] | None = None
    judged_rows: NDArray[np.intp] | None = None
    if rules.duplicates in ("first", "max_score"):
        keep = _one_of_each(lists, scores, labels, rules.duplicates)
        if keep is not None:
            rows, offsets = _select(np.arange(scores.size), offsets, keep)
            scores, labels = scores[rows], labels[rows]
            judged_rows, repeated = rows, np.diff(lists.offsets) - np.diff(offsets)
    if rules.score_dtype == "float32" and not lists.rows.has("rank"):
        with np.errstate(over="ignore"):
            scores = scores.astype(np.float32, copy=False)
    if rules.drop_nonpositive:
        # Such rows rank as not relevant, and count for R all the same.
        judged = (labels, offsets) if judged is None else judged
        labels = np.where(scores <= 0, labels.dtype.type(0), labels)
    keep = None
    if lists.not_retrieved is not None:
        keep = ~np.isnan(scores)
    if rules.unjudged == "drop" and labels.dtype == np.float64:
        keep = labels >= 0 if keep is None else keep & (labels >= 0)
    if keep is not None and not keep.all():
        judged = (labels, offsets) if judged is None else judged
        rows, offsets = _select(np.arange(scores.size) if rows is None else rows, offsets, keep)
        scores, labels = scores[keep], labels[keep]
    result = RankedLists(lists, rules, scores, labels, offsets, rows, judged, judged_rows)
    result.repeated = repeated
    return result


def _refuse(lists: Lists, bad: NDArray[np.bool_], what: str, allowed: str) -> None:
    if bad.any():
        i = int(bad.argmax())
        q = int(np.searchsorted(lists.offsets, i, side="right")) - 1
        raise InvalidValueError(f"{lists.rows.describe(i)}, of {lists.name(q)}, {what}; allowed: {allowed}")


def _not_negative(labels: NDArray[Any]) -> NDArray[Any]:
    return labels if labels.dtype == np.uint8 else np.where((labels < 0) & (labels > UNJUDGED), 0.0, labels)


def _select(
    rows: NDArray[np.intp], offsets: NDArray[np.int64], keep: NDArray[np.bool_]
) -> tuple[NDArray[np.intp], NDArray[np.int64]]:
    """The rows to keep, and where the lists are among them."""
    return rows[keep], np.concatenate(([0], np.cumsum(keep)))[offsets].astype(np.int64)


def _one_of_each(
    lists: Lists, scores: NDArray[np.floating], labels: NDArray[Any], which: str
) -> NDArray[np.bool_] | None:
    """Marks one row of each item of a list: its first, or that of the highest score and label; None where no item
    repeats."""
    codes = lists.rows.ids("item").view(np.int64)
    if order.find_duplicates(codes, lists.offsets) < 0:
        return None
    query = np.repeat(np.arange(lists.count), np.diff(lists.offsets))
    keys = (codes, query) if which == "first" else (-labels.astype(np.float64), -scores, codes, query)
    by_item = np.lexsort(keys)
    codes, query = codes[by_item], query[by_item]
    keep = np.zeros(codes.size, np.bool_)
    keep[by_item[np.concatenate(([True], (codes[1:] != codes[:-1]) | (query[1:] != query[:-1])))]] = True
    return keep
