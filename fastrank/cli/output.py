"""What commands share: tables, files of batches, and the progress bar."""

from __future__ import annotations

import json
import math
import sys
from contextlib import contextmanager
from io import BytesIO, StringIO
from typing import TYPE_CHECKING, Any

import click

from fastrank.atomic import atomic_file

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

    from fastrank.tabular import Tabular

__all__ = ["open_writer", "print_rich", "progress", "result_writer"]

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
def progress(rows: Callable[[], int | None] | int | None) -> Iterator[Callable[[int], None] | None]:
    """A progress bar on a terminal, of rows if known; nothing when errors go to a file or a pipe.

    What gives the number of rows is asked on a terminal only, for it may have to read the footers of all files.
    """
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
        task = bar.add_task("rows", total=rows() if callable(rows) else rows)
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


def result_writer(format_: str | None, output: Path | None) -> Callable[[Tabular], None]:
    """How to write the result; refuses at once what can't work, not after an hour."""
    if format_ is None:
        suffix = output.suffix.lstrip(".").lower() if output is not None else "table"
        format_ = suffix if suffix in ("json", "csv", "parquet") else "table"
    if format_ == "parquet" and output is None:
        raise click.UsageError("--format parquet writes a file: name it with --output")
    if output is not None and not output.parent.is_dir():
        raise click.UsageError(f"the folder of --output {output} does not exist")

    def write(result: Tabular) -> None:
        if output is None and format_ == "table":
            print_rich(result.to_rich())
            return
        data = _encode(result, format_)
        if output is None:
            click.echo(data, nl=False)
            return
        with atomic_file(output) as file:
            file.write(data)

    return write


def _encode(result: Tabular, format_: str) -> bytes:
    if format_ == "table":
        return f"{result.to_text()}\n".encode()
    if format_ == "json":
        rows = [{name: _plain(value) for name, value in row.items()} for row in result.table.to_pylist()]
        return (json.dumps(rows, indent=1) + "\n").encode()
    sink = BytesIO()
    if format_ == "csv":
        import pyarrow.csv

        pyarrow.csv.write_csv(result.table, sink)
    else:
        import pyarrow.parquet

        pyarrow.parquet.write_table(result.table, sink)
    return sink.getvalue()


def _plain(value: Any) -> Any:
    """A value as JSON has it: NaN and infinities are null, keys of other types are text."""
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    return value if value is None or isinstance(value, bool | int | str) else str(value)
