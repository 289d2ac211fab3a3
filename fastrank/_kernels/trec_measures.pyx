"""trec_eval's measures of each query, from its hits (see trec_rank.pyx).

Sums run down the ranks, as in trec_eval, so that figures agree to the last printed digit.  `offsets`, `ranks` and
`relevance` are the hits of the queries; a hit is relevant where its relevance is at least `level`.  `cuts` has a row
of ranks for each query.  Where trec_eval divides zero by zero the value is 0.
"""

from libc.stdint cimport int64_t, uint64_t
from libc.stdlib cimport free, malloc

import numpy as np

cdef extern from "elementary.h" nogil:
    double fr_log(double x)
    uint64_t fr_to_bits(double x)
    double fr_from_bits(uint64_t bits)

cdef double INV_LN2 = 1.442695040888963407359924681
cdef double EPSILON = 1e-5  # infAP: smooths the precision above a document where little is judged

NDCG, NDCG_REL, NDCG_AT_LEVELS, GAIN = range(4)


cdef int check_spans(const int64_t[::1] offsets, Py_ssize_t rows, Py_ssize_t others) except -1:
    cdef Py_ssize_t q, n = offsets.shape[0] - 1
    if n < 0 or offsets[0] != 0 or offsets[n] != rows or others != rows:
        raise ValueError(f"offsets do not span the {rows} rows")
    for q in range(n):
        if offsets[q + 1] < offsets[q]:
            raise ValueError("offsets descend")
    return 0


cdef int check_hits(const int64_t[::1] offsets, const int64_t[::1] ranks, const int64_t[::1] relevance) except -1:
    cdef Py_ssize_t q, i
    check_spans(offsets, ranks.shape[0], relevance.shape[0])
    for q in range(offsets.shape[0] - 1):
        for i in range(offsets[q], offsets[q + 1]):
            if ranks[i] < 0 or (i > offsets[q] and ranks[i] <= ranks[i - 1]):
                raise ValueError(f"ranks do not ascend from 0 at {i}")
    return 0


cdef int check_rows(Py_ssize_t queries, Py_ssize_t rows) except -1:
    if rows != queries:
        raise ValueError(f"{rows} rows of {queries} queries")
    return 0


cdef double log2(double x) noexcept nogil:
    """Exact at powers of two: 1 / log2(4) must be a half."""
    cdef uint64_t bits = fr_to_bits(x)
    cdef int64_t exponent = <int64_t> (bits >> 52) - 1023
    return <double> exponent + fr_log(fr_from_bits(bits - (<uint64_t> exponent << 52))) * INV_LN2


def discounts(Py_ssize_t n):
    """log2(rank + 2) for the ranks 0 to n - 1."""
    values = np.empty(n)
    cdef double[::1] out = values
    cdef Py_ssize_t i
    for i in range(n):
        out[i] = log2(<double> (i + 2))
    return values


def logarithms(const double[::1] x):
    """Natural logarithms of positive numbers."""
    values = np.empty(x.shape[0])
    cdef double[::1] out = values
    cdef Py_ssize_t i
    for i in range(x.shape[0]):
        out[i] = fr_log(x[i])
    return values


def relevant_above(
    const int64_t[::1] offsets, const int64_t[::1] ranks, const int64_t[::1] relevance, int64_t level,
    const int64_t[:, :] cuts,
):
    """How many relevant hits stand above each cut."""
    cdef Py_ssize_t q, i, c
    check_hits(offsets, ranks, relevance)
    check_rows(offsets.shape[0] - 1, cuts.shape[0])
    found = np.zeros((cuts.shape[0], cuts.shape[1]), np.int64)
    cdef int64_t[:, ::1] out = found
    with nogil:
        for q in range(out.shape[0]):
            for i in range(offsets[q], offsets[q + 1]):
                if relevance[i] >= level:
                    for c in range(out.shape[1]):
                        out[q, c] += ranks[i] < cuts[q, c]
    return found


