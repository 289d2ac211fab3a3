"""Counts and weights of rows by cell of their score and by label: the state of the AUC with certified bounds.

A cell is the top `bits` bits of the score's order-preserving float32 key; float64 scores are rounded down to the
float32 grid first, so that order is kept.  It has 2 words, (negatives, positives), or with weights 4, a high and a low
one each: integers of 128 bits in units of 2^-72.

A table has the words of all cells, [cell][word].  `pages` uint8[cells >> PAGE_BITS], where it is given, marks which
parts of a table were written to, the others take no memory; what adds to a table says how many it marked.  Few cells
among many slices are keys, slice << bits | cell, that ascend, with the words of each.
"""

from libc.stdint cimport int32_t, int64_t, uint8_t, uint32_t, uint64_t
from libc.stdlib cimport free, malloc

import numpy as np

cdef extern from "cells.h" nogil:
    enum:
        FR_CELL_BLOCK, FR_PAGE_BITS
    ctypedef struct fr_pages:
        uint8_t *used
        int64_t fresh
    ctypedef struct fr_tables:
        const int32_t *place
        uint64_t **chunk
        uint8_t **used
        int bits
        int chunk_bits
        int64_t fresh
    void cell_index_f32(const float *, const uint8_t *, int, uint32_t *, long)
    void cell_index_f64(const double *, const uint8_t *, int, uint32_t *, long)
    void any_foreign(const int32_t *, int64_t, long, int *)
    void fr_count_indices(const uint32_t *, long, uint64_t *, fr_pages *)
    void fr_weigh_indices(const uint32_t *, const double *, long, uint64_t *, fr_pages *)
    long fr_deal(fr_tables *, const uint32_t *, const int32_t *, const double *, long, uint64_t *, double *)
    void fr_add_cell(uint64_t *, const uint64_t *, int)
    void fr_use_cell(fr_pages *, uint64_t)
    void fr_add_table(uint64_t *, const uint64_t *, const uint8_t *, int, long, fr_pages *)
    long fr_used_cells(const uint64_t *, const uint8_t *, int, long, uint32_t *)
    long fr_fold(const uint64_t *, const uint64_t *, int, int, long, uint64_t *, uint64_t *)
    long fr_tally(const uint64_t *, const double *, long, uint64_t *, uint64_t *)
    long fr_merge_cells(
        const uint64_t *, const uint64_t *, long, const uint64_t *, const uint64_t *, long, int, uint64_t *, uint64_t *)

ctypedef fused real:
    float
    double

LEAST_BITS = 12
MOST_BITS = 26
COUNT_WORDS = 2
WEIGHT_WORDS = 4
PAGE_BITS = FR_PAGE_BITS


cdef check_rows(Py_ssize_t rows, Py_ssize_t labels, Py_ssize_t slices, Py_ssize_t weights, int bits):
    if not LEAST_BITS <= bits <= MOST_BITS:
        raise ValueError(f"bits is {bits}; it must be {LEAST_BITS} to {MOST_BITS}")
    if labels != rows or slices != rows or weights != rows:
        raise ValueError("scores, labels, slices and weights differ in length")


cdef check_table(const uint64_t[:, ::1] table, Py_ssize_t cells, int width):
    if table.shape[0] != cells or table.shape[1] != width:
        raise ValueError(f"a table of {table.shape[0]} x {table.shape[1]} words; it must have {cells} x {width}")


cdef int check_words(const uint64_t[::1] keys, const uint64_t[:, ::1] words) except -1:
    """How many words a cell has."""
    if words.shape[0] != keys.shape[0] or words.shape[1] not in (COUNT_WORDS, WEIGHT_WORDS):
        raise ValueError("keys and words differ in length, or a cell has neither 2 nor 4 words")
    return words.shape[1]


cdef inline void index_block(
    const real *scores, const uint8_t *labels, int bits, uint32_t *index, Py_ssize_t n
) noexcept nogil:
    if real is float:
        cell_index_f32(scores, labels, 32 - bits, index, n)
    else:
        cell_index_f64(scores, labels, 32 - bits, index, n)


