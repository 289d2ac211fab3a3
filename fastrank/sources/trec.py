"""TREC run files (query, Q0, item, rank, score, run) and judgment files, called qrels (query, iteration, item, relevance).

Fields are separated by blanks of any kind, lines end with \\n or \\r\\n, empty lines and those that begin with # do not
count.  Files may be gzipped; "-" is the standard input.
"""

from __future__ import annotations

import gzip
import mmap
import os
import stat
import sys
import zlib
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

from fastrank._kernels import trec
from fastrank.buffers import to_arrow
from fastrank.errors import EmptyInputError, SourceError, TrecFormatError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

__all__ = ["TrecRows", "looks_like_trec", "read_qrels", "read_rows", "read_run"]

SUFFIXES = (".trec", ".qrels", ".run")
GZIP_MAGIC, BYTE_ORDER_MARK = b"\x1f\x8b", b"\xef\xbb\xbf"
THREADS = 2
PIECE_BYTES = 1 << 20  # below this a second thread costs more than it saves
TEXT_BYTES = 1 << 30  # of the file for one Arrow array: string offsets have 32 bits
SHOWN = 100  # characters of a line in a message
RUN_FIELDS = "a line of a run has six fields: query, Q0, item, rank, score, run"
QRELS_FIELDS = "a line of judgments has four fields: query, iteration, item, relevance"


@dataclass(frozen=True)
class TrecRows:
    """The rows of a file, with items and queries as places in its bytes.

    Row i has the item data[item_at[i]:][:item_size[i]]; `values` are scores (float64) or relevance (int64).  A stretch
    is rows of one query that follow each other: from query_row[s] up to the next stretch's.
    """

    path: str
    data: NDArray[np.uint8]
    item_at: NDArray[np.int64]
    item_size: NDArray[np.int32]
    item_hash: NDArray[np.uint32]
    values: NDArray[Any]
    query_row: NDArray[np.int64]
    query_at: NDArray[np.int64]
    query_size: NDArray[np.int32]
    run_name: bytes

    def text(self, at: int, size: int) -> bytes:
        return self.data[at : at + size].tobytes()

    def error(self, at: int, what: str) -> TrecFormatError:
        """What is wrong with the line that the byte data[at] lies in."""
        return _format_error(self.path, self.data, at, what)


def read_run(path: str | os.PathLike[str]) -> pa.Table:
    """A run as a table of query (string), item (string) and score (float64), in the file's order."""
    return _table(read_rows(path, judgments=False), "score")


def read_qrels(path: str | os.PathLike[str]) -> pa.Table:
    """Judgments as a table of query (string), item (string) and label (int64), in the file's order."""
    return _table(read_rows(path, judgments=True), "label")


def looks_like_trec(path: str | os.PathLike[str]) -> bool:
    """Whether a file's suffix is that of a TREC file, or its first line is one of a run or of judgments."""
    name = os.fspath(path)
    if name == "-":
        return True
    if name.lower().removesuffix(".gz").endswith(SUFFIXES):
        return True
    try:
        with Path(name).open("rb") as raw:
            start = raw.read(len(GZIP_MAGIC))
            raw.seek(0)
            stream = gzip.GzipFile(fileobj=raw) if start == GZIP_MAGIC else raw
            start = stream.read(PIECE_BYTES)  # type: ignore[attr-defined]
    except (OSError, EOFError, zlib.error):
        return False
    lines = (line.split() for line in start.removeprefix(BYTE_ORDER_MARK).splitlines())
    fields = next((line for line in lines if line and not line[0].startswith(b"#")), [])
    try:
        if len(fields) == 4:
            int(fields[3])
        else:
            float(fields[4])
    except (ValueError, IndexError):
        return False
    return len(fields) != 5


