"""Ranked lists as tie runs.

The rows of a list are ordered by score; rows of equal score are one tie group, and those of them that have the same
label one run.  What is measured on a ranked list depends on the runs only (see ranked.pyx).
"""

from libc.stdint cimport INT64_MAX, int64_t, uint8_t, uint64_t
from libc.stdlib cimport free, malloc
from libc.string cimport memset

import numpy as np

cdef extern from "order_sort.h" nogil:
    ctypedef struct fr_pair:
        uint64_t key
        int64_t row
    uint64_t fr_ascending(double x)
    uint64_t fr_descending(double x)
    double fr_from_descending(uint64_t key)
    void fr_sort_pairs(fr_pair *a, fr_pair *spare, int64_t n)

cdef extern from "order_equal.h" nogil:
    int fr_filter_bits(int64_t n)
    void fr_mark_equal(
        const uint64_t *keys, int64_t n, uint64_t *seen, uint64_t *again, fr_pair *pairs, fr_pair *spare, uint8_t *equal
    )
    int64_t fr_first_duplicate(const int64_t *codes, int64_t n, int64_t *slots, uint64_t mask)

cdef extern from "order_top.h" nogil:
    int FR_LABELS, FR_PADDING
    ctypedef struct fr_runs:
        double *label
        int64_t *count
        uint8_t *opens
        int64_t size
    ctypedef struct fr_top_job:
        const void *scores
        const uint8_t *labels
        const int64_t *offsets
        int64_t lists, depth
        int64_t *run_offsets
        int64_t *ideal_offsets
        int64_t *first_tied
        fr_runs runs, ideal
        int64_t *rows
        double *kept_scores
        uint8_t *kept_labels
        fr_pair *pairs
        fr_pair *spare
    void fr_add_run(fr_runs *runs, double label, int64_t count, int opens)
    void fr_rank_top_f32(fr_top_job *job)
    void fr_rank_top_f64(fr_top_job *job)
    void fr_gather_f32(const float *scores, int64_t n, int64_t depth, int64_t *rows, int64_t *count, float *bound)
    void fr_gather_f64(const double *scores, int64_t n, int64_t depth, int64_t *rows, int64_t *count, double *bound)
    void fr_ideal_u8(const uint8_t *labels, const int64_t *offsets, int64_t lists, int64_t *at, fr_runs *ideal)

AVERAGE = 0
INPUT = 1
ITEM_DESC = 2
ITEM_ASC = 3
PESSIMISTIC = 4
OPTIMISTIC = 5
# The first rank that ties, of a list in which none does.
NO_RANK = INT64_MAX

cdef enum:
    BY_AVERAGE = 0
    BY_INPUT = 1
    BY_ITEM_DESC = 2
    BY_ITEM_ASC = 3
    BY_LABEL_ASC = 4
    BY_LABEL_DESC = 5

cdef double NOT_JUDGED = -float("inf")

ctypedef fused real:
    float
    double

ctypedef fused label_type:
    uint8_t
    double


cdef class Runs:
    """Arrays with room for `most` runs, of which the first `runs.size` are filled."""

    cdef fr_runs runs
    cdef object label, count, opens

    def __cinit__(self, int64_t most, bint with_opens):
        cdef double[::1] label
        cdef int64_t[::1] count
        cdef uint8_t[::1] opens
        # At least one element, so that there is an address.
        self.label = label = np.empty(most + 1, np.float64)
        self.count = count = np.empty(most + 1, np.int64)
        self.runs.label, self.runs.count, self.runs.opens, self.runs.size = &label[0], &count[0], NULL, 0
        if with_opens:
            self.opens = opens = np.empty(most + 1, np.uint8)
            self.runs.opens = &opens[0]

    def arrays(self):
        """The filled part.  Untouched pages of the rest were never given memory, so nothing is copied."""
        size = self.runs.size
        filled = (self.label[:size], self.count[:size])
        return filled if self.opens is None else (*filled, self.opens[:size])


