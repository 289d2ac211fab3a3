/* Runs: distinct keys ascending, each with the count or the weight of its negatives and of its positives. */
#ifndef FASTRANK_RUNS_H
#define FASTRANK_RUNS_H

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "keys.h"
#include "wide.h"

enum {
    FR_KEY_BLOCK = 512,  /* keys made at a time */
    FR_FEW = 1 << 14,    /* below this many rows a table of parts costs more than it saves */
    FR_DEAL_WIDE = 18,   /* sign, exponent and 6 bits of a float64: parts of an ordinary column fit the cache */
    FR_DEAL_NARROW = 15, /* the same of a float32 */
    FR_INSERT = 24,      /* items that insertion sorts best */
    FR_MOST_DIGIT = 14,
    FR_LEVELS = 17       /* of 63 bits, a level of more than FR_INSERT items takes 4 or more, or all that are left */
};

typedef struct {
    const void *score;
    int wide; /* float64, not float32 */
    const uint8_t *label;
    const double *weight;
    long size;
} fr_rows;

/* Keys are uint64 where wide, else uint32. */
typedef struct {
    void *key;
    int wide;
    int64_t *negative, *positive;
    long size;
} fr_count_runs;

typedef struct {
    void *key;
    int wide;
    uint64_t *negative_high, *negative_low, *positive_high, *positive_low;
    long size;
} fr_weight_runs;

/* The keys of a block of rows from `start`, float32 keys in the upper half; returns how many. */
static inline long fr_load_keys(const fr_rows *rows, long start, uint64_t *key) {
    long n = rows->size - start < FR_KEY_BLOCK ? rows->size - start : FR_KEY_BLOCK;
    if (rows->wide) keys_f64((const double *)rows->score + start, key, n);
    else keys_upper((const float *)rows->score + start, key, n);
    return n;
}

static inline void fr_store_key(void *keys, int wide, long at, uint64_t key) {
    if (wide) ((uint64_t *)keys)[at] = key;
    else ((uint32_t *)keys)[at] = (uint32_t)(key >> 32);
}

/* How many bits n items are told apart by at a time: a bucket has one or two items on average. */
static inline int fr_digit(long n) {
    int digit = 63 - __builtin_clzll((uint64_t)n);
    return digit < FR_MOST_DIGIT ? digit : FR_MOST_DIGIT;
}

/* ---- counts ---- */

/* Appends the runs of sorted items. */
static inline void fr_counts_emit(const uint64_t *items, long n, uint64_t sign, fr_count_runs *runs) {
    long at = runs->size - 1;
    uint64_t last = ~items[0];
    int64_t rows = 0, positives = 0;
    for (long i = 0; i < n; i++) {
        uint64_t key = items[i] >> 1;
        int64_t again = -(int64_t)(key == last >> 1);
        last = items[i];
        at += 1 + again;
        rows = (rows & again) + 1;
        positives = (positives & again) + (int64_t)(items[i] & 1);
        fr_store_key(runs->key, runs->wide, at, sign | key);
        runs->negative[at] = rows - positives;
        runs->positive[at] = positives;
    }
    runs->size = at + 1;
}

#define FR_ITEM uint64_t
#define FR_NAME(f) fr_counts_##f
#define FR_PACKED(item) (item)
#define FR_MAKE(packed, weight) (packed)
#define FR_PRESENT(rows, i) 1
#define FR_RUNS fr_count_runs
#include "runs_sort.h"
#undef FR_ITEM
#undef FR_NAME
#undef FR_PACKED
#undef FR_MAKE
#undef FR_PRESENT
#undef FR_RUNS

/* ---- weights ---- */

typedef struct {
    uint64_t packed;
    double weight;
} fr_weighed;

static inline fr_weighed fr_make_weighed(uint64_t packed, double weight) {
    fr_weighed item = {packed, weight};
    return item;
}

static inline void fr_weights_emit(const fr_weighed *items, long n, uint64_t sign, fr_weight_runs *runs) {
    long at = runs->size - 1;
    uint64_t last = ~items[0].packed, high, low;
    for (long i = 0; i < n; i++) {
        if (items[i].packed >> 1 != last >> 1) {
            at++;
            fr_store_key(runs->key, runs->wide, at, sign | items[i].packed >> 1);
            runs->negative_high[at] = runs->negative_low[at] = runs->positive_high[at] = runs->positive_low[at] = 0;
        }
        last = items[i].packed;
        fr_weight_words(items[i].weight, &high, &low);
        if (last & 1) fr_add_weight(&runs->positive_high[at], &runs->positive_low[at], high, low);
        else fr_add_weight(&runs->negative_high[at], &runs->negative_low[at], high, low);
    }
    runs->size = at + 1;
}

#define FR_ITEM fr_weighed
#define FR_NAME(f) fr_weights_##f
#define FR_PACKED(item) ((item).packed)
#define FR_MAKE(packed, weight) fr_make_weighed(packed, weight)
#define FR_PRESENT(rows, i) ((rows)->weight[i] > 0)
#define FR_RUNS fr_weight_runs
#include "runs_sort.h"
#undef FR_ITEM
#undef FR_NAME
#undef FR_PACKED
#undef FR_MAKE
#undef FR_PRESENT
#undef FR_RUNS

#endif
