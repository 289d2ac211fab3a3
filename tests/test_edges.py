"""Edges where a number could go wrong without a word."""

from __future__ import annotations

import math
import pickle
from decimal import Decimal
from fractions import Fraction
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

import fastrank as fr
from fastrank import metrics as m
from fastrank.errors import ColumnTypeError, FastrankError, ParameterError, StateMismatchError

ROLES: dict[str, Any] = {"label": "y", "score": "p", "query": "q"}


def batch(**columns: Any) -> pa.RecordBatch:
    return pa.record_batch({"y": [0, 1], "p": [0.5, 0.25], "q": [1, 1], **columns})


def test_slices_of_many_columns_of_many_values() -> None:
    # 2000 values in each of six columns: 2000^6 combinations are more than an int64 counts.
    generator = np.random.default_rng(0)
    names = list("abcdef")
    columns = {name: generator.permutation(2000) for name in names}
    table = pa.table({"y": np.arange(2000) % 2, "p": np.full(2000, 0.5), **columns})
    result = fr.evaluate(table, "log_loss", label="y", score="p", by=names).table.slice(1)
    found = set(zip(*(result[name].to_pylist() for name in names), strict=True))
    assert found == set(zip(*(columns[name].tolist() for name in names), strict=True))


def test_ids_have_one_type() -> None:
    seconds = batch(q=pa.array([1, 7], pa.timestamp("s")))
    milliseconds = batch(q=pa.array([7000, 8000], pa.timestamp("ms")))
    evaluator, other = fr.Evaluator("mrr", **ROLES), fr.Evaluator("mrr", **ROLES)
    evaluator.update(seconds)
    other.update(milliseconds)
    before = evaluator.result().to_dict()
    with pytest.raises(ColumnTypeError, match=r"column 'q' \(query\) is of type timestamp\[ms\], but was of type"):
        evaluator.update(milliseconds)
    for state in (other, other.state()):
        with pytest.raises(StateMismatchError, match=r"column 'q' \(query\) is of type timestamp\[s\] here"):
            evaluator.merge(state)
    assert evaluator.result().to_dict() == before
    mixed = fr.Evaluator("mrr", **ROLES, item="d")
    mixed.update(batch(d=[1, 2]))
    with pytest.raises(ColumnTypeError, match=r"column 'd' \(item\) is of type string"):
        mixed.update(batch(d=["a", "b"], q=[2, 2]))


def test_a_rate_next_to_one_is_as_exact_as_one_next_to_zero() -> None:
    label, score, weight = [0, 1, 1], [0.25, 0.875, 0.75], [2.0**-60, 1, 1]
    mirrored = [1 - y for y in label], [1 - p for p in score]
    near_one, near_zero = m.nce().compute(label, score, weight=weight), m.nce().compute(*mirrored, weight=weight)
    assert math.isclose(near_one, near_zero, rel_tol=1e-15)
    rare = Fraction(2.0**-60) / (2 + Fraction(2.0**-60))
    entropy = float(rare) * (1 - math.log(rare))  # to first order in the rate
    loss = -(2.0**-60 * math.log(0.75) + math.log(0.875) + math.log(0.75)) / 2
    assert math.isclose(near_one, loss / entropy, rel_tol=1e-14)


@pytest.mark.parametrize("spelling", ["log_loss(eps=5e-324)", "log_loss(eps=1e-20)", "nce(background=5e-324)"])
def test_bounds_beyond_float64_are_refused(spelling: str) -> None:
    with pytest.raises(ParameterError, match=r"allowed: |1 - eps is 1 in float64; give 2\^-53 or more"):
        m.parse(spelling)


def test_numbers_that_would_overflow_are_refused() -> None:
    bad = {"mse": {"y": [1e302, 0]}, "ndcg": {"y": [1.7e308, 1.0]}, "calibration_ratio": {"p": [0, 1e302]}}
    for name, rows in bad.items():
        with pytest.raises(FastrankError, match=r"numbers up to 2\^1000 in size"):
            fr.evaluate({"y": [0.0, 1.0], "p": [0.5, 0.25], "q": [1, 1], **rows}, name, **ROLES)
    with pytest.raises(ParameterError, match="gains from 0"):
        m.ndcg(gain={1: 1.7e308})
    assert m.ndcg().compute([2.0**1000, 2.0**1000, 1], [3, 2, 1], query=[1, 1, 1]) == 1.0


def test_an_evaluator_does_not_hold_on_to_memory_that_is_used_again() -> None:
    label, score = np.array([0, 1], np.int8), np.array([0.1, 0.9])
    rows = {"y": label, "p": score, "q": np.array([1, 1])}
    evaluator = fr.Evaluator(["auc", "mrr", "auc(bits=20)"], **ROLES)
    for first, second in ((0.1, 0.9), (0.2, 0.8)):
        score[:] = first, second
        kinds = {"y": pa.int8(), "p": pa.float64(), "q": pa.int64()}
        arrays = [pa.Array.from_buffers(kind, 2, [None, pa.py_buffer(rows[name])]) for name, kind in kinds.items()]
        evaluator.update(pa.RecordBatch.from_arrays(arrays, names=["y", "p", "q"]))
        rows["q"] = rows["q"] + 1
    score[:] = 1.0, 0.0
    assert evaluator.result().to_dict()["value"] == [1.0, 1.0, 1.0]


