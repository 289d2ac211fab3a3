"""Slices: the number of each value, rows in the order of their slices, and tables added slice by slice."""

from libc.stdint cimport INT32_MAX, int8_t, int16_t, int32_t, int64_t, uint8_t, uint16_t, uint32_t, uint64_t

import numpy as np

cdef extern from "cells.h" nogil:
    ctypedef struct fr_pages:
        uint8_t *used
        int64_t fresh
    void fr_add_table(uint64_t *, const uint64_t *, const uint8_t *, int, long, fr_pages *)

cdef extern from "slice_order.h" nogil:
    enum:
        COUNT_COPIES "FR_COUNT_COPIES"
    void slice_extent(const int32_t *, long, int32_t *, int32_t *, int *)
    void fr_count_slices(const int32_t *, long, int32_t, int32_t *, long)
    void fr_place_rows(const int32_t *, long, int32_t, int32_t *, int32_t *)
    void fr_move_u8(const uint8_t *, const int32_t *, uint8_t *, long)
    void fr_move_u16(const uint16_t *, const int32_t *, uint16_t *, long)
    void fr_move_u32(const uint32_t *, const int32_t *, uint32_t *, long)
    void fr_move_u64(const uint64_t *, const int32_t *, uint64_t *, long)

ctypedef fused integer:
    int8_t
    int16_t
    int32_t
    int64_t
    uint8_t
    uint16_t
    uint32_t
    uint64_t

ctypedef fused word:
    uint8_t
    uint16_t
    uint32_t
    uint64_t

ctypedef fused time:
    int32_t
    int64_t


def look_up(const integer[::1] values, int64_t low, const int32_t[::1] table not None, empty=np.empty):
    """(table[value - low] of each value, or -1 where that lies outside; the first row that has a number below 0, -1
    where none has).  Here and below, `empty` makes arrays."""
    cdef Py_ssize_t i, n = values.shape[0]
    cdef uint64_t size = table.shape[0], place
    cdef int32_t found, worst = 0
    numbers_ = empty(n, np.int32)
    cdef int32_t[::1] numbers = numbers_
    with nogil:
        for i in range(n):
            # Differences wrap: what lies below `low` is past the table, too.
            place = <uint64_t> values[i] - <uint64_t> low
            found = table[place] if place < size else -1
            numbers[i] = found
            worst |= found
        if worst >= 0:
            i = -1
        else:
            for i in range(n):
                if numbers[i] < 0:
                    break
    return numbers_, i


def tally(const integer[::1] values, int64_t low, Py_ssize_t size):
    """(how many rows have each of `size` integers from `low` on, how often one differs from that before); None where
    one lies outside."""
    cdef Py_ssize_t i, n = values.shape[0]
    cdef uint64_t most = size, place
    cdef int64_t changes = 0
    cdef bint outside = False
    if n > INT32_MAX or size < 0:
        raise ValueError("more rows than are counted, or a table of no size")
    # Rows take turns: adding twice to one place in a row waits.
    counts_ = np.zeros((COUNT_COPIES, size), np.int32)
    cdef int32_t[:, ::1] counts = counts_
    with nogil:
        for i in range(1, n):
            changes += values[i] != values[i - 1]
        for i in range(n):
            place = <uint64_t> values[i] - <uint64_t> low
            if place < most:
                counts[i & (COUNT_COPIES - 1), place] += 1
            else:
                outside = True
    return None if outside else (counts_.sum(axis=0, dtype=np.int32), changes)


def sort_by_value(
    const integer[::1] values, int64_t low, const int32_t[::1] table not None, const int32_t[::1] counts not None,
    empty=np.empty,
):
    """(places, sorted slices) of values that were tallied, as of `sort_by_slice`, but in the order of the values, of
    which table[value - low] is the slice."""
    cdef Py_ssize_t i, n = values.shape[0], size = counts.shape[0], v, start = 0
    places_, sorted_, next_ = empty(n, np.int32), empty(n, np.int32), np.empty(size, np.int32)
    cdef int32_t[::1] places = places_, ordered = sorted_, following = next_
    cdef uint64_t place
    cdef bint fits = True
    for v in range(size):
        fits = fits and counts[v] >= 0
        start += counts[v]
    if not fits or table.shape[0] != size or start != n:
        raise ValueError("table, counts and values do not fit")
    start = 0
    with nogil:
        for v in range(size):
            following[v] = <int32_t> start
            for i in range(start, start + counts[v]):
                ordered[i] = table[v]
            start += counts[v]
        for i in range(n):
            place = <uint64_t> values[i] - <uint64_t> low
            if place >= <uint64_t> size:
                fits = False
                break
            places[i] = following[place]
            following[place] += 1
    if not fits:
        raise ValueError("a value lies outside the table")
    return places_, sorted_


