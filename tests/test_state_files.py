"""Files of states: what they say of themselves, and that a damaged one is refused."""

from __future__ import annotations

import json
import os
import random

import pyarrow as pa
import pyarrow.compute as pc
import pytest

import fastrank as fr
from fastrank import metrics as m
from fastrank import wire
from fastrank.errors import SourceError, StateMismatchError
from fastrank.evaluator import Evaluator

OPTIONS = {"label": "y", "score": "p", "query": "q", "by": "c"}


def rows(first_query: int = 0) -> pa.RecordBatch:
    queries = [first_query, first_query, first_query + 1, first_query + 2]
    return pa.record_batch(
        {"y": [0, 1, 0, 1], "p": [0.125, 0.75, 0.5, 0.375], "q": queries, "c": list("abab"), "w": [2.0, 2.0, 0.5, 1.0]}
    )


def made(metrics, *batches, **options) -> fr.Evaluator:
    evaluator = fr.Evaluator(metrics, **{**OPTIONS, **options})
    for batch in batches or (rows(), rows(10)):
        evaluator.update(batch)
    return evaluator


def answers(evaluator: fr.Evaluator) -> str:
    """As text, in which NaN is equal to NaN."""
    return str(evaluator.result().table.to_pylist())


# ---------------------------------------------------------------------------------------------------------------------
# A file says of what it is


@pytest.mark.parametrize(
    ("metrics", "options"),
    [
        (["auc", "auc(bits=14)", "ndcg(gain=exp2)@3", "mrr@2"], {}),
        ([m.auc(label="q", where="q < 2", name="mine"), "log_loss(eps=0.25)"], {"where": "p > 0.25"}),
        (["log_loss"], {"where": pc.field("p") > 0.25}),
        ([m.brier(where=(pc.field("c") == "a") & (pc.field("q") < 11))], {"on_invalid": "drop"}),
        (["log_loss", "auc"], {"class_weight": {1: 2.5, 0: 0.5}}),
        (["log_loss"], {"negative_downsampling": 0.25}),
        (["auc", "mrr"], {"score": ["p", "q"], "by": [["c"], ["y", "c"]]}),
        (["ndcg(gain={0: 0, 1: 3})@2", "map"], {"queries": "scattered", "query_weight": "w"}),
        (["iprec(0.1)", "recall(no_relevant=one)@1,5"], {"by": None, "weight": "p"}),
    ],
)
def test_an_evaluator_is_made_again_from_a_file(tmp_path, metrics, options):
    evaluator = made(metrics, **options)
    evaluator.save_state(tmp_path / "state.arrow")
    again = Evaluator.like(tmp_path / "state.arrow")
    again.merge(tmp_path / "state.arrow")
    assert answers(again) == answers(evaluator)
    assert again.state().schema.equals(evaluator.state().schema, check_metadata=True)
    again.update(rows(20))
    evaluator.update(rows(20))
    assert answers(again) == answers(evaluator)


def doubled(label, score):
    return 2 * label * score


def gain(label):
    return 3 * label


@pytest.mark.parametrize("metric", [m.mean_of(doubled), m.ndcg(gain=gain)])
def test_functions_have_to_be_given_again(tmp_path, metric):
    evaluator = made([metric, "auc"])
    evaluator.save_state(tmp_path / "state.arrow")
    with pytest.raises(StateMismatchError, match=r"state.arrow: .* no state holds functions: give the metrics"):
        Evaluator.like(tmp_path / "state.arrow")
    again = Evaluator.like(tmp_path / "state.arrow", [metric])
    again.merge(tmp_path / "state.arrow")
    assert again.result()[metric.name] == evaluator.result()[metric.name]


def test_judgments_have_to_be_given_again(tmp_path):
    qrels = {"u": {"a": 1, "b": 0}, "v": {"a": 0, "b": 1}}
    evaluator = fr.Evaluator("ndcg", qrels=qrels)
    evaluator.update(pa.record_batch({"query": ["u", "u"], "item": ["a", "b"], "score": [0.5, 0.75]}))
    evaluator.save_state(tmp_path / "state.arrow")
    with pytest.raises(StateMismatchError, match=r"judgments, which it does not hold: give them \(qrels=\)$"):
        Evaluator.like(tmp_path / "state.arrow")
    again = Evaluator.like(tmp_path / "state.arrow", qrels=qrels)
    again.merge(tmp_path / "state.arrow")
    assert answers(again) == answers(evaluator)


def test_states_of_format_1_do_not_say(tmp_path):
    state = made("auc").state()
    about = json.loads(state.schema.metadata[b"fastrank.state"])
    old = {"format": 1, "groupings": about["groupings"], "negatives": about["negatives"]}
    with pytest.raises(StateMismatchError, match=r"^the state is of format 1, which does not say which metrics"):
        Evaluator.like(state.replace_schema_metadata({"fastrank.state": json.dumps(old)}))


# ---------------------------------------------------------------------------------------------------------------------
# Written in parts


