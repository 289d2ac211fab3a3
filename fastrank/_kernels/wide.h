/* Integers of 128 and 256 bits: weights, and sums of products of weights or counts. */
#ifndef FASTRANK_WIDE_H
#define FASTRANK_WIDE_H

#include <stdint.h>

__extension__ typedef unsigned __int128 fr_u128;

typedef struct {
    fr_u128 low, high;
} fr_u256;

static inline fr_u128 fr_join(uint64_t high, uint64_t low) { return ((fr_u128)high << 64) | low; }

/* weight * 2^72 as high * 2^64 + low.  weight is a multiple of 2^-72 in [0, 2^20]: every step is exact.  The low word is
   made in halves: of a whole one every other would be past int64, which the conversion would branch on. */
static inline void fr_weight_words(double weight, uint64_t *high, uint64_t *low) {
    double scaled = weight * 256.0;
    int64_t whole = (int64_t)scaled;
    double rest = (scaled - (double)whole) * 4294967296.0;
    int64_t upper = (int64_t)rest, lower = (int64_t)((rest - (double)upper) * 4294967296.0);
    *high = (uint64_t)whole;
    *low = (uint64_t)upper << 32 | (uint64_t)lower;
}

static inline fr_u128 fr_weight(double weight) {
    uint64_t high, low;
    fr_weight_words(weight, &high, &low);
    return fr_join(high, low);
}

/* (*high, *low) += weight * 2^72 */
static inline void fr_add_weight(uint64_t *high, uint64_t *low, uint64_t weight_high, uint64_t weight_low) {
    uint64_t sum = *low + weight_low;
    *high += weight_high + (sum < weight_low);
    *low = sum;
}

/* *sum += term; whether the sum went past 128 bits. */
static inline int fr_add_128(fr_u128 *sum, fr_u128 term) {
    *sum += term;
    return *sum < term;
}

static inline fr_u256 fr_multiply_128(fr_u128 a, fr_u128 b) {
    uint64_t a0 = (uint64_t)a, a1 = (uint64_t)(a >> 64), b0 = (uint64_t)b, b1 = (uint64_t)(b >> 64);
    fr_u128 low = (fr_u128)a0 * b0, left = (fr_u128)a1 * b0, right = (fr_u128)a0 * b1, high = (fr_u128)a1 * b1;
    fr_u128 middle = (low >> 64) + (uint64_t)left + (uint64_t)right; /* below 3 * 2^64 */
    fr_u256 product;
    product.low = (middle << 64) | (uint64_t)low;
    product.high = high + (left >> 64) + (right >> 64) + (middle >> 64);
    return product;
}

/* *sum += term, modulo 2^256 */
static inline void fr_add_256(fr_u256 *sum, fr_u256 term) {
    sum->low += term.low;
    sum->high += term.high + (sum->low < term.low);
}

static inline void fr_store_128(fr_u128 x, uint64_t *words) {
    words[0] = (uint64_t)x;
    words[1] = (uint64_t)(x >> 64);
}

static inline void fr_store_256(fr_u256 x, uint64_t *words) {
    fr_store_128(x.low, words);
    fr_store_128(x.high, words + 2);
}

/* own[i] = integer i * scale, above[i] = (left - the integers up to i) * scale, each rounded once for a power of two. */
static inline void fr_weights_above(const int64_t *count, const uint64_t *high, const uint64_t *low,
                                    const uint64_t *left, long n, double scale, double *own, double *above) {
    fr_u128 rest = fr_join(left[1], left[0]);
    for (long i = 0; i < n; i++) {
        fr_u128 x = count ? (fr_u128)(uint64_t)count[i] : fr_join(high[i], low[i]);
        rest -= x;
        own[i] = (double)x * scale;
        above[i] = (double)rest * scale;
    }
}

#endif
