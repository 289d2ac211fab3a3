"""Which label the negative rows of a column have, 0 or -1: one of them, however the rows are split.

A column that holds both was put together of two codings.  What was seen of each column travels in the state.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from fastrank.buffers import in_words
from fastrank.columns import find_rows
from fastrank.errors import InvalidValueError, StateMismatchError
from fastrank.labels import Labels

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping, Sequence

    from fastrank.columns import Columns, Problem, Rows, RowSet

__all__ = ["binary_columns", "check_rows", "merge_negatives"]

CODINGS = (0, -1)
BEFORE = -1  # the row of a label that was seen in an earlier batch
_ONE_CODING = "0 or 1, or -1 and 1, but one of the two in all rows; positive= names the label of positive rows"


@dataclass(frozen=True)
class Mixture:
    """The first row of a batch from which on a column of labels has held both 0 and -1."""

    row: int
    column: str
    earlier: int

    def error(self, columns: Columns) -> InvalidValueError:
        """The error that tells of it."""
        value = in_words(columns.array(self.column)[self.row])
        return InvalidValueError(
            f"column {self.column!r} (label): {columns.describe_row(self.row)} holds {value}, and rows before it hold "
            f"{self.earlier}; allowed: {_ONE_CODING}"
        )


def binary_columns(row_sets: Iterable[RowSet]) -> set[str]:
    """The columns of labels 0 and 1, or -1 and 1."""
    return {column for row_set in row_sets for _, column, domain in row_set.roles if domain.codings}


def check_rows(
    row_sets: Sequence[RowSet], columns: Columns, known: Mapping[str, int]
) -> tuple[dict[RowSet, Rows], dict[str, int]]:
    """The rows of each row set of a batch, and the label of negative rows by column, from what is known of it.

    InvalidValueError for the first row that is invalid, or from which on a column mixes 0 and -1.
    """
    rows_of, invalid = find_rows(row_sets, columns)
    firsts = {column: {label: BEFORE} for column, label in known.items()}
    for rows in rows_of.values():
        for role, column, domain in rows.row_set.roles:
            if domain.codings:
                _find_first(rows, role, firsts.setdefault(column, {}))
    # A label that is invalid may look like 0: of problems of one row, the first of the list is told.
    problems: list[Problem | Mixture] = [*invalid]
    for column, first in firsts.items():
        if len(first) == len(CODINGS):
            earlier, later = sorted(first, key=first.__getitem__)
            problems.append(Mixture(first[later], column, earlier))
    if problems:
        raise min(problems, key=lambda problem: problem.row).error(columns)
    return rows_of, {column: label for column, first in firsts.items() for label in first}


def _find_first(rows: Rows, role: str, first: dict[int, int]) -> None:
    """Notes the first row of a batch that holds 0, and the first that holds -1."""
    column, domain = rows.row_set.domain(role)
    labels = rows.columns.view(column, role, domain)
    assert isinstance(labels, Labels)
    minus_ones = None if labels.minus_ones is None else rows.select(labels.minus_ones)
    if minus_ones is None and first.get(0) == BEFORE:
        return
    zeros = rows[role] == 0
    if minus_ones is not None:
        zeros &= ~minus_ones
    for label, holds in zip(CODINGS, (zeros, minus_ones), strict=True):
        if holds is not None and first.get(label) != BEFORE and holds.any():
            row = rows.position(int(holds.argmax()))
            first[label] = min(row, first.get(label, row))


def merge_negatives(mine: Mapping[str, int], theirs: Mapping[str, int], columns: Collection[str]) -> dict[str, int]:
    """What two states know of some columns; StateMismatchError where they mix."""
    for column in columns:
        if {mine.get(column), theirs.get(column)} == set(CODINGS):
            raise StateMismatchError(
                f"column {column!r} (label) holds {mine[column]} in rows of this state, and {theirs[column]} in rows "
                f"of the other; allowed: {_ONE_CODING}"
            )
    return {column: label for column, label in {**theirs, **mine}.items() if column in columns}
