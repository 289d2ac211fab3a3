"""Passes over rows with a score for each of several classes: the log loss of their scores times a factor."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Self

import numpy as np

from fastrank import metrics
from fastrank._kernels import exact_sum
from fastrank._kernels.elementary import exp, log
from fastrank.accumulators.sums import digits_to_fraction
from fastrank.calibration.logistic import add_terms
from fastrank.calibration.newton import Derivatives
from fastrank.classes import class_labels, columns_of_classes
from fastrank.errors import EmptyInputError, InvalidValueError, ParameterError
from fastrank.evaluation import thread_count
from fastrank.evaluator import Evaluator
from fastrank.metrics.base import MetricFactory
from fastrank.negatives import check_rows

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from numpy.typing import NDArray

    from fastrank.columns import Rows
    from fastrank.domains import Domain
    from fastrank.sources import Source

__all__ = ["ClassRows", "ClassSums"]

# Scores that are taken at a time: few enough for the cache, many enough for NumPy.
CHUNK = 1 << 17
VALUE, SLOPE, BEND = range(3)


@dataclass
class ClassSums:
    """The log loss of softmax(beta * z), and its derivatives by beta, as exact sums of the terms of rows.

    Inside a row sums run in the order of the classes, so no term depends on other rows.
    """

    beta: float
    rows: int = 0
    rows_dropped: int = 0
    any_wrong: bool = False  # whether a row scores another class higher than its own
    digits: NDArray[np.int64] = field(default_factory=lambda: np.zeros((3, exact_sum.DIGITS), np.int64))

    def add(self, logits: NDArray[np.float64], labels: NDArray[np.int32], weights: NDArray[np.float64] | None) -> None:
        """Adds the terms of some rows."""
        if weights is not None:
            present = weights > 0
            logits, labels, weights = logits[present], labels[present], weights[present]
        self.rows += len(labels)
        columns = np.ascontiguousarray(logits.T)
        own = logits[np.arange(len(labels)), labels]
        highest = columns.max(axis=0)
        self.any_wrong |= bool((own < highest).any())
        total = np.zeros(len(labels))
        first, powers = np.zeros(len(labels)), np.empty_like(columns)
        for k, column in enumerate(columns):
            column -= highest
            powers[k] = exp(self.beta * column)
            total += powers[k]
            first += powers[k] * column
        mean = first / total
        second = np.zeros(len(labels))
        for k, column in enumerate(columns):
            apart = column - mean
            with np.errstate(over="ignore"):  # told by the sums
                second += powers[k] * (apart * apart)
        margin = own - highest
        add_terms(self.digits, VALUE, log(total) - self.beta * margin, weights)
        add_terms(self.digits, SLOPE, mean - margin, weights)
        add_terms(self.digits, BEND, second / total, weights)

    def merge(self, other: Self) -> None:
        """Adds what another holds of other rows."""
        self.rows += other.rows
        self.rows_dropped += other.rows_dropped
        self.any_wrong |= other.any_wrong
        self.digits += other.digits
        exact_sum.carry(self.digits)

    @property
    def derivatives(self) -> Derivatives:
        """Derivatives by beta."""
        value, slope, bend = (digits_to_fraction(digits) for digits in self.digits)
        return Derivatives(value, (slope,), ((bend,),))


class ClassRows:
    """Rows with a score for each class, of a source that can be read again."""

    def __init__(
        self,
        source: Source,
        domain: Domain,
        label: str,
        score: str | Sequence[str],
        classes: Sequence[Any] | None,
        roles: Mapping[str, Any],
        threads: int | None,
    ) -> None:
        if source.reads_once:
            raise ParameterError(
                "temperatures of several classes are fitted in some ten passes, and this source can be read once: "
                "pass files or a table"
            )
        several = not isinstance(score, str)

        def columns(p: Any) -> Mapping[str, Domain]:
            count = len(p.scores or p.classes or ()) or None
            return {"label": class_labels(p.classes, count), **columns_of_classes(p.scores, count, domain)}

        # The columns that metrics of several classes read, of scores of this domain.
        definition = replace(metrics.top_k_accuracy.definition, name="TemperatureCalibrator", columns=columns)
        named = {"scores": list(score) if several else None, "classes": classes}
        self._source = source
        self._metric = MetricFactory(definition)(**named)
        self._arguments = {"label": label, "score": None if several else score, **roles}
        self._threads = thread_count(threads)

    def add_up(self, to_logits: Callable[[NDArray[np.float64]], NDArray[np.float64]], beta: float) -> ClassSums:
        """The sums at beta, from a pass over the rows."""
        shards = self._source.shards(self._threads)

        def add(shard: Source) -> tuple[ClassSums, int]:
            sums, width = ClassSums(beta), 0
            for rows in self._rows(shard):
                sums.rows_dropped += 0 if rows.dropped is None else rows.dropped.size
                if not rows.count:
                    continue
                scores, labels, weights = rows.matrix("score"), rows["label"], rows.get("weight")
                width = _width(rows, scores.shape[1], width)
                step = max(1, CHUNK // width)
                for i in range(0, rows.count, step):
                    part = slice(i, i + step)
                    logits = to_logits(scores[part].astype(np.float64))
                    sums.add(logits, labels[part], None if weights is None else weights[part])
            return sums, width

        with ThreadPoolExecutor(len(shards)) as pool:
            (total, width), *others = pool.map(add, shards)
        for other, its_width in others:
            if width and its_width and its_width != width:
                raise InvalidValueError(f"some rows have scores of {width} classes, others of {its_width}")
            width = width or its_width
            total.merge(other)
        if not total.rows:
            raise EmptyInputError("the source has no rows, or none is left")
        return total

    def _rows(self, source: Source) -> Iterator[Rows]:
        evaluator = Evaluator(self._metric, **self._arguments)
        plan = evaluator.plan
        for batch, origin in source.batches(*evaluator.columns(source.schema)):
            columns = plan.view(batch, 0, origin.describe)
            rows_of, _ = check_rows(plan.distinct_row_sets, columns, {})
            yield from rows_of.values()


def _width(rows: Rows, width: int, known: int) -> int:
    """How many classes there are; InvalidValueError where rows before had another number."""
    if known and width != known:
        raise InvalidValueError(
            f"{rows.describe(0)} holds scores of {width} classes; allowed: of {known}, as the rows before"
        )
    return width
