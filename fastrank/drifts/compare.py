"""The whole way: two sources -> columns -> measures of drift."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from fastrank._kernels import elementary
from fastrank.columns import Columns, find_rows
from fastrank.domains import WEIGHT
from fastrank.drifts.columns import BOUNDS, DISTANCES, CategoryColumn, NumberColumn
from fastrank.drifts.result import Drift
from fastrank.errors import ColumnTypeError, EmptyInputError, InvalidValueError, MissingColumnError, ParameterError
from fastrank.metrics.parameters import Flag, Number, WholeNumber
from fastrank.scattered import DEFAULT_MEMORY_LIMIT
from fastrank.sources import open_source
from fastrank.where import Where

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from fastrank.drifts.columns import Cells, Counted
    from fastrank.metrics.parameters import Kind
    from fastrank.sources import Source

__all__ = ["drift"]

SIDES = ("reference", "current")
DIVERGENCES = ("psi", "js_divergence", "js_distance", "kl_divergence")
MOST_CATEGORIES = 10_000
# By the argument of `drift`.
KINDS: Mapping[str, Kind] = {
    "bins": WholeNumber(2, 1000),
    "floor": Number(0.0, 0.5, closed="low"),
    "bits": WholeNumber(12, 26, optional=True, none_means="exact"),
    "max_categories": WholeNumber(1),
    "memory_limit": WholeNumber(0),
    "normalize": Flag(),
}


def drift(
    reference: Any,
    current: Any,
    columns: str | Sequence[str] | None = None,
    *,
    categorical: str | Sequence[str] = (),
    weight: str | None = None,
    where: Any = None,
    bins: int = 10,
    floor: float = 1e-4,
    bits: int | None = None,
    normalize: bool = False,
    on_invalid: str = "raise",
    max_categories: int = MOST_CATEGORIES,
    batch_rows: int | None = None,
    memory_limit: int = DEFAULT_MEMORY_LIMIT,
) -> Drift:
    """How far the distribution of columns drifted from a reference, in one pass over each side.

    With r and c the shares of the reference and of the current rows in a cell:

    - psi, the population stability index: sum of (r - c) ln(r / c), each share no less than `floor`.
    - kl_divergence of the reference from the current rows: sum of r ln(r / c), of the same shares; so psi is the sum of
      both directions.  Shares that were raised to the floor are not made to sum to 1 again.
    - js_divergence, of Jensen and Shannon: sum of (r ln(r / m) + c ln(c / m)) / 2 with m = (r + c) / 2, in nats, from 0
      to ln 2, of the shares as they are; js_distance is its square root.
    - ks_distance: the largest difference of the two distribution functions; it does not grow with the number of rows,
      as a p-value does.
    - wasserstein: the area between the two distribution functions, in units of the column.

    Cells are, for numbers, up to `bins` bins that hold equal parts of the reference: the j-th ends at the least value
    that j / bins of the reference's values do not exceed, and holds it; values beyond belong to the outer bins, and
    equal values are never split.  For categories each value is a cell.  Nulls are a cell of their own; a NaN is a null.
    The two distances are of numbers without nulls.

    Parameters
    ----------
    reference, current : source
        Rows: see `fastrank.evaluate`.
    columns : str or list of str, optional
        Default: all columns of the reference but `weight`.
    categorical : str or list of str
        Columns of numbers that are categories.  Of strings, bools, dates and dictionaries all are.
    weight : str, optional
        Column of row weights, on both sides.
    where : str or pyarrow.compute.Expression, optional
        Only rows that meet the condition count.
    bins : int
        Bins of a numeric column.
    floor : float
        The least share of a cell for psi and kl_divergence; 0 gives infinity where a cell is empty on one side.
    bits : int, optional
        Keep numbers in 2^bits cells of the float32 grid (12 to 26), in bounded memory.  Bins then end between cells;
        the distances have bounds, ks_distance_lower, wasserstein_upper and so on, that hold for any data.
        Default: distinct values, exact.
    normalize : bool
        Divide wasserstein by the standard deviation of the reference, so that columns of any unit compare.
    on_invalid : "raise" or "drop"
        What to do with rows that hold an invalid weight, or an integer beyond 2^53; dropped rows are counted.
    max_categories : int
        Most categories of a column on a side; more are an error.
    batch_rows : int, optional
        Rows a batch; the result does not depend on it.
    memory_limit : int
        Bytes of distinct values to keep in memory; what is past it goes to a temporary file without a name.

    Returns
    -------
    Drift
        `drift["price", "psi"]`, `drift.table`, `drift.cells("price")`.  Shares are rounded once, from exact counts or
        sums of weights; no value depends on the order of the rows, or on how they are split.

    Raises
    ------
    FastrankError
        Of these: SourceError, MissingColumnError, ColumnTypeError, InvalidValueError (with column, row, value, what is
        allowed), EmptyInputError, ParameterError.

    Undefined
    ---------
    NaN where a side has no rows (all were excluded, or weigh 0); the distances also where it has only nulls, and
    a normalized one where the values of the reference are all the same (to a standard deviation below 2^-470), or
    infinite.

    Source
    ------
    psi and kl_divergence as in credit scoring (Siddiqi 2006), with the bins and the floor of polars_ds; js_distance as
    scipy.spatial.distance.jensenshannon, ks_distance as scipy.stats.ks_2samp, wasserstein as
    scipy.stats.wasserstein_distance.

    Examples
    --------
    >>> import fastrank as fr
    >>> reference = {"price": [1.0, 2.0, 3.0, 4.0], "shop": ["a", "a", "b", "b"]}
    >>> current = {"price": [2.0, 3.0, 4.0, 9.0], "shop": ["a", "b", "b", "c"]}
    >>> found = fr.drift(reference, current, bins=2)
    >>> found["price", "ks_distance"], found["price", "wasserstein"]
    (0.25, 2.0)
    >>> round(found["shop", "psi"], 6), found["shop", "new_categories"]
    (2.128516, 1)
    >>> found.cells("price").to_pydict()
    {'cell': [2.0, inf, None], 'reference': [0.5, 0.5, 0.0], 'current': [0.25, 0.75, 0.0]}
    """
    given: dict[str, Any] = {
        "bins": bins,
        "floor": floor,
        "bits": bits,
        "max_categories": max_categories,
        "memory_limit": memory_limit,
        "normalize": normalize,
    }
    for name, kind in KINDS.items():
        try:
            given[name] = kind.check(given[name])
        except ParameterError as error:
            raise ParameterError(f"{name}={error}") from None
    if on_invalid not in ("raise", "drop"):
        raise ParameterError(f'on_invalid={on_invalid!r}; allowed: "raise", "drop"')
    sources = [open_source(source, batch_rows=batch_rows) for source in (reference, current)]
    names = _names("columns", columns)
    if columns is None:
        names = [name for name in sources[0].schema.names if name != weight]
    if not names:
        raise ParameterError("there is no column to compare")
    categories = _names("categorical", categorical)
    for name in categories:
        if name not in names:
            raise ParameterError(f"categorical= names {name!r}, which is none of the columns: {', '.join(names)}")
    if weight is not None and not isinstance(weight, str):
        raise ParameterError(f"weight={weight!r}; allowed: the name of a column")
    shared = (() if weight is None else (("weight", weight, WEIGHT),), () if where is None else (Where.parse(where),))
    counted: list[Counted] = []
    for name in names:
        if name in categories or _is_category(sources, name):
            counted.append(CategoryColumn(name, *shared, drop=on_invalid == "drop", most=max_categories))
        else:
            binned = {each: given[each] for each in ("bins", "bits", "normalize")}
            counted.append(NumberColumn(name, *shared, drop=on_invalid == "drop", **binned))
    numeric = [each for each in counted if isinstance(each, NumberColumn)]
    for each in numeric:
        each.state.memory_limit = memory_limit // len(numeric)
    for side, source in enumerate(sources):
        try:
            _feed(source, counted, side)
        except (MissingColumnError, ColumnTypeError, InvalidValueError) as error:
            # Columns and rows are called alike on both sides.
            raise type(error)(f"{SIDES[side]}: {error}") from None
    for each in numeric:
        each.finish()
    rows = [_row(each, given["floor"], with_bounds=bits is not None) for each in counted]
    return Drift(rows, {each.name: _cell_table(each.cells()) for each in counted})


def _names(argument: str, given: Any) -> list[str]:
    if given is None:
        return []
    names = list(given) if isinstance(given, Iterable) and not isinstance(given, str) else [given]
    if not all(isinstance(name, str) for name in names) or len(set(names)) < len(names):
        raise ParameterError(f"{argument}={given!r}; allowed: names of columns, each once")
    return names


def _is_category(sources: Sequence[Source], name: str) -> bool:
    """Whether a column is of categories by its types, on both sides; ColumnTypeError where the sides differ."""
    kinds = {
        side: source.schema.field(name).type
        for side, source in zip(SIDES, sources, strict=True)
        if name in source.schema.names
    }
    # A type of nulls alone says nothing; the other side does.
    found = {side: _is_number(kind) for side, kind in kinds.items() if not pa.types.is_null(kind)}
    if len(set(found.values())) > 1:
        raise ColumnTypeError(
            f"column {name!r} is of type {kinds['reference']} in the reference and of type {kinds['current']} in the "
            "current rows; allowed: numbers in both, or categories in both (categorical=)"
        )
    return not all(found.values())


def _is_number(kind: pa.DataType) -> bool:
    types = pa.types
    return bool(types.is_integer(kind) or types.is_floating(kind) or types.is_decimal(kind))


def _feed(source: Source, counted: Sequence[Counted], side: int) -> None:
    """Gives all columns the rows of a side."""
    row_sets = list({each.row_set for each in counted})
    names = {column: None for row_set in row_sets for _, column, _ in row_set.roles}
    names |= {column: None for where in row_sets[0].where for column in where.columns(source.schema)}
    numeric = {each.name for each in counted if isinstance(each, NumberColumn)}
    numeric |= {column for role, column, _ in row_sets[0].roles if role == "weight"}
    total = 0
    for batch, origin in source.batches(list(names), numeric):
        columns = Columns(batch, origin.describe)
        rows_of, problems = find_rows(row_sets, columns)
        if problems:
            raise min(problems, key=lambda problem: problem.row).error(columns)
        for each in counted:
            each.add(rows_of[each.row_set], side)
        total += batch.num_rows
    if not total:
        raise EmptyInputError(f"the source of the {SIDES[side]} has no rows")


def _row(column: Counted, floor: float, *, with_bounds: bool) -> dict[str, Any]:
    """The row of a column."""
    cells = column.cells()
    distances = column.distances()
    shares = cells.shares
    return {
        "column": column.name,
        "kind": column.kind,
        **_divergences(*shares, floor),
        **{name: distances[name] for name in (*DISTANCES, *(BOUNDS if with_bounds else ()))},
        "new_categories": column.new if isinstance(column, CategoryColumn) else None,
        **{f"null_share_{side}": share for side, share in zip(SIDES, cells.null_shares, strict=True)},
        **{f"rows_{side}": count for side, count in zip(SIDES, column.rows, strict=True)},
        **{f"rows_dropped_{side}": count for side, count in zip(SIDES, column.dropped, strict=True)},
    }


def _divergences(reference: Sequence[float], current: Sequence[float], floor: float) -> dict[str, float]:
    """The divergences of shares."""
    if any(map(math.isnan, (*reference, *current))):
        return dict.fromkeys(DIVERGENCES, math.nan)
    psi, kl, js = [], [], []
    for r, c in zip(reference, current, strict=True):
        middle = (r + c) / 2
        js += [x * elementary.log(x / middle) / 2 for x in (r, c) if x]
        r, c = max(r, floor), max(c, floor)
        if r or c:
            ratio = elementary.log(r / c) if r and c else math.copysign(math.inf, r - c)
            psi.append((r - c) * ratio)
            kl.append(r * ratio if r else 0.0)
    js_divergence = max(0.0, math.fsum(js))
    return dict(zip(DIVERGENCES, (math.fsum(psi), js_divergence, math.sqrt(js_divergence), math.fsum(kl)), strict=True))


def _cell_table(cells: Cells) -> pa.Table:
    """The cells as a table."""
    numbers = all(isinstance(name, float) or name is None for name in cells.names)
    same = len({type(name) for name in cells.names if name is not None}) < 2
    names = cells.names if numbers or same else [None if name is None else str(name) for name in cells.names]
    shares = {side: pa.array(share, pa.float64()) for side, share in zip(SIDES, cells.shares, strict=True)}
    return pa.table({"cell": pa.array(names), **shares})