def count_stretches(const time[::1] times, int64_t width):
    """(places, low, high): times lie in stretches low to high of this width, of which 0 begins at 0; places are counted
    from `low` on.  None where they do not fit 31 bits."""
    cdef Py_ssize_t i, n = times.shape[0]
    cdef int64_t stretch, begin, low, high, first
    cdef int32_t least
    cdef bint fits = True
    if n == 0 or width < 1:
        raise ValueError("no times, or stretches of no width")
    places_ = np.empty(n, np.int32)
    cdef int32_t[::1] places = places_
    first = low = high = stretch = floor(times[0], width)
    begin = stretch * width
    with nogil:
        for i in range(n):
            # Rows of a log mostly lie in the stretch of the row before: no division.
            if not (0 <= <int64_t> times[i] - begin < width):
                stretch = floor(times[i], width)
                begin = stretch * width
                low = min(low, stretch)
                high = max(high, stretch)
                if high - low > INT32_MAX:
                    fits = False
                    break
            places[i] = <int32_t> (stretch - first)
        if fits:
            least = <int32_t> (low - first)
            for i in range(n):
                places[i] -= least
    return (places_, low, high) if fits else None


cdef inline int64_t floor(int64_t x, int64_t width) noexcept nogil:
    cdef int64_t whole = x // width  # towards zero, as in C
    return whole - 1 if whole * width > x else whole


def sort_by_slice(const int32_t[::1] slices, empty=np.empty):
    """(places, sorted slices): where each row comes to stand when those of each slice stand together, slices ascending,
    in the order in which they came; None where they stand so.  Slices are 0 or more."""
    cdef Py_ssize_t n = slices.shape[0], start = 0, count, i
    cdef int32_t least, most, s
    cdef int descends
    cdef long size
    if n == 0:
        return None
    with nogil:
        slice_extent(&slices[0], n, &least, &most, &descends)
    if not descends:
        return None
    if least < 0:
        raise ValueError("a slice is below 0")
    if n > INT32_MAX:
        raise ValueError("more rows than places are counted")
    places_, sorted_ = empty(n, np.int32), empty(n, np.int32)
    if most - least > 4 * n:
        order = np.argsort(slices, kind="stable")
        places_[order] = np.arange(n, dtype=np.int32)
        np.take(slices, order, out=sorted_)
        return places_, sorted_
    size = <long> most - least + 1
    next_ = np.zeros(COUNT_COPIES * size, np.int32)
    cdef int32_t[::1] places = places_, following = next_, ordered = sorted_
    with nogil:
        fr_count_slices(&slices[0], n, least, &following[0], size)
        for s in range(size):
            count = following[s]
            following[s] = start
            for i in range(start, start + count):
                ordered[i] = s + least
            start += count
        fr_place_rows(&slices[0], n, least, &following[0], &places[0])
    return places_, sorted_


def move(values, const int32_t[::1] places not None, empty=np.empty):
    """A copy in which values[i] stands at places[i]; places hold each number below their count once."""
    moved = empty(places.shape[0], values.dtype)
    if values.shape != moved.shape:
        raise ValueError("values and places differ in length")
    width = values.dtype.itemsize
    if values.dtype.hasobject or width not in (1, 2, 4, 8):
        moved[np.asarray(places)] = values
        return moved
    word = np.dtype(f"u{width}")
    _move(np.ascontiguousarray(values).view(word), places, moved.view(word))
    return moved


def _move(const word[::1] values, const int32_t[::1] places, word[::1] moved):
    cdef Py_ssize_t n = values.shape[0]
    if n == 0:
        return
    with nogil:
        if word is uint8_t:
            fr_move_u8(&values[0], &places[0], &moved[0], n)
        elif word is uint16_t:
            fr_move_u16(&values[0], &places[0], &moved[0], n)
        elif word is uint32_t:
            fr_move_u32(&values[0], &places[0], &moved[0], n)
        else:
            fr_move_u64(&values[0], &places[0], &moved[0], n)


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
    cdef fr_pages no_pages
    check_numbers(numbers, mine.shape[0], theirs.shape[0])
    if theirs.shape[1] != cells or theirs.shape[2] != width or width not in (2, 4):
        raise ValueError("tables differ in size, or a cell has neither 2 nor 4 words")
    if cells == 0:
        return
    no_pages.used, no_pages.fresh = NULL, 0
    with nogil:
        for s in range(theirs.shape[0]):
            if numbers[s] >= 0:
                fr_add_table(&mine[numbers[s], 0, 0], &theirs[s, 0, 0], NULL, <int> width, cells, &no_pages)
