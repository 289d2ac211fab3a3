"""Online metrics: hand-worked cases, intervals against SciPy, mpmath, the textbook's formulas and the bootstrap."""

from __future__ import annotations

import math
from fractions import Fraction
from typing import Any

import helpers
import mpmath
import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

import fastrank as fr
from fastrank import metrics as m
from fastrank import reference
from fastrank.errors import ColumnTypeError, FastrankError, InvalidValueError, MissingColumnError, ParameterError

RATES = ["rate", "ctr", "conversion_rate", "bounce_rate", "engagement_rate"]
LEVELS = [0.5, 0.9, 0.95, 0.999]
USERS = {"clicks": [2, 0, 1], "views": [4, 1, 1]}


def row(metric: Any, rows: dict[str, Any], **options: Any) -> dict[str, Any]:
    """The row of the result table."""
    return fr.evaluate(rows, metric, **options).table.to_pylist()[0]


def interval(metric: Any, rows: dict[str, Any], **options: Any) -> tuple[float, float]:
    found = row(metric, rows, **options)
    return found["ci_lower"], found["ci_upper"]


# ---- rates ----


@pytest.mark.parametrize("name", RATES)
def test_a_rate_is_a_share_of_rows(name: str) -> None:
    metric = getattr(m, name)()
    assert (
        metric.compute([0, 1, 0, 0]) == metric.compute([-1, 1, -1, -1]) == metric.compute([False, True, False, False])
    )
    assert metric.compute([0, 1, 0, 0]) == 0.25
    assert metric.compute([0, 1, 0, 0], weight=[1, 3, 0, 2]) == 0.5
    assert getattr(m, name)(positive="yes").compute(["no", "yes"]) == 0.5
    assert fr.evaluate({"y": [1, 0, 1]}, name, label="y")[name] == 2 / 3
    assert math.isnan(metric.compute([0, 1], weight=[0, 0]))


def test_names_that_users_know() -> None:
    names = {"click_through_rate": "ctr", "cvr": "conversion_rate", "proportion": "rate", "average": "mean",
             "return_on_investment": "roi", "time_on_page": "quantiles", "ratio_of_sums": "ratio"}  # fmt: skip
    assert {alias: m.definition_of(alias).name for alias in names} == names
    assert str(m.parse("mean(seconds)")) == str(m.parse("average(value=seconds)")) == "[mean(value=seconds)]"
    assert str(m.parse("median(value=seconds)")) == str(m.parse("quantiles(0.5, value='seconds')"))
    assert str(m.parse("ratio(numerator='a b', denominator=views, ci=0.95)")) == (
        "[ratio(numerator='a b', denominator=views, ci=0.95)]"
    )


@pytest.mark.parametrize("ci", LEVELS)
@pytest.mark.parametrize(("ones", "rows"), [(0, 1), (1, 1), (0, 20), (20, 20), (1, 7), (3, 8), (999, 1000), (2, 3000)])
def test_the_interval_of_a_rate_is_that_of_wilson(ones: int, rows: int, ci: float) -> None:
    label = np.arange(rows) < ones
    low, high = interval(f"ctr(ci={ci})", {"y": label}, label="y")
    right = stats.binomtest(ones, rows).proportion_ci(ci, method="wilson")
    assert (low, high) == pytest.approx((right.low, right.high), rel=1e-11, abs=1e-300)
    assert (low == 0) == (ones == 0)
    assert (high == 1) == (ones == rows)
    assert low <= ones / rows <= high


def test_the_interval_of_a_rare_event_keeps_its_digits() -> None:
    rows, z = 1_000_000, mpmath.mpf("1.95996398454005423552")
    low, high = interval("rate(ci=0.95)", {"y": np.arange(rows) < 1}, label="y")
    with mpmath.workdps(40):
        p, c = mpmath.mpf(1) / rows, z**2 / rows
        centre, reach = p + c / 2, mpmath.sqrt(p * (1 - p) * c + c**2 / 4)
        right = (centre - reach) / (1 + c), (centre + reach) / (1 + c)
    assert (low, high) == pytest.approx(tuple(map(float, right)), rel=1e-12)


