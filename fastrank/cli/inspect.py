"""`fastrank inspect`."""

from __future__ import annotations

import json
from typing import Any

import click

from fastrank.cli.output import print_rich, progress
from fastrank.inspections import inspect as inspect_source

__all__ = ["inspect"]


@click.command()
@click.argument("source", nargs=-1, required=True)
@click.option("--check", is_flag=True, help="Read the columns: invalid values, distinct values, order of queries.")
@click.option(
    "--label", multiple=True, help="Column of labels; again for more.  Default: likely ones, as of all roles."
)
@click.option("--score", multiple=True, help="Column of scores; again for more.")
@click.option("--query", multiple=True, help="Column of query (user, session) ids; again for more.")
@click.option("--item", multiple=True, help="Column of item (document) ids; again for more.")
@click.option("--weight", multiple=True, help="Column of weights; again for more.")
@click.option("--by", multiple=True, help="Column of slices; again for more.")
@click.option("--format", "format_", type=click.Choice(["table", "json"]), default="table", show_default=True,
              help="Of the output.")  # fmt: skip
def inspect(source: tuple[str, ...], check: bool, format_: str, **roles: tuple[str, ...]) -> None:
    """Tell how SOURCE is stored, which columns fit which roles, and what will be slow.

    Files, globs or folders of Parquet, Arrow IPC, ORC or CSV.  Ends with code 1 where a file cannot be read.
    """
    named: dict[str, Any] = {role: list(names) or None for role, names in roles.items()}
    found = inspect_source(source[0] if len(source) == 1 else list(source), check=check, progress=progress, **named)
    if format_ == "json":
        click.echo(json.dumps(found.to_dict(), indent=1))
    else:
        print_rich(found.to_rich())
    if found.unreadable:
        click.get_current_context().exit(1)