def precision_sums(
    const int64_t[::1] offsets, const int64_t[::1] ranks, const int64_t[::1] relevance, int64_t level,
    const int64_t[:, :] cuts,
):
    """The sum of the precision at each relevant hit above each cut."""
    cdef Py_ssize_t q, i, c
    cdef int64_t found
    cdef double term
    check_hits(offsets, ranks, relevance)
    check_rows(offsets.shape[0] - 1, cuts.shape[0])
    sums = np.zeros((cuts.shape[0], cuts.shape[1]))
    cdef double[:, ::1] out = sums
    with nogil:
        for q in range(out.shape[0]):
            found = 0
            for i in range(offsets[q], offsets[q + 1]):
                if relevance[i] >= level:
                    found += 1
                    term = <double> found / <double> (ranks[i] + 1)
                    for c in range(out.shape[1]):
                        if ranks[i] < cuts[q, c]:
                            out[q, c] += term
    return sums


def reciprocal_rank(
    const int64_t[::1] offsets, const int64_t[::1] ranks, const int64_t[::1] relevance, int64_t level
):
    """1 / rank of the first relevant hit."""
    cdef Py_ssize_t q, i
    check_hits(offsets, ranks, relevance)
    values = np.zeros(offsets.shape[0] - 1)
    cdef double[::1] out = values
    with nogil:
        for q in range(out.shape[0]):
            for i in range(offsets[q], offsets[q + 1]):
                if relevance[i] >= level:
                    out[q] = 1.0 / <double> (ranks[i] + 1)
                    break
    return values


def bpref(
    const int64_t[::1] offsets, const int64_t[::1] ranks, const int64_t[::1] relevance, int64_t level,
    const int64_t[::1] relevant, const int64_t[::1] nonrelevant,
):
    """Binary preference; relevant and nonrelevant count the judgments of each query."""
    cdef Py_ssize_t q, i
    cdef int64_t above, most
    cdef double total
    check_hits(offsets, ranks, relevance)
    check_rows(offsets.shape[0] - 1, relevant.shape[0])
    check_rows(offsets.shape[0] - 1, nonrelevant.shape[0])
    values = np.zeros(offsets.shape[0] - 1)
    cdef double[::1] out = values
    with nogil:
        for q in range(out.shape[0]):
            above, total, most = 0, 0.0, min(nonrelevant[q], relevant[q])
            for i in range(offsets[q], offsets[q + 1]):
                if relevance[i] < 0:
                    continue
                if relevance[i] < level:
                    above += 1
                elif above == 0:
                    total += 1.0
                else:
                    total += 1.0 - <double> min(above, relevant[q]) / <double> most
            if relevant[q] > 0:
                out[q] = total / <double> relevant[q]
    return values


def inferred_ap(
    const int64_t[::1] offsets, const int64_t[::1] ranks, const int64_t[::1] relevance, int64_t level,
    const int64_t[::1] relevant,
):
    """Inferred average precision (Yilmaz and Aslam 2006) over a pool of which a sample is judged."""
    cdef Py_ssize_t q, i
    cdef int64_t good, bad, pooled
    cdef double total, rank, seen, precision
    check_hits(offsets, ranks, relevance)
    check_rows(offsets.shape[0] - 1, relevant.shape[0])
    values = np.zeros(offsets.shape[0] - 1)
    cdef double[::1] out = values
    with nogil:
        for q in range(out.shape[0]):
            good, bad, pooled, total = 0, 0, 0, 0.0
            for i in range(offsets[q], offsets[q + 1]):
                if relevance[i] < 0:
                    pooled += 1
                elif relevance[i] < level:
                    bad += 1
                else:
                    rank = <double> ranks[i]
                    if ranks[i] == 0:
                        total += 1.0
                    else:
                        seen = <double> (good + bad + pooled) / rank
                        precision = (<double> good + EPSILON) / (<double> (good + bad) + 2.0 * EPSILON)
                        total += 1.0 / (rank + 1.0) + (rank / (rank + 1.0)) * seen * precision
                    good += 1
            if relevant[q] > 0:
                out[q] = total / <double> relevant[q]
    return values


