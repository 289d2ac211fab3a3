"""Judgments joined to the rows of lists.

The judgments of query q are rows starts[q]..stops[q] of all judgments, an item and a label each.  A hash table of the
judgments of one query stays in the cache while the rows of its list are looked up.
"""

from libc.stdint cimport int32_t, int64_t, uint8_t, uint64_t
from libc.stdlib cimport free, malloc
from libc.string cimport memcpy, memset

import numpy as np

ctypedef fused number:
    uint8_t
    double

cdef double UNJUDGED = -float("inf")
# 2^64 divided by the golden ratio: multiplying by it spreads integers that follow each other (Knuth 1973, 6.4).
cdef uint64_t GOLDEN = <uint64_t> 0x9E3779B97F4A7C15


cdef int64_t longest_of(const int64_t[::1] starts, const int64_t[::1] stops, int64_t rows) except -1:
    """The most judgments of a query; ValueError where some lie outside."""
    cdef int64_t q, longest = 0
    if starts.shape[0] != stops.shape[0]:
        raise ValueError("starts and stops differ in length")
    for q in range(starts.shape[0]):
        if starts[q] < 0 or stops[q] < starts[q] or stops[q] > rows:
            raise ValueError("judgments lie outside the arrays")
        longest = max(longest, stops[q] - starts[q])
    if longest >= 1 << 28:
        raise ValueError("a query has 2^28 judgments or more")
    return longest


cdef inline uint64_t place(uint64_t item, int shift) noexcept nogil:
    return (item * GOLDEN) >> shift


cdef inline int bits_for(int64_t count) noexcept nogil:
    """A table of 2^bits slots is at most a quarter full, so that most lookups end at the first slot."""
    cdef int bits = 2
    while (<int64_t> 1 << bits) < 4 * count:
        bits += 1
    return bits


cdef void fill(int32_t *slots, int bits, const uint64_t *items, int64_t count) noexcept nogil:
    cdef uint64_t mask = (<uint64_t> 1 << bits) - 1, slot
    cdef int64_t j
    memset(slots, 0xFF, sizeof(int32_t) << bits)
    for j in range(count):
        slot = place(items[j], 64 - bits)
        while slots[slot] >= 0:
            slot = (slot + 1) & mask
        slots[slot] = <int32_t> j


cdef inline int32_t look_up(const int32_t *slots, int bits, const uint64_t *items, uint64_t item) noexcept nogil:
    """Which judgment is of the item; -1 for none."""
    cdef uint64_t mask = (<uint64_t> 1 << bits) - 1, slot = place(item, 64 - bits)
    while slots[slot] >= 0 and items[slots[slot]] != item:
        slot = (slot + 1) & mask
    return slots[slot]


def find_labels(
    const uint64_t[::1] items,
    const int64_t[::1] offsets,
    const int64_t[::1] starts,
    const int64_t[::1] stops,
    const uint64_t[::1] judged_items,
    const number[::1] judged_labels,
    bint told,
):
    """The label of each row of list q, from the judgments of query q.

    A row that nobody judged has the label -inf where `told`, which makes all labels float64, and else 0.
    """
    cdef int64_t lists = offsets.shape[0] - 1, q, i, n, longest
    cdef int32_t *slots
    cdef int32_t j
    cdef int bits
    cdef const uint64_t *known = NULL
    cdef double[::1] wide
    cdef number[::1] narrow
    if lists < 0 or offsets[0] != 0 or offsets[lists] != items.shape[0] or starts.shape[0] != lists:
        raise ValueError("offsets, starts and items do not fit together")
    for q in range(lists):
        if offsets[q + 1] < offsets[q]:
            raise ValueError("offsets descend")
    if judged_items.shape[0] != judged_labels.shape[0]:
        raise ValueError("the items and the labels of judgments differ in number")
    longest = longest_of(starts, stops, judged_items.shape[0])
    result = np.empty(items.shape[0], np.float64 if told or number is double else np.uint8)
    if told:
        wide = result
    else:
        narrow = result
    slots = <int32_t *> malloc(sizeof(int32_t) << bits_for(longest))
    if slots == NULL:
        raise MemoryError
    with nogil:
        for q in range(lists):
            n = stops[q] - starts[q]
            bits = bits_for(n)
            if n > 0:
                known = &judged_items[starts[q]]
            fill(slots, bits, known, n)
            if told:
                for i in range(offsets[q], offsets[q + 1]):
                    j = look_up(slots, bits, known, items[i])
                    wide[i] = <double> judged_labels[starts[q] + j] if j >= 0 else UNJUDGED
            else:
                for i in range(offsets[q], offsets[q + 1]):
                    j = look_up(slots, bits, known, items[i])
                    narrow[i] = judged_labels[starts[q] + j] if j >= 0 else <number> 0
    free(slots)
    return result


def gather_labels(const int64_t[::1] starts, const int64_t[::1] stops, const number[::1] judged_labels):
    """(labels, offsets): the labels of the judgments of each query, one query after the other."""
    cdef int64_t lists = starts.shape[0], q, i, at = 0
    longest_of(starts, stops, judged_labels.shape[0])
    offsets = np.zeros(lists + 1, np.int64)
    cdef int64_t[::1] ends = offsets
    for q in range(lists):
        at += stops[q] - starts[q]
        ends[q + 1] = at
    labels = np.empty(at, np.float64 if number is double else np.uint8)
    cdef number[::1] out = labels
    with nogil:
        for q in range(lists):
            at = ends[q]
            for i in range(starts[q], stops[q]):
                out[at] = judged_labels[i]
                at += 1
    return labels, offsets


cdef inline uint64_t mix(uint64_t x) noexcept nogil:
    """Finalizer of SplitMix64 (Steele, Lea and Flood 2014)."""
    x = (x ^ (x >> 30)) * <uint64_t> 0xBF58476D1CE4E5B9
    x = (x ^ (x >> 27)) * <uint64_t> 0x94D049BB133111EB
    return x ^ (x >> 31)


def digest(
    const uint64_t[::1] queries,
    const int64_t[::1] offsets,
    const uint64_t[::1] judged_items,
    const number[::1] judged_labels,
):
    """A number of 128 bits that depends on the set of judgments and not on their order."""
    cdef int64_t lists = queries.shape[0], q, j
    cdef uint64_t low = 0, high = 0, h, label
    cdef double value
    if offsets.shape[0] != lists + 1 or judged_items.shape[0] != judged_labels.shape[0]:
        raise ValueError("queries, offsets, items and labels do not fit together")
    longest_of(offsets[:lists], offsets[1:], judged_items.shape[0])
    with nogil:
        for q in range(lists):
            for j in range(offsets[q], offsets[q + 1]):
                value = <double> judged_labels[j] + 0.0
                memcpy(&label, &value, 8)
                h = mix(mix(mix(queries[q]) ^ judged_items[j]) + label)
                low += h
                high += mix(h + GOLDEN)
    return (int(high) << 64) | int(low)
