"""What commands share: files of batches, and the progress bar."""

from __future__ import annotations

import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

__all__ = ["open_writer", "progress"]


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
