"""What columns of several classes may hold: a score for each class, and the class itself.

Classes are numbered from 0, in the order of the scores.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from fastrank._kernels import class_terms
from fastrank.buffers import buffer_view, is_list, null_mask, plain
from fastrank.domains import AMOUNT, PROBABILITY, REAL, SCORE, Beside, Column, Domain, Misfit, Unfit, either
from fastrank.errors import ParameterError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

__all__ = ["class_labels", "class_probabilities", "class_scores", "columns_of_classes"]

MOST_CLASSES = 2**31 - 1
MOST_WEIGHED = 2**20  # number of a class that may have a weight: of all up to it there is a table
MOST_SHOWN = 10  # classes in a message

Names = tuple[str, ...] | tuple[int, ...]


def class_scores(classes: int | None = None, entry: Domain = SCORE) -> Domain:
    """Lists of one length, a number of the domain `entry` for each class; of `classes` numbers where that many are
    named."""
    types = "list, or list of fixed size, of numbers"
    of_each = f"of {classes} numbers, one" if classes else "of numbers, one"

    def view(array: pa.Array) -> Column:
        if not is_list(array.type):
            raise Unfit(f"{types}, one for each class; or name a column for each class (scores=[...])")
        if classes and pa.types.is_fixed_size_list(array.type) and array.type.list_size != classes:
            raise Unfit(f"lists {of_each} for each class")
        nulls = null_mask(array)
        width = _width(array, classes)
        try:
            entries, outside = entry.view(plain(array.flatten()))  # those of lists that are not null
        except Unfit as error:
            raise Unfit(f"{types}, of type {error}") from None
        matrix = entries.reshape(-1, width)
        invalid = None if outside is None else np.logical_or.reduce(outside.reshape(-1, width), axis=1)
        if nulls is None:
            return Column(matrix, invalid)
        values = np.zeros((len(array), width), entries.dtype)
        values[~nulls] = matrix
        if invalid is not None:
            nulls[~nulls] = invalid
        return Column(values, nulls)

    each = "none of them null or NaN" if entry is SCORE else f"each {entry.allowed}"
    name = f"scores of {classes or 'all'} classes" + ("" if entry is SCORE else f": {entry.name}")
    return Domain(name, types, f"a list {of_each} for each class, {each}", view, entry.hint, whole=entry.whole)


def columns_of_classes(
    columns: Sequence[str] | None, classes: int | None, entry: Domain = SCORE
) -> Mapping[str, Domain]:
    """The scores of all classes by role: one column of lists, or a column for each class."""
    if not columns:
        return {"score": class_scores(classes, entry)}
    *others, last = (f"score[{k}]" for k in range(len(columns)))
    # What all columns must come to together is checked once, with the last of them.
    return {**dict.fromkeys(others, replace(entry, whole=None)), last: entry}


def class_probabilities(*, normalize: bool) -> Domain:
    """Probabilities of the classes of a row, which sum to 1; or, where they are divided by it, to more than 0."""
    entry = AMOUNT if normalize else PROBABILITY
    together = "not all 0 in a row" if normalize else "those of a row summing to 1, within the root of their precision"
    hint = "" if normalize else "normalize=True divides by the sum"
    allowed = f"{entry.allowed}, {together}"
    name = f"{entry.name}, {together}"
    return replace(entry, name=name, allowed=allowed, hint=hint, whole=_without_sum if normalize else _not_one)


def _sums(entries: NDArray[Any]) -> NDArray[np.float64]:
    return class_terms.class_terms("total", entries, np.zeros(len(entries), np.int32))


def _without_sum(entries: NDArray[Any]) -> NDArray[np.bool_]:
    return np.asarray(~(_sums(entries) > 0))


def _not_one(entries: NDArray[Any]) -> NDArray[np.bool_]:
    # As scikit-learn, which warns: of float32 within 3.5e-4, of float64 within 1.5e-8.
    return np.asarray(~(np.abs(_sums(entries) - 1) <= np.sqrt(np.finfo(entries.dtype).eps)))


def _width(array: pa.Array, classes: int | None) -> int:
    """The length of the lists; Misfit for the first that is of another length."""
    if pa.types.is_fixed_size_list(array.type):
        return int(array.type.list_size)
    lengths = buffer_view(pc.cast(pc.list_value_length(array).fill_null(-1), pa.int64()), np.int64)
    present = np.flatnonzero(lengths >= 0)
    width = classes or (int(lengths[present[0]]) if present.size else 1)
    other = present[(lengths[present] != width) | (lengths[present] == 0)]
    if other.size:
        row = int(other[0])
        same = "" if classes or not width else ", as the rows before"
        wanted = f"a list of {width} numbers{same}" if width else "a list of numbers, one for each class"
        raise Misfit(row, f"a list of {lengths[row]} numbers", wanted)
    return width


def class_labels(names: Names | None = None, classes: int | None = None) -> Domain:
    """Numbers of classes: the integers below `classes` (None: below the length of the lists of scores), or places in
    `names`."""
    domain = _class_numbers(classes) if names is None else _class_names(names)

    def by_class(weights: Mapping[Any, float], rate: float) -> tuple[Domain, list[float]]:
        if rate != 1:
            raise ParameterError("several classes have no negative rows: class_weight= gives each class its weight")
        numbers = {name: k for k, name in enumerate(names or ())}
        factors: list[float] = []
        for label, weight in weights.items():
            k = numbers.get(label) if names else label
            if not isinstance(k, int) or not 0 <= k < (classes or MOST_WEIGHED):
                raise ParameterError(f"class_weight has the label {label!r}; allowed: {domain.allowed}")
            factors += [1.0] * (k + 1 - len(factors))
            factors[k] = weight
        return domain, [*factors, 1.0]

    return replace(domain, by_class=by_class)


def _class_numbers(classes: int | None) -> Domain:
    allowed = "the number of a class, an integer from 0" + (f" to {classes - 1}" if classes else "")
    beside = None if classes else Beside("score", _below_width)
    limit = MOST_CLASSES if classes is None else classes
    return Domain(f"class below {classes}", REAL.types, allowed, lambda a: _numbers(a, limit), beside=beside)


def _below_width(domain: Domain, column: Column, lists: Column) -> tuple[Domain, Column]:
    """Classes of which the lists beside them hold a score."""
    width = lists.values.shape[1]
    outside = column.values >= width
    if not width or not outside.any():
        return domain, column
    allowed = f"{domain.allowed} to {width - 1}"
    return replace(domain, allowed=allowed), Column(column.values, either(column.invalid, outside))


def _class_names(names: Names) -> Domain:
    listed = ", ".join(map(str, names[:MOST_SHOWN])) + (f", ... ({len(names)} in all)" if names[MOST_SHOWN:] else "")
    allowed = f"a class: {listed}"
    # Which value is which class is part of what a state means.
    reading = f"classes {list(names)!r}"
    if isinstance(names[0], str):
        return Domain(f"class name of {names!r}", "string", allowed, lambda a: _named(a, names), reading=reading)
    return Domain(f"class of {names!r}", REAL.types, allowed, lambda a: _listed(a, names), reading=reading)


def _numbers(array: pa.Array, limit: int) -> Column:
    try:
        values, invalid = REAL.view(array)
    except Unfit as error:
        raise Unfit(f"{error}, the number of a class; or name the classes (classes=[...])") from None
    return _codes(values, (values >= 0) & (values < limit) & (values == np.floor(values)), invalid)


def _listed(array: pa.Array, names: Sequence[Any]) -> Column:
    try:
        values, invalid = REAL.view(array)
    except Unfit as error:
        raise Unfit(f"{error}, the number of a class; classes= may list texts instead") from None
    known = np.array(names, np.float64)
    order = np.argsort(known)
    places = order[np.minimum(np.searchsorted(known, values, sorter=order), known.size - 1)]
    return _codes(places, known[places] == values, invalid)


def _named(array: pa.Array, names: Sequence[Any]) -> Column:
    if not (pa.types.is_string(array.type) or pa.types.is_large_string(array.type)):
        raise Unfit("string, the name of a class; classes= may list integers instead")
    texts = [name.encode() for name in names]
    ends = np.cumsum([0, *map(len, texts)]).astype(np.int32)
    known = pa.Array.from_buffers(pa.string(), len(texts), [None, pa.py_buffer(ends), pa.py_buffer(b"".join(texts))])
    places = pc.index_in(array, pc.cast(known, array.type))
    nulls = null_mask(places)
    codes = buffer_view(places, np.int32)
    return Column(codes if nulls is None else np.where(nulls, 0, codes).astype(np.int32), nulls)


def _codes(values: NDArray[Any], inside: NDArray[np.bool_], invalid: NDArray[np.bool_] | None) -> Column:
    """Numbers of classes, 0 where there is none."""
    if invalid is None and inside.all():
        return Column(values.astype(np.int32), None)
    outside = ~inside if invalid is None else ~inside | invalid
    return Column(np.where(outside, 0, values).astype(np.int32), outside)
