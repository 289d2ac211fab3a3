"""The spelling of metrics: `name(parameter=value, ...)@k`, as text and back."""

from __future__ import annotations

import ast
import keyword
import re
from typing import Any

from fastrank.errors import ParameterError

__all__ = ["read_spelling", "read_trec_name", "spell"]

_AT = re.compile(r"^(?P<call>.*?)@(?P<k>[^@()]*)$", re.DOTALL)
_WORD = re.compile(r"^[A-Za-z_][A-Za-z0-9_]*$")
_TREC = re.compile(r"^(?P<name>.+?)[_.](?P<k>\d+)$")


def read_spelling(text: str) -> tuple[str, dict[str, Any], list[int | None]]:
    """(name, arguments, cut-offs) of a spelling; one cut-off None where there is no @k."""
    match = _AT.match(text.strip())
    cutoffs: list[int | None] = [None]
    call = text.strip()
    if match:
        call = match["call"]
        cutoffs = [_cutoff(text, part) for part in match["k"].split(",")]
    name, arguments = _parse_call(text, call)
    return name, arguments, cutoffs


def read_trec_name(name: str) -> tuple[str, int] | None:
    """(name, cut-off) of a name such as P_5 or ndcg_cut.10."""
    match = _TREC.match(name)
    return (match["name"], int(match["k"])) if match else None


def _cutoff(text: str, part: str) -> int:
    if not (part.strip().isascii() and part.strip().isdigit()):
        raise ParameterError(
            f"{text!r}: the cut-off after @ is {part.strip()!r}; allowed: integers from 1, as in @1,5,10"
        )
    return int(part)


def _parse_call(text: str, call: str) -> tuple[str, dict[str, Any]]:
    name, bracket, _ = call.partition("(")
    if not bracket:
        return call.strip(), {}
    try:
        # The name may be no Python name (11pt_avg); only the arguments are parsed as a call's.
        node = ast.parse("f" + call[len(name) :].strip(), mode="eval").body
    except (SyntaxError, MemoryError, RecursionError):
        # The last two are the parser's answer to thousands of brackets or signs.
        node = None
    plain = isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and not node.args
    if not isinstance(node, ast.Call) or not plain or any(given.arg is None for given in node.keywords):
        raise ParameterError(f"{text!r}: a metric is spelled name(parameter=value, ...)@k")
    arguments: dict[str, Any] = {}
    for given in node.keywords:
        key = str(given.arg).lower()
        if key in arguments:
            raise ParameterError(f"{text!r}: {key} is given twice")
        arguments[key] = _literal(text, given.value)
    return name.strip(), arguments


def _literal(text: str, node: ast.expr) -> Any:
    if isinstance(node, ast.Name):
        return node.id
    try:
        return ast.literal_eval(node)
    except (ValueError, TypeError, MemoryError, RecursionError):
        raise ParameterError(
            f"{text!r}: {ast.unparse(node)} is no number, word, quoted text or {{label: gain}}"
        ) from None


def spell(value: Any) -> str:
    """A value of a parameter as text."""
    if isinstance(value, tuple):
        return "{" + ", ".join(f"{spell(label)}: {spell(gain)}" for label, gain in value) + "}"
    if isinstance(value, float):
        return str(int(value)) if value.is_integer() and abs(value) < 2.0**53 else repr(value)
    if isinstance(value, str) and (not _WORD.match(value) or keyword.iskeyword(value)):
        return repr(value)
    return str(value)
