"""One number of the scores of all classes of a row: the true class's own, its margin, a loss of them all.

Scores are [rows, classes]; a label is the number of a class.
"""

import numpy as np

from libc.stdint cimport int32_t, int64_t
from libc.stdlib cimport free, malloc

cdef extern from "class_terms.h" nogil:
    enum:
        FR_CLASS_TERMS
    ctypedef struct fr_class_term:
        const char *name
        void (*terms)(double *, const int32_t *, int64_t, double *, long) noexcept nogil
    const fr_class_term fr_class_terms[FR_CLASS_TERMS]

TERMS = tuple(fr_class_terms[k].name.decode() for k in range(FR_CLASS_TERMS))

cdef enum:
    BLOCK = 2048  # scores at a time: they stay in the first-level cache

ctypedef fused real:
    float
    double


def class_terms(str name, const real[:, ::1] scores not None, const int32_t[::1] labels not None):
    """The term of TERMS of each row, as float64."""
    cdef Py_ssize_t rows = scores.shape[0], classes = scores.shape[1], start = 0, i, n
    cdef Py_ssize_t some = max(1, BLOCK // max(1, classes))
    cdef const fr_class_term *term = &fr_class_terms[TERMS.index(name)]
    cdef bint outside = False
    result = np.empty(rows, np.float64)
    cdef double[::1] out = result
    if labels.shape[0] != rows:
        raise ValueError(f"there are {labels.shape[0]} labels of {rows} rows")
    with nogil:
        for i in range(rows):
            outside |= labels[i] < 0 or labels[i] >= classes
    if outside:
        raise ValueError(f"labels lie outside 0..{classes - 1}")
    if rows == 0:
        return result
    if name == "own":  # needs one score of each row: the others are not copied
        with nogil:
            for i in range(rows):
                out[i] = scores[i, labels[i]]
        return result
    cdef double *block = <double *> malloc(some * classes * sizeof(double))
    if block == NULL:
        raise MemoryError
    cdef const real *score = &scores[0, 0]
    with nogil:
        while start < rows:
            n = min(some, rows - start)
            for i in range(n * classes):
                block[i] = score[start * classes + i]
            term.terms(block, &labels[start], classes, &out[start], n)
            start += n
        free(block)
    return result
