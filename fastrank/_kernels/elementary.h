/* Elementary functions in float64, the same bits on every machine: plain IEEE operations and selects, no branch and no
   table, so that a loop over them vectorises.  The largest errors that tests/kernels/test_elementary.py allows are
   1 ULP for log, log1p, exp, expm1 and pow, and 2 ULP for softplus and sigmoid, over the whole domain with its
   denormals.

   log: x = 2^k * m with m in [sqrt(1/2), sqrt(2)), then the series in s = f / (2 + f), f = m - 1, with the minimax
   coefficients of FreeBSD's e_log.c (Sun Microsystems, 1993).
   exp: x = k log 2 + r with |r| <= log(2) / 2, then r + r^2/2 + r^3 T(r) with T near the minimax polynomial.
   pow: the same two in twice the precision (Dekker 1971), as an error of y log x is multiplied by up to 745. */
#ifndef FASTRANK_ELEMENTARY_H
#define FASTRANK_ELEMENTARY_H

#include <math.h>
#include <stdint.h>
#include <string.h>

#define FR_INLINE static inline __attribute__((always_inline))

#define FR_LN2_HIGH 6.93147180369123816490e-01 /* the upper 33 bits of log 2, so that k * FR_LN2_HIGH is exact */
#define FR_LN2_LOW 1.90821492927058770002e-10
#define FR_INV_LN2 1.44269504088896340736

#define FR_ONE_BITS 0x3FF0000000000000ULL
#define FR_EXPONENT_BITS 0xFFF0000000000000ULL
#define FR_LEAST_NORMAL 0x1p-1022
#define FR_ROUND 0x1.8p52 /* x + FR_ROUND is rounded to an integer, which is the lowest bits of the sum */
#define FR_ROUND_BITS 0x4338000000000000ULL

FR_INLINE uint64_t fr_to_bits(double x) {
    uint64_t bits;
    memcpy(&bits, &x, 8);
    return bits;
}

FR_INLINE double fr_from_bits(uint64_t bits) {
    double x;
    memcpy(&x, &bits, 8);
    return x;
}

/* high + low, where low is what the rounding to high left. */
typedef struct {
    double high, low;
} fr_twofold;

/* a + b for |a| >= |b| or a = 0. */
FR_INLINE fr_twofold fr_quick_sum(double a, double b) {
    double sum = a + b;
    return (fr_twofold){sum, b - (sum - a)};
}

FR_INLINE fr_twofold fr_sum(double a, double b) {
    double sum = a + b, other = sum - a;
    return (fr_twofold){sum, (a - (sum - other)) + (b - other)};
}

/* a * b: an FMA would be another instruction set, so each is split into a half of 26 bits and one of 27. */
FR_INLINE fr_twofold fr_product(double a, double b) {
    const uint64_t upper = ~((1ULL << 27) - 1);
    double a_high = fr_from_bits(fr_to_bits(a) & upper), b_high = fr_from_bits(fr_to_bits(b) & upper);
    double a_low = a - a_high, b_low = b - b_high, product = a * b;
    return (fr_twofold){product, ((a_high * b_high - product) + a_high * b_low + a_low * b_high) + a_low * b_low};
}

/* A positive normal number as 2^k * (1 + f), with 1 + f in [sqrt(1/2), sqrt(2)); `shrink` is 2^-k, for k up to 1022. */
typedef struct {
    double k, f, shrink;
} fr_reduced;

FR_INLINE fr_reduced fr_reduce(double x) {
    /* The biased exponent is shifted down unsigned and made a double by 2^52's bits: AVX2 has neither an arithmetic
       shift nor a conversion of 64-bit integers. */
    const uint64_t sqrt_half = 0x3FE6A09E667F3BCDULL, two52 = 0x4330000000000000ULL;
    uint64_t bits = fr_to_bits(x), biased = bits - sqrt_half + FR_ONE_BITS, power = biased & FR_EXPONENT_BITS;
    return (fr_reduced){fr_from_bits((biased >> 52) | two52) - (0x1p52 + 1023.0),
                        fr_from_bits(bits - power + FR_ONE_BITS) - 1.0, fr_from_bits(2 * FR_ONE_BITS - power)};
}

/* k log 2 + log(1 + f) + correction, for s = f / (2 + f), z = s^2 and a correction far below the result's rounding. */
FR_INLINE double fr_log_series(double k, double f, double s, double z, double correction) {
    double w = z * z;
    double even = w * (3.999999999940941908e-01 + w * (2.222219843214978396e-01 + w * 1.531383769920937332e-01));
    double odd = z * (6.666666666666735130e-01
                      + w * (2.857142874366239149e-01 + w * (1.818357216161805012e-01 + w * 1.479819860511658591e-01)));
    return k * FR_LN2_HIGH - ((s * (f - (even + odd)) - (k * FR_LN2_LOW + correction)) - f);
}

