"""What the tests of splits, laws and references share: made-up rows, spellings of every metric, and bits."""

from __future__ import annotations

import json
import math
import struct
from collections.abc import Iterator, Sequence
from functools import cache
from itertools import pairwise
from types import SimpleNamespace
from typing import Any

import numpy as np
import pyarrow as pa

from fastrank import Evaluator, Metric, Result, list_metrics
from fastrank.metrics import definition_of, parse
from fastrank.metrics.bins import Edges
from fastrank.metrics.forecasts import LargestValue, ZeroTarget
from fastrank.metrics.names import ClassNames, ColumnName, ColumnNames, Label
from fastrank.metrics.parameters import (
    Background,
    Choice,
    Discount,
    Epsilon,
    Fallback,
    Flag,
    Gain,
    Kind,
    Number,
    Numbers,
    WholeNumber,
)

# The label column that suits each domain of labels; domains of grades have names that start so.
LABELS = {
    "binary": "clicked", "real": "target", "grade": "grade", "integer grade": "grade",
    "class": "number", "class name": "kind",
    "above -1": "amount", "positive": "amount", "not negative": "count",
}  # fmt: skip
# And the score column, where that of probabilities does not do.
SCORES = {"above -1": "forecast", "positive": "forecast"}
KINDS = ("cat", "dog", "é")  # classes by name
GAINS = "{0: 0, 1: 0.5, 2: 0, 3: 7}"


def log_share(label: float, score: float) -> float:
    """A function of a user's own, with terms of both signs."""
    return label * math.log(1 + score) - score


def doubled(label: float) -> float:
    """A gain of a user's own."""
    return 2 * label


def make_rows(sizes: Sequence[int], seed: int, dtype: Any = np.float64, *, first_query: int = 0) -> pa.RecordBatch:
    """Rows of queries of these sizes: many ties, some probabilities of 0 and 1, slices that cut through queries.

    Scores that are constant would let a broken metric pass, so at least four rows are asked for.
    """
    count = sum(sizes)
    if count < 4:
        raise ValueError("fewer than four rows")
    rng = np.random.default_rng(seed)
    query = np.repeat(np.arange(len(sizes)) + first_query, sizes)
    grade = rng.integers(0, 4, count)
    p = rng.choice(np.array([0.0, 0.1, 0.25, 1 / 3, 0.5, 0.7, 1.0]), count).astype(dtype)
    p[0], p[1] = 0.1, 0.7
    country = rng.choice(np.array(["DE", "FR", "JP"]), len(sizes))[query - first_query].astype(object)
    country[rng.random(count) < 0.1] = None
    columns = {
        "query": pa.array(query.tolist(), pa.int64()),
        "item": pa.array(rng.permutation(count).tolist(), pa.int64()),
        "clicked": pa.array((grade >= 2).astype(np.int8).tolist(), pa.int8()),
        "grade": pa.array(grade.tolist(), pa.int64()),
        "target": pa.array(rng.normal(size=count).tolist()),
        "p": floats(p),
        "p2": floats(
            np.where((rng.random(count) < 0.5) | (np.arange(count) < 2), p, rng.random(count).round(1)).astype(dtype)
        ),
        "base": floats(rng.uniform(0.1, 0.9, count)),
        "logit": floats(rng.choice(np.array([-750.0, -3.0, -0.5, 0.0, 0.5, 1.0, 40.0]), count).astype(dtype)),
        "weight": floats(rng.choice(np.array([0.0, 0.1, 1.0, 2.5, 2.0**-60, 1e6]), count)),
        "query_weight": floats(rng.choice(np.array([0.1, 1.0, 3.7]), len(sizes))[query - first_query]),
        "country": pa.array(country.tolist(), pa.string()),
        "day": pa.array(rng.integers(0, 2, count).tolist(), pa.int16()),
        # Items that several queries show, each once in a query.
        "product": pa.array([int(x) for size in sizes for x in rng.permutation(max(60, size))[:size]], pa.int64()),
        "category": pa.array(rng.choice(np.array(["news", "sport", "art", "é"]), count).tolist(), pa.string()),
        "group": pa.array(rng.integers(0, 3, count).tolist(), pa.int8()),
        "popularity": floats(rng.choice(np.array([0.125, 0.3, 1.0]), count)),
        "age": floats(rng.choice(np.array([0.0, 1.5, 30.0]), count)),
        "propensity": floats(rng.choice(np.array([0.01, 0.25, 1 / 3, 1.0]), count)),
        # Of no query, so that a rank stands once in each.
        "rank": pa.array((1 + rng.permutation(count)).tolist(), pa.int32()),
        **of_classes(rng, count, dtype),
        # Targets and predictions of means: some are equal, some nearly.
        "amount": floats(amount := rng.gamma(2.0, 3.0, count)),
        "count": pa.array(rng.poisson(2.0, count).tolist(), pa.int64()),
        "forecast": floats((amount * rng.choice(np.array([1.0, 1.0 + 1e-6, 0.97, 0.2, 3.0]), count)).astype(dtype)),
        **of_users(rng, count, dtype),
    }
    return checked(pa.RecordBatch.from_pydict(columns))


