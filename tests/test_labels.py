"""Labels of two classes as users have them: 0 and 1, -1 and 1, bool, or any with `positive=`."""

from __future__ import annotations

import datetime
import json
import pickle
from decimal import Decimal
from itertools import permutations
from typing import TYPE_CHECKING, Any

import helpers
import numpy as np
import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet
import pytest
from click.testing import CliRunner
from hypothesis import given, settings
from hypothesis import strategies as st
from shared_data import shared

import fastrank as fr
from fastrank import metrics as m
from fastrank.cli import main
from fastrank.errors import ColumnTypeError, InvalidValueError, ParameterError, StateMismatchError
from fastrank.judgments import Judgments
from fastrank.labels import BINARY, one_label
from fastrank.sources import csv, tables

if TYPE_CHECKING:
    from pathlib import Path

ROLES = {"label": "y", "score": "p"}
# Metrics of labels 0 and 1, or -1 and 1, and those of them that take positive=.
BINARY_METRICS = [x for x in helpers.every_metric() if x.domains.get("label") == BINARY]
NAMES = sorted({x.definition.name for x in BINARY_METRICS})
ONE_CODING = "allowed: 0 or 1, or -1 and 1, but one of the two in all rows; positive= names the label of positive rows"


def rows(labels: Any, **columns: Any) -> pa.RecordBatch:
    """Rows with these labels, and scores that differ."""
    labels = labels if isinstance(labels, pa.Array) else pa.array(labels)
    scores = [(7 * i % 11) / 11 for i in range(len(labels))]
    return pa.RecordBatch.from_pydict({"y": labels, "p": pa.array(scores, pa.float64()), **columns})


def relabelled(batch: pa.RecordBatch, name: str, labels: pa.Array) -> pa.RecordBatch:
    return batch.set_column(batch.schema.get_field_index(name), name, labels)


def evaluator(*batches: pa.RecordBatch, metrics: Any = ("auc", "log_loss"), **options: Any) -> fr.Evaluator:
    return helpers.fed(fr.Evaluator(metrics, **{**ROLES, **options}), batches)


def message(error: pytest.ExceptionInfo[Exception]) -> str:
    return str(error.value)


# ---------------------------------------------------------------------------------------------------------------------
# -1 and 1


def test_minus_one_is_negative() -> None:
    # Positives .35 and .8, negatives .1 and .4: .35 > .1, .35 < .4, .8 > .1, .8 > .4: 3 of 4.
    assert m.auc().compute([-1, -1, 1, 1], [0.1, 0.4, 0.35, 0.8]) == 0.75
    # (1/4)^2 and (1/2)^2, halved: (1/16 + 1/4) / 2.
    assert m.brier().compute([-1, 1], [0.25, 0.5]) == 0.15625


SIGNED = [
    *(pa.int8(), pa.int16(), pa.int32(), pa.int64(), pa.float16(), pa.float32(), pa.float64()),
    *(pa.decimal128(5, 1), pa.dictionary(pa.int8(), pa.int64())),
]


def signed_labels(clicked: pa.Array, kind: pa.DataType) -> pa.Array:
    """-1 in place of 0, as another type."""
    signed = [2 * y - 1 for y in clicked.to_pylist()]
    labels = pa.array(np.array(signed, np.float16 if kind == pa.float16() else np.int8))
    return labels.dictionary_encode() if pa.types.is_dictionary(kind) else labels.cast(kind)


BY_COUNTRY: dict[str, Any] = {"score": ["p", "p2"], "query": "query", "weight": "weight", "by": "country"}


def test_minus_one_is_zero_to_every_metric_of_two_classes() -> None:
    assert {"auc", "log_loss", "nce", "brier"} <= set(NAMES)
    plain = helpers.make_rows([40, 30], 3)
    signed = relabelled(plain, "clicked", signed_labels(plain["clicked"], pa.int8()))
    expected = helpers.fed(fr.Evaluator(BINARY_METRICS, **BY_COUNTRY), [plain]).result()
    for places in ([], [1, 2, 33]):
        got = helpers.fed(fr.Evaluator(BINARY_METRICS, **BY_COUNTRY), helpers.cut(signed, places))
        helpers.same_result(got, expected)


