"""States as tables: their shape, what may be merged, what is refused, and what may be asked of them later."""

from __future__ import annotations

import json
import pickle
from collections.abc import Callable

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet
import pytest
from helpers import frozen

import fastrank as fr
from fastrank.errors import ParameterError, SourceError, StateMismatchError

METRICS = ["auc", "auc(bits=12)", "log_loss", "ndcg@2"]
OPTIONS = {"label": "y", "score": "p", "query": "q", "by": "c"}
KINDS = ["score_runs", "score_histogram", "exact_sum", "exact_sum", "list_sums", "query_stream"]


def rows(first_query: int = 0, countries: str = "abab", labels: tuple = (0, 1, 0, 1)) -> pa.RecordBatch:
    queries = [first_query, first_query, first_query + 1, first_query + 2]
    return pa.record_batch({"y": list(labels), "p": [0.125, 0.75, 0.5, 0.375], "q": queries, "c": list(countries)})


def evaluator(*batches: pa.RecordBatch, metrics=METRICS, **options) -> fr.Evaluator:
    made = fr.Evaluator(metrics, **{**OPTIONS, **options})
    for batch in batches:
        made.update(batch)
    return made


def state(**options) -> pa.Table:
    """A state that shares no query with that of rows()."""
    return evaluator(rows(10, "bcbd", (1, 1, 0, 0)), **options).state()


def kind_of(name: str) -> str:
    return json.loads(name)["kind"] if name.startswith("{") else name


def column(table: pa.Table, kind: str, term: str | None = None) -> str:
    return next(
        n for n in table.column_names if kind_of(n) == kind and term in (None, json.loads(n)["parameters"].get("term"))
    )


# ---------------------------------------------------------------------------------------------------------------------
# Shape


def test_a_state_has_a_row_for_each_slice_the_overall_one_first():
    table = evaluator(rows()).state()
    assert isinstance(table, pa.Table)
    assert table.select(["grouping", "c"]).to_pydict() == {"grouping": [0, 1, 1], "c": [None, "a", "b"]}
    assert table.schema.field("grouping").type == pa.int32()
    assert sorted(kind_of(name) for name in table.column_names[2:]) == sorted(KINDS)
    about = json.loads(table.schema.metadata[b"fastrank.state"])
    assert about == {
        "format": 2, "groupings": [["c"]], "negatives": {"y": 0}, "fastrank": fr.__version__,
        "metrics": [{"metric": metric} for metric in METRICS],
        "arguments": {"label": "y", "score": ["p"], "query": "q", "on_invalid": "raise", "queries": "adjacent",
                      "max_slices": 10_000, "other_slices": False},
    }  # fmt: skip
    identity = json.loads(column(table, "exact_sum", "log_loss"))
    assert identity == {
        "kind": "exact_sum", "version": 2, "parameters": {"term": "log_loss", "constants": [2.0**-52]},
        "inputs": {"label": "y", "score": "p"}, "where": [], "valid": None,
    }  # fmt: skip
    for name in table.column_names[2:-1]:
        assert pa.types.is_struct(table.schema.field(name).type)
        # The first and the last query may go on elsewhere: they wait in the stream, in no sum yet.
        if kind_of(name) != "query_stream":
            count = [1, 1, 0] if kind_of(name) == "list_sums" else [4, 2, 2]
            assert pc.struct_field(table[name], "rows").to_pylist() == count


def test_slices_of_several_groupings():
    table = evaluator(rows(), metrics="auc", by=[["c"], ["y", "c"], ["y"]]).state()
    assert table.column_names[:3] == ["grouping", "c", "y"]
    keys = [tuple(row.values()) for row in table.select(["grouping", "c", "y"]).to_pylist()]
    assert keys[0] == (0, None, None)
    assert set(keys[1:]) == {(1, "a", None), (1, "b", None), (2, "a", 0), (2, "b", 1), (3, None, 0), (3, None, 1)}
    assert len(keys) == 7


def test_metrics_that_need_the_same_share_an_accumulator():
    metrics = ["log_loss", "nce", "nce(background=0.25)", "calibration_ratio", fr.metrics.log_loss(name="again")]
    kinds = [json.loads(name)["parameters"]["term"] for name in evaluator(metrics=metrics).state().column_names[2:]]
    assert sorted(kinds) == ["label", "log_loss", "score", "weight"]


