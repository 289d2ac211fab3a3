"""What the first ranks of lists show: varied categories, subtopics that were not yet seen, groups of items, surprise.

A list is given by offsets into arrays of rows.  The value of a list depends on its rows, not on where they stand in
the arrays nor on which integers stand for which category, as long as these have the order of the categories.
"""

from libc.math cimport frexp
from libc.stdint cimport int64_t, uint8_t
from libc.stdlib cimport calloc, free, malloc, qsort

import numpy as np

cdef extern from "elementary.h" nogil:
    double fr_log(double x)

cdef double LN2 = 0.693147180559945309417232121458

cdef enum:
    SHORT = 32  # up to here insertion is faster than qsort


cdef int compare(const void *a, const void *b) noexcept nogil:
    cdef int64_t x = (<const int64_t *> a)[0], y = (<const int64_t *> b)[0]
    return (x > y) - (x < y)


cdef void sort(int64_t *values, Py_ssize_t n) noexcept nogil:
    cdef Py_ssize_t i, j
    cdef int64_t value
    if n > SHORT:
        qsort(values, n, sizeof(int64_t), compare)
        return
    for i in range(1, n):
        value = values[i]
        j = i
        while j > 0 and values[j - 1] > value:
            values[j] = values[j - 1]
            j -= 1
        values[j] = value


cdef Py_ssize_t check_offsets(const int64_t[::1] offsets, Py_ssize_t rows) except -1:
    """The length of the longest list."""
    cdef Py_ssize_t q, longest = 0
    if offsets.shape[0] == 0 or offsets[0] < 0 or offsets[offsets.shape[0] - 1] > rows:
        raise ValueError("the offsets do not fit the rows")
    for q in range(offsets.shape[0] - 1):
        if offsets[q + 1] < offsets[q]:
            raise ValueError("the offsets descend")
        longest = max(longest, offsets[q + 1] - offsets[q])
    return longest


