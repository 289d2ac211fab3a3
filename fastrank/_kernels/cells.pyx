"""Counts and weights of rows by cell of their score and by label: the state of the AUC with certified bounds.

A cell is the top `bits` bits of the score's order-preserving float32 key; float64 scores are rounded down to the
float32 grid first, so that order is kept.  It has 2 words, (negatives, positives), or with weights 4, a high and a low
one each: integers of 128 bits in units of 2^-72.

A table has the words of all cells, [cell][word].  Few cells among many slices are keys, slice << bits | cell, that
ascend, with the words of each.
"""

from libc.stdint cimport int32_t, int64_t, uint8_t, uint32_t, uint64_t
from libc.stdlib cimport free, malloc

import numpy as np

cdef extern from "cells.h" nogil:
    enum:
        FR_CELL_BLOCK
    ctypedef struct fr_tables:
        const int32_t *place
        uint64_t **chunk
        int bits
        int chunk_bits
    void cell_index_f32(const float *, const uint8_t *, int, uint32_t *, long)
    void cell_index_f64(const double *, const uint8_t *, int, uint32_t *, long)
    void any_foreign(const int32_t *, int64_t, long, int *)
    void fr_count_indices(const uint32_t *, long, uint64_t *)
    void fr_weigh_indices(const uint32_t *, const double *, long, uint64_t *)
    long fr_deal_counts(const fr_tables *, const uint32_t *, const int32_t *, long, uint64_t *)
    long fr_deal_weights(
        const fr_tables *, const uint32_t *, const int32_t *, const double *, long, uint64_t *, double *)
    void fr_add_cell(uint64_t *, const uint64_t *, int)
    void fr_add_table(uint64_t *, const uint64_t *, int, long)
    long fr_used_cells(const uint64_t *, int, long, uint32_t *)
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


def count_cells(
    const real[::1] scores, const uint8_t[::1] labels not None, int bits, uint64_t[:, ::1] table not None,
):
    """Adds one to table[cell][label] for each row."""
    cdef uint32_t index[FR_CELL_BLOCK]
    cdef Py_ssize_t rows = scores.shape[0], start = 0, n
    check_rows(rows, labels.shape[0], rows, rows, bits)
    check_table(table, 1 << bits, COUNT_WORDS)
    with nogil:
        while start < rows:
            n = min(<Py_ssize_t> FR_CELL_BLOCK, rows - start)
            index_block(&scores[start], &labels[start], bits, index, n)
            fr_count_indices(index, n, &table[0, 0])
            start += n


def weigh_cells(
    const real[::1] scores, const uint8_t[::1] labels not None, const double[::1] weights not None, int bits,
    uint64_t[:, ::1] table not None,
):
    """Adds weight * 2^72 to the high and the low word of table[cell][label] for each row."""
    cdef uint32_t index[FR_CELL_BLOCK]
    cdef Py_ssize_t rows = scores.shape[0], start = 0, n
    check_rows(rows, labels.shape[0], rows, weights.shape[0], bits)
    check_table(table, 1 << bits, WEIGHT_WORDS)
    with nogil:
        while start < rows:
            n = min(<Py_ssize_t> FR_CELL_BLOCK, rows - start)
            index_block(&scores[start], &labels[start], bits, index, n)
            fr_weigh_indices(index, &weights[start], n, &table[0, 0])
            start += n


cdef uint64_t **chunk_addresses(list chunks, Py_ssize_t cells, int width) except NULL:
    """Where each chunk of tables begins; the caller frees it."""
    cdef uint64_t[:, ::1] chunk
    cdef uint64_t **addresses = <uint64_t **> malloc((len(chunks) + 1) * sizeof(uint64_t *))
    if addresses == NULL:
        raise MemoryError
    try:
        for c, each in enumerate(chunks):
            chunk = each
            check_table(chunk, cells, width)
            addresses[c] = &chunk[0, 0]
    except BaseException:
        free(addresses)
        raise
    return addresses


cdef check_places(
    const int32_t[::1] slices, const int32_t[::1] places, list chunks, int bits, int chunk_bits
):
    """Refuses what would reach past the end of an array."""
    cdef int foreign = 0
    cdef Py_ssize_t s, most = len(chunks) << max(0, chunk_bits - bits)
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


