"""A made-up click log, for trying things out."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa

from fastrank.atomic import atomic_file
from fastrank.buffers import to_arrow

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from numpy.typing import NDArray

__all__ = ["click_log", "write_click_log"]

SHOWN = 20
COUNTRIES = ("BR", "DE", "FR", "IN", "US")
ROWS_PER_FILE = 1_000_000


def click_log(rows: int, seed: int = 0) -> Iterator[pa.RecordBatch]:
    """Record batches of a click log: sessions of 20 shown items, each with predictions of two models.

    Parameters
    ----------
    rows : int
        How many rows; rounded up to whole sessions.
    seed : int
        Seed of the random numbers; equal seeds give equal rows.

    Yields
    ------
    pyarrow.RecordBatch
        Columns session_id (int64), country (string), item_id (int32), clicked (int8), relevance (int8, 0 to 3), and
        p_click, p_click_old (float32).
    """
    generator = np.random.default_rng(seed)
    first, sessions = 0, -(-rows // SHOWN)
    countries = pa.array(COUNTRIES)
    while first < sessions:
        count = min(ROWS_PER_FILE // SHOWN, sessions - first)
        n = count * SHOWN
        taste = np.repeat(generator.normal(-3.0, 0.8, count), SHOWN) + generator.normal(0.0, 1.2, n)
        clicked = generator.random(n) < 1 / (1 + np.exp(-taste))
        new = 1 / (1 + np.exp(-(taste + generator.normal(0.0, 0.5, n))))
        old = 1 / (1 + np.exp(-(0.7 * taste + 0.3 + generator.normal(0.0, 1.0, n))))
        yield pa.RecordBatch.from_arrays(
            [
                to_arrow(np.repeat(np.arange(first, first + count), SHOWN)),
                countries.take(to_arrow(np.repeat(generator.integers(0, len(COUNTRIES), count), SHOWN))),
                to_arrow(_distinct_items(generator, count)),
                to_arrow(clicked.astype(np.int8)),
                to_arrow((clicked * generator.integers(1, 4, n)).astype(np.int8)),
                to_arrow(new.astype(np.float32)),
                to_arrow(old.astype(np.float32)),
            ],
            names=["session_id", "country", "item_id", "clicked", "relevance", "p_click", "p_click_old"],
        )
        first += count


def _distinct_items(generator: np.random.Generator, sessions: int) -> NDArray[np.int32]:
    catalogue = np.tile(np.arange(10 * SHOWN, dtype=np.int32), (sessions, 1))
    return generator.permuted(catalogue, axis=1)[:, :SHOWN].ravel()


def write_click_log(folder: Path, rows: int, seed: int = 0) -> list[Path]:
    """Writes a click log as Parquet files of a million rows.

    Parameters
    ----------
    folder : Path
        Where to; made if it is not there.
    rows : int
        How many rows.
    seed : int
        Seed of the random numbers.

    Returns
    -------
    list of Path
        The files.
    """
    import pyarrow.parquet as pq

    folder.mkdir(parents=True, exist_ok=True)
    paths: list[Path] = []
    for number, batch in enumerate(click_log(rows, seed)):
        path = folder / f"part-{number:04}.parquet"
        with atomic_file(path) as file:
            pq.write_table(pa.Table.from_batches([batch]), file)
        paths.append(path)
    for number in itertools.count(len(paths)):
        # What a larger log left behind would be evaluated too.
        left = folder / f"part-{number:04}.parquet"
        if not left.exists():
            return paths
        left.unlink()
    return paths
