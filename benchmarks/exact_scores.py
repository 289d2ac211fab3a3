"""Exact metrics of a billion scores in bounded memory: `python benchmarks/exact_scores.py --memory-limit 4GiB`.

Streams a click log of float32 scores that is made on the way, so that nothing but the state is ever in memory, and
prints rows a second without the making of rows, peak memory, bytes on disk, and the values in full.
"""

from __future__ import annotations

import argparse
import os
import resource
import sys
import tempfile
from pathlib import Path
from time import perf_counter

import numpy as np
import pyarrow as pa

import fastrank as fr

METRICS = ("auc", "average_precision", "ks")
BATCH_ROWS = 1 << 20
UNITS = {"MiB": 1 << 20, "GiB": 1 << 30}


def make_batch(generator: np.random.Generator, rows: int) -> pa.RecordBatch:
    """Rows as those of `data.clicks`: about 7 % of them clicked, as often as the score says."""
    odds = np.exp(generator.standard_normal(rows, np.float32) - np.float32(3.0))
    score = odds / (1 + odds)
    label = (generator.random(rows, np.float32) < score).astype(np.int8)
    return pa.record_batch({"label": label, "score": score})


def bytes_of(text: str) -> int:
    unit = next((unit for unit in UNITS if text.endswith(unit)), None)
    return int(text) if unit is None else int(float(text.removesuffix(unit)) * UNITS[unit])


def deleted_bytes(folder: str) -> int:
    """The size of files without a name that this process has open below a folder."""
    files = [entry for entry in Path("/proc/self/fd").iterdir() if entry.is_symlink()]
    return sum(entry.stat().st_size for entry in files if entry.readlink().as_posix().startswith(folder))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=lambda text: int(float(text)), default=1_000_000_000)
    parser.add_argument("--memory-limit", type=bytes_of, default="4GiB")
    parser.add_argument("--threads", type=int, default=1, help="for the result")
    given = parser.parse_args()
    generator = np.random.default_rng(1)
    evaluator = fr.Evaluator(METRICS, label="label", score="score", memory_limit=given.memory_limit)
    evaluator.threads = given.threads
    evaluator.update(make_batch(generator, 1000))  # what is loaded at the first use
    base = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    seconds, done, folder = 0.0, 1000, os.path.realpath(tempfile.gettempdir())
    while done < given.rows:
        batch = make_batch(generator, min(BATCH_ROWS, given.rows - done))
        begin = perf_counter()
        evaluator.update(batch)
        seconds += perf_counter() - begin
        done += batch.num_rows
        if sys.stderr.isatty():
            print(f"\r{done:,} rows", end="", file=sys.stderr, flush=True)
    spilled = deleted_bytes(folder)
    begin = perf_counter()
    result = evaluator.result()
    last = perf_counter() - begin
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    print(f"\n{done:,} rows, memory_limit {given.memory_limit / UNITS['MiB']:,.0f} MiB, threads {given.threads}")
    print(f"update {seconds:.1f} s, result {last:.1f} s: {done / (seconds + last) / 1e6:.1f} million rows a second")
    print(f"peak memory {peak / 1024:,.0f} MiB, {(peak - base) / 1024:,.0f} MiB of it after the first batch")
    print(f"in temporary files before the result: {spilled / UNITS['MiB']:,.0f} MiB")
    for name in METRICS:
        print(f"{name} {result[name]!r} {float(result[name]).hex()}")


if __name__ == "__main__":
    main()
