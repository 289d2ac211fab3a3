"""Every metric of the registry against the function of its name in fastrank.reference, over its parameters."""

from __future__ import annotations

import inspect
import math
from collections.abc import Callable
from typing import Any

import helpers
import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fastrank import Evaluator, Metric, list_metrics, reference
from fastrank import metrics as m
from fastrank.metrics import definition_of

TOLERANCE = 1e-12
# Quotients of integers, rounded once on both sides.
EXACT = {"auc"}
WEIGHTS = ("weight", "query_weight")
# What the rows are like: as they come; of one class; of a class that has weight 0 only; with any finite grades; none.
SHAPES = ("plain", "negative", "positive", "weightless", "wild", "none")

Columns = dict[str, np.ndarray]


def is_absent(columns: Columns, metric: Metric) -> bool:
    return not present(columns).any()


def present(columns: Columns) -> np.ndarray:
    """The rows that count."""
    return columns["weight"] > 0 if "weight" in columns else np.ones(len(columns["label"]), np.bool_)


def is_one_class(columns: Columns, metric: Metric) -> bool:
    return np.unique(columns["label"][present(columns)]).size < 2


def has_no_entropy(columns: Columns, metric: Metric) -> bool:
    return is_absent(columns, metric) or (metric.parameters["background"] == "self" and is_one_class(columns, metric))


def sums_to_zero(columns: Columns, metric: Metric) -> bool:
    weights = columns.get("weight", np.ones(len(columns["label"])))
    return math.fsum(weights * columns["label"]) == 0


def counts_no_query(columns: Columns, metric: Metric) -> bool:
    if metric.parameters["no_relevant"] != "skip":
        return not columns["query"].size
    if metric.definition.name != "ndcg":
        return not (columns["label"] >= metric.parameters["relevance_level"]).any()
    gain = metric.parameters["gain"]
    gainful = [label for label, value in gain if value] if isinstance(gain, tuple) else None
    return not (np.isin(columns["label"], gainful) if gainful is not None else columns["label"] > 0).any()


# When a metric is NaN, by the words with which it is declared; new words need a condition.
UNDEFINED: dict[str, Callable[[Columns, Metric], bool]] = {
    "there are no rows": is_absent,
    "all rows are of one class": is_one_class,
    "there are no rows, or the cross entropy of the background is 0 (one class)": has_no_entropy,
    "the labels sum to 0": sums_to_zero,
    'there are no queries, or none with a relevant row under no_relevant="skip"': counts_no_query,
}


def shaped(rows: pa.RecordBatch, shape: str) -> pa.RecordBatch:
    """The rows in one of the shapes."""
    if shape == "none":
        return rows.slice(0, 0)
    columns = {name: rows[name] for name in rows.schema.names}
    clicked = np.array(columns["clicked"].to_pylist())
    if shape in ("negative", "positive"):
        label = int(shape == "positive")
        columns |= {name: pa.array([label] * rows.num_rows) for name in ("clicked", "grade", "target")}
    elif shape == "weightless":
        weights = np.where(clicked == 1, 0.0, np.array(columns["weight"].to_pylist()))
        columns |= {"weight": pa.array(weights.tolist())}
    elif shape == "wild":
        wild = np.array([-3.0, 0.0, 0.5, 1.0, 1e9])[np.array(columns["grade"].to_pylist()) + clicked]
        columns |= {"grade": pa.array(wild.tolist())}
    return pa.RecordBatch.from_pydict(columns)


def fits(metric: Metric, shape: str) -> bool:
    """Whether the metric takes such labels."""
    return shape != "wild" or not metric.domains["label"].name.startswith(("integer grade", "grade of"))


def arguments_of(metric: Metric, rows: pa.RecordBatch, weighted: bool) -> Columns:
    """The columns of a metric by role; `background` is that of a column of rates."""
    names = [*metric.domains, *metric.definition.optional]
    roles = {**dict(zip(names, names, strict=True)), **metric.overrides, "score": "p"}
    if "background" in roles:
        roles["background"] = metric.parameters["background"]
    if not weighted:
        roles = {role: name for role, name in roles.items() if role not in WEIGHTS}
    kinds = {name: np.float32 if rows.schema.field(name).type == pa.float32() else None for name in roles.values()}
    return {role: np.array(rows[name].to_pylist(), kinds[name]) for role, name in roles.items()}


def expected(metric: Metric, columns: Columns) -> float:
    parameters = {name: value for name, value in metric.parameters.items() if name not in columns}
    value = getattr(reference, metric.definition.name)(**columns, **parameters)
    assert isinstance(value, float)
    return value


def clipped(metric: Metric, columns: Columns) -> int | None:
    """How many probabilities lie outside [eps, 1 - eps]."""
    if "eps" not in metric.parameters:
        return None
    eps, p = metric.parameters["eps"], columns["score"].astype(np.float64)
    return int(np.count_nonzero(((p < eps) | (p > 1 - eps)) & present(columns)))


def evaluated(metrics: list[Metric], rows: pa.RecordBatch, weighted: bool) -> list[dict[str, Any]]:
    """The rows of the result table, by metric."""
    weights = {role: role for role in WEIGHTS} if weighted else {}
    evaluator = Evaluator(metrics, score="p", query="query", item="item", **weights)
    evaluator.update(rows)
    table = evaluator.result().table.to_pylist()
    assert [row["metric"] for row in table] == [metric.name for metric in metrics]
    return table


