"""How a metric is declared, made and spelled.

A metric is declared in one place: a function from the states of one slice to a number, under `@metric`.
The string, the Python constructor, the command line, the help and the tests all follow from that.
"""

from __future__ import annotations

import inspect
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

from fastrank.errors import ParameterError, UnknownMetricError, near_names
from fastrank.metrics.docs import document
from fastrank.metrics.spelling import spell
from fastrank.metrics.value import Value
from fastrank.where import Where

if TYPE_CHECKING:
    from collections.abc import Callable, Container, Iterable, Mapping

    from fastrank.accumulators import Accumulator
    from fastrank.domains import Domain
    from fastrank.metrics.parameters import Kind
    from fastrank.sweeps import Sweep

__all__ = [
    "ALIASES",
    "ROLES",
    "Definition",
    "Metric",
    "MetricFactory",
    "Value",
    "definition_of",
    "list_metrics",
    "metric",
    "resolve",
]

# What a metric may be told to take from another column than the whole evaluation does.
ROLES = ("label", "score", "rank", "weight", "query", "query_weight", "item")
OVERRIDES = (*ROLES, "where", "name")


@dataclass(frozen=True)
class Definition:
    """All there is to say of a metric."""

    name: str
    family: str
    doc: str
    columns: Callable[[Any], Mapping[str, Domain]]
    optional: tuple[str, ...]
    parameters: Mapping[str, Kind]
    defaults: Mapping[str, Any]
    states: Callable[[Any], Mapping[str, Accumulator]]
    sweeps: Callable[[Any], Mapping[str, Sweep]]
    finalize: Callable[..., float | Value]
    aliases: tuple[str, ...]
    presets: Mapping[str, Mapping[str, Any]]
    range: tuple[float, float]
    better: str
    undefined: str
    exactness: str
    unit: str
    source: str
    without_query: str
    conflict: Callable[[Any], str]
    peers: Mapping[str, Callable[[Mapping[str, Any]], Mapping[str, Any]]]
    number: str = ""
    shared: tuple[str, ...] = ()
    overall: Callable[[Any], Mapping[str, str]] = lambda _: {}

    def base(self, given: Mapping[str, Any]) -> dict[str, Any]:
        """The values of parameters that are not given: the defaults, or the rules of the peer named by `preset`."""
        preset = given.get("preset")
        rules = self.peers[preset](given) if preset is not None else {}
        return {**self.defaults, **{name: value for name, value in rules.items() if name in self.defaults}}

    @property
    def summary(self) -> str:
        """The first line of the documentation."""
        return self.doc.strip().splitlines()[0]

    @property
    def document(self) -> str:
        """The whole documentation."""
        return document(self)

    @property
    def signature(self) -> inspect.Signature:
        """Parameters and overrides, as Python shows them."""
        names = [inspect.Parameter(n, inspect.Parameter.KEYWORD_ONLY, default=d) for n, d in self.defaults.items()]
        roles = [inspect.Parameter(n, inspect.Parameter.KEYWORD_ONLY, default=None) for n in self.overrides]
        return inspect.Signature([*names, *roles])

    @property
    def overrides(self) -> tuple[str, ...]:
        """Roles that may be given to this metric alone, where= and name=."""
        return (*self.roles(self.defaults), "where", "name")

    def roles(self, parameters: Mapping[str, Any]) -> tuple[str, ...]:
        """Roles of columns that it reads, or may read, with these parameters."""
        roles = {*self.columns(SimpleNamespace(**parameters)), *self.optional}
        roles |= {"rank"} if "query" in roles and "score" in roles else set()
        return tuple(role for role in ROLES if role in roles)


_REGISTRY: dict[str, MetricFactory] = {}
ALIASES: dict[str, tuple[str, Mapping[str, Any]]] = {}


