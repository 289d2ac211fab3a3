"""Which files a path, a folder, a glob or a URI stands for."""

from __future__ import annotations

import glob
import os
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fastrank.errors import SourceError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

__all__ = [
    "CSV",
    "FORMATS",
    "IPC",
    "ORC",
    "PARQUET",
    "READABLE",
    "Place",
    "expand",
    "expand_local",
    "is_hidden",
    "is_readable",
    "one_format",
]

PARQUET, IPC = (".parquet", ".pq"), (".arrow", ".feather", ".ipc", ".arrows")
CSV, ORC = (".csv", ".csv.gz"), (".orc",)
FORMATS = (PARQUET, IPC, ORC, CSV)
READABLE = (
    f"Parquet ({', '.join(PARQUET)}), Arrow IPC and Feather ({', '.join(IPC)}), ORC ({', '.join(ORC)}), "
    f"CSV ({', '.join(CSV)})"
)


@dataclass(frozen=True)
class Place:
    """Where a file is.

    Attributes
    ----------
    name : str
        How messages call it: the path or URI as it was given, or as a glob or folder expanded to it.
    filesystem : pyarrow.fs.FileSystem or None
        What opens it; None for the local disk.
    path : str
        Its path in the filesystem.
    """

    name: str
    filesystem: Any = None
    path: str = ""

    @cached_property
    def size(self) -> int | None:
        """Its bytes, where it can be asked for them."""
        try:
            if self.filesystem is None:
                return Path(self.name).stat().st_size
            size = self.filesystem.get_file_info(self.path).size
        except OSError:
            return None
        return None if size is None else int(size)

    def open(self) -> Any:
        """What Arrow's readers open: the path of a local file, else a file for random access."""
        return self.name if self.filesystem is None else self.filesystem.open_input_file(self.path)

    def head(self, count: int) -> bytes:
        """The first bytes."""
        if self.filesystem is None:
            with Path(self.name).open("rb") as local:
                return local.read(count)
        with self.filesystem.open_input_file(self.path) as remote:
            return bytes(remote.read(count))


def expand(path: str) -> list[Place]:
    """The files that a path, a folder, a glob or a URI stands for, in the order of their names."""
    if "://" in path:
        from fastrank.sources.remote import expand_uri

        return expand_uri(path)
    return [Place(name) for name in expand_local(path)]


def expand_local(path: str) -> list[str]:
    if Path(path).is_dir():
        return one_format(path, sorted(_below(path)))
    if Path(path).exists():
        return [path]
    if not any(char in path for char in "*?["):
        raise SourceError(f"{path}: no such file or folder")
    # Markers such as _SUCCESS match * too, and hold no rows; only what the pattern leaves open can be one.
    parts = Path(path).parts
    fixed = next(i for i, part in enumerate(parts) if any(char in part for char in "*?["))
    wants_hidden = any(map(is_hidden, parts[fixed:]))
    # Path.glob takes no absolute pattern.
    names = glob.glob(path, recursive=True)  # noqa: PTH207
    names = [name for name in names if wants_hidden or not any(map(is_hidden, Path(name).parts[fixed:]))]
    files = {file for name in names for file in (_below(name) if Path(name).is_dir() else [name])}
    if not files:
        raise SourceError(f"{path}: no file matches this pattern")
    return sorted(files)


def one_format(folder: str, found: list[str]) -> list[str]:
    """The files found in a folder, after checks that there are some, of one format."""
    if not found:
        raise SourceError(f"{folder}: no readable file in this folder; readable are {READABLE}")
    kinds = [kind for kind in FORMATS if any(name.lower().endswith(kind) for name in found)]
    if len(kinds) > 1:
        # The same rows may lie there twice.
        suffixes = " and ".join(kind[0] for kind in kinds)
        raise SourceError(f"{folder}: the folder holds files of several formats ({suffixes}); name one by a pattern")
    return found


def _below(folder: str) -> Iterator[str]:
    for parent, folders, names in os.walk(folder):
        folders[:] = [name for name in folders if not is_hidden(name)]
        for name in names:
            if is_readable([name]):
                yield str(Path(parent, name))


def is_readable(parts: Sequence[str]) -> bool:
    """Whether the last part of a path is the name of a file that can be read, and no part is hidden."""
    return parts[-1].lower().endswith(sum(FORMATS, ())) and not any(map(is_hidden, parts))


def is_hidden(name: str) -> bool:
    # A folder "_key=value" is one of hive partitions.
    return name.startswith(".") or (name.startswith("_") and "=" not in name)