def test_levels_next_to_0_and_1() -> None:
    for ones in ([0, 0, 0, 0], [0, 1, 0, 0], [1, 1, 1, 1]):
        share = sum(ones) / 4
        assert interval("rate(ci=1e-300)", {"y": ones}, label="y") == (share, share)
        low, high = interval(f"rate(ci={math.nextafter(1, 0)!r})", {"y": ones}, label="y")
        assert 0 <= low < share or share == low == 0
        assert share < high <= 1 or share == high == 1


def test_weights_are_worth_fewer_rows() -> None:
    rows = {"y": [1, 0, 0, 1, 0, 0, 0], "w": [1.0, 2, 1, 4, 0, 1, 1]}
    # 10^2 / (1 + 4 + 1 + 16 + 1 + 1) rows; the share is 5/10.
    n, z = 100 / 24, stats.norm.ppf(0.975)
    reach = z / (1 + z * z / n) * math.sqrt(0.25 / n + z * z / (4 * n * n))
    assert interval("rate(ci=0.95)", rows, label="y", weight="w") == pytest.approx((0.5 - reach, 0.5 + reach))
    # The scale of weights says nothing, nor do weights that are all the same.
    scaled = {**rows, "w": [1024 * w for w in rows["w"]]}
    for metric in ("rate(ci=0.95)", "mean(y, ci=0.95)"):
        assert interval(metric, scaled, label="y", weight="w") == interval(metric, rows, label="y", weight="w")
        same = {"y": rows["y"], "w": [4.0] * 7}
        assert interval(metric, same, label="y", weight="w") == interval(metric, same, label="y")


def test_no_interval_unless_asked() -> None:
    for metric in ("ctr", "mean(v)", "ratio(numerator=v, denominator=v)", "roi(revenue=v, cost=v)"):
        found = row(metric, {"y": [1, 0], "v": [1, 2]}, label="y")
        assert (found["ci_lower"], found["ci_upper"]) == (None, None)
        assert "ci_" not in fr.evaluate({"y": [1, 0], "v": [1, 2]}, metric, label="y").to_text()


def test_an_interval_is_shown() -> None:
    result = fr.evaluate({"y": [1, 0, 0, 0]}, ["ctr(ci=0.95)", "ctr"], label="y")
    heading, first, second = result.to_text().splitlines()
    assert heading.split() == ["metric", "value", "exact", "ci_lower", "ci_upper", "rows"]
    assert first.split() == ["ctr(ci=0.95)", "0.25", "yes", *map(repr, interval("ctr(ci=0.95)", {"y": [1, 0, 0, 0]},
                                                                              label="y")), "4"]  # fmt: skip
    assert second.split() == ["ctr", "0.25", "yes", "4"]
    assert "ci_upper" in result._repr_html_()


# ---- ratios and means ----


def test_ratios_of_sums() -> None:
    assert m.ratio().compute(numerator=[2, 0, 1], denominator=[4, 1, 1]) == 0.5
    assert m.ratio().compute(numerator=[2, 0, 1], denominator=[4, 1, 1], weight=[1, 0, 2]) == 4 / 6
    assert row("ratio(numerator=clicks, denominator=views)", USERS)["value"] == 0.5
    assert m.roi().compute(revenue=[10.0, 0.0, 5.0], cost=[4.0, 4.0, 4.0]) == 0.25
    assert m.roi().compute(revenue=[0.0], cost=[4.0]) == -1.0
    # The sums differ by 1 in 2^60: rounded, they would not.
    assert m.roi().compute(revenue=[2.0**60, 1.0], cost=[2.0**60, 0.0]) == 2.0**-60
    # Past the largest float64 the signs of both sums count.
    for numerator, denominator, expected in (
        (1, 1, math.inf),
        (1, -1, -math.inf),
        (-1, 1, -math.inf),
        (-1, -1, math.inf),
    ):
        found = m.ratio().compute(numerator=[numerator * 1e300], denominator=[denominator * 1e-300])
        assert found == expected


def test_the_interval_of_a_ratio_worked_by_hand() -> None:
    # Residuals n - d / 2 are 0, -1/2, 1/2: their squares sum to 1/2; (1/2 / 3) / (3 - 1) = 1/12, the mean of d is 2.
    reach = stats.norm.ppf(0.95) * math.sqrt(1 / 12) / 2
    found = interval("ratio(numerator=clicks, denominator=views, ci=0.9)", USERS)
    assert found == pytest.approx((0.5 - reach, 0.5 + reach), rel=1e-12)


