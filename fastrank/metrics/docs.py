"""The documentation of a metric, put together from its declaration, so that nothing is said twice."""

from __future__ import annotations

import inspect
import textwrap
from types import SimpleNamespace
from typing import TYPE_CHECKING

from fastrank.domains import ID, WEIGHT

if TYPE_CHECKING:
    from fastrank.metrics.base import Definition

__all__ = ["document"]

_OPTIONAL = {
    "weight": (WEIGHT, "Weight of the row; a row of weight 0 is absent."),
    "query_weight": (WEIGHT, "Weight of the query, the same on all its rows."),
    "item": (ID, 'Checked to be distinct within a query; orders tied rows for ties="item_desc" and "item_asc".'),
}
_ROLE_NOTES = {"query": "Rows of a query are adjacent."}


def document(definition: Definition) -> str:
    """A numpydoc docstring: what the finalizer's own docstring says, then what its declaration says."""
    body, _, examples = definition.doc.partition("\nExamples\n--------\n")
    sections = [("Columns", _columns(definition))]
    if definition.parameters:
        sections.append(("Parameters", _parameters(definition)))
    sections += [
        ("Returns", [_returns(definition)]),
        ("Undefined", [f"NaN where {definition.undefined}."]),
        ("State", _states(definition)),
        ("Source", [definition.source + "."]),
    ]
    parts = [body.strip(), *(f"{title}\n{'-' * len(title)}\n" + "\n".join(lines) for title, lines in sections)]
    return "\n\n".join([*parts, f"Examples\n--------\n{examples.strip()}"])


def _entry(head: str, *texts: str) -> str:
    text = " ".join(text for text in texts if text)
    return head + "\n" + textwrap.fill(text, 100, initial_indent="    ", subsequent_indent="    ")


def _columns(definition: Definition) -> list[str]:
    required = definition.columns(SimpleNamespace(**definition.defaults))
    lines = [
        _entry(f"{role} : {domain.types}, shape (n_rows,)", f"{_sentence(domain.allowed)}", _ROLE_NOTES.get(role, ""))
        for role, domain in required.items()
    ]
    for role in definition.optional:
        domain, note = _OPTIONAL[role]
        lines.append(_entry(f"{role} : {domain.types}, shape (n_rows,), optional", _sentence(domain.allowed), note))
    return lines


def _parameters(definition: Definition) -> list[str]:
    return [
        _entry(f"{name} : {kind.allowed}; default {definition.defaults[name]!r}", kind.doc)
        for name, kind in definition.parameters.items()
    ]


def _returns(definition: Definition) -> str:
    low, high = definition.range
    best = {"higher": "higher is better", "lower": "lower is better", "one": "1 is best"}[definition.better]
    ends = ("[" if low > -float("inf") else "(") + f"{low:g}, {high:g}" + ("]" if high < float("inf") else ")")
    unit = f", {definition.unit}" if definition.unit else ""
    return _entry(f"float in {ends}{unit}; {best}", _sentence(definition.exactness))


def _states(definition: Definition) -> list[str]:
    arguments = SimpleNamespace(**definition.defaults, weighted=False)
    classes = {type(state) for state in definition.states(arguments).values()}
    return [
        _entry(cls.__name__, "Memory" + inspect.cleandoc(cls.__doc__ or "").rpartition("Memory")[2].replace("\n", " "))
        for cls in sorted(classes, key=lambda cls: cls.__name__)
    ]


def _sentence(text: str) -> str:
    return text[:1].upper() + text[1:] + "." if text else ""
