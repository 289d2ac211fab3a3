"""What the layout of files costs an evaluation: `python benchmarks/parquet_layouts.py`.

Writes the same rows in many layouts, evaluates each in turn, round after round, and prints the tables of
docs/parquet.md: the size of each layout and the time on all processors, as ratios to the first layout of its table.
"""

from __future__ import annotations

import argparse
import shutil
import tempfile
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from time import process_time
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.csv
import pyarrow.ipc
import pyarrow.parquet as pq

import fastrank as fr

QUERY_ROWS = 20
DAYS = 30
# Plain numbers, Snappy, a million rows a row group: what the other layouts are compared with.
USUAL = {"row_group_size": 1 << 20, "compression": "snappy", "use_dictionary": False}


@dataclass(frozen=True)
class Layout:
    """One way to write the rows: what is changed in them, and how they are written."""

    name: str
    change: Callable[[pa.Table], pa.Table] = lambda table: table
    options: dict[str, Any] = field(default_factory=dict)
    suffix: str = ".parquet"
    file_rows: int | None = None
    evaluation: dict[str, Any] = field(default_factory=dict)

    def write(self, table: pa.Table, columns: tuple[str, ...], folder: Path) -> int:
        """Writes columns as files; their bytes."""
        folder.mkdir()
        table = self.change(table).select(columns)
        rows = self.file_rows or table.num_rows
        for number, start in enumerate(range(0, table.num_rows, rows)):
            part, path = table.slice(start, rows), folder / f"part-{number:05}{self.suffix}"
            if self.suffix == ".csv":
                pyarrow.csv.write_csv(part, path)
            elif self.suffix == ".arrow":
                with pyarrow.ipc.new_file(path, part.schema) as writer:
                    writer.write_table(part, max_chunksize=1 << 17)
            else:
                pq.write_table(part, path, **USUAL | self.options)
        return sum(path.stat().st_size for path in folder.iterdir())


