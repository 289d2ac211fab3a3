"""Runs, the state of exact AUC: distinct keys ascending, each with the count or weight of its negatives and positives.

A key is the score's order-preserving integer, uint32 of a float32 and uint64 of a float64; -0.0 has the key of 0.0.
A weight is an integer of 128 bits in units of 2^-72, as a high and a low word.  Runs depend on the rows only, not on
their order, nor on how they were split before they were merged.
"""

from libc.stdint cimport int64_t, uint8_t, uint32_t, uint64_t

import numpy as np

cdef extern from "runs.h" nogil:
    ctypedef struct fr_rows:
        const void *score
        int wide
        const uint8_t *label
        const double *weight
        long size
    ctypedef struct fr_count_runs:
        void *key
        int wide
        int64_t *negative
        int64_t *positive
        long size
    ctypedef struct fr_weight_runs:
        void *key
        int wide
        uint64_t *negative_high
        uint64_t *negative_low
        uint64_t *positive_high
        uint64_t *positive_low
        long size
    ctypedef struct fr_weighed:
        pass
    int fr_counts_runs(const fr_rows *, uint64_t *, fr_count_runs *)
    int fr_weights_runs(const fr_rows *, fr_weighed *, fr_weight_runs *)
    uint64_t fr_key_f64(double)
    float fr_score_f32(uint32_t)
    double fr_score_f64(uint64_t)

cdef extern from "runs_merge.h" nogil:
    ctypedef struct fr_runs_in:
        const void *key
        const uint64_t *word[4]
        long size
    ctypedef struct fr_runs_out:
        void *key
        uint64_t *word[4]
    long fr_merge(const fr_runs_in *, const fr_runs_in *, int, int, fr_runs_out *)

cdef extern from "wins.h" nogil:
    enum:
        FR_WIN_WORDS
    int fr_count_wins(const int64_t *, const int64_t *, long, uint64_t *)
    int fr_weigh_wins(const uint64_t *, const uint64_t *, const uint64_t *, const uint64_t *, long, uint64_t *)

ctypedef fused real:
    float
    double

ctypedef fused integer:
    uint32_t
    uint64_t

# Places of rows are counted in 32 bits; more rows than this are sorted in pieces and merged.
MOST_ROWS = (1 << 32) - 1


cdef cut(arrays, Py_ssize_t size):
    """The first `size` of each array; memory behind them that is worth it goes back."""
    for array in arrays:
        array.resize(size, refcheck=False)
    return tuple(arrays)


cdef check_rows(Py_ssize_t rows, Py_ssize_t labels, Py_ssize_t weights, most):
    if labels != rows or weights != rows:
        raise ValueError("scores, labels and weights differ in length")
    if not 1 <= most <= MOST_ROWS:
        raise ValueError(f"most is {most}; it must be 1 to {MOST_ROWS}")


def sort_runs(const real[::1] scores, const uint8_t[::1] labels not None, most=MOST_ROWS):
    """(keys, negatives, positives) of rows; at most `most` of them are sorted at once."""
    cdef fr_rows rows
    cdef fr_count_runs runs
    cdef uint64_t *words
    cdef bint enough
    cdef Py_ssize_t size = scores.shape[0], middle = size // 2
    check_rows(size, labels.shape[0], size, most)
    if size > most:
        return merge_runs(*sort_runs(scores[:middle], labels[:middle], most),
                          *sort_runs(scores[middle:], labels[middle:], most))
    keys = np.empty(size, np.uint32 if real is float else np.uint64)
    negatives, positives = np.empty(size, np.int64), np.empty(size, np.int64)
    if size == 0:
        return keys, negatives, positives
    rows.score, rows.wide, rows.label, rows.size = &scores[0], real is double, &labels[0], size
    rows.weight = NULL
    runs.key, runs.wide, runs.size = address(keys), real is double, 0
    runs.negative, runs.positive = <int64_t *> address(negatives), <int64_t *> address(positives)
    # Wide keys are sorted in the room of the runs' keys: a run is written where its rows, or rows before, were read.
    scratch = keys if real is double else np.empty(size, np.uint64)
    words = <uint64_t *> address(scratch)
    with nogil:
        enough = fr_counts_runs(&rows, words, &runs)
    if not enough:
        raise MemoryError
    return cut((keys, negatives, positives), runs.size)


def weigh_runs(
    const real[::1] scores, const uint8_t[::1] labels not None, const double[::1] weights not None, most=MOST_ROWS,
):
    """(keys, negative_high, negative_low, positive_high, positive_low) of rows; a row of weight zero is absent."""
    cdef fr_rows rows
    cdef fr_weight_runs runs
    cdef fr_weighed *items
    cdef bint enough
    cdef Py_ssize_t size = scores.shape[0], middle = size // 2
    check_rows(size, labels.shape[0], weights.shape[0], most)
    if size > most:
        return merge_weighted_runs(*weigh_runs(scores[:middle], labels[:middle], weights[:middle], most),
                                   *weigh_runs(scores[middle:], labels[middle:], weights[middle:], most))
    keys = np.empty(size, np.uint32 if real is float else np.uint64)
    words = tuple(np.empty(size, np.uint64) for _ in range(4))
    if size == 0:
        return (keys, *words)
    rows.score, rows.wide, rows.label, rows.size = &scores[0], real is double, &labels[0], size
    rows.weight = &weights[0]
    runs.key, runs.wide, runs.size = address(keys), real is double, 0
    runs.negative_high, runs.negative_low = <uint64_t *> address(words[0]), <uint64_t *> address(words[1])
    runs.positive_high, runs.positive_low = <uint64_t *> address(words[2]), <uint64_t *> address(words[3])
    scratch = np.empty((size, sizeof(fr_weighed)), np.uint8)
    items = <fr_weighed *> address(scratch)
    with nogil:
        enough = fr_weights_runs(&rows, items, &runs)
    if not enough:
        raise MemoryError
    return cut((keys, *words), runs.size)


