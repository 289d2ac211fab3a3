"""A table of a benchmark run: `python benchmarks/report.py FILE`, where FILE is what --benchmark-json wrote."""

from __future__ import annotations

import json
import sys
from collections import defaultdict
from pathlib import Path

from rich.console import Console
from rich.table import Table


def main(path: Path) -> None:
    """Prints millions of rows a second of each contestant, and ratios of fastrank to the others."""
    rates: dict[str, dict[str, float]] = defaultdict(dict)
    for entry in json.loads(path.read_text())["benchmarks"]:
        about = entry["extra_info"]
        rates[f"{about['case']}, {about['rows']:,} rows"][about["contestant"]] = (
            about["rows"] / entry["stats"]["min"] / 1e6
        )
    table = Table(box=None, pad_edge=False)
    table.add_column("case")
    for heading in ("fastrank", "numpy", "scikit-learn", "x numpy", "x scikit-learn"):
        table.add_column(heading, justify="right")
    for case, rate in rates.items():
        peers = [rate.get("numpy"), rate.get("scikit-learn")]
        table.add_row(
            case,
            f"{rate['fastrank']:.0f}",
            *(f"{peer:.3g}" if peer else "" for peer in peers),
            *(f"{rate['fastrank'] / peer:.1f}" if peer else "" for peer in peers),
        )
    Console(width=120).print("millions of rows a second, one thread", table)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