def test_many_slices_are_written_some_at_a_time(tmp_path, monkeypatch):
    evaluator = made(["auc", "auc(bits=12)", "log_loss", "ndcg@2"], by=[["c"], ["y"], ["q"]])
    whole = evaluator.state()
    monkeypatch.setattr(wire, "_BATCH_BYTES", 2000)
    evaluator.save_state(tmp_path / "state.arrow")
    with pa.OSFile(str(tmp_path / "state.arrow")) as file:
        reader = pa.ipc.open_file(file)
        assert reader.num_record_batches > 3
        assert reader.read_all().combine_chunks().equals(whole.combine_chunks(), check_metadata=True)
    again = Evaluator.like(tmp_path / "state.arrow")
    again.merge(tmp_path / "state.arrow")
    assert again.state().equals(whole)
    scattered = made("ndcg@2", queries="scattered", by="q")
    assert scattered.state().column(0).num_chunks > 1
    again = Evaluator.like(scattered.state())
    again.merge(scattered.state())
    assert answers(again) == answers(scattered)


# ---------------------------------------------------------------------------------------------------------------------
# Damage


@pytest.fixture(scope="module")
def saved(tmp_path_factory) -> tuple[bytes, str]:
    evaluator = made(["auc", "brier", "ndcg@2"])
    path = tmp_path_factory.mktemp("states") / "state.arrow"
    evaluator.save_state(path)
    return path.read_bytes(), answers(evaluator)


def load(path) -> str:
    evaluator = Evaluator.like(path)
    evaluator.merge(path)
    return answers(evaluator)


def refused(path, data: bytes) -> None:
    path.write_bytes(data)
    with pytest.raises((StateMismatchError, SourceError)) as caught:
        load(path)
    assert str(path) in str(caught.value)


def test_a_flipped_bit_anywhere_is_refused(saved, tmp_path):
    data, _ = saved
    random_ = random.Random(1)
    # All of what says where the rest is, and some of the rest.
    places = {*range(16), *range(len(data) - 300, len(data)), *random_.sample(range(len(data)), 200)}
    for place in places:
        damaged = bytearray(data)
        damaged[place] ^= 1 << random_.randrange(8)
        refused(tmp_path / "state.arrow", bytes(damaged))


def test_a_file_that_ends_early_is_refused(saved, tmp_path):
    data, expected = saved
    for length in {0, 1, 6, 10, 48, *range(0, len(data), 211), *range(len(data) - 64, len(data))}:
        refused(tmp_path / "state.arrow", data[:length])
    refused(tmp_path / "state.arrow", data + b"\0")
    (tmp_path / "state.arrow").write_bytes(data)
    assert load(tmp_path / "state.arrow") == expected


def test_foreign_files_are_refused(saved, tmp_path):
    path = tmp_path / "foreign.arrow"
    with pa.ipc.new_file(path, rows().schema) as writer:
        writer.write_batch(rows())
    with pytest.raises(StateMismatchError, match=r"foreign.arrow: the table is no state of fastrank"):
        load(path)
    path.write_text("p,y\n1,0\n")
    with pytest.raises(StateMismatchError, match=r"foreign.arrow is no state of fastrank"):
        load(path)
    with pytest.raises(SourceError, match=r"foreign cannot be read: "):
        load(tmp_path / "foreign")
    os.mkdir(tmp_path / "folder.arrow")  # noqa: PTH102
    with pytest.raises(SourceError, match=r"folder.arrow cannot be read: Is a directory"):
        load(tmp_path / "folder.arrow")


def test_a_file_without_its_checksum_is_refused(tmp_path):
    evaluator = made("auc")
    path = tmp_path / "state.arrow"
    with pa.ipc.new_file(path, evaluator.state().schema) as writer:
        writer.write_table(evaluator.state())
    with pytest.raises(StateMismatchError, match=r"state.arrow: the state is damaged: the file lacks its checksum"):
        load(path)
    with pa.OSFile(str(path)) as file:
        assert load(pa.ipc.open_file(file).read_all()) == answers(evaluator)


def test_offsets_that_lie_outside_are_refused(tmp_path):
    """As of a file of format 1, which had no checksum."""
    state = made("auc").state()
    name = next(name for name in state.column_names if "score_runs" in name)
    struct = state[name].combine_chunks()
    children = {field.name: struct.field(field.name) for field in struct.type}
    keys = children["keys"]
    offsets = pa.array([0, 1 << 40, *[len(keys.values)] * (len(keys) - 1)], pa.int64())
    buffers = [None, offsets.buffers()[1]]
    children["keys"] = pa.LargeListArray.from_buffers(keys.type, len(keys), buffers, children=[keys.values])
    struct = pa.StructArray.from_arrays(list(children.values()), list(children))
    with pytest.raises(StateMismatchError, match=r"^the state is damaged: its columns are not those of a state$"):
        made("auc").merge(state.set_column(state.column_names.index(name), name, struct))
