"""Folders called key=value as columns."""

from __future__ import annotations

import datetime

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from source_files import WRITERS, make_table, read, rows_of

import fastrank as fr
from fastrank.errors import MissingColumnError, SourceError
from fastrank.sources import files, open_source

DAYS = [datetime.date(2024, 2, 28), datetime.date(2024, 2, 29)]


def put(root, folders, table, name="a.parquet"):
    folder = root / folders
    folder.mkdir(parents=True, exist_ok=True)
    WRITERS[name](table, str(folder / name))


def test_keys_are_typed(tmp_path):
    for i, folders in enumerate(
        [
            "day=2024-02-28/n=-3/hour=07/mixed=1/city=S%C3%A3o%20Paulo%2FBR/gone=__HIVE_DEFAULT_PARTITION__",
            "day=2024-02-29/n=12/hour=12/mixed=x/city=/gone=__HIVE_DEFAULT_PARTITION__",
            "day=__HIVE_DEFAULT_PARTITION__/n=0/hour=00/mixed=2/city=a=b/gone=__HIVE_DEFAULT_PARTITION__",
        ]
    ):
        put(tmp_path, folders, make_table(i, 1))
    names = ["n", "label", "day", "hour", "mixed", "city", "gone"]
    source = open_source(tmp_path)
    types = {name: source.schema.field(name).type.value_type for name in names if name != "label"}
    texts = dict.fromkeys(["hour", "mixed", "city", "gone"], pa.string())
    assert types == {"n": pa.int64(), "day": pa.date32(), **texts}
    rows = rows_of(tmp_path, names)
    assert [row["n"] for row in rows] == [-3, 12, 0]
    assert [row["day"] for row in rows] == [*DAYS, None]
    assert [row["hour"] for row in rows] == ["07", "12", "00"]
    assert [row["mixed"] for row in rows] == ["1", "x", "2"]
    assert [row["city"] for row in rows] == ["São Paulo/BR", "", "a=b"]
    assert [row["gone"] for row in rows] == [None] * 3
    assert [row["label"] for row in rows] == [0, 1, 0]
    assert rows_of(f"{tmp_path}/day=2024*/**/*.parquet", ["day"]) == [{"day": day} for day in DAYS]
    assert rows_of([f"{tmp_path}/day=2024-02-28", f"{tmp_path}/day=2024-02-29"], ["n"]) == [{"n": -3}, {"n": 12}]


@pytest.mark.parametrize("values", [["2024-02-30"], ["9" * 19], ["1.5"], ["+1"], ["1", "2024-01-01"], ["true"]])
def test_what_is_no_number_and_no_date_is_text(tmp_path, values):
    for value in values:
        put(tmp_path, f"k={value}", make_table(0, 1))
    assert [row["k"] for row in rows_of(tmp_path, ["k"])] == values
    assert open_source(tmp_path).schema.field("k").type == pa.dictionary(pa.int32(), pa.string())


@pytest.mark.parametrize("name", ["a.parquet", "a.csv", "a.arrow", "a.arrows", "a.orc"])
def test_keys_alone_are_read(tmp_path, name):
    for k in (3, 5):
        put(tmp_path, f"k={k}", make_table(0, 10 + k), name)
    assert [row["k"] for row in rows_of(tmp_path, ["k"])] == [3] * 13 + [5] * 15
    for batch, _ in read(tmp_path, ["k", "label"], batch_rows=6):
        assert batch.num_rows <= 6
        batch.validate(full=True)


def test_a_key_hides_a_column_of_the_file(tmp_path):
    put(tmp_path, "label=7/country=x", make_table(0, 2))
    source = open_source(tmp_path)
    assert source.schema.names == ["score", "label", "country"]
    assert rows_of(tmp_path, ["country", "label"]) == [{"country": "x", "label": 7}] * 2


def test_a_key_that_not_all_files_have_is_no_column(tmp_path):
    put(tmp_path, "day=2024-01-01", make_table(0, 2))
    put(tmp_path, "other", make_table(0, 2))
    source = open_source(tmp_path)
    assert "day" not in source.schema.names
    assert len(rows_of(tmp_path)) == 4
    with pytest.raises(MissingColumnError, match=r"no column 'day': .*other/a\.parquet lies in no folder day=\.\.\."):
        source.batches(["day"])


def test_slices_roles_and_conditions(tmp_path, monkeypatch):
    monkeypatch.setattr(files, "LEAST_SHARD_BYTES", 1)
    whole = []
    for i, day in enumerate(DAYS):
        for k in (1, 2):
            table = make_table(10 * i + 4 * k, 25)
            put(tmp_path, f"day={day}/k={k}", table)
            whole += [{"y": r["label"], "p": r["score"] / 7, "day": day, "k": k} for r in table.to_pylist()]
    table = pa.Table.from_pylist(whole)
    options = {"label": "y", "by": [["day"], ["k", "day"]], "weight": "k"}
    expected = fr.evaluate(table, ["brier", "auc"], score="p", on_invalid="drop", **options).table
    for part in open_source(tmp_path).files:
        rows = pq.ParquetFile(part).read()
        rows = rows.select([]).append_column("y", rows["label"])
        start = sum(len(pq.ParquetFile(f).read()) for f in open_source(tmp_path).files if f < part)
        pq.write_table(rows.append_column("p", table["p"].slice(start, len(rows)).combine_chunks()), part)
    found = fr.evaluate(str(tmp_path), ["brier", "auc"], score="p", on_invalid="drop", **options).table
    assert found.to_pylist() == expected.to_pylist()
    for where in ("day = '2024-02-29'", "k > 1 and day < '2024-03-01'", "not (k = 1)", "day in ('2024-02-28')"):
        found, expected = (
            fr.evaluate(source, "brier", score="p", on_invalid="drop", where=where, **options).table.to_pylist()
            for source in (str(tmp_path), table)
        )
        assert found == expected, where


def test_folders_with_a_mark_that_is_no_key(tmp_path):
    put(tmp_path, "=x/y", make_table(0, 1))
    assert open_source(tmp_path).schema.names == ["label", "score", "country"]
    put(tmp_path, "_k=1", make_table(0, 1))
    assert len(open_source(tmp_path).files) == 2
    (tmp_path / "k=1").mkdir()
    with pytest.raises(SourceError, match="no readable file in this folder"):
        open_source(tmp_path / "k=1")