@dataclass(frozen=True, eq=False)
class Metric:
    """A metric with its parameters; what `evaluate` and `Evaluator` take.

    Made by the functions of `fastrank.metrics`, or by `fastrank.metrics.parse` from a string.
    """

    definition: Definition
    parameters: Mapping[str, Any]
    overrides: Mapping[str, str] = field(default_factory=dict)
    where: Where | None = None
    given_name: str | None = None

    @property
    def canonical(self) -> str:
        """The spelling: parameters that are not default, then overrides, then the cut-off."""
        base = self.definition.base(self.parameters)
        shown = {n: v for n, v in self.parameters.items() if v != base[n] and n != "k"}
        texts = [f"{name}={spell(value)}" for name, value in {**shown, **self.overrides}.items()]
        if self.where is not None:
            texts.append(f"where={self.where.text!r}")
        k = self.parameters.get("k")
        return self.definition.name + (f"({', '.join(texts)})" if texts else "") + ("" if k is None else f"@{k}")

    @property
    def name(self) -> str:
        """The given name, or the canonical spelling."""
        return self.given_name or self.canonical

    def __repr__(self) -> str:
        return self.canonical if self.given_name is None else f"{self.canonical} as {self.given_name!r}"

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Metric):
            return NotImplemented
        return self._key == other._key

    def __hash__(self) -> int:
        return hash(self._key)

    @property
    def _key(self) -> tuple[Any, ...]:
        parameters, overrides = tuple(self.parameters.items()), tuple(sorted(self.overrides.items()))
        return self.definition.name, parameters, overrides, self.where, self.given_name

    def __reduce__(self) -> tuple[Any, ...]:
        # Definitions hold functions: a metric travels as its parameters and is declared again on arrival.
        arguments = {**self.parameters, **self.overrides, "name": self.given_name}
        if self.where is not None:
            arguments["where"] = self.where
        return _make, (self.definition.name, arguments)

    @property
    def domains(self) -> Mapping[str, Domain]:
        """What each required column may hold."""
        return self.definition.columns(SimpleNamespace(**self.parameters))

    def states(self, roles: Iterable[str]) -> Mapping[str, Accumulator]:
        """The accumulators it reads, given which optional roles have a column."""
        return self.definition.states(SimpleNamespace(**self.parameters, weighted="weight" in set(roles)))

    @property
    def sweeps(self) -> Mapping[str, Sweep]:
        """What it asks of accumulators of scores, by the name of the state."""
        return self.definition.sweeps(SimpleNamespace(**self.parameters))

    @property
    def overall(self) -> Mapping[str, str]:
        """The states of which the finalizer also gets that of all slices together, by the name of its argument."""
        return self.definition.overall(SimpleNamespace(**self.parameters))

    def finalize(self, states: Mapping[str, Any]) -> Value:
        """The value from the states, or the answers of sweeps, of one slice."""
        result = self.definition.finalize(**states, **self.parameters)
        return result if isinstance(result, Value) else Value(result)

    def compute(
        self, label: Any = None, score: Any = None, weight: Any = None, query: Any = None, **columns: Any
    ) -> float:
        """The value for arrays.

        Parameters
        ----------
        label, score : array-like of shape (n_rows,), optional
            As the metric documents them, where it reads them.
        weight : array-like of shape (n_rows,), optional
            Weight of each row; for ranking metrics, of each query (the same on all its rows).
        query : array-like of shape (n_rows,), optional
            Query of each row, for ranking metrics; rows of a query are adjacent.
        **columns : array-like of shape (n_rows,)
            Other columns that the metric documents, by role: `ratio().compute(numerator=x, denominator=y)`.

        Returns
        -------
        float
        """
        from fastrank.evaluation import compute

        return compute(self, {"label": label, "score": score, "weight": weight, "query": query, **columns})


class MetricFactory:
    """Makes metrics of one definition: `fastrank.metrics.ndcg(k=10)`."""

    def __init__(self, definition: Definition) -> None:
        self.definition = definition
        self.__name__ = self.__qualname__ = definition.name
        self.__doc__ = definition.document
        self.__signature__ = definition.signature
        self.__module__ = f"fastrank.metrics.{definition.family}"

    def __repr__(self) -> str:
        return f"<fastrank metric {self.definition.name}{self.definition.signature}>"

    def __call__(self, *positional: Any, **arguments: Any) -> Metric:
        """The metric with these parameters and overrides of roles."""
        definition = self.definition
        if positional:
            name = next(iter(definition.defaults), "name")
            raise ParameterError(
                f"{definition.name} takes its parameters by name, as in {definition.name}({name}={positional[0]!r})"
            )
        unknown = [name for name in arguments if name not in definition.parameters and name not in OVERRIDES]
        if unknown:
            known = [*definition.defaults, *definition.overrides]
            raise ParameterError(
                f"{definition.name} has no parameter {unknown[0]!r}{_near(unknown[0], known)}; "
                f"it has {', '.join(known)}"
            )
        given = {}
        for name, kind in definition.parameters.items():
            if name in arguments:
                try:
                    given[name] = kind.check(arguments[name])
                except ParameterError as error:
                    raise ParameterError(f"{definition.name}: {name}={error}") from None
        parameters = {**definition.base(given), **given}
        problem = definition.conflict(SimpleNamespace(**parameters))
        if problem:
            raise ParameterError(f"{definition.name}: {problem}")
        overrides = {role: arguments[role] for role in ROLES if arguments.get(role) is not None}
        for role, column in overrides.items():
            if role not in definition.roles(parameters):
                raise ParameterError(f"{Metric(definition, parameters)} has no use for a column in the role {role!r}")
            if not isinstance(column, str):
                raise ParameterError(f"{definition.name}: {role}={column!r}; allowed: the name of a column")
        where, own_name = arguments.get("where"), arguments.get("name")
        if own_name is not None and not (isinstance(own_name, str) and own_name):
            raise ParameterError(f"{definition.name}: name={own_name!r}; allowed: text that is not empty")
        return Metric(definition, parameters, overrides, None if where is None else Where.parse(where), own_name)


