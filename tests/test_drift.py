"""Drift against the reference in NumPy, SciPy, definitions that others document, and itself under splits."""

from __future__ import annotations

import json
import math
from decimal import Decimal
from itertools import pairwise
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet
import pytest
from click.testing import CliRunner
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial.distance import jensenshannon
from scipy.stats import entropy, ks_2samp, wasserstein_distance

import fastrank as fr
from fastrank import reference
from fastrank.cli import main
from fastrank.errors import (
    ColumnTypeError,
    EmptyInputError,
    InvalidValueError,
    MissingColumnError,
    ParameterError,
    UnknownResultError,
)

MEASURES = ("psi", "js_divergence", "js_distance", "kl_divergence", "ks_distance", "wasserstein")
NUMBERS = st.sampled_from([None, math.nan, -2.5, -0.0, 0.0, 0.1, 1.0, 1.5, 7.0, 1e6])
SAMPLES = st.lists(st.tuples(NUMBERS, st.sampled_from([0.0, 0.5, 1.0, 3.0])), min_size=1, max_size=40)


def as_nan(values: list[Any]) -> np.ndarray:
    return np.array([math.nan if x is None else x for x in values], np.float64)


def expected(
    sides: tuple[list[Any], list[Any]], weights: tuple[Any, Any] = (None, None), *, bins: int = 10, floor: float = 1e-4
) -> dict[str, float]:
    """All measures by the reference."""
    r, c = map(as_nan, sides)
    shares = reference.number_shares(r, c, bins, *weights)
    return {
        **reference.divergences(*shares, floor),
        "ks_distance": reference.ks_distance(r, c, *weights),
        "wasserstein": reference.wasserstein(r, c, *weights),
    }


def same_bits(a: fr.Drift, b: fr.Drift) -> None:
    assert repr(a.to_dict()) == repr(b.to_dict())
    for name in a.to_dict()["column"]:
        assert repr(a.cells(name).to_pydict()) == repr(b.cells(name).to_pydict())


@settings(max_examples=80, deadline=None)
@given(SAMPLES, SAMPLES, st.sampled_from([2, 3, 10]), st.booleans(), st.sampled_from([1e-4, 0.01]))
def test_numbers_against_the_reference(one: Any, other: Any, bins: int, weighted: bool, floor: float) -> None:
    sides = [x for x, _ in one], [x for x, _ in other]
    weights = ([w for _, w in one], [w for _, w in other]) if weighted else (None, None)
    if weighted and not all(sum(w) for w in weights):
        return
    tables = [
        pa.table({"x": pa.array(x, pa.float64()), **({} if w is None else {"w": w})})
        for x, w in zip(sides, weights, strict=True)
    ]
    found = fr.drift(*tables, "x", weight="w" if weighted else None, bins=bins, floor=floor)
    for name, value in expected(sides, weights, bins=bins, floor=floor).items():
        assert found["x", name] == pytest.approx(value, rel=1e-12, abs=1e-14, nan_ok=True), name
    assert found.cells("x")["cell"].to_pylist()[:-2] == reference.drift_edges(as_nan(sides[0]), bins, weights[0])
    for side, column in zip(
        reference.number_shares(*map(as_nan, sides), bins, *weights), found.cells("x").columns[1:], strict=False
    ):
        assert column.to_pylist() == pytest.approx(side, abs=1e-15)
    null = np.isnan(as_nan(sides[0]))
    w = np.ones(null.size) if weights[0] is None else np.array(weights[0])
    assert found["x", "null_share_reference"] == w[null].sum() / w.sum()
    assert found["x", "rows_reference"] == np.count_nonzero(w)


CATEGORIES = st.lists(
    st.tuples(st.sampled_from([None, "a", "b", "é", ""]), st.sampled_from([0.5, 1.0, 3.0])), min_size=1
)


@settings(max_examples=60, deadline=None)
@given(CATEGORIES, CATEGORIES, st.booleans())
def test_categories_against_the_reference(one: Any, other: Any, weighted: bool) -> None:
    sides = [x for x, _ in one], [x for x, _ in other]
    weights = ([w for _, w in one], [w for _, w in other]) if weighted else (None, None)
    tables = [
        pa.table({"x": pa.array(x, pa.string()), "w": [w for _, w in side]})
        for x, side in zip(sides, (one, other), strict=False)
    ]
    found = fr.drift(*tables, "x", weight="w" if weighted else None)
    for name, value in reference.divergences(*reference.category_shares(*sides, *weights)).items():
        assert found["x", name] == pytest.approx(value, rel=1e-12, abs=1e-14), name
    assert found["x", "ks_distance"] is None
    assert found["x", "new_categories"] == len(set(sides[1]) - set(sides[0]) - {None})


