/* Pairs of a positive and a negative row of one list: the share that the positive wins, a tie being half a win.

   Where a class is small its scores are compared with all of the other class, which vectorises and needs no order; the
   rows of other lists, and of weighted ones, are sorted. */
#ifndef FASTRANK_LIST_WINS_H
#define FASTRANK_LIST_WINS_H

#include <math.h>
#include <stdint.h>

#include "dispatch.h"
#include "keys.h"
#include "order_sort.h"
#include "wide.h"

enum {
    FR_PAIR_LANES = 16,
    FR_PAIRS_A_ROW = 192 /* from here on, sorting a row costs more than comparing it with so many others */
};

typedef struct {
    const void *scores;
    const uint8_t *labels;
    const double *weights; /* NULL: all are 1 */
    const int64_t *offsets;
    int64_t lists;
    void *positive, *negative; /* room for the scores of the longest list, and for a block of lanes */
    fr_pair *pairs, *spare;    /* room for the longest list, and for twice as much */
    double *share, *positives, *negatives, *all;
    int64_t *rows;
    uint8_t *ties;
} fr_wins_job;

/* What is known of a list; `tied` is of pairs of equal scores. */
typedef struct {
    fr_u128 positives, negatives; /* how many, or their weights in units of 2^-72 */
    fr_u256 twice_wins, tied;
    int64_t rows; /* less those of weight 0 */
} fr_list_wins;

static inline int fr_fits_double(fr_u256 x) { return !x.high && x.low >> 53 == 0; }

static inline int fr_low_zeros(fr_u128 x) {
    return (uint64_t)x ? __builtin_ctzll((uint64_t)x) : 64 + __builtin_ctzll((uint64_t)(x >> 64));
}

/* x / 2^bits, where the bits that fall out are 0; 0 <= bits < 256. */
static inline fr_u256 fr_shift_out(fr_u256 x, int bits) {
    if (bits >= 128) x.low = x.high, x.high = 0, bits -= 128;
    if (bits) x.low = x.low >> bits | x.high << (128 - bits), x.high >>= bits;
    return x;
}

/* numerator / denominator, correctly rounded; 0 <= numerator <= denominator < 2^254, which is not 0. */
static double fr_share(fr_u256 numerator, fr_u256 denominator) {
    fr_u256 rest = numerator;
    uint64_t bits = 0;
    int exponent = 0;
    if (numerator.high == denominator.high && numerator.low == denominator.low) return 1.0;
    if (!(numerator.high | numerator.low)) return 0.0;
    /* Long division: 54 binary digits from the first that is 1, and whether anything is left.  Nothing branches on a
       digit, which would be mispredicted every other time. */
    while (!(bits >> 53)) {
        fr_u256 less;
        rest.high = rest.high << 1 | rest.low >> 127;
        rest.low <<= 1;
        less.low = rest.low - denominator.low;
        less.high = rest.high - denominator.high - (rest.low < denominator.low);
        int reaches = !(less.high >> 127); /* both are far below 2^255: else the difference is negative */
        rest.low = reaches ? less.low : rest.low;
        rest.high = reaches ? less.high : rest.high;
        bits = bits << 1 | (uint64_t)reaches;
        exponent--;
    }
    if ((bits & 1) && ((bits & 2) || (rest.high | rest.low))) bits += 1;
    return ldexp((double)(bits >> 1), exponent + 1);
}

static double fr_share_won(const fr_list_wins *list) {
    fr_u256 wins = list->twice_wins, pairs = fr_multiply_128(list->positives << 1, list->negatives);
    if (!(pairs.high | pairs.low)) return (double)NAN;
    if (!fr_fits_double(pairs)) {
        /* Weights are most often multiples of far more than their unit. */
        fr_u128 low = wins.low | pairs.low, high = wins.high | pairs.high;
        int zeros = low ? fr_low_zeros(low) : 128 + fr_low_zeros(high);
        wins = fr_shift_out(wins, zeros);
        pairs = fr_shift_out(pairs, zeros);
    }
    /* Where both are float64 their quotient is rounded once. */
    return fr_fits_double(pairs) ? (double)(uint64_t)wins.low / (double)(uint64_t)pairs.low : fr_share(wins, pairs);
}

