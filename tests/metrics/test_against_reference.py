"""Every metric of the registry against the function of its name in fastrank.reference, over its parameters."""

from __future__ import annotations

import inspect
import math
from collections import Counter
from collections.abc import Callable
from fractions import Fraction
from typing import Any

import helpers
import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fastrank import Evaluator, Metric, list_metrics, reference
from fastrank import metrics as m
from fastrank.errors import InvalidValueError
from fastrank.metrics import definition_of
from fastrank.metrics.base import MetricFactory
from fastrank.metrics.parameters import ColumnName
from fastrank.reference.classification import epsilon
from fastrank.reference.labels import is_positive

TOLERANCE = 1e-12
# Quotients of integers, rounded once on both sides.
EXACT = {
    "auc", "auc_gini", "ks", "accuracy", "balanced_accuracy", "binary_f1", "binary_f_beta", "binary_precision",
    "binary_recall", "binary_specificity", "confusion", "fpr",
    "best_threshold", "cumulative_gain", "lift", "precision_at_recall", "recall_at_precision", "roc_curve",
    "score_quantiles", "quantiles", "tpr_at_fpr", "multiclass_auc", "multiclass_confusion", "top_k_accuracy",
    "max_error", "calibration_curve", "ece",
}  # fmt: skip
WEIGHTS = ("weight", "query_weight")
# What the rows are like: as they come; of one class; of a class that has weight 0 only; with any finite grades; none.
SHAPES = ("plain", "negative", "positive", "weightless", "wild", "none")

Columns = dict[str, np.ndarray]


def is_absent(columns: Columns, metric: Metric) -> bool:
    return not present(columns).any()


def present(columns: Columns) -> np.ndarray:
    """The rows that count."""
    count = len(next(iter(columns.values())))
    return columns["weight"] > 0 if "weight" in columns else np.ones(count, np.bool_)


def is_one_class(columns: Columns, metric: Metric) -> bool:
    return np.unique(columns["label"][present(columns)]).size < 2


def is_one_value(columns: Columns, metric: Metric) -> bool:
    return min(np.unique(columns[name][present(columns)]).size for name in ("label", "score")) < 2


def is_never(outcomes: Callable[[Any], float]) -> Callable[[Columns, Metric], bool]:
    """Whether rows of these outcomes are missing at every threshold."""

    def condition(columns: Columns, metric: Metric) -> bool:
        strict, thresholds = metric.parameters["strict"], metric.parameters["threshold"]
        each = [reference.confusion_at(threshold, **columns, strict=strict) for threshold in thresholds]
        return all(outcomes(n) == 0 for n in each)

    return condition


def has_no_positive(columns: Columns, metric: Metric) -> bool:
    return not columns["label"][present(columns)].any()


def has_no_two_rows_of_a_class(columns: Columns, metric: Metric) -> bool:
    weights = columns.get("weight", np.ones(len(columns["label"])))
    return min(sum(map(Fraction, weights[columns["label"] == label].tolist())) for label in (0, 1)) <= 1


def has_no_entropy(columns: Columns, metric: Metric) -> bool:
    own = metric.parameters["background"] in ("self", "overall")
    return is_absent(columns, metric) or (own and is_one_class(columns, metric))


def sums_to_zero(columns: Columns, metric: Metric) -> bool:
    weights = columns.get("weight", np.ones(len(columns["label"])))
    return math.fsum(weights * columns["label"]) == 0


def divides_by_zero(columns: Columns, metric: Metric) -> bool:
    divided = columns["denominator"] if "denominator" in columns else columns["cost"]
    weights = columns.get("weight", np.ones(len(divided)))
    return not sum(Fraction(w) * Fraction(float(x)) for w, x in zip(weights, divided, strict=True))


def each_query(columns: Columns, metric: Metric, **rules: str) -> np.ndarray:
    """The value of each query by the reference."""
    options = {name: value for name, value in options_of(metric, columns).items() if name != "aggregation"}
    columns = {name: values for name, values in columns.items() if name != "query_weight"}
    each = getattr(reference, reference_name(metric) + "_per_query")(**columns, **{**options, **rules})
    return np.array(list(each.values()), np.float64)