def metric(
    *,
    family: str,
    columns: Mapping[str, Domain] | Callable[[Any], Mapping[str, Domain]],
    states: Callable[[Any], Mapping[str, Accumulator]],
    range: tuple[float, float],
    better: str,
    undefined: str,
    source: str,
    exactness: str = "sums are exact and the value is rounded once",
    unit: str = "",
    parameters: Mapping[str, Kind] | None = None,
    optional: tuple[str, ...] = ("weight",),
    aliases: tuple[str, ...] = (),
    presets: Mapping[str, Mapping[str, Any]] | None = None,
    without_query: str = "",
    name: str = "",
    finalize: Callable[..., float | Value] | None = None,
    common: Mapping[str, tuple[Kind, Any]] | None = None,
    shared: bool = True,
    reading: Mapping[str, tuple[Kind, Any]] | None = None,
    conflict: Callable[[Any], str] = lambda _: "",
    peers: Mapping[str, Callable[[Mapping[str, Any]], Mapping[str, Any]]] | None = None,
    number: str = "",
    sweeps: Callable[[Any], Mapping[str, Sweep]] = lambda _: {},
    overall: Callable[[Any], Mapping[str, str]] = lambda _: {},
) -> Callable[[Callable[..., Any]], MetricFactory]:
    """Declares a metric; the function below it is the finalizer, from states to a number.

    Its keyword-only arguments are the metric's parameters with their defaults; the others are names of states.
    `aliases` are other names; `presets` are other names that stand for some parameters.  `common` are parameters that
    many metrics share, with their defaults; the docs set them apart if `shared`.  With a `finalize` of its own the
    function below only says what the metric is.  `reading` are parameters that say how columns are read, and do not
    reach the finalizer.  `conflict` says what is wrong with parameters taken together; `peers` gives the rules of a
    peer by the value of `preset` and the parameters given.  `number` is the parameter of a number without a name, as in
    `iprec(0.1)`.  `sweeps` are questions to accumulators of scores, whose answers the function gets by state.
    `overall` names arguments that get a state of all slices together, whichever slice is asked for.
    """

    def declare(function: Callable[..., Any]) -> MetricFactory:
        signature = inspect.signature(function)
        defaults = {n: p.default for n, p in signature.parameters.items() if p.kind is p.KEYWORD_ONLY}
        kinds = dict(parameters or {})
        if set(defaults) != set(kinds):
            raise TypeError(f"{function.__name__}: parameters and keyword arguments differ")
        for added, (kind, default) in {**(reading or {}), **(common or {})}.items():
            kinds[added], defaults[added] = kind, default
        definition = Definition(
            name=name or function.__name__,
            family=family,
            doc=inspect.cleandoc(function.__doc__ or ""),
            columns=columns if callable(columns) else lambda _: columns,
            optional=optional,
            parameters=kinds,
            defaults=defaults,
            states=states,
            sweeps=sweeps,
            finalize=_without(reading or {}, finalize or function),
            aliases=aliases,
            presets=presets or {},
            range=range,
            better=better,
            undefined=undefined,
            exactness=exactness,
            unit=unit,
            source=source,
            without_query=without_query,
            conflict=conflict,
            peers=peers or {},
            number=number,
            shared=tuple(common or {}) if shared else (),
            overall=overall,
        )
        factory = MetricFactory(definition)
        for alias, preset in {**{each: {} for each in (definition.name, *aliases)}, **definition.presets}.items():
            if alias.lower() in ALIASES:
                raise TypeError(f"two metrics are called {alias!r}")
            ALIASES[alias.lower()] = definition.name, preset
        _REGISTRY[definition.name] = factory
        return factory

    return declare


def _without(names: Container[str], finalize: Callable[..., Any]) -> Callable[..., Any]:
    """The finalizer, called without the parameters of these names."""
    return lambda *states, **given: finalize(*states, **{n: value for n, value in given.items() if n not in names})


def list_metrics() -> list[str]:
    """Names of all metrics.

    Returns
    -------
    list of str
        Canonical names, sorted.

    Examples
    --------
    >>> import fastrank as fr
    >>> "ndcg" in fr.list_metrics()
    True
    """
    return sorted(_REGISTRY)


def definition_of(name: str) -> Definition:
    """The definition behind a name or an alias."""
    return resolve(name)[0].definition


def resolve(name: str) -> tuple[MetricFactory, Mapping[str, Any]]:
    """The factory behind a name or an alias, and the parameters that the alias stands for."""
    given = name.strip().lower()
    if given in ALIASES:
        canonical, preset = ALIASES[given]
        return _REGISTRY[canonical], preset
    if given in ("num_q", "numq"):
        raise UnknownMetricError(f"{name.strip()!r}: the number of queries is the column `queries` of every result")
    raise UnknownMetricError(
        f"no metric is called {name.strip()!r}{_near(given, list(ALIASES))}; "
        "`fastrank metrics` and fastrank.list_metrics() list all"
    )


def _near(name: str, known: list[str]) -> str:
    near = near_names(name, known, alike=0.5)
    return f" (near: {', '.join(near)})" if near else ""


def _make(name: str, arguments: dict[str, Any]) -> Metric:
    return _REGISTRY[name](**arguments)
