"""Isotonic regression of labels on scores, over integers of distinct scores: pool adjacent violators; its values."""

from libc.stdint cimport int64_t, uint64_t

import numpy as np

cdef extern from "isotonic.h" nogil:
    long fr_pool_counts(int64_t *, int64_t *, long, int64_t *)
    long fr_pool_weights(uint64_t *, uint64_t *, uint64_t *, uint64_t *, long, int64_t *)
    void fr_interpolate_all(const double *, const double *, long, int, const double *, double *, long)


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


def interpolate(const double[::1] x not None, const double[::1] y not None, scores, bint linear):
    """The value at each score of the line through (x, y), or of steps that begin there; NaN at NaN.

    x ascends, y rises or falls with it; before the first and after the last the value is the one there.  Infinite x are
    infinitely far.
    """
    if x.shape[0] == 0 or x.shape[0] != y.shape[0]:
        raise ValueError("x and y differ in length, or are empty")
    values = np.asarray(scores, np.float64, order="C")
    result = np.empty(values.shape, np.float64)
    cdef const double[::1] source = values.reshape(-1)
    cdef double[::1] target = result.reshape(-1)
    if target.shape[0]:
        with nogil:
            fr_interpolate_all(&x[0], &y[0], x.shape[0], linear, &source[0], &target[0], target.shape[0])
    return result
