"""The sum behind average precision, over the integers of a block of scores."""

from libc.stdint cimport int64_t, uint64_t

cdef extern from "precision.h" nogil:
    enum:
        FR_DIGITS
    void fr_add_steps(const int64_t *, const int64_t *, uint64_t, uint64_t, long, int64_t *)
    void fr_add_weighted_steps(const uint64_t *, const uint64_t *, const uint64_t *, const uint64_t *,
                               const uint64_t *, long, double, int64_t *)


def add_steps(negatives, positives, left, double scale, int64_t[::1] digits not None):
    """Adds positives times precision of each score to the digits of an exact sum.

    Scores ascend; `negatives` and `positives` are (counts,), or (high words, low words), in units of `scale`;
    `left` are the negatives and the positives at all of these scores and above.  A term is
    positives * scale * (positives at the score and above / rows there), of integers rounded to float64.
    """
    cdef const int64_t[::1] negative, positive
    cdef const uint64_t[::1] negative_high, negative_low, positive_high, positive_low
    cdef Py_ssize_t n = positives[0].shape[0]
    cdef uint64_t above[4]
    if digits.shape[0] != FR_DIGITS:
        raise ValueError(f"a sum has {FR_DIGITS} digits")
    if len(negatives) != len(positives) or any(words.shape[0] != n for words in (*negatives, *positives)):
        raise ValueError("negatives and positives differ in length")
    all_left = left[0] + left[1]
    if all_left >> (64 * len(positives) - (len(positives) == 1)):
        raise OverflowError("a total of the counts or weights does not fit its integer")
    above[0], above[1] = left[1] & 0xFFFFFFFFFFFFFFFF, left[1] >> 64
    above[2], above[3] = all_left & 0xFFFFFFFFFFFFFFFF, all_left >> 64
    if n == 0:
        return
    if len(positives) == 1:
        negative, positive = negatives[0], positives[0]
        with nogil:
            fr_add_steps(&negative[0], &positive[0], above[0], above[2], n, &digits[0])
    else:
        negative_high, negative_low = negatives
        positive_high, positive_low = positives
        with nogil:
            fr_add_weighted_steps(&negative_high[0], &negative_low[0], &positive_high[0], &positive_low[0], above,
                                  n, scale, &digits[0])