def data(seed: int, rows: int) -> dict[str, np.ndarray]:
    generator = np.random.default_rng(seed)
    views = generator.poisson(5, rows) + 1
    clicks = generator.binomial(views, generator.beta(2, 8, rows))
    return {"clicks": clicks, "views": views, "w": generator.exponential(1.0, rows)}


def delta(n: np.ndarray, d: np.ndarray) -> float:
    """The standard error of a ratio of means, as Deng, Knoblich and Lu have it (equation 4)."""
    (nn, cross), (_, dd) = np.cov(n, d)
    a, b = n.mean(), d.mean()
    return math.sqrt((nn / b**2 - 2 * a / b**3 * cross + a**2 / b**4 * dd) / len(n))


@pytest.mark.parametrize("ci", LEVELS)
def test_the_interval_of_a_ratio_is_the_delta_method(ci: float) -> None:
    rows = data(1, 400)
    n, d = rows["clicks"], rows["views"]
    value, error = n.sum() / d.sum(), delta(n, d)
    metric = f"ratio(numerator=clicks, denominator=views, ci={ci})"
    assert interval(metric, rows) == pytest.approx(stats.norm.interval(ci, value, error), rel=1e-11)
    profit = stats.norm.interval(ci, value - 1, error)
    assert interval(f"roi(revenue=clicks, cost=views, ci={ci})", rows) == pytest.approx(profit, rel=1e-11)
    # To turn a ratio over is to turn a sign over too.
    negative = interval(metric, {"clicks": n, "views": -d})
    assert negative == pytest.approx(tuple(-end for end in reversed(interval(metric, rows))), rel=1e-15)


def test_the_interval_of_a_ratio_is_about_that_of_the_bootstrap() -> None:
    rows, generator = data(2, 2000), np.random.default_rng(3)
    drawn = generator.integers(0, 2000, (4000, 2000))
    ratios = rows["clicks"][drawn].sum(axis=1) / rows["views"][drawn].sum(axis=1)
    right = np.quantile(ratios, [0.025, 0.975])
    found = interval("ratio(numerator=clicks, denominator=views, ci=0.95)", rows)
    assert found == pytest.approx(right, abs=0.1 * (right[1] - right[0]))
    # Views of a user are not independent of each other: the interval of Wilson over views is too narrow here.
    share, n = ratios.mean(), rows["views"].sum()
    assert found[1] - found[0] > 1.15 * 2 * 1.96 * math.sqrt(share * (1 - share) / n)


def test_an_interval_covers_as_often_as_it_says() -> None:
    hit = {"ctr": 0, "mean": 0}
    for seed in range(400):
        y = np.random.default_rng(seed).random(200) < 0.3
        for name, metric in (("ctr", "ctr(ci=0.8)"), ("mean", "mean(y, ci=0.8)")):
            low, high = interval(metric, {"y": y}, label="y")
            hit[name] += low <= 0.3 <= high
    # Of 400 at 80 %: 320, give or take 8.
    assert all(296 <= count <= 344 for count in hit.values()), hit


@pytest.mark.parametrize("ci", LEVELS)
def test_the_interval_of_a_mean_is_that_of_scipy(ci: float) -> None:
    seconds = np.random.default_rng(4).exponential(30, 500)
    found = row(f"mean(seconds, ci={ci})", {"seconds": seconds})
    assert found["value"] == float(sum(map(Fraction, seconds.tolist())) / 500)
    right = stats.norm.interval(ci, seconds.mean(), stats.sem(seconds))
    assert (found["ci_lower"], found["ci_upper"]) == pytest.approx(right, rel=1e-11)


