"""How far auc(bits=b) lies from the exact AUC, and how wide its certified bounds are: `python benchmarks/midpoint.py`.

Prints the tables of docs/binned_auc.md, for click logs of `--rows` rows (default: 2 million).
"""

from __future__ import annotations

import argparse
from typing import Any

import numpy as np
import pyarrow as pa
from data import clicks

import fastrank as fr

BITS = (12, 14, 16, 18, 20, 22, 24)
MEANS = (0.0, -3.0, -5.1, -8.1)  # of the log-odds of a click: click rates of 50 %, 7 %, 1 % and 0.05 %
WIDE = "auc(bits={})"


def measure(arrays: dict[str, Any]) -> tuple[float, list[tuple[float, float]]]:
    """The exact AUC, and by bits (the distance of the midpoint from it, half the width of the bounds)."""
    names = [WIDE.format(b) for b in BITS]
    table = fr.evaluate(pa.table(arrays), ["auc", *names], label="label", score="score").table.to_pylist()
    found = {row["metric"]: row for row in table}
    exact = found["auc"]["value"]
    for name in names:
        assert found[name]["bound_lower"] <= exact <= found[name]["bound_upper"], name
    halves = [(found[name]["bound_upper"] - found[name]["bound_lower"]) / 2 for name in names]
    return exact, [(abs(found[name]["value"] - exact), half) for name, half in zip(names, halves, strict=True)]


def print_table(title: str, heads: list[str], columns: list[list[float]]) -> None:
    """A table of Markdown, a row for each number of bits."""
    print(f"{title}\n\n| bits | cells | {' | '.join(heads)} |\n|---:|---:|{'---:|' * len(heads)}")
    for j, bits in enumerate(BITS):
        cells = " | ".join("0" if column[j] == 0 else f"{column[j]:.1e}" for column in columns)
        print(f"| {bits} | {1 << bits:,} | {cells} |")
    print()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=2_000_000)
    rows = parser.parse_args().rows
    heads, errors, halves = [], [], []
    for mean in MEANS:
        arrays = clicks(rows, mean)
        exact, found = measure(arrays)
        heads.append(f"{np.mean(arrays['label']):.2%} clicks (AUC {exact:.4f})")
        errors.append([error for error, _ in found])
        halves.append([half for _, half in found])
        clicks.cache_clear()
    print_table("Distance of the midpoint from the exact AUC:", heads, errors)
    print_table("Half the width of the certified bounds:", heads, halves)


if __name__ == "__main__":
    main()
