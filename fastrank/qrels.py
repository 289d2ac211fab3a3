"""Runs and judgments in the forms in which they come: tables, files of tables or of TREC, nested dicts."""

from __future__ import annotations

import os
from bisect import bisect_right
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import pyarrow as pa

from fastrank._kernels import order
from fastrank.buffers import in_words, to_arrow
from fastrank.columns import Columns
from fastrank.domains import ID, WEIGHT, grades
from fastrank.errors import ColumnTypeError, EmptyInputError, InvalidValueError, MissingColumnError
from fastrank.ids import find_lists, plain_ids, row_ids
from fastrank.judgments import Judgments
from fastrank.sources import open_source
from fastrank.sources.paths import FORMATS

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from fastrank.sources import Source

__all__ = ["open_run", "read_judgments"]

# Where a role's column is not in the judgments by its name in the run: names by which peers know it, the first counts.
USUAL_NAMES = {
    "query": ("query", "query_id", "q_id", "qid", "topic"),
    "item": ("item", "item_id", "doc_id", "docid", "docno"),
    "label": ("label", "relevance", "rel", "grade", "score"),
}
DOMAINS = {"query": ID, "item": ID, "label": grades(), "query_weight": WEIGHT}


def open_run(source: Any, *, batch_rows: int | None = None, engine: str | None = None) -> Source:
    """Opens a run.

    Parameters
    ----------
    source : object
        What `open_source` takes, a dict {query: {item: score}}, or the path of a TREC run.
    batch_rows : int, optional
        Most rows in a batch.
    engine : "pyarrow" or "polars", optional
        What reads Parquet files.

    Returns
    -------
    Source
        Of a dict or a TREC run, the columns are query, item and score.
    """
    return _open(source, "score", batch_rows, engine)


def _open(source: Any, value: str, batch_rows: int | None = None, engine: str | None = None) -> Source:
    if isinstance(source, Mapping) and source and all(isinstance(entry, Mapping) for entry in source.values()):
        rows = [(query, item, number) for query, entry in source.items() for item, number in entry.items()]
        if not rows:
            raise EmptyInputError("the dict of queries holds no item")
        source = dict(zip(("query", "item", value), map(list, zip(*rows, strict=True)), strict=True))
    elif isinstance(source, str | os.PathLike) and not os.fspath(source).lower().endswith(sum(FORMATS, ())):
        from fastrank.sources import trec

        if trec.looks_like_trec(source):
            source = trec.read_run(source) if value == "score" else trec.read_qrels(source)
    return open_source(source, batch_rows=batch_rows, engine=engine)


def read_judgments(source: Any, *, batch_rows: int | None = None, **names: str | None) -> Judgments:
    """Reads judgments.

    Parameters
    ----------
    source : object
        What `open_source` takes, a dict {query: {item: label}}, the path of TREC judgments, or judgments that were read
        before.
    batch_rows : int, optional
        Most rows in a batch.
    **names : str, optional
        The columns of query, item, label and query_weight in the run.  The judgments are looked up for the same names,
        then for the usual ones (`USUAL_NAMES`); weights may be missing.

    Returns
    -------
    Judgments

    Raises
    ------
    FastrankError
        Of these: SourceError, EmptyInputError, MissingColumnError, ColumnTypeError, InvalidValueError (a null, a label
        that is no finite number, an item that is judged twice in a query).
    """
    if isinstance(source, Judgments):
        return source
    opened = _open(source, "label", batch_rows)
    columns = _find_columns(opened.schema, names)
    numeric = [columns[role] for role in ("label", "query_weight") if role in columns]
    parts = []
    row = 0
    for batch, origin in opened.batches(list(dict.fromkeys(columns.values())), numeric):
        parts.append(_read(Columns(batch, origin.describe), columns, row))
        row += batch.num_rows
    if not parts:
        raise EmptyInputError("the judgments have no rows")
    return _assemble(parts, columns)


