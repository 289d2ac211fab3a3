"""What metrics ask of the distribution of scores by class, each answered in one pass over it.

========  ====================================================================
base      what a sweep is: it is given blocks of scores, ascending, one by one
pairs     pairs of a positive and a negative row: AUC
========  ====================================================================
"""

from __future__ import annotations

from fastrank.sweeps.base import Block, Points, Sweep, Totals
from fastrank.sweeps.pairs import Pairs

__all__ = ["Block", "Pairs", "Points", "Sweep", "Totals"]
