"""The value of each query, as a stream."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pyarrow as pa

from fastrank.accumulators.ranked import ValuedLists
from fastrank.answer import check_evaluated
from fastrank.buffers import plain, to_arrow
from fastrank.errors import FastrankError, MissingColumnError, ParameterError
from fastrank.shapes import ROW_NUMBERS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from fastrank.evaluator import Evaluator
    from fastrank.lists import Lists
    from fastrank.requests import Identity, Request
    from fastrank.result import Result
    from fastrank.sources import Source

__all__ = ["QueryValues"]


class QueryValues:
    """Record batches with one row a query (and score column, where there are several): its id in the column of
    queries, `model`, and one column a metric; null where a query does not count (`no_relevant="skip"`, say).

    Batches come as the source is read, so that the whole never has to fit into memory; queries come in the order in
    which they are complete.  An Arrow stream for `pyarrow.table(...)`, Polars, DuckDB; once it has been read,
    `result()` has the aggregated values, for which no row is read again.

    Parameters
    ----------
    source : Source
        Rows; read once.
    evaluator : Evaluator
        A new evaluator, of ranking metrics only.
    progress : callable, optional
        Called with the number of rows of each batch that was read.

    Raises
    ------
    ParameterError
        A metric has no value of a query, the metrics see different rows, or there are slices.
    """

    def __init__(self, source: Source, evaluator: Evaluator, progress: Callable[[int], None] | None = None) -> None:
        self._progress = progress
        self._read = 0
        self._source = source
        self._evaluator = evaluator
        self._requests = self._by_stream()
        self._several = len(self._requests) > 1
        self._started = self._finished = False
        self.schema = self._schema()

    def _by_stream(self) -> dict[Identity, list[tuple[Request, ValuedLists]]]:
        plan = self._evaluator.plan
        if plan.by:
            raise ParameterError("per_query=True gives the values of whole queries: leave out by=")
        found: dict[Identity, list[tuple[Request, ValuedLists]]] = {}
        for request in plan.requests:
            identity = next(iter(request.states.values()))
            accumulator = plan.accumulators[identity]
            if not isinstance(accumulator, ValuedLists):
                raise ParameterError(f"{request.metric.name} has no value of a query: leave it out of per_query=True")
            found.setdefault(plan.stream_of[identity], []).append((request, accumulator))
        models = {request.model for request in plan.requests}
        if len(found) != len(models):
            raise ParameterError(
                "per_query=True gives one row for each query, and the metrics see different rows (by where=, or by "
                "columns of their own): evaluate them apart"
            )
        return found

    def _schema(self) -> pa.Schema:
        stream = next(iter(self._evaluator.plan.streams.values()))
        fields = [pa.field(stream.query_column, self._type_of_queries(stream.query_column))]
        if self._several:
            fields.append(pa.field("model", pa.string()))
        names = dict.fromkeys(request.metric.name for request in self._evaluator.plan.requests)
        fields += [pa.field(name, pa.float64()) for name in names]
        if len({field.name for field in fields}) < len(fields):
            raise ParameterError(f"the query column {stream.query_column!r} is called as another column; rename it")
        return pa.schema(fields)

    def _type_of_queries(self, column: str) -> pa.DataType:
        schema = self._source.schema
        self._evaluator.columns(schema)
        if column == ROW_NUMBERS:
            return pa.int64()
        if column not in schema.names:
            raise MissingColumnError(f"the source has no column {column!r}; it has {', '.join(schema.names)}")
        return plain(schema.empty_table().column(column).combine_chunks()).type

    def __iter__(self) -> Iterator[pa.RecordBatch]:
        if self._started:
            raise FastrankError("the values of queries were read already: evaluate again to read them twice")
        self._started = True
        evaluator, waiting = self._evaluator, []
        for stream in evaluator.plan.streams.values():
            stream.waits_for = 0  # values are given as soon as they are known
        evaluator.watch = lambda identity, lists: waiting.append(self._batch(identity, lists))
        source = evaluator.plan.narrow(self._source)
        for batch, origin in source.batches(*evaluator.columns(source.schema)):
            evaluator.update(batch, describe_row=origin.describe)
            self._read += batch.num_rows
            if self._progress is not None:
                self._progress(batch.num_rows)
            yield from waiting
            waiting.clear()
        for identity, lists in evaluator.open_lists():
            yield self._batch(identity, lists)
        self._finished = True

    def _batch(self, identity: Identity, lists: Lists) -> pa.RecordBatch:
        ids = lists.queries.cast(self.schema.field(0).type)
        entries = self._requests[identity]
        columns = [ids]
        if self._several:
            columns.append(pa.repeat(str(entries[0][0].model), lists.count))
        for _, accumulator in entries:
            counted = accumulator.count(lists)
            columns.append(to_arrow(counted.values, counted.absent))
        return pa.RecordBatch.from_arrays(columns, schema=self.schema)

    def __arrow_c_stream__(self, requested_schema: Any = None) -> Any:
        return self.reader().__arrow_c_stream__(requested_schema)

    def reader(self) -> pa.RecordBatchReader:
        """The batches as a reader of pyarrow.

        Returns
        -------
        pyarrow.RecordBatchReader
        """
        return pa.RecordBatchReader.from_batches(self.schema, iter(self))

    def result(self) -> Result:
        """The aggregated values; reads what is left of the source.

        Returns
        -------
        Result

        Raises
        ------
        FastrankError
            Reading was begun and not finished.
        EmptyInputError
            There was no row, or none was left.
        """
        if not self._started:
            for _ in self:
                pass
        if not self._finished:
            raise FastrankError("the values of queries have not been read to the end: the result is not known yet")
        result = self._evaluator.result()
        check_evaluated(result, self._read or self._source.rows or 0)
        return result
