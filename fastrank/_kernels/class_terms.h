/* What becomes of the scores of all classes of a row: one number, of float64 scores and the number of the true class.

   The scores are a copy, which a term may overwrite. */
#ifndef FASTRANK_CLASS_TERMS_H
#define FASTRANK_CLASS_TERMS_H

#include <math.h>
#include <stdint.h>

#include "dispatch.h"
#include "elementary.h"

#define FR_CLASS_TERM(name, formula)                                                                     \
    FR_BODY void name##_of_classes_body(double *score, const int32_t *label, int64_t classes, double *term, \
                                        long n) {                                                        \
        for (long i = 0; i < n; i++, score += classes) term[i] = formula(score, label[i], classes);      \
    }                                                                                                    \
    FR_CLONES(name##_of_classes,                                                                         \
              (double *score, const int32_t *label, int64_t classes, double *term, long n),              \
              (score, label, classes, term, n))

/* Every fourth class in a sum of its own, so that an addition need not wait for the one before. */
FR_INLINE double fr_class_sum(const double *score, int64_t classes) {
    double a = 0.0, b = 0.0, c = 0.0, d = 0.0;
    int64_t k = 0;
    for (; k + 4 <= classes; k += 4) a += score[k], b += score[k + 1], c += score[k + 2], d += score[k + 3];
    a += k < classes ? score[k] : 0.0;
    b += k + 1 < classes ? score[k + 1] : 0.0;
    c += k + 2 < classes ? score[k + 2] : 0.0;
    return (a + b) + (c + d);
}

FR_INLINE double fr_total(double *score, int32_t own, int64_t classes) {
    (void)own;
    return fr_class_sum(score, classes);
}

FR_INLINE double fr_own(double *score, int32_t own, int64_t classes) {
    (void)classes;
    return score[own];
}

FR_INLINE double fr_own_share(double *score, int32_t own, int64_t classes) {
    return score[own] / fr_class_sum(score, classes);
}

/* Over the highest other score; infinite where there is no other class. */
FR_INLINE double fr_margin(double *score, int32_t own, int64_t classes) {
    double mine = score[own], other = -INFINITY;
    score[own] = -INFINITY;
    for (int64_t k = 0; k < classes; k++) other = score[k] > other ? score[k] : other;
    return mine - other;
}

FR_INLINE double fr_squared_errors(double *score, int32_t own, int64_t classes) {
    score[own] -= 1.0;
    for (int64_t k = 0; k < classes; k++) score[k] *= score[k];
    return fr_class_sum(score, classes);
}

FR_INLINE double fr_squared_errors_of_shares(double *score, int32_t own, int64_t classes) {
    const double sum = fr_class_sum(score, classes);
    for (int64_t k = 0; k < classes; k++) score[k] /= sum;
    return fr_squared_errors(score, own, classes);
}

/* Each class against the rest: 1 - z of the true class, 1 + z of others, where that is above 0. */
FR_INLINE void fr_lack(double *score, int32_t own, int64_t classes) {
    score[own] = -score[own];
    for (int64_t k = 0; k < classes; k++) score[k] = 1.0 + score[k] > 0 ? 1.0 + score[k] : 0.0;
}

FR_INLINE double fr_mean_hinge(double *score, int32_t own, int64_t classes) {
    fr_lack(score, own, classes);
    return fr_class_sum(score, classes) / (double)classes;
}

FR_INLINE double fr_mean_squared_hinge(double *score, int32_t own, int64_t classes) {
    fr_lack(score, own, classes);
    for (int64_t k = 0; k < classes; k++) score[k] *= score[k];
    return fr_class_sum(score, classes) / (double)classes;
}

FR_CLASS_TERM(total, fr_total)
FR_CLASS_TERM(own, fr_own)
FR_CLASS_TERM(own_share, fr_own_share)
FR_CLASS_TERM(margin, fr_margin)
FR_CLASS_TERM(squared_errors, fr_squared_errors)
FR_CLASS_TERM(squared_errors_of_shares, fr_squared_errors_of_shares)
FR_CLASS_TERM(mean_hinge, fr_mean_hinge)
FR_CLASS_TERM(mean_squared_hinge, fr_mean_squared_hinge)

/* log(sum of e^z) - z of the true class.  The largest term of the sum is 1: the others are added to it by log1p.  The
   exponentials of all rows are one loop, which rows of a few classes would break. */
FR_BODY void cross_entropy_of_classes_body(double *score, const int32_t *label, int64_t classes, double *term,
                                           long n) {
    for (long i = 0; i < n; i++) {
        double *row = score + i * classes;
        int64_t top = 0;
        for (int64_t k = 1; k < classes; k++) top = row[k] > row[top] ? k : top;
        const double most = row[top];
        term[i] = most - row[label[i]];
        for (int64_t k = 0; k < classes; k++) row[k] -= most;
        row[top] = -INFINITY;
    }
    for (long j = 0; j < n * classes; j++) score[j] = fr_exp(score[j]);
    for (long i = 0; i < n; i++) term[i] += fr_log1p(fr_class_sum(score + i * classes, classes));
}
FR_CLONES(cross_entropy_of_classes,
          (double *score, const int32_t *label, int64_t classes, double *term, long n),
          (score, label, classes, term, n))

typedef struct {
    const char *name;
    void (*terms)(double *score, const int32_t *label, int64_t classes, double *term, long n);
} fr_class_term;

static const fr_class_term fr_class_terms[] = {
    {"total", total_of_classes},
    {"own", own_of_classes},
    {"own_share", own_share_of_classes},
    {"margin", margin_of_classes},
    {"cross_entropy", cross_entropy_of_classes},
    {"squared_errors", squared_errors_of_classes},
    {"squared_errors_of_shares", squared_errors_of_shares_of_classes},
    {"mean_hinge", mean_hinge_of_classes},
    {"mean_squared_hinge", mean_squared_hinge_of_classes},
};

enum { FR_CLASS_TERMS = sizeof fr_class_terms / sizeof fr_class_terms[0] };

#endif
