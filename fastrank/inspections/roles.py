"""Which columns fit which roles: by their types and the values that statistics tell; names only rank those that fit."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

from fastrank.buffers import is_id, is_list, to_arrow
from fastrank.domains import LARGEST_SMALL_GRADE, PROBABILITY, WEIGHT, Domain
from fastrank.inspections.footers import plain_type
from fastrank.labels import BINARY
from fastrank.qrels import USUAL_NAMES as NAMES_OF_JUDGMENTS
from fastrank.slices import DEFAULT_MAX_SLICES

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from fastrank.inspections.footers import Stored

__all__ = ["FEW_VALUES", "ROLES", "Fit", "find_fits", "likely", "named_for"]

ROLES = ("label", "score", "query", "item", "weight", "by", "window")
FEW_VALUES = DEFAULT_MAX_SLICES  # of a column of slices
FEW_IDS = 100  # integers of a smaller span are rather grades, ages or hours than ids
# Text has few values where its dictionaries are of less than 64 kB, which is thousands, and of less than a byte a row:
# those of small row groups are small whatever the column holds.
SMALL_DICTIONARY = 1 << 16

USUAL_NAMES = {
    "label": ("y", "y_true", "target", "clicked", "click", "is_click", "converted", "outcome",
              *(name for name in NAMES_OF_JUDGMENTS["label"] if name != "score")),
    "score": ("score", "p", "pred", "prediction", "predicted", "prob", "probability", "y_pred", "y_score", "logit",
              "ctr", "pctr"),
    "query": (*NAMES_OF_JUDGMENTS["query"], "session", "session_id", "user", "user_id", "request_id", "search_id",
              "impression_id", "group_id"),
    "item": (*NAMES_OF_JUDGMENTS["item"], "document_id", "doc", "product_id", "movie_id", "ad_id"),
    "weight": ("weight", "weights", "w", "sample_weight", "importance"),
}  # fmt: skip
STARTS = {"score": ("p_", "pred_", "prob_", "score_"), "label": ("label_", "is_")}
ENDS = {"score": ("_score", "_pred", "_prob"), "label": ("_label",), "weight": ("_weight",)}


@dataclass(frozen=True)
class Fit:
    """A column that fits a role.

    Attributes
    ----------
    column, role : str
        Which.
    kind : str
        What it is in that role, in words.
    level : int
        0 where its type and values are the usual ones of the role; more, the less usual they are.
    named : bool
        Whether its name is usual for the role.
    misnamed : bool
        Whether its name is usual for another role.
    """

    column: str
    role: str
    kind: str
    level: int
    named: bool
    misnamed: bool

    @property
    def rank(self) -> tuple[bool, bool, int]:
        """The lower, the likelier."""
        return not self.named, self.misnamed, self.level


def named_for(name: str) -> str | None:
    """The role for which a name is usual."""
    name = name.lower()
    for role, names in USUAL_NAMES.items():
        if name in names:
            return role
    for role in USUAL_NAMES:
        if name.startswith(STARTS.get(role, ())) or name.endswith(ENDS.get(role, ())):
            return role
    return None


def find_fits(columns: Iterable[Stored]) -> dict[str, list[Fit]]:
    """The columns that fit each role, the likeliest first."""
    fits: dict[str, list[Fit]] = {role: [] for role in ROLES}
    for column in columns:
        usual = named_for(column.name)
        for role, (kind, level) in _kinds(column).items():
            fits[role].append(Fit(column.name, role, kind, level, usual == role, usual not in (None, role)))
    return {role: sorted(found, key=lambda fit: fit.rank) for role, found in fits.items()}


def likely(fits: Mapping[str, list[Fit]], role: str) -> list[Fit]:
    """Those that are likely meant for a role: the ones that are called so, else all of the usual type and values."""
    named = [fit for fit in fits[role] if fit.named]
    return named or [fit for fit in fits[role] if fit.level == 0 and not fit.misnamed]


def _kinds(column: Stored) -> dict[str, tuple[str, int]]:
    """By role that a column fits: what it is there, and how unusual that is."""
    t, kind = pa.types, plain_type(column.type)
    if is_list(kind):
        kinds = _list_kinds(plain_type(kind.value_type))
    elif t.is_boolean(kind):
        kinds = {"label": ("bool", 0), "by": ("2 values", 0)}
    elif t.is_integer(kind):
        kinds = _integer_kinds(kind, column.bounds)
    elif t.is_floating(kind) or t.is_decimal(kind):
        kinds = _real_kinds(kind, column.bounds)
    elif t.is_date(kind) or t.is_timestamp(kind):
        kinds = {"window": ("moment", 0)} | ({"by": ("date", 0)} if t.is_date(kind) else {})
    elif is_id(kind) and not t.is_null(kind):
        few = 0 < column.dictionary <= SMALL_DICTIONARY and column.dictionaries <= column.dictionary_values
        kinds = dict.fromkeys(("query", "item"), ("text", 1))
        kinds["by"] = ("text, few values", 0) if few else ("text", 1)
    else:
        kinds = {}
    if column.partition:
        kinds = {role: found for role, found in kinds.items() if role == "window"} | {"by": ("hive partition", 0)}
    return kinds


def _list_kinds(entry: pa.DataType) -> dict[str, tuple[str, int]]:
    t = pa.types
    if t.is_floating(entry):
        return {"score": ("a list a query", 1), "label": ("a list a query", 1)}
    if t.is_integer(entry) or t.is_boolean(entry):
        return {"label": ("a list a query", 1)}
    return {}


def _integer_kinds(kind: pa.DataType, bounds: tuple[int, int] | None) -> dict[str, tuple[str, int]]:
    if bounds is None:
        found = dict.fromkeys(("query", "item", "by"), ("integer", 1))
        return found | dict.fromkeys(("label", "score", "weight"), ("integer", 2))
    low, high = bounds
    array = _numbers(bounds, kind)
    if _fits(BINARY, array):
        label = ("-1 or 1" if low < 0 else "0 or 1", 0)
    elif low >= 0 and high <= LARGEST_SMALL_GRADE:
        label = (f"graded, {low} to {high}", 1)
    else:
        label = ("integer", 2)
    kinds = {"label": label, "score": ("integer", 2)}
    values = high - low + 1
    if label[1]:
        # Nothing but its name tells an item from a query, which most sources have.
        kinds |= {"query": ("integer", 0 if values > FEW_IDS else 2), "item": ("integer", 1)}
    if values <= FEW_VALUES:
        kinds["by"] = (f"at most {values:,} values", 0 if label[1] else 2)
    if _fits(WEIGHT, array):
        kinds["weight"] = ("integer", 2)
    return kinds


def _real_kinds(kind: pa.DataType, bounds: tuple[Any, Any] | None) -> dict[str, tuple[str, int]]:
    more = int(pa.types.is_decimal(kind))  # rarely a model's
    if bounds is None:
        return {"label": ("real number", 2), "score": ("real number", 1 + more), "weight": ("real number", 2)}
    array = _numbers(bounds, kind)
    score = ("probability", more) if _fits(PROBABILITY, array) else ("real number", 1 + more)
    kinds = {"label": ("real number", 2), "score": score}
    if _fits(WEIGHT, array):
        kinds["weight"] = ("real number", 1)
    return kinds


def _numbers(bounds: tuple[Any, Any], kind: pa.DataType) -> pa.Array:
    values = [float(value) if isinstance(value, Decimal) else value for value in bounds]
    if pa.types.is_integer(kind):
        return to_arrow(np.array(values, np.uint64 if kind == pa.uint64() else np.int64))
    return to_arrow(np.array(values, np.float64))


def _fits(domain: Domain, array: pa.Array) -> bool:
    """Whether the least and the largest value lie in a domain."""
    invalid = domain.view(array).invalid
    return invalid is None or not invalid.any()
