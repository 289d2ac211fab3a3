"""Accumulators own all state; metrics are pure functions of them.

| accumulator    | holds, per slice                                     | of                               |
|----------------|------------------------------------------------------|----------------------------------|
| ExactSum       | the exact sum of one term a row                      | losses, calibration              |
| LargestError   | the largest difference of score and label            | max_error                        |
| ZeroRows       | count and exact weight of rows of zeros              | mape, smape                      |
| ExactProduct   | the exact sum of the product of two columns          | r2, pearson                      |
| ScoreHistogram | weight of each class by cell of the score's key      | auc(bits=)                       |
| ScoreRuns      | weight of each class by distinct score               | auc                              |
| ValueRuns      | weight by distinct value of a column (ValueHistogram | quantiles                        |
|                | by cell of the value's key): scores without classes  |                                  |
| ScoreBins      | sums of scores and labels by bin of the score        | calibration_curve, ece, ...      |
| ClassBins      | the same, of the scores of several classes           | ece(mode=top_label), ...         |
| DecisionCounts | weight of each class by interval between thresholds  | accuracy, binary_f1, mcc, ...    |
| ListSums       | the exact sum of one value a ranked list, and counts | ndcg, mrr, map, precision, ...   |
| ListWins       | the exact sum of the share of pairs won in each list | gauc                             |
| ItemCounts     | how often each item is on the first ranks            | coverage, item_gini              |
| GroupExposure  | the exact sum of the exposure of each group of items | exposure                         |
| ClassRuns      | a ScoreRuns (ClassHistograms: ScoreHistogram) a part | multiclass_auc                   |
| ClassPairs     | weight of each true class by predicted class         | multiclass_confusion             |
| ClassSum       | the exact sum of one term of a row's class scores    | multiclass_log_loss, ...         |
| TopClassSum    | the exact weight of rows whose class is in the top k | top_k_accuracy                   |
"""

from __future__ import annotations

from fastrank.accumulators.base import ACCUMULATORS, Accumulator
from fastrank.accumulators.binned import ScoreHistogram
from fastrank.accumulators.bins import ClassBins, ScoreBins
from fastrank.accumulators.class_scores import ClassHistograms, ClassRuns
from fastrank.accumulators.classes import ClassPairs, ClassSum, TopClassSum
from fastrank.accumulators.decisions import DecisionCounts
from fastrank.accumulators.errors import LargestError, ZeroRows
from fastrank.accumulators.exact import ScoreRuns
from fastrank.accumulators.keyed import GroupExposure, ItemCounts
from fastrank.accumulators.products import ExactProduct
from fastrank.accumulators.ranked import ListExtremes, ListMoments, ListSums
from fastrank.accumulators.sums import ExactSum
from fastrank.accumulators.unlabelled import ValueHistogram, ValueRuns
from fastrank.accumulators.values import ListValues
from fastrank.accumulators.wins import ListWins

__all__ = [
    "ACCUMULATORS",
    "Accumulator",
    "ClassBins",
    "ClassHistograms",
    "ClassPairs",
    "ClassRuns",
    "ClassSum",
    "DecisionCounts",
    "ExactProduct",
    "ExactSum",
    "GroupExposure",
    "ItemCounts",
    "LargestError",
    "ListExtremes",
    "ListMoments",
    "ListSums",
    "ListValues",
    "ListWins",
    "ScoreBins",
    "ScoreHistogram",
    "ScoreRuns",
    "TopClassSum",
    "ValueHistogram",
    "ValueRuns",
    "ZeroRows",
]
