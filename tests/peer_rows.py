"""What the tests against peers share: made-up judgments and runs, and their rows for fastrank."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Any

import pyarrow as pa

import fastrank as fr
from fastrank import metrics

GOLDEN = Path(__file__).parent / "peers" / "golden"

Judgments = Mapping[str, Mapping[str, int]]
Run = Mapping[str, Mapping[str, float]]


@dataclass(frozen=True)
class Collection:
    """Judgments and a run, by query and item."""

    qrels: Judgments
    run: Run

    @property
    def rows(self) -> pa.Table:
        """Long rows: a null label where nobody judged, a null score where nothing was retrieved."""
        rows = []
        for query in {**self.run, **self.qrels}:
            labels, scores = self.qrels.get(query, {}), self.run.get(query, {})
            rows += [(query, item, labels.get(item), scores.get(item)) for item in {**scores, **labels}]
        kinds = {"query": pa.string(), "item": pa.string(), "label": pa.float64(), "score": pa.float64()}
        columns = zip(*rows, strict=True)
        return pa.table({name: pa.array(values, kinds[name]) for name, values in zip(kinds, columns, strict=True)})

    def only(self, queries: Iterable[str]) -> Collection:
        """Some of the queries."""
        names = set(queries)
        return Collection(
            {query: labels for query, labels in self.qrels.items() if query in names},
            {query: scores for query, scores in self.run.items() if query in names},
        )

    def with_relevant(self) -> Collection:
        """The queries with a label of 1 or more."""
        return self.only(query for query, labels in self.qrels.items() if max(labels.values()) >= 1)


def make_collection(
    seed: int,
    *,
    grades: tuple[int, ...] = (0, 0, 0, 1, 1, 2, 3),
    ties: bool = True,
    complete: bool = False,
    queries: int = 30,
    longest: int = 14,
) -> Collection:
    """Ragged lists: each of its first queries is a case of its own, the others are random.

    `complete`: every retrieved item is judged, and every judged item retrieved.  Only `random()` of a `Random` gives
    the same numbers in all versions of Python.
    """
    rng = Random(seed)

    def below(n: int) -> int:
        return int(rng.random() * n)

    qrels: dict[str, dict[str, int]] = {}
    run: dict[str, dict[str, float]] = {}
    for q in range(queries):
        query = f"{q + 1}"
        length = 1 if q == 0 else 1 + below(longest)
        # Neither the order of the source nor that of items follows the scores.
        items = [f"d{10 * below(90) + i % 10}{i}" for i in range(length)]
        score = (lambda: below(6) / 4 - 0.5) if ties and q % 3 else (lambda: rng.random() * 3 - 1)
        run[query] = {item: score() for item in items}
        judged = items if complete else [item for item in items if rng.random() < 0.7]
        labels = {item: 0 if q == 1 else grades[below(len(grades))] for item in judged}
        if not complete:
            labels |= {f"m{i}": 0 if q == 1 else grades[below(len(grades))] for i in range(below(4))}
        qrels[query] = labels or {items[0]: 1}
    if not complete:
        qrels[f"{queries + 1}"] = {"d1": 1, "d2": 0}  # missing from the run
        run[f"{queries + 2}"] = {"d1": 1.0, "d2": 0.5}  # not judged
    return Collection(qrels, run)


def per_query(rows: pa.Table, metric: str, **roles: str | None) -> dict[str, float]:
    """The value of each query that counts."""
    given = {"label": "label", "score": "score", "query": "query", "item": "item"}
    (made,) = metrics.parse(metric)
    batches = fr.evaluate(rows, made, **(given | roles), per_query=True)
    pairs = [pair for batch in batches for pair in zip(*(column.to_pylist() for column in batch.columns), strict=True)]
    return {query: value for query, value in pairs if value is not None}


def spelled(metric: str, peer: str, level: int = 1, **rules: str) -> str:
    """The metric under the rules of a peer."""
    name, at, k = metric.partition("@")
    given = [f"{rule}={value}" for rule, value in {"preset": peer, **rules}.items()]
    if level > 1 and name not in ("num_ret", "judged", "err"):
        given.append(f"relevance_level={level}")
    start = f"{name[:-1]}, " if name.endswith(")") else f"{name}("
    return f"{start}{', '.join(given)}){at}{k}"


def read_trec(path: Path, column: int, kind: Callable[[str], Any]) -> dict[str, dict[str, Any]]:
    """Query -> item -> the value in a column of a file of judgments or of a run."""
    result: dict[str, dict[str, Any]] = {}
    for line in path.read_text().splitlines():
        fields = line.split()
        result.setdefault(fields[0], {})[fields[2]] = kind(fields[column])
    return result


def check(found: Mapping[str, float], expected: Mapping[str, float], *, tolerance: float = 1e-12) -> None:
    """The same queries with the same values."""
    assert sorted(found) == sorted(expected)
    assert expected
    wrong = {
        query: (found[query], expected[query])
        for query in found
        if not math.isclose(found[query], expected[query], rel_tol=tolerance, abs_tol=tolerance)
        and not (math.isnan(found[query]) and math.isnan(expected[query]))
    }
    assert wrong == {}


def golden(peer: str) -> dict[str, dict[str, float]]:
    """What a peer answered: metric -> query -> value (see `tests/peers/golden/record.py`)."""
    values: dict[str, dict[str, float]] = json.loads((GOLDEN / f"{peer}.json").read_text())["values"]
    return values


# What was given to the peers whose answers are golden values.
RANX = {
    "graded": make_collection(21),
    "negative": make_collection(22, grades=(-1, 0, 0, 1, 2)),
}
GRADED = make_collection(23, complete=True)
BINARY = make_collection(24, grades=(0, 0, 1), complete=True)
# Of tied rows torchmetrics leaves the order open, but for nDCG.
UNTIED = make_collection(25, grades=(0, 0, 1), complete=True, ties=False)
