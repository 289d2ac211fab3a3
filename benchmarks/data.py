"""Seeded data for benchmarks: a click log with a low rate and skewed scores, ranked lists, runs with judgments."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = [
    "JUDGED",
    "RUN_ROWS",
    "SLICES",
    "classes",
    "clicked_lists",
    "clicks",
    "forecasts",
    "lists",
    "named_run",
    "pooled_lists",
    "run",
    "scattered_lists",
    "sliced_clicks",
    "users",
]

RUN_ROWS = 1000  # rows of a query in a run
JUDGED = 150  # judgments of a query, two thirds of them of rows of the run
CATALOGUE = 10_000  # items to show in lists
SLICES = 20


@cache
def clicks(rows: int, mean: float = -3.0) -> dict[str, NDArray[Any]]:
    """label int8 (about 7 % ones) and score float32 (calibrated probabilities, whose log-odds have this mean)."""
    generator = np.random.default_rng(1)
    score = 1 / (1 + np.exp(-generator.normal(mean, 1.0, rows)))
    label = generator.random(rows) < score
    return {"label": label.astype(np.int8), "score": score.astype(np.float32)}


@cache
def forecasts(rows: int) -> dict[str, NDArray[Any]]:
    """label float32 (amounts above 0) and score float32 (predictions that are a third off, as often above as below)."""
    generator = np.random.default_rng(7)
    label = generator.gamma(2.0, 3.0, rows) + 0.01
    score = label * np.exp(generator.normal(0.0, 0.33, rows))
    return {"label": label.astype(np.float32), "score": score.astype(np.float32)}


@cache
def users(rows: int) -> dict[str, NDArray[Any]]:
    """A row a user: views and clicks int64, seconds, revenue and cost float32."""
    generator = np.random.default_rng(7)
    views = generator.poisson(5.0, rows) + 1
    spent = {"revenue": generator.exponential(1.2, rows), "cost": generator.exponential(1.0, rows)}
    columns = {"seconds": generator.lognormal(3.0, 1.0, rows), **spent}
    return {
        "views": views,
        "clicks": generator.binomial(views, 0.1),
        **{name: column.astype(np.float32) for name, column in columns.items()},
    }


@cache
def sliced_clicks(rows: int) -> dict[str, NDArray[Any]]:
    """The same with a slice of each row, of 20."""
    return {**clicks(rows), "slice": np.random.default_rng(6).integers(0, SLICES, rows).astype(np.int32)}


def classes(rows: int) -> dict[str, NDArray[Any]]:
    """label int64 of ten classes and score float32 (probabilities of each) as a matrix; the classes score 1 higher, as
    logits, where they are the true one."""
    generator = np.random.default_rng(6)
    label = generator.integers(0, 10, rows)
    logits = generator.normal(size=(rows, 10))
    logits[np.arange(rows), label] += 1.0
    odds = np.exp(logits)
    return {"label": label, "score": (odds / odds.sum(axis=1, keepdims=True)).astype(np.float32)}


def _untied(generator: np.random.Generator, queries: int, width: int) -> NDArray[np.float32]:
    """Scores of which no two of a query are equal: then all rules for ties, and their absence, give one answer."""
    score = generator.random((queries, width), np.float32)
    while True:
        tied = (np.diff(np.sort(score, axis=1), axis=1) == 0).any(axis=1)
        if not tied.any():
            return score
        score[tied] = generator.random((int(tied.sum()), width), np.float32)


@cache
def lists(rows: int, width: int = 100) -> dict[str, NDArray[Any]]:
    """Queries of `width` rows each: label int8 (0 to 3, mostly 0), score float32, query int64."""
    generator = np.random.default_rng(2)
    queries = rows // width
    score = _untied(generator, queries, width)
    relevant = generator.random((queries, width)) < 0.15 * score
    label = relevant * generator.integers(1, 4, (queries, width))
    return {
        "label": label.astype(np.int8).ravel(),
        "score": score.ravel(),
        "query": np.repeat(np.arange(queries), width),
    }


@cache
def clicked_lists(rows: int) -> dict[str, NDArray[Any]]:
    """The same queries of 100 rows with labels 0 and 1."""
    arrays = lists(rows)
    return {**arrays, "label": (arrays["label"] > 0).astype(np.int8)}


@cache
def pooled_lists(rows: int) -> dict[str, NDArray[Any]]:
    """The same queries of 100 rows, a third of them without a judgment (label -1), and what is known of their items:
    popularity (a share), age, category, group."""
    generator = np.random.default_rng(3)
    arrays = dict(lists(rows))
    item = (generator.integers(0, CATALOGUE, len(arrays["query"]) // 100)[:, None] + np.arange(100)) % CATALOGUE
    item = item.ravel()
    unjudged = (arrays["label"] == 0) & (generator.random(len(item)) < 0.35)
    return {
        **arrays,
        "label": np.where(unjudged, -1, arrays["label"]).astype(np.int8),
        "item": item,
        "popularity": (1 / (1 + np.arange(CATALOGUE)))[item],
        "age": generator.exponential(30.0, CATALOGUE)[item],
        "category": item % 20,
        "group": item % 3,
    }


@cache
def scattered_lists(rows: int) -> dict[str, NDArray[Any]]:
    """The queries of 100 rows, in random order."""
    order = np.random.default_rng(4).permutation(rows // 100 * 100)
    return {name: array[order] for name, array in lists(rows).items()}


@cache
def run(rows: int) -> dict[str, NDArray[Any]]:
    """A run: query and item int64, score float32; and apart from it judgments: judged_query, judged_item int64,
    judged_label int8 (0 to 3)."""
    generator = np.random.default_rng(5)
    queries, found = rows // RUN_ROWS, JUDGED * 2 // 3
    # The items of a query are different numbers below 2^40: one of each of as many parts of that range.
    parts = RUN_ROWS + JUDGED - found
    items = np.arange(parts) * (2**40 // parts) + generator.integers(0, 2**40 // parts, (queries, parts))
    items = generator.permuted(items, axis=1)
    first = RUN_ROWS - found
    label = generator.choice(4, (queries, JUDGED), p=[0.6, 0.2, 0.1, 0.1])
    score = _untied(generator, queries, RUN_ROWS)
    order = generator.permuted(np.tile(np.arange(RUN_ROWS), (queries, 1)), axis=1)
    return {
        "query": np.repeat(np.arange(queries), RUN_ROWS),
        "item": np.take_along_axis(items, order, 1).ravel(),
        "score": np.take_along_axis(score, order, 1).ravel(),
        "judged_query": np.repeat(np.arange(queries), JUDGED),
        "judged_item": items[:, first:].ravel(),
        "judged_label": label.astype(np.int8).ravel(),
    }


@cache
def named_run(rows: int) -> dict[str, NDArray[Any]]:
    """The same run and judgments with strings for ids."""
    arrays = dict(run(rows))
    for name in ("query", "judged_query"):
        arrays[name] = np.char.mod("q%d", arrays[name])
    for name in ("item", "judged_item"):
        arrays[name] = np.char.mod("doc-%012d", arrays[name])
    return arrays
