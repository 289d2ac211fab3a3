"""Measures of ranked lists, read off tie runs (see order.pyx).

Where a tie group holds several rows, each value is its mean over all orders of the tied rows (McSherry and
Najork, Computing Information Retrieval Performance Measures Efficiently in the Presence of Tied Scores, 2008).
Inside a list every sum runs down the ranks, so that it depends on the values only.  k = 0 means un-cut; a row is
relevant where its label is at least `level`.
"""

from libc.math cimport ldexp
from libc.stdint cimport INT64_MAX, int64_t, uint8_t, uint64_t
from libc.stdlib cimport free, malloc

import numpy as np

cdef extern from "elementary.h" nogil:
    double fr_log(double x)

cdef extern from "order_sort.h" nogil:
    ctypedef struct fr_pair:
        uint64_t key
        int64_t row

cdef extern from "order_dcg.h" nogil:
    ctypedef struct fr_discounts:
        const double *high
        const double *low
        int64_t k
    double fr_dcg(const double *gain, const int64_t *count, const uint8_t *opens, int64_t runs, fr_discounts table)
    double fr_ideal_dcg(const double *gain, const int64_t *count, int64_t runs, fr_discounts table)
    void fr_times(double *high, double *low, double by)
    bint fr_descends(const double *gain, int64_t runs)
    void fr_sort_gains(
        const double *gain, const int64_t *count, int64_t runs, fr_pair *pairs, double *sorted_gain,
        int64_t *sorted_count
    )

cdef extern from "ranked_groups.h" nogil:
    ctypedef struct fr_groups:
        const double *label
        const int64_t *count
        const uint8_t *opens
        double level
        int64_t k
        int64_t begin, rows
    ctypedef void (*fr_measure)(
        fr_groups group, const int64_t *offsets, const int64_t *cuts, int64_t lists, double *out
    ) noexcept nogil
    const fr_measure fr_hits_of_lists, fr_hit_of_lists, fr_reciprocal_rank_of_lists, fr_precision_sum_of_lists
    const fr_measure fr_weighted_reciprocal_rank_of_lists
    void fr_divide(const double *values, const double *by, double *out, int64_t n)
    void fr_replace(const double *values, const uint8_t *keep, double instead, double *out, int64_t n)

LINEAR = 0
EXP2 = 1

cdef enum:
    BY_EXP2 = 1

cdef double LN2 = 0.693147180559945309417232121458
# Every value above 0 is at least this.
cdef double LEAST = 4.9406564584124654e-324


ctypedef fused label_type:
    uint8_t
    double


cdef check_runs(
    const int64_t[::1] run_offsets, Py_ssize_t values, const int64_t[::1] run_count, const uint8_t[::1] run_opens,
    int64_t k,
):
    cdef Py_ssize_t lists = run_offsets.shape[0] - 1
    if lists < 0 or run_offsets[lists] > values or values != run_count.shape[0] or values != run_opens.shape[0]:
        raise ValueError("the arrays of the runs do not fit together")
    if k < 0:
        raise ValueError("k must be at least 0")


cdef apply(
    fr_measure of, const int64_t[::1] run_offsets, const double[::1] run_label, const int64_t[::1] run_count,
    const uint8_t[::1] run_opens, double level, int64_t k, const int64_t[::1] cuts=None,
):
    """The measure of each list; where cuts are given, above its own cut, of which 0 lets no row count."""
    check_runs(run_offsets, run_label.shape[0], run_count, run_opens, k)
    cdef Py_ssize_t lists = run_offsets.shape[0] - 1
    cdef const int64_t *cut = NULL
    cdef fr_groups group
    if cuts is not None and cuts.shape[0] != lists:
        raise ValueError("one cut is needed for each list")
    result = np.zeros(lists, np.float64)
    cdef double[::1] out = result
    if lists > 0:
        if cuts is not None:
            cut = &cuts[0]
        group.label, group.count, group.opens = &run_label[0], &run_count[0], &run_opens[0]
        group.level, group.k, group.begin, group.rows = level, k if k > 0 else INT64_MAX, 0, 0
        with nogil:
            of(group, &run_offsets[0], cut, lists, &out[0])
    return result


