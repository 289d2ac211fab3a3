"""Rows of several classes: the rank of the true class among the scores, pairs of a true and a predicted class.

Scores are [rows, classes]; a label is the number of a class.  Tables are flat [slice][true][predicted].
"""

import numpy as np

from libc.stdint cimport int32_t, int64_t, uint64_t

cdef extern from "classes.h" nogil:
    void top_shares_f32(const float *, const int32_t *, int64_t, int64_t, double *, long)
    void top_shares_f64(const double *, const int32_t *, int64_t, int64_t, double *, long)
    void fr_count_pairs(const int32_t *, const int32_t *, const int32_t *, int64_t, int64_t *, long)
    void fr_weigh_pairs(
        const int32_t *, const int32_t *, const int32_t *, int64_t, const double *, uint64_t *, uint64_t *, long
    )

ctypedef fused real:
    float
    double


cdef check(const int32_t[::1] numbers, Py_ssize_t rows, int64_t most, str name):
    """Refuses numbers outside 0..most - 1, and another count of them."""
    cdef Py_ssize_t i
    cdef bint outside = False
    if numbers.shape[0] != rows:
        raise ValueError(f"there are {numbers.shape[0]} {name} of {rows} rows")
    with nogil:
        for i in range(rows):
            outside |= numbers[i] < 0 or numbers[i] >= most
    if outside:
        raise ValueError(f"{name} lie outside 0..{most - 1}")


def top_shares(const real[:, ::1] scores not None, const int32_t[::1] labels not None, int64_t k):
    """The probability that the true class is among the k highest scores, over the orders of tied classes."""
    cdef Py_ssize_t rows = scores.shape[0]
    cdef int64_t classes = scores.shape[1]
    shares = np.empty(rows, np.float64)
    cdef double[::1] out = shares
    check(labels, rows, classes, "labels")
    if rows == 0:
        return shares
    with nogil:
        if real is float:
            top_shares_f32(&scores[0, 0], &labels[0], classes, k, &out[0], rows)
        else:
            top_shares_f64(&scores[0, 0], &labels[0], classes, k, &out[0], rows)
    return shares


cdef check_pairs(
    const int32_t[::1] labels, const int32_t[::1] predicted, int64_t classes, const int32_t[::1] slices,
    Py_ssize_t size
):
    """Refuses what would reach past the end of an array."""
    if classes < 1 or size % (classes * classes):
        raise ValueError(f"a table of {size} cells is no whole number of slices of {classes} x {classes} cells")
    check(labels, labels.shape[0], classes, "labels")
    check(predicted, labels.shape[0], classes, "predicted classes")
    if slices is not None:
        check(slices, labels.shape[0], size // (classes * classes), "slices")
    elif size == 0:
        raise ValueError("a table of 0 cells has no slice 0")


def count_pairs(
    const int32_t[::1] labels not None, const int32_t[::1] predicted not None, int64_t classes,
    const int32_t[::1] slices, int64_t[::1] counts not None,
):
    """Adds one to counts[slice][true][predicted] for each row; all rows are of slice 0 where slices is None."""
    cdef Py_ssize_t rows = labels.shape[0]
    check_pairs(labels, predicted, classes, slices, counts.shape[0])
    if rows == 0:
        return
    cdef const int32_t *places = NULL if slices is None else &slices[0]
    with nogil:
        fr_count_pairs(&labels[0], &predicted[0], places, classes, &counts[0], rows)


def weigh_pairs(
    const int32_t[::1] labels not None, const int32_t[::1] predicted not None, int64_t classes,
    const int32_t[::1] slices, const double[::1] weights not None, uint64_t[::1] high not None,
    uint64_t[::1] low not None,
):
    """Adds weight * 2^72 to (high, low)[slice][true][predicted] for each row."""
    cdef Py_ssize_t rows = labels.shape[0]
    check_pairs(labels, predicted, classes, slices, high.shape[0])
    if weights.shape[0] != rows or low.shape[0] != high.shape[0]:
        raise ValueError("weights and labels, or the two tables, differ in length")
    if rows == 0:
        return
    cdef const int32_t *places = NULL if slices is None else &slices[0]
    with nogil:
        fr_weigh_pairs(&labels[0], &predicted[0], places, classes, &weights[0], &high[0], &low[0], rows)
