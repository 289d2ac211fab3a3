"""Windows of time from states: each is what an evaluation of its rows gives, to the last bit."""

from __future__ import annotations

import datetime as dt

import numpy as np
import pyarrow as pa
import pytest

import fastrank as fr
from fastrank.errors import ParameterError, StateMismatchError

DAY = dt.date(2026, 5, 1)
ROLES = {"label": "y", "score": "p", "weight": "w", "query": "q"}
METRICS = [
    *("auc", "auc(bits=12)", "average_precision", "log_loss", "nce", "brier", "ece(bins=4)", "mcc(threshold=0.5)"),
    *("r2(label=t)", "pearson(label=t)", "max_error(label=t)", "quantiles(value=t)", "quantiles(value=t, bits=12)"),
    *("calibration_ratio", "multiclass_auc(label=k, score=s)", "multiclass_log_loss(label=k, score=s)"),
]
LISTS = ["ndcg@3", "mrr", "map", "gauc", "ndcg(aggregation=std)@3", "ndcg(aggregation=median)", "coverage(item=i)"]


def day_of(j: int) -> dt.date:
    return DAY + dt.timedelta(days=j)


def rows(days: int = 6, count: int = 24) -> pa.Table:
    """Rows of days in order, with whole queries in a day and one country a query."""
    rng = np.random.default_rng(7)
    n = days * count
    query = np.arange(n) // 3
    shares = rng.dirichlet([1.0, 2.0, 1.5], n).round(3)
    shares[:, 2] = 1 - shares[:, 0] - shares[:, 1]
    return pa.table(
        {
            "y": rng.integers(0, 2, n),
            "p": rng.integers(1, 100, n) / 101,
            "t": rng.normal(size=n),
            "w": rng.integers(0, 4, n) / 3,
            "k": rng.integers(0, 3, n),
            "s": pa.FixedSizeListArray.from_arrays(pa.array(shares.ravel()), 3),
            "q": query,
            "i": np.arange(n) % 17,
            "c": pa.array([["DE", "FR", None][q % 3] for q in query.tolist()]),
            "day": pa.array([day_of(i // count) for i in range(n)]),
        }
    )


def evaluator(table: pa.Table, metrics=METRICS, **options) -> fr.Evaluator:
    made = fr.Evaluator(metrics, **{**ROLES, **options})
    for batch in table.to_batches(max_chunksize=17):
        made.update(batch)
    return made


def between(table: pa.Table, first: dt.date, past: dt.date) -> pa.Table:
    return table.filter([first <= day < past for day in table["day"].to_pylist()])


def check(result: fr.Result, table: pa.Table, bounds, metrics, by=None, uncounted="") -> None:
    """Each window is what its rows give, slices and counts too."""
    left_out = {"grouping", uncounted}
    held = result.table.to_pylist()
    starts = {(row["window_start"], row["window_end"]) for row in held if row["window_start"] is not None}
    assert starts == set(bounds)
    for first, past in [(None, None), *bounds]:
        part = table if first is None else between(table, first, past)
        expected = evaluator(part, metrics, by=by).result().table.to_pylist()
        mine = [row for row in held if (row["window_start"], row["window_end"]) == (first, past)]
        assert len(mine) == len(expected)
        for row, other in zip(mine, expected, strict=True):
            names = [name for name in other if name not in left_out]
            assert [str(row[name]) for name in names] == [str(other[name]) for name in names]


BOUNDS = {
    ("1d", "3d", "sliding"): [(j, j + 3) for j in range(4)],
    ("2d", "3d", "sliding"): [(0, 3), (2, 5)],
    ("3d", "1d", "sliding"): [(0, 1), (3, 4)],
    ("1d", "1d", "sliding"): [(j, j + 1) for j in range(6)],
    ("2d", None, "expanding"): [(0, 2), (0, 4), (0, 6)],
    ("1d", None, "expanding"): [(0, j + 1) for j in range(6)],
}


def days_of(places) -> list[tuple[dt.date, dt.date]]:
    return [(day_of(a), day_of(b)) for a, b in places]


@pytest.mark.parametrize("by", [["day"], ["day", "c"], [["c", "day"], ["day"], ["k"]]], ids=str)
def test_windows_of_states_that_are_sliced_by_time(by):
    table = rows()
    halves = evaluator(table[:100], by=by).state(), evaluator(table[100:], by=by).state()
    result = fr.windows(halves[::-1], "2d", "3d")
    check(result, table, days_of(BOUNDS["2d", "3d", "sliding"]), METRICS, None if by == ["day"] else ["c"])


@pytest.mark.parametrize(("every", "span", "kind"), BOUNDS)
def test_where_windows_begin_and_end(every, span, kind):
    table, metrics = rows(), ["auc", "brier", "mrr"]
    result = fr.windows(evaluator(table, metrics, by=["day", "c"]), every, span, kind)
    check(result, table, days_of(BOUNDS[every, span, kind]), metrics, "c")


@pytest.mark.parametrize(("every", "span", "kind"), [("2d", "3d", "sliding"), ("2d", None, "expanding")])
@pytest.mark.parametrize("by", [None, "c"])
def test_windows_of_a_state_for_each_day(every, span, kind, by):
    table = rows()
    metrics = [*METRICS[:4], *LISTS]
    days = {day_of(j): evaluator(between(table, day_of(j), day_of(j + 1)), metrics, by=by) for j in range(6)}
    check(fr.windows(days, every, span, kind), table, days_of(BOUNDS[every, span, kind]), metrics, by)


@pytest.mark.parametrize("by", ["day", ["day", "c"]])
def test_windows_of_lists_that_are_sliced_by_time(by):
    table = rows()
    result = fr.windows(evaluator(table, LISTS, by=by), "1d", "3d")
    check(result, table, days_of(BOUNDS["1d", "3d", "sliding"]), LISTS, None if by == "day" else "c")


def test_queries_that_go_on_on_the_next_day():
    table = rows()
    moved = table.set_column(table.column_names.index("q"), "q", pa.array((np.arange(len(table)) + 1) // 3))
    days = {day_of(j): evaluator(between(moved, day_of(j), day_of(j + 1)), LISTS) for j in range(6)}
    check(fr.windows(days, "1d", "3d"), moved, days_of(BOUNDS["1d", "3d", "sliding"]), LISTS)
    with pytest.raises(StateMismatchError, match=r"a query falls into several slices by 'day'.*keep a state for each"):
        fr.windows(evaluator(moved, LISTS, by="day"), "1d", "3d")
    several = table.set_column(table.column_names.index("c"), "c", pa.array(list("ab") * (len(table) // 2)))
    with pytest.raises(StateMismatchError, match=r"or slice by 'day' alone too"):
        fr.windows(evaluator(several, LISTS, by=["day", "c"]), "1d", "3d")
    both = fr.windows(evaluator(several, LISTS, by=[["day"], ["day", "c"]]), "1d", "3d")
    # Its slices by day do not tell which queries fall into several countries.
    check(both, several, days_of(BOUNDS["1d", "3d", "sliding"]), LISTS, "c", uncounted="queries_split")


def test_folders_that_name_the_day(tmp_path):
    table = rows()
    for j in range(6):
        part = between(table, day_of(j), day_of(j + 1))
        (tmp_path / f"day={day_of(j)}").mkdir()
        for name, each in (("a", part[:10]), ("b", part[10:])):
            evaluator(each).save_state(tmp_path / f"day={day_of(j)}" / f"{name}.arrow")
    check(fr.windows(tmp_path, "2d", "3d"), table, days_of(BOUNDS["2d", "3d", "sliding"]), METRICS)
    same = fr.windows(str(tmp_path / "*" / "*.arrow"), "1d", "3d", column="day", metrics="brier").table
    assert same.num_rows == 5
    (tmp_path / f"day={day_of(2)}" / "a.arrow").unlink()
    (tmp_path / f"day={day_of(2)}" / "b.arrow").unlink()
    with pytest.raises(StateMismatchError, match=r"^1 of 6 steps have no state: 2026-05-03; missing_steps=\"empty\""):
        fr.windows(tmp_path, "1d", "3d")
    left = table.filter([day != day_of(2) for day in table["day"].to_pylist()])
    result = fr.windows(tmp_path, "1d", "2d", missing_steps="empty", metrics=["brier", "auc"])
    check(result, left, days_of([(j, j + 2) for j in range(5)]), ["brier", "auc"])
    empty = fr.windows(tmp_path, "1d", "1d", missing_steps="empty", metrics="brier")
    assert str(empty["brier", {"window_start": day_of(2), "window_end": day_of(3)}]) == "nan"


def test_moments():
    table = rows(4).append_column("hour", pa.array([dt.datetime(2026, 5, 1, i // 24) for i in range(96)]))
    result = fr.windows(evaluator(table, "brier", by="hour", query=None), "1h", "2h")
    for j in range(3):
        key = {f"window_{n}": dt.datetime(2026, 5, 1, j + a) for n, a in (("start", 0), ("end", 2))}
        part = table.slice(24 * j, 48)
        assert result["brier", key] == evaluator(part, "brier", query=None).result()["brier"]
    assert result.table["window_end"].type == pa.timestamp("us")


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"every": "1x"}, ParameterError, r'^every=\'1x\'; allowed: a number and a unit, such as "12h", "1d"; units:'),
        ({"every": "0d"}, ParameterError, "^every='0d'"),
        ({"span": "12h"}, ParameterError, "^span='12h': the times of the states are dates; allowed: whole days$"),
        (
            {"span": "9d"},
            ParameterError,
            "^there is no whole window: .* 2026-05-01 up to 2026-05-06, less than span='9d'",
        ),
        ({"kind": "tumbling"}, ParameterError, "^kind='tumbling'; allowed: "),
        ({"kind": "expanding", "span": "2d"}, ParameterError, "^span='2d': expanding windows have no length"),
        ({"missing_steps": "skip"}, ParameterError, "^missing_steps='skip'; allowed: "),
        ({"column": "c"}, StateMismatchError, "^slice column 'c' is of type string; allowed: dates or timestamps$"),
        ({"column": "x"}, StateMismatchError, "sliced by one column of dates .* their slice columns: day, c; or give"),
    ],
)
def test_what_is_refused(arguments, error, message):
    state = evaluator(rows(), "brier", by=["day", "c"], query=None)
    with pytest.raises(error, match=message):
        fr.windows(state, **arguments)


def test_states_without_time():
    with pytest.raises(StateMismatchError, match=r"their slice columns: none; or give a state for each step"):
        fr.windows(evaluator(rows(), "brier", query=None))
    with pytest.raises(StateMismatchError, match=r"^there is no state$"):
        fr.windows({})
    with pytest.raises(StateMismatchError, match=r"^the key of states is of type int64; allowed: dates or timestamps$"):
        fr.windows({1: evaluator(rows(), "brier")})
    table = rows().set_column(9, "day", pa.array([None, *rows()["day"].to_pylist()[1:]], pa.date32()))
    with pytest.raises(
        StateMismatchError, match=r"^slice column 'day' is null for some rows, which fall into no window"
    ):
        fr.windows(evaluator(table, "brier", by="day", query=None))
