"""Metrics of a user's own functions."""

from __future__ import annotations

import math
import pickle
import subprocess
import sys
from collections.abc import Callable
from fractions import Fraction
from typing import Any

import cloudpickle
import helpers
import numba
import numpy as np
import pyarrow as pa
import pytest
from click.testing import CliRunner
from hypothesis import given, settings
from hypothesis import strategies as st

import fastrank as fr
from fastrank import metrics as m
from fastrank import reference
from fastrank.cli import main
from fastrank.errors import ParameterError, StateMismatchError

SCALE = 2.0
TABLE = np.array([0.5, 1.5])


def error(label: float, score: float) -> float:
    return score - label


def squared(label: float, score: float) -> float:
    return (score - label) ** 2


def scaled(label: float, score: float) -> float:
    return SCALE * TABLE[1] * (score - label)


def whole(label: float, score: float) -> int:
    return 1 if score > label else 0


def is_above(label: float, score: float) -> bool:
    return score > label


@numba.njit(error_model="numpy")
def compiled_before(label: float, score: float) -> float:
    return abs(score - label)


def through(label: float, score: float) -> float:
    return compiled_before(label, score) + math.log1p(math.exp(-score))


def loses(label: float, score: float) -> float:
    total = 0.0
    for k in range(3):
        total += score**k - label
    return total if total > 0 else -total / (1 + abs(score))


def test_a_mean_worked_by_hand() -> None:
    # Errors 1, -2, 0.5: mean -1/6; weights 1, 2, 1: (1 - 4 + 0.5) / 4.
    metric = m.mean_of(error)
    assert metric.compute([0, 2, 1], [1, 0, 1.5]) == float(Fraction(-1, 6))
    assert metric.compute([0, 2, 1], [1, 0, 1.5], weight=[1, 2, 1]) == -0.625
    assert math.isnan(metric.compute([], []))
    assert math.isnan(metric.compute([1.0], [2.0], weight=[0.0]))
    assert m.mean_of(scaled).compute([0.0], [1.0]) == 3.0
    assert m.mean_of(whole).compute([0, 0, 5], [1, 2, 3]) == float(Fraction(2, 3))
    assert m.mean_of(is_above).compute([0, 5], [1, 2]) == 0.5
    assert m.mean_of(compiled_before).compute([0, 5], [1, 2]) == 2.0


def test_terms_that_cancel_are_added_exactly() -> None:
    values = [1e17, 1.0, -1e17, 3e-9]
    weight = [0.7, 0.3, 0.7, 1.0]
    total = sum(Fraction(w) * Fraction(v) for w, v in zip(weight, values, strict=True))
    expected = float(total / sum(map(Fraction, weight)))
    assert m.mean_of(error).compute([0.0] * 4, values, weight=weight) == expected


@pytest.mark.parametrize(
    ("score", "expected"),
    [([0.0, 1.0], math.inf), ([0.0, -0.0], math.nan), ([2.0, 4.0], 0.375), ([-0.0, 5], -math.inf)],
)
def test_infinite_terms(score: list[float], expected: float) -> None:
    value = m.mean_of(lambda label, score: label / score, name="quotient").compute([1.0, 1.0], score)
    assert math.isnan(value) if math.isnan(expected) else value == expected
    # A row of weight 0 is absent, whatever its term.
    assert m.mean_of(lambda label, score: label / score, name="q").compute([1, 1], [0, 4], weight=[0, 1]) == 0.25


@settings(max_examples=10, deadline=None)
@given(
    count=st.integers(4, 300),
    seed=st.integers(0, 2**32 - 1),
    dtype=st.sampled_from([np.float32, np.float64]),
    weighted=st.booleans(),
)
def test_a_mean_equals_its_reference(count: int, seed: int, dtype: Any, weighted: bool) -> None:
    rows = helpers.make_rows([count], seed, dtype)
    label, score = np.array(rows["target"].to_pylist()), np.array(rows["p"].to_pylist(), dtype)
    weight = np.array(rows["weight"].to_pylist()) if weighted else None
    for function in (error, squared, scaled, whole, is_above, through, loses):
        value = m.mean_of(function).compute(label, score, weight)
        expected = reference.mean_of(function, label, score, weight)
        assert value == pytest.approx(expected, rel=1e-12, abs=1e-13, nan_ok=True)
        if weighted and np.any(weight == 0):
            kept = weight > 0
            assert helpers.bits(m.mean_of(function).compute(label[kept], score[kept], weight[kept])) == helpers.bits(
                value
            )