def counts_no_query(columns: Columns, metric: Metric) -> bool:
    # A sum of nothing is 0; NaN is contagious.
    rule, summed = metric.parameters.get("no_relevant", "zero"), metric.parameters["aggregation"] == "sum"
    lacking = np.isnan(each_query(columns, metric, **({"no_relevant": "nan"} if rule == "skip" else {})))
    return bool(lacking.all() and not summed) if rule == "skip" else bool(lacking.any() or not (lacking.size or summed))


def shows_nothing(columns: Columns, metric: Metric) -> bool:
    return not columns["query"].size and metric.parameters.get("aggregation") != "sum"


def counts_no_group(columns: Columns, metric: Metric) -> bool:
    """Whether no query has rows of both classes and, where that is asked for, of two scores."""
    here = present(columns) & (columns.get("query_weight", np.ones(len(columns["query"]))) > 0)
    groups = [here & (columns["query"] == q) for q in np.unique(columns["query"])]
    least = 2 if metric.parameters["tied_groups"] == "skip" else 1
    differ = [[np.unique(columns[name][group]).size for name in ("label", "score")] for group in groups]
    counted = [labels == 2 and scores >= least for labels, scores in differ]
    return metric.parameters["none_left"] == "nan" and not any(counted)


def has_no_best_threshold(columns: Columns, metric: Metric) -> bool:
    lacking = {"f1": has_no_positive, "youden": is_one_class, "cost": is_absent}
    return lacking[metric.parameters["criterion"]](columns, metric)


def has_one_class(columns: Columns, metric: Metric) -> bool:
    pooled = metric.parameters["average"] == "micro"
    return is_absent(columns, metric) if pooled else is_one_class(columns, metric)


def is_zero(columns: Columns) -> np.ndarray:
    return (columns["label"] == 0)[present(columns)]


def is_zero_pair(columns: Columns) -> np.ndarray:
    return ((columns["label"] == 0) & (columns["score"] == 0))[present(columns)]


def has_no_relation(columns: Columns, metric: Metric) -> bool:
    rules = {"skip": is_zero(columns).all(), "inf": is_zero_pair(columns).any()}
    return is_absent(columns, metric) or bool(rules.get(metric.parameters["zero"], False))


def has_no_symmetric_relation(columns: Columns, metric: Metric) -> bool:
    zeros = is_zero_pair(columns)
    rules = {"skip": zeros.all(), "nan": zeros.any(), "count": False}
    return is_absent(columns, metric) or bool(rules[metric.parameters["zero"]])


# When a metric is NaN, by the words with which it is declared; new words need a condition.
UNDEFINED: dict[str, Callable[[Columns, Metric], bool]] = {
    "there are no rows": is_absent,
    "all rows are of one class": is_one_class,
    "there is no positive row": has_no_positive,
    "a class has fewer than two rows, or weighs 1 or less": has_no_two_rows_of_a_class,
    "there are no rows, or the cross entropy of the background is 0 (one class)": has_no_entropy,
    "the labels sum to 0": sums_to_zero,
    "the targets are constant, or there are none": is_one_class,
    "the targets or the predictions are constant, or there are none": is_one_value,
    "the denominators sum to 0": divides_by_zero,
    "the costs sum to 0": divides_by_zero,
    'there are no rows, or none is positive (criterion="f1"), or all are of one class (criterion="youden")': (
        has_no_best_threshold
    ),
    'there are no queries, or none with a relevant row under no_relevant="skip"': counts_no_query,
    'there are no queries, or none with a row that is not relevant under no_relevant="skip"': counts_no_query,
    "there are no queries and the aggregation is not sum": counts_no_query,
    "no row is shown": shows_nothing,
    'no query with rows of both classes counts, and none_left="nan"': counts_no_group,
    "no row is predicted positive": is_never(lambda n: n.tp + n.fp),
    "no row is positive": is_never(lambda n: n.tp + n.fn),
    "no row is negative": is_never(lambda n: n.tn + n.fp),
    "no row is positive or predicted positive": is_never(lambda n: n.tp + n.fp + n.fn),
    "all rows are of one class, or predicted so": is_never(
        lambda n: (n.tp + n.fp) * (n.tp + n.fn) * (n.tn + n.fp) * (n.tn + n.fn)
    ),
    'there are no rows; with zero="skip", where no target is other than 0; with zero="inf", where a target and its '
    "prediction are 0": has_no_relation,
    'there are no rows; with zero="skip", where target and prediction of every row are 0; with zero="nan", where those '
    "of any row are": has_no_symmetric_relation,
    "no target is other than 0": lambda columns, metric: bool(is_zero(columns).all()),
    'fewer than two classes have rows; with average="micro", where there are no rows': has_one_class,
}
# Options under which the values of a metric leave its range: sums do, and spreads; weights, and grades as they are.
STRETCHED: dict[str, tuple[Any, ...]] = {
    "aggregation": ("sum", "std"),
    "propensity": ("propensity",),
    "rbp_gain": ("raw",),
    "idcg": ("full_k", "label_order", "listed"),
    "drop_nonpositive": (True,),
}


