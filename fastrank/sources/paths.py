"""Which files a path, a folder or a glob stands for."""

from __future__ import annotations

import glob
import os
from pathlib import Path
from typing import TYPE_CHECKING

from fastrank.errors import SourceError

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["CSV", "IPC", "PARQUET", "READABLE", "expand"]

PARQUET, IPC, CSV = (".parquet", ".pq"), (".arrow", ".feather", ".ipc", ".arrows"), (".csv", ".csv.gz")
READABLE = f"Parquet ({', '.join(PARQUET)}), Arrow IPC and Feather ({', '.join(IPC)}), CSV ({', '.join(CSV)})"


def expand(path: str) -> list[str]:
    """The files that a path, a folder or a glob stands for, in the order of their names."""
    if Path(path).is_dir():
        found = sorted(_below(path))
        if not found:
            raise SourceError(f"{path}: no readable file in this folder; readable are {READABLE}")
        kinds = [kind for kind in (PARQUET, IPC, CSV) if any(name.lower().endswith(kind) for name in found)]
        if len(kinds) > 1:
            # The same rows may lie there twice.
            suffixes = " and ".join(kind[0] for kind in kinds)
            raise SourceError(f"{path}: the folder holds files of several formats ({suffixes}); name one by a pattern")
        return found
    if Path(path).exists():
        return [path]
    if not any(char in path for char in "*?["):
        raise SourceError(f"{path}: no such file or folder")
    # Markers such as _SUCCESS match * too, and hold no rows; only what the pattern leaves open can be one.
    parts = Path(path).parts
    fixed = next(i for i, part in enumerate(parts) if any(char in part for char in "*?["))
    wants_hidden = any(map(_is_hidden, parts[fixed:]))
    # Path.glob takes no absolute pattern.
    names = glob.glob(path, recursive=True)  # noqa: PTH207
    names = [name for name in names if wants_hidden or not any(map(_is_hidden, Path(name).parts[fixed:]))]
    files = {file for name in names for file in (_below(name) if Path(name).is_dir() else [name])}
    if not files:
        raise SourceError(f"{path}: no file matches this pattern")
    return sorted(files)


def _below(folder: str) -> Iterator[str]:
    for parent, folders, names in os.walk(folder):
        folders[:] = [name for name in folders if not _is_hidden(name)]
        for name in names:
            if name.lower().endswith(PARQUET + IPC + CSV) and not _is_hidden(name):
                yield str(Path(parent, name))


def _is_hidden(name: str) -> bool:
    return name.startswith((".", "_"))