cdef uint8_t *pages_of(const uint8_t[::1] pages, Py_ssize_t cells) except? NULL:
    """The marks of the pages of a table; NULL where there are none."""
    if pages is None or cells == 0:
        return NULL
    if pages.shape[0] < (cells + (1 << FR_PAGE_BITS) - 1) >> FR_PAGE_BITS:
        raise ValueError(f"a table of {cells} cells with {pages.shape[0]} pages")
    return <uint8_t *> &pages[0]


def count_cells(
    const real[::1] scores, const uint8_t[::1] labels not None, int bits, uint64_t[:, ::1] table not None,
    uint8_t[::1] pages=None,
):
    """Adds one to table[cell][label] for each row."""
    cdef uint32_t index[FR_CELL_BLOCK]
    cdef Py_ssize_t rows = scores.shape[0], start = 0, n
    cdef fr_pages marks
    check_rows(rows, labels.shape[0], rows, rows, bits)
    check_table(table, 1 << bits, COUNT_WORDS)
    marks.used, marks.fresh = pages_of(pages, table.shape[0]), 0
    with nogil:
        while start < rows:
            n = min(<Py_ssize_t> FR_CELL_BLOCK, rows - start)
            index_block(&scores[start], &labels[start], bits, index, n)
            fr_count_indices(index, n, &table[0, 0], &marks)
            start += n
    return marks.fresh


def weigh_cells(
    const real[::1] scores, const uint8_t[::1] labels not None, const double[::1] weights not None, int bits,
    uint64_t[:, ::1] table not None, uint8_t[::1] pages=None,
):
    """Adds weight * 2^72 to the high and the low word of table[cell][label] for each row."""
    cdef uint32_t index[FR_CELL_BLOCK]
    cdef Py_ssize_t rows = scores.shape[0], start = 0, n
    cdef fr_pages marks
    check_rows(rows, labels.shape[0], rows, weights.shape[0], bits)
    check_table(table, 1 << bits, WEIGHT_WORDS)
    marks.used, marks.fresh = pages_of(pages, table.shape[0]), 0
    with nogil:
        while start < rows:
            n = min(<Py_ssize_t> FR_CELL_BLOCK, rows - start)
            index_block(&scores[start], &labels[start], bits, index, n)
            fr_weigh_indices(index, &weights[start], n, &table[0, 0], &marks)
            start += n
    return marks.fresh


cdef class _Tables:
    """The tables of slices as the kernels take them; frees the addresses of the chunks on every way out."""

    cdef fr_tables tables
    cdef const int32_t[::1] places

    def __cinit__(
        self, const int32_t[::1] slices, const int32_t[::1] places, list chunks, list pages, int bits, int chunk_bits,
        int width,
    ):
        cdef uint64_t[:, ::1] chunk
        cdef uint8_t[::1] marks
        cdef int foreign = 0
        cdef Py_ssize_t s, most = len(chunks) << max(0, chunk_bits - bits)
        self.tables.chunk, self.tables.used = NULL, NULL
        if not bits <= chunk_bits <= MOST_BITS:
            raise ValueError(f"chunk_bits is {chunk_bits}; it must be {bits} to {MOST_BITS}")
        for s in range(places.shape[0]):
            if places[s] >= most:
                raise ValueError(f"slice {s} has table {places[s]} of {most}")
        if slices.shape[0] > 0:
            with nogil:
                any_foreign(&slices[0], places.shape[0], slices.shape[0], &foreign)
            if foreign:
                raise ValueError(f"a slice lies outside 0..{places.shape[0] - 1}")
        self.places = places
        self.tables.place = &places[0] if places.shape[0] > 0 else NULL
        self.tables.bits, self.tables.chunk_bits, self.tables.fresh = bits, chunk_bits, 0
        self.tables.chunk = <uint64_t **> malloc((len(chunks) + 1) * sizeof(uint64_t *))
        self.tables.used = <uint8_t **> malloc((len(chunks) + 1) * sizeof(uint8_t *))
        if self.tables.chunk == NULL or self.tables.used == NULL:
            raise MemoryError
        for c, (words, marked) in enumerate(zip(chunks, pages, strict=True)):
            chunk, marks = words, marked
            check_table(chunk, 1 << chunk_bits, width)
            self.tables.chunk[c], self.tables.used[c] = &chunk[0, 0], pages_of(marks, 1 << chunk_bits)

    def __dealloc__(self):
        free(self.tables.chunk)
        free(self.tables.used)


