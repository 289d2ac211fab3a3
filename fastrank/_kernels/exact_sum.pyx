"""Exact sums: float64 terms, products with weights, the terms of the binary losses.

Every adder takes `digits` int64[slices, DIGITS], which are carried, and `special` int64[slices, 3] and adds in place:
term i goes to row `slices[i]`, or to row `at` where `slices` is None.  Runs of equal slices are added as a whole, so
that codes which ascend cost little.
"""

import numpy as np

from libc.stdint cimport int32_t, int64_t, uint8_t
from libc.stdlib cimport calloc, free
from libc.string cimport memcpy

cdef extern from "exact_sum.h" nogil:
    enum:
        FR_DIGITS, FR_SPECIALS, FR_BLOCK, FR_UNIT_WORD
    ctypedef struct fr_shape:
        pass
    ctypedef struct fr_cells:
        pass
    void fr_add_block(
        double *, const double *, const int32_t *, long, fr_shape *, fr_cells *, int64_t *, int64_t *)
    void fr_drain_cells(fr_cells *, int64_t *)
    void forget_absent(const double *, double *, long)
    void multiply(const double *, double *, long)
    void multiply_exactly(const double *, double *, double *, long)
    void widen_u8(const uint8_t *, double *, long)
    void widen_f32(const float *, double *, long)
    void fr_add_bytes(const uint8_t *, long, int64_t *)
    void fr_carry(int64_t *)
    void prefetch "__builtin_prefetch" (const void *)

cdef extern from "slice_runs.h" nogil:
    long fr_run_end(const int32_t *, long, long)

cdef extern from "binary.h" nogil:
    void fr_log_losses_f32(const float *, const uint8_t *, const double *, const int32_t *, double, double *,
                           int64_t *, long)
    void fr_log_losses_f64(const double *, const uint8_t *, const double *, const int32_t *, double, double *,
                           int64_t *, long)
    void brier_terms_f32(const float *, const uint8_t *, double *, long)
    void brier_terms_f64(const double *, const uint8_t *, double *, long)

cdef extern from "losses.h" nogil:
    enum:
        FR_LOSSES
    ctypedef struct fr_loss:
        const char *name
        void (*terms)(const double *, const double *, const double *, double *, long) noexcept nogil
        int constants
        int cancels
    const fr_loss fr_losses[FR_LOSSES]

DIGITS = FR_DIGITS
SPECIALS = FR_SPECIALS
# The losses there are, and how many constants each has.
LOSSES = {fr_losses[k].name.decode(): fr_losses[k].constants for k in range(FR_LOSSES)}

ctypedef fused real:
    float
    double

ctypedef fused value:
    float
    double
    uint8_t

ctypedef fused label_value:
    float
    double
    uint8_t

cdef void widen(const value *values, double *wide, Py_ssize_t n) noexcept nogil:
    if value is uint8_t:
        widen_u8(values, wide, n)
    elif value is float:
        widen_f32(values, wide, n)
    else:
        memcpy(wide, values, n * sizeof(double))


cdef const double *widened(const value *values, double *wide, Py_ssize_t n) noexcept nogil:
    """Values as float64: themselves, or copies in `wide`."""
    if value is double:
        return values
    else:
        widen(values, wide, n)
        return wide


cdef enum Terms:
    VALUES, LOG_LOSS, BRIER


