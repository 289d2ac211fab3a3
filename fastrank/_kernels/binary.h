/* Row terms of the binary losses.  y is 0 or 1, p a probability, both already checked. */
#ifndef FASTRANK_BINARY_H
#define FASTRANK_BINARY_H

#include "checks.h"
#include "dispatch.h"
#include "elementary.h"

/* -(y log p + (1 - y) log1p(-p)), p clipped to [eps, 1 - eps].  Both classes share one logarithm,
   of p or 1 - p and what the rounding of 1 - p left. */
#define FR_LOG_LOSS(suffix, real)                                                                        \
    FR_BODY void log_loss_terms_##suffix##_body(const real *score, const uint8_t *label, double eps,     \
                                                double *term, long n) {                                  \
        const double top = 1.0 - eps;                                                                    \
        for (long i = 0; i < n; i++) {                                                                   \
            double p = score[i];                                                                         \
            p = p < eps ? eps : p;                                                                       \
            p = p > top ? top : p;                                                                       \
            double u = 1.0 - p, rest = (1.0 - u) - p;                                                    \
            term[i] = -fr_log_of_sum(fr_reduce(label[i] ? p : u), label[i] ? 0.0 : rest);                \
        }                                                                                                \
    }                                                                                                    \
    FR_CLONES(log_loss_terms_##suffix,                                                                   \
              (const real *score, const uint8_t *label, double eps, double *term, long n),               \
              (score, label, eps, term, n))

/* The same bits of float32 scores in [2^-30, 1) that no clip moves: a multiple of 2^-53 there, p leaves nothing when it
   is taken from 1, and the probability of the true class is |1 - y - p|. */
FR_BODY void exact_log_loss_terms_body(const float *score, const uint8_t *label, double *term, long n) {
    for (long i = 0; i < n; i++) {
        double other = 1.0 - (double)label[i];
        term[i] = -fr_log_of(fr_reduce(fabs(other - (double)score[i])));
    }
}
FR_CLONES(exact_log_loss_terms, (const float *score, const uint8_t *label, double *term, long n),
          (score, label, term, n))

/* (p - y)^2 */
#define FR_BRIER(suffix, real)                                                                           \
    FR_BODY void brier_terms_##suffix##_body(const real *score, const uint8_t *label, double *term,      \
                                             long n) {                                                   \
        for (long i = 0; i < n; i++) {                                                                   \
            double d = (double)score[i] - (double)label[i];                                              \
            term[i] = d * d;                                                                             \
        }                                                                                                \
    }                                                                                                    \
    FR_CLONES(brier_terms_##suffix, (const real *score, const uint8_t *label, double *term, long n),     \
              (score, label, term, n))

FR_LOG_LOSS(f32, float)
FR_LOG_LOSS(f64, double)
FR_BRIER(f32, float)
FR_BRIER(f64, double)

/* Counts scores outside [eps, 1 - eps] of rows that weigh something, by slice where there are slices. */
#define FR_COUNT_CLIPPED(suffix, real)                                                                   \
    static inline void fr_count_clipped_##suffix(const real *score, const double *weight,                \
                                                 const int32_t *slice, double eps, int64_t *clipped,     \
                                                 long n) {                                               \
        const double top = 1.0 - eps;                                                                    \
        for (long i = 0; i < n; i++)                                                                     \
            if ((score[i] < eps) | (score[i] > top)) clipped[slice ? slice[i] : 0] += !weight || weight[i] > 0; \
    }
FR_COUNT_CLIPPED(f32, float)
FR_COUNT_CLIPPED(f64, double)

/* One block of log losses; most blocks of float32 scores have none that is clipped or near 0. */
static inline void fr_log_losses_f32(const float *score, const uint8_t *label, const double *weight,
                                     const int32_t *slice, double eps, double *term, int64_t *clipped, long n) {
    const float least = (float)(eps > 0x1p-30 ? eps : 0x1p-30), most = (float)(1.0 - eps);
    int outside;
    /* Bounds that were rounded outward would let in scores that are clipped. */
    any_outside_f32(score, least < eps ? nextafterf(least, 1.0F) : least,
                    most > 1.0 - eps ? nextafterf(most, 0.0F) : most, n, &outside);
    if (!outside) {
        exact_log_loss_terms(score, label, term, n);
        return;
    }
    fr_count_clipped_f32(score, weight, slice, eps, clipped, n);
    log_loss_terms_f32(score, label, eps, term, n);
}

static inline void fr_log_losses_f64(const double *score, const uint8_t *label, const double *weight,
                                     const int32_t *slice, double eps, double *term, int64_t *clipped, long n) {
    int outside;
    any_outside_f64(score, eps, 1.0 - eps, n, &outside);
    if (outside) fr_count_clipped_f64(score, weight, slice, eps, clipped, n);
    log_loss_terms_f64(score, label, eps, term, n);
}
#endif
