"""What a measure of ranked lists is: a pure function from lists under rules to one value a list."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from fastrank._kernels import ranked
from fastrank.ranked import rank

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from fastrank.lists import Lists
    from fastrank.ranked import RankedLists
    from fastrank.rules import ListRules

__all__ = ["MEASURES", "Measure", "Values", "divided", "measure", "measured", "relevant_of"]


class Values(NamedTuple):
    """The value of each list, and in which of them there is something to find (None: in all)."""

    values: NDArray[np.float64]
    found: NDArray[np.bool_] | None = None


@dataclass(frozen=True)
class Measure:
    """A measure; `reads` names its options that are columns, `told` says whether it tells rows that nobody judged from
    those of label 0."""

    name: str
    function: Callable[..., Values]
    depth: Callable[[Any], int]
    closed_form: Callable[[Any], bool]
    by_row: bool
    reads: tuple[str, ...]
    told: bool


MEASURES: dict[str, Measure] = {}


def _cutoff(options: Any) -> int:
    return int(options.get("k") or 0)


def measure(
    *,
    depth: Callable[[Any], int] = _cutoff,
    closed_form: bool | Callable[[Any], bool] = True,
    by_row: bool = False,
    reads: tuple[str, ...] = (),
    told: bool = False,
    name: str = "",
) -> Callable[[Callable[..., Values]], Callable[..., Values]]:
    """Declares a measure, of the function's name or of `name`; the keyword-only arguments of the function are its
    options.

    `depth` gives the ranks that it needs (0: all), from its options.  Without a `closed_form` of the expected value
    over the orders of tied rows it refuses ties: of rows of different labels, or `by_row` of any rows.
    """

    def declare(function: Callable[..., Values]) -> Callable[..., Values]:
        called = name or function.__name__
        has_form = closed_form if callable(closed_form) else lambda _: bool(closed_form)
        MEASURES[called] = Measure(called, function, depth, has_form, by_row, reads, told)
        return function

    return declare


def measured(lists: Lists, rules: ListRules, name: str, options: tuple[tuple[str, Any], ...]) -> Values:
    """The values of a measure, computed once for all that aggregate them."""
    key = (rules, name, options)
    if key not in lists.derived:
        definition, given = MEASURES[name], dict(options)
        has_form = definition.closed_form(given)
        # A measure that takes no ties takes none between rows of label 0 and rows that nobody judged.
        under_rules = rank(lists, rules, told=definition.told or not has_form)
        if rules.ties == "error":
            under_rules.check_order(name, definition.depth(given), by_row=True)
        elif not has_form:
            under_rules.check_order(name, definition.depth(given), by_row=definition.by_row)
        lists.derived[key] = definition.function(under_rules, **given)
    result: Values = lists.derived[key]
    return result


def divided(values: NDArray[Any], by: NDArray[Any]) -> NDArray[np.float64]:
    """values / by, 0 where by is 0."""
    values, by = (np.ascontiguousarray(array, np.float64) for array in (values, by))
    return ranked.divide(values, by)


def relevant_of(lists: RankedLists, level: float) -> NDArray[np.int64]:
    """R: how many judged rows of each list are relevant."""
    key = ("relevant", level)
    if key not in lists.derived:
        lists.derived[key] = ranked.count_relevant(*lists.ideal(), level)
    result: NDArray[np.int64] = lists.derived[key]
    return result