def read_rows(path: str | os.PathLike[str], *, judgments: bool) -> TrecRows:
    """The rows of a run, or of judgments; a line that is not one is an error that names it."""
    name = os.fspath(path)
    data = _load(name)
    pieces = THREADS if len(data) > PIECE_BYTES else 1
    borders = [0, *(trec.line_end(data, len(data) * i // pieces) for i in range(1, pieces)), len(data)]
    ranges = list(zip(borders[:-1], borders[1:], strict=True))
    with ThreadPoolExecutor(pieces) as threads:
        lines = list(threads.map(lambda piece: trec.count_lines(data, *piece), ranges))
        arrays = _Arrays(sum(lines), judgments)
        begins = np.cumsum([0, *lines])
        parts = [arrays[begin : begin + count] for begin, count in zip(begins, lines, strict=False)]
        read = list(threads.map(lambda piece, part: trec.parse(data, *piece, *part), ranges, parts))
    for *_, fault, at in read:
        if fault:
            raise _format_error(name, data, at, _what(fault, judgments))
    rows, stretches = [each[0] for each in read], [each[1] for each in read]
    if sum(rows) == 0:
        kind = "judgments" if judgments else "a run"
        raise EmptyInputError(f"{name}: the file holds no line of {kind}, only comments or blanks")
    run_at, run_size = next(each[2:4] for each in reversed(read) if each[0])
    items = [_joined(columns, rows, lines) for columns in zip(*(part[:4] for part in parts), strict=True)]
    queries = [
        np.concatenate([column[:count] for column, count in zip(columns, stretches, strict=True)])
        for columns in zip(*(part[4:] for part in parts), strict=True)
    ]
    queries[0] += np.repeat(np.cumsum([0, *rows[:-1]]), stretches)
    # A query that goes on from one piece to the next is one stretch.
    numbers, _ = trec.number_texts(data, queries[1], queries[2])
    opens = np.append(True, numbers[1:] != numbers[:-1])
    row, at, size = (column if opens.all() else column[opens] for column in queries)
    return TrecRows(name, data, *items, row, at, size, data[run_at : run_at + run_size].tobytes())


class _Arrays(list[Any]):
    """What trec.parse fills, with room for each line; a slice is a slice of each array."""

    def __init__(self, lines: int, judgments: bool) -> None:
        value = np.int64 if judgments else np.float64
        super().__init__(
            np.empty(lines, kind) for kind in (np.int64, np.int32, np.uint32, value, np.int64, np.int64, np.int32)
        )

    def __getitem__(self, rows: Any) -> Any:
        return [array[rows] for array in self]


def _joined(columns: tuple[Any, ...], rows: list[int], lines: list[int]) -> Any:
    """One column of all pieces: without a copy where every line was a row."""
    if rows[:-1] == lines[:-1]:
        return columns[0].base[: sum(rows)]
    return np.concatenate([column[:count] for column, count in zip(columns, rows, strict=True)])


def _load(name: str) -> NDArray[np.uint8]:
    """The bytes of a file, mapped where they can be."""
    data: Any
    try:
        if name == "-":
            data = sys.stdin.buffer.read()
        else:
            with Path(name).open("rb") as file:
                is_file = stat.S_ISREG(os.fstat(file.fileno()).st_mode) and os.fstat(file.fileno()).st_size > 0
                data = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) if is_file else file.read()
        if data[: len(GZIP_MAGIC)] == GZIP_MAGIC:
            data = gzip.decompress(data)
    except (OSError, EOFError, zlib.error) as error:
        reason = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
        raise SourceError(f"cannot read {name}: {reason}") from error
    if len(data) == 0:
        raise SourceError(f"cannot read {name}: the file is empty (0 bytes)")
    skipped = len(BYTE_ORDER_MARK) if data[: len(BYTE_ORDER_MARK)] == BYTE_ORDER_MARK else 0
    return np.frombuffer(data, np.uint8)[skipped:]


def _what(fault: int, judgments: bool) -> str:
    fields = QRELS_FIELDS if judgments else RUN_FIELDS
    return {
        trec.FEW_FIELDS: f"too few fields ({fields})",
        trec.MORE_FIELDS: f"too many fields ({fields})",
        trec.NOT_A_NUMBER: "the score is not a number",
        trec.NOT_A_SCORE: "the score is NaN, which has no place in a ranking",
        trec.NOT_AN_INTEGER: "the relevance is not an integer",
        trec.LONG_FIELD: "a field has more than 1048576 bytes",
    }[fault]


def _format_error(name: str, data: NDArray[np.uint8], at: int, what: str) -> TrecFormatError:
    number = trec.count_lines(data, 0, at + 1)
    begin = at - (data[max(at - SHOWN, 0) : at][::-1].tobytes() + b"\n").index(b"\n") if at else 0
    text = data[begin : min(trec.line_end(data, at), begin + 4 * SHOWN)].tobytes().decode(errors="replace").rstrip()
    shown = text if len(text) <= SHOWN else f"{text[:SHOWN]}..."
    return TrecFormatError(f"{name}, line {number}: {what}: {shown!r}")


def _table(rows: TrecRows, value: str) -> pa.Table:
    queries = np.diff(rows.query_row, append=len(rows.values))
    query_at, query_size = np.repeat(rows.query_at, queries), np.repeat(rows.query_size, queries)
    batches = [
        pa.record_batch(
            [
                _strings(rows, query_at[part], query_size[part]),
                _strings(rows, rows.item_at[part], rows.item_size[part]),
                to_arrow(rows.values[part]),
            ],
            names=["query", "item", value],
        )
        for part in _parts(rows)
    ]
    return pa.Table.from_batches(batches)


def _parts(rows: TrecRows) -> Iterator[slice]:
    """Rows whose texts lie in at most TEXT_BYTES of the file."""
    borders = np.searchsorted(rows.item_at, np.arange(0, len(rows.data), TEXT_BYTES)).tolist()
    for begin, end in zip(borders, [*borders[1:], len(rows.values)], strict=True):
        if end > begin:
            yield slice(begin, end)


def _strings(rows: TrecRows, at: NDArray[np.int64], sizes: NDArray[np.int32]) -> pa.Array:
    offsets, text = trec.gather_texts(rows.data, at, sizes)
    array = pa.Array.from_buffers(pa.string(), len(at), [None, pa.py_buffer(offsets), pa.py_buffer(text)])
    try:
        array.validate(full=True)
    except pa.ArrowInvalid:
        for place, size in zip(at.tolist(), sizes.tolist(), strict=True):
            try:
                rows.text(place, size).decode()
            except UnicodeDecodeError:
                raise rows.error(place, "the text is not UTF-8") from None
        raise
    return array
