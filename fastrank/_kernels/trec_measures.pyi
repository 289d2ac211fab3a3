from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

_Ints: TypeAlias = NDArray[np.int64]
_Floats: TypeAlias = NDArray[np.float64]

NDCG: int
NDCG_REL: int
NDCG_AT_LEVELS: int
GAIN: int

def discounts(n: int) -> _Floats: ...
def logarithms(x: _Floats) -> _Floats: ...
def relevant_above(offsets: _Ints, ranks: _Ints, relevance: _Ints, level: int, cuts: _Ints) -> _Ints: ...
def precision_sums(offsets: _Ints, ranks: _Ints, relevance: _Ints, level: int, cuts: _Ints) -> _Floats: ...
def reciprocal_rank(offsets: _Ints, ranks: _Ints, relevance: _Ints, level: int) -> _Floats: ...
def bpref(
    offsets: _Ints, ranks: _Ints, relevance: _Ints, level: int, relevant: _Ints, nonrelevant: _Ints
) -> _Floats: ...
def inferred_ap(offsets: _Ints, ranks: _Ints, relevance: _Ints, level: int, relevant: _Ints) -> _Floats: ...
def interpolated_precision(
    offsets: _Ints, ranks: _Ints, relevance: _Ints, level: int, retrieved: _Ints, points: _Ints
) -> _Floats: ...
def binary_gain(offsets: _Ints, ranks: _Ints, relevance: _Ints, level: int, relevant: _Ints) -> _Floats: ...
def ndcg_cut(
    offsets: _Ints,
    ranks: _Ints,
    relevance: _Ints,
    level_offsets: _Ints,
    levels: _Ints,
    counts: _Ints,
    discount: _Floats,
    cuts: _Ints,
) -> _Floats: ...
def gained(
    kind: int,
    offsets: _Ints,
    ranks: _Ints,
    relevance: _Ints,
    level_offsets: _Ints,
    levels: _Ints,
    counts: _Ints,
    retrieved: _Ints,
    pair_levels: _Ints,
    pair_gains: _Floats,
    discount: _Floats,
) -> _Floats: ...
