"""Runs the table of cases: `make bench`, or `pytest benchmarks --benchmark-enable --rows 5000000`.

Each answer is checked against the reference before it is timed; contestants of a case are a group, so that
their ratios are of one run.
"""

from __future__ import annotations

import math
from typing import Any

import pytest
from cases import CASES, Case

from fastrank import list_metrics

RUNS = [pytest.param(case, name, id=f"{case.name}-{name}") for case in CASES for name in case.contestants]


@pytest.mark.parametrize(("case", "name"), RUNS)
def test_case(case: Case, name: str, benchmark: Any, rows: int) -> None:
    contestant = case.contestants[name]
    # All contestants of a case get the same rows, so that their times compare.
    rows = min([rows, *(c.largest for c in case.contestants.values() if c.largest is not None)])
    arrays = case.data(rows)
    prepared = contestant.prepare(arrays)
    reference = case.contestants["numpy"]
    expected = reference.run(reference.prepare(arrays))
    assert math.isclose(contestant.run(prepared), expected, rel_tol=max(contestant.tolerance, reference.tolerance))
    benchmark.group = f"{case.name}, {rows:,} rows"
    benchmark.extra_info["rows"] = rows
    benchmark.extra_info["case"] = case.name
    benchmark.extra_info["contestant"] = name
    benchmark(contestant.run, prepared)


def test_every_metric_has_a_case() -> None:
    names = {case.name.partition("@")[0].partition("(")[0] for case in CASES}
    assert set(list_metrics()) <= names
