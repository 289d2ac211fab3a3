"""The documentation of a metric, put together from its declaration, so that nothing is said twice."""

from __future__ import annotations

import inspect
import textwrap
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

from fastrank.domains import ID, WEIGHT
from fastrank.metrics.spelling import spell

if TYPE_CHECKING:
    from fastrank.metrics.base import Definition

__all__ = ["document"]

_OPTIONAL = {
    "weight": (WEIGHT, "Weight of the row; a row of weight 0 is absent."),
    "query_weight": (WEIGHT, "Weight of the query, the same on all its rows."),
    "item": (ID, 'Checked to be distinct within a query; orders tied rows for ties="item_desc" and "item_asc".'),
}
_ROLE_NOTES = {
    "score": "A column of ranks, integers from 1, may stand in its place (rank=).",
    "query": "Rows of a query are adjacent, or stand anywhere (see `fastrank.evaluate`).",
}
# What a column may be where a parameter is given.
_PARAMETER_NOTES = {
    ("label", "positive"): "With positive=, any label that is neither null nor NaN: a number, or where positive= is "
    "text, of type string, binary, date, time, timestamp or dictionary.",
    ("label", "classes"): "With classes=, one of these, of their type.",
    ("score", "scores"): "With scores=, a column of numbers for each class in its place.",
}
# What the rules of a peer may depend on.
_CASES: tuple[dict[str, Any], ...] = ({"k": 1}, {"gain": "exp2"})
WIDTH = 100


def document(definition: Definition) -> str:
    """A numpydoc docstring: what the finalizer's own docstring says, then what its declaration says."""
    body, _, examples = definition.doc.partition("\nExamples\n--------\n")
    sections = [("Columns", _columns(definition))]
    own = [name for name in definition.parameters if name not in definition.shared]
    sections.append(("Parameters", [_parameter(definition, name) for name in own]))
    sections.append(("Other Parameters", [_parameter(definition, name) for name in definition.shared]))
    sections.append(("Presets", _presets(definition)))
    sections += [
        ("Returns", [_returns(definition)]),
        ("Undefined", [f"NaN where {definition.undefined}."]),
        ("State", _states(definition)),
        ("Source", [textwrap.fill(definition.source + ".", WIDTH)]),
    ]
    texts = [f"{title}\n{'-' * len(title)}\n" + "\n".join(lines) for title, lines in sections if lines]
    parts = [body.strip(), *texts]
    return "\n\n".join([*parts, f"Examples\n--------\n{examples.strip()}"])


def _entry(head: str, *texts: str) -> str:
    """A name with its text below; lines of the text but the first stand by themselves."""
    first, *more = " ".join(text for text in texts if text).split("\n")
    lines = [textwrap.fill(first, WIDTH, initial_indent="    ", subsequent_indent="    ")]
    lines += [textwrap.fill(line, WIDTH, initial_indent="    ", subsequent_indent="        ") for line in more]
    return "\n".join([head, *lines])


def _columns(definition: Definition) -> list[str]:
    required = definition.columns(SimpleNamespace(**definition.defaults))
    notes = _ROLE_NOTES if "rank" in definition.overrides else {}
    lines = [
        _entry(
            f"{role} : {domain.types}, shape (n_rows,)",
            _sentence(domain.allowed),
            notes.get(role, ""),
            *(note for (of, name), note in _PARAMETER_NOTES.items() if of == role and name in definition.parameters),
        )
        for role, domain in required.items()
    ]
    for role in definition.optional:
        domain, note = _OPTIONAL[role]
        lines.append(_entry(f"{role} : {domain.types}, shape (n_rows,), optional", _sentence(domain.allowed), note))
    return lines


def _parameter(definition: Definition, name: str) -> str:
    kind, default = definition.parameters[name], definition.defaults[name]
    shown = spell(default) if isinstance(default, tuple) else repr(default)
    return _entry(f"{name} : {kind.allowed}; default {shown}", kind.doc)


def _presets(definition: Definition) -> list[str]:
    """The values that each preset sets, where they are not the defaults."""
    lines = []
    for peer in definition.peers:
        rules = _rules(definition, peer, {})
        text = rules or "the defaults"
        for given in _CASES:
            name, value = next(iter(given.items()))
            if name in definition.parameters and _rules(definition, peer, given) != _rules(definition, peer, {}, name):
                condition = "k" if name == "k" else f"{name}={spell(value)}"
                text += f"\nwith {condition}: {_rules(definition, peer, given) or 'the defaults'}"
        lines.append(_entry(peer, text))
    return lines


def _rules(definition: Definition, peer: str, given: dict[str, Any], but: str = "") -> str:
    rules = definition.base({"preset": peer, **given})
    changed = {name: value for name, value in rules.items() if value != definition.defaults[name]}
    return ", ".join(f"{name}={spell(value)}" for name, value in changed.items() if name not in (*given, but))


def _returns(definition: Definition) -> str:
    low, high = definition.range
    best = {
        "higher": "higher is better",
        "lower": "lower is better",
        "zero": "0 is best",
        "one": "1 is best",
        "neither": "none is best",
    }[definition.better]
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
