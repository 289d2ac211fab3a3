"""Values of each query as a stream: evaluate(..., per_query=True) and `fastrank evaluate --per-query`."""

from __future__ import annotations

import math
from pathlib import Path

import helpers
import polars as pl
import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet
import pytest
from click.testing import CliRunner

import fastrank as fr
from fastrank import metrics as m
from fastrank.cli import main
from fastrank.errors import EmptyInputError, FastrankError, MissingColumnError, ParameterError, QueryOrderError

ROWS = helpers.make_rows([5, 1, 7, 3, 4, 2, 6], 3)
ROLES = {"label": "grade", "score": "p", "query": "query"}
METRICS = ["ndcg@3", "map", "mrr(relevance_level=3, no_relevant=skip)"]


def alone(query: int, metric: str) -> float:
    """The metric of one query, evaluated by itself."""
    rows = pa.Table.from_batches([ROWS]).filter(pa.compute.field("query") == query)
    return fr.evaluate(rows, metric, **ROLES)[metric]


@pytest.mark.parametrize("batch_rows", [1, 4, None])
def test_each_query_has_the_value_that_it_has_alone(batch_rows: int | None) -> None:
    values = fr.evaluate(ROWS, METRICS, **ROLES, per_query=True, batch_rows=batch_rows)
    table = values.reader().read_all()
    assert table.schema.names == ["query", *METRICS]
    assert sorted(table["query"].to_pylist()) == list(range(7))
    for row in table.to_pylist():
        for metric in METRICS:
            expected = alone(row["query"], metric)
            assert row[metric] is None if math.isnan(expected) else row[metric] == expected
    helpers.same_result(values.result(), fr.evaluate(ROWS, METRICS, **ROLES))


def test_several_models_have_a_row_each() -> None:
    table = pa.table(fr.evaluate(ROWS, ["map"], **{**ROLES, "score": ["p", "p2"]}, per_query=True))
    assert table.schema.names == ["query", "model", "map"]
    for model in ("p", "p2"):
        mine = {row["query"]: row["map"] for row in table.to_pylist() if row["model"] == model}
        one = pl.DataFrame(fr.evaluate(ROWS, ["map"], **{**ROLES, "score": model}, per_query=True))
        assert mine == dict(one.iter_rows())


def test_scattered_queries() -> None:
    rows = ROWS.take(pa.array([i for j in range(7) for i in range(j, ROWS.num_rows, 7)]))
    with pytest.raises(QueryOrderError, match="scattered"):
        fr.evaluate(rows, ["map"], **ROLES, per_query=True).reader().read_all()
    found = fr.evaluate(rows, ["map"], **ROLES, per_query=True, queries="scattered").reader().read_all()
    expected = fr.evaluate(ROWS, ["map"], **ROLES, per_query=True).reader().read_all()
    assert found.sort_by("query").equals(expected.sort_by("query"))


def test_it_is_a_stream() -> None:
    read = []

    def batches():
        for i in range(0, ROWS.num_rows, 4):
            read.append(i)
            yield ROWS.slice(i, 4)

    values = iter(
        fr.evaluate(pa.RecordBatchReader.from_batches(ROWS.schema, batches()), ["map"], **ROLES, per_query=True)
    )
    first = next(values)
    assert first.num_rows == 1
    assert len(read) < 5


def test_it_refuses_what_evaluate_refuses() -> None:
    with pytest.raises(ParameterError, match="threads=0; allowed: an integer from 1"):
        fr.evaluate(ROWS, ["map"], **ROLES, per_query=True, threads=0)
    for rows, options, message in (
        (ROWS.slice(0, 0), {}, "the source has no rows"),
        (ROWS, {"where": "grade > 100"}, f"none of the {ROWS.num_rows} rows is left"),
    ):
        with pytest.raises(EmptyInputError, match=message):
            fr.evaluate(rows, ["map"], **ROLES, per_query=True, **options).result()


def test_what_is_refused() -> None:
    for metrics, options, message in (
        (["auc(label=clicked)"], {}, "auc.* has no value of a query"),
        (["map"], {"by": "country"}, "leave out by="),
        ([m.map(), m.mrr(where="grade > 0")], {}, "the metrics see different rows"),
        ([m.map(name="query")], {}, "'query' is called as another column"),
    ):
        with pytest.raises(ParameterError, match=message):
            fr.evaluate(ROWS, metrics, **ROLES, per_query=True, **options)
    values = fr.evaluate(ROWS, ["map"], **ROLES, per_query=True, batch_rows=4)
    next(iter(values))
    with pytest.raises(FastrankError, match="not been read to the end"):
        values.result()
    with pytest.raises(FastrankError, match="read already"):
        next(iter(values))


def test_lists_without_a_query_column_go_by_number() -> None:
    lists = pa.table({"y": [[1, 0], [0, 1]], "s": [[0.5, 0.25], [0.5, 0.25]]})
    values = fr.evaluate(lists, "mrr", label="y", score="s", per_query=True).reader().read_all()
    assert values.to_pylist() == [{"(row)": 0, "mrr": 1.0}, {"(row)": 1, "mrr": 0.5}]


def test_a_query_column_that_is_not_there() -> None:
    with pytest.raises(ParameterError, match="map needs a query column"):
        fr.evaluate(ROWS, "map", label="grade", score="p", per_query=True)
    with pytest.raises(MissingColumnError, match="no column 'nope'"):
        fr.evaluate(ROWS, "map", label="grade", score="p", query="nope", per_query=True)


@pytest.mark.parametrize("suffix", ["parquet", "arrow", "csv"])
def test_the_command_line_writes_it(tmp_path: Path, suffix: str) -> None:
    pyarrow.parquet.write_table(pa.Table.from_batches([ROWS]), tmp_path / "rows.parquet")
    arguments = ["--label", "grade", "--score", "p", "--query", "query", "-m", "map", "-m", "ndcg@3"]
    path = tmp_path / f"queries.{suffix}"
    done = CliRunner().invoke(main, ["evaluate", str(tmp_path / "rows.parquet"), *arguments, "--per-query", str(path)])
    assert done.exit_code == 0, done.output
    assert done.output.startswith("metric")
    read = {
        "parquet": pyarrow.parquet.read_table,
        "csv": pyarrow.csv.read_csv,
        "arrow": lambda file: pa.ipc.open_file(file).read_all(),
    }[suffix]
    expected = fr.evaluate(ROWS, ["map", "ndcg@3"], **ROLES, per_query=True).reader().read_all()
    assert read(str(path)).combine_chunks().equals(expected.combine_chunks())


def test_a_failing_run_leaves_no_file(tmp_path: Path) -> None:
    bad = ROWS.set_column(ROWS.schema.get_field_index("p"), "p", pa.array([0.5] * (ROWS.num_rows - 1) + [math.nan]))
    pyarrow.parquet.write_table(pa.Table.from_batches([bad]), tmp_path / "rows.parquet")
    arguments = ["--label", "grade", "--score", "p", "--query", "query", "-m", "map", "--per-query"]
    done = CliRunner().invoke(main, ["evaluate", str(tmp_path / "rows.parquet"), *arguments, str(tmp_path / "q.csv")])
    assert done.exit_code == 1
    assert [path.name for path in tmp_path.iterdir()] == ["rows.parquet"]
    for name, message in (("q.txt", "ends with .parquet, .arrow or .csv"), ("no/q.csv", "does not exist")):
        done = CliRunner().invoke(main, ["evaluate", str(tmp_path / "rows.parquet"), *arguments, str(tmp_path / name)])
        assert done.exit_code == 2
        assert message in done.output
