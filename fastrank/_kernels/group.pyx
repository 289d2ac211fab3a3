"""Rows that belong together, brought together: by parts of the range of hashes, and by id."""

from libc.stdint cimport int64_t, uint32_t, uint64_t
from libc.stdlib cimport calloc, free, malloc

import numpy as np

cdef extern from "mix.h" nogil:
    uint64_t fr_mix(uint64_t x)

cdef enum:
    BITS = 8
    SIZE = 256
    FIRST_SLOTS = 1024
    # Slots per id: the first slot is nearly always the right one, so that the branch is foreseen.
    SPARSE = 8

PARTS = SIZE
LEVELS = 64 // BITS


def partition_rows(const uint64_t[::1] ids, int level):
    """(order, bounds): rows order[bounds[p]:bounds[p + 1]] are those of part p, in the order in which they came.

    Equal ids are in one part, by 8 bits of their hash: the highest at level 0, the next at level 1, up to level 7.
    """
    if not 0 <= level < 64 // BITS:
        raise ValueError("level must be from 0 to 7")
    cdef Py_ssize_t i, n = ids.shape[0]
    cdef int shift = 64 - BITS * (level + 1), p
    order_ = np.empty(n, np.int64)
    bounds_ = np.zeros(SIZE + 1, np.int64)
    cdef int64_t[::1] order = order_, bounds = bounds_
    cdef int64_t next_[SIZE]
    with nogil:
        for i in range(n):
            bounds[((fr_mix(ids[i]) >> shift) & (SIZE - 1)) + 1] += 1
        for p in range(SIZE):
            next_[p] = bounds[p]
            bounds[p + 1] += bounds[p]
        for i in range(n):
            p = (fr_mix(ids[i]) >> shift) & (SIZE - 1)
            order[next_[p]] = i
            next_[p] += 1
    return order_, bounds_


cdef struct Table:
    # Open addressing: a slot holds the number of an id from 1 on, or 0.
    uint32_t *slots
    uint64_t mask
    # The ids and the number of rows of each, by number.
    uint64_t *ids
    int64_t *counts
    int64_t size


cdef void release(Table *table) noexcept nogil:
    free(table.slots)
    free(table.ids)
    free(table.counts)


cdef bint make(Table *table, uint64_t slots) noexcept nogil:
    table.mask, table.size = slots - 1, 0
    table.slots = <uint32_t *> calloc(slots, sizeof(uint32_t))
    table.ids = <uint64_t *> malloc((slots // SPARSE + 1) * sizeof(uint64_t))
    table.counts = <int64_t *> malloc((slots // SPARSE + 1) * sizeof(int64_t))
    return table.slots != NULL and table.ids != NULL and table.counts != NULL


cdef inline int64_t find(Table *table, uint64_t x) noexcept nogil:
    """The number of an id from 0 on, added where it is new; there is room for it."""
    cdef uint64_t j = fr_mix(x) & table.mask
    while table.slots[j] != 0:
        if table.ids[table.slots[j] - 1] == x:
            return table.slots[j] - 1
        j = (j + 1) & table.mask
    table.ids[table.size] = x
    table.counts[table.size] = 0
    table.size += 1
    table.slots[j] = <uint32_t> table.size
    return table.size - 1


cdef bint grow(Table *table) noexcept nogil:
    """Doubles the table; where there is no memory for it, the table stays as it was."""
    cdef Table larger
    cdef int64_t q
    if not make(&larger, 2 * (table.mask + 1)):
        release(&larger)
        return False
    for q in range(table.size):
        find(&larger, table.ids[q])
        larger.counts[q] = table.counts[q]
    release(table)
    table[0] = larger
    return True


def group_rows(const uint64_t[::1] ids):
    """(order, offsets): rows order[offsets[q]:offsets[q + 1]] are those of one id, in the order in which they came;
    ids in the order in which they first came."""
    cdef Py_ssize_t i, n = ids.shape[0]
    cdef int64_t q
    cdef bint enough
    cdef Table table
    if n >= (1 << 31):
        raise ValueError("more than 2^31 rows")
    group_ = np.empty(n, np.uint32)
    cdef uint32_t[::1] group = group_
    try:
        with nogil:
            enough = make(&table, FIRST_SLOTS)
            for i in range(n):
                if not enough:
                    break
                q = find(&table, ids[i])
                group[i] = <uint32_t> q
                table.counts[q] += 1
                if SPARSE * table.size > <int64_t> table.mask:
                    enough = grow(&table)
        if not enough:
            raise MemoryError
        order_ = np.empty(n, np.int64)
        offsets_ = np.empty(table.size + 1, np.int64)
        fill(group, &table, order_, offsets_)
    finally:
        release(&table)
    return order_, offsets_


cdef void fill(const uint32_t[::1] group, Table *table, int64_t[::1] order, int64_t[::1] offsets) noexcept:
    """Counting sort by group; the counts become the places of the next rows."""
    cdef Py_ssize_t i
    cdef int64_t q, at = 0, count
    with nogil:
        for q in range(table.size):
            offsets[q] = at
            count = table.counts[q]
            table.counts[q] = at
            at += count
        offsets[table.size] = at
        for i in range(group.shape[0]):
            order[table.counts[group[i]]] = i
            table.counts[group[i]] += 1