cdef class _Sum:
    """Where the terms of one call go; frees its cells on every way out."""

    cdef fr_shape shape
    cdef fr_cells *cells
    cdef int64_t[:, ::1] digits
    cdef int64_t[:, ::1] special
    cdef const double[::1] weights
    cdef const int32_t[::1] slices
    cdef Py_ssize_t at

    def __cinit__(self, digits, special, weights, slices, Py_ssize_t at, Py_ssize_t rows):
        if digits.shape[1] != FR_DIGITS or special.shape[1] != FR_SPECIALS or digits.shape[0] != special.shape[0]:
            raise ValueError("digits and special do not fit")
        self.digits, self.special, self.weights, self.slices, self.at = digits, special, weights, slices, at
        if (weights is not None and weights.shape[0] != rows) or (slices is not None and slices.shape[0] != rows):
            raise ValueError("weights, slices and terms differ in length")
        self.cells = NULL
        if slices is None:
            self.cells = <fr_cells *> calloc(1, sizeof(fr_cells))
            if self.cells == NULL:
                raise MemoryError

    def __dealloc__(self):
        free(self.cells)

    cdef void add(self, double *term, Py_ssize_t start, Py_ssize_t n, bint signed_terms) noexcept nogil:
        """Adds a block; products with weights are exact where terms may cancel, else rounded."""
        cdef const double *weight = &self.weights[start] if self.weights is not None else NULL
        cdef double rest[FR_BLOCK]
        if weight != NULL and signed_terms:
            forget_absent(weight, term, n)
            multiply_exactly(weight, term, rest, n)
            self.add_weighted(term, NULL, start, n)
            self.add_weighted(rest, NULL, start, n)
        else:
            self.add_weighted(term, weight, start, n)

    cdef void add_weighted(self, double *term, const double *weight, Py_ssize_t start, Py_ssize_t n) noexcept nogil:
        cdef const int32_t *slice = &self.slices[start] if self.cells == NULL else NULL
        cdef Py_ssize_t at = self.at if self.cells != NULL else 0
        fr_add_block(term, weight, slice, n, &self.shape, self.cells, &self.digits[at, 0], &self.special[at, 0])

    cdef void close(self) noexcept nogil:
        if self.cells != NULL:
            fr_drain_cells(self.cells, &self.digits[self.at, 0])


cdef void _add(
    Terms terms, value *values, const uint8_t *labels, double eps, int64_t *clipped, Py_ssize_t rows, _Sum total
) noexcept nogil:
    cdef double term[FR_BLOCK]
    cdef const double *weight = NULL
    cdef const int32_t *slice = NULL
    cdef Py_ssize_t start = 0, n
    while start < rows:
        n = min(<Py_ssize_t> FR_BLOCK, rows - start)
        if terms == LOG_LOSS:
            if total.weights is not None:
                weight = &total.weights[start]
            if total.slices is not None:
                slice = &total.slices[start]
            if value is float:
                fr_log_losses_f32(values + start, labels + start, weight, slice, eps, term, clipped, n)
            elif value is double:
                fr_log_losses_f64(values + start, labels + start, weight, slice, eps, term, clipped, n)
        elif terms == BRIER:
            if value is float:
                brier_terms_f32(values + start, labels + start, term, n)
            elif value is double:
                brier_terms_f64(values + start, labels + start, term, n)
        else:
            widen(values + start, term, n)
        total.add(term, start, n, terms == VALUES)
        start += n
    total.close()


def add_values(const value[::1] values, weights, slices, digits, special, Py_ssize_t at=0):
    """Adds values, times weights where there are any."""
    cdef Py_ssize_t rows = values.shape[0]
    cdef Py_ssize_t start = 0, end = rows
    cdef _Sum total = _Sum(digits, special, weights, slices, at, rows)
    if rows == 0:
        return
    if value is uint8_t:
        if weights is None:
            with nogil:
                while start < rows:
                    if total.slices is not None:
                        end, at = fr_run_end(&total.slices[0], start, rows), total.slices[start]
                        if end < rows:
                            prefetch(&total.digits[total.slices[end], FR_UNIT_WORD])
                    fr_add_bytes(&values[start], end - start, &total.digits[at, 0])
                    start = end
            return
    with nogil:
        _add(VALUES, <value *> &values[0], NULL, 0.0, NULL, rows, total)