def of_classes(rng: np.random.Generator, count: int, dtype: Any) -> dict[str, pa.Array]:
    """Classes by number and by name, and scores of each class in one column and in three, with ties in a row."""
    number = rng.integers(0, len(KINDS), count)
    scores = rng.choice(np.array([-1.0, 0.0, 0.1, 1 / 3, 0.5, 0.8]), (count, len(KINDS))).astype(dtype)
    scores[0], scores[1] = (0.1, 0.5, 0.8), (0.5, 0.1, 0.0)
    shares = np.array([(0.0, 0.0, 1.0), (0.25, 0.5, 0.25), (0.1, 0.2, 0.7), (0.1, 0.6, 0.3)])
    shares = rng.permuted(shares[rng.integers(0, len(shares), count)], axis=1)
    amounts = shares * rng.choice(np.array([0.5, 1.0, 7.0]), (count, 1))
    columns = {
        "number": pa.array(number.tolist(), pa.int32()),
        "kind": pa.array([KINDS[k] for k in number.tolist()], pa.string()),
    }
    for name, values in (("score", scores), ("share", shares.astype(dtype)), ("amount", amounts.astype(dtype))):
        columns[f"{name}s"] = pa.FixedSizeListArray.from_arrays(floats(values.ravel()), len(KINDS))
        columns |= {f"{name} of {kind}": floats(values[:, k]) for k, kind in enumerate(KINDS)}
    return columns


def of_users(rng: np.random.Generator, count: int, dtype: Any) -> dict[str, pa.Array]:
    """Columns of sums of users, of numbers of any sign, and of what came in and was spent."""
    columns = {
        "value": rng.normal(1e6, 1.0, count).astype(dtype),
        "numerator": rng.integers(-3, 9, count).astype(dtype),
        "denominator": rng.integers(0, 5, count).astype(np.float64),
        "revenue": rng.choice(np.array([0.0, 0.1, 19.99, 1e7]), count),
        "cost": rng.choice(np.array([0.0, 0.01, 1 / 3]), count).astype(dtype),
    }
    return {name: floats(values) for name, values in columns.items()}


def floats(values: np.ndarray) -> pa.Array:
    """Floats as Arrow, in their own type."""
    return pa.array(values.tolist(), pa.from_numpy_dtype(values.dtype))


def checked(rows: pa.RecordBatch) -> pa.RecordBatch:
    """The rows; ValueError where a score is constant, as any broken metric gives the right answer then."""
    for name in ("p", "p2"):
        if len(rows[name].unique()) < 2:
            raise ValueError(f"column {name!r} is constant")
    return rows


def checked_shards(shards: Sequence[pa.RecordBatch]) -> list[pa.RecordBatch]:
    """The shards; ValueError where two are equal, as a merge that takes one twice would pass then."""
    for j, shard in enumerate(shards):
        checked(shard)
        if any(shard.equals(other) for other in shards[:j]):
            raise ValueError(f"shard {j} equals another")
    return list(shards)


def with_invalid(rows: pa.RecordBatch, seed: int) -> pa.RecordBatch:
    """The same rows, some of them with a null or a NaN in one of their roles."""
    rng = np.random.default_rng(seed)
    columns = {name: rows[name].to_pylist() for name in rows.schema.names}
    invalid = [("p", None), ("p", float("nan")), ("p2", -1.0), ("clicked", None), ("weight", -1.0), ("query", None)]
    invalid += [
        ("number", 3),
        ("number", None),
        ("kind", "Cat"),
        ("value", None),
        ("denominator", float("nan")),
        ("cost", float("inf")),
        ("scores", None),
        ("scores", [0.1, float("nan"), 0.2]),
        ("shares", [0.1, 0.2, 0.3]),
        ("share of dog", 0.75),
        ("amounts", [0.0, 0.0, 0.0]),
    ]
    for name, value in invalid:
        for i in np.flatnonzero(rng.random(rows.num_rows) < 0.04).tolist():
            columns[name][i] = value
    return pa.RecordBatch.from_pydict(columns, schema=rows.schema)


