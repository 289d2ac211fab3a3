"""Sums of scores in [0, 1] by bin and label: the state of calibration curves.

A row lies in bin i where i of the ascending inner edges are not above its score; with `strict`, below it.  Tables are
[slice][bin]: `counts` with a word for each label; `weights` with a high and a low word for each, in units of 2^-72;
`digits`, as of exact sums, of weight times score.  Digits are carried by `exact_sum.carry`, before 2^30 rows are added.
"""

from libc.math cimport fma
from libc.stdint cimport int32_t, int64_t, uint8_t, uint64_t
from libc.stdlib cimport calloc, free
from libc.string cimport memcpy

import numpy as np

cdef extern from "wide.h" nogil:
    void fr_weight_words(double, uint64_t *, uint64_t *)
    void fr_add_weight(uint64_t *, uint64_t *, uint64_t, uint64_t)

cdef extern from "cells.h" nogil:
    void any_foreign(const int32_t *, int64_t, long, int *)

cdef extern from "slice_runs.h" nogil:
    long fr_run_end(const int32_t *, long, long)

cdef extern from "bins.h" nogil:
    enum:
        FR_BIN_BLOCK, FR_BIN_ROWS, FR_BIN_CELLS, FR_BIN_RUN, FR_DIGITS
    ctypedef struct fr_bins:
        const double *edge
        long edges
        double widths
        int strict
    ctypedef struct fr_bin_gathered:
        pass
    void bin_widen(const float *, double *, long)
    void bin_cells(const uint8_t *, int32_t *, long)
    void fr_bin_rows(const double *, const fr_bins *, int32_t *, long)
    void fr_bin_gather(const double *, const int32_t *, long, fr_bin_gathered *, long, int64_t *)
    void fr_bin_fetch(long, const uint64_t *, const int64_t *)
    void fr_bin_drain(fr_bin_gathered *, long, uint64_t *, int64_t *)
    void fr_add_term(int64_t *, double)

MOST_BINS = 1 << 16  # where places among them are far from rounding; one more lies at the end
MOST_ROWS = 1 << 30  # between two carries

ctypedef fused real:
    float
    double


cdef class Bins:
    """Inner edges; where `widths` is not 0 they are those of so many bins of equal width from 0 to 1, i / widths."""

    cdef fr_bins bins
    cdef double[::1] edges

    def __cinit__(self, edges, int widths, bint strict):
        self.edges = np.array(edges, np.float64)
        if self.edges.shape[0] > MOST_BINS:
            raise ValueError(f"more than {MOST_BINS} inner edges")
        self.bins.edge = &self.edges[0] if self.edges.shape[0] else NULL
        self.bins.edges, self.bins.widths, self.bins.strict = self.edges.shape[0], widths, strict


