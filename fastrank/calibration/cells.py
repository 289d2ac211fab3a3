"""The rows that a calibrator is fitted on, as the weight of each class at each score; and how well it does on them."""

from __future__ import annotations

import json
import math
from dataclasses import dataclass, replace
from itertools import chain
from typing import TYPE_CHECKING, Any, cast

import numpy as np
import pyarrow as pa

from fastrank import metrics
from fastrank.accumulators.scores import ScoreAccumulator
from fastrank.buffers import to_arrow
from fastrank.calibration.logistic import Extent, Predictor
from fastrank.domains import LARGEST_WEIGHT
from fastrank.errors import InvalidValueError, ParameterError, StateMismatchError
from fastrank.evaluation import feed, thread_count
from fastrank.evaluator import Evaluator
from fastrank.metrics.base import MetricFactory, Value
from fastrank.metrics.labels import binary_label
from fastrank.pairing import in_words
from fastrank.sources import Source, open_source
from fastrank.wire import from_table, read_table

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from fastrank.domains import Domain
    from fastrank.sweeps import Sweep

__all__ = ["Cells", "as_source", "cells_of_state", "read_cells"]

OVERALL = 0  # the slice of all rows
QUALITIES = ("ece", "log_loss", "brier", "calibration_ratio")


@dataclass(frozen=True)
class Cells:
    """Scores with the weight of each class, and on how many threads to go through them."""

    scores: ScoreAccumulator
    threads: int = 1

    def ask(self, sweep: Any) -> Any:
        """The answer of a sweep."""
        return self.scores.sweep(OVERALL, [cast("Sweep", sweep)], self.threads)[sweep]

    @property
    def rows(self) -> int:
        """How many rows count."""
        return int(self.scores.rows[OVERALL])

    @property
    def rows_dropped(self) -> int:
        """How many rows were dropped as invalid."""
        return int(self.scores.rows_dropped[OVERALL])

    @property
    def weights(self) -> tuple[float, float]:
        """The weight of the negatives, and that of the positives."""
        totals = self.scores.totals(OVERALL)
        return totals.negatives * totals.scale, totals.positives * totals.scale

    def check_classes(self, name: str) -> None:
        """InvalidValueError unless there are rows of both classes."""
        negatives, positives = self.weights
        if not negatives or not positives:
            there, missing = ("negative", "positive") if negatives else ("positive", "negative")
            raise InvalidValueError(
                f"{name} needs rows of both classes: there are {there} ones, but no {missing} ones with a weight"
            )

    @property
    def ends(self) -> NDArray[np.float64]:
        """The lowest score, and the highest."""
        extent: Extent = self.ask(Extent(Predictor(of_logit=False)))
        return np.array([extent.lowest, extent.highest])

    def check_scores(self, name: str, domain: Domain) -> None:
        """InvalidValueError where a score lies outside the domain."""
        ends = self.ends
        if self.rows and domain.view(to_arrow(ends)).invalid is not None:
            lowest, highest = ends.tolist()
            raise InvalidValueError(
                f"{name}: the scores of the state reach from {lowest!r} to {highest!r}; allowed: {domain.allowed}"
            )

    def are_probabilities(self, transform: Callable[[NDArray[np.float64]], NDArray[np.float64]]) -> bool:
        """Whether all scores, after a transform that keeps their order, lie in [0, 1]."""
        ends = transform(self.ends)
        return bool((ends >= 0).all() and (ends <= 1).all())

    def quality(self, transform: Callable[[NDArray[np.float64]], NDArray[np.float64]]) -> dict[str, float]:
        """Metrics of the scores after a transform, by name."""
        evaluator = Evaluator(list(QUALITIES), label="label", score="score", weight="weight")
        negatives, positives = self.weights
        # A power of two, by which weights are divided, changes no mean; what is left fits a column of weights.
        unit = 2.0 ** max(0, math.frexp(max(negatives, positives) / LARGEST_WEIGHT)[1])
        for block in chain.from_iterable(self.scores.blocks(OVERALL)):
            scores = transform(block.inner_scores)
            for label, weights in enumerate((block.points.negatives, block.points.positives)):
                rows: dict[str, NDArray[Any]] = {
                    "label": np.full(scores.size, label, np.uint8),
                    "score": scores,
                    "weight": weights / unit,
                }
                evaluator.update(
                    pa.RecordBatch.from_arrays([to_arrow(each) for each in rows.values()], names=list(rows))
                )
        result = evaluator.result()
        return {name: cast("float", result[name]) for name in QUALITIES}


def as_source(source: Any) -> Source:
    """A source that is open, or opens one."""
    return source if isinstance(source, Source) else open_source(source)


def read_cells(
    name: str,
    source: Any,
    domain: Domain,
    *,
    positive: Any = None,
    bits: int | None = None,
    threads: int | None = None,
    progress: Callable[[int], None] | None = None,
    **roles: Any,
) -> Cells:
    """The cells of a source, in one pass: the state of `auc`, of scores of this domain."""
    if not isinstance(roles["score"], str):
        raise ParameterError(f"score={roles['score']!r}; allowed: the name of a column")
    definition = replace(
        metrics.auc.definition,
        name=name,
        columns=lambda p: {"label": binary_label(p), "score": domain},
        sweeps=lambda _: {},
        finalize=lambda **_: Value(math.nan),
    )
    evaluator = Evaluator(MetricFactory(definition)(positive=positive, bits=bits), **roles)
    evaluator, _ = feed(as_source(source), evaluator, progress, threads=threads)
    (scores,) = evaluator.plan.accumulators.values()
    assert isinstance(scores, ScoreAccumulator)
    return Cells(scores, thread_count(threads))


def cells_of_state(state: Any, *, label: str | None, score: str | None, memory_limit: int) -> Cells:
    """The cells that a state holds; StateMismatchError where it holds none, or those of several columns."""
    table = state.state() if isinstance(state, Evaluator) else read_table(state)
    found = {
        identity: accumulator
        for identity, accumulator in from_table(table, memory_limit).accumulators.items()
        if isinstance(accumulator, ScoreAccumulator) and _reads(identity, label=label, score=score)
    }
    if len(found) != 1:
        which = "".join(f", {role}={column!r}" for role, column in (("label", label), ("score", score)) if column)
        held = "; ".join(map(in_words, found)) or "none"
        raise StateMismatchError(
            f"a calibrator is fitted on the scores by class of one metric such as auc{which}; the state holds {held}"
        )
    return Cells(next(iter(found.values())))


def _reads(identity: str, **roles: str | None) -> bool:
    inputs = json.loads(identity)["inputs"]
    return all(column is None or inputs.get(role) == column for role, column in roles.items())
