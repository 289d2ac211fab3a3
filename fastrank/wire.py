"""State <-> Arrow: see docs/states.md.

A state is a table with one row a slice, the overall row first.  Its columns: `grouping` (0: the overall row), the
slice columns, a struct column for each accumulator, and one for each query stream (queries that may go on in another
shard, and ids of finished ones, or all rows of scattered queries; in the overall row only).  The name of a struct
column is its identity as JSON.  The metadata of the schema say what the state is of.
"""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

from fastrank.accumulators.base import ACCUMULATORS, Accumulator, RowAccumulator
from fastrank.buffers import buffer_view, to_arrow
from fastrank.columns import join_batches
from fastrank.errors import StateMismatchError
from fastrank.grouping import HandOver, Piece, ScatteredRows
from fastrank.scattered import ScatteredQueries
from fastrank.seen import SeenIds
from fastrank.slices import Slices
from fastrank.state_files import read

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from numpy.typing import NDArray

    from fastrank.grouping import Queries

__all__ = [
    *("FORMAT", "STREAM_VERSION", "State", "from_table", "make_accumulator", "read_description", "read_table"),
    "to_batches",
]

FORMAT = 2  # 1 did not say which metrics and columns it is of, and its files had no checksum
_KEY = b"fastrank.state"
_STREAM = "query_stream"
STREAM_VERSION = 2  # 1 held each id of a finished query as a word
_STREAM_FIELDS = (
    ("seen", np.uint64),
    ("open", np.uint64),
    ("open_shards", np.uint64),
    ("open_bytes", np.uint64),
    ("open_rows", np.uint8),
)
_SCATTERED_FIELDS = (("shards", np.uint64), ("rows", np.uint8))
_BATCH_BYTES = 1 << 25  # of states that are copied at a time, so that saving takes little memory beside them


@dataclass(frozen=True)
class State:
    """The content of a state table; identities are JSON texts."""

    slices: Slices
    accumulators: dict[str, Accumulator]
    streams: dict[str, HandOver | ScatteredRows]
    negatives: Mapping[str, int]


def to_batches(
    slices: Slices,
    accumulators: Mapping[str, Accumulator],
    streams: Mapping[str, Queries],
    negatives: Mapping[str, int],
    description: Mapping[str, Any],
) -> Iterator[pa.RecordBatch]:
    """The state as record batches of some slices each, at least one.

    `negatives` holds the label of negative rows, 0 or -1, by column; `description` says what the state is of.
    """
    about = {"format": FORMAT, "groupings": slices.groupings, "negatives": dict(sorted(negatives.items()))}
    metadata = {_KEY: json.dumps({**about, **description}).encode()}
    # Not in the order in which slices were first seen, so that the table does not depend on the order of rows.
    for part, ragged in _parts(slices.display_order(), accumulators):
        columns: dict[str, pa.Array] = {"grouping": to_arrow(np.array([slices.keys[s][0] for s in part], np.int32))}
        for name in slices.column_names:
            columns[name] = slices.column(name, part)
        for identity, accumulator in accumulators.items():
            columns[identity] = _accumulator_column(accumulator, part, ragged[identity])
        for identity, stream in streams.items():
            columns[identity] = _stream_column(stream, part)
        schema = pa.schema([pa.field(name, array.type) for name, array in columns.items()], metadata)
        yield pa.RecordBatch.from_arrays(list(columns.values()), schema=schema)


Ragged = list[dict[str, "NDArray[Any]"]]  # of each of some slices


def _parts(
    order: Sequence[int], accumulators: Mapping[str, Accumulator]
) -> Iterator[tuple[list[int], dict[str, Ragged]]]:
    """Slices, as many at a time as make a batch, and their ragged state by identity."""
    fixed = sum(array[:1].nbytes for accumulator in accumulators.values() for array in accumulator.state.values())
    part: list[int] = []
    ragged: dict[str, Ragged] = {identity: [] for identity in accumulators}
    size = 0
    for s in order:
        if size >= _BATCH_BYTES:
            yield part, ragged
            part, ragged, size = [], {identity: [] for identity in accumulators}, 0
        part.append(s)
        size += fixed
        for identity, accumulator in accumulators.items():
            if accumulator.ragged:
                ragged[identity].append(accumulator.ragged_arrays(s))
                size += sum(array.nbytes for array in ragged[identity][-1].values())
    yield part, ragged


