"""Files that appear whole or not at all."""

from __future__ import annotations

import os
import stat
import tempfile
from contextlib import contextmanager
from pathlib import Path
from typing import IO, TYPE_CHECKING

from fastrank.errors import FastrankError, WriteError

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["atomic_file"]


@contextmanager
def atomic_file(path: str | os.PathLike[str]) -> Iterator[IO[bytes]]:
    """A file to write to, which takes its place when the block ends, and vanishes when the block fails.

    Parameters
    ----------
    path : str or path-like
        Where to; a file that is there is replaced, and its mode kept.  Devices and pipes are refused.

    Yields
    ------
    binary file
    """
    target = Path(path).resolve()  # a link stays, and what it points to is replaced
    if target.exists() and not target.is_file():
        raise WriteError(f"{target} cannot be written: it is no regular file")
    try:
        handle, temporary = tempfile.mkstemp(dir=target.parent, prefix=f".{target.name}.")
    except OSError as error:
        raise WriteError(f"{target} cannot be written: {error.strerror}") from error
    try:
        with os.fdopen(handle, "w+b") as file:
            yield file
        Path(temporary).chmod(_mode(target))  # mkstemp makes private files
        Path(temporary).replace(target)
    except BaseException as error:
        Path(temporary).unlink(missing_ok=True)
        # What is written may come from a source, whose errors are its own.
        if isinstance(error, OSError) and not isinstance(error, FastrankError):
            raise WriteError(f"{target} cannot be written: {error.strerror or error}") from error
        raise


def _mode(target: Path) -> int:
    """The mode of a file that is there, else that of a new one."""
    if target.exists():
        return stat.S_IMODE(target.stat().st_mode)
    mask = os.umask(0)
    os.umask(mask)
    return 0o666 & ~mask
