from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

Keys: TypeAlias = NDArray[np.uint32] | NDArray[np.uint64]
Scores: TypeAlias = NDArray[np.float32] | NDArray[np.float64]
Counts: TypeAlias = NDArray[np.int64]
Words: TypeAlias = NDArray[np.uint64]

MOST_ROWS: int

def sort_runs(
    scores: NDArray[np.floating[Any]], labels: NDArray[np.uint8], most: int = ...
) -> tuple[Keys, Counts, Counts]: ...
def weigh_runs(
    scores: NDArray[np.floating[Any]], labels: NDArray[np.uint8], weights: NDArray[np.float64], most: int = ...
) -> tuple[Keys, Words, Words, Words, Words]: ...
def merge_runs(
    a_keys: Keys, a_negatives: Counts, a_positives: Counts, b_keys: Keys, b_negatives: Counts, b_positives: Counts
) -> tuple[Keys, Counts, Counts]: ...
def merge_weighted_runs(
    a_keys: Keys,
    a_negative_high: Words,
    a_negative_low: Words,
    a_positive_high: Words,
    a_positive_low: Words,
    b_keys: Keys,
    b_negative_high: Words,
    b_negative_low: Words,
    b_positive_high: Words,
    b_positive_low: Words,
) -> tuple[Keys, Words, Words, Words, Words]: ...
def widen_keys(keys: NDArray[np.uint32]) -> NDArray[np.uint64]: ...
def keys_to_scores(keys: Keys) -> Scores: ...
def twice_wins(negatives: Counts, positives: Counts) -> tuple[int, int, int, int]: ...
def twice_wins_weighted(
    negative_high: Words, negative_low: Words, positive_high: Words, positive_low: Words
) -> tuple[int, int, int, int]: ...