/* 0: no pair is tied, 1: some are, 2: all are. */
static int fr_ties_of(const fr_list_wins *list) {
    fr_u256 pairs = fr_multiply_128(list->positives, list->negatives);
    if (!(list->tied.high | list->tied.low)) return 0;
    return 1 + (list->tied.high == pairs.high && list->tied.low == pairs.low);
}

/* Orders the first n of job->pairs by key; narrow: keys, and what stands in place of rows, have 32 bits. */
static void fr_order_pairs(const fr_wins_job *job, int64_t n, int narrow) {
    uint64_t *words = (uint64_t *)job->spare;
    if (!narrow || n > UINT32_MAX) {
        fr_sort_pairs(job->pairs, job->spare, n);
        return;
    }
    for (int64_t i = 0; i < n; i++) words[i] = job->pairs[i].key << 32 | (uint64_t)job->pairs[i].row;
    if (n <= FR_SORT_GROUP) fr_insert_words(words, n);
    else fr_sort_words(words, words + n, n, 32, 64);
    for (int64_t i = 0; i < n; i++) {
        job->pairs[i].key = words[i] >> 32;
        job->pairs[i].row = (int64_t)(uint32_t)words[i];
    }
}

/* Pairs of key and label, ascending by key. */
static void fr_wins_of_pairs(fr_list_wins *list, const fr_pair *pairs, int64_t n) {
    fr_u128 twice_wins = 0, tied = 0;
    uint64_t below = 0;
    for (int64_t i = 0, end; i < n; i = end) {
        uint64_t positives = 0;
        for (end = i; end < n && pairs[end].key == pairs[i].key; end++) positives += (uint64_t)pairs[end].row;
        uint64_t negatives = (uint64_t)(end - i) - positives;
        twice_wins += (fr_u128)positives * (2 * below + negatives);
        tied += (fr_u128)positives * negatives;
        below += negatives;
    }
    list->twice_wins.low = twice_wins;
    list->tied.low = tied;
}

/* The same where a row has a weight; pairs of key and row. */
static void fr_weigh_pairs(fr_list_wins *list, const fr_pair *pairs, int64_t n, const uint8_t *labels,
                           const double *weights) {
    fr_u128 below = 0;
    for (int64_t i = 0, end; i < n; i = end) {
        fr_u128 positives = 0, negatives = 0;
        for (end = i; end < n && pairs[end].key == pairs[i].key; end++) {
            fr_u128 weight = fr_weight(weights[pairs[end].row]);
            *(labels[pairs[end].row] ? &positives : &negatives) += weight;
        }
        if (positives) fr_add_256(&list->twice_wins, fr_multiply_128(positives, 2 * below + negatives));
        if (positives && negatives) fr_add_256(&list->tied, fr_multiply_128(positives, negatives));
        below += negatives;
        list->positives += positives;
    }
    list->negatives = below;
}

static inline void fr_store_list(const fr_wins_job *job, int64_t q, const fr_list_wins *list) {
    double unit = job->weights ? 0x1p-72 : 1.0;
    job->share[q] = fr_share_won(list);
    job->ties[q] = (uint8_t)fr_ties_of(list);
    job->positives[q] = (double)list->positives * unit;
    job->negatives[q] = (double)list->negatives * unit;
    job->all[q] = (double)(list->positives + list->negatives) * unit;
    job->rows[q] = list->rows;
}

#define FR_REAL float
#define FR_WHOLE int32_t
#define FR_KEY fr_key_f32
#define FR_REAL_IS_FLOAT 1
#define FR_NAMED(name) name##_f32
#define FR_BODY_NAMED(name) name##_f32_body
#include "list_wins_of.h"
#undef FR_REAL
#undef FR_WHOLE
#undef FR_KEY
#undef FR_REAL_IS_FLOAT
#undef FR_NAMED
#undef FR_BODY_NAMED

#define FR_REAL double
#define FR_WHOLE int64_t
#define FR_KEY fr_key_f64
#define FR_REAL_IS_FLOAT 0
#define FR_NAMED(name) name##_f64
#define FR_BODY_NAMED(name) name##_f64_body
#include "list_wins_of.h"
#undef FR_REAL
#undef FR_WHOLE
#undef FR_KEY
#undef FR_REAL_IS_FLOAT
#undef FR_NAMED
#undef FR_BODY_NAMED

FR_CLONES(fr_count_lists_f32, (const fr_wins_job *job), (job))
FR_CLONES(fr_count_lists_f64, (const fr_wins_job *job), (job))

#endif
