/* Row terms of losses: a formula each of a label y, a score p, and the constants c of the loss, all float64.

   A loss is one line FR_LOSS(name, formula) and one line in the table at the end; those of labels 0 and 1 stand in
   two_classes.h.  A formula holds IEEE operations and functions of elementary.h only, and selects rather than branches,
   so that it vectorises. */
#ifndef FASTRANK_LOSSES_H
#define FASTRANK_LOSSES_H

#include <math.h>

#include "deviances.h"
#include "dispatch.h"
#include "elementary.h"

FR_INLINE double fr_least(double a, double b) { return a < b ? a : b; }
FR_INLINE double fr_greatest(double a, double b) { return a > b ? a : b; }
FR_INLINE double fr_square(double x) { return x * x; }

/* delta^2 times Huber's function of e / delta: e^2 / 2 up to delta, and the line that goes on from there. */
FR_INLINE double fr_huber(double size, double delta) {
    double bent = fr_least(size, delta);
    return bent * (size - 0.5 * bent);
}

/* Both weights are read before one is chosen, so that there is no branch. */
FR_INLINE double fr_pinball(double error, double under, double over) {
    return fabs(error) * (error > 0.0 ? under : over);
}

/* log(cosh(e)) = log(1 + sinh(e)^2) / 2, with sinh(e)^2 = t^2 / (4 (1 + t)) for t = exp(2 |e|) - 1: no small e is lost.
   From 20 on it is |e| - log 2 to the last bit. */
FR_INLINE double fr_log_cosh(double size) {
    double t = fr_expm1(2.0 * fr_least(size, 20.0));
    return size < 20.0 ? 0.5 * fr_log1p(0.25 * t * (t / (1.0 + t))) : size - 0x1.62e42fefa39efp-1;
}

/* A quotient of which the second is 0 only where the first counts nothing. */
FR_INLINE double fr_share(double part, double whole) { return part / (whole == 0.0 ? INFINITY : whole); }

#define FR_LOSS(name, formula)                                                                           \
    FR_BODY void name##_terms_body(const double *label, const double *score, const double *c,            \
                                   double *term, long n) {                                               \
        (void)c;                                                                                         \
        for (long i = 0; i < n; i++) {                                                                   \
            const double y = label[i], p = score[i];                                                     \
            term[i] = formula;                                                                           \
        }                                                                                                \
    }                                                                                                    \
    FR_CLONES(name##_terms,                                                                              \
              (const double *label, const double *score, const double *c, double *term, long n),         \
              (label, score, c, term, n))

FR_LOSS(squared_error, fr_square(p - y))
FR_LOSS(absolute_error, fabs(p - y))
FR_LOSS(absolute_label, fabs(y))
FR_LOSS(huber, fr_huber(fabs(p - y), c[0]))
FR_LOSS(pinball, fr_pinball(y - p, c[0], c[1]))
FR_LOSS(log_cosh, fr_log_cosh(fabs(p - y)))
/* log(1 + p) - log(1 + y) cancels where they are near; the logarithm of the ratio does not. */
FR_LOSS(squared_log_error, fr_square(fr_log1p(fabs(p - y) / (1.0 + fr_least(y, p)))))
FR_LOSS(relative_error, fr_share(fabs(p - y), fabs(y)))
FR_LOSS(floored_relative_error, fabs(p - y) / fr_greatest(fabs(y), c[0]))
FR_LOSS(symmetric_relative_error, fr_share(fabs(p - y), fabs(y) + fabs(p)))
FR_LOSS(poisson, 2.0 * fr_divergence(y, p))
FR_LOSS(gamma, 2.0 * fr_divergence(p, y) / p)
FR_LOSS(tweedie, fr_tweedie(y, p, c[0]))

#include "two_classes.h"

typedef struct {
    const char *name;
    void (*terms)(const double *label, const double *score, const double *c, double *term, long n);
    int constants; /* how many there are */
    int cancels;   /* whether terms may differ in sign, so that products with weights have to be exact */
} fr_loss;

static const fr_loss fr_losses[] = {
    {"squared_error", squared_error_terms, 0, 0},
    {"absolute_error", absolute_error_terms, 0, 0},
    {"absolute_label", absolute_label_terms, 0, 0},
    {"huber", huber_terms, 1, 0},
    {"pinball", pinball_terms, 2, 0},
    {"log_cosh", log_cosh_terms, 0, 0},
    {"squared_log_error", squared_log_error_terms, 0, 0},
    {"relative_error", relative_error_terms, 0, 0},
    {"floored_relative_error", floored_relative_error_terms, 1, 0},
    {"symmetric_relative_error", symmetric_relative_error_terms, 0, 0},
    {"poisson", poisson_terms, 0, 0},
    {"gamma", gamma_terms, 0, 0},
    {"tweedie", tweedie_terms, 1, 0},
    {"true_class_log_loss", true_class_log_loss_terms, 1, 0},
    {"logit_loss", logit_loss_terms, 0, 0},
    {"focal", focal_terms, 5, 0},
    {"focal_of_logits", focal_of_logits_terms, 3, 0},
    {"hinge", hinge_terms, 0, 0},
    {"squared_hinge", squared_hinge_terms, 0, 0},
};

enum { FR_LOSSES = sizeof fr_losses / sizeof fr_losses[0] };

#endif
