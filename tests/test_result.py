"""What a result answers: by name and slice, as a table, to other libraries, and on the screen."""

from __future__ import annotations

import html
import math
import re

import duckdb
import pandas
import polars
import pyarrow as pa
import pytest

import fastrank as fr
from fastrank import metrics as m

ROWS = {
    "y": [0, 1, 1, 0, 1, 0],
    "p": [0.25, 0.75, 0.5, 0.5, 0.125, 1.0],
    "p2": [0.5, 0.25, 0.75, 0.125, 0.5, 0.0],
    "q": [1, 1, 2, 2, 3, 3],
    "c": ["DE", "DE", "FR", "FR", None, None],
    "n": [1, 1, 1, 2, 2, 2],
}
OPTIONS = {"label": "y", "score": "p", "query": "q"}
COUNTS = [
    "rows",
    "rows_dropped",
    "rows_clipped",
    "rows_skipped",
    "rows_unjudged",
    "rows_not_retrieved",
    "rows_duplicate",
    "queries",
    "queries_without_relevant",
    "queries_one_class",
    "queries_all_tied",
    "queries_missing",
    "queries_extra",
    "queries_tied",
    "queries_split",
    "undefined",
]


METRICS = ["auc", "ndcg@2", "auc(bits=12)", m.log_loss(name="loss")]


def evaluate(metrics=METRICS, **options) -> fr.Result:
    return fr.evaluate(ROWS, list(metrics), **{**OPTIONS, **options})


@pytest.fixture(scope="module")
def result() -> fr.Result:
    return evaluate(by=[["c"], ["c", "n"]])


def test_values_by_name(result):
    # Of 9 pairs 0.75 wins two, 0.5 wins one and ties one, 0.125 wins none.
    assert result["auc"] == result["roc_auc"] == result["AUC"] == result["auc()"] == 3.5 / 9
    assert result["ndcg@2"] == result["nDCG@2"] == result["ndcg_cut_2"] == result["ndcg(k=2)"]
    assert result["auc(bits=12)"] == result["roc_auc(bits=12)"]
    assert result["loss"] == evaluate(["log_loss"])["log_loss"]


def test_values_by_name_and_slice(result):
    assert result["auc", {}] == result["auc"]
    assert result["auc", {"c": "DE"}] == 1.0
    assert result["roc_auc", {"c": "FR"}] == 0.5
    assert result["auc", {"c": None}] == 0.0
    assert result["auc", {"n": 1, "c": "DE"}] == result["auc", {"c": "DE", "n": 1}] == 1.0
    assert math.isnan(result["auc", {"c": "FR", "n": 1}])


@pytest.mark.parametrize(
    ("key", "message"),
    [
        ("ndgc@2", "the result has no metric 'ndgc@2'; it has ndcg@2"),
        ("ndcg@3", "the result has no metric 'ndcg@3'; it has ndcg@2"),
        ("aucs", "the result has no metric 'aucs'; it has auc, auc(bits=12)"),
        ("zzz", "the result has no metric 'zzz'; it has auc, ndcg@2, auc(bits=12), loss"),
        ("auc(bits=20)", "the result has no metric 'auc(bits=20)'; it has auc, auc(bits=12)"),
        ("log_loss(eps=0.1)", "the result has no metric 'log_loss(eps=0.1)'; it has loss"),
        (("auc", {"c": "IT"}), "the result has no slice {'c': 'IT'}; its slice columns: c, n"),
        (("auc", {"d": "IT"}), "the result has no slice {'d': 'IT'}; its slice columns: c, n"),
        (("auc", {"n": 1}), "the result has no slice {'n': 1}; its slice columns: c, n"),
    ],
)
def test_keys_that_are_not_there(result, key, message):
    with pytest.raises(KeyError) as caught:
        result[key]
    assert isinstance(caught.value, fr.FastrankError)
    assert str(caught.value) == message


