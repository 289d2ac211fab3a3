/* Row terms of losses: a formula each of a label y, a score p, and the constants c of the loss, all float64.

   A loss is one line FR_LOSS(name, formula) and one line in the table at the end; those of labels 0 and 1 stand in
   two_classes.h.  A formula holds IEEE operations and functions of elementary.h only, and selects rather than branches,
   so that it vectorises. */
#ifndef FASTRANK_LOSSES_H
#define FASTRANK_LOSSES_H

#include <math.h>

#include "dispatch.h"
#include "elementary.h"

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

#include "two_classes.h"

FR_LOSS(squared_error, (p - y) * (p - y))

typedef struct {
    const char *name;
    void (*terms)(const double *label, const double *score, const double *c, double *term, long n);
    int constants; /* how many there are */
    int cancels;   /* whether terms may differ in sign, so that products with weights have to be exact */
} fr_loss;

static const fr_loss fr_losses[] = {
    {"squared_error", squared_error_terms, 0, 0},
    {"true_class_log_loss", true_class_log_loss_terms, 1, 0},
    {"logit_loss", logit_loss_terms, 0, 0},
    {"focal", focal_terms, 5, 0},
    {"focal_of_logits", focal_of_logits_terms, 3, 0},
    {"hinge", hinge_terms, 0, 0},
    {"squared_hinge", squared_hinge_terms, 0, 0},
};

enum { FR_LOSSES = sizeof fr_losses / sizeof fr_losses[0] };

#endif