def deal_rows(
    const real[::1] scores, const uint8_t[::1] labels not None, const double[::1] weights,
    const int32_t[::1] slices not None, int bits, const int32_t[::1] places not None, list chunks not None,
    list pages not None, int chunk_bits,
):
    """Counts, or weighs, rows of slices that have a table in it; gives slice << (bits + 1) | cell << 1 | label of the
    others, their weights (None where there are none) but for rows of weight zero, and how many pages were marked.

    The table of slice s is number places[s] of those in the chunks, each of which has 2^chunk_bits cells and their
    pages; a slice without one has a place below 0.
    """
    cdef uint32_t index[FR_CELL_BLOCK]
    cdef Py_ssize_t rows = scores.shape[0], start = 0, n, left = 0
    cdef uint64_t[::1] waiting
    cdef double[::1] waiting_weights
    cdef double *left_weight = NULL
    cdef const double *weight = NULL
    cdef _Tables tables
    check_rows(rows, labels.shape[0], slices.shape[0], rows if weights is None else weights.shape[0], bits)
    tables = _Tables(slices, places, chunks, pages, bits, chunk_bits, COUNT_WORDS if weights is None else WEIGHT_WORDS)
    out, out_weights = np.empty(rows, np.uint64), np.empty(0 if weights is None else rows, np.float64)
    waiting, waiting_weights = out, out_weights
    with nogil:
        while start < rows:
            n = min(<Py_ssize_t> FR_CELL_BLOCK, rows - start)
            index_block(&scores[start], &labels[start], bits, index, n)
            if weights is not None:
                weight, left_weight = &weights[start], &waiting_weights[0] + left
            left += fr_deal(&tables.tables, index, &slices[start], weight, n, &waiting[0] + left, left_weight)
            start += n
    waiting, waiting_weights = None, None
    return first(out, left), None if weights is None else first(out_weights, left), tables.tables.fresh


cdef first(array, Py_ssize_t size):
    """The first `size` entries; memory behind them goes back."""
    array.resize((size, *array.shape[1:]), refcheck=False)
    return array


def tally(const uint64_t[::1] keys not None, const double[::1] weights):
    """(keys, words) of rows from what dealing left over, sorted; by weight, or by number where weights is None."""
    cdef Py_ssize_t n = keys.shape[0], size
    cdef const double *weight = NULL
    cdef uint64_t[::1] out_keys
    cdef uint64_t[:, ::1] out_words
    if weights is not None and weights.shape[0] != n:
        raise ValueError("keys and weights differ in length")
    cells = np.empty(n, np.uint64)
    words = np.empty((n, COUNT_WORDS if weights is None else WEIGHT_WORDS), np.uint64)
    if n == 0:
        return cells, words
    out_keys, out_words = cells, words
    if weights is not None:
        weight = &weights[0]
    with nogil:
        size = fr_tally(&keys[0], weight, n, &out_keys[0], &out_words[0, 0])
    out_keys, out_words = None, None
    return first(cells, size), first(words, size)


def fold_cells(const uint64_t[::1] keys not None, const uint64_t[:, ::1] words not None, int shift):
    """(keys, words) where keys have lost their lowest `shift` bits and equal ones are added up; keys ascend."""
    cdef Py_ssize_t n = keys.shape[0], size
    cdef int width = check_words(keys, words)
    cdef uint64_t[::1] out_keys
    cdef uint64_t[:, ::1] out_words
    if not 0 <= shift < 64:
        raise ValueError(f"shift is {shift}; it must be 0 to 63")
    cells, more = np.empty(n, np.uint64), np.empty((n, width), np.uint64)
    if n == 0:
        return cells, more
    out_keys, out_words = cells, more
    with nogil:
        size = fr_fold(&keys[0], &words[0, 0], width, shift, n, &out_keys[0], &out_words[0, 0])
    out_keys, out_words = None, None
    return first(cells, size), first(more, size)


