"""trec_eval's measures, in the order in which it prints them."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from fastrank._kernels import trec_measures as kernels
from fastrank.errors import ParameterError, did_you_mean

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from numpy.typing import NDArray

    from fastrank.compat.trec_eval.lists import Lists

    Values = NDArray[Any]

__all__ = ["MEASURES", "NICKNAMES", "Measure", "Request", "requests"]

RANKS = (5, 10, 15, 20, 30, 100, 200, 500, 1000)
POINTS = tuple(i / 10 for i in range(11))
LEAST_MEAN = 1e-5  # geometric means take smaller values for this one
POINT_SHIFT = 0.9  # a recall of 0.5 with 3 relevant documents is reached at int(1.5 + 0.9) = 2 of them
NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?")


@dataclass(frozen=True)
class Measure:
    """One of trec_eval's names.

    Parameters
    ----------
    name : str
        As -m has it.
    values : callable
        From lists and parameters: a row for each query, a column for each parameter of `kind` ranks or points.
    kind : str
        What the parameters are: ranks, points (of recall, or multiples of R), numbers, gains, or none.
    default : tuple
        Parameters where none are given.
    summary : str
        How queries are summed up: mean, sum, geometric, none; run, queries and judgments are figures of the files.
    per_query : bool
        Whether -q prints it.
    form : str
        How a value prints.
    """

    name: str
    values: Callable[[Lists, tuple[Any, ...]], Values]
    kind: str = "none"
    default: tuple[Any, ...] = ()
    summary: str = "mean"
    per_query: bool = True
    form: str = "%6.4f"


@dataclass(frozen=True)
class Request:
    """A measure with its parameters, and the names of its columns."""

    measure: Measure
    parameters: tuple[Any, ...]
    names: tuple[str, ...]


def _count(count: Callable[[Lists], Values]) -> Callable[[Lists, tuple[Any, ...]], Values]:
    return lambda lists, _: count(lists)


def _divided(a: Values, b: Values) -> Values:
    """a / b, and 0 where b is 0."""
    return np.divide(a, b, out=np.zeros(np.broadcast(a, b).shape), where=b != 0)


def _every_rank(lists: Lists) -> Values:
    return lists.retrieved[:, None]


def _cuts(lists: Lists, ranks: tuple[int, ...]) -> Values:
    return np.broadcast_to(np.array(ranks, np.int64), (len(lists.queries), len(ranks)))


def _hits_above(lists: Lists, cuts: Values) -> Values:
    return kernels.relevant_above(*lists.hits, lists.rules.level, cuts)


def _precision_sums(lists: Lists, cuts: Values) -> Values:
    return kernels.precision_sums(*lists.hits, lists.rules.level, cuts)


def _average_precision(lists: Lists, cuts: Values) -> Values:
    return _divided(_precision_sums(lists, cuts), lists.relevant[:, None])


def _bpref(lists: Lists) -> Values:
    return kernels.bpref(*lists.hits, lists.rules.level, lists.relevant, lists.nonrelevant)


def _geometric(values: Values) -> Values:
    return kernels.logarithms(np.maximum(values.ravel(), LEAST_MEAN))


def _yaap(lists: Lists) -> Values:
    found = _precision_sums(lists, _every_rank(lists))[:, 0]
    return kernels.logarithms((1.0 + found) / (1.0 + lists.relevant - found))


def _at_points(lists: Lists, points: tuple[float, ...]) -> Values:
    reached = np.array(points) * lists.relevant[:, None] + POINT_SHIFT
    return kernels.interpolated_precision(*lists.hits, lists.rules.level, lists.retrieved, reached.astype(np.int64))


def _mean_of_points(lists: Lists, points: tuple[float, ...]) -> Values:
    return _summed(_at_points(lists, points)[:, ::-1].T) / len(points)


def _at_multiples(lists: Lists, multiples: tuple[float, ...]) -> Values:
    cuts = (np.array(multiples) * lists.relevant[:, None] + POINT_SHIFT).astype(np.int64)
    return _divided(_hits_above(lists, cuts), cuts)


def _relative_precision(lists: Lists, ranks: tuple[int, ...]) -> Values:
    cuts = _cuts(lists, ranks)
    return _divided(_hits_above(lists, cuts), np.minimum(cuts, lists.relevant[:, None]))


def _gained(kind: int) -> Callable[[Lists, tuple[Any, ...]], Values]:
    def values(lists: Lists, pairs: tuple[Any, ...]) -> Values:
        levels, gains = np.array([level for level, _ in pairs], np.int64), np.array([gain for _, gain in pairs], float)
        gained = kernels.gained(kind, *lists.hits, *lists.judged_levels, lists.retrieved, levels, gains, lists.discount)
        return np.where(lists.relevant > 0, gained, 0.0) if kind == kernels.NDCG_AT_LEVELS else gained

    return values


def _ndcg_cut(lists: Lists, ranks: tuple[int, ...]) -> Values:
    return kernels.ndcg_cut(*lists.hits, *lists.judged_levels, lists.discount, np.array(ranks, np.int64))


def _utility(lists: Lists, worth: tuple[float, ...]) -> Values:
    both, retrieved, relevant = lists.relevant_retrieved, lists.retrieved, lists.relevant
    neither = lists.rules.collection + both - retrieved - relevant
    a, b, c, d = worth
    total: Values = a * both + b * (retrieved - both) + c * (relevant - both) + d * neither
    return total


def _relevance_text(lists: Lists, lengths: tuple[float, ...]) -> Values:
    """A character a rank: the relevance; ">" above 9, "-" where there is no judgment, "." where pooled only."""
    length = max(int(lengths[0]), 0)
    grid = np.full((len(lists.queries), max(length, 1)), b"-", "S1")
    query = np.repeat(np.arange(len(lists.queries)), np.diff(lists.offsets))
    near = lists.ranks < length
    signs = np.array([b".", *(b"%d" % i for i in range(10)), b">"], "S1")
    grid[query[near], lists.ranks[near]] = signs[np.clip(lists.relevance[near], -1, 10) + 1]
    sizes = np.minimum(lists.retrieved, length).tolist()
    return np.array([b"'%b'" % row[:size] for row, size in zip(map(bytes, grid), sizes, strict=True)], object)


def _set_f(lists: Lists, weights: tuple[float, ...]) -> Values:
    precision = _divided(lists.relevant_retrieved, lists.retrieved)
    recall = _divided(lists.relevant_retrieved, lists.relevant)
    return _divided((weights[0] + 1.0) * precision * recall, weights[0] * precision + recall)


def _set_map(lists: Lists) -> Values:
    found = lists.relevant_retrieved.astype(float)
    return _divided(found * found, lists.retrieved.astype(float) * lists.relevant)


def _summed(values: Values) -> Values:
    """Sums down the rows, one after the other: numpy's own sum would round otherwise."""
    total: Values = np.add.accumulate(values)[-1]
    return total


