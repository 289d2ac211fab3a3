"""The measures of drift as a table."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pyarrow as pa

from fastrank.errors import UnknownResultError, near_names
from fastrank.tabular import Tabular, cell_of

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from rich.table import Table

__all__ = ["Drift"]


class Drift(Tabular):
    """How far each column drifted: a row a column.

    `drift["price"]` has the measures of a column by name, `drift["price", "psi"]` one of them; `cells("price")` says
    what they were made of.  `table` holds all; the whole is an Arrow stream, as `Result` is.

    Parameters
    ----------
    rows : sequence of dict
        The columns of the table, by row.
    cells : mapping of str to table
        The cells of each column.
    """

    def __init__(self, rows: Sequence[Mapping[str, Any]], cells: Mapping[str, pa.Table]) -> None:
        self._rows = [dict(row) for row in rows]
        self._cells = dict(cells)

    @property
    def table(self) -> pa.Table:
        """All measures: a row a column."""
        types = {"column": pa.string(), "kind": pa.string()}
        types |= {name: pa.int64() for name in self._rows[0] if name.startswith(("rows", "new"))}
        names = list(self._rows[0])
        return pa.table(
            {name: pa.array([row[name] for row in self._rows], types.get(name, pa.float64())) for name in names}
        )

    def __getitem__(self, key: str | tuple[str, str]) -> Any:
        name, measure = key if isinstance(key, tuple) and len(key) == 2 else (key, None)
        found = next((row for row in self._rows if row["column"] == name), None)
        if found is None:
            names = [str(row["column"]) for row in self._rows]
            near = near_names(str(name), names) or names
            hint = f"; a measure is asked for as drift[{names[0]!r}, {name!r}]" if name in self._rows[0] else ""
            raise UnknownResultError(f"there is no column {name!r}; there is {', '.join(near)}{hint}")
        if measure is None:
            return {name: value for name, value in found.items() if name != "column"}
        if measure not in found:
            raise UnknownResultError(f"there is no measure {measure!r}; there is {', '.join(list(found)[2:])}")
        return found[measure]

    def __len__(self) -> int:
        return len(self._rows)

    def cells(self, column: str) -> pa.Table:
        """The cells of a column with the shares of both sides.

        Parameters
        ----------
        column : str
            A column.

        Returns
        -------
        pyarrow.Table
            `cell`, the value at which a bin of numbers ends (it belongs to the bin; with `bits` it is the first that
            does not), or the category; null for the cell of nulls.  `reference` and `current`, the shares.
        """
        self[column]
        return self._cells[column]

    def to_rich(self, most: int | None = None) -> Table:
        """The table for a terminal (rich), without columns that say nothing.

        Parameters
        ----------
        most : int, optional
            How many rows to show; the last line says how many more there are.
        """
        from rich.table import Table
        from rich.text import Text

        quiet = ("new_categories", "rows_dropped_reference", "rows_dropped_current")
        shown = [
            name
            for name in self._rows[0]
            if any(row[name] is not None and not (name in quiet and not row[name]) for row in self._rows)
        ]
        table = Table(box=None, pad_edge=False, header_style="bold")
        for name in shown:
            table.add_column(name, justify="left" if name in ("column", "kind") else "right", no_wrap=True)
        for row in self._rows[:most]:
            table.add_row(*(Text(cell_of(row[name])) for name in shown))
        if most is not None and len(self._rows) > most:
            table.caption = f"... and {len(self._rows) - most:,} more columns: drift.table has all"
            table.caption_justify = "left"
        return table