def count_labels(const label_type[::1] labels, const int64_t[::1] offsets, double low, double high):
    """int64 number of rows of each list whose label is at least low and below high."""
    cdef Py_ssize_t q, i, lists = offsets.shape[0] - 1
    cdef int64_t found
    cdef bint descends = False
    for q in range(lists):
        descends = descends or offsets[q + 1] < offsets[q]
    if lists < 0 or descends or offsets[0] < 0 or offsets[lists] > labels.shape[0]:
        raise ValueError("offsets must ascend within the labels")
    result = np.zeros(lists, np.int64)
    cdef int64_t[::1] out = result
    with nogil:
        for q in range(lists):
            found = 0
            for i in range(offsets[q], offsets[q + 1]):
                found += (<double> labels[i] >= low) & (<double> labels[i] < high)
            out[q] = found
    return result


def count_relevant(
    const int64_t[::1] ideal_offsets, const double[::1] ideal_label, const int64_t[::1] ideal_count, double level
):
    """int64 number of relevant rows of each list.  level is above 0, since label 0 is not among the ideal's."""
    cdef Py_ssize_t q, t, lists = ideal_offsets.shape[0] - 1
    if not level > 0.0:
        raise ValueError("level must be above 0")
    if lists < 0 or ideal_offsets[lists] > ideal_label.shape[0] or ideal_label.shape[0] != ideal_count.shape[0]:
        raise ValueError("the arrays of the ideal do not fit together")
    result = np.zeros(lists, np.int64)
    cdef int64_t[::1] out = result
    with nogil:
        for q in range(lists):
            for t in range(ideal_offsets[q], ideal_offsets[q + 1]):
                if ideal_label[t] >= level:
                    out[q] += ideal_count[t]
    return result


def count_tied(const int64_t[::1] run_offsets, const int64_t[::1] run_count, const uint8_t[::1] run_opens, int64_t k):
    """uint8: 1 where a tie group of more than one row begins above rank k."""
    check_runs(run_offsets, run_count.shape[0], run_count, run_opens, k)
    cdef Py_ssize_t q, t, lists = run_offsets.shape[0] - 1
    cdef int64_t begin
    result = np.zeros(lists, np.uint8)
    cdef uint8_t[::1] out = result
    with nogil:
        for q in range(lists):
            begin = 0
            for t in range(run_offsets[q], run_offsets[q + 1]):
                if k > 0 and run_opens[t] and begin >= k:
                    break
                if run_count[t] > 1 or not run_opens[t]:
                    out[q] = 1
                    break
                begin += run_count[t]
    return result


def divide(const double[::1] values, const double[::1] by):
    """values / by; 0 where by is not above 0."""
    cdef Py_ssize_t n = values.shape[0]
    if by.shape[0] != n:
        raise ValueError("values and by must have the same length")
    result = np.empty(n, np.float64)
    cdef double[::1] out = result
    if n > 0:
        with nogil:
            fr_divide(&values[0], &by[0], &out[0], n)
    return result


def replace(const double[::1] values, const uint8_t[::1] keep, double instead):
    """values, but `instead` where keep is 0."""
    cdef Py_ssize_t n = values.shape[0]
    if keep.shape[0] != n:
        raise ValueError("values and keep must have the same length")
    result = np.empty(n, np.float64)
    cdef double[::1] out = result
    if n > 0:
        with nogil:
            fr_replace(&values[0], &keep[0], instead, &out[0], n)
    return result


def hits(
    const int64_t[::1] run_offsets, const double[::1] run_label, const int64_t[::1] run_count,
    const uint8_t[::1] run_opens, double level, int64_t k,
):
    """Expected number of relevant rows above the cut."""
    return apply(fr_hits_of_lists, run_offsets, run_label, run_count, run_opens, level, k)


def hits_at(
    const int64_t[::1] run_offsets, const double[::1] run_label, const int64_t[::1] run_count,
    const uint8_t[::1] run_opens, double level, const int64_t[::1] cuts,
):
    """Expected number of relevant rows among the first cuts[q] of list q; a cut of 0 leaves none."""
    return apply(fr_hits_of_lists, run_offsets, run_label, run_count, run_opens, level, 0, cuts)