@pytest.mark.parametrize("kind", SIGNED, ids=str)
def test_minus_one_is_zero_in_every_type(kind: pa.DataType) -> None:
    """What a type is read as does not depend on the parameters of a metric: one of each name."""
    metrics = list({metric.definition.name: metric for metric in BINARY_METRICS}.values())
    assert len(metrics) == len(NAMES)
    plain = helpers.make_rows([40, 30], 3)
    signed = relabelled(plain, "clicked", signed_labels(plain["clicked"], kind))
    expected = helpers.fed(fr.Evaluator(metrics, **BY_COUNTRY), [plain]).result()
    for places in ([], [1, 2, 33]):
        helpers.same_result(helpers.fed(fr.Evaluator(metrics, **BY_COUNTRY), helpers.cut(signed, places)), expected)


@pytest.mark.parametrize("labels", [[True, False, True], [1.0, 0.0, 1.0]])
def test_bool_and_float_labels(labels: list[Any]) -> None:
    # Scores 0, 7/11, 3/11: the positives lose to the only negative.
    assert evaluator(rows(labels)).result()["auc"] == 0.0


def first_mixed(labels: list[int | None], keep: list[bool]) -> int | None:
    """The first row at which rows that are kept have held both 0 and -1."""
    seen = set()
    for i, (label, kept) in enumerate(zip(labels, keep, strict=True)):
        seen |= {label} & {0, -1} if kept else set()
        if len(seen) == 2:
            return i
    return None


@settings(max_examples=200, deadline=None)
@given(
    labels=st.lists(st.sampled_from([1, 1, 0, -1, None]), min_size=1, max_size=14),
    kept=st.lists(st.booleans(), min_size=14, max_size=14),
    places=st.lists(st.integers(0, 14), max_size=4),
    kind=st.sampled_from([pa.int8(), pa.int64(), pa.float32()]),
    drop=st.booleans(),
)
def test_two_codings_of_negative_rows_are_an_error_however_rows_are_split(labels, kept, places, kind, drop) -> None:
    batch = rows(pa.array(labels, kind), keep=pa.array(kept[: len(labels)]))
    kept = kept[: len(labels)]
    options = {"where": "keep", "on_invalid": "drop" if drop else "raise"}
    batches = helpers.cut(batch, [min(place, len(labels)) for place in places])
    null = next((i for i, (y, keep) in enumerate(zip(labels, kept, strict=True)) if keep and y is None), None)
    mixed = first_mixed(labels, kept)
    if not drop and null is not None and (mixed is None or null < mixed):
        with pytest.raises(InvalidValueError, match=f"^column 'y' .*: row {null} holds null; "):
            evaluator(*batches, **options)
    elif mixed is not None:
        label = labels[mixed]
        with pytest.raises(InvalidValueError) as error:
            evaluator(*batches, **options)
        shown = float(label) if kind == pa.float32() else label
        assert message(error) == (
            f"column 'y' (label): row {mixed} holds {shown}, and rows before it hold {-1 - label}; {ONE_CODING}"
        )
        shards = [evaluator(one, **options) for one in whole_shards(batch, labels, kept)]
        first, *others = shards
        with pytest.raises(StateMismatchError):
            helpers.merged(first, *others)
    else:
        state = evaluator(*batches, **options).state()
        seen = {y for y, keep in zip(labels, kept, strict=True) if keep} & {0, -1}
        assert json.loads(state.schema.metadata[b"fastrank.state"])["negatives"] == dict.fromkeys(
            ["y"] * len(seen), *seen
        )
        helpers.identical_state(state, evaluator(batch, **options).state())


def whole_shards(batch: pa.RecordBatch, labels: list[int | None], kept: list[bool]) -> list[pa.RecordBatch]:
    """The rows in shards of which none mixes codings."""
    clean = [[i for i, y in enumerate(labels) if (y == coding or y == 1) and kept[i]] for coding in (0, -1)]
    return [batch.take(pa.array(places, pa.int64())) for places in clean]


