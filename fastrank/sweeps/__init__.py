"""What metrics ask of the distribution of scores by class, each answered in one pass over it.

=============  =======================================================================
base           what a sweep is: it is given blocks of scores, ascending, one by one
pairs          pairs of a positive and a negative row: AUC, or a part of it
midranks       the spread of ranks: the standard error of the AUC
distance       the largest distance of the classes: KS
precision      areas under the precision-recall curve
interpolation  sums of precision between two points of the curve
integers       exact sums of the integers of a block
=============  =======================================================================
"""

from __future__ import annotations

from fastrank.sweeps.base import Block, Points, Sweep, Totals
from fastrank.sweeps.distance import ClassDistance
from fastrank.sweeps.midranks import Midranks
from fastrank.sweeps.pairs import Area, Pairs, PartialPairs
from fastrank.sweeps.precision import PrecisionArea

__all__ = [
    "Area",
    "Block",
    "ClassDistance",
    "Midranks",
    "Pairs",
    "PartialPairs",
    "Points",
    "PrecisionArea",
    "Sweep",
    "Totals",
]
