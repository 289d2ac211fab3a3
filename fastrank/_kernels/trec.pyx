"""TREC run and judgment files: bytes into arrays.

Items and queries are not copied: they are places in the bytes.  Rows of one query that follow each other are a stretch.
"""

from libc.stdint cimport int32_t, int64_t, uint8_t, uint32_t, uint64_t
from libc.stdlib cimport calloc, free
from libc.string cimport memchr, memcmp, memcpy, memset

import numpy as np

cdef extern from "trec_text.h" nogil:
    const int FR_TREC_END, FR_TREC_HARD, FR_TREC_FEW_FIELDS, FR_TREC_MORE_FIELDS, FR_TREC_NOT_A_NUMBER
    const int FR_TREC_NAN, FR_TREC_NOT_AN_INTEGER, FR_TREC_LONG_FIELD, FR_TREC_NO_ROOM
    ctypedef struct fr_trec:
        const uint8_t *data
        int64_t at, end, line, field, size, row, query, room, run_at, run_size
        int64_t *item_at
        int64_t *query_row
        int64_t *query_at
        int64_t *relevance
        int32_t *item_size
        int32_t *query_size
        uint32_t *item_hash
        double *score
    int fr_trec_parse(fr_trec *t)
    uint32_t fr_trec_hash(const uint8_t *text, int64_t size)

FEW_FIELDS = FR_TREC_FEW_FIELDS
MORE_FIELDS = FR_TREC_MORE_FIELDS
NOT_A_NUMBER = FR_TREC_NOT_A_NUMBER
NOT_A_SCORE = FR_TREC_NAN
NOT_AN_INTEGER = FR_TREC_NOT_AN_INTEGER
LONG_FIELD = FR_TREC_LONG_FIELD


cdef int check_range(Py_ssize_t size, Py_ssize_t begin, Py_ssize_t end) except -1:
    if not 0 <= begin <= end <= size:
        raise ValueError(f"bytes {begin} to {end} of {size}")
    return 0


cdef int check_places(const uint8_t[::1] data, const int64_t[::1] at, const int32_t[::1] sizes) except -1:
    cdef Py_ssize_t i, n = at.shape[0]
    cdef bint good = True
    if sizes.shape[0] != n:
        raise ValueError(f"{n} places and {sizes.shape[0]} sizes")
    with nogil:
        for i in range(n):
            good &= sizes[i] >= 0 and 0 <= at[i] <= data.shape[0] - sizes[i]
    if not good:
        raise ValueError("a text lies outside the data")
    return 0


def count_lines(const uint8_t[::1] data, Py_ssize_t begin, Py_ssize_t end):
    """How many lines the bytes hold; the last need not end."""
    cdef int64_t count = 0
    cdef Py_ssize_t i
    check_range(data.shape[0], begin, end)
    with nogil:
        for i in range(begin, end):
            count += data[i] == 10
        count += end > begin and data[end - 1] != 10
    return count


cdef double exact(const uint8_t *text, Py_ssize_t size) noexcept:
    """Python reads any decimal number correctly rounded, in every locale."""
    return float(text[:size])


