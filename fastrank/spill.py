"""A temporary file for what does not fit into memory."""

from __future__ import annotations

import os
import tempfile
import weakref
from contextlib import contextmanager
from threading import Lock
from typing import TYPE_CHECKING, Any

from fastrank.errors import SourceError, WriteError

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["Spill"]


class Spill:
    """A file without a name, which is gone with its last descriptor: on success, on an error, and when the process is
    killed.  Several threads may write and read."""

    def __init__(self) -> None:
        with _writing():
            self._file = tempfile.TemporaryFile(prefix="fastrank-", buffering=0)  # noqa: SIM115 (see finalize)
        self._end = 0
        self._lock = Lock()
        weakref.finalize(self, self._file.close)

    def write(self, data: Any) -> int:
        """Appends the bytes of a buffer; returns where they begin."""
        rest = memoryview(data).cast("B")
        with self._lock:
            begin = self._end
            end = self._end = begin + rest.nbytes
        with _writing():
            while rest.nbytes:
                rest = rest[os.pwrite(self._file.fileno(), rest, end - rest.nbytes) :]
        return begin

    def __deepcopy__(self, _: Any) -> Spill:
        # What was written stays as it is: copies of what stands in it go on with one file.
        return self

    def read(self, begin: int, size: int) -> bytearray:
        """Bytes that were written."""
        data = bytearray(size)
        view = memoryview(data)
        while view.nbytes:
            count = os.preadv(self._file.fileno(), [view], begin + size - view.nbytes)
            if not count:
                raise SourceError("the temporary file of what did not fit into memory was cut off")
            view = view[count:]
        return data


@contextmanager
def _writing() -> Iterator[None]:
    """Says of an error in writing what was written, and where."""
    try:
        yield
    except OSError as error:
        raise WriteError(
            f"rows past memory_limit cannot be written to a temporary file in {tempfile.gettempdir()}: {error}; "
            "name a directory with room by TMPDIR, or raise memory_limit"
        ) from error
