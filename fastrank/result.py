"""What an evaluation answers: values by name and slice, and a table of all."""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import cached_property
from typing import TYPE_CHECKING, Any, NamedTuple

import pyarrow as pa

from fastrank.errors import FastrankError, UnknownResultError, near_names
from fastrank.metrics.reading import parse
from fastrank.tabular import Tabular, cell_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rich.table import Table

    from fastrank.stats import SkippedFile, Stats

__all__ = ["COLUMNS", "MetricValue", "Result"]


class MetricValue(NamedTuple):
    """A metric in a slice.  Fields but `curve` are columns of the result's table; None where they do not apply.

    `bound_lower` and `bound_upper` hold the value for any data, `ci_lower` and `ci_upper` (ci=) at a confidence level.
    """

    metric: str
    model: str | None
    value: float
    bound_lower: float | None
    bound_upper: float | None
    exact: bool
    ci_lower: float | None
    ci_upper: float | None
    rows: int
    rows_dropped: int
    rows_clipped: int | None
    rows_skipped: int | None
    rows_unjudged: int | None
    rows_not_retrieved: int | None
    rows_duplicate: int | None
    queries: int | None
    queries_without_relevant: int | None
    queries_one_class: int | None
    queries_all_tied: int | None
    queries_missing: int | None
    queries_extra: int | None
    queries_tied: int | None
    queries_split: int | None
    undefined: int
    curve: Mapping[str, Any] | None = None


_TYPES = {
    "metric": pa.string(), "model": pa.string(), "value": pa.float64(), "bound_lower": pa.float64(),
    "bound_upper": pa.float64(), "exact": pa.bool_(), "ci_lower": pa.float64(), "ci_upper": pa.float64(),
    "rows": pa.int64(), "rows_dropped": pa.int64(), "rows_clipped": pa.int64(), "rows_skipped": pa.int64(),
    "rows_unjudged": pa.int64(),
    "rows_not_retrieved": pa.int64(), "rows_duplicate": pa.int64(), "queries": pa.int64(),
    "queries_without_relevant": pa.int64(), "queries_one_class": pa.int64(), "queries_all_tied": pa.int64(),
    "queries_missing": pa.int64(), "queries_extra": pa.int64(), "queries_tied": pa.int64(),
    "queries_split": pa.int64(), "undefined": pa.int64(),
}  # fmt: skip


COLUMNS = tuple(_TYPES)
# What the table says of the slice of a row, beside its keys.
SLICE_COLUMNS = ("grouping", "slices")
# What is counted of ranked lists only.
LIST_COUNTS = (
    "rows_unjudged",
    "rows_not_retrieved",
    "rows_duplicate",
    *(name for name in COLUMNS if name.startswith("queries")),
)