def test_a_variance_does_not_cancel() -> None:
    # Around 1e9 a spread of 1e-3 is gone from sums of squares in float64.
    values = (1e9 + 1e-3 * np.random.default_rng(5).standard_normal(1000)).tolist()
    exact = [Fraction(x) for x in values]
    centre = sum(exact) / 1000
    error = math.sqrt(sum((x - centre) ** 2 for x in exact) / 999 / 1000)
    low, high = interval("mean(x, ci=0.95)", {"x": values})
    z = stats.norm.ppf(0.975)
    assert (low, high) == pytest.approx((float(centre) - z * error, float(centre) + z * error), rel=3e-16)
    assert high - low == pytest.approx(2 * z * error, abs=4 * math.ulp(1e9))


def test_an_interval_that_is_one_point_or_none() -> None:
    assert interval("mean(x, ci=0.95)", {"x": [0.1, 0.1, 0.1]}) == (0.1, 0.1)
    assert interval("ratio(numerator=n, denominator=d, ci=0.95)", {"n": [1, 2], "d": [4, 8]}) == (0.25, 0.25)
    one, two = {"x": [3.0], "w": [1.0]}, {"x": [3.0, 7.0], "w": [1.0, 0.0]}
    for rows in (one, two):
        found = row("mean(x, ci=0.95)", rows, weight="w")
        assert (found["value"], found["rows"], found["undefined"]) == (3.0, 1, 0)
        assert math.isnan(found["ci_lower"])
        assert math.isnan(found["ci_upper"])
    for metric in ("ratio(numerator=n, denominator=d, ci=0.95)", "roi(revenue=n, cost=d, ci=0.95)"):
        found = row(metric, {"n": [1.0, 2.0], "d": [0.5, -0.5]})
        assert found["undefined"] == 1
        assert all(math.isnan(found[name]) for name in ("value", "ci_lower", "ci_upper"))


@pytest.mark.parametrize(
    ("n", "d"),
    [
        ([1e200, -1e200, 2e200], [1.0, 1.0, 1.0]),
        ([1e-200, 2e-200, 3e-200], [1.0, 1.0, 1.0]),
        ([1e-160, 2e-160, 4e-160], [1.0, 1.0, 1.0]),
        ([1e150, 0.0, 1e150], [1e-300, 1e-300, 1e-300]),
        ([1e150, 0.0], [1e-140, math.nextafter(-1e-140, 0)]),
    ],
)
def test_there_is_no_interval_past_the_range_of_floats(n: list[float], d: list[float]) -> None:
    found = row("ratio(numerator=n, denominator=d, ci=0.95)", {"n": n, "d": d})
    assert not math.isnan(found["value"])
    assert math.isnan(found["ci_lower"])
    assert math.isnan(found["ci_upper"])
    if d[-1] == 1:
        assert all(map(math.isnan, interval("mean(n, ci=0.95)", {"n": n})))


VALUES = st.floats(-1e6, 1e6, width=32)


@settings(max_examples=60, deadline=None)
@given(
    rows=st.lists(st.tuples(st.booleans(), VALUES, VALUES, st.sampled_from([0.0, 0.1, 1.0, 7.0])), min_size=1),
    ci=st.floats(0.01, 0.999),
    weighted=st.booleans(),
)
def test_intervals_equal_their_references(rows: list[tuple[Any, ...]], ci: float, weighted: bool) -> None:
    label, first, second, weight = (np.array(column) for column in zip(*rows, strict=True))
    columns = {"label": label, "first": first, "second": second + 1e6, "weight": weight}
    weights = weight if weighted else None
    found = fr.Evaluator(
        [
            m.rate(ci=ci),
            m.mean(value="first", ci=ci),
            m.ratio(numerator="first", denominator="second", ci=ci),
            m.roi(revenue="first", cost="second", ci=ci),
        ],
        label="label",
        weight="weight" if weighted else None,
    )
    found.update(pa.RecordBatch.from_pydict({name: pa.array(column) for name, column in columns.items()}))
    rights = [
        reference.rate_interval(label, weights, ci=ci),
        reference.mean_interval(first, weights, ci=ci),
        reference.ratio_interval(first, columns["second"], weights, ci=ci),
        reference.roi_interval(first, columns["second"], weights, ci=ci),
    ]
    for entry, right in zip(found.result().table.to_pylist(), rights, strict=True):
        ends = entry["ci_lower"], entry["ci_upper"]
        # The reference subtracts in float64.
        scale = 1e-9 * max(1.0, float(np.abs(first).max()) if entry["metric"].startswith("mean") else 1.0)
        assert ends == pytest.approx(right, rel=1e-9, abs=scale, nan_ok=True), entry["metric"]