def test_a_batch_that_mixes_adds_nothing() -> None:
    good, bad = rows([0, 1, 0]), rows([1, 1, -1])
    mine = evaluator(good)
    before = helpers.frozen(mine.state())
    for batch in (bad, rows([0, -1]), rows([-1, 0])):
        with pytest.raises(InvalidValueError, match=r"row \d holds -1, and rows before it hold 0; "):
            mine.update(batch)
        helpers.identical_state(mine.state(), before)
    mine.update(rows([1, 1]))
    helpers.same_state(mine, evaluator(good, rows([1, 1])))
    # Nothing of a batch that is refused is known of later: only its own mixture was wrong.
    other = evaluator(rows([1]))
    with pytest.raises(InvalidValueError, match="row 2 holds 0, and rows before it hold -1"):
        other.update(rows([-1, 0]))
    other.update(rows([0, 1]))
    assert other.result().to_dict()["rows"] == [3, 3]


def test_a_column_has_one_coding_whichever_rows_a_metric_reads() -> None:
    parts = [m.auc(where="part = 'a'", name="a"), m.auc(where="part = 'b'", name="b")]
    batch = rows([0, -1, 1, 1, -1, 0], part=pa.array(list("abcbac")))
    with pytest.raises(InvalidValueError, match="row 1 holds -1, and rows before it hold 0"):
        evaluator(batch, metrics=parts)
    # Row 0 is the only 0 that a metric reads, and row 4 the first -1.
    with pytest.raises(InvalidValueError, match="row 4 holds -1, and rows before it hold 0"):
        evaluator(batch, metrics=parts[:1])
    assert evaluator(batch, metrics=parts[1:]).result().to_dict()["rows"] == [2]
    # Each column has its own.
    two = rows([0, 1, 0], z=pa.array([-1, 1, 1]))
    assert evaluator(two, metrics=["auc", "auc(label=z)"]).result().to_dict()["rows"] == [3, 3]
    # To other metrics 0 and -1 are numbers.
    assert evaluator(rows([0, -1, 1]), metrics=["mse", "auc(positive=1)"]).result()["auc(positive=1)"] == 0.5


@pytest.mark.parametrize("form", ["evaluator", "state", "file", "pickle"])
def test_states_of_two_codings_do_not_merge(form: str, tmp_path: Path) -> None:
    def sent(other: fr.Evaluator) -> Any:
        if form == "file":
            path = tmp_path / f"{len(list(tmp_path.iterdir()))}.arrow"
            other.save_state(path)
            return path
        return {"evaluator": other, "state": other.state(), "pickle": pickle.loads(pickle.dumps(other))}[form]

    zero, one, minus = rows([0, 1, 0, 1]), rows([1, 1]), rows([1, -1])
    for order in permutations([zero, one, minus]):
        first, second, third = map(evaluator, order)
        with pytest.raises(StateMismatchError) as error:
            helpers.merged(first, sent(second), sent(third))
        here, there = (0, -1) if [*order].index(zero) < [*order].index(minus) else (-1, 0)
        # Before it, the name of the file, where the state is in one.
        assert message(error).endswith(
            f"column 'y' (label) holds {here} in rows of this state, and {there} in rows of the other; {ONE_CODING}"
        )
        with pytest.raises(StateMismatchError):
            helpers.merged(evaluator(order[0]), helpers.merged(*map(evaluator, order[1:])))
    mine = helpers.merged(evaluator(zero), sent(evaluator(one)))
    before = helpers.frozen(mine.state())
    with pytest.raises(StateMismatchError):
        mine.merge(sent(evaluator(minus)))
    helpers.identical_state(mine.state(), before)
    with pytest.raises(InvalidValueError, match="holds -1, and rows before it hold 0"):
        mine.update(minus)
    helpers.same_state(helpers.merged(evaluator(minus), sent(evaluator(one))), evaluator(minus, one))
    # What was seen arrives with the state, in whatever order shards are merged.
    arrived = helpers.merged(evaluator(one), sent(evaluator(minus)))
    with pytest.raises(InvalidValueError, match="holds 0, and rows before it hold -1"):
        arrived.update(zero)


