"""From text to metrics."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from fastrank.errors import ParameterError
from fastrank.metrics.base import ALIASES, resolve
from fastrank.metrics.names import ColumnName
from fastrank.metrics.spelling import PEER_ARGUMENTS, read_spelling, spell

if TYPE_CHECKING:
    from collections.abc import Mapping

    from fastrank.metrics.base import Definition, Metric
    from fastrank.metrics.spelling import Spelling

__all__ = ["parse"]


def parse(text: str) -> list[Metric]:
    """Metrics from a spelling: `name(parameter=value, ...)@k`; `@1,5,10` makes three.

    Parameters
    ----------
    text : str
        Case does not matter in names; peers' names are accepted (`nDCG@10`, `P_5`, `recip_rank`).

    Returns
    -------
    list of Metric

    Raises
    ------
    UnknownMetricError
        No metric of that name; the message gives the nearest.
    ParameterError
        A parameter does not exist or has a value that is not allowed.

    Examples
    --------
    >>> from fastrank import metrics
    >>> metrics.parse("NDCG(gain=exp2)@5,10")
    [ndcg(gain=exp2)@5, ndcg(gain=exp2)@10]
    """
    spelling = read_spelling(text, ALIASES)
    if spelling.name.lower() == "mean_of":
        raise ParameterError(f"{text!r}: no text tells a function: give fastrank.metrics.mean_of(fn) in Python")
    factory, preset = resolve(spelling.name)
    arguments = _translated(spelling, factory.definition)
    made = []
    for given in _unnamed(spelling, factory.definition):
        named = [*arguments, *given]
        twice = [name for name in named if name in preset or named.count(name) > 1]
        if twice:
            raise _given_twice(spelling, factory.definition.name, twice[0], preset)
        made.append(factory(**preset, **arguments, **given))
    return made


def _given_twice(spelling: Spelling, metric: str, parameter: str, preset: Mapping[str, Any]) -> ParameterError:
    text = f"{spelling.text!r}: {parameter} is given twice"
    if parameter in preset:
        text += f": {spelling.name} stands for {metric}({parameter}={spell(preset[parameter])})"
    return ParameterError(text)


def _translated(spelling: Spelling, definition: Definition) -> dict[str, Any]:
    """The arguments, those that only a peer has under their names here."""
    result: dict[str, Any] = {}
    for name, value in spelling.arguments.items():
        parameter, values = PEER_ARGUMENTS.get(name, (name, None))
        if name in definition.parameters or parameter not in definition.parameters:
            parameter, values = name, None
        if values is not None and value not in values:
            words = ", ".join(repr(each) for each in values)
            raise ParameterError(f"{spelling.text!r}: {name}={value!r}; allowed: {words}")
        if parameter in result:
            raise ParameterError(f"{spelling.text!r}: {parameter} is given twice")
        result[parameter] = value if values is None else values[value]
    return result


def _unnamed(spelling: Spelling, definition: Definition) -> list[dict[str, Any]]:
    """The parameters that values without names stand for, one dict a metric: words are columns, in order."""
    has_cutoff, number = "k" in definition.parameters, definition.number
    kinds = definition.parameters.items()
    columns = [name for name, kind in kinds if isinstance(kind, ColumnName) and not kind.optional]
    words = [each for each in spelling.bare if columns and isinstance(each, str)]
    values = [each for each in spelling.bare if not (columns and isinstance(each, str))]
    if len(words) > len(columns) or (values and (not number or len(values) > 1 or spelling.numbers)):
        raise spelling.no_call()
    named = dict(zip(columns, words, strict=False))
    if values:
        return [{**named, number: values[0]}]
    result: list[dict[str, Any]] = []
    for text in (each.strip() for each in spelling.numbers):
        whole = text.isascii() and text.isdigit()
        if number and (spelling.fraction or not has_cutoff or not whole):
            try:
                value = int(text) if whole and not spelling.fraction else float(f"0.{text}" if whole else text)
            except ValueError:
                raise ParameterError(f"{spelling.text!r}: {text!r} is no number") from None
            result.append({**named, number: value})
        elif not has_cutoff:
            raise ParameterError(f"{spelling.text!r}: {definition.name} has no cut-off @k")
        elif not whole:
            raise ParameterError(
                f"{spelling.text!r}: the cut-off after @ is {text!r}; allowed: integers from 1, as in @1,5,10"
            )
        else:
            result.append({**named, "k": int(text)})
    return result or [named]