@pytest.fixture(scope="module")
def samples() -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    return rng.normal(size=2000).round(2), rng.normal(0.2, 1.3, 1500).round(2)


def test_scipy_agrees(samples: tuple[np.ndarray, np.ndarray]) -> None:
    a, b = samples
    found = fr.drift({"x": a}, {"x": b})
    assert found["x", "ks_distance"] == pytest.approx(ks_2samp(a, b).statistic, rel=1e-14)
    assert found["x", "wasserstein"] == pytest.approx(wasserstein_distance(a, b), rel=1e-13)
    cells = found.cells("x").to_pydict()
    assert found["x", "js_distance"] == pytest.approx(jensenshannon(cells["reference"], cells["current"]), rel=1e-12)
    # Without nulls the last cell is empty on both sides: 1e-4 against 1e-4 counts nothing.
    assert found["x", "kl_divergence"] == pytest.approx(
        entropy(cells["reference"][:-1], cells["current"][:-1]), rel=1e-12
    )
    w = np.linspace(0.5, 2, a.size), np.linspace(3, 1, b.size)
    weighted = fr.drift({"x": a, "w": w[0]}, {"x": b, "w": w[1]}, "x", weight="w")
    assert weighted["x", "wasserstein"] == pytest.approx(wasserstein_distance(a, b, *w), rel=1e-13)


def test_polars_ds_agrees(samples: tuple[np.ndarray, np.ndarray]) -> None:
    """Their definition told again: quantiles of the baseline, right-closed with infinite ends, shares clipped."""
    a, b = samples
    edges = np.unique(np.quantile(a, np.arange(1, 10) / 10, method="inverted_cdf"))
    places = [np.searchsorted(edges, x, side="left") for x in (a, b)]
    r, c = (np.maximum(np.bincount(place, minlength=10) / place.size, 1e-4) for place in places)
    assert fr.drift({"x": a}, {"x": b})["x", "psi"] == pytest.approx(np.sum((r - c) * np.log(r / c)), rel=1e-12)


def test_by_hand() -> None:
    # Halves against 1/4 and 3/4: psi = (1/2 - 1/4) ln 2 + (1/2 - 3/4) ln (2/3) = ln(3) / 4.
    found = fr.drift({"x": [1, 2, 3, 4]}, {"x": [2, 5, 5, 9]}, bins=2)
    assert found["x", "psi"] == pytest.approx(math.log(3) / 4, rel=1e-15)
    assert found["x", "kl_divergence"] == pytest.approx(math.log(4 / 3) / 2, rel=1e-15)
    assert found["x", "ks_distance"] == 0.75  # at 4: all of the reference, one in four of the others
    assert found["x", "wasserstein"] == (1 + 3 + 2 + 5) / 4  # each against the one of its rank
    assert fr.drift({"x": [0.5]}, {"x": [0.5, 0.5]})["x"]["wasserstein"] == 0.0


def test_equal_samples_do_not_drift(samples: tuple[np.ndarray, np.ndarray]) -> None:
    a = np.random.default_rng(5).normal(size=5000)
    for repeated in (1, 3):
        found = fr.drift({"x": a}, {"x": np.tile(a, repeated)})
        assert {found["x", name] for name in MEASURES} == {0.0}


