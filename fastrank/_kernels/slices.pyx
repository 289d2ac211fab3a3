"""Slices: the number of each value, rows in the order of their slices, and tables added slice by slice."""

from libc.stdint cimport int8_t, int16_t, int32_t, int64_t, uint8_t, uint16_t, uint32_t, uint64_t

import numpy as np

cdef extern from "cells.h" nogil:
    void fr_add_table(uint64_t *, const uint64_t *, int, long)

ctypedef fused integer:
    int8_t
    int16_t
    int32_t
    int64_t
    uint8_t
    uint16_t
    uint32_t
    uint64_t

cdef enum:
    BLOCK = 1024


def look_up(const integer[::1] values, int64_t low, const int32_t[::1] table not None):
    """(table[value - low] of each value, the first row whose value lies outside the table or at a number below 0; the
    number of rows where there is none)."""
    cdef Py_ssize_t i = 0, j, stop, n = values.shape[0]
    cdef uint64_t size = table.shape[0], place
    cdef int32_t found, worst
    numbers_ = np.empty(n, np.int32)
    cdef int32_t[::1] numbers = numbers_
    with nogil:
        while i < n:
            # Whether one is missing is asked once a block, so that the loop has no exit.
            stop = min(i + BLOCK, n)
            worst = 0
            for j in range(i, stop):
                # Differences wrap: what lies below `low` is past the table, too.
                place = <uint64_t> values[j] - <uint64_t> low
                found = table[place] if place < size else -1
                numbers[j] = found
                worst |= found
            if worst < 0:
                for j in range(i, stop):
                    if numbers[j] < 0:
                        break
                i = j
                break
            i = stop
    return numbers_, i


def sort_by_slice(const int32_t[::1] slices):
    """(order, slices[order]) that brings the rows of each slice together, slices ascending, rows in the order in which
    they came; None where they are in that order.  Slices are 0 or more."""
    cdef Py_ssize_t i, n = slices.shape[0]
    cdef int32_t least, most, s
    cdef int64_t at = 0, count
    cdef bint ascends = True
    if n == 0:
        return None
    least = most = slices[0]
    with nogil:
        for i in range(1, n):
            ascends = ascends and slices[i - 1] <= slices[i]
            least = min(least, slices[i])
            most = max(most, slices[i])
    if ascends:
        return None
    if least < 0:
        raise ValueError("a slice is below 0")
    if most - least > 4 * n:
        order_ = np.argsort(slices, kind="stable")
        return order_, np.asarray(slices)[order_]
    order_, sorted_ = np.empty(n, np.int64), np.empty(n, np.int32)
    next_ = np.zeros(most - least + 1, np.int64)
    cdef int64_t[::1] order = order_, places = next_
    cdef int32_t[::1] ordered = sorted_
    with nogil:
        for i in range(n):
            places[slices[i] - least] += 1
        for s in range(most - least + 1):
            count = places[s]
            places[s] = at
            for i in range(at, at + count):
                ordered[i] = s + least
            at += count
        for i in range(n):
            s = slices[i] - least
            order[places[s]] = i
            places[s] += 1
    return order_, sorted_


cdef check_numbers(const int64_t[::1] numbers, Py_ssize_t mine, Py_ssize_t theirs):
    cdef Py_ssize_t s
    if numbers.shape[0] != theirs:
        raise ValueError("numbers and slices differ in length")
    for s in range(theirs):
        if numbers[s] >= mine:
            raise ValueError(f"slice {numbers[s]} is not among {mine}")


def add_sums(int64_t[:, ::1] mine not None, const int64_t[:, ::1] theirs not None, const int64_t[::1] numbers not None):
    """Adds row s of `theirs` to row numbers[s] of `mine`, if that is not below 0."""
    cdef Py_ssize_t s, j, width = mine.shape[1]
    check_numbers(numbers, mine.shape[0], theirs.shape[0])
    if theirs.shape[1] != width:
        raise ValueError("sums differ in width")
    with nogil:
        for s in range(theirs.shape[0]):
            if numbers[s] >= 0:
                for j in range(width):
                    mine[numbers[s], j] += theirs[s, j]


def add_tables(
    uint64_t[:, :, ::1] mine not None, const uint64_t[:, :, ::1] theirs not None, const int64_t[::1] numbers not None,
):
    """Adds table s of `theirs` to table numbers[s] of `mine`, if that is not below 0; cells have two counts, or two
    weights of two words each."""
    cdef Py_ssize_t s, cells = mine.shape[1], width = mine.shape[2]
    check_numbers(numbers, mine.shape[0], theirs.shape[0])
    if theirs.shape[1] != cells or theirs.shape[2] != width or width not in (2, 4):
        raise ValueError("tables differ in size, or a cell has neither 2 nor 4 words")
    if cells == 0:
        return
    with nogil:
        for s in range(theirs.shape[0]):
            if numbers[s] >= 0:
                fr_add_table(&mine[numbers[s], 0, 0], &theirs[s, 0, 0], <int> width, cells)