def test_the_same_bits_for_any_split_and_order() -> None:
    # Elementary functions of a vector loop may differ from those of single numbers: no row may meet another.
    rng = np.random.default_rng(0)
    rows = pa.RecordBatch.from_pydict({"y": rng.normal(size=70_001), "p": rng.random(70_001)})
    metric = m.mean_of(through)
    one = fr.evaluate(rows, metric, label="y", score="p")[metric.name]
    for size in (1 << 15, 4097, 1000):
        evaluator = fr.Evaluator(metric, label="y", score="p")
        for start in range(0, rows.num_rows, size):
            evaluator.update(rows.slice(start, size))
        assert helpers.bits(evaluator.result()[metric.name]) == helpers.bits(one)
    shuffled = rows.take(pa.array(rng.permutation(rows.num_rows)))
    assert helpers.bits(fr.evaluate(shuffled, metric, label="y", score="p")[metric.name]) == helpers.bits(one)
    with_threads = fr.evaluate(rows, metric, label="y", score="p", threads=2)[metric.name]
    assert helpers.bits(with_threads) == helpers.bits(one)


def test_names() -> None:
    assert m.mean_of(error).name == "error"
    assert m.mean_of(error, name="mine").name == "mine"
    assert m.mean_of(lambda y, p: p - y, name="bias", label="target").overrides == {"label": "target"}
    result = fr.evaluate({"y": [0.0], "p": [2.0]}, [m.mean_of(error), m.mean_of(squared), "mse"], label="y", score="p")
    assert (result["error"], result["squared"], result["mse"]) == (2.0, 4.0, 4.0)
    assert repr(m.mean_of(error, name="mine")) == "mean_of(error) as 'mine'"
    with pytest.raises(ParameterError, match="two metrics are called 'error'"):
        fr.Evaluator([m.mean_of(error), m.mean_of(squared, name="error")], label="y", score="p")


def returns_text(label: float, score: float) -> str:
    return "a"


def returns_nothing(label: float, score: float) -> None:
    return None


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: m.mean_of(lambda y, p: p), "a lambda has no name of its own: give name="),
        (lambda: m.mean_of(lambda y: y, name="short"), r"mean_of\(name='short'\).*take a label and a score: too many"),
        (lambda: m.mean_of(lambda y, p, q: y, name="long"), "has to take a label and a score: missing .*'q'"),
        (lambda: m.mean_of(returns_text), "returns_text has to return a number; it returns Literal"),
        (lambda: m.mean_of(returns_nothing), "returns_nothing has to return a number; it returns none"),
        (lambda: m.mean_of(lambda y, p: (y, p), name="pair"), "has to return a number; it returns UniTuple"),
        (lambda: m.mean_of(lambda y, p: y + "a", name="text"), "does not compile: there is no add"),
        (lambda: m.mean_of(lambda y, p: y.real_part, name="part"), "Unknown attribute 'real_part'"),
        (lambda: m.mean_of(lambda y, p: not_there(y), name="absent"), "name 'not_there' is not defined"),  # noqa: F821
        (lambda: m.mean_of(max), "<built-in function max> is no Python function of a label and a score"),
        (lambda: m.mean_of(3), "3 is no Python function"),
        (lambda: m.mean_of(error, label=3), "label=3; allowed: the name of a column"),
        (lambda: m.mean_of(error, name=""), "name=''; allowed: text that is not empty"),
        (lambda: m.mean_of(lambda y, p: p if CASE_OF_A_KIND else y, name="kind"), "uses a Fraction, of which"),
        (lambda: m.parse("mean_of(error)"), r"'mean_of\(error\)': no text tells a function"),
        (lambda: fr.evaluate({"y": [0], "p": [1]}, "Mean_Of(fn=error)", label="y", score="p"), "no text tells"),
    ],
)
def test_what_is_refused(make: Callable[[], Any], message: str) -> None:
    with pytest.raises(ParameterError, match=message):
        make()


CASE_OF_A_KIND = Fraction(1, 2)


def test_the_command_line_tells_of_it() -> None:
    for arguments in (["metrics", "mean_of"], ["metrics", "mean_of(error)"]):
        done = CliRunner().invoke(main, arguments)
        assert (done.exit_code, "fastrank.metrics.mean_of(fn) in Python" in done.stderr) == (1, True)
    assert "mean_of(fn)" in CliRunner().invoke(main, ["metrics"]).stderr