def check(metric: Metric, row: dict[str, Any], columns: Columns) -> None:
    """A value against the reference, the range, and where it is declared undefined."""
    value, right, definition = row["value"], expected(metric, columns), metric.definition
    assert math.isnan(value) == UNDEFINED[definition.undefined](columns, metric) == bool(row["undefined"]), metric
    if definition.name in EXACT:
        assert helpers.bits(value) == helpers.bits(right), metric
    else:
        assert math.isnan(value) == math.isnan(right), metric
        assert math.isnan(value) or math.isclose(value, right, rel_tol=TOLERANCE), (metric, value, right)
    low, high = definition.range
    assert math.isnan(value) or low - TOLERANCE <= value <= high + TOLERANCE, (metric, value)
    assert row["rows_clipped"] == clipped(metric, columns), metric


@pytest.mark.parametrize("name", list_metrics())
def test_every_metric_has_a_reference_of_its_parameters(name):
    parameters = inspect.signature(getattr(reference, name)).parameters
    assert set(definition_of(name).parameters) <= set(parameters)
    defaults = {n: parameters[n].default for n in definition_of(name).parameters}
    assert defaults == dict(definition_of(name).defaults)


@pytest.mark.parametrize("name", list_metrics())
@settings(max_examples=25, deadline=None)
@given(
    sizes=st.lists(st.integers(1, 12), min_size=1, max_size=8).filter(lambda sizes: sum(sizes) >= 4),
    seed=st.integers(0, 2**32 - 1),
    shape=st.sampled_from(SHAPES),
    dtype=st.sampled_from([np.float32, np.float64]),
    weighted=st.booleans(),
)
def test_a_metric_equals_its_reference(name, sizes, seed, shape, dtype, weighted):
    rows = shaped(helpers.make_rows(sizes, seed, dtype), shape)
    choices = helpers.variants(name)
    places = np.random.default_rng(seed).permutation(len(choices))[:8].tolist()
    metrics = [metric for metric in (helpers.on_columns(choices[i]) for i in places) if fits(metric, shape)]
    for metric, row in zip(metrics, evaluated(metrics, rows, weighted) if metrics else [], strict=True):
        check(metric, row, arguments_of(metric, rows, weighted))


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("shape", SHAPES)
def test_all_variants_of_all_metrics_equal_their_references(shape, weighted):
    rows = shaped(helpers.make_rows([4, 25, 1, 9, 2, 40, 6], 11), shape)
    every = [*helpers.every_metric(), *helpers.every_metric(in_order=True)]
    metrics = [metric for metric in every if fits(metric, shape)]
    for metric, row in zip(metrics, evaluated(metrics, rows, weighted), strict=True):
        check(metric, row, arguments_of(metric, rows, weighted))


@settings(max_examples=40, deadline=None)
@given(
    count=st.integers(4, 60),
    seed=st.integers(0, 2**32 - 1),
    bits=st.sampled_from([12, 13, 16, 20]),
    dtype=st.sampled_from([np.float32, np.float64]),
    weighted=st.booleans(),
)
def test_bounds_of_the_auc_by_cells(count, seed, bits, dtype, weighted):
    rows = helpers.make_rows([count], seed, dtype)
    # Scores within a few cells of each other, of both signs, so that some share one and some do not.
    scores = np.random.default_rng(seed).integers(-9, 10, count) * 2.0 ** -np.random.default_rng(seed).integers(0, 24)
    rows = rows.set_column(rows.schema.get_field_index("p"), "p", helpers.floats((1 + scores).astype(dtype)))
    metric, exact = m.auc(bits=bits, label="clicked"), m.auc(label="clicked")
    row, exact_row = evaluated([metric, exact], rows, weighted)
    columns = arguments_of(metric, rows, weighted)
    check(metric, row, columns)
    check(exact, exact_row, columns)
    bounds = reference.auc_bounds(**columns, bits=bits)
    assert [helpers.bits(row[end]) for end in ("bound_lower", "bound_upper")] == [
        None if math.isnan(bound) else helpers.bits(bound) for bound in bounds
    ]
    if not math.isnan(row["value"]):
        assert row["bound_lower"] <= exact_row["value"] <= row["bound_upper"]


def test_weighted_products_that_cancel_lose_no_digits():
    label, score, weight = [0.1, -0.07, 2.0**-50], [0.7, 0.1, 0.4], [0.7, 1.0, 1.0]
    value = m.calibration_ratio().compute(label, score, weight)
    assert value == pytest.approx(reference.calibration_ratio(label, score, weight), rel=TOLERANCE)


@pytest.mark.parametrize("score", [[0.5, 0.9], [0.5, 0.1], [0.5, 1.0]])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_rows_clipped_on_one_side_are_counted(score, dtype):
    rows = pa.RecordBatch.from_pydict({"y": [0, 1], "p": helpers.floats(np.array(score, dtype))})
    evaluator = Evaluator("log_loss(eps=0.25)", label="y", score="p")
    evaluator.update(rows)
    assert evaluator.result().to_dict()["rows_clipped"] == [1]


def broken(**changes: float) -> tuple[Metric, dict[str, Any], Columns]:
    rows = helpers.make_rows([30], 1)
    metric = m.auc(label="clicked")
    (row,) = evaluated([metric], rows, weighted=False)
    return metric, {**row, **changes}, arguments_of(metric, rows, weighted=False)


@pytest.mark.parametrize(
    "changes",
    [{"value": math.nextafter(broken()[1]["value"], 1)}, {"value": 1.5}, {"value": math.nan}, {"rows_clipped": 1}],
)
def test_the_check_bites(changes):
    check(*broken())
    with pytest.raises(AssertionError):
        check(*broken(**changes))


def test_a_metric_without_a_reference_fails(monkeypatch):
    monkeypatch.delattr(reference, "auc")
    with pytest.raises(AttributeError):
        test_every_metric_has_a_reference_of_its_parameters("auc")
