"""Metrics -> unique accumulators -> one pass.

A *request* is a metric with its columns.  Requests that need the same accumulator over the same columns and
rows share it.  `Evaluator` feeds each accumulator once a batch and asks the metrics in the end.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Any, cast

from fastrank.accumulators.base import ListAccumulator, RowAccumulator
from fastrank.columns import Columns, RowSet
from fastrank.domains import ID, RANK, WEIGHT
from fastrank.errors import MissingColumnError, ParameterError, StateMismatchError
from fastrank.grouping import QueryStream
from fastrank.metrics.base import Metric, MetricFactory
from fastrank.metrics.reading import parse
from fastrank.result import COLUMNS
from fastrank.scattered import ScatteredQueries
from fastrank.shapes import ROW_NUMBERS, WholeLists, flatten, is_list
from fastrank.where import Where

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    import pyarrow as pa

    from fastrank.accumulators.base import Accumulator
    from fastrank.domains import Domain
    from fastrank.grouping import Queries
    from fastrank.judgments import Judgments
    from fastrank.ranked import ListRules

__all__ = ["Identity", "Plan", "Request", "Roles", "read_groupings", "read_metrics"]

_OPTIONAL_DOMAINS = {"weight": WEIGHT, "query_weight": WEIGHT, "item": ID}
_LISTED_ROLES = ("label", "score", "rank", "item")
_NUMERIC_ROLES = ("label", "score", "rank", "weight", "query_weight", "background", "propensity", "popularity", "age")


@dataclass(frozen=True)
class Identity:
    """What makes two accumulators hold the same: kind and parameters, columns, rows.

    Where invalid rows raise, the rows are those that pass `where`; where they are dropped, it matters too
    which columns had to be valid.
    """

    kind: str
    version: int
    parameters: tuple[tuple[str, Any], ...]
    inputs: tuple[tuple[str, str], ...]
    where: tuple[str, ...]
    valid: tuple[tuple[str, str], ...] | None

    @property
    def text(self) -> str:
        """As JSON: the name of the column in a state."""
        return json.dumps(
            {
                "kind": self.kind,
                "version": self.version,
                "parameters": dict(self.parameters),
                "inputs": dict(self.inputs),
                "where": self.where,
                "valid": self.valid,
            },
            separators=(",", ":"),
        )


@dataclass(frozen=True)
class Roles:
    """Which column plays which role for all metrics, and how rows are chosen."""

    columns: Mapping[str, str]
    scores: tuple[str, ...]
    where: tuple[Where, ...]
    drop_invalid: bool
    judgments: Judgments | None = None

    @staticmethod
    def make(where: Any, on_invalid: str, judgments: Judgments | None = None, **columns: Any) -> Roles:
        """Checks what a user gave."""
        if on_invalid not in ("raise", "drop"):
            raise ParameterError(f'on_invalid={on_invalid!r}; allowed: "raise", "drop"')
        score = columns.pop("score")
        scores = tuple(score or ()) if isinstance(score, Iterable) and not isinstance(score, str) else (score,)
        scores = () if scores == (None,) else scores
        named = {role: column for role, column in columns.items() if column is not None}
        for role, column in [*named.items(), *(("score", column) for column in scores)]:
            if not isinstance(column, str):
                raise ParameterError(f"{role}={column!r}; allowed: the name of a column")
        if len(set(scores)) != len(scores):
            raise ParameterError(f"score={list(scores)!r}; allowed: each column once")
        return Roles(named, scores, () if where is None else (Where.parse(where),), on_invalid == "drop", judgments)


@dataclass(frozen=True)
class Request:
    """A metric with its columns, and the accumulators it reads."""

    metric: Metric
    model: str | None
    row_set: RowSet
    states: Mapping[str, Identity]


def read_metrics(metrics: Metric | str | Iterable[Metric | str]) -> list[Metric]:
    """Metrics from objects and spellings; each once, and no two of one name."""
    given: list[Any] = [metrics]
    if isinstance(metrics, Iterable) and not isinstance(metrics, str):
        given = list(metrics)
    result: dict[str, Metric] = {}
    for entry in given:
        if isinstance(entry, MetricFactory):
            raise ParameterError(f"{entry.__name__} makes metrics: call it, as in fastrank.metrics.{entry.__name__}()")
        if not isinstance(entry, Metric | str):
            raise ParameterError(f"{entry!r} is no metric: give fastrank.metrics.auc() or a spelling such as 'ndcg@10'")
        for metric in [entry] if isinstance(entry, Metric) else parse(entry):
            if result.setdefault(metric.name, metric) != metric:
                raise ParameterError(f"two metrics are called {metric.name!r}: give one of them another name=")
    if not result:
        raise ParameterError("there is no metric to evaluate")
    return list(result.values())


@dataclass
class Plan:
    """The accumulators and query streams that a set of metrics needs."""

    roles: Roles
    by: tuple[str, ...]
    make_queries: Callable[[RowSet, list[str], dict[ListRules, int]], Queries]
    requests: list[Request] = field(default_factory=list)
    accumulators: dict[Identity, Accumulator] = field(default_factory=dict)
    row_sets: dict[Identity, RowSet] = field(default_factory=dict)
    streams: dict[Identity, Queries] = field(default_factory=dict)
    stream_of: dict[Identity, Identity] = field(default_factory=dict)
    _of_lists: bool | None = None
    _columns_of: tuple[pa.Schema, tuple[list[str], set[str]]] | None = None

    @staticmethod
    def make(
        metrics: Sequence[Metric], roles: Roles, by: Sequence[str], queries: str = "adjacent", memory_limit: int = 0
    ) -> Plan:
        """The plan of a list of metrics; each stream of scattered queries has its own limit."""
        if queries not in ("adjacent", "scattered"):
            raise ParameterError(f'queries={queries!r}; allowed: "adjacent", "scattered"')
        scattered = partial(ScatteredQueries, memory_limit=memory_limit)
        plan = Plan(roles, tuple(by), scattered if queries == "scattered" else QueryStream)
        depths: dict[Identity, dict[ListRules, int]] = {}
        for metric in metrics:
            for request, accumulators in plan.bind(metric):
                plan.requests.append(request)
                for name, identity in request.states.items():
                    plan._add(request, identity, accumulators[name], depths)
        return plan

    def bind(self, metric: Metric) -> list[tuple[Request, Mapping[str, Accumulator]]]:
        """The requests of a metric, one for each score column, with empty accumulators."""
        several = len(self.roles.scores) > 1 and "score" in metric.domains and "score" not in metric.overrides
        models: Sequence[str | None] = self.roles.scores if several else (None,)
        return [self._bind(metric, model) for model in models]

    def _bind(self, metric: Metric, model: str | None) -> tuple[Request, Mapping[str, Accumulator]]:
        columns = dict(self.roles.columns)
        if self.roles.scores:
            columns["score"] = model or self.roles.scores[0]
        columns.update(metric.overrides)
        # A parameter that is called as a role names the column.
        columns.update({role: metric.parameters[role] for role in metric.domains if role in metric.parameters})
        judgments = self._judgments_for(metric)
        bound: list[tuple[str, str, Domain]] = []
        for role, domain in _by_rank(metric, columns).items():
            if role == "label" and judgments is not None:
                judgments.check_labels(domain)
                continue
            if role == "query" and role not in columns:
                columns[role] = ROW_NUMBERS  # for lists, each of which stands in one row
            if role not in columns:
                raise ParameterError(f"{metric.name} needs a {role} column: name it ({role}=, --{role})")
            bound.append((role, columns[role], domain))
        optional = [role for role in metric.definition.optional if role in columns]
        bound += [(role, columns[role], _OPTIONAL_DOMAINS[role]) for role in optional]
        where = self.roles.where + (() if metric.where is None else (metric.where,))
        row_set = RowSet(tuple(bound), where, self.roles.drop_invalid, judgments)
        accumulators = metric.states(role for role, _, _ in bound)
        for accumulator in accumulators.values():
            for role in accumulator.requires:
                if role not in columns:
                    raise ParameterError(f"{metric.name} needs the {role} column: name it ({role}=, --{role})")
        states = {name: identify(accumulator, row_set) for name, accumulator in accumulators.items()}
        return Request(metric, model, row_set, states), accumulators

    def _judgments_for(self, metric: Metric) -> Judgments | None:
        """The judgments, where they hold the labels of a metric: one that names a column of labels reads that."""
        if self.roles.judgments is None or "label" not in metric.domains or "label" in metric.overrides:
            return None
        if "query" not in metric.domains:
            name = metric.definition.name
            raise ParameterError(
                f"{metric.name} reads the label of each row, and with qrels= labels are those of items of a query: "
                f"name a column of the run that holds its labels ({name}(label=...))"
            )
        return self.roles.judgments

    def _add(
        self,
        request: Request,
        identity: Identity,
        accumulator: Accumulator,
        depths: dict[Identity, dict[ListRules, int]],
    ) -> None:
        if identity not in self.accumulators:
            accumulator.grow(1)
            self.accumulators[identity] = accumulator
            self.row_sets[identity] = request.row_set
        if isinstance(accumulator, ListAccumulator):
            # Lists are the same for all metrics of the same columns and rows, whatever they measure.
            stream = Identity("query_stream", 1, (), identity.inputs, identity.where, identity.valid)
            depth = depths.setdefault(stream, {})
            rules, k = accumulator.list_rules, accumulator.depth
            known = depth.get(rules, k)
            depth[rules] = max(known, k) if known and k else 0
            names = [column for _, column, _ in request.row_set.roles] + list(self.by)
            if stream not in self.streams:
                self.streams[stream] = self.make_queries(request.row_set, list(dict.fromkeys(names)), depth)
            self.streams[stream].in_order |= accumulator.in_order
            self.streams[stream].unique_items |= accumulator.list_rules.duplicates == "error"
            self.stream_of[identity] = stream

    def find_lacking(self, theirs: set[str], missing: str) -> set[Identity]:
        """The accumulators that another state, of these identities, lacks; StateMismatchError where that is not
        allowed."""
        mine = {identity.text: identity for identity in self.accumulators}
        lacking = [text for text in mine if text not in theirs]
        surplus = [text for text in theirs if text not in mine]
        if missing == "error" and (lacking or surplus):
            side = "the other state lacks" if lacking else "this state lacks"
            raise StateMismatchError(f'{side} {(lacking or surplus)[0]}; missing="drop" keeps what both have')
        gone = {mine[text] for text in lacking}
        if all(gone.intersection(request.states.values()) for request in self.requests):
            raise StateMismatchError("the states have no metric in common")
        return gone

    def remove(self, identities: set[Identity]) -> None:
        """Forgets the requests that read some accumulators, and what no other request reads."""
        self.requests = [r for r in self.requests if not identities.intersection(r.states.values())]
        self.row_sets = {identity: r.row_set for r in reversed(self.requests) for identity in r.states.values()}
        self.accumulators = {i: accumulator for i, accumulator in self.accumulators.items() if i in self.row_sets}
        self.stream_of = {i: stream for i, stream in self.stream_of.items() if i in self.row_sets}
        self.streams = {i: stream for i, stream in self.streams.items() if i in self.stream_of.values()}
        for identity, stream in self.stream_of.items():
            self.streams[stream].row_set = self.row_sets[identity]

    @property
    def distinct_row_sets(self) -> list[RowSet]:
        """The row sets of all requests: what has to be checked in each batch."""
        return list(dict.fromkeys(request.row_set for request in self.requests))

    @property
    def row_accumulators(self) -> list[tuple[RowSet, RowAccumulator]]:
        """Accumulators that are fed with rows."""
        return [
            (self.row_sets[identity], accumulator)
            for identity, accumulator in self.accumulators.items()
            if isinstance(accumulator, RowAccumulator)
        ]

    def list_accumulators(self, stream: Identity) -> list[tuple[Identity, ListAccumulator]]:
        """Accumulators that are fed with the lists of a stream."""
        return [
            (identity, accumulator)
            for identity, accumulator in self.accumulators.items()
            if isinstance(accumulator, ListAccumulator) and self.stream_of[identity] == stream
        ]

    def columns(self, schema: pa.Schema) -> tuple[list[str], set[str]]:
        """(the columns to read, those among them that are numbers)."""
        if self._columns_of is None or not self._columns_of[0].equals(schema):
            self._columns_of = schema, self._find_columns(schema)
        return self._columns_of[1]

    def _find_columns(self, schema: pa.Schema) -> tuple[list[str], set[str]]:
        names: dict[str, None] = {}
        numeric: set[str] = set()
        if not self.has_lists(schema):
            self._require_queries()
        for row_set in self.distinct_row_sets:
            for role, column, _ in row_set.roles:
                if column == ROW_NUMBERS:
                    continue
                names[column] = None
                if role in _NUMERIC_ROLES:
                    numeric.add(column)
            for where in row_set.where:
                names.update(dict.fromkeys(where.columns(schema)))
        names.update(dict.fromkeys(self.by))
        keys = {column for s in self.distinct_row_sets for role, column, _ in s.roles if role not in _NUMERIC_ROLES}
        return list(names), numeric - keys - set(self.by)

    def view(self, batch: pa.RecordBatch, first_row: int, describe_row: Callable[[int], str]) -> Columns:
        """The columns of a batch as long rows; an error where it does not fit."""
        names, _ = self.columns(batch.schema)
        for name in names:
            if len(batch.schema.get_all_field_indices(name)) != 1:
                how = "no" if name not in batch.schema.names else "more than one"
                raise MissingColumnError(f"the batch has {how} column {name!r}; it has {', '.join(batch.schema.names)}")
        of_lists = self.has_lists(batch.schema)
        self._use_shape(of_lists=of_lists)
        return flatten(batch.select(names), first_row, describe_row) if of_lists else Columns(batch, describe_row)

    def has_lists(self, schema: pa.Schema) -> bool:
        """Whether ranked lists stand in list columns."""
        names = {column for s in self.distinct_row_sets for role, column, _ in s.roles if role in _LISTED_ROLES}
        return any(is_list(schema.field(name).type) for name in names if schema.get_field_index(name) >= 0)

    def _require_queries(self) -> None:
        """ParameterError where a metric of lists lacks its column of queries."""
        for request in self.requests:
            if any(column == ROW_NUMBERS for _, column, _ in request.row_set.roles):
                raise ParameterError(
                    request.metric.definition.without_query
                    or f"{request.metric.name} needs a query column: name it (query=, --query)"
                )

    def _use_shape(self, *, of_lists: bool) -> None:
        """Makes the streams fit the first batch: of lists, or of long rows; ParameterError for another shape later."""
        if of_lists == self._of_lists:
            return
        if self._of_lists is not None:
            raise ParameterError("one batch holds lists and another long rows; allowed: the same in all batches")
        self._of_lists = of_lists
        if of_lists:
            for identity, stream in self.streams.items():
                whole = WholeLists(stream.row_set, stream.column_names, stream.depths)
                whole.in_order, whole.unique_items = stream.in_order, stream.unique_items
                whole.take_over(stream.hand_over())
                self.streams[identity] = whole


def _by_rank(metric: Metric, columns: Mapping[str, str]) -> Mapping[str, Domain]:
    """The domains of the metric's roles; lists are ordered by the rank column where there is one."""
    domains = metric.domains
    if "query" not in domains or "score" not in domains or "rank" not in columns:
        return domains
    if "score" in columns and "rank" not in metric.overrides:
        raise ParameterError(
            f"{metric.name} orders rows by score or by rank, and both are named: give one, or name the column in the "
            f"metric ({metric.definition.name}(rank={columns['rank']!r}))"
        )
    return {("rank" if role == "score" else role): RANK if role == "score" else d for role, d in domains.items()}


