"""`fastrank evaluate`."""

from __future__ import annotations

import json
import warnings
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from fastrank.atomic import atomic_file
from fastrank.cli.output import open_writer, progress, result_writer
from fastrank.errors import TiesWarning
from fastrank.evaluation import feed
from fastrank.evaluator import Evaluator
from fastrank.per_query import QueryValues
from fastrank.qrels import open_run
from fastrank.scattered import DEFAULT_MEMORY_LIMIT
from fastrank.slices import DEFAULT_MAX_SLICES
from fastrank.sources import ENGINES, open_source
from fastrank.time_windows import parse_by

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from fastrank.result import Result

__all__ = ["evaluate"]

FILES_SKIPPED = 3  # the exit code that says so


@click.command()
@click.argument("source", nargs=-1, required=True)
@click.option("-m", "--metric", "metrics", multiple=True, required=True, help="auc, ndcg@10, ... (again for more).")
@click.option("--label", help="Column of labels or targets.")
@click.option("--score", "scores", multiple=True, help="Column of scores; several for several models.")
@click.option("--rank", help="Column of ranks from 1, in place of scores.")
@click.option("--weight", help="Column of row weights.")
@click.option("--class-weight", "class_weights", multiple=True, metavar="LABEL=WEIGHT",
              help="Multiply the weight of rows of a label; again for more labels.")  # fmt: skip
@click.option("--negative-downsampling", type=float, help="Share of negative rows that were kept: each weighs 1/share.")
@click.option("--query", help="Column of query (user, session) ids.")
@click.option("--query-weight", help="Column of query weights.")
@click.option("--item", help="Column of item (document) ids.")
@click.option("--qrels", help="Judgments (query, item, label) that label the rows by query and item.")
@click.option("--ranking", help="Column of lists of ids, from the first rank down.")
@click.option("--relevant", help="Column of lists of the ids that are relevant.")
@click.option("--by", multiple=True,
              help="Slice column, or several: a,b; window(ts,1d) makes one of time; again for a grouping.")  # fmt: skip
@click.option("--max-slices", type=click.IntRange(1), default=DEFAULT_MAX_SLICES, show_default=True,
              help="Slices that a grouping may have.")  # fmt: skip
@click.option("--other-slices", is_flag=True, help="Past --max-slices, add up those with the fewest rows.")
@click.option("--where", help="Condition on rows, in SQL: \"country = 'DE' and p > 0.1\".")
@click.option("--on-invalid", type=click.Choice(["raise", "drop"]), default="raise", show_default=True,
              help="Stop at an invalid row, or drop and count such rows.")  # fmt: skip
@click.option("--queries", type=click.Choice(["adjacent", "scattered"]),
              help="Where the rows of a query stand.  Default: adjacent, else the pass starts anew.")  # fmt: skip
@click.option("--memory-limit", type=click.IntRange(1), default=DEFAULT_MEMORY_LIMIT, show_default=True,
              help="Bytes of scattered rows and states of scores in memory; more go to a temporary file.")  # fmt: skip
@click.option("--threads", type=click.IntRange(1),
              help="Most threads that read and evaluate side by side.  Default: one for each processor.")  # fmt: skip
@click.option("--engine", type=click.Choice(ENGINES), help="What reads Parquet.  Default: pyarrow.")
@click.option("--on-bad-file", type=click.Choice(["error", "skip"]), default="error", show_default=True,
              help="Stop at a file that cannot be read, or leave it out, name it, and end with code 3.")  # fmt: skip
@click.option("--states-dir", type=click.Path(file_okay=False, path_type=Path),
              help="Folder for the state of each file; files whose state is there are not read again.")  # fmt: skip
@click.option("--save-state", type=click.Path(dir_okay=False, path_type=Path),
              help="File for the state of all rows, to be merged with others.")  # fmt: skip
@click.option("--stats", type=click.Choice(["text", "json"]), is_flag=False, flag_value="text",
              help="Tell rows, bytes, rows/s, memory and where time went, after the result.")  # fmt: skip
@click.option("--per-query", type=click.Path(dir_okay=False, path_type=Path),
              help="File for the value of each query: .parquet, .arrow or .csv.")  # fmt: skip
@click.option("--format", "format_", type=click.Choice(["table", "json", "csv", "parquet"]),
              help="Of the output.  Default: by the suffix of --output, else a table.")  # fmt: skip
