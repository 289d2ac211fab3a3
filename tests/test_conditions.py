from __future__ import annotations

import os
import pathlib
import subprocess
import sys

import pyarrow as pa
import pyarrow.compute as pc
import pytest
from where_rows import BATCH, rows

import fastrank
from fastrank.errors import FastrankError, MissingColumnError, ParameterError
from fastrank.where import Where

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


def test_between_symmetric_is_never_evaluated():
    # Older sqlglot takes the word for a column, and what follows and for a condition.
    with pytest.raises(FastrankError):
        Where.parse("x between symmetric 1 and 2").mask(BATCH)


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
        ("day + 1 > 3", "cannot be evaluated"),
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
    environment = {**os.environ, "PYTHONPATH": str(pathlib.Path(fastrank.__file__).parents[1])}
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=environment, check=False)
    assert run.returncode == 0, run.stderr
    assert run.stdout.strip() == "[]"