@pytest.mark.parametrize("way", ["table", "evaluator", "ipc", "parquet", "chunks", "pickle"])
def test_states_with_different_slices_merge_whatever_way_they_took(way, tmp_path):
    left, right = rows(0, "abab"), rows(10, "bcbd", (1, 1, 0, 0))
    other = evaluator(right)
    if way == "ipc":
        other.save_state(tmp_path / "state.arrow")
        other = pa.ipc.open_file(tmp_path / "state.arrow").read_all()
    elif way == "parquet":
        pyarrow.parquet.write_table(other.state(), tmp_path / "state.parquet")
        other = pyarrow.parquet.read_table(tmp_path / "state.parquet")
    elif way == "chunks":
        other = pa.concat_tables([other.state().slice(0, 1), other.state().slice(1, 2), other.state().slice(3)])
    else:
        other = {"table": other.state, "evaluator": lambda: other, "pickle": lambda: pickle.loads(pickle.dumps(other))}[
            way
        ]()
    merged = evaluator(left)
    merged.merge(other)
    assert str(merged.result()) == str(evaluator(left, right).result())
    assert set(merged.result().table["c"].to_pylist()) == {None, "a", "b", "c", "d"}


def test_merging_does_not_change_the_other():
    other = evaluator(rows(10))
    before = frozen(other.state())
    merged = evaluator(rows())
    merged.merge(other)
    merged.update(rows(20))
    assert other.state().equals(before)


def test_a_state_does_not_change_when_updating_goes_on():
    mine = evaluator(rows())
    table = mine.state()
    before = frozen(table)
    mine.update(rows(20))
    mine.merge(evaluator(rows(40)))
    assert table.equals(before)


# ---------------------------------------------------------------------------------------------------------------------
# Refused, with the old result left as it was


def refused(other: object, message: str, *, missing: str = "error", **options) -> None:
    mine = evaluator(rows(), **options)
    before, table = str(mine.result()), frozen(mine.state())
    with pytest.raises(StateMismatchError, match=message):
        mine.merge(other, missing=missing)
    assert str(mine.result()) == before
    assert mine.state().equals(table)
    mine.update(rows(30))
    assert str(mine.result()) == str(evaluator(rows(), rows(30), **options).result())


@pytest.mark.parametrize("other", [None, 5, {"a": 1}, state().to_batches()[0]], ids=["None", "int", "dict", "batch"])
def test_no_table(other):
    refused(other, f"^a state is a pyarrow.Table, not {type(other).__name__}$")


def test_a_state_may_be_named_by_its_path(tmp_path):
    evaluator(rows(10)).save_state(tmp_path / "state.arrow")
    merged = evaluator(rows())
    merged.merge(tmp_path / "state.arrow")
    assert str(merged.result()) == str(evaluator(rows(), rows(10)).result())
    (tmp_path / "text.arrow").write_text("no Arrow file")
    refused(str(tmp_path / "text.arrow"), "text.arrow is no state of fastrank: ")
    with pytest.raises(SourceError, match=r"none\.arrow cannot be read: "):
        merged.merge(tmp_path / "none.arrow")


def test_foreign_tables():
    refused(
        pa.table({"auc": [0.5]}), "^the table is no state of fastrank: its schema lacks the metadata 'fastrank.state'$"
    )
    refused(state().replace_schema_metadata(None), "^the table is no state of fastrank")


@pytest.mark.parametrize("by", [None, [["c"], ["y"]], ["y"], ["c", "y"]])
def test_other_slice_columns(by):
    refused(state(by=by), r"^the states are sliced differently: by=\[\['c'\]\] here, by=\[.*\] there$")


def test_another_type_of_slices_is_a_mismatch():
    batch = rows(10).drop_columns(["c"]).append_column("c", pa.array([1, 2, 3, 4]))
    for missing in ("error", "drop"):
        other = evaluator(batch, metrics=METRICS if missing == "error" else ["auc"])
        refused(other, "^slice column 'c' is of type string here, of type int64 there$", missing=missing)


def test_an_accumulator_that_one_side_lacks():
    refused(state(metrics=["auc"]), r'^the other state lacks .*missing="drop" \(--missing drop\) keeps what both have$')
    refused(state(), r'^this state lacks .*missing="drop" \(--missing drop\) keeps what both have$', metrics=["auc"])
    refused(state(metrics=["auc"], score="y"), "^the states have no metric in common$", missing="drop")
    # What they share is the sum of weights, of which no metric is made.
    refused(state(metrics=["mse"], label="p"), "in common$", missing="drop")
    with pytest.raises(ParameterError, match=r'^missing=\'keep\'; allowed: "error", "drop"$'):
        evaluator().merge(state(), missing="keep")