def _list_array(arrays: Sequence[NDArray[Any]], dtype: Any) -> pa.Array:
    offsets = np.cumsum([0, *(len(array) for array in arrays)]).astype(np.int64)
    values = np.concatenate([np.empty(0, dtype), *arrays]).astype(dtype, copy=False)
    return pa.LargeListArray.from_arrays(to_arrow(offsets), to_arrow(values))


def _accumulator_column(accumulator: Accumulator, order: Sequence[int], ragged: Ragged) -> pa.Array:
    names, children = [], []
    for name, field in accumulator.fields.items():
        # A copy: the table must not change when the accumulator goes on.
        values = to_arrow(accumulator.state[name].take(order, axis=0).reshape(-1))
        width = int(np.prod(field.shape, dtype=int))
        names.append(name)
        children.append(pa.FixedSizeListArray.from_arrays(values, width) if field.shape else values)
    for name, dtype in accumulator.ragged.items():
        names.append(name)
        children.append(_list_array([arrays[name] for arrays in ragged], dtype))
    return pa.StructArray.from_arrays(children, names)


def _stream_column(stream: Queries, order: Sequence[int]) -> pa.Array:
    fields = _SCATTERED_FIELDS if isinstance(stream, ScatteredQueries) else _STREAM_FIELDS
    arrays = _stream_arrays(stream) if 0 in order else ()
    children = []
    for j, (_, dtype) in enumerate(fields):
        nothing: list[NDArray[Any]] = [np.empty(0, dtype)] * (len(order) - len(arrays[j : j + 1]))
        children.append(_list_array([*arrays[j : j + 1], *nothing], dtype))
    return pa.StructArray.from_arrays(children, [name for name, _ in fields])


def _stream_arrays(stream: Queries) -> tuple[NDArray[Any], ...]:
    """What a stream holds, for the overall row."""
    if isinstance(stream, ScatteredQueries):
        kept = stream.joined_rows()
        data = b"" if kept is None else _as_ipc([kept])
        return np.array([stream.shards], np.uint64), np.frombuffer(data, np.uint8)
    handed_over = stream.hand_over()
    assert isinstance(handed_over, HandOver)
    open_, shards, seen = handed_over
    queries = sorted(open_)
    rows = [_as_ipc([piece.batch for piece in open_[query]]) for query in queries]
    return (
        seen.packed(),
        np.array(queries, np.uint64),
        np.array([shards[query] for query in queries], np.uint64),
        np.array([len(data) for data in rows], np.uint64),
        np.frombuffer(b"".join(rows), np.uint8),
    )


def _as_ipc(batches: Sequence[pa.RecordBatch]) -> bytes:
    """Rows in one canonical form: as one batch, in the order in which they came."""
    sink = pa.BufferOutputStream()
    joined = join_batches(batches)
    with pa.ipc.new_stream(sink, joined.schema) as writer:
        writer.write_batch(joined)
    return bytes(sink.getvalue())


def read_table(other: Any) -> Any:
    """The table of a file that `save_state` wrote; anything else as it is."""
    if not isinstance(other, str | os.PathLike):
        return other
    table, sealed = read(other)
    if not sealed and read_description(table)["format"] > 1:
        raise StateMismatchError(
            "the state is damaged: the file lacks its checksum; a table that save_state did not write is read with "
            "pyarrow and given as a table"
        )
    return table


def read_description(table: Any) -> dict[str, Any]:
    """What a state table says of itself; StateMismatchError where it is foreign, or of a newer format."""
    if not isinstance(table, pa.Table):
        raise StateMismatchError(f"a state is a pyarrow.Table, not {type(table).__name__}")
    metadata = (table.schema.metadata or {}).get(_KEY)
    if metadata is None:
        raise StateMismatchError("the table is no state of fastrank: its schema lacks the metadata 'fastrank.state'")
    try:
        about: dict[str, Any] = json.loads(metadata)
        version = about["format"]
        about["groupings"], about.setdefault("negatives", {})
    except (LookupError, ValueError, TypeError, AttributeError) as error:
        raise StateMismatchError("the state is damaged: its metadata are not those of a state") from error
    if not isinstance(version, int) or not 1 <= version <= FORMAT:
        raise StateMismatchError(
            f"the state has format {version}, this version of fastrank reads formats up to {FORMAT}: "
            f"a newer version wrote it{_of_version(about)}"
        )
    return about


