"""What commands share: tables, files of batches, and the progress bar."""

from __future__ import annotations

import sys
from contextlib import contextmanager
from io import StringIO
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

__all__ = ["open_writer", "print_rich", "progress"]

UNLIMITED = 10_000  # columns of text


def open_writer(suffix: str, file: Any, schema: Any) -> Any:
    """A writer of batches, by the suffix of the file."""
    if suffix == ".parquet":
        import pyarrow.parquet

        return pyarrow.parquet.ParquetWriter(file, schema)
    if suffix == ".csv":
        import pyarrow.csv

        return pyarrow.csv.CSVWriter(file, schema)
    import pyarrow.ipc

    return pyarrow.ipc.new_file(file, schema)


@contextmanager
def progress(rows: int | None) -> Iterator[Callable[[int], None] | None]:
    """A progress bar on a terminal; nothing when errors go to a file or a pipe."""
    if not sys.stderr.isatty():
        yield None
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, ProgressColumn, Task, TimeRemainingColumn
    from rich.text import Text

    class Speed(ProgressColumn):
        """Rows a second."""

        def render(self, task: Task) -> Text:
            return Text(f"{(task.speed or 0) / 1e6:.1f} M rows/s")

    columns: Sequence[ProgressColumn] = (BarColumn(), MofNCompleteColumn(), Speed(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task("rows", total=rows)
        yield lambda count: bar.advance(task, count)


def print_rich(table: Any, *, folded: bool = False) -> None:
    """Prints a table; on a terminal its long cells may be `folded` to the width, so that columns stay columns."""
    from rich.console import Console

    if folded and sys.stdout.isatty():
        Console(highlight=False).print(table)
        return
    if sys.stdout.isatty():
        # A name or a number that is cut off at the edge of a terminal is worse than a line that wraps.
        Console(width=UNLIMITED, soft_wrap=True, highlight=False).print(table)
        return
    console = Console(file=StringIO(), width=UNLIMITED)
    console.print(table)
    for line in console.file.getvalue().splitlines():  # type: ignore[attr-defined]
        click.echo(line.rstrip())
