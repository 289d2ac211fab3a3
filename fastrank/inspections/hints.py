"""What will be slow, or refused, and what to write instead."""

from __future__ import annotations

from dataclasses import dataclass
from statistics import median
from typing import TYPE_CHECKING

import pyarrow as pa

from fastrank.buffers import is_list
from fastrank.domains import LARGEST_SMALL_GRADE
from fastrank.inspections.footers import plain_type
from fastrank.inspections.roles import FEW_VALUES, named_for

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from fastrank.inspections.check import Check
    from fastrank.inspections.footers import Footers, Stored

__all__ = ["Hint", "find_hints"]

# How many times the time it takes, as benchmarks/parquet_layouts.py measures it, against the usual layout there.
TIMES = {
    "GZIP": "2",
    "BROTLI": "2.6",
    "CSV": "6",
    "decimal": "13",
    "float64": "2",
    "int64 label": "1.3",
    "null": "1.8",
    "text query": "3",
    "lists": "1.4",
    "no order": "1.3",
    "scattered": "3",
    "second attempt": "3.4",
}
# Row groups of 10,000 rows take 1.1 times the time of those of a million, of 1,000 rows 2.5 times.
SMALL_GROUP_ROWS = 10_000
# Threads share row groups, and from 2^24 rows a group there are few to share; nothing is faster than 2^20.
LARGE_GROUP_ROWS = 1 << 24
GOOD_GROUP_ROWS = 1 << 20
# To open a file and to read its footer takes 0.5 ms: files of 100,000 rows take 1.3 times the time of one of all rows,
# files of 10,000 rows 4 times.
SMALL_FILE_ROWS = 100_000
MANY_FILES = 10
SLOW_CODECS = ("GZIP", "BROTLI")
MOST_NAMES = 4
NUMBER_ROLES = ("label", "score", "weight")


@dataclass(frozen=True)
class Hint:
    """Something that will be slow, or refused.

    Attributes
    ----------
    topic : str
        A word for it.
    found : str
        What was found.
    why : str
        What that costs.
    instead : str
        What to write, or to ask for, instead.
    """

    topic: str
    found: str
    why: str
    instead: str

    def __str__(self) -> str:
        return f"{self.found}: {self.why}; {self.instead}"


def find_hints(footers: Footers, roles: Mapping[str, Sequence[str]], check: Check | None) -> list[Hint]:
    """All hints.

    Parameters
    ----------
    footers : Footers
        How the source is stored.
    roles : mapping of str to sequence of str
        The columns that are meant for each role.
    check : Check, optional
        What a pass over the rows found.

    Returns
    -------
    list of Hint
    """
    played = {role: [footers.columns[name] for name in names] for role, names in roles.items()}
    hints = [*_of_files(footers), *_of_schemas(footers), *_of_names(footers), *_of_numbers(played), *_of_ids(played)]
    hints += _of_nulls(played, check)
    return hints if check is None else [*hints, *_of_check(check)]


def _of_files(footers: Footers) -> Iterator[Hint]:
    groups, columns = footers.group_rows, footers.columns.values()
    is_parquet = "Parquet" in footers.formats
    if is_parquet and len(groups) > footers.files and median(groups) < SMALL_GROUP_ROWS:
        yield Hint(
            "small row groups", f"row groups have {median(groups):,.0f} rows",
            "each costs as much as thousands of rows",
            f"write row groups of about {GOOD_GROUP_ROWS:,} rows (row_group_size=)",
        )  # fmt: skip
    if is_parquet and groups and max(groups) >= LARGE_GROUP_ROWS:
        yield Hint(
            "large row groups", f"row groups have up to {max(groups):,} rows",
            "threads share out row groups, and where= leaves out whole ones",
            f"write row groups of about {GOOD_GROUP_ROWS:,} rows (row_group_size=)",
        )  # fmt: skip
    if footers.rows is not None and footers.files >= MANY_FILES and footers.rows < footers.files * SMALL_FILE_ROWS:
        yield Hint(
            "small files", f"{footers.files:,} files have {footers.rows / footers.files:,.0f} rows on average",
            "to open a file costs as much as 30,000 rows", "write fewer files, of a million rows or more",
        )  # fmt: skip
    for codec in SLOW_CODECS:
        names = [column.name for column in columns if codec in column.compression]
        if names:
            yield Hint(
                "slow compression", f"{_names(names)} {_are(names)} compressed by {codec.lower()}",
                f"takes {TIMES[codec]} times the time of Snappy", "write snappy, lz4 or zstd",
            )  # fmt: skip
    if "CSV" in footers.formats:
        yield Hint(
            "CSV", "rows are text",
            f"takes {TIMES['CSV']} times the time of Parquet, and threads cannot share out a file",
            "write Parquet",
        )  # fmt: skip
    untold = [column.name for column in columns if column.chunks_told < column.chunks and _has_order(column)]
    if untold:
        yield Hint(
            "no statistics", f"{_names(untold)} {_have(untold)} row groups without statistics",
            "where= cannot leave out row groups by them, and has to read all rows",
            "write them (write_statistics=True)",
        )  # fmt: skip


def _has_order(column: Stored) -> bool:
    """Whether Parquet has statistics of columns of its type that are read here."""
    kind = plain_type(column.type)
    return not (pa.types.is_null(kind) or pa.types.is_float16(kind))


