"""Runs of equal ids, sets of 64-bit ids, and fingerprints of ids of any length."""

from libc.stdint cimport int64_t, uint8_t, uint64_t
from libc.stdlib cimport calloc, free
from libc.string cimport memcpy

import numpy as np

cdef extern from "mix.h" nogil:
    uint64_t fr_mix(uint64_t x)

cdef extern from "id_runs.h" nogil:
    void fr_find_runs(const int64_t *ids, int64_t n, int64_t *starts, int64_t *values, int64_t *count)


def find_runs(const int64_t[::1] ids):
    """(starts, values): where the runs of equal ids start, and the id of each."""
    cdef int64_t n = ids.shape[0], found = 0
    # Untouched pages are given no memory.
    starts_, values_ = np.empty(n, np.int64), np.empty(n, np.int64)
    cdef int64_t[::1] starts = starts_, values = values_
    if n > 0:
        with nogil:
            fr_find_runs(&ids[0], n, &starts[0], &values[0], &found)
    return starts_[:found], values_[:found]


def fingerprints(const int64_t[::1] offsets, const uint8_t[::1] data):
    """uint64 fingerprint of each byte string data[offsets[i]:offsets[i + 1]]."""
    cdef Py_ssize_t i, n = offsets.shape[0] - 1
    result = np.empty(n, np.uint64)
    cdef uint64_t[::1] out = result
    cdef uint64_t h, word
    cdef int64_t at, left, size
    with nogil:
        for i in range(n):
            at, left = offsets[i], offsets[i + 1] - offsets[i]
            h = fr_mix(<uint64_t> left + <uint64_t> 0x9E3779B97F4A7C15)
            while left > 0:
                word = 0
                size = left if left < 8 else 8
                memcpy(&word, &data[at], size)
                h = fr_mix(h ^ word) + <uint64_t> 0x9E3779B97F4A7C15
                at += size
                left -= size
            out[i] = h
    return result


cdef class IdSet:
    """A set of uint64 ids that only grows: open addressing, at most half full."""

    cdef uint64_t *slots
    cdef uint64_t mask
    cdef Py_ssize_t count
    cdef bint has_zero

    def __cinit__(self):
        self.mask = 1023
        self.slots = <uint64_t *> calloc(1024, 8)
        if self.slots == NULL:
            raise MemoryError

    def __dealloc__(self):
        free(self.slots)

    def __len__(self):
        return self.count

    cdef bint has(self, uint64_t x) noexcept nogil:
        cdef uint64_t j = fr_mix(x) & self.mask
        if x == 0:
            return self.has_zero
        while self.slots[j] != 0:
            if self.slots[j] == x:
                return True
            j = (j + 1) & self.mask
        return False

    cdef bint put(self, uint64_t x) noexcept nogil:
        """False if x was there already.  An empty slot is 0, so 0 itself is a flag."""
        cdef uint64_t j = fr_mix(x) & self.mask
        if self.has(x):
            return False
        self.count += 1
        if x == 0:
            self.has_zero = True
            return True
        while self.slots[j] != 0:
            j = (j + 1) & self.mask
        self.slots[j] = x
        return True

    cdef int reserve(self, Py_ssize_t more) except -1:
        cdef uint64_t *old = self.slots
        cdef uint64_t size = self.mask + 1, i, old_size = self.mask + 1
        while <uint64_t> (self.count + more) * 2 > size:
            size *= 2
        if size == old_size:
            return 0
        cdef uint64_t *slots = <uint64_t *> calloc(size, 8)
        if slots == NULL:
            raise MemoryError
        self.slots, self.mask, self.count = slots, size - 1, 1 if self.has_zero else 0
        with nogil:
            for i in range(old_size):
                if old[i] != 0:
                    self.put(old[i])
        free(old)
        return 0

    def add(self, const uint64_t[::1] ids):
        """Adds ids in order up to the first that is there already; returns its index, or -1."""
        cdef Py_ssize_t i, found = -1
        self.reserve(ids.shape[0])
        with nogil:
            for i in range(ids.shape[0]):
                if not self.put(ids[i]):
                    found = i
                    break
        return found

    def contains_any(self, const uint64_t[::1] ids):
        """Whether one of the ids is in the set."""
        cdef Py_ssize_t i
        cdef bint found = False
        with nogil:
            for i in range(ids.shape[0]):
                if self.has(ids[i]):
                    found = True
                    break
        return found

    def values(self):
        """All ids, ascending."""
        result = np.empty(self.count, np.uint64)
        cdef uint64_t[::1] out = result
        cdef uint64_t i
        cdef Py_ssize_t filled = 0
        with nogil:
            if self.has_zero:
                out[0] = 0
                filled = 1
            for i in range(self.mask + 1):
                if self.slots[i] != 0:
                    out[filled] = self.slots[i]
                    filled += 1
        result.sort()
        return result