@click.option("-o", "--output", type=click.Path(dir_okay=False, path_type=Path), help="File to write to.")
def evaluate(
    source: tuple[str, ...],
    metrics: tuple[str, ...],
    scores: tuple[str, ...],
    class_weights: tuple[str, ...],
    by: tuple[str, ...],
    queries: str | None,
    threads: int | None,
    engine: str | None,
    on_bad_file: str,
    states_dir: Path | None,
    save_state: Path | None,
    stats: str | None,
    per_query: Path | None,
    format_: str | None,
    output: Path | None,
    **roles: Any,
) -> None:
    """Evaluate metrics over SOURCE: files, globs, folders or URIs of Parquet, Arrow IPC, ORC or CSV.

    Ends with code 0, 1 after an error, 3 where files were skipped (--on-bad-file skip), 130 when interrupted.
    """
    write = result_writer(format_, output)
    write_queries = None if per_query is None else _query_writer(per_query)
    if per_query is not None:
        _refuse_beside_per_query(threads=threads, on_bad_file=on_bad_file, states_dir=states_dir, save_state=save_state)
    if save_state is not None and not save_state.parent.is_dir():
        raise click.UsageError(f"the folder of --save-state {save_state} does not exist")
    evaluator = Evaluator(
        metrics,
        score=scores[0] if len(scores) == 1 else list(scores) or None,
        class_weight=dict(map(_class_weight, class_weights)) or None,
        by=[parse_by(grouping) for grouping in by] or None,
        queries=queries or "adjacent",
        **roles,
    )
    given = source[0] if len(source) == 1 else list(source)
    opened = (open_run if roles["qrels"] else open_source)(given, engine=engine)
    with progress(lambda: opened.rows) as advance, _warnings_in_one_line():
        if write_queries is not None:
            values = QueryValues(opened, evaluator, advance)
            write_queries(values)
            result = values.result()
        else:
            evaluator, result = feed(
                opened,
                evaluator,
                advance,
                threads=threads,
                restart=queries is None,
                on_bad_file=on_bad_file,
                states_dir=states_dir,
            )
    if save_state is not None:
        evaluator.save_state(save_state)
    write(result)
    _tell(result, stats)


def _tell(result: Result, stats: str | None) -> None:
    """What an evaluation took and left out, beside its values."""
    if stats is not None and result.stats is not None:
        told = result.stats
        click.echo(told.to_text() if stats == "text" else json.dumps(told.to_dict()), err=True)
    for skipped in result.skipped_files:
        click.echo(f"fastrank: skipped {skipped.path}: {skipped.reason}", err=True)
    if result.skipped_files:
        click.get_current_context().exit(FILES_SKIPPED)


def _refuse_beside_per_query(**options: Any) -> None:
    """UsageError where values of queries are asked for with what goes with results only."""
    for name, value in options.items():
        if value not in (None, "error"):
            raise click.UsageError(
                f"--{name.replace('_', '-')} does not go with --per-query, whose values come in order"
            )


def _class_weight(text: str) -> tuple[float | str, float]:
    """A label and its weight; a label that reads as a number is one, unless it stands in quotes."""
    label, equals, weight = text.rpartition("=")
    try:
        number = float(weight)
    except ValueError:
        equals = ""
    if not equals or not label:
        raise click.UsageError(f"--class-weight {text}: a label and a weight, as in 1=5 or spam=0.5")
    if len(label) > 1 and label[0] == label[-1] and label[0] in "'\"":
        return label[1:-1], number
    try:
        return float(label), number
    except ValueError:
        return label, number


def _query_writer(path: Path) -> Callable[[QueryValues], None]:
    """How to write the values of queries, batch by batch."""
    if path.suffix.lower() not in (".parquet", ".arrow", ".csv"):
        raise click.UsageError(f"--per-query {path}: the file ends with .parquet, .arrow or .csv")
    if not path.parent.is_dir():
        raise click.UsageError(f"the folder of --per-query {path} does not exist")

    def write(values: QueryValues) -> None:
        with atomic_file(path) as file, open_writer(path.suffix.lower(), file, values.schema) as writer:
            for batch in values:
                writer.write_batch(batch)

    return write


@contextmanager
def _warnings_in_one_line() -> Iterator[None]:
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always", TiesWarning)
        yield
    for warning in caught:
        click.echo(f"fastrank: {warning.message}", err=True)
