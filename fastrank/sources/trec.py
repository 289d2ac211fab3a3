"""TREC files: runs (query, Q0, item, rank, score, run) and judgments, or qrels (query, iteration, item, relevance).

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

__all__ = [
    "TrecFile", "TrecRows", "looks_like_trec", "open_trec", "query_border", "read_qrels", "read_queries", "read_rows",
    "read_run",
]  # fmt: skip

SUFFIXES = (".trec", ".qrels", ".run")
GZIP_MAGIC, BYTE_ORDER_MARK = b"\x1f\x8b", b"\xef\xbb\xbf"
BLOCK_BYTES = 1 << 20  # a block's rows stay in the cache until they are ranked
SHORTEST_LINE = len("1 0 a 1\n")
TEXT_BYTES = 1 << 30  # of the file for one Arrow array: string offsets have 32 bits
SHOWN = 100  # characters of a line in a message
RUN_FIELDS = "a line of a run has six fields: query, Q0, item, rank, score, run"
QRELS_FIELDS = "a line of judgments has four fields: query, iteration, item, relevance"


@dataclass(frozen=True)
class TrecFile:
    """The bytes of a file of runs or of judgments."""

    path: str
    data: NDArray[np.uint8]
    judgments: bool

    def text(self, at: int, size: int) -> bytes:
        return self.data[at : at + size].tobytes()

    def error(self, at: int, what: str) -> TrecFormatError:
        """What is wrong with the line that the byte data[at] lies in."""
        begin = at - (self.text(max(at - SHOWN, 0), min(at, SHOWN))[::-1] + b"\n").index(b"\n")
        text = self.text(begin, min(trec.line_end(self.data, at) - begin, 4 * SHOWN)).decode(errors="replace").rstrip()
        shown = text if len(text) <= SHOWN else f"{text[:SHOWN]}..."
        return TrecFormatError(f"{self.path}, line {trec.count_lines(self.data, 0, at + 1)}: {what}: {shown!r}")


@dataclass(frozen=True)
class TrecRows:
    """Rows of a file, with items and queries as places in its bytes.

    Row i has the item data[item_at[i]:][:item_size[i]]; `values` are scores (float64) or relevance (int64).  A stretch
    is rows of one query that follow each other: from query_row[s] up to the next stretch's.
    """

    file: TrecFile
    run_name: bytes
    item_at: NDArray[np.int64]
    item_size: NDArray[np.int32]
    item_hash: NDArray[np.uint32]
    values: NDArray[Any]
    query_row: NDArray[np.int64]
    query_at: NDArray[np.int64]
    query_size: NDArray[np.int32]


def read_run(path: str | os.PathLike[str]) -> pa.Table:
    """A run as a table of query (string), item (string) and score (float64), in the file's order."""
    return _table(read_rows(open_trec(path, judgments=False)), "score")


def read_qrels(path: str | os.PathLike[str]) -> pa.Table:
    """Judgments as a table of query (string), item (string) and label (int64), in the file's order."""
    return _table(read_rows(open_trec(path, judgments=True)), "label")


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
            start = stream.read(BLOCK_BYTES)
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


def open_trec(path: str | os.PathLike[str], *, judgments: bool) -> TrecFile:
    """The bytes of a file, mapped where they can be."""
    name = os.fspath(path)
    data: Any
    try:
        if name == "-":
            data = sys.stdin.buffer.read()
        else:
            with Path(name).open("rb") as file:
                status = os.fstat(file.fileno())
                is_mapped = stat.S_ISREG(status.st_mode) and status.st_size > 0
                data = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) if is_mapped else file.read()
        if data[: len(GZIP_MAGIC)] == GZIP_MAGIC:
            data = gzip.decompress(data)
    except (OSError, EOFError, zlib.error) as error:
        reason = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
        raise SourceError(f"cannot read {name}: {reason}") from error
    if len(data) == 0:
        raise SourceError(f"cannot read {name}: the file is empty (0 bytes)")
    skipped = len(BYTE_ORDER_MARK) if data[: len(BYTE_ORDER_MARK)] == BYTE_ORDER_MARK else 0
    return TrecFile(name, np.frombuffer(data, np.uint8)[skipped:], judgments)


def read_rows(file: TrecFile) -> TrecRows:
    """All rows of a file; a line that is none is an error that names it."""
    lines = trec.count_lines(file.data, 0, len(file.data))
    rows = _parse(file, 0, len(file.data), _arrays(lines, file.judgments))
    if len(rows.values) == 0:
        kind = "judgments" if file.judgments else "a run"
        raise EmptyInputError(f"{file.path}: the file holds no line of {kind}, only comments or blanks")
    return rows