def _of_version(about: Mapping[str, Any]) -> str:
    return f" ({about['fastrank']})" if about.get("fastrank") else ""


def from_table(table: pa.Table, memory_limit: int) -> State:
    """The content of a state table, of which what grows with the rows keeps within a limit each; StateMismatchError
    where it is foreign, damaged, or of a newer format."""
    about = read_description(table)
    try:
        if any(label not in (0, -1) for label in about["negatives"].values()):
            raise StateMismatchError("the state is damaged: it names labels of negative rows other than 0 and -1")
        table.validate(full=True)  # offsets that lie outside would be read as they are
        return _read(table, about["groupings"], about["negatives"], memory_limit)
    except StateMismatchError:
        raise
    except (LookupError, ValueError, TypeError, AttributeError, OSError, pa.ArrowException) as error:
        raise StateMismatchError("the state is damaged: its columns are not those of a state") from error


def _read(
    table: pa.Table, groupings: Sequence[Sequence[str]], negatives: Mapping[str, int], memory_limit: int
) -> State:
    names = dict.fromkeys(name for grouping in groupings for name in grouping)
    missing = [name for name in ("grouping", *names) if name not in table.column_names]
    if missing or not len(table):
        raise StateMismatchError(f"the state is damaged: it has no {f'column {missing[0]!r}' if missing else 'rows'}")
    columns = {name: _whole(table, name) for name in table.column_names}
    _check(columns["grouping"], np.dtype(np.int32), "grouping", "grouping")
    numbers = buffer_view(columns.pop("grouping"), np.int32).tolist()
    if not all(0 <= g <= len(groupings) for g in numbers):
        raise StateMismatchError("the state is damaged: a number of its column 'grouping' is of no grouping")
    slices = Slices.read(groupings, numbers, {name: columns.pop(name) for name in names})
    accumulators, streams = {}, {}
    for identity, array in columns.items():
        about = json.loads(identity)
        if about["kind"] == _STREAM:
            version = about["version"]
            if version not in (1, STREAM_VERSION):
                raise StateMismatchError(f"the state's {_STREAM} is of version {version}, not {STREAM_VERSION}")
            known = json.dumps({**about, "version": STREAM_VERSION}, separators=(",", ":"))
            streams[known] = _read_stream(array, _ids_of_version_1 if version == 1 else SeenIds.unpacked)
        else:
            accumulators[identity] = _read_accumulator(identity, array, slices.count, memory_limit)
    return State(slices, accumulators, streams, negatives)


def _whole(table: pa.Table, name: str) -> pa.Array:
    array = table.column(name).combine_chunks()
    if not len(array) or (array.null_count and name.startswith("{")):
        raise StateMismatchError(f"the state is damaged: column {name!r} is empty or has nulls")
    return array


def make_accumulator(identity: str) -> Accumulator:
    """An empty accumulator of an identity."""
    about = json.loads(identity)
    cls = ACCUMULATORS.get(about["kind"])
    if cls is None or about["version"] != cls.version:
        raise StateMismatchError(
            f"the state holds {about['kind']!r} of version {about['version']}, "
            "which this version of fastrank cannot read"
        )
    return cls(**{name: _hashable(value) for name, value in about["parameters"].items()})


def _hashable(value: Any) -> Any:
    return tuple(_hashable(entry) for entry in value) if isinstance(value, list) else value


