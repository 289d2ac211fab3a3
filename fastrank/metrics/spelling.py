"""The spelling of metrics: `name(parameter=value, ...)@k`, as text and back, and the forms that peers give it."""

from __future__ import annotations

import ast
import keyword
import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from fastrank.errors import ParameterError
from fastrank.functions import Function

if TYPE_CHECKING:
    from collections.abc import Container

__all__ = ["PEER_ARGUMENTS", "Spelling", "read_spelling", "spell"]

# `-l2` after the cut-off is ranx's relevance level.
_WHOLE = re.compile(r"^(?P<call>.*?)(?:@(?P<numbers>[^@()]*?))?(?:-l(?P<level>\d+))?$", re.DOTALL)
_WORD = re.compile(r"^[A-Za-z_][A-Za-z0-9_]*$")
# P_5, ndcg_cut.10, recall.20,100, iprec_at_recall_0.10, rbp.90
_TREC = re.compile(r"^(?P<name>.+?)(?P<mark>[_.])(?P<numbers>\d*\.?\d+(?:,\d*\.?\d+)*)$", re.ASCII)
# rbp.p=0.9
_TREC_PARAMETER = re.compile(r"^(?P<name>\w+)\.(?P<parameter>[A-Za-z_]\w*)=(?P<value>[^=]+)$")
# ndcgAt(10)
_SPARK = re.compile(r"^(?P<name>\w+)At\(\s*(?P<k>\d+)\s*\)$", re.ASCII)

# What peers call parameters -> what they are here, and their values where these differ too.
PEER_ARGUMENTS: dict[str, tuple[str, dict[Any, Any] | None]] = {
    "rel": ("relevance_level", None),
    "cutoff": ("k", None),
    "top_k": ("k", None),
    "pos_label": ("positive", None),
    "n_bins": ("bins", None),
    "dcg": ("gain", {"log2": "linear", "exp-log2": "exp2"}),
    "judged_only": ("unjudged", {True: "drop", False: "nonrelevant"}),
}


@dataclass
class Spelling:
    """A spelling, taken apart.

    `numbers` are those after @ or at the end of the name, of which an integer is a cut-off; where `fraction`, `90` is
    0.90.  `bare` are values in brackets that have no name: a number, or words for columns.
    """

    text: str
    name: str
    arguments: dict[str, Any] = field(default_factory=dict)
    numbers: list[str] = field(default_factory=list)
    fraction: bool = False
    bare: list[Any] = field(default_factory=list)

    def add(self, parameter: str, value: Any) -> None:
        """Adds an argument; ParameterError where it has been given."""
        if parameter in self.arguments:
            raise ParameterError(f"{self.text!r}: {parameter} is given twice")
        self.arguments[parameter] = value

    def no_call(self) -> ParameterError:
        """The error that says how a metric is spelled."""
        return ParameterError(f"{self.text!r}: a metric is spelled name(parameter=value, ...)@k")


def read_spelling(text: str, known: Container[str]) -> Spelling:
    """Takes a spelling apart; names that are `known`, in lower case, are not taken apart."""
    whole = _WHOLE.match(text.strip())
    assert whole is not None
    call = whole["call"].strip()
    spelling = Spelling(text, call)
    if whole["numbers"] is not None:
        spelling.numbers = whole["numbers"].split(",")
    if (spark := _SPARK.match(call)) and not spelling.numbers:
        spelling.name, spelling.numbers = spark["name"], [spark["k"]]
    elif "(" in call:
        _read_call(spelling, call)
    if not spelling.numbers and spelling.name.lower() not in known:
        _read_trec(spelling)
    if whole["level"] is not None:
        spelling.add("relevance_level", int(whole["level"]))
    return spelling


def _read_trec(spelling: Spelling) -> None:
    if trec := _TREC_PARAMETER.match(spelling.name):
        spelling.name = trec["name"]
        spelling.add(trec["parameter"].lower(), _literal(spelling.text, trec["value"]))
    elif trec := _TREC.match(spelling.name):
        spelling.name, spelling.numbers = trec["name"], trec["numbers"].split(",")
        spelling.fraction = trec["mark"] == "."


def _read_call(spelling: Spelling, call: str) -> None:
    name, _, _ = call.partition("(")
    spelling.name = name.strip()
    try:
        # The name may be no Python name (11pt_avg); only the arguments are parsed as a call's.
        node = ast.parse("f" + call[len(name) :].strip(), mode="eval").body
    except (SyntaxError, MemoryError, RecursionError):
        # The last two are the parser's answer to thousands of brackets or signs.
        if "=" in call and call.endswith(")"):
            raise ParameterError(f"{spelling.no_call()}; text that is no plain word stands in quotes") from None
        node = None
    if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Name):
        raise spelling.no_call()
    if any(given.arg is None for given in node.keywords) or any(isinstance(each, ast.Starred) for each in node.args):
        raise spelling.no_call()
    spelling.bare = [_literal_node(spelling.text, each) for each in node.args]
    for given in node.keywords:
        spelling.add(str(given.arg).lower(), _literal_node(spelling.text, given.value))


def _literal(text: str, value: str) -> Any:
    try:
        return _literal_node(text, ast.parse(value.strip(), mode="eval").body)
    except (SyntaxError, MemoryError, RecursionError):
        raise ParameterError(
            f"{text!r}: {value} is no number, list of numbers, word, quoted text or {{label: gain}}"
        ) from None


def _literal_node(text: str, node: ast.expr) -> Any:
    if isinstance(node, ast.Name):
        return node.id
    if isinstance(node, ast.List | ast.Tuple):
        return tuple(_literal_node(text, entry) for entry in node.elts)
    try:
        return ast.literal_eval(node)
    except (ValueError, TypeError, MemoryError, RecursionError):
        raise ParameterError(
            f"{text!r}: {ast.unparse(node)} is no number, list of numbers, word, quoted text or {{label: gain}}"
        ) from None


def spell(value: Any) -> str:
    """A value of a parameter as text; a function by its name."""
    if isinstance(value, Function):
        return value.name
    if isinstance(value, tuple) and len(value) == 1 and isinstance(value[0], float):
        return spell(value[0])
    if isinstance(value, tuple) and not isinstance(value[0], tuple):
        return f"[{', '.join(map(spell, value))}]"
    if isinstance(value, tuple):
        return "{" + ", ".join(f"{spell(label)}: {spell(gain)}" for label, gain in value) + "}"
    if isinstance(value, float):
        return str(int(value)) if value.is_integer() and abs(value) < 2.0**53 else repr(value)
    if isinstance(value, str) and (not _WORD.match(value) or keyword.iskeyword(value)):
        return repr(value)
    return str(value)
