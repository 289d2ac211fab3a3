"""`fastrank merge` and `fastrank windows`: answers of saved states, without their rows."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from fastrank.cli.output import result_writer
from fastrank.merging import merge_states
from fastrank.rolling import windows as windows_of
from fastrank.scattered import DEFAULT_MEMORY_LIMIT

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["merge", "windows"]

_OPTIONS = (
    click.argument("states", nargs=-1, required=True),
    click.option("-m", "--metric", "metrics", multiple=True,
                 help="auc, ndcg@10, ... (again for more).  Default: those of the first state."),
    click.option("--qrels", help="Judgments that the states were made with."),
    click.option("--missing", type=click.Choice(["error", "drop"]), default="error", show_default=True,
                 help="Stop where a state lacks what a metric reads, or go on without the metric."),
    click.option("--memory-limit", type=click.IntRange(1), default=DEFAULT_MEMORY_LIMIT, show_default=True,
                 help="Bytes of scattered rows and states of scores in memory; more go to a temporary file."),
    click.option("--format", "format_", type=click.Choice(["table", "json", "csv", "parquet"]),
                 help="Of the output.  Default: by the suffix of --output, else a table."),
    click.option("-o", "--output", type=click.Path(dir_okay=False, path_type=Path), help="File to write to."),
)  # fmt: skip


def _shared(function: Callable[..., None]) -> Callable[..., None]:
    for option in reversed(_OPTIONS):
        function = option(function)
    return function


@click.command()
@_shared
@click.option("--save-state", type=click.Path(dir_okay=False, path_type=Path), help="File for the merged state.")
def merge(
    states: tuple[str, ...],
    metrics: tuple[str, ...],
    format_: str | None,
    output: Path | None,
    save_state: Path | None,
    **options: Any,
) -> None:
    """Merge STATES, files, globs or folders of saved states, and answer them; no row is read again."""
    write = result_writer(format_, output)
    if save_state is not None and not save_state.parent.is_dir():
        raise click.UsageError(f"the folder of --save-state {save_state} does not exist")
    merged = merge_states(states, metrics or None, **options)
    result = merged.result()
    if save_state is not None:
        merged.save_state(save_state)
    write(result)


@click.command()
@_shared
@click.option("--every", default="1d", show_default=True, help="How far windows are from one another: 12h, 1d, 1w.")
@click.option("--span", help="How long a window is.  Default: 7d.")
@click.option("--expanding", is_flag=True, help="Windows from the first step on, in place of --span.")
@click.option("--column", help="Slice column, or key of folders, that holds the time.")
@click.option("--missing-steps", type=click.Choice(["error", "empty"]), default="error", show_default=True,
              help="Stop where a step has no state, or count it as one without rows.")  # fmt: skip
def windows(
    states: tuple[str, ...],
    metrics: tuple[str, ...],
    format_: str | None,
    output: Path | None,
    expanding: bool,
    **options: Any,
) -> None:
    """Metrics over windows of time, from STATES of days or sliced by time; no row is read again."""
    write = result_writer(format_, output)
    kind = "expanding" if expanding else "sliding"
    write(windows_of(states, kind=kind, metrics=metrics or None, **options))