def read_queries(file: TrecFile, begin: int, end: int) -> Iterator[TrecRows]:
    """The rows of data[begin:end], some whole queries at a time, in arrays that the next ones overwrite."""
    arrays, block_bytes = _arrays(0, file.judgments), BLOCK_BYTES
    while begin < end:
        stop = trec.line_end(file.data, min(begin + block_bytes, end) - 1)
        if len(arrays[0]) < (stop - begin) // SHORTEST_LINE + 1:
            arrays = _arrays((stop - begin) // SHORTEST_LINE + 1, file.judgments)
        rows = _parse(file, begin, stop, arrays)
        begin = stop
        if stop < end and len(rows.query_row) > 0:
            # The last query may go on: it is read with the next ones, or, where it is the only one, with more bytes.
            begin = int(rows.query_at[-1])
            rows = _without_last(rows)
            block_bytes *= 1 if len(rows.query_row) > 0 else 2
        if len(rows.query_row) > 0:
            yield rows


def query_border(file: TrecFile, at: int) -> int:
    """Where, from the byte data[at] on, a row first has another query than the one above it; else the end."""
    begin, size = trec.line_end(file.data, at), BLOCK_BYTES
    while begin < len(file.data):
        stop = trec.line_end(file.data, min(begin + size, len(file.data)) - 1)
        rows = _parse(file, begin, stop, _arrays((stop - begin) // SHORTEST_LINE + 1, file.judgments))
        if len(rows.query_at) > 1:
            return int(rows.query_at[1])
        if stop == len(file.data):
            break
        size *= 2
    return len(file.data)


def _arrays(rows: int, judgments: bool) -> list[NDArray[Any]]:
    """What trec.parse fills."""
    value = np.int64 if judgments else np.float64
    return [np.empty(rows, kind) for kind in (np.int64, np.int32, np.uint32, value, np.int64, np.int64, np.int32)]


def _parse(file: TrecFile, begin: int, end: int, arrays: list[NDArray[Any]]) -> TrecRows:
    count, stretches, run_at, run_size, fault, at = trec.parse(file.data, begin, end, *arrays)
    if fault:
        fields = QRELS_FIELDS if file.judgments else RUN_FIELDS
        what = {
            trec.FEW_FIELDS: f"too few fields ({fields})",
            trec.MORE_FIELDS: f"too many fields ({fields})",
            trec.NOT_A_NUMBER: "the score is not a number",
            trec.NOT_A_SCORE: "the score is NaN, which has no place in a ranking",
            trec.NOT_AN_INTEGER: "the relevance is not an integer",
            trec.LONG_FIELD: "a field has more than 1048576 bytes",
        }[fault]
        raise file.error(at, what)
    columns = [array[:count] for array in arrays[:4]] + [array[:stretches] for array in arrays[4:]]
    return TrecRows(file, file.text(run_at, run_size), *columns)


def _without_last(rows: TrecRows) -> TrecRows:
    """Without the last stretch."""
    count = int(rows.query_row[-1])
    columns: list[NDArray[Any]] = [rows.item_at, rows.item_size, rows.item_hash, rows.values]
    queries: list[NDArray[Any]] = [rows.query_row, rows.query_at, rows.query_size]
    kept = [column[:count] for column in columns] + [column[:-1] for column in queries]
    return TrecRows(rows.file, rows.run_name, *kept)


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
    borders = np.searchsorted(rows.item_at, np.arange(0, len(rows.file.data), TEXT_BYTES)).tolist()
    for begin, end in zip(borders, [*borders[1:], len(rows.values)], strict=True):
        if end > begin:
            yield slice(begin, end)


def _strings(rows: TrecRows, at: NDArray[np.int64], sizes: NDArray[np.int32]) -> pa.Array:
    offsets, text = trec.gather_texts(rows.file.data, at, sizes)
    array = pa.Array.from_buffers(pa.string(), len(at), [None, pa.py_buffer(offsets), pa.py_buffer(text)])
    try:
        array.validate(full=True)
    except pa.ArrowInvalid:
        for place, size in zip(at.tolist(), sizes.tolist(), strict=True):
            try:
                rows.file.text(place, size).decode()
            except UnicodeDecodeError:
                raise rows.file.error(place, "the text is not UTF-8") from None
        raise
    return array
