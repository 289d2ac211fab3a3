"""Deals: rows by the top bits of their keys and by label, which wait to be sorted; and the runs of all or some parts.

A deal is (first, start, items, weights): the rows of part first + p and label y are items start[2 * p + y] to
start[2 * p + y + 1], the bits of their keys that are left (uint16 of a float32, uint64 of a float64), with their
weights (None: no weights).  It takes 2 or 8 bytes a row, and 8 more for a weight.
"""

from libc.stdint cimport int64_t, uint8_t, uint32_t, uint64_t
from libc.stdlib cimport calloc, free, malloc

import numpy as np

cdef extern from "deals.h" nogil:
    enum:
        FR_PART_NARROW, FR_PART_WIDE, FR_LEVELS
    ctypedef struct fr_rows:
        const void *score
        int wide
        const uint8_t *label
        const double *weight
        long size
    ctypedef struct fr_deal:
        const void *item
        const double *weight
        const uint32_t *start
        long first
        long last
    ctypedef struct fr_count_runs:
        void *key
        int wide
        int64_t *negative
        int64_t *positive
        long size
    ctypedef struct fr_weight_runs:
        void *key
        int wide
        uint64_t *negative_high
        uint64_t *negative_low
        uint64_t *positive_high
        uint64_t *positive_low
        long size
    ctypedef struct fr_weighed:
        pass
    int fr_digit(long)
    long fr_deal_rows(const fr_rows *, uint32_t *, void *, double *, long *, long *)
    int fr_count_deals(const fr_deal *, long, long, long, fr_count_runs *)
    int fr_weigh_deals(const fr_deal *, long, long, long, fr_weight_runs *)
    long fr_largest_part(const fr_deal *, long, long, long)
    void fr_sort_deals_counts(const fr_deal *, long, long, long, uint64_t *, uint64_t *, uint32_t *,
                              fr_count_runs *)
    void fr_sort_deals_weights(const fr_deal *, long, long, long, fr_weighed *, fr_weighed *, uint32_t *,
                               fr_weight_runs *)
    void fr_weigh_below(const fr_deal *, long, uint64_t *)

ctypedef fused real:
    float
    double

PART_BITS = {False: FR_PART_NARROW, True: FR_PART_WIDE}  # of keys that are, or are not, wide
PARTS = 1 << max(FR_PART_NARROW, FR_PART_WIDE)  # past any part
MOST_ROWS = (1 << 31) - 1


def deal_rows(const real[::1] scores, const uint8_t[::1] labels not None, const double[::1] weights=None):
    """(first, start, items, weights) of rows; a row of weight zero is absent."""
    cdef fr_rows rows
    cdef uint32_t *end
    cdef void *item
    cdef double *weight = NULL
    cdef long first = 0, last = -1, n, buckets = 2 << (FR_PART_WIDE if real is double else FR_PART_NARROW)
    rows.size, rows.wide, rows.weight = scores.shape[0], real is double, NULL
    if labels.shape[0] != rows.size or (weights is not None and weights.shape[0] != rows.size):
        raise ValueError("scores, labels and weights differ in length")
    if not 0 < rows.size <= MOST_ROWS:
        raise ValueError(f"{rows.size} rows; a deal has 1 to {MOST_ROWS}")
    items = np.empty(rows.size, np.uint64 if real is double else np.uint16)
    dealt = None if weights is None else np.empty(rows.size, np.float64)
    rows.score, rows.label, item = &scores[0], &labels[0], address(items)
    if weights is not None:
        rows.weight, weight = &weights[0], <double *> address(dealt)
    end = <uint32_t *> calloc(buckets + 1, sizeof(uint32_t))
    if end == NULL:
        raise MemoryError
    with nogil:
        n = fr_deal_rows(&rows, end, item, weight, &first, &last)
    start = np.array(<uint32_t[:2 * (last - first + 1) + 1]> (end + 2 * first))
    free(end)
    if n < rows.size:
        items, dealt = items[:n].copy(), dealt[:n].copy()
    return first, start, items, dealt


cdef void *address(array) except NULL:
    return <void *> <size_t> array.ctypes.data