cdef class Room:
    """Working memory for lists of up to `longest` rows."""

    cdef int64_t *rows
    cdef double *scores
    cdef uint8_t *labels
    cdef fr_pair *pairs
    cdef fr_pair *spare

    def __cinit__(self, int64_t longest):
        cdef size_t room = <size_t> longest + FR_PADDING
        self.rows = <int64_t *> malloc(room * sizeof(int64_t))
        self.scores = <double *> malloc(room * sizeof(double))
        self.labels = <uint8_t *> malloc(room)
        self.pairs = <fr_pair *> malloc(room * sizeof(fr_pair))
        self.spare = <fr_pair *> malloc(2 * room * sizeof(fr_pair))
        if self.rows == NULL or self.scores == NULL or self.labels == NULL or self.pairs == NULL or self.spare == NULL:
            raise MemoryError

    def __dealloc__(self):
        free(self.rows)
        free(self.scores)
        free(self.labels)
        free(self.pairs)
        free(self.spare)


cdef int measure(const int64_t[::1] offsets, int64_t rows, int64_t cap, int64_t *longest, int64_t *capped) except -1:
    """Finds the longest list and the sum of min(length, cap); offsets that leave the columns are refused."""
    cdef int64_t q, n, lists = offsets.shape[0] - 1
    cdef bint descends = False
    if lists < 0:
        raise ValueError("offsets must hold at least one value")
    longest[0] = capped[0] = 0
    for q in range(lists):
        n = offsets[q + 1] - offsets[q]
        descends = descends or n < 0
        longest[0] = max(longest[0], n)
        capped[0] += min(n, cap)
    if descends or offsets[0] < 0 or offsets[lists] > rows:
        raise ValueError("offsets must ascend within the rows")
    return 0


cdef average_runs(const real[::1] scores, const uint8_t[::1] labels, const int64_t[::1] offsets, int64_t depth, tied):
    """What `rank_all` returns under AVERAGE, for labels 0..31; what `rank_merged` returns where `tied` is an array,
    which is filled with the last of it."""
    cdef int64_t lists = offsets.shape[0] - 1, longest, most_runs, most_ideal
    cdef fr_top_job job
    if labels.shape[0] != scores.shape[0]:
        raise ValueError("scores and labels must have the same length")
    measure(offsets, scores.shape[0], FR_LABELS, &longest, &most_ideal)
    depth = min(depth, longest) if depth else longest
    measure(offsets, scores.shape[0], depth + FR_LABELS, &longest, &most_runs)
    run_offsets, ideal_offsets = np.zeros(lists + 1, np.int64), np.zeros(lists + 1, np.int64)
    cdef int64_t[::1] run_at = run_offsets, ideal_at = ideal_offsets, first_tied = tied
    cdef Runs runs = Runs(most_runs, True), ideal = Runs(most_ideal, False)
    cdef Room room = Room(longest)
    if most_runs > 0:
        job.scores, job.labels, job.offsets = &scores[0], &labels[0], &offsets[0]
        job.lists, job.depth = lists, depth
        job.run_offsets, job.ideal_offsets = &run_at[0], &ideal_at[0]
        job.first_tied = NULL if first_tied is None else &first_tied[0]
        job.runs, job.ideal = runs.runs, ideal.runs
        job.rows, job.kept_scores, job.kept_labels = room.rows, room.scores, room.labels
        job.pairs, job.spare = room.pairs, room.spare
        with nogil:
            if real is float:
                fr_rank_top_f32(&job)
            else:
                fr_rank_top_f64(&job)
        runs.runs, ideal.runs = job.runs, job.ideal
    return (run_offsets, *runs.arrays(), ideal_offsets, *ideal.arrays())


def rank_merged(const real[::1] scores, const uint8_t[::1] labels, const int64_t[::1] offsets, int64_t depth):
    """What `rank_all` returns under AVERAGE for labels 0..31, but that neighbouring tie groups of label 0 are one run,
    and those below the last other label are left out; and the first rank of each list, from 0, on which rows tie, or
    NO_RANK."""
    if depth < 0:
        raise ValueError("depth must be at least 0")
    tied = np.full(max(offsets.shape[0] - 1, 0), INT64_MAX, np.int64)
    return (*average_runs(scores, labels, offsets, depth, tied), tied)