@pytest.mark.parametrize("bits", [None, 12, 20])
@pytest.mark.parametrize("weight", [None, "w"])
def test_the_same_bits_however_rows_are_split(bits: int | None, weight: str | None) -> None:
    rng = np.random.default_rng(8)
    tables = []
    for shift, count in ((0.0, 3000), (0.3, 2000)):
        x = rng.normal(shift, 1, count)
        columns = {
            "x": pa.array(np.where(rng.random(count) < 0.05, np.nan, x)),
            "f": pa.array(x.astype(np.float32)),
            "n": pa.array(rng.poisson(3 + shift, count)),
            "s": pa.array(rng.choice(np.array(["a", "b", "c", None]), count).tolist()),
            "w": pa.array(rng.choice(np.array([0.0, 0.1, 1.0, 2.0**-60, 1e6]), count)),
        }
        tables.append(pa.table(columns))
    options: dict[str, Any] = {"bits": bits, "weight": weight, "columns": ["x", "f", "n", "s"]}
    whole = fr.drift(*tables, **options)
    for batch_rows in (1000, 37):
        same_bits(fr.drift(*tables, batch_rows=batch_rows, **options), whole)
    shuffled = [table.take(pa.array(rng.permutation(table.num_rows))) for table in tables]
    same_bits(fr.drift(*shuffled, batch_rows=501, **options, **({} if bits else {"memory_limit": 1 << 14})), whole)


def test_distances_in_standard_deviations(samples: tuple[np.ndarray, np.ndarray]) -> None:
    a, b = samples
    for dtype, shift, rel in ((np.float64, 0.0, 1e-14), (np.float64, 2.0**30 + 1 / 3, 1e-6), (np.float32, 0.0, 1e-14)):
        x, y = (a + shift).astype(dtype), (b + shift).astype(dtype)
        plain = fr.drift({"x": x}, {"x": y}, bits=20)
        found = fr.drift({"x": x}, {"x": y}, bits=20, normalize=True)
        for name in ("wasserstein", "wasserstein_lower", "wasserstein_upper"):
            assert found["x", name] == pytest.approx(plain["x", name] / np.std(x.astype(np.longdouble)), rel=rel)
    w = np.linspace(0.5, 2, a.size)
    deviation = math.sqrt(np.average((a - np.average(a, weights=w)) ** 2, weights=w))
    sides = {"x": a, "w": w}, {"x": b, "w": np.ones(b.size)}
    plain, found = (
        fr.drift(*sides, "x", weight="w", normalize=normalize)["x", "wasserstein"] for normalize in (False, True)
    )
    assert found == pytest.approx(plain / deviation, rel=1e-13)
    for constant in ([2.0, 2.0], [1.0, math.inf], [1.0, 1e300]):
        assert math.isnan(fr.drift({"x": constant}, {"x": [1.0]}, normalize=True)["x", "wasserstein"])
    # A variance of 1 / 4 beside squares of some 2^104.
    large = fr.drift({"x": [2.0**52, 2.0**52 + 1]}, {"x": [2.0**52, 2.0**52 + 3]}, normalize=True)
    assert large["x", "wasserstein"] == 2.0


def test_cells_bound_the_distances(samples: tuple[np.ndarray, np.ndarray]) -> None:
    a, b = samples
    exact = fr.drift({"x": a}, {"x": b})
    for bits in (12, 13, 16, 24):
        found = fr.drift({"x": a}, {"x": b}, bits=bits)
        for name in ("ks_distance", "wasserstein"):
            lower, upper = found["x", f"{name}_lower"], found["x", f"{name}_upper"]
            assert lower <= exact["x", name] <= upper
            assert lower <= found["x", name] <= upper
    assert upper - lower < 1e-4
    cells = fr.drift({"x": a}, {"x": b}, bits=12).cells("x").to_pydict()
    ends = pairwise([-np.inf, *cells["cell"][:-1]])
    counted = [np.count_nonzero((a < high) & (a >= low)) / a.size for low, high in ends]
    assert cells["reference"][:-1] == counted


def test_types_and_nulls() -> None:
    day = pa.array([0, 1, None], pa.date32())
    table = pa.table(
        {
            "n": pa.array([1, 2, None], pa.int64()), "b": [True, False, None],
            "d": day, "t": day.cast(pa.timestamp("ns")),
            "c": pa.array(["x", "y", None]).dictionary_encode(), "m": pa.array([Decimal("1.5"), None, Decimal(3)]),
            "v": pa.array([b"x", b"y", None], pa.large_binary()), "h": pa.array([1, 2, None], pa.float16()),
            "z": pa.nulls(3, pa.float64()),
        }
    )  # fmt: skip
    found = fr.drift(table, table.slice(1))
    kinds = dict(zip(found.to_dict()["column"], found.to_dict()["kind"], strict=True))
    assert [name for name in kinds if kinds[name] == "numeric"] == ["n", "m", "h", "z"]
    assert found["n", "null_share_reference"] == 1 / 3
    assert found["n", "null_share_current"] == 1 / 2
    assert math.isnan(found["z", "ks_distance"])
    assert found["z", "psi"] == 0.0
    assert found.cells("b").to_pydict() == {
        "cell": [False, True, None],
        "reference": [1 / 3] * 3,
        "current": [0.5, 0.0, 0.5],
    }
    as_categories = fr.drift(table, table.slice(1), "n", categorical="n")
    assert as_categories.cells("n")["cell"].to_pylist() == [1, 2, None]
    assert as_categories["n", "js_divergence"] == found["b", "js_divergence"]