cdef void *address(array) except NULL:
    return <void *> <size_t> array.ctypes.data


cdef check_runs(a, b):
    """Refuses what cannot be read word by word."""
    column = np.int64 if len(a) == 3 else np.uint64
    for side in (a, b):
        if not all(array.ndim == 1 and array.flags.c_contiguous and array.size == side[0].size for array in side):
            raise ValueError("keys and their columns must be contiguous and of one length")
        if side[0].dtype not in (np.uint32, np.uint64) or any(array.dtype != column for array in side[1:]):
            raise TypeError("keys must be uint32 or uint64, counts int64 and words of weights uint64")
    if a[0].dtype != b[0].dtype:
        raise TypeError(f"runs with keys of {a[0].dtype} and of {b[0].dtype} do not merge; widen_keys first")


cdef merge(a, b):
    """Merged runs of two tuples (keys, columns of 64-bit words ...)."""
    cdef fr_runs_in left, right
    cdef fr_runs_out merged
    cdef int wide = a[0].dtype == np.uint64, columns = len(a) - 1, c
    cdef long size
    check_runs(a, b)
    out = [np.empty(one.shape[0] + other.shape[0], one.dtype) for one, other in zip(a, b, strict=True)]
    left.size, right.size = a[0].shape[0], b[0].shape[0]
    left.key, right.key, merged.key = address(a[0]), address(b[0]), address(out[0])
    for c in range(columns):
        left.word[c], right.word[c] = <uint64_t *> address(a[c + 1]), <uint64_t *> address(b[c + 1])
        merged.word[c] = <uint64_t *> address(out[c + 1])
    with nogil:
        size = fr_merge(&left, &right, wide, columns, &merged)
    return cut(out, size)


def merge_runs(a_keys, a_negatives, a_positives, b_keys, b_negatives, b_positives):
    """(keys, negatives, positives) of all runs of both."""
    return merge((a_keys, a_negatives, a_positives), (b_keys, b_negatives, b_positives))


def merge_weighted_runs(
    a_keys, a_negative_high, a_negative_low, a_positive_high, a_positive_low,
    b_keys, b_negative_high, b_negative_low, b_positive_high, b_positive_low,
):
    """(keys, negative_high, negative_low, positive_high, positive_low) of all runs of both."""
    return merge((a_keys, a_negative_high, a_negative_low, a_positive_high, a_positive_low),
                 (b_keys, b_negative_high, b_negative_low, b_positive_high, b_positive_low))


def widen_keys(const uint32_t[::1] keys):
    """The uint64 keys of the same scores as float64."""
    cdef Py_ssize_t i, n = keys.shape[0]
    wide = np.empty(n, np.uint64)
    cdef uint64_t[::1] out = wide
    with nogil:
        for i in range(n):
            out[i] = fr_key_f64(fr_score_f32(keys[i]))
    return wide


def keys_to_scores(const integer[::1] keys):
    """The scores of keys: float32 of uint32, float64 of uint64."""
    cdef Py_ssize_t i, n = keys.shape[0]
    scores = np.empty(n, np.float32 if integer is uint32_t else np.float64)
    cdef float[::1] narrow
    cdef double[::1] wide
    if integer is uint32_t:
        narrow = scores
        with nogil:
            for i in range(n):
                narrow[i] = fr_score_f32(keys[i])
    else:
        wide = scores
        with nogil:
            for i in range(n):
                wide[i] = fr_score_f64(keys[i])
    return scores


cdef answer(const uint64_t *words, bint over):
    """(twice_wins, ties, negatives, positives) as Python integers."""
    if over:
        raise OverflowError("a total of the counts or weights does not fit its integer")
    wins, ties = [sum(<object> words[i + j] << 64 * j for j in range(4)) for i in (0, 4)]
    negatives, positives = [<object> words[i] + (<object> words[i + 1] << 64) for i in (8, 10)]
    return 2 * wins + ties, ties, negatives, positives


def twice_wins(const int64_t[::1] negatives not None, const int64_t[::1] positives not None):
    """(twice_wins, ties, negatives, positives), exact, over runs in ascending order.

    A win is a pair in which the positive's key is larger; twice_wins is 2 * wins + ties, so that the AUC is
    twice_wins / (2 * negatives * positives).
    """
    cdef uint64_t words[FR_WIN_WORDS]
    cdef bint over
    cdef Py_ssize_t runs = negatives.shape[0]
    if positives.shape[0] != runs:
        raise ValueError("negatives and positives differ in length")
    if runs == 0:
        return 0, 0, 0, 0
    with nogil:
        over = fr_count_wins(&negatives[0], &positives[0], runs, words)
    return answer(words, over)


def twice_wins_weighted(
    const uint64_t[::1] negative_high not None, const uint64_t[::1] negative_low not None,
    const uint64_t[::1] positive_high not None, const uint64_t[::1] positive_low not None,
):
    """As twice_wins, of weights of 128 bits; totals are in units of 2^-72, twice_wins and ties of 2^-144."""
    cdef uint64_t words[FR_WIN_WORDS]
    cdef bint over
    cdef Py_ssize_t runs = negative_high.shape[0]
    if not runs == negative_low.shape[0] == positive_high.shape[0] == positive_low.shape[0]:
        raise ValueError("the words of the weights differ in length")
    if runs == 0:
        return 0, 0, 0, 0
    with nogil:
        over = fr_weigh_wins(&negative_high[0], &negative_low[0], &positive_high[0], &positive_low[0], runs, words)
    return answer(words, over)