def _of_schemas(footers: Footers) -> Iterator[Hint]:
    for column in footers.columns.values():
        lacking = footers.files - column.files
        if lacking > 0 and not column.partition:
            yield Hint(
                "missing column", f"{column.name!r} is missing from {lacking:,} of {footers.files:,} files",
                "a file without a column that is read is an error", "write it in all files, or name files that have it",
            )  # fmt: skip
        for kind, path in column.other_types.items():
            yield Hint(
                "several types", f"{column.name!r} is {column.type} in the first file, {kind} in {path}",
                "slices and ids of two types are not equal", "write one type in all files",
            )  # fmt: skip


def _of_numbers(played: Mapping[str, Sequence[Stored]]) -> Iterator[Hint]:
    t = pa.types
    for role in NUMBER_ROLES:
        columns = played.get(role, ())
        decimals = [column.name for column in columns if t.is_decimal(plain_type(column.type))]
        if decimals:
            yield Hint(
                "decimals", f"{_names(decimals)} ({role}) {_are(decimals)} decimal",
                f"takes {TIMES['decimal']} times the time of float32, since each is converted by way of text",
                "write float32 or float64",
            )  # fmt: skip
    lists = [
        column.name for role in NUMBER_ROLES for column in played.get(role, ()) if is_list(plain_type(column.type))
    ]
    if lists:
        yield Hint(
            "list columns", f"{_names(lists)} {_are(lists)} of lists",
            f"takes {TIMES['lists']} times the time of a row a query and item", "write a row for each item",
        )  # fmt: skip
    wide = [column.name for column in played.get("score", ()) if t.is_float64(plain_type(column.type))]
    if wide:
        yield Hint(
            "float64 scores", f"{_names(wide)} (score) {_are(wide)} float64",
            f"takes {TIMES['float64']} times the time of float32, and exact auc holds 4 times the bytes",
            "write float32, unless more than 7 digits count",
        )  # fmt: skip
    for column in played.get("label", ()):
        kind, bounds = plain_type(column.type), column.bounds
        is_wide = t.is_integer(kind) and kind.bit_width == 64
        if is_wide and bounds is not None and bounds[0] >= -1 and bounds[1] <= LARGEST_SMALL_GRADE:
            yield Hint(
                "wide labels", f"{column.name!r} (label) is {kind}, and holds {bounds[0]} to {bounds[1]}",
                f"takes {TIMES['int64 label']} times the time of int8", "write int8",
            )  # fmt: skip


def _of_ids(played: Mapping[str, Sequence[Stored]]) -> Iterator[Hint]:
    texts = [column.name for column in played.get("query", ()) if _is_text(plain_type(column.type))]
    if texts:
        yield Hint(
            "text ids", f"{_names(texts)} (query) {_are(texts)} text",
            f"takes {TIMES['text query']} times the time of integers, and fingerprints of all ids are kept as a set",
            "write integers that ascend",
        )  # fmt: skip


def _of_nulls(played: Mapping[str, Sequence[Stored]], check: Check | None) -> Iterator[Hint]:
    counted = {} if check is None else {values.column: values.nulls for values in check.values}
    for role in (*NUMBER_ROLES, "query"):
        for column in played.get(role, ()):
            nulls = counted.get(column.name, column.nulls)
            if nulls and not column.partition:
                yield Hint(
                    "nulls",
                    f"{column.name!r} ({role}) has {nulls:,} nulls",
                    "an error, but in ranked lists (not judged, not retrieved); on_invalid=\"drop\" drops such rows, "
                    f"and takes {TIMES['null']} times the time",
                    "leave such rows out of the file",
                )  # fmt: skip


def _of_check(check: Check) -> Iterator[Hint]:
    for name, order in check.queries.items():
        if not order.adjacent:
            yield Hint(
                "scattered queries", f"{name!r} (query): {order.returning:,} queries come back after others",
                f"takes {TIMES['second attempt']} times the time, and rows are held in memory or in a temporary file",
                "sort the rows by query; else queries=\"scattered\" saves the first attempt, and takes "
                f"{TIMES['scattered']} times the time",
            )  # fmt: skip
        elif not order.ascending:
            yield Hint(
                "ids in no order", f"{name!r} (query): ids do not ascend",
                f"takes {TIMES['no order']} times the time, and ids of all queries are kept as a set",
                "sort the rows by query, with integer ids",
            )  # fmt: skip
    for values in check.values:
        if values.distinct is not None and values.distinct > FEW_VALUES:
            yield Hint(
                "many slices", f"{values.column!r} (by) has more than {FEW_VALUES:,} values",
                "each value is a slice with a state of its own", "group the values in fewer ones",
            )  # fmt: skip


def _of_names(footers: Footers) -> Iterator[Hint]:
    """Columns with a name that is usual for numbers, of a type that is none."""
    for column in footers.columns.values():
        role = named_for(column.name)
        if role in NUMBER_ROLES and _is_text(plain_type(column.type)):
            yield Hint(
                "text for numbers", f"{column.name!r} is {column.type}, though its name is one of a {role}",
                f"text cannot be a {role}",
                "write numbers" + (", or name a label by positive=" if role == "label" else ""),
            )  # fmt: skip


def _is_text(kind: pa.DataType) -> bool:
    t = pa.types
    return bool(t.is_string(kind) or t.is_large_string(kind) or t.is_binary(kind) or t.is_large_binary(kind))


def _names(names: Sequence[str]) -> str:
    more = f" and {len(names) - MOST_NAMES} more" if len(names) > MOST_NAMES else ""
    return ", ".join(map(repr, names[:MOST_NAMES])) + more


def _are(names: Sequence[str]) -> str:
    return "is" if len(names) == 1 else "are"


def _have(names: Sequence[str]) -> str:
    return "has" if len(names) == 1 else "have"
