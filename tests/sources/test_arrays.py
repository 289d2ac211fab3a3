from __future__ import annotations

import datetime
import decimal

import numpy as np
import pyarrow as pa
import pytest
from source_files import read, rows_of

from fastrank.errors import ParameterError
from fastrank.sources import open_source


def column_of(values):
    batches = read({"x": values}, ["x"])
    assert len(batches) == 1
    batch = batches[0][0]
    batch.validate(full=True)
    return batch.column(0)


@pytest.mark.parametrize("kind", ["i1", "i2", "i4", "i8", "u1", "u2", "u4", "u8", "f2", "f4", "f8"])
def test_numeric_arrays_are_not_copied(kind):
    values = np.array([3, 1, 2, 120], dtype=kind)
    values.setflags(write=False)
    column = column_of(values)
    assert column.type == pa.from_numpy_dtype(values.dtype)
    assert column.to_pylist() == values.tolist()
    assert column.buffers()[1].address == values.ctypes.data


@pytest.mark.parametrize("kind", [">i4", ">f8", ">u2", ">f4", ">i8", ">f2", ">M8[us]"])
def test_arrays_of_foreign_byte_order(kind):
    values = np.array([3, 1, 2], dtype=kind)
    assert column_of(values).to_pylist() == values.tolist()


def test_sliced_and_strided_arrays():
    values = np.arange(20, dtype=np.int32)
    assert column_of(values[3:9]).to_pylist() == list(range(3, 9))
    assert column_of(values[3:9]).buffers()[1].address == values.ctypes.data + 12
    assert column_of(values[::-3]).to_pylist() == list(range(19, 0, -3))
    matrix = np.asfortranarray(np.arange(12.0).reshape(3, 4))
    assert column_of(matrix[1]).to_pylist() == [4.0, 5.0, 6.0, 7.0]


@pytest.mark.parametrize("rows", [1, 7, 8, 9, 100])
def test_bool_arrays(rows):
    values = np.arange(rows) % 3 == 0
    column = column_of(values)
    assert column.type == pa.bool_()
    assert column.to_pylist() == values.tolist()
    assert (
        column_of(np.arange(2 * rows) % 3 == 0).to_pylist()[::2]
        == column_of((np.arange(2 * rows) % 3 == 0)[::2]).to_pylist()
    )


def test_text_arrays():
    values = np.array(["a", "", "größe", "東京", "tail"])
    assert column_of(values).type == pa.string()
    assert column_of(values).to_pylist() == values.tolist()
    assert column_of(values[::2]).to_pylist() == ["a", "größe", "tail"]
    assert column_of(["a", None, "c", float("nan")]).to_pylist() == ["a", None, "c", None]
    assert column_of(np.array(["a", None], dtype=object)).to_pylist() == ["a", None]
    assert column_of(np.array([b"a", b"bc"])).to_pylist() == [b"a", b"bc"]
    if hasattr(np.dtypes, "StringDType"):
        assert column_of(np.array(["a", "bc"], dtype=np.dtypes.StringDType())).to_pylist() == ["a", "bc"]


def test_object_arrays():
    assert column_of([1, None, 3]).to_pylist() == [1, None, 3]
    days = [datetime.date(2024, 1, 1), None]
    assert column_of(np.array(days, dtype=object)).to_pylist() == days
    assert column_of([decimal.Decimal("1.5")]).to_pylist() == [decimal.Decimal("1.5")]
    assert column_of([None, None]).type == pa.null()
    with pytest.raises(ParameterError, match="column 'x' cannot be read as an array"):
        column_of(["a", 1])
    with pytest.raises(ParameterError, match="column 'x' cannot be read as an array"):
        column_of(["a\ud800"])


@pytest.mark.parametrize("unit", ["Y", "M", "W", "D", "h", "m", "s", "ms", "us", "ns"])
def test_datetime_arrays(unit):
    values = np.array(["2024-03-01", "NaT", "1969-12-31"], dtype=f"M8[{unit}]")
    column = column_of(values)
    assert column.type == (pa.date32() if unit in "YMWD" else pa.timestamp("s" if unit in "hm" else unit))
    assert column.null_count == 1
    assert [None if np.isnat(v) else v.astype("M8[D]").item() for v in values] == column.cast("date32").to_pylist()


@pytest.mark.parametrize("unit", ["D", "h", "s", "ms"])
def test_timedelta_arrays(unit):
    values = np.array([3, "NaT", -1], dtype=f"m8[{unit}]")
    assert column_of(values).to_pylist() == [None if np.isnat(v) else v.item() for v in values]


def test_masked_arrays_have_nulls():
    mask = [False, True, False]
    assert column_of(np.ma.array([1, 2, 3], mask=mask)).to_pylist() == [1, None, 3]
    assert column_of(np.ma.array(["a", "b", "c"], mask=mask)).to_pylist() == ["a", None, "c"]
    assert column_of(np.ma.array([True, True, False], mask=mask)).to_pylist() == [True, None, False]
    days = np.ma.array(np.array(["NaT", "2024-01-01", "2024-01-02"], "M8[D]"), mask=mask)
    assert column_of(days).to_pylist() == [None, None, datetime.date(2024, 1, 2)]


def test_sequences_and_arrow_arrays_in_a_dict():
    assert column_of((1, 2, 3)).to_pylist() == [1, 2, 3]
    assert column_of(range(3)).to_pylist() == [0, 1, 2]
    assert column_of([True, False]).type == pa.bool_()
    assert column_of(pa.array([1, None])).to_pylist() == [1, None]
    assert [b.num_rows for b, _ in read({"x": pa.chunked_array([[1, 2], [3]])}, ["x"])] == [2, 1]
    table = {"a": np.arange(3), "b": pa.chunked_array([[1.0], [2.0, 3.0]])}
    assert rows_of(table, ["b", "a"]) == [{"b": float(i + 1), "a": i} for i in range(3)]
    assert read({"x": np.zeros(0)}, ["x"]) == []


@pytest.mark.parametrize(
    ("arrays", "message"),
    [
        ({}, "the dict is empty"),
        ({1: [1]}, "1 is no name of a column"),
        ({"label": [1, 0], "score": [1, 2, 3], "query": [1, 1]}, "'score' has 3, but 'label' has 2 values"),
        ({"label": [1, 0], "p": np.zeros((2, 2, 2))}, "column 'p' has 3 dimensions; arrays have one, or two where"),
        ({"label": 3}, "column 'label' has 0 dimensions"),
        ({"label": [[1], 2]}, "column 'label' cannot be read as an array"),
        ({"label": np.zeros(2, complex)}, "column 'label' cannot be read as an array"),
        ({"label": np.zeros(2, np.longdouble)}, "column 'label' cannot be read as an array"),
    ],
)
def test_bad_dicts(arrays, message):
    with pytest.raises(ParameterError, match=message):
        open_source(arrays)
