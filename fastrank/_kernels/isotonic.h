/* Pool adjacent violators over integers: the rate positives / (positives + negatives) never falls from block to block.
   And the values of such a fit. */
#ifndef FASTRANK_ISOTONIC_H
#define FASTRANK_ISOTONIC_H

#include <math.h>
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

/* How far s is from low to high, which is above it; infinitely far from an infinite end. */
static inline double fr_share(double s, double low, double high) {
    double span = high - low;
    if (s == low) return 0.0;
    if (span <= 0x1.fffffffffffffp1023) return (s - low) / span;
    if (isinf(low)) return isinf(high) ? 0.5 : 1.0;
    return isinf(high) ? 0.0 : (s / 2 - low / 2) / (high / 2 - low / 2);
}

/* The value at s of the steps, or of the line, through (x[i], y[i]), of which x ascends and y keeps its order. */
static inline double fr_interpolate(const double *x, const double *y, long n, int linear, double s) {
    long below = 0;
    for (long size = n; size > 1;) { /* the last x that is at most s, or the first */
        long half = size / 2;
        below += x[below + half] <= s ? half : 0;
        size -= half;
    }
    if (s != s) return s;
    double at = y[below];
    if (!linear || below + 1 == n || s < x[below]) return at;
    double next = y[below + 1], value = at + fr_share(s, x[below], x[below + 1]) * (next - at);
    /* A line that is rounded may pass its end. */
    return (value - next) * (next - at) > 0 ? next : value;
}

static inline void fr_interpolate_all(const double *x, const double *y, long n, int linear, const double *s,
                                      double *value, long count) {
    for (long i = 0; i < count; i++) value[i] = fr_interpolate(x, y, n, linear, s[i]);
}

#endif
