"""Counts and weights of rows by interval of their score between thresholds and by label: the state of metrics of
decisions.

With T ascending thresholds, of the type of the scores, a row is in interval i of T + 1 where i of them are not above
its score.  Tables are flat [slice][interval][label].  Weights are added as integers of 128 bits in units of 2^-72, as a
high and a low word.
"""

from libc.stdint cimport int32_t, int64_t, uint8_t, uint32_t, uint64_t

cdef extern from "decisions.h" nogil:
    enum:
        FR_CELL_BLOCK
        FR_DECISION_BLOCK
        FR_FEW_THRESHOLDS
    void any_foreign(const int32_t *, int64_t, long, int *)
    ctypedef struct fr_pages:
        uint8_t *used
    void fr_count_indices(const uint32_t *, long, uint64_t *, fr_pages *)
    void fr_weigh_indices(const uint32_t *, const double *, long, uint64_t *, fr_pages *)
    void fr_count_above_f32(const float *, const uint8_t *, float, long, int64_t *)
    void fr_count_above_f64(const double *, const uint8_t *, double, long, int64_t *)
    void fr_intervals_f32(const float *, const uint8_t *, const float *, long, uint32_t *, long)
    void fr_intervals_f64(const double *, const uint8_t *, const double *, long, uint32_t *, long)
    void fr_index_slices(const int32_t *, uint32_t, uint32_t *, long)

ctypedef fused real:
    float
    double

MOST_CELLS = 1 << 32  # an index is 32 bits


cdef check(
    Py_ssize_t rows, const uint8_t[::1] labels, Py_ssize_t thresholds, const int32_t[::1] slices, Py_ssize_t size
):
    """Refuses what would reach past the end of an array."""
    cdef int foreign = 0
    cdef Py_ssize_t width = 2 * (thresholds + 1)
    if thresholds < 1:
        raise ValueError("there are no thresholds")
    if size == 0 or size % width:
        raise ValueError(f"a table of {size} cells is no whole number of slices of {width} cells")
    if size > MOST_CELLS:
        raise ValueError(f"a table of {size} cells is past {MOST_CELLS}, the most that one table may have")
    if labels.shape[0] != rows or (slices is not None and slices.shape[0] != rows):
        raise ValueError("scores, labels and slices differ in length")
    if slices is not None and rows > 0:
        with nogil:
            any_foreign(&slices[0], size // width, rows, &foreign)
        if foreign:
            raise ValueError(f"a slice lies outside 0..{size // width - 1}")


cdef void count_few(
    const real *scores, const uint8_t *labels, Py_ssize_t rows, const real *thresholds, Py_ssize_t number,
    int64_t *counts,
) noexcept nogil:
    """Counts what is not below each threshold; intervals are what lies between."""
    cdef int64_t above[FR_FEW_THRESHOLDS + 1][3]
    cdef Py_ssize_t start = 0, n, j
    for j in range(number + 1):
        above[j][0] = above[j][1] = above[j][2] = 0
    while start < rows:
        n = min(<Py_ssize_t> FR_DECISION_BLOCK, rows - start)
        for j in range(number):
            if real is float:
                fr_count_above_f32(scores + start, labels + start, thresholds[j], n, above[j])
            else:
                fr_count_above_f64(scores + start, labels + start, thresholds[j], n, above[j])
        start += n
    counts[0] += rows - above[0][0] - above[0][2] + above[0][1]
    counts[1] += above[0][2] - above[0][1]
    for j in range(number):
        counts[2 * j + 2] += (above[j][0] - above[j][1]) - (above[j + 1][0] - above[j + 1][1])
        counts[2 * j + 3] += above[j][1] - above[j + 1][1]


cdef inline void index_block(
    const real *scores, const uint8_t *labels, const real *thresholds, Py_ssize_t number, const int32_t *slices,
    uint32_t *index, Py_ssize_t n,
) noexcept nogil:
    if real is float:
        fr_intervals_f32(scores, labels, thresholds, number, index, n)
    else:
        fr_intervals_f64(scores, labels, thresholds, number, index, n)
    if slices != NULL:
        fr_index_slices(slices, 2 * (number + 1), index, n)


def count_intervals(
    const real[::1] scores, const uint8_t[::1] labels not None, const real[::1] thresholds not None,
    const int32_t[::1] slices, uint64_t[::1] counts not None,
):
    """Adds one to counts[slice][interval][label] for each row; all rows are of slice 0 where slices is None."""
    cdef uint32_t index[FR_CELL_BLOCK]
    cdef Py_ssize_t rows = scores.shape[0], number = thresholds.shape[0], start = 0, n
    cdef const int32_t *slice_block = NULL
    cdef fr_pages unmarked
    unmarked.used = NULL
    check(rows, labels, number, slices, counts.shape[0])
    if rows == 0:
        return
    with nogil:
        if slices is None and number <= FR_FEW_THRESHOLDS:
            count_few(&scores[0], &labels[0], rows, &thresholds[0], number, <int64_t *> &counts[0])
            start = rows
        while start < rows:
            n = min(<Py_ssize_t> FR_CELL_BLOCK, rows - start)
            if slices is not None:
                slice_block = &slices[start]
            index_block(&scores[start], &labels[start], &thresholds[0], number, slice_block, index, n)
            fr_count_indices(index, n, &counts[0], &unmarked)
            start += n


def weigh_intervals(
    const real[::1] scores, const uint8_t[::1] labels not None, const double[::1] weights not None,
    const real[::1] thresholds not None, const int32_t[::1] slices, uint64_t[::1] words not None,
):
    """Adds weight * 2^72 to words[slice][interval][label], (high, low), for each row."""
    cdef uint32_t index[FR_CELL_BLOCK]
    cdef Py_ssize_t rows = scores.shape[0], number = thresholds.shape[0], start = 0, n
    cdef const int32_t *slice_block = NULL
    cdef fr_pages unmarked
    unmarked.used = NULL
    check(rows, labels, number, slices, words.shape[0] // 2)
    if weights.shape[0] != rows or words.shape[0] % 2:
        raise ValueError("weights and scores differ in length, or words do not come in pairs")
    with nogil:
        while start < rows:
            n = min(<Py_ssize_t> FR_CELL_BLOCK, rows - start)
            if slices is not None:
                slice_block = &slices[start]
            index_block(&scores[start], &labels[start], &thresholds[0], number, slice_block, index, n)
            fr_weigh_indices(index, &weights[start], n, &words[0], &unmarked)
            start += n
