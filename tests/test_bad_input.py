"""What bad input says: the column, the first bad row in its file, the value, what is allowed, and what helps."""

from __future__ import annotations

import math
import random
import re

import numpy as np
import pyarrow as pa
import pyarrow.parquet
import pytest

import fastrank as fr
from fastrank import metrics as m
from fastrank.errors import (
    ColumnTypeError,
    EmptyInputError,
    InvalidValueError,
    MissingColumnError,
    ParameterError,
    SourceError,
    UnknownMetricError,
)

ROLES = {"label": "clicked", "score": "p"}
DROP = 'on_invalid="drop" (--on-invalid drop) drops such rows and counts them'
GOOD = {
    "clicked": [0, 1, 0, 1],
    "p": [0.25, 0.75, 0.5, 1.0],
    "w": [1.0, 2.0, 0.5, 1.0],
    "user": [1, 1, 2, 2],
    "item": [1, 2, 1, 2],
    "country": ["DE", "FR", "DE", "FR"],
}
ALL = {**ROLES, "weight": "w", "query": "user", "item": "item", "by": "country"}


def table(**columns) -> pa.Table:
    """Four good rows, with some columns replaced."""
    return pa.table({**GOOD, **columns})


def check(source, metrics, error, message, **options):
    """The exact message, unless it is a pattern."""
    with pytest.raises(error) as caught:
        fr.evaluate(source, metrics, **{**ROLES, **options})
    assert isinstance(caught.value, fr.FastrankError)
    if isinstance(message, re.Pattern):
        assert message.search(str(caught.value)), str(caught.value)
    else:
        assert str(caught.value) == message


# ---------------------------------------------------------------------------------------------------------------------
# Columns


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"label": "Clicked"}, "no column 'Clicked' in {file}; did you mean 'clicked'?"),
        ({"weight": "wait"}, "no column 'wait' in {file}; it has clicked, p, w, user, item, country"),
        ({"by": "contry"}, "no column 'contry' in {file}; did you mean 'country'?"),
        ({"by": [["country"], ["users"]]}, "no column 'users' in {file}; did you mean 'user'?"),
        ({"where": "itm = 1"}, "where='itm = 1': no column 'itm'; did you mean 'item'?"),
    ],
)
def test_a_missing_column_is_named_with_those_near_it(tmp_path, options, message):
    file = str(tmp_path / "a.parquet")
    pyarrow.parquet.write_table(table(), file)
    check(file, "auc", MissingColumnError, message.format(file=file), **options)


def test_a_column_that_a_later_file_lacks_is_named_with_that_file(tmp_path):
    files = [str(tmp_path / "1.parquet"), str(tmp_path / "2.parquet")]
    pyarrow.parquet.write_table(table(), files[0])
    pyarrow.parquet.write_table(table().rename_columns(["clicked", "q", *list(GOOD)[2:]]), files[1])
    check(files, "auc", MissingColumnError, re.compile(rf"^no column 'p' in {re.escape(files[1])}; "))


NUMBER = "integer, float, bool or decimal"
KEY = "integer, string, binary, bool, date, time, timestamp, decimal"

POSITIVE = "positive= names the label of positive rows; "


@pytest.mark.parametrize(
    ("columns", "message"),
    [
        (
            {"clicked": list("abcd")},
            f"column 'clicked' (label) is of type string; allowed: {NUMBER}; {POSITIVE.removesuffix('; ')}",
        ),
        (
            {"p": [[0.5]] * 4},
            "column 'p' (score) is of type list<item: double>, column 'clicked' (label) of type int64; allowed: lists "
            "in both, a row a query, or in none",
        ),
        ({"w": list("1111")}, f"column 'w' (weight) is of type string; allowed: {NUMBER}"),
        ({"user": [1.0, 1.0, 2.0, 2.0]}, f"column 'user' (query) is of type double; allowed: {KEY} or dictionary"),
        (
            {"item": [[1], [2], [1], [2]]},
            "column 'item' (item) is of type list<item: int64>, column 'clicked' (label) of type int64; allowed: lists "
            "in both, a row a query, or in none",
        ),
        (
            {"country": [1.0, 2.0, 1.0, 2.0]},
            f"column 'country' (by) is of type double; allowed: {KEY}, or a dictionary of these",
        ),
    ],
)
def test_a_type_that_cannot_play_its_role(columns, message):
    check(table(**columns), ["auc", "ndcg@5"], ColumnTypeError, message, **ALL)


