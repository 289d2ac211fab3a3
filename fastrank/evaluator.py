"""One pass: batches in, state and result out."""

from __future__ import annotations

import os
from contextlib import contextmanager
from itertools import chain
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from fastrank.answer import answer
from fastrank.class_weights import ClassWeights
from fastrank.columns import as_record_batch
from fastrank.errors import ParameterError, StateMismatchError
from fastrank.folding import fold_slices
from fastrank.intake import Intake
from fastrank.pairing import derive, in_words
from fastrank.plan import Plan
from fastrank.qrels import read_judgments
from fastrank.recipe import describe, rebuild
from fastrank.requests import Roles, bind, read_groupings, read_metrics
from fastrank.scattered import DEFAULT_MEMORY_LIMIT
from fastrank.slices import DEFAULT_MAX_SLICES, Slices
from fastrank.state_files import write
from fastrank.wire import State, from_table, read_description, read_table

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

    from fastrank.lists import Lists
    from fastrank.metrics.base import Metric
    from fastrank.requests import Identity
    from fastrank.result import Result
    from fastrank.time_windows import By

__all__ = ["Evaluator"]


class Evaluator:
    """Evaluates metrics batch by batch, with a state that can be stored, sent and merged.

    Parameters
    ----------
    metrics : Metric, str, or list of them
        `fastrank.metrics.auc()`, `"ndcg@10"`, ...
    label, score, rank, weight, class_weight, negative_downsampling, query, query_weight, item, ranking, relevant
        Columns in their roles, and weights by class: see `fastrank.evaluate`.
    by, max_slices, other_slices
        Slice columns, windows of time, and how many slices there may be: see `fastrank.evaluate`.
    where : str or pyarrow.compute.Expression, optional
        Only rows that meet the condition count, e.g. `"clicked = 1 and country <> 'DE'"`.
    on_invalid : "raise" or "drop"
        What to do with rows that hold a null, a NaN, or a value that is not allowed; dropped rows are counted.
    qrels : table, path, dict or judgments, optional
        Judgments, which hold the labels of the rows: see `fastrank.evaluate`.
    queries : "adjacent" or "scattered"
        Where the rows of a query stand.  Adjacent: a query is evaluated when the next begins; one that comes back is
        an error.  Scattered: anywhere; all rows are kept until a result is asked for, and travel in the state.
    memory_limit : int
        Bytes of scattered rows to keep in memory, and of the states of scores (`auc` and its kin) together; what is
        past it goes to a temporary file without a name.

    Raises
    ------
    UnknownMetricError, ParameterError
        A metric or a parameter does not exist, or a metric lacks a column.

    Examples
    --------
    >>> import pyarrow as pa
    >>> import fastrank as fr
    >>> ev = fr.Evaluator(["auc"], label="y", score="p")
    >>> ev.update(pa.record_batch({"y": [0, 1], "p": [0.2, 0.7]}))
    >>> ev.update(pa.record_batch({"y": [0, 1], "p": [0.9, 0.8]}))
    >>> ev.result()["auc"]
    0.5
    """

    def __init__(
        self,
        metrics: Metric | str | Iterable[Metric | str],
        *,
        label: str | None = None,
        score: str | Sequence[str] | None = None,
        rank: str | None = None,
        weight: str | None = None,
        class_weight: Mapping[Any, float] | None = None,
        negative_downsampling: float | None = None,
        query: str | None = None,
        query_weight: str | None = None,
        item: str | None = None,
        ranking: str | None = None,
        relevant: str | None = None,
        by: By = None,
        max_slices: int = DEFAULT_MAX_SLICES,
        other_slices: bool = False,
        where: Any = None,
        on_invalid: str = "raise",
        qrels: Any = None,
        queries: str = "adjacent",
        memory_limit: int = DEFAULT_MEMORY_LIMIT,
    ) -> None:
        if qrels is not None:
            query, item = query or "query", item if ranking else item or "item"
            score = "score" if score is None and rank is None and ranking is None else score
            qrels = read_judgments(qrels, query=query, item=item or ranking, label=label, query_weight=query_weight)
        self._metrics = read_metrics(metrics)
        columns = {
            "label": label,
            "rank": rank,
            "weight": weight,
            "query": query,
            "query_weight": query_weight,
            "item": item,
            "ranking": ranking,
            "relevant": relevant,
        }
        weights = ClassWeights.make(class_weight, negative_downsampling)
        self._roles = Roles.make(where, on_invalid, qrels, weights, score=score, **columns)
        groupings = read_groupings(by)
        slices = Slices.of(groupings, None if _reads_others(max_slices, other_slices=other_slices) else max_slices)
        self._arguments: dict[str, Any] = {
            **columns,
            "class_weight": class_weight if class_weight is None else dict(class_weight),
            "negative_downsampling": negative_downsampling,
            "score": list(self._roles.scores) or None,
            "by": groupings or None,
            "max_slices": max_slices,
            "other_slices": other_slices,
            "where": self._roles.where[0] if self._roles.where else None,
            "on_invalid": on_invalid,
            "qrels": qrels,
            "queries": queries,
            "memory_limit": memory_limit,
        }
        plan = Plan.make(self._metrics, self._roles, slices.source_columns, queries, memory_limit)
        self._intake = Intake(plan, slices)
        self.memory_limit = memory_limit
        self.threads = 1  # that a result may use
        self._surplus = False  # whether states may hold more than the metrics read
        self._row = 0

    def columns(self, schema: pa.Schema) -> tuple[list[str], set[str]]:
        """The columns that an update reads.

        Parameters
        ----------
        schema : pyarrow.Schema
            The columns there are.

        Returns
        -------
        (list of str, set of str)
            All of them, and those that play a numeric role.
        """
        return self.plan.columns(schema)

    def update(self, batch: Any, *, describe_row: Callable[[int], str] | None = None) -> None:
        """Adds the rows of a record batch.

        Parameters
        ----------
        batch : pyarrow.RecordBatch, or an object with `__arrow_c_array__`
            Rows; columns beyond those that are named do not matter.
        describe_row : callable, optional
            Gives the words by which an error names row i of the batch; default: its number since the first batch.

        Raises
        ------
        MissingColumnError, ColumnTypeError, InvalidValueError, QueryOrderError
            The batch does not fit.  Nothing of the batch was added then; but a list that a metric refuses (TiesError,
            or a rule that is "error") is found half-way, and leaves the evaluator unusable.
        """
        self._intake.check()
        batch = as_record_batch(batch)
        first = self._row
        self._intake.add(batch, first, describe_row or (lambda i: f"row {first + i}"))
        self._row += batch.num_rows

    def twin(self, **changes: Any) -> Evaluator:
        """An empty evaluator of the same metrics, with other arguments where named."""
        return Evaluator(self._metrics, **{**self._arguments, **changes})

    @classmethod
    def like(
        cls,
        state: Evaluator | pa.Table | str | os.PathLike[str],
        metrics: Metric | str | Iterable[Metric | str] | None = None,
        *,
        qrels: Any = None,
        memory_limit: int = DEFAULT_MEMORY_LIMIT,
    ) -> Evaluator:
        """An empty evaluator that a state may be merged into: of its metrics and columns.

        Parameters
        ----------
        state : Evaluator, pyarrow.Table or path
            A state, as for `merge`.
        metrics : Metric, str, or list of them, optional
            Other metrics that the state can answer; default: its own.  States may hold more than these read.
        qrels : table, path, dict or judgments, optional
            The judgments that it was made with, which no state holds.
        memory_limit : int
            As for `Evaluator`.

        Returns
        -------
        Evaluator

        Raises
        ------
        StateMismatchError
            The state is damaged, foreign or of format 1, or does not hold functions or judgments that it takes.
        """
        if isinstance(state, Evaluator):
            made = cls(
                state._metrics if metrics is None else metrics, **{**state._arguments, "memory_limit": memory_limit}
            )
        else:
            with _naming(state):
                given, arguments = rebuild(read_description(read_table(state)), metrics, qrels)
            made = cls(given, **arguments, memory_limit=memory_limit)
        made._surplus = metrics is not None
        return made

    @property
    def arguments(self) -> Mapping[str, Any]:
        """What it was made with, beside the metrics."""
        return self._arguments

    def seam(self) -> None:
        """Says that what comes next is another shard of the rows, of which others may hold those between."""
        self._intake.seam()

    def expect(self, others: Iterable[Evaluator]) -> None:
        """Takes the labels of negative rows, 0 or -1, to be those that others have seen; StateMismatchError where they
        mix."""
        for other in others:
            self._intake.expect(other._intake)

    @property
    def plan(self) -> Plan:
        """What is evaluated, and from which columns."""
        return self._intake.plan

    def merge(self, other: Evaluator | State | pa.Table | str | os.PathLike[str], *, missing: str = "error") -> None:
        """Adds the state of other rows.

        Parameters
        ----------
        other : Evaluator, pyarrow.Table or path
            Another evaluator, what its `state()` gave, or a file that `save_state` wrote; it is not changed.
        missing : "error" or "drop"
            What to do where one side lacks an accumulator of the other: refuse, or go on without its metrics.  A
            metric whose state is coarser there (fewer bits) becomes the coarser one.

        Raises
        ------
        StateMismatchError
            The states do not fit together, or a query has rows in both that would be evaluated twice; nothing was
            merged then.
        ParameterError
            `missing` is another word.
        SourceError
            The file cannot be read.
        """
        if missing not in ("error", "drop"):
            raise ParameterError(f'missing={missing!r}; allowed: "error", "drop"')
        with _naming(other):
            self._intake.merge(self._read(other), missing, surplus=self._surplus)
        self._metrics = list(dict.fromkeys(request.metric for request in self.plan.requests))

    def content(self, *, closed: bool = False) -> State:
        """The state, as another takes it in, not a copy; `closed`: with open queries evaluated as they are."""
        return self._intake.closed_content() if closed else self._intake.content()

    def _read(self, other: Evaluator | State | pa.Table | str | os.PathLike[str]) -> State:
        if isinstance(other, Evaluator):
            return other.content()
        if isinstance(other, State):
            return other
        return from_table(read_table(other), self.memory_limit)

    def state(self) -> pa.Table:
        """The state as a table: one row a slice, one column an accumulator.

        Returns
        -------
        pyarrow.Table
            Merging states of shards in any order gives the same bits as evaluating all rows at once.
        """
        return pa.Table.from_batches(list(self._batches()))

    def _batches(self) -> Iterator[pa.RecordBatch]:
        judgments = self._roles.judgments
        digest = None if judgments is None else judgments.digest
        return self._intake.batches(describe(self._metrics, self._arguments, digest))

    def save_state(self, path: str | os.PathLike[str]) -> None:
        """Writes the state to an Arrow IPC file with a checksum; the file appears whole or not at all.

        It is written some slices at a time, and says itself which metrics and columns it is of: `fastrank.merge_states`
        answers it without being told.

        Parameters
        ----------
        path : str or path-like
            Where to; a file that is there is replaced.
        """
        batches = self._batches()
        first = next(batches)
        write(path, first.schema, chain([first], batches))

    def result(self, metrics: Metric | str | Iterable[Metric | str] | None = None) -> Result:
        """The values so far; may be asked again, and updating may go on.

        Parameters
        ----------
        metrics : Metric, str, or list of them, optional
            Any metrics that the accumulators can answer; default: those of the evaluator.

        Returns
        -------
        Result

        Raises
        ------
        StateMismatchError
            The state does not hold what a metric reads.
        """
        self._intake.settle()
        requests = self.plan.requests
        if metrics is not None:
            requests = [request for metric in read_metrics(metrics) for request, _ in bind(metric, self._roles)]
        accumulators = self._intake.closed()
        for request in requests:
            for identity in request.states.values():
                found = accumulators.get(identity) or derive(identity, accumulators)
                if found is None:
                    raise StateMismatchError(
                        f"{request.metric.name} reads {in_words(identity.text)}, which the state does not hold"
                    )
                accumulators[identity] = found
        slices = self._intake.slices
        if self._arguments["other_slices"]:
            slices, accumulators = fold_slices(slices, accumulators, self._arguments["max_slices"])
        return answer(requests, accumulators, slices, self.threads)

    def open_lists(self) -> Iterator[tuple[Identity, Lists]]:
        """The lists of each stream that may go on, as if they were complete, and those of judged queries without
        rows."""
        return self._intake.open_lists()

    def watch(self, tell: Callable[[Identity, Lists], None]) -> None:
        """Has the complete lists of each stream told, after they were added."""
        self._intake.watch = tell

    def __reduce__(self) -> tuple[Any, ...]:
        positions = {identity.text: stream.position for identity, stream in self.plan.streams.items()}
        return _restore, (self._metrics, self._arguments, self._row, self.plan.of_lists, positions, self.state())


