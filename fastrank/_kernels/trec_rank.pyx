"""Runs joined with judgments: for each query, the ranks at which judged items stand.

A query's list is kept as its hits: the rows whose item has a judgment, with their rank from 0 and their relevance.
Negative relevance (pooled, not judged) is kept as -1.
"""

from libc.stdint cimport int32_t, int64_t, uint8_t, uint32_t, uint64_t
from libc.stdlib cimport free, malloc
from libc.string cimport memset

import numpy as np

cdef extern from "trec_rank.h" nogil:
    ctypedef struct fr_items:
        const uint8_t *data
        const int64_t *at
        const int32_t *size
        const uint32_t *hash
    ctypedef struct fr_item_slot:
        uint32_t hash
        uint32_t place
    void fr_rank_rows(
        const fr_items *items, const double *score, int64_t begin, int64_t n, uint64_t *a, uint64_t *spare
    )
    fr_item_slot *fr_find_item(
        fr_item_slot *slots, uint64_t mask, const fr_items *judged, int64_t judged_begin, int64_t judgments,
        const fr_items *rows, const fr_items *item, int64_t i
    )

TWICE_RETRIEVED = 1
TWICE_JUDGED = 2


cdef fr_items items_of(file, const int64_t[:] begins, const int64_t[:] ends) except *:
    """The pointers of one file's items, after a look at those of the stretches."""
    cdef const uint8_t[::1] data = file[0]
    cdef const int64_t[::1] at = file[1]
    cdef const int32_t[::1] size = file[2]
    cdef const uint32_t[::1] hashes = file[3]
    cdef Py_ssize_t q, i, n = at.shape[0]
    cdef bint good = size.shape[0] == n and hashes.shape[0] == n
    cdef fr_items items
    check_stretches(begins, ends, n)
    if good:
        with nogil:
            for q in range(begins.shape[0]):
                for i in range(begins[q], ends[q]):
                    good &= size[i] >= 0 and 0 <= at[i] <= data.shape[0] - size[i]
    if not good:
        raise ValueError("items lie outside the data, or their arrays differ in length")
    items.data, items.at, items.size, items.hash = &data[0], &at[0], &size[0], &hashes[0]
    return items


cdef int64_t check_stretches(const int64_t[:] begins, const int64_t[:] ends, Py_ssize_t rows) except -1:
    """Most rows in a stretch; refuses stretches outside the rows."""
    cdef Py_ssize_t q
    cdef int64_t most = 0
    if begins.shape[0] != ends.shape[0]:
        raise ValueError(f"{begins.shape[0]} begins and {ends.shape[0]} ends")
    for q in range(begins.shape[0]):
        if not 0 <= begins[q] <= ends[q] <= rows:
            raise ValueError(f"rows {begins[q]} to {ends[q]} of {rows}")
        most = max(most, ends[q] - begins[q])
    return most