def parse(
    const uint8_t[::1] data,
    Py_ssize_t begin,
    Py_ssize_t end,
    int64_t[::1] item_at,
    int32_t[::1] item_size,
    uint32_t[::1] item_hash,
    values,
    int64_t[::1] query_row,
    int64_t[::1] query_at,
    int32_t[::1] query_size,
):
    """Reads the lines of data[begin:end] into the arrays, which have room for each; no line is cut at either end.

    Float64 values take the scores of a run, int64 values relevance.  Returns the rows, the stretches, the place and
    size of the run's name in the last row, what is wrong (0: nothing) and the place of the first bad line.
    """
    cdef fr_trec t
    cdef int64_t[::1] relevance
    cdef double[::1] score
    cdef int status = FR_TREC_HARD
    cdef Py_ssize_t room = min(
        item_at.shape[0], item_size.shape[0], item_hash.shape[0], values.shape[0],
        query_row.shape[0], query_at.shape[0], query_size.shape[0],
    )
    check_range(data.shape[0], begin, end)
    memset(&t, 0, sizeof(t))
    if room == 0 or begin == end:
        if count_lines(data, begin, end) > room:
            raise ValueError(f"room for {room} rows is too little")
        return 0, 0, 0, 0, 0, begin
    if values.dtype == np.float64:
        score = values
        t.score = &score[0]
    else:
        relevance = values
        t.relevance = &relevance[0]
    t.data, t.at, t.end, t.room = &data[0], begin, end, room
    t.item_at, t.item_size, t.item_hash = &item_at[0], &item_size[0], &item_hash[0]
    t.query_row, t.query_at, t.query_size = &query_row[0], &query_at[0], &query_size[0]
    with nogil:
        while status == FR_TREC_HARD:
            status = fr_trec_parse(&t)
            if status == FR_TREC_HARD:
                with gil:
                    t.score[t.row - 1] = exact(t.data + t.field, t.size)
    if status == FR_TREC_NO_ROOM:
        raise ValueError(f"room for {room} rows is too little")
    return t.row, t.query, t.run_at, t.run_size, status, t.line


def number_texts(const uint8_t[::1] data, const int64_t[::1] at, const int32_t[::1] sizes):
    """The number of each text, equal texts having one number, and for each number where it occurs first."""
    cdef Py_ssize_t i, n = at.shape[0]
    cdef int64_t found = 0
    cdef uint64_t slot, mask = 1
    cdef int64_t *slots
    cdef int64_t first_place
    check_places(data, at, sizes)
    numbers, firsts = np.empty(n, np.int64), np.empty(n, np.int64)
    cdef int64_t[::1] number = numbers, first = firsts
    while mask < <uint64_t> (2 * n):
        mask *= 2
    slots = <int64_t *> calloc(mask, 8)
    if slots == NULL:
        raise MemoryError
    mask -= 1
    with nogil:
        for i in range(n):
            slot = fr_trec_hash(&data[0] + at[i], sizes[i]) & mask
            while slots[slot] != 0:
                first_place = first[slots[slot] - 1]
                if sizes[first_place] == sizes[i] and memcmp(&data[at[first_place]], &data[at[i]], sizes[i]) == 0:
                    break
                slot = (slot + 1) & mask
            if slots[slot] == 0:
                first[found] = i
                found += 1
                slots[slot] = found
            number[i] = slots[slot] - 1
    free(slots)
    return numbers, firsts[:found].copy()


def gather_texts(const uint8_t[::1] data, const int64_t[::1] at, const int32_t[::1] sizes):
    """The texts one after the other, and the offsets of each: a string array of Arrow."""
    cdef Py_ssize_t i, n = at.shape[0]
    cdef int64_t total = 0
    check_places(data, at, sizes)
    with nogil:
        for i in range(n):
            total += sizes[i]
    if total > 2**31 - 1:
        raise ValueError(f"{total} bytes of text are more than 32-bit offsets hold")
    offsets, text = np.zeros(n + 1, np.int32), np.empty(total, np.uint8)
    cdef int32_t[::1] offset = offsets
    cdef uint8_t[::1] out = text
    with nogil:
        for i in range(n):
            if sizes[i] > 0:
                memcpy(&out[offset[i]], &data[at[i]], sizes[i])
            offset[i + 1] = offset[i] + sizes[i]
    return offsets, text


def line_end(const uint8_t[::1] data, Py_ssize_t begin):
    """Where the line that data[begin] lies in ends, after its newline."""
    cdef const void *newline
    check_range(data.shape[0], begin, data.shape[0])
    if begin == data.shape[0]:
        return begin
    newline = memchr(&data[begin], 10, data.shape[0] - begin)
    return data.shape[0] if newline == NULL else <Py_ssize_t> (<const uint8_t *> newline - &data[0]) + 1