# ---- quantiles ----


def test_quantiles_of_a_column() -> None:
    seconds = [3.0, 8.0, 40.0, 5.0]
    result = fr.evaluate({"seconds": seconds}, ["quantiles(value=seconds)", "quantiles(q=0.99, value=seconds)"])
    assert result["quantiles(value=seconds)"] == 5.0
    assert result["quantiles(q=0.99, value=seconds)"] == 40.0
    assert result.curve("quantiles(value=seconds)").to_pydict() == {
        "q": [0.5, 0.9, 0.99], "value": [5.0, 40.0, 40.0], "lower": [5.0, 40.0, 40.0], "upper": [5.0, 40.0, 40.0],
    }  # fmt: skip
    assert m.quantiles(q=0.5).compute(value=seconds, weight=[1, 1, 5, 1]) == 40.0
    assert m.quantiles(q=[0.2, 0]).compute(value=seconds) == 3.0
    assert m.quantiles(q=1).compute(value=[math.inf, 1, -math.inf]) == math.inf
    assert math.isnan(m.quantiles().compute(value=[1.0], weight=[0.0]))


@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.int32])
def test_quantiles_are_those_of_numpy(dtype: Any) -> None:
    values = np.random.default_rng(6).normal(0, 100, 10_001).astype(dtype)
    q = [0.0, 0.001, 0.25, 0.5, 0.77, 0.999, 1.0]
    result = fr.evaluate({"x": values}, f"quantiles(q={q}, value=x)", batch_rows=777)
    right = np.quantile(values, q, method="inverted_cdf")
    assert result.curve(f"quantiles(q={q}, value=x)")["value"].to_pylist() == right.tolist()


@pytest.mark.parametrize("bits", [12, 16, 20])
def test_bounds_of_quantiles_by_cells(bits: int) -> None:
    values = np.random.default_rng(7).lognormal(3, 1.5, 5000)
    weight = np.random.default_rng(8).integers(0, 3, 5000)
    q = [0.1, 0.5, 0.9, 0.99]
    names = [f"quantiles(q={q}, value=x, bits={bits})", f"quantiles(q={q}, value=x)"]
    result = fr.evaluate({"x": values, "w": weight}, names, weight="w")
    binned, exact = (result.curve(name).to_pydict() for name in names)
    for lower, value, upper in zip(binned["lower"], exact["value"], binned["upper"], strict=True):
        assert lower <= value <= upper <= lower * (1 + 2.0 ** (9 - bits))
    first, second = result.table.to_pylist()
    assert (first["bound_lower"], first["bound_upper"]) == (binned["lower"][0], binned["upper"][0])
    assert (first["exact"], second["exact"], second["bound_lower"]) == (False, True, None)


def test_a_column_of_values_is_as_one_of_scores() -> None:
    rows = helpers.make_rows([30, 20], 3)
    found = fr.evaluate(rows, ["score_quantiles(q=[0.1, 0.5])", "quantiles(q=[0.1, 0.5], value=p)"], label="clicked",
                        score="p", weight="weight")  # fmt: skip
    scores = found.curve("score_quantiles(q=[0.1, 0.5])").to_pylist()
    values = found.curve("quantiles(q=[0.1, 0.5], value=p)").to_pylist()
    assert [each["score"] for each in scores if each["class"] == "all"] == [each["value"] for each in values]


# ---- the whole way ----

EVERY = [
    "ctr(ci=0.95)", "bounce_rate", "mean(target, ci=0.9)", "mean(value)", "ratio(ci=0.99)", "roi(ci=0.5)",
    "ratio(numerator=numerator, denominator=value)", "quantiles(value=target)", "quantiles(value=cost, bits=12)",
]  # fmt: skip