def test_infinite_values() -> None:
    inf = math.inf
    found = fr.drift({"x": [-inf, 1.0, inf]}, {"x": [-inf, 3.0, inf]})
    assert found["x", "wasserstein"] == pytest.approx(2 / 3, rel=1e-15)
    assert fr.drift({"x": [1.0, inf]}, {"x": [1.0, 2.0]})["x", "wasserstein"] == inf
    assert fr.drift({"x": [-inf, 0.0]}, {"x": [1.0, 2.0]})["x", "ks_distance"] == 1.0
    empty = fr.drift({"x": [1.0, 1.0]}, {"x": [2.0, 2.0]}, floor=0)
    assert empty["x", "psi"] == inf
    assert empty["x", "js_divergence"] == pytest.approx(math.log(2))


def test_infinite_values_in_cells() -> None:
    found = fr.drift({"x": [-math.inf, 1.0, math.inf]}, {"x": [math.inf, 1.0, -math.inf]}, bits=12)
    assert found["x", "ks_distance"] == found["x", "wasserstein"] == 0
    # Each of the two finite values is off by no more than its cell is wide, 2^-3 of 1.
    assert found["x", "wasserstein_upper"] == pytest.approx(2 / 3 * 2.0**-3)
    assert fr.drift({"x": [math.inf, 1.0]}, {"x": [2.0, 1.0]}, bits=12)["x", "wasserstein"] == math.inf


def test_distances_past_the_ends_of_float64() -> None:
    far = {"x": [-1.7e308, -1.7e308]}, {"x": [1.7e308, 1.7e308]}
    assert fr.drift(*far)["x", "wasserstein"] == math.inf
    assert math.isnan(fr.drift({"x": [-1.7e308, 1.0]}, far[1], normalize=True)["x", "wasserstein"])


def test_deviations_too_small_for_squares() -> None:
    tiny = {"x": [1e-170, 3e-170]}, {"x": [1e-170, 5e-170]}
    assert fr.drift(*tiny)["x", "wasserstein"] == pytest.approx(1e-170)
    assert math.isnan(fr.drift(*tiny, normalize=True)["x", "wasserstein"])


def test_rows_that_do_not_count() -> None:
    rows = {"x": [1.0, 2.0, 3.0], "w": [1.0, 0.0, -1.0], "s": ["a", "b", "b"]}
    with pytest.raises(InvalidValueError, match=r"column 'w' \(weight\): row 2 holds -1.0"):
        fr.drift({"x": [1.0], "w": [1.0]}, rows, "x", weight="w")
    found = fr.drift({"x": [1.0], "w": [1.0]}, rows, "x", weight="w", on_invalid="drop")
    assert (found["x", "rows_current"], found["x", "rows_dropped_current"], found["x", "psi"]) == (1, 1, 0.0)
    with pytest.raises(InvalidValueError, match=r"column 'x' \(value\): row 1 holds 9007199254740993"):
        fr.drift({"x": [1, 2**53 + 1]}, {"x": [1]})
    where = fr.drift(rows, rows, ["x"], where="s = 'b'")
    assert where["x", "rows_reference"] == 2
    nothing = fr.drift(rows, rows, ["x", "s"], where="s = 'c'")
    assert math.isnan(nothing["x", "psi"])
    assert math.isnan(nothing["x", "ks_distance"])
    assert math.isnan(nothing["s", "js_divergence"])


