"""Counts and weights of rows by cell of their score and by label: the state of the AUC with certified bounds.

A cell is the top `bits` bits of the score's order-preserving float32 key; float64 scores are rounded down to the
float32 grid first, so that order is kept.  Tables are flat [slice][cell][label].  Weights are added as integers of
128 bits in units of 2^-72, as a high and a low word.
"""

from libc.stdint cimport int32_t, int64_t, uint8_t, uint32_t, uint64_t

cdef extern from "cells.h" nogil:
    enum:
        FR_CELL_BLOCK
    void cell_index_f32(const float *, const uint8_t *, int, uint32_t *, long)
    void cell_index_f64(const double *, const uint8_t *, int, uint32_t *, long)
    void any_foreign(const int32_t *, int64_t, long, int *)
    void move_indices(const int32_t *, int, uint32_t *, long)
    void fr_count_indices(const uint32_t *, long, int64_t *)
    void fr_weigh_indices(const uint32_t *, const double *, long, uint64_t *, uint64_t *)

ctypedef fused real:
    float
    double

LEAST_BITS = 12
MOST_BITS = 26
MOST_CELLS = 1 << 32  # an index is 32 bits


cdef check(Py_ssize_t rows, const uint8_t[::1] labels, int bits, const int32_t[::1] slices, Py_ssize_t size):
    """Refuses what would reach past the end of an array."""
    cdef int foreign = 0
    if not LEAST_BITS <= bits <= MOST_BITS:
        raise ValueError(f"bits is {bits}; it must be {LEAST_BITS} to {MOST_BITS}")
    if size == 0 or size & ((<int64_t> 2 << bits) - 1):
        raise ValueError(f"a table of {size} cells is no whole number of slices of 2 * 2^{bits} cells")
    if size > MOST_CELLS:
        raise ValueError(f"a table of {size} cells is past {MOST_CELLS}, the most that one table may have")
    if labels.shape[0] != rows or (slices is not None and slices.shape[0] != rows):
        raise ValueError("scores, labels and slices differ in length")
    if slices is not None and rows > 0:
        with nogil:
            any_foreign(&slices[0], size >> (bits + 1), rows, &foreign)
        if foreign:
            raise ValueError(f"a slice lies outside 0..{(size >> (bits + 1)) - 1}")


cdef inline void index_block(
    const real *scores, const uint8_t *labels, int bits, const int32_t *slices, uint32_t *index, Py_ssize_t n
) noexcept nogil:
    if real is float:
        cell_index_f32(scores, labels, 32 - bits, index, n)
    else:
        cell_index_f64(scores, labels, 32 - bits, index, n)
    if slices != NULL:
        move_indices(slices, bits, index, n)


def count_cells(
    const real[::1] scores, const uint8_t[::1] labels not None, int bits, const int32_t[::1] slices,
    int64_t[::1] counts not None,
):
    """Adds one to counts[slice][cell][label] for each row; all rows are of slice 0 where slices is None."""
    cdef uint32_t index[FR_CELL_BLOCK]
    cdef Py_ssize_t rows = scores.shape[0], start = 0, n
    cdef const int32_t *slice_block = NULL
    check(rows, labels, bits, slices, counts.shape[0])
    with nogil:
        while start < rows:
            n = min(<Py_ssize_t> FR_CELL_BLOCK, rows - start)
            if slices is not None:
                slice_block = &slices[start]
            index_block(&scores[start], &labels[start], bits, slice_block, index, n)
            fr_count_indices(index, n, &counts[0])
            start += n


def weigh_cells(
    const real[::1] scores, const uint8_t[::1] labels not None, const double[::1] weights not None, int bits,
    const int32_t[::1] slices, uint64_t[::1] high not None, uint64_t[::1] low not None,
):
    """Adds weight * 2^72 to (high, low)[slice][cell][label] for each row."""
    cdef uint32_t index[FR_CELL_BLOCK]
    cdef Py_ssize_t rows = scores.shape[0], start = 0, n
    cdef const int32_t *slice_block = NULL
    check(rows, labels, bits, slices, high.shape[0])
    if weights.shape[0] != rows or low.shape[0] != high.shape[0]:
        raise ValueError("weights and scores, or the two tables, differ in length")
    with nogil:
        while start < rows:
            n = min(<Py_ssize_t> FR_CELL_BLOCK, rows - start)
            if slices is not None:
                slice_block = &slices[start]
            index_block(&scores[start], &labels[start], bits, slice_block, index, n)
            fr_weigh_indices(index, &weights[start], n, &high[0], &low[0])
            start += n
