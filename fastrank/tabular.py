"""What is one table: for a terminal, a notebook, pandas and Polars."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from io import StringIO
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pyarrow as pa
    from rich.console import RenderableType

__all__ = ["Tabular", "cell_of"]

MOST_SHOWN = 60  # rows of repr() and in notebooks


class Tabular(ABC):
    """A table that prints, and is an Arrow stream (`polars.DataFrame(result)`, `duckdb.sql("from result")`)."""

    @property
    @abstractmethod
    def table(self) -> pa.Table:
        """All of it."""

    @abstractmethod
    def to_rich(self, most: int | None = None) -> RenderableType:
        """The table for a terminal (rich).

        Parameters
        ----------
        most : int, optional
            How many rows to show; the last line says how many more there are.
        """

    def to_dict(self) -> dict[str, list[Any]]:
        """The table as a dict of lists."""
        return dict(self.table.to_pydict())

    def to_pandas(self) -> Any:
        """The table as a pandas DataFrame; needs pandas."""
        return self.table.to_pandas()

    def to_polars(self) -> Any:
        """The table as a Polars DataFrame; needs Polars."""
        import polars

        return polars.DataFrame(self.table)

    def __arrow_c_stream__(self, requested_schema: Any = None) -> Any:
        return self.table.__arrow_c_stream__(requested_schema)

    def _render(self, most: int | None, **options: Any) -> Any:
        from rich.console import Console

        console = Console(file=StringIO(), width=10_000, color_system=None, **options)
        console.print(self.to_rich(most))
        return console

    def to_text(self) -> str:
        """The table as text, all rows of it."""
        return self._text(None)

    def _text(self, most: int | None) -> str:
        return "\n".join(line.rstrip() for line in self._render(most).file.getvalue().splitlines())

    def __str__(self) -> str:
        return self._text(MOST_SHOWN)

    __repr__ = __str__

    def _repr_html_(self) -> str:
        console = self._render(MOST_SHOWN, record=True)
        return str(console.export_html(inline_styles=True, code_format='<pre style="line-height:1.3">{code}</pre>'))


def cell_of(value: Any) -> str:
    """A value in a table."""
    if value is None:
        return ""
    if isinstance(value, float):
        return "NaN" if math.isnan(value) else repr(value)
    if isinstance(value, bool):
        return "yes" if value else "no"
    return f"{value:,}" if isinstance(value, int) else str(value)
