/* Many lists under expected-value ties, for labels 0..31, as tie runs.

   For each list of more rows than ranks count: (1) the rows are dealt to lanes in turn; the depth-th greatest of the
   lanes' maxima is a lower bound of the depth-th greatest score, since that many rows reach it; (2) the rows that
   reach the bound are gathered, all rows tied at the boundary among them.  Then the rows are ordered, and the runs
   read off.  Hardly a step branches on the data where lists are random. */
#ifndef FASTRANK_ORDER_TOP_H
#define FASTRANK_ORDER_TOP_H

#include <math.h>
#include <stdint.h>
#include <string.h>

#include "dispatch.h"
#include "order_merged.h"
#include "order_runs.h"
#include "order_sort.h"

enum {
    FR_MOST_LANES = 128,
    FR_LANE = 8,      /* 64-bit integers of the widest vector */
    FR_GATHERED = 24, /* shorter lists are ordered whole */
    FR_FEW = 32,      /* fewer rows are ordered at once, without a look for ties */
    FR_SHORT = 48,    /* most rows ordered by counting, quadratic but vectorised; above it a sort is faster */
    FR_INDEX_BITS = 8,
    FR_INDEX = (1 << FR_INDEX_BITS) - 1,
    FR_SHORT_BITS = 63 - FR_LABEL_BITS - FR_INDEX_BITS /* of a key, in a word without sign */
};

typedef struct {
    const void *scores;
    const uint8_t *labels;
    const int64_t *offsets;
    int64_t lists, depth;
    int64_t *run_offsets, *ideal_offsets;
    int64_t *first_tied; /* of merged runs: the first rank that ties of each list; NULL where they are not merged */
    fr_runs runs, ideal;
    int64_t *rows; /* room for the longest list; so have kept_scores, kept_labels, pairs; spare for twice as many */
    double *kept_scores;
    uint8_t *kept_labels;
    fr_pair *pairs, *spare;
} fr_top_job;

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

/* A label as the lowest bits of a word, so that rows of equal score are in the order of their labels, descending. */
static inline uint64_t fr_label_key(uint8_t label) { return (uint64_t)(FR_LABELS - 1 - label); }

static inline int fr_label_of(uint64_t word) { return FR_LABELS - 1 - (int)(word & (FR_LABELS - 1)); }

/* Keys that ascend where scores descend; -0.0 has the key of 0.0. */
FR_BODY uint32_t fr_key_f32(float x) {
    uint32_t bits;
    x += 0.0f;
    memcpy(&bits, &x, 4);
    return bits ^ (~(uint32_t)((int32_t)bits >> 31) & (uint32_t)INT32_MAX);
}

FR_BODY uint64_t fr_key_f64(double x) { return fr_descending(x); }

/* Batcher's networks (Sorting Networks and Their Applications, 1968). */
#define FR_NETWORK_8 \
    FR_SWAP(0, 4); FR_SWAP(1, 5); FR_SWAP(2, 6); FR_SWAP(3, 7); FR_SWAP(0, 2); FR_SWAP(1, 3); FR_SWAP(4, 6); \
    FR_SWAP(5, 7); FR_SWAP(2, 4); FR_SWAP(3, 5); FR_SWAP(0, 1); FR_SWAP(2, 3); FR_SWAP(4, 5); FR_SWAP(6, 7); \
    FR_SWAP(1, 4); FR_SWAP(3, 6); FR_SWAP(1, 2); FR_SWAP(3, 4); FR_SWAP(5, 6);
#define FR_NETWORK_16 \
    FR_SWAP(0, 8); FR_SWAP(1, 9); FR_SWAP(2, 10); FR_SWAP(3, 11); FR_SWAP(4, 12); FR_SWAP(5, 13); \
    FR_SWAP(6, 14); FR_SWAP(7, 15); FR_SWAP(0, 4); FR_SWAP(1, 5); FR_SWAP(2, 6); FR_SWAP(3, 7); FR_SWAP(8, 12); \
    FR_SWAP(9, 13); FR_SWAP(10, 14); FR_SWAP(11, 15); FR_SWAP(4, 8); FR_SWAP(5, 9); FR_SWAP(6, 10); \
    FR_SWAP(7, 11); FR_SWAP(0, 2); FR_SWAP(1, 3); FR_SWAP(4, 6); FR_SWAP(5, 7); FR_SWAP(8, 10); FR_SWAP(9, 11); \
    FR_SWAP(12, 14); FR_SWAP(13, 15); FR_SWAP(2, 8); FR_SWAP(3, 9); FR_SWAP(6, 12); FR_SWAP(7, 13); \
    FR_SWAP(2, 4); FR_SWAP(3, 5); FR_SWAP(6, 8); FR_SWAP(7, 9); FR_SWAP(10, 12); FR_SWAP(11, 13); FR_SWAP(0, 1); \
    FR_SWAP(2, 3); FR_SWAP(4, 5); FR_SWAP(6, 7); FR_SWAP(8, 9); FR_SWAP(10, 11); FR_SWAP(12, 13); \
    FR_SWAP(14, 15); FR_SWAP(1, 8); FR_SWAP(3, 10); FR_SWAP(5, 12); FR_SWAP(7, 14); FR_SWAP(1, 4); \
    FR_SWAP(3, 6); FR_SWAP(5, 8); FR_SWAP(7, 10); FR_SWAP(9, 12); FR_SWAP(11, 14); FR_SWAP(1, 2); FR_SWAP(3, 4); \
    FR_SWAP(5, 6); FR_SWAP(7, 8); FR_SWAP(9, 10); FR_SWAP(11, 12); FR_SWAP(13, 14);

#define FR_SWAP(i, j)                        \
    do {                                     \
        uint64_t x = words[i], y = words[j]; \
        words[i] = y < x ? y : x;            \
        words[j] = y < x ? x : y;            \
    } while (0)

/* Orders 8 or 16 words. */
FR_BODY void fr_order_lanes(uint64_t *words, const int lanes) {
    if (lanes == 8) {
        FR_NETWORK_8
    } else {
        FR_NETWORK_16
    }
}
#undef FR_SWAP

/* Orders n <= FR_SHORT words below 2^63, no two of which are equal; there is room for FR_LANE more.  The place of a
   word is the number of words before it. */
FR_BODY void fr_order_counted(uint64_t *words, int64_t n) {
    int64_t given[FR_SHORT + FR_LANE] = {0};
    for (int64_t i = 0; i < n; i++) given[i] = (int64_t)words[i];
    for (int64_t i = 0; i < n; i += FR_LANE) {
        int64_t place[FR_LANE] = {0};
        for (int64_t j = 0; j < n; j++)
            for (int l = 0; l < FR_LANE; l++) place[l] += given[j] < given[i + l];
        for (int64_t l = 0; l < FR_LANE && i + l < n; l++) words[place[l]] = (uint64_t)given[i + l];
    }
}

#define FR_REAL float
#define FR_WHOLE int32_t
#define FR_REAL_IS_FLOAT 1
#define FR_NAMED(name) name##_f32
#define FR_BODY_NAMED(name) name##_f32_body
#include "order_counted.h"
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
#include "order_counted.h"
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