def test_columns_of_metrics_that_a_merge_drops_do_not_matter() -> None:
    zero, minus = (rows([0, 1, 0], z=pa.array(z)) for z in ([0, 1, 1], [-1, 1, 1]))
    mine, other = evaluator(zero, metrics=["auc", "auc(label=z)"]), evaluator(minus, metrics=["auc", "brier(label=z)"])
    mine.merge(other, missing="drop")
    expected = evaluator(zero, zero, metrics=["auc"])
    helpers.identical_state(mine.state(), expected.state())


def test_a_state_that_names_another_label_is_damaged() -> None:
    table = evaluator(rows([0, 1])).state()
    for wrong in ({"y": 2}, {"y": "0"}, [1]):
        about = {**json.loads(table.schema.metadata[b"fastrank.state"]), "negatives": wrong}
        with pytest.raises(StateMismatchError, match="the state is damaged"):
            evaluator().merge(table.replace_schema_metadata({b"fastrank.state": json.dumps(about).encode()}))


@pytest.mark.parametrize("threads", [2, 3, 5])
def test_threads_tell_the_row_that_one_thread_tells(threads: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tables, "LEAST_SHARD_ROWS", 1)
    ones = [1] * 60
    cases = [
        ({3: 0, 50: -1}, 50),  # in two shards
        ({3: 0, 50: -1, 55: 0}, 50),  # the last shard alone would tell row 55
        ({3: 0, 50: -1, 55: 7}, 50),  # or row 55 for its 7
        ({3: -1, 45: 7, 50: 0}, 45),
    ]
    for changes, first in cases:
        labels = [changes.get(i, y) for i, y in enumerate(ones)]
        table = pa.Table.from_batches([rows(labels)])
        for options in ({}, {"query": "y", "queries": "scattered"}):
            metrics = ["auc", "mrr"] if options else "auc"
            told = []
            for count in (1, threads):
                with pytest.raises(InvalidValueError) as error:
                    fr.evaluate(table, metrics, **ROLES, **options, threads=count)
                told.append(message(error))
            assert told[0] == told[1]
            assert f"row {first} holds {labels[first]}" in told[0]
    signed = pa.Table.from_batches([rows([-1, 1, 1] * 20)])
    plain = pa.Table.from_batches([rows([0, 1, 1] * 20)])
    one = fr.evaluate(plain, "auc", **ROLES, threads=1)
    helpers.same_result(fr.evaluate(signed, "auc", **ROLES, threads=threads), one)


@pytest.mark.parametrize(("label", "shown"), [(2, "2"), (0.5, "0.5"), (-1.5, "-1.5"), (float("inf"), "inf")])
@pytest.mark.parametrize("metric", sorted({*NAMES} - {"gauc"}))  # of lists, in which labels may be null
def test_a_label_of_no_class_is_told_how_to_name_one(metric: str, label: float, shown: str) -> None:
    with pytest.raises(InvalidValueError) as error:
        evaluator(rows([1, 0, label, 1]), metrics=metric, query="p")
    assert f"column 'y' (label): row 2 holds {float(label) if label != 2 else shown}" in message(error)
    assert "; allowed: 0 or 1, or -1 and 1; positive= names the label of positive rows; on_invalid=" in message(error)


# ---------------------------------------------------------------------------------------------------------------------
# positive=