def test_several_cutoffs_are_no_key():
    found = evaluate(["ndcg@1,2"])
    with pytest.raises(KeyError, match="ndcg@1"):
        found["ndcg@2,3"]


def test_several_models():
    found = evaluate(["auc", "ndcg@2", m.auc(score="p2", name="second")], score=["p", "p2"], by="c")
    assert found["auc"] == {"p": evaluate()["auc"], "p2": evaluate(score="p2")["auc"]}
    assert found["nDCG@2", {"c": "DE"}] == {"p": 1.0, "p2": 1 / math.log2(3)}
    assert found["second"] == evaluate(score="p2")["auc"]
    assert found.table["model"].to_pylist() == ["p", "p2", "p", "p2", None] * 4
    assert evaluate(["auc"], score=["p"])["auc"] == evaluate(["auc"])["auc"]


def test_the_table(result):
    table = result.table
    floats, others = (
        ["value", "bound_lower", "bound_upper", "ci_lower", "ci_upper"],
        {"metric": pa.string(), "exact": pa.bool_(), "grouping": pa.string()},
    )
    names = ["c", "n", "grouping", "metric", *floats[:3], "exact", *floats[3:], *COUNTS]
    assert table.column_names == names
    types = {
        "c": pa.string(),
        "n": pa.int64(),
        **dict.fromkeys(floats, pa.float64()),
        **dict.fromkeys(COUNTS, pa.int64()),
        **others,
    }
    assert {field.name: field.type for field in table.schema} == types
    assert len(result) == table.num_rows == 4 * (1 + 3 + 4)
    # The overall row, then each grouping in the order of its keys, nulls last.
    keys = list(zip(table["c"].to_pylist(), table["n"].to_pylist(), strict=True))[::4]
    combined = [("DE", 1), ("FR", 1), ("FR", 2), (None, 2)]
    assert keys == [(None, None), ("DE", None), ("FR", None), (None, None), *combined]
    overall = {row["metric"]: row for row in table.slice(0, 4).to_pylist()}
    assert list(overall) == ["auc", "ndcg@2", "auc(bits=12)", "loss"]
    said = {"metric": "auc", "value": 3.5 / 9, "exact": True, "rows": 6, "rows_dropped": 0, "undefined": 0}
    assert overall["auc"] == {**dict.fromkeys(names), **said, "grouping": ""}
    assert table["grouping"].to_pylist()[4::4] == ["c"] * 3 + ["c, n"] * 4
    ndcg = overall["ndcg@2"]
    assert [ndcg[name] for name in COUNTS] == [6, 0, None, None, 0, 0, 0, 3, 0, None, None, 0, 0, 1, 1, 0]
    assert overall["loss"]["rows_clipped"] == 1
    bits = overall["auc(bits=12)"]
    assert bits["bound_lower"] <= overall["auc"]["value"] <= bits["bound_upper"]
    assert bits["exact"] == (bits["bound_lower"] == bits["bound_upper"])
    assert result.to_dict() is not result.to_dict()
    assert repr(result.to_dict()) == repr(table.to_pydict())


def test_undefined_is_nan_and_counted(result):
    undefined = [row for row in result.table.to_pylist() if row["metric"] == "auc" and math.isnan(row["value"])]
    assert {(row["c"], row["n"], row["undefined"]) for row in undefined} == {("FR", 1, 1), ("FR", 2, 1)}


@pytest.mark.parametrize("name", ["metric", "value", "rows", "model", "exact", "grouping"])
def test_slice_columns_called_as_columns_of_the_table_are_refused(name):
    # The table would have two columns of one name, or lose one of them.
    with pytest.raises(fr.FastrankError, match=f"'{name}' is the name of a column of the result; rename it"):
        fr.evaluate({**ROWS, name: ROWS["c"]}, "auc", **OPTIONS, by=name)