def test_dropping_what_one_side_lacks():
    mine = evaluator(rows())
    mine.merge(state(metrics=["log_loss", "auc", "brier"]), missing="drop")
    both = evaluator(rows(), rows(10, "bcbd", (1, 1, 0, 0)), metrics=["auc", "log_loss"])
    assert str(mine.result()) == str(both.result())
    assert mine.state().column_names == both.state().column_names
    mine.update(rows(20))
    mine.merge(both.state())
    with pytest.raises(StateMismatchError, match=r"^ndcg@2 reads .* which the state does not hold$"):
        mine.result(["ndcg@2"])


@pytest.mark.parametrize(
    "make", [lambda: evaluator(rows(2)), lambda: evaluator(rows()).state(), lambda: evaluator(rows(1)).state()]
)
def test_a_query_in_both_states(make):
    mine = evaluator(rows(), rows(3))
    before = str(mine.result())
    with pytest.raises(
        StateMismatchError, match=r"^column 'q' \(query\): a query has rows in both states, .* split the source"
    ):
        mine.merge(make())
    try:
        assert str(mine.result()) == before
    except fr.FastrankError as error:
        assert "merge failed half-way" in str(error)  # noqa: PT017  (either is right)


def change(name: str, field: str, edit: Callable) -> Callable[[pa.Table], pa.Table]:
    """Replaces a field of an accumulator."""

    def apply(table: pa.Table) -> pa.Table:
        key = column(table, *name.split(":"))
        struct = table[key].combine_chunks()
        children = {f.name: struct.field(f.name) for f in struct.type}
        children[field] = edit(children[field])
        return put(table, key, pa.StructArray.from_arrays(list(children.values()), list(children)))

    return apply


def put(table: pa.Table, name: str, array: pa.Array) -> pa.Table:
    return table.set_column(table.column_names.index(name), name, array)


def about(**changes) -> Callable[[pa.Table], pa.Table]:
    return lambda table: table.replace_schema_metadata(
        {"fastrank.state": json.dumps({**json.loads(table.schema.metadata[b"fastrank.state"]), **changes})}
    )


def rename(old: str, new: str) -> Callable[[pa.Table], pa.Table]:
    def apply(table: pa.Table) -> pa.Table:
        assert any(old in name for name in table.column_names)
        renamed = table.rename_columns([name.replace(old, new) for name in table.column_names])
        return renamed.replace_schema_metadata(table.schema.metadata)

    return apply


def in_lists(edit: Callable) -> Callable[[pa.Array], pa.Array]:
    return lambda array: pa.array([edit(entry) for entry in array.to_pylist()], array.type)


def digits(at: int, value: int) -> Callable[[pa.Array], pa.Array]:
    def edit(array: pa.Array) -> pa.Array:
        words = np.array(array.flatten())
        words[at] = value
        return pa.FixedSizeListArray.from_arrays(pa.array(words), array.type.list_size)

    return edit


def without(name: str) -> Callable[[pa.Table], pa.Table]:
    return lambda table: table.drop_columns([column(table, *name.split(":")) if ":" in name or name in KINDS else name])


