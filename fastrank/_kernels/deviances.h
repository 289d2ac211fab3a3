/* Unit deviances of y and p.  Where they are near each other the formulas of textbooks cancel; there a series stands. */
#ifndef FASTRANK_DEVIANCES_H
#define FASTRANK_DEVIANCES_H

#include <math.h>

#include "elementary.h"

/* The logarithm of a ratio that may be 0 or subnormal: what it is multiplied with then leaves nothing of it. */
FR_INLINE double fr_log_ratio(double r) { return fr_log(r > FR_LEAST_NORMAL ? r : FR_LEAST_NORMAL); }

/* x log(x / m) - x + m, for x >= 0 and m > 0.  With v = (x - m) / (x + m), log(x / m) = 2 (v + v^3 / 3 + ...), and so it
   is (x - m) v + 2 x v (v^2 / 3 + v^4 / 5 + ...), of which the first part is exact but for rounding (Loader 2000, "Fast
   and accurate computation of binomial probabilities", has the idea). */
FR_INLINE double fr_divergence(double x, double m) {
    double d = x - m, v = d / (x + m), z = v * v;
    double tail = z * (1.0 / 3 + z * (1.0 / 5 + z * (1.0 / 7 + z * (1.0 / 9 + z * (1.0 / 11 + z * (1.0 / 13
                  + z * (1.0 / 15 + z * (1.0 / 17))))))));
    double near = d * v + 2.0 * x * v * tail, apart = x * fr_log_ratio(x / m) - d;
    return fabs(v) < 0.1 ? near : apart;
}

/* Tweedie's deviance of a power other than 1 and 2: with a = 2 - power and r = y / p it is
   2 p^a (r^a - a r + a - 1) / (a (a - 1)), where r^a counts 0 for y <= 0.  For x = r - 1 near 0 the quotient is
   x^2/2 (1 + x (a-2)/3 (1 + x (a-3)/4 (...))), 1e-16 for |x| < 0.05 and a from -4 to 5; for a near 1 its numerator
   is r (r^(a-1) - 1) - (a-1) x, which does not vanish against its parts. */
FR_INLINE double fr_tweedie(double y, double p, double power) {
    const double a = 2.0 - power, b = 1.0 - power;
    const int near_one = fabs(b) < 0.5;
    double r = y / p, x = (y - p) / p, s = near_one ? b : a, series = 1.0;
    double apart = ((near_one ? r : 1.0) * fr_expm1(s * fr_log_ratio(r)) - s * x) / (a * b);
    for (int k = 15; k >= 2; k--) series = 1.0 + x * ((a - k) / (k + 1)) * series;
    double quotient = fabs(x) < 0.05 ? 0.5 * x * x * series : apart;
    quotient = r <= 0.0 ? 1.0 / a - r / b : quotient;
    return 2.0 * fr_pow(p, a) * quotient;
}

#endif