def test_other_libraries_read_it(result):
    wanted = repr(result.to_dict())
    assert repr(pa.table(result).to_pydict()) == wanted
    assert repr(result.to_polars().to_dict(as_series=False)) == wanted
    assert repr(polars.DataFrame(result).to_dict(as_series=False)) == wanted
    frame = result.to_pandas()
    assert isinstance(frame, pandas.DataFrame)
    assert list(frame.columns) == result.table.column_names
    assert frame["value"][0] == result["auc"]
    assert duckdb.sql("select value from result where metric = 'auc' and c = 'DE' and n is null").fetchall() == [(1.0,)]
    assert duckdb.sql("select count(*) from result").fetchall() == [(len(result),)]


def test_printing(result):
    text = str(result)
    assert repr(result) == text
    lines = text.splitlines()
    assert len(lines) == 1 + len(result)
    assert lines[0].split()[:4] == ["c", "n", "metric", "value"]
    # Overall rows have no key, and a null key is told from that.
    assert lines[1].split()[:2] == ["auc", "0.3888888888888889"]
    assert lines[5].split()[:2] == ["DE", "auc"]
    assert sum(line.startswith("null") for line in lines) == 8
    for value in result.table["value"].to_pylist():
        assert ("NaN" if math.isnan(value) else repr(value)) in text
    # Columns that say nothing are left out.
    assert "rows_dropped" not in lines[0]
    assert "queries_tied" in lines[0]
    assert not any(line.endswith(" ") for line in lines)


def test_html(result):
    page = result._repr_html_()
    assert page.startswith("<pre")
    assert page.endswith("</pre>")
    text = html.unescape(re.sub(r"<[^>]+>", "", page))
    assert [line.rstrip() for line in text.splitlines() if line.strip()] == str(result).splitlines()


def test_names_are_shown_as_they_are():
    found = fr.evaluate(
        {**ROWS, "c": ["[b]", "[b]", "<i>", "<i>", "&", "&"]}, m.auc(name="[red]auc[/red] <b>"), **OPTIONS, by="c"
    )
    for text in ("[b]", "<i>", "&", "[red]auc[/red] <b>"):
        assert text in str(found)
        assert html.escape(text, quote=False) in found._repr_html_()


def test_the_table_behind_a_metric():
    rows = {"q": [1, 1, 2, 2], "s": [0.9, 0.5, 0.8, 0.1], "t": [0.1, 0.5, 0.1, 0.8], "g": ["a", "b", "b", "a"]}
    result = fr.evaluate(rows, ["exposure(group=g)@1", "mrr(label=q)"], score=["s", "t"], query="q", by="q")
    # The first row of query 1 is of group a under s, of b under t; that of query 2 the other way round.
    curve = result.curve("exposure(group=g)@1", {"q": 1}, model="s")
    assert curve.to_pydict() == {"group": ["a", "b"], "exposure": [1.0, 0.0], "share": [1.0, 0.0]}
    assert result.curve("exposure(group=g)@1", model="t")["share"].to_pylist() == [0.5, 0.5]
    with pytest.raises(fr.FastrankError, match=r"name one \(model=\) of s, t"):
        result.curve("exposure(group=g)@1")
    with pytest.raises(KeyError, match="is a number only; it has no curve"):
        result.curve("mrr(label=q)", model="s")


def test_curves_of_models_that_are_not_there():
    one, two = evaluate(["auc", "roc_curve"]), evaluate(["auc", "roc_curve"], score=["p", "p2"])
    for found in (one, two):
        with pytest.raises(KeyError, match="'auc' is a number only; it has no curve"):
            found.curve("auc")
    with pytest.raises(KeyError, match=r"there is one model: leave out model='p'"):
        one.curve("roc_curve", model="p")
    with pytest.raises(KeyError, match=r"'roc_curve' has a curve for each model: name one \(model=\) of p, p2"):
        two.curve("roc_curve", model="p3")
