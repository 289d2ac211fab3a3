"""How far predicted probabilities are from the rates of labels, by bin; with fractions, so that nothing is rounded
before the end."""

from __future__ import annotations

import math
from bisect import bisect_left, bisect_right
from fractions import Fraction
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from fastrank.reference.labels import is_positive

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import ArrayLike

__all__ = ["brier_decomposition", "calibration_bins", "calibration_curve", "ece", "mce", "rmsce"]


class Row(NamedTuple):
    """A prediction, whether it came true, and the weight, more than 0."""

    p: Fraction
    y: int
    w: Fraction


class Bin(NamedTuple):
    """What the rows of a bin come to."""

    rows: int
    weight: Fraction
    positives: Fraction
    predictions: Fraction

    @property
    def gap(self) -> Fraction:
        """Mean prediction less mean label."""
        return (self.predictions - self.positives) / self.weight


def _rows(predictions: Sequence[float], labels: Sequence[bool], weight: ArrayLike | None) -> list[Row]:
    weights = [1.0] * len(labels) if weight is None else np.asarray(weight, np.float64).tolist()
    each = zip(predictions, labels, weights, strict=True)
    return [Row(Fraction(p), int(y), Fraction(w)) for p, y, w in each if w > 0]


def _by_mode(
    label: ArrayLike, score: Any, weight: ArrayLike | None, mode: str, scores: Any, classes: Any, positive: Any
) -> list[list[Row]]:
    """The rows of which calibration is asked: those of each class in mode "classwise", of which else there is one."""
    if mode in ("positive", "binary_top_label"):
        p = np.asarray(score, np.float64).tolist()
        y = is_positive(label, positive).tolist()
        if mode == "binary_top_label":
            y = [each == (x >= 0.5) for each, x in zip(y, p, strict=True)]
            p = [x if x >= 0.5 else 1.0 - x for x in p]
        return [_rows(p, y, weight)]
    matrix = np.asarray(score) if scores is None else np.column_stack([np.asarray(column) for column in scores])
    values = np.asarray(label).tolist()
    numbers = values if classes is None else [list(classes).index(value) for value in values]
    lists = matrix.astype(np.float64).tolist()
    if mode == "top_label":
        right = [x.index(max(x)) == k for x, k in zip(lists, numbers, strict=True)]
        return [_rows([max(x) for x in lists], right, weight)]
    width = len(lists[0]) if lists else 0
    return [_rows([x[k] for x in lists], [number == k for number in numbers], weight) for k in range(width)]


def inner_edges(
    rows: list[Row], bins: int, strategy: str, edges: Sequence[float] | None, phantom_one: bool
) -> list[float]:
    """The ends of bins but the first and the last.

    quantile: the distinct scores that are the least to which at least j / bins of the weight belongs, 0 < j < bins.
    """
    if edges is not None:
        return [edge for edge in edges if 0 < edge < 1]
    if strategy == "uniform":
        return [i / bins for i in range(1, bins)] + ([1.0] if phantom_one else [])
    total, reached = sum(row.w for row in rows), Fraction(0)
    found = []
    for p in sorted({row.p for row in rows}):
        before, reached = reached, reached + sum(row.w for row in rows if row.p == p)
        # Whether a j from 1 to bins - 1 lies in (before, reached] * bins / total.
        least = math.floor(before * bins / total) + 1
        if least < bins and least * total <= reached * bins:
            found.append(float(p))
    return found


def calibration_bins(
    rows: list[Row],
    bins: int,
    strategy: str = "uniform",
    edges: Sequence[float] | None = None,
    closed: str = "left",
    phantom_one: bool = False,
) -> dict[int, Bin]:
    """The bins that hold rows, by number.  A row is in the bin whose number is how many inner edges are not above its
    prediction, or below it where bins are closed on the right, as those of quantiles are."""
    inner = inner_edges(rows, bins, strategy, edges, phantom_one)
    place = bisect_left if closed == "right" or strategy == "quantile" else bisect_right
    found: dict[int, Bin] = {}
    for row in rows:
        b = place(inner, row.p)
        inside, weight, positives, predictions = found.get(b, Bin(0, Fraction(0), Fraction(0), Fraction(0)))
        found[b] = Bin(inside + 1, weight + row.w, positives + row.w * row.y, predictions + row.w * row.p)
    return found


def _error(name: str, doc: str, summed: Callable[[list[list[Bin]]], float]) -> Callable[..., float]:
    """A measure of the bins of each class that hold rows."""

    def measure(
        label: ArrayLike,
        score: Any = None,
        weight: ArrayLike | None = None,
        *,
        bins: int = 15,
        strategy: str = "uniform",
        edges: Sequence[float] | None = None,
        closed: str = "left",
        phantom_one: bool = False,
        mode: str = "positive",
        scores: Any = None,
        classes: Any = None,
        positive: Any = None,
    ) -> float:
        parts = _by_mode(label, score, weight, mode, scores, classes, positive)
        if not parts or not parts[0]:
            return math.nan
        found = [calibration_bins(rows, bins, strategy, edges, closed, phantom_one) for rows in parts]
        return summed([list(each.values()) for each in found])

    measure.__name__ = measure.__qualname__ = name
    measure.__doc__ = doc
    return measure