class Result(Tabular):
    """Values of metrics, by slice.

    `result["ndcg@10"]` is the overall value, `result["ndcg@10", {"country": "DE"}]` that of a slice; with several
    score columns each is a dict by column.  `table` holds all; the result itself is an Arrow stream
    (`polars.DataFrame(result)`, `duckdb.sql("from result")`).

    Parameters
    ----------
    keys : pyarrow.Table
        The slice columns, a row each slice; the overall row is the first.
    groupings : sequence of sequences of str
        The slice columns of each slice.
    values : sequence of sequences of MetricValue
        The values of each slice.
    names : mapping of str to str
        The names of metrics by canonical spelling.
    others : mapping of int to int, optional
        How many slices those stand for that add up others, by their place.

    Attributes
    ----------
    stats : Stats or None
        What the evaluation took: rows, bytes, seconds, memory; None where the rows came batch by batch.
    skipped_files : tuple of SkippedFile
        The files that could not be read (`on_bad_file="skip"`), with `path` and `reason`.
    """

    stats: Stats | None = None
    skipped_files: tuple[SkippedFile, ...] = ()

    def __init__(
        self,
        keys: pa.Table,
        groupings: Sequence[Sequence[str]],
        values: Sequence[Sequence[MetricValue]],
        names: Mapping[str, str],
        others: Mapping[int, int] | None = None,
    ) -> None:
        self._keys = keys
        self._names = dict(names)
        self._others = dict(others or {})
        self._groupings = [tuple(grouping) for grouping in groupings]
        self._values = [list(entries) for entries in values]

    @staticmethod
    def stacked(whole: Result, parts: Sequence[tuple[Mapping[str, pa.Scalar], Result]]) -> Result:
        """One result of several of the same metrics: `whole` as it is, then each part, as slices of further columns,
        whose values it comes with."""
        tables, groupings, values = [whole._keys], list(whole._groupings), list(whole._values)
        further = [*parts[0][0]] if parts else []
        for key, part in parts:
            columns = {name: pa.repeat(value, len(part._values)) for name, value in key.items()}
            kept = {name: part._keys[name] for name in part._keys.column_names}
            tables.append(pa.table({**columns, **kept}))
            groupings += [(*key, *grouping) for grouping in part._groupings]
            values += part._values
        if not whole._keys.num_columns:
            tables[0] = pa.table({name: pa.nulls(len(whole._values), parts[0][0][name].type) for name in further})
        keys = pa.concat_tables(tables, promote_options="default")
        return Result(keys.select([*further, *whole._keys.column_names]), groupings, values, whole._names)

    def __getitem__(self, key: str | tuple[str, Mapping[str, Any]]) -> float | dict[str, float]:
        name, where = key if isinstance(key, tuple) and len(key) == 2 else (key, {})
        if not isinstance(name, str) or not isinstance(where, Mapping):
            raise UnknownResultError(f'{key!r}: a value is asked for as result["auc"] or result["auc", {{"a": 1}}]')
        found = [entry for entry in self._values[self._slice(where)] if entry.metric == self._name(name)]
        if found[0].model is None:
            return found[0].value
        return {str(entry.model): entry.value for entry in found}

    def curve(self, name: str, where: Mapping[str, Any] | None = None, *, model: str | None = None) -> pa.Table:
        """The curve or table that a metric sums up, such as the share of each group behind `exposure`.

        Parameters
        ----------
        name : str
            A metric.
        where : mapping of str to value, optional
            A slice; default: all rows.
        model : str, optional
            The score column, where there are several.

        Returns
        -------
        pyarrow.Table

        Raises
        ------
        UnknownResultError
            There is no such metric or slice, or the metric has no curve.
        """
        found = [entry for entry in self._values[self._slice(where or {})] if entry.metric == self._name(name)]
        chosen = [entry for entry in found if model is None or entry.model == model]
        curves = [entry.curve for entry in chosen or found if entry.curve is not None]
        if not curves:
            raise UnknownResultError(f"{name!r} is a number only; it has no curve")
        if found[0].model is None and not chosen:
            raise UnknownResultError(f"there is one model: leave out model={model!r}")
        if len(chosen) != 1:
            models = ", ".join(str(entry.model) for entry in found)
            raise UnknownResultError(f"{name!r} has a curve for each model: name one (model=) of {models}")
        return pa.table({column: pa.array(values) for column, values in curves[0].items()})

    def _name(self, name: str) -> str:
        names = list(dict.fromkeys(entry.metric for entry in self._values[0]))
        if name in names:
            return name
        try:
            parsed = parse(name)
        except FastrankError:
            parsed = []
        # A spelling of several metrics (@1,5) names none of them.
        canonical = parsed[0].canonical if len(parsed) == 1 else None
        if canonical in self._names:
            return self._names[canonical]
        # Those of the same metric with other parameters; else those of a like name.
        asked = {metric.definition.name for metric in parsed}
        same = [given for spelled, given in self._names.items() if re.split("[(@]", spelled, maxsplit=1)[0] in asked]
        near = same or near_names(name, names, alike=0.3) or names
        raise UnknownResultError(f"the result has no metric {name!r}; it has {', '.join(near)}")

    def _slice(self, where: Mapping[str, Any]) -> int:
        try:
            return self._places[frozenset(where.items())]
        except (KeyError, TypeError):
            pass
        columns = ", ".join(self._keys.column_names) or "none"
        raise UnknownResultError(f"the result has no slice {dict(where)!r}; its slice columns: {columns}")

    @cached_property
    def _places(self) -> dict[frozenset[tuple[str, Any]], int]:
        keys = self._key_values()
        return {
            frozenset((name, keys[name][s]) for name in grouping): s
            for s, grouping in enumerate(self._groupings)
            if s not in self._others
        }

    def _key_values(self) -> dict[str, list[Any]]:
        """The slice columns as Python values; as text where Python has none."""
        return {name: _python_values(self._keys[name]) for name in self._keys.column_names}

    @cached_property
    def table(self) -> pa.Table:
        """All values: one row for each slice and metric."""
        places = [s for s, values in enumerate(self._values) for _ in values]
        keys = {name: self._keys[name].take(places) for name in self._keys.column_names}
        data = self._data()
        types = {**_TYPES, "grouping": pa.string(), "slices": pa.int64()}
        rest = {name: pa.array(data[name], types[name]) for name in data if name not in keys}
        return pa.table({**keys, **rest})

    @property
    def evaluated_rows(self) -> int:
        """The largest number of rows that a metric saw."""
        return max(entry.rows for entry in self._values[0])

    def __len__(self) -> int:
        return sum(len(values) for values in self._values)

    def _data(self) -> dict[str, list[Any]]:
        """The table as lists; made without Arrow, so that printing waits for no import."""
        entries = [entry for values in self._values for entry in values]
        keys = self._key_values()
        places = [s for s, values in enumerate(self._values) for _ in values]
        data = {name: [column[s] for s in places] for name, column in keys.items()}
        if keys:
            # Without it, a slice of nulls would look like the overall row.
            data["grouping"] = [", ".join(self._groupings[s]) for s in places]
        if self._others:
            data["slices"] = [self._others.get(s) for s in places]
        several = any(entry.model is not None for entry in entries)
        names = [name for name in _TYPES if name != "model" or several]
        return {**data, **{name: [getattr(entry, name) for entry in entries] for name in names}}

    def _shown(self) -> dict[str, list[Any]]:
        """The table less columns that say nothing."""
        data = self._data()
        quiet = ("undefined", *(name for name in data if name.startswith(("rows_", "queries_"))))
        return {
            name: entries
            for name, entries in data.items()
            # The text tells a null slice ("null") from the overall row (empty).
            if name in self._keys.column_names
            or (name != "grouping" and any(e is not None for e in entries) and not (name in quiet and not any(entries)))
        }

    def to_rich(self, most: int | None = None) -> Table:
        """The table for a terminal (rich).

        Parameters
        ----------
        most : int, optional
            How many rows to show; the last line says how many more there are.
        """
        from rich.table import Table
        from rich.text import Text

        data = self._shown()
        table = Table(box=None, pad_edge=False, header_style="bold")
        for name, entries in data.items():
            numeric = any(isinstance(entry, int | float) and not isinstance(entry, bool) for entry in entries)
            table.add_column(name, justify="right" if numeric else "left", no_wrap=True)
        keys = set(self._keys.column_names)
        slice_of = [s for s, values in enumerate(self._values) for _ in values]
        for i, s in enumerate(slice_of[:most]):
            # A slice column that does not belong to the row's grouping is empty; null is a value.
            fixed = dict.fromkeys(keys - set(self._groupings[s]), "")
            if s in self._others:
                fixed.update(dict.fromkeys(self._groupings[s], "other"))
            table.add_row(*(Text(fixed.get(name, _cell(name, entries[i]))) for name, entries in data.items()))
        if most is not None and len(slice_of) > most:
            table.caption = f"... and {len(slice_of) - most:,} more rows: result.table has all"
            table.caption_justify = "left"
        return table


def _cell(name: str, value: Any) -> str:
    if name not in _TYPES and value is None:
        return "" if name == "slices" else "null"
    # Numbers of a slice column are no counts: they stand as they are.
    is_plain = name not in _TYPES and isinstance(value, int) and not isinstance(value, bool)
    return str(value) if is_plain else cell_of(value)


def _python_values(column: pa.ChunkedArray) -> list[Any]:
    try:
        return list(column.to_pylist())
    except (ValueError, OverflowError, pa.ArrowException):
        # Nanoseconds without pandas, years past 9999, unknown time zones.
        return list(column.cast(pa.string()).to_pylist())