@pytest.mark.parametrize("weight", [None, "weight"])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_the_same_bits_however_rows_are_split(weight: str | None, dtype: Any) -> None:
    rows = helpers.make_rows([60, 50, 70, 20], 9, dtype)
    options = {"label": "clicked", "weight": weight, "by": [["country"], ["country", "day"]]}
    whole = fr.evaluate(rows, EVERY, **options)
    table = whole.table
    assert table["ci_lower"].null_count == table.num_rows * 5 // 9
    generator = np.random.default_rng(10)
    shuffled = rows.take(pa.array(generator.permutation(rows.num_rows)))
    helpers.same_result(fr.evaluate(pa.table(shuffled), EVERY, **options, batch_rows=7), whole)
    helpers.same_result(fr.evaluate(pa.table(shuffled), EVERY, **options, batch_rows=7, threads=3), whole)
    shards = [shuffled.slice(start, 40) for start in range(0, rows.num_rows, 40)]
    evaluators = [helpers.fed(fr.Evaluator(EVERY, **options), [shard]) for shard in shards]
    for merged in helpers.merged_in_any_order(evaluators, generator):
        helpers.same_result(merged, whole)


def test_an_interval_may_be_asked_for_later_where_the_state_has_it() -> None:
    evaluator = fr.Evaluator(["ctr", "mean(target, ci=0.5)"], label="clicked")
    evaluator.update(helpers.make_rows([30], 1))
    later = evaluator.result(["ctr(ci=0.9)", "mean(target, ci=0.99)", "mean(target)"]).table.to_pylist()
    assert [each["ci_lower"] is not None for each in later] == [True, True, False]


def test_rows_are_chosen_dropped_and_sliced() -> None:
    rows = {
        "seconds": [1.0, None, 3.0, 100.0, 5.0],
        "clicked": [1, 1, 0, 1, None],
        "c": ["a", "a", "b", "b", "b"],
    }
    result = fr.evaluate(
        rows, ["mean(seconds)", "ctr", "quantiles(value=seconds)"],
        label="clicked", by="c", where="c = 'a' or not seconds > 50", on_invalid="drop",
    )  # fmt: skip
    assert result["mean(seconds)"] == 3.0
    assert result["mean(seconds)", {"c": "b"}] == 4.0
    assert result["ctr"] == 2 / 3
    assert result["quantiles(value=seconds)"] == 3.0
    counted = {(each["metric"], each["c"]): each["rows_dropped"] for each in result.table.to_pylist()}
    assert counted["mean(value=seconds)", "a"] == counted["quantiles(value=seconds)", "a"] == counted["ctr", "b"] == 1
    assert counted["mean(value=seconds)", "b"] == 0


@pytest.mark.parametrize(
    ("metric", "rows", "error", "message"),
    [
        ("ctr", {"y": [1, 2]}, InvalidValueError, r"column 'y' \(label\): row 1 holds 2; allowed: 0 or 1, or -1 and 1"),
        ("mean(x)", {"x": [1.0, None]}, InvalidValueError, r"column 'x' \(value\): row 1 holds null"),
        ("mean(x)", {"x": [1.0, math.inf]}, InvalidValueError, r"\(value\): row 1 holds inf; allowed: a finite number"),
        ("mean(x)", {"x": ["a"]}, ColumnTypeError, r"column 'x' \(value\) is of type string"),
        ("quantiles(value=x)", {"x": [math.nan]}, InvalidValueError, r"column 'x' \(value\): row 0 holds nan"),
        (
            "ratio(numerator=a, denominator=b)",
            {"a": [1], "b": [None]},
            InvalidValueError,
            r"column 'b' \(denominator\): row 0 holds null",
        ),
        ("roi", {"revenue": [1], "cost": [math.nan]}, InvalidValueError, r"column 'cost' \(cost\): row 0 holds nan"),
        ("roi", {"revenue": [1]}, MissingColumnError, "no column 'cost'"),
        (
            "mean(ci=95)",
            {"value": [1]},
            ParameterError,
            "ci=95; allowed: a number above 0 and below 1, or None: no int",
        ),
        ("mean(3)", {"value": [1]}, ParameterError, "value=3; allowed: the name of a column"),
        (
            "quantiles(q=1.5)",
            {"value": [1]},
            ParameterError,
            r"q=1.5; allowed: a number from 0 to 1, or a list of such",
        ),
    ],
)
def test_errors_name_the_role(metric: str, rows: dict[str, Any], error: type[FastrankError], message: str) -> None:
    with pytest.raises(error, match=message):
        fr.evaluate(rows, metric, label="y")