def cut(rows: pa.RecordBatch, places: Sequence[int]) -> list[pa.RecordBatch]:
    """The rows between these places, and before the first and after the last."""
    return [rows.slice(a, b - a) for a, b in pairwise([0, *sorted(places), rows.num_rows])]


def concatenated(batches: Sequence[pa.RecordBatch]) -> pa.RecordBatch:
    """The batches as one."""
    return pa.concat_batches(list(batches))


def reordered(rows: pa.RecordBatch, rng: np.random.Generator) -> pa.RecordBatch:
    """The rows of each query, and the queries, in another order; rows of a query stay together."""
    query = rows["query"].to_pylist()
    place = dict(zip(dict.fromkeys(query), rng.permutation(len(set(query))), strict=True))
    order = np.lexsort((rng.permutation(rows.num_rows), [place[q] for q in query]))
    return rows.take(pa.array(order.tolist(), pa.int64()))


def incomplete(rows: pa.RecordBatch, seed: int) -> pa.RecordBatch:
    """The same rows; some of them nobody judged, or not even found, and of some queries all or none is."""
    rng = np.random.default_rng(seed)
    query = np.array(rows["query"].to_pylist())
    fate = dict(zip(np.unique(query).tolist(), rng.random(np.unique(query).size).tolist(), strict=True))
    of_query = np.array([fate[q] for q in query.tolist()])
    draw = rng.random((2, rows.num_rows))
    columns = {name: rows[name].to_pylist() for name in rows.schema.names}
    for i in range(rows.num_rows):
        if of_query[i] < 0.15 or draw[0, i] < 0.15:
            columns["grade"][i] = None
        elif draw[0, i] < 0.3:
            columns["grade"][i] = -1
        if of_query[i] > 0.85 or draw[1, i] < 0.2:
            columns["p"][i] = columns["rank"][i] = None
    return pa.RecordBatch.from_pydict(columns, schema=rows.schema)


def values_of(kind: Kind) -> list[Any]:
    """Spellings of values of a parameter that are worth a test; every kind must be named here."""
    if isinstance(kind, Choice):
        return list(kind.words)
    if isinstance(kind, Flag):
        return [False, True, *([kind.word] if kind.word else [])]
    if isinstance(kind, Epsilon):
        return [None, "dtype", 2.0**-53, 1e-3, 0.25]
    if isinstance(kind, Fallback):
        return ["nan", *kind.numbers]
    if isinstance(kind, ColumnName):
        # The others are called as their columns.
        return ["propensity"] if kind.optional else []
    if isinstance(kind, WholeNumber):
        if not kind.optional:
            return [kind.low + 3, min(kind.high, 100)]  # tens of thousands of bins have tests of their own
        if kind.high is None:
            return [None, 1000]
        return [None, 1, 3, 100] if kind.low == 1 else [None, kind.low, kind.low + 3]
    if isinstance(kind, Number):
        ends = [end for end, closed in ((kind.low, "low"), (kind.high, "high")) if closed in kind.closed]
        return [*([None] if kind.optional else []), *([1e-3, 0.25] if kind.high <= 1 else [1.0, 2.0, 2.5]), *ends]
    if isinstance(kind, Numbers):
        return [0.25, "[0.5, 0.1]"]
    if isinstance(kind, Edges):
        return [None, "[0.1, 0.25, 0.7]", "[0, 0.5, 1]"]
    if isinstance(kind, Gain):
        return ["linear", "exp2", GAINS]
    if isinstance(kind, Discount):
        return ["log2"]  # a function has no spelling: see tests of metrics.custom
    if isinstance(kind, Background):
        return ["self", "overall", 0.3, "base"]
    if isinstance(kind, ZeroTarget):
        return ["skip", "count", "inf", "max1", 0.3, 2.0**-52]
    if isinstance(kind, LargestValue):
        return [200, 2, 100, 1]
    if isinstance(kind, Label):
        return [None, 0, 1]
    if isinstance(kind, ColumnNames):
        return [[f"score of {kind}" for kind in KINDS]]
    if isinstance(kind, ClassNames):
        return [list(KINDS), [2, 0, 1]]
    raise TypeError(f"no values for parameters of kind {type(kind).__name__}")