def rank(run, judged, const int64_t[:, ::1] queries, int64_t most, bint judged_only):
    """Ranks each query's rows: score in float32 descending, then item descending, and the first `most` rows count.

    run and judged are (data, item_at, item_size, item_hash, values) as trec.parse gives them, with the rows of a query
    together; queries has a row for each query: begin and end in the run, begin and end in the judgments.  judged_only
    drops the rows without relevance of 0 or more.  Returns the rows that count for each query, the offsets, ranks and
    relevance of the hits, what is wrong (an item occurs twice in a query) and the second of its rows.
    """
    cdef fr_items rows, judgments
    cdef const double[::1] score = run[4]
    cdef const int64_t[::1] relevance = judged[4]
    cdef Py_ssize_t q, n = queries.shape[0]
    cdef int64_t longest, deepest, begin, count, first, judging, value, row, i, r, used = 0, wrong = -1
    cdef uint64_t mask, size = 4
    cdef int fault = 0
    cdef uint64_t *a
    cdef fr_item_slot *slots
    cdef fr_item_slot *slot
    if queries.shape[1] != 4 or score.shape[0] != len(run[1]) or relevance.shape[0] != len(judged[1]):
        raise ValueError("queries have four bounds, and items one value each")
    table = np.asarray(queries)
    rows = items_of(run, queries[:, 0], queries[:, 1])
    judgments = items_of(judged, queries[:, 2], queries[:, 3])
    longest = check_stretches(queries[:, 0], queries[:, 1], score.shape[0])
    deepest = check_stretches(queries[:, 2], queries[:, 3], relevance.shape[0])
    room = int(np.minimum(table[:, 1] - table[:, 0], table[:, 3] - table[:, 2]).sum())
    counts, offsets = np.zeros(n, np.int64), np.zeros(n + 1, np.int64)
    hit_ranks, hit_relevance = np.empty(room, np.int64), np.empty(room, np.int64)
    cdef int64_t[::1] retrieved = counts, offset = offsets, hit_rank = hit_ranks, hit_value = hit_relevance
    if score.shape[0] + deepest >= <int64_t> 2**32 or longest + deepest >= <int64_t> 2**31:
        raise ValueError(f"{score.shape[0]} rows, {longest} of a query, are too many for slots of 32 bits")
    while size < <uint64_t> (2 * (longest + deepest)):
        size *= 2
    a = <uint64_t *> malloc((2 * longest + 1) * 8)
    slots = <fr_item_slot *> malloc(size * sizeof(fr_item_slot))
    if a == NULL or slots == NULL:
        free(a)
        free(slots)
        raise MemoryError
    with nogil:
        for q in range(n):
            begin, count, first = queries[q, 0], queries[q, 1] - queries[q, 0], queries[q, 2]
            judging = queries[q, 3] - first
            fr_rank_rows(&rows, &score[0], begin, count, a, a + longest)
            count = min(count, most)
            size = 4
            while size < <uint64_t> (2 * (count + judging)):
                size *= 2
            mask = size - 1
            memset(slots, 0, size * sizeof(fr_item_slot))
            for i in range(judging):
                slot = fr_find_item(slots, mask, &judgments, first, judging, &rows, &judgments, first + i)
                if slot.place != 0:
                    fault, wrong = 2, first + i
                    break
                slot.hash, slot.place = judgments.hash[first + i], <uint32_t> (i + 1)
            r = 0
            for i in range(count):
                if fault:
                    break
                row = begin + <int64_t> (a[i] & <uint64_t> 0xFFFFFFFF)
                slot = fr_find_item(slots, mask, &judgments, first, judging, &rows, &rows, row)
                if slot.place > <uint32_t> judging:
                    fault, wrong = 1, row
                    break
                if slot.place == 0:
                    r += not judged_only
                    slot.hash = rows.hash[row]
                    slot.place = <uint32_t> (judging + row + 1)
                    continue
                # From here on the slot stands for the row.
                value = relevance[first + slot.place - 1]
                slot.place = <uint32_t> (judging + row + 1)
                if value < 0 and judged_only:
                    continue
                hit_rank[used] = r
                hit_value[used] = max(value, -1)
                used += 1
                r += 1
            if fault:
                break
            retrieved[q] = r
            offset[q + 1] = used
    free(a)
    free(slots)
    return counts, offsets, hit_ranks[:used], hit_relevance[:used], fault, wrong


def levels(const int64_t[:] begins, const int64_t[:] ends, const int64_t[::1] relevance):
    """The levels of relevance of 0 or more that each query's judgments have, descending, with their counts."""
    cdef Py_ssize_t q, n = begins.shape[0]
    cdef int64_t i, j, k, used = 0, opened, value
    check_stretches(begins, ends, relevance.shape[0])
    room = int((np.asarray(ends) - np.asarray(begins)).sum())
    offsets, values, counts = np.zeros(n + 1, np.int64), np.empty(room, np.int64), np.empty(room, np.int64)
    cdef int64_t[::1] offset = offsets, level = values, count = counts
    with nogil:
        for q in range(n):
            opened = used
            for i in range(begins[q], ends[q]):
                value = relevance[i]
                if value < 0:
                    continue
                # There are few levels: each judgment walks down to its own.
                j = opened
                while j < used and level[j] > value:
                    j += 1
                if j < used and level[j] == value:
                    count[j] += 1
                    continue
                k = used
                while k > j:
                    level[k], count[k] = level[k - 1], count[k - 1]
                    k -= 1
                level[j], count[j] = value, 1
                used += 1
            offset[q + 1] = used
    return offsets, values[:used].copy(), counts[:used].copy()
