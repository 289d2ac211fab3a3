"""A billion rows of Parquet: `python benchmarks/billion.py [--rows 1e8] [--folder clicks] [--json result.json]`.

Makes the click log of `click_log.py` (6 GB for 10^9 rows; what is there already stays), reads it once so that it is in
the cache, and then takes the time of each case below, and its peak memory, in a process of its own: all of them in
turn, as often as `--repeat` says; the best of each counts.  `--only` names some.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import resource
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from importlib import import_module
from importlib.metadata import version
from pathlib import Path
from time import perf_counter
from typing import Any

from click_log import FILE_ROWS, make_click_log

LOSSES = ["log_loss", "nce", "brier", "calibration_ratio", "ece(bins=15)"]
STREAMING = ["auc(bits=20)", *LOSSES]
RANKING = ["ndcg@10", "mrr", "map@10", "recall@10", "precision@10"]
TWO, RANKED, SLICED = ["p_click", "clicked"], ["p_click", "clicked", "session"], ["p_click", "clicked", "campaign"]
Values = dict[str, float]


@dataclass(frozen=True)
class Given:
    """What a case is run on."""

    paths: list[Path]
    threads: int

    @property
    def texts(self) -> list[str]:
        return [str(path) for path in self.paths]


def scan(columns: list[str]) -> Callable[[Given], Values]:
    """pyarrow's dataset scan of some columns, and nothing else."""

    def run(given: Given) -> Values:
        import pyarrow as pa
        from pyarrow import dataset

        pa.set_cpu_count(given.threads)
        scanner = dataset.dataset(given.texts).scanner(columns=columns, use_threads=given.threads > 1)
        return {"rows": float(sum(batch.num_rows for batch in scanner.to_batches()))}

    return run


def evaluate(metrics: list[str], **options: Any) -> Callable[[Given], Values]:
    """fastrank over the files."""

    def run(given: Given) -> Values:
        import fastrank as fr

        result = fr.evaluate(given.texts, metrics, label="clicked", score="p_click", threads=given.threads, **options)
        values = {name: result[name] for name in metrics}
        return {**values, "lines of the result": float(result.table.num_rows)}

    return run


by_polars = partial(evaluate, engine="polars")


def duckdb_log_loss(given: Given) -> Values:
    import duckdb

    connection = duckdb.connect(config={"threads": given.threads})
    files = ", ".join(f"'{path}'" for path in given.texts)
    term = "ln(greatest(case when clicked = 1 then p_click::double else 1 - p_click::double end, 2.2e-16))"
    rows = connection.sql(f"select -avg({term}) from read_parquet([{files}], hive_partitioning = false)").fetchall()
    return {"log_loss": float(rows[0][0])}


def polars_log_loss(given: Given) -> Values:
    import polars as pl

    p = pl.col("p_click").cast(pl.Float64)
    of_class = pl.when(pl.col("clicked") == 1).then(p).otherwise(1 - p)
    rows = pl.scan_parquet(given.texts, hive_partitioning=False)
    return {"log_loss": rows.select(-of_class.clip(2.2e-16).log().mean()).collect(engine="streaming").item()}


@dataclass(frozen=True)
class Case:
    """`over` is the case whose time is the unit, `most` how many of them it may take; `part`, the share of the rows."""

    name: str
    run: Callable[[Given], Values]
    over: str = ""
    most: float | None = None
    part: float = 1.0
    threads: int = 0  # 0: as many as were asked for
    modules: tuple[str, ...] = ("fastrank",)  # loaded before the clock starts


BOTH = ("fastrank", "polars")
CASES = [
    Case("scan of score, label", scan(TWO), modules=("pyarrow.dataset",)),
    Case("scan, one thread", scan(TWO), threads=1, modules=("pyarrow.dataset",)),
    Case("streaming", evaluate(STREAMING), "scan of score, label", 1.3),
    Case("streaming, one thread", evaluate(STREAMING), "scan, one thread", threads=1),
    Case("streaming, engine=polars", by_polars(STREAMING), "scan of score, label", 1.0, modules=BOTH),
    Case("streaming, a tenth of the rows", evaluate(STREAMING), part=0.1),
    Case("streaming, exact auc", evaluate(["auc", *LOSSES]), "scan of score, label", 2.5),
    Case("exact auc, engine=polars", by_polars(["auc", *LOSSES]), "scan of score, label", 2.5, modules=BOTH),
    Case("DuckDB, log loss", duckdb_log_loss, "streaming", modules=("duckdb",)),
    Case("Polars, log loss", polars_log_loss, "streaming", modules=("polars",)),
    Case("scan of score, label, query", scan(RANKED), modules=("pyarrow.dataset",)),
    Case("ranking", evaluate(RANKING, query="session"), "scan of score, label, query", 2.5),
    Case(
        "ranking, engine=polars", by_polars(RANKING, query="session"), "scan of score, label, query", 2.5, modules=BOTH
    ),
    Case("losses", evaluate(LOSSES)),
    Case("losses by campaign", evaluate(LOSSES, by="campaign"), "losses", 1.5),
    Case("auc(bits=16)", evaluate(["auc(bits=16)"])),
    Case("auc(bits=16) by campaign", evaluate(["auc(bits=16)"], by="campaign"), "auc(bits=16)", 3.0),
    Case("scan of score, label, campaign", scan(SLICED), modules=("pyarrow.dataset",)),
]


