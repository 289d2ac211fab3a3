"""A folder of states, one a file of the source, so that a run that was killed goes on where it was."""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import re
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fastrank.errors import ParameterError, SourceError, StateMismatchError
from fastrank.wire import FORMAT

if TYPE_CHECKING:
    from collections.abc import Iterator

    from fastrank.evaluator import Evaluator
    from fastrank.sources import Source

__all__ = ["StatesDir"]

_DIGITS = 16  # hexadecimal, of a hash
_LONGEST_STEM = 60  # characters of the file's own name: a file system allows 255 bytes in all
# What a run that was killed may have left: see `atomic_file`.
_LEFT_OVER = re.compile(rf"\..+-[0-9a-f]{{{_DIGITS}}}-[0-9a-f]{{{_DIGITS}}}\.arrow\.[a-z0-9_]{{8}}")


class StatesDir:
    """The states of files, under names that say what they are of.

    A state is called after its file, a hash of the file's path, and a hash of the file's size and time of modification
    and of what is evaluated: metrics, columns, conditions, slices and the format of states.  So a state counts if and
    only if it is there under its name, where it appears whole or not at all; and a file has one state, for the next
    takes the place of the last.

    Parameters
    ----------
    folder : str or path-like
        Where the states are; made where it is not there.
    evaluator : Evaluator
        Whose states they are.
    source : Source
        Its files.

    Raises
    ------
    ParameterError
        The evaluator has judgments, which a state does not name.
    SourceError
        The folder cannot be made or read, or another run writes to it.
    """

    def __init__(self, folder: str | os.PathLike[str], evaluator: Evaluator, source: Source) -> None:
        self.folder = Path(folder)
        self._what = _fingerprint(evaluator, source)

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Keeps other runs away, for as long as this process lives, and removes what killed ones left half-written."""
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            handle = os.open(self.folder, os.O_RDONLY)
        except OSError as error:
            raise SourceError(f"the folder of states {self.folder} cannot be used: {error.strerror}") from error
        try:
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError as error:
                raise SourceError(f"another run writes to the folder of states {self.folder}: wait for it") from error
            for path in self.folder.iterdir():
                if _LEFT_OVER.fullmatch(path.name):
                    path.unlink(missing_ok=True)
            yield
        finally:
            os.close(handle)

    def path_of(self, file: Source) -> Path:
        """Where the state of a file is, for the content that the file has now; SourceError where there is none."""
        (stamp,) = file.stamps()
        name = file.files[0].rpartition("/")[2][:_LONGEST_STEM]
        return self.folder / f"{name}-{_hash(stamp.path)}-{_hash([stamp.size, stamp.modified, self._what])}.arrow"

    def load(self, path: Path, evaluator: Evaluator) -> bool:
        """Adds a state to an evaluator that holds nothing; whether it was there and whole."""
        if not path.exists():
            return False
        try:
            evaluator.merge(path)
        except (StateMismatchError, SourceError):
            return False  # nothing was merged; the state is made again
        return True

    def save(self, path: Path, file: Source, evaluator: Evaluator) -> None:
        """Writes the state of a file, in place of older ones; SourceError where the file changed meanwhile."""
        if self.path_of(file) != path:
            raise SourceError(f"{file.files[0]} changed while it was read")
        evaluator.save_state(path)
        same_file = path.name[: -len(".arrow") - _DIGITS]
        for other in self.folder.iterdir():
            if other.name.startswith(same_file) and other.name != path.name:
                other.unlink(missing_ok=True)


def _fingerprint(evaluator: Evaluator, source: Source) -> list[Any]:
    """What is evaluated, by what makes states fit together."""
    arguments = evaluator.arguments
    if arguments["qrels"] is not None:
        raise ParameterError("states_dir= does not go with qrels=: a state of a file does not say of which judgments")
    plan = evaluator.plan
    schema = source.schema
    names, _ = evaluator.columns(schema)
    # Those of keys of folders depend on the other folders.
    types = {name: str(schema.field(name).type) for name in names if name in schema.names}
    weights = {name: repr(arguments[name]) for name in ("class_weight", "negative_downsampling")}
    identities = sorted(identity.text for identity in (*plan.accumulators, *plan.streams))
    return [FORMAT, identities, types, weights, arguments["by"], arguments["on_invalid"], arguments["queries"]]


def _hash(what: Any) -> str:
    return hashlib.sha256(json.dumps(what, sort_keys=True, default=repr).encode()).hexdigest()[:_DIGITS]