def _read_accumulator(identity: str, array: pa.Array, slices: int, memory_limit: int) -> Accumulator:
    accumulator = make_accumulator(identity)
    if isinstance(accumulator, RowAccumulator) and accumulator.memory_limit is not None:
        accumulator.memory_limit = memory_limit
    accumulator.grow(slices)
    names = [*accumulator.fields, *accumulator.ragged]
    if [array.type.field(j).name for j in range(array.type.num_fields)] != names:
        raise StateMismatchError(f"the state is damaged: {identity} has other fields than {', '.join(names)}")
    children = dict(zip(names, array.flatten(), strict=True))
    for name, field in accumulator.fields.items():
        child = children[name]
        values = child.flatten() if field.shape else child
        _check(values, field.dtype, identity, name)
        accumulator.state[name][:slices] = buffer_view(values, field.dtype.type).reshape(slices, *field.shape)
        if field.merge in ("sum", "same") and (accumulator.state[name] < 0).any():
            raise StateMismatchError(f"the state is damaged: {identity}, field {name!r}, holds a negative count")
        if field.merge == "digits" and _are_not_digits(accumulator.state[name]):
            raise StateMismatchError(f"the state is damaged: {identity}, field {name!r}, is no exact sum")
    parts = {name: _split(children[name], dtype, identity, name) for name, dtype in accumulator.ragged.items()}
    for s in range(slices):
        arrays = {name: entries[s] for name, entries in parts.items()}
        if arrays:
            first = arrays[next(iter(arrays))]
            widths = {name: accumulator.ragged_widths.get(name, 1) for name in arrays}
            if any(len(arrays[name]) != width * len(first) for name, width in widths.items() if width is not None):
                raise StateMismatchError(f"the state is damaged: the lists of {identity} differ in length")
            if (first[1:] <= first[:-1]).any():
                raise StateMismatchError(f"the state is damaged: the keys of {identity} do not ascend")
            accumulator.merge_ragged(s, arrays)
    return accumulator


def _are_not_digits(digits: NDArray[np.int64]) -> bool:
    return bool(((digits[:, :-1] < 0) | (digits[:, :-1] >= 1 << 32)).any())


def _check(array: pa.Array, dtype: np.dtype[Any], identity: str, name: str) -> None:
    if array.type != pa.from_numpy_dtype(dtype) or array.null_count:
        raise StateMismatchError(
            f"the state is damaged: {identity}, field {name!r}, is of type {array.type} or has nulls"
        )


def _split(array: pa.Array, dtype: Any, identity: str, name: str) -> list[NDArray[Any]]:
    dtype = np.dtype(dtype)
    _check(array.flatten(), dtype, identity, name)
    lengths = buffer_view(array.value_lengths(), np.int64)
    return np.split(buffer_view(array.flatten(), dtype.type), np.cumsum(lengths)[:-1])


def _ids_of_version_1(words: NDArray[np.uint64]) -> SeenIds:
    """Ids of which each was a word."""
    seen = SeenIds()
    seen.add(np.sort(words.view(np.int64)).view(np.uint64))
    return seen


def _read_stream(array: pa.Array, unpack: Callable[[NDArray[np.uint64]], SeenIds]) -> HandOver | ScatteredRows:
    if not pa.types.is_struct(array.type):
        raise StateMismatchError(f"the state is damaged: its column {_STREAM} is of type {array.type}")
    if array.type.num_fields and array.type.field(0).name == "shards":
        return _read_scattered(array)
    seen, open_, shards, sizes, data = (
        _split(array.field(name), dtype, _STREAM, name)[0] for name, dtype in _STREAM_FIELDS
    )
    ends = np.cumsum(sizes).astype(np.intp)
    pieces = np.split(data, ends[:-1]) if len(ends) else []
    rows = {
        int(query): [Piece.of_state(batch) for batch in pa.ipc.open_stream(pa.py_buffer(data.tobytes()))]
        for query, data in zip(open_.tolist(), pieces, strict=True)
    }
    return HandOver(rows, dict(zip(open_.tolist(), shards.tolist(), strict=True)), unpack(seen))


def _read_scattered(array: pa.Array) -> ScatteredRows:
    shards, data = (_split(array.field(name), dtype, _STREAM, name)[0] for name, dtype in _SCATTERED_FIELDS)
    batches = list(pa.ipc.open_stream(pa.py_buffer(data.tobytes()))) if data.size else []
    if any(batch.schema.types[-1] != pa.int64() or batch.columns[-1].null_count for batch in batches):
        raise StateMismatchError(f"the state is damaged: the rows of its column {_STREAM} have no shards")
    numbers = [buffer_view(batch.columns[-1], np.int64) for batch in batches]
    if shards.size != 1 or any(((n < 0) | (n >= int(shards[0]))).any() for n in numbers):
        raise StateMismatchError(f"the state is damaged: its column {_STREAM} names shards that it does not have")
    schema = batches[0].schema if batches else None
    return ScatteredRows(batches, schema, int(shards[0]))
