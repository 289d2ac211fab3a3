"""What was found of a source, to print."""

from __future__ import annotations

import math
from dataclasses import asdict
from statistics import median
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from fastrank.inspections.roles import FEW_VALUES
from fastrank.tabular import Tabular, cell_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from rich.console import RenderableType
    from rich.table import Table

    from fastrank.inspections.check import Check
    from fastrank.inspections.footers import Footers, Stored
    from fastrank.inspections.hints import Hint
    from fastrank.inspections.roles import Fit

__all__ = ["Inspection"]

MOST_FITS = 4  # columns that are named beside the likely ones of a role
MOST_UNREADABLE = 20  # files that are listed; to_dict has all
LONGEST_VALUE = 24  # characters of a value in a table
UNITS = ("B", "kB", "MB", "GB", "TB", "PB")


class Inspection(Tabular):
    """How a source is stored, which columns fit which roles, what a pass over its rows found, what will be slow.

    Prints as tables; `table` has a row a column, `to_dict` all that is known.

    Parameters
    ----------
    footers : Footers
        How the source is stored.
    fits : mapping of str to list of Fit
        By role, the columns that fit, the likeliest first.
    roles : mapping of str to list of str
        By role, the columns that are meant: those that were named, else the likely ones.
    check : Check or None
        What a pass over the rows found, if it was asked for.
    hints : sequence of Hint
        What will be slow, or refused.
    """

    def __init__(
        self,
        footers: Footers,
        fits: Mapping[str, list[Fit]],
        roles: Mapping[str, list[str]],
        check: Check | None,
        hints: Sequence[Hint],
    ) -> None:
        self.footers = footers
        self.fits = dict(fits)
        self.roles = dict(roles)
        self.check = check
        self.hints = list(hints)

    @property
    def unreadable(self) -> dict[str, str]:
        """Files that cannot be read, and why."""
        return self.footers.unreadable

    @property
    def table(self) -> pa.Table:
        """The columns: how each is stored, and the roles that it fits."""
        rows = [self._column(column) for column in self.footers.columns.values()]
        names = ["name", "type", "partition", "roles", "nulls", "least", "largest"]
        names += ["compressed", "uncompressed", "compression", "encodings"]
        listed, text = pa.list_(pa.string()), pa.string()
        types = {"partition": pa.bool_(), "roles": listed, "compression": listed, "encodings": listed}
        types |= {"name": text, "type": text, "least": text, "largest": text}
        columns = {}
        for name in names:
            values = [row[name] for row in rows]
            if name in ("least", "largest"):
                values = [None if value is None else str(value) for value in values]
            columns[name] = pa.array(values, types.get(name, pa.int64()))
        return pa.table(columns)

    def to_dict(self) -> dict[str, Any]:
        """All that is known, of types that JSON has."""
        footers, groups = self.footers, self.footers.group_rows
        group_rows = {"min": min(groups), "median": median(groups), "max": max(groups)} if groups else None
        found: dict[str, Any] = {
            "files": footers.files,
            "formats": dict(footers.formats),
            "bytes": footers.bytes,
            "rows": footers.rows,
            "row_groups": {"count": len(groups), "rows": group_rows},
            "columns": [self._column(column) for column in footers.columns.values()],
            "fits": {
                role: [{"column": fit.column, "kind": fit.kind, "named": fit.named} for fit in fits]
                for role, fits in self.fits.items()
            },
            "roles": dict(self.roles),
            "hints": [asdict(hint) for hint in self.hints],
            "unreadable": dict(footers.unreadable),
        }
        if self.check is not None:
            found["check"] = {
                "values": [{k: _plain(v) for k, v in asdict(each).items()} for each in self.check.values],
                "outside": [asdict(each) for each in self.check.outside],
                "queries": {name: order.to_dict() for name, order in self.check.queries.items()},
            }
        return found

    def to_rich(self, most: int | None = None) -> RenderableType:
        """Tables for a terminal (rich).

        Parameters
        ----------
        most : int, optional
            How many columns to show; the last line says how many more there are.
        """
        from rich.console import Group
        from rich.text import Text

        parts: list[RenderableType] = [Text(self._summary())]
        if self.footers.columns:
            parts += [Text(), self._columns_table(most), Text(), self._roles_table()]
        if self.check is not None:
            parts += [Text(), self._values_table(), *self._outside_table(), *self._query_lines()]
        for heading, lines in (("hints", map(str, self.hints)), ("cannot be read", self._unreadable_lines())):
            items = [Text(f"- {line}") for line in lines]
            if items:
                parts += [Text(), Text(heading, "bold"), *items]
        return Group(*parts)

    def _column(self, column: Stored) -> dict[str, Any]:
        least, largest = column.bounds or (None, None)
        return {
            "name": column.name,
            "type": column.kind,
            "partition": column.partition,
            "roles": [role for role, fits in self.fits.items() if any(fit.column == column.name for fit in fits)],
            "nulls": column.nulls,
            "least": _plain(least),
            "largest": _plain(largest),
            "compressed": column.compressed,
            "uncompressed": column.uncompressed,
            "compression": [name.lower() for name in column.compression],
            "encodings": list(column.encodings),
        }

    def _summary(self) -> str:
        footers, groups = self.footers, self.footers.group_rows
        parts = [f"{count:,} {name} file{'s' * (count != 1)}" for name, count in footers.formats.items()]
        parts += [] if footers.bytes is None else [_size(footers.bytes)]
        parts.append("rows not known without reading" if footers.rows is None else f"{footers.rows:,} rows")
        if groups:
            kinds = {"Parquet": "row group", "Arrow IPC": "record batch", "ORC": "stripe"}
            kind = kinds[next(iter(footers.formats))] if len(footers.formats) == 1 else "part"
            plural = kind if len(groups) == 1 else f"{kind}es" if kind.endswith("h") else f"{kind}s"
            of = f"{min(groups):,} to {max(groups):,} rows (median {median(groups):,.0f})"
            parts.append(f"{len(groups):,} {plural} of {of if min(groups) < max(groups) else f'{min(groups):,} rows'}")
        return ", ".join(parts if footers.formats or not footers.unreadable else ["no file that can be read"])

    def _columns_table(self, most: int | None) -> Table:
        stored = list(self.footers.columns.values())
        told = any(column.compressed is not None for column in stored)
        headings = ["column", "type", *(("nulls", "least", "largest", "size", "unpacked") if told else ())]
        headings += ["compression", "encodings"] if told else []
        table = _table(headings, right=("nulls", "least", "largest", "size", "unpacked"))
        for column in stored[:most]:
            low, high = column.bounds or (None, None)
            sizes = ["" if size is None else _size(size) for size in (column.compressed, column.uncompressed)]
            cells = [cell_of(column.nulls), _short(low), _short(high), *sizes]
            cells += [", ".join(column.compression).lower(), ", ".join(column.encodings)]
            _add(table, column.name, column.kind, *(cells if told else ()))
        if most is not None and len(stored) > most:
            table.caption = f"... and {len(stored) - most:,} more columns: inspection.table has all"
            table.caption_justify = "left"
        return table

    def _roles_table(self) -> Table:
        table = _table(["role", "likely", "also fits"])
        for role, fits in self.fits.items():
            # A window is no role that is read: it is made of a column of moments.
            meant = self.roles.get(role, [fit.column for fit in fits if fit.level == 0])
            kinds = {fit.column: f"{fit.column} ({fit.kind})" for fit in fits}
            others = [kinds[fit.column] for fit in fits if fit.column not in meant]
            more = f", and {len(others) - MOST_FITS:,} more" if len(others) > MOST_FITS else ""
            likely = ", ".join(kinds.get(name, f"{name} (does not fit)") for name in meant) or "none"
            _add(table, role, likely, ", ".join(others[:MOST_FITS]) + more)
        return table

    def _values_table(self) -> Table:
        assert self.check is not None
        headings = ["checked", "rows", "nulls", "NaN", "infinite", "least", "largest", "distinct"]
        table = _table(headings, right=headings[1:])
        for each in self.check.values:
            counts = (each.rows, each.nulls, each.nan, each.infinite)
            many = each.distinct is not None and each.distinct > FEW_VALUES
            distinct = f"over {FEW_VALUES:,}" if many else cell_of(each.distinct)
            _add(table, each.column, *map(cell_of, counts), _short(each.least), _short(each.largest), distinct)
        return table

    def _outside_table(self) -> Iterator[RenderableType]:
        from rich.text import Text

        assert self.check is not None
        if not self.check.outside:
            return
        table = _table(["checked", "role", "allowed", "rows outside", "the first"], right=("rows outside",))
        for each in self.check.outside:
            _add(table, each.column, each.role, each.allowed, cell_of(each.rows), each.first)
        yield Text()
        yield table

    def _query_lines(self) -> Iterator[RenderableType]:
        from rich.text import Text

        assert self.check is not None
        for name, order in self.check.queries.items():
            about = "" if order.exact else "about "
            rows = f"{order.least_rows:,} rows each"
            if order.least_rows < order.largest_rows:
                rows = f"{order.least_rows:,} to {order.largest_rows:,} rows each (mean {order.mean_rows:,.1f})"
            place = "rows of a query are adjacent" if order.adjacent else f"{about}{order.returning:,} come back"
            ids = "ids ascend" if order.ascending else "ids do not ascend"
            yield Text()
            yield Text(f"{name}: {about}{order.queries:,} queries of {rows}; {place}; {ids}")

    def _unreadable_lines(self) -> Iterator[str]:
        for i, (path, why) in enumerate(self.unreadable.items()):
            if i == MOST_UNREADABLE:
                yield f"... and {len(self.unreadable) - i:,} more"
                return
            yield f"{path}: {why}"


def _table(headings: Sequence[str], right: Sequence[str] = ()) -> Table:
    from rich.table import Table

    table = Table(box=None, pad_edge=False, header_style="bold")
    for heading in headings:
        table.add_column(heading, justify="right" if heading in right else "left", no_wrap=True)
    return table


def _add(table: Table, *cells: str) -> None:
    from rich.text import Text

    # A column may be called "[bold]".
    table.add_row(*map(Text, cells))


def _short(value: Any) -> str:
    text = f"{value:.9g}" if isinstance(value, float) else cell_of(value)
    return text if len(text) <= LONGEST_VALUE else f"{text[:LONGEST_VALUE]}..."


def _size(count: int) -> str:
    """Bytes in words."""
    power = min(int(math.log(count, 1000)) if count else 0, len(UNITS) - 1)
    return f"{count:,} B" if power == 0 else f"{count / 1000**power:.1f} {UNITS[power]}"


def _plain(value: Any) -> Any:
    """A value as JSON has it."""
    if isinstance(value, float):
        return value if math.isfinite(value) else repr(value)
    return value if value is None or isinstance(value, bool | int | str) else str(value)
