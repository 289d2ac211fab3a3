from __future__ import annotations

import datetime
import os
import pathlib
import pickle
import subprocess
import sys

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pytest

from fastrank.errors import MissingColumnError, ParameterError
from fastrank.where import Where

DAYS = [datetime.date(2024, 1, i) for i in (1, 2, 3, 4)]
TIMES = [datetime.datetime(2024, 1, i, 12) for i in (1, 2, 3, 4)]
BATCH = pa.record_batch(
    {
        "x": pa.array([1, 2, None, 4], pa.int64()),
        "small": pa.array([100, 127, -128, 1], pa.int8()),
        "u": pa.array([1, 2**64 - 1, 3, 4], pa.uint64()),
        "f": pa.array([0.1, float("nan"), 0.5, None], pa.float32()),
        "s": pa.array(["a", "b'c", None, "%d"]),
        "view": pa.array(["a", "b'c", None, "%d"], pa.string_view()),
        "large": pa.array(["a", "b'c", None, "%d"], pa.large_string()),
        "dict": pa.array(["a", "b'c", None, "a"]).dictionary_encode(),
        "dictview": pa.DictionaryArray.from_arrays(
            pa.array([0, 1, None, 0], pa.int32()), pa.array(["a", "b'c"], pa.string_view())
        ),
        "flag": pa.array([True, False, None, True]),
        "day": pa.array(DAYS),
        "time": pa.array(TIMES, pa.timestamp("ms")),
        "zoned": pa.array(TIMES, pa.timestamp("s")).cast(pa.timestamp("s", "Asia/Tokyo")),
        "money": pa.array([None, 1, 2, 3], pa.decimal128(9, 2)),
        "two words": pa.array([1, 2, 3, 4], pa.int16()),
    }
)


def rows(condition, batch=BATCH):
    """Numbers of the rows that meet a condition, after checks of the mask."""
    mask = Where.parse(condition).mask(batch)
    assert isinstance(mask, pa.BooleanArray)
    assert len(mask) == batch.num_rows
    assert mask.null_count == 0
    return [i for i, value in enumerate(mask.to_pylist()) if value]


CONDITIONS = {
    # comparisons
    "x = 1": [0],
    "x <> 1": [1, 3],
    "x != 1": [1, 3],
    "x < 2": [0],
    "x <= 2": [0, 1],
    "x > 2": [3],
    "x >= 2": [1, 3],
    "2 < x": [3],
    "x = u": [0, 3],
    "x = small": [],
    "x = null": [],
    "x <> null": [],
    "1 = 1": [0, 1, 2, 3],
    "1 > 2": [],
    "null": [],
    "u = 18446744073709551615": [1],
    "u in (18446744073709551615, 3)": [1, 2],
    "x > -9223372036854775808": [0, 1, 3],
    "money >= 2": [2, 3],
    "money = 1.00": [1],
    # a float32 of 0.1 is above 0.1
    "f > 0.1": [0, 2],
    "f = 0.5": [2],
    "f < 1e300": [0, 2],
    # strings
    "s = 'a'": [0],
    "s = 'b''c'": [1],
    "s <> 'a'": [1, 3],
    "s < 'b'": [0, 3],
    "'a' = s": [0],
    "view = 'a'": [0],
    "large = 'a'": [0],
    "dict = 'a'": [0, 3],
    "dict <> 'a'": [1],
    "dict >= 'b'": [1],
    "dictview = 'a'": [0, 3],
    "dict = s": [0, 1],
    "view = large": [0, 1, 3],
    # booleans
    "flag": [0, 3],
    "not flag": [1],
    "flag = true": [0, 3],
    "flag = false": [1],
    "flag = 1": [0, 3],
    "0 = flag": [1],
    "true": [0, 1, 2, 3],
    "FALSE": [],
    # and, or, not with nulls
    "x = 1 and s = 'a'": [0],
    "x = 1 or x = 4 and s = 'a'": [0],
    "(x = 1 or x = 4) and s = '%d'": [3],
    "not x = 1": [1, 3],
    "not (x = 1 or x = 2)": [3],
    "not not x = 1": [0],
    "x = 3 or u = 3": [2],
    "not (x = 3 and u = 3)": [0, 1, 3],
    "null or x = 1": [0],
    "not (null and x = 1)": [1, 3],
    # in, between, is null, like
    "x in (1, 4)": [0, 3],
    "x not in (1, 4)": [1],
    "not x in (1, 4)": [1],
    "x in (1, null)": [0],
    "x not in (1, null)": [],
    "x in (1, 2.0)": [0, 1],
    "x in (u, 2)": [0, 1, 3],
    "small in (-128, 300)": [2],
    "f in (0.1, 0.5)": [2],
    "s in ('a', '%d')": [0, 3],
    "s not in ('a', '%d')": [1],
    "view in ('a')": [0],
    "dict in ('a', 'z')": [0, 3],
    "dict not in ('a', 'z')": [1],
    "flag in (true)": [0, 3],
    "2 in (1, 2)": [0, 1, 2, 3],
    "x between 2 and 4": [1, 3],
    "x not between 2 and 3": [0, 3],
    "s between 'a' and 'b'": [0],
    "x is null": [2],
    "x is not null": [0, 1, 3],
    "f is null": [3],
    "s like 'b%'": [1],
    "s like '_'": [0],
    "s like '\\%_'": [3],
    "s not like 'b%'": [0, 3],
    "view like 'b%'": [1],
    "dict like 'a'": [0, 3],
    # dates and times
    "day = '2024-01-02'": [1],
    "day >= '2024-01-03'": [2, 3],
    "'2024-01-03' <= day": [2, 3],
    "day between '2024-01-02' and '2024-01-03'": [1, 2],
    "day in ('2024-01-01', '2024-01-04')": [0, 3],
    "time > '2024-01-03'": [2, 3],
    "time = '2024-01-03 12:00:00'": [2],
    "time < '2024-01-01T12:00:00.001'": [0],
    "zoned = '2024-01-01T12:00:00Z'": [0],
    "zoned = '2024-01-01 21:00:00'": [0],
    "zoned >= '2024-01-04 21:00'": [3],
    # arithmetic
    "x + 1 = 2": [0],
    "x - 1 = 1": [1],
    "x * 2 = 8": [3],
    "x / 2 = 0.5": [0],
    "x / 0 > 0 or x / 0 <= 0": [],
    "x % 0 = 0": [],
    "x % 2 = 0": [1, 3],
    "small % 7 = -2": [2],
    "small + small = 254": [1],
    "small + 100 > 200": [1],
    "x - (2 - 1) = 3": [3],
    "1 + 2 * x = 5": [1],
    "-x < -1": [1, 3],
    "-small = 128": [2],
    "- -x = 1": [0],
    "f * 2 = 1": [2],
    # names
    '"two words" > 2': [2, 3],
    '"x" = 1': [0],
    "x /* one */ = 1 -- two": [0],
}