@pytest.mark.parametrize(
    "kind",
    [pa.month_day_nano_interval(), pa.list_(pa.int8()), pa.struct([("a", pa.int8())]), pa.map_(pa.int8(), pa.int8())],
)
@pytest.mark.parametrize("role", ["query", "item", "by"])
def test_types_of_which_no_id_is_made_are_refused(kind, role):
    column = {"query": "user", "item": "item", "by": "country"}[role]
    allowed = "; allowed: integer, string,"
    if role == "item" and pa.types.is_list(kind):
        allowed = ", column 'clicked' (label) of type int64; allowed: lists in both"
    message = re.compile(rf"^column '{column}' \({role}\) is of type {re.escape(str(kind) + allowed)}")
    check(table(**{column: pa.nulls(4, kind)}), ["auc", "ndcg@5"], ColumnTypeError, message, **ALL)


# ---------------------------------------------------------------------------------------------------------------------
# Values


BINARY, REAL, SCORE = "0 or 1, or -1 and 1", "a finite number, neither null nor NaN", "a number, neither null nor NaN"
UNJUDGED = ", or null where nobody judged the row; not NaN"
RETRIEVED = "a number, or null where the row was judged but not retrieved; not NaN"
PROBABILITY, WEIGHT, ID = "a probability in [0, 1]", "a weight from 0 to 2^20 (1048576)", "an id that is not null"
# (metric, column, role, bad value, as the message shows it, what is allowed)
INVALID = [
    ("auc", "clicked", "label", 2, "2", BINARY),
    ("auc", "clicked", "label", -2, "-2", BINARY),
    ("log_loss", "clicked", "label", 0.5, "0.5", BINARY),
    ("auc", "clicked", "label", math.nan, "nan", BINARY),
    ("auc", "clicked", "label", None, "null", BINARY),
    ("ndcg@5", "clicked", "label", math.inf, "inf", "a finite number" + UNJUDGED),
    ("ndcg@5", "clicked", "label", math.nan, "nan", "a finite number" + UNJUDGED),
    ("ndcg(unjudged=error)@5", "clicked", "label", None, "null", REAL),
    ("map(negative_rel=error)", "clicked", "label", -1, "-1", "a finite number, not negative" + UNJUDGED),
    ("mse", "clicked", "label", -math.inf, "-inf", REAL),
    ("ndcg(gain=exp2)@5", "clicked", "label", 53, "53", "an integer up to 52" + UNJUDGED),
    ("ndcg(gain=exp2)@5", "clicked", "label", 0.5, "0.5", "an integer up to 52" + UNJUDGED),
    ("err", "clicked", "label", 5, "5", "an integer up to 4" + UNJUDGED),
    ("rbp(rbp_gain=scaled, max_grade=1)", "clicked", "label", 2, "2", "an integer up to 1" + UNJUDGED),
    ("ndcg(gain={1: 3})@5", "clicked", "label", 2, "2", "a label that has a gain: 0, 1" + UNJUDGED),
    ("auc", "p", "score", math.nan, "nan", SCORE),
    ("ndcg@5", "p", "score", math.nan, "nan", RETRIEVED + '; nan_score="last" or "drop" accepts NaN'),
    ("mrr(propensity=w)", "w", "propensity", 0.0, "0.0", "a probability above 0, up to 1"),
    ("mrr(propensity=w)", "w", "propensity", 1.5, "1.5", "a probability above 0, up to 1"),
    ("mrr(propensity=w)", "w", "propensity", None, "null", "a probability above 0, up to 1"),
    ("log_loss", "p", "score", 1.2, "1.2", PROBABILITY),
    ("brier", "p", "score", -0.1, "-0.1", PROBABILITY),
    ("nce", "p", "score", math.nan, "nan", PROBABILITY),
    ("mse", "p", "score", math.inf, "inf", REAL),
    ("auc", "w", "weight", -1.0, "-1.0", WEIGHT),
    ("auc", "w", "weight", math.inf, "inf", WEIGHT),
    ("auc", "w", "weight", math.nan, "nan", WEIGHT),
    ("auc", "w", "weight", None, "null", WEIGHT),
    ("log_loss", "w", "weight", 2.0**20 + 1, "1048577.0", WEIGHT),
    ("nce(background=w)", "w", "background", 2.0, "2.0", PROBABILITY),
    ("mrr", "user", "query", None, "null", ID),
    ("mrr", "item", "item", None, "null", ID),
]


