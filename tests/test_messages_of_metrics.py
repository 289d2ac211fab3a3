"""What a user reads who leaves out a column, or gives it in the wrong way."""

from __future__ import annotations

import re

import pytest

import fastrank as fr
from fastrank import metrics
from fastrank.errors import ParameterError

ROWS = {"q": [1, 1], "y": [0, 1], "s": [0.5, 0.5], "i": ["a", "b"]}
LISTS = {"q": [1], "shown": [["a", "b"]]}


@pytest.mark.parametrize(
    ("source", "metric", "roles", "message"),
    [
        (ROWS, "mrr", {"score": "s", "query": "q"}, "name it (label=, --label), or give judgments (qrels=, --qrels)"),
        (ROWS, "auc", {"score": "s"}, "auc needs a label column: name it (label=, --label)"),
        (LISTS, "mrr", {"query": "q", "ranking": "shown"}, "name a column of lists of relevant ids (relevant=)"),
        (ROWS, "coverage", {"score": "s", "query": "q"}, "coverage needs an item column"),
        (
            ROWS,
            "mrr(preset=replay)",
            {"label": "y", "score": "s", "query": "q"},
            "item column (ties=item_desc): name it",
        ),
    ],
)
def test_a_missing_column(source, metric, roles, message):
    with pytest.raises(ParameterError, match=re.escape(message)):
        fr.evaluate(source, [metric], **roles)


def test_parameters_are_given_by_name():
    with pytest.raises(ParameterError, match=re.escape("ndcg takes its parameters by name, as in ndcg(k=10)")):
        metrics.ndcg(10)


def test_empty_judgments():
    with pytest.raises(ParameterError, match="the dict is empty; give at least one column, or one query"):
        fr.evaluate({"q": {"a": 1.0}}, ["mrr"], qrels={})


def test_nan_in_a_csv_file_is_null(tmp_path):
    (tmp_path / "rows.csv").write_text("q,y,s\n1,0,NaN\n1,1,0.5\n1,NaN,0.1\n")
    result = fr.evaluate(tmp_path / "rows.csv", ["num_ret", "num_rel"], label="y", score="s", query="q")
    assert [result[name] for name in ("num_ret", "num_rel")] == [2.0, 1.0]


def test_nan_in_a_pandas_frame_is_null():
    pandas = pytest.importorskip("pandas")
    nan = float("nan")
    frame = pandas.DataFrame({"q": [1, 1, 1], "y": [0.0, nan, 1.0], "s": [0.5, 0.9, nan]})
    result = fr.evaluate(frame, ["num_ret", "num_rel", "mrr"], label="y", score="s", query="q")
    assert [result[name] for name in ("num_ret", "num_rel", "mrr")] == [2.0, 1.0, 0.0]