def measure(case: Case, given: Given) -> dict[str, Any]:
    """Runs a case here: seconds, peak memory in bytes, values."""
    for module in case.modules:
        import_module(module)
    begin = perf_counter()
    values = case.run(given)
    seconds = perf_counter() - begin
    return {
        "seconds": seconds,
        "peak_bytes": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024,
        "values": values,
    }


def measure_apart(case: Case, arguments: argparse.Namespace) -> dict[str, Any]:
    """Runs a case in a new process: one has the peak memory of all that it ever did."""
    command = [
        *(sys.executable, __file__, "--folder", str(arguments.folder), "--rows", str(arguments.rows)),
        *("--threads", str(arguments.threads), "--case", case.name),
    ]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(f"{case.name}: {done.stderr.strip()}")
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def machine() -> dict[str, Any]:
    names = ("fastrank-metrics", "pyarrow", "numpy", "polars", "duckdb")
    lines = Path("/proc/cpuinfo").read_text().splitlines() if Path("/proc/cpuinfo").exists() else []
    processor = next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), "")
    return {
        "processor": processor or platform.processor(),
        "processors": len(os.sched_getaffinity(0)),
        "python": platform.python_version(),
        **{name: version(name) for name in names},
    }


def read_once(paths: list[Path]) -> int:
    """Reads all files, so that they are in the cache; how many bytes."""
    total = 0
    for path in paths:
        with path.open("rb") as file:
            while data := file.read(1 << 24):
                total += len(data)
    return total


def report(found: dict[str, list[dict[str, Any]]], rows: int) -> list[str]:
    """A line a case, of its best run."""
    best = {name: min(runs, key=lambda run: run["seconds"]) for name, runs in found.items()}
    width = max(map(len, best))
    lines = [
        f"{'':{width}}  {'seconds':>8}  {'M rows/s':>8}  {'times':>6}  {'of':{width}}  {'asked':>6}  {'peak MiB':>8}"
    ]
    for case in CASES:
        if case.name not in best:
            continue
        run = best[case.name]
        ratio = f"{run['seconds'] / best[case.over]['seconds']:.2f}" if case.over in best else ""
        asked = "" if case.most is None else f"{case.most:.1f}"
        lines.append(
            f"{case.name:{width}}  {run['seconds']:8.2f}  {rows * case.part / run['seconds'] / 1e6:8.0f}  {ratio:>6}  "
            f"{case.over if ratio else '':{width}}  {asked:>6}  {run['peak_bytes'] / (1 << 20):8.0f}"
        )
    both = [("scan, one thread", "scan of score, label"), ("streaming, one thread", "streaming")]
    gains = [best[one]["seconds"] / best[two]["seconds"] for one, two in both if one in best and two in best]
    if len(gains) == 2:
        lines.append(f"two threads: the scan {gains[0]:.2f} times as fast, the evaluation {gains[1]:.2f} times")
    return lines


def check(found: dict[str, list[dict[str, Any]]]) -> None:
    """All runs of a case give the same bits, whatever the threads and the engine; peers the same number, nearly."""
    values: dict[str, float] = {}
    for case in CASES:
        for run in found.get(case.name, []) if case.part == 1 else []:
            for name, value in run["values"].items():
                if name in ("rows", "lines of the result"):
                    continue
                known = values.setdefault(name, value)
                ours = case.name.partition(",")[0] not in ("DuckDB", "Polars")
                if (value != known) if ours else (abs(value - known) > 1e-9 * abs(known)):
                    raise SystemExit(f"{case.name}: {name} is {value!r}, and was {known!r} before")
    print("the same to the last bit in all runs:")
    for name, value in values.items():
        print(f"  {name} {value!r}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=lambda text: int(float(text)), default=1_000_000_000)
    parser.add_argument("--folder", type=Path, default=Path("click_log"))
    parser.add_argument("--threads", type=int, default=len(os.sched_getaffinity(0)))
    parser.add_argument("--repeat", type=int, default=3)
    parser.add_argument("--only", action="append", help="Name of a case; again for more.")
    parser.add_argument("--json", type=Path, help="File to write all runs to.")
    parser.add_argument("--case", choices=[case.name for case in CASES], help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    paths = make_click_log(arguments.folder, arguments.rows)
    if arguments.case:
        case = next(case for case in CASES if case.name == arguments.case)
        some = paths[: max(1, round(len(paths) * case.part))]
        print(json.dumps(measure(case, Given(some, case.threads or arguments.threads))))
        return
    size = read_once(paths)
    print(f"{arguments.rows:,} rows in {len(paths)} files of {FILE_ROWS:,}, {size / 1e9:.2f} GB; {machine()}")
    found: dict[str, list[dict[str, Any]]] = {}
    for turn in range(arguments.repeat):
        for case in CASES:
            if arguments.only and case.name not in arguments.only:
                continue
            run = measure_apart(case, arguments)
            found.setdefault(case.name, []).append(run)
            print(f"{turn + 1}/{arguments.repeat} {case.name}: {run['seconds']:.2f} s", file=sys.stderr, flush=True)
    print("\n".join(report(found, arguments.rows)))
    check(found)
    if arguments.json is not None:
        arguments.json.write_text(json.dumps({"machine": machine(), "rows": arguments.rows, "runs": found}, indent=1))


if __name__ == "__main__":
    main()
