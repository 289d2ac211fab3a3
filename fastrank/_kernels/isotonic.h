/* Pool adjacent violators over integers: the rate positives / (positives + negatives) never falls from block to block. */
#ifndef FASTRANK_ISOTONIC_H
#define FASTRANK_ISOTONIC_H

#include <stdint.h>

#include "wide.h"

/* The arrays hold one block after another, first as many as scores; a block that would break the order, or only repeat
   a rate, is added to the one below.  Each score comes once and each merge removes a block, so the time is linear.
   Rates are compared by cross products of integers, so equal ones are equal, whatever was pooled before.
   first[k] is the place of the lowest score of block k; the number of blocks is returned. */
static inline long fr_pool_counts(int64_t *negative, int64_t *positive, long n, int64_t *first) {
    long top = -1;
    for (long i = 0; i < n; i++) {
        int64_t own_negative = negative[i], own_positive = positive[i], start = i;
        while (top >= 0 && (fr_u128)(uint64_t)positive[top] * (uint64_t)own_negative >=
                               (fr_u128)(uint64_t)own_positive * (uint64_t)negative[top]) {
            own_negative += negative[top];
            own_positive += positive[top];
            start = first[top--];
        }
        top++;
        negative[top] = own_negative;
        positive[top] = own_positive;
        first[top] = start;
    }
    return top + 1;
}

static inline int fr_reaches(fr_u256 a, fr_u256 b) { return a.high != b.high ? a.high > b.high : a.low >= b.low; }

static inline long fr_pool_weights(uint64_t *negative_high, uint64_t *negative_low, uint64_t *positive_high,
                                   uint64_t *positive_low, long n, int64_t *first) {
    long top = -1;
    for (long i = 0; i < n; i++) {
        fr_u128 own_negative = fr_join(negative_high[i], negative_low[i]);
        fr_u128 own_positive = fr_join(positive_high[i], positive_low[i]);
        int64_t start = i;
        while (top >= 0) {
            fr_u128 negative = fr_join(negative_high[top], negative_low[top]);
            fr_u128 positive = fr_join(positive_high[top], positive_low[top]);
            if (!fr_reaches(fr_multiply_128(positive, own_negative), fr_multiply_128(own_positive, negative))) break;
            own_negative += negative;
            own_positive += positive;
            start = first[top--];
        }
        top++;
        negative_high[top] = (uint64_t)(own_negative >> 64);
        negative_low[top] = (uint64_t)own_negative;
        positive_high[top] = (uint64_t)(own_positive >> 64);
        positive_low[top] = (uint64_t)own_positive;
        first[top] = start;
    }
    return top + 1;
}

#endif
