/* Pairs of a positive and a negative, over runs of ascending keys: how many the positive wins, how many tie.

   Words of the answer, lowest first: wins (4), ties (4), negatives (2), positives (2).  wins are the pairs of different
   keys in which the positive's is larger. */
#ifndef FASTRANK_WINS_H
#define FASTRANK_WINS_H

#include <stdint.h>

#include "wide.h"

enum {
    FR_WIN_WORDS = 12,
    FR_FEW_RUNS = 1 << 17 /* looked through twice, they stay in the cache */
};

static inline uint64_t fr_sum_counts(const int64_t *count, long runs) {
    uint64_t sum = 0;
    for (long i = 0; i < runs; i++) sum += (uint64_t)count[i];
    return sum;
}

/* Run i has negative[i] and positive[i] rows.  Whether a total is past 64 bits: only then can a sum
   of products, at most the product of the two totals, be past 128. */
static inline int fr_count_wins(const int64_t *negative, const int64_t *positive, long runs, uint64_t *words) {
    fr_u128 wins = 0, ties = 0, negatives = 0, positives = 0;
    if (runs <= FR_FEW_RUNS) {
        /* Of counts below 2^48 the sums are right, and then it is known whether products fit 64 bits. */
        uint64_t most = 0;
        for (long i = 0; i < runs; i++) most |= (uint64_t)(negative[i] | positive[i]);
        uint64_t all = most >> 48 ? UINT64_MAX : fr_sum_counts(negative, runs) + fr_sum_counts(positive, runs);
        if (all <= UINT32_MAX) {
            uint64_t won = 0, tied = 0, losers = 0, winners = 0;
            for (long i = 0; i < runs; i++) {
                won += (uint64_t)positive[i] * losers;
                tied += (uint64_t)positive[i] * (uint64_t)negative[i];
                losers += (uint64_t)negative[i];
                winners += (uint64_t)positive[i];
            }
            wins = won, ties = tied, negatives = losers, positives = winners;
            runs = 0;
        }
    }
    for (long i = 0; i < runs; i++) {
        uint64_t losers = (uint64_t)negative[i], winners = (uint64_t)positive[i];
        wins += (fr_u128)winners * (uint64_t)negatives;
        ties += (fr_u128)winners * losers;
        negatives += losers;
        positives += winners;
    }
    fr_u256 low_wins = {wins, 0}, low_ties = {ties, 0};
    fr_store_256(low_wins, words);
    fr_store_256(low_ties, words + 4);
    fr_store_128(negatives, words + 8);
    fr_store_128(positives, words + 10);
    return (negatives >> 64 | positives >> 64) != 0;
}

/* The same for weights of 128 bits; whether a total is past 128 bits. */
static inline int fr_weigh_wins(const uint64_t *negative_high, const uint64_t *negative_low,
                                const uint64_t *positive_high, const uint64_t *positive_low, long runs,
                                uint64_t *words) {
    fr_u256 wins = {0, 0}, ties = {0, 0};
    fr_u128 negatives = 0, positives = 0;
    int over = 0;
    for (long i = 0; i < runs; i++) {
        fr_u128 losers = fr_join(negative_high[i], negative_low[i]);
        fr_u128 winners = fr_join(positive_high[i], positive_low[i]);
        if (winners) { /* in a click log few runs have any */
            fr_add_256(&wins, fr_multiply_128(winners, negatives));
            if (losers) fr_add_256(&ties, fr_multiply_128(winners, losers));
        }
        over |= fr_add_128(&negatives, losers);
        over |= fr_add_128(&positives, winners);
    }
    fr_store_256(wins, words);
    fr_store_256(ties, words + 4);
    fr_store_128(negatives, words + 8);
    fr_store_128(positives, words + 10);
    return over;
}

#endif