def pair_diversity(const int64_t[::1] offsets, const int64_t[::1] codes):
    """The share of the pairs of rows of each list whose codes differ; 0 for lists of fewer than two rows."""
    cdef Py_ssize_t longest = check_offsets(offsets, codes.shape[0]), lists = offsets.shape[0] - 1, q, i, n
    cdef int64_t run, same
    result = np.zeros(lists, np.float64)
    cdef double[::1] out = result
    cdef int64_t *sorted_codes = <int64_t *> malloc((longest + 1) * sizeof(int64_t))
    if sorted_codes == NULL:
        raise MemoryError
    with nogil:
        for q in range(lists):
            n = offsets[q + 1] - offsets[q]
            if n < 2:
                continue
            for i in range(n):
                sorted_codes[i] = codes[offsets[q] + i]
            sort(sorted_codes, n)
            same = run = 0
            for i in range(1, n):
                # The run-th repetition of a code makes run pairs with those before it.
                run = run + 1 if sorted_codes[i] == sorted_codes[i - 1] else 0
                same += run
            out[q] = <double> (n * (n - 1) // 2 - same) / <double> (n * (n - 1) // 2)
    free(sorted_codes)
    return result


cdef struct Documents:
    # Document d has the subtopics topic[start[d]:start[d + 1]], ascending and distinct.
    const int64_t *start
    const int64_t *topic
    const double *power  # (1 - alpha)^n
    const double *high
    const double *low
    int64_t *seen  # how many documents above have each subtopic
    int64_t *counts  # as long as the largest document


cdef double gain_of(Documents docs, int64_t d) noexcept nogil:
    """The sum of (1 - alpha)^seen, largest first: equal powers have equal sums, whatever their subtopics."""
    cdef Py_ssize_t j, n = docs.start[d + 1] - docs.start[d]
    cdef double gain = 0.0
    for j in range(n):
        docs.counts[j] = docs.seen[docs.topic[docs.start[d] + j]]
    sort(docs.counts, n)
    for j in range(n):
        gain += docs.power[docs.counts[j]]
    return gain


cdef inline void see(Documents docs, int64_t d, int64_t sign) noexcept nogil:
    cdef int64_t j
    for j in range(docs.start[d], docs.start[d + 1]):
        docs.seen[docs.topic[j]] += sign


cdef inline double discount(Documents docs, int64_t r) noexcept nogil:
    return (docs.high[r + 1] - docs.high[r]) + (docs.low[r + 1] - docs.low[r])


cdef int compare_documents(Documents docs, int64_t a, int64_t b) noexcept nogil:
    """Lexicographic order of the subtopics."""
    cdef int64_t i = docs.start[a], j = docs.start[b]
    while i < docs.start[a + 1] and j < docs.start[b + 1]:
        if docs.topic[i] != docs.topic[j]:
            return -1 if docs.topic[i] < docs.topic[j] else 1
        i += 1
        j += 1
    return (i < docs.start[a + 1]) - (j < docs.start[b + 1])


cdef int64_t *sort_documents(Documents docs, int64_t *order, int64_t *spare, Py_ssize_t n) noexcept nogil:
    """Merges runs of 1, 2, 4, ... documents; the result is in one of the two arrays."""
    cdef Py_ssize_t width = 1, begin, middle, end, i, j, t
    cdef bint first
    while width < n:
        begin = 0
        while begin < n:
            middle, end = min(begin + width, n), min(begin + 2 * width, n)
            i, j = begin, middle
            for t in range(begin, end):
                first = j >= end or (i < middle and compare_documents(docs, order[i], order[j]) <= 0)
                spare[t] = order[i] if first else order[j]
                i += first
                j += not first
            begin = end
        order, spare = spare, order
        width *= 2
    return order


cdef double greedy(
    Documents docs, int64_t *order, int64_t *copies, double *bound, Py_ssize_t n, int64_t k
) noexcept nogil:
    """Alpha-DCG of the order in which each next document gains the most after those before it; of several such, it is
    the first in `order`.

    Documents of the same subtopics are one, with a number of copies.  A gain can only fall when more is seen: the one
    that a document had when it was last asked for bounds it from above.
    """
    cdef Py_ssize_t i, best, kinds = 0
    cdef int64_t r = 0, ranks = min(n, k) if k > 0 else n
    cdef double most, value = 0.0
    for i in range(n):
        if kinds > 0 and compare_documents(docs, order[kinds - 1], order[i]) == 0:
            copies[kinds - 1] += 1
        else:
            order[kinds], copies[kinds] = order[i], 1
            bound[kinds] = <double> (docs.start[order[i] + 1] - docs.start[order[i]])
            kinds += 1
    for r in range(ranks):
        best, most = -1, 0.0
        for i in range(kinds):
            if copies[i] > 0 and bound[i] > most:
                bound[i] = gain_of(docs, order[i])
                if bound[i] > most:
                    best, most = i, bound[i]
        if best < 0:
            break
        value += most * discount(docs, r)
        copies[best] -= 1
        see(docs, order[best], 1)
    return value


cdef class _Scratch:
    """The arrays that the loops of alpha-DCG need, freed on every way out."""

    cdef Documents docs
    cdef double *power
    cdef double *bound
    cdef int64_t *order
    cdef int64_t *spare

    def __cinit__(
        self, const int64_t[::1] starts, const int64_t[::1] topics, double alpha, const double[::1] high,
        const double[::1] low, Py_ssize_t longest, Py_ssize_t ranks,
    ):
        cdef Py_ssize_t largest = check_offsets(starts, topics.shape[0]), j
        cdef int64_t topic = -1
        if not 0.0 <= alpha <= 1.0:
            raise ValueError("alpha must be from 0 to 1")
        if high.shape[0] <= ranks or low.shape[0] <= ranks:
            raise ValueError(f"the table of discounts must hold {ranks + 1} sums")
        for j in range(topics.shape[0]):
            if topics[j] < 0:
                raise ValueError("subtopics are numbered from 0")
            topic = max(topic, topics[j])
        self.power = <double *> malloc((longest + 1) * sizeof(double))
        self.bound = <double *> malloc((longest + 1) * sizeof(double))
        self.order = <int64_t *> malloc((longest + 1) * sizeof(int64_t))
        self.spare = <int64_t *> malloc((longest + 1) * sizeof(int64_t))
        self.docs.counts = <int64_t *> malloc((largest + 1) * sizeof(int64_t))
        self.docs.seen = <int64_t *> calloc(topic + 2, sizeof(int64_t))
        if (self.power == NULL or self.bound == NULL or self.order == NULL or self.spare == NULL
                or self.docs.counts == NULL or self.docs.seen == NULL):
            raise MemoryError
        self.power[0] = 1.0
        for j in range(longest):
            self.power[j + 1] = self.power[j] * (1.0 - alpha)
        self.docs.start, self.docs.power = &starts[0], self.power
        self.docs.topic = &topics[0] if topics.shape[0] else NULL
        self.docs.high, self.docs.low = &high[0], &low[0]

    def __dealloc__(self):
        free(self.power)
        free(self.bound)
        free(self.order)
        free(self.spare)
        free(self.docs.counts)
        free(self.docs.seen)


def alpha_dcg(
    const int64_t[::1] offsets, const int64_t[::1] rows, const int64_t[::1] starts, const int64_t[::1] topics,
    double alpha, const double[::1] high, const double[::1] low,
):
    """Alpha-DCG of each list: rows are documents in the order of their ranks; high and low come from
    `ranked.discounts`.

    Document d has the subtopics topics[starts[d]:starts[d + 1]], numbers from 0 that ascend.  Each gains
    (1 - alpha)^n where n documents of higher rank have it too (Clarke et al. 2008).
    """
    cdef Py_ssize_t longest = check_offsets(offsets, rows.shape[0]), lists = offsets.shape[0] - 1, q
    cdef int64_t i
    for i in range(rows.shape[0]):
        if rows[i] < 0 or rows[i] >= starts.shape[0] - 1:
            raise ValueError("a row is no document")
    cdef _Scratch scratch = _Scratch(starts, topics, alpha, high, low, longest, longest)
    result = np.zeros(lists, np.float64)
    cdef double[::1] out = result
    with nogil:
        for q in range(lists):
            for i in range(offsets[q], offsets[q + 1]):
                out[q] += gain_of(scratch.docs, rows[i]) * discount(scratch.docs, i - offsets[q])
                see(scratch.docs, rows[i], 1)
            for i in range(offsets[q], offsets[q + 1]):
                see(scratch.docs, rows[i], -1)
    return result


def ideal_alpha_dcg(
    const int64_t[::1] offsets, const int64_t[::1] starts, const int64_t[::1] topics, double alpha,
    const double[::1] high, const double[::1] low, int64_t k,
):
    """Alpha-DCG of the first k ranks (0: of all) of the greedy order of the documents offsets[q]..offsets[q + 1].

    Of documents that gain the same, the one comes first whose subtopics do in lexicographic order, so that the order
    of the documents is irrelevant.  (The best order of all is hard to find; ndeval is greedy too, and takes the
    highest document id.)
    """
    cdef Py_ssize_t longest = check_offsets(offsets, starts.shape[0] - 1), lists = offsets.shape[0] - 1, q, i, j, n
    cdef int64_t *order
    cdef int64_t *spare
    if k < 0:
        raise ValueError("k must be at least 0")
    cdef _Scratch scratch = _Scratch(
        starts, topics, alpha, high, low, longest, min(k, <int64_t> longest) if k > 0 else longest
    )
    result = np.zeros(lists, np.float64)
    cdef double[::1] out = result
    with nogil:
        for q in range(lists):
            n = 0
            for i in range(offsets[q], offsets[q + 1]):
                if starts[i + 1] > starts[i]:
                    scratch.order[n] = i
                    n += 1
            order = sort_documents(scratch.docs, scratch.order, scratch.spare, n)
            spare = scratch.order if order == scratch.spare else scratch.spare
            out[q] = greedy(scratch.docs, order, spare, scratch.bound, n, k)
            for i in range(offsets[q], offsets[q + 1]):
                for j in range(starts[i], starts[i + 1]):
                    scratch.docs.seen[topics[j]] = 0
    return result


def exposures(
    const int64_t[::1] run_offsets, const int64_t[::1] run_count, const uint8_t[::1] run_opens,
    const double[::1] high, const double[::1] low, int64_t k,
):
    """The expected exposure of all rows of each run (see order.pyx): the sum of the discounts of their ranks, 0 below
    rank k (0: no cut).  Each row of a tie group has the mean discount of the group's ranks."""
    cdef Py_ssize_t lists = run_offsets.shape[0] - 1, q, t, u
    cdef int64_t begin, inside, rows
    cdef double value
    check_offsets(run_offsets, run_count.shape[0])
    if run_count.shape[0] != run_opens.shape[0]:
        raise ValueError("the arrays of the runs do not fit together")
    if k < 0:
        raise ValueError("k must be at least 0")
    result = np.zeros(run_count.shape[0], np.float64)
    cdef double[::1] out = result
    cdef bint fits = True
    with nogil:
        for q in range(lists):
            begin = 0
            t = run_offsets[q]
            while t < run_offsets[q + 1] and (k == 0 or begin < k):
                rows = run_count[t]
                u = t + 1
                while u < run_offsets[q + 1] and not run_opens[u]:
                    rows += run_count[u]
                    u += 1
                inside = begin + rows if k == 0 else min(begin + rows, k)
                if inside >= high.shape[0] or inside >= low.shape[0]:
                    fits = False
                    break
                value = (high[inside] - high[begin]) + (low[inside] - low[begin])
                for t in range(t, u):
                    # A run that is the whole group has the whole sum, which the quotient could miss by a rounding.
                    out[t] = value if run_count[t] == rows else value * <double> run_count[t] / <double> rows
                t = u
                begin += rows
    if not fits:
        raise ValueError("the table of discounts is shorter than the longest list")
    return result


def find_crossing(
    const int64_t[::1] run_offsets, const int64_t[::1] run_count, const uint8_t[::1] run_opens, int64_t k
):
    """The first list in which a tie group has rows above rank k and below, or -1."""
    cdef Py_ssize_t lists = run_offsets.shape[0] - 1, q, t
    cdef int64_t rows
    cdef Py_ssize_t found = -1
    check_offsets(run_offsets, run_count.shape[0])
    if run_count.shape[0] != run_opens.shape[0]:
        raise ValueError("the arrays of the runs do not fit together")
    with nogil:
        for q in range(lists):
            rows = 0
            for t in range(run_offsets[q], run_offsets[q + 1]):
                if run_opens[t] and rows >= k:
                    break
                rows += run_count[t]
                if rows > k and (run_count[t] > 1 or not run_opens[t]):
                    found = q
                    break
            if found >= 0:
                break
    return found


def surprisal(const double[::1] shares):
    """-log2 of each share above 0, up to 1; exact for powers of two."""
    cdef Py_ssize_t i
    cdef int exponent
    cdef double fraction
    result = np.empty(shares.shape[0], np.float64)
    cdef double[::1] out = result
    for i in range(shares.shape[0]):
        if not 0.0 < shares[i] <= 1.0:
            raise ValueError("a share is not above 0, up to 1")
    with nogil:
        for i in range(shares.shape[0]):
            fraction = frexp(shares[i], &exponent)
            out[i] = <double> (-exponent) - fr_log(fraction) / LN2
    return result