KINDS: list[tuple[pa.DataType, list[Any], Any]] = [
    *((kind, [3, 2, 0, 2], 2) for kind in (pa.int8(), pa.uint8(), pa.int64(), pa.uint64(), pa.decimal128(4, 0))),
    (pa.int8(), [3, -2, 0, -2], -2),
    (pa.int64(), [2**53 + 1, 2**53, 2**53 - 1, 2**53], 2**53),
    (pa.uint64(), [2**64 - 1, 2**53, 2**53 + 1, 2**53], 2**53),
    (pa.float64(), [0.25, 0.5, float("inf"), 0.5], 0.5),
    (pa.float32(), [0.25, 0.5, -0.5, 0.5], 0.5),
    (pa.decimal128(4, 1), [Decimal("0.2"), Decimal("0.1"), Decimal("1"), Decimal("0.1")], 0.1),
    (pa.bool_(), [False, True, False, True], True),
    (pa.bool_(), [True, False, True, False], False),
    (pa.bool_(), [False, True, False, True], 1),
    *((kind, [">51K", ">50K", "", ">50K"], ">50K") for kind in (pa.string(), pa.large_string(), pa.string_view())),
    *((kind, [b"a", b"\xc3\xa9", b"", b"\xc3\xa9"], "é") for kind in (pa.binary(), pa.large_binary())),
    (pa.binary(2), [b"ab", b"\xc3\xa9", b"  ", b"\xc3\xa9"], "é"),
    (pa.string(), ["1", "", "x", ""], ""),
    (pa.date32(), [datetime.date(2024, 1, day) for day in (1, 31, 2, 31)], "2024-01-31"),
    (pa.timestamp("us", "Europe/Berlin"), [datetime.datetime(2024, 1, d) for d in (1, 31, 2, 31)], "2024-01-31 01:00"),
]


@pytest.mark.parametrize(("kind", "labels", "positive"), KINDS, ids=lambda value: str(value)[:24])
def test_labels_of_any_type(kind: pa.DataType, labels: list[Any], positive: Any) -> None:
    # Scores 0, 7/11, 3/11, 10/11: the positives, in rows 1 and 3, win all.
    array = pa.array(labels, kind)
    assert evaluator(rows(array), metrics=m.auc(positive=positive)).result().table["value"].to_pylist() == [1.0]
    sliced = evaluator(rows(array).slice(1, 2), metrics=m.brier(positive=positive))
    # Scores 7/11 of a positive and 3/11 of a negative row: (4/11)^2 and (3/11)^2.
    assert sliced.result().table["value"].to_pylist() == [pytest.approx(25 / 242, rel=1e-15)]
    if kind in (pa.string_view(), pa.bool_()) or pa.types.is_decimal(kind):
        return
    coded = array.dictionary_encode()
    assert evaluator(rows(coded), metrics=m.auc(positive=positive)).result().table["value"].to_pylist() == [1.0]


@pytest.mark.parametrize("name", NAMES)
def test_every_metric_of_two_classes_takes_a_positive_label(name: str) -> None:
    plain = helpers.make_rows([40, 30], 3)
    texts = pa.array([["no", "maybe"][i % 2] if y == 0 else "yes" for i, y in enumerate(plain["clicked"].to_pylist())])
    options: dict[str, Any] = {"label": "clicked", "score": "p", "query": "query", "weight": "weight", "by": "country"}
    expected = helpers.fed(fr.Evaluator(name, **options), [plain]).result()
    named = relabelled(plain, "clicked", texts)
    made = [fr.Evaluator(f"{name}(positive=yes)", **options) for _ in range(2)]
    first, *others = map(helpers.fed, made, [[part] for part in helpers.cut(named, [9])])
    got = helpers.merged(first, *(other.state() for other in others)).result()
    assert got.table["value"].to_pylist() == expected.table["value"].to_pylist()
    assert set(got.table["metric"].to_pylist()) == {f"{name}(positive=yes)"}


def test_a_positive_label_of_float32_compares_as_float64() -> None:
    labels = pa.array([0.1, 0.2], pa.float32())
    assert evaluator(rows(labels), metrics="brier(positive=0.1)").result()["brier(positive=0.1)"] == pytest.approx(
        (0 + 49 / 121) / 2
    )  # no row is positive
    near = float(np.float32(0.1))
    # The first, of score 0, is positive: (1 + 49/121) / 2.
    assert m.brier(positive=near).compute(np.array([0.1, 0.2], np.float32), [0.0, 7 / 11]) == pytest.approx(85 / 121)


