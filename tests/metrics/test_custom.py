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
from fastrank.errors import InvalidValueError, ParameterError, StateMismatchError
from fastrank.wire import from_table

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


def test_states_merge_where_the_function_is_at_neither_side() -> None:
    metric = m.mean_of(through, label="y", score="p")
    halves = []
    for y, p in (([1.0, 2.0], [2.0, 0.5]), ([3.0, 1.0, 2.0], [1.0, 7.0, 2.0])):
        evaluator = fr.Evaluator(metric)
        evaluator.update(pa.record_batch({"y": pa.array(y), "p": pa.array(p)}))
        halves.append(from_table(evaluator.state(), 1 << 20).accumulators)
    for identity, mine in halves[0].items():
        assert getattr(mine, "function", None) is None
        mine.merge(halves[1][identity], np.array([0]))
    total, weight = (next(a for a in halves[0].values() if a.kind == kind) for kind in ("function_sum", "exact_sum"))
    expected = metric.compute([1.0, 2.0, 3.0, 1.0, 2.0], [2.0, 0.5, 1.0, 7.0, 2.0])
    assert total.at(0).over(weight.at(0)) == expected


def cubed(label: float) -> float:
    return label**3


def reciprocal(rank: float) -> float:
    return 1 / rank


def refuses_one_and_four(label: float) -> float:
    return -1.0 if label == 1 else math.nan if label == 4 else label


LISTS = {
    "y": [3, 0, 2, 1, 1, 0, 2, 0, 0], "p": [0.9, 0.8, 0.5, 0.5, 0.1, 0.4, 0.4, 0.3, 0.2], "q": [1] * 5 + [2] * 4,
}  # fmt: skip


def of_lists(metric: m.Metric) -> float:
    return metric.compute(LISTS["y"], LISTS["p"], query=LISTS["q"])


def test_gains_and_discounts_worked_by_hand() -> None:
    # First list: gains 27, 0, then 8 and 1 tied on ranks 3 and 4, then 1.  Second: 0 and 8 tied on ranks 1 and 2.
    first = 27 + 4.5 * (1 / 3 + 1 / 4) + 1 / 5
    second = 4 * (1 + 1 / 2)
    ideals = 27 + 8 / 2 + 1 / 3 + 1 / 4, 8.0
    own = {"gain": cubed, "discount": reciprocal}
    assert of_lists(m.dcg(**own)) == pytest.approx((first + second) / 2, rel=1e-15)
    assert of_lists(m.ndcg(**own)) == pytest.approx((first / ideals[0] + second / ideals[1]) / 2, rel=1e-15)
    assert of_lists(m.dcg(gain=lambda label: 2 * label, k=1)) == (6 + 2) / 2
    assert of_lists(m.dcg(discount=lambda rank: 1.0)) == 9 / 2
    # A perfect order is exactly 1, whatever the functions.
    perfect = m.ndcg(gain=lambda label: label / 3, discount=lambda rank: 1 / (rank + 0.1))
    assert perfect.compute([3, 2, 1, 1, 0], [5, 4, 3, 2, 1], query=[1] * 5) == 1.0


@pytest.mark.parametrize("ties", ["average", "item_desc", "pessimistic", "optimistic"])
@pytest.mark.parametrize("idcg", ["judged", "listed", "full_k", "label_order"])
@pytest.mark.parametrize("k", [3, None])
def test_gains_and_discounts_equal_their_reference(ties: str, idcg: str, k: int | None) -> None:
    if idcg == "full_k" and k is None:
        return
    rows = helpers.make_rows([4, 25, 1, 9, 2, 40, 6], 11)
    names = {"label": "grade", "score": "p", "query": "query"}
    columns = {name: np.array(rows[of].to_pylist()) for name, of in names.items()}
    options = {"k": k, "ties": ties, "gain": cubed, "discount": reciprocal}
    item = np.array(rows["item"].to_pylist())
    roles = {"label": "grade", "score": "p", "query": "query", "item": "item"}
    for name, more in (("ndcg", {"idcg": idcg}), ("dcg", {})):
        metric = getattr(m, name)(**options, **more, name="mine")
        value = fr.evaluate(rows, metric, **roles)["mine"]
        expected = getattr(reference, name)(**columns, item=item, **options, **more)
        assert value == pytest.approx(expected, rel=1e-12), name


