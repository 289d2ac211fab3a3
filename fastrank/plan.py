"""Metrics -> unique accumulators -> one pass.

`Evaluator` feeds each accumulator once a batch and asks the metrics in the end.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from functools import cached_property, partial
from numbers import Integral
from typing import TYPE_CHECKING

from fastrank.accumulators.base import ListAccumulator, RowAccumulator
from fastrank.columns import Columns
from fastrank.errors import ColumnTypeError, MissingColumnError, ParameterError, StateMismatchError
from fastrank.grouping import QueryStream
from fastrank.pairing import in_words, pair
from fastrank.requests import Identity, bind
from fastrank.scattered import ScatteredQueries
from fastrank.shapes import MADE, ROW_NUMBERS, WholeLists, flatten, is_list
from fastrank.wire import STREAM_VERSION

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    import pyarrow as pa

    from fastrank.accumulators.base import Accumulator
    from fastrank.columns import RowSet
    from fastrank.domains import Domain
    from fastrank.grouping import Queries
    from fastrank.metrics.base import Metric
    from fastrank.pairing import Pairing
    from fastrank.requests import Request, Roles
    from fastrank.rules import ListRules
    from fastrank.sources import Source

__all__ = ["Plan"]

_LISTED_ROLES = ("label", "score", "rank", "item")
_NUMERIC_ROLES = (
    "label", "score", "rank", "weight", "query_weight", "background", "propensity", "popularity", "age", "value",
    "numerator", "denominator", "revenue", "cost",
)  # fmt: skip


def _is_numeric(role: str, domain: Domain) -> bool:
    """Whether a column holds numbers in a role; several columns may play one: score[0], score[1], ..."""
    return role.partition("[")[0] in _NUMERIC_ROLES and domain.numeric


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
    of_lists: bool | None = None  # whether ranked lists stand in list columns, when known
    _columns_of: tuple[pa.Schema, tuple[list[str], set[str]]] | None = None
    _viewed: tuple[pa.Schema, bool] | None = None  # the schema of the last batch, and whether it has ranked lists

    @staticmethod
    def make(metrics: Sequence[Metric], roles: Roles, by: Sequence[str], queries: str, memory_limit: int) -> Plan:
        """The plan of a list of metrics; each stream of scattered queries has its own limit, all scores share one."""
        if queries not in ("adjacent", "scattered"):
            raise ParameterError(f'queries={queries!r}; allowed: "adjacent", "scattered"')
        if isinstance(memory_limit, bool) or not isinstance(memory_limit, Integral) or memory_limit < 0:
            raise ParameterError(f"memory_limit={memory_limit!r}; allowed: a number of bytes, an integer")
        kind = ScatteredQueries if queries == "scattered" else QueryStream
        plan = Plan(roles, tuple(by), partial(kind, memory_limit=memory_limit))
        depths: dict[Identity, dict[ListRules, int]] = {}
        for metric in metrics:
            for request, accumulators in bind(metric, roles):
                plan.requests.append(request)
                for name, identity in request.states.items():
                    plan._add(request, identity, accumulators[name], depths)
        if roles.class_weights is not None and not any(request.weighs_classes for request in plan.requests):
            raise ParameterError(
                f"{roles.class_weights.text}: no metric here weighs rows by class: those of labels of classes do, such "
                "as log_loss, auc and multiclass_auc; metrics of ranked lists and of numbers do not"
            )
        plan.limit_scores(memory_limit)
        return plan

    def limit_scores(self, memory_limit: int) -> None:
        """Shares a limit among what grows with the rows."""
        growing = [each for _, each in self.row_accumulators if each.memory_limit is not None]
        for each in growing:
            each.memory_limit = memory_limit // len(growing)

    def limit_memory(self, memory_limit: int) -> None:
        """Changes the limit of scores, and that of each stream of queries."""
        self.limit_scores(memory_limit)
        for stream in self.streams.values():
            stream.limit_memory(memory_limit)

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
            stream = Identity("query_stream", STREAM_VERSION, (), identity.inputs, identity.where, identity.valid)
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

    def pair(self, theirs: Mapping[str, Accumulator], missing: str, *, surplus: bool = False) -> Pairing:
        """How the accumulators of another state fit those of this one; StateMismatchError where one side lacks some and
        that is not allowed; with `surplus`, the other may hold more."""
        found = pair(self.accumulators, theirs)
        if missing == "error" and found.lacking:
            lacking = found.lacking[0]
            readers = dict.fromkeys(r.metric.name for r in self.requests if lacking in r.states.values())
            raise StateMismatchError(
                f"the other state lacks what {', '.join(readers)} read{'s' if len(readers) == 1 else ''}: "
                f'{in_words(lacking.text)}; missing="drop" (--missing drop) keeps what both have'
            )
        if missing == "error" and found.surplus and not surplus:
            raise StateMismatchError(
                f'this state lacks {in_words(found.surplus[0])}; missing="drop" (--missing drop) keeps what both have'
            )
        gone = set(found.lacking)
        if all(gone.intersection(request.states.values()) for request in self.requests):
            raise StateMismatchError("the states have no metric in common")
        return found

    def coarsen(self, changes: Mapping[Identity, tuple[Identity, Accumulator]]) -> None:
        """Goes on with coarser accumulators, and with the metrics that read them in place of the finer ones'."""
        self._forget()
        self.requests = [_coarsened(request, changes) for request in self.requests]
        self.accumulators = dict(changes.get(i, (i, accumulator)) for i, accumulator in self.accumulators.items())
        self.row_sets = {changes[i][0] if i in changes else i: row_set for i, row_set in self.row_sets.items()}

    def remove(self, identities: set[Identity]) -> None:
        """Forgets the requests that read some accumulators, and what no other request reads."""
        self._forget()
        self.requests = [r for r in self.requests if not identities.intersection(r.states.values())]
        self.row_sets = {identity: r.row_set for r in reversed(self.requests) for identity in r.states.values()}
        self.accumulators = {i: accumulator for i, accumulator in self.accumulators.items() if i in self.row_sets}
        self.stream_of = {i: stream for i, stream in self.stream_of.items() if i in self.row_sets}
        self.streams = {i: stream for i, stream in self.streams.items() if i in self.stream_of.values()}
        for identity, stream in self.stream_of.items():
            self.streams[stream].row_set = self.row_sets[identity]

    def _forget(self) -> None:
        """Drops what was found out once, for all batches, of requests and accumulators that are about to change."""
        for name in ("distinct_row_sets", "row_accumulators", "_lists_of"):
            self.__dict__.pop(name, None)

    @property
    def in_order(self) -> bool:
        """Whether a metric depends on the order of the source, so that it has to be read from end to end."""
        return any(stream.in_order for stream in self.streams.values())

    @property
    def compares_rows(self) -> bool:
        """Whether a row may be invalid for another row of its query."""
        roles = {role for stream in self.streams.values() for role, _, _ in stream.row_set.roles}
        return not roles.isdisjoint(("item", "rank", "query_weight"))

    @cached_property
    def distinct_row_sets(self) -> list[RowSet]:
        """The row sets of all requests: what has to be checked in each batch."""
        return self.row_sets_without(set())

    def row_sets_without(self, identities: set[Identity]) -> list[RowSet]:
        """The row sets of the requests that read none of some accumulators."""
        kept = (r.row_set for r in self.requests if not identities.intersection(r.states.values()))
        return list(dict.fromkeys(kept))

    @cached_property
    def row_accumulators(self) -> list[tuple[RowSet, RowAccumulator]]:
        """Accumulators that are fed with rows."""
        return [
            (self.row_sets[identity], accumulator)
            for identity, accumulator in self.accumulators.items()
            if isinstance(accumulator, RowAccumulator)
        ]

    def list_accumulators(self, stream: Identity) -> list[tuple[Identity, ListAccumulator]]:
        """Accumulators that are fed with the lists of a stream."""
        return self._lists_of[stream]

    @cached_property
    def _lists_of(self) -> dict[Identity, list[tuple[Identity, ListAccumulator]]]:
        found: dict[Identity, list[tuple[Identity, ListAccumulator]]] = {stream: [] for stream in self.streams}
        for identity, accumulator in self.accumulators.items():
            if isinstance(accumulator, ListAccumulator):
                found[self.stream_of[identity]].append((identity, accumulator))
        return found

    def narrow(self, source: Source) -> Source:
        """The source without what the conditions of all metrics exclude, and with columns that are but sliced by as
        they are stored."""
        others = {column for row_set in self.distinct_row_sets for _, column, _ in row_set.roles}
        for row_set in self.distinct_row_sets:
            for where in row_set.where:
                others.update(where.columns(source.schema))
        return source.pruned(self.roles.where).coded([name for name in self.by if name not in others])

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
            for role, column, domain in row_set.roles:
                if column in MADE:
                    continue
                names[column] = None
                if _is_numeric(role, domain):
                    numeric.add(column)
            for where in row_set.where:
                names.update(dict.fromkeys(where.columns(schema)))
        names.update(dict.fromkeys([*self.by, *filter(None, self._rankings)]))
        keys = {column for s in self.distinct_row_sets for role, column, d in s.roles if not _is_numeric(role, d)}
        return list(names), numeric - keys - set(self.by)

    def view(self, batch: pa.RecordBatch, first_row: int, describe_row: Callable[[int], str]) -> Columns:
        """The columns of a batch as long rows; an error where it does not fit."""
        if self._viewed is None or not self._viewed[0].equals(batch.schema):
            self._viewed = batch.schema, self._check_schema(batch.schema)
        of_lists = self._viewed[1]
        self.use_shape(of_lists=of_lists)
        if not of_lists:
            return Columns(batch, describe_row)
        names, _ = self.columns(batch.schema)
        self._refuse_scores_of_classes()
        self._refuse_columns_beside_lists(batch.schema)
        self._check_heads(batch.schema)
        return flatten(batch.select(names), first_row, describe_row, *self._rankings)

    def _check_schema(self, schema: pa.Schema) -> bool:
        """Whether batches of a schema have ranked lists; an error where they do not have each column once."""
        for name in self.columns(schema)[0]:
            if len(schema.get_all_field_indices(name)) != 1:
                how = "no" if name not in schema.names else "more than one"
                raise MissingColumnError(f"the batch has {how} column {name!r}; it has {', '.join(schema.names)}")
        return self.has_lists(schema)

    def _refuse_scores_of_classes(self) -> None:
        """An error where lists are scores of classes for one metric and ranked lists for another."""
        for request in self.requests:
            if any(domain.of_lists for role, _, domain in request.row_set.roles if role == "score"):
                raise ParameterError(
                    f"{request.metric.name} reads a list as the scores of classes, and other metrics read lists as "
                    "ranked lists: evaluate them apart"
                )

    def _refuse_columns_beside_lists(self, schema: pa.Schema) -> None:
        """An error where a metric of rows reads no list: each row would count once for each entry of its lists."""
        for request in self.requests:
            kinds = {role: schema.field(column).type for role, column, _ in request.row_set.roles if column not in MADE}
            if "query" not in request.metric.domains and not any(map(is_list, kinds.values())):
                raise ParameterError(
                    f"{request.metric.name} reads a value for each row, and other metrics read lists, of which each "
                    "entry is a row: evaluate them apart"
                )

    def _check_heads(self, schema: pa.Schema) -> None:
        """An error where a list stands in place of the one value that a query has."""
        one = dict.fromkeys(self.by, "by")
        for row_set in self.distinct_row_sets:
            one.update({column: role for role, column, _ in row_set.roles if role in ("query", "query_weight")})
            for where in row_set.where:
                # Of an expression it is not known what it reads.
                one.update(dict.fromkeys(where.columns(schema) if where.expression is None else (), "where"))
        for name, role in one.items():
            if name not in MADE and is_list(schema.field(name).type):
                raise ColumnTypeError(
                    f"column {name!r} ({role}) is of type {schema.field(name).type}; allowed: one value for each row "
                    "of lists, which all its entries share"
                )

    @property
    def _rankings(self) -> tuple[str | None, str | None]:
        """The columns of ranked ids and of relevant ids."""
        return self.roles.columns.get("ranking"), self.roles.columns.get("relevant")

    def has_lists(self, schema: pa.Schema) -> bool:
        """Whether ranked lists stand in list columns; ColumnTypeError where some do and others do not."""
        roles = {
            column: role
            for row_set in self.distinct_row_sets
            if any(role == "query" for role, _, _ in row_set.roles)
            for role, column, _ in row_set.roles
            if role in _LISTED_ROLES and schema.get_field_index(column) >= 0
        }
        kinds = {name: schema.field(name).type for name in roles}
        listed = [name for name, kind in kinds.items() if is_list(kind)]
        for name, kind in kinds.items():
            if listed and name not in listed:
                first = listed[0]
                raise ColumnTypeError(
                    f"column {first!r} ({roles[first]}) is of type {kinds[first]}, column {name!r} ({roles[name]}) of "
                    f"type {kind}; allowed: lists in both, a row a query, or in none"
                )
        return bool(listed)

    def _require_queries(self) -> None:
        """ParameterError where a metric of lists lacks its column of queries."""
        for request in self.requests:
            if any(column == ROW_NUMBERS for _, column, _ in request.row_set.roles):
                raise ParameterError(
                    request.metric.definition.without_query
                    or f"{request.metric.name} needs a query column: name it (query=, --query)"
                )

    def use_shape(self, *, of_lists: bool) -> None:
        """Makes the streams fit the first batch: of lists, or of long rows; ParameterError for another shape later."""
        if of_lists == self.of_lists:
            return
        if self.of_lists is not None:
            raise ParameterError("one batch holds lists and another long rows; allowed: the same in all batches")
        self.of_lists = of_lists
        if of_lists:
            for identity, stream in self.streams.items():
                whole = WholeLists(stream.row_set, stream.column_names, stream.depths, stream.memory_limit)
                whole.in_order, whole.unique_items = stream.in_order, stream.unique_items
                whole.take_over(stream.hand_over())
                self.streams[identity] = whole


def _coarsened(request: Request, changes: Mapping[Identity, tuple[Identity, Accumulator]]) -> Request:
    parameters = dict(request.metric.parameters)
    states = dict(request.states)
    for name, identity in request.states.items():
        if identity in changes:
            states[name] = changes[identity][0]
            parameters.update(set(states[name].parameters) - set(identity.parameters))
    return replace(request, metric=replace(request.metric, parameters=parameters), states=states)