def _reads_others(max_slices: int, *, other_slices: bool) -> bool:
    """Whether slices past the limit are added up; ParameterError where the limit is none."""
    if isinstance(max_slices, bool) or not isinstance(max_slices, int) or max_slices < 1:
        raise ParameterError(f"max_slices={max_slices!r}; allowed: a number of slices, an integer from 1 on")
    if not isinstance(other_slices, bool):
        raise ParameterError(f"other_slices={other_slices!r}; allowed: True, False")
    return other_slices


@contextmanager
def _naming(state: Any) -> Iterator[None]:
    """Has an error name the file of the state."""
    try:
        yield
    except StateMismatchError as error:
        if isinstance(state, str | os.PathLike) and not str(error).startswith(os.fspath(state)):
            raise StateMismatchError(f"{os.fspath(state)}: {error}") from error
        raise


def _restore(
    metrics: Any, arguments: Any, row: int, of_lists: bool | None, positions: Any, state: pa.Table
) -> Evaluator:
    evaluator = Evaluator(metrics, **arguments)
    if of_lists is not None:
        evaluator.plan.use_shape(of_lists=of_lists)
    # It may lack what the metrics would read of columns that another state did not have.
    evaluator.merge(state, missing="drop")
    for identity, stream in evaluator.plan.streams.items():
        stream.resume(positions[identity.text])
    evaluator._row = row
    return evaluator