def clicks(rows: int, seed: int = 0) -> pa.Table:
    """A click log: sessions of 20 rows in the order of their ids, scores that tell clicks apart."""
    generator = np.random.default_rng(seed)
    sessions = -(-rows // QUERY_ROWS)
    odds = np.exp(generator.standard_normal(rows, np.float32) - np.float32(3.0))
    score = odds / (1 + odds)
    return pa.table(
        {
            "score": score,
            "label": (generator.random(rows) < score).astype(np.int8),
            "query": np.repeat(np.arange(sessions), QUERY_ROWS)[:rows],
            "day": np.sort(generator.integers(1, DAYS + 1, rows)).astype(np.int32),
            "country": generator.integers(0, 50, rows).astype(np.int32),
            "order": generator.permutation(rows),
        }
    )


def recast(table: pa.Table, **types: pa.DataType) -> pa.Table:
    """Columns in other types."""
    for name, kind in types.items():
        table = table.set_column(table.schema.get_field_index(name), name, table[name].cast(kind))
    return table


def with_nulls(table: pa.Table) -> pa.Table:
    """A null in place of one score in a hundred."""
    score = table["score"].combine_chunks()
    holes = pa.array(np.arange(len(score)) % 100 == 0)
    return table.set_column(0, "score", pa.compute.if_else(holes, pa.scalar(None, pa.float32()), score))


def rename_queries(table: pa.Table, kind: str) -> pa.Table:
    """Other ids of the same queries: integers in no order, or text."""
    ids = table["query"].to_numpy().astype(np.uint64) * np.uint64(0x9E3779B97F4A7C15)
    column = pa.array((ids >> np.uint64(1)).astype(np.int64))
    if kind == "text":
        column = pa.compute.binary_join_element_wise("session", column.cast(pa.string()), "-")
    return table.set_column(table.schema.get_field_index("query"), "query", column)


def shuffled(table: pa.Table) -> pa.Table:
    """The rows in a random order."""
    return table.sort_by("order")


def as_lists(table: pa.Table) -> pa.Table:
    """A row a query: labels and scores as lists."""
    rows = table.num_rows // QUERY_ROWS * QUERY_ROWS
    offsets = pa.array(np.arange(0, rows + 1, QUERY_ROWS, np.int32))
    lists = {
        name: pa.ListArray.from_arrays(offsets, table[name].slice(0, rows).combine_chunks())
        for name in ("score", "label")
    }
    return pa.table({**lists, "query": table["query"].slice(0, rows).take(pa.array(np.arange(0, rows, QUERY_ROWS)))})


def as_text(table: pa.Table, values: int) -> pa.Table:
    """Slices that are text, of so many values."""
    text = pa.array([f"value-{i}" for i in range(values)])
    codes = pa.array((table["order"].to_numpy() % values).astype(np.int32))
    return table.set_column(table.schema.get_field_index("country"), "country", text.take(codes))


@dataclass(frozen=True)
class Comparison:
    """Layouts of the same columns, of which the first is the one that the others are compared with."""

    title: str
    columns: tuple[str, ...]
    evaluation: dict[str, Any]
    layouts: list[Layout]

    def measure(self, rows: int, rounds: int, folder: Path) -> list[tuple[int, float]]:
        """(bytes, least seconds of all processors) of each layout, the rounds of all interleaved."""
        table = clicks(rows)
        sizes = [layout.write(table, self.columns, folder / str(i)) for i, layout in enumerate(self.layouts)]
        seconds: list[list[float]] = [[] for _ in self.layouts]
        for _ in range(rounds + 1):
            for i, layout in enumerate(self.layouts):
                begin = process_time()
                fr.evaluate(folder / str(i), **self.evaluation | layout.evaluation)
                seconds[i].append(process_time() - begin)
        # The first round finds nothing loaded; what else runs on the machine only ever adds time.
        return [(size, min(times[1:])) for size, times in zip(sizes, seconds, strict=True)]


ROWS = {"metrics": ["log_loss", "auc(bits=20)"], "label": "label", "score": "score"}
QUERIES = {"metrics": ["ndcg@10", "mrr"], "label": "label", "score": "score", "query": "query"}
SLICES = {"metrics": ["log_loss"], "label": "label", "score": "score", "by": "country"}
WHERE = {"metrics": ["log_loss"], "label": "label", "score": "score", "where": "day = 7"}

COMPARISONS = [
    Comparison(
        "encoding, type and compression",
        ("score", "label"),
        ROWS,
        [
            Layout("float32, plain, Snappy, row groups of 1,048,576"),
            Layout("score with a dictionary (pyarrow's default)", options={"use_dictionary": ["score"]}),
            Layout("score as byte stream split", options={"use_byte_stream_split": ["score"]}),
            Layout("label with a dictionary", options={"use_dictionary": ["label"]}),
            Layout("score as float64", partial(recast, score=pa.float64())),
            Layout("score as decimal(9, 6)", partial(recast, score=pa.decimal128(9, 6))),
            Layout("label as int64", partial(recast, label=pa.int64())),
            Layout("one score in a hundred is null", with_nulls, evaluation={"on_invalid": "drop"}),
            Layout("not compressed", options={"compression": "none"}),
            Layout("LZ4", options={"compression": "lz4"}),
            Layout("zstd, level 1", options={"compression": "zstd", "compression_level": 1}),
            Layout("zstd, level 15", options={"compression": "zstd", "compression_level": 15}),
            Layout("gzip", options={"compression": "gzip"}),
            Layout("Brotli", options={"compression": "brotli"}),
        ],
    ),
    Comparison(
        "row groups, files and formats",
        ("score", "label"),
        ROWS,
        [
            Layout("one file, row groups of 1,048,576"),
            Layout("row groups of 131,072", options={"row_group_size": 131_072}),
            Layout("row groups of 10,000", options={"row_group_size": 10_000}),
            Layout("row groups of 1,000", options={"row_group_size": 1_000}),
            Layout("files of 100,000 rows", file_rows=100_000),
            Layout("files of 10,000 rows", file_rows=10_000),
            Layout("files of 1,000 rows", file_rows=1_000),
            Layout("Arrow IPC, not compressed", suffix=".arrow"),
            Layout("CSV", suffix=".csv"),
        ],
    ),
    Comparison(
        "queries",
        ("score", "label", "query"),
        QUERIES,
        [
            Layout("int64 ids that ascend"),
            Layout("int64 ids in no order, rows of a query adjacent", partial(rename_queries, kind="integer")),
            Layout("text ids, rows of a query adjacent", partial(rename_queries, kind="text")),
            Layout("text ids with a dictionary, rows of a query adjacent", partial(rename_queries, kind="text"),
                   options={"use_dictionary": ["query"]}),
            Layout("rows in a random order", shuffled),
            Layout("rows in a random order, queries=\"scattered\"", shuffled, evaluation={"queries": "scattered"}),
            Layout("a row a query, label and score as lists", as_lists),
        ],
    ),
    Comparison(
        "slices",
        ("score", "label", "country"),
        SLICES,
        [
            Layout("50 integers with a dictionary", options={"use_dictionary": ["country"]}),
            Layout("50 integers, plain"),
            Layout("50 texts with a dictionary", partial(as_text, values=50), options={"use_dictionary": ["country"]}),
            Layout("50 texts, plain", partial(as_text, values=50)),
            Layout("5,000 texts with a dictionary", partial(as_text, values=5_000),
                   options={"use_dictionary": ["country"]}),
        ],
    ),
    Comparison(
        "one day of thirty, where=\"day = 7\"",
        ("score", "label", "day"),
        WHERE,
        [
            Layout("rows in the order of the day, row groups of 65,536", options={"row_group_size": 65_536}),
            Layout("the same without statistics", options={"row_group_size": 65_536, "write_statistics": False}),
            Layout("rows in a random order", shuffled, options={"row_group_size": 65_536}),
        ],
    ),
]  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=lambda text: int(float(text)), default=4_000_000)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--folder", type=Path, help="where to write to; default: a temporary folder")
    given = parser.parse_args()
    for comparison in COMPARISONS:
        folder = Path(tempfile.mkdtemp(dir=given.folder))
        try:
            found = comparison.measure(given.rows, given.rounds, folder)
        finally:
            shutil.rmtree(folder)
        size, seconds = found[0]
        print(f"| {comparison.title} | bytes a row | size | time | ns a row |\n|---|---:|---:|---:|---:|")
        for layout, (its_size, its_seconds) in zip(comparison.layouts, found, strict=True):
            cells = [f"{its_size / given.rows:.2f}", f"{its_size / size:.2f}", f"{its_seconds / seconds:.2f}"]
            print(f"| {layout.name} | {' | '.join(cells)} | {its_seconds / given.rows * 1e9:.1f} |")
        print(flush=True)


if __name__ == "__main__":
    main()
