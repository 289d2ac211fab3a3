"""Labels of two classes: 0 and 1, -1 and 1, or any of which one is that of positive rows."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from fastrank.buffers import booleans, is_id, literal, moment, null_mask
from fastrank.domains import NUMBER, UNJUDGED, Column, Domain, Unfit, either, floats, is_exact, numbers, small_integers
from fastrank.errors import ParameterError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from numpy.typing import NDArray

__all__ = ["BINARY", "Labels", "list_classes", "one_label"]

_TEXT = "string, binary, date, time, timestamp or dictionary"
_POSITIVE = "positive= names the label of positive rows"


class Labels(Column):
    """Labels of two classes; `minus_ones` marks those of negative rows that are -1, not 0 (None: there are none)."""

    minus_ones: NDArray[np.bool_] | None = None


def _binary(array: pa.Array) -> Labels:
    """Labels 0 and 1, or -1 and 1, as bytes 0 and 1."""
    small, fits, (values, invalid) = small_integers(array, 1, f"{NUMBER}; {_POSITIVE}")
    if fits:
        return Labels(small, invalid)
    positive, minus_ones = values == 1, values == -1
    known = positive | minus_ones | (values == 0)
    labels = Labels(positive.view(np.uint8), invalid if known.all() else either(invalid, ~known))
    labels.minus_ones = minus_ones if minus_ones.any() else None
    return labels


def one_label(positive: float | str) -> Domain:
    """Labels of which one, a number or a text, is that of positive rows; they become bytes 0 and 1."""
    equal = _equality(positive, "positive=")

    def view(array: pa.Array) -> Column:
        if pa.types.is_null(array.type):
            return Column(np.zeros(len(array), np.uint8), np.ones(len(array), np.bool_))
        values, invalid = equal(array)
        return Column((values if invalid is None else values & ~invalid).view(np.uint8), invalid)

    types = _TEXT if isinstance(positive, str) else NUMBER
    meaning = f"positive: {positive!r}"
    domain = Domain(f"binary, {meaning}", types, "a label, neither null nor NaN", view, reading=meaning)
    return replace(domain, by_class=partial(_weigh_one_label, domain, positive))


def _weigh_one_label(
    domain: Domain, positive: float | str, weights: Mapping[Any, float], rate: float
) -> tuple[Domain, list[float]]:
    """Rows by their label: class 1 is that of positive rows, 0 that of labels without a weight."""
    for label in weights:
        if isinstance(label, str) != isinstance(positive, str):
            kind = "text" if isinstance(positive, str) else "a number"
            raise ParameterError(f"class_weight has the label {label!r}; allowed: {kind}, as is positive={positive!r}")
    others = [label for label in weights if label != positive]
    factors = [1.0 / rate, weights.get(positive, 1.0), *(weights[label] / rate for label in others)]

    def view(array: pa.Array) -> Column:
        numbers = domain.view(array).values
        for k, label in enumerate(others, 2):
            numbers = np.where(numbers == 0, _equality(label, "the class_weight of ")(array).values * k, numbers)
        return Column(numbers, None)

    return (replace(domain, name=f"{domain.name}, or of {others!r}", view=view) if others else domain), factors


def _equality(label: float | str, said: str) -> Callable[[pa.Array], Column]:
    """Which rows have a label; `said` is what names it to the user."""
    return partial(_equal_text, label, said) if isinstance(label, str) else partial(_equal_number, label, said)


def _equal_number(number: float, said: str, array: pa.Array) -> Column:
    """Which numbers are equal to one of at most 2^53; a float32 of 0.1 is not equal to 0.1."""
    allowed = f"{NUMBER}, which the number {said}{number!r} compares with; text stands in quotes"
    values, invalid = (floats if pa.types.is_decimal(array.type) else numbers)(array, allowed)
    if values.dtype.kind != "f":
        return Column(values == number, invalid)
    unknown = np.isnan(values)
    return Column(values == np.float64(number), either(invalid, unknown if unknown.any() else None))


def _equal_text(text: str, said: str, array: pa.Array) -> Column:
    """Which texts, or their bytes, are equal to one; or which moments are the one that it names."""
    kind, value = array.type, literal(text)
    if pa.types.is_date(kind) or pa.types.is_time(kind) or pa.types.is_timestamp(kind):
        try:
            value = moment(value, kind)
        except pa.ArrowException:
            raise Unfit(f"a type of which {said}{text!r} names a value") from None
    elif pa.types.is_duration(kind) or not is_id(kind) or is_exact(kind) or pa.types.is_boolean(kind):
        raise Unfit(f"{_TEXT}, which the text {said}{text!r} compares with; numbers stand without quotes")
    return Column(booleans(pc.equal(array, value)), null_mask(array))


def _weigh_two(weights: Mapping[Any, float], rate: float) -> tuple[Domain, list[float]]:
    """Rows by their class, negative and positive; 0 and -1 both name the negative one, of which a column has one."""
    for label in weights:
        if label not in (0, -1, 1):
            raise ParameterError(
                f"class_weight has the label {label!r}; allowed: 0 or -1 for negative rows, 1 for positive rows; "
                f"{_POSITIVE}"
            )
    if 0 in weights and -1 in weights:
        raise ParameterError("class_weight has the labels 0 and -1, which both name negative rows; give one of them")
    negative = weights.get(0, weights.get(-1, 1.0))
    return BINARY, [negative / rate, weights.get(1, 1.0)]


BINARY = Domain("binary", NUMBER, "0 or 1, or -1 and 1", _binary, _POSITIVE, codings=True, by_class=_weigh_two)


def list_classes(positive: float | str | None = None, *, unjudged: bool) -> Domain:
    """Labels of two classes in ranked lists; `unjudged`: a null is the label of a row that nobody judged."""
    judged = BINARY if positive is None else one_label(positive)
    if not unjudged:
        return judged

    def view(array: pa.Array) -> Column:
        column = judged.view(array)
        nulls = null_mask(array)
        if nulls is None:
            return column
        labels = Labels(
            np.where(nulls, UNJUDGED, column.values), None if column.invalid is None else column.invalid & ~nulls
        )
        labels.minus_ones = column.minus_ones if isinstance(column, Labels) else None
        return labels

    allowed = judged.allowed.removesuffix(", neither null nor NaN")
    return Domain(
        f"{judged.name}, or null",
        judged.types,
        f"{allowed}, or null where nobody judged the row; not NaN",
        view,
        judged.hint,
        judged.reading,
        codings=judged.codings,
        by_class=judged.by_class,
    )
