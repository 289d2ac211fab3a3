"""The rules by which evaluation tools differ about the rows of a ranked list."""

from __future__ import annotations

from dataclasses import dataclass

from fastrank._kernels import order

__all__ = ["TIES", "ListRules"]

TIES = {
    "average": order.AVERAGE,
    "input": order.INPUT,
    "item_desc": order.ITEM_DESC,
    "item_asc": order.ITEM_ASC,
    "pessimistic": order.PESSIMISTIC,
    "optimistic": order.OPTIMISTIC,
    "error": order.AVERAGE,
}


@dataclass(frozen=True)
class ListRules:
    """What becomes of the rows of a list before anything is measured; the values are documented as parameters of
    metrics (`fastrank.metrics.lists`)."""

    ties: str = "average"
    unjudged: str = "nonrelevant"
    negative_rel: str = "unjudged"
    duplicates: str = "error"
    score_dtype: str = "float64"
    drop_nonpositive: bool = False

    @property
    def by_item(self) -> bool:
        """Whether items order tied rows."""
        return self.ties in ("item_desc", "item_asc")

    @property
    def in_order(self) -> bool:
        """Whether the order of the source matters."""
        return self.ties == "input" or self.duplicates == "first"

    @property
    def twins_in_order(self) -> bool:
        """Whether the order of the source decides between rows of one item, score and label, which matters where they
        differ in another column."""
        return self.duplicates == "max_score" or (self.duplicates == "count" and self.by_item)