@pytest.mark.parametrize("batch_rows", [1, 3, None])
@pytest.mark.parametrize(("metric", "column", "role", "value", "shown", "allowed"), INVALID)
def test_the_first_bad_row_of_the_second_file(tmp_path, metric, column, role, value, shown, allowed, batch_rows):
    files = [str(tmp_path / "1.parquet"), str(tmp_path / "2.parquet")]
    values = {**GOOD, "w": [1.0, 0.5, 0.5, 1.0], "user": [1, 1, 2, 2]}
    pyarrow.parquet.write_table(pa.table(values), files[0])
    values = {**values, "user": [3, 3, 4, 4]}
    values[column] = [*values[column][:2], value, value]
    pyarrow.parquet.write_table(pa.table(values), files[1])
    message = f"column {column!r} ({role}): row 2 of {files[1]} holds {shown}; allowed: {allowed}; "
    hint = ".*divide all weights by a constant.*" if role == "weight" and value else ""
    hint = re.escape(POSITIVE) if allowed == BINARY and value is not None else hint
    message = re.compile(f"^{re.escape(message)}{hint}{re.escape(DROP)}$")
    check(files, metric, InvalidValueError, message, query="user", item="item", batch_rows=batch_rows,
          **({"weight": "w"} if role == "weight" else {}))  # fmt: skip


@pytest.mark.parametrize(("kind", "sign"), [(pa.int64(), 1), (pa.int64(), -1), (pa.uint64(), 1)])
def test_integers_that_float64_cannot_hold(kind, sign):
    edge = table(p=pa.array([0, 1, sign * 2**53, 1], kind))
    assert fr.evaluate(edge, "auc", **ROLES)["auc"] == (0.5 if sign > 0 else 1.0)
    past = table(p=pa.array([0, 1, sign * (2**53 + 1), 1], kind))
    message = rf"^column 'p' \(score\): row 2 holds {sign * (2**53 + 1)}; allowed: .*2\^53"
    check(past, "auc", InvalidValueError, re.compile(message))


def test_integers_that_float64_cannot_hold_are_refused_as_decimals_too():
    past = table(p=pa.array([0, 1, 2**53 + 1, 1]).cast(pa.decimal128(20, 0)))
    check(past, "auc", InvalidValueError, re.compile(r"^column 'p' \(score\): row 2 holds .*2\^53"))


