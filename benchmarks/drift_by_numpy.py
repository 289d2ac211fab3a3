"""Two samples of a column, and how far they lie apart: by NumPy, by SciPy and by fastrank."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
from contestants import Case, Contestant
from scipy.stats import ks_2samp, wasserstein_distance

import fastrank as fr

if TYPE_CHECKING:
    from contestants import Arrays
    from numpy.typing import NDArray

__all__ = ["DRIFT"]

BINS, FLOOR = 10, 1e-4
MEASURES = ("psi", "ks_distance", "wasserstein")


@cache
def samples(rows: int) -> Arrays:
    """Half of the rows each: a reference of normal float32 values, and one that is shifted by a twentieth."""
    generator = np.random.default_rng(9)
    draw = generator.normal(size=(2, rows // 2)).astype(np.float32)
    return {"reference": draw[0], "current": draw[1] + np.float32(0.05)}


def _psi(reference: NDArray[np.floating], current: NDArray[np.floating]) -> float:
    edges = np.unique(np.quantile(reference, np.arange(1, BINS) / BINS, method="inverted_cdf"))
    places = (np.searchsorted(edges, sample, side="left") for sample in (reference, current))
    r, c = (np.maximum(np.bincount(place, minlength=BINS) / place.size, FLOOR) for place in places)
    return float(np.sum((r - c) * np.log(r / c)))


def _by_numpy(arrays: Arrays) -> list[float]:
    reference, current = np.sort(arrays["reference"]), np.sort(arrays["current"])
    points = np.unique(np.concatenate((reference, current)))
    shares = (np.searchsorted(sample, points, side="right") / sample.size for sample in (reference, current))
    far = np.abs(np.subtract(*shares))
    return [_psi(reference, current), float(far.max()), float(np.sum(far[:-1] * np.diff(points.astype(np.float64))))]


def _by_scipy(arrays: Arrays) -> list[float]:
    pair = arrays["reference"].astype(np.float64), arrays["current"].astype(np.float64)
    return [_psi(*pair), float(ks_2samp(*pair, method="asymp").statistic), float(wasserstein_distance(*pair))]


def _tables(arrays: Arrays) -> tuple[pa.Table, pa.Table]:
    reference, current = (pa.table({"x": arrays[side]}) for side in ("reference", "current"))
    return reference, current


def _by_fastrank(tables: tuple[pa.Table, pa.Table]) -> list[float]:
    found = fr.drift(*tables, bins=BINS, floor=FLOOR)
    return [float(found["x", measure]) for measure in MEASURES]


DRIFT = Case(
    f"drift: {', '.join(MEASURES)}",
    samples,
    {
        "numpy": Contestant(_by_numpy),
        "fastrank": Contestant(_by_fastrank, _tables),
        "SciPy": Contestant(_by_scipy),
    },
)
