"""What metrics ask of the distribution of scores by class, each answered in one pass over it.

=============  =======================================================================
base           what a sweep is: it is given blocks of scores, ascending, one by one
pairs          pairs of a positive and a negative row: AUC, or a part of it
midranks       the spread of ranks: the standard error of the AUC
distance       the largest distance of the classes: KS
precision      areas under the precision-recall curve
interpolation  sums of precision between two points of the curve
integers       exact sums of the integers of a block
curves         thresholds and what they reach, all or some: ROC and its kin
operating      the threshold that reaches most within a limit, or is best
quantiles      the score at a share of the rows
reach          what a threshold reaches, as floats and as integers
bins           bins that hold about as many rows each
drift          bins of a reference, and the area between two distributions
hull           corners of a convex hull
isotonic       the rate of positives that never falls with the score
=============  =======================================================================
"""

from __future__ import annotations

from fastrank.sweeps.base import Block, Points, Sweep, Totals
from fastrank.sweeps.bins import EqualMassBins
from fastrank.sweeps.curves import CurvePoints, Thresholds
from fastrank.sweeps.distance import ClassDistance
from fastrank.sweeps.drift import BaselineBins, Transport
from fastrank.sweeps.isotonic import Isotonic, PooledScores
from fastrank.sweeps.midranks import Midranks
from fastrank.sweeps.operating import BestThreshold, PrecisionAtRecall, RecallAtPrecision, TprAtFpr
from fastrank.sweeps.pairs import Area, Pairs, PartialPairs
from fastrank.sweeps.precision import PrecisionArea
from fastrank.sweeps.quantiles import Quantiles, TopRows

__all__ = [
    "Area",
    "BaselineBins",
    "BestThreshold",
    "Block",
    "ClassDistance",
    "CurvePoints",
    "EqualMassBins",
    "Isotonic",
    "Midranks",
    "Pairs",
    "PartialPairs",
    "Points",
    "PooledScores",
    "PrecisionArea",
    "PrecisionAtRecall",
    "Quantiles",
    "RecallAtPrecision",
    "Sweep",
    "Thresholds",
    "TopRows",
    "Totals",
    "TprAtFpr",
    "Transport",
]