@pytest.mark.parametrize("batch_rows", [1, 2, 3, 100])
def test_the_lowest_bad_row_is_reported_whichever_column_it_is_in(batch_rows):
    columns = ["clicked", "p", "w", "user"]
    bad = {"clicked": 7, "p": math.nan, "w": -1.0, "user": None}
    for seed in range(12):
        rows = dict(zip(columns, random.Random(seed).sample(range(3, 9), 4), strict=True))
        data = {name: (list(GOOD[name]) * 3)[:10] for name in columns}
        data["user"] = [i // 2 for i in range(10)]
        for name, row in rows.items():
            data[name][row] = bad[name]
        first = min(rows, key=rows.get)
        message = re.compile(rf"^column '{first}' \(\w+\): row {rows[first]} holds ")
        check(data, ["auc", "mrr"], InvalidValueError, message, weight="w", query="user", batch_rows=batch_rows)


def test_rows_that_where_excludes_may_hold_anything():
    source = table(clicked=[0, 1, 7, 1], p=[0.25, 0.75, math.nan, 1.0])
    assert fr.evaluate(source, "auc", **ROLES, where="item = 2 or user = 1")["auc"] == 1.0
    both = [m.auc(where="user = 1"), m.brier()]
    check(
        source, both, InvalidValueError, f"column 'clicked' (label): row 2 holds 7; allowed: {BINARY}; {POSITIVE}{DROP}"
    )


def test_a_null_slice_value_is_a_slice():
    result = fr.evaluate(table(country=["DE", None, None, "DE"]), "auc", **ROLES, by="country")
    assert result.table["country"].to_pylist() == [None, "DE", None]
    assert result["auc", {"country": None}] == 1.0
    assert result.table["rows"].to_pylist() == [4, 2, 2]


# ---------------------------------------------------------------------------------------------------------------------
# Sources


def test_sources_without_rows(tmp_path):
    file = str(tmp_path / "a.parquet")
    pyarrow.parquet.write_table(table().slice(0, 0), file)
    for source in (table().slice(0, 0), file, [file, file], {name: np.empty(0) for name in GOOD}):
        check(source, "auc", EmptyInputError, "the source has no rows")
    (tmp_path / "folder").mkdir()
    check(
        str(tmp_path / "folder"),
        "auc",
        SourceError,
        re.compile(r"folder: no readable file in this folder; readable are "),
    )
    check(str(tmp_path / "*.csv"), "auc", SourceError, f"{tmp_path}/*.csv: no file matches this pattern")
    empty = tmp_path / "0.parquet"
    empty.touch()
    check([file, str(empty)], "auc", SourceError, f"cannot read {empty}: the file is empty (0 bytes)")


def test_a_list_of_no_files():
    check([], "auc", fr.FastrankError, re.compile("list.* is empty|no (files|paths)"))


@pytest.mark.parametrize("options", [{"where": "user > 2"}, {"weight": "zero"}])
def test_no_row_is_left(options):
    message = re.compile(r"^none of the 4 rows is left: .*where=.*weight 0$")
    check(table(zero=[0] * 4), "auc", EmptyInputError, message, **options)
    check(
        table(clicked=[2] * 4),
        "auc",
        EmptyInputError,
        re.compile('^none of the 4 .*on_invalid="drop"'),
        on_invalid="drop",
    )


def test_files_that_are_damaged(tmp_path):
    good = tmp_path / "good.parquet"
    pyarrow.parquet.write_table(table(), good)
    data = good.read_bytes()
    for name, content in {
        "truncated": data[:-9],
        "half": data[: len(data) // 2],
        "other": b"no parquet at all",
    }.items():
        bad = tmp_path / f"{name}.parquet"
        bad.write_bytes(content)
        check(
            [str(good), str(bad)], "auc", SourceError, re.compile(rf"^cannot read {re.escape(str(bad))}: .*magic bytes")
        )
    check(str(tmp_path / "x.parquet"), "auc", SourceError, f"{tmp_path}/x.parquet: no such file or folder")


# ---------------------------------------------------------------------------------------------------------------------
# Metrics

CUTOFF = "an integer from 1, or None: the whole list"
GAIN = '"linear", "exp2", {label: gain, ...} with gains from 0 to 2^1000, and 0 for label 0, or a function of a label'


@pytest.mark.parametrize(
    ("metric", "error", "message"),
    [
        ("acu", UnknownMetricError, r"^no metric is called 'acu' \(near: auc,.*fastrank.list_metrics\(\) list all$"),
        ("ndgc@10", UnknownMetricError, r"^no metric is called 'ndgc' \(near: ndcg, "),
        ("qqqqqq", UnknownMetricError, r"^no metric is called 'qqqqqq'; `fastrank metrics`"),
        ("ndcg@0", ParameterError, f"^ndcg: k=0; allowed: {CUTOFF}$"),
        ("ndcg(k=-1)", ParameterError, f"^ndcg: k=-1; allowed: {CUTOFF}$"),
        ("mrr(k=2.5)", ParameterError, f"^mrr: k=2.5; allowed: {CUTOFF}$"),
        (
            "ndcg@ten",
            ParameterError,
            r"^'ndcg@ten': the cut-off after @ is 'ten'; allowed: integers from 1, as in @1,5,10$",
        ),
        ("auc@10", ParameterError, "^'auc@10': auc has no cut-off @k$"),
        ("auc(bits=99)", ParameterError, "^auc: bits=99; allowed: an integer from 12 to 26, or None: exact$"),
        (
            "auc(bit=14)",
            ParameterError,
            r"^auc has no parameter 'bit' \(near: bits\b.*\); it has bits, max_fpr, .*, positive, label, score, weight",
        ),
        ("ndcg(ties=random)", ParameterError, '^ndcg: ties=\'random\'; allowed: "average", "input", "item_desc", '),
        ("ndcg(gain=cubic)", ParameterError, f"^ndcg: gain='cubic'; allowed: {re.escape(GAIN)}$"),
        ("ndcg(gain={1: -2})", ParameterError, rf"^ndcg: gain=\{{1: -2\}}; allowed: {re.escape(GAIN)}$"),
        ("mrr(relevance_level=0)", ParameterError, "^mrr: relevance_level=0; allowed: a number above 0$"),
        ("log_loss(eps=0.7)", ParameterError, "^log_loss: eps=0.7; allowed: a number from 2\\^-1022 and below 0.5, "),
        (
            "nce(background=1)",
            ParameterError,
            '^nce: background=1; allowed: "self", "overall", a rate above 0 and below 1, or the name',
        ),
        ("ndcg(10)", ParameterError, r"^'ndcg\(10\)': a metric is spelled name\(parameter=value, ...\)@k$"),
        ("auc(query=user)", ParameterError, "^auc has no use for a column in the role 'query'$"),
        ("auc(label=3)", ParameterError, "^auc: label=3; allowed: the name of a column$"),
        ([], ParameterError, "^there is no metric to evaluate$"),
        ([3], ParameterError, "^3 is no metric: give fastrank.metrics.auc"),
        (
            [m.auc(name="a"), m.brier(name="a")],
            ParameterError,
            "^two metrics are called 'a': give one of them another name=$",
        ),
    ],
)
def test_metrics_and_parameters_that_do_not_exist(metric, error, message):
    check(table(), metric, error, re.compile(message), query="user")


def test_the_parameters_that_a_message_lists_are_those_that_are_taken():
    with pytest.raises(ParameterError) as caught:
        m.auc(bit=14)
    for name in ("query", "query_weight", "item"):
        assert name not in str(caught.value).partition("it has")[2].split(", ")


@pytest.mark.parametrize(
    ("metric", "options", "message"),
    [
        ("auc", {"label": None}, r"^auc needs a label column: name it \(label=, --label\)$"),
        ("auc", {"score": None}, r"^auc needs a score column: name it \(score=, --score\)$"),
        (
            "mrr(ties=item_desc)",
            {"query": "user"},
            r"^mrr\(ties=item_desc\) needs the item column: name it \(item=, --item\)",
        ),
        ("auc", {"label": 3}, "^label=3; allowed: the name of a column$"),
        ("auc", {"score": ["p", "p"]}, r"^score=\['p', 'p'\]; allowed: each column once$"),
        (
            "auc",
            {"by": [["user", "user"]]},
            r"^by=\[\['user', 'user'\]\]; allowed: names of columns, windows, or lists of them, each once$",
        ),
        ("auc", {"on_invalid": "skip"}, '^on_invalid=\'skip\'; allowed: "raise", "drop"$'),
    ],
)
def test_roles_that_are_missing_or_wrong_are_told_before_anything_is_read(metric, options, message):
    with pytest.raises(ParameterError, match=message):
        fr.Evaluator(metric, **{**ROLES, **options})


@pytest.mark.parametrize(
    ("metric", "message"),
    [
        (
            "precision@5",
            r"^precision ranks the rows of each query: name the query column \(query=, --query\).*binary_precision",
        ),
        ("recall@5", r"^recall ranks .* binary_recall"),
        ("f1@5", r"^f1 ranks .* binary_f1"),
        ("ndcg@5", r"^ndcg@5 needs a query column: name it \(query=, --query\)$"),
    ],
)
def test_long_rows_need_a_query_column(metric, message):
    # Lists need none, so that only the first batch tells.
    with pytest.raises(ParameterError, match=message):
        fr.Evaluator(metric, **ROLES).update(table().to_batches()[0])
    with pytest.raises(ParameterError, match=message):
        fr.evaluate(table(), ["auc", metric], **ROLES)


@pytest.mark.parametrize("batch_rows", [0, -1, 1.5, "many"])
def test_batch_rows_is_a_positive_integer(batch_rows):
    check(table(), "auc", ParameterError, re.compile(f"^batch_rows={batch_rows!r}"), batch_rows=batch_rows)


@pytest.mark.parametrize("limit", [-1, 1e9, "4 GiB", True, None])
def test_memory_limit_is_a_number_of_bytes(limit):
    message = f"memory_limit={limit!r}; allowed: a number of bytes, an integer"
    check(table(), "auc", ParameterError, message, memory_limit=limit)
