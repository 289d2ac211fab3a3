"""The layouts of docs/parquet.md: the same rows give the same values, to the last bit, however they are written."""

from __future__ import annotations

from pathlib import Path

import pytest
from parquet_layouts import COMPARISONS, Comparison, clicks

import fastrank as fr

# Text of a float32 is read as the float64 that it says.
OTHER_ROWS = ("score as decimal(9, 6)", "one score in a hundred is null", "CSV")
# Slices of other names, or of other rows.
OTHER_SLICES = ("50 texts with a dictionary", "50 texts, plain", "5,000 texts with a dictionary")


@pytest.mark.parametrize("comparison", COMPARISONS, ids=lambda comparison: comparison.title)
def test_values_do_not_depend_on_the_layout(comparison: Comparison, tmp_path: Path) -> None:
    table = clicks(2_000)
    found = []
    for number, layout in enumerate(comparison.layouts):
        folder = tmp_path / str(number)
        assert layout.write(table, comparison.columns, folder) > 0
        result = fr.evaluate(folder, **comparison.evaluation | layout.evaluation)
        values = result.table.select(["metric", "value"]).to_pylist()
        if layout.name in OTHER_SLICES:
            values = values[:1]
        if layout.name not in OTHER_ROWS:
            found.append((layout.name, values))
    _, first = found[0]
    for name, values in found[1:]:
        assert values == first[: len(values)], name