MEASURES = {
    measure.name: measure
    for measure in (
        Measure("runid", _count(lambda _: np.empty(0)), summary="run", per_query=False, form="%s"),
        Measure("num_q", _count(lambda _: np.empty(0)), summary="queries", per_query=False, form="%d"),
        Measure("num_ret", _count(lambda lists: lists.retrieved), summary="sum", form="%d"),
        Measure("num_rel", _count(lambda lists: lists.relevant), summary="judgments", form="%d"),
        Measure("num_rel_ret", _count(lambda lists: lists.relevant_retrieved), summary="sum", form="%d"),
        Measure("map", _count(lambda lists: _average_precision(lists, _every_rank(lists)))),
        Measure(
            "gm_map",
            _count(lambda lists: _geometric(_average_precision(lists, _every_rank(lists)))),
            summary="geometric",
            per_query=False,
        ),
        Measure(
            "Rprec", _count(lambda lists: _divided(_hits_above(lists, lists.relevant[:, None])[:, 0], lists.relevant))
        ),
        Measure("bpref", _count(_bpref)),
        Measure("recip_rank", _count(lambda lists: kernels.reciprocal_rank(*lists.hits, lists.rules.level))),
        Measure("iprec_at_recall", _at_points, "points", POINTS),
        Measure("P", lambda lists, ranks: _hits_above(lists, _cuts(lists, ranks)) / np.array(ranks), "ranks", RANKS),
        Measure("relstring", _relevance_text, "numbers", (10.0,), summary="none", form="%s"),
        Measure(
            "recall",
            lambda lists, ranks: _divided(_hits_above(lists, _cuts(lists, ranks)), lists.relevant[:, None]),
            "ranks",
            RANKS,
        ),
        Measure("infAP", _count(lambda lists: kernels.inferred_ap(*lists.hits, lists.rules.level, lists.relevant))),
        Measure("gm_bpref", _count(lambda lists: _geometric(_bpref(lists))), summary="geometric", per_query=False),
        Measure("Rprec_mult", _at_multiples, "points", tuple(i / 5 for i in range(1, 11))),
        Measure("utility", _utility, "numbers", (1.0, -1.0, 0.0, 0.0)),
        Measure("11pt_avg", _mean_of_points, "numbers", POINTS),
        Measure("binG", _count(lambda lists: kernels.binary_gain(*lists.hits, lists.rules.level, lists.relevant))),
        Measure("G", _gained(kernels.GAIN), "gains"),
        Measure("ndcg", _gained(kernels.NDCG), "gains"),
        Measure("ndcg_rel", _gained(kernels.NDCG_REL), "gains"),
        Measure("Rndcg", _gained(kernels.NDCG_AT_LEVELS), "gains"),
        Measure("ndcg_cut", _ndcg_cut, "ranks", RANKS),
        Measure("map_cut", lambda lists, ranks: _average_precision(lists, _cuts(lists, ranks)), "ranks", RANKS),
        Measure("relative_P", _relative_precision, "ranks", RANKS),
        Measure(
            "success", lambda lists, ranks: (_hits_above(lists, _cuts(lists, ranks)) > 0) * 1.0, "ranks", (1, 5, 10)
        ),
        Measure("set_P", _count(lambda lists: _divided(lists.relevant_retrieved, lists.retrieved))),
        Measure(
            "set_relative_P",
            _count(lambda lists: _divided(lists.relevant_retrieved, np.minimum(lists.retrieved, lists.relevant))),
        ),
        Measure("set_recall", _count(lambda lists: _divided(lists.relevant_retrieved, lists.relevant))),
        Measure("set_map", _count(_set_map)),
        Measure("set_F", _set_f, "numbers", (1.0,)),
        Measure(
            "num_nonrel_judged_ret",
            _count(lambda lists: lists.judged_retrieved - lists.relevant_retrieved),
            summary="sum",
            form="%d",
        ),
        Measure("yaap", _count(_yaap)),
    )
}