cdef uint64_t tie_key(int rule, double label, int64_t item) noexcept nogil:
    """The key by which a rule orders rows of equal score."""
    cdef uint64_t item_key = <uint64_t> item ^ (<uint64_t> 1 << 63)
    if rule == BY_ITEM_DESC:
        return ~item_key
    if rule == BY_ITEM_ASC:
        return item_key
    return fr_ascending(label) if rule == BY_LABEL_ASC else fr_descending(label)


cdef void order_group(
    fr_pair *group, fr_pair *spare, int64_t n, int rule, const label_type *labels, const int64_t *items
) noexcept nogil:
    """Orders rows of equal score; their keys are lost.  Rows of the same item are ordered by label, descending."""
    cdef int64_t i
    if rule == BY_INPUT:
        return
    if rule == BY_ITEM_DESC or rule == BY_ITEM_ASC:
        for i in range(n):
            group[i].key = tie_key(BY_LABEL_DESC, labels[group[i].row], 0)
        fr_sort_pairs(group, spare, n)
    for i in range(n):
        group[i].key = tie_key(rule, labels[group[i].row], 0 if items == NULL else items[group[i].row])
    fr_sort_pairs(group, spare, n)


cdef int64_t order_list(
    Room room, const real *scores, const label_type *labels, const int64_t *items, int64_t n, int rule, int64_t depth
) noexcept nogil:
    """Orders the rows of a list in room.pairs, and counts how many: at least all tie groups that begin above depth,
    whose last may go beyond it.

    Keys of rows of equal score are then equal among them, and different from those of their neighbours.
    """
    cdef fr_pair *pairs = room.pairs
    cdef uint64_t key
    cdef int64_t i, j, end, found
    cdef float bound_f32
    cdef double bound
    if depth >= n:
        found = n
        for i in range(n):
            pairs[i].row = i
            pairs[i].key = fr_descending(scores[i])
    else:
        if real is float:
            fr_gather_f32(scores, n, depth, room.rows, &found, &bound_f32)
        else:
            fr_gather_f64(scores, n, depth, room.rows, &found, &bound)
        for i in range(found):
            pairs[i].row = room.rows[i]
            pairs[i].key = fr_descending(scores[pairs[i].row])
    fr_sort_pairs(pairs, room.spare, found)
    i = 0
    while i < found and i < depth:
        end = i + 1
        key = pairs[i].key
        while end < found and pairs[end].key == key:
            end += 1
        if end > i + 1:
            order_group(pairs + i, room.spare, end - i, rule, labels, items)
            for j in range(i, end):
                pairs[j].key = key
        i = end
    return i


cdef void add_groups(fr_runs *runs, const fr_pair *pairs, int64_t n, const label_type *labels) noexcept nogil:
    """Reads the runs off rows in order; those of a tie group are in the order of their labels."""
    cdef int64_t i, begin = 0
    cdef bint opens = True, ends
    for i in range(1, n + 1):
        ends = i == n or pairs[i].key != pairs[begin].key
        if ends or labels[pairs[i].row] != labels[pairs[begin].row]:
            fr_add_run(runs, <double> labels[pairs[begin].row] + 0.0, i - begin, opens)
            begin, opens = i, ends


