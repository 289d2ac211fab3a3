"""Domain checks of columns: does every value lie inside, and small integers as bytes; and counts of rows."""

from libc.stdint cimport int8_t, int16_t, int32_t, int64_t, uint8_t, uint16_t, uint32_t, uint64_t

import numpy as np

cdef extern from "checks.h" nogil:
    void any_outside_f32(const float *, float, float, long, int *)
    void any_outside_f64(const double *, double, double, long, int *)
    void extent_f32(const int32_t *, int32_t *, int32_t *, long)
    void extent_f64(const int64_t *, int64_t *, int64_t *, long)
    void c_any_above "any_above" (const uint8_t *, uint8_t, long, int *)
    void round_below_f32(const float *, double, double *, long)
    void round_below_f64(const double *, double, double *, long)
    void c_count_positive "count_positive" (const double *, long, int64_t *)
    void to_small_i8(const int8_t *, uint8_t *, int, long, int *)
    void to_small_u8(const uint8_t *, uint8_t *, int, long, int *)
    void to_small_i16(const int16_t *, uint8_t *, int, long, int *)
    void to_small_u16(const uint16_t *, uint8_t *, int, long, int *)
    void to_small_i32(const int32_t *, uint8_t *, int, long, int *)
    void to_small_u32(const uint32_t *, uint8_t *, int, long, int *)
    void to_small_i64(const int64_t *, uint8_t *, int, long, int *)
    void to_small_u64(const uint64_t *, uint8_t *, int, long, int *)
    void to_small_f32(const float *, uint8_t *, int, long, int *)
    void to_small_f64(const double *, uint8_t *, int, long, int *)

cdef extern from "slice_runs.h" nogil:
    long fr_run_end(const int32_t *, long, long)

ctypedef fused real:
    float
    double

ctypedef fused number:
    int8_t
    uint8_t
    int16_t
    uint16_t
    int32_t
    uint32_t
    int64_t
    uint64_t
    float
    double


def any_outside(const real[::1] values, double low, double high):
    """Whether a value is NaN or outside [low, high]."""
    cdef int found = 0
    if values.shape[0] == 0:
        return False
    with nogil:
        if real is float:
            any_outside_f32(&values[0], <float> low, <float> high, values.shape[0], &found)
        else:
            any_outside_f64(&values[0], low, high, values.shape[0], &found)
    return bool(found)


def extent(values):
    """(least, greatest) of float32 or float64 values that are not empty; one of them is NaN where a value is."""
    cdef int32_t[2] narrow
    cdef int64_t[2] wide
    cdef const int32_t[::1] of_narrow
    cdef const int64_t[::1] of_wide
    if values.dtype == np.float32:
        of_narrow = values.view(np.int32)
        narrow[0], narrow[1] = 0x7FFFFFFF, -0x7FFFFFFF - 1
        with nogil:
            extent_f32(&of_narrow[0], &narrow[0], &narrow[1], of_narrow.shape[0])
        ends = np.array([narrow[0], narrow[1]], np.int32).view(np.float32)
    else:
        of_wide = values.view(np.int64)
        wide[0], wide[1] = 0x7FFFFFFFFFFFFFFF, -0x7FFFFFFFFFFFFFFF - 1
        with nogil:
            extent_f64(&of_wide[0], &wide[0], &wide[1], of_wide.shape[0])
        ends = np.array([wide[0], wide[1]], np.int64).view(np.float64)
    return float(ends[0]), float(ends[1])


def any_above(const uint8_t[::1] values, uint8_t top):
    """Whether a byte is above top."""
    cdef int found = 0
    if values.shape[0] == 0:
        return False
    with nogil:
        c_any_above(&values[0], top, values.shape[0], &found)
    return bool(found)


def rounded(const real[::1] values, double rounder):
    """Values as float64, those below `rounder` rounded to multiples of its last bit."""
    result = np.empty(values.shape[0], np.float64)
    cdef double[::1] out = result
    if values.shape[0] == 0:
        return result
    with nogil:
        if real is float:
            round_below_f32(&values[0], rounder, &out[0], values.shape[0])
        else:
            round_below_f64(&values[0], rounder, &out[0], values.shape[0])
    return result


def count_positive(const double[::1] values):
    """How many values are above zero."""
    cdef int64_t count = 0
    if values.shape[0]:
        with nogil:
            c_count_positive(&values[0], values.shape[0], &count)
    return count


def count_rows(const int32_t[::1] slices not None, const double[::1] weights, int64_t[::1] counts not None):
    """Adds one to counts[slice] for each row; with weights, for each that weighs more than zero."""
    cdef Py_ssize_t rows = slices.shape[0], start = 0, end
    cdef int64_t count
    if weights is not None and weights.shape[0] != rows:
        raise ValueError("weights and slices differ in length")
    while start < rows:
        with nogil:
            while start < rows and 0 <= slices[start] < counts.shape[0]:
                end = fr_run_end(&slices[0], start, rows)
                count = end - start
                if weights is not None:
                    c_count_positive(&weights[start], end - start, &count)
                counts[slices[start]] += count
                start = end
        if start < rows:
            raise ValueError(f"slice {slices[start]} lies outside the {counts.shape[0]} that there are")


def to_small(const number[::1] values, int top):
    """(values as uint8, whether all were integers in 0..top); bytes of others are meaningless."""
    small = np.empty(values.shape[0], np.uint8)
    cdef uint8_t[::1] out = small
    cdef Py_ssize_t n = values.shape[0]
    cdef int bad = 0
    if n == 0:
        return small, True
    with nogil:
        if number is int8_t:
            to_small_i8(&values[0], &out[0], top, n, &bad)
        elif number is uint8_t:
            to_small_u8(&values[0], &out[0], top, n, &bad)
        elif number is int16_t:
            to_small_i16(&values[0], &out[0], top, n, &bad)
        elif number is uint16_t:
            to_small_u16(&values[0], &out[0], top, n, &bad)
        elif number is int32_t:
            to_small_i32(&values[0], &out[0], top, n, &bad)
        elif number is uint32_t:
            to_small_u32(&values[0], &out[0], top, n, &bad)
        elif number is int64_t:
            to_small_i64(&values[0], &out[0], top, n, &bad)
        elif number is uint64_t:
            to_small_u64(&values[0], &out[0], top, n, &bad)
        elif number is float:
            to_small_f32(&values[0], &out[0], top, n, &bad)
        else:
            to_small_f64(&values[0], &out[0], top, n, &bad)
    return small, not bad
