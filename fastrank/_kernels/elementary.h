/* Elementary functions in float64, the same bits on every machine: plain IEEE operations, no branch,
   so that a loop over them vectorises.

   log: argument reduction x = 2^e * m with m in [sqrt(1/2), sqrt(2)), then the series in
   s = f / (2 + f), f = m - 1, with the minimax coefficients of FreeBSD's e_log.c (Sun Microsystems,
   1993), whose stated error is below 1 ulp.  The correction term serves log1p: log(u) + c/u for
   u = fl(1 + x) and c = x - (u - 1), as in the same library's s_log1p.c. */
#ifndef FASTRANK_ELEMENTARY_H
#define FASTRANK_ELEMENTARY_H

#include <math.h>
#include <stdint.h>
#include <string.h>

#define FR_INLINE static inline __attribute__((always_inline))

#define FR_LN2_HIGH 6.93147180369123816490e-01 /* the upper 33 bits of log 2, so that e * FR_LN2_HIGH is exact */
#define FR_LN2_LOW 1.90821492927058770002e-10

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

/* log(x) + correction, for x positive and normal and a correction far below log's own rounding. */
FR_INLINE double fr_log_corrected(double x, double correction) {
    /* The biased exponent is shifted down unsigned and made a double by 2^52's bits: AVX2 has neither an
       arithmetic shift nor a conversion of 64-bit integers. */
    const uint64_t sqrt_half = 0x3FE6A09E667F3BCDULL, one = 0x3FF0000000000000ULL, two52 = 0x4330000000000000ULL;
    uint64_t bits = fr_to_bits(x), biased = bits - sqrt_half + one;
    double k = fr_from_bits((biased >> 52) | two52) - (4503599627370496.0 + 1023.0);
    double f = fr_from_bits(bits - (biased & 0xFFF0000000000000ULL) + one) - 1.0;
    double s = f / (2.0 + f), z = s * s, w = z * z, half = 0.5 * f * f;
    double even = w * (3.999999999940941908e-01 + w * (2.222219843214978396e-01 + w * 1.531383769920937332e-01));
    double odd = z * (6.666666666666735130e-01
                      + w * (2.857142874366239149e-01 + w * (1.818357216161805012e-01 + w * 1.479819860511658591e-01)));
    return k * FR_LN2_HIGH - ((half - (s * (half + (even + odd)) + (k * FR_LN2_LOW + correction))) - f);
}

/* Natural logarithm of a positive normal x. */
FR_INLINE double fr_log(double x) { return fr_log_corrected(x, 0.0); }

/* PLACEHOLDERS, of the C library */
FR_INLINE double fr_exp(double x) { return exp(x); }
FR_INLINE double fr_expm1(double x) { return expm1(x); }
FR_INLINE double fr_log1p(double x) { return log1p(x); }
FR_INLINE double fr_softplus(double x) { return (x > 0 ? x : 0) + log1p(exp(x > 0 ? -x : x)); }
FR_INLINE double fr_pow(double x, double y) { return pow(x, y); }

/* log(1 - p) for p in [0, 1 - 2^-52]. */
FR_INLINE double fr_log1m(double p) {
    double u = 1.0 - p;
    return fr_log_corrected(u, (-p - (u - 1.0)) / u);
}

#endif