cdef void add_ideal(fr_runs *ideal, fr_pair *pairs, fr_pair *spare, const double *labels, int64_t n) noexcept nogil:
    """The runs of `ideal_runs`; labels of a small whole number are counted, others sorted."""
    cdef int64_t counts[32]
    cdef int64_t i, begin = 0, judged = 0
    cdef int label
    memset(counts, 0, sizeof(counts))
    for i in range(n):
        if 0.0 <= labels[i] < FR_LABELS and <double> (<int> labels[i]) == labels[i]:
            counts[<int> labels[i]] += 1
        elif labels[i] != NOT_JUDGED:
            break
    else:
        for label in range(FR_LABELS - 1, 0, -1):
            if counts[label]:
                fr_add_run(ideal, label, counts[label], 0)
        return
    for i in range(n):
        if labels[i] != NOT_JUDGED:
            pairs[judged].key = fr_descending(labels[i])
            judged += 1
    fr_sort_pairs(pairs, spare, judged)
    for i in range(1, judged + 1):
        if i == judged or pairs[i].key != pairs[begin].key:
            if fr_from_descending(pairs[begin].key) != 0.0:
                fr_add_run(ideal, fr_from_descending(pairs[begin].key), i - begin, 0)
            begin = i


def ideal_runs(const label_type[::1] labels, const int64_t[::1] offsets):
    """(ideal_offsets, ideal_label, ideal_count): the distinct labels of each list but 0, descending.

    uint8 labels are 0..31.  A label of -inf, not judged, is left out.
    """
    cdef int64_t lists = offsets.shape[0] - 1, longest, most, q
    measure(offsets, labels.shape[0], FR_LABELS if label_type is uint8_t else INT64_MAX, &longest, &most)
    ideal_offsets = np.zeros(lists + 1, np.int64)
    cdef int64_t[::1] at = ideal_offsets
    cdef Runs ideal = Runs(most, False)
    cdef Room room
    if most > 0:
        if label_type is uint8_t:
            with nogil:
                fr_ideal_u8(&labels[0], &offsets[0], lists, &at[0], &ideal.runs)
        else:
            room = Room(longest)
            with nogil:
                for q in range(lists):
                    add_ideal(&ideal.runs, room.pairs, room.spare, &labels[0] + offsets[q], offsets[q + 1] - offsets[q])
                    at[q + 1] = ideal.runs.size
    return (ideal_offsets, *ideal.arrays())


cdef check_order(Py_ssize_t rows, Py_ssize_t labels, const int64_t[::1] items, int rule, int64_t depth):
    if not BY_AVERAGE <= rule <= BY_LABEL_DESC:
        raise ValueError("rule must be one of the tie rules")
    if (rule == BY_ITEM_DESC or rule == BY_ITEM_ASC) and items is None:
        raise ValueError("the tie rules by item need items")
    if depth < 0:
        raise ValueError("depth must be at least 0")
    if labels != rows or (items is not None and items.shape[0] != rows):
        raise ValueError("scores, labels and items must have the same length")


def rank_all(
    const real[::1] scores,
    const label_type[::1] labels,
    const int64_t[::1] offsets,
    int rule,
    const int64_t[::1] items,
    int64_t depth,
):
    """Tie runs of each list for any labels, under any tie rule, whole (depth 0) or of the first `depth` ranks.

    Under AVERAGE rows of equal score are one tie group, and the one that crosses the boundary is whole; under every
    other rule each row is a group of its own.  Returns (run_offsets, run_label, run_count, run_opens, ideal_offsets,
    ideal_label, ideal_count); a run's opens is 1 where a tie group begins; ideal is what `ideal_runs` returns.
    """
    cdef int64_t lists = offsets.shape[0] - 1, n = scores.shape[0], longest, most_runs, q, i, found, begin
    check_order(n, labels.shape[0], items, rule, depth)
    if label_type is uint8_t:
        if rule == BY_AVERAGE:
            return average_runs(scores, labels, offsets, depth, None)
    measure(offsets, n, n, &longest, &most_runs)
    depth = min(depth, longest) if depth else longest
    measure(offsets, n, n if rule == BY_AVERAGE else depth, &longest, &most_runs)
    run_offsets = np.zeros(lists + 1, np.int64)
    cdef int64_t[::1] run_at = run_offsets
    cdef Runs runs = Runs(most_runs, True)
    cdef Room room = Room(longest)
    cdef const label_type *label = NULL
    cdef const int64_t *item = NULL
    if most_runs > 0:
        with nogil:
            for q in range(lists):
                begin, n = offsets[q], offsets[q + 1] - offsets[q]
                if n > 0:
                    label = &labels[begin]
                    if items is not None:
                        item = &items[begin]
                    found = order_list(room, &scores[begin], label, item, n, rule, depth)
                    if rule == BY_AVERAGE:
                        add_groups(&runs.runs, room.pairs, found, label)
                    else:
                        for i in range(min(found, depth)):
                            fr_add_run(&runs.runs, <double> label[room.pairs[i].row] + 0.0, 1, 1)
                run_at[q + 1] = runs.runs.size
    return (run_offsets, *runs.arrays(), *ideal_runs(labels, offsets))


