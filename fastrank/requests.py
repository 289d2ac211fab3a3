"""A metric with its columns: what it asks of the rows, and which accumulators can answer it.

Requests that need the same accumulator over the same columns and rows share it: see `Identity`.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from fastrank.columns import RowSet
from fastrank.domains import ID, RANK, WEIGHT
from fastrank.errors import ParameterError
from fastrank.metrics.base import Metric, MetricFactory
from fastrank.metrics.reading import parse
from fastrank.result import COLUMNS, SLICE_COLUMNS
from fastrank.shapes import LABELS, RANKS, ROW_NUMBERS
from fastrank.time_windows import Window, name_of
from fastrank.where import Where

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from fastrank.accumulators.base import Accumulator
    from fastrank.class_weights import ClassWeights
    from fastrank.domains import Domain
    from fastrank.judgments import Judgments

__all__ = ["Identity", "Request", "Roles", "bind", "read_groupings", "read_metrics"]

_OPTIONAL_DOMAINS = {"weight": WEIGHT, "query_weight": WEIGHT, "item": ID}


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
    class_weights: ClassWeights | None = None

    @staticmethod
    def make(
        where: Any,
        on_invalid: str,
        judgments: Judgments | None = None,
        class_weights: ClassWeights | None = None,
        **columns: Any,
    ) -> Roles:
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
        conditions = () if where is None else (Where.parse(where),)
        return Roles(named, scores, conditions, on_invalid == "drop", judgments, class_weights)


@dataclass(frozen=True)
class Request:
    """A metric with its columns, and the accumulators it reads."""

    metric: Metric
    model: str | None
    row_set: RowSet
    states: Mapping[str, Identity]

    @property
    def weighs_classes(self) -> bool:
        """Whether the weight of a row depends on its class."""
        return any(role == "weight" and domain.beside is not None for role, _, domain in self.row_set.roles)


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


def bind(metric: Metric, roles: Roles) -> list[tuple[Request, Mapping[str, Accumulator]]]:
    """The requests of a metric, one for each score column, with empty accumulators."""
    several = len(roles.scores) > 1 and "score" in metric.domains and "score" not in metric.overrides
    models: Sequence[str | None] = roles.scores if several else (None,)
    return [_bind(metric, roles, model) for model in models]


def _bind(metric: Metric, roles: Roles, model: str | None) -> tuple[Request, Mapping[str, Accumulator]]:
    columns = dict(roles.columns)
    if roles.scores:
        columns["score"] = model or roles.scores[0]
    columns.update(metric.overrides)
    # A parameter that is called as a role names the column.
    columns.update({role: metric.parameters[role] for role in metric.domains if role in metric.parameters})
    columns.update({f"score[{k}]": name for k, name in enumerate(metric.parameters.get("scores") or ())})
    _name_parts_of_rankings(metric, columns)
    judgments = _judgments_for(metric, roles)
    bound: list[tuple[str, str, Domain]] = []
    for role, domain in _by_rank(metric, columns).items():
        if role == "label" and judgments is not None:
            judgments.check_labels(domain)
            continue
        if role == "query" and role not in columns:
            columns[role] = ROW_NUMBERS  # for lists, each of which stands in one row
        if role not in columns:
            article = "an" if role == "item" else "a"
            way = f"name it ({role}=, --{role})"
            if role == "label" and "ranking" in columns:
                way = "name a column of lists of relevant ids (relevant=)"
            elif role == "label" and "query" in metric.domains:
                way += ", or give judgments (qrels=, --qrels)"
            raise ParameterError(f"{metric.name} needs {article} {role} column: {way}")
        bound.append((role, columns[role], domain if roles.class_weights is None else domain.classes or domain))
    optional = {
        role: (columns[role], _OPTIONAL_DOMAINS[role]) for role in metric.definition.optional if role in columns
    }
    if roles.class_weights is not None and "weight" in metric.definition.optional:
        optional.update(_weight_of_classes(metric, roles.class_weights, bound, columns))
    bound += [(role, column, domain) for role, (column, domain) in optional.items()]
    where = roles.where + (() if metric.where is None else (metric.where,))
    row_set = RowSet(tuple(bound), where, roles.drop_invalid, judgments)
    accumulators = metric.states(role for role, _, _ in bound)
    for accumulator in accumulators.values():
        for role in accumulator.requires:
            if role not in columns:
                ties = metric.parameters.get("ties")
                by_item = role == "item" and ties in ("item_desc", "item_asc") and ties not in metric.name
                why = f" (ties={ties})" if by_item else ""  # where a preset says so
                raise ParameterError(f"{metric.name} needs the {role} column{why}: name it ({role}=, --{role})")
    states = {name: identify(accumulator, row_set) for name, accumulator in accumulators.items()}
    return Request(metric, model, row_set, states), accumulators


def _weight_of_classes(
    metric: Metric, weights: ClassWeights, bound: Sequence[tuple[str, str, Domain]], columns: Mapping[str, str]
) -> Mapping[str, tuple[str, Domain]]:
    """The column and the domain of weights that depend on the class of each row, where it has one."""
    labels = next(((column, domain) for role, column, domain in bound if role == "label"), None)
    if labels is None:
        if "label" not in metric.domains:
            return {}
        raise ParameterError(
            f"{metric.name} reads labels from the judgments (qrels=), which class_weight= and negative_downsampling= "
            f"do not; name a column of the run with its labels ({metric.definition.name}(label=...))"
        )
    try:
        domain = weights.domain(labels[1], alone="weight" not in columns)
    except ParameterError as error:
        raise ParameterError(f"{metric.name}: {error}") from None
    return {} if domain is None else {"weight": (columns.get("weight", labels[0]), domain)}


def _judgments_for(metric: Metric, roles: Roles) -> Judgments | None:
    """The judgments, where they hold the labels of a metric: one that names a column of labels reads that."""
    if roles.judgments is None or "label" not in metric.domains or "label" in metric.overrides:
        return None
    if "query" not in metric.domains:
        name = metric.definition.name
        raise ParameterError(
            f"{metric.name} reads the label of each row, and with qrels= labels are those of items of a query: "
            f"name a column of the run that holds its labels ({name}(label=...))"
        )
    return roles.judgments


def _name_parts_of_rankings(metric: Metric, columns: dict[str, str]) -> None:
    """Names the columns that lists of ids are made into: the item, its rank, and its label."""
    if "query" not in metric.domains or "ranking" not in columns:
        if "relevant" in columns:
            raise ParameterError("relevant= is the column of lists of relevant ids: name that of ranked ids (ranking=)")
        return
    for role in ("score", "rank", "item"):
        if role in columns:
            raise ParameterError(f"ranking= says which items rank where: leave out {role}=")
    columns["item"], columns["rank"] = columns["ranking"], RANKS
    if "relevant" in columns:
        if "label" in columns:
            raise ParameterError("relevant= says which items are relevant: leave out label=")
        columns["label"] = LABELS


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
    if metric.parameters.get("drop_nonpositive"):
        raise ParameterError(
            f"{metric.name}: drop_nonpositive=True is about scores, of which there are none where rank= or ranking= "
            "orders the rows: give drop_nonpositive=False"
        )
    return {("rank" if role == "score" else role): RANK if role == "score" else d for role, d in domains.items()}


def identify(accumulator: Accumulator, row_set: RowSet) -> Identity:
    """The identity of an accumulator over a row set."""
    kind, version, parameters = accumulator.identity
    reads = accumulator.reads
    inputs = tuple((role, column) for role, column, _ in row_set.roles if role.partition("[")[0] in reads)
    inputs += tuple((f"reading of {role}", d.reading) for role, _, d in row_set.roles if role in reads and d.reading)
    if row_set.judgments is not None:
        inputs += (("judgments", row_set.judgments.digest),)
    valid = None
    if row_set.drop_invalid:
        valid = tuple(sorted((column, domain.name) for _, column, domain in row_set.roles))
    return Identity(kind, version, parameters, inputs, tuple(where.identity for where in row_set.where), valid)


def read_groupings(by: Any) -> list[list[str | Window]]:
    """Slice columns by grouping, from what a user gave: names and windows."""
    if by is None:
        return []
    entries = list(by) if isinstance(by, Iterable) and not isinstance(by, str) else [by]
    flat = not any(isinstance(entry, list | tuple) for entry in entries)
    groupings = (
        [entries] if flat else [list(entry) if isinstance(entry, list | tuple) else [entry] for entry in entries]
    )
    for grouping in groupings:
        names = [name_of(column) for column in grouping if isinstance(column, str | Window)]
        if not grouping or len(names) != len(grouping) or len(set(names)) != len(names):
            raise ParameterError(f"by={by!r}; allowed: names of columns, windows, or lists of them, each once")
        taken = set(names).intersection((*COLUMNS, *SLICE_COLUMNS))
        if taken:
            raise ParameterError(f"by={by!r}: {sorted(taken)[0]!r} is the name of a column of the result; rename it")
    if len({frozenset(map(name_of, grouping)) for grouping in groupings}) != len(groupings):
        raise ParameterError(f"by={by!r}: two groupings are the same")
    columns: dict[str, str | Window] = {}
    for column in (column for grouping in groupings for column in grouping):
        if columns.setdefault(name_of(column), column) != column:
            raise ParameterError(f"by={by!r}: two columns are called {name_of(column)!r}")
    return groupings if entries else []