/* The same of a reduced x plus a rest of at most its rounding.  The derivative 1 / x is taken as 2^-k (1 - 2s + 2s^2):
   near enough for so small a rest, and a second division would cost more. */
FR_INLINE double fr_log_of_sum(fr_reduced a, double rest) {
    double s = a.f / (2.0 + a.f), z = s * s;
    return fr_log_series(a.k, a.f, s, z, rest * a.shrink * (1.0 - 2.0 * (s - z)));
}

/* The logarithm of a reduced x. */
FR_INLINE double fr_log_of(fr_reduced a) {
    double s = a.f / (2.0 + a.f);
    return fr_log_series(a.k, a.f, s, s * s, 0.0);
}

/* Natural logarithm; -inf of zero, NaN below. */
FR_INLINE double fr_log(double x) {
    int tiny = x < FR_LEAST_NORMAL;
    fr_reduced a = fr_reduce(tiny ? x * 0x1p54 : x);
    a.k -= tiny ? 54.0 : 0.0;
    double y = fr_log_of(a);
    y = x > 0.0 ? y : x == 0.0 ? -(double)INFINITY : (double)NAN;
    return x == (double)INFINITY ? x : y;
}

/* log(1 + x); -inf of -1, NaN below. */
FR_INLINE double fr_log1p(double x) {
    int large = x >= 0x1p54; /* 1 + x is x, and 1 far below the rounding of the result */
    double u = 1.0 + x, rest = x < 1.0 ? x - (u - 1.0) : 1.0 - (u - x);
    fr_reduced a = fr_reduce(large ? x * 0x1p-54 : u);
    a.k += large ? 54.0 : 0.0;
    double y = fr_log_of_sum(a, large ? 0.0 : rest);
    y = x > -1.0 ? y : x == -1.0 ? -(double)INFINITY : (double)NAN;
    y = x == 0.0 ? x : y;
    return x == (double)INFINITY ? x : y;
}

/* x + x_low as k log 2 + r + r_low, for x in [-746, 710]; k is kept with a bias that makes it positive. */
#define FR_EXP_BIAS 2048
typedef struct {
    uint64_t biased;
    double r, tail; /* exp(r + r_low) - 1 = r + tail */
} fr_powered;

FR_INLINE fr_powered fr_exp_reduced(double x, double x_low) {
    double shifted = x * FR_INV_LN2 + FR_ROUND, k = shifted - FR_ROUND;
    double high = x - k * FR_LN2_HIGH, low = k * FR_LN2_LOW - x_low, r = high - low, r_low = (high - r) - low;
    double r2 = r * r, r4 = r2 * r2;
    double t = (1.66666666666666685170e-01 + r * 4.16666666666666643537e-02)
               + r2 * (8.333333333330062e-03 + r * 1.3888888888886552e-03)
               + r4 * ((1.9841269863053618e-04 + r * 2.4801587317144498e-05)
                       + r2 * (2.7557268459997064e-06 + r * 2.755728296954995e-07)
                       + r4 * (2.510038549551032e-08 + r * 2.0911236630261545e-09));
    return (fr_powered){fr_to_bits(shifted) - FR_ROUND_BITS + FR_EXP_BIAS, r, 0.5 * r2 + (r2 * r * t + r_low * (1.0 + r))};
}

/* y * 2^k for any k of fr_exp_reduced, rounded once: 2^k may be out of range where y * 2^k is not. */
FR_INLINE double fr_scale(double y, uint64_t biased) {
    uint64_t half = biased >> 1, other = biased - half;
    const uint64_t bias = FR_EXP_BIAS / 2 - 1023;
    return y * fr_from_bits((half - bias) << 52) * fr_from_bits((other - bias) << 52);
}

/* exp(x + x_low); beyond the ends of the domain 0 and inf. */
FR_INLINE fr_twofold fr_exp_twofold(double x, double x_low) {
    int inside = (x >= -746.0) & (x <= 710.0);
    x = x < -746.0 ? -746.0 : x;
    x = x > 710.0 ? 710.0 : x;
    fr_powered a = fr_exp_reduced(x, inside ? x_low : 0.0);
    fr_twofold one = fr_quick_sum(1.0, a.r), y = fr_quick_sum(one.high, one.low + a.tail);
    return (fr_twofold){fr_scale(y.high, a.biased), fr_scale(y.low, a.biased)};
}

/* The exponential. */
FR_INLINE double fr_exp(double x) { return fr_exp_twofold(x, 0.0).high; }