_OFFICIAL = tuple(MEASURES)[: tuple(MEASURES).index("P") + 1]
_SET = ("runid", "num_q", "num_ret", "num_rel", "num_rel_ret", "utility", "set_P", "set_recall", "set_relative_P",
        "set_map", "set_F")  # fmt: skip
NICKNAMES = {"official": _OFFICIAL, "set": _SET, "all_trec": tuple(name for name in MEASURES if name != "yaap")}
# How many numbers a measure of kind "numbers" takes; 11pt_avg takes any number of them.
NUMBERS = {"relstring": 1, "utility": 4, "set_F": 1}


def requests(wanted: Iterable[str]) -> list[Request]:
    """Measures as -m names them ("map", "P.5,10", "official"), each once, in the order of MEASURES."""
    given: dict[str, str] = {}
    for text in wanted:
        name, point, parameters = text.partition(".")
        if name not in MEASURES and name not in NICKNAMES:
            known = [*MEASURES, *NICKNAMES]
            raise ParameterError(f"-m {text}: no such measure; {did_you_mean(name, known, f'there are {known}')}")
        if point and not parameters:
            raise ParameterError(f"-m {text}: parameters should follow the point")
        for each in NICKNAMES.get(name, (name,)):
            if parameters and given.get(each):
                raise ParameterError(f"-m {text}: {name} has parameters already ({given[each]}); list them all in one")
            given[each] = parameters or given.get(each, "")
        if parameters and (name in NICKNAMES or MEASURES[name].kind == "none"):
            raise ParameterError(f"-m {text}: {name} takes no parameters")
    return [_request(measure, given[name]) for name, measure in MEASURES.items() if name in given]


def _request(measure: Measure, text: str) -> Request:
    name, parameters = measure.name, measure.default
    if text:
        try:
            parameters = _parsed(measure, text.split(","))
        except ValueError as error:
            raise ParameterError(f"-m {name}.{text}: {error}") from None
    if measure.kind == "ranks":
        return Request(measure, parameters, tuple(f"{name}_{rank}" for rank in parameters))
    if measure.kind == "points":
        return Request(measure, parameters, tuple(f"{name}_{point:.2f}" for point in parameters))
    return Request(measure, parameters, (f"{name}_{text}" if text else name,))


def _parsed(measure: Measure, words: list[str]) -> tuple[Any, ...]:
    if measure.kind == "gains":
        pairs = [word.partition("=") for word in words]
        if not all(level.isascii() and level.isdigit() and equals for level, equals, _ in pairs):
            raise ValueError("gains are written level=gain, with levels that are integers from 0")
        gains = tuple((int(level), _number(gain)) for level, _, gain in pairs)
        _check_distinct([level for level, _ in gains])
        return gains
    numbers = [_number(word) for word in words]
    if measure.kind == "numbers":
        if len(numbers) != NUMBERS.get(measure.name, len(numbers)):
            raise ValueError(f"{NUMBERS[measure.name]} number(s) are wanted")
        return tuple(numbers)
    if measure.kind == "ranks":
        numbers = [int(number) for number in numbers]
    least = 1 if measure.kind == "ranks" else 0
    if min(numbers) < least:
        raise ValueError(f"{min(numbers)} is below {least}")
    _check_distinct(numbers)
    return tuple(sorted(numbers))


def _number(word: str) -> float:
    if not NUMBER.fullmatch(word):
        raise ValueError(f"{word!r} is not a number")
    return float(word)


def _check_distinct(values: list[Any]) -> None:
    twice = [value for i, value in enumerate(values) if value in values[:i]]
    if twice:
        raise ValueError(f"{twice[0]} is there twice")
