"""Measures of one ranked list: pure functions from lists under rules to a value a list.

===========  ================================================================
base         the declaration of a measure, and the cache of its values
hits         precision, recall, reciprocal rank, average precision, counts
gains        discounted gains, rank-biased precision, expected reciprocal rank
incomplete   bpref, inferred average precision, precision at points of recall
propensity   weights of rows that were shown with different probabilities
shown        how popular, how new and how varied the first ranks are
discounts    tables of discounts
===========  ================================================================
"""

from __future__ import annotations

from fastrank.measures import gains, hits, incomplete, shown
from fastrank.measures.base import MEASURES, Values, measured

__all__ = ["MEASURES", "Values", "gains", "hits", "incomplete", "measured", "shown"]
