"""The whole way: source -> footers -> roles -> check -> hints."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from fastrank.errors import ParameterError
from fastrank.inspections.check import check_rows
from fastrank.inspections.footers import Footers, read_footers
from fastrank.inspections.hints import find_hints
from fastrank.inspections.result import Inspection
from fastrank.inspections.roles import find_fits, likely
from fastrank.sources import find_files, open_source
from fastrank.sources.base import check_columns

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from contextlib import AbstractContextManager

    from fastrank.sources import Source

    Progress = Callable[[int | None], AbstractContextManager[Callable[[int], None] | None]]

__all__ = ["inspect"]


def inspect(
    source: Any,
    *,
    check: bool = False,
    label: str | Sequence[str] | None = None,
    score: str | Sequence[str] | None = None,
    query: str | Sequence[str] | None = None,
    item: str | Sequence[str] | None = None,
    weight: str | Sequence[str] | None = None,
    by: str | Sequence[str] | None = None,
    progress: Progress | None = None,
) -> Inspection:
    """Tells how a source is stored, which columns fit which roles, and what will be slow.

    Reads nothing but the footers of files, unless `check` asks for a pass over the rows.

    Parameters
    ----------
    source : path, list of paths, glob, folder, Arrow object, or dict of arrays
        What `evaluate` takes.  Files that cannot be read are listed (`unreadable`), and do not count.
    check : bool
        Read the columns below once, in bounded memory: nulls, NaN, infinities, values outside the domains of their
        roles, the number of values of slices, and whether the rows of queries are adjacent.
    label, score, query, item, weight, by : str or list of str, optional
        The columns meant for each role.  Default: those whose names are usual for a role that their types and values
        fit, else those whose types and values are the usual ones.
    progress : callable, optional
        Gets the number of rows that will be checked, or None; gives a context manager of a function that gets the
        number of rows of each batch.

    Returns
    -------
    Inspection
        Prints as tables; `table` has a row a column.

    Raises
    ------
    SourceError
        There is no such file.
    MissingColumnError, ColumnTypeError
        There is no column of a name that was given, or it cannot play the role.

    Examples
    --------
    >>> import fastrank as fr
    >>> found = fr.inspect({"clicked": [0, 1, 2, 0], "p_click": [0.1, 0.7, 1.5, 0.2]}, check=True)
    >>> found.roles["label"], found.roles["score"]
    (['clicked'], ['p_click'])
    >>> [(each.domain, each.rows) for each in found.check.outside]
    [('binary', 1), ('integer grade up to 52', 0), ('real', 0), ('probability', 1), ('score', 0)]
    """
    given = {"label": label, "score": score, "query": query, "item": item, "weight": weight, "by": by}
    named = {role: _as_list(role, names) for role, names in given.items() if names is not None}
    places = find_files(source)
    opened: Source | None
    if places is None:
        opened = open_source(source)
        footers = _of_memory(opened)
    else:
        footers, opened = read_footers(places)
    if opened is not None:
        for names in named.values():
            check_columns(opened.schema, names, opened.files[0] if opened.files else None)
    fits = find_fits(footers.columns.values())
    roles = {role: named.get(role) or [fit.column for fit in likely(fits, role)] for role in given}
    if opened is None:
        return Inspection(footers, fits, {}, None, [])
    found = None
    if check:
        if progress is None:
            found = check_rows(opened, roles, footers.unreadable)
        else:
            with progress(footers.rows) as advance:
                found = check_rows(opened, roles, footers.unreadable, advance)
    return Inspection(footers, fits, roles, found, find_hints(footers, roles, found))


def _of_memory(opened: Source) -> Footers:
    footers = Footers(bytes=opened.bytes, rows=opened.rows)
    footers.add_schema(opened.schema)
    return footers


def _as_list(role: str, names: str | Sequence[str]) -> list[str]:
    names = [names] if isinstance(names, str) else list(names)
    if not names or not all(isinstance(name, str) for name in names):
        raise ParameterError(f"{role}={names!r}: must be the name of a column, or a list of names")
    return names
