"""A click log of any size as hive-partitioned Parquet, written as it is made.

A day is a folder `day=2026-01-01`, with several files.  A session is a page of a few to a hundred shown ads: its rows
stand together, and its ids grow from file to file.  Some 3 % of the rows are clicked, as often as their scores say but
for noise; some campaigns are shown thirty times as often as others.

Each file has a seed of its own, so that they can be made side by side, and a larger log has the whole files
of a smaller one.
"""

from __future__ import annotations

import os
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["CAMPAIGNS", "make_click_log"]

FILE_ROWS = 5_000_000
FILES_A_DAY = 5
GROUP_ROWS = 1 << 20
CAMPAIGNS = 1000
SHOWN = 12  # rows of a session in the middle of the distribution
MOST_SHOWN = 100
FIRST_DAY = date(2026, 1, 1)
COUNTRIES = (
    "US", "IN", "BR", "DE", "GB", "FR", "JP", "MX", "ID", "IT", "ES", "TR", "CA", "PL", "KR",
    "NL", "AU", "AR", "PH", "VN", "TH", "CO", "EG", "SE", "CH", "BE", "PT", "CZ", "GR", "NZ",
)  # fmt: skip
DEVICES = ("phone", "desktop", "tablet")
SCHEMA = pa.schema(
    {
        "ts": pa.timestamp("ms", "UTC"),
        "session": pa.int64(),
        "country": pa.dictionary(pa.int8(), pa.string()),
        "device": pa.dictionary(pa.int8(), pa.string()),
        "campaign": pa.int16(),
        "clicked": pa.int8(),
        "p_click": pa.float32(),
    }
)


@dataclass(frozen=True)
class _File:
    folder: Path
    number: int
    rows: int

    @property
    def day(self) -> date:
        return FIRST_DAY + timedelta(days=self.number // FILES_A_DAY)

    @property
    def path(self) -> Path:
        return self.folder / f"day={self.day}" / f"part-{self.number % FILES_A_DAY}.parquet"


def make_click_log(folder: Path, rows: int, processes: int | None = None) -> list[Path]:
    """Writes the files that are not there yet.

    Parameters
    ----------
    folder : Path
        Where to.
    rows : int
        How many.
    processes : int, optional
        How many files to write at a time, each in a process; default: one for each processor.

    Returns
    -------
    list of Path
        The files of so many rows, in order.
    """
    files = [
        _File(folder, number, min(FILE_ROWS, rows - first)) for number, first in enumerate(range(0, rows, FILE_ROWS))
    ]
    processes = processes or len(os.sched_getaffinity(0))
    if min(processes, len(files)) == 1:
        return list(map(_write, files))
    with ProcessPoolExecutor(processes) as pool:
        return list(pool.map(_write, files))


def _write(file: _File) -> Path:
    path = file.path
    if path.exists() and pq.read_metadata(path).num_rows == file.rows:
        return path
    path.parent.mkdir(parents=True, exist_ok=True)
    begun = path.with_suffix(".part")
    generator = np.random.default_rng([2026, file.number])
    with pq.ParquetWriter(
        begun,
        SCHEMA,
        compression="snappy",
        use_dictionary=["country", "device", "campaign", "clicked"],
        column_encoding={"ts": "DELTA_BINARY_PACKED", "session": "DELTA_BINARY_PACKED", "p_click": "PLAIN"},
    ) as writer:
        session = file.number << 24  # a file has fewer
        for first in range(0, file.rows, GROUP_ROWS):
            batch, session = _batch(generator, min(GROUP_ROWS, file.rows - first), session, file.day, first / file.rows)
            writer.write_batch(batch, row_group_size=GROUP_ROWS)
    return begun.rename(path)


def _batch(
    generator: np.random.Generator, rows: int, session: int, day: date, time: float
) -> tuple[pa.RecordBatch, int]:
    """Rows of whole sessions, but for the last; and the id of the next session."""
    lengths = np.clip(generator.lognormal(np.log(SHOWN), 0.8, rows // 8), 2, MOST_SHOWN).astype(np.int64)
    count = int(np.searchsorted(np.cumsum(lengths), rows)) + 1
    of = np.repeat(np.arange(count), lengths[:count])[:rows]
    begin = int(datetime(day.year, day.month, day.day, tzinfo=UTC).timestamp() * 1000)
    step = 86_400_000 // FILES_A_DAY * rows / FILE_ROWS / count
    seconds = begin + (time * 86_400_000 / FILES_A_DAY + np.arange(count) * step).astype(np.int64)
    normal = generator.standard_normal
    log_odds = normal(count, np.float32)[of] * np.float32(0.7) + normal(rows, np.float32) - np.float32(4.0)
    noise = normal(rows, np.float32) * np.float32(0.3)
    clicked = generator.random(rows, np.float32) < 1 / (1 + np.exp(-log_odds - noise))
    country = (len(COUNTRIES) * generator.random(count) ** 2.5).astype(np.int8)
    device = generator.choice(len(DEVICES), count, p=(0.7, 0.25, 0.05)).astype(np.int8)
    campaign = (CAMPAIGNS * generator.random(rows, np.float32) ** 2).astype(np.int16)
    columns = [
        _array(SCHEMA.field("ts").type, seconds[of]),
        _array(pa.int64(), session + of),
        pa.DictionaryArray.from_arrays(_array(pa.int8(), country[of]), pa.array(COUNTRIES)),
        pa.DictionaryArray.from_arrays(_array(pa.int8(), device[of]), pa.array(DEVICES)),
        _array(pa.int16(), np.minimum(campaign, CAMPAIGNS - 1)),
        _array(pa.int8(), clicked.astype(np.int8)),
        _array(pa.float32(), 1 / (1 + np.exp(-log_odds))),
    ]
    return pa.RecordBatch.from_arrays(columns, schema=SCHEMA), session + count


def _array(kind: pa.DataType, values: NDArray[Any]) -> pa.Array:
    return pa.Array.from_buffers(kind, len(values), [None, pa.py_buffer(np.ascontiguousarray(values))])
