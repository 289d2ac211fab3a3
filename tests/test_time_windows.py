"""Windows of time as slices: every unit, type and time zone, the turns of the clock, and what is refused."""

from __future__ import annotations

import datetime as dt
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet
import pytest
from click.testing import CliRunner
from helpers import merged, same_result

import fastrank as fr
from fastrank import Evaluator
from fastrank.cli import main
from fastrank.errors import ColumnTypeError, FastrankError, ParameterError
from fastrank.time_windows import parse_by

UTC = dt.UTC


def starts(array: pa.Array, every: str, **options: Any) -> pa.Array:
    found = fr.window("ts", every, **options).starts(array)
    return found.dictionary.take(found.indices)


@pytest.mark.parametrize("every", ["1s", "90s", "15min", "1h", "7h", "1d", "7d", "1w", "2w", "1mo", "5mo", "1q", "1y"])
@pytest.mark.parametrize("unit", ["s", "ms", "us", "ns"])
def test_windows_are_those_of_arrow(every: str, unit: str) -> None:
    rng = np.random.default_rng(0)
    units = {
        "s": "second",
        "min": "minute",
        "h": "hour",
        "d": "day",
        "w": "week",
        "mo": "month",
        "q": "quarter",
        "y": "year",
    }
    number, name = int("".join(filter(str.isdigit, every))), "".join(filter(str.isalpha, every))
    ticks = {"s": 1, "ms": 10**3, "us": 10**6, "ns": 10**9}[unit]
    spread = rng.integers(-(2**31), 2**32, 500) * ticks
    near = 1_750_000_000 * ticks + np.arange(500) * 977 * ticks
    for values in (spread, near, near[:0]):
        array = pa.array(values.tolist(), pa.timestamp(unit))
        expected = pc.floor_temporal(array, multiple=number, unit=units[name])
        expected = expected if name in ("s", "min", "h") else expected.cast(pa.date32())
        assert starts(array, every).equals(expected)
        integers = pa.array(values.tolist(), pa.int64())
        assert starts(integers, every, unit=unit).equals(expected)


def test_dates_and_nulls() -> None:
    days = pa.array([dt.date(2026, 5, 4), None, dt.date(2026, 5, 10), dt.date(1969, 12, 31)])
    week = [dt.date(2026, 5, 4), None, dt.date(2026, 5, 4), dt.date(1969, 12, 29)]
    assert starts(days, "1w").to_pylist() == week
    assert starts(days.cast(pa.date64()), "1w").to_pylist() == week
    assert starts(days, "1d").equals(days)
    assert starts(pa.nulls(3), "1d").to_pylist() == [None] * 3
    assert starts(pa.nulls(3, pa.timestamp("s")), "1h").to_pylist() == [None] * 3


@pytest.mark.parametrize("zone", ["Europe/Berlin", "America/Sao_Paulo", "Asia/Kolkata", "Australia/Lord_Howe", "UTC"])
@pytest.mark.parametrize("years", [(2018, 2019), (1890, 1972)], ids=str)
def test_days_are_those_of_the_clock(zone: str, years: tuple[int, int]) -> None:
    first = int(dt.datetime(years[0], 1, 1, tzinfo=UTC).timestamp())
    last = int(dt.datetime(years[1], 12, 31, tzinfo=UTC).timestamp())
    seconds = np.linspace(first, last, 3001).astype(np.int64).tolist()
    array = pa.array(seconds, pa.timestamp("s", zone))
    local = [dt.datetime.fromtimestamp(t, ZoneInfo(zone)) for t in seconds]
    assert starts(array, "1d").to_pylist() == [each.date() for each in local]
    assert starts(array, "1mo").to_pylist() == [each.date().replace(day=1) for each in local]


def test_an_hour_that_the_clock_shows_twice_is_two() -> None:
    # In Berlin the clock went from 3 back to 2 at 01:00 UTC on 25 October 2026.
    moments = [dt.datetime(2026, 10, 25, hour, 30, tzinfo=UTC) for hour in range(4)]
    array = pa.array([int(each.timestamp()) for each in moments], pa.timestamp("s", "Europe/Berlin"))
    assert starts(array, "1h").cast(pa.timestamp("s")).to_pylist() == [
        dt.datetime(2026, 10, 25, hour) for hour in range(4)
    ]
    assert len(starts(array, "6h").unique()) == 1
    assert starts(array, "6h")[0].as_py().hour == 0
    kolkata = array.cast(pa.timestamp("s", "Asia/Kolkata"))
    assert starts(kolkata, "1h").cast(pa.timestamp("s"))[0].as_py() == dt.datetime(2026, 10, 25, 0, 30)


def rows(count: int = 400, zone: str | None = None) -> pa.Table:
    rng = np.random.default_rng(0)
    ts = [None if i % 50 == 0 else t for i, t in enumerate((1_774_700_000 + rng.integers(0, 10**6, count)).tolist())]
    columns = {"y": rng.integers(0, 2, count), "p": rng.random(count).round(3), "c": rng.integers(0, 3, count)}
    return pa.table(
        {n: pa.array(v.tolist()) for n, v in columns.items()} | {"ts": pa.array(ts, pa.timestamp("s", zone))}
    )