def hit(
    const int64_t[::1] run_offsets, const double[::1] run_label, const int64_t[::1] run_count,
    const uint8_t[::1] run_opens, double level, int64_t k,
):
    """Probability that a relevant row is above the cut."""
    return apply(fr_hit_of_lists, run_offsets, run_label, run_count, run_opens, level, k)


def reciprocal_rank(
    const int64_t[::1] run_offsets, const double[::1] run_label, const int64_t[::1] run_count,
    const uint8_t[::1] run_opens, double level, int64_t k,
):
    """Expected 1 / rank of the first relevant row, 0 where it is below the cut."""
    return apply(fr_reciprocal_rank_of_lists, run_offsets, run_label, run_count, run_opens, level, k)


def weighted_reciprocal_rank(
    const int64_t[::1] run_offsets, const double[::1] run_value, const int64_t[::1] run_count,
    const uint8_t[::1] run_opens, int64_t k,
):
    """Expected value / rank of the first row whose value is above 0, 0 where it is below the cut."""
    return apply(fr_weighted_reciprocal_rank_of_lists, run_offsets, run_value, run_count, run_opens, LEAST, k)


def precision_sum(
    const int64_t[::1] run_offsets, const double[::1] run_label, const int64_t[::1] run_count,
    const uint8_t[::1] run_opens, double level, int64_t k,
):
    """Expected sum of the precisions at the ranks of the relevant rows above the cut."""
    return apply(fr_precision_sum_of_lists, run_offsets, run_label, run_count, run_opens, level, k)


def discounts(int64_t n):
    """`summed` of n discounts 1 / log2(rank + 2)."""
    if n < 0:
        raise ValueError("n must be at least 0")
    values = np.empty(n, np.float64)
    cdef double[::1] discount = values
    cdef int64_t r, power = 2, exponent = 1
    with nogil:
        for r in range(n):
            discount[r] = LN2 / fr_log(<double> (r + 2))
            if r + 2 == power:
                # Exact, whatever the rounding of log.
                discount[r] = 1.0 / <double> exponent
                power *= 2
                exponent += 1
    return summed(values)


def summed(const double[::1] discount):
    """(high, low): sums of the first 0..n discounts, each as the pair of doubles high + low.

    The sum over ranks a..b-1 is (high[b] - high[a]) + (low[b] - low[a]).
    """
    cdef int64_t r, n = discount.shape[0]
    highs, lows = np.zeros(n + 1, np.float64), np.zeros(n + 1, np.float64)
    cdef double[::1] high = highs, low = lows
    cdef double total, kept, tail
    with nogil:
        for r in range(n):
            # Two-sum: total + tail is high + discount exactly.
            total = high[r] + discount[r]
            kept = total - high[r]
            tail = (high[r] - (total - kept)) + (discount[r] - kept)
            tail += low[r]
            high[r + 1] = total + tail
            low[r + 1] = tail - (high[r + 1] - total)
    return highs, lows


def flat_discounts(int64_t n):
    """As `discounts`, each of 1: `dcg` adds gains up."""
    if n < 0:
        raise ValueError("n must be at least 0")
    return np.arange(n + 1, dtype=np.float64), np.zeros(n + 1, np.float64)


def geometric_discounts(int64_t n, double p):
    """As `discounts`, each (1 - p) * p ** rank: `dcg` of gains 0 and 1 is rank-biased precision.

    The sums are less 1, which leaves their differences: -(p ** rank) is as accurate far down as at the top.
    """
    if n < 0:
        raise ValueError("n must be at least 0")
    if not 0.0 < p < 1.0:
        raise ValueError("p must be between 0 and 1")
    highs, lows = np.zeros(n + 1, np.float64), np.zeros(n + 1, np.float64)
    cdef double[::1] high = highs, low = lows
    cdef int64_t r
    cdef double power = 1.0, rest = 0.0
    with nogil:
        high[0] = -1.0
        for r in range(1, n + 1):
            fr_times(&power, &rest, p)
            # Smaller ones would lose digits.
            if power < 1e-280:
                break
            high[r] = -power
            low[r] = -rest
    return highs, lows