# What refuses the rows that are made up: they have ties, and queries without a relevant or a retrieved row.
REFUSING = {("ties", "error"), ("no_relevant", "error"), ("missing_query", "error"), ("single_class", "error")}
# Parameters that need another to matter, or to be allowed.
NEEDS: dict[str, dict[str, Any]] = {
    "clip": {"propensity": "propensity"},
    "self_normalized": {"propensity": "propensity"},
    "level_gates_gain": {"relevance_level": 2.0},
    "max_grade": {"rbp_gain": "scaled"},
    "standardize": {"max_fpr": 0.3},
    "cost_fp": {"criterion": "cost"},
    "cost_fn": {"criterion": "cost"},
    "classes": {"mode": "top_label"},
    "scores": {"mode": "classwise"},
}
# Metrics that have no expected value over the orders of tied rows, and the options by which others lose it.
WITHOUT_CLOSED_FORM = {
    "11pt_avg", "alpha_ndcg", "bpref", "coverage", "err", "infap", "intra_list_diversity", "iprec", "item_gini",
}  # fmt: skip
WITHOUT_CLOSED_FORM_UNDER = {"self_normalized": True, "ap_denominator": "hits"}
PAIRS = 8


def has_closed_form(name: str, parameters: Any) -> bool:
    """Whether the metric has an expected value over the orders of tied rows."""
    lost = any(parameters.get(n) == value for n, value in WITHOUT_CLOSED_FORM_UNDER.items())
    return name not in WITHOUT_CLOSED_FORM and not lost


def variants(name: str) -> list[Metric]:
    """The metric with its defaults, with each other value of each parameter, and with two such at once: with some of
    these pairs, always the same.  Where a rule of ties is needed it has one."""
    definition = definition_of(name)
    single = [
        {**{n: x for n, x in NEEDS.get(parameter, {}).items() if n in definition.parameters}, parameter: value}
        for parameter, kind in definition.parameters.items()
        for value in values_of(kind)
    ]
    double = [{**a, **b} for i, a in enumerate(single) for b in single[:i] if not a.keys() & b.keys()]
    some = np.random.default_rng(list(name.encode())).permutation(len(double))[:PAIRS].tolist()
    found = {}
    for chosen in [{}, *single, *(double[i] for i in some)]:
        given = {n: x for n, x in chosen.items() if x is not None or definition.defaults[n] is not None}
        if given.get("idcg") == "full_k":
            given["k"] = 3
        parameters = {**definition.base(given), **given}
        if parameters.get("ties") == "average" and not has_closed_form(name, parameters):
            given["ties"] = parameters["ties"] = "item_desc"
        refused = any(parameters.get(n) == value for n, value in REFUSING)
        if refused or definition.conflict(SimpleNamespace(**parameters)):
            continue
        (metric,) = parse(f"{name}({', '.join(f'{n}={value}' for n, value in given.items())})")
        # A preset may come to the same as parameters that are given.
        found.setdefault(tuple((n, value) for n, value in metric.parameters.items() if n != "preset"), metric)
    return list(found.values())


def on_columns(metric: Metric) -> Metric:
    """The metric on the columns that suit it."""
    columns = {"item": "product"} if "item" in metric.domains else {}
    if "label" in metric.domains:
        domain = metric.domains["label"].name
        columns["label"] = next(column for start, column in reversed(LABELS.items()) if domain.startswith(start))
    parameters = dict(metric.parameters)
    of_shares = "normalize" in parameters or "mode" in parameters
    kind = "share" if of_shares and not parameters.get("from_logits") else "score"
    kind = "amount" if parameters.get("normalize") else kind
    if parameters.get("scores"):
        parameters["scores"] = tuple(f"{kind} of {each}" for each in KINDS)
    elif "score" in metric.domains and metric.domains["score"].of_lists:
        columns["score"] = f"{kind}s"
    elif parameters.get("from_logits") or metric.definition.name == "hinge":
        columns["score"] = "logit"
    elif "score" in metric.domains:
        own = SCORES.get(metric.domains["score"].name.partition(" to ")[0])
        columns |= {} if own is None else {"score": own}
    return type(metric)(metric.definition, parameters, columns)


def is_in_order(metric: Metric) -> bool:
    """Whether the metric keeps the order of the source."""
    return any(getattr(state, "in_order", False) for state in metric.states(()).values())