cdef class Deals:
    """Deals as C takes them, prepared once; keeps their arrays."""

    cdef fr_deal *deal
    cdef long count
    cdef int wide
    cdef bint weighted
    cdef object arrays

    def __cinit__(self, deals):
        self.arrays, self.count = list(deals), len(deals)
        self.deal = <fr_deal *> malloc(sizeof(fr_deal) * max(1, self.count))
        if self.deal == NULL:
            raise MemoryError
        self.wide = self.count > 0 and self.arrays[0][2].dtype == np.uint64
        self.weighted = self.count > 0 and self.arrays[0][3] is not None
        for d, (first, start, items, weights) in enumerate(self.arrays):
            if items.dtype != (np.uint64 if self.wide else np.uint16) or (weights is not None) != self.weighted:
                raise TypeError("deals are of one type of keys, and all with weights or without")
            if start.dtype != np.uint32 or start.size % 2 == 0 or int(start[start.size - 1]) > items.size:
                raise ValueError("the starts of a deal do not fit its items")
            if weights is not None and (weights.dtype != np.float64 or weights.size != items.size):
                raise ValueError("the weights of a deal do not fit its items")
            if not all(array.flags.c_contiguous for array in (start, items, weights) if array is not None):
                raise ValueError("the arrays of a deal are contiguous")
            self.deal[d].item = address(items)
            self.deal[d].weight = NULL if weights is None else <double *> address(weights)
            self.deal[d].start = <uint32_t *> address(start)
            self.deal[d].first, self.deal[d].last = first, first + start.size // 2 - 1

    def __dealloc__(self):
        free(self.deal)

    def runs(self, long begin, long end):
        """The runs of parts begin .. end: (keys, negatives, positives), or with weights (keys, negative_high,
        negative_low, positive_high, positive_low)."""
        cdef long size = self.rows(begin, end)
        keys = np.empty(size, np.uint64 if self.wide else np.uint32)
        if self.weighted:
            return _weigh(self, begin, end, keys)
        if self.wide:
            return _sort(self, begin, end, keys)
        return _count(self, begin, end, keys)

    def totals_below(self, long part):
        """(weight of negatives, of positives) of all rows in parts below a part: rows, or multiples of 2^-72."""
        cdef uint64_t words[4]
        cdef long d
        negatives = positives = 0
        for d, (first, start, _, weights) in enumerate(self.arrays):
            if part <= first:
                continue
            if weights is None:
                sizes = np.diff(start[: 2 * min(part - first, start.size // 2) + 1].astype(np.int64))
                negatives += int(sizes[0::2].sum())
                positives += int(sizes[1::2].sum())
            else:
                with nogil:
                    fr_weigh_below(&self.deal[d], part, words)
                negatives += <object> words[0] + (<object> words[1] << 64)
                positives += <object> words[2] + (<object> words[3] << 64)
        return negatives, positives

    cdef long rows(self, long begin, long end):
        """How many rows there are in parts begin .. end."""
        cdef long total = 0, low, high
        for d in range(self.count):
            low = max(begin, self.deal[d].first)
            high = min(end, self.deal[d].last + 1)
            if low < high:
                total += (<long> self.deal[d].start[2 * (high - self.deal[d].first)]
                          - <long> self.deal[d].start[2 * (low - self.deal[d].first)])
        return total


def part_rows(deals, long begin, long end):
    """How many rows all deals have in each of the parts begin .. end."""
    rows = np.zeros(end - begin, np.int64)
    for first, start, _, _ in deals:
        low, high = max(begin, first), min(end, first + start.size // 2)
        if low < high:
            ends = start[2 * (low - first) : 2 * (high - first) + 1 : 2]
            rows[low - begin : high - begin] += np.diff(ends.astype(np.int64))
    return rows


cdef cut(arrays, Py_ssize_t size):
    """The first `size` of each array; memory behind them that is worth it goes back."""
    for array in arrays:
        array.resize(size, refcheck=False)
    return tuple(arrays)


cdef _count(Deals deals, long begin, long end, keys):
    cdef fr_count_runs runs
    cdef bint enough
    negatives, positives = np.empty(keys.size, np.int64), np.empty(keys.size, np.int64)
    if keys.size == 0:
        return keys, negatives, positives
    runs.key, runs.wide, runs.size = address(keys), False, 0
    runs.negative, runs.positive = <int64_t *> address(negatives), <int64_t *> address(positives)
    with nogil:
        enough = fr_count_deals(deals.deal, deals.count, begin, end, &runs)
    if not enough:
        raise MemoryError
    return cut((keys, negatives, positives), runs.size)


cdef _sort(Deals deals, long begin, long end, keys):
    cdef fr_count_runs runs
    cdef long largest = fr_largest_part(deals.deal, deals.count, begin, end)
    cdef uint64_t *item
    cdef uint64_t *other
    cdef uint32_t *end_at
    negatives, positives = np.empty(keys.size, np.int64), np.empty(keys.size, np.int64)
    if keys.size == 0:
        return keys, negatives, positives
    items, spare = np.empty(largest, np.uint64), np.empty(largest, np.uint64)
    ends = np.empty(FR_LEVELS << fr_digit(largest), np.uint32)
    runs.key, runs.wide, runs.size = address(keys), True, 0
    runs.negative, runs.positive = <int64_t *> address(negatives), <int64_t *> address(positives)
    item, other, end_at = <uint64_t *> address(items), <uint64_t *> address(spare), <uint32_t *> address(ends)
    with nogil:
        fr_sort_deals_counts(deals.deal, deals.count, begin, end, item, other, end_at, &runs)
    return cut((keys, negatives, positives), runs.size)


cdef _weigh(Deals deals, long begin, long end, keys):
    cdef fr_weight_runs runs
    cdef long largest
    cdef fr_weighed *item
    cdef fr_weighed *other
    cdef uint32_t *end_at
    cdef bint enough
    words = tuple(np.empty(keys.size, np.uint64) for _ in range(4))
    if keys.size == 0:
        return (keys, *words)
    runs.key, runs.wide, runs.size = address(keys), deals.wide, 0
    runs.negative_high, runs.negative_low = <uint64_t *> address(words[0]), <uint64_t *> address(words[1])
    runs.positive_high, runs.positive_low = <uint64_t *> address(words[2]), <uint64_t *> address(words[3])
    if not deals.wide:
        with nogil:
            enough = fr_weigh_deals(deals.deal, deals.count, begin, end, &runs)
        if not enough:
            raise MemoryError
        return cut((keys, *words), runs.size)
    largest = fr_largest_part(deals.deal, deals.count, begin, end)
    items, spare = np.empty((largest, sizeof(fr_weighed)), np.uint8), np.empty((largest, sizeof(fr_weighed)), np.uint8)
    ends = np.empty(FR_LEVELS << fr_digit(largest), np.uint32)
    item, other, end_at = <fr_weighed *> address(items), <fr_weighed *> address(spare), <uint32_t *> address(ends)
    with nogil:
        fr_sort_deals_weights(deals.deal, deals.count, begin, end, item, other, end_at, &runs)
    return cut((keys, *words), runs.size)