def interpolated_precision(
    const int64_t[::1] offsets, const int64_t[::1] ranks, const int64_t[::1] relevance, int64_t level,
    const int64_t[::1] retrieved, const int64_t[:, ::1] points,
):
    """The highest precision at or below the place where each number of relevant documents is found.

    Points are walked from the last to the first; one above the number found has the value 0.
    """
    cdef Py_ssize_t q, i, c
    cdef int64_t found
    cdef double best
    check_hits(offsets, ranks, relevance)
    check_rows(offsets.shape[0] - 1, points.shape[0])
    check_rows(offsets.shape[0] - 1, retrieved.shape[0])
    values = np.zeros((points.shape[0], points.shape[1]))
    cdef double[:, ::1] out = values
    with nogil:
        for q in range(out.shape[0]):
            found = 0
            for i in range(offsets[q], offsets[q + 1]):
                found += relevance[i] >= level
            best = <double> found / <double> retrieved[q] if retrieved[q] > 0 else 0.0
            c = points.shape[1] - 1
            while c >= 0 and points[q, c] > found:
                c -= 1
            for i in range(offsets[q + 1] - 1, offsets[q] - 1, -1):
                if relevance[i] < level:
                    continue
                best = max(best, <double> found / <double> (ranks[i] + 1))
                while c >= 0 and points[q, c] == found:
                    out[q, c] = best
                    c -= 1
                found -= 1
            while c >= 0:
                out[q, c] = best
                c -= 1
    return values


def binary_gain(
    const int64_t[::1] offsets, const int64_t[::1] ranks, const int64_t[::1] relevance, int64_t level,
    const int64_t[::1] relevant,
):
    """The mean over relevant documents of 1 / log2(2 + documents that are not relevant above it)."""
    cdef Py_ssize_t q, i
    cdef int64_t found
    cdef double total
    check_hits(offsets, ranks, relevance)
    check_rows(offsets.shape[0] - 1, relevant.shape[0])
    values = np.zeros(offsets.shape[0] - 1)
    cdef double[::1] out = values
    with nogil:
        for q in range(out.shape[0]):
            found, total = 0, 0.0
            for i in range(offsets[q], offsets[q + 1]):
                if relevance[i] >= level:
                    found += 1
                    total += 1.0 / log2(<double> (3 + ranks[i] - found))
            if found > 0 and relevant[q] > 0:
                out[q] = total / <double> relevant[q]
    return values


def ndcg_cut(
    const int64_t[::1] offsets, const int64_t[::1] ranks, const int64_t[::1] relevance,
    const int64_t[::1] level_offsets, const int64_t[::1] levels, const int64_t[::1] counts,
    const double[::1] discount, const int64_t[::1] cuts,
):
    """nDCG above each cut (ascending, at least 1): the gain is the relevance; the ideal is cut too."""
    cdef Py_ssize_t q, i, c, n = cuts.shape[0]
    cdef int64_t r, last
    cdef double total
    check_hits(offsets, ranks, relevance)
    check_spans(level_offsets, levels.shape[0], counts.shape[0])
    check_rows(offsets.shape[0] - 1, level_offsets.shape[0] - 1)
    check_depth(offsets, ranks, level_offsets, counts, discount)
    values = np.zeros((offsets.shape[0] - 1, n))
    cdef double[:, ::1] out = values
    with nogil:
        for q in range(out.shape[0]):
            total, c = 0.0, 0
            for i in range(offsets[q], offsets[q + 1]):
                while c < n and ranks[i] >= cuts[c]:
                    out[q, c] = total
                    c += 1
                if relevance[i] > 0:
                    total += <double> relevance[i] / discount[ranks[i]]
            while c < n:
                out[q, c] = total
                c += 1
            total, c, r = 0.0, 0, 0
            for i in range(level_offsets[q], level_offsets[q + 1]):
                last = r + counts[i] if levels[i] > 0 else r
                while r < last:
                    while c < n and r >= cuts[c]:
                        out[q, c] /= total
                        c += 1
                    total += <double> levels[i] / discount[r]
                    r += 1
            while c < n and total > 0.0:
                out[q, c] /= total
                c += 1
    return values