@pytest.mark.parametrize(
    ("labels", "positive", "shown"),
    [
        (pa.array([1, None, 2]), 2, "null"),
        (pa.array([1.0, float("nan"), 2.0]), 2, "nan"),
        (pa.array([1.0, float("nan"), 2.0], pa.float32()), 2, "nan"),
        (pa.array(["a", None, "b"]), "b", "null"),
        (pa.array(["a", None, "b"]).dictionary_encode(), "b", "null"),
        (pa.array([True, None, False]), True, "null"),
    ],
    ids=str,
)
def test_labels_that_are_no_label(labels: pa.Array, positive: Any, shown: str) -> None:
    metric = m.auc(positive=positive)
    with pytest.raises(InvalidValueError) as error:
        evaluator(rows(labels), metrics=metric)
    assert message(error).startswith(
        f"column 'y' (label): row 1 holds {shown}; allowed: a label, neither null nor NaN; on_invalid="
    )
    got = evaluator(rows(labels), metrics=metric, on_invalid="drop").result().to_dict()
    assert (got["rows"], got["rows_dropped"]) == ([2], [1])


def test_a_column_of_nulls_has_no_labels() -> None:
    for positive in (1, "a"):
        got = evaluator(rows(pa.nulls(3)), metrics=m.brier(positive=positive), on_invalid="drop").result().to_dict()
        assert (got["rows"], got["rows_dropped"]) == ([0], [3])


NUMBERS = "integer, float, bool or decimal"
TEXTS = "string, binary, date, time, timestamp or dictionary"


def of_numbers(positive: Any) -> str:
    return f"{NUMBERS}, which the number positive={positive!r} compares with; text stands in quotes"


def of_texts(positive: Any) -> str:
    return f"{TEXTS}, which the text positive={positive!r} compares with; numbers stand without quotes"


@pytest.mark.parametrize(
    ("labels", "positive", "allowed"),
    [
        (["a", "b"], 1, of_numbers(1)),
        ([datetime.date(2024, 1, 31)] * 2, 0.5, of_numbers(0.5)),
        ([1, 2], "1", of_texts("1")),
        ([True, False], "true", of_texts("true")),
        ([1.5, 2.5], "1.5", of_texts("1.5")),
        ([Decimal(1), Decimal(2)], "1", of_texts("1")),
        ([datetime.timedelta(1)] * 2, "1", of_texts("1")),
        ([datetime.date(2024, 1, 31)] * 2, "yes", "a type of which positive='yes' names a value"),
        (["a", "b"], None, f"{NUMBERS}; positive= names the label of positive rows"),
    ],
    ids=str,
)
def test_types_that_do_not_compare(labels: list[Any], positive: Any, allowed: str) -> None:
    batch = rows(labels)
    with pytest.raises(ColumnTypeError) as error:
        evaluator(batch, metrics=m.auc(positive=positive))
    assert message(error) == f"column 'y' (label) is of type {batch.schema.field('y').type}; allowed: {allowed}"


@pytest.mark.parametrize("value", [float("nan"), float("inf"), 2**53 + 1, 1j, [1], b"a", datetime.date.min, "\ud800"])
def test_values_that_name_no_label(value: Any) -> None:
    with pytest.raises(
        ParameterError, match=r"^auc: positive=.*; allowed: a number up to 2\^53 in size, text, True or"
    ):
        m.auc(positive=value)


@pytest.mark.parametrize(
    ("value", "spelling"),
    [
        (">50K", "auc(positive='>50K')"), ("yes", "auc(positive=yes)"), ("None", "auc(positive='None')"),
        ("1", "auc(positive='1')"), ("", "auc(positive='')"), ("it's @5", 'auc(positive="it\'s @5")'),
        (2, "auc(positive=2)"), (2.0, "auc(positive=2)"), (-1, "auc(positive=-1)"), (0.5, "auc(positive=0.5)"),
        (True, "auc(positive=1)"), (np.True_, "auc(positive=1)"), (np.int8(3), "auc(positive=3)"),
        (False, "auc(positive=0)"),
        (np.str_("a b"), "auc(positive='a b')"), (None, "auc"),
    ],
)  # fmt: skip
def test_spellings(value: Any, spelling: str) -> None:
    metric = m.auc(positive=value)
    assert metric.name == spelling
    assert m.parse(spelling) == [metric] == [pickle.loads(pickle.dumps(metric))]
    assert m.parse(spelling.replace("positive", "pos_label")) == [metric]


