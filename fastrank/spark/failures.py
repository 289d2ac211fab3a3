"""Errors of workers as those of fastrank, without the tracebacks of two languages."""

from __future__ import annotations

import re
from contextlib import contextmanager
from typing import TYPE_CHECKING

from fastrank import errors
from fastrank.errors import FastrankError

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["in_words", "telling"]

_RAISED = re.compile(r"^fastrank\.errors\.(\w+): (.*)$", re.MULTILINE)
_NOT_THERE = re.compile(r"ModuleNotFoundError: No module named '([\w.]+)'")
_TOO_LARGE = re.compile(r"Total size of serialized results of .* is bigger than (?:local )?(.*?)[.\n]*$", re.MULTILINE)
SHIPPED = ("fastrank", "pyarrow", "numpy", "numba", "sqlglot")


@contextmanager
def telling() -> Iterator[None]:
    """Turns errors of Spark that are about fastrank into one of its own."""
    try:
        yield
    except Exception as error:
        if type(error).__module__.split(".")[0] not in ("pyspark", "py4j"):
            raise
        found = in_words(str(error))
        if found is None:
            raise
        raise found from None


def in_words(text: str) -> FastrankError | None:
    """The error that a message of Spark tells of; None where it is about something else."""
    raised = _RAISED.search(text)
    if raised is not None:
        kind = getattr(errors, raised[1], FastrankError)
        if not (isinstance(kind, type) and issubclass(kind, FastrankError)):
            kind = FastrankError
        return kind(raised[2].strip())
    missing = _NOT_THERE.search(text)
    if missing is not None and missing[1].split(".")[0] in SHIPPED:
        return FastrankError(
            f"the executors cannot import {missing[1]}: their Python needs fastrank and what it requires "
            "(PYSPARK_PYTHON names it); an archive of the environment can be shipped (spark.archives)"
        )
    if _TOO_LARGE.search(text) is not None:
        return FastrankError(
            "the states are larger than the driver may collect (spark.driver.maxResultSize): raise that; or take "
            "metrics whose state has a fixed size, such as auc(bits=...) in place of auc; or fewer slices (by=)"
        )
    return None