def deal_counts(
    const real[::1] scores, const uint8_t[::1] labels not None, const int32_t[::1] slices not None, int bits,
    const int32_t[::1] places not None, list chunks not None, int chunk_bits,
):
    """Counts rows of slices that have a table in it, and returns slice << (bits + 1) | cell << 1 | label of the others.

    The table of slice s is number places[s] of those in the chunks, each of which has 2^chunk_bits cells; a slice
    without one has a place below 0.
    """
    cdef uint32_t index[FR_CELL_BLOCK]
    cdef Py_ssize_t rows = scores.shape[0], start = 0, n, left = 0
    cdef fr_tables tables
    cdef uint64_t[::1] waiting
    check_rows(rows, labels.shape[0], slices.shape[0], rows, bits)
    check_places(slices, places, chunks, bits, chunk_bits)
    out = np.empty(rows, np.uint64)
    if rows == 0:
        return out
    waiting = out
    tables.chunk = chunk_addresses(chunks, 1 << chunk_bits, COUNT_WORDS)
    tables.place, tables.bits, tables.chunk_bits = &places[0], bits, chunk_bits
    with nogil:
        while start < rows:
            n = min(<Py_ssize_t> FR_CELL_BLOCK, rows - start)
            index_block(&scores[start], &labels[start], bits, index, n)
            left += fr_deal_counts(&tables, index, &slices[start], n, &waiting[0] + left)
            start += n
        free(tables.chunk)
    waiting = None
    return first(out, left)


def deal_weights(
    const real[::1] scores, const uint8_t[::1] labels not None, const double[::1] weights not None,
    const int32_t[::1] slices not None, int bits, const int32_t[::1] places not None, list chunks not None,
    int chunk_bits,
):
    """The same for weights: (what stands for the other rows, their weights); rows of weight zero are left out."""
    cdef uint32_t index[FR_CELL_BLOCK]
    cdef Py_ssize_t rows = scores.shape[0], start = 0, n, left = 0
    cdef fr_tables tables
    cdef uint64_t[::1] waiting
    cdef double[::1] waiting_weights
    check_rows(rows, labels.shape[0], slices.shape[0], weights.shape[0], bits)
    check_places(slices, places, chunks, bits, chunk_bits)
    out, out_weights = np.empty(rows, np.uint64), np.empty(rows, np.float64)
    if rows == 0:
        return out, out_weights
    waiting, waiting_weights = out, out_weights
    tables.chunk = chunk_addresses(chunks, 1 << chunk_bits, WEIGHT_WORDS)
    tables.place, tables.bits, tables.chunk_bits = &places[0], bits, chunk_bits
    with nogil:
        while start < rows:
            n = min(<Py_ssize_t> FR_CELL_BLOCK, rows - start)
            index_block(&scores[start], &labels[start], bits, index, n)
            left += fr_deal_weights(
                &tables, index, &slices[start], &weights[start], n, &waiting[0] + left, &waiting_weights[0] + left
            )
            start += n
        free(tables.chunk)
    waiting, waiting_weights = None, None
    return first(out, left), first(out_weights, left)


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


def add_table(uint64_t[:, ::1] table not None, const uint64_t[:, ::1] more not None):
    """Adds a table to another."""
    check_table(more, table.shape[0], table.shape[1])
    if table.shape[1] not in (COUNT_WORDS, WEIGHT_WORDS):
        raise ValueError("a cell has neither 2 nor 4 words")
    if table.shape[0] > 0:
        with nogil:
            fr_add_table(&table[0, 0], &more[0, 0], table.shape[1], table.shape[0])


def add_cells(uint64_t[:, ::1] table not None, const uint64_t[::1] cells not None, const uint64_t[:, ::1] words):
    """Adds the words of some cells to a table."""
    cdef int width = check_words(cells, words)
    cdef Py_ssize_t i
    check_table(table, table.shape[0], width)
    for i in range(cells.shape[0]):
        if cells[i] >= <uint64_t> table.shape[0]:
            raise ValueError(f"cell {cells[i]} lies outside a table of {table.shape[0]}")
    with nogil:
        for i in range(cells.shape[0]):
            fr_add_cell(&table[cells[i], 0], &words[i, 0], width)


def used_cells(const uint64_t[:, ::1] table not None):
    """The cells of a table that hold rows, ascending."""
    cdef Py_ssize_t size
    cdef uint32_t[::1] found
    if table.shape[1] not in (COUNT_WORDS, WEIGHT_WORDS):
        raise ValueError("a cell has neither 2 nor 4 words")
    if table.shape[0] == 0:
        return np.empty(0, np.uint32)
    used = np.empty(table.shape[0], np.uint32)
    found = used
    with nogil:
        size = fr_used_cells(&table[0, 0], table.shape[1], table.shape[0], &found[0])
    found = None
    return first(used, size)
