"""What `inspect` tells of a source: how it is stored, roles, what a pass finds, hints, files that cannot be read."""

from __future__ import annotations

import json
import subprocess
import sys
from collections import Counter
from datetime import date, datetime
from decimal import Decimal
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.csv
import pyarrow.ipc
import pyarrow.parquet as pq
import pytest
from click.testing import CliRunner, Result

import fastrank as fr
from fastrank.cli import main
from fastrank.inspections.hints import TIMES
from fastrank.inspections.queries import QueryCheck

ROWS = 240
NUMBERS = np.arange(ROWS)


def clicks(rows: int = ROWS, **changes: Any) -> pa.Table:
    """A click log; changes replace columns."""
    generator = np.random.default_rng(0)
    columns = {
        "session_id": pa.array(np.arange(rows) // 4),
        "country": pa.array([("DE", "FR", "US")[i % 3] for i in range(rows)]),
        "item_id": pa.array(generator.integers(0, 5_000, rows)),
        "clicked": pa.array(generator.integers(0, 2, rows).astype(np.int8)),
        "p_click": pa.array(generator.random(rows).astype(np.float32)),
        "ts": pa.array([datetime(2026, 1, 1 + i % 9) for i in range(rows)], pa.timestamp("ns")),
    }
    return pa.table(columns | changes)


def write(table: pa.Table, folder: Path, files: int = 1, **options: Any) -> Path:
    folder.mkdir(exist_ok=True)
    size = -(-table.num_rows // files)
    for i in range(files):
        pq.write_table(table.slice(i * size, size), folder / f"{i:03}.parquet", **options)
    return folder


def run(*arguments: str | Path) -> Result:
    return CliRunner().invoke(main, ["inspect", *map(str, arguments)])


def topics(found: fr.Inspection) -> list[str]:
    return [hint.topic for hint in found.hints]


# How it is stored.


def test_what_is_printed(tmp_path: Path) -> None:
    lines = run(write(clicks(), tmp_path / "log", 2, row_group_size=100)).stdout.splitlines()
    assert lines[0].startswith("2 Parquet files, ")
    assert lines[0].endswith(" kB, 240 rows, 4 row groups of 20 to 100 rows (median 60)")
    heading, *columns = lines[2:9]
    assert heading.split()[:4] == ["column", "type", "nulls", "least"]
    assert heading.split()[4:] == ["largest", "size", "unpacked", "compression", "encodings"]
    cells = {line.split()[0]: line.split()[1:] for line in columns}
    assert cells["session_id"][:4] == ["int64", "0", "0", "59"]
    assert cells["country"][:4] == ["string", "0", "DE", "US"]
    assert cells["clicked"][:4] == ["int8", "0", "0", "1"]
    assert cells["ts"][:2] == ["timestamp[ns]", "0"]
    assert "2026-01-01 00:00:00.0000" in columns[-1]
    assert all("snappy" in line and "PLAIN, RLE, RLE_DICTIONARY" in line for line in columns)
    roles = {line.split()[0]: line for line in lines[10:18]}
    assert roles["label"].split("  ")[1].strip() == "clicked (0 or 1)"
    assert "p_click (probability)" in roles["score"]
    assert "session_id (integer)" in roles["query"]
    assert "item_id (integer)" in roles["item"]
    assert roles["weight"].split()[1] == "none"
    assert "country (text, few values)" in roles["by"]
    assert "ts (moment)" in roles["window"]
    assert lines[19] == "hints"
    assert len(lines) == 21
    assert lines[20].startswith("- row groups have 60 rows: ")


def test_statistics_of_all_files_and_types(tmp_path: Path) -> None:
    table = pa.table(
        {
            "u": pa.array([0, 2**64 - 1, 5, None], pa.uint64()),
            "d": [Decimal("-2.50"), Decimal("100.25"), None, None],
            "day": [date(2026, 3, 1), date(2025, 12, 31), None, date(2026, 1, 1)],
            "s": ["ä", "b", "a", None],
            "x": [float("nan"), 1.0, -3.0, float("inf")],
            "flag": [True, True, False, True],
            "time": pa.array([1, 2, 3, 86_399], pa.time32("s")),
            "zoned": pa.array([0, 1, 2, 3], pa.timestamp("us", "Europe/Berlin")),
            "null": pa.nulls(4),
            "half": pa.array([1, 2, 3, 4], pa.float16()),
            "span": pa.array([4, 3, 2, 1], pa.duration("ns")),
            "n": [None, 1, None, 2],
            "list": [[1, 2], [], None, [3]],
            "struct": [{"a": 1, "b": "x"}] * 4,
            "a.b": [4, 3, 2, 1],
        }
    )
    found = fr.inspect(write(table, tmp_path / "t", 2))
    columns = {each["name"]: each for each in found.to_dict()["columns"]}
    bounds = {name: (each["nulls"], each["least"], each["largest"]) for name, each in columns.items()}
    assert bounds["u"] == (1, 0, 2**64 - 1)
    assert bounds["d"] == (2, "-2.50", "100.25")
    assert bounds["day"] == (1, "2025-12-31", "2026-03-01")
    assert bounds["s"] == (1, "a", "ä")
    assert bounds["x"] == (0, -3.0, "inf")
    assert bounds["flag"] == (0, False, True)
    assert bounds["time"] == (0, "00:00:01.000", "23:59:59.000")
    assert bounds["zoned"][1:] == ("1970-01-01 01:00:00.000000+0100", "1970-01-01 01:00:00.000003+0100")
    assert bounds["null"] == bounds["list"] == bounds["struct"] == (None, None, None)
    assert bounds["half"] == (0, None, None)
    assert bounds["span"] == (0, 1, 4)
    assert topics(found) == ["nulls"]  # of "u", which may be a query
    assert bounds["n"] == (2, 1, 2)
    assert bounds["a.b"] == (0, 1, 4)
    assert all(each["compressed"] > 0 for each in columns.values())
    assert found.table.num_rows == 15
    assert found.table["least"].to_pylist()[0] == "0"
    assert found.table["compressed"].to_pylist() == [each["compressed"] for each in columns.values()]


def test_without_statistics_bounds_and_nulls_are_not_known(tmp_path: Path) -> None:
    folder = write(clicks(), tmp_path / "log")
    pq.write_table(clicks(), folder / "more.parquet", write_statistics=False)
    for column in fr.inspect(folder).to_dict()["columns"]:
        assert (column["nulls"], column["least"], column["largest"]) == (None, None, None)


def test_other_formats_and_rows_in_memory(tmp_path: Path) -> None:
    table = clicks().drop(["ts"])
    pyarrow.csv.write_csv(table, tmp_path / "log.csv")
    with pa.ipc.new_file(tmp_path / "log.arrow", table.schema) as writer:
        writer.write_table(table, max_chunksize=100)
    text = fr.inspect(tmp_path / "log.csv")
    assert str(text).startswith("1 CSV file, ")
    assert "rows not known without reading" in str(text)
    assert text.footers.rows is None
    binary = fr.inspect(tmp_path / "log.arrow")
    assert "240 rows, 3 record batches of 40 to 100 rows (median 100)" in str(binary)
    for found in (text, binary, fr.inspect(table), fr.inspect({"clicked": [0, 1], "p_click": [0.1, 0.2]})):
        assert (found.roles["label"], found.roles["score"]) == (["clicked"], ["p_click"])
        assert found.footers.columns["clicked"].compressed is None
        assert "encodings" not in str(found)
    assert str(fr.inspect(table)).splitlines()[0].endswith("240 rows")
    both = fr.inspect([tmp_path / "log.csv", tmp_path / "log.arrow"])
    assert str(both).startswith("1 CSV file, 1 Arrow IPC file, ")


def test_uris(tmp_path: Path) -> None:
    folder = write(clicks(), tmp_path / "log", 2)
    found = fr.inspect(folder.as_uri())
    assert (found.footers.files, found.footers.rows) == (2, ROWS)
    assert found.footers.bytes == sum(path.stat().st_size for path in folder.iterdir())


def test_hive_partitions_are_columns(tmp_path: Path) -> None:
    for day in ("2026-01-01", "2026-01-02"):
        (tmp_path / "log" / f"day={day}" / "region=eu").mkdir(parents=True)
        pq.write_table(clicks(), tmp_path / "log" / f"day={day}" / "region=eu" / "0.parquet")
    found = fr.inspect(tmp_path / "log", check=True)
    assert [name for name, column in found.footers.columns.items() if column.partition] == ["day", "region"]
    assert {fit.column for fit in found.fits["by"] if fit.kind == "hive partition"} == {"day", "region"}
    assert "day" in [fit.column for fit in found.fits["window"]]
    assert found.check is not None
    assert {each.column: each.distinct for each in found.check.values if each.distinct} == {
        "country": 3, "day": 2, "region": 1,
    }  # fmt: skip
    assert "of folders" in str(found)


def test_nothing_heavy_is_imported(tmp_path: Path) -> None:
    folder = write(clicks(), tmp_path / "log")
    code = f"""
import sys, fastrank as fr
found = fr.inspect({str(folder)!r}, check=True)
assert "2026-01-09" in str(found)
assert found.to_dict()["check"]["queries"]["session_id"]["queries"] == 60
print(*(name for name in ("pandas", "pyarrow.dataset", "polars", "numba") if name in sys.modules))
"""
    done = subprocess.run([sys.executable, "-W", "error", "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == []


# Roles.


@pytest.mark.parametrize(
    ("name", "values", "fits"),
    [
        ("x", pa.array([0, 1], pa.int8()), {"label": "0 or 1", "by": "at most 2 values"}),
        ("x", pa.array([-1, 1], pa.int8()), {"label": "-1 or 1"}),
        ("x", pa.array([0, 4], pa.int8()), {"label": "graded, 0 to 4"}),
        ("x", pa.array([0, 50_000], pa.int32()), {"label": "integer", "query": "integer", "weight": "integer"}),
        ("x", pa.array([-5, 2**21], pa.int32()), {"label": "integer", "query": "integer", "weight": None, "by": None}),
        ("x", pa.array([True, False]), {"label": "bool", "by": "2 values", "score": None}),
        ("x", pa.array([0.0, 1.0]), {"score": "probability", "weight": "real number", "query": None}),
        ("x", pa.array([-0.5, 1.0]), {"score": "real number", "weight": None}),
        ("x", pa.array([0.5, 1.5]), {"score": "real number", "weight": "real number"}),
        ("x", pa.array([0.5, 2.0**21]), {"score": "real number", "weight": None}),
        ("x", pa.array([Decimal("0.5")]), {"score": "probability", "label": "real number"}),
        ("x", pa.array(["a", "b"] * 50), {"query": "text", "by": "text, few values", "label": None, "score": None}),
        ("x", pa.array([f"s{i}" for i in range(999)]), {"query": "text", "by": "text"}),
        ("x", pa.array([[0.5]]), {"score": "a list a query", "label": "a list a query"}),
        ("x", pa.array([datetime(2026, 1, 1)]), {"window": "moment", "by": None, "label": None}),
        ("x", pa.array([date(2026, 1, 1)]), {"window": "moment", "by": "date"}),
        ("x", pa.nulls(2), {"label": None, "query": None, "by": None}),
    ],
)
def test_types_and_values_say_what_a_column_may_be(
    tmp_path: Path, name: str, values: pa.Array, fits: dict[str, str | None]
) -> None:
    found = fr.inspect(write(pa.table({name: values}), tmp_path / "t"))
    told = {role: next((fit.kind for fit in each), None) for role, each in found.fits.items()}
    assert {role: told[role] for role in fits} == fits


def test_names_rank_what_fits(tmp_path: Path) -> None:
    scores = pa.array([0.1, 0.9])
    table = pa.table(
        {"other": scores, "p_click": scores, "label": ["a", "b"], "viewed": [0, 1], "w": scores, "qid": [1, 999]}
    )
    found = fr.inspect(write(table, tmp_path / "t"))
    assert found.roles["score"] == ["p_click"]
    assert [fit.column for fit in found.fits["score"]][:2] == ["p_click", "other"]
    assert found.roles["label"] == ["viewed"]  # text is no label, whatever its name
    assert found.roles["weight"] == ["w"]
    assert found.roles["query"] == ["qid"]
    unnamed = fr.inspect(write(table.select(["other", "viewed"]), tmp_path / "u"))
    assert (unnamed.roles["score"], unnamed.roles["label"]) == (["other"], ["viewed"])
    named = fr.inspect(tmp_path / "u", label="other", score=["viewed", "other"])
    assert (named.roles["label"], named.roles["score"]) == (["other"], ["viewed", "other"])
    assert "other (real number)" in str(named)


# One pass over the rows.


def test_a_check_counts_what_is_invalid(tmp_path: Path) -> None:
    table = clicks(
        8,
        clicked=pa.array([0, 1, 2, 1, 0, None, 53, 1], pa.int8()),
        p_click=pa.array([0.1, float("nan"), 1.5, float("inf"), None, 0.2, -0.1, 0.3]),
        session_id=pa.array([1, 1, None, 2, 2, 3, 3, 3]),
    )
    folder = write(table, tmp_path / "log", 2)
    found = fr.inspect(folder, check=True, by="country")
    assert found.check is not None
    values = {each.column: each for each in found.check.values}
    score = values["p_click"]
    assert (score.rows, score.nulls, score.nan, score.infinite) == (8, 1, 1, 1)
    assert (score.least, score.largest) == (-0.1, float("inf"))
    assert (values["clicked"].least, values["clicked"].largest, values["clicked"].nulls) == (0, 53, 1)
    assert values["country"].distinct == 3
    assert values["clicked"].distinct is None
    outside = {(each.column, each.domain): (each.rows, each.first) for each in found.check.outside}
    first, second = folder / "000.parquet", folder / "001.parquet"
    assert outside == {
        ("clicked", "binary"): (3, f"row 2 of {first} holds 2"),
        ("clicked", "integer grade up to 52"): (2, f"row 1 of {second} holds null"),
        ("clicked", "real"): (1, f"row 1 of {second} holds null"),
        ("p_click", "probability"): (5, f"row 1 of {first} holds nan"),
        ("p_click", "score"): (2, f"row 1 of {first} holds nan"),
        ("session_id", "id"): (1, f"row 2 of {first} holds null"),
        ("item_id", "id"): (0, ""),
    }
    order = found.check.queries["session_id"]
    assert (order.queries, order.least_rows, order.largest_rows, order.adjacent) == (3, 2, 3, True)
    text = str(found)
    assert f"p_click score a probability in [0, 1] 5 row 1 of {first} holds nan" in " ".join(text.split())
    assert "session_id: 3 queries of 2 to 3 rows each (mean 2.3); rows of a query are adjacent; ids ascend" in text
    told = json.loads(json.dumps(found.to_dict()))["check"]
    assert told["values"][1]["largest"] == "inf"
    assert told["queries"]["session_id"]["adjacent"] is True


def test_only_named_columns_are_checked_in_their_roles() -> None:
    found = fr.inspect(clicks(), check=True, label="item_id", by=["session_id", "clicked"], score="ts", query="country")
    assert found.check is not None
    assert {(each.column, each.role) for each in found.check.outside} == {
        ("item_id", "label"), ("ts", "score"), ("country", "query"), ("item_id", "item"),
    }  # fmt: skip
    unfit = [each for each in found.check.outside if each.role == "score"]
    assert all(each.rows == ROWS and each.first.startswith("it is of type timestamp[ns]; allowed: ") for each in unfit)
    assert {each.column: each.distinct for each in found.check.values if each.distinct} == {
        "session_id": 60,
        "clicked": 2,
    }
    assert found.check.queries["country"].returning == 3
    for role in ("query", "by"):
        with pytest.raises(fr.FastrankError, match=rf"'p_click' \({role}\) is of type float; allowed: integer, string"):
            fr.inspect(clicks(), check=True, **{role: "p_click"})
    with pytest.raises(fr.FastrankError, match=r"clickd.*clicked"):
        fr.inspect(clicks(), label="clickd")
    with pytest.raises(fr.FastrankError, match=r"label=.*must be"):
        fr.inspect(clicks(), label=[])


def test_entries_of_lists_are_checked() -> None:
    found = fr.inspect(
        {"label": pa.array([[0, 1], [], [1, 2, None]]), "p": pa.array([[0.5, 1.5], [], [0.1, 0.2, 0.3]])}, check=True
    )
    assert found.check is not None
    assert [(each.column, each.rows, each.nulls, each.largest) for each in found.check.values] == [
        ("label", 5, 1, 2), ("p", 5, 0, 1.5),
    ]  # fmt: skip
    outside = [(each.domain, each.rows, each.first) for each in found.check.outside if each.rows]
    assert outside[0] == ("binary", 2, "row 2 holds 2")
    assert outside[-1] == ("probability", 1, "row 0 holds 1.5")


def test_a_check_of_files_of_several_types(tmp_path: Path) -> None:
    folder = write(clicks(), tmp_path / "log")
    pq.write_table(clicks(session_id=[f"s{i}" for i in range(ROWS)], country=NUMBERS / 2), folder / "z.parquet")
    found = fr.inspect(folder, check=True, by="country")
    assert found.check is not None
    assert found.check.queries["session_id"].queries == 60 + ROWS
    assert {each.column: each.distinct for each in found.check.values if each.distinct} == {"country": 3}


def test_many_distinct_values_are_counted_to_the_limit() -> None:
    assert fr.inspect({"c": np.arange(10_000)}, check=True, by="c").check.values[0].distinct == 10_000  # type: ignore[union-attr]
    found = fr.inspect({"c": np.arange(30_000) % 20_000}, check=True, by="c")
    assert found.check is not None
    assert found.check.values[0].distinct == 10_001
    assert "over 10,000" in str(found)


def checked(ids: pa.Array, cuts: list[int], **options: int) -> Any:
    check = QueryCheck(**options)
    for start, stop in zip([0, *cuts], [*cuts, len(ids)], strict=True):
        check.add(ids.slice(start, stop - start))
    return check.result()


@pytest.mark.parametrize("seed", range(20))
@pytest.mark.parametrize("kind", ["ascending", "adjacent", "any", "text"])
def test_order_of_queries_against_a_walk(seed: int, kind: str) -> None:
    generator = np.random.default_rng(seed)
    ids = np.repeat(generator.integers(-9, 9, 30), generator.integers(1, 6, 30))
    if kind == "ascending":
        ids = np.sort(ids)
    elif kind == "adjacent":
        ids = np.sort(ids) * 7919 % 1009
    array = pa.array([f"q{i}" for i in ids] if kind == "text" else ids)
    cuts = sorted(generator.integers(0, len(ids), 5).tolist())
    order = checked(array, cuts, most=1000 if seed % 2 else 40)
    values = array.to_pylist()
    runs = Counter(value for i, value in enumerate(values) if i == 0 or values[i - 1] != value)
    lengths = Counter(values).values()
    assert order.exact
    assert order.queries == len(runs)
    assert order.returning == sum(count > 1 for count in runs.values())
    assert (order.least_rows, order.largest_rows) == (min(lengths), max(lengths))
    assert order.mean_rows == len(values) / len(runs)
    assert order.ascending == (kind != "text" and all(a <= b for a, b in pairwise(values)))


def test_of_many_queries_a_sample_is_kept() -> None:
    ids = np.random.default_rng(1).permutation(np.repeat(np.arange(20_000), 3))
    order = checked(pa.array(ids), [20_000, 40_000], most=1000)
    assert not order.exact
    assert abs(order.queries / 20_000 - 1) < 0.15
    assert abs(order.returning / 20_000 - 1) < 0.15
    assert order.largest_rows == 3
    # Ids that ascend need no sample.
    order = checked(pa.array(np.sort(ids)), [20_000, 40_000], most=1000)
    assert (order.exact, order.queries, order.returning, order.least_rows) == (True, 20_000, 0, 3)
    assert QueryCheck().result() is None


def test_ids_that_descend_between_batches() -> None:
    order = checked(pa.array([5, 3, 9]), [2])
    assert (order.queries, order.adjacent, order.ascending) == (3, True, False)


# Hints.

HINTS: dict[str, tuple[dict[str, Any], dict[str, Any], str]] = {
    # topic: how to write what has the hint, how to write what has not, words
    "small row groups": ({"row_group_size": 9_999}, {"row_group_size": 10_000}, "9,999 rows"),
    "slow compression": ({"compression": "gzip"}, {"compression": "zstd"}, f"gzip: takes {TIMES['GZIP']} times"),
    "no statistics": ({"write_statistics": ["clicked"]}, {}, "'country'"),
}


@pytest.mark.parametrize("topic", HINTS)
def test_hints_on_how_files_are_written(tmp_path: Path, topic: str) -> None:
    bad, good, words = HINTS[topic]
    table = clicks(40_000)
    shown = fr.inspect(write(table, tmp_path / "bad", **bad))
    assert topics(shown) == [topic]
    assert words in str(shown.hints[0])
    assert f"- {shown.hints[0]}" in str(shown)
    assert topics(fr.inspect(write(table, tmp_path / "good", **good))) == []


COLUMNS: dict[str, tuple[dict[str, Any], dict[str, Any], str]] = {
    "float64 scores": ({"p_click": NUMBERS / ROWS}, {"p_click": (NUMBERS / ROWS).astype(np.float32)}, "'p_click'"),
    "decimals": (
        {"p_click": pa.array([Decimal("0.5")] * ROWS)}, {"p_click": np.full(ROWS, 0.5, np.float32)}, "converted",
    ),
    "wide labels": ({"clicked": NUMBERS % 2}, {"clicked": (NUMBERS % 2).astype(np.int32)}, "holds 0 to 1"),
    "text ids": ({"session_id": [f"s{i:04}" for i in range(ROWS)]}, {"session_id": NUMBERS}, "fingerprints"),
    "nulls": (
        {"clicked": pa.array([None, *[1] * (ROWS - 1)], pa.int8())}, {"clicked": np.ones(ROWS, np.int8)}, "1 nulls",
    ),
    "text for numbers": ({"score": ["0.5"] * ROWS}, {"score": np.full(ROWS, 0.5, np.float32)}, "cannot be a score"),
    "list columns": (
        {"p_click": pa.array([[0.5]] * ROWS)}, {"p_click": np.full(ROWS, 0.5, np.float32)}, "write a row for each item",
    ),
}  # fmt: skip


@pytest.mark.parametrize("topic", COLUMNS)
def test_hints_on_columns(tmp_path: Path, topic: str) -> None:
    bad, good, words = COLUMNS[topic]
    shown = fr.inspect(write(clicks(**bad), tmp_path / "bad"))
    assert topics(shown) == [topic]
    assert words in str(shown.hints[0])
    assert topics(fr.inspect(write(clicks(**good), tmp_path / "good"))) == []


def test_hint_on_large_row_groups(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = write(clicks(), tmp_path / "log")
    monkeypatch.setattr("fastrank.inspections.hints.LARGE_GROUP_ROWS", ROWS)
    assert topics(fr.inspect(folder)) == ["large row groups"]
    monkeypatch.setattr("fastrank.inspections.hints.LARGE_GROUP_ROWS", ROWS + 1)
    assert topics(fr.inspect(folder)) == []


def test_hints_on_files(tmp_path: Path) -> None:
    shown = fr.inspect(write(clicks(), tmp_path / "many", 10))
    assert topics(shown) == ["small files"]
    assert shown.hints[0].found == "10 files have 24 rows on average"
    assert topics(fr.inspect(write(clicks(), tmp_path / "few", 9))) == []
    pyarrow.csv.write_csv(clicks(), tmp_path / "log.csv")
    assert topics(fr.inspect(tmp_path / "log.csv"))[0] == "CSV"


def test_hints_on_files_that_differ(tmp_path: Path) -> None:
    folder = write(clicks(), tmp_path / "log", 2)
    assert topics(fr.inspect(folder)) == []
    pq.write_table(clicks().drop(["country"]), folder / "2.parquet")
    pq.write_table(clicks(item_id=["a"] * ROWS), folder / "3.parquet")
    shown = fr.inspect(folder)
    assert topics(shown) == ["missing column", "several types"]
    assert shown.hints[0].found == "'country' is missing from 1 of 4 files"
    assert shown.hints[1].found == f"'item_id' is int64 in the first file, string in {folder / '3.parquet'}"


def test_hints_of_a_check() -> None:
    ids = NUMBERS // 4
    wanted = {
        "scattered queries": np.random.default_rng(0).permutation(ids),
        "ids in no order": ids[::-1].copy(),
    }
    for topic, values in wanted.items():
        assert topic not in topics(fr.inspect(clicks(session_id=values)))
        assert topics(fr.inspect(clicks(session_id=values), check=True)) == [topic]
    assert topics(fr.inspect(clicks(session_id=ids), check=True)) == []
    many = {"c": np.arange(10_001)}
    assert topics(fr.inspect(many, check=True, by="c")) == ["many slices"]
    assert topics(fr.inspect({"c": many["c"][:-1]}, check=True, by="c")) == []
    # A pass counts nulls where no footer does.
    assert topics(fr.inspect(clicks(p_click=pa.nulls(ROWS, pa.float32())), check=True, score="p_click")) == ["nulls"]


# Files that cannot be read.


def test_files_that_cannot_be_read_are_listed(tmp_path: Path) -> None:
    folder = write(clicks(), tmp_path / "log", 2)
    (folder / "empty.parquet").write_bytes(b"")
    (folder / "cut.parquet").write_bytes((folder / "000.parquet").read_bytes()[:-20])
    (folder / "text.parquet").write_text("no Parquet at all")
    done = run(folder)
    assert done.exit_code == 1
    assert done.stdout.startswith("2 Parquet files, ")
    assert "240 rows" in done.stdout
    bad = done.stdout.partition("\ncannot be read\n")[2].splitlines()
    assert [line.partition(": ")[0] for line in bad] == [
        f"- {folder / name}" for name in ("cut.parquet", "empty.parquet", "text.parquet")
    ]
    assert "the file is empty (0 bytes)" in bad[1]
    assert all(line.partition(": ")[2] for line in bad)
    assert len(fr.inspect(folder, check=True).unreadable) == 3
    for name in ("000.parquet", "001.parquet"):
        (folder / name).unlink()
    done = run("--check", folder)
    assert (done.exit_code, done.stdout.splitlines()[0]) == (1, "no file that can be read")


def test_a_damaged_page_is_found_by_a_check(tmp_path: Path) -> None:
    folder = write(
        clicks(50_000), tmp_path / "log", 2, compression="none", use_dictionary=False, write_page_checksum=True
    )
    path = folder / "000.parquet"
    data = bytearray(path.read_bytes())
    chunk = pq.read_metadata(path).row_group(0).column(4)
    data[chunk.data_page_offset + chunk.total_compressed_size // 2] ^= 1
    path.write_bytes(data)
    assert fr.inspect(folder).unreadable == {}
    found = fr.inspect(folder, check=True)
    assert list(found.unreadable) == [str(path)]
    assert found.unreadable[str(path)].startswith("row group 0: ")
    assert found.check is not None
    assert found.check.values[0].rows == 25_000
    assert run("--check", folder).exit_code == 1


def test_a_file_without_a_column_is_found_by_a_check(tmp_path: Path) -> None:
    folder = write(clicks(), tmp_path / "log", 2)
    pq.write_table(clicks().drop(["clicked"]), folder / "z.parquet")
    found = fr.inspect(folder, check=True)
    assert list(found.unreadable) == [str(folder / "z.parquet")]
    assert "no column 'clicked'" in found.unreadable[str(folder / "z.parquet")]


# The command.


def test_the_command(tmp_path: Path) -> None:
    folder = write(clicks(), tmp_path / "log")
    done = run(folder)
    assert (done.exit_code, done.stderr) == (0, "")
    assert done.stdout.rstrip() == fr.inspect(folder).to_text()
    told = json.loads(run("--format", "json", "--check", "--by", "clicked", folder).stdout)
    assert (told["files"], told["rows"], told["formats"]) == (1, ROWS, {"Parquet": 1})
    assert told["row_groups"] == {"count": 1, "rows": {"min": ROWS, "median": ROWS, "max": ROWS}}
    assert told["roles"]["by"] == ["clicked"]
    assert [each["distinct"] for each in told["check"]["values"] if each["distinct"]] == [2]
    assert told == fr.inspect(folder, check=True, by="clicked").to_dict()
    for arguments, words in ((("--label", "nothing", folder), "no column 'nothing'"), (("nowhere",), "no such file")):
        failed = run(*arguments)
        assert (failed.exit_code, failed.stdout) == (1, "")
        assert words in failed.stderr
        assert len(failed.stderr.splitlines()) == 1


def test_many_columns_are_cut_in_repr_only(tmp_path: Path) -> None:
    folder = write(pa.table({f"c{i}": [0.5] for i in range(70)}), tmp_path / "wide")
    assert "... and 10 more columns: inspection.table has all" in str(fr.inspect(folder))
    assert "\nc69 " in run(folder).stdout