def every_metric(*, in_order: bool = False) -> list[Metric]:
    """All variants of all metrics, each on its columns; those that keep the order of the source, or all others."""
    return [metric for metric in _every_variant() if is_in_order(metric) == in_order]


@cache
def _every_variant() -> list[Metric]:
    """All variants of all metrics, made once for all modules that ask."""
    return [on_columns(metric) for name in list_metrics() for metric in variants(name)]


def bits(value: Any) -> Any:
    """A value so that equality means the same bits: floats as hex, NaN and -0.0 included."""
    return struct.pack(">d", value).hex() if isinstance(value, float) else value


def result_bits(result: Result) -> dict[str, list[Any]]:
    """Every value of a result as bits."""
    return {name: [bits(value) for value in values] for name, values in result.to_dict().items()}


def canonical(state: pa.Table) -> list[Any]:
    """The state without what merging in another order may change: the order of its slices, and that of the rows
    of a query that is open in several shards."""
    (batch,) = state.to_batches()
    rows = []
    for row in batch.to_pylist():
        for name, value in row.items():
            if name.startswith("{") and "open_rows" in value:
                row[name] = {**value, "open_bytes": None, "open_rows": _open_rows(value)}
        rows.append(json.dumps(row, sort_keys=True, default=str))
    return [state.schema.to_string(), *sorted(rows)]


def _open_rows(stream: dict[str, Any]) -> list[list[str]]:
    """The rows of each open query, in an order of their own."""
    data, start, queries = bytes(stream["open_rows"]), 0, []
    for size in stream["open_bytes"]:
        rows = pa.ipc.open_stream(data[start : start + size]).read_all().to_pylist()
        queries.append(sorted(json.dumps(row, sort_keys=True) for row in rows))
        start += size
    return queries


def kinds_in(state: pa.Table) -> set[str]:
    """The kinds of accumulators in a state."""
    return {json.loads(name)["kind"] for name in state.schema.names if name.startswith("{")} - {"query_stream"}


def fed(evaluator: Evaluator, batches: Sequence[pa.RecordBatch]) -> Evaluator:
    """The evaluator, updated with each of the batches."""
    for batch in batches:
        evaluator.update(batch)
    return evaluator


def states_of_shard(job: tuple[pa.RecordBatch, list[tuple[list[Metric], dict[str, Any]]]]) -> list[pa.Table]:
    """The states of one shard; here, so that a process of its own can import it."""
    shard, evaluations = job
    return [fed(Evaluator(metrics, **arguments), [shard]).state() for metrics, arguments in evaluations]


def random_places(rng: np.random.Generator, count: int, most: int) -> list[int]:
    """Up to `most` places to cut `count` rows at; two may be the same."""
    return sorted(rng.integers(0, count + 1, rng.integers(0, most + 1)).tolist())


def merged_in_any_order(evaluators: Sequence[Evaluator], rng: np.random.Generator) -> Iterator[Evaluator]:
    """Merges two at a time, whichever they are and in either form, until one is left; yields it."""
    left = list(evaluators)
    while len(left) > 1:
        a = left.pop(int(rng.integers(len(left))))
        b = left.pop(int(rng.integers(len(left))))
        a.merge(b if rng.random() < 0.5 else b.state())
        left.append(a)
    yield left[0]


def merged(a: Evaluator, *others: Evaluator | pa.Table) -> Evaluator:
    """The first evaluator, with the others merged into it."""
    for other in others:
        a.merge(other)
    return a


def same_result(a: Evaluator | Result, b: Evaluator | Result) -> None:
    """Every value has the same bits."""
    results = [entry.result() if isinstance(entry, Evaluator) else entry for entry in (a, b)]
    assert result_bits(results[0]) == result_bits(results[1])


def same_state(a: Evaluator, b: Evaluator) -> None:
    """Equal but for the order in which slices, and rows of a query in several shards, came."""
    assert canonical(a.state()) == canonical(b.state())
    same_result(a, b)


def identical_state(a: pa.Table, b: pa.Table) -> None:
    """Equal in every bit and in the schema; a NaN equals itself."""
    assert a.schema.equals(b.schema, check_metadata=True)
    assert repr(a.to_pylist()) == repr(b.to_pylist())


def frozen(table: pa.Table) -> pa.Table:
    """A copy that shares no memory, so that it tells whether the table changes later."""
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, table.schema) as writer:
        writer.write_table(table)
    return pa.ipc.open_stream(sink.getvalue()).read_all()
