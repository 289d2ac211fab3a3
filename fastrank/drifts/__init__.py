"""Drift: how far the distribution of each column of current rows lies from that of a reference.

=======  ==========================================================================
columns  what is counted of a column on both sides
compare  the whole way: two sources -> columns -> measures
result   the measures as a table
=======  ==========================================================================
"""

from fastrank.drifts.compare import drift
from fastrank.drifts.result import Drift

__all__ = ["Drift", "drift"]
