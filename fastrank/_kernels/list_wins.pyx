"""Pairs of a positive and a negative row in each of many lists: the share that the positive wins."""

from libc.stdint cimport int64_t, uint8_t
from libc.stdlib cimport free, malloc

import numpy as np

cdef extern from "list_wins.h" nogil:
    int FR_PAIR_LANES
    ctypedef struct fr_pair:
        pass
    ctypedef struct fr_wins_job:
        const void *scores
        const uint8_t *labels
        const double *weights
        const int64_t *offsets
        int64_t lists
        void *positive
        void *negative
        fr_pair *pairs
        fr_pair *spare
        double *share
        double *positives
        double *negatives
        double *all
        int64_t *rows
        uint8_t *ties
    void fr_count_lists_f32(const fr_wins_job *job)
    void fr_count_lists_f64(const fr_wins_job *job)

NOT_TIED = 0
SOME_TIED = 1
ALL_TIED = 2

ctypedef fused real:
    float
    double


def count_wins(
    const real[::1] scores, const uint8_t[::1] labels, const double[::1] weights, const int64_t[::1] offsets
):
    """(share, positives, negatives, all, rows, ties) of each list, which has rows offsets[q]..offsets[q + 1].

    share float64: of the pairs of a row of label 1 and one of label 0, how many the former wins, a tie being half a
    win, by the product of their weights; correctly rounded, NaN where there are no pairs.  positives, negatives, all
    float64: the weight of these rows.  rows int64: how many weigh more than 0.  ties uint8: whether the rows of some
    pairs are of equal score, or of all.

    Weights are multiples of 2^-72 up to 2^20, or None; rows of weight 0 are absent.  No score is NaN.
    """
    cdef int64_t lists = offsets.shape[0] - 1, n = scores.shape[0], q, longest = 0
    cdef bint descends = False, done = False
    cdef fr_wins_job job
    if labels.shape[0] != n or (weights is not None and weights.shape[0] != n):
        raise ValueError("scores, labels and weights must have the same length")
    for q in range(lists):
        descends = descends or offsets[q + 1] < offsets[q]
        longest = max(longest, offsets[q + 1] - offsets[q])
    if lists < 0 or descends or offsets[0] < 0 or offsets[lists] > n:
        raise ValueError("offsets must ascend within the rows")
    results = tuple(np.empty(lists, np.float64) for _ in range(4))
    rows, ties = np.zeros(lists, np.int64), np.zeros(lists, np.uint8)
    cdef double[::1] share, positives, negatives, all_rows
    cdef int64_t[::1] row_counts = rows
    cdef uint8_t[::1] tied = ties
    share, positives, negatives, all_rows = results
    if longest == 0:
        results[0][:] = np.nan
        for result in results[1:]:
            result[:] = 0.0
        return (*results, rows, ties)
    cdef size_t room = <size_t> longest + 1
    job.scores, job.labels, job.offsets, job.lists = &scores[0], &labels[0], &offsets[0], lists
    job.weights = NULL
    if weights is not None:
        job.weights = &weights[0]
    job.share, job.positives, job.negatives, job.all = &share[0], &positives[0], &negatives[0], &all_rows[0]
    job.rows, job.ties = &row_counts[0], &tied[0]
    job.positive = malloc((room + FR_PAIR_LANES) * sizeof(real))
    job.negative = malloc((room + FR_PAIR_LANES) * sizeof(real))
    job.pairs = <fr_pair *> malloc(room * sizeof(fr_pair))
    job.spare = <fr_pair *> malloc(2 * room * sizeof(fr_pair))
    if job.positive != NULL and job.negative != NULL and job.pairs != NULL and job.spare != NULL:
        with nogil:
            if real is float:
                fr_count_lists_f32(&job)
            else:
                fr_count_lists_f64(&job)
        done = True
    free(job.positive)
    free(job.negative)
    free(job.pairs)
    free(job.spare)
    if not done:
        raise MemoryError
    return (*results, rows, ties)