def add_log_loss(const real[::1] scores, const uint8_t[::1] labels, double eps, weights, slices, digits, special,
                 int64_t[::1] clipped not None, Py_ssize_t at=0):
    """Adds -(y log p + (1 - y) log1p(-p)), with p clipped to [eps, 1 - eps]; `clipped` int64[slices] counts the rows
    that were, but for those of weight 0."""
    cdef Py_ssize_t rows = scores.shape[0]
    cdef _Sum total = _Sum(digits, special, weights, slices, at, rows)
    if labels.shape[0] != rows or clipped.shape[0] != total.digits.shape[0]:
        raise ValueError("labels and scores differ in length, or clipped and digits do not fit")
    if rows == 0:
        return
    with nogil:
        _add(LOG_LOSS, <real *> &scores[0], &labels[0], eps, &clipped[at if slices is None else 0], rows, total)


def add_brier(const real[::1] scores, const uint8_t[::1] labels, weights, slices, digits, special, Py_ssize_t at=0):
    """Adds (p - y)^2."""
    cdef Py_ssize_t rows = scores.shape[0]
    cdef _Sum total = _Sum(digits, special, weights, slices, at, rows)
    if rows == 0:
        return
    with nogil:
        _add(BRIER, <real *> &scores[0], &labels[0], 0.0, NULL, rows, total)


def add_loss(str name, constants, const label_value[::1] labels, const value[::1] scores, weights, slices, digits,
             special, Py_ssize_t at=0):
    """Adds the terms of a loss of LOSSES, whose `constants` are float64."""
    cdef Py_ssize_t rows = scores.shape[0], start = 0, i, n
    cdef double label[FR_BLOCK]
    cdef double score[FR_BLOCK]
    cdef double term[FR_BLOCK]
    cdef const double[::1] c = np.array([*constants, 0.0])
    cdef const double *y
    cdef const double *p
    cdef const fr_loss *loss = NULL
    for i in range(FR_LOSSES):
        if fr_losses[i].name.decode() == name:
            loss = &fr_losses[i]
    if loss == NULL or loss.constants != len(constants) or labels.shape[0] != rows:
        raise ValueError(f"no loss {name!r} of {len(constants)} constants, or labels and scores differ in length")
    cdef _Sum total = _Sum(digits, special, weights, slices, at, rows)
    with nogil:
        while start < rows:
            n = min(<Py_ssize_t> FR_BLOCK, rows - start)
            y = widened(<label_value *> &labels[start], label, n)
            p = widened(<value *> &scores[start], score, n)
            loss.terms(y, p, &c[0], term, n)
            total.add(term, start, n, loss.cancels)
            start += n
        total.close()


def add_products(const value[::1] first, const label_value[::1] second, weights, slices, digits, special,
                 Py_ssize_t at=0):
    """Adds products of two values, times weights where there are any, each as an exact sum of up to four terms."""
    cdef Py_ssize_t rows = first.shape[0], start = 0, n
    cdef double factor[FR_BLOCK]
    cdef double term[FR_BLOCK]
    cdef double rest[FR_BLOCK]
    cdef const double *x
    if second.shape[0] != rows:
        raise ValueError("first and second differ in length")
    cdef _Sum total = _Sum(digits, special, weights, slices, at, rows)
    with nogil:
        while start < rows:
            n = min(<Py_ssize_t> FR_BLOCK, rows - start)
            widen(<label_value *> &second[start], term, n)
            x = widened(<value *> &first[start], factor, n)
            if value is double or label_value is double:
                multiply_exactly(x, term, rest, n)
                total.add(term, start, n, True)
                total.add(rest, start, n, True)
            else:  # 24 bits times 24 bits, which a float64 holds
                multiply(x, term, n)
                total.add(term, start, n, True)
            start += n
        total.close()


def carry(int64_t[:, ::1] digits):
    """Makes the digits canonical after they were added or subtracted word by word."""
    cdef Py_ssize_t s
    with nogil:
        for s in range(digits.shape[0]):
            fr_carry(&digits[s, 0])