def test_metrics_of_one_positive_label_share_a_state() -> None:
    batch = rows(["a", "b", "c", "b"])
    table = evaluator(batch, metrics=["log_loss(positive=b)", "nce(positive=b)", "log_loss(positive=c)"]).state()
    identities = [json.loads(name) for name in table.column_names if name.startswith("{")]
    assert sorted((each["parameters"]["term"], each["inputs"].get("reading of label")) for each in identities) == [
        ("label", "positive: 'b'"), ("log_loss", "positive: 'b'"), ("log_loss", "positive: 'c'"), ("weight", None),
    ]  # fmt: skip
    with pytest.raises(StateMismatchError, match="lacks"):
        evaluator(metrics="auc(positive=b)").merge(evaluator(batch, metrics="auc(positive=c)"))
    with pytest.raises(StateMismatchError, match="lacks"):
        evaluator(metrics="auc(positive='1')").merge(evaluator(rows([1, 2]), metrics="auc(positive=1)"))
    whole = evaluator(rows([1, 2]), metrics=m.auc(positive=1))
    for one in (1.0, True):
        helpers.same_state(helpers.merged(evaluator(metrics=m.auc(positive=one)), whole), whole)


def test_csv_files_of_text_and_of_numbers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    table = pa.table({"y": [0, 1, 2, 1], "c": ["<=50K", ">50K", "<=50K", ">50K"], "p": [0.1, 0.4, 0.35, 0.8]})
    pa.csv.write_csv(table, tmp_path / "a.csv")
    more = pa.table({"y": [1.0, 0.5], "c": ["1", "2"], "p": [0.9, 0.0]})
    pa.csv.write_csv(more, tmp_path / "b.csv")
    roles = {"score": "p", "label": "c"}
    assert fr.evaluate(tmp_path / "a.csv", m.auc(positive=">50K"), **roles).table["value"].to_pylist() == [1.0]
    # Labels that are whole in one file and not in another are numbers in both.
    metrics = ["auc(positive=1, label=y)", "mse(label=y)"]
    both = fr.evaluate([tmp_path / "a.csv", tmp_path / "b.csv"], metrics, score="p")
    assert both["auc(positive=1, label=y)"] == 1.0
    assert both.table["rows"].to_pylist() == [6, 6]
    # And so they are where only a later block has fractions.
    monkeypatch.setattr(csv, "CSV_BLOCK_BYTES", 32)
    pa.csv.write_csv(pa.table({"y": [1, 2] * 20 + [0.5], "p": [0.9, 0.0] * 20 + [0.9]}), tmp_path / "c.csv")
    text = (tmp_path / "c.csv").read_text()
    assert "\n1,0.9\n2,0\n" in text
    late = fr.evaluate(tmp_path / "c.csv", "auc(positive=1)", label="y", score="p")
    # Each of 20 positives wins over 20 negatives, and ties with the last.
    assert late["auc(positive=1)"] == 20.5 / 21


def test_the_command_line_takes_a_positive_label(tmp_path: Path) -> None:
    table = pa.table({"y": ["a b", "é", "a b", "é"], "p": [0.1, 0.4, 0.35, 0.8]})
    pa.parquet.write_table(table, tmp_path / "a.parquet")
    arguments = ["evaluate", str(tmp_path / "a.parquet"), "--label", "y", "--score", "p", "--format", "json"]
    done = CliRunner().invoke(main, [*arguments, "-m", "auc(positive='é')", "-m", "brier(positive='a b')"])
    assert done.exit_code == 0, done.output
    found = {row["metric"]: row["value"] for row in json.loads(done.stdout)}
    # Of the rows that are "a b" errors .9 and .65, of the others .4 and .8: (.81 + .4225 + .16 + .64) / 4.
    assert found == {"auc(positive='é')": 1.0, "brier(positive='a b')": pytest.approx(0.508125, rel=1e-15)}
    failed = CliRunner().invoke(main, [*arguments, "-m", "auc"])
    assert failed.exit_code != 0
    assert "positive= names the label of positive rows" in failed.output.replace("\n", " ")


