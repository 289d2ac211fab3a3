"""Isotonic regression of labels on scores, over the integers of distinct scores: pool adjacent violators."""

from libc.stdint cimport int64_t, uint64_t

import numpy as np

cdef extern from "isotonic.h" nogil:
    long fr_pool_counts(int64_t *, int64_t *, long, int64_t *)
    long fr_pool_weights(uint64_t *, uint64_t *, uint64_t *, uint64_t *, long, int64_t *)


def pool(negatives, positives):
    """(where each block of scores begins, its negatives, its positives), of the blocks of the isotonic fit.

    Scores ascend; `negatives` and `positives` are (counts,), or (high words, low words), of one score each, and come
    back the same way as sums of blocks.  From block to block the rate positives / (positives + negatives) ascends;
    scores of equal rates share a block.  Exact, so that the blocks of parts pool to those of the whole: no sum of all
    may be past 63 bits (counts) or 128 bits (words).
    """
    cdef int64_t[::1] negative, positive, first
    cdef uint64_t[::1] negative_high, negative_low, positive_high, positive_low
    cdef Py_ssize_t n = positives[0].shape[0]
    cdef long blocks = 0
    if len(negatives) != len(positives) or any(words.shape[0] != n for words in (*negatives, *positives)):
        raise ValueError("negatives and positives differ in length")
    dtype = np.int64 if len(positives) == 1 else np.uint64
    below = tuple(np.array(words, dtype) for words in negatives)
    above = tuple(np.array(words, dtype) for words in positives)
    starts = np.empty(n, np.int64)
    if n:
        first = starts
        if len(positives) == 1:
            negative, positive = below[0], above[0]
            with nogil:
                blocks = fr_pool_counts(&negative[0], &positive[0], n, &first[0])
        else:
            negative_high, negative_low = below
            positive_high, positive_low = above
            with nogil:
                blocks = fr_pool_weights(&negative_high[0], &negative_low[0], &positive_high[0], &positive_low[0], n,
                                         &first[0])
    return (
        starts[:blocks].copy(),
        tuple(words[:blocks].copy() for words in below),
        tuple(words[:blocks].copy() for words in above),
    )
