/* Row terms of the binary losses.  y is 0 or 1, p a probability, both already checked. */
#ifndef FASTRANK_BINARY_H
#define FASTRANK_BINARY_H

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
#endif