SLICE = "^the state is damaged: a slice stands in it twice, or .*the overall row"
SOME = "^the state is damaged: "
DAMAGED: dict[str, tuple[str, Callable[[pa.Table], pa.Table]]] = {
    "no grouping": ("^the state is damaged: .*no column 'grouping'", without("grouping")),
    "no slice column": ("^the state is damaged: .*no column 'c'", without("c")),
    "no accumulator": ("^the other state lacks ", without("score_runs")),
    "no query stream": ("query_stream", without("query_stream")),
    "no rows": ("^the state is damaged: .*(no rows|is empty)", lambda table: table.slice(0, 0)),
    "no overall row": (SLICE, lambda table: table.slice(1)),
    "a row twice": (SLICE, lambda table: pa.concat_tables([table, table.slice(2, 1)])),
    "grouping of another type": (
        "^the state is damaged: .*grouping",
        lambda t: put(t, "grouping", t["grouping"].cast("int64")),
    ),
    "grouping of text": (
        "^the state is damaged: .*grouping",
        lambda t: put(t, "grouping", t["grouping"].cast("string")),
    ),
    "grouping null": (SOME, lambda t: put(t, "grouping", pa.array([0, None, 1, 1], pa.int32()))),
    "grouping out of range": (
        "^the state is damaged: .*grouping",
        lambda t: put(t, "grouping", pa.array([0, 1, 1, 2], pa.int32())),
    ),
    "no struct": (SOME, lambda t: put(t, column(t, "score_runs"), pa.array([1, 2, 3, 4]))),
    "null struct": (
        "is empty or has nulls$",
        lambda t: put(t, n := column(t, "score_runs"), pa.nulls(4, t.schema.field(n).type)),
    ),
    "null stream": (
        "is empty or has nulls$",
        lambda t: put(t, n := column(t, "query_stream"), pa.nulls(4, t.schema.field(n).type)),
    ),
    "no stream": (
        "^the state is damaged: .*query_stream",
        lambda t: put(t, column(t, "query_stream"), pa.array([1, 2, 3, 4])),
    ),
    "field of floats": ("'rows', is of type double", change("exact_sum:log_loss", "rows", lambda a: a.cast("float64"))),
    "field with nulls": (
        "'rows', .*has nulls",
        change("exact_sum:weight", "rows", lambda a: pa.array([None, 1, 1, 1], a.type)),
    ),
    "negative rows": (
        "^the state is damaged: .*'rows'",
        change("exact_sum:weight", "rows", lambda a: pa.array([-1] * 4, a.type)),
    ),
    "negative digit": (
        "^the state is damaged: .*, field 'digits', ",
        change("exact_sum:log_loss", "digits", digits(5, -3)),
    ),
    "large digit": (
        "^the state is damaged: .*, field 'weight_digits', ",
        change("list_sums", "weight_digits", digits(70, 1 << 32)),
    ),
    "few digits": (
        SOME,
        change(
            "exact_sum:log_loss", "digits", lambda a: pa.FixedSizeListArray.from_arrays(a.flatten().slice(0, 40), 10)
        ),
    ),
    "keys out of order": (
        "the keys of .* do not ascend$",
        change("score_runs", "keys", in_lists(lambda keys: keys[::-1])),
    ),
    "keys twice": (
        "the keys of .* do not ascend$",
        change("score_runs", "keys", in_lists(lambda keys: keys[:1] * len(keys))),
    ),
    "few keys": ("the lists of .* differ in length$", change("score_runs", "keys", in_lists(lambda keys: keys[1:]))),
    "null keys": ("'keys', .*has nulls$", change("score_runs", "keys", in_lists(lambda keys: [None] * len(keys)))),
    "cells out of order": ("do not ascend$", change("score_histogram", "cells", in_lists(lambda cells: cells[::-1]))),
    "cells past the end": (SOME, change("score_histogram", "cells", in_lists(lambda c: [n + 4096 for n in c]))),
    "open rows": (SOME, change("query_stream", "open_rows", in_lists(lambda data: [0] * len(data)))),
    "open rows cut": (SOME, change("query_stream", "open_rows", in_lists(lambda data: data[: len(data) // 2]))),
    "open bytes": (SOME, change("query_stream", "open_bytes", in_lists(lambda sizes: [n + 8 for n in sizes]))),
    "newer format": (
        "^the state has format 3, this version of fastrank reads formats up to 2: a newer ",
        about(format=3),
    ),
    "no format": (SOME, lambda t: t.replace_schema_metadata({"fastrank.state": "{}"})),
    "metadata no JSON": (SOME, lambda t: t.replace_schema_metadata({"fastrank.state": "\0"})),
    "metadata a list": (SOME, lambda t: t.replace_schema_metadata({"fastrank.state": "[]"})),
    "groupings of another column": ("^the state(s are sliced| is damaged)", about(groupings=[["z"]])),
    "groupings no lists": ("^the state(s are sliced| is damaged)", about(groupings=7)),
    "unknown kind": ("^the state holds 'score_walks' of version 1, which", rename('"score_runs"', '"score_walks"')),
    "newer kind": (
        "^the state holds 'score_runs' of version 2, which",
        rename('"score_runs","version":1', '"score_runs","version":2'),
    ),
    "unknown parameter": (SOME, rename('"bits":12', '"bytes":12')),
    "column of another": (SOME, lambda t: t.append_column("extra", pa.array([1, 2, 3, 4]))),
    "column twice": (SOME, lambda t: t.append_column(n := column(t, "score_runs"), t[n])),
}


@pytest.mark.parametrize("damage", DAMAGED)
def test_damaged_tables(damage):
    message, apply = DAMAGED[damage]
    refused(apply(state()), message)


@pytest.mark.parametrize("damage", [name for name, (message, _) in DAMAGED.items() if message == SOME])
def test_what_is_damaged_is_said_in_words(damage):
    with pytest.raises(StateMismatchError) as caught:
        evaluator(rows()).merge(DAMAGED[damage][1](state()))
    for phrase in (
        "out of range",
        "no attribute",
        "indices must be",
        "Expecting value",
        "cannot reshape",
        "out of bounds",
        "not iterable",
    ):
        assert phrase not in str(caught.value)
    assert not str(caught.value).endswith("'")