cdef class _Table:
    """Where rows go; frees what it gathers in on every way out."""

    cdef uint64_t[:, :, ::1] counts
    cdef uint64_t[:, :, ::1] weights
    cdef int64_t[:, :, ::1] digits
    cdef Py_ssize_t cells
    cdef fr_bin_gathered *gathered
    cdef Py_ssize_t slice, rows  # of what is gathered

    def __cinit__(self, Bins bins, counts, weights, digits):
        self.counts, self.weights, self.digits = counts, weights, digits
        cdef Py_ssize_t edges = bins.bins.edges + 1
        slices, self.gathered = counts.shape[0], NULL
        self.cells, self.slice, self.rows = 2 * edges, 0, 0
        for table, width in ((counts, 2), (digits, FR_DIGITS), *(((weights, 4),) if weights is not None else ())):
            if table.shape[0] != slices or table.shape[1] != edges or table.shape[2] != width:
                raise ValueError(f"a table of {table.shape[0]} x {table.shape[1]} x {table.shape[2]}")
        if weights is None and self.cells <= FR_BIN_CELLS:
            self.gathered = <fr_bin_gathered *> calloc(1, sizeof(fr_bin_gathered))
            if self.gathered == NULL:
                raise MemoryError

    def __dealloc__(self):
        free(self.gathered)

    cdef void add(
        self, Py_ssize_t s, const double *x, const double *weight, const int32_t *cell, Py_ssize_t n
    ) noexcept nogil:
        """Adds rows of a slice one by one; those of weight 0 are absent."""
        cdef uint64_t *counts = &self.counts[s, 0, 0]
        cdef int64_t *digits
        cdef uint64_t *words
        cdef uint64_t high, low
        cdef double product
        cdef Py_ssize_t i
        for i in range(n):
            digits = &self.digits[s, cell[i] // 2, 0]
            if weight == NULL:
                counts[cell[i]] += 1
                fr_add_term(digits, x[i])
            elif weight[i] > 0:
                counts[cell[i]] += 1
                words = &self.weights[s, 0, 0] + 2 * <Py_ssize_t> cell[i]
                fr_weight_words(weight[i], &high, &low)
                fr_add_weight(&words[0], &words[1], high, low)
                # The product is exact as two terms: fma gives what its rounding lost.
                product = weight[i] * x[i]
                fr_add_term(digits, product)
                fr_add_term(digits, fma(weight[i], x[i], -product))

    cdef void gather(self, Py_ssize_t s, const double *x, const int32_t *cell, Py_ssize_t n) noexcept nogil:
        """Adds rows of weight 1 of a slice together."""
        if s != self.slice or self.rows + n > FR_BIN_ROWS:
            self.drain()
        if s != self.slice:
            fr_bin_fetch(self.cells, &self.counts[s, 0, 0], &self.digits[s, 0, 0])
        self.slice = s
        self.rows += n
        fr_bin_gather(x, cell, n, self.gathered, self.cells, &self.digits[s, 0, 0])

    cdef void drain(self) noexcept nogil:
        if self.rows:
            fr_bin_drain(self.gathered, self.cells, &self.counts[self.slice, 0, 0], &self.digits[self.slice, 0, 0])
            self.rows = 0


def add_rows(
    const real[::1] scores, const uint8_t[::1] labels not None, const double[::1] row_weights,
    const int32_t[::1] slices, Bins bins not None, counts, weights, digits,
):
    """Adds each row to the bin of its score in its slice, or in slice 0 where slices is None; `weights` is None where
    row_weights is."""
    cdef Py_ssize_t rows = scores.shape[0], start = 0, n, i, end, s = 0
    cdef double x[FR_BIN_BLOCK]
    cdef int32_t cell[FR_BIN_BLOCK]
    cdef const double *weight = NULL
    cdef int foreign = 0
    cdef _Table table = _Table(bins, counts, weights, digits)
    if labels.shape[0] != rows or (slices is not None and slices.shape[0] != rows):
        raise ValueError("scores, labels and slices differ in length")
    if (row_weights is None) != (weights is None) or (row_weights is not None and row_weights.shape[0] != rows):
        raise ValueError("weights and scores differ in length, or there is no table for them")
    if rows == 0:
        return
    if slices is not None:
        any_foreign(&slices[0], table.counts.shape[0], rows, &foreign)
    if foreign or table.counts.shape[0] == 0:
        raise ValueError(f"a slice lies outside a table of {table.counts.shape[0]}")
    with nogil:
        while start < rows:
            n = min(<Py_ssize_t> FR_BIN_BLOCK, rows - start)
            if real is float:
                bin_widen(&scores[start], x, n)
            else:
                memcpy(x, &scores[start], n * sizeof(double))
            fr_bin_rows(x, &bins.bins, cell, n)
            bin_cells(&labels[start], cell, n)
            i, end = 0, n
            while i < n:
                if slices is not None:
                    s, end = slices[start + i], fr_run_end(&slices[start], i, n)
                if table.gathered != NULL and (slices is None or s == table.slice or end - i >= FR_BIN_RUN):
                    table.gather(s, &x[i], &cell[i], end - i)
                else:
                    if row_weights is not None:
                        weight = &row_weights[start + i]
                    table.add(s, &x[i], weight, &cell[i], end - i)
                i = end
            start += n
        table.drain()