cdef int check_depth(
    const int64_t[::1] offsets, const int64_t[::1] ranks, const int64_t[::1] level_offsets,
    const int64_t[::1] counts, const double[::1] discount,
) except -1:
    """Every rank of a hit, and every rank of an ideal list, has a discount; a level that is there has a count."""
    cdef Py_ssize_t q, i
    cdef int64_t last
    cdef bint good = True
    for i in range(ranks.shape[0]):
        good &= 0 <= ranks[i] < discount.shape[0]
    for q in range(level_offsets.shape[0] - 1):
        last = 0
        for i in range(level_offsets[q], level_offsets[q + 1]):
            good &= counts[i] > 0
            last += counts[i]
        good &= last <= discount.shape[0]
    if not good:
        raise ValueError(f"{discount.shape[0]} discounts are too few, or a count is not positive")
    return 0


cdef struct Gains:
    # What a level of relevance is worth: its own number, or what `pairs` says; the ideal list, by descending gain.
    const int64_t *pair_level
    const double *pair_gain
    int64_t pairs
    double *gain
    int64_t *count
    int64_t runs


cdef double gain_of(const Gains *gains, int64_t level) noexcept nogil:
    cdef int64_t i
    if level < 0:
        return 0.0
    for i in range(gains.pairs):
        if gains.pair_level[i] == level:
            return gains.pair_gain[i]
    return <double> level


cdef void sort_gains(Gains *gains, const int64_t *levels, const int64_t *counts, int64_t n) noexcept nogil:
    """The positive gains of one query's judgments, descending."""
    cdef int64_t i, j
    cdef double gain
    gains.runs = 0
    for i in range(n):
        gain = gain_of(gains, levels[i])
        if gain > 0.0:
            j = gains.runs
            while j > 0 and gains.gain[j - 1] < gain:
                gains.gain[j], gains.count[j] = gains.gain[j - 1], gains.count[j - 1]
                j -= 1
            gains.gain[j], gains.count[j] = gain, counts[i]
            gains.runs += 1


cdef struct Hits:
    const int64_t *rank
    const int64_t *relevance
    int64_t n
    int64_t retrieved


cdef double ndcg_of(const Gains *gains, Hits hits, const double *discount, int kind) noexcept nogil:
    """ndcg; ndcg_rel, its mean over the documents of positive gain; Rndcg, its mean where the ideal gain changes.

    One walk down the ranks of the list and of the ideal list together; the longer ends it.
    """
    cdef int64_t r = 0, i = 0, run = 0, left = gains.count[0] if gains.runs > 0 else 0
    cdef int64_t ideal_rows = 0, good = 0, points = 0
    cdef double dcg = 0.0, ideal = 0.0, total = 0.0, gain, best, last_best = 0.0
    if gains.runs == 0:
        return 0.0
    while run < gains.runs or i < hits.n:
        if run < gains.runs:
            best = gains.gain[run]
            left -= 1
            if left == 0:
                run += 1
                left = gains.count[run] if run < gains.runs else 0
        else:
            best = 0.0
        # Rndcg: before this rank's own gains.
        if best != last_best and ideal > 0.0:
            total += dcg / ideal if kind == 2 else 0.0
            points += 1
        last_best = best
        gain = 0.0
        if i < hits.n and hits.rank[i] == r:
            gain = gain_of(gains, hits.relevance[i])
            i += 1
            if gain != 0.0:
                dcg += gain / discount[r]
        if best > 0.0:
            ideal_rows += 1
            ideal += best / discount[r]
        if gain > 0.0 and kind == 1:
            total += dcg / ideal
            good += 1
        r += 1
    if kind == 0:
        return dcg / ideal
    if kind == 1:
        total += <double> (ideal_rows - good) * dcg / ideal
        return total / <double> ideal_rows if total > 0.0 else 0.0
    if last_best > 0.0:
        # The ideal list ends with the walk.
        total += dcg / ideal
        points += 1
    if hits.retrieved > ideal_rows + 1:
        # The end of a list that goes on below the ideal list is a point too.
        total += dcg / ideal
        points += 1
    return total / <double> points


