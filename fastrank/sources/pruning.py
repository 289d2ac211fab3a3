"""Whether a condition can hold for any row, from what is known of the columns: bounds, and whether there are nulls.

What is not known is taken to be possible, so that no row is left out that meets the condition.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

import pyarrow as pa

from fastrank.buffers import booleans
from fastrank.conditions import evaluate, parse
from fastrank.errors import FastrankError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    import numpy as np

    from fastrank.sources.hive import Keys
    from fastrank.where import Where

__all__ = ["Span", "key_span", "keys_may_pass", "may_pass"]


@dataclass(frozen=True)
class Span:
    """What is known of a column's values.

    Attributes
    ----------
    bounds : pyarrow.Array or None
        No value is less than the first of these two, or greater than the second, NaN aside; None: nothing is known.
    has_null, has_value : bool
        Whether there may be nulls, and values.
    """

    bounds: pa.Array | None = None
    has_null: bool = True
    has_value: bool = True


class Outcome(NamedTuple):
    """Whether a condition may be true, and whether it may be false, of some row; null passes no more than false."""

    true: bool = True
    false: bool = True


SWAPPED = {"EQ": "EQ", "NEQ": "NEQ", "LT": "GT", "LTE": "GTE", "GT": "LT", "GTE": "LTE"}


def may_pass(where: Where, span_of: Callable[[str], Span]) -> bool:
    """Whether a row may meet a condition in SQL, by what is known of each column; True for an expression."""
    return where.expression is not None or _outcome(parse(where.text), span_of).true


def keys_may_pass(where: Sequence[Where], keys: Keys) -> bool:
    """Whether a row of a file may meet all conditions, by the keys of its folders."""
    return all(may_pass(each, lambda name: key_span(keys, name)) for each in where)


def key_span(keys: Keys, name: str) -> Span:
    """What a key of a folder tells of the column."""
    key = keys.get(name)
    if key is None:
        return Span()
    if key.null_count:
        return Span(None, has_value=False)
    return Span(pa.concat_arrays([key.dictionary, key.dictionary]), has_null=False)


def _outcome(node: Any, span_of: Callable[[str], Span]) -> Outcome:
    kind = type(node).__name__
    if kind == "Paren":
        return _outcome(node.this, span_of)
    if kind == "Boolean":
        return Outcome(bool(node.this), not node.this)
    if kind == "Not":
        inner = _outcome(node.this, span_of)
        return Outcome(inner.false, inner.true)
    if kind in ("And", "Or"):
        parts = [_outcome(part, span_of) for part in node.flatten(unnest=False)]
        every, some = (all, any) if kind == "And" else (any, all)
        return Outcome(every(part.true for part in parts), some(part.false for part in parts))
    if kind == "Is" and type(node.this).__name__ == "Column":
        span = span_of(node.this.name)
        return Outcome(span.has_null, span.has_value)
    if kind == "In":
        members = [_comparison("EQ", node.this, member, span_of) for member in node.expressions]
        return Outcome(any(each.true for each in members))
    if kind == "Between":
        low = _comparison("GTE", node.this, node.args["low"], span_of)
        high = _comparison("LTE", node.this, node.args["high"], span_of)
        return Outcome(low.true and high.true, low.false or high.false)
    if kind in SWAPPED:
        return _comparison(kind, node.this, node.expression, span_of)
    return Outcome()


def _comparison(kind: str, left: Any, right: Any, span_of: Callable[[str], Span]) -> Outcome:
    """A comparison of a column and a constant."""
    if _is_constant(left) and type(right).__name__ == "Column":
        kind, left, right = SWAPPED[kind], right, left
    if type(left).__name__ != "Column" or not _is_constant(right):
        return Outcome()
    span = span_of(left.name)
    if not span.has_value:
        return Outcome(False, False)
    if span.bounds is None:
        return Outcome()
    try:
        # Compared as the condition compares the column's values: the same types, widths and zones.
        below, equal, above = (_at_bounds(each, left, right, span.bounds) for each in ("LT", "EQ", "GT"))
    except (FastrankError, pa.ArrowException, OverflowError):
        return Outcome()  # told where rows are read
    may = {"LT": below[0], "GT": above[1], "EQ": not (above[0] or below[1])}
    only = {"LT": below[1], "GT": above[0], "EQ": bool(equal.all())}
    may |= {"LTE": not above[0], "GTE": not below[1], "NEQ": not only["EQ"]}
    only |= {"LTE": not above[1], "GTE": not below[0], "NEQ": not may["EQ"]}
    if pa.types.is_floating(span.bounds.type):
        # Bounds say nothing of NaN, which differs from all numbers, and is neither less nor greater.
        return Outcome(bool(may[kind]) or kind == "NEQ", not only[kind] or kind != "NEQ")
    return Outcome(bool(may[kind]), not only[kind])


def _is_constant(node: Any) -> bool:
    kind = type(node).__name__
    return kind == "Literal" or (kind == "Neg" and type(node.this).__name__ == "Literal")


def _at_bounds(kind: str, column: Any, constant: Any, bounds: pa.Array) -> np.ndarray[Any, Any]:
    from sqlglot import exp

    comparison = getattr(exp, kind)(this=column.copy(), expression=constant.copy())
    batch = pa.RecordBatch.from_arrays([bounds], names=[column.name])
    found = evaluate(comparison, batch)
    if found.null_count:
        raise pa.ArrowInvalid("a bound that cannot be compared")
    return booleans(found)