def shaped(rows: pa.RecordBatch, shape: str) -> pa.RecordBatch:
    """The rows in one of the shapes."""
    if shape == "none":
        return rows.slice(0, 0)
    columns = {name: rows[name] for name in rows.schema.names}
    clicked = np.array(columns["clicked"].to_pylist())
    if shape in ("negative", "positive"):
        label = int(shape == "positive")
        columns |= {name: pa.array([label] * rows.num_rows) for name in ("clicked", "grade", "target", "number")}
        columns["kind"] = pa.array([helpers.KINDS[label]] * rows.num_rows)
    elif shape == "weightless":
        weights = np.where(clicked == 1, 0.0, np.array(columns["weight"].to_pylist()))
        columns |= {"weight": pa.array(weights.tolist())}
    elif shape == "wild":
        wild = np.array([-3.0, 0.0, 0.5, 1.0, 1e9])[np.array(columns["grade"].to_pylist()) + clicked]
        columns |= {"grade": pa.array(wild.tolist())}
    return pa.RecordBatch.from_pydict(columns)


def fits(metric: Metric, shape: str) -> bool:
    """Whether the metric takes such labels."""
    limited = "label" in metric.domains and metric.domains["label"].name.startswith(("integer grade", "grade of"))
    return shape != "wild" or not (limited or metric.parameters.get("negative_rel") == "error")


def arguments_of(metric: Metric, rows: pa.RecordBatch, weighted: bool) -> Columns:
    """The columns of a metric by role; `background` is that of a column of rates."""
    names = [*metric.domains, *metric.definition.optional]
    roles = {name: "p" if name == "score" else name for name in names} | metric.overrides
    of_classes = metric.parameters.get("scores") or ()
    roles = {role: name for role, name in roles.items() if not role.startswith("score[")}
    if "background" in roles:
        roles["background"] = metric.parameters["background"]
    if not weighted:
        roles = {role: name for role, name in roles.items() if role not in WEIGHTS}
    columns = {role: as_array(rows[name]) for role, name in roles.items()}
    if of_classes:
        columns["scores"] = np.array([as_array(rows[name]) for name in of_classes])
    return columns


def as_array(column: pa.Array) -> np.ndarray:
    kind = column.type.value_type if pa.types.is_fixed_size_list(column.type) else column.type
    return np.array(column.to_pylist(), np.float32 if kind == pa.float32() else None)


def reference_name(metric: Metric) -> str:
    return {"11pt_avg": "avg_11pt"}.get(metric.definition.name, metric.definition.name)


def options_of(metric: Metric, columns: Columns) -> dict[str, Any]:
    """The parameters that are not columns."""
    names = {name for name, kind in metric.definition.parameters.items() if isinstance(kind, ColumnName)}
    return {name: x for name, x in metric.parameters.items() if name not in {*names, *columns, "preset"}}


def expected(metric: Metric, columns: Columns) -> float:
    function = getattr(reference, reference_name(metric))
    # Of ranked lists the reference takes labels everywhere, None where a metric reads none.
    nothing = {"label": None} if "label" in inspect.signature(function).parameters else {}
    value = function(**{**nothing, **columns}, **options_of(metric, columns))
    assert isinstance(value, float)
    return value