def rank_rows(
    const real[::1] scores,
    const label_type[::1] labels,
    const int64_t[::1] offsets,
    int rule,
    const int64_t[::1] items,
    int64_t depth,
):
    """(row_offsets, rows): the row on each of the first `depth` ranks (0: all) of each list.

    Under AVERAGE rows of equal score are in the order of their labels, descending; then rows are as in the input.
    """
    cdef int64_t lists = offsets.shape[0] - 1, n = scores.shape[0], longest, most, q, i, begin, at = 0
    check_order(n, labels.shape[0], items, rule, depth)
    measure(offsets, n, n, &longest, &most)
    depth = min(depth, longest) if depth else longest
    measure(offsets, n, depth, &longest, &most)
    row_offsets, rows = np.zeros(lists + 1, np.int64), np.empty(most, np.int64)
    cdef int64_t[::1] row_at = row_offsets, row = rows
    cdef Room room = Room(longest)
    cdef const int64_t *item = NULL
    with nogil:
        for q in range(lists):
            begin, n = offsets[q], offsets[q + 1] - offsets[q]
            if n > 0:
                if items is not None:
                    item = &items[begin]
                order_list(room, &scores[begin], &labels[begin], item, n, rule, depth)
                for i in range(min(n, depth)):
                    row[at] = begin + room.pairs[i].row
                    at += 1
            row_at[q + 1] = at
    return row_offsets, rows


def find_tied(const real[::1] scores, const int64_t[::1] offsets):
    """uint8: 1 for each row whose score another row of its list has too."""
    cdef int64_t lists = offsets.shape[0] - 1, q, i, n, longest, total
    measure(offsets, scores.shape[0], INT64_MAX, &longest, &total)
    result = np.zeros(scores.shape[0], np.uint8)
    cdef uint8_t[::1] tied = result
    cdef Room room = Room(longest)
    cdef uint64_t *keys = <uint64_t *> room.rows
    cdef size_t words = <size_t> 1 << (fr_filter_bits(longest) - 6)
    cdef uint64_t *bits = <uint64_t *> malloc(2 * words * sizeof(uint64_t))
    if bits == NULL:
        raise MemoryError
    with nogil:
        for q in range(lists):
            n = offsets[q + 1] - offsets[q]
            for i in range(n):
                keys[i] = fr_ascending(scores[offsets[q] + i])
            if n > 1:
                fr_mark_equal(keys, n, bits, bits + words, room.pairs, room.spare, &tied[offsets[q]])
    free(bits)
    return result


def find_duplicates(const int64_t[::1] codes, const int64_t[::1] offsets):
    """Lowest row whose code occurred earlier in its list, or -1."""
    cdef int64_t lists = offsets.shape[0] - 1, q, n, longest, total, at, found = -1
    cdef uint64_t size = 2
    cdef int64_t *slots
    measure(offsets, codes.shape[0], codes.shape[0], &longest, &total)
    if total == 0:
        return -1
    while size < 2 * <uint64_t> longest:
        size *= 2
    slots = <int64_t *> malloc(size * sizeof(int64_t))
    if slots == NULL:
        raise MemoryError
    with nogil:
        for q in range(lists):
            n = offsets[q + 1] - offsets[q]
            size = 2
            while size < 2 * <uint64_t> n:
                size *= 2
            at = fr_first_duplicate(&codes[offsets[q]], n, slots, size - 1)
            if at >= 0:
                found = offsets[q] + at
                break
    free(slots)
    return found
