"""Accumulators own all state; metrics are pure functions of them.

| accumulator    | holds, per slice                                     | of                               |
|----------------|------------------------------------------------------|----------------------------------|
| ExactSum       | the exact sum of one term a row                      | losses, calibration              |
| ScoreHistogram | weight of each class by cell of the score's key      | auc(bits=)                       |
| ScoreRuns      | weight of each class by distinct score               | auc                              |
| RankedListSums | the exact sum of one value a ranked list, and counts | ndcg, mrr, map, precision, ...   |
"""

from __future__ import annotations

from fastrank.accumulators.base import ACCUMULATORS, Accumulator
from fastrank.accumulators.binned import ScoreHistogram
from fastrank.accumulators.exact import ScoreRuns
from fastrank.accumulators.ranked import ListExtremes, ListMoments, ListSums
from fastrank.accumulators.sums import ExactSum
from fastrank.accumulators.values import ListValues

__all__ = [
    "ACCUMULATORS",
    "Accumulator",
    "ExactSum",
    "ListExtremes",
    "ListMoments",
    "ListSums",
    "ListValues",
    "ScoreHistogram",
    "ScoreRuns",
]