cdef check_table(const int64_t[::1] offsets, const int64_t[::1] count, int64_t k, Py_ssize_t high, Py_ssize_t low):
    """Refuses a table of discounts that is shorter than the longest list above the cut."""
    cdef Py_ssize_t q, t
    cdef int64_t rows, longest = 0
    if 0 < k < min(high, low):
        return
    for q in range(offsets.shape[0] - 1):
        rows = 0
        for t in range(offsets[q], offsets[q + 1]):
            rows += count[t]
        longest = max(longest, min(rows, k) if k > 0 else rows)
    if high <= longest or low <= longest:
        raise ValueError(f"the table of discounts must hold {longest + 1} sums")


def dcg(
    const int64_t[::1] run_offsets, const double[::1] run_gain, const int64_t[::1] run_count,
    const uint8_t[::1] run_opens, const double[::1] high, const double[::1] low, int64_t k,
):
    """Expected discounted cumulative gain above the cut; high and low come from `discounts`."""
    check_runs(run_offsets, run_gain.shape[0], run_count, run_opens, k)
    check_table(run_offsets, run_count, k, high.shape[0], low.shape[0])
    cdef Py_ssize_t q, t, lists = run_offsets.shape[0] - 1
    result = np.zeros(lists, np.float64)
    cdef double[::1] out = result
    cdef fr_discounts table = fr_discounts(&high[0], &low[0], k)
    with nogil:
        for q in range(lists):
            t = run_offsets[q]
            out[q] = fr_dcg(&run_gain[0] + t, &run_count[0] + t, &run_opens[0] + t, run_offsets[q + 1] - t, table)
    return result


def ideal_dcg(
    const int64_t[::1] ideal_offsets, const double[::1] ideal_gain, const int64_t[::1] ideal_count,
    const double[::1] high, const double[::1] low, int64_t k,
):
    """The discounted cumulative gain of the rows in the order of their gains; gains of 0 or less add nothing.

    A ranking in that order has a `dcg` of the same bits.
    """
    cdef Py_ssize_t q, t, lists = ideal_offsets.shape[0] - 1
    cdef int64_t runs, longest = 0
    cdef double *gain
    cdef int64_t *count
    cdef fr_pair *pairs
    if lists < 0 or ideal_offsets[lists] > ideal_gain.shape[0] or ideal_gain.shape[0] != ideal_count.shape[0]:
        raise ValueError("the arrays of the ideal do not fit together")
    if k < 0:
        raise ValueError("k must be at least 0")
    check_table(ideal_offsets, ideal_count, k, high.shape[0], low.shape[0])
    for q in range(lists):
        longest = max(longest, ideal_offsets[q + 1] - ideal_offsets[q])
    result = np.zeros(lists, np.float64)
    cdef double[::1] out = result
    cdef fr_discounts table = fr_discounts(&high[0], &low[0], k)
    gain = <double *> malloc((longest + 1) * sizeof(double))
    count = <int64_t *> malloc((longest + 1) * sizeof(int64_t))
    pairs = <fr_pair *> malloc(2 * (longest + 1) * sizeof(fr_pair))
    if gain != NULL and count != NULL and pairs != NULL:
        with nogil:
            for q in range(lists):
                t = ideal_offsets[q]
                runs = ideal_offsets[q + 1] - t
                if fr_descends(&ideal_gain[0] + t, runs):
                    out[q] = fr_ideal_dcg(&ideal_gain[0] + t, &ideal_count[0] + t, runs, table)
                else:
                    fr_sort_gains(&ideal_gain[0] + t, &ideal_count[0] + t, runs, pairs, gain, count)
                    out[q] = fr_ideal_dcg(gain, count, runs, table)
    free(gain)
    free(count)
    free(pairs)
    if gain == NULL or count == NULL or pairs == NULL:
        raise MemoryError
    return result


def gains(const double[::1] labels, int kind):
    """Gains of labels, 0 for those of 0 and less.  LINEAR: the label.  EXP2: 2 ** label - 1, for whole labels."""
    cdef Py_ssize_t i
    result = np.zeros(labels.shape[0], np.float64)
    cdef double[::1] out = result
    with nogil:
        for i in range(labels.shape[0]):
            if labels[i] > 0.0:
                out[i] = ldexp(1.0, <int> labels[i]) - 1.0 if kind == BY_EXP2 else labels[i]
    return result
