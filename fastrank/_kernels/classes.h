/* Scores of classes, a row of them for each row of the data. */
#ifndef FASTRANK_CLASSES_H
#define FASTRANK_CLASSES_H

#include <stdint.h>

#include "dispatch.h"
#include "wide.h"

/* The share of orders of the tied classes in which the row's own class is among the k highest scores: with `above`
   classes higher and `tied` as high (itself among them), (k - above) / tied between 0 and 1. */
#define FR_TOP_SHARES(suffix, real, count)                                                               \
    FR_BODY void top_shares_##suffix##_body(const real *score, const int32_t *label, int64_t classes, int64_t k, \
                                            double *share, long n) {                                     \
        for (long i = 0; i < n; i++, score += classes) {                                                 \
            real own = score[label[i]];                                                                  \
            count above = 0, tied = 0;                                                                   \
            for (int64_t j = 0; j < classes; j++) above += score[j] > own, tied += score[j] == own;      \
            share[i] = above >= k ? 0.0 : above + tied <= k ? 1.0 : (double)(k - above) / (double)tied;  \
        }                                                                                                \
    }                                                                                                    \
    FR_CLONES(top_shares_##suffix,                                                                       \
              (const real *score, const int32_t *label, int64_t classes, int64_t k, double *share, long n), \
              (score, label, classes, k, share, n))

/* Counters as wide as the scores, so that both fill the same vectors. */
FR_TOP_SHARES(f32, float, int32_t)
FR_TOP_SHARES(f64, double, int64_t)

static inline void fr_count_pairs(const int32_t *label, const int32_t *predicted, const int32_t *slice,
                                  int64_t classes, int64_t *counts, long n) {
    for (long i = 0; i < n; i++) counts[((slice ? slice[i] : 0) * classes + label[i]) * classes + predicted[i]]++;
}

static inline void fr_weigh_pairs(const int32_t *label, const int32_t *predicted, const int32_t *slice,
                                  int64_t classes, const double *weight, uint64_t *high, uint64_t *low, long n) {
    for (long i = 0; i < n; i++) {
        int64_t at = ((slice ? slice[i] : 0) * classes + label[i]) * classes + predicted[i];
        uint64_t weight_high, weight_low;
        fr_weight_words(weight[i], &weight_high, &weight_low);
        fr_add_weight(&high[at], &low[at], weight_high, weight_low);
    }
}

#endif