def test_functions_that_are_log2_and_linear_are_these() -> None:
    label, score, query = LISTS["y"], LISTS["p"], LISTS["q"]
    for name in ("ndcg", "dcg"):
        make = getattr(m, name)
        own = make(gain=lambda label: label, discount=lambda rank: 1 / math.log2(rank + 1))
        assert own.compute(label, score, query=query) == pytest.approx(of_lists(make()), rel=1e-15)


def test_gains_and_discounts_by_propensity() -> None:
    rows = helpers.make_rows([4, 25, 9], 3)
    names = {"label": "grade", "score": "p", "query": "query", "propensity": "propensity"}
    columns = {name: np.array(rows[of].to_pylist()) for name, of in names.items()}
    metric = m.ndcg(k=5, propensity="propensity", gain=cubed, discount=reciprocal, label="grade", name="mine")
    value = fr.evaluate(rows, metric, score="p", query="query")["mine"]
    assert value == pytest.approx(reference.ndcg(**columns, k=5, gain=cubed, discount=reciprocal), rel=1e-12)


@pytest.mark.parametrize(
    ("make", "error_class", "message"),
    [
        (lambda: of_lists(m.ndcg(gain=refuses_one_and_four)), InvalidValueError, r"refuses_one_and_four\(1\) is -1.0"),
        (lambda: m.dcg(gain=refuses_one_and_four).compute([4], [1], query=[1]), InvalidValueError, r"\(4\) is nan"),
        (
            lambda: of_lists(m.dcg(discount=lambda rank: 3.5 - rank)),
            InvalidValueError,
            r"\(4\) is -0.5; allowed",
        ),
        (lambda: of_lists(m.ndcg(discount=lambda rank: 1 / (3 - rank))), InvalidValueError, r"\(3\) is inf"),
        (lambda: m.ndcg(gain=lambda: 1), ParameterError, "ndcg: gain=<lambda> has to take a label: too many"),
        (lambda: m.dcg(discount=lambda rank: "a"), ParameterError, "dcg: discount=<lambda> has to return a number"),
        (lambda: m.dcg(discount=max), ParameterError, "no Python function of a rank"),
        (lambda: m.parse("ndcg(gain=cubed)"), ParameterError, "allowed: .*or a function of a label"),
        (lambda: m.parse("ndcg(discount=linear)"), ParameterError, 'allowed: "log2", or a function of a rank'),
    ],
)
def test_gains_and_discounts_that_are_refused(make: Any, error_class: Any, message: str) -> None:
    with pytest.raises(error_class, match=message):
        make()


def test_a_discount_that_no_list_needs_may_be_anything() -> None:
    assert of_lists(m.dcg(discount=lambda rank: 3.5 - rank, k=3)) > 0


def test_gains_and_discounts_travel() -> None:
    metric = m.ndcg(gain=cubed, discount=reciprocal, k=3)
    assert str(metric) == "ndcg(gain=cubed, discount=reciprocal)@3"
    for pack, mine in ((pickle, m.ndcg(gain=helpers.doubled, k=3)), (cloudpickle, metric)):
        assert pickle.loads(pack.dumps(mine)) == mine
    assert metric != m.ndcg(gain=reciprocal, discount=reciprocal, k=3)
    rows = pa.RecordBatch.from_pydict(LISTS)
    roles = {"label": "y", "score": "p", "query": "q"}
    mine, other = fr.Evaluator(metric, **roles), fr.Evaluator(metric, **roles)
    mine.update(rows.slice(0, 5))
    other.update(rows.slice(5))
    mine.merge(other.state())
    assert mine.result()[metric.name] == of_lists(metric)
    with pytest.raises(StateMismatchError):
        mine.merge(fr.Evaluator(m.ndcg(gain=reciprocal, k=3), **roles).state())


def test_a_state_of_a_gain_that_is_not_at_hand_takes_no_lists() -> None:
    from fastrank.functions import function_values

    with pytest.raises(ParameterError, match="not at hand"):
        function_values("function:" + "0" * 32, np.ones(1))
