"""Files and row groups that a condition leaves out, without leaving out a row that meets it."""

from __future__ import annotations

import datetime

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest

import fastrank as fr
from fastrank.errors import EmptyInputError, MissingColumnError, ParameterError
from fastrank.sources import open_source
from fastrank.sources.parquet import ParquetFile
from fastrank.sources.statistics import _bounds
from fastrank.where import Where

GROUP = 20
DAY = datetime.datetime(2024, 1, 1)


def make_rows(rng, groups):
    """Row groups that differ: of one value, of nulls alone, with NaN, sorted, of a few or of all values."""
    parts = []
    for g in range(groups):
        ints = rng.integers(-3, 4, GROUP) if g % 3 else np.full(GROUP, rng.integers(-3, 4))
        floats = (rng.integers(-4, 5, GROUP) / rng.choice([1, 2, 10])).astype(np.float32)
        if g % 4 == 1:
            floats[rng.integers(0, GROUP, 3)] = np.nan
        if g % 7 == 6:
            floats[:] = np.nan
        null = rng.random(GROUP) < [0, 0.2, 1][g % 3]
        texts = rng.choice(["a", "b", "ü", "zz" * 40, ""], GROUP if g % 2 else 1)
        parts.append(
            pa.table(
                {
                    "i": pa.array(ints, mask=null & (g % 2 == 0), type=pa.int16()),
                    "u": pa.array((ints + 3).astype(np.uint64) << np.uint64(61)),
                    "u32": pa.array((ints + 3).astype(np.uint32) << np.uint32(29)),
                    "f": pa.array(floats, mask=null, from_pandas=False),
                    "d": pa.array(floats.astype(np.float64) / 3),
                    "s": pa.array(np.resize(texts, GROUP).tolist(), pa.string(), mask=null),
                    "b": pa.array((ints > 0).tolist(), pa.bool_(), mask=null),
                    "day": pa.array([DAY.date() + datetime.timedelta(int(i)) for i in ints]),
                    "t": pa.array([DAY + datetime.timedelta(hours=int(i)) for i in ints], pa.timestamp("us", "UTC")),
                    "ms": pa.array([DAY + datetime.timedelta(hours=int(i)) for i in ints], pa.timestamp("s")),
                    "x.y": pa.array(ints),
                    "row": pa.array(np.arange(g * GROUP, (g + 1) * GROUP)),
                }
            )
        )
    return pa.concat_tables(parts)


COMPARISONS = ["=", "<>", "<", "<=", ">", ">="]
CONSTANTS = {
    "i": ["0", "-3", "3", "1.5", "-4", "100000000000"],
    "u": ["0", "2305843009213693952", "13835058055282163712", "-1"],
    "u32": ["0", "3758096384", "536870912", "-1"],
    "f": ["0", "0.1", "0.2", "-0.4", "2", "-0"],
    "d": ["0", "0.1", "1", "-1.4"],
    "s": ["'a'", "'b'", "'c'", "''", "'zz'", "'ü'"],
    "day": ["'2024-01-01'", "'2024-01-04'", "'2023-12-01'"],
    "t": ["'2024-01-01T01:00:00Z'", "'2024-01-01T01:00:00.5Z'", "'2023-12-31T21:00:00Z'"],
    "ms": ["'2024-01-01T01:00:00'", "'2024-01-01T03:00:00'", "'2023-12-31T21:00:00'"],
    '"x.y"': ["0", "3"],
}


def random_condition(rng, depth=2):
    kind = rng.integers(0, 10)
    if depth and kind < 5:
        left, right = random_condition(rng, depth - 1), random_condition(rng, depth - 1)
        return [f"({left} and {right})", f"({left} or {right})", f"not ({left})"][kind % 3]
    column = str(rng.choice(list(CONSTANTS)))
    constants = CONSTANTS[column]
    one, two = rng.choice(constants), rng.choice(constants)
    comparison = rng.choice(COMPARISONS)
    return str(
        rng.choice(
            [
                f"{column} {comparison} {one}",
                f"{one} {comparison} {column}",
                f"{column} between {one} and {two}",
                f"{column} in ({one}, {two})",
                f"{column} is null",
                f"{column} is not null",
                "b",
                "not b",
                "b = true",
                f"{column} in ({one}, null)",
                "i + 1 > 0",
                "i = u",
                "true",
            ],
            p=[0.3, 0.1, 0.1, 0.1, 0.1, 0.05, 0.05, 0.05, 0.05, 0.04, 0.02, 0.02, 0.02],
        )
    )