@pytest.mark.parametrize("condition", CONDITIONS)
def test_each_condition(condition):
    assert rows(condition) == CONDITIONS[condition]
    sliced = BATCH.slice(1, 2)
    assert rows(condition, sliced) == [i - 1 for i in CONDITIONS[condition] if i in (1, 2)]
    assert rows(condition, BATCH.slice(0, 0)) == []


@pytest.mark.parametrize("condition", CONDITIONS)
def test_the_canonical_text_means_the_same(condition):
    where = Where.parse(condition)
    again = Where.parse(where.text)
    assert again == where
    assert again.text == where.text
    assert rows(where.text) == CONDITIONS[condition]
    assert where.columns(BATCH.schema) == again.columns(BATCH.schema)


def test_conditions_of_different_spelling_are_equal():
    where = Where.parse("clicked=1   AND country in ('DE','FR') and NOT (x IS null)")
    assert where.text == "clicked = 1 AND country IN ('DE', 'FR') AND NOT (x IS NULL)"
    other = Where.parse("clicked = 1 and country IN ('DE', 'FR') and not (x is null) -- comment")
    assert other == where
    assert hash(other) == hash(where)
    assert Where.parse(where) is where
    assert Where.parse("a != 1") == Where.parse("a <> 1")
    assert Where.parse("s not like 'a'") == Where.parse("not s like 'a'")
    assert Where.parse("A = 1") != Where.parse("a = 1")
    assert Where.parse("a = '1'") != Where.parse("a = 1")
    assert where != "clicked"
    assert len({where, other, Where.parse("clicked")}) == 2


def test_keywords_can_be_names_of_columns():
    names = [
        "label",
        "score",
        "query",
        "item",
        "weight",
        "rank",
        "position",
        "value",
        "key",
        "date",
        "timestamp",
        "user",
    ]
    batch = pa.record_batch({name: pa.array([1, 2]) for name in names})
    for name in names:
        assert rows(f"{name} = 2", batch) == [1]
        assert Where.parse(f"{name} = 2").columns(batch.schema) == [name]


def test_columns_come_in_the_order_of_the_text():
    assert Where.parse("s = 'x' and \"two words\" in (x, 1) or s is null").columns(BATCH.schema) == [
        "s",
        "two words",
        "x",
    ]
    assert Where.parse("1 = 1").columns(BATCH.schema) == []


@pytest.mark.parametrize("use", [lambda where: where.columns(BATCH.schema), lambda where: where.mask(BATCH)])
def test_an_unknown_column(use):
    with pytest.raises(
        MissingColumnError, match=r"where='small = 1 AND smal = 2': no column 'smal'; did you mean 'small'"
    ):
        use(Where.parse("small = 1 and smal = 2"))
    with pytest.raises(MissingColumnError, match=r"no column 'FLAG'; did you mean 'flag'\?"):
        use(Where.parse("FLAG"))
    with pytest.raises(MissingColumnError, match="no column 'qqqqq'; there are x, small"):
        use(Where.parse("qqqqq = 1"))
    with pytest.raises(MissingColumnError, match=r"no column 'smal'; did you mean 'small'"):
        use(Where.parse(pc.field("smal") == 1))


def test_long_chains():
    assert rows(" or ".join(f"x = {i}" for i in range(3, 2000))) == [3]
    assert rows(f"x in ({', '.join(map(str, range(3, 5000)))})") == [3]


