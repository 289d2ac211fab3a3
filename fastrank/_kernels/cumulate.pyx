"""Integers of a block of scores, counts or weights of two words, as float64: each, and what lies above it."""

from libc.stdint cimport int64_t, uint64_t

import numpy as np

cdef extern from "wide.h" nogil:
    void fr_weights_above(const int64_t *, const uint64_t *, const uint64_t *, const uint64_t *, long, double,
                          double *, double *)


def weights_above(words, total, double scale):
    """(each integer times scale, the total less all integers up to it times scale), rounded once.

    `words` is (counts,), or (high, low); `total` is the sum of these and of all that lie above them, below 2^128.
    """
    cdef const int64_t[::1] counts
    cdef const uint64_t[::1] high, low
    cdef uint64_t left[2]
    cdef Py_ssize_t n = words[0].shape[0]
    own, above = np.empty(n), np.empty(n)
    cdef double[::1] own_out = own, above_out = above
    left[0], left[1] = total & 0xFFFFFFFFFFFFFFFF, total >> 64
    if n == 0:
        return own, above
    if len(words) == 1:
        counts = words[0]
        with nogil:
            fr_weights_above(&counts[0], NULL, NULL, left, n, scale, &own_out[0], &above_out[0])
    else:
        high, low = words
        if low.shape[0] != n:
            raise ValueError("high and low words differ in length")
        with nogil:
            fr_weights_above(NULL, &high[0], &low[0], left, n, scale, &own_out[0], &above_out[0])
    return own, above
