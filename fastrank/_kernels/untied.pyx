"""Measures of ranked lists in which no tie matters, read off tie runs (see order.pyx).

They have no closed form for their mean over the orders of tied rows.  Rows of equal score may form one run, if their
labels are equal too: every order of them is the same.  A row is relevant where its label is at least `level`, judged
and not relevant from 0 up to there; negative labels are of rows that were pooled, but not judged, -inf of all others.
"""

from libc.math cimport ldexp, lround
from libc.stdint cimport int64_t, uint8_t

import numpy as np

PLUS_0_9 = 0
ROUND = 1

cdef enum:
    BY_PLUS_0_9 = 0
    BY_ROUND = 1

cdef double NEGATIVE_INFINITY = float("-inf")
# What keeps the share of relevant rows among the judged ones defined where there are none.
cdef double INFERRED = 0.00001


cdef check_runs(
    const int64_t[::1] run_offsets, Py_ssize_t values, const int64_t[::1] run_count, const uint8_t[::1] run_opens
):
    cdef Py_ssize_t q, t, lists = run_offsets.shape[0] - 1
    cdef bint tied = False
    if lists < 0 or run_offsets[lists] > values or values != run_count.shape[0] or values != run_opens.shape[0]:
        raise ValueError("the arrays of the runs do not fit together")
    for q in range(lists):
        for t in range(run_offsets[q], run_offsets[q + 1]):
            tied = tied or not run_opens[t]
    if tied:
        raise ValueError("each tie group must have one run")


cdef check_number(const int64_t[::1] numbers, const int64_t[::1] run_offsets):
    if numbers.shape[0] != run_offsets.shape[0] - 1:
        raise ValueError("one number is needed for each list")


def bpref(
    const int64_t[::1] run_offsets, const double[::1] run_label, const int64_t[::1] run_count,
    const uint8_t[::1] run_opens, double level, const int64_t[::1] relevant, const int64_t[::1] nonrelevant, bint guard,
):
    """Share of the relevant rows, each less the judged non-relevant rows above it over min(nonrelevant, relevant).

    relevant and nonrelevant count all judged rows of each list; no more than `relevant` rows are counted as above.
    Where `guard` is false, a list without non-relevant rows divides 0 by 0 and is NaN, unless no relevant row is in
    it.  0 where none is relevant.
    """
    check_runs(run_offsets, run_label.shape[0], run_count, run_opens)
    check_number(relevant, run_offsets)
    check_number(nonrelevant, run_offsets)
    cdef Py_ssize_t q, t, lists = run_offsets.shape[0] - 1
    cdef int64_t above
    cdef double lost, value
    result = np.zeros(lists, np.float64)
    cdef double[::1] out = result
    with nogil:
        for q in range(lists):
            above = 0
            value = 0.0
            for t in range(run_offsets[q], run_offsets[q + 1]):
                if run_label[t] >= level:
                    lost = 0.0
                    if above > 0 or not guard:
                        lost = <double> min(above, relevant[q]) / <double> min(nonrelevant[q], relevant[q])
                    for _ in range(run_count[t]):
                        value += 1.0 - lost
                elif run_label[t] >= 0.0:
                    above += run_count[t]
            if relevant[q] > 0:
                out[q] = value / <double> relevant[q]
    return result


def inferred_ap(
    const int64_t[::1] run_offsets, const double[::1] run_label, const int64_t[::1] run_count,
    const uint8_t[::1] run_opens, double level, const int64_t[::1] relevant,
):
    """Inferred average precision (Yilmaz and Aslam, Estimating Average Precision with Incomplete and Imperfect
    Judgments, 2006); relevant counts all relevant rows of each list, and where it is 0, so is the value.

    The precision at a relevant row is inferred from the rows above it: the share that was pooled times the share of
    relevant rows among the judged.
    """
    check_runs(run_offsets, run_label.shape[0], run_count, run_opens)
    check_number(relevant, run_offsets)
    cdef Py_ssize_t q, t, lists = run_offsets.shape[0] - 1
    cdef int64_t rank, hits, misses, unjudged
    cdef double above, pooled, share, value
    result = np.zeros(lists, np.float64)
    cdef double[::1] out = result
    with nogil:
        for q in range(lists):
            rank = hits = misses = unjudged = 0
            value = 0.0
            for t in range(run_offsets[q], run_offsets[q + 1]):
                if run_label[t] >= level:
                    for _ in range(run_count[t]):
                        if rank == 0:
                            value += 1.0
                        else:
                            above = <double> rank
                            pooled = <double> (hits + misses + unjudged) / above
                            share = (<double> hits + INFERRED) / (<double> (hits + misses) + 2 * INFERRED)
                            value += 1.0 / (above + 1.0) + above / (above + 1.0) * pooled * share
                        rank += 1
                        hits += 1
                    continue
                rank += run_count[t]
                if run_label[t] >= 0.0:
                    misses += run_count[t]
                elif run_label[t] > NEGATIVE_INFINITY:
                    unjudged += run_count[t]
            if relevant[q] > 0:
                out[q] = value / <double> relevant[q]
    return result