def clipped(metric: Metric, columns: Columns) -> int | None:
    """How many probabilities lie outside what eps and clip allow."""
    if "eps" not in metric.parameters:
        return None
    if metric.parameters["from_logits"] or not len(columns["label"]):
        return 0
    y, p = is_positive(columns["label"], metric.parameters.get("positive")), columns.get("score")
    if "scores" in metric.parameters:
        y, p = np.ones(len(y), np.bool_), share_of_true_class(metric, columns)
    eps = epsilon(metric.parameters["eps"], columns["scores" if "scores" in columns else "score"].dtype)
    p = p.astype(np.float64)
    outside = (p < eps) | (p > 1 - eps) if metric.parameters["clip"] == "both" else np.where(y, p, 1 - p) < eps
    return int(np.count_nonzero(outside & present(columns)))


def share_of_true_class(metric: Metric, columns: Columns) -> np.ndarray:
    values = (columns["scores"].T if "scores" in columns else columns["score"]).astype(np.float64)
    known = list(metric.parameters["classes"] or range(values.shape[1]))
    own = values[np.arange(len(values)), [known.index(label) for label in columns["label"].tolist()]]
    return own / [sum(row) for row in values.tolist()] if metric.parameters["normalize"] else own


def skipped(metric: Metric, columns: Columns) -> int | None:
    """How many rows of zeros are left out."""
    if metric.parameters.get("zero") != "skip":
        return None
    return int(np.count_nonzero({"mape": is_zero, "smape": is_zero_pair}[metric.definition.name](columns)))


def evaluated(metrics: list[Metric], rows: pa.RecordBatch, weighted: bool) -> list[dict[str, Any]]:
    """The rows of the result table, by metric."""
    weights = {role: role for role in WEIGHTS} if weighted else {}
    evaluator = Evaluator(metrics, score="p", query="query", item="item", **weights)
    evaluator.update(rows)
    table = evaluator.result().table.to_pylist()
    assert [row["metric"] for row in table] == [metric.name for metric in metrics]
    return table


def agree(metric: Metric, value: float, right: float) -> None:
    # A spread of values that are nearly equal is what their rounding makes it, as are a difference of logarithms, and 1
    # less what is near 1.
    differences = ("msle", "rmsle", "rig", "brier_decomposition")
    cancels = metric.parameters.get("aggregation") == "std" or metric.definition.name in differences
    absolute = TOLERANCE if cancels else 0.0
    assert math.isnan(value) == math.isnan(right), metric
    close = math.isclose(value, right, rel_tol=TOLERANCE, abs_tol=absolute)
    assert math.isnan(value) or close, (metric, value, right)


def in_classes(metric: Metric, columns: Columns) -> Columns:
    """The columns, with labels 1 and 0 where the metric is told which label is positive."""
    if metric.parameters.get("positive") is None:
        return columns
    return {**columns, "label": is_positive(columns["label"], metric.parameters["positive"]).astype(np.int64)}


def is_replaced(metric: Metric, columns: Columns) -> bool:
    """Whether a number stands for what is undefined."""
    single_class, zero_division = (metric.parameters.get(name, "nan") for name in ("single_class", "zero_division"))
    if metric.parameters.get("force_finite") and not is_absent(columns, metric):
        return True
    return zero_division != "nan" or (single_class != "nan" and not is_absent(columns, metric))


def check(metric: Metric, row: dict[str, Any], columns: Columns) -> None:
    """A value against the reference, the range, and where it is declared undefined."""
    value, right, definition = row["value"], expected(metric, columns), metric.definition
    undefined = UNDEFINED[definition.undefined](in_classes(metric, columns), metric)
    assert bool(row["undefined"]) == undefined, metric
    assert math.isnan(value) == (undefined and not is_replaced(metric, columns)), metric
    if definition.name in EXACT:
        assert helpers.bits(value) == helpers.bits(right), metric
    else:
        agree(metric, value, right)
    low, high = definition.range
    stretched = any(metric.parameters.get(name) in values for name, values in STRETCHED.items())
    assert math.isnan(value) or stretched or low - TOLERANCE <= value <= high + TOLERANCE, (metric, value)
    assert row["rows_clipped"] == clipped(metric, columns), metric
    assert row["rows_skipped"] == skipped(metric, columns), metric


