"""Files in an object store or another filesystem of Arrow, by URI: s3://, gs://, hdfs://, file://, ..."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Any

import pyarrow as pa

from fastrank.errors import SourceError
from fastrank.sources.base import reading, reason
from fastrank.sources.paths import Place, expand_local, is_hidden, is_readable, one_format

__all__ = ["expand_uri"]


def expand_uri(uri: str) -> list[Place]:
    """The files that a URI stands for: of a file, of a folder, or a glob of ``*``, ``**`` and ``[...]``.

    What follows a ``?`` are options of the filesystem (``s3://bucket/day=*?region=eu-west-1``), so a ``?`` is no
    wildcard here.
    """
    address, mark, options = uri.partition("?")
    parts = address.split("/")
    # The scheme, nothing, and the host or bucket are no patterns.
    fixed = next((i for i, part in enumerate(parts) if i > 2 and ("*" in part or "[" in part)), len(parts))
    base, pattern = "/".join(parts[:fixed]), "/".join(parts[fixed:])
    filesystem, root = _open(base + mark + options)
    if filesystem.type_name == "local":
        return [Place(name) for name in expand_local("/".join([root, pattern]) if pattern else root)]
    with reading(uri):
        return _found(uri, base.rstrip("/"), pattern, filesystem, root)


def _open(uri: str) -> tuple[Any, str]:
    from pyarrow import fs

    try:
        filesystem, root = fs.FileSystem.from_uri(uri)
    except (pa.ArrowException, OSError, ValueError, TypeError) as error:
        raise SourceError(f"cannot open {uri}: {reason(error)}") from error
    return filesystem, str(root)


def _found(uri: str, base: str, pattern: str, filesystem: Any, root: str) -> list[Place]:
    from pyarrow import fs

    info = filesystem.get_file_info(root)
    if info.type == fs.FileType.File and not pattern:
        return [_place(base, filesystem, info)]
    if info.type != fs.FileType.Directory:
        raise SourceError(f"{uri}: no such file or folder")
    infos = filesystem.get_file_info(fs.FileSelector(root, recursive=True))
    below = {info.path[len(root) :].strip("/"): info for info in infos if info.type == fs.FileType.File}
    if pattern:
        matches = _matcher(pattern)
        names = sorted(name for name in below if matches(name))
        if not names:
            raise SourceError(f"{uri}: no file matches this pattern")
    else:
        names = one_format(uri, sorted(name for name in below if is_readable(name.split("/"))))
    return [_place(f"{base}/{name}", filesystem, below[name]) for name in names]


def _place(name: str, filesystem: Any, info: Any) -> Place:
    place = Place(name, filesystem, info.path)
    place.__dict__["size"] = info.size  # told by the listing: asking for each would take a request
    return place


def _matcher(pattern: str) -> Any:
    """Whether a path below the fixed folder is a file of the pattern, or a readable file in a folder of it."""
    wants_hidden = any(map(is_hidden, pattern.split("/")))
    whole = re.compile(_translated(pattern))
    within = re.compile(_translated(pattern) + "/.+")

    def matches(name: str) -> bool:
        if any(map(is_hidden, name.split("/"))) and not wants_hidden:
            return False
        return bool(whole.fullmatch(name)) or bool(within.fullmatch(name) and is_readable([name.rpartition("/")[2]]))

    return matches


@lru_cache(maxsize=16)
def _translated(pattern: str) -> str:
    """A glob as a regular expression: * and [...] within a part of the path, ** any number of parts."""
    parts = re.findall(r"\*\*/|\*\*|\*|\[!?[^\]]+\]|[^*\[]+|\[", pattern)
    return "".join(map(_translated_part, parts))


def _translated_part(part: str) -> str:
    fixed = {"**/": "(?:[^/]+/)*", "**": ".*", "*": "[^/]*"}
    if part in fixed:
        return fixed[part]
    if part.startswith("[") and len(part) > 1:
        inner = part[1:-1].replace("\\", r"\\")
        return f"[^{inner[1:]}]" if inner.startswith("!") else f"[{inner}]"
    return re.escape(part)