@pytest.mark.parametrize(
    ("arguments", "error", "words"),
    [
        ({"columns": ["y"]}, MissingColumnError, "^reference: no column 'y'"),
        ({"columns": "r"}, MissingColumnError, "^current: no column 'r'"),
        ({"columns": "s", "weight": "w"}, InvalidValueError, r"^current: column 'w' .* row 1 "),
        ({"columns": 5}, ParameterError, "columns=5; allowed: names of columns"),
        ({"categorical": None, "weight": 2}, ParameterError, "weight=2; allowed"),
        ({"columns": ["x", "x"]}, ParameterError, "names of columns, each once"),
        ({"columns": [3]}, ParameterError, "names of columns"),
        ({"columns": []}, ParameterError, "no column to compare"),
        (
            {"columns": "x", "categorical": "s"},
            ParameterError,
            "categorical= names 's', which is none of the columns: x",
        ),
        ({"columns": "l"}, ColumnTypeError, "column 'l' .* is of type list"),
        ({"columns": "x", "categorical": "x"}, ColumnTypeError, "is of type double; allowed: .* as numbers"),
        ({"columns": "m"}, ColumnTypeError, "column 'm' is of type int64 in the reference and of type string in the"),
        ({"columns": "s", "max_categories": 1}, ParameterError, "column 's' has more than 1 categories; allowed"),
        ({"bins": 1}, ParameterError, "bins=1; allowed: an integer from 2"),
        ({"bins": 2.0}, ParameterError, "bins=2.0; allowed"),
        ({"floor": -0.1}, ParameterError, "floor=-0.1; allowed: a number from 0"),
        ({"bits": 27}, ParameterError, "bits=27; allowed: an integer from 12 to 26"),
        ({"on_invalid": "keep"}, ParameterError, "on_invalid='keep'; allowed"),
        ({"normalize": "yes"}, ParameterError, "normalize='yes'; allowed"),
        ({"weight": 1}, ParameterError, "weight=1; allowed: the name of a column"),
        ({"memory_limit": -1}, ParameterError, "memory_limit=-1; allowed"),
    ],
)
def test_refused(arguments: dict[str, Any], error: type[Exception], words: str) -> None:
    rows = {"x": [1.0, 2.0], "s": ["a", "b"], "l": [[1.0], [2.0]], "m": [1, 2]}
    reference = pa.table({**rows, "r": [1, 2], "w": [1, 1]})
    tables = reference, pa.table({**rows, "m": ["a", "b"], "w": [1, -1]})
    with pytest.raises(error, match=words):
        fr.drift(*tables, **{"columns": "x", **arguments})


def test_flags_may_be_words() -> None:
    rows = {"x": [0.0, 4.0]}, {"x": [2.0, 6.0]}
    assert fr.drift(*rows, normalize="false")["x", "wasserstein"] == 2.0  # type: ignore[arg-type]
    assert fr.drift(*rows, normalize="true")["x", "wasserstein"] == 1.0  # type: ignore[arg-type]


@pytest.mark.parametrize("values", [[1, 2], [1.5, 2.5], ["a", "b"], [True, False]])
def test_a_column_that_is_all_nulls_has_the_type_of_the_other_side(values: list[Any]) -> None:
    full, nulls = pa.table({"x": values}), pa.table({"x": pa.nulls(3)})
    typed = pa.table({"x": pa.nulls(3, full["x"].type)})
    same_bits(fr.drift(full, nulls), fr.drift(full, typed))
    same_bits(fr.drift(nulls, full), fr.drift(typed, full))
    assert fr.drift(full, nulls)["x", "null_share_current"] == 1.0
    assert fr.drift(nulls, nulls)["x", "psi"] == 0.0


def test_a_measure_is_no_column() -> None:
    with pytest.raises(UnknownResultError, match=r"there is no column 'psi'; there is x; .* as drift\['x', 'psi'\]"):
        fr.drift({"x": [1.0]}, {"x": [1.0]})["psi"]


def test_no_rows_is_an_error() -> None:
    with pytest.raises(EmptyInputError, match="the source of the current has no rows"):
        fr.drift({"x": [1.0]}, pa.table({"x": pa.array([], pa.float64())}))