/* exp(x) - 1. */
FR_INLINE double fr_expm1(double x) {
    double y = x < -40.0 ? -40.0 : x; /* from there on the result is -1 */
    y = y > 710.0 ? 710.0 : y;
    fr_powered a = fr_exp_reduced(y, 0.0);
    /* exp(x) - 1 = 2^k ((1 - 2^-k) + r + tail), the first three terms without rounding. */
    double shrink = a.biased > FR_EXP_BIAS + 100 ? 0.0 : fr_from_bits((FR_EXP_BIAS + 1023 - a.biased) << 52);
    fr_twofold first = fr_sum(1.0, -shrink), sum = fr_sum(first.high, a.r);
    y = fr_scale(sum.high + ((sum.low + first.low) + a.tail), a.biased);
    return x == 0.0 ? x : y;
}

/* log(1 + exp(x)) = max(x, 0) + log(1 + exp(-|x|)). */
FR_INLINE double fr_softplus(double x) {
    fr_twofold z = fr_exp_twofold(x > 0.0 ? -x : x, 0.0), u = fr_quick_sum(1.0, z.high);
    double base = x > 0.0 ? x : x == x ? 0.0 : x;
    return base + fr_log_of_sum(fr_reduce(u.high), u.low + z.low);
}

/* 1 / (1 + exp(-x)) by z = exp(-|x|), which cannot overflow: 1 / (1 + z) or z / (1 + z). */
FR_INLINE double fr_sigmoid(double x) {
    fr_twofold z = fr_exp_twofold(x > 0.0 ? -x : x, 0.0), u = fr_quick_sum(1.0, z.high);
    double y = (x > 0.0 ? 1.0 : z.high) / u.high;
    return y + ((x > 0.0 ? 0.0 : z.low) - y * (u.low + z.low)) / u.high;
}

/* log(x) to about 2^-65 of its size, for x positive and finite:
   2 atanh(s) = 2s + s z (2/3 + z P(z)), z = s^2, and only P is of one precision. */
FR_INLINE fr_twofold fr_log_twofold(double x) {
    int tiny = x < FR_LEAST_NORMAL;
    fr_reduced a = fr_reduce(tiny ? x * 0x1p54 : x);
    double k = a.k - (tiny ? 54.0 : 0.0);
    fr_twofold below = fr_quick_sum(2.0, a.f);
    double s = a.f / below.high;
    fr_twofold back = fr_product(s, below.high);
    double s_low = (((a.f - back.high) - back.low) - s * below.low) / below.high;
    fr_twofold z = fr_product(s, s);
    z.low += 2.0 * s * s_low;
    double z2 = z.high * z.high;
    double p = (0.4 + z.high * 0.28571428571429364) + z2 * (0.22222222221655885 + z.high * 0.18181818335392802)
               + z2 * z2 * ((0.1538459496251843 + z.high * 0.1333480469384731)
                            + z2 * (0.11706236339491206 + z.high * 0.11723178623876518));
    fr_twofold q = fr_quick_sum(0x1.5555555555555p-1, z.high * p);
    q.low += 0x1.5555555555555p-55 + z.low * 0.4;
    fr_twofold cube = fr_product(s, z.high);
    cube.low += s * z.low + s_low * z.high;
    fr_twofold series = fr_product(cube.high, q.high);
    series.low += cube.high * q.low + cube.low * q.high;
    fr_twofold sum = fr_quick_sum(2.0 * s, series.high), total = fr_quick_sum(k * FR_LN2_HIGH, sum.high);
    return fr_quick_sum(total.high, total.low + ((sum.low + (2.0 * s_low + series.low)) + k * FR_LN2_LOW));
}

/* x^y with the special cases of IEEE 754, but NaN for every x that is negative or NaN. */
FR_INLINE double fr_pow(double x, double y) {
    /* Zero and inf have logarithms of -2^2000 and 2^2000 here, in two factors: their products with any y but 0 are out
       of exp's domain.  No select looks at y, as one of a constant would keep a loop over x from vectorising. */
    int infinite = x == (double)INFINITY, end = (x == 0.0) | infinite;
    fr_twofold logarithm = fr_log_twofold(x);
    logarithm.high = end ? (infinite ? 0x1p1000 : -0x1p1000) : logarithm.high;
    logarithm.low = end ? 0.0 : logarithm.low;
    fr_twofold power = fr_product(y, logarithm.high);
    double low = power.low + y * logarithm.low;
    double result = fr_exp_twofold(power.high * (end ? 0x1p1000 : 1.0), end ? 0.0 : low).high;
    result = x >= 0.0 ? result : (double)NAN;
    return x == 1.0 ? 1.0 : result;
}

#endif