def merge_cells(
    const uint64_t[::1] a_keys not None, const uint64_t[:, ::1] a_words not None,
    const uint64_t[::1] b_keys not None, const uint64_t[:, ::1] b_words not None,
):
    """(keys, words) of both; the keys of each ascend strictly."""
    cdef Py_ssize_t a = a_keys.shape[0], b = b_keys.shape[0], size
    cdef int width = check_words(a_keys, a_words)
    cdef uint64_t[::1] out_keys
    cdef uint64_t[:, ::1] out_words
    if check_words(b_keys, b_words) != width:
        raise ValueError("cells of counts and of weights do not merge")
    if a == 0 or b == 0:
        return (np.array(b_keys), np.array(b_words)) if a == 0 else (np.array(a_keys), np.array(a_words))
    keys, words = np.empty(a + b, np.uint64), np.empty((a + b, width), np.uint64)
    out_keys, out_words = keys, words
    with nogil:
        size = fr_merge_cells(
            &a_keys[0], &a_words[0, 0], a, &b_keys[0], &b_words[0, 0], b, width, &out_keys[0], &out_words[0, 0]
        )
    out_keys, out_words = None, None
    return first(keys, size), first(words, size)


def add_table(
    uint64_t[:, ::1] table not None, const uint64_t[:, ::1] more not None, uint8_t[::1] pages=None,
    const uint8_t[::1] more_pages=None,
):
    """Adds a table to another."""
    cdef fr_pages marks
    cdef const uint8_t *used = pages_of(more_pages, more.shape[0])
    check_table(more, table.shape[0], table.shape[1])
    if table.shape[1] not in (COUNT_WORDS, WEIGHT_WORDS):
        raise ValueError("a cell has neither 2 nor 4 words")
    marks.used, marks.fresh = pages_of(pages, table.shape[0]), 0
    if table.shape[0] > 0:
        with nogil:
            fr_add_table(&table[0, 0], &more[0, 0], used, table.shape[1], table.shape[0], &marks)
    return marks.fresh


def add_cells(
    uint64_t[:, ::1] table not None, const uint64_t[::1] cells not None, const uint64_t[:, ::1] words,
    uint8_t[::1] pages=None,
):
    """Adds the words of some cells to a table."""
    cdef int width = check_words(cells, words)
    cdef Py_ssize_t i
    cdef fr_pages marks
    check_table(table, table.shape[0], width)
    marks.used, marks.fresh = pages_of(pages, table.shape[0]), 0
    for i in range(cells.shape[0]):
        if cells[i] >= <uint64_t> table.shape[0]:
            raise ValueError(f"cell {cells[i]} lies outside a table of {table.shape[0]}")
    with nogil:
        for i in range(cells.shape[0]):
            fr_add_cell(&table[cells[i], 0], &words[i, 0], width)
            fr_use_cell(&marks, cells[i])
    return marks.fresh


def used_cells(const uint64_t[:, ::1] table not None, const uint8_t[::1] pages=None):
    """The cells of a table that hold rows, ascending."""
    cdef Py_ssize_t size
    cdef uint32_t[::1] found
    cdef const uint8_t *used_pages = pages_of(pages, table.shape[0])
    if table.shape[1] not in (COUNT_WORDS, WEIGHT_WORDS):
        raise ValueError("a cell has neither 2 nor 4 words")
    if table.shape[0] == 0:
        return np.empty(0, np.uint32)
    used = np.empty(table.shape[0], np.uint32)
    found = used
    with nogil:
        size = fr_used_cells(&table[0, 0], used_pages, table.shape[1], table.shape[0], &found[0])
    found = None
    return first(used, size)
