"""Tables of a benchmark run: `python benchmarks/report.py FILE`, where FILE is what --benchmark-json wrote."""

from __future__ import annotations

import json
import sys
from collections import defaultdict
from pathlib import Path
from typing import NamedTuple

from rich.console import Console
from rich.table import Table

OURS = "fastrank"
WIDTH = 170


class Speed(NamedTuple):
    rows: int
    rate: float  # rows a second


def _read(path: Path) -> dict[str, dict[str, Speed]]:
    """Speeds by case and contestant."""
    speeds: dict[str, dict[str, Speed]] = defaultdict(dict)
    for entry in json.loads(path.read_text())["benchmarks"]:
        about = entry["extra_info"]
        speeds[about["case"]][about["contestant"]] = Speed(about["rows"], about["rows"] / entry["stats"]["min"])
    return speeds


def _millions(speed: Speed) -> str:
    return f"{speed.rate / 1e6:.0f}" if speed.rate >= 1e8 else f"{speed.rate / 1e6:.3g}"


def _cell(name: str, ours: Speed, theirs: Speed) -> str:
    """Millions of rows a second, and a ratio; * where over fewer rows."""
    ratio = theirs.rate / ours.rate if name.startswith(OURS) else ours.rate / theirs.rate
    times = f"{ratio:.0f}" if ratio >= 10 else f"{ratio:.2g}"
    return f"{_millions(theirs)} ({times}x){'*' if theirs.rows < ours.rows else ''}"


def main(path: Path) -> None:
    """Prints a table of the cases that have the same contestants."""
    tables: dict[tuple[str, ...], list[str]] = defaultdict(list)
    speeds = _read(path)
    for case, contestants in speeds.items():
        if OURS not in contestants:
            continue  # it failed, or was deselected
        tables[tuple(contestants)].append(case)
    console = Console(width=WIDTH)
    console.print(
        "Millions of rows a second, on one thread but where it says two.\n"
        "(7x): fastrank on one thread is seven times as fast; with two threads: seven times as fast as with one.\n"
        "*: over fewer rows.  numpy: NumPy, or the Python of fastrank.reference.\n"
    )
    for names, cases in tables.items():
        others = sorted((name for name in names if name != OURS), key=lambda name: not name.startswith(OURS))
        table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
        table.add_column("case", min_width=32)
        for heading in ("rows", OURS, *others):
            table.add_column(heading.replace(", ", ",\n"), justify="right", no_wrap=True)
        for case in cases:
            ours = speeds[case][OURS]
            cells = (_cell(name, ours, speeds[case][name]) for name in others)
            table.add_row(case, f"{ours.rows:,}", _millions(ours), *cells)
        console.print(table, "")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