cdef double normalized_gain(const Gains *gains, Hits hits) noexcept nogil:
    """Each gain over log2(2 + what was missed so far), over the ideal sum; a rank costs 1 or its ideal gain."""
    cdef int64_t r = 0, i = 0, run = 0, left = gains.count[0] if gains.runs > 0 else 0
    cdef double cost = 0.0, total = 0.0, ideal = 0.0, seen = 0.0, gain, best
    while run < gains.runs or i < hits.n:
        best = 0.0
        if run < gains.runs:
            best = gains.gain[run]
            ideal += best
            left -= 1
            if left == 0:
                run += 1
                left = gains.count[run] if run < gains.runs else 0
        cost += max(best, 1.0)
        if i < hits.n and hits.rank[i] == r:
            gain = gain_of(gains, hits.relevance[i])
            seen += gain
            if gain != 0.0:
                total += gain / log2(2.0 + cost - seen)
            i += 1
        r += 1
    return total / ideal if ideal > 0.0 else 0.0


def gained(
    int kind, const int64_t[::1] offsets, const int64_t[::1] ranks, const int64_t[::1] relevance,
    const int64_t[::1] level_offsets, const int64_t[::1] levels, const int64_t[::1] counts,
    const int64_t[::1] retrieved, const int64_t[::1] pair_levels, const double[::1] pair_gains,
    const double[::1] discount,
):
    """NDCG, NDCG_REL, NDCG_AT_LEVELS or GAIN of each query; pairs give levels of relevance another gain."""
    cdef Py_ssize_t q, n = offsets.shape[0] - 1
    cdef int64_t most = 0
    cdef Gains gains
    cdef Hits hits
    check_hits(offsets, ranks, relevance)
    check_spans(level_offsets, levels.shape[0], counts.shape[0])
    check_rows(n, level_offsets.shape[0] - 1)
    check_rows(n, retrieved.shape[0])
    check_depth(offsets, ranks, level_offsets, counts, discount)
    check_rows(pair_levels.shape[0], pair_gains.shape[0])
    values = np.zeros(n)
    cdef double[::1] out = values
    if ranks.shape[0] == 0:
        return values
    for q in range(n):
        most = max(most, level_offsets[q + 1] - level_offsets[q])
    gains.pairs = pair_levels.shape[0]
    gains.pair_level = &pair_levels[0] if gains.pairs > 0 else NULL
    gains.pair_gain = &pair_gains[0] if gains.pairs > 0 else NULL
    gains.gain = <double *> malloc((most + 1) * 8)
    gains.count = <int64_t *> malloc((most + 1) * 8)
    if gains.gain == NULL or gains.count == NULL:
        free(gains.gain)
        free(gains.count)
        raise MemoryError
    with nogil:
        for q in range(n):
            sort_gains(&gains, &levels[level_offsets[q]], &counts[level_offsets[q]],
                       level_offsets[q + 1] - level_offsets[q])
            hits.rank, hits.relevance = &ranks[offsets[q]], &relevance[offsets[q]]
            hits.n, hits.retrieved = offsets[q + 1] - offsets[q], retrieved[q]
            out[q] = normalized_gain(&gains, hits) if kind == 3 else ndcg_of(&gains, hits, &discount[0], kind)
    free(gains.gain)
    free(gains.count)
    return values
