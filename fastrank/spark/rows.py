"""States as rows of a DataFrame, each of which can be merged by itself.

The state of a task is one row.  Where it holds many distinct scores, these stand in rows of their own: states that
hold nothing else, and add up to it with the first.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, NamedTuple

import pyarrow as pa

from fastrank.errors import StateMismatchError
from fastrank.spark.parts import parts_of
from fastrank.wire import read_description

if TYPE_CHECKING:
    from collections.abc import Iterator

    from fastrank.evaluator import Evaluator

__all__ = ["COLUMNS", "SCHEMA", "StateRow", "as_batch", "read_state", "rows_of", "state_tables"]

SCHEMA = pa.schema(
    [
        ("partition", pa.int32()),
        ("rows", pa.int64()),
        ("state", pa.binary()),
        ("specification", pa.string()),
        ("version", pa.string()),
    ]
)
COLUMNS = "partition int, rows bigint, state binary, specification string, version string"
_CODEC = "zstd"  # most of a state is zeros
# What a state says of itself that is not the same in all states of an evaluation, or stands in a column of its own.
_ELSEWHERE = ("format", "negatives", "fastrank")


class StateRow(NamedTuple):
    """A row of a DataFrame of states.

    Attributes
    ----------
    partition : int
        The number of the task.
    rows : int
        How many rows the task read; 0 in all rows of a task but the first.
    state : bytes
        The state, as an Arrow IPC stream.
    specification : str
        Metrics, columns and slices, as JSON.
    version : str
        The version of fastrank.
    """

    partition: int
    rows: int
    state: bytes
    specification: str
    version: str


def rows_of(evaluator: Evaluator, partition: int, rows: int) -> Iterator[StateRow]:
    """What a task has seen, as rows.

    Parameters
    ----------
    evaluator : Evaluator
        What the task fed.
    partition : int
        The number of the task.
    rows : int
        How many rows it read.
    """
    for table in parts_of(evaluator):
        yield _row_of(table, partition, rows)
        rows = 0


def _row_of(table: pa.Table, partition: int, rows: int) -> StateRow:
    about = read_description(table)
    specification = {name: value for name, value in about.items() if name not in _ELSEWHERE}
    sink = pa.BufferOutputStream()
    options = pa.ipc.IpcWriteOptions(compression=_CODEC if pa.Codec.is_available(_CODEC) else None)
    with pa.ipc.new_stream(sink, table.schema, options=options) as writer:
        writer.write_table(table)
    return StateRow(
        partition,
        rows,
        sink.getvalue().to_pybytes(),
        json.dumps(specification, sort_keys=True),
        about.get("fastrank", ""),
    )


def as_batch(row: StateRow) -> pa.RecordBatch:
    """A row as Spark takes it."""
    return pa.RecordBatch.from_pylist([row._asdict()], schema=SCHEMA)


def read_state(state: Any) -> pa.Table:
    """The state of a row; StateMismatchError where it is none."""
    try:
        return pa.ipc.open_stream(pa.py_buffer(state)).read_all()
    except (pa.ArrowException, TypeError, OSError) as error:
        reason = " ".join(str(error).split())
        raise StateMismatchError(f"column 'state' holds no state of fastrank: {reason}") from error


def state_tables(states: Any) -> Iterator[pa.Table]:
    """The states in rows that `fastrank.spark.states` gave, for `fastrank.merge_states`.

    Parameters
    ----------
    states : pyarrow.Table, Spark DataFrame, or path of files
        Rows as they are, or as Spark wrote them; whatever `fastrank.evaluate` reads.  Other columns do not matter.

    Yields
    ------
    pyarrow.Table
        One state at a time.

    Raises
    ------
    StateMismatchError
        A row holds no state.
    MissingColumnError, SourceError
        There is no column `state`, or the files cannot be read.

    Examples
    --------
    >>> import pyarrow as pa
    >>> import fastrank as fr
    >>> import fastrank.spark as frs
    >>> ev = fr.Evaluator("brier", label="y", score="p")
    >>> function = frs.state_function("brier", label="y", score="p")
    >>> rows = pa.Table.from_batches(function([pa.record_batch({"y": [0, 1], "p": [0.5, 0.5]})]))
    >>> fr.merge_states(frs.state_tables(rows)).result()["brier"]
    0.25
    """
    from fastrank.sources import open_source

    if hasattr(states, "toLocalIterator"):
        for row in states.select("state").toLocalIterator():
            yield read_state(row["state"])
        return
    for batch, _ in open_source(states).batches(["state"]):
        for value in batch.column(0):
            yield read_state(value.as_buffer() if value.is_valid else None)
