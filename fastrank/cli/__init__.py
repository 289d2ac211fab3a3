"""The command line: `fastrank evaluate`, `merge`, `windows`, `inspect`, `metrics`, `drift`, `calibrate`, ..."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from fastrank.cli.calibrate import calibrate
from fastrank.cli.evaluate import evaluate
from fastrank.cli.inspect import inspect
from fastrank.cli.merge import merge, windows
from fastrank.cli.output import print_rich, result_writer
from fastrank.drifts import drift as drift_of
from fastrank.drifts.compare import MOST_CATEGORIES
from fastrank.errors import FastrankError
from fastrank.metrics import definition_of, list_metrics, parse
from fastrank.metrics.spelling import spell
from fastrank.scattered import DEFAULT_MEMORY_LIMIT

__all__ = ["main"]

INTERRUPTED = 130  # what shells give for SIGINT


class _OneLineErrors(click.Group):
    """Turns errors of fastrank into one line and exit code 1."""

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except FastrankError as error:
            click.echo(f"fastrank: {error}", err=True)
            ctx.exit(1)
        except KeyboardInterrupt as interrupt:
            click.echo(f"fastrank: interrupted; {str(interrupt) or 'nothing was written'}", err=True)
            ctx.exit(INTERRUPTED)


@click.group(cls=_OneLineErrors, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(package_name="fastrank-metrics", prog_name="fastrank")
def main() -> None:
    """Exact metrics of rankings, classifiers and regressions, in one pass."""


main.add_command(calibrate)
main.add_command(evaluate)
main.add_command(merge)
main.add_command(windows)
main.add_command(inspect)


@main.command("metrics")
@click.argument("name", required=False)
def metrics_(name: str | None) -> None:
    """List all metrics, or explain NAME."""
    if name is not None:
        definition = parse(name)[0].definition
        click.echo(f"{definition.name}{definition.signature}\n")
        click.echo(definition.document)
        names = list(definition.aliases)
        for alias, rules in definition.presets.items():
            names.append(f"{alias} ({', '.join(f'{name}={spell(value)}' for name, value in rules.items())})")
        click.echo(f"\nAlso called: {', '.join(names)}" if names else "")
        return
    from rich.table import Table

    table = Table(box=None, pad_edge=False, header_style="bold")
    for heading in ("metric", "family", "parameters (... and those that metrics of lists share)", "what it is"):
        table.add_column(heading, overflow="fold")
    for each in map(definition_of, list_metrics()):
        own = [name for name in each.parameters if name not in each.shared] + ["..."] * bool(each.shared)
        table.add_row(each.name, each.family, ", ".join(own), each.summary)
    print_rich(table, folded=True)
    click.echo("In Python, fastrank.metrics.mean_of(fn) is the mean of a function of your own.", err=True)


@main.command()
@click.option("--rows", type=click.IntRange(1), default=1_000_000, show_default=True, help="Rows to write.")
@click.option("--folder", type=click.Path(file_okay=False, path_type=Path), default=Path("demo"), show_default=True,
              help="Folder to write to.")  # fmt: skip
def demo(rows: int, folder: Path) -> None:
    """Write a made-up click log as Parquet and evaluate it."""
    from fastrank.demo import write_click_log

    clicks = folder / "clicks"
    paths = write_click_log(clicks, rows)
    size = sum(path.stat().st_size for path in paths) / 1e6
    click.echo(f"wrote {len(paths)} Parquet file(s), {size:.1f} MB, to {clicks}\n")
    arguments = ["evaluate", str(clicks), "--label", "clicked", "--score", "p_click", "--query", "session_id"]
    for name in ("auc", "auc(bits=20)", "log_loss", "nce", "calibration_ratio", "ndcg@10", "mrr", "recall@5"):
        arguments += ["-m", name]
    arguments += ["--by", "country"]
    click.echo("$ fastrank " + " ".join(f"'{word}'" if "(" in word else word for word in arguments) + "\n")
    main.main(arguments, standalone_mode=False)


@main.command()
@click.argument("reference")
@click.argument("current")
@click.option("--column", "columns", multiple=True, help="Column to compare; again for more.  Default: all.")
@click.option("--categorical", multiple=True, help="Column of numbers that are categories; again for more.")
@click.option("--weight", help="Column of row weights.")
@click.option("--where", help="Condition on rows, in SQL.")
@click.option("--bins", type=int, default=10, show_default=True, help="Bins of numbers, equal parts of REFERENCE.")
@click.option("--floor", type=float, default=1e-4, show_default=True, help="Least share of a cell for psi and KL.")
@click.option("--normalize", is_flag=True, help="Divide wasserstein by the standard deviation in REFERENCE.")
@click.option("--bits", type=int, help="Keep numbers in 2^bits cells, in bounded memory, with bounds.")
@click.option("--max-categories", type=int, default=MOST_CATEGORIES, show_default=True,
              help="Most categories of a column on a side; more are an error.")  # fmt: skip
@click.option("--on-invalid", type=click.Choice(["raise", "drop"]), default="raise", show_default=True,
              help="Stop at an invalid row, or drop and count such rows.")  # fmt: skip
@click.option("--memory-limit", type=click.IntRange(1), default=DEFAULT_MEMORY_LIMIT, show_default=True,
              help="Bytes of distinct numbers in memory; more go to a temporary file.")  # fmt: skip
@click.option("--format", "format_", type=click.Choice(["table", "json", "csv", "parquet"]),
              help="Of the output.  Default: by the suffix of --output, else a table.")  # fmt: skip
@click.option("-o", "--output", type=click.Path(dir_okay=False, path_type=Path), help="File to write to.")
def drift(
    reference: str, current: str, columns: tuple[str, ...], format_: str | None, output: Path | None, **options: Any
) -> None:
    """How far the columns of CURRENT drifted from those of REFERENCE: files, globs or folders."""
    write = result_writer(format_, output)
    write(drift_of(reference, current, list(columns) or None, **options))


@main.command("trec-eval")
@click.argument("qrels")
@click.argument("run_file", metavar="RUN")
@click.option("-m", "--measure", "measures", multiple=True, default=("official",),
              help="map, P.5,10, ndcg.1=3,2=9, ...; official (default), set, all_trec.  Again for more.")  # fmt: skip
@click.option("-q", "--query_eval_wanted", "per_query", is_flag=True, help="Print each query too.")
@click.option("-n", "--nosummary", "no_summary", is_flag=True, help="Do not print the summary.")
@click.option("-c", "--complete_rel_info_wanted", "complete", is_flag=True, help="Average over all judged queries.")
@click.option("-l", "--level_for_rel", "level", type=click.IntRange(0), default=1, show_default=True,
              help="Relevance from which a document is relevant.")  # fmt: skip
@click.option("-M", "--Max_retrieved_per_topic", "depth", type=click.IntRange(1), help="Rows of a query that count.")
@click.option("-J", "--Judged_docs_only", "judged_only", is_flag=True, help="Drop rows that have no judgment.")
@click.option("-N", "--Number_docs_in_coll", "collection", type=click.IntRange(0), default=0,
              help="Documents in the collection, for utility.")  # fmt: skip
def trec_eval(
    qrels: str,
    run_file: str,
    measures: tuple[str, ...],
    per_query: bool,
    no_summary: bool,
    depth: int | None,
    **rules: Any,
) -> None:
    """Evaluate a TREC RUN against QRELS with the options and the output of trec_eval 9.

    Files may be gzipped; - is the standard input.  Where trec_eval's own answer is undefined this command differs: a
    level above all judgments, gains less than 1 apart, and 0/0, which is 0 here.  A NaN score is an error.
    """
    from fastrank.compat.trec_eval import Rules, evaluate

    if depth is not None:
        rules["depth"] = depth
    evaluation = evaluate(qrels, run_file, measures, Rules(**rules))
    if per_query:
        for lines in evaluation.query_lines():
            click.echo(lines, nl=False)
    if not no_summary:
        click.echo(evaluation.summary_lines(), nl=False)