def identify(accumulator: Accumulator, row_set: RowSet) -> Identity:
    """The identity of an accumulator over a row set."""
    kind, version, parameters = accumulator.identity
    reads = accumulator.reads
    inputs = tuple((role, column) for role, column, _ in row_set.roles if role in reads)
    if row_set.judgments is not None:
        inputs += (("judgments", row_set.judgments.digest),)
    valid = None
    if row_set.drop_invalid:
        valid = tuple(sorted((column, domain.name) for _, column, domain in row_set.roles))
    return Identity(kind, version, parameters, inputs, tuple(where.identity for where in row_set.where), valid)


def read_groupings(by: Any) -> list[list[str]]:
    """Slice columns by grouping, from what a user gave."""
    if by is None:
        return []
    entries = list(by) if isinstance(by, Iterable) and not isinstance(by, str) else [by]
    flat = not any(isinstance(entry, list | tuple) for entry in entries)
    groupings = (
        [entries] if flat else [list(entry) if isinstance(entry, list | tuple) else [entry] for entry in entries]
    )
    for grouping in groupings:
        names = [name for name in grouping if isinstance(name, str)]
        if not grouping or len(names) != len(grouping) or len(set(names)) != len(names):
            raise ParameterError(f"by={by!r}; allowed: names of columns, or lists of them, each once")
        taken = set(names).intersection((*COLUMNS, "grouping"))
        if taken:
            raise ParameterError(f"by={by!r}: {sorted(taken)[0]!r} is the name of a column of the result; rename it")
    if len({frozenset(grouping) for grouping in groupings}) != len(groupings):
        raise ParameterError(f"by={by!r}: two groupings are the same")
    return cast("list[list[str]]", groupings) if entries else []