@pytest.mark.parametrize("zone", [None, "Europe/Berlin"])
def test_slices_by_day_are_those_of_a_column_of_days(zone: str | None) -> None:
    table = rows(zone=zone)
    local = table["ts"] if zone is None else pc.local_timestamp(table["ts"])
    days = table.append_column("day", local.cast(pa.date32()))
    options: dict[str, Any] = {"label": "y", "score": "p"}
    expected = fr.evaluate(days, ["auc", "brier"], by=[["day", "c"], ["day"]], **options)
    window = fr.window("ts", "1d", name="day")
    found = fr.evaluate(table, ["auc", "brier"], by=[[window, "c"], [window]], batch_rows=37, **options)
    same_result_tables(found, expected)
    assert found.table.schema.field("day").type == pa.date32()
    # A state by a window merges with one of the same name and type, and travels.
    a, b = (Evaluator(["auc", "brier"], by=["day"] if i else [window], **options) for i in range(2))
    for part in table.slice(0, 150).to_batches():
        a.update(part)
    for part in days.slice(150).to_batches():
        b.update(part)
    a.merge(b.state())
    same_result_tables(a.result(), fr.evaluate(days, ["auc", "brier"], by="day", **options))


def same_result_tables(a: fr.Result, b: fr.Result) -> None:
    assert repr(a.table.to_pydict()) == repr(b.table.to_pydict())  # NaN, too


def test_equal_windows_merge_and_others_do_not() -> None:
    def of(every: str, part: pa.Table) -> Evaluator:
        evaluator = Evaluator(["auc"], label="y", score="p", by=fr.window("ts", every))
        for batch in part.to_batches():
            evaluator.update(batch)
        return evaluator

    table = rows()
    same_result(merged(of("1d", table.slice(0, 90)), of("1 d", table.slice(90)).state()), of("1d", table))
    with pytest.raises(FastrankError, match="sliced differently"):
        of("1d", table).merge(of("1h", table))


def test_the_command_line_takes_windows(tmp_path: Any) -> None:
    path = tmp_path / "rows.parquet"
    pa.parquet.write_table(rows(), path)
    arguments = ["evaluate", str(path), "--label", "y", "--score", "p", "-m", "brier", "--format", "csv"]
    found = CliRunner().invoke(
        main, [*arguments, "--by", "window(ts, 1w),c", "--by", "c", "--max-slices", "2", "--other-slices"]
    )
    assert found.exit_code == 0, found.output
    lines = found.output.splitlines()
    assert "window(ts, 1w)" in lines[0]
    assert len(lines) == 2 + 3 + 3
    refused = CliRunner().invoke(main, [*arguments, "--by", "window(ts, 1d)", "--max-slices", "2"])
    assert refused.exit_code != 0
    assert "max_slices=2 slices, such as window(ts, 1d)=20" in refused.output  # a date as it is written, not its repr


def test_windows_in_words() -> None:
    assert parse_by(" a ,window(ts, 15min, unit=ms), window(t,1d,name=day)") == [
        "a",
        fr.window("ts", "15min", unit="ms"),
        fr.window("t", "1d", name="day"),
    ]
    assert fr.window("ts", "15 min", unit="ms").text == "window(ts, 15min, unit=ms)"
    for wrong in ("window(ts)", "window(ts,1d,2)", "window(ts,1d,size=2)"):
        with pytest.raises(ParameterError, match="allowed: window"):
            parse_by(wrong)


@pytest.mark.parametrize("every", ["1", "d", "0d", "-1d", "1.5h", "1 fortnight", "1D", 1, None])
def test_a_window_of_no_length(every: Any) -> None:
    with pytest.raises(ParameterError, match="every="):
        fr.window("ts", every)


def test_columns_that_hold_no_time() -> None:
    for array, every, options in (
        (pa.array(["2026-05-01"]), "1d", {}),
        (pa.array([1]), "1d", {}),
        (pa.array([dt.date(2026, 5, 1)]), "1h", {}),
        (pa.array([dt.datetime(2026, 5, 1)]), "1d", {"unit": "s"}),
    ):
        with pytest.raises(ColumnTypeError, match=r"column 'ts' \(window\(ts, .*allowed: "):
            starts(array, every, **options)
    with pytest.raises(ParameterError, match="unit='h'"):
        fr.window("ts", "1d", unit="h")


def test_what_a_state_rebuilds_takes_more_rows() -> None:
    times = pa.array([0, 1, 90_000, 90_001], pa.timestamp("s"))
    rows = pa.record_batch({"ts": times, "a,b": [1, 1, 2, 2], "y": [0, 1, 0, 1], "p": [0.1, 0.6, 0.7, 0.8]})

    def of(*batches: pa.RecordBatch) -> fr.Evaluator:
        evaluator = fr.Evaluator("log_loss", label="y", score="p", by=[fr.window("ts", "1d"), "a,b"])
        for batch in batches:
            evaluator.update(batch)
        return evaluator

    merged = fr.merge_states([of(rows.slice(0, 3)).state()])
    merged.update(rows.slice(3))
    assert merged.result().table.equals(of(rows).result().table)