def test_a_column_that_occurs_twice():
    batch = pa.RecordBatch.from_arrays([pa.array([1]), pa.array([2])], names=["a", "a"])
    for use in (lambda where: where.columns(batch.schema), lambda where: where.mask(batch)):
        with pytest.raises(ParameterError, match="column 'a' occurs 2 times"):
            use(Where.parse("a = 1"))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "where= is empty"),
        ("   ", "where= is empty"),
        ("x y", "where='x y': unexpected 'y' at character 3; allowed are column names"),
        ("x = 1; drop table t", "unexpected 'drop'|is not supported"),
        ("x = ", "where='x = ': "),
        ("x = 'a", 'where="x = \'a": '),
        ("upper(s) = 'A'", "'UPPER(s)' is not supported"),
        ("f(x) = 1", "'F(x)' is not supported"),
        ("x in (select 1)", "'x IN (SELECT 1)' is not supported"),
        ("x in u", "'x IN u' is not supported"),
        ("x.y = 1", "'x.y' is not supported, or a name that needs \"double quotes\""),
        ("s ilike 'a'", "\"s ILIKE 'a'\" is not supported"),
        ("s like 'a' escape '!'", "ESCAPE '!'\" is not supported"),
        ("s like view", "'s LIKE view' is not supported; the pattern of like is a string"),
        ("flag is true", "'flag IS TRUE' is not supported; after is comes null or not null"),
        ("x is distinct from 1", "is not supported"),
        ("x between symmetric 1 and 2", "is not supported|unexpected"),
        ("case when x = 1 then true end", "is not supported"),
        ("cast(x as text) = '1'", "is not supported"),
        ("day = date '2024-01-01'", "is not supported"),
        ("s || 'a' = 'b'", "is not supported"),
        ("x[1] = 1", "is not supported"),
        ("(x, u) = (1, 1)", "is not supported"),
        ("exists (select 1)", "is not supported"),
        ("select 1", "where='select 1': "),
        ("* = 1", "is not supported"),
        ("(" * 300 + "x = 1" + ")" * 300, "nested too deeply"),
        ("not " * 900 + "flag", "nested too deeply"),
    ],
)
def test_text_that_is_not_supported(text, message):
    with pytest.raises(ParameterError) as caught:
        Where.parse(text)
    assert any(part in str(caught.value) for part in message.split("|"))
    assert len(str(caught.value)) < 400
    assert "\x1b" not in str(caught.value)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("x", "where='x' gives int64; a condition gives true or false"),
        ("'a'", "gives large_string"),
        ("x + 1", "gives int64"),
        ("s = 1", "where='s = 1' cannot be evaluated: .*equal.*string"),
        ("x = '1'", "cannot be evaluated"),
        ("x and flag", "cannot be evaluated"),
        ("not s", "cannot be evaluated"),
        ("x like 'a'", "cannot be evaluated"),
        ("day = 'yesterday'", "cannot be evaluated: .*yesterday"),
        ("f % 2 = 0", "'f % 2': % takes integers, not float and int64"),
        ("x + 9223372036854775807 > 0", "cannot be evaluated: .*overflow"),
        ("x = 99999999999999999999", "cannot be evaluated"),
    ],
)
def test_types_that_do_not_fit(text, message):
    with pytest.raises(ParameterError, match=message):
        Where.parse(text).mask(BATCH)


@pytest.mark.parametrize("condition", [1, None, ["x = 1"], b"x = 1", lambda x: x])
def test_other_objects_are_refused(condition):
    with pytest.raises(ParameterError, match=r"takes a text or a pyarrow\.compute\.Expression, not "):
        Where.parse(condition)


# Expressions


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


# Imports


def test_text_imports_neither_pandas_nor_dataset_nor_numba():
    code = """
import sys
import numpy as np, pyarrow as pa
from fastrank.where import Where
assert "sqlglot" not in sys.modules
number = pa.Array.from_buffers(pa.int64(), 3, [None, pa.py_buffer(np.arange(3))])
word = pa.Array.from_buffers(pa.string(), 3, [None, pa.py_buffer(np.arange(4, dtype=np.int32)), pa.py_buffer(b"abc")])
day = pa.Array.from_buffers(pa.date32(), 3, [None, pa.py_buffer(np.arange(3, dtype=np.int32))])
batch = pa.record_batch([number, word, day], names=["n", "w", "d"])
where = Where.parse("n in (1, 2) and w in ('b', 'c') and not n + 1.5 is null and w like '_' and d > '1970-01-02' "
                    "and n / 2 > 0.6 and n % 2 = 0 and true and not null is not null or n between 5 and 6")
assert where.mask(batch).to_pylist() == [False, False, True]
print([name for name in ("pandas", "pyarrow.dataset", "numba", "pyarrow.acero") if name in sys.modules])
"""
    environment = {**os.environ, "PYTHONPATH": str(pathlib.Path(__file__).parent.parent)}
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=environment, check=False)
    assert run.returncode == 0, run.stderr
    assert run.stdout.strip() == "[]"