def test_signed_labels_on_the_command_line(tmp_path: Path) -> None:
    for name, labels in (("a", [0, 1, 1]), ("b", [1, -1, 1])):
        pa.parquet.write_table(pa.table({"y": labels, "p": [0.1, 0.4, 0.35]}), tmp_path / f"{name}.parquet")
    arguments = ["--label", "y", "--score", "p", "-m", "auc", "--format", "json"]
    done = CliRunner().invoke(main, ["evaluate", str(tmp_path / "b.parquet"), *arguments])
    assert json.loads(done.stdout)[0]["value"] == 0.0
    failed = CliRunner().invoke(main, ["evaluate", str(tmp_path), *arguments])
    assert failed.exit_code != 0
    words = " ".join(failed.output.split())
    assert "holds -1, and rows before it hold 0" in words
    assert "row 1 of" in words


# ---------------------------------------------------------------------------------------------------------------------
# Real data, judgments


def test_census_incomes_against_scikit_learn() -> None:
    from sklearn.metrics import brier_score_loss, log_loss, roc_auc_score

    table = pa.parquet.read_table(shared("pointwise", "adults.parquet"))
    ages = np.array(table["age"].to_pylist(), np.float64)
    classes = np.array(table["class"].to_pylist())
    rich = next(word for word in sorted(set(classes.tolist())) if ">" in word)
    table = table.append_column("p", pa.array((ages / 100).tolist()))
    metrics = [m.auc(positive=rich), m.auc(positive=rich, score="age"), m.auc(positive=rich, bits=26, score="age")]
    metrics += [m.log_loss(positive=rich), m.brier(positive=rich)]
    result = fr.evaluate(table, metrics, label="class", score="p")
    truth = classes == rich
    expected = [
        roc_auc_score(truth, ages / 100), roc_auc_score(truth, ages), roc_auc_score(truth, ages),
        log_loss(truth, ages / 100), brier_score_loss(truth, ages / 100),
    ]  # fmt: skip
    values = result.table["value"].to_pylist()
    assert values == pytest.approx(expected, rel=1e-12)
    assert 0.6 < values[1] < 0.8
    place = table.schema.get_field_index("class")
    texts = table.set_column(place, "class", table["class"].cast(pa.string()))
    signed = table.set_column(place, "class", pa.array(np.where(truth, 1, -1)))
    assert fr.evaluate(texts, metrics, label="class", score="p").table["value"].to_pylist() == values
    plain = [m.auc(), m.auc(score="age"), m.auc(bits=26, score="age"), m.log_loss(), m.brier()]
    plain = [type(x)(x.definition, x.parameters, x.overrides, None, f"{i}") for i, x in enumerate(plain)]
    for threads in (1, 2):
        result = fr.evaluate(signed, plain, label="class", score="p", threads=threads, batch_rows=5000)
        assert result.table["value"].to_pylist() == values


def test_judgments_are_not_read_as_other_labels() -> None:
    qrels = fr.qrels.read_judgments(
        {"a": {"x": 1, "y": 0}, "b": {"z": -1}}, query="query", item="item", label=None, query_weight=None
    )
    assert isinstance(qrels, Judgments)
    with pytest.raises(InvalidValueError, match="query 'b' has the label -1"):
        qrels.check_labels(BINARY)
    fitting = fr.qrels.read_judgments(
        {"a": {"x": 1, "y": 0}}, query="query", item="item", label=None, query_weight=None
    )
    fitting.check_labels(BINARY)
    fitting.check_labels(one_label(1))
    with pytest.raises(InvalidValueError, match=r"query 'a' has the label .*; allowed: labels that need not"):
        fitting.check_labels(one_label(0))
