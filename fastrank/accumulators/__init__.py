"""Accumulators own all state; metrics are pure functions of them.

| accumulator    | holds, per slice                                     | of                               |
|----------------|------------------------------------------------------|----------------------------------|
| ExactSum       | the exact sum of one term a row                      | losses, calibration              |
| FunctionSum    | the exact sum of a user's own function of each row   | mean_of                          |
| ScoreHistogram | weight of each class by cell of the score's key      | auc(bits=)                       |
| ScoreRuns      | weight of each class by distinct score               | auc                              |
| DecisionCounts | weight of each class by interval between thresholds  | accuracy, binary_f1, mcc, ...    |
| ListSums       | the exact sum of one value a ranked list, and counts | ndcg, mrr, map, precision, ...   |
| ListWins       | the exact sum of the share of pairs won in each list | gauc                             |
| ItemCounts     | how often each item is on the first ranks            | coverage, item_gini              |
| GroupExposure  | the exact sum of the exposure of each group of items | exposure                         |
| ClassRuns      | a ScoreRuns (ClassHistograms: ScoreHistogram) a part | multiclass_auc                   |
| ClassPairs     | weight of each true class by predicted class         | multiclass_confusion             |
| TopClassSum    | the exact weight of rows whose class is in the top k | top_k_accuracy                   |
"""

from __future__ import annotations

from fastrank.accumulators.base import ACCUMULATORS, Accumulator
from fastrank.accumulators.binned import ScoreHistogram
from fastrank.accumulators.class_scores import ClassHistograms, ClassRuns
from fastrank.accumulators.classes import ClassPairs, TopClassSum
from fastrank.accumulators.decisions import DecisionCounts
from fastrank.accumulators.exact import ScoreRuns
from fastrank.accumulators.functions import FunctionSum
from fastrank.accumulators.keyed import GroupExposure, ItemCounts
from fastrank.accumulators.ranked import ListExtremes, ListMoments, ListSums
from fastrank.accumulators.sums import ExactSum
from fastrank.accumulators.values import ListValues
from fastrank.accumulators.wins import ListWins

__all__ = [
    "ACCUMULATORS",
    "Accumulator",
    "ClassHistograms",
    "ClassPairs",
    "ClassRuns",
    "DecisionCounts",
    "ExactSum",
    "FunctionSum",
    "GroupExposure",
    "ItemCounts",
    "ListExtremes",
    "ListMoments",
    "ListSums",
    "ListValues",
    "ListWins",
    "ScoreHistogram",
    "ScoreRuns",
    "TopClassSum",
]
