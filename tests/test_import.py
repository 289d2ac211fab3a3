"""What an import costs: in fresh processes, which modules are there and which are not."""

from __future__ import annotations

import subprocess
import sys

HEAVY = ("numba", "pandas", "pyarrow.dataset", "rich", "sqlglot")


def loaded(code: str) -> list[str]:
    """Which heavy modules a fresh process has after running the code."""
    script = f"import sys\n{code}\nprint(*(name for name in {HEAVY!r} if name in sys.modules))"
    done = subprocess.run([sys.executable, "-W", "error", "-c", script], capture_output=True, text=True, check=True)
    return done.stdout.split()


def test_import_loads_nothing_heavy() -> None:
    assert loaded("import fastrank") == []


def test_calibration_is_loaded_when_it_is_asked_for() -> None:
    script = """
import sys, fastrank as fr
assert "fastrank.calibration" not in sys.modules
print(fr.calibration.DownsamplingCorrection(0.5))
"""
    done = subprocess.run([sys.executable, "-W", "error", "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout == "DownsamplingCorrection(rate=0.5)\n"


def test_core_metrics_load_nothing_heavy() -> None:
    code = """
import numpy as np
from fastrank import metrics as m
label, score = np.array([0, 1], np.int8), np.array([0.2, 0.7])
for metric in (m.auc(), m.auc(bits=20), m.log_loss(), m.nce(), m.brier(), m.calibration_ratio()):
    metric.compute(label, score)
for metric in (m.ndcg(k=10), m.mrr(), m.map(), m.precision(k=1), m.recall(k=1), m.hit_rate(k=1)):
    metric.compute(label, score, query=label)
"""
    assert loaded(code) == []


def test_text_ids_and_slices_load_nothing_heavy() -> None:
    code = """
import numpy as np, fastrank as fr
rows = {"y": np.array([0, 1]), "p": np.array([0.2, 0.7]), "q": ["a", "b"], "c": ["x", "y"]}
result = fr.evaluate(rows, ["auc", "mrr"], label="y", score="p", query="q", by="c")
assert result["mrr", {"c": "y"}] == 1.0
"""
    assert loaded(code) == []


def test_a_function_of_a_users_own_needs_numba() -> None:
    # The checks above would pass whatever happened if nothing ever loaded numba.
    code = """
from fastrank import metrics
def error(label, score):
    return score - label
metrics.mean_of(error).compute([1.0], [2.0])
"""
    assert loaded(code) == ["numba"]


def test_numba_compiles_once_for_read_only_and_writable_input() -> None:
    import numpy as np

    from fastrank._kernels import user_functions

    def error(label: float, score: float) -> float:
        return score - label

    identity = user_functions.digest(error)
    fill = user_functions.compiled(error, 2, identity)
    writable = np.ones(user_functions.LANES)
    read_only = writable.copy()
    read_only.flags.writeable = False
    terms = np.empty(user_functions.LANES)
    for array in (writable, read_only):
        fill(array, array + 1, terms)
        assert (terms == 1).all()
    assert len(fill.signatures) == 1
    assert user_functions.compiled(error, 2, identity) is fill