def _mean(parts: list[list[Bin]], term: Callable[[Fraction], Fraction]) -> Fraction:
    """The mean over classes of the weighted mean over bins."""
    total = sum((b.weight for part in parts for b in part), Fraction(0))  # each class has the weight of all rows
    return sum((b.weight * term(b.gap) for part in parts for b in part), Fraction(0)) / total


def _root(square: Fraction) -> float:
    """The square root of a number that may be too small for a float64."""
    scale = 2 ** max(0, square.denominator.bit_length() - square.numerator.bit_length() + 128)
    return float(Fraction(math.isqrt(int(square * scale * scale)), scale))


ece = _error(
    "ece",
    "Mean distance of mean prediction and mean label over bins, by weight.",
    lambda parts: float(_mean(parts, abs)),
)
mce = _error(
    "mce",
    "Largest distance of mean prediction and mean label of a bin that holds rows.",
    lambda parts: float(max(abs(b.gap) for part in parts for b in part)),
)
rmsce = _error(
    "rmsce",
    "Root of the mean squared distance of mean prediction and mean label over bins, by weight.",
    lambda parts: _root(_mean(parts, lambda gap: gap**2)),
)


def calibration_curve(
    label: ArrayLike,
    score: Any = None,
    weight: ArrayLike | None = None,
    *,
    bins: int = 10,
    strategy: str = "uniform",
    edges: Sequence[float] | None = None,
    closed: str = "left",
    phantom_one: bool = False,
    mode: str = "positive",
    empty: str = "keep",  # noqa: ARG001  (of what is shown)
    confidence: float = 0.95,  # noqa: ARG001  (of what is shown)
    scores: Any = None,
    classes: Any = None,
    positive: Any = None,
) -> float:
    """The expected calibration error of these bins."""
    return ece(
        label, score, weight, bins=bins, strategy=strategy, edges=edges, closed=closed, phantom_one=phantom_one,
        mode=mode, scores=scores, classes=classes, positive=positive,
    )  # fmt: skip


def brier_decomposition(
    label: ArrayLike,
    score: ArrayLike,
    weight: ArrayLike | None = None,
    *,
    part: str = "total",
    method: str = "bins",
    bins: int = 10,
    strategy: str = "uniform",
    edges: Sequence[float] | None = None,
    closed: str = "left",
    positive: Any = None,
) -> float:
    """A part of the Brier score, which is reliability - resolution + uncertainty + within_bin.

    With method "isotonic" bins are the blocks of the isotonic fit of the labels, and the prediction of a row is
    compared with the rate of its block: reliability is what the Brier score loses by recalibration.
    """
    rows = _by_mode(label, score, weight, "positive", None, None, positive)[0]
    if not rows:
        return math.nan
    total = sum(row.w for row in rows)
    rate = sum(row.w * row.y for row in rows) / total
    brier = sum(row.w * (row.p - row.y) ** 2 for row in rows) / total
    uncertainty = rate * (1 - rate)
    if method == "isotonic":
        recalibrated = sum(w * (y / w) * (1 - y / w) for w, y in _isotonic_blocks(rows)) / total
        parts = {"reliability": brier - recalibrated, "resolution": uncertainty - recalibrated}
    else:
        found = calibration_bins(rows, bins, strategy, edges, closed).values()
        parts = {
            "reliability": sum(b.weight * b.gap**2 for b in found) / total,
            "resolution": sum(b.weight * (b.positives / b.weight - rate) ** 2 for b in found) / total,
        }
    parts |= {"uncertainty": uncertainty, "total": brier}
    parts["within_bin"] = brier - parts["reliability"] + parts["resolution"] - uncertainty
    return float(parts[part])


def _isotonic_blocks(rows: list[Row]) -> list[tuple[Fraction, Fraction]]:
    """(weight, weight of positives) of the blocks of the isotonic fit: a block joins the one below while its rate is
    not higher."""
    blocks: list[tuple[Fraction, Fraction]] = []
    for p in sorted({row.p for row in rows}):
        tied = [row for row in rows if row.p == p]
        w, y = sum((row.w for row in tied), Fraction(0)), sum((row.w * row.y for row in tied), Fraction(0))
        while blocks and blocks[-1][1] / blocks[-1][0] >= y / w:
            last = blocks.pop()
            w, y = w + last[0], y + last[1]
        blocks.append((w, y))
    return blocks
