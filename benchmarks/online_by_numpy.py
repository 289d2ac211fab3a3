"""Online metrics as one writes them in NumPy."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from contestants import Arrays

__all__ = ["mean", "quantiles", "rate", "ratio", "ratio_with_interval", "roi"]

Z = 1.959963984540054  # of 95 %


def rate(arrays: Arrays) -> float:
    return float(arrays["label"].mean())


def ratio(arrays: Arrays) -> float:
    return float(arrays["clicks"].sum() / arrays["views"].sum())


def ratio_with_interval(arrays: Arrays) -> list[float]:
    """The ratio, and its interval by the delta method."""
    value, n, d = ratio(arrays), arrays["clicks"], arrays["views"]
    reach = Z * float(np.std(n - value * d, ddof=1)) / float(d.mean()) / len(n) ** 0.5
    return [value, value - reach, value + reach]


def roi(arrays: Arrays) -> float:
    spent = arrays["cost"].sum(dtype=np.float64)
    return float((arrays["revenue"].sum(dtype=np.float64) - spent) / spent)


def mean(arrays: Arrays) -> float:
    return float(arrays["seconds"].mean(dtype=np.float64))


def quantiles(arrays: Arrays) -> list[float]:
    found = np.quantile(arrays["seconds"], [0.5, 0.9, 0.99], method="inverted_cdf")
    return [float(each) for each in found]