def test_files(tmp_path: Any, samples: tuple[np.ndarray, np.ndarray]) -> None:
    a, b = samples
    for name, x in (("a", a), ("b", b)):
        table = pa.table({"x": pa.array(x), "k": pa.array([str(int(v)) + "k" for v in x])})
        pyarrow.parquet.write_table(table, tmp_path / f"{name}.parquet", row_group_size=300)
        lines = [f"{v!r},{k}" for v, k in zip(x.tolist(), table["k"].to_pylist(), strict=False)]
        (tmp_path / f"{name}.csv").write_text("\n".join(["x,k", *lines]) + "\n")
    whole = fr.drift({"x": a, "k": [f"{int(v)}k" for v in a]}, {"x": b, "k": [f"{int(v)}k" for v in b]})
    for suffix in ("parquet", "csv"):
        same_bits(fr.drift(tmp_path / f"a.{suffix}", tmp_path / f"b.{suffix}", batch_rows=100), whole)


def test_command_line(tmp_path: Any) -> None:
    rows = {"x": [1.0, 2.0, 3.0], "n": [1, 2, 2], "w": [1.0, 2.0, 3.0], "s": ["a", "b", "b"]}
    current = {**rows, "x": [2.0, 9.0, 9.0], "n": [2, 2, 3]}
    for name, columns in (("a", rows), ("b", current)):
        pyarrow.parquet.write_table(pa.table(columns), tmp_path / f"{name}.parquet")
    files = ["drift", str(tmp_path / "a.parquet"), str(tmp_path / "b.parquet")]

    def lines(*arguments: str) -> list[dict[str, Any]]:
        done = CliRunner().invoke(main, [*files, "--format", "json", *arguments])
        assert done.exit_code == 0, done.output
        return list(json.loads(done.stdout))

    options = [
        "--column",
        "x",
        "--column",
        "n",
        "--categorical",
        "n",
        "--weight",
        "w",
        "--bins",
        "2",
        "--floor",
        "0.01",
    ]
    found = lines(*options, "--where", "s = 'b'", "--bits", "20")
    expected = fr.drift(
        rows, current, ["x", "n"], categorical="n", weight="w", bins=2, floor=0.01, where="s = 'b'", bits=20
    )
    assert [row["psi"] for row in found] == expected.to_dict()["psi"]
    assert [row["kind"] for row in found] == ["numeric", "categorical"]
    assert found[0]["wasserstein_upper"] == expected["x", "wasserstein_upper"]
    assert [row["column"] for row in lines("--weight", "w")] == ["x", "n", "s"]
    table = CliRunner().invoke(main, [*files, "--column", "x"])
    assert table.stdout.splitlines()[0].split()[:3] == ["column", "kind", "psi"]
    done = CliRunner().invoke(main, [*files, "--column", "x", "-o", str(tmp_path / "drift.csv")])
    assert done.exit_code == 0
    assert (tmp_path / "drift.csv").read_text().startswith('"column","kind","psi"')
    wrong = CliRunner().invoke(main, [*files, "--column", "s", "--max-categories", "1"])
    assert "column 's' has more than 1 categories" in wrong.stderr
    wrong = CliRunner().invoke(main, [*files, "--column", "y"])
    assert (wrong.exit_code, wrong.stderr.startswith("fastrank: reference: no column 'y'")) == (1, True)


def test_the_table_prints_and_travels() -> None:
    found = fr.drift({"x": [1.0, 2.0], "s": ["a", "b"]}, {"x": [1.0, 4.0], "s": ["a", "c"]})
    assert len(found) == 2
    assert found.table.schema.field("rows_current").type == pa.int64()
    assert pa.table(found).equals(found.table)
    assert found.to_polars()["column"].to_list() == ["x", "s"]
    assert found.to_pandas()["psi"].iloc[1] == found["s", "psi"]
    assert "rows_dropped_current" not in str(found)
    assert "new_categories" in str(found)
    assert "<pre" in found._repr_html_()
    many = fr.drift({f"c{i}": [1.0] for i in range(70)}, {f"c{i}": [1.0] for i in range(70)})
    assert "... and 10 more columns: drift.table has all" in repr(many)
    assert set(found["x"]) == {*found.table.column_names} - {"column"}
    with pytest.raises(UnknownResultError, match="there is no column 'y'"):
        found["y"]
    with pytest.raises(UnknownResultError, match="there is no measure 'p_value'; there is psi"):
        found["x", "p_value"]
    with pytest.raises(UnknownResultError, match="there is no column"):
        found.cells("y")