def err(
    const int64_t[::1] run_offsets, const double[::1] run_label, const int64_t[::1] run_count,
    const uint8_t[::1] run_opens, int max_grade, int64_t k,
):
    """Expected reciprocal rank (Chapelle et al., 2009): of the row that a user stops at, who stops at a row of grade g
    with probability (2 ** g - 1) / 2 ** max_grade.

    Labels are whole and at most max_grade; those below 0 count as 0.  k = 0 means un-cut.
    """
    check_runs(run_offsets, run_label.shape[0], run_count, run_opens)
    if not 1 <= max_grade <= 52:
        raise ValueError("max_grade must be between 1 and 52")
    if k < 0:
        raise ValueError("k must be at least 0")
    cdef Py_ssize_t q, t, lists = run_offsets.shape[0] - 1
    cdef int64_t i, rank, last
    cdef double stops, reaches, value
    result = np.zeros(lists, np.float64)
    cdef double[::1] out = result
    with nogil:
        for q in range(lists):
            rank = 0
            reaches, value = 1.0, 0.0
            for t in range(run_offsets[q], run_offsets[q + 1]):
                if k > 0 and rank >= k:
                    break
                last = min(rank + run_count[t], k) if k > 0 else rank + run_count[t]
                if run_label[t] > 0.0:
                    stops = (ldexp(1.0, <int> run_label[t]) - 1.0) / ldexp(1.0, max_grade)
                    for i in range(rank, last):
                        value += reaches * stops / <double> (i + 1)
                        reaches *= 1.0 - stops
                rank = last
            out[q] = value
    return result


def interpolated_precision(
    const int64_t[::1] run_offsets, const double[::1] run_label, const int64_t[::1] run_count,
    const uint8_t[::1] run_opens, double level, const int64_t[::1] relevant, const double[::1] points, int rule,
):
    """float64[lists, points]: the highest precision at any rank from that of the c-th relevant row on.

    At recall r of R relevant rows c is r R + 0.9 without its fraction (PLUS_0_9) or r R rounded, halves up (ROUND).
    c = 0 looks at all ranks; 0 where fewer than c relevant rows are in the list.
    """
    check_runs(run_offsets, run_label.shape[0], run_count, run_opens)
    check_number(relevant, run_offsets)
    if not BY_PLUS_0_9 <= rule <= BY_ROUND:
        raise ValueError("rule must be one of the rules for recall points")
    cdef Py_ssize_t q, t, p, lists = run_offsets.shape[0] - 1, n = points.shape[0]
    cdef int64_t rank, hits
    cdef double here
    cdef bint outside = False
    for p in range(n):
        outside = outside or not 0.0 <= points[p] <= 1.0
    if outside:
        raise ValueError("points must be between 0 and 1")
    result = np.zeros((lists, n), np.float64)
    needs = np.zeros(n, np.int64)
    cdef double[:, ::1] out = result
    cdef int64_t[::1] need = needs
    with nogil:
        for q in range(lists):
            for p in range(n):
                here = points[p] * <double> relevant[q]
                need[p] = lround(here) if rule == BY_ROUND else <int64_t> (here + 0.9)
            rank = hits = 0
            for t in range(run_offsets[q], run_offsets[q + 1]):
                if not run_label[t] >= level:
                    rank += run_count[t]
                    continue
                # Between relevant rows precision falls.
                for _ in range(run_count[t]):
                    rank += 1
                    hits += 1
                    here = <double> hits / <double> rank
                    for p in range(n):
                        if need[p] <= hits:
                            out[q, p] = max(out[q, p], here)
    return result
