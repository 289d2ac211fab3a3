"""Nothing of a batch with bad rows is added to an Evaluator; or they are dropped, counted, and change nothing else."""

from __future__ import annotations

import math
import random
import re

import pyarrow as pa
import pytest

import fastrank as fr
from fastrank.errors import ColumnTypeError, InvalidValueError, MissingColumnError, ParameterError, QueryOrderError

METRICS = ["auc", "log_loss", "auc(bits=12)", "ndcg@2"]
OPTIONS = {"label": "clicked", "score": "p", "weight": "w", "query": "user", "by": ["country", "device"]}


def batch(first_user: int, **columns) -> pa.RecordBatch:
    good = {
        "clicked": [0, 1, 1, 0],
        "p": [0.125, 0.75, 0.5, 0.625],
        "w": [1.0, 2.0, 0.5, 1.0],
        "user": [first_user, first_user, first_user + 1, first_user + 2],
        "country": ["DE", "FR", "DE", None],
        "device": [1, 1, 2, 2],
    }
    return pa.record_batch({**good, **columns})


BAD = {
    "label": (InvalidValueError, {"clicked": [0, 1, 2, 0]}),
    "score": (InvalidValueError, {"p": [0.5, 0.25, math.nan, 0.0]}),
    "probability": (InvalidValueError, {"p": [0.5, 0.25, 1.5, 0.0]}),
    "weight": (InvalidValueError, {"w": [0.5, 0.25, -1.0, 0.0]}),
    "query": (InvalidValueError, {"user": [70, 71, None, 72]}),
    "label type": (ColumnTypeError, {"clicked": list("0110")}),
    "query type": (ColumnTypeError, {"user": [7.0, 7.5, 8.0, 8.5]}),
    "slice type": (ColumnTypeError, {"country": [7, 7, 8, 8], "device": [7.0, 7.5, 8.0, 8.5]}),
    "changed slice type": (ColumnTypeError, {"country": [7, 7, 8, 8]}),
    "column": (MissingColumnError, {"p": None}),
    "where": (ParameterError, {"clicked": [{"a": 1}] * 4}),
    "lists beside numbers": (ColumnTypeError, {"clicked": [[1]] * 4}),
}


@pytest.mark.parametrize(("fault", "at"), [(fault, at) for fault in BAD for at in range("changed" in fault, 3)])
def test_nothing_of_a_batch_with_an_error_is_added(fault, at):
    error, columns = BAD[fault]
    # Slices that only the bad batch has must not be there either.
    changed = {"country": ["XX"] * 4, "device": [9] * 4, **columns}
    bad = batch(70, **{name: column for name, column in changed.items() if column is not None})
    if fault == "column":
        bad = bad.drop_columns(["p"])
    options = {**OPTIONS, "where": "clicked <= 5"} if fault == "where" else OPTIONS
    good = [batch(1), batch(4)]
    evaluator, expected = (fr.Evaluator(METRICS, **options) for _ in range(2))
    for i in range(3):
        if i == at:
            with pytest.raises(error):
                evaluator.update(bad)
        if i < 2:
            evaluator.update(good[i])
            expected.update(good[i])
    assert str(evaluator.result()) == str(expected.result())
    assert evaluator.state().equals(expected.state())


def test_a_slice_type_that_was_never_added_binds_nobody():
    evaluator = fr.Evaluator("auc", label="clicked", score="p", by=["country", "device"])
    with pytest.raises(ColumnTypeError, match=r"^column 'device' \(by\) is of type double"):
        evaluator.update(batch(1, country=[1, 2, 3, 4], device=[1.0, 2.0, 3.0, 4.0]))
    evaluator.update(batch(1))
    assert evaluator.result()["auc", {"country": "DE", "device": 2}] != 0


@pytest.mark.parametrize("roles", [{"item": "item"}, {"query_weight": "qw"}, {}])
def test_after_an_error_inside_a_query_nothing_of_the_batch_was_added(roles):
    evaluator, expected = (
        fr.Evaluator(["auc", "mrr"], label="clicked", score="p", query="user", **roles) for _ in "ab"
    )
    users = [8, 9, 9, 8 if not roles else 10]
    good = batch(-9, item=[1, 2, 3, 4], qw=[1.0] * 4)
    for each in (evaluator, expected):
        each.update(good)
    with pytest.raises(InvalidValueError if roles else QueryOrderError):
        evaluator.update(batch(0, user=users, item=[1, 2, 2, 3], qw=[1.0, 1.0, 2.0, 1.0]))
    for each in (evaluator, expected):
        each.update(batch(20, item=[1, 2, 3, 4], qw=[1.0] * 4))
    assert str(evaluator.result()) == str(expected.result())
    assert evaluator.state().equals(expected.state())


