/* Row terms of losses of labels 0 and 1, for the table of losses.h, whose macro FR_LOSS makes the loops.

   With probabilities p, the model gives the true class q = p or 1 - p; a q below `floor` counts as floor, which may be
   0.  Both classes share one logarithm, as in binary.h. */

/* log q */
FR_INLINE double fr_log_of_true(double y, double p, double floor) {
    double u = 1.0 - p, rest = (1.0 - u) - p, q = y > 0 ? p : u;
    rest = y > 0 || !(q > floor) ? 0.0 : rest;
    q = q > floor ? q : floor;
    int tiny = q < FR_LEAST_NORMAL; /* and p itself, so that there is no rest */
    fr_reduced a = fr_reduce(tiny ? q * 0x1p54 : q);
    a.k -= tiny ? 54.0 : 0.0;
    double result = fr_log_of_sum(a, rest);
    return q > 0 ? result : -(double)INFINITY;
}

/* 1 - q */
FR_INLINE double fr_miss(double y, double p, double floor) {
    double u = 1.0 - p, miss = y > 0 ? u : p;
    return (y > 0 ? p : u) > floor ? miss : 1.0 - floor;
}

FR_INLINE double fr_clip(double p, double low) {
    const double high = 1.0 - low;
    p = p < low ? low : p;
    return p > high ? high : p;
}

/* Minus the logit of the true class: log q = -softplus(t), and 1 - q = sigmoid(t), whose powers are better taken as
   exp(-gamma softplus(-t)): it may be too small for a float64 where they are not. */
FR_INLINE double fr_logit_of_false(double y, double z) { return y > 0 ? -z : z; }

FR_LOSS(true_class_log_loss, -fr_log_of_true(y, p, c[0]))
FR_LOSS(logit_loss, fr_softplus(fr_logit_of_false(y, p)))

FR_INLINE double fr_hinge(double y, double s) {
    double lacking = 1.0 - (y > 0 ? s : -s);
    return lacking > 0 ? lacking : 0.0;
}

FR_LOSS(hinge, fr_hinge(y, p))
FR_LOSS(squared_hinge, fr_hinge(y, p) * fr_hinge(y, p))

/* -a (1 - q)^gamma log q, with a as of the true class.  The powers that are asked for most are products; gamma 0 is
   log loss to the last bit. */
#define FR_FOCAL_LOOP(loss, miss, power, positive, negative)                                             \
    for (long i = 0; i < n; i++) {                                                                       \
        const double y = label[i], m = miss, w = power;                                                  \
        (void)m;                                                                                         \
        term[i] = (loss) * w * (y > 0 ? positive : negative);                                            \
    }
#define FR_FOCAL(name, gamma, loss, miss, any, positive, negative)                                       \
    FR_BODY void name##_terms_body(const double *label, const double *score, const double *c,            \
                                   double *term, long n) {                                               \
        if (gamma == 0.0) FR_FOCAL_LOOP(loss, 1.0, 1.0, positive, negative)                              \
        else if (gamma == 1.0) FR_FOCAL_LOOP(loss, miss, m, positive, negative)                          \
        else if (gamma == 2.0) FR_FOCAL_LOOP(loss, miss, m * m, positive, negative)                      \
        else FR_FOCAL_LOOP(loss, miss, any, positive, negative)                                          \
    }                                                                                                    \
    FR_CLONES(name##_terms,                                                                              \
              (const double *label, const double *score, const double *c, double *term, long n),         \
              (label, score, c, term, n))

/* constants: the clip at both ends, the floor, gamma, a of positive and of negative rows */
FR_FOCAL(focal, c[2], -fr_log_of_true(y, fr_clip(score[i], c[0]), c[1]), fr_miss(y, fr_clip(score[i], c[0]), c[1]),
         fr_pow(m, c[2]), c[3], c[4])

/* constants: gamma, a of positive and of negative rows */
FR_FOCAL(focal_of_logits, c[0], fr_softplus(fr_logit_of_false(y, score[i])),
         fr_sigmoid(fr_logit_of_false(y, score[i])),
         fr_exp(-c[0] * fr_softplus(-fr_logit_of_false(y, score[i]))), c[1], c[2])