def _find_columns(schema: pa.Schema, names: Mapping[str, str | None]) -> dict[str, str]:
    found = {}
    for role in DOMAINS:
        candidates = [name for name in (names.get(role), *USUAL_NAMES.get(role, ())) if name in schema.names]
        if candidates:
            found[role] = str(candidates[0])
        elif role in USUAL_NAMES:
            given = names.get(role)
            raise MissingColumnError(
                f"the judgments have no column of the {role}: they have {', '.join(schema.names) or 'none'}; "
                f"{f'call it {given!r} as in the run' if given else f'name it ({role}=)'}, or one of "
                f"{', '.join(USUAL_NAMES[role])}"
            )
    return found


class _Part(NamedTuple):
    """Judgments of one batch, and where they stood."""

    first_row: int
    describe_row: Callable[[int], str]
    query_ids: pa.Array
    ids: NDArray[np.uint64]
    queries: NDArray[np.uint64]
    items: NDArray[np.uint64]
    item_type: pa.DataType
    labels: NDArray[Any]
    weights: NDArray[np.float64] | None


def _read(columns: Columns, names: Mapping[str, str], first_row: int) -> _Part:
    values: dict[str, Any] = {}
    problems = []
    for role, name in names.items():
        values[role], invalid = columns.view(name, role, DOMAINS[role])
        if invalid is not None and invalid.any():
            problems.append((int(invalid.argmax()), role))
    if problems:
        i, role = min(problems)
        held = in_words(columns.array(names[role])[i])
        raise InvalidValueError(_told(names, role, columns.describe_row(i), held, DOMAINS[role].allowed))
    starts, ids = find_lists(values["query"])
    return _Part(
        first_row,
        columns.describe_row,
        plain_ids(values["query"].take(to_arrow(starts))),
        ids,
        np.repeat(ids, np.diff(np.append(starts, columns.batch.num_rows))),
        row_ids(values["item"]),
        plain_ids(values["item"].slice(0, 0)).type,
        values["label"],
        values.get("query_weight"),
    )


def _told(names: Mapping[str, str], role: str, where: str, held: str, allowed: str) -> str:
    return f"column {names[role]!r} ({role}) of the judgments: {where} holds {held}; allowed: {allowed}"


def _assemble(parts: list[_Part], columns: Mapping[str, str]) -> Judgments:
    for part in parts:
        for role, kind, first in (
            ("query", part.query_ids.type, parts[0].query_ids.type),
            ("item", part.item_type, parts[0].item_type),
        ):
            if kind != first:
                raise ColumnTypeError(
                    f"column {columns[role]!r} ({role}) of the judgments is of type {kind} from "
                    f"{part.describe_row(0)} on, and of type {first} before"
                )
    queries = np.concatenate([part.queries for part in parts])
    items = np.concatenate([part.items for part in parts])
    labels = np.concatenate([part.labels for part in parts])
    given = [part.weights for part in parts if part.weights is not None]
    weights = np.concatenate(given) if given else None
    rows = None
    if not (queries[1:] >= queries[:-1]).all():
        rows = np.argsort(queries, kind="stable")
        queries, items, labels = queries[rows], items[rows], labels[rows]
        weights = None if weights is None else weights[rows]
    starts = np.concatenate(([True], queries[1:] != queries[:-1]))
    offsets = np.append(np.flatnonzero(starts), queries.size).astype(np.int64)

    def error(i: int, role: str, what: str, allowed: str) -> InvalidValueError:
        row = int(i if rows is None else rows[i])
        part = parts[bisect_right([part.first_row for part in parts], row) - 1]
        return InvalidValueError(_told(columns, role, part.describe_row(row - part.first_row), what, allowed))

    i = order.find_duplicates(items.view(np.int64), offsets)
    if i >= 0:
        raise error(i, "item", "an item that was judged before in its query", "one judgment of each item of a query")
    if weights is not None:
        changes = np.flatnonzero((weights[1:] != weights[:-1]) & ~starts[1:]) + 1
        if changes.size:
            raise error(int(changes[0]), "query_weight", "another weight than before", "one weight for a query")
        weights = weights[offsets[:-1]]
    ids, first = np.unique(np.concatenate([part.ids for part in parts]), return_index=True)
    query_ids = pa.concat_arrays([part.query_ids for part in parts]).take(to_arrow(first))
    return Judgments(columns, query_ids, ids, offsets, items, labels, parts[0].item_type, weights)
