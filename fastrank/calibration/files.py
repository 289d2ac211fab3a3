"""Calibrators as files: JSON for people, Arrow IPC for tables of any size."""

from __future__ import annotations

import json
import math
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

from fastrank.atomic import atomic_file
from fastrank.buffers import buffer_view, to_arrow
from fastrank.calibration.base import CALIBRATORS, FittedCalibrator
from fastrank.errors import FastrankError, ParameterError, SourceError

if TYPE_CHECKING:
    from fastrank.calibration.base import Calibrator

__all__ = ["load", "save"]

FORMAT = 1
_KEY = b"fastrank.calibrator"
# JSON has no infinity, where an end of a block may be.
_INFINITIES = {"inf": math.inf, "-inf": -math.inf}


def save(calibrator: Calibrator, path: str | os.PathLike[str]) -> None:
    """Writes a calibrator; see `Calibrator.save`."""
    about = {"format": FORMAT, "calibrator": calibrator.kind, "parameters": calibrator.parameters}
    if isinstance(calibrator, FittedCalibrator):
        about |= {"rows": calibrator.rows, "rows_dropped": calibrator.rows_dropped}
    content = calibrator.content()
    suffix = Path(path).suffix.lower()
    if suffix == ".json":
        fitted = {name: _to_json(value) for name, value in content.items()}
        text = json.dumps({"fastrank": about, "fitted": fitted}, indent=1, allow_nan=False)
        with atomic_file(path) as file:
            file.write(f"{text}\n".encode())
    elif suffix == ".arrow":
        arrays = [to_arrow(np.atleast_1d(np.asarray(value, np.float64))) for value in content.values()]
        schema = pa.schema([pa.field(name, pa.float64()) for name in content], {_KEY: json.dumps(about).encode()})
        with atomic_file(path) as file, pa.ipc.new_file(file, schema) as writer:
            writer.write_table(pa.Table.from_arrays(arrays, schema=schema))
    else:
        raise ParameterError(f"{os.fspath(path)!r}: the file of a calibrator ends with .json or .arrow")


def load(path: str | os.PathLike[str]) -> Calibrator:
    """A calibrator that `save` wrote.

    Parameters
    ----------
    path : str or path-like
        A .json or .arrow file.

    Returns
    -------
    Calibrator
        Equal to the one that was saved.

    Raises
    ------
    SourceError
        The file cannot be read, is damaged, or holds something else.

    Examples
    --------
    >>> import tempfile
    >>> from pathlib import Path
    >>> from fastrank import calibration
    >>> path = Path(tempfile.mkdtemp(), "correction.json")
    >>> calibration.DownsamplingCorrection(rate=0.1).save(path)
    >>> calibration.load(path)
    DownsamplingCorrection(rate=0.1)
    """
    suffix = Path(path).suffix.lower()
    if suffix not in (".json", ".arrow"):
        raise ParameterError(f"{os.fspath(path)!r}: the file of a calibrator ends with .json or .arrow")
    try:
        about, fitted = (_read_json if suffix == ".json" else _read_arrow)(path)
        return _restored(about, fitted)
    except FileNotFoundError as error:
        raise SourceError(f"{os.fspath(path)} cannot be read: {error.strerror}") from error
    except (FastrankError, ValueError, TypeError, KeyError, OSError, AttributeError, pa.ArrowException) as error:
        raise SourceError(f"{os.fspath(path)} is no calibrator of fastrank, or is damaged: {_words(error)}") from error


def _words(error: Exception) -> str:
    missing = isinstance(error, KeyError) and not isinstance(error, FastrankError)
    return f"it lacks {error}" if missing else str(error)


def _restored(about: dict[str, Any], fitted: dict[str, Any]) -> Calibrator:
    if about["format"] != FORMAT:
        raise ValueError(f"it is of format {about['format']!r}, and this version reads {FORMAT}")
    if about["calibrator"] not in CALIBRATORS:
        raise ValueError(f"there is no calibrator {about['calibrator']!r}")
    calibrator = CALIBRATORS[about["calibrator"]](**about["parameters"])
    if set(fitted) != set(calibrator.fitted):
        raise ValueError(f"it holds {sorted(fitted)} and not {sorted(calibrator.fitted)}")
    calibrator.restore(fitted)
    if isinstance(calibrator, FittedCalibrator):
        calibrator.rows, calibrator.rows_dropped = (_count(about, name) for name in ("rows", "rows_dropped"))
    return calibrator


def _count(about: dict[str, Any], name: str) -> int | None:
    count = about[name]
    if count is not None and (not isinstance(count, int) or count < 0):
        raise ValueError(f"{name} is no number of rows")
    return count


def _to_json(value: Any) -> Any:
    if isinstance(value, np.ndarray):
        return [each if math.isfinite(each) else str(each) for each in value.tolist()]
    return value


def _read_json(path: str | os.PathLike[str]) -> tuple[dict[str, Any], dict[str, Any]]:
    whole = json.loads(Path(path).read_text(encoding="utf-8"))
    fitted = {
        name: [_INFINITIES[x] if isinstance(x, str) else x for x in value] if isinstance(value, list) else value
        for name, value in whole["fitted"].items()
    }
    return whole["fastrank"], fitted


def _read_arrow(path: str | os.PathLike[str]) -> tuple[dict[str, Any], dict[str, Any]]:
    with pa.OSFile(os.fspath(path)) as file, pa.ipc.open_file(file) as reader:
        table = reader.read_all()
    about = json.loads((table.schema.metadata or {})[_KEY])
    fitted = {}
    for name in table.schema.names:
        column = table.column(name).combine_chunks()
        if column.type != pa.float64() or column.null_count:
            raise ValueError(f"column {name!r} is no column of float64 without nulls")
        fitted[name] = np.array(buffer_view(column, np.float64))
    return about, fitted
