from __future__ import annotations

import datetime
import pickle
import re
import zoneinfo

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pytest
from where_rows import BATCH, rows

from fastrank.errors import ParameterError
from fastrank.where import Where


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        (pc.field("x") == 1, [0]),
        (~(pc.field("x") == 1), [1, 3]),
        ((pc.field("x") > 1) | (pc.field("s") == "a"), [0, 1, 3]),
        (pc.field("s").isin(["a", "%d"]), [0, 3]),
        (pc.field("x").is_null(), [2]),
        (pc.field("two words") > 3, [3]),
        (pc.field("flag"), [0, 3]),
        (pc.scalar(True), [0, 1, 2, 3]),
        (pc.scalar(None), []),
    ],
)
def test_expressions(expression, expected):
    where = Where.parse(expression)
    assert where.text == str(expression)
    assert rows(expression) == expected
    assert rows(where, BATCH.slice(1, 2)) == [i - 1 for i in expected if i in (1, 2)]
    columns = where.columns(BATCH.schema)
    assert rows(where, BATCH.select(columns) if columns else BATCH) == expected


def test_an_expression_keeps_the_order_of_many_rows():
    values = np.random.default_rng(0).integers(0, 100, 300_000)
    batch = pa.record_batch({"x": values})
    mask = Where.parse(pc.field("x") < 30).mask(batch)
    assert mask.equals(pa.array(values < 30))
    assert mask.equals(Where.parse("x < 30").mask(batch))


def test_an_expression_lists_its_columns_and_few_more():
    columns = Where.parse((pc.field("small") > 1) & pc.field("flag")).columns(BATCH.schema)
    assert {"small", "flag"} <= set(columns)
    assert "money" not in columns
    assert "two words" not in columns


def test_expressions_that_do_not_fit():
    with pytest.raises(ParameterError, match="gives int64; a condition gives true or false"):
        Where.parse(pc.field("x") + 1).mask(BATCH)
    with pytest.raises(ParameterError, match="cannot be evaluated"):
        Where.parse(pc.field("s") == 1).mask(BATCH)


MOMENTS = pa.record_batch(
    {
        "day": pa.array([datetime.date(2026, 5, 31), datetime.date(2020, 1, 1)]),
        "the time": pa.array([datetime.datetime(2026, 6, 1), datetime.datetime(2020, 1, 1)], pa.timestamp("ms")),
        "zoned": pa.array(
            [datetime.datetime(2026, 6, 1), datetime.datetime(2020, 1, 1)], pa.timestamp("us", "Asia/Tokyo")
        ),
        "coded": pa.array(["2026-06-01", "2020-01-01"]).cast(pa.date32()).dictionary_encode(),
        "x": pa.array([1, 2]),
    }
)


@pytest.mark.parametrize(
    ("condition", "column"),
    [
        ("day = 3", "day"),
        ("x = 1 and 3 < day", "day"),
        ("day in (3, 4)", "day"),
        ("day between 3 and 4", "day"),
        ("day = 'yesterday'", "day"),
        ("coded = 3", "coded"),
        ('"the time" > 3', "the time"),
        ("zoned < 3", "zoned"),
        (pc.field("day") == 3, "day"),
        (pc.field("day") == "2026-05-31", "day"),
        (pc.field("the time") > 3, "the time"),
        ((pc.field("day") == pc.field("day")) & (pc.field("zoned") > 3), "zoned"),
    ],
    ids=str,
)
def test_moments_compared_with_what_is_none(condition, column):
    """The message names the column and its type, and its examples meet the first row only."""
    with pytest.raises(ParameterError) as caught:
        Where.parse(condition).mask(MOMENTS)
    found = re.fullmatch(
        rf"where=.+: column '{column}' is of type (date|time)\S*\[.*\]; compare it with a (date|time) in quotes, "
        r"as in (.+), or in Python with (.+)", str(caught.value)
    )  # fmt: skip
    assert found
    names = {"pyarrow": pa, "datetime": datetime, "zoneinfo": zoneinfo}
    assert rows(found[3], MOMENTS) == rows(eval(found[4], names), MOMENTS) == [0]


def test_expressions_that_print_alike_are_not_equal():
    field, text = Where.parse(pc.field("a") == pc.scalar("b")), Where.parse(pc.field("a") == pc.field("b"))
    assert field != text
    ints = [Where.parse(pc.field("a") == pc.scalar(pa.scalar(1, kind))) for kind in (pa.int8(), pa.int64())]
    assert ints[0].text == ints[1].text
    assert ints[0] != ints[1]
    assert ints[0] == Where.parse(pc.field("a") == pc.scalar(pa.scalar(1, pa.int8())))
    assert Where.parse(pc.field("flag")) != Where.parse("flag")
    assert len({*ints, field}) == 3


@pytest.mark.parametrize("condition", ["x > 1 and dict = 'a'", (pc.field("x") > 1) & pc.field("flag")])
def test_pickles(condition):
    where = Where.parse(condition)
    again = pickle.loads(pickle.dumps(where))
    assert again == where
    assert hash(again) == hash(where)
    assert again.mask(BATCH).equals(where.mask(BATCH))
    with pytest.raises(AttributeError):
        where.text = "x"
