"""Certified bounds of metrics of binned scores: they hold whatever the rows of a cell are, and data attain them."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import fastrank as fr

BITS = 12  # sign, exponent and three bits of the fraction: [2^k, 2^k * 1.125) is a cell
RELAXED = settings(max_examples=30, deadline=None)
METRICS = [
    "auc", "auc(max_fpr=0.3)", "auc(max_fpr=0.3, standardize=false)", "auc(min_tpr=0.6)", "auc_gini",
    "auc_standard_error", "average_precision", "ks", "pr_auc(method=step)", "pr_auc(method=trapezoid)",
    "pr_auc(method=davis_goadrich)", "pr_auc(method=integral)",
]  # fmt: skip
# The orders inside cells that attain each end: negatives above or below the positives, and these tied or each alone.
LOWEST, HIGHEST = ("below", "tied"), ("above", "tied")
ENDS = {
    "auc": (LOWEST, HIGHEST),
    "auc(max_fpr=0.3)": (LOWEST, HIGHEST),
    "auc(max_fpr=0.3, standardize=false)": (LOWEST, HIGHEST),
    "auc(min_tpr=0.6)": (LOWEST, HIGHEST),
    "auc_gini": (LOWEST, HIGHEST),
    "average_precision": (("below", "alone"), HIGHEST),
    "pr_auc(method=step)": (("below", "alone"), HIGHEST),
    "pr_auc(method=trapezoid)": (LOWEST, ("above", "alone")),
    "pr_auc(method=davis_goadrich)": (("below", "alone"), HIGHEST),
    "pr_auc(method=integral)": (LOWEST, ("above", "alone")),
}
# With weights, positives alone may weigh next to nothing: an end that is then approached only.
APPROACHED = {("average_precision", 0), ("pr_auc(method=step)", 0), ("pr_auc(method=trapezoid)", 1)}


def binned(metric: str) -> str:
    return metric.replace(")", f", bits={BITS})") if "(" in metric else f"{metric}(bits={BITS})"


def both(metric: str, rows: dict[str, Any]) -> tuple[dict[str, Any], float]:
    """The row of the binned metric, and the exact value."""
    weights = {"weight": "w"} if "w" in rows else {}
    row, exact = fr.evaluate(rows, [binned(metric), metric], label="y", score="s", **weights).table.to_pylist()
    return row, exact["value"]


def holds(metric: str, rows: dict[str, Any]) -> None:
    row, exact = both(metric, rows)
    assert math.isnan(row["value"]) == math.isnan(exact)
    if math.isnan(exact):
        assert row["bound_lower"] is None
        return
    assert row["bound_lower"] <= row["value"] <= row["bound_upper"]
    assert row["bound_lower"] <= exact <= row["bound_upper"], metric
    assert row["exact"] == (row["bound_lower"] == row["bound_upper"])


def arranged(cells: Sequence[tuple[int, int]], side: str, ties: str) -> dict[str, Any]:
    """Rows of cells of (positives, negatives), ascending: positives above or below the negatives of their cell."""
    labels, scores = [], []
    for k, (positives, negatives) in enumerate(cells):
        places = 2 + np.arange(positives) if ties == "alone" else np.full(positives, 2)
        labels += [1] * positives + [0] * negatives
        scores += (2.0**k * (1 + places * 2.0**-20)).tolist()
        scores += [2.0**k * (1 if side == "above" else 1.1)] * negatives
    return {"y": np.array(labels), "s": np.array(scores)}


CELLS = st.lists(
    st.tuples(st.integers(0, 12) | st.integers(100, 400), st.integers(0, 12) | st.integers(100, 400)),
    min_size=1, max_size=7,
).filter(lambda cells: any(p for p, _ in cells) and any(n for _, n in cells))  # fmt: skip


@pytest.mark.parametrize("metric", ENDS)
@RELAXED
@given(cells=CELLS)
def test_data_attain_the_ends(metric, cells):
    for name, arrangement in zip(("bound_lower", "bound_upper"), ENDS[metric], strict=True):
        row, exact = both(metric, arranged(cells, *arrangement))
        assert row["bound_lower"] <= exact <= row["bound_upper"]
        assert row[name] == pytest.approx(exact, abs=1e-12), (name, arrangement)


@pytest.mark.parametrize("metric", ENDS)
@RELAXED
@given(cells=CELLS, seed=st.integers(0, 2**32 - 1))
def test_weighted_data_attain_the_ends(metric, cells, seed):
    rng = np.random.default_rng(seed)
    for end, (name, arrangement) in enumerate(zip(("bound_lower", "bound_upper"), ENDS[metric], strict=True)):
        rows = arranged(cells, *arrangement)
        rows["w"] = 2.0 ** rng.integers(-20, 20, len(rows["y"])) * rng.random(len(rows["y"]))
        row, exact = both(metric, rows)
        assert row["bound_lower"] <= exact <= row["bound_upper"]
        if (metric, end) not in APPROACHED:
            assert row[name] == pytest.approx(exact, abs=1e-12), (name, arrangement)


@RELAXED
@given(cells=CELLS)
def test_data_attain_the_ends_of_ks(cells):
    found = [both("ks", arranged(cells, side, "tied")) for side in ("above", "below")]
    for row, exact in found:
        assert row["bound_lower"] <= row["value"] <= exact <= row["bound_upper"]
        assert row["bound_lower"] == pytest.approx(row["value"], abs=1e-15)
    assert max(exact for _, exact in found) == pytest.approx(found[0][0]["bound_upper"], abs=1e-15)


@pytest.mark.parametrize("metric", METRICS)
@RELAXED
@given(
    count=st.integers(1, 80),
    seed=st.integers(0, 2**32 - 1),
    spread=st.integers(1, 6),
    rate=st.sampled_from([0.05, 0.5, 0.95]),
    weighted=st.booleans(),
)
def test_bounds_hold(metric, count, seed, spread, rate, weighted):
    rng = np.random.default_rng(seed)
    # A few cells, with a few scores each, of both signs.
    scores = 2.0 ** rng.integers(0, spread, count) * (1 + rng.integers(0, spread, count) / 64)
    rows = {"y": (rng.random(count) < rate).astype(np.int8), "s": scores * rng.choice([-1.0, 1.0], count)}
    if weighted:
        rows["w"] = rng.choice([0.0, 0.5, 1.0, 3.0, 2.0**-20, 1e5], count)
        rows["w"][0] = 1.0  # no evaluation is of no row
    holds(metric, rows)


@pytest.mark.parametrize("metric", METRICS)
def test_one_row_a_cell_is_exact(metric):
    rng = np.random.default_rng(1)
    row, exact = both(metric, {"y": rng.integers(0, 2, 30), "s": 2.0 ** rng.permutation(30)})
    assert row["exact"]
    assert row["value"] == row["bound_lower"] == row["bound_upper"] == exact


@pytest.mark.parametrize("metric", METRICS)
def test_wide_cells_are_not_exact(metric):
    # Cells with rows of both classes, or with several positives below a negative.
    mixed, _ = both(metric, arranged([(3, 3), (2, 4)], "above", "tied"))
    assert not mixed["exact"]
    assert mixed["bound_lower"] < mixed["bound_upper"]


@pytest.mark.parametrize("metric", [metric for metric in METRICS if "p" in metric.partition("(")[0]])
def test_positives_that_may_tie_are_uncertain(metric):
    row, exact = both(metric, arranged([(0, 3), (4, 0), (0, 2)], "above", "alone"))
    assert not row["exact"]
    assert row["bound_lower"] <= exact <= row["bound_upper"]
    # Above all negatives they are not.
    row, exact = both(metric, arranged([(0, 3), (0, 2), (4, 0), (5, 0)], "above", "alone"))
    assert row["exact"]
    assert row["value"] == exact == 1.0


@pytest.mark.parametrize("metric", METRICS)
def test_bounds_narrow_with_bits(metric):
    rng = np.random.default_rng(2)
    scores = 1 / (1 + np.exp(3 - rng.normal(size=20_000)))
    rows = {"y": (rng.random(20_000) < scores).astype(np.int8), "s": scores}
    spelled = [binned(metric).replace(f"bits={BITS}", f"bits={bits}") for bits in (12, 16, 20)]
    table = fr.evaluate(rows, [*spelled, metric], label="y", score="s").table.to_pylist()
    exact = table.pop()["value"]
    widths = [row["bound_upper"] - row["bound_lower"] for row in table]
    assert widths[0] > 2 * widths[1] > 4 * widths[2] > 0
    for row in table:
        assert row["bound_lower"] <= exact <= row["bound_upper"]