def test_columns_of_text_files_are_read_as_numbers() -> None:
    evaluator = fr.Evaluator(["ctr", "mean", "ratio", "roi", "quantiles(value=denominator)"], label="clicked")
    schema = helpers.make_rows([4], 1).schema
    names = {"clicked", "value", "numerator", "denominator", "revenue", "cost"}
    assert evaluator.columns(schema) == (list(evaluator.columns(schema)[0]), names)
    assert set(evaluator.columns(schema)[0]) == names


def test_models_and_runs() -> None:
    rows = {"y": [0, 1], "a": [0.1, 0.2], "b": [0.2, 0.1]}
    result = fr.evaluate(rows, ["auc", "ctr", "mean(a)"], label="y", score=["a", "b"])
    assert (result["auc"], result["ctr"]) == ({"a": 1.0, "b": 0.0}, 0.5)
    assert result.table["model"].to_pylist() == ["a", "b", None, None]
    run = {"query": [1, 1], "item": [1, 2], "score": [0.1, 0.2], "seconds": [1, 3], "clicked": [1, 0]}
    result = fr.evaluate(run, ["mrr", "mean(seconds)", "ctr(label=clicked)"], qrels={1: {1: 1}})
    assert (result["mrr"], result["mean(seconds)"], result["ctr(label=clicked)"]) == (0.5, 2.0, 0.5)
    with pytest.raises(ParameterError, match=r"ctr reads the label of each row.*ctr\(label=...\)"):
        fr.evaluate(run, "ctr", qrels={1: {1: 1}})


def test_rows_of_lists_are_rows_of_their_own() -> None:
    # Beside ranked lists the seconds of the first row would count three times.
    rows = {"y": [[1, 0, 0], [0, 1]], "p": [[0.9, 0.5, 0.1], [0.3, 0.2]], "seconds": [10.0, 20.0], "clicked": [1, 0]}
    options = {"label": "y", "score": "p"}
    assert fr.evaluate(rows, ["mean(seconds)", "ctr(label=clicked)"], **options)["mean(seconds)"] == 15.0
    assert fr.evaluate(rows, ["mrr", "auc"], **options)["auc"] == 4 / 6
    for metric in ("mean(seconds)", "ctr(label=clicked)"):
        with pytest.raises(ParameterError, match="reads a value for each row, and other metrics read lists"):
            fr.evaluate(rows, ["mrr", metric], **options)


def test_columns_are_given_to_compute_by_role() -> None:
    assert m.mean(value="seconds").compute(value=[1, 2]) == 1.5
    assert m.ratio(numerator="a", denominator="a").compute(numerator=[1, 2], denominator=[6, 6]) == 0.25
    # Positions 1 and 3 are a's: (1 + 1/2 - 1 / log2(3)) / (1 + 1/2 + 1 / log2(3)).
    gap = (1.5 - 1 / math.log2(3)) / (1.5 + 1 / math.log2(3))
    shown = {"item": [1, 2, 3], "query": [7, 7, 7], "score": [0.9, 0.5, 0.1]}
    assert m.exposure().compute(**shown, group=["a", "b", "a"]) == pytest.approx(gap, rel=1e-15)
    rates = {"label": [0, 1], "score": [0.2, 0.9]}
    assert m.brier(label="clicked", score="p").compute(**rates) == m.brier().compute(**rates)
    assert m.nce(background="base").compute(**rates, background=[0.5, 0.5]) == m.nce(background=0.5).compute(**rates)
    for compute, message in (
        (lambda: m.mean().compute(), r"mean needs a value column: give it \(value=\)"),
        (lambda: m.ratio().compute(numerator=[1]), r"ratio needs a denominator column: give it \(denominator=\)"),
        (lambda: m.mean().compute(value=[1], values=[1]), "mean has no use for a column in the role 'values'"),
        (lambda: m.ctr().compute(), "ctr needs a label column"),
        (lambda: m.auc().compute([0, 1]), "auc needs a score column"),
        (lambda: m.mean().compute(value=[1, 2], weight=[1]), "arrays differ in length"),
    ):
        with pytest.raises(ParameterError, match=message):
            compute()