@pytest.mark.parametrize("name", list_metrics())
def test_every_metric_has_a_reference_of_its_parameters(name):
    definition = definition_of(name)
    parameters = inspect.signature(getattr(reference, {"11pt_avg": "avg_11pt"}.get(name, name))).parameters
    assert set(definition.parameters) - {"preset"} <= set(parameters)
    options = {n for n, kind in definition.parameters.items() if n != "preset" and not isinstance(kind, ColumnName)}
    assert {n: parameters[n].default for n in options} == {n: definition.defaults[n] for n in options}


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


LISTS = [name for name in list_metrics() if {"unjudged", "missing_query"} <= set(definition_of(name).parameters)]


def outcome(function: Callable[[], float]) -> float | str:
    """The value, or "refused"."""
    try:
        return function()
    except (InvalidValueError, ValueError):
        return "refused"


def both_agree(metric: Metric, rows: pa.RecordBatch, weighted: bool) -> str:
    """Checks that the metric and its reference refuse the same rows, or have the same value; says which."""
    columns = arguments_of(metric, rows, weighted)
    value, right = (
        outcome(lambda: evaluated([metric], rows, weighted)[0]["value"]),
        outcome(lambda: expected(metric, columns)),
    )
    assert (value == "refused") == (right == "refused"), (metric, value, right)
    if value != "refused":
        agree(metric, value, right)
    return "refused" if value == "refused" else "evaluated"


@pytest.mark.parametrize("name", LISTS)
@pytest.mark.parametrize("weighted", [False, True])
def test_incomplete_lists_equal_their_reference(name, weighted):
    met = Counter()
    for seed in range(2):
        rows = helpers.incomplete(helpers.make_rows([4, 9, 1, 6, 2, 12, 3, 5, 7], seed), seed)
        for metric in map(helpers.on_columns, helpers.variants(name)):
            if "gain" not in metric.parameters or isinstance(metric.parameters["gain"], str):
                met[both_agree(metric, rows, weighted)] += 1
    assert met["evaluated"] > met["refused"] > 0


@pytest.mark.parametrize("name", LISTS)
def test_scores_that_are_nan_equal_their_reference(name):
    rows = helpers.make_rows([4, 9, 1, 6, 2], 3)
    p = np.array(rows["p"].to_pylist())
    p[np.random.default_rng(0).random(p.size) < 0.3] = math.nan
    p[22:] = math.nan
    rows = rows.set_column(rows.schema.get_field_index("p"), "p", helpers.floats(p))
    for rule in ("last", "drop", "error"):
        for options in ({}, {"missing_query": "skip"}, {"unjudged": "drop", "aggregation": "max"}):
            metric = with_options(name, {"nan_score": rule, **options})
            assert both_agree(metric, rows, weighted=True) == ("refused" if rule == "error" else "evaluated")


@pytest.mark.parametrize("name", LISTS)
def test_repeated_items_equal_their_reference(name):
    rows = helpers.incomplete(helpers.make_rows([4, 9, 1, 6, 12], 5), 5)
    product = pa.array(np.random.default_rng(1).integers(0, 4, rows.num_rows).tolist(), pa.int64())
    rows = rows.set_column(rows.schema.get_field_index("item"), "item", product)
    for rule in ("first", "max_score", "count", "error"):
        for ties in ("input", "item_desc", "item_asc"):
            metric = with_options(name, {"duplicates": rule, "ties": ties})
            assert both_agree(metric, rows, weighted=False) == ("refused" if rule == "error" else "evaluated")


def with_options(name: str, options: dict[str, Any]) -> Metric:
    """The metric with those of the options that it has, and a rule of ties where it needs one."""
    definition = definition_of(name)
    given = {n: value for n, value in options.items() if n in definition.parameters}
    if not helpers.has_closed_form(name, definition.defaults):
        given = {"ties": "item_desc", **given}
    return helpers.on_columns(MetricFactory(definition)(**given))


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
