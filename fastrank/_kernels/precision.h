/* Terms of average precision: of each score with positives, their weight times the precision at the score. */
#ifndef FASTRANK_PRECISION_H
#define FASTRANK_PRECISION_H

#include <stdint.h>

#include "exact_sum.h"
#include "wide.h"

/* Terms fit one range unless many positives tie, or weigh next to nothing. */
static inline void fr_add_terms(const double *term, long n, int64_t *digits) {
    fr_shape shape = {0, 0};
    if (fr_add_slices(term, n, &shape, digits)) return;
    for (long i = 0; i < n; i++) fr_add_term(digits, term[i]);
}

/* Scores ascend; `left` positives, and rows of both classes, are at the block's first score and above.  Scores without
   positives are passed over without a branch, as which they are cannot be foreseen. */
static inline void fr_add_steps(const int64_t *negative, const int64_t *positive, uint64_t left, uint64_t all, long n,
                                int64_t *digits) {
    int64_t own[FR_BLOCK], above[FR_BLOCK], rows[FR_BLOCK];
    double term[FR_BLOCK];
    for (long start = 0; start < n; start += FR_BLOCK) {
        long size = n - start < FR_BLOCK ? n - start : FR_BLOCK, k = 0;
        for (long i = start; i < start + size; i++) {
            int64_t positives = positive[i];
            own[k] = positives, above[k] = (int64_t)left, rows[k] = (int64_t)all;
            k += positives != 0;
            left -= (uint64_t)positives;
            all -= (uint64_t)positives + (uint64_t)negative[i];
        }
        for (long j = 0; j < k; j++) term[j] = (double)own[j] * ((double)above[j] / (double)rows[j]);
        fr_add_terms(term, k, digits);
    }
    fr_carry(digits);
}

/* The same for weights of 128 bits, of which `scale` is the unit. */
static inline void fr_add_weighted_steps(const uint64_t *negative_high, const uint64_t *negative_low,
                                         const uint64_t *positive_high, const uint64_t *positive_low,
                                         const uint64_t *totals, long n, double scale, int64_t *digits) {
    double term[FR_BLOCK];
    fr_u128 left = fr_join(totals[1], totals[0]), all = fr_join(totals[3], totals[2]);
    for (long start = 0; start < n; start += FR_BLOCK) {
        long size = n - start < FR_BLOCK ? n - start : FR_BLOCK, k = 0;
        for (long i = start; i < start + size; i++) {
            fr_u128 positives = fr_join(positive_high[i], positive_low[i]);
            if (positives) term[k++] = (double)positives * scale * ((double)left / (double)all);
            left -= positives;
            all -= positives + fr_join(negative_high[i], negative_low[i]);
        }
        fr_add_terms(term, k, digits);
    }
    fr_carry(digits);
}

#endif
