/* Moments of midranks: of the rows of one class, among those of the other.

   The midrank of a row is twice the rows of the other class that score lower, plus those that tie.  Words of the
   answer, lowest first, FR_MOMENT_WORDS each: sum of midranks, sum of their squares, sum of squares of tied rows. */
#ifndef FASTRANK_MIDRANKS_H
#define FASTRANK_MIDRANKS_H

#include <stdint.h>

#include "wide.h"

enum { FR_MOMENT_WORDS = 8, FR_MOMENTS = 3 };

static inline void fr_multiply_words(const uint64_t *a, int a_words, const uint64_t *b, int b_words, uint64_t *out) {
    for (int i = 0; i < a_words + b_words; i++) out[i] = 0;
    for (int i = 0; i < a_words; i++) {
        uint64_t carry = 0;
        for (int j = 0; j < b_words; j++) {
            fr_u128 sum = (fr_u128)a[i] * b[j] + out[i + j] + carry; /* at most 2^128 - 1 */
            out[i + j] = (uint64_t)sum;
            carry = (uint64_t)(sum >> 64);
        }
        out[i + b_words] = carry;
    }
}

/* sum += term; the sum has FR_MOMENT_WORDS words, the term no more. */
static inline void fr_add_words(uint64_t *sum, const uint64_t *term, int words) {
    uint64_t carry = 0;
    for (int i = 0; i < FR_MOMENT_WORDS && (i < words || carry); i++) {
        fr_u128 total = (fr_u128)sum[i] + (i < words ? term[i] : 0) + carry;
        sum[i] = (uint64_t)total;
        carry = (uint64_t)(total >> 64);
    }
}

/* Counts; twice those of the other class are below 2^64, so that no sum is past 192 bits. */
static inline void fr_count_midranks(const int64_t *own, const int64_t *other, long n, uint64_t *words) {
    fr_u256 ranks = {0, 0}, squares = {0, 0}, ties = {0, 0};
    uint64_t below = 0;
    for (long i = 0; i < n; i++) {
        uint64_t rows = (uint64_t)own[i], tied = (uint64_t)other[i], rank = 2 * below + tied;
        below += tied;
        if (!rows) continue;
        fr_u256 term = {(fr_u128)rows * rank, 0};
        fr_add_256(&ranks, term);
        fr_add_256(&squares, fr_multiply_128((fr_u128)rank * rank, rows));
        fr_add_256(&ties, fr_multiply_128((fr_u128)tied * tied, rows));
    }
    fr_store_256(ranks, words);
    fr_store_256(squares, words + FR_MOMENT_WORDS);
    fr_store_256(ties, words + 2 * FR_MOMENT_WORDS);
}

/* Weights of 128 bits whose sums fit 128 bits: no sum is past 388 bits. */
static inline void fr_weigh_midranks(const uint64_t *own_high, const uint64_t *own_low, const uint64_t *other_high,
                                     const uint64_t *other_low, long n, uint64_t *words) {
    fr_u128 below = 0;
    for (long i = 0; i < n; i++) {
        fr_u128 other = fr_join(other_high[i], other_low[i]), twice = below << 1, low = twice + other;
        uint64_t own[2] = {own_low[i], own_high[i]}, tied[2] = {other_low[i], other_high[i]};
        uint64_t rank[3] = {(uint64_t)low, (uint64_t)(low >> 64), (uint64_t)(below >> 127) + (low < twice)};
        uint64_t square[6], term[8];
        below += other;
        if (!(own[0] | own[1])) continue;
        fr_multiply_words(rank, 3, own, 2, term);
        fr_add_words(words, term, 5);
        fr_multiply_words(rank, 3, rank, 3, square);
        fr_multiply_words(square, 6, own, 2, term);
        fr_add_words(words + FR_MOMENT_WORDS, term, 8);
        fr_multiply_words(tied, 2, tied, 2, square);
        fr_multiply_words(square, 4, own, 2, term);
        fr_add_words(words + 2 * FR_MOMENT_WORDS, term, 6);
    }
}

#endif
