/* Many lists under expected-value ties, for labels 0..31, as tie runs.

   For each list of more rows than ranks count: (1) the rows are dealt to lanes in turn; the depth-th greatest of the
   lanes' maxima is a lower bound of the depth-th greatest score, since that many rows reach it; (2) the rows that
   reach the bound are gathered, all rows tied at the boundary among them.  Few rows are ordered by counting how many
   are before each, others by sorting; then the runs are read off.  No step branches on the data where lists are
   random. */
#ifndef FASTRANK_ORDER_TOP_H
#define FASTRANK_ORDER_TOP_H

#include <math.h>
#include <stdint.h>
#include <string.h>

#include "dispatch.h"
#include "order_sort.h"

enum {
    FR_LABEL_BITS = 5,
    FR_LABELS = 1 << FR_LABEL_BITS,
    FR_MOST_LANES = 128,
    FR_LANE = 8,      /* 64-bit integers of the widest vector */
    FR_GATHERED = 24, /* shorter lists are ordered whole */
    FR_FEW = 32,      /* fewer rows are ordered at once, without a look for ties */
    FR_COUNTED = 160  /* most rows ordered by counting, quadratic but vectorised; above it a sort is faster */
};

typedef struct {
    double *label;
    int64_t *count;
    uint8_t *opens;
    int64_t size;
} fr_runs;

typedef struct {
    const void *scores;
    const uint8_t *labels;
    const int64_t *offsets;
    int64_t lists, depth;
    int64_t *run_offsets, *ideal_offsets;
    fr_runs runs, ideal;
    int64_t *rows; /* room for the longest list; so have kept_scores, kept_labels, pairs; spare for twice as many */
    double *kept_scores;
    uint8_t *kept_labels;
    fr_pair *pairs, *spare;
} fr_top_job;

static inline void fr_add_run(fr_runs *runs, double label, int64_t count, int opens) {
    runs->label[runs->size] = label;
    runs->count[runs->size] = count;
    if (runs->opens) runs->opens[runs->size] = (uint8_t)opens;
    runs->size++;
}

/* One tie group, from the number of its rows of each label. */
static inline void fr_add_group(fr_runs *runs, const int64_t *counts) {
    int opens = 1;
    for (int label = FR_LABELS - 1; label >= 0; label--) {
        if (!counts[label]) continue;
        fr_add_run(runs, label, counts[label], opens);
        opens = 0;
    }
}

/* How many of n labels are `label`; eight at a time, each in a byte of a word. */
FR_BODY int64_t fr_count_label(const uint8_t *labels, int64_t n, int label) {
    const uint64_t ones = 0x0101010101010101ULL, tops = 0x8080808080808080ULL, even = 0x00FF00FF00FF00FFULL;
    const uint64_t pattern = ones * (uint64_t)label;
    int64_t total = 0, words = n / 8;
    for (int64_t from = 0; from < words; from += 255) {
        int64_t end = from + 255 < words ? from + 255 : words;
        uint64_t found = 0, word;
        for (int64_t i = from; i < end; i++) {
            memcpy(&word, labels + 8 * i, 8);
            found += ((tops - (word ^ pattern)) & tops) >> 7;
        }
        found = (found & even) + ((found >> 8) & even);
        total += (int64_t)((found * 0x0001000100010001ULL) >> 48);
    }
    for (int64_t i = 8 * words; i < n; i++) total += labels[i] == label;
    return total;
}

/* The distinct labels above 0, descending. */
FR_BODY void fr_add_ideal(fr_runs *ideal, const uint8_t *labels, int64_t n) {
    uint32_t present = 0;
    for (int64_t i = 0; i < n; i++) present |= (uint32_t)1 << (labels[i] & (FR_LABELS - 1));
    while (present > 1) {
        int label = fr_width(present) - 1;
        fr_add_run(ideal, label, fr_count_label(labels, n, label), 0);
        present ^= (uint32_t)1 << label;
    }
}

/* The run that is being read off rows in order. */
typedef struct {
    int64_t run, begin;
    uint64_t key;
    int label, opens;
} fr_reader;

static inline fr_reader fr_before_rows(const fr_runs *runs) {
    fr_reader reader = {runs->size - 1, 0, 0, -1, 0};
    return reader;
}

static inline void fr_after_rows(fr_runs *runs, const fr_reader *reader) { runs->size = reader->run + 1; }

