/* The top of many short lists under expected-value ties, for labels 0..31, as tie runs.

   For each list: (1) the rows are dealt to lanes in turn; the depth-th greatest of the lanes' maxima is
   a lower bound of the depth-th greatest score, since that many rows reach it; (2) the rows that reach
   the bound are gathered, all rows tied at the boundary among them; (3) each one's place is counted,
   and the runs are read off.  No step branches on the data where lists are random. */
#ifndef FASTRANK_ORDER_TOP_H
#define FASTRANK_ORDER_TOP_H

#include <math.h>
#include <stdint.h>
#include <string.h>

#include "dispatch.h"
#include "order_sort.h"

enum {
    FR_LABELS = 32,
    FR_MOST_LANES = 128,
    FR_LANE = 8, /* 64-bit integers of the widest vector */
    FR_FEW = 32, /* fewer rows are ordered at once, without a look for ties */
    FR_COUNTED = 160 /* most rows ordered by counting, quadratic but vectorised; above it a sort is faster */
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
    int64_t *rows;         /* room for the longest list */
    fr_pair *pairs, *spare; /* likewise */
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
    uint64_t all = 0, word;
    uint8_t rest = 0;
    int64_t words = n / 8;
    for (int64_t i = 0; i < words; i++) {
        memcpy(&word, labels + 8 * i, 8);
        all |= word;
    }
    for (int64_t i = 8 * words; i < n; i++) rest |= labels[i];
    all |= all >> 32;
    all |= all >> 16;
    all |= all >> 8;
    for (int label = (int)((all | rest) & (FR_LABELS - 1)); label > 0; label--) {
        int64_t count = fr_count_label(labels, n, label);
        if (count) fr_add_run(ideal, label, count, 0);
    }
}

/* Reads the runs off rows in order; a tag holds the label above its lowest 16 bits. */
static inline void fr_add_ordered(fr_runs *runs, const int64_t *key, const int64_t *tag, int64_t n, int64_t depth) {
    int64_t at = runs->size - 1, last = 0, last_label = -1;
    for (int64_t i = 0; i < n; i++) {
        int64_t label = tag[i] >> 16;
        int opens = i == 0 || key[i] != last;
        if (opens && i >= depth) break;
        if (opens || label != last_label) {
            at++;
            runs->label[at] = (double)label;
            runs->count[at] = 0;
            runs->opens[at] = (uint8_t)opens;
        }
        runs->count[at]++;
        last = key[i];
        last_label = label;
    }
    runs->size = at + 1;
}

/* Reads the runs off pairs sorted by score, whose groups are not yet ordered by label. */
static inline void fr_add_sorted(fr_runs *runs, const fr_pair *pairs, const uint8_t *labels, int64_t n, int64_t depth) {
    for (int64_t i = 0; i < n && i < depth;) {
        int64_t end = i + 1;
        while (end < n && pairs[end].key == pairs[i].key) end++;
        if (end == i + 1) {
            fr_add_run(runs, labels[pairs[i].row], 1, 1);
        } else {
            int64_t counts[FR_LABELS] = {0};
            for (int64_t j = i; j < end; j++) counts[labels[pairs[j].row]]++;
            fr_add_group(runs, counts);
        }
        i = end;
    }
}

/* Keys that order as the scores do; -0.0 has the key of 0.0.  A float32 leaves the lower half free for the tag. */
FR_BODY int64_t fr_key_f32(float x) {
    int32_t bits;
    x += 0.0f;
    memcpy(&bits, &x, 4);
    return (int64_t)((uint64_t)(uint32_t)(bits ^ ((bits >> 31) & INT32_MAX)) << 32);
}

FR_BODY int64_t fr_key_f64(double x) {
    int64_t bits;
    x += 0.0;
    memcpy(&bits, &x, 8);
    return bits ^ ((bits >> 63) & INT64_MAX);
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

FR_CLONES(fr_rank_top_f32, (fr_top_job *job), (job))
FR_CLONES(fr_rank_top_f64, (fr_top_job *job), (job))
FR_CLONES(fr_gather_f64,
          (const double *scores, int64_t n, int64_t depth, int64_t *rows, int64_t *count, double *bound),
          (scores, n, depth, rows, count, bound))

#endif