def test_after_a_failure_half_way_an_evaluator_says_that_it_holds_part_of_a_batch(monkeypatch):
    evaluator = fr.Evaluator("auc", label="clicked", score="p")
    evaluator.update(batch(1))
    with monkeypatch.context() as patch:
        patch.setattr("fastrank.accumulators.exact.ScoreRuns.update", lambda *_: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            evaluator.update(batch(5))
    for call in (
        evaluator.result,
        evaluator.state,
        lambda: evaluator.update(batch(1)),
        lambda: evaluator.merge(evaluator),
    ):
        with pytest.raises(fr.FastrankError, match="holds part of a batch; make a new one"):
            call()


# ---------------------------------------------------------------------------------------------------------------------
# Errors inside a query

QUERIES = {
    "clicked": [0, 1] * 6,
    "p": [i / 16 for i in range(12)],
    "user": [1, 1, 1, 2, 2, 2, 3, 3, 3, 4, 4, 4],
    "item": [1, 2, 3] * 4,
    "qw": [1.0] * 3 + [2.0] * 3 + [0.0] * 3 + [0.5] * 3,
}


def check(source, metrics, error, message, **options) -> None:
    with pytest.raises(error, match="^" + re.escape(message)):
        fr.evaluate(source, metrics, label="clicked", score="p", **options)


@pytest.mark.parametrize("batch_rows", [1, 2, 5, None])
@pytest.mark.parametrize("row", [1, 4, 5, 8, 10])
def test_a_duplicate_item_in_a_query(row, batch_rows):
    items = [*QUERIES["item"]]
    items[row] = items[row - 1]
    items[11] = items[10]  # a later one, of which nothing is said
    query = row // 3 + 1
    message = f"column 'item' (item): row {row} holds {items[row]} in query {query}: an item stands twice in a query"
    check({**QUERIES, "item": items}, ["mrr"], InvalidValueError, message, query="user",
          item="item", batch_rows=batch_rows)  # fmt: skip


@pytest.mark.parametrize("batch_rows", [1, 2, 5, None])
@pytest.mark.parametrize("row", [1, 4, 5, 8, 10])
def test_a_query_weight_that_differs_inside_a_query(row, batch_rows):
    weights = [*QUERIES["qw"]]
    weights[row] = 9.0
    weights[11] = 8.0
    message = (
        f"column 'qw' (query_weight): row {row} holds 9.0 in query {row // 3 + 1}: the row before has another; "
        "allowed: one weight for all its rows"
    )
    check({**QUERIES, "qw": weights}, "mrr", InvalidValueError, message, query="user", query_weight="qw",
          batch_rows=batch_rows)  # fmt: skip


@pytest.mark.parametrize("batch_rows", [1, 2, 3, None])
@pytest.mark.parametrize("as_text", [False, True])
@pytest.mark.parametrize(
    ("users", "row"), [([1, 2, 1, 2], 2), ([1, 1, 2, 3, 2], 4), ([3, 2, 1, 3], 3), ([2, 1, 3, 4, 1], 4)]
)
def test_rows_of_a_query_that_are_not_adjacent(users, row, as_text, batch_rows):
    ids = [f"u{user}" for user in users] if as_text else users
    source = {"clicked": [1] * len(ids), "p": [0.5] * len(ids), "user": ids}
    message = (
        f"column 'user' (query): row {row} holds {ids[row]!r}, whose rows came before those of other queries; the rows "
        "of a query must be adjacent: sort the source by 'user', or queries=\"scattered\" takes them from anywhere"
    )
    check(source, "mrr", QueryOrderError, message, query="user", batch_rows=batch_rows, queries="adjacent")


# ---------------------------------------------------------------------------------------------------------------------
# on_invalid="drop"


def spoiled(seed: int, rows: int = 240) -> list[dict]:
    """Rows of which some are bad in one role or more."""
    draw = random.Random(seed)
    made = [
        {
            "clicked": draw.choice([0, 1, 1, 0, 0]),
            "p": draw.randrange(16) / 16,
            "w": draw.choice([0.5, 1.0, 2.0, 0.0]),
            "user": i // 6,
            "country": draw.choice(["DE", "FR", None]),
        }
        for i in range(rows)
    ]
    for row in draw.sample(made, rows // 6):
        row[name] = draw.choice({
            "clicked": [2, None, -2], "p": [math.nan, None], "w": [-1.0, math.inf, None], "user": [None],
        }[name := draw.choice(["clicked", "p", "w", "user"])])  # fmt: skip
    for row in draw.sample(made, rows // 10):
        row["p"] = draw.choice([1.25, -0.5])
    for row in made[:3]:
        row.update(country="XX", p=math.nan)
    return made


def as_batch(rows: list[dict]) -> pa.RecordBatch:
    return pa.RecordBatch.from_pylist(
        rows,
        pa.schema(
            [
                ("clicked", pa.int8()),
                ("p", pa.float64()),
                ("w", pa.float64()),
                ("user", pa.int64()),
                ("country", pa.string()),
            ]
        ),
    )


def is_binary(row) -> bool:
    return row["clicked"] in (0, 1)


def is_grade(value) -> bool:
    """A grade, or null where nobody judged the row."""
    return value is None or not math.isnan(value)


def is_number(value) -> bool:
    return value is not None and not math.isnan(value)


def is_weight(row) -> bool:
    return is_number(row["w"]) and 0 <= row["w"] <= 2**20


# What a row must be for each metric; one that is bad for log_loss only is kept for auc.
VALID = {
    "auc": lambda row: is_binary(row) and is_number(row["p"]) and is_weight(row),
    "auc(bits=12)": lambda row: is_binary(row) and is_number(row["p"]) and is_weight(row),
    "log_loss": lambda row: is_binary(row) and is_number(row["p"]) and 0 <= row["p"] <= 1 and is_weight(row),
    # A null score means that the row was not retrieved.
    "mrr@3": lambda row: is_grade(row["clicked"]) and is_grade(row["p"]) and row["user"] is not None,
    "ndcg(gain={0: 0, 1: 2})": lambda row: (
        row["clicked"] in (0, 1, None) and is_grade(row["p"]) and row["user"] is not None
    ),
    "map(unjudged=error)": lambda row: is_number(row["clicked"]) and is_grade(row["p"]) and row["user"] is not None,
}
DROPPING = {"label": "clicked", "score": "p", "weight": "w", "query": "user", "by": "country"}


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("batch_rows", [1, 7, None])
def test_dropping_equals_evaluating_the_good_rows_and_counts_the_others(batch_rows, seed):
    rows = spoiled(seed)
    # All metrics at once: each drops by its own rules.
    table = fr.evaluate(
        as_batch(rows), list(VALID), **DROPPING, on_invalid="drop", batch_rows=batch_rows
    ).table.to_pylist()
    for metric, is_valid in VALID.items():
        good = [row for row in rows if is_valid(row)]
        assert 5 < len(rows) - len(good) < 100
        overall, *slices = [entry for entry in table if entry["metric"] == metric]
        found = {entry["country"]: entry for entry in slices}
        wanted_overall, *wanted = fr.evaluate(as_batch(good), metric, **DROPPING).table.to_pylist()
        compare(overall, wanted_overall, len(rows) - len(good))
        assert set(found) - {entry["country"] for entry in wanted} == {"XX"}
        for entry in wanted:
            bad = [row for row in rows if row["country"] == entry["country"] and not is_valid(row)]
            compare(found[entry["country"]], entry, len(bad))
        assert (found["XX"]["rows"], found["XX"]["rows_dropped"]) == (0, 3)
        assert math.isnan(found["XX"]["value"])


def compare(found: dict, wanted: dict, dropped: int) -> None:
    assert found["rows_dropped"] == dropped
    assert wanted["rows_dropped"] == 0
    # As text, so that NaN equals NaN.
    assert repr({**found, "rows_dropped": 0}) == repr(wanted)


def test_rows_that_where_excludes_are_not_counted_as_dropped():
    source = {"clicked": [0, 1, 5, 1, 5], "p": [0.25, 0.75, 0.5, 0.5, 0.5], "user": [1, 1, 1, 2, 2]}
    result = fr.evaluate(source, "auc", label="clicked", score="p", where="user = 1", on_invalid="drop")
    assert result.table.select(["rows", "rows_dropped"]).to_pylist() == [{"rows": 2, "rows_dropped": 1}]


def test_nulls_in_arrow_columns_are_dropped_whatever_lies_under_them():
    labels = pa.Array.from_buffers(pa.int8(), 4, [pa.py_buffer(b"\x0d"), pa.py_buffer(b"\x00\x63\x01\x01")])
    assert labels.to_pylist() == [0, None, 1, 1]
    result = fr.evaluate({"y": labels, "p": [0.25, 0.5, 0.125, 0.75]}, "auc", label="y", score="p", on_invalid="drop")
    assert result["auc"] == 0.5
    assert result.table["rows_dropped"].to_pylist() == [1]