@pytest.mark.parametrize("order", [(0, 1), (1, 0)])
def test_a_column_of_nulls_is_of_any_type(order: tuple[int, int]) -> None:
    parts = [batch(c=pa.nulls(2)), batch(c=["a", None], q=[2, 2])]
    evaluators = [fr.Evaluator("auc", label="y", score="p", by="c") for _ in range(3)]
    for evaluator, part in zip(evaluators, parts, strict=False):
        evaluator.update(part)
    for place in order:
        evaluators[2].update(parts[place])
    evaluators[order[0]].merge(evaluators[order[1]].state())
    for evaluator in (evaluators[2], evaluators[order[0]]):
        table = evaluator.result().table
        assert table["c"].to_pylist() == [None, "a", None]
        assert table["grouping"].to_pylist() == ["", "c", "c"]
        assert table["rows"].to_pylist() == [4, 1, 3]
    assert evaluators[2].state().equals(evaluators[order[0]].state())


@pytest.mark.parametrize(
    ("mine", "theirs"),
    [
        (["mse", "log_loss"], ["log_loss"]),
        (["ndcg", "ndcg(gain=exp2)"], ["ndcg(gain=exp2)"]),
        (["calibration_ratio", "brier"], ["nce", "brier"]),
        (["ndcg", "mrr(label=y2)", "map"], ["mrr(label=y2)", "map"]),
    ],
)
def test_after_metrics_were_dropped_everything_goes_on(mine: list[str], theirs: list[str]) -> None:
    left, right = fr.Evaluator(mine, **ROLES), fr.Evaluator(theirs, **ROLES)
    kept = [name for name in mine if name in theirs]
    both = fr.Evaluator(kept, **ROLES)
    for evaluator, query in ((left, 1), (right, 2)):
        for each in (evaluator, both):
            each.update(batch(q=[query, query], y2=[1, 0]))
    left.merge(right, missing="drop")
    more = batch(q=[3, 4], y2=[1, 1])
    again = pickle.loads(pickle.dumps(left))
    for each in (left, again, both):
        each.update(more)
    assert str(left.result()) == str(again.result()) == str(both.result())


def test_numbers_of_several_types_in_one_query() -> None:
    evaluator = fr.Evaluator(["auc", "mrr"], **ROLES)
    evaluator.update(batch(p=pa.array([Decimal("0.5"), Decimal("0.25")])))
    evaluator.update(batch(p=[1, 0]))
    evaluator.update(batch(p=[True, False], y=[True, False]))
    plain = {"y": [0, 1, 0, 1, 1, 0], "p": [0.5, 0.25, 1, 0, 1, 0], "q": [1] * 6}
    assert evaluator.result().to_dict() == fr.evaluate(plain, ["auc", "mrr"], **ROLES).to_dict()


def test_ties_are_counted_under_every_rule() -> None:
    rows = {"y": [0, 1, 1, 0], "p": [1, 1, 2, 1], "q": [1, 1, 2, 2], "d": [1, 2, 3, 4]}
    for ties in ("average", "input", "item_desc", "item_asc", "pessimistic", "optimistic"):
        for spelling in (f"mrr(ties={ties})", f"ndcg(ties={ties})@1"):
            assert fr.evaluate(rows, spelling, **ROLES, item="d").table["queries_tied"].to_pylist() == [1]


def test_a_given_name_does_not_hide_the_canonical_one() -> None:
    result = fr.evaluate({"y": [0, 1], "p": [0.5, 0.25]}, m.auc(name="mine"), label="y", score="p")
    assert result["mine"] == result["auc"] == result["roc_auc"] == 0.0


@pytest.mark.parametrize(
    "call",
    [
        lambda t: fr.evaluate(t, m.auc, label="y", score="p"),
        lambda t: fr.evaluate(t, 5, label="y", score="p"),
        lambda t: fr.evaluate(t, None, label="y", score="p"),
        lambda t: fr.evaluate(t, "auc", label="y", score=5),
        lambda t: fr.evaluate(t, "auc", label="y", score="p", by=5),
        lambda t: fr.evaluate(t, "auc", label="y", score="p", by=[1]),
        lambda t: fr.evaluate(t, "auc", label="y", score="p", by=[["q"], ["q"]]),
        lambda t: fr.evaluate(t, "auc", label="y", score="p")[5],
        lambda t: fr.evaluate(t, "auc", label="y", score="p")["auc", None],
        lambda t: fr.evaluate(t, "auc", label="y", score="p")["auc", "DE"],
        lambda t: fr.evaluate(t, "auc", label="y", score="p")["auc", {"c": []}],
        lambda t: m.parse("ndcg@²"),
        lambda t: m.parse("ndcg(gain={[1]: 2})"),
        lambda t: m.parse("ndcg(k=" + "-" * 100_000 + "1)"),
        lambda t: m.ndcg(gain={1: 10**400}),
        lambda t: m.log_loss(eps=10**400),
        lambda t: m.nce(background=10**400),
        lambda t: m.ndcg(k=2**63),
        lambda t: fr.Evaluator("auc", label="y", score="p").update(pa.array([1, 2])),
        lambda t: fr.Evaluator("auc", label="y", score="p").update(pa.table(t)),
    ],
)
def test_slips_are_told_in_one_of_our_errors(call: Any) -> None:
    with pytest.raises(FastrankError):
        call({"y": [0, 1], "p": [0.5, 0.25], "q": [1, 1]})
