"""Filters of rows: a condition in SQL or a pyarrow expression -> a mask over a record batch."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.compute as pc

from fastrank.conditions import TOO_DEEP, canonical, check_column, column_names, evaluate, filled, misfit, parse
from fastrank.errors import FastrankError, ParameterError

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["Where"]

MASK = "mask"


@dataclass(frozen=True, slots=True)
class Where:
    """A condition that rows must meet; rows for which it is null do not meet it, as in SQL.

    Division is that of real numbers, and null where the divisor is 0; ``%`` takes the sign of the dividend, as in SQL.
    A number compares with a column at the width of both (``0.1`` is not equal to a float32 of 0.1).

    Attributes
    ----------
    text : str
        The condition in one canonical spelling: equal conditions of different spacing or case have equal texts.
    expression : pyarrow.compute.Expression or None
        The expression that was given instead of text.

    Examples
    --------
    >>> Where.parse("clicked=1 AND country in ('DE', 'FR')").text
    "clicked = 1 AND country IN ('DE', 'FR')"
    """

    text: str
    # Neither hashable nor a bool under ==, and its text does not tell a field from a string: see __eq__.
    expression: Any = field(default=None, compare=False)

    @classmethod
    def parse(cls, condition: Any) -> Where:
        """Read a condition.

        Parameters
        ----------
        condition : str, pyarrow.compute.Expression or Where
            The condition.

        Raises
        ------
        ParameterError
            If the text is no condition, or uses more of SQL than is evaluated here.
        """
        if isinstance(condition, cls):
            return condition
        if isinstance(condition, str):
            return cls(canonical(condition))
        if isinstance(condition, pc.Expression):
            return cls(str(condition), condition)
        kind = type(condition).__name__
        raise ParameterError(f"where= takes a text or a pyarrow.compute.Expression, not {kind}")

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Where):
            return NotImplemented
        if self.expression is None or other.expression is None:
            return self.expression is other.expression and self.text == other.text
        return bool(self.expression.equals(other.expression))

    def __hash__(self) -> int:
        return hash(self.text)

    @property
    def identity(self) -> str:
        """What tells conditions apart: the text, and of an expression, whose text may leave out values and types, a
        digest of its serialized form too."""
        if self.expression is None:
            return self.text
        serialized = bytes(self.expression.__reduce__()[1][0])
        return f"{self.text} #{hashlib.sha256(serialized).hexdigest()[:16]}"

    def columns(self, schema: pa.Schema) -> list[str]:
        """Names of the columns that the condition reads; of an expression, perhaps more than it reads.

        Raises
        ------
        MissingColumnError
            If the schema lacks one.
        """
        if self.expression is None:
            names = list(dict.fromkeys(column_names(parse(self.text))))
            for name in names:
                check_column(name, schema.names, self.text)
            return names
        # No public call lists the fields of an expression; evaluating it on no rows tells whether one is missing.
        self.mask(pa.RecordBatch.from_arrays([pa.nulls(0, column.type) for column in schema], schema=schema))
        return self._named(schema.names)

    def _named(self, names: Sequence[str]) -> list[str]:
        """Which of the columns the condition reads; of an expression, perhaps others too."""
        if self.expression is None:
            return [name for name in dict.fromkeys(column_names(parse(self.text))) if name in names]
        return [name for name in names if name in self.text]

    def mask(self, batch: pa.RecordBatch) -> pa.BooleanArray:
        """Which rows of a batch meet the condition, without nulls.

        Raises
        ------
        MissingColumnError
            If the batch lacks a column.
        ParameterError
            If the columns' types do not fit the condition, or its value is not boolean.
        """
        try:
            value = evaluate(parse(self.text), batch) if self.expression is None else self._project(batch)
            return filled(value, batch.num_rows, self.text)
        except FastrankError:
            raise
        except RecursionError as error:
            raise ParameterError(TOO_DEEP) from error
        except (pa.ArrowException, OverflowError) as error:
            reason = " ".join(str(error).split())
            told = misfit(reason, batch.schema, self._named(batch.schema.names), self.text)
            raise ParameterError(told or f"where={self.text!r} cannot be evaluated: {reason}") from error

    def _project(self, batch: pa.RecordBatch) -> Any:
        # Imports pandas and pyarrow.dataset: only those who pass an expression pay for that.
        from pyarrow import acero

        table = acero.TableSourceNodeOptions(pa.Table.from_batches([batch]))
        project = acero.ProjectNodeOptions([self.expression], [MASK])
        steps = [acero.Declaration("table_source", table), acero.Declaration("project", project)]
        try:
            columns = acero.Declaration.from_sequence(steps).to_table(use_threads=False)
        except pa.ArrowInvalid as error:
            start, _, rest = str(error).partition("No match for FieldRef.Name(")
            if rest and not start:
                check_column(rest.partition(") in ")[0], batch.schema.names, self.text)
            raise
        return columns.column(MASK).combine_chunks()
