"""Moments of the midranks of one class among the other: what the standard error of the AUC is made of."""

from libc.stdint cimport int64_t, uint64_t
from libc.string cimport memset

cdef extern from "midranks.h" nogil:
    enum:
        FR_MOMENT_WORDS, FR_MOMENTS
    void fr_count_midranks(const int64_t *, const int64_t *, long, uint64_t *)
    void fr_weigh_midranks(const uint64_t *, const uint64_t *, const uint64_t *, const uint64_t *, long, uint64_t *)


cdef answer(const uint64_t *words):
    """The moments as Python integers."""
    cdef int m, j
    ranks, squares, ties = [
        sum([<object> words[m * FR_MOMENT_WORDS + j] << 64 * j for j in range(FR_MOMENT_WORDS)])
        for m in range(FR_MOMENTS)
    ]
    return ranks, squares, ties


def midrank_moments(own, other):
    """(sum of midranks, sum of their squares, sum of squares of the tied), exact, over scores that ascend.

    `own` and `other` are (counts,), or (high words, low words), of two classes; each score counts with its own.  The
    midrank is twice what the other class has below, plus what it has at the score.
    """
    cdef const int64_t[::1] rows, others
    cdef const uint64_t[::1] own_high, own_low, other_high, other_low
    cdef uint64_t words[FR_MOMENTS * FR_MOMENT_WORDS]
    cdef Py_ssize_t n = own[0].shape[0]
    if len(own) != len(other) or any(part.shape[0] != n for part in (*own, *other)):
        raise ValueError("the two classes differ in length")
    memset(words, 0, sizeof(words))
    if n == 0:
        return 0, 0, 0
    if len(own) == 1:
        rows, others = own[0], other[0]
        with nogil:
            fr_count_midranks(&rows[0], &others[0], n, words)
    else:
        own_high, own_low = own
        other_high, other_low = other
        with nogil:
            fr_weigh_midranks(&own_high[0], &own_low[0], &other_high[0], &other_low[0], n, words)
    return answer(words)
