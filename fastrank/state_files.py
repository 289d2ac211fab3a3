"""Files of states: Arrow IPC files with a checksum of every byte.

The checksum stands between the last record batch and the footer of the file, where readers of Arrow, who find all by
way of the footer, pass it over.
"""

from __future__ import annotations

import hashlib
import os
import struct
from typing import IO, TYPE_CHECKING, Any

import pyarrow as pa

from fastrank.atomic import atomic_file
from fastrank.errors import SourceError, StateMismatchError

if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = ["read", "write"]

_MARK = b"fastrank"
_SEAL = len(_MARK) + hashlib.sha256().digest_size
_END = struct.Struct("<i6s")  # of an Arrow file: the length of its footer, and this:
_ARROW = b"ARROW1"
_CHUNK = 1 << 20


def write(path: str | os.PathLike[str], schema: pa.Schema, batches: Iterable[pa.RecordBatch]) -> None:
    """Writes record batches to a file, which appears whole or not at all."""
    with atomic_file(path) as file:
        with pa.ipc.new_file(file, schema) as writer:
            for batch in batches:
                writer.write_batch(batch)
        file.flush()
        size = file.seek(0, os.SEEK_END)
        footer = _footer_start(file, size)
        assert footer is not None
        digest = _digest(file, footer, footer, size)
        file.seek(footer)
        end = file.read()
        file.seek(footer)
        file.write(_MARK + digest + end)


def read(path: str | os.PathLike[str]) -> tuple[pa.Table, bool]:
    """The table of a file, and whether the file has a checksum, which is right then."""
    try:
        with open(path, "rb") as file:  # noqa: PTH123  (a path may be of any kind that open takes)
            sealed = _check_seal(file, os.fspath(path))
        with pa.OSFile(os.fspath(path)) as source, pa.ipc.open_file(source) as reader:
            return reader.read_all(), sealed
    except pa.ArrowException as error:
        raise StateMismatchError(f"{path} is no state of fastrank: {' '.join(str(error).split())}") from error
    except OSError as error:
        if error.errno is None:  # what Arrow says of messages that it cannot decode
            raise StateMismatchError(f"{path} is no state of fastrank: {' '.join(str(error).split())}") from error
        raise SourceError(f"{path} cannot be read: {error.strerror or error}") from error


def _check_seal(file: IO[bytes], path: Any) -> bool:
    """Whether the file has a checksum; StateMismatchError where it is of other bytes."""
    size = file.seek(0, os.SEEK_END)
    footer = _footer_start(file, size)
    if footer is None or footer < _SEAL:
        return False
    file.seek(footer - _SEAL)
    mark, recorded = file.read(len(_MARK)), file.read(_SEAL - len(_MARK))
    if mark != _MARK:
        return False
    if _digest(file, footer - _SEAL, footer, size) != recorded:
        raise StateMismatchError(f"{path} is damaged: its bytes are not those that its checksum was made of")
    return True


def _footer_start(file: IO[bytes], size: int) -> int | None:
    """Where the footer of an Arrow file begins; None where the file has none."""
    if size < _END.size:
        return None
    file.seek(size - _END.size)
    length, magic = _END.unpack(file.read(_END.size))
    start = size - _END.size - length
    return start if magic == _ARROW and length > 0 and start >= 0 else None


def _digest(file: IO[bytes], end: int, start: int, size: int) -> bytes:
    """SHA-256 of the bytes before `end` and from `start` on."""
    digest = hashlib.sha256()
    for first, last in ((0, end), (start, size)):
        file.seek(first)
        while first < last:
            data = file.read(min(_CHUNK, last - first))
            if not data:
                break
            digest.update(data)
            first += len(data)
    return digest.digest()