def kept_rows(path, where):
    """The rows that meet a condition, of those that are read, and the share of rows that are."""
    condition = Where.parse(where)
    rows, read = [], 0
    source = open_source(path)
    for batch, origin in source.pruned([condition]).batches(source.schema.names):
        assert batch.column("row")[0].as_py() == origin.row
        rows += batch.filter(condition.mask(batch)).column("row").to_pylist()
        read += batch.num_rows
    return rows, read / source.rows


@pytest.mark.parametrize("seed", range(4))
def test_no_row_that_meets_a_condition_is_left_out(tmp_path, seed):
    rng = np.random.default_rng(seed)
    table = make_rows(rng, 21)
    path = str(tmp_path / "a.parquet")
    pq.write_table(table, path, row_group_size=GROUP)
    batch = table.combine_chunks().to_batches()[0]
    shares = []
    for _ in range(40):
        where = random_condition(rng)
        expected = batch.filter(Where.parse(where).mask(batch)).column("row").to_pylist()
        found, share = kept_rows(path, where)
        assert found == expected, where
        shares.append(share)
    assert np.mean(shares) < 0.9


@pytest.mark.parametrize(
    ("where", "groups"),
    [
        ("x < 20", [0]),
        ("x >= 45", [2, 3]),
        ("x = 39.0", [1]),
        ("x between 25 and 30 or x > 79", [1]),
        ("x in (3, 61)", [0, 3]),
        ("not (x < 70)", [3]),
        ("-1 < x and 20 > x", [0]),
        ("n is null", [1]),
        ("n is not null and x < 40", [0]),
        ("n <> 0", [2, 3]),
        ("f > 30", [1, 2, 3]),
        ("f <> 0", [0, 1, 2, 3]),
        ("not (f <= 100)", [0, 1, 2, 3]),
        ("u >= 9223372036854775808", [3]),
        ("u < 10", [0]),
        ("s < 'b'", [0]),
        ("x + 1 < 10", [0, 1, 2, 3]),
        ("x < 'a'", ParameterError),
        ("nothing = 1", MissingColumnError),
        (pc.field("x") >= 60, [3]),
        ((pc.field("x") < 20) | pc.field("x").isin([45]), [0, 2]),
        (pc.field("n") > 1, [3]),
        (~(pc.field("f") <= 100), [0, 1, 2, 3]),
        (pc.field("s") == "c", [2]),
    ],
)
def test_row_groups_that_are_read(tmp_path, monkeypatch, where, groups):
    path = str(tmp_path / "a.parquet")
    x = np.arange(80)
    table = pa.table(
        {
            "x": x,
            "n": pa.array([None if 20 <= i < 40 else i // 30 for i in x], pa.int8()),
            "f": pa.array(np.where(x == 70, np.nan, x).astype(np.float32)),
            "u": x.astype(np.uint64) << np.uint64(57),
            "s": [str("abcd"[i // 20]) for i in x],
        }
    )
    pq.write_table(table, path, row_group_size=20)
    read = []
    original = ParquetFile._read

    def counted(self, file, request, rows, row, groups):
        read.extend(groups)
        return original(self, file, request, rows, row, groups)

    monkeypatch.setattr(ParquetFile, "_read", counted)
    if not isinstance(groups, list):
        with pytest.raises(groups):
            open_source(path).pruned([Where.parse(where)])
        return
    source = open_source(path).pruned([Where.parse(where)])
    assert source.rows == 20 * len(groups)
    origins = [(origin.row, batch.num_rows) for batch, origin in source.batches(["x"])]
    assert read == groups
    assert sum(rows for _, rows in origins) == 20 * len(groups)
    by_shard = [x for each in source.shards(3) for batch, _ in each.batches(["x"]) for x in batch["x"].to_pylist()]
    assert by_shard == [i for g in groups for i in range(20 * g, 20 * g + 20)]


def test_an_evaluation_reads_what_may_pass(tmp_path, monkeypatch):
    rng = np.random.default_rng(3)
    for i in range(3):
        for k in range(2):
            folder = tmp_path / f"day=2024-01-0{i + 1}" / f"k={k}"
            folder.mkdir(parents=True)
            rows = {
                "x": np.arange(100),
                "y": rng.integers(0, 2, 100),
                "p": rng.random(100),
                "q": (200 * i + 100 * k + np.arange(100)) // 5,
            }
            if i == 2:
                rows["y"][60:] = 9  # no label: an error where it is read
            pq.write_table(pa.table(rows), str(folder / "a.parquet"), row_group_size=20)
    read = []
    original = ParquetFile._read
    monkeypatch.setattr(
        ParquetFile, "_read", lambda self, *args: read.append((self.name, *args[-1])) or original(self, *args)
    )
    roles = {"label": "y", "score": "p"}
    where = "day > '2024-01-01' and k = 1 and x < 60"
    found = fr.evaluate(str(tmp_path), ["auc", "ndcg@3"], where=where, query="q", **roles)
    assert [each[-13:] for each, *_ in read] == ["k=1/a.parquet"] * 2
    assert [groups for _, *groups in read] == [[0, 1, 2]] * 2
    assert found.table["rows"].to_pylist() == [120, 120]
    expected = fr.evaluate(f"{tmp_path}/day=2024-01-0[23]/k=1/*", ["auc", "ndcg@3"], where="x < 60", query="q", **roles)
    assert found["auc"] == expected["auc"]
    del read[:]
    values = fr.evaluate(str(tmp_path), "ndcg@3", where=where, query="q", per_query=True, **roles)
    assert sum(batch.num_rows for batch in values) == 24
    assert [groups for _, *groups in read] == [[0, 1, 2]] * 2
    with pytest.raises(EmptyInputError, match=r"none of the 600 rows is left: .*where="):
        fr.evaluate(str(tmp_path), "auc", where="day < '2024-01-01'", **roles)
    with pytest.raises(EmptyInputError, match=r"none of the 600 rows is left: .*where="):
        fr.evaluate(str(tmp_path), "auc", where="x = 500", **roles)
    del read[:]
    expression = (pc.field("day") > pc.scalar(datetime.date(2024, 1, 2))) & (pc.field("x") < 60)
    assert fr.evaluate(str(tmp_path), "auc", where=expression, **roles).table["rows"].to_pylist() == [120]
    assert [(name[-24:-10], groups) for name, *groups in read] == [
        ("2024-01-03/k=0", [0, 1, 2]),
        ("2024-01-03/k=1", [0, 1, 2]),
    ]


def test_files_without_statistics_are_read(tmp_path):
    path = str(tmp_path / "a.parquet")
    pq.write_table(pa.table({"x": np.arange(100)}), path, row_group_size=20, write_statistics=False)
    source = open_source(path).pruned([Where.parse("x < 20")])
    assert sum(batch.num_rows for batch, _ in source.batches(["x"])) == 100


def test_bounds_of_other_units_than_the_columns(tmp_path):
    path = str(tmp_path / "a.parquet")
    pq.write_table(pa.table({"t": pa.array([DAY], pa.timestamp("ms"))}), path)
    stored = pq.ParquetFile(path).metadata.schema.column(0)
    raw = [1704067200000, 1704067200001]
    assert _bounds(pa.timestamp("s"), stored, raw) is None
    assert _bounds(pa.timestamp("ms"), stored, raw).to_pylist() == [DAY, DAY + datetime.timedelta(milliseconds=1)]
