"""Runs the table of cases: `make bench`, or `pytest benchmarks --benchmark-enable --rows 5000000`.

Each answer is checked against the reference before it is timed; contestants of a case are a group, so that
their ratios are of one run.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path
from time import perf_counter
from typing import Any

import numpy as np
import pytest
from cases import CASES
from contestants import Answer, Case
from trec_eval import OURS, TOPIC_LINES, differences, time_process, write_files

from fastrank import list_metrics

RUNS = [pytest.param(case, name, id=f"{case.name}-{name}") for case in CASES for name in case.contestants]
SECONDS = 1.0  # to spend on a contestant, but for three rounds


@cache
def expected(name: str, rows: int) -> Answer:
    case = next(case for case in CASES if case.name == name)
    return case.reference.run(case.reference.prepare(case.data(rows)))


@pytest.mark.parametrize(("case", "name"), RUNS)
def test_case(case: Case, name: str, benchmark: Any, rows: int) -> None:
    contestant = case.contestants[name]
    if contestant.needs is not None:
        pytest.importorskip(contestant.needs)
    rows = case.rows(name, rows)
    prepared = contestant.prepare(case.data(rows))
    contestant.run(prepared)  # what is compiled or imported at the first use
    begin = perf_counter()
    answer = contestant.run(prepared)
    seconds = perf_counter() - begin
    tolerance = max(contestant.tolerance, case.reference.tolerance)
    np.testing.assert_allclose(np.ravel(answer), np.ravel(expected(case.name, rows)), rtol=tolerance)
    benchmark.extra_info.update(rows=rows, case=case.name, contestant=name)
    benchmark.group = case.name
    benchmark.pedantic(contestant.run, (prepared,), rounds=min(max(int(SECONDS / seconds), 3), 50))


def test_every_metric_has_a_case() -> None:
    names = {case.name.partition("@")[0].partition("(")[0] for case in CASES}
    assert set(list_metrics()) <= names


def test_files_of_trec_eval(tmp_path: Path) -> None:
    run, qrels = tmp_path / "run", tmp_path / "qrels"
    write_files(run, qrels, 3 * TOPIC_LINES)
    _, answers = time_process([*OURS, "-m", "all_trec", str(qrels), str(run)], rounds=1)
    retrieved = next(line for line in answers.splitlines() if line.startswith("num_ret"))
    assert retrieved.split()[-1] == str(3 * TOPIC_LINES)
    assert differences(answers, answers) == []
    assert differences(answers, answers.replace(retrieved, "num_ret all 1")) == ["num_ret"]