def identity(metric: m.Metric) -> str:
    return metric.states(())["loss"].digest


def test_equal_functions_are_one_and_others_are_not() -> None:
    def power(exponent: float) -> m.Metric:
        return m.mean_of(lambda label, score: abs(score - label) ** exponent, name="power")

    def with_default(label: float, score: float, shift: float = 1.0) -> float:
        return score - label + shift

    def with_another(label: float, score: float, shift: float = 2.0) -> float:
        return score - label + shift

    assert power(2.0) == power(2.0)
    assert identity(power(2.0)) == identity(power(2.0))
    different = [power(2.0), power(3.0), *map(m.mean_of, (error, squared, scaled, through, with_default, with_another))]
    different += [
        m.mean_of(lambda label, score: label - score, name="other"),
        m.mean_of(lambda y, p: p - y + 1, name="c"),
    ]
    assert len({identity(metric) for metric in different}) == len(different)
    assert m.mean_of(with_another).compute([0.0], [1.0]) == 3.0


def test_a_changed_global_is_another_function(monkeypatch: pytest.MonkeyPatch) -> None:
    before = m.mean_of(scaled)
    monkeypatch.setitem(globals(), "SCALE", 4.0)
    after = m.mean_of(scaled)
    assert (before == after, identity(before) == identity(after)) == (False, False)
    assert after.compute([0.0], [1.0]) == 6.0
    assert before.compute([0.0], [1.0]) == 3.0  # compiled when it was made


def test_states_merge_for_the_same_function_only() -> None:
    roles = {"label": "y", "score": "p"}
    rows = pa.RecordBatch.from_pydict({"y": [0.0, 1.0], "p": [1.0, 4.0]})
    mine = fr.Evaluator(m.mean_of(error), **roles)
    mine.update(rows)
    again = fr.Evaluator(m.mean_of(error), **roles)
    again.merge(mine.state())
    again.merge(mine)
    again.update(rows.slice(0, 1))
    assert again.result()["error"] == 9 / 5
    with pytest.raises(StateMismatchError):
        again.merge(fr.Evaluator(m.mean_of(squared, name="error"), **roles).state())


CHILD = """
import pickle, sys
import pyarrow as pa
metric, evaluator = pickle.loads(sys.stdin.buffer.read())
evaluator.update(pa.RecordBatch.from_pydict({"y": [1.0], "p": [3.0]}))
table = evaluator.state()
sys.stdout.buffer.write(pickle.dumps((metric.compute([1.0, 0.0], [4.0, 0.0]), evaluator.result()[metric.name], table)))
"""


@pytest.mark.parametrize("where", ["importable", "lambda"])
def test_metrics_and_evaluators_travel_to_another_process(where: str) -> None:
    exponent = 2.0
    if where == "importable":
        metric, pack = m.mean_of(helpers.log_share, name="mine"), pickle
    else:
        metric, pack = m.mean_of(lambda label, score: math.fabs(score - label) ** exponent, name="mine"), cloudpickle
    evaluator = fr.Evaluator(metric, label="y", score="p")
    evaluator.update(pa.RecordBatch.from_pydict({"y": [1.0, 0.0], "p": [4.0, 0.0]}))
    assert pickle.loads(pack.dumps(metric)) == metric
    done = subprocess.run(
        [sys.executable, "-c", f"import sys\nsys.path[:0] = {sys.path!r}\n{CHILD}"],
        input=pack.dumps((metric, evaluator)), capture_output=True, check=True,
    )  # fmt: skip
    value, both, state = pickle.loads(done.stdout)
    assert value == metric.compute([1.0, 0.0], [4.0, 0.0])
    assert both == metric.compute([1.0, 0.0, 1.0], [4.0, 0.0, 3.0])
    # The same function in the other process, by its digest.
    evaluator.merge(state)
    assert evaluator.result()["mine"] == metric.compute([1.0, 0.0, 1.0, 0.0, 1.0], [4.0, 0.0, 4.0, 0.0, 3.0])


def test_a_state_without_its_function_merges_but_takes_no_rows() -> None:
    from fastrank.accumulators import FunctionSum

    class NoRows:
        count = 1

    with pytest.raises(ParameterError, match="whose function is not at hand"):
        FunctionSum("0" * 32).update(NoRows(), None)  # type: ignore[arg-type]