/* Row i in order; 0 where its tie group begins below the cut.  The run is stored whole at each of its rows, since a
   branch would be mispredicted wherever ties are random. */
static inline int fr_read_row(fr_runs *runs, fr_reader *reader, int64_t i, uint64_t key, int label, int64_t depth) {
    int opens = (i == 0) | (key != reader->key), starts = opens | (label != reader->label);
    if (opens && i >= depth) return 0;
    reader->run += starts;
    reader->begin = starts ? i : reader->begin;
    reader->opens = starts ? opens : reader->opens;
    reader->key = key;
    reader->label = label;
    runs->label[reader->run] = label;
    runs->count[reader->run] = i - reader->begin + 1;
    runs->opens[reader->run] = (uint8_t)reader->opens;
    return 1;
}

/* Reads the runs off pairs (score, label) sorted by score, whose groups are not yet ordered by label. */
static inline void fr_add_pairs(fr_runs *runs, const fr_pair *pairs, int64_t n, int64_t depth) {
    for (int64_t i = 0; i < n && i < depth;) {
        int64_t end = i + 1;
        while (end < n && pairs[end].key == pairs[i].key) end++;
        if (end == i + 1) {
            fr_add_run(runs, (double)pairs[i].row, 1, 1);
        } else {
            int64_t counts[FR_LABELS] = {0};
            for (int64_t j = i; j < end; j++) counts[pairs[j].row]++;
            fr_add_group(runs, counts);
        }
        i = end;
    }
}

/* Keys that order as the scores do from the highest; -0.0 has the key of 0.0.  That of a float32 leaves the lower
   half free for the tag. */
FR_BODY int64_t fr_key_f32(float x) {
    int32_t bits;
    x += 0.0f;
    memcpy(&bits, &x, 4);
    return (int64_t)((uint64_t)(uint32_t)~(bits ^ ((bits >> 31) & INT32_MAX)) << 32);
}

FR_BODY int64_t fr_key_f64(double x) {
    int64_t bits;
    x += 0.0;
    memcpy(&bits, &x, 8);
    return ~(bits ^ ((bits >> 63) & INT64_MAX));
}

#define FR_REAL float
#define FR_WHOLE int32_t
#define FR_REAL_IS_FLOAT 1
#define FR_NAMED(name) name##_f32
#define FR_BODY_NAMED(name) name##_f32_body
#include "order_list.h"
#undef FR_REAL
#undef FR_WHOLE
#undef FR_REAL_IS_FLOAT
#undef FR_NAMED
#undef FR_BODY_NAMED

#define FR_REAL double
#define FR_WHOLE int64_t
#define FR_REAL_IS_FLOAT 0
#define FR_NAMED(name) name##_f64
#define FR_BODY_NAMED(name) name##_f64_body
#include "order_list.h"
#undef FR_REAL
#undef FR_WHOLE
#undef FR_REAL_IS_FLOAT
#undef FR_NAMED
#undef FR_BODY_NAMED

FR_BODY void fr_ideal_u8_body(const uint8_t *labels, const int64_t *offsets, int64_t lists, int64_t *ideal_offsets,
                              fr_runs *ideal) {
    fr_runs runs = *ideal;
    for (int64_t q = 0; q < lists; q++) {
        fr_add_ideal(&runs, labels + offsets[q], offsets[q + 1] - offsets[q]);
        ideal_offsets[q + 1] = runs.size;
    }
    ideal->size = runs.size;
}

FR_CLONES(fr_rank_top_f32, (fr_top_job *job), (job))
FR_CLONES(fr_rank_top_f64, (fr_top_job *job), (job))
FR_CLONES(fr_gather_f32,
          (const float *scores, int64_t n, int64_t depth, int64_t *rows, int64_t *count, float *bound),
          (scores, n, depth, rows, count, bound))
FR_CLONES(fr_gather_f64,
          (const double *scores, int64_t n, int64_t depth, int64_t *rows, int64_t *count, double *bound),
          (scores, n, depth, rows, count, bound))
FR_CLONES(fr_ideal_u8,
          (const uint8_t *labels, const int64_t *offsets, int64_t lists, int64_t *ideal_offsets, fr_runs *ideal),
          (labels, offsets, lists, ideal_offsets, ideal))

#endif
